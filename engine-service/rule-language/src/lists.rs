//! Lists: their names in a condition's text are replaced by their items, before the condition is parsed.
//!
//! Falco goes through the lists in order of definition and replaces each one's name everywhere in the text. A name
//! that the items of a list bring in is therefore replaced if its list comes later in the order, and stays if it comes
//! earlier. Here one pass over the text does the same, in time that the length of the result bounds.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, cell::Cell, collections::HashMap, ops::Range};

use crate::{
    definitions::{List, Table},
    limits::{Budget, Exhausted},
};

/// What putting in a list counts beside its bytes, in bytes: empty lists cost time too.
const SUBSTITUTION_COST: usize = 64;

/// How many lists a message names.
const MAX_CHAIN: usize = 8;

/// The texts that lists' names are replaced by.
pub(crate) struct ListTexts<'definitions> {
    by_name: HashMap<&'definitions str, usize>,
    lists: Vec<ListText<'definitions>>,
}

struct ListText<'definitions> {
    name: &'definitions str,
    text: String,
    used: Cell<bool>,
}

/// A text with its lists replaced, and the way back to the text before.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// By start, ascending.
    pieces: Vec<Piece>,
}

/// A bound is reached, by way of these lists: each holds the one behind it.
#[derive(Debug)]
pub(crate) struct TooLarge {
    exhausted: Exhausted,
    pub(crate) chain: Vec<String>,
}

#[derive(Debug)]
struct Piece {
    start: usize,
    origin: Range<usize>,
    /// Whether all bytes come from all of `origin`, and not one from one.
    is_list: bool,
}

struct Frame<'text> {
    /// The list; empty for the condition.
    name: &'text str,
    text: &'text str,
    at: usize,
    /// Lists before this one in the order stay as they are.
    first: usize,
}

/// What the next characters of the text meet.
#[derive(Default)]
struct Pending {
    /// Blanks behind a list are dropped; it brought its own.
    skip_blanks: bool,
    /// An empty list takes a comma along: the one before it, or else the one behind it.
    drop_comma: bool,
    /// The next character that is copied starts a piece.
    new_piece: bool,
}

// === impl ListTexts ===

impl<'definitions> ListTexts<'definitions> {
    pub(crate) fn new(lists: &'definitions Table<List>, budget: &mut Budget) -> Result<Self, TooLarge> {
        let mut used_by_lists = Vec::new();
        let mut texts = Vec::with_capacity(lists.entries().len());
        for list in lists.entries() {
            let mut text = String::new();
            let name = list.value.context.name();
            for item in &list.value.items {
                // The items of a list that was there before stand for its name, one level deep.
                match lists.get(item).filter(|other| other.index < list.visibility) {
                    Some(other) => {
                        used_by_lists.extend(lists.position(item));
                        for inner in &other.value.items {
                            let pushed = push_item(&mut text, inner, budget);
                            pushed.map_err(|exhausted| TooLarge::new(exhausted, [name, item.as_str()]))?;
                        }
                    }
                    None => push_item(&mut text, item, budget)
                        .map_err(|exhausted| TooLarge::new(exhausted, [name]))?,
                }
            }
            texts.push(ListText { name, text, used: Cell::new(false) });
        }
        for position in used_by_lists {
            if let Some(list) = texts.get(position) {
                list.used.set(true);
            }
        }
        let by_name = texts.iter().enumerate().map(|(position, list)| (list.name, position)).collect();
        Ok(Self { by_name, lists: texts })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'definitions str> {
        self.lists.iter().map(|list| list.name)
    }

    /// The places in the order of the lists that nothing used.
    pub(crate) fn unused(&self) -> impl Iterator<Item = usize> {
        self.lists.iter().enumerate().filter(|(_, list)| !list.used.get()).map(|(position, _)| position)
    }

