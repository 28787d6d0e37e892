/* Tests of paths: absolute and normalised as text, looked up in a trie that has all tests of both banks. */
#ifndef EYRIE_FILTER_PATH_H
#define EYRIE_FILTER_PATH_H

#include "filter.h"

enum {
	PATH_KEY_HEAD_BITS = 32,
	TESTABLE_WORDS = (TESTABLE_BYTES_MAX + 1) / 8,
	SUFFIX_WORDS = SUFFIX_BYTES_MAX / 8,
	/* Bytes of a part of a path that are looked at to make it normal. */
	NORMALISED_BYTES_MAX = 320,
	COMPONENTS_MAX = 128,
	/* All clauses: what cannot be told. */
	MAY_HOLD = 0xffffffff,
};

struct path_tester {
	/* Room to read whole words from before the beginning of a path. */
	u8 room[SUFFIX_BYTES_MAX];
	struct path_key forward;
	struct path_key backward;
	/* While a path is made normal: how much of it is, where the next byte goes, and where its components begin. */
	u32 length;
	u32 at;
	u32 depth;
	/* Whether what was copied has two dots somewhere. */
	u32 has_dotdot;
	u8 starts[COMPONENTS_MAX];
};

struct {
	map_int(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	map_int(max_entries, 1);
	map_type(key, u32);
	map_type(value, struct path_tester);
} path_testers SEC(".maps");

static __always_inline struct path_tester *path_tester(void)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&path_testers, &key);
}

#define ALL_BYTES(byte) (0x0101010101010101ULL * (byte))

/* The place of the first bytes of a test of paths in `heads`: `head_number` in src/filter/paths.rs. */
static __always_inline u32 head_number(u64 head)
{
	return spread(head) >> 57 & (PATH_HEADS - 1);
}

/* The highest bit of each byte that is zero. */
static __always_inline u64 zero_bytes(u64 word)
{
	u64 rest = (word & ALL_BYTES(0x7f)) + ALL_BYTES(0x7f);

	return ~(rest | word | ALL_BYTES(0x7f));
}

/* Eight bytes of a part of the record, zero behind its end. Machines are little-endian here. */
static __always_inline u64 word_of(struct composer *composer, u32 offset, u32 length, u32 from)
{
	u32 at = offset + from, left = length - from;
	u64 word;

	forget(at);
	if (at > RECORD_BYTES_MAX - sizeof(word))
		return 0;
	word = *(u64 *)(composer->bytes + at);
	if (left < 8)
		word &= (1ULL << 8 * left) - 1;
	return word;
}

/* Copies a path to be tested, and says whether it is absolute and normal already, as most are. */
static __always_inline bool copy_normal(struct composer *composer, struct path_tester *tester, u32 offset, u32 length)
{
	u64 carried_slash = 0, carried_dot = 0, carried = 0, odd = 0, dotdots = 0;

	tester->has_dotdot = length > TESTABLE_BYTES_MAX;
	if (!length || length > TESTABLE_BYTES_MAX)
		return false;
	for (u32 index = 0; index < TESTABLE_WORDS; index++) {
		u64 word, slashes, dots, behind_slash, dot_behind_slash;

		if (8 * index > length)
			break;
		word = word_of(composer, offset, length, 8 * index);
		((u64 *)tester->forward.bytes)[index] = word;
		slashes = zero_bytes(word ^ ALL_BYTES('/'));
		dots = zero_bytes(word ^ ALL_BYTES('.'));
		behind_slash = slashes << 8 | carried_slash;
		dot_behind_slash = behind_slash & dots;
		/* Two slashes, or a component that is a dot or begins with two. */
		odd |= behind_slash & slashes;
		odd |= (dot_behind_slash << 8 | carried_dot) & (slashes | dots | zero_bytes(word));
		dotdots |= (dots << 8 | carried) & dots;
		carried = dots >> 56;
		carried_slash = slashes >> 56;
		carried_dot = dot_behind_slash >> 56;
	}
	tester->has_dotdot = dotdots != 0;
	if (odd || tester->forward.bytes[0] != '/')
		return false;
	tester->length = length;
	return length == 1 || tester->forward.bytes[(length - 1) & 0xff] != '/';
}

