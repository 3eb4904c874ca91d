//! The rows of tests/corpus/smtp/smtp-cases.tsv that concern the dialogue, played through the pure machine. Each test
//! begins with the id of its row.

use std::time::Duration;

use postern::domain::cause::Cause;
use postern::smtp::dialogue::{ClearAuth, Mode, Plan};
use postern::smtp::report::Status;
use postern::smtp::stage::{Limits, Stage};
use proptest::prelude::*;

use crate::support::script::{full, plan, play, signed_in};

/// Greeting and EHLO of a plain server.
const PLAIN: &str = "S:220 mx\\r\\n\nC:EHLO probe.vendor.example\nS:250 mx\\r\\n\n";
/// Up to the encrypted EHLO, which offers PLAIN and LOGIN.
const ENCRYPTED: &str = "S:220 mx\\r\\n\nS:250-mx\\r\\n250 STARTTLS\\r\\n\nC:STARTTLS\nS:220 go\\r\\n\nTLS\nC:EHLO\nS:250-mx\\r\\n250 AUTH PLAIN LOGIN\\r\\n\n";

fn after(beginning: &str, script: &str) -> String {
    format!("{beginning}{script}")
}

#[test]
fn s010_clear_text_is_kept_although_encryption_is_offered() {
    let played = play(
        full(Mode::Clear),
        "S:220 mx\\r\\n\nS:250-mx\\r\\n250 STARTTLS\\r\\n\nC:MAIL FROM:<a@x.example>\nS:250 ok\\r\\n\nS:250 ok\\r\\n\nC:QUIT\nS:221 bye\\r\\n",
    );
    assert_eq!(played.ended(), None);
    assert!(!played.said("STARTTLS") && played.finished);
    assert_eq!(played.record.warnings(), [Cause::StarttlsOfferedUnused]);
}

#[test]
fn s011_a_refused_starttls_survives_a_server_that_never_answers_quit() {
    let played = play(
        plan(Mode::StartTls),
        "S:220 mx\\r\\n\nS:250-mx\\r\\n250 STARTTLS\\r\\n\nS:454 4.7.0 TLS not available due to local problem\\r\\n\nC:QUIT\nLATE",
    );
    assert_eq!(played.ended(), Some((Stage::Starttls, Cause::StarttlsRefused)));
    let stage = played.stage(Stage::Starttls);
    assert_eq!((stage.code, stage.enhanced.as_deref()), (Some(454), Some("4.7.0")));
    assert!(played.finished);
}

#[test]
fn s012_no_encryption_means_no_byte_of_starttls() {
    let played = play(plan(Mode::Clear), "S:220 mx\\r\\n\nS:250-mx\\r\\n250 STARTTLS\\r\\n\nC:QUIT\nS:221 bye\\r\\n");
    assert!(played.ended().is_none() && !played.said("STARTTLS"));
}

#[test]
fn s014_s121_a_missing_starttls_ends_the_test_before_any_credentials() {
    let played =
        play(signed_in(Mode::StartTls, "password"), "S:220 mx\\r\\n\nS:250-mx\\r\\n250 AUTH PLAIN\\r\\n\nC:QUIT");
    assert_eq!(played.ended(), Some((Stage::Starttls, Cause::StarttlsNotOffered)));
    assert!(!played.said("AUTH"));
    assert_eq!(played.status(Stage::Auth), Status::NotRun);
}

#[test]
fn s017_s018_another_service_is_named() {
    let imap = play(plan(Mode::StartTls), "S:* OK [CAPABILITY IMAP4rev1] Dovecot ready.\\r\\n");
    assert_eq!(imap.ended(), Some((Stage::Banner, Cause::ProtoNotSmtp)));
    assert!(imap.stage(Stage::Banner).detail.unwrap().contains("guess: imap"));
    assert!(imap.finished && imap.sent.is_empty());
    let http = play(plan(Mode::Clear), "S:HTTP/1.1 400 Bad Request\\r\\n\\r\\n");
    assert_eq!(http.ended(), Some((Stage::Banner, Cause::ProtoNotSmtp)));
    assert!(http.stage(Stage::Banner).detail.unwrap().contains("guess: http"));
}

