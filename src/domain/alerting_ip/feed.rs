//! The lists that customers' machines poll, made of the register alone: no customer, tunnel or server is known here. Each
//! form is a function of the register's revision, so that two readers of one revision get the same bytes.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use icalendar::{Calendar, Component as _, Event, EventLike as _, EventStatus, Property};
use ipnet::IpNet;
use serde_json::{Value as Json, json};

use super::{AlertingIp, IpAct, IpState};
use crate::domain::words;

words! {
    /// A form of the list; the word ends its address.
    pub enum Format {
        /// Prefixes with state and dates.
        Json = "json",
        /// Networks to be let in, one a line.
        Text = "txt",
        /// What changed, newest first (RFC 4287).
        Atom = "atom",
        /// Dates that lie ahead (RFC 5545).
        Ics = "ics",
    }
}

impl Format {
    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
            Self::Atom => "application/atom+xml; charset=utf-8",
            Self::Ics => "text/calendar; charset=utf-8",
        }
    }
}

/// Which edition of the list it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edition {
    /// Counts up with each change.
    pub revision: i64,
    /// When it last changed.
    pub changed_at: DateTime<Utc>,
}

/// A line of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The address.
    pub number: i64,
    /// The address itself.
    pub network: IpNet,
    /// Counts the changes of this address.
    pub sequence: i64,
    /// What happened.
    pub act: IpAct,
    /// From when on alerts come from it, as of this change.
    pub from: DateTime<Utc>,
    /// Until when, as of this change.
    pub until: Option<DateTime<Utc>>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Whose list it is.
#[derive(Clone, Debug)]
pub struct Publisher<'p> {
    /// Name of the product whose alerts come from the addresses.
    pub product: &'p str,
    /// Name of the vendor.
    pub vendor: &'p str,
    /// Address of the service, without a slash at its end.
    pub url: &'p str,
    /// Its host name, which identifiers end in.
    pub domain: &'p str,
}

/// How long the calendar shows that something was called off.
const SHOW_CANCELLED: TimeDelta = TimeDelta::days(90);

/// The entity tag of an edition in one form (RFC 9110, section 8.8.3). The instant tells editions apart that were counted
/// twice, before and after a restore.
pub fn etag(edition: Edition, format: Format) -> String {
    format!("\"{format}-{}-{}\"", edition.revision, edition.changed_at.timestamp_micros())
}

/// An instant as the lists and the cases of a change write it: RFC 3339, whole seconds, UTC.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The list as JSON; `prefixes` in the order of addresses.
pub fn json(edition: Edition, all: &[AlertingIp]) -> String {
    let replaced = |ip: &AlertingIp| all.iter().find(|other| Some(other.number) == ip.replaces).map(AlertingIp::cidr);
    let mut listed: Vec<&AlertingIp> = all.iter().filter(|ip| ip.is_to_be_let_in()).collect();
    listed.sort_by_key(|ip| ip.network);
    let prefixes: Vec<Json> = listed
        .into_iter()
        .map(|ip| {
            json!({
                "cidr": ip.cidr(),
                "purpose": ip.purpose,
                "region": ip.region,
                "state": ip.state,
                "from": instant(ip.from),
                "until": ip.until.map(instant),
                "replaces": replaced(ip),
            })
        })
        .collect();
    let list = json!({
        "sync_token": format!("{}-{}", edition.revision, edition.changed_at.timestamp_micros()),
        "created_at": instant(edition.changed_at),
        "prefixes": prefixes,
    });
    format!("{list:#}\n")
}

/// Networks to be let in, one a line, in the order of addresses.
pub fn text(all: &[AlertingIp]) -> String {
    let mut networks: Vec<IpNet> = all.iter().filter(|ip| ip.is_to_be_let_in()).map(|ip| ip.network).collect();
    networks.sort();
    networks.iter().map(|network| format!("{network}\n")).collect()
}

