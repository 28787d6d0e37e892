//! The rules: each is about the watched directory, or about the program that acts.

use std::path::Path;

/// The rule on the kernel's own path of the watched file.
pub(crate) const RESOLVED: &str = "Resolved Exact";

const OPENS: &str = "evt.type in (open, openat, openat2, creat)";

/// Name, condition, and whether the kernel's path counts as well. `W` is the watched directory, `G` what it lies in.
const RULES: &[(&str, &str, bool)] = &[
    ("Text Prefix", "{OPENS} and fd.name startswith {W}/", false),
    ("Text Exact", "{OPENS} and fd.name = {W}/secret", false),
    (RESOLVED, "{OPENS} and fd.name = {W}/secret", true),
    ("Resolved Directory", "{OPENS} and fd.directory = {W}", true),
    (
        "Named And Read",
        "{OPENS} and evt.is_open_read=true and fd.filename=secret and fd.name startswith {G}",
        false,
    ),
    ("Resolved Suffix", "{OPENS} and proc.name = path-actor and fd.name endswith /watched/secret", true),
    ("Dots", "{OPENS} and fd.nameraw contains '..' and fd.name startswith {G}", false),
    ("Written", "{OPENS} and evt.is_open_write=true and fd.name startswith {W}", false),
    ("Failed", "{OPENS} and evt.failed=true and fd.name startswith {G}", false),
    ("Below Another Root", "{OPENS} and proc.name = path-actor and fd.name = /watched/secret", false),
    (
        "Renamed",
        "evt.type in (rename, renameat, renameat2) and (fs.path.source startswith {W}/ or fs.path.target startswith {W}/)",
        false,
    ),
    ("Removed", "evt.type in (unlink, unlinkat, rmdir) and fs.path.name startswith {W}", false),
    (
        "Made Executable",
        "evt.type in (chmod, fchmodat) and evt.arg.mode contains S_IXUSR and fs.path.name = {W}/secret",
        false,
    ),
    (
        "Linked",
        "evt.type in (link, linkat, symlink, symlinkat) and (fs.path.source startswith {W}/ or fs.path.target startswith {W}/)",
        false,
    ),
    ("Made", "evt.type in (mkdir, mkdirat) and fs.path.name startswith {W}/", false),
    ("Connected Near", "evt.type=connect and proc.name = path-actor and fd.sip = 127.9.9.9", false),
    (
        "Connected Away",
        "evt.type=connect and proc.name = path-actor and fd.typechar=4 and not fd.snet in (\"127.0.0.0/16\")",
        false,
    ),
    ("Sent", "evt.type=sendto and proc.name = path-actor and fd.rip = 127.9.9.9", false),
];

/// What alerts say, so that they can be compared.
const OUTPUT: &str = "%evt.type %evt.res name=%fd.name resolved=%fd.resolved path=%fs.path.name source=%fs.path.source \
    target=%fs.path.target remote=%fd.rip";

/// The rules' names.
pub(crate) fn names() -> Vec<&'static str> {
    RULES.iter().map(|(name, ..)| *name).collect()
}

/// A rules file on the ground in this folder.
pub(crate) fn text(folder: &Path) -> String {
    let ground = folder.join("ground").display().to_string();
    let rule = |(name, condition, match_resolved): &(&str, &str, bool)| {
        let condition = condition
            .replace("{OPENS}", OPENS)
            .replace("{W}", &format!("{ground}/watched"))
            .replace("{G}", &ground);
        format!(
            "- rule: {name}\n  desc: Of the test.\n  condition: >\n    {condition}\n  output: >\n    {OUTPUT}\n  \
             priority: WARNING\n  match_resolved: {match_resolved}\n"
        )
    };
    RULES.iter().map(rule).collect()
}
