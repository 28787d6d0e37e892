//! Items that are macros.

use super::{Entry, Reader};
use crate::{
    context::item_type,
    definitions::Macro,
    diagnostic::Code,
    reporter::{Report, Reported},
    text::Text,
};

const INVALID_NAME: &str =
    "Macro has an invalid name. Macro names should match a regular expression: ([a-zA-Z]+[a-zA-Z0-9_]*)";
const NO_MACRO: &str =
    "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists";

impl Reader<'_> {
    pub(super) fn macro_(&mut self, mut entry: Entry<'_>) -> Result<(), Reported> {
        self.check_keys(&entry, &["macro", "condition", "append", "override"]);
        let name = self.name(&mut entry, item_type::MACRO)?;
        if !is_identifier(&name) {
            let place = self.value_context(&entry, "macro").place().clone();
            let report = Report::new(INVALID_NAME, &entry.context).at(place);
            self.reporter.report(Code::LoadInvalidMacroName, report);
        }
        let scalar = self.required_scalar(&entry, "condition")?;
        let place = self.place(scalar.span());
        let condition = Text::of_scalar(self.source, scalar);
        let append = self.appends(&entry, "condition")?;
        let number = self.definitions.next_number();
        if !append {
            let condition_context = entry.context.child(item_type::MACRO_CONDITION, "", place);
            let definition = Macro { context: entry.context, condition_context, condition };
            self.definitions.macros.define(&name, definition, number);
            return Ok(());
        }
        match self.definitions.macros.get_mut(&name) {
            Some(definition) => {
                definition.value.condition.append(condition);
                definition.visibility = number;
                Ok(())
            }
            None => {
                Err(self.no_previous(&entry, NO_MACRO, |definitions| definitions.macros.names().collect()))
            }
        }
    }
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
