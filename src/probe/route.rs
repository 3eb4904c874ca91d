//! The stage `route`: everything about the way that is known before the first packet. The alerting IP is on this
//! machine, the record's networks hold source and target, the tunnel is up and carries them, and the kernel knows a way.

use std::net::SocketAddr;

use socket2::{Protocol, Socket};

use super::connect;
use super::kernel::{self, NoWay};
use super::run::{Attempt, Shared};
use super::watch::State;
use crate::domain::address::Class;
use crate::domain::cause::Cause;
use crate::smtp::report::PathReport;
use crate::smtp::stage::Stage;

/// A way that may be tried.
pub(super) struct Ready {
    /// Bound to the alerting IP, not connected.
    pub socket: Socket,
    /// The tunnel before the first packet.
    pub tunnel: Option<State>,
}

/// Runs the stage; where it fails, the record says why and nothing was sent.
pub(super) async fn check(shared: &Shared, attempt: &mut Attempt, to: (SocketAddr, Protocol)) -> Option<Ready> {
    let start = shared.start;
    attempt.record.begin(Stage::Route, start.elapsed());
    match ready(shared, attempt, to).await {
        Ok(ready) => {
            attempt.record.pass(Stage::Route, start.elapsed(), None);
            Some(ready)
        }
        Err((cause, detail)) => {
            attempt.record.fail(Stage::Route, start.elapsed(), cause, None, &detail);
            None
        }
    }
}

async fn ready(shared: &Shared, attempt: &mut Attempt, to: (SocketAddr, Protocol)) -> Result<Ready, (Cause, String)> {
    let request = &shared.request;
    let socket = connect::bound(request, to)?;
    let tunnel = if through_tunnel(shared, attempt) { tunnel(shared, attempt).await? } else { None };
    // The map of a lab may lead elsewhere; the way is that of the address that is dialed.
    match kernel::way(to.0.ip(), request.source, request.device.as_deref()) {
        Ok(way) => {
            attempt.path.interface = way.interface;
            attempt.path.gateway = way.gateway.map(|gateway| gateway.to_string());
            attempt.source = attempt.source.or(way.source);
        }
        Err(NoWay::Refused(error)) => {
            let from = request.source.map_or_else(String::new, |source| format!(" from {source}"));
            return Err((Cause::RouteNoRoute, format!("no way{from} to {}: {error}", to.0.ip())));
        }
        Err(NoWay::Unknown(error)) => tracing::debug!(%error, "the kernel did not say which way it would take"),
    }
    Ok(Ready { socket, tunnel })
}

/// Private targets are reached through the tunnel and nothing else; a public one where the record says so.
pub(super) fn through_tunnel(shared: &Shared, attempt: &Attempt) -> bool {
    let private = matches!(attempt.class, Class::Private | Class::Shared);
    private || shared.request.tunnel.selector_for(attempt.address).is_some()
}

async fn tunnel(shared: &Shared, attempt: &mut Attempt) -> Result<Option<State>, (Cause, String)> {
    let (facts, target) = (&shared.request.tunnel, attempt.address);
    if !facts.peer_selectors.is_empty() {
        let Some(selector) = facts.selector_for(target) else {
            let detail = format!("{target} lies outside the networks on record: {}", listed(&facts.peer_selectors));
            return Err((Cause::RouteSelectorNotCovered, detail));
        };
        attempt.path.selector = Some(selector.to_string());
    }
    if let Some(source) = shared.request.source
        && !facts.our_selectors.is_empty()
        && !facts.our_selectors.iter().any(|network| network.contains(&source))
    {
        let ours = listed(&facts.our_selectors);
        return Err((Cause::RouteSelectorNotCovered, format!("{source} lies outside our networks on record: {ours}")));
    }
    let state = match shared.look_at_tunnel(target).await {
        Ok(Some(state)) => state,
        Ok(None) => return Ok(None),
        Err(why) => {
            // The test itself shows whether packets pass; only the evidence is missing.
            attempt.record.note(Stage::Route, &format!("the state of the tunnel could not be read: {why}"));
            return Ok(None);
        }
    };
    attempt.path.tunnel = Some(state.report.clone());
    if !state.report.up {
        return Err((Cause::RouteTunnelDown, state.report.detail));
    }
    if !state.covers(shared.request.source, target) {
        let (local, remote) = (state.report.local.join(", "), state.report.remote.join(", "));
        let agreed = if local.is_empty() { remote } else { format!("{local} === {remote}") };
        let from = shared.request.source.map_or_else(String::new, |source| format!("from {source} "));
        let detail = format!("the tunnel is up for {agreed}, which does not hold the way {from}to {target}");
        return Err((Cause::RouteSelectorNotCovered, detail));
    }
    attempt.record.note(Stage::Route, &state.report.detail);
    Ok(Some(state))
}

fn listed(networks: &[ipnet::IpNet]) -> String {
    networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Nothing where nothing was learned.
pub(super) fn known(path: PathReport) -> Option<PathReport> {
    (path != PathReport::default()).then_some(path)
}
