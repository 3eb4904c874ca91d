//! Filters of the templates: instants and durations in words, numbers with thin spaces.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use minijinja::{Environment, Error, ErrorKind};

/// Adds every filter of ours to the engine.
pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("when", |text: String| when(&text));
    environment.add_filter("day", |text: String| day(&text));
    environment.add_filter("clock", |text: String| clock(&text));
    environment.add_filter("ago", ago);
    environment.add_filter("duration", duration);
    environment.add_filter("grouped", grouped);
    environment.add_filter("took", took);
    environment.add_filter("plural", plural);
}

/// Bytes as people read them: `12 KiB`, `3.4 MiB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => plural(bytes, "byte"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        1_048_576.. => format!("{}.{} MiB", bytes / 1_048_576, bytes % 1_048_576 * 10 / 1_048_576),
    }
}

/// `2026-11-24T09:12:00Z` as `24 November 2026 at 09:12 UTC`.
fn when(text: &str) -> Result<String, Error> {
    Ok(instant(parsed(text)?))
}

/// `2026-11-24T09:12:00Z` as `24 November 2026`.
fn day(text: &str) -> Result<String, Error> {
    Ok(parsed(text)?.format("%-d %B %Y").to_string())
}

/// `2026-11-24T09:12:02Z` as `09:12:02 UTC`.
fn clock(text: &str) -> Result<String, Error> {
    Ok(parsed(text)?.format("%H:%M:%S UTC").to_string())
}

/// An instant as pages write it: `24 November 2026 at 09:12 UTC`.
pub fn instant(at: DateTime<Utc>) -> String {
    at.format("%-d %B %Y at %H:%M UTC").to_string()
}

/// An instant as mails write it to a reader in a zone: `24 November 2026 at 10:12 CET`.
pub fn instant_in(at: DateTime<Utc>, zone: Tz) -> String {
    let local = at.with_timezone(&zone);
    let name = local.format("%Z").to_string();
    // Some zones have no letters of their own, only their distance from UTC.
    let name = if name.starts_with(['+', '-']) { local.format("UTC%:z").to_string() } else { name };
    format!("{} {name}", local.format("%-d %B %Y at %H:%M"))
}

fn parsed(text: &str) -> Result<DateTime<Utc>, Error> {
    DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).map_err(|error| {
        Error::new(ErrorKind::InvalidOperation, format!("`{text}` is not an RFC 3339 instant")).with_source(error)
    })
}

/// Seconds since something happened, as one unit: `3 hours ago`.
fn ago(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => return "just now".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        86_400.. => (seconds / 86_400, "day"),
    };
    format!("{} ago", plural(count, unit))
}

/// Seconds as the two largest units: `4 h 25 min`. Days are calendar days of 24 hours.
pub fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, 0, _) => plural(days, "day"),
        (_, _, _) => format!("{} {hours} h", plural(days, "day")),
    }
}

/// A count with its noun: `1 case`, `3 cases`. Only for nouns that take a plain `s`.
fn plural(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{} {noun}s", grouped(count)),
    }
}

/// Milliseconds that something took: `10 006 ms`. What was too short to be measured is not nothing.
pub fn took(ms: u64) -> String {
    if ms == 0 { "under 1\u{a0}ms".to_owned() } else { format!("{}\u{a0}ms", grouped(ms)) }
}

/// Digits in groups of three, kept on one line: `10 006`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * 2);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push('\u{a0}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_as_a_date_with_its_zone() {
        assert_eq!(when("2026-11-24T09:12:00Z").unwrap(), "24 November 2026 at 09:12 UTC");
        assert_eq!(when("2026-03-03T01:00:00.123456+02:00").unwrap(), "2 March 2026 at 23:00 UTC");
        assert_eq!(day("2026-03-03T09:00:00Z").unwrap(), "3 March 2026");
        assert_eq!(clock("2026-03-03T09:00:07Z").unwrap(), "09:00:07 UTC");
    }

    #[test]
    fn what_is_no_instant_is_an_error_and_not_an_empty_place() {
        assert!(when("tomorrow").unwrap_err().to_string().contains("`tomorrow` is not an RFC 3339 instant"));
    }

    #[test]
    fn elapsed_time_reads_as_one_unit() {
        let cases =
            [(0, "just now"), (59, "just now"), (60, "1 minute ago"), (7_300, "2 hours ago"), (172_800, "2 days ago")];
        for (seconds, text) in cases {
            assert_eq!(ago(seconds), text);
        }
    }

    #[test]
    fn durations_read_as_two_units() {
        let cases = [(0, "0 s"), (59, "59 s"), (3_000, "50 min"), (3_600, "1 h"), (15_900, "4 h 25 min")];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(duration(86_400), "1 day");
        assert_eq!(duration(180_000), "2 days 2 h");
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(10_006), "10\u{a0}006");
        assert_eq!(grouped(1_234_567), "1\u{a0}234\u{a0}567");
    }

    #[test]
    fn what_was_too_short_to_measure_is_not_zero() {
        assert_eq!(took(0), "under 1\u{a0}ms");
        assert_eq!(took(10_006), "10\u{a0}006\u{a0}ms");
    }
}
