//! Business time: when a span has passed, counted in the hours of a calendar.
//!
//! A span in business units passes only while the calendar is open. Opening and closing are local times of the
//! calendar's zone. A local time that a change of the clocks skips counts as the first instant after it, one that comes
//! twice as the first of the two.

use std::fmt;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::calendar::Calendar;
use super::workflow::{Delay, DelayUnit};

/// How far ahead a calendar is searched: no clock of a definition is longer.
const MOST_DAYS: usize = 3_660;
/// The longest stretch of local time that a zone ever skipped is a day (Samoa, 30 December 2011).
const LONGEST_GAP_MINUTES: i64 = 24 * 60;

/// How long something may take: the rule that makes an instant, kept beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// As a definition or a policy has it.
    Rule(Delay),
    /// What was left of one when its clock was stopped.
    Left {
        /// Seconds.
        seconds: i64,
        /// Whether they pass in a calendar's hours only.
        is_business: bool,
    },
}

impl Span {
    /// Reads what [`Display`](fmt::Display) writes: `2bd`, `4h`; `5400s` and `5400bs` for what was left.
    pub fn parse(text: &str) -> Option<Self> {
        let left = |digits: &str, is_business| digits.parse().ok().map(|seconds| Self::Left { seconds, is_business });
        match (text.strip_suffix("bs"), text.strip_suffix('s')) {
            (Some(digits), _) => left(digits, true),
            (None, Some(digits)) => left(digits, false),
            (None, None) => Delay::parse(text).map(Self::Rule),
        }
    }

    /// Whether it is counted in the hours of a calendar.
    pub const fn is_business(self) -> bool {
        match self {
            Self::Rule(delay) => is_business(delay),
            Self::Left { is_business, .. } => is_business,
        }
    }

    /// Its length in the time that it is counted in. Without a calendar a business day has 24 hours.
    pub fn length(self, calendar: Option<&Calendar>) -> TimeDelta {
        match self {
            Self::Left { seconds, .. } => TimeDelta::seconds(seconds),
            Self::Rule(delay) => {
                let amount = i64::from(delay.amount);
                match (delay.unit, calendar) {
                    (DelayUnit::Minutes, _) => TimeDelta::minutes(amount),
                    (DelayUnit::Hours | DelayUnit::BusinessHours, _) => TimeDelta::hours(amount),
                    (DelayUnit::BusinessDays, Some(calendar)) => {
                        TimeDelta::minutes(amount * calendar.week.day_minutes())
                    }
                    (DelayUnit::Days, _) | (DelayUnit::BusinessDays, None) => TimeDelta::days(amount),
                }
            }
        }
    }

    /// When it has passed if it starts at `start`, of which `used` has passed before.
    pub fn ends(self, start: DateTime<Utc>, used: TimeDelta, calendar: Option<&Calendar>) -> DateTime<Utc> {
        let left = (self.length(calendar) - used).max(TimeDelta::zero());
        match calendar {
            Some(calendar) if self.is_business() => add_open(start, left, calendar),
            Some(_) | None => start + left,
        }
    }

    /// How much of its time passes between two instants; zero where `end` is not after `start`.
    pub fn passed(self, start: DateTime<Utc>, end: DateTime<Utc>, calendar: Option<&Calendar>) -> TimeDelta {
        match calendar {
            Some(calendar) if self.is_business() => open_between(start, end, calendar),
            Some(_) | None => (end - start).max(TimeDelta::zero()),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(delay) => delay.fmt(out),
            Self::Left { seconds, is_business: true } => write!(out, "{seconds}bs"),
            Self::Left { seconds, is_business: false } => write!(out, "{seconds}s"),
        }
    }
}

/// When a span that starts at `start` has passed. Without a calendar, business units count as wall-clock ones.
pub fn after(start: DateTime<Utc>, delay: Delay, calendar: Option<&Calendar>) -> DateTime<Utc> {
    Span::Rule(delay).ends(start, TimeDelta::zero(), calendar)
}

/// Whether a span is counted in the hours of a calendar.
pub const fn is_business(delay: Delay) -> bool {
    matches!(delay.unit, DelayUnit::BusinessHours | DelayUnit::BusinessDays)
}

