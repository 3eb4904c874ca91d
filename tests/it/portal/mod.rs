//! The customer's pages, through the router.

mod hostile;
mod pages;
mod result;
mod walk;
