//! Following the bucket: from where the copy is, for as long as the connection holds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::jetstream::{
    Message,
    consumer::{
        Consumer, DeliverPolicy,
        push::{Ordered, OrderedConfig, OrderedError},
    },
};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    bucket::{Link, is_removal},
    config::NatsConfig,
    metrics::BucketMetrics,
};
use crate::store::{
    StoreError,
    sqlite::{Heard, LocalCopy, Stretch},
};

/// Messages that share a transaction, of up to 1 MiB each and mostly 2 KiB.
const AT_ONCE: usize = 256;
/// Stretches that wait while a copy is made anew.
const WAITING_STRETCHES: usize = 2;
/// Between two looks at the connection; every so many of them at the bucket.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
const LOOKS_OF_BUCKET: u32 = 4;
/// The longest that nothing may come of what is known to be there.
const SILENCE: Duration = Duration::from_secs(15);
/// Between two tries to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// How a replica stands with its bucket.
#[derive(Clone, Debug)]
pub(super) enum Standing {
    /// It hears every change.
    Following(Arc<Link>),
    /// It does not; why.
    Away(StoreError),
}

/// What following needs.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    pub(super) config: Arc<NatsConfig>,
    pub(super) copy: Arc<LocalCopy>,
    pub(super) standing: Arc<watch::Sender<Standing>>,
    /// The last sequence number that the copy has.
    pub(super) followed: Arc<watch::Sender<u64>>,
    /// The copy was found to be otherwise than the bucket.
    pub(super) is_remake_wanted: Arc<AtomicBool>,
    pub(super) metrics: BucketMetrics,
}

// === impl Follower ===

