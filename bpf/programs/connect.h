/* connect: the socket as the kernel has it afterwards, and the address that was asked for. */
#ifndef EYRIE_CONNECT_H
#define EYRIE_CONNECT_H

#include "filter_described.h"
#include "socket.h"

/* Remembers that this end connected, and to whom: also while it still does. Returns its history. */
static __always_inline u32 note_connect(struct composer *composer, u64 socket, u64 inode, u16 family,
					const struct endpoint *remote)
{
	struct socket_past now = { .socket = socket, .inode = inode, .role = HISTORY_CLIENT, .family = family };
	s64 result = composer->call.result;

	if (result != 0 && result != -EINPROGRESS)
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
	forget(length);
	if (length > sizeof(asked))
		length = sizeof(asked);
	if (bpf_probe_read_user(&asked, length, (void *)composer->call.arguments[1]) != 0)
		return VERDICT_NEEDED;
	note_address(weighing, &asked, length, END_REMOTE);
	return weigh_socket(SLOT_CALL);
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
