//! From what people write back to what events hold: numbers of calls, errors, flags and capabilities by their names.
//!
//! Extraction goes the other way. This is for who makes events by hand, as tests of rules do.

use eyrie_proto::event::SystemCall;

use crate::{event_type, fs_path, parameter, syscall_names, thread, view::Architecture};
pub use parameter::{ParameterError, parameter_number};

/// The call whose events have this `evt.type`: the native one, or else the 32-bit one. `None` where no call has it.
pub fn call_of_event_type(name: &str, architecture: Architecture) -> Option<SystemCall> {
    syscall_names::numbers(architecture)
        .find(|(_, call)| event_type::event_of_call(call) == Some(name) || *call == name)
        .map(|(call, _)| call)
}

/// The number of an error: 2 for ENOENT.
pub fn errno_number(name: &str) -> Option<i64> {
    (1..=parameter::LAST_ERRNO).find(|number| parameter::errno_name(-number) == Some(name))
}

/// The set of the capabilities of these names, with blanks between them; `None` if one is no capability's.
pub fn capability_set(names: &str) -> Option<u64> {
    names.split_whitespace().try_fold(0, |set, name| Some(set | 1 << thread::capability_number(name)?))
}

/// The parameter of an event that `fs.path.name`, `fs.path.source`, `fs.path.target` (or one of these with `raw` behind it) or
/// `evt.abspath` means.
pub fn path_parameter(field: &str, event: &str) -> Option<&'static str> {
    fs_path::parameter_of(field, event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscall_names::native_name;

    /// Scenario: calls with a number of x86-64's, with another name in Falco, only on 32 bits, and none at all. Guarantees: the
    /// event of the number found has the name asked for.
    #[test]
    fn calls_are_found_by_the_names_of_their_events() {
        let number = |name| call_of_event_type(name, Architecture::X86_64);
        assert_eq!(number("openat").map(|call| call.number), Some(257));
        let call = number("pread").unwrap();
        assert_eq!(native_name(&call, Architecture::X86_64), Some("pread64"));
        let call = number("umount").unwrap();
        assert_eq!(native_name(&call, Architecture::X86_64), Some("umount"));
        assert_eq!(number("procexit"), None);
    }

    /// Scenario: every name of errors and capabilities, and names that are none. Guarantees: names and numbers are each other's.
    #[test]
    fn names_of_errors_and_capabilities_lead_back() {
        assert_eq!((errno_number("ENOENT"), errno_number("EINPROGRESS")), (Some(2), Some(115)));
        assert_eq!((errno_number("SUCCESS"), errno_number("")), (None, None));
        assert_eq!(capability_set(""), Some(0));
        assert_eq!(capability_set(&thread::capability_names(0x1ff_ffff_ffff)), Some(0x1ff_ffff_ffff));
        assert_eq!(capability_set("CAP_SYS_ADMIN CAP_NONE"), None);
    }
}
