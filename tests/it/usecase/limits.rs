//! Who may have what tested, and how often: one test of a customer at once, so many over all, a few an hour, and only what
//! is approved.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use postern::app::admin::{self, Place};
use postern::app::{App, Error, probes, requests};
use postern::clock::fresh_id;
use postern::domain::actor::Person;
use postern::domain::case::Case;
use postern::domain::customer::Architecture;
use postern::domain::id::{CustomerId, ProbeId};
use postern::domain::tunnel::Tunnel;
use postern::domain::workflow::Refusal;
use postern::store::probes::{Outcome, Probe};
use postern::store::{self, StoreError};
use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::app::{TestApp, done, draft, fresh_once, tunnel};
use crate::support::db::on_both;

/// A case of one more customer, in a routing domain of its own.
async fn house(t: &TestApp, index: u32) -> Case {
    let customer = admin::add_customer(&t.app, format!("House {index}"), Architecture::Vpn).await.unwrap();
    let way = Tunnel {
        routing_domain: format!("house-{index}"),
        ..tunnel(&customer, &format!("house-{index}"), "10.20.0.0/16")
    };
    admin::put_tunnel(&t.app, way).await.unwrap();
    let place = Place::Contact { customer: customer.id, all_cases: true };
    let who = (format!("Contact {index}"), format!("contact@house-{index}.example"));
    let person = admin::add_person(&t.app, who, place, None).await.unwrap();
    done(requests::send(&t.app, &person, draft("10.20.4.15"), fresh_once()).await.unwrap())
}

/// Puts a test of a case into the queue, as if the workflow had.
async fn queued(app: &Arc<App>, case: &Case, at: DateTime<Utc>) {
    let probe = Probe {
        customer_id: case.customer,
        id: ProbeId::new(fresh_id()),
        case_id: case.id,
        number: 0,
        effect_key: fresh_id().to_string(),
        level: "reach".into(),
        case_entered: 1,
        answers: String::new(),
        settings_id: None,
        target_host: "10.20.4.15".into(),
        target_port: 587,
        state: "queued".into(),
        attempts: 0,
        requested_at: at,
        by_customer: false,
        finished_at: None,
        verdict: None,
        cause: None,
        report: None,
        progress: None,
    };
    app.db
        .write(move |tx| {
            let probe = probe.clone();
            Box::pin(async move { store::probes::add(tx, &probe, at).await })
        })
        .await
        .unwrap();
}

async fn claim(app: &Arc<App>, at_once: u32) -> Option<Probe> {
    let (node, now) = (app.node.clone(), app.now());
    app.db
        .write(move |tx| {
            let (node, until) = (node.clone(), now + TimeDelta::seconds(240));
            Box::pin(async move { store::probes::claim(tx, &node, (now, until), at_once).await })
        })
        .await
        .unwrap()
}

async fn finish(app: &Arc<App>, owner: &str, probe: Probe) {
    let (owner, at) = (owner.to_owned(), app.now());
    let finished: Result<bool, StoreError> = app
        .db
        .write(move |tx| {
            let (owner, probe) = (owner.clone(), probe.clone());
            Box::pin(async move {
                let outcome = Outcome { verdict: "reachable", cause: None, report: &json!({}), at };
                store::probes::finish(tx, &probe, &owner, &outcome).await
            })
        })
        .await;
    assert!(finished.unwrap());
}

on_both! {
    async fn two_nodes_that_claim_at_once_never_exceed_the_limits(db: TestDb) {
        let t = TestApp::new(&db).await;
        let nodes = [Arc::clone(&t.app), t.second_node(&db).await];
        for index in 0..5 {
            let case = house(&t, index).await;
            for second in 0..4 {
                queued(&t.app, &case, t.clock.now() - TimeDelta::seconds(100 - second)).await;
            }
        }
        let mut ran = 0;
        let mut rounds = 0;
        while ran < 20 {
            rounds += 1;
            assert!(rounds <= 20, "{ran} ran in {rounds} rounds");
            let start = Arc::new(Barrier::new(8));
            let mut claims = JoinSet::new();
            for which in 0..8 {
                let (app, start) = (Arc::clone(&nodes[which % 2]), Arc::clone(&start));
                claims.spawn(async move {
                    start.wait().await;
                    (app.node.clone(), claim(&app, 3).await)
                });
            }
            let claimed: Vec<(String, Probe)> =
                claims.join_all().await.into_iter().filter_map(|(node, probe)| Some((node, probe?))).collect();
            let customers: BTreeSet<CustomerId> = claimed.iter().map(|(_, probe)| probe.customer_id).collect();
            assert_eq!(customers.len(), claimed.len(), "one of each customer: {claimed:?}");
            assert!(claimed.len() <= 3, "{} at once", claimed.len());
            // Five customers wait for the first six rounds, so three run each time; then what is left.
            assert!(claimed.len() == 3 || 20 - ran < 9, "round {rounds}: {}", claimed.len());
            assert!(claim(&t.app, u32::try_from(claimed.len()).unwrap()).await.is_none(), "the limit is reached");
            ran += claimed.len();
            t.clock.advance(TimeDelta::seconds(1));
            for (node, probe) in claimed {
                finish(&t.app, &node, probe).await;
            }
        }
        assert_eq!(ran, 20);
    }
}

