//! A result as text, to be copied into a mail or a ticket. It says what the page says to the same reader.

use std::fmt::Write as _;

use crate::views::common::{Fact, Note};
use crate::views::probe::{Hop, Line, Part, TestResult, TestStep};
use crate::views::{instant, took};

/// The text of a result that has this address.
pub(super) fn text(result: &TestResult, address: &str) -> String {
    let mut out = Out(String::new());
    out.line(&format!("Tunnel test {} for case {}", result.number, result.case_number));
    let lasted = result.ms.map(|ms| format!(", {}", took(ms))).unwrap_or_default();
    out.line(&format!("{}, run by {}{lasted}", instant(result.started_at), result.by));
    out.line(address);
    out.heading(&result.tag.text);
    out.line(&result.heading);
    out.line(&result.text);
    out.part("What to do", &result.fixes, Out::fact);
    out.part("This test", &result.about, Out::fact);
    out.part("What should change", &result.warnings, Out::note);
    out.part("Path", &result.path, Out::hop);
    let numbered: Vec<(usize, &TestStep)> = result.steps.iter().enumerate().map(|(at, step)| (at + 1, step)).collect();
    out.part(&format!("Steps: {}", result.summary), &numbered, |out, (number, step)| out.step(*number, step));
    out.part("Addresses of the name", &result.addresses, Out::one);
    out.part("Recipients", &result.recipients, Out::one);
    out.part("Certificate of the server", &result.certificate, Out::fact);
    out.part("Conversation, without secrets", &result.transcript, Out::said);
    // The pages keep numbers and their units together; a mail program may not know that space.
    out.0.replace('\u{a0}', " ")
}

struct Out(String);

impl Out {
    fn line(&mut self, text: &str) {
        self.0.push_str(text.trim_end());
        self.0.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.0.push('\n');
        self.line(text);
    }

    /// A heading with what stands under it; nothing where there is nothing.
    fn part<T>(&mut self, heading: &str, items: &[T], write: impl Fn(&mut Self, &T)) {
        if items.is_empty() {
            return;
        }
        self.heading(heading);
        for item in items {
            write(self, item);
        }
    }

    fn fact(&mut self, fact: &Fact) {
        self.line(&format!("  {}: {}", fact.label, fact.value.as_deref().unwrap_or("not provided")));
    }

    fn note(&mut self, note: &Note) {
        self.line(&format!("  {}: {}", note.title.as_deref().unwrap_or("Note"), note.text));
    }

    fn hop(&mut self, hop: &Hop) {
        let mut text = format!("  {}", hop.label);
        for more in hop.address.iter() {
            let _written = write!(text, " {more}");
        }
        let _written = write!(text, ": {}", hop.tag.text);
        for note in &hop.notes {
            let _written = write!(text, "; {note}");
        }
        self.line(&text);
    }

    fn step(&mut self, number: usize, step: &TestStep) {
        let lasted = step.ms.map(|ms| format!(" ({})", took(ms))).unwrap_or_default();
        let cause = step.cause.as_ref().map(|cause| format!(" [{}]", cause.text)).unwrap_or_default();
        self.line(&format!("  {number} {}: {}. {}{cause}{lasted}", step.title, step.tag.text, step.text));
        let Some(evidence) = &step.evidence else { return };
        for (place, reason) in evidence.likely.iter().enumerate() {
            self.line(&format!("      {} {reason}", if place == 0 { "Most likely:" } else { "Or:" }));
        }
        for fact in &evidence.facts {
            self.line(&format!("      {}: {}", fact.label, fact.value.as_deref().unwrap_or("not provided")));
        }
        for line in &evidence.lines {
            self.line(&format!("      {}: {}", line.from, line.text));
        }
    }

    fn one(&mut self, part: &Part) {
        self.line(&format!("  {}: {}. {}", part.label, part.tag.text, part.text));
    }

    fn said(&mut self, line: &Line) {
        self.line(&format!("  {:>9} {:<6} {}", took(line.ms), line.from, line.text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_what_the_page_has_and_no_empty_part() {
        let samples = TestResult::samples();
        let sample = |name: &str| &samples.iter().find(|(known, _)| *known == name).unwrap().1;
        let text_of = |name| text(sample(name), "https://postern.example/cases/2041/tests/7");
        let failed = text_of("failed");
        for words in [
            "Tunnel test 7 for case 2041\n",
            "https://postern.example/cases/2041/tests/7\n",
            "\nNot reachable\nThe test stopped at step 4 of 8",
            "  4 TCP connection: Failed. No answer to 3 SYN packets on port 587 [tcp.timeout] (10 006 ms)\n",
            "      From: 10.99.0.8\n",
            "  5 SMTP greeting: Not run. Needs step 4\n",
            "  Our gateway 198.51.100.1: Tunnel up",
        ] {
            assert!(failed.contains(words), "{words:?} is not in:\n{failed}");
        }
        assert!(!failed.contains("Recipients") && !failed.contains('\u{a0}') && !failed.contains("  \n"), "{failed}");
        let running = text_of("running");
        assert!(!running.contains("Steps") && !running.contains(" ms"), "{running}");
    }
}
