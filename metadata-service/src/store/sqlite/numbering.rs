//! How far a speaker was heard: statements and turns are counted, so that what comes again counts once and a gap is seen.

use rusqlite::{Connection, OptionalExtension as _};

use super::{Fault, clusters, stored, writer::State};
use crate::store::{Batch, Numbering, Turn};

/// Epochs of a scope that are remembered: a late relay of the one before must not be taken for a new one.
const MAX_EPOCHS: i64 = 4;

/// How many of a batch's statements were applied before; `None`: its turn was.
pub(super) fn repeated(
    connection: &Connection,
    scope_id: i64,
    batch: &Batch,
) -> Result<Option<usize>, Fault> {
    let through = through(connection, scope_id, batch.epoch)?;
    let before_first = batch.first_sequence.saturating_sub(1);
    // The first of an epoch may have any number: an earlier store had those before, or another service.
    let through = match batch.numbering {
        Numbering::None => return Ok(Some(0)),
        Numbering::Turn(Turn::First | Turn::EmptySnapshot) => {
            through.unwrap_or(before_first).max(before_first)
        }
        Numbering::Turn(_) | Numbering::Each => through.unwrap_or(before_first),
    };
    if before_first > through {
        return Err(Fault::SequenceGap { expected: through.saturating_add(1), found: batch.first_sequence });
    }
    let repeated = usize::try_from(through - before_first).unwrap_or(usize::MAX);
    Ok(match batch.numbering {
        Numbering::Turn(_) => (repeated == 0).then_some(0),
        Numbering::Each | Numbering::None => Some(repeated.min(batch.statements.len())),
    })
}

/// Stores through which number everything is applied, and gives it.
pub(super) fn advance(
    connection: &Connection,
    state: &State,
    scope_id: i64,
    batch: &Batch,
) -> Result<u64, Fault> {
    let before = through(connection, scope_id, batch.epoch)?;
    let applied = match batch.numbering {
        Numbering::None => return Ok(before.unwrap_or(0)),
        Numbering::Turn(turn) => {
            let is_end = matches!(turn, Turn::SnapshotEnd | Turn::EmptySnapshot);
            if is_end && before.is_none_or(|before| before < batch.first_sequence) {
                clusters::became_whole(connection, state, scope_id, batch.epoch)?;
            }
            batch.first_sequence
        }
        Numbering::Each => {
            batch.first_sequence.saturating_sub(1).saturating_add(batch.statements.len() as u64)
        }
    };
    let through = before.unwrap_or(0).max(applied);
    store_through(connection, state, scope_id, batch.epoch, through)?;
    Ok(through)
}

/// The last number of an epoch that is durable.
pub(super) fn through(connection: &Connection, scope_id: i64, epoch: u64) -> Result<Option<u64>, Fault> {
    let through: Option<i64> = connection
        .prepare_cached("SELECT through_sequence FROM relay WHERE scope = ?1 AND epoch = ?2")?
        .query_row([scope_id, epoch.cast_signed()], |row| row.get(0))
        .optional()?;
    Ok(through.map(|through| through.max(0).cast_unsigned()))
}

fn store_through(
    connection: &Connection,
    state: &State,
    scope_id: i64,
    epoch: u64,
    through: u64,
) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO relay (scope, epoch, through_sequence, heard_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (scope, epoch) DO UPDATE SET through_sequence = ?3, heard_ms = ?4",
        )?
        .execute([scope_id, epoch.cast_signed(), stored(through), state.now_ms])?;
    connection
        .prepare_cached(
            "DELETE FROM relay WHERE scope = ?1 AND epoch != ?2 AND epoch NOT IN
             (SELECT epoch FROM relay WHERE scope = ?1 ORDER BY heard_ms DESC LIMIT ?3)",
        )?
        .execute([scope_id, epoch.cast_signed(), MAX_EPOCHS])?;
    Ok(())
}
