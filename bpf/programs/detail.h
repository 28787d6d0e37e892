/* Calls that a table describes: which argument is a path, which a descriptor, where data lies. User space fills the
 * table, so that a call more costs a line there and no program here. */
#ifndef EYRIE_DETAIL_H
#define EYRIE_DETAIL_H

#include "descriptor.h"

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

/* A step with its four bytes in one number, which is all that a function may be given that is verified by itself. */
static __always_inline u32 kind_of(u32 step)
{
	return step & 0xff;
}

static __always_inline bool is_second(u32 step)
{
	return step >> 8 & 0xff;
}

static __always_inline u64 argument_of(struct composer *composer, u32 index)
{
	if (index == ARGUMENT_RESULT)
		return composer->call.result;
	forget(index);
	if (index >= 6)
		return 0;
	return composer->call.arguments[index];
}

static __always_inline u64 value_of(struct composer *composer, u32 step)
{
	return argument_of(composer, step >> 16 & 0xff);
}

static __always_inline u64 other_of(struct composer *composer, u32 step)
{
	return argument_of(composer, step >> 24);
}

static __always_inline bool is_of_32_bits(struct composer *composer)
{
	return composer->call.flags & FLAG_COMPAT32;
}

__noinline int put_descriptor(u32 second, u32 fd)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct descriptor_info *info;
	u64 socket;

	if (!composer)
		return 0;
	info = second ? &composer->detailed.second : &composer->detailed.first;
	socket = put_descriptor_info(composer, SLOT_CALL, current_task(), info, fd);
	if (second)
		return 0;
	composer->call.socket = socket;
	composer->call.socket_inode = info->file.inode;
	return 0;
}

__noinline int step_path(u32 step)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct task_struct *task = current_task();
	struct path_info *path;

	if (!composer)
		return 0;
	path = is_second(step) ? &composer->detailed.second_path : &composer->detailed.path;
	path->directory_fd = step >> 24 == ARGUMENT_NONE ? AT_FDCWD : (s32)other_of(composer, step);
	if (put_requested_path(composer, &path->requested, value_of(composer, step)))
		put_base(composer, SLOT_CALL, task, path->directory_fd, &path->base);
	return 0;
}

__noinline int step_descriptor(u32 step)
{
	struct composer *composer = composer_of(SLOT_CALL);
	s32 pair[2] = {};

	if (!composer)
		return 0;
	if (kind_of(step) == STEP_DESCRIPTOR)
		return put_descriptor(is_second(step), value_of(composer, step));
	if (composer->call.result < 0 || bpf_probe_read_user(pair, sizeof(pair), (void *)value_of(composer, step)) != 0)
		return 0;
	put_descriptor(0, pair[0]);
	return put_descriptor(1, pair[1]);
}

static __always_inline void put_address(struct composer *composer, u64 address, u64 size)
{
	if (!address || !size)
		return;
	if (size > SOCKET_ADDRESS_BYTES_MAX) {
		size = SOCKET_ADDRESS_BYTES_MAX;
		composer->header.flags |= FLAG_REQUESTED_TRUNCATED;
	}
	if (!put_user_bytes(composer, &composer->detailed.address, address, size))
		composer->header.flags |= FLAG_REQUESTED_UNREADABLE;
}

__noinline int step_address(u32 step)
{
	struct composer *composer = composer_of(SLOT_CALL);
	u32 size;

	if (!composer)
		return 0;
	size = other_of(composer, step);
	if (kind_of(step) == STEP_ADDRESS_BACK) {
		u64 at = other_of(composer, step);

		size = 0;
		if (composer->call.result < 0 || !at || bpf_probe_read_user(&size, sizeof(size), (void *)at) != 0)
			return 0;
	}
	put_address(composer, value_of(composer, step), size);
	return 0;
}

/* As much of the data as is wanted: what the call moved, or what it was to move if it failed to send it. */
static __always_inline void put_data(struct composer *composer, u64 address, u64 size, bool is_written)
{
	struct config *configured = configuration();
	s64 moved = composer->call.result;
	u32 wanted;

	if (moved < 0 ? is_written : (u64)moved < size)
		size = moved < 0 ? 0 : (u64)moved;
	wanted = configured ? configured->max_data_bytes : 0;
	if (size < wanted)
		wanted = size;
	if (wanted && address)
		put_user_bytes(composer, &composer->detailed.data, address, wanted);
}

__noinline int step_data(u32 step)
{
	struct composer *composer = composer_of(SLOT_CALL);

	if (composer)
		put_data(composer, value_of(composer, step), other_of(composer, step), is_second(step));
	return 0;
}

