/* The one object that the capture agent loads. One translation unit, as BPF objects are not linked. */
#include "call.h"
#include "cgroup.h"
#include "connect_start.h"
#include "exec.h"
#include "life.h"
#ifndef EYRIE_BASELINE
/* To read the memory of others asks for a newer kernel; without, user space reads /proc. */
#include "snapshot.h"
<<<<<<< HEAD
#endif
=======
#include "uring.h"
>>>>>>> 913a4a6 (bpf, agent: calls submitted to io_uring are told as the calls that they are)

/* The kernel lets only programs under a licence compatible with the GPL call the helpers that read memory. These
 * programs are offered under both; Eyrie itself is under Apache-2.0 and talks to them through maps. */
char license_text[] SEC("license") = "Dual MIT/GPL";
