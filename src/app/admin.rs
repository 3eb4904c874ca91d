//! Administration: customers, people, tunnels, product tenants, effects that were given up.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::passwords::{self, check_password};
use super::webhooks::events::list_changed;
use super::{App, Error, FieldError, alerting_ips};
use crate::clock::fresh_id;
use crate::domain::actor::{Person, Role};
use crate::domain::contact::EmailAddress;
use crate::domain::customer::{Architecture, Customer, Tenant};
use crate::domain::id::{CustomerId, PersonId, TenantId};
use crate::domain::tunnel::Tunnel;
use crate::secret::Secret;
use crate::store::people::{self, Entry};
use crate::store::{StoreError, customers, tunnels};

/// Adds a customer.
///
/// # Errors
/// [`Error::Invalid`] for an empty or taken name.
pub async fn add_customer(app: &Arc<App>, name: String, architecture: Architecture) -> Result<Customer, Error> {
    check_text("name", "name of the customer", &name)?;
    let customer = Customer { id: CustomerId::new(fresh_id()), name, architecture, list_word: None };
    let (made, at) = (customer.clone(), app.now());
    app.db
        .write(move |tx| {
            let customer = made.clone();
            Box::pin(async move {
                customers::add(tx, &customer, at).await.map_err(|error| taken(error, "name", "customer"))
            })
        })
        .await?;
    Ok(customer)
}

/// Changes a customer's architecture: the vendor decides it, so it has no page of the customer's.
///
/// # Errors
/// [`Error::NotFound`] where nobody has that name.
pub async fn set_architecture(app: &Arc<App>, name: &str, architecture: Architecture) -> Result<(), Error> {
    let customer = customer(app, name).await?;
    app.db
        .write(move |tx| {
            Box::pin(async move {
                customers::set_architecture(tx, customer.id, architecture).await?;
                Ok::<(), Error>(())
            })
        })
        .await
}

/// All customers.
///
/// # Errors
/// What the database says.
pub async fn customers(app: &App) -> Result<Vec<Customer>, Error> {
    let mut tx = app.db.read().await?;
    Ok(customers::list(&mut tx).await?)
}

