/* Beginning and end of threads. */
#ifndef EYRIE_LIFE_H
#define EYRIE_LIFE_H

#include "task.h"

/* task_newtask rather than sched_process_fork: it is raised at the same point (the child is complete and has not run
 * yet), it alone tells the flags of clone as the kernel took them, and it sees the workers of io_uring, whose end is
 * reported as well. */
SEC("tp_btf/task_newtask")
int process_fork(u64 *context)
{
	struct task_struct *child = (void *)context[0];
	struct task_struct *parent = current_task();
	struct composer *composer = new_composer(SLOT_LIFE);
	struct task_struct *leader = load(child->group_leader);
	struct pid_namespace *namespace;
	struct fork_record *fork;
	u32 level;

	if (!composer)
		return 0;
	fork = &composer->fork;
	begin(composer, parent, RECORD_FORK, sizeof(*fork), FLAG_STATE_BEARING);
	fork->clone_flags = context[1];
	fork->child_tgid = load(child->tgid);
	fork->child_tid = load(child->pid);
	fork->child_start_boot_ns = start_boot_ns(leader);
	fork->child_thread_start_boot_ns = start_boot_ns(child);
	fork->child_cgroup_id = cgroup_id_of(child, configuration());
	fork->child_parent_tgid = load(load(child->real_parent)->tgid);
	namespace = pid_namespace_of(load(child->thread_pid), &level);
	fork->child_pid_namespace = read_kernel(namespace->ns.inum);
	fork->child_namespace_tid = number_in(load(child->thread_pid), namespace, level);
	fork->child_namespace_tgid = number_in(load(leader->thread_pid), namespace, level);
	fork->pid_namespace_start_boot_ns = pid_namespace_start(child);
	put_name(fork->child_comm, child);
	return submit(composer);
}

/* How far up a reaper is looked for. */
enum { ANCESTORS_MAX = 32 };

#define read_bit(type, address, field)                                                                      \
	({                                                                                                  \
		const type *bits_ = (address);                                                              \
		u64 word_ = 0;                                                                              \
		bpf_probe_read_kernel(&word_, __builtin_preserve_field_info(bits_->field, 1),               \
				      (void *)((u64)bits_ + __builtin_preserve_field_info(bits_->field, 0))); \
		word_ <<= __builtin_preserve_field_info(bits_->field, 4);                                   \
		word_ >>= __builtin_preserve_field_info(bits_->field, 5);                                   \
		(bool)word_;                                                                                \
	})

/* Who inherits the children of a process that ends: the nearest ancestor that asked for them, else the init of the pid
 * namespace. 0 where that would take too long to tell. */
static __always_inline u32 reaper_of(struct task_struct *task)
{
	u32 level;
	struct pid_namespace *namespace = pid_namespace_of(load(task->thread_pid), &level);
	struct task_struct *init = read_kernel(namespace->child_reaper);
	struct task_struct *ancestor = load(task->real_parent);

	if (!read_bit(struct signal_struct, load(task->signal), has_child_subreaper))
		return read_kernel(init->tgid);
	for (int i = 0; i < ANCESTORS_MAX; i++) {
		struct signal_struct *signal = read_kernel(ancestor->signal);
		u32 tgid = read_kernel(ancestor->tgid);

		if (ancestor == init || tgid <= 1 || read_bit(struct signal_struct, signal, is_child_subreaper))
			return tgid;
		ancestor = read_kernel(ancestor->real_parent);
	}
	return 0;
}

SEC("tp_btf/sched_process_exit")
int process_exit(u64 *context)
{
	struct task_struct *task = (void *)context[0];
	struct composer *composer = new_composer(SLOT_LIFE);
	struct exit_record *exit;

	if (!composer)
		return 0;
	exit = &composer->exit;
	begin(composer, task, RECORD_EXIT, sizeof(*exit), FLAG_STATE_BEARING);
	exit->thread_start_boot_ns = start_boot_ns(task);
	exit->status = load(task->exit_code);
	if (load(load(task->signal)->live.counter) == 0)
		exit->flags |= EXIT_PROCESS_END;
	if ((u64)load(task->children.next) != (u64)&task->children) {
		exit->flags |= EXIT_HAS_CHILDREN;
		/* While other threads live, one of them takes over. */
		exit->reaper_tgid = exit->flags & EXIT_PROCESS_END ? reaper_of(task) : (u32)load(task->tgid);
	}
	return submit(composer);
}

#endif
