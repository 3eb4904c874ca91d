//! The stage `tcp`, and, where nobody answered, how far the packets got.
//!
//! Ten faults look alike from a socket: no answer. What the tunnel counted during the attempt tells them apart as far as
//! our side can: packets that never went in are ours to find; packets that went in and were not answered are lost
//! somewhere beyond, and three explanations remain, which only an echo can put into an order.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::Protocol;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::connect::{self, Failure};
use super::echo;
use super::route::Ready;
use super::run::{Attempt, Shared};
use super::watch::{Counters, State};
use crate::domain::address::Class;
use crate::domain::cause::Cause;
use crate::smtp::stage::Stage;

/// Longer than routers need between two errors for the same receiver.
const PAUSE: Duration = Duration::from_millis(2500);

/// Connects; where it fails, the record says why.
pub(super) async fn open(
    shared: &Shared,
    attempt: &mut Attempt,
    ready: Ready,
    remote: SocketAddr,
) -> Option<TcpStream> {
    let began = shared.start.elapsed();
    attempt.record.begin(Stage::Tcp, began);
    shared.request.progress.tell(&attempt.record);
    let outcome = match first_tries(shared, attempt, ready, remote).await {
        // Nothing is wrong with a way that works the next moment, so the last try counts.
        Err((Cause::TunnelNotEntered, kept_out)) => spoken_up(shared, attempt, remote, kept_out).await,
        outcome => outcome,
    };
    match outcome {
        Ok(stream) => {
            attempt.record.pass(Stage::Tcp, shared.start.elapsed(), None);
            attempt.source = attempt.source.or_else(|| stream.local_addr().ok().map(|local| local.ip().to_canonical()));
            Some(stream)
        }
        Err((cause, detail)) => {
            attempt.record.fail(Stage::Tcp, shared.start.elapsed(), cause, None, &detail);
            let public = attempt.class == Class::Public;
            if cause == Cause::TcpTimeout && shared.request.port == 25 && public {
                attempt.record.warn(Stage::Tcp, Cause::EgressPort25Suspected);
            }
            None
        }
    }
}

/// One try, or two where the tunnel may have slept; and how far the packets got, where nobody answered.
async fn first_tries(
    shared: &Shared,
    attempt: &mut Attempt,
    ready: Ready,
    remote: SocketAddr,
) -> Result<TcpStream, (Cause, String)> {
    let limit = shared.request.limits.of(Stage::Tcp);
    let began = Instant::now();
    let mut outcome = connect::connect(ready.socket, remote, (began + limit).min(shared.end())).await;
    let again = Instant::now();
    if is_silent(&outcome) && ready.tunnel.as_ref().is_some_and(|state| state.idle) && again < shared.end() {
        // A tunnel that slept may lose the packets that wake it.
        let socket = connect::bound(&shared.request, (remote, Protocol::TCP))?;
        outcome = connect::connect(socket, remote, (again + limit).min(shared.end())).await;
        if outcome.is_ok() {
            let waited = again.duration_since(began).as_secs_f64();
            let note =
                format!("the tunnel was idle: the first attempt had no answer for {waited:.1} s, the second had");
            attempt.record.note(Stage::Tcp, &note);
        }
    }
    let failure = match outcome {
        Ok(stream) => return Ok(stream),
        Err(failure) => failure,
    };
    let from = attempt.source.map_or_else(String::new, |source| format!(" from {source}"));
    let waited = began.elapsed();
    let (address, port, seconds) = (attempt.address, shared.request.port, waited.as_secs_f64());
    let what = format!("{address}:{port}{from}: {} after {seconds:.1} s", failure.detail);
    attempt.path.refused_by = failure.refused_by;
    Err(if failure.cause == Cause::TcpTimeout {
        lost(shared, attempt, ready.tunnel.as_ref(), waited, what).await
    } else if failure.cause == Cause::TcpRefused {
        (
            failure.cause,
            format!("{what}; a closed port and a firewall that answers for the server look alike from here"),
        )
    } else {
        (failure.cause, what)
    })
}

fn is_silent(outcome: &Result<TcpStream, Failure>) -> bool {
    matches!(outcome, Err(failure) if failure.cause == Cause::TcpTimeout)
}

