//! Pages and mails: the templates embedded in the program, and the contexts they are given.
//!
//! A template reads only what its context struct has: an unknown name is an error, not an empty place. Text is escaped
//! in everything that ends in `.html`.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use rust_embed::RustEmbed;
use serde::Serialize;
use thiserror::Error;

/// Somebody's own account.
pub mod account;
/// Pages about running the service.
pub mod admin;
/// The board of one change of an alerting IP.
pub mod alerting_change;
/// The page of alerting IPs.
pub mod alerting_ips;
/// The page of a case as the customer sees it, and the generic form of one event.
pub mod case;
/// The page of a case as an engineer sees it.
pub mod casework;
/// What pages share.
pub mod common;
/// Pages for what went wrong.
pub mod error;
pub mod family;
/// Forms and their fields.
pub mod form;
/// Help.
pub mod help;
/// What mails are made from.
pub mod mail;
/// A notice that the IP of a server changes: the last look, and what happens next.
pub mod notice;
/// The customer's other pages.
pub mod portal;
/// The result of a tunnel test.
pub mod probe;
/// Mail that waits for an engineer.
pub mod quarantine;
/// The queue of the engineers.
pub mod queue;
/// The questions about a SYSLOG receiver.
mod receiver;
/// Lists, records and forms of administration.
pub mod records;
/// The register of Secure Relays.
pub mod relays;
/// Hostile, long and ordinary values for the samples of every context.
pub mod samples;
/// Sign-in and first start.
pub mod session;
/// The pane of SMTP settings.
pub mod settings;
/// Pages of tables.
pub mod tables;
/// Texts that engineers begin a message with.
pub mod texts;
/// Watching servers in use.
pub mod watching;
/// The whitelist register.
pub mod whitelist;

mod filters;

pub use common::{Brand, Frame, Page, Theme};
pub use filters::{duration, grouped, instant, instant_in, size, took};

/// The files under `templates/`.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/templates/"]
struct Templates;

/// Why a page or mail could not be made. Each is a defect of ours, found by the tests of the templates.
#[derive(Debug, Error)]
pub enum ViewError {
    /// A template is not UTF-8.
    #[error("template {0} is not UTF-8")]
    NotText(String),
    /// A template does not parse.
    #[error("template {name} does not parse")]
    Syntax {
        /// Path below `templates/`.
        name: String,
        /// What the parser says.
        source: minijinja::Error,
    },
    /// There is no such template.
    #[error("there is no template {name}")]
    Missing {
        /// Path below `templates/`.
        name: String,
        /// What the engine says.
        source: minijinja::Error,
    },
    /// The template reads something that its context has not.
    #[error("template {name} could not be filled")]
    Fill {
        /// Path below `templates/`.
        name: String,
        /// Line and reason.
        source: minijinja::Error,
    },
}

/// All templates, parsed once.
#[derive(Debug)]
pub struct Views {
    environment: Environment<'static>,
}

impl Views {
    /// Parses every embedded template.
    pub fn load() -> Result<Self, ViewError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|name| match name.ends_with(".html") {
            true => AutoEscape::Html,
            false => AutoEscape::None,
        });
        filters::add(&mut environment);
        for name in Templates::iter() {
            let Some(file) = Templates::get(&name) else { continue };
            let name = name.into_owned();
            let Ok(text) = String::from_utf8(file.data.into_owned()) else { return Err(ViewError::NotText(name)) };
            environment.add_template_owned(name.clone(), text).map_err(|source| ViewError::Syntax { name, source })?;
        }
        Ok(Self { environment })
    }

    /// Fills one template, named by its path below `templates/`.
    pub fn render(&self, name: &str, context: &impl Serialize) -> Result<String, ViewError> {
        let template = self
            .environment
            .get_template(name)
            .map_err(|source| ViewError::Missing { name: name.to_owned(), source })?;
        template.render(Serde(context)).map_err(|source| ViewError::Fill { name: name.to_owned(), source })
    }

    /// Names of all templates, sorted.
    pub fn names(&self) -> BTreeSet<String> {
        self.environment.templates().map(|(name, _)| name.to_owned()).collect()
    }

    /// What every mail reads, by the folder's name: dotted names like `case.url` and `field.smtp_ip`, over its subject,
    /// both bodies and the parts that mails share. The checker of definitions compares them with the fields of a
    /// definition (W25).
    pub fn mail_reads(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut reads: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut shared = BTreeSet::new();
        for (name, template) in self.environment.templates() {
            let Some(rest) = name.strip_prefix("mail/") else { continue };
            let names = match rest.split_once('/') {
                Some((folder, _)) => reads.entry(folder.to_owned()).or_default(),
                None => &mut shared,
            };
            names.extend(template.undeclared_variables(true));
        }
        for names in reads.values_mut() {
            names.extend(shared.iter().cloned());
        }
        reads
    }
}
