//! What is to be applied and what leaves: the difference between the list as it is wanted and as it was applied, and the
//! look at an entry's use before it goes.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;

use super::{MOST_ENTRIES, note, register as by_hand, require_engineer, require_staff};
use crate::app::webhooks::events;
use crate::app::{App, Error, admin};
use crate::domain::actor::{Person, Role};
use crate::domain::id::{EntryId, TunnelId};
use crate::domain::tunnel::{Progress, Tunnel};
use crate::domain::whitelist::is_wide;
use crate::store::register::{self, InUse, LastTest, Listed, Part, Place, Scope};
use crate::store::whitelist::{self, Change, Entry};
use crate::store::{Tx, customers, tunnels};

/// A target that was reached within this time is in use: taking it away needs its address typed.
const RECENT: TimeDelta = TimeDelta::hours(24);

/// The list of a tunnel as it is wanted against as it was applied.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The tunnel.
    pub tunnel: Tunnel,
    /// Name of its customer.
    pub customer: String,
    /// The version that this was read at.
    pub version: i64,
    /// Wanted and not applied.
    pub adding: Vec<Listed>,
    /// Applied and not wanted any more.
    pub leaving: Vec<Listed>,
    /// Wanted by a case, whose own step applies it.
    pub in_cases: Vec<Listed>,
    /// How many entries stand unchanged.
    pub standing: usize,
}

/// What was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Entries that are on the list from here on.
    pub added: usize,
    /// Entries that are off it.
    pub removed: usize,
    /// The version that came of it.
    pub version: i64,
}

/// What is known about the use of an entry.
#[derive(Clone, Debug)]
pub struct Use {
    /// The last test that went there.
    pub last_test: Option<LastTest>,
    /// Product tenants whose SMTP settings go there.
    pub tenants: Vec<String>,
    /// An open case is about it.
    pub open_case: Option<i64>,
    /// It was reached within the last 24 hours.
    pub is_recent: bool,
}

impl Use {
    /// Whether somebody would miss it.
    pub fn is_used(&self) -> bool {
        self.is_recent || !self.tenants.is_empty() || self.open_case.is_some()
    }
}

/// An entry with what happened to it and what is known about its use.
#[derive(Clone, Debug)]
pub struct View {
    /// The entry.
    pub listed: Listed,
    /// Changes, newest first.
    pub changes: Vec<Change>,
    /// Its use.
    pub used: Use,
}

/// One entry.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] for customers; what the database says.
pub async fn view(app: &App, person: &Person, id: EntryId) -> Result<View, Error> {
    require_staff(person)?;
    let mut tx = app.db.read().await?;
    let listed = register::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
    let changes = whitelist::changes(&mut tx, &listed.entry).await?;
    let used = used(&mut tx, &listed, app.now()).await?;
    Ok(View { listed, changes, used })
}

async fn used(tx: &mut Tx, listed: &Listed, now: DateTime<Utc>) -> Result<Use, Error> {
    let entry = &listed.entry;
    let network = entry.net()?;
    let host = (!is_wide(network)).then(|| network.addr().to_string());
    let tests = register::last_tests(tx, entry, host.as_deref()).await?;
    let inside = |text: &str| text.parse().is_ok_and(|address: std::net::IpAddr| network.contains(&address));
    let last_test = tests.into_iter().find(|test| inside(&test.target_host));
    let settings = register::in_use(tx, entry.customer_id).await?;
    let here = |settings: &InUse| settings.port == entry.port && inside(&settings.address);
    let tenants = settings.into_iter().filter(here).map(|settings| settings.name).collect();
    let reached = |test: &LastTest| {
        test.verdict.as_deref() == Some("reachable") && test.finished_at.is_some_and(|at| now - at <= RECENT)
    };
    Ok(Use {
        is_recent: last_test.as_ref().is_some_and(reached),
        last_test,
        tenants,
        open_case: listed.case_number.filter(|_| listed.case_is_open),
    })
}

/// The difference of a tunnel's list.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] for customers; what the database says.
pub async fn plan(app: &App, person: &Person, tunnel: TunnelId) -> Result<Plan, Error> {
    require_staff(person)?;
    plan_in(&mut app.db.read().await?, tunnel).await
}

