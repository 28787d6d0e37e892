//! Whether a field is what a case says: after an event was made, and of an alert.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use fields::{ContainerView, EventView, Extracted, FieldExtractor, Value, parameter_number};
use rule_language::condition::{Expr, Operand};

use super::{containers::mounts, primitives::mode_by_names};
use crate::given::{Given, Problem, Setting, number};

/// Falco's text for a missing value.
const NO_VALUE: &str = "<NA>";

/// Fields by their names, each resolved once.
#[derive(Default)]
pub(crate) struct Extractors(RefCell<HashMap<String, Option<Rc<FieldExtractor>>>>);

// === impl Extractors ===

impl Extractors {
    /// The field of a setting; an error with the nearest name if there is none.
    pub(crate) fn of(&self, setting: &Setting) -> Result<Rc<FieldExtractor>, Problem> {
        if let Some(Some(known)) = self.0.borrow().get(&setting.field) {
            return Ok(Rc::clone(known));
        }
        let extractor = Rc::new(resolve(setting)?);
        self.0.borrow_mut().insert(setting.field.clone(), Some(Rc::clone(&extractor)));
        Ok(extractor)
    }
}

/// A field as conditions name it: what is wrong with it is told as of a condition.
fn resolve(setting: &Setting) -> Result<FieldExtractor, Problem> {
    let condition = format!("{} exists", setting.field);
    let compiled = rule_language::compile_condition(&condition, fields::catalogue());
    let field = match compiled {
        Ok(Expr::Check(check)) => match check.lhs {
            Operand::Field(field) => field,
            Operand::Transformed(_) => return Err(setting.problem(format!("{} is no field", setting.field))),
        },
        Ok(_) => return Err(setting.problem(format!("{} is no field", setting.field))),
        Err(diagnostic) => {
            let problem = setting.problem(diagnostic.message);
            return Err(Problem { help: diagnostic.help, ..problem });
        }
    };
    FieldExtractor::new(fields::catalogue(), &field).map_err(|error| setting.problem(error.to_string()))
}

/// Whether the field has the value that it was given.
pub(crate) fn matches(setting: &Setting, extracted: &Extracted<'_>, view: &EventView<'_>) -> bool {
    let value = match extracted {
        Extracted::Value(value) if value.is_there() => value,
        _ => return setting.is_missing() || setting.value == Given::of(NO_VALUE),
    };
    is_value(&setting.value, value)
        || is_same_parameter(setting, value, view)
        || is_same_text(setting, value, view)
}

fn is_value(given: &Given, value: &Value<'_>) -> bool {
    match value {
        Value::Bytes(bytes) => given.bytes().is_some_and(|given| *given == **bytes),
        Value::Time { epoch_ns, text } => match given {
            Given::Text(given) => {
                given == text || given.parse() == Ok(*epoch_ns) || is_time(given, *epoch_ns)
            }
            _ => false,
        },
        Value::Int(own) => given_number(given) == Some((*own).into()),
        Value::Uint(own) => {
            given_number(given) == Some((*own).into())
                || matches!(given, Given::Text(text) if is_time(text, *own))
        }
        Value::Bool(own) => match given {
            Given::Text(text) if matches!(text.as_str(), "true" | "1") => *own,
            Given::Text(text) if matches!(text.as_str(), "false" | "0") => !*own,
            _ => false,
        },
        Value::Double(own) => matches!(given, Given::Text(text) if text.parse() == Ok(*own)),
        Value::Ip(own) => match given {
            Given::Text(text) => address(text) == Some(*own),
            _ => false,
        },
        Value::NamedIp(ip) => given.bytes().is_some_and(|name| ip.has_name(&name) == Some(true)),
        Value::EitherEnd(ends) => ends.iter().any(|end| is_value(given, end)),
        Value::AnyOf(values) => values.iter().any(|value| is_value(given, value)),
        Value::List(values) => match given {
            Given::List(members) => {
                members.len() == values.len()
                    && members.iter().zip(values).all(|(given, value)| is_value(given, value))
            }
            given => matches!(values.as_slice(), [only] if is_value(given, only)),
        },
    }
}

/// An address, or that of a network.
fn address(text: &str) -> Option<std::net::IpAddr> {
    let (ip, bits) = text.split_once('/').unwrap_or((text, "0"));
    bits.parse::<u8>().ok().filter(|bits| *bits <= 128)?;
    ip.parse().ok()
}

fn given_number(given: &Given) -> Option<i128> {
    match given {
        Given::Text(text) => number(text),
        _ => None,
    }
}

