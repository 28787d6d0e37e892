//! The calls that Falco processes with some rules.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::{Context as _, ensure};
use integration::{measured::attached::stock_rules, program::built};
use serde_json::Value;

/// What it needs for its picture of processes and files, whatever the rules: the calls that modify its state (`base_syscalls` as
/// it is by default).
const STATE: &str = "accept accept4 bind capset chdir chroot clone clone3 close close_range connect creat dup dup2 dup3 epoll_create \
    epoll_create1 eventfd eventfd2 execve execveat fchdir fcntl fork getsockopt inotify_init inotify_init1 io_uring_setup memfd_create \
    mount open open_by_handle_at openat openat2 pidfd_getfd pidfd_open pipe pipe2 prctl recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto \
    setgid setregid setresgid setresuid setreuid setsid setuid shutdown signalfd signalfd4 socket socketpair timerfd_create umount \
    umount2 userfaultfd vfork";
/// What it leaves out even if rules ask for it.
const IGNORED: &str =
    "pread preadv pwrite pwritev read readv recv send sendfile write writev pread64 pwrite64";
/// Events that are no calls.
const NO_CALLS: &str = "asyncevent container pluginevent procexit signaldeliver switch";

/// With the stock rules: for its state, and for the rules that are enabled.
pub(super) fn of_falco(rules: &Path) -> anyhow::Result<Vec<String>> {
    let output =
        Command::new(built("eyrie")?).args(["rules", "describe"]).args(stock_rules(rules)).output()?;
    ensure!(output.status.success(), "the rules: {}", String::from_utf8_lossy(&output.stderr));
    processed(&serde_json::from_slice(&output.stdout)?)
}

fn processed(described: &Value) -> anyhow::Result<Vec<String>> {
    let rules = described.get("rules").and_then(Value::as_array).context("a description without rules")?;
    let enabled = rules.iter().filter(|rule| rule.pointer("/info/enabled") == Some(&Value::Bool(true)));
    let events = enabled.filter_map(|rule| rule.pointer("/details/events")?.as_array()).flatten();
    let left_out: BTreeSet<&str> = IGNORED.split_whitespace().chain(NO_CALLS.split_whitespace()).collect();
    let of_rules = events.filter_map(Value::as_str).filter(|name| !left_out.contains(name));
    let names: BTreeSet<String> = STATE.split_whitespace().chain(of_rules).map(str::to_owned).collect();
    Ok(names.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Scenario: rules that are enabled and not, with calls that Falco needs anyway, others, and what it leaves out. Guarantees: its 62 calls are there, and what
    /// enabled rules ask for besides, but nothing that it leaves out or that is no call.
    #[test]
    fn calls_are_those_of_state_and_of_enabled_rules() {
        let rule = |enabled: bool, events: &[&str]| json!({"info": {"enabled": enabled}, "details": {"events": events}});
        let described = json!({"rules": [
            rule(true, &["openat", "unlink", "read", "procexit"]),
            rule(false, &["ptrace"]),
        ]});
        let names = processed(&described).unwrap();
        assert_eq!(STATE.split_whitespace().count(), 62);
        assert_eq!(names.len(), 63);
        assert!(names.contains(&"unlink".to_owned()) && !names.contains(&"ptrace".to_owned()));
        processed(&json!({})).unwrap_err();
    }
}
