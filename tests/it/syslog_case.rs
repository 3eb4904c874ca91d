//! SYSLOG alerting from the request to alerts that arrive: through pages, through the API, with tests that fail.

use axum::http::StatusCode;
use postern::app::queue;
use postern::app::requests::{self, Draft};
use postern::apply::Behaviour;
use postern::domain::cause::Cause;
use postern::domain::customer::Architecture;
use postern::domain::syslog::Transport;
use postern::domain::tunnel::Progress;
use postern::probe::request::Protocol;
use postern::store;
use serde_json::{Value, json};

use crate::support::app::{TestApp, done, fresh_once};
use crate::support::client::Client;
use crate::support::db::on_both;
use crate::support::http::Browser;

const SETTINGS: [(&str, &str); 5] =
    [("input_type", "deviances"), ("directories", "1, 4"), ("threshold", "30"), ("profiles", "3"), ("checkers", "2 7")];

fn draft(transport: &str, port: &str) -> Draft {
    Draft {
        channel: "syslog".into(),
        syslog_location: "private".into(),
        syslog_ip: "10.20.4.30".into(),
        syslog_port: port.into(),
        transport: transport.into(),
        input_type: "deviances".into(),
        ..Draft::default()
    }
}

/// A claimed case whose tunnel test is queued.
async fn tested(t: &TestApp, draft: Draft) -> i64 {
    let number = done(requests::send(&t.app, &t.contact, draft, fresh_once()).await.unwrap()).number;
    queue::claim(&t.app, &t.engineer, number).await.unwrap();
    t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
    t.act(&t.contact, number, "let_in_done", &[]).await.unwrap();
    number
}

/// The state of a case once the machine has done its part.
async fn state(t: &TestApp, number: i64) -> String {
    t.drain().await;
    t.case(number).await.flow.state
}

/// The same, with settings entered and applied.
async fn applied(t: &TestApp, transport: &str, port: &str) -> i64 {
    let number = tested(t, draft(transport, port)).await;
    t.script.push(None);
    assert_eq!(state(t, number).await, "settings");
    t.act(&t.engineer, number, "submit_settings", &SETTINGS).await.unwrap();
    t.script.push(None);
    t.script.push(None);
    assert_eq!(state(t, number).await, "confirm_delivery");
    number
}

on_both! {
    async fn a_receiver_goes_from_request_to_confirmed_alerts(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let number = applied(&t, "tcp", "601").await;
        t.act(&t.contact, number, "it_arrived", &[]).await.unwrap();
        assert_eq!(state(&t, number).await, "active");

        let [alert] = product.syslogs().try_into().unwrap();
        let wanted = json!({"ip": "10.20.4.30", "port": 601, "protocol": "TCP", "tls": false, "inputType": "deviances",
            "directories": [1, 4], "criticityThreshold": 30, "profiles": [3], "checkers": [2, 7], "attackTypes": null,
            "description": format!("Postern case-{number}"), "relayId": null});
        for (field, value) in wanted.as_object().unwrap() {
            assert_eq!(&alert[field], value, "{field}");
        }
        let made = product.requests().into_iter().find(|request| request.method == "POST").unwrap();
        assert_eq!(made.path, "/api/syslogs");
        assert!(made.body.as_array().unwrap().len() == 1 && made.body[0].get("relayId").is_none(), "{}", made.body);
        assert!(product.settings()["smtpServerAddress"].is_null(), "the SMTP settings are another case's");

        let asked = t.script.asked();
        let lines: Vec<_> = asked.iter().map(|asked| match &asked.protocol {
            Protocol::Syslog(message) => (message.transport, message.test_id.clone(), message.line.clone()),
            Protocol::Smtp => panic!("mail was tested"),
        }).collect();
        assert_eq!(lines.len(), 3, "the way, the settings, the line to confirm");
        assert!(lines.iter().all(|(transport, id, line)| *transport == Transport::Tcp && line.contains(id)));
        assert_eq!(&lines[0].1, &format!("postern-{number}-t1"));
        assert!(lines[2].1.starts_with(&format!("postern-{number}-a")));
        assert!(asked.iter().all(|asked| asked.source == Some("10.99.0.8".parse().unwrap())));

        let case = t.case(number).await;
        assert_eq!(case.title, "SYSLOG to 10.20.4.30 through the VPN tunnel");
        let mut tx = t.app.db.read().await.unwrap();
        let [settings] = store::syslog_settings::of_case(&mut tx, case.customer, case.id).await.unwrap().try_into().unwrap();
        assert_eq!((settings.applied_how.as_deref(), settings.product_id), (Some("read back"), alert["id"].as_i64()));
        assert_eq!((settings.directories.0, settings.health_checks.0.len()), (vec![1, 4], 0));
        let tests = store::probes::of_case(&mut tx, case.customer, case.id).await.unwrap();
        assert_eq!(settings.passed_probe, Some(tests[0].id), "the newest test, with the settings");
        let [entry] = store::whitelist::on_list(&mut tx, case.tunnel.unwrap(), 10).await.unwrap().try_into().unwrap();
        assert_eq!((entry.port, entry.ours, entry.theirs), (601, Progress::Proven, Progress::Proven));
        drop(tx);
        t.whole_log(number).await;
        let replayed = postern::app::replay::all(&t.app.db).await.unwrap();
        assert_eq!(replayed.findings, []);
    }
}

