//! A case and those that belong to it: begun once, told in order, and what a change of the settings leaves behind.

use std::sync::Arc;

use chrono::TimeDelta;
use postern::app::{Error, cases, queue};
use postern::apply::{Behaviour, StandIn};
use postern::domain::cause::Cause;
use postern::domain::tunnel::Progress;
use postern::domain::whitelist::Protocol;
use postern::domain::workflow::Refusal;
use postern::store;
use serde_json::{Value as Json, json};
use tokio::sync::Barrier;

use crate::support::app::{TestApp, act, once};
use crate::support::db::on_both;

const OLD_PASSWORD: &str = "canary-Password-old";
const NEW_PASSWORD: &str = "canary-Password-new";

const SETTINGS: &[(&str, &str)] = &[
    ("encryption", "starttls"),
    ("sender_address", "alerts@alder.example"),
    ("test_recipient", "soc@alder.example"),
    ("smtp_account", "canary-account"),
    ("smtp_password", OLD_PASSWORD),
];

/// A server in use: alerts arrive, the case is at rest.
pub(crate) async fn in_use(t: &TestApp) -> i64 {
    let number = t.reached().await;
    let has_product = t.case(number).await.tenant.is_some();
    t.script.push(None);
    if has_product {
        t.script.push(None);
    }
    t.act(&t.contact, number, "submit_settings", SETTINGS).await.unwrap();
    t.drain().await;
    if !has_product {
        t.script.push(None);
        t.act(&t.engineer, number, "applied_by_hand", &[("evidence", "Saved")]).await.unwrap();
        t.drain().await;
    }
    t.act(&t.contact, number, "it_arrived", &[]).await.unwrap();
    t.drain().await;
    assert_eq!(t.case(number).await.flow.state, "active");
    number
}

/// Begins a change and gives the number of its case.
async fn change(t: &TestApp, main: i64) -> i64 {
    t.act(&t.contact, main, "change_settings", &[]).await.unwrap();
    cases::youngest_child(&t.app, &t.contact, main).await.unwrap().unwrap()
}

/// One step and the state that it leads to.
pub(super) async fn step(t: &TestApp, number: i64, (by, event): (&str, &str), answers: &[(&str, &str)], state: &str) {
    let person = if by == "customer" { &t.contact } else { &t.engineer };
    t.act(person, number, event, answers).await.unwrap_or_else(|error| panic!("{event}: {error}"));
    t.drain().await;
    assert_eq!(t.case(number).await.flow.state, state, "after {event}");
}

pub(super) fn in_product(product: &StandIn, fields: [(&str, Json); 3]) {
    let held = product.settings();
    for (field, value) in fields {
        assert_eq!(held[field], value, "{field}");
    }
}

fn events(rows: &[store::log::Row]) -> Vec<String> {
    let bodies = rows.iter().map(|row| serde_json::from_str::<Json>(&row.body).unwrap());
    bodies.filter_map(|body| body["event"].as_str().map(str::to_owned)).collect()
}

on_both! {
    async fn another_password_is_tested_applied_confirmed_and_then_the_main_cases(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let main = in_use(&t).await;
        let before = t.case(main).await;
        let number = change(&t, main).await;
        let child = t.case(number).await;
        assert_eq!((child.parent, child.customer, child.tunnel, child.tenant), (Some(main), before.customer, before.tunnel, before.tenant));
        assert_eq!((child.opened_by, child.queued, child.flow.state.as_str()), (before.opened_by, true, "change_asked"));
        assert!(child.flow.sealed.contains("smtp_password"), "the stored password is the child's too");

        t.script.push(Some(Cause::AuthBadCredentials));
        step(&t, number, ("customer", "change_account"), &[("smtp_password", "wrong")], "change_asked").await;
        in_product(&product, [("smtpServerPort", json!(587)), ("smtpAccountPassword", json!(OLD_PASSWORD)), ("smtpUseStartTLS", json!(true))]);
        t.script.push(None);
        t.script.push(None);
        step(&t, number, ("customer", "change_account"), &[("smtp_password", NEW_PASSWORD)], "change_confirm").await;
        in_product(&product, [("smtpAccount", json!("canary-account")), ("smtpAccountPassword", json!(NEW_PASSWORD)), ("smtpServerPort", json!(587))]);
        assert_eq!(t.case(main).await.revision, before.revision + 1, "the main case knows of the beginning only");

        step(&t, number, ("customer", "it_arrived"), &[], "change_done").await;
        let (after, child) = (t.case(main).await, t.case(number).await);
        assert_eq!((after.flow.state.as_str(), child.is_open, child.outcome.as_deref()), ("active", false, Some("settings_changed")));
        assert!(after.flow.sealed.contains("smtp_account") && after.flow.sealed.contains("smtp_password"));
        let log = events(&t.whole_log(main).await);
        assert_eq!(log[log.len() - 3..], ["change_settings", "account_dropped", "settings_changed"], "in order, each once");
        t.whole_log(number).await;

        let mut tx = t.app.db.read().await.unwrap();
        let revisions = store::settings::of_case(&mut tx, after.customer, after.id).await.unwrap();
        let ours = store::settings::of_case(&mut tx, after.customer, child.id).await.unwrap();
        assert_eq!((revisions.len(), revisions[0].password_id), (2, ours[0].password_id), "the main case has them as its own");
        assert!(revisions[0].passed_probe.is_some() && revisions[0].applied_at.is_some());
        let tenant = store::customers::tenant(&mut tx, after.customer, after.tenant.unwrap()).await.unwrap().unwrap();
        assert_eq!(tenant.settings_in_use, Some(revisions[0].id));
        drop(tx);
        // What is in force is what the main case tests with from here on.
        t.script.push(None);
        t.script.push(None);
        t.act(&t.contact, main, "report_problem", &[("channel", "smtp"), ("symptom", "cannot_send")]).await.unwrap();
        t.drain().await;
        assert_eq!(t.case(main).await.flow.state, "confirm_delivery");
        assert!(db.number("SELECT COUNT(*) FROM settings").await == 4, "no new revision: it is the one that was adopted");
        assert!(postern::app::replay::all(&t.app.db).await.unwrap().findings.is_empty());
    }
}

