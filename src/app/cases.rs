//! Cases: acting in one, and everything that its pages show.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

pub use super::answers::{Answers, typed};
use super::conversation::{files_of, messages_for};
use super::facts::offers;
use super::family::{self, Family};
use super::firing::Firing;
pub use super::resource::etag;
use super::turn::fire;
use super::whitelist::{self, Check};
use super::{App, Error, Once, Outcome, notices, resource, watching};
use crate::domain::actor::{Actor, Person};
use crate::domain::case::Case;
use crate::domain::customer::Customer;
use crate::domain::objective::Objective;
use crate::domain::tunnel::Tunnel;
use crate::domain::workflow::{Definition, Rule, Store};
use crate::store::attachments::Attachment;
use crate::store::messages::Message;
use crate::store::probes::{self, Probe};
use crate::store::settings::{self, Settings};
use crate::store::whitelist::Entry;
use crate::store::{Tx, cases, customers, log, people};

/// Something that a person does to a case.
#[derive(Clone)]
pub struct Act {
    /// Which case.
    pub number: i64,
    /// Which event of its workflow.
    pub event: String,
    /// Answers as they came.
    pub answers: Answers,
    /// The state entry that the form was made for.
    pub entered: Option<u64>,
    /// The revision that the client read (`If-Match`).
    pub revision: Option<i64>,
    /// So that a repeat is applied once.
    pub once: Once,
}

/// Does it: one event, all of it or nothing.
///
/// # Errors
/// [`Error::NotFound`] where the person may not see the case; [`Error::Invalid`], [`Error::Refused`], [`Error::Changed`]
/// and [`Error::Claimed`] say why it was not done.
pub async fn act(app: &Arc<App>, person: &Person, act: Act) -> Result<Outcome<Case>, Error> {
    let (shared, person, act) = (Arc::clone(app), person.clone(), Arc::new(act));
    app.db
        .write(move |tx| {
            let (app, person, act) = (Arc::clone(&shared), person.clone(), Arc::clone(&act));
            Box::pin(async move {
                let mut case = held(tx, &person, act.number).await?;
                if let Some(answer) = act.once.before(tx).await? {
                    return Ok(Outcome::Before(answer));
                }
                if act.revision.is_some_and(|revision| revision != case.revision) {
                    return Err(Error::Changed { number: case.number, revision: case.revision });
                }
                let definition = app.workflows.of(&case.workflow)?;
                if definition.rule_named(&act.event).is_none() {
                    return Err(Error::NotFound);
                }
                watching::refuse_typed(&act.event)?;
                let (data, secrets) = act.answers.read(definition)?;
                notices::check_time(&data, app.now())?;
                let firing = Firing {
                    actor: &Actor::Person(person.clone()),
                    event: &act.event,
                    data,
                    secrets: &secrets,
                    expected_entered: act.entered,
                    probe: None,
                    at: app.now(),
                };
                fire(&app, tx, &mut case, firing).await?;
                let answer = resource::case(&app, &person, &case)?.to_string();
                act.once.keep(tx, 200, answer, app.now()).await?;
                Ok::<_, Error>(Outcome::Done(case))
            })
        })
        .await
}

/// Everything that the pages and the API show of a case.
pub struct View<'v> {
    /// The case.
    pub case: Case,
    /// Its workflow.
    pub definition: &'v Definition,
    /// Whose case it is.
    pub customer: Customer,
    /// Names of people who are mentioned, by identifier text.
    pub names: BTreeMap<String, String>,
    /// Those of them who work for the vendor.
    pub staff: BTreeSet<String>,
    /// What the person may do now, in order.
    pub offers: Vec<&'v Rule>,
    /// The conversation; without notes for a customer.
    pub messages: Vec<Message>,
    /// Files of those messages.
    pub files: Vec<Attachment>,
    /// What happened: when, who, what.
    pub history: Vec<Happening>,
    /// Tunnel tests, newest first.
    pub probes: Vec<Probe>,
    /// Revisions of settings, newest first.
    pub settings: Vec<Settings>,
    /// The tunnel, and what speaks for or against whitelisting the address; for engineers.
    pub whitelist: Option<(Tunnel, Check)>,
    /// The whitelist entry of the case's address, where there is one.
    pub entry: Option<Entry>,
    /// The case that it belongs to, and those that belong to it.
    pub family: Family,
    /// What stands open about a second contact's confirmation.
    pub second: notices::Asked,
    /// Names of the customer's Secure Relays, where the person may be asked for one.
    pub relays: Vec<String>,
}

