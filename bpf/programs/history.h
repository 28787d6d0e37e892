/* What sockets did before: who of both ends connected, and who the last peer was. The kernel keeps neither. Noted only
 * while the plan needs it, and forgotten first where it was not used for longest.
 *
 * The table is an array of buckets, for a call of the kernel's LRU costs ten times what is done here. Nothing locks it: two processors
 * that write the same place at once leave one whose checksum is wrong, which is no past. */
#ifndef EYRIE_HISTORY_H
#define EYRIE_HISTORY_H

#include "maps.h"

/* Together 32,768 sockets, in some 1.6 MiB of kernel memory. */
enum { PAST_BUCKETS = 8192, PASTS_PER_BUCKET = 4 };

struct socket_past {
	u64 socket; /* its address; 0 where there is none */
	/* Of the socket that this is the past of: its address may be another socket's by now. */
	u64 inode;
	u64 address[2];
	u32 role;
	u16 family;
	u16 port; /* network order */
	/* When it was used, by the bucket's clock. */
	u32 used;
	u32 checksum;
};

struct past_bucket {
	/* Counts what is noted in it. */
	u32 clock;
	u32 reserved;
	struct socket_past pasts[PASTS_PER_BUCKET];
};

struct {
	map_int(type, BPF_MAP_TYPE_ARRAY);
	map_int(max_entries, PAST_BUCKETS);
	map_type(key, u32);
	map_type(value, struct past_bucket);
} socket_pasts SEC(".maps");

static __always_inline bool keeps_history(struct composer *composer)
{
	return plan_of(composer)->has_socket_history;
}

/* NULL where no past is kept. */
static __always_inline struct past_bucket *past_bucket_of(struct composer *composer, u64 socket)
{
	u32 key = spread(socket) >> 51 & (PAST_BUCKETS - 1);

	if (!keeps_history(composer))
		return NULL;
	return bpf_map_lookup_elem(&socket_pasts, &key);
}

static __always_inline u32 checksum_of(const struct socket_past *past)
{
	u64 sum = past->socket ^ (u64)past->role << 32 ^ (u64)past->family << 16 ^ past->port;

	sum = spread(sum) ^ past->inode;
	sum = spread(sum) ^ past->address[0];
	sum = spread(sum) ^ past->address[1];
	return spread(sum) >> 32;
}

static __always_inline struct socket_past *past_in(struct past_bucket *bucket, u64 socket, u64 inode)
{
	for (u32 index = 0; index < PASTS_PER_BUCKET; index++) {
		struct socket_past *past = &bucket->pasts[index];

		if (past->socket != socket || past->inode != inode || past->checksum != checksum_of(past))
			continue;
		past->used = bucket->clock;
		return past;
	}
	return NULL;
}

/* Where the past of a socket goes that has none: in place of what was at its address, or was not used for longest. */
static __always_inline struct socket_past *new_past_in(struct past_bucket *bucket, u64 socket)
{
	struct socket_past *oldest = &bucket->pasts[0];

	for (u32 index = 0; index < PASTS_PER_BUCKET; index++) {
		struct socket_past *past = &bucket->pasts[index];

		if (past->socket == socket)
			return past;
		if (!past->socket || (oldest->socket && bucket->clock - past->used > bucket->clock - oldest->used))
			oldest = past;
	}
	return oldest;
}

static __always_inline void put_past(struct past_bucket *bucket, struct socket_past *to, const struct socket_past *past)
{
	bucket->clock += 1;
	*to = *past;
	to->used = bucket->clock;
	to->checksum = checksum_of(past);
}

static __always_inline u32 role_of(struct composer *composer, u64 socket, u64 inode)
{
	struct past_bucket *bucket = past_bucket_of(composer, socket);
	struct socket_past *past;

	if (!bucket)
		return 0;
	past = past_in(bucket, socket, inode);
	return past ? past->role : 0;
}

/* Notes the role of a socket that has none, or another one, and returns it; 0 where no past is kept. */
static __always_inline u32 note_role(struct composer *composer, u64 socket, u64 inode, u32 role)
{
	struct socket_past now = { .socket = socket, .inode = inode, .role = role };
	struct past_bucket *bucket = past_bucket_of(composer, socket);
	struct socket_past *past;

	if (!bucket)
		return 0;
	past = past_in(bucket, socket, inode);
	if (past) {
		past->role = role;
		past->checksum = checksum_of(past);
	} else {
		put_past(bucket, new_past_in(bucket, socket), &now);
	}
	return role;
}

/* Notes the peer in `now`, and returns the socket's role, with HISTORY_PEER_CHANGED if the peer was another one the last time;
 * 0 where no past is kept. The role in `now` holds if it `is_certain`, or if the socket has none yet. */
static __always_inline u32 note_peer(struct composer *composer, struct socket_past *now, bool is_certain)
{
	struct past_bucket *bucket = past_bucket_of(composer, now->socket);
	struct socket_past *past;
	u32 changes = 0;

	if (!bucket)
		return 0;
	past = past_in(bucket, now->socket, now->inode);
	if (past) {
		if (past->role && !is_certain)
			now->role = past->role;
		if (past->family && (past->family != now->family || past->port != now->port ||
				     past->address[0] != now->address[0] || past->address[1] != now->address[1]))
			changes = HISTORY_PEER_CHANGED;
	} else {
		past = new_past_in(bucket, now->socket);
	}
	put_past(bucket, past, now);
	return now->role | changes;
}

#endif
