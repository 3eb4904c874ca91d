//! What mail templates read, found by a small scanner: enough to check names, not to render.

use std::collections::BTreeSet;

/// What is known of a mail template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFacts {
    /// The folder it stands in, which is the name that definitions use.
    pub name: String,
    /// Case fields it reads: `x` of `{{ field.x }}`.
    pub fields: BTreeSet<String>,
    /// Whether it leads back to the case: it reads `case.url`.
    pub links_to_case: bool,
}

impl TemplateFacts {
    /// The facts of a template from the texts of its parts (subject, text, HTML).
    pub fn of<'a>(name: &str, parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut facts = Self { name: name.to_owned(), fields: BTreeSet::new(), links_to_case: false };
        for part in parts {
            for path in paths(part) {
                facts.links_to_case |= path == "case.url";
                let field = path.strip_prefix("field.").or_else(|| path.strip_prefix("case.data."));
                if let Some(field) = field.and_then(|field| field.split('.').next()) {
                    facts.fields.insert(field.to_owned());
                }
            }
        }
        facts
    }
}

/// Every dotted path inside `{{ }}` and `{% %}`; texts in quotes are not paths.
fn paths(template: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let after = rest.get(start + 1..).unwrap_or_default();
        let end = match after.chars().next() {
            Some('{') => "}}",
            Some('%') => "%}",
            Some('#') => {
                // A comment reads nothing.
                rest = after.split_once("#}").map_or("", |(_, tail)| tail);
                continue;
            }
            Some(_) | None => {
                rest = after;
                continue;
            }
        };
        let (inside, tail) = after.split_once(end).unwrap_or((after, ""));
        found.extend(paths_of_expression(inside));
        rest = tail;
    }
    found
}

fn paths_of_expression(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current = String::new();
    let mut quote = None;
    for character in expression.chars().chain([' ']) {
        match quote {
            Some(open) => quote = (open != character).then_some(open),
            None if character == '"' || character == '\'' => quote = Some(character),
            None if character.is_ascii_alphanumeric() || character == '_' || character == '.' => {
                current.push(character);
            }
            None => {
                if current.contains('.') {
                    found.push(std::mem::take(&mut current));
                }
                current.clear();
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_outputs_conditions_and_filters_but_not_in_texts_and_comments() {
        let text = "{{ field.smtp_ip }} {% if field.smtp_host and case.data.cause %}{{ field.a|default('field.b') }}{% endif %}\
                    {# {{ field.c }} #} field.d { field.e }";
        let facts = TemplateFacts::of("x", [text]);
        let expected = ["a", "cause", "smtp_host", "smtp_ip"].map(ToOwned::to_owned);
        assert_eq!(facts.fields, BTreeSet::from(expected));
        assert!(!facts.links_to_case);
        assert!(TemplateFacts::of("x", ["no", "<a href=\"{{ case.url }}\">"]).links_to_case);
    }

    #[test]
    fn an_unclosed_placeholder_ends_with_the_text() {
        assert_eq!(TemplateFacts::of("x", ["{{ field.smtp_ip"]).fields.len(), 1);
        assert!(TemplateFacts::of("x", ["{", "{%", "{#"]).fields.is_empty());
    }
}
