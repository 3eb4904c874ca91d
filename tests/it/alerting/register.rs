//! The register: who keeps it, what it refuses, and what tunnels have to do with it.

use postern::app::alerting_ips::{self, Draft, Keeper, PAGE};
use postern::app::{Error, admin};
use postern::domain::alerting_ip::IpState;
use postern::domain::tunnel::Tunnel;
use postern::store;

use crate::support::app::{TestApp, tunnel};
use crate::support::db::on_both;
use crate::support::http::Browser;

pub(super) fn draft(network: &str, from: &str) -> Draft {
    Draft {
        network: network.to_owned(),
        purpose: "alerting".to_owned(),
        from: from.to_owned(),
        is_published: true,
        ..Draft::default()
    }
}

/// The field and code of each fault.
pub(super) fn faults(error: Error) -> Vec<(String, &'static str)> {
    let Error::Invalid(fields) = error else { panic!("{error}") };
    fields.into_iter().map(|field| (field.field, field.code)).collect()
}

on_both! {
    async fn what_tunnels_name_is_on_the_register_and_published_to_nobody(db: TestDb) {
        let t = TestApp::with(&db, |config| config.policy.allow_documentation = true).await;
        let all = alerting_ips::list(&t.app).await.unwrap();
        let [only] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((only.ip.shown().as_str(), only.ip.state, only.tunnels), ("10.99.0.8", IpState::Active, 1));
        assert!(!only.ip.is_published, "nobody decided to publish it");
        // A stand-by comes along; the same address twice does not.
        let standby = Some("10.99.0.9".parse().unwrap());
        admin::put_tunnel(&t.app, Tunnel { standby_ip: standby, ..tunnel(&t.customer, "alder-2", "10.21.0.0/16") }).await.unwrap();
        let all = alerting_ips::list(&t.app).await.unwrap();
        let shown: Vec<(String, i64)> = all.iter().map(|listed| (listed.ip.shown(), listed.tunnels)).collect();
        assert_eq!(shown, [("10.99.0.8".to_owned(), 2), ("10.99.0.9".to_owned(), 1)]);
        // A network that stands on the register covers what lies in it.
        alerting_ips::add(&t.app, Keeper(None), &draft("198.51.100.0/28", "")).await.unwrap();
        let inside = Tunnel { alerting_ip: "198.51.100.7".parse().unwrap(), ..tunnel(&t.customer, "alder-3", "10.22.0.0/16") };
        admin::put_tunnel(&t.app, inside).await.unwrap();
        let all = alerting_ips::list(&t.app).await.unwrap();
        assert_eq!(all.iter().map(|listed| listed.tunnels).collect::<Vec<_>>(), [2, 1, 1]);
    }
}

on_both! {
    async fn an_address_is_planned_starts_by_itself_and_ends_only_when_no_tunnel_names_it(db: TestDb) {
        let t = TestApp::with(&db, |config| config.policy.allow_documentation = true).await;
        let lead = Keeper::person(&t.lead).unwrap();
        assert!(matches!(Keeper::person(&t.engineer), Err(Error::Forbidden(_))));
        assert!(matches!(Keeper::person(&t.contact), Err(Error::Forbidden(_))));
        let ip = alerting_ips::add(&t.app, lead, &draft("198.51.100.99", "2026-12-01")).await.unwrap();
        assert_eq!((ip.state, ip.from.to_rfc3339().as_str()), (IpState::Planned, "2026-12-01T00:00:00+00:00"));
        let again = alerting_ips::add(&t.app, lead, &draft("198.51.100.99", "")).await.unwrap_err();
        assert_eq!(faults(again), [("network".to_owned(), "repeated")]);
        t.drain().await;
        assert_eq!(alerting_ips::one(&t.app, ip.number).await.unwrap().listed.ip.state, IpState::Planned);
        t.pass(chrono::TimeDelta::days(6)).await;
        let started = alerting_ips::one(&t.app, ip.number).await.unwrap();
        assert_eq!(started.listed.ip.state, IpState::Active);
        let acts: Vec<&str> = started.history.iter().map(|past| past.act.as_str()).collect();
        assert_eq!(acts, ["started", "planned"]);

        let named = alerting_ips::list(&t.app).await.unwrap()[0].ip.number;
        let refused = alerting_ips::retire(&t.app, lead, named).await.unwrap_err();
        assert!(refused.to_string().contains("1 tunnels use 10.99.0.8") || format!("{refused:?}").contains("1 tunnels use"), "{refused:?}");
        let ended = alerting_ips::retire(&t.app, lead, ip.number).await.unwrap();
        assert_eq!(ended.state, IpState::Retired);
        let unfit = Tunnel { alerting_ip: "198.51.100.99".parse().unwrap(), ..tunnel(&t.customer, "alder-9", "10.29.0.0/16") };
        let refused = admin::put_tunnel(&t.app, unfit).await.unwrap_err();
        assert_eq!(faults(refused), [("alerting_ip".to_owned(), "retired")]);
        let back = alerting_ips::add(&t.app, lead, &draft("198.51.100.99", "")).await.unwrap();
        assert_eq!((back.number, back.state), (ip.number, IpState::Active), "it comes back under its number");
    }
}

