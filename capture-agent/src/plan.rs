//! From a capture plan to what the BPF programs are told.
//!
//! The programs select calls by number, and of most of them by what the plan says of arguments, paths, addresses and the task
//! (`filters`). What they cannot test is widened, and the answer says what is really tested. Calls that carry state are always
//! captured.

mod calls;
mod filters;
mod shed;
mod table;
mod told;

use eyrie_bpf::{CallSet, Config, DEFAULT_DATA_BYTES, Filters, PART_BYTES};
use eyrie_proto::capture::{CallPlan, CaptureLimits, CapturePlan, PlanAnswer, UncapturedCall};

pub(crate) use self::{
    calls::{CallAbi, is_exec, is_state, is_tracepoint, numbers, recorded_calls},
    shed::{CapturedCall, answer_without, settings_without},
    table::{DescribedCall, Message, Register, Structure, all as described, by_number, shapes},
    told::cut,
};
use self::{
    calls::{Completeness, completeness, kernel_name, numbered, socket_call_for, state_calls},
    filters::Tested,
};

/// Event types that a plan may name: there are about 400 of them, and names of our own make no more.
const MAX_CALLS: usize = 2_048;

/// Calls that make a socket a client or a server.
const HISTORY_CALLS: &[&str] = &["connect", "bind", "listen", "accept", "accept4"];

/// What the programs are told before any plan: everything that they have records of their own for, since rules could need it.
/// What the table describes waits for a plan: reads and writes alone would be most of what a host does.
pub(crate) fn initial_settings(own_tgid: u32) -> Config {
    let mut settings = Config { own_tgid, ..Config::default() };
    add_state_calls(&mut settings);
    settings
}

/// What the programs are told.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) settings: Config,
    /// Which of the calls in the settings are recorded only under conditions.
    pub(crate) filters: Filters,
}

/// What the programs are told for `plan`, with the answer to it. An answer with a failure has none.
pub(crate) fn compile(plan: CapturePlan, settings: &Config) -> (Option<Compiled>, PlanAnswer) {
    let generation = plan.generation;
    if let Err(failure) = is_small(&plan).and_then(|()| filters::check(&plan)) {
        return (None, PlanAnswer { generation, failure, ..PlanAnswer::default() });
    }
    let mut next = without_calls(settings, &plan);
    let mut uncaptured = Vec::new();
    let mut is_whole = |event_type: &str| match add(&mut next, event_type) {
        Ok(()) => true,
        Err(reason) => {
            uncaptured.push(UncapturedCall { event_type: event_type.to_owned(), reason });
            false
        }
    };
    let whole: Vec<_> = plan.calls.iter().filter(|call| is_whole(&call.event_type)).collect();
    next.has_socket_history = whole.iter().any(|call| table::tells_sockets(kernel_name(&call.event_type)));
    let seen_only =
        if next.has_socket_history { add_history_calls(&mut next, &plan.calls) } else { Vec::new() };
    if let Some(number) = socket_call_for(&next.compat_calls) {
        // It is far below the bound.
        let _ = next.compat_calls.insert(number);
    }
    let tested = Tested::new(plan.calls.iter(), seen_only.into_iter());
    let calls = whole.into_iter().map(|call| CallPlan {
        event_type: call.event_type.clone(),
        any_of: tested.effective(&call.event_type),
        forced_by_rule: call.forced_by_rule.clone(),
        ..CallPlan::default()
    });
    let effective = CapturePlan {
        generation,
        rule_set_digests: plan.rule_set_digests.clone(),
        calls: told::told(calls),
        limits: Some(CaptureLimits {
            argument_bytes: next.max_argument_bytes,
            environment_bytes: next.max_environment_bytes,
            data_bytes: next.max_data_bytes,
            path_bytes: PART_BYTES,
        }),
        is_verify_mode: plan.is_verify_mode,
        verify_sample_ppm: plan.verify_sample_ppm,
        ..CapturePlan::default()
    };
    let compiled = Compiled { settings: next, filters: tested.filters(&plan) };
    (
        Some(compiled),
        PlanAnswer { generation, effective: Some(effective), uncaptured, ..PlanAnswer::default() },
    )
}

fn is_small(plan: &CapturePlan) -> Result<(), String> {
    let count = plan.calls.len();
    if count > MAX_CALLS {
        return Err(format!("{count} event types are more than the {MAX_CALLS} that a plan may have"));
    }
    Ok(())
}

/// The settings of a plan, with the calls that carry state alone.
fn without_calls(settings: &Config, plan: &CapturePlan) -> Config {
    let limits = plan.limits.unwrap_or_default();
    let mut next = Config {
        plan_generation: plan.generation,
        max_argument_bytes: bounded(limits.argument_bytes, PART_BYTES),
        max_environment_bytes: bounded(limits.environment_bytes, PART_BYTES),
        max_data_bytes: bounded(limits.data_bytes, DEFAULT_DATA_BYTES),
        calls: CallSet::default(),
        compat_calls: CallSet::default(),
        ..*settings
    };
    add_state_calls(&mut next);
    next
}

