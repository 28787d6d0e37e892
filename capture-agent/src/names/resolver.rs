//! The task that looks names up.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use grpc_transport::log_limit::LogLimit;
use rand::Rng as _;
use tokio::{net::lookup_host, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::Names;
use crate::clock;

/// Lookups at a time. Each occupies a thread (2 MiB of address space, some KiB of memory) for as long as the host's name
/// servers take, half a minute where none answers.
const MAX_LOOKUPS: usize = 4;
/// Waits are between these shares of what they are: agents that start together shall not ask together for ever.
const SPREAD: std::ops::Range<f64> = 0.75..1.25;

static UNRESOLVED: LogLimit = LogLimit::new(Duration::from_secs(60));

/// Looks up what is due until `stop`. A lookup that is under way then is left to its thread.
pub(crate) async fn run(names: Arc<Names>, stop: CancellationToken) {
    resolve(names, stop, |name| async move {
        // As any program of this host would have it: files, nsswitch.conf, the name servers of resolv.conf.
        Ok(lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    })
    .await;
}

async fn resolve<F>(names: Arc<Names>, stop: CancellationToken, look_up: impl Fn(String) -> F)
where
    F: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
{
    let mut lookups = JoinSet::new();
    loop {
        while lookups.len() < MAX_LOOKUPS
            && let Some(name) = names.take_due(clock::boot_ns())
        {
            let looked_up = look_up(name.clone());
            lookups.spawn(async move { (name, looked_up.await) });
        }
        let is_room = lookups.len() < MAX_LOOKUPS;
        tokio::select! {
            () = stop.cancelled() => return,
            () = names.changed() => {}
            () = due(&names), if is_room => {}
            Some(done) = lookups.join_next() => {
                // One that panicked is found missing by the table.
                if let Ok((name, result)) = done {
                    answered(&names, &name, result);
                }
            }
        }
    }
}

/// Ends when the next name is due.
async fn due(names: &Names) {
    match names.next_due_boot_ns() {
        Some(at) => {
            // The timer counts whole milliseconds; a moment more makes sure that the time has come.
            let wait = Duration::from_nanos(at.saturating_sub(clock::boot_ns()));
            tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
        }
        None => std::future::pending().await,
    }
}

fn answered(names: &Names, name: &str, result: io::Result<Vec<IpAddr>>) {
    if let Err(error) = &result
        && let Some(suppressed) = UNRESOLVED.pass()
    {
        tracing::warn!(
            name,
            suppressed,
            "a name that rules compare addresses with cannot be resolved, such comparisons are false meanwhile: {error}"
        );
    }
    names.answered(name, result.ok(), clock::boot_ns(), rand::rng().random_range(SPREAD));
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use eyrie_proto::event::ordered_fact::Kind;
    use tokio::sync::Semaphore;

    use super::*;

    fn told(names: &Names) -> Vec<String> {
        let name = |fact: eyrie_proto::event::OrderedFact| match fact.kind {
            Some(Kind::Names(names)) => names.name,
            other => panic!("{other:?}"),
        };
        names.take_news(clock::boot_ns()).into_iter().map(name).collect()
    }

    async fn until(what: &str, mut holds: impl FnMut() -> bool) {
        for _ in 0..5_000 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("never {what}");
    }

    /// Scenario: twenty names of which all lookups hang, then succeed one after the other. Guarantees: no more than the bound are looked up at a
    /// time, whoever asks for news does not wait meanwhile, and in the end each name has been looked up once and told.
    #[tokio::test]
    async fn a_few_names_are_looked_up_at_a_time() {
        let names = Arc::new(Names::default());
        let gate = Arc::new(Semaphore::new(0));
        let (at_once, most, asked) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
        let shared = Arc::new((at_once, most, asked));
        let (of_lookups, gate_of_lookups) = (Arc::clone(&shared), Arc::clone(&gate));
        let look_up = move |name: String| {
            let (shared, gate) = (Arc::clone(&of_lookups), Arc::clone(&gate_of_lookups));
            async move {
                shared.2.lock().unwrap().push(name);
                let at_once = shared.0.fetch_add(1, Ordering::SeqCst) + 1;
                shared.1.fetch_max(at_once, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                shared.0.fetch_sub(1, Ordering::SeqCst);
                Ok(vec![IpAddr::from([192, 0, 2, 1])])
            }
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(resolve(Arc::clone(&names), stop.clone(), look_up));
        let all: Vec<String> = (10..30).map(|number| format!("{number}.test")).collect();
        names.want(all.clone());
        until("as many lookups as may be", || shared.0.load(Ordering::SeqCst) == MAX_LOOKUPS).await;
        assert!(told(&names).is_empty());
        gate.add_permits(all.len());
        let mut seen = Vec::new();
        until("all told", || {
            seen.extend(told(&names));
            seen.len() == all.len()
        })
        .await;
        seen.sort();
        assert_eq!(seen, all);
        assert_eq!(shared.2.lock().unwrap().len(), all.len());
        assert_eq!(shared.1.load(Ordering::SeqCst), MAX_LOOKUPS);
        stop.cancel();
        task.await.unwrap();
    }

    /// Scenario: one lookup fails, one panics, one succeeds. Guarantees: the last is told, the first counted, and the task goes on.
    #[tokio::test]
    async fn a_failed_lookup_is_no_end() {
        let names = Arc::new(Names::default());
        let look_up = |name: String| async move {
            match &*name {
                "fails.test" => Err(io::Error::other("no such host")),
                "panics.test" => panic!("as a library might"),
                _ => Ok(vec![IpAddr::from([192, 0, 2, 1])]),
            }
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(resolve(Arc::clone(&names), stop.clone(), look_up));
        names.want(["fails.test", "panics.test"].map(str::to_owned).to_vec());
        until("counted", || names.counts(clock::boot_ns()).failed_lookups == 1).await;
        names.want(vec!["works.test".to_owned()]);
        until("told", || told(&names) == ["works.test"]).await;
        stop.cancel();
        task.await.unwrap();
    }
}
