/* Requests that are submitted to io_uring instead of being called: reported as the calls that they stand for. What a request
 * asks for is known when it is submitted, its result when it is completed, maybe by another thread: two records, which user
 * space puts together. */
#ifndef EYRIE_URING_H
#define EYRIE_URING_H

#include "call.h"
#include "uring_request.h"

static __always_inline bool makes_descriptor(u32 operation)
{
	return operation == OPERATION_OPENAT || operation == OPERATION_OPENAT2 || operation == OPERATION_ACCEPT ||
	       operation == OPERATION_SOCKET;
}

/* Whether the request is about an open file. */
static __always_inline bool has_descriptor(u32 operation)
{
	switch (operation) {
	case OPERATION_CLOSE:
	case OPERATION_UNLINKAT:
	case OPERATION_MKDIRAT:
	case OPERATION_RENAMEAT:
	case OPERATION_LINKAT:
	case OPERATION_SYMLINKAT:
		return false;
	}
	return !makes_descriptor(operation);
}

/* Whether the request may have to wait for others. */
static __always_inline bool may_wait(u32 operation)
{
	switch (operation) {
	case OPERATION_OPENAT:
	case OPERATION_OPENAT2:
	case OPERATION_SOCKET:
	case OPERATION_BIND:
	case OPERATION_LISTEN:
		return false;
	}
	return has_descriptor(operation) || operation == OPERATION_ACCEPT;
}

/* Begins the call in `composer` if the request's is recorded. */
static __always_inline bool begin_uring_call(struct composer *composer, struct task_struct *task, u32 operation)
{
	struct config *configured = configuration();
	struct plan *plan = plan_of(composer);
	u32 number = call_of_operation(operation);

	if (number == NO_CALL || !is_recorded(plan, number, false))
		return false;
	if ((u32)load(task->tgid) == configured->own_tgid)
		return false;
	/* Both records of a request are counted, as both would have been. */
	if (is_shed(configured, number, false)) {
		shed(number, FLAG_HAS_CALL);
		return false;
	}
	__builtin_memset(&composer->call, 0, sizeof(composer->call));
	composer->call.number = number;
	composer->call.flags = FLAG_HAS_CALL | FLAG_IO_URING;
	return true;
}

static __always_inline s32 closed_by(u64 request)
{
	struct io_close *close = command_of(request, io_close);
	u32 slot = read_kernel(close->file_slot);

	return slot ? (s32)slot - 1 : read_kernel(close->fd);
}

SEC("tp_btf/io_uring_submit_req")
int uring_submit(u64 *context)
{
	struct io_kiocb *request = (void *)context[0];
	struct task_struct *task = current_task();
	struct composer *composer = new_composer(SLOT_LIFE);
	u32 operation = read_kernel(request->opcode);
	struct uring_request_record *record;
	struct file *file;
	u64 address;
	u32 flags;
	s32 fd;

	if (!composer || !begin_uring_call(composer, task, operation))
		return 0;
	record = &composer->uring_request;
	composer->call.result = -EINPROGRESS;
	begin_call(composer, task, RECORD_URING_REQUEST, sizeof(*record), FLAG_STARTED_ONLY);
	record->request = (u64)request;
	/* Through memory it becomes a plain number, as functions that are verified by themselves want it. */
	forget_memory();
	address = record->request;
	record->ring = (u64)read_kernel(request->ctx);
	record->user_data = read_kernel(request->cqe.user_data);
	flags = read_kernel(request->flags);
	record->is_silent = flags & REQUEST_SKIPS_SUCCESS && !may_wait(operation);
	/* Of a file of the ring's own, its place among these. */
	fd = operation == OPERATION_CLOSE ? closed_by(address) : read_kernel(request->cqe.fd);
	composer->call.arguments[0] = fd;
	record->call.first.fd = fd;
	put_uring_arguments(address, operation);
	if (makes_descriptor(operation)) {
		record->call.first.fd = -EINPROGRESS;
	} else if (has_descriptor(operation)) {
		file = flags & REQUEST_HAS_FIXED_FILE ? file_in_ring((struct io_ring_ctx *)record->ring, fd)
						      : file_of(task, fd);
		put_uring_descriptor((u64)file, false);
	}
	__builtin_memcpy(record->call.arguments, composer->call.arguments, sizeof(composer->call.arguments));
	return submit(composer);
}

/* Where among the ring's own files the one goes that a request makes: a number from 1, or 0 for a descriptor. */
static __always_inline u32 slot_of_made(u64 request, u32 operation)
{
	if (operation == OPERATION_ACCEPT)
		return read_kernel(command_of(request, io_accept)->file_slot);
	if (operation == OPERATION_SOCKET)
		return read_kernel(command_of(request, io_socket)->file_slot);
	return read_kernel(command_of(request, io_open)->file_slot);
}

