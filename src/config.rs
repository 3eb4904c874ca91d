//! Configuration, parsed once: flag, then environment, then file, then default. The only reader of the environment.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;
use thiserror::Error;

/// Where a value of the environment comes from; tests give a map.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where data lives: the database, sealed keys, mail that is written to files.
    pub data: PathBuf,
    /// Database URL: `sqlite:PATH` or `postgres://…`.
    pub database: String,
    /// Address that the service listens on.
    pub listen: SocketAddr,
    /// Address at which people reach the service, without a slash at its end; links in mail start with it.
    pub public_url: String,
    /// Names of the vendor and its product in pages and mail.
    pub brand: Brand,
    /// What installations may switch on.
    pub policy: Policy,
    /// Outgoing mail.
    pub mail: MailConfig,
    /// Tunnel tests.
    pub probe: ProbeConfig,
    /// Watching servers in use.
    pub watch: WatchConfig,
    /// Signing in.
    pub accounts: AccountsConfig,
    /// The lists of alerting IPs.
    pub alerting_ips: AlertingIpsConfig,
    /// Proxies that are believed about the address of whoever asks (X-Forwarded-For); nobody else is.
    pub trusted_proxies: Vec<IpNet>,
    /// Figures for a monitor.
    pub metrics: MetricsConfig,
    /// Messages to programs of the vendor.
    pub webhooks: WebhooksConfig,
    /// Where laboratories and the demo really dial.
    pub lab: Lab,
    /// A folder of definitions beside those in the program, one folder for each version (`smtp-vpn/v2`).
    pub workflows: Option<PathBuf>,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
}

/// Names of the vendor and its product.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Brand {
    /// Who runs this service.
    pub vendor: String,
    /// The product that sends alerts.
    pub product: String,
    /// The word for the list of permitted addresses: `whitelist` or `allowlist`.
    pub list_word: String,
}

impl Default for Brand {
    fn default() -> Self {
        Self {
            vendor: "Tenable".to_owned(),
            product: "Tenable Identity Exposure".to_owned(),
            list_word: "whitelist".to_owned(),
        }
    }
}

/// What installations may switch on.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Documentation networks count as public (laboratories, the demo).
    pub allow_documentation: bool,
}

/// Outgoing mail.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailConfig {
    /// The server to hand mail to; without one, mail is written to files below the data folder.
    pub host: Option<String>,
    /// Its port; 587 where none is set.
    pub port: Option<u16>,
    /// `none`, `starttls` (the default) or `implicit_tls`.
    pub encryption: Option<String>,
    /// Account name, with `password_file`.
    pub account: Option<String>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
    /// Sender of Postern's mail.
    pub from: Option<String>,
    /// Domain whose mail the mail server hands to `postern mail-in`; people then answer by mail.
    pub reply_domain: Option<String>,
    /// Name under which that server writes Authentication-Results (RFC 8601): an answer must then have passed DMARC.
    pub authentication_by: Option<String>,
}

/// Tunnel tests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeConfig {
    /// How many tests run at once, over all nodes; of one customer it is always one.
    pub at_once: u32,
    /// How many tests the people of one customer can start within an hour.
    pub per_customer_hour: u32,
    /// Networks of the vendor, which are never tested, besides those of the tunnels' records.
    pub own_networks: Vec<IpNet>,
    /// Seconds without a sign of a tunnel's agents after which its tests end as "could not tell".
    pub agent_silence: u32,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self { at_once: 20, per_customer_hour: 6, own_networks: Vec::new(), agent_silence: 120 }
    }
}

impl ProbeConfig {
    /// With a limit of nothing no test would ever run, and no error would ever say why.
    fn check(&self) -> Result<(), String> {
        for (name, value) in [("at_once", self.at_once), ("per_customer_hour", self.per_customer_hour)] {
            if value == 0 {
                return Err(format!("[probe] {name} is 0, so that no test could ever run: enter 1 or more"));
            }
        }
        let silence = self.agent_silence;
        if silence < SHORTEST_SILENCE {
            let advice = "an agent that is well is heard of once in that time";
            return Err(format!(
                "[probe] agent_silence is {silence}: enter {SHORTEST_SILENCE} seconds or more; {advice}"
            ));
        }
        Ok(())
    }
}

/// An agent that waits for work is heard of once in a poll of up to this many seconds, so no silence is shorter.
pub const SHORTEST_SILENCE: u32 = 60;

