//! The register of alerting IPs, its history, and which edition of the published list there is.

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use super::{StoreError, Tx, on, record, statements};
use crate::domain::alerting_ip::feed::{Change, Edition};
use crate::domain::alerting_ip::{AlertingIp, IpAct, IpState, Purpose};
use crate::domain::id::{CustomerId, PersonId};

/// The columns of an address.
macro_rules! columns {
    () => {
        "number, network, purpose, region, state, from_at, until_at, replaces, is_published, sequence, changed_at"
    };
}

/// Whether an entry is a network of several addresses.
macro_rules! is_prefix {
    () => {
        "NOT (network LIKE '%/128' OR (network LIKE '%/32' AND network NOT LIKE '%:%'))"
    };
}

/// The network of one address.
macro_rules! single {
    ($address:literal) => {
        concat!($address, " || CASE WHEN ", $address, " LIKE '%:%' THEN '/128' ELSE '/32' END")
    };
}

statements! {
    TAKE_NUMBER = "INSERT INTO counters (name, value) VALUES ('alerting_ip', 1)
        ON CONFLICT (name) DO UPDATE SET value = counters.value + 1
        RETURNING value";
    INSERT_IP = concat!("INSERT INTO alerting_ips (", columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
    UPDATE_IP = "UPDATE alerting_ips
        SET purpose = $2, region = $3, state = $4, from_at = $5, until_at = $6, replaces = $7, is_published = $8,
            sequence = $9, changed_at = $10
        WHERE number = $1 AND sequence = $11";
    SELECT_IP = concat!("SELECT ", columns!(), " FROM alerting_ips WHERE number = $1");
    SELECT_BY_NETWORK = concat!("SELECT ", columns!(), " FROM alerting_ips WHERE network = $1");
    SELECT_BY_NETWORK_LOCKED = concat!("SELECT ", columns!(), " FROM alerting_ips WHERE network = $1 FOR UPDATE");
    LOCK_IP = "SELECT number FROM alerting_ips WHERE number = $1 FOR UPDATE";
    LIST_IPS = concat!("SELECT ", columns!(), " FROM alerting_ips WHERE number > $1 ORDER BY number LIMIT $2");
    LIST_PREFIXES = concat!("SELECT ", columns!(), " FROM alerting_ips
        WHERE state <> 'retired' AND ", is_prefix!(), "
        ORDER BY number
        LIMIT 1000");
    // Published ones, those that the customer's tunnels name, what takes the place of these, and prefixes: whether one holds an
    // address, no database says that knows addresses as text.
    LIST_SHOWN = concat!("WITH named AS (
            SELECT i.number
            FROM alerting_ips i JOIN tunnels t
                ON i.network IN (", single!("t.alerting_ip"), ", ", single!("t.standby_ip"), ")
            WHERE t.customer_id = $1 AND t.state <> 'stopped')
        SELECT ", columns!(), " FROM alerting_ips
        WHERE is_published OR number IN (SELECT number FROM named) OR replaces IN (SELECT number FROM named)
            OR ", is_prefix!(), "
        ORDER BY number
        LIMIT 3000");
    COUNT_PUBLISHED = "SELECT COUNT(*) FROM alerting_ips WHERE is_published";
    LIST_PUBLISHED = concat!("SELECT ", columns!(), " FROM alerting_ips WHERE is_published ORDER BY number LIMIT 1000");
    LIST_STARTING = concat!("SELECT ", columns!(), " FROM alerting_ips
        WHERE state = 'planned' AND from_at <= $1
        ORDER BY from_at, number
        LIMIT 100");
    INSERT_CHANGE = "INSERT INTO alerting_ip_changes (number, sequence, act, from_at, until_at, reason, at, by_person)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    LIST_CHANGES = "SELECT c.number, i.network, c.sequence, c.act, c.from_at, c.until_at, c.at
        FROM alerting_ip_changes c JOIN alerting_ips i ON i.number = c.number
        WHERE i.is_published
        ORDER BY c.at DESC, c.number DESC, c.sequence DESC
        LIMIT $1";
    HISTORY_OF_IP = "SELECT c.sequence, c.act, c.from_at, c.until_at, c.reason, c.at, p.name AS by_name
        FROM alerting_ip_changes c LEFT JOIN people p ON p.id = c.by_person
        WHERE c.number = $1
        ORDER BY c.sequence DESC
        LIMIT 200";
    BUMP_EDITION = "INSERT INTO alerting_ip_editions (id, revision, changed_at) VALUES (1, 1, $1)
        ON CONFLICT (id) DO UPDATE SET revision = alerting_ip_editions.revision + 1, changed_at = excluded.changed_at";
    SELECT_EDITION = "SELECT revision, changed_at FROM alerting_ip_editions WHERE id = 1";
}

record! {
    struct IpRow {
        number: i64,
        network: String,
        purpose: Purpose,
        region: Option<String>,
        state: IpState,
        from_at: DateTime<Utc>,
        until_at: Option<DateTime<Utc>>,
        replaces: Option<i64>,
        is_published: bool,
        sequence: i64,
        changed_at: DateTime<Utc>,
    }
}

impl TryFrom<IpRow> for AlertingIp {
    type Error = StoreError;

    fn try_from(row: IpRow) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            network: network(&row.network)?,
            purpose: row.purpose,
            region: row.region,
            state: row.state,
            from: row.from_at,
            until: row.until_at,
            replaces: row.replaces,
            is_published: row.is_published,
            sequence: row.sequence,
            changed_at: row.changed_at,
        })
    }
}

