//! Tunnels and the SMTP servers behind them.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sqlx::types::Json;

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{CustomerId, ServerId, TunnelId};
use crate::domain::tunnel::{Tunnel, TunnelState};

statements! {
    INSERT_TUNNEL = "INSERT INTO tunnels (customer_id, id, name, our_gateway, peer_gateway, our_selectors, peer_selectors,
            alerting_ip, standby_ip, routing_domain, device, ca_pem, state, created_at, inside_gateway)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    UPDATE_TUNNEL = "UPDATE tunnels
        SET our_gateway = $3, peer_gateway = $4, our_selectors = $5, peer_selectors = $6, alerting_ip = $7,
            standby_ip = $8, routing_domain = $9, device = $10, ca_pem = $11, state = $12,
            inside_gateway = $13, list_version = list_version + 1, list_changed_at = $14
        WHERE customer_id = $1 AND id = $2";
    SELECT_TUNNEL = "SELECT customer_id, id, name, our_gateway, peer_gateway, our_selectors, peer_selectors, alerting_ip,
            standby_ip, routing_domain, device, ca_pem, state, inside_gateway
        FROM tunnels
        WHERE customer_id = $1 AND id = $2";
    SELECT_TUNNEL_LOCKED = "SELECT customer_id, id, name, our_gateway, peer_gateway, our_selectors, peer_selectors,
            alerting_ip, standby_ip, routing_domain, device, ca_pem, state, inside_gateway
        FROM tunnels
        WHERE customer_id = $1 AND id = $2
        FOR UPDATE";
    SELECT_BY_NAME = "SELECT customer_id, id, name, our_gateway, peer_gateway, our_selectors, peer_selectors, alerting_ip,
            standby_ip, routing_domain, device, ca_pem, state, inside_gateway
        FROM tunnels
        WHERE name = $1";
    LIST_TUNNELS = "SELECT customer_id, id, name, our_gateway, peer_gateway, our_selectors, peer_selectors, alerting_ip,
            standby_ip, routing_domain, device, ca_pem, state, inside_gateway
        FROM tunnels
        WHERE customer_id = $1
        ORDER BY name
        LIMIT 1000";
    LIST_ROUTING_DOMAIN = "SELECT customer_id, id, name, our_gateway, peer_gateway, our_selectors, peer_selectors,
            alerting_ip, standby_ip, routing_domain, device, ca_pem, state, inside_gateway
        FROM tunnels
        WHERE routing_domain = $1
        ORDER BY name
        LIMIT 1000";
    UPSERT_SERVER = "INSERT INTO servers (customer_id, id, tunnel_id, name, address, port, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (customer_id, tunnel_id, address, port) DO UPDATE SET name = COALESCE(excluded.name, servers.name)
        RETURNING id";
    MOVE_SERVER = "UPDATE servers SET address = $3
        WHERE customer_id = $1 AND id = $2 AND NOT EXISTS (
            SELECT 1 FROM servers AS other
            WHERE other.customer_id = $1 AND other.tunnel_id = servers.tunnel_id AND other.address = $3
                AND other.port = servers.port)";
    LIST_SERVERS = "SELECT customer_id, id, tunnel_id, name, address, port FROM servers
        WHERE customer_id = $1
        ORDER BY created_at, id
        LIMIT 200";
    SELECT_SERVER = "SELECT customer_id, id, tunnel_id, name, address, port FROM servers
        WHERE customer_id = $1 AND id = $2";
}

record! {
    struct TunnelRow {
        customer_id: CustomerId,
        id: TunnelId,
        name: String,
        our_gateway: String,
        peer_gateway: String,
        our_selectors: Json<Vec<IpNet>>,
        peer_selectors: Json<Vec<IpNet>>,
        alerting_ip: String,
        standby_ip: Option<String>,
        routing_domain: String,
        device: Option<String>,
        ca_pem: Option<String>,
        state: TunnelState,
        inside_gateway: Option<String>,
    }
}

impl TryFrom<TunnelRow> for Tunnel {
    type Error = StoreError;

    fn try_from(row: TunnelRow) -> Result<Self, StoreError> {
        Ok(Self {
            customer: row.customer_id,
            id: row.id,
            name: row.name,
            our_gateway: address("our_gateway", &row.our_gateway)?,
            peer_gateway: address("peer_gateway", &row.peer_gateway)?,
            inside_gateway: row.inside_gateway.as_deref().map(|text| address("inside_gateway", text)).transpose()?,
            our_selectors: row.our_selectors.0,
            peer_selectors: row.peer_selectors.0,
            alerting_ip: address("alerting_ip", &row.alerting_ip)?,
            standby_ip: row.standby_ip.as_deref().map(|text| address("standby_ip", text)).transpose()?,
            routing_domain: row.routing_domain,
            device: row.device,
            ca_pem: row.ca_pem,
            state: row.state,
        })
    }
}

fn address(column: &'static str, text: &str) -> Result<IpAddr, StoreError> {
    text.parse().map_err(|error: std::net::AddrParseError| StoreError::Corrupt {
        table: "tunnels",
        column,
        detail: error.to_string(),
    })
}

record! {
    /// An SMTP server of a customer, behind one tunnel.
    #[derive(Clone, Debug)]
    pub struct Server {
        /// Whose server it is.
        pub customer_id: CustomerId,
        /// Identifies the server.
        pub id: ServerId,
        /// The tunnel that leads to it.
        pub tunnel_id: TunnelId,
        /// Its host name, where one was given.
        pub name: Option<String>,
        /// Its address, canonical text.
        pub address: String,
        /// Its SMTP port.
        pub port: i64,
    }
}

