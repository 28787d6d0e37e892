/* connect as it starts: what it returns may be a minute away, and who is connected to is known now. Only of sockets that
 * block: the others' calls return at once. Internet sockets alone have the tracepoint, and the registers of the
 * call are had from 5.15 on. The record of the end follows. */
#ifndef EYRIE_CONNECT_START_H
#define EYRIE_CONNECT_START_H

#include "call.h"

/* Whether the current thread is in a call of connect that is recorded; the call is in `composer->call` then. Sockets are
 * also connected by sends with MSG_FASTOPEN, by io_uring, and by the kernel for itself. */
static __always_inline bool is_in_connect(struct composer *composer, struct task_struct *task, struct config *configured)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	bool compat = is_compat(task);
	s64 number;

	/* Threads that the kernel made have no registers of a call, or those of another thread. */
	if (load(task->flags) & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))
		return false;
	number = call_number(regs);
	composer->call.flags = FLAG_HAS_CALL | (compat ? FLAG_COMPAT32 : 0);
#if defined(__TARGET_ARCH_x86)
	if (!compat && number > 0 && number & X32_BIT) {
		number &= ~(s64)X32_BIT;
		composer->call.flags |= FLAG_X32;
	}
#endif
	if (number < 0 || !is_connect(number, compat))
		return false;
	composer->call.number = number;
	composer->call.result = -EINPROGRESS;
	call_arguments(regs, compat, composer->call.arguments);
	if (compat && number == COMPAT_SOCKETCALL) {
		see_through_socketcall(composer);
		number = composer->call.number;
	}
	if (number != (compat ? COMPAT_CONNECT : NATIVE_CONNECT))
		return false;
	/* One that is shed is counted when it ends. */
	return has_bit(compat ? configured->compat_calls : configured->calls, number) &&
	       !has_bit(compat ? configured->compat_shed_calls : configured->shed_calls, number);
}

SEC("tp_btf/inet_sock_set_state")
int connect_start(u64 *context)
{
	struct sock *sock = (void *)context[0];
	struct task_struct *task = current_task();
	struct config *configured = configuration();
	struct composer *composer = composer_of(SLOT_LIFE);
	struct connect_record *connect;
	struct socket *socket;
	struct inode *inode;
	struct file *file;

	if ((s32)context[1] != TCP_CLOSE || (s32)context[2] != TCP_SYN_SENT || !configured || !composer)
		return 0;
	if ((u32)load(task->tgid) == configured->own_tgid || !is_in_connect(composer, task, configured))
		return 0;
	socket = load(sock->sk_socket);
	file = load(socket->file);
	/* A socket that the kernel uses on behalf of the program's has no file of its own. */
	if (!file)
		file = file_of(task, composer->call.arguments[0]);
	if (!file || read_kernel(file->f_flags) & O_NONBLOCK)
		return 0;
	connect = &composer->connect;
	begin_call(composer, task, RECORD_CONNECT, sizeof(*connect), FLAG_STARTED_ONLY);
	connect->fd = composer->call.arguments[0];
	inode = read_kernel(file->f_inode);
	connect->inode = read_kernel(inode->i_ino);
	connect->family = load(sock->__sk_common.skc_family);
	connect->type = load(sock->sk_type);
	connect->protocol = load(sock->sk_protocol);
	connect->state = TCP_SYN_SENT;
	put_internet(&connect->local, &connect->remote, connect->family, sock);
	return submit(composer);
}

#endif
