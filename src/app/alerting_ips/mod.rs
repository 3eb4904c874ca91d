//! The register of alerting IPs: what may be announced, corrected and taken out of use, and by whom. `draft` reads what was
//! typed, `of_tunnels` keeps the register in step with tunnels, `lists` are what customers and their machines read; the way
//! from one address to another is `app::campaign`.

mod draft;
pub mod lists;
mod of_tunnels;

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, Utc};
use ipnet::IpNet;
use serde_json::{Value as Json, json};

pub use draft::Draft;
pub(super) use draft::{end, instant};
pub(super) use of_tunnels::{admit, exchange, refuse_former};

use draft::read;

use super::webhooks::events;
use super::{App, Error};
use crate::domain::actor::{Person, Role};
use crate::domain::alerting_ip::{AlertingIp, IpAct, IpState, Refused, shown};
use crate::domain::id::PersonId;
use crate::domain::workflow::Refusal;
use crate::store::alerting_ips::{self as rows, Past};
use crate::store::alerting_tunnels::{self, Naming};
use crate::store::{Tx, alerting_campaigns};

/// Addresses on one page of the register.
pub const PAGE: i64 = 200;
/// The most that are published: whoever polls the lists reads all of them at once.
const MOST_PUBLISHED: i64 = 1000;
/// The most tunnels that the page of an address lists.
pub const MOST_NAMING: i64 = 200;

/// Who keeps the register: a lead or administrator; none for whoever has the command line of the machine itself.
#[derive(Clone, Copy, Debug)]
pub struct Keeper(pub Option<PersonId>);

impl Keeper {
    /// A person who may keep it.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for everybody but leads and administrators.
    pub fn person(person: &Person) -> Result<Self, Error> {
        require_keeper(person)?;
        Ok(Self(Some(person.id)))
    }
}

/// Refuses whoever does not keep the register.
///
/// # Errors
/// [`Error::Forbidden`] for everybody but leads and administrators.
pub fn require_keeper(person: &Person) -> Result<(), Error> {
    if person.is(Role::Lead) || person.is(Role::Admin) {
        return Ok(());
    }
    Err(Error::Forbidden("The register of alerting IPs is kept by leads and administrators"))
}

/// An address with how many tunnels name it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The address.
    pub ip: AlertingIp,
    /// Tunnels that name it.
    pub tunnels: i64,
}

/// One address, its history and the tunnels that name it.
#[derive(Clone, Debug)]
pub struct Detail {
    /// The address.
    pub listed: Listed,
    /// The one that it replaces.
    pub replaces: Option<AlertingIp>,
    /// Newest first.
    pub history: Vec<Past>,
    /// By name, at most [`MOST_NAMING`].
    pub naming: Vec<Naming>,
}

/// The whole register, for forms and for the machine's own command line.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<Listed>, Error> {
    let (mut all, mut next) = page(app, 0).await?;
    while let Some(after) = next {
        let (more, behind) = page(app, after).await?;
        all.extend(more);
        next = behind;
    }
    Ok(all)
}

/// A page of the register behind the number `after`, and where the next one begins; none behind the last one.
///
/// # Errors
/// What the database says.
pub async fn page(app: &App, after: i64) -> Result<(Vec<Listed>, Option<i64>), Error> {
    let mut tx = app.db.read().await?;
    let mut all = rows::list(&mut tx, after, PAGE + 1).await?;
    let is_longer = i64::try_from(all.len()).is_ok_and(|count| count > PAGE);
    all.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
    let next = all.last().map(|ip| ip.number).filter(|_| is_longer);
    let named = alerting_tunnels::named(&mut tx).await?;
    let named: Vec<(IpAddr, i64)> =
        named.iter().filter_map(|named| Some((named.address.parse().ok()?, named.tunnels))).collect();
    let tunnels = |network: IpNet| -> i64 {
        named.iter().filter(|(address, _)| network.contains(address)).map(|(_, tunnels)| tunnels).sum()
    };
    Ok((all.into_iter().map(|ip| Listed { tunnels: tunnels(ip.network), ip }).collect(), next))
}

/// One address.
///
/// # Errors
/// [`Error::NotFound`]; what the database says.
pub async fn one(app: &App, number: i64) -> Result<Detail, Error> {
    let mut tx = app.db.read().await?;
    let ip = rows::by_number(&mut tx, number).await?.ok_or(Error::NotFound)?;
    let replaces = match ip.replaces {
        Some(number) => rows::by_number(&mut tx, number).await?,
        None => None,
    };
    let history = rows::history(&mut tx, number).await?;
    let naming = if ip.is_single() {
        alerting_tunnels::naming(&mut tx, ip.network.addr(), MOST_NAMING).await?
    } else {
        Vec::new()
    };
    Ok(Detail { listed: Listed { tunnels: tunnels_in(&mut tx, &ip).await?, ip }, replaces, history, naming })
}