/// What sockets did before is known from calls that nobody may have asked for: these are seen, and not recorded.
fn add_history_calls(settings: &mut Config, asked: &[CallPlan]) -> Vec<&'static str> {
    let is_not_asked = |name: &&&str| asked.iter().all(|call| call.event_type != **name);
    let unasked: Vec<_> = HISTORY_CALLS.iter().filter(is_not_asked).copied().collect();
    unasked.into_iter().filter(|name| add(settings, name).is_ok()).collect()
}

fn bounded(bytes: u32, default: u32) -> u32 {
    if bytes == 0 { default } else { bytes.min(PART_BYTES) }
}

/// Adds the calls of an event type, or says why its events cannot be had whole.
fn add(settings: &mut Config, event_type: &str) -> Result<(), String> {
    if is_tracepoint(event_type) {
        return Ok(());
    }
    let mut calls = numbered(event_type).peekable();
    if calls.peek().is_none() {
        return Err(format!("{} has no system call of this name", std::env::consts::ARCH));
    }
    let mut insert = |(abi, number)| match abi {
        CallAbi::Native => settings.calls.insert(number),
        CallAbi::Compat => settings.compat_calls.insert(number),
    };
    if !calls.all(&mut insert) {
        return Err(format!(
            "its number is above {}, the highest that can be captured",
            CallSet::NUMBERS - 1
        ));
    }
    match completeness(event_type) {
        Completeness::Whole => Ok(()),
        Completeness::NumbersOnly => Err("captured with result and argument registers only: paths, \
            addresses, descriptors and data are not read yet"
            .to_owned()),
    }
}

