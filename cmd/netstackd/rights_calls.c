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
	__NR_clock_gettime, __NR_clock_nanosleep, __NR_gettimeofday,
	__NR_timerfd_create, __NR_timerfd_settime,
	__NR_eventfd2, __NR_sched_yield, __NR_getcpu,

	/* packets, bytes, messages */
	__NR_read, __NR_write, __NR_readv, __NR_writev, __NR_pread64, __NR_preadv2, __NR_pwritev2,
	__NR_close, __NR_dup, __NR_dup3, __NR_fcntl, __NR_ioctl, __NR_lseek,

	/* AF_UNIX ends of programs; the control socket; ports in the namespace's kernel;
	 * sock_diag and rtnetlink
	 */
	__NR_socket, __NR_socketpair, __NR_bind, __NR_listen, __NR_accept4, __NR_connect,
	__NR_shutdown, __NR_getsockname, __NR_getpeername, __NR_getsockopt, __NR_setsockopt,
	__NR_sendto, __NR_recvfrom, __NR_sendmsg, __NR_recvmsg, __NR_sendmmsg, __NR_recvmmsg,
	__NR_pipe2,

	/* programs: their memory, descriptors and rights */
	__NR_process_vm_readv, __NR_process_vm_writev, __NR_pidfd_open, __NR_pidfd_getfd,
	__NR_openat, __NR_newfstatat, __NR_fstat, __NR_statx,
	__NR_readlinkat, __NR_getdents64, __NR_faccessat2,

	/* a helper with descriptors of its own, which puts a socket into a program's epolls; it
	 * shares our memory
	 */
	__NR_clone, __NR_wait4, __NR_waitid, __NR_futex,
	__NR_set_robust_list, __NR_rseq, __NR_close_range,

	/* the older ones of some of these, which machines that came later do not have */
#ifdef __NR_poll
	__NR_poll, __NR_epoll_wait, __NR_dup2, __NR_stat, __NR_access, __NR_readlink, __NR_vfork,
#endif

	/* memory */
	__NR_mmap, __NR_munmap, __NR_mremap, __NR_mprotect, __NR_madvise, __NR_brk,

	/* the C library, signals, the end */
	__NR_getrandom, __NR_getpid, __NR_gettid, __NR_getuid, __NR_geteuid, __NR_getgid,
	__NR_getegid, __NR_rt_sigaction, __NR_rt_sigprocmask, __NR_rt_sigpending,
	__NR_rt_sigtimedwait, __NR_rt_sigreturn, __NR_signalfd4, __NR_tgkill, __NR_prlimit64,
	__NR_restart_syscall, __NR_exit, __NR_exit_group,
};
/* clang-format on */

const int *rights_calls(size_t *n)
{
	*n = ARRAY_SIZE(calls);
	return calls;
}
