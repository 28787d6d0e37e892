//! Certificates over real TLS: whose events are taken, and who sees which alerts.

use std::{path::Path, sync::Arc};

use engine_service::{
    CaptureMode, Engine, EngineOptions, Running,
    alert_log::AlertLog,
    evaluate::Evaluate,
    listener::{ClientSecurity, ListenSecurity, Listener, ServerTlsFiles, ServiceAddress, ServiceEndpoint},
};
use eyrie_proto::{
    alert::{
        AlertFilter, SubscribeRequest, alert_service_client::AlertServiceClient, subscribe_request::Start,
        subscribe_response,
    },
    capture::{
        BaseState, Hello, Host, ListHostsRequest, ListPlansRequest, capture_request, capture_response,
        host_service_client::HostServiceClient, plan_service_client::PlanServiceClient,
    },
    event::{HostBoot, Origin, origin},
    recording::{
        DeleteRecordingRequest, FetchRecordingRequest, ListRecordingsRequest, RecordHostRequest,
        recording_service_client::RecordingServiceClient,
    },
    rules::{ListCoverageRequest, rule_service_client::RuleServiceClient},
};
use test_certificates::Authority;
use tonic::{Code, transport::Channel};

use crate::support::*;

const HOST_A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const HOST_B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// An engine that asks for certificates, and who issues them.
struct Secured {
    engine: Running,
    log: Arc<dyn AlertLog>,
    authority: Authority,
    _directory: tempfile::TempDir,
}

impl Secured {
    async fn start() -> Self {
        Self::start_with(evaluator(), |_| options()).await
    }

    async fn start_with(evaluator: Arc<dyn Evaluate>, options: impl FnOnce(&Path) -> EngineOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = options(directory.path());
        let authority = Authority::new(directory.path(), "ca");
        let server = authority.server("engine");
        let files = ServerTlsFiles {
            certificate: server.certificate,
            key: server.key,
            client_ca: Some(authority.file().to_owned()),
        };
        let security = ListenSecurity { tls: Some(files), is_insecure_allowed: false };
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), security).await.unwrap();
        let log: Arc<dyn AlertLog> = sqlite(directory.path());
        let parts = Engine {
            evaluator,
            log: Arc::clone(&log),
            listener,
            output: None,
            options,
            instruments: Default::default(),
        };
        Self { engine: parts.start().await.unwrap(), log, authority, _directory: directory }
    }

    /// A connection of whom `name` names.
    async fn connect(&self, name: &str) -> Channel {
        let issued = self.authority.client("client", &[&format!("spiffe://test/eyrie/{name}")]);
        let security = ClientSecurity {
            ca: Some(self.authority.file().to_owned()),
            identity: Some((issued.certificate, issued.key)),
            ..ClientSecurity::default()
        };
        let address = ServiceAddress::of_listener(self.engine.local_address(), true);
        ServiceEndpoint::new(address, &security).unwrap().connect().await.unwrap()
    }

    async fn open(&self, name: &str) -> Agent {
        Agent::open_over(self.connect(name).await).await
    }

    /// Has an agent with the certificate `name` deliver one event of `host`, which raises an alert.
    async fn deliver(&self, name: &str, host: Origin) {
        let mut agent = self.open(name).await;
        agent.send(capture_request::Kind::Hello(hello_of(host))).await;
        assert!(matches!(agent.next().await, Some(Ok(capture_response::Kind::Welcome(_)))));
        let base = BaseState { is_last: true, ..BaseState::default() };
        agent.send(capture_request::Kind::BaseState(base)).await;
        assert_eq!(agent.deliver(batch(1, 1, &[1])).await.through_sequence, 1);
        agent.leave().await;
    }

    /// The hosts that `name` is shown.
    async fn hosts(&self, name: &str) -> Vec<Host> {
        let mut client = HostServiceClient::new(self.connect(name).await);
        let request = ListHostsRequest { include_disconnected: true };
        client.list_hosts(request).await.unwrap().into_inner().hosts
    }

    /// The tenants of the hosts whose plans `name` is shown.
    async fn tenants_of_plans(&self, name: &str) -> Vec<String> {
        let mut client = PlanServiceClient::new(self.connect(name).await);
        let request = ListPlansRequest { include_disconnected: true, ..ListPlansRequest::default() };
        let mut stream = client.list_plans(request).await.unwrap().into_inner();
        let mut tenants = Vec::new();
        while let Some(plan) = stream.message().await.unwrap() {
            tenants.push(plan.origin.unwrap().tenant);
        }
        tenants.sort();
        tenants
    }

    /// The tenants of the alerts that `name` gets, who asks with this filter for everything there is.
    async fn tenants_of_alerts(&self, name: &str, filter: AlertFilter) -> Vec<String> {
        let request = SubscribeRequest {
            start: Some(Start::FromBeginning(true)),
            filter: Some(filter),
            ..SubscribeRequest::default()
        };
        let mut client = AlertServiceClient::new(self.connect(name).await);
        let mut stream = client.subscribe(request).await.unwrap().into_inner();
        let mut tenants = Vec::new();
        while let Some(response) = stream.message().await.unwrap() {
            match response.kind.unwrap() {
                subscribe_response::Kind::Alert(alert) => tenants.push(alert.origin.unwrap().tenant),
                other => panic!("{other:?}"),
            }
        }
        tenants.sort();
        tenants
    }
}

