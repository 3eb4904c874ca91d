//! Claiming, losing the race, giving back, handing over.

use axum::http::StatusCode;
use chrono::TimeDelta;
use postern::app::queue;

use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::Browser;

on_both! {
    async fn one_claims_and_the_other_reads_who_was_faster(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let bo = t.colleague("Bo").await;
        let path = format!("/cases/{number}");
        let (mut kim, mut other) = (Browser::signed_in(&t.app, &t.engineer).await, Browser::signed_in(&t.app, &bo).await);
        let (for_kim, for_bo) = (kim.get("/queue").await, other.get("/queue").await);
        let claim = format!("{path}/claim");

        let page = other.submit(&for_bo, &claim, &[]).await;
        assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, Some(path.clone())));
        assert!(other.get(&path).await.shows("Claimed by you"));
        t.clock.advance(TimeDelta::seconds(4));
        let page = kim.submit(&for_kim, &claim, &[]).await;
        assert_eq!(page.status, StatusCode::CONFLICT);
        assert!(page.shows("Bo claimed this case 4 seconds ago") && page.shows("Watch this case"), "{}", page.body);
        assert!(!page.shows("Claim the next one"), "there is none");

        // Once more by the one who has it: nothing is lost, nothing is logged twice.
        let revision = t.case(number).await.revision;
        assert_eq!(other.submit(&for_bo, &claim, &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(t.case(number).await.revision, revision);
        assert_eq!(t.case(number).await.claimant(), Some(bo.id));
    }
}

on_both! {
    async fn what_a_colleague_holds_is_read_and_not_acted_on(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let path = format!("/cases/{number}");
        let act = format!("{path}/act/configuration_done");
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let before = kim.get(&path).await;
        assert!(before.form(&act).is_some(), "{}", before.body);
        let bo = t.colleague("Bo").await;
        queue::claim(&t.app, &bo, number).await.unwrap();

        let page = kim.get(&path).await;
        assert!(page.shows("Claimed by Bo") && page.shows("Bo works on this case."), "{}", page.body);
        assert!(page.form(&act).is_none() && page.form(&format!("{path}/release")).is_none());
        let page = kim.submit(&before, &act, &[("change_ref", "CHG-4711")]).await;
        assert_eq!(page.status, StatusCode::CONFLICT);
        assert!(page.shows("Bo claimed case") && page.shows("CHG-4711"), "what was typed is kept");
        assert_eq!(t.case(number).await.flow.state, "awaiting_configuration");

        let mut lead = Browser::signed_in(&t.app, &t.lead).await;
        let page = lead.get(&path).await;
        assert_eq!(lead.submit(&page, &format!("{path}/release"), &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(t.case(number).await.claim, None, "a lead may give it back");
    }
}

on_both! {
    async fn the_next_case_is_claimed_once_however_often_the_button_is_pressed(db: TestDb) {
        let t = TestApp::new(&db).await;
        let first = t.request().await.number;
        t.clock.advance(TimeDelta::minutes(1));
        let second = t.request_for("10.20.4.16").await.number;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let queue = kim.get("/queue").await;
        for press in 0..3 {
            let page = kim.submit(&queue, "/queue/next", &[]).await;
            assert_eq!(page.location(), Some(format!("/cases/{first}")), "press {press}");
        }
        assert_eq!(t.case(second).await.claim, None);
        let queue = kim.get("/queue").await;
        assert_eq!(kim.submit(&queue, "/queue/next", &[]).await.location(), Some(format!("/cases/{second}")));

        let page = kim.post("/queue/next", &[("idempotency_key", "another")]).await;
        let page = kim.follow(page).await;
        assert!(page.shows("No unclaimed cases. 2 of your own are open."), "{}", page.body);
        assert!(page.form("/queue/next").is_none());
    }
}

on_both! {
    async fn a_case_goes_back_to_the_queue_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let page = kim.get(&format!("/cases/{number}")).await;
        let release = format!("/cases/{number}/release");
        assert_eq!(kim.submit(&page, &release, &[]).await.location(), Some(format!("/cases/{number}")));
        let revision = t.case(number).await.revision;
        assert_eq!(kim.submit(&page, &release, &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!((t.case(number).await.claim, t.case(number).await.revision), (None, revision));
        assert!(kim.get(&format!("/cases/{number}")).await.shows("Not claimed"));
    }
}

on_both! {
    async fn a_case_is_handed_over_with_a_note_that_stays_inside(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let bo = t.colleague("Bo").await;
        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let path = format!("/cases/{number}/hand-over");
        let form = kim.get(&path).await;
        assert!(form.shows("Next: Whitelist 10.20.4.15 for this tunnel"), "{}", form.body);
        assert!(!form.shows(&t.engineer.id.to_string()), "nobody hands over to themselves");

        let page = kim.submit(&form, &path, &[("colleague", ""), ("note", "Their <b>firewall</b> team is in UTC+1")]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(page.wrong_fields(), ["over-colleague"]);
        assert!(page.shows("Their <b>firewall</b> team is in UTC+1"), "what was typed is kept");
        let customer = t.contact.id.to_string();
        let page = kim.submit(&page, &path, &[("colleague", customer.as_str())]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "a customer does not work the queue");

        let id = bo.id.to_string();
        let sent = kim.submit(&page, &path, &[("colleague", id.as_str())]).await;
        assert_eq!(sent.location(), Some(format!("/cases/{number}")));
        assert_eq!(t.case(number).await.claimant(), Some(bo.id));
        let revision = t.case(number).await.revision;
        assert_eq!(kim.submit(&page, &path, &[("colleague", id.as_str())]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(t.case(number).await.revision, revision, "sent twice is handed over once");

        let mut other = Browser::signed_in(&t.app, &bo).await;
        let page = other.get(&format!("/cases/{number}")).await;
        assert!(page.shows("Their <b>firewall</b> team is in UTC+1") && page.shows("Handed the case over"));
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let page = customer.get(&format!("/cases/{number}")).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.body.contains("firewall</b> team") && !page.shows("UTC+1"), "{}", page.body);
    }
}
