//! The pages, as an engineer, a network engineer and two leads use them.

use postern::app::admin;
use postern::domain::actor::Role;

use super::{second_lead, tunnel_id};
use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::{Browser, Page};

fn typed<'v>(network: &'v str, reason: &'v str) -> [(&'static str, &'v str); 5] {
    [("tunnel", "alder-1"), ("network", network), ("port", "587"), ("protocol", "tcp"), ("reason", reason)]
}

/// Sends the form, and the form of the look after it.
async fn add(browser: &mut Browser, network: &str, reason: &str) -> (Page, Page) {
    let form = browser.get("/whitelist/add?tunnel=alder-1").await;
    let looked = browser.submit(&form, "/whitelist/add", &typed(network, reason)).await;
    let done = if looked.form("/whitelist").is_some() && looked.status == 200 {
        let done = browser.submit(&looked, "/whitelist", &[]).await;
        browser.follow(done).await
    } else {
        looked.clone()
    };
    (looked, done)
}

on_both! {
    async fn an_entry_is_looked_at_added_applied_and_taken_off(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut browser = Browser::signed_in(&t.app, &t.engineer).await;
        let none = browser.get("/whitelist").await;
        assert!(none.shows("Nothing stands on this list yet"), "{}", none.body);
        let (wrong, _) = add(&mut browser, "10.99.0.8", "").await;
        assert_eq!((wrong.status.as_u16(), wrong.wrong_fields()), (422, vec!["network".to_owned()]));
        assert!(wrong.shows("belongs to us or to the tunnel itself"));
        let (looked, page) = add(&mut browser, "10.20.4.16", "Second relay").await;
        assert!(looked.shows("Add 10.20.4.16/32 port 587/tcp?") && looked.shows("10.99.0.8"));
        assert!(page.shows("Second relay") && page.shows("Added to the list"), "{}", page.body);
        let again = browser.submit(&looked, "/whitelist", &[]).await;
        assert_eq!(again.status.as_u16(), 303, "a form that is sent twice adds once");
        let (twice, _) = add(&mut browser, "10.20.4.16", "").await;
        assert!(twice.shows("stands on the list of tunnel alder-1 already"), "{}", twice.body);

        let plan = format!("/whitelist/plan/{}", tunnel_id(&t).await);
        let list = browser.get("/whitelist?tunnel=alder-1").await;
        assert!(list.body.contains(&plan) && list.shows("10.20.4.16/32"), "{}", list.body);
        let difference = browser.get(&plan).await;
        assert!(difference.shows("10.20.4.16/32 port 587/tcp") && difference.shows("Kim Castle: Second relay"));
        let empty = browser.submit(&difference, &plan, &[]).await;
        assert_eq!(empty.wrong_fields(), ["change_ref"]);
        let stale = browser.submit(&difference, &plan, &[("version", "1"), ("change_ref", "CHG-1")]).await;
        assert!(stale.shows("The list has changed since you looked"), "{}", stale.body);
        let done = browser.submit(&difference, &plan, &[("change_ref", "CHG-1")]).await;
        let done = browser.follow(done).await;
        assert!(done.shows("Nothing differs") && done.form(&plan).is_none(), "{}", done.body);

        let entry = page.body.split("action=\"/whitelist/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        let path = format!("/whitelist/{entry}");
        let page = browser.get(&path).await;
        assert!(page.shows("No test went there") && page.shows("CHG-1"), "{}", page.body);
        let missing = browser.submit(&page, &format!("{path}/retire"), &[]).await;
        assert_eq!(missing.wrong_fields(), ["reason"]);
        let said = browser.submit(&page, &format!("{path}/theirs"), &[("state", "applied"), ("how", "Mail of Dana")]).await;
        assert!(browser.follow(said).await.shows("Mail of Dana"));
        let leaves = browser.submit(&page, &format!("{path}/retire"), &[("reason", "Replaced")]).await;
        let leaves = browser.follow(leaves).await;
        assert!(leaves.shows("To leave") && leaves.form(&format!("{path}/stay")).is_some(), "{}", leaves.body);
        assert!(browser.get(&plan).await.shows("to be let through no more"));
    }
}

on_both! {
    async fn a_wide_entry_waits_for_another_lead(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut lou = Browser::signed_in(&t.app, &t.lead).await;
        let mut max = Browser::signed_in(&t.app, &second_lead(&t).await).await;
        let (bare, _) = add(&mut lou, "10.20.4.0/28", "").await;
        assert_eq!(bare.wrong_fields(), ["reason"]);
        let (looked, requests) = add(&mut lou, "10.20.4.0/28", "A cluster <b>of relays</b>").await;
        assert!(looked.shows("10.20.4.0/28 holds 16 addresses") && looked.shows("Ask a lead to approve"));
        assert!(requests.shows("A cluster <b>of relays</b>"), "{}", requests.body);
        assert!(!requests.body.contains("/approve\""), "whoever asked cannot approve");
        assert!(requests.shows("Take it back"));
        let theirs = max.get("/whitelist/requests").await;
        let action = theirs.body.split("action=\"").find(|part| part.contains("/approve\"")).unwrap();
        let action = action.split('"').next().unwrap().to_owned();
        let done = max.submit(&theirs, &action, &[("note", "Fine")]).await;
        let done = max.follow(done).await;
        assert!(done.shows("10.20.4.0/28") && done.shows("Approved: Asked for by Lou Grant"), "{}", done.body);
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        assert!(kim.get("/whitelist?q=10.20.4.9").await.shows("Contains it"));
        assert!(kim.get("/whitelist?q=x.y").await.shows("Enter an IP"));
        let forced = lou.post(&action, &[("note", "")]).await;
        assert_eq!(forced.status.as_u16(), 303, "the same decision once more changes nothing");
    }
}

on_both! {
    async fn entries_of_cases_name_their_case_and_are_applied_there(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let list = kim.get("/whitelist").await;
        assert!(list.shows(&format!("Case {number}")) && list.shows("Wanted"), "{}", list.body);
        let plan = kim.get(&format!("/whitelist/plan/{}", tunnel_id(&t).await)).await;
        assert!(plan.shows(&format!("10.20.4.15/32 port 587/tcp in case {number}")), "{}", plan.body);
        assert!(plan.shows("Nothing differs"), "a case's wish is no difference to apply here");
        // An administrator reads, and cannot change.
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let seen = ada.get("/whitelist").await;
        assert!(seen.shows("10.20.4.15/32") && !seen.body.contains("/whitelist/add"));
        let place = admin::Place::Staff([Role::Support].into());
        let sue = admin::add_person(&t.app, ("Sue".into(), "sue@vendor.example".into()), place, None).await.unwrap();
        let mut sue = Browser::signed_in(&t.app, &sue).await;
        add(&mut sue, "10.20.4.16", "").await;
        let plan = format!("/whitelist/plan/{}", tunnel_id(&t).await);
        assert!(sue.get(&plan).await.form(&plan).is_none(), "applying is for network engineers");
        assert_eq!(sue.post(&plan, &[("version", "1"), ("change_ref", "X")]).await.status.as_u16(), 403);
    }
}
