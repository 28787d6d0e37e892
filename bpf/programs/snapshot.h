/* All threads as they are now, for the start and for repair. Read by user space from the iterator's descriptor: records
 * one after the other. */
#ifndef EYRIE_SNAPSHOT_H
#define EYRIE_SNAPSHOT_H

#include "exec.h"
#include "life.h"

/* Like put_strings, of another task's memory, which may have to be brought in. */
static __always_inline void copy_strings(struct composer *composer, struct task_struct *task, struct span *span,
					 u64 start, u64 end, u32 limit, u32 truncated, u32 unreadable)
{
	u64 size = end - start;
	u32 offset, length;
	u8 *part = next_part(composer, &offset);

	if (end <= start || !part)
		return;
	if (limit > PART_BYTES)
		limit = PART_BYTES;
	if (size > limit) {
		size = limit;
		composer->header.flags |= truncated;
	}
	length = size;
	forget(length);
	if (length > PART_BYTES)
		return;
	if (bpf_copy_from_user_task(part, length, (void *)start, task, 0) == 0)
		end_part(composer, span, offset, length);
	else
		composer->header.flags |= unreadable;
}

static __always_inline void put_process(struct composer *composer, struct task_struct *task)
{
	struct task_record *record = &composer->task;
	struct mm_struct *memory = task->mm;
	struct plan *plan = plan_of(composer);
	struct file *file;

	put_working_directory(composer, SLOT_SNAPSHOT, task, &record->working_directory,
			      FLAG_WORKING_DIRECTORY_TRUNCATED);
	put_root_directory(composer, SLOT_SNAPSHOT, task, &record->root_directory);
	if (!memory)
		return;
	copy_strings(composer, task, &record->arguments, memory->arg_start, memory->arg_end,
		     plan->max_argument_bytes, FLAG_ARGUMENTS_TRUNCATED, FLAG_ARGUMENTS_UNREADABLE);
	copy_strings(composer, task, &record->environment, memory->env_start, memory->env_end,
		     plan->max_environment_bytes, FLAG_ENVIRONMENT_TRUNCATED, FLAG_ENVIRONMENT_UNREADABLE);
	file = memory->exe_file;
	if (file && task->fs) {
		put_file(&record->executable, file);
		put_file_path(composer, SLOT_SNAPSHOT, task, file, &record->executable, &record->executable_path);
	}
}

SEC("iter.s/task")
int task_snapshot(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct composer *composer = new_composer(SLOT_SNAPSHOT);
	struct task_record *record;
	u32 length;

	if (!task || !composer)
		return 0;
	record = &composer->task;
	begin(composer, task, RECORD_TASK, sizeof(*record), FLAG_STATE_BEARING);
	record->thread_start_boot_ns = start_boot_ns(task);
	record->pid_namespace_start_boot_ns = pid_namespace_start(task);
	record->open_files_limit = task->signal->rlim[RLIMIT_NOFILE].rlim_cur;
	if (read_bit(struct signal_struct, task->signal, is_child_subreaper))
		record->flags |= TASK_CHILD_SUBREAPER;
	if (task->exit_state)
		record->flags |= TASK_ENDED;
	if (task->pid == task->tgid) {
		put_process(composer, task);
		put_descriptor_info(composer, SLOT_SNAPSHOT, task, &record->standard_input, 0);
		put_descriptor_info(composer, SLOT_SNAPSHOT, task, &record->standard_output, 1);
		put_descriptor_info(composer, SLOT_SNAPSHOT, task, &record->standard_error, 2);
	}
	length = composer->length;
	forget(length);
	if (length > RECORD_BYTES_MAX)
		return 0;
	composer->header.size = length;
	bpf_seq_write(context->meta->seq, composer->bytes, length);
	return 0;
}

#endif