/// How far the packets of an attempt without an answer got.
async fn lost(
    shared: &Shared,
    attempt: &mut Attempt,
    before: Option<&State>,
    waited: Duration,
    what: String,
) -> (Cause, String) {
    let Some(before) = before else { return (Cause::TcpTimeout, what) };
    let after = match shared.look_at_tunnel(attempt.address).await {
        Ok(Some(after)) => after,
        Ok(None) | Err(_) => return (Cause::TcpTimeout, what),
    };
    if !after.report.up {
        return (Cause::RouteTunnelDown, format!("{what}; the tunnel went down meanwhile: {}", after.report.detail));
    }
    let counted = after.counters.zip(before.counters);
    let Some((sent, received)) = counted.and_then(|(after, before)| after.since(before)) else {
        return (Cause::TcpTimeout, what);
    };
    let least = before.counters.map_or(0, |counters| counters.least_for(attempts_within(waited)));
    let unit = match before.counters {
        Some(Counters::Octets { .. }) => "octets",
        Some(Counters::Packets { .. }) | None => {
            (attempt.path.sent, attempt.path.received) = (Some(sent), Some(received));
            "packets"
        }
    };
    let moved = format!("the tunnel took in {sent} {unit} and gave back {received}");
    if sent < least {
        return (Cause::TunnelNotEntered, format!("{what}; {moved}, fewer than our own attempts need"));
    }
    if let Some(gateway) = shared.request.tunnel.echo.filter(|_| Instant::now() < shared.end()) {
        attempt.path.echo = echo::ask(&shared.request, gateway, shared.end()).await;
    }
    let carries = attempt.path.echo.as_ref().map(|echo| echo.ms.is_some());
    attempt.path.candidates = candidates(carries);
    let echoed = match (&attempt.path.echo, carries) {
        (Some(echo), Some(true)) => {
            format!("; {} behind it answers an echo, so the tunnel carries both ways", echo.address)
        }
        (Some(echo), _) => format!("; {} behind it answers no echo", echo.address),
        (None, _) => String::new(),
    };
    let listed = attempt.path.candidates.join("; or ");
    (Cause::TunnelLostBeyondEntry, format!("{what}; {moved}{echoed}. Possible: {listed}"))
}

/// One more attempt after a pause. Routers limit how often they say that there is no way (RFC 1812 section 4.3.2.8), and
/// attempts in quick succession can use up what they may say.
async fn spoken_up(
    shared: &Shared,
    attempt: &mut Attempt,
    remote: SocketAddr,
    kept_out: String,
) -> Result<TcpStream, (Cause, String)> {
    tokio::time::sleep_until((Instant::now() + PAUSE).min(shared.end())).await;
    let socket = connect::bound(&shared.request, (remote, Protocol::TCP))?;
    match connect::connect(socket, remote, (Instant::now() + PAUSE).min(shared.end())).await {
        Ok(stream) => {
            attempt.record.note(Stage::Tcp, &format!("{kept_out}; after a pause there was an answer"));
            Ok(stream)
        }
        Err(failure) if failure.refused_by.is_some() => {
            attempt.path.refused_by = failure.refused_by;
            Err((failure.cause, format!("{kept_out}; asked again after a pause: {}", failure.detail)))
        }
        Err(_) => Err((Cause::TunnelNotEntered, kept_out)),
    }
}

/// What may explain it, most likely first. `carries`: whether an echo through the tunnel was answered.
fn candidates(carries: Option<bool>) -> Vec<String> {
    const FILTER: &str =
        "the customer's firewall drops packets from the alerting IP (or sees them come from another address)";
    const RETURN: &str = "the customer's network has no way back to the alerting IP";
    const PEER: &str = "the customer's gateway is gone although the tunnel still reads as established";
    let order: &[&str] = match carries {
        // The gateway answered: it lives and knows the way back.
        Some(true) => &[FILTER],
        Some(false) => &[PEER, RETURN, FILTER],
        None => &[FILTER, RETURN, PEER],
    };
    order.iter().map(|text| (*text).to_owned()).collect()
}

/// How often the kernel has sent a SYN by then, at least: it waits twice as long each time, from one second on (RFC 6298).
/// Newer kernels send the first few each second, which is more.
fn attempts_within(waited: Duration) -> u64 {
    u64::from((waited.as_secs() + 1).ilog2()) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_double_their_distance() {
        let counts: Vec<u64> =
            [0, 1, 2, 3, 6, 7, 10].map(|seconds| attempts_within(Duration::from_secs(seconds))).into();
        assert_eq!(counts, [1, 2, 2, 3, 3, 4, 4]);
    }

    #[test]
    fn an_answered_echo_leaves_one_candidate() {
        assert_eq!(candidates(Some(true)).len(), 1);
        assert!(candidates(Some(false))[0].contains("gateway is gone"));
        assert!(candidates(None)[0].contains("firewall"));
    }
}
