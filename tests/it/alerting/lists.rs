//! The lists that machines poll: their forms, their tags, what an unchanged one costs, and that they tell of nobody.

use axum::http::Method;
use icalendar::parser::{read_calendar, unfold};
use postern::app::alerting_ips::{self, Draft, Keeper};
use postern::app::{admin, campaign};
use postern::domain::tunnel::Tunnel;
use postern::store::Db;
use serde_json::Value as Json;

use super::register::draft;
use crate::support::app::{TestApp, tunnel};
use crate::support::db::{TestDb, on_both};
use crate::support::http::{Browser, Page};
use sqlx::{AssertSqlSafe, Row as _};

const LISTS: [&str; 6] = [
    "/alerting-ips.json",
    "/alerting-ips.txt",
    "/alerting-ips.atom",
    "/alerting-ips.ics",
    "/.well-known/alerting-ips.json",
    "/.well-known/alerting-ips.txt",
];

async fn public(db: &TestDb) -> TestApp {
    let t = TestApp::with(db, |config| {
        config.alerting_ips.public = true;
        config.policy.allow_documentation = true;
    })
    .await;
    alerting_ips::add(&t.app, Keeper(None), &draft("198.51.100.24", "")).await.unwrap();
    alerting_ips::add(&t.app, Keeper(None), &draft("198.51.100.99", "2027-01-15T08:00:00Z")).await.unwrap();
    t
}

async fn get(t: &TestApp, path: &str, tag: Option<&str>) -> Page {
    let headers: Vec<(&str, &str)> = tag.map(|tag| ("if-none-match", tag)).into_iter().collect();
    Browser::new(&t.app).send(Method::GET, path, None, &headers).await
}

