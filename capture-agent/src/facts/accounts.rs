//! Lines of passwd(5) and group(5).

use eyrie_proto::event::{Group, User};

/// The users of a passwd file.
pub(crate) fn users(file: &[u8]) -> Vec<User> {
    lines(file)
        .filter_map(|fields| match fields.as_slice() {
            [name, _, uid, gid, _, home, shell, ..] => Some(User {
                uid: number(uid)?,
                gid: number(gid)?,
                name: name.to_vec(),
                home: home.to_vec(),
                shell: shell.to_vec(),
            }),
            _ => None,
        })
        .collect()
}

/// The groups of a group file.
pub(crate) fn groups(file: &[u8]) -> Vec<Group> {
    lines(file)
        .filter_map(|fields| match fields.as_slice() {
            [name, _, gid, ..] => Some(Group { gid: number(gid)?, name: name.to_vec() }),
            _ => None,
        })
        .collect()
}

fn lines(file: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    file.split(|&byte| byte == b'\n')
        // Lines of NIS (+, -) and comments name no account of this host.
        .filter(|line| !matches!(line.first(), None | Some(b'#' | b'+' | b'-')))
        .map(|line| line.split(|&byte| byte == b':').collect())
}

fn number(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Scenario: comments, NIS lines, missing fields, a number that is none, a name that is not UTF-8. Guarantees: what can be
    /// read is, and nothing else is made up.
    #[test]
    fn unreadable_lines_are_skipped() {
        let file = b"# c\n+::::::\nroot:x:0:0:r:/root:/bin/sh\nbad:x:no:0::/:/\nshort:x:1\n\xff:x:7:8::/h:/s";
        let users = users(file);
        assert_eq!(users.len(), 2);
        assert_eq!((users[1].uid, users[1].gid, users[1].name.as_slice()), (7, 8, &b"\xff"[..]));
        assert_eq!(groups(b"a:x:5:m,n\nb:x:-1:\n"), [Group { gid: 5, name: b"a".to_vec() }]);
    }

    proptest! {
        /// Scenario: any bytes in the files. Guarantees: no panic, and never more accounts than lines.
        #[test]
        fn any_bytes_are_read(file: Vec<u8>) {
            let line_count = file.split(|&byte| byte == b'\n').count();
            prop_assert!(users(&file).len() <= line_count);
            prop_assert!(groups(&file).len() <= line_count);
        }
    }
}
