/* The kernel's structures of io_uring, as far as we read them: see kernel.h. */
#ifndef EYRIE_URING_KERNEL_H
#define EYRIE_URING_KERNEL_H

#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* What was prepared of a request: one of the structures below, by its operation. */
struct io_cmd_data {
	struct file *file;
};

struct io_cqe {
	u64 user_data;
	s32 res;
	s32 fd; /* until the result is known */
};

struct io_rsrc_node {
	unsigned long file_ptr;
};

struct io_rsrc_data {
	u32 nr;
	struct io_rsrc_node **nodes;
};

struct io_file_table {
	struct io_rsrc_data data;
};

struct io_rings;

struct io_ring_ctx {
	struct io_rings *rings;
	struct io_file_table file_table;
};

struct io_kiocb {
	struct file *file;
	struct io_cmd_data cmd;
	u8 opcode;
	u32 flags; /* the lower half, from 6.9 on */
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
	void *async_data;
};

struct io_uring_cqe {
	u64 user_data;
	s32 res;
};

struct filename {
	const char *name;
	const char *uptr;
};

struct open_how {
	u64 flags;
	u64 mode;
	u64 resolve;
};

struct io_open {
	int dfd;
	u32 file_slot;
	struct filename *filename;
	struct open_how how;
};

struct io_unlink {
	int dfd;
	int flags;
	struct filename *filename;
};

struct io_rename {
	int old_dfd;
	int new_dfd;
	struct filename *oldpath;
	struct filename *newpath;
	int flags;
};

struct io_mkdir {
	int dfd;
	u16 mode;
	struct filename *filename;
};

struct io_link {
	int old_dfd;
	int new_dfd;
	struct filename *oldpath;
	struct filename *newpath;
	int flags;
};

struct io_socket {
	int domain;
	int type;
	int protocol;
	int flags;
	u32 file_slot;
};

struct io_accept {
	struct sockaddr *addr;
	int *addr_len;
	int flags;
	u32 file_slot;
};

struct io_connect {
	struct sockaddr *addr;
	int addr_len;
};

struct io_bind {
	int addr_len;
};

struct io_listen {
	int backlog;
};

struct io_shutdown {
	int how;
};

struct io_close {
	int fd;
	u32 file_slot;
};

struct io_sync {
	s64 len;
	s64 off;
	int mode;
};

struct io_ftrunc {
	s64 len;
};

struct io_sr_msg {
	void *buf;
	int len;
	u32 msg_flags;
};

struct io_rw {
	u64 addr;
	u32 len;
};

struct msghdr {
	void *msg_name;
	int msg_namelen;
};

struct iou_vec {
	u32 nr;
};

struct io_async_msghdr {
	struct iou_vec vec; /* from 6.15 on */
	struct msghdr msg;
};

struct sockaddr_storage {
	u16 ss_family;
};

/* Before 6.10. */
struct io_async_connect {
	struct sockaddr_storage address;
};

#pragma clang attribute pop

enum {
	/* Bits of `flags`: the lowest are those that a submission sets. */
	REQUEST_HAS_FIXED_FILE = 1 << 0,
	REQUEST_SKIPS_SUCCESS = 1 << 6,

	/* No ring is longer: 65,536 completions of at most 32 bytes behind its head and the submissions. */
	URING_BYTES_MAX = 4 << 20,
};

#endif
