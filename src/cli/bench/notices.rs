//! A change of an alerting IP over many customers: how fast their cases are opened, and how fast the mail goes out to a mail
//! server that takes it over SMTP.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use tokio::task::JoinSet;

use super::customers;
use super::figures::per_second;
use crate::app::campaign::{self, Draft};
use crate::app::{App, admin};
use crate::cli::out::{Code, Stop, say};
use crate::cli::place;
use crate::cli::sink::Sink;
use crate::config::{Config, Flags};
use crate::mail::{Mailer, SmtpServer, Tls};
use crate::worker::{self, Step};

/// As many workers as the service runs for its outbox.
const WORKERS: usize = 4;

/// What is loaded.
#[derive(Debug, Args)]
pub(in crate::cli) struct NoticesArgs {
    /// An empty database to fill with made-up customers; without it a temporary SQLite file
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Customers, each with a tunnel, a contact and a server in use
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    customers: u32,
}

/// Measures: one JSON object.
pub(super) async fn measure(args: &NoticesArgs) -> Result<String, Stop> {
    let folder = tempfile::tempdir().map_err(|error| Stop::failed(format!("a temporary folder: {error}")))?;
    let sink = Sink::start(&["127.0.0.1"]).await.map_err(Stop::failed)?;
    let app = open(args, folder.path(), &sink).await?;
    let outcome = announced(&app, args, &sink).await;
    app.db.close().await;
    sink.stop();
    outcome
}

async fn open(args: &NoticesArgs, folder: &Path, sink: &Sink) -> Result<Arc<App>, Stop> {
    let url = args.database.clone().unwrap_or_else(|| format!("sqlite:{}", folder.join("bench.db").display()));
    let flags = Flags { data: Some(folder.to_owned()), database: Some(url), ..Flags::default() };
    let mut config = Config::load(flags, &|_| None).map_err(|error| Stop::Said(Code::Usage, error.to_string()))?;
    config.policy.allow_documentation = true;
    let server = SmtpServer {
        host: "127.0.0.1".to_owned(),
        port: sink.port,
        tls: Tls::StartTls,
        account: Some((sink.account.clone(), sink.password.clone())),
        ca_pem: Some(sink.ca_pem.clone()),
        hello_name: None,
        limit: None,
    };
    let app = place::open(&config, |vault| {
        Mailer::smtp(place::identity(&config, vault), server)
            .map_err(|error| crate::app::Error::Internal(error.to_string()))
    })
    .await?;
    if admin::customers(&app).await?.is_empty() && admin::people(&app).await?.is_empty() {
        return Ok(app);
    }
    app.db.close().await;
    let advice = "the bench fills it with made-up customers; name an empty database, or none";
    Err(Stop::Said(Code::Usage, format!("--database names one that is in use: {advice}")))
}

async fn announced(app: &Arc<App>, args: &NoticesArgs, sink: &Sink) -> Result<String, Stop> {
    say(&format!("loading {} customers into {}", args.customers, app.db.kind()));
    let from = (app.now() + chrono::TimeDelta::days(31)).to_rfc3339();
    let made = customers::make(app, args.customers, &from).await?;
    let draft = Draft { old: made.old.to_string(), new: made.new.to_string(), effective: from, ..Draft::default() };
    campaign::open(app, &made.lead, &draft).await?;
    let opening = Instant::now();
    while worker::campaigns::step(app).await? == Step::Worked {}
    let opening = opening.elapsed();
    let sending = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let app = Arc::clone(app);
        workers.spawn(async move {
            while worker::outbox::step(&app).await? == Step::Worked {}
            Ok::<_, crate::app::Error>(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.map_err(Stop::failed)??;
    }
    let sending = sending.elapsed();
    let mails = sink.count();
    let expected = usize::try_from(args.customers).map_err(Stop::failed)?;
    if mails != expected {
        return Err(Stop::failed(format!("{mails} mails arrived, not one for each of {expected} customers")));
    }
    let rate = |count: usize, took| per_second(count, took).round();
    Ok(json!({
        "bench": "notices",
        "database": app.db.kind(),
        "customers": args.customers,
        "mails": mails,
        "opening_s": opening.as_secs_f64(),
        "sending_s": sending.as_secs_f64(),
        "customers_per_s": rate(expected, opening),
        "mails_per_s": rate(mails, sending),
    })
    .to_string())
}
