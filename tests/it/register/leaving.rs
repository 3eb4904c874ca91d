//! Applying the difference, and taking entries away after a look at their use.

use serde_json::{Value, json};

use super::{add, tunnel_id};
use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::db::on_both;

async fn state(client: &Client, id: &str) -> (Value, Value) {
    let view = client.get(&format!("/api/v1/whitelist/{id}")).await.expect(200);
    (view["ours"]["state"].clone(), view["leaves"].clone())
}

on_both! {
    async fn wanted_is_applied_at_the_version_that_was_read_and_retired_goes_by_way_of_the_gateway(db: TestDb) {
        let t = TestApp::new(&db).await;
        let (engineer, lead) = (Client::of(&t.app, &t.engineer).await, Client::of(&t.app, &t.lead).await);
        let id = add(&engineer, "10.20.4.16", &json!({})).await["entry"]["id"].as_str().unwrap().to_owned();
        let list = format!("/api/v1/tunnels/{}/whitelist", tunnel_id(&t).await);
        let applied = format!("{list}/applied");
        let plan = engineer.get(&list).await;
        let tag = plan.header("etag");
        let body = plan.expect(200);
        assert_eq!(body["adding"][0]["network"], "10.20.4.16/32");
        let reference = json!({"change_ref": "CHG-1"});
        engineer.post(&applied, &[], &reference).await.problem(428, "revision_missing");
        lead.post(&applied, &[("if-match", &tag)], &reference).await.problem(403, "forbidden");
        engineer.post(&applied, &[("if-match", &tag)], &json!({})).await.problem(422, "invalid");
        add(&engineer, "10.20.4.17", &json!({})).await;
        engineer.post(&applied, &[("if-match", &tag)], &reference).await.problem(412, "list_changed");
        assert_eq!(state(&engineer, &id).await.0, "wanted", "nothing was recorded");
        let tag = engineer.get(&list).await.header("etag");
        let done = engineer.post(&applied, &[("if-match", &tag)], &reference).await.expect(200);
        assert_eq!((&done["added"], &done["removed"]), (&json!(2), &json!(0)));
        assert_eq!(state(&engineer, &id).await.0, "applied");
        engineer.post(&applied, &[("if-match", "*")], &reference).await.problem(409, "settled");

        let act = |name: &str| format!("/api/v1/whitelist/{id}/{name}");
        engineer.post(&act("stay"), &[], &json!({})).await.problem(409, "settled");
        engineer.post(&act("retire"), &[], &json!({})).await.problem(422, "invalid");
        let leaving = lead.post(&act("retire"), &[], &json!({"reason": "Replaced"})).await.expect(200);
        assert_eq!((&leaving["ours"]["state"], &leaving["leaves"]["by"]), (&json!("applied"), &json!("Lou Grant")));
        engineer.post(&act("retire"), &[], &json!({"reason": "Again"})).await.problem(409, "settled");
        engineer.post(&act("stay"), &[], &json!({})).await.expect(200);
        assert_eq!(state(&engineer, &id).await.1, json!(null));
        engineer.post(&act("retire"), &[], &json!({"reason": "Replaced after all"})).await.expect(200);
        assert_eq!(engineer.get(&list).await.expect(200)["leaving"][0]["id"], json!(id));
        let done = engineer.post(&applied, &[("if-match", "*")], &json!({"change_ref": "CHG-2"})).await.expect(200);
        assert_eq!((&done["added"], &done["removed"]), (&json!(0), &json!(1)));
        assert_eq!(state(&engineer, &id).await.0, "retired");
        engineer.post(&act("retire"), &[], &json!({"reason": "Gone"})).await.problem(409, "settled");
        let changes = engineer.get(&format!("/api/v1/whitelist/{id}")).await.expect(200)["changes"].clone();
        let whats: Vec<&str> = changes.as_array().unwrap().iter().map(|change| change["what"].as_str().unwrap()).collect();
        assert_eq!(whats, [
            "Taken off our side", "To leave the list", "To stay on the list", "To leave the list", "Applied on our side",
            "Added to the list",
        ]);
        // It comes back with its history.
        let back = add(&engineer, "10.20.4.16", &json!({})).await;
        assert_eq!(back["entry"]["id"], json!(id));
    }
}

on_both! {
    async fn what_was_never_applied_leaves_at_once(db: TestDb) {
        let t = TestApp::new(&db).await;
        let engineer = Client::of(&t.app, &t.engineer).await;
        let id = add(&engineer, "10.20.4.16", &json!({})).await["entry"]["id"].as_str().unwrap().to_owned();
        engineer.post(&format!("/api/v1/whitelist/{id}/retire"), &[], &json!({"reason": "A slip"})).await.expect(200);
        assert_eq!(state(&engineer, &id).await.0, "retired");
        let plan = engineer.get(&format!("/api/v1/tunnels/{}/whitelist", tunnel_id(&t).await)).await.expect(200);
        assert_eq!((&plan["adding"], &plan["leaving"]), (&json!([]), &json!([])));
    }
}

on_both! {
    async fn an_entry_in_use_needs_its_network_typed(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        let engineer = Client::of(&t.app, &t.engineer).await;
        let list = engineer.get("/api/v1/whitelist?tunnel=alder-1").await.expect(200);
        let (id, case) = (list["items"][0]["id"].as_str().unwrap(), &list["items"][0]["case"]);
        assert_eq!(case, &json!(number));
        let view = engineer.get(&format!("/api/v1/whitelist/{id}")).await.expect(200);
        assert_eq!((&view["use"]["is_used"], &view["use"]["last_test"]["verdict"]), (&json!(true), &json!("reachable")));
        let whats: Vec<&str> =
            view["changes"].as_array().unwrap().iter().map(|change| change["what"].as_str().unwrap()).collect();
        assert!(whats.contains(&"Wanted on our side") && whats.contains(&"Proven on their side"), "{whats:?}");
        let retire = format!("/api/v1/whitelist/{id}/retire");
        for confirm in [json!({"reason": "x"}), json!({"reason": "x", "confirm": "10.20.4.0/24"}), json!({"reason": "x", "confirm": "yes"})] {
            let answer = engineer.post(&retire, &[], &confirm).await;
            answer.problem(422, "invalid");
            assert_eq!(answer.faults(), [("#/confirm".to_owned(), "in_use".to_owned())]);
        }
        engineer.post(&retire, &[], &json!({"reason": "x", "confirm": "10.20.4.15"})).await.expect(200);
        let plan = engineer.get(&format!("/api/v1/tunnels/{}/whitelist", tunnel_id(&t).await)).await.expect(200);
        assert_eq!(plan["leaving"][0]["id"], json!(id));
    }
}

on_both! {
    async fn their_side_is_what_somebody_heard_and_never_proven_by_word(db: TestDb) {
        let t = TestApp::new(&db).await;
        let engineer = Client::of(&t.app, &t.engineer).await;
        let id = add(&engineer, "10.20.4.16", &json!({})).await["entry"]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/whitelist/{id}/theirs");
        let said = engineer.post(&path, &[], &json!({"state": "applied", "how": "Mail of Dana, 25 November"})).await.expect(200);
        assert_eq!((&said["theirs"]["state"], &said["ours"]["state"]), (&json!("applied"), &json!("wanted")));
        for body in [json!({"state": "proven", "how": "x"}), json!({"state": "none", "how": "x"}), json!({"state": "applied"})] {
            engineer.post(&path, &[], &body).await.problem(422, "invalid");
        }
    }
}