#[test]
fn s019_bytes_after_the_go_ahead_of_starttls_are_an_attack() {
    let played = play(
        signed_in(Mode::StartTls, "password"),
        "S:220 mx\\r\\n\nS:250-mx\\r\\n250 STARTTLS\\r\\n\nC:STARTTLS\nS:220 go\\r\\n250-evil.injected\\r\\n250 AUTH LOGIN\\r\\n",
    );
    assert_eq!(played.ended(), Some((Stage::Starttls, Cause::StarttlsDataBeforeTls)));
    assert!(played.finished && !played.said("AUTH"));
    assert_eq!(played.status(Stage::Tls), Status::NotRun);
}

#[test]
fn s021_starttls_is_seen_on_the_last_line() {
    let played = play(
        plan(Mode::StartTls),
        "S:220 mx\\r\\n\nS:250-mx.example Hello\\r\\n250-AUTH LOGIN PLAIN\\r\\n250 STARTTLS\\r\\n\nC:STARTTLS",
    );
    assert_eq!(played.ended(), None);
}

#[test]
fn s022_a_firewall_that_rewrites_smtp_is_named() {
    let played =
        play(plan(Mode::StartTls), "S:220 ****0*****20****\\r\\n\nS:250-mx\\r\\n250-XXXXXXXA\\r\\n250 SIZE 1000\\r\\n");
    assert_eq!(played.ended(), Some((Stage::Starttls, Cause::StarttlsStrippedByMiddlebox)));
    assert!(played.record.warnings().contains(&Cause::BannerMasked));
    assert_eq!(played.status(Stage::Banner), Status::Warn);
}

#[test]
fn s023_a_greeting_of_several_lines_is_one_greeting() {
    let played = play(plan(Mode::Clear), "S:220-rules apply\\r\\n220-second line\\r\\n\nS:220 \\r\\n\nC:EHLO");
    assert_eq!(played.stage(Stage::Banner).server_lines.len(), 3);
    assert_eq!(played.sent.len(), 1);
}

#[test]
fn s024_a_late_greeting_passes_with_a_warning() {
    let played = play(plan(Mode::Clear), "AFTER 25\nS:220 mx\\r\\n\nC:EHLO");
    let banner = played.stage(Stage::Banner);
    assert_eq!((banner.status, banner.cause), (Status::Warn, Some(Cause::BannerSlow)));
    assert!((24_900..25_100).contains(&banner.ms));
    assert_eq!(played.sent.len(), 1);
}

#[test]
fn s027_s095_a_refused_greeting_is_a_verdict_at_once() {
    let played = play(plan(Mode::StartTls), "S:554 5.7.1 No SMTP service here\\r\\n\nC:QUIT\nS:221 bye\\r\\n");
    assert_eq!(played.ended(), Some((Stage::Banner, Cause::BannerRejected)));
    assert_eq!(played.stage(Stage::Banner).server_lines, ["554 5.7.1 No SMTP service here"]);
    assert!(played.now < Duration::from_secs(1));
}

#[test]
fn s028_a_busy_server_is_deferred_and_not_wrong() {
    let played = play(plan(Mode::StartTls), "S:421 4.3.2 too many connections, try later\\r\\n\nCLOSE");
    assert_eq!(played.ended(), Some((Stage::Banner, Cause::BannerBusy)));
    assert_eq!(played.status(Stage::Banner), Status::Deferred);
}

#[test]
fn s029_s030_one_command_at_a_time_and_none_before_the_greeting() {
    let played = play(
        plan(Mode::StartTls),
        "AFTER 0.5\nS:220-mx\\r\\n\nS:220 mx\\r\\n\nS:250-mx\\r\\n\nS:250 STARTTLS\\r\\n\nC:STARTTLS",
    );
    assert_eq!(played.sent, ["EHLO probe.vendor.example\r\n", "STARTTLS\r\n"]);
}

#[test]
fn s032_a_refused_name_is_named_although_the_recipient_carries_it() {
    let played = play(
        full(Mode::Clear),
        &after(
            PLAIN,
            "S:250 ok\\r\\n\nS:504 5.5.2 <probe>: Helo command rejected: need fully-qualified hostname\\r\\n",
        ),
    );
    assert_eq!(played.ended(), Some((Stage::Rcpt, Cause::EhloNameRejected)));
    assert!(played.stage(Stage::Rcpt).detail.unwrap().contains("probe.vendor.example"));
}

#[test]
fn s033_helo_is_not_tried_after_421() {
    let played = play(plan(Mode::Clear), "S:220 mx\\r\\n\nS:421 your EHLO name does not match DNS\\r\\n\nCLOSE");
    assert_eq!(played.ended(), Some((Stage::Ehlo, Cause::EhloNameRejected)));
    assert_eq!(played.stage(Stage::Ehlo).code, Some(421));
    assert!(!played.said("HELO "));
}

