//! Carries a change to every server, a batch in each transaction: opens cases, tells moved dates, lets tunnels go over whose
//! servers are proven, and ends it. Each step finds by itself what is left, so that an interruption loses nothing and
//! nobody is told twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

use super::{addresses_of, server_of};
use crate::app::{App, Error, alerting_ips, family, mails, turn};
use crate::clock::fresh_id;
use crate::domain::actor::Actor;
use crate::domain::alerting_ip::AlertingIp;
use crate::domain::alerting_ip::campaign::{CampaignState, WORKFLOW};
use crate::domain::alerting_ip::feed::instant;
use crate::domain::case::Case;
use crate::domain::id::{CaseId, PersonId};
use crate::domain::workflow::{Data, Value, engine};
use crate::store::alerting_campaigns::{self as rows, Campaign};
use crate::store::alerting_servers::{self as servers, Behind, Candidate, Member};
use crate::store::{Tx, cases, tunnels};

/// How many servers or tunnels one transaction takes.
const BATCH: i64 = 50;
/// How long the sweep rests when nothing is left to do for the moment.
const REST: TimeDelta = TimeDelta::seconds(15);
/// How long a change waits that could not go on.
const PUT_OFF: TimeDelta = TimeDelta::hours(1);
/// The mail that announces a change. It goes with the birth of the case and not with a state, which can be come back to.
const ANNOUNCED: &str = "alerting-ip-announced";

/// One batch of the change that has been due longest; says whether there was something to do. Planned addresses whose day
/// has come start before it. A change that cannot go on is put off, so that it does not hold up those behind it.
///
/// # Errors
/// What the database says.
pub async fn step(app: &Arc<App>) -> Result<bool, Error> {
    if alerting_ips::start_due(app).await? {
        return Ok(true);
    }
    let (shared, taken) = (Arc::clone(app), Arc::new(AtomicI64::new(0)));
    let note = Arc::clone(&taken);
    let outcome = app
        .db
        .write(move |tx| {
            let (app, note) = (Arc::clone(&shared), Arc::clone(&note));
            Box::pin(async move {
                let now = app.now();
                let Some(campaign) = rows::due(tx, now).await? else { return Ok(false) };
                note.store(campaign.number, Ordering::Relaxed);
                let both = addresses_of(tx, (campaign.old_ip, campaign.new_ip)).await?;
                let mut campaign = campaign;
                let worked = match campaign.state {
                    CampaignState::Open => batch(&app, tx, &mut campaign, (&both.0, &both.1), now).await?,
                    CampaignState::Finished | CampaignState::Withdrawn => end(&app, tx, &mut campaign, now).await?,
                };
                campaign.next_at = match (worked, campaign.state) {
                    (true, _) => Some(now),
                    (false, CampaignState::Open) => Some(next(&campaign, now)),
                    (false, CampaignState::Finished | CampaignState::Withdrawn) => None,
                };
                if !worked {
                    campaign.cursor = 0;
                }
                rows::replace(tx, &campaign).await?;
                // There may be another one due, so whoever asks looks again.
                Ok::<_, Error>(true)
            })
        })
        .await;
    match (outcome, taken.load(Ordering::Relaxed)) {
        // The database is away, or somebody was faster: that passes, and is no matter of this change.
        (Err(Error::Store(error)), _) if error.is_unavailable() => Err(error.into()),
        (Err(error), number) if number > 0 => {
            tracing::error!(change = number, %error, "a change of an alerting IP cannot go on and is put off");
            put_off(app, number).await?;
            Ok(true)
        }
        (outcome, _) => outcome,
    }
}

async fn put_off(app: &Arc<App>, number: i64) -> Result<(), Error> {
    let next_at = Some(app.now() + PUT_OFF);
    app.db
        .write(move |tx| {
            Box::pin(async move {
                if let Some(campaign) = rows::hold(tx, number).await? {
                    rows::replace(tx, &Campaign { next_at, ..campaign }).await?;
                }
                Ok::<(), Error>(())
            })
        })
        .await
}

/// When to look again: after a rest, and on the days on which something begins or ends.
fn next(campaign: &Campaign, now: DateTime<Utc>) -> DateTime<Utc> {
    let days = [campaign.effective_at, campaign.until_at].into_iter().filter(|day| *day > now);
    days.chain([now + REST]).min().unwrap_or(now + REST)
}

/// One batch of an open change; false when nothing is left for the moment.
async fn batch(
    app: &App,
    tx: &mut Tx,
    campaign: &mut Campaign,
    (old, new): (&AlertingIp, &AlertingIp),
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let found = servers::candidates(tx, campaign, old.network.addr(), BATCH).await?;
    for candidate in &found {
        open_one(app, tx, campaign, (old, new), candidate, now).await?;
        campaign.cursor = candidate.number;
    }
    if !found.is_empty() {
        return Ok(true);
    }
    let to_tell = servers::to_tell(tx, campaign, BATCH).await?;
    let event = if campaign.effective_at <= now { "last_day_moved" } else { "dates_changed" };
    for member in &to_tell {
        let dates = [("effective_at", campaign.effective_at), ("until_at", campaign.until_at)];
        let data = dates.map(|(field, at)| (field.to_owned(), Value::from(instant(at).as_str())));
        tell(app, tx, member, (event, Data::from(data)), now).await?;
        servers::set_told(tx, campaign, member.parent).await?;
    }
    if !to_tell.is_empty() {
        return Ok(true);
    }
    if !super::has_begun(campaign, new, now) {
        return Ok(false);
    }
    let ready = servers::ready_tunnels(tx, campaign.number, old.network.addr(), BATCH).await?;
    for behind in &ready {
        go_over(app, tx, campaign, (old, new), behind, (None, now)).await?;
    }
    if !ready.is_empty() {
        return Ok(true);
    }
    let left = servers::left_tunnels(tx, old.network.addr(), BATCH).await?;
    if let (Some(reason), Some(by), false) = (&campaign.override_reason, campaign.override_by, left.is_empty()) {
        for behind in &left {
            go_over(app, tx, campaign, (old, new), behind, (Some((reason, by)), now)).await?;
        }
        return Ok(true);
    }
    if left.is_empty() && campaign.until_at <= now {
        alerting_ips::out_of_use(app, tx, old.clone(), None, now).await?;
        (campaign.state, campaign.ended_at, campaign.cursor) = (CampaignState::Finished, Some(now), 0);
        return Ok(true);
    }
    Ok(false)
}

