//! The way from our sender to the server as a picture: how far packets came, and what was measured on the way.

use std::net::IpAddr;

use ipnet::IpNet;

use super::fold::{Fold, is_syslog};
use crate::domain::cause::Cause;
use crate::smtp::report::{PathReport, RefusedBy, Report, Verdict};
use crate::views::common::{Tag, Tone};
use crate::views::probe::Hop;
use crate::views::{grouped, instant, took};

/// The places of the picture, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Sender,
    OurGateway,
    PeerGateway,
    Network,
    Server,
}

/// Where packets stop by cause, and in which words; every other cause is about the server itself.
const CUTS: &[(Cause, Place, &str)] = &[
    (Cause::DnsNxdomain, Place::Sender, "No address known"),
    (Cause::DnsTimeout, Place::Sender, "No address known"),
    (Cause::DnsMixedClasses, Place::Sender, "No single address"),
    (Cause::RouteNoRoute, Place::OurGateway, "No route"),
    (Cause::RouteTunnelDown, Place::OurGateway, "Tunnel down"),
    (Cause::RouteOverlap, Place::OurGateway, "More than one way"),
    (Cause::RouteSelectorNotCovered, Place::OurGateway, "Not carried"),
    (Cause::TunnelNotEntered, Place::OurGateway, "Not entered"),
    (Cause::TunnelMtu, Place::OurGateway, "Large packets lost"),
    (Cause::TunnelLostBeyondEntry, Place::PeerGateway, "Nothing came back"),
    (Cause::RouteGatewayNoRoute, Place::PeerGateway, "No route"),
    (Cause::TcpTimeout, Place::Network, "No answer"),
    (Cause::TcpNoRoute, Place::Network, "No way on"),
    (Cause::TcpRejectedByFirewall, Place::Network, "Forbidden"),
    (Cause::TcpRefused, Place::Server, "Refused"),
    (Cause::SyslogPortClosed, Place::Server, "Refused"),
    (Cause::TcpReset, Place::Server, "Cut off"),
];

/// Causes that are an answer from behind the tunnel.
const ANSWERS: [Cause; 3] = [Cause::TcpRefused, Cause::TcpReset, Cause::SyslogPortClosed];

/// The picture; empty where nothing was sent by intention or nothing is known.
pub(super) fn hops(fold: &Fold<'_>, is_staff: bool) -> Vec<Hop> {
    if matches!(fold.report.verdict, Verdict::CouldNotTell | Verdict::Refused) {
        return Vec::new();
    }
    let cut = fold.ended.map(|cause| cut(fold.report, cause));
    let places = [Place::Sender, Place::OurGateway, Place::PeerGateway, Place::Network, Place::Server];
    places.into_iter().map(|place| hop(fold, place, cut, is_staff)).collect()
}

fn cut(report: &Report, cause: Cause) -> (Place, &'static str) {
    let known = CUTS.iter().find(|(known, ..)| *known == cause);
    let (place, words) = known.map_or((Place::Server, "Stopped here"), |(_, place, words)| (*place, *words));
    let path = report.path.as_ref();
    let refuser = path.and_then(|path| path.refused_by.as_ref());
    match (cause, refuser) {
        // Whose gateway it was is known only where the address that said so lies on one side.
        (Cause::RouteGatewayNoRoute, Some(by)) if is_ours(&by.address, report) => (Place::OurGateway, words),
        (Cause::RouteGatewayNoRoute, Some(by)) if is_theirs(&by.address, report) => (Place::Network, words),
        (Cause::TunnelLostBeyondEntry, _) if path.is_some_and(echoed) => (Place::Network, words),
        _ => (place, words),
    }
}

fn echoed(path: &PathReport) -> bool {
    path.echo.as_ref().is_some_and(|echo| echo.ms.is_some())
}

fn hop(fold: &Fold<'_>, place: Place, cut: Option<(Place, &'static str)>, is_staff: bool) -> Hop {
    let report = fold.report;
    let path = report.path.as_ref();
    let (tone, words) = match cut {
        Some((at, _)) if at == place && report.verdict == Verdict::Deferred => (Tone::You, "Asks to come again"),
        Some((at, words)) if at == place => (Tone::Failed, words),
        Some((at, _)) if at < place => (Tone::Skipped, "Not reached"),
        Some(_) | None => reached(fold, place),
    };
    let (label, address) = match place {
        Place::Sender => ("Our sender", report.source.clone().filter(|_| is_staff)),
        Place::OurGateway => ("Our gateway", None),
        Place::PeerGateway if is_staff => {
            ("Peer gateway", path.and_then(|path| path.echo.clone()).map(|echo| echo.address))
        }
        Place::PeerGateway => ("Your gateway", path.and_then(|path| path.echo.clone()).map(|echo| echo.address)),
        Place::Network if is_staff => ("Customer network", path.and_then(|path| path.selector.clone())),
        Place::Network => ("Your network", path.and_then(|path| path.selector.clone())),
        Place::Server if is_syslog(report) => ("SYSLOG receiver", Some(report.target.host.clone())),
        Place::Server => ("SMTP server", Some(report.target.host.clone())),
    };
    let mut notes = path.map(|path| notes(path, place)).unwrap_or_default();
    let refuser = path.and_then(|path| path.refused_by.as_ref());
    if let Some(by) = refuser.filter(|_| cut.is_some_and(|(at, _)| at == place)) {
        notes.extend(refused(by, report, is_staff));
    }
    Hop { label: label.to_owned(), address, tag: Tag::new(tone, words), notes }
}

