//! The rules that the source keeps: the core is pure, arrows between modules do not turn, files stay short.
//!
//! The rules are read off the text of `src`. That sees every file on every platform, whatever is compiled.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules and their floors. A module may use those on lower floors (an arrow may skip), never its own floor or above.
const FLOORS: &[(&str, u8)] = &[
    ("main", 7),
    ("cli", 6),
    ("web", 5),
    ("worker", 5),
    ("app", 4),
    ("store", 3),
    ("probe", 3),
    ("mail", 3),
    ("apply", 3),
    ("webhook", 3),
    ("views", 3),
    ("smtp", 2),
    ("domain", 1),
];

/// The ground that the shell stands on. Each may use those before it.
const GROUND: &[&str] = &["secret", "clock", "config", "redact", "files", "telemetry", "tls"];

/// What the core may use of the ground: a value that must not be seen is a type, not an effect.
const GROUND_OF_THE_CORE: &[(&str, &str)] = &[("smtp", "secret")];

/// Folders of the core.
const CORE: &[&str] = &["domain", "smtp"];

/// What the core does not know: the runtime, drivers, files, sockets, clocks, and every module above it.
const IMPURE: &[&str] = &[
    "tokio",
    "sqlx",
    "axum",
    "lettre",
    "reqwest",
    "minijinja",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::net::Tcp",
    "std::net::Udp",
    "async fn",
    "async move",
    "async {",
    "Utc::now",
    "Instant::now",
    "SystemTime",
    "crate::store",
    "crate::app",
    "crate::web",
    "crate::worker",
    "crate::mail",
    "crate::probe",
    "crate::apply",
    "crate::webhook",
    "crate::views",
];

/// Lines that a file may have before its tests.
const LONGEST_FILE: usize = 400;

#[test]
fn the_core_knows_nothing_of_the_outside() {
    let sources = sources();
    let core: Vec<_> = sources.iter().filter(|source| CORE.contains(&source.module())).collect();
    assert!(core.len() > 20, "only {} files of the core were found", core.len());
    assert_none(&core.into_iter().flat_map(impurities).collect::<Vec<_>>());
}

#[test]
fn arrows_between_modules_do_not_turn() {
    let sources = sources();
    let arrows: usize = sources.iter().map(|source| arrows(source).len()).sum();
    assert!(arrows > 100, "only {arrows} paths between modules were found");
    assert_none(&sources.iter().flat_map(turned_arrows).collect::<Vec<_>>());
}

#[test]
fn every_module_of_the_library_has_a_floor() {
    let sources = sources();
    let library = sources.iter().find(|source| source.path == "src/lib.rs").unwrap();
    let tokens = tokens(&code(&library.text, Strings::Blank));
    let declared = tokens.windows(2).filter(|pair| pair[0].text == "mod").map(|pair| pair[1].text.as_str());
    let homeless: Vec<_> = declared.filter(|module| floor(module).is_none() && !GROUND.contains(module)).collect();
    assert!(homeless.is_empty(), "give a floor in {} to {homeless:?}", file!());
}

#[test]
fn no_file_is_longer_than_one_subject() {
    let too_long = sources().into_iter().filter_map(|source| {
        let lines = lines_before_tests(&source.text);
        (lines > LONGEST_FILE).then(|| Finding {
            path: source.path.clone(),
            line: lines,
            what: format!("{lines} lines before the tests, {LONGEST_FILE} are allowed; it has two subjects"),
        })
    });
    assert_none(&too_long.collect::<Vec<_>>());
}

#[test]
fn a_planted_impurity_is_found_and_a_comment_is_none() {
    let planted = [
        "use tokio::time::sleep;",
        "pub async fn decide() {}",
        "let now = chrono::Utc::now();",
        "fn read() { std::fs::read(\"x\"); }",
        "use std::net::TcpStream;",
        "use crate::store::cases;",
        "let harmless = 'a'; let url = \"http://x\"; sqlx::query(url);",
        "/* a comment /* in a comment */ ends */ use axum::Router;",
    ];
    for line in planted {
        let source = Source::new("src/domain/planted.rs", &format!("//! Fine.\n\n{line}\n"));
        let findings = impurities(&source);
        assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [3], "{line}");
    }
    let innocent = "// use tokio::x;\n/// `async fn` and std::fs\n/* sqlx\n axum */\nuse std::net::IpAddr; // lettre\n";
    assert_eq!(impurities(&Source::new("src/smtp/innocent.rs", innocent)), []);
}

