//! The rows of tests/corpus/smtp/smtp-cases.tsv about what is entered for a test. Each test begins with the id of its
//! row.

use postern::domain::cause::Cause;
use postern::probe::{Entered, FormFault};
use postern::secret::Secret;

fn entered() -> Entered {
    Entered { host: "10.20.4.15".into(), port: "587".into(), encryption: "starttls".into(), ..Entered::default() }
}

fn fault(entered: &Entered) -> FormFault {
    entered.parse().expect_err("this must be refused")
}

#[test]
fn s008_tls_alone_is_ambiguous_and_the_two_meanings_are_told() {
    let fault = fault(&Entered { encryption: "tls".into(), ..entered() });
    assert_eq!((fault.cause, fault.field), (Cause::FormModeConflict, "encryption"));
    let told = "enter starttls (clear text first, then encrypted) or implicit_tls (encrypted from the first byte)";
    assert!(fault.detail.starts_with("\"tls\"") && fault.detail.contains(told), "{}", fault.detail);
}

#[test]
fn s036_our_name_without_a_space() {
    let fault = fault(&Entered { ehlo_name: Some("Acme Monitoring".into()), ..entered() });
    assert_eq!((fault.cause, fault.field), (Cause::FormHeloInvalid, "ehlo-name"));
    assert!(fault.detail.contains("contains a space"), "{}", fault.detail);
}

#[test]
fn s067_a_mask_is_no_password() {
    for mask in ["***", "••••••••"] {
        let password = Some(Secret::new(mask.to_owned()));
        let fault = fault(&Entered { account: Some("u".into()), password, ..entered() });
        assert_eq!((fault.cause, fault.field), (Cause::FormMaskAsSecret, "password"));
        assert!(!fault.detail.contains(mask));
    }
}

#[test]
fn s097_a_sender_is_needed() {
    assert_eq!(fault(&Entered { sender: Some(String::new()), ..entered() }).cause, Cause::FormSenderMissing);
    let recipients = vec!["c@d.example".to_owned()];
    assert_eq!(fault(&Entered { recipients, ..entered() }).cause, Cause::FormSenderMissing);
}

#[test]
fn s100_the_bad_character_of_a_sender_is_named_with_its_place() {
    let fault = fault(&Entered { sender: Some("no-reply<<security@x.example>>".into()), ..entered() });
    assert_eq!((fault.cause, fault.field), (Cause::FormAddressInvalid, "sender"));
    assert!(fault.detail.contains("\"<\", character 9,"), "{}", fault.detail);
}

#[test]
fn s113_a_recipient_carries_neither_a_command_nor_kilobytes() {
    let recipient = |text: &str| {
        let entered = Entered { sender: Some("a@b.example".into()), recipients: vec![text.to_owned()], ..entered() };
        fault(&entered)
    };
    assert_eq!(recipient("a@b>\r\nRCPT TO:<c@d").cause, Cause::FormControlChar);
    let long = recipient(&format!("{}@b.example", "x".repeat(5000)));
    assert_eq!((long.cause, long.field), (Cause::FormAddressInvalid, "recipient"));
    assert!(long.detail.contains("64"), "{}", long.detail);
    let domain = recipient(&format!("x@{}", "y.".repeat(130) + "example"));
    assert_eq!(domain.cause, Cause::FormAddressInvalid);
}

#[test]
fn s115_outer_space_is_dropped_and_inner_space_refused() {
    let request = Entered { host: "smtp.example.com ".into(), port: "587 ".into(), ..entered() }.parse().unwrap();
    assert_eq!((request.host.to_string().as_str(), request.port), ("smtp.example.com", 587));
    assert_eq!(fault(&Entered { host: "smtp. example.com".into(), ..entered() }).cause, Cause::FormHostInvalid);
    assert_eq!(fault(&Entered { port: "5 87".into(), ..entered() }).cause, Cause::FormPortRange);
}

#[test]
fn s116_a_port_is_a_number_of_ascii_digits_in_range() {
    for port in ["0", "65536", "999999", "-1", "25.0", "abc", "", "٢٥"] {
        let fault = fault(&Entered { port: port.into(), ..entered() });
        assert_eq!((fault.cause, fault.field), (Cause::FormPortRange, "port"), "{port}");
    }
}

#[test]
fn s117_a_word_is_read_in_any_case_or_shown_as_received() {
    let request = Entered { encryption: " StartTLS".into(), ..entered() }.parse().unwrap();
    assert_eq!(request.encryption.as_str(), "starttls");
    let fault = fault(&Entered { encryption: "\"starttls\"".into(), ..entered() });
    assert!(fault.detail.contains(r#""\"starttls\"""#), "{}", fault.detail);
}
