//! Hands over one SYSLOG message. No receiver ever answers one, so the best that can be said is that the transport took
//! it; whether it arrived, a person sees by searching for the test id. Over UDP not even that: only a refusal is heard.

use std::io;
use std::time::Duration;

use socket2::Protocol;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::request::SyslogMessage;
use super::run::{Attempt, Shared, dialed, reach, stops_before};
use super::tls::{self, Handshake};
use super::{connect, route};
use crate::domain::cause::Cause;
use crate::domain::syslog::{Transport, framed};
use crate::smtp::dialogue::TlsOutcome;
use crate::smtp::record::Record;
use crate::smtp::stage::Stage;

/// How long a connection has to stay open after the message. A receiver that does not let us in hangs up at once.
const STAYS_OPEN: Duration = Duration::from_secs(1);
/// How long to wait for the goodbye of TLS and TCP.
const GOODBYE: Duration = Duration::from_millis(200);

/// Route, transport, message.
pub(super) async fn deliver(shared: &Shared, attempt: &mut Attempt, message: &SyslogMessage) {
    if message.transport == Transport::Udp {
        return datagrams(shared, attempt, message).await;
    }
    let Some(stream) = reach(shared, attempt).await else {
        if let Some((Stage::Tcp, Cause::TcpRefused)) = attempt.record.ended() {
            let seen = attempt.record.stages(&[Stage::Tcp]).pop().and_then(|stage| stage.detail);
            attempt.record.revise(Cause::SyslogPortClosed, &seen.unwrap_or_default());
        }
        return;
    };
    if message.transport == Transport::Tcp {
        send(shared, &mut attempt.record, Stage::SyslogTcp, stream, message).await;
    } else if let Some(stream) = encrypt(shared, attempt, stream).await {
        send(shared, &mut attempt.record, Stage::SyslogTls, stream, message).await;
    }
}

/// Two datagrams, as the first may meet a tunnel that only wakes up. Only a connected socket hears of a refusal.
async fn datagrams(shared: &Shared, attempt: &mut Attempt, message: &SyslogMessage) {
    let (request, start) = (&shared.request, shared.start);
    let remote = dialed(request, attempt.address);
    let Some(ready) = route::check(shared, attempt, (remote, Protocol::UDP)).await else { return };
    if stops_before(request, Stage::SyslogUdp) {
        return;
    }
    let record = &mut attempt.record;
    let socket = match connect::datagrams(ready.socket, remote) {
        Ok(socket) => socket,
        Err((cause, detail)) => return record.fail(Stage::Route, start.elapsed(), cause, None, &detail),
    };
    attempt.source = attempt.source.or_else(|| socket.local_addr().ok().map(|local| local.ip().to_canonical()));
    let began = start.elapsed();
    record.begin(Stage::SyslogUdp, began);
    let limit = request.limits.of(Stage::SyslogUdp).min(request.limits.total.saturating_sub(began));
    for until in [began + limit / 2, began + limit] {
        record.sent(start.elapsed(), &message.line);
        if let Err(error) = send_and_listen(&socket, message.line.as_bytes(), start + until).await {
            let cause = connect::cause_of(&error);
            let cause = if cause == Cause::TcpRefused { Cause::SyslogPortClosed } else { cause };
            let detail = format!("{}:{}: {error}", attempt.address, request.port);
            return record.fail(Stage::SyslogUdp, start.elapsed(), cause, None, &detail);
        }
    }
    let detail = format!(
        "sent twice, and no refusal came back within {:.1} s; search the receiver for {}",
        limit.as_secs_f64(),
        message.test_id
    );
    record.fail(Stage::SyslogUdp, start.elapsed(), Cause::SyslogUnconfirmed, None, &detail);
}

async fn send_and_listen(socket: &UdpSocket, line: &[u8], until: Instant) -> io::Result<()> {
    socket.send(line).await?;
    let mut nothing = [0; 1];
    // Whatever a receiver sends back is no part of SYSLOG; only an error counts.
    while let Ok(heard) = timeout_at(until, socket.recv(&mut nothing)).await {
        heard?;
    }
    Ok(())
}

