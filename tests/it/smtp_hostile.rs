//! Servers that mean harm or are badly broken: whatever they do, a test ends with a verdict within its total and a
//! moment for closing, and holds no more of their bytes than it may.

use std::time::{Duration, Instant};

use postern::clock::Clock;
use postern::domain::cause::Cause;
use postern::domain::mail_settings::{Encryption, MailHost};
use postern::probe::{ProbeRequest, Prober};
use postern::secret::Secret;
use postern::smtp::auth::Credentials;
use postern::smtp::report::{Level, Report, Verdict};
use postern::smtp::stage::Stage;
use tokio::task::JoinSet;

use crate::support::servers::{Act, Identity, Kind, Server, identity, say};

/// The total of each test here.
const TOTAL: Duration = Duration::from_secs(2);
/// What a test may take beyond its total.
const MARGIN: Duration = Duration::from_millis(500);

/// The whole dialogue of a good server, step by step.
fn good(identity: &Identity) -> Vec<Act> {
    let mut acts = vec![
        say("220 mx ESMTP\r\n"),
        Act::Hear,
        say("250-mx\r\n250 STARTTLS\r\n"),
        Act::Hear,
        say("220 go\r\n"),
        Act::Tls(identity.config.clone()),
        Act::Hear,
        say("250-mx\r\n250 AUTH LOGIN\r\n"),
        Act::Hear,
        say("334 VXNlcm5hbWU6\r\n"),
        Act::Hear,
        say("334 UGFzc3dvcmQ6\r\n"),
        Act::Hear,
    ];
    // Sign-in, MAIL, RCPT, DATA.
    for answer in ["235 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"] {
        acts.extend([say(answer), Act::Hear]);
    }
    // The header, the empty line, the text and the lone dot; the first line is heard above.
    acts.extend([Act::Hear, Act::Hear, Act::Hear, say("250 queued\r\n"), Act::Hear, say("221 bye\r\n")]);
    acts
}

/// A test that does everything.
fn sending(server: &Server, identity: &Identity) -> ProbeRequest {
    let host = MailHost::Address(server.address.ip());
    let mut request = ProbeRequest::reach(host, server.address.port(), Encryption::StartTls);
    request.allow = vec!["127.0.0.0/8".parse().unwrap()];
    request.ca_pem = Some(identity.ca_pem.clone());
    request.level = Level::Full;
    request.credentials = Some(Credentials { account: "u".to_owned(), password: Secret::new("hunter22".to_owned()) });
    request.sender = Some("a@x.example".to_owned());
    request.recipients = vec!["c@d.example".to_owned()];
    request.send = Some(b"Subject: x\r\n\r\nx\r\n".to_vec());
    request.limits.total = TOTAL;
    request
}

/// Tests a server that plays these steps, and holds the test to its total.
async fn within_the_total(acts: Vec<Act>, identity: &Identity, about: &str) -> Report {
    let server = Server::start(acts).await;
    let begun = Instant::now();
    let report = Prober::real(Clock::System).run(sending(&server, identity)).await;
    let took = begun.elapsed();
    assert!(took < TOTAL + MARGIN, "{about}: {took:?}");
    let kept = serde_json::to_string(&report).unwrap();
    assert!(kept.len() < 256 * 1024, "{about}: a report of {} octets", kept.len());
    assert!(!kept.contains("hunter22") && !kept.contains("aHVudGVyMjI"), "{about}: the password stands in {kept}");
    report
}

/// The steps that a server speaks in, as indices: it may stop before each of them.
fn stops(acts: &[Act]) -> Vec<usize> {
    (0..acts.len()).filter(|at| !matches!(acts[*at], Act::Hear)).collect()
}

