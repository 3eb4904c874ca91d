//! The commands of administration and the service, through the built binary.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A data folder of its own, and the binary pointed at it.
struct House {
    folder: TempDir,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.toml"), "[policy]\nallow_documentation = true\n").unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// Started with the widest umask, so that who may read what it writes is the program's own doing.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "umask 0; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_postern")]).args(arguments).env_clear();
        command.args(["--config", self.path().join("config.toml").to_str().unwrap()]);
        command.args(["--data", self.path().join("data").to_str().unwrap()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self.command(arguments).spawn().unwrap();
        // A command that reads nothing may have ended before this is written.
        child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
        Ran::from(child.wait_with_output().unwrap())
    }

    fn good(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        ran
    }

    /// Alder Mutual with the tunnel alder-1.
    fn with_tunnel() -> Self {
        let house = Self::new();
        house.good(&["customer", "add", "--name", "Alder Mutual", "--architecture", "vpn"]);
        house.good(&TUNNEL);
        house
    }
}

const TUNNEL: [&str; 16] = [
    "tunnel",
    "add",
    "--customer",
    "Alder Mutual",
    "--name",
    "alder-1",
    "--our-gateway",
    "198.51.100.1",
    "--peer-gateway",
    "203.0.113.2",
    "--our-network",
    "10.99.0.0/24",
    "--peer-network",
    "10.20.0.0/16",
    "--alerting-ip",
    "10.99.0.8",
];

#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    fn rows(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn an_alerting_ip_is_corrected_in_what_is_named_alone() {
    let house = House::new();
    house.good(&[
        "alerting-ip",
        "add",
        "198.51.100.24",
        "--purpose",
        "smtp",
        "--until",
        "2031-05-01T08:00:00Z",
        "--published",
    ]);
    let row = || house.good(&["alerting-ip", "list", "--json"]).rows().remove(0);
    let before = row();
    house.good(&["alerting-ip", "correct", "1", "--region", "Paris"]);
    let mut expected = before;
    expected["region"] = "Paris".into();
    assert_eq!(row(), expected);
    house.good(&["alerting-ip", "correct", "1", "--published", "no", "--until", ""]);
    (expected["published"], expected["until"]) = (false.into(), serde_json::Value::Null);
    assert_eq!(row(), expected);
}

#[test]
fn a_customer_a_tunnel_and_a_tenant_come_back_as_they_were_entered() {
    let house = House::with_tunnel();
    let key = house.file("key", "the-api-key-of-alder\n");
    let tenant = ["--customer", "Alder Mutual", "--name", "alder", "--base-url", "https://alder.tenable.ad"];
    house.good(&[&["tenant", "add"], &tenant[..], &["--api-key-file", &key]].concat());
    let customers = house.good(&["customer", "list", "--json"]).rows();
    assert_eq!((&customers[0]["name"], &customers[0]["architecture"]), (&"Alder Mutual".into(), &"vpn".into()));
    let tunnels = house.good(&["tunnel", "list", "--json"]).rows();
    assert_eq!(tunnels.len(), 1);
    for (key, value) in [
        ("customer", "Alder Mutual"),
        ("name", "alder-1"),
        ("state", "in_use"),
        ("our_gateway", "198.51.100.1"),
        ("alerting_ip", "10.99.0.8"),
        ("routing_domain", "default"),
    ] {
        assert_eq!(tunnels[0][key], value, "{key}");
    }
    assert_eq!(tunnels[0]["peer_networks"], serde_json::json!(["10.20.0.0/16"]));
    let tenants = house.good(&["tenant", "list", "--json"]).rows();
    assert_eq!(
        (&tenants[0]["base_url"], &tenants[0]["api_key_set"]),
        (&"https://alder.tenable.ad".into(), &true.into())
    );
    let plain = house.good(&["tunnel", "list"]).out;
    assert_eq!(plain.split('\t').nth(1), Some("alder-1"), "values are separated by tabs for other programs: {plain}");
}

