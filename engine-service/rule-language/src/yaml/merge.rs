//! Merge keys: `<<` brings the keys of other mappings. Falco's YAML library takes it for a key like others.

use std::{collections::HashSet, rc::Rc};

use granit_parser::ScalarStyle;

use super::{Builder, Content, Node, Pairs, YamlError};

impl Builder {
    /// Puts in place of merge keys (`<<`) what they bring: pairs whose keys are not there already.
    pub(super) fn merged(&mut self, pairs: Pairs, offset: usize) -> Result<Pairs, YamlError> {
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
}

impl Node {
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
}
