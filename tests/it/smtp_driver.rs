//! The driver against servers of a few lines on loopback. Ids are rows of tests/corpus/smtp/smtp-cases.tsv.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use chrono::{TimeZone as _, Utc};
use postern::clock::Clock;
use postern::domain::cause::{Cause, WorkflowVerdict};
use postern::domain::mail_settings::{Encryption, MailHost};
use postern::probe::request::Pin;
use postern::probe::watch::Watch;
use postern::probe::{Entered, ProbeRequest, Prober, Resolver};
use postern::secret::Secret;
use postern::smtp::auth::Credentials;
use postern::smtp::report::{Level, Report, Status, Verdict};
use postern::smtp::stage::Stage;
use sha2::{Digest as _, Sha256};

use crate::support::servers::{Act, Identity, Kind, Server, demands_client_certificate, identity, say};

fn request(server: &Server, encryption: Encryption) -> ProbeRequest {
    let host = MailHost::Address(server.address.ip());
    let mut request = ProbeRequest::reach(host, server.address.port(), encryption);
    request.allow = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    request.limits.total = Duration::from_secs(20);
    request
}

async fn run(request: ProbeRequest) -> Report {
    Prober::real(Clock::System).run(request).await
}

fn ended(report: &Report) -> (Stage, Cause) {
    (report.stage.unwrap(), report.cause.unwrap())
}

fn detail(report: &Report) -> String {
    report.stage_report(report.stage.unwrap()).unwrap().detail.clone().unwrap()
}

fn starttls(identity: &Identity) -> Vec<Act> {
    vec![
        say("220 mx ESMTP\r\n"),
        Act::Hear,
        say("250-mx\r\n250 STARTTLS\r\n"),
        Act::Hear,
        say("220 go\r\n"),
        Act::Tls(identity.config.clone()),
        Act::Hear,
        say("250-mx\r\n250 AUTH PLAIN\r\n"),
        Act::Hear,
        say("221 bye\r\n"),
    ]
}

fn implicit(identity: &Identity) -> Vec<Act> {
    vec![
        Act::Tls(identity.config.clone()),
        say("220 mx\r\n"),
        Act::Hear,
        say("250 mx\r\n"),
        Act::Hear,
        say("221 bye\r\n"),
    ]
}

#[tokio::test]
async fn s005_s031_starttls_passes_on_any_port_with_a_known_issuer() {
    let identity = identity(&["127.0.0.1"], Kind::Good);
    let server = Server::start(starttls(&identity)).await;
    let report =
        run(ProbeRequest { ca_pem: Some(identity.ca_pem.clone()), ..request(&server, Encryption::StartTls) }).await;
    assert_eq!((report.verdict, report.cause), (Verdict::Reachable, None), "{report:?}");
    let certificate = report.certificate.as_ref().unwrap();
    assert_eq!((certificate.chain.as_str(), certificate.name.as_str()), ("pass", "pass"));
    assert_eq!(certificate.names, ["127.0.0.1"]);
    assert_eq!(server.heard(), "EHLO [127.0.0.1]\r\nSTARTTLS\r\nEHLO [127.0.0.1]\r\nQUIT\r\n");
    assert_eq!((report.exit_code(), report.workflow_verdict()), (0, WorkflowVerdict::Reachable));
}

#[tokio::test]
async fn implicit_tls_passes_and_the_certificate_stage_comes_before_the_greeting() {
    let identity = identity(&["127.0.0.1"], Kind::Good);
    let server = Server::start(implicit(&identity)).await;
    let report =
        run(ProbeRequest { ca_pem: Some(identity.ca_pem.clone()), ..request(&server, Encryption::ImplicitTls) }).await;
    assert_eq!(report.verdict, Verdict::Reachable, "{report:?}");
    let at = |wanted| report.stages.iter().position(|stage| stage.stage == wanted).unwrap();
    assert!(at(Stage::Cert) < at(Stage::Banner));
    assert!(report.stage_report(Stage::Tls).unwrap().detail.as_ref().unwrap().contains("TLSv1_3"));
}

