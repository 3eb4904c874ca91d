//! The customer's pages, through the router.

mod family;
mod hostile;
mod notice;
mod pages;
mod result;
mod walk;
mod watching;