fn host(tenant: &str, machine_id: &str) -> Origin {
    let boot =
        HostBoot { machine_id: machine_id.into(), boot_id: "01234567-89ab-cdef-0123-456789abcdef".into() };
    Origin { tenant: tenant.into(), kind: Some(origin::Kind::Host(boot)) }
}

fn hello_of(host: Origin) -> Hello {
    Hello { origin: Some(host), ..hello() }
}

/// Scenario: an agent with a certificate of host A says that it is host B, that it is of another tenant, and then who it is, while
/// the real B is connected. Guarantees: the claims are refused, for good and with the names of both; nothing of them reaches
/// the log or the list of hosts, and B's session goes on; as host A it is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_speaks_for_the_host_of_its_certificate_only() {
    let secured = Secured::start().await;
    let (of_a, of_b) = (format!("agent/host/{HOST_A}"), format!("agent/host/{HOST_B}"));
    let mut real = secured.open(&of_b).await;
    real.send(capture_request::Kind::Hello(hello_of(host("", HOST_B)))).await;
    assert!(matches!(real.next().await, Some(Ok(capture_response::Kind::Welcome(_)))));
    let base = BaseState { is_last: true, ..BaseState::default() };
    real.send(capture_request::Kind::BaseState(base.clone())).await;

    for claimed in [host("", HOST_B), host("acme", HOST_A)] {
        let liar = secured.open(&of_a).await;
        liar.send(capture_request::Kind::Hello(hello_of(claimed.clone()))).await;
        liar.send(capture_request::Kind::BaseState(base.clone())).await;
        liar.send_batch(batch(1, 1, &[1])).await;
        let status = liar.status().await;
        assert_eq!((status.code(), reason(&status)), (Code::PermissionDenied, "PEER_NOT_ALLOWED"));
        assert_eq!(status.metadata().get("eyrie-retryable").unwrap(), "false");
        assert!(status.message().contains(&claimed.to_string()), "{}", status.message());
        assert!(status.message().contains(&of_a), "{}", status.message());
    }
    assert!(alerts(&*secured.log).await.is_empty());
    let hosts = secured.hosts("operator").await;
    assert_eq!(hosts.len(), 1, "{hosts:?}");
    assert_eq!((hosts[0].origin.clone(), hosts[0].received_events), (Some(host("", HOST_B)), 0));
    assert!(hosts[0].is_connected);
    assert_eq!(real.deliver(batch(1, 1, &[])).await.through_sequence, 1);

    secured.deliver(&of_a, host("", HOST_A)).await;
    assert_eq!(alert_sequences(&*secured.log).await, [1]);
    real.leave().await;
    secured.engine.shutdown().await;
}

/// Scenario: hosts of two tenants and of none raise alerts; operators of each tenant and of all look at alerts, hosts and
/// their plans, one of them asking for another tenant's origins by name. Guarantees: an operator of one tenant sees what is
/// its own and nothing else, whatever the filter says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sees_what_is_his_tenants() {
    let secured = Secured::start().await;
    secured.deliver("agent", host("", HOST_A)).await;
    secured.deliver("agent/tenant/acme", host("acme", HOST_A)).await;
    secured.deliver("agent/tenant/other", host("other", HOST_B)).await;
    let everything = AlertFilter::default;
    let of_other = AlertFilter { origins: vec![host("other", HOST_B)], ..AlertFilter::default() };
    for (name, filter, tenants) in [
        ("operator", everything(), &["", "acme", "other"][..]),
        ("operator/tenant/acme", everything(), &["acme"]),
        ("operator/tenant/other", everything(), &["other"]),
        ("operator/tenant/third", everything(), &[]),
        ("operator/tenant/acme", of_other.clone(), &[]),
        ("operator", of_other, &["other"]),
    ] {
        assert_eq!(secured.tenants_of_alerts(name, filter).await, tenants, "{name}");
    }
    for (name, tenants) in [
        ("operator", &["", "acme", "other"][..]),
        ("operator/tenant/acme", &["acme"]),
        ("operator/tenant/third", &[]),
    ] {
        let mut found: Vec<_> =
            secured.hosts(name).await.into_iter().map(|host| host.origin.unwrap().tenant).collect();
        found.sort();
        assert_eq!(found, tenants, "{name}");
        assert_eq!(secured.tenants_of_plans(name).await, tenants, "{name}");
    }
    secured.engine.shutdown().await;
}

