//! Moves bytes between the SMTP dialogue and a socket. Decides nothing: every deadline and every command comes from the
//! dialogue.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::progress::Progress;
use super::tls::{self, Recorder, Trust};
use crate::domain::cause::Cause;
use crate::smtp::dialogue::{Dialogue, Input, Mode, Output, Plan, TlsOutcome};
use crate::smtp::record::Record;
use crate::smtp::report::CertificateReport;

/// How much is read at once; with the parser's line limit the most that is ever held of an answer without an end.
const READ_BYTES: usize = 4096;

enum Connection {
    Clear(TcpStream),
    Encrypted(Box<TlsStream<Recorder>>),
    Gone,
}

/// Runs a dialogue over an open connection to its end. `start` is the instant that the record counts from;
/// each step is told to `progress`.
pub(super) async fn drive(
    plan: Plan,
    record: Record,
    trust: &Trust,
    stream: TcpStream,
    (start, progress): (Instant, &Progress),
) -> (Record, Option<CertificateReport>) {
    let implicit = plan.mode == Mode::ImplicitTls;
    let mut dialogue = Dialogue::new(plan, record);
    let mut connection = Connection::Clear(stream);
    let mut certificate = None;
    let mut buffer = [0; READ_BYTES];
    let mut output = dialogue.step(start.elapsed(), Input::Connected);
    loop {
        progress.tell(dialogue.record());
        let deadline = start + dialogue.deadline();
        output = match output {
            Output::Finished => break,
            Output::Receive => receive(&mut dialogue, &mut connection, &mut buffer, start, deadline).await,
            Output::Send(wire) => match timeout_at(deadline, connection.write(&wire.bytes)).await {
                Ok(Ok(())) => receive(&mut dialogue, &mut connection, &mut buffer, start, deadline).await,
                // A server that answers and hangs up before it has read everything: the answer may still be there.
                Ok(Err(_)) => receive(&mut dialogue, &mut connection, &mut buffer, start, deadline).await,
                Err(_) => dialogue.step(start.elapsed(), Input::Deadline),
            },
            Output::UpgradeToTls => {
                let (input, seen) = upgrade(&mut connection, trust, deadline, implicit).await;
                certificate = seen;
                dialogue.step(start.elapsed(), input)
            }
        };
    }
    connection.close().await;
    (dialogue.into_record(), certificate)
}

async fn receive(
    dialogue: &mut Dialogue,
    connection: &mut Connection,
    buffer: &mut [u8],
    start: Instant,
    deadline: Instant,
) -> Output {
    let read = timeout_at(deadline, connection.read(buffer)).await;
    let now = start.elapsed();
    match read {
        Ok(Ok(0)) => dialogue.step(now, Input::Closed),
        Ok(Ok(count)) => dialogue.step(now, Input::Bytes(buffer.get(..count).unwrap_or_default())),
        Ok(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => dialogue.step(now, Input::Closed),
        Ok(Err(error)) => dialogue.step(now, Input::Broken(tls::later_failure(&error), error.to_string())),
        Err(_) => dialogue.step(now, Input::Deadline),
    }
}

async fn upgrade<'a>(
    connection: &mut Connection,
    trust: &Trust,
    deadline: Instant,
    implicit: bool,
) -> (Input<'a>, Option<CertificateReport>) {
    let Connection::Clear(stream) = std::mem::replace(connection, Connection::Gone) else {
        return (Input::Broken(Some(Cause::TlsFailed), "the connection is encrypted already".to_owned()), None);
    };
    match timeout_at(deadline, tls::handshake(trust, stream)).await {
        Err(_) => (Input::Deadline, None),
        Ok(mut handshake) => {
            if let Some(stream) = handshake.stream.take() {
                *connection = Connection::Encrypted(stream);
            }
            (Input::Tls(named(handshake.outcome, implicit)), handshake.certificate)
        }
    }
}

/// Clear text where TLS was expected from the first byte means the wrong mode, not a broken server.
fn named(outcome: TlsOutcome, implicit: bool) -> TlsOutcome {
    match outcome {
        TlsOutcome::Failed { cause: Cause::TlsPeerStayedClear, detail } if implicit => {
            TlsOutcome::Failed { cause: Cause::ProtoPlainOnTls, detail }
        }
        TlsOutcome::Failed { .. } | TlsOutcome::Established { .. } => outcome,
    }
}

impl Connection {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(buffer).await,
            Self::Encrypted(stream) => stream.read(buffer).await,
            Self::Gone => Ok(0),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Clear(stream) => stream.write_all(bytes).await,
            Self::Encrypted(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            Self::Gone => Ok(()),
        }
    }

    /// Says goodbye to TLS, for a moment only: nobody waits for this. Dropping a connection closes it in TCP.
    async fn close(self) {
        let deadline = Instant::now() + Duration::from_millis(200);
        let Self::Encrypted(mut stream) = self else { return };
        if !matches!(timeout_at(deadline, stream.shutdown()).await, Ok(Ok(()))) {
            tracing::trace!("the server was gone before the connection was closed");
        }
    }
}
