/* What the programs and user space agree on: records, configuration and counters. `src/layout/` has the other side,
 * and `tests/layout.rs` holds both together, field by field and value by value.
 *
 * Records are in the machine's own byte order. No structure has padding. A record is its fixed part followed by parts
 * of variable length; a span says where such a part lies. */
#ifndef EYRIE_LAYOUT_H
#define EYRIE_LAYOUT_H

#include "helpers.h"

/* 1 to 15: lives of processes. 16 to 63: files. 64 to 95: sockets. 96 to 127: attributes of processes. 128 to 143:
 * snapshots. 144 to 159: any other call. 160 to 175: control groups. Up to 0x7fff: to come. Above: experiments, never released. */
enum record_kind {
	RECORD_FORK = 1,
	RECORD_EXEC = 2,
	RECORD_EXIT = 3,
	RECORD_FAILED_EXEC = 4,
	RECORD_OPEN = 16,
	RECORD_CONNECT = 64,
	RECORD_CHANGE_DIRECTORY = 96,
	RECORD_TASK = 128,
	RECORD_CALL = 144,
	RECORD_DETAILED_CALL = 145,
	RECORD_URING_REQUEST = 146,
	RECORD_URING_COMPLETION = 147,
	RECORD_CGROUP = 160,
};

enum record_flag {
	/* The engine's picture of processes depends on it. */
	FLAG_STATE_BEARING = 1 << 0,
	/* `call_number` and `call_result` are set. */
	FLAG_HAS_CALL = 1 << 1,
	/* The number is in the numbering of 32-bit calls. */
	FLAG_COMPAT32 = 1 << 2,
	/* An x32 call; the number is that of the x86-64 call. */
	FLAG_X32 = 1 << 3,
	FLAG_KERNEL_THREAD = 1 << 4,
	/* The plan's filters would have dropped it. */
	FLAG_FILTER_MARKED = 1 << 5,
	/* The call had not ended: its result is not known. */
	FLAG_STARTED_ONLY = 1 << 6,
	/* The call was not made but submitted to io_uring. */
	FLAG_IO_URING = 1 << 7,

	/* The path or address asked for could not be read from the program's memory. */
	FLAG_REQUESTED_UNREADABLE = 1 << 8,
	FLAG_REQUESTED_TRUNCATED = 1 << 9,
	/* The directory that a relative path starts from is not known (a descriptor that is not open). */
	FLAG_BASE_UNKNOWN = 1 << 10,
	/* The beginning of `base` is missing. */
	FLAG_BASE_TRUNCATED = 1 << 11,
	FLAG_ARGUMENTS_TRUNCATED = 1 << 12,
	FLAG_ARGUMENTS_UNREADABLE = 1 << 13,
	FLAG_ENVIRONMENT_TRUNCATED = 1 << 14,
	FLAG_ENVIRONMENT_UNREADABLE = 1 << 15,
	/* The beginning of `working_directory` is missing. */
	FLAG_WORKING_DIRECTORY_TRUNCATED = 1 << 16,
	FLAG_ROOT_DIRECTORY_TRUNCATED = 1 << 17,
};

/* Head of every record: whose it is, when, and which call. */
struct record_header {
	u32 size; /* of the whole record */
	u16 kind;
	u16 reserved;
	u32 flags;
	u32 cpu;
	u64 boot_ns;
	u64 plan_generation;
	u64 leader_start_boot_ns;
	u64 cgroup_id; /* in the hierarchy below */
	u64 cap_effective;
	u64 cap_permitted;
	u64 cap_inheritable;
	s64 call_result;
	u32 call_number;
	u32 tgid;
	u32 tid;
	u32 parent_tgid;
	u32 uid;
	u32 gid;
	u32 effective_uid;
	u32 effective_gid;
	u32 login_uid;
	u32 audit_session_id;
	u32 session_id;
	u32 process_group_id;
	u32 tty;
	u32 namespace_tgid;
	u32 namespace_tid;
	u32 namespace_session_id;
	u32 namespace_process_group_id;
	u32 pid_namespace;
	u32 mount_namespace;
	u32 cgroup_hierarchy; /* number in /proc/cgroups; 0 for the default (v2) one */
	char comm[16];
};

/* Offset from the start of the record. Nothing is there where the length is zero. */
struct span {
	u32 offset;
	u32 length;
};

