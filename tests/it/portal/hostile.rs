//! Hostile input, part 1: every field of sign-in, set-up, request, acts and messages, seven ways each. A bad value is refused
//! with its field named and everything kept; a value that is merely odd goes through and comes back as text.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use postern::app::access;
use postern::domain::actor::{Actor, Person};
use postern::domain::case::Case;
use postern::domain::workflow::{Data, Definition, FieldType, Rule, StateKind, Store, Value};
use postern::store;

use crate::support::app::TestApp;
use crate::support::db::on_both;
use crate::support::http::{Browser, Page};

/// Name of the kind, value.
fn kinds() -> [(&'static str, String); 7] {
    [
        ("empty", String::new()),
        ("too long", "x".repeat(12_000)),
        ("wrong kind", "\u{2603} no such thing".to_owned()),
        ("markup", "<script>alert(1)</script>".to_owned()),
        ("line end", "a@b.example\r\nBcc: eve@evil.example".to_owned()),
        ("template", "{{7*7}} {{1111*1111}}".to_owned()),
        ("NUL", "a\0b".to_owned()),
    ]
}

/// What every page must hold to, whatever was sent.
fn is_safe(page: &Page, about: &str) {
    assert!(page.status.as_u16() < 500, "{about}: {}", page.body);
    assert!(!page.body.contains("<script"), "{about}: mark-up came through");
    assert!(!page.body.contains("1234321"), "{about}: a template was filled");
}

/// A refusal names the field and keeps the other answers.
fn is_refusal(page: &Page, field: &str, others: &[(&str, &str)], about: &str) {
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{about}: {}", page.body);
    assert_eq!(page.wrong_fields(), [field], "{about}: {}", page.body);
    assert!(page.body.contains("error-summary"), "{about}");
    for (name, value) in others {
        assert!(page.shows(value), "{about}: {name} was lost: {}", page.body);
    }
}

on_both! {
    async fn requests_refuse_bad_answers_and_keep_the_others(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let choices = [("/start/where", "smtp_location"), ("/start/filters", "filters_inbound")];
        for (path, field) in choices {
            for (kind, value) in kinds() {
                let about = format!("{path} {field}: {kind}");
                let form = customer.open("/start/where").await;
                customer.submit(&form, "/start/where", &[("smtp_location", "public")]).await;
                let form = customer.open(path).await;
                let page = customer.submit(&form, path, &[(field, &value)]).await;
                is_safe(&page, &about);
                is_refusal(&page, field, &[], &about);
            }
        }
        let good = [
            ("smtp_host", "mail.alder.example"),
            ("smtp_ip", "10.20.4.15"),
            ("smtp_port", "587"),
            ("encryption", "starttls"),
            ("sender_address", "alerts@alder.example"),
        ];
        let form = customer.open("/start/where").await;
        customer.submit(&form, "/start/where", &[("smtp_location", "private")]).await;
        let server = customer.open("/start/server").await;
        for (field, _) in good {
            let others: Vec<(&str, &str)> = good.into_iter().filter(|(name, _)| *name != field).collect();
            for (kind, value) in kinds() {
                let about = format!("/start/server {field}: {kind}");
                let answers: Vec<(&str, &str)> = others.iter().copied().chain([(field, value.as_str())]).collect();
                let page = customer.submit(&server, "/start/server", &answers).await;
                is_safe(&page, &about);
                if field == "smtp_host" && kind == "empty" {
                    assert_eq!(page.location().as_deref(), Some("/start/check"), "{about}: it is optional");
                    continue;
                }
                is_refusal(&page, field, &others, &about);
                is_safe(&customer.open("/start/server").await, &about);
                is_safe(&customer.open("/cases").await, &about);
            }
        }
        for path in ["/start/where", "/start/filters", "/start/server", "/start/check"] {
            let page = customer.post(path, &[("surprise", "1"), ("idempotency_key", "k")]).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
            assert!(page.shows("surprise"), "{path}: {}", page.body);
        }
        assert_eq!(postern::app::cases::mine(&t.app, &t.contact, i64::MAX, 9).await.unwrap(), [], "nothing was sent");
    }
}

on_both! {
    async fn sign_in_refuses_bad_answers_without_saying_who_is_known(db: TestDb) {
        let t = TestApp::new(&db).await;
        for (kind, value) in kinds() {
            for field in ["email", "password"] {
                let about = format!("sign-in {field}: {kind}");
                // An account that nobody has, so that waits after failures do not add up.
                let email = format!("{kind}@nobody.example").replace(' ', "-");
                let (email, password) = if field == "email" { (value.as_str(), "x") } else { (email.as_str(), value.as_str()) };
                let mut nobody = Browser::new(&t.app);
                let form = nobody.get("/sign-in").await;
                let page = nobody.submit(&form, "/sign-in", &[("email", email), ("password", password)]).await;
                is_safe(&page, &about);
                is_refusal(&page, "password", &[], &about);
                assert!(!page.body.contains("value=\"\u{2603}") || field == "email", "{about}: a password came back");
            }
        }
        let mut nobody = Browser::new(&t.app);
        let page = nobody.post("/sign-in", &[("email", "a"), ("password", "b"), ("role", "admin")]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.shows("role"), "{}", page.body);
    }
}

on_both! {
    async fn set_up_refuses_bad_answers_and_makes_nobody(db: TestDb) {
        let app = crate::support::app::empty(&db).await;
        let token = access::setup_token(&app).await.unwrap().unwrap();
        let good = [("name", "Ada Root"), ("email", "ada@vendor.example"), ("password", "correct horse battery")];
        for (field, _) in good {
            for (kind, value) in kinds() {
                let about = format!("set-up {field}: {kind}");
                // A name may be odd, and a password anything that is long enough.
                let fine: &[&str] = match field {
                    "name" => &["wrong kind", "markup", "template"],
                    "password" => &["wrong kind", "markup", "line end", "too long", "template"],
                    _ => &[],
                };
                if fine.contains(&kind) {
                    continue;
                }
                let answers: Vec<(&str, &str)> =
                    good.iter().map(|(name, good)| (*name, if *name == field { value.as_str() } else { good })).collect();
                let mut nobody = Browser::new(&app);
                let form = nobody.get(&format!("/setup?token={token}")).await;
                let page = nobody.submit(&form, "/setup", &answers).await;
                is_safe(&page, &about);
                let kept: Vec<(&str, &str)> =
                    answers.iter().copied().filter(|(name, _)| *name != field && *name != "password").collect();
                is_refusal(&page, field, &kept, &about);
            }
        }
        let mut nobody = Browser::new(&app);
        let form = nobody.get(&format!("/setup?token={token}")).await;
        let odd = [("name", "<script>{{7*7}}"), ("email", "ada@vendor.example"), ("password", "<script>alert(1)</script>")];
        let sent = nobody.submit(&form, "/setup", &odd).await;
        assert_eq!(sent.location().as_deref(), Some("/sign-in"), "{}", sent.body);
        let form = nobody.get("/sign-in").await;
        let sent = nobody.submit(&form, "/sign-in", &[odd[1], odd[2]]).await;
        let page = nobody.follow(sent).await;
        assert!(nobody.get("/help").await.shows("<script>{{7*7}}"), "{}", page.body);
        is_safe(&nobody.get("/help").await, "an odd name");
    }
}

on_both! {
    async fn messages_refuse_bad_texts_and_show_odd_ones_as_text(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let mut customer = Browser::signed_in(&t.app, &t.contact).await;
        let (path, action) = (format!("/cases/{number}"), format!("/cases/{number}/messages"));
        for (kind, value) in kinds() {
            let about = format!("message: {kind}");
            let case = customer.open(&path).await;
            let page = customer.submit(&case, &action, &[("message", &value)]).await;
            is_safe(&page, &about);
            if matches!(kind, "empty" | "too long" | "NUL") {
                is_refusal(&page, "message", &[], &about);
                assert!(kind == "NUL" || page.shows(&value), "{about}: the text was lost");
            } else {
                let case = customer.follow(page).await;
                is_safe(&case, &about);
                assert!(case.shows(&value), "{about}: {}", case.body);
            }
        }
        let case = customer.open(&path).await;
        let page = customer.submit(&case, &action, &[("message", "hi"), ("internal", "true")]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "notes are for engineers");
    }
}

/// Answers that every rule takes.
fn good(field: &str) -> &'static str {
    match field {
        "smtp_location" | "new_location" => "private",
        "overlap" => "two_days",
        "smtp_ip" => "10.20.4.15",
        "smtp_port" | "unusual_port" => "587",
        "smtp_host" | "tls_name" => "mail.alder.example",
        "encryption" => "starttls",
        "sender_address" | "test_recipient" => "soc@alder.example",
        "filters_inbound" => "no",
        "new_ip" => "10.20.9.9",
        "change_timing" => "planned",
        "effective_at" | "hold_until" => "2027-01-01 08:00",
        "channel" => "smtp",
        "symptom" => "timeout",
        "whitelist_request"
        | "save_confirmed"
        | "tunnel_active"
        | "routing_ok"
        | "reachable_in_tunnel"
        | "whitelisted_ours"
        | "whitelisted_theirs"
        | "number_on_record" => "true",
        _ => "good-answer",
    }
}