#[test]
fn what_is_not_given_to_set_stays() {
    let house = House::with_tunnel();
    let who = ["tunnel", "set", "--customer", "Alder Mutual", "--name", "alder-1"];
    house.good(&[&who[..], &["--standby-ip", "10.99.0.9", "--state", "stopped", "--device", "ipsec0"]].concat());
    let tunnel = &house.good(&["tunnel", "list", "--json"]).rows()[0];
    assert_eq!(tunnel["standby_ip"], "10.99.0.9");
    assert_eq!(tunnel["state"], "stopped");
    assert_eq!(tunnel["device"], "ipsec0");
    assert_eq!(tunnel["alerting_ip"], "10.99.0.8");
    house.good(&["customer", "set", "--name", "Alder Mutual", "--architecture", "secure_relay"]);
    assert_eq!(house.good(&["customer", "list", "--json"]).rows()[0]["architecture"], "secure_relay");
    let key = house.file("key", "another-key\n");
    house.good(&["tenant", "add", "--customer", "Alder Mutual", "--name", "alder"]);
    let tenant = ["tenant", "set", "--customer", "Alder Mutual", "--name", "alder"];
    let no_address = house.run(&[&tenant[..], &["--api-key-file", &key]].concat());
    assert_eq!(no_address.code, 2, "{no_address:?}");
    assert!(no_address.err.contains("--base-url"), "{no_address:?}");
    house.good(&[&tenant[..], &["--base-url", "https://alder.tenable.ad", "--api-key-file", &key]].concat());
    house.good(&[&tenant[..], &["--api-key-file", &key]].concat());
    assert_eq!(house.good(&["tenant", "list", "--json"]).rows()[0]["base_url"], "https://alder.tenable.ad");
    house.good(&[&tenant[..], &["--no-api"]].concat());
    assert_eq!(house.good(&["tenant", "list", "--json"]).rows()[0]["api_key_set"], false);
}

#[test]
fn people_are_of_the_vendor_or_of_a_customer_and_never_of_both() {
    let house = House::with_tunnel();
    let person = |email| ["user", "add", "--name", "Dana Kern", "--email", email];
    house.good(&[&person("Dana@Alder.example")[..], &["--customer", "Alder Mutual", "--own-cases"]].concat());
    house.good(&[&person("erik@vendor.example")[..], &["--role", "support", "--role", "network"]].concat());
    let people = house.good(&["user", "list", "--json"]).rows();
    assert_eq!(people[0]["email"], "dana@alder.example");
    assert_eq!((&people[0]["customer"], &people[0]["all_cases"]), (&"Alder Mutual".into(), &false.into()));
    assert_eq!(people[1]["roles"], serde_json::json!(["support", "network"]));
    assert_eq!(
        house.run(&[&person("x@y.example")[..], &["--role", "lead", "--customer", "Alder Mutual"]].concat()).code,
        2
    );
    assert_eq!(house.run(&person("x@y.example")).code, 2, "neither role nor customer");
    let promoted = house.run(&["user", "set", "--email", "dana@alder.example", "--role", "admin"]);
    assert_eq!(promoted.code, 2, "{promoted:?}");
    assert!(promoted.err.contains("contact of a customer"), "{promoted:?}");
    let twice = house.run(&[&person("dana@alder.example")[..], &["--role", "lead"]].concat());
    assert_eq!(twice.code, 2, "{twice:?}");
    assert!(twice.err.contains("--email is \"dana@alder.example\""), "{twice:?}");
    house.good(&["user", "set", "--email", "erik@vendor.example", "--disable"]);
    assert_eq!(house.good(&["user", "list", "--json"]).rows()[1]["active"], false);
    assert_eq!(house.run(&["user", "set", "--email", "erik@vendor.example"]).code, 2, "nothing to change");
}

