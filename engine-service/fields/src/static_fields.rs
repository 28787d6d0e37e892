//! `static.*`: values that configuration gives to all events, and the catalogue with those that it has.

use rule_language::{ArgumentError, ArgumentKind::Key, Catalogue, FieldId, FieldInfo, FieldType};

use crate::{
    argument::Argument,
    catalogue::Fields,
    classes,
    declaration::{Declaration, Scope},
    settings::FieldSettings,
    value::Extracted,
    view::EventView,
};

/// The name of the field; a key follows behind a dot.
pub(crate) const NAME: &str = "static";

pub(crate) const FIELDS: &[Declaration] = &[Declaration::new(
    classes::STATIC,
    NAME,
    FieldType::CharBuf,
    Scope::Host,
    extract,
    "what the engine's configuration says under that key, as in static.site; a rule that uses a key that is not \
     configured does not load",
)
.required(Key)
.dotted()];

fn extract<'a>(view: &EventView<'a>, argument: &Argument) -> Extracted<'a> {
    let value = match argument {
        Argument::Key(key) => view.settings.static_fields.get(key),
        Argument::None | Argument::Index(_) => None,
    };
    value.map_or(Extracted::Absent, |value| Extracted::bytes(value.as_bytes()))
}

/// Whether the field with this argument is there at all.
pub(crate) fn check(settings: &FieldSettings, info: &FieldInfo, key: &str) -> Result<(), ArgumentError> {
    if info.name != NAME || settings.static_fields.contains_key(key) {
        return Ok(());
    }
    Err(ArgumentError::NotConfigured { field: info.name.to_owned(), argument: key.to_owned() })
}

/// The catalogue as an engine with these settings has it. Its fields are those of the catalogue itself.
#[derive(Clone, Copy, Debug)]
pub struct ConfiguredFields<'s> {
    fields: &'static Fields,
    settings: &'s FieldSettings,
}

// === impl ConfiguredFields ===

impl<'s> ConfiguredFields<'s> {
    pub(crate) fn new(fields: &'static Fields, settings: &'s FieldSettings) -> Self {
        Self { fields, settings }
    }
}

impl Catalogue for ConfiguredFields<'_> {
    fn field(&self, name: &str) -> Option<FieldId> {
        self.fields.field(name)
    }

    fn info(&self, id: FieldId) -> &FieldInfo {
        self.fields.info(id)
    }

    fn fields(&self) -> &[FieldInfo] {
        self.fields.fields()
    }

    fn type_of(&self, id: FieldId, argument: Option<&str>) -> Result<FieldType, ArgumentError> {
        self.fields.type_of_configured(self.settings, id, argument)
    }

    fn is_event_type(&self, name: &str) -> bool {
        self.fields.is_event_type(name)
    }

    fn event_types(&self) -> &[&'static str] {
        self.fields.event_types()
    }

    fn count_event_codes(&self, names: &[String]) -> usize {
        self.fields.count_event_codes(names)
    }

    fn event_of_call<'call>(&self, call: &'call str) -> Option<&'call str> {
        self.fields.event_of_call(call)
    }

    fn suggested_output(&self, source: &str) -> Vec<String> {
        let configured = self.settings.static_fields.keys().map(|key| format!("{NAME}.{key}"));
        self.fields.suggested_output(source).into_iter().chain(configured).collect()
    }

    fn is_source(&self, source: &str) -> bool {
        self.fields.is_source(source)
    }
}
