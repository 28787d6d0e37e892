//! Fields and transformers: what they are called, and what they can be applied to.

use super::{Checker, Empty, Problem, types::type_name};
use crate::{
    ast,
    catalogue::{Catalogue, FieldType, TypeClass},
    condition::{FieldRef, Operand, Transform, TransformArgument, Transformer},
    limits::Budget,
    parser::parse_operand_prefix,
    suggest::Allowance,
};

/// Whether `text` is a field or a transformer of fields, all of them known.
pub(crate) fn is_operand(text: &str, catalogue: &dyn Catalogue) -> bool {
    match parse_operand_prefix(text) {
        Ok(Some((operand, length))) if length == text.len() => {
            resolve_operand(&operand, catalogue, &Allowance::none()).is_ok()
        }
        _ => false,
    }
}

/// Resolves an operand outside of a condition.
pub(crate) fn resolve_operand(
    operand: &ast::Operand,
    catalogue: &dyn Catalogue,
    allowance: &Allowance,
) -> Result<Operand, Problem> {
    Checker::new(catalogue, &Empty, &mut Budget::new(), allowance).operand(operand)
}

impl Checker<'_> {
    /// Recurses as deep as transformers are nested, which the parser bounds.
    pub(super) fn operand(&mut self, operand: &ast::Operand) -> Result<Operand, Problem> {
        match operand {
            ast::Operand::Field(field) => self.field(field).map(Operand::Field),
            ast::Operand::Call(call) => self.call(call).map(Operand::Transformed),
        }
    }

    pub(super) fn field(&mut self, written: &ast::Field) -> Result<FieldRef, Problem> {
        let span = written.offset..written.offset + written.name.len();
        let Some((id, dotted)) = self.catalogue.lookup(&written.name) else {
            let names = self.catalogue.fields().iter().map(|field| field.name);
            let near = self.allowance.closest(&written.name, names);
            let help = near.map(|near| format!("did you mean '{near}'?"));
            let message = format!("nonexistent field '{}'", written.name);
            return Err(Problem::error(span, message).unknown().help(help));
        };
        if let (Some(_), Some(argument)) = (dotted, &written.argument) {
            let message =
                format!("nonexistent field '{}[{argument}]': it has an argument already", written.name);
            return Err(Problem::error(span, message).unknown());
        }
        let argument = dotted.or(written.argument.as_deref());
        let field_type = self.catalogue.type_of(id, argument).map_err(|wrong| {
            let problem = Problem::error(span, wrong.to_string());
            if wrong.is_unknown_name() { problem.unknown() } else { problem }
        })?;
        let info = self.catalogue.info(id);
        Ok(FieldRef {
            id,
            name: info.name.to_owned(),
            argument: argument.map(str::to_owned),
            is_dotted: dotted.is_some(),
            field_type,
            is_list: info.is_list,
        })
    }

    fn call(&mut self, call: &ast::Call) -> Result<Transform, Problem> {
        let kind = call.transformer;
        let arguments: Vec<TransformArgument> =
            call.arguments.iter().map(|argument| self.argument(argument)).collect::<Result<_, _>>()?;
        let span = call.offset..call.offset + kind.as_str().len();
        if let Some(field) =
            call.arguments.iter().zip(&arguments).find_map(|pair| self.untransformable(pair.1))
        {
            let message = format!("field '{field}' cannot be used with transformers");
            return Err(Problem::error(span, message));
        }
        check_arguments(kind, &arguments).map_err(|message| Problem::error(span.clone(), message))?;
        if call.selector.is_some() && kind != Transformer::Getopt {
            let message = format!("'{kind}' takes no argument in brackets; only 'getopt' does");
            return Err(Problem::error(span, message));
        }
        Ok(Transform { kind, arguments, selector: call.selector.clone() })
    }

    fn argument(&mut self, argument: &ast::Argument) -> Result<TransformArgument, Problem> {
        Ok(match argument {
            ast::Argument::Operand(operand) => TransformArgument::Operand(self.operand(operand)?),
            ast::Argument::Text(text) => TransformArgument::Text(text.clone()),
            ast::Argument::List(members) => {
                let texts: Option<Vec<Vec<u8>>> = members
                    .iter()
                    .map(|member| match member {
                        ast::Argument::Text(text) => Some(text.clone()),
                        _ => None,
                    })
                    .collect();
                match texts {
                    Some(texts) => TransformArgument::List(texts),
                    None => {
                        let members = members.iter().map(|member| self.argument(member));
                        TransformArgument::Members(members.collect::<Result<_, _>>()?)
                    }
                }
            }
        })
    }

    fn untransformable(&self, argument: &TransformArgument) -> Option<String> {
        match argument {
            TransformArgument::Operand(Operand::Field(field)) => {
                (!self.catalogue.info(field.id).allowed_in_transformer).then(|| field.to_string())
            }
            TransformArgument::Members(members) => {
                members.iter().find_map(|member| self.untransformable(member))
            }
            _ => None,
        }
    }
}

/// Says what is wrong with a transformer's arguments.
fn check_arguments(kind: Transformer, arguments: &[TransformArgument]) -> Result<(), String> {
    use TransformArgument::{List, Members, Text};
    match (kind, arguments) {
        (
            Transformer::ToLower
            | Transformer::ToUpper
            | Transformer::Basename
            | Transformer::B64
            | Transformer::Len,
            [TransformArgument::Operand(operand)],
        ) => check_input(kind, operand),
        (Transformer::Join, [separator, List(_) | Members(_)]) => check_text(kind, separator),
        (Transformer::Join, [separator, TransformArgument::Operand(list)]) if list.is_list() => {
            check_text(kind, separator)
        }
        (Transformer::Concat, [first, rest @ ..]) => {
            std::iter::once(first).chain(rest).try_for_each(|argument| check_text(kind, argument))
        }
        (Transformer::Getopt, [List(_) | Members(_), Text(_)]) => Ok(()),
        (Transformer::Getopt, [TransformArgument::Operand(list), Text(_)]) if is_text(list) => Ok(()),
        _ => Err(format!("'{kind}' takes {}", signature(kind))),
    }
}

fn check_input(kind: Transformer, operand: &Operand) -> Result<(), String> {
    let field_type = operand.field_type();
    let fits = match (kind, field_type.class()) {
        (Transformer::Len, _) if operand.is_list() => true,
        (_, TypeClass::Text) => kind != Transformer::B64 || field_type == FieldType::CharBuf,
        (Transformer::B64 | Transformer::Len, TypeClass::Buffer) => true,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let what = type_name(field_type, operand.is_list());
    Err(format!("'{kind}' cannot be applied to '{operand}', which is {what}; it takes {}", signature(kind)))
}

fn check_text(kind: Transformer, argument: &TransformArgument) -> Result<(), String> {
    match argument {
        TransformArgument::Text(_) => Ok(()),
        TransformArgument::Operand(operand) if is_text(operand) && !operand.is_list() => Ok(()),
        _ => Err(format!("'{kind}' takes {}", signature(kind))),
    }
}

fn is_text(operand: &Operand) -> bool {
    operand.field_type().class() == TypeClass::Text
}

fn signature(kind: Transformer) -> &'static str {
    match kind {
        Transformer::ToLower | Transformer::ToUpper | Transformer::Basename => {
            "one field that is text or a path"
        }
        Transformer::B64 => "one field that is text or a byte buffer",
        Transformer::Len => "one field that is text, a path, a byte buffer, or a list",
        Transformer::Join => "a separator and a list",
        Transformer::Concat => "one or more texts",
        Transformer::Getopt => "a list of words and a string of options",
    }
}