/// What is known of a place that packets were not stopped at.
fn reached(fold: &Fold<'_>, place: Place) -> (Tone, &'static str) {
    let path = fold.report.path.as_ref();
    let back = path.and_then(|path| path.received).is_some_and(|packets| packets > 0);
    let in_the_way = fold.ended.is_some_and(|cause| ANSWERS.contains(&cause));
    let answered = fold.was_answered() || in_the_way;
    let up = path.and_then(|path| path.tunnel.as_ref()).map(|tunnel| tunnel.up);
    match place {
        Place::Sender if fold.was_sent() || answered => (Tone::Done, "Sent"),
        Place::Sender => (Tone::Skipped, "Nothing sent"),
        Place::OurGateway => match (up, answered || back) {
            (Some(true), _) => (Tone::Done, "Tunnel up"),
            (_, true) => (Tone::Done, "Passed"),
            (Some(false), false) => (Tone::You, "Tunnel down"),
            (None, false) => (Tone::Skipped, "Not measured"),
        },
        Place::PeerGateway if path.is_some_and(echoed) => (Tone::Done, "Answers"),
        Place::PeerGateway if answered || back => (Tone::Done, "Passed"),
        Place::PeerGateway => (Tone::Skipped, "Not measured"),
        // A refusal may come from the server or from a firewall in its place.
        Place::Network if in_the_way => (Tone::You, "Passed, or refused here"),
        Place::Network if answered => (Tone::Done, "Passed"),
        Place::Network => (Tone::Skipped, "Not measured"),
        Place::Server if fold.report.verdict == Verdict::Unconfirmed => (Tone::Neutral, "Not confirmed"),
        Place::Server => (Tone::Done, "Answered"),
    }
}

/// What was measured at a place. Nothing stands for what was not.
fn notes(path: &PathReport, place: Place) -> Vec<String> {
    let mut notes = Vec::new();
    match place {
        Place::OurGateway => {
            let tunnel = path.tunnel.as_ref();
            let since = tunnel.filter(|tunnel| tunnel.up).and_then(|tunnel| tunnel.since);
            notes.extend(since.map(|since| format!("Up since {}", instant(since))));
            notes.extend(path.sent.map(|packets| format!("{} in", packets_of(packets))));
            notes.extend(path.received.map(|packets| format!("{} back", packets_of(packets))));
        }
        Place::PeerGateway => notes.extend(path.echo.as_ref().map(|echo| match echo.ms {
            Some(ms) => format!("Echo answered after {}", took(ms)),
            None => "No answer to our echo".to_owned(),
        })),
        Place::Sender | Place::Network | Place::Server => {}
    }
    notes
}

pub(super) fn packets_of(count: u64) -> String {
    if count == 1 { "1 packet".to_owned() } else { format!("{} packets", grouped(count)) }
}

/// Who refused, as far as the reader may know the address.
pub(super) fn refused(by: &RefusedBy, report: &Report, is_staff: bool) -> Option<String> {
    match (is_staff, is_theirs(&by.address, report)) {
        (true, _) => Some(format!("Said by {} (ICMP type {}, code {})", by.address, by.icmp_type, by.icmp_code)),
        (false, true) => Some(format!("Said by {}", by.address)),
        (false, false) => None,
    }
}

/// A text for the customer: addresses that are not the customer's are named by whose they are.
pub(super) fn without_ours(text: &str, report: &Report) -> String {
    let in_address = |letter: char| letter.is_ascii_hexdigit() || matches!(letter, '.' | ':' | '/');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(in_address) {
        let (before, from) = rest.split_at(start);
        let (run, after) = from.split_at(from.find(|letter| !in_address(letter)).unwrap_or(from.len()));
        out.push_str(before);
        out.push_str(&named(run, report));
        rest = after;
    }
    out + rest
}