on_both! {
    async fn many_tests_of_one_customer_do_not_hold_up_those_of_another(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (many, one) = (house(&t, 1).await, house(&t, 2).await);
        for second in 0..5 {
            queued(&t.app, &many, t.clock.now() - TimeDelta::seconds(100 - second)).await;
        }
        queued(&t.app, &one, t.clock.now()).await;
        let mut order = Vec::new();
        for _ in 0..6 {
            let probe = claim(&t.app, 1).await.unwrap();
            order.push(probe.customer_id == one.customer);
            t.clock.advance(TimeDelta::seconds(1));
            finish(&t.app, &t.app.node, probe).await;
        }
        assert_eq!(order, [false, true, false, false, false, false], "second, not last");
    }
}

on_both! {
    async fn a_lease_that_ran_out_counts_no_longer(db: TestDb) {
        let t = TestApp::new(&db).await;
        let case = house(&t, 1).await;
        for _ in 0..2 {
            queued(&t.app, &case, t.clock.now()).await;
        }
        assert!(claim(&t.app, 20).await.is_some() && claim(&t.app, 20).await.is_none());
        t.clock.advance(TimeDelta::seconds(241));
        assert!(claim(&t.app, 20).await.is_some());
    }
}

/// Asks for a test that was not asked for before.
async fn ask(app: &Arc<App>, person: &Person, number: i64) -> Result<Probe, Error> {
    probes::ask(app, person, number, fresh_once()).await.map(done)
}

fn guard(outcome: Result<Probe, Error>) -> String {
    match outcome {
        Err(Error::Refused(Refusal::Guard(text))) => text,
        other => panic!("not refused: {other:?}"),
    }
}

on_both! {
    async fn a_customer_starts_six_tests_an_hour_and_reads_when_the_next_may_start(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        let first = t.clock.now();
        let state = t.case(number).await.flow;
        for minute in 1..=5 {
            t.clock.advance(TimeDelta::minutes(1));
            let asked = ask(&t.app, &t.contact, number).await.unwrap();
            assert_eq!((asked.number, asked.target_host.as_str()), (minute + 1, "10.20.4.15"));
            let twice = guard(ask(&t.app, &t.contact, number).await);
            assert!(twice.contains(&format!("Test {} of this case has not ended", asked.number)), "{twice}");
            t.script.push(None);
            t.drain().await;
        }
        // The workflow's own test, which the customer caused, is the first of the six.
        let next = match ask(&t.app, &t.contact, number).await {
            Err(Error::TestTooSoon(next)) => next,
            other => panic!("not too soon: {other:?}"),
        };
        assert_eq!(next, first + TimeDelta::hours(1));
        assert_eq!(t.case(number).await.flow, state, "the case stays where it is");
        // Engineers are not held to the customer's limit.
        ask(&t.app, &t.engineer, number).await.unwrap();
        t.script.push(None);
        t.drain().await;
        t.clock.advance(next - t.clock.now());
        ask(&t.app, &t.contact, number).await.unwrap();
        let log = t.whole_log(number).await;
        let entries: Vec<_> = log.iter().filter(|row| row.body.contains("\"act\":\"test_asked\"")).collect();
        assert_eq!(entries.len(), 7);
        assert!(entries[0].body.contains("\"detail\":{\"host\":\"10.20.4.15\",\"port\":587,\"test\":2}"));
        assert!(entries[0].body.contains(&t.contact.id.to_string()));
        let tests = postern::app::cases::tests(&t.app, &t.contact, number).await.unwrap();
        assert_eq!(tests.iter().filter(|test| test.verdict.as_deref() == Some("reachable")).count(), 7);
        assert_eq!(postern::app::replay::all(&t.app.db).await.unwrap().findings, []);
    }
}

on_both! {
    async fn asks_at_the_same_moment_do_not_slip_past_the_limit(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut numbers = Vec::new();
        for host in 1..=9 {
            let number = t.request_for(&format!("10.20.4.{host}")).await.number;
            t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
            numbers.push(number);
        }
        let start = Arc::new(Barrier::new(numbers.len()));
        let mut asks = JoinSet::new();
        for number in numbers {
            let (app, person, start) = (Arc::clone(&t.app), t.contact.clone(), Arc::clone(&start));
            asks.spawn(async move {
                start.wait().await;
                ask(&app, &person, number).await
            });
        }
        let outcomes = asks.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 6, "{outcomes:?}");
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(Error::TestTooSoon(_)))), "{outcomes:?}");
    }
}

