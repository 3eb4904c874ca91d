//! The stages of a test in order, and the time each may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::cause::Step;

macro_rules! stages {
    ($($(#[$doc:meta])* $variant:ident $id:literal $step:ident $seconds:literal)*) => {
        /// A stage of the test. The identifiers stand in reports and in `--limit STAGE=SECONDS`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Stage { $($(#[$doc])* #[serde(rename = $id)] $variant,)* }

        impl Stage {
            /// Every stage, in the order of a dialogue that begins in clear text.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable identifier.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// The step that people see this stage under.
            pub fn step(self) -> Step {
                match self { $(Self::$variant => Step::$step,)* }
            }

            /// The time the stage may take unless told otherwise. The minutes of RFC 5321 section 4.5.3.2 are meant
            /// for queues; a person waits for this answer.
            pub fn default_limit(self) -> Duration {
                Duration::from_secs(match self { $(Self::$variant => $seconds,)* })
            }
        }
    };
}

stages! {
    /// What was entered makes sense.
    Form "form" Whitelist 1
    /// The class of the address.
    Classify "classify" Whitelist 1
    /// The name has addresses.
    Resolve "resolve" Route 5
    /// The addresses may be tested.
    Policy "policy" Whitelist 1
    /// The socket is bound to the alerting IP (and device).
    Route "route" Route 1
    /// The TCP connection.
    Tcp "tcp" Tcp 10
    /// The greeting. Sites with a greeting delay take 20 to 30 seconds.
    Banner "banner" Greeting 30
    /// EHLO, or HELO where EHLO is unknown.
    Ehlo "ehlo" Greeting 15
    /// The command STARTTLS.
    Starttls "starttls" Encryption 15
    /// The TLS handshake.
    Tls "tls" Encryption 15
    /// The certificate: chain and name.
    Cert "cert" Encryption 1
    /// EHLO once more, inside the encryption.
    Ehlo2 "ehlo2" Encryption 15
    /// AUTH.
    Auth "auth" SignIn 20
    /// MAIL FROM.
    Mail "mail" SenderRecipient 20
    /// RCPT TO, each recipient with this limit.
    Rcpt "rcpt" SenderRecipient 20
    /// DATA, up to the go-ahead.
    Data "data" TestAlert 30
    /// The message, up to the final answer.
    DataEnd "data_end" TestAlert 120
    /// QUIT; never changes a verdict.
    Quit "quit" TestAlert 2
}

impl Stage {
    /// The stage with this identifier.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|stage| stage.as_str() == id)
    }

    /// Every stage in the order in which a test passes them: implicit TLS encrypts before the greeting.
    pub fn in_order(implicit_tls: bool) -> Vec<Self> {
        let mut order: Vec<Self> = Self::ALL.to_vec();
        if implicit_tls {
            order.retain(|stage| !matches!(stage, Self::Tls | Self::Cert));
            let after_tcp = order.iter().position(|stage| *stage == Self::Banner).unwrap_or(0);
            order.splice(after_tcp..after_tcp, [Self::Tls, Self::Cert]);
        }
        order
    }
}

/// How long a test may take, per stage and in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    changed: Vec<(Stage, Duration)>,
    /// The time for everything together.
    pub total: Duration,
}

impl Limits {
    /// The default limits of the stages, with this total.
    pub fn with_total(total: Duration) -> Self {
        Self { changed: Vec::new(), total }
    }

    /// Changes the limit of one stage; the last change of a stage holds.
    pub fn set(&mut self, stage: Stage, limit: Duration) {
        self.changed.push((stage, limit));
    }

    /// The limit of one stage.
    pub fn of(&self, stage: Stage) -> Duration {
        let changed = self.changed.iter().rev().find(|(changed, _)| *changed == stage);
        changed.map_or_else(|| stage.default_limit(), |(_, limit)| *limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_lead_back_to_their_stage() {
        for stage in Stage::ALL {
            assert_eq!(Stage::parse(stage.as_str()), Some(*stage));
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.as_str());
        }
        assert_eq!(Stage::parse("TCP"), None);
    }

    #[test]
    fn implicit_tls_encrypts_before_the_greeting() {
        let order = Stage::in_order(true);
        assert_eq!(order.len(), Stage::ALL.len());
        let at = |stage| order.iter().position(|other| *other == stage).unwrap();
        assert!(
            at(Stage::Tcp) < at(Stage::Tls) && at(Stage::Tls) < at(Stage::Cert) && at(Stage::Cert) < at(Stage::Banner)
        );
        assert_eq!(Stage::in_order(false), Stage::ALL);
    }

    #[test]
    fn the_last_change_of_a_limit_holds() {
        let mut limits = Limits::with_total(Duration::from_secs(60));
        assert_eq!(limits.of(Stage::Banner), Duration::from_secs(30));
        limits.set(Stage::Banner, Duration::from_secs(2));
        limits.set(Stage::Banner, Duration::from_secs(3));
        assert_eq!(limits.of(Stage::Banner), Duration::from_secs(3));
    }
}
