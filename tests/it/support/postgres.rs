//! A PostgreSQL server of one test's own, which the test may stop and start again.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// How a server is stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// Sessions are ended in order.
    Fast,
    /// As if the machine had lost power; the next start recovers from the log.
    Immediate,
}

/// A server on a port of 127.0.0.1; it stops when dropped.
pub(crate) struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes a cluster and starts it.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL refuses to run as root.
        if is_root() {
            chown(folder.path(), Some(id("-u")), Some(id("-g"))).unwrap();
        }
        let port = free_port();
        let server = Self { folder, programs: programs(), port };
        let data = server.data();
        let cluster = ["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale", "C"];
        server.run("initdb", &cluster);
        server.up();
        server
    }

    /// The URL of its one database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it again, and waits until it answers.
    pub(crate) fn up(&self) {
        let folder = self.folder.path().display();
        let options = format!("-p {} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=60", self.port);
        let log = format!("{folder}/log");
        self.run("pg_ctl", &["start", "-w", "-D", &self.data(), "-l", &log, "-o", &options]);
    }

    /// Stops it, and waits until it is gone.
    pub(crate) fn down(&self, how: Stop) {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        self.run("pg_ctl", &["stop", "-w", "-D", &self.data(), "-m", mode]);
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.call(program, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
    }

    fn call(&self, program: &str, arguments: &[&str]) -> Output {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            let (user, group) = (id("-u").to_string(), id("-g").to_string());
            command.args(["--reuid", &user, "--regid", &group, "--clear-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // The server keeps what it inherits, and a pipe that it held would never end.
        let (out, err) = (self.folder.path().join("out"), self.folder.path().join("err"));
        let file = |path: &Path| std::fs::File::create(path).unwrap();
        let status = command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(std::process::Stdio::null())
            .stdout(file(&out))
            .stderr(file(&err))
            .status()
            .unwrap();
        Output { status, stdout: std::fs::read(out).unwrap(), stderr: std::fs::read(err).unwrap() }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A server that is down already says so, which is what is wanted.
        drop(self.call("pg_ctl", &["stop", "-w", "-D", &self.data(), "-m", "immediate"]));
    }
}

/// Below the range from which the system takes ports for outgoing connections, so that nobody takes it between a stop and
/// the next start.
fn free_port() -> u16 {
    let random = || 20_000 + u16::try_from(postern::clock::fresh_id().as_u128() % 12_000).unwrap();
    std::iter::repeat_with(random).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// User or group id of the account that the package made.
fn id(which: &str) -> u32 {
    let output = Command::new("id").args([which, "postgres"]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("the package postgresql made the account postgres")
}

/// The newest of the folders in which Debian keeps the server's programs, or the search path.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/initdb").exists())
        .max_by_key(|path| version(path));
    newest.map(|path| path.join("bin")).unwrap_or_default()
}
