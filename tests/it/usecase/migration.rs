//! Open cases move to another version of their definition by a map; none is lost, and every log still tells its case.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use chrono::TimeDelta;
use postern::app::{cases, migration, queue, replay};
use postern::domain::workflow::invariant::Invariant;
use postern::domain::workflow::migrate::{ClockMove, Migration};
use postern::domain::workflow::walk::{Plan, walk};
use postern::domain::workflow::{CaseState, Definition, Effect, Event, Package, Policy, Refusal, StateKind, decide};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::support::app::{TestApp, act, done, drain};
use crate::support::db::on_both;
use crate::workflow::Tree;

/// How many cases each state has: 1,000 in all.
const CASES: [(&str, usize); 4] =
    [("awaiting_configuration", 900), ("let_us_in", 60), ("waiting_customer", 20), ("tunnel_test", 20)];

fn version_1() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows/smtp-vpn/v1")
}

/// Version 2 in a folder of its own: it asks for a proof of ownership, gives the customer two days less to let us in, and
/// calls a state by another name.
fn version_2() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("smtp-vpn/v2");
    fs::create_dir_all(&target).unwrap();
    for entry in fs::read_dir(version_1()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_name().unwrap();
        let text = fs::read_to_string(&path).unwrap().replace("version = 1\n", "version = 2\n");
        fs::write(target.join(name), text.replace("tunnel_fix", "tunnel_repair")).unwrap();
    }
    let main = target.join("workflow.toml");
    let text = fs::read_to_string(&main).unwrap();
    let before = "We whitelist {{ smtp_ip }} for your VPN tunnel. Then";
    assert!(text.contains(before), "the wording that version 2 changes has moved");
    let text =
        text.replace(before, "Ownership: {{ ownership_proof }}. We whitelist {{ smtp_ip }} for your VPN tunnel. Then");
    let field = "\n[field.ownership_proof]\ntype = \"text\"\nmax = 200\nlabel = \"Proof of ownership\"\n\n[field.";
    let text = text.replacen("\n[field.", field, 1);
    let clock = "[clock.customer_action]";
    let (head, tail) = text.split_once(clock).unwrap();
    let tail = tail.replacen("due = \"5bd\"", "due = \"3bd\"", 1).replacen(
        "remind = [\"2bd\", \"4bd\"]",
        "remind = [\"1bd\", \"2bd\"]",
        1,
    );
    let text = format!("{head}{clock}{tail}");
    assert_ne!(text, fs::read_to_string(&main).unwrap());
    fs::write(&main, text).unwrap();
    folder
}

/// Every state that is no end, but those that move by a line of their own, keeps its name and its clock.
fn map() -> Migration {
    let files = ["workflow.toml"].map(|name| (name.to_owned(), fs::read_to_string(version_1().join(name)).unwrap()));
    let package = Package::from_files(files.into()).unwrap();
    let alone = ["awaiting_configuration", "let_us_in", "tunnel_fix", "tunnel_test"];
    let same: Vec<String> = package.definitions["smtp-vpn"]
        .states
        .iter()
        .filter(|state| state.kind != StateKind::Terminal && !alone.contains(&state.id.as_str()))
        .map(|state| format!("{:?}", state.id))
        .collect();
    let text = format!(
        "from = {{ id = \"smtp-vpn\", version = 1 }}\nto = {{ id = \"smtp-vpn\", version = 2 }}\nsame = [{}]\n\
         move = [\n\
         {{ state = \"awaiting_configuration\", to = \"awaiting_configuration\", clock = \"restart\", \
         set = {{ ownership_proof = \"given before version 2\" }} }},\n\
         {{ state = \"let_us_in\", to = \"let_us_in\", clock = \"shift\" }},\n\
         {{ state = \"tunnel_fix\", to = \"tunnel_repair\", clock = \"keep\" }},\n]\n\
         stay = [\"tunnel_test\"]\ndefault_clock = \"keep\"\n\
         notify = {{ mail = \"procedure-changed\", to = \"customer\", only_if = \"wording of the current state changed\" }}\n",
        same.join(", ")
    );
    Migration::parse("1-to-2.toml", &text).unwrap()
}

async fn thousand(t: &Arc<TestApp>) -> BTreeMap<&'static str, Vec<i64>> {
    let mut made: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    let wanted: Vec<&str> = CASES.iter().flat_map(|(state, count)| std::iter::repeat_n(*state, *count)).collect();
    let mut tasks = JoinSet::new();
    let shares: Vec<Vec<(usize, &str)>> = {
        let numbered: Vec<(usize, &str)> = wanted.into_iter().enumerate().collect();
        numbered.chunks(250).map(<[_]>::to_vec).collect()
    };
    for share in shares {
        let t = Arc::clone(t);
        tasks.spawn(async move {
            let mut made = Vec::new();
            for (index, state) in share {
                made.push((state, one(&t, index, state).await));
            }
            made
        });
    }
    while let Some(share) = tasks.join_next().await {
        for (state, number) in share.unwrap() {
            made.entry(state).or_default().push(number);
        }
    }
    made
}