#[test]
fn s034_an_old_server_is_greeted_with_helo() {
    let old = "S:220 mx\\r\\n\nC:EHLO\nS:500 Command unrecognized\\r\\n\nC:HELO\nS:250 legacy\\r\\n\n";
    let clear = play(full(Mode::Clear), &after(old, "C:MAIL\nS:250 ok\\r\\n\nS:250 ok\\r\\n\nS:221 bye\\r\\n"));
    assert_eq!((clear.ended(), clear.record.warnings()), (None, &[Cause::EhloHeloOnly][..]));
    let encrypted = play(plan(Mode::StartTls), old);
    assert_eq!(encrypted.ended(), Some((Stage::Starttls, Cause::StarttlsNotOffered)));
    let account = Plan { clear_auth: ClearAuth::AllowedInTunnel, ..signed_in(Mode::Clear, "password") };
    assert_eq!(play(account, old).ended(), Some((Stage::Auth, Cause::AuthNotOffered)));
}

#[test]
fn s035_s039_ehlo_comes_first_and_its_answer_may_repeat_our_name() {
    let played =
        play(plan(Mode::Clear), "S:220 mx\\r\\n\nC:EHLO\nS:250-probe.vendor.example\\r\\n250 8BITMIME\\r\\n\nC:QUIT");
    assert_eq!(played.ended(), None);
}

#[test]
fn s037_both_lines_of_a_refused_name_are_kept() {
    let played = play(
        plan(Mode::Clear),
        "S:220 mx\\r\\n\nS:501-5.5.4 argument invalid,\\r\\n501 5.5.4 closing connection\\r\\n\nCLOSE",
    );
    assert_eq!(played.ended(), Some((Stage::Ehlo, Cause::EhloNameRejected)));
    assert_eq!(played.stage(Stage::Ehlo).server_lines.len(), 2);
    assert!(!played.said("HELO "));
}

#[test]
fn s038_an_ipv6_literal_carries_its_tag() {
    let named = Plan { ehlo_name: "[IPv6:2001:db8::7]".to_owned(), ..plan(Mode::Clear) };
    let played = play(named, "S:220 mx\\r\\n\nC:EHLO [IPv6:2001:db8::7]\r\n\nS:501 no\\r\\n");
    assert_eq!(played.ended(), Some((Stage::Ehlo, Cause::EhloNameRejected)));
}

#[test]
fn s040_s041_s042_keywords_are_read_in_any_form() {
    let odd = "S:220 mx\\r\\n\nS:250-mx\\r\\n250-starttls\\r\\n250-a\\r\\n250-b\\r\\n250-c\\r\\n250-d\\r\\n250-AUTH=PLAIN LOGIN\\r\\n250 8bitmime\\r\\n\nC:STARTTLS\nS:220 go\\r\\n\nTLS\nC:EHLO\nS:250-mx\\r\\n250-auth plain\\r\\n250-AUTH=PLAIN\\r\\n250 x\\r\\n\nC:AUTH PLAIN";
    assert_eq!(play(signed_in(Mode::StartTls, "password"), odd).ended(), None);
}

#[test]
fn s043_s059_login_suffices_and_empty_prompts_are_answered_in_order() {
    let login = "S:220 mx\\r\\n\nS:250-mx\\r\\n250 STARTTLS\\r\\n\nS:220 go\\r\\n\nTLS\nS:250-mx\\r\\n250 AUTH LOGIN\\r\\n\nC:AUTH LOGIN\nS:334\\r\\n\nC:dQ==\nS:334\\r\\n\nC:cGFzc3dvcmQ=\nS:235 ok\\r\\n\nC:MAIL";
    let played = play(signed_in(Mode::StartTls, "password"), login);
    assert_eq!((played.ended(), played.status(Stage::Auth)), (None, Status::Warn));
}

#[test]
fn s044_s047_s050_s096_unusual_greetings_pass() {
    let bare = play(plan(Mode::Clear), "S:220\\r\\n\nC:EHLO");
    assert_eq!(bare.record.warnings(), [Cause::ReplyBareCode]);
    let nul = play(plan(Mode::Clear), "S:220 m\\x00x ESMTP\\r\\n\nC:EHLO");
    assert_eq!(nul.stage(Stage::Banner).server_lines, ["220 m\\x00x ESMTP"]);
    let long = play(plan(Mode::Clear), &format!("S:220 {}\\r\\n\nC:EHLO", "a".repeat(1500)));
    assert_eq!(long.record.warnings(), [Cause::ReplyLongLine]);
    assert_eq!(play(plan(Mode::Clear), "S:220 mail.example.com SMTP ready\\r\\n\nC:EHLO").record.warnings(), []);
}

