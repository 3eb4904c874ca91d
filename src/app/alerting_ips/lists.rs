//! What customers and their machines read: the published lists, and what one customer has to let in.

use crate::app::{App, Error, mails};
use crate::domain::actor::Person;
use crate::domain::alerting_ip::AlertingIp;
use crate::domain::alerting_ip::feed::{self, Change, Edition, Format, Publisher};
use crate::store::alerting_ips as rows;
use crate::store::alerting_tunnels::{self, OfTunnel};

/// The most entries of the feed and of the page's history.
const MOST_CHANGES: i64 = 100;

/// Refuses whoever may not read the lists: they are for everybody where the configuration says so, else for people and
/// programs that are signed in.
///
/// # Errors
/// [`Error::SignedOut`].
pub fn require_reader(app: &App, person: Option<&Person>) -> Result<(), Error> {
    if app.public_lists || person.is_some() { Ok(()) } else { Err(Error::SignedOut) }
}

/// The entity tag of a form, by one row.
///
/// # Errors
/// What the database says.
pub async fn etag(app: &App, format: Format) -> Result<String, Error> {
    Ok(feed::etag(edition(app).await?, format))
}

async fn edition(app: &App) -> Result<Edition, Error> {
    let found = rows::edition(&mut app.db.read().await?).await?;
    Ok(found.unwrap_or_else(first))
}

/// The empty list before anything was published.
fn first() -> Edition {
    Edition { revision: 0, changed_at: chrono::DateTime::UNIX_EPOCH }
}

/// The list in one form, with the edition that it is.
///
/// # Errors
/// What the database says.
pub async fn content(app: &App, format: Format) -> Result<(Edition, String), Error> {
    let mut tx = app.db.read().await?;
    let edition = rows::edition(&mut tx).await?.unwrap_or_else(first);
    let domain = mails::domain(app);
    let publisher =
        Publisher { product: &app.brand.product, vendor: &app.brand.vendor, url: &app.public_url, domain: &domain };
    let text = match format {
        Format::Json => feed::json(edition, &rows::published(&mut tx).await?),
        Format::Text => feed::text(&rows::published(&mut tx).await?),
        Format::Atom => feed::atom(edition, &publisher, &rows::changes(&mut tx, MOST_CHANGES).await?),
        Format::Ics => feed::ics(edition, &publisher, &rows::published(&mut tx).await?),
    };
    Ok((edition, text))
}

/// The page of a reader.
#[derive(Clone, Debug)]
pub struct Page {
    /// Which edition it shows.
    pub edition: Edition,
    /// Published addresses, and those that the reader's own tunnels name.
    pub all: Vec<AlertingIp>,
    /// The reader's own tunnels.
    pub tunnels: Vec<OfTunnel>,
    /// What happened to published addresses, newest first.
    pub changes: Vec<Change>,
}

/// What a reader may know: published addresses, and those of the reader's own tunnels.
///
/// # Errors
/// [`Error::SignedOut`]; what the database says.
pub async fn page(app: &App, person: Option<&Person>) -> Result<Page, Error> {
    require_reader(app, person)?;
    let mut tx = app.db.read().await?;
    let edition = rows::edition(&mut tx).await?.unwrap_or_else(first);
    let (tunnels, mut all) = match person.and_then(|person| person.customer) {
        Some(customer) => {
            (alerting_tunnels::of_customer(&mut tx, customer).await?, rows::shown_to(&mut tx, customer).await?)
        }
        None => (Vec::new(), rows::published(&mut tx).await?),
    };
    let own: Vec<std::net::IpAddr> = tunnels
        .iter()
        .flat_map(|tunnel| [Some(&tunnel.alerting_ip), tunnel.standby_ip.as_ref()])
        .flatten()
        .filter_map(|address| address.parse().ok())
        .collect();
    // Single addresses were chosen by the statement.
    all.retain(|ip| ip.is_published || ip.is_single() || named(ip, &own));
    let changes = rows::changes(&mut tx, MOST_CHANGES).await?;
    Ok(Page { edition, all, tunnels, changes })
}

fn named(ip: &AlertingIp, own: &[std::net::IpAddr]) -> bool {
    own.iter().any(|address| ip.network.contains(address))
}
