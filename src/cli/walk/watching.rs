//! A server in use is watched: what opens a case, what does not, and what ends it. Against a foreign mail server it is
//! switched off; in the lab the tunnel goes down, the name moves and the certificate changes.

use std::time::{Duration, Instant};

use super::{Fault, LOOK, PATIENCE, Walk};
use crate::app::watching::{self, Seen};
use crate::app::{cases, chain};
use crate::cli::demo::{FIRST_TUNNEL, MailServer};
use crate::domain::case::Case;
use crate::domain::watching::Mark;

/// Rounds of two intervals, with the time that a test takes to see that nobody answers.
const ROUNDS: Duration = Duration::from_secs(90);

/// Something that goes wrong, and what must come of it.
struct Trouble {
    step: &'static str,
    over: &'static str,
    /// The lab's fault; without a lab the mail server is switched off.
    fault: Option<&'static str>,
    workflow: &'static str,
    /// The fields of which one says what was found, and what it must say; one of several.
    says: (&'static [&'static str], &'static [&'static str]),
}

const SWITCHED_OFF: Trouble = Trouble {
    step: "the server is switched off",
    over: "the server answers again",
    fault: None,
    workflow: "server-trouble",
    says: (&["cause"], &["tcp.refused", "tcp.reset", "tcp.timeout"]),
};

const IN_THE_LAB: [Trouble; 3] = [
    Trouble {
        step: "the tunnel is down",
        over: "the tunnel is up again",
        fault: Some("tunnel-down"),
        workflow: "server-trouble",
        says: (&["cause"], &["route.tunnel_down", "tunnel.not_entered", "tunnel.lost_beyond_entry"]),
    },
    Trouble {
        step: "the name moves",
        over: "the name is back",
        fault: Some("dns-changed"),
        workflow: "ip-change",
        says: (&["new_ip", "smtp_ip"], &["10.20.0.200"]),
    },
    Trouble {
        step: "the certificate changes",
        over: "the certificate is back",
        fault: Some("cert-untrusted"),
        workflow: "server-trouble",
        says: (&["cause"], &["cert.changed"]),
    },
];

impl Walk {
    /// After the whole private branch.
    pub(super) async fn watching(&mut self) -> Result<(), Fault> {
        let engineer = self.demo.people.engineer.clone();
        if let MailServer::Lab(lab) = &self.demo.server {
            let resolver = lab.resolver().map(str::to_owned);
            let set = watching::set_resolver(&self.demo.app, &engineer, FIRST_TUNNEL, resolver).await;
            set.map_err(|error| Fault { step: "set the resolver", what: chain(&error) })?;
        }
        self.private(None).await?;
        self.marks("the first rounds", |marks| marks.len() >= 2 && marks.iter().all(|mark| *mark == Mark::Good))
            .await?;
        let in_lab = matches!(self.demo.server, MailServer::Lab(_));
        self.blip(if in_lab { Some("port-closed") } else { None }).await?;
        if !in_lab {
            return self.trouble_opens_and_closes(&SWITCHED_OFF).await;
        }
        for trouble in &IN_THE_LAB {
            self.trouble_opens_and_closes(trouble).await?;
        }
        Ok(())
    }

    /// One failed round, held back from becoming two by a pause, opens nothing and mails nobody.
    async fn blip(&mut self, fault: Option<&'static str>) -> Result<(), Fault> {
        let step = "one failed round";
        let (app, engineer) = (self.demo.app.clone(), self.demo.people.engineer.clone());
        let said = |error| Fault { step, what: chain(&error) };
        let mails = self.mails()?;
        self.break_it(step, fault)?;
        self.marks(step, |marks| marks.first() == Some(&Mark::Failed)).await?;
        watching::pause(&app, &engineer, self.number, true).await.map_err(said)?;
        self.mend_it(step, fault)?;
        let failed = self.seen(step).await?.rounds.iter().filter(|round| round.mark == Mark::Failed).count();
        if failed != 1 {
            return Err(Fault { step, what: format!("{failed} rounds had failed before the pause") });
        }
        watching::pause(&app, &engineer, self.number, false).await.map_err(said)?;
        self.marks(step, |marks| marks.first() == Some(&Mark::Good)).await?;
        let (children, now) = (self.children(step).await?.len(), self.mails()?);
        if (children, now) != (0, mails) {
            return Err(Fault { step, what: format!("it opened {children} cases and sent {} mails", now - mails) });
        }
        self.tell(step, "postern", Instant::now()).await
    }

