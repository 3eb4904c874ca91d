//! Checks a TOML document against the JSON Schema of its structs and reports every fault with its place (W01).
//!
//! Serde stops at the first fault; an author wants all of them, and the nearest known key for a misspelt one.

use std::ops::Range;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::nearest;
use super::raw::PATTERNS;

/// Reports every place where the document differs from the schema.
pub(crate) fn check(document: &Spanned<DeTable<'_>>, schema: &Value) -> Vec<(Range<usize>, String)> {
    let mut shape = Shape { root: schema, faults: Vec::new() };
    let node = shape.resolve(schema);
    shape.table(document.get_ref(), &document.span(), node, "the file");
    shape.faults.sort_by_key(|(span, _)| span.start);
    shape.faults
}

type Node<'a> = &'a Map<String, Value>;

struct Shape<'a> {
    root: &'a Value,
    faults: Vec<(Range<usize>, String)>,
}

impl<'a> Shape<'a> {
    /// Follows `$ref` until a schema with content is reached.
    fn resolve(&self, schema: &'a Value) -> Node<'a> {
        static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        let node = schema.as_object().unwrap_or(&EMPTY);
        let target = match (node.get("$ref"), node.get("allOf").and_then(Value::as_array).map(Vec::as_slice)) {
            (Some(Value::String(path)), _) => path.strip_prefix('#').and_then(|path| self.root.pointer(path)),
            (_, Some([only])) => Some(only),
            _ => None,
        };
        target.map_or(node, |target| self.resolve(target))
    }

    fn fault(&mut self, span: &Range<usize>, message: String) {
        self.faults.push((span.clone(), message));
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, schema: &'a Value, name: &str) {
        let node = self.resolve(schema);
        let span = value.span();
        // Only effects are a choice between shapes; elsewhere `anyOf` stands beside the properties.
        if let Some(choices) = node.get("anyOf").and_then(Value::as_array).filter(|_| !node.contains_key("properties"))
        {
            return self.effect(value, choices, name);
        }
        let words = words_of(node);
        if !words.is_empty() {
            return self.word(value, &words, name);
        }
        let kind = kind_of(value.get_ref());
        if !admits(node, kind) {
            let expected = node.get("type").map_or_else(String::new, describe_type);
            return self.fault(&span, format!("{name} is {}, expected {expected}", article(kind)));
        }
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, &span, node, name),
            DeValue::Array(items) => self.array(items.iter(), &span, node, name),
            DeValue::String(text) => self.text(text, &span, node, name),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
                self.number(value, node, name);
            }
        }
    }

    fn table(&mut self, table: &DeTable<'_>, span: &Range<usize>, node: Node<'a>, name: &str) {
        let known = node.get("properties").and_then(Value::as_object);
        for (key, value) in table {
            let word = key.get_ref().as_ref();
            if let Some(schema) = known.and_then(|known| known.get(word)) {
                self.value(value, schema, &format!("`{word}`"));
            } else if let Some((pattern, schema)) = pattern_property(node) {
                self.pattern(word, pattern, &key.span(), "the name");
                self.value(value, schema, &format!("`{word}`"));
            } else if let Some(schema) = node.get("additionalProperties").filter(|schema| schema.is_object()) {
                self.value(value, schema, &format!("`{word}`"));
            } else {
                let names = known.into_iter().flat_map(|known| known.keys().map(String::as_str));
                let hint = nearest(word, names.clone()).map_or_else(
                    || format!("it knows {}", names.collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                self.fault(&key.span(), format!("unknown key `{word}` in {name}; {hint}"));
            }
        }
        for key in required(node) {
            if !table.contains_key(key) {
                self.fault(span, format!("{name} lacks the key `{key}`"));
            }
        }
        self.combinations(table, span, node, name);
    }

    /// Keys of which exactly one must be there, and keys that need another.
    fn combinations(&mut self, table: &DeTable<'_>, span: &Range<usize>, node: Node<'a>, name: &str) {
        let alternatives: Vec<&str> =
            node.get("oneOf").and_then(Value::as_array).into_iter().flatten().flat_map(required_of).collect();
        let present: Vec<&str> = alternatives.iter().copied().filter(|key| table.contains_key(*key)).collect();
        if !alternatives.is_empty() && present.len() != 1 {
            let found = if present.is_empty() { "none".to_owned() } else { present.join(" and ") };
            self.fault(span, format!("{name} needs exactly one of {}, found {found}", alternatives.join(", ")));
        }
        let at_least: Vec<&str> =
            node.get("anyOf").and_then(Value::as_array).into_iter().flatten().flat_map(required_of).collect();
        if !at_least.is_empty() && !at_least.iter().any(|key| table.contains_key(*key)) {
            self.fault(span, format!("{name} needs one of {}", at_least.join(", ")));
        }
        let dependencies = node.get("dependencies").and_then(Value::as_object);
        for (key, needs) in dependencies.into_iter().flatten().filter(|(key, _)| table.contains_key(key.as_str())) {
            for need in needs.as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !table.contains_key(need) {
                    self.fault(span, format!("{name} has `{key}` without `{need}`"));
                }
            }
        }
    }

    /// An effect: the one key that only one kind of effect has is its verb.
    fn effect(&mut self, value: &Spanned<DeValue<'_>>, choices: &'a [Value], name: &str) {
        let verbs: Vec<(&str, Node<'a>)> = choices
            .iter()
            .filter_map(|choice| {
                let node = self.resolve(choice);
                verb_of(node).map(|verb| (verb, node))
            })
            .collect();
        let span = value.span();
        let DeValue::Table(table) = value.get_ref() else {
            return self
                .fault(&span, format!("an effect in {name} must be a table such as {{ mail = \"..\", to = \"..\" }}"));
        };
        let found: Vec<&(&str, Node<'a>)> = verbs.iter().filter(|(verb, _)| table.contains_key(*verb)).collect();
        match found.as_slice() {
            [(verb, node)] => self.table(table, &span, node, &format!("the effect `{verb}`")),
            [] => {
                let keys = table.keys().map(|key| key.get_ref().as_ref()).collect::<Vec<_>>().join(", ");
                let names = verbs.iter().map(|(verb, _)| *verb).collect::<Vec<_>>().join(", ");
                self.fault(&span, format!("no known verb among the keys {keys}; an effect is one of {names}"));
            }
            several => {
                let names = several.iter().map(|(verb, _)| *verb).collect::<Vec<_>>().join(" and ");
                self.fault(&span, format!("one effect has the verbs {names}; write one table each"));
            }
        }
    }

    fn array<'b, 'c: 'b>(
        &mut self,
        items: impl Iterator<Item = &'b Spanned<DeValue<'c>>>,
        span: &Range<usize>,
        node: Node<'a>,
        name: &str,
    ) {
        let mut seen: Vec<String> = Vec::new();
        // Lists name things, and naming one twice is a slip; only the effects that an example expects may repeat.
        let unique = name != "`effects`";
        for item in items {
            if let Some(schema) = node.get("items") {
                self.value(item, schema, name);
            }
            let Some(text) = item.get_ref().as_str() else {
                seen.push(String::new());
                continue;
            };
            if unique && seen.iter().any(|other| other == text) {
                self.fault(&item.span(), format!("{name} names {text} twice"));
            }
            seen.push(text.to_owned());
        }
        if let Some(least) = limit(node, "minItems").filter(|least| (seen.len() as u64) < *least) {
            self.fault(span, format!("{name} has {} entries, at least {least} are needed", seen.len()));
        }
    }

    fn text(&mut self, text: &str, span: &Range<usize>, node: Node<'a>, name: &str) {
        if let Some(pattern) = node.get("pattern").and_then(Value::as_str) {
            self.pattern(text, pattern, span, name);
        }
        let length = text.chars().count() as u64;
        if let Some(most) = limit(node, "maxLength").filter(|most| length > *most) {
            self.fault(span, format!("{name} has {length} characters, at most {most} fit"));
        }
        if let Some(least) = limit(node, "minLength").filter(|least| length < *least) {
            self.fault(span, format!("{name} has {length} characters, at least {least} are needed"));
        }
    }

    fn pattern(&mut self, text: &str, pattern: &str, span: &Range<usize>, name: &str) {
        match PATTERNS.iter().find(|(known, _, _)| *known == pattern) {
            Some((_, test, _)) if test(text) => {}
            Some((_, _, what)) => self.fault(span, format!("{name} is \"{}\", expected {what}", text.escape_debug())),
            None => self.fault(span, format!("{name} has to fit {pattern}, which cannot be tested")),
        }
    }

    fn number(&mut self, value: &Spanned<DeValue<'_>>, node: Node<'a>, name: &str) {
        let Some(number) = integer(value.get_ref()) else { return };
        let (least, most) = (node.get("minimum").and_then(Value::as_i64), node.get("maximum").and_then(Value::as_i64));
        if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
            let range = [least, most].map(|end| end.map_or_else(|| "any".to_owned(), |end| end.to_string()));
            self.fault(&value.span(), format!("{name} is {number}, expected {}", range.join(" to ")));
        }
    }

    fn word(&mut self, value: &Spanned<DeValue<'_>>, words: &[&str], name: &str) {
        let text = value.get_ref().as_str();
        if text.is_some_and(|text| words.contains(&text)) {
            return;
        }
        let found =
            text.map_or_else(|| article(kind_of(value.get_ref())), |text| format!("\"{}\"", text.escape_debug()));
        let hint = text.and_then(|text| nearest(text, words.iter().copied()));
        let hint = hint.map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
        self.fault(&value.span(), format!("{name} is {found}, expected one of {}{hint}", words.join(", ")));
    }
}

