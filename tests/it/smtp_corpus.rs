//! Every row of tests/corpus/smtp/smtp-cases.tsv has a test whose name carries its id, or a line in docs/DECISIONS.md
//! that says why it does not apply.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// So many rows may be left to a decision.
const MOST_DECIDED: usize = 8;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The ids of the table with their kinds.
fn rows() -> BTreeMap<String, String> {
    let table = include_str!("../corpus/smtp/smtp-cases.tsv");
    let rows = table.lines().skip(1).map(|row| {
        let cells: Vec<&str> = row.split('\t').collect();
        assert_eq!(cells.len(), 5, "{row}");
        (cells[0].to_owned(), cells[2].to_owned())
    });
    rows.collect()
}

/// The ids that names of test functions carry, such as `s049_code_and_text`, with one place of each.
fn tested() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join("tests/it"), root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                for line in fs::read_to_string(&path).unwrap().lines() {
                    for id in ids_of(line) {
                        found.insert(id, path.display().to_string());
                    }
                }
            }
        }
    }
    found
}

/// The ids in the name of the function that a line begins.
fn ids_of(line: &str) -> Vec<String> {
    let line = line.trim_start();
    let declared = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "));
    let name = declared.and_then(|rest| rest.split('(').next()).unwrap_or_default();
    let is_id = |word: &&str| word.len() == 4 && word.starts_with('s') && word[1..].bytes().all(|b| b.is_ascii_digit());
    name.split('_').take_while(is_id).map(str::to_uppercase).collect()
}

/// The ids that docs/DECISIONS.md names.
fn decided() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs/DECISIONS.md")).unwrap();
    let words = text.split(|character: char| !character.is_ascii_alphanumeric());
    words
        .filter(|word| word.len() == 4 && word.starts_with('S') && word[1..].bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_row_of_the_table_has_a_test_or_a_decision() {
    let (rows, tested, decided) = (rows(), tested(), decided());
    assert_eq!(rows.len(), 112);
    let open: Vec<&String> = rows.keys().filter(|id| !tested.contains_key(*id) && !decided.contains(*id)).collect();
    assert_eq!(open, Vec::<&String>::new(), "rows without a test function and without a decision");
}

#[test]
fn names_and_decisions_speak_of_rows_that_exist() {
    let (rows, tested, decided) = (rows(), tested(), decided());
    for (id, place) in &tested {
        assert!(rows.contains_key(id), "{place} names the row {id}, which is not in the table");
    }
    assert!(decided.iter().all(|id| rows.contains_key(id) && !tested.contains_key(id)), "{decided:?}");
    assert!(decided.len() <= MOST_DECIDED, "{decided:?}");
}

#[test]
fn names_are_read_as_meant() {
    assert_eq!(ids_of("    async fn s015_s016_old_versions() {"), ["S015", "S016"]);
    assert_eq!(ids_of("fn a_test_of_s015() {"), Vec::<String>::new());
    assert_eq!(ids_of("// fn s015_x()"), Vec::<String>::new());
}
