//! Fields one after another, little endian and without gaps.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::InternetAddress;

/// What is left of a block or of an entry in one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

/// Where an entry contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("ends within {field}: {wanted} bytes wanted, {left} left")]
    Short { field: &'static str, wanted: usize, left: usize },
    #[error("{field} is {found}, which is not known")]
    Unknown { field: &'static str, found: u64 },
    #[error("{field} is {found}, at most {limit} are read")]
    TooMany { field: &'static str, found: u64, limit: u64 },
    #[error("follows more entries than are read of a block")]
    TooManyEntries,
    #[error("{field} says {said} bytes, its content has {found}")]
    Length { field: &'static str, said: u64, found: u64 },
}

// === impl Fields ===

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn bytes(&mut self, field: &'static str, length: usize) -> Result<&'a [u8], Malformed> {
        let left = self.rest.len();
        self.rest.split_off(..length).ok_or(Malformed::Short { field, wanted: length, left })
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let left = self.rest.len();
        let (head, rest) =
            self.rest.split_first_chunk::<N>().ok_or(Malformed::Short { field, wanted: N, left })?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, Malformed> {
        Ok(u8::from_le_bytes(self.array(field)?))
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, Malformed> {
        Ok(u16::from_le_bytes(self.array(field)?))
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array(field)?))
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array(field)?))
    }

    pub(crate) fn i64(&mut self, field: &'static str) -> Result<i64, Malformed> {
        Ok(i64::from_le_bytes(self.array(field)?))
    }

    pub(crate) fn ipv4(&mut self, field: &'static str) -> Result<IpAddr, Malformed> {
        Ok(Ipv4Addr::from(self.array::<4>(field)?).into())
    }

    pub(crate) fn ipv6(&mut self, field: &'static str) -> Result<IpAddr, Malformed> {
        Ok(Ipv6Addr::from(self.array::<16>(field)?).into())
    }

    pub(crate) fn ipv4_with_port(&mut self, field: &'static str) -> Result<InternetAddress, Malformed> {
        Ok(InternetAddress { ip: self.ipv4(field)?, port: self.u16(field)? })
    }

    pub(crate) fn ipv6_with_port(&mut self, field: &'static str) -> Result<InternetAddress, Malformed> {
        Ok(InternetAddress { ip: self.ipv6(field)?, port: self.u16(field)? })
    }

    /// Two bytes of length, then as many bytes, of which the first `limit` are taken: libscap refuses a file with more, and so nobody loses anything, while
    /// a list of such texts would take many times what its readers expect.
    pub(crate) fn text(&mut self, field: &'static str, limit: usize) -> Result<Vec<u8>, Malformed> {
        let length = self.u16(field)?;
        let bytes = self.bytes(field, usize::from(length))?;
        Ok(bytes.get(..limit).unwrap_or(bytes).to_vec())
    }

    /// The next entry of a list whose entries begin with their length, which counts its own four bytes if `counts_itself`. The
    /// list goes on behind the entry, however much of it is understood.
    pub(crate) fn entry(
        &mut self,
        field: &'static str,
        counts_itself: bool,
    ) -> Result<Fields<'a>, Malformed> {
        let said = self.u32(field)?;
        let own = if counts_itself { 4 } else { 0 };
        let length =
            said.checked_sub(own).ok_or(Malformed::Length { field, said: said.into(), found: own.into() })?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(Fields::new(self.bytes(field, length)?))
    }
}
