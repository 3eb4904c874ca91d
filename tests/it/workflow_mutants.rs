//! Seeded defects: each check finds what it is there for. Without the defect no check finds anything (see `workflow`).

use std::collections::BTreeSet;
use std::fs;

use postern::domain::workflow::migrate::Migration;
use postern::domain::workflow::{Code, Definition, Severity, TemplateFacts, parse};

use crate::workflow::{Tree, root};

const MAIN: &str = "workflow.toml";
const CHILD: &str = "ip-change.toml";
const CHANGE: &str = "settings-change.toml";

impl Tree {
    /// Replaces a text in a file; it must be there.
    fn edit(&mut self, file: &str, from: &str, to: &str) {
        self.edit_after(file, "", from, to);
    }

    /// Replaces the first occurrence after a mark; both must be there, in one section (up to a line that opens a state).
    fn edit_after(&mut self, file: &str, mark: &str, from: &str, to: &str) {
        let text = self.files.get_mut(file).unwrap();
        let start = text.find(mark).unwrap_or_else(|| panic!("{file} has no {mark}"));
        let offset = text[start..].find(from).unwrap_or_else(|| panic!("{file} has no {from} after {mark}"));
        text.replace_range(start + offset..start + offset + from.len(), to);
    }

    /// Replaces a text inside the rule for an event of a state.
    fn edit_rule(&mut self, file: &str, state: &str, event: &str, from: &str, to: &str) {
        let mark = format!("[[state.{state}.on]]\nevent = \"{event}\"");
        let text = self.files.get_mut(file).unwrap();
        let start = text.find(&mark).unwrap_or_else(|| panic!("{file} has no {mark}"));
        let end = text[start + 3..].find("\n[").map_or(text.len(), |end| start + 3 + end);
        let offset = text[start..end].find(from).unwrap_or_else(|| panic!("{mark} has no {from}"));
        text.replace_range(start + offset..start + offset + from.len(), to);
    }

    /// Takes a rule of a state away.
    fn cut_rule(&mut self, file: &str, state: &str, event: &str) {
        let mark = format!("[[state.{state}.on]]\nevent = \"{event}\"");
        let text = self.files.get_mut(file).unwrap();
        let start = text.find(&mark).unwrap_or_else(|| panic!("{file} has no {mark}"));
        let end = text[start + 3..].find("\n[").map_or(text.len(), |end| start + 4 + end);
        text.replace_range(start..end, "");
    }

    /// Replaces a text inside an anywhere-rule.
    fn edit_anywhere(&mut self, file: &str, event: &str, from: &str, to: &str) {
        self.edit_after(file, &format!("[[anywhere]]\nevent = \"{event}\""), from, to);
    }

    fn add(&mut self, file: &str, text: &str) {
        self.files.get_mut(file).unwrap().push_str(text);
    }
}