/// Whether a field takes a value of this kind.
fn is_fine(definition: &Definition, rule: &Rule, name: &str, kind: &str) -> bool {
    let field = &definition.fields[name];
    let is_text = field.field_type == FieldType::Text;
    match kind {
        "empty" => rule.may.iter().any(|may| may == name),
        "too long" | "NUL" => false,
        "line end" => is_text && !field.is_line(),
        _ => is_text,
    }
}

/// Puts a case into a state as if it had come there, knowing everything; in use where it is to be moved.
async fn place(t: &TestApp, number: i64, definition: &Definition, state: &str, event: &str) -> Case {
    let public = event == "submit_public";
    let mut case = t.case(number).await;
    let mut data: Data = case.flow.data.clone();
    for name in ["smtp_ip", "smtp_host", "encryption", "sender_address", "test_recipient"] {
        data.insert(name.to_owned(), Value::from(good(name)));
    }
    data.insert("smtp_port".to_owned(), Value::Integer(587));
    data.insert("smtp_location".to_owned(), Value::from(if public { "public" } else { "private" }));
    data.insert("filters_inbound".to_owned(), Value::from("no"));
    data.insert("smtp_applied".to_owned(), Value::Bool(false));
    data.insert("in_use".to_owned(), Value::Bool(event == "move_server"));
    data.insert("test_level".to_owned(), Value::from("reach"));
    data.insert("question".to_owned(), Value::from("Which port?"));
    case.flow.data = data;
    case.flow.state = state.to_owned();
    case.flow.entered += 1;
    let is_hold = definition.state(state).unwrap().kind == StateKind::Hold;
    case.flow.previous = is_hold.then(|| "tunnel_test".to_owned());
    case.is_open = true;
    case.claim = None;
    let stored = case.clone();
    t.app
        .db
        .write(move |tx| {
            let case = stored.clone();
            Box::pin(async move { store::cases::replace(tx, case.revision, &case).await })
        })
        .await
        .unwrap();
    case
}

