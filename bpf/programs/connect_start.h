/* connect as it starts: what it returns may be a minute away, and who is connected to is known now. Only of sockets that
 * block: the others' calls return at once. Internet sockets alone have the tracepoint, and the registers of the
 * call are had from 5.15 on. The record of the end follows. */
#ifndef EYRIE_CONNECT_START_H
#define EYRIE_CONNECT_START_H

#include "call.h"

/* Whether the current thread is in a call of connect that is recorded; the call is in `composer->call` then. Sockets are
 * also connected by sends with MSG_FASTOPEN, by io_uring, and by the kernel for itself. */
static __always_inline bool is_in_connect(struct composer *composer, struct task_struct *task, struct config *configured,
					  struct plan *plan)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	bool compat = is_compat(task);
	s64 number;

	/* Threads that the kernel made have no registers of a call, or those of another thread. */
	if (load(task->flags) & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))
		return false;
	number = numbered_call(regs, compat, &composer->call.flags);
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
	return is_recorded(plan, number, compat) && !is_shed(configured, number, compat);
}

/* Whether the filter of the call wants its start: as of any call that has not ended. What no end can change is left for the end. */
static __always_inline bool is_start_needed(struct composer *composer, struct task_struct *task, struct plan *plan,
					    struct sock *sock)
{
	u32 filter = filter_number(plan, composer->call.number, is_of_32_bits(composer));
	u32 verdict;

	if (!filter)
		return true;
	begin_weighing(composer, filter, false);
	verdict = weigh_numbers(SLOT_LIFE);
	if (verdict == VERDICT_NEEDED)
		return true;
	note_known_socket(&composer->weighing, sock);
	if (verdict == VERDICT_OPEN)
		verdict = weigh_socket(SLOT_LIFE);
	if (verdict != VERDICT_NOT_NEEDED)
		return true;
	foresee_connect(composer, task, plan, sock);
	/* A call that is left out is counted when it ends. */
	return is_marked(composer);
}

SEC("tp_btf/inet_sock_set_state")
int connect_start(u64 *context)
{
	struct sock *sock = (void *)context[0];
	struct task_struct *task;
	struct config *configured;
	struct composer *composer;
	struct descriptor_info *info;
	struct socket *socket;
	struct inode *inode;
	struct beginning start;
	struct file *file;
	struct plan *plan;

	/* One change in six, so that nothing is asked before. */
	if ((s32)context[1] != TCP_CLOSE || (s32)context[2] != TCP_SYN_SENT)
		return 0;
	configured = configuration();
	/* Only from here on: other changes of state come in interrupts too, amid a record that is composed in this buffer. */
	composer = new_composer(SLOT_LIFE);
	if (!composer)
		return 0;
	task = current_task();
	plan = plan_of(composer);
	if ((u32)load(task->tgid) == configured->own_tgid)
		return 0;
	if (!is_in_connect(composer, task, configured, plan) || !is_start_needed(composer, task, plan, sock))
		return 0;
	socket = load(sock->sk_socket);
	file = load(socket->file);
	/* A socket that the kernel uses on behalf of the program's has no file of its own. */
	if (!file)
		file = file_of(task, composer->call.arguments[0]);
	if (!file || read_kernel(file->f_flags) & O_NONBLOCK)
		return 0;
	if (composer->call.flags & FLAG_FILTER_MARKED)
		count(false, COUNTER_MARKED);
	begin_call(composer, task, RECORD_CONNECT, sizeof(composer->connect), FLAG_STARTED_ONLY);
	info = &composer->connect.socket;
	info->fd = composer->call.arguments[0];
	inode = read_kernel(file->f_inode);
	info->file.inode = read_kernel(inode->i_ino);
	info->family = load(sock->__sk_common.skc_family);
	info->type = load(sock->sk_type);
	info->protocol = load(sock->sk_protocol);
	info->state = TCP_SYN_SENT;
	read_beginning(&start, sock);
	put_internet(&info->local, &info->remote, info->family, sock, &start);
	return submit(composer);
}

#endif
