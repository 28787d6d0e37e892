/* The object that the capture agent loads, in one of two ways. One translation unit, as BPF objects are not linked. */
#include "call.h"
#include "cgroup.h"
#include "exec.h"
#include "life.h"
#ifndef EYRIE_BASELINE
/* Registers of a call that has not returned, requests of io_uring with tracepoints of their own, and the memory of others ask
 * for newer kernels; without the last, user space reads /proc. */
#include "connect_start.h"
#include "snapshot.h"
#include "uring.h"
#endif

/* The kernel lets only programs under a licence compatible with the GPL call the helpers that read memory. These
 * programs are offered under both; Eyrie itself is under Apache-2.0 and talks to them through maps. */
char license_text[] SEC("license") = "Dual MIT/GPL";
