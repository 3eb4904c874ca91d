//! Test alerts: what each asks of the probe, and what its report means for the case. The outbox's worker and agents carry
//! them out.

use std::sync::Arc;

use super::approval;
use super::completion::{self, Task};
use super::probes::finish;
use super::syslog::line;
use super::{App, Error, chain};
use crate::domain::case::Case;
use crate::domain::cause::WorkflowVerdict;
use crate::domain::channel::Channel;
use crate::probe::message::TestAlert;
use crate::probe::{Entered, ProbeRequest};
use crate::smtp::report::{Level, Report};
use crate::store::outbox::Effect;
use crate::store::{Tx, cases, tunnels};

/// The test alert of an outbox row, with its message.
///
/// # Errors
/// What the database and the vault say; [`Error::Internal`] where the record does not make one.
pub async fn request(app: &App, tx: &mut Tx, effect: &Effect) -> Result<ProbeRequest, Error> {
    let case = case_of(tx, effect).await?;
    match case.channel() {
        Channel::Smtp => {
            let task = completion::load(app, tx, effect).await?;
            mail(app, tx, &task).await
        }
        Channel::Syslog => line::after_apply(app, tx, &case, effect).await,
    }
}

async fn case_of(tx: &mut Tx, effect: &Effect) -> Result<Case, Error> {
    let case = cases::by_id(tx, effect.customer_id, effect.case_id).await?;
    case.ok_or_else(|| Error::Internal(format!("outbox row {}: case is missing", effect.effect_key)))
}

async fn mail(app: &App, tx: &mut Tx, task: &Task) -> Result<ProbeRequest, Error> {
    let (case, settings) = (&task.case, &task.settings);
    let missing = |what: String| Error::Internal(format!("test alert of case {}: {what}", case.number));
    let id = case.tunnel.ok_or_else(|| missing("the case has no tunnel".to_owned()))?;
    let tunnel =
        tunnels::by_id(tx, case.customer, id).await?.ok_or_else(|| missing("the tunnel is gone".to_owned()))?;
    let entered = Entered {
        host: settings.address.clone(),
        port: settings.port.to_string(),
        encryption: settings.encryption.as_str().to_owned(),
        level: Some(Level::Full),
        sender: Some(settings.sender.clone()),
        recipients: vec![settings.recipient.clone()],
        tls_name: settings.tls_name.clone(),
        account: task.account.as_ref().map(|account| account.expose().to_owned()),
        password: task.password.clone(),
        ..Entered::default()
    };
    let approval = approval::of(app, tx, &tunnel, (&settings.address, settings.port)).await?;
    let request = entered.parse().map_err(|fault| missing(format!("{}: {}", fault.field, fault.detail)))?;
    let mut request = finish(app, &tunnel, approval, request);
    let message = TestAlert {
        test_id: &mail_id(task),
        sender: &settings.sender,
        recipients: &entered.recipients,
        customer: &case.title,
        date: settings.made_at,
    };
    request.send = Some(message.build().map_err(|error| missing(chain(&error)))?);
    Ok(request)
}

/// What a person looks for in the mailbox.
fn mail_id(task: &Task) -> String {
    format!("{}-{}", task.case.number, task.settings.made_at.timestamp())
}

/// Takes the report of a test alert that `owner` carried out.
///
/// # Errors
/// What the database says.
pub async fn settle(app: &Arc<App>, owner: &str, effect: Effect, report: &Report) -> Result<(), Error> {
    let evidence = {
        let mut tx = app.db.read().await?;
        match case_of(&mut tx, &effect).await?.channel() {
            Channel::Smtp => {
                let task = completion::load(app, &mut tx, &effect).await?;
                let id = mail_id(&task);
                match report.cause {
                    None => format!("The server accepted test alert {id} for {}", task.settings.recipient),
                    Some(cause) => format!("Test alert {id}: {}", cause.entry().title),
                }
            }
            Channel::Syslog => {
                let id = report.test_id.as_deref().unwrap_or_default();
                match report.cause {
                    None => format!("The transport took test line {id}"),
                    Some(cause) => format!("Test line {id}: {}", cause.entry().title),
                }
            }
        }
    };
    // Over UDP nothing can confirm a line; that it was sent and not refused is all there is.
    let sent = report.workflow_verdict() == WorkflowVerdict::Reachable;
    completion::settle_alert(app, owner, effect, sent, (&evidence, report.test_id.as_deref())).await
}
