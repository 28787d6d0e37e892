//! Threads in their nine versions.

use crate::{
    Thread, ThreadTail,
    fields::{Fields, Malformed},
    value::{join_strings, split_strings},
};

/// At most so many threads are read of one block, and written to one file: `pid_max` is 4 Mi at most, and no host runs near
/// this many. About 1 KiB each where they are kept.
pub(crate) const MAX_THREADS: u32 = 262_144;

/// Bytes of text that readers take at most, less one for those that end it with NUL. What is read is cut off there, too.
const MAX_NAME_BYTES: usize = 1023;
/// As above, of arguments, environment and control groups.
const MAX_LIST_BYTES: usize = 4096;

/// An entry of version 9 that ends at most so many bytes behind its root directory is of an age that had neither
/// the pid namespace nor the terminal, but login user, writability and capabilities at once.
const OLD_TAIL_BYTES: usize = 29;

pub(crate) fn read(fields: &mut Fields<'_>, version: u8) -> Result<Thread, Malformed> {
    if version < 9 {
        return read_core(fields, version);
    }
    let mut entry = fields.entry("entry length", true)?;
    let core = read_core(&mut entry, version)?;
    Ok(Thread { tail: read_tail(&mut entry)?, ..core })
}

fn read_core(fields: &mut Fields<'_>, version: u8) -> Result<Thread, Malformed> {
    let from = |first: u8| version >= first;
    Ok(Thread {
        tid: fields.u64("tid")?,
        pid: fields.u64("pid")?,
        parent_pid: fields.u64("ptid")?,
        session_id: from(6).then(|| fields.u64("sid")).transpose()?,
        namespace_process_group_id: from(8).then(|| fields.u64("vpgid")).transpose()?,
        comm: fields.text("comm", MAX_NAME_BYTES)?,
        exe: fields.text("exe", MAX_NAME_BYTES)?,
        exe_path: from(7).then(|| fields.text("exepath", MAX_NAME_BYTES)).transpose()?,
        arguments: split_strings(&fields.text("args", MAX_LIST_BYTES)?),
        working_directory: fields.text("cwd", MAX_NAME_BYTES)?,
        open_files_limit: fields.i64("fdlimit")?,
        flags: fields.u32("flags")?,
        uid: fields.u32("uid")?,
        gid: fields.u32("gid")?,
        memory_kib: if from(2) {
            [fields.u32("vmsize")?, fields.u32("vmrss")?, fields.u32("vmswap")?]
        } else {
            [0; 3]
        },
        faults: if from(2) { [fields.u64("pfmajor")?, fields.u64("pfminor")?] } else { [0; 2] },
        environment: if from(3) { split_strings(&fields.text("env", MAX_LIST_BYTES)?) } else { Vec::new() },
        namespace_tid: if from(4) { fields.i64("vtid")? } else { -1 },
        namespace_pid: if from(4) { fields.i64("vpid")? } else { -1 },
        cgroups: if from(4) { read_cgroups(fields)? } else { Vec::new() },
        root: if from(5) { fields.text("root", MAX_NAME_BYTES)? } else { Vec::new() },
        tail: ThreadTail::default(),
    })
}

/// Whole entries only, as they are written.
fn read_cgroups(fields: &mut Fields<'_>) -> Result<Vec<Vec<u8>>, Malformed> {
    // One byte more shows whether the last entry is whole.
    let list = fields.text("cgroups", MAX_LIST_BYTES + 1)?;
    let mut cgroups = split_strings(super::cut(&list, MAX_LIST_BYTES));
    if list.get(MAX_LIST_BYTES - 1..).is_some_and(|seam| seam.len() == 2 && !seam.contains(&0)) {
        cgroups.pop();
    }
    Ok(cgroups)
}

