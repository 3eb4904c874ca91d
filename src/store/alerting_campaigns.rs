//! Changes of alerting IPs, and their dates as they were promised.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::alerting_ip::campaign::CampaignState;
use crate::domain::id::PersonId;

/// The columns of a change.
macro_rules! columns {
    () => {
        "number, old_ip, new_ip, state, effective_at, until_at, revision, emergency_reason, override_reason, override_by,
            opened_at, opened_by, ended_at, cursor, next_at"
    };
}

statements! {
    TAKE_NUMBER = "INSERT INTO counters (name, value) VALUES ('alerting_campaign', 1)
        ON CONFLICT (name) DO UPDATE SET value = counters.value + 1
        RETURNING value";
    INSERT_CAMPAIGN = concat!("INSERT INTO alerting_campaigns (", columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)");
    UPDATE_CAMPAIGN = "UPDATE alerting_campaigns
        SET state = $2, effective_at = $3, until_at = $4, revision = $5, emergency_reason = $6, override_reason = $7,
            override_by = $8, ended_at = $9, cursor = $10, next_at = $11
        WHERE number = $1";
    SELECT_CAMPAIGN = concat!("SELECT ", columns!(), " FROM alerting_campaigns WHERE number = $1");
    SELECT_LOCKED = concat!("SELECT ", columns!(), " FROM alerting_campaigns WHERE number = $1 FOR UPDATE");
    LIST_CAMPAIGNS = concat!("SELECT ", columns!(), " FROM alerting_campaigns
        WHERE number < $1
        ORDER BY number DESC
        LIMIT $2");
    SELECT_DUE = concat!("SELECT ", columns!(), " FROM alerting_campaigns
        WHERE next_at <= $1
        ORDER BY next_at
        LIMIT 1");
    // PostgreSQL has several nodes: what one of them works on, the others leave alone.
    SELECT_DUE_LOCKED = concat!("SELECT ", columns!(), " FROM alerting_campaigns
        WHERE next_at <= $1
        ORDER BY next_at
        LIMIT 1
        FOR UPDATE SKIP LOCKED");
    COUNT_UNDER_WAY = "SELECT COUNT(*) FROM alerting_campaigns WHERE state = 'open' AND (old_ip = $1 OR new_ip = $1)";
    INSERT_DATES = "INSERT INTO alerting_campaign_dates
            (campaign, revision, effective_at, until_at, reason, at, by_person)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    LIST_DATES = "SELECT d.revision, d.effective_at, d.until_at, d.reason, d.at, p.name AS by_name
        FROM alerting_campaign_dates d LEFT JOIN people p ON p.id = d.by_person
        WHERE d.campaign = $1
        ORDER BY d.revision DESC
        LIMIT 200";
}

record! {
    /// A change as it is on record.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Campaign {
        /// What people call it; counts from 1.
        pub number: i64,
        /// The address that ends.
        pub old_ip: i64,
        /// The one that takes its place.
        pub new_ip: i64,
        /// How far it has come.
        pub state: CampaignState,
        /// When alerts begin to come from the new address.
        pub effective_at: DateTime<Utc>,
        /// Until when the former one is honoured.
        pub until_at: DateTime<Utc>,
        /// Counts up when dates move.
        pub revision: i64,
        /// Why it could not be announced in time.
        pub emergency_reason: Option<String>,
        /// Why a lead goes on without the proofs that are missing.
        pub override_reason: Option<String>,
        /// Who does.
        pub override_by: Option<PersonId>,
        /// When it was announced.
        pub opened_at: DateTime<Utc>,
        /// By whom.
        pub opened_by: PersonId,
        /// When it ended.
        pub ended_at: Option<DateTime<Utc>>,
        /// Up to which case the sweep has come.
        pub cursor: i64,
        /// When the sweep goes on; none once nothing is left to do.
        pub next_at: Option<DateTime<Utc>>,
    }
}

record! {
    /// A promised pair of dates.
    #[derive(Clone, Debug)]
    pub struct Dates {
        /// Counts from 1.
        pub revision: i64,
        /// When alerts begin to come from the new address.
        pub effective_at: DateTime<Utc>,
        /// Until when the former one is honoured.
        pub until_at: DateTime<Utc>,
        /// Why these.
        pub reason: String,
        /// Since when.
        pub at: DateTime<Utc>,
        /// By whom.
        pub by_name: Option<String>,
    }
}

/// Takes the next number.
///
/// # Errors
/// What the database says.
pub async fn take_number(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(TAKE_NUMBER).fetch_one(conn).await)?)
}

