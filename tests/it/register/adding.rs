//! Adding: what stands against an entry, what needs a lead, and who decides.

use postern::app::admin;
use postern::domain::customer::Customer;
use serde_json::{Value, json};

use super::{add, second_lead, tunnel_id};
use crate::support::app::{TestApp, tunnel};
use crate::support::client::Client;
use crate::support::db::on_both;

/// Codes and weights of what a judgement found.
fn found(judged: &Value) -> Vec<(String, String)> {
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let findings = judged["findings"].as_array().unwrap();
    findings.iter().map(|finding| (text(finding, "code"), text(finding, "weight"))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(code, weight)| ((*code).to_owned(), (*weight).to_owned())).collect()
}

on_both! {
    async fn validating_says_what_adding_would_do_and_changes_nothing(db: TestDb) {
        let t = TestApp::new(&db).await;
        let other = Customer { id: t.stranger().await.customer.unwrap(), ..t.customer.clone() };
        let neighbour = tunnel(&other, "brightwater-1", "10.20.9.0/24");
        admin::put_tunnel(&t.app, neighbour).await.unwrap();
        t.request().await;
        let engineer = Client::of(&t.app, &t.engineer).await;
        let judge = async |network: &str, port: u16| {
            let body = json!({"tunnel": "alder-1", "network": network, "port": port, "validate_only": true});
            engineer.post("/api/v1/allowlist", &[], &body).await.expect(200)
        };
        let fine = judge("10.20.4.16", 587).await;
        assert_eq!((&fine["outcome"], &fine["network"], &fine["protocol"]), (&json!("added"), &json!("10.20.4.16/32"), &json!("tcp")));
        assert_eq!(found(&fine), []);
        for (network, port, outcome, expected) in [
            ("10.20.4.15", 587, "refused", &[("on_list", "blocks")][..]),
            ("10.20.4.15", 25, "added", &[]),
            ("10.20.4.0/24", 587, "needs_lead", &[("wider", "needs_lead"), ("containing", "remark")]),
            ("10.20.4.16", 8025, "needs_lead", &[("unusual_port", "needs_lead")]),
            ("10.99.0.8", 587, "refused", &[("ours", "blocks"), ("no_selector", "blocks")]),
            ("198.51.100.1", 587, "invalid", &[]),
            ("10.21.0.1", 587, "refused", &[("no_selector", "blocks")]),
            ("10.20.9.7", 587, "refused", &[("neighbour", "blocks")]),
        ] {
            if outcome == "invalid" {
                let body = json!({"tunnel": "alder-1", "network": network, "port": port, "validate_only": true});
                engineer.post("/api/v1/whitelist", &[], &body).await.problem(422, "invalid");
                continue;
            }
            let judged = judge(network, port).await;
            assert_eq!(judged["outcome"], outcome, "{judged}");
            assert_eq!(found(&judged), pairs(expected), "{network} {port}");
        }
        for (body, pointer, code) in [
            (json!({"tunnel": "alder-1", "network": "0.0.0.0/0", "port": 587}), "#/network", "default_route"),
            (json!({"tunnel": "alder-1", "network": "::/0", "port": 587}), "#/network", "default_route"),
            (json!({"tunnel": "alder-1", "network": "10.20.4.15/24", "port": 587}), "#/network", "host_bits"),
            (json!({"tunnel": "alder-1", "network": "10.20.4.16", "port": 0}), "#/port", "not_a_port"),
            (json!({"tunnel": "alder-1", "network": "10.20.4.16", "port": 587, "protocol": "sctp"}), "#/protocol", "unknown"),
            (json!({"tunnel": "nope", "network": "10.20.4.16", "port": 587}), "#/tunnel", "unknown"),
            (json!({"network": "10.20.4.16", "port": 587}), "#/tunnel", "missing"),
            (json!({"tunnel": "alder-1", "network": "10.20.4.16", "port": [587]}), "#/port", "wrong_type"),
            (json!({"tunnel": "alder-1", "network": "10.20.4.0/24", "port": 587}), "#/reason", "missing"),
        ] {
            let answer = engineer.post("/api/v1/whitelist", &[], &body).await;
            answer.problem(422, "invalid");
            assert_eq!(answer.faults(), [(pointer.to_owned(), code.to_owned())], "{body}");
        }
        assert_eq!(db.number("SELECT COUNT(*) FROM whitelist").await, 1, "the case's own");
        assert_eq!(db.number("SELECT COUNT(*) FROM whitelist_requests").await, 0);
    }
}

on_both! {
    async fn one_host_is_added_once_however_often_it_is_sent(db: TestDb) {
        let t = TestApp::new(&db).await;
        let engineer = Client::of(&t.app, &t.engineer).await;
        let body = json!({"tunnel": "alder-1", "network": "10.20.4.16", "port": 587, "reason": "Second relay"});
        let first = engineer.post_as("/api/v1/whitelist", "k1", &[], &body).await;
        let again = engineer.post_as("/api/v1/whitelist", "k1", &[], &body).await;
        assert_eq!((again.text.clone(), again.header("idempotency-replayed")), (first.text.clone(), "true".to_owned()));
        let entry = &first.expect(201)["entry"];
        assert_eq!((&entry["ours"]["state"], &entry["ours"]["by"]), (&json!("wanted"), &json!("Kim Castle")));
        let another = engineer.post("/api/v1/whitelist", &[], &body).await;
        assert_eq!(another.faults(), [("#/network".to_owned(), "on_list".to_owned())]);
        // Both at once, on the same data: one of them finds the other's.
        let racing = json!({"tunnel": "alder-1", "network": "10.20.4.17", "port": 587});
        let (one, two) = tokio::join!(
            engineer.post("/api/v1/whitelist", &[], &racing),
            engineer.post("/api/v1/whitelist", &[], &racing)
        );
        let mut codes = [one.status.as_u16(), two.status.as_u16()];
        codes.sort_unstable();
        assert_eq!(codes, [201, 422]);
        let view = engineer.get(&format!("/api/v1/whitelist/{}", entry["id"].as_str().unwrap())).await.expect(200);
        assert_eq!(view["changes"][0]["what"], "Added to the list");
        assert_eq!(view["changes"][0]["how"], "Second relay");
    }
}

