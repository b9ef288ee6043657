/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * readiness_test - the same random calls to our sockets and to Linux's
 *
 * A seed makes a story: sockets are opened, bound, connected, written, read, shut, closed,
 * waited for.  After each call everything that is under way arrives; then the results must be
 * the same, and what poll() says of each descriptor, and what epoll_wait() returns.
 *
 * READINESS_SEEDS=N runs so many stories, from READINESS_FROM on; READINESS_SEED=S runs one and
 * shows it.
 *
 * What is left out on purpose: how much fits into a send buffer (memory is counted in another
 * way), and everything that takes time.
 */
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "tests/unit/netstack/twin.h"

#define SLOTS      12
#define STEPS      150
#define PORTS      3 /* of a story */
#define SEEDS      400
#define PORT_FIRST 5000
#define PATIENCE   200 /* looks at the kernel, a millisecond each, before it is a difference */
#define DATA_MAX   3000

enum kind {
	FREE,
	STREAM,
	DGRAM,
	SET,
};

/**
 * struct slot - A descriptor on both sides
 * @gen:	Tells it from those that were here before, in epoll_event.data
 */
struct slot {
	enum kind kind;
	struct twin t;
	uint32_t gen;
};

struct story {
	struct dice d;
	uint64_t seed;
	uint16_t port;
	int domain;
	const char *addr;
	const char *any;
	bool shown;
	struct slot slot[SLOTS];
	uint32_t gen;
	unsigned int step;
	bool flooded;
	char *text;
	size_t text_len;
	size_t text_size;
};

/* --- telling --- */

__attribute__((format(printf, 2, 3))) static void tell(struct story *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (s->text_size - s->text_len < 256) {
		s->text_size += 65536;
		s->text = realloc(s->text, s->text_size);
		assert_non_null(s->text);
	}
	va_start(ap, fmt);
	n = vsnprintf(s->text + s->text_len, s->text_size - s->text_len, fmt, ap);
	va_end(ap);
	assert_true(n >= 0);
	if (s->shown)
		(void)fputs(s->text + s->text_len, stdout);
	s->text_len += (size_t)n;
}

static void differ(struct story *s)
{
	if (!s->shown)
		(void)fputs(s->text, stdout);
	(void)fflush(stdout);
	fail_msg("seed %llu, step %u: not as Linux (READINESS_SEED=%llu shows it)",
		 (unsigned long long)s->seed, s->step, (unsigned long long)s->seed);
}

static const char *mask_word(uint32_t mask)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} bits[] = { { EPOLLIN, "IN" },
		     { EPOLLPRI, "PRI" },
		     { EPOLLOUT, "OUT" },
		     { EPOLLERR, "ERR" },
		     { EPOLLHUP, "HUP" },
		     { EPOLLRDHUP, "RDHUP" },
		     { EPOLLRDNORM, "rn" },
		     { EPOLLRDBAND, "rb" },
		     { EPOLLWRNORM, "wn" },
		     { EPOLLWRBAND, "wb" },
		     { EPOLLET, "ET" },
		     { EPOLLONESHOT, "ONESHOT" },
		     { EPOLLEXCLUSIVE, "EXCLUSIVE" },
		     { POLLNVAL, "NVAL" } };
	static char text[4][128];
	static int which;
	char *ret = text[which = (which + 1) % 4];
	size_t len = 0;

	*ret = 0;
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		if (mask & bits[i].bit)
			len += (size_t)snprintf(ret + len, sizeof(text[0]) - len, "%s%s",
						len ? "|" : "", bits[i].name);
	return len ? ret : "0";
}

static void check(struct story *s, struct both b)
{
	tell(s, " = %s", twin_word(b.ours));
	if (b.linux_r == b.ours) {
		tell(s, "\n");
		return;
	}
	tell(s, ", Linux %s\n", twin_word(b.linux_r));
	differ(s);
}

/* --- what the kernel does by itself takes it a moment --- */

static void pause_a_moment(void)
{
	(void)poll(NULL, 0, 1);
}

