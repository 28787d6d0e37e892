/* connect: the socket as the kernel has it afterwards, and the address that was asked for. */
#ifndef EYRIE_CONNECT_H
#define EYRIE_CONNECT_H

#include "socket.h"

static __always_inline void put_requested_address(struct composer *composer, struct span *span, u64 address,
						  u64 size)
{
	if (size > SOCKET_ADDRESS_BYTES_MAX) {
		size = SOCKET_ADDRESS_BYTES_MAX;
		composer->header.flags |= FLAG_REQUESTED_TRUNCATED;
	}
	if (!put_user_bytes(composer, span, address, size))
		composer->header.flags |= FLAG_REQUESTED_UNREADABLE;
}

/* Remembers that this end connected, and to whom: also while it still does. */
static __always_inline void note_connect(struct composer *composer, struct connect_record *connect, u64 socket)
{
	struct internet_address peer = {};
	s64 result = composer->call.result;

	if (result != 0 && result != -EINPROGRESS)
		return;
	note_role(socket, connect->inode, HISTORY_CLIENT);
	connect->history = HISTORY_CLIENT;
	if (connect->family != AF_INET && connect->family != AF_INET6)
		return;
	peer.family = connect->family;
	peer.port = __builtin_bswap16(connect->remote.port);
	__builtin_memcpy(connect->family == AF_INET ? peer.ipv4 : peer.ipv6, connect->remote.address, 4);
	if (connect->family == AF_INET6)
		__builtin_memcpy(peer.ipv6 + 4, connect->remote.address + 4, 12);
	connect->history |= note_peer(socket, connect->inode, &peer, false);
}

/* The arguments are in `composer->call`, as connect(2) has them. */
__noinline int on_connect(u32 extra_flags)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct task_struct *task = current_task();
	struct connect_record *connect;
	struct socket *socket = NULL;
	struct file *file;
	u64 inode = 0;

	if (!composer)
		return 0;
	connect = &composer->connect;
	begin_call(composer, task, RECORD_CONNECT, sizeof(*connect), extra_flags);
	connect->fd = composer->call.arguments[0];
	put_requested_address(composer, &connect->requested, composer->call.arguments[1],
			      (u32)composer->call.arguments[2]);
	file = file_of(task, connect->fd);
	if (file)
		socket = socket_of(file, &inode);
	connect->inode = inode;
	if (socket) {
		put_socket(composer, connect, socket);
		note_connect(composer, connect, (u64)read_kernel(socket->sk));
	}
	return submit(composer);
}

#endif
