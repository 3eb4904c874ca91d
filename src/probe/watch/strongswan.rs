//! From strongSwan's list of security associations to the state of one tunnel.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;

use super::vici::Section;
use super::{Counters, State};
use crate::probe::request::TunnelFacts;
use crate::smtp::report::TunnelReport;

/// A tunnel that nothing came out of for this many seconds may be asleep.
const IDLE_SECONDS: u64 = 60;

/// The tunnel to the gateway on record; where none is on record, whichever carries the target.
pub(super) fn state(events: &[Section], facts: &TunnelFacts, target: IpAddr, now: DateTime<Utc>) -> State {
    let associations: Vec<(&str, &Section)> = events.iter().flat_map(Section::sections).collect();
    let ours: Vec<(&str, &Section)> = match facts.peer_gateway {
        Some(gateway) => associations.into_iter().filter(|(_, sa)| is_with(sa, gateway)).collect(),
        None => associations.into_iter().filter(|(_, sa)| children(sa).any(|child| carries(child, target))).collect(),
    };
    let installed: Vec<&Section> =
        ours.iter().flat_map(|(_, sa)| children(sa)).filter(|child| is_installed(child)).collect();
    // Associations for other networks of the same customer have counters of their own.
    let for_target: Vec<&Section> = installed.iter().copied().filter(|child| carries(child, target)).collect();
    let counted = if for_target.is_empty() { &installed } else { &for_target };
    let sum = |key: &str| counted.iter().filter_map(|child| child.number(key)).sum::<u64>();
    let up = !installed.is_empty();
    let (out, back) = (sum("packets-out"), sum("packets-in"));
    let age = counted.iter().filter_map(|child| child.number("install-time")).max();
    let silent = counted.iter().filter_map(|child| child.number("use-in")).min();
    let names = |key: &str| installed.iter().flat_map(|child| child.list(key).iter().cloned()).collect();
    State {
        report: TunnelReport {
            kind: "strongswan".to_owned(),
            up,
            detail: detail(&ours, up, facts.peer_gateway),
            since: age.and_then(|age| now.checked_sub_signed(TimeDelta::seconds(i64::try_from(age).ok()?))),
            packets_in: up.then_some(back),
            packets_out: up.then_some(out),
            local: names("local-ts"),
            remote: names("remote-ts"),
        },
        carries: installed
            .iter()
            .map(|child| (Some(networks(child, "local-ts")), networks(child, "remote-ts")))
            .collect(),
        counters: up.then_some(Counters::Packets { out, back }),
        idle: back == 0 || silent.is_some_and(|seconds| seconds > IDLE_SECONDS),
    }
}

fn is_with(association: &Section, gateway: IpAddr) -> bool {
    association.value("remote-host").and_then(|host| host.parse::<IpAddr>().ok()) == Some(gateway)
}

fn children(association: &Section) -> impl Iterator<Item = &Section> {
    let lists = association.sections().filter(|(name, _)| *name == "child-sas");
    lists.flat_map(|(_, children)| children.sections()).map(|(_, child)| child)
}

fn is_installed(child: &Section) -> bool {
    // While keys are renewed, the old association still carries packets.
    matches!(child.value("state"), Some("INSTALLED" | "REKEYING" | "REKEYED"))
}

fn carries(child: &Section, target: IpAddr) -> bool {
    networks(child, "remote-ts").iter().any(|network| network.contains(&target))
}

/// Traffic selectors as networks. One for a single protocol or port is written `10.0.0.0/24[tcp/25]`; what is no network
/// (a range) cannot be compared and is left out.
fn networks(child: &Section, key: &str) -> Vec<IpNet> {
    let read = |text: &String| {
        let plain = text.split('[').next().unwrap_or_default();
        plain.parse::<IpNet>().or_else(|_no_prefix| plain.parse::<IpAddr>().map(IpNet::from)).ok()
    };
    child.list(key).iter().filter_map(read).collect()
}

fn detail(associations: &[(&str, &Section)], up: bool, gateway: Option<IpAddr>) -> String {
    let with = gateway.map_or_else(String::new, |gateway| format!(" with {gateway}"));
    let Some((name, association)) = associations.first() else { return format!("no IKE SA{with}") };
    let state = association.value("state").unwrap_or("in an unknown state");
    let child = if up { "CHILD_SA installed" } else { "no CHILD_SA: the networks or algorithms were not agreed" };
    format!("IKE SA {name}{with} {state}, {child}")
}

#[cfg(test)]
mod tests {
    use super::super::raw;
    use super::*;

    const EVENTS: &str = "list-sa event {s2s {state=ESTABLISHED remote-host=203.0.113.2 established=97 child-sas {\
        a-1 {state=INSTALLED packets-in=3 use-in=2 packets-out=7 install-time=97 local-ts=[198.51.100.16/28] remote-ts=[10.20.0.0/24]}\
        b-2 {state=INSTALLED packets-in=100 use-in=1 packets-out=100 install-time=5 local-ts=[198.51.100.16/28] remote-ts=[10.30.0.0/24[tcp/25]]}}}}\n\
        list-sa event {other {state=ESTABLISHED remote-host=203.0.113.66 child-sas {}}}\nlist-sas reply {}\n";

    fn look(gateway: Option<&str>, target: &str) -> State {
        let facts = TunnelFacts { peer_gateway: gateway.map(|text| text.parse().unwrap()), ..TunnelFacts::default() };
        state(&raw::parse(EVENTS).unwrap(), &facts, target.parse().unwrap(), DateTime::UNIX_EPOCH)
    }

    #[test]
    fn the_association_that_carries_the_target_is_counted() {
        let seen = look(Some("203.0.113.2"), "10.20.0.25");
        assert!(seen.report.up && !seen.idle);
        assert_eq!(seen.counters, Some(Counters::Packets { out: 7, back: 3 }));
        assert_eq!(seen.report.since, Some(DateTime::UNIX_EPOCH - TimeDelta::seconds(97)));
        assert!(seen.covers(Some("198.51.100.25".parse().unwrap()), "10.20.0.25".parse().unwrap()));
        assert!(seen.covers(None, "10.30.0.1".parse().unwrap()));
        assert!(!seen.covers(Some("198.51.100.99".parse().unwrap()), "10.20.0.25".parse().unwrap()));
        assert!(!seen.covers(None, "10.40.0.1".parse().unwrap()));
    }

    #[test]
    fn phase_one_without_phase_two_and_nothing_at_all_are_told_apart() {
        let half = look(Some("203.0.113.66"), "10.20.0.25");
        assert!(!half.report.up && half.report.detail.contains("no CHILD_SA"), "{}", half.report.detail);
        let none = look(Some("203.0.113.9"), "10.20.0.25");
        assert_eq!((none.report.up, none.report.detail.as_str()), (false, "no IKE SA with 203.0.113.9"));
        assert_eq!(none.counters, None);
    }

    #[test]
    fn without_a_gateway_on_record_the_target_decides() {
        assert_eq!(look(None, "10.30.0.7").counters, Some(Counters::Packets { out: 100, back: 100 }));
        assert!(!look(None, "10.99.0.7").report.up);
    }
}
