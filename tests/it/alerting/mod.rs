//! Alerting IPs: the register, the lists made of it, and changes over one and many servers.

mod change;
mod lists;
mod over;
mod register;
mod thousand;
