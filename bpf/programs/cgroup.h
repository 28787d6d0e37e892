/* Control groups as they are made and removed, so that a process's is known before its first event. */
#ifndef EYRIE_CGROUP_H
#define EYRIE_CGROUP_H

#include "task.h"

/* The kernel hands over at most so many bytes of the path, with the NUL. */
enum { CGROUP_PATH_BYTES = 1024 };

static __always_inline int on_cgroup(struct cgroup *group, const char *path, u32 flags)
{
	struct composer *composer = new_composer(SLOT_LIFE);
	struct config *configured = configuration();
	struct task_struct *task = current_task();
	struct cgroup_record *record;

	if (!composer)
		return 0;
	if (load(load(group->root)->hierarchy_id) != (s32)configured->cgroup_hierarchy)
		return 0;
	record = &composer->cgroup;
	begin(composer, task, RECORD_CGROUP, sizeof(*record), FLAG_STATE_BEARING);
	record->cgroup_id = load(load(group->kn)->id);
	record->hierarchy = configured->cgroup_hierarchy;
	record->flags = flags;
	put_kernel_string(composer, &record->path, path);
	if (record->path.length >= CGROUP_PATH_BYTES - 1)
		record->flags |= CGROUP_PATH_TRUNCATED;
	return submit(composer);
}

SEC("tp_btf/cgroup_mkdir")
int cgroup_made(u64 *context)
{
	return on_cgroup((struct cgroup *)context[0], (const char *)context[1], 0);
}

SEC("tp_btf/cgroup_rmdir")
int cgroup_removed(u64 *context)
{
	return on_cgroup((struct cgroup *)context[0], (const char *)context[1], CGROUP_REMOVED);
}

#endif
