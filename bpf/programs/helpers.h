/* The few things that libbpf's headers would give us, so that a build needs nothing but clang. */
#ifndef EYRIE_HELPERS_H
#define EYRIE_HELPERS_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int s32;
typedef signed long long s64;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)

#define SEC(name) __attribute__((section(name), used))
#define __always_inline inline __attribute__((always_inline))
/* A function of its own for the verifier: with external linkage it is verified once, whoever calls it. */
#define __noinline __attribute__((noinline))

#define static_assert _Static_assert
#define offset_of(type, member) __builtin_offsetof(type, member)

/* Makes clang forget what it derived about a number, so that the check before an access stays where the verifier
 * sees it. */
#define forget(number) asm volatile("" : "+r"(number))

/* Keeps clang from making one call of two with different maps, which the kernel would have to ask for the kind of map each time. */
#define keep_apart(address) asm volatile("" : "+r"(address))

/* Spreads a number over all bits of a word, of which the highest are the best: `head_number` of src/filter/paths.rs and `bucket_of` of
 * src/host_cgroups.rs do the same. */
static __always_inline u64 spread(u64 number)
{
	return number * 0x9e3779b97f4a7c15ULL;
}

/* Makes clang read memory anew, from which even an address comes back as a plain number. */
#define forget_memory() asm volatile("" : : : "memory")

/* Map definitions: the loader reads the types' sizes from BTF. */
#define map_int(name, value) int (*name)[value]
#define map_type(name, type) typeof(type) *name
/* Of a map of maps: what its values are made like. */
#define map_values(type) typeof(type) *values[]

enum bpf_map_type_number {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum bpf_ringbuf_flag {
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
};

enum bpf_map_update_flag {
	BPF_NOEXIST = 1,
};

/* Of a map: entries are allocated as they come. */
enum bpf_map_flag {
	BPF_F_NO_PREALLOC = 1,
};

enum bpf_ringbuf_query_flag {
	BPF_RB_AVAIL_DATA = 0,
	BPF_RB_RING_SIZE = 1,
};

struct seq_file;
struct task_struct;

/* Numbers from include/uapi/linux/bpf.h, which never change. */
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static u32 (*bpf_get_prandom_u32)(void) = (void *)7;
static u32 (*bpf_get_smp_processor_id)(void) = (void *)8;
static long (*bpf_get_current_comm)(void *to, u32 size) = (void *)16;
static long (*bpf_probe_read_user)(void *to, u32 size, const void *from) = (void *)112;
static long (*bpf_probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static long (*bpf_probe_read_user_str)(void *to, u32 size, const void *from) = (void *)114;
static long (*bpf_probe_read_kernel_str)(void *to, u32 size, const void *from) = (void *)115;
static u64 (*bpf_ktime_get_boot_ns)(void) = (void *)125;
static long (*bpf_seq_write)(struct seq_file *file, const void *from, u32 size) = (void *)127;
static long (*bpf_ringbuf_output)(void *ring, void *from, u64 size, u64 flags) = (void *)130;
static u64 (*bpf_ringbuf_query)(void *ring, u64 flags) = (void *)134;
static u64 (*bpf_get_current_task)(void) = (void *)35;
static struct task_struct *(*bpf_get_current_task_btf)(void) = (void *)158;
static u64 (*bpf_task_pt_regs)(struct task_struct *task) = (void *)175;
static long (*bpf_copy_from_user_task)(void *to, u32 size, const void *from, struct task_struct *task,
				       u64 flags) = (void *)191;

/* Whether the running kernel's structure has this field; a constant once the program is loaded. */
#define field_exists(field) __builtin_preserve_field_info(field, 2)
/* Size of a type in the running kernel; the argument is of the type. */
#define kernel_size_of(type) __builtin_preserve_type_info(*(typeof(type) *)0, 1)

/* Whether the running kernel has this value of an enum, and what it is there. */
#define enum_value_exists(type, value) __builtin_preserve_enum_value(*(typeof(type) *)value, 0)
#define kernel_enum_value(type, value) __builtin_preserve_enum_value(*(typeof(type) *)value, 1)

/* A field of a structure that the verifier does not know as such (reached through a plain number). Zero where the
 * memory cannot be read. */
#define read_kernel(field)                                                     \
	({                                                                     \
		typeof(field) value_;                                          \
		__builtin_memset(&value_, 0, sizeof(value_));                  \
		bpf_probe_read_kernel(&value_, sizeof(value_), &(field));      \
		value_;                                                        \
	})

/* The beginning of a structure of the kernel's, read at once: a read costs more than the bytes that it reads. */
struct beginning {
	u64 words[12];
};

static __always_inline void read_beginning(struct beginning *beginning, const void *address)
{
	if (bpf_probe_read_kernel(beginning, sizeof(*beginning), address) != 0)
		__builtin_memset(beginning, 0, sizeof(*beginning));
}

/* A field of a structure whose beginning was read. Where it lies varies: if it lies further back, it is read by itself. */
#define field_in(read, field)                                                                    \
	({                                                                                       \
		u64 at_ = __builtin_preserve_field_info(field, 0);                               \
		typeof(field) picked_;                                                           \
		if (at_ <= sizeof(struct beginning) - sizeof(picked_))                           \
			picked_ = *(typeof(field) *)((u64)(read) + at_);                         \
		else                                                                             \
			picked_ = read_kernel(field);                                            \
		picked_;                                                                         \
	})

/* The current task, and a field of something that is reached from it. The fuller object knows the task's type, and
 * loads cost next to nothing; the baseline is for kernels whose helper tells a mere number, and reads memory. It does not see calls as
 * they start. */
#ifdef EYRIE_BASELINE
#define current_task() ((struct task_struct *)bpf_get_current_task())
#define load(field) read_kernel(field)
enum { HAS_STARTS = false };
#else
#define current_task() bpf_get_current_task_btf()
#define load(field) (field)
enum { HAS_STARTS = true };
#endif

#endif
