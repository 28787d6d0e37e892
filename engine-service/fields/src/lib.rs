//! The catalogue of fields: name, type, documentation and extraction of each.
//!
//! One [`Declaration`](declaration) per field says all that there is to know of it; the tables are split by family (`evt`,
//! `proc`, `fd`, …). The rule language sees them through its `Catalogue` trait; the evaluator resolves a field of a
//! rule to a [`FieldExtractor`] once and then calls it on an [`EventView`]: an event, the state of its host as of this
//! event, and the few facts that neither of them holds. Extraction borrows from both and allocates only where a value
//! has to be put together.
//!
//! The crate decides nothing about conditions (that is `evaluator`'s) and keeps no state (that is `host-model`'s).
//! The names of events and system calls live here too, as they are values of fields.
//!
//! Where an extraction has no value it says which of two things that means: [`Extracted::Absent`] is Falco's missing
//! value, on which every comparison is false; [`Extracted::Unknown`] is a value that metadata will bring later.
#![forbid(unsafe_code)]

pub mod declaration;

mod address;
mod argument;
mod backwards;
mod catalogue;
mod classes;
mod cloud;
mod container;
mod declared;
mod descriptor;
mod event_socket;
mod event_table;
mod event_type;
mod evt;
mod extractor;
mod eyrie;
mod fd;
mod fs_path;
mod json;
mod k8smeta;
mod machine;
mod named_ip;
mod parameter;
mod parameter_types;
mod path;
mod peer;
mod process;
mod settings;
mod static_fields;
mod syscall_names;
mod thread;
mod time;
mod user;
mod value;
mod view;

#[cfg(test)]
mod tests;

pub use self::argument::Argument;
pub use self::backwards::{
    ParameterError, call_of_event_type, capability_set, errno_number, parameter_number, path_parameter,
};
pub use self::catalogue::{Fields, catalogue};
pub use self::declaration::Scope;
pub use self::event_socket::{SeenSocket, seen_socket};
pub use self::event_type::event_type;
pub use self::extractor::{FieldError, FieldExtractor};
pub use self::eyrie::LOSS_WINDOW;
pub use self::named_ip::{HOST_NAME_FIELDS, NamedIp};
pub use self::parameter::{
    FalcoValue, NumberTexts, errors, falco_number, falco_value, kernel_number, number_texts, parameters_of,
};
pub use self::path::{asked_for, normalise};
pub use self::peer::remote_address;
pub use self::settings::FieldSettings;
pub use self::static_fields::ConfiguredFields;
pub use self::value::{Extracted, Value};
pub use self::view::{Architecture, ContainerView, EventView, HostView, PathNames, PeerView};
