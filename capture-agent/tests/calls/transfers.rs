use std::fs;

use eyrie_proto::event::{Transfer, event::Kind};
use test_requirements::{Requirement, requires};

use super::scene::{AT_FDCWD, DATA_BYTES, Scene, folder, performed, without_kind};
use test_programs::{Abi, Program};

const O_RDWR_CREAT: u32 = 0o102;

fn transfers(scene: &Scene, name: &str) -> Vec<(i64, Transfer)> {
    let of = |(result, kind)| match kind {
        Kind::Transfer(transfer) => (result, transfer),
        other => panic!("{name}: {other:?}"),
    };
    scene.all(name).into_iter().map(of).collect()
}

/// Scenario: data are written to a file, read from it, and moved between files and a pipe, by each call that can; one write is refused.
/// Guarantees: the first bytes that were moved, as many as the plan says, and how many were asked for; descriptors as /proc has
/// them, and the second one; the file has what was written.
#[test]
fn data_are_moved() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let [f, g] = ["f", "g"].map(|text| program.text(text));
    let text = program.bytes(b"0123456789");
    let more = program.bytes(b"abcdef");
    let buffer = program.bytes(&[b'.'; 64]);
    let pair = program.bytes(&[0; 8]);
    let out = program.words(&[more, 6, text, 2]);
    let back = program.words(&[buffer, 4, buffer, 60]);
    program.call("openat", &[AT_FDCWD, f, O_RDWR_CREAT, 0o600]); // 3
    program.call("openat", &[AT_FDCWD, g, O_RDWR_CREAT, 0o600]); // 4
    program.call("pipe", &[pair]); // 5 and 6
    program.call("write", &[3, text, 10]);
    program.call("pwrite64", &[3, more, 3, 2]);
    program.call("writev", &[3, out, 2]);
    program.call("pread64", &[3, buffer, 5, 0]);
    program.call("lseek", &[3, 0, 0]);
    program.call("read", &[3, buffer, 64]);
    program.call("read", &[3, buffer, 64]);
    program.call("lseek", &[3, 0, 0]);
    program.call("readv", &[3, back, 2]);
    program.call("write", &[99, text, 10]);
    program.call("lseek", &[3, 0, 0]);
    program.call("sendfile", &[4, 3, 0, 7]);
    program.call("splice", &[3, 0, 6, 0, 5, 1]);
    program.call("copy_file_range", &[3, 0, 4, 0, 100, 0]);
    let calls =
        ["write", "pwrite64", "writev", "pread64", "read", "readv", "sendfile", "splice", "copy_file_range"];
    let scene = performed(&calls, Abi::X86_64, program, &folder);

    let content = b"01abc56789abcdef01";
    assert_eq!(fs::read(folder.join("f")).unwrap(), content);
    let start = &content[..DATA_BYTES as usize];
    let check = |(result, transfer): &(i64, Transfer), moved, size, data: &[u8]| {
        assert_eq!(scene.check(transfer.descriptor.as_ref()), 3);
        assert_eq!((*result, transfer.size, transfer.data.as_slice()), (moved, size, data));
    };
    let writes = transfers(&scene, "write");
    check(&writes[0], 10, 10, b"01234567");
    let (-9, refused) = &writes[1] else { panic!("{writes:?}") };
    assert_eq!((&refused.descriptor, refused.data.as_slice()), (&without_kind(99), &b"01234567"[..]));
    check(&transfers(&scene, "pwrite64")[0], 3, 3, b"abc");
    let places = ["pwrite64", "pread64", "write"].map(|name| transfers(&scene, name)[0].1.position);
    assert_eq!(places, [Some(2), Some(0), None]);
    check(&transfers(&scene, "writev")[0], 8, 8, b"abcdef");
    check(&transfers(&scene, "pread64")[0], 5, 5, &content[..5]);
    let reads = transfers(&scene, "read");
    check(&reads[0], 18, 64, start);
    check(&reads[1], 0, 64, b"");
    // Of the first vector, which the second overwrote here: both are the same buffer.
    let (moved, vectors) = &transfers(&scene, "readv")[0];
    assert_eq!((*moved, vectors.size, vectors.data.as_slice()), (18, 64, &content[4..8]));
    for (name, moved, size, descriptors, flags) in
        [("sendfile", 7, 7, [4, 3], 0), ("splice", 5, 5, [3, 6], 1), ("copy_file_range", 6, 100, [3, 4], 0)]
    {
        let (result, transfer) = &transfers(&scene, name)[0];
        assert_eq!((*result, transfer.size, transfer.flags), (moved, size, flags), "{name}");
        let both = [&transfer.descriptor, &transfer.second];
        assert_eq!(both.map(|descriptor| scene.check(descriptor.as_ref())), descriptors, "{name}");
    }
}