/// One line of a case's history.
#[derive(Clone, Debug)]
pub struct Happening {
    /// When.
    pub at: DateTime<Utc>,
    /// Who; `Postern` for the machine.
    pub who: String,
    /// What, as the button said it.
    pub what: String,
    /// What was answered in words, by field name; personal values and values of networks are left out.
    pub answers: BTreeMap<String, String>,
    /// Only the vendor's people may read it.
    pub is_internal: bool,
}

/// A case with everything around it.
///
/// # Errors
/// [`Error::NotFound`] where the person may not see it; what the database says.
pub async fn view<'v>(app: &'v App, person: &Person, number: i64) -> Result<View<'v>, Error> {
    let mut tx = app.db.read().await?;
    let case = visible(&mut tx, person, number).await?;
    let definition = app.workflows.of(&case.workflow)?;
    let customer = customers::by_id(&mut tx, case.customer).await?.ok_or(Error::NotFound)?;
    let messages = messages_for(&mut tx, person, &case).await?;
    let files = files_of(&mut tx, &case, &messages).await?;
    let mut names = Names::default();
    let authors = messages.iter().filter_map(|message| message.author_id);
    for id in case.claimant().into_iter().chain([case.opened_by]).chain(authors) {
        names.of(&mut tx, &id.to_string()).await?;
    }
    let history = history(&mut tx, definition, &case, &mut names).await?;
    let whitelist = whitelist::check(&mut tx, &case).await?;
    let entry = match &whitelist {
        Some((tunnel, check)) => {
            let network = ipnet::IpNet::from(check.address).to_string();
            let port = super::facts::number(&case, case.channel().server().port).unwrap_or_default();
            crate::store::whitelist::find(&mut tx, tunnel.id, &network, (port, whitelist::protocol_of(&case))).await?
        }
        None => None,
    };
    let mut offers = offers(definition, &case, person);
    let second = notices::asked(&mut tx, (&case, &offers), person, app.now()).await?;
    offers.retain(|rule| !rule.second_contact || second.withheld.is_none());
    let relays = match offers.iter().any(|rule| rule.ask.iter().any(|name| name == "relay_name")) {
        true => super::relays::names(&mut tx, case.customer).await?,
        false => Vec::new(),
    };
    Ok(View {
        offers,
        probes: probes::of_case(&mut tx, case.customer, case.id).await?,
        settings: settings::of_case(&mut tx, case.customer, case.id).await?,
        customer,
        names: names.known,
        staff: names.staff,
        messages,
        files,
        history,
        whitelist,
        entry,
        family: family::of(&mut tx, person, &case).await?,
        relays,
        second,
        definition,
        case,
    })
}

/// A case without what is around it.
///
/// # Errors
/// [`Error::NotFound`] where the person may not see it; what the database says.
pub async fn one(app: &App, person: &Person, number: i64) -> Result<Case, Error> {
    visible(&mut app.db.read().await?, person, number).await
}

/// The number of the case that belongs to another one and was begun last, where there is one.
///
/// # Errors
/// As [`one`].
pub async fn youngest_child(app: &App, person: &Person, number: i64) -> Result<Option<i64>, Error> {
    let mut tx = app.db.read().await?;
    visible(&mut tx, person, number).await?;
    Ok(cases::children(&mut tx, number).await?.first().map(|child| child.number))
}

/// The tunnel tests of a case, newest first.
///
/// # Errors
/// As [`one`].
pub async fn tests(app: &App, person: &Person, number: i64) -> Result<Vec<Probe>, Error> {
    let mut tx = app.db.read().await?;
    let case = visible(&mut tx, person, number).await?;
    Ok(probes::of_case(&mut tx, case.customer, case.id).await?)
}

/// A tunnel test of a case.
///
/// # Errors
/// [`Error::NotFound`] where the person may not see the case, or it has no such test.
pub async fn test(app: &App, person: &Person, number: i64, test: i64) -> Result<(Case, Probe), Error> {
    let mut tx = app.db.read().await?;
    let case = visible(&mut tx, person, number).await?;
    let probe = probes::by_number(&mut tx, case.customer, case.id, test).await?.ok_or(Error::NotFound)?;
    Ok((case, probe))
}

/// The last test that ended before another one of a case which [`test()`] has shown.
///
/// # Errors
/// What the database says.
pub async fn test_before(app: &App, case: &Case, number: i64) -> Result<Option<Probe>, Error> {
    Ok(probes::done_before(&mut app.db.read().await?, case.customer, case.id, number).await?)
}

/// The cases that a contact sees, newest first, with numbers below `before`.
///
/// # Errors
/// What the database says.
pub async fn mine(app: &App, person: &Person, before: i64, limit: i64) -> Result<Vec<Case>, Error> {
    let customer = person.customer.ok_or(Error::Forbidden("Engineers find cases in the queue"))?;
    let opener = (!person.all_cases).then_some(person.id);
    let mut tx = app.db.read().await?;
    Ok(cases::of_customer(&mut tx, customer, opener, before, limit).await?)
}