#[test]
fn a_planted_arrow_that_turns_is_found() {
    let planted = [
        ("src/domain/case.rs", "use crate::clock::Clock;"),
        ("src/domain/case.rs", "use crate::smtp::Stage;"),
        ("src/domain/workflow/engine.rs", "use super::super::super::store::Db;"),
        ("src/domain/mod.rs", "use super::smtp::Stage;"),
        ("src/domain/mod.rs", "mod inner { use super::super::smtp::Stage; }"),
        ("src/smtp/stage.rs", "use crate::config::Config;"),
        ("src/smtp/stage.rs", "use crate::{domain::cause::Cause, probe::Prober};"),
        ("src/store/cases.rs", "fn f() -> crate::app::Error {}"),
        ("src/store/cases.rs", "use crate::mail::Mailer;"),
        ("src/mail/mod.rs", "use crate::{\n    secret::Secret,\n    store::{Db, Tx},\n};"),
        ("src/app/mod.rs", "use crate::web::router;"),
        ("src/web/mod.rs", "use crate::worker::step;"),
        ("src/worker/mod.rs", "pub(in crate::cli) fn f() {}"),
        ("src/clock.rs", "use crate::files::write;"),
        ("src/clock.rs", "use super::domain::id::CaseId;"),
        ("src/apply/tie.rs", "use crate::*;"),
        ("src/app/mod.rs", "use crate::unheard_of::Thing;"),
        ("src/cli/mod.rs", "use crate::main;"),
    ];
    for (path, text) in planted {
        assert_eq!(turned_arrows(&Source::new(path, text)).len(), 1, "{path}: {text}");
    }
}

#[test]
fn arrows_that_go_down_are_no_findings() {
    let fine = [
        ("src/main.rs", "fn main() { postern::cli::main() }"),
        ("src/app/mod.rs", "use crate::{domain::{case::Case, id}, store::Db, clock::Clock};"),
        ("src/app/mod.rs", "use crate::smtp::Stage; // crate::web\n"),
        ("src/smtp/auth.rs", "use crate::secret::Secret; use super::reply::Reply; use super::super::domain::cause;"),
        ("src/files.rs", "pub(crate) fn f() {} #[cfg(test)] mod tests { use super::*; use crate::clock::fresh_id; }"),
        ("src/domain/case.rs", "const TEXT: &str = \"crate::store::Db\"; const RAW: &str = r#\"crate::web \" \"#;"),
        (
            "src/domain/case.rs",
            "fn quote<'a>(c: &'a char) -> bool { *c == '\"' || *c == '\\'' } use super::id::CaseId;",
        ),
    ];
    for (path, text) in fine {
        assert_eq!(turned_arrows(&Source::new(path, text)), [], "{path}: {text}");
    }
}

#[test]
fn lines_are_counted_up_to_the_tests() {
    let helper = "#[cfg(test)]\nfn helper() {}\n";
    assert_eq!(lines_before_tests("a\nb\n#[cfg(test)]\nmod tests {\n}\n"), 2);
    assert_eq!(lines_before_tests(&"x\n".repeat(401)), 401);
    assert_eq!(lines_before_tests(&format!("{helper}x\n#[cfg(test)]\nmod tests;\n")), 3);
}

/// One file of `src`.
struct Source {
    /// Its path from the root of the repository, with `/`.
    path: String,
    text: String,
}

/// A broken rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.what)
    }
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Names of the modules that lead to the file, from the root of the crate: `src/a/b.rs` and `src/a/b/mod.rs` are
    /// `["a", "b"]`.
    fn modules(&self) -> Vec<&str> {
        let path = self.path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        if path == "lib" { Vec::new() } else { path.split('/').collect() }
    }

    /// The module of the crate's root that the file belongs to; `lib` for the root itself.
    fn module(&self) -> &str {
        self.modules().first().copied().unwrap_or("lib")
    }
}

fn assert_none(findings: &[Finding]) {
    let lines: Vec<_> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "{} findings:\n{}", lines.len(), lines.join("\n"));
}

/// All files of `src`, in the order of their paths.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join("src"), &mut paths);
    paths.sort();
    let relative = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
    paths.iter().map(|path| Source::new(&relative(path), &fs::read_to_string(path).unwrap())).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn impurities(source: &Source) -> Vec<Finding> {
    let code = code(&source.text, Strings::Keep);
    let lines = code.lines().enumerate();
    lines
        .filter_map(|(index, line)| {
            let word = IMPURE.iter().find(|word| line.contains(**word))?;
            let what = format!("the core is pure, and this line knows `{word}`");
            Some(Finding { path: source.path.clone(), line: index + 1, what })
        })
        .collect()
}

fn turned_arrows(source: &Source) -> Vec<Finding> {
    let user = source.module();
    arrows(source)
        .into_iter()
        .filter(|arrow| user != "lib" && !may_use(user, &arrow.used))
        .map(|arrow| Finding {
            path: source.path.clone(),
            line: arrow.line,
            what: format!("`{user}` must not use `{}`", arrow.used),
        })
        .collect()
}

fn may_use(user: &str, used: &str) -> bool {
    if user == used || GROUND_OF_THE_CORE.contains(&(user, used)) {
        return true;
    }
    let ground = |module| GROUND.iter().position(|name| *name == module);
    match (floor(user), floor(used)) {
        (Some(user), Some(used)) => user > used,
        (Some(_), None) => ground(used).is_some() && !CORE.contains(&user),
        (None, Some(_)) => false,
        (None, None) => ground(user).zip(ground(used)).is_some_and(|(user, used)| user > used),
    }
}

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// A path from a file into a module of the crate's root.
struct Arrow {
    line: usize,
    used: String,
}

