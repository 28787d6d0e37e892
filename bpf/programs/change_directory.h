/* chdir and fchdir: where the process is afterwards. */
#ifndef EYRIE_CHANGE_DIRECTORY_H
#define EYRIE_CHANGE_DIRECTORY_H

#include "file.h"

__noinline int on_change_directory(u32 by_descriptor)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct task_struct *task = current_task();
	struct change_directory_record *change;
	bool has_failed, is_relative = true;

	if (!composer)
		return 0;
	change = &composer->change_directory;
	has_failed = composer->call.result < 0;
	begin_call(composer, task, RECORD_CHANGE_DIRECTORY, sizeof(*change), has_failed ? 0 : FLAG_STATE_BEARING);
	change->directory_fd = by_descriptor ? (s32)composer->call.arguments[0] : AT_FDCWD;
	if (!by_descriptor)
		is_relative = put_requested_path(composer, &change->requested, composer->call.arguments[0]);
	if (has_failed && is_relative)
		put_base(composer, SLOT_CALL, task, change->directory_fd, &change->base);
	put_working_directory(composer, SLOT_CALL, task, &change->working_directory,
			      FLAG_WORKING_DIRECTORY_TRUNCATED);
	return submit(composer);
}

#endif
