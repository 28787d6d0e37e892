//! What filters leave in the kernel no rule needs: the same acts under three engines, of which one asks for every call, one has what
//! filters would drop marked, and one has it dropped.
//!
//! The acts reach a watched file in the ways that tests of paths could miss: links, hard links, dots, descriptors of directories, other
//! roots and mounts, renamed directories, paths that are rewritten while the call runs. The rules say which event is theirs by what decision 3
//! says: the text that was asked for, normalised, and where they want it the kernel's own path.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use std::{collections::BTreeMap, path::Path};

use tempfile::TempDir;
use test_requirements::{Requirement, requires};

use self::{
    acts::Done,
    watches::{Told, Watch},
};

#[path = "plan_soundness/acts.rs"]
mod acts;
#[path = "plan_soundness/by_hand.rs"]
mod by_hand;
#[path = "plan_soundness/filters.rs"]
mod filters;
#[path = "plan_soundness/rules.rs"]
mod rules;
#[path = "plan_soundness/watches.rs"]
mod watches;

/// Events that do not get in on a busy machine cost a round of all acts.
const ROUNDS: usize = 3;

/// Scenario: every act, under three pairs of engine and agent with the same rules, with and without `match_resolved`; the first asks for every call, the
/// second has what filters would drop marked, the third has it dropped. Guarantees: each act is told of as the rules say, by the same alerts from all
/// three; the plans of the second and third test paths and networks, and opens of a file that no rule is about are marked by the second and dropped by
/// the third; no rule needed a marked event.
#[tokio::test(flavor = "multi_thread")]
async fn filters_drop_nothing_that_a_rule_needs() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    integration::program::build_only(&["capture-agent", "engine-service"])?;
    let ground = TempDir::with_prefix_in("eyrie-plan-", "/tmp")?;
    let rules = rules::text(ground.path());
    let mut watches = Watch::all(&rules).await?;
    for round in 1..=ROUNDS {
        let lost_before = watches::lost(&watches).await?;
        let folder = ground.path().join("ground");
        let done = acts::perform_all(&folder)?;
        let told = watches::told(&watches, &done, &folder.join("watched")).await?;
        if watches::lost(&watches).await? == lost_before {
            check(&done, &told, ground.path());
            break;
        }
        anyhow::ensure!(round < ROUNDS, "events were lost in each of {ROUNDS} rounds");
    }
    filters::check(&watches).await?;
    for watch in &mut watches {
        watch.terminate()?;
    }
    Ok(())
}

fn check(done: &[Done], told: &[Told], folder: &Path) {
    let [whole, others @ ..] = told else { panic!("nobody told anything") };
    let raised: BTreeMap<&str, usize> = done.iter().map(|done| (&*done.act, whole.of(done).len())).collect();
    assert!(raised.values().all(|count| *count > 0), "acts that no rule saw: {raised:?}");
    let missing: Vec<_> = rules::names().into_iter().filter(|rule| !whole.has_rule(rule)).collect();
    assert!(missing.is_empty(), "rules that no act set off: {missing:?}");
    for done in done {
        for told in others.iter().filter(|_| !done.is_race()) {
            assert_eq!(whole.difference(told, done), Vec::<String>::new(), "{} for {}", done.act, told.name);
        }
        let Some(reached) = done.reached else { continue };
        let resolved = format!("resolved={}", folder.join("ground/watched/secret").display());
        for told in std::iter::once(whole).chain(others) {
            let of_file = told.of(done).into_iter().filter(|(rule, said)| {
                *rule == rules::RESOLVED && said.split(' ').any(|word| word == resolved)
            });
            assert_eq!(of_file.count(), reached, "{} for {}", done.act, told.name);
        }
    }
}
