//! The stages of a test in order, and the time each may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::cause::Step;
use crate::domain::syslog::Transport;

macro_rules! stages {
    ($($(#[$doc:meta])* $variant:ident $id:literal $step:ident $seconds:literal)*) => {
        /// A stage of the test. The identifiers stand in reports and in `--limit STAGE=SECONDS`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Stage { $($(#[$doc])* #[serde(rename = $id)] $variant,)* }

        impl Stage {
            /// Every stage: those of SMTP in the order of a dialogue that begins in clear text, then those of SYSLOG.
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
    Route "route" Route 3
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
    /// A SYSLOG message over UDP, sent twice; half the limit is listened for a refusal after each.
    SyslogUdp "syslog_udp" Syslog 2
    /// A SYSLOG message over the TCP connection.
    SyslogTcp "syslog_tcp" Syslog 5
    /// A SYSLOG message inside TLS.
    SyslogTls "syslog_tls" Syslog 5
}

impl Stage {
    /// The stage with this identifier.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|stage| stage.as_str() == id)
    }

    /// The stages of an SMTP test in the order in which it passes them: implicit TLS encrypts before the greeting.
    pub fn in_order(implicit_tls: bool) -> Vec<Self> {
        let mut order: Vec<Self> = Self::ALL.to_vec();
        order.retain(|stage| stage.step() != Step::Syslog);
        if implicit_tls {
            order.retain(|stage| !matches!(stage, Self::Tls | Self::Cert));
            let after_tcp = order.iter().position(|stage| *stage == Self::Banner).unwrap_or(0);
            order.splice(after_tcp..after_tcp, [Self::Tls, Self::Cert]);
        }
        order
    }

    /// The stages of a SYSLOG test in order.
    pub fn of_syslog(transport: Transport) -> Vec<Self> {
        let mut order = vec![Self::Form, Self::Classify, Self::Resolve, Self::Policy, Self::Route];
        order.extend_from_slice(match transport {
            Transport::Udp => &[Self::SyslogUdp],
            Transport::Tcp => &[Self::Tcp, Self::SyslogTcp],
            Transport::Tls => &[Self::Tcp, Self::Tls, Self::Cert, Self::SyslogTls],
        });
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
    use std::collections::BTreeSet;

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
        let at = |stage| order.iter().position(|other| *other == stage).unwrap();
        assert!(
            at(Stage::Tcp) < at(Stage::Tls) && at(Stage::Tls) < at(Stage::Cert) && at(Stage::Cert) < at(Stage::Banner)
        );
        let mut sorted = order.clone();
        sorted.sort();
        assert_eq!(Stage::in_order(false), sorted);
    }

    #[test]
    fn every_stage_belongs_to_a_test_and_syslog_shares_those_before_the_message() {
        let syslog = Transport::ALL.iter().flat_map(|transport| Stage::of_syslog(*transport));
        let met: BTreeSet<Stage> = Stage::in_order(false).into_iter().chain(syslog).collect();
        assert_eq!(met, Stage::ALL.iter().copied().collect());
        for transport in Transport::ALL {
            let last = Stage::of_syslog(*transport).pop().unwrap();
            assert_eq!(last.as_str(), format!("syslog_{transport}"));
        }
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
