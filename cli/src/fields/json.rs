//! The listing for programs: the shape of `falco --list --format json`.

use std::io::Write;

use rule_language::{ArgumentKind, FieldInfo};
use serde_json::{Value, json};

use super::{Class, sources};

/// Writes one array of classes.
pub(super) fn write(classes: &[Class], output: &mut dyn Write) -> std::io::Result<()> {
    let classes: Vec<Value> = classes.iter().map(class).collect();
    writeln!(output, "{}", Value::Array(classes))
}

fn class(class: &Class) -> Value {
    let of_class = class.class.sources;
    let sources = if of_class.is_empty() { sources() } else { of_class.to_vec() };
    json!({
        "name": class.class.name,
        "desc": class.class.description,
        "event_sources": sources,
        "fields": class.fields.iter().map(|info| field(info)).collect::<Vec<_>>(),
    })
}

fn field(info: &FieldInfo) -> Value {
    let kinds = match info.argument {
        None => &[][..],
        Some(ArgumentKind::Index) => &["INDEX"],
        Some(ArgumentKind::Key) => &["KEY"],
        Some(ArgumentKind::IndexOrKey) => &["INDEX", "KEY"],
    };
    let argument = info.argument.map(|_| json!({ "required": info.argument_required, "type": kinds }));
    json!({
        "name": info.name,
        "type": info.field_type.falco_name(),
        "desc": info.description,
        "is_list": info.is_list,
        "is_deprecated": info.is_deprecated,
        "argument": argument,
        "absent_because": info.absent_because,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::classes;

    /// Scenario: the listing, read back. Guarantees: Falco's keys with their types, and ours beside.
    #[test]
    fn the_shape_is_falcos() {
        let mut output = Vec::new();
        write(&classes(None).unwrap(), &mut output).unwrap();
        let listing: Vec<Value> = serde_json::from_slice(&output).unwrap();
        let field = |name: &str| {
            let fields = listing.iter().flat_map(|class| class["fields"].as_array().unwrap());
            let mut found = fields.filter(|field| field["name"] == name).cloned();
            let mut field = found.next().unwrap();
            assert!(field.as_object_mut().unwrap().remove("desc").is_some_and(|text| text.is_string()));
            field
        };
        assert_eq!(listing[0]["name"], "evt");
        assert_eq!(listing[0]["event_sources"], json!(["syscall"]));
        assert!(listing.iter().all(|class| class["desc"].is_string()));
        let name = json!({"name": "proc.name", "type": "CHARBUF", "is_list": false, "is_deprecated": false,
            "argument": null, "absent_because": null});
        assert_eq!(field("proc.name"), name);
        let argument = json!({"name": "evt.arg", "type": "CHARBUF", "is_list": false, "is_deprecated": false,
            "argument": {"required": true, "type": ["INDEX", "KEY"]}, "absent_because": null});
        assert_eq!(field("evt.arg"), argument);
        let types = json!({"name": "fd.types", "type": "CHARBUF", "is_list": true, "is_deprecated": false,
            "argument": {"required": false, "type": ["INDEX"]}, "absent_because": null});
        assert_eq!(field("fd.types"), types);
        assert_eq!(field("evt.dir")["is_deprecated"], true);
        assert!(field("fdlist.nums")["absent_because"].as_str().is_some_and(|text| text.contains("poll")));
    }
}
