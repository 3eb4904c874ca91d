//! The SYSLOG test against receivers on loopback: what arrives there, byte for byte, and what is said about it.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use postern::clock::Clock;
use postern::domain::cause::{Cause, Owner, WorkflowVerdict};
use postern::domain::syslog::TestLine;
use postern::probe::{Entered, ProbeRequest, Prober, SyslogEntered};
use postern::smtp::report::{Report, Status, Verdict};
use postern::smtp::stage::Stage;
use tokio::net::{TcpListener, UdpSocket};

use crate::support::servers::{Act, Identity, Kind, Server, identity, say};

const TEST_ID: &str = "0123456789abcdef0123456789abcdef";

fn line() -> String {
    TestLine { at: "2026-01-09T09:24:42Z".parse().unwrap(), host: "10.99.0.8", test_id: TEST_ID }.build()
}

fn request(receiver: SocketAddr, transport: &str, framing: Option<&str>) -> ProbeRequest {
    let common = Entered {
        host: receiver.ip().to_string(),
        port: receiver.port().to_string(),
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        total: Some("20".to_owned()),
        ..Entered::default()
    };
    let entered = SyslogEntered { common, transport: transport.to_owned(), framing: framing.map(str::to_owned) };
    entered.parse(line(), TEST_ID.to_owned()).unwrap()
}

async fn run(request: ProbeRequest) -> Report {
    Prober::real(Clock::System).run(request).await
}

fn ended(report: &Report) -> (Stage, Cause) {
    (report.stage.unwrap(), report.cause.unwrap())
}

fn receiver(identity: &Identity) -> Vec<Act> {
    vec![Act::Tls(identity.config.clone()), Act::HearBytes, Act::Hold]
}

/// A port of loopback where nothing listens for as long as the socket is kept: bound, and for UDP connected elsewhere, so
/// that the kernel answers a stranger's datagram with "port unreachable".
async fn closed_udp_port() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    socket.connect((Ipv4Addr::LOCALHOST, 9)).await.unwrap();
    (socket, address)
}

#[tokio::test]
async fn udp_delivers_exactly_the_line_twice_and_cannot_confirm_it() {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let report = run(request(receiver.local_addr().unwrap(), "udp", None)).await;
    let mut heard = Vec::new();
    let mut buffer = [0; 2048];
    while let Ok((count, _)) = receiver.try_recv_from(&mut buffer) {
        heard.push(String::from_utf8(buffer[..count].to_vec()).unwrap());
    }
    assert_eq!(heard, [line(), line()]);
    assert_eq!((report.verdict, report.exit_code()), (Verdict::Unconfirmed, 0));
    assert_eq!(ended(&report), (Stage::SyslogUdp, Cause::SyslogUnconfirmed));
    assert_eq!(report.workflow_verdict(), WorkflowVerdict::Reachable);
    assert!(!report.passed() && report.warnings.is_empty());
    let last = report.stages.last().unwrap();
    assert_eq!((last.stage, last.status, report.test_id.as_deref()), (Stage::SyslogUdp, Status::Warn, Some(TEST_ID)));
    assert!(last.detail.as_ref().unwrap().contains(TEST_ID));
    assert_eq!(Cause::SyslogUnconfirmed.entry().owner, Owner::Customer);
    assert_eq!(report.transcript.len(), 2);
}

