//! Customers, tunnels and product tenants on the administrators' pages.

use axum::http::StatusCode;
use postern::app::admin;
use postern::domain::customer::Architecture;

use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::{Browser, Page};

const HOSTILE: &str = "<script>alert(1)</script> {{7*7}}";

fn led_to(page: &Page) -> String {
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    page.location().unwrap()
}

on_both! {
    async fn a_customer_is_added_and_changed(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let form = ada.get("/admin/customers/new").await;
        for (answers, wrong) in [
            (vec![("name", ""), ("architecture", "vpn")], "name"),
            (vec![("name", "Alder Mutual"), ("architecture", "vpn")], "name"),
            (vec![("name", "a\u{7}b"), ("architecture", "vpn")], "name"),
            (vec![("name", "Cedar"), ("architecture", "carrier pigeon")], "architecture"),
            (vec![("name", HOSTILE), ("architecture", "")], "architecture"),
        ] {
            let page = ada.submit(&form, "/admin/customers", &answers).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{answers:?}");
            assert_eq!(page.wrong_fields(), [wrong], "{answers:?}");
            assert_eq!(page.form("/admin/customers").unwrap()["name"], answers[0].1, "what was typed is kept");
        }
        let extra = [("name", "Cedar"), ("architecture", "vpn"), ("is_admin", "1")];
        let refused = ada.submit(&form, "/admin/customers", &extra).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(admin::customers(&t.app).await.unwrap().len(), 1, "nothing was added");

        let good = [("name", " Cedar Bank "), ("architecture", "secure_relay"), ("list_word", "allowlist")];
        let path = led_to(&ada.submit(&form, "/admin/customers", &good).await);
        let cedar = admin::customer(&t.app, "Cedar Bank").await.unwrap();
        assert_eq!((cedar.architecture, cedar.list_word.as_deref()), (Architecture::SecureRelay, Some("allowlist")));
        let edit = format!("{path}/edit");
        let form = ada.get(&edit).await;
        let page = ada.submit(&form, &edit, &[("list_word", "White List")]).await;
        assert_eq!(page.wrong_fields(), ["list_word"]);
        led_to(&ada.submit(&form, &edit, &[("name", "Cedar & Co"), ("architecture", "vpn"), ("list_word", "")]).await);
        let cedar = admin::customer(&t.app, "Cedar & Co").await.unwrap();
        assert_eq!((cedar.architecture, cedar.list_word), (Architecture::Vpn, None));
        assert!(ada.get("/admin/customers").await.shows("Cedar & Co"));
    }
}

on_both! {
    async fn a_tunnel_is_added_changed_and_described_without_its_key(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let list = format!("/admin/customers/{}/tunnels", t.customer.id.uuid().simple());
        let form = ada.get(&format!("{list}/new")).await;
        let good = [
            ("name", "alder-2"),
            ("our_gateway", "81.2.69.142"),
            ("peer_gateway", "81.2.69.160"),
            ("our_networks", "10.98.0.0/24"),
            ("peer_networks", "10.30.0.0/16\r\n10.31.0.0/16"),
            ("alerting_ip", "10.99.0.8"),
        ];
        for (field, value) in [
            ("name", ""),
            ("name", "alder-1"),
            ("our_gateway", "198.51.100"),
            ("peer_gateway", ""),
            ("our_networks", "10.98.0.1/24"),
            ("peer_networks", "10.30.0.0/16, 10.30.0.0/16"),
            ("peer_networks", "10.98.0.0/16"),
            ("peer_networks", HOSTILE),
            ("alerting_ip", "10.99.0.08"),
            ("standby_ip", "nobody"),
            ("inside_gateway", "::1"),
            ("routing_domain", ""),
            ("device", "a/b"),
            ("ca_pem", "-----BEGIN CERTIFICATE-----"),
            ("state", "floating"),
        ] {
            let mut answers = good.to_vec();
            answers.push((field, value));
            let page = ada.submit(&form, &list, &answers).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{field} {value:?}");
            assert_eq!(page.wrong_fields(), [field], "{value:?}");
            assert!(!page.form(&list).unwrap()["peer_gateway"].is_empty() || field == "peer_gateway", "what was typed is kept");
        }
        assert_eq!(admin::tunnels(&t.app, t.customer.id).await.unwrap().len(), 1, "nothing was added");

        let path = led_to(&ada.submit(&form, &list, &good).await);
        let page = ada.get(&path).await;
        for text in ["In use", "10.99.0.8 is in none of our networks", "Remote gateway:   81.2.69.142", "10.31.0.0/16"] {
            assert!(page.shows(text), "{text} is not in {}", page.body);
        }
        let edit = format!("{path}/edit");
        let form = ada.get(&edit).await;
        led_to(&ada.submit(&form, &edit, &[("state", "stopped"), ("standby_ip", "10.98.0.9"), ("name", "other")]).await);
        let tunnels = admin::tunnels(&t.app, t.customer.id).await.unwrap();
        let changed = tunnels.iter().find(|tunnel| tunnel.name == "alder-2").unwrap();
        assert_eq!(changed.state.as_str(), "stopped");
        assert_eq!(changed.standby_ip, Some("10.98.0.9".parse().unwrap()));
        assert_eq!(changed.peer_selectors.len(), 2);
    }
}

