/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_attach_calls.c - notified calls with arguments of any kind
 *
 * The attach layer with notifications that come from here and not from the kernel.  The task that
 * they name is a child of ours with our descriptors and memory of its own: what is written where it
 * should not be hits only that.
 *
 * Input: the mode, a number of calls, the calls (struct op), and what the program's memory has in
 * it.
 *
 * Laws: a call is answered once, or held; whoever holds one answers it when its time is over;
 * afterwards no descriptor is left, and no socket of the stack.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach/attach.h"
#include "attach/notify.h"
#include "base/error.h"
#include "netstack/netstack.h"
#include "netstack/socket.h"
#include "nic/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define LAW(holds)                                                                                 \
	do {                                                                                       \
		if (!(holds))                                                                      \
			__builtin_trap();                                                          \
	} while (0)

/* Where the program's memory is, there and here. */
#define ARENA      UINT64_C(0x20000000)
#define ARENA_SIZE (128U << 10)

#define FDS        12
#define FIRST_FD   500
#define CALLS_MAX  40

/**
 * struct op - A call, as the input has it
 * @what:	Index of calls[], or what else there is to do
 * @fd:		Index of the program's descriptors
 * @in_arena:	Bit for each argument: an address of the program
 * @arg:	From the second one on
 */
struct op {
	uint8_t what;
	uint8_t fd;
	uint8_t in_arena;
	uint8_t unused;
	uint32_t arg[5];
};

static struct loop *loop;
static struct netstack *st;
static uint8_t *arena;
static pid_t program;
static int fds[FDS];
static unsigned int next_fd;

/* --- notifications --- */

struct notifier {
	struct notifier_ops ops;
	void *arg;
	struct notify_held *held;
};

static struct notifier the;
static uint64_t current;
static unsigned int answers;

static struct notify_held *held_of(uint64_t id)
{
	struct notify_held *h = the.held;

	while (h && h->call.id != id)
		h = h->next;
	return h;
}

bool notify_is_valid(const struct notify_call *call)
{
	return call->id == current || held_of(call->id);
}

/* Of a held one only who has released it knows. */
static int answer(const struct notify_call *call)
{
	if (call->id == current)
		answers++;
	return 0;
}

int notify_return(const struct notify_call *call, int64_t ret)
{
	LAW(ret >= -4095);
	return answer(call);
}

int notify_continue(const struct notify_call *call)
{
	return answer(call);
}

int notify_return_fd(const struct notify_call *call, int fd, bool cloexec)
{
	const unsigned int i = next_fd++ % FDS;

	(void)cloexec;
	LAW(fcntl(fd, F_GETFD) >= 0);
	if (fds[i] >= 0)
		(void)close(fds[i]);
	fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
	LAW(fds[i] >= 0);
	return answer(call);
}

int notify_set_fd(const struct notify_call *call, int fd, int at, bool cloexec)
{
	(void)call;
	(void)cloexec;
	for (unsigned int i = 0; i < FDS; i++)
		if (fds[i] == at)
			return dup3(fd, at, O_CLOEXEC) < 0 ? -errno : 0;
	return -EBADF;
}

void notify_hold(struct notifier *n, struct notify_held *h)
{
	LAW(!h->is_held && h->over && h->call.id == current);
	h->next = n->held;
	h->prev = &n->held;
	if (h->next)
		h->next->prev = &h->next;
	n->held = h;
	h->is_held = true;
	answers++;
}

void notify_release(struct notifier *n, struct notify_held *h)
{
	(void)n;
	if (!h->is_held)
		return;
	*h->prev = h->next;
	if (h->next)
		h->next->prev = h->prev;
	h->is_held = false;
}

int notifier_new(struct notifier **ret, struct loop *l, const struct notifier_ops *ops, void *arg,
		 struct nerr *err)
{
	(void)l;
	(void)err;
	the = (struct notifier){ .ops = *ops, .arg = arg };
	*ret = &the;
	return 0;
}

void notifier_free(struct notifier *n)
{
	while (n && n->held)
		notify_release(n, n->held);
}

int notifier_add(struct notifier *n, int fd, struct nerr *err)
{
	(void)n;
	(void)fd;
	return nerr_set(err, -EINVAL, "there are none");
}

unsigned int notifier_n(const struct notifier *n)
{
	(void)n;
	return 1;
}

/* --- the program --- */

static const int calls[] = {
	SYS_socket,  SYS_bind,        SYS_listen,      SYS_accept,     SYS_accept4,
	SYS_connect, SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_setsockopt,
	SYS_ioctl,   SYS_shutdown,    SYS_sendto,      SYS_recvfrom,   SYS_sendmsg,
	SYS_recvmsg, SYS_sendmmsg,    SYS_recvmmsg,
};

