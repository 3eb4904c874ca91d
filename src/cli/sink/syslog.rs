//! The built-in SYSLOG receiver of the demo: UDP (RFC 5426) and TCP with either framing (RFC 6587) on one port. It keeps
//! lines in memory and passes them on to nobody.

use std::collections::VecDeque;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How many lines are kept.
const MOST_LINES: usize = 1_000;
/// The longest message; more of a stream without an end of a message is not read.
const LONGEST: usize = 8_192;
/// How many streams are served at a time.
const MOST_STREAMS: usize = 32;
/// How long a stream may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// A running receiver; it stops when this is dropped.
#[derive(Debug)]
pub struct SyslogSink {
    /// Its port on 127.0.0.1, for UDP and for TCP.
    pub port: u16,
    kept: Arc<Mutex<VecDeque<String>>>,
    servers: [JoinHandle<()>; 2],
}

impl SyslogSink {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// No port is free for both.
    pub async fn start() -> io::Result<Self> {
        let mut last = io::Error::other("no port was tried");
        for _ in 0..20 {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let port = listener.local_addr()?.port();
            match UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).await {
                Ok(socket) => {
                    let kept = Arc::default();
                    let servers = [
                        tokio::spawn(datagrams(socket, Arc::clone(&kept))),
                        tokio::spawn(streams(listener, Arc::clone(&kept))),
                    ];
                    return Ok(Self { port, kept, servers });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The lines that are kept, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Drop for SyslogSink {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

type Kept = Arc<Mutex<VecDeque<String>>>;

fn keep(kept: &Kept, line: &[u8]) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() == MOST_LINES {
        kept.pop_front();
    }
    kept.push_back(String::from_utf8_lossy(line).into_owned());
}

async fn datagrams(socket: UdpSocket, kept: Kept) {
    let mut bytes = vec![0; LONGEST];
    loop {
        match socket.recv(&mut bytes).await {
            Ok(count) => keep(&kept, bytes.get(..count).unwrap_or_default()),
            Err(error) => tracing::debug!(%error, "the built-in SYSLOG receiver missed a datagram"),
        }
    }
}

async fn streams(listener: TcpListener, kept: Kept) {
    let places = Arc::new(Semaphore::new(MOST_STREAMS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _from)) => {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    if let Err(error) = stream_of(stream, &kept).await {
                        tracing::debug!(%error, "a sender of the built-in SYSLOG receiver left");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the built-in SYSLOG receiver could not take a connection");
                // Out of file descriptors, most likely: a moment lets some be closed.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn stream_of(mut stream: TcpStream, kept: &Kept) -> io::Result<()> {
    let (mut held, mut bytes) = (Vec::new(), [0; 1_024]);
    loop {
        let count = timeout(SILENCE, stream.read(&mut bytes)).await.map_err(|_elapsed| io::ErrorKind::TimedOut)??;
        if count == 0 {
            return Ok(());
        }
        held.extend_from_slice(bytes.get(..count).unwrap_or_default());
        while let Some((line, used)) = message(&held) {
            keep(kept, &line);
            held.drain(..used);
        }
        if held.len() > LONGEST {
            return Err(io::Error::other("a message is too long"));
        }
    }
}

/// The first whole message of a stream and how many octets it took: a count before it, or a line feed after it.
fn message(held: &[u8]) -> Option<(Vec<u8>, usize)> {
    if held.first().is_some_and(|first| (b'1'..=b'9').contains(first)) {
        let blank = held.iter().take(6).position(|octet| *octet == b' ')?;
        let length: usize = std::str::from_utf8(held.get(..blank)?).ok()?.parse().ok()?;
        let end = blank + 1 + length;
        return held.get(blank + 1..end).map(|line| (line.to_vec(), end));
    }
    let end = held.iter().position(|octet| *octet == b'\n')?;
    held.get(..end).map(|line| (line.to_vec(), end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_parted_by_a_count_or_by_a_line_feed() {
        assert_eq!(message(b"6 <116>x7 <116>yz"), Some((b"<116>x".to_vec(), 8)));
        assert_eq!(message(b"<116>x\n<116>y"), Some((b"<116>x".to_vec(), 7)));
        for part in [&b""[..], b"6 <116>", b"60", b"<116>x"] {
            assert_eq!(message(part), None, "{part:?}");
        }
    }
}
