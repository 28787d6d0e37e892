//! Types of values.

/// Falco's types of values (`ppm_param_type`), as far as fields and parameters of events have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// Signed, 8 bits.
    Int8,
    /// Signed, 16 bits.
    Int16,
    /// Signed, 32 bits.
    Int32,
    /// Signed, 64 bits.
    Int64,
    /// Unsigned, 8 bits.
    Uint8,
    /// Unsigned, 16 bits.
    Uint16,
    /// Unsigned, 32 bits.
    Uint32,
    /// Unsigned, 64 bits.
    Uint64,
    /// Text, as bytes.
    CharBuf,
    /// A path, as bytes; behaves as [`FieldType::CharBuf`].
    FsPath,
    /// A path relative to a directory's descriptor; behaves as [`FieldType::CharBuf`].
    FsRelPath,
    /// Raw bytes.
    ByteBuf,
    /// What a call returned: a number from 0, or the negative number of an error.
    Errno,
    /// A file descriptor.
    Fd,
    /// A process id.
    Pid,
    /// A user id.
    Uid,
    /// A group id.
    Gid,
    /// The number of a signal.
    SigType,
    /// The number of a system call.
    SyscallId,
    /// True or false.
    Bool,
    /// Floating point.
    Double,
    /// A duration in nanoseconds.
    RelTime,
    /// A point in time in nanoseconds since the epoch.
    AbsTime,
    /// A port.
    Port,
    /// A transport protocol's number.
    L4Proto,
    /// A bit set, 8 bits.
    Flags8,
    /// A bit set, 16 bits.
    Flags16,
    /// A bit set, 32 bits.
    Flags32,
    /// One of a set of constants, 8 bits.
    EnumFlags8,
    /// One of a set of constants, 16 bits.
    EnumFlags16,
    /// One of a set of constants, 32 bits.
    EnumFlags32,
    /// A file's mode.
    Mode,
    /// An IPv4 or IPv6 address.
    IpAddr,
    /// An IPv4 or IPv6 network.
    IpNet,
    /// The address of one end of a socket.
    SockAddr,
    /// The addresses of both ends of a socket.
    SockTuple,
    /// A list of descriptors with what is polled of them.
    FdList,
    /// A set of signals.
    SigSet,
    /// A list of texts.
    CharBufArray,
    /// A list of pairs of texts.
    CharBufPairArray,
    /// What the event says it is.
    Dyn,
}

/// What comparisons make of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TypeClass {
    /// Text, byte for byte.
    Text,
    /// Raw bytes.
    Buffer,
    /// Signed numbers.
    Signed,
    /// Numbers from 0.
    Unsigned,
    /// Floating point numbers.
    Double,
    /// Truth.
    Bool,
    /// Addresses.
    Address,
    /// Networks.
    Network,
    /// What cannot be compared with a literal.
    Opaque,
}

// === impl FieldType ===

impl FieldType {
    /// What Falco's listings call it (`param_type_to_string` in libsinsp/utils.cpp).
    pub fn falco_name(self) -> &'static str {
        match self {
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::CharBuf => "CHARBUF",
            Self::FsPath => "FSPATH",
            Self::FsRelPath => "FSRELPATH",
            Self::ByteBuf => "BYTEBUF",
            Self::Errno => "ERRNO",
            Self::Fd => "FD",
            Self::Pid => "PID",
            Self::Uid => "UID",
            Self::Gid => "GID",
            Self::SigType => "SIGTYPE",
            Self::SyscallId => "SYSCALLID",
            Self::Bool => "BOOL",
            Self::Double => "DOUBLE",
            Self::RelTime => "RELTIME",
            Self::AbsTime => "ABSTIME",
            Self::Port => "PORT",
            Self::L4Proto => "L4PROTO",
            Self::Flags8 => "FLAGS8",
            Self::Flags16 => "FLAGS16",
            Self::Flags32 => "FLAGS32",
            Self::EnumFlags8 => "ENUMFLAGS8",
            Self::EnumFlags16 => "ENUMFLAGS16",
            Self::EnumFlags32 => "ENUMFLAGS32",
            Self::Mode => "MODE",
            Self::IpAddr => "IPADDR",
            Self::IpNet => "IPNET",
            Self::SockAddr => "SOCKADDR",
            Self::SockTuple => "SOCKTUPLE",
            Self::FdList => "FDLIST",
            Self::SigSet => "SIGSET",
            Self::CharBufArray => "CHARBUFARRAY",
            Self::CharBufPairArray => "CHARBUF_PAIR_ARRAY",
            Self::Dyn => "DYNAMIC",
        }
    }

    /// How its values compare (`flt_compare` in libsinsp/filter_compare.cpp).
    pub fn class(self) -> TypeClass {
        match self {
            Self::CharBuf | Self::FsPath | Self::FsRelPath => TypeClass::Text,
            Self::ByteBuf => TypeClass::Buffer,
            Self::Int8 | Self::Int16 | Self::Int32 | Self::Int64 | Self::Errno | Self::Fd | Self::Pid => {
                TypeClass::Signed
            }
            Self::Uint8
            | Self::Uint16
            | Self::Uint32
            | Self::Uint64
            | Self::Uid
            | Self::Gid
            | Self::SigType
            | Self::SyscallId
            | Self::RelTime
            | Self::AbsTime
            | Self::Port
            | Self::L4Proto
            | Self::Flags8
            | Self::Flags16
            | Self::Flags32
            | Self::EnumFlags8
            | Self::EnumFlags16
            | Self::EnumFlags32
            | Self::Mode => TypeClass::Unsigned,
            Self::Double => TypeClass::Double,
            Self::Bool => TypeClass::Bool,
            Self::IpAddr => TypeClass::Address,
            Self::IpNet => TypeClass::Network,
            Self::SockAddr
            | Self::SockTuple
            | Self::FdList
            | Self::SigSet
            | Self::CharBufArray
            | Self::CharBufPairArray
            | Self::Dyn => TypeClass::Opaque,
        }
    }

    /// How many bits its numbers have; `None` for what is no number.
    pub fn bits(self) -> Option<u32> {
        match self {
            Self::Int8 | Self::Uint8 | Self::Flags8 | Self::EnumFlags8 | Self::L4Proto | Self::SigType => {
                Some(8)
            }
            Self::Int16 | Self::Uint16 | Self::Flags16 | Self::EnumFlags16 | Self::Port | Self::SyscallId => {
                Some(16)
            }
            Self::Int32
            | Self::Uint32
            | Self::Flags32
            | Self::EnumFlags32
            | Self::Mode
            | Self::Uid
            | Self::Gid => Some(32),
            Self::Int64
            | Self::Uint64
            | Self::Errno
            | Self::Fd
            | Self::Pid
            | Self::RelTime
            | Self::AbsTime => Some(64),
            _ => None,
        }
    }
}
