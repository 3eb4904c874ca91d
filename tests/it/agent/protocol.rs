//! What an agent may see and say.

use std::collections::BTreeSet;
use std::future::Future as _;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::http::Method;
use chrono::TimeDelta;
use postern::app::{Error, agents};
use postern::clock::{Clock, fresh_id};
use postern::domain::cause::Cause;
use postern::probe::job::Job;
use postern::probe::{Prober, Script, could_not_run};
use postern::smtp::stage::Stage;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::Speaker;
use crate::support::app::{TestApp, tunnel};
use crate::support::client::{Answer, Client};
use crate::support::db::on_both;
use crate::support::http::Browser;

/// What an honest agent reports on a job that passes.
async fn passed(job: &Job) -> Value {
    let script = Script::new(Clock::System, [None]);
    let request = job.request.clone().request().unwrap();
    serde_json::to_value(Prober::Scripted(script).run(request).await).unwrap()
}

/// What it reports on one that it could not run.
fn failed(job: &Job, cause: Cause) -> Value {
    let request = job.request.clone().request().unwrap();
    serde_json::to_value(could_not_run(&Clock::System, &request, Stage::Route, cause, "as the test says")).unwrap()
}

on_both! {
    async fn a_job_is_what_the_records_say_and_its_report_moves_the_case(db: TestDb) {
        let t = TestApp::new(&db).await;
        let agent = Speaker::registered(&t.app, "gw-1", "alder-1").await;
        assert!(agent.next().await.is_none());
        let number = t.tested("10.20.4.15").await;
        t.drain().await;
        assert_eq!(t.case(number).await.flow.state, "tunnel_test", "the service leaves it to the agent");
        assert!(t.script.asked().is_empty());
        let job = agent.next().await.unwrap();
        assert!(agent.next().await.is_none(), "it is held");
        let request = job.request.clone().request().unwrap();
        assert_eq!((request.host.to_string().as_str(), request.port), ("10.20.4.15", 587));
        assert_eq!(request.source, Some("10.99.0.8".parse().unwrap()));
        let own = ["10.99.0.0/24", "10.99.0.8/32", "198.51.100.1/32"].map(|network| network.parse().unwrap());
        assert_eq!(request.own, own, "our networks, the alerting IP, our gateway");
        assert!(request.credentials.is_none() && request.send.is_none());
        let report = passed(&job).await;
        assert_eq!(agent.report(&job.id, &report).await.status, 204);
        assert_eq!(t.case(number).await.flow.state, "settings");
        let revision = t.case(number).await.revision;
        let other = failed(&job, Cause::TcpTimeout);
        for again in [&report, &other, &json!("nonsense")] {
            let answer = agent.report(&job.id, again).await;
            assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""), "the same id is answered alike");
        }
        assert_eq!(t.case(number).await.revision, revision, "and nothing happens twice");
        t.whole_log(number).await;
        agent.events(&job.id, &json!([])).await.problem(409, "job_lost");
        agent.release(&job.id).await.problem(409, "job_lost");
    }
}

on_both! {
    async fn what_a_running_test_has_seen_is_there_to_read_and_prolongs_the_lease(db: TestDb) {
        let t = TestApp::new(&db).await;
        let agent = Speaker::registered(&t.app, "gw-1", "alder-1").await;
        let number = t.tested("10.20.4.15").await;
        let job = agent.next().await.unwrap();
        let stage = |name: &str, detail: &str| json!({
            "stage": name, "status": "pass", "start_ms": 1, "ms": 2, "cause": null, "code": null, "enhanced": null,
            "server_lines": [detail], "detail": detail, "remedy": null,
        });
        let stages = json!([stage("route", "from here"), stage("tcp", "CANARY")]);
        for _ in 0..5 {
            t.clock.advance(TimeDelta::seconds(50));
            assert_eq!(agent.events(&job.id, &stages).await.status, 204);
            t.drain().await;
        }
        let path = format!("/api/v1/cases/{number}/tests/1");
        let ours = Client::of(&t.app, &t.engineer).await.get(&path).await;
        assert_eq!(ours.expect(200)["status"], "running");
        assert_eq!(ours.json()["progress"][1]["stage"], "tcp");
        assert!(ours.text.contains("CANARY"));
        let theirs = Client::of(&t.app, &t.contact).await.get(&path).await;
        assert_eq!(theirs.expect(200)["progress"][1]["status"], "pass");
        assert!(!theirs.text.contains("CANARY"), "{}", theirs.text);
        for person in [&t.engineer, &t.contact] {
            let page = Browser::signed_in(&t.app, person).await.get(&format!("/cases/{number}/tests/1")).await;
            assert!(page.shows("2 so far") && page.shows("TCP connection"), "{}", page.body);
            assert!(!page.shows("CANARY"), "lines of the server come with the report: {}", page.body);
        }
        for (bad, code) in [(json!([{"stage": "tcp"}]), "bad_events"), (json!([stage("tcp", ""), stage("tcp", "")]), "bad_events")] {
            agent.events(&job.id, &bad).await.problem(400, code);
        }
        assert_eq!(agent.report(&job.id, &passed(&job).await).await.status, 204);
        let done = Client::of(&t.app, &t.engineer).await.get(&path).await.expect(200);
        assert_eq!((&done["status"], &done["progress"]), (&json!("done"), &json!(null)));
    }
}

