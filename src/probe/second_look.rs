//! One more connection in the other mode, to tell a server that expects TLS from one that stays silent, and a server
//! that speaks clear text from one whose TLS is broken. Nothing is sent but a TLS greeting, and no credentials ever.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, timeout_at};

use super::run::{Attempt, Shared, dialed};
use super::{connect, tls};
use crate::domain::cause::Cause;
use crate::smtp::dialogue::{Mode, TlsOutcome};
use crate::smtp::reply::escape;

/// How long the second look may take; less where the total leaves less.
const LIMIT: Duration = Duration::from_secs(8);

/// Replaces the cause of a test that ended at the border between clear text and TLS, where a second connection shows
/// that only the mode is wrong.
pub(super) async fn name_the_mode(shared: &Shared, attempt: &mut Attempt) {
    let Some((_, cause)) = attempt.record.ended() else { return };
    let deadline = (Instant::now() + LIMIT).min(shared.start + shared.request.limits.total);
    let silent_in_clear =
        attempt.mode != Mode::ImplicitTls && matches!(cause, Cause::BannerTimeout | Cause::BannerClosed);
    let silent_in_tls = attempt.mode == Mode::ImplicitTls && matches!(cause, Cause::TlsTimeout | Cause::TlsFailed);
    if silent_in_clear && let Some(seen) = speaks_tls(shared, attempt, deadline).await {
        let detail = format!("no greeting in clear text; a second connection with TLS was answered: {seen}");
        attempt.record.revise(Cause::ProtoTlsOnPlain, &detail);
    }
    if silent_in_tls && let Some(line) = greets_in_clear(shared, attempt, deadline).await {
        let detail = format!("no TLS; a second connection in clear text was greeted with: {line}");
        attempt.record.revise(Cause::ProtoPlainOnTls, &detail);
    }
}

/// Whether a TLS greeting is answered with TLS, be it a refusal.
async fn speaks_tls(shared: &Shared, attempt: &Attempt, deadline: Instant) -> Option<String> {
    let stream = open(shared, attempt, deadline).await?;
    let handshake = timeout_at(deadline, tls::handshake(&shared.trust, stream)).await.ok()?;
    match handshake.outcome {
        TlsOutcome::Established { detail, .. } => Some(detail),
        TlsOutcome::Failed { cause: Cause::TlsPeerStayedClear | Cause::TlsFailed | Cause::ProbeNotRun, .. } => None,
        TlsOutcome::Failed { detail, .. } => Some(detail),
    }
}

async fn greets_in_clear(shared: &Shared, attempt: &Attempt, deadline: Instant) -> Option<String> {
    let mut stream = open(shared, attempt, deadline).await?;
    let mut buffer = [0; 512];
    let count = timeout_at(deadline, stream.read(&mut buffer)).await.ok()?.ok()?;
    let first = buffer.get(..count)?;
    let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.starts_with(b"220").then(|| escape(line.trim_ascii_end()))
}

async fn open(shared: &Shared, attempt: &Attempt, deadline: Instant) -> Option<tokio::net::TcpStream> {
    let remote = dialed(&shared.request, attempt.address);
    let socket = connect::bound(remote, shared.request.source, shared.request.device.as_deref()).ok()?;
    connect::connect(socket, remote, deadline).await.ok()
}
