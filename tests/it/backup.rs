//! Backup: made under load, damaged, restored into the other database, and what goes out afterwards.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use postern::app::backup::{self, BackupError};
use postern::app::dead_letters::{self, Release};
use postern::app::mail_wishes::{self, Draft};
use postern::app::{App, replay, requests};
use postern::store::migrate::newest;
use postern::store::{Db, outbox};
use sha2::{Digest as _, Sha256};
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, Executor as _};

use crate::support::app::{TestApp, done, draft, drain, fresh_once, wednesday};
use crate::support::db::{Kind, TestDb, drop_postgres, fresh_postgres, on_both};

/// An empty database of the other kind, in the folder of this one.
async fn other(db: &TestDb) -> TestDb {
    let (kind, url) = match db.kind {
        Kind::Sqlite => (Kind::Postgres, fresh_postgres().await),
        Kind::Postgres => (Kind::Sqlite, format!("sqlite:{}", db.folder.join("other.db").display())),
    };
    TestDb { db: Db::open(&url).await.unwrap(), url, kind, folder: db.folder.clone() }
}

async fn drop_other(db: TestDb) {
    db.db.close().await;
    if db.kind == Kind::Postgres {
        drop_postgres(&db.url).await;
    }
}

/// Number, position and hash of the newest log entry of every case.
async fn heads(db: &TestDb) -> Vec<String> {
    db.texts(
        "SELECT CAST(c.number AS TEXT) || ' ' || CAST(l.seq AS TEXT) || ' ' || l.hash FROM cases c
            JOIN case_log l ON l.customer_id = c.customer_id AND l.case_id = c.id AND l.seq = c.revision
            ORDER BY c.number",
    )
    .await
}

async fn whitelist(db: &TestDb) -> Vec<String> {
    db.texts(
        "SELECT network || ' ' || CAST(port AS TEXT) || ' ' || ours || ' ' || COALESCE(ours_by, '') || ' ' ||
            COALESCE(ours_how, '') || ' ' || theirs || ' ' || COALESCE(theirs_by, '') FROM whitelist ORDER BY 1",
    )
    .await
}

/// Requests without end, and workers that carry out what they cause.
async fn load(app: Arc<App>, person: postern::domain::actor::Person, third: u8, stop: Arc<AtomicBool>) {
    let mut number = 0_u8;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let address = format!("10.20.{third}.{number}");
        done(requests::send(&app, &person, draft(&address), fresh_once()).await.unwrap());
        drain(&app).await;
    }
}

on_both! {
    async fn a_backup_under_load_is_one_instant_and_restores_into_the_other_database(db: TestDb) {
        let t = TestApp::new(&db).await;
        let settled = t.reached().await;
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> =
            (1..4).map(|third| tokio::spawn(load(t.app.clone(), t.contact.clone(), third, stop.clone()))).collect();
        while db.number("SELECT COUNT(*) FROM cases").await < 12 {
            tokio::task::yield_now().await;
        }
        let file = db.folder.join("under-load");
        let manifest = backup::create(&db.db, &file, t.app.now()).await.unwrap();
        let at_least = manifest.rows("cases");
        // The load went on during the backup and goes on after it.
        while db.number("SELECT COUNT(*) FROM cases").await < i64::try_from(at_least).unwrap() + 5 {
            tokio::task::yield_now().await;
        }
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.await.unwrap();
        }

        let restored = other(&db).await;
        backup::restore(&restored.db, &file, t.app.now()).await.unwrap();
        assert_eq!(u64::try_from(restored.number("SELECT COUNT(*) FROM cases").await).unwrap(), at_least);
        let replayed = replay::all(&restored.db).await.unwrap();
        assert_eq!((replayed.cases, replayed.findings.as_slice()), (at_least, &[][..]));
        assert_eq!(replayed.entries, manifest.rows("case_log"));
        // Nothing but what the source had: each head is an entry of the source's log, and each case is one of its first.
        let entries: Vec<String> = db
            .texts("SELECT CAST(c.number AS TEXT) || ' ' || CAST(l.seq AS TEXT) || ' ' || l.hash FROM cases c
                JOIN case_log l ON l.customer_id = c.customer_id AND l.case_id = c.id")
            .await;
        let found = heads(&restored).await;
        assert_eq!(found.len(), usize::try_from(at_least).unwrap());
        assert!(found.iter().all(|head| entries.contains(head)));
        assert!(found.iter().any(|head| head.starts_with(&format!("{settled} "))));
        drop_other(restored).await;
    }
}

