/* connect: the socket as the kernel has it afterwards, and the address that was asked for. */
#ifndef EYRIE_CONNECT_H
#define EYRIE_CONNECT_H

#include "file.h"

static __always_inline struct socket *socket_of(struct file *file, u64 *inode_number)
{
	struct inode *inode = read_kernel(file->f_inode);
	struct super_block *super = read_kernel(inode->i_sb);

	/* A Unix socket in a directory has the same file type; one that is open is on sockfs. */
	if ((read_kernel(inode->i_mode) & S_IFMT) != S_IFSOCK || read_kernel(super->s_magic) != SOCKFS_MAGIC)
		return NULL;
	*inode_number = read_kernel(inode->i_ino);
	return read_kernel(file->private_data);
}

static __always_inline void put_internet(struct connect_record *connect, struct sock *sock)
{
	struct sock_common *common = &sock->__sk_common;
	u16 port = read_kernel(common->skc_dport);

	connect->remote.port = __builtin_bswap16(port);
	connect->local.port = read_kernel(common->skc_num);
	connect->local.scope_id = connect->remote.scope_id = read_kernel(common->skc_bound_dev_if);
	if (connect->family == AF_INET) {
		bpf_probe_read_kernel(connect->local.address, 4, &common->skc_rcv_saddr);
		bpf_probe_read_kernel(connect->remote.address, 4, &common->skc_daddr);
	} else if (field_exists(common->skc_v6_daddr)) {
		bpf_probe_read_kernel(connect->local.address, 16, &common->skc_v6_rcv_saddr);
		bpf_probe_read_kernel(connect->remote.address, 16, &common->skc_v6_daddr);
	}
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

static __always_inline void put_socket(struct composer *composer, struct connect_record *connect,
				       struct socket *socket)
{
	struct sock *sock = read_kernel(socket->sk);

	if (!sock)
		return;
	connect->family = read_kernel(sock->__sk_common.skc_family);
	connect->state = read_kernel(sock->__sk_common.skc_state);
	connect->type = read_kernel(sock->sk_type);
	connect->protocol = read_kernel(sock->sk_protocol);
	if (connect->family == AF_INET || connect->family == AF_INET6) {
		put_internet(connect, sock);
	} else if (connect->family == AF_UNIX) {
		struct unix_sock *own = (struct unix_sock *)sock;
		struct unix_sock *peer = (struct unix_sock *)read_kernel(own->peer);

		put_unix_name(composer, &connect->local_name, own);
		if (peer)
			put_unix_name(composer, &connect->remote_name, peer);
	}
}

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

/* The arguments are in `composer->call`, as connect(2) has them. */
__noinline int on_connect(u32 extra_flags)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct task_struct *task = bpf_get_current_task_btf();
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
	if (socket)
		put_socket(composer, connect, socket);
	return submit(composer);
}

#endif
