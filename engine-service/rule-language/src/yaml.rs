//! YAML as a tree that keeps what rules need: scalars as they are written, and where everything stands.
//!
//! Typed deserialising would turn `yes` into `true` and `0777` into a number before we see them; in a list of process
//! names they are names. Aliases share their target, so a bomb of them costs nothing to hold; whoever walks the tree
//! has to count its steps.

mod merge;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, ops::Range, rc::Rc};

use granit_parser::{Event, Parser, ScalarStyle};

/// How deep a tree may be, aliases followed. Rules need six levels.
const MAX_DEPTH: u8 = 64;

/// How many nodes a file may hold, and how many pairs merge keys may bring in. At some 100 bytes each that is 400 MB at
/// worst; the stock rules have 5,000.
const MAX_NODES: usize = 4_000_000;

/// A part of a document. There may be millions, so it is kept small.
#[derive(Debug)]
pub struct Node {
    start: u32,
    end: u32,
    depth: u8,
    /// What it holds.
    pub content: Content,
}

/// What a node holds.
#[derive(Debug)]
pub enum Content {
    /// Nothing, or `~` or `null` without quotes.
    Null,
    /// A text, a number, a truth value: as it is written.
    Scalar(Scalar),
    /// `[a, b]`
    Sequence(Vec<Rc<Node>>),
    /// `{a: b}`, in the order of the file; keys may repeat.
    Mapping(Vec<(Rc<Node>, Rc<Node>)>),
}

/// A scalar as it is written.
#[derive(Debug)]
pub struct Scalar {
    /// Without quotes, with escapes and folding carried out.
    pub value: Box<str>,
    pub(crate) style: ScalarStyle,
}

/// Why a text is no YAML, or too much of it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    /// Where, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
}

/// The documents in `text`, empty ones included.
pub fn parse(text: &str) -> Result<Vec<Rc<Node>>, YamlError> {
    let options = granit_parser::options! { emit_comments: false };
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| YamlError {
            offset: error.marker().byte_offset().unwrap_or_else(|| byte_of(text, error.marker().index())),
            message: error.info(),
        })?;
        let start = span.start.byte_offset().unwrap_or_else(|| byte_of(text, span.start.index()));
        let end = span.end.byte_offset().unwrap_or_else(|| byte_of(text, span.end.index()));
        builder.event(event, start..end.max(start))?;
    }
    Ok(builder.documents)
}

#[derive(Default)]
struct Builder {
    documents: Vec<Rc<Node>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    /// Nodes, and pairs that were merged.
    nodes: usize,
}

/// Keys with their values.
type Pairs = Vec<(Rc<Node>, Rc<Node>)>;

/// A collection whose end has not come.
struct Open {
    start: usize,
    anchor: usize,
    is_mapping: bool,
    /// Keys and values in turn for a mapping.
    children: Vec<Rc<Node>>,
    depth: u8,
    /// Where the last child ends.
    last_end: usize,
}

// === impl Node ===

impl Node {
    fn new(span: Range<usize>, content: Content, depth: u8) -> Self {
        // Files are far smaller than what 32 bits count.
        let small = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: small(span.start), end: small(span.end), depth, content }
    }

    /// In bytes of the source.
    pub fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    /// The scalar's value; `None` for what is none.
    pub fn scalar(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(scalar) => Some(&scalar.value),
            _ => None,
        }
    }
}

// === impl Builder ===

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Range<usize>) -> Result<(), YamlError> {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                let is_null = style == ScalarStyle::Plain
                    && tag.is_none()
                    && matches!(&*value, "" | "~" | "null" | "Null" | "NULL");
                let content = if is_null {
                    Content::Null
                } else {
                    Content::Scalar(Scalar { value: value.into_owned().into_boxed_str(), style })
                };
                self.close(Node::new(span, content, 1), anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push(Open::new(&span, anchor, false));
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                self.open.push(Open::new(&span, anchor, true));
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(mut open) => {
                    let anchor = open.anchor;
                    let pairs = open.take_pairs();
                    let pairs = if open.is_mapping { self.merged(pairs, span.start)? } else { pairs };
                    if let Some(deepest) = pairs.iter().map(|(key, value)| key.depth.max(value.depth)).max() {
                        // What was merged is no level any more.
                        open.depth = deepest + 1;
                    }
                    self.close(open.into_node(pairs, span.end), anchor)
                }
                None => Ok(()),
            },
            Event::Alias(id) => match self.anchors.get(&id).cloned() {
                Some(target) => self.add(target, span.start),
                None => Err(YamlError {
                    offset: span.start,
                    message: "the alias stands inside of what it refers to".to_owned(),
                }),
            },
            _ => Ok(()),
        }
    }

    fn close(&mut self, node: Node, anchor: usize) -> Result<(), YamlError> {
        let (offset, node) = (node.span().start, Rc::new(node));
        self.count(1, offset)?;
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.add(node, offset)
    }

    fn add(&mut self, node: Rc<Node>, offset: usize) -> Result<(), YamlError> {
        match self.open.last_mut() {
            None => self.documents.push(node),
            Some(open) => {
                open.depth = open.depth.max(node.depth + 1);
                if open.depth > MAX_DEPTH {
                    let message = format!("nested deeper than {MAX_DEPTH} levels");
                    return Err(YamlError { offset, message });
                }
                open.last_end = node.span().end;
                open.children.push(node);
            }
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, offset: usize) -> Result<(), YamlError> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            let message = format!("a file can hold {MAX_NODES} values at most: split it");
            return Err(YamlError { offset, message });
        }
        Ok(())
    }
}

// === impl Open ===

impl Open {
    fn new(span: &Range<usize>, anchor: usize, is_mapping: bool) -> Self {
        Self { start: span.start, anchor, is_mapping, children: Vec::new(), depth: 1, last_end: span.start }
    }

    /// Of a mapping; the children of a sequence stay.
    fn take_pairs(&mut self) -> Pairs {
        let mut pairs = Vec::new();
        if self.is_mapping {
            let mut children = std::mem::take(&mut self.children).into_iter();
            while let (Some(key), Some(value)) = (children.next(), children.next()) {
                pairs.push((key, value));
            }
        }
        pairs
    }

    fn into_node(self, pairs: Pairs, end: usize) -> Node {
        let Self { start, is_mapping, children, depth, last_end, .. } = self;
        let content = if is_mapping { Content::Mapping(pairs) } else { Content::Sequence(children) };
        // A block collection's end event stands where the next token starts.
        Node::new(start..end.min(last_end.max(start) + 1).max(start), content, depth)
    }
}

fn byte_of(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(offset, _)| offset)
}
