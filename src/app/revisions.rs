//! Revisions of SMTP settings: made from what a case holds, kept for good, applied only after a full test of exactly them.

use chrono::{DateTime, Utc};

use super::Error;
use super::facts;
use super::firing::Firing;
use crate::clock::fresh_id;
use crate::domain::case::Case;
use crate::domain::id::{PersonId, SettingsId};
use crate::domain::mail_settings::Encryption;
use crate::store::settings::{self, Settings};
use crate::store::{Tx, cases, customers, vault};

/// The settings that a full test is to use: the newest revision where it still equals the case, else a new one.
///
/// # Errors
/// What the database says.
pub(super) async fn revise_settings(tx: &mut Tx, case: &Case, firing: &Firing<'_>) -> Result<SettingsId, Error> {
    let made_by = firing.actor.person().map(|person| person.id);
    let fresh = from_case(tx, case, (made_by, firing.at)).await?;
    if let Some(newest) = settings::newest(tx, case.customer, case.id).await?
        && is_same(&newest, &fresh)
    {
        return Ok(newest.id);
    }
    settings::add(tx, &fresh).await?;
    Ok(fresh.id)
}

async fn from_case(
    tx: &mut Tx,
    case: &Case,
    (made_by, made_at): (Option<PersonId>, DateTime<Utc>),
) -> Result<Settings, Error> {
    let text = |field: &str| facts::text(case, field);
    let address = text("smtp_ip")?;
    let word = text("encryption")?;
    let encryption = Encryption::parse(&word)
        .map_err(|error| Error::Internal(format!("case {}: encryption: {error}", case.number)))?;
    let key = (case.customer, case.id);
    Ok(Settings {
        customer_id: case.customer,
        id: SettingsId::new(fresh_id()),
        case_id: case.id,
        tenant_id: case.tenant,
        host: text("smtp_host").unwrap_or_else(|_no_name| address.clone()),
        address,
        port: facts::number(case, "smtp_port")?,
        encryption,
        sender: text("sender_address")?,
        tls_name: text("tls_name").ok().or_else(|| text("smtp_host").ok()),
        recipient: text("test_recipient")?,
        account_id: vault::field(tx, key, "smtp_account").await?,
        password_id: vault::field(tx, key, "smtp_password").await?,
        made_by,
        made_at,
        passed_probe: None,
        applied_at: None,
        applied_how: None,
    })
}

fn is_same(a: &Settings, b: &Settings) -> bool {
    (&a.host, &a.address, a.port, a.encryption, &a.sender, &a.tls_name, &a.recipient, a.account_id, a.password_id)
        == (
            &b.host,
            &b.address,
            b.port,
            b.encryption,
            &b.sender,
            &b.tls_name,
            &b.recipient,
            b.account_id,
            b.password_id,
        )
}

/// The newest revision of a case.
///
/// # Errors
/// [`Error::Internal`] where there is none: the definition asks for settings before anything that uses them.
pub(super) async fn newest_settings(tx: &mut Tx, case: &Case) -> Result<Settings, Error> {
    settings::newest(tx, case.customer, case.id)
        .await?
        .ok_or_else(|| Error::Internal(format!("case {} has no settings", case.number)))
}

/// The newest revision, which must have passed a full test: nothing else is ever applied.
///
/// # Errors
/// [`Error::Internal`] where it has not.
pub(super) async fn settings_to_apply(tx: &mut Tx, case: &Case) -> Result<Settings, Error> {
    let newest = newest_settings(tx, case).await?;
    if newest.passed_probe.is_none() {
        return Err(Error::Internal(format!(
            "settings of case {} passed no full test and are not applied",
            case.number
        )));
    }
    Ok(newest)
}

/// The settings that were in force before a case changed them: those that its parent applied last.
///
/// # Errors
/// [`Error::Internal`] where there are none: the definition changes settings of a server in use only.
pub(super) async fn former_settings(tx: &mut Tx, case: &Case) -> Result<Settings, Error> {
    let none = || Error::Internal(format!("case {} has no former settings to put back", case.number));
    let parent = cases::by_number(tx, case.parent.ok_or_else(none)?).await?.ok_or_else(none)?;
    settings::newest_applied(tx, parent.customer, parent.id).await?.ok_or_else(none)
}

/// Where a case holds exactly what its child has applied, that is a revision of its own too, with the same proof.
///
/// # Errors
/// What the database says.
pub(super) async fn adopt(tx: &mut Tx, case: &Case, child: &Case, at: DateTime<Utc>) -> Result<(), Error> {
    let Some(applied) = settings::newest_applied(tx, child.customer, child.id).await? else { return Ok(()) };
    let held = from_case(tx, case, (applied.made_by, at)).await?;
    if !is_same(&held, &applied) {
        return Ok(());
    }
    let Settings { passed_probe, applied_at, applied_how, .. } = applied;
    let own = Settings { passed_probe, applied_at, applied_how, ..held };
    settings::add(tx, &own).await?;
    if let Some(tenant) = own.tenant_id {
        customers::set_settings_in_use(tx, (case.customer, tenant), own.id).await?;
    }
    Ok(())
}

/// Where a person says that the settings were entered by hand, that is what is on record: they could not be read back.
///
/// # Errors
/// What the database says.
pub(super) async fn note_by_hand(
    tx: &mut Tx,
    case: &Case,
    settings: &Settings,
    firing: &Firing<'_>,
) -> Result<(), Error> {
    let by_hand = matches!(firing.event, "applied_by_hand" | "put_back_by_hand");
    let Some(person) = firing.actor.person().filter(|_| by_hand) else { return Ok(()) };
    let how = format!("read-back not possible, confirmed by {}", person.name);
    settings::set_applied(tx, (case.customer, settings.id), firing.at, &how).await?;
    if let Some(tenant) = settings.tenant_id {
        customers::set_settings_in_use(tx, (case.customer, tenant), settings.id).await?;
    }
    Ok(())
}