on_both! {
    async fn cases_log_heads_and_whitelist_are_equal_and_secrets_open_with_the_same_key(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.reached().await;
        t.submit_settings(number).await;
        t.request_for("10.20.4.99").await;
        let file = db.folder.join("quiet");
        let manifest = backup::create(&db.db, &file, t.app.now()).await.unwrap();
        assert_eq!(backup::verify(&file).await.unwrap(), manifest);
        let restored = other(&db).await;
        backup::restore(&restored.db, &file, t.app.now()).await.unwrap();
        assert_eq!(restored.number("SELECT COUNT(*) FROM cases").await, 2);
        assert_eq!(heads(&restored).await, heads(&db).await);
        assert_eq!(heads(&db).await.len(), 2);
        assert_eq!(whitelist(&restored).await, whitelist(&db).await);
        assert!(!whitelist(&db).await.is_empty());
        assert_eq!(restored.number("SELECT COUNT(*) FROM sessions").await, 0);
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(14).any(|part| part == b"not to be seen"), "secrets are sealed in it");

        // The case goes on in the other database: its test asks the vault for the account.
        let node = t.second_node(&restored).await;
        t.script.push(None);
        drain(&node).await;
        let mut tx = node.db.read().await.unwrap();
        let case = postern::store::cases::by_number(&mut tx, number).await.unwrap().unwrap();
        assert_ne!(case.flow.state, "smtp_test", "the test ran in the restored service");
        drop(tx);
        node.db.close().await;
        drop_other(restored).await;
    }
}

on_both! {
    async fn what_went_out_after_the_backup_is_held_and_not_sent_again(db: TestDb) {
        let t = TestApp::new(&db).await;
        let number = t.tested("10.20.4.15").await;
        let before = t.app.mailer.sent().len();
        let file = db.folder.join("backup");
        backup::create(&db.db, &file, t.app.now()).await.unwrap();
        // The service lives on: it sends what was waiting, the test passes, a reminder comes.
        t.script.push(None);
        t.drain().await;
        t.pass(TimeDelta::days(4)).await;
        assert!(t.app.mailer.sent().len() >= before + 3, "mail went out after the backup");

        let restored = other(&db).await;
        let held = backup::restore(&restored.db, &file, t.app.now()).await.unwrap().held;
        assert!(held > 0);
        let node = t.second_node(&restored).await;
        t.script.push(None);
        drain(&node).await;
        let state = restored.texts(&format!("SELECT state FROM cases WHERE number = {number}")).await;
        assert_eq!(state, ["settings"], "the service works: the test ran again");
        assert_eq!(node.mailer.sent().len(), 0, "and told nobody what they know already");
        let letters = dead_letters::all(&node).await.unwrap();
        assert!(letters.len() > usize::try_from(held).unwrap(), "what came up since is held too");
        assert!(letters.iter().all(|letter| letter.last_error.as_deref().unwrap().starts_with("Held: ")));

        let chosen = letters[0].key.clone();
        let wrong = Release::These(vec![chosen.clone(), "1.2.3".into()]);
        assert!(dead_letters::release(&node, wrong).await.is_err());
        drain(&node).await;
        assert_eq!(node.mailer.sent().len(), 0, "a key that is wrong changes nothing");
        assert_eq!(dead_letters::release(&node, Release::These(vec![chosen])).await.unwrap(), 1);
        drain(&node).await;
        assert_eq!(node.mailer.sent().len(), 1, "one was let go");
        let mut tx = node.db.read().await.unwrap();
        assert_eq!(outbox::held(&mut tx).await.unwrap().0, None, "the hold has ended");
        drop(tx);
        let rest = dead_letters::release(&node, Release::All).await.unwrap();
        assert_eq!(usize::try_from(rest).unwrap(), letters.len() - 1);
        drain(&node).await;
        assert!(node.mailer.sent().len() > 1);
        node.db.close().await;
        drop_other(restored).await;
    }
}

