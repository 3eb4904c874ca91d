//! The Secure Relays of customers.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{CustomerId, RelayId, TenantId};

statements! {
    INSERT_RELAY = "INSERT INTO relays (customer_id, id, tenant_id, name, product_id, product_uuid, used_for, read_at,
            created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    UPDATE_RELAY = "UPDATE relays
        SET tenant_id = $3, name = $4, product_id = $5, product_uuid = $6, used_for = $7, read_at = $8
        WHERE customer_id = $1 AND id = $2";
    DELETE_RELAY = "DELETE FROM relays WHERE customer_id = $1 AND id = $2";
    LIST_RELAYS = "SELECT customer_id, id, tenant_id, name, product_id, product_uuid, used_for, read_at FROM relays
        WHERE customer_id = $1
        ORDER BY name
        LIMIT 200";
}

record! {
    /// A Secure Relay.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Relay {
        /// Whose relay it is.
        pub customer_id: CustomerId,
        /// Identifies it here.
        pub id: RelayId,
        /// The product tenant that names it; none for one that somebody typed.
        pub tenant_id: Option<TenantId>,
        /// What people call it.
        pub name: String,
        /// Its number in the product.
        pub product_id: Option<i64>,
        /// Its UUID in the product.
        pub product_uuid: Option<String>,
        /// What the product uses it for, in words; empty where nobody read it there.
        pub used_for: String,
        /// When it was last read in the product.
        pub read_at: Option<DateTime<Utc>>,
    }
}

/// Adds a relay.
///
/// # Errors
/// [`StoreError::Duplicate`] where the customer has one of that name, or the tenant one of that number.
pub async fn add(tx: &mut Tx, relay: &Relay, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_RELAY)
        .bind(relay.customer_id).bind(relay.id).bind(relay.tenant_id).bind(&relay.name).bind(relay.product_id)
        .bind(&relay.product_uuid).bind(&relay.used_for).bind(relay.read_at).bind(at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Replaces a relay; says whether the customer has it.
///
/// # Errors
/// As [`add`].
pub async fn replace(tx: &mut Tx, relay: &Relay) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(UPDATE_RELAY)
        .bind(relay.customer_id).bind(relay.id).bind(relay.tenant_id).bind(&relay.name).bind(relay.product_id)
        .bind(&relay.product_uuid).bind(&relay.used_for).bind(relay.read_at)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Takes a relay out of the register; says whether the customer had it.
///
/// # Errors
/// What the database says.
pub async fn delete(tx: &mut Tx, customer: CustomerId, id: RelayId) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(DELETE_RELAY).bind(customer).bind(id)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// The relays of a customer by name.
///
/// # Errors
/// What the database says.
pub async fn of_customer(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Relay>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_RELAYS).bind(customer).fetch_all(conn).await)?)
}
