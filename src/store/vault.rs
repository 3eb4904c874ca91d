//! Sealed secrets. This file moves ciphertext only; `app::vault` seals and opens.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{CaseId, CustomerId, SecretId};

statements! {
    INSERT_SECRET = "INSERT INTO vault (customer_id, id, name, key_id, nonce, sealed, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    SELECT_SECRET = "SELECT id, name, key_id, nonce, sealed FROM vault WHERE customer_id = $1 AND id = $2";
    LIST_SECRETS = "SELECT customer_id, id, name, key_id, nonce, sealed FROM vault
        ORDER BY customer_id, id
        LIMIT $1";
    LIST_SECRETS_AFTER = "SELECT customer_id, id, name, key_id, nonce, sealed FROM vault
        WHERE (customer_id, id) > ($1, $2)
        ORDER BY customer_id, id
        LIMIT $3";
    UPSERT_FIELD = "INSERT INTO case_secrets (customer_id, case_id, field, secret_id) VALUES ($1, $2, $3, $4)
        ON CONFLICT (customer_id, case_id, field) DO UPDATE SET secret_id = excluded.secret_id";
    DELETE_FIELD = "DELETE FROM case_secrets WHERE customer_id = $1 AND case_id = $2 AND field = $3";
    SELECT_FIELD = "SELECT secret_id FROM case_secrets WHERE customer_id = $1 AND case_id = $2 AND field = $3";
}

record! {
    /// A sealed value.
    #[derive(Clone)]
    pub struct Sealed {
        /// Identifies the value; part of what the seal is bound to.
        pub id: SecretId,
        /// What the value is, for example `smtp_password`; part of what the seal is bound to.
        pub name: String,
        /// Which master key sealed it.
        pub key_id: String,
        /// XChaCha20 nonce, 24 bytes.
        pub nonce: Vec<u8>,
        /// Ciphertext with its tag.
        pub sealed: Vec<u8>,
    }
}

record! {
    /// A sealed value with its owner.
    pub struct Owned {
        /// Whose it is; part of what the seal is bound to.
        pub customer_id: CustomerId,
        /// As in [`Sealed`].
        pub id: SecretId,
        /// As in [`Sealed`].
        pub name: String,
        /// As in [`Sealed`].
        pub key_id: String,
        /// As in [`Sealed`].
        pub nonce: Vec<u8>,
        /// As in [`Sealed`].
        pub sealed: Vec<u8>,
    }
}

/// Sealed values of all customers after one of them, for a check of them all.
///
/// # Errors
/// What the database says.
pub async fn page(tx: &mut Tx, after: Option<(CustomerId, SecretId)>, most: i64) -> Result<Vec<Owned>, StoreError> {
    let Some((customer, id)) = after else {
        return Ok(on!(tx, conn => sqlx::query_as(LIST_SECRETS).bind(most).fetch_all(conn).await)?);
    };
    Ok(on!(tx, conn => sqlx::query_as(LIST_SECRETS_AFTER).bind(customer).bind(id).bind(most).fetch_all(conn).await)?)
}

/// Stores a sealed value.
///
/// # Errors
/// What the database says.
pub async fn put(tx: &mut Tx, customer: CustomerId, value: &Sealed, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_SECRET)
        .bind(customer).bind(value.id).bind(&value.name).bind(&value.key_id).bind(&value.nonce).bind(&value.sealed).bind(at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// A sealed value.
///
/// # Errors
/// What the database says.
pub async fn get(tx: &mut Tx, customer: CustomerId, id: SecretId) -> Result<Option<Sealed>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_SECRET).bind(customer).bind(id).fetch_optional(conn).await)?)
}

/// Makes a vault field of a case hold a sealed value.
///
/// # Errors
/// What the database says.
pub async fn set_field(
    tx: &mut Tx,
    (customer, case): (CustomerId, CaseId),
    field: &str,
    id: SecretId,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(UPSERT_FIELD).bind(customer).bind(case).bind(field).bind(id)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Empties a vault field of a case. The sealed value stays where settings refer to it.
///
/// # Errors
/// What the database says.
pub async fn unset_field(tx: &mut Tx, (customer, case): (CustomerId, CaseId), field: &str) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_FIELD).bind(customer).bind(case).bind(field).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The sealed value that a vault field of a case holds.
///
/// # Errors
/// What the database says.
pub async fn field(
    tx: &mut Tx,
    (customer, case): (CustomerId, CaseId),
    field: &str,
) -> Result<Option<SecretId>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(SELECT_FIELD).bind(customer).bind(case).bind(field)
        .fetch_optional(conn).await)?)
}