/// The case of one server, and the mail that announces the change to its readers.
async fn open_one(
    app: &App,
    tx: &mut Tx,
    campaign: &Campaign,
    (old, new): (&AlertingIp, &AlertingIp),
    candidate: &Candidate,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let Some(parent) = cases::hold_by_id(tx, candidate.customer_id, candidate.id).await? else { return Ok(()) };
    let Some(tunnel) = parent.tunnel else { return Ok(()) };
    let definition = app.workflows.newest_of(WORKFLOW)?;
    let mut data = server_of(&parent);
    let texts = [
        ("old_ip", old.shown()),
        ("new_ip", new.shown()),
        ("effective_at", instant(campaign.effective_at)),
        ("until_at", instant(campaign.until_at)),
    ];
    data.extend(texts.map(|(field, text)| (field.to_owned(), Value::from(text.as_str()))));
    if let Some(why) = &campaign.emergency_reason {
        data.insert("why".to_owned(), Value::from(why.as_str()));
    }
    let flow = engine::birth_of_child(definition, data, std::collections::BTreeSet::new()).map_err(Error::from)?;
    let newborn = family::newborn(tx, &parent, definition, (CaseId::new(fresh_id()), flow), now).await?;
    let mut child = Case { queued: false, ..newborn };
    turn::birth(app, tx, &mut child, None, (&Actor::Machine, now)).await?;
    let member = Member { parent: candidate.number, customer_id: child.customer, case_id: child.id };
    servers::add_server(tx, campaign, &member, tunnel).await?;
    mails::nudge(app, tx, &child, &format!("{}.announced", child.id), (ANNOUNCED, "customer"), now).await
}

/// An event of the change in the case of one server. A case that has moved on does not hear it, and need not.
async fn tell(
    app: &App,
    tx: &mut Tx,
    member: &Member,
    (event, data): (&str, Data),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let Some(mut case) = cases::hold_by_id(tx, member.customer_id, member.case_id).await? else { return Ok(()) };
    if !case.is_open {
        return Ok(());
    }
    if !family::hears(app, tx, &mut case, (event, &data), None, now).await? {
        tracing::info!(case = case.number, event, "a case does not hear what happens to its alerting IP");
    }
    Ok(())
}

/// Lets a tunnel go over to the new address. Behind it everything is proven, or a lead goes on with a reason.
///
/// # Errors
/// What the database says.
pub(super) async fn go_over(
    app: &App,
    tx: &mut Tx,
    campaign: &Campaign,
    (old, new): (&AlertingIp, &AlertingIp),
    behind: &Behind,
    (overridden, now): (Option<(&str, PersonId)>, DateTime<Utc>),
) -> Result<(), Error> {
    let place = (behind.customer_id, behind.id);
    if let Some((reason, _)) = overridden {
        let mut after = 0;
        loop {
            let unproven = servers::unproven(tx, campaign.number, place, (after, BATCH)).await?;
            let Some(last) = unproven.last() else { break };
            after = last.parent;
            for member in &unproven {
                let data = Data::from([("reason".to_owned(), Value::from(reason))]);
                tell(app, tx, member, ("overridden", data), now).await?;
            }
        }
    }
    let Some(tunnel) = tunnels::hold(tx, behind.customer_id, behind.id).await? else { return Ok(()) };
    let addresses = (old.network.addr(), new.network.addr());
    let tunnel = alerting_ips::exchange(app, tx, &tunnel, addresses, now).await?;
    servers::add_tunnel(tx, campaign.number, behind, overridden, now).await?;
    let list = tunnel.alerting_ips().into_iter().map(|address| address.to_string()).collect();
    for id in cases::open_behind(tx, place, WORKFLOW).await? {
        let data = Data::from([("alerting_ips".to_owned(), Value::List(Vec::clone(&list)))]);
        let member = Member { parent: 0, customer_id: behind.customer_id, case_id: id };
        tell(app, tx, &member, ("tunnel_updated", data), now).await?;
    }
    Ok(())
}

/// One batch of the end: every case hears that it is over.
async fn end(app: &App, tx: &mut Tx, campaign: &mut Campaign, now: DateTime<Utc>) -> Result<bool, Error> {
    let open = servers::still_open(tx, campaign, BATCH).await?;
    for member in &open {
        let reason = campaign.override_reason.clone().unwrap_or_default();
        let (event, data) = match campaign.state {
            CampaignState::Withdrawn => {
                ("called_off", Data::from([("reason".to_owned(), Value::from(reason.as_str()))]))
            }
            CampaignState::Open | CampaignState::Finished => ("former_retired", Data::new()),
        };
        tell(app, tx, member, (event, data), now).await?;
        campaign.cursor = member.parent;
    }
    Ok(!open.is_empty())
}