#[test]
fn s045_bytes_of_another_encoding_are_shown_escaped() {
    let played = play(
        signed_in(Mode::StartTls, "password"),
        &after(ENCRYPTED, "S:535 Error: \\xc3\\xdc\\xc2\\xeb\\xb4\\xed\\xce\\xf3\\r\\n"),
    );
    assert_eq!(played.ended(), Some((Stage::Auth, Cause::AuthBadCredentials)));
    let line = &played.stage(Stage::Auth).server_lines[0];
    assert!(line.starts_with("535 Error: \\xc3\\xdc") && line.is_ascii(), "{line}");
}

#[test]
fn s048_all_lines_of_a_refused_message_are_kept() {
    let sending = Plan { message: Some(b"Subject: x\r\n\r\nx\r\n".to_vec()), ..full(Mode::Clear) };
    let played = play(
        sending,
        &after(
            PLAIN,
            "S:250 ok\\r\\n\nS:250 ok\\r\\n\nC:DATA\nS:354 go\\r\\n\nS:550-5.7.1 line one\\r\\n550-5.7.1 line two\\r\\n550-5.7.1 line three\\r\\n550 5.7.1 line four\\r\\n",
        ),
    );
    let stage = played.stage(Stage::DataEnd);
    assert_eq!((stage.code, stage.enhanced.as_deref(), stage.server_lines.len()), (Some(550), Some("5.7.1"), 4));
    assert_eq!(played.ended(), Some((Stage::DataEnd, Cause::DataContentRefused)));
}

#[test]
fn s049_code_enhanced_code_and_text_are_three_things() {
    let recipients = |line: &str| {
        let played = play(full(Mode::Clear), &after(PLAIN, &format!("S:250 ok\\r\\n\nS:{line}\\r\\n")));
        let stage = played.stage(Stage::Rcpt);
        (stage.code, stage.enhanced, played.record.recipients[0].text.clone())
    };
    let queued = "250 2.6.0 <id@host> Queued mail for delivery";
    let with = (Some(250), Some("2.6.0".to_owned()), "<id@host> Queued mail for delivery".to_owned());
    assert_eq!(recipients(queued), with);
    assert_eq!(recipients("250 message processed"), (Some(250), None, "message processed".to_owned()));
    // Of another class than the code, or no such code at all: it is text.
    for text in ["5.1.1 odd", "2.6 almost", "2.6.0.1 version", "2.x.0 no"] {
        assert_eq!(recipients(&format!("250 {text}")), (Some(250), None, text.to_owned()));
    }
}

#[test]
fn s051_an_endless_line_ends_at_the_cap() {
    let played = play(plan(Mode::Clear), &format!("S:220 {}", "a".repeat(5000)));
    assert_eq!(played.ended(), Some((Stage::Banner, Cause::ReplyTooLong)));
    assert!(played.finished && played.now < Duration::from_secs(1));
}

#[test]
fn s053_s054_the_limit_of_a_stage_is_a_deadline() {
    let mut limits = Limits::with_total(Duration::from_secs(60));
    limits.set(Stage::Banner, Duration::from_secs(2));
    let slow = Plan { limits, ..plan(Mode::Clear) };
    let played = play(slow, "AFTER 0.3\nS:2\nAFTER 0.3\nS:2\nAFTER 0.3\nS:0\nLATE");
    assert_eq!(played.ended(), Some((Stage::Banner, Cause::BannerTimeout)));
    assert_eq!(played.now, Duration::from_millis(2005));
    let short = Plan { limits: Limits::with_total(Duration::from_secs(5)), ..plan(Mode::Clear) };
    let played = play(short, "LATE");
    assert_eq!((played.now, played.finished), (Duration::from_secs(5), true));
    assert_eq!(played.ended(), Some((Stage::Banner, Cause::ProbeTotalLimit)));
}

#[test]
fn s003_a_total_that_leaves_the_stage_its_time_blames_the_server() {
    let plan = Plan { limits: Limits::with_total(Duration::from_secs(30)), ..plan(Mode::StartTls) };
    let played = play(plan, "LATE");
    assert_eq!(played.ended(), Some((Stage::Banner, Cause::BannerTimeout)));
    assert_eq!(played.now, Duration::from_secs(30));
}

