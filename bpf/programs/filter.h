/* Whether a plan's filter wants a call recorded. Tests are made in the order of their costs, and stop as soon as the answer is
 * known: numbers and the task here, then the socket (filter_socket.h), then paths (filter_path.h). What cannot be told
 * passes. */
#ifndef EYRIE_FILTER_H
#define EYRIE_FILTER_H

#include "task.h"

enum verdict {
	/* Some clause holds, or may hold and no more can be told. */
	VERDICT_NEEDED,
	/* It depends on tests that are still to be made. */
	VERDICT_OPEN,
	/* No clause holds. */
	VERDICT_NOT_NEEDED,
};

enum {
	KNOWN_ARGUMENTS = 0x3f,
	KNOWN_RESULT = 1 << SUBJECT_RESULT,
	KNOWN_OPEN_FLAGS = 1 << SUBJECT_OPEN_FLAGS,
	KNOWN_USER = 1 << SUBJECT_USER,
};

/* The number of a call's filter; 0 for none. */
static __always_inline u32 filter_number(struct plan *plan, u32 number, bool compat)
{
	u8 *numbers = compat ? plan->compat_filters : plan->filters;

	return numbers[number & (CALL_NUMBERS - 1)] & (FILTERS_PER_BANK - 1);
}

static __always_inline struct filter *filter_of(struct composer *composer)
{
	return bpf_map_lookup_elem(&filters, &composer->weighing.filter);
}

/* What the candidates come to while the tests of the clauses in `untested` are still to be made. */
static __always_inline u32 verdict_of(struct weighing *weighing, u32 untested)
{
	u32 candidates = weighing->candidates;

	if (!candidates)
		return VERDICT_NOT_NEEDED;
	if (!(candidates & ~untested))
		return VERDICT_OPEN;
	weighing->filter = 0;
	return VERDICT_NEEDED;
}

static __always_inline bool holds_value(struct composer *composer, struct value_test *test)
{
	u32 subject = test->subject;
	u64 value;

	forget(subject);
	if (subject >= SUBJECTS || !(composer->weighing.known >> subject & 1))
		return true;
	value = composer->call.subjects[subject] & test->mask;
	if (test->is_nonzero)
		return value != 0;
	return value == test->values[0] || value == test->values[1] || value == test->values[2] ||
	       value == test->values[3] || value == test->values[4] || value == test->values[5];
}

static __always_inline void note_user(struct composer *composer)
{
	struct task_struct *task = current_task();
	struct cred *cred = load(task->real_cred);

	composer->call.user = load(cred->uid.val);
	composer->weighing.known |= KNOWN_USER;
}

/* `bucket_of` of src/host_cgroups.rs. */
static __always_inline u32 host_cgroup_bucket(u64 id)
{
	return spread(id) >> 51 & (HOST_CGROUP_BUCKETS - 1);
}

static __always_inline bool is_of_host(void)
{
	u64 id = cgroup_id_of(current_task(), configuration());
	u32 key = host_cgroup_bucket(id);
	struct host_cgroups *bucket = bpf_map_lookup_elem(&host_cgroups, &key);

	if (!bucket)
		return false;
	for (u32 index = 0; index < HOST_CGROUPS_PER_BUCKET; index++) {
		if (bucket->ids[index] == id && bucket->complements[index] == ~id)
			return true;
	}
	return false;
}

/* A number by chance, good enough for a sample: the helper costs as much as several tests. */
static __always_inline u32 roll(struct composer *composer)
{
	u32 dice = composer->dice;

	if (!dice)
		dice = bpf_get_prandom_u32() | 1;
	dice ^= dice << 13;
	dice ^= dice >> 17;
	dice ^= dice << 5;
	composer->dice = dice;
	return dice;
}

/* The first tests, of what the registers and the task tell. */
__noinline u32 weigh_numbers(u32 slot)
{
	struct composer *composer = composer_of(slot);
	struct weighing *weighing;
	struct filter *filter;

	if (!composer)
		return VERDICT_NEEDED;
	weighing = &composer->weighing;
	filter = filter_of(composer);
	if (!filter)
		return VERDICT_NEEDED;
	if (filter->needs & NEED_USER)
		note_user(composer);
	weighing->candidates = (1U << (filter->clause_count & 31)) - 1;
	if (weighing->facts & FACT_SUCCEEDED)
		weighing->candidates &= ~filter->if_failed;
	if (weighing->facts & FACT_FAILED)
		weighing->candidates &= ~filter->if_succeeded;
	for (u32 index = 0; index < FILTER_VALUE_TESTS_MAX; index++) {
		struct value_test *test = &filter->values[index];

		if (index >= filter->value_count || !weighing->candidates)
			break;
		if (!holds_value(composer, test))
			weighing->candidates &= ~test->clauses;
	}
	/* It takes a look into a map, and is asked only where it matters. */
	if (weighing->candidates & filter->in_containers && is_of_host())
		weighing->candidates &= ~filter->in_containers;
	return verdict_of(weighing, filter->with_paths | filter->with_sockets);
}

/* Whether what is not needed is recorded all the same, and marked, which whoever records it counts. */
static __always_inline bool is_marked(struct composer *composer)
{
	struct plan *plan = plan_of(composer);

	composer->weighing.filter = 0;
	if (!plan->marked_share || roll(composer) >= plan->marked_share)
		return false;
	composer->call.flags |= FLAG_FILTER_MARKED;
	return true;
}

/* Counts a call that is not needed. False if it is recorded all the same, and marked. */
static __always_inline bool leave_out(struct composer *composer)
{
	bool is_left_out = !is_marked(composer);

	count(false, is_left_out ? COUNTER_FILTERED : COUNTER_MARKED);
	return is_left_out;
}

/* The same of a call whose record is composed already. */
static __always_inline bool leave_out_composed(struct composer *composer)
{
	if (leave_out(composer))
		return true;
	composer->header.flags |= FLAG_FILTER_MARKED;
	return false;
}

static __always_inline void begin_weighing(struct composer *composer, u32 filter, bool has_ended)
{
	struct weighing *weighing = &composer->weighing;

	weighing->filter = composer->bank * FILTERS_PER_BANK + filter;
	weighing->facts = 0;
	weighing->known = KNOWN_ARGUMENTS;
	if (has_ended) {
		weighing->facts = composer->call.result < 0 ? FACT_FAILED : FACT_SUCCEEDED;
		weighing->known |= KNOWN_RESULT;
	}
	weighing->is_socket_tested = false;
	weighing->base_flags = 0;
}

#endif
