//! Every template is filled with every sample of its context, under strict undefined; what was typed comes out as text.
//!
//! The renderings are written to `target/pages`, where `tests/browser/axe.mjs` measures them in a browser.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use minijinja::Environment;
use postern::views::common::{Link, Note, Tone};
use postern::views::form::{ErrorLink, Form};
use postern::views::mail::{MailCase, MailContext, Recipient};
use postern::views::samples::{self, HOSTILE};
use postern::views::{
    Brand, Page, Theme, Views, account, admin, alerting_change, alerting_ips, case, casework, error, help, notice,
    portal, probe, quarantine, queue, records, relays, session, settings, tables, texts, watching, whitelist,
};
use serde::Serialize;

const CUSTOMER: &str = "Customer administrator";
const ENGINEER: &str = "Network engineer";
const ADMIN: &str = "Administrator";

/// One rendering: template, name of the sample, HTML.
struct Rendering {
    template: &'static str,
    sample: &'static str,
    html: String,
}

fn render<B: Serialize>(
    views: &Views,
    template: &'static str,
    (role, current, title): (&str, &str, &str),
    (sample, body): (&'static str, B),
    errors: Vec<ErrorLink>,
) -> Result<Rendering, String> {
    let mut page = Page::new(title, samples::frame("Ana P.", role, current), body);
    page.errors = errors;
    if current == "/case" {
        page.crumbs = vec![Link::new("Your cases", "/cases"), Link::new("Case 2041", "/cases/2041")];
    }
    let html = views.render(template, &page).map_err(|error| format!("{template} {sample}: {error:?}"))?;
    Ok(Rendering { template, sample, html })
}

/// Renders every sample of each context into a list.
macro_rules! pages {
    ($views:expr, $all:expr; $($context:ty, $role:expr, $current:expr, $title:expr, $form:expr;)*) => {$(
        for (sample, body) in <$context>::samples() {
            let form: fn(&$context) -> Option<&Form> = $form;
            let errors = form(&body).map(Form::errors).unwrap_or_default();
            let frame = ($role, $current, $title);
            $all.push(render($views, <$context>::TEMPLATE, frame, (sample, body), errors)?);
        }
    )*};
}

/// Fills every template with every sample.
fn renderings(views: &Views) -> Result<Vec<Rendering>, String> {
    let mut all = Vec::new();
    around_cases(views, &mut all)?;
    at_the_desk(views, &mut all)?;
    around_people(views, &mut all)?;
    Ok(all)
}

fn around_cases(views: &Views, all: &mut Vec<Rendering>) -> Result<(), String> {
    pages! { views, all;
        watching::Watching, CUSTOMER, "/case", "Watching", |_| None;
        portal::Cases, CUSTOMER, "/cases", "Your cases", |_| None;
        portal::Start, CUSTOMER, "/start", "Start a request", |_| None;
        portal::Question, CUSTOMER, "/start", "Your SMTP server", |page| Some(&page.form);
        portal::Check, CUSTOMER, "/start", "Check your answers", |_| None;
        portal::Sent, CUSTOMER, "/start", "Request sent", |_| None;
        notice::Check, CUSTOMER, "/start", "Check your notice", |_| None;
        notice::Sent, CUSTOMER, "/start", "Notice sent", |_| None;
        case::Case, CUSTOMER, "/case", "Waiting on you: case 2041", |_| None;
        case::ActPage, CUSTOMER, "/act", "Report a problem: case 2041", |page| Some(&page.form);
    }
    Ok(())
}

fn at_the_desk(views: &Views, all: &mut Vec<Rendering>) -> Result<(), String> {
    pages! { views, all;
        queue::Queue, ENGINEER, "/queue", "Unclaimed: queue", |_| None;
        casework::Case, ENGINEER, "/case", "With us: case 2041", |_| None;
        casework::ApplyCheck, ENGINEER, "/case", "Settings in force: case 2041", |_| None;
        settings::CaseSettings, ENGINEER, "/case", "SMTP settings: case 2041", |_| None;
        quarantine::Quarantine, ENGINEER, "/queue", "Mail that waits: queue", |_| None;
        relays::Relays, ENGINEER, "/queue", "Secure Relays: Cedar Health", |page| Some(&page.add);
        texts::Texts, ENGINEER, "/queue", "Ready texts: queue", |page| Some(&page.add);
        queue::ClaimLost, ENGINEER, "/case", "Claimed by someone else: case 2041", |_| None;
        alerting_ips::AlertingIps, CUSTOMER, "/alerting-ips", "Alerting IPs", |_| None;
        alerting_change::AlertingChange, ENGINEER, "/queue", "A change of an alerting IP", |page| page.acts.first().map(|act| &act.form);
        whitelist::Register, ENGINEER, "/whitelist", "Whitelist", |_| None;
        whitelist::Checked, ENGINEER, "/whitelist", "Add to the whitelist", |_| None;
        whitelist::Entry, ENGINEER, "/whitelist", "10.20.4.15/32", |page| page.retire.as_ref();
        whitelist::Requests, ENGINEER, "/whitelist", "Requests that need a lead", |_| None;
        whitelist::Plan, ENGINEER, "/whitelist", "What is to be applied", |page| page.form.as_ref();
        probe::TestResult, ENGINEER, "/case", "Not reachable: tunnel test 7", |_| None;
        probe::Comparison, ENGINEER, "/case", "Tunnel test 7 compared: case 2041", |_| None;
    }
    Ok(())
}

fn around_people(views: &Views, all: &mut Vec<Rendering>) -> Result<(), String> {
    pages! { views, all;
        settings::Settings, CUSTOMER, "/servers", "SMTP settings", |page| Some(&page.form);
        session::SignIn, "", "/sign-in", "Sign in", |page| Some(&page.form);
        session::Password, "", "/forgotten", "Forgotten password", |page| Some(&page.form);
        session::Said, "", "/forgotten", "Look into your mail", |_| None;
        session::CookieMissing, "", "/sign-in", "Sign-in was not kept", |_| None;
        session::Setup, "", "/setup", "Set up", |page| Some(&page.form);
        session::NoToken, "", "/setup", "Set-up link", |_| None;
        error::ErrorPage, CUSTOMER, "/error", "Not found", |_| None;
        help::Help, CUSTOMER, "/help", "Help", |_| None;
        help::Problem, CUSTOMER, "/help", "No answer on the port: help", |_| None;
        records::Listing, ADMIN, "/admin/customers", "Customers", |_| None;
        records::Record, ADMIN, "/admin/customers", "Alder Mutual", |page| page.form.as_ref();
        records::Edit, ADMIN, "/admin/customers", "Add a customer", |page| Some(&page.form);
        tables::Tables, ADMIN, "/admin/objectives", "Objectives", |page| page.form.as_ref();
        account::Account, ENGINEER, "/account", "Your account", |page| Some(&page.password);
        account::Factor, ENGINEER, "/account", "Set up a second factor", |page| Some(&page.confirm);
        account::Recovery, ENGINEER, "/account", "Your recovery codes", |_| None;
        admin::About, ADMIN, "/admin/about", "About", |_| None;
        admin::Outbox, ADMIN, "/admin/outbox", "Outgoing mail", |_| None;
        admin::MailSample, ADMIN, "/admin/outbox", "Mail tunnel-works", |_| None;
    }
    Ok(())
}

#[test]
fn every_page_template_has_a_context_and_every_sample_fills_it() {
    let views = Views::load().unwrap();
    let all = renderings(&views).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages");
    fs::create_dir_all(&folder).unwrap();
    for Rendering { template, sample, html } in &all {
        let name = format!("{}-{sample}.html", template.trim_end_matches(".html").replace('/', "-"));
        fs::write(folder.join(name), html).unwrap();
    }
    let filled: BTreeSet<&str> = all.iter().map(|rendering| rendering.template).collect();
    let parts = |name: &String| {
        name.starts_with("mail/") || name.starts_with("letter/") || name == "layout.html" || name == "macros.html"
    };
    let unused: Vec<String> =
        views.names().into_iter().filter(|name| !parts(name) && !filled.contains(name.as_str())).collect();
    assert!(unused.is_empty(), "templates without a context: {unused:?}");
    assert!(all.len() > 60, "only {} renderings", all.len());
}

#[test]
fn what_people_type_comes_out_as_text() {
    let views = Views::load().unwrap();
    let mut seen = BTreeSet::new();
    for Rendering { template, sample, html } in renderings(&views).unwrap() {
        assert!(!html.contains("<script"), "{template} {sample} lets mark-up through");
        assert!(!html.contains("<b>bold"), "{template} {sample} lets mark-up through");
        if html.contains("alert(1)") {
            assert!(html.contains("{{7*7}}"), "{template} {sample} fills what was typed");
            seen.insert(template);
        }
    }
    assert!(seen.len() >= 18, "only {seen:?} were given hostile values");
}

#[test]
fn every_form_posts_without_browser_checks_and_carries_its_own_key() {
    let views = Views::load().unwrap();
    for Rendering { template, sample, html } in renderings(&views).unwrap() {
        for form in html.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap();
            assert!(form.contains("novalidate"), "{template} {sample}: {form}");
            if form.contains("method=\"get\"") {
                continue;
            }
            assert!(
                form.contains("method=\"post\"") && form.contains("name=\"idempotency_key\""),
                "{template} {sample}: {form}"
            );
        }
    }
}

