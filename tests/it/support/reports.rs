//! Reports of tunnel tests as they are stored: one for each way in which a test ends. All speak from 10.99.0.8 through our
//! gateway's inside address 10.99.0.1 to 10.20.4.15:587, and say [`BANNER`] where the server speaks.

use serde_json::{Value as Json, json};

/// What the server greets with, in every report in which it greets.
pub(crate) const BANNER: &str = "220 mx1.alder.example ESMTP canary-banner";

/// What names our side and is not for customers.
pub(crate) const OURS: [&str; 5] = ["10.99.0.8", "10.99.0.1", "10.99.0.0/24", "ipsec7", "ESTABLISHED"];

const STAGES: [&str; 18] = [
    "form", "classify", "resolve", "policy", "route", "tcp", "banner", "ehlo", "starttls", "tls", "cert", "ehlo2",
    "auth", "mail", "rcpt", "data", "data_end", "quit",
];

/// Every sample with its name.
pub(crate) fn all() -> Vec<(&'static str, Json)> {
    vec![
        ("pass", pass()),
        ("tcp", tcp()),
        ("certificate", certificate()),
        ("greylisted", greylisted()),
        ("lost", lost()),
        ("could-not-tell", could_not_tell()),
        ("gateway", gateway()),
        ("refused", refused()),
        ("syslog-udp", syslog_udp()),
        ("syslog-tls", syslog_tls()),
        ("syslog-refused", syslog_refused()),
        ("hostile", hostile()),
    ]
}

/// A full test that passed, with a warning, an account and two recipients.
pub(crate) fn pass() -> Json {
    let mut report = through("quit", "pass", None);
    with(
        &mut report,
        json!({
            "level": "full", "verdict": "reachable_with_warnings", "stage": null, "ms": 1412,
            "warnings": ["cert.expires_soon"], "certificate": certificate_of("pass"),
            "recipients": [
                {"address": "soc@alder.example", "status": "pass", "code": 250, "text": "2.1.5 canary-recipient ok"},
                {"address": "it@alder.example", "status": "pass", "code": 250, "text": "2.1.5 canary-recipient ok"},
            ],
            "transcript": transcript(), "path": path(3, 5, Some(12)),
        }),
    );
    for stage in ["data", "data_end"] {
        change(&mut report, stage, json!({"status": "not_run", "start_ms": 0, "ms": 0, "detail": null}));
    }
    change(&mut report, "cert", json!({"status": "warn", "cause": "cert.expires_soon"}));
    report
}

/// A reach test whose connection attempt stayed without an answer; the tunnel was seen to be up.
pub(crate) fn tcp() -> Json {
    let mut report = through("tcp", "fail", Some("tcp.timeout"));
    with(&mut report, json!({"ms": 10052, "path": path(3, 0, Some(12))}));
    change(
        &mut report,
        "tcp",
        json!({"start_ms": 46, "ms": 10006, "detail": "no answer from 10.20.4.15 to 10.99.0.8"}),
    );
    report
}

/// A reach test that ended at the certificate.
pub(crate) fn certificate() -> Json {
    let mut report = through("cert", "fail", Some("cert.name_mismatch"));
    let mut found = certificate_of("pass");
    found["name"] = json!("cert.name_mismatch");
    with(
        &mut report,
        json!({"ms": 164, "certificate": found, "transcript": transcript(), "path": path(7, 9, Some(12))}),
    );
    change(&mut report, "cert", json!({"detail": "expected mail.alder.example; found mx1.alder.example"}));
    report
}

/// A full test that the server asked to come again with; nothing was measured on the way.
pub(crate) fn greylisted() -> Json {
    let mut report = through("rcpt", "deferred", Some("rcpt.greylisted"));
    let lines = json!(["450 4.2.0 canary-greylist, come back in 300 seconds"]);
    with(
        &mut report,
        json!({
            "level": "full", "verdict": "deferred", "ms": 702, "retry_after_s": 300, "certificate": certificate_of("pass"), "transcript": transcript(),
            "recipients": [{"address": "soc@alder.example", "status": "deferred", "code": 450, "text": "4.2.0 canary-greylist"}],
        }),
    );
    change(&mut report, "rcpt", json!({"code": 450, "enhanced": "4.2.0", "server_lines": lines}));
    report
}

/// A reach test whose packets went into the tunnel and did not come back; the path names its candidates.
pub(crate) fn lost() -> Json {
    let mut report = through("tcp", "fail", Some("tunnel.lost_beyond_entry"));
    let mut measured = path(3, 0, None);
    measured["candidates"] = json!([
        "the customer's gateway is gone although the tunnel still reads as established: no echo to 10.99.0.8",
        "the customer's network has no way back to the alerting IP",
        "the customer's firewall drops packets from the alerting IP (or sees them come from another address)",
    ]);
    with(&mut report, json!({"ms": 10038, "path": measured}));
    change(
        &mut report,
        "tcp",
        json!({"start_ms": 38, "ms": 10000, "detail": "no answer from 10.20.4.15 to 10.99.0.8"}),
    );
    report
}

