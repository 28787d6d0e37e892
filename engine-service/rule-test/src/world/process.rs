//! Processes as cases describe them: settings onto the state of a process.

use eyrie_proto::event::{Capabilities, Credentials, Executable, OverlayLayer, ProcessState, StandardStream};

use crate::given::{Given, Problem, Setting};

/// The longest name that the kernel keeps (TASK_COMM_LEN in linux/sched.h, less the terminating zero).
pub(super) const MAX_NAME: usize = 15;
/// Nanoseconds in a second, and in a day.
const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;
/// The user id of nobody who logged in.
pub(super) const NO_LOGIN: u32 = u32::MAX;

/// Makes a program of this name the one that the process runs.
pub(super) fn run(state: &mut ProcessState, name: &[u8], now_epoch_ns: u64) {
    state.comm = name.get(..MAX_NAME).unwrap_or(name).to_vec();
    state.exe = name.to_vec();
    state.arguments = Vec::new();
    state.executable = Some(Executable {
        path: [b"/usr/bin/", name].concat(),
        inode: 50_000,
        device: (8 << 20) | 1,
        change_time_ns: now_epoch_ns.saturating_sub(30 * DAY),
        modify_time_ns: now_epoch_ns.saturating_sub(30 * DAY),
        ..Executable::default()
    });
}

/// Sets a property of a process or of an ancestor, by the last part of its field's name; false if there is no such.
pub(super) fn set(state: &mut ProcessState, property: &str, setting: &Setting) -> Result<bool, Problem> {
    match property {
        "name" => {
            let name = setting.bytes()?;
            if name.len() > MAX_NAME {
                let problem = setting.problem(format!("{} has {} bytes", setting.field, name.len()));
                return Err(problem.help(format!("the kernel keeps {MAX_NAME} of a process's name: cut it")));
            }
            state.comm = name;
        }
        "exe" => state.exe = setting.bytes()?,
        "args" => state.arguments = setting.words()?,
        "env" => state.environment = setting.words()?,
        "exepath" if setting.is_missing() => state.executable = None,
        "exepath" => executable(state).path = setting.bytes()?,
        "cwd" if setting.is_missing() => state.working_directory = Vec::new(),
        "cwd" => {
            let path = setting.bytes()?;
            let without_slash = path.strip_suffix(b"/").filter(|path| !path.is_empty());
            state.working_directory = without_slash.unwrap_or(&path).to_vec();
        }
        "vpid" => state.namespace_pid = setting.number()?,
        "tty" => state.session.get_or_insert_default().tty = setting.number()?,
        "is_exe_writable" => executable(state).is_writable = setting.flag()?,
        "is_exe_upper_layer" => layer(state, setting, OverlayLayer::Upper)?,
        "is_exe_lower_layer" => layer(state, setting, OverlayLayer::Lower)?,
        "is_exe_from_memfd" => executable(state).is_memfd = setting.flag()?,
        "is_exe_deleted" => executable(state).is_deleted = setting.flag()?,
        "exe_ino" => executable(state).inode = setting.number()?,
        "exe_ino.ctime" => executable(state).change_time_ns = setting.number()?,
        "exe_ino.mtime" => executable(state).modify_time_ns = setting.number()?,
        "fdlimit" => state.open_files_limit = setting.number()?,
        _ => return stream(state, property, setting),
    }
    Ok(true)
}

fn executable(state: &mut ProcessState) -> &mut Executable {
    state.executable.get_or_insert_default()
}

fn layer(state: &mut ProcessState, setting: &Setting, layer: OverlayLayer) -> Result<(), Problem> {
    let file = executable(state);
    match (setting.flag()?, file.layer() == layer) {
        (true, _) => file.set_layer(layer),
        (false, true) => file.set_layer(OverlayLayer::Unspecified),
        (false, false) => {}
    }
    Ok(())
}

/// `stdin.type` and its relatives.
fn stream(state: &mut ProcessState, property: &str, setting: &Setting) -> Result<bool, Problem> {
    let Some((which, what)) = property.split_once('.') else { return Ok(false) };
    let fd = match which {
        "stdin" => 0,
        "stdout" => 1,
        "stderr" => 2,
        _ => return Ok(false),
    };
    let streams = &mut state.standard_streams;
    if !streams.iter().any(|stream| stream.fd == fd) {
        streams.push(StandardStream { fd, r#type: "file".to_owned(), name: b"/dev/null".to_vec() });
    }
    let Some(stream) = streams.iter_mut().find(|stream| stream.fd == fd) else { return Ok(false) };
    match what {
        "type" => stream.r#type = setting.text()?,
        "name" => stream.name = setting.bytes()?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// `proc.env[NAME]`
pub(super) fn set_variable(state: &mut ProcessState, name: &str, setting: &Setting) -> Result<(), Problem> {
    let prefix = format!("{name}=").into_bytes();
    state.environment.retain(|entry| !entry.starts_with(&prefix));
    if !setting.is_missing() {
        state.environment.push([prefix, setting.bytes()?].concat());
    }
    Ok(())
}

/// Who acts, unless the case says otherwise.
pub(super) fn default_credentials() -> Credentials {
    Credentials {
        uid: 1000,
        gid: 1000,
        effective_uid: 1000,
        effective_gid: 1000,
        login_uid: NO_LOGIN,
        capabilities: Some(Capabilities::default()),
    }
}

/// `thread.cap_*`: names with blanks or commas between, or a number.
pub(super) fn capabilities(setting: &Setting) -> Result<u64, Problem> {
    if let Given::Text(text) = &setting.value
        && let Some(number) = crate::given::number(text)
    {
        return u64::try_from(number).map_err(|_| setting.misfit("a set of capabilities"));
    }
    let names = String::from_utf8_lossy(&setting.bytes()?).replace(',', " ");
    fields::capability_set(&names)
        .ok_or_else(|| setting.misfit("names of capabilities with blanks between, such as CAP_SYS_ADMIN"))
}
