//! A real mail server that we did not write: Exim, as its own process on a free port of loopback, with STARTTLS, a
//! throw-away certificate and one account. The demo walk and the tests speak to it.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::secret::Secret;

/// Where Debian and others install Exim.
const PROGRAMS: [&str; 4] = ["/usr/sbin/exim4", "/usr/sbin/exim", "/usr/bin/exim4", "/usr/bin/exim"];
/// Its configuration.
const CONFIGURATION: &str = include_str!("exim.conf");
/// How long the server may take until it greets.
const START_LIMIT: Duration = Duration::from_secs(15);
/// How many ports are tried.
const ATTEMPTS: usize = 3;
/// The name in the certificate.
const NAME: &str = "mail.customer.example";
/// The domain whose mail is delivered into the mailbox.
const DOMAIN: &str = "customer.example";

/// A running server. It is stopped when this is dropped, and its folder vanishes.
#[derive(Debug)]
pub struct ForeignSmtp {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// The file that every accepted mail is appended to (mbox).
    pub mailbox: PathBuf,
    /// The account that may relay.
    pub account: String,
    /// Its password.
    pub password: Secret,
    /// The certification authority of its certificate, PEM.
    pub ca_pem: String,
    /// The name in its certificate.
    pub name: String,
    program: &'static Path,
    folder: TempDir,
    child: Option<Child>,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ForeignSmtpError {
    /// The program is not installed.
    #[error("no Exim was found; install the package exim4 (exim4-daemon-light is enough)")]
    Missing,
    /// A file or the process.
    #[error("the mail server cannot be started: {0}")]
    Io(#[from] io::Error),
    /// The certificate.
    #[error("no certificate can be made for the mail server")]
    Certificate(#[from] rcgen::Error),
    /// It ended, or never greeted.
    #[error("the mail server did not come up; its last words: {0}")]
    Silent(String),
}

impl ForeignSmtp {
    /// Starts the server on a free port and waits until it greets. Somebody else may take the port between the choice
    /// and the start; then another one is tried.
    pub fn start() -> Result<Self, ForeignSmtpError> {
        let mut attempt = Self::start_once();
        for _ in 1..ATTEMPTS {
            if !matches!(attempt, Err(ForeignSmtpError::Silent(_))) {
                break;
            }
            attempt = Self::start_once();
        }
        attempt
    }

    fn start_once() -> Result<Self, ForeignSmtpError> {
        let program =
            PROGRAMS.map(Path::new).into_iter().find(|path| path.exists()).ok_or(ForeignSmtpError::Missing)?;
        let folder = tempfile::Builder::new().prefix("postern-exim-").tempdir()?;
        // Exim gives up root for the owner of this folder and must be able to reach it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let user = unprivileged(folder.path())?;
        let ca_pem = write_certificate(folder.path())?;
        let password = Secret::new(crate::clock::fresh_id().simple().to_string());
        let mut server = Self {
            port: free_port()?,
            mailbox: folder.path().join("mail").join("mailbox"),
            account: "postern".to_owned(),
            password,
            ca_pem,
            name: NAME.to_owned(),
            program,
            folder,
            child: None,
        };
        server.write_configuration(user)?;
        server.start_again()?;
        Ok(server)
    }

    /// Starts the server on its port once more and waits until it greets.
    ///
    /// # Errors
    /// [`ForeignSmtpError`] where it does not come up, as when somebody else took the port meanwhile.
    pub fn start_again(&mut self) -> Result<(), ForeignSmtpError> {
        self.child = Some(self.spawn()?);
        self.wait_until_it_greets()
    }

    /// Stops the server and waits for its end; the mailbox stays readable.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // Both fail only where the process has ended by itself.
        let killed = child.kill().and_then(|()| child.wait());
        if let Err(error) = killed {
            tracing::debug!(%error, "the mail server had ended already");
        }
    }

    /// Everything that was delivered so far, as text.
    pub fn delivered(&self) -> io::Result<String> {
        match fs::read(&self.mailbox) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error),
        }
    }