fn add_state_calls(settings: &mut Config) {
    for (abi, number) in state_calls() {
        let (calls, state) = match abi {
            CallAbi::Native => (&mut settings.calls, &mut settings.state_calls),
            CallAbi::Compat => (&mut settings.compat_calls, &mut settings.compat_state_calls),
        };
        // All of them are below the bound.
        let _ = calls.insert(number) && state.insert(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings_for(plan: CapturePlan, settings: &Config) -> (Option<Config>, PlanAnswer) {
        let (compiled, answer) = compile(plan, settings);
        (compiled.map(|compiled| compiled.settings), answer)
    }

    fn plan(names: &[&str]) -> CapturePlan {
        let call = |name: &&str| CallPlan { event_type: (*name).to_owned(), ..CallPlan::default() };
        CapturePlan { generation: 3, calls: names.iter().map(call).collect(), ..CapturePlan::default() }
    }

    fn number(name: &str) -> u32 {
        numbers(name).0.unwrap()
    }

    /// Scenario: a plan with calls that the programs know, one that they only count the registers of, one that needs no number and
    /// one that does not exist. Guarantees: the bitmaps have what was asked for and what carries state, nothing else, and the
    /// answer says what cannot be had.
    #[test]
    fn a_plan_becomes_bitmaps() {
        let (settings, answer) = settings_for(
            plan(&["openat", "execve", "clone3", "unlink", "poll", "nonsense"]),
            &initial_settings(5),
        );
        let settings = settings.unwrap();
        assert_eq!((settings.plan_generation, settings.own_tgid), (3, 5));
        for captured in ["openat", "execve", "unlink", "poll", "chdir", "setuid"] {
            assert!(settings.calls.contains(number(captured)), "{captured}");
        }
        for not in ["connect", "open", "read"] {
            assert!(!settings.calls.contains(number(not)), "{not}");
        }
        assert!(settings.state_calls.contains(number("setuid")));
        let uncaptured: Vec<_> = answer.uncaptured.iter().map(|call| call.event_type.as_str()).collect();
        assert_eq!(uncaptured, ["poll", "nonsense"]);
        let effective: Vec<_> =
            answer.effective.unwrap().calls.into_iter().map(|call| call.event_type).collect();
        assert_eq!(effective, ["openat", "execve", "clone3", "unlink"]);
    }

    /// Scenario: an empty plan after everything. Guarantees: only what carries state is left, and limits are bounded.
    #[test]
    fn an_empty_plan_keeps_state() {
        let limits =
            CaptureLimits { argument_bytes: 1 << 30, environment_bytes: 7, ..CaptureLimits::default() };
        let (settings, _) =
            settings_for(CapturePlan { limits: Some(limits), ..plan(&[]) }, &initial_settings(0));
        let settings = settings.unwrap();
        assert_eq!((settings.max_argument_bytes, settings.max_environment_bytes), (PART_BYTES, 7));
        assert_eq!(settings.max_data_bytes, 80, "Falco's snaplen");
        assert!(settings.calls.contains(number("fchdir")) && settings.calls.contains(number("setsid")));
        assert!(!settings.calls.contains(number("openat")) && !settings.calls.contains(number("execve")));
    }

    /// Scenario: plans that ask for more data than can be had, and for some. Guarantees: it is bounded, and the answer says what it is.
    #[test]
    fn data_are_bounded() {
        for (asked, given) in [(1 << 20, PART_BYTES), (200, 200), (0, 80)] {
            let limits = Some(CaptureLimits { data_bytes: asked, ..CaptureLimits::default() });
            let (settings, answer) =
                settings_for(CapturePlan { limits, ..plan(&["write"]) }, &initial_settings(0));
            assert_eq!(settings.unwrap().max_data_bytes, given);
            assert_eq!(answer.effective.unwrap().limits.unwrap().data_bytes, given);
        }
    }

    /// Scenario: plans with and without a call that old 32-bit programs make by socketcall. Guarantees: socketcall is captured with it,
    /// and only then.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn socketcall_is_captured_for_its_uses() {
        const SOCKETCALL: u32 = 102;
        let is_captured = |name| {
            settings_for(plan(&[name]), &initial_settings(0)).0.unwrap().compat_calls.contains(SOCKETCALL)
        };
        for name in ["socket", "connect", "sendto", "recvmsg", "accept4", "listen", "getsockopt", "sendmmsg"]
        {
            assert!(is_captured(name), "{name}");
        }
        assert!(!is_captured("unlink") && !is_captured("fchmod"));
    }

    /// Scenario: the event types that the stock rules name, those with parameters in Falco's schema, and those that change its state.
    /// Guarantees: all of them can be had whole.
    #[test]
    fn what_falco_knows_is_captured_whole() {
        // Sections C.1 to C.3 of the reference on Falco's behaviour.
        let names = "accept accept4 bind bpf capset chdir chmod chroot clone clone3 close close_range connect creat \
            dup dup2 dup3 epoll_create epoll_create1 eventfd eventfd2 execve execveat fchdir fchmod fchmodat fcntl \
            finit_module fork getcwd getsockopt init_module inotify_init inotify_init1 io_uring_setup link linkat \
            listen memfd_create mkdir mkdirat mount open open_by_handle_at openat openat2 pidfd_getfd pidfd_open \
            pipe pipe2 prctl prlimit procexit ptrace recvfrom recvmmsg recvmsg rename renameat renameat2 rmdir \
            sendmmsg sendmsg sendto setgid setns setpgid setregid setresgid setresuid setreuid setsid setuid \
            shutdown signalfd signalfd4 socket socketpair symlink symlinkat timerfd_create umount umount2 unlink \
            unlinkat unshare userfaultfd vfork read write pread pwrite readv writev preadv pwritev send recv \
            sendfile";
        for name in names.split_whitespace() {
            assert!(is_tracepoint(name) || completeness(name) == Completeness::Whole, "{name}");
        }
    }

    /// Scenario: the calls that the programs have records for. Guarantees: this table gives the numbers that the programs expect.
    #[test]
    fn numbers_agree_with_the_programs() {
        for call in eyrie_bpf::calls::NATIVE {
            assert_eq!(numbers(&call.name.to_lowercase()).0, Some(call.number), "{}", call.name);
        }
        for call in eyrie_bpf::calls::COMPAT {
            if cfg!(target_arch = "x86_64") {
                assert_eq!(numbers(&call.name.to_lowercase()).1, Some(call.number), "{}", call.name);
            }
        }
    }

    /// Scenario: plans with a call that tells sockets, with one that does not, and none. Guarantees: what makes sockets clients and servers is
    /// seen with the first, and only there is their history kept; unless it was asked for it is not recorded, and no part of what is
    /// carried out.
    #[test]
    fn history_is_kept_where_it_is_told() {
        for (name, is_kept) in
            [("sendto", true), ("read", true), ("pread", true), ("fchmod", false), ("bind", false)]
        {
            let (compiled, answer) = compile(plan(&[name, "listen"]), &initial_settings(0));
            let Compiled { settings, filters } = compiled.unwrap();
            assert_eq!(settings.has_socket_history, is_kept, "{name}");
            assert_eq!(settings.calls.contains(number("accept4")), is_kept, "{name}");
            let effective = answer.effective.unwrap().calls;
            assert_eq!(effective.iter().map(|call| &*call.event_type).collect::<Vec<_>>(), [name, "listen"]);
            let is_dropped = |filter: &std::sync::Arc<eyrie_bpf::Filter>| filter.clauses.is_empty();
            assert_eq!(filters.native.get(&number("accept4")).is_some_and(is_dropped), is_kept, "{name}");
            assert!(!filters.native.contains_key(&number("listen")), "{name}");
        }
        let (settings, _) = settings_for(plan(&["sendto"]), &initial_settings(0));
        let (settings, _) = settings_for(plan(&[]), &settings.unwrap());
        assert!(!settings.unwrap().has_socket_history);
    }

    /// Scenario: an absurdly long plan. Guarantees: it is refused with a reason, and the one before goes on.
    #[test]
    fn a_too_long_plan_is_refused() {
        let (settings, answer) = settings_for(plan(&["open"; MAX_CALLS + 1]), &initial_settings(0));
        assert!(settings.is_none() && answer.failure.contains("event types"));
    }
}
