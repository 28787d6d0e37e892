/* connect: the socket as the kernel has it afterwards, and the address that was asked for. */
#ifndef EYRIE_CONNECT_H
#define EYRIE_CONNECT_H

#include "filter_described.h"
#include "socket.h"

/* Remembers that this end connected, and to whom: also while it still does. */
static __always_inline void note_connect(struct composer *composer, struct descriptor_info *info, u64 socket)
{
	struct socket_past now = {};
	s64 result = composer->call.result;

	if (result != 0 && result != -EINPROGRESS)
		return;
	info->history = HISTORY_CLIENT;
	if (info->family != AF_INET && info->family != AF_INET6) {
		note_role(composer, socket, info->file.inode, HISTORY_CLIENT);
		return;
	}
	now.inode = info->file.inode;
	now.role = HISTORY_CLIENT;
	now.family = info->family;
	now.port = __builtin_bswap16(info->remote.port);
	__builtin_memcpy(now.address, info->remote.address, sizeof(now.address));
	info->history |= note_peer(composer, socket, &now, true);
}

/* The tests of the socket and of the address that was asked for. */
__noinline u32 weigh_connect(void)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct weighing *weighing;
	struct filter *filter;

	if (!composer)
		return VERDICT_NEEDED;
	weighing = &composer->weighing;
	filter = filter_of(composer);
	/* It has no path that could be told. */
	if (!filter || weighing->candidates & filter->with_paths || composer->header.flags & FLAG_REQUESTED_UNREADABLE)
		return VERDICT_NEEDED;
	note_info(weighing, &composer->connect.socket);
	note_asked(composer, &composer->connect.requested, END_REMOTE);
	return weigh_socket(SLOT_CALL);
}

/* The arguments are in `composer->call`, as connect(2) has them. */
__noinline int on_connect(u32 extra_flags)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct task_struct *task = current_task();
	struct descriptor_info *info;
	struct socket *socket = NULL;
	struct file *file;

	if (!composer)
		return 0;
	clear(composer, sizeof(composer->connect));
	info = &composer->connect.socket;
	info->fd = composer->call.arguments[0];
	if (!composer->weighing.is_left_out)
		put_requested_address(composer, &composer->connect.requested, composer->call.arguments[1],
				      (u32)composer->call.arguments[2]);
	file = file_of(task, info->fd);
	/* Of its file the inode alone is told: a socket's has no more to say. */
	if (file)
		socket = socket_of(file, &info->file.inode);
	if (socket) {
		put_socket(composer, info, socket);
		note_connect(composer, info, (u64)read_kernel(socket->sk));
	}
	if (composer->weighing.is_left_out)
		return 0;
	if (file && composer->weighing.filter && weigh_connect() == VERDICT_NOT_NEEDED && leave_out(composer))
		return 0;
	put_call_header(composer, task, RECORD_CONNECT, extra_flags);
	return submit(composer);
}

#endif
