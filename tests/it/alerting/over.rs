//! Tunnels that go over: what somebody does beside the sweep, and what the sweep does when it cannot go on.

use chrono::TimeDelta;
use postern::app::admin;
use postern::app::alerting_ips::{self, Keeper};
use postern::app::campaign::{self, Draft};
use postern::cli::bench::customers;
use postern::domain::actor::Person;
use postern::domain::tunnel::Tunnel;
use postern::domain::webhook::Topic;
use postern::store;
use postern::store::alerting_campaigns::{self as campaigns, Campaign};

use super::change::{EFFECTIVE, case_of, draft, with};
use super::register::{draft as address, faults};
use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::Browser;
use crate::webhooks::{Receiver, Reply, endpoint, listed, send_due};

/// The tunnel of one of the customers that were made.
async fn tunnel(t: &TestApp, index: usize) -> Tunnel {
    let mut tx = t.app.db.read().await.unwrap();
    store::tunnels::by_name(&mut tx, &format!("tunnel-{index:05}")).await.unwrap().unwrap()
}

/// Where alerts of a tunnel come from.
async fn source(t: &TestApp, index: usize) -> String {
    tunnel(t, index).await.alerting_ip.to_string()
}

async fn prove(t: &TestApp, contact: &Person) {
    let case = case_of(t, contact).await;
    t.script.push(None);
    t.act(contact, case.number, "acknowledge", &[("acknowledged_by", "Sam Field")]).await.unwrap();
    t.drain().await;
    assert_eq!(t.case(case.number).await.flow.state, "proven");
}

/// Puts a tunnel's record back as if nobody had looked.
async fn put_back(t: &TestApp, tunnel: &Tunnel) {
    let (tunnel, at) = (tunnel.clone(), t.app.now());
    let write = t.app.db.write(move |tx| {
        let tunnel = tunnel.clone();
        Box::pin(async move { store::tunnels::replace(tx, &tunnel, at).await })
    });
    assert!(write.await.unwrap());
}

on_both! {
    async fn a_form_from_before_cannot_take_a_tunnel_back_and_one_that_is_back_goes_over_again(db: TestDb) {
        let (t, made) = with(&db, 2).await;
        let number = campaign::open(&t.app, &made.lead, &draft(&made)).await.unwrap().number;
        t.drain().await;
        let before = tunnel(&t, 0).await;
        prove(&t, &made.contacts[0]).await;
        t.pass(TimeDelta::days(41)).await;
        assert_eq!(source(&t, 0).await, "198.51.100.99");
        let refused = admin::put_tunnel(&t.app, before.clone()).await.unwrap_err();
        assert!(format!("{refused:?}").contains("gone over to 198.51.100.99"), "{refused:?}");
        assert_eq!(faults(refused), [("alerting_ip".to_owned(), "moved")]);
        let standby = Tunnel { standby_ip: Some(before.alerting_ip), ..tunnel(&t, 0).await };
        assert_eq!(faults(admin::put_tunnel(&t.app, standby).await.unwrap_err()), [("standby_ip".to_owned(), "moved")]);
        let device = Some("vti7".to_owned());
        admin::put_tunnel(&t.app, Tunnel { device, ..tunnel(&t, 0).await }).await.unwrap();
        assert_eq!(source(&t, 0).await, "198.51.100.99", "everything else can be changed");
        // The tunnel of a server that is not proven has gone nowhere.
        admin::put_tunnel(&t.app, tunnel(&t, 1).await).await.unwrap();

        put_back(&t, &before).await;
        t.pass(TimeDelta::minutes(1)).await;
        assert_eq!(source(&t, 0).await, "198.51.100.99");
        let mut tx = t.app.db.read().await.unwrap();
        assert_eq!(store::alerting_servers::gone_over(&mut tx, number).await.unwrap().count, 1);
    }
}

/// Changes what is on record of a change as nobody can who uses Postern.
async fn rewrite(t: &TestApp, number: i64, emergency: Option<&str>) {
    let emergency_reason = emergency.map(str::to_owned);
    let write = t.app.db.write(move |tx| {
        let emergency_reason = emergency_reason.clone();
        Box::pin(async move {
            let campaign = campaigns::hold(tx, number).await?.unwrap();
            campaigns::replace(tx, &Campaign { emergency_reason, ..campaign }).await
        })
    });
    write.await.unwrap();
}

