//! Tunnels that go over: what somebody does beside the sweep, and what the sweep does when it cannot go on.

use chrono::TimeDelta;
use postern::app::admin;
use postern::app::campaign;
use postern::domain::actor::Person;
use postern::domain::tunnel::Tunnel;
use postern::store;

use super::change::{case_of, draft, with};
use super::register::faults;
use crate::support::app::TestApp;
use crate::support::db::on_both;

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
