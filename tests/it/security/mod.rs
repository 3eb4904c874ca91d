//! Who may do what, and what a hostile client gets: tables over the whole router, so that no route is left out.

mod account;
mod inside;
mod matrix;
mod requests;
mod sessions;
mod singles;
mod throttle;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::Method;
use axum::http::header::ALLOW;
use postern::app::App;

use crate::support::http::Browser;

/// Every route of the router, read off the router itself: its paths as it describes itself, its methods as it answers
/// one that no route takes.
pub(super) async fn routes(app: &Arc<App>) -> BTreeSet<(String, String)> {
    let text = format!("{:?}", postern::web::router(Arc::clone(app)));
    let own = text.split("fallback_router:").next().unwrap();
    let paths: Vec<&str> = own.split("paths: {").nth(1).unwrap().split('"').skip(1).step_by(2).collect();
    let paths: Vec<&str> = paths.into_iter().filter(|path| path.starts_with('/')).collect();
    assert!(paths.len() > 30, "the router describes itself in another way: {text}");
    let mut found = BTreeSet::new();
    for path in paths {
        let answer = Browser::new(app).send(Method::TRACE, &filled(path, 1), None, &[]).await;
        assert_eq!(answer.status, 405, "{path}");
        let allowed = answer.headers.get(ALLOW).unwrap_or_else(|| panic!("{path} names no method"));
        let methods = allowed.to_str().unwrap().split(',').map(str::trim).filter(|method| *method != "HEAD");
        found.extend(methods.map(|method| (method.to_owned(), path.to_owned())));
    }
    found
}

/// The path with parameters that fit: this case, its first test, an event that it takes.
pub(super) fn filled(path: &str, number: i64) -> String {
    let id = postern::clock::fresh_id().to_string();
    [
        ("{number}", number.to_string().as_str()),
        ("{test}", "1"),
        ("{event}", "note"),
        ("{name}", "x"),
        ("{code}", "not_found"),
        ("{id}", &id),
        ("{mail}", &id),
        ("{text}", &id),
        ("{file}", &id),
        ("{relay}", &id),
        ("{entry}", &id),
        ("{request}", &id),
        ("{tunnel}", &id),
        ("{act}", "now"),
        ("{server}", &id),
        ("{contact}", &id),
    ]
    .into_iter()
    .fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

/// Methods that change something.
pub(super) fn is_unsafe(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}
