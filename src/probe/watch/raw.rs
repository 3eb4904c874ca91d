//! The text of `swanctl --list-sas --raw`: `list-sa event {name {key=value list=[a b] section {…}}}`, one event after
//! the other, and at the end `list-sas reply {…}`.

use super::vici::{Node, Section};

/// Deeper than this no answer of strongSwan goes.
const MAX_DEPTH: usize = 16;

/// The events in the text, one section each.
pub(super) fn parse(text: &str) -> Result<Vec<Section>, String> {
    let mut tokens = Tokens { rest: text };
    let mut events = Vec::new();
    while let Some(word) = tokens.next_word() {
        let kind = tokens.next_word().ok_or("the text ends in the middle")?;
        if tokens.next_sign() != Some('{') {
            return Err(format!("after {word:?} {kind:?} a brace was expected"));
        }
        let section = section(&mut tokens, 0)?;
        if kind == "event" {
            events.push(section);
        }
    }
    Ok(events)
}

fn section(tokens: &mut Tokens<'_>, depth: usize) -> Result<Section, String> {
    if depth > MAX_DEPTH {
        return Err("sections go too deep".to_owned());
    }
    let mut section_read = Section::default();
    loop {
        if tokens.peek() == Some('}') {
            tokens.next_sign();
            return Ok(section_read);
        }
        let name = tokens.next_word().ok_or("the text ends in a section")?.to_owned();
        let node = match tokens.next_sign() {
            Some('{') => Node::Section(section(tokens, depth + 1)?),
            Some('=') if tokens.peek() == Some('[') => {
                tokens.next_sign();
                Node::List(list(tokens)?)
            }
            Some('=') => Node::Value(tokens.value().to_owned()),
            _ => return Err(format!("after {name:?} neither a value nor a section follows")),
        };
        section_read.0.push((name, node));
    }
}

fn list(tokens: &mut Tokens<'_>) -> Result<Vec<String>, String> {
    let mut items = Vec::new();
    while tokens.peek() != Some(']') {
        items.push(tokens.item().ok_or("the text ends in a list")?.to_owned());
    }
    tokens.next_sign();
    Ok(items)
}

struct Tokens<'t> {
    rest: &'t str,
}

impl<'t> Tokens<'t> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn next_sign(&mut self) -> Option<char> {
        let sign = self.peek()?;
        self.rest = self.rest.get(sign.len_utf8()..).unwrap_or_default();
        Some(sign)
    }

    /// Everything up to a space or a sign of the grammar.
    fn next_word(&mut self) -> Option<&'t str> {
        self.peek()?;
        let end = self.rest.find(|c: char| c.is_whitespace() || "{}[]=".contains(c)).unwrap_or(self.rest.len());
        (end > 0).then(|| self.take(end))
    }

    /// A value goes up to a space or the end of its section; it may be empty and may contain `=`.
    fn value(&mut self) -> &'t str {
        let end = self.rest.find(|c: char| c.is_whitespace() || c == '}').unwrap_or(self.rest.len());
        self.take(end)
    }

    /// An item goes up to a space or the end of its list; a selector for one port has brackets of its own.
    fn item(&mut self) -> Option<&'t str> {
        self.peek()?;
        let mut depth = 0_usize;
        let end = self.rest.find(|c: char| match c {
            '[' => {
                depth += 1;
                false
            }
            ']' if depth > 0 => {
                depth -= 1;
                false
            }
            _ => c == ']' || c.is_whitespace(),
        })?;
        (end > 0).then(|| self.take(end))
    }

    fn take(&mut self, end: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const TEXT: &str = "list-sa event {s2s {uniqueid=1 version=2 state=ESTABLISHED remote-host=203.0.113.2 remote-id=gw=x \
        established=97 child-sas {alerts-1 {name=alerts state=INSTALLED bytes-in=26169 packets-in=316 use-in=0 packets-out=639 \
        install-time=97 local-ts=[198.51.100.16/28] remote-ts=[10.20.0.0/24 10.21.0.0/24[tcp/25]]}}}}\nlist-sas reply {}\n";

    #[test]
    fn an_answer_of_swanctl_is_read() {
        let events = parse(TEXT).unwrap();
        let (name, sa) = events[0].sections().next().unwrap();
        assert_eq!((events.len(), name, sa.value("remote-id")), (1, "s2s", Some("gw=x")));
        let children = sa.sections().next().unwrap().1;
        let (_, child) = children.sections().next().unwrap();
        assert_eq!(child.number("packets-out"), Some(639));
        assert_eq!(child.list("remote-ts"), ["10.20.0.0/24", "10.21.0.0/24[tcp/25]"]);
    }

    #[test]
    fn no_associations_are_an_answer_too() {
        assert_eq!(parse("list-sas reply {}\n").unwrap(), []);
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn what_is_cut_or_another_text_is_an_error() {
        for end in (20..TEXT.len() - 25).step_by(7) {
            assert!(parse(&TEXT[..end]).is_err(), "cut at {end}");
        }
        assert!(parse("connecting to 'unix:///run/charon.vici' failed").is_err());
        assert!(parse(&format!("a event {{{}", "x {".repeat(40))).is_err());
    }
}
