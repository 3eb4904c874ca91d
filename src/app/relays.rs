//! The register of Secure Relays: typed by the vendor's people, or read off the product. Customers choose from it by name.

use std::sync::Arc;

use super::{App, Error, admin};
use crate::apply::{RelaySeen, Target, TieTarget};
use crate::clock::fresh_id;
use crate::domain::actor::{Person, Role};
use crate::domain::customer::{Customer, Tenant};
use crate::domain::id::{CustomerId, RelayId};
use crate::store::relays::{self, Relay};
use crate::store::{Tx, customers};

/// The most relays of one customer.
const MOST: usize = 200;

/// What reading the product led to, for the person who asked for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Harvest {
    /// Relays that were not known.
    pub added: usize,
    /// Relays that were known.
    pub known: usize,
    /// What could not be read: tenant, place and reason.
    pub unread: Vec<String>,
}

/// Who works cases or administers may see and keep the register.
fn require_keeper(person: &Person) -> Result<(), Error> {
    if person.works_queue() || person.is(Role::Admin) {
        Ok(())
    } else {
        Err(Error::Forbidden("The register of relays is for the vendor's people"))
    }
}

/// A customer with its relays by name.
///
/// # Errors
/// [`Error::Forbidden`] for customers; [`Error::NotFound`]; what the database says.
pub async fn list(app: &App, person: &Person, customer: CustomerId) -> Result<(Customer, Vec<Relay>), Error> {
    require_keeper(person)?;
    let mut tx = app.db.read().await?;
    let customer = customers::by_id(&mut tx, customer).await?.ok_or(Error::NotFound)?;
    let relays = relays::of_customer(&mut tx, customer.id).await?;
    Ok((customer, relays))
}

/// Names to choose from, for a page of the customer's own.
pub(super) async fn names(tx: &mut Tx, customer: CustomerId) -> Result<Vec<String>, Error> {
    Ok(relays::of_customer(tx, customer).await?.into_iter().map(|relay| relay.name).collect())
}

/// Adds a relay that somebody knows of, or gives one another name or number.
///
/// # Errors
/// [`Error::Invalid`] for an empty or taken name and a number that is none; [`Error::Forbidden`]; [`Error::NotFound`].
pub async fn put(
    app: &Arc<App>,
    person: &Person,
    (customer, id): (CustomerId, Option<RelayId>),
    (name, number): (String, String),
) -> Result<(), Error> {
    require_keeper(person)?;
    let name = name.trim().to_owned();
    admin::check_text("name", "name of the relay", &name)?;
    let product_id = number_in_product(&number)?;
    let at = app.now();
    app.db
        .write(move |tx| {
            let name = name.clone();
            Box::pin(async move {
                customers::by_id(tx, customer).await?.ok_or(Error::NotFound)?;
                let all = relays::of_customer(tx, customer).await?;
                let Some(id) = id else {
                    if all.len() >= MOST {
                        let text = format!("{MOST} relays are on record. Take some out first");
                        return Err(Error::field("name", "full", text));
                    }
                    let relay = Relay { name, product_id, ..blank(customer) };
                    return relays::add(tx, &relay, at).await.map_err(|error| admin::taken(error, "name", "relay"));
                };
                let known = all.into_iter().find(|relay| relay.id == id).ok_or(Error::NotFound)?;
                let relay = Relay { name, product_id, ..known };
                relays::replace(tx, &relay).await.map_err(|error| admin::taken(error, "name", "relay"))?;
                Ok(())
            })
        })
        .await
}

fn number_in_product(text: &str) -> Result<Option<i64>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse().ok().filter(|number| *number >= 0 && text.bytes().all(|byte| byte.is_ascii_digit()));
    let wrong = || Error::field("product_id", "not_a_number", "Enter the number of the relay in the product, like 3");
    number.map(Some).ok_or_else(wrong)
}

fn blank(customer: CustomerId) -> Relay {
    Relay {
        customer_id: customer,
        id: RelayId::new(fresh_id()),
        tenant_id: None,
        name: String::new(),
        product_id: None,
        product_uuid: None,
        used_for: String::new(),
        read_at: None,
    }
}

