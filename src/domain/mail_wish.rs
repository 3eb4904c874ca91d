//! Which mail somebody wants at once, once a day or not at all; and which mail nobody can do without.

use chrono::{DateTime, Days, Utc};
use chrono_tz::Tz;

use super::schedule;
use super::words::words;

words! {
    /// What mails are about.
    pub enum About {
        /// It is the reader's turn, a promise is broken, or where alerts go is about to change.
        Turn = "turn",
        /// A case has gone on.
        Progress = "progress",
        /// Somebody wrote.
        Messages = "messages",
        /// A case is over.
        Endings = "endings",
        /// Work waits for one of the vendor's people, whoever takes it.
        Queue = "queue",
    }
}

words! {
    /// When somebody wants a mail.
    pub enum Wish {
        /// When it happens.
        Now = "now",
        /// In the mail of the day.
        Daily = "daily",
        /// Not at all.
        Never = "none",
    }
}

/// Mails that somebody may do without, by their folder in `templates/mail`. A mail that does not stand here is about the
/// reader's turn, so that one that is added later is not lost by an old wish.
const QUIET: [(&str, About); 21] = [
    ("address-updated", About::Progress),
    ("alert-failed", About::Queue),
    ("alerting-active", About::Progress),
    ("answer-received", About::Queue),
    ("case-opened", About::Progress),
    ("closed", About::Endings),
    ("customer-stuck", About::Queue),
    ("help-answered", About::Messages),
    ("help-requested", About::Queue),
    ("note-added", About::Messages),
    ("other-kind", About::Queue),
    ("paused", About::Progress),
    ("procedure-changed", About::Progress),
    ("relay-done", About::Progress),
    ("reopened", About::Progress),
    ("resumed", About::Progress),
    ("settings-changed", About::Progress),
    ("settings-kept", About::Progress),
    ("syslog-active", About::Progress),
    ("syslog-case-opened", About::Progress),
    ("work-waiting", About::Queue),
];

impl About {
    /// What a mail is about.
    pub fn of(template: &str) -> Self {
        QUIET.iter().find(|(name, _)| *name == template).map_or(Self::Turn, |(_, about)| *about)
    }

    /// The mails that may be done without.
    pub fn quiet_templates() -> impl Iterator<Item = &'static str> {
        QUIET.iter().map(|(name, _)| *name)
    }

    /// What somebody can wish about.
    pub fn choices(is_staff: bool) -> &'static [Self] {
        if is_staff {
            &[Self::Progress, Self::Messages, Self::Endings, Self::Queue]
        } else {
            &[Self::Progress, Self::Messages, Self::Endings]
        }
    }

    /// In words, for whoever chooses.
    pub fn title(self) -> &'static str {
        match self {
            Self::Turn => "It is your turn",
            Self::Progress => "A case has gone on, and it is not your turn",
            Self::Messages => "Somebody wrote, and asked nothing",
            Self::Endings => "A case is over",
            Self::Queue => "Work waits that nobody has claimed",
        }
    }
}

impl Wish {
    /// In words, for whoever chooses.
    pub fn title(self) -> &'static str {
        match self {
            Self::Now => "At once",
            Self::Daily => "In one mail a day",
            Self::Never => "Not at all",
        }
    }
}

/// What a reader has to do with a case at the moment of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    /// One of the vendor's people.
    pub is_staff: bool,
    /// Has claimed the case.
    pub has_claimed: bool,
    /// The case waits for the reader's side.
    pub waits_for_side: bool,
}

impl Reader {
    /// Whether a mail concerns the reader's own turn, which cannot be put off.
    pub fn is_own_turn(self, about: About) -> bool {
        match about {
            About::Turn => true,
            About::Messages => false,
            // Mail about work goes to whoever has claimed the case, and to everybody where nobody has.
            About::Queue => self.has_claimed,
            About::Progress | About::Endings => self.waits_for_side && (!self.is_staff || self.has_claimed),
        }
    }

    /// When a mail is sent: as the reader wished, unless it concerns the reader's own turn.
    pub fn decide(self, about: About, wished: Option<Wish>) -> Wish {
        if self.is_own_turn(about) { Wish::Now } else { wished.unwrap_or(Wish::Now) }
    }
}