on_both! {
    async fn a_test_of_the_workflow_beyond_the_limit_begins_when_it_may(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        for _ in 0..5 {
            ask(&t.app, &t.contact, number).await.unwrap();
            t.script.push(None);
            t.drain().await;
        }
        let settings = [
            ("encryption", "starttls"),
            ("sender_address", "alerts@alder.example"),
            ("test_recipient", "dana@alder.example"),
        ];
        t.act(&t.contact, number, "submit_settings", &settings).await.unwrap();
        t.script.push(None);
        t.pass(TimeDelta::minutes(59)).await;
        assert_eq!(t.case(number).await.flow.state, "full_test");
        t.pass(TimeDelta::minutes(1)).await;
        assert_ne!(t.case(number).await.flow.state, "full_test");
    }
}

on_both! {
    async fn only_what_our_whitelist_approves_is_tested(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let early = guard(ask(&t.app, &t.contact, number).await);
        assert!(early.contains("not on our whitelist yet"), "{early}");
        let stranger = t.stranger().await;
        assert!(matches!(ask(&t.app, &stranger, number).await, Err(Error::NotFound)));
        assert!(matches!(ask(&t.app, &t.admin, number).await, Err(Error::Forbidden(_))));
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        ask(&t.app, &t.contact, number).await.unwrap();
        t.script.push(None);
        t.drain().await;
        let asked = t.script.asked().pop().unwrap();
        let (server, other) = ("10.20.4.15".parse().unwrap(), "10.20.4.16".parse().unwrap());
        assert!(asked.decide(server).is_ok() && asked.decide(other).is_err());
        assert!(asked.allow.is_empty(), "nothing is let through besides");

        // Another customer appears in the same routing domain with the same network: neither is told apart any more.
        let neighbour = postern::domain::customer::Customer { id: stranger.customer.unwrap(), ..t.customer.clone() };
        admin::put_tunnel(&t.app, tunnel(&neighbour, "brightwater-1", "10.20.4.0/24")).await.unwrap();
        let staff = guard(ask(&t.app, &t.engineer, number).await);
        assert!(staff.contains("another customer of the same routing domain"), "{staff}");
        let customer = guard(ask(&t.app, &t.contact, number).await);
        assert!(!customer.contains("another customer") && customer.contains("may not be tested"), "{customer}");
        let elsewhere = Tunnel { routing_domain: "rail".into(), ..tunnel(&neighbour, "brightwater-1", "10.20.4.0/24") };
        admin::put_tunnel(&t.app, elsewhere).await.unwrap();

        // What was approved when the test was asked for may be retired when it begins.
        ask(&t.app, &t.contact, number).await.unwrap();
        db.execute("UPDATE whitelist SET ours = 'retired'").await;
        t.script.push(None);
        t.drain().await;
        assert!(t.script.asked().pop().unwrap().decide(server).is_err());
    }
}

on_both! {
    async fn an_unusual_port_waits_for_the_reason_of_a_lead(db: TestDb) {
        let t = TestApp::new(&db).await;
        let draft = requests::Draft { smtp_port: "8025".into(), ..draft("10.20.4.15") };
        let number = done(requests::send(&t.app, &t.contact, draft, fresh_once()).await.unwrap()).number;
        let add = || t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]);
        let refused = |outcome: Result<Case, Error>| match outcome {
            Err(Error::Refused(Refusal::Guard(text))) => text,
            other => panic!("not refused: {other:?}"),
        };
        let text = refused(add().await);
        assert!(text.contains("Port 8025") && text.contains("587") && text.contains("lead"), "{text}");
        let reason = |port: &'static str| [("unusual_port", port), ("port_reason", "The relay listens there")];
        let forbidden = t.act(&t.engineer, number, "allow_port", &reason("8025")).await;
        assert!(matches!(forbidden, Err(Error::Refused(Refusal::Forbidden { .. }))), "{forbidden:?}");
        // A reason for another port opens nothing.
        t.act(&t.lead, number, "allow_port", &reason("8026")).await.unwrap();
        assert!(refused(add().await).contains("Port 8025"));
        t.act(&t.lead, number, "allow_port", &reason("8025")).await.unwrap();
        add().await.unwrap();
        let case = t.case(number).await;
        let mut tx = t.app.db.read().await.unwrap();
        let entries = postern::store::whitelist::on_list(&mut tx, case.tunnel.unwrap(), 10).await.unwrap();
        drop(tx);
        assert_eq!(entries[0].port_reason.as_deref(), Some("The relay listens there"));
        ask(&t.app, &t.contact, number).await.unwrap();
        t.script.push(None);
        t.drain().await;
        let asked = t.script.asked().pop().unwrap();
        assert!(asked.port == 8025 && asked.decide("10.20.4.15".parse().unwrap()).is_ok());
    }
}
