//! Writes SMTP settings and SYSLOG alerts into the product and reads them back: through its API, or as a file for the vendor's own
//! automation. Knows nothing of cases and stores nothing; who calls keeps what is returned as evidence, and lets one
//! apply run at a time per product tenant, since the product's API has no version to compare (no `ETag`).

mod diff;
mod error;
mod exchange;
mod fields;
mod file;
mod relays;
mod stand_in;
mod syslogs;
mod tie;
mod tie_syslogs;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use diff::{FieldDiff, diff};
pub use error::{ApplyError, Step};
pub use file::FileTarget;
pub use relays::{RelaySeen, RelaysRead};
pub use stand_in::{Behaviour, PasswordShown, Recorded, StandIn};
pub use syslogs::{SyslogApplied, SyslogRequest};
pub use tie::TieTarget;
pub use tie_syslogs::{Offer, Offers};

use crate::domain::mail_settings::Encryption;
use crate::secret::Secret;

/// Where settings go.
#[derive(Debug)]
pub enum Target {
    /// The REST API of Tenable Identity Exposure.
    Tie(TieTarget),
    /// A JSON file for the vendor's automation.
    File(FileTarget),
}

/// The settings to write. A Secure Relay (`smtpRelayId`) is never part of it: relay customers set it themselves.
#[derive(Debug)]
pub struct ApplyRequest {
    /// Names the request in a file name and in the file, for example `case-1042`; letters, digits, `.`, `_`, `-`.
    pub reference: String,
    /// Address or host name of the SMTP server.
    pub host: String,
    /// TCP port, 1 to 65535.
    pub port: u16,
    /// `Unknown` is refused: the test must have settled it.
    pub encryption: Encryption,
    /// `None` writes that there is no account.
    pub account: Option<String>,
    /// What happens to the stored password.
    pub password: PasswordChange,
    /// Sender address of the product's mails.
    pub sender: String,
}

/// What happens to the password that the product stores.
#[derive(Debug)]
pub enum PasswordChange {
    /// The field is not sent.
    Keep,
    /// A new one. The reference names it in the vault, for the file that must not hold it.
    Set {
        /// The password.
        password: Secret,
        /// Where the vendor's automation finds it, for example `case/1042/smtp_password`.
        vault_reference: String,
    },
    /// The product shall store none.
    Clear,
}

/// The product's SMTP settings as they were read, without the password: what the product answers there may be a mask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeforeImage {
    /// SMTP fields by the product's names; `smtpRelayId` where the product has it, for display only.
    pub fields: BTreeMap<String, Value>,
    /// What stood in the place of the password.
    pub password: PasswordSeen,
}

/// What the product answered in the place of the password. The value itself is never kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordSeen {
    /// `null`: none is stored, or the product does not show it.
    Null,
    /// Some text: the password or a mask.
    Text,
    /// The field is not in the answer.
    Missing,
}

/// What an apply did: the evidence that the case keeps. Holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// The settings that stood there; `None` for a file.
    pub before: Option<BeforeImage>,
    /// What was sent or written, by the product's names; a password reads `[hidden]`.
    pub sent: Value,
    /// Field by field, what was wanted and what was read back.
    pub read_back: Vec<FieldCheck>,
    /// How it ended.
    pub outcome: Outcome,
    /// What was done about the settings that stood there, where the apply failed after something was sent.
    pub put_back: Option<PutBack>,
}

/// How an apply ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Written and read back equal, as far as it can be read.
    Applied,
    /// Not in force; the reason says what happened and what to do.
    Failed {
        /// For the engineer.
        reason: String,
        /// Whether the same request may be tried again without a change.
        retryable: bool,
    },
    /// The file is there; whether the product has the settings is for a person to confirm.
    WrittenToFile {
        /// Where.
        path: PathBuf,
    },
}

/// One field, wanted and read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldCheck {
    /// The product's name of the field.
    pub field: String,
    /// What was sent; `[hidden]` for a password.
    pub wanted: Value,
    /// What was read; `null` where it cannot be read.
    pub got: Value,
    /// The comparison.
    pub result: Comparison,
}

/// How a field that was read compares with what was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// The same.
    Equal,
    /// Something else.
    Different,
    /// A password, a file, or a product that could not be asked.
    CannotBeRead,
}

/// What became of the settings that stood there before a failed apply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PutBack {
    /// How it ended.
    pub state: PutBackState,
    /// What was sent; `null` where nothing was; a password reads `[hidden]`.
    pub sent: Value,
    /// What became of the password.
    pub password: PasswordAfter,
}

