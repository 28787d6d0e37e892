/* What is behind a descriptor. */
#ifndef EYRIE_FILE_H
#define EYRIE_FILE_H

#include "path.h"

/* The file of a descriptor of `task`, or NULL. An address only: what it points to is read with probes. */
static __always_inline struct file *file_of(struct task_struct *task, s32 fd)
{
	struct files_struct *files = load(task->files);
	struct fdtable *table;
	struct file **slots;

	if (!files)
		return NULL;
	table = load(files->fdt);
	if (fd < 0 || (u32)fd >= load(table->max_fds))
		return NULL;
	slots = load(table->fd);
	return read_kernel(slots[fd]);
}

/* Since 6.13 the highest bit of the nanoseconds says whether anyone has asked for the time (I_CTIME_QUERIED). */
#define NANOSECONDS(seconds, nanoseconds) ((u64)(seconds) * 1000000000ULL + ((u64)(nanoseconds) & 0x7fffffff))

static __always_inline void put_times(struct file_info *info, struct inode *inode)
{
	struct inode___private_times *private = (void *)inode;
	struct inode___public_times *public = (void *)inode;

	if (field_exists(inode->i_ctime_sec))
		info->change_time_ns = NANOSECONDS(read_kernel(inode->i_ctime_sec), read_kernel(inode->i_ctime_nsec));
	else if (field_exists(private->__i_ctime))
		info->change_time_ns = NANOSECONDS(read_kernel(private->__i_ctime.tv_sec),
						   read_kernel(private->__i_ctime.tv_nsec));
	else
		info->change_time_ns = NANOSECONDS(read_kernel(public->i_ctime.tv_sec),
						   read_kernel(public->i_ctime.tv_nsec));
	if (field_exists(inode->i_mtime_sec))
		info->modify_time_ns = NANOSECONDS(read_kernel(inode->i_mtime_sec), read_kernel(inode->i_mtime_nsec));
	else if (field_exists(private->__i_mtime))
		info->modify_time_ns = NANOSECONDS(read_kernel(private->__i_mtime.tv_sec),
						   read_kernel(private->__i_mtime.tv_nsec));
	else
		info->modify_time_ns = NANOSECONDS(read_kernel(public->i_mtime.tv_sec),
						   read_kernel(public->i_mtime.tv_nsec));
}

/* On an overlay, struct ovl_inode holds the inode that others see, and right behind it the entry in the upper layer.
 * Its type is in a module's BTF, if overlayfs is a module, so the place is computed. */
static __always_inline u32 layer_of(struct inode *inode, struct super_block *super)
{
	u64 upper = 0;

	if (read_kernel(super->s_magic) != OVERLAYFS_SUPER_MAGIC)
		return 0;
	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)((u64)inode + kernel_size_of(struct inode)));
	return upper ? FILE_UPPER_LAYER : FILE_LOWER_LAYER;
}

/* Fills in everything about a file but its path. */
static __always_inline void put_file(struct file_info *info, struct file *file)
{
	struct inode *inode = read_kernel(file->f_inode);
	struct dentry *dentry = read_kernel(file->f_path.dentry);
	struct vfsmount *vfsmount = read_kernel(file->f_path.mnt);
	struct super_block *super = read_kernel(inode->i_sb);
	u32 flags = FILE_KNOWN | layer_of(inode, super);

	info->inode = read_kernel(inode->i_ino);
	info->device = read_kernel(super->s_dev);
	info->mode = read_kernel(inode->i_mode);
	info->uid = read_kernel(inode->i_uid.val);
	info->gid = read_kernel(inode->i_gid.val);
	put_times(info, inode);
	if (read_kernel(file->f_mode) & FMODE_CREATED)
		flags |= FILE_CREATED;
	/* Not in any directory any more: unhashed, unless it is the root of a file system. */
	if (!read_kernel(dentry->d_hash.pprev) && read_kernel(dentry->d_parent) != dentry)
		flags |= FILE_DELETED;
	if (read_kernel(inode->i_nlink) == 0) {
		struct raw_name name = {};
		char start[6] = {};

		flags |= FILE_DELETED;
		bpf_probe_read_kernel(&name, sizeof(name), &dentry->d_name);
		bpf_probe_read_kernel(start, sizeof(start), name.name);
		/* A file of that name on a tmpfs is not one: memory files live on a mount that no one can reach. */
		if (read_kernel(vfsmount->mnt_flags) & MNT_INTERNAL && start[0] == 'm' && start[1] == 'e' &&
		    start[2] == 'm' && start[3] == 'f' && start[4] == 'd' && start[5] == ':')
			flags |= FILE_MEMFD;
	}
	info->flags |= flags;
}

/* Appends the path of a file, and marks in `info` what is wrong with it. */
static __always_inline void put_file_path(struct composer *composer, u32 slot, struct task_struct *task,
					  struct file *file, struct file_info *info, struct span *span)
{
	put_path_of(composer, slot, task, (u64)read_kernel(file->f_path.mnt), (u64)read_kernel(file->f_path.dentry));
	*span = composer->walk.path;
	if (composer->walk.flags & WALK_TRUNCATED)
		info->flags |= FILE_PATH_TRUNCATED;
	if (composer->walk.flags & WALK_UNREACHABLE)
		info->flags |= FILE_PATH_UNREACHABLE;
}

/* Appends the path that a call was given. True if it starts at the working directory or at a descriptor. */
static __always_inline bool put_requested_path(struct composer *composer, struct span *span, u64 address)
{
	bool is_cut = false;
	u32 at;

	if (!put_user_string(composer, span, address, &is_cut)) {
		composer->header.flags |= FLAG_REQUESTED_UNREADABLE;
		return true;
	}
	/* A path of the greatest length is not cut; one that is longer makes the call fail. */
	if (is_cut && composer->call.result == -ENAMETOOLONG)
		composer->header.flags |= FLAG_REQUESTED_TRUNCATED;
	at = span->offset;
	forget(at);
	return at >= RECORD_BYTES_MAX || span->length == 0 || composer->bytes[at] != '/';
}

/* Appends the path of the directory that a relative path starts from. */
static __always_inline void put_base(struct composer *composer, u32 slot, struct task_struct *task, s32 directory_fd,
				     struct span *span)
{
	struct file *file;

	if (directory_fd == AT_FDCWD) {
		put_working_directory(composer, slot, task, span, FLAG_BASE_TRUNCATED);
		composer->weighing.base_flags |= composer->walk.flags;
		return;
	}
	file = file_of(task, directory_fd);
	if (!file) {
		composer->header.flags |= FLAG_BASE_UNKNOWN;
		return;
	}
	put_path_of(composer, slot, task, (u64)read_kernel(file->f_path.mnt), (u64)read_kernel(file->f_path.dentry));
	*span = composer->walk.path;
	if (composer->walk.flags & WALK_TRUNCATED)
		composer->header.flags |= FLAG_BASE_TRUNCATED;
	composer->weighing.base_flags |= composer->walk.flags;
}

#endif
