//! Two at once: one wins, the other reads who did, and nobody works on the same case.

use std::collections::BTreeSet;
use std::sync::Arc;

use postern::app::{App, Error, queue};
use postern::domain::actor::Person;
use postern::domain::case::Case;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::app::TestApp;
use crate::support::db::on_both;

/// Each of the two databases sees so many; together a thousand.
const RACES: usize = 500;

/// Claims at the same moment as the others at the barrier.
async fn claim_at(app: Arc<App>, person: Person, number: i64, start: Arc<Barrier>) -> (Person, Result<Case, Error>) {
    start.wait().await;
    let outcome = queue::claim(&app, &person, number).await;
    (person, outcome)
}

on_both! {
    async fn each_of_500_claim_races_has_one_winner_and_the_other_reads_the_name(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        let other = t.colleague("Robin").await;
        let mut won_by_other = 0;
        for race in 0..RACES {
            let start = Arc::new(Barrier::new(2));
            // Who is spawned first changes from race to race.
            let pair = if race % 2 == 0 { [&t.engineer, &other] } else { [&other, &t.engineer] };
            let [one, two] = pair.map(|person| tokio::spawn(claim_at(Arc::clone(&t.app), person.clone(), number, Arc::clone(&start))));
            let mut winners = Vec::new();
            let mut losers = Vec::new();
            for (person, outcome) in [one.await.unwrap(), two.await.unwrap()] {
                match outcome {
                    Ok(case) => {
                        assert_eq!(case.claimant(), Some(person.id));
                        winners.push(person);
                    }
                    Err(Error::Claimed { by, number: told, .. }) if told == number => losers.push(by),
                    Err(error) => panic!("race {race}: {error}"),
                }
            }
            assert_eq!(winners.len(), 1, "race {race}");
            assert_eq!(losers, [winners[0].name.clone()], "race {race}");
            assert_eq!(t.case(number).await.claimant(), Some(winners[0].id));
            won_by_other += usize::from(winners[0].id == other.id);
            queue::release(&t.app, &winners[0], number, "next race".into()).await.unwrap();
        }
        assert!((1..RACES).contains(&won_by_other), "both can win: {won_by_other}");
        assert_eq!(t.whole_log(number).await.len(), RACES * 2 + 4, "birth, three events, and a claim and a release each race");
    }
}

on_both! {
    async fn eight_engineers_who_take_the_next_case_at_once_get_eight_cases(db: TestDb) {
        let t = TestApp::new(&db).await;
        let mut engineers = vec![t.engineer.clone(), t.lead.clone()];
        for name in ["Ari", "Bo", "Cleo", "Dee", "Eli", "Fay"] {
            engineers.push(t.colleague(name).await);
        }
        let mut numbers = BTreeSet::new();
        for host in 1..=12 {
            numbers.insert(t.request_for(&format!("10.20.4.{host}")).await.number);
        }
        let start = Arc::new(Barrier::new(engineers.len()));
        let mut claims = JoinSet::new();
        for person in engineers {
            let (app, start) = (Arc::clone(&t.app), Arc::clone(&start));
            claims.spawn(async move {
                start.wait().await;
                let case = queue::claim_next(&app, &person).await.unwrap().unwrap();
                assert_eq!(case.claimant(), Some(person.id));
                case.number
            });
        }
        let given: Vec<i64> = claims.join_all().await;
        let distinct: BTreeSet<i64> = given.iter().copied().collect();
        assert_eq!((given.len(), distinct.len()), (8, 8), "{given:?}");
        let most_urgent: BTreeSet<i64> = numbers.into_iter().take(8).collect();
        assert_eq!(distinct, most_urgent, "the ones that have waited longest");
    }
}

on_both! {
    async fn an_empty_queue_gives_nothing(db: TestDb) {
        let t = TestApp::new(&db).await;
        assert!(queue::claim_next(&t.app, &t.engineer).await.unwrap().is_none());
        let refused = queue::claim_next(&t.app, &t.contact).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))));
    }
}

on_both! {
    async fn a_claimed_case_takes_no_act_of_a_colleague_but_a_leads(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.request().await.number;
        queue::claim(&t.app, &t.engineer, number).await.unwrap();
        let other = t.colleague("Robin").await;
        let before = t.case(number).await;
        let refused = t.act(&other, number, "configuration_done", &[("change_ref", "CHG-1")]).await;
        assert!(matches!(refused, Err(Error::Claimed { by, .. }) if by == "Kim Castle"));
        let released = queue::release(&t.app, &other, number, String::new()).await;
        assert!(matches!(released, Err(Error::Claimed { .. })));
        assert_eq!(t.case(number).await, before);
        t.act(&t.lead, number, "note", &[("note", "I look into it.")]).await.unwrap();
        queue::release(&t.app, &t.lead, number, "away".into()).await.unwrap();
        queue::claim(&t.app, &other, number).await.unwrap();
        t.act(&other, number, "configuration_done", &[("change_ref", "CHG-1")]).await.unwrap();
    }
}
