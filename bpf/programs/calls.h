/* Numbers of the calls that have programs of their own, and where a call's arguments lie. */
#ifndef EYRIE_CALLS_H
#define EYRIE_CALLS_H

#include "kernel.h"

/* A number that no call has: the architecture lacks the call. */
#define NO_CALL 0xffff

#if defined(__TARGET_ARCH_x86)

enum native_call {
	NATIVE_OPEN = 2,
	NATIVE_CREAT = 85,
	NATIVE_OPENAT = 257,
	NATIVE_OPENAT2 = 437,
	NATIVE_CONNECT = 42,
	NATIVE_CHDIR = 80,
	NATIVE_FCHDIR = 81,
	NATIVE_EXECVE = 59,
	NATIVE_EXECVEAT = 322,
};

/* i386. */
enum compat_call {
	COMPAT_OPEN = 5,
	COMPAT_CREAT = 8,
	COMPAT_OPENAT = 295,
	COMPAT_OPENAT2 = 437,
	COMPAT_CONNECT = 362,
	COMPAT_SOCKETCALL = 102,
	COMPAT_CHDIR = 12,
	COMPAT_FCHDIR = 133,
	COMPAT_EXECVE = 11,
	COMPAT_EXECVEAT = 358,
};

#elif defined(__TARGET_ARCH_arm64)

enum native_call {
	NATIVE_OPEN = NO_CALL,
	NATIVE_CREAT = NO_CALL - 1,
	NATIVE_OPENAT = 56,
	NATIVE_OPENAT2 = 437,
	NATIVE_CONNECT = 203,
	NATIVE_CHDIR = 49,
	NATIVE_FCHDIR = 50,
	NATIVE_EXECVE = 221,
	NATIVE_EXECVEAT = 281,
};

/* 32-bit arm. */
enum compat_call {
	COMPAT_OPEN = 5,
	COMPAT_CREAT = 8,
	COMPAT_OPENAT = 322,
	COMPAT_OPENAT2 = 437,
	COMPAT_CONNECT = 283,
	COMPAT_SOCKETCALL = NO_CALL,
	COMPAT_CHDIR = 12,
	COMPAT_FCHDIR = 133,
	COMPAT_EXECVE = 11,
	COMPAT_EXECVEAT = 387,
};

#else
#error "no register layout for this architecture: add it here"
#endif

/* The calls of their own that i386 has had since 4.3 for what socketcall does, in the order of its first argument, from 1.
 * accept, send and recv are special cases of accept4, sendto and recvfrom. */
enum {
	COMPAT_RECVMMSG = 337,
	COMPAT_SENDMMSG = 345,
	COMPAT_SOCKET = 359,
	COMPAT_SOCKETPAIR = 360,
	COMPAT_BIND = 361,
	COMPAT_LISTEN = 363,
	COMPAT_ACCEPT4 = 364,
	COMPAT_GETSOCKOPT = 365,
	COMPAT_SETSOCKOPT = 366,
	COMPAT_GETSOCKNAME = 367,
	COMPAT_GETPEERNAME = 368,
	COMPAT_SENDTO = 369,
	COMPAT_SENDMSG = 370,
	COMPAT_RECVFROM = 371,
	COMPAT_RECVMSG = 372,
	COMPAT_SHUTDOWN = 373,
};

/* The call that a use of socketcall stands for, and how many arguments it has. */
static __always_inline u32 meaning_of_socketcall(u32 use, u32 *words)
{
	*words = 3;
	switch (use) {
	case 1:
		return COMPAT_SOCKET;
	case 2:
		return COMPAT_BIND;
	case 3:
		return COMPAT_CONNECT;
	case 4:
		*words = 2;
		return COMPAT_LISTEN;
	case 5:
		return COMPAT_ACCEPT4;
	case 6:
		return COMPAT_GETSOCKNAME;
	case 7:
		return COMPAT_GETPEERNAME;
	case 8:
		*words = 4;
		return COMPAT_SOCKETPAIR;
	case 9:
		*words = 4;
		return COMPAT_SENDTO;
	case 10:
		*words = 4;
		return COMPAT_RECVFROM;
	case 11:
		*words = 6;
		return COMPAT_SENDTO;
	case 12:
		*words = 6;
		return COMPAT_RECVFROM;
	case 13:
		*words = 2;
		return COMPAT_SHUTDOWN;
	case 14:
		*words = 5;
		return COMPAT_SETSOCKOPT;
	case 15:
		*words = 5;
		return COMPAT_GETSOCKOPT;
	case 16:
		return COMPAT_SENDMSG;
	case 17:
		return COMPAT_RECVMSG;
	case 18:
		*words = 4;
		return COMPAT_ACCEPT4;
	case 19:
		*words = 5;
		return COMPAT_RECVMMSG;
	case 20:
		*words = 4;
		return COMPAT_SENDMMSG;
	}
	return COMPAT_SOCKETCALL;
}

/* x32 calls are those of x86-64 with this bit set. */
enum { X32_BIT = 0x40000000 };

static __always_inline bool is_compat(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return field_exists(task->thread_info.status) && (load(task->thread_info.status) & 0x2 /* TS_COMPAT */);
#else
	return load(task->thread_info.flags) & (1UL << 22 /* TIF_32BIT */);
#endif
}

static __always_inline s64 call_number(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return (s64)regs->orig_ax;
#else
	return regs->syscallno;
#endif
}

/* The registers are as they were at the call, except for the one that has the result. */
static __always_inline void call_arguments(struct pt_regs *regs, bool compat, u64 *arguments)
{
#if defined(__TARGET_ARCH_x86)
	if (compat) {
		arguments[0] = (u32)regs->bx;
		arguments[1] = (u32)regs->cx;
		arguments[2] = (u32)regs->dx;
		arguments[3] = (u32)regs->si;
		arguments[4] = (u32)regs->di;
		arguments[5] = (u32)regs->bp;
		return;
	}
	arguments[0] = regs->di;
	arguments[1] = regs->si;
	arguments[2] = regs->dx;
	arguments[3] = regs->r10;
	arguments[4] = regs->r8;
	arguments[5] = regs->r9;
#else
	u64 mask = compat ? 0xffffffff : ~0ULL;

	arguments[0] = regs->orig_x0 & mask;
	arguments[1] = regs->regs[1] & mask;
	arguments[2] = regs->regs[2] & mask;
	arguments[3] = regs->regs[3] & mask;
	arguments[4] = regs->regs[4] & mask;
	arguments[5] = regs->regs[5] & mask;
#endif
}

#endif
