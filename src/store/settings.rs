//! Revisions of SMTP settings: made in a case, passed by a probe, applied to a tenant.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{CaseId, CustomerId, PersonId, ProbeId, SecretId, SettingsId, TenantId};
use crate::domain::mail_settings::Encryption;

macro_rules! columns {
    () => {
        "customer_id, id, case_id, tenant_id, host, address, port, encryption, sender, tls_name, recipient, account_id,
            password_id, made_by, made_at, passed_probe, applied_at, applied_how"
    };
}

statements! {
    INSERT_SETTINGS = concat!("INSERT INTO settings (", columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)");
    SELECT_NEWEST = concat!("SELECT ", columns!(), " FROM settings
        WHERE customer_id = $1 AND case_id = $2
        ORDER BY made_at DESC, id DESC
        LIMIT 1");
    SELECT_NEWEST_APPLIED = concat!("SELECT ", columns!(), " FROM settings
        WHERE customer_id = $1 AND case_id = $2 AND applied_at IS NOT NULL
        ORDER BY applied_at DESC, id DESC
        LIMIT 1");
    SELECT_BY_ID = concat!("SELECT ", columns!(), " FROM settings WHERE customer_id = $1 AND id = $2");
    LIST_OF_CASE = concat!("SELECT ", columns!(), " FROM settings
        WHERE customer_id = $1 AND case_id = $2
        ORDER BY made_at DESC, id DESC
        LIMIT 100");
    SET_PASSED = "UPDATE settings SET passed_probe = $3 WHERE customer_id = $1 AND id = $2";
    SET_APPLIED = "UPDATE settings SET applied_at = $3, applied_how = $4 WHERE customer_id = $1 AND id = $2";
}

record! {
    /// One revision of SMTP settings.
    #[derive(Clone, Debug)]
    pub struct Settings {
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
        /// The approved address that the probe dials.
        pub address: String,
        /// The server's port.
        pub port: i64,
        /// How the connection is encrypted.
        pub encryption: Encryption,
        /// Sender address of alerts.
        pub sender: String,
        /// Name to verify the certificate against, where it differs from the host.
        pub tls_name: Option<String>,
        /// Where the test alert goes.
        pub recipient: String,
        /// The vault's account, where one is set.
        pub account_id: Option<SecretId>,
        /// The vault's password, where one is set.
        pub password_id: Option<SecretId>,
        /// Who entered them.
        pub made_by: Option<PersonId>,
        /// When.
        pub made_at: DateTime<Utc>,
        /// The full test that passed with exactly these settings.
        pub passed_probe: Option<ProbeId>,
        /// When they were applied to the product.
        pub applied_at: Option<DateTime<Utc>>,
        /// How: `read back`, `by hand, confirmed by NAME`, `written to file`.
        pub applied_how: Option<String>,
    }
}

/// Adds a revision.
///
/// # Errors
/// What the database says.
pub async fn add(tx: &mut Tx, settings: &Settings) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_SETTINGS)
        .bind(settings.customer_id).bind(settings.id).bind(settings.case_id).bind(settings.tenant_id)
        .bind(&settings.host).bind(&settings.address).bind(settings.port).bind(settings.encryption).bind(&settings.sender)
        .bind(&settings.tls_name).bind(&settings.recipient).bind(settings.account_id).bind(settings.password_id)
        .bind(settings.made_by).bind(settings.made_at).bind(settings.passed_probe).bind(settings.applied_at)
        .bind(&settings.applied_how)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The newest revision of a case.
///
/// # Errors
/// What the database says.
pub async fn newest(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<Option<Settings>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_NEWEST).bind(customer).bind(case).fetch_optional(conn).await)?)
}

/// The revision of a case that was applied last.
///
/// # Errors
/// What the database says.
pub async fn newest_applied(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<Option<Settings>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_NEWEST_APPLIED).bind(customer).bind(case).fetch_optional(conn).await)?)
}

/// A revision.
///
/// # Errors
/// What the database says.
pub async fn by_id(tx: &mut Tx, customer: CustomerId, id: SettingsId) -> Result<Option<Settings>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_BY_ID).bind(customer).bind(id).fetch_optional(conn).await)?)
}

/// The revisions of a case, newest first.
///
/// # Errors
/// What the database says.
pub async fn of_case(tx: &mut Tx, customer: CustomerId, case: CaseId) -> Result<Vec<Settings>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_OF_CASE).bind(customer).bind(case).fetch_all(conn).await)?)
}

/// Records that a full test passed with exactly this revision.
///
/// # Errors
/// What the database says.
pub async fn set_passed(tx: &mut Tx, customer: CustomerId, id: SettingsId, probe: ProbeId) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET_PASSED).bind(customer).bind(id).bind(probe).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Records that a revision is in the product.
///
/// # Errors
/// What the database says.
pub async fn set_applied(
    tx: &mut Tx,
    (customer, id): (CustomerId, SettingsId),
    at: DateTime<Utc>,
    how: &str,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET_APPLIED).bind(customer).bind(id).bind(at).bind(how).execute(conn).await.map(|_| ()))?;
    Ok(())
}
