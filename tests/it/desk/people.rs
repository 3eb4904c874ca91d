//! Inviting people, links that work once, rights, and what happens when somebody leaves.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use chrono::TimeDelta;
use postern::app::people::{self, Change};
use postern::app::{Error, admin, queue};
use postern::domain::actor::{Person, Role};

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::on_both;
use crate::support::http::Browser;

fn page_of(person: &Person) -> String {
    format!("/admin/people/{}", person.id.uuid().simple())
}

/// The path of the newest link that was mailed to an address.
fn link_to(t: &TestApp, address: &str) -> String {
    let text = t.mails_to(address).pop().unwrap().text;
    let at = text.find("/welcome?token=").unwrap_or_else(|| panic!("no link in {text}"));
    text[at..].split_whitespace().next().unwrap().to_owned()
}

on_both! {
    async fn a_person_is_invited_and_signs_in_by_a_link_that_works_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let list = format!("/admin/customers/{}/people", t.customer.id.uuid().simple());
        let form = ada.get(&format!("{list}/new")).await;
        for (answers, wrong) in [
            (vec![("name", ""), ("email", "eve@alder.example")], "name"),
            (vec![("name", "Eve"), ("email", "eve\r\nBcc: x@y.example")], "email"),
            (vec![("name", "Eve"), ("email", "DANA@alder.example")], "email"),
            (vec![("name", "Eve"), ("email", "eve@alder.example"), ("right", "every")], "right"),
        ] {
            let page = ada.submit(&form, &list, &answers).await;
            assert_eq!(page.wrong_fields(), [wrong], "{answers:?}");
        }
        let good = [("name", "Eve Field"), ("email", "Eve@Alder.example"), ("right", "own")];
        let page = ada.submit(&form, &list, &good).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
        let person = page.location().unwrap();
        assert!(ada.get(&person).await.shows("Invited"));
        t.drain().await;

        let link = link_to(&t, "eve@alder.example");
        let mut eve = Browser::new(&t.app);
        for _look in 0..2 {
            assert!(eve.get(&link).await.shows("Choose a password"), "looking does not use a link up");
        }
        let form = eve.get(&link).await;
        assert_eq!(eve.submit(&form, "/welcome", &[("password", "short")]).await.wrong_fields(), ["password"]);
        let done = eve.submit(&form, "/welcome", &[("password", "a password of eve")]).await;
        assert_eq!(done.location().as_deref(), Some("/sign-in"), "{}", done.body);
        assert_eq!(eve.get(&link).await.status, StatusCode::FORBIDDEN);
        let again = eve.submit(&form, "/welcome", &[("password", "another password")]).await;
        assert_eq!(again.status, StatusCode::FORBIDDEN, "a link works once");
        let form = eve.get("/sign-in").await;
        let answers = [("email", "eve@alder.example"), ("password", "a password of eve")];
        assert_eq!(eve.submit(&form, "/sign-in", &answers).await.status, StatusCode::SEE_OTHER);
        assert_eq!(eve.open("/cases").await.status, StatusCode::OK);
        assert!(ada.get(&person).await.shows("Active"));
    }
}

on_both! {
    async fn a_forgotten_password_tells_nobody_who_is_known(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        let mut browser = Browser::new(&t.app);
        let form = browser.get("/forgotten").await;
        let ask = [("email", "dana@alder.example")];
        let known = browser.submit(&form, "/forgotten", &ask).await;
        let unknown = browser.submit(&form, "/forgotten", &[("email", "nobody@alder.example")]).await;
        assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
        assert_eq!(browser.submit(&form, "/forgotten", &[("email", "x\0@y")]).await.wrong_fields(), ["email"]);
        browser.submit(&form, "/forgotten", &ask).await;
        t.drain().await;
        assert_eq!(t.mails_to("dana@alder.example").len(), 1, "a mailbox cannot be filled");
        let first = link_to(&t, "dana@alder.example");

        t.clock.advance(TimeDelta::minutes(3));
        browser.submit(&form, "/forgotten", &ask).await;
        t.drain().await;
        let second = link_to(&t, "dana@alder.example");
        assert_eq!(browser.get(&first).await.status, StatusCode::FORBIDDEN, "a newer link ends the older one");
        assert_eq!(browser.get(&second).await.status, StatusCode::OK);
        assert_eq!(dana.get("/cases").await.status, StatusCode::OK, "asking changes nothing");
        let form = browser.get(&second).await;
        browser.submit(&form, "/welcome", &[("password", "a new password for dana")]).await;
        assert_eq!(dana.get("/cases").await.status, StatusCode::SEE_OTHER, "sessions end with the old password");

        t.clock.advance(TimeDelta::minutes(3));
        let form = browser.get("/forgotten").await;
        browser.submit(&form, "/forgotten", &ask).await;
        t.drain().await;
        let late = link_to(&t, "dana@alder.example");
        t.clock.advance(TimeDelta::minutes(61));
        assert_eq!(browser.get(&late).await.status, StatusCode::FORBIDDEN, "its time is over");
    }
}

