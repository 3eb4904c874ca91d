//! Where tests may go: the policy against a naive check that shares no code with it, and the prober against names that
//! change.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use postern::clock::Clock;
use postern::domain::address::Class;
use postern::domain::cause::Cause;
use postern::domain::mail_settings::{Encryption, MailHost};
use postern::probe::policy::{Facts, Grant, decide};
use postern::probe::resolve::Answers;
use postern::probe::watch::Watch;
use postern::probe::{ProbeRequest, Prober, Resolver};
use postern::smtp::report::{Status, Verdict};
use postern::smtp::stage::Stage;

use crate::address_oracle::{Random, Row, address, naive, number, rows, width};
use crate::support::servers::{Act, Server, say};

/// Networks of a routing domain as numbers, so that the naive check needs no library: family, base, length.
type Network = (bool, u128, u32);

const OWN: [&str; 3] = ["10.99.0.0/24", "198.51.100.1/32", "fd99::/64"];
const OTHERS: [&str; 3] = ["10.20.0.0/16", "172.16.8.0/21", "fd20::/48"];
const CARRIED: [&str; 3] = ["10.0.0.0/8", "100.64.0.0/11", "fc00::/7"];
/// Amazon, Google, Azure, Alibaba; the other metadata addresses are link-local.
const METADATA: [&str; 5] = ["fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "168.63.129.16", "100.100.100.200"];

fn as_networks(list: &[&str]) -> Vec<IpNet> {
    list.iter().map(|network| network.parse().unwrap()).collect()
}

fn as_numbers(list: &[&str]) -> Vec<Network> {
    let parts = list.iter().map(|network| network.split_once('/').unwrap());
    parts
        .map(|(base, length)| {
            let (six, bits) = number(base.parse().unwrap());
            (six, bits, length.parse().unwrap())
        })
        .collect()
}

fn inside(networks: &[Network], six: bool, bits: u128) -> bool {
    networks.iter().filter(|(other, _, _)| *other == six).any(|(_, base, length)| {
        let shift = width(six) - length;
        bits >> shift == base >> shift
    })
}

/// The naive check, with everything it needs made ready once.
struct Oracle {
    rows: Vec<Row>,
    own: Vec<Network>,
    others: Vec<Network>,
    carried: Vec<Network>,
    metadata: Vec<(bool, u128)>,
}

/// One question.
struct Target {
    address: IpAddr,
    port: u16,
    approved: Option<(IpAddr, u16)>,
    has_reason: bool,
}

impl Oracle {
    fn new() -> Self {
        Self {
            rows: rows(),
            own: as_numbers(&OWN),
            others: as_numbers(&OTHERS),
            carried: as_numbers(&CARRIED),
            metadata: METADATA.iter().map(|text| number(text.parse().unwrap())).collect(),
        }
    }

    fn forbids(&self, target: &Target) -> bool {
        let (six, bits) = number(target.address);
        let mapped = six && bits >> 32 == 0xffff;
        let (six, bits) = if mapped { (false, bits & 0xffff_ffff) } else { (six, bits) };
        let port_is_fine = matches!(target.port, 25 | 465 | 587 | 2525 | 514 | 601 | 6514) || target.has_reason;
        let class_is_fine = match naive(&self.rows, six, bits).class {
            Class::Private | Class::Public => true,
            Class::Shared => inside(&self.carried, six, bits),
            Class::Rejected => false,
        };
        target.approved != Some((target.address, target.port))
            || !port_is_fine
            || !class_is_fine
            || inside(&self.own, six, bits)
            || inside(&self.others, six, bits)
            || self.metadata.contains(&(six, bits))
    }
}

/// What stands in for the socket call: it counts, and it knows what must never reach it.
struct Connector {
    oracle: Oracle,
    calls: u32,
    forbidden: Vec<(IpAddr, u16)>,
}

impl Connector {
    fn connect(&mut self, target: &Target) {
        self.calls += 1;
        if self.oracle.forbids(target) {
            self.forbidden.push((target.address, target.port));
        }
    }
}

/// A target near what matters: the registry's rows, the networks of the domain, the metadata addresses.
fn target(random: &mut Random, oracle: &Oracle) -> Target {
    let (six, bits) = match random.below(4) {
        0 => {
            let lists = [&oracle.own, &oracle.others, &oracle.carried];
            let networks = lists[random.below(lists.len())];
            let (six, base, length) = networks[random.below(networks.len())];
            let host = width(six) - length;
            let near = u128::from(random.narrow()) & if host >= 32 { 0xffff_ffff } else { (1 << (host + 1)) - 1 };
            let bits = base.wrapping_add(near);
            (six, if six { bits } else { bits & 0xffff_ffff })
        }
        1 if random.below(8) == 0 => oracle.metadata[random.below(oracle.metadata.len())],
        _ => random.address(&oracle.rows),
    };
    // Some IPv4 addresses come in the clothes of IPv6.
    let (six, bits) = if !six && random.below(8) == 0 { (true, (0xffff << 32) | bits) } else { (six, bits) };
    let address = address(six, bits);
    let port = match random.below(4) {
        0 => u16::try_from(random.narrow() >> 16).unwrap(),
        _ => [25, 465, 587, 2525, 514, 601, 6514, 22][random.below(8)],
    };
    let approved = match random.below(16) {
        0 => None,
        1 => Some((address, port ^ 1)),
        2 => Some(("10.1.2.3".parse().unwrap(), port)),
        _ => Some((address, port)),
    };
    Target { address, port, approved, has_reason: random.below(4) == 0 }
}

#[test]
fn a_million_targets_and_none_that_is_forbidden_reaches_the_connector() {
    let own = as_networks(&OWN);
    let mut grant = Grant { carried: as_networks(&CARRIED), others: as_networks(&OTHERS), ..Grant::default() };
    let mut connector = Connector { oracle: Oracle::new(), calls: 0, forbidden: Vec::new() };
    let mut random = Random(20_261_127);
    let mut refused = 0;
    for _ in 0..1_000_000 {
        let target = target(&mut random, &connector.oracle);
        grant.approved = target.approved;
        grant.has_port_reason = target.has_reason;
        let (address, port) = (target.address, target.port);
        match decide(&Facts { address, port, own: &own, allow: &[], grant: Some(&grant) }) {
            Ok(_) => connector.connect(&target),
            Err(refusal) => {
                refused += 1;
                assert!(connector.oracle.forbids(&target), "{address} port {port} is refused for nothing: {refusal}");
            }
        }
    }
    assert_eq!(connector.forbidden, [], "these would have been connected to");
    // Both answers come often, so that agreement means something.
    assert!(connector.calls > 50_000 && refused > 500_000, "{} allowed, {refused} refused", connector.calls);
}

#[tokio::test]
async fn whatever_listens_there_a_refusal_reads_the_same_and_opens_nothing() {
    let server = Server::start(vec![say("220 mx ESMTP\r\n"), Act::Hold]).await;
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let ask = async |port: u16| {
        let mut request = ProbeRequest::reach(MailHost::Address("127.0.0.1".parse().unwrap()), port, Encryption::None);
        let target = ("127.0.0.1".parse().unwrap(), port);
        request.grant = Some(Grant { approved: Some(target), has_port_reason: true, ..Grant::default() });
        let report = Prober::real(Clock::System).run(request).await;
        assert_eq!((report.verdict, report.cause), (Verdict::Refused, Some(Cause::PolicyTargetForbidden)));
        let stage = |wanted| report.stage_report(wanted).unwrap().clone();
        assert_eq!((stage(Stage::Route).status, stage(Stage::Tcp).status), (Status::NotRun, Status::NotRun));
        (stage(Stage::Policy).detail, report.ms)
    };
    let (open, open_ms) = ask(server.address.port()).await;
    let (closed, closed_ms) = ask(held.local_addr().unwrap().port()).await;
    assert_eq!(open, closed);
    assert!(open_ms < 100 && closed_ms < 100, "{open_ms} ms, {closed_ms} ms");
    assert_eq!(server.connections(), 0);
}

/// A name whose first answer is a mail server and whose second is this machine.
#[tokio::test]
async fn a_name_that_changes_its_answer_never_leads_to_loopback() {
    let mail = Server::start(vec![Act::Hold]).await;
    let inside = Server::start(vec![say("220 secret\r\n"), Act::Hold]).await;
    let public: SocketAddr = SocketAddr::new("9.9.9.9".parse().unwrap(), inside.address.port());
    let answers = Answers::new([vec![public.ip()], vec![inside.address.ip()]]);
    let prober =
        Prober::Real { clock: Clock::System, resolver: Resolver::Scripted(answers.clone()), watch: Watch::None };
    // The encryption is unknown and the server silent, so that the test connects several times: each time to the address
    // that was judged.
    let host = MailHost::parse("rebinding.example").unwrap();
    let mut request = ProbeRequest::reach(host, public.port(), Encryption::Unknown);
    request.dial = BTreeMap::from([(public, mail.address)]);
    request.limits.set(Stage::Banner, std::time::Duration::from_millis(200));
    request.limits.total = std::time::Duration::from_secs(2);
    let report = prober.run(request.clone()).await;
    assert_eq!(report.addresses[0].address, "9.9.9.9", "{report:?}");
    assert!(mail.connections() >= 2, "{} connections", mail.connections());
    assert_eq!((inside.connections(), answers.left()), (0, 1), "the name was looked up once");
    // The next test looks it up again, and is refused.
    let report = prober.run(request).await;
    assert_eq!(report.cause, Some(Cause::PolicyTargetForbidden));
    assert_eq!((inside.connections(), answers.left()), (0, 0));
}
