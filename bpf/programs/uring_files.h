/* Files and paths of requests of io_uring, from the kernel's own copies. */
#ifndef EYRIE_URING_FILES_H
#define EYRIE_URING_FILES_H

#include "detail.h"
#include "uring_calls.h"
#include "uring_kernel.h"

/* The structure that was prepared, which depends on the operation. */
#define command_of(request, type) ((struct type *)&((struct io_kiocb *)(request))->cmd)

/* A file that a ring holds by itself, without a descriptor. */
static __always_inline struct file *file_in_ring(struct io_ring_ctx *ring, u32 index)
{
	struct io_rsrc_node **nodes, *node;

	/* Before 6.13 such files are kept otherwise, and found when the request is complete. */
	if (!field_exists(ring->file_table.data.nodes) || index >= read_kernel(ring->file_table.data.nr))
		return NULL;
	nodes = read_kernel(ring->file_table.data.nodes);
	node = read_kernel(nodes[index]);
	/* The lowest bits have a meaning of their own. */
	return node ? (struct file *)(read_kernel(node->file_ptr) & ~7UL) : NULL;
}

/* What a call that has succeeded makes of its socket. */
static __always_inline u32 role_by(struct composer *composer)
{
	switch (composer->call.number) {
	case NATIVE_CONNECT:
		return HISTORY_CLIENT;
	case SUBMITTED_BIND:
	case SUBMITTED_LISTEN:
	case SUBMITTED_ACCEPT4:
		return HISTORY_SERVER;
	}
	return 0;
}

/* Fills in what is behind a descriptor: of a completion, or the first of a request. */
__noinline int put_uring_descriptor(u64 file, u32 is_completion)
{
	struct composer *composer = composer_of(SLOT_LIFE);
	struct descriptor_info *info;
	u64 socket;
	u32 role;

	if (!composer || !file)
		return 0;
	info = is_completion ? &composer->uring_completion.descriptor : &composer->detailed.first;
	socket = put_open_file(composer, SLOT_LIFE, current_task(), info, (struct file *)file);
	role = role_by(composer);
	if (!socket || !role || !is_completion || composer->call.result < 0)
		return 0;
	note_role(composer, socket, info->file.inode, role);
	info->history |= role_of(composer, socket, info->file.inode);
	return 0;
}

/* A path that the kernel has copied. */
__noinline int put_uring_path(u64 address, u32 directory_fd, u32 is_second)
{
	struct composer *composer = composer_of(SLOT_LIFE);
	struct filename *filename = (struct filename *)address;
	struct path_info *path;
	u32 at;

	if (!composer)
		return 0;
	path = is_second ? &composer->detailed.second_path : &composer->detailed.path;
	path->directory_fd = directory_fd;
	put_kernel_string(composer, &path->requested, read_kernel(filename->name));
	at = path->requested.offset;
	forget(at);
	if (at >= RECORD_BYTES_MAX || path->requested.length == 0 || composer->bytes[at] != '/')
		put_base(composer, SLOT_LIFE, current_task(), directory_fd, &path->base);
	return 0;
}

__noinline int put_uring_open(u64 request)
{
	struct composer *composer = composer_of(SLOT_LIFE);
	struct io_open *open = command_of(request, io_open);
	struct filename *filename = read_kernel(open->filename);
	struct open_how how = read_kernel(open->how);
	u64 *arguments;

	if (!composer)
		return 0;
	/* The kernel adds it where it makes no difference. */
	how.flags &= ~(u64)O_LARGEFILE;
	arguments = composer->call.arguments;
	arguments[0] = read_kernel(open->dfd);
	arguments[1] = (u64)read_kernel(filename->uptr);
	arguments[2] = composer->call.number == NATIVE_OPENAT ? how.flags : 0;
	arguments[3] = composer->call.number == NATIVE_OPENAT ? how.mode : sizeof(how);
	put_uring_path((u64)filename, arguments[0], false);
	/* Absolute paths start at the directory as well then. */
	if (how.resolve & RESOLVE_IN_ROOT && composer->detailed.path.base.length == 0)
		put_base(composer, SLOT_LIFE, current_task(), arguments[0], &composer->detailed.path.base);
	put_kernel_bytes(composer, &composer->detailed.data, &how, sizeof(how));
	return 0;
}

/* Where the program has a path that the kernel has copied. */
static __always_inline u64 user_address_of(struct filename *filename)
{
	return (u64)read_kernel(filename->uptr);
}

__noinline int put_uring_one_path(u64 request, u32 operation)
{
	struct composer *composer = composer_of(SLOT_LIFE);
	struct io_unlink *unlink = command_of(request, io_unlink);
	struct io_mkdir *mkdir = command_of(request, io_mkdir);
	struct filename *filename;
	u64 *arguments;

	if (!composer)
		return 0;
	arguments = composer->call.arguments;
	if (operation == OPERATION_UNLINKAT) {
		filename = read_kernel(unlink->filename);
		arguments[0] = read_kernel(unlink->dfd);
		arguments[2] = read_kernel(unlink->flags);
	} else {
		filename = read_kernel(mkdir->filename);
		arguments[0] = read_kernel(mkdir->dfd);
		arguments[2] = read_kernel(mkdir->mode);
	}
	arguments[1] = user_address_of(filename);
	return put_uring_path((u64)filename, arguments[0], false);
}

__noinline int put_uring_two_paths(u64 request, u32 operation)
{
	struct composer *composer = composer_of(SLOT_LIFE);
	struct io_rename *rename = command_of(request, io_rename);
	struct io_link *link = command_of(request, io_link);
	struct filename *source, *target;
	u64 *arguments;

	if (!composer)
		return 0;
	arguments = composer->call.arguments;
	if (operation == OPERATION_RENAMEAT) {
		source = read_kernel(rename->oldpath);
		target = read_kernel(rename->newpath);
		arguments[0] = read_kernel(rename->old_dfd);
		arguments[2] = read_kernel(rename->new_dfd);
		arguments[4] = read_kernel(rename->flags);
	} else {
		source = read_kernel(link->oldpath);
		target = read_kernel(link->newpath);
		arguments[0] = read_kernel(link->old_dfd);
		arguments[2] = read_kernel(link->new_dfd);
		arguments[4] = read_kernel(link->flags);
	}
	arguments[1] = user_address_of(source);
	arguments[3] = user_address_of(target);
	put_uring_path((u64)source, arguments[0], false);
	return put_uring_path((u64)target, arguments[2], true);
}

/* What a symbolic link says is a text, and starts at no directory. */
__noinline int put_uring_symbolic_link(u64 request)
{
	struct composer *composer = composer_of(SLOT_LIFE);
	struct io_link *link = command_of(request, io_link);
	struct filename *text = read_kernel(link->oldpath), *target = read_kernel(link->newpath);
	u64 *arguments;

	if (!composer)
		return 0;
	arguments = composer->call.arguments;
	arguments[0] = user_address_of(text);
	arguments[1] = read_kernel(link->new_dfd);
	arguments[2] = user_address_of(target);
	put_kernel_string(composer, &composer->detailed.text, read_kernel(text->name));
	return put_uring_path((u64)target, arguments[1], true);
}

#endif
