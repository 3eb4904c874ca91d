//! The way to the server: what the tunnel's record, the program that runs the tunnel, and the kernel say about it. The
//! tunnel is a socket that speaks strongSwan's protocol from a script; packets go over loopback.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use postern::clock::Clock;
use postern::domain::cause::Cause;
use postern::domain::mail_settings::{Encryption, MailHost};
use postern::probe::watch::Watch;
use postern::probe::{ProbeRequest, Prober, Resolver, TunnelFacts};
use postern::smtp::report::{Report, Status, Verdict};
use postern::smtp::stage::Stage;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener};

/// A tunnel that carries 127.0.0.0/8 and has counted this much. `None`: no association.
type Moment = Option<(u64, u64)>;

/// A socket that answers `list-sas` with one moment after the other, the last one again and again.
fn strongswan(folder: &tempfile::TempDir, moments: Vec<Moment>) -> Watch {
    let socket = folder.path().join("vici");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        let mut moments = moments.into_iter().peekable();
        while let Ok((mut stream, _)) = listener.accept().await {
            let moment = if moments.len() > 1 { moments.next() } else { moments.peek().copied() };
            let mut ask = vec![0; 256];
            // Register, then the command; each is one packet.
            assert!(stream.read(&mut ask).await.unwrap() > 4);
            stream.write_all(&[0, 0, 0, 1, 5]).await.unwrap();
            assert!(stream.read(&mut ask).await.unwrap() > 4);
            if let Some(Some((out, back))) = moment {
                stream.write_all(&event(out, back)).await.unwrap();
            }
            stream.write_all(&[0, 0, 0, 1, 1]).await.unwrap();
        }
    });
    Watch::StrongSwan { socket }
}

fn event(out: u64, back: u64) -> Vec<u8> {
    let named =
        |kind: u8, name: &str| [vec![kind, u8::try_from(name.len()).unwrap()], name.as_bytes().to_vec()].concat();
    let value =
        |text: &str| [u16::try_from(text.len()).unwrap().to_be_bytes().to_vec(), text.as_bytes().to_vec()].concat();
    let pair = |name: &str, text: &str| [named(3, name), value(text)].concat();
    let list = |name: &str, item: &str| [named(4, name), vec![5], value(item), vec![6]].concat();
    let body = [
        named(7, "list-sa"),
        named(1, "s2s"),
        pair("state", "ESTABLISHED"),
        pair("remote-host", "203.0.113.2"),
        named(1, "child-sas"),
        named(1, "alerts-1"),
        pair("state", "INSTALLED"),
        pair("packets-out", &out.to_string()),
        pair("packets-in", &back.to_string()),
        pair("use-in", "1"),
        pair("install-time", "60"),
        list("local-ts", "127.0.0.0/9"),
        list("remote-ts", "127.0.0.0/8"),
        vec![2, 2, 2],
    ]
    .concat();
    [u32::try_from(body.len()).unwrap().to_be_bytes().to_vec(), body].concat()
}

fn request(port: u16) -> ProbeRequest {
    let mut request = ProbeRequest::reach(MailHost::Address("127.0.0.1".parse().unwrap()), port, Encryption::None);
    request.allow = vec!["127.0.0.0/8".parse().unwrap()];
    request.source = Some("127.0.0.1".parse().unwrap());
    request.limits.set(Stage::Tcp, Duration::from_secs(3));
    request.tunnel = TunnelFacts {
        peer_gateway: Some("203.0.113.2".parse().unwrap()),
        our_selectors: vec!["127.0.0.0/8".parse().unwrap()],
        peer_selectors: vec!["127.0.0.0/8".parse().unwrap()],
        echo: None,
    };
    request
}

async fn run(watch: Watch, request: ProbeRequest) -> Report {
    Prober::Real { clock: Clock::System, resolver: Resolver::System, watch }.run(request).await
}

fn ended(report: &Report) -> (Stage, Cause) {
    (report.stage.unwrap(), report.cause.unwrap())
}

fn detail(report: &Report, stage: Stage) -> String {
    report.stage_report(stage).unwrap().detail.clone().unwrap_or_default()
}

/// A port whose queue of connections is full: the kernel drops every further SYN, as a silent firewall does.
struct Silent {
    address: SocketAddr,
    listener: Socket,
    _waiting: Vec<TcpStream>,
}

impl Silent {
    async fn start() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut waiting = Vec::new();
        while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            waiting.push(stream);
            assert!(waiting.len() < 10, "the queue never fills");
        }
        Self { address, listener, _waiting: waiting }
    }

    /// Takes what waits out of the queue, so that there is room again.
    fn make_room(&self) {
        self.listener.set_nonblocking(true).unwrap();
        while self.listener.accept().is_ok() {}
    }
}

async fn silent_server_through(moments: Vec<Moment>, echo: Option<IpAddr>) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let server = Silent::start().await;
    let mut request = request(server.address.port());
    request.tunnel.echo = echo;
    run(strongswan(&folder, moments), request).await
}

#[tokio::test]
async fn packets_that_went_in_and_never_came_back_have_three_explanations() {
    let report = silent_server_through(vec![Some((10, 10)), Some((14, 10))], None).await;
    assert_eq!(ended(&report), (Stage::Tcp, Cause::TunnelLostBeyondEntry), "{report:?}");
    let path = report.path.as_ref().unwrap();
    assert_eq!((path.sent, path.received, path.candidates.len()), (Some(4), Some(0), 3));
    assert_eq!(path.selector.as_deref(), Some("127.0.0.0/8"));
    assert!(detail(&report, Stage::Tcp).contains("took in 4 packets and gave back 0"));
}

