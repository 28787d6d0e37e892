//! One connection, from its beginning to its end.

use std::{path::Path, time::Duration};

use futures_util::{StreamExt as _, stream};
use tokio::{
    sync::mpsc::Receiver,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until},
};
use tracing::debug;

use super::{
    ApiError, Change, Changes, Connection, MAX_CONTAINERS, RuntimeApi,
    queue::{Queue, Wanted},
};
use crate::containers::told::Told;

/// Questions at the same time. An answer has at most a megabyte.
const MAX_IN_FLIGHT: usize = 8;
/// How often somebody is asked who must answer: a connection may be dead without looking so, and not all runtimes have events.
const PING: Duration = Duration::from_secs(10);

type Answer<S> = (Wanted<S>, Result<Option<Told>, ApiError>);

struct Session<A: RuntimeApi> {
    api: A,
    connection: Connection,
    queue: Queue<A::Subject>,
    /// Ended with the session.
    in_flight: JoinSet<Answer<A::Subject>>,
}

/// Asks until the connection breaks, which is an error, or until `asked` is closed.
pub(super) async fn hold<A: RuntimeApi>(
    socket: &Path,
    asked: &mut Receiver<String>,
    told: &(impl Fn(Told) + Send + Sync),
) -> Result<(), ApiError> {
    let connection = Connection::open(socket).await?;
    let api = A::open(connection.clone()).await?;
    Session { api, connection, queue: Queue::new(), in_flight: JoinSet::new() }.run(asked, told).await
}

// === impl Session ===

impl<A: RuntimeApi> Session<A> {
    /// Listens first and lists then, so that nothing falls between.
    async fn run(
        mut self,
        asked: &mut Receiver<String>,
        told: &(impl Fn(Told) + Send + Sync),
    ) -> Result<(), ApiError> {
        let api = self.api.clone();
        let mut changes = api.changes();
        let mut has_changed = false;
        let listing = api.list();
        tokio::pin!(listing);
        let mut is_listed = false;
        let mut pings = interval_at(Instant::now() + PING, PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.ask();
            let due = self.queue.due().filter(|_| self.in_flight.len() < MAX_IN_FLIGHT);
            tokio::select! {
                id = asked.recv() => match id {
                    Some(id) => self.queue.put_urgent(api.asked(&id)),
                    None => return Ok(()),
                },
                change = changes.next() => match change {
                    Some(change) => {
                        has_changed |= change.is_ok();
                        self.changed(change, &mut changes)?;
                    }
                    None if A::MAY_LACK_EVENTS && !has_changed => changes = stream::pending().boxed(),
                    None => return Err(self.connection.events_ended()),
                },
                listed = &mut listing, if !is_listed => {
                    is_listed = true;
                    let listed = listed?.into_iter().take(MAX_CONTAINERS);
                    listed.for_each(|subject| self.queue.put_listed(subject));
                }
                Some(answer) = self.in_flight.join_next() => {
                    // A panic would be one of ours: the others are still asked for.
                    if let Ok((wanted, answer)) = answer {
                        self.answered(wanted, answer, told)?;
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                _ = pings.tick() => api.ping().await?,
            }
        }
    }

    /// Asks for those who wait, as far as there is room.
    fn ask(&mut self) {
        while self.in_flight.len() < MAX_IN_FLIGHT
            && let Some(wanted) = self.queue.next(Instant::now())
        {
            let api = self.api.clone();
            self.in_flight.spawn(async move {
                let answer = api.describe(wanted.subject.clone()).await;
                (wanted, answer)
            });
        }
    }

    fn changed(
        &mut self,
        change: Result<Change<A::Subject>, ApiError>,
        changes: &mut Changes<A::Subject>,
    ) -> Result<(), ApiError> {
        match change {
            Ok(Change::Made(subject)) => self.queue.put_urgent(subject),
            Ok(Change::Gone(subject)) => self.queue.forget(&subject),
            Ok(Change::Other) => {}
            Err(error) if A::MAY_LACK_EVENTS && error.is_unsupported() => {
                debug!("{error}: containers are asked for one by one");
                *changes = stream::pending().boxed();
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Tells what was answered, and asks again for what is missing.
    fn answered(
        &mut self,
        wanted: Wanted<A::Subject>,
        answer: Result<Option<Told>, ApiError>,
        told: &impl Fn(Told),
    ) -> Result<(), ApiError> {
        let (may_come, is_known_not) = match answer {
            Ok(Some(answer)) => {
                let is_whole = answer.is_whole;
                told(answer);
                (!is_whole, false)
            }
            // One of a list that is not there any more has ended.
            Ok(None) => (wanted.is_urgent, true),
            Err(error) if error.is_of_connection() => return Err(error),
            Err(error) => {
                debug!("{:?} is not known yet: {error}", wanted.subject);
                (true, false)
            }
        };
        if may_come
            && let Err(wanted) = self.queue.put_again(wanted, Instant::now())
            && is_known_not
        {
            told(A::unknown(A::id(&wanted.subject)));
        }
        Ok(())
    }
}
