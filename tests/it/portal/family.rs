//! A change of the settings through pages, from both sides, and a closed case.

use axum::http::StatusCode;
use postern::domain::cause::Cause;

use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::{Browser, Page};

const SECRET: &str = "canary-Password-7f3a";

async fn act(browser: &mut Browser, number: i64, event: &str, answers: &[(&str, &str)]) -> Page {
    let action = format!("/cases/{number}/act/{event}");
    let page = browser.open(&action).await;
    assert_eq!(page.status, StatusCode::OK, "{event}: {}", page.body);
    browser.submit(&page, &action, answers).await
}

on_both! {
    #[expect(clippy::too_many_lines, reason = "one way through the pages, in its order")]
    async fn a_customer_changes_the_settings_from_the_page_of_the_active_server(db: TestDb) {
        let t = TestApp::new(&db).await;
        let _product = t.with_product().await;
        let main = t.reached().await;
        for _ in 0..2 {
            t.script.push(None);
        }
        t.submit_settings(main).await;
        t.drain().await;
        t.act(&t.contact, main, "it_arrived", &[]).await.unwrap();
        t.drain().await;
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        assert!(dana.open(&format!("/cases/{main}")).await.shows("Change the SMTP settings"));
        let sent = act(&mut dana, main, "change_settings", &[]).await;
        let child = main + 1;
        assert_eq!(sent.location(), Some(format!("/cases/{child}")), "{}", sent.body);
        let page = dana.follow(sent).await;
        for text in ["What changes?", "The account or its password", "The port, with its encryption", "Part of", "Stored encrypted"] {
            assert!(page.shows(text), "{text}: {}", page.body);
        }
        assert!(page.body.contains(&format!("href=\"/cases/{main}\"")), "the way to the main case");
        let parent = dana.open(&format!("/cases/{main}")).await;
        assert!(parent.shows("A change is under way in a case of its own.") && parent.body.contains(&format!("href=\"/cases/{child}\"")));
        let refused = act(&mut dana, main, "change_settings", &[]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.shows(&format!("Case {child}")), "{}", refused.body);

        let sent = act(&mut dana, child, "change_connection", &[("smtp_port", "465"), ("encryption", "implicit_tls")]).await;
        let page = dana.follow(sent).await;
        assert!(page.shows("in use: 587") && page.shows("in use: STARTTLS"), "{}", page.body);
        let queue = kim.open("/queue").await;
        assert!(queue.shows(&format!("Change of the SMTP settings, part of case {main}")), "{}", queue.body);
        let all = kim.open("/queue?view=open").await;
        assert!(!all.body.contains(SECRET));
        let page = kim.open(&format!("/cases/{child}")).await;
        assert!(page.shows("Whitelist 10.20.4.15 on port 465") && page.shows("in use: 587") && page.shows("Part of"), "{}", page.body);
        let sent = act(&mut kim, child, "port_whitelisted", &[("change_ref", "CHG-9")]).await;
        assert_eq!(sent.location(), Some(format!("/cases/{child}")), "{}", sent.body);
        t.script.push(Some(Cause::AuthBadCredentials));
        act(&mut dana, child, "let_in_done", &[]).await;
        t.drain().await;
        let form = dana.open(&format!("/cases/{child}/act/change_account")).await;
        assert!(form.shows("A password is stored. Leave empty to keep it"), "{}", form.body);
        let empty = act(&mut dana, child, "change_account", &[]).await;
        assert_eq!((empty.status, empty.wrong_fields()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["smtp_password".to_owned()]));
        for _ in 0..2 {
            t.script.push(None);
        }
        act(&mut dana, child, "change_account", &[("smtp_password", SECRET)]).await;
        t.drain().await;
        let page = dana.open(&format!("/cases/{child}")).await;
        assert!(page.shows("Did the test alert arrive?"), "{}", page.body);
        act(&mut dana, child, "it_arrived", &[]).await;
        t.drain().await;
        let (done, parent) = (dana.open(&format!("/cases/{child}")).await, dana.open(&format!("/cases/{main}")).await);
        assert!(done.shows("Done. The new settings are in use"));
        assert!(parent.shows("465") && parent.shows("Belongs to this case") && !parent.shows("under way"), "{}", parent.body);
        let history = kim.open(&format!("/cases/{main}")).await;
        assert!(history.shows(&format!("Case {child}")) && history.shows("The new SMTP settings are in use"), "{}", history.body);
        for page in [done, parent, history] {
            assert!(!page.body.contains(SECRET), "a secret stands in a page");
        }
    }
}

on_both! {
    async fn a_closed_case_says_until_when_it_can_be_reopened(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        t.act(&t.contact, number, "cancel", &[("reason", "A mistake")]).await.unwrap();
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        for browser in [&mut dana, &mut kim] {
            let page = browser.open(&format!("/cases/{number}")).await;
            let banner = "Closed on 25 November 2026. Answer by 9 December 2026 at 10:00 UTC to reopen this case";
            assert!(page.shows(banner) && page.shows("Reopen this case"), "{}", page.body);
        }
        assert!(!kim.open("/queue?view=open").await.body.contains(&format!("/cases/{number}\"")), "it is in no list of open cases");
        let sent = act(&mut dana, number, "reopen", &[]).await;
        let page = dana.follow(sent).await;
        assert!(page.shows("We whitelist 10.20.4.15") && !page.shows("Closed on"), "{}", page.body);
    }
}
