//! The shipped definitions: checked, run, walked, drawn.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use postern::domain::workflow::invariant::Invariant;
use postern::domain::workflow::walk::{Plan, walk};
use postern::domain::workflow::{
    Brand, CaseState, Data, Definition, Diagnostic, Effect, Event, Package, Policy, ProgressStatus, Refusal,
    TemplateFacts, Value, apply, birth, check, decide, picture, scenario, schema,
};

/// The files of a version, editable, as one package is read from them.
#[derive(Clone)]
pub(crate) struct Tree {
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) templates: Vec<TemplateFacts>,
}

impl Tree {
    /// The shipped version of e-mail alerting.
    pub(crate) fn shipped() -> Self {
        Self::of(MAIL)
    }

    /// A shipped version.
    fn of(version: &str) -> Self {
        let version = root().join("workflows").join(version);
        let mut files = BTreeMap::new();
        for (prefix, dir) in [("", version.clone()), ("scenarios/", version.join("scenarios"))] {
            for path in listing(&dir).into_iter().filter(|path| path.is_file()) {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                files.insert(format!("{prefix}{name}"), fs::read_to_string(&path).unwrap());
            }
        }
        Self { files, templates: templates() }
    }

    pub(crate) fn package(&self) -> Result<Package, Vec<Diagnostic>> {
        Package::from_files(self.files.clone().into_iter().collect())
    }

    /// Everything that reading and checking find.
    pub(crate) fn findings(&self) -> Vec<Diagnostic> {
        match self.package() {
            Ok(package) => check(&package, &self.templates),
            Err(faults) => faults,
        }
    }
}

