//! What the vendor promises about a case: a first answer, the next update, to be done. The clocks of these promises stand
//! still while the customer acts; which of them begin, end and stop with an event is decided here.

use super::case::Priority;
use super::words::words;
use super::workflow::{Delay, DelayUnit};

words! {
    /// One promise. Pages name one at a time: the one that is due first.
    pub enum Objective {
        /// Until an engineer acts or writes for the first time, so that the customer sees it.
        FirstAnswer = "first_answer",
        /// Until the next such act or message, after the customer has answered or the last one.
        NextUpdate = "next_update",
        /// Until what was asked for is done.
        Done = "done",
    }
}

words! {
    /// How a promise ended.
    pub enum Outcome {
        /// In time.
        Met = "met",
        /// Too late.
        Missed = "missed",
        /// Without either: the customer took the case back or let it lie, before the time was up.
        Void = "void",
    }
}

impl Objective {
    /// The words before `due` and `overdue`.
    pub const fn title(self) -> &'static str {
        match self {
            Self::FirstAnswer => "First answer",
            Self::NextUpdate => "Next update",
            Self::Done => "Done",
        }
    }
}

/// How long each promise may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Targets {
    /// Until the first answer.
    pub first_answer: Delay,
    /// Between updates.
    pub next_update: Delay,
    /// Until the case is done.
    pub done: Delay,
}

impl Targets {
    /// What holds until an administrator dates a row of policy: a first answer on the next business day for the usual
    /// priority, sooner for urgent ones.
    pub const fn standard(priority: Priority) -> Self {
        const fn hours(amount: u32) -> Delay {
            Delay { amount, unit: DelayUnit::BusinessHours }
        }
        const fn days(amount: u32) -> Delay {
            Delay { amount, unit: DelayUnit::BusinessDays }
        }
        match priority {
            Priority::P1 => Self { first_answer: hours(1), next_update: hours(4), done: days(2) },
            Priority::P2 => Self { first_answer: hours(4), next_update: days(1), done: days(5) },
            Priority::P3 => Self { first_answer: days(1), next_update: days(3), done: days(10) },
            Priority::P4 => Self { first_answer: days(2), next_update: days(5), done: days(20) },
        }
    }

    /// How long one of them may take.
    pub const fn of(&self, objective: Objective) -> Delay {
        match objective {
            Objective::FirstAnswer => self.first_answer,
            Objective::NextUpdate => self.next_update,
            Objective::Done => self.done,
        }
    }
}

/// Who did something that the other side sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// An engineer, in an act or a message.
    Vendor,
    /// A contact of the customer, in an act.
    Customer,
    /// A contact of the customer, in a message, which leaves the case where it is.
    CustomerWrote,
    /// The machine, or somebody whose act the other side does not see.
    Nobody,
}

/// Whose turn it is, as promises see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The case is not in the queue: nothing is promised.
    Unseen,
    /// The vendor's.
    Vendor,
    /// The customer's, or a pause that both agreed on.
    Customer,
    /// What was asked for is done.
    Done,
    /// The case has ended without that.
    Over,
}

/// What is known of the promises of a case before an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// Any promise was made before, whether or not it has ended.
    pub is_known: bool,
    /// The first answer is owed.
    pub first_answer: bool,
    /// An update is owed.
    pub next_update: bool,
    /// To be done is owed.
    pub done: bool,
}

/// What becomes of a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It begins.
    Start(Objective),
    /// It is kept: in time or not, as the instant says.
    Keep(Objective),
    /// It is owed no more, and nobody kept it.
    Drop(Objective),
    /// Its time stands still.
    Stop(Objective),
    /// Its time runs on.
    Resume(Objective),
}

/// What an event does to the promises of a case. `before` and `after` say whose turn it was and is.
pub fn orders(open: Open, word: Word, before: Turn, after: Turn) -> Vec<Order> {
    use Objective::{Done, FirstAnswer, NextUpdate};
    let owed = |objective| match objective {
        FirstAnswer => open.first_answer,
        NextUpdate => open.next_update,
        Done => open.done,
    };
    let mut orders = Vec::new();
    let mut order = |is_wanted: bool, order: Order| orders.extend(is_wanted.then_some(order));
    let answers = word == Word::Vendor;
    match after {
        Turn::Unseen => {}
        Turn::Vendor => {
            let is_new = !open.is_known;
            order(is_new, Order::Start(FirstAnswer));
            order(open.first_answer, if answers { Order::Keep(FirstAnswer) } else { Order::Resume(FirstAnswer) });
            order(open.next_update, if answers { Order::Keep(NextUpdate) } else { Order::Resume(NextUpdate) });
            // Who waits for the first answer is not promised a second one beside it.
            let waits = is_new || open.first_answer;
            order(
                if waits { open.first_answer && answers } else { answers || !open.next_update },
                Order::Start(NextUpdate),
            );
            order(!open.done, Order::Start(Done));
            order(open.done, Order::Resume(Done));
        }
        Turn::Customer => {
            order(!open.is_known, Order::Start(FirstAnswer));
            order(!open.is_known, Order::Stop(FirstAnswer));
            order(!open.is_known, Order::Start(Done));
            match word {
                Word::Vendor => {
                    order(open.first_answer, Order::Keep(FirstAnswer));
                    order(open.next_update, Order::Keep(NextUpdate));
                }
                // Whoever asks something while it is their turn waits for a word all the same.
                Word::CustomerWrote => {
                    order(open.first_answer, Order::Resume(FirstAnswer));
                    let is_owed_more = open.is_known && !open.first_answer && !open.next_update;
                    order(is_owed_more, Order::Start(NextUpdate));
                }
                Word::Customer | Word::Nobody => {
                    let passed_on = before == Turn::Vendor;
                    order(open.first_answer && passed_on, Order::Stop(FirstAnswer));
                    order(open.next_update && passed_on, Order::Drop(NextUpdate));
                }
            }
            order(open.done || !open.is_known, Order::Stop(Done));
        }
        Turn::Done | Turn::Over => {
            for objective in [FirstAnswer, NextUpdate] {
                order(owed(objective), if answers { Order::Keep(objective) } else { Order::Drop(objective) });
            }
            order(open.done, if after == Turn::Done { Order::Keep(Done) } else { Order::Drop(Done) });
        }
    }
    orders
}

