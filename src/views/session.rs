//! Sign-in, with or without a second factor, and the first start.

use serde::Serialize;

use super::common::Link;
use super::form::{Button, Field, Form, Hidden, Kind, Width};
use super::samples;

/// Sign-in with e-mail address and password.
#[derive(Clone, Debug, Serialize)]
pub struct SignIn {
    /// The two fields, and where to go afterwards.
    pub form: Form,
    /// True where a session ended: the reader lands on the same page with the draft.
    pub ended: bool,
    /// Logins of the demo, to try; empty elsewhere.
    pub demo: Vec<DemoLogin>,
}

/// One login of the demo.
#[derive(Clone, Debug, Serialize)]
pub struct DemoLogin {
    /// Role in words.
    pub role: String,
    /// E-mail address.
    pub email: String,
}

impl SignIn {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "session/sign_in.html";

    /// The form. `next` is the path of ours to go to afterwards.
    pub fn form(action: &str, key: &str, email: &str, next: &str) -> Form {
        let fields = vec![
            Field::new(Kind::Email, "email", "Email address").value(email).autocomplete("username"),
            Field::new(Kind::Password, "password", "Password").autocomplete("current-password"),
        ];
        let form = Form::new("form", action, key, Button::main("Sign in")).fields(fields);
        Form { hidden: vec![Hidden { name: "next".into(), value: next.into() }], ..form }
    }

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let form = |email: &str| Self::form("/sign-in", samples::KEY, email, "/cases/2041");
        let plain = Self { form: form(""), ended: false, demo: Vec::new() };
        let mut wrong = Self { form: form("dana@corp.example"), ..plain.clone() };
        for field in &mut wrong.form.fields {
            field.error = (field.name == "password").then(|| {
                "Email address and password do not match. Check both, or ask your administrator for a new link".into()
            });
        }
        let login = |role: &str, email: &str| DemoLogin { role: role.into(), email: email.into() };
        let demo = vec![login("Customer", "customer@demo.example"), login("Engineer", "engineer@demo.example")];
        vec![
            ("demo", Self { demo, ended: true, ..plain.clone() }),
            ("hostile", Self { form: form(samples::HOSTILE), ..plain.clone() }),
            ("plain", plain),
            ("wrong", wrong),
        ]
    }
}

/// The browser did not keep the cookie, most often because the page came over plain http.
#[derive(Clone, Debug, Serialize)]
pub struct CookieMissing {
    /// The address that works: https, or the loopback.
    pub use_instead: Option<String>,
    /// The sign-in page.
    pub sign_in: String,
}

impl CookieMissing {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "session/cookie_missing.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let plain = Self { use_instead: Some("https://postern.corp.example/".into()), sign_in: "/sign-in".into() };
        vec![
            ("unknown", Self { use_instead: None, ..plain.clone() }),
            ("hostile", Self { use_instead: Some(samples::HOSTILE.into()), ..plain.clone() }),
            ("plain", plain),
        ]
    }
}

/// The first start: what the service must know before anybody can use it.
#[derive(Clone, Debug, Serialize)]
pub struct Setup {
    /// First administrator, public address, outgoing mail.
    pub form: Form,
}

impl Setup {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "setup/setup.html";

    /// The form. `token` is the one-time token of the link.
    pub fn form(action: &str, key: &str, token: &str, public_url: &str) -> Form {
        let fields = vec![
            Field::new(Kind::Text, "name", "Your name").autocomplete("name"),
            Field::new(Kind::Email, "email", "Your email address").autocomplete("username"),
            Field::new(Kind::Password, "password", "Password")
                .hint("At least 12 characters")
                .autocomplete("new-password"),
            Field::new(Kind::Code, "public_url", "Address of this service")
                .hint("Links in mails begin with it")
                .width(Width::Full)
                .value(public_url),
        ];
        let form = Form::new("form", action, key, Button::main("Set up")).fields(fields);
        Form { hidden: vec![Hidden { name: "token".into(), value: token.into() }], ..form }
    }

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let form = |url: &str| Self::form("/setup", samples::KEY, "one-time-token", url);
        let mut wrong = Self { form: form("not an address") };
        for field in &mut wrong.form.fields {
            field.error = Some(format!("Enter {}", field.label.to_lowercase()));
        }
        vec![
            ("plain", Self { form: form("http://127.0.0.1:8080/") }),
            ("wrong", wrong),
            ("hostile", Self { form: form(samples::HOSTILE) }),
        ]
    }
}

/// The set-up page without its token, or with a wrong one: where to find it.
#[derive(Clone, Debug, Serialize)]
pub struct NoToken {
    /// File that holds the token, as the process sees it.
    pub file: String,
    /// True where the service is set up already: the token is spent.
    pub spent: bool,
    /// The sign-in page.
    pub sign_in: String,
}