/* Again while Linux would have to wait and we had not. */
#define call_patiently(t, call, ...)                                                               \
	({                                                                                         \
		struct both p_ = twin_call(t, call, ##__VA_ARGS__);                                \
		for (int i_ = 0; i_ < PATIENCE && p_.linux_r == -EAGAIN && p_.ours != -EAGAIN;     \
		     i_++) {                                                                       \
			pause_a_moment();                                                          \
			p_.linux_r = twin_errno(call((t)->linux_fd, ##__VA_ARGS__));               \
		}                                                                                  \
		p_;                                                                                \
	})

#define POLL_ALL                                                                                   \
	(POLLIN | POLLPRI | POLLOUT | POLLRDHUP | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND)

static void compare_masks(struct story *s)
{
	struct pollfd linux_fds[SLOTS], ours[SLOTS];
	int patience = PATIENCE;
	bool same;

	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct slot *slot = &s->slot[i];

		ours[i] = (struct pollfd){ slot->kind == FREE ? -1 : slot->t.ours, POLL_ALL, 0 };
		linux_fds[i] = ours[i];
		linux_fds[i].fd = slot->kind == FREE ? -1 : slot->t.linux_fd;
	}
	assert_true(ns_poll(TWIN_ST, ours, SLOTS, 0) >= 0);
	do {
		assert_true(poll(linux_fds, SLOTS, patience == PATIENCE ? 0 : 1) >= 0);
		same = true;
		for (unsigned int i = 0; i < SLOTS; i++)
			same = same && linux_fds[i].revents == ours[i].revents;
		if (!same)
			pause_a_moment();
	} while (!same && patience--);
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (s->shown && s->slot[i].kind != FREE)
			tell(s, "\t%u: %s", i, mask_word((uint16_t)ours[i].revents));
		if (linux_fds[i].revents != ours[i].revents)
			tell(s, "\n\tdescriptor %u: we have %s, Linux %s", i,
			     mask_word((uint16_t)ours[i].revents),
			     mask_word((uint16_t)linux_fds[i].revents));
	}
	if (s->shown || !same)
		tell(s, "\n");
	if (!same)
		differ(s);
}

/* --- choosing --- */

static uint32_t roll(struct story *s, uint32_t n)
{
	return dice_below(&s->d, n);
}

/* A slot of these kinds (bits), or NULL. */
static struct slot *pick(struct story *s, unsigned int kinds)
{
	const uint32_t from = roll(s, SLOTS);

	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *slot = &s->slot[(from + i) % SLOTS];

		if (kinds >> slot->kind & 1)
			return slot;
	}
	return NULL;
}

#define SOCKETS (1U << STREAM | 1U << DGRAM)
#define ALL     (SOCKETS | 1U << SET)

static unsigned int number(const struct story *s, const struct slot *slot)
{
	return (unsigned int)(slot - s->slot);
}

static void take(struct story *s, struct slot *slot, enum kind kind, struct twin t)
{
	*slot = (struct slot){ .kind = kind, .t = t, .gen = ++s->gen };
}

static struct twin_addr some_addr(struct story *s)
{
	const uint16_t port = (uint16_t)(s->port + roll(s, PORTS));

	return twin_addr(s->domain, roll(s, 4) ? s->addr : s->any, port);
}

/* --- the calls --- */

static void do_socket(struct story *s)
{
	struct slot *slot = pick(s, 1U << FREE);
	const bool dgram = roll(s, 6) == 0;
	struct twin t;

	if (!slot)
		return;
	t = twin_socket(s->domain, dgram ? SOCK_DGRAM : SOCK_STREAM, 0);
	take(s, slot, dgram ? DGRAM : STREAM, t);
	tell(s, "%u = socket(%s)", number(s, slot), dgram ? "UDP" : "TCP");
	if (!dgram)
		/* Nagle's algorithm waits for acknowledgements, which take time. */
		assert_same(twin_setsockopt(&t, IPPROTO_TCP, TCP_NODELAY, 1), "TCP_NODELAY");
	check(s, (struct both){ 0, 0 });
}