on_both! {
    async fn a_form_that_is_sent_as_it_came_changes_nothing_but_what_was_typed(db: TestDb) {
        let t = TestApp::with(&db, |config| config.policy.allow_documentation = true).await;
        t.clock.advance(chrono::TimeDelta::microseconds(123_456));
        let until = Draft { until: "2027-03-01".into(), ..draft("198.51.100.99", "") };
        let ip = alerting_ips::add(&t.app, Keeper(None), &until).await.unwrap();
        assert_eq!(ip.until.unwrap().to_rfc3339(), "2027-03-02T00:00:00+00:00", "its last day counts to its end");
        let mut lou = Browser::signed_in(&t.app, &t.lead).await;
        let path = format!("/admin/alerting-ips/{}", ip.number);
        let page = lou.get(&path).await;
        let sent = lou.submit(&page, &path, &[("region", "Paris")]).await;
        assert_eq!(sent.status, 303, "{}", sent.body);
        let after = alerting_ips::one(&t.app, ip.number).await.unwrap();
        assert_eq!((after.listed.ip.from, after.listed.ip.until, after.listed.ip.region.as_deref()), (ip.from, ip.until, Some("Paris")));
        assert_eq!(after.history[0].act.as_str(), "corrected", "no date has moved");
    }
}

on_both! {
    async fn a_register_of_many_is_read_a_page_at_a_time_and_nothing_is_cut(db: TestDb) {
        let t = TestApp::with(&db, |config| config.policy.allow_documentation = true).await;
        for last in 1..=PAGE {
            let hidden = Draft { is_published: false, ..draft(&format!("198.51.100.{last}"), "") };
            alerting_ips::add(&t.app, Keeper(None), &hidden).await.unwrap();
        }
        let all = alerting_ips::list(&t.app).await.unwrap();
        assert_eq!(i64::try_from(all.len()).unwrap(), PAGE + 1, "with the one that the tunnel names");
        let (first, next) = alerting_ips::page(&t.app, 0).await.unwrap();
        let (rest, end) = alerting_ips::page(&t.app, next.unwrap()).await.unwrap();
        assert_eq!((first.len(), rest.len(), end), (200, 1, None));
        let mut lou = Browser::signed_in(&t.app, &t.lead).await;
        let page = lou.get("/admin/alerting-ips").await;
        assert!(page.body.contains("/admin/alerting-ips?after=200") && !page.body.contains(">198.51.100.200<"), "{}", page.body);
        assert!(lou.get("/admin/alerting-ips?after=200").await.body.contains("198.51.100.200"));
    }
}

on_both! {
    async fn a_draft_is_told_everything_that_is_wrong_with_it_at_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        let wrong = Draft {
            network: "198.51.100.999".into(),
            purpose: "fax".into(),
            region: "x".repeat(81),
            from: "tomorrow".into(),
            until: "2020-01-01".into(),
            is_published: true,
        };
        let found = faults(alerting_ips::add(&t.app, Keeper(None), &wrong).await.unwrap_err());
        let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["network", "purpose", "region", "from", "until"]);
        let mut tx = t.app.db.read().await.unwrap();
        assert!(store::alerting_ips::edition(&mut tx).await.unwrap().is_none(), "nothing was published");
    }
}
