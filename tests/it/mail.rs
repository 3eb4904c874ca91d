//! Postern's own mail: in memory, in a folder, and to a server that misbehaves on request.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use postern::mail::{Identity, MailError, Mailbox, Mailer, Outgoing, SmtpServer, Tls, message_id};
use postern::secret::Secret;

use crate::support::smtp_sink::{Fault, Protection, SmtpSink, Stage};

const PASSWORD: &str = "mail-Secret-3";

fn identity() -> Identity {
    Identity { key: b"a key that stays".to_vec(), domain: "postern.example".into() }
}

fn outgoing() -> Outgoing {
    Outgoing {
        calendar: None,
        reply_to: None,
        effect_key: "case/1042/seq/7/mail/whitelisted".into(),
        to: Mailbox { name: Some("Person".into()), address: "person@customer.example".into() },
        from: Mailbox { name: Some("Postern".into()), address: "postern@vendor.example".into() },
        subject: "Your turn: let our alerting IP in".into(),
        text: "Hello,\n\nplease let 10.99.0.8 in.\n".into(),
        html: "<p>Hello,</p><p>please let 10.99.0.8 in.</p>".into(),
        in_reply_to: None,
        references: Vec::new(),
        date: date(),
    }
}

fn date() -> DateTime<Utc> {
    DateTime::from_timestamp(1_764_000_000, 987_654_000).unwrap()
}

async fn built(outgoing: &Outgoing) -> String {
    let mailer = Mailer::memory(identity());
    mailer.send(outgoing).await.unwrap();
    String::from_utf8(mailer.sent().remove(0).raw).unwrap()
}

/// A header without its folding.
fn header(mail: &str, name: &str) -> Option<String> {
    let head = mail.split("\r\n\r\n").next()?.replace("\r\n ", " ").replace("\r\n\t", " ");
    let start = format!("{name}: ");
    head.split("\r\n").find_map(|line| line.strip_prefix(&start).map(str::to_owned))
}

fn server(sink: &SmtpSink, tls: Tls) -> SmtpServer {
    SmtpServer {
        host: "localhost".into(),
        port: sink.address.port(),
        tls,
        account: None,
        ca_pem: Some(sink.certificate_pem.clone()).filter(|_| tls != Tls::None),
        hello_name: Some("postern.example".into()),
        limit: Some(Duration::from_secs(2)),
    }
}

fn with_account(server: SmtpServer, password: &str) -> SmtpServer {
    SmtpServer { account: Some(("robot".into(), Secret::new(password.into()))), ..server }
}

#[tokio::test]
async fn a_mail_carries_what_robots_and_readers_need() {
    let mail = built(&outgoing()).await;
    let expected = message_id(b"a key that stays", "postern.example", "case/1042/seq/7/mail/whitelisted");
    assert_eq!(header(&mail, "Message-ID"), Some(expected));
    assert_eq!(header(&mail, "Auto-Submitted").as_deref(), Some("auto-generated"));
    assert_eq!(header(&mail, "X-Auto-Response-Suppress").as_deref(), Some("All"));
    assert_eq!(header(&mail, "Date").as_deref(), Some("Mon, 24 Nov 2025 16:00:00 +0000"));
    assert_eq!(header(&mail, "To").as_deref(), Some("Person <person@customer.example>"));
    assert!(header(&mail, "Content-Type").unwrap().starts_with("multipart/alternative"));
    let (text, html) = (mail.find("text/plain").unwrap(), mail.find("text/html").unwrap());
    assert!(text < html, "the richer part comes last (RFC 2046 section 5.1.4)");
    assert!(!mail.contains("case/1042"), "the effect key is not told");
}

#[tokio::test]
async fn a_repeat_is_equal_byte_by_byte() {
    assert_eq!(built(&outgoing()).await, built(&outgoing()).await);
    let other = Outgoing { effect_key: "case/1042/seq/8/mail/x".into(), ..outgoing() };
    assert_ne!(header(&built(&outgoing()).await, "Message-ID"), header(&built(&other).await, "Message-ID"));
}

#[tokio::test]
async fn an_answer_names_the_thread() {
    let first = "<first@postern.example>".to_owned();
    let references: Vec<String> =
        std::iter::once(first.clone()).chain((2..=60).map(|n| format!("<mail-number-{n}@postern.example>"))).collect();
    let mail =
        built(&Outgoing { in_reply_to: Some(first.clone()), references: references.clone(), ..outgoing() }).await;
    assert_eq!(header(&mail, "In-Reply-To"), Some(first.clone()));
    let kept = header(&mail, "References").unwrap();
    assert!(kept.starts_with(&first) && kept.ends_with(references.last().unwrap()), "{kept}");
    assert_eq!(kept.split_whitespace().count(), 20);
    assert_lines_are_short(&mail);
}

