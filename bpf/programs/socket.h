/* What is behind a descriptor of a socket. */
#ifndef EYRIE_SOCKET_H
#define EYRIE_SOCKET_H

#include "file.h"
#include "history.h"

static __always_inline struct socket *socket_of(struct file *file, u64 *inode_number)
{
	struct beginning start;
	struct socket *socket;
	struct inode *inode;

	read_beginning(&start, file);
	inode = field_in(&start, file->f_inode);
	/* A Unix socket in a directory has the same type of file. It can be opened with O_PATH alone, and has nothing here. */
	socket = field_in(&start, file->private_data);
	if (!socket)
		return NULL;
	read_beginning(&start, inode);
	if ((field_in(&start, inode->i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	*inode_number = field_in(&start, inode->i_ino);
	return socket;
}

/* Both ends of an internet socket of which the beginning was read. */
static __always_inline void put_internet(struct endpoint *local, struct endpoint *remote, u16 family,
					 struct sock *sock, struct beginning *start)
{
	u16 port = field_in(start, sock->__sk_common.skc_dport);

	remote->port = __builtin_bswap16(port);
	local->port = field_in(start, sock->__sk_common.skc_num);
	local->scope_id = remote->scope_id = field_in(start, sock->__sk_common.skc_bound_dev_if);
	if (family == AF_INET) {
		*(u32 *)local->address = field_in(start, sock->__sk_common.skc_rcv_saddr);
		*(u32 *)remote->address = field_in(start, sock->__sk_common.skc_daddr);
	} else if (field_exists(sock->__sk_common.skc_v6_daddr)) {
		*(struct in6_addr *)local->address = field_in(start, sock->__sk_common.skc_v6_rcv_saddr);
		*(struct in6_addr *)remote->address = field_in(start, sock->__sk_common.skc_v6_daddr);
	}
}

/* struct sockaddr that the program has. */
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

/* Name of a Unix socket: its path, or a NUL byte and an abstract name. */
static __always_inline void put_unix_name(struct composer *composer, struct span *span, struct unix_sock *sock)
{
	struct unix_address *address = read_kernel(sock->addr);
	s32 length;

	if (!address)
		return;
	length = read_kernel(address->len) - (s32)sizeof(u16);
	if (length <= 0 || length > (s32)sizeof(((struct sockaddr_un *)0)->sun_path))
		return;
	put_kernel_bytes(composer, span, (void *)((u64)&address->name[0] + sizeof(u16)), length);
}

static __always_inline void put_unix_names(struct composer *composer, struct span *local, struct span *remote,
					   struct sock *sock)
{
	struct unix_sock *own = (struct unix_sock *)sock;
	struct unix_sock *peer = (struct unix_sock *)read_kernel(own->peer);

	put_unix_name(composer, local, own);
	if (peer)
		put_unix_name(composer, remote, peer);
}

/* Fills in what there is of a socket. */
static __always_inline void put_socket(struct composer *composer, struct descriptor_info *info, struct socket *socket)
{
	struct sock *sock = read_kernel(socket->sk);
	struct beginning start;

	if (!sock)
		return;
	read_beginning(&start, sock);
	info->family = field_in(&start, sock->__sk_common.skc_family);
	info->state = field_in(&start, sock->__sk_common.skc_state);
	info->type = read_kernel(sock->sk_type);
	info->protocol = read_kernel(sock->sk_protocol);
	if (info->family == AF_INET || info->family == AF_INET6)
		put_internet(&info->local, &info->remote, info->family, sock, &start);
	else if (info->family == AF_UNIX)
		put_unix_names(composer, &info->local_name, &info->remote_name, sock);
}

/* net/tcp_states.h; Unix sockets use it as well. */
enum { TCP_LISTEN = 10 };

/* Who waits to be accepted. */
static __always_inline void put_queue(struct detailed_call_record *record, struct sock *sock)
{
	if (!sock || read_kernel(sock->__sk_common.skc_state) != TCP_LISTEN)
		return;
	record->queue_length = read_kernel(sock->sk_ack_backlog);
	record->queue_limit = read_kernel(sock->sk_max_ack_backlog);
}

#endif
