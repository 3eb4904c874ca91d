//! What people see of watching, and what they do about it.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::STAFF;
use crate::app::firing::Firing;
use crate::app::turn::{self, note};
use crate::app::{App, Error, Secrets, conversation};
use crate::domain::actor::{Actor, Person};
use crate::domain::case::Case;
use crate::domain::id::{ServerId, TunnelId};
use crate::domain::workflow::{Data, Refusal, Value};
use crate::store::watches::{self, Listed, RoundRow, Watch};
use crate::store::{Tx, cases, probes, tunnels};

/// So many rounds are shown: four days of one an hour.
const SHOWN_ROUNDS: i64 = 96;
/// So many servers are listed at once.
const PAGE: i64 = 200;

/// The event that takes over what stands in the product. Its answers are what was read there.
pub(in crate::app) const TAKE_OVER: &str = "take_over_settings";

/// Refuses the event that takes over what stands in the product to whoever types what that is.
///
/// # Errors
/// [`Error::Refused`] says where it is done.
pub(in crate::app) fn refuse_typed(event: &str) -> Result<(), Error> {
    if event == TAKE_OVER {
        return Err(refused("What stands in the product is read there, not typed. Take it over on the server's page."));
    }
    Ok(())
}

/// What is shown of a watched server.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The case that holds it.
    pub case: Case,
    /// What is remembered.
    pub watch: Watch,
    /// The last rounds, newest first.
    pub rounds: Vec<RoundRow>,
    /// Who paused it.
    pub paused_by: Option<String>,
}

async fn visible(tx: &mut Tx, person: &Person, number: i64) -> Result<Case, Error> {
    let case = cases::by_number(tx, number).await?;
    case.filter(|case| case.is_visible_to(person)).ok_or(Error::NotFound)
}

/// What watching has seen of the server of a case.
///
/// # Errors
/// [`Error::NotFound`] where the person may not see the case, or its server was never in use; what the database says.
pub async fn of_case(app: &App, person: &Person, number: i64) -> Result<Seen, Error> {
    let mut tx = app.db.read().await?;
    let case = visible(&mut tx, person, number).await?;
    let key = (case.customer, case.id);
    let watch = watches::of_case(&mut tx, key).await?.ok_or(Error::NotFound)?;
    let rounds = watches::rounds(&mut tx, key, SHOWN_ROUNDS).await?;
    let paused_by = match watch.paused_by {
        Some(id) => crate::store::people::by_id(&mut tx, id).await?.map(|entry| entry.person.name),
        None => None,
    };
    Ok(Seen { case, watch, rounds, paused_by })
}

/// As [`of_case`], by the server.
///
/// # Errors
/// As [`of_case`].
pub async fn of_server(app: &App, person: &Person, server: ServerId) -> Result<Seen, Error> {
    let number = watches::case_of_server(&mut app.db.read().await?, server).await?.ok_or(Error::NotFound)?;
    of_case(app, person, number).await
}

/// Watched servers after a case number, for those who work the queue.
///
/// # Errors
/// [`Error::Forbidden`]; what the database says.
pub async fn list(app: &App, person: &Person, after: i64) -> Result<Vec<Listed>, Error> {
    require_staff(person)?;
    Ok(watches::list(&mut app.db.read().await?, after, PAGE).await?)
}

fn require_staff(person: &Person) -> Result<(), Error> {
    if STAFF.iter().any(|role| person.is(*role)) {
        Ok(())
    } else {
        Err(Error::Forbidden("Watching is set by those who work the queue"))
    }
}

/// Pauses watching, or lets it go on; written into the log of the case.
///
/// # Errors
/// [`Error::Forbidden`]; as [`of_case`].
pub async fn pause(app: &Arc<App>, person: &Person, number: i64, paused: bool) -> Result<(), Error> {
    change(app, person, number, move |at, id| if paused { Change::Pause(at, id) } else { Change::Resume(at) }).await
}

/// Lets the next round begin at once. Whoever takes part in the case may ask for it: the test waits for its turn like any
/// other, none is begun while one runs, and those of the customer's people count towards their limit.
///
/// # Errors
/// As [`of_case`]; [`Error::Forbidden`] for administrators; [`Error::Refused`] where the server is not in use, or watching is
/// paused; [`Error::TestTooSoon`] where the customer's people have used up their tests for the moment.
pub async fn now(app: &Arc<App>, person: &Person, number: i64) -> Result<(), Error> {
    change(app, person, number, |at, _| Change::Now(at)).await?;
    app.wake.notify_waiters();
    Ok(())
}

#[derive(Clone, Copy)]
enum Change {
    Pause(DateTime<Utc>, crate::domain::id::PersonId),
    Resume(DateTime<Utc>),
    Now(DateTime<Utc>),
}