#[tokio::test]
async fn what_could_end_a_header_is_refused_everywhere() {
    let person = |name: Option<&str>, address: &str| Mailbox { name: name.map(str::to_owned), address: address.into() };
    for evil in ["a\r\nBcc: x@evil.example", "a\nb", "a\rb", "a\0b", "a\u{2028}b"] {
        let address = format!("person@customer.example{evil}");
        let id = format!("<{evil}@x>");
        for (what, mail) in [
            ("subject", Outgoing { subject: evil.into(), ..outgoing() }),
            ("recipient", Outgoing { to: person(Some(evil), "person@customer.example"), ..outgoing() }),
            ("recipient", Outgoing { to: person(None, &address), ..outgoing() }),
            ("sender", Outgoing { from: person(Some(evil), "postern@vendor.example"), ..outgoing() }),
            ("sender", Outgoing { from: person(None, &address), ..outgoing() }),
            ("In-Reply-To", Outgoing { in_reply_to: Some(id.clone()), ..outgoing() }),
            ("References", Outgoing { references: vec![id.clone()], ..outgoing() }),
        ] {
            let mailer = Mailer::memory(identity());
            let error = mailer.send(&mail).await.unwrap_err();
            assert!(
                matches!(error, MailError::Invalid { field, .. } if field == what),
                "{evil:?} in {what}: {error:?}"
            );
            assert!(!error.retryable());
            assert!(!error.to_string().contains(['\r', '\n', '\0']), "an error is one line");
            assert_eq!(mailer.sent(), []);
        }
    }
}

#[tokio::test]
async fn addresses_that_are_none_are_refused() {
    for address in ["", "nobody", "@customer.example", "a@", "a b@customer.example", "jörg@customer.example"] {
        let to = Mailbox { name: None, address: address.into() };
        let error = Mailer::memory(identity()).send(&Outgoing { to, ..outgoing() }).await.unwrap_err();
        assert!(matches!(error, MailError::Invalid { field: "recipient", .. }), "{address}: {error:?}");
    }
}

#[tokio::test]
async fn names_and_subjects_in_any_language_are_encoded() {
    let to =
        Mailbox { name: Some("Jörg Müller, Straße \"42\" <x@y>".into()), address: "joerg@bücher.example".into() };
    let mail = built(&Outgoing { to, subject: "Prüfung läuft — 検査中".into(), ..outgoing() }).await;
    let head = mail.split("\r\n\r\n").next().unwrap();
    assert!(head.is_ascii(), "{head}");
    assert!(header(&mail, "Subject").unwrap().contains("=?utf-8?"));
    assert!(header(&mail, "To").unwrap().ends_with("<joerg@xn--bcher-kva.example>"), "{head}");
    assert_eq!(head.matches("x@y").count(), 0, "a name cannot pass for an address");
}

#[tokio::test]
async fn no_line_is_longer_than_smtp_allows() {
    let long = "ä".repeat(5_000);
    let plain = "x".repeat(5_000);
    let mail = Outgoing {
        subject: "ü".repeat(240),
        text: format!("{long}\n{plain}\n.\n..dots"),
        html: format!("<p>{plain}{long}</p>"),
        ..outgoing()
    };
    assert_lines_are_short(&built(&mail).await);
    assert!(Mailer::memory(identity()).send(&Outgoing { subject: "x".repeat(501), ..outgoing() }).await.is_err());
}

#[tokio::test]
async fn control_characters_in_a_body_do_not_arrive() {
    let mail = built(&Outgoing { text: "a\0b\rc\r\nd\ne\tf".into(), ..outgoing() }).await;
    assert_lines_are_short(&mail);
    assert!(!mail.contains('\0'), "{mail:?}");
}

/// RFC 5322 section 2.1.1; and no bare CR or LF (RFC 5321 section 2.3.8).
fn assert_lines_are_short(mail: &str) {
    assert_eq!(mail.lines().map(str::len).filter(|length| *length > 998).count(), 0);
    assert!(!mail.replace("\r\n", "").contains(['\r', '\n']));
}