/// What happened, in a sentence.
pub fn sentence(change: &Change) -> String {
    let ip = super::shown(change.network);
    let day = |at: DateTime<Utc>| at.format("%-d %B %Y at %H:%M UTC").to_string();
    let until = change.until.map(|at| format!(", until {}", day(at))).unwrap_or_default();
    match change.act {
        IpAct::Added => format!("{ip} is on the list: alerts come from it{until}"),
        IpAct::Planned => format!("{ip} is planned from {}{until}: let it in before that", day(change.from)),
        IpAct::Started => format!("{ip} is in use: alerts come from it{until}"),
        IpAct::Ending => format!("{ip} is ending{until}"),
        IpAct::Moved => format!("The dates of {ip} have moved: from {}{until}", day(change.from)),
        IpAct::Corrected => format!("What is known of {ip} was corrected"),
        IpAct::Kept => format!("{ip} stays in use"),
        IpAct::Withdrawn => format!("{ip} will not be used: its announcement was taken back"),
        IpAct::Retired => format!("{ip} is retired: nothing comes from it any more"),
    }
}

/// The history as an Atom feed (RFC 4287).
pub fn atom(edition: Edition, publisher: &Publisher<'_>, changes: &[Change]) -> String {
    let Publisher { product, vendor, url, domain } = publisher;
    let (product, vendor, url) = (escaped(product), escaped(vendor), escaped(url));
    let mut feed = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n  \
         <title>Alerting IPs of {product}</title>\n  <id>tag:{domain},2026:alerting-ips</id>\n  \
         <updated>{}</updated>\n  <author><name>{vendor}</name></author>\n  \
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{url}/alerting-ips.atom\"/>\n  \
         <link rel=\"alternate\" type=\"text/html\" href=\"{url}/alerting-ips\"/>\n",
        instant(edition.changed_at),
    );
    for change in changes {
        let text = escaped(&sentence(change));
        // Writing into a string cannot fail.
        let _always_ok = write!(
            feed,
            "  <entry>\n    <title>{text}</title>\n    <id>tag:{domain},2026:alerting-ips/{}/{}</id>\n    \
             <updated>{}</updated>\n    <link rel=\"alternate\" type=\"text/html\" href=\"{url}/alerting-ips\"/>\n    \
             <category term=\"{}\"/>\n    <content type=\"text\">{text}.</content>\n  </entry>\n",
            change.number,
            change.sequence,
            instant(change.at),
            change.act,
        );
    }
    feed.push_str("</feed>\n");
    feed
}

/// XML's five characters (XML 1.0, section 2.4); what XML cannot hold at all becomes a space.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            other if other.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

/// First and last days of addresses as events, with the properties of maintenance notices (X-MAINTNOTE) that operators'
/// tools read. What was called off stays as cancelled for a time, since calendars keep what they are not told to drop.
pub fn ics(edition: Edition, publisher: &Publisher<'_>, all: &[AlertingIp]) -> String {
    let mut calendar = Calendar::new();
    calendar.name(&format!("Alerting IPs of {}", publisher.product));
    let shown_since = edition.changed_at - SHOW_CANCELLED;
    for ip in all {
        let is_cancelled = ip.state == IpState::Retired && ip.until.is_none();
        let starts = match ip.state {
            IpState::Planned | IpState::Active => ip.from > shown_since,
            IpState::Retired => is_cancelled && ip.changed_at > shown_since && ip.from > shown_since,
            IpState::Retiring => false,
        };
        if starts {
            let title = format!("Alerts begin to come from {}", ip.shown());
            calendar.push(event(publisher, ip, ("from", ip.from, &title), is_cancelled));
        }
        if let Some(until) = ip.until.filter(|_| ip.state != IpState::Retired || ip.changed_at > shown_since) {
            let title = format!("{} ends: no alerts come from it any more", ip.shown());
            calendar.push(event(publisher, ip, ("until", until, &title), false));
        }
    }
    calendar.done().to_string()
}

