//! What the cloud says of the instance that this host is, where it is one.
//!
//! Clouds answer at a link-local address, by plain HTTP. Nobody is asked unless the host's firmware names a cloud (`auto`) or
//! the configuration does: a host without one sends nothing and waits for nothing. A task of its own asks, beside capture; what it
//! learns goes into the host's late fact. An attempt is bounded in time and bytes; one that fails is made again with growing
//! pauses, and after that every hour, as is one that succeeded: tags change.

mod aws;
mod azure;
mod dmi;
mod gcp;
mod http;
mod openstack;
#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use clap::ValueEnum;
use eyrie_proto::metadata::{CloudInstance, Completeness, Host, Provenance};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use self::http::{CloudError, Metadata};
pub use self::http::{MetadataUrl, MetadataUrlError};
use crate::clock;

/// For all requests of one attempt together.
const ATTEMPT_WAIT: Duration = Duration::from_secs(3);
/// Before a failed attempt is made again: doubles from the first to the last, and then it is [`REFRESH`].
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LAST_PAUSE: Duration = Duration::from_secs(300);
/// Before what is known is asked for again.
const REFRESH: Duration = Duration::from_secs(3_600);
/// Tags of one instance; AWS and Azure allow 50.
const MAX_TAGS: usize = 64;
/// Bytes of a tag's name or value, or of anything else that a cloud says; AWS and Azure allow 256, GCP's images are longer.
const MAX_TEXT_BYTES: usize = 1_024;

/// Which cloud is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloudChoice {
    /// The one that the firmware names, if any
    Auto,
    /// None
    #[default]
    Off,
    /// Amazon EC2, by version 2 of its service (tokens)
    Aws,
    /// Google Compute Engine
    Gcp,
    /// Microsoft Azure
    Azure,
    /// `OpenStack`
    Openstack,
}

/// How the cloud is asked.
#[derive(Clone, Debug)]
pub struct CloudConfig {
    /// Which one.
    pub choice: CloudChoice,
    /// Where it answers.
    pub url: MetadataUrl,
    /// Where the kernel shows what the firmware says.
    pub dmi: PathBuf,
}

/// A cloud that can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    Aws,
    Gcp,
    Azure,
    Openstack,
}

/// What was learned and the capture thread has not taken yet.
#[derive(Debug, Default)]
pub(crate) struct CloudNews(Mutex<Option<News>>);

/// The outcome of an attempt.
#[derive(Debug)]
struct News {
    instance: Option<CloudInstance>,
    source: &'static str,
}

// === impl CloudConfig ===

impl Default for CloudConfig {
    /// Nobody is asked.
    fn default() -> Self {
        Self {
            choice: CloudChoice::Off,
            url: MetadataUrl::default(),
            dmi: PathBuf::from("/sys/class/dmi/id"),
        }
    }
}

impl CloudConfig {
    fn provider(&self) -> Option<Provider> {
        match self.choice {
            CloudChoice::Auto => dmi::provider(&self.dmi),
            CloudChoice::Off => None,
            CloudChoice::Aws => Some(Provider::Aws),
            CloudChoice::Gcp => Some(Provider::Gcp),
            CloudChoice::Azure => Some(Provider::Azure),
            CloudChoice::Openstack => Some(Provider::Openstack),
        }
    }

    /// Whether a cloud will be asked, so that something may come.
    pub(crate) fn is_asked(&self) -> bool {
        self.provider().is_some()
    }
}

// === impl Provider ===