#[tokio::test]
async fn s001_clear_text_on_implicit_tls_is_named_at_once() {
    let server = Server::start(vec![say("220 mx ESMTP\r\n"), Act::Hold]).await;
    let begun = Instant::now();
    let report = run(request(&server, Encryption::ImplicitTls)).await;
    assert_eq!(ended(&report), (Stage::Tls, Cause::ProtoPlainOnTls));
    assert!(detail(&report).contains("220 mx ESMTP") && begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn s002_a_server_that_waits_for_tls_is_found_by_a_second_connection() {
    let identity = identity(&["127.0.0.1"], Kind::Good);
    let server = Server::start(implicit(&identity)).await;
    let mut request = request(&server, Encryption::StartTls);
    request.limits.set(Stage::Banner, Duration::from_millis(300));
    let report = run(request).await;
    assert_eq!(ended(&report), (Stage::Banner, Cause::ProtoTlsOnPlain));
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn s001_a_slow_greeting_in_clear_text_is_found_by_a_second_connection() {
    let server = Server::start(vec![Act::Pause(Duration::from_millis(600)), say("220 late mx\r\n"), Act::Hold]).await;
    let mut request = request(&server, Encryption::ImplicitTls);
    request.limits.set(Stage::Tls, Duration::from_millis(200));
    let report = run(request).await;
    assert_eq!(ended(&report), (Stage::Tls, Cause::ProtoPlainOnTls));
    assert!(detail(&report).contains("220 late mx"));
}

#[tokio::test]
async fn s085_one_family_that_fails_does_not_stop_the_other() {
    let server =
        Server::start(vec![say("220 mx\r\n"), Act::Hear, say("250 mx\r\n"), Act::Hear, say("221 bye\r\n")]).await;
    let names = BTreeMap::from([("mx.customer.example".to_owned(), vec!["::1".parse().unwrap(), server.address.ip()])]);
    let prober = Prober::Real { clock: Clock::System, resolver: Resolver::Fixed(names), watch: Watch::None };
    let mut request = request(&server, Encryption::None);
    request.host = MailHost::parse("mx.customer.example").unwrap();
    let report = prober.run(request).await;
    assert_eq!((report.verdict, report.warnings.as_slice()), (Verdict::ReachableWithWarnings, &[Cause::TcpPartly][..]));
    assert!(report.addresses[0].cause.is_some() && report.addresses[1].cause.is_none());
}

#[tokio::test]
async fn s086_a_name_with_an_ipv6_address_alone_is_tested_over_it() {
    let acts = vec![say("220 mx\r\n"), Act::Hear, say("250 mx\r\n"), Act::Hear, say("221 bye\r\n")];
    // Containers without IPv6 have no ::1; the address that is judged and reported is IPv6 all the same.
    let loopback = if std::net::TcpListener::bind("[::1]:0").is_ok() { "[::1]:0" } else { "127.0.0.1:0" };
    let server = Server::start_on(loopback.parse().unwrap(), acts).await;
    let address: IpAddr = "fd00:20::25".parse().unwrap();
    let names = BTreeMap::from([("mx.customer.example".to_owned(), vec![address])]);
    let prober = Prober::Real { clock: Clock::System, resolver: Resolver::Fixed(names), watch: Watch::None };
    let host = MailHost::parse("mx.customer.example").unwrap();
    let mut request = ProbeRequest::reach(host, 587, Encryption::None);
    request.dial = BTreeMap::from([((address, 587).into(), server.address)]);
    let report = prober.run(request).await;
    assert_eq!((report.verdict, report.cause), (Verdict::Reachable, None), "{report:?}");
    assert_eq!(report.addresses.iter().map(|row| row.address.as_str()).collect::<Vec<_>>(), ["fd00:20::25"]);
    let greeted = if server.address.is_ipv6() { "EHLO [IPv6:::1]\r\n" } else { "EHLO [127.0.0.1]\r\n" };
    assert!(server.heard().starts_with(greeted), "{}", server.heard());
}

#[tokio::test]
async fn unknown_encryption_is_found_out_and_proposed() {
    let identity = identity(&["127.0.0.1"], Kind::Good);
    let ca_pem = Some(identity.ca_pem.clone());
    let server = Server::start(implicit(&identity)).await;
    let mut unknown = ProbeRequest { ca_pem: ca_pem.clone(), ..request(&server, Encryption::Unknown) };
    unknown.limits.set(Stage::Banner, Duration::from_millis(300));
    let report = run(unknown).await;
    assert_eq!((report.verdict, report.proposal), (Verdict::Reachable, Some(Encryption::ImplicitTls)), "{report:?}");
    let server = Server::start(starttls(&identity)).await;
    let report = run(ProbeRequest { ca_pem, ..request(&server, Encryption::Unknown) }).await;
    assert_eq!((report.verdict, report.proposal), (Verdict::Reachable, Some(Encryption::StartTls)));
    let server = Server::start(vec![say("220 mx\r\n"), Act::Hear, say("250 mx\r\n"), Act::Hold]).await;
    let report = run(request(&server, Encryption::Unknown)).await;
    assert_eq!((report.cause, report.proposal), (Some(Cause::StarttlsNotOffered), Some(Encryption::None)));
}

#[tokio::test]
async fn s003_s054_the_total_holds_against_a_silent_server() {
    let server = Server::start(vec![Act::Hold]).await;
    let mut silent = request(&server, Encryption::StartTls);
    silent.limits.total = Duration::from_secs(1);
    let begun = Instant::now();
    let report = run(silent).await;
    assert!(begun.elapsed() < Duration::from_millis(2500));
    assert_eq!(ended(&report), (Stage::Banner, Cause::ProbeTotalLimit));
    assert_eq!((report.verdict, report.exit_code()), (Verdict::CouldNotTell, 9));
}

#[tokio::test]
async fn s053_a_dripping_server_does_not_stretch_the_limit() {
    let server = Server::start(vec![
        Act::Drip(b"220 slow server that never ends its line".to_vec(), Duration::from_millis(100)),
        Act::Hold,
    ])
    .await;
    let mut dripping = request(&server, Encryption::None);
    dripping.limits.set(Stage::Banner, Duration::from_secs(1));
    dripping.limits.total = Duration::from_secs(2);
    let report = run(dripping).await;
    assert_eq!(ended(&report), (Stage::Banner, Cause::BannerTimeout));
    let banner = report.stage_report(Stage::Banner).unwrap();
    assert!((900..1800).contains(&banner.ms), "{} ms", banner.ms);
    assert_eq!(report.workflow_verdict(), WorkflowVerdict::Timeout);
}

#[tokio::test]
async fn s029_nothing_is_sent_before_the_greeting() {
    let acts = vec![
        Act::Pause(Duration::from_millis(500)),
        say("220 mx\r\n"),
        Act::Hear,
        say("250 mx\r\n"),
        Act::Hear,
        say("221 bye\r\n"),
    ];
    let server = Server::start(acts).await;
    let report = run(request(&server, Encryption::None)).await;
    assert_eq!(report.verdict, Verdict::Reachable);
    let first = report.transcript.first().unwrap();
    assert!(first.text == "220 mx" && first.ms >= 500);
}

#[tokio::test]
async fn s051_an_endless_line_is_cut_at_the_cap() {
    let server = Server::start(vec![say("220 "), Act::Flood(b'a')]).await;
    let begun = Instant::now();
    let report = run(request(&server, Encryption::None)).await;
    assert_eq!(ended(&report), (Stage::Banner, Cause::ReplyTooLong));
    let kept: usize = report.transcript.iter().map(|line| line.text.len()).sum();
    assert!(kept <= 8192 && begun.elapsed() < Duration::from_secs(2), "{kept}");
}

#[tokio::test]
async fn s019_injected_clear_text_stops_the_test_before_the_handshake() {
    let identity = identity(&["127.0.0.1"], Kind::Good);
    let mut acts = starttls(&identity);
    acts[4] = say("220 go\r\n250-evil.injected\r\n250 AUTH LOGIN\r\n");
    let server = Server::start(acts).await;
    let report =
        run(ProbeRequest { ca_pem: Some(identity.ca_pem.clone()), ..request(&server, Encryption::StartTls) }).await;
    assert_eq!(ended(&report), (Stage::Starttls, Cause::StarttlsDataBeforeTls));
}

#[tokio::test]
async fn injected_clear_text_in_a_segment_of_its_own_is_not_taken_for_tls() {
    let identity = identity(&["127.0.0.1"], Kind::Good);
    let mut acts = starttls(&identity);
    acts.splice(5..6, [Act::HearBytes, say("250-evil.injected\r\n250 AUTH LOGIN\r\n"), Act::Hold]);
    let server = Server::start(acts).await;
    let report = run(request(&server, Encryption::StartTls)).await;
    assert_eq!(ended(&report), (Stage::Tls, Cause::TlsPeerStayedClear));
    assert!(detail(&report).contains("250-evil.injected"));
}

async fn certificate(
    names: &[&str],
    kind: Kind,
    change: impl FnOnce(&Identity, &mut ProbeRequest),
) -> (Report, String) {
    let identity = identity(names, kind);
    let server = Server::start(starttls(&identity)).await;
    let mut request = request(&server, Encryption::StartTls);
    request.ca_pem = Some(identity.ca_pem.clone());
    request.credentials = Some(Credentials { account: "u".to_owned(), password: Secret::new("password".to_owned()) });
    request.level = Level::Full;
    change(&identity, &mut request);
    let report = run(request).await;
    (report, server.heard())
}

#[tokio::test]
async fn s074_s083_chain_and_name_are_two_results() {
    let (report, heard) = certificate(&["mail.corp.example"], Kind::Good, |_, _| {}).await;
    assert_eq!(ended(&report), (Stage::Cert, Cause::CertIpNotInNames));
    assert!(detail(&report).contains("mail.corp.example") && !heard.contains("AUTH"), "{heard}");
    let shown = report.certificate.unwrap();
    assert_eq!((shown.chain.as_str(), shown.name.as_str()), ("pass", "cert.ip_not_in_names"));
}

#[tokio::test]
async fn s074_s080_a_tls_server_name_repairs_it_and_is_asked_for() {
    let named = |_: &Identity, request: &mut ProbeRequest| {
        request.tls_name = Some("mail.corp.example".to_owned());
        request.level = Level::Reach;
    };
    let (report, _) = certificate(&["mail.corp.example"], Kind::Good, named).await;
    assert_eq!(report.verdict, Verdict::Reachable, "{report:?}");
    let tls = |report: &Report| report.stage_report(Stage::Tls).unwrap().detail.clone().unwrap();
    assert!(tls(&report).contains("asked for mail.corp.example"), "{}", tls(&report));
    let (report, _) = certificate(&["127.0.0.1"], Kind::Good, |_, request| request.level = Level::Reach).await;
    assert!(tls(&report).contains("no server name was sent"), "{}", tls(&report));
}

#[tokio::test]
async fn s076_a_wrong_name_is_told_with_both_names() {
    let named = |_: &Identity, request: &mut ProbeRequest| request.tls_name = Some("postfix.corp.example".to_owned());
    let (report, _) = certificate(&["mail.example.org"], Kind::Good, named).await;
    assert_eq!(ended(&report), (Stage::Cert, Cause::CertNameMismatch));
    assert_eq!(detail(&report), "expected postfix.corp.example; found mail.example.org");
}

#[tokio::test]
async fn s075_s078_self_signed_certificates_are_called_so() {
    for kind in [Kind::SelfSigned, Kind::SelfSignedAuthority] {
        let (report, heard) = certificate(&["127.0.0.1"], kind, |_, request| request.ca_pem = None).await;
        assert_eq!(ended(&report), (Stage::Cert, Cause::CertSelfSigned));
        assert!(report.certificate.unwrap().sha256.len() == 64 && !heard.contains("AUTH"));
    }
}

#[tokio::test]
async fn a_pinned_certificate_is_accepted_and_another_one_is_not() {
    let pin = |identity: &Identity, request: &mut ProbeRequest| {
        request.ca_pem = None;
        request.level = Level::Reach;
        request.pin = Some(Pin(Sha256::digest(&identity.certificate).into()));
    };
    let (report, _) = certificate(&["other.example"], Kind::SelfSigned, pin).await;
    assert_eq!(report.verdict, Verdict::Reachable, "{report:?}");
    assert_eq!(report.certificate.unwrap().chain, "pinned");
    let (report, _) = certificate(&["127.0.0.1"], Kind::Good, |_, request| request.pin = Some(Pin([7; 32]))).await;
    assert_eq!(ended(&report), (Stage::Cert, Cause::CertPinMismatch));
}

#[tokio::test]
async fn s081_dates_are_judged() {
    let (report, _) = certificate(&["127.0.0.1"], Kind::Expired, |_, _| {}).await;
    assert_eq!(ended(&report), (Stage::Cert, Cause::CertExpired));
    assert!(detail(&report).contains("2020-01-02 00:00 UTC"));
    let (report, _) = certificate(&["127.0.0.1"], Kind::NotYet, |_, _| {}).await;
    assert_eq!(ended(&report), (Stage::Cert, Cause::CertNotYetValid));
}

#[tokio::test]
async fn s081_a_certificate_warns_21_days_before_it_expires() {
    let identity = identity(&["127.0.0.1"], Kind::Soon);
    // It expires on 10 January 2030.
    for (day, warns) in [(19, false), (21, true)] {
        let day = Utc.with_ymd_and_hms(2029, 12, day, 0, 0, 0).unwrap();
        let server = Server::start(starttls(&identity)).await;
        let request = ProbeRequest { ca_pem: Some(identity.ca_pem.clone()), ..request(&server, Encryption::StartTls) };
        let report = Prober::real(Clock::manual(day)).run(request).await;
        assert_eq!(report.warnings.contains(&Cause::CertExpiresSoon), warns, "{day}");
    }
}

#[tokio::test]
async fn s084_an_unknown_issuer_is_named() {
    let (report, _) = certificate(&["127.0.0.1"], Kind::Good, |_, request| request.ca_pem = None).await;
    assert_eq!(ended(&report), (Stage::Cert, Cause::CertUnknownIssuer));
    assert!(detail(&report).contains("Test authority") && detail(&report).contains("no intermediate"));
}

#[tokio::test]
async fn s015_s016_old_versions_and_weak_parameters_are_told_apart() {
    for (alert, cause) in [(70, Cause::TlsVersionTooOld), (40, Cause::TlsNoCommonParameters)] {
        let acts = vec![
            say("220 mx\r\n"),
            Act::Hear,
            say("250-mx\r\n250 STARTTLS\r\n"),
            Act::Hear,
            say("220 go\r\n"),
            Act::HearBytes,
            Act::Say(vec![21, 3, 1, 0, 2, 2, alert]),
            Act::Hold,
        ];
        let server = Server::start(acts).await;
        let report = run(request(&server, Encryption::StartTls)).await;
        assert_eq!(ended(&report), (Stage::Tls, cause), "{report:?}");
    }
}

#[tokio::test]
async fn a_server_that_demands_a_client_certificate_is_named() {
    let identity = identity(&["127.0.0.1"], Kind::Good);
    let demanding = Act::Tls(demands_client_certificate(&identity));
    let mut acts = starttls(&identity);
    acts[5] = demanding;
    let server = Server::start(acts).await;
    let report =
        run(ProbeRequest { ca_pem: Some(identity.ca_pem.clone()), ..request(&server, Encryption::StartTls) }).await;
    assert_eq!(report.cause, Some(Cause::TlsClientCertWanted), "{report:#?}");
    assert_eq!(report.workflow_verdict(), WorkflowVerdict::TlsFailure);
}

#[tokio::test]
async fn s055_name_servers_that_stay_silent_end_in_their_own_limit() {
    let names = BTreeMap::from([("mx.customer.example".to_owned(), Vec::new())]);
    let prober = Prober::Real { clock: Clock::System, resolver: Resolver::Fixed(names), watch: Watch::None };
    let host = MailHost::parse("mx.customer.example").unwrap();
    let mut request = ProbeRequest::reach(host, 587, Encryption::StartTls);
    request.limits.set(Stage::Resolve, Duration::from_millis(200));
    let report = prober.run(request).await;
    assert_eq!(ended(&report), (Stage::Resolve, Cause::DnsTimeout));
    assert_eq!(report.workflow_verdict(), WorkflowVerdict::DnsFailure);
}

#[tokio::test]
async fn s089_no_answer_to_a_connection_attempt_is_no_refusal() {
    let (address, _held) = deaf();
    let mut request = ProbeRequest::reach(MailHost::Address(address.ip()), address.port(), Encryption::StartTls);
    request.allow = vec!["127.0.0.0/8".parse().unwrap()];
    request.limits.set(Stage::Tcp, Duration::from_millis(300));
    let report = run(request).await;
    assert_eq!(ended(&report), (Stage::Tcp, Cause::TcpTimeout));
    assert_eq!((report.verdict, report.workflow_verdict()), (Verdict::NotReachable, WorkflowVerdict::Timeout));
}

/// A listener whose queue is full: the kernel drops every further attempt, as a firewall would.
fn deaf() -> (std::net::SocketAddr, Vec<socket2::Socket>) {
    let socket = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let listener = socket();
    listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut held = vec![listener];
    loop {
        let filler = socket();
        let connected = filler.connect_timeout(&address.into(), Duration::from_millis(200));
        held.push(filler);
        if connected.is_err() {
            return (address, held);
        }
        assert!(held.len() < 100, "the queue never fills");
    }
}

#[tokio::test]
async fn s026_a_name_is_tested_address_by_address() {
    let works = vec![say("220 mx\r\n"), Act::Hear, say("250 mx\r\n"), Act::Hear, say("221 bye\r\n")];
    let good = Server::start(works).await;
    let silent = Server::start_on((IpAddr::from([127, 0, 0, 2]), good.address.port()).into(), vec![Act::Hold]).await;
    let names = BTreeMap::from([("mx.customer.example".to_owned(), vec![silent.address.ip(), good.address.ip()])]);
    let prober = Prober::Real { clock: Clock::System, resolver: Resolver::Fixed(names), watch: Watch::None };
    let mut request = request(&good, Encryption::None);
    request.host = MailHost::parse("mx.customer.example").unwrap();
    request.limits.set(Stage::Banner, Duration::from_millis(300));
    request.limits.total = Duration::from_secs(2);
    let report = prober.run(request.clone()).await;
    assert_eq!((report.verdict, report.cause), (Verdict::ReachableWithWarnings, None));
    assert_eq!(report.warnings, [Cause::TcpPartly]);
    let rows: Vec<_> = report.addresses.iter().map(|row| (row.address.as_str(), row.cause)).collect();
    assert_eq!(rows, [("127.0.0.2", Some(Cause::BannerTimeout)), ("127.0.0.1", None)]);
    request.host = MailHost::parse("nobody.customer.example").unwrap();
    let report = prober.run(request).await;
    assert_eq!(ended(&report), (Stage::Resolve, Cause::DnsNxdomain));
    assert_eq!(report.workflow_verdict(), WorkflowVerdict::DnsFailure);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_however_many_addresses_a_name_has() {
    let identity = identity(&["mx.customer.example"], Kind::Good);
    let mut acts = starttls(&identity);
    acts.splice(9.., [say("535 5.7.8 no\r\n"), Act::Hear, say("221 bye\r\n")]);
    let first = Server::start(acts.clone()).await;
    let second = Server::start_on((IpAddr::from([127, 0, 0, 2]), first.address.port()).into(), acts).await;
    let names = BTreeMap::from([("mx.customer.example".to_owned(), vec![first.address.ip(), second.address.ip()])]);
    let prober = Prober::Real { clock: Clock::System, resolver: Resolver::Fixed(names), watch: Watch::None };
    let mut request = request(&first, Encryption::StartTls);
    request.host = MailHost::parse("mx.customer.example").unwrap();
    request.ca_pem = Some(identity.ca_pem.clone());
    request.level = Level::Full;
    request.credentials = Some(Credentials { account: "u".to_owned(), password: Secret::new("password".to_owned()) });
    let report = prober.run(request).await;
    assert_eq!(ended(&report), (Stage::Auth, Cause::AuthBadCredentials), "{report:?}");
    let both = format!("{}{}", first.heard(), second.heard());
    assert_eq!(both.matches("AUTH").count(), 1);
}

#[tokio::test]
async fn s091_a_missing_alerting_ip_is_our_fault_and_nothing_is_sent() {
    let server = Server::start(vec![say("220 mx\r\n"), Act::Hold]).await;
    let report =
        run(ProbeRequest { source: Some("192.0.2.77".parse().unwrap()), ..request(&server, Encryption::None) }).await;
    assert_eq!(ended(&report), (Stage::Route, Cause::RouteSourceMissing));
    assert_eq!((report.verdict, server.connections()), (Verdict::CouldNotTell, 0));
}

#[tokio::test]
async fn the_alerting_ip_is_the_address_that_the_server_sees() {
    let server =
        Server::start(vec![say("220 mx\r\n"), Act::Hear, say("250 mx\r\n"), Act::Hear, say("221 bye\r\n")]).await;
    let report =
        run(ProbeRequest { source: Some("127.0.0.9".parse().unwrap()), ..request(&server, Encryption::None) }).await;
    assert_eq!((report.verdict, report.source.as_deref()), (Verdict::Reachable, Some("127.0.0.9")));
    assert!(server.heard().starts_with("EHLO [127.0.0.9]\r\n"));
}

#[tokio::test]
async fn s092_the_port_is_never_replaced() {
    let server = Server::start(vec![say("554 no\r\n"), Act::Hold]).await;
    let report = run(request(&server, Encryption::StartTls)).await;
    assert_eq!((report.target.port, report.cause), (server.address.port(), Some(Cause::BannerRejected)));
    assert_eq!(server.connections(), 1, "exactly this port was dialed");
    let closed = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let mut request = ProbeRequest::reach(MailHost::Address(closed.ip()), closed.port(), Encryption::StartTls);
    request.allow = vec!["127.0.0.0/8".parse().unwrap()];
    let report = run(request).await;
    assert_eq!(ended(&report), (Stage::Tcp, Cause::TcpRefused));
    assert_eq!((report.exit_code(), report.workflow_verdict()), (3, WorkflowVerdict::Refused));
}

#[tokio::test]
async fn s093_a_forbidden_target_is_refused_before_any_socket() {
    let server = Server::start(vec![say("220 mx\r\n"), Act::Hold]).await;
    let report = run(ProbeRequest { allow: Vec::new(), ..request(&server, Encryption::None) }).await;
    assert_eq!(ended(&report), (Stage::Policy, Cause::PolicyTargetForbidden));
    assert_eq!((report.verdict, report.exit_code(), server.connections()), (Verdict::Refused, 6, 0));
    for target in ["169.254.169.254", "::1", "0.0.0.0"] {
        let host = MailHost::Address(target.parse().unwrap());
        let report = run(ProbeRequest::reach(host, 22, Encryption::None)).await;
        assert_eq!(report.cause, Some(Cause::PolicyTargetForbidden), "{target}");
    }
}

#[tokio::test]
async fn a_name_that_leads_to_a_forbidden_address_is_refused_after_the_look_up() {
    let server = Server::start(vec![Act::Hold]).await;
    let names =
        BTreeMap::from([("mx.customer.example".to_owned(), vec!["10.1.0.1".parse().unwrap(), server.address.ip()])]);
    let prober = Prober::Real { clock: Clock::System, resolver: Resolver::Fixed(names), watch: Watch::None };
    let host = MailHost::parse("mx.customer.example").unwrap();
    let report = prober.run(ProbeRequest::reach(host, server.address.port(), Encryption::None)).await;
    assert_eq!((ended(&report), server.connections()), ((Stage::Policy, Cause::PolicyTargetForbidden), 0));
}

#[tokio::test]
async fn the_map_of_a_lab_is_used_after_policy_has_judged_the_address() {
    let server =
        Server::start(vec![say("220 mx\r\n"), Act::Hear, say("250 mx\r\n"), Act::Hear, say("221 bye\r\n")]).await;
    let mapped = |target: &str| {
        let target: std::net::SocketAddr = target.parse().unwrap();
        let mut request = ProbeRequest::reach(MailHost::Address(target.ip()), target.port(), Encryption::None);
        request.dial = BTreeMap::from([(target, server.address)]);
        request
    };
    let report = run(mapped("10.20.4.15:587")).await;
    assert_eq!((report.verdict, report.target.host.as_str()), (Verdict::Reachable, "10.20.4.15"));
    let report = run(mapped("127.0.0.1:587")).await;
    assert_eq!(report.cause, Some(Cause::PolicyTargetForbidden));
}

#[tokio::test]
async fn s114_a_refused_form_is_a_report_too() {
    let entered = Entered {
        host: "mail.example.com:587".into(),
        port: "587".into(),
        encryption: "none".into(),
        ..Entered::default()
    };
    let fault = entered.parse().unwrap_err();
    let target = postern::smtp::report::Target { host: "x".into(), port: 587, encryption: Encryption::None };
    let report = postern::probe::refused_form(&Clock::System, target, Level::Reach, Stage::ALL, &fault);
    assert_eq!((report.verdict, report.exit_code(), report.cause), (Verdict::Refused, 2, Some(Cause::FormHostHasPort)));
    let again: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(again, report);
}

#[tokio::test]
async fn s120_a_scripted_prober_answers_in_order_and_then_did_not_run() {
    let script = postern::probe::Script::new(Clock::System, [None, Some(Cause::TcpTimeout)]);
    let prober = Prober::Scripted(script.clone());
    let request = ProbeRequest::reach(MailHost::parse("10.20.4.15").unwrap(), 587, Encryption::StartTls);
    assert!(prober.run(request.clone()).await.passed());
    assert_eq!(prober.run(request.clone()).await.cause, Some(Cause::TcpTimeout));
    let last = prober.run(request).await;
    assert_eq!((last.cause, last.verdict), (Some(Cause::ProbeNotRun), Verdict::CouldNotTell));
    assert_eq!(script.asked().len(), 3);
    assert!(last.stages.iter().all(|stage| stage.status != Status::Pass));
}
