//! The whitelist register as pages and programs read it: lists over tunnels and customers, search by address, and what
//! is known about the use of an entry. Lists go on behind a place (keyset), so a page costs the same wherever it is.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::whitelist::{Entry, columns};
use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{CustomerId, EntryId, TunnelId};

/// Entries with the names of what they belong to.
macro_rules! listed {
    ($condition:expr) => {
        concat!(
            "SELECT w.*, t.name AS tunnel_name, t.alerting_ip, t.standby_ip, c.name AS customer_name, k.number AS case_number,
                k.is_open AS case_is_open
            FROM (SELECT ",
            columns!(),
            ", first_key, last_key, is_wide FROM whitelist) w
            JOIN tunnels t ON t.customer_id = w.customer_id AND t.id = w.tunnel_id
            JOIN customers c ON c.id = w.customer_id
            LEFT JOIN cases k ON k.customer_id = w.customer_id AND k.id = w.case_id
            WHERE ",
            $condition
        )
    };
}

/// Behind a place, with or without what is gone.
macro_rules! page {
    ($condition:literal) => {
        listed!(concat!(
            $condition,
            " AND (w.first_key, w.id) > ($1, $2) AND ($3 OR w.ours <> 'retired')
            ORDER BY w.first_key, w.id
            LIMIT $4"
        ))
    };
}

statements! {
    SELECT_BY_ID = listed!("w.id = $1");
    LIST_ALL = page!("TRUE");
    LIST_OF_CUSTOMER = page!("w.customer_id = $5");
    LIST_OF_TUNNEL = page!("w.tunnel_id = $5");
    // Networks never overlap in part, so what begins inside a network and ends inside it is all that it contains.
    LIST_INSIDE = page!("w.first_key >= $5 AND w.first_key <= $6 AND w.last_key <= $6");
    LIST_AROUND = listed!("w.is_wide AND w.first_key <= $1 AND w.last_key >= $2 AND ($3 OR w.ours <> 'retired')
            AND NOT (w.first_key = $1 AND w.last_key = $2)
        ORDER BY w.first_key, w.last_key DESC, w.id
        LIMIT 200");
    LAST_TEST = "SELECT k.number AS case_number, p.number, p.target_host, p.verdict, p.finished_at, p.report
        FROM probes p
        JOIN cases k ON k.customer_id = p.customer_id AND k.id = p.case_id
        WHERE p.customer_id = $1 AND p.target_host = $2 AND p.target_port = $3 AND p.state = 'done' AND k.tunnel_id = $4
        ORDER BY p.finished_at DESC
        LIMIT 1";
    // For networks wider than a host, whose addresses the database does not compare.
    LAST_TESTS = "SELECT k.number AS case_number, p.number, p.target_host, p.verdict, p.finished_at, p.report
        FROM probes p
        JOIN cases k ON k.customer_id = p.customer_id AND k.id = p.case_id
        WHERE p.customer_id = $1 AND p.target_port = $2 AND p.state = 'done' AND k.tunnel_id = $3
        ORDER BY p.finished_at DESC
        LIMIT 100";
    LIST_IN_USE = "SELECT t.name, s.address, s.port FROM tenants t
        JOIN settings s ON s.customer_id = t.customer_id AND s.id = t.settings_in_use
        WHERE t.customer_id = $1
        ORDER BY t.name
        LIMIT 100";
    LIST_TUNNELS = "SELECT c.name AS customer, t.name, t.id FROM tunnels t
        JOIN customers c ON c.id = t.customer_id
        ORDER BY c.name, t.name
        LIMIT 2000";
}

/// An entry with the names of what it belongs to.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The entry.
    pub entry: Entry,
    /// Name of its tunnel.
    pub tunnel: String,
    /// Where what it lets through comes from: the alerting IP of the tunnel, then the stand-by.
    pub sources: Vec<String>,
    /// Name of its customer.
    pub customer: String,
    /// Number of the case that asked for it last.
    pub case_number: Option<i64>,
    /// That case is open.
    pub case_is_open: bool,
    /// Where a page that ends with it goes on.
    pub place: Place,
}

/// A place in a list of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Lowest address, as [`crate::domain::whitelist::keys`] gives it.
    pub first_key: Vec<u8>,
    /// The entry.
    pub id: EntryId,
}

macro_rules! listed_row {
    ($($row:ty),*) => {$(
        impl<'r> sqlx::FromRow<'r, $row> for Listed {
            fn from_row(row: &'r $row) -> Result<Self, sqlx::Error> {
                use sqlx::Row as _;
                let entry = Entry::from_row(row)?;
                let standby: Option<String> = row.try_get("standby_ip")?;
                Ok(Self {
                    sources: std::iter::once(row.try_get("alerting_ip")?).chain(standby).collect(),
                    place: Place { first_key: row.try_get("first_key")?, id: entry.id },
                    entry,
                    tunnel: row.try_get("tunnel_name")?,
                    customer: row.try_get("customer_name")?,
                    case_number: row.try_get("case_number")?,
                    case_is_open: row.try_get::<Option<bool>, _>("case_is_open")?.unwrap_or_default(),
                })
            }
        }
    )*};
}
listed_row!(sqlx::sqlite::SqliteRow, sqlx::postgres::PgRow);

