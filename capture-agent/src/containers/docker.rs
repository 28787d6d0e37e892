//! docker, by its files and by its interface, which podman's service has as well.
//!
//! The interface is HTTP over a Unix socket. One request stays open for events; each container that is made, started or renamed, that runs when a connection is made, or that is asked for, is
//! inspected by requests of its own, a few at a time, so that one answer that does not come holds up no other.

mod answers;
mod client;
mod container;
mod store;

use std::{
    collections::{HashSet, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Deserialize;
use tokio::{sync::mpsc::Receiver, task::JoinSet, time::sleep};
use tracing::{debug, info, warn};

pub(super) use self::store::read as stored;
use self::{
    answers::{Answers, is_id},
    client::{Client, ClientError},
};
use super::told::Told;
use crate::session::backoff::Backoff;

/// `{"type":["container"],"event":["create","start","rename"]}`
const EVENTS: &str = "/events?stream=true&filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22create%22%2C%22start%22%2C%22rename%22%5D%7D";
/// Inspections at a time: one that hangs takes five seconds.
const MAX_INSPECTIONS: usize = 4;
/// Ids that wait for one, of 64 bytes each.
const MAX_WAITING: usize = 4_096;
/// A session as long as this was a good one.
const GOOD_SESSION: Duration = Duration::from_secs(10);

/// An event, as far as it is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event {
    id: String,
    #[serde(rename = "Actor")]
    actor: Actor,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
}

/// What is asked of one runtime between two failures.
struct Session<T> {
    source: &'static str,
    answers: Arc<Answers>,
    told: Arc<T>,
    /// In the order in which they came.
    waiting: VecDeque<String>,
    /// The same, to find them by.
    is_waiting: HashSet<String>,
    inspections: JoinSet<(String, Result<(), ClientError>)>,
    /// Of whom they are.
    is_inspected: HashSet<String>,
}

/// Why a session ended.
enum End {
    /// Nobody will ask any more.
    Closed,
    Failed(ClientError),
}

/// Asks the runtime at `socket` for as long as somebody may ask: see [`super::told`]. It calls itself `source`.
pub(super) async fn run(
    source: &'static str,
    socket: PathBuf,
    mut asked: Receiver<String>,
    told: impl Fn(Told) + Send + Sync + 'static,
) {
    let answers = Arc::new(Answers::new(Client { socket }));
    let told = Arc::new(told);
    let mut backoff = Backoff::new();
    let mut was_told = false;
    loop {
        let began = Instant::now();
        let mut session = Session::new(source, Arc::clone(&answers), Arc::clone(&told));
        let End::Failed(error) = session.run(&mut asked).await else { return };
        let socket = answers.client().socket.display();
        if began.elapsed() >= GOOD_SESSION {
            backoff.reset();
            was_told = false;
        }
        if error.is_nobody() {
            debug!(source, %socket, "nobody is there to ask about containers");
        } else if !std::mem::replace(&mut was_told, true) {
            warn!(source, %socket, "cannot ask about containers, and will try again: {error}");
        }
        if is_closed_within(&mut asked, backoff.next_wait(false)).await {
            return;
        }
    }
}

/// Waits, and lets go of what is asked for meanwhile: what runs then is listed with the next connection.
async fn is_closed_within(asked: &mut Receiver<String>, pause: Duration) -> bool {
    let closed = async { while asked.recv().await.is_some() {} };
    tokio::select! {
        () = closed => true,
        () = sleep(pause) => false,
    }
}

// === impl Session ===

impl<T: Fn(Told) + Send + Sync + 'static> Session<T> {
    fn new(source: &'static str, answers: Arc<Answers>, told: Arc<T>) -> Self {
        let (waiting, inspections) = (VecDeque::new(), JoinSet::new());
        let (is_waiting, is_inspected) = (HashSet::new(), HashSet::new());
        Self { source, answers, told, waiting, is_waiting, inspections, is_inspected }
    }

    async fn run(&mut self, asked: &mut Receiver<String>) -> End {
        // Before the list, so that none falls between.
        let mut events = match self.answers.client().get_lines(EVENTS).await {
            Ok(events) => events,
            Err(error) => return End::Failed(error),
        };
        match self.answers.running().await {
            Ok(ids) => {
                info!(source = self.source, containers = ids.len(), "asks a runtime about its containers");
                ids.into_iter().for_each(|id| self.put(id));
            }
            Err(error) => return End::Failed(error),
        }
        loop {
            self.inspect_next();
            tokio::select! {
                line = events.next() => match line {
                    Ok(line) => self.happened(&line),
                    Err(error) => return End::Failed(error),
                },
                id = asked.recv() => match id {
                    // What is being found out is not asked for twice.
                    Some(id) if self.is_inspected.contains(&id) => {}
                    Some(id) => self.put(id),
                    None => return End::Closed,
                },
                Some(inspected) = self.inspections.join_next() => {
                    let Ok((id, result)) = inspected else { continue };
                    self.is_inspected.remove(&id);
                    if let Err(error) = result {
                        debug!(source = self.source, "a container is not told: {error}");
                    }
                }
            }
        }
    }

    fn happened(&mut self, line: &[u8]) {
        // One that cannot be understood is about something else, or is asked for when its control group is seen.
        let Ok(event) = serde_json::from_slice::<Event>(line) else { return };
        self.put(if event.actor.id.is_empty() { event.id } else { event.actor.id });
    }

    fn put(&mut self, id: String) {
        if is_id(&id) && self.waiting.len() < MAX_WAITING && self.is_waiting.insert(id.clone()) {
            self.waiting.push_back(id);
        }
    }

    fn inspect_next(&mut self) {
        // Of one container one at a time: an older answer must not come after a newer one.
        let next = |session: &Self| session.waiting.iter().position(|id| !session.is_inspected.contains(id));
        while self.inspections.len() < MAX_INSPECTIONS
            && let Some(at) = next(self)
            && let Some(id) = self.waiting.remove(at)
        {
            self.is_waiting.remove(&id);
            self.is_inspected.insert(id.clone());
            let (source, answers, told) = (self.source, Arc::clone(&self.answers), Arc::clone(&self.told));
            self.inspections.spawn(async move {
                let answered = answers.container(&id).await;
                let tell = |container| told(Told { id: id.clone(), source, container, is_whole: true });
                let result = answered.map(tell);
                (id, result)
            });
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
