/* The maps, and the buffers in which records are composed. */
#ifndef EYRIE_MAPS_H
#define EYRIE_MAPS_H

#include "kernel.h"
#include "plan_layout.h"

/* Which buffer a program composes in. Tracepoints run with preemption off, so that one program at a time uses a
 * processor's buffer; returns of calls are apart from all else (lives of processes, starts of calls) all the same, as
 * tracepoints of calls are about to become preemptible. The snapshot may sleep and has a buffer for itself: one reader at a time. */
enum slot {
	SLOT_CALL = 0,
	SLOT_LIFE = 1,
	SLOTS_PER_CPU = 2,
	SLOT_SNAPSHOT = 2,
};

/* What is known of the call while its record is composed. */
struct call {
	union {
		struct {
			u64 arguments[6];
			s64 result;
			u64 open_flags;
			u64 user;
		};
		u64 subjects[SUBJECTS];
	};
	u32 number;
	u32 flags;
	/* Of openat2, and what the others of its family have instead. */
	u64 open_mode;
	u64 open_resolve;
	/* The socket behind its first descriptor, if it is one: its address and inode number. */
	u64 socket;
	u64 socket_inode;
};

/* A walk from a directory entry up to a root, and what came of it. Addresses, as plain numbers. */
struct walk {
	u64 vfsmount;
	u64 dentry;
	u64 root_vfsmount;
	u64 root_dentry;
	/* How far the path reaches down in the path buffer. In memory, where the verifier does not follow it: it would
	 * otherwise look at each step of the walk for each length that the names before may have had. */
	u32 start;
	u32 flags;
	struct span path;
};

/* One end of a socket that is tested: as the kernel has it, or as the call asked for it. */
struct tested_end {
	u64 address[2];
	u16 port;   /* 0: not known */
	u8 version; /* 4 or 6; an IPv4 address in IPv6 is one of IPv4 */
	u8 ends;
	u32 reserved;
};

enum { ENDS_MAX = 3 };

/* What is known of whether a call is recorded. */
struct weighing {
	/* Key of the map `filters`; 0 where nothing is left to be tested. */
	u32 filter;
	u32 facts;	/* FACT_* */
	u32 known;	/* a bit for each subject */
	u32 candidates; /* clauses that none of the tests so far refuses */
	/* The record is made only for what it notes on the way. */
	u32 is_left_out;
	/* Calls of this kind are shed, if their filter wants them. */
	u32 is_shed;
	/* The socket that the call is about. */
	u32 is_socket_tested;
	u64 families;
	u32 protocol;
	/* WALK_* of the directories that paths of the record start from. */
	u32 base_flags;
	struct tested_end ends[ENDS_MAX];
	/* The socket's family, and its other end as the kernel has it. */
	u32 family;
	struct endpoint remote;
	/* The first descriptor of a call that is described, and the role that it gives its socket. */
	s32 first_fd;
	u32 role;
	/* TRAIT_* of its shape; 0 while they are not known. */
	u32 traits;
	/* Whether what is behind that descriptor was found: `call.socket`, or that it is no socket. */
	u32 has_socket;
	/* What the tests have put into the record. */
	u32 has_base;
	u32 has_resolved;
	/* The path that is tested. */
	struct span requested;
	struct span base;
};

struct composer {
	/* The bank of plans that this record is made by. */
	u32 bank;
	/* The last number by chance. */
	u32 dice;
	/* Bytes of the record so far: never more than this leaves the kernel, so that what an earlier record left behind
	 * in the buffer stays there. */
	u32 length;
	struct walk walk;
	struct call call;
	struct weighing weighing;
	union {
		struct record_header header;
		struct fork_record fork;
		struct exec_record exec;
		struct failed_exec_record failed_exec;
		struct exit_record exit;
		struct open_record open;
		struct connect_record connect;
		struct change_directory_record change_directory;
		struct call_record any_call;
		struct detailed_call_record detailed;
		struct uring_request_record uring_request;
		struct uring_completion_record uring_completion;
		struct task_record task;
		struct cgroup_record cgroup;
		u8 bytes[RECORD_BYTES_MAX];
		/* Brings the names and values of the constants into the object's BTF, for the test of the layout. */
		struct {
			enum record_kind kind;
			enum record_flag flag;
			enum file_flag file;
			enum exit_flag exit;
			enum task_flag task;
			enum cgroup_flag cgroup;
			enum cgroup_controller controller;
			enum counter counter;
			enum limit limit;
			enum native_call native;
			enum compat_call compat;
			enum step_kind step;
			enum step_argument argument;
			enum history_flag history;
			enum plan_limit plan_limit;
			enum subject subject;
			enum end end;
			enum filter_need need;
			enum tested_path path;
		} constants;
	};
};

static_assert(sizeof(struct composer) <= 32768, "a per-CPU map's value may have 32 KiB");
static_assert(sizeof(struct exec_record) <= FIXED_BYTES_MAX, "fixed parts fit before the variable ones");
static_assert(sizeof(struct task_record) <= FIXED_BYTES_MAX, "fixed parts fit before the variable ones");
static_assert(sizeof(struct detailed_call_record) <= FIXED_BYTES_MAX, "fixed parts fit before the variable ones");
static_assert(sizeof(struct uring_request_record) <= FIXED_BYTES_MAX, "fixed parts fit before the variable ones");
static_assert(sizeof(struct uring_completion_record) <= FIXED_BYTES_MAX, "fixed parts fit before the variable ones");

