//! Every refusal says what to do, in the same words on a page, in the API and on a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Path;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{Method, Request, StatusCode};
use axum::routing::post;
use postern::app::{App, Error, FieldError};
use postern::cli::last_words;
use postern::domain::cause::Cause;
use postern::domain::problem::ProblemCode;
use postern::domain::workflow::{Data, Event, FieldProblem, Policy, Refusal, Value, birth, decide};
use postern::store::StoreError;
use postern::web::{Failure, framed, router};
use tower::ServiceExt as _;

use crate::support::app::{TestApp, wednesday};
use crate::support::db::{Kind, run};
use crate::support::http::escape;

/// One error of every kind that a use case can end with.
fn errors() -> Vec<Error> {
    let malformed = [
        ProblemCode::BadKey,
        ProblemCode::UnknownParameter,
        ProblemCode::BadParameter,
        ProblemCode::Unreadable,
        ProblemCode::AgentProtocol,
        ProblemCode::BadEvents,
        ProblemCode::BadReport,
    ];
    let mut errors: Vec<Error> =
        malformed.into_iter().map(|code| Error::malformed(code, "\"<b>x\" is not what is read here")).collect();
    errors.extend([
        Error::NotFound,
        Error::Forbidden("This is for leads"),
        Error::SignedOut,
        Error::Unproved("/admin/people".to_owned()),
        Error::FactorMissing,
        Error::WrongPassword,
        Error::Throttled(wednesday()),
        Error::TestTooSoon(wednesday()),
        Error::Refused(Refusal::Stale { expected: 3, entered: 4, state: "active".to_owned() }),
        Error::Refused(Refusal::Guard("Enter the address first.".to_owned())),
        Error::Invalid(vec![FieldError::new("smtp_ip", "missing", "Enter the private IP of your SMTP server")]),
        Error::Changed { number: 7, revision: 12 },
        Error::Claimed { number: 7, by: "Bo <b>".to_owned(), at: wednesday() },
        Error::KeyReused,
        Error::KeyMissing,
        Error::RevisionMissing,
        Error::NotJson("text/plain".to_owned()),
        Error::ListChanged(7),
        Error::Settled("Bo <b> decided before you".to_owned()),
        Error::JobLost,
        Error::Store(StoreError::Unavailable(sqlx::Error::Protocol("the socket is closed".to_owned()))),
        Error::Store(StoreError::Contended),
        Error::Internal("a secret of the log".to_owned()),
    ]);
    errors
}

/// The service's frame around routes that fail in each of these ways.
struct Failing {
    router: Router,
    app: Arc<App>,
}

impl Failing {
    fn with(app: &Arc<App>, errors: Vec<Error>) -> Self {
        let failures: Arc<Vec<Failure>> = Arc::new(errors.into_iter().map(Failure::from).collect());
        let fail = move |Path(index): Path<usize>| {
            let failure = failures[index].clone();
            async move { failure }
        };
        let routes = Router::new().route("/fail/{index}", post(fail));
        Self { router: framed(Arc::clone(app), routes), app: Arc::clone(app) }
    }

    async fn page_and_problem(&self, index: usize) -> (String, serde_json::Value) {
        let path = format!("/fail/{index}");
        // Whoever opens a page and is not signed in is led to the sign-in; whoever sends a form is told.
        let page = ask(&self.router, Method::POST, &path, "text/html").await;
        let problem = ask(&self.router, Method::POST, &path, "application/json").await;
        assert_eq!(page.0, problem.0, "one status for both");
        (page.1, serde_json::from_str(&problem.1).unwrap())
    }

