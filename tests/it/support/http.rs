//! A browser without a window: the whole service in process, cookies, forms as the pages have them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use postern::app::{App, admin};
use postern::domain::actor::Person;
use postern::secret::Secret;
use tower::ServiceExt as _;

/// The password of everybody whom [`Browser::signed_in`] signs in.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// One person's browser.
#[derive(Clone)]
pub(crate) struct Browser {
    router: Router,
    cookies: BTreeMap<String, String>,
    /// The address that its connections come from.
    pub(crate) address: Option<std::net::IpAddr>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    /// Somebody who is not signed in.
    pub(crate) fn new(app: &Arc<App>) -> Self {
        Self { router: postern::web::router(Arc::clone(app)), cookies: BTreeMap::new(), address: None }
    }

    /// Gives the person a password and signs in with it through the form.
    pub(crate) async fn signed_in(app: &Arc<App>, person: &Person) -> Self {
        let password = Some(Secret::new(PASSWORD.to_owned()));
        admin::set_person(app, &person.email, (None, None), password).await.unwrap();
        let mut browser = Self::new(app);
        let form = browser.get("/sign-in").await;
        let answers = [("email", person.email.as_str()), ("password", PASSWORD)];
        let page = browser.submit(&form, "/sign-in", &answers).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
        browser
    }

    /// The browser without one of its cookies.
    pub(crate) fn without(mut self, cookie: &str) -> Self {
        self.cookies.remove(cookie);
        self
    }

    /// What a cookie holds.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.get(name).cloned()
    }

    /// Plants a cookie.
    pub(crate) fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Opens a page.
    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.send(Method::GET, path, None, &[]).await
    }

    /// Opens a page and follows redirects, as browsers do.
    pub(crate) async fn open(&mut self, path: &str) -> Page {
        let page = self.get(path).await;
        self.follow(page).await
    }

    /// Where a redirect leads; the page itself where it is none.
    pub(crate) async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..5 {
            let Some(to) = page.location() else { return page };
            page = self.get(&to).await;
        }
        panic!("redirects without end");
    }

    /// Sends fields to a path, and nothing else.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.post_form(path, &fields).await
    }

    /// Sends the form of a page that goes to `action`, with these answers in place of what it holds.
    pub(crate) async fn submit(&mut self, page: &Page, action: &str, answers: &[(&str, &str)]) -> Page {
        let mut fields = page.form(action).unwrap_or_else(|| panic!("no form to {action} in {}", page.body));
        for (name, value) in answers {
            fields.insert((*name).to_owned(), (*value).to_owned());
        }
        self.post_form(action, &fields).await
    }

    /// As [`Browser::submit`], with a file of text, as browsers send forms with files (RFC 7578).
    pub(crate) async fn submit_file(
        &mut self,
        page: &Page,
        action: &str,
        answers: &[(&str, &str)],
        (name, content): (&str, &str),
    ) -> Page {
        let mut fields = page.form(action).unwrap_or_else(|| panic!("no form to {action} in {}", page.body));
        fields.remove("file");
        fields.extend(answers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut body = String::new();
        for (name, value) in fields {
            body += &format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        body += &format!("--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n");
        body += &format!("Content-Type: image/png\r\n\r\n{content}\r\n--edge--\r\n");
        self.send_as(Method::POST, action, Some(("multipart/form-data; boundary=edge", body)), &[]).await
    }

    /// Sends fields to a path.
    pub(crate) async fn post_form(&mut self, path: &str, fields: &BTreeMap<String, String>) -> Page {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        self.send(Method::POST, path, Some(pairs.join("&")), &[]).await
    }

    /// Sends any request.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> Page {
        let body = body.map(|body| ("application/x-www-form-urlencoded", body));
        self.send_as(method, path, body, headers).await
    }

    /// Sends any request with a body of any type.
    pub(crate) async fn send_as(
        &mut self,
        method: Method,
        path: &str,
        body: Option<(&str, String)>,
        headers: &[(&str, &str)],
    ) -> Page {
        let mut request = Request::builder().method(method).uri(path.split('#').next().unwrap());
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        if let Some(address) = self.address {
            request = request.extension(ConnectInfo(std::net::SocketAddr::new(address, 50_000)));
        }
        if let Some((kind, _)) = &body {
            request = request.header(CONTENT_TYPE, *kind);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.map_or_else(Body::empty, |(_, body)| Body::from(body))).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(SET_COOKIE) {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        // The templates escape slashes too, which says nothing to a reader of a test.
        Page { status: parts.status, headers: parts.headers, body: body.replace("&#x2f;", "/") }
    }
}

impl Page {
    /// Where a redirect leads.
    pub(crate) fn location(&self) -> Option<String> {
        self.headers.get(LOCATION).map(|to| to.to_str().unwrap().to_owned())
    }

    /// Whether the page shows this text.
    pub(crate) fn shows(&self, text: &str) -> bool {
        self.body.contains(&escape(text))
    }

    /// What a browser would send of the form that goes to `action`.
    pub(crate) fn form(&self, action: &str) -> Option<BTreeMap<String, String>> {
        let form = self.body.split("<form ").skip(1).find(|form| form.contains(&format!("action=\"{action}\"")))?;
        let form = form.split("</form>").next().unwrap();
        let mut fields = BTreeMap::new();
        for input in form.split("<input ").skip(1) {
            let input = input.split('>').next().unwrap();
            let is_choice = matches!(attribute(input, "type").as_deref(), Some("radio" | "checkbox"));
            if !is_choice || input.contains(" checked") {
                fields.insert(attribute(input, "name").unwrap(), attribute(input, "value").unwrap_or_default());
            }
        }
        for area in form.split("<textarea ").skip(1) {
            let (head, rest) = area.split_once('>').unwrap();
            let text = rest.split("</textarea>").next().unwrap().trim_start_matches('\n');
            fields.insert(attribute(head, "name").unwrap(), unescape(text));
        }
        for select in form.split("<select ").skip(1) {
            let name = attribute(select.split('>').next().unwrap(), "name").unwrap();
            let options = select.split("</select>").next().unwrap();
            let chosen = options.split("<option ").skip(1).find(|option| option.contains(" selected"));
            fields.insert(name, chosen.and_then(|option| attribute(option, "value")).unwrap_or_default());
        }
        Some(fields)
    }

    /// The names of the fields that the page says something is wrong with.
    pub(crate) fn wrong_fields(&self) -> Vec<String> {
        let errors = self.body.split("<p class=\"error\" id=\"").skip(1);
        errors
            .map(|error| {
                let id = error.split('"').next().unwrap().trim_end_matches("-error");
                id.split_once('-').unwrap().1.to_owned()
            })
            .collect()
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    Some(unescape(rest.split('"').next().unwrap()))
}

/// Text as the templates write it.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#x27;")
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#x27;", "'").replace("&amp;", "&")
}

/// Percent-encodes everything that is no letter and no digit.
pub(crate) fn encode(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric();
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
