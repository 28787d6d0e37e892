//! What `central` takes and gives with 100,000 containers on 1,000 hosts: relaying them, memory, disk, lookups, lists, watches.
//!
//! The service is a process of its own (this program again), so that its memory is nobody else's; all is said to it by gRPC over loopback.
//! It prints a table in Markdown. Nothing is asserted: figures are of a machine.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement, not a service"
)]

mod facts;
mod report;
mod served;

use std::time::{Duration, Instant};

use eyrie_proto::metadata::{
    AnswerState, ListFilter, ListKind, ListRequest, LookupRequest, Query, WatchRequest,
    metadata_service_client::MetadataServiceClient, query::Key, watch_response,
};
use rand::Rng as _;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use self::{
    facts::{CONTAINERS_OF_A_HOST, HOSTS},
    report::Report,
    served::Served,
};

type Client = MetadataServiceClient<Channel>;

/// Engines that relay at a time.
const ENGINES: u64 = 16;
const LOOKUPS: usize = 20_000;
const LISTS: usize = 200;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    if let Some(directory) = std::env::args_os().nth(1) {
        return served::serve(directory.into()).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut report = Report::default();
    let mut served = Served::start(folder.path()).await;
    report.memory("empty", &served);
    relay(&served, &mut report, 0).await;
    report.memory("100,000 containers relayed", &served);
    report.disk(folder.path());
    relay(&served, &mut report, 1).await;
    report.memory("all of them told anew, changed", &served);
    let mut client = served.client().await;
    lookups(&mut client, &mut report, 1).await;
    lookups(&mut client, &mut report, 100).await;
    report.memory("looked up", &served);
    lists(&mut client, &mut report).await;
    report.memory("listed", &served);
    watches(&mut client, &mut report).await;
    report.memory("watched", &served);
    let begun = Instant::now();
    served.restart(folder.path()).await;
    report.line("restart until it answers", &[begun.elapsed()]);
    report.memory("restarted", &served);
    report.disk(folder.path());
    report.print();
}

/// All facts, by engines that each relay host after host.
async fn relay(served: &Served, report: &mut Report, round: u64) {
    let begun = Instant::now();
    let mut engines = JoinSet::new();
    for engine in 0..ENGINES {
        let mut client = served.client().await;
        engines.spawn(async move {
            let mut times = Vec::new();
            for host in (0..HOSTS).filter(|host| host % ENGINES == engine) {
                let request = facts::of_host(host, round);
                let asked = Instant::now();
                client.relay_facts(request).await.unwrap();
                times.push(asked.elapsed());
            }
            times
        });
    }
    let times: Vec<Duration> = engines.join_all().await.into_iter().flatten().collect();
    let facts = HOSTS * (CONTAINERS_OF_A_HOST + 1);
    report.rate(if round == 0 { "relayed" } else { "relayed anew, changed" }, facts, begun.elapsed());
    report.line("a relay of 101 facts, 16 at a time", &times);
}

async fn lookups(client: &mut Client, report: &mut Report, keys: u64) {
    let mut times = Vec::new();
    for _ in 0..LOOKUPS / usize::try_from(keys).unwrap() {
        let query = |query_id| {
            let mut random = rand::rng();
            let host = random.random_range(0..HOSTS);
            let key = facts::key(host, random.random_range(0..CONTAINERS_OF_A_HOST));
            Query { query_id, as_of_ns: 0, key: Some(Key::Container(key)) }
        };
        let request = LookupRequest { queries: (0..keys).map(query).collect(), wait_ms: 0 };
        let asked = Instant::now();
        let answers = client.lookup(request).await.unwrap().into_inner().answers;
        times.push(asked.elapsed());
        assert!(answers.iter().all(|answer| answer.state() == AnswerState::Found));
    }
    report.line(&format!("Lookup of {keys}"), &times);
}

async fn lists(client: &mut Client, report: &mut Report) {
    let (mut times, mut count, begun) = (Vec::new(), 0, Instant::now());
    let mut request = ListRequest { kind: ListKind::Containers.into(), ..ListRequest::default() };
    loop {
        let asked = Instant::now();
        let page = client.list(request.clone()).await.unwrap().into_inner();
        times.push(asked.elapsed());
        count += page.entities.len();
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(count as u64, HOSTS * CONTAINERS_OF_A_HOST);
    report.line("List, a page of 500 of all", &times);
    report.line("List, all pages", &[begun.elapsed()]);
    let random = |bound: u64| rand::rng().random_range(0..bound);
    let filters: [(&str, &dyn Fn() -> ListFilter); 6] = [
        ("of one host by name", &|| ListFilter {
            hosts: vec![facts::hostname(random(HOSTS))],
            ..ListFilter::default()
        }),
        ("of one host by origin", &|| ListFilter {
            origins: vec![facts::origin(random(HOSTS))],
            ..ListFilter::default()
        }),
        ("by the beginning of an id", &|| ListFilter {
            id_prefix: facts::id(random(HOSTS), random(CONTAINERS_OF_A_HOST))[..12].to_owned(),
            ..ListFilter::default()
        }),
        ("by name", &|| ListFilter {
            name: facts::name(random(HOSTS), random(CONTAINERS_OF_A_HOST)),
            ..ListFilter::default()
        }),
        ("by image", &|| ListFilter { image: facts::image_name(random(500)), ..ListFilter::default() }),
        ("by namespace", &|| ListFilter {
            namespace: facts::namespace(random(200)),
            ..ListFilter::default()
        }),
    ];
    for (what, filter) in filters {
        let (mut times, mut found) = (Vec::new(), 0);
        for _ in 0..LISTS {
            let request = ListRequest {
                kind: ListKind::Containers.into(),
                filter: Some(filter()),
                ..ListRequest::default()
            };
            let asked = Instant::now();
            let page = client.list(request).await.unwrap().into_inner();
            times.push(asked.elapsed());
            found += page.entities.len();
        }
        assert!(found >= LISTS, "{what}: {found}");
        report.line(&format!("List {what} ({} found)", found / LISTS), &times);
    }
}

async fn watches(client: &mut Client, report: &mut Report) {
    for hosts in [1, HOSTS] {
        let mut times = Vec::new();
        for round in 0..if hosts == 1 { 20 } else { 3 } {
            let origins = (0..hosts).map(|host| facts::origin((host + round) % HOSTS)).collect();
            let request = WatchRequest { origins, ..WatchRequest::default() };
            let asked = Instant::now();
            let mut stream = client.watch(tokio_stream::once(request)).await.unwrap().into_inner();
            let mut entities = 0;
            loop {
                match stream.message().await.unwrap().unwrap().kind.unwrap() {
                    watch_response::Kind::Delta(delta) => entities += delta.upserts.len() as u64,
                    watch_response::Kind::SnapshotComplete(_) => break,
                    _ => {}
                }
            }
            times.push(asked.elapsed());
            assert_eq!(entities, hosts * (CONTAINERS_OF_A_HOST + 1));
        }
        report.line(&format!("Watch, snapshot of {hosts} host(s)"), &times);
    }
}
