//! Items that are lists.

use super::{Entry, Reader};
use crate::{
    context::{Context, item_type},
    definitions::List,
    diagnostic::Code,
    reporter::{Report, Reported},
};

const INVALID_NAME: &str =
    "List has an invalid name. List names should match a regular expression: ([^()\"'[:space:]=,]+)";
const NO_LIST: &str =
    "List uses 'append' or 'override.items: append' but no list by that name already exists";

impl Reader<'_> {
    pub(super) fn list(&mut self, mut entry: Entry<'_>) -> Result<(), Reported> {
        self.check_keys(&entry, &["list", "items", "append", "override"]);
        let name = self.name(&mut entry, item_type::LIST)?;
        if !is_list_name(&name) {
            let place = self.value_context(&entry, "list").place().clone();
            let report = Report::new(INVALID_NAME, &entry.context).at(place);
            self.reporter.report(Code::LoadInvalidListName, report);
        }
        let items = self.required_texts(&entry, "items")?;
        let bytes = items.iter().map(String::len).sum();
        self.spend(&entry.context, bytes)?;
        let append = self.appends(&entry, "items")?;
        let number = self.definitions.next_number();
        if !append {
            let list = List { context: entry.context, items };
            self.definitions.lists.define(&name, list, number);
            return Ok(());
        }
        match self.definitions.lists.get_mut(&name) {
            Some(list) => {
                list.value.items.extend(items);
                list.visibility = number;
                Ok(())
            }
            None => Err(self.no_previous(&entry, NO_LIST, |definitions| definitions.lists.names().collect())),
        }
    }

    /// The name of a list, a macro or a rule; the item's context bears it from then on.
    pub(super) fn name(&mut self, entry: &mut Entry<'_>, kind: &'static str) -> Result<String, Reported> {
        let name = self.required_text(entry, kind)?;
        let file = Context::file(self.source);
        entry.context = file.child(kind, name.as_str(), entry.context.place().clone());
        Ok(name)
    }
}

fn is_list_name(name: &str) -> bool {
    !name.contains(|letter: char| {
        matches!(letter, '(' | ')' | '"' | '\'' | '=' | ',' | '\u{b}') || letter.is_ascii_whitespace()
    })
}
