//! The lines that tests hand over: what a queued test and a test after applying ask of the probe.

use super::{newest, tls_name, transport};
use crate::app::approval;
use crate::app::probes::finish;
use crate::app::{App, Error};
use crate::domain::case::Case;
use crate::domain::syslog::{Framing, TestLine, Transport};
use crate::domain::tunnel::Tunnel;
use crate::probe::{Entered, ProbeRequest, SyslogEntered};
use crate::smtp::report::Level;
use crate::store::Tx;
use crate::store::outbox::Effect;
use crate::store::probes::Probe;
use crate::store::tunnels;

/// What a queued test of a case is to do. Both levels hand over one line; the settings name the same receiver as the case.
///
/// # Errors
/// What the database says; [`Error::Internal`] where the record makes no test.
pub(in crate::app) async fn of_test(
    app: &App,
    tx: &mut Tx,
    (case, tunnel): (&Case, &Tunnel),
    probe: &Probe,
) -> Result<ProbeRequest, Error> {
    let (transport, framing) = transport(case)?;
    let way = Way { transport, framing, tls_name: tls_name(case) };
    let id = format!("postern-{}-t{}", case.number, probe.number);
    request(app, tx, (case, tunnel), (&probe.target_host, probe.target_port), way, id).await
}

/// The line that is sent once the settings are applied.
///
/// # Errors
/// As [`of_test`].
pub(in crate::app) async fn after_apply(
    app: &App,
    tx: &mut Tx,
    case: &Case,
    effect: &Effect,
) -> Result<ProbeRequest, Error> {
    let missing = |what: &str| Error::Internal(format!("test line of case {}: {what}", case.number));
    let settings = newest(tx, case).await?;
    let id = case.tunnel.ok_or_else(|| missing("the case has no tunnel"))?;
    let tunnel = tunnels::by_id(tx, case.customer, id).await?.ok_or_else(|| missing("the tunnel is gone"))?;
    // The key holds the revision of the case, so a line that is sent again has another id.
    let revision = effect.effect_key.split('.').nth(1).unwrap_or_default().trim_start_matches('0');
    let line = format!("postern-{}-a{revision}", case.number);
    let way = Way { transport: settings.transport, framing: settings.framing, tls_name: settings.tls_name };
    request(app, tx, (case, &tunnel), (&settings.address, settings.port), way, line).await
}

/// How a line travels.
struct Way {
    transport: Transport,
    framing: Option<Framing>,
    tls_name: Option<String>,
}

async fn request(
    app: &App,
    tx: &mut Tx,
    (case, tunnel): (&Case, &Tunnel),
    (host, port): (&str, i64),
    way: Way,
    test_id: String,
) -> Result<ProbeRequest, Error> {
    let entered = SyslogEntered {
        common: Entered {
            host: host.to_owned(),
            port: port.to_string(),
            level: Some(Level::Reach),
            tls_name: way.tls_name.filter(|_| way.transport == Transport::Tls),
            ..Entered::default()
        },
        transport: way.transport.as_str().to_owned(),
        framing: way.framing.map(|framing| framing.as_str().to_owned()),
    };
    let sender = tunnel.alerting_ip.to_string();
    let line = TestLine { at: app.now(), host: &sender, test_id: &test_id }.build();
    let approval = approval::of(app, tx, tunnel, (host, port)).await?;
    let request = entered
        .parse(line, test_id)
        .map_err(|fault| Error::Internal(format!("test of case {}: {}: {}", case.number, fault.field, fault.detail)))?;
    Ok(finish(app, tunnel, approval, request))
}
