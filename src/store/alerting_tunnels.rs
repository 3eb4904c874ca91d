//! Tunnels that name alerting IPs.

use std::net::IpAddr;

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{CustomerId, TunnelId};

statements! {
    COUNT_TUNNELS = "SELECT COUNT(*) FROM tunnels WHERE alerting_ip = $1 OR standby_ip = $1";
    LIST_NAMED = "SELECT alerting_ip AS address, COUNT(*) AS tunnels FROM tunnels GROUP BY alerting_ip
        UNION ALL
        SELECT standby_ip AS address, COUNT(*) AS tunnels FROM tunnels WHERE standby_ip IS NOT NULL GROUP BY standby_ip
        LIMIT 10000";
    LIST_OF_CUSTOMER = "SELECT name, alerting_ip, standby_ip FROM tunnels
        WHERE customer_id = $1 AND state <> 'stopped'
        ORDER BY name
        LIMIT 100";
    TUNNELS_BY_ADDRESS = "SELECT t.customer_id, t.id, t.name, c.name AS customer_name, t.alerting_ip = $1 AS is_primary
        FROM tunnels t JOIN customers c ON c.id = t.customer_id
        WHERE t.alerting_ip = $1 OR t.standby_ip = $1
        ORDER BY t.name
        LIMIT $2";
}

record! {
    /// An address that tunnels name.
    #[derive(Clone, Debug)]
    pub struct Named {
        /// The address.
        pub address: String,
        /// How many name it.
        pub tunnels: i64,
    }
}

record! {
    /// The addresses of one tunnel of a customer.
    #[derive(Clone, Debug)]
    pub struct OfTunnel {
        /// Name of the tunnel.
        pub name: String,
        /// The address in use.
        pub alerting_ip: String,
        /// The stand-by.
        pub standby_ip: Option<String>,
    }
}

record! {
    /// A tunnel that names an address.
    #[derive(Clone, Debug)]
    pub struct Naming {
        /// Whose tunnel it is.
        pub customer_id: CustomerId,
        /// The tunnel.
        pub id: TunnelId,
        /// Its name.
        pub name: String,
        /// Name of the customer.
        pub customer_name: String,
        /// As the address in use; else as the stand-by.
        pub is_primary: bool,
    }
}

/// How many tunnels name an address.
///
/// # Errors
/// What the database says.
pub async fn count(tx: &mut Tx, address: IpAddr) -> Result<i64, StoreError> {
    let text = address.to_string();
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_TUNNELS).bind(&text).fetch_one(conn).await)?)
}

/// Every address that tunnels name, with how many do; one that some name as stand-by comes twice.
///
/// # Errors
/// What the database says.
pub async fn named(tx: &mut Tx) -> Result<Vec<Named>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_NAMED).fetch_all(conn).await)?)
}

/// The addresses of a customer's tunnels.
///
/// # Errors
/// What the database says.
pub async fn of_customer(tx: &mut Tx, customer: CustomerId) -> Result<Vec<OfTunnel>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_OF_CUSTOMER).bind(customer).fetch_all(conn).await)?)
}

/// The tunnels that name an address, by name.
///
/// # Errors
/// What the database says.
pub async fn naming(tx: &mut Tx, address: IpAddr, limit: i64) -> Result<Vec<Naming>, StoreError> {
    let text = address.to_string();
    Ok(on!(tx, conn => sqlx::query_as(TUNNELS_BY_ADDRESS).bind(&text).bind(limit).fetch_all(conn).await)?)
}
