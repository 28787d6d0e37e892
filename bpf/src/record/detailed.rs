use crate::layout::{DescriptorInfo, Header, PathInfo, layout};

layout! {
    /// A system call with the parts that its [`Shape`](crate::Shape) names. What it does not name is empty.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct DetailedCall<'a> = "detailed_call_record" {
        /// Head.
        header: Header,
        /// As the registers had them; of `socketcall` as the call that it stands for would have them.
        arguments: [u64; 6],
        /// The descriptor that it is about, or the first of two.
        first: DescriptorInfo<'a>,
        /// The second.
        second: DescriptorInfo<'a>,
        /// The path that it was given, or the first of two.
        path: PathInfo<'a>,
        /// The second.
        second_path: PathInfo<'a>,
        /// Of a second descriptor that listens, how many connections wait to be accepted.
        queue_length: u32,
        /// Of a second descriptor that listens, how many may wait.
        queue_limit: u32,
        /// How much the vectors of a message or a call have room for, of the first 64 together; 0 of calls without.
        data_size: u64,
        /// `struct sockaddr`, at most 128 bytes: as the program gave it, or as the call wrote it.
        address: &'a [u8],
        /// A string that the program gave, without its NUL, or the process's root directory.
        text: &'a [u8],
        /// The start of the data that it moved, or a structure.
        data: &'a [u8],
        /// Ancillary data of a message, or a second structure.
        control: &'a [u8],
    }
}