static __always_inline void put_vector(struct composer *composer, u64 address, bool is_written)
{
	struct user_vector vector = {};

	if (is_of_32_bits(composer)) {
		struct user_vector32 narrow = {};

		bpf_probe_read_user(&narrow, sizeof(narrow), (void *)address);
		vector.base = narrow.base;
		vector.size = narrow.size;
	} else {
		bpf_probe_read_user(&vector, sizeof(vector), (void *)address);
	}
	put_data(composer, vector.base, vector.size, is_written);
}

__noinline int step_vector(u32 step)
{
	struct composer *composer = composer_of(SLOT_CALL);

	if (composer && other_of(composer, step))
		put_vector(composer, value_of(composer, step), is_second(step));
	return 0;
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
	if (message.vector_count)
		put_vector(composer, message.vector, is_written);
	if (is_written && composer->call.result < 0)
		return 0;
	put_address(composer, message.name, message.name_size);
	if (message.control && message.control_size)
		put_user_bytes(composer, &composer->detailed.control, message.control,
			       message.control_size > PART_BYTES ? PART_BYTES : message.control_size);
	return 0;
}

__noinline int step_bytes(u32 step)
{
	struct composer *composer = composer_of(SLOT_CALL);
	bool is_cut = false;
	u64 address;

	if (!composer)
		return 0;
	address = value_of(composer, step);
	if (!address)
		return 0;
	if (kind_of(step) == STEP_TEXT) {
		if (!put_user_string(composer, &composer->detailed.text, address, &is_cut))
			composer->header.flags |= FLAG_REQUESTED_UNREADABLE;
		return 0;
	}
	if (!is_second(step) || composer->call.result >= 0)
		put_user_bytes(composer, &composer->detailed.data, address, step >> 24);
	return 0;
}

/* What the call says of its socket's past and changes in it. */
__noinline int step_history(u32 step)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct internet_address peer = {};
	u64 socket, inode;
	bool is_internet;
	u32 at;

	if (!composer || composer->call.result < 0 || !composer->call.socket)
		return 0;
	socket = composer->call.socket;
	inode = composer->call.socket_inode;
	at = composer->detailed.address.offset;
	forget(at);
	if (composer->detailed.address.length >= 8 && at <= RECORD_BYTES_MAX - sizeof(peer))
		bpf_probe_read_kernel(&peer, sizeof(peer), composer->bytes + at);
	is_internet = peer.family == AF_INET || peer.family == AF_INET6;
	if (kind_of(step) == STEP_ROLE) {
		/* Who binds to any port is no server yet. */
		if (!is_internet || peer.port)
			note_role(socket, inode, step >> 24);
	} else if (is_internet && composer->detailed.first.type != SOCK_STREAM) {
		composer->detailed.first.history |= note_peer(socket, inode, &peer, is_second(step));
	}
	composer->detailed.first.history |= role_of(socket, inode);
	return 0;
}

__noinline int take_step(u32 step)
{
	switch (kind_of(step)) {
	case STEP_PATH:
		return step_path(step);
	case STEP_DESCRIPTOR:
	case STEP_DESCRIPTOR_PAIR:
		return step_descriptor(step);
	case STEP_ADDRESS:
	case STEP_ADDRESS_BACK:
		return step_address(step);
	case STEP_MESSAGE:
		return step_message(step);
	case STEP_DATA:
		return step_data(step);
	case STEP_VECTOR:
		return step_vector(step);
	case STEP_TEXT:
	case STEP_BYTES:
		return step_bytes(step);
	case STEP_ROLE:
	case STEP_PEER:
		return step_history(step);
	}
	return 0;
}

/* A call of which there are the registers alone. */
__noinline int on_any_call(u32 extra_flags)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct task_struct *task = current_task();

	if (!composer)
		return 0;
	begin_call(composer, task, RECORD_CALL, sizeof(struct call_record), extra_flags);
	__builtin_memcpy(composer->any_call.arguments, composer->call.arguments, sizeof(composer->call.arguments));
	return submit(composer);
}

/* A call without a program of its own: with the parts that its shape names, or with its registers alone. */
__noinline int on_described_call(u32 extra_flags)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct task_struct *task = current_task();
	struct call_shape *shape;
	u32 key;

	if (!composer)
		return 0;
	key = composer->call.number + (is_of_32_bits(composer) ? CALL_NUMBERS : 0);
	shape = bpf_map_lookup_elem(&call_shapes, &key);
	if (!shape || shape->steps[0].kind == STEP_NONE)
		return on_any_call(extra_flags);
	begin_call(composer, task, RECORD_DETAILED_CALL, sizeof(struct detailed_call_record), extra_flags);
	composer->call.socket = 0;
	__builtin_memcpy(composer->detailed.arguments, composer->call.arguments, sizeof(composer->call.arguments));
	for (int index = 0; index < STEPS_MAX; index++) {
		struct step *step = &shape->steps[index];

		if (step->kind == STEP_NONE)
			break;
		take_step(step->kind | step->into << 8 | step->argument << 16 | (u32)step->other << 24);
	}
	return submit(composer);
}

#endif
