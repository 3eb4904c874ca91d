//! The demo in process: its cases, and its mail server as clients see it.

use postern::cli::demo::{Demo, MailServer, Options, Receiver};
use postern::cli::sink::Sink;
use postern::cli::sink::syslog::SyslogSink;
use postern::domain::mail_settings::{Encryption, MailHost};
use postern::mail::{Identity, Mailbox, Mailer, Outgoing, SmtpServer, Tls};
use postern::secret::Secret;
use postern::store::cases;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

async fn receiver() -> Receiver {
    Receiver::Sink(SyslogSink::start().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_makes_cases_in_different_states_by_real_work() {
    let server = MailServer::Sink(Sink::start(&["203.0.113.25", "10.20.4.22"]).await.unwrap());
    let demo = Demo::start(Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        server,
        receiver: receiver().await,
        database: None,
        watch: postern::config::WatchConfig::default(),
    })
    .await
    .unwrap();
    demo.make_cases().await.unwrap();
    let mut states = Vec::new();
    let mut tx = demo.app.db.read().await.unwrap();
    for number in 1001..=1009 {
        states.push(cases::by_number(&mut tx, number).await.unwrap().unwrap().flow.state);
    }
    drop(tx);
    assert_eq!(
        states,
        [
            "awaiting_configuration",
            "alerting_ip_requested",
            "relay_setup",
            "waiting_customer",
            "let_us_in",
            "settings",
            "repair_delivery",
            "active",
            "change_asked"
        ]
    );
    let settings = demo.second_product.settings();
    // The customer named no host, so the product gets the approved address; the name is for the certificate only.
    assert_eq!(settings["smtpServerAddress"], "203.0.113.25");
    assert_eq!(settings["smtpAccountPassword"], demo.server.password().expose());
    assert!(demo.product.settings()["smtpServerAddress"].is_null(), "the first customer's product is untouched");
    let delivered = demo.server.delivered().unwrap();
    assert!(delivered.contains("security@customer.example"), "the test alert is in the mailbox: {delivered}");
    assert!(std::fs::read_dir(demo.mail_folder()).unwrap().count() > 0, "Postern's own mail is in files");
    let folder = demo.mail_folder();
    demo.stop().await;
    assert!(!folder.exists(), "nothing stays behind");
}

#[tokio::test]
async fn one_login_per_role_opens_the_demo() {
    let server = MailServer::Sink(Sink::start(&[]).await.unwrap());
    let demo = Demo::start(Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        server,
        receiver: receiver().await,
        database: None,
        watch: postern::config::WatchConfig::default(),
    })
    .await
    .unwrap();
    let emails: Vec<&str> = demo.logins.iter().map(|login| login.email.as_str()).collect();
    assert_eq!(emails.len(), 7, "one login per role, one per kind of customer, and a second contact");
    assert_eq!(
        emails[..4],
        ["customer@demo.example", "engineer@demo.example", "lead@demo.example", "admin@demo.example"]
    );
    for login in &demo.logins {
        let origin = postern::app::throttle::Origin::default();
        let begun = postern::app::sign_in::sign_in(&demo.app, &login.email, login.password.clone(), &origin);
        let person = begun.await.unwrap().person;
        assert_eq!(person.email, login.email);
    }
    demo.stop().await;
}

fn mailer(sink: &Sink, tls: Tls, password: &str) -> Mailer {
    let identity = Identity { key: b"key".to_vec(), domain: "vendor.example".into() };
    let port = if tls == Tls::ImplicitTls { sink.implicit_port } else { sink.port };
    let server = SmtpServer {
        host: "127.0.0.1".into(),
        port,
        tls,
        account: Some((sink.account.clone(), Secret::new(password.to_owned()))),
        ca_pem: Some(sink.ca_pem.clone()),
        hello_name: None,
        limit: None,
    };
    Mailer::smtp(identity, server).unwrap()
}

fn outgoing(to: &str, text: &str) -> Outgoing {
    let mailbox = |address: &str| Mailbox { name: None, address: address.to_owned() };
    Outgoing {
        calendar: None,
        reply_to: None,
        effect_key: text.to_owned(),
        to: mailbox(to),
        from: mailbox("postern@vendor.example"),
        subject: "A subject".into(),
        text: text.to_owned(),
        html: String::new(),
        in_reply_to: None,
        references: Vec::new(),
        date: chrono::DateTime::from_timestamp(1_764_000_000, 0).unwrap(),
    }
}

