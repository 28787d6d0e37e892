/* What belongs to a plan: which calls are recorded, how much of them, and under which conditions. There are two banks of it: user
 * space writes the one that does not hold, and then says that it does. `src/filter/` and `src/config.rs` have the other side. */
#ifndef EYRIE_PLAN_LAYOUT_H
#define EYRIE_PLAN_LAYOUT_H

#include "layout.h"

enum plan_limit {
	PLAN_BANKS = 2,
	/* Number 0 means none. */
	FILTERS_PER_BANK = 64,
	CLAUSES_MAX = 16,
	VALUE_TESTS_MAX = 3,
	/* Of all clauses of a filter, different ones. */
	FILTER_VALUE_TESTS_MAX = CLAUSES_MAX * VALUE_TESTS_MAX,
	VALUES_MAX = 6,
	NETWORK_TESTS_MAX = 6,
	/* What an LPM trie has room for behind the first bytes of our keys. */
	PATH_KEY_BYTES = 252,
	/* A path that is longer than this, normalised, is not tested. The NUL behind it fits as well, in whole words. */
	TESTABLE_BYTES_MAX = 247,
	SUFFIX_BYTES_MAX = 48,
	PARTS_OF_PATHS_MAX = 4,
	/* A power of two. */
	PATH_HEADS = 128,
	PATH_TESTS_MAX = 8192,
	HOST_CGROUP_BUCKETS = 8192,
	HOST_CGROUPS_PER_BUCKET = 4,
};

/* An entry of the map `plans`. */
struct plan {
	u64 generation;
	/* Of 2^32 records that the filters would leave out, how many are made and marked; 2^32 itself is all of them. */
	u64 marked_share;
	u32 max_argument_bytes;
	u32 max_environment_bytes;
	/* How much of the data that calls move is read. */
	u32 max_data_bytes;
	/* Whether what sockets did before is kept and told. */
	u32 has_socket_history;
	/* A bit for each call number: what is recorded, and what of it bears state. */
	u64 calls[CALL_BITMAP_WORDS];
	u64 compat_calls[CALL_BITMAP_WORDS];
	u64 state_calls[CALL_BITMAP_WORDS];
	u64 compat_state_calls[CALL_BITMAP_WORDS];
	/* The number of a call's filter. */
	u8 filters[CALL_BITMAP_WORDS * 64];
	u8 compat_filters[CALL_BITMAP_WORDS * 64];
};

/* What is known of a call that has ended. */
enum fact {
	FACT_SUCCEEDED = 1 << 0,
	FACT_FAILED = 1 << 1,
};

/* What a number is tested of: arguments 0 to 5, and these. */
enum subject {
	SUBJECT_RESULT = 6,
	SUBJECT_OPEN_FLAGS = 7,
	SUBJECT_USER = 8,
	SUBJECTS = 9,
};

struct value_test {
	u64 mask;
	/* One of them it is, masked. What is not used repeats the first. */
	u64 values[VALUES_MAX];
	/* Those that do not hold if it fails. */
	u32 clauses;
	u8 subject;
	/* It is not zero, masked; `values` do not count. */
	u8 is_nonzero;
	u8 reserved[2];
};

enum end {
	END_LOCAL = 1 << 0,
	END_REMOTE = 1 << 1,
};

/* Addresses in network order, those of IPv4 in the first four bytes. */
struct network_test {
	u64 address[2]; /* masked */
	u64 mask[2];
	u16 first_port;
	u16 last_port;
	u8 version; /* 4, 6, or 0 for any address */
	u8 ends;
	/* Holds for what is not in the network, and for a socket without such an end. */
	u8 is_outside;
	u8 reserved;
};

/* Tests of a socket, all of which have to hold. The other tests of a clause are in the filter, and those of paths in the map
 * `path_tests`. */
struct clause {
	u8 network_count;
	u8 has_inside; /* one of the networks is not `is_outside`: one of these has to hold */
	u8 has_protocols;
	u8 reserved[5];
	u64 families; /* a bit for each AF_*; 0 for any socket, or none */
	u64 protocols[4];
	struct network_test networks[NETWORK_TESTS_MAX];
};

enum filter_need {
	NEED_USER = 1 << 0,
	NEED_PROTOCOL = 1 << 1,
};

/* Which path of a call is tested, and from which end. */
enum tested_path {
	TESTED_FIRST = 0,
	TESTED_FIRST_BACKWARD = 1,
	TESTED_SECOND = 2,
	TESTED_SECOND_BACKWARD = 3,
	TESTED_KINDS = 4,
};

/* Bytes that a path has somewhere: eight of them, those that do not count being zero in both. */
struct path_part {
	u64 bytes;
	u64 mask;
	/* Two bytes that it has one after the other, eight times each: a path without them is not searched for the part. */
	u64 first;
	u64 second;
	u32 clauses;
	u32 reserved;
};

/* An entry of the map `filters`: clauses of which one has to hold. Sets of clauses have a bit for each. */
struct filter {
	u32 clause_count;
	u32 needs;
	u32 with_paths;
	u32 with_sockets;
	u32 tested_paths[TESTED_KINDS];
	/* Those that hold if the first or the second path, as it was given, has `..` in it. */
	u32 with_dotdot[2];
	/* Those whose tests of the first path may hold for the kernel's path of what was opened. */
	u32 tries_resolved;
	/* Those with a part of a single byte. */
	u32 with_short_parts;
	/* Those that hold if the first or the second path has one of `parts`, and if it is directly in the root directory. */
	u32 with_parts[2];
	u32 in_root[2];
	/* Those that hold only if the call failed, if it succeeded, and if it is not known to be made outside of containers. */
	u32 if_failed;
	u32 if_succeeded;
	u32 in_containers;
	u32 value_count;
	/* Those with tests of paths of less than four bytes. */
	u32 short_paths[TESTED_KINDS];
	/* Those with tests of paths whose first eight bytes, or four if there are no more than seven, come to this number: without any,
	 * a path is not looked up. */
	u16 heads[TESTED_KINDS][PATH_HEADS];
	struct path_part parts[PARTS_OF_PATHS_MAX];
	struct value_test values[FILTER_VALUE_TESTS_MAX];
	struct clause clauses[CLAUSES_MAX];
};

/* An entry of the map `host_cgroups`: groups whose ids come to the same number. Looked up without a call, which costs more here than all
 * that it does. Each has its complement beside it, so that one that is being written is none. */
struct host_cgroups {
	u64 ids[HOST_CGROUPS_PER_BUCKET];
	u64 complements[HOST_CGROUPS_PER_BUCKET];
};

/* A key of the map `path_tests`; the value has the bits of the clauses that hold for what begins so. */
struct path_key {
	u32 bits; /* that count, of what follows */
	u8 bank;
	u8 filter;
	u8 kind; /* TESTED_* */
	u8 reserved;
	u8 bytes[PATH_KEY_BYTES];
};

#endif
