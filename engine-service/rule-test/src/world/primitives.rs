//! Takes apart what cases set: fields that are made of others become these, and several names of one thing become one.
//!
//! What is left are primitives: each is set in one place of the world. Names of primitives are names of fields, but an
//! ancestor has always its number, the ends of a connection are the local and the remote one, the result is `evt.rawres`, and
//! paths of calls are `evt.arg.*` but for those of opens, which are `fd.name`.

mod ancestors;
mod derived;
mod parameters;
mod values;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

pub(super) use self::parameters::mode_by_names;
use self::{
    ancestors::{ancestor, argument, of_ancestor},
    derived::instead_of,
    parameters::{of_parameter, parameters_help},
    values::{connection, event_type, image, line, result, type_of_character},
};
use crate::given::{Given, Problem, Setting};

/// Calls that make the descriptor that `fd.num` is the number of: it is their result.
const MAKERS: [&str; 8] =
    ["open", "openat", "openat2", "creat", "open_by_handle_at", "socket", "accept", "accept4"];
/// -ENOENT: why calls fail that do not say why.
const NO_ENTRY: &str = "-2";
/// Calls whose path is what `fd.name` tells.
pub(crate) const OPENS: [&str; 5] = ["open", "openat", "openat2", "creat", "open_by_handle_at"];
/// The file of events that do not say which.
pub(crate) const DEFAULT_PATH: &[u8] = b"/tmp/file";
/// Fields that look at others: paths are put together of their parts, and a descriptor is -1 because of an error.
const LATE: [&str; 3] = ["fd.directory", "fd.filename", "fd.num"];
/// What only connections have.
const OF_CONNECTIONS: [&str; 9] = [
    "fd.lip",
    "fd.lport",
    "fd.rip",
    "fd.rport",
    "fd.lip.name",
    "fd.rip.name",
    "fd.l4proto",
    "fd.connected",
    "fd.name_changed",
];
/// What an event sets, taken apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Primitives {
    by_name: BTreeMap<String, Setting>,
    /// The primitives that each setting became, by its field; beside them the setting's place, which tells it from others.
    of_field: BTreeMap<String, (Range<usize>, Vec<String>)>,
    /// A change made it an event of another type, in which what was set for the first one need not have a place.
    is_retyped: bool,
    event_type: String,
    /// Primitives that changes have set: what one says is no rest of the event that another replaces.
    changed: BTreeSet<String>,
}

// === impl Primitives ===

impl Primitives {
    /// The primitives of an event. `base` are settings, `changes` replace what they touch, whatever its name is.
    pub(crate) fn new(base: &[Setting], changes: &[Setting]) -> Result<Self, Problem> {
        let type_of = |settings: &[Setting]| {
            let named = |setting: &&Setting| matches!(setting.field.as_str(), "evt.type" | "syscall.type");
            settings.iter().find(named).map(event_type).transpose()
        };
        let own = type_of(base)?;
        let event = match (type_of(changes)?, &own) {
            (Some(changed), _) => changed,
            (None, Some(own)) => own.clone(),
            (None, None) => {
                let span = base.first().or(changes.first()).map_or(0..0, |setting| setting.span.clone());
                return Err(
                    Problem::new(&span, "an event needs an evt.type").help("as in `evt.type: openat`")
                );
            }
        };
        let is_retyped = own.is_some_and(|own| own != event);
        let mut primitives = Self { is_retyped, event_type: event.clone(), ..Self::default() };
        for (settings, is_change) in [(base, false), (changes, true)] {
            // What puts a path together has to see both of its parts.
            let (late, first): (Vec<&Setting>, Vec<&Setting>) =
                settings.iter().partition(|setting| LATE.contains(&setting.field.as_str()));
            for setting in first.into_iter().chain(late) {
                match primitives.add(&event, setting, is_change) {
                    Err(_) if is_retyped && !is_change => {}
                    added => added?,
                }
            }
        }
        Ok(primitives)
    }