    /// Asserts that page, API and terminal say all of these sentences.
    async fn say_alike(&self, index: usize, error: &Error, sentences: &[&str]) {
        let (page, problem) = self.page_and_problem(index).await;
        let (problem, terminal) = (problem.to_string(), last_words(error));
        for sentence in sentences {
            assert!(sentence.len() > 10, "{error:?}: {sentence:?} says nothing");
            assert!(page.contains(&escape(sentence)), "{error:?}: the page does not say {sentence:?}: {page}");
            let quoted = serde_json::to_string(sentence).unwrap();
            assert!(problem.contains(quoted.trim_matches('"')), "{error:?}: the API does not say {sentence:?}");
            assert!(terminal.contains(sentence), "{error:?}: the terminal says {terminal:?}, not {sentence:?}");
        }
    }
}

async fn ask(router: &Router, method: Method, path: &str, accept: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).header(ACCEPT, accept);
    let request = request.header("sec-fetch-site", "same-origin").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE).unwrap().to_str().unwrap().to_owned();
    assert_eq!(kind.starts_with("application/problem+json"), accept == "application/json", "{path}: {kind}");
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap().replace("&#x2f;", "/"))
}

#[tokio::test]
async fn every_code_says_the_same_on_a_page_in_the_api_and_on_a_terminal() {
    run(Kind::Sqlite, |db| async move {
        let app = TestApp::new(&db).await.app;
        let failing = Failing::with(&app, errors());
        let mut seen = BTreeSet::new();
        for (index, error) in errors().iter().enumerate() {
            let code = error.code();
            seen.insert(code.as_str());
            let detail = error.detail();
            if let Error::Invalid(fields) = error {
                // A terminal names the fields themselves, each with what to do.
                let messages: Vec<&str> = fields.iter().map(|field| field.message.as_str()).collect();
                failing.say_alike(index, error, &messages).await;
            } else if matches!(error, Error::Store(_) | Error::Internal(_)) {
                // Whoever runs a command reads the cause in place of the general sentence.
                failing.say_alike(index, error, &[code.what_to_do()]).await;
            } else {
                failing.say_alike(index, error, &[&detail, code.what_to_do()]).await;
            }
            let (page, problem) = failing.page_and_problem(index).await;
            assert!(page.contains(&format!("<h1>{}</h1>", escape(code.title()))), "{code}");
            assert_eq!(problem["title"], code.title());
            assert_eq!((&problem["code"], &problem["what_to_do"]), (&code.as_str().into(), &code.what_to_do().into()));
            assert!(!page.contains("a secret of the log") && !page.contains("the socket is closed"), "{code}");
            assert!(page.contains(&format!("href=\"/help/problems/{code}\"")), "{code}");
        }
        // Those that no use case ends with: the frame itself says them.
        let whole = router(Arc::clone(&failing.app));
        for accept in ["text/html", "application/json"] {
            let (status, text) = ask(&whole, Method::DELETE, "/help", accept).await;
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
            seen.insert(known(&text, ProblemCode::MethodNotAllowed));
        }
        for (path, size, code) in
            [("/sign-in", 10, ProblemCode::CrossSite), ("/sign-in", 300_000, ProblemCode::TooLarge)]
        {
            for accept in ["text/html", "application/json"] {
                let site = if code == ProblemCode::CrossSite { "cross-site" } else { "same-origin" };
                let request = Request::builder().method(Method::POST).uri(path).header(ACCEPT, accept);
                let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                let request = request.header("sec-fetch-site", site).body(Body::from("x".repeat(size))).unwrap();
                let response = whole.clone().oneshot(request).await.unwrap();
                let text = to_bytes(response.into_body(), usize::MAX).await.unwrap();
                seen.insert(known(std::str::from_utf8(&text).unwrap(), code));
            }
        }
        let all: BTreeSet<&str> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(seen, all, "every code was walked");
    })
    .await;
}

/// Asserts that a text tells of this code, with what to do.
fn known(text: &str, code: ProblemCode) -> &'static str {
    let says = |sentence: &str| text.contains(sentence) || text.contains(&escape(sentence));
    assert!(says(code.title()) && says(code.what_to_do()), "{code}: {text}");
    code.as_str()
}

