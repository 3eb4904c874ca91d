//! Agents: the protocol against hostile and honest speakers, silence, and whole ways from a case through an agent to a
//! mail server and back.

mod command;
mod protocol;
mod silence;
mod whole;

use std::sync::Arc;

use axum::http::Method;
use postern::app::{App, agents};
use postern::probe::job::Job;
use serde_json::Value;

use crate::support::client::{Answer, Client};

/// Somebody with an agent's token, who speaks as the protocol says.
#[derive(Clone)]
struct Speaker(Client);

impl Speaker {
    /// An agent that is registered for a tunnel.
    async fn registered(app: &Arc<App>, name: &str, tunnel: &str) -> Self {
        let token = agents::register(app, name, &[tunnel.to_owned()]).await.unwrap();
        Self(Client::with_token(app, &token))
    }

    async fn post(&self, path: &str, body: String) -> Answer {
        let headers = [("postern-agent-protocol", "1"), ("content-type", "application/json")];
        self.0.send(Method::POST, &format!("/agent/v1/jobs/{path}"), &headers, body).await
    }

    /// The next job, without waiting.
    async fn next(&self) -> Option<Job> {
        let answer = self.post("next", String::new()).await;
        if answer.status == 204 {
            assert_eq!(answer.header("postern-agent-protocol"), "1");
            return None;
        }
        answer.expect(200);
        Some(Job::read(answer.text.as_bytes()).unwrap())
    }

    async fn report(&self, id: &str, report: &Value) -> Answer {
        self.post(&format!("{id}/report"), report.to_string()).await
    }

    async fn events(&self, id: &str, stages: &Value) -> Answer {
        self.post(&format!("{id}/events"), serde_json::json!({"stages": stages}).to_string()).await
    }

    async fn release(&self, id: &str) -> Answer {
        self.post(&format!("{id}/release"), String::new()).await
    }
}