#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

static void turn(void)
{
	netstack_advance(st, loop_clock());
	(void)loop_turn(loop, 0);
}

/* What waits longest is interrupted, or its time is over. */
static void end_wait(bool timed_out)
{
	struct notify_held *h = the.held;

	while (h && h->next)
		h = h->next;
	if (!h)
		return;
	notify_release(&the, h);
	h->over(h, timed_out);
}

static void others(const struct op *op)
{
	const int fd = fds[op->fd % FDS];
	uint8_t buf[4096] = { 0 };

	switch (op->what % 8) {
	case 0:
		turn();
		break;
	case 1:
		end_wait(op->fd & 1);
		break;
	case 2:
		(void)send(fd, buf, op->arg[0] % sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 3:
		(void)recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		break;
	case 4:
		if (fd >= 0)
			(void)close(fd);
		fds[op->fd % FDS] = -1;
		break;
	case 5:
		(void)send(fd, buf, 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 6:
		(void)fcntl(fd, F_SETFL, op->arg[0] & 1 ? O_NONBLOCK : 0);
		break;
	case 7:
		(void)shutdown(fd, (int)(op->arg[0] % 3));
		break;
	}
}

static void call(const struct op *op)
{
	static uint64_t id;
	struct notify_call c = { .listener = 0, .id = ++id, .tid = program };

	c.nr = calls[op->what % N_CALLS];
	c.arg[0] = (uint64_t)(int64_t)fds[op->fd % FDS];
	for (unsigned int i = 0; i < 5; i++)
		c.arg[i + 1] = op->in_arena & (1 << i) ? ARENA + op->arg[i] % ARENA_SIZE
						       : (uint64_t)(int64_t)(int32_t)op->arg[i];
	if (c.nr == SYS_socket) {
		c.arg[0] = op->fd & 1 ? AF_INET6 : AF_INET;
		c.arg[1] = (op->fd & 2 ? SOCK_DGRAM : SOCK_STREAM) | (op->arg[0] & ~0xfU);
	}
	/* It makes one call at a time: what it waited for is over. */
	while (the.held && op->unused & 1)
		end_wait(false);
	current = c.id;
	answers = 0;
	the.ops.call(the.arg, &c);
	LAW(answers == 1);
	current = 0;
}

static int lowest(int from)
{
	const int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, from);

	LAW(fd >= 0 && close(fd) == 0);
	return fd;
}

static uint64_t sockets(void)
{
	struct netstack_memory m;

	netstack_memory(st, &m);
	return m.sockets;
}

static void run(const uint8_t *data, size_t size, unsigned int n)
{
	for (unsigned int i = 0; i < n && size >= sizeof(struct op); i++) {
		struct op op;

		memcpy(&op, data, sizeof(op));
		data += sizeof(op);
		size -= sizeof(op);
		if (op.what & 0x80)
			others(&op);
		else
			call(&op);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct attach_conf conf = { .stack = st, .loop = loop };
	struct attach *a = NULL;
	struct nerr err = NERR_INIT;
	const int before = lowest(3);
	unsigned int n;
	size_t at;

	if (size < 2)
		return 0;
	conf.mode = data[0] & 1 ? ATTACH_FULL : ATTACH_HYBRID;
	n = data[1] % CALLS_MAX;
	at = 2 + n * sizeof(struct op);
	memset(arena, 0, ARENA_SIZE);
	if (size > at)
		memcpy(arena, data + at, size - at < ARENA_SIZE ? size - at : ARENA_SIZE);
	LAW(attach_new(&a, &conf, &err) == 0);
	next_fd = 0;
	for (unsigned int i = 0; i < FDS; i++)
		fds[i] = -1;
	run(data + 2, size - 2, n);
	for (unsigned int i = 0; i < FDS; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	for (unsigned int i = 0; i < 4; i++)
		turn();
	attach_free(a);
	for (unsigned int i = 0; i < 4; i++)
		turn();
	LAW(sockets() == 0);
	LAW(lowest(3) == before && lowest(FIRST_FD) == FIRST_FD);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct netstack_conf nc;
	struct nerr err = NERR_INIT;
	const int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

	(void)argc;
	(void)argv;
	arena = mmap((void *)(uintptr_t)ARENA, ARENA_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
	LAW(arena == (void *)(uintptr_t)ARENA);
	program = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	LAW(program >= 0);
	if (program == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)syscall(SYS_pause);
	}
	LAW(loop_new(&loop, LOOP_EPOLL, &err) == 0);
	netstack_conf_default(&nc);
	nc.seed[0] = 42;
	LAW(netstack_new(&st, &nc, loop_clock()) == 0);
	return 0;
}
