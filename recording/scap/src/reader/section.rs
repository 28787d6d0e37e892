//! The beginning of a section, which is that of a pcapng file.

use crate::{ReadError, Section, fields::Fields};

/// As it is read on a machine of the writer's byte order.
pub(crate) const BYTE_ORDER_MAGIC: u32 = 0x1A2B_3C4D;
/// The format that is read.
pub(crate) const MAJOR: u16 = 1;

/// Options, which may follow, are passed over: a comment, or who changed the file.
pub(super) fn read(fields: &mut Fields<'_>, offset: u64) -> Result<Section, ReadError> {
    let damaged = |reason: String| ReadError::Section { offset, reason };
    let magic = fields.u32("byte order").map_err(|error| damaged(error.to_string()))?;
    if magic.swap_bytes() == BYTE_ORDER_MAGIC {
        return Err(ReadError::ByteOrder { offset });
    }
    if magic != BYTE_ORDER_MAGIC {
        return Err(damaged(format!("has the byte order mark {magic:#x}, which is none")));
    }
    let version = fields.u16("major").and_then(|major| Ok((major, fields.u16("minor")?)));
    let (major, minor) = version.map_err(|error| damaged(error.to_string()))?;
    if major != MAJOR {
        return Err(ReadError::Version { offset, major, minor });
    }
    Ok(Section { major, minor })
}