on_both! {
    async fn a_report_about_something_else_changes_nothing(db: TestDb) {
        let t = TestApp::new(&db).await;
        let agent = Speaker::registered(&t.app, "gw-1", "alder-1").await;
        let number = t.tested("10.20.4.15").await;
        let job = agent.next().await.unwrap();
        let good = passed(&job).await;
        let with = |member: &str, value: Value| { let mut report = good.clone(); report[member] = value; report };
        for report in [
            with("target", json!({"host": "10.20.4.99", "port": 587, "encryption": "starttls"})),
            with("level", json!("full")),
            with("verdict", json!("not_reachable")),
            with("more", json!(1)),
            with("source", json!("nowhere")),
            json!([]),
        ] {
            agent.report(&job.id, &report).await.problem(400, "bad_report");
        }
        let large = format!("{{\"level\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
        agent.post(&format!("{}/report", job.id), large).await.problem(413, "too_large");
        assert_eq!(t.case(number).await.flow.state, "tunnel_test");
        assert_eq!(agent.report(&job.id, &good).await.status, 204, "the job is still the agent's");
    }
}

on_both! {
    async fn a_token_sees_the_jobs_of_its_own_tunnels_and_nothing_of_others(db: TestDb) {
        let t = TestApp::new(&db).await;
        postern::app::admin::put_tunnel(&t.app, tunnel(&t.customer, "alder-2", "10.21.0.0/16")).await.unwrap();
        let (ours, theirs) = (
            Speaker::registered(&t.app, "gw-1", "alder-1").await,
            Speaker::registered(&t.app, "gw-2", "alder-2").await,
        );
        t.tested("10.20.4.15").await;
        assert!(theirs.next().await.is_none());
        let job = ours.next().await.unwrap();
        let report = passed(&job).await;
        let absent = format!("test-{}", fresh_id());
        let texts = |answer: Answer| {
            let problem = answer.problem(404, "not_found");
            (problem["title"].clone(), problem["detail"].clone())
        };
        let nothing = texts(theirs.report(&absent, &report).await);
        for id in [job.id.as_str(), "alert-x", "nonsense", "test-1"] {
            assert_eq!(texts(theirs.report(id, &report).await), nothing, "{id}");
            assert_eq!(texts(theirs.events(id, &json!([])).await), nothing, "{id}");
            assert_eq!(texts(theirs.release(id).await), nothing, "{id}");
        }
        assert_eq!(ours.report(&job.id, &report).await.status, 204);
    }
}

on_both! {
    async fn tokens_open_their_own_area_only_and_a_revoked_one_none(db: TestDb) {
        let t = TestApp::new(&db).await;
        let token = agents::register(&t.app, "gw-1", &["alder-1".into()]).await.unwrap();
        let agent = Speaker(Client::with_token(&t.app, &token));
        assert!(agent.next().await.is_none());
        agent.0.get("/api/v1/cases").await.problem(401, "signed_out");
        let person = Speaker(Client::of(&t.app, &t.admin).await);
        person.post("next", String::new()).await.problem(401, "signed_out");
        Speaker(Client::stranger(&t.app)).post("next", String::new()).await.problem(401, "signed_out");
        agent.0.get("/agent/v1/jobs/next").await.problem(405, "method_not_allowed");
        agent.0.send(Method::POST, "/agent/v1/other", &[("postern-agent-protocol", "1")], String::new()).await.problem(404, "not_found");
        for version in [&[][..], &[("postern-agent-protocol", "2")][..]] {
            agent.0.send(Method::POST, "/agent/v1/jobs/next", version, String::new()).await.problem(400, "agent_protocol");
        }
        for query in ["wait=x", "wait=56", "wait=-1", "more=1"] {
            agent.post(&format!("next?{query}"), String::new()).await.problem(400, "bad_parameter");
        }
        assert!(db.tables_with(&token).await.is_empty(), "the database tells nobody the token");
        agents::revoke(&t.app, "gw-1").await.unwrap();
        agent.post("next", String::new()).await.problem(401, "signed_out");
        assert!(matches!(agents::revoke(&t.app, "gw-1").await, Err(Error::NotFound)));
        t.script.push(None);
        let number = t.tested("10.20.4.15").await;
        t.drain().await;
        assert_eq!(t.case(number).await.flow.state, "settings", "without an agent the service tests itself");
    }
}

on_both! {
    async fn two_agents_of_a_tunnel_never_get_one_job_twice_nor_two_of_one_customer_at_once(db: TestDb) {
        // What one customer may start within an hour.
        const JOBS: usize = 6;
        let t = TestApp::new(&db).await;
        let node = t.second_node(&db).await;
        let agents = [
            Speaker::registered(&t.app, "gw-1", "alder-1").await,
            Speaker::registered(&node, "gw-2", "alder-1").await,
        ];
        for index in 0..JOBS {
            t.tested(&format!("10.20.4.{}", index + 20)).await;
        }
        let mut tasks = tokio::task::JoinSet::new();
        for fetcher in 0..8 {
            let agent = agents[fetcher % 2].clone();
            tasks.spawn(async move {
                let mut ids = Vec::new();
                // Who gets nothing asks again: the job that holds up the others may be in other hands.
                for _ in 0..400 {
                    let Some(job) = agent.next().await else { continue };
                    assert_eq!(agent.report(&job.id, &passed(&job).await).await.status, 204);
                    ids.push(job.id);
                }
                ids
            });
        }
        let ids: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(ids.len(), JOBS);
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), JOBS, "{ids:?}");
        node.db.close().await;
    }
}

