//! Parameters that have no value yet, whatever the event is.

/// Names by event, in the order of the events' names. A test holds it against what the messages have.
pub(crate) const UNTOLD: &[(&str, &str)] = &[
    ("brk", "vm_size vm_rss vm_swap"),
    ("clone3", "pgft_maj pgft_min vm_size vm_rss vm_swap"),
    ("clone", "pgft_maj pgft_min vm_size vm_rss vm_swap"),
    ("copy_file_range", "offout offin"),
    ("execve", "vm_rss vm_swap"),
    ("execveat", "vm_rss vm_swap"),
    ("fork", "pgft_maj pgft_min vm_size vm_rss vm_swap"),
    ("fsconfig", "value_bytebuf value_charbuf"),
    ("getresgid", "rgid egid sgid"),
    ("getresuid", "ruid euid suid"),
    ("init_module", "img"),
    ("io_uring_enter", "sig"),
    ("mmap2", "vm_size vm_rss vm_swap"),
    ("mmap", "vm_size vm_rss vm_swap"),
    ("munmap", "vm_size vm_rss vm_swap"),
    ("poll", "fds"),
    ("ppoll", "fds timeout sigmask"),
    ("process_vm_readv", "data"),
    ("process_vm_writev", "data"),
    (
        "quotactl",
        "quotafilepath dqb_bhardlimit dqb_bsoftlimit dqb_curspace dqb_ihardlimit \
         dqb_isoftlimit dqb_btime dqb_itime dqi_bgrace dqi_igrace dqi_flags quota_fmt_out quota_fmt",
    ),
    ("semop", "sem_num_0 sem_op_0 sem_flg_0 sem_num_1 sem_op_1 sem_flg_1"),
    ("sendfile", "offset"),
    ("socketpair", "source peer"),
    ("vfork", "pgft_maj pgft_min vm_size vm_rss vm_swap"),
];