/// A test that our own side did not bring to its end.
pub(crate) fn could_not_tell() -> Json {
    let mut report = through("ehlo", "fail", Some("probe.total_limit"));
    with(&mut report, json!({"verdict": "could_not_tell", "ms": 60000, "transcript": transcript()}));
    report
}

/// A reach test that a gateway of ours turned back: it had no route.
pub(crate) fn gateway() -> Json {
    let mut report = through("tcp", "fail", Some("route.gateway_no_route"));
    let mut measured = path(1, 0, None);
    with(
        &mut measured,
        json!({
            "tunnel": null, "sent": null, "received": null, "echo": null,
            "refused_by": {"address": "10.99.0.1", "icmp_type": 3, "icmp_code": 0},
        }),
    );
    with(&mut report, json!({"ms": 52, "path": measured}));
    change(&mut report, "tcp", json!({"ms": 3, "detail": "10.99.0.1 says: network unreachable"}));
    report
}

/// A reach test whose connection was refused.
pub(crate) fn refused() -> Json {
    let mut report = through("tcp", "fail", Some("tcp.refused"));
    with(&mut report, json!({"ms": 58, "path": path(1, 1, Some(12))}));
    report
}

/// What the receiver of a SYSLOG message is to be searched for.
pub(crate) const TEST_ID: &str = "postern-7f3a9c";

/// A SYSLOG message over UDP that nothing answered.
pub(crate) fn syslog_udp() -> Json {
    let mut report = syslog(514, &[("syslog_udp", "warn")]);
    with(&mut report, json!({"verdict": "unconfirmed", "stage": "syslog_udp", "cause": "syslog.unconfirmed"}));
    change(&mut report, "syslog_udp", json!({"cause": "syslog.unconfirmed", "detail": "sent twice from 10.99.0.8"}));
    report
}

/// A SYSLOG message that a connection with TLS took.
pub(crate) fn syslog_tls() -> Json {
    let mut report = syslog(6514, &[("tcp", "pass"), ("tls", "pass"), ("cert", "pass"), ("syslog_tls", "pass")]);
    with(&mut report, json!({"verdict": "reachable", "stage": null, "certificate": certificate_of("pass")}));
    report
}

/// A SYSLOG message over UDP to a port that is closed.
pub(crate) fn syslog_refused() -> Json {
    let mut report = syslog(514, &[("syslog_udp", "fail")]);
    with(&mut report, json!({"verdict": "not_reachable", "stage": "syslog_udp", "cause": "syslog.port_closed"}));
    change(&mut report, "syslog_udp", json!({"cause": "syslog.port_closed", "detail": "10.99.0.8 heard a refusal"}));
    report
}

/// A SYSLOG test with these stages after the route.
fn syslog(port: u16, stages: &[(&str, &str)]) -> Json {
    let way = [("form", "pass"), ("classify", "pass"), ("resolve", "skipped"), ("policy", "pass"), ("route", "pass")];
    let stages: Vec<Json> = way.iter().chain(stages).enumerate().map(|(at, (id, status))| {
        json!({"stage": id, "status": status, "start_ms": at * 3, "ms": at, "cause": null, "code": null, "enhanced": null,
            "server_lines": [], "detail": null, "remedy": null})
    }).collect();
    json!({
        "level": "full", "verdict": "reachable", "stage": null, "cause": null, "test_id": TEST_ID,
        "target": {"host": "10.20.4.15", "port": port, "encryption": "none"}, "source": "10.99.0.8",
        "started_at": "2026-11-24T11:40:02Z", "ms": 2011, "stages": stages, "warnings": [], "addresses": [],
        "recipients": [], "certificate": null, "transcript": [],
    })
}