/// Done on a page of its own, with what was read in the product.
const NOT_TYPED: &str = "take_over_settings";

/// One event of one side, in the first state that offers it.
struct Row<'d> {
    person: Person,
    state: &'d str,
    rule: &'d Rule,
}

fn rows<'d>(t: &TestApp, definition: &'d Definition) -> Vec<Row<'d>> {
    let mut rows: BTreeMap<(&str, String), Row<'d>> = BTreeMap::new();
    for person in [&t.contact, &t.engineer, &t.lead] {
        let roles = Actor::Person(person.clone()).workflow_roles();
        for state in definition.states.iter().filter(|state| state.kind != StateKind::Terminal) {
            for rule in definition.rules_at(&state.id) {
                let is_offered = rule.event != NOT_TYPED && roles.iter().any(|role| rule.by.contains(*role));
                if is_offered && rule.ask.len() + rule.may.len() > 0 {
                    let row = Row { person: person.clone(), state: &state.id, rule };
                    rows.entry((rule.event.as_str(), person.name.clone())).or_insert(row);
                }
            }
        }
    }
    rows.into_values().collect()
}

/// A case with settings that passed their test, as every state after it takes for granted.
async fn settled(t: &TestApp) -> i64 {
    let number = t.reached().await;
    let settings =
        [("encryption", "starttls"), ("sender_address", "a@alder.example"), ("test_recipient", "soc@alder.example")];
    t.script.push(None);
    t.act(&t.contact, number, "submit_settings", &settings).await.unwrap();
    t.drain().await;
    assert_eq!(t.case(number).await.flow.state, "apply_by_hand");
    number
}

