//! The rows of tests/corpus/smtp/smtp-cases.tsv about settings that are stored and tested later: pages, API, revisions,
//! vault. Each test begins with the id of its row.

use postern::app::probes;
use postern::domain::cause::Cause;
use postern::probe::ProbeRequest;
use postern::store;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::on_both;
use crate::support::http::Browser;

/// A private server with STARTTLS, as a program asks for it.
fn request(change: &Value) -> Value {
    let mut body = json!({
        "smtp_location": "private", "smtp_ip": "10.20.4.15", "smtp_port": 587, "encryption": "starttls",
        "sender_address": "alerts@alder.example",
    });
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body
}

/// Settings with these in place of the usual ones.
fn settings<'a>(change: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("encryption", "starttls"),
        ("sender_address", "alerts@alder.example"),
        ("test_recipient", "soc@alder.example"),
    ];
    let kept = usual.into_iter().filter(|(name, _)| change.iter().all(|(changed, _)| changed != name));
    kept.chain(change.iter().copied()).collect()
}

fn password(asked: &ProbeRequest) -> Option<&str> {
    asked.credentials.as_ref().map(|credentials| credentials.password.expose())
}

on_both! {
    async fn s006_two_modes_at_once_are_refused_by_name(db: TestDb) {
        let t = TestApp::new(&db).await;
        let client = Client::of(&t.app, &t.contact).await;
        let both = request(&json!({"implicit_tls": true, "starttls": true, "smtp_port": 465}));
        let answer = client.post("/api/v1/requests", &[], &both).await;
        answer.problem(422, "invalid");
        let named: Vec<String> = answer.faults().into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(named, ["#/implicit_tls", "#/starttls"]);
        assert_eq!(client.get("/api/v1/cases").await.expect(200)["items"], json!([]));
        // The page offers one choice.
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let page = customer.open("/start/server").await;
        for word in ["none", "starttls", "implicit_tls", "unknown"] {
            let choice = format!("name=\"encryption\" value=\"{word}\"");
            assert_eq!(page.body.matches(&choice).count(), 1, "{word}: {}", page.body);
        }
    }
}

on_both! {
    async fn s008_s117_s118_the_api_names_what_it_takes(db: TestDb) {
        let t = TestApp::new(&db).await;
        let client = Client::of(&t.app, &t.contact).await;
        let send = async |change: Value| {
            let answer = client.post("/api/v1/requests", &[], &request(&change)).await;
            let problem = answer.problem(422, "invalid").to_string();
            (answer.faults(), problem)
        };
        let fault = |pointer: &str, code: &str| vec![(pointer.to_owned(), code.to_owned())];
        for word in ["tls", "\"starttls\"", "ssl"] {
            let (faults, problem) = send(json!({"encryption": word})).await;
            assert_eq!(faults, fault("#/encryption", "not_an_option"), "{word}");
            assert!(problem.contains("none, starttls, implicit_tls, unknown"), "{problem}");
            assert!(problem.contains("TLS from the start on port 465"), "{problem}");
        }
        let (faults, problem) = send(json!({"encryption": true})).await;
        assert_eq!(faults, fault("#/encryption", "wrong_type"));
        assert!(problem.contains("encryption takes a string"), "{problem}");
        // Nothing can switch off verification, and nothing is taken silently.
        for value in [json!("false"), json!(0)] {
            assert_eq!(send(json!({"verify_tls": value})).await.0, fault("#/verify_tls", "unexpected"));
        }
        let number = t.request().await.number;
        let internal = json!({"message": "hello", "internal": "false"});
        let answer = client.post(&format!("/api/v1/cases/{number}/messages"), &[], &internal).await;
        assert!(answer.problem(422, "invalid").to_string().contains("internal takes true or false"), "{}", answer.text);
    }
}

on_both! {
    async fn s009_an_unusual_port_is_a_warning_and_nothing_more(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let cases = [
            ("implicit_tls", "587", "Port 587 usually takes STARTTLS."),
            ("starttls", "465", "Port 465 usually takes implicit TLS."),
        ];
        for (encryption, port, warning) in cases {
            let place = customer.open("/start/where").await;
            customer.submit(&place, "/start/where", &[("smtp_location", "private")]).await;
            let server = customer.open("/start/server").await;
            let answers = [
                ("smtp_ip", "10.20.4.15"),
                ("smtp_port", port),
                ("encryption", encryption),
                ("sender_address", "alerts@alder.example"),
            ];
            let sent = customer.submit(&server, "/start/server", &answers).await;
            let check = customer.follow(sent).await;
            assert!(check.shows(warning), "{}", check.body);
            let sent = customer.submit(&check, "/start/check", &[]).await;
            assert!(customer.follow(sent).await.shows("Request sent"));
        }
    }
}

