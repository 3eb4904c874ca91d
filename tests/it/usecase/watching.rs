//! Watching servers in use: what opens a case, what does not, and what ends it, in simulated time.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::TimeDelta;
use postern::app::requests::{self, Draft};
use postern::app::{Error, cases, queue, watching};
use postern::apply::StandIn;
use postern::domain::case::Case;
use postern::domain::cause::Cause;
use postern::domain::watching::Mark;
use postern::probe::Shown;
use postern::smtp::report::CertificateReport;
use postern::store::{self, watches};
use postern::worker::{self, Step};
use serde_json::{Value as Json, json};

use crate::support::app::{TestApp, done, draft, fresh_once};
use crate::support::db::{TestDb, on_both};

/// Seconds between two rounds.
const INTERVAL: u32 = 60;

const SETTINGS: &[(&str, &str)] =
    &[("encryption", "starttls"), ("sender_address", "alerts@alder.example"), ("test_recipient", "soc@alder.example")];

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn certificate(t: &TestApp, issuer: &str, days: i64) -> CertificateReport {
    CertificateReport {
        subject: "CN=mail.alder.example".into(),
        issuer: issuer.into(),
        names: vec!["mail.alder.example".into()],
        not_before: t.clock.now() - TimeDelta::days(1),
        not_after: t.clock.now() + TimeDelta::days(days),
        sha256: format!("{issuer}{days}"),
        chain: "pass".into(),
        name: "pass".into(),
    }
}

fn shows(t: &TestApp, address: &str, issuer: &str, days: i64) {
    t.script.show(Shown { addresses: vec![ip(address)], certificate: Some(certificate(t, issuer, days)) });
}

pub(crate) async fn service(db: &TestDb) -> TestApp {
    TestApp::with(db, |config| config.watch.interval = INTERVAL).await
}

/// A server with a name, in use: alerts arrive, the case is at rest.
pub(crate) async fn in_use(t: &TestApp) -> i64 {
    shows(t, "10.20.4.15", "CN=Alder CA", 90);
    let wanted = Draft { smtp_host: "mail.alder.example".into(), ..draft("10.20.4.15") };
    let number = done(requests::send(&t.app, &t.contact, wanted, fresh_once()).await.unwrap()).number;
    queue::claim(&t.app, &t.engineer, number).await.unwrap();
    t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
    // The tunnel test, the full test, the test alert.
    (0..3).for_each(|_| t.script.push(None));
    t.act(&t.contact, number, "let_in_done", &[]).await.unwrap();
    t.drain().await;
    t.act(&t.contact, number, "submit_settings", SETTINGS).await.unwrap();
    t.drain().await;
    if t.case(number).await.flow.state == "apply_by_hand" {
        t.act(&t.engineer, number, "applied_by_hand", &[("evidence", "Saved")]).await.unwrap();
        t.drain().await;
    }
    assert!(watch(t, number).await.is_none(), "what is not in use is not watched");
    t.act(&t.contact, number, "it_arrived", &[]).await.unwrap();
    t.drain().await;
    assert_eq!(t.case(number).await.flow.state, "active");
    number
}

async fn watch(t: &TestApp, number: i64) -> Option<watches::Watch> {
    let case = t.case(number).await;
    let mut tx = t.app.db.read().await.unwrap();
    watches::of_case(&mut tx, (case.customer, case.id)).await.unwrap()
}

/// Lets time pass until the next round, which ends with this; gives its mark.
async fn round(t: &TestApp, number: i64, ends: Option<Cause>) -> Mark {
    let due = watch(t, number).await.unwrap().next_at.unwrap();
    t.clock.advance((due - t.clock.now()).max(TimeDelta::zero()));
    t.script.push(ends);
    assert_eq!(worker::watching::step(&t.app).await.unwrap(), Step::Worked);
    t.drain().await;
    let seen = watching::of_case(&t.app, &t.engineer, number).await.unwrap();
    seen.rounds[0].mark
}

pub(crate) async fn rounds(t: &TestApp, number: i64, ends: &[Option<Cause>]) {
    for end in ends {
        round(t, number, *end).await;
    }
}

