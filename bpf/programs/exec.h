/* exec: what a process became, or what it tried to become. */
#ifndef EYRIE_EXEC_H
#define EYRIE_EXEC_H

#include "descriptor.h"
#include "filter_path.h"

/* Appends a stretch of the task's memory. */
static __always_inline void put_strings(struct composer *composer, struct span *span, u64 start, u64 end, u32 limit,
					u32 truncated, u32 unreadable)
{
	u64 size = end - start;

	if (end <= start)
		return;
	if (limit > PART_BYTES)
		limit = PART_BYTES;
	if (size > limit) {
		size = limit;
		composer->header.flags |= truncated;
	}
	if (!put_user_bytes(composer, span, start, size))
		composer->header.flags |= unreadable;
	else if (span->length < size)
		composer->header.flags |= truncated;
}

__noinline int put_exec_memory(void)
{
	struct composer *composer = composer_of(SLOT_LIFE);
	struct task_struct *task = current_task();
	struct exec_record *exec;
	struct mm_struct *memory = load(task->mm);
	struct plan *plan;

	if (!composer || !memory)
		return 0;
	plan = plan_of(composer);
	exec = &composer->exec;
	put_strings(composer, &exec->arguments, load(memory->arg_start), load(memory->arg_end), plan->max_argument_bytes,
		    FLAG_ARGUMENTS_TRUNCATED, FLAG_ARGUMENTS_UNREADABLE);
	put_strings(composer, &exec->environment, load(memory->env_start), load(memory->env_end),
		    plan->max_environment_bytes, FLAG_ENVIRONMENT_TRUNCATED, FLAG_ENVIRONMENT_UNREADABLE);
	exec->virtual_memory_pages = load(memory->total_vm);
	return 0;
}

__noinline int put_exec_files(void)
{
	struct composer *composer = composer_of(SLOT_LIFE);
	struct task_struct *task = current_task();
	struct exec_record *exec;
	struct mm_struct *memory = load(task->mm);
	struct file *file;

	if (!composer || !memory)
		return 0;
	exec = &composer->exec;
	file = load(memory->exe_file);
	if (file) {
		put_file(&exec->executable, file);
		put_file_path(composer, SLOT_LIFE, task, file, &exec->executable, &exec->executable_path);
	}
	put_working_directory(composer, SLOT_LIFE, task, &exec->working_directory, FLAG_WORKING_DIRECTORY_TRUNCATED);
	put_root_directory(composer, SLOT_LIFE, task, &exec->root_directory);
	return 0;
}

/* What the program is given as standard input, output and error. */
__noinline int put_exec_stream(u32 fd)
{
	struct composer *composer = composer_of(SLOT_LIFE);
	struct descriptor_info *info;

	if (!composer)
		return 0;
	info = fd == 0	 ? &composer->exec.standard_input
	       : fd == 1 ? &composer->exec.standard_output
			 : &composer->exec.standard_error;
	put_descriptor_info(composer, SLOT_LIFE, current_task(), info, fd);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int process_exec(u64 *context)
{
	struct task_struct *task = (void *)context[0];
	struct linux_binprm *binary = (void *)context[2];
	struct composer *composer = new_composer(SLOT_LIFE);
	struct exec_record *exec;

	if (!composer)
		return 0;
	exec = &composer->exec;
	begin(composer, task, RECORD_EXEC, sizeof(*exec), FLAG_STATE_BEARING);
	exec->old_tid = (u32)context[1];
	exec->argument_count = load(binary->argc);
	exec->environment_count = load(binary->envc);
	exec->open_files_limit = load(load(task->signal)->rlim[RLIMIT_NOFILE].rlim_cur);
	exec->major_faults = load(task->maj_flt);
	exec->minor_faults = load(task->min_flt);
	put_kernel_string(composer, &exec->requested, load(binary->filename));
	if (load(binary->interp) == load(binary->filename))
		exec->interpreter = exec->requested;
	else
		put_kernel_string(composer, &exec->interpreter, load(binary->interp));
	put_exec_memory();
	put_exec_files();
	put_exec_stream(0);
	put_exec_stream(1);
	put_exec_stream(2);
	return submit(composer);
}

__noinline int on_failed_exec(u32 has_directory)
{
	struct composer *composer = composer_of(SLOT_CALL);
	struct task_struct *task = current_task();
	struct failed_exec_record *exec;
	u64 address;

	if (!composer)
		return 0;
	exec = &composer->failed_exec;
	begin_call(composer, task, RECORD_FAILED_EXEC, sizeof(*exec), 0);
	exec->directory_fd = has_directory ? (s32)composer->call.arguments[0] : AT_FDCWD;
	exec->flags = has_directory ? composer->call.arguments[4] : 0;
	address = has_directory ? composer->call.arguments[1] : composer->call.arguments[0];
	if (put_requested_path(composer, &exec->requested, address))
		put_base(composer, SLOT_CALL, task, exec->directory_fd, &exec->base);
	if (composer->weighing.filter &&
	    weigh_only_path(composer, &exec->requested, &exec->base) == VERDICT_NOT_NEEDED &&
	    leave_out_composed(composer))
		return 0;
	return submit(composer);
}

#endif