on_both! {
    async fn mail_to_single_people_is_held_too_and_each_can_be_sent_on_its_own(db: TestDb) {
        let t = TestApp::new(&db).await;
        let daily = Draft { time_zone: None, wishes: vec![("progress".into(), "daily".into())] };
        mail_wishes::change(&t.app, &t.contact, &daily).await.unwrap();
        t.request().await;
        let file = db.folder.join("daily");
        backup::create(&db.db, &file, t.app.now()).await.unwrap();
        let restored = other(&db).await;
        backup::restore(&restored.db, &file, t.app.now()).await.unwrap();
        let node = t.second_node(&restored).await;
        // One more line for the mail that was waiting, and the first line of a mail that is asked for while all is held.
        for address in ["10.20.4.16", "10.20.4.17"] {
            done(requests::send(&node, &t.contact, draft(address), fresh_once()).await.unwrap());
            t.clock.advance(TimeDelta::days(1));
        }
        drain(&node).await;
        assert_eq!(node.mailer.sent().len(), 0);
        let mut held = dead_letters::all(&node).await.unwrap();
        held.retain(|letter| letter.key.starts_with("digest."));
        let (one, two) = ("1 thing happened in your cases", "2 things happened in your cases");
        assert_eq!(held.iter().map(|letter| letter.subject.as_str()).collect::<Vec<_>>(), [one, two]);
        assert!(held.iter().all(|letter| letter.to == t.contact.email && letter.last_error.as_deref().unwrap().starts_with("Held: ")));
        for _press in 0..2 {
            dead_letters::resend(&node, &t.admin, held[1].key.clone()).await.unwrap();
        }
        drain(&node).await;
        let sent = || -> Vec<String> { node.mailer.sent().into_iter().map(|mail| mail.subject).collect() };
        assert_eq!(sent(), [two]);
        assert_eq!(dead_letters::release(&node, Release::These(vec![held[0].key.clone()])).await.unwrap(), 1);
        drain(&node).await;
        assert_eq!(sent(), [two, one]);
        node.db.close().await;
        drop_other(restored).await;
    }
}

on_both! {
    async fn a_restore_needs_an_empty_database_and_leaves_another_as_it_was(db: TestDb) {
        let t = TestApp::new(&db).await;
        t.request().await;
        let file = db.folder.join("backup");
        backup::create(&db.db, &file, t.app.now()).await.unwrap();
        let again = backup::create(&db.db, &file, t.app.now()).await.unwrap_err().to_string();
        assert!(again.contains("backup"), "a backup is never written over: {again}");
        let before = db.rows_as_text("outbox").await;
        let error = backup::restore(&db.db, &file, t.app.now()).await.unwrap_err();
        assert!(postern::app::chain(&error).contains("not empty"), "{error:?}");
        assert_eq!(db.rows_as_text("outbox").await, before);
        assert_eq!(db.number("SELECT COUNT(*) FROM counters WHERE name = 'outbox_hold'").await, 0);
    }
}

/// A backup of a service with a case.
async fn a_backup(db: &TestDb) -> PathBuf {
    let t = TestApp::new(db).await;
    t.request().await;
    let file = db.folder.join("backup");
    backup::create(&db.db, &file, t.app.now()).await.unwrap();
    t.app.db.close().await;
    file
}

on_both! {
    async fn every_flipped_bit_and_every_cut_is_found(db: TestDb) {
        let file = a_backup(&db).await;
        let good = std::fs::read(&file).unwrap();
        let copy = db.folder.join("copy");
        // The two lines at the beginning byte by byte, then all over the database.
        let lines = good.iter().take(200).enumerate().map(|(place, _)| place);
        let places = lines.chain((200..good.len()).step_by(good.len() / 61));
        let mut tried = 0;
        for place in places {
            let mut bytes = good.clone();
            bytes[place] ^= 1 << (place % 8);
            std::fs::write(&copy, &bytes).unwrap();
            let error = backup::verify(&copy).await.unwrap_err();
            assert!(matches!(error, BackupError::Damaged { .. }), "byte {place}: {error}");
            tried += 1;
        }
        assert!(tried > 250, "{tried}");
        for length in [0, 10, 80, 200, good.len() - 4096, good.len() - 1] {
            std::fs::write(&copy, &good[..length]).unwrap();
            assert!(matches!(backup::verify(&copy).await, Err(BackupError::Damaged { .. })), "cut at {length}");
        }
        std::fs::write(&copy, [good.as_slice(), b"x"].concat()).unwrap();
        assert!(backup::verify(&copy).await.is_err(), "something was added");
        std::fs::write(&copy, &good).unwrap();
        backup::verify(&copy).await.unwrap();
    }
}

