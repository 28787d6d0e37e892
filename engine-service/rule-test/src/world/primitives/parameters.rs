//! `evt.arg.*`: what parameters are the same as other fields, and what cannot be theirs.

use fields::{ParameterError, parameter_number, parameters_of};

use super::{MAKERS, OPENS, values::result};
use crate::given::{Given, Problem, Setting};

/// Parameters of executions that are properties of the process.
const OF_EXECUTION: [(&str, &str); 17] = [
    ("exe", "proc.exe"),
    ("args", "proc.args"),
    ("tid", "thread.tid"),
    ("pid", "proc.pid"),
    ("ptid", "proc.apid[1]"),
    ("cwd", "proc.cwd"),
    ("comm", "proc.name"),
    ("env", "proc.env"),
    ("tty", "proc.tty"),
    ("vpgid", "proc.vpgid"),
    ("pgid", "proc.pgid"),
    ("loginuid", "user.loginuid"),
    ("cap_inheritable", "thread.cap_inheritable"),
    ("cap_permitted", "thread.cap_permitted"),
    ("cap_effective", "thread.cap_effective"),
    ("exe_ino", "proc.exe_ino"),
    ("trusted_exepath", "proc.exepath"),
];

pub(super) fn of_parameter(event: &str, parameter: &str, setting: &Setting) -> Result<Vec<Setting>, Problem> {
    let renamed = |name: &str| Ok(vec![Setting { field: name.to_owned(), ..setting.clone() }]);
    let known = parameters_of(event).unwrap_or_default();
    match known.iter().find(|(name, _)| *name == parameter) {
        None => {
            let message = format!("events of type {event} have no parameter '{parameter}'");
            return Err(setting.problem(message).help(parameters_help(event)));
        }
        Some((_, false)) => {
            return Err(
                setting.problem(format!("evt.arg.{parameter} never has a value in events of type {event}"))
            );
        }
        Some(_) => {}
    }
    let is_execution = matches!(event, "execve" | "execveat");
    match parameter {
        "res" => return Ok(vec![Setting::new("evt.rawres", result(setting)?, &setting.span)]),
        "fd" if MAKERS.contains(&event) => {
            return Ok(vec![Setting::new("evt.rawres", result(setting)?, &setting.span)]);
        }
        "name" | "path" if OPENS.contains(&event) => return renamed("fd.name"),
        "flags" if is_execution => {
            let help = "set proc.is_exe_writable, proc.is_exe_upper_layer, proc.is_exe_from_memfd";
            return Err(setting.problem("evt.arg.flags follows from other fields").help(help));
        }
        "uid" | "gid" if is_execution => {
            let is_number = setting.number::<i128>().is_ok();
            return renamed(match (parameter, is_number) {
                ("uid", true) => "user.uid",
                ("uid", false) => "user.name",
                (_, true) => "group.gid",
                (_, false) => "group.name",
            });
        }
        _ => {}
    }
    if is_execution && let Some((_, field)) = OF_EXECUTION.iter().find(|(name, _)| *name == parameter) {
        return renamed(field);
    }
    if let Given::Text(text) = &setting.value
        && parameter == "mode"
        && let Some(mode) = mode_by_names(text)
    {
        // Falco shows the mode of opens as a number only; cases may name its bits as those of chmod.
        return Ok(vec![Setting::new("evt.arg.mode", Given::Text(format!("0x{mode:x}")), &setting.span)]);
    }
    if let Given::Text(text) = &setting.value {
        check_parameter(event, parameter, text, setting)?;
    }
    renamed(&format!("evt.arg.{parameter}"))
}

/// Permissions by the names of their bits, as `evt.arg.mode` of chmod shows them.
pub(in crate::world) fn mode_by_names(text: &str) -> Option<i128> {
    if !text.contains("S_I") {
        return None;
    }
    parameter_number("chmod", "mode", text).ok().flatten()
}

/// Says at once what cannot be a value of the parameter.
fn check_parameter(event: &str, parameter: &str, text: &str, setting: &Setting) -> Result<(), Problem> {
    // What Falco adds to the flags of opens is no flag of the call, and no text that others share.
    let given: Vec<&str> = text
        .split('|')
        .filter(|name| !matches!(*name, "O_F_CREATED" | "FD_UPPER_LAYER" | "FD_LOWER_LAYER"))
        .collect();
    match parameter_number(event, parameter, &given.join("|")) {
        Ok(_) => Ok(()),
        Err(ParameterError::NoName(names)) if names.is_empty() => Err(setting.misfit("a number")),
        Err(ParameterError::NoName(names)) => {
            let near = given.last().and_then(|name| rule_language::closest(name, names.iter().copied()));
            let help = near.map_or_else(
                || format!("names are {}", names.join(", ")),
                |near| format!("did you mean {near}?"),
            );
            Err(setting.problem(format!("{} cannot be '{text}'", setting.field)).help(help))
        }
        Err(ParameterError::NotGiven(name)) => {
            Err(setting.problem(format!("{name} is Falco's own, and nothing that a call can be given")))
        }
        Err(ParameterError::NoParameter(_)) => Ok(()),
    }
}

pub(super) fn parameters_help(event: &str) -> String {
    let names: Vec<_> =
        parameters_of(event).unwrap_or_default().iter().map(|(name, _)| format!("evt.arg.{name}")).collect();
    if names.is_empty() {
        "its events have no parameters".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    }
}
