use std::{collections::BTreeSet, fmt};

use capture_agent::{CapturedCall, Source};
use eyrie_proto::event::{Event, Exit, GenericCall, SystemCall, SystemCallAbi, event::Kind};
use fields::Architecture;

use super::Covered;

/// A line of the page: an event type, of one call or of several.
#[derive(Debug)]
pub struct Row {
    /// As rules name it.
    pub event: &'static str,
    /// Ways in which it went in live tests.
    pub tested: BTreeSet<&'static str>,
    sources: BTreeSet<Source>,
    is_state_bearing: bool,
    is_failure_told: bool,
    is_compat: bool,
}

/// What rules call the events of a call; `None` for calls of other architectures.
pub(super) fn event_type_of(call: &CapturedCall) -> Option<&'static str> {
    let (number, abi) = match (call.native, call.compat) {
        (Some(number), _) => (number, SystemCallAbi::Unspecified),
        (None, Some(number)) => (number, SystemCallAbi::Compat32),
        // The end of a process is no call.
        (None, None) => {
            let event = Event { kind: Some(Kind::Exit(Exit::default())), ..Event::default() };
            return fields::event_type(&event, Architecture::X86_64).filter(|event| *event == call.name);
        }
    };
    let system_call = SystemCall { number, abi: abi.into(), ..SystemCall::default() };
    let kind = Some(Kind::GenericCall(GenericCall::default()));
    fields::event_type(&Event { call: Some(system_call), kind, ..Event::default() }, Architecture::X86_64)
}

// === impl Row ===

impl Row {
    pub(super) fn new(event: &'static str) -> Self {
        Self {
            event,
            tested: BTreeSet::new(),
            sources: BTreeSet::new(),
            is_state_bearing: false,
            is_failure_told: false,
            is_compat: false,
        }
    }

    pub(super) fn add(&mut self, call: &CapturedCall, covered: &Covered) {
        self.tested.extend(covered.of(call.name));
        self.sources.extend(&call.sources);
        self.is_state_bearing |= call.is_state_bearing;
        self.is_failure_told |= call.is_failure_told;
        self.is_compat |= call.compat.is_some() || call.native.is_none();
    }

    fn cost(&self) -> u32 {
        let walks =
            [Source::Path, Source::Reached, Source::Descriptor, Source::Pair, Source::Root, Source::Program];
        let walks = walks.iter().filter(|source| self.sources.contains(source)).count();
        let moves = self.sources.contains(&Source::Data) || self.sources.contains(&Source::Vectors);
        match (walks, moves) {
            _ if self.sources.iter().all(|source| *source == Source::Task) => 1,
            (0, false) => 2,
            (1, false) => 3,
            _ => 4,
        }
    }

    fn tested(&self) -> String {
        let has = |outcome: &str| self.tested.contains(outcome);
        let of = |name: &str, native: &str, compat: &str| match (has(native), has(compat)) {
            (true, true) => Some(format!("{name} (also 32)")),
            (true, false) => Some(name.to_owned()),
            (false, true) => Some(format!("{name} (32 only)")),
            (false, false) => None,
        };
        let outcomes = [of("ok", "ok", "32-bit-ok"), of("failed", "failed", "32-bit-failed")];
        outcomes.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = match fields::parameters_of(self.event) {
            Some(parameters) => parameters
                .into_iter()
                .map(|(name, is_told)| if is_told { format!("`{name}`") } else { format!("(`{name}`)") })
                .collect::<Vec<_>>()
                .join(" "),
            None => "none in Falco".to_owned(),
        };
        let sources: Vec<_> = self.sources.iter().map(|source| name(*source)).collect();
        let sources = if sources.is_empty() { "registers".to_owned() } else { sources.join(", ") };
        let yes = |is_so: bool| if is_so { "yes" } else { "" };
        writeln!(
            formatter,
            "| `{}` | {parameters} | {sources} | {} | {} | {} | {} | {} |",
            self.event,
            yes(self.is_state_bearing),
            yes(self.is_failure_told),
            yes(self.is_compat),
            self.cost(),
            self.tested(),
        )
    }
}

fn name(source: Source) -> &'static str {
    match source {
        Source::Path => "path",
        Source::Reached => "reached",
        Source::Descriptor => "descriptor",
        Source::Pair => "pair",
        Source::Address => "address",
        Source::Data => "data",
        Source::Vectors => "vectors",
        Source::Text => "text",
        Source::Structure => "structure",
        Source::Root => "root",
        Source::Program => "program",
        Source::Task => "task",
    }
}
