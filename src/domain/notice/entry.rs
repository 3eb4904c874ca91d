//! A planned change as an entry of calendars (RFC 5545): one identifier for good, and a sequence that grows with every
//! date, so that programs replace what they hold.

use chrono::{DateTime, TimeDelta, Utc};
use icalendar::{Calendar, Component as _, Event, EventLike as _, EventStatus};

/// How long the cut-over takes in calendars.
const LASTS: TimeDelta = TimeDelta::minutes(30);

/// Whether the change still takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not confirmed by a second contact.
    Tentative,
    /// It takes place.
    Confirmed,
    /// It does not.
    Cancelled,
}

/// What the entry says; nothing of it belongs to another customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Identifies the notice for good (RFC 5545, section 3.8.4.7).
    pub uid: String,
    /// How many times its date or its standing has changed (section 3.8.7.4).
    pub sequence: u32,
    /// When the entry was last changed.
    pub changed_at: DateTime<Utc>,
    /// When the IP changes.
    pub at: DateTime<Utc>,
    /// The time zone that the customer planned it in, for people.
    pub zone: Option<String>,
    /// The IP in use.
    pub from: String,
    /// The new one.
    pub to: String,
    /// The page of the notice.
    pub url: String,
    /// Whether it takes place.
    pub status: Status,
}

impl Entry {
    /// The method of the calendar object (RFC 5546, section 1.4): a cancelled entry is taken off calendars.
    pub fn method(&self) -> &'static str {
        match self.status {
            Status::Tentative | Status::Confirmed => "PUBLISH",
            Status::Cancelled => "CANCEL",
        }
    }

    /// The file.
    pub fn ics(&self) -> String {
        let zone = self.zone.as_ref().map(|zone| format!("\nPlanned in {zone}.")).unwrap_or_default();
        let status = match self.status {
            Status::Tentative => EventStatus::Tentative,
            Status::Confirmed => EventStatus::Confirmed,
            Status::Cancelled => EventStatus::Cancelled,
        };
        let mut event = Event::new();
        event
            .uid(&self.uid)
            .sequence(self.sequence)
            .timestamp(self.changed_at)
            .starts(self.at)
            .ends(self.at + LASTS)
            .summary(&format!("The SMTP server moves from {} to {}", self.from, self.to))
            .description(&format!("{}{zone}", self.url))
            .url(&self.url)
            .status(status);
        let mut calendar = Calendar::new();
        calendar.append_property(("METHOD", self.method()));
        calendar.push(event.done());
        calendar.done().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let at = DateTime::from_timestamp(1_900_000_000, 0).unwrap();
        Entry {
            uid: "0190-notice@postern.example".into(),
            sequence: 2,
            changed_at: at - TimeDelta::days(7),
            at,
            zone: Some("Europe/Berlin".into()),
            from: "10.20.0.25".into(),
            to: "10.20.0.200".into(),
            url: "https://postern.example/cases/1002".into(),
            status: Status::Confirmed,
        }
    }

    #[test]
    fn a_parser_reads_the_entry_as_it_was_meant() {
        let text = entry().ics();
        assert!(text.lines().all(|line| line.len() <= 75) && text.contains("\r\n"), "RFC 5545, section 3.1: {text}");
        let unfolded = icalendar::parser::unfold(&text);
        let read = icalendar::parser::read_calendar(&unfolded).unwrap();
        let method = read.properties.iter().find(|property| property.name == "METHOD").unwrap();
        assert_eq!(method.val.to_string(), "PUBLISH");
        let event = &read.components[0];
        let value = |name: &str| event.find_prop(name).map(|property| property.val.to_string()).unwrap_or_default();
        assert_eq!(value("UID"), "0190-notice@postern.example");
        assert_eq!((value("SEQUENCE").as_str(), value("STATUS").as_str()), ("2", "CONFIRMED"));
        assert_eq!((value("DTSTART").as_str(), value("DTEND").as_str()), ("20300317T174640Z", "20300317T181640Z"));
        assert_eq!(value("DTSTAMP"), "20300310T174640Z");
        assert!(value("DESCRIPTION").contains("Europe/Berlin"));
    }

    #[test]
    fn a_cancelled_entry_is_taken_off_and_the_same_entry_is_the_same_bytes() {
        let cancelled = Entry { status: Status::Cancelled, ..entry() }.ics();
        assert!(cancelled.contains("METHOD:CANCEL\r\n") && cancelled.contains("STATUS:CANCELLED\r\n"), "{cancelled}");
        assert_eq!(entry().ics(), entry().ics());
    }
}
