/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a program has others wait for: the end of its sockets, and its memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "tests/attach/hostile/hostile.h"

/* --- the end of a socket --- */

#define ATTEMPTS  400
#define VICTIM_FD 90

int silent(char **argv)
{
	const int l = listener((uint16_t)strtoul(argv[0], NULL, 10), 4096);

	(void)alarm(0);
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
	return l;
}

static atomic_bool is_called;

/* Who answers this call has a copy of the descriptor meanwhile. */
static void *caller(void *arg)
{
	for (;;) {
		socklen_t len = sizeof(int);
		int type;

		while (!atomic_load(&is_called))
			;
		(void)getsockopt(VICTIM_FD, SOL_SOCKET, SO_TYPE, &type, &len);
		atomic_store(&is_called, false);
	}
	return arg;
}

/* A connection of the kernel's that nobody reads, whose last close() waits for an hour; ours is
 * ended by a signal.
 */
static void linger_once(const struct sockaddr_in *to, uint64_t *state)
{
	static const char buf[65536];
	const struct itimerval soon = { .it_value.tv_usec = 2000, .it_interval.tv_usec = 2000 };
	const struct itimerval never = { .it_value.tv_usec = 0 };
	const struct linger l = { .l_onoff = 1, .l_linger = 3600 };
	const int fd = connected(to);

	must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), "SO_LINGER");
	while (send(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	must(dup2(fd, VICTIM_FD), "dup2");
	(void)close(fd);
	must(setitimer(ITIMER_REAL, &soon, NULL), "setitimer");
	atomic_store(&is_called, true);
	for (volatile uint32_t i = chance(state) % 60000; i; i--)
		;
	(void)close(VICTIM_FD);
	while (atomic_load(&is_called))
		moment();
	must(setitimer(ITIMER_REAL, &never, NULL), "setitimer");
}

int linger(char **argv)
{
	const struct sigaction sa = { .sa_handler = nothing };
	struct sockaddr_in to = to_addr("127.0.0.1", argv[2]);
	uint64_t state = 7;
	sigset_t set;

	must(sigaction(SIGALRM, &sa, NULL), "sigaction");
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGALRM);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)thread(caller, NULL);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	for (unsigned int i = 0; i < ATTEMPTS; i++)
		linger_once(&to, &state);
	ask_once(&peer, 9);
	return 0;
}

/* --- memory that is not there until somebody brings it --- */

int memory(char **argv)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	const size_t len = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	socklen_t name_len = sizeof(struct sockaddr_in);
	const int fd = tcp();

	(void)argv;
	if (uffd < 0) {
		(void)puts("no userfaultfd");
		return 0;
	}
	reg.range = (struct uffdio_range){ (uint64_t)(uintptr_t)p, len };
	if (p == MAP_FAILED || ioctl(uffd, UFFDIO_API, &api) < 0 ||
	    ioctl(uffd, UFFDIO_REGISTER, &reg) < 0)
		die("userfaultfd");
	(void)alarm(0);
	(void)puts("memory");
	(void)fflush(stdout);
	(void)getsockname(fd, p, &name_len);
	die("somebody has brought it");
}
