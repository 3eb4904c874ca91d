//! The product's SMTP fields: their names, what a request makes of them, when two values say the same.
//!
//! Names and shapes: Tenable Identity Exposure, OpenAPI of `/api/application-settings`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{ApplyError, ApplyRequest, BeforeImage, Comparison, FieldCheck, PasswordChange, PasswordSeen};
use crate::domain::mail_settings::Encryption;
use crate::redact::{HIDDEN, excerpt};
use crate::secret::Secret;

pub(super) const HOST: &str = "smtpServerAddress";
pub(super) const PORT: &str = "smtpServerPort";
pub(super) const ACCOUNT: &str = "smtpAccount";
pub(super) const PASSWORD: &str = "smtpAccountPassword";
pub(super) const STARTTLS: &str = "smtpUseStartTLS";
pub(super) const TLS: &str = "tls";
pub(super) const SENDER: &str = "emailSender";
/// Read for display, never sent.
pub(super) const RELAY: &str = "smtpRelayId";

/// The fields that are sent and can be read back, in the order of the product's page.
pub(super) const COMPARED: [&str; 6] = [HOST, PORT, ACCOUNT, STARTTLS, TLS, SENDER];

/// The fields of a request but the password; refuses what the product cannot hold or would misunderstand.
pub(super) fn wanted(request: &ApplyRequest) -> Result<Map<String, Value>, ApplyError> {
    let (starttls, tls) = flags(request.encryption)?;
    check(request)?;
    let Value::Object(fields) = json!({
        HOST: request.host,
        PORT: request.port,
        ACCOUNT: request.account,
        STARTTLS: starttls,
        TLS: tls,
        SENDER: request.sender,
    }) else {
        return Ok(Map::new());
    };
    Ok(fields)
}

/// Adds the password to fields that are about to be sent.
pub(super) fn with_password(fields: &Map<String, Value>, change: &PasswordChange) -> Map<String, Value> {
    let mut fields = fields.clone();
    match change {
        PasswordChange::Keep => None,
        PasswordChange::Set { password, .. } => fields.insert(PASSWORD.to_owned(), json!(password.expose())),
        PasswordChange::Clear => fields.insert(PASSWORD.to_owned(), Value::Null),
    };
    fields
}

/// The same body for eyes and records: a password that is set reads `[hidden]`.
pub(super) fn hidden(body: &Map<String, Value>) -> Value {
    let mut body = body.clone();
    if let Some(password) = body.get_mut(PASSWORD)
        && !password.is_null()
    {
        *password = json!(HIDDEN);
    }
    Value::Object(body)
}

/// The SMTP part of the product's answer; `Err` names the field whose absence shows that this is not the product.
pub(super) fn image(answer: &Value) -> Result<BeforeImage, String> {
    let answer = answer.as_object().ok_or("a JSON object was expected")?;
    let mut fields = BTreeMap::new();
    for name in COMPARED {
        let value = answer.get(name).ok_or_else(|| format!("the field {name} is missing"))?;
        if value.is_array() || value.is_object() {
            return Err(format!("the field {name} is not a plain value"));
        }
        fields.insert(name.to_owned(), value.clone());
    }
    if let Some(relay) = answer.get(RELAY) {
        fields.insert(RELAY.to_owned(), relay.clone());
    }
    let password = match answer.get(PASSWORD) {
        None => PasswordSeen::Missing,
        Some(Value::Null) => PasswordSeen::Null,
        Some(_) => PasswordSeen::Text,
    };
    Ok(BeforeImage { fields, password })
}

/// Compares what was sent with what was read; without a reading nothing can be compared.
pub(super) fn compare(sent: &Map<String, Value>, read: Option<&BeforeImage>) -> Vec<FieldCheck> {
    let check = |(name, value): (&String, &Value)| {
        let got = read.and_then(|image| image.fields.get(name));
        let result = match got {
            None => Comparison::CannotBeRead,
            Some(got) if same(name, value, got) => Comparison::Equal,
            Some(_) => Comparison::Different,
        };
        let wanted = if name == PASSWORD && !value.is_null() { json!(HIDDEN) } else { value.clone() };
        FieldCheck { field: name.clone(), wanted, got: got.cloned().unwrap_or_default(), result }
    };
    sent.iter().map(check).collect()
}

/// Whether two readings hold the same settings, the password left aside.
pub(super) fn same_settings(one: &BeforeImage, other: &BeforeImage) -> bool {
    let field = |image: &BeforeImage, name: &str| image.fields.get(name).cloned().unwrap_or_default();
    COMPARED.iter().all(|name| same(name, &field(one, name), &field(other, name)))
}

