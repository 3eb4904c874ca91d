//! The result of a tunnel test: who reads what of it, in which form, and what it looks like.
//!
//! Reports are stored as the worker stores them and read through the router.

use std::fs;
use std::path::Path;

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, REFRESH, X_CONTENT_TYPE_OPTIONS};
use postern::app::Error;
use postern::clock::fresh_id;
use postern::domain::cause::Cause;
use postern::domain::id::ProbeId;
use postern::store::probes::{self, Outcome, Probe};
use serde_json::{Value as Json, json};

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::on_both;
use crate::support::http::{Browser, Page};
use crate::support::reports::{self, BANNER, OURS};

/// Keeps a test of a case, with its report where it has ended. Gives its number.
async fn keep(t: &TestApp, case: i64, report: Option<Json>) -> i64 {
    let case = t.case(case).await;
    let now = t.app.now();
    let probe = Probe {
        customer_id: case.customer,
        id: ProbeId::new(fresh_id()),
        case_id: case.id,
        number: 0,
        effect_key: fresh_id().to_string(),
        level: "reach".to_owned(),
        case_entered: 0,
        answers: "test_result".to_owned(),
        settings_id: None,
        target_host: "10.20.4.15".to_owned(),
        target_port: 587,
        state: "queued".to_owned(),
        attempts: 0,
        requested_at: now,
        by_customer: false,
        finished_at: None,
        verdict: None,
        cause: None,
        report: None,
        progress: None,
    };
    t.app
        .db
        .write(move |tx| {
            let (probe, report) = (probe.clone(), report.clone());
            Box::pin(async move {
                let number = probes::add(tx, &probe, now).await?;
                let Some(report) = report else { return Ok(number) };
                let leased =
                    probes::claim(tx, "a test", (now, now + chrono::TimeDelta::minutes(1)), 20).await?.unwrap();
                assert_eq!(leased.id, probe.id, "another test was waiting");
                let (verdict, cause) = (report["verdict"].as_str().unwrap(), report["cause"].as_str());
                let outcome = Outcome { verdict, cause, report: &report, at: now };
                assert!(probes::finish(tx, &leased, "a test", &outcome).await?);
                Ok::<_, Error>(number)
            })
        })
        .await
        .unwrap()
}

/// Customer and engineer at a case of the customer, and the case.
async fn both_sides(t: &TestApp) -> (Browser, Browser, i64) {
    let case = t.request().await.number;
    (Browser::signed_in(&t.app, &t.contact).await, Browser::signed_in(&t.app, &t.engineer).await, case)
}

