//! The vendor's policy: how long each promise may take, by priority, from a date on. Rows are added and never changed.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::case::Priority;
use crate::domain::id::{PersonId, PolicyRowId};
use crate::domain::objective::Targets;
use crate::domain::workflow::Delay;

statements! {
    INSERT_ROW = "INSERT INTO policy_rows (id, priority, valid_from, first_answer, next_update, done, made_at, made_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    // Of two rows for one instant, the one that was made last holds.
    SELECT_IN_FORCE = "SELECT id, priority, valid_from, first_answer, next_update, done, made_at, made_by
        FROM policy_rows
        WHERE priority = $1 AND valid_from <= $2
        ORDER BY valid_from DESC, made_at DESC
        LIMIT 1";
    LIST_ROWS = "SELECT id, priority, valid_from, first_answer, next_update, done, made_at, made_by
        FROM policy_rows
        ORDER BY priority, valid_from DESC, made_at DESC
        LIMIT 500";
}

record! {
    struct Stored {
        id: PolicyRowId,
        priority: Priority,
        valid_from: DateTime<Utc>,
        first_answer: String,
        next_update: String,
        done: String,
        made_at: DateTime<Utc>,
        made_by: Option<PersonId>,
    }
}

/// A row of policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Identifies the row.
    pub id: PolicyRowId,
    /// Cases of which priority it is for.
    pub priority: Priority,
    /// Cases that were opened from this instant on use it.
    pub valid_from: DateTime<Utc>,
    /// How long each promise may take.
    pub targets: Targets,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// By whom; none from the command line.
    pub made_by: Option<PersonId>,
}

impl TryFrom<Stored> for Row {
    type Error = StoreError;

    fn try_from(row: Stored) -> Result<Self, StoreError> {
        let delay = |column, text: &str| {
            let detail = || format!("{text:?} is no span");
            Delay::parse(text).ok_or_else(|| StoreError::Corrupt { table: "policy_rows", column, detail: detail() })
        };
        Ok(Self {
            id: row.id,
            priority: row.priority,
            valid_from: row.valid_from,
            targets: Targets {
                first_answer: delay("first_answer", &row.first_answer)?,
                next_update: delay("next_update", &row.next_update)?,
                done: delay("done", &row.done)?,
            },
            made_at: row.made_at,
            made_by: row.made_by,
        })
    }
}

/// Adds a row.
///
/// # Errors
/// What the database says.
pub async fn add(tx: &mut Tx, row: &Row) -> Result<(), StoreError> {
    let Targets { first_answer, next_update, done } = row.targets;
    on!(tx, conn => sqlx::query(INSERT_ROW)
        .bind(row.id).bind(row.priority).bind(row.valid_from)
        .bind(first_answer.to_string()).bind(next_update.to_string()).bind(done.to_string())
        .bind(row.made_at).bind(row.made_by)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The row for cases of a priority that were opened at an instant.
///
/// # Errors
/// What the database says.
pub async fn in_force(tx: &mut Tx, priority: Priority, at: DateTime<Utc>) -> Result<Option<Row>, StoreError> {
    let row: Option<Stored> =
        on!(tx, conn => sqlx::query_as(SELECT_IN_FORCE).bind(priority).bind(at).fetch_optional(conn).await)?;
    row.map(Row::try_from).transpose()
}

/// All rows by priority, newest first, at most 500.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx) -> Result<Vec<Row>, StoreError> {
    let rows: Vec<Stored> = on!(tx, conn => sqlx::query_as(LIST_ROWS).fetch_all(conn).await)?;
    rows.into_iter().map(Row::try_from).collect()
}
