//! `RuleService`: coverage, and where rules come from.

use std::sync::Arc;

use eyrie_proto::rules::{
    DeleteAssignmentRequest, DeleteAssignmentResponse, DeleteBundleRequest, DeleteBundleResponse,
    GetBundleRequest, GetBundleResponse, ListAssignmentsRequest, ListAssignmentsResponse, ListBundlesRequest,
    ListBundlesResponse, ListCoverageRequest, ListCoverageResponse, PutAssignmentRequest,
    PutAssignmentResponse, PutBundleRequest, PutBundleResponse, rule_service_server::RuleService,
};
use tonic::{Request, Response, Status};

use super::{
    answers::{Answers, answer},
    coverage::{Asked, HostCoverage},
    wanted::{Wanted, rules_called},
};
use crate::{error::RpcError, intake::Intake, listener::AuthenticatedPeer};

/// Tells of coverage.
#[derive(Clone)]
pub(crate) struct RuleServer(pub(crate) Arc<Intake>);

// === impl RuleServer ===

#[tonic::async_trait]
impl RuleService for RuleServer {
    type ListCoverageStream = Answers<ListCoverageResponse>;

    async fn list_coverage(
        &self,
        request: Request<ListCoverageRequest>,
    ) -> Result<Response<Self::ListCoverageStream>, Status> {
        let peer = AuthenticatedPeer::of(&request).map_err(RpcError::Call)?;
        let request = request.into_inner();
        let rules = if request.rules.is_empty() {
            self.0.evaluator.rules().to_vec()
        } else {
            rules_called(&self.0, &request.rules)?
        };
        let wanted = Wanted { hosts: &request.hosts, origins: &request.origins, includes_disconnected: true };
        let hosts = wanted.find(&self.0, &peer)?;
        let (calls, digest) = (self.0.plans.calls(), self.0.evaluator.rule_set_digest().to_owned());
        Ok(answer(&self.0, hosts, move |host| {
            let asked = Asked::new(&calls, &digest);
            let coverage = HostCoverage::new(host, &asked);
            rules.iter().map(|rule| coverage.of(rule)).collect()
        }))
    }

    async fn put_bundle(&self, _: Request<PutBundleRequest>) -> Result<Response<PutBundleResponse>, Status> {
        Err(RpcError::RulesFromFiles.into())
    }

    async fn get_bundle(&self, _: Request<GetBundleRequest>) -> Result<Response<GetBundleResponse>, Status> {
        Err(RpcError::RulesFromFiles.into())
    }

    async fn list_bundles(
        &self,
        _: Request<ListBundlesRequest>,
    ) -> Result<Response<ListBundlesResponse>, Status> {
        Err(RpcError::RulesFromFiles.into())
    }

    async fn delete_bundle(
        &self,
        _: Request<DeleteBundleRequest>,
    ) -> Result<Response<DeleteBundleResponse>, Status> {
        Err(RpcError::RulesFromFiles.into())
    }

    async fn put_assignment(
        &self,
        _: Request<PutAssignmentRequest>,
    ) -> Result<Response<PutAssignmentResponse>, Status> {
        Err(RpcError::RulesFromFiles.into())
    }

    async fn list_assignments(
        &self,
        _: Request<ListAssignmentsRequest>,
    ) -> Result<Response<ListAssignmentsResponse>, Status> {
        Err(RpcError::RulesFromFiles.into())
    }

    async fn delete_assignment(
        &self,
        _: Request<DeleteAssignmentRequest>,
    ) -> Result<Response<DeleteAssignmentResponse>, Status> {
        Err(RpcError::RulesFromFiles.into())
    }
}