/// Adds a change.
///
/// # Errors
/// [`StoreError::Duplicate`] where one of the same address is open.
pub async fn add(tx: &mut Tx, campaign: &Campaign) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_CAMPAIGN)
        .bind(campaign.number).bind(campaign.old_ip).bind(campaign.new_ip).bind(campaign.state)
        .bind(campaign.effective_at).bind(campaign.until_at).bind(campaign.revision).bind(&campaign.emergency_reason)
        .bind(&campaign.override_reason).bind(campaign.override_by).bind(campaign.opened_at).bind(campaign.opened_by)
        .bind(campaign.ended_at).bind(campaign.cursor).bind(campaign.next_at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Replaces what can change of one. It was read with [`hold`] or [`due`] in this transaction.
///
/// # Errors
/// What the database says.
pub async fn replace(tx: &mut Tx, campaign: &Campaign) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(UPDATE_CAMPAIGN)
        .bind(campaign.number).bind(campaign.state).bind(campaign.effective_at).bind(campaign.until_at)
        .bind(campaign.revision).bind(&campaign.emergency_reason).bind(&campaign.override_reason)
        .bind(campaign.override_by).bind(campaign.ended_at).bind(campaign.cursor).bind(campaign.next_at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The change of a number.
///
/// # Errors
/// What the database says.
pub async fn by_number(tx: &mut Tx, number: i64) -> Result<Option<Campaign>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_CAMPAIGN).bind(number).fetch_optional(conn).await)?)
}

/// As [`by_number`], held for the transaction.
///
/// # Errors
/// What the database says.
pub async fn hold(tx: &mut Tx, number: i64) -> Result<Option<Campaign>, StoreError> {
    let text = match tx {
        Tx::Sqlite(_) => SELECT_CAMPAIGN,
        Tx::Postgres(_) => SELECT_LOCKED,
    };
    Ok(on!(tx, conn => sqlx::query_as(text).bind(number).fetch_optional(conn).await)?)
}

/// Changes, newest first, with numbers below `before`.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx, before: i64, limit: i64) -> Result<Vec<Campaign>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_CAMPAIGNS).bind(before).bind(limit).fetch_all(conn).await)?)
}

/// The change that the sweep has to go on with, held for the transaction.
///
/// # Errors
/// What the database says.
pub async fn due(tx: &mut Tx, now: DateTime<Utc>) -> Result<Option<Campaign>, StoreError> {
    let text = match tx {
        Tx::Sqlite(_) => SELECT_DUE,
        Tx::Postgres(_) => SELECT_DUE_LOCKED,
    };
    Ok(on!(tx, conn => sqlx::query_as(text).bind(now).fetch_optional(conn).await)?)
}

/// How many open changes an address is part of.
///
/// # Errors
/// What the database says.
pub async fn under_way(tx: &mut Tx, ip: i64) -> Result<i64, StoreError> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_UNDER_WAY).bind(ip).fetch_one(conn).await)?)
}

/// Keeps the dates of the present revision.
///
/// # Errors
/// What the database says.
pub async fn add_dates(
    tx: &mut Tx,
    campaign: &Campaign,
    (reason, by): (&str, Option<PersonId>),
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_DATES)
        .bind(campaign.number).bind(campaign.revision).bind(campaign.effective_at).bind(campaign.until_at)
        .bind(reason).bind(at).bind(by)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The dates as they were promised, newest first.
///
/// # Errors
/// What the database says.
pub async fn dates(tx: &mut Tx, number: i64) -> Result<Vec<Dates>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_DATES).bind(number).fetch_all(conn).await)?)
}