    async fn trouble_opens_and_closes(&mut self, trouble: &Trouble) -> Result<(), Fault> {
        let Trouble { step, over, fault, workflow, says } = trouble;
        let before = self.children(step).await?.len();
        let began = Instant::now();
        self.break_it(step, *fault)?;
        let wanted = before + 1;
        let found =
            self.wait(step, |children| children.len() >= wanted && children.iter().any(|child| child.is_open)).await?;
        let open: Vec<&Case> = found.iter().filter(|child| child.is_open).collect();
        let [child] = open.as_slice() else {
            return Err(Fault { step, what: format!("{} cases are open", open.len()) });
        };
        let said: Vec<String> =
            says.0.iter().filter_map(|field| child.flow.data.get(*field)).map(ToString::to_string).collect();
        if child.workflow.id != *workflow || !said.iter().any(|said| says.1.contains(&said.as_str())) {
            let what = format!("a case of {} was opened that says {}", child.workflow.id, said.join(", "));
            return Err(Fault { step, what });
        }
        self.tell(step, "postern", began).await?;
        // Another round that says the same opens nothing more.
        let rounds = self.seen(step).await?.watch.rounds;
        self.rounds_after(step, rounds + 2).await?;
        if self.children(step).await?.len() != wanted {
            return Err(Fault { step, what: "another round opened another case".to_owned() });
        }
        let began = Instant::now();
        self.mend_it(over, *fault)?;
        self.wait(over, |children| children.iter().all(|child| !child.is_open)).await?;
        self.tell(over, "postern", began).await?;
        self.marks(over, |marks| marks.first() == Some(&Mark::Good)).await
    }

    fn break_it(&mut self, step: &'static str, fault: Option<&'static str>) -> Result<(), Fault> {
        match (&self.demo.server, fault) {
            (MailServer::Lab(lab), Some(fault)) => lab.fault(fault),
            (_, None) => self.demo.server.stop(),
            (MailServer::Sink(_) | MailServer::Foreign(_), Some(fault)) => {
                return Err(Fault { step, what: format!("{fault} is a fault of the lab") });
            }
        }
        Ok(())
    }

    fn mend_it(&mut self, step: &'static str, fault: Option<&'static str>) -> Result<(), Fault> {
        if let (MailServer::Lab(lab), Some(fault)) = (&self.demo.server, fault) {
            lab.heal(fault);
            return Ok(());
        }
        self.demo.server.start_again().map_err(|error| Fault { step, what: error.to_string() })
    }

    fn mails(&self) -> Result<usize, Fault> {
        let folder = std::fs::read_dir(self.demo.mail_folder());
        folder.map(Iterator::count).map_err(|error| Fault { step: "count the mails", what: error.to_string() })
    }

    async fn seen(&self, step: &'static str) -> Result<Seen, Fault> {
        let seen = watching::of_case(&self.demo.app, &self.demo.people.engineer, self.number).await;
        seen.map_err(|error| Fault { step, what: chain(&error) })
    }

    async fn children(&self, step: &'static str) -> Result<Vec<Case>, Fault> {
        let view = cases::view(&self.demo.app, &self.demo.people.engineer, self.number).await;
        view.map(|view| view.family.children).map_err(|error| Fault { step, what: chain(&error) })
    }

    /// Waits until the last rounds, newest first, are as they must be.
    async fn marks(&self, step: &'static str, good: impl Fn(&[Mark]) -> bool) -> Result<(), Fault> {
        let began = Instant::now();
        loop {
            let seen = self.seen(step).await?;
            let marks: Vec<Mark> = seen.rounds.iter().map(|round| round.mark).collect();
            if good(&marks) {
                return Ok(());
            }
            if began.elapsed() > ROUNDS {
                let last: Vec<String> =
                    seen.rounds.iter().take(4).map(|round| format!("{} {}", round.mark, round.seen)).collect();
                return Err(Fault { step, what: format!("the last rounds are: {}", last.join("; ")) });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn rounds_after(&self, step: &'static str, number: i64) -> Result<(), Fault> {
        let began = Instant::now();
        while self.seen(step).await?.rounds.first().is_none_or(|round| round.number < number) {
            if began.elapsed() > ROUNDS + PATIENCE {
                return Err(Fault { step, what: format!("round {number} did not come") });
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    async fn wait(&self, step: &'static str, good: impl Fn(&[Case]) -> bool) -> Result<Vec<Case>, Fault> {
        let began = Instant::now();
        loop {
            let children = self.children(step).await?;
            if good(&children) {
                return Ok(children);
            }
            if began.elapsed() > ROUNDS {
                let states: Vec<String> =
                    children.iter().map(|child| format!("case {} is in {}", child.number, child.flow.state)).collect();
                return Err(Fault { step, what: format!("nothing came of it: {}", states.join("; ")) });
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