const MAIL: &str = "smtp-vpn/v1";
/// Every shipped version, with the least number of examples that it has to come with.
const SHIPPED: [(&str, usize); 3] = [(MAIL, 40), ("syslog-vpn/v1", 40), ("alerting-ip-change/v1", 4)];

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn listing(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn templates() -> Vec<TemplateFacts> {
    let folders = listing(&root().join("templates/mail")).into_iter().filter(|path| path.is_dir());
    folders
        .map(|folder| {
            let parts: Vec<String> = listing(&folder).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
            TemplateFacts::of(&folder.file_name().unwrap().to_string_lossy(), parts.iter().map(String::as_str))
        })
        .collect()
}

pub(crate) fn main_definition(package: &Package) -> &Definition {
    package.main().expect("there is one main definition")
}

fn event(name: &str, role: &str, data: &[(&str, Value)]) -> Event {
    Event {
        name: name.to_owned(),
        role: role.to_owned(),
        data: data.iter().map(|(field, value)| ((*field).to_owned(), value.clone())).collect(),
        sealed: std::collections::BTreeSet::new(),
        expected_entered: None,
    }
}

fn vpn_case(definition: &Definition) -> CaseState {
    let inputs = Data::from([
        ("architecture".to_owned(), Value::from("vpn")),
        ("alerting_ips".to_owned(), Value::List(vec!["198.51.100.7".to_owned()])),
    ]);
    birth(definition, inputs).unwrap()
}

const POLICY: Policy = Policy { allow_documentation: true };

/// A case that went through these events; each must be accepted.
fn after(definition: &Definition, events: &[Event]) -> CaseState {
    events.iter().fold(vpn_case(definition), |case, event| {
        let effects =
            decide(definition, &case, event, &POLICY).unwrap_or_else(|refusal| panic!("{}: {refusal}", event.name));
        apply(&case, &effects)
    })
}

fn private_request() -> Vec<Event> {
    vec![
        event("begin", "customer", &[]),
        event("classify", "customer", &[("smtp_location", Value::from("private"))]),
        event(
            "submit_private",
            "customer",
            &[
                ("smtp_ip", Value::from(" 10.20.4.15 ")),
                ("smtp_port", Value::from("587")),
                ("encryption", Value::from("starttls")),
                ("sender_address", Value::from("alerts@corp.example")),
                ("whitelist_request", Value::from("true")),
            ],
        ),
    ]
}

#[test]
fn the_shipped_definitions_check_without_a_finding() {
    for (version, _) in SHIPPED {
        let findings = Tree::of(version).findings();
        assert!(findings.is_empty(), "{}", findings.iter().map(|finding| format!("{finding}\n")).collect::<String>());
    }
}

#[test]
fn every_example_passes_and_every_transition_has_one() {
    for (version, least) in SHIPPED {
        let outcome = scenario::run(&Tree::of(version).package().unwrap());
        assert!(outcome.failed.is_empty(), "{:#?}", outcome.failed);
        assert_eq!(outcome.missing().count(), 0);
        assert_eq!(outcome.coverage(), format!("transitions covered: {0} of {0} (100 %)", outcome.all.len()));
        assert!(outcome.passed >= least, "only {} examples of {version} ran", outcome.passed);
    }
}

#[test]
fn five_thousand_random_families_keep_every_invariant_and_depend_on_the_seed_alone() {
    let package = Tree::shipped().package().unwrap();
    let plan = Plan::new(330_000, 7);
    let report = walk(&package, &plan);
    assert!(report.cases >= 5_000, "only {} cases", report.cases);
    assert_eq!(report.verdict(&package, &plan), Vec::new());
    let short = |seed: u64| walk(&package, &Plan::new(5_000, seed));
    assert_eq!(short(1), short(1));
    assert_ne!(short(1), short(2));
    assert!(plan.invariants.len() == Invariant::ALL.len());
}

#[test]
fn random_walks_through_syslog_keep_every_invariant() {
    let package = Tree::of("syslog-vpn/v1").package().unwrap();
    let plan = Plan::new(150_000, 7);
    assert_eq!(walk(&package, &plan).verdict(&package, &plan), Vec::new());
}

#[test]
fn the_schema_in_the_tree_is_the_one_of_the_structs() {
    let stored = fs::read_to_string(root().join("workflows/schema/workflow.schema.json")).unwrap();
    let derived = format!("{:#}\n", schema::definition_schema());
    assert!(
        stored == derived,
        "write the output of `postern workflow schema` to workflows/schema/workflow.schema.json"
    );
}

#[test]
fn answers_are_stored_in_their_canonical_form() {
    let package = Tree::shipped().package().unwrap();
    let case = after(main_definition(&package), &private_request());
    assert_eq!(case.state, "awaiting_configuration");
    assert_eq!(case.data["smtp_ip"], Value::from("10.20.4.15"));
    assert_eq!(case.data["smtp_port"], Value::Integer(587));
    assert_eq!(case.data["whitelist_request"], Value::Bool(true));
}

#[test]
fn all_wrong_answers_are_reported_at_once_in_the_order_in_which_they_are_asked() {
    let package = Tree::shipped().package().unwrap();
    let definition = main_definition(&package);
    let case = after(definition, &private_request()[..2]);
    let wrong = event(
        "submit_private",
        "customer",
        &[
            ("smtp_ip", Value::from("203.0.113.9")),
            ("smtp_port", Value::Integer(70_000)),
            ("encryption", Value::from("ssl")),
            ("whitelist_request", Value::Bool(false)),
            ("verdict", Value::from("reachable")),
            ("smtp_password", Value::from("hunter2")),
        ],
    );
    let Err(Refusal::Fields(problems)) = decide(definition, &case, &wrong, &POLICY) else { panic!("accepted") };
    let codes: Vec<(&str, &str)> = problems.iter().map(|problem| (problem.field.as_str(), problem.code)).collect();
    assert_eq!(
        codes,
        [
            ("smtp_ip", "not_private"),
            ("smtp_port", "not_a_port"),
            ("encryption", "not_an_option"),
            ("sender_address", "missing"),
            ("whitelist_request", "must_be"),
            ("smtp_password", "in_case_data"),
            ("verdict", "unexpected"),
        ]
    );
    assert!(!format!("{problems:?}").contains("hunter2"), "a secret is repeated in a refusal");
}

#[test]
fn an_address_that_the_registries_refuse_is_refused_with_their_reason() {
    let package = Tree::shipped().package().unwrap();
    let definition = main_definition(&package);
    let case = after(definition, &private_request()[..2]);
    for (address, code) in [
        ("127.0.0.1", "rejected"),
        ("169.254.169.254", "rejected"),
        ("010.1.2.3", "not_an_address"),
        ("10.0.0.0/8", "not_an_address"),
        ("mail.corp.example", "not_an_address"),
        ("10.1.2.3\u{7}", "control_char"),
    ] {
        let mut event = private_request().remove(2);
        event.data.insert("smtp_ip".to_owned(), Value::from(address));
        let Err(Refusal::Fields(problems)) = decide(definition, &case, &event, &POLICY) else {
            panic!("{address} accepted")
        };
        assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [code], "{address}");
    }
}

