//! Names of errors.

/// linux/errno.h and asm-generic, which x86 and arm share; 41 and 58 are not used.
const NAMES: [&str; 134] = [
    "",
    "EPERM",
    "ENOENT",
    "ESRCH",
    "EINTR",
    "EIO",
    "ENXIO",
    "E2BIG",
    "ENOEXEC",
    "EBADF",
    "ECHILD",
    "EAGAIN",
    "ENOMEM",
    "EACCES",
    "EFAULT",
    "ENOTBLK",
    "EBUSY",
    "EEXIST",
    "EXDEV",
    "ENODEV",
    "ENOTDIR",
    "EISDIR",
    "EINVAL",
    "ENFILE",
    "EMFILE",
    "ENOTTY",
    "ETXTBSY",
    "EFBIG",
    "ENOSPC",
    "ESPIPE",
    "EROFS",
    "EMLINK",
    "EPIPE",
    "EDOM",
    "ERANGE",
    "EDEADLK",
    "ENAMETOOLONG",
    "ENOLCK",
    "ENOSYS",
    "ENOTEMPTY",
    "ELOOP",
    "",
    "ENOMSG",
    "EIDRM",
    "ECHRNG",
    "EL2NSYNC",
    "EL3HLT",
    "EL3RST",
    "ELNRNG",
    "EUNATCH",
    "ENOCSI",
    "EL2HLT",
    "EBADE",
    "EBADR",
    "EXFULL",
    "ENOANO",
    "EBADRQC",
    "EBADSLT",
    "",
    "EBFONT",
    "ENOSTR",
    "ENODATA",
    "ETIME",
    "ENOSR",
    "ENONET",
    "ENOPKG",
    "EREMOTE",
    "ENOLINK",
    "EADV",
    "ESRMNT",
    "ECOMM",
    "EPROTO",
    "EMULTIHOP",
    "EDOTDOT",
    "EBADMSG",
    "EOVERFLOW",
    "ENOTUNIQ",
    "EBADFD",
    "EREMCHG",
    "ELIBACC",
    "ELIBBAD",
    "ELIBSCN",
    "ELIBMAX",
    "ELIBEXEC",
    "EILSEQ",
    "ERESTART",
    "ESTRPIPE",
    "EUSERS",
    "ENOTSOCK",
    "EDESTADDRREQ",
    "EMSGSIZE",
    "EPROTOTYPE",
    "ENOPROTOOPT",
    "EPROTONOSUPPORT",
    "ESOCKTNOSUPPORT",
    "EOPNOTSUPP",
    "EPFNOSUPPORT",
    "EAFNOSUPPORT",
    "EADDRINUSE",
    "EADDRNOTAVAIL",
    "ENETDOWN",
    "ENETUNREACH",
    "ENETRESET",
    "ECONNABORTED",
    "ECONNRESET",
    "ENOBUFS",
    "EISCONN",
    "ENOTCONN",
    "ESHUTDOWN",
    "ETOOMANYREFS",
    "ETIMEDOUT",
    "ECONNREFUSED",
    "EHOSTDOWN",
    "EHOSTUNREACH",
    "EALREADY",
    "EINPROGRESS",
    "ESTALE",
    "EUCLEAN",
    "ENOTNAM",
    "ENAVAIL",
    "EISNAM",
    "EREMOTEIO",
    "EDQUOT",
    "ENOMEDIUM",
    "EMEDIUMTYPE",
    "ECANCELED",
    "ENOKEY",
    "EKEYEXPIRED",
    "EKEYREVOKED",
    "EKEYREJECTED",
    "EOWNERDEAD",
    "ENOTRECOVERABLE",
    "ERFKILL",
    "EHWPOISON",
];

/// Results that only the kernel itself sees, and who traces it (linux/errno.h).
const KERNEL_NAMES: [(u64, &str); 5] = [
    (512, "ERESTARTSYS"),
    (513, "ERESTARTNOINTR"),
    (514, "ERESTARTNOHAND"),
    (515, "ENOIOCTLCMD"),
    (516, "ERESTART_RESTARTBLOCK"),
];

/// The name of the error that a call's result stands for; `None` for a result that is no error, or a nameless one.
pub(crate) fn name(result: i64) -> Option<&'static str> {
    if result >= 0 {
        return None;
    }
    let number = result.unsigned_abs();
    let kernel = || KERNEL_NAMES.iter().find(|(code, _)| *code == number).map(|(_, name)| *name);
    let usual = usize::try_from(number).ok().and_then(|number| NAMES.get(number)).copied();
    usual.or_else(kernel).filter(|name| !name.is_empty())
}

/// Every result of a call that is an error with a name, and its name.
pub fn errors() -> impl Iterator<Item = (i64, &'static str)> {
    (1..=super::LAST_ERRNO).filter_map(|number| Some((-number, name(-number)?)))
}

#[cfg(test)]
mod tests {
    use super::name;

    /// Scenario: errors from all over the table. Guarantees: no entry is missing, which would shift all that follow.
    #[test]
    fn errors_have_their_names() {
        let pairs = [(1, "EPERM"), (13, "EACCES"), (36, "ENAMETOOLONG"), (61, "ENODATA"), (88, "ENOTSOCK")];
        let more = [(110, "ETIMEDOUT"), (111, "ECONNREFUSED"), (115, "EINPROGRESS"), (133, "EHWPOISON")];
        for (number, expected) in pairs.into_iter().chain(more).chain([(512, "ERESTARTSYS")]) {
            assert_eq!(name(-number), Some(expected));
        }
        for result in [0, 1, -41, -134, -1000, i64::MIN] {
            assert_eq!(name(result), None);
        }
    }
}
