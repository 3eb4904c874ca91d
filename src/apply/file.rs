//! Settings as a JSON file for the vendor's own automation: whole or not at all, without the password.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{
    Applied, ApplyError, ApplyRequest, Outcome, PasswordChange, SyslogApplied, SyslogRequest, fields, syslogs,
};
use crate::files;
use crate::redact::excerpt;

/// A folder that the vendor's automation watches.
#[derive(Clone, Debug)]
pub struct FileTarget {
    /// Made if it is missing.
    pub folder: PathBuf,
    /// Names the product tenant in the file.
    pub tenant: String,
}

impl FileTarget {
    pub(super) fn describe(&self) -> String {
        format!("Settings are written to {} for the vendor's automation", self.folder.display())
    }

    /// Writes `<reference>.smtp-settings.json`, readable by its owner only; a repeat overwrites it with the same bytes.
    /// `application_settings` is the body that the product's API takes, without the password; `password` says what
    /// becomes of it and names its place in the vault.
    pub(super) async fn apply(&self, request: &ApplyRequest) -> Result<Applied, ApplyError> {
        let wanted = fields::wanted(request)?;
        let name = format!("{}.smtp-settings.json", file_name(&request.reference)?);
        let content = self.content(&request.reference, &wanted, &request.password);
        let text = format!("{content:#}\n");
        let path = self.write(name, text).await?;
        let read_back = fields::compare(&fields::with_password(&wanted, &request.password), None);
        Ok(Applied { before: None, sent: content, read_back, outcome: Outcome::WrittenToFile { path }, put_back: None })
    }

    /// Writes `<reference>.syslog-settings.json` in the same way. `syslog` is the object that the product's API takes.
    pub(super) async fn apply_syslog(&self, request: &SyslogRequest) -> Result<SyslogApplied, ApplyError> {
        let wanted = request.wanted()?;
        let name = format!("{}.syslog-settings.json", file_name(&request.reference)?);
        let content = json!({"format": 1, "reference": request.reference, "tenant": self.tenant, "syslog": wanted});
        let path = self.write(name, format!("{content:#}\n")).await?;
        let read_back = syslogs::compare(&wanted, None);
        let outcome = Outcome::WrittenToFile { path };
        Ok(SyslogApplied { id: request.known, sent: content, read_back, outcome, put_back: None, others: Vec::new() })
    }

    async fn write(&self, name: String, text: String) -> Result<PathBuf, ApplyError> {
        let folder = self.folder.clone();
        let failed = |source| ApplyError::File { folder: self.folder.clone(), source };
        tokio::task::spawn_blocking(move || files::write_whole(&folder, &name, text.as_bytes()))
            .await
            .map_err(|error| failed(std::io::Error::other(error)))?
            .map_err(failed)
    }

    fn content(&self, reference: &str, wanted: &Map<String, Value>, password: &PasswordChange) -> Value {
        let password = match password {
            PasswordChange::Keep => json!({"change": "keep"}),
            PasswordChange::Clear => json!({"change": "clear"}),
            PasswordChange::Set { vault_reference, .. } => {
                json!({"change": "set", "vault_reference": vault_reference})
            }
        };
        json!({
            "format": 1,
            "reference": reference,
            "tenant": self.tenant,
            "application_settings": wanted,
            "password": password,
        })
    }
}

fn file_name(reference: &str) -> Result<&str, ApplyError> {
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
    if reference.is_empty() || reference.len() > 100 || reference.starts_with('.') || !reference.chars().all(plain) {
        return Err(ApplyError::Refused {
            field: "reference",
            received: excerpt(reference, 120),
            advice: "it names a file: up to 100 letters, digits, '.', '_' and '-', not beginning with '.'",
        });
    }
    Ok(reference)
}