/// A run of letters of addresses, where it is one of ours, with its port, as the name of whose it is.
fn named(run: &str, report: &Report) -> String {
    let bare = run.trim_end_matches(['.', ':', '/']);
    let address =
        if network(bare).is_some() { bare } else { bare.rsplit_once(':').map_or("", |(address, _port)| address) };
    if network(address).is_none() || is_theirs(address, report) {
        return run.to_owned();
    }
    let name = if report.source.as_deref() == Some(address) { "our alerting IP" } else { "our side" };
    format!("{name}{}", run.strip_prefix(bare).unwrap_or_default())
}

fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn is_ours(address: &str, report: &Report) -> bool {
    let path = report.path.as_ref();
    let local = path.and_then(|path| path.tunnel.as_ref()).map(|tunnel| tunnel.local.as_slice());
    // The kernel hands the packets to this router: it stands before the tunnel.
    let router = path.and_then(|path| path.gateway.as_deref());
    [report.source.as_deref(), router].contains(&Some(address)) || lies_in(address, local.unwrap_or_default())
}

/// An address of the customer: the server, what the tunnel carries on that side, the gateway that was asked for an echo.
fn is_theirs(address: &str, report: &Report) -> bool {
    let path = report.path.as_ref();
    let remote = path.and_then(|path| path.tunnel.as_ref()).map(|tunnel| tunnel.remote.as_slice());
    let selector = path.and_then(|path| path.selector.as_ref()).map(std::slice::from_ref);
    let echo = path.and_then(|path| path.echo.as_ref()).map(|echo| echo.address.as_str());
    address == report.target.host
        || echo == Some(address)
        || lies_in(address, remote.unwrap_or_default())
        || lies_in(address, selector.unwrap_or_default())
}

fn lies_in(address: &str, networks: &[String]) -> bool {
    let Some(address) = network(address) else { return false };
    networks.iter().filter_map(|text| network(text)).any(|known| known.contains(&address))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> Report {
        serde_json::from_value(json!({
            "level": "reach", "verdict": "not_reachable", "stage": "tcp", "cause": "tunnel.lost_beyond_entry",
            "target": {"host": "10.20.4.15", "port": 587, "encryption": "starttls"}, "source": "10.99.0.8",
            "started_at": "2026-11-25T10:00:00Z", "ms": 1, "stages": [], "warnings": [], "addresses": [],
            "recipients": [], "certificate": null, "transcript": [],
            "path": {"selector": "10.20.0.0/16", "tunnel": {"kind": "strongswan", "up": true, "detail": "", "since": null,
                "packets_in": 1, "packets_out": 1, "local": ["10.99.0.0/24"], "remote": ["10.20.0.0/16"]}, "candidates": []},
        }))
        .unwrap()
    }

    #[test]
    fn a_text_for_the_customer_names_no_address_of_ours() {
        let report = report();
        let cases = [
            ("No way back from 10.20.4.15 to 10.99.0.8.", "No way back from 10.20.4.15 to our alerting IP."),
            ("Our gateway (10.99.0.1) forgot 10.99.0.0/24", "Our gateway (our side) forgot our side"),
            ("A filter in 10.20.0.0/16, perhaps", "A filter in 10.20.0.0/16, perhaps"),
            ("198.51.100.7 is nobody's", "our side is nobody's"),
            ("The peer gateway is dead: fd00::1", "The peer gateway is dead: our side"),
            ("[10.99.0.8:25]: a dead face, 10.99.0.8: added", "[our alerting IP]: a dead face, our alerting IP: added"),
            ("src=10.99.0.8", "src=our alerting IP"),
        ];
        for (text, shown) in cases {
            assert_eq!(without_ours(text, &report), shown);
        }
    }

    #[test]
    fn who_refused_is_told_to_the_customer_only_where_it_is_theirs() {
        let by = |address: &str| RefusedBy { address: address.to_owned(), icmp_type: 3, icmp_code: 13 };
        assert_eq!(refused(&by("10.20.0.1"), &report(), false).unwrap(), "Said by 10.20.0.1");
        assert_eq!(refused(&by("10.99.0.1"), &report(), false), None);
        assert_eq!(refused(&by("10.99.0.1"), &report(), true).unwrap(), "Said by 10.99.0.1 (ICMP type 3, code 13)");
    }

    #[test]
    fn a_gateway_without_a_route_is_marked_where_its_address_lies() {
        let mut report = report();
        let at = |report: &Report| cut(report, Cause::RouteGatewayNoRoute).0;
        let by = |report: &mut Report, address: &str| {
            let refused_by = RefusedBy { address: address.to_owned(), icmp_type: 3, icmp_code: 0 };
            report.path.as_mut().unwrap().refused_by = Some(refused_by);
        };
        assert_eq!(at(&report), Place::PeerGateway);
        by(&mut report, "10.99.0.1");
        assert_eq!(at(&report), Place::OurGateway);
        by(&mut report, "10.20.0.1");
        assert_eq!(at(&report), Place::Network);
    }
}
