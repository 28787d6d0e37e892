//! Labels, tags and whatever else has names and values, as cases say them.

use std::collections::BTreeMap;

use crate::given::{Given, Problem, Setting};

/// A field and its argument: `container.label[team]`; the argument is empty where there is none.
pub(super) fn parted(field: &str) -> (&str, &str) {
    let (name, argument) =
        field.strip_suffix(']').and_then(|field| field.split_once('[')).unwrap_or((field, ""));
    (name, argument.trim_matches(['"', '\'']))
}

/// One of them; missing takes it away.
pub(super) fn set_one(
    labels: &mut BTreeMap<String, String>,
    name: &str,
    setting: &Setting,
) -> Result<(), Problem> {
    if setting.is_missing() {
        labels.remove(name);
    } else {
        labels.insert(name.to_owned(), setting.text()?);
    }
    Ok(())
}

/// All of them, as fields show them: `name:value` with commas between, or as a list.
pub(super) fn all(setting: &Setting) -> Result<BTreeMap<String, String>, Problem> {
    let texts: Vec<String> = match &setting.value {
        Given::Missing => Vec::new(),
        Given::Text(text) => text.split(", ").map(str::to_owned).collect(),
        Given::List(members) => {
            let text = |member: &Given| match member {
                Given::Text(text) => Ok(text.clone()),
                _ => Err(setting.misfit("a list of name:value")),
            };
            members.iter().map(text).collect::<Result<_, _>>()?
        }
        Given::Bytes(_) | Given::Map(_) => return Err(setting.misfit("name:value, with commas between")),
    };
    let pair = |text: &String| {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        (name.to_owned(), value.to_owned())
    };
    Ok(texts.iter().map(pair).collect())
}