static void do_bind(struct story *s)
{
	struct slot *slot = pick(s, SOCKETS);
	struct twin_addr a = some_addr(s);

	if (!slot)
		return;
	/* Which of two UDP sockets of one name gets a packet is not promised. */
	if (slot->kind == STREAM && roll(s, 2)) {
		tell(s, "%u: SO_REUSEADDR", number(s, slot));
		check(s, twin_setsockopt(&slot->t, SOL_SOCKET, SO_REUSEADDR, 1));
	}
	tell(s, "bind(%u, %u)", number(s, slot), twin_port(&a) - s->port);
	check(s, twin_bind(&slot->t, &a));
}

static void do_listen(struct story *s)
{
	struct slot *slot = pick(s, SOCKETS);
	const int backlog = (int)roll(s, 4);

	if (!slot)
		return;
	tell(s, "listen(%u, %d)", number(s, slot), backlog);
	check(s, twin_call(&slot->t, listen, backlog));
}

static void do_connect(struct story *s)
{
	struct slot *slot = pick(s, SOCKETS);
	struct twin_addr a = some_addr(s);

	if (!slot)
		return;
	if (roll(s, 12) == 0) {
		a.sa.sa_family = AF_UNSPEC;
		tell(s, "connect(%u, AF_UNSPEC)", number(s, slot));
	} else {
		tell(s, "connect(%u, %u)", number(s, slot), twin_port(&a) - s->port);
	}
	check(s, twin_connect(&slot->t, &a));
}

static void do_accept(struct story *s)
{
	struct slot *slot = pick(s, SOCKETS), *to = pick(s, 1U << FREE);
	struct both b;

	if (!slot || !to)
		return;
	tell(s, "%u = accept(%u)", number(s, to), number(s, slot));
	b = call_patiently(&slot->t, accept4, NULL, NULL, SOCK_NONBLOCK);
	if (b.linux_r >= 0 && b.ours >= 0) {
		take(s, to, STREAM, (struct twin){ (int)b.linux_r, (int)b.ours });
		b = (struct both){ 0, 0 };
	}
	check(s, b);
}

static void do_send(struct story *s)
{
	static uint8_t data[DATA_MAX];
	struct slot *slot = pick(s, SOCKETS);
	const size_t len = roll(s, 20) ? 1 + roll(s, roll(s, 4) ? 40 : DATA_MAX) : 0;
	const int flags = (roll(s, 12) ? 0 : MSG_OOB) | MSG_NOSIGNAL;

	if (!slot)
		return;
	tell(s, "send(%u, %zu%s)", number(s, slot), len, flags & MSG_OOB ? ", OOB" : "");
	check(s, twin_call(&slot->t, send, data, len, flags));
}

static void do_sendto(struct story *s)
{
	static uint8_t data[DATA_MAX];
	struct slot *slot = pick(s, 1U << DGRAM);
	struct twin_addr a = some_addr(s);
	const size_t len = roll(s, 100);

	if (!slot)
		return;
	tell(s, "sendto(%u, %u, %zu)", number(s, slot), twin_port(&a) - s->port, len);
	check(s, twin_call(&slot->t, sendto, data, len, MSG_NOSIGNAL, &a.sa, a.len));
}

static void do_recv(struct story *s)
{
	static const struct {
		int flag;
		const char *name;
	} flags[] = { { 0, "" },
		      { 0, "" },
		      { 0, "" },
		      { MSG_PEEK, ", PEEK" },
		      { MSG_WAITALL, ", WAITALL" },
		      { MSG_OOB, ", OOB" },
		      { MSG_TRUNC, ", TRUNC" },
		      { MSG_OOB | MSG_PEEK, ", OOB|PEEK" } };
	static uint8_t data[DATA_MAX];
	struct slot *slot = pick(s, SOCKETS);
	const size_t len = roll(s, 12) ? 1 + roll(s, roll(s, 3) ? DATA_MAX : 20) : 0;
	const size_t f = roll(s, ARRAY_SIZE(flags));

	if (!slot)
		return;
	tell(s, "recv(%u, %zu%s)", number(s, slot), len, flags[f].name);
	check(s, call_patiently(&slot->t, recv, data, len, flags[f].flag));
}

static void do_shutdown(struct story *s)
{
	static const char *const name[] = { "RD", "WR", "RDWR" };
	struct slot *slot = pick(s, SOCKETS);
	const int how = (int)roll(s, 3);

	if (!slot)
		return;
	tell(s, "shutdown(%u, %s)", number(s, slot), name[how]);
	check(s, twin_call(&slot->t, shutdown, how));
}

