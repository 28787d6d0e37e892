//! Writing to the bucket: what is asked for is planned, put with the sequence numbers that the copy knows, and answered
//! when it has come back.
//!
//! Entities are put first, then what is said of their scopes: were this replica to end in between, whoever was not answered
//! says all of it again, which changes nothing. A put that another replica was before is planned again on what that one
//! put; nothing of a plan that was refused counts as heard.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prost::Message as _;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{
    bucket::Link,
    session::{Follower, Standing},
    value::{HORIZON_KEY, HorizonValue},
};
use crate::store::{
    StoreError,
    sqlite::{Asked, Outcome, Plan, Put},
};

/// What shares one plan. Fewer than without a bucket: a plan is in memory twice.
const MAX_GROUP: usize = 32;
/// Plans of the same thing, when others are always first.
const MAX_TRIES: u32 = 8;
/// Refusals of one key, at a number that does not change, after which the copy must be wrong.
const MAX_SAME_CONFLICTS: u32 = 4;
/// Before the second plan; doubled for each one after.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// How long what was put may take to come back.
const FOLLOW_WAIT: Duration = Duration::from_secs(10);

/// Something asked for, and where the answer goes.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) asked: Asked,
    pub(super) answer: oneshot::Sender<Result<Outcome, StoreError>>,
}

/// What writes.
pub(super) struct Writing {
    pub(super) follower: Follower,
    pub(super) standing: watch::Receiver<Standing>,
}

/// What tries of the same plan found.
#[derive(Default)]
struct Tries {
    count: u32,
    conflict: Option<(String, u64)>,
    same_conflicts: u32,
    has_caught_up: bool,
}

// === impl Writing ===

impl Writing {
    /// Carries out what is asked for until `stop`, or until nobody can ask.
    pub(super) async fn run(self, mut asks: mpsc::Receiver<Ask>, stop: CancellationToken) {
        let mut group = Vec::with_capacity(MAX_GROUP);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                count = asks.recv_many(&mut group, MAX_GROUP) => if count == 0 { return },
            }
            // What is this copy's own business is only done by itself.
            let is_upkeep = |ask: &Ask| matches!(ask.asked, Asked::ForgetExpired | Asked::Rejoin);
            let (upkeep, statements): (Vec<_>, Vec<_>) = group.drain(..).partition(is_upkeep);
            let groups = std::iter::once(statements).chain(upkeep.into_iter().map(|ask| vec![ask]));
            for group in groups.filter(|group| !group.is_empty()) {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.answer(group) => {}
                }
            }
        }
    }

    async fn answer(&self, group: Vec<Ask>) {
        let asked: Arc<[Asked]> = group.iter().map(|ask| ask.asked.clone()).collect();
        match self.carry_out(&asked).await {
            Ok(outcomes) => {
                for (ask, outcome) in group.into_iter().zip(outcomes) {
                    let answer = match outcome {
                        Outcome::Refused(error) => Err(error),
                        outcome => Ok(outcome),
                    };
                    drop(ask.answer.send(answer));
                }
            }
            Err(error) => {
                self.follower.metrics.refused.add(group.len() as u64);
                for ask in group {
                    drop(ask.answer.send(Err(error.clone())));
                }
            }
        }
    }

    async fn carry_out(&self, asked: &Arc<[Asked]>) -> Result<Vec<Outcome>, StoreError> {
        let mut tries = Tries::default();
        loop {
            let link = self.link()?;
            let plan = self.follower.copy.plan(Arc::clone(asked), link.max_entity_bytes).await?;
            // A replica that is behind has not heard yet what its speaker was told by another one.
            let is_gap =
                |outcome: &Outcome| matches!(outcome, Outcome::Refused(StoreError::SequenceGap { .. }));
            if !tries.has_caught_up && plan.outcomes.iter().any(is_gap) {
                self.catch_up(&link).await?;
                tries.has_caught_up = true;
                continue;
            }
            if self.put(&link, &plan, &mut tries).await? && !plan.is_partial {
                plan.counts.show(&self.follower.copy.metrics);
                return Ok(plan.finished());
            }
            if tries.count >= MAX_TRIES {
                return Err(StoreError::BucketContended { bucket: self.bucket(), tries: tries.count });
            }
        }
    }

    /// Puts a plan, and waits for it to come back; whether all of it was taken.
    async fn put(&self, link: &Arc<Link>, plan: &Plan, tries: &mut Tries) -> Result<bool, StoreError> {
        let mut last_sequence = 0;
        for puts in [&plan.entities, &plan.scopes] {
            let acks = self.unless_away(link.put(puts)).await?;
            self.follower.metrics.puts.add(acks.acked);
            self.follower.metrics.conflicts.add(acks.conflicts);
            last_sequence = last_sequence.max(acks.last_sequence);
            if let Some(conflict) = acks.conflict {
                self.conflict(link, conflict, tries).await?;
                return Ok(false);
            }
        }
        self.followed(last_sequence).await?;
        Ok(true)
    }

    /// Another replica was first: waits until this copy has what that one put.
    async fn conflict(
        &self,
        link: &Link,
        conflict: (String, u64),
        tries: &mut Tries,
    ) -> Result<(), StoreError> {
        tracing::debug!(key = %conflict.0, expected = conflict.1, "another replica was first");
        tokio::time::sleep(FIRST_PAUSE * 2_u32.saturating_pow(tries.count)).await;
        self.catch_up(link).await?;
        tries.count += 1;
        tries.has_caught_up = true;
        let is_same = tries.conflict.as_ref() == Some(&conflict);
        tries.same_conflicts = if is_same { tries.same_conflicts + 1 } else { 1 };
        tries.conflict = Some(conflict);
        if tries.same_conflicts >= MAX_SAME_CONFLICTS {
            self.follower.is_remake_wanted.store(true, Ordering::Relaxed);
            return Err(self.away("this copy is otherwise than the bucket, and is made anew"));
        }
        Ok(())
    }

    /// Waits until the copy has all that the bucket had a moment ago.
    async fn catch_up(&self, link: &Link) -> Result<(), StoreError> {
        let status = self.unless_away(link.status()).await?;
        self.followed(status.last_sequence).await
    }

    async fn followed(&self, sequence: u64) -> Result<(), StoreError> {
        let mut followed = self.follower.followed.subscribe();
        let waiting = async {
            let reached = followed.wait_for(|followed| *followed >= sequence);
            match tokio::time::timeout(FOLLOW_WAIT, reached).await {
                Ok(Ok(_)) => Ok(()),
                _ => Err(self.away(&format!("what was put did not come back within {FOLLOW_WAIT:?}"))),
            }
        };
        self.unless_away(waiting).await
    }

    /// The outcome of `doing`, unless the bucket goes away before.
    async fn unless_away<T>(
        &self,
        doing: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut standing = self.standing.clone();
        tokio::select! {
            done = doing => done,
            _ = standing.wait_for(|standing| matches!(standing, Standing::Away(_))) => {
                self.link().and_then(|_| Err(self.away("the connection was lost for a moment")))
            }
        }
    }

    fn link(&self) -> Result<Arc<Link>, StoreError> {
        match &*self.standing.borrow() {
            Standing::Following(link) => Ok(Arc::clone(link)),
            Standing::Away(error) => Err(error.clone()),
        }
    }

    fn away(&self, detail: &str) -> StoreError {
        StoreError::BucketAway { bucket: self.bucket(), detail: detail.to_owned() }
    }

    fn bucket(&self) -> String {
        self.follower.config.bucket.clone()
    }
}

