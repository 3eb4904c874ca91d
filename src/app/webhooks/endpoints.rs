//! Endpoints on record: adding, changing, switching off and on, another key. A key is shown once, when it is made.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::MOST_ENDPOINTS;
use crate::app::admin::{taken, text_errors};
use crate::app::{App, Error, FieldError, Once, token};
use crate::clock::fresh_id;
use crate::domain::id::EndpointId;
use crate::domain::webhook::{OffReason, Topic, write_key};
use crate::secret::Secret;
use crate::store::webhooks::{self, Endpoint, Text};
use crate::store::{Tx, deliveries, people};

/// How long a key that was replaced goes on signing beside its successor.
pub const FORMER_SIGNS: TimeDelta = TimeDelta::hours(24);

/// Bytes of the keys that are made here.
const KEY_BYTES: usize = 32;

/// An endpoint as somebody wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// Where messages go.
    pub url: String,
    /// E-mail address of one of the vendor's people, who is told when it is switched off.
    pub owner: String,
    /// Words of [`Topic`].
    pub topics: Vec<String>,
}

/// An endpoint with what belongs to it.
#[derive(Clone, Debug)]
pub struct View {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// What it is told of.
    pub topics: Vec<Topic>,
    /// When its key was made.
    pub key_made_at: Option<DateTime<Utc>>,
    /// Until when the former key signs too, where there is one.
    pub former_until: Option<DateTime<Utc>>,
}

impl View {
    /// What is on record, to be changed.
    pub fn draft(&self) -> Draft {
        Draft {
            name: self.endpoint.name.clone(),
            url: self.endpoint.url.clone(),
            owner: self.endpoint.owner_email.clone(),
            topics: self.topics.iter().map(ToString::to_string).collect(),
        }
    }
}

/// All endpoints by name.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<View>, Error> {
    let mut tx = app.db.read().await?;
    let mut views = Vec::new();
    for endpoint in webhooks::list(&mut tx).await? {
        views.push(view(app, &mut tx, endpoint).await?);
    }
    Ok(views)
}

/// One endpoint.
///
/// # Errors
/// [`Error::NotFound`]; what the database says.
pub async fn one(app: &App, id: EndpointId) -> Result<View, Error> {
    let mut tx = app.db.read().await?;
    let endpoint = webhooks::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
    view(app, &mut tx, endpoint).await
}

/// The endpoint of a name.
///
/// # Errors
/// [`Error::NotFound`]; what the database says.
pub async fn by_name(app: &App, name: &str) -> Result<View, Error> {
    list(app).await?.into_iter().find(|view| view.endpoint.name == name.trim()).ok_or(Error::NotFound)
}

async fn view(app: &App, tx: &mut Tx, endpoint: Endpoint) -> Result<View, Error> {
    let topics = webhooks::topics(tx, endpoint.id).await?;
    let keys = webhooks::keys(tx, endpoint.id, app.now()).await?;
    let present = keys.iter().find(|key| key.ends_at.is_none());
    Ok(View {
        topics,
        key_made_at: present.map(|key| key.made_at),
        former_until: keys.iter().find_map(|key| key.ends_at),
        endpoint,
    })
}

/// Adds an endpoint that is on. Gives its key, which nobody can read again; none where the same form came before.
///
/// # Errors
/// [`Error::Invalid`] names every part that needs another look.
pub async fn add(app: &Arc<App>, draft: &Draft, once: Option<Once>) -> Result<(View, Option<Secret>), Error> {
    let topics = read(app, draft)?;
    let id = EndpointId::new(fresh_id());
    let (shared, draft) = (Arc::clone(app), draft.clone());
    let key = fresh_key();
    let (sealed, at) = (app.vault.seal_webhook(id, &key)?, app.now());
    let (id, is_new) = app
        .db
        .write(move |tx| {
            let (app, draft, topics, sealed) = (Arc::clone(&shared), draft.clone(), topics.clone(), sealed.clone());
            let once = once.clone();
            Box::pin(async move {
                if let Some(before) = earlier(tx, once.as_ref()).await? {
                    return Ok((before, false));
                }
                if webhooks::count(tx).await? >= MOST_ENDPOINTS {
                    let text = format!("There are {MOST_ENDPOINTS} endpoints: change one that is not needed any more");
                    return Err(Error::field("name", "too_many", text));
                }
                let endpoint = fill(&app, tx, &draft, id).await?;
                webhooks::add(tx, &endpoint, at).await.map_err(|error| taken(error, "name", "endpoint"))?;
                webhooks::set_topics(tx, id, &topics).await?;
                webhooks::put_key(tx, id, &sealed, (at, at)).await?;
                keep(tx, once, id, at).await?;
                Ok::<_, Error>((id, true))
            })
        })
        .await?;
    Ok((one(app, id).await?, is_new.then_some(key)))
}

/// Changes name, address, owner and topics.
///
/// # Errors
/// As [`add`]; [`Error::NotFound`].
pub async fn change(app: &Arc<App>, id: EndpointId, draft: &Draft) -> Result<View, Error> {
    let topics = read(app, draft)?;
    let (shared, draft) = (Arc::clone(app), draft.clone());
    app.db
        .write(move |tx| {
            let (app, draft, topics) = (Arc::clone(&shared), draft.clone(), topics.clone());
            Box::pin(async move {
                let endpoint = fill(&app, tx, &draft, id).await?;
                let found = webhooks::replace(tx, &endpoint).await.map_err(|error| taken(error, "name", "endpoint"))?;
                if !found {
                    return Err(Error::NotFound);
                }
                Ok::<(), Error>(webhooks::set_topics(tx, id, &topics).await?)
            })
        })
        .await?;
    one(app, id).await
}

