//! Calendars: in which hours of which days one side works, in a time zone of the IANA database.
//!
//! One text form serves pages, commands, the API and the database: hours are lines such as `mon-fri 09:00-12:00
//! 13:00-17:00`, holidays lines such as `2026-12-25 Christmas Day`.

/// Holidays out of an iCalendar file.
pub mod ics;

use std::collections::BTreeMap;
use std::fmt;

use chrono::{Datelike as _, NaiveDate, Weekday};
use chrono_tz::Tz;
use thiserror::Error;

use super::id::CalendarId;
use super::workflow;

/// The most holidays of a calendar: some twenty years of them.
pub const MOST_HOLIDAYS: usize = 400;
/// The longest name of a holiday, in characters.
const LONGEST_NAME: usize = 100;
/// The most spans of a day.
const MOST_SPANS: usize = 6;
/// The words of the days, Monday first as in chrono.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];

/// When one side works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The zone of its local times.
    pub zone: Tz,
    /// Its hours.
    pub week: Week,
    /// Days on which it is closed, with their names.
    pub holidays: BTreeMap<NaiveDate, String>,
}

/// A calendar on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Identifies the calendar.
    pub id: CalendarId,
    /// Its name.
    pub name: String,
    /// Whether it is the vendor's, which also serves customers without their own.
    pub is_vendor: bool,
    /// The calendar.
    pub calendar: Calendar,
}

/// From when to when, in minutes after midnight; the end may be 24:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The first minute.
    pub opens: u16,
    /// The minute after the last one.
    pub closes: u16,
}

/// Weekly hours: of each day in order and without overlap, and of at least one day some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Week([Vec<Hours>; 7]);

/// What is wrong with a calendar that somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// No hours at all: every clock would stand still.
    #[error("enter hours for at least one day, like mon-fri 09:00-17:00")]
    NoHours,
    /// A line without hours.
    #[error("line {0} has no hours; write days, then hours, like mon-fri 09:00-17:00")]
    Line(usize),
    /// No day of the week.
    #[error("\"{0}\" is no day; write mon, tue, wed, thu, fri, sat or sun, or a range like mon-fri")]
    Day(String),
    /// A day in two lines.
    #[error("{0} stands in two lines; write all its hours in one")]
    Twice(&'static str),
    /// No span of hours.
    #[error("\"{0}\" is no span of hours; write it like 09:00-17:00, the end after the beginning")]
    Hours(String),
    /// Spans that overlap or are out of order, or too many.
    #[error("the hours of {0} overlap, are out of order or are more than {MOST_SPANS}")]
    Order(&'static str),
    /// No zone.
    #[error("\"{0}\" is no time zone of the IANA database; write it like Europe/Berlin or UTC")]
    Zone(String),
    /// No date.
    #[error("line {0} does not begin with a date like 2026-12-25")]
    Date(usize),
    /// A holiday without a usable name.
    #[error("the holiday of {0} needs a name of 1 to {LONGEST_NAME} characters")]
    Name(NaiveDate),
    /// Two holidays on one day.
    #[error("{0} stands twice")]
    Repeated(NaiveDate),
    /// Too many holidays.
    #[error("a calendar holds {MOST_HOLIDAYS} holidays at most; take past ones out")]
    TooMany,
}

impl Calendar {
    /// Reads the three parts of a calendar.
    ///
    /// # Errors
    /// The first fault of each part, with the name of the part: `time_zone`, `hours`, `holidays`.
    pub fn parse(time_zone: &str, hours: &str, holidays: &str) -> Result<Self, Vec<(&'static str, Fault)>> {
        match (zone(time_zone), Week::parse(hours), parse_holidays(holidays)) {
            (Ok(zone), Ok(week), Ok(holidays)) => Ok(Self { zone, week, holidays }),
            (zone, week, holidays) => {
                let faults = [
                    zone.err().map(|fault| ("time_zone", fault)),
                    week.err().map(|fault| ("hours", fault)),
                    holidays.err().map(|fault| ("holidays", fault)),
                ];
                Err(faults.into_iter().flatten().collect())
            }
        }
    }

    /// The hours of a day: none on a holiday.
    pub fn hours_on(&self, day: NaiveDate) -> &[Hours] {
        if self.holidays.contains_key(&day) { &[] } else { self.week.of(day.weekday()) }
    }
}

impl From<&workflow::Calendar> for Calendar {
    /// The calendar that a definition brings along, for installations without one on record.
    fn from(given: &workflow::Calendar) -> Self {
        let hours = Hours { opens: given.opens_minute, closes: given.closes_minute };
        let is_open = |word: &str| given.days.iter().any(|day| day.as_str() == word);
        let week = DAYS.map(|(word, _)| if is_open(word) { vec![hours] } else { Vec::new() });
        // The checker refuses a zone that does not exist.
        Self { zone: given.time_zone.parse().unwrap_or(Tz::UTC), week: Week(week), holidays: BTreeMap::new() }
    }
}

impl Week {
    /// Reads lines of days and hours; `;` ends a line too.
    ///
    /// # Errors
    /// [`Fault`] names the word that cannot be read.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut week: [Vec<Hours>; 7] = Default::default();
        for (number, line) in text.split(['\n', ';']).enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let mut words = line.split_whitespace();
            let days = days(words.next().unwrap_or_default())?;
            let hours = words.map(span).collect::<Result<Vec<_>, _>>()?;
            if hours.is_empty() {
                return Err(Fault::Line(number + 1));
            }
            let in_order = hours.iter().zip(hours.iter().skip(1)).all(|(one, next)| one.closes <= next.opens);
            for (place, ((word, _), kept)) in DAYS.iter().zip(&mut week).enumerate() {
                if !days.contains(&place) {
                    continue;
                }
                if !kept.is_empty() {
                    return Err(Fault::Twice(word));
                }
                if !in_order || hours.len() > MOST_SPANS {
                    return Err(Fault::Order(word));
                }
                kept.clone_from(&hours);
            }
        }
        if week.iter().all(Vec::is_empty) { Err(Fault::NoHours) } else { Ok(Self(week)) }
    }

    /// The hours of a day of the week.
    pub fn of(&self, day: Weekday) -> &[Hours] {
        self.0.get(day.num_days_from_monday() as usize).map_or(&[], Vec::as_slice)
    }

    /// How long a business day is, in minutes: the mean over the days with hours, so that as many business days as a
    /// week has make a week, also where Friday is shorter.
    pub fn day_minutes(&self) -> i64 {
        let open = self.0.iter().filter(|hours| !hours.is_empty()).count();
        let minutes: i64 = self.0.iter().flatten().map(|hours| i64::from(hours.closes - hours.opens)).sum();
        minutes / i64::try_from(open).unwrap_or(1).max(1)
    }
}

