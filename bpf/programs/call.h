/* System calls, as they return: which of them is recorded, and by whom. The only program that runs on every call, so
 * the first lines are what the host pays. */
#ifndef EYRIE_CALL_H
#define EYRIE_CALL_H

#include "change_directory.h"
#include "connect.h"
#include "detail.h"
#include "exec.h"
#include "open.h"

/* Results that no program ever sees: the kernel starts the call again, or turns them into EINTR. */
enum { ERESTARTSYS = 512, ERESTART_RESTARTBLOCK = 516 };

static __always_inline int on_native_call(struct composer *composer, u32 number, bool is_restarted, u32 state)
{
	switch (number) {
	case NATIVE_OPEN:
		return on_open(CALL_OPEN);
	case NATIVE_CREAT:
		return on_open(CALL_CREAT);
	case NATIVE_OPENAT:
		return on_open(CALL_OPENAT);
	case NATIVE_OPENAT2:
		return on_open(CALL_OPENAT2);
	case NATIVE_CONNECT:
		return on_connect(is_restarted ? FLAG_STARTED_ONLY : 0);
	case NATIVE_CHDIR:
		return on_change_directory(false);
	case NATIVE_FCHDIR:
		return on_change_directory(true);
	case NATIVE_EXECVE:
		return on_failed_exec(false);
	case NATIVE_EXECVEAT:
		return on_failed_exec(true);
	}
	return on_other_call(composer, state);
}

/* Calls by way of socketcall, which has their arguments in memory, are told as what they are. */
static __always_inline void see_through_socketcall(struct composer *composer)
{
	u32 words[6] = {}, count, number = meaning_of_socketcall(composer->call.arguments[0], &count);

	if (number == COMPAT_SOCKETCALL)
		return;
	/* Not more than there are: behind them may be the end of a page. */
	forget(count);
	if (count > 6)
		count = 6;
	bpf_probe_read_user(words, count * sizeof(u32), (void *)composer->call.arguments[1]);
	for (int index = 0; index < 6; index++)
		composer->call.arguments[index] = words[index];
	composer->call.number = number;
}

static __always_inline int on_compat_call(struct composer *composer, u32 number, bool is_restarted, u32 state)
{
	switch (number) {
	case COMPAT_OPEN:
		return on_open(CALL_OPEN);
	case COMPAT_CREAT:
		return on_open(CALL_CREAT);
	case COMPAT_OPENAT:
		return on_open(CALL_OPENAT);
	case COMPAT_OPENAT2:
		return on_open(CALL_OPENAT2);
	case COMPAT_CONNECT:
		return on_connect(is_restarted ? FLAG_STARTED_ONLY : 0);
	case COMPAT_CHDIR:
		return on_change_directory(false);
	case COMPAT_FCHDIR:
		return on_change_directory(true);
	case COMPAT_EXECVE:
		return on_failed_exec(false);
	case COMPAT_EXECVEAT:
		return on_failed_exec(true);
	}
	return on_other_call(composer, state);
}

static __always_inline bool is_exec(u32 number, bool compat)
{
	if (compat)
		return number == COMPAT_EXECVE || number == COMPAT_EXECVEAT;
	return number == NATIVE_EXECVE || number == NATIVE_EXECVEAT;
}

/* Calls that go on, or have had their effect, although they are interrupted: to connect is one. */
static __always_inline bool is_connect(u32 number, bool compat)
{
	if (compat)
		return number == COMPAT_CONNECT || number == COMPAT_SOCKETCALL;
	return number == NATIVE_CONNECT;
}

static __always_inline bool has_bit(const u64 *bitmap, u32 number)
{
	return bitmap[(number >> 6) & (CALL_BITMAP_WORDS - 1)] >> (number & 63) & 1;
}

static __always_inline bool is_recorded(struct plan *plan, u32 number, bool compat)
{
	return has_bit(compat ? plan->compat_calls : plan->calls, number);
}

/* The same before it is known whose number it is. */
static __always_inline bool may_be_recorded(struct plan *plan, u64 number)
{
	/* What lies above the bitmaps may be a number of x32. */
	if (number >= CALL_BITMAP_WORDS * 64 || has_bit(plan->calls, number))
		return true;
	/* Mostly this is a native call with the number of another one: getpid has that of mkdir. */
	return has_bit(plan->compat_calls, number) && is_compat(current_task());
}

static __always_inline bool bears_state(struct plan *plan, u32 number, bool compat)
{
	return has_bit(compat ? plan->compat_state_calls : plan->state_calls, number);
}

static __always_inline bool is_shed(struct config *configured, u32 number, bool compat)
{
	return has_bit(compat ? configured->compat_shed_calls : configured->shed_calls, number);
}