/// Somebody else changes the settings in the product.
pub(crate) fn change(product: &StandIn, fields: &[(&str, Json)]) {
    product.store(Json::Object(fields.iter().map(|(field, value)| ((*field).to_owned(), value.clone())).collect()));
}

/// The cases that belong to one, oldest first.
async fn children(t: &TestApp, number: i64) -> Vec<Case> {
    let mut tx = t.app.db.read().await.unwrap();
    let mut children = store::cases::children(&mut tx, number).await.unwrap();
    children.reverse();
    children
}

async fn only_child(t: &TestApp, number: i64) -> Case {
    let children = children(t, number).await;
    assert_eq!(children.len(), 1, "{children:?}");
    children[0].clone()
}

fn field(case: &Case, name: &str) -> String {
    case.flow.data.get(name).map(ToString::to_string).unwrap_or_default()
}

/// Subjects of mails to an address since a moment, without the case's number.
fn subjects(t: &TestApp, address: &str, since: usize) -> Vec<String> {
    let mails = t.app.mailer.sent().into_iter().skip(since).filter(|mail| mail.to == address);
    mails.map(|mail| mail.subject.split_once("] ").unwrap().1.to_owned()).collect()
}

const FOUND: &str = "Trouble with an SMTP server in use";
const OVER: &str = "In order again";

/// A service with a server in use that one round has found in order.
async fn watched(db: &TestDb) -> (TestApp, i64) {
    let t = service(db).await;
    let number = in_use(&t).await;
    rounds(&t, number, &[None]).await;
    (t, number)
}

on_both! {
    async fn a_tunnel_that_is_down_for_two_rounds_opens_one_case_and_its_return_closes_it(db: TestDb) {
        let t = service(&db).await;
        let number = in_use(&t).await;
        let before = t.app.mailer.sent().len();
        let down = Some(Cause::RouteTunnelDown);
        rounds(&t, number, &[None, down, None, down, None]).await;
        assert!(children(&t, number).await.is_empty(), "blips open nothing");
        assert_eq!(t.app.mailer.sent().len(), before, "and mail nobody");

        rounds(&t, number, &[down, down]).await;
        let trouble = only_child(&t, number).await;
        assert_eq!((trouble.workflow.id.as_str(), trouble.flow.state.as_str(), trouble.queued), ("server-trouble", "trouble_found", true));
        assert_eq!((field(&trouble, "found"), field(&trouble, "cause")), ("path".into(), Cause::RouteTunnelDown.id().into()));
        assert!(field(&trouble, "evidence").contains("last in test "), "{}", field(&trouble, "evidence"));
        assert_eq!(subjects(&t, "dana@alder.example", before), [FOUND]);
        assert_eq!(subjects(&t, "kim@vendor.example", before), [FOUND]);

        rounds(&t, number, &[down, Some(Cause::TcpTimeout), down, None]).await;
        assert!(only_child(&t, number).await.is_open, "one good round ends nothing");
        rounds(&t, number, &[None, None]).await;
        let ended = only_child(&t, number).await;
        assert_eq!((ended.flow.state.as_str(), ended.outcome.as_deref()), ("trouble_over", Some("recovered")));
        assert_eq!(subjects(&t, "dana@alder.example", before), [FOUND, OVER]);
        assert_eq!(t.case(number).await.flow.state, "active");
        t.whole_log(number).await;
        t.whole_log(ended.number).await;
        // It can happen again.
        rounds(&t, number, &[down, down]).await;
        assert_eq!(children(&t, number).await.len(), 2);
    }
}

