//! All families' tables as one catalogue.

use std::{collections::HashMap, sync::LazyLock};

use rule_language::{ArgumentError, Catalogue, FieldId, FieldInfo, FieldType};

use crate::{
    cloud, container,
    declaration::Declaration,
    declaration::Scope,
    declared, event_table, event_type, evt, eyrie, fd, fs_path, json, k8smeta, machine, parameter_types,
    peer, process,
    settings::FieldSettings,
    static_fields::{self, ConfiguredFields},
    thread, user,
};

/// The families, in the order in which listings show them: those of one class stand together.
const FAMILIES: [&[Declaration]; 26] = [
    evt::GENERIC,
    evt::CALL,
    evt::ARGUMENTS,
    evt::DERIVED,
    process::SELF,
    process::EXECUTABLE,
    process::ANCESTORS,
    process::SESSION,
    process::STREAMS,
    process::RESOURCES,
    thread::FIELDS,
    user::USER,
    user::GROUP,
    fd::FIELDS,
    fs_path::FIELDS,
    declared::FDLIST,
    declared::UTIL,
    static_fields::FIELDS,
    container::FIELDS,
    container::NO_MORE,
    k8smeta::FIELDS,
    peer::FIELDS,
    machine::FIELDS,
    cloud::FIELDS,
    json::FIELDS,
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
    event_codes: HashMap<&'static str, usize>,
}

// === impl Fields ===

impl Fields {
    fn new() -> Self {
        let declarations: Vec<&'static Declaration> = FAMILIES.into_iter().flatten().collect();
        let infos: Vec<FieldInfo> = declarations.iter().map(|declaration| declaration.info.clone()).collect();
        let by_name = infos.iter().zip(0..).map(|(info, place)| (info.name, FieldId(place))).collect();
        let event_codes = event_table::events().collect();
        Self { declarations, infos, by_name, event_types: event_type::known_event_types(), event_codes }
    }

    pub(crate) fn declaration(&self, id: FieldId) -> Option<&'static Declaration> {
        self.declarations.get(usize::try_from(id.0).ok()?).copied()
    }

    /// What the value of the field belongs to; `None` for an id of another catalogue.
    pub fn scope(&self, id: FieldId) -> Option<Scope> {
        self.declaration(id).map(|declaration| declaration.scope)
    }

    /// The catalogue as an engine with these settings has it.
    pub fn configured<'s>(&'static self, settings: &'s FieldSettings) -> ConfiguredFields<'s> {
        ConfiguredFields::new(self, settings)
    }

    pub(crate) fn type_of_configured(
        &self,
        settings: &FieldSettings,
        id: FieldId,
        argument: Option<&str>,
    ) -> Result<FieldType, ArgumentError> {
        let info = self.info(id);
        info.check_argument(argument)?;
        if let Some(word) = argument {
            static_fields::check(settings, info, word)?;
            self.check_word(info, word)?;
        }
        let of_parameter = argument.filter(|_| info.field_type == FieldType::Dyn);
        Ok(of_parameter.and_then(parameter_types::type_of).unwrap_or(info.field_type))
    }

    /// What only this field knows of its arguments: names of parameters and events, the few words that there are.
    fn check_word(&self, info: &FieldInfo, word: &str) -> Result<(), ArgumentError> {
        let error = |expected: &'static str| {
            let (field, argument) = (info.name.to_owned(), word.to_owned());
            Err(ArgumentError::NotAmong { field, argument, expected })
        };
        match info.name {
            "evt.arg" if word.parse::<u32>().is_ok() => Ok(()),
            "evt.arg" | "evt.rawarg" if parameter_types::type_of(word).is_some() => Ok(()),
            "evt.arg" | "evt.rawarg" if parameter_types::is_prefixed(word) => error("a parameter's name"),
            "evt.arg" | "evt.rawarg" => Err(ArgumentError::UnknownParameter {
                field: info.name.to_owned(),
                argument: word.to_owned(),
            }),
            "evt.type.is" if !self.event_codes.contains_key(word) => error("an event's name"),
            "evt.abspath" if !matches!(word, "src" | "dst") => error("src or dst"),
            "thread.cgroup" if !word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_') => {
                error("a controller's name")
            }
            _ => Ok(()),
        }
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

    fn type_of(&self, id: FieldId, argument: Option<&str>) -> Result<FieldType, ArgumentError> {
        self.type_of_configured(FieldSettings::unset(), id, argument)
    }

    fn is_event_type(&self, name: &str) -> bool {
        self.event_types.binary_search(&name).is_ok()
    }

    fn event_types(&self) -> &[&'static str] {
        &self.event_types
    }

    fn count_event_codes(&self, names: &[String]) -> usize {
        event_table::count_codes(names.iter().map(|name| self.event_codes.get(name.as_str()).copied()))
    }

    fn event_of_call<'call>(&self, call: &'call str) -> Option<&'call str> {
        event_type::event_of_call(call)
    }

    fn is_source(&self, source: &str) -> bool {
        source == "syscall"
    }
}
