//! Revisions of SYSLOG settings: made in a case, passed by a test, applied to a tenant as one alert of the product.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{CaseId, CustomerId, PersonId, ProbeId, SettingsId, TenantId};
use crate::domain::syslog::{Framing, InputType, Transport};

macro_rules! columns {
    () => {
        "customer_id, id, case_id, tenant_id, host, address, port, transport, framing, tls_name, input_type, directories,
            threshold, profiles, checkers, attack_types, health_checks, initial_alerts, made_by, made_at, passed_probe,
            applied_at, applied_how, product_id"
    };
}

statements! {
    INSERT_SETTINGS = concat!("INSERT INTO syslog_settings (", columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)");
    SELECT_NEWEST = concat!("SELECT ", columns!(), " FROM syslog_settings
        WHERE customer_id = $1 AND case_id = $2
        ORDER BY made_at DESC, id DESC
        LIMIT 1");
    SELECT_BY_ID = concat!("SELECT ", columns!(), " FROM syslog_settings WHERE customer_id = $1 AND id = $2");
    LIST_OF_CASE = concat!("SELECT ", columns!(), " FROM syslog_settings
        WHERE customer_id = $1 AND case_id = $2
        ORDER BY made_at DESC, id DESC
        LIMIT 100");
    SET_PASSED = "UPDATE syslog_settings SET passed_probe = $3 WHERE customer_id = $1 AND id = $2";
    SET_APPLIED = "UPDATE syslog_settings SET applied_at = $3, applied_how = $4, product_id = $5
        WHERE customer_id = $1 AND id = $2";
}

record! {
    /// One revision of SYSLOG settings.
    #[derive(Clone, Debug)]
    pub struct SyslogSettings {
        /// Whose settings they are.
        pub customer_id: CustomerId,
        /// Identifies the revision.
        pub id: SettingsId,
        /// The case they were made in.
        pub case_id: CaseId,
        /// The tenant they are meant for.
        pub tenant_id: Option<TenantId>,
        /// What the product is told: the address, or the name where one was given.
        pub host: String,
        /// The approved address that the test dials.
        pub address: String,
        /// The receiver's port.
        pub port: i64,
        /// How messages travel.
        pub transport: Transport,
        /// How our test lines are parted in a stream; octet counting where nothing is said.
        pub framing: Option<Framing>,
        /// Name to verify the certificate against, where it differs from the host.
        pub tls_name: Option<String>,
        /// What alerts are about.
        pub input_type: InputType,
        /// Ids of the directories, at least one.
        pub directories: Json<Vec<i64>>,
        /// The least criticity, 0 to 100.
        pub threshold: i64,
        /// Ids of profiles.
        pub profiles: Json<Vec<i64>>,
        /// Ids of indicators of exposure.
        pub checkers: Json<Vec<i64>>,
        /// Ids of indicators of attack.
        pub attack_types: Json<Vec<i64>>,
        /// Names of health checks.
        pub health_checks: Json<Vec<String>>,
        /// Whether alerts are sent during the first analysis.
        pub initial_alerts: bool,
        /// Who entered them.
        pub made_by: Option<PersonId>,
        /// When.
        pub made_at: DateTime<Utc>,
        /// The test that passed with exactly these settings.
        pub passed_probe: Option<ProbeId>,
        /// When they were applied to the product.
        pub applied_at: Option<DateTime<Utc>>,
        /// How: `read back`, or `by hand, confirmed by NAME`.
        pub applied_how: Option<String>,
        /// What the product calls the alert that holds them.
        pub product_id: Option<i64>,
    }
}

/// Adds a revision.
///
/// # Errors
/// What the database says.
pub async fn add(tx: &mut Tx, settings: &SyslogSettings) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_SETTINGS)
        .bind(settings.customer_id).bind(settings.id).bind(settings.case_id).bind(settings.tenant_id)
        .bind(&settings.host).bind(&settings.address).bind(settings.port).bind(settings.transport)
        .bind(settings.framing).bind(&settings.tls_name).bind(settings.input_type).bind(&settings.directories)
        .bind(settings.threshold).bind(&settings.profiles).bind(&settings.checkers).bind(&settings.attack_types)
        .bind(&settings.health_checks).bind(settings.initial_alerts).bind(settings.made_by).bind(settings.made_at)
        .bind(settings.passed_probe).bind(settings.applied_at).bind(&settings.applied_how).bind(settings.product_id)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The newest revision of a case.
///
/// # Errors
/// What the database says.
pub async fn newest(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<Option<SyslogSettings>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_NEWEST).bind(customer).bind(case).fetch_optional(conn).await)?)
}

/// A revision.
///
/// # Errors
/// What the database says.
pub async fn by_id(tx: &mut Tx, customer: CustomerId, id: SettingsId) -> Result<Option<SyslogSettings>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_BY_ID).bind(customer).bind(id).fetch_optional(conn).await)?)
}

/// The revisions of a case, newest first.
///
/// # Errors
/// What the database says.
pub async fn of_case(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<Vec<SyslogSettings>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_OF_CASE).bind(customer).bind(case).fetch_all(conn).await)?)
}

/// Records that a test passed with exactly this revision.
///
/// # Errors
/// What the database says.
pub async fn set_passed(tx: &mut Tx, customer: CustomerId, id: SettingsId, probe: ProbeId) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET_PASSED).bind(customer).bind(id).bind(probe).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Records that a revision is in the product, and under which id where the product said so.
///
/// # Errors
/// What the database says.
pub async fn set_applied(
    tx: &mut Tx,
    (customer, id): (CustomerId, SettingsId),
    at: DateTime<Utc>,
    (how, product_id): (&str, Option<i64>),
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET_APPLIED)
        .bind(customer).bind(id).bind(at).bind(how).bind(product_id)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}
