//! Who acts: a person with roles, or the machine; and the one table of what each side sees.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::id::{CustomerId, PersonId};

/// What a person may be. One person of the vendor may hold several; a person of a customer holds `Customer` only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A contact of one customer.
    Customer,
    /// Works the queue and speaks with customers.
    Support,
    /// Works on tunnels and whitelists.
    Network,
    /// Answers for overdue cases and may override.
    Lead,
    /// Administers customers, people and tunnels; acts in no case.
    Admin,
}

impl Role {
    /// Every role of the vendor, in the order in which pages list them.
    pub const STAFF: [Self; 4] = [Self::Support, Self::Network, Self::Lead, Self::Admin];

    /// The word that definitions, the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Support => "support",
            Self::Network => "network",
            Self::Lead => "lead",
            Self::Admin => "admin",
        }
    }

    /// Reads the word back; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Customer, Self::Support, Self::Network, Self::Lead, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
    }
}

/// The person or the machine behind a use case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody signed in.
    Person(Person),
    /// Somebody of the vendor who does what a contact of a customer asked for, in that contact's name.
    OnBehalf {
        /// Who does it.
        by: Person,
        /// The contact.
        of: PersonId,
    },
    /// A timer, a probe, an apply: Postern itself.
    Machine,
}

/// Somebody signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Identifies the person in the log and in claims.
    pub id: PersonId,
    /// Shown to others.
    pub name: String,
    /// Where mail goes.
    pub email: String,
    /// Never empty.
    pub roles: BTreeSet<Role>,
    /// The customer whose cases this person sees; `None` for the vendor's people.
    pub customer: Option<CustomerId>,
    /// Whether a customer's contact sees all cases of the customer or those the contact opened.
    pub all_cases: bool,
}

impl Person {
    /// Whether this person works for the vendor.
    pub fn is_staff(&self) -> bool {
        self.customer.is_none()
    }

    /// Whether this person holds the role.
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether this person works cases of the queue.
    pub fn works_queue(&self) -> bool {
        self.is(Role::Support) || self.is(Role::Network) || self.is(Role::Lead)
    }
}

impl Actor {
    /// The words by which a definition may know this actor, in a stable order.
    pub fn workflow_roles(&self) -> Vec<&'static str> {
        match self {
            Self::Machine => vec!["machine"],
            Self::OnBehalf { .. } => vec![Role::Customer.as_str()],
            Self::Person(person) => {
                person.roles.iter().filter(|role| **role != Role::Admin).map(|role| role.as_str()).collect()
            }
        }
    }

    /// The person who acts, if it is one.
    pub fn person(&self) -> Option<&Person> {
        match self {
            Self::Person(person) | Self::OnBehalf { by: person, .. } => Some(person),
            Self::Machine => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_reads_back_as_itself() {
        for role in Role::STAFF.into_iter().chain([Role::Customer]) {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("machine"), None, "nobody signs in as the machine");
    }

    #[test]
    fn an_administrator_has_no_part_in_a_workflow() {
        let person = Person {
            id: PersonId::new(uuid::Uuid::nil()),
            name: "Ada".into(),
            email: "ada@vendor.example".into(),
            roles: BTreeSet::from([Role::Admin]),
            customer: None,
            all_cases: true,
        };
        assert!(Actor::Person(person).workflow_roles().is_empty());
        assert_eq!(Actor::Machine.workflow_roles(), ["machine"]);
    }
}