/// Makes another key. The present one goes on signing for [`FORMER_SIGNS`], so that receivers can be changed without
/// losing a message; one that was replaced before ends at once. Gives the key as [`add`] does.
///
/// # Errors
/// [`Error::NotFound`]; what the database says.
pub async fn rotate(app: &Arc<App>, id: EndpointId, once: Option<Once>) -> Result<(View, Option<Secret>), Error> {
    let key = fresh_key();
    let (sealed, at) = (app.vault.seal_webhook(id, &key)?, app.now());
    let is_new = app
        .db
        .write(move |tx| {
            let (sealed, once) = (sealed.clone(), once.clone());
            Box::pin(async move {
                webhooks::by_id(tx, id).await?.ok_or(Error::NotFound)?;
                if earlier(tx, once.as_ref()).await?.is_some() {
                    return Ok(false);
                }
                webhooks::put_key(tx, id, &sealed, (at, at + FORMER_SIGNS)).await?;
                keep(tx, once, id, at).await?;
                Ok::<_, Error>(true)
            })
        })
        .await?;
    Ok((one(app, id).await?, is_new.then_some(key)))
}

/// Switches an endpoint off: what waits for it is kept as missed, and so is what comes meanwhile. One that is off stays so.
///
/// # Errors
/// [`Error::NotFound`]; what the database says.
pub async fn switch_off(app: &Arc<App>, id: EndpointId) -> Result<View, Error> {
    let at = app.now();
    app.db
        .write(move |tx| {
            Box::pin(async move {
                webhooks::by_id(tx, id).await?.ok_or(Error::NotFound)?;
                webhooks::set_off(tx, id, OffReason::Person, at).await?;
                Ok::<(), Error>(deliveries::miss(tx, id).await?)
            })
        })
        .await?;
    one(app, id).await
}

/// Switches an endpoint on. What it missed is sent when somebody asks for it.
///
/// # Errors
/// [`Error::NotFound`]; what the database says.
pub async fn switch_on(app: &Arc<App>, id: EndpointId) -> Result<View, Error> {
    app.db
        .write(move |tx| {
            Box::pin(async move {
                webhooks::by_id(tx, id).await?.ok_or(Error::NotFound)?;
                webhooks::set_on(tx, id).await?;
                Ok::<(), Error>(())
            })
        })
        .await?;
    one(app, id).await
}

fn fresh_key() -> Secret {
    Secret::new(write_key(&token::random::<KEY_BYTES>()))
}

/// Reads what needs no database; every fault at once.
fn read(app: &App, draft: &Draft) -> Result<Vec<Topic>, Error> {
    let mut errors = text_errors("name", "name of the endpoint", &draft.name);
    if let Err(error) = app.webhooks.check(&draft.url) {
        errors.push(FieldError::new("url", "not_usable", error.to_string()));
    }
    let mut topics = Vec::new();
    for word in &draft.topics {
        match Topic::parse(word).filter(|topic| *topic != Topic::Ping) {
            Some(topic) if !topics.contains(&topic) => topics.push(topic),
            Some(_) => {}
            None => {
                let known: Vec<&str> = Topic::to_subscribe().map(Topic::as_str).collect();
                let text = format!("There is no topic {word:?}: choose from {}", known.join(", "));
                errors.push(FieldError::new("topics", "unknown", text));
            }
        }
    }
    if draft.topics.is_empty() {
        errors.push(FieldError::new("topics", "missing", "Choose what the endpoint is told of"));
    }
    if errors.is_empty() { Ok(topics) } else { Err(Error::Invalid(errors)) }
}

/// The endpoint of a draft; only people of the vendor can own one.
async fn fill(app: &App, tx: &mut Tx, draft: &Draft, id: EndpointId) -> Result<Text, Error> {
    let entry = people::by_email(tx, draft.owner.trim()).await?;
    let entry = entry.filter(|entry| entry.active && entry.person.is_staff()).ok_or_else(|| {
        let text = format!("Enter the e-mail address of one of the people of {}", app.brand.vendor);
        Error::field("owner", "unknown", text)
    })?;
    Ok(Text { id, name: draft.name.trim().to_owned(), url: draft.url.trim().to_owned(), owner_id: entry.person.id })
}

/// The endpoint that the same form led to before.
async fn earlier(tx: &mut Tx, once: Option<&Once>) -> Result<Option<EndpointId>, Error> {
    let Some(once) = once else { return Ok(None) };
    let Some(answer) = once.before(tx).await? else { return Ok(None) };
    let id = answer.answer.parse().map(EndpointId::new);
    id.map(Some).map_err(|_not_ours| Error::Internal("a stored answer names no endpoint".to_owned()))
}

async fn keep(tx: &mut Tx, once: Option<Once>, id: EndpointId, at: DateTime<Utc>) -> Result<(), Error> {
    // The answer that is kept names the endpoint only: a key is shown once, and not to whoever repeats a request.
    match once {
        Some(once) => once.keep(tx, 200, id.to_string(), at).await,
        None => Ok(()),
    }
}
