//! From `wg show DEVICE dump` to the state of the tunnel. A line per peer, columns apart by tabs: public key, preshared
//! key, endpoint, allowed networks, latest handshake (Unix time), octets received, octets sent, keepalive.

use std::net::SocketAddr;

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;

use super::{Counters, State};
use crate::probe::request::TunnelFacts;
use crate::smtp::report::TunnelReport;

/// Keys are void this many seconds after a handshake (whitepaper, section 6.1); a younger one is the best sign of life.
const KEYS_LAST: TimeDelta = TimeDelta::seconds(180);

struct Peer {
    endpoint: Option<SocketAddr>,
    networks: Vec<IpNet>,
    handshake: Option<DateTime<Utc>>,
    received: u64,
    sent: u64,
}

/// The peer at the gateway on record, or the only one.
///
/// # Errors
/// Where the text is not what `wg` prints.
pub(super) fn state(dump: &str, facts: &TunnelFacts, now: DateTime<Utc>) -> Result<State, String> {
    // The first line describes the device, with its private key.
    let peers = dump
        .lines()
        .skip(1)
        .map(|line| peer(line).ok_or("the answer of wg has another form"))
        .collect::<Result<Vec<_>, _>>()?;
    let with = facts.peer_gateway.map_or_else(String::new, |gateway| format!(" with {gateway}"));
    let found = match facts.peer_gateway {
        Some(gateway) => peers.iter().find(|peer| peer.endpoint.is_some_and(|endpoint| endpoint.ip() == gateway)),
        None => peers.first(),
    };
    let age = found.and_then(|peer| peer.handshake).map(|handshake| now - handshake);
    let up = age.is_some_and(|age| age < KEYS_LAST);
    let detail = match (found, age) {
        (None, _) => format!("no peer{with}"),
        (Some(_), None) => format!("no handshake{with} so far"),
        (Some(_), Some(age)) => format!("last handshake{with} {} s ago", age.num_seconds()),
    };
    Ok(State {
        report: TunnelReport {
            kind: "wireguard".to_owned(),
            up,
            detail,
            since: None,
            packets_in: None,
            packets_out: None,
            local: Vec::new(),
            remote: found.map(|peer| peer.networks.iter().map(IpNet::to_string).collect()).unwrap_or_default(),
        },
        // Which addresses of ours the peer accepts stands in the peer's own configuration.
        carries: found.map(|peer| (None, peer.networks.clone())).into_iter().collect(),
        counters: found.map(|peer| Counters::Octets { out: peer.sent, back: peer.received }),
        idle: age.is_none_or(|age| age > TimeDelta::seconds(120)),
    })
}

fn peer(line: &str) -> Option<Peer> {
    let mut columns = line.split('\t').skip(2);
    let endpoint = columns.next()?;
    let allowed = columns.next()?;
    let handshake: i64 = columns.next()?.parse().ok()?;
    Some(Peer {
        endpoint: endpoint.parse().ok(),
        networks: allowed.split(',').filter_map(|network| network.parse().ok()).collect(),
        handshake: (handshake > 0).then(|| DateTime::from_timestamp(handshake, 0)).flatten(),
        received: columns.next()?.parse().ok()?,
        sent: columns.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "private\tpublic\t51820\toff\n\
        AAA=\t(none)\t203.0.113.2:51820\t10.20.0.0/24,10.21.0.0/24\t1795572354\t4816\t2976\t5\n\
        BBB=\t(none)\t(none)\t(none)\t0\t0\t0\toff\n";

    fn look(dump: &str, gateway: Option<&str>, seconds: i64) -> State {
        let facts = TunnelFacts { peer_gateway: gateway.map(|text| text.parse().unwrap()), ..TunnelFacts::default() };
        state(dump, &facts, DateTime::from_timestamp(1_795_572_354 + seconds, 0).unwrap()).unwrap()
    }

    #[test]
    fn a_young_handshake_is_a_sign_of_life() {
        let seen = look(DUMP, Some("203.0.113.2"), 10);
        assert!(seen.report.up && !seen.idle);
        assert_eq!(seen.counters, Some(Counters::Octets { out: 2976, back: 4816 }));
        assert!(seen.covers(Some("198.51.100.25".parse().unwrap()), "10.21.0.1".parse().unwrap()));
        assert!(!seen.covers(None, "10.22.0.1".parse().unwrap()));
        assert!(!look(DUMP, Some("203.0.113.2"), 200).report.up);
    }

    #[test]
    fn a_peer_that_is_not_there_and_one_that_never_answered_are_told_apart() {
        assert_eq!(look(DUMP, Some("203.0.113.9"), 0).report.detail, "no peer with 203.0.113.9");
        let silent = "device\nBBB=\t(none)\t203.0.113.2:51820\t10.20.0.0/24\t0\t0\t148\toff\n";
        assert_eq!(look(silent, Some("203.0.113.2"), 0).report.detail, "no handshake with 203.0.113.2 so far");
        assert_eq!(look("device\n", None, 0).report.detail, "no peer");
    }

    #[test]
    fn no_key_is_kept() {
        assert!(!format!("{:?}", look(DUMP, None, 0)).contains("AAA"));
    }
}
