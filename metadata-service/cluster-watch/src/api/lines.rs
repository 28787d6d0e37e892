//! Lines of a body, of a bounded length each.

use http_body_util::BodyExt as _;
use kube::client::Body;

use super::{ApiError, Asked, shown};

/// An event has an object of at most 1.5 MiB as etcd keeps it; as JSON it may be somewhat larger.
const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;

/// What has come of a body and was not read yet.
pub(super) struct Lines {
    body: Body,
    waiting: Vec<u8>,
    /// How far `waiting` was searched for the end of a line.
    searched: usize,
}

// === impl Lines ===

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self { body, waiting: Vec::new(), searched: 0 }
    }

    /// The next whole line; `None` at the end. A line that the end cuts off is none.
    pub(super) async fn next(&mut self, asked: Asked) -> Result<Option<Vec<u8>>, ApiError> {
        loop {
            let unsearched = self.waiting.get(self.searched..).unwrap_or_default();
            if let Some(length) = unsearched.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.waiting.drain(..=self.searched + length).collect();
                self.searched = 0;
                line.pop();
                if !line.is_empty() {
                    return Ok(Some(line));
                }
                continue;
            }
            self.searched = self.waiting.len();
            if self.waiting.len() > MAX_LINE_BYTES {
                return Err(asked.too_large(MAX_LINE_BYTES));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.waiting.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(ApiError::Unreachable { detail: shown(&error) }),
            }
        }
    }
}