on_both! {
    async fn over_udp_only_a_person_can_say_that_the_line_arrived(db: TestDb) {
        let t = TestApp::new(&db).await;
        let _product = t.with_product().await;
        let number = tested(&t, draft("udp", "514")).await;
        t.script.push(Some(Cause::SyslogUnconfirmed));
        assert_eq!(state(&t, number).await, "confirm_line");
        let id = format!("postern-{number}-t1");
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let page = customer.open(&format!("/cases/{number}")).await;
        assert!(page.shows(&format!("Look for {id} on your SYSLOG receiver")), "{}", page.body);
        assert!(page.shows("I found it") && page.shows("It is not there"), "{}", page.body);
        let mail = t.mails_to("dana@alder.example").pop().unwrap();
        assert!(mail.subject.contains(&id), "{}", mail.subject);

        t.act(&t.contact, number, "line_missing", &[]).await.unwrap();
        assert_eq!(state(&t, number).await, "repair_delivery");
        let both = [("reachable_in_tunnel", "true"), ("whitelisted_ours", "true"), ("whitelisted_theirs", "true")];
        t.act(&t.engineer, number, "record_checks", &both).await.unwrap();
        t.script.push(Some(Cause::SyslogUnconfirmed));
        assert_eq!(state(&t, number).await, "confirm_line");
        assert_eq!(t.case(number).await.flow.data["test_id"].as_text(), Some(format!("postern-{number}-t2").as_str()));
        t.act(&t.contact, number, "line_arrived", &[]).await.unwrap();
        t.act(&t.engineer, number, "submit_settings", &SETTINGS).await.unwrap();
        t.script.push(Some(Cause::SyslogUnconfirmed));
        t.script.push(Some(Cause::SyslogUnconfirmed));
        assert_eq!(state(&t, number).await, "confirm_delivery");
        assert_eq!(t.case(number).await.flow.data["alert_outcome"].as_text(), Some("sent"));
        let page = customer.open(&format!("/cases/{number}")).await;
        assert!(page.shows("Test id to look for") && page.shows(&format!("postern-{number}-a")), "{}", page.body);
    }
}