on_both! {
    async fn another_answer_about_the_name_begins_the_notice_and_the_former_one_takes_it_back(db: TestDb) {
        let (t, number) = watched(&db).await;
        shows(&t, "10.20.4.16", "CN=Alder CA", 90);
        assert_eq!(round(&t, number, None).await, Mark::Changed);
        assert!(children(&t, number).await.is_empty());
        // The old one is switched off in the same moment; that is part of the same thing.
        rounds(&t, number, &[Some(Cause::TcpTimeout), Some(Cause::TcpTimeout), None]).await;
        let notice = only_child(&t, number).await;
        assert_eq!((notice.workflow.id.as_str(), field(&notice, "smtp_ip")), ("ip-change", "10.20.4.16".into()));
        let mails = t.mails_to("dana@alder.example");
        let mail = mails.iter().rfind(|mail| mail.subject.contains("Check this")).unwrap();
        let raw = String::from_utf8(mail.raw.clone()).unwrap();
        assert!(raw.contains("began this notice ourselves") && !raw.contains("A contact of your company gave"), "{raw}");
        assert_eq!(t.case(number).await.flow.data.get("smtp_ip").unwrap().to_string(), "10.20.4.15", "nothing is diverted");
        shows(&t, "10.20.4.15", "CN=Alder CA", 90);
        rounds(&t, number, &[None, None]).await;
        assert!(!only_child(&t, number).await.is_open, "a blip of the name");
    }
}

on_both! {
    async fn an_address_that_a_person_rejected_is_not_learned(db: TestDb) {
        let (t, number) = watched(&db).await;
        shows(&t, "10.20.4.16", "CN=Alder CA", 90);
        rounds(&t, number, &[None, None]).await;
        let notice = only_child(&t, number).await.number;
        t.act(&t.contact, notice, "reject_change", &[("reason", "We moved nothing")]).await.unwrap();
        assert_eq!(round(&t, number, None).await, Mark::Changed, "what was rejected is not taken as it is");
        assert_eq!(round(&t, number, None).await, Mark::Changed);
        assert_eq!(watch(&t, number).await.unwrap().memory.addresses, BTreeSet::from([ip("10.20.4.15")]));
        assert_eq!(only_child(&t, number).await.outcome.as_deref(), Some("rejected"), "and nobody is told twice");
    }
}

on_both! {
    async fn a_certificate_that_nobody_answered_for_is_told_again_once_the_main_case_is_back(db: TestDb) {
        let (t, number) = watched(&db).await;
        shows(&t, "10.20.4.15", "CN=Nobody Knows", 300);
        rounds(&t, number, &[None, None]).await;
        let trouble = only_child(&t, number).await.number;
        // The full test passes, then the test alert.
        (0..2).for_each(|_| t.script.push(None));
        t.act(&t.engineer, trouble, "test_settings", &[]).await.unwrap();
        t.drain().await;
        t.act(&t.contact, number, "it_arrived", &[]).await.unwrap();
        rounds(&t, number, &[None, None]).await;
        assert_eq!(watch(&t, number).await.unwrap().memory.certificate.as_ref().unwrap().issuer, "CN=Alder CA");
        let found: Vec<String> = children(&t, number).await.iter().map(|child| field(child, "cause")).collect();
        assert_eq!(found, ["cert.changed", "cert.changed"]);
    }
}

on_both! {
    async fn a_notice_that_a_person_gave_is_what_another_answer_is_expected_by(db: TestDb) {
        let (t, number) = watched(&db).await;
        let notice = [("new_location", "private"), ("new_ip", "10.20.4.16"), ("change_timing", "now")];
        t.act(&t.contact, number, "notify_ip_change", &notice).await.unwrap();
        shows(&t, "10.20.4.16", "CN=Alder CA", 90);
        rounds(&t, number, &[None, None, None]).await;
        assert_eq!(only_child(&t, number).await.opened_by, t.contact.id);
        let down = Some(Cause::TcpTimeout);
        assert_eq!(round(&t, number, down).await, Mark::Unclear, "the former address is switched off");
        rounds(&t, number, &[down, down]).await;
        assert_eq!(only_child(&t, number).await.workflow.id, "ip-change", "no trouble");
    }
}

