//! What stands in the product, beside what was applied: read through its API, compared, never written here.

use crate::app::{App, Error, chain, completion};
use crate::apply::{ApplyRequest, FieldDiff, PasswordChange, Target, diff};
use crate::domain::channel::Channel;
use crate::store::watches::{DriftRow, SettingsRead, Watch};
use crate::store::{cases, customers, settings};

/// What was read in the product; nothing where it could not be.
#[derive(Clone, Debug, Default)]
pub struct Reading(pub(super) Option<SettingsRead>);

impl Reading {
    /// Reads the settings of a watched server back from the product. What cannot be read is no drift.
    ///
    /// # Errors
    /// What the database and the vault say.
    pub async fn of(app: &App, watch: &Watch) -> Result<Self, Error> {
        let Some((target, wanted)) = prepare(app, watch).await? else { return Ok(Self::default()) };
        match target.current().await {
            Ok(None) => Ok(Self::default()),
            Ok(Some(before)) => {
                let rows = diff(&before, &wanted).into_iter().filter(|row| row.changed).map(DriftRow::from).collect();
                Ok(Self(Some(SettingsRead { at: app.now(), rows })))
            }
            Err(error) => {
                tracing::info!(case = %watch.case_id, error = chain(&error), "settings could not be read back");
                Ok(Self::default())
            }
        }
    }
}

async fn prepare(app: &App, watch: &Watch) -> Result<Option<(Target, ApplyRequest)>, Error> {
    let mut tx = app.db.read().await?;
    let Some(case) = cases::by_id(&mut tx, watch.customer_id, watch.case_id).await? else { return Ok(None) };
    if case.channel() != Channel::Smtp {
        return Ok(None);
    }
    let Some(applied) = settings::newest_applied(&mut tx, case.customer, case.id).await? else { return Ok(None) };
    // What a change of this case has applied stands there by our own hand, before it is proven too.
    let tenant = match applied.tenant_id {
        Some(id) => customers::tenant(&mut tx, case.customer, id).await?,
        None => None,
    };
    if tenant.is_none_or(|tenant| tenant.settings_in_use != Some(applied.id)) {
        return Ok(None);
    }
    let task = completion::opened(app, &mut tx, case, applied).await?;
    let (target, _) = completion::target(app, &mut tx, &task.case, task.settings.tenant_id).await?;
    // A password cannot be read, so it is not compared.
    Ok(Some((target, ApplyRequest { password: PasswordChange::Keep, ..completion::request(&task)? })))
}

impl From<FieldDiff> for DriftRow {
    /// The account is a secret of the customer: that it differs is said, and not how.
    fn from(row: FieldDiff) -> Self {
        let is_account = row.label == "SMTP account";
        let shown = |text: String| if is_account { "[hidden]".to_owned() } else { text };
        Self { field: row.field.to_owned(), label: row.label.to_owned(), theirs: shown(row.old), ours: shown(row.new) }
    }
}

/// The fields in a line, for the log and for mails.
pub(super) fn in_a_line(rows: &[DriftRow]) -> String {
    let texts: Vec<String> =
        rows.iter().map(|row| format!("{}: {} became {}", row.label, row.ours, row.theirs)).collect();
    texts.join("; ")
}