on_both! {
    async fn a_customer_asks_on_pages_of_its_own(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        assert!(customer.open("/start").await.shows("Start with SYSLOG alerts"));
        let place = customer.open("/start/syslog/where").await;
        let sent = customer.submit(&place, "/start/syslog/where", &[("syslog_location", "public")]).await;
        assert_eq!(sent.location().as_deref(), Some("/start/syslog/filters"));
        let filters = customer.follow(sent).await;
        let sent = customer.submit(&filters, "/start/syslog/filters", &[("filters_inbound", "yes")]).await;
        let receiver = customer.follow(sent).await;
        assert!(receiver.shows("Question 3 of 3") && receiver.shows("Public IP"), "{}", receiver.body);
        let mut answers = vec![("syslog_ip", "10.20.4.30"), ("syslog_port", "65 14"), ("transport", ""), ("input_type", "")];
        let page = customer.submit(&receiver, "/start/syslog/receiver", &answers).await;
        for wrong in ["must not be in a private range", "SYSLOG port must be a number", "how your receiver takes", "which alerts"] {
            assert!(page.shows(wrong), "{wrong}: {}", page.body);
        }
        // What UDP has no use for is kept as typed and not sent.
        answers = vec![
            ("syslog_ip", "8.8.4.4"),
            ("syslog_port", "6514"),
            ("transport", "udp"),
            ("framing", "lf"),
            ("input_type", "attacks"),
        ];
        let sent = customer.submit(&page, "/start/syslog/receiver", &answers).await;
        assert_eq!(sent.location().as_deref(), Some("/start/check"), "{}", sent.body);
        let check = customer.follow(sent).await;
        assert!(check.shows("Outside our network") && check.shows("Port 6514 is for TLS."), "{}", check.body);
        let sent = customer.submit(&check, "/start/check", &[]).await;
        assert_eq!(sent.location().as_deref(), Some("/cases/1001/sent"), "{}", sent.body);
        let case = t.case(1001).await;
        assert_eq!((case.workflow.id.as_str(), case.flow.state.as_str()), ("syslog-vpn", "alerting_ip_requested"));
        assert!(!case.flow.data.contains_key("framing"));
        // The next draft begins with nothing of this one.
        let place = customer.open("/start/where").await;
        let sent = customer.submit(&place, "/start/where", &[("smtp_location", "private")]).await;
        assert_eq!(sent.location().as_deref(), Some("/start/server"));
    }
}

