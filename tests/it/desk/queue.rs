//! The queue: views, counts, due words, pages, search.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use chrono::TimeDelta;
use postern::app::queue;

use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::{Browser, Page};

/// The numbers of the cases that a page of the queue shows, in its order.
fn numbers(page: &Page) -> Vec<i64> {
    let links = page.body.split("<a class=\"alone number\" href=\"/cases/").skip(1);
    links.map(|link| link.split('"').next().unwrap().parse().unwrap()).collect()
}

/// The count beside a view.
fn count(page: &Page, view: &str) -> i64 {
    let link = page.body.split(&format!("href=\"/queue?view={view}\"")).nth(1).unwrap();
    let text = link.split("<span class=\"count\">").nth(1).unwrap().split('<').next().unwrap();
    text.replace('\u{a0}', "").parse().unwrap()
}

on_both! {
    async fn each_view_holds_its_cases_and_says_how_many(db: TestDb) {
        let t = TestApp::new(&db).await;
        let free = t.request().await.number;
        let mine = t.request_for("10.20.4.16").await.number;
        let waits = t.request_for("10.20.4.17").await.number;
        queue::claim(&t.app, &t.engineer, mine).await.unwrap();
        t.act(&t.engineer, waits, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        let mut browser = Browser::signed_in(&t.app, &t.engineer).await;

        let page = browser.get("/queue").await;
        assert_eq!(page.status, StatusCode::OK);
        let counts = ["unclaimed", "mine", "customer", "open"].map(|view| count(&page, view));
        assert_eq!(counts, [1, 1, 1, 3]);
        assert_eq!(numbers(&page), [free], "unclaimed is what the page opens with");
        for text in ["Alder Mutual", "Whitelist", "10.20.4.15", "Whitelist 10.20.4.15 for this tunnel", "Claim next case"] {
            assert!(page.shows(text), "{text}");
        }
        let page = browser.get("/queue?view=mine").await;
        assert_eq!(numbers(&page), [mine]);
        assert!(page.shows("Claimed by you"));
        let page = browser.get("/queue?view=customer").await;
        assert_eq!(numbers(&page), [waits]);
        assert!(page.shows("Clock stopped") && page.shows("Wait for the customer"));
        assert_eq!(numbers(&browser.get("/queue?view=open").await).len(), 3);
        assert_eq!(browser.get("/queue?view=nothing").await.status, StatusCode::NOT_FOUND);
        assert_eq!(browser.get("/queue?view=open&view=mine").await.status, StatusCode::NOT_FOUND);
        assert_eq!(browser.get("/queue?after=1.2").await.status, StatusCode::NOT_FOUND);
    }
}

on_both! {
    async fn due_times_become_urgent_and_then_overdue(db: TestDb) {
        let t = TestApp::new(&db).await;
        let case = t.request().await;
        let mut browser = Browser::signed_in(&t.app, &t.engineer).await;
        assert!(browser.get("/queue").await.shows("First answer due 26 November 2026"));

        t.clock.advance(case.due_at - t.app.now() - TimeDelta::minutes(60));
        // A day is longer than a session.
        let mut browser = Browser::signed_in(&t.app, &t.engineer).await;
        let page = browser.get("/queue").await;
        assert!(page.shows("First answer due in 1 h") && page.body.contains("tag tag-you"), "{}", page.body);

        t.clock.advance(TimeDelta::minutes(60) + TimeDelta::minutes(25));
        let mut browser = Browser::signed_in(&t.app, &t.engineer).await;
        let page = browser.get("/queue").await;
        assert!(page.shows("First answer overdue 25 min") && page.body.contains("tag tag-failed"), "{}", page.body);
        let page = browser.get(&format!("/cases/{}", case.number)).await;
        assert!(page.shows("First answer overdue since 26 November 2026"), "{}", page.body);
    }
}

on_both! {
    async fn a_long_list_is_read_page_by_page_without_a_gap_or_a_repeat(db: TestDb) {
        let t = TestApp::new(&db).await;
        for index in 0..120_i64 {
            t.request_for(&format!("10.20.{}.{}", index / 100, index % 100 + 1)).await;
            // Several cases share each due time, so that a page ends in the middle of some.
            if index % 7 == 0 {
                t.clock.advance(TimeDelta::microseconds(1));
            }
        }
        let mut browser = Browser::signed_in(&t.app, &t.engineer).await;
        let mut pages = Vec::new();
        let mut path = "/queue?view=unclaimed".to_owned();
        loop {
            let page = browser.get(&path).await;
            assert_eq!(page.status, StatusCode::OK);
            assert_eq!(count(&page, "unclaimed"), 120);
            pages.push(numbers(&page));
            let Some((before, _)) = page.body.split_once("\">Show more cases</a>") else { break };
            path = before.rsplit("href=\"").next().unwrap().replace("&amp;", "&").replace("&#x2f;", "/");
        }
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 20]);
        let all: Vec<i64> = pages.concat();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 120);
        assert_eq!(all, (1001..=1120).collect::<Vec<_>>(), "the most urgent one first");
    }
}

on_both! {
    async fn a_case_is_found_by_what_people_have_in_hand(db: TestDb) {
        let t = TestApp::new(&db).await;
        let first = t.request().await.number;
        let second = t.request_for("10.20.4.16").await.number;
        let mut browser = Browser::signed_in(&t.app, &t.engineer).await;
        let to = |number: i64| Some(format!("/cases/{number}"));
        for text in [second.to_string(), format!("%23{second}"), format!("+{second}+"), "10.20.4.16".to_owned()] {
            assert_eq!(browser.get(&format!("/queue?q={text}")).await.location(), to(second), "{text}");
        }
        let page = browser.get("/queue?q=aLDER+mutual").await;
        assert_eq!(numbers(&page), [second, first], "several are shown, newest first");

        let page = browser.get("/queue?q=Nobody").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.shows("No case matches \u{201c}Nobody\u{201d}.") && page.shows("Clear the search"));
        assert!(page.body.contains("value=\"Nobody\""), "the search stays in its box");
        assert_eq!(numbers(&browser.get("/queue?q=++").await).len(), 2, "an empty search is no search");
    }
}
