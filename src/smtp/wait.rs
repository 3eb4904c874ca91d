//! How long a server asks us to wait: greylisting and busy servers often name a time in their text. There is no
//! standard for it, so this reads what servers are known to say and is silent about the rest.

use std::time::Duration;

use super::reply::Reply;

/// A time that is named beside one of these words is a time to wait, and not how long something took.
const ABOUT_WAITING: &[&str] =
    &["again", "retry", "come back", "wait", "greylist", "graylist", "grey list", "delay", "defer"];
/// Nobody asks a mail client to stay away for longer: the retries of RFC 5321 section 4.5.4.1 go on for 4 to 5 days.
const LONGEST: Duration = Duration::from_hours(120);

/// The wait that a reply names: "in 30 seconds", "5 min", "1 minute 30 seconds", "300s", "00:05:00".
pub(super) fn suggested_wait(reply: &Reply) -> Option<Duration> {
    let text = String::from_utf8_lossy(&reply.texts().collect::<Vec<_>>().join(&b' ')).to_lowercase();
    if !ABOUT_WAITING.iter().any(|word| text.contains(word)) {
        return None;
    }
    let words: Vec<&str> = text
        .split(|character: char| !character.is_ascii_alphanumeric() && character != ':')
        .map(|word| word.trim_matches(':'))
        .filter(|word| !word.is_empty())
        .collect();
    let found = (0..words.len()).find_map(|at| read(words.get(at..)?))?;
    (Duration::from_secs(1)..=LONGEST).contains(&found).then_some(found)
}

/// The time at the beginning of these words: a clock, or one or more numbers with their units.
fn read(words: &[&str]) -> Option<Duration> {
    if let Some(clock) = words.first().and_then(|word| clock(word)) {
        return Some(clock);
    }
    let (mut total, mut rest) = (None::<Duration>, words);
    while let Some((amount, taken)) = amount(rest) {
        total = Some(total.unwrap_or_default().checked_add(amount)?);
        rest = rest.get(taken..)?;
        if rest.first() == Some(&"and") {
            rest = rest.get(1..)?;
        }
    }
    total
}

/// One number with its unit, in one word or two, and how many words it took.
fn amount(words: &[&str]) -> Option<(Duration, usize)> {
    let first = words.first()?;
    let digits = first.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = first.split_at_checked(digits)?;
    // Eight digits are more seconds than anybody may ask for.
    let number: u32 = if digits <= 8 { number.parse().ok()? } else { return None };
    let (unit, taken) = if unit.is_empty() { (*words.get(1)?, 2) } else { (unit, 1) };
    let seconds = match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
        _ => return None,
    };
    Some((Duration::from_secs(u64::from(number) * seconds), taken))
}

/// Hours, minutes and seconds with colons, as milter-greylist writes them.
fn clock(word: &str) -> Option<Duration> {
    let parts: Vec<&str> = word.split(':').collect();
    let [hours, minutes, seconds] = parts.as_slice() else { return None };
    let number = |text: &str| -> Option<u64> {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse().ok() } else { None }
    };
    Some(Duration::from_secs(number(hours)? * 3600 + number(minutes)? * 60 + number(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::super::reply::{Parsed, ReplyParser};
    use super::*;

    fn seconds(line: &str) -> Option<u64> {
        match ReplyParser::default().push(format!("{line}\r\n").as_bytes()) {
            Parsed::Reply(reply, _) => suggested_wait(&reply).map(|wait| wait.as_secs()),
            other @ (Parsed::Pending | Parsed::Fault(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_wordings_of_known_servers_are_read() {
        for (line, wait) in [
            ("451 4.7.1 Greylisted, try again in 30 seconds", 30),
            ("450 4.2.0 <a@b>: Recipient address rejected: Greylisted for 5 minutes", 300),
            ("451 4.7.1 Greylisting in action, please come back in 00:04:59", 299),
            ("421 4.7.0 busy; retry in 300s", 300),
            ("451-4.7.1 Greylisted\r\n451 4.7.1 wait 1 minute and 30 seconds", 90),
            ("450 try again after 1h", 3600),
            ("451 Try again (delay: 10 min)", 600),
        ] {
            assert_eq!(seconds(line), Some(wait), "{line}");
        }
    }

    #[test]
    fn other_numbers_are_no_wait() {
        for line in [
            "451 4.7.1 Greylisted, try again later",
            "451 timeout after 30 seconds",
            "450 try again, see 10.20.30.40 or 2001:db8:1",
            "450 try again in 0 seconds",
            "450 try again in 99999999 hours",
            "450 try again in 99999999999999999999 s",
        ] {
            assert_eq!(seconds(line), None, "{line}");
        }
    }
}