async fn plan_in(tx: &mut Tx, tunnel: TunnelId) -> Result<Plan, Error> {
    let version = whitelist::version(tx, tunnel).await?.ok_or(Error::NotFound)?;
    let tunnel = tunnels::by_id(tx, version.customer_id, tunnel).await?.ok_or(Error::NotFound)?;
    let customer = customers::by_id(tx, version.customer_id).await?.ok_or(Error::NotFound)?.name;
    let top = Place { first_key: Vec::new(), id: EntryId::new(uuid::Uuid::nil()) };
    let part = Part { after: top, with_gone: false, limit: MOST_ENTRIES + 1 };
    let all = register::page(tx, &Scope::Tunnel(tunnel.id), &part).await?;
    let mut plan = Plan {
        tunnel,
        customer,
        version: version.list_version,
        adding: Vec::new(),
        leaving: Vec::new(),
        in_cases: Vec::new(),
        standing: 0,
    };
    for listed in all {
        match listed.entry.ours {
            Progress::Applied | Progress::Proven if listed.entry.leave_at.is_some() => plan.leaving.push(listed),
            Progress::Applied | Progress::Proven => plan.standing += 1,
            Progress::Wanted if listed.entry.case_id.is_some() => plan.in_cases.push(listed),
            Progress::Wanted => plan.adding.push(listed),
            Progress::None | Progress::Retired => {}
        }
    }
    Ok(plan)
}

/// Records that the difference was applied to our gateway: what was wanted is applied, what was to leave is gone. Entries
/// that a case wants are applied in the case.
///
/// # Errors
/// [`Error::Forbidden`] for others than network engineers; [`Error::ListChanged`] where the list is at another version
/// than the one that was applied; [`Error::Invalid`] without a reference; [`Error::Settled`] where nothing differs.
pub async fn mark_applied(
    app: &Arc<App>,
    person: &Person,
    (tunnel, seen): (TunnelId, Option<i64>),
    reference: String,
) -> Result<Applied, Error> {
    if !person.is(Role::Network) {
        return Err(Error::Forbidden("Applying the whitelist is for network engineers"));
    }
    let reference = reference.trim().to_owned();
    admin::check_text("change_ref", "reference of the change", &reference)?;
    let (shared, person) = (Arc::clone(app), person.clone());
    app.db
        .write(move |tx| {
            let (app, person, reference) = (Arc::clone(&shared), person.clone(), reference.clone());
            Box::pin(async move {
                let at = app.now();
                let plan = plan_in(tx, tunnel).await?;
                if seen.is_some_and(|seen| seen != plan.version) {
                    return Err(Error::ListChanged(plan.version));
                }
                if plan.adding.is_empty() && plan.leaving.is_empty() {
                    return Err(Error::Settled("Nothing differs: the list is applied as it is wanted".to_owned()));
                }
                let (added, removed) = (plan.adding.len(), plan.leaving.len());
                for listed in plan.adding {
                    let entry = on_our_side(listed.entry, Progress::Applied, (&person.name, &reference), at);
                    whitelist::replace(tx, &entry, at).await?;
                    note(tx, &entry, (&person.name, "Applied on our side", &reference), at).await?;
                }
                for listed in plan.leaving {
                    let entry = on_our_side(listed.entry, Progress::Retired, (&person.name, &reference), at);
                    whitelist::replace(tx, &entry, at).await?;
                    note(tx, &entry, (&person.name, "Taken off our side", &reference), at).await?;
                }
                events::list_changed(&app, tx, tunnel, at).await?;
                let version = whitelist::version(tx, tunnel).await?.ok_or(Error::NotFound)?.list_version;
                Ok(Applied { added, removed, version })
            })
        })
        .await
}

fn on_our_side(entry: Entry, ours: Progress, (who, how): (&str, &str), at: DateTime<Utc>) -> Entry {
    Entry {
        ours,
        ours_by: Some(who.to_owned()),
        ours_how: Some(how.to_owned()),
        ours_at: Some(at),
        leave_by: None,
        leave_why: None,
        leave_at: None,
        ..entry
    }
}

/// Asks for an entry to leave the list, after a look at its use. One that was never applied leaves at once; of one that
/// was, our side lets go when a network engineer says so.
///
/// # Errors
/// [`Error::Invalid`] without a reason, and where the entry is in use and its network was not typed;
/// [`Error::Settled`] where it is gone or leaves already; [`Error::Forbidden`]; [`Error::NotFound`].
pub async fn retire(
    app: &Arc<App>,
    person: &Person,
    id: EntryId,
    (why, typed): (String, String),
) -> Result<Listed, Error> {
    require_engineer(person)?;
    let why = why.trim().to_owned();
    if why.is_empty() {
        return Err(Error::field("reason", "missing", "Enter why it is not needed any more"));
    }
    by_hand::reason_fault(&why).map_or(Ok(()), |fault| Err(Error::Invalid(vec![fault])))?;
    change(app, person, id, move |app, tx, listed, person| {
        let (why, typed) = (why.clone(), typed.clone());
        Box::pin(async move {
            let at = app.now();
            let used = used(tx, &listed, at).await?;
            let entry = listed.entry;
            if used.is_used() && !is_named(&entry, &typed)? {
                let text = format!("It is in use. Enter {} to take it away nevertheless", entry.network);
                return Err(Error::field("confirm", "in_use", text));
            }
            let who = person.name.as_str();
            let (entry, what) = match entry.ours {
                Progress::Applied | Progress::Proven if entry.leave_at.is_some() => {
                    let by = entry.leave_by.unwrap_or_default();
                    return Err(Error::Settled(format!("{by} asked for it to leave the list before you")));
                }
                Progress::Applied | Progress::Proven => {
                    let leaving = Entry {
                        leave_by: Some(who.to_owned()),
                        leave_why: Some(why.clone()),
                        leave_at: Some(at),
                        ..entry
                    };
                    (leaving, "To leave the list")
                }
                Progress::None | Progress::Wanted => {
                    (on_our_side(entry, Progress::Retired, (who, &why), at), "Taken off before it was applied")
                }
                Progress::Retired => return Err(Error::Settled("It is off the list already".to_owned())),
            };
            whitelist::replace(tx, &entry, at).await?;
            note(tx, &entry, (who, what, &why), at).await
        })
    })
    .await
}

