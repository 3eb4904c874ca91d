//! Use cases and workers over both databases, without the web.

mod private_branch;
