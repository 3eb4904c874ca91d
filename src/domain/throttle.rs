//! How long somebody waits who failed to sign in. Waits grow and never become a lock, and failures are forgiven with time.

use chrono::{DateTime, TimeDelta, Utc};

/// The longest wait.
const LONGEST: TimeDelta = TimeDelta::minutes(15);
/// For every such span without a failure, one failure is forgiven.
const FORGIVEN_AFTER: TimeDelta = TimeDelta::minutes(10);
/// More doublings than these wait no longer, so more failures are not counted.
const MOST_DOUBLINGS: i64 = 10;

/// What failures are counted under, which decides how many are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One account from one source address.
    Pair,
    /// One account from a browser that signed in to it before.
    Device,
    /// Codes of one account, from wherever they come: whoever gets that far knows the password.
    Codes,
    /// All accounts from one source address, behind which a whole office may stand.
    Address,
    /// One session whose owner proves again who it is.
    Session,
}

impl Scope {
    const fn free(self) -> i64 {
        match self {
            Self::Pair | Self::Device | Self::Session => 5,
            Self::Codes => 10,
            Self::Address => 20,
        }
    }
}

/// Failures of one subject, and when its next try is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How many count.
    pub failures: i64,
    /// Earlier tries are refused unseen.
    pub next_at: DateTime<Utc>,
}

impl Tally {
    /// Nothing has failed.
    pub const fn none(at: DateTime<Utc>) -> Self {
        Self { failures: 0, next_at: at }
    }

    /// When the next try is looked at, where that is later than `at`.
    pub fn waits(self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (self.next_at > at).then_some(self.next_at)
    }

    /// The tally after one more failure.
    #[must_use]
    pub fn failed(self, scope: Scope, at: DateTime<Utc>) -> Self {
        let failures = (self.forgiven(at) + 1).min(scope.free() + MOST_DOUBLINGS);
        Self { failures, next_at: at + wait(failures - scope.free()) }
    }

    /// The tally after a try that was counted as a failure before it was looked at, and was none.
    #[must_use]
    pub fn taken_back(self, at: DateTime<Utc>) -> Self {
        Self { failures: (self.failures - 1).max(0), next_at: at }
    }

    fn forgiven(self, at: DateTime<Utc>) -> i64 {
        let spans = (at - self.next_at).num_seconds().max(0) / FORGIVEN_AFTER.num_seconds();
        (self.failures - spans).max(0)
    }
}

fn wait(beyond: i64) -> TimeDelta {
    match u32::try_from(beyond) {
        Ok(doublings) if doublings > 0 => TimeDelta::seconds(2_i64.saturating_pow(doublings)).min(LONGEST),
        Ok(_) | Err(_) => TimeDelta::zero(),
    }
}

/// The brake on failures of everybody together: so many in a minute, then strange browsers wait for the next minute.
pub mod brake {
    use super::{DateTime, Tally, TimeDelta, Utc};

    /// Failures that are free within a window.
    pub const FREE: i64 = 100;
    const WINDOW: TimeDelta = TimeDelta::minutes(1);

    /// When the next try is looked at, where this minute's failures are used up.
    pub fn waits(tally: Tally, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        tally.waits(at).filter(|_| tally.failures >= FREE)
    }

    /// The tally after one more failure: `next_at` is the end of the window.
    #[must_use]
    pub fn failed(tally: Tally, at: DateTime<Utc>) -> Tally {
        match tally.waits(at) {
            Some(end) => Tally { failures: tally.failures + 1, next_at: end },
            None => Tally { failures: 1, next_at: at + WINDOW },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> DateTime<Utc> {
        "2026-11-25T10:00:00Z".parse().unwrap()
    }

    /// Fails as often as asked, each time as soon as it is looked at.
    fn after(scope: Scope, failures: i64) -> (Tally, TimeDelta) {
        let (mut tally, mut at) = (Tally::none(start()), start());
        for _ in 0..failures {
            at = tally.waits(at).unwrap_or(at);
            tally = tally.failed(scope, at);
        }
        (tally, tally.next_at - at)
    }

    #[test]
    fn waits_double_and_never_become_a_lock() {
        let table = [(0, 0), (5, 0), (6, 2), (7, 4), (8, 8), (14, 512), (15, 900), (16, 900), (10_000, 900)];
        for (failures, seconds) in table {
            assert_eq!(after(Scope::Pair, failures).1, TimeDelta::seconds(seconds), "after {failures}");
        }
        for (scope, free) in [(Scope::Device, 5), (Scope::Session, 5), (Scope::Codes, 10), (Scope::Address, 20)] {
            assert_eq!(after(scope, free).1, TimeDelta::zero(), "{scope:?}");
            assert_eq!(after(scope, free + 1).1, TimeDelta::seconds(2), "{scope:?}");
        }
    }

    #[test]
    fn failures_are_forgiven_with_time_and_those_that_were_none_at_once() {
        let (tally, _) = after(Scope::Pair, 8);
        for (minutes, wait) in [(0, 16), (9, 16), (10, 8), (20, 4), (30, 2), (40, 0), (600, 0)] {
            let at = tally.next_at + TimeDelta::minutes(minutes);
            assert_eq!(tally.failed(Scope::Pair, at).next_at - at, TimeDelta::seconds(wait), "after {minutes} minutes");
        }
        let (seven, _) = after(Scope::Pair, 7);
        let eight = seven.failed(Scope::Pair, seven.next_at);
        assert_eq!(eight.taken_back(seven.next_at), seven);
        assert_eq!(Tally::none(start()).taken_back(start()), Tally::none(start()));
    }

    #[test]
    fn the_brake_holds_for_the_rest_of_its_minute_and_no_longer() {
        let mut tally = Tally::none(start());
        for _ in 0..brake::FREE {
            assert_eq!(brake::waits(tally, start()), None);
            tally = brake::failed(tally, start());
        }
        let end = start() + TimeDelta::minutes(1);
        assert_eq!(brake::waits(tally, end - TimeDelta::seconds(1)), Some(end));
        assert_eq!(brake::waits(tally, end), None);
        assert_eq!(brake::failed(tally, end).failures, 1);
    }
}