#[tokio::test]
async fn a_folder_holds_each_mail_once() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = Mailer::folder(identity(), folder.path().join("mail"));
    let first = mailer.send(&outgoing()).await.unwrap();
    let again = mailer.send(&outgoing()).await.unwrap();
    assert_eq!(first, again);
    let names: Vec<String> = std::fs::read_dir(folder.path().join("mail"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let left = first.message_id.trim_start_matches('<').split('@').next().unwrap();
    assert_eq!(names, [format!("{left}.eml")]);
    let written = std::fs::read_to_string(folder.path().join("mail").join(&names[0])).unwrap();
    assert_eq!(written, built(&outgoing()).await);
    assert!(mailer.describe().contains("No mail server is configured"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let error = Mailer::folder(identity(), file).send(&outgoing()).await.unwrap_err();
    assert!(error.retryable() && error.to_string().contains("a-file"), "{error}");
}

#[tokio::test]
async fn a_server_gets_the_mail_in_each_protection() {
    for (protection, tls) in
        [(Protection::None, Tls::None), (Protection::StartTls, Tls::StartTls), (Protection::Implicit, Tls::ImplicitTls)]
    {
        let sink = SmtpSink::start(protection, Some(("robot", PASSWORD))).await;
        let mailer = Mailer::smtp(identity(), with_account(server(&sink, tls), PASSWORD)).unwrap();
        let receipt = mailer.send(&outgoing()).await.unwrap();
        assert!(receipt.answer.starts_with("250") && receipt.answer.contains("kept as 1A2B"), "{receipt:?}");
        let arrived = sink.arrived();
        assert_eq!(arrived.len(), 1);
        assert_eq!(arrived[0].from, "postern@vendor.example");
        assert_eq!(arrived[0].to, ["person@customer.example"]);
        assert_eq!(arrived[0].account.as_deref(), Some("robot"));
        assert_eq!(arrived[0].encrypted, tls != Tls::None);
        assert_eq!(header(&arrived[0].data, "Message-ID"), Some(receipt.message_id));
        assert!(mailer.describe().contains(tls.word()) && mailer.describe().contains("as robot"));
    }
}

#[tokio::test]
async fn a_body_of_dots_arrives_as_it_was_written() {
    let sink = SmtpSink::start(Protection::None, None).await;
    let mailer = Mailer::smtp(identity(), server(&sink, Tls::None)).unwrap();
    mailer.send(&Outgoing { text: "one\n.\n..two\n.three\n".into(), ..outgoing() }).await.unwrap();
    assert!(sink.arrived()[0].data.contains("one\r\n.\r\n..two\r\n.three\r\n"), "{}", sink.arrived()[0].data);
}

#[tokio::test]
async fn each_refusal_keeps_code_and_words_and_says_whether_to_try_again() {
    let stages = [Stage::Greeting, Stage::Ehlo, Stage::MailFrom, Stage::RcptTo, Stage::Data, Stage::Body];
    let sink = SmtpSink::start(Protection::None, None).await;
    let mailer = Mailer::smtp(identity(), server(&sink, Tls::None)).unwrap();
    for stage in stages {
        // A greeting of 421 and a refused EHLO end the session as every other stage does.
        sink.set_fault(Some((stage, Fault::Reply("451 4.7.1 greylisted, come back"))));
        let error = fresh(&sink).send(&outgoing()).await.unwrap_err();
        assert!(error.retryable(), "{stage:?}: {error:?}");
        assert!(error.to_string().contains("451") && error.to_string().contains("greylisted"), "{stage:?}: {error}");
        sink.set_fault(Some((stage, Fault::Reply("550 5.1.1 no such person"))));
        let error = fresh(&sink).send(&outgoing()).await.unwrap_err();
        assert!(!error.retryable(), "{stage:?}: {error:?}");
        let MailError::Permanent { code, text } = &error else { panic!("{error:?}") };
        assert_eq!(*code, Some(550), "{stage:?}");
        assert!(text.contains("no such person"), "{stage:?}: {text}");
    }
    sink.set_fault(None);
    mailer.send(&outgoing()).await.unwrap();
}

/// A mailer without a connection left over from before.
fn fresh(sink: &SmtpSink) -> Mailer {
    Mailer::smtp(identity(), server(sink, Tls::None)).unwrap()
}

#[tokio::test]
async fn a_server_that_hangs_up_is_tried_again_with_the_same_identifier() {
    let sink = SmtpSink::start(Protection::None, None).await;
    let mailer = fresh(&sink);
    for stage in [Stage::Greeting, Stage::Ehlo, Stage::MailFrom, Stage::RcptTo, Stage::Data, Stage::Body] {
        sink.set_fault(Some((stage, Fault::Close)));
        let error = mailer.send(&outgoing()).await.unwrap_err();
        assert!(matches!(error, MailError::Temporary { code: None, .. }), "{stage:?}: {error:?}");
    }
    assert_eq!(sink.arrived().len(), 1, "the answer to this one was lost");
    sink.set_fault(None);
    mailer.send(&outgoing()).await.unwrap();
    let arrived = sink.arrived();
    assert_eq!(arrived.len(), 2);
    assert_eq!(header(&arrived[0].data, "Message-ID"), header(&arrived[1].data, "Message-ID"));
    assert_eq!(arrived[0].data, arrived[1].data);
}

#[tokio::test]
async fn a_mute_server_ends_within_the_limit_at_every_stage() {
    let sink = SmtpSink::start(Protection::None, None).await;
    for stage in [Stage::Greeting, Stage::Ehlo, Stage::MailFrom, Stage::RcptTo, Stage::Data, Stage::Body] {
        sink.set_fault(Some((stage, Fault::Mute)));
        let limit = Duration::from_millis(300);
        let mailer = Mailer::smtp(identity(), SmtpServer { limit: Some(limit), ..server(&sink, Tls::None) }).unwrap();
        let begun = Instant::now();
        let error = mailer.send(&outgoing()).await.unwrap_err();
        assert!(error.retryable() && error.to_string().contains("no answer within"), "{stage:?}: {error}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{stage:?} took {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing_when_it_is_required() {
    let sink = SmtpSink::start(Protection::None, Some(("robot", PASSWORD))).await;
    let mailer = Mailer::smtp(identity(), with_account(server(&sink, Tls::StartTls), PASSWORD)).unwrap();
    let error = mailer.send(&outgoing()).await.unwrap_err();
    assert!(error.retryable(), "{error:?}");
    assert_eq!(sink.arrived(), []);
}

#[tokio::test]
async fn a_refused_starttls_is_not_followed_by_clear_text() {
    let sink = SmtpSink::start(Protection::StartTls, Some(("robot", PASSWORD))).await;
    sink.set_fault(Some((Stage::StartTls, Fault::Reply("454 4.7.0 no TLS today"))));
    let mailer = Mailer::smtp(identity(), with_account(server(&sink, Tls::StartTls), PASSWORD)).unwrap();
    let error = mailer.send(&outgoing()).await.unwrap_err();
    assert!(error.retryable() && error.to_string().contains("no TLS today"), "{error}");
    assert_eq!(sink.arrived(), []);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_accepted() {
    let sink = SmtpSink::start(Protection::Implicit, None).await;
    let mailer = Mailer::smtp(identity(), SmtpServer { ca_pem: None, ..server(&sink, Tls::ImplicitTls) }).unwrap();
    let error = mailer.send(&outgoing()).await.unwrap_err();
    assert!(error.retryable() && error.to_string().to_lowercase().contains("certificate"), "{error}");
    assert_eq!(sink.arrived(), []);
}

#[tokio::test]
async fn a_wrong_password_blames_the_settings_and_shows_nothing_even_if_the_server_repeats_it() {
    let sink = SmtpSink::start(Protection::StartTls, Some(("robot", "the-right-one"))).await;
    let mailer = Mailer::smtp(identity(), with_account(server(&sink, Tls::StartTls), PASSWORD)).unwrap();
    let error = mailer.send(&outgoing()).await.unwrap_err();
    let MailError::Temporary { code: Some(535), text } = &error else { panic!("{error:?}") };
    assert!(text.contains("[mail]") && text.contains("[hidden]"), "{text}");
    let plain = "AHJvYm90AG1haWwtU2VjcmV0LTM=";
    for shown in [error.to_string(), format!("{error:?}"), format!("{mailer:?}"), mailer.describe()] {
        assert!(!shown.contains(PASSWORD) && !shown.contains(plain), "{shown}");
    }
    sink.set_fault(Some((Stage::Auth, Fault::Reply("535 5.7.8 mail-Secret-3 is wrong"))));
    let error = mailer.send(&outgoing()).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error}");
}

#[tokio::test]
async fn settings_that_cannot_work_or_would_show_the_password_are_refused() {
    let sink = SmtpSink::start(Protection::None, None).await;
    let plain = || server(&sink, Tls::None);
    for (wrong, field) in [
        (
            with_account(SmtpServer { host: "mail.vendor.example".into(), ..plain() }, PASSWORD),
            "mail server encryption",
        ),
        (SmtpServer { host: String::new(), ..plain() }, "mail server"),
        (SmtpServer { host: "a b".into(), ..plain() }, "mail server"),
        (SmtpServer { port: 0, ..plain() }, "mail server port"),
        (SmtpServer { hello_name: Some("a\r\nb".into()), ..plain() }, "hello name"),
        (SmtpServer { ca_pem: Some("no PEM".into()), tls: Tls::StartTls, ..plain() }, "mail server"),
    ] {
        let error = Mailer::smtp(identity(), wrong).unwrap_err();
        assert!(matches!(error, MailError::Invalid { field: f, .. } if f == field), "{field}: {error:?}");
        assert!(!format!("{error} {error:?}").contains(PASSWORD));
    }
}
