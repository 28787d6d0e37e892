//! List and watch, as requests of kube's client, with bounds on what comes in.

mod lines;

use std::{path::Path, time::Duration};

use grpc_transport::with_causes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kube::{
    Client, Config,
    api::{ListParams, WatchParams},
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
    core::{Request, Status, WatchEvent},
};

use self::lines::Lines;
use crate::{
    kind::Kind,
    slim::{Slim, SlimList},
};

/// A page as text; 500 large pods have some 10 MiB. It is read whole, and then only what is kept of it stays.
const MAX_PAGE_BYTES: usize = 64 * 1024 * 1024;
/// Of an error's text.
const MAX_STATUS_BYTES: usize = 64 * 1024;
/// Of a message of the API server that is shown.
const SHOWN_CHARACTERS: usize = 300;
/// Until a connection to the API server stands.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// The API server of one cluster.
#[derive(Clone)]
pub struct ApiServer {
    client: Client,
    /// Without credentials; for people.
    address: String,
}

/// Why the API server did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages are the documentation of the variants, and name every field")]
pub enum ApiError {
    #[error("no configuration of a Kubernetes client in {place}: {detail}")]
    Config { place: String, detail: String },
    #[error("the Kubernetes API server does not answer: {detail}")]
    Unreachable { detail: String },
    #[error("the API server keeps us waiting: nothing came for {waited:?}")]
    Silent { waited: Duration },
    #[error("the resource version is not there any more (410 Gone)")]
    Gone,
    #[error(
        "{verb} {plural} is forbidden ({detail}): grant it, deploy/kubernetes/metadata-cluster-rbac.yaml has all that is needed"
    )]
    Forbidden { verb: &'static str, plural: &'static str, detail: String },
    #[error("the API server answers {verb} {plural} with {code}: {detail}")]
    Refused { verb: &'static str, plural: &'static str, code: u16, detail: String },
    #[error("an answer to {verb} {plural} is larger than {limit} bytes")]
    TooLarge { verb: &'static str, plural: &'static str, limit: usize },
    #[error("an answer to {verb} {plural} cannot be read: {detail}")]
    Malformed { verb: &'static str, plural: &'static str, detail: String },
}

/// What was asked for, for errors.
#[derive(Clone, Copy)]
struct Asked {
    verb: &'static str,
    kind: Kind,
}

/// A watch that is open.
pub(crate) struct Events {
    asked: Asked,
    lines: Lines,
}

// === impl ApiServer ===

impl ApiServer {
    /// The API server that a kubeconfig file names in its current context; without one, that of the cluster whose pod we are.
    pub async fn connect(kubeconfig: Option<&Path>) -> Result<Self, ApiError> {
        let config = match kubeconfig {
            Some(path) => {
                let wrong = |detail: String| ApiError::Config { place: path.display().to_string(), detail };
                let file = Kubeconfig::read_from(path).map_err(|error| wrong(error.to_string()))?;
                let options = KubeConfigOptions::default();
                Config::from_custom_kubeconfig(file, &options)
                    .await
                    .map_err(|error| wrong(error.to_string()))?
            }
            None => Config::incluster().map_err(|error| ApiError::Config {
                place: "this pod (give --kubeconfig outside of a cluster)".to_owned(),
                detail: error.to_string(),
            })?,
        };
        Self::new(config)
    }

    /// The API server of a configuration.
    pub fn new(mut config: Config) -> Result<Self, ApiError> {
        config.connect_timeout = Some(CONNECT_WAIT);
        // We retry ourselves, and say so.
        config.default_retry = false;
        let address = config.cluster_url.to_string();
        let client = Client::try_from(config)
            .map_err(|error| ApiError::Config { place: address.clone(), detail: error.to_string() })?;
        Ok(Self { client, address })
    }

    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A page of a list.
    pub(crate) async fn page(
        &self,
        kind: Kind,
        limit: u32,
        continue_token: Option<&str>,
    ) -> Result<SlimList, ApiError> {
        let asked = Asked { verb: "list", kind };
        let mut params = ListParams::default().limit(limit);
        params.continue_token = continue_token.map(str::to_owned);
        let request = Request::new(kind.path());
        let request = match kind.is_metadata_enough() {
            true => request.list_metadata(&params),
            false => request.list(&params),
        };
        let body = self.send(asked, request).await?;
        let text = read(asked, body, MAX_PAGE_BYTES).await?;
        serde_json_from(asked, &text)
    }

    /// Changes after a resource version, for `lifetime` at the most.
    pub(crate) async fn watch(
        &self,
        kind: Kind,
        version: &str,
        lifetime: Duration,
    ) -> Result<Events, ApiError> {
        let asked = Asked { verb: "watch", kind };
        let seconds = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX).clamp(1, 294);
        let params = WatchParams::default().timeout(seconds);
        let request = Request::new(kind.path());
        let request = match kind.is_metadata_enough() {
            true => request.watch_metadata(&params, version),
            false => request.watch(&params, version),
        };
        Ok(Events { asked, lines: Lines::new(self.send(asked, request).await?) })
    }

    async fn send(
        &self,
        asked: Asked,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Body, ApiError> {
        let request = request.map_err(|error| asked.malformed(&error))?;
        let response = self.client.send(request.map(Body::from)).await;
        let response = response.map_err(|error| ApiError::Unreachable { detail: shown(&error) })?;
        let code = response.status();
        if code.is_success() {
            return Ok(response.into_body());
        }
        let text = read(asked, response.into_body(), MAX_STATUS_BYTES).await.unwrap_or_default();
        let status: Status = match serde_json::from_slice(&text) {
            Ok(status) => status,
            Err(_) => Status::failure(&String::from_utf8_lossy(&text), ""),
        };
        Err(asked.refused(code.as_u16(), &status))
    }
}

// === impl Events ===

impl Events {
    /// The next event; `None` when the server ends the watch, which it does now and then.
    pub(crate) async fn next(&mut self) -> Result<Option<WatchEvent<Slim>>, ApiError> {
        let Some(line) = self.lines.next(self.asked).await? else { return Ok(None) };
        match serde_json_from(self.asked, &line)? {
            WatchEvent::Error(status) => Err(self.asked.refused(status.code, &status)),
            event => Ok(Some(event)),
        }
    }
}

// === impl Asked ===

impl Asked {
    fn refused(self, code: u16, status: &Status) -> ApiError {
        let (verb, plural) = (self.verb, self.kind.plural());
        let detail: String = status.message.chars().take(SHOWN_CHARACTERS).collect();
        match code {
            410 => ApiError::Gone,
            401 | 403 => ApiError::Forbidden { verb, plural, detail },
            _ => ApiError::Refused { verb, plural, code, detail },
        }
    }

    fn malformed(self, error: &dyn std::error::Error) -> ApiError {
        ApiError::Malformed { verb: self.verb, plural: self.kind.plural(), detail: shown(error) }
    }

    fn too_large(self, limit: usize) -> ApiError {
        ApiError::TooLarge { verb: self.verb, plural: self.kind.plural(), limit }
    }
}

async fn read(asked: Asked, body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(asked.too_large(limit)),
        Err(error) => Err(ApiError::Unreachable { detail: shown(&*error) }),
    }
}

fn serde_json_from<T: serde::de::DeserializeOwned>(asked: Asked, text: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(text).map_err(|error| asked.malformed(&error))
}

/// An error with its causes, as far as people want to read of it.
fn shown(error: &dyn std::error::Error) -> String {
    with_causes(error).chars().take(SHOWN_CHARACTERS).collect()
}
