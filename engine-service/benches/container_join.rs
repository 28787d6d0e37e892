//! What it costs to find the container of an event of which all is known, for 1024 events at a time as a stretch of a batch has
//! them: of one container, of a host's worth in turn, and of a large host's; then of many hosts, a few events of each at a time, whose state is out of the
//! processor's caches by the time that it is needed again.
#![allow(clippy::expect_used, clippy::panic, missing_docs, reason = "all of this is test code")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine_service::join_probe::JoinProbe;

const EVENTS: u32 = 1_024;
const ORIGINS: u32 = 64;

fn benchmark(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("container_of");
    group.throughput(Throughput::Elements(u64::from(EVENTS)));
    for containers in [1, 20, 200] {
        let (mut probe, events) = (JoinProbe::new(containers), JoinProbe::events(containers, EVENTS));
        assert_eq!(probe.join(&events), events.len(), "not every container is known");
        group.bench_function(format!("{containers} containers in turn"), |bencher| {
            bencher.iter(|| probe.join(&events));
        });
    }
    let mut probes: Vec<_> = (0..ORIGINS).map(|_| JoinProbe::new(20)).collect();
    let events = JoinProbe::events(20, EVENTS / ORIGINS);
    group.bench_function(format!("{ORIGINS} origins of 20 containers in turn"), |bencher| {
        bencher.iter(|| probes.iter_mut().map(|probe| probe.join(&events)).sum::<usize>());
    });
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
