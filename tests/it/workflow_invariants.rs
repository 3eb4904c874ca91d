//! Each invariant of the walk sees a fault that no other sees, and with it switched off the walk is content.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use postern::domain::workflow::invariant::Invariant;
use postern::domain::workflow::walk::{Plan, walk};
use postern::domain::workflow::{CaseState, Definition, Effect, Event, Package, Policy, Refusal, Value, apply, decide};

use crate::workflow::Tree;

type Decision = Result<Vec<Effect>, Refusal>;

/// The invariant, and it alone, is violated; without it nothing is.
fn only(invariant: Invariant, package: &Package, plan: &Plan) {
    let seen = |plan: &Plan| -> BTreeSet<Invariant> {
        walk(package, plan).verdict(package, plan).into_iter().map(|violation| violation.invariant).collect()
    };
    assert_eq!(seen(plan), BTreeSet::from([invariant]));
    assert_eq!(seen(&plan.clone().without(invariant)), BTreeSet::new());
}

/// A short walk: too short to come to every state, so that invariant has a longer one of its own.
fn plan() -> Plan {
    Plan::new(25_000, 3).without(Invariant::EveryStateVisited)
}

fn shipped() -> Package {
    Tree::shipped().package().unwrap()
}

/// The shipped package with one text of the main definition replaced.
fn edited(from: &str, to: &str) -> Package {
    let mut tree = Tree::shipped();
    let text = tree.files.get_mut("workflow.toml").unwrap();
    assert!(text.contains(from), "the definition has no {from}");
    *text = text.replacen(from, to, 1);
    tree.package().unwrap()
}

#[test]
fn the_shipped_definitions_violate_nothing() {
    let package = shipped();
    assert_eq!(walk(&package, &plan()).verdict(&package, &plan()), Vec::new());
}

#[test]
fn a_defect_is_seen() {
    fn broken(definition: &Definition, case: &CaseState, event: &Event, policy: &Policy) -> Decision {
        if event.name == "note" && event.role == "lead" {
            return Err(Refusal::Defect("no branch fits".to_owned()));
        }
        decide(definition, case, event, policy)
    }
    only(Invariant::NoDefect, &shipped(), &Plan { decide: broken, ..plan() });
}

#[test]
fn an_owner_who_can_do_nothing_is_seen() {
    let rule = "[[state.tunnel_fix.on]]\nevent = \"tunnel_repaired\"\nlabel = \"Repaired\"\nhelp = \"Starts the tunnel test.\"\nby = [";
    let package = edited(&format!("{rule}\"network\"]"), &format!("{rule}\"support\"]"));
    only(Invariant::OwnerCanAct, &package, &plan());
}

#[test]
fn a_clock_that_does_not_start_is_seen() {
    fn broken(definition: &Definition, case: &CaseState, event: &Event, policy: &Policy) -> Decision {
        let mut effects = decide(definition, case, event, policy)?;
        effects.retain(|effect| *effect != Effect::StartClock { clock: "machine_action".to_owned() });
        Ok(effects)
    }
    only(Invariant::ClockArmed, &shipped(), &Plan { decide: broken, ..plan() });
}

#[test]
fn a_clock_that_starts_anew_behind_an_answer_is_seen() {
    fn broken(definition: &Definition, case: &CaseState, event: &Event, policy: &Policy) -> Decision {
        let mut effects = decide(definition, case, event, policy)?;
        for effect in effects.iter_mut().filter(|effect| **effect == Effect::ResumeClock) {
            *effect = Effect::StopClock;
        }
        Ok(effects)
    }
    only(Invariant::ClockArmed, &shipped(), &Plan { decide: broken, ..plan() });
}

#[test]
fn a_gap_in_the_wording_is_seen() {
    fn broken(definition: &Definition, case: &CaseState, event: &Event, policy: &Policy) -> Decision {
        let mut effects = decide(definition, case, event, policy)?;
        if event.name == "hold" {
            effects.push(Effect::Unset { field: "hold_until".to_owned() });
        }
        Ok(effects)
    }
    only(Invariant::NoUnsetPlaceholder, &shipped(), &Plan { decide: broken, ..plan() });
}

#[test]
fn a_secret_in_the_case_data_is_seen() {
    fn broken(definition: &Definition, case: &CaseState, event: &Event, policy: &Policy) -> Decision {
        let mut effects = decide(definition, case, event, policy)?;
        if event.sealed.contains("smtp_password") {
            effects.push(Effect::Set { field: "smtp_password".to_owned(), value: Value::from("hunter2") });
        }
        Ok(effects)
    }
    only(Invariant::NoSecretInData, &shipped(), &Plan { decide: broken, ..plan() });
}

