//! One round against what is remembered.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::TimeDelta;

use super::{Certificate, Doubt, Mark, Memory, Name, Path, ROUNDS_TO_TELL, Round, Settings, Subject};

/// A certificate that ends within so many days is told of, and again at each step.
const DAYS_LEFT: [i64; 3] = [1, 7, 21];

/// Something to tell: two rounds have said the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// About what.
    pub subject: Subject,
    /// The id of the cause.
    pub cause: String,
    /// What was seen, in a sentence.
    pub text: String,
    /// Where a name leads that leads elsewhere; empty for everything else.
    pub leads_to: Vec<IpAddr>,
}

/// What became of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What is remembered from here on.
    pub memory: Memory,
    /// The round in one word.
    pub mark: Mark,
    /// What is told because of it.
    pub found: Vec<Finding>,
    /// What had been told and is in order again.
    pub over: Vec<Subject>,
    /// What this round held against the server, told or not.
    pub seen: Vec<Finding>,
}

/// What a round says about one subject.
enum Seen {
    /// In order.
    Right,
    /// Not in order; the text by which two rounds say the same, then what is told.
    Wrong(String, Finding),
    /// It says nothing.
    Nothing,
}

/// Judges a round. Pure: the same memory and round give the same judgement.
pub fn judge(memory: &Memory, round: &Round) -> Judgement {
    let mut memory = match memory.address {
        Some(address) if address == round.address => memory.clone(),
        Some(_) | None => Memory { address: Some(round.address), ..Memory::default() },
    };
    let (mut found, mut over, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for subject in Subject::ALL {
        match look(*subject, &memory, round) {
            Seen::Nothing => {}
            Seen::Right => {
                if right(&mut memory, *subject) {
                    over.push(*subject);
                }
                learn(&mut memory, *subject, round);
            }
            Seen::Wrong(what, finding) => {
                if wrong(&mut memory, *subject, what) {
                    found.push(finding.clone());
                }
                seen.push(finding);
            }
        }
    }
    let mark = mark(round, &seen);
    memory.unclear = if mark == Mark::Unclear { memory.unclear.saturating_add(1) } else { 0 };
    Judgement { memory, mark, found, over, seen }
}

fn look(subject: Subject, memory: &Memory, round: &Round) -> Seen {
    match subject {
        Subject::Path => path(&round.path),
        Subject::Name => name(memory, round),
        Subject::Certificate => match (&memory.certificate, &round.certificate) {
            (Some(known), Some(shown)) => certificate(known, shown),
            (None, Some(_)) => Seen::Right,
            (_, None) => Seen::Nothing,
        },
        Subject::Expiry => round.certificate.as_ref().map_or(Seen::Nothing, |shown| expiry(shown, round)),
        Subject::Settings => match &round.settings {
            Settings::NotRead => Seen::Nothing,
            Settings::Same => Seen::Right,
            Settings::Differ(text) => wrong_about(subject, "settings.changed_elsewhere", text.clone(), text.clone()),
        },
    }
}

fn wrong_about(subject: Subject, cause: &str, what: String, text: String) -> Seen {
    Seen::Wrong(what, Finding { subject, cause: cause.to_owned(), text, leads_to: Vec::new() })
}

/// A path that fails now in this way and now in that one fails.
fn path(path: &Path) -> Seen {
    match path {
        Path::Reached => Seen::Right,
        Path::Failed { cause, text } => wrong_about(Subject::Path, cause, String::new(), text.clone()),
        Path::Unclear => Seen::Nothing,
    }
}

/// The name is in order as long as it leads to the address on record; where it never did (the record may hold what a
/// translation shows), as long as it leads to one of the addresses that it led to before.
fn name(memory: &Memory, round: &Round) -> Seen {
    let wrong = |what: String, cause: &str, text: String| wrong_about(Subject::Name, cause, what, text);
    match &round.name {
        Name::NotAsked => Seen::Right,
        Name::Unclear => Seen::Nothing,
        // A name that never resolved where we ask has lost nothing.
        Name::Gone if memory.addresses.is_empty() => Seen::Nothing,
        Name::Gone => wrong("gone".to_owned(), "dns.nxdomain", "The server's name has no address any more".to_owned()),
        Name::Addresses(found) => {
            let known = memory.addresses.is_empty() || !memory.addresses.is_disjoint(found);
            let was_ours = memory.addresses.contains(&round.address);
            let is_ours = found.contains(&round.address);
            if is_ours || (known && !was_ours) {
                return Seen::Right;
            }
            let (before, after) = (listed(&memory.addresses), listed(found));
            let text = format!("The server's name resolved to {before} before, and resolves to {after}");
            let leads_to = found.iter().copied().collect();
            Seen::Wrong(after, Finding { subject: Subject::Name, cause: "dns.changed".to_owned(), text, leads_to })
        }
    }
}

fn listed(addresses: &BTreeSet<IpAddr>) -> String {
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
}

fn certificate(known: &Certificate, shown: &Certificate) -> Seen {
    if (&known.issuer, &known.names) == (&shown.issuer, &shown.names) {
        return Seen::Right;
    }
    let line = |of: &Certificate| {
        format!("{} by {}", of.names.iter().map(String::as_str).collect::<Vec<_>>().join(", "), of.issuer)
    };
    let text = format!("The certificate was for {} before, and is for {}", line(known), line(shown));
    wrong_about(Subject::Certificate, "cert.changed", line(shown), text)
}

fn expiry(shown: &Certificate, round: &Round) -> Seen {
    let left = shown.not_after - round.at;
    match DAYS_LEFT.iter().find(|days| left < TimeDelta::days(**days)) {
        None => Seen::Right,
        Some(days) => {
            let text = format!("The certificate is valid until {}", shown.not_after.format("%Y-%m-%d %H:%M UTC"));
            wrong_about(Subject::Expiry, "cert.expires_soon", format!("{days} {}", shown.not_after), text)
        }
    }
}

/// Whether it had been told of and is over.
fn right(memory: &mut Memory, subject: Subject) -> bool {
    let Some(doubt) = memory.doubts.get_mut(&subject) else { return false };
    doubt.good = doubt.good.saturating_add(1);
    doubt.bad = 0;
    let was_told = doubt.told.is_some();
    if !was_told || doubt.good >= ROUNDS_TO_TELL {
        memory.doubts.remove(&subject);
        return was_told;
    }
    false
}

/// Whether it is to be told.
fn wrong(memory: &mut Memory, subject: Subject, what: String) -> bool {
    let doubt = memory.doubts.entry(subject).or_default();
    if doubt.what != what || doubt.bad == 0 {
        *doubt = Doubt { what, bad: 0, good: 0, told: doubt.told.take() };
    }
    (doubt.bad, doubt.good) = (doubt.bad.saturating_add(1), 0);
    let is_told = doubt.told.as_ref() == Some(&doubt.what);
    let tell = doubt.bad >= ROUNDS_TO_TELL && !is_told;
    if tell {
        doubt.told = Some(doubt.what.clone());
    }
    tell
}

/// What is in order is what later rounds are compared with.
fn learn(memory: &mut Memory, subject: Subject, round: &Round) {
    match (subject, &round.name, &round.certificate) {
        (Subject::Name, Name::Addresses(found), _) => memory.addresses.clone_from(found),
        (Subject::Certificate, _, Some(shown)) if !memory.doubts.contains_key(&subject) => {
            memory.certificate = Some(shown.clone());
        }
        (
            Subject::Name | Subject::Certificate | Subject::Path | Subject::Expiry | Subject::Settings,
            Name::NotAsked | Name::Addresses(_) | Name::Gone | Name::Unclear,
            _,
        ) => {}
    }
}

fn mark(round: &Round, seen: &[Finding]) -> Mark {
    match &round.path {
        Path::Failed { .. } => Mark::Failed,
        Path::Reached | Path::Unclear if !seen.is_empty() => Mark::Changed,
        Path::Unclear => Mark::Unclear,
        Path::Reached => Mark::Good,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use proptest::prelude::*;

    use super::*;

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_900_000_000, 0).unwrap() + TimeDelta::days(day)
    }

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([10, 20, 4, last])
    }

    fn shown(issuer: &str, days: i64) -> Certificate {
        Certificate {
            issuer: issuer.to_owned(),
            names: BTreeSet::from(["mail.corp.example".to_owned()]),
            not_after: at(days),
        }
    }

    fn good() -> Round {
        Round {
            at: at(0),
            address: ip(15),
            path: Path::Reached,
            name: Name::Addresses(BTreeSet::from([ip(15)])),
            certificate: Some(shown("CN=Corp CA", 90)),
            settings: Settings::Same,
        }
    }

    fn failed() -> Round {
        let path = Path::Failed { cause: "tcp.timeout".to_owned(), text: "No answer".to_owned() };
        Round { path, certificate: None, ..good() }
    }

    fn moved(last: u8) -> Round {
        Round { name: Name::Addresses(BTreeSet::from([ip(last)])), ..good() }
    }

    fn gone() -> Round {
        Round { name: Name::Gone, ..good() }
    }

    fn unclear() -> Round {
        Round { path: Path::Unclear, name: Name::Unclear, certificate: None, settings: Settings::NotRead, ..good() }
    }

    /// What is told over a row of rounds: `+subject` where it is found, `-subject` where it is over.
    fn told(rounds: &[Round]) -> Vec<String> {
        let mut memory = Memory::default();
        let mut told = Vec::new();
        for (index, round) in rounds.iter().enumerate() {
            let judged = judge(&memory, round);
            told.extend(judged.found.iter().map(|found| format!("{index}+{}", found.cause)));
            told.extend(judged.over.iter().map(|over| format!("{index}-{over}")));
            memory = judged.memory;
        }
        told
    }

    #[test]
    fn two_rounds_that_agree_are_told_and_a_blip_is_not() {
        let another = |issuer: &str| Round { certificate: Some(shown(issuer, 90)), ..good() };
        let ends = |days: i64| Round { certificate: Some(shown("CN=Corp CA", days)), ..good() };
        let refused =
            Round { path: Path::Failed { cause: "tcp.refused".to_owned(), text: "No".to_owned() }, ..failed() };
        let differ = |text: &str| Round { settings: Settings::Differ(text.to_owned()), ..good() };
        let table: &[(&str, Vec<Round>, &[&str])] = &[
            ("in order", vec![good(), good(), good()], &[]),
            ("a blip", vec![good(), failed(), good(), failed(), good()], &[]),
            ("down and up", vec![good(), failed(), failed(), failed(), good(), good()], &["2+tcp.timeout", "5-path"]),
            ("it fails in two ways", vec![failed(), refused, failed()], &["1+tcp.refused"]),
            (
                "a good round in between",
                vec![failed(), failed(), good(), failed(), good(), good()],
                &["1+tcp.timeout", "5-path"],
            ),
            ("we could not tell", vec![failed(), unclear(), unclear(), failed()], &["3+tcp.timeout"]),
            ("only unclear", vec![unclear(), unclear(), unclear()], &[]),
            ("the name moves", vec![good(), moved(16), moved(16), moved(16)], &["2+dns.changed"]),
            ("the name moves twice", vec![good(), moved(16), moved(17), moved(17)], &["3+dns.changed"]),
            (
                "the name moves on",
                vec![good(), moved(16), moved(16), moved(17), moved(17), good(), good()],
                &["2+dns.changed", "4+dns.changed", "6-name"],
            ),
            ("the name never led to the record", vec![moved(99), moved(99), moved(99)], &[]),
            ("the name never resolved", vec![gone(), gone(), gone()], &[]),
            ("the name is gone", vec![good(), gone(), gone()], &["2+dns.nxdomain"]),
            ("another issuer", vec![good(), another("CN=Other"), another("CN=Other")], &["2+cert.changed"]),
            (
                "and back",
                vec![good(), another("CN=Other"), another("CN=Other"), good(), good()],
                &["2+cert.changed", "4-certificate"],
            ),
            ("a renewal", vec![good(), ends(400), ends(400)], &[]),
            (
                "it ends soon",
                vec![ends(20), ends(20), ends(20), ends(5), ends(5), ends(90), ends(90)],
                &["1+cert.expires_soon", "4+cert.expires_soon", "6-expiry"],
            ),
            (
                "another hand in the product",
                vec![good(), differ("port 25"), differ("port 25"), good(), good()],
                &["2+settings.changed_elsewhere", "4-settings"],
            ),
        ];
        for (what, rounds, expected) in table {
            assert_eq!(told(rounds), *expected, "{what}");
        }
    }

    #[test]
    fn another_address_on_record_begins_anew_and_what_a_person_dealt_with_too() {
        let first = judge(&judge(&Memory::default(), &failed()).memory, &failed()).memory;
        assert!(first.is_told(Subject::Path));
        let elsewhere = judge(&first, &Round { address: ip(16), ..failed() });
        assert!(elsewhere.found.is_empty() && !elsewhere.memory.is_troubled());
        let again = judge(&first.clone().dealt_with(&[Subject::Path]), &failed());
        assert!(again.found.is_empty() && !again.memory.is_troubled());
        assert_eq!(judge(&again.memory, &failed()).found.len(), 1, "it still fails");
        let another = Round { certificate: Some(shown("CN=Other", 90)), ..good() };
        let changed = [good(), another.clone(), another.clone()];
        let memory = changed.iter().fold(Memory::default(), |memory, round| judge(&memory, round).memory);
        let taken = judge(&memory.dealt_with(&[Subject::Certificate]), &another);
        assert!(taken.seen.is_empty() && taken.memory.certificate == another.certificate);
    }

    #[test]
    fn what_is_remembered_reads_back_as_itself() {
        let memory = judge(&judge(&Memory::default(), &good()).memory, &failed()).memory;
        let text = serde_json::to_string(&memory).unwrap();
        assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), memory);
        assert_eq!(serde_json::from_str::<Memory>("{}").unwrap(), Memory::default());
    }

    fn any_round() -> impl Strategy<Value = Round> {
        let path = prop_oneof![Just(good().path), Just(failed().path), Just(Path::Unclear)];
        let name = prop_oneof![
            Just(Name::NotAsked),
            Just(Name::Gone),
            Just(Name::Unclear),
            proptest::collection::btree_set((15_u8..18).prop_map(ip), 1..3).prop_map(Name::Addresses)
        ];
        let certificate = proptest::option::of(("[AB]", 0_i64..60).prop_map(|(issuer, days)| shown(&issuer, days)));
        let settings = prop_oneof![Just(Settings::NotRead), Just(Settings::Same), "[ab]".prop_map(Settings::Differ)];
        (path, name, certificate, settings).prop_map(|(path, name, certificate, settings)| Round {
            path,
            name,
            certificate,
            settings,
            ..good()
        })
    }

    proptest! {
        /// Nothing is told by a single round; what is told once is told again only in other words; what is over was told.
        #[test]
        fn whatever_comes_each_thing_is_told_once(rounds in proptest::collection::vec(any_round(), 1..40)) {
            let mut memory = Memory::default();
            let mut before: BTreeSet<Subject> = BTreeSet::new();
            let mut open: std::collections::BTreeMap<Subject, String> = std::collections::BTreeMap::new();
            for round in &rounds {
                let judged = judge(&memory, round);
                for found in &judged.found {
                    prop_assert!(before.contains(&found.subject), "{:?} by one round", found);
                    let what = judged.memory.doubts.get(&found.subject).unwrap().what.clone();
                    prop_assert_ne!(open.insert(found.subject, what.clone()), Some(what), "told twice");
                }
                for over in &judged.over {
                    prop_assert!(open.remove(over).is_some(), "{over} is over and was not told");
                }
                let still: BTreeSet<Subject> = open.keys().copied().collect();
                let told = judged.memory.doubts.iter().filter(|(_, doubt)| doubt.told.is_some());
                prop_assert_eq!(told.map(|(subject, _)| *subject).collect::<BTreeSet<_>>(), still);
                before = judged.memory.doubts.keys().copied().collect();
                memory = judged.memory;
            }
        }

        /// Two rounds in order end whatever was held against the server.
        #[test]
        fn two_good_rounds_end_everything(rounds in proptest::collection::vec(any_round(), 0..20)) {
            let memory = rounds.iter().fold(Memory::default(), |memory, round| judge(&memory, round).memory);
            let right = Round { name: Name::NotAsked, certificate: memory.certificate.clone().map(|known| Certificate {
                not_after: at(90), ..known
            }), ..good() };
            // A certificate that was never learned holds nothing against anybody.
            let once = judge(&memory, &right).memory;
            let twice = judge(&once, &right).memory;
            prop_assert!(twice.doubts.is_empty() || right.certificate.is_none(), "{twice:?}");
        }
    }
}