    /// The primitives of the fields that are set, in one step.
    fn add(&mut self, event: &str, setting: &Setting, is_change: bool) -> Result<(), Problem> {
        let (mut parts, mut touched) = self.parts(event, setting, is_change)?;
        if is_change {
            parts.extend(self.raw_name(&parts));
        }
        // The second part of a path completes what the first one began.
        let may_replace = is_change || matches!(setting.field.as_str(), "fd.directory" | "fd.filename");
        if is_change {
            for part in &parts {
                self.drop_topic(&part.field, event);
                self.drop_what_goes_with(part);
            }
        }
        for part in parts {
            match self.by_name.get(&part.field) {
                Some(known) if known.value != part.value && !may_replace => {
                    let Setting { field, value, .. } = setting;
                    let message =
                        format!("{field}: {value} cannot be together with {}: {}", known.field, known.value);
                    return Err(setting.problem(message).help(format!("both say what {} is", part.field)));
                }
                _ => {}
            }
            touched.push(part.field.clone());
            if is_change {
                self.changed.insert(part.field.clone());
            }
            self.by_name.insert(part.field.clone(), part);
        }
        self.of_field.insert(setting.field.clone(), (setting.span.clone(), touched));
        Ok(())
    }

    /// A path that led to the old name by a detour leads to the new one by the same.
    fn raw_name(&self, parts: &[Setting]) -> Option<Setting> {
        let new = parts.iter().find(|part| part.field == "fd.name" && !part.is_missing())?;
        let (old, raw) =
            (self.by_name.get("fd.name")?.bytes().ok()?, self.by_name.get("fd.nameraw")?.bytes().ok()?);
        let path = [raw.strip_suffix(old.as_slice())?, &new.bytes().ok()?].concat();
        Some(Setting::new("fd.nameraw", Given::of_bytes(path), &new.span))
    }

    /// Forgets what says the same as a primitive that is about to change, and whoever was made of it.
    fn drop_topic(&mut self, primitive: &str, event: &str) {
        let topic = topic(primitive, event).to_owned();
        let changed = &self.changed;
        let goes = |name: &String| self::topic(name, event) == topic && !changed.contains(name);
        self.by_name.retain(|name, _| !goes(name));
        self.of_field.retain(|_, (_, parts)| !parts.iter().any(goes));
    }

    /// Forgets what there cannot be any more: the addresses of what has become a file, the ancestors of who has none.
    fn drop_what_goes_with(&mut self, part: &Setting) {
        let is_internet = matches!(&part.value, Given::Text(kind) if kind == "ipv4" || kind == "ipv6");
        let number = |field: &str| field.split_once('[')?.1.trim_end_matches(']').parse::<usize>().ok();
        let is_above = |field: &str| {
            field.starts_with("proc.a") && number(field).is_some_and(|own| Some(own) >= number(&part.field))
        };
        let creates = part.text().is_ok_and(|flags| flags.contains("O_CREAT") || flags.contains("O_TMPFILE"));
        let goes = |field: &str| match part.field.as_str() {
            "fd.type" if is_internet => matches!(field, "fd.name" | "fd.nameraw"),
            "fd.type" => OF_CONNECTIONS.contains(&field),
            // Who creates nothing gives no permissions.
            "evt.arg.flags" => field == "evt.arg.mode" && !creates,
            name if name.starts_with("proc.aname[") && part.is_missing() => is_above(field),
            _ => false,
        };
        let changed = &self.changed;
        let goes = |name: &String| goes(name) && !changed.contains(name);
        self.by_name.retain(|name, _| !goes(name));
        self.of_field.retain(|_, (_, parts)| !parts.iter().any(goes));
    }

    /// Whether a setting still says how things are: no change has replaced it.
    pub(crate) fn says(&self, setting: &Setting) -> bool {
        self.of_field.get(&setting.field).is_some_and(|(span, _)| *span == setting.span)
    }

    /// Whether the event is of another type than the case wrote, so that only changes have to hold.
    pub(crate) fn is_retyped(&self) -> bool {
        self.is_retyped
    }

