//! Who may confirm a notice. It can divert alerts, so one stolen account must not be enough: neither the account that gave
//! the notice nor one that was added for the purpose.

use chrono::{DateTime, TimeDelta, Utc};

/// How long somebody must have been a contact of the customer, unless an engineer has verified the contact.
pub const KNOWN_FOR: TimeDelta = TimeDelta::hours(72);

/// What the records say of a person beside a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether the person may sign in.
    pub is_active: bool,
    /// Whether the person gave the notice, or it was given in the person's name.
    pub gave_notice: bool,
    /// Since when the person has been a contact of the customer; none for the vendor's people.
    pub contact_since: Option<DateTime<Utc>>,
    /// Whether an engineer has verified the contact.
    pub is_verified: bool,
}

/// Why a person may not confirm a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// The own notice.
    #[error("You gave this notice. Another contact of your company confirms it, or our engineers call you back")]
    OwnNotice,
    /// The notice of a colleague at the vendor is confirmed by another one.
    #[error("You gave this notice yourself. A colleague calls the customer back, or a contact confirms it")]
    OwnNoticeOfVendor,
    /// Not known for long enough.
    #[error(
        "You have been a contact for less than 72 hours, so you can confirm it from {} on. Before that, a colleague who \
         has been a contact for longer confirms it, or our engineers verify you",
        .0.format("%-d %B %Y at %H:%M UTC")
    )]
    TooNew(DateTime<Utc>),
    /// The account is disabled.
    #[error("This account is disabled. Ask an administrator")]
    Disabled,
}

impl Standing {
    /// Whether the person may confirm a notice at an instant.
    ///
    /// # Errors
    /// The [`Objection`] that the person reads.
    pub fn may_confirm(&self, at: DateTime<Utc>) -> Result<(), Objection> {
        if !self.is_active {
            return Err(Objection::Disabled);
        }
        match self.contact_since {
            Some(_) if self.gave_notice => Err(Objection::OwnNotice),
            None if self.gave_notice => Err(Objection::OwnNoticeOfVendor),
            Some(since) if !self.is_verified && at < since + KNOWN_FOR => Err(Objection::TooNew(since + KNOWN_FOR)),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_900_000_000 + hours * 3_600, 0).unwrap()
    }

    #[test]
    fn a_second_contact_is_somebody_else_who_is_known() {
        let contact = Standing { is_active: true, gave_notice: false, contact_since: Some(at(0)), is_verified: false };
        let staff = Standing { contact_since: None, ..contact };
        let rows = [
            ("added today", contact, at(1), Err(Objection::TooNew(at(72)))),
            ("an instant too early", contact, at(72) - TimeDelta::seconds(1), Err(Objection::TooNew(at(72)))),
            ("three days", contact, at(72), Ok(())),
            ("verified by an engineer", Standing { is_verified: true, ..contact }, at(1), Ok(())),
            ("the own notice", Standing { gave_notice: true, ..contact }, at(999), Err(Objection::OwnNotice)),
            (
                "the own notice, verified",
                Standing { gave_notice: true, is_verified: true, ..contact },
                at(999),
                Err(Objection::OwnNotice),
            ),
            ("disabled", Standing { is_active: false, ..contact }, at(999), Err(Objection::Disabled)),
            ("an engineer", staff, at(0), Ok(())),
            ("its own notice", Standing { gave_notice: true, ..staff }, at(9), Err(Objection::OwnNoticeOfVendor)),
        ];
        for (name, standing, at, expected) in rows {
            assert_eq!(standing.may_confirm(at), expected, "{name}");
        }
    }

    #[test]
    fn the_refused_person_reads_from_when_on() {
        let text = Objection::TooNew(at(72)).to_string();
        assert!(text.contains("from 20 March 2030 at 17:46 UTC on"), "{text}");
    }
}
