//! What configuration has to say of fields.

use std::collections::BTreeMap;

/// Settings that values of fields hang on, and which fields there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSettings {
    /// What `static.KEY` is on every event: Falco's `static_fields`.
    pub static_fields: BTreeMap<String, String>,
    /// Whether `fd.typechar` of a failed open(2) or open_by_handle_at is `o`, as Falco has it, and not `f`, as of openat.
    pub has_falcos_open_typechar: bool,
}

static UNSET: FieldSettings =
    FieldSettings { static_fields: BTreeMap::new(), has_falcos_open_typechar: false };

// === impl FieldSettings ===

impl FieldSettings {
    /// Those of an engine on which nobody has set any.
    pub fn unset() -> &'static Self {
        &UNSET
    }
}
