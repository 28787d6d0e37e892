use std::fmt::{self, Write as _};

/// The list that the live tests are held to.
const SEEN: &str = include_str!("../../tests/stock_live/seen.tsv");

const INTRODUCTION: &str = "\
## Seen live

`integration/tests/stock_live.rs` loads all rules into one engine, which reports every rule that an event matches, lets real processes
act on the real kernel, and holds what is raised against this list, in both directions: what is listed as seen has to be raised, by the
process or in the container that was to raise it, and nothing else may be. Rules that are disabled in their files are enabled for it.

Where a folder of the system is written to or read, the process has an empty one in its place, in a mount namespace of its own.
Addresses that count as outside are the loopback device's, in a network namespace of its own. A program *called* something is another
one by that name. Containers are podman's, with runc. Three rules have a macro or a list filled in that is there for sites to fill in; how, stands
with them.
";

/// Where a rule is set off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// By processes of the host.
    Host,
    /// By processes of a container.
    Container,
    /// Nowhere.
    Nowhere,
}

/// A rule, and how it is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenRule {
    /// The rule's name.
    pub name: &'static str,
    /// `stable`, `incubating` or `sandbox`, as its tags say.
    pub maturity: &'static str,
    /// Whether it is in its file.
    pub is_enabled: bool,
    /// Where it is set off.
    pub place: Place,
    /// By what; or why it is not.
    pub how: &'static str,
}

/// All rules, the most mature first.
///
/// Panics if the list is malformed, which a test would see.
pub fn seen_rules() -> Vec<SeenRule> {
    let lines = SEEN.lines().filter(|line| !line.starts_with('#'));
    #[allow(clippy::panic, reason = "the list is part of the program")]
    lines
        .map(|line| SeenRule::parse(line).unwrap_or_else(|| panic!("not a rule of seen.tsv: {line}")))
        .collect()
}

/// The section of the page.
pub(super) fn section() -> String {
    let rules = seen_rules();
    let count = |is_enabled| {
        let of_kind: Vec<_> = rules.iter().filter(|rule| rule.is_enabled == is_enabled).collect();
        let seen = of_kind.iter().filter(|rule| rule.place != Place::Nowhere).count();
        (seen, of_kind.len())
    };
    let ((seen, enabled), (seen_disabled, disabled)) = (count(true), count(false));
    let mut section = INTRODUCTION.to_owned();
    // Writing to a string cannot fail.
    let _ = write!(
        section,
        "\nSeen are {seen} of the {enabled} rules that are enabled in their files, and {seen_disabled} of the {disabled} others.\n\n\
         | rule | maturity | enabled | seen live | by what, or why not |\n|---|---|---|---|---|\n"
    );
    for rule in rules {
        let _ = writeln!(section, "{rule}");
    }
    section
}

// === impl SeenRule ===

impl SeenRule {
    fn parse(line: &'static str) -> Option<Self> {
        let mut columns = line.split('\t');
        let (name, maturity) = (columns.next()?, columns.next()?);
        let is_enabled = match columns.next()? {
            "yes" => true,
            "no" => false,
            _ => return None,
        };
        let place = match columns.next()? {
            "host" => Place::Host,
            "container" => Place::Container,
            "no" => Place::Nowhere,
            _ => return None,
        };
        let how = columns.next().filter(|how| !how.is_empty())?;
        columns.next().is_none().then_some(Self { name, maturity, is_enabled, place, how })
    }
}

impl fmt::Display for SeenRule {
    /// A row of the table.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, maturity, how, .. } = self;
        let enabled = if self.is_enabled { "yes" } else { "no" };
        let place = match self.place {
            Place::Host => "on the host",
            Place::Container => "in a container",
            Place::Nowhere => "not yet",
        };
        write!(formatter, "| {name} | {maturity} | {enabled} | {place} | {how} |")
    }
}