/// How putting back ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PutBackState {
    /// The product still holds what stood there.
    NotNeeded,
    /// Sent and read back equal.
    Done,
    /// The product may hold a mixture; a person has to look.
    Failed {
        /// For the engineer.
        reason: String,
    },
}

/// What became of the product's password when settings were put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordAfter {
    /// Never changed.
    Untouched,
    /// The previous one was sent again, from our vault.
    Restored,
    /// Previous password unknown, enter it. Where the new one had been stored it was cleared, so that it is not shown
    /// to the previous server.
    PreviousUnknown,
}

/// What a test message of the product led to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestAlert {
    /// What was sent to the product.
    pub sent: Value,
    /// What the product answered; it does not say whether the mail left.
    pub answer: Value,
}

impl Target {
    /// One line for the admin page; no secret in it.
    pub fn describe(&self) -> String {
        match self {
            Self::Tie(target) => target.describe(),
            Self::File(target) => target.describe(),
        }
    }

    /// The settings in force, for the comparison before an apply; `None` where the target cannot be read.
    pub async fn current(&self) -> Result<Option<BeforeImage>, ApplyError> {
        match self {
            Self::Tie(target) => target.current().await.map(Some),
            Self::File(_) => Ok(None),
        }
    }

    /// Writes the settings and proves it as far as possible. `previous_password` is the one in force, from our vault;
    /// without it a failed apply cannot restore the password. An error means that nothing was changed; a failure after
    /// something was sent is an [`Outcome::Failed`] with its [`PutBack`].
    pub async fn apply(
        &self,
        request: &ApplyRequest,
        previous_password: Option<&Secret>,
    ) -> Result<Applied, ApplyError> {
        match self {
            Self::Tie(target) => target.apply(request, previous_password).await,
            Self::File(target) => target.apply(request).await,
        }
    }

    /// What the product offers for an alert by SYSLOG to name; `None` where the target cannot be read.
    pub async fn offers(&self) -> Option<Offers> {
        match self {
            Self::Tie(target) => Some(target.offers().await),
            Self::File(_) => None,
        }
    }

    /// The alert by SYSLOG in force beside the one wanted; `None` where the target cannot be read.
    pub async fn compare_syslog(&self, request: &SyslogRequest) -> Result<Option<Vec<FieldDiff>>, ApplyError> {
        match self {
            Self::Tie(target) => target.compare_syslog(request).await.map(Some),
            Self::File(_) => Ok(None),
        }
    }

    /// Makes or changes one alert by SYSLOG and proves it by reading it back. An error means that nothing was changed.
    pub async fn apply_syslog(&self, request: &SyslogRequest) -> Result<SyslogApplied, ApplyError> {
        match self {
            Self::Tie(target) => target.apply_syslog(request).await,
            Self::File(target) => target.apply_syslog(request).await,
        }
    }

    /// The Secure Relays that the tenant names; nothing is changed. A file names none.
    pub async fn relays(&self) -> Result<RelaysRead, ApplyError> {
        match self {
            Self::Tie(target) => target.relays().await,
            Self::File(_) => Ok(RelaysRead::default()),
        }
    }

    /// Asks the product to send its own test message to `to`, about the directories with these ids (at least one).
    /// It is sent once and never repeated by itself: each call is a mail. Proves the product, not only the path.
    pub async fn product_test_alert(&self, to: &str, directories: &[i64]) -> Result<TestAlert, ApplyError> {
        match self {
            Self::Tie(target) => target.product_test_alert(to, directories).await,
            Self::File(_) => Err(ApplyError::NotPossible {
                what: "a test message of the product",
                advice: "send the direct test alert, or have it sent from the product's own pages",
            }),
        }
    }
}

impl PutBack {
    /// The put-back in a sentence or two, for the case page.
    pub fn sentence(&self) -> String {
        let settings = match &self.state {
            PutBackState::NotNeeded => "The product still holds the previous settings.".to_owned(),
            PutBackState::Done => "The previous settings were put back and read back equal.".to_owned(),
            PutBackState::Failed { reason } => {
                format!("The previous settings could not be put back ({reason}): compare them in the product by hand.")
            }
        };
        let password = match self.password {
            PasswordAfter::Untouched => "",
            PasswordAfter::Restored => " The previous password was sent again.",
            PasswordAfter::PreviousUnknown => " Previous password unknown: enter it in the product.",
        };
        format!("{settings}{password}")
    }
}