enum file_flag {
	FILE_KNOWN = 1 << 0,
	FILE_MEMFD = 1 << 1,
	FILE_DELETED = 1 << 2,
	FILE_CREATED = 1 << 3,
	FILE_UPPER_LAYER = 1 << 4,
	FILE_LOWER_LAYER = 1 << 5,
	/* The beginning of its path is missing. */
	FILE_PATH_TRUNCATED = 1 << 6,
	/* Its path does not lead to the process's root: it begins at the top of the mounts instead. */
	FILE_PATH_UNREACHABLE = 1 << 7,
};

struct file_info {
	u64 inode;
	u64 device; /* major << 20 | minor */
	u64 change_time_ns;
	u64 modify_time_ns;
	u32 mode;
	u32 uid;
	u32 gid;
	u32 flags;
};

/* One end of an internet socket. */
struct endpoint {
	u8 address[16]; /* network order; the first four bytes for IPv4 */
	u32 scope_id;	/* the interface that the socket is bound to, or 0 */
	u16 port;
	u16 reserved;
};

/* What a socket did before, which the kernel does not keep. */
enum history_flag {
	/* It connected. */
	HISTORY_CLIENT = 1 << 0,
	/* It was bound, listens, or was accepted. */
	HISTORY_SERVER = 1 << 1,
	/* Its peer is another one than before. */
	HISTORY_PEER_CHANGED = 1 << 2,
};

/* What lies behind a descriptor: a file with its path, or a socket with its ends. */
struct descriptor_info {
	struct file_info file;
	u64 file_system; /* the magic number of its file system; 0: nothing is open */
	s32 fd;		 /* the number as the call has it; below zero where the call was to make it and failed */
	u16 family;	 /* AF_* of a socket; 0: no socket */
	u16 type;
	u16 protocol;
	u16 state; /* TCP_* */
	u32 history;
	struct endpoint local;
	struct endpoint remote;
	struct span path; /* of what has no directory entry its name: /[eventfd] */
	struct span local_name;
	struct span remote_name;
};

struct fork_record {
	struct record_header header;
	u64 clone_flags;
	u64 child_start_boot_ns;	/* of the child's thread group leader */
	u64 child_thread_start_boot_ns;
	u64 child_cgroup_id;
	u64 pid_namespace_start_boot_ns;
	u32 child_tgid;
	u32 child_tid;
	u32 child_parent_tgid;
	u32 child_namespace_tgid;
	u32 child_namespace_tid;
	u32 child_pid_namespace;
	char child_comm[16];
};

struct exec_record {
	struct record_header header;
	struct file_info executable;
	u64 open_files_limit;
	u64 virtual_memory_pages;
	u64 major_faults;
	u64 minor_faults;
	u32 old_tid;
	u32 argument_count;
	u32 environment_count;
	u32 reserved;
	struct descriptor_info standard_input;
	struct descriptor_info standard_output;
	struct descriptor_info standard_error;
	struct span requested;	 /* as given to exec; /dev/fd/N/… where a descriptor was given */
	struct span interpreter; /* what was loaded instead of a script, else as `requested` */
	struct span arguments;	 /* each ended by NUL */
	struct span environment; /* each ended by NUL */
	struct span executable_path;
	struct span working_directory;
	struct span root_directory; /* empty where it is the root of the mount namespace */
};

struct failed_exec_record {
	struct record_header header;
	s32 directory_fd;
	u32 flags; /* AT_* of execveat */
	struct span requested;
	struct span base;
};

enum exit_flag {
	/* No thread of the process is left. */
	EXIT_PROCESS_END = 1 << 0,
	EXIT_HAS_CHILDREN = 1 << 1,
};

struct exit_record {
	struct record_header header;
	u64 thread_start_boot_ns;
	u32 status; /* as wait(2) has it: exit status << 8, or signal | 0x80 if core was dumped */
	u32 flags;
	u32 reaper_tgid; /* who inherits its children: 0 if not known */
	u32 reserved;
};

struct open_record {
	struct record_header header;
	struct file_info file;
	u64 resolve; /* RESOLVE_* of openat2 */
	u32 flags;   /* O_* */
	u32 mode;    /* as asked for */
	s32 directory_fd;
	s32 fd; /* or the negative errno */
	struct span requested;
	struct span base;
	struct span resolved;
};

struct connect_record {
	struct record_header header;
	struct descriptor_info socket; /* without path; of its file the inode alone */
	struct span requested;	       /* struct sockaddr as the program gave it */
};

struct change_directory_record {
	struct record_header header;
	s32 directory_fd; /* of fchdir, else AT_FDCWD */
	u32 reserved;
	struct span requested;
	struct span base; /* only where the call failed: afterwards the old directory is gone */
	struct span working_directory; /* as it is now */
};

struct call_record {
	struct record_header header;
	u64 arguments[6];
};