#[test]
fn each_bad_value_is_named_with_its_flag_and_what_to_do() {
    let house = House::with_tunnel();
    let second = TUNNEL.map(|word| if word == "alder-1" { "alder-2" } else { word });
    let cases = [
        ("--our-gateway", "198.51.100.1/24", "bits set"),
        ("--peer-gateway", "vpn.alder.example", "like 10.20.4.15"),
        ("--our-network", "10.99.0.8/24", "10.99.0.0/24"),
        ("--peer-network", "10.99.0.0/16", "address translation"),
        ("--peer-network", "0.0.0.0/0", "like 10.20.0.0/16"),
        ("--alerting-ip", "10.99.0.08", "leading zero"),
        ("--alerting-ip", "127.0.0.1", "127.0.0.0/8"),
        ("--name", " ", "Enter the name of the tunnel"),
        ("--name", "alder-1", "postern tunnel set"),
    ];
    for (flag, value, advice) in cases {
        let at = second.iter().position(|word| *word == flag).unwrap();
        let mut arguments = second;
        arguments[at + 1] = value;
        let ran = house.run(&arguments);
        assert_eq!(ran.code, 2, "{flag} {value}: {ran:?}");
        assert!(ran.err.contains(flag) && ran.err.contains(advice), "{flag} {value}: {ran:?}");
        assert_eq!(ran.out, "", "{flag} {value}");
    }
    for (flag, value) in [("--standby-ip", "::"), ("--device", "a/b"), ("--ca-file", "/dev/null"), ("--state", "up")] {
        let ran = house.run(&[&second[..], &[flag, value]].concat());
        assert_eq!(ran.code, 2, "{flag} {value}: {ran:?}");
        assert!(ran.err.contains(flag), "{ran:?}");
    }
    assert_eq!(house.good(&["tunnel", "list", "--json"]).rows().len(), 1, "nothing of that was stored");
}

#[test]
fn a_network_of_another_tunnel_in_the_same_routing_domain_is_pointed_out() {
    let house = House::with_tunnel();
    house.good(&["customer", "add", "--name", "Birch Bank", "--architecture", "vpn"]);
    let birch = TUNNEL.map(|word| match word {
        "Alder Mutual" => "Birch Bank",
        "alder-1" => "birch-1",
        "10.20.0.0/16" => "10.20.4.0/24",
        other => other,
    });
    let ran = house.good(&birch);
    assert!(ran.err.contains("10.20.0.0/16 of tunnel alder-1 (Alder Mutual)"), "{ran:?}");
    let elsewhere = ["tunnel", "set", "--customer", "Birch Bank", "--name", "birch-1", "--routing-domain", "birch"];
    assert!(!house.good(&elsewhere).err.contains("alder-1"));
}

#[test]
fn what_does_not_exist_ends_with_4() {
    let house = House::with_tunnel();
    let nobody = ["--customer", "Nobody"];
    for arguments in [
        &["customer", "set", "--name", "Nobody", "--architecture", "vpn"][..],
        &["tunnel", "list", "--customer", "Nobody"],
        &["tunnel", "set", "--customer", "Alder Mutual", "--name", "alder-9", "--alerting-ip", "10.99.0.8"],
        &["tenant", "set", "--customer", "Alder Mutual", "--name", "alder", "--no-api"],
        &[&["user", "add", "--name", "N", "--email", "n@n.example"][..], &nobody[..]].concat(),
        &["user", "set", "--email", "nobody@vendor.example", "--disable"],
        &["token", "create", "--email", "nobody@vendor.example", "--name", "ci"],
    ] {
        let ran = house.run(arguments);
        assert_eq!(ran.code, 4, "{arguments:?}: {ran:?}");
        assert_eq!(ran.out, "", "{arguments:?}");
    }
}

#[test]
fn secrets_come_from_files_or_standard_input_and_are_never_shown() {
    let house = House::with_tunnel();
    let secret = "correct horse battery";
    let file = house.file("secret", &format!("{secret}\n"));
    let tenant = ["tenant", "add", "--customer", "Alder Mutual", "--name", "alder"];
    let runs = [
        house.run(&[
            "user",
            "add",
            "--name",
            "E",
            "--email",
            "e@v.example",
            "--role",
            "lead",
            "--password-file",
            &file,
        ]),
        house.run_with(&["user", "set", "--email", "e@v.example", "--password-file", "-"], secret),
        house.run(&[&tenant[..], &["--base-url", "not a url", "--api-key-file", &file]].concat()),
        house.run(&[&tenant[..], &["--base-url", "https://a.tenable.ad", "--api-key-file", &file]].concat()),
        house.run(&["user", "list", "--json"]),
        house.run(&["tenant", "list", "--json"]),
    ];
    assert_eq!(runs.each_ref().map(|ran| ran.code), [0, 0, 2, 0, 0, 0], "{runs:?}");
    for ran in &runs {
        assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{ran:?}");
    }
    let short = house.run_with(&["user", "set", "--email", "e@v.example", "--password-file", "-"], "hunter2\n");
    assert_eq!(short.code, 2);
    assert!(short.err.contains("--password-file: Password must be 12 to 128") && !short.err.contains("hunter2"));
    for database in fs::read_dir(house.path().join("data")).unwrap() {
        let bytes = fs::read(database.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "stored in clear text");
    }
}

