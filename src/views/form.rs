//! Forms: one button or many fields, always a POST with a key that makes sending twice harmless.

use serde::Serialize;

/// A form of a page. It posts, is checked on the server only, and carries a key of its own.
#[derive(Clone, Debug, Serialize)]
pub struct Form {
    /// Name of the form within its page: prefix of the ids of its fields.
    pub id: String,
    /// Where it is sent.
    pub action: String,
    /// One-use key: a second sending shows the first one's result.
    pub idempotency_key: String,
    /// For acts of a case: how often a state had been entered when the page was made, so that a stale button is noticed.
    pub entered: Option<u64>,
    /// Values that travel along unseen.
    pub hidden: Vec<Hidden>,
    /// What is asked, in order.
    pub fields: Vec<Field>,
    /// The button.
    pub submit: Button,
    /// A second button of the same form, which sends the same fields elsewhere.
    pub also: Option<Button>,
    /// A link beside the button: the way out.
    pub cancel: Option<String>,
}

impl Form {
    /// A form without fields: one button.
    pub fn new(id: &str, action: impl Into<String>, idempotency_key: impl Into<String>, submit: Button) -> Self {
        Self {
            id: id.to_owned(),
            action: action.into(),
            idempotency_key: idempotency_key.into(),
            entered: None,
            hidden: Vec::new(),
            fields: Vec::new(),
            submit,
            also: None,
            cancel: None,
        }
    }

    /// The same form with these fields.
    #[must_use]
    pub fn fields(mut self, fields: Vec<Field>) -> Self {
        self.fields = fields;
        self
    }

    /// The same form for an act of a case.
    #[must_use]
    pub fn entered(mut self, entered: u64) -> Self {
        self.entered = Some(entered);
        self
    }

    /// The summary of the fields' errors, each with a link to its field.
    pub fn errors(&self) -> Vec<ErrorLink> {
        let with_error = self.fields.iter().filter_map(|field| field.error.as_ref().map(|error| (field, error)));
        with_error
            .map(|(field, error)| ErrorLink {
                target: Some(format!("{}-{}", self.id, field.name)),
                message: error.clone(),
            })
            .collect()
    }
}

/// One line of the error summary.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorLink {
    /// Id of the input to fix; none for a fault that belongs to no field.
    pub target: Option<String>,
    /// The same words as at the field.
    pub message: String,
}

/// A value that travels with a form unseen.
#[derive(Clone, Debug, Serialize)]
pub struct Hidden {
    /// Name of the value.
    pub name: String,
    /// The value.
    pub value: String,
}

/// How much weight a button has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// The one next act of the page.
    Main,
    /// Any other act.
    Other,
    /// The last step of an act that cannot be taken back.
    Danger,
    /// A button in a row of a table.
    Small,
}

/// A button that sends a form.
#[derive(Clone, Debug, Serialize)]
pub struct Button {
    /// Verb first: `Send request`.
    pub label: String,
    /// Hidden words behind the label that name the thing: `case 2041`. The visible word stays first (WCAG 2.5.3).
    pub about: Option<String>,
    /// Its weight.
    pub style: Style,
    /// For the second button of a form: where it sends the fields.
    pub action: Option<String>,
}

impl Button {
    /// The main button of a page.
    pub fn main(label: impl Into<String>) -> Self {
        Self { label: label.into(), about: None, style: Style::Main, action: None }
    }

    /// A button of another weight.
    pub fn of(style: Style, label: impl Into<String>) -> Self {
        Self { style, ..Self::main(label) }
    }

    /// The same button with hidden words that name the thing it acts on.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = Some(about.into());
        self
    }
}

/// The kind of input that asks for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Words on one line.
    Text,
    /// Address, host name, reference: monospace, neither spelled nor capitalized by the browser.
    Code,
    /// A number on one line, like a port.
    Number,
    /// An e-mail address.
    Email,
    /// A secret. Its value is never sent back to the browser.
    Password,
    /// Words on several lines.
    Textarea,
    /// One of a few, all visible.
    Radio,
    /// Any of a few, or one box to tick.
    Checkbox,
    /// One of many, folded.
    Select,
    /// Files of the visitor's machine; makes the form a multipart one.
    File,
}

/// How wide an input is: a hint at the length of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Width {
    /// Up to about 5 characters.
    Tiny,
    /// Up to about 20 characters.
    Short,
    /// As wide as the column.
    Full,
}

/// One question of a form.
#[derive(Clone, Debug, Serialize)]
pub struct Field {
    /// Name under which the value is sent.
    pub name: String,
    /// The question, or the name of the value.
    pub label: String,
    /// One short phrase without a full stop.
    pub hint: Option<String>,
    /// The kind of input.
    pub kind: Kind,
    /// What was entered before. Ignored for passwords; for choices see [`Choice::checked`].
    pub value: String,
    /// What to do about it, in the words of the label.
    pub error: Option<String>,
    /// The choices of a radio, checkbox or select.
    pub options: Vec<Choice>,
    /// Answers to choose from where the input takes any text.
    pub suggestions: Vec<String>,
    /// Marked "(optional)".
    pub optional: bool,
    /// Width of the input.
    pub width: Width,
    /// Purpose for the browser's memory (WCAG 1.3.5): `username`, `current-password`; none switches it off.
    pub autocomplete: Option<String>,
    /// True where this one question is the heading of its page.
    pub is_heading: bool,
}

impl Field {
    /// A question with an empty answer.
    pub fn new(kind: Kind, name: impl Into<String>, label: impl Into<String>) -> Self {
        let width = match kind {
            Kind::Number => Width::Tiny,
            Kind::Code | Kind::Select => Width::Short,
            Kind::Text | Kind::Email | Kind::Password | Kind::Textarea | Kind::Radio | Kind::Checkbox | Kind::File => {
                Width::Full
            }
        };
        Self {
            name: name.into(),
            label: label.into(),
            hint: None,
            kind,
            value: String::new(),
            error: None,
            options: Vec::new(),
            suggestions: Vec::new(),
            optional: false,
            width,
            autocomplete: None,
            is_heading: false,
        }
    }

    /// The same question with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same question with the answer that was given.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        for option in &mut self.options {
            option.checked = option.value == self.value;
        }
        self
    }

    /// The same question with what is wrong about the answer.
    #[must_use]
    pub fn error(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self
    }

    /// The same question, which may be left open.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The same question with its choices.
    #[must_use]
    pub fn options(mut self, options: Vec<Choice>) -> Self {
        self.options = options;
        self
    }

    /// The same question with its purpose for the browser's memory.
    #[must_use]
    pub fn autocomplete(mut self, purpose: &str) -> Self {
        self.autocomplete = Some(purpose.to_owned());
        self
    }

    /// The same question as the heading of its page.
    #[must_use]
    pub fn heading(mut self) -> Self {
        self.is_heading = true;
        self
    }

    /// The same question with an input of another width.
    #[must_use]
    pub fn width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }
}

/// One choice of a radio, checkbox or select.
#[derive(Clone, Debug, Serialize)]
pub struct Choice {
    /// Value that is sent.
    pub value: String,
    /// Words of the choice.
    pub label: String,
    /// What it means or what follows from it.
    pub hint: Option<String>,
    /// True where it was chosen.
    pub checked: bool,
}

impl Choice {
    /// A choice that is not chosen.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), hint: None, checked: false }
    }

    /// The same choice with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