/// A server that says mark-up, and a certificate and recipients that hold it.
pub(crate) fn hostile() -> Json {
    let evil = "<script>alert(1)</script><img src=x onerror=alert(2)>\" ' {{7*7}}";
    let mut report = through("rcpt", "fail", Some("rcpt.rejected"));
    let mut found = certificate_of("cert.self_signed");
    with(&mut found, json!({"subject": evil, "issuer": evil, "names": [evil], "name": evil}));
    with(
        &mut report,
        json!({
            "level": "full", "ms": 700, "certificate": found, "source": evil,
            "target": {"host": "10.20.4.15", "port": 587, "encryption": "starttls"},
            "recipients": [{"address": evil, "status": "fail", "code": 550, "text": evil}],
            "addresses": [{"address": evil, "verdict": "not_reachable", "stage": "rcpt", "cause": "rcpt.rejected", "ms": 1}],
            "transcript": [{"ms": 1, "from": "server", "text": evil}],
        }),
    );
    let mut measured = path(3, 3, None);
    measured["interface"] = json!(evil);
    measured["selector"] = json!(evil);
    measured["tunnel"]["detail"] = json!(evil);
    measured["tunnel"]["remote"] = json!([evil]);
    measured["refused_by"] = json!({"address": evil, "icmp_type": 3, "icmp_code": 13});
    with(&mut report, json!({"path": measured}));
    change(&mut report, "banner", json!({"server_lines": [evil], "detail": evil, "enhanced": evil}));
    report
}

/// A test that passed every stage up to this one, which ended like this.
fn through(last: &str, status: &str, cause: Option<&str>) -> Json {
    let end = STAGES.iter().position(|stage| *stage == last).unwrap();
    let stage = |(at, id): (usize, &&str)| {
        let is_auth = *id == "auth" && cause.is_some();
        let outcome = match at {
            _ if *id == "resolve" || (is_auth && at < end) => "skipped",
            at if at < end => "pass",
            at if at == end => status,
            _ => "not_run",
        };
        let ran = matches!(outcome, "pass" | "fail" | "deferred");
        json!({
            "stage": id, "status": outcome, "start_ms": if ran { at * 9 } else { 0 }, "ms": if ran { at * 2 } else { 0 },
            "cause": if at == end { json!(cause) } else { Json::Null }, "code": null, "enhanced": null,
            "server_lines": if *id == "banner" && ran { json!([BANNER]) } else { json!([]) },
            "detail": if *id == "tls" && ran { json!("TLS 1.3, TLS13_AES_256_GCM_SHA384") } else { Json::Null },
            "remedy": null,
        })
    };
    let stages: Vec<Json> = STAGES.iter().enumerate().map(stage).collect();
    json!({
        "level": "reach", "verdict": "not_reachable", "stage": last, "cause": cause,
        "target": {"host": "10.20.4.15", "port": 587, "encryption": "starttls"}, "source": "10.99.0.8",
        "started_at": "2026-11-24T11:40:02Z", "ms": 0, "stages": stages, "warnings": [], "addresses": [], "recipients": [],
        "certificate": null, "transcript": [],
    })
}

fn path(sent: u64, received: u64, echo: Option<u64>) -> Json {
    json!({
        "interface": "ipsec7", "gateway": "10.99.0.1", "selector": "10.20.0.0/16",
        "tunnel": {
            "kind": "strongswan", "up": true, "detail": "ESTABLISHED, IKEv2, AES_GCM_16_256",
            "since": "2026-11-24T08:12:00Z", "packets_in": 481, "packets_out": 502,
            "local": ["10.99.0.0/24"], "remote": ["10.20.0.0/16"],
        },
        "sent": sent, "received": received, "refused_by": null, "echo": {"address": "10.20.0.1", "ms": echo},
        "candidates": [],
    })
}

fn certificate_of(chain: &str) -> Json {
    json!({
        "subject": "CN=mx1.alder.example", "issuer": "C=GB, O=Alder Mutual, CN=Alder Mutual Issuing CA 2",
        "names": ["mx1.alder.example", "mx2.alder.example"], "not_before": "2026-01-10T00:00:00Z",
        "not_after": "2026-12-06T00:00:00Z", "chain": chain, "name": "pass",
        "sha256": "4f1caa097d3e215589 0c2de1763ab044f1caa097d3e2155890c2de1763ab04".replace(' ', ""),
    })
}

fn transcript() -> Json {
    json!([
        {"ms": 54, "from": "server", "text": BANNER},
        {"ms": 55, "from": "us", "text": "EHLO relay.vendor.example"},
        {"ms": 63, "from": "server", "text": "250-mx1.alder.example"},
        {"ms": 63, "from": "server", "text": "250 STARTTLS"},
        {"ms": 64, "from": "us", "text": "STARTTLS"},
    ])
}

/// Changes one stage.
pub(crate) fn change(report: &mut Json, stage: &str, members: Json) {
    let stages = report["stages"].as_array_mut().unwrap();
    with(stages.iter_mut().find(|known| known["stage"] == stage).unwrap(), members);
}

/// Puts members into an object.
pub(crate) fn with(object: &mut Json, members: Json) {
    let Json::Object(members) = members else { panic!("no object: {members}") };
    object.as_object_mut().unwrap().extend(members);
}