/// TLS from the first byte, and a certificate that is right before anything is sent.
async fn encrypt(
    shared: &Shared,
    attempt: &mut Attempt,
    stream: TcpStream,
) -> Option<impl AsyncRead + AsyncWrite + Unpin + use<>> {
    let (request, start) = (&shared.request, shared.start);
    let record = &mut attempt.record;
    let began = start.elapsed();
    record.begin(Stage::Tls, began);
    let limit = (began + request.limits.of(Stage::Tls)).min(request.limits.total);
    let Ok(handshake) = timeout_at(start + limit, tls::handshake(&shared.trust, stream)).await else {
        let detail = "the TLS handshake got no answer in time";
        record.fail(Stage::Tls, start.elapsed(), late(shared, Cause::TlsTimeout), None, detail);
        return None;
    };
    let Handshake { outcome, stream, certificate } = handshake;
    attempt.certificate = certificate;
    let (detail, judged, warnings) = match outcome {
        TlsOutcome::Established { detail, certificate, warnings } => (detail, certificate, warnings),
        TlsOutcome::Failed { cause, detail } => {
            record.fail(Stage::Tls, start.elapsed(), cause, None, &detail);
            return None;
        }
    };
    record.pass(Stage::Tls, start.elapsed(), None);
    record.note(Stage::Tls, &detail);
    if stops_before(request, Stage::Cert) {
        return None;
    }
    record.begin(Stage::Cert, start.elapsed());
    if let Err((cause, detail)) = judged {
        record.fail(Stage::Cert, start.elapsed(), cause, None, &detail);
        return None;
    }
    record.pass(Stage::Cert, start.elapsed(), None);
    for cause in warnings {
        record.warn(Stage::Cert, cause);
    }
    stream.filter(|_| !stops_before(request, Stage::SyslogTls))
}

/// The message on a stream, and a look whether the stream outlives it.
async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    record: &mut Record,
    stage: Stage,
    mut stream: S,
    message: &SyslogMessage,
) {
    let start = shared.start;
    let began = start.elapsed();
    record.begin(stage, began);
    record.sent(began, &message.line);
    let limit = (began + shared.request.limits.of(stage)).min(shared.request.limits.total);
    let bytes = framed(&message.line, message.framing);
    let written = timeout_at(start + limit, async {
        stream.write_all(&bytes).await?;
        stream.flush().await
    });
    match written.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return cut(record, stage, start, Some(&error)),
        Err(_) => {
            let detail = "the message was not taken in time";
            return record.fail(stage, start.elapsed(), late(shared, Cause::SyslogStalled), None, detail);
        }
    }
    let until = (start + limit).min(Instant::now() + STAYS_OPEN);
    let mut heard = [0; 512];
    while let Ok(read) = timeout_at(until, stream.read(&mut heard)).await {
        match read {
            Ok(0) => return cut(record, stage, start, None),
            Ok(count) => record.received(start.elapsed(), &[heard.get(..count).unwrap_or_default().to_vec()]),
            Err(error) => return cut(record, stage, start, Some(&error)),
        }
    }
    record.pass(stage, start.elapsed(), None);
    record.note(stage, &format!("the transport took the message; search the receiver for {}", message.test_id));
    if !matches!(timeout_at(Instant::now() + GOODBYE, stream.shutdown()).await, Ok(Ok(()))) {
        tracing::trace!("the receiver was gone before the connection was closed");
    }
}

fn cut(record: &mut Record, stage: Stage, start: Instant, error: Option<&io::Error>) {
    let cause = error.and_then(tls::later_failure).unwrap_or(Cause::SyslogClosed);
    let how = error.map_or_else(|| "the receiver closed the connection".to_owned(), ToString::to_string);
    record.fail(stage, start.elapsed(), cause, None, &how);
}

/// What ended a wait: the limit of the stage, or our own total.
fn late(shared: &Shared, cause: Cause) -> Cause {
    if shared.start.elapsed() >= shared.request.limits.total { Cause::ProbeTotalLimit } else { cause }
}
