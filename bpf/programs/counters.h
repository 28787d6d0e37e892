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

static __noinline void count_loss(bool state_bearing, enum counter reason)
{
	u64 *first = counter_of(state_bearing, COUNTER_FIRST_LOSS_NS);
	u64 *last = counter_of(state_bearing, COUNTER_LAST_LOSS_NS);
	u64 *epoch = counter_of(state_bearing, COUNTER_LOSS_EPOCH);
	struct config *configured = configuration();
	u64 now = bpf_ktime_get_boot_ns();

	count(state_bearing, reason);
	if (!first || !last || !epoch || !configured)
		return;
	*last = now;
	if (*first == 0 || *epoch != configured->loss_epoch) {
		*first = now;
		*epoch = configured->loss_epoch;
	}
}

#endif
