//! Watches: events as lines, for as long as the server, the client and the test let them.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    answer::{self, Asked, Body},
    state::State,
};

/// Between two bookmarks; a real server's come about once a minute.
const BOOKMARK_INTERVAL: Duration = Duration::from_millis(200);
/// Of a watch that does not say how long it wants to be.
const LONGEST: Duration = Duration::from_secs(300);

type Lines = mpsc::Sender<Result<Frame<Bytes>, io::Error>>;

/// A watch that is open.
struct Watch {
    state: Arc<State>,
    asked: Asked,
    /// Everything up to here was told.
    version: u64,
    lines: Lines,
}

pub(crate) fn watch(state: &Arc<State>, asked: Asked) -> Response<Body> {
    let version = asked.query.get("resourceVersion").and_then(|version| version.parse::<u64>().ok());
    let version = version.unwrap_or(0);
    let (is_gone, is_event) = {
        let known = state.known();
        (version < known.forgotten, known.is_gone_an_event)
    };
    if is_gone && !is_event {
        return answer::gone();
    }
    let (lines, receiver) = mpsc::channel(16);
    let watch = Watch { state: Arc::clone(state), asked, version, lines };
    tokio::spawn(async move {
        if is_gone {
            watch.say("ERROR", answer::status(410, "Expired", "too old resource version")).await;
        } else {
            watch.run().await;
        }
    });
    answer::response(StatusCode::OK, StreamBody::new(ReceiverStream::new(receiver)).boxed())
}

// === impl Watch ===

impl Watch {
    async fn run(mut self) {
        let seconds = self.asked.query.get("timeoutSeconds").and_then(|seconds| seconds.parse().ok());
        let end = Instant::now() + seconds.map_or(LONGEST, Duration::from_secs);
        let wants_bookmarks =
            self.asked.query.get("allowWatchBookmarks").is_some_and(|wants| wants == "true");
        let (mut changes, cut) = (self.state.changes(), self.state.known().watches());
        let mut bookmarks = tokio::time::interval(BOOKMARK_INTERVAL);
        bookmarks.reset();
        loop {
            if !self.tell().await {
                return;
            }
            tokio::select! {
                () = self.lines.closed() => return,
                () = tokio::time::sleep_until(end) => return,
                // In the middle of a chunk: the client sees the connection break.
                () = cut.cancelled() => {
                    let _ = self.lines.send(Err(io::Error::other("cut off"))).await;
                    return;
                }
                _ = bookmarks.tick(), if wants_bookmarks => {
                    let metadata = json!({"resourceVersion": self.version.to_string()});
                    let object = json!({"kind": "Bookmark", "apiVersion": "v1", "metadata": metadata});
                    if !self.say("BOOKMARK", object).await {
                        return;
                    }
                }
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Tells what is new; whether the client still listens.
    async fn tell(&mut self) -> bool {
        let (last, new) = {
            let known = self.state.known();
            let first = known.history.partition_point(|change| change.version <= self.version);
            let later = known.history.iter().skip(first);
            let mine = later.filter(|change| change.plural == self.asked.plural);
            (known.version, mine.map(|change| (change.event, change.object.clone())).collect::<Vec<_>>())
        };
        for (event, object) in new {
            if !self.say(event, self.asked.shape(object)).await {
                return false;
            }
        }
        self.version = last;
        true
    }

    async fn say(&self, event: &str, object: Value) -> bool {
        let line = format!("{}\n", json!({"type": event, "object": object}));
        self.lines.send(Ok(Frame::data(Bytes::from(line)))).await.is_ok()
    }
}