/// A defect: the check that must find it, what it is, how it is made.
type Mutant = (Code, &'static str, fn(&mut Tree));

/// Every mutant is found by its check, with a place and a message; in shares, so that the shares run side by side.
fn all_are_found(mutants: &[Mutant]) {
    for (code, what, make) in mutants {
        let mut tree = Tree::shipped();
        make(&mut tree);
        let found = tree.findings();
        let by_check: Vec<_> = found.iter().filter(|finding| finding.code == *code).collect();
        assert!(!by_check.is_empty(), "{code}: {what}: found instead {found:#?}");
        assert!(by_check.iter().all(|finding| finding.line >= 1 && finding.message.len() > 10));
    }
}

const SHAPE_AND_REFERENCES: &[Mutant] = &[
    (Code::W01, "a misspelt key in a clock", |tree| {
        tree.edit_after(MAIN, "[clock.machine_action]", "remind", "remnd");
    }),
    (Code::W01, "an effect verb that does not exist", |tree| {
        tree.edit_rule(MAIN, "relay_confirm", "it_arrived", "{ mail = ", "{ sms = ");
    }),
    (Code::W01, "a condition without the words for the refused person", |tree| {
        tree.edit_rule(MAIN, "alerting_ip_requested", "provide_alerting_ip", "refuse = ", "help = ");
        tree.edit_rule(MAIN, "alerting_ip_requested", "provide_alerting_ip", "help = \"Says", "# \"");
    }),
    (Code::W01, "a rule that leads to a state and has branches", |tree| {
        tree.edit_rule(MAIN, "intake", "begin", "branch = [", "to = \"relay_setup\"\nbranch = [");
    }),
    (Code::W01, "an anywhere-rule without phases", |tree| {
        tree.edit_anywhere(MAIN, "note", "phases = ", "except = [] # ");
    }),
    (Code::W01, "a table that is not closed", |tree| tree.edit(MAIN, "[state.intake]", "[state.intake")),
    (Code::W01, "a clock with two dues", |tree| tree.edit(MAIN, "due_at = ", "due = \"2d\"\ndue_at = ")),
    (Code::W02, "a target state that does not exist", |tree| {
        tree.edit_rule(MAIN, "tunnel_fix", "tunnel_repaired", "to = \"tunnel_test\"", "to = \"tunel_test\"");
    }),
    (Code::W02, "an enum compared with what is none of its options", |tree| {
        tree.edit_rule(MAIN, "locate_server", "classify", "== 'private'", "== 'privat'");
    }),
    (Code::W02, "a guard that does not parse", |tree| {
        tree.edit_rule(MAIN, "active", "notify_ip_change", "new_ip != smtp_ip", "new_ip = smtp_ip");
    }),
    (Code::W02, "a field that does not exist in an effect", |tree| {
        tree.edit_after(MAIN, "[state.full_test]", "port = \"smtp_port\"", "port = \"smtp_prt\"");
    }),
    (Code::W02, "a probe whose host is no address", |tree| {
        tree.edit_after(MAIN, "[state.full_test]", "host = \"smtp_ip\"", "host = \"evidence\"");
    }),
    (Code::W02, "a progress list that names a state that is gone", |tree| {
        tree.edit_after(MAIN, "[[progress]]", "states = [\"intake\"]", "states = [\"intak\"]");
    }),
    (Code::W02, "an owner that is no role", |tree| {
        tree.edit_after(MAIN, "[state.tunnel_fix]", "owner = \"network\"", "owner = \"netwrk\"");
    }),
    (Code::W02, "`set` with a value that the field cannot have", |tree| {
        tree.edit(MAIN, "{ set = \"retried\", value = true }", "{ set = \"retried\", value = \"yes\" }");
    }),
];

const GRAPH: &[Mutant] = &[
    (Code::W03, "the only way into a state is led elsewhere", |tree| {
        tree.edit_rule(MAIN, "applying", "apply_result", "to = \"apply_failed\"", "to = \"apply_by_hand\"");
    }),
    (Code::W04, "a state without any event of its own", |tree| tree.cut_rule(MAIN, "tunnel_fix", "tunnel_repaired")),
    (Code::W05, "a loop between two repair states that only cancelling leaves", |tree| {
        tree.edit_rule(MAIN, "tunnel_fix", "tunnel_repaired", "to = \"tunnel_test\"", "to = \"repair_timeout\"");
        tree.edit_rule(MAIN, "repair_timeout", "record_tunnel_checks", "to = \"tunnel_test\"", "to = \"tunnel_fix\"");
        tree.cut_rule(MAIN, "repair_timeout", "check_whitelists");
        tree.cut_rule(MAIN, "repair_timeout", "override");
        tree.edit_anywhere(MAIN, "reclassify", ", \"repair\"]", "]");
        tree.edit_anywhere(MAIN, "move_server", ", \"repair\"]", "]");
        tree.edit_anywhere(MAIN, "child_reclassify", "\"repair\", \"waiting\", ", "");
        tree.edit_anywhere(MAIN, "address_updated", "to = \"full_test\"", "to = \"@same\"");
    }),
    (Code::W06, "the branch for a verdict is forgotten", |tree| {
        tree.edit_rule(MAIN, "tunnel_test", "test_result", "'dns_failure', 'tls_failure', ", "'dns_failure', ");
    }),
    (Code::W07, "two branches fit a reachable server", |tree| {
        let (from, to) = ("verdict == 'reachable' and not smtp_applied", "verdict == 'reachable'");
        tree.edit_rule(MAIN, "full_test", "test_result", from, to);
    }),
    (Code::W08, "the owner may not fire the only event of his state", |tree| {
        tree.edit_rule(MAIN, "tunnel_fix", "tunnel_repaired", "by = [\"network\"]", "by = [\"support\"]");
    }),
    (Code::W09, "nobody listens to the answer of the probe", |tree| {
        tree.edit_rule(MAIN, "full_test", "test_result", "by = [\"machine\"]", "by = [\"network\"]");
    }),
    (Code::W09, "the answer of applying is not understood", |tree| {
        tree.edit_after(MAIN, "[state.applying]", "answers = \"apply_result\"", "answers = \"alert_sent\"");
    }),
    (Code::W10, "a state nobody is ever reminded of", |tree| {
        tree.edit_after(MAIN, "[state.repair_delivery]", "clock = \"support_action\"\n", "");
    }),
    (Code::W12, "the alerting IP is shown before anyone has given it", |tree| {
        let (from, to) = ("known(alerting_ips) and smtp_location == 'public'", "smtp_location == 'public'");
        tree.edit_rule(MAIN, "repair_delivery", "record_checks", from, to);
    }),
    (Code::W12, "the probe runs before the address is asked for", |tree| {
        tree.edit_rule(MAIN, "locate_server", "classify", "to = \"private_details\"", "to = \"tunnel_test\"");
    }),
    (Code::W12, "settings are applied of which one was never asked", |tree| {
        tree.edit_rule(MAIN, "private_details", "submit_private", "\"sender_address\", ", "");
        tree.edit_rule(MAIN, "settings", "submit_settings", "\"sender_address\", ", "");
    }),
    (Code::W12, "a guard reads what can be unset", |tree| {
        let (from, to) = (
            "known(filters_inbound) and filters_inbound == 'unknown' and known",
            "filters_inbound == 'unknown' and known",
        );
        tree.edit_rule(MAIN, "tunnel_test", "test_result", from, to);
    }),
    (Code::W27, "the only act of the owner is refused where no alerting IP is on record", |tree| {
        tree.cut_rule(MAIN, "awaiting_configuration", "configuration_refused");
    }),
    (Code::W27, "the customer's only act is refused for ever", |tree| {
        let rule = "event = \"answer\"\nlabel = \"Send the answer\"\n";
        tree.edit_after(MAIN, "[state.let_us_in]", "event = \"let_in_done\"\nlabel = \"It is done\"\n", "event = \"let_in_done\"\nlabel = \"It is done\"\nwhen = \"known(change_ref) and not known(change_ref)\"\nrefuse = \"Not now\"\n");
        tree.cut_rule(MAIN, "let_us_in", "need_help");
        assert!(tree.files[MAIN].contains(rule));
    }),
    (Code::W27, "the end of a wait is refused", |tree| {
        let (from, to) =
            ("by = [\"machine\"]", "when = \"known(question)\"\nrefuse = \"Nobody asked\"\nby = [\"machine\"]");
        tree.edit_rule(MAIN, "parked", "auto_close", from, to);
    }),
    (Code::W16, "test and repair chase each other by machine alone", |tree| {
        tree.edit_rule(
            MAIN,
            "repair_timeout",
            "record_tunnel_checks",
            "by = [\"network\", \"support\"]",
            "by = [\"machine\"]",
        );
    }),
    (Code::W17, "a waiting room whose clock never ends", |tree| {
        tree.edit_after(MAIN, "[clock.parked]", "expire = { after = \"67d\", event = \"auto_close\" }\n", "");
    }),
    (Code::W17, "an end with an event", |tree| {
        let rule =
            "\n[[state.cancelled.on]]\nevent = \"reopen\"\nlabel = \"Reopen\"\nby = [\"support\"]\nto = \"intake\"\n";
        tree.add(MAIN, rule);
    }),
    (Code::W17, "back to a previous state outside a waiting room", |tree| {
        tree.edit_rule(MAIN, "tunnel_fix", "tunnel_repaired", "to = \"tunnel_test\"", "to = \"@previous\"");
    }),
];

const FIELDS_AND_CLOCKS: &[Mutant] = &[
    (Code::W11, "a reminder after the due time", |tree| {
        tree.edit_after(MAIN, "[clock.network_action]", "remind = [\"1bd\"]", "remind = [\"3bd\"]");
    }),
    (Code::W11, "a reminder before an instant that no field names", |tree| {
        tree.edit_after(
            MAIN,
            "[clock.network_action]",
            "remind = [\"1bd\"]",
            "remind = [\"1bd\"]\nremind_before = [\"1d\"]",
        );
    }),
    (Code::W11, "a clock that expires with an event its state does not know", |tree| {
        tree.edit_after(MAIN, "[state.repair_delivery]", "clock = \"support_action\"", "clock = \"customer_action\"");
    }),
    (Code::W11, "business hours without a calendar", |tree| {
        tree.edit_after(MAIN, "[clock.support_action]", "calendar = \"support\"\n", "");
    }),
    (Code::W11, "an escalation to the owner himself", |tree| {
        tree.edit_after(MAIN, "[clock.support_action]", "to = \"lead\"", "to = \"support\"");
    }),
    (Code::W13, "a field that nothing sets", |tree| {
        tree.add(MAIN, "\n[field.mx_record]\ntype = \"text\"\nlabel = \"MX\"\n");
    }),
    (Code::W14, "a secret outside the vault", |tree| {
        tree.edit_after(MAIN, "[field.smtp_account]", "store = \"vault\"\n", "");
        // A child is handed fields of the vault only.
        tree.edit_rule(MAIN, "active", "change_settings", "\"smtp_account\", ", "");
        for _spawn in 0..2 {
            tree.edit_rule(MAIN, "active", "notify_ip_change", "\"smtp_account\", ", "");
        }
        tree.edit_rule(MAIN, "active", "watch_noticed", "\"smtp_account\", ", "");
    }),
    (Code::W14, "wording that shows the password", |tree| {
        tree.edit_after(MAIN, "[state.settings]", "Check the encryption", "{{ smtp_password }}");
    }),
    (Code::W14, "a guard that reads the account", |tree| {
        tree.edit_rule(MAIN, "settings", "submit_settings", "known(smtp_account)", "smtp_account == 'root'");
    }),
    (Code::W14, "a password given to a child", |tree| {
        tree.edit_rule(
            MAIN,
            "active",
            "notify_ip_change",
            "with = [\"smtp_port\", ",
            "with = [\"smtp_port\", \"smtp_password\", ",
        );
    }),
    (Code::W15, "wording with an unknown placeholder", |tree| {
        tree.edit_after(MAIN, "[state.tunnel_test]", "{{ smtp_ip }}", "{{ smpt_ip }}");
    }),
    (Code::W15, "a progress list with an unknown placeholder", |tree| {
        tree.edit_after(MAIN, "[[progress]]", "{{ smtp_ip }}", "{{ smpt_ip }}");
    }),
    (Code::W19, "one event with two labels", |tree| {
        tree.edit_rule(MAIN, "full_test", "retest", "label = \"Run the test again\"", "label = \"Alarm\"");
    }),
    (Code::W20, "a customer may record that our side is done", |tree| {
        tree.edit_rule(MAIN, "awaiting_configuration", "configuration_done", "by = [", "by = [\"customer\", ");
    }),
    (Code::W20, "an engineer may record a test result", |tree| {
        tree.edit_rule(MAIN, "full_test", "test_result", "by = [\"machine\"]", "by = [\"machine\", \"network\"]");
    }),
];

const FAMILY: &[Mutant] = &[
    (Code::W18, "the child may finish where its signal is unknown", |tree| {
        tree.edit_anywhere(MAIN, "child_failed", ", \"repair\"", "");
    }),
    (Code::W18, "a spawn forgets what the child needs", |tree| {
        tree.edit_rule(MAIN, "active", "notify_ip_change", "with = [\"smtp_port\", ", "with = [");
    }),
    (Code::W18, "options differ between parent and child", |tree| {
        let options = "options = [\"private\", \"public\"]";
        tree.edit_after(CHILD, "[field.smtp_location]", options, "options = [\"private\", \"public\", \"both\"]");
    }),
    (Code::W18, "a change is taken over where the main case does not hear it", |tree| {
        tree.cut_rule(MAIN, "active", "settings_changed");
    }),
    (Code::W18, "a password is handed to a case that has no vault for it", |tree| {
        tree.edit_rule(MAIN, "active", "settings_changed", "\"smtp_account\", \"smtp_password\"", "\"smtp_account\"");
    }),
    (Code::W18, "a secret for a child that keeps none", |tree| {
        let (from, to) = ("\"watch_cause\" } }", "\"watch_cause\" }, secrets = [\"smtp_password\"] }");
        tree.edit_rule(MAIN, "active", "watch_found", from, to);
    }),
    (Code::W18, "a child that does not hear that its parent moved", |tree| {
        tree.edit_anywhere(CHANGE, "withdraw", "\"configure\", ", "");
    }),
    (Code::W18, "a child that answers its parent's move with a signal", |tree| {
        let (from, to) = ("to = \"change_putting_back\"", "to = \"change_done\"");
        tree.edit_rule(CHANGE, "change_confirm", "withdraw", from, to);
    }),
    (Code::W13, "a password that no parent hands over any more", |tree| {
        for _spawn in 0..2 {
            tree.edit_rule(MAIN, "active", "notify_ip_change", ", \"smtp_password\"]", "]");
        }
        tree.edit_rule(MAIN, "active", "watch_noticed", ", \"smtp_password\"]", "]");
    }),
    (Code::W02, "an address narrowed by a question that is not asked", |tree| {
        tree.edit_rule(MAIN, "active", "notify_ip_change", "new_ip = \"new_location\"", "new_ip = \"overlap\"");
    }),
    (Code::W02, "the machine as a second contact", |tree| {
        tree.edit_rule(
            CHILD,
            "ip_received",
            "confirm_notice",
            "by = [\"customer\"]",
            "by = [\"customer\", \"machine\"]",
        );
    }),
    (Code::W18, "a child that outlives its parent", |tree| tree.edit(CHANGE, "on_parent_end  = ", "# ")),
    (Code::W21, "a step of the procedure is covered by nothing", |tree| {
        let text = tree.files.get_mut(MAIN).unwrap();
        *text = text.replace(", \"P19\"", "").replace("[\"P19\", ", "[").replace("covers = [\"P19\"]\n", "");
    }),
    (Code::W22, "a published version is edited in place", |tree| {
        let hash = tree.package().unwrap().hash();
        tree.files.insert("LOCK".to_owned(), format!("{hash}\n"));
        tree.edit_rule(MAIN, "tunnel_fix", "tunnel_repaired", "by = [\"network\"]", "by = [\"network\", \"support\"]");
    }),
    (Code::W24, "a transition without an example", |tree| {
        let rule = "\n[[state.tunnel_fix.on]]\nevent = \"give_up\"\nlabel = \"Give up\"\nby = [\"network\"]\nto = \"repair_timeout\"\n";
        tree.add(MAIN, rule);
    }),
    (Code::W24, "an example that fails", |tree| {
        tree.edit("scenarios/private.toml", "then = \"let_us_in\"", "then = \"active\"");
    }),
    (Code::W25, "a mail template that does not exist", |tree| {
        tree.edit_rule(MAIN, "relay_confirm", "it_arrived", "mail = \"relay-done\"", "mail = \"relay-dome\"");
    }),
    (Code::W25, "a mail template that reads an unknown field", |tree| {
        tree.templates.push(TemplateFacts::of("odd", ["{{ field.smpt_ip }} {{ case.url }}"]));
        tree.edit_rule(MAIN, "relay_confirm", "it_arrived", "mail = \"relay-done\"", "mail = \"odd\"");
    }),
    (Code::W25, "a mail template that reads a secret", |tree| {
        tree.templates.push(TemplateFacts::of("odd", ["{% if field.smtp_password %}{{ case.url }}{% endif %}"]));
        tree.edit_rule(MAIN, "relay_confirm", "it_arrived", "mail = \"relay-done\"", "mail = \"odd\"");
    }),
    (Code::W26, "the customer is waited for without a mail", |tree| {
        tree.edit_rule(
            MAIN,
            "awaiting_configuration",
            "configuration_done",
            "mail = \"let-us-in\", to = \"customer\"",
            "unset = \"reason\"",
        );
    }),
    (Code::W26, "the mail to the customer does not link to the case", |tree| {
        for facts in tree.templates.iter_mut().filter(|facts| facts.name == "let-us-in") {
            facts.links_to_case = false;
        }
    }),
    (Code::W26, "the mail goes to the vendor", |tree| {
        let (from, to) = ("{ mail = \"let-us-in\", to = \"customer\" }", "{ mail = \"let-us-in\", to = \"support\" }");
        tree.edit_rule(MAIN, "awaiting_configuration", "configuration_done", from, to);
    }),
];

#[test]
fn seeded_defects_of_shape_and_references_are_found() {
    all_are_found(SHAPE_AND_REFERENCES);
}

#[test]
fn seeded_defects_of_the_graph_are_found() {
    all_are_found(GRAPH);
}

#[test]
fn seeded_defects_of_fields_and_clocks_are_found() {
    all_are_found(FIELDS_AND_CLOCKS);
}

#[test]
fn seeded_defects_of_the_package_as_a_whole_are_found() {
    all_are_found(FAMILY);
}

#[test]
fn every_check_has_a_seeded_defect() {
    let tables = [SHAPE_AND_REFERENCES, GRAPH, FIELDS_AND_CLOCKS, FAMILY];
    let covered: BTreeSet<Code> = tables.into_iter().flatten().map(|(code, _, _)| *code).collect();
    // W23 belongs to migration maps, which have their own table below.
    assert_eq!(covered.len(), 26, "{covered:?}");
    assert!(!covered.contains(&Code::W23));
}

#[test]
fn wording_of_a_published_version_may_change() {
    let mut tree = Tree::shipped();
    let hash = tree.package().unwrap().hash();
    tree.files.insert("LOCK".to_owned(), hash);
    tree.edit_after(MAIN, "[state.active]", "Tell us before", "Please tell us before");
    tree.edit_rule(MAIN, "tunnel_fix", "tunnel_repaired", "label = \"", "label = \"Yes, ");
    tree.edit_after(MAIN, "[[progress]]", "You start", "You begin");
    assert_eq!(tree.findings(), Vec::new());
}

#[test]
fn every_fault_of_a_file_is_reported_with_its_line_and_the_nearest_known_key() {
    let mut tree = Tree::shipped();
    tree.edit_after(MAIN, "[clock.machine_action]", "remind", "remnd");
    tree.edit_rule(MAIN, "relay_confirm", "it_arrived", "{ mail = ", "{ sms = ");
    tree.edit(MAIN, "max = 8", "max = \"8\"");
    let found = tree.findings();
    assert_eq!(found.len(), 3, "{found:#?}");
    let line = |needle: &str| {
        let text = &tree.files[MAIN];
        u32::try_from(text[..text.find(needle).unwrap()].lines().count()).unwrap()
    };
    let of = |needle: &str| found.iter().find(|finding| finding.message.contains(needle)).unwrap();
    assert!(of("remnd").message.contains("did you mean `remind`?"));
    assert_eq!(of("remnd").line, line("remnd") + 1 - u32::from(!tree.files[MAIN].contains("\nremnd")));
    assert!(of("no known verb among the keys sms, to").message.contains("mail"));
    assert!(found.iter().all(|finding| finding.severity == Severity::Error && finding.column >= 1));
}

#[test]
fn a_guard_that_does_not_parse_names_the_column_in_the_file() {
    let mut tree = Tree::shipped();
    tree.edit_rule(MAIN, "active", "notify_ip_change", "new_ip != smtp_ip", "new_ip = smtp_ip");
    let found = tree.findings();
    let text = tree.files[MAIN].lines().nth(found[0].line as usize - 1).unwrap();
    assert_eq!(text.chars().nth(found[0].column as usize - 1), Some('='), "{:?}", found[0]);
}

fn versions() -> (Definition, Definition, String) {
    let mut tree = Tree::shipped();
    let old = parse(MAIN, &tree.files[MAIN]).unwrap();
    tree.edit(MAIN, "version = 1", "version = 2");
    let text = tree.files.get_mut(MAIN).unwrap();
    *text = text.replace("tunnel_fix", "tunnel_repair");
    text.push_str("\n[field.ownership_proof]\ntype = \"text\"\nlabel = \"Proof\"\n");
    tree.edit_after(MAIN, "[state.awaiting_configuration]", "body = \"", "body = \"{{ ownership_proof }} ");
    let new = parse(MAIN, &tree.files[MAIN]).unwrap();
    let map = fs::read_to_string(root().join("workflows/smtp-vpn/migrations/1-to-2.toml")).unwrap();
    (old, new, map)
}

#[test]
fn the_example_migration_has_no_finding() {
    let (old, new, map) = versions();
    assert_eq!(Migration::parse("1-to-2.toml", &map).unwrap().check(&old, &new), Vec::new());
}

#[test]
fn seeded_defects_of_a_migration_map_are_found() {
    let (old, new, map) = versions();
    let defects = [
        ("a state is forgotten", "\"applying\", ", "", "applying is named 0 times"),
        ("a state is named twice", "\"applying\", ", "\"applying\", \"applying\", ", "twice"),
        ("a target does not exist", "to = \"tunnel_repair\"", "to = \"tunnel_fix\"", "no state tunnel_fix"),
        (
            "a new field is missing",
            ", set = { ownership_proof = \"given before version 2\" }",
            "",
            "reads ownership_proof",
        ),
        ("another kind", "to = \"tunnel_repair\"", "to = \"parked\"", "must be of one kind"),
        (
            "no word on the clock",
            "to = \"tunnel_repair\", clock = \"keep\"",
            "to = \"tunnel_repair\"",
            "without a word on its clock",
        ),
        ("an unknown word on the clock", "default_clock = \"keep\"", "default_clock = \"hold\"", "expected one of"),
        (
            "another version",
            "to   = { id = \"smtp-vpn\", version = 2 }",
            "to = { id = \"smtp-vpn\", version = 3 }",
            "version 3",
        ),
    ];
    for (what, from, to, expected) in defects {
        assert!(map.contains(from), "{what}: the map has no {from}");
        let found = match Migration::parse("1-to-2.toml", &map.replacen(from, to, 1)) {
            Ok(map) => map.check(&old, &new),
            Err(faults) => faults,
        };
        assert!(found.iter().any(|finding| finding.message.contains(expected)), "{what}: {found:#?}");
    }
}
