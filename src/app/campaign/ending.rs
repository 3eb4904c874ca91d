//! How a change ends before everything is proven: it is called off, or a lead goes on without the proofs that are missing.

use std::sync::Arc;

use super::{addresses_of, has_begun, held, require_known, required, sweep};
use crate::app::alerting_ips::{self, change, refused};
use crate::app::{App, Error};
use crate::domain::actor::Person;
use crate::domain::alerting_ip::campaign::CampaignState;
use crate::domain::alerting_ip::{AlertingIp, IpAct, IpState};
use crate::domain::id::TunnelId;
use crate::domain::workflow::Refusal;
use crate::store::alerting_campaigns::{self as rows, Campaign};
use crate::store::alerting_servers as servers;

/// Calls a change off: the former address stays, the new one is taken back unless tunnels use it, and everybody is told.
///
/// # Errors
/// [`Error::Invalid`] without a reason; [`Error::Refused`] once tunnels have gone over; [`Error::Forbidden`];
/// [`Error::NotFound`].
pub async fn withdraw(app: &Arc<App>, lead: &Person, number: i64, why: &str) -> Result<Campaign, Error> {
    require_known(app, lead, number).await?;
    let why = required("reason", why, "Enter why the change is called off: everybody is told")?;
    let (by, now) = (lead.id, app.now());
    let shared = Arc::clone(app);
    let ended = app
        .db
        .write(move |tx| {
            let (app, why) = (Arc::clone(&shared), why.clone());
            Box::pin(async move {
                let campaign = held(tx, number).await?;
                let gone_over = servers::gone_over(tx, number).await?.count;
                if gone_over > 0 {
                    let text = format!("{gone_over} tunnels have gone over already. Announce a change back instead");
                    return Err(Error::Refused(Refusal::Guard(text)));
                }
                let (old, new) = addresses_of(tx, (campaign.old_ip, campaign.new_ip)).await?;
                let state = old.kept().map_err(|error| refused(&error))?;
                change(&app, tx, AlertingIp { state, until: None, ..old }, (IpAct::Kept, Some(&why)), (Some(by), now))
                    .await?;
                if new.state == IpState::Planned && alerting_ips::tunnels_in(tx, &new).await? == 0 {
                    alerting_ips::out_of_use(&app, tx, new, Some(by), now).await?;
                } else {
                    // Others depend on it: it stays what it is, and takes nobody's place.
                    let new = AlertingIp { replaces: None, ..new };
                    change(&app, tx, new, (IpAct::Corrected, Some(&why)), (Some(by), now)).await?;
                }
                let campaign = Campaign {
                    state: CampaignState::Withdrawn,
                    override_reason: Some(why),
                    override_by: Some(by),
                    ended_at: Some(now),
                    cursor: 0,
                    next_at: Some(now),
                    ..campaign
                };
                rows::replace(tx, &campaign).await?;
                Ok::<_, Error>(campaign)
            })
        })
        .await?;
    app.wake.notify_waiters();
    Ok(ended)
}

/// Goes on without the proofs that are missing: tunnel by tunnel the former address is given up, and the customers of
/// servers without a proof are told.
///
/// # Errors
/// [`Error::Invalid`] without a reason; [`Error::Refused`] before the first day of the new address; [`Error::Forbidden`];
/// [`Error::NotFound`].
pub async fn go_on(app: &Arc<App>, lead: &Person, number: i64, why: &str) -> Result<Campaign, Error> {
    require_known(app, lead, number).await?;
    let why = required("reason", why, "Enter why you go on without the proof: it stays on record, with your name")?;
    let (by, now) = (lead.id, app.now());
    let decided = app
        .db
        .write(move |tx| {
            let why = why.clone();
            Box::pin(async move {
                let campaign = held(tx, number).await?;
                let (_, new) = addresses_of(tx, (campaign.old_ip, campaign.new_ip)).await?;
                if !has_begun(&campaign, &new, now) {
                    let text = format!("{} is not in use yet. Wait for its first day, or move the dates", new.shown());
                    return Err(Error::Refused(Refusal::Guard(text)));
                }
                let campaign = Campaign {
                    override_reason: Some(why),
                    override_by: Some(by),
                    cursor: 0,
                    next_at: Some(now),
                    ..campaign
                };
                rows::replace(tx, &campaign).await?;
                Ok::<_, Error>(campaign)
            })
        })
        .await?;
    app.wake.notify_waiters();
    Ok(decided)
}

/// Goes on without the proofs that are missing behind one tunnel.
///
/// # Errors
/// As [`go_on`]; [`Error::Invalid`] also for a tunnel that does not use the former address.
pub async fn go_on_with_tunnel(
    app: &Arc<App>,
    lead: &Person,
    (number, tunnel): (i64, TunnelId),
    why: &str,
) -> Result<(), Error> {
    require_known(app, lead, number).await?;
    let why = required("reason", why, "Enter why you go on without the proof: it stays on record, with your name")?;
    let (by, now) = (lead.id, app.now());
    let shared = Arc::clone(app);
    app.db
        .write(move |tx| {
            let (app, why) = (Arc::clone(&shared), why.clone());
            Box::pin(async move {
                let campaign = held(tx, number).await?;
                let (old, new) = addresses_of(tx, (campaign.old_ip, campaign.new_ip)).await?;
                if !has_begun(&campaign, &new, now) {
                    let text = format!("{} is not in use yet. Wait for its first day, or move the dates", new.shown());
                    return Err(Error::Refused(Refusal::Guard(text)));
                }
                let left = servers::left_tunnel(tx, old.network.addr(), tunnel).await?;
                let behind = left.ok_or_else(|| {
                    Error::field("tunnel", "unknown", format!("Choose a tunnel that still uses {}", old.shown()))
                })?;
                sweep::go_over(&app, tx, &campaign, (&old, &new), &behind, (Some((&why, by)), now)).await
            })
        })
        .await?;
    app.wake.notify_waiters();
    Ok(())
}
