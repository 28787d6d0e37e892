//! The events that exist: code, name, parameters with their types. From falcosecurity/libs' event table, as facts.

/// An event code's meaning.
#[derive(Debug, PartialEq, Eq)]
pub struct EventType {
    /// `ppm_event_code`.
    pub code: u16,
    /// As libs calls it, without its prefix `PPME_`: `SYSCALL_OPENAT_2_X`.
    pub name: &'static str,
    /// As rules name it (`evt.type`): `openat`.
    pub event_type: &'static str,
    /// The beginning of a call; otherwise its end, or what is no call.
    pub is_enter: bool,
    /// A newer code of the same event type replaces it.
    pub is_old_version: bool,
    /// The lengths of its parameters take four bytes instead of two.
    pub has_large_lengths: bool,
    /// In their order. A file may have fewer, by age.
    pub parameters: Vec<Parameter>,
    /// How many of `parameters` the widespread schema 0.5.1 has.
    pub established_parameters: usize,
}

/// A parameter of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// As rules name it in `evt.arg.NAME`.
    pub name: &'static str,
    /// What its bytes are.
    pub parameter_type: ParameterType,
}

/// What a parameter's bytes are; `ppm_param_type` by its lower-case name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterType {
    /// Text that ends with NUL.
    CharBuf,
}

/// The event with this code; `None` if there is none that is known.
pub fn event_type(code: u16) -> Option<&'static EventType> {
    let _ = code;
    None
}

/// The newest exit event (or what is no call) of an event type: `open` is 3, `execve` is 293, `procexit` is 186.
pub fn exit_event(event_type: &str) -> Option<&'static EventType> {
    let _ = event_type;
    None
}

/// The name of a call by its `ppm_sc_code`, in lower case: what GENERIC events name calls by.
pub fn system_call_name(code: u16) -> Option<&'static str> {
    let _ = code;
    None
}

/// The `ppm_sc_code` of a call.
pub fn system_call_code(name: &str) -> Option<u16> {
    let _ = name;
    None
}
