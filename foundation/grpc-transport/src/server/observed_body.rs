//! The body of a response, whose end is seen.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Frame, SizeHint};
use tonic::body::Body;

use super::observation::ObservedCall;

/// A body that tells its call of its trailers.
#[derive(Debug)]
pub(super) struct ObservedBody {
    body: Body,
    call: ObservedCall,
}

// === impl ObservedBody ===

impl ObservedBody {
    pub(super) fn new(body: Body, call: ObservedCall) -> Self {
        Self { body, call }
    }
}

impl http_body::Body for ObservedBody {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.call.end_with(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