static void do_close(struct story *s)
{
	struct slot *slot = pick(s, ALL);

	if (!slot)
		return;
	tell(s, "close(%u)", number(s, slot));
	check(s, twin_call(&slot->t, close));
	slot->kind = FREE;
}

static void do_linger(struct story *s)
{
	struct slot *slot = pick(s, SOCKETS);
	const struct linger l = { .l_onoff = (int)roll(s, 3) != 0, .l_linger = 0 };

	if (!slot)
		return;
	tell(s, "%u: SO_LINGER %d", number(s, slot), l.l_onoff);
	check(s, twin_call(&slot->t, setsockopt, SOL_SOCKET, SO_LINGER, &l, (socklen_t)sizeof(l)));
}

static void do_option(struct story *s)
{
	struct slot *slot = pick(s, SOCKETS);
	const int lowat = (int)roll(s, roll(s, 2) ? 4 : 200);

	if (!slot)
		return;
	if (roll(s, 3)) {
		tell(s, "%u: SO_RCVLOWAT %d", number(s, slot), lowat);
		check(s, twin_setsockopt(&slot->t, SOL_SOCKET, SO_RCVLOWAT, lowat));
	} else {
		tell(s, "%u: SO_OOBINLINE %d", number(s, slot), lowat & 1);
		check(s, twin_setsockopt(&slot->t, SOL_SOCKET, SO_OOBINLINE, lowat & 1));
	}
}

static void do_ask(struct story *s)
{
	struct slot *slot = pick(s, SOCKETS);
	int v[2] = { -1, -1 };
	socklen_t len[2] = { sizeof(v[0]), sizeof(v[1]) };
	struct sockaddr_storage ss;
	struct both b;

	if (!slot)
		return;
	tell(s, "%u: SO_ERROR", number(s, slot));
	b.linux_r = twin_errno(getsockopt(slot->t.linux_fd, SOL_SOCKET, SO_ERROR, &v[0], &len[0]));
	b.ours = ns_getsockopt(TWIN_ST, slot->t.ours, SOL_SOCKET, SO_ERROR, &v[1], &len[1]);
	check(s, b.linux_r || b.ours ? b : (struct both){ v[0], v[1] });

	len[0] = len[1] = sizeof(ss);
	tell(s, "getpeername(%u)", number(s, slot));
	b.linux_r = twin_errno(getpeername(slot->t.linux_fd, (struct sockaddr *)&ss, &len[0]));
	b.ours = ns_getpeername(TWIN_ST, slot->t.ours, (struct sockaddr *)&ss, &len[1]);
	check(s, b);
}

static void do_ioctl(struct story *s)
{
	static const struct {
		unsigned long request;
		const char *name;
	} asks[] = { { FIONREAD, "FIONREAD" }, { SIOCATMARK, "SIOCATMARK" } };
	struct slot *slot = pick(s, SOCKETS);
	const size_t i = roll(s, ARRAY_SIZE(asks));
	int v[2] = { -1, -1 };
	struct both b;

	if (!slot)
		return;
	tell(s, "ioctl(%u, %s)", number(s, slot), asks[i].name);
	b.linux_r = twin_errno(ioctl(slot->t.linux_fd, asks[i].request, &v[0]));
	b.ours = ns_ioctl(TWIN_ST, slot->t.ours, asks[i].request, &v[1]);
	check(s, b.linux_r || b.ours ? b : (struct both){ v[0], v[1] });
}

static void do_dup(struct story *s)
{
	struct slot *slot = pick(s, ALL), *to = pick(s, 1U << FREE);
	struct both b;

	if (!slot || !to)
		return;
	tell(s, "%u = dup(%u)", number(s, to), number(s, slot));
	b = twin_call(&slot->t, dup);
	assert_true(b.linux_r >= 0);
	assert_true(b.ours >= 0);
	take(s, to, slot->kind, (struct twin){ (int)b.linux_r, (int)b.ours });
	check(s, (struct both){ 0, 0 });
}

/* --- more than fits --- */

/* The other end of a connection, NULL when nobody has it. */
static struct slot *peer_of(struct story *s, const struct slot *slot)
{
	struct twin_addr mine, other;
	socklen_t len = sizeof(mine.in6);

