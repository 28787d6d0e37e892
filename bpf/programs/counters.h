/* Nothing is lost silently: what was produced, what was not, and when. */
#ifndef EYRIE_COUNTERS_H
#define EYRIE_COUNTERS_H

#include "maps.h"

static __always_inline u64 *counter_of(bool state_bearing, enum counter counter)
{
	u32 key = counter + (state_bearing ? COUNTERS_PER_CLASS : 0);

	return bpf_map_lookup_elem(&counters, &key);
}

/* Adding needs no atomics: a counter belongs to a processor. */
static __always_inline void count(bool state_bearing, enum counter counter)
{
	u64 *value = counter_of(state_bearing, counter);

	if (value)
		*value += 1;
}

/* Who had a loss, as well as that can be told: the least recent are forgotten where there are too many. */
static __always_inline void note_source(struct loss_source *source)
{
	u64 *known = bpf_map_lookup_elem(&loss_sources, source), one = 1;

	if (known)
		__sync_fetch_and_add(known, 1);
	else if (bpf_map_update_elem(&loss_sources, source, &one, BPF_NOEXIST) != 0) {
		/* Another processor was faster. */
		known = bpf_map_lookup_elem(&loss_sources, source);
		if (known)
			__sync_fetch_and_add(known, 1);
	}
}

/* Times lie behind each other: of the first loss, of the last, and the epoch of the first. */
static __always_inline void note_time(bool state_bearing, enum counter first_time)
{
	u64 *first = counter_of(state_bearing, first_time);
	u64 *last = counter_of(state_bearing, first_time + 1);
	u64 *epoch = counter_of(state_bearing, first_time + 2);
	struct config *configured = configuration();
	u64 now = bpf_ktime_get_boot_ns();

	if (!first || !last || !epoch)
		return;
	*last = now;
	if (*first == 0 || *epoch != configured->loss_epoch) {
		*first = now;
		*epoch = configured->loss_epoch;
	}
}

static __noinline void count_loss(struct loss_source *source)
{
	bool state_bearing = source->flags & FLAG_STATE_BEARING;

	count(state_bearing, source->reason);
	note_time(state_bearing, source->reason == COUNTER_LOST_DEGRADED ? COUNTER_FIRST_DEGRADED_NS
									  : COUNTER_FIRST_LOSS_NS);
	note_source(source);
}

/* Counts a call that is not recorded for want of time. */
static __noinline int shed(u32 number, u32 flags)
{
	struct loss_source source = {
		.call_number = number,
		.reason = COUNTER_LOST_DEGRADED,
		.flags = flags & LOSS_SOURCE_FLAGS,
	};

	bpf_get_current_comm(source.comm, sizeof(source.comm));
	count_loss(&source);
	return 0;
}

#endif