/// Takes a relay out of the register. Cases keep the name that was chosen.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::NotFound`].
pub async fn delete(app: &Arc<App>, person: &Person, customer: CustomerId, id: RelayId) -> Result<(), Error> {
    require_keeper(person)?;
    let found = app
        .db
        .write(move |tx| Box::pin(async move { Ok::<bool, Error>(relays::delete(tx, customer, id).await?) }))
        .await?;
    if found { Ok(()) } else { Err(Error::NotFound) }
}

/// Reads which relays the customer's product tenants name, and adds those that are not known. The product is only read,
/// outside any transaction.
///
/// # Errors
/// [`Error::Invalid`] where no tenant has an API key; [`Error::Forbidden`]; [`Error::NotFound`].
pub async fn harvest(app: &Arc<App>, person: &Person, customer: CustomerId) -> Result<Harvest, Error> {
    require_keeper(person)?;
    let targets = targets(app, customer).await?;
    if targets.is_empty() {
        let text = "No product tenant of this customer has an API key. Enter the relays by hand";
        return Err(Error::field("tenant", "no_api", text));
    }
    let mut harvest = Harvest::default();
    for (tenant, target) in targets {
        match target.relays().await {
            Ok(read) => {
                harvest.unread.extend(read.unread.iter().map(|place| format!("{}: {place}", tenant.name)));
                let (added, known) = keep(app, &tenant, read.relays).await?;
                harvest.added += added;
                harvest.known += known;
            }
            Err(error) => harvest.unread.push(format!("{}: {error}", tenant.name)),
        }
    }
    Ok(harvest)
}

async fn targets(app: &App, customer: CustomerId) -> Result<Vec<(Tenant, Target)>, Error> {
    let mut tx = app.db.read().await?;
    customers::by_id(&mut tx, customer).await?.ok_or(Error::NotFound)?;
    let mut targets = Vec::new();
    for tenant in customers::tenants(&mut tx, customer).await? {
        let Some((base_url, key)) = tenant.base_url.clone().zip(tenant.api_key) else { continue };
        let key = app.vault.get(&mut tx, customer, key).await?;
        let target = TieTarget::new(&base_url, key, None).map_err(|error| Error::Internal(error.to_string()))?;
        targets.push((tenant, Target::Tie(target)));
    }
    Ok(targets)
}

async fn keep(app: &Arc<App>, tenant: &Tenant, seen: Vec<RelaySeen>) -> Result<(usize, usize), Error> {
    let (at, tenant) = (app.now(), tenant.clone());
    app.db
        .write(move |tx| {
            let (tenant, seen) = (tenant.clone(), seen.clone());
            Box::pin(async move {
                let mut all = relays::of_customer(tx, tenant.customer).await?;
                let (mut added, mut known) = (0, 0);
                for seen in seen {
                    let used_for = seen.used_for.iter().copied().collect::<Vec<_>>().join(", ");
                    // One that was typed with its number before anybody read it is the same relay.
                    let is_it = |relay: &&mut Relay| {
                        relay.product_id == Some(seen.id) && relay.tenant_id.is_none_or(|id| id == tenant.id)
                    };
                    if let Some(relay) = all.iter_mut().find(is_it) {
                        relay.tenant_id = Some(tenant.id);
                        relay.product_uuid = seen.uuid.or_else(|| relay.product_uuid.take());
                        relay.used_for = used_for;
                        relay.read_at = Some(at);
                        relays::replace(tx, relay).await?;
                        known += 1;
                        continue;
                    }
                    if all.len() >= MOST {
                        break;
                    }
                    let relay = Relay {
                        tenant_id: Some(tenant.id),
                        name: fresh_name(&all, &tenant, seen.id),
                        product_id: Some(seen.id),
                        product_uuid: seen.uuid,
                        used_for,
                        read_at: Some(at),
                        ..blank(tenant.customer)
                    };
                    relays::add(tx, &relay, at).await?;
                    all.push(relay);
                    added += 1;
                }
                Ok::<_, Error>((added, known))
            })
        })
        .await
}

/// A name that nobody has given yet: the product tells numbers only.
fn fresh_name(all: &[Relay], tenant: &Tenant, number: i64) -> String {
    let plain = format!("Relay {number}");
    if all.iter().all(|relay| relay.name != plain) { plain } else { format!("Relay {number} of {}", tenant.name) }
}
