//! What a process costs.

use std::{collections::HashSet, mem::size_of};

use super::*;
use crate::{process::Thread, program::Program};

/// Scenario: the inline size of what there is many of. Guarantees: nobody makes it larger unawares. Prints the sizes.
#[test]
fn memory_inline() {
    let sizes = (size_of::<Process>(), size_of::<Thread>(), size_of::<Program>());
    println!("process {} bytes, thread {}, program {}", sizes.0, sizes.1, sizes.2);
    assert!(sizes.0 <= 304 && sizes.1 <= 32 && sizes.2 <= 208, "{sizes:?}");
}

/// Scenario: a shell forks a thousand children of which none executes; then they execute with the shell's environment.
/// Guarantees: the children share the shell's program, and after that its environment.
#[test]
fn memory_is_shared() {
    let mut model = after([exec(1, task(1, 0), "/bin/sh")]);
    for pid in 2..1_002 {
        model.apply(&fork(2, task(1, 0), key(pid)));
    }
    let programs = |model: &HostModel| {
        model
            .processes()
            .map(|process| std::sync::Arc::as_ptr(&process.program))
            .collect::<HashSet<_>>()
            .len()
    };
    let environments =
        |model: &HostModel| model.processes().map(|p| p.environment().as_ptr()).collect::<HashSet<_>>().len();
    assert_eq!(programs(&model), 1);
    for pid in 2..1_002 {
        model.apply(&exec(3, task(pid, 1), "/bin/ls"));
    }
    assert_eq!((programs(&model), environments(&model)), (1_001, 1));
    let mut restored = HostModel::default();
    restored.restore(model.base_state().collect::<Vec<_>>(), Vec::new());
    assert_eq!(environments(&restored), 1);
}
