/* Filters of calls that the table of shapes describes. The socket is tested before anything is composed where the shape alone says
 * which it is; what else there is to test lies in the composed record. */
#ifndef EYRIE_FILTER_DESCRIBED_H
#define EYRIE_FILTER_DESCRIBED_H

#include "filter_path.h"
#include "filter_socket.h"
#include "step.h"

enum shape_trait {
	/* It has a first descriptor, which is in `weighing` then. */
	TRAIT_FIRST = 1 << 0,
	/* It has an address, or may have one, which is an end of the socket as well. */
	TRAIT_ADDRESS = 1 << 1,
	/* It makes its socket a client or a server, as `weighing` has it. */
	TRAIT_ROLE = 1 << 2,
	TRAIT_PEER = 1 << 3,
	/* They are known. */
	TRAITS_KNOWN = 1 << 4,
};

static __always_inline struct call_shape *shape_of(struct composer *composer)
{
	u32 key = composer->call.number + (is_of_32_bits(composer) ? CALL_NUMBERS : 0);

	return bpf_map_lookup_elem(&call_shapes, &key);
}

/* What there is to know of the call's shape for its filter. */
__noinline u32 find_traits(void)
{
	struct composer *composer = composer_of(SLOT_CALL);
	u32 traits = TRAITS_KNOWN;
	struct call_shape *shape;

	if (!composer)
		return 0;
	shape = shape_of(composer);
	if (!shape)
		return 0;
	for (int index = 0; index < STEPS_MAX; index++) {
		struct step *step = &shape->steps[index];

		switch (step->kind) {
		case STEP_NONE:
			return traits;
		case STEP_DESCRIPTOR:
			if (step->into)
				break;
			composer->weighing.first_fd = argument_of(composer, step->argument);
			traits |= TRAIT_FIRST;
			break;
		case STEP_ADDRESS:
		case STEP_ADDRESS_BACK:
			/* Most have none. */
			if (argument_of(composer, step->argument))
				traits |= TRAIT_ADDRESS;
			break;
		case STEP_MESSAGE:
		case STEP_MESSAGES:
		case STEP_DESCRIPTOR_PAIR:
			traits |= TRAIT_ADDRESS;
			break;
		case STEP_ROLE:
			composer->weighing.role = step->other;
			traits |= TRAIT_ROLE;
			break;
		case STEP_PEER:
			traits |= TRAIT_PEER;
			break;
		}
	}
	return traits;
}

/* The same, found once a call. */
static __always_inline u32 shape_traits(struct composer *composer)
{
	if (!composer->weighing.traits)
		composer->weighing.traits = find_traits();
	return composer->weighing.traits;
}

/* Finds the socket of the first descriptor, and notes what is tested of it if there are tests. False where nothing is open there by now, so that
 * nothing can be told. */
__noinline u32 find_socket(u32 is_tested)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct socket *socket;
	struct sock *sock;
	struct file *file;

	if (!composer)
		return false;
	composer->call.socket = 0;
	file = file_of(current_task(), composer->weighing.first_fd);
	if (!file)
		return false;
	socket = socket_of(file, &composer->call.socket_inode);
	composer->weighing.has_socket = !socket;
	if (!socket) {
		note_no_socket(&composer->weighing);
		return true;
	}
	sock = read_kernel(socket->sk);
	if (!sock)
		return false;
	composer->call.socket = (u64)sock;
	composer->weighing.has_socket = true;
	if (is_tested)
		note_socket(composer, sock);
	return true;
}

/* The tests that can be made before the record is composed. */
__noinline u32 weigh_described(void)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct filter *filter;
	u32 traits;

	if (!composer)
		return VERDICT_NEEDED;
	filter = filter_of(composer);
	if (!filter)
		return VERDICT_NEEDED;
	if (!(composer->weighing.candidates & filter->with_sockets))
		return VERDICT_OPEN;
	traits = shape_traits(composer);
	if (!(traits & TRAIT_FIRST))
		return VERDICT_OPEN;
	if (find_socket(true)) {
		/* An address is an end of those sockets alone that have such ends. */
		if (traits & TRAIT_ADDRESS && (!composer->call.socket || is_internet(composer->weighing.family)))
			return VERDICT_OPEN;
		return weigh_socket(SLOT_CALL);
	}
	if (traits & TRAIT_ADDRESS)
		return VERDICT_OPEN;
	composer->weighing.is_socket_tested = true;
	return verdict_of(&composer->weighing, filter->with_paths);
}

/* Notes the socket as the record has it. */
static __always_inline void note_info(struct weighing *weighing, const struct descriptor_info *info)
{
	note_no_socket(weighing);
	if (!info->family)
		return;
	weighing->families = family_bit(info->family);
	weighing->protocol = info->protocol;
	note_endpoint(weighing, PLACE_LOCAL, info->family, &info->local, END_LOCAL);
	note_endpoint(weighing, PLACE_REMOTE, info->family, &info->remote, END_REMOTE);
}

/* The tests that are left when the record is composed. */
__noinline u32 weigh_detailed(void)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct detailed_call_record *record;
	struct weighing *weighing;
	struct filter *filter;
	u32 verdict, holding;

	if (!composer)
		return VERDICT_NEEDED;
	record = &composer->detailed;
	weighing = &composer->weighing;
	filter = filter_of(composer);
	if (!filter)
		return VERDICT_NEEDED;
	if (weighing->candidates & filter->with_sockets && !weighing->is_socket_tested &&
	    (record->first.family || record->first.file_system)) {
		/* A socket that is closed meanwhile, and an address that cannot be read, tell nothing. */
		if ((!record->first.family && record->first.file_system == SOCKFS_MAGIC) ||
		    composer->header.flags & FLAG_REQUESTED_UNREADABLE)
			return VERDICT_NEEDED;
		note_info(weighing, &record->first);
		/* Of which end it is depends on the call. */
		note_asked(composer, &record->address, END_LOCAL | END_REMOTE);
		verdict = weigh_socket(SLOT_CALL);
		if (verdict != VERDICT_OPEN)
			return verdict;
	}
	if (weighing->candidates & ~filter->with_paths)
		return VERDICT_NEEDED;
	/* What was opened is in none of these records. */
	holding = filter->tries_resolved;
	if (is_tested(filter, false))
		holding |= test_requested(composer, &record->path.requested, &record->path.base, false);
	if (is_tested(filter, true))
		holding |= test_requested(composer, &record->second_path.requested, &record->second_path.base, true);
	return weigh_paths(weighing, filter, holding);
}

#endif
