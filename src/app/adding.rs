//! Records that administrators add by a form. Sending the form twice adds one: the second sending gets the identifier of
//! what the first one added.

use std::sync::Arc;

use super::admin::{Place, check_list_word, check_person, check_text, placed, require_admin, taken};
use super::{App, Error, Once, Outcome, alerting_ips, letters};
use crate::clock::fresh_id;
use crate::domain::actor::Person;
use crate::domain::customer::{Customer, Tenant};
use crate::domain::id::{CustomerId, TenantId};
use crate::domain::tunnel::Tunnel;
use crate::secret::Secret;
use crate::store::people::{self, Entry};
use crate::store::{customers, tunnels};

/// What a form that added something is answered; the page goes there.
const ADDED: i64 = 303;

/// Adds a customer.
///
/// # Errors
/// [`Error::Invalid`] for an empty or taken name, and a word that no mail can use; [`Error::Forbidden`].
pub async fn customer(
    app: &Arc<App>,
    admin: &Person,
    customer: Customer,
    once: Once,
) -> Result<Outcome<Customer>, Error> {
    require_admin(admin)?;
    check_text("name", "name of the customer", &customer.name)?;
    customer.list_word.as_deref().map_or(Ok(()), check_list_word)?;
    let at = app.now();
    app.db
        .write(move |tx| {
            let (customer, once) = (customer.clone(), once.clone());
            Box::pin(async move {
                if let Some(answer) = once.before(tx).await? {
                    return Ok(Outcome::Before(answer));
                }
                customers::add(tx, &customer, at).await.map_err(|error| taken(error, "name", "customer"))?;
                customers::replace(tx, &customer).await?;
                once.keep(tx, ADDED, customer.id.to_string(), at).await?;
                Ok(Outcome::Done(customer))
            })
        })
        .await
}

/// Adds a tunnel.
///
/// # Errors
/// [`Error::Invalid`] for a name that is empty or that another tunnel has; [`Error::Forbidden`].
pub async fn tunnel(app: &Arc<App>, admin: &Person, tunnel: Tunnel, once: Once) -> Result<Outcome<Tunnel>, Error> {
    require_admin(admin)?;
    check_text("name", "name of the tunnel", &tunnel.name)?;
    let at = app.now();
    app.db
        .write(move |tx| {
            let (tunnel, once) = (tunnel.clone(), once.clone());
            Box::pin(async move {
                if let Some(answer) = once.before(tx).await? {
                    return Ok(Outcome::Before(answer));
                }
                alerting_ips::admit(tx, &tunnel, at).await?;
                tunnels::add(tx, &tunnel, at).await.map_err(|error| taken(error, "name", "tunnel"))?;
                once.keep(tx, ADDED, tunnel.id.to_string(), at).await?;
                Ok(Outcome::Done(tunnel))
            })
        })
        .await
}

/// Adds a product tenant. The key of its API goes into the vault.
///
/// # Errors
/// [`Error::Invalid`] for a name that is empty or that another tenant has; [`Error::Forbidden`].
pub async fn tenant(
    app: &Arc<App>,
    admin: &Person,
    (customer, name): (CustomerId, String),
    access: Option<(String, Secret)>,
    once: Once,
) -> Result<Outcome<TenantId>, Error> {
    require_admin(admin)?;
    check_text("name", "name of the tenant", &name)?;
    let (shared, id, at) = (Arc::clone(app), TenantId::new(fresh_id()), app.now());
    app.db
        .write(move |tx| {
            let (app, name, access, once) = (Arc::clone(&shared), name.clone(), access.clone(), once.clone());
            Box::pin(async move {
                if let Some(answer) = once.before(tx).await? {
                    return Ok(Outcome::Before(answer));
                }
                let (base_url, api_key) = match &access {
                    Some((url, key)) => {
                        (Some(url.clone()), Some(app.vault.put(tx, customer, "api_key", key, at).await?))
                    }
                    None => (None, None),
                };
                let tenant = Tenant { customer, id, name, base_url, api_key, settings_in_use: None };
                customers::add_tenant(tx, &tenant, at).await.map_err(|error| taken(error, "name", "tenant"))?;
                once.keep(tx, ADDED, id.to_string(), at).await?;
                Ok(Outcome::Done(id))
            })
        })
        .await
}

/// Adds a person without a password and asks for the invitation, both or neither.
///
/// # Errors
/// [`Error::Invalid`] names every field that needs another look; [`Error::Forbidden`].
pub async fn person(
    app: &Arc<App>,
    admin: &Person,
    (name, email): (String, String),
    place: Place,
    once: Once,
) -> Result<Outcome<Person>, Error> {
    require_admin(admin)?;
    check_person(&name, &email, None)?;
    let person = placed((name, email), place)?;
    let at = app.now();
    let outcome = app
        .db
        .write(move |tx| {
            let (person, once) = (person.clone(), once.clone());
            Box::pin(async move {
                if let Some(answer) = once.before(tx).await? {
                    return Ok(Outcome::Before(answer));
                }
                let entry = Entry { person, active: true, wants_mail: true, has_password: false };
                people::add(tx, &entry, None, at).await.map_err(|error| taken(error, "email", "person"))?;
                letters::order_in(tx, &entry.person.email, at).await?;
                once.keep(tx, ADDED, entry.person.id.to_string(), at).await?;
                Ok::<_, Error>(Outcome::Done(entry.person))
            })
        })
        .await?;
    app.wake.notify_waiters();
    Ok(outcome)
}