#[test]
fn a_form_made_for_an_earlier_entry_is_stale_whatever_else_is_wrong_with_it() {
    let package = Tree::shipped().package().unwrap();
    let definition = main_definition(&package);
    let case = after(definition, &private_request());
    let mut late = private_request().remove(1);
    late.expected_entered = Some(case.entered - 1);
    let refusal = decide(definition, &case, &late, &POLICY).unwrap_err();
    let (expected, entered) = (case.entered - 1, case.entered);
    assert_eq!(refusal, Refusal::Stale { expected, entered, state: case.state.clone() });
}

#[test]
fn a_question_sets_the_clock_aside_and_the_answer_lets_it_run_on() {
    let package = Tree::shipped().package().unwrap();
    let definition = main_definition(&package);
    let case = after(definition, &private_request());
    let asked =
        decide(definition, &case, &event("ask_customer", "network", &[("question", Value::from("Which?"))]), &POLICY);
    let asked = asked.unwrap();
    assert!(asked.contains(&Effect::PauseClock) && !asked.contains(&Effect::StopClock));
    let waiting = apply(&case, &asked);
    assert_eq!(waiting.previous.as_deref(), Some("awaiting_configuration"));

    let answered =
        decide(definition, &waiting, &event("answer", "customer", &[("answer", Value::from("This"))]), &POLICY);
    let answered = answered.unwrap();
    let starts_anew = answered.iter().any(|effect| matches!(effect, Effect::StartClock { .. }));
    assert!(answered.contains(&Effect::ResumeClock) && !starts_anew, "{answered:?}");
    let back = apply(&waiting, &answered);
    assert_eq!((back.state.as_str(), back.previous), ("awaiting_configuration", None));
}

#[test]
fn a_waiting_room_entered_from_a_waiting_room_keeps_the_way_back_to_the_first_state() {
    let package = Tree::shipped().package().unwrap();
    let definition = main_definition(&package);
    let mut events = private_request();
    events.push(event("ask_customer", "network", &[("question", Value::from("Which?"))]));
    events.push(event("customer_silent", "machine", &[]));
    let parked = after(definition, &events);
    assert_eq!((parked.state.as_str(), parked.previous.as_deref()), ("parked", Some("awaiting_configuration")));
}

#[test]
fn an_unset_field_leaves_the_data_and_the_vault() {
    let case = CaseState {
        state: "settings".to_owned(),
        previous: None,
        data: Data::from([("question".to_owned(), Value::from("x"))]),
        sealed: ["smtp_password".to_owned()].into(),
        seq: 3,
        entered: 2,
    };
    let unset = |field: &str| Effect::Unset { field: field.to_owned() };
    let next = apply(&case, &[unset("question"), unset("smtp_password")]);
    assert!(next.data.is_empty() && next.sealed.is_empty());
    assert_eq!((next.seq, next.entered), (4, 2));
}

#[test]
fn every_refusal_leaves_the_reason_and_no_role_can_do_what_is_not_offered() {
    let package = Tree::shipped().package().unwrap();
    let definition = main_definition(&package);
    let case = after(definition, &private_request());
    let offered: Vec<&str> = definition.offers(&case, "customer").iter().map(|rule| rule.event.as_str()).collect();
    assert!(!offered.contains(&"configuration_done"), "{offered:?}");
    let refusal = decide(definition, &case, &event("configuration_done", "customer", &[]), &POLICY).unwrap_err();
    assert_eq!(refusal.to_string(), "forbidden: the role customer may not configuration_done");
    let refusal = decide(definition, &case, &event("let_in_done", "customer", &[]), &POLICY).unwrap_err();
    assert!(matches!(refusal, Refusal::Unhandled { .. }));
}

