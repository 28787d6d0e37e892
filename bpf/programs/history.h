/* What sockets did before: who of both ends connected, and who the last peer was. The kernel keeps neither. Noted only
 * while the plan needs it, and forgotten first where it was not used for longest. */
#ifndef EYRIE_HISTORY_H
#define EYRIE_HISTORY_H

#include "maps.h"

/* Sockets that are remembered: about 2 MiB of kernel memory. */
enum { SOCKETS_MAX = 16384 };

struct socket_past {
	/* Of the socket that this is the past of: its address may be another socket's by now. */
	u64 inode;
	u32 role;
	u16 family;
	u16 port; /* network order */
	u8 address[16];
};

struct {
	map_int(type, BPF_MAP_TYPE_LRU_HASH);
	map_int(max_entries, SOCKETS_MAX);
	map_type(key, u64);
	map_type(value, struct socket_past);
} socket_pasts SEC(".maps");

static __always_inline bool keeps_history(struct composer *composer)
{
	struct plan *plan = plan_of(composer);

	return plan && plan->has_socket_history;
}

static __always_inline struct socket_past *past_of(struct composer *composer, u64 socket, u64 inode)
{
	struct socket_past *past;

	if (!keeps_history(composer))
		return NULL;
	past = bpf_map_lookup_elem(&socket_pasts, &socket);
	return past && past->inode == inode ? past : NULL;
}

static __always_inline u32 role_of(struct composer *composer, u64 socket, u64 inode)
{
	struct socket_past *past = past_of(composer, socket, inode);

	return past ? past->role : 0;
}

/* Notes the role of a socket that has none, or another one, and returns it; 0 where no past is kept. */
static __always_inline u32 note_role(struct composer *composer, u64 socket, u64 inode, u32 role)
{
	struct socket_past *past = past_of(composer, socket, inode);
	struct socket_past first = {};

	if (!keeps_history(composer))
		return 0;
	if (past) {
		past->role = role;
		return role;
	}
	first.inode = inode;
	first.role = role;
	bpf_map_update_elem(&socket_pasts, &socket, &first, 0);
	return role;
}

/* Notes the peer in `now`, and returns the socket's role, with HISTORY_PEER_CHANGED if the peer was another one the last time;
 * 0 where no past is kept. The role in `now` holds if it `is_certain`, or if the socket has none yet. */
static __always_inline u32 note_peer(struct composer *composer, u64 socket, struct socket_past *now,
				     bool is_certain)
{
	struct socket_past *past = past_of(composer, socket, now->inode);
	u32 changes = 0;

	if (!keeps_history(composer))
		return 0;
	if (past) {
		u64 *before = (u64 *)past->address, *after = (u64 *)now->address;

		if (past->role && !is_certain)
			now->role = past->role;
		if (past->family && (past->family != now->family || past->port != now->port ||
				     before[0] != after[0] || before[1] != after[1]))
			changes = HISTORY_PEER_CHANGED;
	}
	bpf_map_update_elem(&socket_pasts, &socket, now, 0);
	return now->role | changes;
}

#endif
