//! The register of Secure Relays: typed, read off the product without changing it, chosen by the customer by name.

use postern::app::admin::{self, Place};
use postern::domain::customer::{Architecture, Customer};
use postern::secret::Secret;
use serde_json::json;

use crate::support::app::{PRODUCT_KEY, TestApp};
use crate::support::db::on_both;
use crate::support::http::Browser;

/// A customer with a Secure Relay, with a tenant at this address.
async fn cedar(t: &TestApp, base_url: &str) -> Customer {
    let cedar = admin::add_customer(&t.app, "Cedar Health".into(), Architecture::SecureRelay).await.unwrap();
    let access = (base_url.to_owned(), Secret::new(PRODUCT_KEY.to_owned()));
    admin::put_tenant(&t.app, (cedar.id, "cedar-prod".into()), Some(access)).await.unwrap();
    cedar
}

on_both! {
    async fn relays_are_read_where_the_product_names_them_and_nothing_is_written(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = postern::apply::StandIn::start(PRODUCT_KEY).await.unwrap();
        let uuid = "0b7d4c52-6a3e-4f0f-9a4f-0c8f6f2f6a11";
        product.serve("/api/directories", json!([
            {"id": 1, "name": "corp", "relayId": 3, "relayUuid": uuid},
            {"id": 2, "name": "lab", "relayId": null, "relayUuid": null},
            {"id": 3, "name": "odd", "relayId": "x", "relayUuid": "<script>"},
        ]));
        product.serve("/api/ldap-configuration", json!({"enabled": true, "relayId": 4, "relayUuid": "not a uuid"}));
        product.store(json!({"smtpRelayId": 3}));
        let cedar = cedar(&t, &product.base_url).await;
        let path = format!("/customers/{}/relays", cedar.id);
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let empty = kim.get(&path).await;
        assert!(empty.shows("No relay is on record"), "{}", empty.body);
        // Typed with its number before anybody read it: the same relay, with its name.
        let typed = kim.submit(&empty, &path, &[("name", "Relay in the data centre"), ("product_id", "4")]).await;
        assert_eq!(typed.location().as_deref(), Some(path.as_str()), "{}", typed.body);
        let read = kim.submit(&empty, &format!("{path}/read"), &[]).await;
        assert!(read.shows("Relays that the product names: 2. Not known before: 1."), "{}", read.body);
        assert!(read.shows("Not read: cedar-prod: /api/syslogs (404)."), "{}", read.body);
        assert!(read.shows("SMTP server, directories, read") && read.shows("LDAP sign-in, read") && read.shows(uuid));
        assert!(!read.body.contains("not a uuid") && !read.body.contains("<script>"));
        assert!(product.requests().iter().all(|request| request.method == "GET"), "the product is only read");
        let again = kim.submit(&empty, &format!("{path}/read"), &[]).await;
        assert!(again.shows("Relays that the product names: 2. Not known before: 0."), "{}", again.body);
        assert_eq!(db.texts("SELECT name FROM relays ORDER BY name").await, ["Relay 3", "Relay in the data centre"]);

        for (name, number, field) in [("", "", "name"), ("Relay 3", "", "name"), ("New", "three", "product_id"), ("New", "-1", "product_id")] {
            let wrong = kim.submit(&empty, &path, &[("name", name), ("product_id", number)]).await;
            assert_eq!((wrong.status.as_u16(), wrong.wrong_fields()), (422, vec![field.to_owned()]), "{name} {number}");
        }
        let page = kim.get(&path).await;
        let change = page.body.split("action=\"").find(|part| part.starts_with(&path) && part.contains("Relay 3")).unwrap();
        let change = change.split('"').next().unwrap().to_owned();
        kim.submit(&page, &change, &[("name", "Relay of the branch office")]).await;
        let page = kim.get(&path).await;
        assert!(page.shows("Relay of the branch office"), "{}", page.body);
        kim.submit(&page, &format!("{change}/delete"), &[]).await;
        assert_eq!(db.number("SELECT COUNT(*) FROM relays").await, 1);
    }
}

on_both! {
    async fn a_product_that_cannot_be_asked_is_named_and_a_customer_without_api_is_told(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = postern::apply::StandIn::start("another key").await.unwrap();
        let cedar = cedar(&t, &product.base_url).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let path = format!("/customers/{}/relays", cedar.id);
        let page = ada.get(&path).await;
        let read = ada.submit(&page, &format!("{path}/read"), &[]).await;
        assert!(read.shows("cedar-prod: reading the settings: the product does not accept the API key (401)"), "{}", read.body);
        assert!(!read.body.contains(PRODUCT_KEY));
        let path = format!("/customers/{}/relays", t.customer.id);
        let page = ada.get(&path).await;
        let none = ada.submit(&page, &format!("{path}/read"), &[]).await;
        assert!(none.status == 422 && none.shows("Enter the relays by hand"), "{}", none.body);
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        assert_eq!(dana.get(&path).await.status.as_u16(), 403);
    }
}

on_both! {
    async fn the_customer_chooses_a_relay_by_name_and_may_name_another(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = postern::apply::StandIn::start(PRODUCT_KEY).await.unwrap();
        let cedar = cedar(&t, &product.base_url).await;
        let place = Place::Contact { customer: cedar.id, all_cases: true };
        let robin = admin::add_person(&t.app, ("Robin".into(), "robin@cedar.example".into()), place, None).await.unwrap();
        let list = format!("/customers/{}/relays", cedar.id);
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let page = kim.get(&list).await;
        kim.submit(&page, &list, &[("name", "Relay \"north\" & <south>"), ("product_id", "")]).await;
        let mut browser = Browser::signed_in(&t.app, &robin).await;
        let page = browser.get("/start").await;
        let page = browser.follow(page).await;
        let page = if page.form("/start/check").is_some() {
            let sent = browser.submit(&page, "/start/check", &[]).await;
            browser.follow(sent).await
        } else {
            page
        };
        let number = db.number("SELECT MAX(number) FROM cases").await;
        let action = format!("/cases/{number}/act/relay_applied");
        let form = browser.get(&action).await;
        assert!(form.shows("Your relays: Relay \"north\" & <south>"), "{}\n{}", page.body, form.body);
        assert!(form.body.contains("<datalist id=\"act-relay_name-known\">"), "{}", form.body);
        let answers = [
            ("relay_name", "A relay that nobody entered"), ("smtp_host", "mail.cedar.example"), ("smtp_port", "587"),
            ("encryption", "starttls"), ("sender_address", "alerts@cedar.example"), ("save_confirmed", "true"),
        ];
        let sent = browser.submit(&form, &action, &answers).await;
        assert_eq!(sent.status.as_u16(), 303, "{}", sent.body);
        assert!(kim.get(&format!("/cases/{number}")).await.body.contains(&list), "an engineer finds the register from the case");
    }
}
