/* Calls that a table describes: which argument is a path, which a descriptor, where data lies. User space fills the
 * table, so that a call more costs a line there and no program here. */
#ifndef EYRIE_DETAIL_H
#define EYRIE_DETAIL_H

#include "descriptor.h"
#include "filter_described.h"
#include "transfer.h"

__noinline int put_descriptor(u32 second, u32 fd)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct descriptor_info *info;
	u64 socket;

	if (!composer)
		return 0;
	info = second ? &composer->detailed.second : &composer->detailed.first;
	socket = put_descriptor_info(composer, SLOT_CALL, current_task(), info, fd);
	if (second) {
		put_queue(&composer->detailed, (struct sock *)socket);
		return 0;
	}
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
	/* Some calls take none. */
	if (!value_of(composer, step))
		return 0;
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

/* `into` of STEP_BYTES. */
enum { BYTES_WRITTEN = 1, BYTES_SECOND = 2 };

__noinline int step_bytes(u32 step)
{
	struct composer *composer = composer_of(SLOT_CALL);
	u32 into = step >> 8 & 0xff;
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
	if (!(into & BYTES_WRITTEN) || composer->call.result >= 0)
		put_user_bytes(composer,
			       into & BYTES_SECOND ? &composer->detailed.control : &composer->detailed.data, address,
			       step >> 24);
	return 0;
}

__noinline int step_root_directory(void)
{
	struct composer *composer = composer_of(SLOT_CALL);

	if (composer && composer->call.result >= 0)
		put_root_directory(composer, SLOT_CALL, current_task(), &composer->detailed.text);
	return 0;
}

/* What the call says of its socket's past and changes in it. */
__noinline int step_history(u32 step)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct internet_address peer = {};
	struct socket_past now = {};
	bool has_ends;
	u32 at, *history;
	u64 socket;

	if (!composer || composer->call.result < 0 || !composer->call.socket)
		return 0;
	socket = composer->call.socket;
	at = composer->detailed.address.offset;
	forget(at);
	if (composer->detailed.address.length >= 8 && at <= RECORD_BYTES_MAX - sizeof(peer))
		bpf_probe_read_kernel(&peer, sizeof(peer), composer->bytes + at);
	has_ends = is_internet(peer.family);
	history = &composer->detailed.first.history;
	if (kind_of(step) == STEP_ROLE) {
		/* Who binds to any port is no server yet. */
		if (!has_ends || peer.port)
			*history |= note_role(composer, socket, composer->call.socket_inode, step >> 24);
	} else if (has_ends && composer->detailed.first.type != SOCK_STREAM) {
		now.socket = socket;
		now.inode = composer->call.socket_inode;
		/* As Falco does it: servers begin by receiving and clients by sending. */
		now.role = is_second(step) ? HISTORY_SERVER : HISTORY_CLIENT;
		now.family = peer.family;
		now.port = peer.port;
		if (peer.family == AF_INET) {
			__builtin_memcpy(now.address, peer.ipv4, sizeof(peer.ipv4));
		} else {
			now.address[0] = peer.ipv6[0];
			now.address[1] = peer.ipv6[1];
		}
		*history |= note_peer(composer, &now, false);
	}
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
	case STEP_MESSAGES:
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
	case STEP_ROOT_DIRECTORY:
		return step_root_directory();
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

	if (!composer)
		return 0;
	shape = shape_of(composer);
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
	if (composer->weighing.is_left_out)
		return 0;
	if (composer->weighing.filter && weigh_detailed() == VERDICT_NOT_NEEDED && leave_out_composed(composer))
		return 0;
	return submit(composer);
}

/* What a call that is left out says of its socket's past is noted all the same. */
__noinline int keep_past(void)
{
	struct composer *composer = composer_of(SLOT_CALL);
	u32 traits;

	if (!composer || !keeps_history(composer))
		return 0;
	traits = shape_traits(composer);
	if (!(traits & (TRAIT_ROLE | TRAIT_PEER)) || composer->call.result < 0)
		return 0;
	if (traits & TRAIT_ADDRESS) {
		/* Peers are noted of sockets alone that may have several. */
		if (!(traits & TRAIT_ROLE) && composer->weighing.has_socket && composer->call.socket &&
		    (!is_internet(composer->weighing.family) ||
		     read_kernel(((struct sock *)composer->call.socket)->sk_type) == SOCK_STREAM))
			return 0;
		composer->weighing.is_left_out = true;
		return on_described_call(0);
	}
	/* The tests may have found it already. */
	if (traits & TRAIT_ROLE && (composer->weighing.has_socket || find_socket(false)) && composer->call.socket)
		note_role(composer, composer->call.socket, composer->call.socket_inode, composer->weighing.role);
	return 0;
}

/* A call without a program of its own, if its filter wants it. */
static __always_inline int on_other_call(struct composer *composer, u32 state)
{
	if (composer->weighing.filter && weigh_described() == VERDICT_NOT_NEEDED && leave_out(composer))
		return keep_past();
	return on_described_call(state);
}

#endif
