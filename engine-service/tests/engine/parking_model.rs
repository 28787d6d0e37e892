//! Whatever happens meanwhile, what stands in the end is what an engine would have told that knew everything at once.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use engine_service::{
    Engine, Matching, RuleEvaluator, RuleOptions, Running,
    alert_log::AlertLog,
    listener::{ListenSecurity, Listener},
};
use eyrie_proto::{
    capture::{BaseState, Batch, Hello, capture_request},
    event::{
        CgroupFact, CgroupKey, Event, Open, OrderedFact, PathArgument, ProcessKey, ProcessState, SystemCall,
        event::Kind, ordered_fact,
    },
    metadata::{Completeness, Container, ContainerPart, Image, late_fact},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::{
    metadata::{late, with_service},
    metadata_service::*,
    parking::reopen,
    support::*,
};

const RULES: &str = "
- rule: A
  desc: of one container
  condition: evt.type = openat and fd.name in (/a, /ab) and container.name = c0
  output: A %fd.name %container.name
  priority: WARNING
- rule: B
  desc: of one image
  condition: evt.type = openat and fd.name in (/a, /ab) and container.image.repository = i1
  output: B %fd.name %container.name
  priority: WARNING
- rule: C
  desc: of all others
  condition: evt.type = openat and fd.name in (/ab, /b) and not container.name = c0
  output: C %fd.name %container.name
  priority: WARNING
- rule: D
  desc: of any
  condition: evt.type = openat and fd.name = /b
  output: D %fd.name %container.name %container.image.repository
  priority: WARNING
";
const PATHS: [&str; 3] = ["/a", "/ab", "/b"];
/// The last one does not exist.
const CONTAINERS: usize = 4;
const ABSENT: usize = CONTAINERS - 1;
const STEPS: usize = 60;
/// Not at all, for less than an answer takes, and for longer than the test.
const WAITS_MS: [u64; 3] = [0, 20, 600_000];

/// The world, with an agent in it.
struct World {
    random: StdRng,
    matching: Matching,
    service: FakeService,
    events: Vec<Event>,
    /// What happened: container and path by sequence number, of events that are reads.
    reads: BTreeMap<u64, (usize, &'static str)>,
    acked: u64,
    /// The ack before the last, which is what an agent has if the last was lost.
    acked_before: u64,
    told_facts: u64,
}

fn runtime_id(container: usize) -> String {
    format!("{container:064x}")
}

fn whole(number: usize) -> Container {
    let image = Some(Image { repository: format!("i{number}"), ..Image::default() });
    Container { image, ..container(&runtime_id(number), &format!("c{number}")) }
}

fn fact(number: usize) -> Event {
    let cgroup = Some(CgroupKey { cgroup_id: 30 + number as u64, ..CgroupKey::default() });
    let fact = CgroupFact { cgroup, container_id: runtime_id(number), ..CgroupFact::default() };
    let fact = OrderedFact { kind: Some(ordered_fact::Kind::Cgroup(fact)), ..OrderedFact::default() };
    Event { kind: Some(Kind::Fact(fact)), ..Event::default() }
}

fn process(number: usize) -> ProcessKey {
    ProcessKey { pid: 100 + u32::try_from(number).unwrap(), start_boot_ns: 1 }
}

/// What an engine tells of a read that knows everything.
fn expected(matching: Matching, container: usize, path: &str) -> Vec<String> {
    let (name, image) = match container {
        ABSENT => ("<NA>".to_owned(), "<NA>".to_owned()),
        _ => (format!("c{container}"), format!("i{container}")),
    };
    let rules = [
        (path != "/b" && container == 0, format!("A {path} {name}")),
        (path != "/b" && container == 1, format!("B {path} {name}")),
        (path != "/a" && container != 0, format!("C {path} {name}")),
        (path == "/b", format!("D {path} {name} {image}")),
    ];
    let count = if matching == Matching::First { 1 } else { usize::MAX };
    rules.into_iter().filter(|(matches, _)| *matches).map(|(_, message)| message).take(count).collect()
}

impl World {
    async fn engine(&mut self, log: Arc<dyn AlertLog>) -> Running {
        let source = rule_language::Source { name: "r.yaml".into(), text: RULES.into() };
        let evaluator = Arc::new(
            RuleEvaluator::compile(
                &[source],
                &RuleOptions { matching: self.matching, ..RuleOptions::default() },
            )
            .unwrap()
            .evaluator,
        );
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), ListenSecurity::LOCAL).await.unwrap();
        let mut options = options();
        options.metadata.service = with_service(&self.service).metadata.service;
        let parking = &mut options.metadata.parking;
        for wait in [&mut parking.wait, &mut parking.wait_after_restart] {
            *wait = Duration::from_millis(WAITS_MS[self.random.random_range(0..WAITS_MS.len())]);
        }
        Engine { evaluator, log, listener, output: None, options, instruments: Default::default() }
            .start()
            .await
            .unwrap()
    }

    /// A session that begins where the engine is.
    async fn connect(&mut self, engine: &Running) -> Agent {
        let mut first =
            Hello { first_sequence: self.acked + 1, acked_through_sequence: self.acked, ..hello() };
        first.agent.as_mut().unwrap().architecture = "x86_64".into();
        let (mut agent, welcome) = Agent::greet(engine, first).await;
        let through = if let Some(held) = welcome.held_through_sequence {
            held
        } else {
            let processes = (0..CONTAINERS).map(|number| ProcessState {
                process: Some(process(number)),
                comm: b"cat".to_vec(),
                cgroup_id: 30 + number as u64,
                ..ProcessState::default()
            });
            let is_acked = |event: &&Event| matches!(event.kind, Some(Kind::Fact(_)));
            let acked = usize::try_from(self.acked).unwrap();
            let base = BaseState {
                as_of_sequence: self.acked,
                processes: processes.collect(),
                facts: self.events[..acked].iter().filter(is_acked).cloned().collect(),
                is_last: true,
            };
            agent.send(capture_request::Kind::BaseState(base)).await;
            self.acked
        };
        let rest = self.events[usize::try_from(through).unwrap()..].to_vec();
        if !rest.is_empty() {
            self.deliver(&mut agent, through + 1, rest).await;
        }
        agent
    }

    async fn deliver(&mut self, agent: &mut Agent, first: u64, events: Vec<Event>) {
        let through = first + events.len() as u64 - 1;
        agent.send_batch(Batch { events, ..batch(first, 0, &[]) }).await;
        while agent.ack().await.through_sequence < through {}
        (self.acked_before, self.acked) = (self.acked, through);
    }

    fn read(&mut self) -> Event {
        let container = self.random.random_range(0..CONTAINERS);
        self.read_in(container)
    }

    fn read_in(&mut self, container: usize) -> Event {
        let sequence = self.events.len() as u64 + 1;
        let path = PATHS[self.random.random_range(0..PATHS.len())];
        self.reads.insert(sequence, (container, path));
        let argument = Some(PathArgument { requested: path.into(), ..PathArgument::default() });
        let mut event = event(sequence, b"cat");
        let task = event.task.as_mut().unwrap();
        (task.process, task.cgroup_id) = (Some(process(container)), 30 + container as u64);
        event.call = Some(SystemCall { number: 257, result: 3, ..SystemCall::default() });
        event.kind = Some(Kind::Open(Open { path: argument, ..Open::default() }));
        event
    }

    async fn send(&mut self, agent: &mut Agent, event: Event) {
        self.events.push(event.clone());
        let first = self.events.len() as u64;
        self.deliver(agent, first, vec![event]).await;
    }

    /// Somebody says something of a container, perhaps only a part.
    async fn tell(&mut self, agent: &Agent, number: usize, is_whole: bool) {
        if number == ABSENT {
            self.service.store.absent.lock().unwrap().insert(runtime_id(number));
            return;
        }
        let mut container = whole(number);
        if !is_whole {
            // More is to come, or it is known that there is more and that it cannot be had, until it can against all expectation.
            let is_given_up = self.random.random();
            let completeness = if is_given_up { Completeness::FinalPartial } else { Completeness::Pending };
            container.completeness = completeness.into();
            container.missing = vec![ContainerPart::Image.into()];
            container.image = None;
        }
        if self.random.random() {
            self.told_facts += 1;
            agent.send(late(self.told_facts, late_fact::Kind::Container(container))).await;
        } else {
            self.service.store.hold(container);
        }
    }
}

