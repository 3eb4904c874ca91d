//! When the next round comes.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use super::{Mark, Memory};

/// Rounds that cannot tell come ever more seldom, up to so many intervals apart: what is broken is ours, and trying harder
/// mends nothing.
const SELDOM: i32 = 8;
/// A first round that is not in order is looked at again after this part of the interval.
const LOOK_AGAIN: i32 = 4;
/// Parts of a thousand of the interval by which a round comes earlier or later, so that servers do not fall into step.
const JITTER: i64 = 100;

/// When the round after number `number` begins, which ended at `at` with this mark. `id` tells servers apart.
pub fn next_round(
    (interval, at): (TimeDelta, DateTime<Utc>),
    (id, number): (&str, i64),
    (memory, mark): (&Memory, Mark),
) -> DateTime<Utc> {
    let untold = memory.doubts.values().any(|doubt| doubt.told.as_ref() != Some(&doubt.what));
    let wait = match mark {
        Mark::Unclear => interval * SELDOM.min(1_i32.checked_shl(memory.unclear.min(16)).unwrap_or(SELDOM)),
        Mark::Good | Mark::Changed | Mark::Failed if untold => interval / LOOK_AGAIN,
        Mark::Good | Mark::Changed | Mark::Failed => interval,
    };
    at + wait + wait * jitter(id, number) / 1_000
}

/// The same server and round give the same jitter, on every node.
fn jitter(id: &str, number: i64) -> i32 {
    let hash: [u8; 32] = Sha256::digest(format!("{id} {number}").as_bytes()).into();
    let (first, _) = hash.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
    let share = i64::from(u16::from_be_bytes(*first)) * 2 * JITTER / i64::from(u16::MAX) - JITTER;
    i32::try_from(share).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::watching::{Doubt, Subject};

    const HOUR: TimeDelta = TimeDelta::hours(1);

    fn minutes(memory: &Memory, mark: Mark) -> i64 {
        let at = DateTime::from_timestamp(1_900_000_000, 0).unwrap();
        (next_round((HOUR, at), ("a", 7), (memory, mark)) - at).num_minutes()
    }

    #[test]
    fn a_doubt_is_looked_at_soon_and_what_is_ours_ever_more_seldom() {
        let quiet = Memory::default();
        assert!((54..=66).contains(&minutes(&quiet, Mark::Good)));
        let mut doubtful = Memory::default();
        doubtful.doubts.insert(Subject::Path, Doubt { bad: 1, ..Doubt::default() });
        assert!((13..=17).contains(&minutes(&doubtful, Mark::Failed)));
        doubtful.doubts.insert(Subject::Path, Doubt { bad: 2, told: Some(String::new()), ..Doubt::default() });
        assert!((54..=66).contains(&minutes(&doubtful, Mark::Failed)), "what is told is not asked more often");
        let unclear = |rounds: u32| minutes(&Memory { unclear: rounds, ..Memory::default() }, Mark::Unclear);
        assert!((108..=132).contains(&unclear(1)) && (216..=264).contains(&unclear(2)));
        assert!((432..=528).contains(&unclear(3)) && (432..=528).contains(&unclear(1_000)), "a bound");
    }

    #[test]
    fn servers_do_not_fall_into_step() {
        let all: std::collections::BTreeSet<i32> = (0..500).map(|id: i32| jitter(&id.to_string(), 1)).collect();
        assert!(all.len() > 100 && all.iter().all(|share| (-100..=100).contains(share)), "{all:?}");
        assert_eq!(jitter("a", 3), jitter("a", 3));
    }
}
