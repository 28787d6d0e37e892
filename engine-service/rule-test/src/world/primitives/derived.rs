//! Fields that follow from others, and what to set instead.

/// What to set so that this field is as it should be; `None` for fields that can be set, or that nothing makes.
pub(super) fn instead_of(field: &str) -> Option<&'static str> {
    let name = field.split('[').next().unwrap_or(field);
    Some(match name {
        "proc.cmdnargs" | "proc.cmdlenargs" => "set proc.args, as a list",
        "proc.args" if field.contains('[') => "set proc.args, as a list",
        "proc.ppid.ts" | "proc.ppid.duration" => "set proc.duration: parents start a second before",
        "proc.loginshellid" => "set proc.aname[…] and proc.apid[…]",
        "proc.exec_id" => "set proc.pid and proc.duration",
        "proc.exe_ino.ctime_duration_pidns_start" | "proc.pidns_init_start_ts" => {
            "it is counted from the start of the host"
        }
        "thread.ismain" => "set thread.tid",
        "evt.args" | "evt.info" => "set evt.arg.NAME for each parameter",
        "evt.rawarg" => "set evt.arg.NAME",
        "evt.type.is" => "set evt.type",
        "evt.buflen" | "evt.buflen.in" | "evt.buflen.out" => "set evt.rawres",
        "evt.is_open_create" => "set evt.arg.flags: O_CREAT|O_F_CREATED",
        "evt.category" | "evt.is_io" | "evt.is_io_read" | "evt.is_io_write" | "evt.io_dir"
        | "evt.is_wait" => "it follows from evt.type",
        "evt.is_syslog" => "set fd.name: /dev/log",
        "evt.datetime" | "evt.datetime.s" | "evt.time.s" | "evt.rawtime.s" | "evt.rawtime.ns" => {
            "set evt.rawtime, in nanoseconds since the epoch, or evt.time.iso8601"
        }
        "evt.count" | "evt.count.error" => "set evt.res",
        "fd.dev.major" | "fd.dev.minor" => "set fd.dev: minor & 0xff | major << 8 | (minor & ~0xff) << 12",
        "container.duration" => "set container.start_ts and evt.rawtime",
        "container.mount"
        | "container.mount.mode"
        | "container.mount.rdwr"
        | "container.mount.propagation" => {
            "set container.mounts, a list of {source, dest, mode, rdwr, propagation}"
        }
        _ if name.starts_with("evt.rawarg.") => "set evt.arg.NAME",
        _ if name.starts_with("evt.type.is.") => "set evt.type",
        _ if name.starts_with("evt.latency") || name == "evt.dir" => "it is the same in all events",
        _ => return None,
    })
}
