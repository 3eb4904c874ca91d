//! The whitelist: one entry per tunnel, network, port and transport, with two sides; and who changed what.
//!
//! Every change of an entry counts up the version of its tunnel's list, so that whoever pulls the list is told
//! "unchanged" by one row.

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use super::{StoreError, Tx, on, record, statements, taken_means_contended};
use crate::domain::id::{CaseId, ChangeId, CustomerId, EntryId, ProbeId, TunnelId};
use crate::domain::tunnel::Progress;
use crate::domain::whitelist::{Protocol, is_wide, keys};

macro_rules! columns {
    () => {
        "customer_id, id, tunnel_id, network, port, protocol, case_id, reason, ours, ours_by, ours_how, ours_at, theirs,
            theirs_by, theirs_how, theirs_at, proven_by, port_reason, leave_by, leave_why, leave_at, created_at"
    };
}
pub(super) use columns;

statements! {
    INSERT_ENTRY = concat!("INSERT INTO whitelist (", columns!(), ", first_key, last_key, is_wide)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
            $23, $24, $25)");
    UPDATE_ENTRY = "UPDATE whitelist
        SET case_id = $3, reason = $4, ours = $5, ours_by = $6, ours_how = $7, ours_at = $8, theirs = $9,
            theirs_by = $10, theirs_how = $11, theirs_at = $12, proven_by = $13, port_reason = $14, leave_by = $15,
            leave_why = $16, leave_at = $17
        WHERE customer_id = $1 AND id = $2";
    SELECT_ENTRY = concat!("SELECT ", columns!(), " FROM whitelist
        WHERE tunnel_id = $1 AND network = $2 AND port = $3 AND protocol = $4");
    LIST_ON = concat!("SELECT ", columns!(), " FROM whitelist
        WHERE tunnel_id = $1 AND ours IN ('wanted', 'applied', 'proven')
        ORDER BY first_key, id
        LIMIT $2");
    // Networks of the lists of a routing domain, for the judgement of another tunnel of it.
    LIST_NETWORKS = "SELECT tunnel_id, network FROM whitelist
        WHERE tunnel_id IN (SELECT id FROM tunnels WHERE routing_domain = $1) AND ours IN ('wanted', 'applied', 'proven')
        LIMIT 20000";
    COUNT_VERSION = "UPDATE tunnels SET list_version = list_version + 1, list_changed_at = $3
        WHERE customer_id = $1 AND id = $2";
    SELECT_VERSION = "SELECT customer_id, list_version, list_changed_at FROM tunnels WHERE id = $1";
    INSERT_CHANGE = "INSERT INTO whitelist_changes (customer_id, entry_id, id, at, who, what, how)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    LIST_CHANGES = "SELECT at, who, what, how FROM whitelist_changes
        WHERE customer_id = $1 AND entry_id = $2
        ORDER BY id DESC
        LIMIT 200";
    LIST_WITHOUT_KEYS = "SELECT customer_id, id, network FROM whitelist WHERE first_key = $1 LIMIT 500";
    SET_KEYS = "UPDATE whitelist SET first_key = $3, last_key = $4, is_wide = $5 WHERE customer_id = $1 AND id = $2";
}

record! {
    /// A whitelist entry.
    #[derive(Clone, Debug)]
    pub struct Entry {
        /// Whose entry it is.
        pub customer_id: CustomerId,
        /// Identifies the entry.
        pub id: EntryId,
        /// The tunnel it stands in.
        pub tunnel_id: TunnelId,
        /// The network, canonical text; one host by rule.
        pub network: String,
        /// The port.
        pub port: i64,
        /// The transport.
        pub protocol: Protocol,
        /// The case that asked for it last; `None` for an entry that an engineer added.
        pub case_id: Option<CaseId>,
        /// Why an engineer added it, where a reason was given.
        pub reason: Option<String>,
        /// How far our side has come.
        pub ours: Progress,
        /// Who said so.
        pub ours_by: Option<String>,
        /// How it was done, with the change reference.
        pub ours_how: Option<String>,
        /// When.
        pub ours_at: Option<DateTime<Utc>>,
        /// How far the customer's side has come.
        pub theirs: Progress,
        /// Who said so.
        pub theirs_by: Option<String>,
        /// How it was done.
        pub theirs_how: Option<String>,
        /// When.
        pub theirs_at: Option<DateTime<Utc>>,
        /// The probe that proved both sides.
        pub proven_by: Option<ProbeId>,
        /// Why a lead permits a port that is neither one of mail nor of SYSLOG.
        pub port_reason: Option<String>,
        /// Who wants it to leave the list while our side still has it.
        pub leave_by: Option<String>,
        /// Why.
        pub leave_why: Option<String>,
        /// Since when.
        pub leave_at: Option<DateTime<Utc>>,
        /// When the entry was made.
        pub created_at: DateTime<Utc>,
    }
}

impl Entry {
    /// The network as a network.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where the text is none.
    pub fn net(&self) -> Result<IpNet, StoreError> {
        net(&self.network)
    }
}

fn net(text: &str) -> Result<IpNet, StoreError> {
    text.parse().map_err(|error: ipnet::AddrParseError| StoreError::Corrupt {
        table: "whitelist",
        column: "network",
        detail: error.to_string(),
    })
}

record! {
    /// Which version of a tunnel's list there is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Version {
        /// Whose tunnel it is.
        pub customer_id: CustomerId,
        /// Counts up with every change of the list and of the tunnel.
        pub list_version: i64,
        /// When it was counted up last.
        pub list_changed_at: Option<DateTime<Utc>>,
    }
}

record! {
    /// One change of an entry.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Change {
        /// When.
        pub at: DateTime<Utc>,
        /// Who; `Postern` for the machine.
        pub who: String,
        /// What, in words.
        pub what: String,
        /// Reference, case, or reason.
        pub how: String,
    }
}

