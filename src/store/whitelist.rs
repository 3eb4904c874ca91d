//! The whitelist: one entry per tunnel, network and port, with two sides.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements, taken_means_contended};
use crate::domain::id::{CaseId, CustomerId, EntryId, ProbeId, TunnelId};
use crate::domain::tunnel::Progress;

macro_rules! columns {
    () => {
        "customer_id, id, tunnel_id, network, port, case_id, ours, ours_by, ours_how, ours_at, theirs, theirs_by,
            theirs_how, theirs_at, proven_by, port_reason, created_at"
    };
}

statements! {
    INSERT_ENTRY = concat!("INSERT INTO whitelist (", columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)");
    UPDATE_ENTRY = "UPDATE whitelist
        SET case_id = $3, ours = $4, ours_by = $5, ours_how = $6, ours_at = $7, theirs = $8, theirs_by = $9,
            theirs_how = $10, theirs_at = $11, proven_by = $12, port_reason = $13
        WHERE customer_id = $1 AND id = $2";
    SELECT_ENTRY = concat!("SELECT ", columns!(), " FROM whitelist
        WHERE tunnel_id = $1 AND network = $2 AND port = $3");
    LIST_OF_TUNNEL = concat!("SELECT ", columns!(), " FROM whitelist
        WHERE customer_id = $1 AND tunnel_id = $2
        ORDER BY network, port
        LIMIT 1000");
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
        /// The case that asked for it last.
        pub case_id: CaseId,
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
        /// When the entry was made.
        pub created_at: DateTime<Utc>,
    }
}

/// The entry for a tunnel, network and port.
///
/// # Errors
/// What the database says.
pub async fn find(tx: &mut Tx, tunnel: TunnelId, network: &str, port: i64) -> Result<Option<Entry>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_ENTRY).bind(tunnel).bind(network).bind(port).fetch_optional(conn).await)?)
}

/// Adds an entry.
///
/// # Errors
/// [`StoreError::Contended`] where the tunnel has one for that network and port by now: the unit of work that looked
/// before finds it when it runs again.
pub async fn add(tx: &mut Tx, entry: &Entry) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_ENTRY)
        .bind(entry.customer_id).bind(entry.id).bind(entry.tunnel_id).bind(&entry.network).bind(entry.port)
        .bind(entry.case_id).bind(entry.ours).bind(&entry.ours_by).bind(&entry.ours_how).bind(entry.ours_at)
        .bind(entry.theirs).bind(&entry.theirs_by).bind(&entry.theirs_how).bind(entry.theirs_at)
        .bind(entry.proven_by).bind(&entry.port_reason).bind(entry.created_at)
        .execute(conn).await.map(|_| ()))
    .map_err(taken_means_contended)
}

/// Replaces the two sides of an entry.
///
/// # Errors
/// What the database says.
pub async fn replace(tx: &mut Tx, entry: &Entry) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(UPDATE_ENTRY)
        .bind(entry.customer_id).bind(entry.id).bind(entry.case_id)
        .bind(entry.ours).bind(&entry.ours_by).bind(&entry.ours_how).bind(entry.ours_at)
        .bind(entry.theirs).bind(&entry.theirs_by).bind(&entry.theirs_how).bind(entry.theirs_at)
        .bind(entry.proven_by).bind(&entry.port_reason)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The entries of a tunnel.
///
/// # Errors
/// What the database says.
pub async fn of_tunnel(tx: &mut Tx, customer: CustomerId, tunnel: TunnelId) -> Result<Vec<Entry>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_OF_TUNNEL).bind(customer).bind(tunnel).fetch_all(conn).await)?)
}
