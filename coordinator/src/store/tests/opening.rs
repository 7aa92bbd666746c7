use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::support::*;
use crate::store::schema::{Identity, MIGRATIONS, identify, migrate};
use crate::store::{Fingerprint, InputFile, NewRun, Purpose, RunEnd, Store, StoreError};

#[test]
fn a_new_store_and_its_directories_are_this_users_only() {
    let place = Place::new();
    let path = place.directory.path().join("a/b/runs.db");
    let store = Store::open(&path).unwrap();
    assert_eq!(store.path(), path);
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.clone()), 0o600);
    assert_eq!(mode(place.directory.path().join("a/b")), 0o700);
    assert_eq!(mode(place.directory.path().join("a")), 0o700);
}

#[test]
fn many_can_open_a_new_store_at_once() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| stored(&mut place.open(), [good([1])], RunEnd::Finished));
        }
    });
    assert_eq!(place.open().runs(None).unwrap().len(), 16);
}

#[test]
fn looking_into_a_store_that_is_not_there_makes_none() {
    let place = Place::new();
    let error = Store::open_existing(&place.path()).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error:?}");
    assert!(!place.path().exists());
}

#[test]
fn a_commit_waits_for_the_disk() {
    let store = Place::new().open();
    let pragma = |name: &str| {
        store
            .connection
            .query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, rusqlite::types::Value>(0))
            .unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    // 2 is FULL.
    assert_eq!(pragma("synchronous"), 2.into());
    // 2 is INCREMENTAL.
    assert_eq!(pragma("auto_vacuum"), 2.into());
}

#[test]
fn a_commit_waits_for_the_disk_again_once_a_run_is_made_or_could_not_be() {
    let place = Place::new();
    let mut store = place.open();
    let run = NewRun { id: Some("twice".parse().unwrap()), ..new_run() };
    let settings = |store: &Store| {
        ["synchronous", "wal_autocheckpoint"].map(|name| {
            let value = store.connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0));
            value.map(|value: i64| value).unwrap()
        })
    };
    let before = settings(&store);
    let claimed = store.create_run(&run, noon()).unwrap();
    assert_eq!(settings(&store), before);
    drop(claimed);
    assert!(matches!(store.create_run(&run, noon()), Err(StoreError::Exists { .. })));
    assert_eq!(settings(&store), before);
}

#[test]
fn a_new_run_is_on_the_disk_before_it_is_written_back_into_the_file() {
    let place = Place::new();
    let mut store = place.open();
    let log = || fs::metadata(place.directory.path().join("runs.db-wal")).unwrap().len();
    let file = fs::read(place.path()).unwrap();
    let inputs = (0..20_000).map(|number| InputFile {
        name: format!("photos/{number:020}.png"),
        size: number,
        modified_ns: 0,
        changed_ns: None,
        sha256: Some([0; 32]),
        reader: None,
    });
    let fingerprint = Fingerprint { job_text: String::new(), inputs: inputs.collect() };
    let run = store.create_run(&NewRun { fingerprint, ..new_run() }, noon()).unwrap();
    assert!(log() > 256 * 4096, "the log is long enough to be written back: {}", log());
    assert!(fs::read(place.path()).unwrap() == file, "which nothing has asked the disk to keep so far");
    let info = run.info.clone();
    let writer = start(&store, run, options(1));
    send(&writer, good([0]));
    writer.finish(RunEnd::Finished, None).unwrap();
    assert!(fs::read(place.path()).unwrap().len() > file.len(), "a commit that waits writes it back");
    assert_eq!(store.details(&info).unwrap().fingerprint.inputs.len(), 20_000);
}

#[test]
fn a_new_store_whose_log_a_power_cut_has_taken_is_made_again() {
    let place = Place::new();
    let mut store = place.open();
    let claimed = store.create_run(&new_run(), noon()).unwrap();
    // What is on the disk for certain before the first outcome: the file alone.
    let cut = Place::new();
    fs::copy(place.path(), cut.path()).unwrap();
    drop((claimed, store));
    let mut store = cut.open();
    assert_eq!(identify(&store.connection).unwrap(), Identity::Ours(2));
    assert_eq!(store.runs(None).unwrap().len(), 0);
    let run = stored(&mut store, [good([1, 2])], RunEnd::Finished);
    assert_eq!(tasks(&store, &run), [1, 2]);
}

