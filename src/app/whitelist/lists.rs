//! The register in pages, and search by address: the entry itself, what contains it, what it contains.

use super::require_staff;
use crate::app::{App, Error};
use crate::domain::actor::Person;
use crate::domain::address::{Relation, compare, parse_network};
use crate::domain::id::{CustomerId, EntryId};
use crate::domain::tunnel::Tunnel;
use crate::domain::whitelist::keys;
use crate::store::register::{self, Listed, Part, Place, Scope, TunnelChoice};
use crate::store::tunnels;

/// Rows of a page.
pub const PAGE: i64 = 50;

/// What is wanted of the register.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only this tunnel, by its name.
    pub tunnel: String,
    /// Only this customer, by its identifier.
    pub customer: Option<CustomerId>,
    /// What contains or lies inside this address or network, instead of the above.
    pub search: String,
    /// With entries that were taken away.
    pub with_gone: bool,
    /// Behind this place.
    pub after: Option<Place>,
}

/// One page.
#[derive(Clone, Debug)]
pub struct Page {
    /// Entries, and how each lies to what was searched: [`Relation::Same`], [`Relation::Contains`] where the entry
    /// contains it, [`Relation::Contained`] where the entry lies inside. None where nothing was searched.
    pub rows: Vec<(Listed, Option<Relation>)>,
    /// Where the next page begins.
    pub next: Option<Place>,
}

/// Before the first row.
fn top() -> Place {
    Place { first_key: Vec::new(), id: EntryId::new(uuid::Uuid::nil()) }
}

/// A page of the register.
///
/// # Errors
/// [`Error::Invalid`] for a search that is no address and no network; [`Error::NotFound`] for a tunnel that is not
/// there; [`Error::Forbidden`] for customers; what the database says.
pub async fn page(app: &App, person: &Person, wanted: &Wanted, limit: i64) -> Result<Page, Error> {
    require_staff(person)?;
    rows(app, wanted, limit).await
}

/// As [`page`], for whoever has the database itself: the command line.
///
/// # Errors
/// As [`page`].
pub async fn rows(app: &App, wanted: &Wanted, limit: i64) -> Result<Page, Error> {
    let mut tx = app.db.read().await?;
    let is_first = wanted.after.is_none();
    let after = wanted.after.clone().unwrap_or_else(top);
    let part = Part { after, with_gone: wanted.with_gone, limit: limit + 1 };
    let searched = match wanted.search.trim() {
        "" => None,
        text => Some(parse_network(text).map_err(|fault| {
            let text = format!("Enter an IP, like 10.20.4.15, or a network, like 10.20.0.0/16. {}", fault.reason);
            Error::field("q", "not_an_address", text)
        })?),
    };
    let scope = match searched {
        Some(network) => {
            let (first, last) = keys(network);
            Scope::Inside(first, last)
        }
        None => scope(&mut tx, wanted).await?,
    };
    let mut found = register::page(&mut tx, &scope, &part).await?;
    let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = found.last().filter(|_| more).map(|listed| listed.place.clone());
    if let Scope::Inside(first, last) = &scope
        && is_first
    {
        let mut around = register::around(&mut tx, (first, last), wanted.with_gone).await?;
        around.append(&mut found);
        found = around;
    }
    let relation = |listed: &Listed| match searched {
        Some(network) => Ok::<_, Error>(Some(compare(listed.entry.net()?, network))),
        None => Ok(None),
    };
    let rows = found.into_iter().map(|listed| Ok((listed.clone(), relation(&listed)?)));
    Ok(Page { rows: rows.collect::<Result<_, Error>>()?, next })
}

async fn scope(tx: &mut crate::store::Tx, wanted: &Wanted) -> Result<Scope, Error> {
    match (wanted.tunnel.as_str(), wanted.customer) {
        ("", None) => Ok(Scope::All),
        ("", Some(customer)) => Ok(Scope::Customer(customer)),
        (name, _) => {
            let tunnel = tunnels::by_name(tx, name).await?.ok_or(Error::NotFound)?;
            Ok(Scope::Tunnel(tunnel.id))
        }
    }
}

/// The tunnels whose lists there are, by customer.
///
/// # Errors
/// [`Error::Forbidden`] for customers; what the database says.
pub async fn tunnel_choices(app: &App, person: &Person) -> Result<Vec<TunnelChoice>, Error> {
    require_staff(person)?;
    Ok(register::tunnel_choices(&mut app.db.read().await?).await?)
}

/// A tunnel by its name.
///
/// # Errors
/// What the database says.
pub async fn tunnel_named(app: &App, name: &str) -> Result<Option<Tunnel>, Error> {
    Ok(tunnels::by_name(&mut app.db.read().await?, name).await?)
}