on_both! {
    async fn the_former_address_may_fail_from_the_planned_time_on_and_not_before(db: TestDb) {
        let (t, number) = watched(&db).await;
        let planned = (t.clock.now() + TimeDelta::days(3)).to_rfc3339();
        let notice = [("new_location", "private"), ("new_ip", "10.20.4.16"), ("change_timing", "planned"), ("effective_at", planned.as_str())];
        t.act(&t.contact, number, "notify_ip_change", &notice).await.unwrap();
        let down = Some(Cause::TcpTimeout);
        assert_eq!(round(&t, number, down).await, Mark::Failed);
        round(&t, number, None).await;
        t.clock.advance(TimeDelta::days(3));
        rounds(&t, number, &[down, down, down]).await;
        assert_eq!(only_child(&t, number).await.workflow.id, "ip-change", "no trouble");
        t.clock.advance(TimeDelta::days(1));
        assert_eq!(round(&t, number, down).await, Mark::Unclear);
    }
}

on_both! {
    async fn a_notice_of_ours_that_a_person_took_up_is_neither_replaced_nor_taken_back(db: TestDb) {
        let (t, number) = watched(&db).await;
        shows(&t, "10.20.4.16", "CN=Alder CA", 90);
        rounds(&t, number, &[None, None]).await;
        let notice = only_child(&t, number).await.number;
        let called = [("called_name", "Lee Moss"), ("called_number", "+49 30 5550"), ("number_on_record", "true")];
        t.act(&t.engineer, notice, "called_back", &called).await.unwrap();
        shows(&t, "10.20.4.17", "CN=Alder CA", 90);
        rounds(&t, number, &[None, None, None]).await;
        assert_eq!(only_child(&t, number).await.flow.state, "ip_reconfigure", "not replaced");
        shows(&t, "10.20.4.15", "CN=Alder CA", 90);
        rounds(&t, number, &[None, None, None]).await;
        assert_eq!(only_child(&t, number).await.flow.state, "ip_reconfigure", "not taken back");
    }
}

on_both! {
    async fn another_certificate_opens_one_case_and_is_taken_once_somebody_says_so(db: TestDb) {
        let (t, number) = watched(&db).await;
        shows(&t, "10.20.4.15", "CN=Alder CA", 300);
        rounds(&t, number, &[None, None]).await;
        assert!(children(&t, number).await.is_empty(), "a renewal");
        shows(&t, "10.20.4.15", "CN=Nobody Knows", 300);
        rounds(&t, number, &[None, None, None]).await;
        let trouble = only_child(&t, number).await;
        assert_eq!((field(&trouble, "found"), field(&trouble, "cause")), ("certificate".into(), "cert.changed".into()));
        assert!(field(&trouble, "evidence").contains("CN=Nobody Knows"));
        t.act(&t.contact, trouble.number, "settle", &[("remedy", "We moved to another authority")]).await.unwrap();
        rounds(&t, number, &[None, None, None]).await;
        assert_eq!(only_child(&t, number).await.outcome.as_deref(), Some("settled"), "it is what is expected from here on");
        let seen = watching::of_case(&t.app, &t.contact, number).await.unwrap();
        assert_eq!(seen.rounds[0].mark, Mark::Good);
    }
}

on_both! {
    async fn what_somebody_took_up_does_not_close_by_itself_and_hears_what_else_is_found(db: TestDb) {
        let t = service(&db).await;
        let number = in_use(&t).await;
        let down = Some(Cause::TcpRefused);
        rounds(&t, number, &[None, down, down]).await;
        let trouble = only_child(&t, number).await.number;
        t.act(&t.engineer, trouble, "take_up", &[]).await.unwrap();
        let before = t.app.mailer.sent().len();
        rounds(&t, number, &[None, None]).await;
        assert_eq!((only_child(&t, number).await.is_open, subjects(&t, "dana@alder.example", before)), (true, vec![OVER.to_owned()]));
        shows(&t, "10.20.4.15", "CN=Alder CA", 5);
        rounds(&t, number, &[None, None]).await;
        let known = only_child(&t, number).await;
        assert_eq!((known.flow.state.as_str(), field(&known, "found")), ("trouble_taken", "expiry".into()));
        // The main case takes over: the settings in force are tested.
        t.script.push(Some(Cause::TcpTimeout));
        t.act(&t.engineer, trouble, "test_settings", &[]).await.unwrap();
        t.drain().await;
        assert_eq!(t.case(number).await.flow.state, "repair_timeout");
        assert_eq!(only_child(&t, number).await.outcome.as_deref(), Some("handed_over"));
        assert_eq!(watch(&t, number).await.unwrap().next_at, None, "what is being repaired is not watched");
    }
}

