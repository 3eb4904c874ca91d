//! What somebody wrote in answer, without the mail that is quoted below it. Leaving too much is better than too little:
//! the whole original stays within reach of engineers, and only what surely is a quotation goes.

/// Lines that begin the quoted mail in the programs that most people use.
const DIVIDERS: &[&str] = &[
    "-----original message-----",
    "-----urspr\u{fc}ngliche nachricht-----",
    "-----message d'origine-----",
    "---------- forwarded message",
    "________________________________",
];

/// The text above the first quotation, without quoted lines and signature.
pub fn without_quotes(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut kept = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        // A signature begins with two hyphens and a space, which the ends of lines above have lost (RFC 3676, 4.3).
        if *line == "--" || is_divider(line) || is_attribution(&lines, index) {
            break;
        }
        if !line.trim_start().starts_with('>') {
            kept.push(*line);
        }
    }
    kept.join("\n").trim().to_owned()
}

fn is_divider(line: &str) -> bool {
    let lower = line.trim().to_lowercase();
    DIVIDERS.iter().any(|divider| lower.starts_with(divider))
}

/// `On 24 Nov 2026, Postern wrote:` over one or two lines, with the quotation below it, or Outlook's `From:` and `Sent:`.
fn is_attribution(lines: &[&str], index: usize) -> bool {
    let at = |step: usize| lines.get(index + step).copied().unwrap_or_default().trim();
    let says = |line: &str| {
        ["wrote:", "schrieb:", "a \u{e9}crit :", "a \u{e9}crit:", "escribi\u{f3}:"]
            .iter()
            .any(|end| line.ends_with(end))
    };
    let starts = ["On ", "Am ", "Le ", "El "].iter().any(|start| at(0).starts_with(start));
    let quoted = |from: usize| (from..from + 3).any(|step| at(step).starts_with('>'));
    let is_outlook = at(0).starts_with("From: ") && (at(1).starts_with("Sent: ") || at(1).starts_with("Date: "));
    is_outlook || (starts && says(at(0)) && quoted(1)) || (starts && says(at(1)) && quoted(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_of_common_programs_go() {
        for text in [
            "Port 587.\r\n\r\nOn Tue, 24 Nov 2026 at 10:00, Postern <reply@x.example> wrote:\r\n\r\n> Which port?\r\n",
            "Port 587.\n\nOn Tue, 24 Nov 2026 at 10:00, Postern\n<reply@x.example> wrote:\n> Which port?\n",
            "> Which port?\nPort 587.\n",
            "Port 587.\n\n-----Original Message-----\nFrom: Postern\nWhich port?\n",
            "Port 587.\n\n________________________________\nFrom: Postern\nSent: Tuesday\n",
            "Port 587.\n\nFrom: Postern <x@y.example>\nSent: Tuesday\nWhich port?\n",
            "Port 587.\n-- \nDana\n",
        ] {
            assert_eq!(without_quotes(text), "Port 587.", "{text}");
        }
    }

    #[test]
    fn what_is_no_quotation_stays() {
        let text = "On Monday our team wrote:\nopen port 587\n\nFrom: 10.0.0.1 to 10.0.0.2";
        assert_eq!(without_quotes(text), text);
        assert_eq!(without_quotes("> only\n> quoted\n"), "");
    }
}
