//! `postern workflow`: what is wrong with definitions, what their examples and random walks show, how they look.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use clap::{Args, Subcommand, ValueEnum};

use crate::domain::workflow::diagnostic::{Diagnostic, Severity};
use crate::domain::workflow::migrate::Migration;
use crate::domain::workflow::walk::{self, Plan, Report};
use crate::domain::workflow::{Package, TemplateFacts, check, parse, picture, scenario, schema};

/// Something was wrong with what was given to look at.
const FAILED: u8 = 1;
/// The command line names something that cannot be used.
const USAGE: u8 = 2;
/// A file or folder is not there.
const NOT_FOUND: u8 = 4;

/// The commands of `postern workflow`.
#[derive(Debug, Subcommand)]
pub(super) enum WorkflowCommand {
    /// Checks definitions against themselves, their examples and the mail templates.
    Check(CheckArgs),
    /// Runs the examples and prints the coverage of transitions.
    Run {
        /// Folder of one version.
        dir: PathBuf,
    },
    /// Walks at random and watches the invariants.
    Walk(WalkArgs),
    /// Draws a definition.
    Picture(PictureArgs),
    /// Prints the JSON Schema of a definition.
    Schema,
    /// Folds every stored case log of a database and compares.
    Replay(super::replay::ReplayArgs),
    /// Moves open cases to another version of their definition, or says what that would do.
    Migrate(super::migrate::MigrateArgs),
    /// Publishes the definitions of a folder: writes their hash into LOCK, after which an edit is an error.
    Publish {
        /// Folder of one version.
        dir: PathBuf,
    },
}

/// Options of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Folders of one version each.
    #[arg(required = true)]
    dirs: Vec<PathBuf>,
    /// Prints one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Folder with one folder per mail template.
    #[arg(long, default_value = "templates/mail")]
    templates: PathBuf,
}

/// Options of `walk`.
#[derive(Debug, Args)]
pub(super) struct WalkArgs {
    /// Folder of one version.
    dir: PathBuf,
    /// How many transitions at least.
    #[arg(long, default_value_t = 100_000)]
    transitions: u64,
    /// The same seed walks the same ways.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Options of `picture`.
#[derive(Debug, Args)]
pub(super) struct PictureArgs {
    /// The definition.
    file: PathBuf,
    /// The form of the picture.
    #[arg(long, value_enum, default_value = "svg")]
    format: Format,
    /// The state to highlight.
    #[arg(long)]
    state: Option<String>,
}

/// Forms of a picture.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// Scalable vector graphics.
    Svg,
    /// A Mermaid state diagram.
    Mermaid,
    /// Graphviz.
    Dot,
    /// A table of text.
    Table,
}

/// Why a command stops.
enum Stop {
    /// What was looked at is wrong; it has been printed already.
    Failed,
    /// A sentence for standard error, and the exit code.
    Said(u8, String),
}

/// Runs one of the commands.
pub(super) fn run(command: &WorkflowCommand) -> ExitCode {
    let mut out = io::stdout().lock();
    let outcome = match command {
        WorkflowCommand::Check(args) => check_folders(args, &mut out),
        WorkflowCommand::Run { dir } => run_examples(dir, &mut out),
        WorkflowCommand::Walk(args) => walk_folder(args, &mut out),
        WorkflowCommand::Picture(args) => draw(args, &mut out),
        WorkflowCommand::Schema => print_schema(&mut out),
        WorkflowCommand::Replay(args) => {
            // It writes by itself, and the lock would keep it waiting.
            drop(out);
            return super::replay::run(args);
        }
        WorkflowCommand::Migrate(args) => {
            drop(out);
            return super::migrate::run(args);
        }
        WorkflowCommand::Publish { dir } => publish(dir, &mut out),
    };
    match outcome.and_then(|()| out.flush().map_err(Stop::from)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Failed) => ExitCode::from(FAILED),
        Err(Stop::Said(code, message)) => match writeln!(io::stderr().lock(), "postern: {message}") {
            Ok(()) | Err(_) => ExitCode::from(code),
        },
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Said(FAILED, format!("cannot write the result: {error}"))
    }
}