impl Follower {
    /// Follows until `stop`, connecting as often as it takes.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        loop {
            let ended = tokio::select! {
                () = stop.cancelled() => return,
                ended = self.follow() => ended,
            };
            let Err(error) = ended else { continue };
            let was_following = matches!(*self.standing.borrow(), Standing::Following(_));
            let is_news = match &*self.standing.borrow() {
                Standing::Following(_) => true,
                Standing::Away(why) => why.to_string() != error.to_string(),
            };
            if is_news {
                tracing::warn!(%error, "not following the bucket: answers are from the copy, writes are refused");
            }
            self.metrics.is_following.set(0);
            self.standing.send_replace(Standing::Away(error));
            pause = if was_following { FIRST_PAUSE } else { (2 * pause).min(LAST_PAUSE) };
            // Replicas that lost the same server do not come back at the same moment.
            let jitter = pause.mul_f64(rand::random_range(0.0..0.5));
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause + jitter) => {}
            }
        }
    }

    /// One connection.
    async fn follow(&self) -> Result<(), StoreError> {
        let link = Arc::new(Link::connect(&self.config).await?);
        let status = link.status().await?;
        let (horizon, _) = link.horizon().await?;
        let position = self.copy.position().await?;
        let reason = match position {
            _ if self.is_remake_wanted.load(Ordering::Relaxed) => Some("it is otherwise than the bucket"),
            None => Some("it is new"),
            Some((base, _)) if base != status.base => Some("the bucket is another one"),
            Some((_, sequence)) if sequence > status.last_sequence => Some("the bucket went back"),
            Some((_, sequence)) if sequence < horizon.announced => {
                Some("it was away for longer than removals are told")
            }
            Some(_) => None,
        };
        if self.is_remake_wanted.load(Ordering::Relaxed) {
            // Watchers that have read all there was have read what is not there any more: they are to be before it.
            link.touch().await?;
        }
        if let Some(reason) = reason {
            self.remake(&link, reason).await?;
        }
        let from = self.copy.position().await?.map_or(0, |(_, sequence)| sequence);
        self.followed.send_replace(from);
        let consumer = consumer(&link, from.saturating_add(1)).await?;
        let mut is_caught_up = consumer.cached_info().num_pending == 0;
        let messages = consumer.messages().await.map_err(|error| link.away(error))?;
        let mut messages = std::pin::pin!(until_error(messages).ready_chunks(AT_ONCE));
        let mut looks = tokio::time::interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut look, mut behind_since) = (0_u32, None);
        loop {
            if is_caught_up && matches!(*self.standing.borrow(), Standing::Away(_)) {
                self.caught_up(&link).await?;
            }
            tokio::select! {
                chunk = messages.next() => {
                    let chunk = chunk.ok_or_else(|| link.away("its messages ended"))?;
                    let (heard, pending) = read(&link, chunk)?;
                    is_caught_up |= pending == 0;
                    self.take(heard).await?;
                    behind_since = None;
                }
                _ = looks.tick() => {
                    if !link.is_connected() {
                        return Err(link.away("the connection was lost"));
                    }
                    look = look.wrapping_add(1);
                    if look.is_multiple_of(LOOKS_OF_BUCKET) {
                        let is_behind = self.look(&link).await?;
                        let since = behind_since.get_or_insert_with(tokio::time::Instant::now);
                        if !is_behind {
                            behind_since = None;
                        } else if since.elapsed() > SILENCE {
                            return Err(link.away("changes do not come any more"));
                        }
                    }
                }
            }
        }
    }

    async fn take(&self, heard: Vec<Heard>) -> Result<(), StoreError> {
        let Some(last) = heard.last().map(|heard| heard.sequence) else { return Ok(()) };
        self.copy.follow(heard).await?;
        self.metrics.heard();
        self.followed.send_modify(|followed| *followed = (*followed).max(last));
        Ok(())
    }

    /// From now on the copy is as the bucket is.
    async fn caught_up(&self, link: &Arc<Link>) -> Result<(), StoreError> {
        self.look(link).await?;
        self.metrics.is_following.set(1);
        tracing::info!(bucket = %self.config.bucket, sequence = *self.followed.borrow(), "following the bucket");
        self.standing.send_replace(Standing::Following(Arc::clone(link)));
        Ok(())
    }

    /// Looks whether the copy can be of the bucket; says whether changes are on their way.
    async fn look(&self, link: &Link) -> Result<bool, StoreError> {
        if self.is_remake_wanted.load(Ordering::Relaxed) {
            return Err(link.away("the copy is otherwise than the bucket, and is made anew"));
        }
        let status = link.status().await?;
        self.metrics.heard();
        let followed = *self.followed.borrow();
        if status.base != link.base || status.last_sequence < followed {
            return Err(link.away("the bucket was replaced"));
        }
        // Each key has one message; so have markers of those that were removed.
        if self.copy.keys() > status.messages {
            self.is_remake_wanted.store(true, Ordering::Relaxed);
            return Err(link.away("the bucket was purged, and the copy is made anew"));
        }
        Ok(status.last_sequence > followed)
    }

    /// Makes the copy anew from all that the bucket has.
    async fn remake(&self, link: &Link, reason: &str) -> Result<(), StoreError> {
        tracing::warn!(bucket = %self.config.bucket, "the local copy is made anew: {reason}");
        let last = link.status().await?.last_sequence;
        let consumer = consumer(link, 1).await?;
        let has_any = consumer.cached_info().num_pending > 0;
        let (sender, receiver) = mpsc::channel(WAITING_STRETCHES);
        let reading = async move {
            let mut reached = last;
            if has_any {
                let messages = consumer.messages().await.map_err(|error| link.away(error))?;
                let mut messages = std::pin::pin!(until_error(messages).ready_chunks(AT_ONCE));
                loop {
                    let chunk = tokio::time::timeout(SILENCE, messages.next()).await;
                    let chunk = chunk.ok().flatten().ok_or_else(|| link.away("it broke off"))?;
                    let (heard, pending) = read(link, chunk)?;
                    let sequence = heard.last().map_or(0, |heard| heard.sequence);
                    if sender.send(Stretch::Heard(heard)).await.is_err() {
                        // The copy failed, and says why.
                        return Ok(());
                    }
                    if pending == 0 || sequence >= last {
                        reached = reached.max(sequence);
                        break;
                    }
                }
            }
            let _ = sender.send(Stretch::End(reached)).await;
            Ok::<(), StoreError>(())
        };
        let (read, made) = tokio::join!(reading, self.copy.remake(link.base, receiver));
        read.and(made)?;
        self.is_remake_wanted.store(false, Ordering::Relaxed);
        self.metrics.remakes.increment();
        Ok(())
    }
}

async fn consumer(link: &Link, start_sequence: u64) -> Result<Consumer<OrderedConfig>, StoreError> {
    let config = OrderedConfig {
        deliver_subject: link.client.new_inbox(),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
        ..OrderedConfig::default()
    };
    link.stream.create_consumer(config).await.map_err(|error| link.away(error))
}

/// The same messages, ending with the first error: the client's stream must not be asked again after it.
fn until_error(messages: Ordered) -> impl Stream<Item = Result<Message, OrderedError>> {
    stream::try_unfold(messages, |mut messages| async move {
        let next = messages.try_next().await?;
        Ok(next.map(|message| (message, messages)))
    })
}

/// What messages say, and how many more there are.
fn read<E: std::fmt::Display>(
    link: &Link,
    chunk: Vec<Result<Message, E>>,
) -> Result<(Vec<Heard>, u64), StoreError> {
    let (mut all, mut pending) = (Vec::with_capacity(chunk.len()), u64::MAX);
    for message in chunk {
        let message = message.map_err(|error| link.away(error))?;
        let info = message.info().map_err(|error| link.away(error))?;
        let Some(key) = link.key_of(&message.subject) else { continue };
        let heard_ms = i64::try_from(info.published.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        let value = (!is_removal(&message)).then(|| message.payload.clone());
        pending = info.pending;
        all.push(Heard { sequence: info.stream_sequence, key: key.to_owned(), value, heard_ms });
    }
    Ok((all, pending))
}