	memset(&mine, 0, sizeof(mine));
	if (ns_getpeername(TWIN_ST, slot->t.ours, &mine.sa, &len) < 0)
		return NULL;
	for (unsigned int i = 0; i < SLOTS; i++) {
		len = sizeof(other.in6);
		memset(&other, 0, sizeof(other));
		if (s->slot[i].kind == STREAM && &s->slot[i] != slot &&
		    ns_getsockname(TWIN_ST, s->slot[i].t.ours, &other.sa, &len) == 0 &&
		    twin_port(&other) == twin_port(&mine) &&
		    ns_getpeername(TWIN_ST, s->slot[i].t.ours, &other.sa, &len) == 0 &&
		    ns_getsockname(TWIN_ST, slot->t.ours, &mine.sa, &len) == 0 &&
		    twin_port(&other) == twin_port(&mine))
			return &s->slot[i];
	}
	return NULL;
}

/* Bytes until the call would have to wait, and what it says then. */
struct flood {
	uint64_t bytes;
	int64_t end;
};

static struct flood flood_linux(int fd, bool sends)
{
	static uint8_t data[65536];
	struct flood f = { 0 };

	for (int patience = 3; patience;) {
		f.end = twin_errno(sends ? send(fd, data, sizeof(data), MSG_NOSIGNAL)
					 : recv(fd, data, sizeof(data), 0));
		if (f.end > 0) {
			f.bytes += (uint64_t)f.end;
			continue;
		}
		if (f.end != -EAGAIN)
			break;
		pause_a_moment();
		patience--;
	}
	return f;
}

static struct flood flood_ours(int fd, bool sends)
{
	static uint8_t data[65536];
	struct flood f = { 0 };

	for (int patience = 3; patience;) {
		f.end = sends ? ns_send(TWIN_ST, fd, data, sizeof(data), MSG_NOSIGNAL)
			      : ns_recv(TWIN_ST, fd, data, sizeof(data), 0);
		twin_settle();
		if (f.end > 0) {
			f.bytes += (uint64_t)f.end;
			continue;
		}
		if (f.end != -EAGAIN)
			break;
		if (!sends)
			rig_sleep(&twin_rig, 200); /* small windows are waited out */
		patience--;
	}
	return f;
}

/* Write until no more goes in, look, then read all of it on the other side. */
static void do_flood(struct story *s)
{
	struct slot *slot = pick(s, 1U << STREAM);
	struct slot *peer = slot ? peer_of(s, slot) : NULL;
	struct flood f[2];
	struct pollfd pfd;

	/* Once: it takes time, and a second later SYNs would be sent again. */
	if (!peer || s->flooded)
		return;
	/* Linux does not tell that there is room again where nobody is to read. */
	pfd = (struct pollfd){ peer->t.ours, POLLRDHUP, 0 };
	if (ns_poll(TWIN_ST, &pfd, 1, 0) != 0)
		return;
	s->flooded = true;
	tell(s, "flood(%u)", number(s, slot));
	f[0] = flood_linux(slot->t.linux_fd, true);
	f[1] = flood_ours(slot->t.ours, true);
	check(s, (struct both){ f[0].end, f[1].end });
	compare_masks(s);

	tell(s, "drain(%u)", number(s, peer));
	f[0] = flood_linux(peer->t.linux_fd, false);
	f[1] = flood_ours(peer->t.ours, false);
	check(s, (struct both){ f[0].end, f[1].end });
}

/* --- epoll --- */

static void do_epoll_create(struct story *s)
{
	struct slot *slot = pick(s, 1U << FREE);
	struct twin t;

	if (!slot)
		return;
	t.linux_fd = epoll_create1(0);
	t.ours = ns_epoll_create(TWIN_ST);
	assert_true(t.linux_fd >= 0);
	assert_true(t.ours >= 0);
	take(s, slot, SET, t);
	tell(s, "%u = epoll_create()", number(s, slot));
	check(s, (struct both){ 0, 0 });
}