/// Adds a tunnel.
///
/// # Errors
/// [`StoreError::Duplicate`] where the name is taken.
pub async fn add(tx: &mut Tx, tunnel: &Tunnel, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_TUNNEL)
        .bind(tunnel.customer).bind(tunnel.id).bind(&tunnel.name)
        .bind(tunnel.our_gateway.to_string()).bind(tunnel.peer_gateway.to_string())
        .bind(Json(&tunnel.our_selectors)).bind(Json(&tunnel.peer_selectors))
        .bind(tunnel.alerting_ip.to_string()).bind(tunnel.standby_ip.map(|ip| ip.to_string()))
        .bind(&tunnel.routing_domain).bind(&tunnel.device).bind(&tunnel.ca_pem).bind(tunnel.state).bind(at)
        .bind(tunnel.inside_gateway.map(|ip| ip.to_string()))
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Replaces everything but a tunnel's name; says whether the tunnel exists. Whoever pulls the tunnel's whitelist reads it
/// anew: the addresses that alerts come from are part of it.
///
/// # Errors
/// What the database says.
pub async fn replace(tx: &mut Tx, tunnel: &Tunnel, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(UPDATE_TUNNEL)
        .bind(tunnel.customer).bind(tunnel.id)
        .bind(tunnel.our_gateway.to_string()).bind(tunnel.peer_gateway.to_string())
        .bind(Json(&tunnel.our_selectors)).bind(Json(&tunnel.peer_selectors))
        .bind(tunnel.alerting_ip.to_string()).bind(tunnel.standby_ip.map(|ip| ip.to_string()))
        .bind(&tunnel.routing_domain).bind(&tunnel.device).bind(&tunnel.ca_pem).bind(tunnel.state)
        .bind(tunnel.inside_gateway.map(|ip| ip.to_string())).bind(at)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// A tunnel of a customer.
///
/// # Errors
/// What the database says.
pub async fn by_id(tx: &mut Tx, customer: CustomerId, id: TunnelId) -> Result<Option<Tunnel>, StoreError> {
    let row: Option<TunnelRow> =
        on!(tx, conn => sqlx::query_as(SELECT_TUNNEL).bind(customer).bind(id).fetch_optional(conn).await)?;
    row.map(Tunnel::try_from).transpose()
}

/// As [`by_id`], held for the transaction, which replaces it.
///
/// # Errors
/// What the database says.
pub async fn hold(tx: &mut Tx, customer: CustomerId, id: TunnelId) -> Result<Option<Tunnel>, StoreError> {
    let text = match tx {
        Tx::Sqlite(_) => SELECT_TUNNEL,
        Tx::Postgres(_) => SELECT_TUNNEL_LOCKED,
    };
    let row: Option<TunnelRow> =
        on!(tx, conn => sqlx::query_as(text).bind(customer).bind(id).fetch_optional(conn).await)?;
    row.map(Tunnel::try_from).transpose()
}

/// A tunnel by its name, whosever it is: for the vendor's people.
///
/// # Errors
/// What the database says.
pub async fn by_name(tx: &mut Tx, name: &str) -> Result<Option<Tunnel>, StoreError> {
    let row: Option<TunnelRow> = on!(tx, conn => sqlx::query_as(SELECT_BY_NAME).bind(name).fetch_optional(conn).await)?;
    row.map(Tunnel::try_from).transpose()
}

/// The tunnels of a customer, by name.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Tunnel>, StoreError> {
    let rows: Vec<TunnelRow> = on!(tx, conn => sqlx::query_as(LIST_TUNNELS).bind(customer).fetch_all(conn).await)?;
    rows.into_iter().map(Tunnel::try_from).collect()
}

/// The tunnels that share a routing table.
///
/// # Errors
/// What the database says.
pub async fn in_routing_domain(tx: &mut Tx, domain: &str) -> Result<Vec<Tunnel>, StoreError> {
    let rows: Vec<TunnelRow> = on!(tx, conn => sqlx::query_as(LIST_ROUTING_DOMAIN).bind(domain).fetch_all(conn).await)?;
    rows.into_iter().map(Tunnel::try_from).collect()
}

/// Records a server, or finds it where the customer has it behind that tunnel already.
///
/// # Errors
/// What the database says.
pub async fn record_server(tx: &mut Tx, server: &Server, at: DateTime<Utc>) -> Result<ServerId, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(UPSERT_SERVER)
        .bind(server.customer_id).bind(server.id).bind(server.tunnel_id).bind(&server.name)
        .bind(&server.address).bind(server.port).bind(at)
        .fetch_one(conn).await)?)
}

/// Gives a server another address. Where the tunnel has a server of that address and port already, that is the one.
///
/// # Errors
/// What the database says.
pub async fn move_server(tx: &mut Tx, server: &Server, at: DateTime<Utc>) -> Result<ServerId, StoreError> {
    on!(tx, conn => sqlx::query(MOVE_SERVER).bind(server.customer_id).bind(server.id).bind(&server.address)
        .execute(conn).await.map(|_| ()))?;
    record_server(tx, server, at).await
}

/// The servers of a customer, oldest first.
///
/// # Errors
/// What the database says.
pub async fn servers(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Server>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_SERVERS).bind(customer).fetch_all(conn).await)?)
}

/// A server of a customer.
///
/// # Errors
/// What the database says.
pub async fn server(tx: &mut Tx, customer: CustomerId, id: ServerId) -> Result<Option<Server>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_SERVER).bind(customer).bind(id).fetch_optional(conn).await)?)
}