#[test]
fn a_page_has_one_heading_a_title_and_nothing_inline() {
    let views = Views::load().unwrap();
    for Rendering { template, sample, html } in renderings(&views).unwrap() {
        assert_eq!(html.matches("<h1").count(), 1, "{template} {sample}");
        assert!(html.contains(" - Postern</title>"), "{template} {sample}");
        assert!(!html.contains(" style=") && !html.contains("<style"), "{template} {sample}: inline style");
        assert!(!html.contains(" onclick=") && !html.contains("javascript:"), "{template} {sample}: inline script");
        let ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let distinct: BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(ids.len(), distinct.len(), "{template} {sample} uses an id twice: {ids:?}");
    }
}

#[test]
fn the_summary_of_errors_leads_to_each_field_and_the_title_says_error() {
    let views = Views::load().unwrap();
    for Rendering { template, sample, html } in renderings(&views).unwrap() {
        if !html.contains("error-summary") {
            continue;
        }
        assert!(html.contains("<title>Error: "), "{template} {sample}");
        let summary = html.split("error-summary-title").nth(2).unwrap().split("</ul>").next().unwrap();
        for target in summary.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(html.contains(&format!(" id=\"{target}\"")), "{template} {sample}: no field {target}");
        }
    }
}

#[test]
fn a_password_is_never_sent_back_to_the_browser() {
    let views = Views::load().unwrap();
    let mut page = portal::Question::server("/start", "/start/server", samples::KEY, true);
    page.form.fields =
        settings::Settings::fields(Vec::new(), true).into_iter().map(|field| field.value("hunter2-secret")).collect();
    let page = Page::new("SMTP settings", samples::frame("Dana K.", CUSTOMER, "/servers"), page);
    let html = views.render(portal::Question::TEMPLATE, &page).unwrap();
    let password = html.split("<input").find(|input| input.contains("type=\"password\"")).unwrap();
    assert!(!password.split('>').next().unwrap().contains("hunter2"));
}

