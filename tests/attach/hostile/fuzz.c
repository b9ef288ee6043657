/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Calls with arguments of chance.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "tests/attach/hostile/hostile.h"

/* --- chance --- */

#define FUZZ_FDS 24

static const long fuzz_calls[] = {
	SYS_socket,     SYS_bind,        SYS_listen,      SYS_accept,     SYS_accept4,
	SYS_connect,    SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_setsockopt,
	SYS_setsockopt, SYS_ioctl,       SYS_shutdown,    SYS_sendto,     SYS_recvfrom,
	SYS_sendmsg,    SYS_recvmsg,     SYS_sendmmsg,    SYS_recvmmsg,   SYS_close,
	SYS_dup2,       SYS_connect,     SYS_accept4,     SYS_socket,
};

static uint8_t fuzz_room[65536];
static int fuzz_fd[FUZZ_FDS];

static uint64_t fuzz_number(uint64_t *st)
{
	static const uint64_t some[] = { 0,          1,          2,          3,          4,
					 5,          6,          8,          9,          10,
					 16,         20,         28,         110,        128,
					 4096,       0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX,
					 0x20000000, 0x2000,     0x40,       0x800 };
	const uint32_t x = chance(st);

	return x % 4 ? some[x / 4 % COUNT(some)] : x & 0xff;
}

static uint64_t fuzz_pointer(uint64_t *st)
{
	static const uint64_t bad[] = { 0, 1, UINT64_MAX, 0x7ffffffffffe };
	const uint32_t x = chance(st);

	if (x % 16 == 0)
		return bad[x / 16 % COUNT(bad)];
	return (uint64_t)(uintptr_t)&fuzz_room[x / 16 % (sizeof(fuzz_room) - 8192)];
}

/* An address more often than not, in somebody's range or with a port of a listener. */
static uint64_t fuzz_address(uint64_t *st)
{
	struct sockaddr_in a = chance(st) % 2 ? peer : hole;
	uint32_t x = chance(st);
	uint8_t *p = &fuzz_room[x % (sizeof(fuzz_room) - 8192)];
	socklen_t len = sizeof(a);

	if (x % 3 == 0)
		(void)getsockname(fuzz_fd[x / 3 % FUZZ_FDS], (struct sockaddr *)&a, &len);
	if (x % 7 == 0)
		a.sin_family = (sa_family_t)(x % 12);
	if (x % 5 == 0)
		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(p, &a, sizeof(a));
	return x % 11 ? (uint64_t)(uintptr_t)p : fuzz_pointer(st);
}

/* Lengths and vectors that name places within. */
static void fuzz_fill(uint64_t *st)
{
	for (unsigned int i = 0; i < 8; i++) {
		const size_t at = chance(st) % (sizeof(fuzz_room) - 8) & ~7UL;
		const uint64_t v = chance(st) % 2 ? fuzz_number(st) : fuzz_pointer(st);

		memcpy(&fuzz_room[at], &v, sizeof(v));
	}
}

static void fuzz_one(uint64_t *st)
{
	static const uint64_t requests[] = { SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK, FIONREAD,
					     FIONBIO,  SIOCINQ,     FIOCLEX };
	static const uint64_t levels[] = { SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6, 255 };
	const uint32_t at = chance(st) % FUZZ_FDS;
	const long nr = fuzz_calls[chance(st) % COUNT(fuzz_calls)];
	uint64_t arg[6];
	long r;

	fuzz_fill(st);
	for (size_t i = 0; i < COUNT(arg); i++)
		arg[i] = chance(st) % 2 ? fuzz_number(st) : fuzz_pointer(st);
	arg[0] = chance(st) % 50 ? (uint64_t)fuzz_fd[at] : fuzz_number(st) + 3;
	switch (nr) {
	case SYS_socket:
		arg[0] = chance(st) % 8 ? AF_INET : AF_INET6;
		arg[1] = chance(st) % 4 ? SOCK_STREAM : SOCK_DGRAM;
		arg[1] |= chance(st) % 8 ? SOCK_NONBLOCK : fuzz_number(st) & ~15UL;
		arg[2] = chance(st) % 8 ? 0 : fuzz_number(st);
		break;
	case SYS_bind:
	case SYS_connect:
		arg[1] = fuzz_address(st);
		arg[2] = chance(st) % 8 ? 16 : fuzz_number(st);
		break;
	case SYS_setsockopt:
	case SYS_getsockopt:
		arg[1] = levels[chance(st) % COUNT(levels)];
		arg[2] = chance(st) % 90;
		arg[3] = fuzz_pointer(st);
		break;
	case SYS_ioctl:
		arg[1] = requests[chance(st) % COUNT(requests)];
		break;
	case SYS_dup2:
		arg[1] = (uint64_t)fuzz_fd[chance(st) % FUZZ_FDS];
		break;
	case SYS_close:
		arg[0] = (uint64_t)fuzz_fd[at];
		break;
	default:
		break;
	}
	if ((int)arg[0] <= STDERR_FILENO && nr != SYS_socket)
		return;
	r = syscall(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	if (r > STDERR_FILENO && (nr == SYS_socket || nr == SYS_accept || nr == SYS_accept4)) {
		(void)close(fuzz_fd[at]);
		fuzz_fd[at] = (int)r;
	}
}

/**
 * struct fuzzer - A thread that makes calls
 */
struct fuzzer {
	uint64_t state;
	unsigned long n;
};

static void *fuzz_thread(void *arg)
{
	struct fuzzer *f = arg;

	while (f->n--)
		fuzz_one(&f->state);
	return NULL;
}

/* A timer ends what waits, and what would not be asked again. */
static void fuzz_process(uint64_t seed, unsigned long n)
{
	const struct sigaction sa = { .sa_handler = nothing };
	const struct itimerval often = { .it_value.tv_usec = 2000, .it_interval.tv_usec = 2000 };
	struct fuzzer f[2] = { { seed, n / 2 }, { ~seed, n / 2 } };
	pthread_t t;

	for (size_t i = 0; i < COUNT(fuzz_fd); i++)
		fuzz_fd[i] = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
	must(sigaction(SIGALRM, &sa, NULL), "sigaction");
	must(sigaction(SIGPIPE, &sa, NULL), "sigaction");
	must(sigaction(SIGURG, &sa, NULL), "sigaction");
	must(sigaction(SIGIO, &sa, NULL), "sigaction");
	t = thread(fuzz_thread, &f[1]);
	must(setitimer(ITIMER_REAL, &often, NULL), "setitimer");
	(void)fuzz_thread(&f[0]);
	while (pthread_tryjoin_np(t, NULL)) {
		(void)pthread_kill(t, SIGALRM);
		moment();
	}
	_exit(0);
}

int fuzz(char **argv)
{
	const uint64_t seed = strtoul(argv[2], NULL, 10);
	const unsigned long n = strtoul(argv[3], NULL, 10);
	pid_t pid[3];

	hole = to_addr("127.0.0.1", argv[1]);
	for (size_t i = 0; i < COUNT(pid); i++) {
		pid[i] = start();
		if (pid[i] == 0)
			fuzz_process(seed + i, n);
	}
	for (size_t i = 0; i < COUNT(pid); i++)
		end_well(pid[i], "fuzz");
	ask_once(&peer, seed);
	return 0;
}
