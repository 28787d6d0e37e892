//! What the language has to know about fields and events, whoever provides them.

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

    /// Whether `name` is an event or system call name that `evt.type` may be compared with.
    fn is_event_type(&self, name: &str) -> bool;

    /// Every name for which [`Catalogue::is_event_type`] holds, in ascending order.
    fn event_types(&self) -> &[&'static str];

    /// Whether rules of this `source` can be evaluated (`syscall`, or a plugin's).
    fn is_source(&self, source: &str) -> bool;
}

/// The declaration of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// The name as rules write it: `proc.name`.
    pub name: &'static str,
    /// The type of its value, or of its elements if it is a list.
    pub field_type: FieldType,
    /// Whether its value is a list.
    pub is_list: bool,
    /// What may stand in brackets after its name.
    pub argument: Option<ArgumentKind>,
    /// Whether the argument may be left out.
    pub argument_required: bool,
    /// Whether the field may stand on the right-hand side in `val(…)`.
    pub allowed_on_rhs: bool,
    /// Whether the field may be wrapped in a transformer.
    pub allowed_in_transformer: bool,
    /// Deprecated fields still work and give a warning.
    pub is_deprecated: bool,
    /// One sentence for people.
    pub description: &'static str,
}

/// What a field's brackets hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// A number, as in `proc.aname[2]`.
    Index,
    /// A word, as in `proc.env[PATH]`.
    Key,
    /// Either, as in `evt.arg[0]` and `evt.arg[flags]`.
    IndexOrKey,
}

/// Falco's types of values (`ppm_param_type`), as far as fields have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// Text, as bytes.
    CharBuf,
    /// A path, as bytes; behaves as [`FieldType::CharBuf`].
    FsPath,
    /// Raw bytes.
    ByteBuf,
    /// Signed, 64 bits (Falco's narrower types behave alike).
    Int,
    /// Unsigned, 64 bits.
    Uint,
    /// A bit set, compared as a number.
    Flags,
    /// A process id.
    Pid,
    /// A port.
    Port,
    /// True or false.
    Bool,
    /// Floating point.
    Double,
    /// A duration in nanoseconds.
    RelTime,
    /// A point in time in nanoseconds since the epoch.
    AbsTime,
    /// An IPv4 or IPv6 address.
    IpAddr,
    /// An IPv4 or IPv6 network.
    IpNet,
}
