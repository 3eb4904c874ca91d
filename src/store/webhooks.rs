//! Endpoints that programs of the vendor listen at: what they subscribed to, their sealed keys, whether they are on.

use chrono::{DateTime, Utc};

use super::vault::Sealed;
use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{EndpointId, PersonId, SecretId};
use crate::domain::webhook::{EndpointState, OffReason, Topic};

macro_rules! columns {
    () => {
        "e.id, e.name, e.url, e.owner_id, p.name AS owner_name, p.email AS owner_email, e.made_at, e.off_since, e.off_why,
            e.failing_since, e.rests_until"
    };
}

statements! {
    INSERT_ENDPOINT = "INSERT INTO webhook_endpoints (id, name, url, owner_id, made_at, tried_at)
        VALUES ($1, $2, $3, $4, $5, $5)";
    // What another receiver failed at, or asked for, is nothing to the one at the next address.
    UPDATE_ENDPOINT = "UPDATE webhook_endpoints SET name = $2, url = $3, owner_id = $4,
            failing_since = CASE WHEN url = $3 THEN failing_since END,
            rests_until = CASE WHEN url = $3 THEN rests_until END
        WHERE id = $1";
    SELECT_ENDPOINT = concat!("SELECT ", columns!(), " FROM webhook_endpoints e JOIN people p ON p.id = e.owner_id
        WHERE e.id = $1");
    LIST_ENDPOINTS = concat!("SELECT ", columns!(), " FROM webhook_endpoints e JOIN people p ON p.id = e.owner_id
        ORDER BY e.name
        LIMIT 100");
    COUNT_ENDPOINTS = "SELECT COUNT(*) FROM webhook_endpoints";
    SET_OFF = "UPDATE webhook_endpoints SET off_since = $2, off_why = $3 WHERE id = $1 AND off_since IS NULL";
    SET_ON = "UPDATE webhook_endpoints SET off_since = NULL, off_why = NULL, failing_since = NULL, rests_until = NULL
        WHERE id = $1 AND off_since IS NOT NULL";
    INSERT_SUBSCRIPTION = "INSERT INTO webhook_subscriptions (endpoint_id, topic) VALUES ($1, $2)";
    DELETE_SUBSCRIPTIONS = "DELETE FROM webhook_subscriptions WHERE endpoint_id = $1";
    LIST_SUBSCRIPTIONS = "SELECT topic FROM webhook_subscriptions WHERE endpoint_id = $1 ORDER BY topic";
    INSERT_SECRET = "INSERT INTO webhook_secrets (id, endpoint_id, key_id, nonce, sealed, made_at, ends_at)
        VALUES ($1, $2, $3, $4, $5, $6, NULL)";
    DELETE_FORMER = "DELETE FROM webhook_secrets WHERE endpoint_id = $1 AND ends_at IS NOT NULL";
    END_SECRET = "UPDATE webhook_secrets SET ends_at = $2 WHERE endpoint_id = $1 AND ends_at IS NULL";
    LIST_SECRETS = "SELECT id, endpoint_id, key_id, nonce, sealed, made_at, ends_at FROM webhook_secrets
        WHERE endpoint_id = $1 AND (ends_at IS NULL OR ends_at > $2)
        ORDER BY made_at DESC, id DESC
        LIMIT 2";
    LIST_ALL_SECRETS = "SELECT id, endpoint_id, key_id, nonce, sealed, made_at, ends_at FROM webhook_secrets
        ORDER BY id
        LIMIT 1000";
}

/// An endpoint as it is written.
#[derive(Clone, Debug)]
pub struct Text {
    /// Identifies it.
    pub id: EndpointId,
    /// As in [`Endpoint`].
    pub name: String,
    /// As in [`Endpoint`].
    pub url: String,
    /// As in [`Endpoint`].
    pub owner_id: PersonId,
}

record! {
    /// An endpoint.
    #[derive(Clone, Debug)]
    pub struct Endpoint {
        /// Identifies it.
        pub id: EndpointId,
        /// What people call it.
        pub name: String,
        /// Where messages go.
        pub url: String,
        /// Who is told when it is switched off.
        pub owner_id: PersonId,
        /// That person's name.
        pub owner_name: String,
        /// And e-mail address.
        pub owner_email: String,
        /// When it was made.
        pub made_at: DateTime<Utc>,
        /// Since when nothing is sent to it.
        pub off_since: Option<DateTime<Utc>>,
        /// Why.
        pub off_why: Option<OffReason>,
        /// The first of a row of failures that no success has ended.
        pub failing_since: Option<DateTime<Utc>>,
        /// Until when it asked to be left alone.
        pub rests_until: Option<DateTime<Utc>>,
    }
}

impl Endpoint {
    /// How it does.
    pub fn state(&self) -> EndpointState {
        match (self.off_since, self.failing_since) {
            (Some(_), _) => EndpointState::Off,
            (None, Some(_)) => EndpointState::Failing,
            (None, None) => EndpointState::On,
        }
    }
}

record! {
    /// A key of an endpoint, sealed.
    #[derive(Clone)]
    pub struct Key {
        /// Part of what the seal is bound to.
        pub id: SecretId,
        /// Whose it is; part of what the seal is bound to.
        pub endpoint_id: EndpointId,
        /// Which master key sealed it.
        pub key_id: String,
        /// As in [`Sealed`].
        pub nonce: Vec<u8>,
        /// As in [`Sealed`].
        pub sealed: Vec<u8>,
        /// When it was made.
        pub made_at: DateTime<Utc>,
        /// Until when it signs, where another one took its place.
        pub ends_at: Option<DateTime<Utc>>,
    }
}

/// Adds an endpoint that is on.
///
/// # Errors
/// [`StoreError::Duplicate`] where the name is taken.
pub async fn add(tx: &mut Tx, endpoint: &Text, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_ENDPOINT)
        .bind(endpoint.id).bind(&endpoint.name).bind(&endpoint.url).bind(endpoint.owner_id).bind(at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Replaces name, address and owner; says whether there is such an endpoint. At another address it begins without failures.
///
/// # Errors
/// [`StoreError::Duplicate`] where the name is taken.
pub async fn replace(tx: &mut Tx, endpoint: &Text) -> Result<bool, StoreError> {
    let done = on!(tx, conn => sqlx::query(UPDATE_ENDPOINT)
        .bind(endpoint.id).bind(&endpoint.name).bind(&endpoint.url).bind(endpoint.owner_id)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// An endpoint.
///
/// # Errors
/// What the database says.
pub async fn by_id(tx: &mut Tx, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_ENDPOINT).bind(id).fetch_optional(conn).await)?)
}

/// All endpoints by name; there are never more than a few.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx) -> Result<Vec<Endpoint>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_ENDPOINTS).fetch_all(conn).await)?)
}

/// How many there are.
///
/// # Errors
/// What the database says.
pub async fn count(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_ENDPOINTS).fetch_one(conn).await)?)
}