fn network(text: &str) -> Result<IpNet, StoreError> {
    text.parse().map_err(|error: ipnet::AddrParseError| StoreError::Corrupt {
        table: "alerting_ips",
        column: "network",
        detail: error.to_string(),
    })
}

fn all(rows: Vec<IpRow>) -> Result<Vec<AlertingIp>, StoreError> {
    rows.into_iter().map(AlertingIp::try_from).collect()
}

record! {
    struct ChangeRow {
        number: i64,
        network: String,
        sequence: i64,
        act: IpAct,
        from_at: DateTime<Utc>,
        until_at: Option<DateTime<Utc>>,
        at: DateTime<Utc>,
    }
}

record! {
    /// A line of the history of one address.
    #[derive(Clone, Debug)]
    pub struct Past {
        /// Counts its changes.
        pub sequence: i64,
        /// What happened.
        pub act: IpAct,
        /// Its first day, as of this change.
        pub from_at: DateTime<Utc>,
        /// Its last one.
        pub until_at: Option<DateTime<Utc>>,
        /// Why.
        pub reason: Option<String>,
        /// When.
        pub at: DateTime<Utc>,
        /// Who did it; none for the machine.
        pub by_name: Option<String>,
    }
}

record! {
    struct EditionRow {
        revision: i64,
        changed_at: DateTime<Utc>,
    }
}

/// Takes the next number.
///
/// # Errors
/// What the database says.
pub async fn take_number(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(TAKE_NUMBER).fetch_one(conn).await)?)
}

