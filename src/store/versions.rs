//! Which version of its definition each case runs on.

use super::{StoreError, Tx, on, statements};
use crate::domain::case::{Case, WorkflowRef};

statements! {
    MOVE_CASE = "UPDATE cases SET version = $4, definition_hash = $5
        WHERE customer_id = $1 AND id = $2 AND revision = $3";
    COUNT_BY_VERSION = "SELECT workflow, version, definition_hash, COUNT(*) AS cases
        FROM cases
        GROUP BY workflow, version, definition_hash
        ORDER BY workflow, version, definition_hash";
}

/// Every definition that a case runs on, with the count of its cases.
///
/// # Errors
/// What the database says.
pub async fn counted(tx: &mut Tx) -> Result<Vec<(WorkflowRef, i64)>, StoreError> {
    let rows: Vec<(String, i64, String, i64)> =
        on!(tx, conn => sqlx::query_as(COUNT_BY_VERSION).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(|(id, version, hash, cases)| (WorkflowRef { id, version, hash }, cases)).collect())
}

/// Puts a case that was loaded at `loaded_revision` on the definition that it names; [`super::cases::replace`] saves the rest.
///
/// # Errors
/// [`StoreError::Contended`] where somebody was faster.
pub async fn set(tx: &mut Tx, loaded_revision: i64, case: &Case) -> Result<(), StoreError> {
    let done = on!(tx, conn => sqlx::query(MOVE_CASE)
        .bind(case.customer).bind(case.id).bind(loaded_revision)
        .bind(case.workflow.version).bind(&case.workflow.hash)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    if done == 1 { Ok(()) } else { Err(StoreError::Contended) }
}
