//! YAML as a tree that keeps what rules need: scalars as they are written, and where everything stands.
//!
//! Typed deserialising would turn `yes` into `true` and `0777` into a number before we see them; in a list of process
//! names they are names. Aliases share their target, so a bomb of them costs nothing to hold; whoever walks the tree
//! has to count its steps.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    rc::Rc,
};

use granit_parser::{Event, Parser, ScalarStyle};

/// How deep a tree may be, aliases followed. Rules need six levels.
const MAX_DEPTH: u8 = 64;

/// How many nodes a file may hold, and how many pairs merge keys may bring in. At some 100 bytes each that is 400 MB at
/// worst; the stock rules have 5,000.
const MAX_NODES: usize = 4_000_000;

/// A part of a document. There may be millions, so it is kept small.
#[derive(Debug)]
pub(crate) struct Node {
    start: u32,
    end: u32,
    depth: u8,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Null,
    Scalar(Scalar),
    Sequence(Vec<Rc<Node>>),
    Mapping(Pairs),
}

#[derive(Debug)]
pub(crate) struct Scalar {
    pub(crate) value: Box<str>,
    pub(crate) style: ScalarStyle,
}

#[derive(Debug)]
pub(crate) struct YamlError {
    pub(crate) offset: usize,
    pub(crate) message: String,
}

/// The documents in `text`, empty ones included.
pub(crate) fn parse(text: &str) -> Result<Vec<Rc<Node>>, YamlError> {
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
    pub(crate) fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    fn is_merge_key(&self) -> bool {
        let Content::Scalar(scalar) = &self.content else { return false };
        scalar.style == ScalarStyle::Plain && &*scalar.value == "<<"
    }

    /// Whether it is a mapping, or a sequence of them.
    fn is_mergeable(&self) -> bool {
        let is_mapping = |node: &Node| matches!(node.content, Content::Mapping(_));
        match &self.content {
            Content::Sequence(sources) => sources.iter().all(|source| is_mapping(source)),
            _ => is_mapping(self),
        }
    }

    pub(crate) fn scalar(&self) -> Option<&str> {
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
}

impl Builder {
    /// Puts in place of merge keys (`<<`) what they bring: pairs whose keys are not there already.
    fn merged(&mut self, pairs: Pairs, offset: usize) -> Result<Pairs, YamlError> {
        if !pairs.iter().any(|(key, value)| key.is_merge_key() && value.is_mergeable()) {
            return Ok(pairs);
        }
        let (merges, mut pairs): (Pairs, Pairs) =
            pairs.into_iter().partition(|(key, value)| key.is_merge_key() && value.is_mergeable());
        let mut known: HashSet<String> =
            pairs.iter().filter_map(|(key, _)| key.scalar().map(str::to_owned)).collect();
        for (_, value) in &merges {
            let sources = match &value.content {
                Content::Sequence(sources) => sources.as_slice(),
                _ => std::slice::from_ref(value),
            };
            for source in sources {
                let Content::Mapping(brought) = &source.content else { continue };
                // Counted whether they are taken or not: looking at them takes time, too.
                self.count(brought.len(), offset)?;
                for (key, value) in brought {
                    if key.scalar().is_none_or(|key| known.insert(key.to_owned())) {
                        pairs.push((Rc::clone(key), Rc::clone(value)));
                    }
                }
            }
        }
        Ok(pairs)
    }

    fn count(&mut self, nodes: usize, offset: usize) -> Result<(), YamlError> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            let message = format!("a rules file can hold {MAX_NODES} values at most: split it");
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

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Rc<Node> {
        let documents = parse(text).unwrap();
        assert_eq!(documents.len(), 1);
        Rc::clone(&documents[0])
    }

    fn items(node: &Node) -> Vec<&str> {
        match &node.content {
            Content::Sequence(items) => items.iter().map(|item| item.scalar().unwrap_or("<none>")).collect(),
            _ => panic!("no sequence"),
        }
    }

    /// Scalars stay what is written: nothing becomes a number or a truth value.
    #[test]
    fn scalars_stay_text() {
        let node = only("[yes, 0777, 1.0, 'a b', \"c\\td\", ~, null, 'null']");
        assert_eq!(items(&node), ["yes", "0777", "1.0", "a b", "c\td", "<none>", "<none>", "null"]);
    }

    /// A closing bracket at a lesser indent is taken, as the stock sandbox rules need it.
    #[test]
    fn a_closing_bracket_may_stand_further_left() {
        let node = only("- list: a\n  items: [\n    b\n]\n");
        assert!(matches!(&node.content, Content::Sequence(items) if items.len() == 1));
    }

    /// Several documents come in order; spans are in bytes, even behind characters of several bytes.
    #[test]
    fn documents_and_spans() {
        let text = "# ä\n- a\n---\n- ö\n- b\n";
        let documents = parse(text).unwrap();
        assert_eq!(documents.len(), 2);
        let Content::Sequence(items) = &documents[1].content else { panic!("no sequence") };
        assert_eq!(&text[items[1].span()], "b");
    }

    /// Doubling aliases are shared, not copied.
    #[test]
    fn aliases_are_shared() {
        let mut text = "- &a0 [x]\n".to_owned();
        for level in 1..50 {
            text += &format!("- &a{level} [*a{p}, *a{p}]\n", p = level - 1);
        }
        assert!(parse(&text).is_ok());
    }

    /// Nesting by aliases is bounded like nesting by brackets; a loop is an error.
    #[test]
    fn nesting_is_bounded() {
        let mut text = "- &a0 [x]\n".to_owned();
        for level in 1..100_000 {
            text += &format!("- &a{level} [*a{}]\n", level - 1);
        }
        assert!(parse(&text).unwrap_err().message.contains("nested"));
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse("&a [*a]").is_err());
        assert!(parse("[*missing]").is_err());
    }
}
