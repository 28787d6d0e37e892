//! Fields and transformers: what they are called, and what they can be applied to.

use super::{Checker, Empty, Problem};
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
        let wrong = |message: String| {
            let help = format!("'{kind}' takes {}", signature(kind));
            Problem::error(span.clone(), message).help(Some(help))
        };
        match (kind.takes_one_value(), arguments.as_slice()) {
            (true, [TransformArgument::Operand(operand)]) => {
                self.check_input(kind, operand).map_err(wrong)?
            }
            (true, _) => return Err(wrong(format!("'{kind}' takes {}", signature(kind)))),
            (false, arguments) => check_arguments(kind, arguments).map_err(|text| wrong(text.to_owned()))?,
        }
        if let Some(selector) = &call.selector {
            check_selector(kind, selector).map_err(wrong)?;
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

    /// Says what is wrong with applying a transformer to a value.
    fn check_input(&self, kind: Transformer, operand: &Operand) -> Result<(), String> {
        let field = operand.transformed_field();
        if let Some(field) = field.filter(|field| !self.catalogue.info(field.id).allowed_in_transformer) {
            return Err(format!("field '{field}' does not support transformers"));
        }
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
        let list = if operand.is_list() { "list " } else { "" };
        let name = field.map_or_else(|| operand.to_string(), ToString::to_string);
        let type_name = field_type.falco_name();
        Err(format!(
            "can't add field transformer: type '{type_name}' is not supported by '{kind}' transformer applied on \
            {list}field '{name}'"
        ))
    }
}

/// Says what is wrong with the arguments of a transformer that takes several.
fn check_arguments(kind: Transformer, arguments: &[TransformArgument]) -> Result<(), &'static str> {
    match (kind, arguments) {
        (Transformer::Join, [separator, list]) => match (is_list(separator), is_list(list)) {
            (true, _) => Err("join() first argument (separator) must be a single value, not a list"),
            (_, false) => Err("join() second argument must be a list"),
            // Falco reads the bytes of anything else as if they were text.
            _ if !is_text(separator) || !is_text(list) => Err("join() arguments must be strings"),
            _ => Ok(()),
        },
        (Transformer::Join, _) => Err("join() requires exactly 2 arguments: separator and list"),
        (Transformer::Concat, texts) if texts.len() < 2 => Err("concat() requires at least 2 arguments"),
        (Transformer::Concat, texts) => match texts.iter().all(|text| is_text(text) && !is_list(text)) {
            true => Ok(()),
            false => Err("concat() arguments must be strings"),
        },
        (_, [words, options]) => match (is_list(words), is_list(options)) {
            (false, _) => Err("getopt() first argument must be a list"),
            (_, true) => Err("getopt() second argument (optstring) must be a single value"),
            _ if !is_text(words) || !is_text(options) => Err("getopt() arguments must be strings"),
            _ => Ok(()),
        },
        _ => Err("getopt() requires exactly 2 arguments: args list and optstring"),
    }
}

fn check_selector(kind: Transformer, selector: &str) -> Result<(), String> {
    match kind {
        Transformer::Getopt if selector.len() == 1 => Ok(()),
        Transformer::Getopt => Err("getopt() field argument must be a single option character".to_owned()),
        _ => Err(format!("transformer '{kind}' does not support field arguments")),
    }
}

fn is_list(argument: &TransformArgument) -> bool {
    match argument {
        TransformArgument::Operand(operand) => operand.is_list(),
        TransformArgument::Text(_) => false,
        TransformArgument::List(_) | TransformArgument::Members(_) => true,
    }
}

/// Whether it is text, or a list of texts. Paths of a type of their own are not, to these.
fn is_text(argument: &TransformArgument) -> bool {
    match argument {
        TransformArgument::Operand(operand) => operand.field_type() == FieldType::CharBuf,
        TransformArgument::Text(_) | TransformArgument::List(_) => true,
        TransformArgument::Members(members) => members.iter().all(is_text),
    }
}

fn signature(kind: Transformer) -> &'static str {
    match kind {
        Transformer::ToLower | Transformer::ToUpper | Transformer::Basename => {
            "one field that is text or a path"
        }
        Transformer::B64 => "one field that is text or a byte buffer",
        Transformer::Len => "one field that is text, a path, a byte buffer, or a list",
        Transformer::Join => "a separator and a list",
        Transformer::Concat => "two or more texts",
        Transformer::Getopt => "a list of words and a string of options",
    }
}
