//! Webhooks: what is told, to whom it is sent, what happens where it is not taken, and the pages around it.

mod guard;
mod pages;
mod receivers;
mod sending;
mod signatures;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use postern::app::webhooks::endpoints::{self, Draft, View};
use postern::app::webhooks::log;
use postern::config::Config;
use postern::domain::webhook::Topic;
use postern::secret::Secret;
use postern::store::deliveries::Logged;
use postern::worker::{self, Step};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::app::TestApp;
use crate::support::db::TestDb;

/// How a receiver answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// With a status and nothing else.
    Status(u16),
    /// With these bytes.
    Raw(String),
    /// Not at all, until the sender is gone.
    Hang,
}

/// A message as a receiver got it.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("no {name} in {:?}", self.headers), |(_, value)| value.as_str())
    }

    pub(crate) fn topic(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body["type"].as_str().unwrap().to_owned()
    }
}

/// A receiver on loopback: it answers by a list, the last entry of which goes on for ever.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    replies: Arc<Mutex<Vec<Reply>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start(replies: &[Reply]) -> Self {
        Self::start_on("127.0.0.1:0", replies).await
    }

    pub(crate) async fn start_on(address: &str, replies: &[Reply]) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (got, replies) = (Arc::default(), Arc::new(Mutex::new(replies.to_vec())));
        let (ears, mouth) = (Arc::clone(&got), Arc::clone(&replies));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&ears), Arc::clone(&mouth)));
            }
        });
        Self { address, got, replies, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Everything that came, oldest first.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Answers differently from here on.
    pub(crate) fn answer(&self, reply: Reply) {
        *self.replies.lock().unwrap() = vec![reply];
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, got: Arc<Mutex<Vec<Got>>>, replies: Arc<Mutex<Vec<Reply>>>) {
    let mut bytes = Vec::new();
    let message = loop {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
        if let Some(message) = read(&String::from_utf8_lossy(&bytes)) {
            break message;
        }
    };
    got.lock().unwrap().push(message);
    let reply = {
        let mut replies = replies.lock().unwrap();
        if replies.len() > 1 { replies.remove(0) } else { replies[0].clone() }
    };
    let text = match reply {
        Reply::Status(status) => {
            format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
        Reply::Raw(text) => text,
        Reply::Hang => {
            let mut rest = [0; 64];
            while matches!(stream.read(&mut rest).await, Ok(count) if count > 0) {}
            return;
        }
    };
    // A sender that reads no further than it wants may be gone before all of it is written.
    if stream.write_all(text.as_bytes()).await.is_ok() {
        stream.shutdown().await.ok();
    }
}

/// A whole request; none while something is missing.
fn read(text: &str) -> Option<Got> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let headers: Vec<(String, String)> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().unwrap();
    (body.len() >= length).then(|| Got { headers, body: body.to_owned() })
}

/// The service, whose configuration lists the loopback of this machine.
pub(crate) async fn service(db: &TestDb) -> TestApp {
    TestApp::with(db, listed).await
}

pub(crate) fn listed(config: &mut Config) {
    config.webhooks.allow = vec!["127.0.0.1/32".parse().unwrap()];
}

/// An endpoint that is told of these topics; all of them where none is named.
pub(crate) async fn endpoint(t: &TestApp, name: &str, url: &str, topics: &[Topic]) -> (View, Secret) {
    let topics: Vec<String> = if topics.is_empty() {
        Topic::to_subscribe().map(|topic| topic.to_string()).collect()
    } else {
        topics.iter().map(ToString::to_string).collect()
    };
    let draft = Draft { name: name.into(), url: url.into(), owner: t.admin.email.clone(), topics };
    let (view, key) = endpoints::add(&t.app, &draft, None).await.unwrap();
    (view, key.unwrap())
}

/// Sends what is due, and mail about it.
pub(crate) async fn send_due(t: &TestApp) {
    loop {
        let steps =
            [worker::webhooks::step(&t.app).await.unwrap(), worker::personal_mails::step(&t.app).await.unwrap()];
        if steps.iter().all(|step| *step == Step::Idle) {
            return;
        }
    }
}

/// The log of an endpoint, newest first.
pub(crate) async fn logged(t: &TestApp, view: &View) -> Vec<Logged> {
    log::page(&t.app, view.endpoint.id, None, 200).await.unwrap().0
}
