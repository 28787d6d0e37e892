//! The descriptor that an event is about.

use eyrie_proto::event::{
    Descriptor, FileDescriptor, Open, OtherDescriptor, PathArgument, descriptor, event::Kind,
};

use super::{
    message::{self, Subject},
    parameter::AT_FDCWD,
    primitives::{DEFAULT_PATH, Primitives},
    socket,
};
use crate::given::{Problem, Setting};

/// st_mode of a regular file and of a directory (linux/stat.h).
const REGULAR: u32 = 0o100_644;
const DIRECTORY: u32 = 0o040_755;
/// The number of a descriptor that was made before, and of one that is made now.
const FD: i64 = 3;
/// Major 8, minor 1, as `FileDescriptor.device` has it.
const DEVICE: u64 = (8 << 20) | 1;

/// Describes the event's descriptor and what it was asked for; `result` is what the call returned.
pub(super) fn describe(
    primitives: &mut Primitives,
    event: &str,
    kind: &mut Kind,
    result: i64,
) -> Result<(), Problem> {
    let subject = message::subject(event);
    // What is said to be missing is missing unless something else brings it, which is checked.
    let said = primitives.take_family("fd.");
    for setting in said.into_iter().filter(|setting| !setting.is_missing() || setting.field == "fd.name") {
        primitives.put_back(setting);
    }
    let is_asked_for = primitives.has_family("fd.") && !primitives.is_retyped();
    if subject == Subject::None && !is_asked_for {
        return Ok(());
    }
    let number = match primitives.take("fd.num") {
        Some(number) => number.number()?,
        None if message::returns_descriptor(event) => result,
        None => FD,
    };
    let Some(kind_of_fd) = kind_of_descriptor(primitives, subject)? else { return Ok(()) };
    let is_failed = result < 0 && message::returns_descriptor(event);
    let fd = i32::try_from(number).unwrap_or(-1);
    let descriptor = match kind_of_fd.as_str() {
        "file" | "directory" => {
            let file = file(primitives, event, &kind_of_fd)?;
            if let Kind::Open(open) = kind {
                ask_for(primitives, open, &file)?;
            }
            descriptor::Kind::File(file)
        }
        "ipv4" | "ipv6" | "unix" | "netlink" | "unknown" if !matches!(subject, Subject::Other(_)) => {
            let ends = match subject {
                Subject::Socket(ends) => ends,
                _ => socket::Ends::Client,
            };
            let (socket, peer) = socket::socket(primitives, &kind_of_fd, ends)?;
            if let Kind::Connect(connect) = kind {
                connect.requested = peer;
            }
            primitives.take("fd.sockfamily");
            descriptor::Kind::Socket(socket)
        }
        other => descriptor::Kind::Other(OtherDescriptor {
            r#type: other.to_owned(),
            name: primitives.take("fd.name").map(|name| name.bytes()).transpose()?.unwrap_or_default(),
            inode: primitives.take("fd.ino").map(|inode| inode.number()).transpose()?.unwrap_or(80_000),
        }),
    };
    if is_failed {
        return Ok(());
    }
    if !message::set_descriptor(kind, Descriptor { fd, kind: Some(descriptor) })
        && let Some(setting) = primitives.take_family("fd.").into_iter().next()
    {
        return Err(without_descriptor(&setting, event));
    }
    Ok(())
}

fn without_descriptor(setting: &Setting, event: &str) -> Problem {
    let problem = setting.problem(format!(
        "events of type {event} are about no descriptor, so that {} is missing",
        setting.field
    ));
    problem.help("set evt.arg.NAME, or fs.path.name")
}

/// `fd.type`, of what the case says or the event has.
fn kind_of_descriptor(primitives: &mut Primitives, subject: Subject) -> Result<Option<String>, Problem> {
    if let Some(setting) = primitives.take("fd.type") {
        return if setting.is_missing() { Ok(None) } else { setting.text().map(Some) };
    }
    if let Some(kind) = socket::kind(primitives) {
        // A connection of the other family shows in its addresses.
        return Ok(Some(kind.to_owned()));
    }
    let path = primitives.get("fd.name").and_then(|name| name.bytes().ok());
    let is_path = path.is_some_and(|path| path.starts_with(b"/") || path.starts_with(b"@"));
    Ok(Some(match subject {
        Subject::File | Subject::None => "file".to_owned(),
        Subject::Socket(_) if is_path => "unix".to_owned(),
        Subject::Socket(_) => "ipv4".to_owned(),
        Subject::Other(name) => name.to_owned(),
    }))
}

fn file(primitives: &mut Primitives, event: &str, kind: &str) -> Result<FileDescriptor, Problem> {
    let resolved = primitives.take("fd.resolved").map(|path| path.bytes()).transpose()?;
    // What was opened is what was asked for, made normal, unless the case tells otherwise.
    let named = match primitives.get("fd.name").or(primitives.get("fd.nameraw")) {
        Some(name) if !name.is_missing() => Some(fields::normalise(&name.bytes()?).into_owned()),
        _ => None,
    };
    let is_open = super::primitives::OPENS.contains(&event);
    if !is_open {
        primitives.take("fd.name");
    }
    let path = resolved.or(named).unwrap_or_else(|| DEFAULT_PATH.to_vec());
    let mut file = FileDescriptor {
        path,
        inode: 60_000,
        device: DEVICE,
        mode: if kind == "directory" { DIRECTORY } else { REGULAR },
        ..FileDescriptor::default()
    };
    if let Some(inode) = primitives.take("fd.ino") {
        file.inode = inode.number()?;
    }
    if let Some(device) = primitives.take("fd.dev") {
        // As user space writes it (new_encode_dev of linux/kdev_t.h).
        let device: u32 = device.number()?;
        let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xf_ff00));
        file.device = u64::from(major) << 20 | u64::from(minor);
    }
    Ok(file)
}

/// The path that an open was given.
fn ask_for(primitives: &mut Primitives, open: &mut Open, file: &FileDescriptor) -> Result<(), Problem> {
    let raw = primitives.take("fd.nameraw").map(|path| path.bytes()).transpose()?;
    let named = match primitives.take("fd.name") {
        Some(name) if name.is_missing() => return Err(name.problem("an open always has a path")),
        Some(name) => Some(name.bytes()?),
        None => None,
    };
    let requested = raw.or(named).unwrap_or_else(|| file.path.clone());
    let path =
        open.path.get_or_insert_with(|| PathArgument { directory_fd: AT_FDCWD, ..PathArgument::default() });
    path.requested = requested;
    path.resolved = file.path.clone();
    Ok(())
}
