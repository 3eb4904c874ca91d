//! What programs of the vendor are told, when a message that failed is sent again, and what an answer means
//! (Standard Webhooks 1.0.0).

mod signature;

pub use signature::{LONGEST_KEY, SHORTEST_KEY, read_key, signature, write_key};

use chrono::{DateTime, TimeDelta, Utc};

use super::id::EventId;
use super::words::words;

words! {
    /// What a message is about.
    pub enum Topic {
        /// A case was opened.
        CaseCreated = "case.created",
        /// A step of a case waits for the customer.
        CaseWaitingOnCustomer = "case.waiting_on_customer",
        /// A case is over.
        CaseDone = "case.done",
        /// A tunnel test has ended.
        TestFinished = "test.finished",
        /// The whitelist of a tunnel has another version.
        WhitelistChanged = "whitelist.changed",
        /// An alerting IP will come or go.
        AlertingIpPlanned = "alerting_ip.planned",
        /// An alerting IP has come or gone.
        AlertingIpChanged = "alerting_ip.changed",
        /// SMTP settings came into force in the product.
        SmtpApplied = "smtp.applied",
        /// Somebody tries whether messages arrive; goes to one endpoint, whatever it subscribed to.
        Ping = "ping",
    }
}

impl Topic {
    /// What an endpoint can subscribe to.
    pub fn to_subscribe() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|topic| *topic != Self::Ping)
    }

    /// When it is told, in words for whoever chooses.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::CaseCreated => "A case was opened",
            Self::CaseWaitingOnCustomer => "A step of a case waits for the customer",
            Self::CaseDone => "A case is over",
            Self::TestFinished => "A tunnel test has ended",
            Self::WhitelistChanged => "The whitelist of a tunnel has another version",
            Self::AlertingIpPlanned => "An alerting IP will come or go",
            Self::AlertingIpChanged => "An alerting IP has come or gone",
            Self::SmtpApplied => "SMTP settings came into force in the product",
            Self::Ping => "Somebody tries whether messages arrive",
        }
    }
}

words! {
    /// How far a message to one endpoint has come.
    pub enum Delivery {
        /// It is sent, or sent again, when its time comes.
        Waiting = "waiting",
        /// The endpoint took it.
        Delivered = "delivered",
        /// It was given up.
        Failed = "failed",
        /// It was not sent: the endpoint was off, or messages were held after a restore.
        Missed = "missed",
    }
}

words! {
    /// How an endpoint does.
    pub enum EndpointState {
        /// Messages are sent to it.
        On = "on",
        /// They are, and the last one failed.
        Failing = "failing",
        /// Nothing is sent to it.
        Off = "off",
    }
}

words! {
    /// Why nothing is sent to an endpoint.
    pub enum OffReason {
        /// Somebody switched it off.
        Person = "person",
        /// It answered 410 Gone.
        Gone = "gone",
        /// Every try of several days failed.
        Failing = "failing",
    }
}

/// `webhook-id` of what tells of an event: the same for every try, so that receivers can fold repeats.
pub fn message_id(event: EventId) -> String {
    format!("msg_{}", event.uuid().simple())
}

/// The longest body of a message, in bytes.
pub const LONGEST_BODY: usize = 20_000;

/// An endpoint of which nothing was heard but failures for so long is switched off with the message that is given up then.
pub const LONGEST_FAILURE: TimeDelta = TimeDelta::days(3);

/// The wait before each further try, in seconds: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. With the first
/// one these are ten tries over three days.
const WAITS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// The longest wait that an endpoint can ask for.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(24);