/// Whether a product that answers `got` holds `wanted`: names in any case, 587 as 587.0, no account as an empty one.
pub(super) fn same(name: &str, wanted: &Value, got: &Value) -> bool {
    match name {
        HOST => text(wanted).eq_ignore_ascii_case(text(got)),
        PORT => wanted == got || (wanted.is_number() && wanted.as_f64() == got.as_f64()),
        ACCOUNT => text(wanted) == text(got) && wanted.is_number() == got.is_number(),
        SENDER => same_address(text(wanted), text(got)),
        _ => wanted == got,
    }
}

/// The two booleans of the product. Both true is ambiguous and never made here.
fn flags(encryption: Encryption) -> Result<(bool, bool), ApplyError> {
    match encryption {
        Encryption::None => Ok((false, false)),
        Encryption::StartTls => Ok((true, false)),
        Encryption::ImplicitTls => Ok((false, true)),
        Encryption::Unknown => Err(ApplyError::Refused {
            field: "encryption",
            received: "unknown".to_owned(),
            advice: "run the test and take what it proposes: none, starttls or implicit_tls",
        }),
    }
}

fn check(request: &ApplyRequest) -> Result<(), ApplyError> {
    let refused =
        |field, received: &str, advice| Err(ApplyError::Refused { field, received: excerpt(received, 120), advice });
    let unclean = |text: &str| text.trim() != text || text.chars().any(char::is_control);
    if request.host.is_empty() || unclean(&request.host) || request.host.contains(char::is_whitespace) {
        return refused("SMTP server address", &request.host, "give an address or a host name, without spaces");
    }
    if request.port == 0 {
        return refused("SMTP server port", "0", "give a number from 1 to 65535");
    }
    if request.sender.is_empty() || unclean(&request.sender) || !request.sender.contains('@') {
        return refused("sender", &request.sender, "give an e-mail address; the product does not accept none");
    }
    if let Some(account) = &request.account
        && (account.is_empty() || account.chars().any(char::is_control))
    {
        return refused("SMTP account", account, "give the name without control characters, or none at all");
    }
    match &request.password {
        PasswordChange::Set { password, .. } => check_password(password),
        PasswordChange::Keep | PasswordChange::Clear => Ok(()),
    }
}

fn check_password(password: &Secret) -> Result<(), ApplyError> {
    let text = password.expose();
    let refused =
        |advice| Err(ApplyError::Refused { field: "SMTP account password", received: HIDDEN.to_owned(), advice });
    if text.is_empty() {
        return refused("it is empty: choose to keep or to clear it instead");
    }
    if text.chars().any(char::is_control) {
        return refused("it holds control characters, most likely from copying: enter it again");
    }
    if text.chars().all(|character| matches!(character, '*' | '•' | '●' | '∙')) {
        return refused("it is a mask and not a password: enter the password itself");
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The domain of an address has no case, the part before `@` may have one (RFC 5321 section 2.4).
fn same_address(one: &str, other: &str) -> bool {
    match (one.rsplit_once('@'), other.rsplit_once('@')) {
        (Some((name, domain)), Some((other_name, other_domain))) => {
            name == other_name && domain.eq_ignore_ascii_case(other_domain)
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_say_the_same_are_equal_and_others_are_not() {
        for (name, wanted, got, equal) in [
            (HOST, json!("Mail.Example.com"), json!("mail.example.com"), true),
            (HOST, json!("10.20.4.15"), json!("10.20.4.16"), false),
            (HOST, json!("10.20.4.15"), Value::Null, false),
            (PORT, json!(587), json!(587.0), true),
            (PORT, json!(587), json!("587"), false),
            (PORT, json!(587), json!(25), false),
            (ACCOUNT, Value::Null, json!(""), true),
            (ACCOUNT, json!("alerts"), json!("Alerts"), false),
            (SENDER, json!("a@Example.com"), json!("a@example.com"), true),
            (SENDER, json!("A@example.com"), json!("a@example.com"), false),
            (TLS, json!(true), json!(true), true),
            (TLS, json!(true), json!(1), false),
        ] {
            assert_eq!(same(name, &wanted, &got), equal, "{name}: {wanted} and {got}");
        }
    }

    #[test]
    fn each_encryption_has_its_flags_and_unknown_has_none() {
        assert_eq!(flags(Encryption::None).unwrap(), (false, false));
        assert_eq!(flags(Encryption::StartTls).unwrap(), (true, false));
        assert_eq!(flags(Encryption::ImplicitTls).unwrap(), (false, true));
        assert!(flags(Encryption::Unknown).unwrap_err().to_string().contains("run the test"));
    }

    #[test]
    fn a_mask_is_not_a_password() {
        for text in ["********", "••••", ""] {
            let message = check_password(&Secret::new(text.to_owned())).unwrap_err().to_string();
            assert!(message.contains("[hidden]"), "{message}");
        }
        assert!(check_password(&Secret::new("***a***".to_owned())).is_ok());
    }
}