#[tokio::test]
async fn packets_that_never_went_in_are_ours_to_find() {
    // One packet moved, but an attempt of three seconds sends at least three.
    let report = silent_server_through(vec![Some((10, 10)), Some((11, 11))], None).await;
    assert_eq!(ended(&report), (Stage::Tcp, Cause::TunnelNotEntered));
}

#[tokio::test]
async fn a_way_that_works_at_the_last_try_is_a_way() {
    let folder = tempfile::tempdir().unwrap();
    let server = Silent::start().await;
    let watch = strongswan(&folder, vec![Some((10, 10))]);
    let running = tokio::spawn(run(watch, ProbeRequest { until: Some(Stage::Tcp), ..request(server.address.port()) }));
    // The first try takes three seconds, and the last one begins two and a half later.
    tokio::time::sleep(Duration::from_secs(4)).await;
    server.make_room();
    let report = running.await.unwrap();
    assert_eq!((report.verdict, report.cause), (Verdict::Reachable, None), "{report:?}");
    assert!(detail(&report, Stage::Tcp).contains("after a pause there was an answer"));
}

#[tokio::test]
async fn a_tunnel_that_went_down_meanwhile_is_named() {
    let report = silent_server_through(vec![Some((10, 10)), None], None).await;
    assert_eq!(ended(&report), (Stage::Tcp, Cause::RouteTunnelDown));
}

#[tokio::test]
async fn counters_that_began_anew_blame_nobody() {
    let report = silent_server_through(vec![Some((10, 10)), Some((2, 0))], None).await;
    assert_eq!(ended(&report), (Stage::Tcp, Cause::TcpTimeout));
}

#[tokio::test]
async fn an_idle_tunnel_gets_a_second_try() {
    // Nothing ever came out of it, so it may be asleep.
    let report = silent_server_through(vec![Some((0, 0)), Some((8, 0))], None).await;
    assert_eq!(ended(&report), (Stage::Tcp, Cause::TunnelLostBeyondEntry));
    assert!((6_000..7_500).contains(&report.ms), "two attempts of three seconds, took {} ms", report.ms);
}

#[tokio::test]
async fn nothing_is_sent_into_a_tunnel_that_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let report = run(strongswan(&folder, vec![None]), request(port)).await;
    assert_eq!(ended(&report), (Stage::Route, Cause::RouteTunnelDown));
    assert_eq!(report.verdict, Verdict::NotReachable);
    assert!(detail(&report, Stage::Route).contains("no IKE SA with 203.0.113.2"));
    let connected = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
    assert!(connected.is_err(), "a connection was made");
}

#[tokio::test]
async fn selectors_that_do_not_hold_source_or_target_end_the_test() {
    let folder = tempfile::tempdir().unwrap();
    // The association carries 127.0.0.0/9 on our side.
    let mut outside = request(25);
    outside.source = Some("127.200.0.1".parse().unwrap());
    let watch = strongswan(&folder, vec![Some((1, 1))]);
    let report = run(watch.clone(), outside).await;
    assert_eq!(ended(&report), (Stage::Route, Cause::RouteSelectorNotCovered));
    assert!(detail(&report, Stage::Route).contains("127.0.0.0/9 === 127.0.0.0/8"));
    let mut off_record = request(25);
    off_record.tunnel.peer_selectors = vec!["10.20.0.0/24".parse().unwrap(), "127.1.0.0/16".parse().unwrap()];
    off_record.host = MailHost::Address("10.21.0.1".parse().unwrap());
    let report = run(watch, off_record).await;
    assert_eq!(ended(&report), (Stage::Route, Cause::RouteSelectorNotCovered));
    assert!(detail(&report, Stage::Route).contains("10.20.0.0/24, 127.1.0.0/16"));
}

#[tokio::test]
async fn a_state_that_cannot_be_read_costs_the_evidence_and_not_the_test() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let watch = Watch::StrongSwan { socket: "/nonexistent/charon.vici".into() };
    let report = run(watch, request(port)).await;
    assert_eq!(ended(&report), (Stage::Tcp, Cause::TcpRefused));
    assert!(detail(&report, Stage::Route).contains("/nonexistent/charon.vici"));
    assert_eq!(report.stage_report(Stage::Route).unwrap().status, Status::Pass);
}

#[tokio::test]
async fn a_program_that_never_answers_does_not_hold_up_the_test() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("vici");
    let _listener = UnixListener::bind(&socket).unwrap();
    let began = Instant::now();
    let report = run(Watch::StrongSwan { socket }, request(1)).await;
    assert_eq!(ended(&report), (Stage::Tcp, Cause::TcpRefused));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_refusal_names_both_who_may_have_sent_it_and_the_way_it_came() {
    let report = run(Watch::None, request(1)).await;
    assert_eq!(ended(&report), (Stage::Tcp, Cause::TcpRefused));
    assert!(detail(&report, Stage::Tcp).contains("a closed port and a firewall"));
    let path = report.path.unwrap();
    assert_eq!((path.interface.as_deref(), path.refused_by), (Some("lo"), None));
}

#[tokio::test]
async fn a_source_that_is_not_here_is_our_fault() {
    let mut request = request(25);
    request.source = Some("192.0.2.77".parse().unwrap());
    request.tunnel.our_selectors.clear();
    let report = run(Watch::None, request).await;
    assert_eq!(ended(&report), (Stage::Route, Cause::RouteSourceMissing));
    assert_eq!(report.verdict, Verdict::CouldNotTell);
}
