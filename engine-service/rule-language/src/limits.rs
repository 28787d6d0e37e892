//! Bounds on what a set of files may expand to, so that a small hostile file cannot take much memory or time.

/// How many nodes and literals the conditions of a file set may expand to, macros included. At some 200 bytes each
/// that is 200 MB at worst; the stock rules take about 20,000.
pub const MAX_EXPANDED_NODES: usize = 1_000_000;

/// How many bytes of text lists, exceptions and conditions of a file set may expand to.
pub const MAX_EXPANDED_BYTES: usize = 64 << 20;

/// How many scalars are read from a file set, those behind aliases counted each time.
pub(crate) const MAX_SCALARS: usize = 4_000_000;

/// What is left of the bounds.
#[derive(Debug)]
pub(crate) struct Budget {
    nodes: usize,
    bytes: usize,
}

/// A bound is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exhausted {
    Nodes,
    Bytes,
}

// === impl Budget ===

impl Budget {
    pub(crate) fn new() -> Self {
        Self { nodes: MAX_EXPANDED_NODES, bytes: MAX_EXPANDED_BYTES }
    }

    pub(crate) fn spend_nodes(&mut self, nodes: usize) -> Result<(), Exhausted> {
        self.nodes = self.nodes.checked_sub(nodes).ok_or(Exhausted::Nodes)?;
        Ok(())
    }

    pub(crate) fn spend_bytes(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(Exhausted::Bytes)?;
        Ok(())
    }
}

// === impl Exhausted ===

impl Exhausted {
    pub(crate) fn message(self) -> String {
        match self {
            Self::Nodes => format!("the conditions expand to more than {MAX_EXPANDED_NODES} nodes"),
            Self::Bytes => format!("lists and conditions expand to more than {MAX_EXPANDED_BYTES} bytes"),
        }
    }
}
