use std::{
    fs::{self, File},
    io::Write as _,
};

use eyrie_proto::alert::Alert;
use proptest::prelude::*;

use super::*;

const ALL: PageLimit = PageLimit { entries: usize::MAX, bytes: usize::MAX };

fn alert(number: u64) -> Alert {
    Alert { id: format!("{number:032x}"), time_ns: 1_000 + number, ..Alert::default() }
}

fn batch(numbers: impl IntoIterator<Item = u64>) -> Arc<AppendBatch> {
    let alerts: Vec<Alert> = numbers.into_iter().map(alert).collect();
    let through_sequence = alerts.len() as u64;
    let position = OriginPosition { origin: "/host/m/b".into(), epoch: u64::MAX, through_sequence };
    Arc::new(AppendBatch { alerts, position: Some(position), ..AppendBatch::default() })
}

fn open(directory: &Path) -> SqliteLog {
    SqliteLog::open(directory, SqliteOptions::default()).unwrap()
}

/// Scenario: entries, a position and a reader are written, the log is closed and opened again.
/// Guarantees: everything is there, under the same id, and the next entry goes behind it.
#[tokio::test]
async fn what_was_appended_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let id = log.id();
    assert_eq!(log.append(batch(0..3)).await.unwrap().new_entries, 3);
    log.store_reader_position("screen", 2).await.unwrap();
    drop(log);

    let log = open(directory.path());
    assert_eq!(log.id(), id);
    assert_eq!(*log.bounds().borrow(), LogBounds { trimmed_through: 0, last: 3 });
    assert_eq!(log.reader_position("screen").await.unwrap(), Some(2));
    assert_eq!(log.reader_position("other").await.unwrap(), None);
    let position = log.origin_position("/host/m/b").await.unwrap().unwrap();
    assert_eq!((position.epoch, position.through_sequence), (u64::MAX, 3));
    log.append(batch([7])).await.unwrap();
    let page = log.read(2, ALL).await.unwrap();
    let read: Vec<_> = page.entries.iter().map(|entry| (entry.position, entry.alert.clone())).collect();
    assert_eq!(read, [(3, alert(2)), (4, alert(7))]);
}

/// Scenario: a batch is appended twice, then with one entry more, then with an amendment.
/// Guarantees: repeated entries are counted and change nothing; an amendment is an entry of its own; positions have no gap.
#[tokio::test]
async fn repeated_entries_are_ignored_and_amendments_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    log.append(batch(0..2)).await.unwrap();
    assert_eq!(log.append(batch(0..2)).await.unwrap(), Appended { new_entries: 0, repeated_entries: 2 });
    assert_eq!(log.append(batch(0..3)).await.unwrap(), Appended { new_entries: 1, repeated_entries: 2 });
    let amendment = Alert { is_amendment: true, amendment_number: 1, ..alert(0) };
    let mut amended = batch([]);
    Arc::make_mut(&mut amended).alerts.push(amendment.clone());
    assert_eq!(log.append(amended).await.unwrap().new_entries, 1);
    let page = log.read(0, ALL).await.unwrap();
    let positions: Vec<_> = page.entries.iter().map(|entry| entry.position).collect();
    assert_eq!(positions, [1, 2, 3, 4]);
    assert_eq!(page.entries[3].alert, amendment);
}

/// Scenario: more entries than the log may keep. Guarantees: the newest stay, what is gone is counted for a reader that
/// stood before it, and reopening remembers it.
#[tokio::test]
async fn retention_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions { max_entries: 10, max_bytes: None };
    let log = SqliteLog::open(directory.path(), options.clone()).unwrap();
    for number in 0..25 {
        log.append(batch([number])).await.unwrap();
    }
    drop(log);
    let log = SqliteLog::open(directory.path(), options).unwrap();
    assert_eq!(*log.bounds().borrow(), LogBounds { trimmed_through: 15, last: 25 });
    let page = log.read(4, ALL).await.unwrap();
    assert_eq!(page.trimmed_entries, 11);
    assert_eq!(page.entries.len(), 10);
    assert_eq!(page.entries[0].alert, alert(15));
    assert_eq!(log.read(20, ALL).await.unwrap().trimmed_entries, 0);
}

/// Scenario: pages with few entries or few bytes. Guarantees: both limits hold, and a page is never empty while there is
/// an entry.
#[tokio::test]
async fn pages_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    log.append(batch(0..5)).await.unwrap();
    let count = |entries, bytes| {
        let log = &log;
        async move { log.read(0, PageLimit { entries, bytes }).await.unwrap().entries.len() }
    };
    assert_eq!(count(2, usize::MAX).await, 2);
    assert_eq!(count(100, 0).await, 1);
    assert_eq!(count(0, 0).await, 1);
    assert_eq!(count(100, usize::MAX).await, 5);
}