fn event(
    publisher: &Publisher<'_>,
    ip: &AlertingIp,
    (which, at, title): (&str, DateTime<Utc>, &str),
    is_cancelled: bool,
) -> Event {
    let mut event = Event::new();
    let uid = format!("alerting-ip-{}-{which}@{}", ip.number, publisher.domain);
    event
        .uid(&uid)
        .sequence(u32::try_from(ip.sequence).unwrap_or(u32::MAX))
        .timestamp(ip.changed_at)
        .starts(at)
        .ends(at + TimeDelta::hours(1))
        .summary(title)
        .url(&format!("{}/alerting-ips", publisher.url))
        .status(if is_cancelled { EventStatus::Cancelled } else { EventStatus::Confirmed });
    let status = if is_cancelled { "CANCELLED" } else { "CONFIRMED" };
    for (name, value) in [
        ("X-MAINTNOTE-PROVIDER", publisher.domain),
        ("X-MAINTNOTE-ACCOUNT", "all"),
        ("X-MAINTNOTE-MAINTENANCE-ID", uid.as_str()),
        ("X-MAINTNOTE-OBJECT-ID", &ip.shown()),
        ("X-MAINTNOTE-IMPACT", "NO-IMPACT"),
        ("X-MAINTNOTE-STATUS", status),
    ] {
        event.append_property(Property::new(name, value));
    }
    event.done()
}

impl AlertingIp {
    /// The network in prefix notation, also where it is one address.
    pub fn cidr(&self) -> String {
        self.network.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edition() -> Edition {
        Edition { revision: 7, changed_at: "2026-11-25T10:00:00Z".parse().unwrap() }
    }

    fn publisher() -> Publisher<'static> {
        Publisher { product: "A<B&\"C\"", vendor: "V", url: "https://p.example", domain: "p.example" }
    }

    fn two() -> Vec<AlertingIp> {
        let mut old = super::super::tests::address(IpState::Retiring);
        old.until = Some("2027-01-15T10:00:00Z".parse().unwrap());
        let new = AlertingIp {
            number: 2,
            network: "198.51.100.9/32".parse().unwrap(),
            from: "2027-01-01T10:00:00Z".parse().unwrap(),
            replaces: Some(1),
            ..super::super::tests::address(IpState::Planned)
        };
        vec![old, new]
    }

    #[test]
    fn json_lists_what_is_to_be_let_in_in_the_order_of_addresses() {
        let list: Json = serde_json::from_str(&json(edition(), &two())).unwrap();
        assert_eq!(list["sync_token"], "7-1795600800000000");
        assert_eq!(list["prefixes"][0]["cidr"], "198.51.100.9/32");
        assert_eq!(list["prefixes"][0]["replaces"], "198.51.100.24/32");
        assert_eq!(list["prefixes"][1]["until"], "2027-01-15T10:00:00Z");
        assert_eq!(text(&two()), "198.51.100.9/32\n198.51.100.24/32\n");
        let retired = AlertingIp { state: IpState::Retired, ..two().remove(0) };
        assert_eq!(text(&[retired]), "", "an empty list lets nothing through");
    }

    #[test]
    fn names_cannot_break_out_of_the_feed() {
        let change = Change {
            number: 2,
            network: "198.51.100.9/32".parse().unwrap(),
            sequence: 1,
            act: IpAct::Planned,
            from: "2027-01-01T10:00:00Z".parse().unwrap(),
            until: None,
            at: edition().changed_at,
        };
        let feed = atom(edition(), &publisher(), &[change]);
        assert!(feed.contains("A&lt;B&amp;&quot;C&quot;") && !feed.contains("A<B"), "{feed}");
        assert!(feed.contains("198.51.100.9 is planned from 1 January 2027 at 10:00 UTC"), "{feed}");
    }

    #[test]
    fn the_calendar_is_the_same_for_the_same_edition_and_counts_changes() {
        let first = ics(edition(), &publisher(), &two());
        assert_eq!(first, ics(edition(), &publisher(), &two()));
        assert!(first.contains("UID:alerting-ip-2-from@p.example"), "{first}");
        assert!(first.contains("DTSTART:20270101T100000Z"), "{first}");
        assert!(first.contains("UID:alerting-ip-1-until@p.example"), "{first}");
        let mut called_off = two();
        called_off[1].state = IpState::Retired;
        called_off[1].sequence = 3;
        let after = ics(edition(), &publisher(), &called_off);
        assert!(after.contains("STATUS:CANCELLED") && after.contains("SEQUENCE:3"), "{after}");
    }
}
