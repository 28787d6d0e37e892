//! Falco's names of events and calls (`g_event_info` of driver/event_table.c, schema 4.5.1, and `PPM_SC_FIELDS` of
//! driver/ppm_events_public.h).

/// Names of events, by how many event codes have them: one at entry and one at exit for most, one alone for what is no
/// call, more where older versions are kept for old captures. `syscall` stands for none: calls without parameters of
/// their own have their names.
///
/// Left out are `NA`, by which the table calls what does not exist, and the events of Falco's walk over /proc, which no
/// rule sees.
const EVENTS: [(usize, &str); 8] = [
    (0, "syscall"),
    (
        1,
        "\
        asyncevent cpu_hotplug groupadded groupdeleted infra k8s mesos notification page_fault pluginevent \
        procinfo signaldeliver useradded userdeleted",
    ),
    (
        2,
        "\
        accept4 access bind capset chdir chmod chown chroot clone3 close close_range connect copy_file_range \
        creat delete_module drop dup2 dup3 epoll_create epoll_create1 epoll_wait eventfd eventfd2 execveat \
        fchdir fchmod fchmodat fchown fchownat fcntl finit_module flock fsconfig fstat fstat64 futex getcwd \
        getdents getdents64 getegid geteuid getgid getpeername getresgid getresuid getrlimit getsockname \
        getsockopt getuid init_module inotify_init inotify_init1 io_uring_enter io_uring_register \
        io_uring_setup keyctl kill lchown listen llseek lseek lstat lstat64 memfd_create mkdirat mknod \
        mknodat mlock mlock2 mlockall mmap mmap2 mount mprotect munlock munlockall munmap nanosleep \
        newfstatat open open_by_handle_at openat2 pidfd_getfd pidfd_open pipe pipe2 poll ppoll prctl pread \
        preadv prlimit process_vm_readv process_vm_writev procexit ptrace pwrite pwritev quotactl read readv \
        recv recvfrom recvmmsg recvmsg rename renameat renameat2 scapevent seccomp semctl semget semop send \
        sendfile sendmmsg sendmsg sendto setgid setns setpgid setregid setresgid setresuid setreuid setrlimit \
        setsid setsockopt setuid shutdown signalfd signalfd4 socket socketpair splice stat stat64 switch \
        symlink symlinkat tgkill timerfd_create tkill tracer umount2 unshare userfaultfd write writev",
    ),
    (3, "container"),
    (4, "bpf brk dup ioctl link linkat mkdir openat rmdir select umount unlink unlinkat"),
    (6, "fork vfork"),
    (8, "accept clone"),
    (16, "execve"),
];

/// Names of calls and tracepoints that are names of no event: those of calls without parameters of their own, which
/// share one pair of event codes, and those whose event has another name.
const CALLS: &str = "\
    _llseek _newselect _sysctl acct add_key adjtimex alarm arch_prctl bdflush cachestat capget clock_adjtime \
    clock_getres clock_gettime clock_nanosleep clock_settime create_module epoll_ctl epoll_ctl_old \
    epoll_pwait epoll_pwait2 epoll_wait_old exit exit_group faccessat faccessat2 fadvise64 fallocate \
    fanotify_init fanotify_mark fchmodat2 fcntl64 fdatasync fgetxattr flistxattr fremovexattr fsetxattr \
    fsmount fsopen fspick fstatat64 fstatfs fstatfs64 fsync ftruncate futex_requeue futex_wait futex_waitv \
    futex_wake futimesat get_kernel_syms get_mempolicy get_robust_list get_thread_area getcpu getegid32 \
    geteuid32 getgid32 getgroups getitimer getpgid getpgrp getpid getpmsg getppid getpriority getrandom \
    getresgid32 getresuid32 getrusage getsid gettid gettimeofday getuid32 getxattr getxattrat idle \
    inotify_add_watch inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit \
    ioperm iopl ioprio_get ioprio_set ipc kcmp kexec_file_load kexec_load landlock_add_rule \
    landlock_create_ruleset landlock_restrict_self lgetxattr listmount listxattr listxattrat llistxattr \
    lookup_dcookie lremovexattr lsetxattr lsm_get_self_attr lsm_list_modules lsm_set_self_attr madvise \
    map_shadow_stack mbind membarrier memfd_secret migrate_pages mincore modify_ldt mount_setattr move_mount \
    move_pages mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink mremap mseal msgctl \
    msgget msgrcv msgsnd msync multiplexer name_to_handle_at nfsservctl nice oldfstat oldlstat oldolduname \
    oldstat olduname open_tree open_tree_attr page_fault_kernel page_fault_user pause pciconfig_iobase \
    pciconfig_read pciconfig_write perf_event_open personality pidfd_send_signal pivot_root pkey_alloc \
    pkey_free pkey_mprotect pread64 preadv2 prlimit64 process_madvise process_mrelease pselect6 pwrite64 \
    pwritev2 query_module quotactl_fd readahead readdir readlink readlinkat reboot remap_file_pages \
    removexattr removexattrat request_key restart_syscall riscv_flush_icache riscv_hwprobe rseq rt_sigaction \
    rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo \
    rtas s390_guarded_storage s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr s390_sthyi \
    sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam \
    sched_getscheduler sched_process_exit sched_rr_get_interval sched_setaffinity sched_setattr \
    sched_setparam sched_setscheduler sched_switch sched_yield semtimedop sendfile64 set_mempolicy \
    set_mempolicy_home_node set_robust_list set_thread_area set_tid_address setdomainname setfsgid setfsuid \
    setgid32 setgroups sethostname setitimer setpriority setresgid32 setresuid32 settimeofday setuid32 \
    setxattr setxattrat sgetmask shmat shmctl shmdt shmget sigaction sigaltstack signal signal_deliver \
    sigpending sigprocmask sigreturn sigsuspend socketcall spu_create spu_run ssetmask statfs statfs64 \
    statmount statx stime subpage_prot swapcontext swapoff swapon switch_endian sync sync_file_range \
    sync_file_range2 syncfs sys_debug_setcontext sysfs sysinfo syslog tee time timer_create timer_delete \
    timer_getoverrun timer_gettime timer_settime timerfd timerfd_gettime timerfd_settime times truncate \
    ugetrlimit umask uname unknown uretprobe uselib ustat utime utimensat utimes vhangup vm86 vmsplice wait4 \
    waitid waitpid";

/// Event codes of all calls together that have no parameters of their own.
const GENERIC_CODES: usize = 2;

/// Each name of an event with its number of codes.
pub(crate) fn events() -> impl Iterator<Item = (&'static str, usize)> {
    EVENTS.into_iter().flat_map(|(codes, names)| names.split_whitespace().map(move |name| (name, codes)))
}

/// Each name that only calls have.
pub(crate) fn calls() -> impl Iterator<Item = &'static str> {
    CALLS.split_whitespace()
}

/// How many codes names stand for, given the codes of each as far as it is an event's name.
pub(crate) fn count_codes(codes_of_names: impl Iterator<Item = Option<usize>>) -> usize {
    let mut is_generic = false;
    let own: usize = codes_of_names.inspect(|codes| is_generic |= codes.is_none()).flatten().sum();
    own + if is_generic { GENERIC_CODES } else { 0 }
}
