/* The kernel's path of an object: names are read from the directory entry up to the process's root, across mounts.
 * bpf_d_path would do it, but is not allowed in these programs. */
#ifndef EYRIE_PATH_H
#define EYRIE_PATH_H

#include "task.h"

/* Steps of a walk (a name, or a mount that is left). What lies further up is cut off and marked. A plain bounded loop:
 * bpf_loop would allow more but asks for 5.17. */
enum { WALK_STEPS_MAX = 128 };

enum walk_flag {
	WALK_TRUNCATED = 1 << 0,
	WALK_UNREACHABLE = 1 << 1,
	WALK_FAILED = 1 << 2,
};

/* A name with its length, as the kernel keeps it: struct qstr. */
struct raw_name {
	u64 hash_and_length;
	const unsigned char *name;
};

static __always_inline struct mount *mount_of(u64 vfsmount)
{
	struct mount *none = NULL;

	return (struct mount *)(vfsmount - (u64)&none->mnt);
}

/* Prepends '/' and the name. False if there is no room. */
static __always_inline bool prepend(struct walk *walk, struct path_buffer *buffer, u64 dentry_address)
{
	struct dentry *dentry = (struct dentry *)dentry_address;
	struct raw_name name = {};
	u32 at = walk->start, length;

	bpf_probe_read_kernel(&name, sizeof(name), &dentry->d_name);
	length = name.hash_and_length >> 32;
	if (length > NAME_BYTES)
		length = NAME_BYTES;
	if (at < length + 1)
		return false;
	at -= length + 1;
	forget(at);
	if (at >= PATH_BYTES)
		return false;
	buffer->bytes[at] = '/';
	forget(length);
	if (length > NAME_BYTES)
		return false;
	bpf_probe_read_kernel(buffer->bytes + at + 1, length, name.name);
	walk->start = at;
	return true;
}

/* Appends the path that `walk` of the slot's composer describes to the record there. Its arguments are in memory, so that
 * they are plain numbers and the verifier checks this once for all callers. */
__noinline int put_path(u32 slot)
{
	struct composer *composer = composer_of(slot);
	struct path_buffer *buffer = path_buffer_of(slot);
	u32 start, flags = WALK_TRUNCATED, offset, length;
	u64 vfsmount, dentry, root_vfsmount, root_dentry, mount_root;
	u8 *part;

	if (!composer || !buffer)
		return 0;
	vfsmount = composer->walk.vfsmount;
	dentry = composer->walk.dentry;
	root_vfsmount = composer->walk.root_vfsmount;
	root_dentry = composer->walk.root_dentry;
	composer->walk.start = PATH_BYTES - 1;
	composer->walk.path.offset = 0;
	composer->walk.path.length = 0;
	composer->walk.flags = WALK_FAILED;
	if (!vfsmount || !dentry)
		return 0;
	mount_root = (u64)read_kernel(((struct vfsmount *)vfsmount)->mnt_root);
	for (int step = 0; step < WALK_STEPS_MAX; step++) {
		u64 parent;

		if (dentry == root_dentry && vfsmount == root_vfsmount) {
			flags = 0;
			break;
		}
		if (dentry == mount_root) {
			struct mount *mount = mount_of(vfsmount);
			struct mount *above = read_kernel(mount->mnt_parent);

			if (!above || above == mount) {
				flags = WALK_UNREACHABLE;
				break;
			}
			dentry = (u64)read_kernel(mount->mnt_mountpoint);
			vfsmount = (u64)&above->mnt;
			mount_root = (u64)read_kernel(((struct vfsmount *)vfsmount)->mnt_root);
			continue;
		}
		parent = (u64)read_kernel(((struct dentry *)dentry)->d_parent);
		if (!prepend(&composer->walk, buffer, dentry))
			break;
		/* An object without a directory, such as a memory file: all it has is a name. */
		if (parent == dentry || !parent) {
			flags = WALK_UNREACHABLE;
			break;
		}
		dentry = parent;
	}
	start = composer->walk.start;
	if (start == PATH_BYTES - 1)
		buffer->bytes[--start] = '/';
	forget(start);
	if (start >= PATH_BYTES - 1)
		return 0;
	length = PATH_BYTES - 1 - start;
	part = next_part(composer, &offset);
	if (!part)
		return 0;
	forget(length);
	if (length >= PART_BYTES)
		return 0;
	if (bpf_probe_read_kernel(part, length, buffer->bytes + start) != 0)
		return 0;
	end_part(composer, &composer->walk.path, offset, length);
	composer->walk.flags = flags;
	return 0;
}

/* The same, relative to the root of `task`. */
static __always_inline void put_path_of(struct composer *composer, u32 slot, struct task_struct *task, u64 vfsmount,
					u64 dentry)
{
	struct fs_struct *fs = load(task->fs);

	composer->walk.vfsmount = vfsmount;
	composer->walk.dentry = dentry;
	composer->walk.root_vfsmount = (u64)load(fs->root.mnt);
	composer->walk.root_dentry = (u64)load(fs->root.dentry);
	put_path(slot);
}

static __always_inline void put_working_directory(struct composer *composer, u32 slot, struct task_struct *task,
						  struct span *span, enum record_flag truncated)
{
	struct fs_struct *fs = load(task->fs);

	if (!fs)
		return;
	put_path_of(composer, slot, task, (u64)load(fs->pwd.mnt), (u64)load(fs->pwd.dentry));
	*span = composer->walk.path;
	if (composer->walk.flags & WALK_TRUNCATED)
		composer->header.flags |= truncated;
}

/* The root directory from the root of its mount namespace; left empty where both are the same. */
static __always_inline void put_root_directory(struct composer *composer, u32 slot, struct task_struct *task,
					       struct span *span)
{
	struct fs_struct *fs = load(task->fs);

	if (!fs)
		return;
	composer->walk.vfsmount = (u64)load(fs->root.mnt);
	composer->walk.dentry = (u64)load(fs->root.dentry);
	composer->walk.root_vfsmount = 0;
	composer->walk.root_dentry = 0;
	put_path(slot);
	if (composer->walk.flags & WALK_TRUNCATED)
		composer->header.flags |= FLAG_ROOT_DIRECTORY_TRUNCATED;
	if (composer->walk.path.length > 1)
		*span = composer->walk.path;
}

#endif
