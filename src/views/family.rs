//! Cases that belong together, on the pages of each of them.

use serde::Serialize;

use super::common::{Link, Tag, Tone};

/// The case that a case belongs to, or one that belongs to it.
#[derive(Clone, Debug, Serialize)]
pub struct Relative {
    /// How it belongs: `Part of`, `Belongs to this case`.
    pub relation: &'static str,
    /// Its number and what it is about.
    pub link: Link,
    /// Whose turn it is there.
    pub tag: Tag,
}

impl Relative {
    /// Faces of a family: the parent of a child, and the children of a parent.
    pub fn samples() -> Vec<Self> {
        vec![
            Self {
                relation: "Part of",
                link: Link::new("Case 2041: Whitelist mail.corp.example for the VPN tunnel", "/cases/2041"),
                tag: Tag::new(Tone::Done, "Done"),
            },
            Self {
                relation: "Belongs to this case",
                link: Link::new("Case 2044: Change of the SMTP settings: mail.corp.example", "/cases/2044"),
                tag: Tag::new(Tone::You, "Waiting on you"),
            },
        ]
    }
}
