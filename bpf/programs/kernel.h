/* The kernel's structures, as far as we read them. Offsets are relocated when the object is loaded (CO-RE), so order
 * and completeness do not matter; names and types do. A name with three underscores is an older shape of the same
 * structure, tried where the newer field is missing. */
#ifndef EYRIE_KERNEL_H
#define EYRIE_KERNEL_H

#include "helpers.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	u32 val;
} kuid_t;

typedef struct {
	u32 val;
} kgid_t;

typedef struct {
	u64 val;
} kernel_cap_t;

struct list_head {
	struct list_head *next;
};

typedef struct {
	int counter;
} atomic_t;

/* === Processes === */

struct thread_info {
	u32 status; /* x86 only */
	unsigned long flags;
};

struct ns_common {
	u32 inum;
};

struct pid_namespace {
	struct task_struct *child_reaper;
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	u32 level;
	struct upid numbers[1];
};

struct mnt_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t euid;
	kgid_t egid;
	kernel_cap_t cap_inheritable;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
};

/* Before 6.3. */
struct kernel_cap_struct___words {
	u32 cap[2];
};

struct cred___words {
	struct kernel_cap_struct___words cap_inheritable;
	struct kernel_cap_struct___words cap_permitted;
	struct kernel_cap_struct___words cap_effective;
};

struct kernfs_node {
	u64 id;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct css_set {
	struct cgroup_subsys_state *subsys[1]; /* one for each of cgroup_subsys_id */
	struct cgroup *dfl_cgrp;
};

/* Values differ with the kernel's configuration: they are relocated as well. */
enum cgroup_subsys_id {
	cpuset_cgrp_id,
	cpu_cgrp_id,
	cpuacct_cgrp_id,
	io_cgrp_id,
	memory_cgrp_id,
	devices_cgrp_id,
	freezer_cgrp_id,
	pids_cgrp_id,
};

struct tty_driver {
	int major;
	int minor_start;
};

struct tty_struct {
	int index;
	struct tty_driver *driver;
};

struct rlimit {
	unsigned long rlim_cur;
};

struct signal_struct {
	atomic_t live;
	struct pid *pids[4];
	struct tty_struct *tty;
	struct rlimit rlim[16];
	u32 is_child_subreaper : 1;
	u32 has_child_subreaper : 1;
};

struct vfsmount;
struct dentry;

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct fs_struct {
	struct path root;
	struct path pwd;
};

struct fdtable {
	u32 max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct mm_struct {
	unsigned long total_vm;
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long env_start;
	unsigned long env_end;
	struct file *exe_file;
};

struct task_struct {
	struct thread_info thread_info;
	u32 flags;
	int pid;
	int tgid;
	int exit_code;
	int exit_state;
	u64 start_boottime;
	struct mm_struct *mm;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct list_head children;
	struct pid *thread_pid;
	struct cred *real_cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	kuid_t loginuid;
	u32 sessionid;
	struct css_set *cgroups;
	unsigned long nvcsw;
	unsigned long nivcsw;
	unsigned long min_flt;
	unsigned long maj_flt;
};

/* Before 5.5. */
struct task_struct___real_start_time {
	u64 real_start_time;
};

struct linux_binprm {
	int argc;
	int envc;
	const char *filename;
	const char *interp;
};

/* === Files === */

struct qstr {
	u32 len; /* a member of unnamed structures in the kernel */
	const unsigned char *name;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
	int mnt_flags;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct super_block {
	u32 s_dev;
	unsigned long s_magic;
};

struct inode {
	u16 i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	struct super_block *i_sb;
	unsigned long i_ino;
	u32 i_nlink;
	s64 i_mtime_sec;
	s64 i_ctime_sec;
	u32 i_mtime_nsec;
	u32 i_ctime_nsec;
};

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

/* 6.7 to 6.10. */
struct inode___private_times {
	struct timespec64 __i_mtime;
	struct timespec64 __i_ctime;
};

/* Before; from 6.6 on only the modification time. */
struct inode___public_times {
	struct timespec64 i_mtime;
	struct timespec64 i_ctime;
};

struct file {
	u32 f_mode;
	u32 f_flags;
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
};

/* === Sockets === */

struct in6_addr {
	u8 bytes[16]; /* the kernel calls it otherwise: only ever read whole */
};

struct sock_common {
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	u16 skc_dport;
	u16 skc_num;
	u16 skc_family;
	u8 skc_state;
	int skc_bound_dev_if;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	u16 sk_protocol;
	u16 sk_type;
	struct socket *sk_socket;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct sockaddr_un {
	u16 sun_family;
	char sun_path[108];
};

struct unix_address {
	int len;
	struct sockaddr_un name[1];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

/* === Registers and iterators === */

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r10, r9, r8, bx, bp, cx, dx, si, di, orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	u64 regs[31];
	u64 orig_x0;
	s32 syscallno;
};
#endif

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

enum {
	PIDTYPE_PGID = 2,
	PIDTYPE_SID = 3,

	PF_KTHREAD = 0x00200000,
	PF_IO_WORKER = 0x00000010,
	PF_USER_WORKER = 0x00004000,
	RLIMIT_NOFILE = 7,

	S_IFMT = 0170000,
	S_IFSOCK = 0140000,
	FMODE_CREATED = 0x100000,
	MNT_INTERNAL = 0x4000,
	OVERLAYFS_SUPER_MAGIC = 0x794c7630,
	SOCKFS_MAGIC = 0x534f434b,

	AT_FDCWD = -100,
	O_CREAT_WRONLY_TRUNC = 01101,
	RESOLVE_IN_ROOT = 0x10,
#if defined(__TARGET_ARCH_arm64)
	O_LARGEFILE = 0400000,
#else
	O_LARGEFILE = 0100000,
#endif

	O_NONBLOCK = 04000,

	TCP_SYN_SENT = 2,
	TCP_CLOSE = 7,

	SOCK_STREAM = 1,

	AF_UNIX = 1,
	AF_INET = 2,
	AF_INET6 = 10,

	ENAMETOOLONG = 36,
	EINPROGRESS = 115,
};

#endif