async fn one(t: &TestApp, index: usize, state: &str) -> i64 {
    let number = t.request_for(&format!("10.20.{}.{}", index / 200, 10 + index % 200)).await.number;
    if state == "waiting_customer" {
        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        t.act(&t.engineer, number, "ask_customer", &[("question", "Which firewall is it?")]).await.unwrap();
    }
    if ["let_us_in", "tunnel_test"].contains(&state) {
        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        t.act(&t.engineer, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
    }
    if state == "tunnel_test" {
        t.act(&t.contact, number, "let_in_done", &[]).await.unwrap();
    }
    assert_eq!(t.case(number).await.flow.state, state);
    number
}

on_both! {
    async fn a_thousand_open_cases_move_as_the_dry_run_said_and_every_log_still_tells_its_case(db: TestDb) {
        let t = Arc::new(TestApp::new(&db).await);
        let numbers = thousand(&t).await;
        t.clock.advance(TimeDelta::hours(5));
        let (folder, map) = (version_2(), Arc::new(map()));
        let app = t.node_with_definitions(&db, folder.path()).await.unwrap();
        let (old, new) = migration::versions(&app, &map).unwrap();
        assert_eq!(map.check(old, new), []);

        let before = (db.rows_as_text("cases").await, db.rows_as_text("timers").await);
        let said = migration::look(&app, &map).await.unwrap();
        assert_eq!((db.rows_as_text("cases").await, db.rows_as_text("timers").await), before, "a dry run changes nothing");
        let row = |state: &str| said[state].clone();
        assert_eq!((row("awaiting_configuration").moved, row("awaiting_configuration").told), (900, 900));
        assert_eq!(row("awaiting_configuration").clock, Some(ClockMove::Restart));
        assert!(row("awaiting_configuration").due_after > row("awaiting_configuration").due_before);
        assert_eq!((row("let_us_in").moved, row("let_us_in").told), (60, 0));
        assert!(row("let_us_in").due_after < row("let_us_in").due_before, "{:?}", row("let_us_in"));
        assert_eq!((row("waiting_customer").moved, row("waiting_customer").clock), (20, Some(ClockMove::Keep)));
        assert_eq!(row("waiting_customer").due_after, row("waiting_customer").due_before);
        assert_eq!((row("tunnel_test").moved, row("tunnel_test").stayed), (0, 20));

        assert_eq!(migration::apply(&app, &map).await.unwrap(), said, "what was said is done");
        let replayed = replay::all(&app.db).await.unwrap();
        assert_eq!((replayed.cases, replayed.findings), (1000, vec![]));
        for (state, version) in [("awaiting_configuration", 2), ("let_us_in", 2), ("waiting_customer", 2), ("tunnel_test", 1)] {
            for number in &numbers[state] {
                let case = t.case(*number).await;
                assert_eq!((case.flow.state.as_str(), case.workflow.version), (state, version), "{number}");
                assert!(case.step_due_at.is_some());
            }
        }
        let again = migration::apply(&app, &map).await.unwrap();
        assert_eq!(again.keys().collect::<Vec<_>>(), ["tunnel_test"]);

        // Life goes on: with the new clock, in the new wording, and back out of the waiting room.
        let waits = numbers["waiting_customer"][0];
        let case = cases::act(&app, &t.contact, act(waits, "answer", &[("answer", "A FortiGate")]));
        assert_eq!(done(case.await.unwrap()).flow.state, "awaiting_configuration");
        let number = numbers["awaiting_configuration"][0];
        queue::claim(&app, &t.engineer, number).await.unwrap();
        let whitelisted = act(number, "configuration_done", &[("change_ref", "CHG-2")]);
        let case = done(cases::act(&app, &t.engineer, whitelisted).await.unwrap());
        assert_eq!((case.flow.state.as_str(), case.workflow.version), ("let_us_in", 2));
        drain(&app).await;
        let told = app.mailer.sent().into_iter().filter(|mail| mail.subject.ends_with("The steps of your case have changed")).count();
        assert_eq!(told, 900, "each customer whose wording changed is told once");
        assert_eq!(replay::all(&app.db).await.unwrap().findings, vec![]);
    }
}

on_both! {
    async fn a_version_that_is_missing_or_was_edited_stops_the_start_with_one_line(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let (folder, map) = (version_2(), Arc::new(map()));
        let app = t.node_with_definitions(&db, folder.path()).await.unwrap();
        migration::apply(&app, &map).await.unwrap();
        assert_eq!(t.case(number).await.workflow.version, 2);
        drop(app);

        let start = async |folder: &Path| match t.node_with_definitions(&db, folder).await {
            Ok(_) => "it starts".to_owned(),
            Err(error) => error.to_string(),
        };
        let nothing = tempfile::tempdir().unwrap();
        let said = start(nothing.path()).await;
        assert_eq!(said, "1 case runs on smtp-vpn version 2, which is missing: put its folder back");
        assert_eq!(start(folder.path()).await, "it starts");

        let main = folder.path().join("smtp-vpn/v2/workflow.toml");
        let text = fs::read_to_string(&main).unwrap();
        fs::write(&main, text.replacen("Ownership: ", "Proof: ", 1)).unwrap();
        let worded = start(folder.path()).await;
        fs::write(&main, text.replacen("when = \"known(alerting_ips)\"", "when = \"known(smtp_ip)\"", 1)).unwrap();
        let said = start(folder.path()).await;
        assert!(said.contains("1 case runs on smtp-vpn version 2, which was edited since"), "{said}");
        assert_eq!(worded, "it starts", "wording is no part of what is published");

        fs::write(folder.path().join("smtp-vpn/v2/LOCK"), "0000\n").unwrap();
        let said = start(folder.path()).await;
        assert!(said.contains("smtp-vpn/v2 was edited after it was published"), "{said}");
    }
}

/// What the walk below looks at while it decides: the map, version 2, and what was found.
static NEXT: RwLock<Option<(Migration, Definition)>> = RwLock::new(None);
static FOUND: Mutex<(u64, BTreeSet<String>)> = Mutex::new((0, BTreeSet::new()));

/// Decides as the engine does, and moves every case that it is asked about to version 2 beside that.
fn decided_and_carried(
    definition: &Definition,
    case: &CaseState,
    event: &Event,
    policy: &Policy,
) -> Result<Vec<Effect>, Refusal> {
    let decided = decide(definition, case, event, policy);
    let next = NEXT.read().unwrap();
    let (map, new) = next.as_ref().unwrap();
    let Some((carried, _)) = map.carry(case).filter(|_| definition.id == map.from.0) else { return decided };
    let mut found = FOUND.lock().unwrap();
    found.0 += 1;
    let mut fault = |what: String| found.1.insert(format!("{}: {what}", case.state));
    let Some(state) = new.state(&carried.state) else {
        fault(format!("there is no {}", carried.state));
        return decided;
    };
    for field in state.placeholders.iter().filter(|field| new.fields.contains_key(*field)) {
        if !carried.data.contains_key(field) {
            fault(format!("the wording shows {field}, which is unset"));
        }
    }
    let owner = state.owner.as_deref().unwrap_or_default();
    if state.kind != StateKind::Terminal && !new.offers(&carried, owner).iter().any(|rule| rule.by.contains(owner)) {
        fault(format!("{owner} can do nothing"));
    }
    if let (Ok(_), Err(refusal)) = (&decided, decide(new, &carried, event, policy)) {
        fault(format!("{} is refused from here on: {refusal:?}", event.name));
    }
    decided
}

/// Walks version 1 and gives how often a case was moved, and what was wrong where it arrived.
fn carried_along_a_walk(map: Migration, new: &Definition) -> (u64, BTreeSet<String>) {
    *NEXT.write().unwrap() = Some((map, new.clone()));
    *FOUND.lock().unwrap() = (0, BTreeSet::new());
    let plan = Plan { decide: decided_and_carried, ..Plan::new(20_000, 11) }.without(Invariant::EveryStateVisited);
    let package = Tree::shipped().package().unwrap();
    assert_eq!(walk(&package, &plan).verdict(&package, &plan), []);
    std::mem::take(&mut *FOUND.lock().unwrap())
}

#[test]
fn wherever_a_case_stands_when_the_version_changes_somebody_can_act_and_every_sentence_is_whole() {
    let folder = version_2();
    let path = folder.path().join("smtp-vpn/v2/workflow.toml");
    let package = Package::from_files(vec![("workflow.toml".to_owned(), fs::read_to_string(path).unwrap())]).unwrap();
    let new = &package.definitions["smtp-vpn"];
    let (carried, found) = carried_along_a_walk(map(), new);
    assert!(carried > 10_000, "{carried}");
    assert_eq!(found, BTreeSet::new());

    let mut careless = map();
    for entry in &mut careless.moves {
        entry.set.clear();
    }
    let (_, found) = carried_along_a_walk(careless, new);
    assert!(found.iter().any(|fault| fault.contains("shows ownership_proof, which is unset")), "{found:?}");
    let mut astray = map();
    astray.moves.iter_mut().filter(|entry| entry.state == "let_us_in").for_each(|entry| entry.to = "active".to_owned());
    let (_, found) = carried_along_a_walk(astray, new);
    assert!(
        found.iter().any(|fault| fault.starts_with("let_us_in: ") && fault.contains("refused from here on")),
        "{found:?}"
    );
}