/* A path that a call was given, and where it starts. */
struct path_info {
	s32 directory_fd;
	u32 reserved;
	struct span requested;
	struct span base;
};

/* A call with those parts that the table `call_shapes` names. */
struct detailed_call_record {
	struct record_header header;
	u64 arguments[6];
	struct descriptor_info first;
	struct descriptor_info second;
	struct path_info path;
	struct path_info second_path;
	u32 queue_length; /* of a second descriptor that listens: connections that wait to be accepted */
	u32 queue_limit;  /* and how many may */
	u64 data_size; /* what vectors have room for together; 0 where the call has none */
	struct span address; /* struct sockaddr */
	struct span text;
	struct span data;
	struct span control; /* ancillary data of a message */
};

/* A request that was submitted to io_uring, as the call that it stands for. Which one it is later, its completion tells by its
 * address, or by ring and user data where one request is completed several times. */
struct uring_request_record {
	struct detailed_call_record call;
	u64 request;
	u64 ring;
	u64 user_data;
	u32 is_silent; /* it does not wait, and is completed only if it fails */
	u32 reserved;
};

struct uring_completion_record {
	struct record_header header;
	u64 request; /* 0: one completion of several */
	u64 ring;
	u64 user_data;
	u32 is_made; /* the descriptor was made by the request, or was to be */
	u32 reserved;
	struct descriptor_info descriptor; /* else what the request was about */
	struct span data;		   /* that was received or read */
};

/* What to read besides the registers, and where it goes. */
enum step_kind {
	STEP_NONE = 0,
	/* A path; `other` is the argument with the descriptor of its directory. */
	STEP_PATH = 1,
	/* A descriptor. */
	STEP_DESCRIPTOR = 2,
	/* The address of two descriptors that the call wrote: both places. */
	STEP_DESCRIPTOR_PAIR = 3,
	/* struct sockaddr; `other` is the argument with its size. */
	STEP_ADDRESS = 4,
	/* struct sockaddr that the call wrote; `other` is the argument with the address of its size. */
	STEP_ADDRESS_BACK = 5,
	/* struct msghdr: address, data and control. `into` is 1 if the call wrote them. */
	STEP_MESSAGE = 6,
	/* Data; `other` is the argument with its size. `into` is 1 if the call wrote them. */
	STEP_DATA = 7,
	/* struct iovec, of which the first counts. `into` is 1 if the call wrote the data. */
	STEP_VECTOR = 8,
	/* A string. */
	STEP_TEXT = 9,
	/* A structure; `other` is its size. `into` has 1 if the call wrote it, and 2 if it goes where ancillary data go. */
	STEP_BYTES = 10,
	/* Nothing is read: if the call succeeds, its first descriptor is a socket of the role in `other` (HISTORY_*) from now on. */
	STEP_ROLE = 11,
	/* Nothing is read: the address is the peer of its first descriptor. `into` is 1 if the call wrote it. */
	STEP_PEER = 12,
	/* struct mmsghdr, of which the first counts, as STEP_MESSAGE. */
	STEP_MESSAGES = 13,
	/* The process's root directory afterwards, as text. */
	STEP_ROOT_DIRECTORY = 14,
};

enum step_argument {
	/* What the call returned. */
	ARGUMENT_RESULT = 0xfe,
	ARGUMENT_NONE = 0xff,
};

struct step {
	u8 kind;
	u8 into; /* 0: the first place, 1: the second */
	u8 argument;
	u8 other;
};

/* An entry of the map `call_shapes`: native calls by number, 32-bit ones behind them. */
struct call_shape {
	struct step steps[6];
};

enum task_flag {
	TASK_CHILD_SUBREAPER = 1 << 0,
	/* The main thread has ended; others may still run. */
	TASK_ENDED = 1 << 1,
};

/* A thread as it is now. Spans and `executable` are set for main threads only. */
struct task_record {
	struct record_header header;
	struct file_info executable;
	u64 thread_start_boot_ns;
	u64 pid_namespace_start_boot_ns;
	u64 open_files_limit;
	u32 flags;
	u32 reserved;
	struct descriptor_info standard_input;
	struct descriptor_info standard_output;
	struct descriptor_info standard_error;
	struct span arguments;
	struct span environment;
	struct span executable_path;
	struct span working_directory;
	struct span root_directory;
};

enum cgroup_flag {
	CGROUP_REMOVED = 1 << 0,
	/* The end of its path is missing. */
	CGROUP_PATH_TRUNCATED = 1 << 1,
};