/// Runs the same for a server that does something bad before each of its steps, all at once.
async fn before_each_step(bad: Act) -> Vec<(usize, Report)> {
    let identity = std::sync::Arc::new(identity(&["127.0.0.1"], Kind::Good));
    let acts = good(&identity);
    let mut tests = JoinSet::new();
    for at in stops(&acts) {
        let (mut acts, bad, identity) = (acts.clone(), bad.clone(), identity.clone());
        acts.truncate(at);
        acts.push(bad);
        tests.spawn(async move { (at, within_the_total(acts, &identity, &format!("before step {at}")).await) });
    }
    let mut reports = tests.join_all().await;
    reports.sort_by_key(|(at, _)| *at);
    reports
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_server_passes_the_whole_dialogue() {
    let identity = identity(&["127.0.0.1"], Kind::Good);
    let report = within_the_total(good(&identity), &identity, "good").await;
    assert_eq!((report.verdict, report.cause), (Verdict::Reachable, None), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_never_answers_ends_at_the_total_wherever_it_stops() {
    for (at, report) in before_each_step(Act::Hold).await {
        let last = report.stages.iter().rfind(|stage| stage.stage == Stage::DataEnd).unwrap();
        if report.cause.is_none() {
            // Only QUIT was left, which changes no verdict.
            assert!(last.code == Some(250), "before step {at}: {report:#?}");
            continue;
        }
        assert!(
            matches!(report.verdict, Verdict::NotReachable | Verdict::CouldNotTell),
            "before step {at}: {report:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_up_is_named_wherever_it_does() {
    for (at, report) in before_each_step(Act::Pause(Duration::ZERO)).await {
        let expected = match at {
            0 => Some(Cause::BannerClosed),
            2 => Some(Cause::EhloClosed),
            5 => Some(Cause::TlsFailed),
            at if at == stops(&good(&identity(&["127.0.0.1"], Kind::Good))).pop().unwrap() => None,
            _ => Some(Cause::ReplyClosed),
        };
        assert_eq!(report.cause, expected, "before step {at}: {report:#?}");
        assert!(report.ms < 1500, "before step {at}: at once, not by a limit: {} ms", report.ms);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_without_line_ends_is_cut_wherever_it_comes() {
    for (at, report) in before_each_step(Act::Flood(b'2')).await {
        assert!(report.ms < 1500, "before step {at}: at the cap, not by a limit: {} ms", report.ms);
        let text: usize = report.transcript.iter().map(|line| line.text.len()).sum();
        assert!(text < 16 * 1024, "before step {at}: {text} octets kept");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nul_octets_are_no_reply_and_stop_nothing() {
    for (at, report) in before_each_step(Act::Say(vec![0; 100_000])).await {
        assert!(report.cause.is_some() || report.stage_report(Stage::DataEnd).unwrap().code == Some(250), "{at}");
        let shown = serde_json::to_string(&report).unwrap();
        assert!(!shown.contains('\0') && !shown.contains("\\u0000"), "before step {at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_byte_every_100_ms_stretches_no_limit() {
    let drip = || Act::Drip(b"250-".repeat(50), Duration::from_millis(100));
    for (at, report) in before_each_step(drip()).await {
        let passed = report.stage_report(Stage::DataEnd).unwrap().code == Some(250);
        assert!(report.cause.is_some() || passed, "before step {at}: {report:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rubbish_in_place_of_tls_and_lines_without_end_are_cut_too() {
    let identity = identity(&["127.0.0.1"], Kind::Good);
    let record = [&[22, 3, 3, 0x40, 0][..], &[7; 0x4000]].concat();
    let begun = &good(&identity)[..5];
    for (about, act) in [
        ("records that are no handshake", Act::Say(record.repeat(64))),
        ("a record that never ends", Act::Say(vec![22, 3, 3, 0xff, 0xff, 1])),
        ("an alert that is none", Act::Say(vec![21, 3, 3, 0, 2, 9, 9])),
    ] {
        let report = within_the_total([begun, &[Act::HearBytes, act, Act::Hold]].concat(), &identity, about).await;
        assert_eq!(report.stage, Some(Stage::Tls), "{about}: {report:#?}");
    }
    let lines = Act::Say(b"250-x\r\n".repeat(100_000));
    let report = within_the_total([&begun[..2], &[lines, Act::Hold]].concat(), &identity, "lines").await;
    assert_eq!(report.cause, Some(Cause::ReplyTooLong));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_read_cannot_hold_a_large_message() {
    let identity = identity(&["127.0.0.1"], Kind::Good);
    let plain = vec![
        say("220 mx\r\n"),
        Act::Hear,
        say("250 mx\r\n"),
        Act::Hear,
        say("250 ok\r\n"),
        Act::Hear,
        say("250 ok\r\n"),
        Act::Hear,
        say("354 go\r\n"),
        Act::Pause(Duration::from_secs(30)),
    ];
    let server = Server::start(plain).await;
    let mut request = sending(&server, &identity);
    request.encryption = Encryption::None;
    request.credentials = None;
    request.send = Some(vec![b'x'; 8 * 1024 * 1024]);
    let begun = Instant::now();
    let report = Prober::real(Clock::System).run(request).await;
    assert!(begun.elapsed() < TOTAL + MARGIN, "{:?}", begun.elapsed());
    assert_eq!(report.stage, Some(Stage::DataEnd), "{report:#?}");
}
