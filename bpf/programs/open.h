/* open, openat, openat2, creat: the path asked for, where it starts, and what the kernel opened. */
#ifndef EYRIE_OPEN_H
#define EYRIE_OPEN_H

#include "file.h"
#include "filter_path.h"

enum open_call { CALL_OPEN, CALL_CREAT, CALL_OPENAT, CALL_OPENAT2, CALL_IS_NO_OPEN };

/* Argument of openat2: struct open_how, whose size is part of the ABI. */
struct user_open_how {
	u64 flags;
	u64 mode;
	u64 resolve;
};

/* Notes what was asked for besides the path. False if it cannot be read: it is zero then. */
static __always_inline bool note_how(struct call *call, enum open_call which)
{
	struct user_open_how how = {};
	bool is_read = true;

	switch (which) {
	case CALL_OPEN:
		how.flags = call->arguments[1];
		how.mode = call->arguments[2];
		break;
	case CALL_CREAT:
		how.flags = O_CREAT_WRONLY_TRUNC;
		how.mode = call->arguments[1];
		break;
	case CALL_OPENAT:
		how.flags = call->arguments[2];
		how.mode = call->arguments[3];
		break;
	case CALL_OPENAT2:
		is_read = bpf_probe_read_user(&how, sizeof(how), (void *)call->arguments[2]) == 0;
		break;
	case CALL_IS_NO_OPEN:
		break;
	}
	call->open_flags = (u32)how.flags;
	call->open_mode = how.mode;
	call->open_resolve = how.resolve;
	return is_read;
}

/* Fills in what was asked for; the result is the address of the path. */
static __always_inline u64 put_open_arguments(struct open_record *open, const struct call *call, enum open_call which)
{
	bool has_directory = which == CALL_OPENAT || which == CALL_OPENAT2;

	open->flags = call->open_flags;
	open->mode = call->open_mode;
	open->resolve = call->open_resolve;
	open->directory_fd = has_directory ? (s32)call->arguments[0] : AT_FDCWD;
	return has_directory ? call->arguments[1] : call->arguments[0];
}

static __always_inline struct file *opened_file(struct composer *composer)
{
	return composer->call.result >= 0 ? file_of(current_task(), composer->call.result) : NULL;
}

/* The tests of paths, before more is composed than these. What they have put into the record is not put there again. */
static __always_inline u32 weigh_open(struct composer *composer, bool is_relative)
{
	struct weighing *weighing = &composer->weighing;
	struct open_record *open = &composer->open;
	struct filter *filter = filter_of(composer);
	u32 holding, resolved;
	struct file *file;

	/* With RESOLVE_IN_ROOT a path means another one than it does as text. An open has no socket to test. */
	if (!filter || open->resolve & RESOLVE_IN_ROOT || weighing->candidates & ~filter->with_paths)
		return VERDICT_NEEDED;
	if (is_relative && !(composer->header.flags & FLAG_REQUESTED_UNREADABLE)) {
		put_base(composer, SLOT_CALL, current_task(), open->directory_fd, &open->base);
		weighing->has_base = true;
	}
	holding = test_requested(composer, &open->requested, &open->base, false);
	/* No second path can be told of a call with one. */
	if (is_tested(filter, true))
		holding = MAY_HOLD;
	resolved = weighing->candidates & filter->tries_resolved & ~holding;
	if (resolved && !(weighing->candidates & holding)) {
		file = opened_file(composer);
		if (file) {
			put_file_path(composer, SLOT_CALL, current_task(), file, &open->file,
				      &open->resolved);
			weighing->has_resolved = true;
			holding |= resolved & test_resolved(composer, &open->resolved);
		}
	}
	return weigh_paths(weighing, filter, holding);
}

__noinline int on_open(u32 which)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct task_struct *task;
	struct weighing *weighing;
	struct open_record *open;
	struct file *file;
	bool is_relative;
	u64 address;

	if (!composer)
		return 0;
	open = &composer->open;
	weighing = &composer->weighing;
	clear(composer, sizeof(*open));
	weighing->has_base = weighing->has_resolved = false;
	address = put_open_arguments(open, &composer->call, which);
	open->fd = composer->call.result;
	is_relative = put_requested_path(composer, &open->requested, address);
	if (weighing->filter && weigh_open(composer, is_relative) == VERDICT_NOT_NEEDED && leave_out(composer))
		return 0;
	task = current_task();
	put_call_header(composer, task, RECORD_OPEN, 0);
	/* With RESOLVE_IN_ROOT even an absolute path starts at the directory. */
	if (!weighing->has_base && (is_relative || open->resolve & RESOLVE_IN_ROOT))
		put_base(composer, SLOT_CALL, task, open->directory_fd, &open->base);
	file = opened_file(composer);
	if (file) {
		put_file(&open->file, file);
		if (!weighing->has_resolved)
			put_file_path(composer, SLOT_CALL, task, file, &open->file, &open->resolved);
	}
	return submit(composer);
}

#endif
