//! Webhooks on the administrators' pages and in the API: a key is seen once, and by nobody who has not shown who it is.

use axum::http::StatusCode;
use chrono::TimeDelta;
use postern::app::webhooks::{endpoints, log};
use postern::domain::webhook::{Delivery, Topic, read_key};
use serde_json::json;

use super::{Receiver, Reply, endpoint, logged, send_due, service};
use crate::support::client::Client;
use crate::support::db::on_both;
use crate::support::http::{Browser, Page};

/// The key that a page shows.
fn key_on(page: &Page) -> Option<String> {
    let at = page.body.find("whsec_")?;
    Some(
        page.body[at..]
            .chars()
            .take_while(|letter| letter.is_ascii_alphanumeric() || "_+/=".contains(*letter))
            .collect(),
    )
}

on_both! {
    async fn an_endpoint_is_added_changed_and_switched_off_and_its_key_is_shown_once(db: TestDb) {
        let t = service(&db).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let form = ada.get("/admin/webhooks/new").await;
        for (answers, wrong) in [
            ([("name", ""), ("url", "https://9.9.9.9/"), ("owner", "ada@vendor.example")], "name"),
            ([("name", "x"), ("url", "https://10.0.0.1/"), ("owner", "ada@vendor.example")], "url"),
            ([("name", "x"), ("url", "http://9.9.9.9/"), ("owner", "ada@vendor.example")], "url"),
            ([("name", "x"), ("url", "https://9.9.9.9/"), ("owner", "dana@alder.example")], "owner"),
            ([("name", "x"), ("url", "https://9.9.9.9/"), ("owner", "nobody@vendor.example")], "owner"),
        ] {
            let page = ada.submit(&form, "/admin/webhooks", &answers).await;
            assert_eq!((page.status, page.wrong_fields()), (StatusCode::UNPROCESSABLE_ENTITY, vec![wrong.to_owned()]));
        }
        let good = [("name", "Automation & co"), ("url", "https://9.9.9.9/hook"), ("owner", "ada@vendor.example")];
        let shown = ada.submit(&form, "/admin/webhooks", &good).await;
        assert_eq!(shown.status, StatusCode::OK);
        let key = key_on(&shown).unwrap();
        assert_eq!(read_key(&key).unwrap().len(), 32);
        let again = ada.submit(&form, "/admin/webhooks", &good).await;
        assert_eq!(again.status, StatusCode::SEE_OTHER, "a second sending adds nothing and shows no key");
        assert_eq!(endpoints::list(&t.app).await.unwrap().len(), 1);
        assert!(db.tables_with(&key).await.is_empty());

        let path = again.location().unwrap();
        let page = ada.get(&path).await;
        assert!(page.shows("Automation & co") && key_on(&page).is_none());
        let edit = format!("{path}/edit");
        let change = ada.get(&edit).await;
        let page = ada.submit(&change, &edit, &[("url", "https://9.9.9.9/other")]).await;
        assert_eq!(page.location().as_deref(), Some(path.as_str()));
        let page = ada.get(&path).await;
        assert!(page.shows("https://9.9.9.9/other") && page.shows("Everything"));
        let rotate = format!("{path}/rotate");
        let shown = ada.submit(&page, &rotate, &[]).await;
        let second = key_on(&shown).unwrap();
        assert_ne!(key, second);
        assert!(shown.shows("Signs too until"));
        assert_eq!(ada.submit(&page, &rotate, &[]).await.status, StatusCode::SEE_OTHER);

        ada.submit(&page, &format!("{path}/off"), &[]).await;
        let page = ada.get(&path).await;
        assert!(page.shows("somebody switched it off") && page.form(&format!("{path}/ping")).is_none());
        ada.submit(&page, &format!("{path}/on"), &[]).await;
        assert!(ada.get("/admin/webhooks").await.shows("On"));
    }
}

