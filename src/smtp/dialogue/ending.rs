//! What every stage shares: sending, failing, running out of time, losing the connection, saying goodbye.

use std::time::Duration;

use super::{Dialogue, LARGE_MESSAGE_BYTES, Mode, Output, Phase};
use crate::domain::cause::Cause;
use crate::smtp::command::{Command, Forbidden, Wire};
use crate::smtp::judge;
use crate::smtp::record::millis;
use crate::smtp::reply::{Reply, ReplyFault, escape};
use crate::smtp::stage::Stage;

impl Dialogue {
    /// QUIT and a short wait for its answer; whatever comes changes no verdict.
    pub(super) fn quit(&mut self, now: Duration) -> Output {
        self.send(now, Phase::Quit, Command::Quit.wire())
    }

    pub(super) fn refuse(&mut self, now: Duration, cause: Cause, reply: &Reply) -> Output {
        self.fail(now, cause, Some(reply), &format!("the server answered: {}", reply.text()))
    }

    pub(super) fn refuse_name(&mut self, now: Duration, cause: Cause, reply: &Reply) -> Output {
        let detail = format!("we greeted as {}; the server answered: {}", self.plan.ehlo_name, reply.text());
        self.fail(now, cause, Some(reply), &detail)
    }

    pub(super) fn fail(&mut self, now: Duration, cause: Cause, reply: Option<&Reply>, detail: &str) -> Output {
        let late_complaint = cause == Cause::EhloNameRejected && self.stage() != Stage::Ehlo;
        let greeted = if late_complaint { format!("we greeted as {}; ", self.plan.ehlo_name) } else { String::new() };
        let detail = greeted + detail;
        self.record.fail(self.stage(), now, cause, reply, &detail);
        self.quit(now)
    }

    pub(super) fn send(&mut self, now: Duration, phase: Phase, wire: Result<Wire, Forbidden>) -> Output {
        match wire {
            Ok(wire) => {
                self.record.sent(now, &wire.shown);
                self.enter(now, phase, Output::Send(wire))
            }
            Err(forbidden) => {
                self.phase = phase;
                self.record.fail(self.stage(), now, Cause::FormControlChar, None, &forbidden.to_string());
                self.done()
            }
        }
    }

    /// Goes into a phase. A stage of several exchanges keeps one row; AUTH has one limit for all of them, each
    /// recipient has its own.
    pub(super) fn enter(&mut self, now: Duration, phase: Phase, output: Output) -> Output {
        let before = self.stage();
        let fresh = self.phase == Phase::Start;
        self.phase = phase;
        let stage = self.stage();
        if fresh || stage != before {
            self.began = now;
            if phase != Phase::Done {
                self.record.begin(stage, now);
            }
        } else if stage == Stage::Rcpt {
            self.began = now;
        }
        output
    }

    pub(super) fn done(&mut self) -> Output {
        self.phase = Phase::Done;
        Output::Finished
    }

    pub(super) fn lost(&mut self, now: Duration, cause: Option<Cause>, how: &str) -> Output {
        let stage_cause = match self.phase {
            Phase::Quit => {
                self.record.note(Stage::Quit, &format!("closed early: {how}"));
                self.record.pass(Stage::Quit, now, None);
                return self.done();
            }
            Phase::Start | Phase::Done => return self.done(),
            Phase::Banner if is_foreign(&self.parser.partial()) => return self.not_smtp(now, ReplyFault::Malformed),
            Phase::Banner => Cause::BannerClosed,
            Phase::Ehlo | Phase::Helo => Cause::EhloClosed,
            Phase::Tls => Cause::TlsFailed,
            Phase::StartTls | Phase::EhloAgain | Phase::Auth(_) | Phase::Mail | Phase::Rcpt(_) => Cause::ReplyClosed,
            Phase::Data | Phase::DataEnd => Cause::ReplyClosed,
        };
        self.keep_partial(now);
        self.record.fail(self.stage(), now, cause.unwrap_or(stage_cause), None, how);
        self.done()
    }

