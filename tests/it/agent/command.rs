//! `postern agent` as a program: what it says, what it never says, and how it ends.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use postern::app::agents;
use postern::cli::service::Service;
use postern::domain::cause::Cause;
use postern::store;
use tokio::net::TcpListener;

use crate::support::app::TestApp;
use crate::support::db::{Kind, TestDb, run};

const PASSWORD: &str = "canary-Password-7f3a";
const ACCOUNT: &str = "canary-account-91";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
    command.arg("agent").args(arguments).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn a_password_goes_to_the_agent_and_into_no_log(db: TestDb) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_env_filter("trace").with_writer(move || writer.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let t = TestApp::in_lab(&db).await;
    let number = t.reached().await;
    let token = agents::register(&t.app, "gw-1", &["alder-1".into()]).await.unwrap();
    let service = Service::start(Arc::clone(&t.app), TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let file = db.folder.join("token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let server = format!("http://{}", service.address);
    let arguments = ["--server", &server, "--token-file", file.to_str().unwrap(), "--allow", "198.51.100.0/24"];
    let child = command(&arguments).env("POSTERN_LOG", "trace").spawn().unwrap();
    let answers = [
        ("encryption", "starttls"),
        ("sender_address", "a@alder.example"),
        ("test_recipient", "b@alder.example"),
        ("smtp_account", ACCOUNT),
        ("smtp_password", PASSWORD),
    ];
    t.act(&t.contact, number, "submit_settings", &answers).await.unwrap();
    let end = Instant::now() + Duration::from_secs(40);
    let case = t.case(number).await;
    let test = loop {
        let mut tx = t.app.db.read().await.unwrap();
        let test = store::probes::by_number(&mut tx, case.customer, case.id, 2).await.unwrap().unwrap();
        if test.state == "done" {
            break test;
        }
        assert!(Instant::now() < end, "the agent has not reported");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((test.level.as_str(), test.cause.as_deref()), ("full", Some(Cause::PolicyTargetForbidden.id())));
    let kill = format!("kill -TERM {}", child.id());
    assert!(Command::new("/bin/sh").args(["-c", &kill]).status().unwrap().success());
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    service.stop().await;
    let agent = said(&ended);
    assert_eq!(ended.status.code(), Some(0), "{agent}");
    assert!(agent.contains("the report was taken") && agent.contains("TRACE"), "the log was on: {agent}");
    let service = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(service.contains("an agent reported") && service.contains("TRACE"), "the log was on");
    for secret in [PASSWORD, ACCOUNT, token.as_str()] {
        assert!(!agent.contains(secret), "the agent tells {secret}");
        assert!(!service.contains(secret), "the service tells {secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_goes_to_the_agent_and_into_no_log_on_sqlite() {
    run(Kind::Sqlite, a_password_goes_to_the_agent_and_into_no_log).await;
}

#[test]
fn what_cannot_be_used_is_named_with_its_flag() {
    let mut token = tempfile::NamedTempFile::new().unwrap();
    token.write_all(b"some-token\n").unwrap();
    let file = token.path().to_str().unwrap().to_owned();
    let good = ["--server", "http://127.0.0.1:1", "--token-file", &file, "--allow", "10.20.0.0/16"];
    for (flag, value) in [
        ("--server", "http://postern.example"),
        ("--server", "postern.example"),
        ("--token-file", "/dev/null"),
        ("--token-file", "/nowhere"),
        ("--allow", "10.20.4.15/16"),
        ("--allow", "0.0.0.0/0"),
    ] {
        let mut arguments = good;
        let at = arguments.iter().position(|word| *word == flag).unwrap();
        arguments[at + 1] = value;
        let ran = command(&arguments).output().unwrap();
        assert_eq!(ran.status.code(), Some(2), "{flag} {value}: {}", said(&ran));
        assert!(said(&ran).contains(flag), "{flag} {value}: {}", said(&ran));
        let without: Vec<&str> = [&good[..at], &good[at + 2..]].concat();
        let ran = command(&without).output().unwrap();
        assert_eq!(ran.status.code(), Some(2), "without {flag}: {}", said(&ran));
        assert!(said(&ran).contains(flag), "without {flag}: {}", said(&ran));
    }
    let both = command(&[&good[..], &["--netns", "alder", "--device", "ipsec0"]].concat()).output().unwrap();
    assert_eq!(both.status.code(), Some(2), "{}", said(&both));
    let many = command(&[&good[..], &["--jobs", "0"]].concat()).output().unwrap();
    assert_eq!(many.status.code(), Some(2), "{}", said(&many));
}

#[test]
fn agents_are_registered_listed_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let postern = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
        command.args(arguments).args(["--data", &data]).env_clear().stdin(Stdio::null());
        command.output().unwrap()
    };
    let good = |arguments: &[&str]| {
        let ran = postern(arguments);
        assert_eq!(ran.status.code(), Some(0), "{arguments:?}: {}", said(&ran));
        String::from_utf8(ran.stdout).unwrap()
    };
    good(&["customer", "add", "--name", "Alder Mutual", "--architecture", "vpn"]);
    good(&[
        "tunnel",
        "add",
        "--customer",
        "Alder Mutual",
        "--name",
        "alder-1",
        "--our-gateway",
        "9.9.9.9",
        "--peer-gateway",
        "8.8.8.8",
        "--our-network",
        "10.99.0.0/24",
        "--peer-network",
        "10.20.0.0/16",
        "--alerting-ip",
        "10.99.0.8",
        "--echo",
        "10.20.0.1",
    ]);
    let tunnel: serde_json::Value = serde_json::from_str(&good(&["tunnel", "list", "--json"])).unwrap();
    assert_eq!(tunnel["inside_gateway"], "10.20.0.1");
    let token = good(&["agent", "register", "gateway-1", "--tunnel", "alder-1"]);
    assert_eq!(token.trim_end().len(), 43, "the token and nothing else: {token}");
    let row = || -> serde_json::Value { serde_json::from_str(&good(&["agent", "list", "--json"])).unwrap() };
    assert_eq!(
        (&row()["name"], &row()["state"], &row()["tunnels"]),
        (&"gateway-1".into(), &"in_force".into(), &serde_json::json!(["alder-1"]))
    );
    assert!(!row().to_string().contains(token.trim_end()));
    for (arguments, code) in [
        (&["agent", "register", "gateway-1", "--tunnel", "alder-1"][..], 2),
        (&["agent", "register", "gateway-2", "--tunnel", "none"], 2),
        (&["agent", "register", " ", "--tunnel", "alder-1"], 2),
        (&["agent", "register", "gateway-2"], 2),
        (&["agent", "revoke", "gateway-2"], 4),
    ] {
        let ran = postern(arguments);
        assert_eq!(ran.status.code(), Some(code), "{arguments:?}: {}", said(&ran));
    }
    good(&["agent", "revoke", "gateway-1"]);
    assert_eq!(row()["state"], "revoked");
}