#[cfg(test)]
mod tests {
    use super::Objective::{Done, FirstAnswer, NextUpdate};
    use super::Order::{Drop, Keep, Resume, Start, Stop};
    use super::*;

    /// What happens, what is owed before, who does it, whose turn it was and is, and what becomes of the promises.
    type Line = (&'static str, &'static str, Word, Turn, Turn, &'static [Order]);

    fn owed(text: &str) -> Open {
        let has = |word| text.split(' ').any(|known| known == word);
        Open { is_known: text != "new", first_answer: has("first"), next_update: has("next"), done: has("done") }
    }

    #[test]
    fn events_do_to_promises_what_the_table_says() {
        use Turn::{Customer, Over, Unseen, Vendor};
        use Word::{CustomerWrote, Nobody};
        let (engineer, contact) = (Word::Vendor, Word::Customer);
        let rows: &[Line] = &[
            ("a draft", "new", contact, Unseen, Unseen, &[]),
            ("a request arrives", "new", contact, Unseen, Vendor, &[Start(FirstAnswer), Start(Done)]),
            (
                "a request arrives and the customer goes on",
                "new",
                contact,
                Unseen,
                Customer,
                &[Start(FirstAnswer), Stop(FirstAnswer), Start(Done), Stop(Done)],
            ),
            (
                "an engineer writes",
                "first done",
                engineer,
                Vendor,
                Vendor,
                &[Keep(FirstAnswer), Start(NextUpdate), Resume(Done)],
            ),
            (
                "an engineer asks the customer",
                "first done",
                engineer,
                Vendor,
                Customer,
                &[Keep(FirstAnswer), Stop(Done)],
            ),
            ("the customer answers", "done", contact, Customer, Vendor, &[Start(NextUpdate), Resume(Done)]),
            (
                "the customer writes twice",
                "next done",
                CustomerWrote,
                Vendor,
                Vendor,
                &[Resume(NextUpdate), Resume(Done)],
            ),
            (
                "an engineer answers",
                "next done",
                engineer,
                Vendor,
                Vendor,
                &[Keep(NextUpdate), Start(NextUpdate), Resume(Done)],
            ),
            ("the test goes on by itself", "next done", Nobody, Vendor, Customer, &[Drop(NextUpdate), Stop(Done)]),
            ("the test comes back to us", "done", Nobody, Customer, Vendor, &[Start(NextUpdate), Resume(Done)]),
            (
                "the customer asks in their own turn",
                "done",
                CustomerWrote,
                Customer,
                Customer,
                &[Start(NextUpdate), Stop(Done)],
            ),
            ("and then acts in it", "next done", contact, Customer, Customer, &[Stop(Done)]),
            ("the engineer answers there", "next done", engineer, Customer, Customer, &[Keep(NextUpdate), Stop(Done)]),
            (
                "asked before the first answer",
                "first done",
                CustomerWrote,
                Customer,
                Customer,
                &[Resume(FirstAnswer), Stop(Done)],
            ),
            ("done by the machine", "next done", Nobody, Vendor, Turn::Done, &[Drop(NextUpdate), Keep(Done)]),
            (
                "done by an engineer at once",
                "first done",
                engineer,
                Vendor,
                Turn::Done,
                &[Keep(FirstAnswer), Keep(Done)],
            ),
            ("withdrawn", "first done", contact, Vendor, Over, &[Drop(FirstAnswer), Drop(Done)]),
            ("trouble after it was done", "", contact, Turn::Done, Vendor, &[Start(NextUpdate), Start(Done)]),
        ];
        for (what, open, word, before, after, expected) in rows {
            assert_eq!(orders(owed(open), *word, *before, *after), *expected, "{what}");
        }
    }

    #[test]
    fn urgent_cases_are_promised_more() {
        let nominal = |delay: Delay| match delay.unit {
            DelayUnit::BusinessHours => delay.amount,
            DelayUnit::BusinessDays => delay.amount * 8,
            DelayUnit::Minutes | DelayUnit::Hours | DelayUnit::Days => panic!("{delay}"),
        };
        for objective in Objective::ALL {
            let all: Vec<u32> =
                Priority::ALL.iter().map(|priority| nominal(Targets::standard(*priority).of(*objective))).collect();
            assert!(all.is_sorted(), "{objective}: {all:?}");
        }
    }
}
