//! A real SYSLOG receiver that we did not write: rsyslog, as its own process on a free port of loopback, over UDP and TCP.
//! The demo walk speaks to it.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Where Debian and others install rsyslog.
const PROGRAMS: [&str; 2] = ["/usr/sbin/rsyslogd", "/usr/bin/rsyslogd"];
/// How long the receiver may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(15);
/// How many ports are tried.
const ATTEMPTS: usize = 3;

/// A running receiver. It is stopped when this is dropped, and its folder vanishes.
#[derive(Debug)]
pub struct ForeignSyslog {
    /// Its port on 127.0.0.1, for UDP and for TCP.
    pub port: u16,
    received: PathBuf,
    child: Child,
    /// Holds the configuration and what was received.
    folder: TempDir,
}

/// Why there is no receiver.
#[derive(Debug, thiserror::Error)]
pub enum ForeignSyslogError {
    /// The program is not installed.
    #[error("no rsyslog was found; install the package rsyslog")]
    Missing,
    /// A file or the process.
    #[error("the SYSLOG receiver cannot be started: {0}")]
    Io(#[from] io::Error),
    /// It ended, or never listened.
    #[error("the SYSLOG receiver did not come up; its last words: {0}")]
    Silent(String),
}

impl ForeignSyslog {
    /// Starts the receiver on a free port and waits until it listens. Somebody else may take the port between the choice
    /// and the start; then another one is tried.
    ///
    /// # Errors
    /// [`ForeignSyslogError`] says what could not be had.
    pub fn start() -> Result<Self, ForeignSyslogError> {
        let mut attempt = Self::start_once();
        for _ in 1..ATTEMPTS {
            if !matches!(attempt, Err(ForeignSyslogError::Silent(_))) {
                break;
            }
            attempt = Self::start_once();
        }
        attempt
    }

    fn start_once() -> Result<Self, ForeignSyslogError> {
        let program =
            PROGRAMS.map(Path::new).into_iter().find(|path| path.exists()).ok_or(ForeignSyslogError::Missing)?;
        let folder = tempfile::Builder::new().prefix("postern-rsyslog-").tempdir()?;
        let port = free_port()?;
        let received = folder.path().join("received.log");
        let configuration = folder.path().join("rsyslog.conf");
        fs::write(&configuration, configured(port, folder.path(), &received))?;
        let log = File::create(folder.path().join("stderr"))?;
        let child = Command::new(program)
            // -n keeps it in the foreground, so that the process we started is the one we stop.
            .args(["-n", "-i"])
            .arg(folder.path().join("rsyslogd.pid"))
            .arg("-f")
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let mut receiver = Self { port, received, child, folder };
        receiver.wait_until_it_listens()?;
        Ok(receiver)
    }

    /// Every line that was received so far.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn received(&self) -> io::Result<String> {
        match fs::read(&self.received) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error),
        }
    }

    fn wait_until_it_listens(&mut self) -> Result<(), ForeignSyslogError> {
        let end = Instant::now() + START_LIMIT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        while Instant::now() < end {
            // The port of UDP is taken before that of TCP, in the order of the configuration.
            if TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok() {
                return Ok(());
            }
            if self.child.try_wait()?.is_some() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let words = fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default();
        Err(ForeignSyslogError::Silent(words.lines().rev().take(5).collect::<Vec<_>>().join(" | ")))
    }
}

impl Drop for ForeignSyslog {
    fn drop(&mut self) {
        // Both fail only where the process has ended by itself.
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            tracing::debug!(%error, "the SYSLOG receiver had ended already");
        }
    }
}

/// Each line as it came, at once.
fn configured(port: u16, folder: &Path, received: &Path) -> String {
    format!(
        "global(workDirectory=\"{}\")\n\
         module(load=\"imudp\")\n\
         module(load=\"imtcp\")\n\
         template(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\n\
         input(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\")\n\
         input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
         action(type=\"omfile\" file=\"{}\" template=\"raw\" asyncWriting=\"off\" flushOnTXEnd=\"on\")\n",
        folder.display(),
        received.display()
    )
}

/// A port that is free for UDP and for TCP.
fn free_port() -> io::Result<u16> {
    let mut found = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    for _ in 0..20 {
        let port = found.local_addr()?.port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
        found = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    }
    Err(io::Error::other("no port is free for UDP and TCP at once"))
}
