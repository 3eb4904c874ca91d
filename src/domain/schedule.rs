//! Business time: when a clock of a definition rings, counted in the hours of a calendar.
//!
//! A span in business units passes only while the calendar is open. Opening and closing are local times of the
//! calendar's zone; a local time that a change of the clocks skips counts as the first instant after it.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::workflow::{Calendar, Delay, DelayUnit, Weekday};

/// How far ahead a calendar is searched: no clock of a definition is longer.
const MOST_DAYS: usize = 3_660;

/// When a span that starts at `start` has passed. Without a calendar, business units count as wall-clock ones: an hour
/// is an hour, a day 24 hours.
pub fn after(start: DateTime<Utc>, delay: Delay, calendar: Option<&Calendar>) -> DateTime<Utc> {
    let amount = i64::from(delay.amount);
    match (delay.unit, calendar) {
        (DelayUnit::Minutes, _) => start + TimeDelta::minutes(amount),
        (DelayUnit::Hours, _) | (DelayUnit::BusinessHours, None) => start + TimeDelta::hours(amount),
        (DelayUnit::Days, _) | (DelayUnit::BusinessDays, None) => start + TimeDelta::days(amount),
        (DelayUnit::BusinessHours, Some(calendar)) => add_open(start, TimeDelta::hours(amount), calendar),
        (DelayUnit::BusinessDays, Some(calendar)) => {
            let day = i64::from(calendar.closes_minute.saturating_sub(calendar.opens_minute));
            add_open(start, TimeDelta::minutes(amount * day), calendar)
        }
    }
}

/// Whether a span is counted in the hours of a calendar.
pub const fn is_business(delay: Delay) -> bool {
    matches!(delay.unit, DelayUnit::BusinessHours | DelayUnit::BusinessDays)
}

/// The instant by which the calendar has been open for `span` since `start`.
pub fn add_open(start: DateTime<Utc>, span: TimeDelta, calendar: &Calendar) -> DateTime<Utc> {
    let mut left = span;
    for (opens, closes) in openings(start, calendar) {
        let from = opens.max(start);
        if closes <= from {
            continue;
        }
        if from + left <= closes {
            return from + left;
        }
        left -= closes - from;
    }
    start + span
}

/// How long the calendar is open between two instants; zero where `end` is not after `start`.
pub fn open_between(start: DateTime<Utc>, end: DateTime<Utc>, calendar: &Calendar) -> TimeDelta {
    openings(start, calendar)
        .take_while(|(opens, _)| *opens < end)
        .map(|(opens, closes)| (closes.min(end) - opens.max(start)).max(TimeDelta::zero()))
        .sum()
}

/// The stretches in which a calendar is open, from the local day before `start` on.
fn openings(start: DateTime<Utc>, calendar: &Calendar) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + '_ {
    // The checker refuses a zone that does not exist.
    let zone: Tz = calendar.time_zone.parse().unwrap_or(Tz::UTC);
    let first = start.with_timezone(&zone).date_naive();
    first
        .pred_opt()
        .unwrap_or(first)
        .iter_days()
        .take(MOST_DAYS)
        .filter(|day| calendar.days.contains(&weekday(*day)))
        .map(move |day| (at(zone, day, calendar.opens_minute), at(zone, day, calendar.closes_minute)))
}

fn at(zone: Tz, day: NaiveDate, minute: u16) -> DateTime<Utc> {
    let local = day.and_hms_opt(0, 0, 0).unwrap_or_default() + TimeDelta::minutes(i64::from(minute));
    // In the hour that is skipped, the same wall time an hour later exists in every zone with whole-hour changes.
    zone.from_local_datetime(&local)
        .earliest()
        .or_else(|| zone.from_local_datetime(&(local + TimeDelta::hours(1))).earliest())
        .map_or_else(|| local.and_utc(), |instant| instant.with_timezone(&Utc))
}

fn weekday(day: NaiveDate) -> Weekday {
    match day.weekday() {
        chrono::Weekday::Mon => Weekday::Monday,
        chrono::Weekday::Tue => Weekday::Tuesday,
        chrono::Weekday::Wed => Weekday::Wednesday,
        chrono::Weekday::Thu => Weekday::Thursday,
        chrono::Weekday::Fri => Weekday::Friday,
        chrono::Weekday::Sat => Weekday::Saturday,
        chrono::Weekday::Sun => Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn office(zone: &str) -> Calendar {
        Calendar {
            days: BTreeSet::from([
                Weekday::Monday,
                Weekday::Tuesday,
                Weekday::Wednesday,
                Weekday::Thursday,
                Weekday::Friday,
            ]),
            opens_minute: 9 * 60,
            closes_minute: 17 * 60,
            time_zone: zone.to_owned(),
            holidays: None,
        }
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn business_hours_skip_night_and_week_end() {
        // 2026-11-27 is a Friday.
        let due = after(utc("2026-11-27T15:30:00Z"), Delay::parse("4bh").unwrap(), Some(&office("UTC")));
        assert_eq!(due, utc("2026-11-30T11:30:00Z"));
        let due = after(utc("2026-11-28T03:00:00Z"), Delay::parse("1bd").unwrap(), Some(&office("UTC")));
        assert_eq!(due, utc("2026-11-30T17:00:00Z"));
    }

    #[test]
    fn wall_clock_spans_ignore_the_calendar() {
        let due = after(utc("2026-11-27T15:30:00Z"), Delay::parse("30m").unwrap(), Some(&office("UTC")));
        assert_eq!(due, utc("2026-11-27T16:00:00Z"));
        assert_eq!(after(utc("2026-11-27T15:30:00Z"), Delay::parse("3d").unwrap(), None), utc("2026-11-30T15:30:00Z"));
    }

    #[test]
    fn opening_hours_follow_the_zone_over_a_change_of_the_clocks() {
        // Berlin leaves summer time on 2026-10-25: 09:00 is 07:00 UTC before and 08:00 UTC after.
        let due = after(utc("2026-10-23T14:00:00Z"), Delay::parse("2bh").unwrap(), Some(&office("Europe/Berlin")));
        assert_eq!(due, utc("2026-10-26T09:00:00Z"));
    }

    #[test]
    fn a_paused_clock_runs_on_with_what_was_left() {
        let calendar = office("UTC");
        let start = utc("2026-11-27T15:30:00Z");
        let due = after(start, Delay::parse("8bh").unwrap(), Some(&calendar));
        let paused_at = utc("2026-11-30T10:00:00Z");
        let left = open_between(paused_at, due, &calendar);
        assert_eq!(left, TimeDelta::minutes(8 * 60 - 90 - 60));
        assert_eq!(add_open(utc("2026-12-05T00:00:00Z"), left, &calendar), utc("2026-12-07T14:30:00Z"));
        assert_eq!(open_between(due, paused_at, &calendar), TimeDelta::zero());
    }
}
