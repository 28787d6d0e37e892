/* A step of a call's shape, and what it names. */
#ifndef EYRIE_STEP_H
#define EYRIE_STEP_H

#include "maps.h"

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

#endif