on_both! {
    async fn what_our_own_side_could_not_do_counts_for_nothing_and_is_tried_more_seldom(db: TestDb) {
        let t = service(&db).await;
        let number = in_use(&t).await;
        let before = t.app.mailer.sent().len();
        let ours = [Cause::ProbeNotRun, Cause::ProbeAgentSilent, Cause::RouteSourceMissing];
        for cause in ours {
            assert_eq!(round(&t, number, Some(cause)).await, Mark::Unclear, "{cause}");
        }
        let wait = watch(&t, number).await.unwrap().next_at.unwrap() - t.clock.now();
        assert!(wait > TimeDelta::seconds(i64::from(INTERVAL) * 7), "{wait}");
        assert!(children(&t, number).await.is_empty());
        assert_eq!(t.app.mailer.sent().len(), before);
        assert!(t.app.mailer.sent().iter().all(|mail| !mail.subject.contains(FOUND)));
    }
}

on_both! {
    async fn settings_that_somebody_changed_in_the_product_are_shown_and_wait_for_a_decision(db: TestDb) {
        let t = service(&db).await;
        let product = t.with_product().await;
        let number = in_use(&t).await;
        rounds(&t, number, &[None, None]).await;
        let drift = "The SMTP settings were changed in the product";
        let before = t.app.mailer.sent().len();
        change(&product, &[("smtpServerPort", json!(25)), ("smtpUseStartTLS", json!(false))]);
        rounds(&t, number, &[None, None, None]).await;
        assert!(children(&t, number).await.is_empty(), "no case: it waits for a decision in this one");
        assert_eq!(field(&t.case(number).await, "drift"), "SMTP server port: 587 became 25; SMTP encryption: starttls became none");
        assert_eq!(subjects(&t, "dana@alder.example", before), [drift]);
        assert_eq!(product.settings()["smtpServerPort"], json!(25), "never overwritten by itself");
        let error = watching::take_over(&t.app, &t.contact, number).await.unwrap_err();
        assert!(error.to_string().contains("has to be whitelisted first"), "{error}");
        change(&product, &[("smtpServerPort", json!(587)), ("emailSender", json!("siem@alder.example"))]);
        rounds(&t, number, &[None, None]).await;
        // Nobody types what stands there.
        let typed = [("encryption", "none"), ("sender_address", "spy@evil.example")];
        let error = t.act(&t.contact, number, "take_over_settings", &typed).await.unwrap_err();
        assert!(error.to_string().contains("read there, not typed"), "{error}");
        let view = cases::view(&t.app, &t.contact, number).await.unwrap();
        assert!(view.offers.iter().all(|rule| rule.event != "take_over_settings"));
        // What stands there is taken over: it is tested, and applied as a revision of its own.
        (0..2).for_each(|_| t.script.push(None));
        watching::take_over(&t.app, &t.contact, number).await.unwrap();
        t.drain().await;
        let case = t.case(number).await;
        assert_eq!((case.flow.state.as_str(), field(&case, "smtp_port"), field(&case, "encryption")), ("confirm_delivery", "587".into(), "none".into()));
        assert_eq!(field(&case, "sender_address"), "siem@alder.example");
        t.act(&t.contact, number, "it_arrived", &[]).await.unwrap();
        rounds(&t, number, &[None, None]).await;
        assert_eq!(field(&t.case(number).await, "drift"), "");
        let error = watching::take_over(&t.app, &t.contact, number).await.unwrap_err();
        assert!(error.to_string().contains("that were applied"), "{error}");

        change(&product, &[("smtpServerPort", json!(2525))]);
        rounds(&t, number, &[None, None]).await;
        (0..2).for_each(|_| t.script.push(None));
        t.act(&t.engineer, number, "apply_again", &[]).await.unwrap();
        t.drain().await;
        let case = t.case(number).await;
        assert_eq!(case.flow.state, "confirm_delivery");
        assert_eq!(product.settings()["smtpServerPort"], json!(587), "ours again");
        t.whole_log(number).await;
    }
}