/* Whether a path has two dots somewhere, or is too long to tell. */
__noinline u32 has_dotdot(u32 offset, u32 length)
{
	struct composer *composer = composer_of(SLOT_CALL);
	u64 carried = 0, odd = 0;

	if (!composer || length > TESTABLE_BYTES_MAX)
		return true;
	for (u32 index = 0; index < TESTABLE_WORDS; index++) {
		u64 dots;

		if (8 * index > length)
			break;
		dots = zero_bytes(word_of(composer, offset, length, 8 * index) ^ ALL_BYTES('.'));
		odd |= (dots << 8 | carried) & dots;
		carried = dots >> 56;
	}
	return odd != 0;
}

/* Ends the component behind the last slash. False if there is no room for the next. */
static __always_inline bool end_component(struct path_tester *tester)
{
	u32 begin = tester->length + 1, at = tester->at, depth = tester->depth;
	u8 *bytes = tester->forward.bytes;

	forget(at);
	forget(depth);
	if (at == begin)
		return true;
	if (at < 1 || at > TESTABLE_BYTES_MAX)
		return false;
	if (bytes[at - 1] == '.' && at == begin + 1) {
		tester->at = begin;
		return true;
	}
	if (at == begin + 2 && bytes[at - 1] == '.' && at >= 2 && bytes[at - 2] == '.') {
		depth -= 1;
		if (depth < COMPONENTS_MAX) {
			tester->length = tester->starts[depth];
			tester->depth = depth;
		}
		tester->at = tester->length + 1;
		return true;
	}
	if (depth >= COMPONENTS_MAX)
		return false;
	tester->starts[depth] = tester->length;
	tester->depth = depth + 1;
	tester->length = at;
	bytes[at] = '/';
	tester->at = at + 1;
	return true;
}

/* Appends a part of the record to the path that is made normal. False if that cannot be done. All of its state is in memory,
 * where the verifier does not follow it. */
__noinline u32 add_text(u32 offset, u32 length)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct path_tester *tester = path_tester();

	if (!composer || !tester || length > NORMALISED_BYTES_MAX)
		return false;
	for (u32 index = 0; index <= NORMALISED_BYTES_MAX; index++) {
		u32 from = offset + index, at = tester->at;
		u8 byte;

		if (index >= length)
			break;
		forget(from);
		if (from >= RECORD_BYTES_MAX)
			return false;
		byte = composer->bytes[from];
		if (byte == '/') {
			if (!end_component(tester))
				return false;
			continue;
		}
		forget(at);
		if (at > TESTABLE_BYTES_MAX)
			return false;
		tester->forward.bytes[at] = byte;
		tester->at = at + 1;
	}
	return end_component(tester);
}

static __always_inline bool make_normal(struct path_tester *tester, const struct span *base, const struct span *requested)
{
	u32 length;

	tester->length = 0;
	tester->depth = 0;
	tester->at = 1;
	tester->forward.bytes[0] = '/';
	if (base->length && !add_text(base->offset, base->length))
		return false;
	if (requested->length && !add_text(requested->offset, requested->length))
		return false;
	length = tester->length;
	if (!length)
		tester->length = length = 1;
	forget(length);
	if (length > TESTABLE_BYTES_MAX)
		return false;
	tester->forward.bytes[length] = 0;
	return true;
}

/* Of the candidates, those that may have a test of a path that begins with these eight bytes, turned around if the test is. */
static __always_inline u32 begun_by(struct filter *filter, u32 kind, u64 head, u32 candidates)
{
	u64 begun = filter->short_paths[kind & (TESTED_KINDS - 1)];

	begun |= filter->heads[kind & (TESTED_KINDS - 1)][head_number(head)];
	begun |= filter->heads[kind & (TESTED_KINDS - 1)][head_number((u32)head)];
	return candidates & begun;
}

static __always_inline u32 look_up(struct composer *composer, struct path_key *key, u32 kind, u32 length)
{
	u64 *clauses;

	key->bits = PATH_KEY_HEAD_BITS + 8 * length;
	key->bank = composer->bank;
	key->filter = composer->weighing.filter & (FILTERS_PER_BANK - 1);
	key->kind = kind;
	clauses = bpf_map_lookup_elem(&path_tests, key);
	return clauses ? *clauses : 0;
}

