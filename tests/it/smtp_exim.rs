//! The prober against a mail server that we did not write: Exim.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use postern::cli::foreign_smtp::ForeignSmtp;
use postern::clock::Clock;
use postern::domain::cause::Cause;
use postern::domain::mail_settings::{Encryption, MailHost};
use postern::probe::message::TestAlert;
use postern::probe::{ProbeRequest, Prober};
use postern::secret::Secret;
use postern::smtp::auth::Credentials;
use postern::smtp::report::{Level, Report, Status, Verdict};
use postern::smtp::stage::Stage;

use crate::support::exim;

fn request(server: &ForeignSmtp) -> ProbeRequest {
    let mut request = ProbeRequest::reach(MailHost::parse("127.0.0.1").unwrap(), server.port, Encryption::StartTls);
    request.allow = vec!["127.0.0.0/8".parse().unwrap()];
    request.ca_pem = Some(server.ca_pem.clone());
    request.tls_name = Some(server.name.clone());
    request
}

fn full(server: &ForeignSmtp, password: &Secret, recipient: &str) -> ProbeRequest {
    ProbeRequest {
        level: Level::Full,
        credentials: Some(Credentials { account: server.account.clone(), password: password.clone() }),
        sender: Some("alerts@vendor.example".to_owned()),
        recipients: vec![recipient.to_owned()],
        ..request(server)
    }
}

async fn run(request: ProbeRequest) -> Report {
    Prober::real(Clock::System).run(request).await
}

/// What arrived, as soon as it contains the text; Exim delivers after it has answered.
fn arrived(server: &ForeignSmtp, text: &str) -> String {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let mailbox = server.delivered().unwrap();
        if mailbox.contains(text) || Instant::now() > end {
            return mailbox;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn a_test_alert_goes_the_whole_way_into_the_mailbox() {
    let server = exim::start();
    let reach = run(request(&server)).await;
    assert_eq!(reach.verdict, Verdict::Reachable, "{reach:#?}");
    let recipient = "it@customer.example";
    let mut sending = full(&server, &server.password, recipient);
    let recipients = [recipient.to_owned()];
    let alert = TestAlert {
        test_id: "t-4711",
        sender: "alerts@vendor.example",
        recipients: &recipients,
        customer: "Ümläüt & Söhne",
        date: Clock::System.now(),
    };
    sending.send = Some(alert.build().unwrap());
    let report = run(sending).await;
    assert_eq!(report.verdict, Verdict::Reachable, "{report:#?}");
    assert_eq!(report.stage_report(Stage::DataEnd).unwrap().status, Status::Pass);
    let mailbox = arrived(&server, "t-4711");
    assert!(mailbox.contains("Subject: Postern test alert t-4711") && mailbox.contains(recipient), "{mailbox}");
    let everything = serde_json::to_string(&report).unwrap();
    assert!(!everything.contains(server.password.expose()));
}

#[tokio::test]
async fn a_full_test_without_a_message_delivers_nothing() {
    let server = exim::start();
    let report = run(full(&server, &server.password, "it@elsewhere.example")).await;
    assert_eq!(report.verdict, Verdict::Reachable, "{report:#?}");
    assert_eq!(report.stage_report(Stage::Data).unwrap().status, Status::Skipped);
    assert_eq!(server.delivered().unwrap(), "");
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_account_are_told_apart() {
    let server = exim::start();
    let wrong = run(full(&server, &Secret::new("wrong password".to_owned()), "it@customer.example")).await;
    assert_eq!((wrong.stage, wrong.cause), (Some(Stage::Auth), Some(Cause::AuthBadCredentials)), "{wrong:#?}");
    let relay = ProbeRequest { credentials: None, ..full(&server, &server.password, "it@elsewhere.example") };
    let relay = run(relay).await;
    assert_eq!((relay.stage, relay.cause), (Some(Stage::Rcpt), Some(Cause::RcptRelayDenied)), "{relay:#?}");
    let unknown_issuer = run(ProbeRequest { ca_pem: None, ..request(&server) }).await;
    assert_eq!(unknown_issuer.cause, Some(Cause::CertUnknownIssuer));
}

#[tokio::test]
async fn a_stopped_server_refuses_and_its_mailbox_stays_readable() {
    let mut server = exim::start();
    server.stop();
    let report = run(request(&server)).await;
    assert_eq!(report.cause, Some(Cause::TcpRefused));
    assert_eq!(server.delivered().unwrap(), "");
}

/// The command, end to end: password from standard input, message sent, JSON and exit code of the contract.
#[test]
fn the_command_sends_a_test_alert_and_its_json_has_the_shape_of_the_contract() {
    let server = exim::start();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, &server.ca_pem).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_postern"))
        .args([
            "probe",
            "smtp",
            "--json",
            "--host",
            "127.0.0.1",
            "--allow",
            "127.0.0.0/8",
            "--encryption",
            "starttls",
            "--send",
        ])
        .args(["--port", &server.port.to_string(), "--account", &server.account, "--password-file", "-"])
        .args(["--sender", "alerts@vendor.example", "--recipient", "it@customer.example", "--tls-name", &server.name])
        .arg("--ca-file")
        .arg(&ca_file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), format!("{}\n", server.password.expose()).as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &json["verdict"]), (Some(0), &serde_json::json!("reachable")), "{json:#}");
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    for key in [
        "level",
        "verdict",
        "stage",
        "cause",
        "target",
        "source",
        "started_at",
        "ms",
        "stages",
        "warnings",
        "addresses",
        "recipients",
        "certificate",
        "transcript",
    ] {
        assert!(keys.contains(&key), "{key}");
    }
    let stages: Vec<&str> =
        json["stages"].as_array().unwrap().iter().map(|stage| stage["stage"].as_str().unwrap()).collect();
    assert_eq!(
        stages.join(" "),
        "form classify resolve policy route tcp banner ehlo starttls tls cert ehlo2 auth mail rcpt data data_end quit"
    );
    assert!(arrived(&server, "Postern test alert").contains("Subject: Postern test alert"));
}

#[test]
fn the_command_ends_with_the_codes_of_the_contract() {
    let code = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_postern")).args(["probe", "smtp"]).args(args).output().unwrap();
        output.status.code().unwrap()
    };
    assert_eq!(code(&["--host", "127.0.0.1", "--port", "25"]), 6);
    assert_eq!(code(&["--host", "mail.example.com:25", "--port", "25"]), 2);
    assert_eq!(code(&["--host", "10.0.0.1", "--port", "25", "--encryption", "tls"]), 2);
    assert_eq!(
        code(&["--host", "10.0.0.1", "--port", "25", "--account", "u", "--password-file", "/nowhere/at/all"]),
        2
    );
    assert_eq!(code(&["--host", "127.0.0.1", "--port", "1", "--allow", "127.0.0.0/8", "--json"]), 3);
    assert_eq!(code(&["--host", "127.0.0.1", "--port", "1", "--allow", "127.0.0.0/8", "--source", "192.0.2.77"]), 9);
}
