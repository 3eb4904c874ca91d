//! The conversation of a case: files, notes, the warning before a credential, ready texts, and answers by mail.

mod files;
mod mail_in;
mod ready_texts;
mod warning;
