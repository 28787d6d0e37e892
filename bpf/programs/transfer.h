/* Data that a call moves: plain, in vectors, in messages; and the socket addresses that go with them. */
#ifndef EYRIE_TRANSFER_H
#define EYRIE_TRANSFER_H

#include "socket.h"
#include "step.h"

/* struct msghdr and struct iovec, of 64-bit and of 32-bit programs. */
struct user_message {
	u64 name;
	u32 name_size;
	u32 padding;
	u64 vector;
	u64 vector_count;
	u64 control;
	u64 control_size;
};

struct user_message32 {
	u32 name;
	u32 name_size;
	u32 vector;
	u32 vector_count;
	u32 control;
	u32 control_size;
};

struct user_vector {
	u64 base;
	u64 size;
};

struct user_vector32 {
	u32 base;
	u32 size;
};

/* Of the whole structures, whose last field is not looked at. */
enum { USER_MESSAGE_BYTES = 56, USER_MESSAGE32_BYTES = 28 };

/* The address of a call that may have none. */
static __always_inline void put_address(struct composer *composer, u64 address, u64 size)
{
	if (address && size)
		put_requested_address(composer, &composer->detailed.address, address, size);
}

/* As much of the data as is wanted: what the call moved, or what it was to move if it failed to send it. */
static __always_inline void put_data(struct composer *composer, u64 address, u64 size, s64 moved, bool is_written)
{
	struct plan *plan = plan_of(composer);
	u32 wanted;

	if (moved < 0 ? is_written : (u64)moved < size)
		size = moved < 0 ? 0 : (u64)moved;
	wanted = plan->max_data_bytes;
	if (size < wanted)
		wanted = size;
	if (wanted && address)
		put_user_bytes(composer, &composer->detailed.data, address, wanted);
}

__noinline int step_data(u32 step)
{
	struct composer *composer = composer_of(SLOT_CALL);

	if (composer)
		put_data(composer, value_of(composer, step), other_of(composer, step), composer->call.result,
			 is_second(step));
	return 0;
}

static __always_inline struct user_vector vector_at(struct composer *composer, u64 address, u32 index)
{
	struct user_vector vector = {};

	if (is_of_32_bits(composer)) {
		struct user_vector32 narrow = {};

		bpf_probe_read_user(&narrow, sizeof(narrow), (void *)(address + index * sizeof(narrow)));
		vector.base = narrow.base;
		vector.size = narrow.size;
	} else {
		bpf_probe_read_user(&vector, sizeof(vector), (void *)(address + index * sizeof(vector)));
	}
	return vector;
}

/* More than these are not added up: each is a read of the program's memory. */
enum { VECTORS_MAX = 64 };

__noinline int add_up_vectors(u32 slot, u64 address, u32 count)
{
	struct composer *composer = composer_of(slot);
	u64 size = 0;

	if (!composer)
		return 0;
	for (u32 index = 0; index < VECTORS_MAX; index++) {
		if (index >= count)
			break;
		size += vector_at(composer, address, index).size;
	}
	composer->detailed.data_size = size;
	return 0;
}

static __always_inline void put_vectors(struct composer *composer, u32 slot, u64 address, u64 count, s64 moved,
					bool is_written)
{
	struct user_vector first;

	if (!count)
		return;
	first = vector_at(composer, address, 0);
	put_data(composer, first.base, first.size, moved, is_written);
	add_up_vectors(slot, address, count > VECTORS_MAX ? VECTORS_MAX : (u32)count);
}

__noinline int step_vector(u32 step)
{
	struct composer *composer = composer_of(SLOT_CALL);

	if (composer)
		put_vectors(composer, SLOT_CALL, value_of(composer, step), other_of(composer, step),
			    composer->call.result, is_second(step));
	return 0;
}

/* How much of one message was moved. A call with several returns their number, and writes the size of each behind it. */
static __always_inline s64 moved_of_message(struct composer *composer, u32 step, u64 address)
{
	s64 moved = composer->call.result;
	u32 size = 0;

	if (kind_of(step) != STEP_MESSAGES || moved <= 0)
		return moved;
	address += is_of_32_bits(composer) ? USER_MESSAGE32_BYTES : USER_MESSAGE_BYTES;
	bpf_probe_read_user(&size, sizeof(size), (void *)address);
	return size;
}

__noinline int step_message(u32 step)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct user_message message = {};
	bool is_written = is_second(step);
	u64 address;

	if (!composer)
		return 0;
	address = value_of(composer, step);
	if (is_of_32_bits(composer)) {
		struct user_message32 narrow = {};

		bpf_probe_read_user(&narrow, sizeof(narrow), (void *)address);
		message.name = narrow.name;
		message.name_size = narrow.name_size;
		message.vector = narrow.vector;
		message.vector_count = narrow.vector_count;
		message.control = narrow.control;
		message.control_size = narrow.control_size;
	} else {
		bpf_probe_read_user(&message, sizeof(message), (void *)address);
	}
	put_vectors(composer, SLOT_CALL, message.vector, message.vector_count,
		    moved_of_message(composer, step, address), is_written);
	if (is_written && composer->call.result < 0)
		return 0;
	put_address(composer, message.name, message.name_size);
	if (message.control && message.control_size)
		put_user_bytes(composer, &composer->detailed.control, message.control,
			       message.control_size > PART_BYTES ? PART_BYTES : message.control_size);
	return 0;
}

#endif