on_both! {
    async fn another_port_is_another_entry_on_both_sides_and_the_former_one_is_retired(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let main = in_use(&t).await;
        let number = change(&t, main).await;
        let connection = [("smtp_port", "465"), ("encryption", "implicit_tls")];
        step(&t, number, ("customer", "change_connection"), &connection, "change_whitelist").await;
        step(&t, number, ("engineer", "port_whitelisted"), &[("change_ref", "CHG-9")], "change_let_in").await;
        t.script.push(None);
        t.script.push(None);
        step(&t, number, ("customer", "let_in_done"), &[], "change_confirm").await;
        in_product(&product, [("smtpServerPort", json!(465)), ("tls", json!(true)), ("smtpUseStartTLS", json!(false))]);
        step(&t, number, ("customer", "it_arrived"), &[], "change_done").await;
        let after = t.case(main).await;
        assert_eq!((after.flow.data["smtp_port"].to_string(), after.flow.data["encryption"].to_string()), ("465".into(), "implicit_tls".into()));
        let mut tx = t.app.db.read().await.unwrap();
        for (port, progress) in [(465, Progress::Proven), (587, Progress::Retired)] {
            let place = (port, Protocol::Tcp);
            let entry = store::whitelist::find(&mut tx, after.tunnel.unwrap(), "10.20.4.15/32", place).await.unwrap().unwrap();
            assert_eq!((entry.ours, entry.theirs), (progress, progress), "port {port}");
        }
    }
}

on_both! {
    async fn what_the_product_does_not_take_is_put_back_and_read_back(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let main = in_use(&t).await;
        let number = change(&t, main).await;
        product.set_behaviour(Behaviour::StoresPartly);
        t.script.push(None);
        step(&t, number, ("customer", "change_sender"), &[("sender_address", "siem@alder.example")], "change_not_taken").await;
        product.set_behaviour(Behaviour::Normal);
        in_product(&product, [("emailSender", json!("alerts@alder.example")), ("smtpServerPort", json!(587)), ("smtpAccount", json!("canary-account"))]);
        assert_eq!(t.case(main).await.flow.data["sender_address"].to_string(), "alerts@alder.example");
        let told = t.mails_to("dana@alder.example").into_iter().any(|mail| mail.subject.contains("former SMTP settings are in force"));
        assert!(told, "the customer is told");
        step(&t, number, ("engineer", "give_up"), &[("reason", "The product is too old")], "change_given_up").await;
        // The way is free for another change.
        let next = change(&t, main).await;
        assert!(next > number);
    }
}