static void do_epoll_ctl(struct story *s)
{
	static const char *const names[] = { "?", "ADD", "DEL", "MOD" };
	static const uint32_t extra[] = { 0,
					  0,
					  EPOLLET,
					  EPOLLET,
					  EPOLLET,
					  EPOLLONESHOT,
					  EPOLLET | EPOLLONESHOT,
					  EPOLLEXCLUSIVE };
	struct slot *set = pick(s, 1U << SET), *slot = pick(s, ALL);
	const int op = roll(s, 3) ? EPOLL_CTL_ADD : (roll(s, 3) ? EPOLL_CTL_MOD : EPOLL_CTL_DEL);
	struct epoll_event ev = { .events = roll(s, 4) ? EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI
					    : roll(s, 2) ? EPOLLIN
							 : EPOLLOUT };
	struct both b;

	if (!set || !slot)
		return;
	if (slot->kind != SET && roll(s, 8) == 0)
		ev.events |= EPOLLEXCLUSIVE;
	ev.events |= extra[roll(s, ARRAY_SIZE(extra))];
	ev.data.u64 = (uint64_t)slot->gen << 8 | number(s, slot);
	tell(s, "epoll_ctl(%u, %s, %u, %s)", number(s, set), names[op], number(s, slot),
	     mask_word(ev.events));
	b.linux_r = twin_errno(epoll_ctl(set->t.linux_fd, op, slot->t.linux_fd, &ev));
	b.ours = ns_epoll_ctl(TWIN_ST, set->t.ours, op, slot->t.ours, &ev);
	check(s, b);
}

#define EVENTS_MAX 64

static int by_data(const void *a, const void *b)
{
	const struct epoll_event *x = a, *y = b;

	return x->data.u64 < y->data.u64 ? -1 : x->data.u64 > y->data.u64;
}

static void tell_events(struct story *s, const char *who, const struct epoll_event *ev, int n)
{
	tell(s, " %s", who);
	for (int i = 0; i < n; i++)
		tell(s, " %llu:%s", (unsigned long long)ev[i].data.u64 & 0xff,
		     mask_word(ev[i].events));
}

static bool same_events(const struct epoll_event *a, int n_a, const struct epoll_event *b, int n_b)
{
	bool same = n_a == n_b;

	for (int i = 0; same && i < n_a; i++)
		same = a[i].data.u64 == b[i].data.u64 && a[i].events == b[i].events;
	return same;
}

/* In any order: packets of lo arrive within the call that sends them on Linux, after it here, so
 * that what one call does to two sockets may be seen the other way round.
 */
static void do_epoll_wait(struct story *s)
{
	struct epoll_event linux_ev[EVENTS_MAX], ours[EVENTS_MAX];
	struct slot *set = pick(s, 1U << SET);
	int n_linux, n_ours, patience = PATIENCE;

	if (!set)
		return;
	tell(s, "epoll_wait(%u)", number(s, set));
	n_ours = ns_epoll_wait(TWIN_ST, set->t.ours, ours, EVENTS_MAX, 0);
	n_linux = epoll_wait(set->t.linux_fd, linux_ev, EVENTS_MAX, 0);
	assert_true(n_ours >= 0);
	assert_true(n_linux >= 0);
	while (n_linux < n_ours && patience--) {
		int more = epoll_wait(set->t.linux_fd, linux_ev + n_linux, EVENTS_MAX - n_linux, 1);

		assert_true(more >= 0);
		n_linux += more;
	}
	qsort(linux_ev, (size_t)n_linux, sizeof(*linux_ev), by_data);
	qsort(ours, (size_t)n_ours, sizeof(*ours), by_data);
	tell_events(s, "=", ours, n_ours);
	if (!same_events(linux_ev, n_linux, ours, n_ours)) {
		tell_events(s, ", Linux", linux_ev, n_linux);
		tell(s, "\n");
		differ(s);
	}
	tell(s, "\n");
}

/* --- the story --- */

static const struct {
	void (*fn)(struct story *s);
	uint32_t weight;
} acts[] = {
	{ do_socket, 12 },    { do_bind, 10 },       { do_listen, 10 }, { do_connect, 18 },
	{ do_accept, 20 },    { do_send, 26 },       { do_sendto, 4 },  { do_recv, 26 },
	{ do_shutdown, 8 },   { do_close, 10 },      { do_linger, 3 },  { do_option, 4 },
	{ do_ask, 6 },        { do_ioctl, 5 },       { do_dup, 2 },     { do_epoll_create, 4 },
	{ do_epoll_ctl, 30 }, { do_epoll_wait, 30 }, { do_flood, 3 },
};