/* The last eight bytes of the path, turned around. */
static __always_inline u64 ending(struct path_tester *tester)
{
	u32 at = offset_of(struct path_tester, forward.bytes) + tester->length - 8;

	forget(at);
	if (at > sizeof(*tester) - 8)
		return 0;
	return __builtin_bswap64(*(u64 *)((u8 *)tester + at));
}

/* Turns the end of the path around. */
static __always_inline void reverse(struct path_tester *tester)
{
	u32 end = offset_of(struct path_tester, forward.bytes) + tester->length;

	for (u32 index = 0; index < SUFFIX_WORDS; index++) {
		u32 at = end - 8 * (index + 1);

		forget(at);
		if (at > sizeof(*tester) - 8)
			return;
		((u64 *)tester->backward.bytes)[index] = __builtin_bswap64(*(u64 *)((u8 *)tester + at));
	}
}

/* Whether the path has no slash but the first. */
static __always_inline bool is_in_root(struct path_tester *tester)
{
	u64 slashes = 0;

	for (u32 index = 0; index < TESTABLE_WORDS; index++) {
		u64 word, left = (u64)tester->length - 8 * index;

		if (8 * index >= tester->length)
			break;
		word = ((u64 *)tester->forward.bytes)[index];
		if (left < 8)
			word &= (1ULL << 8 * left) - 1;
		slashes |= zero_bytes(word ^ ALL_BYTES('/')) & (index ? ~0ULL : ~0xffULL);
	}
	return !slashes;
}

/* Whether the path has the two bytes of some part that it is searched for only then. Without branches in the loop, as below. */
static __always_inline bool may_have_parts(struct path_tester *tester, struct filter *filter)
{
	u64 carried[PARTS_OF_PATHS_MAX] = {}, found = 0;

	for (u32 index = 0; index < TESTABLE_WORDS; index++) {
		u64 word;

		if (8 * index > tester->length)
			break;
		word = ((u64 *)tester->forward.bytes)[index];
		for (u32 number = 0; number < PARTS_OF_PATHS_MAX; number++) {
			struct path_part *part = &filter->parts[number];
			u64 firsts = zero_bytes(word ^ part->first);

			found |= (firsts << 8 | carried[number]) & zero_bytes(word ^ part->second);
			carried[number] = firsts >> 56;
		}
	}
	return found;
}

/* The clauses that hold by what the path has somewhere. Without branches in the loop, so that the verifier looks at it once a place. */
__noinline u32 test_parts(void)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct path_tester *tester = path_tester();
	struct filter *filter;
	u64 holding = 0;
	u32 length;

	if (!composer || !tester)
		return MAY_HOLD;
	filter = filter_of(composer);
	if (!filter)
		return MAY_HOLD;
	length = tester->length;
	for (u32 at = 0; at <= PATH_KEY_BYTES - 8; at++) {
		u64 word;

		if (at >= length)
			return holding;
		word = *(u64 *)(tester->forward.bytes + at);
		for (u32 index = 0; index < PARTS_OF_PATHS_MAX; index++) {
			struct path_part *part = &filter->parts[index];
			u64 rest = (word & part->mask) ^ part->bytes;
			u64 is_other = (rest | -rest) >> 63;

			holding |= part->clauses & (is_other - 1);
		}
	}
	return MAY_HOLD;
}

