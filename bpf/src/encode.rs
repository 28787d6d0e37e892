use crate::{
    layout::{Field, Writer},
    record::Record,
};

/// The bytes of a record, as a program would have written them: the inverse of [`decode`](crate::decode).
///
/// For tests of what reads records, on machines where no program can be loaded. The header's size is worked out; its kind
/// is taken as it is. Parts that together exceed 4 GiB are cut.
pub fn encode(record: &Record<'_>) -> Vec<u8> {
    match record {
        Record::Fork(record) => write(record),
        Record::Exec(record) => write(record),
        Record::FailedExec(record) => write(record),
        Record::Exit(record) => write(record),
        Record::Open(record) => write(record),
        Record::Connect(record) => write(record),
        Record::ChangeDirectory(record) => write(record),
        Record::Call(record) => write(record),
        Record::DetailedCall(record) => write(record),
        Record::UringRequest(record) => write(record),
        Record::UringCompletion(record) => write(record),
        Record::Task(record) => write(record),
        Record::Cgroup(record) => write(record),
    }
}

fn write<'a, T: Field<'a>>(record: &T) -> Vec<u8> {
    let mut writer = Writer::new(T::SIZE);
    record.write(&mut writer);
    writer.finish()
}
