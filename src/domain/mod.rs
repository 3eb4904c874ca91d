//! The vocabulary and the decisions. Pure: no I/O, no clock, no async; every fact a rule needs is an argument.

mod words;
pub(crate) use words::words;

/// What happens to an account, in words.
pub mod account;
/// Who acts, with which roles.
pub mod actor;
/// Strict parsers for addresses and networks, and their class by the IANA registries.
pub mod address;
/// The addresses that the vendor's alerts come from, and the lists of them that machines poll.
pub mod alerting_ip;
/// Files of a conversation: what they are and which are not taken.
pub mod attachment;
/// Calendars: in which hours of which days one side works.
pub mod calendar;
/// A case as it is stored, and who may see it.
pub mod case;
/// Why a probe ended as it did: one entry per cause, with owner and remedies.
pub mod cause;
/// What alerts travel as: e-mail or SYSLOG.
pub mod channel;
/// E-mail addresses, host names and ports: parsed once, then trusted.
pub mod contact;
/// Whether a text looks as if it held a password or a key.
pub mod credential;
/// A customer of the vendor and its product tenants.
pub mod customer;
/// One type per kind of identifier.
pub mod id;
/// The hash chain of a case's log, and commitments to personal values.
pub mod log;
/// SMTP settings of the product and of a probe.
pub mod mail_settings;
/// Which mail somebody wants when, and which nobody can do without.
pub mod mail_wish;
/// Notices that the IP of a server changes: who confirms one, and what calendars hold.
pub mod notice;
/// What the vendor promises: first answer, next update, done.
pub mod objective;
/// Why a request was not carried out, in words.
pub mod problem;
/// Business time: when a span has passed in the hours of a calendar.
pub mod schedule;
/// The SYSLOG message of a test, and how it is framed.
pub mod syslog;
/// How long somebody waits who failed to sign in.
pub mod throttle;
/// Tunnels, and how far a whitelist entry has come.
pub mod tunnel;
/// Watching servers in use: what rounds see, and what is found when two agree.
pub mod watching;
/// What programs of the vendor are told, and how it is signed.
pub mod webhook;
/// What may stand on a tunnel's whitelist, and the forms in which firewalls read it.
pub mod whitelist;
/// Workflow definitions, their checker and the engine that decides.
pub mod workflow;