#[test]
fn a_notice_gives_way_to_errors_and_a_chosen_theme_is_kept() {
    let views = Views::load().unwrap();
    let body = || session::NoToken::samples().remove(0).1;
    let mut page = Page::new("Set-up link", samples::frame("Ana P.", "", "/setup"), body());
    page.notice = Some(Note::new(Tone::Done, "SMTP settings updated."));
    page.frame.theme = Theme::Dark;
    let html = views.render(session::NoToken::TEMPLATE, &page).unwrap();
    assert!(html.contains("SMTP settings updated.") && html.contains("data-theme=\"dark\""));
    page.errors = vec![ErrorLink { target: None, message: "Enter the SMTP port".to_owned() }];
    let html = views.render(session::NoToken::TEMPLATE, &page).unwrap();
    assert!(html.contains("Enter the SMTP port") && !html.contains("SMTP settings updated."));
}

#[test]
fn a_template_that_reads_what_its_context_has_not_is_an_error() {
    let views = Views::load().unwrap();
    let nothing: BTreeMap<&str, &str> = BTreeMap::new();
    let error = views.render("portal/cases.html", &nothing).unwrap_err();
    assert_eq!(error.to_string(), "template portal/cases.html could not be filled");
    assert_eq!(
        views.render("portal/no.html", &nothing).unwrap_err().to_string(),
        "there is no template portal/no.html"
    );
}

#[test]
fn every_mail_can_be_made_from_the_names_it_reads() {
    let views = Views::load().unwrap();
    for (name, reads) in views.mail_reads() {
        let fields = reads.iter().filter_map(|read| read.strip_prefix("field."));
        let context = MailContext {
            brand: Brand { product: "Tenable Identity Exposure".to_owned(), vendor: "Tenable".to_owned() },
            case: MailCase {
                number: 2041,
                title: HOSTILE.to_owned(),
                url: "https://postern.corp.example/cases/2041".to_owned(),
                headline: "Let our alerting IP in".to_owned(),
                body: HOSTILE.to_owned(),
                next: "We test the tunnel.".to_owned(),
            },
            field: fields.map(|field| (field.to_owned(), HOSTILE.to_owned())).collect(),
            to: Recipient { name: "Dana\r\nBcc: eve@example.com".to_owned() },
            list_word: "whitelist".to_owned(),
            replies_read: false,
        };
        let mail = views.mail(&name, &context).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert!(!mail.subject.contains(['\r', '\n']) && !mail.subject.is_empty(), "{name}: {}", mail.subject);
        assert!(!mail.html.contains("<script"), "{name} lets mark-up through");
        assert!(mail.text.contains("https://postern.corp.example/cases/2041"), "{name} does not link to the case");
    }
}

#[test]
fn the_dotted_names_that_a_template_reads_are_found() {
    let mut environment = Environment::new();
    environment.add_template("a", "{% if field.smtp_ip %}{{ case.url }}{% endif %}").unwrap();
    let reads = environment.get_template("a").unwrap().undeclared_variables(true);
    assert!(reads.contains("field.smtp_ip") && reads.contains("case.url"), "{reads:?}");
}
