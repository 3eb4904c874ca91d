//! Customers and their product tenants.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, on, record, statements};
use crate::domain::customer::{Architecture, Customer, Tenant};
use crate::domain::id::{CustomerId, SecretId, SettingsId, TenantId};

statements! {
    INSERT_CUSTOMER = "INSERT INTO customers (id, name, architecture, list_word, created_at) VALUES ($1, $2, $3, $4, $5)";
    UPDATE_CUSTOMER = "UPDATE customers SET name = $2, architecture = $3, list_word = $4 WHERE id = $1";
    SET_ARCHITECTURE = "UPDATE customers SET architecture = $2 WHERE id = $1";
    SELECT_CUSTOMER = "SELECT id, name, architecture, list_word FROM customers WHERE id = $1";
    SELECT_CUSTOMER_BY_NAME = "SELECT id, name, architecture, list_word FROM customers WHERE name = $1";
    LIST_CUSTOMERS = "SELECT id, name, architecture, list_word FROM customers ORDER BY name LIMIT 1000";
    INSERT_TENANT = "INSERT INTO tenants (customer_id, id, name, base_url, api_key_id, settings_in_use, created_at)
        VALUES ($1, $2, $3, $4, $5, NULL, $6)";
    SELECT_TENANT = "SELECT customer_id, id, name, base_url, api_key_id, settings_in_use
        FROM tenants
        WHERE customer_id = $1 AND id = $2";
    LIST_TENANTS = "SELECT customer_id, id, name, base_url, api_key_id, settings_in_use
        FROM tenants
        WHERE customer_id = $1
        ORDER BY name
        LIMIT 1000";
    SET_TENANT_ACCESS = "UPDATE tenants SET base_url = $3, api_key_id = $4 WHERE customer_id = $1 AND id = $2";
    SET_SETTINGS_IN_USE = "UPDATE tenants SET settings_in_use = $3 WHERE customer_id = $1 AND id = $2";
}

record! {
    struct CustomerRow {
        id: CustomerId,
        name: String,
        architecture: Architecture,
        list_word: Option<String>,
    }
}

impl From<CustomerRow> for Customer {
    fn from(row: CustomerRow) -> Self {
        Self { id: row.id, name: row.name, architecture: row.architecture, list_word: row.list_word }
    }
}

record! {
    struct TenantRow {
        customer_id: CustomerId,
        id: TenantId,
        name: String,
        base_url: Option<String>,
        api_key_id: Option<SecretId>,
        settings_in_use: Option<SettingsId>,
    }
}

impl From<TenantRow> for Tenant {
    fn from(row: TenantRow) -> Self {
        Self {
            customer: row.customer_id,
            id: row.id,
            name: row.name,
            base_url: row.base_url,
            api_key: row.api_key_id,
            settings_in_use: row.settings_in_use,
        }
    }
}

/// Adds a customer.
///
/// # Errors
/// [`StoreError::Duplicate`] where the name is taken.
pub async fn add(tx: &mut Tx, customer: &Customer, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_CUSTOMER)
        .bind(customer.id).bind(&customer.name).bind(customer.architecture).bind(&customer.list_word).bind(at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Replaces everything of a customer but who it is; says whether the customer exists.
///
/// # Errors
/// [`StoreError::Duplicate`] where the name is taken.
pub async fn replace(tx: &mut Tx, customer: &Customer) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(UPDATE_CUSTOMER)
        .bind(customer.id).bind(&customer.name).bind(customer.architecture).bind(&customer.list_word)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Changes how the product reaches a customer's network; says whether the customer exists.
///
/// # Errors
/// What the database says.
pub async fn set_architecture(tx: &mut Tx, id: CustomerId, architecture: Architecture) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(SET_ARCHITECTURE).bind(id).bind(architecture)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// A customer.
///
/// # Errors
/// What the database says.
pub async fn by_id(tx: &mut Tx, id: CustomerId) -> Result<Option<Customer>, StoreError> {
    let row: Option<CustomerRow> =
        on!(tx, conn => sqlx::query_as(SELECT_CUSTOMER).bind(id).fetch_optional(conn).await)?;
    Ok(row.map(Customer::from))
}

/// A customer by name.
///
/// # Errors
/// What the database says.
pub async fn by_name(tx: &mut Tx, name: &str) -> Result<Option<Customer>, StoreError> {
    let row: Option<CustomerRow> =
        on!(tx, conn => sqlx::query_as(SELECT_CUSTOMER_BY_NAME).bind(name).fetch_optional(conn).await)?;
    Ok(row.map(Customer::from))
}

/// All customers by name, at most a thousand.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut Tx) -> Result<Vec<Customer>, StoreError> {
    let rows: Vec<CustomerRow> = on!(tx, conn => sqlx::query_as(LIST_CUSTOMERS).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Customer::from).collect())
}

/// Adds a product tenant.
///
/// # Errors
/// [`StoreError::Duplicate`] where the name is taken.
pub async fn add_tenant(tx: &mut Tx, tenant: &Tenant, at: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_TENANT)
        .bind(tenant.customer).bind(tenant.id).bind(&tenant.name).bind(&tenant.base_url).bind(tenant.api_key).bind(at)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// A product tenant of a customer.
///
/// # Errors
/// What the database says.
pub async fn tenant(tx: &mut Tx, customer: CustomerId, id: TenantId) -> Result<Option<Tenant>, StoreError> {
    let row: Option<TenantRow> =
        on!(tx, conn => sqlx::query_as(SELECT_TENANT).bind(customer).bind(id).fetch_optional(conn).await)?;
    Ok(row.map(Tenant::from))
}

/// The product tenants of a customer, by name.
///
/// # Errors
/// What the database says.
pub async fn tenants(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Tenant>, StoreError> {
    let rows: Vec<TenantRow> = on!(tx, conn => sqlx::query_as(LIST_TENANTS).bind(customer).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Tenant::from).collect())
}

/// Changes where a tenant's API is and which key opens it; says whether the tenant exists.
///
/// # Errors
/// What the database says.
pub async fn set_tenant_access(
    tx: &mut Tx,
    (customer, id): (CustomerId, TenantId),
    base_url: Option<&str>,
    api_key: Option<SecretId>,
) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => sqlx::query(SET_TENANT_ACCESS).bind(customer).bind(id).bind(base_url).bind(api_key)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Records which settings are in use in a tenant.
///
/// # Errors
/// What the database says.
pub async fn set_settings_in_use(
    tx: &mut Tx,
    (customer, id): (CustomerId, TenantId),
    settings: SettingsId,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET_SETTINGS_IN_USE).bind(customer).bind(id).bind(settings)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}
