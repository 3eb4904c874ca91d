//! Lists in pages, search by address, and rows that an earlier build left without keys.

use postern::app::whitelist::register;
use serde_json::{Value, json};

use super::add;
use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::{Kind, on_both};

fn networks(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["network"].as_str().unwrap().to_owned()).collect()
}

/// Every page of a list.
async fn walk(client: &Client, first: &str) -> (Vec<String>, usize) {
    let (mut all, mut pages, mut path) = (Vec::new(), 0, first.to_owned());
    loop {
        let page = client.get(&path).await.expect(200);
        all.extend(networks(&page));
        pages += 1;
        let Some(next) = page["next"].as_str() else { return (all, pages) };
        assert!(pages < 20, "a list without end");
        path = next.strip_prefix("https://postern.vendor.example").unwrap().to_owned();
    }
}

on_both! {
    async fn pages_follow_each_other_in_the_order_of_addresses(db: TestDb) {
        let t = TestApp::new(&db).await;
        let engineer = Client::of(&t.app, &t.engineer).await;
        for last in [9, 100, 20, 3, 11] {
            add(&engineer, &format!("10.20.4.{last}"), &json!({})).await;
        }
        add(&engineer, "10.20.4.9", &json!({"port": 25})).await;
        let expected = ["10.20.4.3/32", "10.20.4.9/32", "10.20.4.9/32", "10.20.4.11/32", "10.20.4.20/32", "10.20.4.100/32"];
        for (first, pages) in [
            ("/api/v1/whitelist?limit=2", 3),
            ("/api/v1/whitelist?tunnel=alder-1&limit=4", 2),
            (&format!("/api/v1/allowlist?customer={}&limit=1", t.customer.id), 6),
            ("/api/v1/whitelist?q=10.20.4.0/24&limit=5", 2),
        ] {
            assert_eq!(walk(&engineer, first).await, (expected.map(str::to_owned).to_vec(), pages), "{first}");
        }
        let page = engineer.get("/api/v1/whitelist?limit=2").await.expect(200);
        let cursor = page["next"].as_str().unwrap().split("cursor=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        for bad in [format!("cursor={cursor}&tunnel=alder-1"), "cursor=x".into(), "gone=yes".into(), "customer=x".into()] {
            engineer.get(&format!("/api/v1/whitelist?{bad}")).await.problem(400, "bad_parameter");
        }
        engineer.get("/api/v1/whitelist?tunnel=nope").await.problem(404, "not_found");
        engineer.get("/api/v1/whitelist?q=mail.example").await.problem(422, "invalid");
    }
}

on_both! {
    async fn a_search_tells_exact_containing_and_contained_apart(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (engineer, lead) = (Client::of(&t.app, &t.engineer).await, Client::of(&t.app, &t.lead).await);
        for network in ["10.20.4.0/24", "10.20.4.0/28", "10.20.0.0/16"] {
            let asked = add(&engineer, network, &json!({"reason": "A cluster"})).await;
            let approve = format!("/api/v1/whitelist/requests/{}/approve", asked["request"]["id"].as_str().unwrap());
            lead.post(&approve, &[], &json!({})).await.expect(200);
        }
        add(&engineer, "10.20.4.0", &json!({})).await;
        let gone = add(&engineer, "10.20.4.7", &json!({})).await;
        let gone = gone["entry"]["id"].as_str().unwrap();
        engineer.post(&format!("/api/v1/whitelist/{gone}/retire"), &[], &json!({"reason": "A slip"})).await.expect(200);
        let search = async |text: &str| {
            let page = engineer.get(&format!("/api/v1/whitelist?{text}")).await.expect(200);
            let items = page["items"].as_array().unwrap();
            let pair = |item: &Value| format!("{} {}", item["network"].as_str().unwrap(), item["relation"].as_str().unwrap());
            items.iter().map(pair).collect::<Vec<_>>()
        };
        assert_eq!(
            search("q=10.20.4.7").await,
            ["10.20.0.0/16 containing", "10.20.4.0/24 containing", "10.20.4.0/28 containing"]
        );
        assert_eq!(search("q=10.20.4.7&gone=true").await.last().unwrap(), "10.20.4.7/32 exact");
        let around = search("q=10.20.4.0/24").await;
        assert_eq!(around[0], "10.20.0.0/16 containing");
        let mut rest = around[1..].to_vec();
        rest.sort();
        assert_eq!(rest, ["10.20.4.0/24 exact", "10.20.4.0/28 contained", "10.20.4.0/32 contained"]);
        assert_eq!(search("q=10.21.0.0/16").await, Vec::<String>::new());
        assert_eq!(search("q=fd00::/8").await, Vec::<String>::new());
    }
}

on_both! {
    async fn rows_of_an_earlier_build_are_found_after_their_keys_are_filled_in(db: TestDb) {
        let t = TestApp::new(&db).await;
        t.request().await;
        let engineer = Client::of(&t.app, &t.engineer).await;
        let nothing = if db.kind == Kind::Sqlite { "x''" } else { "''" };
        db.execute(&format!("UPDATE whitelist SET first_key = {nothing}, last_key = {nothing}")).await;
        let found = async || networks(&engineer.get("/api/v1/whitelist?q=10.20.4.0/24").await.expect(200));
        assert_eq!(found().await, Vec::<String>::new());
        register::complete(&db.db).await.unwrap();
        assert_eq!(found().await, ["10.20.4.15/32"]);
    }
}