async fn change(
    app: &Arc<App>,
    person: &Person,
    number: i64,
    wanted: impl FnOnce(DateTime<Utc>, crate::domain::id::PersonId) -> Change,
) -> Result<(), Error> {
    let (shared, person) = (Arc::clone(app), person.clone());
    let wanted = wanted(app.now(), person.id);
    app.db
        .write(move |tx| {
            let (app, person) = (Arc::clone(&shared), person.clone());
            Box::pin(async move {
                let case = cases::hold(tx, number).await?;
                let mut case = case.filter(|case| case.is_visible_to(&person)).ok_or(Error::NotFound)?;
                let key = (case.customer, case.id);
                let mut watch = watches::of_case(tx, key).await?.ok_or(Error::NotFound)?;
                let at = app.now();
                let act = match wanted {
                    Change::Pause(since, by) => {
                        require_staff(&person)?;
                        watches::set_pause(tx, key, Some((since, by))).await?;
                        "watch_paused"
                    }
                    Change::Resume(at) => {
                        require_staff(&person)?;
                        watches::set_pause(tx, key, None).await?;
                        watches::set_next(tx, key, at).await?;
                        "watch_resumed"
                    }
                    Change::Now(at) => {
                        conversation::takes_part(&person)?;
                        if watch.paused_at.is_some() {
                            return Err(refused("Watching is paused. Let it go on first."));
                        }
                        if watches::queued_test(tx, key).await?.is_some() {
                            return Err(refused("A round runs already. Wait for its result."));
                        }
                        if watch.next_at.is_none() {
                            return Err(refused("The server is not in use at the moment, so it is not watched."));
                        }
                        if !person.is_staff() {
                            let next = probes::next_start(tx, case.customer, app.probe.per_customer_hour, at).await?;
                            if next > at {
                                return Err(Error::TestTooSoon(next));
                            }
                            watch.memory.is_asked = true;
                        }
                        watch.next_at = Some(at);
                        watches::settle(tx, &watch).await?;
                        "watch_asked"
                    }
                };
                note(&app, tx, &mut case, &Actor::Person(person), (act, json!({})), at).await
            })
        })
        .await
}

fn refused(text: &str) -> Error {
    Error::Refused(Refusal::Guard(text.to_owned()))
}

/// Takes over what stands in the product, as it was read last: the values are tested and applied like any others, in the
/// name of the person who decided it.
///
/// # Errors
/// As [`of_case`]; [`Error::Refused`] where nothing was changed there, or where what was changed is the address, the port or
/// the account, which are changed in ways of their own.
pub async fn take_over(app: &Arc<App>, person: &Person, number: i64) -> Result<(), Error> {
    let (shared, person) = (Arc::clone(app), person.clone());
    app.db
        .write(move |tx| {
            let (app, person) = (Arc::clone(&shared), person.clone());
            Box::pin(async move {
                let case = cases::hold(tx, number).await?;
                let mut case = case.filter(|case| case.is_visible_to(&person)).ok_or(Error::NotFound)?;
                let watch = watches::of_case(tx, (case.customer, case.id)).await?.ok_or(Error::NotFound)?;
                let data = taken_over(&case, &watch)?;
                let secrets = Secrets::new();
                let firing = Firing {
                    actor: &Actor::Person(person),
                    event: TAKE_OVER,
                    data,
                    secrets: &secrets,
                    expected_entered: None,
                    probe: None,
                    at: app.now(),
                };
                turn::fire(&app, tx, &mut case, firing).await.map(|_effects| ())
            })
        })
        .await?;
    app.wake.notify_waiters();
    Ok(())
}

fn taken_over(case: &Case, watch: &Watch) -> Result<Data, Error> {
    let rows = watch.settings_read.as_ref().map(|read| read.rows.as_slice()).unwrap_or_default();
    if rows.is_empty() {
        return Err(refused("The product holds the settings that were applied."));
    }
    let kept = ["encryption", "sender_address"];
    let mut data: Data =
        kept.iter().filter_map(|field| Some(((*field).to_owned(), case.flow.data.get(*field)?.clone()))).collect();
    for row in rows {
        let value = match row.label.as_str() {
            "SMTP encryption" => ("encryption", Value::from(row.theirs.as_str())),
            "Sender's e-mail address" => ("sender_address", Value::from(row.theirs.as_str())),
            "SMTP server address" => {
                return Err(refused("The address differs. Give notice of an IP change, or apply our settings again."));
            }
            "SMTP server port" => {
                let advice = "The port differs, and another one has to be whitelisted first. Change the SMTP settings, or \
                    apply ours again.";
                return Err(refused(advice));
            }
            _ => {
                let advice = "The account or its password differs. Change the SMTP settings, or apply ours again.";
                return Err(refused(advice));
            }
        };
        data.insert(value.0.to_owned(), value.1);
    }
    Ok(data)
}

/// Sets the customer's own resolver behind a tunnel, or that of this machine where none is given.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error::Invalid`] where it is no address that the tunnel carries.
pub async fn set_resolver(
    app: &Arc<App>,
    person: &Person,
    tunnel: &str,
    resolver: Option<String>,
) -> Result<(), Error> {
    require_staff(person)?;
    let name = tunnel.to_owned();
    app.db
        .write(move |tx| {
            let (name, resolver) = (name.clone(), resolver.clone());
            Box::pin(async move {
                let tunnel = tunnels::by_name(tx, &name).await?.ok_or(Error::NotFound)?;
                if let Some(text) = &resolver {
                    let advice = "Enter one IP of the customer's side of this tunnel, like 10.20.4.53";
                    let wrong = || Error::field("resolver", "not_carried", advice);
                    let address: IpAddr = text.parse().map_err(|_no_address| wrong())?;
                    if tunnel.selector_for(address).is_none() || tunnel.is_our_side(address) {
                        return Err(wrong());
                    }
                }
                let id: TunnelId = tunnel.id;
                Ok(watches::set_resolver(tx, tunnel.customer, id, resolver.as_deref()).await?)
            })
        })
        .await
}