on_both! {
    async fn every_form_says_the_same_and_its_tag_changes_with_it(db: TestDb) {
        let t = public(&db).await;
        let mut tags = Vec::new();
        for path in LISTS {
            let answer = get(&t, path, None).await;
            assert_eq!(answer.status, 200, "{path}");
            let tag = answer.headers["etag"].to_str().unwrap().to_owned();
            assert!(answer.headers.contains_key("last-modified") && answer.headers["cache-control"] == "public, max-age=300", "{path}");
            assert!(answer.body.contains("198.51.100.99"), "{path}: {}", answer.body);
            assert_eq!(get(&t, path, Some(&tag)).await.status, 304, "{path}");
            tags.push(tag);
        }
        let list: Json = serde_json::from_str(&get(&t, LISTS[0], None).await.body).unwrap();
        let states: Vec<&str> = list["prefixes"].as_array().unwrap().iter().map(|prefix| prefix["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["active", "planned"]);
        assert_eq!(get(&t, LISTS[1], None).await.body, "198.51.100.24/32\n198.51.100.99/32\n");
        let calendar = get(&t, "/alerting-ips.ics", None).await.body;
        let unfolded = unfold(&calendar);
        let events = read_calendar(&unfolded).unwrap().components.len();
        assert_eq!(events, 2, "the first day of each: {calendar}");

        alerting_ips::retire(&t.app, Keeper(None), 3).await.unwrap();
        for (path, tag) in LISTS.iter().zip(&tags) {
            assert_eq!(get(&t, path, Some(tag)).await.status, 200, "{path} has changed");
        }
        assert_eq!(get(&t, LISTS[1], None).await.body, "198.51.100.24/32\n");
    }
}

on_both! {
    async fn a_thousand_polls_of_an_unchanged_list_cost_no_body_and_one_row_each(db: TestDb) {
        let t = public(&db).await;
        let tag = get(&t, LISTS[0], None).await.headers["etag"].to_str().unwrap().to_owned();
        // The register is out of reach, so whoever polls cannot be given a list that is made and then thrown away.
        db.execute("ALTER TABLE alerting_ips RENAME TO put_away").await;
        assert_eq!(get(&t, LISTS[0], None).await.status, 500, "a list is made of the register");
        for _ in 0..1000 {
            let answer = get(&t, LISTS[0], Some(&tag)).await;
            assert_eq!((answer.status.as_u16(), answer.body.len()), (304, 0));
        }
        // On a list of many, the one statement behind these answers reads one row by its key.
        let text = "SELECT revision, changed_at FROM alerting_ip_editions WHERE id = 1";
        let known = postern::store::all_statements();
        assert!(known.iter().any(|(_, name, sql)| *name == "SELECT_EDITION" && *sql == text), "{text}");
        match &db.db {
            Db::Sqlite { writer, .. } => {
                let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
                let rows = sqlx::query(explain).fetch_all(writer).await.unwrap();
                let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
                assert!(plan.iter().all(|line| line.starts_with("SEARCH")), "{plan:?}");
            }
            Db::Postgres(_) => {
                // A table of one row is read as a whole whatever indexes it has; with that switched off, its key is used.
                let pool = db.beside().await;
                sqlx::query("SET enable_seqscan = off").execute(&pool).await.unwrap();
                let explain = AssertSqlSafe(format!("EXPLAIN {text}"));
                let plan: Vec<String> = sqlx::query_scalar(explain).fetch_all(&pool).await.unwrap();
                pool.close().await;
                assert!(plan.iter().any(|line| line.contains("Index")), "{plan:?}");
            }
        }
    }
}

on_both! {
    async fn the_lists_tell_of_no_customer(db: TestDb) {
        let t = public(&db).await;
        let number = t.request().await.number;
        for path in LISTS {
            let body = get(&t, path, None).await.body;
            for secret in ["10.99.0.8", "10.20.", "Alder", "alder", "dana", "203.0.113", &number.to_string()] {
                assert!(!body.contains(secret), "{path} tells {secret}: {body}");
            }
        }
    }
}

on_both! {
    async fn a_customer_is_shown_what_is_published_what_its_tunnels_name_and_what_follows_on_it(db: TestDb) {
        let t = TestApp::with(&db, |config| config.policy.allow_documentation = true).await;
        let stranger = t.stranger().await;
        let inside = Tunnel { alerting_ip: "198.51.100.7".parse().unwrap(), ..tunnel(&t.customer, "alder-2", "10.21.0.0/16") };
        for (network, from, is_published) in [
            ("198.51.100.0/28", "", false),
            ("198.51.100.64/28", "", false),
            ("192.0.2.5", "", false),
            ("192.0.2.6", "", true),
            ("198.51.100.98", "2027-01-15", false),
        ] {
            alerting_ips::add(&t.app, Keeper(None), &Draft { is_published, ..draft(network, from) }).await.unwrap();
        }
        admin::put_tunnel(&t.app, inside).await.unwrap();
        let change = campaign::Draft { old: "1".into(), new: "6".into(), effective: "2027-01-15".into(), ..campaign::Draft::default() };
        campaign::open(&t.app, &t.lead, &change).await.unwrap();
        for (person, expected) in [
            (Some(&t.contact), vec!["10.99.0.8", "198.51.100.0/28", "192.0.2.6", "198.51.100.98"]),
            (Some(&stranger), vec!["192.0.2.6"]),
            (Some(&t.lead), vec!["192.0.2.6"]),
        ] {
            let page = alerting_ips::lists::page(&t.app, person).await.unwrap();
            assert_eq!(page.all.iter().map(|ip| ip.shown()).collect::<Vec<_>>(), expected);
        }
    }
}

on_both! {
    async fn they_are_for_people_who_are_signed_in_unless_the_configuration_says_otherwise(db: TestDb) {
        let t = TestApp::new(&db).await;
        for path in LISTS {
            assert_eq!(get(&t, path, None).await.status, 401, "{path}: a machine is not led to a page");
        }
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        for path in LISTS {
            let answer = dana.get(path).await;
            assert_eq!((answer.status.as_u16(), answer.headers["cache-control"].to_str().unwrap()), (200, "private, no-cache"), "{path}");
        }
        // The page shows a customer what its own tunnels use, which is published to nobody.
        let page = dana.get("/alerting-ips").await;
        assert!(page.body.contains("10.99.0.8") && page.body.contains("alder-1"), "{}", page.body);
        let stranger = t.stranger().await;
        let mut sam = Browser::signed_in(&t.app, &stranger).await;
        let page = sam.get("/alerting-ips").await;
        assert!(!page.body.contains("10.99.0.8") && !page.body.contains("alder"), "{}", page.body);
    }
}
