//! A planned time as people write it: date, time and time zone.

use chrono::offset::LocalResult;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;

/// What is wrong with a planned time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No date.
    #[error("Enter the date like 2026-12-01")]
    Date,
    /// No time.
    #[error("Enter the time like 08:00, from 00:00 to 23:59")]
    Time,
    /// No time zone of the IANA database.
    #[error("Enter a time zone like Europe/Berlin, or UTC")]
    Zone,
    /// The clocks jump over it.
    #[error("That time does not exist on this day in this time zone: the clocks are put forward. Choose another one")]
    Skipped,
}

/// The instant. Of a time that comes twice, as the clocks are put back, it is the first one.
///
/// # Errors
/// What is wrong first.
pub fn instant(date: &str, time: &str, zone: &str) -> Result<DateTime<Utc>, Fault> {
    let date = NaiveDate::parse_from_str(date.trim(), "%Y-%m-%d").map_err(|_unreadable| Fault::Date)?;
    let time = NaiveTime::parse_from_str(time.trim(), "%H:%M").map_err(|_unreadable| Fault::Time)?;
    let zone: Tz = zone.trim().parse().map_err(|_unknown| Fault::Zone)?;
    match zone.from_local_datetime(&date.and_time(time)) {
        LocalResult::Single(found) | LocalResult::Ambiguous(found, _) => Ok(found.to_utc()),
        LocalResult::None => Err(Fault::Skipped),
    }
}

/// An instant in a time zone, as people read it, with UTC behind it where that differs.
pub fn shown(at: DateTime<Utc>, zone: Option<&str>) -> String {
    const FORM: &str = "%-d %B %Y at %H:%M";
    let utc = format!("{} UTC", at.format(FORM));
    match zone.and_then(|zone| zone.trim().parse::<Tz>().ok()).filter(|zone| *zone != Tz::UTC) {
        Some(zone) => format!("{} {zone} ({utc})", at.with_timezone(&zone).format(FORM)),
        None => utc,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_its_zone() {
        let read = |date, time, zone| instant(date, time, zone).map(|at| at.to_rfc3339());
        assert_eq!(read("2026-12-01", "08:00", "Europe/Berlin").as_deref(), Ok("2026-12-01T07:00:00+00:00"));
        assert_eq!(read(" 2026-12-01 ", "08:00 ", "UTC").as_deref(), Ok("2026-12-01T08:00:00+00:00"));
        assert_eq!(read("2026-10-25", "02:30", "Europe/Berlin").as_deref(), Ok("2026-10-25T00:30:00+00:00"));
        assert_eq!(read("2026-03-29", "02:30", "Europe/Berlin"), Err(Fault::Skipped));
        assert_eq!(read("1.12.2026", "08:00", "UTC"), Err(Fault::Date));
        assert_eq!(read("2026-12-01", "25:00", "UTC"), Err(Fault::Time));
        assert_eq!(read("2026-12-01", "08:00", "Berlin"), Err(Fault::Zone));
    }

    #[test]
    fn it_is_shown_in_both() {
        let at = "2026-12-01T07:00:00Z".parse().unwrap();
        let text = "1 December 2026 at 08:00 Europe/Berlin (1 December 2026 at 07:00 UTC)";
        assert_eq!(shown(at, Some("Europe/Berlin")), text);
        assert_eq!(shown(at, None), "1 December 2026 at 07:00 UTC");
        assert_eq!(shown(at, Some("Berlin")), "1 December 2026 at 07:00 UTC");
    }
}
