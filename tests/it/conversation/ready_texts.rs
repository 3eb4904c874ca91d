//! Ready texts: what may stand in them, and how a reply begins with one.

use axum::http::StatusCode;
use postern::app::{Error, ready_texts};

use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::Browser;

on_both! {
    async fn a_reply_begins_with_a_text_that_has_the_values_of_the_case(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let mut kim = Browser::signed_in(&t.app, &t.engineer).await;
        let page = kim.get("/queue/texts").await;
        let body = "Dear {{ customer }}, is {{ field.smtp_ip }} right?{% if field.smtp_host %} {{ field.smtp_host }}{% endif %}";
        let wrong = kim.submit(&page, "/queue/texts", &[("name", "Ask"), ("body", "{{ field.smtp_pi }}")]).await;
        assert_eq!((wrong.status, wrong.wrong_fields()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["body".to_owned()]));
        assert!(wrong.shows("field.smtp_pi is not known"), "{}", wrong.body);
        let saved = kim.submit(&page, "/queue/texts", &[("name", "Ask"), ("body", body)]).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);

        let page = kim.get(&format!("/cases/{number}")).await;
        let link = page.body.split("href=\"").find(|link| link.contains("?text=")).unwrap().split('"').next().unwrap();
        let page = kim.get(link.split('#').next().unwrap()).await;
        let form = page.form(&format!("/cases/{number}/messages")).unwrap();
        assert_eq!(form["message"], "Dear Alder Mutual, is 10.20.4.15 right?");

        let list = ready_texts::list(&t.app, &t.lead).await.unwrap();
        let page = kim.get("/queue/texts").await;
        kim.submit(&page, &format!("/queue/texts/{}/delete", list[0].id), &[]).await;
        assert!(ready_texts::list(&t.app, &t.lead).await.unwrap().is_empty());
        let mut dana = Browser::signed_in(&t.app, &t.contact).await;
        assert_eq!(dana.get("/queue/texts").await.status, StatusCode::FORBIDDEN);
    }
}

on_both! {
    async fn a_text_works_within_its_sandbox(db: TestDb) {
        let t = TestApp::new(&db).await;
        for body in [
            "{{ field.smtp_password }}",
            "{{ field.change_ref }}",
            "{% if false %}{{ secret }}{% endif %}",
            "{% include 'layout.html' %}",
            "{{ customer|safe }}",
            "{{ range(100000) }}",
            "{% for a in field %}{% for b in field %}{% for c in field %}{% for d in field %}x{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
            "{{ unclosed",
            " ",
        ] {
            let refused = ready_texts::put(&t.app, &t.engineer, None, ("Ask", body)).await;
            assert!(matches!(&refused, Err(Error::Invalid(errors)) if errors[0].field == "body"), "{body}: {refused:?}");
        }
        ready_texts::put(&t.app, &t.engineer, None, ("Ask", "{{ me }}")).await.unwrap();
        let twice = ready_texts::put(&t.app, &t.engineer, None, ("Ask", "{{ me }}")).await;
        assert!(matches!(&twice, Err(Error::Invalid(errors)) if errors[0].code == "taken"), "{twice:?}");
    }
}