record! {
    /// The last test of a target.
    #[derive(Clone, Debug)]
    pub struct LastTest {
        /// Number of its case.
        pub case_number: i64,
        /// Number of the test in the case.
        pub number: i64,
        /// Where it went.
        pub target_host: String,
        /// How it ended.
        pub verdict: Option<String>,
        /// When.
        pub finished_at: Option<DateTime<Utc>>,
        /// What it saw, packets among it.
        pub report: Option<Json<serde_json::Value>>,
    }
}

record! {
    /// SMTP settings that a product tenant uses.
    #[derive(Clone, Debug)]
    pub struct InUse {
        /// Name of the tenant.
        pub name: String,
        /// The server.
        pub address: String,
        /// Its port.
        pub port: i64,
    }
}

record! {
    /// A tunnel whose list can be chosen.
    #[derive(Clone, Debug)]
    pub struct TunnelChoice {
        /// Name of its customer.
        pub customer: String,
        /// Its name.
        pub name: String,
        /// Identifies it.
        pub id: TunnelId,
    }
}

/// Which part of which list.
#[derive(Clone, Debug)]
pub struct Part {
    /// Behind this place.
    pub after: Place,
    /// With entries that are gone.
    pub with_gone: bool,
    /// At most so many.
    pub limit: i64,
}

/// What a list is restricted to.
#[derive(Clone, Debug)]
pub enum Scope {
    /// Everything.
    All,
    /// A customer's entries.
    Customer(CustomerId),
    /// A tunnel's entries.
    Tunnel(TunnelId),
    /// Entries inside a network, itself among them: its lowest and highest address as keys.
    Inside(Vec<u8>, Vec<u8>),
}

/// An entry, whosever it is: for the vendor's people.
///
/// # Errors
/// What the database says.
pub async fn by_id(tx: &mut Tx, id: EntryId) -> Result<Option<Listed>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_BY_ID).bind(id).fetch_optional(conn).await)?)
}

/// A page of entries in the order of addresses.
///
/// # Errors
/// What the database says.
pub async fn page(tx: &mut Tx, scope: &Scope, part: &Part) -> Result<Vec<Listed>, StoreError> {
    let text = match scope {
        Scope::All => LIST_ALL,
        Scope::Customer(_) => LIST_OF_CUSTOMER,
        Scope::Tunnel(_) => LIST_OF_TUNNEL,
        Scope::Inside(..) => LIST_INSIDE,
    };
    Ok(on!(tx, conn => {
        let query =
            sqlx::query_as(text).bind(&part.after.first_key).bind(part.after.id).bind(part.with_gone).bind(part.limit);
        let query = match scope {
            Scope::All => query,
            Scope::Customer(id) => query.bind(*id),
            Scope::Tunnel(id) => query.bind(*id),
            Scope::Inside(first, last) => query.bind(first).bind(last),
        };
        query.fetch_all(conn).await
    })?)
}

/// Entries that contain a network and more, the widest first.
///
/// # Errors
/// What the database says.
pub async fn around(tx: &mut Tx, (first, last): (&[u8], &[u8]), with_gone: bool) -> Result<Vec<Listed>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_AROUND).bind(first).bind(last).bind(with_gone).fetch_all(conn).await)?)
}

/// The last tests that went to an entry's port: to its host, or to any host of its tunnel where it is wider than one.
///
/// # Errors
/// What the database says.
pub async fn last_tests(tx: &mut Tx, entry: &Entry, host: Option<&str>) -> Result<Vec<LastTest>, StoreError> {
    let (customer, tunnel) = (entry.customer_id, entry.tunnel_id);
    Ok(match host {
        Some(host) => on!(tx, conn => sqlx::query_as(LAST_TEST).bind(customer).bind(host).bind(entry.port).bind(tunnel)
            .fetch_all(conn).await)?,
        None => on!(tx, conn => sqlx::query_as(LAST_TESTS).bind(customer).bind(entry.port).bind(tunnel)
            .fetch_all(conn).await)?,
    })
}

/// The SMTP settings that the product tenants of a customer use.
///
/// # Errors
/// What the database says.
pub async fn in_use(tx: &mut Tx, customer: CustomerId) -> Result<Vec<InUse>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_IN_USE).bind(customer).fetch_all(conn).await)?)
}

/// All tunnels by customer and name.
///
/// # Errors
/// What the database says.
pub async fn tunnel_choices(tx: &mut Tx) -> Result<Vec<TunnelChoice>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_TUNNELS).fetch_all(conn).await)?)
}