#[test]
fn a_file_that_is_no_database_is_left_as_it_is() {
    let place = Place::new();
    let text = "Dear diary, ".repeat(1000);
    fs::write(place.path(), &text).unwrap();
    let error = Store::open(&place.path()).unwrap_err();
    assert!(matches!(error, StoreError::NotADatabase { .. }), "{error:?}");
    assert_eq!(fs::read_to_string(place.path()).unwrap(), text);
}

#[test]
fn another_programs_database_is_left_as_it_is() {
    for (setup, id) in [
        ("CREATE TABLE runs (a)", 0),
        ("PRAGMA user_version = 3", 0),
        ("PRAGMA application_id = 42; CREATE TABLE t (a)", 42),
    ] {
        let place = Place::new();
        let foreign = Connection::open(place.path()).unwrap();
        foreign.execute_batch(setup).unwrap();
        drop(foreign);
        let before = fs::read(place.path()).unwrap();
        let error = Store::open(&place.path()).unwrap_err();
        let StoreError::Foreign { application_id, .. } = error else { panic!("{setup}: {error:?}") };
        assert_eq!(application_id, id);
        assert_eq!(fs::read(place.path()).unwrap(), before, "{setup}");
    }
}

#[test]
fn a_store_of_a_later_version_is_refused() {
    let place = Place::new();
    place.open().connection.execute_batch("PRAGMA user_version = 99").unwrap();
    let error = Store::open(&place.path()).unwrap_err();
    let StoreError::Newer { found, known, .. } = error else { panic!("{error:?}") };
    assert_eq!((found, known), (99, 2));
}

#[test]
fn an_older_store_is_brought_up_to_date_and_keeps_its_runs() {
    let place = Place::new();
    let mut store = place.open();
    let run = stored(&mut store, [good([1, 2])], RunEnd::Finished);
    let mut next = MIGRATIONS.to_vec();
    next.push("ALTER TABLE runs ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'");
    for _ in 0..2 {
        migrate(&mut store.connection, &place.path(), &next).unwrap();
        let colour: String =
            store.connection.query_row("SELECT colour FROM runs", [], |row| row.get(0)).unwrap();
        assert_eq!(colour, "red");
    }
    assert_eq!(tasks(&store, &run), [1, 2]);
    // This program, which is older than that, now refuses it.
    assert!(matches!(Store::open(&place.path()), Err(StoreError::Newer { found: 3, .. })));
}

#[test]
fn a_store_of_the_first_version_goes_on_with_its_runs() {
    let place = Place::new();
    let mut old = Connection::open(place.path()).unwrap();
    old.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL").unwrap();
    migrate(&mut old, &place.path(), &MIGRATIONS[..1]).unwrap();
    old.execute_batch(
        "INSERT INTO runs (id, state, created, updated, job, kind) \
         VALUES ('r1', 'interrupted', 0, 0, 'primes', 'primes'); \
         INSERT INTO details (run, job_path, job_text, overrides, options, setup) \
         VALUES (1, '/job.toml', '', '[]', '{}', x''); \
         INSERT INTO inputs (run, name, size, modified_ns) VALUES (1, 'a', 1, 2)",
    )
    .unwrap();
    drop(old);
    let mut store = place.open();
    assert_eq!(identify(&store.connection).unwrap(), Identity::Ours(2));
    let run = store.newest_unfinished().unwrap().unwrap();
    assert_eq!((run.id.as_str(), run.replaced_by.as_ref()), ("r1", None));
    let input = &store.details(&run).unwrap().fingerprint.inputs[0];
    assert_eq!((input.changed_ns, input.reader), (None, None));
    assert!(!input.is_unchanged_in(input), "in doubt it has changed");
    assert_eq!(store.runs_of("/job.toml".as_ref()).unwrap().len(), 1);
    let run = resumed(&mut store, &run, Purpose::Resume, vec![good([0, 1])]);
    assert_eq!(tasks(&store, &run), [0, 1]);
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let place = Place::new();
    let mut store = place.open();
    let before = identify(&store.connection).unwrap();
    let mut next = MIGRATIONS.to_vec();
    next.push("CREATE TABLE extra (a); CREATE TABLE runs (a)");
    assert!(migrate(&mut store.connection, &place.path(), &next).is_err());
    assert_eq!(identify(&store.connection).unwrap(), before);
    assert!(store.connection.prepare("SELECT * FROM extra").is_err());
}

