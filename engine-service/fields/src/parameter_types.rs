//! The types of Falco's parameters (`g_event_info` of driver/event_table.c, schema 4.5.1).
//!
//! Events of different kinds have parameters of one name and different types. At load Falco takes the type that the
//! first event of its table has, and so does [`type_of`].

use rule_language::FieldType::{
    self, AbsTime, ByteBuf, CharBuf, CharBufArray, Dyn, EnumFlags8, EnumFlags16, EnumFlags32, Errno, Fd,
    FdList, Flags8, Flags16, Flags32, FsPath, FsRelPath, Gid, Int16, Int32, Int64, Pid, RelTime, SigSet,
    SigType, SockAddr, SockTuple, SyscallId, Uid, Uint8, Uint16, Uint32, Uint64,
};

/// Names of parameters by their type.
const PARAMETERS: [(FieldType, &str); 32] = [
    (AbsTime, "exe_ino_ctime exe_ino_mtime"),
    (ByteBuf, "args cgroups data env img msgcontrol value_bytebuf"),
    (
        CharBuf,
        "\
        arg2_str comm container_id cwd desc description exe home image json quotafilepath scope shell special \
        target uargs value_charbuf",
    ),
    (CharBufArray, "tags"),
    (Dyn, "res_or_fd val"),
    (EnumFlags16, "opcode"),
    (EnumFlags32, "domain option"),
    (EnumFlags8, "cmd how level optname resource whence"),
    (Errno, "maxevents res ret status"),
    (
        Fd,
        "\
        dirfd fd fd1 fd2 fd_in fd_out fdin fdout in_fd linkdirfd mountfd newdir newdirfd newfd olddir \
        olddirfd oldfd out_fd pid_fd target_fd",
    ),
    (FdList, "fds"),
    (Flags16, "creat_flags op sem_flg_0 sem_flg_1"),
    (Flags32, "error features flags nstype operation prot resolve semflg"),
    (Flags8, "dqi_flags quota_fmt quota_fmt_out"),
    (FsPath, "dir filename linkpath name newpath oldpath path trusted_exepath"),
    (FsRelPath, "pathname"),
    (Gid, "egid rgid sgid"),
    (Int16, "sem_op_0 sem_op_1"),
    (Int32, "aux backlog key nsems semid semnum tty"),
    (Int64, "arg2_int cur max newcur newmax oldcur oldmax timeout"),
    (Pid, "dpid next pgid pid ptid reaper_tid spid tid vpgid vpid vtid"),
    (RelTime, "dqb_btime dqb_itime dqi_bgrace dqi_igrace interval"),
    (SigSet, "sigmask"),
    (SigType, "sig"),
    (SockAddr, "addr"),
    (SockTuple, "tuple"),
    (SyscallId, "id"),
    (Uid, "euid loginuid ruid suid"),
    (Uint16, "native_id sem_num_0 sem_num_1"),
    (
        Uint32,
        "\
        action cpu cq_entries dev entries event_type first gid last mask min_complete mode nr_args nsops \
        optlen plugin_id proto queuelen queuemax ratio size sq_entries sq_thread_cpu sq_thread_idle to_submit \
        type uid vm_rss vm_size vm_swap",
    ),
    (
        Uint64,
        "\
        arg argument cap_effective cap_inheritable cap_permitted cpu_sys cpu_usr dqb_bhardlimit \
        dqb_bsoftlimit dqb_curspace dqb_ihardlimit dqb_isoftlimit event_data exe_ino fdlimit initval ino ip \
        len length offin offout offset peer pgft_maj pgft_min pgoffset pidns_init_start_ts pos request source",
    ),
    (Uint8, "clockid core queuepct"),
];

/// The type of the parameter called exactly `name`.
pub(crate) fn type_of(name: &str) -> Option<FieldType> {
    PARAMETERS
        .into_iter()
        .find(|(_, names)| names.split_whitespace().any(|candidate| candidate == name))
        .map(|(field_type, _)| field_type)
}

/// Whether there is a parameter that `text` begins with the name of: Falco takes the rest for part of the field's name.
pub(crate) fn is_prefixed(text: &str) -> bool {
    PARAMETERS.iter().any(|(_, names)| names.split_whitespace().any(|name| text.starts_with(name)))
}
