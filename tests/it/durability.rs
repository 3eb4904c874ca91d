//! What an answered write is worth: hang-ups, races, a second node, and time that passes.

use std::future::Future as _;
use std::sync::Arc;
use std::task::Poll;

use chrono::TimeDelta;
use postern::app::{Error, queue};
use sqlx::postgres::PgPool;

use crate::support::app::TestApp;
use crate::support::db::{Kind, TestDb, on_both, run};

/// Begins a transaction, polls it once to four times and drops it, as a server does when its client hangs up.
async fn hang_up(pool: &PgPool, polls: u32) {
    let mut begin = Box::pin(pool.begin());
    let mut polled = 0;
    std::future::poll_fn(|context| {
        polled += 1;
        // What was begun, if it was, is dropped with the answer of the poll.
        let is_begun = begin.as_mut().poll(context).is_ready();
        if is_begun || polled == polls { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Hangs up on a pool, then writes forty rows, all of them answered; gives how many of them another connection sees.
async fn written_after_hang_ups(db: &TestDb, pool: &PgPool, table: &str) -> i64 {
    db.execute(&format!("CREATE TABLE {table} (n BIGINT)")).await;
    for round in 0_i64..40 {
        hang_up(pool, u32::try_from(round % 4).unwrap() + 1).await;
        let insert = sqlx::AssertSqlSafe(format!("INSERT INTO {table} (n) VALUES ({round})"));
        sqlx::query(insert).execute(pool).await.unwrap();
    }
    let other = db.beside().await;
    let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    sqlx::query_scalar(count).fetch_one(&other).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answered_write_is_lost_after_hang_ups_on_postgres() {
    async fn body(db: TestDb) {
        let pool = db.postgres().clone();
        assert_eq!(written_after_hang_ups(&db, &pool, "hooked").await, 40);
        let idle = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'postern'
            AND datname = current_database() AND state = 'idle in transaction'";
        assert_eq!(db.number(idle).await, 0, "no session is left inside a transaction");
    }
    run(Kind::Postgres, body).await;
}

/// The control: the same hang-ups on a pool without the hook lose writes. When this fails, sqlx has been mended and the
/// hook can go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_rollback_hook_answered_writes_are_lost_on_postgres() {
    async fn body(db: TestDb) {
        let bare = db.beside().await;
        // A hang-up has to meet an open transaction, so there are many chances.
        for round in 0..50 {
            if written_after_hang_ups(&db, &bare, &format!("bare_{round}")).await < 40 {
                return;
            }
        }
        panic!("sqlx no longer leaves a dropped begin() open");
    }
    run(Kind::Postgres, body).await;
}

on_both! {
    /// Five hundred races on each database: two engineers on two nodes claim one case at once.
    async fn of_two_engineers_who_claim_at_once_one_wins_and_the_other_reads_who(db: TestDb) {
        let test = TestApp::new(&db).await;
        let rival = test.colleague("Bo").await;
        let other_node = test.second_node(&db).await;
        let case = test.request().await;
        for round in 0..500 {
            let (here, there) = (Arc::clone(&test.app), Arc::clone(&other_node));
            let (kim, bo) = (test.engineer.clone(), rival.clone());
            let number = case.number;
            let first = tokio::spawn(async move { queue::claim(&here, &kim, number).await });
            let second = tokio::spawn(async move { queue::claim(&there, &bo, number).await });
            let outcomes = [first.await.unwrap(), second.await.unwrap()];
            let winners = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            assert_eq!(winners, 1, "round {round}: {outcomes:?}");
            let (winner, name) =
                if outcomes[0].is_ok() { (&test.engineer, "Kim Castle") } else { (&rival, "Bo") };
            let lost = outcomes.iter().find_map(|outcome| outcome.as_ref().err()).unwrap();
            assert!(matches!(lost, Error::Claimed { by, .. } if by == name), "round {round}: {lost:?}");
            queue::release(&test.app, winner, number, "next race".into()).await.unwrap();
        }
        assert!(queue::claim(&test.app, &test.admin, case.number).await.is_err(), "administrators work no cases");
    }
}

on_both! {
    /// Friday's work is not due at night; after a week end without a node one reminder goes out, not the backlog.
    async fn a_clock_counts_business_hours_and_reminds_once_after_an_outage(db: TestDb) {
        let test = TestApp::new(&db).await;
        let before = test.app.mailer.sent().len();
        test.request().await;
        test.drain().await;
        let opened = test.app.mailer.sent().len();
        assert!(opened > before, "the customer and the engineers are told");
        test.pass(TimeDelta::hours(7)).await;
        assert_eq!(test.app.mailer.sent().len(), opened, "nothing is due after seven business hours");
        test.pass(TimeDelta::days(14)).await;
        let about: Vec<String> = test.app.mailer.sent().into_iter().skip(opened).map(|mail| mail.subject).collect();
        assert!(!about.is_empty(), "somebody is told");
        let reminders = about.iter().filter(|subject| subject.to_lowercase().contains("remind")).count();
        assert!(reminders <= 2, "one reminder for each engineer at most: {about:?}");
    }
}