/// The minute of the day at which the mail of the day is sent: 08:00.
const DIGEST_MINUTE: u16 = 8 * 60;

/// When the next mail of the day is due after an instant: 08:00 of the reader's zone, or the first instant after it where
/// clocks skip that.
pub fn next_digest(zone: Tz, after: DateTime<Utc>) -> DateTime<Utc> {
    let today = after.with_timezone(&zone).date_naive();
    let days = (0..=2).filter_map(|ahead| today.checked_add_days(Days::new(ahead)));
    let mut due = days.map(|day| schedule::at(zone, day, DIGEST_MINUTE));
    due.find(|due| *due > after).unwrap_or(after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn readers() -> impl Iterator<Item = Reader> {
        (0..8).map(|bits| Reader { is_staff: bits & 1 > 0, has_claimed: bits & 2 > 0, waits_for_side: bits & 4 > 0 })
    }

    #[test]
    fn nobody_can_do_without_what_concerns_the_own_turn() {
        for reader in readers() {
            for wished in [None, Some(Wish::Now), Some(Wish::Daily), Some(Wish::Never)] {
                assert_eq!(reader.decide(About::Turn, wished), Wish::Now);
                for about in About::ALL {
                    let decided = reader.decide(*about, wished);
                    assert_eq!(
                        decided == Wish::Now,
                        reader.is_own_turn(*about) || wished.unwrap_or(Wish::Now) == Wish::Now
                    );
                }
            }
        }
        let contact = Reader { is_staff: false, has_claimed: false, waits_for_side: true };
        assert!(contact.is_own_turn(About::Progress) && !contact.is_own_turn(About::Messages));
        let colleague = Reader { is_staff: true, has_claimed: false, waits_for_side: true };
        assert!(!colleague.is_own_turn(About::Queue) && !colleague.is_own_turn(About::Progress));
        assert!(Reader { has_claimed: true, ..colleague }.is_own_turn(About::Queue));
    }

    #[test]
    fn a_mail_that_nobody_listed_is_never_lost_by_a_wish() {
        for template in ["your-turn", "let-us-in", "escalation", "promise-broken", "ip-change-received", "of tomorrow"]
        {
            assert_eq!(About::of(template), About::Turn, "{template}");
        }
        assert_eq!(About::of("closed"), About::Endings);
        for is_staff in [true, false] {
            assert!(!About::choices(is_staff).contains(&About::Turn));
        }
    }

    #[test]
    fn the_mail_of_the_day_is_due_at_eight_of_the_readers_zone() {
        let due = |zone: &str, after: &str| {
            next_digest(zone.parse().unwrap(), after.parse().unwrap()).format("%Y-%m-%dT%H:%MZ").to_string()
        };
        assert_eq!(due("UTC", "2026-11-25T07:59:59Z"), "2026-11-25T08:00Z");
        assert_eq!(due("UTC", "2026-11-25T08:00:00Z"), "2026-11-26T08:00Z");
        assert_eq!(due("Europe/Berlin", "2026-11-25T06:59:00Z"), "2026-11-25T07:00Z");
        assert_eq!(due("Europe/Berlin", "2026-07-01T06:00:00Z"), "2026-07-02T06:00Z");
        assert_eq!(due("Asia/Tokyo", "2026-11-25T22:00:00Z"), "2026-11-25T23:00Z");
        assert_eq!(due("Pacific/Kiritimati", "2026-11-25T10:00:00Z"), "2026-11-25T18:00Z");
        // A day that this zone skipped, 30 December 2011: the next one begins at once.
        assert_eq!(due("Pacific/Apia", "2011-12-29T20:00:00Z"), "2011-12-30T10:00Z");
    }

    proptest! {
        #[test]
        fn it_is_due_within_two_days_whatever_the_zone(seconds in 1_600_000_000_i64..2_000_000_000, zone in 0_usize..chrono_tz::TZ_VARIANTS.len()) {
            let after = DateTime::from_timestamp(seconds, 0).unwrap();
            let due = next_digest(chrono_tz::TZ_VARIANTS[zone], after);
            prop_assert!(due > after && due - after <= chrono::TimeDelta::hours(50), "{} after {after}: {due}", chrono_tz::TZ_VARIANTS[zone]);
        }
    }
}