    pub(super) fn late(&mut self, now: Duration) -> Output {
        let message_bytes = self.plan.message.as_ref().map_or(0, Vec::len);
        let cause = match self.phase {
            Phase::Quit => {
                self.record.note(Stage::Quit, "no answer to QUIT");
                self.record.pass(Stage::Quit, now, None);
                return self.done();
            }
            Phase::Start | Phase::Done => return self.done(),
            Phase::Banner if is_foreign(&self.parser.partial()) => return self.not_smtp(now, ReplyFault::Malformed),
            Phase::Banner => Cause::BannerTimeout,
            Phase::Tls => Cause::TlsTimeout,
            Phase::DataEnd if message_bytes > LARGE_MESSAGE_BYTES => Cause::DataStalledLargePackets,
            Phase::Ehlo | Phase::Helo | Phase::StartTls | Phase::EhloAgain | Phase::Auth(_) | Phase::Mail => {
                Cause::ReplyTimeout
            }
            Phase::Rcpt(_) | Phase::Data | Phase::DataEnd => Cause::ReplyTimeout,
        };
        let limit = self.plan.limits.of(self.stage());
        let waited = now.saturating_sub(self.began);
        let (cause, detail) = late_detail(cause, waited, limit, message_bytes);
        self.keep_partial(now);
        self.record.fail(self.stage(), now, cause, None, &detail);
        self.done()
    }

    pub(super) fn not_smtp(&mut self, now: Duration, fault: ReplyFault) -> Output {
        if self.phase == Phase::Quit {
            return self.lost(now, None, &fault.to_string());
        }
        let partial = self.parser.partial();
        self.record.received(now, &partial);
        let first = partial.first().map(Vec::as_slice).unwrap_or_default();
        let shown = escape(first);
        let (cause, detail) = match fault {
            ReplyFault::TooLong => (Cause::ReplyTooLong, fault.to_string()),
            ReplyFault::Malformed if self.phase == Phase::Banner => {
                let guess = judge::guess_service(first);
                (Cause::ProtoNotSmtp, format!("guess: {guess}; the service said: {shown}"))
            }
            ReplyFault::Malformed => (Cause::ReplyMalformed, format!("the server said: {shown}")),
        };
        self.record.fail(self.stage(), now, cause, None, &detail);
        self.done()
    }

    pub(super) fn keep_partial(&mut self, now: Duration) {
        let partial = self.parser.partial();
        self.record.received(now, &partial);
    }

    pub(super) fn may_start(&self, stage: Stage) -> bool {
        let order = Stage::in_order(self.plan.mode == Mode::ImplicitTls);
        let at = |wanted: Stage| order.iter().position(|stage| *stage == wanted);
        self.plan.until.is_none_or(|until| at(stage) <= at(until))
    }

    pub(super) fn stage(&self) -> Stage {
        match self.phase {
            Phase::Start => Stage::Tcp,
            Phase::Tls => Stage::Tls,
            Phase::Banner => Stage::Banner,
            Phase::Ehlo | Phase::Helo => Stage::Ehlo,
            Phase::StartTls => Stage::Starttls,
            Phase::EhloAgain => Stage::Ehlo2,
            Phase::Auth(_) => Stage::Auth,
            Phase::Mail => Stage::Mail,
            Phase::Rcpt(_) => Stage::Rcpt,
            Phase::Data => Stage::Data,
            Phase::DataEnd => Stage::DataEnd,
            Phase::Quit | Phase::Done => Stage::Quit,
        }
    }
}

/// The cause and the sentence for a stage that ran out of time. Where the total cut a stage short of half its own
/// limit, nothing is known about the server: some take their time on purpose.
fn late_detail(cause: Cause, waited: Duration, limit: Duration, message_bytes: usize) -> (Cause, String) {
    let seconds = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
    // A timer may fire a moment early or late; a tenth of a second decides nothing.
    let own_limit = millis(waited) + 100 >= millis(limit);
    let which = if own_limit {
        format!("no answer within {}, the limit of this stage", seconds(waited))
    } else {
        format!(
            "no answer within {}, when the limit of the whole test was reached; this stage alone may take {}",
            seconds(waited),
            seconds(limit)
        )
    };
    if !own_limit && waited * 2 < limit {
        return (Cause::ProbeTotalLimit, which);
    }
    let hint = if cause == Cause::TlsTimeout {
        "; the connection itself works, and the server's certificate needs large packets: suspect the MTU".to_owned()
    } else if cause == Cause::DataStalledLargePackets {
        format!("; small replies worked, a message of {message_bytes} octets did not get through: suspect the MTU")
    } else {
        String::new()
    };
    (cause, which + &hint)
}

/// True where the first bytes cannot become a reply and are no text either.
pub(super) fn is_binary(partial: &[Vec<u8>]) -> bool {
    is_foreign(partial) && partial.iter().flatten().any(|byte| byte.is_ascii_control() || !byte.is_ascii())
}

/// True where at least three bytes came and they are no reply code.
pub(super) fn is_foreign(partial: &[Vec<u8>]) -> bool {
    let first = partial.first().and_then(|line| line.get(..3));
    first.is_some_and(|code| !code.iter().all(u8::is_ascii_digit))
}