/// How many tunnels name an address or one that lies in it.
///
/// # Errors
/// What the database says.
pub(super) async fn tunnels_in(tx: &mut Tx, ip: &AlertingIp) -> Result<i64, Error> {
    if ip.is_single() {
        return Ok(alerting_tunnels::count(tx, ip.network.addr()).await?);
    }
    let named = alerting_tunnels::named(tx).await?;
    let inside = |address: &str| address.parse::<IpAddr>().is_ok_and(|address| ip.network.contains(&address));
    Ok(named.iter().filter(|named| inside(&named.address)).map(|named| named.tunnels).sum())
}

/// Puts an address on the register: planned where its first day lies ahead, else in use. One that was retired comes back.
///
/// # Errors
/// [`Error::Invalid`] names every part that needs another look.
pub async fn add(app: &Arc<App>, Keeper(by): Keeper, draft: &Draft) -> Result<AlertingIp, Error> {
    let now = app.now();
    let read = read(app, draft, now)?;
    let shared = Arc::clone(app);
    app.db
        .write(move |tx| {
            let (app, read) = (Arc::clone(&shared), read.clone());
            Box::pin(async move {
                let known = rows::hold_network(tx, read.network).await?;
                if read.is_published && known.as_ref().is_none_or(|known| !known.is_published) {
                    refuse_too_many(tx).await?;
                }
                let act = if read.state == IpState::Planned { IpAct::Planned } else { IpAct::Added };
                let ip = match known {
                    Some(known) if known.state != IpState::Retired => {
                        let text = format!("{} is on the register, {}", known.shown(), known.state);
                        return Err(Error::field("network", "repeated", text));
                    }
                    Some(known) => {
                        let sequence = known.sequence + 1;
                        let ip = AlertingIp { number: known.number, sequence, ..read };
                        rows::replace(tx, &ip).await?;
                        ip
                    }
                    None => {
                        let ip = AlertingIp { number: rows::take_number(tx).await?, ..read };
                        rows::add(tx, &ip).await?;
                        ip
                    }
                };
                written(&app, tx, &ip, (act, None), by).await?;
                Ok(ip)
            })
        })
        .await
}

/// Corrects an address: all but the network itself. The dates of one that a change is under way for move with the change.
///
/// # Errors
/// [`Error::Invalid`]; [`Error::Refused`] for one that is retired, or whose first day has come and would be moved.
pub async fn correct(app: &Arc<App>, Keeper(by): Keeper, number: i64, draft: &Draft) -> Result<AlertingIp, Error> {
    let now = app.now();
    let draft = draft.clone();
    let shared = Arc::clone(app);
    app.db
        .write(move |tx| {
            let (app, draft) = (Arc::clone(&shared), draft.clone());
            Box::pin(async move {
                let known = rows::by_number(tx, number).await?.ok_or(Error::NotFound)?;
                known.correctable().map_err(|error| refused(&error))?;
                let draft = Draft { network: known.network.to_string(), ..draft };
                let read = read(&app, &draft, now)?;
                let is_kept = draft.from.trim().is_empty() || is_same(read.from, known.from);
                let from = if is_kept { known.from } else { read.from };
                let until = match (read.until, known.until) {
                    (Some(typed), Some(known)) if is_same(typed, known) => Some(known),
                    (typed, _) => typed,
                };
                if from != known.from && (known.state != IpState::Planned || from <= now) {
                    let text = "The first day can be moved to a later time only, and only before it has come";
                    return Err(Error::field("from", "no_date", text));
                }
                let moved = from != known.from || until != known.until;
                if moved && alerting_campaigns::under_way(tx, number).await? > 0 {
                    let text = "A change of this alerting IP is under way. Move the dates of the change";
                    return Err(Error::Refused(Refusal::Guard(text.to_owned())));
                }
                let was_published = known.is_published;
                if read.is_published && !was_published {
                    refuse_too_many(tx).await?;
                }
                let ip = AlertingIp {
                    purpose: read.purpose,
                    region: read.region,
                    from,
                    until,
                    is_published: read.is_published,
                    sequence: known.sequence + 1,
                    changed_at: now,
                    ..known
                };
                rows::replace(tx, &ip).await?;
                rows::note(tx, &ip, (if moved { IpAct::Moved } else { IpAct::Corrected }, None), by).await?;
                if was_published || ip.is_published {
                    rows::new_edition(tx, now).await?;
                    events::alerting_ip(&app, tx, &ip).await?;
                }
                Ok(ip)
            })
        })
        .await
}