    fn spawn(&self) -> io::Result<Child> {
        let log = File::create(self.folder.path().join("stderr"))?;
        Command::new(self.program)
            .arg("-C")
            .arg(self.folder.path().join("exim.conf"))
            // -bdf keeps it in the foreground, so that the process we started is the one we stop.
            .args(["-bdf", "-q1h", "-oX", &format!("127.0.0.1.{}", self.port)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
    }

    fn wait_until_it_greets(&mut self) -> Result<(), ForeignSmtpError> {
        let end = Instant::now() + START_LIMIT;
        while Instant::now() < end {
            if greets(self.port) {
                return Ok(());
            }
            if let Some(child) = &mut self.child
                && child.try_wait()?.is_some()
            {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(ForeignSmtpError::Silent(self.last_words()))
    }

    fn last_words(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        let words = [read("stderr"), read("log/paniclog"), read("log/mainlog")].concat();
        words.lines().rev().take(5).collect::<Vec<_>>().join(" | ")
    }

    fn write_configuration(&self, user: (u32, u32)) -> io::Result<()> {
        let folder = self.folder.path().to_string_lossy().into_owned();
        let text = CONFIGURATION
            .replace("@UID@", &user.0.to_string())
            .replace("@GID@", &user.1.to_string())
            .replace("@PORT@", &self.port.to_string())
            .replace("@NAME@", NAME)
            .replace("@DOMAIN@", DOMAIN)
            .replace("@MAILBOX@", &self.mailbox.to_string_lossy())
            .replace("@FOLDER@", &folder)
            .replace("@ACCOUNT@", &self.account)
            .replace("@PASSWORD@", self.password.expose());
        // The password of the account is in it. Exim reads it again after it has given up root, to deliver.
        let path = self.folder.path().join("exim.conf");
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes())?;
        // Whatever this process masks.
        file.set_permissions(fs::Permissions::from_mode(0o640))?;
        if fs::metadata(&path)?.uid() == 0 { std::os::unix::fs::chown(&path, None, Some(user.1)) } else { Ok(()) }
    }
}

impl Drop for ForeignSmtp {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Folders that Exim writes to, and whom it runs as: never root, which Exim does not deliver as.
fn unprivileged(folder: &Path) -> io::Result<(u32, u32)> {
    let owner = fs::metadata(folder)?;
    let own = (owner.uid(), owner.gid());
    let user = if own.0 == 0 {
        account_of("Debian-exim").or_else(|| account_of("nobody")).unwrap_or((65534, 65534))
    } else {
        own
    };
    for name in ["spool", "log", "mail"] {
        let path = folder.join(name);
        fs::create_dir(&path)?;
        if own.0 == 0 {
            std::os::unix::fs::chown(&path, Some(user.0), Some(user.1))?;
        }
    }
    Ok(user)
}

/// User and group number of an account of this machine.
fn account_of(name: &str) -> Option<(u32, u32)> {
    let passwd = BufReader::new(File::open("/etc/passwd").ok()?);
    passwd.lines().map_while(Result::ok).find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields.as_slice() {
            [account, _, uid, gid, ..] if *account == name => Some((uid.parse().ok()?, gid.parse().ok()?)),
            _ => None,
        }
    })
}

/// Writes certificate and key; returns the authority. It differs from the server's certificate, as in real life.
fn write_certificate(folder: &Path) -> Result<String, ForeignSmtpError> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name.push(DnType::CommonName, "Throw-away authority of a test");
    authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate()?;
    let mut server = CertificateParams::new(vec![NAME.to_owned(), "127.0.0.1".to_owned()])?;
    server.distinguished_name.push(DnType::CommonName, NAME);
    let certificate = server.signed_by(&key, &issuer)?;
    let certificate_path = folder.join("certificate.pem");
    fs::write(&certificate_path, certificate.pem())?;
    fs::set_permissions(&certificate_path, fs::Permissions::from_mode(0o644))?;
    let key_path = folder.join("key.pem");
    fs::write(&key_path, key.serialize_pem())?;
    let owner = fs::metadata(folder.join("spool"))?;
    if fs::metadata(folder)?.uid() == 0 {
        std::os::unix::fs::chown(&key_path, Some(owner.uid()), Some(owner.gid()))?;
    }
    fs::set_permissions(&key_path, fs::Permissions::from_mode(0o600))?;
    Ok(authority_certificate.pem())
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn greets(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(500)) else { return false };
    let limited = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let mut line = String::new();
    limited.is_ok()
        && BufReader::new(stream).read_line(&mut line).is_ok()
        && line.starts_with("220 ")
        && line.contains(NAME)
}
