/* What a request of io_uring asks for: arguments as its call would have them, read from the kernel's prepared copy. */
#ifndef EYRIE_URING_REQUEST_H
#define EYRIE_URING_REQUEST_H

#include "uring_files.h"

/* Whether the kernel's copy of an address begins where a request's further data do. That changed without a name that tells:
 * before 6.10 it does, later a header came before it, and updates of 6.18 have taken that away again. The header begins with
 * a pointer of the kernel's, whose lowest bits are those of no family here. */
static __always_inline bool is_address(u64 copied)
{
	struct io_async_msghdr *header = (struct io_async_msghdr *)copied;
	struct io_async_connect *connect = (struct io_async_connect *)copied;
	u16 family = 0;

	if (!copied || !(field_exists(header->vec) || field_exists(connect->address)))
		return false;
	bpf_probe_read_kernel(&family, sizeof(family), (void *)copied);
	return family == AF_UNIX || family == AF_INET || family == AF_INET6;
}

/* The socket address of connect and bind: the kernel's copy where it can be told, else the program's, if that is known. */
static __always_inline void put_uring_address(struct composer *composer, struct io_kiocb *request, u64 user_address,
					      u32 size)
{
	u64 copied = (u64)read_kernel(request->async_data);

	forget(size);
	if (size > SOCKET_ADDRESS_BYTES_MAX)
		size = SOCKET_ADDRESS_BYTES_MAX;
	if (is_address(copied))
		put_kernel_bytes(composer, &composer->detailed.address, (void *)copied, size);
	else
		put_address(composer, user_address, size);
}

/* To whom a message goes, by the kernel's copy. */
static __always_inline void put_uring_peer(struct composer *composer, struct io_kiocb *request)
{
	struct io_async_msghdr *header = (struct io_async_msghdr *)read_kernel(request->async_data);
	void *name = header ? read_kernel(header->msg.msg_name) : NULL;
	u32 size = name ? (u32)read_kernel(header->msg.msg_namelen) : 0;

	forget(size);
	if (size > SOCKET_ADDRESS_BYTES_MAX)
		size = SOCKET_ADDRESS_BYTES_MAX;
	if (size)
		put_kernel_bytes(composer, &composer->detailed.address, name, size);
}

__noinline int put_uring_socket(u64 address, u32 operation)
{
	struct composer *composer = composer_of(SLOT_LIFE);
	struct io_kiocb *request = (struct io_kiocb *)address;
	struct io_socket *socket = command_of(address, io_socket);
	struct io_accept *accept = command_of(address, io_accept);
	struct io_connect *connect = command_of(address, io_connect);
	struct io_bind *bind = command_of(address, io_bind);
	u64 *arguments;

	if (!composer)
		return 0;
	arguments = composer->call.arguments;
	switch (operation) {
	case OPERATION_SOCKET:
		arguments[0] = read_kernel(socket->domain);
		arguments[1] = read_kernel(socket->type) | read_kernel(socket->flags);
		arguments[2] = read_kernel(socket->protocol);
		break;
	case OPERATION_ACCEPT:
		arguments[1] = (u64)read_kernel(accept->addr);
		arguments[2] = (u64)read_kernel(accept->addr_len);
		arguments[3] = read_kernel(accept->flags);
		break;
	case OPERATION_CONNECT:
		arguments[2] = read_kernel(connect->addr_len);
		put_uring_address(composer, request, (u64)read_kernel(connect->addr), arguments[2]);
		break;
	case OPERATION_BIND:
		arguments[2] = read_kernel(bind->addr_len);
		put_uring_address(composer, request, 0, arguments[2]);
		break;
	case OPERATION_LISTEN:
		arguments[1] = read_kernel(command_of(address, io_listen)->backlog);
		break;
	case OPERATION_SHUTDOWN:
		arguments[1] = read_kernel(command_of(address, io_shutdown)->how);
		break;
	}
	return 0;
}

