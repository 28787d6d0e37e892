//! Types of parameters.

use std::fmt;

/// What a parameter's bytes are: `ppm_param_type`, of which events have these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterType {
    /// A signed number of one byte.
    Int8,
    /// A signed number of two bytes.
    Int16,
    /// A signed number of four bytes.
    Int32,
    /// A signed number of eight bytes.
    Int64,
    /// An unsigned number of one byte.
    Uint8,
    /// An unsigned number of two bytes.
    Uint16,
    /// An unsigned number of four bytes.
    Uint32,
    /// An unsigned number of eight bytes.
    Uint64,
    /// Text that ends with NUL.
    CharBuf,
    /// Bytes.
    ByteBuf,
    /// A result: a negative errno, or what the call returned.
    Errno,
    /// A socket's address.
    SockAddr,
    /// Both ends of a connection.
    SockTuple,
    /// A descriptor; negative for a failure.
    Fd,
    /// An id of a process, thread or group of them.
    Pid,
    /// Descriptors with `PPM_POLL*` flags.
    FdList,
    /// A path, as text.
    FsPath,
    /// A path relative to a descriptor of the same event, as text.
    FsRelPath,
    /// `ppm_sc_code`.
    SyscallId,
    /// A signal's number.
    SigType,
    /// A duration in nanoseconds.
    RelTime,
    /// Nanoseconds since the epoch.
    AbsTime,
    /// One byte of bits.
    Flags8,
    /// Two bytes of bits.
    Flags16,
    /// Four bytes of bits.
    Flags32,
    /// A user; all ones for none.
    Uid,
    /// A group; all ones for none.
    Gid,
    /// The lower 32 signals of a set.
    SigSet,
    /// Strings, of events that nobody writes any more.
    CharBufArray,
    /// Keys and values, of events that nobody writes any more.
    CharBufPairArray,
    /// `PPM_S_*`.
    Mode,
    /// One byte that is one of several constants.
    EnumFlags8,
    /// Two bytes that are one of several constants.
    EnumFlags16,
    /// Four bytes that are one of several constants.
    EnumFlags32,
    /// An index of a type, then a value of it.
    Dyn(Dynamic),
}

/// The types that a [`ParameterType::Dyn`] chooses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dynamic {
    /// `val` of getsockopt and setsockopt.
    SocketOption,
    /// `addr` and `data` of ptrace.
    Ptrace,
    /// `res_or_fd` of old bpf events.
    Bpf,
}

// === impl ParameterType ===

impl ParameterType {
    /// By libs' name in lower case. Of `dyn`, `parameter` tells which.
    pub(super) fn of(type_name: &str, parameter: &str) -> Option<Self> {
        Some(match type_name {
            "int8" => Self::Int8,
            "int16" => Self::Int16,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "uint8" => Self::Uint8,
            "uint16" => Self::Uint16,
            "uint32" => Self::Uint32,
            "uint64" => Self::Uint64,
            "charbuf" => Self::CharBuf,
            "bytebuf" => Self::ByteBuf,
            "errno" => Self::Errno,
            "sockaddr" => Self::SockAddr,
            "socktuple" => Self::SockTuple,
            "fd" => Self::Fd,
            "pid" => Self::Pid,
            "fdlist" => Self::FdList,
            "fspath" => Self::FsPath,
            "fsrelpath" => Self::FsRelPath,
            "syscallid" => Self::SyscallId,
            "sigtype" => Self::SigType,
            "reltime" => Self::RelTime,
            "abstime" => Self::AbsTime,
            "flags8" => Self::Flags8,
            "flags16" => Self::Flags16,
            "flags32" => Self::Flags32,
            "uid" => Self::Uid,
            "gid" => Self::Gid,
            "sigset" => Self::SigSet,
            "charbufarray" => Self::CharBufArray,
            "charbuf_pair_array" => Self::CharBufPairArray,
            "mode" => Self::Mode,
            "enumflags8" => Self::EnumFlags8,
            "enumflags16" => Self::EnumFlags16,
            "enumflags32" => Self::EnumFlags32,
            "dyn" if parameter == "val" => Self::Dyn(Dynamic::SocketOption),
            "dyn" if parameter == "res_or_fd" => Self::Dyn(Dynamic::Bpf),
            "dyn" => Self::Dyn(Dynamic::Ptrace),
            _ => return None,
        })
    }

    /// How many bytes every value has; `None` if they differ.
    pub fn size(self) -> Option<usize> {
        match self {
            Self::Int8 | Self::Uint8 | Self::Flags8 | Self::EnumFlags8 | Self::SigType => Some(1),
            Self::Int16 | Self::Uint16 | Self::Flags16 | Self::EnumFlags16 | Self::SyscallId => Some(2),
            Self::Int32
            | Self::Uint32
            | Self::Flags32
            | Self::EnumFlags32
            | Self::Uid
            | Self::Gid
            | Self::Mode
            | Self::SigSet => Some(4),
            Self::Int64
            | Self::Uint64
            | Self::Errno
            | Self::Fd
            | Self::Pid
            | Self::RelTime
            | Self::AbsTime => Some(8),
            Self::CharBuf
            | Self::ByteBuf
            | Self::SockAddr
            | Self::SockTuple
            | Self::FdList
            | Self::FsPath
            | Self::FsRelPath
            | Self::CharBufArray
            | Self::CharBufPairArray
            | Self::Dyn(_) => None,
        }
    }

    /// It is a number that may be negative.
    pub fn is_signed(self) -> bool {
        matches!(
            self,
            Self::Int8 | Self::Int16 | Self::Int32 | Self::Int64 | Self::Errno | Self::Fd | Self::Pid
        )
    }

    /// It is text that ends with NUL.
    pub fn is_text(self) -> bool {
        matches!(self, Self::CharBuf | Self::FsPath | Self::FsRelPath)
    }
}

impl fmt::Display for ParameterType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dyn(_) => f.write_str("dyn"),
            other => f.write_str(&format!("{other:?}").to_lowercase()),
        }
    }
}

// === impl Dynamic ===

impl Dynamic {
    /// The type with this index.
    pub fn alternative(self, index: u8) -> Option<ParameterType> {
        use ParameterType as Type;
        let types: &[Type] = match self {
            Self::SocketOption => &[Type::ByteBuf, Type::Errno, Type::Uint32, Type::Uint64, Type::RelTime],
            Self::Ptrace => &[Type::Uint64, Type::SigType],
            Self::Bpf => &[Type::Fd, Type::Errno],
        };
        types.get(usize::from(index)).copied()
    }
}
