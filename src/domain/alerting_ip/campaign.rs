//! A change of an alerting IP: when it may take effect, and what a server's case says about it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::words;

/// How long before its first day a new address is announced, unless it is an emergency.
pub const LEAD_TIME: TimeDelta = TimeDelta::days(30);
/// The workflow of the child cases.
pub const WORKFLOW: &str = "alerting-ip-change";

words! {
    /// How far a change has come.
    pub enum CampaignState {
        /// It is under way.
        Open = "open",
        /// The former address is out of use.
        Finished = "finished",
        /// It was called off.
        Withdrawn = "withdrawn",
    }
}

words! {
    /// What the board shows of a server, in the order in which it needs somebody.
    pub enum Standing {
        /// The change has begun, or was about to, and nobody had answered.
        Overdue = "overdue",
        /// The test from the new address could not be made, for reasons of ours.
        Unclear = "unclear",
        /// The server does not let the new address in.
        NotLetIn = "not_let_in",
        /// Told; nobody has answered yet.
        Told = "told",
        /// Answered; the test from the new address is under way.
        Testing = "testing",
        /// A test from the new address has passed.
        Proven = "proven",
        /// A lead went on without the proof.
        Overridden = "overridden",
        /// Over: the former address is retired, the change was called off or the server is gone.
        Over = "over",
    }
}

impl Standing {
    /// What the state of the child case means.
    pub fn of(state: &str) -> Self {
        match state {
            "told" => Self::Told,
            "testing" => Self::Testing,
            "not_let_in" => Self::NotLetIn,
            "unclear" => Self::Unclear,
            "overdue" => Self::Overdue,
            "proven" => Self::Proven,
            "overridden" => Self::Overridden,
            _ => Self::Over,
        }
    }

    /// In words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Overdue => "Overdue",
            Self::Unclear => "Could not be tested",
            Self::NotLetIn => "Not let in",
            Self::Told => "Not answered",
            Self::Testing => "Answered, being tested",
            Self::Proven => "Proven",
            Self::Overridden => "Overridden",
            Self::Over => "Over",
        }
    }
}

/// What is wrong with the dates of a change: the field, and what to do.
pub type DateFault = (&'static str, String);

/// Judges the dates of a change. `emergency` is the reason why it cannot wait for [`LEAD_TIME`].
///
/// # Errors
/// Every fault, by field.
pub fn judge_dates(
    now: DateTime<Utc>,
    (effective, until): (DateTime<Utc>, DateTime<Utc>),
    emergency: Option<&str>,
) -> Result<(), Vec<DateFault>> {
    let mut faults = Vec::new();
    if until < effective {
        faults.push((
            "until",
            "Enter a last day of the former IP that is not before the first day of the new one".into(),
        ));
    }
    if effective < now {
        faults.push(("effective", "Enter a first day that lies ahead, or the present time".into()));
    } else if effective < now + LEAD_TIME && emergency.is_none_or(|reason| reason.trim().is_empty()) {
        let days = LEAD_TIME.num_days();
        let text = format!("Customers need {days} days. Enter a later day, or the reason why this is an emergency");
        faults.push(("effective", text));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_change_is_announced_a_month_ahead_and_an_emergency_needs_a_reason() {
        let now: DateTime<Utc> = "2026-11-25T10:00:00Z".parse().unwrap();
        let day = |days: i64| now + TimeDelta::days(days);
        let fields = |dates, reason| -> Vec<&str> {
            judge_dates(now, dates, reason).err().unwrap_or_default().iter().map(|(field, _)| *field).collect()
        };
        assert_eq!(fields((day(30), day(44)), None), Vec::<&str>::new());
        assert_eq!(fields((day(29), day(44)), None), ["effective"]);
        assert_eq!(fields((day(29), day(44)), Some(" ")), ["effective"], "an empty reason is none");
        assert_eq!(fields((day(0), day(0)), Some("The provider takes it away")), Vec::<&str>::new());
        assert_eq!(fields((day(-1), day(44)), Some("why")), ["effective"]);
        assert_eq!(fields((day(40), day(39)), None), ["until"]);
    }
}
