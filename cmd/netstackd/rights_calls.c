/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * System calls of a netstackd that serves, each with what it is for.
 */
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "rights.h"

/* clang-format off */
static const int calls[] = {
	/* the loop; its ring was made before */
	__NR_io_uring_enter,
	__NR_epoll_create1, __NR_epoll_ctl, __NR_epoll_pwait, __NR_epoll_pwait2,
	__NR_ppoll,
	__NR_clock_gettime, __NR_timerfd_create, __NR_timerfd_settime, __NR_sched_yield,

	/* packets, bytes, messages */
	__NR_read, __NR_write, __NR_writev, __NR_pread64,
	__NR_close, __NR_dup, __NR_fcntl, __NR_ioctl, __NR_lseek,

	/* AF_UNIX ends of programs; the control socket; ports in the namespace's kernel;
	 * sock_diag and rtnetlink
	 */
	__NR_socket, __NR_socketpair, __NR_bind, __NR_listen, __NR_accept4, __NR_connect,
	__NR_shutdown, __NR_getsockname, __NR_getpeername, __NR_getsockopt, __NR_setsockopt,
	__NR_sendto, __NR_recvfrom, __NR_sendmsg, __NR_recvmsg, __NR_sendmmsg, __NR_recvmmsg,

	/* programs: their memory, descriptors and rights */
	__NR_process_vm_readv, __NR_process_vm_writev, __NR_pidfd_open, __NR_pidfd_getfd,
	__NR_openat, __NR_newfstatat, __NR_fstat, __NR_getdents64,

	/* a helper with descriptors of its own, which puts a socket into a program's epolls; it
	 * shares our memory.  Threads that close what may wait (attach/closer.h)
	 */
	__NR_clone, __NR_wait4, __NR_dup3, __NR_futex, __NR_set_robust_list, __NR_rseq,
	__NR_gettid, __NR_tgkill,

	/* the older ones of some of these, which machines that came later do not have */
#ifdef __NR_poll
	__NR_poll, __NR_epoll_wait, __NR_dup2, __NR_stat,
#endif

	/* memory */
	__NR_mmap, __NR_munmap, __NR_mremap, __NR_mprotect, __NR_madvise, __NR_brk,

	/* the C library, signals, the end */
	__NR_getrandom, __NR_getpid, __NR_rt_sigaction, __NR_rt_sigprocmask, __NR_rt_sigpending,
	__NR_rt_sigtimedwait, __NR_rt_sigreturn, __NR_restart_syscall, __NR_exit, __NR_exit_group,

	/* what a sanitizer asks for a thread's stack, or writes of it */
#ifdef __SANITIZE_ADDRESS__
	__NR_prlimit64, __NR_sigaltstack, __NR_sched_getaffinity, __NR_readlink, __NR_getuid,
	__NR_geteuid,
#endif
};
/* clang-format on */

const int *rights_calls(size_t *n)
{
	*n = ARRAY_SIZE(calls);
	return calls;
}