/* The clauses that hold by the path that `weighing` names. */
__noinline u32 test_path(u32 second)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct path_tester *tester = path_tester();
	struct weighing *weighing;
	struct span *requested, *base;
	struct filter *filter;
	u32 candidates, holding = 0, kind = second ? TESTED_SECOND : TESTED_FIRST;
	u32 with_parts, in_root, length;
	bool is_normal = false;

	if (!composer || !tester)
		return MAY_HOLD;
	weighing = &composer->weighing;
	filter = filter_of(composer);
	if (!filter)
		return MAY_HOLD;
	requested = &weighing->requested;
	base = &weighing->base;
	candidates = weighing->candidates;
	if (!base->length)
		is_normal = copy_normal(composer, tester, requested->offset, requested->length);
	else if (candidates & filter->with_dotdot[!!second])
		tester->has_dotdot = has_dotdot(requested->offset, requested->length);
	if (candidates & filter->with_dotdot[!!second] && tester->has_dotdot)
		holding |= filter->with_dotdot[!!second];
	with_parts = candidates & filter->with_parts[!!second];
	in_root = candidates & filter->in_root[!!second];
	if (!(candidates & (filter->tested_paths[kind] | filter->tested_paths[kind + 1]) || with_parts || in_root))
		return holding;
	if (!is_normal && !make_normal(tester, base, requested))
		return MAY_HOLD;
	length = tester->length;
	if (begun_by(filter, kind, *(u64 *)tester->forward.bytes, candidates & filter->tested_paths[kind]))
		holding |= look_up(composer, &tester->forward, kind, length + 1);
	if (begun_by(filter, kind + 1, ending(tester), candidates & filter->tested_paths[kind + 1])) {
		reverse(tester);
		holding |= look_up(composer, &tester->backward, kind + 1,
				   length < SUFFIX_BYTES_MAX ? length : SUFFIX_BYTES_MAX);
	}
	if (in_root && is_in_root(tester))
		holding |= in_root;
	/* It costs most, and is not asked where the answer is known. */
	if (with_parts && !(candidates & holding) &&
	    (with_parts & filter->with_short_parts || may_have_parts(tester, filter)))
		holding |= with_parts & test_parts();
	return holding;
}

enum {
	/* Why a path that was asked for is not what the call has reached, as text. */
	FLAGS_OF_UNTOLD_PATHS = FLAG_REQUESTED_UNREADABLE | FLAG_REQUESTED_TRUNCATED | FLAG_BASE_UNKNOWN |
				FLAG_BASE_TRUNCATED,
};

/* The same of a path of the record. One that starts nowhere, or is not there, cannot be told. */
static __always_inline u32 test_requested(struct composer *composer, const struct span *requested,
					  const struct span *base, u32 second)
{
	struct weighing *weighing = &composer->weighing;
	u32 at = requested->offset;

	if (!at || composer->header.flags & FLAGS_OF_UNTOLD_PATHS || weighing->base_flags)
		return MAY_HOLD;
	forget(at);
	if (at >= RECORD_BYTES_MAX)
		return MAY_HOLD;
	if (!base->length && (!requested->length || composer->bytes[at] != '/'))
		return MAY_HOLD;
	weighing->requested = *requested;
	weighing->base = *base;
	return test_path(second);
}

/* The same of the kernel's path of what was opened. */
static __always_inline u32 test_resolved(struct composer *composer, const struct span *resolved)
{
	struct weighing *weighing = &composer->weighing;

	if (composer->walk.flags || !resolved->length)
		return MAY_HOLD;
	weighing->requested = *resolved;
	weighing->base.length = 0;
	return test_path(false);
}

/* Only those candidates stay whose paths hold. */
static __always_inline u32 weigh_paths(struct weighing *weighing, struct filter *filter, u32 holding)
{
	weighing->candidates &= holding | ~filter->with_paths;
	return verdict_of(weighing, 0);
}

/* Whether clauses test this path at all. */
static __always_inline bool is_tested(struct filter *filter, u32 second)
{
	u32 kind = second ? TESTED_SECOND : TESTED_FIRST;

	return filter->tested_paths[kind] | filter->tested_paths[kind + 1] | filter->with_dotdot[!!second] |
	       filter->with_parts[!!second] | filter->in_root[!!second];
}

/* The tests of a call that has one path in its record, and no socket. */
static __always_inline u32 weigh_only_path(struct composer *composer, const struct span *requested,
					   const struct span *base)
{
	struct weighing *weighing = &composer->weighing;
	struct filter *filter = filter_of(composer);

	if (!filter || weighing->candidates & ~filter->with_paths || is_tested(filter, true))
		return VERDICT_NEEDED;
	return weigh_paths(weighing, filter,
			   filter->tries_resolved | test_requested(composer, requested, base, false));
}

#endif