fn check_folders(args: &CheckArgs, out: &mut impl Write) -> Result<(), Stop> {
    let templates = templates(&args.templates)?;
    let mut findings = Vec::new();
    for dir in &args.dirs {
        findings.extend(check_folder(dir, &templates)?);
    }
    for finding in &findings {
        if args.json {
            let line = serde_json::to_string(finding).map_err(io::Error::from)?;
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{finding}")?;
        }
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if !args.json {
        writeln!(out, "{errors} errors, {} warnings", findings.len() - errors)?;
    }
    if errors > 0 { Err(Stop::Failed) } else { Ok(()) }
}

fn check_folder(dir: &Path, templates: &[TemplateFacts]) -> Result<Vec<Diagnostic>, Stop> {
    let mut findings = match Package::from_files(files(dir)?) {
        Ok(package) => check(&package, templates),
        Err(faults) => faults,
    };
    findings.extend(check_maps(dir)?);
    // Names are relative to the folder until here; a person opens them from where he stands.
    for finding in &mut findings {
        finding.file = dir.join(&finding.file).to_string_lossy().into_owned();
    }
    Ok(findings)
}

/// Maps that lead from this version to one that is there; a map to a version still to come is only read.
fn check_maps(dir: &Path) -> Result<Vec<Diagnostic>, Stop> {
    let folder = Path::new("../migrations");
    let maps = dir.join(folder);
    if !maps.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for (file, text) in toml_files(&maps, folder)? {
        match Migration::parse(&file, &text) {
            Err(faults) => found.extend(faults),
            Ok(map) => {
                let version = |number: u32| format!("v{number}");
                let target = dir.join("..").join(version(map.to.1));
                if dir.file_name().is_some_and(|name| name == version(map.from.1).as_str()) && target.is_dir() {
                    let (old, new) = (Package::from_files(files(dir)?), Package::from_files(files(&target)?));
                    if let (Ok(old), Ok(new)) = (old, new)
                        && let (Some(old), Some(new)) =
                            (old.definitions.get(&map.from.0), new.definitions.get(&map.to.0))
                    {
                        found.extend(map.check(old, new));
                    }
                }
            }
        }
    }
    Ok(found)
}

fn publish(dir: &Path, out: &mut impl Write) -> Result<(), Stop> {
    let package = package(dir, out)?;
    let hash = package.hash();
    if let Some(lock) = package.lock.filter(|lock| *lock != hash) {
        let text = format!("{} was published as {lock}; raise the version in a folder of its own", dir.display());
        return Err(Stop::Said(FAILED, text));
    }
    fs::write(dir.join("LOCK"), format!("{hash}\n"))?;
    Ok(writeln!(out, "{hash}")?)
}

fn run_examples(dir: &Path, out: &mut impl Write) -> Result<(), Stop> {
    let package = package(dir, out)?;
    let outcome = scenario::run(&package);
    for (file, place, message) in &outcome.failed {
        writeln!(out, "{}:{}: failed: {message}", dir.join(file).display(), place.line)?;
    }
    for missing in outcome.missing() {
        writeln!(out, "not covered: {missing}")?;
    }
    writeln!(out, "{} examples passed, {} failed", outcome.passed, outcome.failed.len())?;
    writeln!(out, "{}", outcome.coverage())?;
    if outcome.failed.is_empty() && outcome.missing().next().is_none() { Ok(()) } else { Err(Stop::Failed) }
}

fn walk_folder(args: &WalkArgs, out: &mut impl Write) -> Result<(), Stop> {
    let package = package(&args.dir, out)?;
    let plan = Plan::new(args.transitions, args.seed);
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let lanes: Vec<u64> = (0..walk::LANES).collect();
    let report = thread::scope(|scope| {
        let shares = lanes.chunks(lanes.len().div_ceil(threads));
        let workers: Vec<_> = shares
            .map(|share| {
                let (package, plan) = (&package, &plan);
                scope.spawn(move || {
                    share
                        .iter()
                        .map(|lane| walk::walk_lane(package, plan, *lane))
                        .fold(Report::default(), Report::merge)
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().ok())
            .try_fold(Report::default(), |all, part| Some(all.merge(part?)))
    });
    let Some(report) = report else {
        return Err(Stop::Said(FAILED, "a worker of the walk ended early".to_owned()));
    };
    let violations = report.verdict(&package, &plan);
    for violation in &violations {
        writeln!(out, "violated: {violation}")?;
    }
    writeln!(out, "{}", report.totals())?;
    if violations.is_empty() { Ok(()) } else { Err(Stop::Failed) }
}

fn draw(args: &PictureArgs, out: &mut impl Write) -> Result<(), Stop> {
    let text = read(&args.file)?;
    let definition = match parse(&args.file.to_string_lossy(), &text) {
        Ok(definition) => definition,
        Err(faults) => return print_faults(&faults, out),
    };
    if let Some(state) = args.state.as_ref().filter(|state| definition.state(state).is_none()) {
        return Err(Stop::Said(USAGE, format!("{} has no state {state}", definition.id)));
    }
    let state = args.state.as_deref();
    let picture = match args.format {
        Format::Svg => picture::svg(&definition, state),
        Format::Mermaid => picture::mermaid(&definition, state),
        Format::Dot => picture::dot(&definition, state),
        Format::Table => picture::table(&definition),
    };
    Ok(writeln!(out, "{}", picture.trim_end())?)
}

fn print_schema(out: &mut impl Write) -> Result<(), Stop> {
    Ok(writeln!(out, "{:#}", schema::definition_schema())?)
}

fn print_faults(faults: &[Diagnostic], out: &mut impl Write) -> Result<(), Stop> {
    for fault in faults {
        writeln!(out, "{fault}")?;
    }
    Err(Stop::Failed)
}

/// A package that can be read, or its faults printed.
fn package(dir: &Path, out: &mut impl Write) -> Result<Package, Stop> {
    match Package::from_files(files(dir)?) {
        Ok(package) => Ok(package),
        Err(faults) => {
            print_faults(&faults, out)?;
            Err(Stop::Failed)
        }
    }
}

/// The files of one version: definitions, procedure, lock and examples, named relative to the folder.
fn files(dir: &Path) -> Result<Vec<(String, String)>, Stop> {
    let mut files = toml_files(dir, Path::new(""))?;
    let examples = dir.join("scenarios");
    if examples.is_dir() {
        files.extend(toml_files(&examples, Path::new("scenarios"))?);
    }
    let lock = dir.join("LOCK");
    if lock.is_file() {
        files.push(("LOCK".to_owned(), read(&lock)?));
    }
    Ok(files)
}

/// The `.toml` files of a folder in the order of their names, called `prefix/name`.
fn toml_files(dir: &Path, prefix: &Path) -> Result<Vec<(String, String)>, Stop> {
    let mut files = Vec::new();
    for path in entries(dir)?.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
        if let Some(name) = path.file_name() {
            files.push((prefix.join(name).to_string_lossy().into_owned(), read(&path)?));
        }
    }
    Ok(files)
}

/// The facts of every mail template: a folder with at least one of the three parts.
fn templates(dir: &Path) -> Result<Vec<TemplateFacts>, Stop> {
    let mut templates = Vec::new();
    for folder in entries(dir)?.into_iter().filter(|path| path.is_dir()) {
        let parts = ["subject.txt", "body.txt", "body.html"].map(|part| folder.join(part));
        let parts = parts.iter().filter(|part| part.is_file()).map(|part| read(part)).collect::<Result<Vec<_>, _>>()?;
        if let Some(name) = folder.file_name().filter(|_| !parts.is_empty()) {
            templates.push(TemplateFacts::of(&name.to_string_lossy(), parts.iter().map(String::as_str)));
        }
    }
    Ok(templates)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, Stop> {
    let listing = fs::read_dir(dir).and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
    let mut paths: Vec<PathBuf> = listing.map_err(|error| unreadable(dir, &error))?;
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String, Stop> {
    fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> Stop {
    let code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { FAILED };
    Stop::Said(code, format!("cannot read {}: {error}", path.display()))
}