#[test]
fn a_counter_that_skips_is_seen() {
    fn broken(case: &mut CaseState, effects: &[Effect]) {
        *case = apply(case, effects);
        if case.state == "settings" {
            case.seq += 1;
        }
    }
    only(Invariant::SequenceByOne, &shipped(), &Plan { apply: broken, ..plan() });
}

#[test]
fn a_change_beside_the_log_is_seen() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    fn broken(case: &mut CaseState, effects: &[Effect]) {
        *case = apply(case, effects);
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        if call % 1_000 == 7 {
            case.data.insert("evidence".to_owned(), Value::from(call.to_string().as_str()));
        }
    }
    only(Invariant::FoldEqualsState, &shipped(), &Plan { apply: broken, ..plan() });
}

#[test]
fn a_secure_relay_case_in_the_vpn_branch_is_seen() {
    let from = "{ when = \"architecture == 'secure_relay'\", to = \"relay_setup\" },\n  { when = \"architecture == 'vpn'\", to = \"locate_server\" }";
    let to = "{ when = \"architecture == 'vpn'\", to = \"relay_setup\" },\n  { when = \"architecture == 'secure_relay'\", to = \"locate_server\" }";
    // Such a case could begin children, whose signals a Secure Relay does not hear.
    only(Invariant::BranchesApart, &edited(from, to), &plan().without(Invariant::SignalHeard));
}

#[test]
fn settings_that_are_applied_without_a_test_are_seen() {
    // The full test is skipped: what the customer typed is applied at once.
    let from = "to = \"full_test\"\ndo = [{ set = \"smtp_applied\", value = false }]";
    let package = edited(from, "to = \"applying\"\ndo = [{ set = \"smtp_applied\", value = false }]");
    only(Invariant::AppliedOnlyAfterFullTest, &package, &plan());
}

#[test]
fn settings_that_change_between_test_and_application_are_seen() {
    let rule = "[[state.apply_failed.on]]\nevent = \"retry_apply\"";
    let mut tree = Tree::shipped();
    let text = tree.files.get_mut("workflow.toml").unwrap();
    let start = text.find(rule).unwrap();
    let by = text[start..].find("to = ").unwrap() + start;
    text.insert_str(by, "ask = [\"encryption\"]\n");
    only(Invariant::AppliedOnlyAfterFullTest, &tree.package().unwrap(), &plan());
}

#[test]
fn a_turn_that_is_nobodys_is_seen() {
    // Both acts of the network engineer are refused where the tunnel's record holds no alerting IP.
    let rule = "[[state.awaiting_configuration.on]]\nevent = \"configuration_refused\"\n";
    let package = edited(rule, &format!("{rule}when = \"known(alerting_ips)\"\nrefuse = \"Not now\"\n"));
    only(Invariant::TurnIsSomebodys, &package, &plan());
}

#[test]
fn a_wait_whose_end_is_refused_is_seen() {
    let rule = "[[state.test_deferred.on]]\nevent = \"retry_due\"\n";
    let package = edited(rule, &format!("{rule}when = \"known(question)\"\nrefuse = \"Not now\"\n"));
    only(Invariant::TurnIsSomebodys, &package, &plan());
}

#[test]
fn a_signal_that_the_parent_does_not_hear_is_seen() {
    fn broken(definition: &Definition, case: &CaseState, event: &Event, policy: &Policy) -> Decision {
        if event.name == "address_updated" {
            let (event, state) = (event.name.clone(), case.state.clone());
            return Err(Refusal::Unhandled { event, state });
        }
        decide(definition, case, event, policy)
    }
    only(Invariant::SignalHeard, &shipped(), &Plan { decide: broken, ..plan() });
}

#[test]
fn a_child_that_does_not_hear_its_parents_move_is_seen() {
    fn broken(definition: &Definition, case: &CaseState, event: &Event, policy: &Policy) -> Decision {
        if event.name == "withdraw" && event.role == "machine" && case.state == "change_asked" {
            return Err(Refusal::Guard("Not now".to_owned()));
        }
        decide(definition, case, event, policy)
    }
    only(Invariant::SignalHeard, &shipped(), &Plan { decide: broken, ..plan() });
}

#[test]
fn a_state_that_no_walk_reaches_is_seen() {
    fn broken(definition: &Definition, case: &CaseState, event: &Event, policy: &Policy) -> Decision {
        if event.name == "retire" {
            return Err(Refusal::Guard("Not today".to_owned()));
        }
        decide(definition, case, event, policy)
    }
    only(Invariant::EveryStateVisited, &shipped(), &Plan { decide: broken, ..Plan::new(100_000, 3) });
}