on_both! {
    async fn drift_that_was_put_back_in_the_product_ends_by_itself(db: TestDb) {
        let t = service(&db).await;
        let product = t.with_product().await;
        let number = in_use(&t).await;
        change(&product, &[("smtpServerPort", json!(25))]);
        rounds(&t, number, &[None, None]).await;
        assert_ne!(field(&t.case(number).await, "drift"), "");
        change(&product, &[("smtpServerPort", json!(587))]);
        rounds(&t, number, &[None, None]).await;
        assert_eq!(field(&t.case(number).await, "drift"), "");
    }
}

on_both! {
    async fn what_our_own_change_of_the_settings_applied_is_no_drift_before_it_is_confirmed_too(db: TestDb) {
        let t = service(&db).await;
        let product = t.with_product().await;
        let number = in_use(&t).await;
        rounds(&t, number, &[None]).await;
        t.act(&t.contact, number, "change_settings", &[]).await.unwrap();
        let changing = only_child(&t, number).await.number;
        // The full test, the test alert.
        (0..2).for_each(|_| t.script.push(None));
        t.act(&t.contact, changing, "change_sender", &[("sender_address", "siem@alder.example")]).await.unwrap();
        t.drain().await;
        assert_eq!((only_child(&t, number).await.flow.state.as_str(), &product.settings()["emailSender"]), ("change_confirm", &json!("siem@alder.example")));
        let before = t.app.mailer.sent().len();
        rounds(&t, number, &[None, None, None]).await;
        assert_eq!((field(&t.case(number).await, "drift"), subjects(&t, "dana@alder.example", before)), (String::new(), Vec::new()));
        t.act(&t.contact, changing, "it_arrived", &[]).await.unwrap();
        t.drain().await;
        change(&product, &[("smtpServerPort", json!(25))]);
        rounds(&t, number, &[None, None]).await;
        assert_ne!(field(&t.case(number).await, "drift"), "", "another hand is seen again");
    }
}

on_both! {
    async fn two_nodes_begin_each_round_once(db: TestDb) {
        let t = service(&db).await;
        let number = in_use(&t).await;
        let other = t.second_node(&db).await;
        for _ in 0..3 {
            let due = watch(&t, number).await.unwrap().next_at.unwrap();
            t.clock.advance(due - t.clock.now());
            t.script.push(None);
            let (one, two) = tokio::join!(worker::watching::step(&t.app), worker::watching::step(&other));
            assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
            t.drain().await;
        }
        let seen = watching::of_case(&t.app, &t.engineer, number).await.unwrap();
        assert_eq!(seen.rounds.iter().map(|round| round.number).collect::<Vec<_>>(), [3, 2, 1]);
        let tests: BTreeSet<i64> = seen.rounds.iter().map(|round| round.test).collect();
        assert_eq!(tests.len(), 3);
        let list = cases::tests(&t.app, &t.engineer, number).await.unwrap();
        assert!(list.iter().all(|test| !tests.contains(&test.number)), "rounds do not crowd the list of tests");
    }
}

on_both! {
    async fn a_pause_holds_rounds_back_and_only_staff_pauses(db: TestDb) {
        let t = service(&db).await;
        let number = in_use(&t).await;
        let stranger = t.stranger().await;
        for refused in [
            watching::of_case(&t.app, &stranger, number).await.map(|_| ()),
            watching::now(&t.app, &stranger, number).await,
            watching::pause(&t.app, &stranger, number, true).await,
            watching::take_over(&t.app, &stranger, number).await,
        ] {
            assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
        }
        assert!(matches!(watching::pause(&t.app, &t.contact, number, true).await, Err(Error::Forbidden(_))));
        assert!(matches!(watching::list(&t.app, &t.contact, 0).await, Err(Error::Forbidden(_))));
        watching::pause(&t.app, &t.engineer, number, true).await.unwrap();
        assert!(matches!(watching::now(&t.app, &t.contact, number).await, Err(Error::Refused(_))));
        t.clock.advance(TimeDelta::days(1));
        assert_eq!(worker::watching::step(&t.app).await.unwrap(), Step::Idle);
        watching::pause(&t.app, &t.engineer, number, false).await.unwrap();
        assert_eq!(round(&t, number, None).await, Mark::Good);
        watching::now(&t.app, &t.contact, number).await.unwrap();
        assert_eq!(worker::watching::step(&t.app).await.unwrap(), Step::Worked);
        assert!(matches!(watching::now(&t.app, &t.contact, number).await, Err(Error::Refused(_))), "one runs");
        assert!(matches!(watching::now(&t.app, &t.admin, number).await, Err(Error::Forbidden(_))));
        let listed = watching::list(&t.app, &t.engineer, 0).await.unwrap();
        assert_eq!(listed.iter().map(|row| row.number).collect::<Vec<_>>(), [number]);
        assert!(watching::list(&t.app, &t.engineer, number).await.unwrap().is_empty());
    }
}