#[tokio::test]
async fn every_refusal_of_the_definitions_reaches_people_word_for_word() {
    run(Kind::Sqlite, |db| async move {
        let app = TestApp::new(&db).await.app;
        let definitions = app.workflows.all();
        let rules = definitions
            .flat_map(|definition| definition.states.iter().flat_map(|state| &state.rules).chain(&definition.anywhere));
        let texts: BTreeSet<String> =
            rules.filter_map(|rule| rule.condition.as_ref()).map(|condition| condition.refuse.clone()).collect();
        assert!(texts.len() >= 8, "only {} refusals were found", texts.len());
        let refused = || texts.iter().map(|text| Error::Refused(Refusal::Guard(text.clone())));
        let failing = Failing::with(&app, refused().collect());
        for (index, (error, text)) in refused().zip(&texts).enumerate() {
            failing.say_alike(index, &error, &[text, ProblemCode::Refused.what_to_do()]).await;
        }
    })
    .await;
}

/// What each field of the definitions says about answers that nobody could use.
fn problems_of_fields(app: &App) -> BTreeMap<(String, &'static str), FieldProblem> {
    let junk =
        ["", "x", "300.1.1.1", "127.0.0.1", "10.0.0.1", "8.8.8.8", "a@b@c", "0", "65536", "no", "\u{7}", "10.0.0.0/33"];
    let long = "x".repeat(20_000);
    let list = vec!["10.0.0.1".to_owned(); 5_000];
    let values = junk.into_iter().chain([long.as_str()]).map(|text| Value::Text(text.to_owned()));
    let values: Vec<Value> = values.chain([Value::List(list), Value::Bool(true)]).collect();
    let mut found = BTreeMap::new();
    for definition in app.workflows.all() {
        let inputs = Data::from([("architecture".to_owned(), Value::Text("vpn".to_owned()))]);
        let Ok(born) = birth(definition, inputs) else { continue };
        for state in &definition.states {
            for rule in definition.rules_at(&state.id) {
                for (value, role) in values.iter().flat_map(|value| rule.by.iter().map(move |role| (value, role))) {
                    let names = rule.ask.iter().chain(&rule.may).map(String::as_str).chain(["nobody_asked"]);
                    let data = names.map(|name| (name.to_owned(), value.clone())).collect();
                    let event = Event {
                        name: rule.event.clone(),
                        role: role.clone(),
                        data,
                        sealed: BTreeSet::new(),
                        expected_entered: None,
                    };
                    let mut case = born.clone();
                    case.state.clone_from(&state.id);
                    if let Err(Refusal::Fields(problems)) = decide(definition, &case, &event, &Policy::default()) {
                        found.extend(
                            problems.into_iter().map(|problem| ((problem.field.clone(), problem.code), problem)),
                        );
                    }
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn every_fault_of_an_answer_says_what_to_do() {
    run(Kind::Sqlite, |db| async move {
        let app = TestApp::new(&db).await.app;
        let found = problems_of_fields(&app);
        let codes: BTreeSet<&str> = found.keys().map(|(_, code)| *code).collect();
        for code in [
            "missing",
            "unexpected",
            "not_an_option",
            "too_long",
            "not_private",
            "rejected",
            "not_a_port",
            "in_case_data",
        ] {
            assert!(codes.contains(code), "{code} was not provoked: {codes:?}");
        }
        let invalid = || found.values().map(|problem| Error::from(Refusal::Fields(vec![problem.clone()])));
        let failing = Failing::with(&app, invalid().collect());
        for (index, (error, problem)) in invalid().zip(found.values()).enumerate() {
            failing.say_alike(index, &error, &[&problem.message]).await;
        }
    })
    .await;
}

#[test]
fn every_cause_of_a_failed_test_says_who_acts_and_how() {
    for cause in Cause::ALL {
        let entry = cause.entry();
        for text in [entry.title, entry.remedy_customer, entry.remedy_engineer] {
            assert!(text.len() > 10, "{}: {text:?}", entry.id);
        }
    }
}
