//! Why a test ended as it did: one entry per cause, with who acts and what each side does about it.
//!
//! The identifiers are stable: they stand in the API, in stored reports and in the commands' JSON. The table itself is
//! in `table.rs`; a workflow sees only the `WorkflowVerdict` that the table maps each cause to.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod table;

pub use table::Cause;

/// One row of the table of causes.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Stable identifier, `group.name`.
    pub id: &'static str,
    /// The step of the test that people see it under.
    pub step: Step,
    /// Who acts next.
    pub owner: Owner,
    /// What a workflow is told.
    pub verdict: WorkflowVerdict,
    /// What was seen, as a heading.
    pub title: &'static str,
    /// What the customer does about it; says so where there is nothing to do.
    pub remedy_customer: &'static str,
    /// What an engineer of the vendor does about it.
    pub remedy_engineer: &'static str,
}

/// The steps of a test as people see them, in order. Stages of the dialogue are finer (see `smtp::stage`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// What was asked for, and whether it may be tested.
    Whitelist,
    /// The tunnel carries traffic.
    Tunnel,
    /// The address is known and our side has a way to it.
    Route,
    /// The server accepts a connection.
    Tcp,
    /// The server speaks SMTP to us.
    Greeting,
    /// The connection is encrypted, and to the right server.
    Encryption,
    /// The account and password are accepted.
    SignIn,
    /// The server takes mail from the sender to the recipient.
    SenderRecipient,
    /// A test alert was handed over; only when asked for.
    TestAlert,
    /// A SYSLOG message was handed over.
    Syslog,
    /// Our own machinery, no step of the path.
    Machinery,
}

impl Step {
    /// The heading of the step.
    pub fn title(self) -> &'static str {
        match self {
            Self::Whitelist => "Whitelist",
            Self::Tunnel => "Tunnel",
            Self::Route => "Route",
            Self::Tcp => "TCP connection",
            Self::Greeting => "SMTP greeting",
            Self::Encryption => "Encryption",
            Self::SignIn => "Sign-in",
            Self::SenderRecipient => "Sender and recipient",
            Self::TestAlert => "Test alert",
            Self::Syslog => "SYSLOG",
            Self::Machinery => "Our test",
        }
    }
}

/// Who acts next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The customer's own people: gateway, firewall, mail server.
    Customer,
    /// Whoever runs a mail server for the customer.
    Provider,
    /// The vendor: our side.
    Vendor,
    /// Nobody has to act; time or nothing is needed.
    Nobody,
}

impl Owner {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Provider => "provider",
            Self::Vendor => "vendor",
            Self::Nobody => "nobody",
        }
    }
}

macro_rules! workflow_verdicts {
    ($($(#[$doc:meta])* $variant:ident $word:literal)*) => {
        /// What a workflow definition can branch on. The words are part of the format of definitions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum WorkflowVerdict { $($(#[$doc])* #[serde(rename = $word)] $variant,)* }

        impl WorkflowVerdict {
            /// Every verdict, in the order of the contract.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word of the definition format.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

workflow_verdicts! {
    /// The test passed, with or without warnings.
    Reachable "reachable"
    /// The server asks for a later attempt: greylisting, busy.
    Deferred "deferred"
    /// Our side failed; nothing is known about the server.
    CouldNotTell "could_not_tell"
    /// Nothing came back in time.
    Timeout "timeout"
    /// A router or our own routing says that there is no way.
    Unreachable "unreachable"
    /// The host turned the connection down.
    Refused "refused"
    /// The name has no usable address.
    DnsFailure "dns_failure"
    /// Encryption or the certificate is not as demanded.
    TlsFailure "tls_failure"
    /// The account or password was not accepted.
    AuthFailure "auth_failure"
    /// The server does not take mail from this sender.
    SenderRefused "sender_refused"
    /// The server does not pass mail on to this recipient.
    RelayDenied "relay_denied"
    /// Something else than a mail server answered.
    NotSmtp "not_smtp"
    /// The server, or our own policy, does not let us in.
    NotAllowed "not_allowed"
}

impl Cause {
    /// The stable identifier, for example `tcp.timeout`.
    pub fn id(self) -> &'static str {
        self.entry().id
    }

    /// The cause with this identifier.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cause| cause.id() == id)
    }

    /// What a workflow is told.
    pub fn verdict(self) -> WorkflowVerdict {
        self.entry().verdict
    }

    /// True where the cause only ever accompanies a test that passed.
    pub fn is_warning(self) -> bool {
        self.verdict() == WorkflowVerdict::Reachable
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id())
    }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl<'de> Deserialize<'de> for Cause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        Self::from_id(&id).ok_or_else(|| serde::de::Error::custom(format!("no cause has the identifier {id:?}")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn identifiers_are_unique_and_well_formed() {
        let mut seen = BTreeSet::new();
        for cause in Cause::ALL {
            let id = cause.id();
            assert!(seen.insert(id), "{id} occurs twice");
            assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_')), "{id}");
            assert_eq!(Cause::from_id(id), Some(*cause));
            assert_eq!(serde_json::to_value(cause).unwrap(), serde_json::json!(id));
            assert_eq!(serde_json::from_value::<Cause>(serde_json::json!(id)).unwrap(), *cause);
        }
        assert!(serde_json::from_value::<Cause>(serde_json::json!("tcp.nonsense")).is_err());
    }

    #[test]
    fn every_verdict_word_is_produced_by_some_cause() {
        let produced: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.verdict()).collect();
        assert_eq!(produced, WorkflowVerdict::ALL.iter().copied().collect());
        for verdict in WorkflowVerdict::ALL {
            assert_eq!(serde_json::to_value(verdict).unwrap(), serde_json::json!(verdict.as_str()));
        }
    }

    #[test]
    fn texts_are_sentences_that_neither_plead_nor_shout() {
        for cause in Cause::ALL {
            let entry = cause.entry();
            assert!(!entry.title.is_empty() && !entry.title.ends_with('.'), "{}: title", entry.id);
            for text in [entry.remedy_customer, entry.remedy_engineer] {
                assert!(text.len() > 10 && text.ends_with('.'), "{}: {text}", entry.id);
                assert!(!text.to_lowercase().contains("please") && !text.contains('!'), "{}: {text}", entry.id);
            }
        }
    }

    #[test]
    fn what_is_the_vendors_fault_is_never_blamed_on_the_customers_server() {
        for cause in Cause::ALL.iter().filter(|cause| cause.id().starts_with("probe.")) {
            assert_eq!(cause.entry().owner, Owner::Vendor, "{cause}");
            assert_eq!(cause.verdict(), WorkflowVerdict::CouldNotTell, "{cause}");
        }
    }
}