on_both! {
    async fn keys_are_for_people_who_showed_lately_who_they_are(db: TestDb) {
        let t = service(&db).await;
        let (view, _) = endpoint(&t, "all", "https://9.9.9.9/", &[]).await;
        let path = format!("/admin/webhooks/{}", view.endpoint.id);
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let page = ada.get(&path).await;
        t.clock.advance(TimeDelta::minutes(11));
        let refused = ada.submit(&page, &format!("{path}/rotate"), &[]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
        for path in ["/admin/webhooks/new".to_owned(), format!("{path}/edit")] {
            let page = ada.get(&path).await;
            assert!(page.location().unwrap().starts_with("/account/prove?next="), "{path}");
        }
        assert_eq!(endpoints::one(&t.app, view.endpoint.id).await.unwrap().former_until, None);
    }
}

on_both! {
    async fn the_log_shows_what_came_back_as_text_and_sends_again(db: TestDb) {
        let t = service(&db).await;
        let hostile = "HTTP/1.1 500 No\r\nconnection: close\r\n\r\n<script>alert(1)</script>".to_owned();
        let receiver = Receiver::start(&[Reply::Raw(hostile), Reply::Status(200)]).await;
        let (view, _) = endpoint(&t, "<b>all</b>", &receiver.url(), &[Topic::CaseCreated]).await;
        let path = format!("/admin/webhooks/{}", view.endpoint.id);
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        assert!(ada.get(&path).await.shows("Nothing was sent"));
        t.request().await;
        send_due(&t).await;
        let page = ada.get(&path).await;
        assert!(page.shows("To be tried again") && page.shows("It answered 500") && page.shows("Failing"));
        assert!(!page.body.contains("<b>all"));
        let event = logged(&t, &view).await[0].event_id;
        let message = format!("{path}/deliveries/{event}");
        let page = ada.get(&message).await;
        assert!(page.shows("<script>alert(1)</script>") && !page.body.contains("<script>"));
        assert!(page.shows("case.created"));
        let sent = ada.submit(&page, &format!("{message}/redeliver"), &[]).await;
        assert_eq!(sent.location(), Some(message.clone()));
        send_due(&t).await;
        assert!(ada.get(&message).await.shows("Delivered"));
        assert_eq!(receiver.got().len(), 2);

        endpoints::switch_off(&t.app, view.endpoint.id).await.unwrap();
        t.request_for("10.20.4.16").await;
        endpoints::switch_on(&t.app, view.endpoint.id).await.unwrap();
        let page = ada.get(&path).await;
        assert!(page.shows("Not sent"));
        let again = format!("{path}/redeliver");
        assert_eq!(ada.submit(&page, &again, &[("since", "yesterday")]).await.wrong_fields(), ["since"]);
        let page = ada.submit(&page, &again, &[("since", "2026-11-25")]).await;
        assert!(page.shows("1 message is sent again."), "{}", page.body);
        send_due(&t).await;
        assert_eq!(receiver.got().len(), 3);
    }
}

on_both! {
    async fn programs_read_the_log_and_send_again_but_see_and_make_no_keys(db: TestDb) {
        let t = service(&db).await;
        let receiver = Receiver::start(&[Reply::Status(500), Reply::Status(200)]).await;
        let (view, key) = endpoint(&t, "all", &receiver.url(), &[Topic::CaseCreated]).await;
        let api = Client::of(&t.app, &t.admin).await;
        let list = api.get("/api/v1/webhooks").await.json();
        assert_eq!(list["items"][0]["name"], "all");
        assert_eq!((&list["items"][0]["is_on"], &list["items"][0]["key_set"]), (&json!(true), &json!(true)));
        assert!(!list.to_string().contains(&key.expose()[6..]));
        let one = format!("/api/v1/webhooks/{}", view.endpoint.id);
        for (path, fits) in [("/api/v1/webhooks", false), (one.as_str(), false), (&format!("{one}/rotate"), false)] {
            let refused = api.post(path, &[], &json!({})).await;
            assert_eq!(refused.status.is_success(), fits, "{path}");
        }
        t.request().await;
        send_due(&t).await;
        let rows = api.get(&format!("{one}/deliveries")).await.json();
        let row = &rows["items"][0];
        assert_eq!((&row["state"], &row["last_attempt"]["status"]), (&json!("waiting"), &json!(500)));
        let path = row["url"].as_str().unwrap().trim_start_matches("https://postern.vendor.example").to_owned();
        assert_eq!(api.get(&path).await.json()["log"][0]["status"], 500);
        assert_eq!(api.post(&format!("{path}/redeliver"), &[], &json!({})).await.status, StatusCode::ACCEPTED);
        send_due(&t).await;
        assert_eq!(logged(&t, &view).await[0].state, Delivery::Delivered);
        let ping = api.post(&format!("{one}/ping"), &[], &json!({})).await;
        assert_eq!((ping.status, &ping.json()["topic"]), (StatusCode::ACCEPTED, &json!("ping")));
        assert_eq!(api.post(&format!("{one}/off"), &[], &json!({})).await.json()["off_reason"], "person");
        let refused = api.post(&format!("{one}/redeliver"), &[], &json!({})).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert_eq!(api.post(&format!("{one}/on"), &[], &json!({})).await.json()["is_on"], true);
        let wrong = api.post(&format!("{one}/redeliver"), &[], &json!({"since": "yesterday"})).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        let again = api.post(&format!("{one}/redeliver"), &[], &json!({"since": "2026-11-25T00:00:00Z"})).await;
        assert_eq!(again.json()["count"], 1, "the ping that was under way when it was switched off");
        assert_eq!(log::undone(&t.app, view.endpoint.id).await.unwrap(), 0);
    }
}