/* A path is written from its end towards the start; the tail takes the longest name written at the highest offset. */
enum { PATH_BYTES = 4096, NAME_BYTES = 255, PATH_BUFFER_BYTES = PATH_BYTES + NAME_BYTES + 1 };

struct path_buffer {
	u8 bytes[PATH_BUFFER_BYTES];
};

/* What a ring is made like. Kernels before 5.10 take rings of this size alone. */
struct ring {
	map_int(type, BPF_MAP_TYPE_RINGBUF);
	map_int(max_entries, RING_BYTES);
};

/* Records on their way to user space: a ring for a number of processors each. User space makes the rings, puts them in
 * before it attaches anything, and may put a larger one in the place of another at any time. */
struct {
	map_int(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	map_int(max_entries, 1);
	map_type(key, u32);
	map_values(struct ring);
} rings SEC(".maps");

/* Global variables, as each call that returns asks for them: programs have their addresses in them, and look nothing up. */
struct config config SEC(".data.config") = {};
struct plan plans[PLAN_BANKS] SEC(".data.plans") = {};

/* Some 1.2 MiB. */
struct {
	map_int(type, BPF_MAP_TYPE_ARRAY);
	map_int(max_entries, PLAN_BANKS *FILTERS_PER_BANK);
	map_type(key, u32);
	map_type(value, struct filter);
} filters SEC(".maps");

/* At most some 8 MiB, with as many tests as there may be. */
struct {
	map_int(type, BPF_MAP_TYPE_LPM_TRIE);
	map_int(max_entries, PLAN_BANKS *PATH_TESTS_MAX);
	map_int(map_flags, BPF_F_NO_PREALLOC);
	map_type(key, struct path_key);
	map_type(value, u64);
} path_tests SEC(".maps");

/* Control groups of the configured hierarchy that are known to be none of a container. */
struct {
	map_int(type, BPF_MAP_TYPE_ARRAY);
	map_int(max_entries, HOST_CGROUP_BUCKETS);
	map_type(key, u32);
	map_type(value, struct host_cgroups);
} host_cgroups SEC(".maps");

/* What is read of each call that has no program of its own: native calls, and 32-bit calls from CALL_NUMBERS on. */
enum { CALL_NUMBERS = CALL_BITMAP_WORDS * 64 };

struct {
	map_int(type, BPF_MAP_TYPE_ARRAY);
	map_int(max_entries, 2 * CALL_NUMBERS);
	map_type(key, u32);
	map_type(value, struct call_shape);
} call_shapes SEC(".maps");

struct {
	map_int(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	map_int(max_entries, COUNTERS);
	map_type(key, u32);
	map_type(value, u64);
} counters SEC(".maps");

/* Some 320 KiB; processors take free entries in lots of 128. */
enum { LOSS_SOURCES = 4096 };

struct {
	map_int(type, BPF_MAP_TYPE_LRU_HASH);
	map_int(max_entries, LOSS_SOURCES);
	map_type(key, struct loss_source);
	map_type(value, u64);
} loss_sources SEC(".maps");

struct {
	map_int(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	map_int(max_entries, SLOTS_PER_CPU);
	map_type(key, u32);
	map_type(value, struct composer);
} composers SEC(".maps");

struct {
	map_int(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	map_int(max_entries, SLOTS_PER_CPU);
	map_type(key, u32);
	map_type(value, struct path_buffer);
} path_buffers SEC(".maps");

struct {
	map_int(type, BPF_MAP_TYPE_ARRAY);
	map_int(max_entries, 1);
	map_type(key, u32);
	map_type(value, struct composer);
} snapshot_composer SEC(".maps");

struct {
	map_int(type, BPF_MAP_TYPE_ARRAY);
	map_int(max_entries, 1);
	map_type(key, u32);
	map_type(value, struct path_buffer);
} snapshot_path_buffer SEC(".maps");

static __always_inline struct config *configuration(void)
{
	return &config;
}

/* The plan that holds now. */
static __always_inline u32 current_bank(struct config *configured)
{
	return configured->plan_bank & (PLAN_BANKS - 1);
}

static __always_inline struct plan *plan_in(u32 bank)
{
	return &plans[bank & (PLAN_BANKS - 1)];
}

/* The ring of a processor; NULL where user space has put none. */
static __always_inline void *ring_of(u32 cpu)
{
	struct config *configured = configuration();
	u32 key = 0;

	if (configured->processors_per_ring)
		key = cpu / configured->processors_per_ring;
	return bpf_map_lookup_elem(&rings, &key);
}

static __always_inline struct composer *composer_of(u32 slot)
{
	u32 key = 0;

	if (slot == SLOT_SNAPSHOT) {
		struct composer *composer = bpf_map_lookup_elem(&snapshot_composer, &key);

		keep_apart(composer);
		return composer;
	}
	return bpf_map_lookup_elem(&composers, &slot);
}

/* The buffer for a record that is begun now, by the plan that holds now. */
static __always_inline struct composer *new_composer(u32 slot)
{
	struct composer *composer = composer_of(slot);

	if (composer)
		composer->bank = current_bank(configuration());
	return composer;
}

/* The plan that a record is made by. */
static __always_inline struct plan *plan_of(struct composer *composer)
{
	return plan_in(composer->bank);
}

static __always_inline struct path_buffer *path_buffer_of(u32 slot)
{
	u32 key = 0;

	if (slot == SLOT_SNAPSHOT) {
		struct path_buffer *buffer = bpf_map_lookup_elem(&snapshot_path_buffer, &key);

		keep_apart(buffer);
		return buffer;
	}
	return bpf_map_lookup_elem(&path_buffers, &slot);
}

#endif