    /// Replaces lists' names in `text`. A name is one if blanks, parentheses, commas, `=` or the ends are around it,
    /// within quotes too.
    pub(crate) fn expand(&self, text: &str, budget: &mut Budget) -> Result<Expanded, TooLarge> {
        let mut expanded = Expanded::default();
        budget.spend_text(text.len()).map_err(|exhausted| TooLarge::new(exhausted, []))?;
        let mut pending = Pending { new_piece: true, ..Pending::default() };
        let mut frames = vec![Frame { name: "", text, at: 0, first: 0 }];
        let too_large = |exhausted, frames: &[Frame<'_>]| {
            TooLarge::new(exhausted, frames.iter().skip(1).map(|frame| frame.name))
        };
        while let Some(frame) = frames.last_mut() {
            let rest = frame.text.get(frame.at..).unwrap_or_default();
            let start = frame.at;
            if rest.is_empty() {
                frames.pop();
                if !frames.is_empty() {
                    // A list that ends with another one brings no blank of its own: the inner one swallows it.
                    if !std::mem::replace(&mut pending.skip_blanks, true) {
                        expanded.text.push(' ');
                    }
                    pending.new_piece = frames.len() == 1;
                }
                continue;
            }
            let delimiters = rest.find(|letter| !is_delimiter(letter)).unwrap_or(rest.len());
            if delimiters > 0 {
                frame.at += delimiters;
                let is_outer = frames.len() == 1;
                let run = rest.get(..delimiters).unwrap_or_default();
                expanded.push_delimiters(run, start, is_outer, &mut pending);
                continue;
            }
            let length = rest.find(is_delimiter).unwrap_or(rest.len());
            let word = rest.get(..length).unwrap_or_default();
            frame.at += length;
            let first = frame.first;
            let list = self.by_name.get(word).filter(|&&position| position >= first);
            let is_outer = frames.len() == 1;
            match list.and_then(|&position| Some((position, self.lists.get(position)?))) {
                None => {
                    expanded.new_piece(start, is_outer, &mut pending);
                    pending = Pending::default();
                    expanded.text.push_str(word);
                }
                Some((position, list)) => {
                    list.used.set(true);
                    // Its text is spent here, whole.
                    let cost = list.text.len() + SUBSTITUTION_COST;
                    if let Err(exhausted) = budget.spend_text(cost) {
                        return Err(too_large(exhausted, &frames));
                    }
                    pending.drop_comma = expanded.open_list(list.text.is_empty());
                    pending.skip_blanks = false;
                    if is_outer {
                        let origin = start..start + length;
                        expanded.pieces.push(Piece { start: expanded.text.len(), origin, is_list: true });
                    }
                    frames.push(Frame { name: list.name, text: &list.text, at: 0, first: position + 1 });
                }
            }
        }
        Ok(expanded)
    }
}

// === impl TooLarge ===

impl TooLarge {
    fn new<'name>(exhausted: Exhausted, chain: impl IntoIterator<Item = &'name str>) -> Self {
        Self { exhausted, chain: chain.into_iter().map(str::to_owned).collect() }
    }

    pub(crate) fn message(&self) -> String {
        let mut message = self.exhausted.message();
        if !self.chain.is_empty() {
            let shown: Vec<&str> = self.chain.iter().take(MAX_CHAIN).map(String::as_str).collect();
            let more = if self.chain.len() > MAX_CHAIN { " → …" } else { "" };
            message.push_str(&format!(", by way of the lists {}{more}", shown.join(" → ")));
        }
        message
    }
}

// === impl Expanded ===

impl Expanded {
    /// The bytes of the text before from which `span` comes; the same bytes if nothing was expanded.
    pub(crate) fn origin(&self, span: Range<usize>) -> Range<usize> {
        let piece = |offset: usize| {
            let after = self.pieces.partition_point(|piece| piece.start <= offset);
            after.checked_sub(1).and_then(|index| self.pieces.get(index))
        };
        let at = |offset: usize| match piece(offset) {
            Some(Piece { origin, is_list: true, .. }) => origin.clone(),
            Some(Piece { origin, start, .. }) => {
                let at = origin.start + (offset - start);
                at..at + 1
            }
            None => offset..offset + 1,
        };
        let first = at(span.start);
        let last = at(span.end.saturating_sub(1).max(span.start));
        first.start..last.end.max(first.end)
    }

    fn push_delimiters(&mut self, run: &str, start: usize, is_outer: bool, pending: &mut Pending) {
        if !pending.skip_blanks && !pending.drop_comma && !pending.new_piece {
            self.text.push_str(run);
            return;
        }
        for (offset, letter) in run.char_indices() {
            if pending.skip_blanks && is_blank(letter) {
                continue;
            }
            pending.skip_blanks = false;
            if std::mem::take(&mut pending.drop_comma) && letter == ',' {
                continue;
            }
            self.new_piece(start + offset, is_outer, pending);
            self.text.push(letter);
        }
    }

    fn new_piece(&mut self, start: usize, is_outer: bool, pending: &mut Pending) {
        if is_outer && std::mem::take(&mut pending.new_piece) {
            self.pieces.push(Piece { start: self.text.len(), origin: start..start, is_list: false });
        }
    }

    /// Makes room for a list's items, and tells whether a comma behind it has to go.
    fn open_list(&mut self, is_empty: bool) -> bool {
        self.text.truncate(self.text.trim_end_matches(is_blank).len());
        let takes_comma_before = is_empty && self.text.ends_with(',');
        if takes_comma_before {
            self.text.pop();
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        is_empty && !takes_comma_before
    }
}

/// `item` in quotes if it has a blank and no quotes of its own.
pub(crate) fn quote_item(item: &str) -> Cow<'_, str> {
    if item.contains(' ') && !item.starts_with(['"', '\'']) {
        Cow::Owned(format!("\"{item}\""))
    } else {
        Cow::Borrowed(item)
    }
}

fn push_item(text: &mut String, item: &str, budget: &mut Budget) -> Result<(), Exhausted> {
    budget.spend_text(item.len() + 2)?;
    if !text.is_empty() {
        text.push_str(", ");
    }
    text.push_str(&quote_item(item));
    Ok(())
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r')
}

fn is_delimiter(letter: char) -> bool {
    is_blank(letter) || matches!(letter, '(' | ')' | ',' | '=')
}
