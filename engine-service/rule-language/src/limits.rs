//! Bounds on what a set of files may expand to, so that a small hostile file cannot take much memory or time.

/// How many nodes and literals the conditions of a file set may expand to, macros included. At some 200 bytes each
/// that is 200 MB at worst; the stock rules take about 20,000.
pub const MAX_EXPANDED_NODES: usize = 1_000_000;

/// How many bytes of text lists and exceptions of a file set may expand conditions to, and how many bytes of literals
/// macros may.
pub const MAX_EXPANDED_BYTES: usize = 64 << 20;

/// How many bytes of scalars are read from a file set, those behind aliases each time: they are copied.
pub(crate) const MAX_READ_BYTES: usize = 128 << 20;

/// How many scalars are read from a file set, those behind aliases counted each time.
pub(crate) const MAX_SCALARS: usize = 4_000_000;

/// What is left of the bounds.
#[derive(Debug)]
pub(crate) struct Budget {
    read_bytes: usize,
    text_bytes: usize,
    parsed: usize,
    nodes: usize,
    literal_bytes: usize,
    is_told: bool,
}

/// A bound is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exhausted {
    ReadBytes,
    TextBytes,
    Nodes,
    LiteralBytes,
}

// === impl Budget ===

impl Budget {
    pub(crate) fn new() -> Self {
        Self {
            read_bytes: MAX_READ_BYTES,
            text_bytes: MAX_EXPANDED_BYTES,
            parsed: MAX_EXPANDED_NODES,
            nodes: MAX_EXPANDED_NODES,
            literal_bytes: MAX_EXPANDED_BYTES,
            is_told: false,
        }
    }

    /// For what is copied from files.
    pub(crate) fn spend_read(&mut self, bytes: usize) -> Result<(), Exhausted> {
        spend(&mut self.read_bytes, bytes, Exhausted::ReadBytes)
    }

    /// For what lists and exceptions make of conditions.
    pub(crate) fn spend_text(&mut self, bytes: usize) -> Result<(), Exhausted> {
        spend(&mut self.text_bytes, bytes, Exhausted::TextBytes)
    }

    /// For what is parsed. Every part of it is a node of its condition later, so that the bound on these holds here.
    pub(crate) fn parsed(&mut self) -> &mut usize {
        &mut self.parsed
    }

    /// For what conditions are with their macros.
    pub(crate) fn spend_nodes(&mut self, nodes: usize, literal_bytes: usize) -> Result<(), Exhausted> {
        spend(&mut self.nodes, nodes, Exhausted::Nodes)?;
        spend(&mut self.literal_bytes, literal_bytes, Exhausted::LiteralBytes)
    }

    /// Whether somebody should say that a bound is reached: once, as everything after it may follow from it.
    pub(crate) fn tell(&mut self) -> bool {
        !std::mem::replace(&mut self.is_told, true)
    }

    /// Whether somebody has: there is no use in doing more.
    pub(crate) fn is_told(&self) -> bool {
        self.is_told
    }
}

fn spend(left: &mut usize, amount: usize, exhausted: Exhausted) -> Result<(), Exhausted> {
    *left = left.checked_sub(amount).ok_or(exhausted)?;
    Ok(())
}

// === impl Exhausted ===

impl Exhausted {
    pub(crate) fn message(self) -> String {
        match self {
            Self::ReadBytes => format!("the rules files hold more than {MAX_READ_BYTES} bytes of text"),
            Self::Nodes => format!("the conditions expand to more than {MAX_EXPANDED_NODES} nodes"),
            Self::TextBytes | Self::LiteralBytes => {
                format!("lists and conditions expand to more than {MAX_EXPANDED_BYTES} bytes")
            }
        }
    }
}