/// Switches an endpoint off; false where it was off.
///
/// # Errors
/// What the database says.
pub async fn set_off(tx: &mut Tx, id: EndpointId, why: OffReason, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = on!(tx, conn => sqlx::query(SET_OFF).bind(id).bind(at).bind(why)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Switches an endpoint on; false where it was on.
///
/// # Errors
/// What the database says.
pub async fn set_on(tx: &mut Tx, id: EndpointId) -> Result<bool, StoreError> {
    let done = on!(tx, conn => sqlx::query(SET_ON).bind(id).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Replaces what an endpoint is told of.
///
/// # Errors
/// What the database says.
pub async fn set_topics(tx: &mut Tx, id: EndpointId, topics: &[Topic]) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_SUBSCRIPTIONS).bind(id).execute(conn).await.map(|_| ()))?;
    for topic in topics {
        on!(tx, conn => sqlx::query(INSERT_SUBSCRIPTION).bind(id).bind(*topic).execute(conn).await.map(|_| ()))?;
    }
    Ok(())
}

/// What an endpoint is told of.
///
/// # Errors
/// What the database says.
pub async fn topics(tx: &mut Tx, id: EndpointId) -> Result<Vec<Topic>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(LIST_SUBSCRIPTIONS).bind(id).fetch_all(conn).await)?)
}

/// Puts a key in the place of the present one, which goes on signing until `former_ends`. One that was replaced before
/// ends at once, so that there are never more than two.
///
/// # Errors
/// What the database says.
pub async fn put_key(
    tx: &mut Tx,
    id: EndpointId,
    key: &Sealed,
    (at, former_ends): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_FORMER).bind(id).execute(conn).await.map(|_| ()))?;
    on!(tx, conn => sqlx::query(END_SECRET).bind(id).bind(former_ends).execute(conn).await.map(|_| ()))?;
    on!(tx, conn => sqlx::query(INSERT_SECRET)
        .bind(key.id).bind(id).bind(&key.key_id).bind(&key.nonce).bind(&key.sealed).bind(at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The keys that sign at an instant, the present one first.
///
/// # Errors
/// What the database says.
pub async fn keys(tx: &mut Tx, id: EndpointId, at: DateTime<Utc>) -> Result<Vec<Key>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_SECRETS).bind(id).bind(at).fetch_all(conn).await)?)
}

/// All keys, for a check of them all.
///
/// # Errors
/// What the database says.
pub async fn all_keys(tx: &mut Tx) -> Result<Vec<Key>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_ALL_SECRETS).fetch_all(conn).await)?)
}
