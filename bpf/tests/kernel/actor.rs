//! Processes that do one thing and end, for the tests to look at.

use std::{
    env,
    path::Path,
    process::{Command, Output},
};

const ACT: &str = "EYRIE_TEST_ACT";

/// A child process that has ended.
pub(crate) struct Acted {
    pub(crate) pid: u32,
    pub(crate) output: Output,
}

/// A command that runs the act of the function `test` of this test program: see [`is_acting`].
pub(crate) fn actor(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(ACT, "1").current_dir(directory);
    command
}

/// Whether this process was started by [`actor`]: then the test does its act and returns.
pub(crate) fn is_acting() -> bool {
    env::var_os(ACT).is_some()
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Acted {
    use std::process::Stdio;
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    Acted { pid, output: child.wait_with_output().unwrap() }
}

// === impl Acted ===

impl Acted {
    /// Fails the test unless the act succeeded.
    pub(crate) fn succeeded(self) -> Self {
        assert!(self.output.status.success(), "{:?}", self.output);
        self
    }

    /// What followed `name=` on a line of the output.
    pub(crate) fn said(&self, name: &str) -> String {
        let text = String::from_utf8_lossy(&self.output.stdout);
        text.lines()
            .filter_map(|line| line.split_once(&format!("{name}=")).map(|(_, value)| value.to_owned()))
            .next()
            .unwrap_or_else(|| panic!("no {name} in {text}"))
    }
}
