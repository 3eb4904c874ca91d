//! Sign-in (RFC 4954): one mechanism, one attempt. A second attempt after a refusal is how accounts get locked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::command::{Command, Forbidden, Wire};
use crate::secret::Secret;

/// The longest command line of RFC 4954 section 4, its end included; a longer initial response goes on a line of its own.
const MAX_COMMAND_BYTES: usize = 512;

/// An account and its password.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The account, sent byte for byte.
    pub account: String,
    /// The password, sent byte for byte.
    pub password: Secret,
}

/// The mechanisms that we, and the product, can use; in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// Never standardized, widely offered.
    Login,
}

impl Mechanism {
    /// The name in EHLO and AUTH.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// The mechanism to use of those that a server offers (in upper case).
    pub fn choose(offered: &[String]) -> Option<Self> {
        [Self::Plain, Self::Login].into_iter().find(|mechanism| offered.iter().any(|name| name == mechanism.as_str()))
    }
}

/// Where a sign-in stands: what the next challenge is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// PLAIN: the response waits for the go-ahead, because it did not fit into the command.
    PlainResponse,
    /// LOGIN: the account is next.
    LoginAccount,
    /// LOGIN: the password is next.
    LoginPassword,
    /// Everything was sent; only the outcome is missing.
    Sent,
}

/// A challenge that we have no answer to; holds what the server asked, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPrompt(pub Vec<u8>);

/// The first command of a sign-in.
pub fn begin(mechanism: Mechanism, credentials: &Credentials) -> Result<(Wire, Exchange), Forbidden> {
    match mechanism {
        Mechanism::Login => Ok((Command::Auth("LOGIN", None).wire()?, Exchange::LoginAccount)),
        Mechanism::Plain => {
            let response = plain_response(credentials);
            let wire = Command::Auth("PLAIN", Some(&response)).wire()?;
            if wire.bytes.len() <= MAX_COMMAND_BYTES {
                return Ok((wire, Exchange::Sent));
            }
            Ok((Command::Auth("PLAIN", None).wire()?, Exchange::PlainResponse))
        }
    }
}

/// The answer to a challenge (334). An empty prompt is answered in the usual order; a prompt that clearly asks for the
/// other value, or comes when everything was sent, is unknown.
pub fn answer(
    exchange: Exchange,
    credentials: &Credentials,
    challenge: &[u8],
) -> Result<(Zeroizing<String>, Exchange), UnknownPrompt> {
    let decoded = STANDARD.decode(challenge.trim_ascii()).unwrap_or_else(|_| challenge.to_vec());
    let prompt = String::from_utf8_lossy(&decoded).to_lowercase();
    let (value, next) = match exchange {
        Exchange::PlainResponse => (plain_response(credentials), Exchange::Sent),
        Exchange::LoginAccount if !prompt.contains("pass") => {
            (Zeroizing::new(STANDARD.encode(&credentials.account)), Exchange::LoginPassword)
        }
        Exchange::LoginPassword if !prompt.contains("user") => {
            (Zeroizing::new(STANDARD.encode(credentials.password.expose())), Exchange::Sent)
        }
        Exchange::LoginAccount | Exchange::LoginPassword | Exchange::Sent => return Err(UnknownPrompt(decoded)),
    };
    Ok((value, next))
}

/// Every form in which the secret may come back in a server's text: as it is, and as it was sent.
pub fn traces(credentials: &Credentials) -> Vec<Zeroizing<String>> {
    let password = credentials.password.expose();
    let forms = [password.to_owned(), STANDARD.encode(password), plain_response(credentials).to_string()];
    // A very short text occurs by chance; replacing it everywhere would give it away.
    forms.into_iter().filter(|form| form.len() >= 4).map(Zeroizing::new).collect()
}

fn plain_response(credentials: &Credentials) -> Zeroizing<String> {
    let message = Zeroizing::new(format!("\0{}\0{}", credentials.account, credentials.password.expose()));
    Zeroizing::new(STANDARD.encode(message.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(password: &str) -> Credentials {
        Credentials { account: "u".to_owned(), password: Secret::new(password.to_owned()) }
    }

    #[test]
    fn plain_is_preferred_and_login_suffices() {
        let offered = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(Mechanism::choose(&offered(&["LOGIN", "PLAIN"])), Some(Mechanism::Plain));
        assert_eq!(Mechanism::choose(&offered(&["LOGIN"])), Some(Mechanism::Login));
        assert_eq!(Mechanism::choose(&offered(&["NTLM", "GSSAPI"])), None);
    }

    #[test]
    fn passwords_go_out_byte_for_byte() {
        for password in ["pa§s%W0rd", "a&;b c#d\"e/f\\\\g%24$(i){j}`", " edge ", "p"] {
            let credentials = credentials(password);
            let (wire, exchange) = begin(Mechanism::Plain, &credentials).unwrap();
            let line = String::from_utf8(wire.bytes.to_vec()).unwrap();
            let sent = STANDARD.decode(line.strip_prefix("AUTH PLAIN ").unwrap().trim_end()).unwrap();
            assert_eq!(sent, format!("\0u\0{password}").into_bytes());
            assert_eq!(exchange, Exchange::Sent);
            let (answered, _) = answer(Exchange::LoginPassword, &credentials, b"").unwrap();
            assert_eq!(STANDARD.decode(answered.as_bytes()).unwrap(), password.as_bytes());
        }
    }

    #[test]
    fn a_response_that_does_not_fit_waits_for_the_go_ahead() {
        let credentials = credentials(&"x".repeat(600));
        let (wire, exchange) = begin(Mechanism::Plain, &credentials).unwrap();
        assert_eq!((wire.bytes.as_slice(), exchange), (&b"AUTH PLAIN\r\n"[..], Exchange::PlainResponse));
        assert_eq!(answer(exchange, &credentials, b"").unwrap().1, Exchange::Sent);
    }

    #[test]
    fn prompts_for_something_else_are_unknown() {
        let credentials = credentials("secret");
        assert!(answer(Exchange::LoginAccount, &credentials, b"UGFzc3dvcmQ6").is_err());
        assert!(answer(Exchange::LoginAccount, &credentials, b"VXNlcm5hbWU6").is_ok());
        assert_eq!(answer(Exchange::Sent, &credentials, b"dG9rZW4=").unwrap_err().0, b"token");
    }
}