/// Whether the typed text names the entry's network: its address will do for one host.
fn is_named(entry: &Entry, typed: &str) -> Result<bool, Error> {
    let network = entry.net()?;
    let typed = typed.trim();
    let address = typed.parse::<std::net::IpAddr>().map(IpNet::from).ok();
    Ok(typed.parse::<IpNet>().ok().or(address) == Some(network))
}

/// Keeps an entry that was to leave.
///
/// # Errors
/// [`Error::Settled`] where it was not to leave; [`Error::Forbidden`]; [`Error::NotFound`].
pub async fn stay(app: &Arc<App>, person: &Person, id: EntryId) -> Result<Listed, Error> {
    require_engineer(person)?;
    change(app, person, id, |app, tx, listed, person| {
        Box::pin(async move {
            if listed.entry.leave_at.is_none() {
                return Err(Error::Settled("It was not to leave the list".to_owned()));
            }
            let entry = Entry { leave_by: None, leave_why: None, leave_at: None, ..listed.entry };
            whitelist::replace(tx, &entry, app.now()).await?;
            note(tx, &entry, (&person.name, "To stay on the list", ""), app.now()).await
        })
    })
    .await
}

/// Records how far the customer's side has come, as somebody of ours heard it. That it is proven, a test says.
///
/// # Errors
/// [`Error::Invalid`] for any other word than `wanted`, `applied` and `retired`, and without a source;
/// [`Error::Forbidden`]; [`Error::NotFound`].
pub async fn mark_theirs(
    app: &Arc<App>,
    person: &Person,
    id: EntryId,
    (word, how): (String, String),
) -> Result<Listed, Error> {
    require_engineer(person)?;
    let (progress, what) = match Progress::parse(word.trim()) {
        Some(Progress::Wanted) => (Progress::Wanted, "Wanted on their side"),
        Some(Progress::Applied) => (Progress::Applied, "Said to be applied on their side"),
        Some(Progress::Retired) => (Progress::Retired, "Said to be taken off their side"),
        Some(Progress::None | Progress::Proven) | None => {
            return Err(Error::field("state", "unknown", "Choose wanted, applied or retired"));
        }
    };
    let how = how.trim().to_owned();
    admin::check_text("how", "source: who said so, or a reference", &how)?;
    change(app, person, id, move |app, tx, listed, person| {
        let how = how.clone();
        Box::pin(async move {
            let at = app.now();
            let entry = Entry {
                theirs: progress,
                theirs_by: Some(person.name.clone()),
                theirs_how: Some(how.clone()),
                theirs_at: Some(at),
                ..listed.entry
            };
            whitelist::replace(tx, &entry, at).await?;
            note(tx, &entry, (&person.name, what, &how), at).await
        })
    })
    .await
}

/// Changes one entry in a transaction and gives it as it is then.
async fn change<W>(app: &Arc<App>, person: &Person, id: EntryId, work: W) -> Result<Listed, Error>
where
    W: for<'t> Fn(Arc<App>, &'t mut Tx, Listed, Person) -> crate::store::BoxFuture<'t, Result<(), Error>>
        + Send
        + Sync
        + 'static,
{
    let (shared, person, work) = (Arc::clone(app), person.clone(), Arc::new(work));
    app.db
        .write(move |tx| {
            let (app, person, work) = (Arc::clone(&shared), person.clone(), Arc::clone(&work));
            Box::pin(async move {
                let listed = register::by_id(tx, id).await?.ok_or(Error::NotFound)?;
                let tunnel = listed.entry.tunnel_id;
                work(Arc::clone(&app), tx, listed, person).await?;
                events::list_changed(&app, tx, tunnel, app.now()).await?;
                register::by_id(tx, id).await?.ok_or(Error::NotFound)
            })
        })
        .await
}