on_both! {
    async fn without_a_test_alert_the_former_settings_are_put_back_in_the_product(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let main = in_use(&t).await;
        let number = change(&t, main).await;
        t.script.push(None);
        t.script.push(None);
        let both = [("smtp_password", NEW_PASSWORD), ("smtp_account", "canary-other")];
        step(&t, number, ("customer", "change_account"), &both, "change_confirm").await;
        in_product(&product, [("smtpAccount", json!("canary-other")), ("smtpAccountPassword", json!(NEW_PASSWORD)), ("smtpServerPort", json!(587))]);
        let patches = |product: &StandIn| product.requests().iter().filter(|request| request.method == "PATCH").count();
        let written = patches(&product);
        step(&t, number, ("customer", "it_did_not_arrive"), &[], "change_not_taken").await;
        in_product(&product, [("smtpAccount", json!("canary-account")), ("smtpAccountPassword", json!(OLD_PASSWORD)), ("smtpServerPort", json!(587))]);
        assert_eq!(patches(&product), written + 1);
        assert_eq!(product.requests().last().unwrap().method, "GET", "read back");
        step(&t, number, ("customer", "withdraw"), &[], "change_withdrawn").await;
        let mut tx = t.app.db.read().await.unwrap();
        let parent = t.case(main).await;
        let former = store::settings::newest_applied(&mut tx, parent.customer, parent.id).await.unwrap().unwrap();
        let tenant = store::customers::tenant(&mut tx, parent.customer, parent.tenant.unwrap()).await.unwrap().unwrap();
        assert_eq!(tenant.settings_in_use, Some(former.id));
    }
}

on_both! {
    async fn when_the_main_case_moves_on_the_change_ends_and_takes_back_what_it_applied(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let main = in_use(&t).await;
        let number = change(&t, main).await;
        t.script.push(None);
        t.script.push(None);
        step(&t, number, ("customer", "change_sender"), &[("sender_address", "siem@alder.example")], "change_confirm").await;
        t.script.push(None);
        t.script.push(None);
        t.act(&t.contact, main, "report_problem", &[("channel", "smtp"), ("symptom", "cannot_send")]).await.unwrap();
        assert_eq!(t.case(number).await.flow.state, "change_putting_back", "in the same transaction");
        t.drain().await;
        assert_eq!((t.case(number).await.flow.state.as_str(), t.case(main).await.flow.state.as_str()), ("change_withdrawn", "confirm_delivery"));
        in_product(&product, [("emailSender", json!("alerts@alder.example")), ("smtpServerPort", json!(587)), ("smtpAccount", json!("canary-account"))]);
        let (last, log) = (t.whole_log(number).await, t.whole_log(main).await);
        let told = |rows: &[store::log::Row], event: &str| {
            let body = rows.iter().map(|row| serde_json::from_str::<Json>(&row.body).unwrap()).find(|body| body["event"] == event);
            body.unwrap()["from_case"].clone()
        };
        assert_eq!(told(&last, "withdraw"), json!(main));
        assert!(log.len() > 10);
    }
}

on_both! {
    async fn a_tenant_without_an_api_is_changed_and_changed_back_by_hand(db: TestDb) {
        let t = TestApp::new(&db).await;
        let main = in_use(&t).await;
        let number = change(&t, main).await;
        t.script.push(None);
        step(&t, number, ("customer", "change_sender"), &[("sender_address", "siem@alder.example")], "change_by_hand").await;
        t.script.push(None);
        step(&t, number, ("engineer", "applied_by_hand"), &[("evidence", "Saved")], "change_confirm").await;
        step(&t, number, ("customer", "it_did_not_arrive"), &[], "change_back_by_hand").await;
        step(&t, number, ("engineer", "put_back_by_hand"), &[("evidence", "Saved")], "change_not_taken").await;
        t.script.push(None);
        step(&t, number, ("engineer", "try_again"), &[], "change_by_hand").await;
        t.script.push(None);
        step(&t, number, ("engineer", "applied_by_hand"), &[("evidence", "Saved")], "change_confirm").await;
        t.pass(TimeDelta::days(30)).await;
        assert_eq!(t.case(number).await.flow.state, "change_unanswered", "silence takes nothing away");
        assert_eq!(t.case(main).await.flow.data["sender_address"].to_string(), "siem@alder.example");
        let mut tx = t.app.db.read().await.unwrap();
        let parent = t.case(main).await;
        let newest = store::settings::newest(&mut tx, parent.customer, parent.id).await.unwrap().unwrap();
        assert!(newest.applied_how.unwrap().contains("confirmed by Kim Castle"));
    }
}