    pub(crate) fn event_type(&self) -> &str {
        &self.event_type
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Setting> {
        self.by_name.get(name)
    }

    /// Takes a primitive out; those that nobody takes cannot be set.
    pub(crate) fn take(&mut self, name: &str) -> Option<Setting> {
        self.by_name.remove(name)
    }

    /// Takes all primitives of this name with an argument in brackets, each with its argument.
    pub(crate) fn take_with_arguments(&mut self, name: &str) -> Vec<(String, Setting)> {
        let argument_of = |field: &str| {
            let argument = field.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
            Some(argument.trim_matches(['"', '\'']).to_owned())
        };
        let names: Vec<_> =
            self.by_name.keys().filter_map(|field| Some((argument_of(field)?, field.clone()))).collect();
        names.into_iter().filter_map(|(argument, field)| Some((argument, self.take(&field)?))).collect()
    }

    /// Puts back what turned out to be somebody else's.
    pub(crate) fn put_back(&mut self, setting: Setting) {
        self.by_name.insert(setting.field.clone(), setting);
    }

    /// Takes all primitives that begin so.
    pub(crate) fn take_family(&mut self, prefix: &str) -> Vec<Setting> {
        let names: Vec<_> = self.by_name.keys().filter(|field| field.starts_with(prefix)).cloned().collect();
        names.iter().filter_map(|name| self.take(name)).collect()
    }

    pub(crate) fn has_family(&self, prefix: &str) -> bool {
        self.by_name.keys().any(|field| field.starts_with(prefix))
    }

    /// What nobody took.
    pub(crate) fn rest(&self) -> Option<Problem> {
        if self.is_retyped {
            return None;
        }
        let setting = self.by_name.values().next()?;
        let Setting { field, value, .. } = setting;
        Some(
            setting
                .problem(format!("{field} cannot be set to {value} in events of type {}", self.event_type)),
        )
    }

    /// The primitives that a setting stands for; beside them those that are kept for other reasons.
    fn parts(
        &self,
        event: &str,
        setting: &Setting,
        is_change: bool,
    ) -> Result<(Vec<Setting>, Vec<String>), Problem> {
        let named = |name: &str| Setting { field: name.to_owned(), ..setting.clone() };
        let one = |name: &str| Ok((vec![named(name)], Vec::new()));
        let field = setting.field.as_str();
        if let Some(parameter) = field.strip_prefix("evt.arg.").or_else(|| argument(field, "evt.arg")) {
            return Ok((of_parameter(event, parameter, setting)?, Vec::new()));
        }
        if let Some((name, number)) = ancestor(field) {
            return Ok((of_ancestor(name, number, setting)?, Vec::new()));
        }
        if field.starts_with("fs.path.") || field.starts_with("evt.abspath") {
            let Some(parameter) = fields::path_parameter(field, event) else {
                let message = format!("{field} has no value in events of type {event}");
                return Err(setting.problem(message).help(parameters_help(event)));
            };
            return Ok((of_parameter(event, parameter, setting)?, Vec::new()));
        }
        match field {
            "syscall.type" => one_with("evt.type", Given::Text(event_type(setting)?), setting),
            "proc.cmdline" => Ok((line(setting, "proc.name", "proc.args")?, Vec::new())),
            "proc.exeline" => Ok((line(setting, "proc.exe", "proc.args")?, Vec::new())),
            "evt.res" | "evt.failed" => one_with("evt.rawres", result(setting)?, setting),
            "fd.num" if MAKERS.contains(&event) && setting.number() == Ok(-1) => {
                match self.by_name.get("evt.rawres") {
                    // Why it failed is said already.
                    Some(result) if result.number().is_ok_and(|result: i64| result < 0) => {
                        Ok((Vec::new(), Vec::new()))
                    }
                    _ => one_with("evt.rawres", Given::of(NO_ENTRY), setting),
                }
            }
            "fd.num" if MAKERS.contains(&event) => one("evt.rawres"),
            "fd.typechar" => one_with("fd.type", type_of_character(setting)?, setting),
            "fd.directory" | "fd.filename" => self.path(setting, is_change),
            "container.id" if setting.text().is_ok_and(|id| id.len() > 12) => one("container.full_id"),
            "container.image" => Ok((image(setting)?, Vec::new())),
            "k8s.pod.id" => one("k8s.pod.uid"),
            _ => match self.end(event, setting)? {
                Some(parts) => Ok((parts, Vec::new())),
                None => match instead_of(field) {
                    Some(help) => {
                        Err(setting.problem(format!("{field} follows from other fields")).help(help))
                    }
                    None => one(field),
                },
            },
        }
    }

    /// A path of which only one part is told keeps the other one.
    fn path(&self, setting: &Setting, is_change: bool) -> Result<(Vec<Setting>, Vec<String>), Problem> {
        let known = self.by_name.get("fd.name").map(Setting::bytes).transpose()?;
        let part = setting.bytes()?;
        let was_set_whole = self.of_field.contains_key("fd.name") || self.of_field.contains_key("fd.nameraw");
        if !is_change && was_set_whole {
            // Whether they agree is checked when all is done.
            return Ok((Vec::new(), vec!["fd.name".to_owned()]));
        }
        let whole = known.unwrap_or_else(|| DEFAULT_PATH.to_vec());
        let split = whole.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let (directory, file) =
            (whole.get(..split).unwrap_or_default(), whole.get(split..).unwrap_or_default());
        let path = if setting.field == "fd.directory" {
            [part.strip_suffix(b"/").unwrap_or(&part), file].concat()
        } else {
            [directory, b"/", &part].concat()
        };
        Ok((vec![Setting::new("fd.name", Given::of_bytes(path), &setting.span)], Vec::new()))
    }

    /// The ends of a connection, by the role that the process has in it.
    fn end(&self, event: &str, setting: &Setting) -> Result<Option<Vec<Setting>>, Problem> {
        let is_server = match self.by_name.get("fd.is_server") {
            Some(setting) => setting.flag()?,
            None => matches!(event, "accept" | "accept4" | "listen" | "bind"),
        };
        let has_peer = !matches!(event, "listen" | "bind");
        if setting.field == "fd.name"
            && let Given::Text(text) = &setting.value
            && let Some(ends) = connection(text)
        {
            let [client, server] = ends;
            let (local, remote) = if is_server { (server, client) } else { (client, server) };
            let part = |name: &str, value: String| Setting::new(name, Given::Text(value), &setting.span);
            return Ok(Some(vec![
                part("fd.lip", local.0),
                part("fd.lport", local.1),
                part("fd.rip", remote.0),
                part("fd.rport", remote.1),
            ]));
        }
        let Some(end) = setting.field.strip_prefix("fd.") else { return Ok(None) };
        let (local, remote) = ("l", if has_peer { "r" } else { "l" });
        let (whose, what) = match end {
            "ip" | "net" => (remote, "ip"),
            "port" | "proto" => (remote, "port"),
            "cip" | "cnet" => (if is_server { "r" } else { local }, "ip"),
            "sip" | "snet" => (if is_server { local } else { remote }, "ip"),
            "lip" | "lnet" => (local, "ip"),
            "rip" | "rnet" => ("r", "ip"),
            "cport" | "cproto" => (if is_server { "r" } else { local }, "port"),
            "sport" | "sproto" => (if is_server { local } else { remote }, "port"),
            "lport" | "lproto" => (local, "port"),
            "rport" | "rproto" => ("r", "port"),
            "cip.name" => (if is_server { "r" } else { local }, "ip.name"),
            "sip.name" => (if is_server { local } else { remote }, "ip.name"),
            "lip.name" => (local, "ip.name"),
            "rip.name" => ("r", "ip.name"),
            _ => return Ok(None),
        };
        Ok(Some(vec![Setting { field: format!("fd.{whose}{what}"), ..setting.clone() }]))
    }
}

/// What says the same as others: a change of one replaces all.
fn topic<'n>(primitive: &'n str, event: &str) -> &'n str {
    match primitive {
        "fd.nameraw" | "fd.resolved" => "fd.name",
        "evt.is_open_read" | "evt.is_open_write" => "evt.arg.flags",
        "evt.is_open_exec" => "evt.arg.mode",
        // Whether it is one file or one connection.
        "fd.sockfamily" => "fd.type",
        "proc.is_exe_lower_layer" => "proc.is_exe_upper_layer",
        "proc.vpgid" | "proc.pgid" | "proc.is_pgid_leader" => "proc.is_vpgid_leader",
        "proc.sid" | "proc.is_sid_leader" => "proc.sname",
        "proc.exe_ino.ctime" => "proc.exe_ino.ctime_duration_proc_start",
        "proc.pid.ts" => "proc.duration",
        "container.full_id" | "container" => "container.id",
        "evt.time" | "evt.time.iso8601" => "evt.rawtime",
        "evt.arg.fd" if !matches!(event, "dup" | "dup2" | "dup3") => "fd.num",
        other => other,
    }
}

fn one_with(name: &str, value: Given, setting: &Setting) -> Result<(Vec<Setting>, Vec<String>), Problem> {
    Ok((vec![Setting::new(name, value, &setting.span)], Vec::new()))
}
