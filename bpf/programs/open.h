/* open, openat, openat2, creat: the path asked for, where it starts, and what the kernel opened. */
#ifndef EYRIE_OPEN_H
#define EYRIE_OPEN_H

#include "file.h"

enum open_call { CALL_OPEN, CALL_CREAT, CALL_OPENAT, CALL_OPENAT2 };

/* Argument of openat2: struct open_how, whose size is part of the ABI. */
struct user_open_how {
	u64 flags;
	u64 mode;
	u64 resolve;
};

/* Fills in what was asked for; the result is the address of the path. */
static __always_inline u64 put_open_arguments(struct open_record *open, const u64 *arguments, enum open_call which)
{
	struct user_open_how how = {};

	open->directory_fd = AT_FDCWD;
	switch (which) {
	case CALL_OPEN:
		open->flags = arguments[1];
		open->mode = arguments[2];
		return arguments[0];
	case CALL_CREAT:
		open->flags = O_CREAT_WRONLY_TRUNC;
		open->mode = arguments[1];
		return arguments[0];
	case CALL_OPENAT:
		open->directory_fd = arguments[0];
		open->flags = arguments[2];
		open->mode = arguments[3];
		return arguments[1];
	case CALL_OPENAT2:
		open->directory_fd = arguments[0];
		bpf_probe_read_user(&how, sizeof(how), (void *)arguments[2]);
		open->flags = how.flags;
		open->mode = how.mode;
		open->resolve = how.resolve;
		return arguments[1];
	}
	return 0;
}

__noinline int on_open(u32 which)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct task_struct *task = current_task();
	struct open_record *open;
	struct file *file;
	u64 address;

	if (!composer)
		return 0;
	open = &composer->open;
	begin_call(composer, task, RECORD_OPEN, sizeof(*open), 0);
	address = put_open_arguments(open, composer->call.arguments, which);
	open->fd = composer->call.result;
	/* With RESOLVE_IN_ROOT even an absolute path starts at the directory. */
	if (put_requested_path(composer, &open->requested, address) || open->resolve & RESOLVE_IN_ROOT)
		put_base(composer, SLOT_CALL, task, open->directory_fd, &open->base);
	file = composer->call.result >= 0 ? file_of(task, open->fd) : NULL;
	if (file) {
		put_file(&open->file, file);
		put_file_path(composer, SLOT_CALL, task, file, &open->file, &open->resolved);
	}
	return submit(composer);
}

#endif
