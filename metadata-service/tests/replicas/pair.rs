//! Two replicas, and what the tests ask of them.

use std::{path::Path, time::Duration};

use eyrie_proto::metadata::{AnswerState, ContainerKey, LateFact};
use metadata_service::{Config, Running, store::nats::NatsConfig};
use tempfile::TempDir;
use tonic::{Code, Status};

use crate::{nats_server::NatsServer, support::*};

/// Two replicas of a bucket of their own server.
pub(crate) struct Pair {
    pub(crate) server: NatsServer,
    _folders: [TempDir; 2],
    pub(crate) services: [Running; 2],
    pub(crate) engines: [Engine; 2],
}

pub(crate) const BUCKET: &str = "pair";

pub(crate) fn config_of(directory: &Path, nats: NatsConfig) -> Config {
    Config { nats: Some(nats), ..config(directory) }
}

// === impl Pair ===

impl Pair {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl Fn(&mut Config)) -> Self {
        let server = NatsServer::start();
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let begin = |folder: &TempDir| {
            let mut config = config_of(folder.path(), server.bucket(BUCKET));
            change(&mut config);
            start_with(config)
        };
        let services = [begin(&folders[0]).await, begin(&folders[1]).await];
        let engines = [Engine::connect(&services[0]).await, Engine::connect(&services[1]).await];
        Self { server, _folders: folders, services, engines }
    }

    pub(crate) async fn shutdown(self) {
        drop(self.engines);
        for service in self.services {
            service.shutdown().await;
        }
    }
}

/// Asks until the answer is the one that is waited for: another replica hears a little later.
pub(crate) async fn until_named(engine: &mut Engine, key: &ContainerKey, name: &str) {
    let asking = async {
        while engine.name(key.clone(), 0).await != (AnswerState::Found, name.to_owned()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{name} does not come"));
}

/// The version of what is found.
pub(crate) async fn version(engine: &mut Engine, key: &ContainerKey) -> u64 {
    engine.lookup(key.clone(), 0).await.entity.map_or(0, |entity| entity.version)
}

/// Relays as engines do: again and again for as long as the service says that it may be later.
pub(crate) async fn relay_until_acked(engine: &mut Engine, epoch: u64, first: u64, late: Vec<LateFact>) {
    let relaying = async {
        let mut request = facts(first, late);
        request.epoch = epoch;
        loop {
            match engine.try_relay(request.clone()).await {
                Ok(through) => return assert!(through >= first),
                Err(status) => assert!(may_be_later(&status), "{status:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(3 * PATIENCE, relaying).await.unwrap();
}

fn may_be_later(status: &Status) -> bool {
    status.code() == Code::Unavailable
}
