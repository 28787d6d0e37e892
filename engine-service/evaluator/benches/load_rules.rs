//! What it costs to load Falco's three stock files, step by step: as diagnostics and a rule set, and on to what an engine
//! evaluates. The bound of the issue is 50 ms for loading. Skips, saying so, where the files are absent.
#![allow(missing_docs, clippy::expect_used, clippy::print_stderr)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use evaluator::CompiledRuleSet;
use rule_language::{Source, load};
use test_requirements::data_dir;

const FILES: [&str; 3] = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];

fn sources() -> Option<Vec<Source>> {
    let read = |name| {
        let bytes = std::fs::read(data_dir().join("falco-rules").join(name)).ok()?;
        Source::from_bytes(name, bytes).ok()
    };
    FILES.into_iter().map(read).collect()
}

fn load_rules(criterion: &mut Criterion) {
    let Some(sources) = sources() else {
        eprintln!("skipped: Falco's stock files are not in {}", data_dir().display());
        return;
    };
    let loaded = load(&sources, fields::catalogue()).expect("the stock files load");
    assert_eq!(loaded.rule_set.rules.len(), 93, "the stock files have 93 rules");
    let mut group = criterion.benchmark_group("stock rules");
    group.bench_function("load", |bencher| {
        bencher.iter(|| load(black_box(&sources), fields::catalogue()).expect("the stock files load"));
    });
    group.bench_function("compile", |bencher| {
        let rule_set = || loaded.rule_set.clone();
        let compile =
            |rule_set| CompiledRuleSet::new(rule_set, fields::catalogue()).expect("rules that compile");
        bencher.iter_batched(rule_set, compile, BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, load_rules);
criterion_main!(benches);
