//! Exceptions: they become part of the condition's text before it is parsed.

use crate::{
    check::Problem,
    condition::Operator,
    definitions::{Exception, Words},
    diagnostic::Code,
    lists::quote_item,
    reader::has_modifier,
    text::Text,
};

/// `condition` with a rule's exceptions taken out of it.
pub(crate) fn with_exceptions(
    condition: &Text,
    exceptions: &[Exception],
) -> Result<Text, (Problem, crate::context::Context)> {
    if exceptions.is_empty() {
        return Ok(condition.clone());
    }
    let mut text = Text::default();
    let Some(first) = exceptions.first() else { return Ok(condition.clone()) };
    text.push_made("(", first.context.place());
    text.push_text(condition);
    text.push_made(")", first.context.place());
    for exception in exceptions {
        let clause = clause(exception).map_err(|message| {
            (Problem::new(Code::LoadErrValidate, 0..0, message), exception.context.clone())
        })?;
        if let Some(clause) = clause {
            text.push_made(" and not ", exception.context.place());
            text.push_made(&clause, exception.context.place());
        }
    }
    Ok(text)
}

/// What matches the excepted events; nothing if there are no values.
fn clause(exception: &Exception) -> Result<Option<String>, &'static str> {
    let (Some(fields), Some(comps)) = (&exception.fields, &exception.comps) else { return Ok(None) };
    if exception.values.is_empty() {
        return Ok(None);
    }
    match (fields, comps) {
        (Words::One(field), Words::One(comp)) => {
            let values: Option<Vec<_>> =
                exception.values.iter().map(|value| value.one().map(quote_item)).collect();
            let values = values.ok_or("Expected values array to contain a list of strings")?;
            Ok(Some(format!("({field} {comp} ({}))", values.join(", "))))
        }
        (Words::Many(fields), Words::Many(comps)) => {
            let tuples: Result<Vec<_>, _> =
                exception.values.iter().map(|values| tuple(fields, comps, values)).collect();
            Ok(Some(format!("({})", tuples?.join(" or "))))
        }
        _ => Ok(None),
    }
}

fn tuple(fields: &[Words], comps: &[Words], values: &Words) -> Result<String, &'static str> {
    let values = match values {
        Words::Many(values) if values.len() == fields.len() => values,
        _ => return Err("Fields and values lists must have equal length"),
    };
    let mut parts = Vec::with_capacity(fields.len());
    for ((field, comp), value) in fields.iter().zip(comps).zip(values) {
        let (field, comp) = (field.one().unwrap_or_default(), comp.one().unwrap_or_default());
        let takes_list = has_modifier(comp) || Operator::from_name(comp).is_some_and(Operator::takes_list);
        let value = match value {
            Words::One(value) if takes_list && value.starts_with('(') => value.clone(),
            // With commas it is a list already, as Falco takes it.
            Words::One(value) if takes_list && value.contains(',') => format!("({value})"),
            Words::One(value) if takes_list => format!("({})", quote_item(value)),
            Words::One(value) => quote_item(value).into_owned(),
            Words::Many(values) => {
                let values: Option<Vec<_>> = values.iter().map(|value| value.one().map(quote_item)).collect();
                let values = values.ok_or("Expected values array to contain a list of strings")?;
                format!("({})", values.join(", "))
            }
        };
        parts.push(format!("{field} {comp} {value}"));
    }
    Ok(format!("({})", parts.join(" and ")))
}
