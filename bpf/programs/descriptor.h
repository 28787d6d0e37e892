/* What is behind a descriptor, whatever it is. */
#ifndef EYRIE_DESCRIPTOR_H
#define EYRIE_DESCRIPTOR_H

#include "socket.h"

/* Fills in what there is of an open file, seen from `task`, and returns the address of its socket, 0 if it is none. */
static __always_inline u64 put_open_file(struct composer *composer, u32 slot, struct task_struct *task,
					 struct descriptor_info *info, struct file *file)
{
	struct super_block *super;
	struct socket *socket;
	struct inode *inode;
	u64 number = 0;

	inode = read_kernel(file->f_inode);
	super = read_kernel(inode->i_sb);
	info->file_system = read_kernel(super->s_magic);
	put_file(&info->file, file);
	socket = socket_of(file, &number);
	if (!socket) {
		put_file_path(composer, slot, task, file, &info->file, &info->path);
		return 0;
	}
	put_socket(composer, info, socket);
	info->history |= role_of(composer, (u64)read_kernel(socket->sk), number);
	return (u64)read_kernel(socket->sk);
}

/* The same of a descriptor of `task`. */
static __always_inline u64 put_descriptor_info(struct composer *composer, u32 slot, struct task_struct *task,
					       struct descriptor_info *info, s32 fd)
{
	struct file *file = file_of(task, fd);

	info->fd = fd;
	return file ? put_open_file(composer, slot, task, info, file) : 0;
}

#endif