/// A word, `::`, or one character of punctuation.
struct Token {
    line: usize,
    text: String,
}

/// Every path of the file that starts at the root of the crate: by `crate::`, by the crate's name, or by as many
/// `super::` as lead there.
fn arrows(source: &Source) -> Vec<Arrow> {
    let tokens = tokens(&code(&source.text, Strings::Blank));
    let is = |index: usize, text: &str| tokens.get(index).is_some_and(|token: &Token| token.text == text);
    let file_depth = source.modules().len();
    // Depth of braces at which each module inside the file was opened.
    let mut inner: Vec<usize> = Vec::new();
    let mut braces = 0;
    let mut arrows = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        match tokens[index].text.as_str() {
            "{" => {
                if index >= 2 && is(index - 2, "mod") {
                    inner.push(braces);
                }
                braces += 1;
            }
            "}" => {
                braces -= 1;
                inner.pop_if(|opened| *opened == braces);
            }
            "crate" | "postern" if is(index + 1, "::") => arrows.extend(first_names(&tokens, index + 2)),
            "super" if is(index + 1, "::") => {
                let mut steps = 1;
                while is(index + 2, "super") && is(index + 3, "::") {
                    steps += 1;
                    index += 2;
                }
                if steps >= file_depth + inner.len() {
                    arrows.extend(first_names(&tokens, index + 2));
                }
            }
            _ => {}
        }
        index += 1;
    }
    arrows
}

/// The first names of the paths that start at a token: one, or those of a group in braces.
fn first_names(tokens: &[Token], start: usize) -> Vec<Arrow> {
    let arrow = |token: &Token| Arrow { line: token.line, used: token.text.clone() };
    let Some(first) = tokens.get(start) else { return Vec::new() };
    if first.text != "{" {
        return vec![arrow(first)];
    }
    let mut names = Vec::new();
    let mut depth = 0;
    let mut at_start = true;
    for token in &tokens[start..] {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            "," if depth == 1 => at_start = true,
            _ if depth == 1 && at_start => {
                names.push(arrow(token));
                at_start = false;
            }
            _ => {}
        }
    }
    names
}

fn tokens(code: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_word = |character: char| character.is_alphanumeric() || character == '_';
            let length = match rest.find(|character| !is_word(character)) {
                _ if rest.starts_with("::") => 2,
                Some(0) => first.len_utf8(),
                Some(end) => end,
                None => rest.len(),
            };
            let (text, after) = rest.split_at(length);
            tokens.push(Token { line: index + 1, text: text.to_owned() });
            rest = after.trim_start();
        }
    }
    tokens
}

/// What becomes of the text between quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strings {
    Keep,
    Blank,
}

/// The text without its comments, and without what strings say where that is asked; lines stay where they are.
fn code(text: &str, strings: Strings) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, keep) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if rest.starts_with("/*") {
            (block_comment(rest), false)
        } else if let Some(length) = literal(rest, out.chars().next_back()) {
            (length, strings == Strings::Keep)
        } else {
            (first.len_utf8(), true)
        };
        let (piece, after) = rest.split_at(length);
        if keep {
            out.push_str(piece);
        } else {
            // Something must stand there, so that words on both sides do not grow together.
            out.push(' ');
            out.extend(piece.chars().filter(|character| *character == '\n'));
        }
        rest = after;
    }
    out
}

/// The length of the comment that the text starts with; such comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut end = 0;
    while end < text.len() {
        if text[end..].starts_with("/*") {
            depth += 1;
            end += 2;
        } else if text[end..].starts_with("*/") {
            depth -= 1;
            end += 2;
            if depth == 0 {
                break;
            }
        } else {
            end += text[end..].chars().next().map_or(1, char::len_utf8);
        }
    }
    end
}

/// The length of the string or character that the text starts with, quotes included; `before` is the character in
/// front of it. A lifetime is none.
fn literal(text: &str, before: Option<char>) -> Option<usize> {
    let in_word = before.is_some_and(|character| character.is_alphanumeric() || character == '_');
    let raw = text.strip_prefix('r').filter(|_| !in_word || before == Some('b'));
    if let Some(raw) = raw {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if let Some(body) = raw[hashes..].strip_prefix('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let body_length = body.find(&close).map_or(body.len(), |at| at + close.len());
            return Some(1 + hashes + 1 + body_length);
        }
    }
    let quote = text.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let mut characters = text.char_indices().skip(1);
    let mut length = 0;
    while let Some((at, character)) = characters.next() {
        length += 1;
        match character {
            '\\' => drop(characters.next()),
            _ if character == quote => return Some(at + 1),
            // A character is one character long; what goes on is a lifetime.
            _ if quote == '\'' && length > 1 && !text[1..].starts_with('\\') => return None,
            _ => {}
        }
    }
    (quote == '"').then_some(text.len())
}

/// Lines of the file in front of its module of tests.
fn lines_before_tests(text: &str) -> usize {
    let lines: Vec<_> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
    tests.unwrap_or(lines.len())
}