#[test]
fn s056_a_password_goes_out_in_clear_only_where_switched_on() {
    let offered = "S:220 mx\\r\\n\nS:250-mx\\r\\n250 AUTH PLAIN LOGIN\\r\\n\n";
    let refused = play(signed_in(Mode::Clear, "password"), offered);
    assert_eq!(refused.ended(), Some((Stage::Auth, Cause::AuthRefusedInClear)));
    assert!(!refused.said("AUTH"));
    let switched_on = Plan { clear_auth: ClearAuth::AllowedInTunnel, ..signed_in(Mode::Clear, "password") };
    assert_eq!(play(switched_on, &after(offered, "C:AUTH PLAIN\nS:235 ok\\r\\n\nC:MAIL")).ended(), None);
}

#[test]
fn s057_without_an_account_sign_in_is_skipped() {
    let played = play(full(Mode::Clear), &after(PLAIN, "C:MAIL\nS:250 ok\\r\\n\nS:250 ok\\r\\n\nS:221 bye\\r\\n"));
    assert_eq!((played.ended(), played.status(Stage::Auth)), (None, Status::Skipped));
}

#[test]
fn s058_mechanisms_that_nobody_shares_are_listed() {
    let played = play(
        signed_in(Mode::StartTls, "password"),
        "S:220 mx\\r\\n\nS:250-mx\\r\\n250 STARTTLS\\r\\n\nS:220 go\\r\\n\nTLS\nS:250-mx\\r\\n250 AUTH NTLM GSSAPI\\r\\n",
    );
    assert_eq!(played.ended(), Some((Stage::Auth, Cause::AuthNoCommonMechanism)));
    assert!(played.stage(Stage::Auth).detail.unwrap().contains("NTLM, GSSAPI"));
}

#[test]
fn s061_s062_encryption_that_the_server_demands_is_no_wrong_password() {
    let mail = play(full(Mode::Clear), &after(PLAIN, "S:530 5.7.0 Must issue a STARTTLS command first\\r\\n"));
    assert_eq!(mail.ended(), Some((Stage::Mail, Cause::StarttlsRequiredByServer)));
    let account = Plan { clear_auth: ClearAuth::AllowedInTunnel, ..signed_in(Mode::Clear, "password") };
    let auth = play(
        account,
        "S:220 mx\\r\\n\nS:250-mx\\r\\n250 AUTH PLAIN LOGIN\\r\\n\nC:AUTH PLAIN\nS:530 Must issue a STARTTLS command first\\r\\n\nC:QUIT",
    );
    assert_eq!(auth.ended(), Some((Stage::Auth, Cause::StarttlsRequiredByServer)));
    assert_eq!(auth.sent.iter().filter(|line| line.starts_with("AUTH")).count(), 1);
}

#[test]
fn s064_a_long_response_goes_on_its_own_line() {
    let played = play(
        signed_in(Mode::StartTls, &"x".repeat(600)),
        &after(ENCRYPTED, "C:AUTH PLAIN\r\n\nS:334 \\r\\n\nC:AHUAeHh4\nS:235 ok\\r\\n\nC:MAIL"),
    );
    assert_eq!(played.ended(), None);
}

#[test]
fn s066_a_password_goes_over_the_wire_byte_for_byte() {
    use base64::Engine as _;
    let password = r#"a&;b c#d"e/f\\g%24$(i){j}`"#;
    let played = play(signed_in(Mode::StartTls, password), &after(ENCRYPTED, "C:AUTH PLAIN\nS:235 ok\\r\\n\nC:MAIL"));
    let line = played.sent.iter().find_map(|line| line.strip_prefix("AUTH PLAIN ")).unwrap();
    let response = base64::engine::general_purpose::STANDARD.decode(line.trim_end()).unwrap();
    assert_eq!(response, [b"\0u\0", password.as_bytes()].concat());
}

#[test]
fn s065_a_password_outside_ascii_is_mentioned_when_refused() {
    let played = play(signed_in(Mode::StartTls, "pa§s%W0rd"), &after(ENCRYPTED, "S:535 5.7.8 no\\r\\n"));
    assert!(played.stage(Stage::Auth).detail.unwrap().contains("outside ASCII"));
}

