//! All families' tables as one catalogue.

use std::{collections::HashMap, sync::LazyLock};

use rule_language::{Catalogue, FieldId, FieldInfo};

use crate::{
    container, declaration::Declaration, declaration::Scope, event_type, evt, eyrie, fd, process, thread,
    user,
};

/// The families, in the order in which listings show them.
const FAMILIES: [&[Declaration]; 13] = [
    evt::GENERIC,
    evt::CALL,
    evt::ARGUMENTS,
    process::SELF,
    process::EXECUTABLE,
    process::ANCESTORS,
    process::SESSION,
    process::STREAMS,
    thread::FIELDS,
    user::FIELDS,
    fd::FIELDS,
    container::FIELDS,
    eyrie::FIELDS,
];

static CATALOGUE: LazyLock<Fields> = LazyLock::new(Fields::new);

/// Every field there is.
pub fn catalogue() -> &'static Fields {
    &CATALOGUE
}

/// The catalogue; there is one, [`catalogue`].
pub struct Fields {
    declarations: Vec<&'static Declaration>,
    infos: Vec<FieldInfo>,
    by_name: HashMap<&'static str, FieldId>,
    event_types: Vec<&'static str>,
}

// === impl Fields ===

impl Fields {
    fn new() -> Self {
        let declarations: Vec<&'static Declaration> = FAMILIES.into_iter().flatten().collect();
        let infos: Vec<FieldInfo> = declarations.iter().map(|declaration| declaration.info.clone()).collect();
        let by_name = infos.iter().zip(0..).map(|(info, place)| (info.name, FieldId(place))).collect();
        Self { declarations, infos, by_name, event_types: event_type::known_event_types() }
    }

    pub(crate) fn declaration(&self, id: FieldId) -> Option<&'static Declaration> {
        self.declarations.get(usize::try_from(id.0).ok()?).copied()
    }

    /// What the value of the field belongs to; `None` for an id of another catalogue.
    pub fn scope(&self, id: FieldId) -> Option<Scope> {
        self.declaration(id).map(|declaration| declaration.scope)
    }
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fields").field("count", &self.infos.len()).finish_non_exhaustive()
    }
}

impl Catalogue for Fields {
    fn field(&self, name: &str) -> Option<FieldId> {
        self.by_name.get(name).copied()
    }

    // Ids come from `field`, so the place exists: the trait leaves no way to say anything else.
    #[allow(clippy::indexing_slicing)]
    fn info(&self, id: FieldId) -> &FieldInfo {
        &self.infos[id.0 as usize]
    }

    fn fields(&self) -> &[FieldInfo] {
        &self.infos
    }

    fn is_event_type(&self, name: &str) -> bool {
        self.event_types.binary_search(&name).is_ok()
    }

    fn event_types(&self) -> &[&'static str] {
        &self.event_types
    }

    fn count_event_codes(&self, names: &[String]) -> usize {
        2 * names.len()
    }

    fn is_source(&self, source: &str) -> bool {
        source == "syscall"
    }
}
