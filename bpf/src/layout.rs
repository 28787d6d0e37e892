//! The Rust side of `programs/layout.h`: constants and the structures that records are made of.
//!
//! Structures are declared by `layout!`, which takes the fields in the order in which the C structure has them and
//! derives reading them and (for the tests) their offsets.

mod constants;
mod header;
mod parts;
mod reader;
mod writer;

#[cfg(test)]
pub(crate) mod btf;
#[cfg(test)]
mod tests;

pub(crate) use constants::{
    CALL_BITMAP_WORDS, COUNTERS_PER_CLASS, FILTERS_PER_BANK, HOST_CGROUP_BUCKETS, HOST_CGROUPS_PER_BUCKET,
    PATH_HEADS, PATH_KEY_BYTES, STEPS_MAX, TESTABLE_BYTES_MAX, argument, controller, counter, end, need,
    step, subject, tested,
};
pub use constants::{
    PART_BYTES, RECORD_BYTES_MAX, RING_BYTES, cgroup_flag, exit_flag, file_flag, flag, history_flag, kind,
    task_flag,
};
pub use header::Header;
pub(crate) use header::until_nul;
pub use parts::{DescriptorInfo, Endpoint, FileInfo, PathInfo};
pub use reader::Reserved;
pub(crate) use reader::{Field, Reader};
pub(crate) use writer::Writer;

/// A field of a structure, for comparison with the C side.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldPlace {
    pub(crate) name: &'static str,
    pub(crate) size: usize,
}

/// A structure that has a counterpart in C.
#[cfg(test)]
pub(crate) trait Described {
    /// Name of the C structure.
    const C_NAME: &'static str;
    /// Our fields, in order.
    const PLACES: &'static [FieldPlace];
}

/// Declares a structure with the fields of a C structure, in the same order and without gaps.
///
/// Variable parts are `&'a [u8]`: in the C structure a span, here the bytes that it points to. A field whose name begins
/// with `reserved` is read over and not kept.
macro_rules! layout {
    (
        $(#[$meta:meta])*
        pub struct $name:ident $(<$life:lifetime>)? = $c_name:literal {
            $( $(#[$field_meta:meta])* $field:ident: $type:ty, )*
        }
    ) => {
        $(#[$meta])*
        pub struct $name $(<$life>)? {
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        #[cfg(test)]
        $crate::layout::layout!(@described $name $(<$life>)? = $c_name { $( $field: $type, )* });
        $crate::layout::layout!(@field $name $(<$life>)? { $( $field: $type, )* });
    };
    (@described $name:ident <$life:lifetime> = $c_name:literal { $( $field:ident: $type:ty, )* }) => {
        impl<$life> $crate::layout::Described for $name<$life> {
            const C_NAME: &'static str = $c_name;
            const PLACES: &'static [$crate::layout::FieldPlace] = &[
                $( $crate::layout::FieldPlace {
                    name: stringify!($field),
                    size: <$type as $crate::layout::Field<'_>>::SIZE,
                }, )*
            ];
        }
    };
    (@described $name:ident = $c_name:literal { $( $field:ident: $type:ty, )* }) => {
        impl $crate::layout::Described for $name {
            const C_NAME: &'static str = $c_name;
            const PLACES: &'static [$crate::layout::FieldPlace] = &[
                $( $crate::layout::FieldPlace {
                    name: stringify!($field),
                    size: <$type as $crate::layout::Field<'_>>::SIZE,
                }, )*
            ];
        }
    };
    (@field $name:ident <$life:lifetime> { $( $field:ident: $type:ty, )* }) => {
        impl<$life> $crate::layout::Field<$life> for $name<$life> {
            const SIZE: usize = 0 $( + <$type as $crate::layout::Field<'_>>::SIZE )*;

            fn read(
                reader: &mut $crate::layout::Reader<$life>,
                _: &'static str,
            ) -> Result<Self, $crate::DecodeError> {
                Ok(Self { $( $field: $crate::layout::Field::read(reader, stringify!($field))?, )* })
            }

            fn write(&self, writer: &mut $crate::layout::Writer) {
                $( self.$field.write(writer); )*
            }
        }
    };
    (@field $name:ident { $( $field:ident: $type:ty, )* }) => {
        impl<'a> $crate::layout::Field<'a> for $name {
            const SIZE: usize = 0 $( + <$type as $crate::layout::Field<'a>>::SIZE )*;

            fn read(
                reader: &mut $crate::layout::Reader<'a>,
                _: &'static str,
            ) -> Result<Self, $crate::DecodeError> {
                Ok(Self { $( $field: $crate::layout::Field::read(reader, stringify!($field))?, )* })
            }

            fn write(&self, writer: &mut $crate::layout::Writer) {
                $( self.$field.write(writer); )*
            }
        }
    };
}
pub(crate) use layout;
