//! Counts, latencies and sizes: what Falco derives of an event for its tools' tables, and what it has given up.

use rule_language::{
    ArgumentKind::{Index, Key},
    FieldType::{Bool, CharBuf, RelTime, Uint32, Uint64},
};

use super::{
    SECOND, absent,
    counts::{self, ErrorOf},
    field, io, time_field, timing,
};
use crate::{
    classes,
    declaration::{Declaration, Scope},
    fs_path,
    parameter::EventSchema,
    time,
    value::Value,
};

/// Falco's old container engine made such events; what tells of containers now is metadata.
const NO_DOCKER_EVENTS: &str = "nothing makes events of docker's, in Falco neither";

/// A duration that Falco 0.42 stopped measuring and reports as nothing ever since.
macro_rules! latency {
    ($name:literal, $type:expr, $value:expr) => {
        field!($name, $type, "always 0: events are reported when their call ends", |_, _| $value.into())
            .deprecated()
    };
}

/// What `fd.type` says of files, and of internet sockets.
const FILE: &[&str] = &["file"];
const NET: &[&str] = &["ipv4", "ipv6"];

/// The number of bytes that the call moved, of calls of one kind.
macro_rules! bytes_moved {
    ($name:literal, $description:literal, $is_of_category:expr, $types:expr) => {
        field!($name, Uint64, $description, |view, _| io::moved(view, $is_of_category, $types)).unlisted()
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    latency!("evt.latency", RelTime, Value::Uint(0)),
    latency!("evt.latency.s", RelTime, Value::Uint(0)),
    latency!("evt.latency.ns", RelTime, Value::Uint(0)),
    latency!("evt.latency.quantized", Uint64, Value::Uint(0)).unlisted(),
    latency!("evt.latency.human", CharBuf, Value::text("0ns")),
    latency!("evt.wait_latency", RelTime, Value::Uint(0)),
    field!("evt.deltatime", RelTime, "nanoseconds since the event before this one in the host's stream; 0 on the first", |view, _| timing::since_last(view, |ns| ns)),
    field!("evt.deltatime.s", RelTime, "whole seconds since the event before this one", |view, _| timing::since_last(view, |ns| ns / SECOND)),
    field!("evt.deltatime.ns", RelTime, "the nanoseconds of evt.deltatime that are no whole second", |view, _| timing::since_last(view, |ns| ns % SECOND)),
    field!("evt.outputtime", CharBuf, "the same as evt.time: what Falco says unless its command line asks for another form", |view, _| time_field(view, time::time_of_day)).unlisted(),
    field!("evt.is_io", Bool, "whether the call reads or writes data", |view, _| io::is(view, |schema| schema.reads || schema.writes)),
    field!("evt.is_io_read", Bool, "whether the call reads data", |view, _| io::is(view, |schema| schema.reads)),
    field!("evt.is_io_write", Bool, "whether the call writes data", |view, _| io::is(view, |schema| schema.writes)),
    field!("evt.io_dir", CharBuf, "read for a call that reads data, write for one that writes; missing for others", |view, _| io::direction(view)),
    field!("evt.is_wait", Bool, "whether the call waits for something, as poll and nanosleep do", |view, _| io::is(view, |schema| schema.waits)),
    field!("evt.is_syslog", Bool, "whether the call writes to /dev/log", |view, _| io::is_syslog(view)),
    field!("evt.count", Uint32, "always 1", |_, _| Value::Uint(1).into()),
    field!("evt.count.error", Uint32, "1 if the call failed, 0 if not; missing for what returns nothing", |view, _| counts::failed(view)),
    field!("evt.count.error.file", Uint32, "as evt.count.error, of calls on files and directories; missing for others", |view, _| counts::failed_of(view, ErrorOf::File)),
    field!("evt.count.error.net", Uint32, "as evt.count.error, of calls on internet and Unix sockets; missing for others", |view, _| counts::failed_of(view, ErrorOf::Net)),
    field!("evt.count.error.memory", Uint32, "as evt.count.error, of calls on memory; missing for others", |view, _| counts::failed_of(view, ErrorOf::Memory)),
    field!("evt.count.error.other", Uint32, "as evt.count.error, of calls on nothing of these; missing for others", |view, _| counts::failed_of(view, ErrorOf::Other)),
    field!("evt.count.exit", Uint32, "always 1: events are reported when their call ends", |_, _| Value::Uint(1).into()),
    field!("evt.count.procinfo", Uint32, "always 0: 1 would stand for an event of Falco's walk over /proc, which is none here", |_, _| Value::Uint(0).into()).unlisted(),
    field!("evt.count.threadinfo", Uint32, "always 0, as evt.count.procinfo", |_, _| Value::Uint(0).into()).unlisted(),
    field!("evt.around", Uint64, "whether the event lies so close to a time: evt.around[T]=D holds from D milliseconds before T to D after, with T as evt.rawtime shows it", timing::distance).required(Index).not_on_rhs().not_in_transformer().not_in_output(),
    field!("evt.abspath", CharBuf, "the absolute path of a call that takes one relative to a descriptor, as renameat does; of calls with two paths evt.abspath.src and evt.abspath.dst", fs_path::absolute).optional(Key).dotted(),
    bytes_moved!("evt.buflen.in", "how many bytes the call read", io::is_input, &[]),
    bytes_moved!("evt.buflen.out", "how many bytes the call wrote", io::is_output, &[]),
    bytes_moved!("evt.buflen.file", "how many bytes the call moved from or to a file", EventSchema::is_io, FILE),
    bytes_moved!("evt.buflen.file.in", "how many bytes the call read from a file", io::is_input, FILE),
    bytes_moved!("evt.buflen.file.out", "how many bytes the call wrote to a file", io::is_output, FILE),
    bytes_moved!("evt.buflen.net", "how many bytes the call moved over the network", EventSchema::is_io, NET),
    bytes_moved!("evt.buflen.net.in", "how many bytes the call received from the network", io::is_input, NET),
    bytes_moved!("evt.buflen.net.out", "how many bytes the call sent over the network", io::is_output, NET),
    absent!("evt.infra.docker.name", CharBuf, NO_DOCKER_EVENTS, "the name of an event of docker's").unlisted(),
    absent!("evt.infra.docker.container.id", CharBuf, NO_DOCKER_EVENTS, "the container's id in an event of docker's").unlisted(),
    absent!("evt.infra.docker.container.name", CharBuf, NO_DOCKER_EVENTS, "the container's name in an event of docker's").unlisted(),
    absent!("evt.infra.docker.container.image", CharBuf, NO_DOCKER_EVENTS, "the container's image in an event of docker's").unlisted(),
];
