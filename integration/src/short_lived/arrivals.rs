use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use anyhow::Context as _;
use eyrie_proto::alert::{
    Alert, SubscribeRequest, alert_service_client::AlertServiceClient, subscribe_request::Start,
    subscribe_response::Kind,
};
use tokio::task::JoinHandle;

use crate::subscriber;

/// An entry of the log, and when a subscriber had it.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// By the clock of this machine.
    pub at: SystemTime,
    /// As it came.
    pub alert: Alert,
}

/// Follows the log and takes down when what came, until dropped.
#[derive(Debug)]
pub struct Arrivals {
    seen: Arc<Mutex<Vec<Arrival>>>,
    task: JoinHandle<anyhow::Result<()>>,
}

// === impl Arrivals ===

impl Arrivals {
    /// From the log's beginning on.
    pub async fn follow(url: &str) -> anyhow::Result<Self> {
        let request = SubscribeRequest {
            start: Some(Start::FromBeginning(true)),
            follow: true,
            ..SubscribeRequest::default()
        };
        let mut client = AlertServiceClient::new(subscriber::connect(url).await?);
        let mut stream = client.subscribe(request).await?.into_inner();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let filled = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let response = stream.message().await?.context("the engine ended the subscription")?;
                let at = SystemTime::now();
                if let Some(Kind::Alert(alert)) = response.kind {
                    filled.lock().unwrap_or_else(PoisonError::into_inner).push(Arrival { at, alert });
                }
            }
        });
        Ok(Self { seen, task })
    }

    /// What has come until now.
    pub fn so_far(&self) -> Vec<Arrival> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        self.task.abort();
    }
}