/// The instant by which the calendar has been open for `span` since `start`. An empty span ends at `start`, or when the
/// calendar opens next.
pub fn add_open(start: DateTime<Utc>, span: TimeDelta, calendar: &Calendar) -> DateTime<Utc> {
    let mut left = span;
    for (opens, closes) in openings(start, calendar) {
        let from = opens.max(start);
        if closes < from {
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
    let zone = calendar.zone;
    let first = start.with_timezone(&zone).date_naive();
    first
        .pred_opt()
        .unwrap_or(first)
        .iter_days()
        .take(MOST_DAYS)
        .flat_map(move |day| calendar.hours_on(day).iter().map(move |hours| (day, hours)))
        .map(move |(day, hours)| (at(zone, day, hours.opens), at(zone, day, hours.closes)))
        // Where the clocks skip a whole span of hours, nothing of it is left.
        .filter(|(opens, closes)| opens < closes)
}

/// The instant of a minute of a day in a zone; where clocks skip it, the next one that they show.
pub(super) fn at(zone: Tz, day: NaiveDate, minute: u16) -> DateTime<Utc> {
    // 24:00 is midnight of the day after, also where that day has another length.
    let day = day.checked_add_days(Days::new(u64::from(minute / 1440))).unwrap_or(day);
    let local = day.and_hms_opt(0, 0, 0).unwrap_or_default() + TimeDelta::minutes(i64::from(minute % 1440));
    first_from(zone, local).unwrap_or_else(|| local.and_utc())
}

/// The first instant at which clocks of a zone show a local time or, where that is skipped, the next one they show.
fn first_from(zone: Tz, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    (0..=LONGEST_GAP_MINUTES)
        .find_map(|minutes| zone.from_local_datetime(&(local + TimeDelta::minutes(minutes))).earliest())
        .map(|instant| instant.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use chrono::{Timelike as _, Weekday};
    use proptest::prelude::*;

    use super::*;

    fn calendar(zone: &str, hours: &str, holidays: &str) -> Calendar {
        Calendar::parse(zone, hours, holidays).unwrap()
    }

    fn office(zone: &str) -> Calendar {
        calendar(zone, "mon-fri 09:00-17:00", "")
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// 2026-11-27 is a Friday.
    #[test]
    fn spans_end_as_the_table_says() {
        let split = calendar(
            "Europe/Berlin",
            "mon-thu 09:00-12:00 13:00-17:00; fri 09:00-15:00",
            "2026-12-24 Eve\n2026-12-25 Day",
        );
        let always = calendar("UTC", "mon-sun 00:00-24:00", "");
        for (what, calendar, start, span, end) in [
            ("over a week-end", &office("UTC"), "2026-11-27T15:30:00Z", "4bh", "2026-11-30T11:30:00Z"),
            ("from within a week-end", &office("UTC"), "2026-11-28T03:00:00Z", "1bd", "2026-11-30T17:00:00Z"),
            ("wall-clock minutes", &office("UTC"), "2026-11-27T15:30:00Z", "30m", "2026-11-27T16:00:00Z"),
            ("over lunch", &split, "2026-11-30T10:30:00Z", "1bh", "2026-11-30T12:30:00Z"),
            ("a week of uneven days", &split, "2026-11-30T08:00:00Z", "5bd", "2026-12-04T14:00:00Z"),
            ("over two holidays", &split, "2026-12-23T15:00:00Z", "2bh", "2026-12-28T09:00:00Z"),
            ("around the clock", &always, "2026-11-27T22:00:00Z", "1bd", "2026-11-28T22:00:00Z"),
            // Berlin leaves summer time on 2026-10-25: 09:00 is 07:00 UTC before and 08:00 UTC after.
            (
                "over the end of summer time",
                &office("Europe/Berlin"),
                "2026-10-23T14:00:00Z",
                "2bh",
                "2026-10-26T09:00:00Z",
            ),
            (
                "over the start of summer time",
                &office("Europe/Berlin"),
                "2026-03-27T15:00:00Z",
                "2bh",
                "2026-03-30T08:00:00Z",
            ),
        ] {
            assert_eq!(after(utc(start), Delay::parse(span).unwrap(), Some(calendar)), utc(end), "{what}");
        }
        assert_eq!(after(utc("2026-11-27T15:30:00Z"), Delay::parse("3d").unwrap(), None), utc("2026-11-30T15:30:00Z"));
    }

    #[test]
    fn a_local_time_that_is_skipped_counts_as_the_first_instant_after_it() {
        // Berlin skips 02:00 to 03:00 on 2026-03-29 (01:00 UTC).
        let night = calendar("Europe/Berlin", "sun 02:30-05:00", "");
        assert_eq!(add_open(utc("2026-03-28T12:00:00Z"), TimeDelta::hours(1), &night), utc("2026-03-29T02:00:00Z"));
        // Hours that are skipped as a whole are no hours: the next Sunday counts.
        let gone = calendar("Europe/Berlin", "sun 02:00-03:00", "");
        assert_eq!(add_open(utc("2026-03-28T12:00:00Z"), TimeDelta::hours(1), &gone), utc("2026-04-05T01:00:00Z"));
        // Lord Howe skips half an hour on 2026-10-04: 02:00 to 02:30 (15:30 UTC of the day before).
        let half = calendar("Australia/Lord_Howe", "sun 02:15-04:00", "");
        assert_eq!(add_open(utc("2026-10-03T00:00:00Z"), TimeDelta::minutes(30), &half), utc("2026-10-03T16:00:00Z"));
        // Samoa had no 30 December 2011, a Friday.
        let samoa = calendar("Pacific/Apia", "fri-sat 09:00-17:00", "");
        assert_eq!(add_open(utc("2011-12-30T00:00:00Z"), TimeDelta::hours(1), &samoa), utc("2011-12-30T20:00:00Z"));
    }

    #[test]
    fn a_local_time_that_comes_twice_counts_as_its_first() {
        // New York shows 01:00 to 02:00 twice on 2026-11-01: from 05:00 UTC and from 06:00 UTC.
        let night = calendar("America/New_York", "sun 01:30-03:00", "");
        assert_eq!(add_open(utc("2026-11-01T00:00:00Z"), TimeDelta::minutes(30), &night), utc("2026-11-01T06:00:00Z"));
        assert_eq!(
            open_between(utc("2026-11-01T00:00:00Z"), utc("2026-11-02T00:00:00Z"), &night),
            TimeDelta::minutes(150)
        );
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

    #[test]
    fn rules_read_back_as_themselves() {
        for text in ["30m", "4h", "2d", "4bh", "2bd", "5400s", "5400bs", "0bs"] {
            let span = Span::parse(text).unwrap();
            assert_eq!(span.to_string(), text);
            assert_eq!(span.is_business(), text.contains('b'), "{text}");
        }
        for text in ["", "s", "bs", "x", "1w", "-", "1.5s"] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }

    /// Hours whose local times no zone ever skips or repeats, so that a landing can be judged by its local time.
    fn calendars() -> impl Strategy<Value = Calendar> {
        let zones =
            ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"];
        let weeks = [
            "mon-fri 09:00-17:00",
            "mon-thu 08:30-12:00 13:00-17:15; fri 08:00-14:00",
            "sun-thu 06:00-22:00",
            "wed 10:00-12:00",
        ];
        let holidays = ["", "2026-12-24 Eve\n2026-12-25 Day\n2027-01-01 Year", "2027-03-29 Monday"];
        (0..zones.len(), 0..weeks.len(), 0..holidays.len())
            .prop_map(move |(zone, week, days)| calendar(zones[zone], weeks[week], holidays[days]))
    }

    fn instants() -> impl Strategy<Value = DateTime<Utc>> {
        // From March 2026 over two changes of the clocks in either hemisphere.
        (0_i64..500 * 86_400).prop_map(|seconds| utc("2026-03-01T00:00:00Z") + TimeDelta::seconds(seconds))
    }

    fn spans() -> impl Strategy<Value = TimeDelta> {
        (0_i64..3 * 86_400).prop_map(TimeDelta::seconds)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        #[test]
        fn business_time_is_monotone(calendar in calendars(), one in instants(), other in instants(), span in spans(), more in spans()) {
            let (first, second) = (one.min(other), one.max(other));
            prop_assert!(add_open(first, span, &calendar) <= add_open(second, span, &calendar));
            prop_assert!(add_open(first, span, &calendar) <= add_open(first, span + more, &calendar));
            prop_assert!(add_open(first, span, &calendar) >= first + span);
        }

        #[test]
        fn two_spans_after_each_other_are_their_sum(calendar in calendars(), start in instants(), one in spans(), other in spans()) {
            let together = add_open(start, one + other, &calendar);
            let apart = add_open(add_open(start, one, &calendar), other, &calendar);
            // An end at closing time and the next opening are the same instant of business time.
            prop_assert_eq!(open_between(start, together, &calendar), open_between(start, apart, &calendar));
            if !other.is_zero() {
                prop_assert_eq!(together, apart);
            }
        }

        #[test]
        fn what_was_added_has_passed(calendar in calendars(), start in instants(), span in spans()) {
            prop_assert_eq!(open_between(start, add_open(start, span, &calendar), &calendar), span);
        }

        #[test]
        fn an_end_never_lies_outside_the_hours(calendar in calendars(), start in instants(), span in spans()) {
            let local = add_open(start, span, &calendar).with_timezone(&calendar.zone);
            let minute = u16::try_from(local.num_seconds_from_midnight() / 60).unwrap();
            let is_whole = local.second() == 0;
            let hours = calendar.hours_on(local.date_naive());
            let is_inside = |h: &crate::domain::calendar::Hours| h.opens <= minute && (minute < h.closes || (minute == h.closes && is_whole));
            prop_assert!(hours.iter().any(is_inside), "{local} of {hours:?}");
        }
    }

    #[test]
    fn a_week_has_as_many_business_days_as_it_has_days_with_hours() {
        let uneven = calendar("UTC", "mon-thu 09:00-17:00; fri 09:00-14:00", "");
        let days = [Weekday::Mon, Weekday::Fri].map(|day| uneven.week.of(day).len());
        assert_eq!(days, [1, 1]);
        let due = after(utc("2026-11-30T09:00:00Z"), Delay::parse("5bd").unwrap(), Some(&uneven));
        assert_eq!(due, utc("2026-12-04T14:00:00Z"));
    }
}
