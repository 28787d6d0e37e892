/* The maps, and the buffers in which records are composed. */
#ifndef EYRIE_MAPS_H
#define EYRIE_MAPS_H

#include "kernel.h"
#include "layout.h"

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
	u64 arguments[6];
	s64 result;
	u32 number;
	u32 flags;
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

struct composer {
	/* Bytes of the record so far: never more than this leaves the kernel, so that what an earlier record left behind
	 * in the buffer stays there. */
	u32 length;
	struct walk walk;
	struct call call;
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

struct {
	map_int(type, BPF_MAP_TYPE_ARRAY);
	map_int(max_entries, 1);
	map_type(key, u32);
	map_type(value, struct config);
} config SEC(".maps");

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
	u32 key = 0;

	return bpf_map_lookup_elem(&config, &key);
}

/* The ring of a processor; NULL where user space has put none. */
static __always_inline void *ring_of(u32 cpu)
{
	struct config *configured = configuration();
	u32 key = 0;

	if (configured && configured->processors_per_ring)
		key = cpu / configured->processors_per_ring;
	return bpf_map_lookup_elem(&rings, &key);
}

static __always_inline struct composer *composer_of(u32 slot)
{
	u32 key = 0;

	if (slot == SLOT_SNAPSHOT)
		return bpf_map_lookup_elem(&snapshot_composer, &key);
	return bpf_map_lookup_elem(&composers, &slot);
}

static __always_inline struct path_buffer *path_buffer_of(u32 slot)
{
	u32 key = 0;

	if (slot == SLOT_SNAPSHOT)
		return bpf_map_lookup_elem(&snapshot_path_buffer, &key);
	return bpf_map_lookup_elem(&path_buffers, &slot);
}

#endif