on_both! {
    async fn s066_s067_a_password_is_kept_byte_for_byte_and_never_replaced_by_its_mask(db: TestDb) {
        let odd = r#" a&;b c#d"e/f\\g%24$(i){j}` "#;
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let action = format!("/cases/{number}/act/submit_settings");
        let form = customer.open(&action).await;
        t.script.push(Some(Cause::AuthBadCredentials));
        let answers = settings(&[("smtp_account", "alerts"), ("smtp_password", odd)]);
        let sent = customer.submit(&form, &action, &answers).await;
        assert_eq!(sent.location(), Some(format!("/cases/{number}")), "{}", sent.body);
        t.drain().await;
        assert_eq!(password(&t.script.asked()[1]), Some(odd));
        // What the page shows in place of the password is refused, in the form and in the API.
        let form = customer.open(&action).await;
        assert!(!form.body.contains("c#d"), "a password came back");
        let masked = customer.submit(&form, &action, &settings(&[("smtp_password", "••••••••")])).await;
        assert_eq!(masked.wrong_fields(), ["smtp_password"], "{}", masked.body);
        let client = Client::of(&t.app, &t.contact).await;
        let body: Value = settings(&[("smtp_password", "***")]).into_iter().collect();
        let answer = client.act(number, "submit_settings", &body).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.faults(), [("#/smtp_password".to_owned(), "mask".to_owned())]);
        t.script.push(None);
        let sent = customer.submit(&form, &action, &settings(&[])).await;
        assert_eq!(sent.location(), Some(format!("/cases/{number}")), "{}", sent.body);
        t.drain().await;
        assert_eq!(password(&t.script.asked()[2]), Some(odd), "the stored one is what is tested");
    }
}

on_both! {
    async fn s069_s070_an_empty_password_field_means_the_stored_password(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let action = format!("/cases/{number}/act/submit_settings");
        let first = settings(&[("smtp_account", "alerts"), ("smtp_password", "hunter22 and more")]);
        t.script.push(Some(Cause::AuthBadCredentials));
        let form = customer.open(&action).await;
        customer.submit(&form, &action, &first).await;
        t.drain().await;
        // One other answer changes, the password is left empty; then the same from a page that was loaded anew.
        for encryption in ["implicit_tls", "starttls"] {
            t.script.push(Some(Cause::AuthBadCredentials));
            let form = customer.open(&action).await;
            let sent = customer.submit(&form, &action, &[("encryption", encryption)]).await;
            assert_eq!(sent.location(), Some(format!("/cases/{number}")), "{}", sent.body);
            t.drain().await;
            let asked = t.script.asked();
            let last = asked.last().unwrap();
            assert_eq!((last.encryption.as_str(), password(last)), (encryption, Some("hunter22 and more")));
        }
        assert_eq!(db.tables_with("hunter22").await, Vec::<String>::new());
    }
}

on_both! {
    async fn s071_a_test_runs_on_exactly_the_revision_that_asked_for_it(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        let client = Client::of(&t.app, &t.contact).await;
        for (round, sender) in ["one@alder.example", "two@alder.example"].into_iter().enumerate() {
            let answers: Value = settings(&[("sender_address", sender)]).into_iter().collect();
            client.act(number, "submit_settings", &answers).await.expect(200);
            // The test is queued with its revision; what runs is made of that revision alone.
            let case = t.case(number).await;
            let mut tx = t.app.db.read().await.unwrap();
            let newest = store::settings::newest(&mut tx, case.customer, case.id).await.unwrap().unwrap();
            let queued = store::probes::of_case(&mut tx, case.customer, case.id).await.unwrap().remove(0);
            assert_eq!((queued.settings_id, newest.sender.as_str()), (Some(newest.id), sender));
            let request = probes::request(&t.app, &mut tx, &queued).await.unwrap();
            assert_eq!(request.sender.as_deref(), Some(sender));
            drop(tx);
            t.script.push(Some(Cause::AuthBadCredentials));
            t.drain().await;
            assert_eq!(t.script.asked().last().unwrap().sender.as_deref(), Some(sender));
            let test = client.get(&format!("/api/v1/cases/{number}/tests/{}", queued.number)).await.expect(200);
            assert_eq!(test["settings"], json!(newest.id), "round {round}: {test}");
        }
    }
}

on_both! {
    async fn s115_answers_are_kept_without_outer_space(db: TestDb) {
        let t = TestApp::new(&db).await;
        let client = Client::of(&t.app, &t.contact).await;
        let padded = request(&json!({"smtp_host": "mail.alder.example ", "smtp_ip": " 10.20.4.15"}));
        let case = client.post("/api/v1/requests", &[], &padded).await.expect(201);
        assert_eq!((&case["data"]["smtp_host"], &case["data"]["smtp_ip"]), (&json!("mail.alder.example"), &json!("10.20.4.15")));
        let inner = request(&json!({"smtp_host": "mail. alder.example"}));
        let answer = client.post("/api/v1/requests", &[], &inner).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.faults(), [("#/smtp_host".to_owned(), "not_a_host".to_owned())]);
    }
}

on_both! {
    async fn s119_the_recipient_of_the_test_alert_is_shown_and_is_the_customers_own(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let action = format!("/cases/{number}/act/submit_settings");
        let form = customer.open(&action).await;
        assert_eq!(form.form(&action).unwrap()["test_recipient"], "alerts@alder.example", "the sender's own domain");
        let empty = customer.submit(&form, &action, &[("test_recipient", "")]).await;
        assert_eq!(empty.wrong_fields(), ["test_recipient"]);
        t.script.push(Some(Cause::RcptUnknownUser));
        customer.submit(&form, &action, &settings(&[])).await;
        t.drain().await;
        assert_eq!(t.script.asked()[1].recipients, ["soc@alder.example"], "the one that was shown and chosen");
    }
}
