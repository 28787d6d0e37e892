//! What messages say that follows from fields of other kinds.

use eyrie_proto::event::{Exec, PathArgument, ProcessState, event::Kind};

use super::{parameter::AT_FDCWD, primitives::Primitives};
use crate::given::{Problem, Setting};

/// Flags of asm-generic/fcntl.h and permissions to execute, where `evt.is_open_*` says what they are to be.
pub(super) fn open_access(kind: &mut Kind, primitives: &mut Primitives) -> Result<(), Problem> {
    const CREATE: u32 = 0o100;
    const EXECUTABLE: u32 = 0o755;
    let mut take =
        |name: &str| primitives.take(name).map(|setting| Ok((setting.flag()?, setting))).transpose();
    let (read, write, exec) =
        (take("evt.is_open_read")?, take("evt.is_open_write")?, take("evt.is_open_exec")?);
    let Some((_, first)) = read.as_ref().or(write.as_ref()).or(exec.as_ref()) else { return Ok(()) };
    let Kind::Open(open) = kind else {
        // Which they all are not then.
        return match [&read, &write, &exec].into_iter().flatten().find(|(holds, _)| *holds) {
            Some((_, setting)) => {
                Err(setting.problem(format!("{} holds for events that open files", first.field)))
            }
            None => Ok(()),
        };
    };
    let is = |given: &Option<(bool, Setting)>| given.as_ref().map(|(holds, _)| *holds);
    let (reads, writes) = match (is(&read), is(&write)) {
        (None, Some(writes)) => (!writes, writes),
        (reads, None) => (reads.unwrap_or(true), !reads.unwrap_or(true)),
        (Some(reads), Some(writes)) => (reads, writes),
    };
    open.flags |= match (reads, writes) {
        (true, true) => 2,
        (false, true) => 1,
        (_, false) => 0,
    };
    if is(&exec) == Some(true) {
        open.flags |= CREATE;
        open.mode = EXECUTABLE;
    }
    Ok(())
}

/// Where a process is after it has changed its directory, or its root.
pub(super) fn change_directory(kind: &mut Kind, state: &ProcessState) {
    let (path, place) = match kind {
        Kind::ChangeDirectory(change) => (&change.path, &mut change.working_directory),
        Kind::ChangeRoot(change) => (&change.path, &mut change.root_directory),
        _ => return,
    };
    if let Some(path) = path {
        let is_absolute = path.requested.starts_with(b"/");
        let base = if is_absolute { &[][..] } else { &state.working_directory };
        *place = fields::normalise(&[base, b"/", &path.requested].concat()).into_owned();
    }
}

pub(super) fn fill_exec(exec: &mut Exec, state: &ProcessState) {
    let path = state.executable.as_ref().map_or(Vec::new(), |file| file.path.clone());
    *exec = Exec {
        path: Some(PathArgument {
            requested: path.clone(),
            directory_fd: AT_FDCWD,
            resolved: path,
            ..PathArgument::default()
        }),
        exe: state.exe.clone(),
        arguments: state.arguments.clone(),
        environment: state.environment.clone(),
        executable: state.executable.clone(),
        working_directory: state.working_directory.clone(),
        standard_streams: state.standard_streams.clone(),
        open_files_limit: state.open_files_limit,
        ..Exec::default()
    };
}