impl Provider {
    /// Where what it says is from.
    fn source(self) -> &'static str {
        match self {
            Self::Aws => "aws-imds",
            Self::Gcp => "gcp-metadata",
            Self::Azure => "azure-imds",
            Self::Openstack => "openstack-metadata",
        }
    }

    /// Asks once. What is asked for apart, and cannot be had now, is as it was `known` before.
    async fn ask(
        self,
        metadata: &Metadata<'_>,
        known: Option<&CloudInstance>,
    ) -> Result<CloudInstance, CloudError> {
        let instance = match self {
            Self::Aws => aws::ask(metadata, known).await?,
            Self::Gcp => gcp::ask(metadata).await?,
            Self::Azure => azure::ask(metadata).await?,
            Self::Openstack => openstack::ask(metadata, known).await?,
        };
        Ok(within_bounds(instance))
    }
}

// === impl CloudNews ===

impl CloudNews {
    fn put(&self, news: News) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(news);
    }

    /// Puts what is new into what is told of the host; gives whether there was anything.
    pub(crate) fn take(&self, host: &mut Host) -> bool {
        let Some(news) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else { return false };
        let completeness = match &news.instance {
            Some(_) => Completeness::Complete,
            None => Completeness::FinalPartial,
        };
        host.completeness = completeness.into();
        host.provenance.retain(|provenance| provenance.source != news.source);
        if news.instance.is_some() {
            host.provenance.push(Provenance {
                source: news.source.to_owned(),
                observed_ns: clock::read().epoch_ns,
                observer: "capture-agent".to_owned(),
            });
        }
        host.cloud = news.instance;
        true
    }
}

/// Asks the cloud until `stop`; returns at once where there is none to ask.
pub(crate) async fn run(config: &CloudConfig, news: &CloudNews, stop: CancellationToken) {
    run_with(config, news, stop, FIRST_PAUSE).await;
}

async fn run_with(config: &CloudConfig, news: &CloudNews, stop: CancellationToken, first_pause: Duration) {
    let Some(provider) = config.provider() else { return };
    let asking = async {
        let (mut known, mut pause, mut is_first) = (None, first_pause, true);
        loop {
            let next = match attempt(provider, &config.url, known.as_ref()).await {
                Ok(instance) => {
                    pause = first_pause;
                    if known.as_ref() != Some(&instance) {
                        info!(
                            provider = instance.provider,
                            instance = instance.instance_id,
                            "the cloud tells of this instance"
                        );
                        known = Some(instance.clone());
                        news.put(News { instance: Some(instance), source: provider.source() });
                    }
                    REFRESH
                }
                Err(error) if is_first => {
                    warn!("{error}; cloud.* has no values until it does, trying again");
                    news.put(News { instance: None, source: provider.source() });
                    next_pause(&mut pause)
                }
                // What was learned before is still so.
                Err(error) => {
                    debug!("{error}; trying again");
                    next_pause(&mut pause)
                }
            };
            is_first = false;
            tokio::time::sleep(next).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = asking => {}
    }
}

fn next_pause(pause: &mut Duration) -> Duration {
    if *pause > LAST_PAUSE {
        return REFRESH;
    }
    let next = *pause;
    // The last one is made once.
    *pause = if next == LAST_PAUSE { REFRESH } else { (next * 2).min(LAST_PAUSE) };
    next
}

/// Asks once, in bounded time.
async fn attempt(
    provider: Provider,
    url: &MetadataUrl,
    known: Option<&CloudInstance>,
) -> Result<CloudInstance, CloudError> {
    let metadata = Metadata { url, deadline: Instant::now() + ATTEMPT_WAIT };
    provider.ask(&metadata, known).await
}

/// Too long texts are cut at a letter, and tags beyond the bound are left out.
fn within_bounds(instance: CloudInstance) -> CloudInstance {
    let cut = |mut text: String| {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
        text
    };
    let tags = instance.tags.into_iter().take(MAX_TAGS);
    CloudInstance {
        provider: instance.provider,
        account: cut(instance.account),
        region: cut(instance.region),
        zone: cut(instance.zone),
        instance_id: cut(instance.instance_id),
        instance_type: cut(instance.instance_type),
        image_id: cut(instance.image_id),
        tags: tags.map(|(name, value)| (cut(name), cut(value))).collect(),
    }
}