#[test]
fn the_process_list_of_a_case_shows_what_is_behind_at_hand_and_ahead() {
    let package = Tree::shipped().package().unwrap();
    let definition = main_definition(&package);
    let case = after(definition, &private_request());
    let status: Vec<ProgressStatus> = definition.progress(&case).iter().map(|step| step.status).collect();
    assert_eq!(status[..3], [ProgressStatus::Done, ProgressStatus::Now, ProgressStatus::NotYet]);

    let brand = Brand { product: "Product".to_owned(), vendor: "Vendor".to_owned() };
    let title = &definition.progress(&case)[1].title;
    assert_eq!(definition.wording(title, &case, &brand), "We whitelist 10.20.4.15 for the tunnel");

    let mut waiting = case.clone();
    waiting.previous = Some(std::mem::replace(&mut waiting.state, "on_hold".to_owned()));
    assert_eq!(definition.progress(&waiting)[1].status, ProgressStatus::Now);
    let mut broken = case;
    broken.state = "tunnel_fix".to_owned();
    assert_eq!(definition.progress(&broken)[3].status, ProgressStatus::Trouble);
}

#[test]
fn pictures_name_every_state_and_mark_the_current_one() {
    let package = Tree::shipped().package().unwrap();
    for definition in package.definitions.values() {
        let current = definition.states[1].id.as_str();
        let svg = picture::svg(definition, Some(current));
        let (mermaid, dot, table) = (
            picture::mermaid(definition, Some(current)),
            picture::dot(definition, Some(current)),
            picture::table(definition),
        );
        for state in &definition.states {
            assert!(svg.contains(&format!("id=\"state-{}\"", state.id)), "{}", state.id);
            assert!(mermaid.contains(&format!("  {} : ", state.id)) && dot.contains(&format!("  {} [", state.id)));
            assert!(table.contains(&state.title), "{}", state.title);
        }
        assert!(svg.contains("role=\"img\" aria-label=\"") && svg.contains(" (current)</title>"));
        assert!(!picture::svg(definition, None).contains("(current)"));
        assert!(mermaid.ends_with(&format!("class {current} current\n")));
    }
}

/// Runs the command in the root of the project.
fn postern(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_postern"));
    let output = command.arg("workflow").args(arguments).current_dir(root()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_commands_keep_to_their_exit_codes_and_shapes() {
    let version = "workflows/alerting-ip-change/v1";
    assert_eq!(postern(&["check", version, "--json"]), (Some(0), String::new()));
    let (code, out) = postern(&["run", version]);
    assert_eq!(code, Some(0));
    assert!(out.lines().last().unwrap().starts_with("transitions covered: ") && out.ends_with("(100 %)\n"), "{out}");
    let (code, out) = postern(&["walk", version, "--transitions", "20000", "--seed", "1"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.lines().last().unwrap().contains(" 0 violations"));
    assert_eq!(postern(&["picture", "workflows/smtp-vpn/v1/ip-change.toml", "--state", "nowhere"]).0, Some(2));
    assert_eq!(postern(&["check", "workflows/nowhere"]).0, Some(4));
    assert_eq!(postern(&["schema"]).0, Some(0));
}

#[test]
fn the_json_of_a_finding_has_the_keys_of_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("workflow.toml"), "format = 1\nid = \"a-b\"\nkynd = \"main\"\n").unwrap();
    let (code, out) = postern(&["check", folder.path().to_str().unwrap(), "--json"]);
    assert_eq!(code, Some(1));
    let first: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    for key in ["code", "severity", "file", "line", "message"] {
        assert!(first.get(key).is_some(), "{first} lacks {key}");
    }
    assert!(out.contains("did you mean `kind`?"), "{out}");
}