/// The text of a page as it is read: without tags, spaces run together.
fn read(page: &Page) -> String {
    let main = page.body.split("<main").nth(1).unwrap().split("</main>").next().unwrap();
    let bare: String =
        main.split('<').map(|part| part.split_once('>').map_or("", |(_, text)| text)).collect::<Vec<_>>().join(" ");
    bare.replace("&#x27;", "'").replace('\u{a0}', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

on_both! {
    async fn a_customer_reads_verdict_cause_and_remedy_and_nothing_of_our_side(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (mut customer, mut engineer, case) = both_sides(&t).await;
        let (theirs, ours) = (Client::of(&t.app, &t.contact).await, Client::of(&t.app, &t.engineer).await);
        for (name, report) in reports::all().into_iter().filter(|(name, _)| *name != "hostile") {
            let test = keep(&t, case, Some(report.clone())).await;
            let path = format!("/cases/{case}/tests/{test}");
            let page = customer.open(&path).await;
            let text = customer.open(&format!("{path}.txt")).await;
            let api = theirs.get(&format!("/api/v1{path}")).await;
            let compared = customer.open(&format!("{path}/compare")).await;
            for (form, shown) in [("page", &page.body), ("text", &text.body), ("JSON", &api.text), ("compare", &compared.body)] {
                for secret in OURS.iter().chain([&"canary", &"TLS13_AES"]) {
                    assert!(!shown.contains(secret), "{name}: the customer's {form} has {secret}: {shown}");
                }
            }
            assert!(!page.shows("The whole conversation"), "{name}");
            let cause = report["cause"].as_str().and_then(Cause::from_id);
            if let Some(entry) = cause.map(Cause::entry).filter(|_| name != "could-not-tell") {
                assert!(page.shows(entry.title) && page.shows(entry.remedy_customer), "{name}: {}", page.body);
                assert!(text.body.contains(entry.remedy_customer), "{name}: {}", text.body);
                assert!(!page.shows(entry.remedy_engineer) && !text.body.contains(entry.remedy_engineer), "{name}");
            }
            let full = engineer.open(&path).await;
            let full_text = engineer.open(&format!("{path}.txt")).await;
            let greeted = report["stages"].as_array().unwrap().iter().any(|stage| stage["server_lines"] != json!([]));
            for (form, shown) in [("page", &full.body), ("text", &full_text.body)] {
                assert!(shown.contains("10.99.0.8"), "{name}: the engineer's {form} lacks the source: {shown}");
                assert_eq!(shown.contains(BANNER), greeted, "{name}: {shown}");
            }
            assert_eq!(ours.get(&format!("/api/v1{path}")).await.expect(200)["report"], report, "{name}");
            if let Some(entry) = cause.map(Cause::entry) {
                let fixes = [entry.remedy_customer, entry.remedy_engineer];
                assert!(fixes.iter().all(|fix| full.shows(fix)), "{name}: the engineer reads both fixes: {}", full.body);
            }
        }
    }
}

on_both! {
    async fn the_verdict_says_where_it_stopped_what_works_why_and_who_acts(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (mut customer, mut engineer, case) = both_sides(&t).await;
        let expected = [
            ("pass", "The server takes our mail through the tunnel This was a full test, up to sender and recipient. Every step \
                      that it needs has passed; there is 1 thing that should change."),
            ("tcp", "The test stopped at step 4 of 8: No answer to the connection attempt The tunnel is up and the route is \
                     right, but 10.20.4.15 on port 587 did not answer the connection attempt. Most likely: a firewall in the \
                     customer network drops the packets. The customer acts next."),
            ("certificate", "The test stopped at step 6 of 8: The certificate belongs to another name The tunnel is up and the \
                     server speaks SMTP, but the certificate of 10.20.4.15 on port 587 is for other names than the one on \
                     record. Most likely: the server has another official name. The customer acts next."),
            ("greylisted", "The test stopped at step 8 of 8: The server asks for a later attempt The tunnel carries traffic, the \
                     server speaks SMTP and the connection is encrypted, but 10.20.4.15 on port 587 asked for a later attempt, \
                     as it does with senders that it does not know. Most likely: the server uses greylisting. It asked us to \
             wait 5 min. Nobody has to act."),
            ("lost", "The test stopped at step 2 of 8: Packets went into the tunnel and nothing came back The route is right, \
                     but our packets to 10.20.4.15 on port 587 went into the tunnel, and nothing came back. Most likely: the \
                     customer's gateway is gone although the tunnel still reads as established: no echo to 10.99.0.8. The \
                     customer acts next."),
            ("could-not-tell", "We could not run the test Nothing is known about the server. The test reached its limit of time \
                     before it had a result. We act next."),
            ("gateway", "The test stopped at step 3 of 8: A gateway on the way has no route to the server A gateway on the way \
                     answered that it has no route to 10.20.4.15 on port 587. Most likely: our \
                     own gateway lacks the route into the tunnel. We act next."),
        ];
        for (name, sentence) in expected {
            let (_, report) = reports::all().into_iter().find(|(known, _)| *known == name).unwrap();
            let test = keep(&t, case, Some(report)).await;
            let page = engineer.open(&format!("/cases/{case}/tests/{test}")).await;
            assert!(read(&page).contains(sentence), "{name}: {}", read(&page));
        }
        let page = read(&customer.open(&format!("/cases/{case}/tests/5")).await);
        assert!(page.contains("reads as established: no echo to our alerting IP. You act next."), "{page}");
        let ours = read(&customer.open(&format!("/cases/{case}/tests/6")).await);
        assert!(ours.contains("We could not run the test Nothing is known about your server."), "{ours}");
    }
}

on_both! {
    async fn the_path_shows_what_was_measured_and_nothing_for_what_was_not(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (mut customer, mut engineer, case) = both_sides(&t).await;
        let mut bare = reports::tcp();
        bare["path"] = Json::Null;
        let mut cut = reports::tcp();
        cut["path"] = json!({"selector": "10.20.0.0/16", "echo": {"address": "10.20.0.1", "ms": null}, "candidates": []});
        for report in [reports::tcp(), reports::lost(), reports::gateway(), reports::refused(), bare, cut] {
            keep(&t, case, Some(report)).await;
        }
        let page = async |browser: &mut Browser, test: i64| read(&browser.open(&format!("/cases/{case}/tests/{test}")).await);
        let tcp = page(&mut engineer, 1).await;
        let picture = "Path Our sender 10.99.0.8 ✓ Sent Our gateway ✓ Tunnel up Up since 24 November 2026 at 08:12 UTC 3 packets \
                       in 0 packets back Peer gateway 10.20.0.1 ✓ \
                       Answers Echo answered after 12 ms Customer network 10.20.0.0/16 ✕ No answer SMTP server 10.20.4.15 – Not \
                       reached Steps";
        assert!(tcp.contains(picture), "{tcp}");
        let lost = page(&mut customer, 2).await;
        let order = "Most likely, in this order Your gateway is gone although the tunnel still reads as established: no echo to \
                     our alerting IP Your network has no way back to the alerting IP Your firewall drops packets";
        assert!(lost.contains(order) && lost.contains("Your gateway 10.20.0.1 ✕ Nothing came back"), "{lost}");
        let gateway = page(&mut engineer, 3).await;
        assert!(gateway.contains("Our gateway ✕ No route") && gateway.contains("Said by 10.99.0.1 (ICMP type 3, code 0)"), "{gateway}");
        let refused = page(&mut customer, 4).await;
        let both = "Your network 10.20.0.0/16 ▲ Passed, or refused here SMTP server 10.20.4.15 ✕ Refused";
        assert!(refused.contains(both) && refused.contains("A firewall answers with RST in place of the server"), "{refused}");
        for test in [3, 5, 6] {
            let shown = page(&mut engineer, test).await;
            for absent in ["packets in", "packets back", "Went in", "Came back", "Up since", "Seen by", " 0 ms", "none", "null"] {
                assert!(!shown.contains(absent), "test {test} shows {absent:?}: {shown}");
            }
        }
        let bare = page(&mut engineer, 5).await;
        assert!(bare.contains("Our gateway – Not measured Peer gateway – Not measured Customer network ✕ No answer"), "{bare}");
        assert!(bare.contains("2 Tunnel – Not run Nothing was measured"), "{bare}");
        assert!(page(&mut engineer, 6).await.contains("No answer to our echo"));
    }
}

on_both! {
    async fn a_syslog_test_has_four_steps_and_names_what_to_look_for(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (mut customer, mut engineer, case) = both_sides(&t).await;
        for report in [reports::syslog_udp(), reports::syslog_tls(), reports::syslog_refused()] {
            keep(&t, case, Some(report)).await;
        }
        let page = async |browser: &mut Browser, test: i64| {
            read(&browser.open(&format!("/cases/{case}/tests/{test}")).await)
        };
        let sent = page(&mut customer, 1).await;
        for words in [
            "The message was sent; nothing can confirm that it arrived UDP confirms nothing. Look for postern-7f3a9c on the \
             SYSLOG receiver: it arrived where it stands there.",
            "What to do Look for the test id on the SYSLOG receiver and tell us whether it arrived.",
            "1 Whitelist ✓ Passed The address may be tested",
            "2 Tunnel – Not run Nothing was measured",
            "3 Route ✓ Passed",
            "4 SYSLOG ○ Not confirmed The SYSLOG message was sent; UDP confirms nothing",
            "To 10.20.4.15:514 Test id postern-7f3a9c",
            "SYSLOG receiver 10.20.4.15 ○ Not confirmed",
            "Transport UDP",
        ] {
            assert!(sent.contains(words), "{words:?} is not in {sent}");
        }
        assert!(!sent.contains("SMTP"), "{sent}");
        let taken = page(&mut engineer, 2).await;
        assert!(taken.contains("The SYSLOG receiver took our message This was a SYSLOG test, up to the message."), "{taken}");
        assert!(taken.contains("look for postern-7f3a9c on the receiver. ") && taken.contains("4 SYSLOG ✓ Passed"), "{taken}");
        let refused = page(&mut engineer, 3).await;
        let sentence = "The test stopped at step 4 of 4: Nothing listens on the SYSLOG port The route is right, but 10.20.4.15 \
                        on port 514 answered that nothing listens on the port. Most likely: the SYSLOG receiver is stopped. \
                        The customer acts next.";
        assert!(refused.contains(sentence), "{refused}");
        assert!(refused.contains("Customer network ▲ Passed, or refused here SYSLOG receiver 10.20.4.15 ✕ Refused"), "{refused}");
    }
}

on_both! {
    async fn a_result_is_copied_as_text_and_stays_where_it_is(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (mut customer, mut engineer, case) = both_sides(&t).await;
        let test = keep(&t, case, Some(reports::tcp())).await;
        let path = format!("/cases/{case}/tests/{test}");
        let page = engineer.open(&path).await;
        for link in [format!("href=\"{path}.txt\""), format!("href=\"/api/v1{path}\"")] {
            assert!(page.body.contains(&link), "{link} is not on the page: {}", page.body);
        }
        assert!(!page.body.contains(&format!("{path}/compare\"")), "there is nothing to compare with");
        assert!(page.shows("Reach: up to EHLO and STARTTLS"), "{}", page.body);
        let text = engineer.open(&format!("{path}.txt")).await;
        assert_eq!(text.headers[CONTENT_TYPE], "text/plain; charset=utf-8");
        assert_eq!(text.headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        let address = format!("https://postern.vendor.example{path}\n");
        for words in ["Not reachable\nThe test stopped at step 4 of 8", address.as_str(), "      From: 10.99.0.8\n", "[tcp.timeout] (10 006 ms)"] {
            assert!(text.body.contains(words), "{words:?} is not in {}", text.body);
        }
        for wrong in ["9", "1.text", "1.txt.txt", ".txt", "1.txt/compare", "01x"] {
            assert_eq!(customer.get(&format!("/cases/{case}/tests/{wrong}")).await.status, StatusCode::NOT_FOUND, "{wrong}");
        }
        let mut stranger = Browser::signed_in(&t.app, &t.stranger().await).await;
        for form in ["", ".txt", "/compare"] {
            assert_eq!(stranger.get(&format!("{path}{form}")).await.status, StatusCode::NOT_FOUND, "{form}");
        }
        t.pass(chrono::TimeDelta::days(30)).await;
        let again = Browser::signed_in(&t.app, &t.engineer).await.open(&format!("{path}.txt")).await;
        assert_eq!(again.body, text.body, "a result does not change");
    }
}

on_both! {
    async fn two_runs_are_compared_by_what_differs(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (mut customer, mut engineer, case) = both_sides(&t).await;
        for report in [reports::tcp(), reports::tcp(), reports::pass()] {
            keep(&t, case, Some(report)).await;
        }
        keep(&t, case, None).await;
        let path = |test: i64| format!("/cases/{case}/tests/{test}/compare");
        let first = engineer.open(&path(1)).await;
        assert!(first.shows("There is none before it to compare with."), "{}", first.body);
        let same = engineer.open(&path(2)).await;
        assert!(same.shows("Tests 1 and 2 saw the same.") && !same.body.contains("<table"), "{}", same.body);
        assert!(engineer.open(&format!("/cases/{case}/tests/3")).await.body.contains(&format!("href=\"{}\"", path(3))));
        let changed = read(&engineer.open(&path(3)).await);
        for row in [
            "Verdict Not reachable Reachable with warnings",
            "Step: TCP connection Failed: No answer to the connection attempt Passed: Port 587 accepts connections",
            "TCP connection: Seen at tcp no answer from 10.20.4.15 to 10.99.0.8 Not seen",
            "Recipient soc@alder.example Not seen Passed",
            "Certificate of the server Not seen Shown",
            "Path: Customer network No answer (10.20.0.0/16) Passed (10.20.0.0/16)",
        ] {
            assert!(changed.contains(row), "{row:?} is not in {changed}");
        }
        for row in ["Target", "Step: Whitelist", "Path: Our sender", "Began", "SHA-256"] {
            assert!(!changed.contains(row), "{row:?} does not differ: {changed}");
        }
        let theirs = read(&customer.open(&path(3)).await);
        assert!(theirs.contains("Verdict Not reachable") && !theirs.contains("Seen at"), "{theirs}");
        assert!(customer.open(&path(4)).await.shows("It can be compared when it has ended."));
    }
}

on_both! {
    async fn the_page_of_a_running_test_reloads_until_it_has_ended_or_is_told_not_to(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (mut customer, _, case) = both_sides(&t).await;
        let test = keep(&t, case, None).await;
        let path = format!("/cases/{case}/tests/{test}");
        let running = customer.open(&path).await;
        assert_eq!(running.headers[REFRESH], "3");
        assert!(running.body.contains("<meta http-equiv=\"refresh\" content=\"3\">"), "{}", running.body);
        assert!(running.shows("Waiting since 10:00:00 UTC") && running.shows("This page reloads every 3 seconds"), "{}", running.body);
        assert!(!running.shows("Steps:") && !running.shows("JSON"), "{}", running.body);
        let still = customer.open(&format!("{path}?reload=no")).await;
        assert!(still.headers.get(REFRESH).is_none() && !still.body.contains("http-equiv=\"refresh\""), "{}", still.body);
        assert!(still.shows("Reload by itself"), "{}", still.body);
        assert!(customer.open(&format!("{path}.txt")).await.body.contains("The test waits for its turn"));
        t.script.push(Some(Cause::TcpTimeout));
        t.drain().await;
        let ended = customer.open(&path).await;
        assert!(ended.headers.get(REFRESH).is_none() && ended.shows("The test stopped at step 4 of 8"), "{}", ended.body);
    }
}

on_both! {
    async fn a_test_is_run_again_by_one_button_and_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        let case = t.reached().await;
        let (mut customer, mut engineer) =
            (Browser::signed_in(&t.app, &t.contact).await, Browser::signed_in(&t.app, &t.engineer).await);
        let (path, action) = (format!("/cases/{case}/tests/1"), format!("/cases/{case}/tests"));
        let page = customer.open(&path).await;
        assert!(page.shows("Run the test again"), "{}", page.body);
        let sent = customer.submit(&page, &action, &[]).await;
        assert_eq!(sent.location().as_deref(), Some(format!("/cases/{case}/tests/2").as_str()), "{}", sent.body);
        let twice = customer.submit(&page, &action, &[]).await;
        assert_eq!(twice.location(), sent.location(), "the same form asks once");
        let running = customer.follow(sent).await;
        assert!(running.shows("run by Postern, asked by the customer"), "{}", running.body);
        assert!(customer.open(&path).await.form(&action).is_none(), "one test at a time");
        let other = customer.post(&action, &[("idempotency_key", "another-key")]).await;
        assert!(other.shows("Test 2 of this case has not ended yet"), "{}", other.body);
        for test in 3..=7 {
            t.script.push(None);
            t.drain().await;
            let page = customer.open(&path).await;
            if page.form(&action).is_none() {
                assert_eq!(test, 7, "six tests an hour: {}", page.body);
                assert!(page.shows("You can run the test again from") && page.shows("25 November 2026 at 11:00 UTC"));
                let late = customer.post(&action, &[("idempotency_key", "late")]).await;
                assert_eq!(late.status, StatusCode::TOO_MANY_REQUESTS, "{}", late.body);
                break;
            }
            customer.submit(&page, &action, &[]).await;
        }
        assert!(engineer.open(&path).await.form(&action).is_some(), "engineers are not held to the limit");
        let asked = [("idempotency_key", "k"), ("host", "127.0.0.1")];
        assert_eq!(engineer.post(&action, &asked).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let mut stranger = Browser::signed_in(&t.app, &t.stranger().await).await;
        assert_eq!(stranger.post(&action, &asked).await.status, StatusCode::NOT_FOUND);
        let cases = postern::app::cases::tests(&t.app, &t.contact, case).await.unwrap();
        assert_eq!(cases.len(), 6);
    }
}

on_both! {
    async fn what_a_server_says_comes_out_as_text(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (mut customer, mut engineer, case) = both_sides(&t).await;
        keep(&t, case, Some(reports::tcp())).await;
        let test = keep(&t, case, Some(reports::hostile())).await;
        for browser in [&mut customer, &mut engineer] {
            for form in ["", "/compare"] {
                let page = browser.open(&format!("/cases/{case}/tests/{test}{form}")).await;
                assert_eq!(page.status, StatusCode::OK);
                assert!(!page.body.contains("<script") && !page.body.contains("<img"), "{form}: {}", page.body);
                assert!(page.shows("<script>alert(1)</script>"), "the text itself is there: {}", page.body);
            }
        }
    }
}

on_both! {
    async fn every_cause_leads_from_a_result_to_its_help(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (mut customer, _, case) = both_sides(&t).await;
        for cause in Cause::ALL {
            let mut report = reports::tcp();
            reports::with(&mut report, json!({"cause": cause.id(), "stage": "tcp"}));
            reports::change(&mut report, "tcp", json!({"cause": cause.id()}));
            let test = keep(&t, case, Some(report)).await;
            let page = customer.open(&format!("/cases/{case}/tests/{test}")).await;
            assert!(page.body.contains(&format!("href=\"/help/problems/{}\"", cause.id())), "{cause}: {}", page.body);
            let sentence = read(&page);
            assert!(sentence.contains(cause.entry().title) && !sentence.contains('{'), "{cause}: {sentence}");
        }
    }
}

/// Writes what both sides see of every report to `target/pages`, where `tests/browser/axe.mjs` measures it.
async fn print(db: crate::support::db::TestDb) {
    let t = TestApp::new(&db).await;
    let (mut customer, mut engineer, case) = both_sides(&t).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages");
    fs::create_dir_all(&folder).unwrap();
    for (name, report) in reports::all() {
        let test = keep(&t, case, Some(report)).await;
        for (who, browser) in [("customer", &mut customer), ("engineer", &mut engineer)] {
            let page = browser.open(&format!("/cases/{case}/tests/{test}")).await;
            assert_eq!(page.status, StatusCode::OK);
            fs::write(folder.join(format!("result-{name}-{who}.html")), with_plain_style(&page.body)).unwrap();
        }
    }
    let compared = engineer.open(&format!("/cases/{case}/tests/2/compare")).await;
    fs::write(folder.join("result-compared-engineer.html"), with_plain_style(&compared.body)).unwrap();
}

/// The page with the style sheet under its plain name, as the browser's harness serves it.
fn with_plain_style(body: &str) -> String {
    let (before, rest) = body.split_once("/assets/postern.").unwrap();
    let (_, after) = rest.split_once(".css").unwrap();
    let (head, icon) = after.split_once("/assets/favicon.").unwrap();
    let (_, after) = icon.split_once(".svg").unwrap();
    format!("{before}/assets/postern.css{head}/assets/favicon.svg{after}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_both_sides_see_is_printed_for_the_browser() {
    crate::support::db::run(crate::support::db::Kind::Sqlite, print).await;
}
