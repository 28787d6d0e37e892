/* What is behind a descriptor of a socket. */
#ifndef EYRIE_SOCKET_H
#define EYRIE_SOCKET_H

#include "file.h"
#include "history.h"

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

static __always_inline void put_internet(struct endpoint *local, struct endpoint *remote, u16 family,
					 struct sock *sock)
{
	struct sock_common *common = &sock->__sk_common;
	u16 port = read_kernel(common->skc_dport);

	remote->port = __builtin_bswap16(port);
	local->port = read_kernel(common->skc_num);
	local->scope_id = remote->scope_id = read_kernel(common->skc_bound_dev_if);
	if (family == AF_INET) {
		bpf_probe_read_kernel(local->address, 4, &common->skc_rcv_saddr);
		bpf_probe_read_kernel(remote->address, 4, &common->skc_daddr);
	} else if (field_exists(common->skc_v6_daddr)) {
		bpf_probe_read_kernel(local->address, 16, &common->skc_v6_rcv_saddr);
		bpf_probe_read_kernel(remote->address, 16, &common->skc_v6_daddr);
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

static __always_inline void put_unix_names(struct composer *composer, struct span *local, struct span *remote,
					   struct sock *sock)
{
	struct unix_sock *own = (struct unix_sock *)sock;
	struct unix_sock *peer = (struct unix_sock *)read_kernel(own->peer);

	put_unix_name(composer, local, own);
	if (peer)
		put_unix_name(composer, remote, peer);
}

/* Fills in what there is of a socket. `into` is a record or a part of one that has its fields. */
#define put_socket(composer, into, socket)                                                                      \
	({                                                                                                       \
		struct sock *sock_ = read_kernel((socket)->sk);                                                  \
                                                                                                                 \
		if (sock_) {                                                                                     \
			(into)->family = read_kernel(sock_->__sk_common.skc_family);                             \
			(into)->state = read_kernel(sock_->__sk_common.skc_state);                               \
			(into)->type = read_kernel(sock_->sk_type);                                              \
			(into)->protocol = read_kernel(sock_->sk_protocol);                                      \
			if ((into)->family == AF_INET || (into)->family == AF_INET6)                             \
				put_internet(&(into)->local, &(into)->remote, (into)->family, sock_);            \
			else if ((into)->family == AF_UNIX)                                                      \
				put_unix_names(composer, &(into)->local_name, &(into)->remote_name, sock_);      \
		}                                                                                                \
	})

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
