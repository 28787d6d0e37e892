/* connect: the socket as the kernel has it afterwards, and the address that was asked for. */
#ifndef EYRIE_CONNECT_H
#define EYRIE_CONNECT_H

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
		note_role(socket, info->file.inode, HISTORY_CLIENT);
		return;
	}
	now.inode = info->file.inode;
	now.role = HISTORY_CLIENT;
	now.family = info->family;
	now.port = __builtin_bswap16(info->remote.port);
	__builtin_memcpy(now.address, info->remote.address, sizeof(now.address));
	info->history |= note_peer(socket, &now, true);
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
	begin_call(composer, task, RECORD_CONNECT, sizeof(composer->connect), extra_flags);
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
		note_connect(composer, info, (u64)read_kernel(socket->sk));
	}
	return submit(composer);
}

#endif
