//! Which tests the programs can make of a call.

use eyrie_bpf::{Place, Step};

use super::Numbered;
use crate::plan::{
    CallAbi, Message,
    calls::{name, native_spelling, numbers},
    table::{self, DescribedCall},
};

/// Calls whose path and flags the programs know by themselves.
const OPENS: &[&str] = &["open", "openat", "openat2", "creat"];

/// The highest mask that means the same of a 32-bit call as of a native one: what is above it lies in another register there.
const NARROW_MASK: u64 = u32::MAX as u64;

/// What can be tested of a call besides its outcome, its result and its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Abilities {
    pub(super) has_first_path: bool,
    pub(super) has_second_path: bool,
    /// It opens files: their flags, and the kernel's path of what was opened.
    pub(super) is_open: bool,
    /// It is about a socket, or may be.
    pub(super) has_socket: bool,
    /// By the number of the argument: the widest mask that may be tested.
    masks: [u64; 6],
}

// === impl Abilities ===

impl Abilities {
    pub(super) fn of((abi, number): Numbered) -> Self {
        let name = name(abi, number).unwrap_or_default();
        let line = table::by_number(abi, number);
        let is_open = OPENS.contains(&name);
        Self {
            has_first_path: is_open || line.is_some_and(|line| has_path(line, Place::First)),
            has_second_path: line.is_some_and(|line| has_path(line, Place::Second)),
            is_open,
            has_socket: name == "connect" || line.is_some_and(has_descriptor),
            masks: std::array::from_fn(|index| match abi {
                CallAbi::Native => u64::MAX,
                CallAbi::Compat if is_same_in_both(name, line, index) => NARROW_MASK,
                CallAbi::Compat => 0,
            }),
        }
    }

    /// Whether an argument can be tested with this mask.
    pub(super) fn has_argument(&self, index: u32, mask: u64) -> bool {
        let widest = usize::try_from(index).ok().and_then(|index| self.masks.get(index));
        widest.is_some_and(|widest| mask & !widest == 0)
    }
}

/// Paths are compared as the programs make them absolute; what is mounted is text to the rules.
fn has_path(line: &DescribedCall, which: Place) -> bool {
    let is_text = line.name == "mount" && which == Place::First;
    !is_text && line.steps.iter().any(|step| matches!(step, Step::Path { place, .. } if *place == which))
}

/// Of the descriptor that counts.
fn has_descriptor(line: &DescribedCall) -> bool {
    line.steps.iter().any(|step| matches!(step, Step::Descriptor { place: Place::First, .. }))
}

/// Whether a register of a 32-bit call is what it is of the native call: plans are written with the latter in mind.
fn is_same_in_both(name: &str, line: Option<&'static DescribedCall>, index: usize) -> bool {
    let Some(line) = line else {
        return OPENS.contains(&name) || matches!(name, "connect" | "execve" | "execveat");
    };
    let told = |line: &DescribedCall| {
        line.words.iter().find(|(_, argument)| usize::from(*argument) == index).map(|(register, _)| *register)
    };
    let is_same = match native_spelling(name).map(|native| numbers(native).0) {
        None => line.is_for(CallAbi::Native),
        // It is a call of its own, whose line may be another one.
        Some(native) => {
            let native = native.and_then(|number| table::by_number(CallAbi::Native, number));
            native.is_some_and(|native| told(native) == told(line))
        }
    };
    told(line).is_some() && is_same && line.is_for(CallAbi::Compat) && line.message != Message::GenericCall
}