#[test]
fn a_token_is_data_and_its_talk_is_elsewhere() {
    let house = House::new();
    house.good(&["user", "add", "--name", "E", "--email", "e@v.example", "--role", "support"]);
    let made = house.good(&["token", "create", "--email", "e@v.example", "--name", "ci", "--expires", "2d"]);
    assert_eq!(made.out.trim_end().len(), 43, "{made:?}");
    assert!(made.err.contains("Next: ") && !made.err.contains(made.out.trim_end()), "{made:?}");
    for span in ["0d", "731d", "soon", "-1d"] {
        let expires = format!("--expires={span}");
        assert_eq!(
            house.run(&["token", "create", "--email", "e@v.example", "--name", "ci", &expires]).code,
            2,
            "{span}"
        );
    }
}

#[test]
fn a_database_that_is_away_ends_with_7_and_one_that_cannot_be_with_2() {
    let house = House::new();
    let away = house.run(&["customer", "list", "--database", "postgres://postern:geheim@127.0.0.1:1/postern"]);
    assert_eq!(away.code, 7, "{away:?}");
    assert!(away.err.contains("PostgreSQL") && !away.err.contains("geheim"), "{away:?}");
    let folder = house.run(&["customer", "list", "--database", "sqlite:/nonexistent/folder/postern.db"]);
    assert_eq!(folder.code, 7, "{folder:?}");
    let kind = house.run(&["customer", "list", "--database", "mysql://root:geheim@db/postern"]);
    assert_eq!(kind.code, 2, "{kind:?}");
    assert!(kind.err.contains("--database is \"mysql\"") && !kind.err.contains("geheim"), "{kind:?}");
    let config = house.file("config.toml", "[mail]\nhots = \"mail.vendor.example\"\n");
    let key = house.run(&["customer", "list"]);
    assert_eq!(key.code, 2, "{key:?}");
    assert!(key.err.contains(&config) && key.err.contains("hots"), "{key:?}");
}

#[test]
fn the_first_administrator_is_made_once() {
    let house = House::new();
    let setup = |email: &str, password: &str| {
        house.run_with(&["setup", "--email", email, "--name", "Ada", "--password-file", "-"], password)
    };
    assert_eq!(setup("ada@vendor.example", "short").code, 2);
    assert_eq!(setup("Ada@vendor.example", "a long enough one").code, 0);
    assert_eq!(setup("ada@vendor.example", "a long enough one").code, 0, "a repeat changes nothing");
    assert_eq!(setup("eve@vendor.example", "a long enough one").code, 6, "nobody else becomes one this way");
    assert_eq!(house.good(&["user", "list", "--json"]).rows().len(), 1);
}

