//! Holidays out of an iCalendar file (RFC 5545): its events of whole days. Calendars of public holidays name every year's
//! day or repeat one yearly; both are read, and every other event is named in the report and left out.

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDate};
use icalendar::parser::{Component, Property, read_calendar, unfold};

use super::{MOST_HOLIDAYS, holiday_name};

/// The longest holiday, in days; an event that is longer is something else.
const LONGEST: i64 = 31;

/// What a file holds for a calendar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holidays {
    /// Days on which it is closed, with their names.
    pub days: BTreeMap<NaiveDate, String>,
    /// Events that were left out, each with the reason.
    pub left_out: Vec<String>,
}

/// Reads the holidays of a file that fall into these years.
///
/// # Errors
/// A sentence that says why the file is none, or that it holds too many days.
pub fn read(text: &str, years: std::ops::RangeInclusive<i32>) -> Result<Holidays, String> {
    let unfolded = unfold(text.trim_start_matches('\u{feff}'));
    let calendar = read_calendar(&unfolded).map_err(|error| {
        let error: String = error.chars().take(120).collect();
        format!("this is no iCalendar file (RFC 5545): {error}")
    })?;
    let mut found = Holidays::default();
    for event in calendar.components.iter().filter(|component| component.name == "VEVENT") {
        match days_of(event, &years) {
            Ok((name, days)) => {
                for day in days {
                    found.days.entry(day).or_insert_with(|| name.clone());
                }
            }
            Err(reason) => found.left_out.push(reason),
        }
        if found.days.len() > MOST_HOLIDAYS {
            return Err(format!("it has more than {MOST_HOLIDAYS} days in the years {years:?}"));
        }
    }
    Ok(found)
}

/// Name and days of an event.
fn days_of(event: &Component<'_>, years: &std::ops::RangeInclusive<i32>) -> Result<(String, Vec<NaiveDate>), String> {
    let summary = property(event, "SUMMARY").map(|property| unescaped(property.val.as_str())).unwrap_or_default();
    let called = if summary.trim().is_empty() { "an event without a name".to_owned() } else { summary.clone() };
    let leave = |why: &str| Err(format!("{called}: {why}"));
    let Some(first) = property(event, "DTSTART").and_then(date) else { return leave("it does not take whole days") };
    // The end is the day after the last one (RFC 5545, section 3.6.1); without one it is a single day.
    let end = match property(event, "DTEND") {
        Some(property) => match date(property) {
            Some(end) if end > first => end,
            Some(_) | None => return leave("its end is not after its beginning"),
        },
        None => first.succ_opt().unwrap_or(first),
    };
    if (end - first).num_days() > LONGEST {
        return leave("it is longer than a month");
    }
    let Ok(name) = holiday_name(first, &summary) else { return leave("its name is empty or too long") };
    let repeats = match property(event, "RRULE").map(|property| property.val.as_str()) {
        None => vec![first.year()],
        Some(rule) => match yearly(rule) {
            Some(until) => years.clone().filter(|year| *year >= first.year() && *year <= until).collect(),
            None => return leave("it repeats otherwise than every year"),
        },
    };
    let length = (end - first).num_days();
    let starts = repeats.into_iter().filter_map(|year| first.with_year(year));
    let days = starts.flat_map(|start| start.iter_days().take(usize::try_from(length).unwrap_or(1)));
    Ok((name, days.filter(|day| years.contains(&day.year())).collect()))
}

/// The last year of a rule that repeats on the same day every year.
fn yearly(rule: &str) -> Option<i32> {
    let mut until = i32::MAX;
    for part in rule.split(';').filter(|part| !part.is_empty()) {
        match part.split_once('=')? {
            ("FREQ", "YEARLY") | ("INTERVAL", "1") | ("WKST", _) => {}
            ("UNTIL", text) => until = text.get(..4)?.parse().ok()?,
            _ => return None,
        }
    }
    rule.contains("FREQ=YEARLY").then_some(until)
}

fn property<'e>(event: &'e Component<'_>, name: &str) -> Option<&'e Property<'e>> {
    event.properties.iter().find(|property| property.name == name)
}

/// A value of type DATE (RFC 5545, section 3.3.4).
fn date(property: &Property<'_>) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(property.val.as_str(), "%Y%m%d").ok()
}

/// A TEXT value without its escapes (RFC 5545, section 3.3.11).
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n' | 'N') | None => plain.push(' '),
                Some(escaped) => plain.push(escaped),
            },
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(events: &[&str]) -> String {
        let events: String = events.iter().map(|event| format!("BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n")).collect();
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{events}END:VCALENDAR\r\n")
    }

    fn read_all(events: &[&str]) -> Holidays {
        read(&file(events), 2026..=2028).unwrap()
    }

    fn lines(found: &Holidays) -> Vec<String> {
        found.days.iter().map(|(day, name)| format!("{day} {name}")).collect()
    }

    #[test]
    fn whole_days_are_read_with_their_names() {
        let found = read_all(&[
            "UID:1\r\nDTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\nSUMMARY:Christmas\\, both days",
            "UID:2\r\nDTSTART;VALUE=DATE:20270101\r\nSUMMARY:New\r\n  Year",
            "UID:3\r\nDTSTART:20250101\r\nSUMMARY:Of a year that is over",
        ]);
        assert_eq!(
            lines(&found),
            ["2026-12-25 Christmas, both days", "2026-12-26 Christmas, both days", "2027-01-01 New Year"]
        );
        assert_eq!(found.left_out, Vec::<String>::new());
    }

    #[test]
    fn a_day_of_every_year_is_read_for_the_years_asked() {
        let found = read_all(&[
            "DTSTART;VALUE=DATE:20200501\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:May Day",
            "DTSTART;VALUE=DATE:20201003\r\nRRULE:FREQ=YEARLY;UNTIL=20270101T000000Z\r\nSUMMARY:Unity",
            "DTSTART;VALUE=DATE:20200229\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:Leap",
        ]);
        let expected = [
            "2026-05-01 May Day",
            "2026-10-03 Unity",
            "2027-05-01 May Day",
            "2027-10-03 Unity",
            "2028-02-29 Leap",
            "2028-05-01 May Day",
        ];
        assert_eq!(lines(&found), expected);
    }

    #[test]
    fn other_events_are_named_and_left_out() {
        let found = read_all(&[
            "DTSTART:20261225T090000Z\r\nSUMMARY:Meeting",
            "DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=WEEKLY\r\nSUMMARY:Weekly",
            "DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20270301\r\nSUMMARY:Winter",
            "DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261225\r\nSUMMARY:Nothing",
            "DTSTART;VALUE=DATE:20261226",
        ]);
        assert!(found.days.is_empty(), "{found:?}");
        assert_eq!(found.left_out.len(), 5);
        assert!(found.left_out.iter().any(|line| line == "Meeting: it does not take whole days"), "{found:?}");
    }

    #[test]
    fn what_is_no_calendar_is_refused_and_nothing_panics() {
        for text in ["", "no calendar", "BEGIN:VCALENDAR", "BEGIN:VEVENT\r\nEND:VCALENDAR", "\u{0}\u{1}"] {
            assert!(read(text, 2026..=2028).map_or(true, |found| found.days.is_empty()), "{text:?}");
        }
        assert!(read("no calendar", 2026..=2028).unwrap_err().contains("RFC 5545"));
    }
}