fn read_tail(fields: &mut Fields<'_>) -> Result<ThreadTail, Malformed> {
    let mut tail = ThreadTail::default();
    if fields.left() > OLD_TAIL_BYTES {
        tail.pid_namespace_start_ns = Some(fields.u64("pidns_init_start_ts")?);
        tail.tty = Some(fields.u32("tty")?);
    }
    tail.login_uid = next(fields, 4, |fields| fields.u32("loginuid"))?;
    tail.is_exe_writable = next(fields, 1, |fields| flag(fields, "exe_writable"))?;
    tail.capabilities = next(fields, 24, |fields| {
        Ok([fields.u64("cap_inheritable")?, fields.u64("cap_permitted")?, fields.u64("cap_effective")?])
    })?;
    tail.is_exe_upper_layer = next(fields, 1, |fields| flag(fields, "exe_upper_layer"))?;
    tail.exe_inode = next(fields, 8, |fields| fields.u64("exe_ino"))?;
    tail.exe_change_time_ns = next(fields, 8, |fields| fields.u64("exe_ino_ctime"))?;
    tail.exe_modify_time_ns = next(fields, 8, |fields| fields.u64("exe_ino_mtime"))?;
    tail.is_exe_memfd = next(fields, 1, |fields| flag(fields, "exe_from_memfd"))?;
    tail.is_exe_lower_layer = next(fields, 1, |fields| flag(fields, "exe_lower_layer"))?;
    tail.process_group_id = next(fields, 8, |fields| fields.i64("pgid"))?;
    Ok(tail)
}

/// A field that is there only if the entry reaches past it.
fn next<'a, T>(
    fields: &mut Fields<'a>,
    bytes: usize,
    read: impl FnOnce(&mut Fields<'a>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    (fields.left() >= bytes).then(|| read(fields)).transpose()
}

fn flag(fields: &mut Fields<'_>, field: &'static str) -> Result<bool, Malformed> {
    Ok(fields.u8(field)? != 0)
}

/// Appends an entry of version 9 with everything; what is not known of the tail gets what libs writes for it.
pub(crate) fn write(thread: &Thread, body: &mut Vec<u8>) {
    let start = body.len();
    body.extend([0; 4]);
    for id in [thread.tid, thread.pid, thread.parent_pid] {
        body.extend(id.to_le_bytes());
    }
    body.extend(thread.session_id.unwrap_or_default().to_le_bytes());
    body.extend(thread.namespace_process_group_id.unwrap_or_default().to_le_bytes());
    super::write_text(&thread.comm, MAX_NAME_BYTES, body);
    super::write_text(&thread.exe, MAX_NAME_BYTES, body);
    super::write_text(thread.exe_path.as_deref().unwrap_or_default(), MAX_NAME_BYTES, body);
    super::write_string(&join_strings(&thread.arguments), MAX_LIST_BYTES, body);
    super::write_text(&thread.working_directory, MAX_NAME_BYTES, body);
    body.extend(thread.open_files_limit.to_le_bytes());
    let [size, resident, swapped] = thread.memory_kib;
    for number in [thread.flags, thread.uid, thread.gid, size, resident, swapped] {
        body.extend(number.to_le_bytes());
    }
    for faults in thread.faults {
        body.extend(faults.to_le_bytes());
    }
    super::write_string(&join_strings(&thread.environment), MAX_LIST_BYTES, body);
    body.extend(thread.namespace_tid.to_le_bytes());
    body.extend(thread.namespace_pid.to_le_bytes());
    write_cgroups(&thread.cgroups, body);
    super::write_text(&thread.root, MAX_NAME_BYTES, body);
    write_tail(&thread.tail, body);
    super::set_entry_length(body, start, true);
}

fn write_tail(tail: &ThreadTail, body: &mut Vec<u8>) {
    /// `loginuid` of a session that nobody logged in to.
    const NOBODY: u32 = u32::MAX;
    let flag = |flag: Option<bool>| u8::from(flag.unwrap_or_default());
    body.extend(tail.pid_namespace_start_ns.unwrap_or_default().to_le_bytes());
    body.extend(tail.tty.unwrap_or_default().to_le_bytes());
    body.extend(tail.login_uid.unwrap_or(NOBODY).to_le_bytes());
    body.push(flag(tail.is_exe_writable));
    for set in tail.capabilities.unwrap_or_default() {
        body.extend(set.to_le_bytes());
    }
    body.push(flag(tail.is_exe_upper_layer));
    for number in [tail.exe_inode, tail.exe_change_time_ns, tail.exe_modify_time_ns] {
        body.extend(number.unwrap_or_default().to_le_bytes());
    }
    body.push(flag(tail.is_exe_memfd));
    body.push(flag(tail.is_exe_lower_layer));
    body.extend(tail.process_group_id.unwrap_or_default().to_le_bytes());
}

/// Whole entries only: half of one would name another control group.
fn write_cgroups(cgroups: &[Vec<u8>], body: &mut Vec<u8>) {
    let mut list = Vec::new();
    for cgroup in cgroups {
        if list.len() + cgroup.len() < MAX_LIST_BYTES {
            list.extend(cgroup);
            list.push(0);
        }
    }
    super::write_string(&list, MAX_LIST_BYTES, body);
}