/// What stands: neither taken back nor replaced.
async fn standing(log: &dyn AlertLog) -> Vec<(u64, String)> {
    let mut last = BTreeMap::new();
    for alert in alerts(log).await {
        last.insert(alert.id.clone(), alert);
    }
    let mut standing: Vec<_> = last
        .into_values()
        .filter(|alert| !alert.is_retracted)
        .map(|alert| (alert.sequence, alert.message))
        .collect();
    standing.sort();
    standing
}

async fn run(seed: u64, directory: &Path) {
    let mut random = StdRng::seed_from_u64(seed);
    let matching = if random.random() { Matching::First } else { Matching::All };
    let mut world = World {
        random,
        matching,
        service: FakeService::start().await,
        events: Vec::new(),
        reads: BTreeMap::new(),
        acked: 0,
        acked_before: 0,
        told_facts: 0,
    };
    let mut inner: Arc<dyn AlertLog> = sqlite(directory);
    let mut log = FaultyLog::new(inner.clone(), 0, true);
    let mut engine = world.engine(log.clone()).await;
    let mut agent = world.connect(&engine).await;
    // Some fact about a control group has to come first, for others to be waited for.
    world.send(&mut agent, fact(0)).await;
    for _ in 0..STEPS {
        match world.random.random_range(0..20) {
            0..8 => {
                let event = world.read();
                world.send(&mut agent, event).await;
            }
            8..10 => {
                let number = world.random.random_range(0..CONTAINERS);
                world.send(&mut agent, fact(number)).await;
            }
            10 => {
                let number = world.random.random_range(0..CONTAINERS);
                let is_whole = world.random.random();
                world.tell(&agent, number, is_whole).await;
            }
            11..13 => log.fail(3),
            13..16 => {
                let pause = world.random.random_range(0..40);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            16 => {
                let is_silent = world.random.random();
                world.service.store.is_silent.store(is_silent, std::sync::atomic::Ordering::SeqCst);
            }
            17 => {
                drop(agent);
                agent = world.connect(&engine).await;
            }
            end => {
                if end == 18 {
                    agent.leave_at_the_engines_end(engine).await;
                } else {
                    drop((engine, agent));
                }
                drop((inner, log));
                inner = reopen(directory).await;
                log = FaultyLog::new(inner.clone(), 0, true);
                engine = world.engine(log.clone()).await;
                if world.random.random() {
                    world.acked = world.acked_before;
                }
                let pause = world.random.random_range(0..40);
                tokio::time::sleep(Duration::from_millis(pause)).await;
                agent = world.connect(&engine).await;
            }
        }
    }
    world.service.store.is_silent.store(false, std::sync::atomic::Ordering::SeqCst);
    for number in 0..CONTAINERS {
        world.send(&mut agent, fact(number)).await;
        world.tell(&agent, number, true).await;
        let event = world.read_in(number);
        world.send(&mut agent, event).await;
    }
    let settled = async {
        while engine.metadata_counters().waiting > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let event = world.read_in(ABSENT);
            world.send(&mut agent, event).await;
        }
    };
    let is_settled = tokio::time::timeout(PATIENCE, settled).await.is_ok();
    let waiting = engine.metadata_counters();
    assert!(is_settled, "seed {seed}: {waiting:?}");
    agent.leave_at_the_engines_end(engine).await;
    let all = world.reads.iter().flat_map(|(sequence, (container, path))| {
        expected(matching, *container, path).into_iter().map(|message| (*sequence, message))
    });
    let mut all: Vec<_> = all.collect();
    all.sort();
    assert_eq!(standing(&*inner).await, all, "seed {seed}, {matching:?}");
}

/// Scenario: events in containers, facts, parts of facts and word that the rest cannot be had from the agent and from the metadata service, a service that is
/// silent at times, appends that fail, sessions that break, engines that end and that are killed, acks that are lost, in
/// any order, with waits that are mostly too short. Guarantees: what stands in the end is what everything together says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_is_what_is_so() {
    let seeds = std::env::var("EYRIE_PARKING_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    for seed in 0..seeds {
        let directory = tempfile::tempdir().unwrap();
        run(seed, directory.path()).await;
    }
}