on_both! {
    async fn a_tenants_key_goes_in_and_never_comes_out(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let list = format!("/admin/customers/{}/tenants", t.customer.id.uuid().simple());
        let form = ada.get(&format!("{list}/new")).await;
        let key = "product-key-which-nobody-reads";
        for (answers, wrong) in [
            (vec![("name", ""), ("base_url", ""), ("api_key", "")], "name"),
            (vec![("name", "p"), ("base_url", "https://p.tenable.ad"), ("api_key", "")], "api_key"),
            (vec![("name", "p"), ("base_url", ""), ("api_key", key)], "base_url"),
            (vec![("name", "p"), ("base_url", "http://p.tenable.ad"), ("api_key", key)], "base_url"),
            (vec![("name", "p"), ("base_url", HOSTILE), ("api_key", key)], "base_url"),
        ] {
            let page = ada.submit(&form, &list, &answers).await;
            assert_eq!(page.wrong_fields(), [wrong], "{answers:?}");
            assert!(!page.body.contains(key), "a key is never sent back");
        }
        let good = [("name", "alder-prod"), ("base_url", "https://alder.tenable.ad"), ("api_key", key)];
        led_to(&ada.submit(&form, &list, &good).await);
        let tenant = admin::tenants(&t.app, t.customer.id).await.unwrap().remove(0);
        let mut tx = t.app.db.read().await.unwrap();
        let stored = t.app.vault.get(&mut tx, t.customer.id, tenant.api_key.unwrap()).await.unwrap();
        assert_eq!(stored.expose(), key);
        drop(tx);
        let edit = format!("{list}/{}/edit", tenant.id.uuid().simple());
        let form = ada.get(&edit).await;
        assert!(form.shows("https://alder.tenable.ad") && !form.body.contains(key), "{}", form.body);
        led_to(&ada.submit(&form, &edit, &[("base_url", "")]).await);
        assert_eq!(admin::tenants(&t.app, t.customer.id).await.unwrap()[0].base_url, None);
    }
}

on_both! {
    async fn the_pages_are_for_administrators_and_name_nothing_to_others(db: TestDb) {
        let t = TestApp::new(&db).await;
        let customer = format!("/admin/customers/{}", t.customer.id.uuid().simple());
        let pages = [
            "/admin/customers".to_owned(),
            "/admin/customers/new".to_owned(),
            customer.clone(),
            format!("{customer}/edit"),
            format!("{customer}/tunnels"),
            format!("{customer}/tunnels/new"),
            format!("{customer}/people"),
            format!("{customer}/tenants"),
            "/admin/people".to_owned(),
            "/admin/people/new".to_owned(),
            format!("/admin/people/{}", t.lead.id.uuid().simple()),
        ];
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        for path in &pages {
            assert_eq!(ada.get(path).await.status, StatusCode::OK, "{path}");
        }
        for person in [&t.lead, &t.engineer, &t.contact] {
            let mut browser = Browser::signed_in(&t.app, person).await;
            for path in &pages {
                let page = browser.get(path).await;
                assert_eq!(page.status, StatusCode::FORBIDDEN, "{} {path}", person.name);
                assert!(!page.shows("Alder Mutual"), "{} {path}", person.name);
            }
            let fields = [("idempotency_key", "k"), ("name", "Mine"), ("architecture", "vpn")];
            assert_eq!(browser.post("/admin/customers", &fields).await.status, StatusCode::FORBIDDEN);
        }
        for path in ["/admin/customers/1", "/admin/people/x", "/admin/customers/00000000000000000000000000000000"] {
            assert_eq!(ada.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}