async fn refuse_too_many(tx: &mut Tx) -> Result<(), Error> {
    if rows::count_published(tx).await? >= MOST_PUBLISHED {
        let text = format!("{MOST_PUBLISHED} addresses are published, which is the most. Publish networks instead");
        return Err(Error::field("is_published", "too_many", text));
    }
    Ok(())
}

/// Forms and programs write whole seconds; what is on record has fractions, and is meant by the same second.
fn is_same(typed: DateTime<Utc>, known: DateTime<Utc>) -> bool {
    typed.trunc_subsecs(0) == known.trunc_subsecs(0)
}

/// Takes an address out of use that no tunnel names, or takes its announcement back.
///
/// # Errors
/// [`Error::Refused`] where tunnels name it or a change is under way; [`Error::NotFound`].
pub async fn retire(app: &Arc<App>, Keeper(by): Keeper, number: i64) -> Result<AlertingIp, Error> {
    let now = app.now();
    let shared = Arc::clone(app);
    app.db
        .write(move |tx| {
            let app = Arc::clone(&shared);
            Box::pin(async move {
                let ip = rows::by_number(tx, number).await?.ok_or(Error::NotFound)?;
                if alerting_campaigns::under_way(tx, number).await? > 0 {
                    let text = "A change of this alerting IP is under way. Withdraw the change, or wait for its end";
                    return Err(Error::Refused(Refusal::Guard(text.to_owned())));
                }
                out_of_use(&app, tx, ip, by, now).await
            })
        })
        .await
}

/// The end of an address, in the caller's transaction.
///
/// # Errors
/// [`Error::Refused`] where tunnels name it.
pub(super) async fn out_of_use(
    app: &App,
    tx: &mut Tx,
    ip: AlertingIp,
    by: Option<PersonId>,
    now: DateTime<Utc>,
) -> Result<AlertingIp, Error> {
    rows::lock(tx, ip.number).await?;
    let tunnels = tunnels_in(tx, &ip).await?;
    let (state, act) = ip.retired(tunnels).map_err(|error| refused(&error))?;
    let until = if act == IpAct::Withdrawn { None } else { Some(ip.until.map_or(now, |until| until.min(now))) };
    change(app, tx, AlertingIp { state, until, ..ip }, (act, None), (by, now)).await
}

/// Saves what has become of an address, with a line of its history and, where it is published, a new edition.
///
/// # Errors
/// What the database says.
pub(super) async fn change(
    app: &App,
    tx: &mut Tx,
    ip: AlertingIp,
    (act, reason): (IpAct, Option<&str>),
    (by, now): (Option<PersonId>, DateTime<Utc>),
) -> Result<AlertingIp, Error> {
    let ip = AlertingIp { sequence: ip.sequence + 1, changed_at: now, ..ip };
    rows::replace(tx, &ip).await?;
    written(app, tx, &ip, (act, reason), by).await?;
    Ok(ip)
}

async fn written(
    app: &App,
    tx: &mut Tx,
    ip: &AlertingIp,
    what: (IpAct, Option<&str>),
    by: Option<PersonId>,
) -> Result<(), Error> {
    rows::note(tx, ip, what, by).await?;
    // What is not published is for those whose tunnels use it, and no program is told of it either.
    if ip.is_published {
        rows::new_edition(tx, ip.changed_at).await?;
        events::alerting_ip(app, tx, ip).await?;
    }
    Ok(())
}

pub(super) fn refused(refused: &Refused) -> Error {
    Error::Refused(Refusal::Guard(refused.to_string()))
}

/// Starts planned addresses whose first day has come; says whether there was one.
///
/// # Errors
/// What the database says.
pub async fn start_due(app: &Arc<App>) -> Result<bool, Error> {
    let now = app.now();
    let shared = Arc::clone(app);
    app.db
        .write(move |tx| {
            let app = Arc::clone(&shared);
            Box::pin(async move {
                let starting = rows::starting(tx, now).await?;
                let any = !starting.is_empty();
                for ip in starting {
                    let Some(state) = ip.due(now) else { continue };
                    change(&app, tx, AlertingIp { state, ..ip }, (IpAct::Started, None), (None, now)).await?;
                }
                Ok::<_, Error>(any)
            })
        })
        .await
}

/// An address as a resource.
pub fn resource(listed: &Listed) -> Json {
    let Listed { ip, tunnels } = listed;
    json!({
        "number": ip.number,
        "cidr": ip.cidr(),
        "address": shown(ip.network),
        "purpose": ip.purpose,
        "region": ip.region,
        "state": ip.state,
        "from": ip.from,
        "until": ip.until,
        "replaces": ip.replaces,
        "published": ip.is_published,
        "sequence": ip.sequence,
        "changed_at": ip.changed_at,
        "tunnels": tunnels,
    })
}
