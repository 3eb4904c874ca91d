//! Old and new values side by side, for the page on which a person checks before settings are replaced.

use serde_json::Value;

use super::fields::{ACCOUNT, HOST, PORT, SENDER, STARTTLS, TLS, same};
use super::{ApplyRequest, BeforeImage, PasswordChange, PasswordSeen};
use crate::domain::mail_settings::Encryption;

/// One row of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDiff {
    /// The product's name of the field; `encryption` for the pair of `smtpUseStartTLS` and `tls`.
    pub field: &'static str,
    /// The label on the product's page.
    pub label: &'static str,
    /// The value in force; never a password.
    pub old: String,
    /// The value wanted; never a password.
    pub new: String,
    /// Whether the apply changes it. A password that is set counts as changed, as the old one cannot be read.
    pub changed: bool,
}

/// Compares the settings in force with those wanted, in the order of the product's page.
pub fn diff(before: &BeforeImage, request: &ApplyRequest) -> Vec<FieldDiff> {
    let old = |name: &str| before.fields.get(name).cloned().unwrap_or_default();
    let row = |field, label, new: Value| FieldDiff {
        field,
        label,
        old: shown(&old(field)),
        new: shown(&new),
        changed: !same(field, &new, &old(field)),
    };
    let account = request.account.clone().map_or(Value::Null, Value::from);
    let (old_encryption, new_encryption) = (encryption_of(before), word(request.encryption));
    vec![
        row(HOST, "SMTP server address", Value::from(request.host.as_str())),
        row(PORT, "SMTP server port", Value::from(request.port)),
        row(ACCOUNT, "SMTP account", account),
        password(before, &request.password),
        FieldDiff {
            field: "encryption",
            label: "SMTP encryption",
            old: old_encryption.to_owned(),
            new: new_encryption.to_owned(),
            changed: old_encryption != new_encryption,
        },
        row(SENDER, "Sender's e-mail address", Value::from(request.sender.as_str())),
    ]
}

fn password(before: &BeforeImage, change: &PasswordChange) -> FieldDiff {
    let old = match before.password {
        PasswordSeen::Null => "none, or not shown",
        PasswordSeen::Text => "stored, not shown",
        PasswordSeen::Missing => "not shown",
    };
    let (new, changed) = match change {
        PasswordChange::Keep => ("stays as it is", false),
        PasswordChange::Set { .. } => ("a new one", true),
        PasswordChange::Clear => ("none", true),
    };
    let (old, new) = (old.to_owned(), new.to_owned());
    FieldDiff { field: super::fields::PASSWORD, label: "SMTP account password", old, new, changed }
}

fn encryption_of(before: &BeforeImage) -> &'static str {
    let flag = |name: &str| before.fields.get(name).and_then(Value::as_bool);
    match (flag(STARTTLS), flag(TLS)) {
        (Some(false), Some(false)) => "none",
        (Some(true), Some(false)) => "starttls",
        (Some(false), Some(true)) => "implicit_tls",
        (Some(true), Some(true)) => "ambiguous: STARTTLS and TLS are both switched on",
        (None, _) | (_, None) => "not set",
    }
}

fn word(encryption: Encryption) -> &'static str {
    match encryption {
        Encryption::None => "none",
        Encryption::StartTls => "starttls",
        Encryption::ImplicitTls => "implicit_tls",
        Encryption::Unknown => "unknown",
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::String(text) if text.is_empty() => "not set".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::apply::fields;
    use crate::secret::Secret;

    fn before(starttls: bool, tls: bool) -> BeforeImage {
        let answer = json!({HOST: "10.0.0.1", PORT: 25, ACCOUNT: null, fields::PASSWORD: "old-one",
            STARTTLS: starttls, TLS: tls, SENDER: "a@example.com"});
        fields::image(&answer).unwrap()
    }

    fn request(password: PasswordChange) -> ApplyRequest {
        ApplyRequest {
            reference: "case-1".into(),
            host: "10.0.0.1".into(),
            port: 587,
            encryption: Encryption::StartTls,
            account: None,
            password,
            sender: "a@example.com".into(),
        }
    }

    #[test]
    fn only_what_differs_is_marked_and_no_password_is_shown() {
        let set = PasswordChange::Set { password: Secret::new("new-one".into()), vault_reference: "v".into() };
        let rows = diff(&before(false, false), &request(set));
        let changed: Vec<_> = rows.iter().filter(|row| row.changed).map(|row| row.field).collect();
        assert_eq!(changed, [PORT, fields::PASSWORD, "encryption"]);
        let all = format!("{rows:?}");
        assert!(!all.contains("old-one") && !all.contains("new-one"), "{all}");
    }

    #[test]
    fn two_flags_at_once_are_called_ambiguous() {
        let rows = diff(&before(true, true), &request(PasswordChange::Keep));
        let row = rows.iter().find(|row| row.field == "encryption").unwrap();
        assert!(row.changed && row.old.starts_with("ambiguous"));
    }
}