/// Adds an address.
///
/// # Errors
/// [`StoreError::Duplicate`] where the network stands on the register.
pub async fn add(tx: &mut Tx, ip: &AlertingIp) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_IP)
        .bind(ip.number).bind(ip.network.to_string()).bind(ip.purpose).bind(&ip.region).bind(ip.state)
        .bind(ip.from).bind(ip.until).bind(ip.replaces).bind(ip.is_published).bind(ip.sequence).bind(ip.changed_at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Replaces an address, everything but its network. Its sequence has been counted up by one.
///
/// # Errors
/// [`StoreError::Contended`] where somebody was faster.
pub async fn replace(tx: &mut Tx, ip: &AlertingIp) -> Result<(), StoreError> {
    let changed = on!(tx, conn => sqlx::query(UPDATE_IP)
        .bind(ip.number).bind(ip.purpose).bind(&ip.region).bind(ip.state).bind(ip.from).bind(ip.until)
        .bind(ip.replaces).bind(ip.is_published).bind(ip.sequence).bind(ip.changed_at).bind(ip.sequence - 1)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    if changed == 1 { Ok(()) } else { Err(StoreError::Contended) }
}

/// The address of a number.
///
/// # Errors
/// What the database says.
pub async fn by_number(tx: &mut Tx, number: i64) -> Result<Option<AlertingIp>, StoreError> {
    let row: Option<IpRow> = on!(tx, conn => sqlx::query_as(SELECT_IP).bind(number).fetch_optional(conn).await)?;
    row.map(AlertingIp::try_from).transpose()
}

/// The entry of exactly this network, held for the transaction: it is not taken out of use while a tunnel begins to name it.
///
/// # Errors
/// What the database says.
pub async fn hold_network(tx: &mut Tx, network: IpNet) -> Result<Option<AlertingIp>, StoreError> {
    let query = match tx {
        Tx::Sqlite(_) => SELECT_BY_NETWORK,
        Tx::Postgres(_) => SELECT_BY_NETWORK_LOCKED,
    };
    let text = network.to_string();
    let row: Option<IpRow> = on!(tx, conn => sqlx::query_as(query).bind(&text).fetch_optional(conn).await)?;
    row.map(AlertingIp::try_from).transpose()
}

/// Holds an address for the transaction, before the tunnels are counted that name it. SQLite has one writer instead.
///
/// # Errors
/// What the database says.
pub async fn lock(tx: &mut Tx, number: i64) -> Result<(), StoreError> {
    if let Tx::Postgres(conn) = tx {
        sqlx::query(LOCK_IP).bind(number).execute(&mut **conn).await?;
    }
    Ok(())
}

/// A page of the register, in the order of numbers, behind the number `after`.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx, after: i64, limit: i64) -> Result<Vec<AlertingIp>, StoreError> {
    all(on!(tx, conn => sqlx::query_as(LIST_IPS).bind(after).bind(limit).fetch_all(conn).await)?)
}

/// Networks of several addresses that are not out of use.
///
/// # Errors
/// What the database says.
pub async fn prefixes(tx: &mut Tx) -> Result<Vec<AlertingIp>, StoreError> {
    all(on!(tx, conn => sqlx::query_as(LIST_PREFIXES).fetch_all(conn).await)?)
}

/// What a customer's page may show: published addresses, those that the customer's tunnels name, their successors, and every
/// network of several addresses, whether or not it holds one of the tunnels'.
///
/// # Errors
/// What the database says.
pub async fn shown_to(tx: &mut Tx, customer: CustomerId) -> Result<Vec<AlertingIp>, StoreError> {
    all(on!(tx, conn => sqlx::query_as(LIST_SHOWN).bind(customer).fetch_all(conn).await)?)
}

/// How many are published.
///
/// # Errors
/// What the database says.
pub async fn count_published(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_PUBLISHED).fetch_one(conn).await)?)
}

/// What is published, in the order of numbers.
///
/// # Errors
/// What the database says.
pub async fn published(tx: &mut Tx) -> Result<Vec<AlertingIp>, StoreError> {
    all(on!(tx, conn => sqlx::query_as(LIST_PUBLISHED).fetch_all(conn).await)?)
}

/// Planned addresses whose first day has come.
///
/// # Errors
/// What the database says.
pub async fn starting(tx: &mut Tx, now: DateTime<Utc>) -> Result<Vec<AlertingIp>, StoreError> {
    all(on!(tx, conn => sqlx::query_as(LIST_STARTING).bind(now).fetch_all(conn).await)?)
}

/// Writes a line of an address's history, as it is after the change.
///
/// # Errors
/// What the database says.
pub async fn note(
    tx: &mut Tx,
    ip: &AlertingIp,
    (act, reason): (IpAct, Option<&str>),
    by: Option<PersonId>,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_CHANGE)
        .bind(ip.number).bind(ip.sequence).bind(act).bind(ip.from).bind(ip.until).bind(reason).bind(ip.changed_at).bind(by)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The newest changes of published addresses.
///
/// # Errors
/// What the database says.
pub async fn changes(tx: &mut Tx, limit: i64) -> Result<Vec<Change>, StoreError> {
    let rows: Vec<ChangeRow> = on!(tx, conn => sqlx::query_as(LIST_CHANGES).bind(limit).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|row| {
            Ok(Change {
                number: row.number,
                network: network(&row.network)?,
                sequence: row.sequence,
                act: row.act,
                from: row.from_at,
                until: row.until_at,
                at: row.at,
            })
        })
        .collect()
}

/// What happened to one address, newest first.
///
/// # Errors
/// What the database says.
pub async fn history(tx: &mut Tx, number: i64) -> Result<Vec<Past>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(HISTORY_OF_IP).bind(number).fetch_all(conn).await)?)
}

/// Counts the edition of the published list up.
///
/// # Errors
/// What the database says.
pub async fn new_edition(tx: &mut Tx, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(BUMP_EDITION).bind(at).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The edition of the published list, by one row; none where nothing was ever published.
///
/// # Errors
/// What the database says.
pub async fn edition(tx: &mut Tx) -> Result<Option<Edition>, StoreError> {
    let row: Option<EditionRow> = on!(tx, conn => sqlx::query_as(SELECT_EDITION).fetch_optional(conn).await)?;
    Ok(row.map(|row| Edition { revision: row.revision, changed_at: row.changed_at }))
}