/// Watching servers in use.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WatchConfig {
    /// Seconds between two rounds of a server, more or less a tenth.
    pub interval: u32,
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self { interval: 3_600 }
    }
}

impl WatchConfig {
    /// A test takes seconds, so rounds that follow faster would only stand in line.
    fn check(self) -> Result<(), String> {
        if self.interval < SHORTEST_INTERVAL {
            let interval = self.interval;
            return Err(format!("[watch] interval is {interval}: enter {SHORTEST_INTERVAL} seconds or more"));
        }
        Ok(())
    }
}

/// The shortest interval of watching, in seconds.
const SHORTEST_INTERVAL: u32 = 5;

/// Signing in.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountsConfig {
    /// The vendor's people need a second factor: without one they see the page that sets it up, and nothing else.
    pub staff_second_factor: bool,
}

impl Default for AccountsConfig {
    fn default() -> Self {
        Self { staff_second_factor: true }
    }
}

/// The lists of alerting IPs that customers' machines poll.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertingIpsConfig {
    /// Everybody may read them; else people and programs that are signed in.
    pub public: bool,
}

/// Figures for a monitor.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// Address and port that `/metrics` is answered on, apart from everything else; nowhere where none is set.
    pub listen: Option<SocketAddr>,
}

/// Messages to programs of the vendor.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhooksConfig {
    /// Networks that receivers may be in although they are not public.
    pub allow: Vec<IpNet>,
    /// Certificates in PEM of authorities that are trusted beside the public ones.
    pub ca_file: Option<PathBuf>,
}

/// Where laboratories and the demo really dial.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lab {
    /// Judged address and port -> dialed address and port. Policy judges the first, nothing but a probe reads the second.
    pub dial: BTreeMap<SocketAddr, SocketAddr>,
    /// Binds the alerting IP before dialing; off where the lab's loopback does not own it.
    pub bind_source: Option<bool>,
}

/// What the command line gives.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--database`.
    pub database: Option<String>,
    /// `--listen`.
    pub listen: Option<SocketAddr>,
}

/// Why the configuration is not usable.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file that was named cannot be read.
    #[error("configuration file {path} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A key is unknown or a value has the wrong form; the text names line and key.
    #[error("configuration file {path}: {detail}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, key and what was expected.
        detail: String,
    },
    /// A value of the environment has the wrong form.
    #[error("{name} is {received:?}: {expected} is needed")]
    Environment {
        /// The variable.
        name: &'static str,
        /// Its value.
        received: String,
        /// What fits.
        expected: &'static str,
    },
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    data: Option<PathBuf>,
    listen: Option<SocketAddr>,
    public_url: Option<String>,
    database: DatabaseSection,
    brand: Brand,
    policy: Policy,
    mail: MailConfig,
    probe: ProbeConfig,
    watch: WatchConfig,
    accounts: AccountsConfig,
    alerting_ips: AlertingIpsConfig,
    trusted_proxies: Vec<IpNet>,
    metrics: MetricsConfig,
    webhooks: WebhooksConfig,
    lab: Lab,
    workflows: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DatabaseSection {
    url: Option<String>,
}

/// The file that is read where it exists and none is named.
pub const DEFAULT_FILE: &str = "/etc/postern/config.toml";

