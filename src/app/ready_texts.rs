//! Texts that engineers begin a message with. Their placeholders are filled with the values of a case in a sandbox: no
//! filter, no function, no other template, and a limit of work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::cases::View;
use super::{App, Error, FieldError};
use crate::clock::fresh_id;
use crate::domain::actor::Person;
use crate::domain::id::ReadyTextId;
use crate::domain::workflow::{Sensitivity, Store};
use crate::store::StoreError;
use crate::store::ready_texts::{self, ReadyText};

/// Steps that filling a text may take; an ordinary one takes fewer than a hundred.
const FUEL: u64 = 5_000;
/// The longest name and the longest text, in characters.
const LONGEST: (usize, usize) = (80, 5_000);

/// What placeholders may name: `case.number`, `customer`, `me`, `field.smtp_ip`.
#[derive(Debug, Serialize)]
struct Values {
    case: BTreeMap<&'static str, String>,
    customer: String,
    me: String,
    field: BTreeMap<String, String>,
}

impl Values {
    fn of(app: &App, view: &View<'_>, person: &Person) -> Self {
        let value = |name: &str| view.case.flow.data.get(name).map(ToString::to_string).unwrap_or_default();
        Self {
            case: BTreeMap::from([
                ("number", view.case.number.to_string()),
                ("title", view.case.title.clone()),
                ("url", format!("{}/cases/{}", app.public_url, view.case.number)),
            ]),
            customer: view.customer.name.clone(),
            me: person.name.clone(),
            field: fields(app).into_iter().map(|name| (name.clone(), value(&name))).collect(),
        }
    }

    /// Every name with an empty value, to try a text on.
    fn sample(fields: Vec<String>) -> Self {
        let empty = || "sample".to_owned();
        Self {
            case: ["number", "title", "url"].into_iter().map(|name| (name, empty())).collect(),
            customer: empty(),
            me: empty(),
            field: fields.into_iter().map(|name| (name, empty())).collect(),
        }
    }

    fn names(&self) -> BTreeSet<String> {
        let case = self.case.keys().map(|name| format!("case.{name}"));
        let field = self.field.keys().map(|name| format!("field.{name}"));
        case.chain(field).chain(["customer".to_owned(), "me".to_owned()]).collect()
    }
}

/// Fields that a message to the customer may repeat, of any kind of case: one that a case does not have reads empty.
fn fields(app: &App) -> Vec<String> {
    let all = app.workflows.all().flat_map(|definition| &definition.fields);
    let open = all.filter(|(name, field)| {
        let is_secret = field.store == Store::Vault || field.sensitive == Some(Sensitivity::Secret);
        !is_secret && !super::resource::is_internal(name)
    });
    open.map(|(name, _)| name.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

fn fill(text: &str, values: &Values) -> Result<String, minijinja::Error> {
    let mut sandbox = Environment::empty();
    sandbox.set_undefined_behavior(UndefinedBehavior::Strict);
    sandbox.set_fuel(Some(FUEL));
    sandbox.render_str(text, Serde(values))
}

/// All texts by name.
///
/// # Errors
/// [`Error::Forbidden`] for people who do not work the queue; what the database says.
pub async fn list(app: &App, person: &Person) -> Result<Vec<ReadyText>, Error> {
    require_queue(person)?;
    Ok(ready_texts::list(&mut app.db.read().await?).await?)
}

/// A text with the values of a case.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] where a text of an earlier version does not fit this case any more.
pub async fn filled(app: &App, person: &Person, view: &View<'_>, id: ReadyTextId) -> Result<String, Error> {
    require_queue(person)?;
    let text = ready_texts::find(&mut app.db.read().await?, id).await?.ok_or(Error::NotFound)?;
    fill(&text.body, &Values::of(app, view, person)).map_err(|error| Error::field("text", "unfit", error.to_string()))
}

/// Adds a text, or changes one.
///
/// # Errors
/// [`Error::Invalid`] for an empty or too long name or text, a name that another has, a placeholder that is not known,
/// and a text that cannot be filled within the limit of work; [`Error::NotFound`]; [`Error::Forbidden`].
pub async fn put(
    app: &Arc<App>,
    person: &Person,
    id: Option<ReadyTextId>,
    (name, body): (&str, &str),
) -> Result<(), Error> {
    require_queue(person)?;
    let errors = faults(fields(app), name.trim(), body);
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let text = ReadyText {
        id: id.unwrap_or_else(|| ReadyTextId::new(fresh_id())),
        name: name.trim().to_owned(),
        body: body.to_owned(),
    };
    let (at, by, is_new) = (app.now(), person.id, id.is_none());
    let outcome = app
        .db
        .write(move |tx| {
            let text = text.clone();
            Box::pin(async move {
                if !is_new && ready_texts::find(tx, text.id).await?.is_none() {
                    return Err(Error::NotFound);
                }
                Ok::<(), Error>(ready_texts::put(tx, &text, by, at).await?)
            })
        })
        .await;
    match outcome {
        Err(Error::Store(StoreError::Duplicate(_))) => Err(Error::field("name", "taken", "Another text has this name")),
        other => other,
    }
}

/// Takes a text away.
///
/// # Errors
/// [`Error::Forbidden`]; what the database says.
pub async fn delete(app: &Arc<App>, person: &Person, id: ReadyTextId) -> Result<(), Error> {
    require_queue(person)?;
    app.db.write(move |tx| Box::pin(async move { Ok::<(), Error>(ready_texts::delete(tx, id).await?) })).await
}

fn faults(fields: Vec<String>, name: &str, body: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let long = |text: &str, most: usize| text.is_empty() || text.chars().count() > most;
    if long(name, LONGEST.0) || name.chars().any(char::is_control) {
        errors.push(FieldError::new("name", "length", format!("Enter a name of 1 to {} characters", LONGEST.0)));
    }
    if long(body.trim(), LONGEST.1) {
        errors.push(FieldError::new("body", "length", format!("Enter a text of 1 to {} characters", LONGEST.1)));
        return errors;
    }
    let values = Values::sample(fields);
    let known = values.names();
    let environment = Environment::empty();
    let unknown = environment.template_from_str(body).map(|template| {
        // Names in branches that the sample does not take count too.
        template.undeclared_variables(true).into_iter().find(|name| !known.contains(name))
    });
    match unknown {
        Ok(Some(name)) => {
            let names = known.iter().cloned().collect::<Vec<_>>().join(", ");
            errors.push(FieldError::new("body", "unknown", format!("{name} is not known. Known are {names}")));
        }
        Ok(None) => {
            if let Err(error) = fill(body, &values) {
                errors.push(FieldError::new("body", "unfit", format!("This text cannot be filled: {error}")));
            }
        }
        Err(error) => errors.push(FieldError::new("body", "syntax", format!("This text cannot be read: {error}"))),
    }
    errors
}

fn require_queue(person: &Person) -> Result<(), Error> {
    if person.works_queue() { Ok(()) } else { Err(Error::Forbidden("Ready texts are for the vendor's engineers")) }
}