impl fmt::Display for Week {
    /// One line for each run of days with the same hours.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut days = DAYS.iter().map(|(word, _)| *word).zip(&self.0).peekable();
        let mut is_first = true;
        while let Some((from, hours)) = days.next() {
            let mut to = from;
            while let Some((word, _)) = days.next_if(|(_, next)| *next == hours) {
                to = word;
            }
            if hours.is_empty() {
                continue;
            }
            if !is_first {
                out.write_str("\n")?;
            }
            is_first = false;
            out.write_str(from)?;
            if to != from {
                write!(out, "-{to}")?;
            }
            for Hours { opens, closes } in hours {
                write!(out, " {:02}:{:02}-{:02}:{:02}", opens / 60, opens % 60, closes / 60, closes % 60)?;
            }
        }
        Ok(())
    }
}

/// A zone of the IANA database by its name.
///
/// # Errors
/// [`Fault::Zone`] for any other name.
pub fn zone(text: &str) -> Result<Tz, Fault> {
    text.trim().parse().map_err(|_unknown| Fault::Zone(shown(text)))
}

/// Reads lines of dates and names.
///
/// # Errors
/// [`Fault`] names the line or the date.
pub fn parse_holidays(text: &str) -> Result<BTreeMap<NaiveDate, String>, Fault> {
    let mut holidays = BTreeMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let (date, name) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
        let day = date.parse().map_err(|_no_date| Fault::Date(number + 1))?;
        if holidays.insert(day, holiday_name(day, name)?).is_some() {
            return Err(Fault::Repeated(day));
        }
    }
    if holidays.len() > MOST_HOLIDAYS { Err(Fault::TooMany) } else { Ok(holidays) }
}

/// The name of a holiday, fit to be kept.
fn holiday_name(day: NaiveDate, name: &str) -> Result<String, Fault> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_good = !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control);
    if is_good { Ok(name) } else { Err(Fault::Name(day)) }
}

/// Holidays as [`parse_holidays`] reads them.
pub fn holiday_lines(holidays: &BTreeMap<NaiveDate, String>) -> String {
    holidays.iter().map(|(day, name)| format!("{day} {name}")).collect::<Vec<_>>().join("\n")
}

/// The places of the days that a word names: `mon`, `mon-fri`, `mon,wed`, `sat-mon`.
fn days(word: &str) -> Result<Vec<usize>, Fault> {
    let unknown = || Fault::Day(shown(word));
    let place = |day: &str| DAYS.iter().position(|(known, _)| day.eq_ignore_ascii_case(known)).ok_or_else(unknown);
    let mut places = Vec::new();
    for part in word.split(',') {
        match part.split_once('-') {
            None => places.push(place(part)?),
            Some((from, to)) => {
                let (from, to) = (place(from)?, place(to)?);
                let days = (to + DAYS.len() - from) % DAYS.len();
                places.extend((0..=days).map(|day| (from + day) % DAYS.len()));
            }
        }
    }
    Ok(places)
}

