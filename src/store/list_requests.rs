//! Requests for whitelist entries that need a lead: asked for by one person, decided by another.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements, taken_means_contended};
use crate::domain::id::{CustomerId, EntryId, ListRequestId, PersonId, TunnelId};
use crate::domain::whitelist::{Protocol, RequestState};

macro_rules! listed {
    ($condition:expr) => {
        concat!(
            "SELECT r.customer_id, r.id, r.tunnel_id, r.network, r.port, r.protocol, r.reason, r.state, r.asked_by,
                r.asked_at, r.decided_at, r.note, r.entry_id, t.name AS tunnel_name, c.name AS customer_name,
                a.name AS asked_by_name, d.name AS decided_by_name
            FROM whitelist_requests r
            JOIN tunnels t ON t.customer_id = r.customer_id AND t.id = r.tunnel_id
            JOIN customers c ON c.id = r.customer_id
            JOIN people a ON a.id = r.asked_by
            LEFT JOIN people d ON d.id = r.decided_by
            WHERE ",
            $condition
        )
    };
}

statements! {
    INSERT_REQUEST = "INSERT INTO whitelist_requests (customer_id, id, tunnel_id, network, port, protocol, reason, state,
            asked_by, asked_at, decided_by, decided_at, note, entry_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9, NULL, NULL, NULL, NULL)";
    SELECT_REQUEST = listed!("r.id = $1");
    LIST_PENDING = listed!("r.state = 'pending'
        ORDER BY r.asked_at, r.id
        LIMIT 200");
    LIST_OF_TUNNEL = listed!("r.tunnel_id = $1 AND r.state = 'pending'
        ORDER BY r.asked_at, r.id
        LIMIT 200");
    LIST_DECIDED = listed!("r.state <> 'pending'
        ORDER BY r.asked_at DESC, r.id DESC
        LIMIT 50");
    DECIDE = "UPDATE whitelist_requests
        SET state = $3, decided_by = $4, decided_at = $5, note = $6, entry_id = $7
        WHERE customer_id = $1 AND id = $2 AND state = 'pending'";
}

record! {
    /// A request.
    #[derive(Clone, Debug)]
    pub struct Request {
        /// Whose tunnel it is about.
        pub customer_id: CustomerId,
        /// Identifies the request.
        pub id: ListRequestId,
        /// The tunnel.
        pub tunnel_id: TunnelId,
        /// The network, canonical text.
        pub network: String,
        /// The port.
        pub port: i64,
        /// The transport.
        pub protocol: Protocol,
        /// Why it is needed.
        pub reason: String,
        /// How far it has come.
        pub state: RequestState,
        /// Who asked.
        pub asked_by: PersonId,
        /// When.
        pub asked_at: DateTime<Utc>,
        /// When a lead decided.
        pub decided_at: Option<DateTime<Utc>>,
        /// What the lead wrote.
        pub note: Option<String>,
        /// The entry that was made.
        pub entry_id: Option<EntryId>,
        /// Name of the tunnel.
        pub tunnel_name: String,
        /// Name of the customer.
        pub customer_name: String,
        /// Name of who asked.
        pub asked_by_name: String,
        /// Name of the lead who decided.
        pub decided_by_name: Option<String>,
    }
}

/// What a lead decided.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Approved or refused.
    pub state: RequestState,
    /// The lead.
    pub by: PersonId,
    /// When.
    pub at: DateTime<Utc>,
    /// What the lead wrote.
    pub note: Option<String>,
    /// The entry that was made.
    pub entry: Option<EntryId>,
}

/// Keeps a request.
///
/// # Errors
/// [`StoreError::Contended`] where somebody asked for the same by now.
pub async fn add(tx: &mut Tx, request: &Request) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_REQUEST)
        .bind(request.customer_id).bind(request.id).bind(request.tunnel_id).bind(&request.network).bind(request.port)
        .bind(request.protocol).bind(&request.reason).bind(request.asked_by).bind(request.asked_at)
        .execute(conn).await.map(|_| ()))
    .map_err(taken_means_contended)
}

/// A request.
///
/// # Errors
/// What the database says.
pub async fn by_id(tx: &mut Tx, id: ListRequestId) -> Result<Option<Request>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_REQUEST).bind(id).fetch_optional(conn).await)?)
}

/// Requests that wait for a lead, oldest first.
///
/// # Errors
/// What the database says.
pub async fn pending(tx: &mut Tx) -> Result<Vec<Request>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_PENDING).fetch_all(conn).await)?)
}

/// Requests for a tunnel that wait for a lead.
///
/// # Errors
/// What the database says.
pub async fn pending_of(tx: &mut Tx, tunnel: TunnelId) -> Result<Vec<Request>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_OF_TUNNEL).bind(tunnel).fetch_all(conn).await)?)
}

/// The newest requests that were decided.
///
/// # Errors
/// What the database says.
pub async fn decided(tx: &mut Tx) -> Result<Vec<Request>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_DECIDED).fetch_all(conn).await)?)
}

/// Decides a request that waits; says whether it still did.
///
/// # Errors
/// What the database says.
pub async fn decide(
    tx: &mut Tx,
    (customer, id): (CustomerId, ListRequestId),
    decision: &Decision,
) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(DECIDE)
        .bind(customer).bind(id).bind(decision.state).bind(decision.by).bind(decision.at).bind(&decision.note)
        .bind(decision.entry).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}
