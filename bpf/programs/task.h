/* The head of a record: what the kernel knows of a thread, mostly by direct loads. */
#ifndef EYRIE_TASK_H
#define EYRIE_TASK_H

#include "calls.h"
#include "compose.h"

static __always_inline u64 start_boot_ns(struct task_struct *task)
{
	if (field_exists(task->start_boottime))
		return load(task->start_boottime);
	return load(((struct task_struct___real_start_time *)task)->real_start_time);
}

static __always_inline struct pid_namespace *pid_namespace_of(struct pid *pid, u32 *level)
{
	struct upid *number;

	*level = load(pid->level);
	/* The index varies, which neither relocation nor verifier can follow: hence by hand. */
	number = (struct upid *)((u64)&pid->numbers[0] + (u64)(*level & 31) * kernel_size_of(struct upid));
	return read_kernel(number->ns);
}

/* What `pid` is called in a namespace; 0 if it is not in there. */
static __always_inline u32 number_in(struct pid *pid, struct pid_namespace *namespace, u32 level)
{
	struct upid *number;

	if (load(pid->level) < level)
		return 0;
	number = (struct upid *)((u64)&pid->numbers[0] + (u64)(level & 31) * kernel_size_of(struct upid));
	return read_kernel(number->ns) == namespace ? read_kernel(number->nr) : 0;
}

#define joined(set) (load((set).cap[0]) | (u64)load((set).cap[1]) << 32)

static __always_inline void put_credentials(struct record_header *header, struct task_struct *task)
{
	struct cred *cred = load(task->real_cred);

	header->uid = load(cred->uid.val);
	header->gid = load(cred->gid.val);
	header->effective_uid = load(cred->euid.val);
	header->effective_gid = load(cred->egid.val);
	if (field_exists(cred->cap_effective.val)) {
		header->cap_effective = load(cred->cap_effective.val);
		header->cap_permitted = load(cred->cap_permitted.val);
		header->cap_inheritable = load(cred->cap_inheritable.val);
	} else {
		struct cred___words *words = (void *)cred;

		header->cap_effective = joined(words->cap_effective);
		header->cap_permitted = joined(words->cap_permitted);
		header->cap_inheritable = joined(words->cap_inheritable);
	}
	/* Kernels without audit have neither. */
	header->login_uid = field_exists(task->loginuid) ? load(task->loginuid.val) : 0xffffffff;
	header->audit_session_id = field_exists(task->sessionid) ? load(task->sessionid) : 0xffffffff;
}

/* As stat(2) and /proc/PID/stat encode it: major << 8 | minor up to 255. */
static __always_inline u32 tty_of(struct signal_struct *signal)
{
	struct tty_struct *tty = load(signal->tty);
	struct tty_driver *driver;
	u32 minor;

	if (!tty)
		return 0;
	driver = load(tty->driver);
	minor = load(driver->minor_start) + load(tty->index);
	return (minor & 0xff) | (u32)load(driver->major) << 8 | (minor & ~0xffU) << 12;
}

static __always_inline void put_ids(struct record_header *header, struct task_struct *task)
{
	struct signal_struct *signal = load(task->signal);
	struct pid *session = load(signal->pids[PIDTYPE_SID]);
	struct pid *group = load(signal->pids[PIDTYPE_PGID]);
	struct task_struct *leader = load(task->group_leader);
	struct pid *own = load(task->thread_pid);
	struct pid_namespace *namespace;
	u32 level;

	header->tgid = load(task->tgid);
	header->tid = load(task->pid);
	header->parent_tgid = load(load(task->real_parent)->tgid);
	header->leader_start_boot_ns = start_boot_ns(leader);
	header->session_id = load(session->numbers[0].nr);
	header->process_group_id = load(group->numbers[0].nr);
	header->tty = tty_of(signal);
	namespace = pid_namespace_of(own, &level);
	header->pid_namespace = read_kernel(namespace->ns.inum);
	if (level == 0) {
		header->namespace_tgid = header->tgid;
		header->namespace_tid = header->tid;
		header->namespace_session_id = header->session_id;
		header->namespace_process_group_id = header->process_group_id;
		return;
	}
	header->namespace_tgid = number_in(load(leader->thread_pid), namespace, level);
	header->namespace_tid = number_in(own, namespace, level);
	header->namespace_session_id = number_in(session, namespace, level);
	header->namespace_process_group_id = number_in(group, namespace, level);
}

