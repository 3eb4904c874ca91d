//! From sign-in to the end of the message: AUTH, MAIL, RCPT, DATA.

use std::time::Duration;

use super::{ClearAuth, Dialogue, Output, Phase, listed};
use crate::domain::cause::Cause;
use crate::smtp::auth::{self, Exchange, Mechanism};
use crate::smtp::command::{Command, Needs, message_wire};
use crate::smtp::judge;
use crate::smtp::reply::{Reply, Severity, escape};
use crate::smtp::report::{Level, RecipientReport, Status};
use crate::smtp::stage::Stage;

impl Dialogue {
    pub(super) fn sign_in(&mut self, now: Duration) -> Output {
        if self.plan.level == Level::Reach {
            for stage in [Stage::Auth, Stage::Mail, Stage::Rcpt, Stage::Data, Stage::DataEnd] {
                self.record.skip(stage, "a reach test ends before sign-in");
            }
            return self.quit(now);
        }
        if !self.may_start(Stage::Auth) {
            return self.quit(now);
        }
        let Some(credentials) = self.plan.credentials.clone() else {
            self.record.skip(Stage::Auth, "no account is set");
            return self.mail(now);
        };
        let (cause, detail) = if !self.encrypted && self.plan.clear_auth == ClearAuth::Refused {
            (Cause::AuthRefusedInClear, "the connection is not encrypted; no password was sent".to_owned())
        } else if !self.features.auth() {
            (Cause::AuthNotOffered, format!("the server offers: {}", listed(&self.features.keywords)))
        } else if let Some(mechanism) = Mechanism::choose(&self.features.mechanisms) {
            self.record.begin(Stage::Auth, now);
            return match auth::begin(mechanism, &credentials) {
                Ok((wire, exchange)) => self.send(now, Phase::Auth(exchange), Ok(wire)),
                Err(forbidden) => self.send(now, Phase::Auth(Exchange::Sent), Err(forbidden)),
            };
        } else {
            let offered = listed(&self.features.mechanisms);
            (Cause::AuthNoCommonMechanism, format!("the server offers {offered}; we can use PLAIN and LOGIN"))
        };
        self.record.begin(Stage::Auth, now);
        self.record.fail(Stage::Auth, now, cause, None, &detail);
        self.quit(now)
    }

    pub(super) fn on_auth(&mut self, now: Duration, exchange: Exchange, reply: &Reply) -> Output {
        let Some(credentials) = self.plan.credentials.clone() else { return self.done() };
        if reply.code == 334 {
            let challenge = reply.lines.first().and_then(|line| line.get(4..)).unwrap_or_default();
            return match auth::answer(exchange, &credentials, challenge) {
                Ok((answer, next)) => self.send(now, Phase::Auth(next), Command::AuthAnswer(&answer).wire()),
                Err(auth::UnknownPrompt(prompt)) => {
                    let detail = format!("the server asked: {}", escape(&prompt));
                    self.record.fail(Stage::Auth, now, Cause::AuthPromptUnknown, Some(reply), &detail);
                    self.send(now, Phase::Auth(Exchange::Sent), Command::AuthCancel.wire())
                }
            };
        }
        match judge::auth(reply) {
            Ok(()) => {
                self.record.pass(Stage::Auth, now, Some(reply));
                self.mail(now)
            }
            Err(cause) => {
                let ascii = credentials.account.is_ascii() && credentials.password.expose().is_ascii();
                let hint = if ascii {
                    ""
                } else {
                    "; the account or password contains a character outside ASCII, which some servers cannot check"
                };
                self.fail(now, cause, Some(reply), &format!("the server answered: {}{hint}", reply.text()))
            }
        }
    }

    pub(super) fn mail(&mut self, now: Duration) -> Output {
        let Some(sender) = self.plan.sender.clone() else {
            for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::DataEnd] {
                self.record.skip(stage, "no sender is set");
            }
            return self.quit(now);
        };
        if !self.may_start(Stage::Mail) {
            return self.quit(now);
        }
        let addresses = self.plan.recipients.iter().map(String::as_str).chain([sender.as_str()]);
        let needs = Needs::of(addresses, self.plan.message.as_deref().unwrap_or_default());
        if let Some(extension) = self.features.missing(needs) {
            let detail = format!(
                "{extension} is needed, because of characters outside ASCII; the server offers: {}",
                listed(&self.features.keywords)
            );
            self.record.begin(Stage::Mail, now);
            self.record.fail(Stage::Mail, now, Cause::MailExtensionMissing, None, &detail);
            return self.quit(now);
        }
        self.send(now, Phase::Mail, Command::Mail(&sender, needs).wire())
    }

    pub(super) fn rcpt(&mut self, now: Duration, index: usize) -> Output {
        let Some(recipient) = self.plan.recipients.get(index).cloned() else {
            for stage in [Stage::Rcpt, Stage::Data, Stage::DataEnd] {
                self.record.skip(stage, "no recipient is set");
            }
            return self.quit(now);
        };
        if !self.may_start(Stage::Rcpt) {
            return self.quit(now);
        }
        self.send(now, Phase::Rcpt(index), Command::Rcpt(&recipient).wire())
    }

    pub(super) fn on_rcpt(&mut self, now: Duration, index: usize, reply: Reply) -> Output {
        let judged = judge::rcpt(&reply);
        let status = match (&judged, reply.severity()) {
            (Ok(()), _) => Status::Pass,
            (Err(_), Severity::Transient) => Status::Deferred,
            (Err(_), Severity::Positive | Severity::Intermediate | Severity::Permanent) => Status::Fail,
        };
        let address = self.plan.recipients.get(index).cloned().unwrap_or_default();
        let text = self.record.told(&reply.text());
        self.record.recipients.push(RecipientReport { address, status, code: Some(reply.code), text });
        if index + 1 < self.plan.recipients.len() {
            if let (Err(cause), None) = (judged, &self.refused) {
                self.refused = Some((cause, reply));
            }
            return self.rcpt(now, index + 1);
        }
        let accepted = self.record.recipients.iter().any(|recipient| recipient.status == Status::Pass);
        match (self.refused.take(), judged) {
            (None, Ok(())) => self.record.pass(Stage::Rcpt, now, Some(&reply)),
            (Some((_, refusal)), _) if accepted => self.partly(now, &refusal),
            (None, Err(_)) if accepted => self.partly(now, &reply),
            (Some((cause, refusal)), _) => return self.refuse(now, cause, &refusal),
            (None, Err(cause)) => return self.refuse(now, cause, &reply),
        }
        self.data(now)
    }

    pub(super) fn partly(&mut self, now: Duration, refusal: &Reply) {
        self.record.warn(Stage::Rcpt, Cause::RcptPartly);
        self.record.pass(Stage::Rcpt, now, Some(refusal));
    }

    pub(super) fn data(&mut self, now: Duration) -> Output {
        if self.plan.message.is_none() {
            for stage in [Stage::Data, Stage::DataEnd] {
                self.record.skip(stage, "no message is to be sent");
            }
            return self.quit(now);
        }
        if !self.may_start(Stage::Data) {
            return self.quit(now);
        }
        self.send(now, Phase::Data, Command::Data.wire())
    }

    pub(super) fn message(&mut self, now: Duration, reply: &Reply) -> Output {
        self.record.pass(Stage::Data, now, Some(reply));
        let wire = message_wire(self.plan.message.as_deref().unwrap_or_default());
        self.send(now, Phase::DataEnd, Ok(wire))
    }
}
