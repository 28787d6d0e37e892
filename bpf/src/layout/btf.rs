//! As much of BTF as the comparison of layouts needs: structures with their members, and enums. For tests.
//!
//! The format: <https://docs.kernel.org/bpf/btf.html>.

use std::collections::HashMap;

/// Structures and enum values of an object.
#[derive(Debug, Default)]
pub(crate) struct Btf {
    /// By name: size and members.
    pub(crate) structs: HashMap<String, Struct>,
    /// Values of all enums by their names.
    pub(crate) values: HashMap<String, u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Struct {
    pub(crate) size: usize,
    pub(crate) members: Vec<Member>,
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) offset: usize,
}

const INT: u32 = 1;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const FUNC_PROTO: u32 = 13;
const VAR: u32 = 14;
const DATASEC: u32 = 15;
const DECL_TAG: u32 = 17;
const ENUM64: u32 = 19;

struct Words<'a>(&'a [u8]);

// === impl Words ===

impl Words<'_> {
    fn next(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*first))
    }
}

// === impl Btf ===

impl Btf {
    /// Parses the BTF of the object that is embedded.
    pub(crate) fn of_object() -> Self {
        let object = aya_obj::Object::parse(crate::Object::Full.bytes()).unwrap();
        Self::parse(&object.btf.unwrap().to_bytes())
    }

    fn parse(bytes: &[u8]) -> Self {
        let mut header = Words(&bytes[4..]);
        let [header_size, types, types_size, strings, strings_size] =
            std::array::from_fn(|_| header.next().unwrap() as usize);
        let section = |offset: usize, size: usize| &bytes[header_size + offset..][..size];
        let strings = section(strings, strings_size);
        let name = |offset: u32| {
            let bytes = strings[offset as usize..].split(|byte| *byte == 0).next().unwrap();
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        let mut btf = Self::default();
        let mut words = Words(section(types, types_size));
        while let Some(type_name) = words.next() {
            let info = words.next().unwrap();
            let size = words.next().unwrap() as usize;
            let (kind, count) = (info >> 24 & 0x1f, info & 0xffff);
            match kind {
                STRUCT | UNION => {
                    let members = (0..count).map(|_| {
                        let [member, _, bits] = std::array::from_fn(|_| words.next().unwrap());
                        Member { name: name(member), offset: (bits & 0xff_ffff) as usize / 8 }
                    });
                    let members = members.collect();
                    btf.structs.insert(name(type_name), Struct { size, members });
                }
                ENUM | ENUM64 => {
                    for _ in 0..count {
                        let [value_name, low] = std::array::from_fn(|_| words.next().unwrap());
                        let high = if kind == ENUM64 { words.next().unwrap() } else { 0 };
                        btf.values.insert(name(value_name), u64::from(high) << 32 | u64::from(low));
                    }
                }
                INT | VAR | DECL_TAG => words.0 = &words.0[4..],
                ARRAY => words.0 = &words.0[12..],
                FUNC_PROTO => words.0 = &words.0[8 * count as usize..],
                DATASEC => words.0 = &words.0[12 * count as usize..],
                _ => {}
            }
        }
        btf
    }
}