/// RFC 3339 and `evt.time.iso8601`.
fn is_time(text: &str, epoch_ns: u64) -> bool {
    let written = text.strip_suffix("+0000").map_or_else(|| text.to_owned(), |time| format!("{time}Z"));
    let time: Result<jiff::Timestamp, _> = written.parse();
    time.is_ok_and(|time| time.as_nanosecond() == i128::from(epoch_ns))
}

/// Parameters have several texts: names in another order, numbers in place of names, a path as it was given.
fn is_same_parameter(setting: &Setting, value: &Value<'_>, view: &EventView<'_>) -> bool {
    let parameter = setting.field.strip_prefix("evt.arg.");
    let (Some(parameter), Given::Text(given), Value::Bytes(bytes)) = (parameter, &setting.value, value)
    else {
        return false;
    };
    let event = fields::event_type(view.event, view.architecture).unwrap_or_default();
    let text = String::from_utf8_lossy(bytes);
    // Falco's own names are no numbers of the kernel's, and are compared as names.
    let names = |text: &str| {
        let mut names: Vec<String> = text.split('|').map(|name| name.trim().to_owned()).collect();
        names.sort();
        names
    };
    let by_names = |text: &str| mode_by_names(text).filter(|_| parameter == "mode");
    let read =
        |text: &str| parameter_number(event, parameter, text).ok().flatten().or_else(|| by_names(text));
    // Of several names, unless they are paths.
    (!given.contains('/') && names(given) == names(&text))
        || read(given).is_some_and(|given| read(&text) == Some(given))
        || as_given(setting, view).is_some_and(|raw| is_value(&setting.value, &raw))
}

/// The parameter's raw value.
fn as_given(setting: &Setting, view: &EventView<'_>) -> Option<Value<'static>> {
    let raw = Setting { field: setting.field.replacen("evt.arg", "evt.rawarg", 1), ..setting.clone() };
    resolve(&raw).ok()?.extract(view).value().map(Value::into_owned)
}

/// Lists whose members the field joins in another way, capabilities and the working directory with its slash.
fn is_same_text(setting: &Setting, value: &Value<'_>, view: &EventView<'_>) -> bool {
    let Value::Bytes(bytes) = value else { return false };
    // Mounts are set part by part, and shown as one text.
    if setting.field == "container.mounts" {
        let ContainerView::Known(container) = view.container else { return false };
        return mounts(setting).is_ok_and(|given| given == container.mounts);
    }
    let Some(given) = setting.value.bytes() else { return false };
    match setting.field.as_str() {
        "proc.cwd" => given.strip_suffix(b"/").unwrap_or(&given) == bytes.strip_suffix(b"/").unwrap_or(bytes),
        // Set by the whole id, and shown by its beginning.
        "container.id" => given.len() > bytes.len() && is_full_id(setting, view),
        field if field.starts_with("thread.cap_") => {
            let text = String::from_utf8_lossy(&given).replace(',', " ");
            let set = number(&text)
                .and_then(|set| u64::try_from(set).ok())
                .or_else(|| fields::capability_set(&text));
            set.is_some() && set == fields::capability_set(&String::from_utf8_lossy(bytes))
        }
        _ => false,
    }
}

/// Whether what was given for `container.id` is the whole id.
fn is_full_id(setting: &Setting, view: &EventView<'_>) -> bool {
    let full = Setting { field: "container.full_id".to_owned(), ..setting.clone() };
    let extractor = resolve(&full).ok();
    extractor.is_some_and(|extractor| {
        extractor.extract(view).value().is_some_and(|value| is_value(&full.value, &value))
    })
}

/// A value for people.
pub(crate) fn show(extracted: &Extracted<'_>) -> String {
    match extracted {
        Extracted::Value(value) => show_value(value),
        Extracted::Absent => NO_VALUE.to_owned(),
        Extracted::Unknown => "(not known yet)".to_owned(),
    }
}

fn show_value(value: &Value<'_>) -> String {
    let all = |values: &[Value<'_>], separator: &str| {
        values.iter().map(show_value).collect::<Vec<_>>().join(separator)
    };
    match value {
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).escape_debug().to_string(),
        Value::Time { text, .. } => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Ip(ip) => ip.to_string(),
        Value::NamedIp(ip) => {
            let names: Vec<&str> = ip.names().collect();
            if names.is_empty() { NO_VALUE.to_owned() } else { names.join(" ") }
        }
        Value::EitherEnd(ends) => all(&**ends, ", "),
        Value::AnyOf(values) => all(values, ", "),
        Value::List(values) => format!("({})", all(values, ", ")),
    }
}