__noinline int put_uring_message(u64 address, u32 operation)
{
	struct composer *composer = composer_of(SLOT_LIFE);
	struct io_kiocb *request = (struct io_kiocb *)address;
	struct io_sr_msg *message = command_of(address, io_sr_msg);
	struct user_message given = {};
	u64 *arguments;

	if (!composer)
		return 0;
	arguments = composer->call.arguments;
	arguments[1] = (u64)read_kernel(message->buf);
	switch (operation) {
	case OPERATION_RECV:
	case OPERATION_RECV_ZC:
	case OPERATION_SEND:
	case OPERATION_SEND_ZC:
		arguments[2] = (u32)read_kernel(message->len);
		arguments[3] = read_kernel(message->msg_flags);
		if (operation == OPERATION_SEND || operation == OPERATION_SEND_ZC)
			put_data(composer, arguments[1], arguments[2], composer->call.result, false);
		break;
	default:
		arguments[2] = read_kernel(message->msg_flags);
		if (operation == OPERATION_RECVMSG)
			return 0;
		bpf_probe_read_user(&given, sizeof(given), (void *)arguments[1]);
		/* Of 32-bit programs it is another structure. */
		if (given.vector_count && !is_compat(current_task()))
			put_vectors(composer, SLOT_LIFE, given.vector, given.vector_count, composer->call.result,
				    false);
	}
	if (operation != OPERATION_RECV && operation != OPERATION_RECV_ZC)
		put_uring_peer(composer, request);
	return 0;
}

__noinline int put_uring_transfer(u64 request, u32 operation)
{
	struct composer *composer = composer_of(SLOT_LIFE);
	struct io_rw *transfer = command_of(request, io_rw);
	struct io_sync *range = command_of(request, io_sync);
	u64 *arguments;

	if (!composer)
		return 0;
	arguments = composer->call.arguments;
	switch (operation) {
	case OPERATION_FALLOCATE:
		arguments[1] = read_kernel(range->mode);
		arguments[2] = read_kernel(range->off);
		arguments[3] = read_kernel(range->len);
		return 0;
	case OPERATION_FTRUNCATE:
		arguments[1] = read_kernel(command_of(request, io_ftrunc)->len);
		return 0;
	case OPERATION_FSYNC:
		return 0;
	}
	arguments[1] = read_kernel(transfer->addr);
	arguments[2] = read_kernel(transfer->len);
	if (operation == OPERATION_WRITE || operation == OPERATION_WRITE_FIXED)
		put_data(composer, arguments[1], arguments[2], composer->call.result, false);
	else if ((operation == OPERATION_WRITEV || operation == OPERATION_WRITEV_FIXED) && arguments[2] &&
		 !is_compat(current_task()))
		put_vectors(composer, SLOT_LIFE, arguments[1], arguments[2], composer->call.result, false);
	return 0;
}

/* Everything that is read of the request at `address`. */
static __always_inline void put_uring_arguments(u64 address, u32 operation)
{
	switch (operation) {
	case OPERATION_OPENAT:
	case OPERATION_OPENAT2:
		put_uring_open(address);
		break;
	case OPERATION_UNLINKAT:
	case OPERATION_MKDIRAT:
		put_uring_one_path(address, operation);
		break;
	case OPERATION_RENAMEAT:
	case OPERATION_LINKAT:
		put_uring_two_paths(address, operation);
		break;
	case OPERATION_SYMLINKAT:
		put_uring_symbolic_link(address);
		break;
	case OPERATION_SOCKET:
	case OPERATION_ACCEPT:
	case OPERATION_CONNECT:
	case OPERATION_BIND:
	case OPERATION_LISTEN:
	case OPERATION_SHUTDOWN:
		put_uring_socket(address, operation);
		break;
	case OPERATION_SEND:
	case OPERATION_SENDMSG:
	case OPERATION_SEND_ZC:
	case OPERATION_SENDMSG_ZC:
	case OPERATION_RECV:
	case OPERATION_RECVMSG:
	case OPERATION_RECV_ZC:
		put_uring_message(address, operation);
		break;
	case OPERATION_CLOSE:
		break;
	default:
		put_uring_transfer(address, operation);
	}
}

#endif
