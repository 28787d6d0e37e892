use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;

/// Scenario: a store is taken, by another one again, let go of, and taken again; then one whose directory is a file. Guarantees:
/// one at a time; nobody but its user can read directory and files; the error names the file.
#[test]
fn a_place_is_for_one_process_and_one_user() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("a/b");
    let place = Place::take(&directory, "x.sqlite").unwrap();
    let (connection, version) = open_for_writing(place.database()).unwrap();
    assert_eq!(version, 0);
    connection.execute_batch("CREATE TABLE t (x)").unwrap();
    let mode = |name: &str| fs::metadata(directory.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(""), mode("x.sqlite"), mode("x.sqlite-wal"), mode("lock")),
        (0o700, 0o600, 0o600, 0o600)
    );
    assert_eq!(Place::take(&directory, "x.sqlite").unwrap_err().1, StoreFault::InUse);
    drop(place);
    Place::take(&directory, "x.sqlite").unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (path, fault) = Place::take(&file, "x.sqlite").unwrap_err();
    assert!(path == file && matches!(fault, StoreFault::Io(_)), "{path:?} {fault}");
}

/// Scenario: something is written and read; a read fails; the file is no database. Guarantees: readers see what was committed, an
/// error is told by its kind, and the next read is none the worse.
#[tokio::test]
async fn readers_see_what_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::take(folder.path(), "x.sqlite").unwrap();
    let (connection, _) = open_for_writing(place.database()).unwrap();
    connection.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (7)").unwrap();
    let readers = Readers::new(std::sync::Arc::clone(place.database()));
    let read = |table: &'static str| {
        readers.run(move |connection| {
            let query = format!("SELECT x FROM {table}");
            connection.query_row(&query, [], |row| row.get::<_, i64>(0)).map_err(StoreFault::from)
        })
    };
    assert_eq!(read("t").await, Ok(7));
    assert!(matches!(read("nothing").await, Err(StoreFault::Internal(_))));
    assert_eq!(read("t").await, Ok(7));
    let other = folder.path().join("other");
    fs::write(
        &other,
        "no database at all, but longer than a header of one hundred bytes is; so SQLite looks at it ....",
    )
    .unwrap();
    assert!(matches!(open_for_writing(&other), Err(StoreFault::Damaged(_))));
}

/// Scenario: a writer answers, and panics at the next command. Guarantees: who asks gets the answer, then hears that it has
/// ended; dropping does not hang.
#[tokio::test]
async fn a_writer_that_has_ended_says_so() {
    let work = |mut commands: tokio::sync::mpsc::Receiver<(u8, tokio::sync::oneshot::Sender<u8>)>| {
        while let Some((number, answer)) = commands.blocking_recv() {
            assert_eq!(number, 1, "made to order by the test");
            answer.send(number + 1).unwrap();
        }
    };
    let writer = Writer::start("test", 4, work).unwrap();
    assert_eq!(writer.ask(|answer| (1, answer)).await, Ok(2));
    assert_eq!(writer.ask(|answer| (0, answer)).await, Err(Closed));
    assert_eq!(writer.ask(|answer| (1, answer)).await, Err(Closed));
}