#[tokio::test]
async fn udp_hears_that_a_port_is_closed_at_once() {
    let (_held, address) = closed_udp_port().await;
    let begun = Instant::now();
    let report = run(request(address, "udp", None)).await;
    assert_eq!(ended(&report), (Stage::SyslogUdp, Cause::SyslogPortClosed), "{report:?}");
    assert_eq!((report.verdict, report.exit_code()), (Verdict::NotReachable, 3));
    assert_eq!(report.workflow_verdict(), WorkflowVerdict::Refused);
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn udp_keeps_to_the_total_and_to_the_alerting_ip() {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut short = request(receiver.local_addr().unwrap(), "udp", None);
    short.limits.total = Duration::from_millis(200);
    short.source = Some("127.0.0.9".parse().unwrap());
    let begun = Instant::now();
    let report = run(short).await;
    assert!(begun.elapsed() < Duration::from_millis(700), "{:?}", begun.elapsed());
    let (_, sender) = receiver.try_recv_from(&mut [0; 2048]).unwrap();
    assert_eq!((sender.ip().to_string().as_str(), report.source.as_deref()), ("127.0.0.9", Some("127.0.0.9")));
    let absent = ProbeRequest { source: Some("192.0.2.77".parse().unwrap()), ..request(sender, "udp", None) };
    assert_eq!(ended(&run(absent).await), (Stage::Route, Cause::RouteSourceMissing));
}

#[tokio::test]
async fn tcp_delivers_the_line_in_either_framing() {
    let counted = format!("{} {}", line().len(), line());
    for (framing, expected) in [("octet_counting", counted), ("lf", format!("{}\n", line()))] {
        let server = Server::start(vec![Act::HearBytes, Act::Hold]).await;
        let report = run(request(server.address, "tcp", Some(framing))).await;
        assert_eq!((report.verdict, report.cause), (Verdict::Reachable, None), "{report:?}");
        assert_eq!(server.heard(), expected);
        let stages: Vec<Stage> = report.stages.iter().map(|stage| stage.stage).collect();
        assert_eq!(stages[4..], [Stage::Route, Stage::Tcp, Stage::SyslogTcp]);
        assert_eq!((report.test_id.as_deref(), server.connections()), (Some(TEST_ID), 1));
        let again: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_eq!(again, report);
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_up_has_not_let_us_in() {
    for acts in [vec![], vec![Act::HearBytes], vec![say("who are you\n")]] {
        let server = Server::start(acts).await;
        let report = run(request(server.address, "tcp", None)).await;
        assert_eq!(ended(&report), (Stage::SyslogTcp, Cause::SyslogClosed), "{report:?}");
        assert_eq!((report.exit_code(), report.workflow_verdict()), (3, WorkflowVerdict::NotAllowed));
    }
}

#[tokio::test]
async fn a_closed_tcp_port_is_called_so_for_syslog() {
    // Bound and not listening: the kernel refuses, and nobody else can take the port meanwhile.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let report = run(request(held.local_addr().unwrap(), "tcp", None)).await;
    assert_eq!(ended(&report), (Stage::Tcp, Cause::SyslogPortClosed));
    assert!(report.stage_report(Stage::Tcp).unwrap().detail.as_ref().unwrap().contains("refused"));
    assert_eq!(report.test_id, None, "nothing was sent that could be searched for");
}

#[tokio::test]
async fn tls_delivers_the_line_inside_a_certificate_of_the_customers_own_authority() {
    let identity = identity(&["127.0.0.1"], Kind::Good);
    let server = Server::start(receiver(&identity)).await;
    let trusted = ProbeRequest { ca_pem: Some(identity.ca_pem.clone()), ..request(server.address, "tls", None) };
    let report = run(trusted).await;
    assert_eq!((report.verdict, report.cause), (Verdict::Reachable, None), "{report:?}");
    assert_eq!(server.heard(), format!("{} {}", line().len(), line()));
    let certificate = report.certificate.as_ref().unwrap();
    assert_eq!((certificate.chain.as_str(), certificate.name.as_str()), ("pass", "pass"));
    let passed: Vec<&str> =
        report.stages.iter().filter(|stage| stage.status == Status::Pass).map(|stage| stage.stage.as_str()).collect();
    assert_eq!(passed[passed.len() - 4..], ["tcp", "tls", "cert", "syslog_tls"]);
}

#[tokio::test]
async fn nothing_is_sent_to_a_receiver_with_the_wrong_certificate() {
    let wrong_name = |request: &mut ProbeRequest, identity: &Identity| {
        request.ca_pem = Some(identity.ca_pem.clone());
        request.tls_name = Some("siem.corp.example".to_owned());
    };
    let unknown = |_: &mut ProbeRequest, _: &Identity| {};
    type Change = fn(&mut ProbeRequest, &Identity);
    for (change, cause) in
        [(wrong_name as Change, Cause::CertNameMismatch), (unknown as Change, Cause::CertUnknownIssuer)]
    {
        let identity = identity(&["127.0.0.1"], Kind::Good);
        let server = Server::start(receiver(&identity)).await;
        let mut request = request(server.address, "tls", None);
        change(&mut request, &identity);
        let report = run(request).await;
        assert_eq!(ended(&report), (Stage::Cert, cause));
        assert_eq!((server.heard().as_str(), report.test_id.as_deref()), ("", None));
        assert_eq!(report.stages.last().unwrap().status, Status::NotRun);
    }
}

#[tokio::test]
async fn tls_to_a_receiver_that_speaks_none_ends_in_time() {
    let server = Server::start(vec![Act::Hold]).await;
    let mut silent = request(server.address, "tls", None);
    silent.limits.set(Stage::Tls, Duration::from_millis(300));
    assert_eq!(ended(&run(silent.clone()).await), (Stage::Tls, Cause::TlsTimeout));
    silent.limits.total = Duration::from_millis(300);
    assert_eq!(ended(&run(silent).await), (Stage::Tls, Cause::ProbeTotalLimit));
}

#[tokio::test]
async fn a_receiver_that_takes_nothing_is_not_waited_for() {
    // Accepts by the kernel and never reads: the message fits into the buffers, so the connection stays open and passes;
    // that is what "the transport took it" means, and the test id is what tells.
    let deaf = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let begun = Instant::now();
    let report = run(request(deaf.local_addr().unwrap(), "tcp", None)).await;
    assert_eq!(report.verdict, Verdict::Reachable);
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(report.stages.last().unwrap().detail.as_ref().unwrap().contains("search the receiver"));
}

#[tokio::test]
async fn policy_comes_before_any_packet_and_until_stops_where_it_says() {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = receiver.local_addr().unwrap();
    let forbidden = ProbeRequest { allow: Vec::new(), ..request(address, "udp", None) };
    let report = run(forbidden).await;
    assert_eq!((ended(&report), report.exit_code()), ((Stage::Policy, Cause::PolicyTargetForbidden), 6));
    let report = run(ProbeRequest { until: Some(Stage::Route), ..request(address, "udp", None) }).await;
    assert_eq!((report.verdict, report.test_id), (Verdict::Reachable, None));
    assert!(receiver.try_recv_from(&mut [0; 64]).is_err());
    let server = Server::start(vec![Act::HearBytes, Act::Hold]).await;
    let report = run(ProbeRequest { until: Some(Stage::Tcp), ..request(server.address, "tcp", None) }).await;
    assert_eq!((report.verdict, server.heard().as_str()), (Verdict::Reachable, ""));
}

/// The command in a process of its own.
async fn command(arguments: &[&str]) -> (i32, String) {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let output = tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_postern")).args(["probe", "syslog"]).args(arguments).output().unwrap()
    });
    let output = output.await.unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_prints_the_test_id_that_the_receiver_got() {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = receiver.local_addr().unwrap().port().to_string();
    let base = ["--host", "127.0.0.1", "--port", &port, "--transport", "udp", "--allow", "127.0.0.0/8"];
    let (code, json) = command(&[&base[..], &["--json"]].concat()).await;
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, report["verdict"].as_str()), (0, Some("unconfirmed")), "{json}");
    let mut buffer = [0; 2048];
    let (count, _) = receiver.try_recv_from(&mut buffer).unwrap();
    let heard = String::from_utf8_lossy(&buffer[..count]).into_owned();
    let test_id = report["test_id"].as_str().unwrap();
    let today = Clock::System.now().format("<116>%b %e ").to_string();
    assert!(heard.starts_with(&today) && heard.contains(&format!("\"{test_id}\"")), "{heard}");
    let (code, text) = command(&base).await;
    assert_eq!(code, 0);
    assert!(text.starts_with("Sent, cannot be confirmed") && text.contains("\nLook for "), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_refuses_what_makes_no_sense_with_a_report() {
    let (code, json) = command(&["--host", "10.20.4.16", "--port", "514", "--transport", "smtp", "--json"]).await;
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, report["cause"].as_str()), (2, Some("form.option_invalid")), "{json}");
    let (code, _) = command(&["--host", "127.0.0.1", "--port", "514", "--transport", "tcp"]).await;
    assert_eq!(code, 6, "loopback is refused unless allowed");
}
