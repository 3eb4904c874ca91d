//! Tests through the public door, in one binary so that they link once.
//!
//! `#[cfg(test)]` is always true here; it tells clippy that helpers may unwrap as tests may.

#[cfg(test)]
mod address;
#[cfg(test)]
mod address_oracle;
#[cfg(test)]
mod agent;
#[cfg(test)]
mod alerting;
#[cfg(test)]
mod api;
#[cfg(test)]
mod apply;
#[cfg(test)]
mod apply_syslog;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod classify;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod conversation;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod health;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod portal;
#[cfg(test)]
mod probe_path;
#[cfg(test)]
mod probe_policy;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod register;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod security;
#[cfg(test)]
mod smtp_corpus;
#[cfg(test)]
mod smtp_dialogue;
#[cfg(test)]
mod smtp_driver;
#[cfg(test)]
mod smtp_exim;
#[cfg(test)]
mod smtp_form;
#[cfg(test)]
mod smtp_hostile;
#[cfg(test)]
mod smtp_settings;
#[cfg(test)]
mod support;
#[cfg(test)]
mod syslog;
#[cfg(test)]
mod syslog_case;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod usecase;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod workflow;
#[cfg(test)]
mod workflow_invariants;
#[cfg(test)]
mod workflow_mutants;