/// A case that the person may see; another customer's case looks like one that does not exist.
pub(super) async fn visible(tx: &mut Tx, person: &Person, number: i64) -> Result<Case, Error> {
    cases::by_number(tx, number).await?.filter(|case| case.is_visible_to(person)).ok_or(Error::NotFound)
}

/// As [`visible`], in a transaction that will change the case.
pub(super) async fn held(tx: &mut Tx, person: &Person, number: i64) -> Result<Case, Error> {
    let case = cases::hold(tx, number).await?;
    case.filter(|case| case.is_visible_to(person)).ok_or(Error::NotFound)
}

#[derive(Default)]
struct Names {
    known: BTreeMap<String, String>,
    staff: BTreeSet<String>,
}

impl Names {
    async fn of(&mut self, tx: &mut Tx, id: &str) -> Result<String, Error> {
        if let Some(name) = self.known.get(id) {
            return Ok(name.clone());
        }
        let person = match id.parse() {
            Ok(uuid) => people::by_id(tx, crate::domain::id::PersonId::new(uuid)).await?,
            Err(_) => None,
        };
        if person.as_ref().is_some_and(|entry| entry.person.is_staff()) {
            self.staff.insert(id.to_owned());
        }
        let name = person.map_or_else(|| "Somebody".to_owned(), |entry| entry.person.name);
        self.known.insert(id.to_owned(), name.clone());
        Ok(name)
    }
}

async fn history(
    tx: &mut Tx,
    definition: &Definition,
    case: &Case,
    names: &mut Names,
) -> Result<Vec<Happening>, Error> {
    let mut happenings = Vec::new();
    for row in log::entries(tx, case.customer, case.id).await? {
        let body: Json = serde_json::from_str(&row.body).unwrap_or_default();
        let text = |pointer: &str| body.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
        let from_case = body.get("from_case").and_then(Json::as_i64).filter(|_| text("/act") == "event");
        let who = match text("/actor/id") {
            _ if from_case.is_some() => format!("Case {}", from_case.unwrap_or_default()),
            id if id.is_empty() => "Postern".to_owned(),
            id => names.of(tx, &id).await?,
        };
        let who = match text("/actor/on_behalf_of") {
            id if id.is_empty() => who,
            id => format!("{who} for {}", names.of(tx, &id).await?),
        };
        let what = match text("/act").as_str() {
            "event" => label(definition, &text("/event")),
            "opened" => "Opened the case".to_owned(),
            "claimed" => "Claimed the case".to_owned(),
            "released" => "Released the case".to_owned(),
            "handed_over" => "Handed the case over".to_owned(),
            "wrote" => "Wrote a message".to_owned(),
            "test_asked" => "Asked for a tunnel test".to_owned(),
            "contact_verified" => {
                let contact = names.of(tx, &text("/detail/contact")).await?;
                format!("Verified {contact} as a contact: {}", text("/detail/how"))
            }
            "prioritized" => {
                let [from, to, reason] = ["from", "to", "reason"].map(|name| text(&format!("/detail/{name}")));
                format!("Changed the priority from {from} to {to}: {reason}")
            }
            "late" => {
                let promise = Objective::parse(&text("/detail/objective")).map_or("Promise", Objective::title);
                format!("{promise} is late; the leads were told")
            }
            "reckoned" => "Computed the due times again in the calendars of today".to_owned(),
            other => other.to_owned(),
        };
        let at = DateTime::from_timestamp_micros(row.at_us).unwrap_or(case.opened_at);
        let is_internal = matches!(text("/act").as_str(), "released" | "handed_over")
            || body.pointer("/detail/internal").and_then(Json::as_bool).unwrap_or_default();
        happenings.push(Happening { at, who, what, answers: plain_answers(definition, &body), is_internal });
    }
    Ok(happenings)
}

/// What the button of an event says.
fn label(definition: &Definition, event: &str) -> String {
    definition.rule_named(event).map_or_else(|| event.to_owned(), |rule| rule.label.clone())
}

/// What an entry of the log says that somebody wrote, without what is handled with care.
fn plain_answers(definition: &Definition, body: &Json) -> BTreeMap<String, String> {
    let effects = body.get("effects").and_then(Json::as_array).into_iter().flatten();
    let stored = effects.filter_map(|effect| effect.pointer("/store/data").and_then(Json::as_object)).flatten();
    let is_plain = |name: &str| {
        definition.fields.get(name).is_some_and(|field| field.sensitive.is_none() && field.store == Store::Case)
    };
    stored
        .filter(|(name, _)| is_plain(name))
        .filter_map(|(name, value)| value.as_str().map(|text| (name.clone(), text.to_owned())))
        .collect()
}