on_both! {
    async fn rounds_that_the_customer_asks_for_count_towards_the_limit_on_tests(db: TestDb) {
        let t = service(&db).await;
        let number = in_use(&t).await;
        t.clock.advance(TimeDelta::hours(2));
        round(&t, number, None).await;
        let mut begun = 0;
        let next = loop {
            match watching::now(&t.app, &t.contact, number).await {
                Ok(()) => begun += 1,
                Err(Error::TestTooSoon(next)) => break next,
                Err(other) => panic!("{other}"),
            }
            assert!(begun <= t.app.probe.per_customer_hour, "there is no limit");
            t.script.push(None);
            assert_eq!(worker::watching::step(&t.app).await.unwrap(), Step::Worked);
            t.drain().await;
        };
        assert_eq!((begun, next), (t.app.probe.per_customer_hour, t.clock.now() + TimeDelta::hours(1)));
        // Rounds on the schedule and those of engineers go on, and count for nothing.
        watching::now(&t.app, &t.engineer, number).await.unwrap();
        assert_eq!(round(&t, number, None).await, Mark::Good);
        t.clock.advance(next - t.clock.now());
        watching::now(&t.app, &t.contact, number).await.unwrap();
    }
}

on_both! {
    async fn rounds_and_their_tests_are_forgotten_after_90_days(db: TestDb) {
        let t = service(&db).await;
        let number = in_use(&t).await;
        let tests = db.number("SELECT COUNT(*) FROM probes").await;
        rounds(&t, number, &[None, None]).await;
        assert_eq!(db.number("SELECT COUNT(*) FROM probes").await, tests + 2);
        t.clock.advance(TimeDelta::days(89));
        postern::app::forget_old_answers(&t.app).await.unwrap();
        assert_eq!(db.number("SELECT COUNT(*) FROM watch_rounds").await, 2);
        t.clock.advance(TimeDelta::days(2));
        postern::app::forget_old_answers(&t.app).await.unwrap();
        assert_eq!(db.number("SELECT COUNT(*) FROM watch_rounds").await, 0);
        assert_eq!(db.number("SELECT COUNT(*) FROM probes").await, tests, "tests of the case itself stay");
    }
}

on_both! {
    async fn the_resolver_of_a_tunnel_is_one_that_the_tunnel_carries(db: TestDb) {
        let t = service(&db).await;
        let number = in_use(&t).await;
        for wrong in ["dns.alder.example", "192.0.2.1", "10.99.0.8", "10.20.0.0/16"] {
            let refused = watching::set_resolver(&t.app, &t.engineer, "alder-1", Some(wrong.into())).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{wrong}: {refused:?}");
        }
        let forbidden = watching::set_resolver(&t.app, &t.contact, "alder-1", None).await;
        assert!(matches!(forbidden, Err(Error::Forbidden(_))));
        watching::set_resolver(&t.app, &t.engineer, "alder-1", Some("10.20.4.53".into())).await.unwrap();
        rounds(&t, number, &[None]).await;
        let asked = t.script.asked().pop().unwrap().look_up.unwrap();
        assert_eq!((asked.name.as_str(), asked.server), ("mail.alder.example", Some(ip("10.20.4.53"))));
    }
}
