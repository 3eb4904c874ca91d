//! What differs between two runs, as one reader may see them: only the rows that differ.

use crate::views::common::Fact;
use crate::views::probe::{Comparison, Difference, TestResult};

/// Facts of a run that differ by nature and say nothing about the way or the server.
const OF_EVERY_RUN: [&str; 2] = ["Began", "Test id"];

const CERTIFICATE: &str = "Certificate: ";

/// Compares a test with the one before it; without one there is nothing to compare.
pub(super) fn compared(before: Option<&TestResult>, after: &TestResult) -> Comparison {
    let rows = before.map(|before| differences(&rows(before), &rows(after))).unwrap_or_default();
    let rows = rows.into_iter().filter(|row| !is_part_of_one_certificate(row)).collect();
    Comparison {
        case_number: after.case_number,
        number: after.number,
        href: after.href.clone(),
        running: after.running,
        before: before.map(|before| before.number),
        rows,
    }
}

type Row = (String, String);

/// Everything of a result that can be compared, under a name that both runs give it.
fn rows(result: &TestResult) -> Vec<Row> {
    let mut rows =
        vec![("Verdict".to_owned(), result.tag.text.clone()), ("Where it stopped".to_owned(), result.heading.clone())];
    rows.extend(facts("", &result.about));
    for hop in &result.path {
        let address = hop.address.as_ref().map(|address| format!(" ({address})")).unwrap_or_default();
        rows.push((format!("Path: {}", hop.label), format!("{}{address}", hop.tag.text)));
    }
    for step in &result.steps {
        rows.push((format!("Step: {}", step.title), format!("{}: {}", step.tag.text, step.text)));
        let evidence = step.evidence.iter().flat_map(|evidence| &evidence.facts);
        rows.extend(facts(&format!("{}: ", step.title), evidence));
    }
    for warning in &result.warnings {
        rows.push((format!("Warning: {}", warning.title.as_deref().unwrap_or_default()), "Given".to_owned()));
    }
    for one in &result.addresses {
        rows.push((format!("Address {}", one.label), format!("{}: {}", one.tag.text, one.text)));
    }
    for one in &result.recipients {
        let said = if one.text.is_empty() { String::new() } else { format!(": {}", one.text) };
        rows.push((format!("Recipient {}", one.label), format!("{}{said}", one.tag.text)));
    }
    if !result.certificate.is_empty() {
        rows.push(("Certificate of the server".to_owned(), "Shown".to_owned()));
    }
    rows.extend(facts(CERTIFICATE, &result.certificate));
    rows
}

/// Where only one run saw a certificate, its single facts are no differences.
fn is_part_of_one_certificate(row: &Difference) -> bool {
    row.label.starts_with(CERTIFICATE) && (row.before.is_none() || row.after.is_none())
}

fn facts<'f>(prefix: &str, facts: impl IntoIterator<Item = &'f Fact>) -> Vec<Row> {
    let kept = facts.into_iter().filter(|fact| !OF_EVERY_RUN.contains(&fact.label.as_str()));
    kept.filter_map(|fact| Some((format!("{prefix}{}", fact.label), fact.value.clone()?))).collect()
}

/// The rows that differ, in the order of the later run; those that only the earlier one has come last.
fn differences(before: &[Row], after: &[Row]) -> Vec<Difference> {
    let value =
        |rows: &[Row], label: &str| rows.iter().find(|(known, _)| known == label).map(|(_, value)| value.clone());
    let gone = before.iter().filter(|(label, _)| value(after, label).is_none());
    let labels = after.iter().chain(gone).map(|(label, _)| label);
    labels
        .map(|label| Difference { label: label.clone(), before: value(before, label), after: value(after, label) })
        .filter(|row| row.before != row.after)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str) -> TestResult {
        TestResult::samples().into_iter().find(|(known, _)| *known == name).unwrap().1
    }

    #[test]
    fn two_runs_with_the_same_outcome_do_not_differ() {
        let (before, mut after) = (sample("failed"), sample("failed"));
        after.number += 1;
        after.ms = Some(1);
        assert!(compared(Some(&before), &after).rows.is_empty());
    }

    #[test]
    fn only_rows_that_differ_are_told_with_both_values() {
        let found = compared(Some(&sample("failed")), &sample("passed"));
        let row = |label: &str| found.rows.iter().find(|row| row.label == label).cloned();
        let verdict = row("Verdict").unwrap();
        assert_eq!(
            (verdict.before.as_deref(), verdict.after.as_deref()),
            (Some("Not reachable"), Some("Reachable with warnings"))
        );
        assert!(row("Target").is_none() && row("Path: Our sender").is_none(), "{:?}", found.rows);
        let gone = row("TCP connection: Seen").unwrap();
        assert_eq!((gone.before.as_deref(), gone.after), (Some("no SYN-ACK"), None));
        assert_eq!(row("Recipient dana@corp.example").unwrap().before, None);
    }
}
