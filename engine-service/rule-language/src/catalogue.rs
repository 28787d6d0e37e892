//! What the language has to know about fields and events, whoever provides them.

mod argument;
mod field_type;

pub use self::{
    argument::{ArgumentError, ArgumentKind, ArgumentNotation},
    field_type::{FieldType, TypeClass},
};

/// A field's place in its [`Catalogue`]; stable for as long as that catalogue lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u32);

/// Answers what names in conditions and outputs mean.
pub trait Catalogue {
    /// The field called exactly `name` (without an argument).
    fn field(&self, name: &str) -> Option<FieldId>;

    /// What is declared of a field that [`Catalogue::field`] gave out.
    fn info(&self, id: FieldId) -> &FieldInfo;

    /// Every field, for suggestions and listings.
    fn fields(&self) -> &[FieldInfo];

    /// The field that a name in a rule means, and its argument if that is written behind a dot: `evt.arg.flags` is
    /// `evt.arg` with the argument `flags`. The longest name that fits wins.
    fn lookup<'written>(&self, written: &'written str) -> Option<(FieldId, Option<&'written str>)> {
        if let Some(id) = self.field(written) {
            return Some((id, None));
        }
        let dots = written.rmatch_indices('.').map(|(at, _)| at);
        dots.filter_map(|at| Some((self.field(written.get(..at)?)?, written.get(at + 1..)?)))
            .find(|(id, _)| self.info(*id).notation != ArgumentNotation::Brackets)
            .map(|(id, argument)| (id, Some(argument)))
    }

    /// The type of the field with this argument, or what is wrong with the argument.
    fn type_of(&self, id: FieldId, argument: Option<&str>) -> Result<FieldType, ArgumentError> {
        let info = self.info(id);
        info.check_argument(argument)?;
        Ok(info.field_type)
    }

    /// Whether `name` is an event or system call name that `evt.type` may be compared with.
    fn is_event_type(&self, name: &str) -> bool;

    /// Every name for which [`Catalogue::is_event_type`] holds, in ascending order.
    fn event_types(&self) -> &[&'static str];

    /// How many of Falco's event codes these names stand for: of most an event at entry and one at exit, of some older
    /// versions too; the calls that Falco has no parameters of are two codes together.
    fn count_event_codes(&self, names: &[String]) -> usize;

    /// The name that events of a system call have in `evt.type`, given the name that `syscall.type` has; `None` if
    /// events of several names come of the call.
    fn event_of_call<'call>(&self, call: &'call str) -> Option<&'call str> {
        Some(call)
    }

    /// The fields, as rules write them, that outputs of rules on this source get appended (Falco's
    /// `append_output: suggested_output`).
    fn suggested_output(&self, source: &str) -> Vec<String> {
        let is_suggested = |info: &&FieldInfo| {
            let sources = info.class.sources;
            info.is_suggested_output && (sources.is_empty() || sources.contains(&source))
        };
        self.fields().iter().filter(is_suggested).map(|info| info.name.to_owned()).collect()
    }

    /// Whether rules of this `source` can be evaluated (`syscall`, or a plugin's).
    fn is_source(&self, source: &str) -> bool;
}

/// The declaration of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// The name as rules write it: `proc.name`.
    pub name: &'static str,
    /// What it is listed with.
    pub class: &'static FieldClass,
    /// The type of its value, or of its elements if it is a list.
    pub field_type: FieldType,
    /// Whether its value is a list.
    pub is_list: bool,
    /// What its argument may be.
    pub argument: Option<ArgumentKind>,
    /// Whether the argument may be left out.
    pub argument_required: bool,
    /// How the argument is written.
    pub notation: ArgumentNotation,
    /// Whether the field may stand on the right-hand side in `val(…)`, and be compared with one.
    pub allowed_on_rhs: bool,
    /// Whether the field may be wrapped in a transformer.
    pub allowed_in_transformer: bool,
    /// Whether the field may stand in an output; some can only be compared.
    pub allowed_in_output: bool,
    /// Deprecated fields still work and give a warning.
    pub is_deprecated: bool,
    /// Whether listings show it; Falco has fields for tables of its tools that rules may use all the same.
    pub is_listed: bool,
    /// Whether outputs of its sources get it appended (Falco's `append_output: suggested_output`).
    pub is_suggested_output: bool,
    /// Why no event has a value of it, to be read behind "because"; `None` for the fields that events do have values of.
    pub absent_because: Option<&'static str>,
    /// One or two sentences for people.
    pub description: &'static str,
}

/// What fields are listed by.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldClass {
    /// Falco's name of it: `process`.
    pub name: &'static str,
    /// What sets it apart from another class of its name; mostly empty.
    pub short_description: &'static str,
    /// One or two sentences for people.
    pub description: &'static str,
    /// The sources whose events have these fields; empty for all of them.
    pub sources: &'static [&'static str],
}

// === impl FieldInfo ===

impl FieldInfo {
    /// A plain field: no list, without an argument, allowed everywhere, listed, and with data.
    pub const fn new(
        class: &'static FieldClass,
        name: &'static str,
        field_type: FieldType,
        description: &'static str,
    ) -> Self {
        Self {
            name,
            class,
            field_type,
            is_list: false,
            argument: None,
            argument_required: false,
            notation: ArgumentNotation::Brackets,
            allowed_on_rhs: true,
            allowed_in_transformer: true,
            allowed_in_output: true,
            is_deprecated: false,
            is_listed: true,
            is_suggested_output: false,
            absent_because: None,
            description,
        }
    }

    /// Says what is wrong with the argument, or with there being none, as far as its form tells.
    pub fn check_argument(&self, argument: Option<&str>) -> Result<(), ArgumentError> {
        let field = || self.name.to_owned();
        match (self.argument, argument) {
            (None, Some(argument)) => {
                Err(ArgumentError::NotTaken { field: field(), argument: argument.to_owned() })
            }
            (Some(kind), None) if self.argument_required => Err(ArgumentError::Missing {
                field: field(),
                example: self.notation.example(self.name, kind),
            }),
            (Some(ArgumentKind::Index), Some(argument)) if argument.parse::<u64>().is_err() => {
                Err(ArgumentError::NoNumber { field: field(), argument: argument.to_owned() })
            }
            _ => Ok(()),
        }
    }
}