/// Every field of every event that a side is offered, seven ways each; gives how many were tried.
async fn try_every_act(t: &TestApp) -> usize {
    let number = settled(t).await;
    let definition = t.app.workflows.newest(postern::domain::channel::Channel::Smtp).unwrap();
    let mut browsers: BTreeMap<String, Browser> = BTreeMap::new();
    for person in [&t.contact, &t.engineer, &t.lead] {
        browsers.insert(person.name.clone(), Browser::signed_in(&t.app, person).await);
    }
    let mut tried = 0;
    for row in rows(t, definition) {
        let questions: Vec<&String> = row.rule.ask.iter().chain(&row.rule.may).collect();
        for field in &questions {
            for (kind, value) in kinds() {
                tried += 1;
                let about = format!("{} in {} as {}, {field}: {kind}", row.rule.event, row.state, row.person.name);
                place(t, number, definition, row.state, &row.rule.event).await;
                let action = format!("/cases/{number}/act/{}", row.rule.event);
                let browser = browsers.get_mut(&row.person.name).unwrap();
                let form = browser.open(&action).await;
                let answers: Vec<(&str, &str)> = questions
                    .iter()
                    .map(|name| {
                        let address = if row.rule.event == "submit_public" { "9.9.9.9" } else { good(name) };
                        (
                            name.as_str(),
                            match (name == field, name.as_str()) {
                                (true, _) => value.as_str(),
                                (false, "smtp_ip") => address,
                                (false, other) => good(other),
                            },
                        )
                    })
                    .collect();
                let page = browser.submit(&form, &action, &answers).await;
                is_safe(&page, &about);
                let is_secret = definition.fields[*field].store == Store::Vault;
                if is_fine(definition, row.rule, field, kind) {
                    // Leaving out one half of account and password, or a planned time, is refused by the rule as a whole.
                    let halves = kind == "empty" && (is_secret || field.as_str() == "effective_at");
                    let refused = page.status == StatusCode::UNPROCESSABLE_ENTITY && page.wrong_fields().is_empty();
                    assert!(page.location().is_some() || (halves && refused), "{about}: {}", page.body);
                    let case = browsers.get_mut(&t.contact.name).unwrap().open(&format!("/cases/{number}")).await;
                    is_safe(&case, &about);
                } else {
                    let kept: Vec<(&str, &str)> = answers
                        .iter()
                        .copied()
                        .filter(|(name, answer)| *name != field.as_str() && *answer == "good-answer")
                        .filter(|(name, _)| definition.fields[*name].store == Store::Case)
                        .collect();
                    is_refusal(&page, field, &kept, &about);
                    assert!(!is_secret || kind == "empty" || !page.shows(&value), "{about}: a secret came back");
                }
            }
        }
    }
    tried
}

on_both! {
    async fn acts_refuse_bad_answers_keep_the_others_and_never_fill_templates(db: TestDb) {
        let t = TestApp::new(&db).await;
        let tried = try_every_act(&t).await;
        assert!(tried > 500, "only {tried} were tried");
    }
}
