//! How a field is declared: one line in its family's table.

use rule_language::{ArgumentKind, ArgumentNotation, FieldClass, FieldInfo, FieldType};

use crate::{argument::Argument, value::Extracted, view::EventView};

/// How a field's value comes out of an event.
pub(crate) type Extract = for<'a> fn(&EventView<'a>, &Argument) -> Extracted<'a>;

/// What a field's value belongs to, and so for how long it may be cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// This very event.
    Event,
    /// The process, until it executes, changes its identity or ends.
    Process,
    /// The container.
    Container,
    /// The host.
    Host,
}

/// All that there is to know of one field.
pub(crate) struct Declaration {
    pub(crate) info: FieldInfo,
    pub(crate) scope: Scope,
    pub(crate) extract: Extract,
}

// === impl Declaration ===

impl Declaration {
    /// A field of this class, name and type.
    pub(crate) const fn new(
        class: &'static FieldClass,
        name: &'static str,
        field_type: FieldType,
        scope: Scope,
        extract: Extract,
        description: &'static str,
    ) -> Self {
        Self { info: FieldInfo::new(class, name, field_type, description), scope, extract }
    }

    /// A field that no event has a value of, for a reason that is told: rules that use it load.
    pub(crate) const fn absent(
        class: &'static FieldClass,
        name: &'static str,
        field_type: FieldType,
        because: &'static str,
        description: &'static str,
    ) -> Self {
        let mut absent =
            Self::new(class, name, field_type, Scope::Event, |_, _| Extracted::Absent, description);
        absent.info.absent_because = Some(because);
        absent
    }

    /// Its value is a list.
    pub(crate) const fn list(mut self) -> Self {
        self.info.is_list = true;
        self
    }

    /// It may have an argument.
    pub(crate) const fn optional(mut self, kind: ArgumentKind) -> Self {
        self.info.argument = Some(kind);
        self
    }

    /// It needs an argument.
    pub(crate) const fn required(mut self, kind: ArgumentKind) -> Self {
        self.info.argument = Some(kind);
        self.info.argument_required = true;
        self
    }

    /// Its argument stands behind a dot; numbers in brackets, if it may be one.
    pub(crate) const fn dotted(mut self) -> Self {
        self.info.notation = match self.info.argument {
            Some(ArgumentKind::IndexOrKey) => ArgumentNotation::DotOrNumberInBrackets,
            _ => ArgumentNotation::Dot,
        };
        self
    }

    /// It may not stand in `val(…)`.
    pub(crate) const fn not_on_rhs(mut self) -> Self {
        self.info.allowed_on_rhs = false;
        self
    }

    /// It may not be wrapped in a transformer.
    pub(crate) const fn not_in_transformer(mut self) -> Self {
        self.info.allowed_in_transformer = false;
        self
    }

    /// It can be compared and not be shown.
    pub(crate) const fn not_in_output(mut self) -> Self {
        self.info.allowed_in_output = false;
        self
    }

    /// It still works and gives a warning.
    pub(crate) const fn deprecated(mut self) -> Self {
        self.info.is_deprecated = true;
        self
    }

    /// Listings leave it out.
    pub(crate) const fn unlisted(mut self) -> Self {
        self.info.is_listed = false;
        self
    }

    /// Outputs get it appended.
    pub(crate) const fn suggested_output(mut self) -> Self {
        self.info.is_suggested_output = true;
        self
    }
}