#[test]
fn s073_no_form_of_the_secret_is_kept_anywhere() {
    let played = play(
        signed_in(Mode::StartTls, "hunter22"),
        &after(
            ENCRYPTED,
            "C:AUTH PLAIN AHUAaHVudGVyMjI=\nS:535 5.7.8 AHUAaHVudGVyMjI= hunter22 aHVudGVyMjI= is wrong\\r\\n",
        ),
    );
    let stages = played.record.stages(Stage::ALL);
    let everything = format!("{:?}{:?}{:?}", stages, played.record.transcript(), played.record);
    for secret in ["hunter22", "AHUAaHVudGVyMjI", "aHVudGVyMjI"] {
        let transcript = serde_json::to_string(&(&stages, played.record.transcript())).unwrap();
        assert!(!transcript.contains(secret), "{secret} in {transcript}");
    }
    assert!(everything.contains("AUTH PLAIN <redacted>"));
}

#[test]
fn s074_a_wrong_certificate_ends_the_test_before_any_credentials() {
    let begun = "S:220 mx\\r\\n\nS:250-mx\\r\\n250 STARTTLS\\r\\n\nS:220 go\\r\\n\nCERT cert.ip_not_in_names\nC:QUIT\nS:221 bye\\r\\n";
    let played = play(signed_in(Mode::StartTls, "password"), begun);
    assert_eq!(played.ended(), Some((Stage::Cert, Cause::CertIpNotInNames)));
    assert_eq!((played.status(Stage::Tls), played.said("AUTH")), (Status::Pass, false));
    let implicit = play(signed_in(Mode::ImplicitTls, "password"), "CERT cert.expired");
    assert!(implicit.finished && implicit.sent.is_empty());
}

#[test]
fn s087_a_message_that_gets_stuck_points_at_large_packets() {
    let sending = Plan { message: Some(vec![b'a'; 4000]), ..full(Mode::Clear) };
    let played = play(sending, &after(PLAIN, "S:250 ok\\r\\n\nS:250 ok\\r\\n\nS:354 go\\r\\n\nLATE"));
    assert_eq!(played.ended(), Some((Stage::DataEnd, Cause::DataStalledLargePackets)));
    assert!(played.stage(Stage::DataEnd).detail.unwrap().contains("4000 octets"));
}

#[test]
fn s088_a_handshake_that_gets_stuck_points_at_large_packets() {
    let played = play(plan(Mode::StartTls), "S:220 mx\\r\\n\nS:250-mx\\r\\n250 STARTTLS\\r\\n\nS:220 go\\r\\n\nLATE");
    assert_eq!(played.ended(), Some((Stage::Tls, Cause::TlsTimeout)));
    assert!(played.stage(Stage::Tls).detail.unwrap().contains("MTU"));
}

#[test]
fn s099_s101_refusals_at_the_recipient_name_what_they_are_about() {
    let recipient =
        |line: &str| play(full(Mode::Clear), &after(PLAIN, &format!("S:250 ok\\r\\n\nS:{line}\\r\\n"))).ended();
    assert_eq!(
        recipient("553 5.7.1 <a@x>: Sender address rejected: not owned by user b@x"),
        Some((Stage::Rcpt, Cause::MailSenderNotAllowed))
    );
    assert_eq!(
        recipient("554 5.7.1 <r@other.example>: Relay access denied"),
        Some((Stage::Rcpt, Cause::RcptRelayDenied))
    );
}

#[test]
fn s102_each_recipient_has_its_own_result() {
    let message = Some(b"Subject: x\r\n\r\nx\r\n".to_vec());
    let two = Plan { recipients: vec!["no@d.example".into(), "c@d.example".into()], message, ..full(Mode::Clear) };
    let played = play(
        two,
        &after(
            PLAIN,
            "S:250 ok\\r\\n\nS:550 5.1.1 no such user\\r\\n\nS:250 ok\\r\\n\nC:DATA\nS:354 go\\r\\n\nS:250 queued\\r\\n\nS:221 bye\\r\\n",
        ),
    );
    assert_eq!((played.ended(), played.record.warnings()), (None, &[Cause::RcptPartly][..]));
    let statuses: Vec<_> =
        played.record.recipients.iter().map(|recipient| (recipient.status, recipient.code)).collect();
    assert_eq!(statuses, [(Status::Fail, Some(550)), (Status::Pass, Some(250))]);
}

