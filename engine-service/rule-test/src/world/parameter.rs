//! Parameters of calls: `evt.arg.*` into the fields of messages, as extraction reads them out
//! (`fields/src/parameter/of_event`).

mod processes;

use eyrie_proto::event::{
    DescriptorCall, OverlayLayer, PathArgument, PathCall, SocketAddress, SocketOption, TwoPathCall,
    descriptor, event::Kind, socket_address,
};
use fields::parameter_number;

use self::processes::of_process_or_kernel;
use crate::given::{Given, Problem, Setting};

/// AT_FDCWD of linux/fcntl.h.
pub(super) const AT_FDCWD: i32 = -100;
/// Flags of open (asm-generic/fcntl.h).
const CREATE: u32 = 0o100;

/// A parameter with its value as the kernel has it.
pub(super) struct Parameter<'s> {
    pub(super) event: &'s str,
    pub(super) name: &'s str,
    pub(super) setting: &'s Setting,
    number: Option<i128>,
}

/// What names of users and groups stand for.
pub(super) trait Ids {
    fn uid(&self, name: &str) -> Option<u32>;
    fn gid(&self, name: &str) -> Option<u32>;
}

/// Sets one parameter of the event's message.
pub(super) fn set(kind: &mut Kind, event: &str, setting: &Setting, ids: &dyn Ids) -> Result<(), Problem> {
    let name = setting.field.trim_start_matches("evt.arg.");
    let text = match &setting.value {
        Given::Text(text) => without_own_flags(kind, name, text),
        _ => String::new(),
    };
    let mut number = parameter_number(event, name, &text).ok().flatten();
    if number.is_none() && matches!(name, "uid" | "euid" | "ruid" | "suid" | "loginuid") {
        number = ids.uid(&text).map(i128::from);
    }
    if number.is_none() && matches!(name, "gid" | "egid" | "rgid" | "sgid") {
        number = ids.gid(&text).map(i128::from);
    }
    let parameter = Parameter { event, name, setting, number };
    let is_set = match kind {
        Kind::Open(open) => match name {
            "flags" => parameter.put(&mut open.flags)?,
            "mode" => {
                open.flags |= CREATE;
                parameter.put(&mut open.mode)?
            }
            "resolve" => parameter.put(&mut open.resolve)?,
            "dirfd" | "mountfd" => {
                let path = open.path.get_or_insert_default();
                directory(&parameter, path)?
            }
            _ => false,
        },
        Kind::PathCall(call) => of_path_call(&parameter, call)?,
        Kind::TwoPathCall(call) => of_two_path_call(&parameter, call)?,
        Kind::ChangeDirectory(change) => parameter.path(change.path.get_or_insert_default())?,
        Kind::ChangeRoot(change) => parameter.path(change.path.get_or_insert_default())?,
        Kind::DescriptorCall(call) => of_descriptor_call(&parameter, call)?,
        Kind::Transfer(transfer) => match name {
            "data" => parameter.bytes(&mut transfer.data)?,
            "msgcontrol" => parameter.bytes(&mut transfer.control)?,
            "size" | "len" => parameter.put(&mut transfer.size)?,
            "flags" => parameter.put(&mut transfer.flags)?,
            _ => false,
        },
        Kind::SocketCreate(create) => match name {
            "domain" => parameter.put(&mut create.family)?,
            "proto" => parameter.put(&mut create.protocol)?,
            // Type and flags are one number, the flags above the type.
            "type" => put_bits(&parameter, &mut create.r#type, 0xf)?,
            "flags" => put_bits(&parameter, &mut create.r#type, !0xf)?,
            _ => false,
        },
        Kind::Connect(connect) if name == "addr" => parameter.address(&mut connect.requested)?,
        Kind::Bind(bind) => match name {
            "addr" => parameter.address(&mut bind.requested)?,
            "backlog" => parameter.put(&mut bind.backlog)?,
            _ => false,
        },
        Kind::Accept(accept) => match name {
            "flags" => parameter.put(&mut accept.flags)?,
            "queuelen" => parameter.put(&mut accept.queue_length)?,
            "queuemax" => parameter.put(&mut accept.queue_limit)?,
            _ => false,
        },
        Kind::SocketOption(option) => of_option(&parameter, option)?,
        other => of_process_or_kernel(&parameter, other)?,
    };
    if is_set {
        return Ok(());
    }
    let message = format!("evt.arg.{name} of {event} cannot be set by a case");
    Err(setting.problem(message).help("it follows from fd.*, proc.* or evt.rawres"))
}

/// Takes out of the flags of an open what Falco adds to them, and sets what they stand for.
fn without_own_flags(kind: &mut Kind, name: &str, text: &str) -> String {
    let Kind::Open(open) = kind else { return text.to_owned() };
    if name != "flags" {
        return text.to_owned();
    }
    let mut layer = None;
    let mut rest = Vec::new();
    for flag in text.split('|') {
        match flag.trim() {
            "O_F_CREATED" => open.is_created = true,
            "FD_UPPER_LAYER" => layer = Some(OverlayLayer::Upper),
            "FD_LOWER_LAYER" => layer = Some(OverlayLayer::Lower),
            other => rest.push(other),
        }
    }
    if let Some(layer) = layer
        && let Some(descriptor::Kind::File(file)) =
            open.descriptor.as_mut().and_then(|descriptor| descriptor.kind.as_mut())
    {
        file.layer = layer.into();
    }
    rest.join("|")
}

fn of_path_call(parameter: &Parameter<'_>, call: &mut PathCall) -> Result<bool, Problem> {
    match parameter.name {
        "path" | "name" | "filename" | "pathname" => parameter.path(call.path.get_or_insert_default()),
        "dirfd" => directory(parameter, call.path.get_or_insert_default()),
        "mode" => parameter.put(&mut call.mode),
        "flags" => parameter.put(&mut call.flags),
        "uid" => parameter.put(&mut call.uid),
        "gid" => parameter.put(&mut call.gid),
        "dev" => parameter.put(&mut call.device),
        "fd" => fd(parameter, call.descriptor.as_mut()),
        _ => Ok(false),
    }
}

fn of_two_path_call(parameter: &Parameter<'_>, call: &mut TwoPathCall) -> Result<bool, Problem> {
    match parameter.name {
        "oldpath" | "target" | "dev" => parameter.path(call.source.get_or_insert_default()),
        "newpath" | "linkpath" | "dir" => parameter.path(call.target.get_or_insert_default()),
        "olddirfd" | "olddir" => directory(parameter, call.source.get_or_insert_default()),
        "newdirfd" | "newdir" | "linkdirfd" => directory(parameter, call.target.get_or_insert_default()),
        "type" => parameter.bytes(&mut call.r#type),
        "flags" => parameter.put(&mut call.flags),
        _ => Ok(false),
    }
}

fn of_descriptor_call(parameter: &Parameter<'_>, call: &mut DescriptorCall) -> Result<bool, Problem> {
    match parameter.name {
        "oldfd" | "fd" => fd(parameter, call.descriptor.as_mut()),
        "newfd" | "arg" | "argument" | "initval" | "clockid" | "size" | "offset" | "pid" | "maxevents"
        | "aux" | "target_fd" => parameter.put_wrapping(&mut call.argument),
        "cmd" | "request" | "operation" | "whence" => parameter.put(&mut call.command),
        "flags" => parameter.put(&mut call.flags),
        "name" | "key" => parameter.bytes(&mut call.name),
        "first" => parameter.put(&mut call.first),
        "last" => parameter.put(&mut call.last),
        _ => Ok(false),
    }
}

fn of_option(parameter: &Parameter<'_>, option: &mut SocketOption) -> Result<bool, Problem> {
    match parameter.name {
        "level" => parameter.put(&mut option.level),
        "optname" => parameter.put(&mut option.name),
        "how" => parameter.put(&mut option.how),
        "fd" => fd(parameter, option.descriptor.as_mut()),
        _ => Ok(false),
    }
}

/// A path that starts at a descriptor: what that one is is not the case's to say.
fn directory(parameter: &Parameter<'_>, path: &mut PathArgument) -> Result<bool, Problem> {
    let is_set = parameter.put(&mut path.directory_fd)?;
    path.base = if path.directory_fd == AT_FDCWD { Vec::new() } else { b"/".to_vec() };
    Ok(is_set)
}

fn fd(
    parameter: &Parameter<'_>,
    descriptor: Option<&mut eyrie_proto::event::Descriptor>,
) -> Result<bool, Problem> {
    match descriptor {
        Some(descriptor) => parameter.put(&mut descriptor.fd),
        None => Ok(false),
    }
}

fn put_bits(parameter: &Parameter<'_>, bits: &mut u32, mask: u32) -> Result<bool, Problem> {
    let mut given = 0;
    let is_set = parameter.put(&mut given)?;
    *bits = *bits & !mask | given & mask;
    Ok(is_set)
}

// === impl Parameter ===

impl Parameter<'_> {
    /// Sets a number; an error where it is none or there is no room for it.
    pub(super) fn put<N: TryFrom<i128>>(&self, place: &mut N) -> Result<bool, Problem> {
        let Some(number) = self.number else { return Err(self.setting.misfit("a number")) };
        *place = N::try_from(number).map_err(|_| {
            self.setting.problem(format!("{} cannot be {number}: out of range", self.setting.field))
        })?;
        Ok(true)
    }

    /// The same for registers, in which numbers below zero are large ones.
    pub(super) fn put_wrapping(&self, place: &mut u64) -> Result<bool, Problem> {
        let mut number = 0_i64;
        if let (Some(large), Ok(())) =
            (self.number.and_then(|number| u64::try_from(number).ok()), Ok::<(), Problem>(()))
        {
            *place = large;
            return Ok(true);
        }
        let is_set = self.put(&mut number)?;
        *place = number.cast_unsigned();
        Ok(is_set)
    }

    pub(super) fn bytes(&self, place: &mut Vec<u8>) -> Result<bool, Problem> {
        *place = self.setting.bytes()?;
        Ok(true)
    }

    fn path(&self, path: &mut PathArgument) -> Result<bool, Problem> {
        if path.directory_fd == 0 {
            path.directory_fd = AT_FDCWD;
        }
        if self.setting.is_missing() {
            path.is_unreadable = true;
            return Ok(true);
        }
        path.requested = self.setting.bytes()?;
        path.resolved = path.requested.clone();
        Ok(true)
    }

    /// `ip:port`, or a path.
    fn address(&self, place: &mut Option<SocketAddress>) -> Result<bool, Problem> {
        let text = self.setting.text()?;
        let internet = text.rsplit_once(':').and_then(|(ip, port)| {
            let ip = super::socket::octets(ip.parse().ok()?);
            Some(eyrie_proto::event::InternetAddress {
                ip,
                port: port.parse::<u16>().ok()?.into(),
                scope_id: 0,
            })
        });
        let kind = match internet {
            Some(internet) => socket_address::Kind::Internet(internet),
            None => socket_address::Kind::Unix(text.into_bytes()),
        };
        *place = Some(SocketAddress { kind: Some(kind) });
        Ok(true)
    }
}