/// Clears away the markers of keys that were removed `kept_ms` ago and longer. Whoever was away meanwhile is told by the
/// horizon that it has missed removals.
pub(super) async fn clear_markers(follower: &Follower, link: &Link, kept_ms: i64) -> Result<(), StoreError> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
    let markers = follower.copy.markers(now_ms.saturating_sub(kept_ms)).await?;
    let Some(last) = markers.last() else { return Ok(()) };
    let (horizon, expected) = link.horizon().await?;
    let announced = HorizonValue { announced: horizon.announced.max(last.sequence), done: horizon.done };
    let put = |value: HorizonValue, expected| {
        let (key, value) = (HORIZON_KEY.to_owned(), Some(value.encode_to_vec()));
        [Put { key, expected, value }]
    };
    let acks = link.put(&put(announced, expected)).await?;
    if acks.conflict.is_some() {
        // Another replica does it.
        return Ok(());
    }
    for marker in &markers {
        link.clear(&marker.key, marker.sequence).await?;
    }
    let done = HorizonValue { done: announced.done.max(last.sequence), ..announced };
    link.put(&put(done, acks.last_sequence)).await?;
    follower.metrics.removed_markers.add(markers.len() as u64);
    Ok(())
}

// === impl Plan ===

impl Plan {
    /// What to answer once it is done. What was only planned of the copy's own business is still to be done.
    fn finished(self) -> Vec<Outcome> {
        let was_put = !self.is_empty();
        let finished = |outcome| match outcome {
            Outcome::Rejoined { .. } if was_put => Outcome::Rejoined { is_more: true },
            outcome => outcome,
        };
        self.outcomes.into_iter().map(finished).collect()
    }
}