/// Scenario: entries whose events are not in the order of time. Guarantees: a search by time stands before the first
/// entry that is not older, and at the end if there is none.
#[tokio::test]
async fn a_time_leads_to_a_position() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    log.append(batch([5, 1, 9])).await.unwrap();
    let before = |ns| log.position_before_time(ns);
    assert_eq!(before(0).await.unwrap(), 0);
    assert_eq!(before(1_006).await.unwrap(), 2);
    assert_eq!(before(1_009).await.unwrap(), 2);
    assert_eq!(before(1_010).await.unwrap(), 3);
}

/// Scenario: the store has no room left. Guarantees: the error says so and may be retried, nothing of the refused batch is
/// in the log, what was accepted still is, and with room again the same batch is taken.
#[tokio::test]
async fn a_full_store_refuses_and_keeps_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions { max_bytes: Some(128 * 1024), ..SqliteOptions::default() };
    let log = SqliteLog::open(directory.path(), options).unwrap();
    let large = |number| {
        let mut batch = batch([number]);
        Arc::make_mut(&mut batch).alerts[0].message = "x".repeat(16 * 1024);
        batch
    };
    let mut accepted = 0;
    let error = loop {
        match log.append(large(accepted)).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 100, "the store never filled up");
    };
    assert!(matches!(error, AlertLogError::Full { .. }), "{error}");
    assert!(error.is_retryable() && error.to_string().contains("free space"));
    assert!(accepted > 0);
    assert_eq!(log.bounds().borrow().last, accepted);
    drop(log);

    let log = open(directory.path());
    assert_eq!(log.read(0, ALL).await.unwrap().entries.len() as u64, accepted);
    assert_eq!(log.append(large(accepted)).await.unwrap().new_entries, 1);
}

/// Scenario: a file that is no database, and one of a newer version. Guarantees: both are refused with what to do, and
/// are left as they were.
#[tokio::test]
async fn foreign_and_newer_files_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    let garbage = "this is no database. ".repeat(500);
    fs::write(&path, &garbage).unwrap();
    let error = SqliteLog::open(directory.path(), SqliteOptions::default()).unwrap_err();
    assert!(matches!(error, AlertLogError::Damaged { .. }), "{error}");
    assert!(!error.is_retryable() && error.to_string().contains("move it"));
    assert_eq!(fs::read_to_string(&path).unwrap(), garbage);

    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let database = rusqlite::Connection::open(directory.path().join(FILE_NAME)).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let error = SqliteLog::open(directory.path(), SqliteOptions::default()).unwrap_err();
    assert!(matches!(error, AlertLogError::NewerSchema { found: 99, .. }), "{error}");
}

/// Scenario: pages in the middle of the file were overwritten. Guarantees: reading says that the file is damaged instead of
/// handing out something else.
#[tokio::test]
async fn damage_in_the_middle_is_noticed() {
    use std::io::{Seek as _, SeekFrom};
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    for chunk in 0..20 {
        log.append(batch(chunk * 100..(chunk + 1) * 100)).await.unwrap();
    }
    drop(log);
    let path = directory.path().join(FILE_NAME);
    let length = fs::metadata(&path).unwrap().len();
    let mut file = File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(8 * 4096)).unwrap();
    file.write_all(&vec![0xA5; usize::try_from(length).unwrap() - 10 * 4096]).unwrap();
    drop(file);
    let error = match SqliteLog::open(directory.path(), SqliteOptions::default()) {
        Err(error) => error,
        Ok(log) => log.read(0, ALL).await.unwrap_err(),
    };
    assert!(matches!(error, AlertLogError::Damaged { .. }), "{error}");
}

/// Scenario: a second engine in the same directory. Guarantees: it is refused while the first lives, and not afterwards.
#[tokio::test]
async fn one_engine_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path());
    let error = SqliteLog::open(directory.path(), SqliteOptions::default()).unwrap_err();
    assert!(matches!(error, AlertLogError::InUse { .. }), "{error}");
    drop(first);
    drop(open(directory.path()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// Scenario: batches with any repetitions, in any order. Guarantees: the log has each entry once, where it came first.
    #[test]
    fn every_entry_once_in_order_of_arrival(batches in prop::collection::vec(prop::collection::vec(0_u64..30, 0..10), 0..8)) {
        let directory = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = runtime.block_on(async {
            let log = open(directory.path());
            for numbers in &batches {
                log.append(batch(numbers.iter().copied())).await.unwrap();
            }
            log.read(0, ALL).await.unwrap().entries
        });
        let mut expected: Vec<Alert> = Vec::new();
        for number in batches.into_iter().flatten() {
            if !expected.contains(&alert(number)) {
                expected.push(alert(number));
            }
        }
        let read: Vec<Alert> = read.into_iter().map(|entry| entry.alert).collect();
        prop_assert_eq!(read, expected);
    }
}
