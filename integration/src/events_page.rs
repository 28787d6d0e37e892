//! The page on events, `docs/events.md`: what of each is captured, where it is read, what it costs, and how it is tested.
//!
//! It is made of the agent's table of calls, of Falco's table of parameters in `fields`, and of the list of live tests that those
//! tests are held to. Numbers are of x86-64, on which it is made.

mod covered;
mod row;

use std::{collections::BTreeMap, fmt::Write as _};

pub use self::{covered::Covered, row::Row};

/// The event types of Falco's stock rules, and of the calls that change what is known of processes.
pub const FIRST: &str = "\
    accept accept4 bpf capset chdir chmod chroot clone clone3 connect creat dup dup2 dup3 execve execveat fchdir fchmod \
    fchmodat finit_module fork init_module link linkat listen mkdir mkdirat open openat openat2 pivot_root prctl \
    prlimit procexit ptrace recvfrom recvmsg rename renameat renameat2 rmdir sendmsg sendto setfsgid setfsuid setgid \
    setns setpgid setregid setresgid setresuid setreuid setrlimit setsid setuid socket symlink symlinkat unlink \
    unlinkat unshare userfaultfd vfork";

const HEAD: &str = "\
# Events

What is captured of each event type, where in the kernel it is read, and how it is tested. Names and parameters are Falco's; a
parameter in parentheses has no value yet. Every event has the task besides: ids, credentials, capabilities, session, control group
and namespaces, from the kernel's own structures. Any other call of the kernel can be captured with its number and registers.

All is read when the call returns. *What that shows*: the result, the registers as they were given, and what the call did: the
file behind a new descriptor, a socket's ends, the working directory and the root that hold now. *What it does not show*: what the call
took away (what was behind a closed descriptor, the inode of a removed name, the directory before a chdir), and a path or data
in the program's memory as they were at the beginning, if another thread has changed them since. A call that blocks is told
when it ends; a blocking connect of TCP when it starts as well. A call that never returns (exit, a task that is killed) is told by its end.

A failed call is told with its error, except for making tasks: fork, vfork, clone and clone3 are told by the scheduler when there
is a child, and all as `clone`. Of a successful exec the numbering of the call is not told.

| read from | what it is | whose word it is |
|---|---|---|
| path | a path in the program's memory; where a relative one starts, by a walk over directory entries and mounts | the program's; the kernel's |
| reached | the kernel's path of what was reached, with inode, device and layer (`struct file`, `fs_struct`) | the kernel's |
| descriptor | `struct file` with its path, or `struct sock` with both ends | the kernel's |
| pair | two numbers in the program's memory, and what is behind each | the call's; the kernel's |
| address | a socket address in the program's memory | the program's or the call's |
| data, vectors | the first bytes, as many as the plan says; sizes of up to 64 vectors; of several messages the first | the program's or the call's |
| text, structure | a string, or as much of a structure as is told, in the program's memory | the program's or the call's |
| root | `fs_struct`: the root directory | the kernel's |
| program | the new `mm`: arguments and environment; the executable's inode, times and path | the kernel's |
| task | `task_struct` of who begins or ends | the kernel's |

| cost | what is done for it |
|---|---|
| 1 | registers and the task alone |
| 2 | reads of the program's memory besides |
| 3 | a walk over directory entries for each path, or a look at each descriptor |
| 4 | several kinds of these, or data that are moved besides |

*Tested live*: a program makes the call on a real kernel, and what the event says is held against /proc, stat or the socket API: with success
(ok), with an error (failed), by a 32-bit program (32). The tests are in `capture-agent/tests/calls`. Besides, every call here is made
with arguments that mean nothing, native and 32-bit, and has to be told with its result (`sweep.rs`, which lists the few that are left out).

This page is made by `make events-doc`.
";

/// The whole page.
pub fn page() -> String {
    let rows = rows();
    let is_first = |name: &str| FIRST.split(' ').any(|own| own == name);
    let mut page = HEAD.to_owned();
    let (first, others): (Vec<_>, Vec<_>) = rows.values().partition(|row| is_first(row.event));
    let mut table = |title: &str, rows: &[&Row]| {
        // Writing to a string cannot fail.
        let _ = write!(
            page,
            "\n## {title}\n\n| event | parameters | read from | state | failures | 32-bit | cost | tested live |\n\
             |---|---|---|---|---|---|---|---|\n"
        );
        for row in rows {
            page.push_str(&row.to_string());
        }
    };
    table("The stock rules' events, and those that change what is known of processes", &first);
    table("All others", &others);
    page
}

/// Rows by event type.
pub fn rows() -> BTreeMap<&'static str, Row> {
    let covered = Covered::read();
    let mut rows = BTreeMap::new();
    for call in capture_agent::captured_calls() {
        let Some(event) = row::event_type_of(&call) else { continue };
        rows.entry(event).or_insert_with(|| Row::new(event)).add(&call, &covered);
    }
    rows
}
