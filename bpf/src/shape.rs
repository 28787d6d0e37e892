use crate::{
    CallSet,
    layout::{STEPS_MAX, argument, history_flag, step},
};

/// Flags of the record that fit a byte of a step.
const CLIENT: u8 = history_flag::CLIENT as u8;
const SERVER: u8 = history_flag::SERVER as u8;

/// What is read of a call besides its registers: up to six [`Step`]s, taken when it returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape([[u8; 4]; STEPS_MAX]);

/// Where a call has something, by the number of the argument from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// In this argument.
    At(u8),
    /// It is what the call returned.
    Result,
}

/// Which of two places of a [`DetailedCall`](crate::DetailedCall) a step fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `first` or `path`.
    First,
    /// `second` or `second_path`.
    Second,
}

/// Something to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The path at an argument; relative ones start at the descriptor in `directory`, or else at the working directory.
    Path {
        /// Which of the record's paths it becomes.
        place: Place,
        /// Where its address is.
        argument: u8,
        /// Where the descriptor of its directory is.
        directory: Option<u8>,
    },
    /// What is behind a descriptor.
    Descriptor {
        /// Which of the record's descriptors it becomes.
        place: Place,
        /// Where its number is.
        argument: Argument,
    },
    /// What is behind two descriptors that the call wrote to the address at this argument.
    DescriptorPair(u8),
    /// The socket address that a call was given.
    Address {
        /// Where its address is.
        argument: u8,
        /// Where its size is.
        size: u8,
    },
    /// The socket address that a call wrote.
    AddressBack {
        /// Where its address is.
        argument: u8,
        /// Where the address of its size is.
        size: u8,
    },
    /// Address, data and ancillary data of `struct msghdr`.
    Message {
        /// Where its address is.
        argument: u8,
        /// Whether the call wrote them.
        is_written: bool,
    },
    /// The same of the first `struct mmsghdr` of several.
    Messages {
        /// Where their address is.
        argument: u8,
        /// Whether the call wrote them.
        is_written: bool,
    },
    /// The start of data.
    Data {
        /// Where their address is.
        argument: u8,
        /// Where their size is.
        size: u8,
        /// Whether the call wrote them.
        is_written: bool,
    },
    /// The start of the data of the first `struct iovec`, and the size of all together.
    Vector {
        /// Where the vectors' address is.
        argument: u8,
        /// Where their number is.
        count: u8,
        /// Whether the call wrote the data.
        is_written: bool,
    },
    /// A string.
    Text(u8),
    /// The process's root directory after the call, as text.
    RootDirectory,
    /// A structure.
    Bytes {
        /// Whether it is told as data, or where ancillary data are.
        place: Place,
        /// Where its address is.
        argument: u8,
        /// Its size in bytes.
        size: u8,
        /// Whether the call wrote it.
        is_written: bool,
    },
    /// A call that succeeds makes the socket behind its first descriptor a client or a server.
    Role(Role),
    /// The address is the peer of the socket behind the first descriptor.
    Peer {
        /// Whether the call wrote it.
        is_written: bool,
    },
}

/// Which end of a connection a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It connected.
    Client,
    /// It was bound, listens, or was accepted.
    Server,
}

// === impl Shape ===

impl Shape {
    /// Size of the map's values.
    pub const BYTES: usize = STEPS_MAX * 4;
    /// How many values the map has.
    pub const COUNT: u32 = 2 * CallSet::NUMBERS;

    /// A shape of these steps; `None` if they are too many.
    pub fn new(steps: &[Step]) -> Option<Self> {
        let mut shape = Self::default();
        for (index, step) in steps.iter().enumerate() {
            *shape.0.get_mut(index)? = step.encode();
        }
        Some(shape)
    }

    /// Where the map has the shape of a call; `None` for numbers that it has no room for.
    pub fn index(number: u32, is_compat: bool) -> Option<u32> {
        (number < CallSet::NUMBERS).then_some(number + if is_compat { CallSet::NUMBERS } else { 0 })
    }

    /// Whether nothing is read but the registers.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|[kind, ..]| *kind == step::NONE)
    }

    /// The value as the programs read it.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (to, from) in bytes.iter_mut().zip(self.0.as_flattened()) {
            *to = *from;
        }
        bytes
    }
}

// === impl Step ===

impl Step {
    /// Kind, place, argument, and the other argument or a size.
    fn encode(self) -> [u8; 4] {
        match self {
            Self::Path { place, argument, directory } => {
                [step::PATH, place.encode(), argument, directory.unwrap_or(argument::NONE)]
            }
            Self::Descriptor { place, argument } => {
                [step::DESCRIPTOR, place.encode(), argument.encode(), argument::NONE]
            }
            Self::DescriptorPair(argument) => [step::DESCRIPTOR_PAIR, 0, argument, argument::NONE],
            Self::Address { argument, size } => [step::ADDRESS, 0, argument, size],
            Self::AddressBack { argument, size } => [step::ADDRESS_BACK, 0, argument, size],
            Self::Message { argument, is_written } => {
                [step::MESSAGE, is_written.into(), argument, argument::NONE]
            }
            Self::Messages { argument, is_written } => {
                [step::MESSAGES, is_written.into(), argument, argument::NONE]
            }
            Self::Data { argument, size, is_written } => [step::DATA, is_written.into(), argument, size],
            Self::Vector { argument, count, is_written } => {
                [step::VECTOR, is_written.into(), argument, count]
            }
            Self::Text(argument) => [step::TEXT, 0, argument, argument::NONE],
            Self::RootDirectory => [step::ROOT_DIRECTORY, 0, argument::NONE, argument::NONE],
            Self::Bytes { place, argument, size, is_written } => {
                [step::BYTES, u8::from(is_written) | place.encode() << 1, argument, size]
            }
            Self::Role(role) => [step::ROLE, 0, argument::NONE, role.encode()],
            Self::Peer { is_written } => [step::PEER, is_written.into(), argument::NONE, argument::NONE],
        }
    }
}

// === impl Role ===

impl Role {
    fn encode(self) -> u8 {
        match self {
            Self::Client => CLIENT,
            Self::Server => SERVER,
        }
    }
}

// === impl Argument ===

impl Argument {
    fn encode(self) -> u8 {
        match self {
            Self::At(number) => number,
            Self::Result => argument::RESULT,
        }
    }
}

// === impl Place ===

impl Place {
    fn encode(self) -> u8 {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: steps of several kinds, and too many. Guarantees: each takes its four bytes in order; what the map has no
    /// room for is no shape.
    #[test]
    fn steps_lie_one_behind_the_other() {
        let shape = Shape::new(&[
            Step::Path { place: Place::Second, argument: 3, directory: Some(2) },
            Step::Descriptor { place: Place::First, argument: Argument::Result },
        ]);
        let bytes = shape.unwrap().encode();
        assert_eq!(&bytes[..8], [step::PATH, 1, 3, 2, step::DESCRIPTOR, 0, argument::RESULT, argument::NONE]);
        assert!(bytes[8..].iter().all(|byte| *byte == step::NONE));
        assert!(Shape::default().is_empty() && !shape.unwrap().is_empty());
        assert!(Shape::new(&[Step::Text(0); STEPS_MAX]).is_some());
        assert_eq!(Shape::new(&[Step::Text(0); STEPS_MAX + 1]), None);
        assert_eq!(Shape::index(5, true), Some(CallSet::NUMBERS + 5));
        assert_eq!(Shape::index(CallSet::NUMBERS, false), None);
    }
}