/// Opens the database inside a backup for a change, and closes the backup again with a fitting hash.
async fn rewrite(
    file: &Path,
    folder: &Path,
    statement: &'static str,
    edit: impl Fn(&mut serde_json::Value),
) -> PathBuf {
    let bytes = std::fs::read(file).unwrap();
    let ends: Vec<_> = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).take(2).collect();
    let mut manifest: serde_json::Value = serde_json::from_slice(&bytes[ends[0] + 1..ends[1]]).unwrap();
    edit(&mut manifest);
    let inside = folder.join("inside.db");
    std::fs::write(&inside, &bytes[ends[1] + 1..]).unwrap();
    let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite:{}", inside.display())).await.unwrap();
    connection.execute(statement).await.unwrap();
    connection.close().await.unwrap();
    let rest = [format!("{manifest}\n").as_bytes(), &std::fs::read(&inside).unwrap()].concat();
    let hash = postern::domain::log::hex(&Sha256::digest(&rest));
    let other = folder.join("rewritten");
    std::fs::write(&other, [format!("postern-backup 1 {hash}\n").as_bytes(), &rest].concat()).unwrap();
    other
}

on_both! {
    async fn a_backup_of_a_newer_schema_is_refused_with_both_numbers(db: TestDb) {
        let file = a_backup(&db).await;
        let add = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            VALUES (9999, 'of tomorrow', TRUE, x'00', 1)";
        let file = rewrite(&file, &db.folder, add, |manifest| manifest["schema"] = 9999.into()).await;
        let target = other(&db).await;
        let error = backup::restore(&target.db, &file, wednesday()).await.unwrap_err().to_string();
        assert!(error.contains("9999") && error.contains(&newest().to_string()), "{error}");
        assert_eq!(target.number("SELECT COUNT(*) FROM cases").await, 0);
        drop_other(target).await;
    }
}

on_both! {
    async fn a_table_that_is_not_what_the_description_says_is_named(db: TestDb) {
        let file = a_backup(&db).await;
        let edit = "UPDATE customers SET name = 'Somebody else'";
        let file = rewrite(&file, &db.folder, edit, |_| {}).await;
        let error = backup::verify(&file).await.unwrap_err().to_string();
        assert!(error.contains("customers"), "{error}");
    }
}

/// The number of the migration before the newest one.
fn before_newest() -> i64 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let numbers = std::fs::read_dir(folder).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.split('_').next().and_then(|number| number.parse().ok())
    });
    numbers.filter(|number| *number < newest()).max().unwrap()
}

/// A database of the schema before this build's, with one case.
async fn of_yesterday(kind: Kind, folder: &Path, name: &str) -> String {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let old = folder.join(format!("{name}-migrations"));
    std::fs::create_dir_all(&old).unwrap();
    let (from, url) = match kind {
        Kind::Sqlite => ("sqlite", format!("sqlite:{}", folder.join(name).display())),
        Kind::Postgres => ("postgres", fresh_postgres().await),
    };
    for entry in std::fs::read_dir(migrations.join(from)).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_name().to_str().unwrap().starts_with(&format!("{:04}", newest())) {
            std::fs::copy(entry.path(), old.join(entry.file_name())).unwrap();
        }
    }
    let db = Db::connect(&url).await.unwrap();
    let migrator = Migrator::new(old).await.unwrap();
    match &db {
        Db::Sqlite { writer, .. } => migrator.run(writer).await.unwrap(),
        Db::Postgres(pool) => migrator.run(pool).await.unwrap(),
    }
    db.close().await;
    url
}

