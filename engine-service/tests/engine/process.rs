//! The binary's command line.

use std::process::{Command, Output};

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_engine-service"));
    command.env_clear().envs(variables.iter().copied()).args(arguments).output().unwrap()
}

/// Scenario: a setting in the file, in the environment and as a flag, with `--print-config`; then mistakes in each. Guarantees:
/// the flag goes over the environment and that over the file; mistakes end the process with 2 and are named.
#[test]
fn settings_come_in_layers() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("engine.toml");
    std::fs::write(&file, "max-alerts = 1\nmax-sessions = 1\nmax-subscriptions = 1\n").unwrap();
    let file = file.to_str().unwrap();
    let variables = [
        ("EYRIE_ENGINE_CONFIG", file),
        ("EYRIE_ENGINE_MAX_ALERTS", "2"),
        ("EYRIE_ENGINE_MAX_SESSIONS", "2"),
        ("EYRIE_ENGINE_QUIET", "true"),
    ];
    let printed = run(&["--print-config", "--max-alerts", "3"], &variables);
    assert_eq!(printed.status.code(), Some(0), "{printed:?}");
    let text = String::from_utf8(printed.stdout).unwrap();
    for line in ["max-alerts = 3", "max-sessions = 2", "max-subscriptions = 1", "quiet = true"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }

    std::fs::write(file, "max-alert = 1\n").unwrap();
    for (arguments, variables, named) in [
        (&["--config", file][..], &[][..], "\"max-alerts\" meant"),
        (&[], &[("EYRIE_ENGINE_MAX_ALERTS", "many")], "--max-alerts"),
        (&["--max-alerts", "0"], &[], "max-alerts is 0"),
        (&["--max-alert", "1"], &[], "--max-alert"),
    ] {
        let refused = run(arguments, variables);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(text.contains(named), "{named} is not in {text}");
    }
}
