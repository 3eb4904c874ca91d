//! People, their roles and memberships.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::actor::{Person, Role};
use crate::domain::id::{CustomerId, PersonId};

statements! {
    INSERT_PERSON = "INSERT INTO people (id, email, name, password_hash, wants_mail, active, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    INSERT_ROLE = "INSERT INTO staff_roles (person_id, role) VALUES ($1, $2)";
    DELETE_ROLES = "DELETE FROM staff_roles WHERE person_id = $1";
    INSERT_MEMBERSHIP = "INSERT INTO memberships (customer_id, person_id, all_cases) VALUES ($1, $2, $3)";
    SELECT_PERSON = "SELECT p.id, p.email, p.name, p.active, p.wants_mail, p.password_hash IS NOT NULL AS has_password,
            m.customer_id, m.all_cases
        FROM people p
        LEFT JOIN memberships m ON m.person_id = p.id
        WHERE p.id = $1";
    SELECT_ID = "SELECT id FROM people WHERE email = $1";
    SELECT_CREDENTIALS = "SELECT id, password_hash FROM people WHERE email = $1 AND active";
    SELECT_ROLES = "SELECT role FROM staff_roles WHERE person_id = $1 ORDER BY role";
    LIST_PEOPLE = "SELECT p.id, p.email, p.name, p.active, p.wants_mail, p.password_hash IS NOT NULL AS has_password,
            m.customer_id, m.all_cases
        FROM people p
        LEFT JOIN memberships m ON m.person_id = p.id
        ORDER BY p.email
        LIMIT 1000";
    LIST_CONTACTS = "SELECT p.id, p.email, p.name, p.active, p.wants_mail, p.password_hash IS NOT NULL AS has_password,
            m.customer_id, m.all_cases
        FROM memberships m
        JOIN people p ON p.id = m.person_id
        WHERE m.customer_id = $1 AND p.active
        ORDER BY p.email
        LIMIT 100";
    LIST_VENDOR = "SELECT p.id, p.email, p.name, p.active, p.wants_mail, p.password_hash IS NOT NULL AS has_password,
            NULL AS customer_id, NULL AS all_cases
        FROM people p
        WHERE NOT EXISTS (SELECT 1 FROM memberships m WHERE m.person_id = p.id)
        ORDER BY p.email
        LIMIT 1000";
    LIST_MEMBERS = "SELECT p.id, p.email, p.name, p.active, p.wants_mail, p.password_hash IS NOT NULL AS has_password,
            m.customer_id, m.all_cases
        FROM memberships m
        JOIN people p ON p.id = m.person_id
        WHERE m.customer_id = $1
        ORDER BY p.email
        LIMIT 1000";
    LIST_STAFF = "SELECT p.id, p.email, p.name, p.active, p.wants_mail, p.password_hash IS NOT NULL AS has_password,
            NULL AS customer_id, NULL AS all_cases
        FROM staff_roles r
        JOIN people p ON p.id = r.person_id
        WHERE r.role = $1 AND p.active
        ORDER BY p.email
        LIMIT 100";
    SET_NAME = "UPDATE people SET name = $2 WHERE id = $1";
    SET_RIGHT = "UPDATE memberships SET all_cases = $2 WHERE person_id = $1";
    SET_PASSWORD = "UPDATE people SET password_hash = $2 WHERE id = $1";
    SET_ACTIVE = "UPDATE people SET active = $2 WHERE id = $1";
    COUNT_ADMINS = "SELECT COUNT(*) FROM staff_roles r JOIN people p ON p.id = r.person_id
        WHERE r.role = 'admin' AND p.active";
}

record! {
    struct PersonRow {
        id: PersonId,
        email: String,
        name: String,
        active: bool,
        wants_mail: bool,
        has_password: bool,
        customer_id: Option<CustomerId>,
        all_cases: Option<bool>,
    }
}

/// A person with what only administration needs to know.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The person.
    pub person: Person,
    /// Whether the person may sign in.
    pub active: bool,
    /// Whether the person wants mail that goes to a whole role.
    pub wants_mail: bool,
    /// Whether a password was ever set; without one nobody can sign in as this person.
    pub has_password: bool,
}

impl PersonRow {
    fn with_roles(self, roles: Vec<Role>) -> Entry {
        let mut roles: std::collections::BTreeSet<Role> = roles.into_iter().collect();
        if self.customer_id.is_some() {
            roles = std::collections::BTreeSet::from([Role::Customer]);
        }
        Entry {
            active: self.active,
            wants_mail: self.wants_mail,
            has_password: self.has_password,
            person: Person {
                id: self.id,
                name: self.name,
                email: self.email,
                roles,
                customer: self.customer_id,
                all_cases: self.all_cases.unwrap_or(true),
            },
        }
    }
}

/// Adds a person with roles (of the vendor) or a membership (of a customer). The address is stored in lower case.
///
/// # Errors
/// [`StoreError::Duplicate`] where the address is taken.
pub async fn add(tx: &mut Tx, entry: &Entry, password_hash: Option<&str>, at: DateTime<Utc>) -> Result<(), StoreError> {
    let person = &entry.person;
    on!(tx, conn => sqlx::query(INSERT_PERSON)
        .bind(person.id).bind(person.email.to_lowercase()).bind(&person.name).bind(password_hash)
        .bind(entry.wants_mail).bind(entry.active).bind(at)
        .execute(conn).await.map(|_| ()))?;
    match person.customer {
        Some(customer) => {
            on!(tx, conn => sqlx::query(INSERT_MEMBERSHIP).bind(customer).bind(person.id).bind(person.all_cases)
                .execute(conn).await.map(|_| ()))?;
        }
        None => set_roles(tx, person.id, person.roles.iter().copied()).await?,
    }
    Ok(())
}