on_both! {
    async fn a_leavers_ways_in_end_at_once_and_the_cases_go_to_an_heir(db: TestDb) {
        let t = TestApp::new(&db).await;
        let heir = t.colleague("Jo").await;
        let number = t.request().await.number;
        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let program = Client::of(&t.app, &t.engineer).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let (path, disable) = (page_of(&t.engineer), format!("{}/disable", page_of(&t.engineer)));
        let form = ada.get(&path).await;
        for stranger in ["x".to_owned(), t.contact.id.to_string(), t.admin.id.to_string(), t.engineer.id.to_string()] {
            let page = ada.submit(&form, &disable, &[("heir", &stranger)]).await;
            assert_eq!(page.wrong_fields(), ["heir"], "{stranger}");
        }
        assert_eq!(kim.get("/queue").await.status, StatusCode::OK, "nothing was changed");
        let heir_id = heir.id.uuid().simple().to_string();
        assert_eq!(ada.submit(&form, &disable, &[("heir", &heir_id)]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(kim.get("/queue").await.status, StatusCode::SEE_OTHER);
        assert_eq!(program.get("/api/v1/cases").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(t.case(number).await.claimant(), Some(heir.id));

        people::enable(&t.app, &t.admin, t.engineer.id).await.unwrap();
        assert_eq!(kim.get("/queue").await.status, StatusCode::SEE_OTHER, "what was ended stays ended");
        assert_eq!(program.get("/api/v1/cases").await.status, StatusCode::UNAUTHORIZED);
        people::disable(&t.app, &t.admin, heir.id, None).await.unwrap();
        assert_eq!(t.case(number).await.claimant(), None, "without an heir a case goes back to the queue");

        let stranger = t.stranger().await;
        let refused = people::disable(&t.app, &t.admin, t.contact.id, Some(stranger.id)).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "another customer's people inherit nothing");
        let place = admin::Place::Contact { customer: t.customer.id, all_cases: false };
        let eve = ("Eve Field".to_owned(), "eve@alder.example".to_owned());
        let eve = admin::add_person(&t.app, eve, place, None).await.unwrap();
        assert!(!t.case(number).await.is_visible_to(&eve));
        people::disable(&t.app, &t.admin, t.contact.id, Some(eve.id)).await.unwrap();
        assert!(t.case(number).await.is_visible_to(&eve));
        t.whole_log(number).await;
    }
}

on_both! {
    async fn somebody_stays_administrator_and_contacts_never_become_staff(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut ada = Browser::signed_in(&t.app, &t.admin).await;
        let (path, disable) = (page_of(&t.admin), format!("{}/disable", page_of(&t.admin)));
        let form = ada.get(&path).await;
        assert_eq!(ada.submit(&form, &disable, &[]).await.wrong_fields(), ["heir"]);
        let edit = format!("{path}/edit");
        let mut fields = ada.get(&edit).await.form(&edit).unwrap();
        assert_eq!(fields.remove("roles-admin").as_deref(), Some("admin"), "{fields:?}");
        assert_eq!(ada.post_form(&edit, &fields).await.wrong_fields(), ["roles"]);
        fields.insert("roles-support".to_owned(), "support".to_owned());
        assert_eq!(ada.post_form(&edit, &fields).await.wrong_fields(), ["roles"], "the last administrator stays one");
        assert_eq!(ada.get(&path).await.status, StatusCode::OK);

        let roles = BTreeSet::from([Role::Admin]);
        let refused = admin::set_person(&t.app, &t.contact.email, (Some(roles.clone()), None), None).await;
        assert!(matches!(refused, Err(Error::Invalid(errors)) if errors[0].field == "roles"));
        let change = Change { name: "Dana Field".into(), roles, all_cases: false };
        people::change(&t.app, &t.admin, t.contact.id, change).await.unwrap();
        let (entry, _) = people::one(&t.app, &t.admin, t.contact.id).await.unwrap();
        assert_eq!((entry.person.roles, entry.person.all_cases), (BTreeSet::from([Role::Customer]), false));
        let smuggled = [("idempotency_key", "k"), ("name", "Dana"), ("right", "all"), ("roles-admin", "admin")];
        let edit = format!("{}/edit", page_of(&t.contact));
        assert_eq!(ada.post(&edit, &smuggled).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}