impl NoToken {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "setup/no_token.html";

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let plain = Self { file: "data/setup-token".into(), spent: false, sign_in: "/sign-in".into() };
        vec![
            ("spent", Self { spent: true, ..plain.clone() }),
            ("hostile", Self { file: samples::unbroken(), ..plain.clone() }),
            ("plain", plain),
        ]
    }
}

/// A form around a password, before anybody is signed in: asking for a link, and choosing.
#[derive(Clone, Debug, Serialize)]
pub struct Password {
    /// What the form does.
    pub heading: String,
    /// What follows from it.
    pub text: String,
    /// The one field.
    pub form: Form,
}

impl Password {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "session/password.html";

    /// Asks for a link.
    pub fn forgotten(key: &str, email: &str) -> Self {
        let field = Field::new(Kind::Email, "email", "Email address").value(email).autocomplete("username");
        let mut form = Form::new("form", "/forgotten", key, Button::main("Send me a link")).fields(vec![field]);
        form.cancel = Some("/sign-in".to_owned());
        let text = "We send a link to your email address. With it you choose a new password.".to_owned();
        Self { heading: "Forgotten password".to_owned(), text, form }
    }

    /// Chooses a password with the token of a link.
    pub fn choose(key: &str, token: &str, email: &str) -> Self {
        let field = Field::new(Kind::Password, "password", "New password")
            .hint("At least 12 characters")
            .autocomplete("new-password");
        let mut form = Form::new("form", "/welcome", key, Button::main("Save password")).fields(vec![field]);
        form.hidden.push(Hidden { name: "token".into(), value: token.into() });
        let text = format!("You sign in with it and with {email} from then on. Sessions that are open end.");
        Self { heading: "Choose a password".to_owned(), text, form }
    }

    /// Asks for the code of the second factor. `next` is the path of ours to go to afterwards.
    pub fn code(key: &str, next: &str) -> Self {
        let mut form = Form::new("form", "/sign-in/code", key, Button::main("Sign in")).fields(vec![code_field()]);
        form.hidden.push(Hidden { name: "next".into(), value: next.into() });
        form.cancel = Some("/sign-in".to_owned());
        let text = "Enter the code that your app shows now, or one of your recovery codes.".to_owned();
        Self { heading: "Second factor".to_owned(), text, form }
    }

    /// Asks somebody who is signed in to show it again: by a code, where there is a second factor, or by the password.
    pub fn prove(key: &str, next: &str, has_factor: bool) -> Self {
        let field = if has_factor {
            code_field()
        } else {
            Field::new(Kind::Password, "password", "Password").autocomplete("current-password")
        };
        let mut form = Form::new("form", "/account/prove", key, Button::main("Go on")).fields(vec![field]);
        form.hidden.push(Hidden { name: "next".into(), value: next.into() });
        form.cancel = Some("/account".to_owned());
        let text = "What you are about to do matters, so show again who you are. Nothing was changed yet.".to_owned();
        Self { heading: "Is it still you?".to_owned(), text, form }
    }

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let mut wrong = Self::choose(samples::KEY, "one-time-token", "dana@corp.example");
        for field in &mut wrong.form.fields {
            field.error = Some("Password must be 12 to 128 characters".into());
        }
        vec![
            ("forgotten", Self::forgotten(samples::KEY, "")),
            ("code", Self::code(samples::KEY, "/queue")),
            ("prove", Self::prove(samples::KEY, "/admin/people", false)),
            ("wrong", wrong),
            ("hostile", Self::choose(samples::KEY, "t", samples::HOSTILE)),
        ]
    }
}

/// A code that an app shows, or a recovery code.
pub(super) fn code_field() -> Field {
    Field::new(Kind::Code, "code", "Code").hint("Six digits").autocomplete("one-time-code")
}

/// One thing to be told, and the way on.
#[derive(Clone, Debug, Serialize)]
pub struct Said {
    /// What happened.
    pub heading: String,
    /// What it means.
    pub text: String,
    /// The way on.
    pub link: Link,
}

impl Said {
    /// The template that reads this.
    pub const TEMPLATE: &'static str = "session/said.html";

    /// A link was asked for: the same for known and unknown addresses.
    pub fn link_sent() -> Self {
        let text = "If there is an account with this address, a mail with a link is on its way. It works once, for a \
                    limited time. Nothing after 5 minutes? Ask your administrator."
            .to_owned();
        Self { heading: "Look into your mail".to_owned(), text, link: Link::new("Back to sign-in", "/sign-in") }
    }

    /// A link that opens nothing.
    pub fn link_spent() -> Self {
        let text = "It was used already, a newer one was sent, or its time is over. Nothing was changed.".to_owned();
        let link = Link::new("Ask for another link", "/forgotten");
        Self { heading: "This link does not work any more".to_owned(), text, link }
    }

    /// Every face of the page.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let hostile = Self { text: samples::HOSTILE.into(), ..Self::link_spent() };
        vec![("sent", Self::link_sent()), ("spent", Self::link_spent()), ("hostile", hostile)]
    }
}
