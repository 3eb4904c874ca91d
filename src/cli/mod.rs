//! Commands: each arm parses, calls one function and turns its outcome into an exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// `postern agent`.
pub mod agent;
/// `postern alerting-change`.
mod alerting_change;
/// `postern alerting-ip`.
mod alerting_ip;
/// `postern backup`.
mod backup;
/// `postern bench`.
pub mod bench;
/// `postern calendar`.
mod calendar;
/// `postern check`.
mod check;
/// `postern classify`.
mod classify;
/// `postern customer`.
mod customer;
/// `postern demo`.
pub mod demo;
/// A mail server that we did not write, for the demo walk and for tests.
pub mod foreign_smtp;
/// A SYSLOG receiver that we did not write, for the demo walk.
pub mod foreign_syslog;
/// `postern health`.
mod health;
/// `postern mail-in`.
mod mail_in;
/// `postern workflow migrate`.
mod migrate;
/// `postern notice`.
mod notice;
/// Standard output, standard error, exit codes.
mod out;
/// `postern outbox`.
mod outbox;
/// Where a command works.
mod place;
/// `postern policy`.
mod policy;
/// `postern probe`.
mod probe;
mod probe_report;
/// `postern workflow replay`.
mod replay;
/// `postern serve`.
mod serve;
/// A running service.
pub mod service;
/// `postern setup`.
mod setup;
/// The built-in mail server of the demo.
pub mod sink;
/// `postern probe syslog`.
mod syslog;
/// `postern tenant`.
mod tenant;
/// `postern token`.
mod token;
/// `postern tunnel`.
mod tunnel;
/// `postern user`.
mod user;
/// `postern user mail`.
mod user_mail;
/// Values of flags.
mod value;
/// `postern version`.
mod version;
/// Somebody in front of a browser, for the demo walk.
mod visitor;
/// `postern demo --walk`.
mod walk;
/// `postern watch`.
mod watch;
/// `postern webhook`.
mod webhook;
/// `postern whitelist`.
mod whitelist;
/// `postern workflow`.
mod workflow;

pub use out::last_words;

/// What the help ends with.
const EXAMPLES: &str = "Examples:
  postern demo                             try it: everything on this machine, nothing to configure
  postern serve                            run the service; the first start prints a set-up link
  postern classify 10.20.4.15              is it private, shared, public or rejected?
  postern probe smtp --host 10.20.4.15 --port 587 --encryption starttls

Exit codes: 0 done, 1 failed, 2 cannot be used, 3 not reachable, 4 not found, 5 changed meanwhile, 6 not allowed,
7 something that is needed is away, 8 deferred, 9 could not tell";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "postern", version, about, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service
    Serve(serve::ServeArgs),
    /// Try Postern on this machine with three customers, a mail server and a product that are not real
    Demo(demo::command::DemoArgs),
    /// Make the first administrator without a browser
    Setup(setup::SetupArgs),
    /// Add, change and list customers
    #[command(subcommand)]
    Customer(customer::CustomerCommand),
    /// Add, change and list people
    #[command(subcommand)]
    User(user::UserCommand),
    /// Add, change and list VPN tunnels
    #[command(subcommand)]
    Tunnel(tunnel::TunnelCommand),
    /// Add, change and list installations of the product
    #[command(subcommand)]
    Tenant(tenant::TenantCommand),
    /// List, add to, approve, apply and export the whitelists of tunnels
    #[command(subcommand, alias = "allowlist")]
    Whitelist(Box<whitelist::WhitelistCommand>),
    /// Give notice that the IP of a server changes
    #[command(subcommand)]
    Notice(notice::NoticeCommand),
    /// Keep the register of the addresses that alerts come from
    #[command(subcommand)]
    AlertingIp(alerting_ip::AlertingIpCommand),
    /// Announce a change of an alerting IP, and see how far every server has come
    #[command(subcommand)]
    AlertingChange(alerting_change::AlertingChangeCommand),
    /// Add, change and list calendars: in which hours the clocks of cases run
    #[command(subcommand)]
    Calendar(calendar::CalendarCommand),
    /// Add and list what is promised for each priority, from a date on
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Run the tests of VPN tunnels where the tunnels are, for a service elsewhere
    Agent(Box<agent::AgentArgs>),
    /// Say which programs are told what happens, and what was sent to them
    #[command(subcommand)]
    Webhook(Box<webhook::WebhookCommand>),
    /// Make keys for programs
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Take an answer to our mail from a mail server's pipe; exit code 75 asks it to come again
    MailIn(mail_in::MailInArgs),
    /// Say whether addresses and networks are private, shared, public or rejected, and why
    Classify(classify::ClassifyArgs),
    /// Test a server stage by stage
    Probe(probe::ProbeArgs),
    /// Check, run, walk and draw workflow definitions
    #[command(subcommand)]
    Workflow(workflow::WorkflowCommand),
    /// Back the database up, check a backup, restore one into either database
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Check an installation: schema, rows, secrets, logs
    Check(check::CheckArgs),
    /// Show what a restore holds back, and let it go
    #[command(subcommand)]
    Outbox(outbox::OutboxCommand),
    /// List watched servers, begin their next round, pause it
    #[command(subcommand)]
    Watch(watch::WatchCommand),
    /// Measure the service through its router, beside the same work bare
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Ask a running service whether it is alive
    Health(health::HealthArgs),
    /// Print the version
    Version(version::VersionArgs),
}

/// Runs the command line. A command line that cannot be understood ends with exit code 2.
pub fn main() -> ExitCode {
    // Databases, keys, mails and backups are for the account that runs this, whatever mask it was started with.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    // HTTP clients take the process's provider. Only a second call finds one there already, and this is the first.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a provider of TLS primitives is there already");
    }
    match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Demo(args) => demo::command::run(&args),
        Command::Setup(args) => setup::run(&args),
        Command::Customer(command) => customer::run(&command),
        Command::User(command) => user::run(&command),
        Command::Tunnel(command) => tunnel::run(&command),
        Command::Tenant(command) => tenant::run(&command),
        Command::Whitelist(command) => whitelist::run(&command),
        Command::Notice(command) => notice::run(&command),
        Command::AlertingIp(command) => alerting_ip::run(&command),
        Command::AlertingChange(command) => alerting_change::run(&command),
        Command::Calendar(command) => calendar::run(&command),
        Command::Policy(command) => policy::run(&command),
        Command::Agent(args) => agent::run(&args),
        Command::Webhook(command) => webhook::run(&command),
        Command::Token(command) => token::run(&command),
        Command::MailIn(args) => mail_in::run(&args),
        Command::Classify(args) => classify::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Workflow(command) => workflow::run(&command),
        Command::Backup(command) => backup::run(&command),
        Command::Check(args) => check::run(&args),
        Command::Outbox(command) => outbox::run(&command),
        Command::Watch(command) => watch::run(&command),
        Command::Bench(command) => bench::run(&command),
        Command::Health(args) => health::run(&args),
        Command::Version(args) => version::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
