//! How long a contact of a customer has been known, and who verified it.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{CustomerId, PersonId};

macro_rules! contacts {
    () => {
        "SELECT p.id, p.name, p.email, m.all_cases, p.created_at AS since, v.name AS verified_by,
            m.verified_at, m.verified_how
        FROM memberships m
        JOIN people p ON p.id = m.person_id
        LEFT JOIN people v ON v.id = m.verified_by
        WHERE m.customer_id = $1 AND p.active"
    };
}

statements! {
    LIST_CONTACTS = concat!(contacts!(), "
        ORDER BY p.email
        LIMIT 100");
    SELECT_CONTACT = concat!(contacts!(), " AND p.id = $2");
    SET_VERIFIED = "UPDATE memberships SET verified_by = $3, verified_at = $4, verified_how = $5
        WHERE customer_id = $1 AND person_id = $2";
}

record! {
    /// An active contact. The membership is made together with the person, so it is as old.
    #[derive(Clone, Debug)]
    pub struct Contact {
        /// The person.
        pub id: PersonId,
        /// Shown to others.
        pub name: String,
        /// Where mail goes.
        pub email: String,
        /// Whether the contact sees every case of the customer.
        pub all_cases: bool,
        /// Since when the person has been a contact.
        pub since: DateTime<Utc>,
        /// Who verified it, by name.
        pub verified_by: Option<String>,
        /// When.
        pub verified_at: Option<DateTime<Utc>>,
        /// How.
        pub verified_how: Option<String>,
    }
}

/// The active contacts of a customer, at most a hundred.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Contact>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_CONTACTS).bind(customer).fetch_all(conn).await)?)
}

/// One active contact of a customer.
///
/// # Errors
/// What the database says.
pub async fn one(tx: &mut Tx, customer: CustomerId, contact: PersonId) -> Result<Option<Contact>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_CONTACT).bind(customer).bind(contact).fetch_optional(conn).await)?)
}

/// Writes down that somebody verified a contact, and how.
///
/// # Errors
/// What the database says.
pub async fn set_verified(
    tx: &mut Tx,
    (customer, contact): (CustomerId, PersonId),
    (by, how): (PersonId, &str),
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET_VERIFIED).bind(customer).bind(contact).bind(by).bind(at).bind(how)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}