/// A customer.
///
/// # Errors
/// [`Error::NotFound`] where there is none with this identifier.
pub async fn customer_by_id(app: &App, id: CustomerId) -> Result<Customer, Error> {
    let mut tx = app.db.read().await?;
    customers::by_id(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// Changes a customer: its name, the architecture that the vendor decided on, and the word of its mails. Cases that run
/// keep their architecture.
///
/// # Errors
/// [`Error::Invalid`] for a name that is empty or taken and for a word that no mail can use; [`Error::NotFound`].
pub async fn change_customer(app: &Arc<App>, customer: Customer) -> Result<(), Error> {
    check_text("name", "name of the customer", &customer.name)?;
    if let Some(word) = &customer.list_word {
        check_list_word(word)?;
    }
    app.db
        .write(move |tx| {
            let customer = customer.clone();
            Box::pin(async move {
                let found =
                    customers::replace(tx, &customer).await.map_err(|error| taken(error, "name", "customer"))?;
                if found { Ok(()) } else { Err(Error::NotFound) }
            })
        })
        .await
}

/// Mails say "allowlist" and "allowlisted", so it is one lower-case word to which an ending can be put.
pub(super) fn check_list_word(word: &str) -> Result<(), Error> {
    let good =
        (3..=20).contains(&word.len()) && word.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'-');
    let text = "The word must be 3 to 20 small letters, like allowlist";
    if good { Ok(()) } else { Err(Error::field("list_word", "not_a_word", text)) }
}

/// A customer by name.
///
/// # Errors
/// [`Error::NotFound`] where nobody has it.
pub async fn customer(app: &App, name: &str) -> Result<Customer, Error> {
    let mut tx = app.db.read().await?;
    customers::by_name(&mut tx, name).await?.ok_or(Error::NotFound)
}

/// What a new person is.
#[derive(Clone, Debug)]
pub enum Place {
    /// Works for the vendor, with these roles.
    Staff(BTreeSet<Role>),
    /// A contact of a customer, who sees all of its cases or the own ones.
    Contact {
        /// The customer.
        customer: CustomerId,
        /// Sees all cases of the customer.
        all_cases: bool,
    },
}

/// Adds a person, with a password or without one.
///
/// # Errors
/// [`Error::Invalid`] names every field that needs another look.
pub async fn add_person(
    app: &Arc<App>,
    (name, email): (String, String),
    place: Place,
    password: Option<Secret>,
) -> Result<Person, Error> {
    check_person(&name, &email, password.as_ref())?;
    let person = placed((name, email), place)?;
    let hash = match password {
        Some(password) => Some(passwords::hash(app, password).await?),
        None => None,
    };
    let (made, at) = (person.clone(), app.now());
    app.db
        .write(move |tx| {
            let (person, hash) = (made.clone(), hash.clone());
            Box::pin(async move {
                let entry = Entry { person, active: true, wants_mail: true, has_password: hash.is_some() };
                people::add(tx, &entry, hash.as_deref(), at).await.map_err(|error| taken(error, "email", "person"))
            })
        })
        .await?;
    Ok(person)
}

/// A new person at a place. The address is kept in lower case.
///
/// # Errors
/// [`Error::Invalid`] where one of the vendor's people would have no role.
pub(super) fn placed((name, email): (String, String), place: Place) -> Result<Person, Error> {
    let (roles, customer, all_cases) = match place {
        Place::Staff(roles) if roles.is_empty() => {
            return Err(Error::field("roles", "missing", "Name at least one role: support, network, lead or admin"));
        }
        Place::Staff(roles) => (roles, None, true),
        Place::Contact { customer, all_cases } => (BTreeSet::from([Role::Customer]), Some(customer), all_cases),
    };
    Ok(Person { id: PersonId::new(fresh_id()), name, email: email.to_lowercase(), roles, customer, all_cases })
}

/// Changes a person: a new password, new roles, whether the person may sign in. Open sessions end.
///
/// # Errors
/// [`Error::NotFound`] where nobody has the address.
pub async fn set_person(
    app: &Arc<App>,
    email: &str,
    (roles, active): (Option<BTreeSet<Role>>, Option<bool>),
    password: Option<Secret>,
) -> Result<(), Error> {
    let entry = {
        let mut tx = app.db.read().await?;
        let all = people::list(&mut tx).await?;
        all.into_iter().find(|entry| entry.person.email == email.to_lowercase()).ok_or(Error::NotFound)?
    };
    if let Some(roles) = &roles {
        super::people::check_roles(&entry.person, roles)?;
    }
    if let Some(password) = &password {
        check_password(password).map_or(Ok(()), |error| Err(Error::Invalid(vec![error])))?;
    }
    let hash = match password {
        Some(password) => Some(passwords::hash(app, password).await?),
        None => None,
    };
    let id = entry.person.id;
    app.db
        .write(move |tx| {
            let (roles, hash) = (roles.clone(), hash.clone());
            Box::pin(async move {
                if let Some(roles) = roles {
                    people::set_roles(tx, id, roles.into_iter()).await?;
                }
                match active {
                    Some(true) => people::set_active(tx, id, true).await?,
                    Some(false) => {
                        people::set_active(tx, id, false).await?;
                        crate::store::sessions::end_every_way_in(tx, id).await?;
                    }
                    None => {}
                }
                if let Some(hash) = hash {
                    people::set_password(tx, id, &hash).await?;
                }
                crate::store::sessions::end_all(tx, id).await?;
                Ok::<(), Error>(())
            })
        })
        .await
}

/// All people.
///
/// # Errors
/// What the database says.
pub async fn people(app: &App) -> Result<Vec<Entry>, Error> {
    let mut tx = app.db.read().await?;
    Ok(people::list(&mut tx).await?)
}

/// Adds a tunnel, or replaces what is on record of the one with that name.
///
/// # Errors
/// [`Error::Invalid`] for a name that another customer's tunnel has, or an alerting IP that the tunnel has given up.
pub async fn put_tunnel(app: &Arc<App>, tunnel: Tunnel) -> Result<(), Error> {
    check_text("name", "name of the tunnel", &tunnel.name)?;
    let (shared, at) = (Arc::clone(app), app.now());
    app.db
        .write(move |tx| {
            let (app, mut tunnel) = (Arc::clone(&shared), tunnel.clone());
            Box::pin(async move {
                alerting_ips::admit(tx, &tunnel, at).await?;
                let known =
                    tunnels::list(tx, tunnel.customer).await?.into_iter().find(|known| known.name == tunnel.name);
                if let Some(known) = known {
                    tunnel.id = known.id;
                    // Held, so that it does not go over between this look and the change.
                    tunnels::hold(tx, tunnel.customer, tunnel.id).await?;
                    alerting_ips::refuse_former(tx, &tunnel).await?;
                    tunnels::replace(tx, &tunnel, at).await?;
                    return list_changed(&app, tx, tunnel.id, at).await;
                }
                tunnels::add(tx, &tunnel, at).await.map_err(|error| taken(error, "name", "tunnel"))
            })
        })
        .await
}

/// The tunnels of a customer.
///
/// # Errors
/// What the database says.
pub async fn tunnels(app: &App, customer: CustomerId) -> Result<Vec<Tunnel>, Error> {
    let mut tx = app.db.read().await?;
    Ok(tunnels::list(&mut tx, customer).await?)
}

/// Adds a product tenant, or changes how its API is reached. The key goes into the vault.
///
/// # Errors
/// [`Error::Invalid`] for a base URL without a key, or a name that another tenant has.
pub async fn put_tenant(
    app: &Arc<App>,
    (customer, name): (CustomerId, String),
    access: Option<(String, Secret)>,
) -> Result<(), Error> {
    check_text("name", "name of the tenant", &name)?;
    let (shared, at) = (Arc::clone(app), app.now());
    let access = Arc::new(access);
    app.db
        .write(move |tx| {
            let (app, access, name) = (Arc::clone(&shared), Arc::clone(&access), name.clone());
            Box::pin(async move {
                let (base_url, api_key) = match &*access {
                    Some((url, key)) => {
                        (Some(url.clone()), Some(app.vault.put(tx, customer, "api_key", key, at).await?))
                    }
                    None => (None, None),
                };
                let known = customers::tenants(tx, customer).await?.into_iter().find(|known| known.name == name);
                if let Some(known) = known {
                    customers::set_tenant_access(tx, (customer, known.id), base_url.as_deref(), api_key).await?;
                    return Ok(());
                }
                let id = TenantId::new(fresh_id());
                let tenant = Tenant { customer, id, name, base_url, api_key, settings_in_use: None };
                customers::add_tenant(tx, &tenant, at).await.map_err(|error| taken(error, "name", "tenant"))
            })
        })
        .await
}

/// The product tenants of a customer.
///
/// # Errors
/// What the database says.
pub async fn tenants(app: &App, customer: CustomerId) -> Result<Vec<Tenant>, Error> {
    let mut tx = app.db.read().await?;
    Ok(customers::tenants(&mut tx, customer).await?)
}

/// Judges what a person is to be called, reached and recognized by.
///
/// # Errors
/// [`Error::Invalid`] names every field.
pub(super) fn check_person(name: &str, email: &str, password: Option<&Secret>) -> Result<(), Error> {
    let mut errors = Vec::new();
    if let Err(Error::Invalid(more)) = check_text("name", "name", name) {
        errors.extend(more);
    }
    if let Err(error) = EmailAddress::parse(email) {
        let text = format!("Enter the email address in the form name@example.com: {error}");
        errors.push(FieldError::new("email", "not_an_email", text));
    }
    errors.extend(password.and_then(check_password));
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

/// What is wrong with a name that somebody typed, if anything.
pub fn text_errors(field: &str, what: &str, text: &str) -> Vec<FieldError> {
    match check_text(field, what, text) {
        Err(Error::Invalid(errors)) => errors,
        Ok(()) | Err(_) => Vec::new(),
    }
}

pub(super) fn check_text(field: &str, what: &str, text: &str) -> Result<(), Error> {
    if text.trim().is_empty() {
        return Err(Error::field(field, "missing", format!("Enter the {what}")));
    }
    if text.chars().count() > 200 {
        return Err(Error::field(field, "too_long", format!("The {what} must be 200 characters or fewer")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::field(field, "control_char", format!("The {what} must not contain control characters")));
    }
    Ok(())
}

pub(super) fn taken(error: StoreError, field: &str, what: &str) -> Error {
    if matches!(error, StoreError::Duplicate(_)) {
        return Error::field(field, "taken", format!("Another {what} has this {field} already"));
    }
    Error::Store(error)
}

/// Administration is for administrators.
///
/// # Errors
/// [`Error::Forbidden`] for everybody else.
pub fn require_admin(person: &Person) -> Result<(), Error> {
    if person.is(Role::Admin) { Ok(()) } else { Err(Error::Forbidden("This page is for administrators")) }
}