record! {
    struct Placed {
        tunnel_id: TunnelId,
        network: String,
    }
}

record! {
    struct Keyless {
        customer_id: CustomerId,
        id: EntryId,
        network: String,
    }
}

/// The entry for a tunnel, network, port and transport.
///
/// # Errors
/// What the database says.
pub async fn find(
    tx: &mut Tx,
    tunnel: TunnelId,
    network: &str,
    (port, protocol): (i64, Protocol),
) -> Result<Option<Entry>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_ENTRY).bind(tunnel).bind(network).bind(port).bind(protocol)
        .fetch_optional(conn).await)?)
}

/// Adds an entry.
///
/// # Errors
/// [`StoreError::Contended`] where the tunnel has one for that network, port and transport by now: the unit of work that
/// looked before finds it when it runs again. [`StoreError::Corrupt`] where the network is none.
pub async fn add(tx: &mut Tx, entry: &Entry, at: DateTime<Utc>) -> Result<(), StoreError> {
    let network = entry.net()?;
    let (first, last) = keys(network);
    on!(tx, conn => sqlx::query(INSERT_ENTRY)
        .bind(entry.customer_id).bind(entry.id).bind(entry.tunnel_id).bind(&entry.network).bind(entry.port)
        .bind(entry.protocol).bind(entry.case_id).bind(&entry.reason)
        .bind(entry.ours).bind(&entry.ours_by).bind(&entry.ours_how).bind(entry.ours_at)
        .bind(entry.theirs).bind(&entry.theirs_by).bind(&entry.theirs_how).bind(entry.theirs_at)
        .bind(entry.proven_by).bind(&entry.port_reason).bind(&entry.leave_by).bind(&entry.leave_why)
        .bind(entry.leave_at).bind(entry.created_at).bind(&first).bind(&last).bind(is_wide(network))
        .execute(conn).await.map(|_| ()))
    .map_err(taken_means_contended)?;
    count(tx, (entry.customer_id, entry.tunnel_id), at).await
}

/// Replaces what may change of an entry.
///
/// # Errors
/// What the database says.
pub async fn replace(tx: &mut Tx, entry: &Entry, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(UPDATE_ENTRY)
        .bind(entry.customer_id).bind(entry.id).bind(entry.case_id).bind(&entry.reason)
        .bind(entry.ours).bind(&entry.ours_by).bind(&entry.ours_how).bind(entry.ours_at)
        .bind(entry.theirs).bind(&entry.theirs_by).bind(&entry.theirs_how).bind(entry.theirs_at)
        .bind(entry.proven_by).bind(&entry.port_reason).bind(&entry.leave_by).bind(&entry.leave_why)
        .bind(entry.leave_at)
        .execute(conn).await.map(|_| ()))?;
    count(tx, (entry.customer_id, entry.tunnel_id), at).await
}

async fn count(tx: &mut Tx, (customer, tunnel): (CustomerId, TunnelId), at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(COUNT_VERSION).bind(customer).bind(tunnel).bind(at).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Which version of its list a tunnel has; one row read by its key.
///
/// # Errors
/// What the database says.
pub async fn version(tx: &mut Tx, tunnel: TunnelId) -> Result<Option<Version>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_VERSION).bind(tunnel).fetch_optional(conn).await)?)
}

/// The entries that stand on a tunnel's list or are wanted there, in the order of addresses.
///
/// # Errors
/// What the database says.
pub async fn on_list(tx: &mut Tx, tunnel: TunnelId, limit: i64) -> Result<Vec<Entry>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_ON).bind(tunnel).bind(limit).fetch_all(conn).await)?)
}

/// The networks on the lists of all tunnels of a routing domain.
///
/// # Errors
/// What the database says.
pub async fn networks_of_domain(tx: &mut Tx, domain: &str) -> Result<Vec<(TunnelId, IpNet)>, StoreError> {
    let rows: Vec<Placed> = on!(tx, conn => sqlx::query_as(LIST_NETWORKS).bind(domain).fetch_all(conn).await)?;
    rows.into_iter().map(|row| Ok((row.tunnel_id, net(&row.network)?))).collect()
}

/// Writes down a change of an entry.
///
/// # Errors
/// What the database says.
pub async fn note(tx: &mut Tx, entry: &Entry, id: ChangeId, change: &Change) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_CHANGE)
        .bind(entry.customer_id).bind(entry.id).bind(id).bind(change.at).bind(&change.who).bind(&change.what)
        .bind(&change.how).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The changes of an entry, newest first.
///
/// # Errors
/// What the database says.
pub async fn changes(tx: &mut Tx, entry: &Entry) -> Result<Vec<Change>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_CHANGES).bind(entry.customer_id).bind(entry.id).fetch_all(conn).await)?)
}

/// Fills in the keys of entries that an earlier build made; says how many.
///
/// # Errors
/// [`StoreError::Corrupt`] where a network is none; what the database says.
pub async fn complete_keys(tx: &mut Tx) -> Result<usize, StoreError> {
    let none: Vec<u8> = Vec::new();
    let rows: Vec<Keyless> = on!(tx, conn => sqlx::query_as(LIST_WITHOUT_KEYS).bind(none).fetch_all(conn).await)?;
    for row in &rows {
        let network = net(&row.network)?;
        let (first, last) = keys(network);
        on!(tx, conn => sqlx::query(SET_KEYS).bind(row.customer_id).bind(row.id).bind(first).bind(last)
            .bind(is_wide(network)).execute(conn).await.map(|_| ()))?;
    }
    Ok(rows.len())
}