/// The process's environment.
pub fn environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Config {
    /// Reads the configuration: flag, then environment (`POSTERN_DATABASE`, `POSTERN_LISTEN`, `POSTERN_PUBLIC_URL`,
    /// `STATE_DIRECTORY`), then file, then default.
    ///
    /// # Errors
    /// [`ConfigError`] names the file or variable, the key and what fits.
    pub fn load(flags: Flags, environment: Environment<'_>) -> Result<Self, ConfigError> {
        let named = flags.file.or_else(|| environment("POSTERN_CONFIG").map(PathBuf::from));
        let path = named.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()));
        let file = path.as_deref().map_or_else(|| Ok(File::default()), read)?;
        let listen = match environment("POSTERN_LISTEN") {
            Some(text) => Some(text.parse().map_err(|_not_an_address| ConfigError::Environment {
                name: "POSTERN_LISTEN",
                received: text.clone(),
                expected: "an address with a port, like 127.0.0.1:8080,",
            })?),
            None => None,
        };
        let data = flags
            .data
            .or_else(|| environment("STATE_DIRECTORY").map(PathBuf::from))
            .or(file.data)
            .unwrap_or_else(|| PathBuf::from("data"));
        let listen =
            flags.listen.or(listen).or(file.listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
        let database = flags
            .database
            .or_else(|| environment("POSTERN_DATABASE"))
            .or(file.database.url)
            .unwrap_or_else(|| format!("sqlite:{}", data.join("postern.db").display()));
        let public_url =
            environment("POSTERN_PUBLIC_URL").or(file.public_url).unwrap_or_else(|| format!("http://{listen}"));
        Ok(Self {
            data,
            database,
            listen,
            public_url: public_url.trim_end_matches('/').to_owned(),
            brand: file.brand,
            policy: file.policy,
            mail: file.mail,
            probe: file.probe,
            watch: file.watch,
            accounts: file.accounts,
            alerting_ips: file.alerting_ips,
            trusted_proxies: file.trusted_proxies,
            metrics: file.metrics,
            webhooks: file.webhooks,
            lab: file.lab,
            workflows: file.workflows,
            file: path,
        })
    }

    /// Whether cookies can carry the `__Host-` prefix: only over https, or on a loopback address that browsers trust.
    pub fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

fn read(path: &Path) -> Result<File, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let wrong = |detail: String| ConfigError::Parse { path: path.to_owned(), detail };
    let file: File = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    file.probe.check().map_err(&wrong)?;
    file.watch.check().map_err(wrong)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:1\"\n[database]\nurl = \"sqlite:from-file\"\n").unwrap();
        let environment = |name: &str| (name == "POSTERN_DATABASE").then(|| "sqlite:from-environment".to_owned());
        let flags = Flags { file: Some(path.clone()), ..Flags::default() };
        let config = Config::load(flags.clone(), &environment).unwrap();
        assert_eq!((config.database.as_str(), config.listen.port()), ("sqlite:from-environment", 1));
        let flags = Flags { database: Some("sqlite:from-flag".into()), ..flags };
        assert_eq!(Config::load(flags, &environment).unwrap().database, "sqlite:from-flag");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, "[policy]\nallow_documentatoin = true\n").unwrap();
        let error = Config::load(Flags { file: Some(path), ..Flags::default() }, &|_| None).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("allow_documentatoin"), "{error}");
    }

    #[test]
    fn a_silence_shorter_than_a_poll_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let silence = |seconds: u32| {
            std::fs::write(&path, format!("[probe]\nagent_silence = {seconds}\n")).unwrap();
            Config::load(Flags { file: Some(path.clone()), ..Flags::default() }, &|_| None)
        };
        assert_eq!(silence(60).unwrap().probe.agent_silence, 60);
        assert!(silence(59).unwrap_err().to_string().contains("agent_silence is 59"));
        assert_eq!(Config::load(Flags::default(), &|_| None).unwrap().probe.agent_silence, 120);
    }

    #[test]
    fn rounds_that_would_stand_in_line_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let interval = |seconds: u32| {
            std::fs::write(&path, format!("[watch]\ninterval = {seconds}\n")).unwrap();
            Config::load(Flags { file: Some(path.clone()), ..Flags::default() }, &|_| None)
        };
        assert_eq!(interval(5).unwrap().watch.interval, 5);
        assert!(interval(4).unwrap_err().to_string().contains("interval is 4"));
        assert_eq!(Config::load(Flags::default(), &|_| None).unwrap().watch.interval, 3_600);
    }

    #[test]
    fn limits_of_tests_are_read_and_a_limit_of_nothing_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Config::load(Flags { file: Some(path.clone()), ..Flags::default() }, &|_| None).map(|config| config.probe)
        };
        let probe = read("[probe]\nat_once = 3\nown_networks = [\"10.0.8.0/24\"]\n").unwrap();
        assert_eq!((probe.at_once, probe.per_customer_hour, probe.own_networks.len()), (3, 6, 1));
        let error = read("[probe]\nper_customer_hour = 0\n").unwrap_err().to_string();
        assert!(error.contains("per_customer_hour is 0"), "{error}");
    }

    #[test]
    fn without_anything_the_service_stays_on_loopback_and_beside_its_data() {
        let config = Config::load(Flags::default(), &|_| None).unwrap();
        assert!(config.listen.ip().is_loopback());
        assert_eq!(config.database, "sqlite:data/postern.db");
        assert_eq!(config.public_url, "http://127.0.0.1:8080");
    }
}