/// Replaces the roles of one of the vendor's people.
///
/// # Errors
/// What the database says.
pub async fn set_roles(tx: &mut Tx, id: PersonId, roles: impl Iterator<Item = Role>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(DELETE_ROLES).bind(id).execute(conn).await.map(|_| ()))?;
    for role in roles {
        on!(tx, conn => sqlx::query(INSERT_ROLE).bind(id).bind(role).execute(conn).await.map(|_| ()))?;
    }
    Ok(())
}

/// A person.
///
/// # Errors
/// What the database says.
pub async fn by_id(tx: &mut Tx, id: PersonId) -> Result<Option<Entry>, StoreError> {
    let row: Option<PersonRow> = on!(tx, conn => sqlx::query_as(SELECT_PERSON).bind(id).fetch_optional(conn).await)?;
    match row {
        Some(row) => complete(tx, row).await.map(Some),
        None => Ok(None),
    }
}

/// The person with an address, written as it is stored: in lower case.
///
/// # Errors
/// What the database says.
pub async fn by_email(tx: &mut Tx, email: &str) -> Result<Option<Entry>, StoreError> {
    let id: Option<PersonId> = on!(tx, conn => sqlx::query_scalar(SELECT_ID).bind(email).fetch_optional(conn).await)?;
    match id {
        Some(id) => by_id(tx, id).await,
        None => Ok(None),
    }
}

/// The active person with this address, and the hash of the password, if one is set.
///
/// # Errors
/// What the database says.
pub async fn credentials(tx: &mut Tx, email: &str) -> Result<Option<(PersonId, Option<String>)>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(SELECT_CREDENTIALS).bind(email.to_lowercase()).fetch_optional(conn).await)?)
}

/// All people by address, at most a thousand.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<PersonRow> = on!(tx, conn => sqlx::query_as(LIST_PEOPLE).fetch_all(conn).await)?;
    complete_all(tx, rows).await
}

/// The active contacts of a customer.
///
/// # Errors
/// What the database says.
pub async fn contacts(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<PersonRow> = on!(tx, conn => sqlx::query_as(LIST_CONTACTS).bind(customer).fetch_all(conn).await)?;
    complete_all(tx, rows).await
}

/// The vendor's active people who hold a role.
///
/// # Errors
/// What the database says.
pub async fn staff(tx: &mut Tx, role: Role) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<PersonRow> = on!(tx, conn => sqlx::query_as(LIST_STAFF).bind(role).fetch_all(conn).await)?;
    complete_all(tx, rows).await
}

/// The vendor's people, whether they may sign in or not.
///
/// # Errors
/// What the database says.
pub async fn vendor(tx: &mut Tx) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<PersonRow> = on!(tx, conn => sqlx::query_as(LIST_VENDOR).fetch_all(conn).await)?;
    complete_all(tx, rows).await
}

/// The people of a customer, whether they may sign in or not.
///
/// # Errors
/// What the database says.
pub async fn members(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<PersonRow> = on!(tx, conn => sqlx::query_as(LIST_MEMBERS).bind(customer).fetch_all(conn).await)?;
    complete_all(tx, rows).await
}

/// Changes what others call a person.
///
/// # Errors
/// What the database says.
pub async fn set_name(tx: &mut Tx, id: PersonId, name: &str) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET_NAME).bind(id).bind(name).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Lets a customer's contact see all cases of the customer, or the own ones.
///
/// # Errors
/// What the database says.
pub async fn set_right(tx: &mut Tx, id: PersonId, all_cases: bool) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET_RIGHT).bind(id).bind(all_cases).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Stores a new password hash.
///
/// # Errors
/// What the database says.
pub async fn set_password(tx: &mut Tx, id: PersonId, hash: &str) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET_PASSWORD).bind(id).bind(hash).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Lets a person sign in, or no longer; the caller ends the sessions.
///
/// # Errors
/// What the database says.
pub async fn set_active(tx: &mut Tx, id: PersonId, active: bool) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET_ACTIVE).bind(id).bind(active).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Whether an active administrator exists.
///
/// # Errors
/// What the database says.
pub async fn has_admin(tx: &mut Tx) -> Result<bool, StoreError> {
    let count: i64 = on!(tx, conn => sqlx::query_scalar(COUNT_ADMINS).fetch_one(conn).await)?;
    Ok(count > 0)
}

async fn complete(tx: &mut Tx, row: PersonRow) -> Result<Entry, StoreError> {
    let roles: Vec<Role> = on!(tx, conn => sqlx::query_scalar(SELECT_ROLES).bind(row.id).fetch_all(conn).await)?;
    Ok(row.with_roles(roles))
}

async fn complete_all(tx: &mut Tx, rows: Vec<PersonRow>) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        entries.push(complete(tx, row).await?);
    }
    Ok(entries)
}
