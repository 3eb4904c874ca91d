//! What one connection cannot tell. One more in the other mode tells a server that expects TLS from one that stays
//! silent, and a server that speaks clear text from one whose TLS is broken; two more, with small segments and with full
//! ones, prove that only large packets get lost. No credentials are ever sent here.

use std::time::Duration;

use socket2::Protocol;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::progress::Progress;
use super::run::{Attempt, Shared, dialed, plan};
use super::{connect, smtp, tls};
use crate::domain::cause::Cause;
use crate::smtp::dialogue::{Mode, Plan, TlsOutcome};
use crate::smtp::record::Record;
use crate::smtp::reply::{Parsed, ReplyParser, escape};
use crate::smtp::report::Level;
use crate::smtp::stage::Stage;

/// How long a connection in the other mode may take; less where the total leaves less.
const MODE_LIMIT: Duration = Duration::from_secs(8);
/// How long a connection may stall that repeats what stalled before.
const STALL_LIMIT: Duration = Duration::from_secs(5);
/// A segment size that passes every path of the Internet with room for what a tunnel adds (RFC 791 section 3.2: every
/// host takes datagrams of 576 octets).
const SMALL_SEGMENTS: u32 = 500;
/// A command line that needs more than one small segment and fills a large packet.
const LONG_LINE: usize = 1400;

/// Replaces the cause of a test that ended with silence, where more connections show why.
pub(super) async fn name_the_cause(shared: &Shared, attempt: &mut Attempt) {
    let Some((_, cause)) = attempt.record.ended() else { return };
    let implicit = attempt.mode == Mode::ImplicitTls;
    if matches!(cause, Cause::TlsTimeout | Cause::DataStalledLargePackets) {
        only_large_packets_get_lost(shared, attempt, cause).await;
    }
    let Some((_, cause)) = attempt.record.ended() else { return };
    let silent_in_clear = !implicit && matches!(cause, Cause::BannerTimeout | Cause::BannerClosed);
    let silent_in_tls = implicit && matches!(cause, Cause::TlsTimeout | Cause::TlsFailed);
    if silent_in_clear && let Some(seen) = speaks_tls(shared, attempt).await {
        let detail = format!("no greeting in clear text; a second connection with TLS was answered: {seen}");
        attempt.record.revise(Cause::ProtoTlsOnPlain, &detail);
    }
    if silent_in_tls && let Some(line) = greets_in_clear(shared, attempt).await {
        let detail = format!("no TLS; a second connection in clear text was greeted with: {line}");
        attempt.record.revise(Cause::ProtoPlainOnTls, &detail);
    }
}

/// Proves a path that loses large packets and the messages about it (RFC 2923 section 2.1): small segments pass where
/// full ones do not. One without the other proves nothing, since any packet may get lost once.
async fn only_large_packets_get_lost(shared: &Shared, attempt: &mut Attempt, cause: Cause) {
    if !large_packets_pass(shared, attempt, cause, Some(SMALL_SEGMENTS)).await {
        return;
    }
    if large_packets_pass(shared, attempt, cause, None).await {
        let note = "a second connection got past this point; packets get lost now and then";
        if let Some((stage, _)) = attempt.record.ended() {
            attempt.record.note(stage, note);
        }
        return;
    }
    let what = if cause == Cause::TlsTimeout { "the TLS handshake" } else { "a long line" };
    let detail = format!(
        "{what} passes with segments of {SMALL_SEGMENTS} octets and stalls with full ones: \
         the path loses large packets and the messages that would say so"
    );
    attempt.record.revise(Cause::TunnelMtu, &detail);
}

/// Whether another connection gets past the point where the first one stalled.
async fn large_packets_pass(shared: &Shared, attempt: &Attempt, cause: Cause, segments: Option<u32>) -> bool {
    let deadline = deadline(shared, STALL_LIMIT);
    let Some(stream) = open(shared, attempt, deadline, segments).await else { return false };
    if cause == Cause::TlsTimeout {
        let plan = Plan { until: Some(Stage::Tls), ..plan(shared, attempt, Level::Reach) };
        let told = Progress::default();
        let dialogue = smtp::drive(plan, Record::default(), &shared.trust, stream, (Instant::now(), &told));
        // A handshake that is refused was answered too.
        return matches!(timeout_at(deadline, dialogue).await, Ok((record, _)) if record.answered(Stage::Tls));
    }
    let line = async {
        if attempt.mode == Mode::ImplicitTls {
            let encrypted = tls::handshake(&shared.trust, stream).await.stream?;
            long_line_passes(encrypted).await
        } else {
            long_line_passes(stream).await
        }
    };
    matches!(timeout_at(deadline, line).await, Ok(Some(())))
}

/// Waits for the greeting and sends a line that fills a packet (NOOP takes any text, RFC 5321 section 4.1.1.9). A server
/// that complains or hangs up over it has received it.
async fn long_line_passes(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
    let mut buffer = [0; 512];
    let mut greeting = ReplyParser::default();
    loop {
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        match greeting.push(buffer.get(..count)?) {
            Parsed::Pending => {}
            Parsed::Reply(_, _) => break,
            Parsed::Fault(_) => return None,
        }
    }
    stream.write_all(format!("NOOP {}\r\n", "x".repeat(LONG_LINE)).as_bytes()).await.ok()?;
    stream.flush().await.ok()?;
    stream.read(&mut buffer).await.ok().map(|_| ())
}

/// Whether a TLS greeting is answered with TLS, be it a refusal.
async fn speaks_tls(shared: &Shared, attempt: &Attempt) -> Option<String> {
    let deadline = deadline(shared, MODE_LIMIT);
    let stream = open(shared, attempt, deadline, None).await?;
    let handshake = timeout_at(deadline, tls::handshake(&shared.trust, stream)).await.ok()?;
    match handshake.outcome {
        TlsOutcome::Established { detail, .. } => Some(detail),
        TlsOutcome::Failed { cause: Cause::TlsPeerStayedClear | Cause::TlsFailed | Cause::ProbeNotRun, .. } => None,
        TlsOutcome::Failed { detail, .. } => Some(detail),
    }
}

async fn greets_in_clear(shared: &Shared, attempt: &Attempt) -> Option<String> {
    let deadline = deadline(shared, MODE_LIMIT);
    let mut stream = open(shared, attempt, deadline, None).await?;
    let mut buffer = [0; 512];
    let count = timeout_at(deadline, stream.read(&mut buffer)).await.ok()?.ok()?;
    let first = buffer.get(..count)?;
    let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.starts_with(b"220").then(|| escape(line.trim_ascii_end()))
}

async fn open(shared: &Shared, attempt: &Attempt, deadline: Instant, segments: Option<u32>) -> Option<TcpStream> {
    let remote = dialed(&shared.request, attempt.address);
    let socket = connect::bound(&shared.request, (remote, Protocol::TCP)).ok()?;
    if let Some(octets) = segments {
        socket.set_tcp_mss(octets).ok()?;
    }
    connect::connect(socket, remote, deadline).await.ok()
}

fn deadline(shared: &Shared, limit: Duration) -> Instant {
    (Instant::now() + limit).min(shared.end())
}