/* What the request made. */
static __always_inline void put_made(struct composer *composer, struct task_struct *task, u64 request, u32 operation)
{
	struct uring_completion_record *record = &composer->uring_completion;
	u32 slot = slot_of_made(request, operation);
	s32 result = composer->call.result;
	struct file *file;

	record->is_made = true;
	record->descriptor.fd = result;
	if (result < 0)
		return;
	if (slot) {
		/* The kernel may have been told to choose one, and says then which. */
		u32 index = slot == 0xffffffff ? (u32)result : slot - 1;

		record->descriptor.fd = index;
		file = file_in_ring((struct io_ring_ctx *)record->ring, index);
	} else {
		file = file_of(task, result);
	}
	put_uring_descriptor((u64)file, true);
}

/* The start of what was received or read. */
__noinline int put_uring_data(u64 request, u32 operation)
{
	struct composer *composer = composer_of(SLOT_LIFE);
	struct plan *plan;
	u64 address;
	u32 size;

	if (!composer || composer->call.result <= 0)
		return 0;
	plan = plan_of(composer);
	if (operation == OPERATION_RECV)
		address = (u64)read_kernel(command_of(request, io_sr_msg)->buf);
	else if (operation == OPERATION_READ || operation == OPERATION_READ_FIXED)
		address = read_kernel(command_of(request, io_rw)->addr);
	else
		return 0;
	size = plan->max_data_bytes;
	if (composer->call.result < size)
		size = composer->call.result;
	if (size && address)
		put_user_bytes(composer, &composer->uring_completion.data, address, size);
	return 0;
}

/* One completion of several has no request, and its result is in the ring. Older kernels' tracepoint has the program's
 * user data in that place, which is no address of ours to read from. Addresses of ring and result are the first two
 * arguments, as memory makes plain numbers of them. */
__noinline int on_partial_completion(void)
{
	struct composer *composer = composer_of(SLOT_LIFE);
	struct task_struct *task = current_task();
	struct config *configured = configuration();
	struct uring_completion_record *record;
	struct io_uring_cqe *completion;
	u64 ring, entry, rings;
	struct plan *plan;

	if (!composer || (u32)load(task->tgid) == configured->own_tgid)
		return 0;
	record = &composer->uring_completion;
	ring = composer->call.arguments[0];
	entry = composer->call.arguments[1];
	rings = (u64)read_kernel(((struct io_ring_ctx *)ring)->rings);
	if (entry - rings >= URING_BYTES_MAX)
		return 0;
	completion = (struct io_uring_cqe *)entry;
	plan = plan_of(composer);
	if (!is_recorded(plan, SUBMITTED_ACCEPT4, false) && !is_recorded(plan, SUBMITTED_READ, false) &&
	    !is_recorded(plan, SUBMITTED_RECVFROM, false) && !is_recorded(plan, SUBMITTED_RECVMSG, false))
		return 0;
	composer->call.number = 0;
	composer->call.flags = FLAG_IO_URING;
	composer->call.result = read_kernel(completion->res);
	begin_call(composer, task, RECORD_URING_COMPLETION, sizeof(*record), 0);
	record->ring = ring;
	record->user_data = read_kernel(completion->user_data);
	/* If it is an accept, this is the descriptor that it made. */
	record->descriptor.fd = composer->call.result;
	if (composer->call.result >= 0)
		put_uring_descriptor((u64)file_of(task, composer->call.result), true);
	return submit(composer);
}

SEC("tp_btf/io_uring_complete")
int uring_complete(u64 *context)
{
	struct io_kiocb *request = (void *)context[1];
	struct task_struct *task = current_task();
	struct composer *composer = new_composer(SLOT_LIFE);
	struct uring_completion_record *record;
	u32 operation;

	if (!composer)
		return 0;
	if (!request) {
		composer->call.arguments[0] = context[0];
		composer->call.arguments[1] = context[2];
		return on_partial_completion();
	}
	operation = read_kernel(request->opcode);
	if (!begin_uring_call(composer, task, operation))
		return 0;
	record = &composer->uring_completion;
	composer->call.result = read_kernel(request->cqe.res);
	begin_call(composer, task, RECORD_URING_COMPLETION, sizeof(*record), 0);
	record->request = (u64)request;
	record->ring = context[0];
	record->user_data = read_kernel(request->cqe.user_data);
	record->descriptor.fd = -1;
	if (makes_descriptor(operation))
		put_made(composer, task, (u64)request, operation);
	else if (has_descriptor(operation))
		put_uring_descriptor((u64)read_kernel(request->file), true);
	put_uring_data((u64)request, operation);
	return submit(composer);
}

#endif