#[tokio::test]
async fn the_sink_takes_mail_over_tls_from_its_account_and_keeps_dots() {
    let sink = Sink::start(&[]).await.unwrap();
    for (tls, number) in [(Tls::StartTls, 1), (Tls::ImplicitTls, 2)] {
        let mailer = mailer(&sink, tls, sink.password.expose());
        mailer.send(&outgoing("dana@elsewhere.example", ".a line\n..b\n.\nend")).await.unwrap();
        assert_eq!(sink.count(), number);
    }
    for kept in sink.kept() {
        assert!(kept.encrypted && kept.account.as_deref() == Some("alerts"), "{kept:?}");
        assert_eq!(kept.to, ["dana@elsewhere.example"]);
        assert!(kept.text.contains("\r\n.a line\r\n..b\r\n.\r\nend"), "{}", kept.text);
    }
    let refused = mailer(&sink, Tls::StartTls, "wrong").send(&outgoing("dana@elsewhere.example", "x")).await;
    assert!(refused.unwrap_err().to_string().contains("535"));
    assert_eq!(sink.count(), 2);
}

/// Says each line and gives the reply to the last one.
async fn dialogue(port: u16, lines: &[&str]) -> String {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    let mut reply = reply_of(&mut stream).await;
    for line in lines {
        stream.write_all(line.as_bytes()).await.unwrap();
        reply = reply_of(&mut stream).await;
    }
    reply
}

async fn reply_of(stream: &mut BufReader<TcpStream>) -> String {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if line.as_bytes().get(3) != Some(&b'-') {
            return line;
        }
    }
}

#[tokio::test]
async fn the_sink_refuses_what_an_honest_server_refuses() {
    let sink = Sink::start(&[]).await.unwrap();
    let ehlo = "EHLO client.example\r\n";
    let (mail, rcpt) = ("MAIL FROM:<a@b.example>\r\n", "RCPT TO:<x@customer.example>\r\n");
    let large = format!("{}\r\n.\r\n", "x\r\n".repeat(400_000));
    for (lines, code) in [
        (vec!["STARTTLS\r\nEHLO smuggled.example\r\n"], "501 "),
        (vec![ehlo, "AUTH PLAIN AGEAYg==\r\n"], "538 "),
        (vec![mail], "503 "),
        (vec![ehlo, rcpt], "503 "),
        (vec![ehlo, "DATA\r\n"], "503 "),
        (vec![ehlo, mail, "RCPT TO:<x@elsewhere.example>\r\n"], "550 "),
        (vec![ehlo, mail, "RCPT TO:x@customer.example\r\n"], "501 "),
        (vec![ehlo, "MAIL FROM:<a@b.example> SIZE=99999999\r\n"], "552 "),
        (vec![ehlo, mail, rcpt, "DATA\r\n", "a\n.\nMAIL FROM:<s@muggled.example>\r\n.\r\n"], "554 "),
        (vec![ehlo, mail, rcpt, "DATA\r\n", &large], "552 "),
        (vec!["GET / HTTP/1.1\r\n"], "500 "),
    ] {
        let reply = dialogue(sink.port, &lines).await;
        assert!(reply.starts_with(code), "{code}: {reply} after {:?}", lines.first());
    }
    assert_eq!(sink.count(), 0);
    assert!(dialogue(sink.port, &[ehlo, mail, rcpt, "DATA\r\n", "kept\r\n.\r\n"]).await.starts_with("250 "));
    assert_eq!(sink.kept()[0].text, "kept\r\n");
}

#[tokio::test]
async fn the_sink_counts_also_the_mails_that_it_keeps_no_more() {
    let sink = Sink::start(&[]).await.unwrap();
    let one = ["MAIL FROM:<a@b.example>\r\n", "RCPT TO:<x@customer.example>\r\n", "DATA\r\n", "kept\r\n.\r\n"];
    let lines: Vec<&str> =
        ["EHLO client.example\r\n"].into_iter().chain(one.into_iter().cycle().take(4 * 501)).collect();
    assert!(dialogue(sink.port, &lines).await.starts_with("250 "));
    assert_eq!((sink.count(), sink.kept().len()), (501, 500));
}

#[tokio::test]
async fn a_client_that_only_makes_faults_is_sent_away() {
    let sink = Sink::start(&[]).await.unwrap();
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", sink.port)).await.unwrap());
    let mut faults = 0;
    loop {
        let reply = reply_of(&mut stream).await;
        if reply.starts_with("421 ") {
            break;
        }
        faults += 1;
        assert!(faults < 50, "it goes on for ever: {reply}");
        stream.write_all(b"NONSENSE\r\n").await.unwrap();
    }
}

#[tokio::test]
async fn a_test_of_the_sink_passes_with_and_without_encryption_known() {
    let sink = Sink::start(&[]).await.unwrap();
    for (encryption, port) in [
        (Encryption::StartTls, sink.port),
        (Encryption::ImplicitTls, sink.implicit_port),
        (Encryption::Unknown, sink.port),
    ] {
        let host = MailHost::parse("127.0.0.1").unwrap();
        let mut request = postern::probe::ProbeRequest::reach(host, port, encryption);
        request.allow = vec!["127.0.0.0/8".parse().unwrap()];
        request.ca_pem = Some(sink.ca_pem.clone());
        let report = postern::probe::Prober::real(postern::clock::Clock::System).run(request).await;
        assert!(report.passed(), "{encryption}: {:?}", report.cause);
    }
}
