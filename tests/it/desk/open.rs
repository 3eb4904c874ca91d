//! An engineer opens a case for a customer: the same questions, in the contact's name, and the log says who did it.

use postern::app::admin::{self, Place};
use postern::domain::customer::Architecture;

use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::Browser;

const PUBLIC: [(&str, &str); 7] = [
    ("smtp_location", "public"),
    ("filters_inbound", "yes"),
    ("smtp_host", "mail.provider.example"),
    ("smtp_ip", "8.8.4.4"),
    ("smtp_port", "587"),
    ("encryption", "starttls"),
    ("sender_address", "alerts@alder.example"),
];

on_both! {
    async fn a_case_is_opened_in_the_name_of_the_contact_who_asked(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let queue = kim.get("/queue").await;
        assert!(queue.shows("Open a case for a customer"), "{}", queue.body);
        let path = format!("/queue/open?customer={}", t.customer.id);
        assert!(kim.get("/queue/open").await.body.contains(&path));
        let form = kim.get(&path).await;
        let contact = t.contact.id.to_string();
        let empty = kim.submit(&form, &path, &[]).await;
        assert_eq!((empty.status.as_u16(), empty.wrong_fields()), (422, vec!["contact".to_owned()]), "{}", empty.body);
        let wrong = kim.submit(&form, &path, &[("contact", &contact), ("smtp_location", "private"), ("smtp_ip", "8.8.8.8")]).await;
        assert_eq!(wrong.status.as_u16(), 422);
        assert!(wrong.wrong_fields().contains(&"smtp_ip".to_owned()) && wrong.body.contains("8.8.8.8"), "{:?}", wrong.wrong_fields());
        assert_eq!(db.number("SELECT COUNT(*) FROM cases").await, 0);

        let answers: Vec<(&str, &str)> = [("contact", contact.as_str())].into_iter().chain(PUBLIC).collect();
        let sent = kim.submit(&form, &path, &answers).await;
        assert_eq!(sent.location().as_deref(), Some("/cases/1001"), "{}", sent.body);
        let again = kim.submit(&form, &path, &answers).await;
        assert_eq!(again.location().as_deref(), Some("/cases/1001"), "a form that is sent twice opens one case");
        let case = t.case(1001).await;
        assert_eq!((case.opened_by, case.customer), (t.contact.id, t.customer.id));
        assert_eq!(case.flow.state, "alerting_ip", "{}", case.flow.state);
        let page = kim.get("/cases/1001").await;
        assert!(page.shows("Kim Castle for Dana Field") && page.shows("Opened the case"), "{}", page.body);
        t.whole_log(1001).await;
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        let seen = dana.get("/cases/1001").await;
        assert_eq!(seen.status.as_u16(), 200);
        t.drain().await;
        assert!(!t.mails_to("dana@alder.example").is_empty(), "the contact is told");
    }
}

on_both! {
    async fn another_customers_contact_an_unknown_customer_and_a_relay_customer(db: TestDb) {
        let t = TestApp::new(&db).await;
        let stranger = t.stranger().await;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let path = format!("/queue/open?customer={}", t.customer.id);
        let form = kim.get(&path).await;
        let id = stranger.id.to_string();
        let answers: Vec<(&str, &str)> = [("contact", id.as_str())].into_iter().chain(PUBLIC).collect();
        let wrong = kim.submit(&form, &path, &answers).await;
        assert_eq!(wrong.wrong_fields(), ["contact"], "a contact of somebody else");
        for bad in ["x", "00000000-0000-0000-0000-000000000000"] {
            assert_eq!(kim.get(&format!("/queue/open?customer={bad}")).await.status.as_u16(), 404);
        }
        let untunneled = format!("/queue/open?customer={}", stranger.customer.unwrap());
        let form = kim.get(&untunneled).await;
        let refused = kim.submit(&form, &untunneled, &answers).await;
        assert!(refused.status == 422 && refused.shows("VPN tunnel is not on record yet"), "{}", refused.body);
        assert_eq!(db.number("SELECT COUNT(*) FROM cases").await, 0);

        let cedar = admin::add_customer(&t.app, "Cedar Health".into(), Architecture::SecureRelay).await.unwrap();
        let place = Place::Contact { customer: cedar.id, all_cases: true };
        let robin = admin::add_person(&t.app, ("Robin".into(), "robin@cedar.example".into()), place, None).await.unwrap();
        let path = format!("/queue/open?customer={}", cedar.id);
        let form = kim.get(&path).await;
        assert!(!form.body.contains("smtp_ip"));
        let sent = kim.submit(&form, &path, &[("contact", &robin.id.to_string())]).await;
        assert_eq!(sent.location().as_deref(), Some("/cases/1001"), "{}", sent.body);
        assert_eq!(t.case(1001).await.flow.state, "relay_setup");
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        assert_eq!(dana.get("/queue/open").await.status.as_u16(), 403);
    }
}
