//! The queue's first page, as engineers open it; bare: the query of its list.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::figures::{Figures, Samples, per_second};
use super::{BenchArgs, load};
use crate::app::{App, queue};
use crate::cli::out::{Stop, say};
use crate::store::queue::{self as lists, View};

/// The page that is measured.
const PAGE: &str = "/queue?view=unclaimed";

/// Measures.
pub(super) async fn measure(app: &Arc<App>, args: &BenchArgs) -> Result<Figures, Stop> {
    let cases = args.cases.unwrap_or(10_000);
    say(&format!("loading {cases} cases into {}", app.db.kind()));
    let cast = load::cast(app).await?;
    let model = load::request(app, &cast.contact, 0).await?;
    load::copies(app, &model, cases - 1).await?;
    let bare = bare(app, args, &cast).await?;
    let begun = Instant::now();
    let end = begun + args.span();
    let mut clients = JoinSet::new();
    for _ in 0..args.clients {
        let desk = cast.desk.clone();
        clients.spawn(async move {
            let mut samples = Samples::default();
            while Instant::now() < end {
                desk.get(PAGE, &mut samples).await?.good()?;
            }
            Ok::<_, Stop>(samples)
        });
    }
    let mut samples = Samples::default();
    while let Some(client) = clients.join_next().await {
        samples.absorb(client.map_err(Stop::failed)??);
    }
    Ok(Figures::of(("queue", "pages/s"), samples, begun.elapsed(), bare))
}

/// The list's query alone, one after the other.
async fn bare(app: &Arc<App>, args: &BenchArgs, cast: &load::Cast) -> Result<f64, Stop> {
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < args.span() {
        let mut tx = app.db.read().await?;
        lists::list(&mut tx, View::Unclaimed, cast.engineer.id, queue::top(), queue::PAGE + 1).await?;
        count += 1;
    }
    Ok(per_second(count, begun.elapsed()))
}
