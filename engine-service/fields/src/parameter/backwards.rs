//! From the text of a parameter back to the number that a call was given.

use super::{
    errno_name,
    flags::{self, Table},
    schema::{Radix, Shape, schema_of},
};

/// The last number that an error may have.
pub(crate) const LAST_ERRNO: i64 = 4_095;
/// Names of the two bits of the access mode of open, which is a number and no set (linux/fcntl.h).
const ACCESS_MODES: [(&str, u64); 3] = [("O_RDONLY", 0), ("O_WRONLY", 1), ("O_RDWR", 2)];
const AT_FDCWD: i128 = -100;

/// Why a text cannot be a parameter of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterError {
    /// The event has no such parameter; these are its.
    NoParameter(Vec<&'static str>),
    /// Neither a number nor one of these names.
    NoName(Vec<&'static str>),
    /// Falco's name of something that the kernel has no number for.
    NotGiven(&'static str),
}

/// The number, in the kernel's own numbering, that `text` stands for as this parameter of this event; `None` where it is text.
///
/// Names are joined by `|` as `evt.arg` shows them. Numbers are read as it shows them, too: hexadecimal and octal where it
/// shows those; `0x` always means hexadecimal.
pub fn parameter_number(event: &str, parameter: &str, text: &str) -> Result<Option<i128>, ParameterError> {
    let columns = schema_of(event).map_or(&[][..], |schema| schema.columns);
    let Some(column) = columns.iter().find(|column| column.name == parameter) else {
        return Err(ParameterError::NoParameter(columns.iter().map(|column| column.name).collect()));
    };
    let number = number(text, column.shape);
    match column.shape {
        Shape::Text
        | Shape::Path
        | Shape::Bytes
        | Shape::Tuple
        | Shape::Address
        | Shape::Call
        | Shape::List => Ok(None),
        // Whose names are not ours to know.
        Shape::Uid | Shape::Gid => Ok(number),
        _ if number.is_some() => Ok(number),
        Shape::Dynamic(_) => Ok(None),
        Shape::Flags(table) | Shape::Mode(table) => set(text, table).map(Some),
        Shape::Enum(table, _) => one(text, table).map(Some),
        Shape::Errno | Shape::Fd => error_or_directory(text).map(Some),
        Shape::Signal => signal(text).map(Some),
        Shape::Unsigned(..) | Shape::Signed | Shape::Pid | Shape::Time | Shape::Duration => {
            Err(ParameterError::NoName(Vec::new()))
        }
    }
}

fn number(text: &str, shape: Shape) -> Option<i128> {
    if let Some(digits) = text.strip_prefix("0x") {
        return i128::from_str_radix(digits, 16).ok();
    }
    let octal = text.strip_prefix('0').filter(|digits| !digits.is_empty());
    match (shape, octal) {
        (Shape::Unsigned(_, Radix::Hexadecimal), _) => i128::from_str_radix(text, 16).ok(),
        (Shape::Unsigned(_, Radix::Octal) | Shape::Mode(_), Some(digits)) => {
            i128::from_str_radix(digits, 8).ok()
        }
        _ => text.parse().ok(),
    }
}

fn set(text: &str, table: Table) -> Result<i128, ParameterError> {
    let mut set = 0;
    for name in text.split('|').map(str::trim).filter(|name| !name.is_empty()) {
        let mode = ACCESS_MODES.iter().find(|(mode, _)| *mode == name && has(table, "O_TMPFILE"));
        set |= match mode {
            Some((_, number)) => *number,
            None => number_of(name, table)?,
        };
    }
    Ok(set.into())
}

fn has(table: Table, name: &str) -> bool {
    table.iter().any(|(own, ..)| *own == name)
}

fn number_of(name: &str, table: Table) -> Result<u64, ParameterError> {
    match table.iter().find(|(own, ..)| *own == name) {
        Some((own, falco, 0)) if *falco != 0 => Err(ParameterError::NotGiven(own)),
        Some((_, _, kernel)) => Ok(*kernel),
        None => Err(ParameterError::NoName(table.iter().map(|(own, ..)| *own).collect())),
    }
}

fn one(text: &str, table: Table) -> Result<i128, ParameterError> {
    // Where a number has several names they are shown together, and any of them will do.
    let first = text.split('|').next().unwrap_or(text);
    match table.iter().find(|(own, ..)| *own == first) {
        Some((own, _, u64::MAX)) => Err(ParameterError::NotGiven(own)),
        Some((_, _, kernel)) => Ok((*kernel).into()),
        None => Err(ParameterError::NoName(table.iter().map(|(own, ..)| *own).collect())),
    }
}

fn error_or_directory(text: &str) -> Result<i128, ParameterError> {
    match text {
        "AT_FDCWD" => Ok(AT_FDCWD),
        "SUCCESS" => Ok(0),
        name => (1..=LAST_ERRNO)
            .find(|number| errno_name(-number) == Some(name))
            .map(|number| -i128::from(number))
            .ok_or(ParameterError::NoName(vec!["SUCCESS", "AT_FDCWD", "ENOENT", "EACCES"])),
    }
}

fn signal(text: &str) -> Result<i128, ParameterError> {
    let named = |number: &u64| flags::signal(*number) == Some(text);
    let names = || (1..32).filter_map(flags::signal).collect();
    (1..32).find(named).map(i128::from).ok_or_else(|| ParameterError::NoName(names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &str, parameter: &str, text: &str) -> Option<i128> {
        parameter_number(event, parameter, text).unwrap()
    }

    /// Scenario: flags, numbers of one name and of several, modes, errors and signals as `evt.arg` shows them. Guarantees: the
    /// kernel's numbers.
    #[test]
    fn names_become_the_kernels_numbers() {
        assert_eq!(read("openat", "flags", "O_TRUNC|O_CREAT|O_WRONLY"), Some(0o1_101));
        assert_eq!(read("openat", "flags", "O_RDWR"), Some(2));
        assert_eq!(read("openat", "mode", "0644"), Some(0o644));
        assert_eq!(read("chmod", "mode", "S_ISUID|S_IXUSR"), Some(0o4_100));
        assert_eq!(read("socket", "domain", "AF_LOCAL|AF_UNIX"), Some(1));
        assert_eq!(read("unshare", "flags", "CLONE_NEWUSER"), Some(0x1000_0000));
        assert_eq!(read("ptrace", "request", "PTRACE_ATTACH"), Some(16));
        assert_eq!(read("kill", "sig", "SIGKILL"), Some(9));
        assert_eq!(read("kill", "res", "ESRCH"), Some(-3));
        assert_eq!(read("ioctl", "request", "5413"), Some(0x5413));
        assert_eq!(read("dup3", "flags", "O_CLOEXEC"), Some(0o2_000_000));
    }

    /// Scenario: texts, names that only the host knows, wrong names, names for which the kernel has no number, a parameter of
    /// another event. Guarantees: none is a number, and the errors say what would be right.
    #[test]
    fn what_is_no_number_is_said_to_be_none() {
        assert_eq!(read("openat", "name", "12"), None);
        assert_eq!(read("setuid", "uid", "root"), None);
        assert_eq!(read("setuid", "uid", "0"), Some(0));
        let error = |event, parameter, text| parameter_number(event, parameter, text).unwrap_err();
        assert_eq!(error("openat", "flags", "O_F_CREATED"), ParameterError::NotGiven("O_F_CREATED"));
        assert!(
            matches!(error("openat", "flags", "O_RDONL"), ParameterError::NoName(names) if names.contains(&"O_RDONLY"))
        );
        assert!(
            matches!(error("unlink", "flags", "0"), ParameterError::NoParameter(names) if names == ["res", "path"])
        );
        assert!(matches!(error("kill", "pid", "x"), ParameterError::NoName(_)));
    }
}
