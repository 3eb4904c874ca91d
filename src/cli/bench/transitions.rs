//! Acts in cases: the engineer asks, the customer answers, over and over. Each act decides, saves the case, adds to its
//! hash-chained log, sets its clocks, leaves mail in the outbox and keeps its answer, in one durable transaction.
//!
//! Bare is what no implementation can do without: the case's row, one line of its log and one row of the outbox, in one
//! transaction, committed one at a time. Workers do not run, so that nothing else writes.

use std::sync::Arc;
use std::time::Instant;

use sqlx::types::Json;
use tokio::task::JoinSet;

use super::figures::{Figures, Samples, per_second};
use super::load::Cast;
use super::visitor::Visitor;
use super::{BenchArgs, load};
use crate::app::{App, Error};
use crate::cli::out::{Stop, say};
use crate::clock::fresh_id;
use crate::domain::case::Case;
use crate::domain::log::Entry;
use crate::store::outbox::{self, Effect, Kind};
use crate::store::{Tx, cases, log};

/// Measures.
pub(super) async fn measure(app: &Arc<App>, args: &BenchArgs) -> Result<Figures, Stop> {
    let count = args.cases.unwrap_or(200).max(args.clients);
    say(&format!("loading {count} cases into {}", app.db.kind()));
    let cast = load::cast(app).await?;
    let mut rows: Vec<Vec<Case>> = (0..args.clients).map(|_| Vec::new()).collect();
    for (index, client) in (0..count).zip((0..rows.len()).cycle()) {
        let case = load::request(app, &cast.contact, index).await?;
        if let Some(cases) = rows.get_mut(client) {
            cases.push(case);
        }
    }
    let model = load::request(app, &cast.contact, count).await?;
    let bare = bare(app, args, model).await?;
    let begun = Instant::now();
    let end = begun + args.span();
    let mut clients = JoinSet::new();
    for cases in rows {
        let (desk, customer) = (cast.desk.clone(), cast.customer.clone());
        clients.spawn(async move { talk(&desk, &customer, cases, end).await });
    }
    let mut samples = Samples::default();
    while let Some(client) = clients.join_next().await {
        samples.absorb(client.map_err(Stop::failed)??);
    }
    let span = begun.elapsed();
    check(app, &cast, samples.count(), count).await?;
    Ok(Figures::of(("transitions", "transitions/s"), samples, span, bare))
}

/// One client goes round its cases: in each the engineer asks and the customer answers.
async fn talk(desk: &Visitor, customer: &Visitor, cases: Vec<Case>, end: Instant) -> Result<Samples, Stop> {
    let mut samples = Samples::default();
    let mut places: Vec<(String, String)> = cases
        .iter()
        .map(|case| (format!("/api/v1/cases/{}/events", case.number), crate::app::cases::etag(case)))
        .collect();
    while Instant::now() < end {
        for (path, tag) in &mut places {
            let question = r#"{"question": "Which port does the server listen on?"}"#.to_owned();
            let key = fresh_id().to_string();
            let asked =
                desk.post(&format!("{path}/ask_customer"), (&key, tag), question, &mut samples).await?.good()?;
            let answer = r#"{"answer": "587, as in the request."}"#.to_owned();
            let key = fresh_id().to_string();
            let told = customer.post(&format!("{path}/answer"), (&key, &asked.tag), answer, &mut samples).await?;
            *tag = told.good()?.tag;
            if Instant::now() >= end {
                break;
            }
        }
    }
    Ok(samples)
}

/// Nothing is measured that was not done: the revisions of all cases have grown by exactly the acts that were answered.
async fn check(app: &Arc<App>, cast: &Cast, acts: usize, cases: u32) -> Result<(), Stop> {
    let (mut found, mut before) = (0, i64::MAX);
    loop {
        let page = crate::app::cases::mine(app, &cast.contact, before, 200).await?;
        let Some(last) = page.last() else { break };
        before = last.number;
        // The model of the bare work is the newest; its revisions are not of acts.
        found +=
            page.iter().filter(|case| case.number <= 1000 + i64::from(cases)).map(|case| case.flow.seq).sum::<u64>();
    }
    // Each case was made by three events.
    let expected = u64::try_from(acts).unwrap_or(u64::MAX).saturating_add(3 * u64::from(cases));
    if found == expected {
        return Ok(());
    }
    Err(Stop::failed(format!("{acts} acts were answered, and the cases have seen {found} events, not {expected}")))
}

/// The bare transaction, one after the other.
async fn bare(app: &Arc<App>, args: &BenchArgs, mut case: Case) -> Result<f64, Stop> {
    let body = {
        let mut tx = app.db.read().await?;
        let entries = log::entries(&mut tx, case.customer, case.id).await?;
        entries.into_iter().next_back().map(|entry| entry.body).unwrap_or_default()
    };
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < args.span() {
        let (shared, model, body) = (Arc::clone(app), case.clone(), body.clone());
        case = app
            .db
            .write(move |tx| {
                let (app, model, body) = (Arc::clone(&shared), model.clone(), body.clone());
                Box::pin(async move { step(&app, tx, model, &body).await })
            })
            .await?;
        count += 1;
    }
    Ok(per_second(count, begun.elapsed()))
}

async fn step(app: &App, tx: &mut Tx, mut case: Case, body: &str) -> Result<Case, Error> {
    let at = app.now();
    let loaded = case.revision;
    case.revision += 1;
    cases::replace(tx, loaded, &case).await?;
    let entry = Entry { case: case.id, seq: case.revision, at_us: at.timestamp_micros(), body };
    log::append(tx, case.customer, &entry).await?;
    let effect = Effect {
        effect_key: format!("{}.{:08}.000", case.id, case.revision),
        customer_id: case.customer,
        case_id: case.id,
        case_entered: 0,
        kind: Kind::Mail,
        payload: Json(serde_json::json!({"body": body})),
        attempts: 0,
    };
    outbox::add(tx, &effect, &format!("mail:{}", case.id), at).await?;
    Ok(case)
}