on_both! {
    async fn who_waits_is_woken_by_work_sent_away_at_the_end_and_counted(db: TestDb) {
        let t = TestApp::new(&db).await;
        let agent = Speaker::registered(&t.app, "gw-1", "alder-1").await;
        let waiting = |seconds: u32| {
            let agent = agent.clone();
            tokio::spawn(async move { agent.post(&format!("next?wait={seconds}"), String::new()).await })
        };
        let began = Instant::now();
        assert_eq!(waiting(1).await.unwrap().status, 204);
        assert!(began.elapsed() >= Duration::from_millis(900));
        let first = waiting(50);
        t.tested("10.20.4.15").await;
        assert_eq!(first.await.unwrap().status, 200);
        assert!(began.elapsed() < Duration::from_secs(30), "a wait ends with the work");
        let mut rest: Vec<_> = (0..6).map(|_| waiting(50)).collect();
        for _ in 0..2 {
            first_of(&mut rest).await.problem(429, "throttled");
        }
        t.app.closing.send_replace(true);
        for left in rest {
            assert_eq!(left.await.unwrap().status, 204, "whoever waits is sent away");
        }
    }
}

/// The first of several requests that is answered; the others go on.
async fn first_of(tasks: &mut Vec<JoinHandle<Answer>>) -> Answer {
    let (index, answer) = std::future::poll_fn(|context| {
        let polled = tasks.iter_mut().enumerate().find_map(|(index, task)| match Pin::new(task).poll(context) {
            Poll::Ready(answer) => Some((index, answer.unwrap())),
            Poll::Pending => None,
        });
        polled.map_or(Poll::Pending, Poll::Ready)
    })
    .await;
    drop(tasks.remove(index));
    answer
}

on_both! {
    async fn a_job_that_is_given_back_is_as_if_never_fetched(db: TestDb) {
        let t = TestApp::new(&db).await;
        let agent = Speaker::registered(&t.app, "gw-1", "alder-1").await;
        let number = t.tested("10.20.4.15").await;
        for _ in 0..4 {
            let job = agent.next().await.unwrap();
            assert_eq!(agent.release(&job.id).await.status, 204);
            agent.report(&job.id, &passed(&job).await).await.problem(409, "job_lost");
        }
        let job = agent.next().await.unwrap();
        assert_eq!(agent.report(&job.id, &passed(&job).await).await.status, 204);
        assert_eq!(t.case(number).await.flow.state, "settings");
    }
}