/* A control group of the configured hierarchy was made or removed. */
struct cgroup_record {
	struct record_header header;
	u64 cgroup_id;
	u32 hierarchy;
	u32 flags;
	struct span path; /* from the root of its hierarchy */
};

/* Which control group of a task is told: that in the default hierarchy, or in the v1 hierarchy of a controller. */
enum cgroup_controller {
	CONTROLLER_NONE = 0,
	CONTROLLER_MEMORY = 1,
	CONTROLLER_PIDS = 2,
	CONTROLLER_CPU = 3,
	CONTROLLER_CPUACCT = 4,
	CONTROLLER_DEVICES = 5,
	CONTROLLER_FREEZER = 6,
	CONTROLLER_IO = 7,
	CONTROLLER_CPUSET = 8,
};

enum limit {
	CALL_BITMAP_WORDS = 8,
	/* Longest variable part. A path of the kernel is at most PATH_MAX, which is this. */
	PART_BYTES = 4096,
	PARTS_MAX = 7,
	FIXED_BYTES_MAX = 768,
	RECORD_BYTES_MAX = 768 + 7 * 4096,
	STEPS_MAX = 6,
	SOCKET_ADDRESS_BYTES_MAX = 128,
	/* Of a ring as the object has it. */
	RING_BYTES = 4 << 20,
};

/* The one entry of the map `config`: what does not belong to a plan, and which plan holds. */
struct config {
	/* Changed by user space when it has read the counters: first-loss times start anew. */
	u64 loss_epoch;
	/* Process whose system calls are not recorded (the agent); 0 for none. */
	u32 own_tgid;
	/* The hierarchy whose control groups are told, by its number and by a controller that is bound to it. */
	u32 cgroup_hierarchy;
	u32 cgroup_controller;
	/* Which ring a processor's records go into: the processor's number divided by this; 0 for the first. */
	u32 processors_per_ring;
	/* The entry of the map `plans` that holds. A program looks once, and uses one plan from its beginning to its end. */
	u32 plan_bank;
	u32 reserved;
	/* Calls that would be recorded, and are counted as lost instead: the agent has no time for them. */
	u64 shed_calls[CALL_BITMAP_WORDS];
	u64 compat_shed_calls[CALL_BITMAP_WORDS];
};

/* Index into the map `counters`: one of these, plus COUNTERS_PER_CLASS for state-bearing records. */
enum counter {
	COUNTER_PRODUCED = 0,
	/* The ring had no room. */
	COUNTER_LOST_FULL = 1,
	/* The ring was above three quarters, and what is left of it is for state-bearing records. */
	COUNTER_LOST_REFUSED = 2,
	/* Our own mistake: a record that does not fit its buffer. */
	COUNTER_LOST_BUG = 3,
	/* Not a loss: records of which a part could not be read from memory. */
	COUNTER_FAULT = 4,
	/* Boot times of the first loss since `loss_epoch` changed and of the last one, and the epoch of the first. */
	COUNTER_FIRST_LOSS_NS = 5,
	COUNTER_LAST_LOSS_NS = 6,
	COUNTER_LOSS_EPOCH = 7,
	/* Not a loss: calls of the process that is left out. */
	COUNTER_OWN = 8,
	/* The call is one of those that are shed. The times are apart from those of other losses: shedding goes on for
	 * long, and is no reason to take a moment's loss for longer. */
	COUNTER_LOST_DEGRADED = 9,
	COUNTER_FIRST_DEGRADED_NS = 10,
	COUNTER_LAST_DEGRADED_NS = 11,
	COUNTER_DEGRADED_EPOCH = 12,
	/* Not a loss: records that found their ring more than half full, taken or not. */
	COUNTER_ABOVE_HALF = 13,
	/* Not a loss: calls that the plan's filters left out, and such that they would have and that were marked instead. */
	COUNTER_FILTERED = 14,
	COUNTER_MARKED = 15,
	COUNTERS_PER_CLASS = 16,
	COUNTERS = 32,
};

/* Key of the map `loss_sources`, which counts losses by who had them. Its entries are the most recent ones: sums of all
 * losses are in `counters`. */
struct loss_source {
	char comm[16];
	u32 call_number; /* if FLAG_HAS_CALL */
	u16 kind;	 /* of the record; 0 where none was made */
	u16 reason;	 /* the counter */
	u32 flags;	 /* those of LOSS_SOURCE_FLAGS that the record had */
};

enum loss_source_flags {
	LOSS_SOURCE_FLAGS = FLAG_STATE_BEARING | FLAG_HAS_CALL | FLAG_COMPAT32,
};

#endif
