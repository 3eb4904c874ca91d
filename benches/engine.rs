//! One transition of the shipped workflow: decide and apply; one guard.

use std::collections::BTreeSet;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use postern::domain::workflow::{CaseState, Data, Event, Facts, Guard, Policy, Value, apply, birth, decide, parse};

#[expect(clippy::expect_used, reason = "a bench that cannot begin must say why")]
fn transition(criterion: &mut Criterion) {
    let text = include_str!("../workflows/smtp-vpn/v1/workflow.toml");
    let definition = parse("workflow.toml", text).expect("the shipped definition can be read");
    let inputs = Data::from([("architecture".to_owned(), Value::from("vpn"))]);
    let born = birth(&definition, inputs).expect("a case can be born");
    let case = CaseState { state: "private_details".to_owned(), ..born };
    let answers = [
        ("smtp_ip", Value::from("10.20.4.15")),
        ("smtp_port", Value::Integer(587)),
        ("encryption", Value::from("starttls")),
        ("sender_address", Value::from("alerts@corp.example")),
        ("whitelist_request", Value::Bool(true)),
    ];
    let event = Event {
        name: "submit_private".to_owned(),
        role: "customer".to_owned(),
        data: answers.into_iter().map(|(field, value)| (field.to_owned(), value)).collect(),
        sealed: BTreeSet::new(),
        expected_entered: None,
    };
    let policy = Policy::default();
    criterion.bench_function("decide and apply one transition", |bencher| {
        bencher.iter(|| {
            let effects = decide(&definition, black_box(&case), black_box(&event), &policy).expect("it is accepted");
            apply(&case, &effects)
        });
    });
}

#[expect(clippy::expect_used, reason = "a bench that cannot begin must say why")]
fn guard(criterion: &mut Criterion) {
    let text = "verdict in ['timeout', 'refused', 'not_allowed'] and known(filters) and filters == 'unknown'";
    let guard = Guard::parse(text).expect("the guard can be read");
    let data = Data::from([
        ("verdict".to_owned(), Value::from("not_allowed")),
        ("filters".to_owned(), Value::from("unknown")),
    ]);
    let (answers, sealed) = (Data::new(), BTreeSet::new());
    let facts = Facts { answers: &answers, data: &data, sealed_now: &sealed, sealed: &sealed };
    criterion.bench_function("evaluate one guard", |bencher| bencher.iter(|| black_box(&guard).holds(&facts)));
}

criterion_group!(benches, transition, guard);
criterion_main!(benches);