#[test]
fn a_directory_in_the_stores_place_is_refused() {
    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    let error = Store::open(&place.path()).unwrap_err();
    assert!(matches!(&error, StoreError::Unwritable { path, .. } if *path == place.path()), "{error:?}");
}

#[test]
fn a_file_in_the_way_of_a_directory_is_named() {
    let place = Place::new();
    let file = place.directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("deeper/runs.db")).unwrap_err();
    let StoreError::Unwritable { path, .. } = &error else { panic!("{error:?}") };
    assert!(path.starts_with(&file), "{error}");
}

#[test]
fn a_directory_that_may_not_be_written_is_refused() {
    let place = Place::new();
    drop(place.open());
    let set = |mode| fs::set_permissions(place.directory.path(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o500);
    // The superuser may write anywhere.
    let privileged = fs::write(place.directory.path().join("probe"), "").is_ok();
    let opened = Store::open(&place.path());
    let made = Store::open(&place.directory.path().join("new.db"));
    set(0o700);
    if !privileged {
        assert!(matches!(opened, Err(StoreError::Unwritable { .. })), "{opened:?}");
        assert!(matches!(made, Err(StoreError::Unwritable { .. })), "{made:?}");
    }
}

#[test]
fn a_damaged_store_is_told_from_a_sound_one() {
    let place = Place::new();
    let mut store = place.open();
    stored(&mut store, (0..20).map(|first| good(first * 1000..first * 1000 + 1000)), RunEnd::Finished);
    store.check().unwrap();
    drop(store);
    // The first page is well, the rest is not.
    let mut bytes = fs::read(place.path()).unwrap();
    for byte in bytes.iter_mut().skip(4096) {
        *byte = 0x55;
    }
    fs::write(place.path(), bytes).unwrap();
    let found = Store::open(&place.path()).and_then(|store| {
        store.runs(None)?;
        store.check()
    });
    assert!(matches!(found, Err(StoreError::Corrupt { .. })), "{found:?}");
}

#[test]
fn a_name_that_sqlite_would_take_for_something_else_is_a_file() {
    let place = Place::new();
    for name in [":memory:", "file:x?mode=memory", "odd name %20"] {
        let path = place.directory.path().join(name);
        drop(Store::open(&path).unwrap());
        assert!(path.is_file(), "{name}");
    }
}

#[test]
fn a_store_has_one_lock_by_whatever_name_it_is_opened() {
    let place = Place::new();
    let mut store = place.open();
    let run = store.create_run(&new_run(), noon()).unwrap();
    let link = place.directory.path().join("link.db");
    std::os::unix::fs::symlink(place.path(), &link).unwrap();
    let folder = place.directory.path().join("folder");
    std::os::unix::fs::symlink(place.directory.path(), &folder).unwrap();
    for name in [link, folder.join("runs.db")] {
        let mut other = Store::open(&name).unwrap();
        assert_eq!(other.path(), place.path().canonicalize().unwrap());
        let claimed = other.claim(&run.info, crate::store::Purpose::Resume, noon()).map(drop);
        assert!(matches!(claimed, Err(StoreError::Alive { .. })), "{claimed:?}");
        let all = crate::store::Prune { keep: Some(0), interrupted: true, ..Default::default() };
        assert_eq!(other.prune(&all).unwrap().removed, []);
    }
}

#[test]
fn a_store_with_a_second_name_of_its_own_or_links_beside_it_is_refused() {
    let place = Place::new();
    drop(place.open());
    let hard = place.directory.path().join("hard.db");
    std::fs::hard_link(place.path(), &hard).unwrap();
    for name in [place.path(), hard.clone()] {
        let refused = Store::open(&name).unwrap_err();
        assert!(matches!(refused, StoreError::ManyNames { .. }) && refused.is_usage(), "{refused}");
    }
    std::fs::remove_file(&hard).unwrap();
    let victim = place.directory.path().join("victim");
    std::fs::write(&victim, "mine").unwrap();
    for suffix in ["-wal", "-shm", "-locks"] {
        let planted = crate::store::open::beside(&place.path(), suffix);
        let _ = std::fs::remove_file(&planted);
        std::os::unix::fs::symlink(&victim, &planted).unwrap();
        let refused = Store::open(&place.path()).unwrap_err();
        assert!(refused.to_string().contains(suffix), "{refused}");
        std::fs::remove_file(&planted).unwrap();
    }
    assert_eq!(std::fs::read(&victim).unwrap(), b"mine");
    place.open();
}