/// One case of one customer, in any schema.
async fn add_case(db: &TestDb) {
    let id = |last: u8| match db.kind {
        Kind::Sqlite => format!("x'000000000000000000000000000000{last:02x}'"),
        Kind::Postgres => format!("'00000000-0000-0000-0000-0000000000{last:02x}'"),
    };
    let (at, no) = ("'2026-11-25T10:00:00+00:00'", "FALSE");
    db.execute(&format!(
        "INSERT INTO customers (id, name, architecture, created_at) VALUES ({}, 'Alder', 'vpn', {at})",
        id(1)
    ))
    .await;
    db.execute(&format!(
        "INSERT INTO people (id, email, name, wants_mail, active, created_at)
        VALUES ({}, 'a@b.example', 'A', {no}, TRUE, {at})",
        id(2)
    ))
    .await;
    db.execute(&format!(
        "INSERT INTO cases (customer_id, id, number, title, workflow, version, definition_hash, revision, state, data,
            sealed, seq, entered, priority, waiting_on, queued, opened_by, is_open, opened_at, waiting_since, due_at)
        VALUES ({}, {}, 1001, 'T', 'w', 1, 'h', 0, 's', '{{\"b\":1,\"a\":2}}', '[]', 0, 1, 'P2', 'nobody', {no}, {}, {no}, {at},
            {at}, {at})", id(1), id(3), id(2))).await;
}

on_both! {
    async fn a_migration_of_a_database_with_cases_is_preceded_by_a_backup_and_three_are_kept(db: TestDb) {
        let data = db.folder.join("kept");
        let backups = data.join("backups");
        let mut urls = Vec::new();
        for round in 0..5 {
            let url = of_yesterday(db.kind, &db.folder, &format!("old-{round}")).await;
            urls.push(url.clone());
            let old = TestDb { db: Db::connect(&url).await.unwrap(), url: url.clone(), kind: db.kind, folder: db.folder.clone() };
            if round > 0 {
                add_case(&old).await;
            }
            old.db.close().await;
            let opened = backup::open(&url, &data, wednesday() + TimeDelta::hours(round)).await.unwrap();
            assert_eq!(opened.schema().await.unwrap(), newest());
            if round == 0 {
                assert!(!backups.exists(), "nothing is lost with an empty database");
            }
            opened.close().await;
            let count = || std::fs::read_dir(&backups).unwrap().count();
            let before = if round == 0 { 0 } else { count() };
            backup::open(&url, &data, wednesday()).await.unwrap().close().await;
            assert_eq!(if round == 0 { 0 } else { count() }, before, "nothing is migrated, nothing is backed up");
        }
        let mut files: Vec<_> = std::fs::read_dir(&backups).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert_eq!(files.len(), 3, "{files:?}");
        assert!(files[0].to_str().unwrap().contains("T12"), "the oldest went: {files:?}");
        let manifest = backup::verify(&files[2]).await.unwrap();
        assert_eq!((manifest.schema, manifest.rows("cases")), (before_newest(), 1));
        // A backup of an older schema restores into this build's.
        backup::restore(&db.db, &files[2], wednesday()).await.unwrap();
        assert_eq!(db.number("SELECT number FROM cases").await, 1001);
        if db.kind == Kind::Postgres {
            for url in urls {
                drop_postgres(&url).await;
            }
        }
    }
}

fn command(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_postern")).args(arguments).env_clear().output().unwrap()
}

on_both! {
    async fn the_commands_move_a_database_into_the_other_kind(db: TestDb) {
        let t = TestApp::new(&db).await;
        t.tested("10.20.4.15").await;
        let target = other(&db).await;
        let file = db.folder.join("moved.postern-backup");
        let file = file.to_str().unwrap();
        let data = db.folder.join("data");
        let data = data.to_str().unwrap();
        let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
        let said = |output: &Output| String::from_utf8(output.stderr.clone()).unwrap();

        let missing = command(&["backup", "verify", file]);
        assert_eq!(missing.status.code(), Some(4), "{missing:?}");
        let created = command(&["backup", "create", file, "--database", &db.url, "--data", data]);
        assert!(created.status.success(), "{created:?}");
        assert!(said(&created).contains("master.key"), "{created:?}");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let verified = command(&["backup", "verify", file]);
        assert_eq!(text(&verified), text(&created));
        assert!(text(&verified).contains(" 1 cases"), "{verified:?}");
        let restored = command(&["backup", "restore", file, "--database", &target.url, "--data", data]);
        assert!(restored.status.success(), "{restored:?}");
        let place = ["--database", &target.url, "--data", data];
        let list = command(&[&["outbox", "list"], &place[..]].concat());
        assert!(text(&list).contains("Held: "), "{list:?}");
        let none = command(&[&["outbox", "release"], &place[..]].concat());
        assert_eq!(none.status.code(), Some(2), "one of the choices is needed: {none:?}");
        let released = command(&[&["outbox", "release", "--none"], &place[..]].concat());
        assert_eq!(text(&released), "the hold has ended; 0 effects go out\n");
        let again = command(&[&["backup", "restore", file], &place[..]].concat());
        assert_eq!(again.status.code(), Some(1));
        assert!(said(&again).contains("not empty"), "{again:?}");
        let replayed = command(&[&["workflow", "replay"], &place[..]].concat());
        assert!(text(&replayed).contains("1 cases"), "{replayed:?}");
        drop_other(target).await;
    }
}