fn span(word: &str) -> Result<Hours, Fault> {
    let wrong = || Fault::Hours(shown(word));
    let (opens, closes) = word.split_once('-').ok_or_else(wrong)?;
    match (minute(opens), minute(closes)) {
        (Some(opens), Some(closes)) if opens < closes => Ok(Hours { opens, closes }),
        (Some(_) | None, _) => Err(wrong()),
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let (hour, minute): (u16, u16) =
        if digits(hour) && digits(minute) { (hour.parse().ok()?, minute.parse().ok()?) } else { return None };
    let total = hour * 60 + minute;
    (minute < 60 && total <= 24 * 60).then_some(total)
}

/// What was written, short and on one line.
fn shown(text: &str) -> String {
    super::address::text::shown(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_read_back_as_themselves() {
        for (written, kept) in [
            ("mon-fri 09:00-17:00", "mon-fri 09:00-17:00"),
            ("fri 09:00-15:00; mon-thu 09:00-12:00 13:00-17:00", "mon-thu 09:00-12:00 13:00-17:00\nfri 09:00-15:00"),
            ("Sat-Mon 00:00-24:00", "mon 00:00-24:00\nsat-sun 00:00-24:00"),
            ("tue,thu 08:00-12:00\n\n", "tue 08:00-12:00\nthu 08:00-12:00"),
            ("mon-sun 00:00-24:00", "mon-sun 00:00-24:00"),
        ] {
            let week = Week::parse(written).unwrap();
            assert_eq!(week.to_string(), kept, "{written}");
            assert_eq!(Week::parse(&week.to_string()).unwrap(), week);
        }
    }

    #[test]
    fn what_is_wrong_with_hours_is_named() {
        for (written, fault) in [
            ("", Fault::NoHours),
            ("mon\ntue 09:00-17:00", Fault::Line(1)),
            ("monday 09:00-17:00", Fault::Day("monday".into())),
            ("mon-fry 09:00-17:00", Fault::Day("mon-fry".into())),
            ("mon-fri 09:00-17:00\nfri 09:00-12:00", Fault::Twice("fri")),
            ("mon 9:00-17:00", Fault::Hours("9:00-17:00".into())),
            ("mon 17:00-09:00", Fault::Hours("17:00-09:00".into())),
            ("mon 09:00-24:01", Fault::Hours("09:00-24:01".into())),
            ("mon 09:60-10:00", Fault::Hours("09:60-10:00".into())),
            ("mon 09:00-12:00 11:00-13:00", Fault::Order("mon")),
        ] {
            assert_eq!(Week::parse(written), Err(fault), "{written}");
        }
    }

    #[test]
    fn a_business_day_is_the_mean_of_the_days_with_hours() {
        let minutes = |hours: &str| Week::parse(hours).unwrap().day_minutes();
        assert_eq!(minutes("mon-fri 09:00-17:00"), 480);
        assert_eq!(minutes("mon-thu 09:00-17:00; fri 09:00-15:00"), 456);
        assert_eq!(minutes("mon-sun 00:00-24:00"), 1440);
    }

    #[test]
    fn holidays_read_back_as_themselves_and_faults_are_named() {
        let text = "2026-12-25 Christmas Day\n2027-01-01  New\tYear";
        let read = parse_holidays(text).unwrap();
        assert_eq!(holiday_lines(&read), "2026-12-25 Christmas Day\n2027-01-01 New Year");
        let day = |text: &str| text.parse().unwrap();
        assert_eq!(parse_holidays("2026-02-30 x"), Err(Fault::Date(1)));
        assert_eq!(parse_holidays("\n25.12.2026 x"), Err(Fault::Date(2)));
        assert_eq!(parse_holidays("2026-12-25"), Err(Fault::Name(day("2026-12-25"))));
        assert_eq!(parse_holidays("2026-12-25 a\n2026-12-25 b"), Err(Fault::Repeated(day("2026-12-25"))));
        let first: NaiveDate = day("2026-01-01");
        let many: Vec<String> = first.iter_days().take(MOST_HOLIDAYS + 1).map(|day| format!("{day} x")).collect();
        assert_eq!(parse_holidays(&many.join("\n")), Err(Fault::TooMany));
    }

    #[test]
    fn every_part_of_a_calendar_says_what_is_wrong_with_it() {
        let faults = Calendar::parse("Mars/Olympus", "", "x").unwrap_err();
        assert_eq!(faults.iter().map(|(part, _)| *part).collect::<Vec<_>>(), ["time_zone", "hours", "holidays"]);
    }
}