/// The words of an enum, whether it was written as `enum`, as `const` or as a list of constants with descriptions.
fn words_of(node: Node<'_>) -> Vec<&str> {
    let listed = node.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let described = node.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let described = described.filter_map(|choice| choice.get("const").and_then(Value::as_str));
    let single = node.get("const").and_then(Value::as_str);
    listed.chain(described).chain(single).collect()
}

/// The first required key of an effect, which no other effect has.
fn verb_of(node: Node<'_>) -> Option<&str> {
    required(node).find(|key| !["to", "value", "host", "port", "side", "answers", "with"].contains(key))
}

fn required(node: Node<'_>) -> impl Iterator<Item = &str> {
    node.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn required_of(choice: &Value) -> impl Iterator<Item = &str> {
    choice.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn pattern_property(node: Node<'_>) -> Option<(&str, &Value)> {
    let patterns = node.get("patternProperties").and_then(Value::as_object)?;
    patterns.iter().next().map(|(pattern, schema)| (pattern.as_str(), schema))
}

fn limit(node: Node<'_>, key: &str) -> Option<u64> {
    node.get(key).and_then(Value::as_u64)
}

fn admits(node: Node<'_>, kind: &str) -> bool {
    match node.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        _ => true,
    }
}

fn describe_type(kind: &Value) -> String {
    match kind {
        Value::Array(several) => several.iter().filter_map(Value::as_str).map(article).collect::<Vec<_>>().join(" or "),
        Value::String(one) => article(one),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "date",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    }
}

fn article(kind: &str) -> String {
    match kind {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a decimal number",
        "boolean" => "true or false",
        "date" => "a date without quotes",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
    .to_owned()
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    value.as_integer().and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
}