/* Boot time of the init of the task's pid namespace. */
static __always_inline u64 pid_namespace_start(struct task_struct *task)
{
	u32 level;
	struct pid_namespace *namespace = pid_namespace_of(load(task->thread_pid), &level);
	struct task_struct *init = read_kernel(namespace->child_reaper);

	if (field_exists(init->start_boottime))
		return read_kernel(init->start_boottime);
	return read_kernel(((struct task_struct___real_start_time *)init)->real_start_time);
}

#define index_of(controller) \
	(enum_value_exists(enum cgroup_subsys_id, controller) \
		 ? (s32)kernel_enum_value(enum cgroup_subsys_id, controller) \
		 : -1)

/* Where a css_set has the state of a controller; negative where the kernel does not know the controller. */
static __always_inline s32 controller_index(u32 controller)
{
	switch (controller) {
	case CONTROLLER_MEMORY:
		return index_of(memory_cgrp_id);
	case CONTROLLER_PIDS:
		return index_of(pids_cgrp_id);
	case CONTROLLER_CPU:
		return index_of(cpu_cgrp_id);
	case CONTROLLER_CPUACCT:
		return index_of(cpuacct_cgrp_id);
	case CONTROLLER_DEVICES:
		return index_of(devices_cgrp_id);
	case CONTROLLER_FREEZER:
		return index_of(freezer_cgrp_id);
	case CONTROLLER_IO:
		return index_of(io_cgrp_id);
	case CONTROLLER_CPUSET:
		return index_of(cpuset_cgrp_id);
	}
	return -1;
}

/* The control group of a task in the configured hierarchy. A controller can be bound anew while we run, so that its
 * hierarchy is looked at each time: 0 where it is another one by now, which means not known. */
static __always_inline u64 cgroup_id_of(struct task_struct *task, struct config *configured)
{
	struct css_set *groups = load(task->cgroups);
	struct cgroup_subsys_state *state;
	struct cgroup *group;
	s32 index;

	if (configured->cgroup_controller == CONTROLLER_NONE)
		return load(load(load(groups->dfl_cgrp)->kn)->id);
	index = controller_index(configured->cgroup_controller);
	if (index < 0)
		return 0;
	/* The index varies between kernels, which a relocated access cannot follow; it is a constant to the verifier. */
	state = load(*(struct cgroup_subsys_state **)((u64)&groups->subsys[0] + (u32)index * 8));
	group = load(state->cgroup);
	if (load(load(group->root)->hierarchy_id) != (s32)configured->cgroup_hierarchy)
		return 0;
	return load(load(group->kn)->id);
}

static __always_inline void put_name(char *to, struct task_struct *task)
{
	bpf_probe_read_kernel(to, 16, &task->comm);
}

/* Makes room for a record's structure of `size` bytes, which are zero afterwards. */
static __always_inline void clear(struct composer *composer, u32 size)
{
	__builtin_memset(composer->bytes, 0, size);
	composer->length = size;
}

/* Fills in the head of a record about `task`. */
static __always_inline void put_header(struct composer *composer, struct task_struct *task, enum record_kind kind,
				       u32 flags)
{
	struct record_header *header = &composer->header;
	struct config *configured = configuration();
	struct plan *plan = plan_of(composer);

	header->kind = kind;
	header->flags |= flags | (load(task->flags) & PF_KTHREAD ? FLAG_KERNEL_THREAD : 0);
	header->cpu = bpf_get_smp_processor_id();
	header->boot_ns = bpf_ktime_get_boot_ns();
	header->plan_generation = plan->generation;
	header->cgroup_id = cgroup_id_of(task, configured);
	header->cgroup_hierarchy = configured ? configured->cgroup_hierarchy : 0;
	header->mount_namespace = load(load(load(task->nsproxy)->mnt_ns)->ns.inum);
	put_ids(header, task);
	put_credentials(header, task);
	put_name(header->comm, task);
}

/* Begins a record about `task`: everything in it but the head is zero afterwards. */
static __always_inline void begin(struct composer *composer, struct task_struct *task, enum record_kind kind,
				  u32 size, u32 flags)
{
	clear(composer, size);
	put_header(composer, task, kind, flags);
}

/* The same of a call of the current thread. */
static __always_inline void put_call_header(struct composer *composer, struct task_struct *task,
					    enum record_kind kind, u32 flags)
{
	put_header(composer, task, kind, composer->call.flags | flags);
	composer->header.call_number = composer->call.number;
	composer->header.call_result = composer->call.result;
}

static __always_inline void begin_call(struct composer *composer, struct task_struct *task, enum record_kind kind,
				       u32 size, u32 flags)
{
	clear(composer, size);
	put_call_header(composer, task, kind, flags);
}

#endif