/// A running `postern serve`.
struct Serving {
    child: Child,
    errors: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Serving {
    /// Starts on a free port and reads until it says where outgoing mail goes, the last line that is always said.
    fn start(house: &House) -> Self {
        let mut child = house.command(&["serve", "--listen", "127.0.0.1:0"]).spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut serving = Self { child, errors, said: String::new() };
        serving.read_until("  Mail:");
        serving
    }

    fn read_until(&mut self, start: &str) {
        loop {
            let mut line = String::new();
            assert!(self.errors.read_line(&mut line).unwrap() > 0, "it ended early: {}", self.said);
            self.said.push_str(&line);
            if line.starts_with(start) {
                return;
            }
        }
    }

    fn url(&self) -> String {
        self.said.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned()
    }

    /// Ends it by SIGTERM; gives its exit code and everything that it said.
    fn stop(mut self) -> (Option<i32>, String) {
        let sent = Command::new("/bin/sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status().unwrap();
        assert!(sent.success());
        let status = self.child.wait().unwrap();
        self.errors.read_to_string(&mut self.said).unwrap();
        (status.code(), std::mem::take(&mut self.said))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn serve_says_what_it_is_and_stops_on_sigterm_with_0() {
    let house = House::new();
    let mut serving = Serving::start(&house);
    serving.read_until("  (also in");
    let said = serving.said.clone();
    let link = said.lines().find(|line| line.contains("/setup?token=")).unwrap().trim();
    let file = house.path().join("data/setup-token");
    assert_eq!(fs::read_to_string(&file).unwrap().trim(), link);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(
        said.contains("SQLite") && said.contains("config.toml") && said.contains("No mail server is configured"),
        "{said}"
    );
    for (arguments, body) in [(vec![], "ok"), (vec!["--ready"], "\"ready\":true")] {
        let url = serving.url();
        let health = house.good(&[&["health", "--url", &url][..], &arguments].concat());
        assert!(health.out.contains(body), "{health:?}");
    }
    let url = serving.url();
    let (code, said) = serving.stop();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("Stopped.\n"), "{said}");
    let away = house.run(&["health", "--url", &url]);
    assert_eq!(away.code, 7, "{away:?}");
    assert_eq!(house.run(&["health", "--url", "127.0.0.1"]).code, 2);
}

#[test]
fn serve_offers_no_set_up_link_once_there_is_an_administrator() {
    let house = House::new();
    let (code, _) = Serving::start(&house).stop();
    assert_eq!(code, Some(0));
    assert!(house.path().join("data/setup-token").exists());
    let set_up = ["setup", "--email", "ada@vendor.example", "--password-file", "-"];
    assert_eq!(house.run_with(&set_up, "a long enough one").code, 0);
    assert!(!house.path().join("data/setup-token").exists(), "the link opens nothing any more");
    let (_, said) = Serving::start(&house).stop();
    assert!(!said.contains("/setup?token="), "{said}");
}

/// Number 46 in docs/SECURITY.md.
#[test]
fn what_the_program_writes_is_read_by_its_owner_alone() {
    let house = House::with_tunnel();
    let data = house.path().join("data");
    let serving = Serving::start(&house);
    house.good(&["backup", "create", data.join("all.backup").to_str().unwrap()]);
    let (mut seen, mut paths) = (0, vec![data]);
    while let Some(path) = paths.pop() {
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} is open to others: {mode:o}", path.display());
        if path.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        seen += 1;
    }
    // The folder, the database with its log and index, the key, the backup.
    assert!(seen >= 6, "{seen}");
    assert_eq!(serving.stop().0, Some(0));
}

#[test]
fn serve_refuses_a_taken_port_and_mail_settings_that_cannot_work() {
    let house = House::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = house.run(&["serve", "--listen", &address]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains(&address) && ran.err.contains("--listen"), "{ran:?}");
    for (mail, names) in [
        ("host = \"mail.vendor.example\"\nencryption = \"tls\"", "encryption"),
        ("host = \"mail.vendor.example\"\naccount = \"postern\"", "password_file"),
        ("host = \"mail.vendor.example\"\nport = 0", "port"),
    ] {
        house.file("config.toml", &format!("[mail]\n{mail}\n"));
        let ran = house.run(&["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(ran.code, 2, "{mail}: {ran:?}");
        assert!(ran.err.contains("[mail]") && ran.err.contains(names), "{mail}: {ran:?}");
    }
}

#[test]
fn the_version_is_an_object_on_request() {
    let output = Command::new(env!("CARGO_BIN_EXE_postern")).args(["version", "--json"]).output().unwrap();
    let version: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(version["workflow"]["id"], "smtp-vpn");
}

#[test]
fn every_mail_is_taken_with_the_same_answer_whatever_it_is() {
    let house = House::with_tunnel();
    let config = "[policy]\nallow_documentation = true\n[mail]\nreply_domain = \"in.vendor.example\"\n";
    house.file("config.toml", config);
    let mail = |to: &str, more: &str| {
        format!("From: dana@alder.example\r\nTo: {to}\r\nSubject: Re: a question\r\n{more}\r\nPort 587.\r\n")
    };
    let nested: String =
        (0..1_000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n")).collect();
    let header = format!("X-Fill: {}\r\n", "a".repeat(8 * 1024 * 1024));
    let large = mail("x@in.vendor.example", &format!("\r\n{}", "all work and no play\r\n".repeat(3_000_000)));
    for input in [
        mail("reply+1.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@in.vendor.example", ""),
        mail("nobody@in.vendor.example", ""),
        mail("nobody@in.vendor.example", &nested),
        mail("nobody@in.vendor.example", &header),
        large,
        "\0".to_owned(),
        String::new(),
    ] {
        // Within 600 MB of address space, of which the program itself needs most.
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -v 600000; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_postern"), "mail-in"]);
        command.args(["--config", house.path().join("config.toml").to_str().unwrap()]);
        command.args(["--data", house.path().join("data").to_str().unwrap()]).env_clear();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let ran = Ran::from(child.wait_with_output().unwrap());
        let begin: String = input.chars().take(60).collect();
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""), "{begin}");
    }
}

#[test]
fn a_mail_comes_again_where_the_database_is_away() {
    let house = House::new();
    let database = "postgres://postgres@127.0.0.1:1/nothing";
    let ran = house.run_with(&["mail-in", "--database", database], "From: a@b.example\r\n\r\nhello\r\n");
    assert_eq!(ran.code, 75, "{ran:?}");
    assert_eq!(ran.err.trim(), "The mail could not be taken for the moment.", "it may reach the sender");
}

#[test]
fn the_whitelist_is_kept_from_the_command_line_with_the_rights_of_the_person_named() {
    let house = House::with_tunnel();
    for (name, role) in [("eli", "network"), ("lou", "lead"), ("max", "lead"), ("ada", "admin")] {
        let email = format!("{name}@v.example");
        house.good(&["user", "add", "--name", name, "--email", &email, "--role", role]);
    }
    let add = |who: &str, network: &str, more: &[&str]| {
        let base = ["whitelist", "add", "--tunnel", "alder-1", "--port", "587", "--network", network, "--as", who];
        house.run(&[&base[..], more].concat())
    };
    let judged = add("eli@v.example", "10.99.0.8", &["--validate-only"]);
    assert_eq!(judged.code, 6, "{judged:?}");
    assert!(judged.out.starts_with("blocks: 10.99.0.8/32 shares addresses with"), "{judged:?}");
    let added = add("eli@v.example", "10.20.4.5", &[]);
    assert_eq!(added.code, 0, "{added:?}");
    let wide = add("lou@v.example", "10.20.4.0/28", &[]);
    assert!(wide.code == 2 && wide.err.contains("--reason is \"\": Enter the reason"), "{wide:?}");
    let wide = add("lou@v.example", "10.20.4.0/28", &["--reason", "A cluster"]);
    assert_eq!(wide.code, 0, "{wide:?}");
    let request = wide.out.trim();
    let own = house.run(&["whitelist", "approve", request, "--as", "lou@v.example"]);
    assert!(own.code == 6 && own.err.contains("another lead"), "{own:?}");
    let network = house.run(&["whitelist", "approve", request, "--as", "eli@v.example"]);
    assert_eq!(network.code, 6, "{network:?}");
    house.good(&["whitelist", "approve", request, "--as", "MAX@v.example", "--note", "Fine"]);
    let asked = house.good(&["whitelist", "requests", "--as", "ada@v.example", "--json"]).rows();
    assert_eq!((&asked[0]["state"], &asked[0]["asked_by"]), (&"approved".into(), &"lou".into()));
    let export = house.good(&["whitelist", "export", "--tunnel", "alder-1"]);
    assert_eq!(export.out, "10.20.4.0/28\n10.20.4.5/32\n");
    let sets = house.good(&["allowlist", "export", "--tunnel", "alder-1", "--format", "nft"]).out;
    assert!(sets.contains("{ 10.20.4.0/28 . tcp . 587, 10.20.4.5 . tcp . 587 }"), "{sets}");

    let applied = |version: &str, who: &str| {
        let base = ["whitelist", "applied", "--tunnel", "alder-1", "--change-ref", "CHG-1"];
        house.run(&[&base[..], &["--version", version, "--as", who]].concat())
    };
    assert_eq!(applied("1", "eli@v.example").code, 5, "changed meanwhile");
    assert_eq!(applied("3", "lou@v.example").code, 6);
    let done = applied("3", "eli@v.example");
    assert!(done.code == 0 && done.err.contains("2 added, 0 taken off"), "{done:?}");
    let retired =
        house.run(&["whitelist", "retire", added.out.trim(), "--as", "lou@v.example", "--reason", "Replaced"]);
    assert!(retired.code == 0 && retired.err.contains("is to leave the list"), "{retired:?}");
    let rows = house.good(&["whitelist", "list", "--find", "10.20.4.5", "--json"]).rows();
    assert_eq!((&rows[0]["network"], &rows[1]["leaves"]), (&"10.20.4.0/28".into(), &true.into()));
    for (arguments, code) in [
        (&["whitelist", "list", "--tunnel", "nope"][..], 4),
        (&["whitelist", "list", "--find", "mail.example"], 2),
        (&["whitelist", "export", "--tunnel", "nope"], 4),
        (&["whitelist", "requests", "--as", "nobody@v.example"], 4),
        (&["whitelist", "approve", "x", "--as", "lou@v.example"], 4),
        (&["whitelist", "retire", request, "--as", "lou@v.example", "--reason", "x"], 4),
    ] {
        let ran = house.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert!(ran.err.len() > 20, "{ran:?}");
    }
}

#[test]
fn calendars_and_policy_are_kept_from_the_command_line() {
    let house = House::with_tunnel();
    let ran = house.good(&["calendar", "list"]);
    assert!(ran.err.contains("postern calendar add"), "{ran:?}");
    let add = ["calendar", "add", "--name", "Office", "--time-zone", "Europe/Berlin", "--hours", "mon-fri 09:00-17:00"];
    house.good(&[&add[..], &["--vendor", "--holiday", "2026-12-25 Christmas Day"]].concat());
    for (flag, value) in [("--time-zone", "Berlin"), ("--hours", "mon-fri 17:00-09:00"), ("--name", "Office")] {
        let mut wrong = add.map(str::to_owned);
        wrong[3] = "Other".to_owned();
        let at = wrong.iter().position(|word| word == flag).unwrap();
        wrong[at + 1] = value.to_owned();
        let ran = house.run(&wrong.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(&format!("{flag} is \"{value}\"")), "{ran:?}");
    }
    // Far enough ahead for every clock of this machine.
    let year = 1 + postern::clock::Clock::System.now().format("%Y").to_string().parse::<i32>().unwrap();
    let event = format!("BEGIN:VEVENT\nDTSTART;VALUE=DATE:{year}0101\nSUMMARY:New Year\nEND:VEVENT\n");
    let file = house.file("holidays.ics", &format!("BEGIN:VCALENDAR\nVERSION:2.0\n{event}END:VCALENDAR\n"));
    let ran = house.good(&["calendar", "import", "--name", "Office", "--file", &file]);
    assert!(ran.err.contains("1 holidays were added to Office"), "{ran:?}");
    let ran = house.good(&["calendar", "list", "--json"]);
    let row: serde_json::Value = serde_json::from_str(ran.out.trim()).unwrap();
    assert_eq!((&row["holidays"], &row["is_vendor"]), (&serde_json::json!(2), &serde_json::json!(true)));
    house.good(&["calendar", "set", "--name", "Office", "--hours", "mon-thu 08:00-16:00"]);
    house.good(&["calendar", "assign", "--customer", "Alder Mutual", "--name", "Office"]);
    assert_eq!(house.run(&["calendar", "assign", "--customer", "Alder Mutual", "--name", "None"]).code, 4);
    let ran = house.good(&["calendar", "recompute"]);
    assert!(ran.err.contains("0 of 0 running clocks would move"), "{ran:?}");

    let row = ["policy", "add", "--priority", "P2", "--first-answer", "1bh", "--next-update", "4bh", "--done"];
    let ran = house.run(&[&row[..], &["soon"]].concat());
    assert!(ran.code == 2 && ran.err.contains("--done is \"soon\""), "{ran:?}");
    house.good(&[&row[..], &["3bd"]].concat());
    let ran = house.good(&["policy", "list", "--json"]);
    let rows: Vec<serde_json::Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 4, "{ran:?}");
    let own: Vec<_> = rows.iter().filter(|row| !row["valid_from"].is_null()).collect();
    assert!(own.len() == 1 && own[0]["priority"] == "P2" && own[0]["in_force"] == true, "{ran:?}");
}

#[test]
fn webhooks_are_kept_from_the_command_line_and_their_key_is_printed_once() {
    let house = House::new();
    house.good(&["user", "add", "--name", "Ada Root", "--email", "ada@v.example", "--role", "admin"]);
    let ran = house.good(&["webhook", "list"]);
    assert!(ran.err.contains("postern webhook add"), "{ran:?}");
    let add = |url: &str, owner: &str, topic: &str| {
        house.run(&["webhook", "add", "--name", "ci", "--url", url, "--owner", owner, "--topic", topic])
    };
    for (ran, flag) in [
        (add("https://user:hunter2@9.9.9.9/", "ada@v.example", "case.done"), "--url"),
        (add("https://10.0.0.1/", "ada@v.example", "case.done"), "--url"),
        (add("https://9.9.9.9/", "nobody@v.example", "case.done"), "--owner"),
        (add("https://9.9.9.9/", "ada@v.example", "case.gone"), "--topic"),
    ] {
        assert!(ran.code == 2 && ran.err.contains(flag) && !ran.err.contains("hunter2"), "{flag}: {ran:?}");
    }
    let made = add("https://9.9.9.9/", "ada@v.example", "case.done");
    assert!(made.code == 0 && made.out.starts_with("whsec_") && made.out.lines().count() == 1, "{made:?}");
    let ran = house.good(&["webhook", "list", "--json"]);
    let row: serde_json::Value = serde_json::from_str(ran.out.trim()).unwrap();
    assert_eq!((&row["state"], &row["topics"]), (&serde_json::json!("on"), &serde_json::json!(["case.done"])));
    assert!(!ran.out.contains("whsec_"));
    let other = house.good(&["webhook", "rotate", "--name", "ci"]);
    assert!(other.out.starts_with("whsec_") && other.out != made.out, "{other:?}");
    house.good(&["webhook", "set", "--name", "ci", "--rename", "build"]);
    house.good(&["webhook", "ping", "--name", "build"]);
    house.good(&["webhook", "off", "--name", "build"]);
    let ran = house.good(&["webhook", "deliveries", "--name", "build", "--json"]);
    let row: serde_json::Value = serde_json::from_str(ran.out.trim()).unwrap();
    assert_eq!((&row["topic"], &row["state"]), (&serde_json::json!("ping"), &serde_json::json!("missed")));
    assert_ne!(house.run(&["webhook", "redeliver", "--name", "build"]).code, 0, "it is off");
    house.good(&["webhook", "on", "--name", "build"]);
    let ran = house.good(&["webhook", "redeliver", "--name", "build"]);
    assert!(ran.err.contains("1 messages wait"), "{ran:?}");
    let id = row["id"].as_str().unwrap();
    house.good(&["webhook", "redeliver", "--name", "build", "--id", id]);
    assert_eq!(house.run(&["webhook", "ping", "--name", "none"]).code, 4);
    let ran = house.good(&["check"]);
    assert!(format!("{}{}", ran.out, ran.err).contains("2 open with the master key"), "{ran:?}");
}

#[test]
fn mail_wishes_are_kept_from_the_command_line() {
    let house = House::new();
    house.good(&["user", "add", "--name", "Kim Castle", "--email", "kim@v.example", "--role", "support"]);
    let mail = |more: &[&str]| house.run(&[&["user", "mail", "--email", "kim@v.example"], more].concat());
    assert!(mail(&[]).err.contains("Times are written in UTC"));
    for (more, flag) in [
        (["--set", "progress=weekly"], "--set"),
        (["--set", "turn=none"], "--set"),
        (["--time-zone", "Berlin"], "--time-zone"),
        (["--set", "progress"], "--set"),
    ] {
        let ran = mail(&more);
        assert!(ran.code == 2 && ran.err.contains(flag), "{more:?}: {ran:?}");
    }
    let ran = mail(&["--time-zone", "Europe/Berlin", "--set", "progress=daily", "--set", "queue=none", "--json"]);
    assert!(ran.code == 0 && ran.err.contains("Europe/Berlin"), "{ran:?}");
    let rows: Vec<serde_json::Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let when = |about: &str| rows.iter().find(|row| row["about"] == about).unwrap()["when"].clone();
    assert_eq!((when("progress"), when("queue"), when("endings")), ("daily".into(), "none".into(), "now".into()));
    assert_eq!(house.run(&["user", "mail", "--email", "nobody@v.example"]).code, 4);
}
