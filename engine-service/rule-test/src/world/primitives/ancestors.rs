//! Fields of the processes above.

use super::values::line;
use crate::given::{Problem, Setting};

/// Fields of ancestors with their number: `proc.pname` is `proc.aname[1]`, and any ancestor is the nearest.
pub(super) fn ancestor(field: &str) -> Option<(&'static str, usize)> {
    const NAMES: [&str; 6] =
        ["proc.aname", "proc.aexe", "proc.aexepath", "proc.apid", "proc.acmdline", "proc.aargs"];
    const PARENTS: [(&str, &str); 6] = [
        ("proc.pname", "proc.aname"),
        ("proc.pexe", "proc.aexe"),
        ("proc.pexepath", "proc.aexepath"),
        ("proc.ppid", "proc.apid"),
        ("proc.pcmdline", "proc.acmdline"),
        ("proc.pvpid", "proc.avpid"),
    ];
    if let Some((_, name)) = PARENTS.iter().find(|(parent, _)| *parent == field) {
        return Some((name, 1));
    }
    NAMES.iter().find_map(|name| match (field == *name, argument(field, name)) {
        (true, _) => Some((*name, 1)),
        (false, number) => Some((*name, number?.parse().ok()?)),
    })
}

pub(super) fn argument<'f>(field: &'f str, name: &str) -> Option<&'f str> {
    field.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')
}

pub(super) fn of_ancestor(name: &str, number: usize, setting: &Setting) -> Result<Vec<Setting>, Problem> {
    let own = |name: &str| format!("proc.{}", name.trim_start_matches("proc.a"));
    let field = |name: &str| if number == 0 { own(name) } else { format!("{name}[{number}]") };
    match name {
        "proc.acmdline" => line(setting, &field("proc.aname"), &field("proc.aargs")),
        name => Ok(vec![Setting { field: field(name), ..setting.clone() }]),
    }
}