/// When a message is tried again after `tries` tries that failed (1 after the first), or `None` where it is given up.
/// `random` is spread evenly over 0..1 and adds up to a fifth, so that messages that failed together do not come back
/// together; never less, so that ten tries last three days. `asked` is what the endpoint asked for (Retry-After).
pub fn retry_at(tries: u32, now: DateTime<Utc>, random: f64, asked: Option<TimeDelta>) -> Option<DateTime<Utc>> {
    let index = usize::try_from(tries.checked_sub(1)?).ok()?;
    let wait = *WAITS.get(index)?;
    let share = if random.is_nan() { 0.5 } else { random.clamp(0.0, 1.0) };
    // A fifth of a day in milliseconds is far below what 53 bits hold.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "at most a fifth of a day")]
    let extra = (wait as f64 * 200.0 * share) as i64;
    let wait = TimeDelta::seconds(wait) + TimeDelta::milliseconds(extra);
    Some(now + wait.max(asked.unwrap_or_default().min(LONGEST_WAIT)))
}

/// How long an endpoint asks to be left alone: seconds or a date (RFC 9110, section 10.2.3), at most a day; `None` for
/// anything else.
pub fn retry_after(text: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = text.trim();
    let asked = match text.parse::<u32>() {
        Ok(seconds) => TimeDelta::seconds(i64::from(seconds)),
        Err(_) => DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now,
    };
    (asked > TimeDelta::zero()).then(|| asked.min(LONGEST_WAIT))
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken.
    Taken,
    /// It was not; says why.
    NotTaken(String),
    /// The endpoint wants nothing any more.
    Gone,
}

/// Judges an answer by its status: 2xx alone is success, and a redirect is never followed.
pub fn judge(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Taken,
        300..=399 => Verdict::NotTaken(format!("It answered {status}: redirects are not followed")),
        410 => Verdict::Gone,
        _ => Verdict::NotTaken(format!("It answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> DateTime<Utc> {
        "2026-11-25T10:00:00Z".parse().unwrap()
    }

    fn wait(tries: u32, random: f64, asked: Option<TimeDelta>) -> Option<TimeDelta> {
        retry_at(tries, start(), random, asked).map(|at| at - start())
    }

    #[test]
    fn ten_tries_last_three_days_and_the_eleventh_never_comes() {
        for random in [0.0, 0.3, 1.0, -1.0, 9.0, f64::NAN] {
            let waits: Vec<_> = (1..=9).map(|tries| wait(tries, random, None).unwrap()).collect();
            assert_eq!(waits[0].num_seconds(), if random > 0.99 { 6 } else { 5 });
            assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "{waits:?}");
            let whole: TimeDelta = waits.iter().sum();
            assert!(whole >= LONGEST_FAILURE && whole <= TimeDelta::days(4), "{random}: {whole}");
        }
        assert_eq!(wait(10, 0.0, None), None);
        assert_eq!(wait(0, 0.0, None), None);
        assert_eq!(wait(u32::MAX, 0.0, None), None);
    }

    #[test]
    fn an_endpoint_can_ask_for_more_time_but_not_for_less_nor_for_more_than_a_day() {
        assert_eq!(wait(1, 0.0, Some(TimeDelta::minutes(3))), Some(TimeDelta::minutes(3)));
        assert_eq!(wait(3, 0.0, Some(TimeDelta::seconds(1))), Some(TimeDelta::minutes(30)));
        assert_eq!(wait(1, 0.0, Some(TimeDelta::days(30))), Some(TimeDelta::days(1)));
        assert_eq!(wait(10, 0.0, Some(TimeDelta::seconds(1))), None);
    }

    #[test]
    fn both_forms_of_retry_after_are_read_and_nonsense_is_none() {
        for (text, seconds) in [
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("4000000000", Some(86_400)),
            ("Wed, 25 Nov 2026 10:01:00 GMT", Some(60)),
            ("Wed, 25 Nov 2026 09:00:00 GMT", None),
            ("0", None),
            ("-5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, start()).map(|asked| asked.num_seconds()), seconds, "{text}");
        }
    }

    #[test]
    fn only_2xx_is_success() {
        for status in 100..=599 {
            assert_eq!(judge(status) == Verdict::Taken, (200..300).contains(&status), "{status}");
        }
        assert_eq!(judge(410), Verdict::Gone);
        assert!(matches!(judge(302), Verdict::NotTaken(why) if why.contains("not followed")));
    }
}
