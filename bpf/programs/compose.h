/* Composing a record: its parts one after the other into a buffer, then into the ring. */
#ifndef EYRIE_COMPOSE_H
#define EYRIE_COMPOSE_H

#include "counters.h"

/* Where the next part goes, or NULL if the buffer is full. */
static __always_inline u8 *next_part(struct composer *composer, u32 *offset)
{
	u32 at = composer->length;

	forget(at);
	if (at > RECORD_BYTES_MAX - PART_BYTES)
		return NULL;
	*offset = at;
	return composer->bytes + at;
}

static __always_inline void end_part(struct composer *composer, struct span *span, u32 offset, u32 length)
{
	span->offset = offset;
	span->length = length;
	composer->length = offset + length;
}

/* A string of the program's, without its NUL. False if it could not be read. */
static __always_inline bool put_user_string(struct composer *composer, struct span *span, u64 address, bool *is_cut)
{
	u32 offset;
	u8 *part = next_part(composer, &offset);
	long size;

	if (!part)
		return false;
	size = bpf_probe_read_user_str(part, PART_BYTES, (void *)address);
	if (size <= 0)
		return false;
	*is_cut = size == PART_BYTES;
	end_part(composer, span, offset, (u32)size - 1);
	return true;
}

static __always_inline void put_kernel_string(struct composer *composer, struct span *span, const char *address)
{
	u32 offset;
	u8 *part = next_part(composer, &offset);
	long size;

	if (!part)
		return;
	size = bpf_probe_read_kernel_str(part, PART_BYTES, address);
	if (size > 0)
		end_part(composer, span, offset, (u32)size - 1);
}

static __always_inline void put_kernel_bytes(struct composer *composer, struct span *span, const void *address,
					     u32 size)
{
	u32 offset;
	u8 *part = next_part(composer, &offset);

	if (!part)
		return;
	forget(size);
	if (size > PART_BYTES)
		size = PART_BYTES;
	if (bpf_probe_read_kernel(part, size, address) == 0)
		end_part(composer, span, offset, size);
}

/* Bytes of the program's memory. Where not all of them are resident, those up to the end of the first page. False if
 * not even these can be read. */
static __always_inline bool put_user_bytes(struct composer *composer, struct span *span, u64 address, u32 size)
{
	u32 offset;
	u8 *part = next_part(composer, &offset);

	if (!part)
		return false;
	forget(size);
	if (size > PART_BYTES)
		size = PART_BYTES;
	if (bpf_probe_read_user(part, size, (void *)address) != 0) {
		u32 to_page_end = 4096 - (address & 4095);

		if (to_page_end < size)
			size = to_page_end;
		forget(size);
		if (size > PART_BYTES)
			size = PART_BYTES;
		if (bpf_probe_read_user(part, size, (void *)address) != 0)
			return false;
	}
	end_part(composer, span, offset, size);
	return true;
}

enum record_flag_group {
	FLAGS_OF_FAULTS = FLAG_REQUESTED_UNREADABLE | FLAG_ARGUMENTS_UNREADABLE | FLAG_ENVIRONMENT_UNREADABLE,
};

static __always_inline int lose(struct composer *composer, enum counter reason)
{
	struct record_header *header = &composer->header;
	struct loss_source source = {
		.call_number = header->call_number,
		.kind = header->kind,
		.reason = reason,
		.flags = header->flags & LOSS_SOURCE_FLAGS,
	};

	__builtin_memcpy(source.comm, header->comm, sizeof(source.comm));
	count_loss(&source);
	return 0;
}

/* Hands the record over. The reader polls, because a wake-up costs more than everything else here; it is woken only
 * when the ring is filling faster than it polls. The last quarter is kept for records that bear state. */
static __noinline int submit(struct composer *composer)
{
	u32 length = composer->length;
	bool state_bearing = composer->header.flags & FLAG_STATE_BEARING;
	void *ring = ring_of(composer->header.cpu);
	u64 waiting, capacity, wakeup;

	if (composer->weighing.is_shed)
		return shed(composer->header.call_number, composer->header.flags);
	if (!ring)
		return lose(composer, COUNTER_LOST_BUG);
	waiting = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	capacity = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE);
	wakeup = waiting > capacity / 4 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
	if (waiting > capacity / 2)
		count(state_bearing, COUNTER_ABOVE_HALF);
	if (!state_bearing && waiting > capacity / 4 * 3)
		return lose(composer, COUNTER_LOST_REFUSED);
	forget(length);
	if (length < sizeof(struct record_header) || length > RECORD_BYTES_MAX)
		return lose(composer, COUNTER_LOST_BUG);
	composer->header.size = length;
	if (bpf_ringbuf_output(ring, composer->bytes, length, wakeup) != 0)
		return lose(composer, COUNTER_LOST_FULL);
	count(state_bearing, COUNTER_PRODUCED);
	if (composer->header.flags & FLAGS_OF_FAULTS)
		count(state_bearing, COUNTER_FAULT);
	return 0;
}

#endif