on_both! {
    async fn a_wide_entry_is_asked_for_by_one_and_approved_by_another_lead(db: TestDb) {
        let t = TestApp::new(&db).await;
        let max = second_lead(&t).await;
        let (lead, max) = (Client::of(&t.app, &t.lead).await, Client::of(&t.app, &max).await);
        let engineer = Client::of(&t.app, &t.engineer).await;
        let asked = add(&lead, "10.20.4.0/28", &json!({"reason": "A cluster of relays"})).await;
        assert_eq!((&asked["outcome"], &asked["entry"]), (&json!("needs_lead"), &json!(null)));
        let id = asked["request"]["id"].as_str().unwrap().to_owned();
        let approve = format!("/api/v1/whitelist/requests/{id}/approve");
        engineer.post(&approve, &[], &json!({})).await.problem(403, "forbidden");
        let own = lead.post(&approve, &[], &json!({})).await.problem(403, "forbidden");
        assert!(own["detail"].as_str().unwrap().contains("another lead"), "{own}");
        assert_eq!(db.number("SELECT COUNT(*) FROM whitelist").await, 0, "nothing stands on the list");
        let twice = json!({"tunnel": "alder-1", "network": "10.20.4.0/28", "port": 587, "reason": "Again"});
        let twice = engineer.post("/api/v1/whitelist", &[], &twice).await;
        assert_eq!(twice.faults(), [("#/network".to_owned(), "asked_for".to_owned())]);

        let approved = max.post(&approve, &[], &json!({"note": "For the cluster"})).await.expect(200);
        assert_eq!((&approved["state"], &approved["decided_by"]), (&json!("approved"), &json!("Max Lead")));
        let entry = approved["entry"].as_str().unwrap();
        let view = engineer.get(&format!("/api/v1/whitelist/{entry}")).await.expect(200);
        assert_eq!((&view["network"], &view["ours"]["state"]), (&json!("10.20.4.0/28"), &json!("wanted")));
        assert_eq!(view["changes"][0]["how"], "Asked for by Lou Grant: A cluster of relays");
        assert_eq!(view["changes"][0]["who"], "Max Lead");
        assert_eq!(max.post(&approve, &[], &json!({})).await.expect(200)["entry"], approved["entry"], "a repeat changes nothing");
        let refuse = format!("/api/v1/whitelist/requests/{id}/refuse");
        max.post(&refuse, &[], &json!({})).await.problem(409, "settled");
        let inside = add(&engineer, "10.20.4.5", &json!({})).await;
        assert_eq!(inside["outcome"], "added", "that a wider entry contains it is worth a remark only");
    }
}

on_both! {
    async fn what_changed_since_the_request_counts_when_it_is_decided(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (lead, engineer) = (Client::of(&t.app, &t.lead).await, Client::of(&t.app, &t.engineer).await);
        let asked = add(&engineer, "10.20.4.0/28", &json!({"reason": "A cluster"})).await;
        let mut narrower = admin::tunnels(&t.app, t.customer.id).await.unwrap().remove(0);
        narrower.peer_selectors = vec!["10.20.5.0/24".parse().unwrap()];
        admin::put_tunnel(&t.app, narrower).await.unwrap();
        let path = |act: &str| format!("/api/v1/whitelist/requests/{}/{act}", asked["request"]["id"].as_str().unwrap());
        let answer = lead.post(&path("approve"), &[], &json!({})).await;
        answer.problem(422, "invalid");
        assert_eq!(answer.faults(), [("#/network".to_owned(), "no_selector".to_owned())]);
        let refused = engineer.post(&path("refuse"), &[], &json!({"note": "Not needed"})).await.expect(200);
        assert_eq!((&refused["state"], &refused["note"]), (&json!("refused"), &json!("Not needed")), "one's own is taken back");
        lead.post(&path("approve"), &[], &json!({})).await.problem(409, "settled");
        let list = engineer.get("/api/v1/whitelist/requests").await.expect(200);
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
    }
}

on_both! {
    async fn a_second_wish_does_not_take_an_applied_entry_off_the_list(db: TestDb) {
        let t = TestApp::new(&db).await;
        let engineer = Client::of(&t.app, &t.engineer).await;
        let added = add(&engineer, "10.20.4.15", &json!({})).await;
        let id = added["entry"]["id"].as_str().unwrap().to_owned();
        let tunnel = tunnel_id(&t).await;
        let applied = format!("/api/v1/tunnels/{tunnel}/whitelist/applied");
        engineer.post(&applied, &[("if-match", "*")], &json!({"change_ref": "CHG-1"})).await.expect(200);
        let case = t.request().await;
        let view = engineer.get(&format!("/api/v1/whitelist/{id}")).await.expect(200);
        assert_eq!((&view["ours"]["state"], &view["case"]), (&json!("applied"), &json!(case.number)));
        let text = engineer.get(&format!("/api/v1/tunnels/{tunnel}/whitelist.txt")).await;
        assert_eq!(text.text, "10.20.4.15/32\n");
    }
}