on_both! {
    async fn the_api_takes_a_request_in_its_own_words(db: TestDb) {
        let t = TestApp::new(&db).await;
        let client = Client::of(&t.app, &t.contact).await;
        let request = json!({"channel": "syslog", "syslog_location": "private", "syslog_ip": "10.20.4.30",
            "syslog_port": 514, "transport": "tcp", "framing": "lf", "input_type": "health_checks"});
        let send = async |change: Value| {
            let mut body = request.clone();
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let answer = client.post("/api/v1/requests", &[], &body).await;
            answer.problem(422, "invalid");
            answer.faults()
        };
        let fault = |pointer: &str, code: &str| vec![(pointer.to_owned(), code.to_owned())];
        assert_eq!(send(json!({"channel": "fax"})).await[0], fault("#/channel", "not_an_option")[0]);
        assert_eq!(send(json!({"smtp_ip": "10.1.2.3"})).await, fault("#/smtp_ip", "unexpected"));
        assert_eq!(send(json!({"transport": "udp"})).await, fault("#/framing", "unexpected"));
        assert_eq!(send(json!({"transport": "relp"})).await, fault("#/transport", "not_an_option"));
        assert_eq!(send(json!({"syslog_ip": "10.99.0.8"})).await, fault("#/syslog_ip", "ours"));
        assert_eq!(send(json!({"syslog_port": "514"})).await, fault("#/syslog_port", "wrong_type"));
        let case = client.post("/api/v1/requests", &[], &request).await.expect(201);
        assert_eq!((&case["state"], &case["data"]["framing"]), (&json!("awaiting_configuration"), &json!("lf")));

        let _product = t.with_product().await;
        t.act(&t.engineer, 1001, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        t.act(&t.contact, 1001, "let_in_done", &[]).await.unwrap();
        t.script.push(None);
        assert_eq!(state(&t, 1001).await, "settings");
        let engineer = Client::of(&t.app, &t.engineer).await;
        let body = json!({"input_type": "object_changes", "directories": [1, "4"], "threshold": 0});
        let wrong = engineer.act(1001, "submit_settings", &body).await;
        wrong.problem(422, "invalid");
        assert_eq!(wrong.faults(), fault("#/directories", "wrong_type"));
        let body = json!({"input_type": "object_changes", "directories": [4, 1], "threshold": 0});
        let case = engineer.act(1001, "submit_settings", &body).await.expect(200);
        assert_eq!((&case["state"], &case["data"]["directories"]), (&json!("full_test"), &json!([4, 1])));
    }
}

on_both! {
    async fn ports_of_mail_are_none_of_a_receiver(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = done(requests::send(&t.app, &t.contact, draft("tcp", "587"), fresh_once()).await.unwrap()).number;
        let error = t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap_err();
        assert!(error.to_string().contains("514, 601, 6514"), "{error}");
        let reason = [("unusual_port", "587"), ("port_reason", "The receiver shares a host that has only this port open")];
        t.act(&t.lead, number, "allow_port", &reason).await.unwrap();
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
        assert_eq!(t.case(number).await.flow.state, "let_us_in");
    }
}

on_both! {
    async fn the_engineer_reads_what_the_product_has_and_compares_before_applying(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let number = tested(&t, draft("tls", "6514")).await;
        t.script.push(None);
        assert_eq!(state(&t, number).await, "settings");
        let mut engineer = Browser::signed_in(&t.app, &t.engineer).await;
        let settings = format!("/cases/{number}/settings");
        let page = engineer.open(&settings).await;
        for shown in ["SYSLOG settings", "Directories in the product", "lab.corp.example", "Critical only", "Golden Ticket"] {
            assert!(page.shows(shown), "{shown}: {}", page.body);
        }
        product.set_behaviour(Behaviour::Forbidden);
        let page = engineer.open(&settings).await;
        assert!(page.shows("Directories could not be read from the product"), "{}", page.body);
        product.set_behaviour(Behaviour::Normal);
        t.act(&t.engineer, number, "submit_settings", &SETTINGS).await.unwrap();
        let before = engineer.open(&format!("/cases/{number}/apply-check")).await;
        assert!(before.shows("settings would change"), "{}", before.body);
        t.script.push(None);
        t.script.push(None);
        assert_eq!(state(&t, number).await, "confirm_delivery");
        let after = engineer.open(&format!("/cases/{number}/apply-check")).await;
        assert!(after.shows("The product holds these settings already."), "{}", after.body);
        let page = engineer.open(&settings).await;
        assert!(page.shows("Id in the product") && page.shows("read back"), "{}", page.body);
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        assert_eq!(customer.open(&settings).await.status, StatusCode::NOT_FOUND);
    }
}

on_both! {
    async fn a_product_that_lies_is_not_believed_and_a_change_keeps_its_alert(db: TestDb) {
        let t = TestApp::new(&db).await;
        let product = t.with_product().await;
        let number = tested(&t, draft("tcp", "514")).await;
        t.script.push(None);
        assert_eq!(state(&t, number).await, "settings");
        product.set_behaviour(Behaviour::StoresNothing);
        t.act(&t.engineer, number, "submit_settings", &SETTINGS).await.unwrap();
        t.script.push(None);
        assert_eq!(state(&t, number).await, "apply_failed");
        let evidence = t.case(number).await.flow.data["evidence"].to_string();
        assert!(evidence.contains("is not there") && evidence.contains("as before"), "{evidence}");
        product.set_behaviour(Behaviour::Normal);
        t.act(&t.engineer, number, "retry_apply", &[]).await.unwrap();
        t.script.push(None);
        assert_eq!(state(&t, number).await, "confirm_delivery");
        t.act(&t.contact, number, "it_arrived", &[]).await.unwrap();
        let id = product.syslogs()[0]["id"].clone();

        t.act(&t.contact, number, "change_receiver", &[("reason", "It moves")]).await.unwrap();
        t.act(&t.contact, number, "classify", &[("syslog_location", "private")]).await.unwrap();
        let moved = [
            ("syslog_ip", "10.20.4.31"),
            ("syslog_port", "514"),
            ("transport", "tcp"),
            ("input_type", "deviances"),
            ("whitelist_request", "true"),
        ];
        t.act(&t.contact, number, "submit_private", &moved).await.unwrap();
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-2")]).await.unwrap();
        t.act(&t.contact, number, "let_in_done", &[]).await.unwrap();
        for _ in 0..3 {
            t.script.push(None);
        }
        assert_eq!(state(&t, number).await, "confirm_delivery", "the settings are known, so nobody enters them again");
        let [alert] = product.syslogs().try_into().unwrap();
        assert_eq!((&alert["id"], &alert["ip"]), (&id, &json!("10.20.4.31")));
    }
}

on_both! {
    async fn without_an_api_key_somebody_enters_the_settings_and_says_so(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = tested(&t, draft("tcp", "514")).await;
        t.script.push(None);
        assert_eq!(state(&t, number).await, "settings");
        t.act(&t.engineer, number, "submit_settings", &SETTINGS).await.unwrap();
        t.script.push(None);
        assert_eq!(state(&t, number).await, "apply_by_hand");
        let folder = t.app.data.join("settings");
        let file = std::fs::read_to_string(folder.join(format!("case-{number}.syslog-settings.json"))).unwrap();
        let written: Value = serde_json::from_str(&file).unwrap();
        assert_eq!(written["syslog"]["ip"], json!("10.20.4.30"));
        t.script.push(Some(Cause::SyslogClosed));
        t.act(&t.engineer, number, "applied_by_hand", &[("evidence", "Entered")]).await.unwrap();
        assert_eq!(state(&t, number).await, "confirm_delivery");
        let case = t.case(number).await;
        assert_eq!(case.flow.data["alert_outcome"].as_text(), Some("failed"));
        let mut tx = t.app.db.read().await.unwrap();
        let newest = store::syslog_settings::newest(&mut tx, case.customer, case.id).await.unwrap().unwrap();
        assert!(newest.applied_how.unwrap().contains("confirmed by Kim Castle"));
    }
}

on_both! {
    async fn an_engineer_asks_for_a_customer(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut engineer = Browser::signed_in(&t.app, &t.engineer).await;
        assert!(engineer.open("/queue/open").await.shows("Alder Mutual, SYSLOG"));
        let (customer, contact) = (t.customer.id.to_string(), t.contact.id.to_string());
        let path = format!("/queue/open?customer={customer}&channel=syslog");
        let form = engineer.open(&path).await;
        let mut answers = vec![
            ("contact", contact.as_str()),
            ("syslog_location", "private"),
            ("syslog_ip", "8.8.8.8"),
            ("transport", "tcp"),
            ("syslog_port", "514"),
            ("input_type", "attacks"),
        ];
        let page = engineer.submit(&form, &path, &answers).await;
        assert!(page.shows("Private IP must be in a private range"), "{}", page.body);
        answers[2].1 = "10.20.4.30";
        let sent = engineer.submit(&page, &path, &answers).await;
        assert_eq!(sent.location().as_deref(), Some("/cases/1001"), "{}", sent.body);
        t.drain().await;
        assert!(!t.mails_to("dana@alder.example").is_empty(), "the contact is told");

        let client = Client::of(&t.app, &t.engineer).await;
        let request = json!({"channel": "syslog", "customer": customer, "contact": contact, "syslog_location": "private",
            "syslog_ip": "10.20.4.31", "syslog_port": 514, "transport": "udp", "input_type": "attacks"});
        let case = client.post("/api/v1/requests", &[], &request).await.expect(201);
        assert_eq!((&case["customer"], &case["number"]), (&json!(customer), &json!(1002)));
        let mut nobody = request.clone();
        nobody["customer"] = json!("nobody");
        client.post("/api/v1/requests", &[], &nobody).await.problem(422, "invalid");
        nobody["customer"] = json!(postern::clock::fresh_id().to_string());
        client.post("/api/v1/requests", &[], &nobody).await.problem(404, "not_found");
        let contact = Client::of(&t.app, &t.contact).await;
        contact.post("/api/v1/requests", &[], &request).await.problem(422, "invalid");
        Client::of(&t.app, &t.admin).await.post("/api/v1/requests", &[], &request).await.problem(403, "forbidden");
    }
}

on_both! {
    async fn a_site_with_a_secure_relay_needs_no_case(db: TestDb) {
        let t = TestApp::new(&db).await;
        postern::app::admin::set_architecture(&t.app, "Alder Mutual", Architecture::SecureRelay).await.unwrap();
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let start = customer.open("/start").await;
        assert!(start.shows("Alerts by SYSLOG go out through your relay too"), "{}", start.body);
        let client = Client::of(&t.app, &t.contact).await;
        let request = json!({"channel": "syslog", "syslog_location": "private", "syslog_ip": "10.20.4.30",
            "syslog_port": 514, "transport": "tcp", "input_type": "attacks"});
        client.post("/api/v1/requests", &[], &request).await.problem(422, "refused");
        assert_eq!(client.get("/api/v1/cases").await.expect(200)["items"], json!([]));
    }
}
