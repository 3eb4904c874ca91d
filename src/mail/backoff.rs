//! When a failed delivery is tried again: full jitter under a rising ceiling, then given up.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// No retry comes sooner, so that a server that answers at once is not hammered.
const FLOOR_SECONDS: f64 = 5.0;

/// The longest wait before each retry: 10 s, 5 min, 30 min, 2 h, 8 h, then 24 h. With the first try these are eleven
/// tries; as full jitter waits half the ceiling on average, they span about 2 days 17 hours, at most 5 days 11 hours.
const CEILINGS_SECONDS: [u32; 10] = [10, 300, 1_800, 7_200, 28_800, 86_400, 86_400, 86_400, 86_400, 86_400];

/// The instant of the next try after `attempt` failed ones (1 after the first failure; 0 counts as 1), or `None` when
/// the message is to be given up and shown to an operator. `random` comes from the caller, evenly spread over 0..1:
/// messages that failed together must not come back together.
pub fn retry_at(attempt: u32, now: DateTime<Utc>, random: f64) -> Option<DateTime<Utc>> {
    let index = usize::try_from(attempt.saturating_sub(1)).ok()?;
    let ceiling = f64::from(*CEILINGS_SECONDS.get(index)?);
    let share = if random.is_nan() { 0.5 } else { random.clamp(0.0, 1.0) };
    let wait = Duration::try_from_secs_f64(FLOOR_SECONDS + share * (ceiling - FLOOR_SECONDS)).ok()?;
    now.checked_add_signed(TimeDelta::from_std(wait).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_764_000_000, 0).unwrap()
    }

    fn wait(attempt: u32, random: f64) -> Option<i64> {
        retry_at(attempt, start(), random).map(|at| (at - start()).num_seconds())
    }

    #[test]
    fn every_wait_lies_between_five_seconds_and_a_day() {
        for attempt in 0..=10 {
            assert_eq!(wait(attempt, 0.0), Some(5));
            for random in [0.0, 0.25, 0.5, 0.999, 1.0, -3.0, 7.0, f64::NAN, f64::INFINITY] {
                let seconds = wait(attempt, random).unwrap();
                assert!((5..=86_400).contains(&seconds), "attempt {attempt}, random {random}: {seconds}");
            }
        }
    }

    #[test]
    fn the_tenth_failure_is_retried_and_the_eleventh_is_given_up() {
        assert_eq!(wait(10, 1.0), Some(86_400));
        assert_eq!(wait(11, 0.0), None);
        assert_eq!(wait(u32::MAX, 0.0), None);
    }

    #[test]
    fn on_average_the_tries_span_about_three_days() {
        let hours: i64 = (1..=10).filter_map(|attempt| wait(attempt, 0.5)).sum::<i64>() / 3_600;
        assert!((60..=80).contains(&hours), "{hours} hours");
    }
}
