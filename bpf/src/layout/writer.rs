/// Puts a record together: the fixed part in the order of its fields, the variable parts behind it.
#[derive(Debug)]
pub(crate) struct Writer {
    fixed: Vec<u8>,
    parts: Vec<u8>,
    fixed_size: usize,
}

// === impl Writer ===

impl Writer {
    /// A writer of a record whose fixed part has `fixed_size` bytes.
    pub(crate) fn new(fixed_size: usize) -> Self {
        Self { fixed: Vec::with_capacity(fixed_size), parts: Vec::new(), fixed_size }
    }

    /// Adds bytes to the fixed part.
    pub(crate) fn fixed(&mut self, bytes: &[u8]) {
        self.fixed.extend_from_slice(bytes);
    }

    /// Adds a variable part, and its span to the fixed part.
    pub(crate) fn part(&mut self, bytes: &[u8]) {
        let offset = u32::try_from(self.fixed_size + self.parts.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.fixed(&offset.to_ne_bytes());
        self.fixed(&length.to_ne_bytes());
        self.parts.extend_from_slice(bytes);
    }

    /// The record, with its size in the first four bytes.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.fixed.append(&mut self.parts);
        let size = u32::try_from(self.fixed.len()).unwrap_or(u32::MAX).to_ne_bytes();
        if let Some(first) = self.fixed.first_chunk_mut() {
            *first = size;
        }
        self.fixed
    }
}