/* The number of the call in `regs`, and the flags that say whose numbering it is in. */
static __always_inline s64 numbered_call(struct pt_regs *regs, bool compat, u32 *flags)
{
	s64 number = call_number(regs);

	*flags = FLAG_HAS_CALL | (compat ? FLAG_COMPAT32 : 0);
#if defined(__TARGET_ARCH_x86)
	if (!compat && number > 0 && number & X32_BIT) {
		number &= ~(s64)X32_BIT;
		*flags |= FLAG_X32;
	}
#endif
	return number;
}

static __always_inline enum open_call open_call_of(u32 number, bool compat)
{
	if (number == (compat ? COMPAT_OPENAT : NATIVE_OPENAT))
		return CALL_OPENAT;
	if (number == (compat ? COMPAT_OPEN : NATIVE_OPEN))
		return CALL_OPEN;
	if (number == (compat ? COMPAT_OPENAT2 : NATIVE_OPENAT2))
		return CALL_OPENAT2;
	return number == (compat ? COMPAT_CREAT : NATIVE_CREAT) ? CALL_CREAT : CALL_IS_NO_OPEN;
}

/* Whether this is a connect, by that name, whose start left word that no clause wants it. */
static __always_inline bool is_foreseen_connect(struct composer *composer, struct task_struct *task, struct plan *plan,
						bool compat)
{
	return HAS_STARTS && composer->call.number == (compat ? COMPAT_CONNECT : NATIVE_CONNECT) &&
	       is_foreseen(composer, task, plan);
}

/* Whether the call is left out, by the tests that cost least. */
static __always_inline bool is_left_out(struct composer *composer, u32 filter, bool has_ended, bool has_flags)
{
	begin_weighing(composer, filter, has_ended);
	if (has_flags)
		composer->weighing.known |= KNOWN_OPEN_FLAGS;
	return weigh_numbers(SLOT_CALL) == VERDICT_NOT_NEEDED && leave_out(composer);
}

/* What a call that is left out says of a socket's past is noted all the same. */
static __always_inline int on_left_out(struct composer *composer, u32 number, bool compat, bool is_open)
{
	if (is_open || is_exec(number, compat) || !keeps_history(composer))
		return 0;
	if (number != (compat ? COMPAT_CONNECT : NATIVE_CONNECT))
		return keep_past();
	composer->weighing.is_left_out = true;
	return on_connect(0);
}

SEC("tp_btf/sys_exit")
int system_call(u64 *context)
{
	struct pt_regs *regs = (void *)context[0];
	struct config *configured = configuration();
	s64 result = context[1], number;
	struct task_struct *task;
	bool compat, is_restarted;
	u32 flags, bank, state, filter;
	struct composer *composer;
	enum open_call open;
	struct plan *plan;
	bool has_flags;

	bank = current_bank(configured);
	plan = plan_in(bank);
	if (!may_be_recorded(plan, call_number(regs)))
		return 0;
	task = current_task();
	compat = is_compat(task);
	number = numbered_call(regs, compat, &flags);
	if (number < 0 || number >= CALL_BITMAP_WORDS * 64 || !is_recorded(plan, number, compat))
		return 0;
	if ((u32)load(task->tgid) == configured->own_tgid) {
		count(false, COUNTER_OWN);
		return 0;
	}
	/* exec that succeeded has a tracepoint of its own; here its arguments are gone. */
	if (result >= 0 && is_exec(number, compat))
		return 0;
	is_restarted = result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK;
	if (is_restarted && !is_connect(number, compat))
		return 0;
	composer = composer_of(SLOT_CALL);
	if (!composer)
		return 0;
	composer->bank = bank;
	composer->weighing.filter = 0;
	composer->weighing.traits = 0;
	composer->weighing.has_socket = false;
	composer->weighing.is_left_out = false;
	composer->call.number = number;
	composer->call.result = result;
	composer->call.flags = flags;
	call_arguments(regs, compat, composer->call.arguments);
	if (compat && number == COMPAT_SOCKETCALL) {
		see_through_socketcall(composer);
		number = composer->call.number;
		if (!is_recorded(plan, number, compat) ||
		    (is_restarted && !is_connect(number, compat)))
			return 0;
	}
	composer->weighing.is_shed = is_shed(configured, number, compat);
	open = open_call_of(number, compat);
	has_flags = open != CALL_IS_NO_OPEN && note_how(&composer->call, open);
	state = bears_state(plan, number, compat) ? FLAG_STATE_BEARING : 0;
	filter = state ? 0 : filter_number(plan, number, compat);
	if (filter && is_foreseen_connect(composer, task, plan, compat)) {
		if (leave_out(composer))
			return note_foreseen_connect();
	} else if (filter && is_left_out(composer, filter, !is_restarted, has_flags)) {
		return on_left_out(composer, number, compat, open != CALL_IS_NO_OPEN);
	}
	/* What no rule needs is no loss, so that a filter with more tests has its say first. */
	if (composer->weighing.is_shed && !composer->weighing.filter)
		return shed(number, composer->call.flags);
	if (compat)
		return on_compat_call(composer, number, is_restarted, state);
	return on_native_call(composer, number, is_restarted, state);
}

#endif