static void act(struct story *s)
{
	uint32_t total = 0, at;

	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		total += acts[i].weight;
	at = roll(s, total);
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		if (at < acts[i].weight) {
			acts[i].fn(s);
			return;
		}
		at -= acts[i].weight;
	}
}

static const struct {
	int domain;
	const char *addr;
	const char *any;
} families[] = {
	{ AF_INET, "127.0.0.1", "0.0.0.0" },
	{ AF_INET, "127.0.0.1", "0.0.0.0" },
	{ AF_INET6, "::1", "::" },
	{ AF_INET6, "::ffff:127.0.0.1", "::ffff:0.0.0.0" },
};

static void run_story(uint64_t seed, uint16_t port, bool shown)
{
	struct story s = {
		.d.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
		.seed = seed,
		.port = port,
		.shown = shown,
	};
	const size_t which = roll(&s, ARRAY_SIZE(families));

	/* Of one family: Linux's connect() to one, then the other, leaves a socket that sends
	 * SYNs nowhere.
	 */
	s.domain = families[which].domain;
	s.addr = families[which].addr;
	s.any = families[which].any;
	(void)twin_setup(NULL);
	for (s.step = 0; s.step < STEPS; s.step++) {
		act(&s);
		/* No timer fires, neither here nor there: a story is told in a moment. */
		twin_rig.now += 10 * NS_PER_US;
		twin_settle();
		compare_masks(&s);
	}
	for (unsigned int i = 0; i < SLOTS; i++)
		if (s.slot[i].kind != FREE)
			twin_close(&s.slot[i].t);
	free(s.text);
	/* Memory is back when the last connection is over. */
	rig_sleep(&twin_rig, 600000);
	(void)twin_teardown(NULL);
}

static unsigned long number_of(const char *variable, unsigned long dflt)
{
	const char *text = getenv(variable);

	return text ? strtoul(text, NULL, 10) : dflt;
}

static void our_sockets_are_as_ready_as_those_of_linux(void **state)
{
	const unsigned long n = number_of("READINESS_SEEDS", SEEDS);
	const unsigned long from = number_of("READINESS_FROM", 1);

	(void)state;
	if (getenv("READINESS_SEED")) {
		run_story(number_of("READINESS_SEED", 1), PORT_FIRST, true);
		return;
	}
	/* Ports of their own: Linux's TIME-WAIT outlasts the story. */
	for (unsigned long seed = from; seed < from + n; seed++)
		run_story(seed, (uint16_t)(PORT_FIRST + seed % 8000 * PORTS), false);
}

/* --- a kernel that does not wait --- */

extern char **environ;

static int ip(const char *const argv[])
{
	int status = -1;
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ) != 0 ||
	    waitpid(pid, &status, 0) < 0 || status != 0) {
		(void)fprintf(stderr, "cannot change the routes of lo (%s, iproute2)\n", argv[0]);
		return -1;
	}
	return 0;
}

#define LO4 "dev", "lo", "proto", "kernel", "scope", "host", "src", "127.0.0.1", "quickack", "1"

/* ACKs that are delayed wake who waits for a FIN to be acknowledged when they come, some time.
 * Routes can say that there are none.
 */
static int quick_namespace(void **state)
{
	static const char *const changes[][20] = {
		{ "ip", "route", "change", "table", "local", "local", "127.0.0.1", LO4, NULL },
		{ "ip", "route", "change", "table", "local", "local", "127.0.0.0/8", LO4, NULL },
		{ "ip", "-6", "route", "del", "table", "local", "local", "::1", NULL },
		{ "ip", "-6", "route", "add", "table", "local", "local", "::1", "dev", "lo",
		  "quickack", "1", NULL },
	};

	if (twin_namespace(state) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		if (ip(changes[i]) < 0)
			return -1;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_sockets_are_as_ready_as_those_of_linux),
	};

	return cmocka_run_group_tests(tests, quick_namespace, NULL);
}