#[test]
fn s103_s104_greylisting_is_deferred_whatever_its_code() {
    for line in ["451 4.7.1 Greylisted, try again later", "422 4.2.2 Greylisted"] {
        let played = play(full(Mode::Clear), &after(PLAIN, &format!("S:250 ok\\r\\n\nS:{line}\\r\\n")));
        assert_eq!(played.ended(), Some((Stage::Rcpt, Cause::RcptGreylisted)));
        assert_eq!(played.status(Stage::Rcpt), Status::Deferred);
    }
}

#[test]
fn s105_wire_bytes_are_exact() {
    let played = play(full(Mode::Clear), &after(PLAIN, "S:250 ok\\r\\n\nS:250 ok\\r\\n"));
    assert_eq!(played.sent[1..3], ["MAIL FROM:<a@x.example>\r\n", "RCPT TO:<c@d.example>\r\n"]);
}

#[test]
fn s107_s108_quit_changes_no_verdict() {
    let passed = "S:250 ok\\r\\n\nS:250 ok\\r\\n\nC:QUIT\n";
    for end in ["CLOSE", "RESET", "LATE", "S:500 what\\r\\n", "S:rubbish\\r\\n"] {
        let played = play(full(Mode::Clear), &after(PLAIN, &after(passed, end)));
        assert_eq!((played.ended(), played.finished), (None, true), "{end}");
    }
    let played = play(full(Mode::Clear), &after(PLAIN, &after(passed, "LATE")));
    assert!(played.now <= Duration::from_millis(2100));
}

#[test]
fn s109_the_end_of_a_message_has_its_own_longer_limit() {
    let sending = Plan { message: Some(b"Subject: x\r\n\r\nx\r\n".to_vec()), ..full(Mode::Clear) };
    let played = play(
        sending,
        &after(PLAIN, "S:250 ok\\r\\n\nS:250 ok\\r\\n\nS:354 go\\r\\n\nAFTER 45\nS:250 queued\\r\\n\nS:221 bye\\r\\n"),
    );
    assert_eq!(played.ended(), None);
}

#[test]
fn s110_a_message_cannot_smuggle_a_command() {
    let message = Some(b"Subject: x\r\n\r\nx\r\n.\r\nMAIL FROM:<x@evil>\r\n".to_vec());
    let sending = Plan { message, ..full(Mode::Clear) };
    let played = play(sending, &after(PLAIN, "S:250 ok\\r\\n\nS:250 ok\\r\\n\nS:354 go\\r\\n\nS:250 queued\\r\\n"));
    let message = played.sent.iter().find(|line| line.starts_with("Subject")).unwrap();
    assert_eq!(message.matches("\r\n.\r\n").count(), 1);
    assert!(message.ends_with("\r\n.\r\n"));
}

#[test]
fn s111_the_writer_is_a_second_guard() {
    let hostile = Plan { ehlo_name: "x\r\nMAIL FROM:<a@b>".to_owned(), ..plan(Mode::Clear) };
    let played = play(hostile, "S:220 mx\\r\\n");
    assert!(played.finished && played.sent.is_empty());
    assert_eq!(played.ended(), Some((Stage::Ehlo, Cause::FormControlChar)));
}

#[test]
fn a_test_stops_after_the_stage_that_was_named() {
    let until = |stage| Plan { until: Some(stage), ..signed_in(Mode::StartTls, "password") };
    let banner = play(until(Stage::Banner), "S:220 mx\\r\\n");
    assert!(!banner.said("EHLO"));
    let ehlo = play(until(Stage::Ehlo), "S:220 mx\\r\\n\nS:250-mx\\r\\n250 STARTTLS\\r\\n\nC:QUIT\nS:221 bye\\r\\n");
    assert_eq!((ehlo.ended(), ehlo.status(Stage::Starttls), ehlo.finished), (None, Status::NotRun, true));
    let mail = play(until(Stage::Mail), &after(ENCRYPTED, "S:235 ok\\r\\n\nC:MAIL\nS:250 ok\\r\\n\nC:QUIT"));
    assert_eq!(mail.status(Stage::Rcpt), Status::NotRun);
}

/// Lines that servers say, in any order they might come.
const LINES: &[&str] = &[
    "S:220 mx\\r\\n",
    "S:250-mx\\r\\n250-STARTTLS\\r\\n250 AUTH PLAIN LOGIN\\r\\n",
    "S:250 ok\\r\\n",
    "S:334 \\r\\n",
    "S:334 UGFzc3dvcmQ6\\r\\n",
    "S:235 ok\\r\\n",
    "S:354 go\\r\\n",
    "S:421 bye\\r\\n",
    "S:500 what\\r\\n",
    "S:535 no\\r\\n",
    "S:550 no\\r\\n",
    "S:25",
    "S:rubbish\\r\\n",
    "TLS",
    "CERT cert.expired",
    "AFTER 7",
    "LATE",
    "CLOSE",
    "RESET",
    "S:220 a\\r\\n220 b\\r\\n",
];

