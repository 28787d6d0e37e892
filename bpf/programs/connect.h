/* connect: the socket as the kernel has it afterwards, and the address that was asked for. */
#ifndef EYRIE_CONNECT_H
#define EYRIE_CONNECT_H

#include "filter_described.h"
#include "socket.h"

/* What the start of a connect that no clause wants left for its end, so that the socket is not looked for and tested again. It is
 * good for the very call that it was made in, as long as nothing else ran on the processor: for the same thread, which was not switched
 * in between, under the same plan. Each end takes it away. */
struct foreseen_connect {
	/* What is to be noted of the socket if it is left out. */
	struct socket_past past;
	/* The task's address; 0 for none. */
	u64 task;
	u64 task_start;
	u64 switches;
	u64 generation;
	u32 bank;
	u32 reserved;
};

struct {
	map_int(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	map_int(max_entries, 1);
	map_type(key, u32);
	map_type(value, struct foreseen_connect);
} foreseen_connects SEC(".maps");

static __always_inline struct foreseen_connect *foreseen_connect(void)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&foreseen_connects, &key);
}

static __always_inline u64 switches_of(struct task_struct *task)
{
	return load(task->nvcsw) + load(task->nivcsw);
}

static __always_inline bool has_connected(struct composer *composer)
{
	return composer->call.result == 0 || composer->call.result == -EINPROGRESS;
}

/* Leaves word for the end of the call that no clause wants it. `sock` is the one that the descriptor stands for, and both its ends
 * are noted: its port may be chosen later, and counts as any. */
static __always_inline void foresee_connect(struct composer *composer, struct task_struct *task, struct plan *plan,
					    struct sock *sock)
{
	struct foreseen_connect *foreseen = foreseen_connect();
	struct weighing *weighing = &composer->weighing;
	struct socket *socket = load(sock->sk_socket);
	u16 family = load(sock->__sk_common.skc_family);
	struct file *file = load(socket->file);
	struct socket_past *past;

	/* One that is layered over `sock` has other properties. */
	if (!foreseen || !file || load(socket->sk) != sock)
		return;
	if (!weighing->ends[PLACE_LOCAL].ends || !weighing->ends[PLACE_REMOTE].ends)
		return;
	past = &foreseen->past;
	past->socket = (u64)sock;
	past->inode = load(load(file->f_inode)->i_ino);
	past->role = HISTORY_CLIENT;
	past->family = family;
	past->port = load(sock->__sk_common.skc_dport);
	past->address[0] = load(sock->__sk_common.skc_daddr);
	past->address[1] = 0;
	if (family == AF_INET6 && field_exists(sock->__sk_common.skc_v6_daddr))
		*(struct in6_addr *)past->address = load(sock->__sk_common.skc_v6_daddr);
	foreseen->task = (u64)task;
	foreseen->task_start = start_boot_ns(task);
	foreseen->switches = switches_of(task);
	foreseen->generation = plan->generation;
	foreseen->bank = composer->bank;
}

/* Whether the start of this call, which has ended, left word that no clause wants it. */
static __always_inline bool is_foreseen(struct composer *composer, struct task_struct *task, struct plan *plan)
{
	struct foreseen_connect *foreseen = foreseen_connect();
	u64 noted;

	if (!foreseen)
		return false;
	noted = foreseen->task;
	foreseen->task = 0;
	return noted == (u64)task && has_connected(composer) && foreseen->task_start == start_boot_ns(task) &&
	       foreseen->switches == switches_of(task) && foreseen->generation == plan->generation &&
	       foreseen->bank == composer->bank;
}

/* Remembers that this end connected, and to whom: also while it still does. Returns its history. */
static __always_inline u32 note_connect(struct composer *composer, u64 socket, u64 inode, u16 family,
					const struct endpoint *remote)
{
	struct socket_past now = { .socket = socket, .inode = inode, .role = HISTORY_CLIENT, .family = family };

	if (!has_connected(composer))
		return 0;
	if (!is_internet(family)) {
		note_role(composer, socket, inode, HISTORY_CLIENT);
		return HISTORY_CLIENT;
	}
	now.port = __builtin_bswap16(remote->port);
	__builtin_memcpy(now.address, remote->address, sizeof(now.address));
	return HISTORY_CLIENT | note_peer(composer, &now, true);
}

/* The tests of the socket, which `find_socket` has found, and of the address that was asked for. */
static __always_inline u32 weigh_connect(struct composer *composer)
{
	struct weighing *weighing = &composer->weighing;
	struct filter *filter = filter_of(composer);
	struct internet_address asked = {};
	u32 length = composer->call.arguments[2];

	/* It has no path that could be told. */
	if (!filter || weighing->candidates & filter->with_paths)
		return VERDICT_NEEDED;
	/* The peer that was reached is the one that rules see. */
	if (weighing->ends[PLACE_REMOTE].ends && has_connected(composer))
		return weigh_socket(SLOT_CALL);
	forget(length);
	if (length > sizeof(asked))
		length = sizeof(asked);
	if (bpf_probe_read_user(&asked, length, (void *)composer->call.arguments[1]) != 0)
		return VERDICT_NEEDED;
	note_address(weighing, &asked, length, END_REMOTE);
	/* After a failure the kernel has what is left of a peer, and rules see the one that was asked for. */
	if (weighing->facts & FACT_FAILED && !has_connected(composer) && weighing->ends[PLACE_ASKED].ends)
		weighing->ends[PLACE_REMOTE].ends = 0;
	return weigh_socket(SLOT_CALL);
}

/* What a call that was foreseen, and is left out, leaves behind. */
__noinline int note_foreseen_connect(void)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct foreseen_connect *foreseen = foreseen_connect();

	if (composer && foreseen)
		note_peer(composer, &foreseen->past, true);
	return 0;
}

/* The arguments are in `composer->call`, as connect(2) has them. */
__noinline int on_connect(u32 extra_flags)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct descriptor_info *info;
	struct socket *socket = NULL;
	struct weighing *weighing;
	struct task_struct *task;
	struct file *file;

	if (!composer)
		return 0;
	weighing = &composer->weighing;
	if (weighing->filter || weighing->is_left_out) {
		weighing->first_fd = composer->call.arguments[0];
		if (find_socket(true) && !weighing->is_left_out)
			weighing->is_left_out = weigh_connect(composer) == VERDICT_NOT_NEEDED && leave_out(composer);
		if (weighing->is_left_out) {
			if (composer->call.socket)
				note_connect(composer, composer->call.socket, composer->call.socket_inode,
					     weighing->family, &weighing->remote);
			return 0;
		}
	}
	task = current_task();
	clear(composer, sizeof(composer->connect));
	info = &composer->connect.socket;
	info->fd = composer->call.arguments[0];
	put_requested_address(composer, &composer->connect.requested, composer->call.arguments[1],
			      (u32)composer->call.arguments[2]);
	file = file_of(task, info->fd);
	/* Of its file the inode alone is told: a socket's has no more to say. */
	if (file)
		socket = socket_of(file, &info->file.inode);
	if (socket) {
		put_socket(composer, info, socket);
		info->history |= note_connect(composer, (u64)read_kernel(socket->sk), info->file.inode, info->family,
					      &info->remote);
	}
	put_call_header(composer, task, RECORD_CONNECT, extra_flags);
	return submit(composer);
}

#endif