/// Scenario: an agent subscribes and lists hosts, an operator sends events, an engine does either. Guarantees: each is refused
/// before its handler, by its role.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_do_not_lend_each_other_their_methods() {
    let secured = Secured::start().await;
    for name in ["agent", "engine", "metadata"] {
        let channel = secured.connect(name).await;
        let subscribed =
            AlertServiceClient::new(channel.clone()).subscribe(SubscribeRequest::default()).await;
        let status = subscribed.map(|_| ()).unwrap_err();
        assert_eq!((status.code(), reason(&status)), (Code::PermissionDenied, "NOT_PERMITTED"), "{name}");
        let listed = HostServiceClient::new(channel.clone()).list_hosts(ListHostsRequest::default()).await;
        assert_eq!(reason(&listed.unwrap_err()), "NOT_PERMITTED", "{name}");
        let plans = PlanServiceClient::new(channel.clone()).list_plans(ListPlansRequest::default()).await;
        assert_eq!(reason(&plans.unwrap_err()), "NOT_PERMITTED", "{name}");
        let covered = RuleServiceClient::new(channel).list_coverage(ListCoverageRequest::default()).await;
        assert_eq!(reason(&covered.unwrap_err()), "NOT_PERMITTED", "{name}");
    }
    for name in ["operator", "engine", "metadata"] {
        let channel = secured.connect(name).await;
        let mut client = eyrie_proto::capture::capture_service_client::CaptureServiceClient::new(channel);
        let status = client.capture(tokio_stream::pending()).await.map(|_| ()).unwrap_err();
        assert_eq!((status.code(), reason(&status)), (Code::PermissionDenied, "NOT_PERMITTED"), "{name}");
    }
    secured.engine.shutdown().await;
}

/// Scenario: hosts of two tenants raise alerts that are recorded; agents, engines, and operators of each tenant and of all list, fetch,
/// remove, and record hosts. Guarantees: whoever is no operator is refused before any handler; an operator of one tenant learns
/// nothing of another's, not even that there is something, and cannot remove it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recordings_are_their_tenants_operators() {
    let recording = |directory: &Path| {
        let mut options = options();
        options.recordings.folder = Some(directory.join("recordings"));
        options.recordings.mode = CaptureMode::AllRules;
        options
    };
    let secured = Secured::start_with(evaluator(), recording).await;
    secured.deliver("agent/tenant/acme", host("acme", HOST_A)).await;
    secured.deliver("agent/tenant/other", host("other", HOST_B)).await;
    let client = async |name: &str| RecordingServiceClient::new(secured.connect(name).await);
    let listed = async |name: &str| {
        let listed = client(name).await.list_recordings(ListRecordingsRequest::default()).await;
        listed.unwrap().into_inner().recordings
    };
    let all = listed("operator").await;
    assert_eq!(all.len(), 2);
    let acme = listed("operator/tenant/acme").await;
    assert_eq!(acme.iter().map(|one| one.origin.clone()).collect::<Vec<_>>(), [Some(host("acme", HOST_A))]);
    assert!(listed("operator/tenant/third").await.is_empty());
    let id = acme[0].id.clone();
    for name in ["agent", "agent/tenant/acme", "engine", "metadata"] {
        let mut client = client(name).await;
        let refusals = [
            client.list_recordings(ListRecordingsRequest::default()).await.unwrap_err(),
            client.fetch_recording(FetchRecordingRequest { id: id.clone() }).await.map(|_| ()).unwrap_err(),
            client.delete_recording(DeleteRecordingRequest { id: id.clone() }).await.unwrap_err(),
            client.record_host(RecordHostRequest::default()).await.map(|_| ()).unwrap_err(),
        ];
        assert!(refusals.iter().all(|status| reason(status) == "NOT_PERMITTED"), "{name}: {refusals:?}");
    }
    let mut other = client("operator/tenant/other").await;
    let fetched = other.fetch_recording(FetchRecordingRequest { id: id.clone() }).await.map(|_| ());
    assert_eq!(reason(&fetched.unwrap_err()), "RECORDING_NOT_FOUND");
    let deleted = other.delete_recording(DeleteRecordingRequest { id: id.clone() }).await;
    assert_eq!(reason(&deleted.unwrap_err()), "RECORDING_NOT_FOUND");
    let mut agent = secured.open("agent/tenant/acme").await;
    agent.send(capture_request::Kind::Hello(hello_of(host("acme", HOST_A)))).await;
    assert!(matches!(agent.next().await, Some(Ok(capture_response::Kind::Welcome(_)))));
    let request = || RecordHostRequest { host: HOST_A.into(), duration_ms: 1 };
    assert_eq!(reason(&other.record_host(request()).await.map(|_| ()).unwrap_err()), "HOST_UNKNOWN");
    assert_eq!(listed("operator").await.len(), 2);
    agent.leave_at_the_engines_end(secured.engine).await;
}
