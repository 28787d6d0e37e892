//! `MetadataService` and `ClusterService` over a store.

use std::{sync::Arc, time::Duration};

use eyrie_proto::metadata::{
    ListRequest, ListResponse, LookupRequest, LookupResponse, PushClusterRequest, PushClusterResponse,
    RelayFactsRequest, RelayFactsResponse, WatchRequest, WatchResponse,
    cluster_service_server::ClusterService, metadata_service_server::MetadataService,
};
use grpc_transport::AuthenticatedPeer;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    error::RpcError,
    list,
    lookup::Lookup,
    metrics::Metrics,
    permitted,
    push::{self, Clusters, Push},
    relay,
    store::MetadataStore,
    watch::{WAITING_MESSAGES, Watch},
};

/// The role `central`.
#[derive(Clone)]
pub(crate) struct Central(pub(crate) Arc<CentralParts>);

/// What it is made of.
pub(crate) struct CentralParts {
    pub(crate) store: Arc<dyn MetadataStore>,
    pub(crate) lookup: Lookup,
    pub(crate) metrics: Metrics,
    pub(crate) heartbeat: Duration,
    pub(crate) max_watches: usize,
    pub(crate) watch_permits: Arc<Semaphore>,
    pub(crate) clusters: Arc<Clusters>,
    pub(crate) push_permits: Arc<Semaphore>,
    pub(crate) max_cluster_objects: usize,
    /// Told when a cluster's push was applied.
    pub(crate) applied: Arc<Notify>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

// === impl Central ===

#[tonic::async_trait]
impl MetadataService for Central {
    type WatchStream = ReceiverStream<Result<WatchResponse, Status>>;

    async fn lookup(&self, request: Request<LookupRequest>) -> Result<Response<LookupResponse>, Status> {
        let parts = &*self.0;
        let answering = async {
            permitted::lookup(&AuthenticatedPeer::of(&request)?, request.get_ref())?;
            parts.lookup.answer(request.into_inner()).await
        };
        let answered = tokio::select! {
            answered = answering => answered,
            () = parts.stop.cancelled() => Err(RpcError::ShuttingDown),
        };
        parts.metrics.count_call("Lookup", answered.map(Response::new).map_err(Status::from))
    }

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let parts = &*self.0;
        let result = self.begin_watch(request).map(Response::new).map_err(Status::from);
        parts.metrics.count_call("Watch", result)
    }

    async fn relay_facts(
        &self,
        request: Request<RelayFactsRequest>,
    ) -> Result<Response<RelayFactsResponse>, Status> {
        let parts = &*self.0;
        let response = self
            .relay(request.into_inner())
            .await
            .map(|through_fact_sequence| RelayFactsResponse { through_fact_sequence });
        parts.metrics.count_call("RelayFacts", response.map(Response::new).map_err(Status::from))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        let parts = &*self.0;
        let listing = async {
            let listing = list::check(&AuthenticatedPeer::of(&request)?, request.into_inner())?;
            parts.store.list(Arc::new(listing)).await.map(list::response).map_err(RpcError::Store)
        };
        let listed = tokio::select! {
            listed = listing => listed,
            () = parts.stop.cancelled() => Err(RpcError::ShuttingDown),
        };
        parts.metrics.count_call("List", listed.map(Response::new).map_err(Status::from))
    }
}

#[tonic::async_trait]
impl ClusterService for Central {
    type PushClusterStream = ReceiverStream<Result<PushClusterResponse, Status>>;

    async fn push_cluster(
        &self,
        request: Request<Streaming<PushClusterRequest>>,
    ) -> Result<Response<Self::PushClusterStream>, Status> {
        let result = self.begin_push(request).map(Response::new).map_err(Status::from);
        self.0.metrics.count_call("PushCluster", result)
    }
}

impl Central {
    /// Gives through which fact everything is durable.
    async fn relay(&self, request: RelayFactsRequest) -> Result<u64, RpcError> {
        let (store, are_earlier_lost) = (&self.0.store, request.are_earlier_lost);
        let batch = relay::check(request)?;
        if are_earlier_lost && batch.first_sequence > 1 {
            store.apply(Arc::new(relay::passing_over_earlier(&batch))).await?;
        }
        Ok(store.apply(Arc::new(batch)).await?)
    }

    fn begin_push(
        &self,
        request: Request<Streaming<PushClusterRequest>>,
    ) -> Result<<Self as ClusterService>::PushClusterStream, RpcError> {
        let parts = &*self.0;
        let peer = AuthenticatedPeer::of(&request)?;
        if parts.stop.is_cancelled() {
            return Err(RpcError::ShuttingDown);
        }
        let too_many = |_| RpcError::TooMany { limit: push::MAX_STREAMS, what: "streams of clusters" };
        let permit = Arc::clone(&parts.push_permits).try_acquire_owned().map_err(too_many)?;
        let (acks, receiver) = mpsc::channel(push::WAITING_ACKS);
        let push = Push {
            store: Arc::clone(&parts.store),
            clusters: Arc::clone(&parts.clusters),
            applied: Arc::clone(&parts.applied),
            max_objects: parts.max_cluster_objects,
            peer,
            requests: request.into_inner(),
            acks,
            permit,
        };
        parts.tasks.spawn(push.run(parts.stop.clone()));
        Ok(ReceiverStream::new(receiver))
    }

    fn begin_watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<<Self as MetadataService>::WatchStream, RpcError> {
        let parts = &*self.0;
        let peer = AuthenticatedPeer::of(&request)?;
        if parts.stop.is_cancelled() {
            return Err(RpcError::ShuttingDown);
        }
        let too_many = |_| RpcError::TooMany { limit: parts.max_watches, what: "watches" };
        let permit = Arc::clone(&parts.watch_permits).try_acquire_owned().map_err(too_many)?;
        let (messages, receiver) = mpsc::channel(WAITING_MESSAGES);
        let watch = Watch {
            store: Arc::clone(&parts.store),
            heartbeat: parts.heartbeat,
            metrics: parts.metrics.clone(),
            peer,
            requests: request.into_inner(),
            messages,
            permit,
        };
        parts.tasks.spawn(watch.run(parts.stop.clone()));
        Ok(ReceiverStream::new(receiver))
    }
}
