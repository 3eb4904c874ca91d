//! Every route, asked by everybody for their own, another's and an absent object. A route without a row fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::http::Method;
use postern::app::admin::{self, Place};
use postern::app::{queue, requests};
use postern::clock::fresh_id;
use postern::domain::actor::{Person, Role};

use super::{filled, is_unsafe, routes};
use crate::support::app::{TestApp, done, draft, fresh_once, tunnel};
use crate::support::client::Client;
use crate::support::db::{Kind, run};
use crate::support::http::Browser;

/// Who asks, in the order of the cells: nobody; the contact whose case it is; a colleague without all cases; a contact of
/// another customer; support; network; lead; administrator; a program with the token of the other customer's contact.
const WHO: [&str; 9] =
    ["nobody", "owner", "colleague", "other", "support", "network", "lead", "admin", "other's token"];

/// What each gets for the owner's case, for the other customer's, and for one that is not there: `i` is asked to sign in,
/// `f` is refused, `n` finds nothing, `+` gets through to what the route does.
type Cells = [&'static str; 3];

/// Everybody may ask.
const OPEN: Cells = ["+++++++++"; 3];
/// The set-up page once there is an administrator.
const USED_UP: Cells = ["fffffffff"; 3];
/// The vendor's people, in a case.
const CASE_STAFF: Cells = ["innn++++n", "innn++++n", "innnnnnnn"];
/// The contacts of customers.
const CONTACTS: Cells = ["i+++ffff+"; 3];
/// Those who work the queue.
const ENGINEERS: Cells = ["ifff+++ff"; 3];
/// The vendor's people.
const STAFF: Cells = ["ifff++++f"; 3];
/// Whoever is signed in, programs too.
const SIGNED_IN: Cells = ["i++++++++"; 3];
/// Leads and administrators.
const KEEPERS: Cells = ["ifffff++f"; 3];
/// Leads and administrators, for a record that is not there.
const KEEPERS_RECORD: Cells = ["ifffffnnf"; 3];
/// Leads.
const LEADS: Cells = ["ifffff+ff"; 3];
/// Administrators.
const ADMINS: Cells = ["iffffff+f"; 3];
/// Whoever is signed in, for what is not there: a server that is in use nowhere, a case that is no notice.
const NOTHING: Cells = ["innnnnnnn"; 3];
/// Administrators, for a record that is not there.
const ADMIN_RECORD: Cells = ["iffffffnf"; 3];
/// Those who work the queue, for a record that is not there.
const ENGINEERS_RECORD: Cells = ["ifffnnnff"; 3];
/// Whoever is signed in: a token of a program opens no other ways in.
const SESSIONS: Cells = ["i+++++++f"; 3];
/// The vendor's people, for a record that is not there.
const STAFF_RECORD: Cells = ["ifffnnnnf"; 3];
/// Leads, for a record that is not there.
const LEADS_RECORD: Cells = ["ifffffnff"; 3];
/// Network engineers, for a record that is not there.
const NETWORK_RECORD: Cells = ["iffffnfff"; 3];
/// Network engineers, told what their act lacks.
const NETWORK_ACT: Cells = ["iffff+fff"; 3];
/// Agents, who are nobody of these.
const AGENTS: Cells = ["iiiiiiiii"; 3];
/// Whoever may see the case: another's is as absent as one that is not there.
const CASE: Cells = ["i+nn++++n", "inn++++++", "innnnnnnn"];
/// Whoever may see the case and takes part in it.
const CASE_ACT: Cells = ["i+nn+++fn", "inn++++f+", "innnnnnnn"];
/// Those who work the queue, in a case.
const CASE_WORK: Cells = ["ifff+++ff", "ifff+++ff", "ifffnnnff"];

/// Whoever is signed in finds nothing.
const UNWATCHED: Cells = ["innnnnnnn"; 3];

/// One line for each route.
const ROWS: &[(&str, &str, Cells)] = &[
    ("GET", "/", OPEN),
    ("GET", "/sign-in", OPEN),
    ("POST", "/sign-in", OPEN),
    ("GET", "/signed-in", ["f++++++++"; 3]),
    ("POST", "/sign-out", OPEN),
    ("GET", "/sign-in/code", OPEN),
    ("POST", "/sign-in/code", OPEN),
    ("GET", "/account", SESSIONS),
    ("POST", "/account/name", SESSIONS),
    ("POST", "/account/mail", SESSIONS),
    ("GET", "/api/v1/account/mail", ["i++++++++"; 3]),
    ("PUT", "/api/v1/account/mail", ["i++++++++"; 3]),
    ("POST", "/account/password", SESSIONS),
    ("POST", "/account/sessions/end", SESSIONS),
    ("GET", "/account/prove", SESSIONS),
    ("POST", "/account/prove", SESSIONS),
    ("GET", "/account/factor", SESSIONS),
    ("POST", "/account/factor", SESSIONS),
    ("POST", "/account/factor/confirm", SESSIONS),
    ("POST", "/account/factor/remove", SESSIONS),
    ("POST", "/account/recovery", SESSIONS),
    ("GET", "/setup", USED_UP),
    ("POST", "/setup", OPEN),
    ("GET", "/help", OPEN),
    ("GET", "/help/problems/{code}", OPEN),
    ("GET", "/assets/{name}", ["nnnnnnnnn"; 3]),
    ("GET", "/livez", OPEN),
    ("GET", "/readyz", OPEN),
    ("GET", "/cases", CONTACTS),
    ("GET", "/start", CONTACTS),
    ("GET", "/start/where", CONTACTS),
    ("POST", "/start/where", CONTACTS),
    ("GET", "/start/filters", CONTACTS),
    ("POST", "/start/filters", CONTACTS),
    ("GET", "/start/server", CONTACTS),
    ("POST", "/start/server", CONTACTS),
    ("GET", "/start/syslog/where", CONTACTS),
    ("POST", "/start/syslog/where", CONTACTS),
    ("GET", "/start/syslog/filters", CONTACTS),
    ("POST", "/start/syslog/filters", CONTACTS),
    ("GET", "/start/syslog/receiver", CONTACTS),
    ("POST", "/start/syslog/receiver", CONTACTS),
    ("GET", "/start/check", CONTACTS),
    ("POST", "/start/check", CONTACTS),
    ("GET", "/cases/{number}", CASE),
    ("GET", "/cases/{number}/sent", CASE),
    ("GET", "/cases/{number}/act/{event}", CASE_ACT),
    ("POST", "/cases/{number}/act/{event}", CASE_ACT),
    ("POST", "/cases/{number}/messages", CASE_ACT),
    ("POST", "/cases/{number}/tests", CASE_ACT),
    ("GET", "/cases/{number}/tests/{test}", CASE),
    ("GET", "/cases/{number}/tests/{test}/compare", CASE),
    // The case of this test is not in use, so its server was never watched.
    ("GET", "/cases/{number}/watch", UNWATCHED),
    ("POST", "/cases/{number}/watch/now", UNWATCHED),
    ("POST", "/cases/{number}/watch/pause", UNWATCHED),
    ("POST", "/cases/{number}/watch/resume", UNWATCHED),
    ("POST", "/cases/{number}/watch/take-over", UNWATCHED),
    ("GET", "/customers/{id}/relays", STAFF_RECORD),
    ("POST", "/customers/{id}/relays", STAFF_RECORD),
    ("POST", "/customers/{id}/relays/read", STAFF_RECORD),
    ("POST", "/customers/{id}/relays/{relay}", STAFF_RECORD),
    ("POST", "/customers/{id}/relays/{relay}/delete", STAFF_RECORD),
    ("GET", "/queue", ENGINEERS),
    ("GET", "/queue/open", ENGINEERS),
    ("POST", "/queue/open", ["ifffnnnff"; 3]),
    ("GET", "/servers/{server}/change-ip", NOTHING),
    ("POST", "/servers/{server}/change-ip", NOTHING),
    ("POST", "/servers/{server}/change-ip/send", NOTHING),
    ("GET", "/cases/{number}/notice", NOTHING),
    ("GET", "/cases/{number}/notice.ics", NOTHING),
    ("GET", "/cases/{number}/contacts/{contact}/verify", ENGINEERS_RECORD),
    ("POST", "/cases/{number}/contacts/{contact}/verify", ENGINEERS_RECORD),
    ("GET", "/api/v1/cases/{number}/notice.ics", NOTHING),
    ("POST", "/api/v1/cases/{number}/contacts/{contact}/verify", ENGINEERS),
    ("POST", "/api/v1/servers/{server}/change-ip", NOTHING),
    ("POST", "/queue/next", ENGINEERS),
    ("POST", "/cases/{number}/claim", CASE_WORK),
    ("POST", "/cases/{number}/release", CASE_WORK),
    ("GET", "/cases/{number}/hand-over", CASE_WORK),
    ("POST", "/cases/{number}/hand-over", CASE_WORK),
    ("GET", "/cases/{number}/settings", CASE_STAFF),
    ("GET", "/cases/{number}/apply-check", ["innnnnnnn"; 3]),
    ("GET", "/queue/overdue", ["ifffff++f"; 3]),
    ("GET", "/cases/{number}/priority", CASE_WORK),
    ("POST", "/cases/{number}/priority", CASE_WORK),
    ("POST", "/api/v1/cases/{number}/priority", CASE_WORK),
    ("GET", "/alerting-ips", SIGNED_IN),
    ("GET", "/alerting-ips.json", SIGNED_IN),
    ("GET", "/alerting-ips.txt", SIGNED_IN),
    ("GET", "/alerting-ips.atom", SIGNED_IN),
    ("GET", "/alerting-ips.ics", SIGNED_IN),
    ("GET", "/.well-known/alerting-ips.json", SIGNED_IN),
    ("GET", "/.well-known/alerting-ips.txt", SIGNED_IN),
    ("GET", "/admin/alerting-ips", KEEPERS),
    ("POST", "/admin/alerting-ips", KEEPERS),
    ("GET", "/admin/alerting-ips/{number}", KEEPERS_RECORD),
    ("POST", "/admin/alerting-ips/{number}", KEEPERS_RECORD),
    ("POST", "/admin/alerting-ips/{number}/retire", KEEPERS_RECORD),
    ("GET", "/alerting-changes", STAFF),
    ("POST", "/alerting-changes", LEADS),
    ("GET", "/alerting-changes/{number}", STAFF_RECORD),
    ("POST", "/alerting-changes/{number}/dates", LEADS_RECORD),
    ("POST", "/alerting-changes/{number}/withdraw", LEADS_RECORD),
    ("POST", "/alerting-changes/{number}/go-on", LEADS_RECORD),
    ("GET", "/api/v1/alerting-ips", KEEPERS),
    ("POST", "/api/v1/alerting-ips", KEEPERS),
    ("GET", "/api/v1/alerting-ips/{number}", KEEPERS_RECORD),
    ("PUT", "/api/v1/alerting-ips/{number}", KEEPERS_RECORD),
    ("POST", "/api/v1/alerting-ips/{number}/retire", KEEPERS_RECORD),
    ("GET", "/api/v1/alerting-changes", STAFF),
    ("POST", "/api/v1/alerting-changes", LEADS),
    ("GET", "/api/v1/alerting-changes/{number}", STAFF_RECORD),
    ("POST", "/api/v1/alerting-changes/{number}/dates", LEADS_RECORD),
    ("POST", "/api/v1/alerting-changes/{number}/withdraw", LEADS_RECORD),
    ("POST", "/api/v1/alerting-changes/{number}/go-on", LEADS_RECORD),
    ("POST", "/api/v1/alerting-changes/{number}/tunnels/{tunnel}/go-on", LEADS_RECORD),
    ("GET", "/admin/calendars", ADMINS),
    ("POST", "/admin/calendars", ADMINS),
    ("GET", "/admin/calendars/new", ADMINS),
    ("GET", "/admin/calendars/{id}", ADMIN_RECORD),
    ("GET", "/admin/calendars/{id}/edit", ADMIN_RECORD),
    ("POST", "/admin/calendars/{id}/edit", ADMIN_RECORD),
    ("POST", "/admin/calendars/{id}/holidays", ADMIN_RECORD),
    ("POST", "/admin/calendars/{id}/delete", ADMIN_RECORD),
    ("GET", "/admin/due-times", ADMINS),
    ("POST", "/admin/due-times", ADMINS),
    ("GET", "/admin/objectives", ADMINS),
    ("POST", "/admin/objectives", ADMINS),
    ("GET", "/admin/customers/{id}/calendar", ADMIN_RECORD),
    ("POST", "/admin/customers/{id}/calendar", ADMIN_RECORD),
    ("GET", "/api/v1/calendars", ADMINS),
    ("GET", "/api/v1/calendars/{name}", ADMIN_RECORD),
    ("PUT", "/api/v1/calendars/{name}", ADMINS),
    ("GET", "/admin/webhooks", ADMINS),
    ("POST", "/admin/webhooks", ADMINS),
    ("GET", "/admin/webhooks/new", ADMINS),
    ("GET", "/admin/webhooks/{id}", ADMIN_RECORD),
    ("GET", "/admin/webhooks/{id}/edit", ADMIN_RECORD),
    ("POST", "/admin/webhooks/{id}/edit", ADMIN_RECORD),
    ("POST", "/admin/webhooks/{id}/rotate", ADMIN_RECORD),
    ("POST", "/admin/webhooks/{id}/on", ADMIN_RECORD),
    ("POST", "/admin/webhooks/{id}/off", ADMIN_RECORD),
    ("POST", "/admin/webhooks/{id}/ping", ADMIN_RECORD),
    ("POST", "/admin/webhooks/{id}/redeliver", ADMIN_RECORD),
    ("GET", "/admin/webhooks/{id}/deliveries/{event}", ADMIN_RECORD),
    ("POST", "/admin/webhooks/{id}/deliveries/{event}/redeliver", ADMIN_RECORD),
    ("GET", "/api/v1/webhooks", ADMINS),
    ("GET", "/api/v1/webhooks/{id}", ADMIN_RECORD),
    ("POST", "/api/v1/webhooks/{id}/on", ADMIN_RECORD),
    ("POST", "/api/v1/webhooks/{id}/off", ADMIN_RECORD),
    ("POST", "/api/v1/webhooks/{id}/ping", ADMIN_RECORD),
    ("POST", "/api/v1/webhooks/{id}/redeliver", ADMIN_RECORD),
    ("GET", "/api/v1/webhooks/{id}/deliveries", ADMIN_RECORD),
    ("GET", "/api/v1/webhooks/{id}/deliveries/{event}", ADMIN_RECORD),
    ("POST", "/api/v1/webhooks/{id}/deliveries/{event}/redeliver", ADMIN_RECORD),
    ("GET", "/admin/customers", ADMINS),
    ("POST", "/admin/customers", ADMINS),
    ("GET", "/admin/customers/new", ADMINS),
    ("GET", "/admin/customers/{id}", ADMIN_RECORD),
    ("GET", "/admin/customers/{id}/edit", ADMIN_RECORD),
    ("POST", "/admin/customers/{id}/edit", ADMIN_RECORD),
    ("GET", "/admin/customers/{id}/tunnels", ADMIN_RECORD),
    ("POST", "/admin/customers/{id}/tunnels", ADMIN_RECORD),
    ("GET", "/admin/customers/{id}/tunnels/new", ADMIN_RECORD),
    ("GET", "/admin/customers/{id}/tenants", ADMIN_RECORD),
    ("POST", "/admin/customers/{id}/tenants", ADMIN_RECORD),
    ("GET", "/admin/customers/{id}/tenants/new", ADMIN_RECORD),
    ("GET", "/admin/customers/{id}/people", ADMIN_RECORD),
    ("POST", "/admin/customers/{id}/people", ADMIN_RECORD),
    ("GET", "/admin/customers/{id}/people/new", ADMIN_RECORD),
    ("GET", "/admin/customers/{id}/tunnels/{tunnel}", ADMIN_RECORD),
    ("GET", "/admin/customers/{id}/tunnels/{tunnel}/edit", ADMIN_RECORD),
    ("POST", "/admin/customers/{id}/tunnels/{tunnel}/edit", ADMIN_RECORD),
    ("GET", "/admin/customers/{id}/tenants/{tenant}/edit", ADMIN_RECORD),
    ("POST", "/admin/customers/{id}/tenants/{tenant}/edit", ADMIN_RECORD),
    ("GET", "/admin/people", ADMINS),
    ("POST", "/admin/people", ADMINS),
    ("GET", "/admin/people/new", ADMINS),
    ("GET", "/admin/people/{id}", ADMIN_RECORD),
    ("GET", "/admin/people/{id}/edit", ADMIN_RECORD),
    ("POST", "/admin/people/{id}/edit", ADMIN_RECORD),
    ("POST", "/admin/people/{id}/disable", ADMIN_RECORD),
    ("POST", "/admin/people/{id}/invite", ADMIN_RECORD),
    ("POST", "/admin/people/{id}/enable", ADMIN_RECORD),
    ("POST", "/admin/people/{id}/sessions/end", ADMIN_RECORD),
    ("POST", "/admin/people/{id}/factor/reset", ADMIN_RECORD),
    ("GET", "/queue/quarantine/{mail}/original", ENGINEERS_RECORD),
    ("POST", "/queue/quarantine/{mail}/attach", ENGINEERS_RECORD),
    ("POST", "/queue/quarantine/{mail}/discard", ENGINEERS_RECORD),
    ("POST", "/queue/texts/{text}", ENGINEERS),
    ("POST", "/queue/texts/{text}/delete", ENGINEERS),
    ("GET", "/queue/quarantine", ENGINEERS),
    ("GET", "/queue/texts", ENGINEERS),
    ("POST", "/queue/texts", ENGINEERS),
    ("GET", "/cases/{number}/files/{file}", ["innnnnnnn"; 3]),
    ("GET", "/api/v1/cases/{number}/attachments/{file}", ["innnnnnnn"; 3]),
    ("POST", "/api/v1/cases/{number}/attachments", CASE_ACT),
    ("GET", "/forgotten", OPEN),
    ("GET", "/welcome", ["fffffffff"; 3]),
    ("POST", "/forgotten", OPEN),
    ("POST", "/welcome", ["fffffffff"; 3]),
    ("GET", "/admin/about", ADMINS),
    ("GET", "/admin/mails", ADMINS),
    ("GET", "/admin/mails/{name}", ADMIN_RECORD),
    ("GET", "/admin/mails/{name}/page", ADMIN_RECORD),
    ("GET", "/admin/outbox", ADMINS),
    ("POST", "/admin/outbox/resend", ["iffffffnf"; 3]),
    ("POST", "/api/v1/requests", CONTACTS),
    ("GET", "/api/v1/cases", ["i++++++f+"; 3]),
    ("GET", "/api/v1/cases/{number}", CASE),
    ("POST", "/api/v1/cases/{number}/events/{event}", CASE_ACT),
    ("POST", "/api/v1/cases/{number}/claim", CASE_WORK),
    ("POST", "/api/v1/cases/{number}/release", CASE_WORK),
    ("GET", "/api/v1/cases/{number}/messages", CASE),
    ("POST", "/api/v1/cases/{number}/messages", CASE_ACT),
    ("GET", "/api/v1/cases/{number}/tests", CASE),
    ("GET", "/api/v1/cases/{number}/tests/{test}", CASE),
    ("GET", "/api/v1/cases/{number}/watch", UNWATCHED),
    ("POST", "/api/v1/cases/{number}/watch/{act}", UNWATCHED),
    ("GET", "/api/v1/servers/{id}/watch", UNWATCHED),
    ("GET", "/api/v1/watches", ENGINEERS),
    ("POST", "/api/v1/queue/next", ENGINEERS),
    ("GET", "/whitelist", STAFF),
    ("POST", "/whitelist", ENGINEERS),
    ("GET", "/whitelist/add", ENGINEERS),
    ("POST", "/whitelist/add", ENGINEERS),
    ("GET", "/whitelist/requests", STAFF),
    ("POST", "/whitelist/requests/{request}/approve", LEADS_RECORD),
    ("POST", "/whitelist/requests/{request}/refuse", ENGINEERS_RECORD),
    ("GET", "/whitelist/plan/{tunnel}", STAFF_RECORD),
    ("POST", "/whitelist/plan/{tunnel}", NETWORK_RECORD),
    ("GET", "/whitelist/{entry}", STAFF_RECORD),
    ("POST", "/whitelist/{entry}/retire", ENGINEERS_RECORD),
    ("POST", "/whitelist/{entry}/stay", ENGINEERS_RECORD),
    ("POST", "/whitelist/{entry}/theirs", ENGINEERS_RECORD),
    ("GET", "/api/v1/whitelist", STAFF),
    ("POST", "/api/v1/whitelist", ENGINEERS),
    ("GET", "/api/v1/whitelist/requests", STAFF),
    ("POST", "/api/v1/whitelist/requests/{request}/approve", LEADS_RECORD),
    ("POST", "/api/v1/whitelist/requests/{request}/refuse", ENGINEERS_RECORD),
    ("GET", "/api/v1/whitelist/{entry}", STAFF_RECORD),
    ("POST", "/api/v1/whitelist/{entry}/retire", ENGINEERS),
    ("POST", "/api/v1/whitelist/{entry}/stay", ENGINEERS_RECORD),
    ("POST", "/api/v1/whitelist/{entry}/theirs", ENGINEERS),
    ("GET", "/api/v1/tunnels/{tunnel}/whitelist", STAFF_RECORD),
    ("POST", "/api/v1/tunnels/{tunnel}/whitelist/applied", NETWORK_ACT),
    ("GET", "/api/v1/tunnels/{tunnel}/whitelist.json", STAFF_RECORD),
    ("GET", "/api/v1/tunnels/{tunnel}/whitelist.txt", STAFF_RECORD),
    ("GET", "/api/v1/tunnels/{tunnel}/whitelist.nft", STAFF_RECORD),
    ("GET", "/api/v1/allowlist", STAFF),
    ("POST", "/api/v1/allowlist", ENGINEERS),
    ("GET", "/api/v1/allowlist/requests", STAFF),
    ("POST", "/api/v1/allowlist/requests/{request}/approve", LEADS_RECORD),
    ("POST", "/api/v1/allowlist/requests/{request}/refuse", ENGINEERS_RECORD),
    ("GET", "/api/v1/allowlist/{entry}", STAFF_RECORD),
    ("POST", "/api/v1/allowlist/{entry}/retire", ENGINEERS),
    ("POST", "/api/v1/allowlist/{entry}/stay", ENGINEERS_RECORD),
    ("POST", "/api/v1/allowlist/{entry}/theirs", ENGINEERS),
    ("GET", "/api/v1/tunnels/{tunnel}/allowlist", STAFF_RECORD),
    ("POST", "/api/v1/tunnels/{tunnel}/allowlist/applied", NETWORK_ACT),
    ("GET", "/api/v1/tunnels/{tunnel}/allowlist.json", STAFF_RECORD),
    ("GET", "/api/v1/tunnels/{tunnel}/allowlist.txt", STAFF_RECORD),
    ("GET", "/api/v1/tunnels/{tunnel}/allowlist.nft", STAFF_RECORD),
    ("POST", "/agent/v1/jobs/next", AGENTS),
    ("POST", "/agent/v1/jobs/{id}/events", AGENTS),
    ("POST", "/agent/v1/jobs/{id}/report", AGENTS),
    ("POST", "/agent/v1/jobs/{id}/release", AGENTS),
];

/// A case with a test that passed.
async fn case_of(t: &TestApp, contact: &Person, address: &str) -> i64 {
    let number = done(requests::send(&t.app, contact, draft(address), fresh_once()).await.unwrap()).number;
    queue::claim(&t.app, &t.engineer, number).await.unwrap();
    t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
    t.act(contact, number, "let_in_done", &[]).await.unwrap();
    t.script.push(None);
    t.drain().await;
    assert_eq!(t.case(number).await.flow.state, "settings");
    queue::release(&t.app, &t.engineer, number, "Done for now".into()).await.unwrap();
    number
}

/// The path with what the route cannot be asked without.
fn address(path: &str, number: i64) -> String {
    let path = filled(path, number);
    match path.rsplit('/').next() {
        Some("attachments") => path + "?name=seen.txt",
        Some(_) | None => path,
    }
}

enum Somebody {
    Browser(Box<Browser>),
    Program(Client),
}

impl Somebody {
    /// Asks with what the route reads first, so that a refusal is one of rights and not of form.
    async fn ask(&mut self, method: &str, path: &str, revision: i64) -> char {
        let is_api = path.starts_with("/api/") || path.starts_with("/agent/");
        let (key, tag) = (fresh_id().to_string(), format!("\"{revision}\""));
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut headers = vec![("accept", if is_api { "application/json" } else { "text/html" })];
        let body = match (is_unsafe(method.as_str()), is_api) {
            (false, _) => None,
            (true, true) => {
                headers.extend([("idempotency-key", key.as_str()), ("if-match", tag.as_str())]);
                Some(if path.ends_with("/messages") { r#"{"message":"x"}"#.to_owned() } else { "{}".to_owned() })
            }
            (true, false) => Some(match path {
                _ if path.ends_with("/messages") => format!("idempotency_key={key}&message=x"),
                _ if path.ends_with("/resend") => "effect_key=none".to_owned(),
                _ => format!("idempotency_key={key}"),
            }),
        };
        let kind = if is_api { "application/json" } else { "application/x-www-form-urlencoded" };
        let (status, to) = match self {
            Self::Browser(browser) => {
                let page = browser.send_as(method, path, body.map(|body| (kind, body)), &headers).await;
                (page.status.as_u16(), page.location().unwrap_or_default())
            }
            Self::Program(client) => {
                if body.is_some() {
                    headers.push(("content-type", kind));
                }
                let answer = client.send(method, path, &headers, body.unwrap_or_default()).await;
                (answer.status.as_u16(), answer.header("location"))
            }
        };
        match status {
            401 => 'i',
            303 if to.starts_with("/sign-in?") => 'i',
            403 => 'f',
            404 => 'n',
            500.. => 'E',
            _ => '+',
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_has_a_row_and_every_cell_is_as_expected() {
    run(Kind::Sqlite, |db| async move {
        let t = TestApp::new(&db).await;
        let rows: BTreeMap<_, _> =
            ROWS.iter().map(|(method, path, cells)| (((*method).to_owned(), (*path).to_owned()), cells)).collect();
        assert_eq!(rows.len(), ROWS.len(), "a route has two rows");
        let found = routes(&t.app).await;
        let homeless: Vec<_> = found.iter().filter(|route| !rows.contains_key(*route)).collect();
        assert!(homeless.is_empty(), "add a line to ROWS in {} for {homeless:?}", file!());
        let gone: Vec<_> = rows.keys().filter(|route| !found.contains(*route)).collect();
        assert!(gone.is_empty(), "the router has no {gone:?}");

        let sam = t.stranger().await;
        let other = postern::domain::customer::Customer { id: sam.customer.unwrap(), ..t.customer.clone() };
        admin::put_tunnel(&t.app, tunnel(&other, "brightwater-1", "10.30.0.0/16")).await.unwrap();
        let place = Place::Contact { customer: t.customer.id, all_cases: false };
        let colleague =
            admin::add_person(&t.app, ("Cy Lane".into(), "cy@alder.example".into()), place, None).await.unwrap();
        let staff = |name: &'static str, role| {
            let email = format!("{name}@vendor.example");
            let place = Place::Staff([role].into());
            let app = t.app.clone();
            async move { admin::add_person(&app, (name.into(), email), place, None).await.unwrap() }
        };
        let (support, network) = (staff("sue", Role::Support).await, staff("ned", Role::Network).await);
        let mut people = vec![Somebody::Browser(Box::new(Browser::new(&t.app)))];
        for person in [&t.contact, &colleague, &sam, &support, &network, &t.lead, &t.admin] {
            people.push(Somebody::Browser(Box::new(Browser::signed_in(&t.app, person).await)));
        }
        people.push(Somebody::Program(Client::of(&t.app, &sam).await));
        let objects = [
            ("own", case_of(&t, &t.contact, "10.20.4.15").await),
            ("other's", case_of(&t, &sam, "10.30.4.15").await),
            ("absent", 999_999),
        ];

        let (mut unexpected, mut cells) = (String::new(), 0);
        // Signing out ends what the others need, so it comes last.
        let mut order: Vec<_> = ROWS.iter().collect();
        order.sort_by_key(|(_, path, _)| *path == "/sign-out");
        for (method, path, expected) in order {
            for ((object, number), expected) in objects.iter().zip(expected) {
                let mut got = String::new();
                for person in &mut people {
                    let revision = if *number == 999_999 { 1 } else { t.case(*number).await.revision };
                    got.push(person.ask(method, &address(path, *number), revision).await);
                    cells += 1;
                }
                if got != *expected {
                    writeln!(unexpected, "{method} {path}, {object}: expected {expected}, got {got}").unwrap();
                }
            }
        }
        assert!(unexpected.is_empty(), "cells stand for {WHO:?}\n{unexpected}");
        assert_eq!(cells, ROWS.len() * WHO.len() * 3);
    })
    .await;
}
