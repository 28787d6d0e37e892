use super::DetailedCall;
use crate::layout::{DescriptorInfo, Header, Reserved, layout};

layout! {
    /// A request was submitted to io_uring: the call that it stands for, which has not ended. What it makes is not there yet.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct UringRequest<'a> = "uring_request_record" {
        /// The call, of the thread that submitted it. Of an open, `data` is `struct open_how`.
        call: DetailedCall<'a>,
        /// Address of the request in the kernel, which is used again for others once it is complete.
        request: u64,
        /// Address of its ring.
        ring: u64,
        /// What the program calls it by.
        user_data: u64,
        /// Not 0 where it does not wait for anything, and there will be a completion only if it fails.
        is_silent: u32,
        #[doc(hidden)]
        reserved: Reserved<4>,
    }
}

layout! {
    /// A request is complete. The task may be one that the kernel made to work on it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct UringCompletion<'a> = "uring_completion_record" {
        /// Head. A system call with its result, unless `request` is 0: then there is a result, and no number.
        header: Header,
        /// As in [`UringRequest`]; 0 for one completion of several, which only ring and user data tell of.
        request: u64,
        /// As in [`UringRequest`].
        ring: u64,
        /// As in [`UringRequest`].
        user_data: u64,
        /// Not 0 where the request was to make the descriptor.
        is_made: u32,
        #[doc(hidden)]
        reserved: Reserved<4>,
        /// What the request made, or what it was about; then its number is -1, as only the request knew it. Of a file of the ring's
        /// own, the number is its place among these. Of one
        /// completion of several, what is behind the result if that is a descriptor.
        descriptor: DescriptorInfo<'a>,
        /// The start of what was received or read.
        data: &'a [u8],
    }
}