on_both! {
    async fn one_change_at_a_time_and_a_newer_notice_replaces_an_older_one(db: TestDb) {
        let t = TestApp::new(&db).await;
        let main = in_use(&t).await;
        let number = change(&t, main).await;
        let revision = t.case(main).await.revision;
        let notice = [("new_location", "private"), ("new_ip", "10.20.4.16"), ("change_timing", "now")];
        for (event, answers) in [("change_settings", &[][..]), ("notify_ip_change", &notice[..])] {
            let refused = t.act(&t.contact, main, event, answers).await;
            assert!(
                matches!(&refused, Err(Error::Refused(Refusal::Guard(text))) if text.contains(&format!("Case {number}"))),
                "{event}: {refused:?}"
            );
        }
        assert_eq!(t.case(main).await.revision, revision, "nothing stays of what was refused");
        step(&t, number, ("customer", "withdraw"), &[], "change_withdrawn").await;
        t.act(&t.contact, main, "notify_ip_change", &notice).await.unwrap();
        let first = cases::youngest_child(&t.app, &t.contact, main).await.unwrap().unwrap();
        t.drain().await;
        let asked = t.mails_to("dana@alder.example").into_iter().filter(|mail| mail.subject.starts_with(&format!("[{first}]"))).count();
        assert!(asked >= 1, "what the birth of the child orders is done");
        let newer = [("new_location", "private"), ("new_ip", "10.20.4.17"), ("change_timing", "now")];
        t.act(&t.contact, main, "notify_ip_change", &newer).await.unwrap();
        let second = cases::youngest_child(&t.app, &t.contact, main).await.unwrap().unwrap();
        assert_eq!((t.case(first).await.flow.state.as_str(), t.case(second).await.flow.state.as_str()), ("ip_superseded", "ip_received"));
    }
}

on_both! {
    async fn a_repeat_and_a_race_begin_one_child(db: TestDb) {
        let t = TestApp::new(&db).await;
        let main = in_use(&t).await;
        let mut same = act(main, "change_settings", &[]);
        same.once = once("key-1", "change");
        let start = Arc::new(Barrier::new(4));
        let mut tries = Vec::new();
        for index in 0..4 {
            let (app, person, start) = (Arc::clone(&t.app), t.contact.clone(), Arc::clone(&start));
            let mut act = same.clone();
            if index % 2 == 1 {
                act.once = once(&format!("key-{index}"), "change");
            }
            tries.push(tokio::spawn(async move {
                start.wait().await;
                cases::act(&app, &person, act).await.is_ok()
            }));
        }
        for attempt in tries {
            attempt.await.unwrap();
        }
        assert_eq!(db.number("SELECT COUNT(*) FROM cases WHERE parent IS NOT NULL").await, 1);
        let begun = events(&t.whole_log(main).await).into_iter().filter(|event| event == "change_settings").count();
        assert_eq!(begun, 1);
        t.whole_log(main + 1).await;
    }
}

on_both! {
    async fn parent_and_child_that_are_changed_at_once_wait_for_each_other(db: TestDb) {
        let t = TestApp::new(&db).await;
        let main = in_use(&t).await;
        for round in 0..20 {
            let number = change(&t, main).await;
            let start = Arc::new(Barrier::new(2));
            // Both change both: the child ends by its own act, and the main case ends its children.
            let acts = [(number, "withdraw", &[][..]), (main, "retire", &[("reason", "x")][..])];
            let tries = acts.map(|(number, event, answers)| {
                let (app, person, start) = (Arc::clone(&t.app), t.contact.clone(), Arc::clone(&start));
                let act = act(number, event, answers);
                tokio::spawn(async move {
                    start.wait().await;
                    cases::act(&app, &person, act).await
                })
            });
            let [child, parent] = tries;
            let (child, parent) = (child.await.unwrap(), parent.await.unwrap());
            assert!(parent.is_ok(), "round {round}: {:?}", parent.err());
            assert!(matches!(child, Ok(_) | Err(Error::Refused(Refusal::Unhandled { .. }))), "round {round}: {:?}", child.err());
            assert_eq!(t.case(number).await.flow.state, "change_withdrawn");
            t.act(&t.contact, main, "reopen", &[]).await.unwrap();
        }
        t.whole_log(main).await;
    }
}

on_both! {
    async fn whoever_sees_the_parent_sees_the_child_and_nobody_else(db: TestDb) {
        let t = TestApp::new(&db).await;
        let main = in_use(&t).await;
        let number = change(&t, main).await;
        let stranger = t.stranger().await;
        assert!(matches!(cases::one(&t.app, &stranger, number).await, Err(Error::NotFound)));
        let view = cases::view(&t.app, &t.contact, main).await.unwrap();
        assert_eq!(view.family.children.iter().map(|child| child.number).collect::<Vec<_>>(), [number]);
        let view = cases::view(&t.app, &t.engineer, number).await.unwrap();
        assert_eq!(view.family.parent.map(|parent| parent.number), Some(main));
        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        assert_eq!(t.case(main).await.claimant(), Some(t.engineer.id), "each case is claimed by itself");
    }
}
