//! A case: one request with its number, where it stands in its workflow, and who has the turn.

use chrono::{DateTime, Utc};

use super::actor::{Person, Role};
use super::channel::Channel;
use super::id::{CaseId, CustomerId, PersonId, ServerId, TenantId, TunnelId};
use super::objective::Objective;
use super::words::words;
use super::workflow::CaseState;

words! {
    /// How urgent a case is: P1 product unusable, P2 severely degraded, P3 impaired (the usual), P4 information.
    pub enum Priority {
        /// Product unusable.
        P1 = "P1",
        /// Severely degraded.
        P2 = "P2",
        /// Impaired; the usual.
        P3 = "P3",
        /// Information.
        P4 = "P4",
    }
}

words! {
    /// Whose turn it is.
    pub enum WaitingOn {
        /// A contact of the customer has to act; the vendor's clock stands still.
        Customer = "customer",
        /// An engineer, or the machine on the vendor's behalf.
        Vendor = "vendor",
        /// The case is at an end or in its ongoing state.
        Nobody = "nobody",
    }
}

/// A case as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Whose case it is; part of its key.
    pub customer: CustomerId,
    /// Identifies the case.
    pub id: CaseId,
    /// What people call it; counts from 1001.
    pub number: i64,
    /// One line for lists.
    pub title: String,
    /// The definition's id, version and hash that the case runs on.
    pub workflow: WorkflowRef,
    /// Number of log entries; every change of the case adds one, so it is also the version for compare-and-set.
    pub revision: i64,
    /// Where the case stands in its workflow.
    pub flow: CaseState,
    /// How urgent it is.
    pub priority: Priority,
    /// The number of this case in the vendor's own ticket system.
    pub vendor_ticket: Option<String>,
    /// Whose turn it is.
    pub waiting_on: WaitingOn,
    /// The role of the definition that owns the present state.
    pub owner_role: Option<String>,
    /// Whether engineers see it in the queue.
    pub queued: bool,
    /// Who claimed it, and when.
    pub claim: Option<(PersonId, DateTime<Utc>)>,
    /// Who opened it.
    pub opened_by: PersonId,
    /// The tunnel it is about.
    pub tunnel: Option<TunnelId>,
    /// The server it is about, once known.
    pub server: Option<ServerId>,
    /// The product tenant whose settings it ends in.
    pub tenant: Option<TenantId>,
    /// Whether it has not ended.
    pub is_open: bool,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// Since when the side named by `waiting_on` has had the turn.
    pub waiting_since: DateTime<Utc>,
    /// When the promise that is due first is due, or the step where none runs; far in the future where no clock runs.
    pub due_at: DateTime<Utc>,
    /// Which promise that is.
    pub objective: Option<Objective>,
    /// From when on it is urgent.
    pub soon_at: Option<DateTime<Utc>>,
    /// Since when a lead has known that a promise that is still owed is broken.
    pub escalated_at: Option<DateTime<Utc>>,
    /// When the present state is due; none where it has no clock.
    pub step_due_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub closed_at: Option<DateTime<Utc>>,
    /// How it ended.
    pub outcome: Option<String>,
}

/// The definition that a case runs on: cases keep the one that they began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowRef {
    /// Id of the definition.
    pub id: String,
    /// Its version.
    pub version: i64,
    /// Its semantic hash, hexadecimal SHA-256.
    pub hash: String,
}

impl Case {
    /// Whether a person may see this case at all: staff see every case, a contact the customer's cases that it opened
    /// or, with the right to all cases, every case of the customer.
    pub fn is_visible_to(&self, person: &Person) -> bool {
        match person.customer {
            None => person.works_queue() || person.is(Role::Admin),
            Some(customer) => customer == self.customer && (person.all_cases || person.id == self.opened_by),
        }
    }

    /// What its alerts travel as.
    pub fn channel(&self) -> Channel {
        Channel::of(&self.workflow.id)
    }

    /// Who claimed it.
    pub fn claimant(&self) -> Option<PersonId> {
        self.claim.map(|(person, _)| person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_read_back_as_themselves() {
        for priority in Priority::ALL {
            assert_eq!(Priority::parse(priority.as_str()), Some(*priority));
        }
        assert_eq!(Priority::parse("p3"), None);
    }
}