proptest! {
    #[test]
    fn s072_whatever_a_server_does_the_machine_ends_says_why_and_keeps_the_password(
        lines in proptest::collection::vec(proptest::sample::select(LINES), 0..25), mode in 0..3_usize,
    ) {
        let mode = [Mode::Clear, Mode::StartTls, Mode::ImplicitTls][mode];
        let sending = Plan { message: Some(b"Subject: x\r\n\r\nx\r\n".to_vec()), ..signed_in(mode, "hunter22") };
        let played = play(sending, &format!("{}\nCLOSE", lines.join("\n")));
        prop_assert!(played.finished);
        let sent = matches!(played.status(Stage::DataEnd), Status::Pass | Status::Warn);
        prop_assert_eq!(played.ended().is_none(), sent, "only a message that was taken passes");
        if let Some((stage, cause)) = played.ended() {
            // A failure always says where, why, and what to do.
            let report = played.stage(stage);
            prop_assert!(report.cause == Some(cause) && report.remedy.is_some() && report.detail.is_some());
        }
        let kept = serde_json::to_string(&(played.record.stages(Stage::ALL), played.record.transcript())).unwrap();
        prop_assert!(!kept.contains("hunter22") && !kept.contains("AHUAaHVudGVyMjI"));
        let in_clear = mode == Mode::Clear || !lines.contains(&"TLS");
        prop_assert!(!(in_clear && played.said("AUTH")));
        prop_assert!(played.sent.iter().filter(|line| line.starts_with("AUTH ")).count() <= 1);
    }
}

#[test]
fn addresses_outside_ascii_go_only_to_servers_that_take_them() {
    let international = |answer: &str, rest: &str| {
        let sending = Plan {
            sender: Some("jörg@x.example".to_owned()),
            message: Some("Subject: Grüße\r\n\r\nx\r\n".as_bytes().to_vec()),
            ..full(Mode::Clear)
        };
        play(sending, &format!("S:220 mx\\r\\n\nS:{answer}\\r\\n\n{rest}"))
    };
    let offered = international(
        "250-mx\\r\\n250-8bitmime\\r\\n250 SMTPUTF8",
        "C:MAIL FROM:<jörg@x.example> BODY=8BITMIME SMTPUTF8\r\n\nS:250 ok\\r\\n\nC:RCPT TO:<c@d.example>\r\n",
    );
    assert_eq!(offered.ended(), None);
    for (answer, extension) in
        [("250-mx\\r\\n250 8BITMIME", "SMTPUTF8"), ("250-mx\\r\\n250 SMTPUTF8", "8BITMIME"), ("250 mx", "SMTPUTF8")]
    {
        let refused = international(answer, "C:QUIT");
        assert_eq!(refused.ended(), Some((Stage::Mail, Cause::MailExtensionMissing)), "{answer}");
        assert!(refused.stage(Stage::Mail).detail.unwrap().starts_with(extension) && !refused.said("MAIL"));
    }
    let plain = play(full(Mode::Clear), "S:220 mx\\r\\n\nS:250-mx\\r\\n250-8BITMIME\\r\\n250 SMTPUTF8\\r\\n");
    assert_eq!(plain.sent[1], "MAIL FROM:<a@x.example>\r\n", "nothing is asked for that is not needed");
}

#[test]
fn the_wait_that_a_server_names_is_kept_where_it_defers() {
    let wait = |script: &str| play(full(Mode::Clear), script).record.retry_after().map(|wait| wait.as_secs());
    let recipient = |line: &str| wait(&after(PLAIN, &format!("S:250 ok\\r\\n\nS:{line}\\r\\n")));
    assert_eq!(recipient("451 4.7.1 Greylisted, try again in 30 seconds"), Some(30));
    assert_eq!(recipient("451 4.7.1 Greylisted, try again later"), None);
    assert_eq!(recipient("550 5.7.1 no; try again in 30 seconds"), None, "a refusal is no deferral");
    assert_eq!(wait("S:421 4.3.2 busy, retry in 5 minutes\\r\\n\nC:QUIT"), Some(300));
}
