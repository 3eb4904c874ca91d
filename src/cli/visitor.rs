//! Somebody in front of a browser, for the demo walk: opens pages, fills in the form that a page holds, sends it.

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response, StatusCode, redirect};

use crate::secret::Secret;

/// A person with a session.
pub(super) struct Visitor {
    client: Client,
    base: String,
    email: String,
    cookie: String,
}

impl Visitor {
    /// Signs in through the sign-in page.
    ///
    /// # Errors
    /// A sentence that says what the service answered.
    pub(super) async fn signed_in(base: &str, email: &str, password: &Secret) -> Result<Self, String> {
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build();
        let mut visitor = Self {
            client: client.map_err(|error| error.to_string())?,
            base: base.to_owned(),
            email: email.to_owned(),
            cookie: String::new(),
        };
        let answers = [("email", email), ("password", password.expose())];
        visitor.send("/sign-in", "/sign-in", &answers).await?;
        if visitor.cookie.is_empty() { Err("no session was given".to_owned()) } else { Ok(visitor) }
    }

    /// The address that this person signs in with.
    pub(super) fn email(&self) -> &str {
        &self.email
    }

    /// Opens a page, fills in the form on it that goes to `action`, sends it, and gives where the service leads to.
    /// Answers that the page has filled in already are sent as they stand.
    ///
    /// # Errors
    /// A sentence that says what was refused.
    pub(super) async fn send(&mut self, page: &str, action: &str, answers: &[(&str, &str)]) -> Result<String, String> {
        let html = self.open(page).await?;
        let form = form(&html, action).ok_or_else(|| format!("{page} has no form that goes to {action}"))?;
        let response = self.post(action, &completed(form, answers)).await?;
        if let Some(cookie) = response.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok()) {
            self.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        }
        let status = response.status();
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        match location {
            Some(location) if status == StatusCode::SEE_OTHER => Ok(location),
            Some(_) | None => {
                let text = response.text().await.unwrap_or_default();
                Err(format!("{action} was answered {status}: {}", complaint(&text)))
            }
        }
    }

    /// As [`Self::send`], where a last look stands between the form of a page and what its button sends: the answers are
    /// posted to the page itself, and the form of the answer that goes to `action` is sent as it stands.
    ///
    /// # Errors
    /// A sentence that says what was refused.
    pub(super) async fn send_checked(
        &mut self,
        page: &str,
        action: &str,
        answers: &[(&str, &str)],
    ) -> Result<String, String> {
        let html = self.open(page).await?;
        let asked = form(&html, page).ok_or_else(|| format!("{page} has no form that goes to itself"))?;
        let response = self.post(page, &completed(asked, answers)).await?;
        let text = response.text().await.map_err(|error| error.to_string())?;
        let last_look = form(&text, action).ok_or_else(|| format!("{page} was answered: {}", complaint(&text)))?;
        let response = self.post(action, &filled_in(last_look)).await?;
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        match location {
            Some(location) => Ok(location),
            None => Err(complaint(&response.text().await.unwrap_or_default())),
        }
    }

    async fn post(&self, action: &str, fields: &[(String, String)]) -> Result<Response, String> {
        let request = self.client.post(format!("{}{action}", self.base)).header(COOKIE, &self.cookie);
        let request = request.header("Origin", &self.base).header("Content-Type", "application/x-www-form-urlencoded");
        request.body(encoded(fields)).send().await.map_err(|error| error.to_string())
    }

    /// The text of a page.
    ///
    /// # Errors
    /// A sentence that says what the service answered.
    pub(super) async fn open(&self, page: &str) -> Result<String, String> {
        let request = self.client.get(format!("{}{page}", self.base)).header(COOKIE, &self.cookie);
        let response = request.send().await.map_err(|error| error.to_string())?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(format!("{page} was answered {status}"));
        }
        response.text().await.map_err(|error| error.to_string())
    }
}

/// The form of a page that goes to an address.
fn form<'h>(html: &'h str, action: &str) -> Option<&'h str> {
    html.split("<form").skip(1).find_map(|part| {
        let form = part.split("</form>").next()?;
        let target = attribute(form.split('>').next()?, "action")?;
        (target.split('?').next() == Some(action)).then_some(form)
    })
}

/// A form with answers in place of what it holds.
fn completed(form: &str, answers: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut fields = filled_in(form);
    for (name, value) in answers {
        fields.retain(|(known, _)| known != name);
        fields.push(((*name).to_owned(), (*value).to_owned()));
    }
    fields
}

/// What a browser would send of a form that nobody touched: hidden and filled fields, chosen options.
fn filled_in(form: &str) -> Vec<(String, String)> {
    let inputs = form.split("<input").skip(1).filter_map(|part| {
        let tag = part.split('>').next()?;
        let kind = attribute(tag, "type").unwrap_or_default();
        let is_chosen = !matches!(kind.as_str(), "radio" | "checkbox") || tag.contains(" checked");
        let value = attribute(tag, "value").unwrap_or_default();
        is_chosen.then(|| attribute(tag, "name").map(|name| (name, value))).flatten()
    });
    inputs.collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = tag.get(start..)?.split('"').next()?;
    let marks = [("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    Some(marks.iter().fold(value.to_owned(), |text, (mark, letter)| text.replace(mark, letter)))
}

fn encoded(fields: &[(String, String)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect()
    };
    fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect::<Vec<_>>().join("&")
}

/// The heading and the error summary of a page, without its mark-up.
fn complaint(html: &str) -> String {
    let part = html.split("error-summary").nth(1).or_else(|| html.split("<h1").nth(1)).unwrap_or(html);
    let mut text = String::new();
    let mut inside = part.starts_with('"') || part.starts_with('>');
    for letter in part.chars().take(2_000) {
        match letter {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            other if !inside => text.push(other),
            _ => {}
        }
    }
    text.split_whitespace().take(40).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_found_by_where_it_goes_and_sent_as_it_stands() {
        let html = r#"<form action="/x"><input name="a" value="1"></form>
            <form class="form" action="/y" method="post"><input type="hidden" name="key" value="k&amp;1">
            <input type="radio" name="r" value="no"><input type="radio" name="r" value="yes" checked></form>"#;
        let fields = filled_in(form(html, "/y").unwrap());
        assert_eq!(encoded(&fields), "key=k%261&r=yes");
        assert!(form(html, "/z").is_none());
    }
}
