//! From the first byte to the encrypted EHLO: greeting, EHLO or HELO, STARTTLS, handshake, certificate.

use std::time::Duration;

use super::{Dialogue, Mode, Output, Phase, SLOW_BANNER, TlsOutcome, listed};
use crate::domain::cause::Cause;
use crate::smtp::command::Command;
use crate::smtp::features::Features;
use crate::smtp::judge;
use crate::smtp::reply::{Reply, ReplyParser};
use crate::smtp::stage::Stage;

impl Dialogue {
    pub(super) fn await_banner(&mut self, now: Duration) -> Output {
        if !self.may_start(Stage::Banner) {
            return self.done();
        }
        self.enter(now, Phase::Banner, Output::Receive)
    }

    pub(super) fn tls(&mut self, now: Duration, outcome: TlsOutcome) -> Output {
        let (detail, certificate, warnings) = match outcome {
            TlsOutcome::Failed { cause, detail } => {
                self.record.fail(Stage::Tls, now, cause, None, &detail);
                return self.done();
            }
            TlsOutcome::Established { detail, certificate, warnings } => (detail, certificate, warnings),
        };
        self.record.pass(Stage::Tls, now, None);
        self.record.note(Stage::Tls, &detail);
        self.encrypted = true;
        self.parser = ReplyParser::default();
        self.features = Features::default();
        if !self.may_start(Stage::Cert) {
            return self.done();
        }
        self.record.begin(Stage::Cert, now);
        if let Err((cause, detail)) = certificate {
            self.record.fail(Stage::Cert, now, cause, None, &detail);
            // With implicit TLS the server has not greeted yet, and nothing is sent before the greeting.
            return if self.plan.mode == Mode::StartTls { self.quit(now) } else { self.done() };
        }
        self.record.pass(Stage::Cert, now, None);
        for cause in warnings {
            self.record.warn(Stage::Cert, cause);
        }
        match self.plan.mode {
            Mode::StartTls if self.may_start(Stage::Ehlo2) => self.ehlo(now, Phase::EhloAgain),
            Mode::StartTls => self.quit(now),
            Mode::ImplicitTls | Mode::Clear => self.await_banner(now),
        }
    }

    pub(super) fn on_banner(&mut self, now: Duration, reply: &Reply) -> Output {
        if judge::is_masked(reply) {
            self.record.warn(Stage::Banner, Cause::BannerMasked);
        }
        if now.saturating_sub(self.began) >= SLOW_BANNER {
            self.record.warn(Stage::Banner, Cause::BannerSlow);
        }
        match judge::banner(reply) {
            Ok(()) => {
                self.record.pass(Stage::Banner, now, Some(reply));
                if !self.may_start(Stage::Ehlo) {
                    return self.quit(now);
                }
                self.ehlo(now, Phase::Ehlo)
            }
            Err(cause) => self.fail(now, cause, Some(reply), &format!("the server greeted with: {}", reply.text())),
        }
    }

    pub(super) fn ehlo(&mut self, now: Duration, phase: Phase) -> Output {
        let name = self.plan.ehlo_name.clone();
        self.send(now, phase, Command::Ehlo(&name).wire())
    }

    pub(super) fn on_ehlo(&mut self, now: Duration, reply: &Reply) -> Output {
        if judge::knows_no_ehlo(reply) && self.phase == Phase::Ehlo {
            let name = self.plan.ehlo_name.clone();
            return self.send(now, Phase::Helo, Command::Helo(&name).wire());
        }
        if let Err(cause) = judge::ehlo(reply) {
            return self.refuse_name(now, cause, reply);
        }
        self.features = Features::read(reply);
        self.record.pass(self.stage(), now, Some(reply));
        self.after_ehlo(now)
    }

    pub(super) fn on_helo(&mut self, now: Duration, reply: &Reply) -> Output {
        if let Err(cause) = judge::ehlo(reply) {
            return self.refuse_name(now, cause, reply);
        }
        self.record.warn(Stage::Ehlo, Cause::EhloHeloOnly);
        self.record.pass(Stage::Ehlo, now, Some(reply));
        self.after_ehlo(now)
    }

    pub(super) fn after_ehlo(&mut self, now: Duration) -> Output {
        match self.plan.mode {
            Mode::StartTls if !self.encrypted => self.starttls(now),
            Mode::StartTls => self.sign_in(now),
            Mode::ImplicitTls => {
                for stage in [Stage::Starttls, Stage::Ehlo2] {
                    self.record.skip(stage, "the connection is encrypted from the first byte");
                }
                self.sign_in(now)
            }
            Mode::Clear => {
                if self.features.starttls() {
                    self.record.warn(Stage::Ehlo, Cause::StarttlsOfferedUnused);
                }
                for stage in [Stage::Starttls, Stage::Tls, Stage::Cert, Stage::Ehlo2] {
                    self.record.skip(stage, "no encryption is chosen");
                }
                self.sign_in(now)
            }
        }
    }

    pub(super) fn starttls(&mut self, now: Duration) -> Output {
        if !self.may_start(Stage::Starttls) {
            return self.quit(now);
        }
        if self.features.starttls() {
            return self.send(now, Phase::StartTls, Command::StartTls.wire());
        }
        let masked = self.features.masked();
        let cause = if masked { Cause::StarttlsStrippedByMiddlebox } else { Cause::StarttlsNotOffered };
        self.record.begin(Stage::Starttls, now);
        let detail = format!("the server offers: {}", listed(&self.features.keywords));
        self.record.fail(Stage::Starttls, now, cause, None, &detail);
        self.quit(now)
    }
}
