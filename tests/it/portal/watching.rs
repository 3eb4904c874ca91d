//! The page and the API of watching: what each side sees, and what it can do there.

use axum::http::StatusCode;
use postern::domain::cause::Cause;
use serde_json::json;

use crate::support::client::Client;
use crate::support::db::on_both;
use crate::support::http::Browser;
use crate::usecase::watching::{change, in_use, rounds, service};

on_both! {
    async fn both_sides_see_the_rounds_and_engineers_pause_them(db: TestDb) {
        let t = service(&db).await;
        let number = in_use(&t).await;
        let path = format!("/cases/{number}/watch");
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        assert!(customer.open(&format!("/cases/{number}")).await.shows("This server is watched"));
        assert!(customer.open(&path).await.shows("No round has ended yet."));
        rounds(&t, number, &[None, Some(Cause::TcpTimeout), None]).await;
        let page = customer.open(&path).await;
        assert!(page.body.contains("aria-label=\"The last 3 rounds: 2 in order, 1 not reached.\""), "{}", page.body);
        assert_eq!(page.body.matches("<rect class=\"band-").count(), 3);
        assert!(page.shows(Cause::TcpTimeout.entry().title) && page.shows("10.20.4.15") && page.shows("CN=Alder CA"));
        assert!(page.form(&format!("{path}/pause")).is_none(), "customers do not pause");

        let mut engineer = Browser::signed_in(&t.app, &t.engineer).await;
        let page = engineer.open(&path).await;
        let sent = engineer.submit(&page, &format!("{path}/pause"), &[]).await;
        assert!(engineer.follow(sent).await.shows("Paused by Kim Castle"));
        assert!(customer.open(&path).await.form(&format!("{path}/now")).is_none());
        let page = engineer.open(&path).await;
        let sent = engineer.submit(&page, &format!("{path}/resume"), &[]).await;
        assert!(!engineer.follow(sent).await.shows("Paused by"));
        let page = customer.open(&path).await;
        assert_eq!(customer.submit(&page, &format!("{path}/now"), &[]).await.location(), Some(path.clone()));

        let stranger = t.stranger().await;
        let refused = Browser::signed_in(&t.app, &stranger).await.get(&path).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND);
    }
}

on_both! {
    async fn what_was_changed_in_the_product_is_decided_on_the_page(db: TestDb) {
        let t = service(&db).await;
        let product = t.with_product().await;
        let number = in_use(&t).await;
        change(&product, &[("smtpServerPort", json!(25))]);
        rounds(&t, number, &[None, None]).await;
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        assert!(customer.open(&format!("/cases/{number}")).await.shows("were changed in the product"));
        let path = format!("/cases/{number}/watch");
        let page = customer.open(&path).await;
        assert!(page.shows("Changed in the product") && page.body.contains("<del>") && page.body.contains("<ins>"), "{}", page.body);
        (0..2).for_each(|_| t.script.push(None));
        let again = format!("/cases/{number}/act/apply_again");
        assert!(customer.submit(&page, &again, &[]).await.location().is_some());
        t.drain().await;
        assert_eq!(product.settings()["smtpServerPort"], json!(587), "ours again, after a test");
    }
}

on_both! {
    async fn programs_read_and_steer_watching(db: TestDb) {
        let t = service(&db).await;
        let number = in_use(&t).await;
        rounds(&t, number, &[None]).await;
        let (engineer, customer) = (Client::of(&t.app, &t.engineer).await, Client::of(&t.app, &t.contact).await);
        let path = format!("/api/v1/cases/{number}/watch");
        let seen = customer.get(&path).await;
        let seen = seen.expect(200);
        assert_eq!((&seen["rounds"][0]["mark"], &seen["resolves_to"], &seen["troubled"]), (&json!("good"), &json!(["10.20.4.15"]), &json!(false)));
        let server = seen["server"].as_str().unwrap().to_owned();
        assert_eq!(customer.get(&format!("/api/v1/servers/{server}/watch")).await.expect(200)["case"], number);
        let stranger = Client::of(&t.app, &t.stranger().await).await;
        for path in [path.clone(), format!("/api/v1/servers/{server}/watch")] {
            stranger.get(&path).await.expect(404);
        }
        customer.get("/api/v1/watches").await.expect(403);
        assert_eq!(engineer.get("/api/v1/watches").await.expect(200)["items"][0]["case"], number);
        customer.post(&format!("{path}/pause"), &[], &json!({})).await.expect(403);
        assert!(!engineer.post(&format!("{path}/pause"), &[], &json!({})).await.expect(200)["paused_at"].is_null());
        customer.post(&format!("{path}/now"), &[], &json!({})).await.expect(422);
        assert!(engineer.post(&format!("{path}/resume"), &[], &json!({})).await.expect(200)["paused_at"].is_null());
        engineer.post(&format!("{path}/never"), &[], &json!({})).await.expect(404);
    }
}