on_both! {
    async fn a_change_that_cannot_go_on_is_put_off_and_the_others_go_on(db: TestDb) {
        let (t, made) = with(&db, 1).await;
        let unfit = Draft { emergency: "a bell \u{7} rings".into(), ..draft(&made) };
        assert_eq!(faults(campaign::open(&t.app, &made.lead, &unfit).await.unwrap_err()), [("emergency".to_owned(), "control_char")]);
        let first = campaign::open(&t.app, &made.lead, &draft(&made)).await.unwrap().number;
        for act in ["withdraw", "slip"] {
            let refused = match act {
                "withdraw" => campaign::withdraw(&t.app, &made.lead, first, "a\u{0}b").await,
                _ => campaign::slip(&t.app, &made.lead, first, ("2027-02-01", "", "a\u{1b}b")).await,
            };
            assert_eq!(faults(refused.unwrap_err()), [("reason".to_owned(), "control_char")], "{act}");
        }
        rewrite(&t, first, Some("a bell \u{7} rings")).await;
        let named = alerting_ips::list(&t.app).await.unwrap().into_iter().find(|listed| listed.ip.shown() == "10.99.0.8").unwrap();
        let new = alerting_ips::add(&t.app, Keeper(None), &address("198.51.100.98", EFFECTIVE)).await.unwrap();
        t.clock.advance(TimeDelta::seconds(1));
        let other = Draft { old: named.ip.number.to_string(), new: new.number.to_string(), ..draft(&made) };
        let second = campaign::open(&t.app, &made.lead, &other).await.unwrap().number;
        t.drain().await;
        let next = async |number: i64| {
            let mut tx = t.app.db.read().await.unwrap();
            campaigns::by_number(&mut tx, number).await.unwrap().unwrap().next_at.unwrap() - t.app.now()
        };
        assert_eq!(next(first).await, TimeDelta::hours(1), "put off");
        assert_eq!(next(second).await, TimeDelta::seconds(15), "looked at, and at rest");
        rewrite(&t, first, None).await;
        t.pass(TimeDelta::hours(1)).await;
        assert_eq!(case_of(&t, &made.contacts[0]).await.flow.state, "told", "nothing was lost");
    }
}

on_both! {
    async fn programs_that_pull_a_whitelist_are_told_when_its_tunnel_goes_over(db: TestDb) {
        let t = TestApp::with(&db, |config| {
            listed(config);
            config.policy.allow_documentation = true;
        })
        .await;
        let made = customers::make(&t.app, 2, EFFECTIVE).await.unwrap();
        let receiver = Receiver::start(&[Reply::Status(204)]).await;
        endpoint(&t, "lists", &receiver.url(), &[Topic::WhitelistChanged]).await;
        let number = campaign::open(&t.app, &made.lead, &draft(&made)).await.unwrap().number;
        t.drain().await;
        prove(&t, &made.contacts[0]).await;
        t.pass(TimeDelta::days(41)).await;
        let told = async || {
            send_due(&t).await;
            let ids = receiver.got().into_iter().map(|got| {
                let body: serde_json::Value = serde_json::from_str(&got.body).unwrap();
                body["data"]["id"].as_str().unwrap().to_owned()
            });
            ids.collect::<Vec<_>>()
        };
        let (first, second) = (tunnel(&t, 0).await, tunnel(&t, 1).await);
        assert_eq!(told().await, [first.id.to_string()], "proven, so it went over");
        campaign::go_on(&t.app, &made.lead, number, "It does not answer").await.unwrap();
        t.drain().await;
        assert_eq!(told().await, [first.id.to_string(), second.id.to_string()]);
        admin::put_tunnel(&t.app, tunnel(&t, 0).await).await.unwrap();
        assert_eq!(told().await, [first.id.to_string(), second.id.to_string(), first.id.to_string()]);
    }
}

on_both! {
    async fn a_lead_goes_on_behind_one_tunnel_that_the_page_lists(db: TestDb) {
        let (t, made) = with(&db, 2).await;
        let number = campaign::open(&t.app, &made.lead, &draft(&made)).await.unwrap().number;
        t.pass(TimeDelta::days(41)).await;
        let mut lead = Browser::signed_in(&t.app, &made.lead).await;
        let (board, act) = (format!("/alerting-changes/{number}"), format!("/alerting-changes/{number}/go-on"));
        let page = lead.get(&board).await;
        assert!(page.body.contains("tunnel-00000, Customer 00000") && page.body.contains("tunnel-00001, Customer 00001"), "{}", page.body);
        let id = tunnel(&t, 1).await.id.to_string();
        let sent = lead.submit(&page, &act, &[("tunnel", &id), ("reason", "Reached by telephone")]).await;
        assert_eq!(sent.status, 303, "{}", sent.body);
        assert_eq!((source(&t, 0).await.as_str(), source(&t, 1).await.as_str()), ("198.51.100.24", "198.51.100.99"));
        let case = t.case(case_of(&t, &made.contacts[1]).await.number).await;
        assert_eq!(case.outcome.as_deref(), Some("overridden"));
        let page = lead.get(&board).await;
        assert!(!page.body.contains("tunnel-00001, Customer 00001"), "it has gone over: {}", page.body);
        let again = lead.submit(&page, &act, &[("tunnel", &id), ("reason", "Once more")]).await;
        assert_eq!(again.status, 422);
        assert!(again.body.contains("Choose a tunnel that still uses 198.51.100.24"), "{}", again.body);
        assert_eq!(source(&t, 0).await, "198.51.100.24", "nobody else's");
    }
}
