//! Fields and transformers.

use super::{Failure, MAX_TRANSFORMER_DEPTH, Parser};
use crate::ast::{Argument, Call, Field, Operand, Rhs};

/// Parses the field or transformer that `text` starts with, and tells how many bytes it takes.
///
/// For outputs, where anything may follow. `None` if `text` starts with neither.
pub(crate) fn parse_operand_prefix(text: &str) -> Result<Option<(Operand, usize)>, Failure> {
    let mut parser = Parser::new(text);
    Ok(parser.operand(0)?.map(|operand| (operand, parser.lexer.offset())))
}

impl Parser<'_> {
    /// A field, or a transformer with its arguments, if one stands here.
    pub(super) fn operand(&mut self, depth: usize) -> Result<Option<Operand>, Failure> {
        let offset = self.lexer.offset();
        if let Some(name) = self.lexer.field_name() {
            let name = name.to_owned();
            let argument = self.brackets()?;
            return Ok(Some(Operand::Field(Field { offset, name, argument })));
        }
        Ok(self.call(depth)?.map(Operand::Call))
    }

    /// `val(field)` or a transformer on a right-hand side, if one stands here.
    pub(super) fn extracted_side(&mut self) -> Result<Option<Rhs>, Failure> {
        if !self.lexer.take("val(") {
            return Ok(self.call(0)?.map(Rhs::Call));
        }
        self.lexer.skip_blanks();
        let offset = self.lexer.offset();
        let Some(name) = self.lexer.field_name().map(str::to_owned) else {
            return Err(self.fail("expected a field within 'val' transformer"));
        };
        let argument = self.brackets()?;
        self.close_call()?;
        Ok(Some(Rhs::Val(Field { offset, name, argument })))
    }

    fn call(&mut self, depth: usize) -> Result<Option<Call>, Failure> {
        let offset = self.lexer.offset();
        let Some(transformer) = self.lexer.transformer() else { return Ok(None) };
        if depth >= MAX_TRANSFORMER_DEPTH {
            return Err(self.fail(format!("transformers are nested deeper than {MAX_TRANSFORMER_DEPTH}")));
        }
        let mut arguments = Vec::new();
        loop {
            arguments.push(self.argument(depth + 1)?);
            self.lexer.skip_blanks();
            if !self.lexer.take(",") {
                break;
            }
        }
        self.close_call()?;
        let selector = self.brackets()?;
        Ok(Some(Call { offset, transformer, arguments, selector }))
    }

    fn argument(&mut self, depth: usize) -> Result<Argument, Failure> {
        self.spend_node()?;
        self.lexer.skip_blanks();
        if let Some(argument) = self.literal()? {
            return Ok(argument);
        }
        if self.lexer.take("(") {
            return self.members(depth);
        }
        match self.operand(depth)? {
            Some(operand) => Ok(Argument::Operand(operand)),
            None => Err(self.fail(
                "expected field transformer argument: field, transformer, quoted string, number, or list",
            )),
        }
    }

    /// What stands behind the `(` of a transformer's list, and its `)`.
    fn members(&mut self, depth: usize) -> Result<Argument, Failure> {
        let mut members = Vec::new();
        self.lexer.skip_blanks();
        if self.lexer.take(")") {
            return Ok(Argument::List(members));
        }
        loop {
            self.spend_node()?;
            self.lexer.skip_blanks();
            match self.literal()? {
                Some(literal) => members.push(literal),
                None => match self.operand(depth)? {
                    Some(operand) => members.push(Argument::Operand(operand)),
                    None => {
                        return Err(self.fail(
                            "expected transformer list argument: field, transformer, quoted string, or number",
                        ));
                    }
                },
            }
            self.lexer.skip_blanks();
            if self.lexer.take(")") {
                return Ok(Argument::List(members));
            }
            if !self.lexer.take(",") {
                return Err(self.fail("expected a ')' token or a ',' in the list"));
            }
        }
    }

    fn literal(&mut self) -> Result<Option<Argument>, Failure> {
        if let Some(number) = self.lexer.number() {
            return Ok(Some(Argument::Text(number.as_bytes().to_vec())));
        }
        Ok(self.lexer.quoted()?.map(Argument::Text))
    }

    fn close_call(&mut self) -> Result<(), Failure> {
        self.lexer.skip_blanks();
        if self.lexer.take(")") {
            Ok(())
        } else {
            Err(self.fail("expected a ')' token closing the transformer"))
        }
    }

    /// `[argument]`, if brackets follow.
    fn brackets(&mut self) -> Result<Option<String>, Failure> {
        if !self.lexer.take("[") {
            return Ok(None);
        }
        let offset = self.lexer.offset();
        let argument = match self.lexer.quoted()? {
            Some(quoted) => String::from_utf8(quoted).map_err(|_| Failure {
                offset,
                message: "a field argument has to be valid UTF-8".to_owned(),
            })?,
            None => self
                .lexer
                .bare_argument()
                .ok_or_else(|| {
                    self.fail("expected a valid field argument: a quoted string or a bare string")
                })?
                .to_owned(),
        };
        if self.lexer.take("]") { Ok(Some(argument)) } else { Err(self.fail("expected a ']' token")) }
    }
}
