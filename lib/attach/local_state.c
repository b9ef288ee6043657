/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a connection of two programs of the instance says of itself: the state that TCP would be
 * in, TCP_INFO, and a reset.
 *
 * The state is read off the program's own end of the pair.  A reset needs a byte that the other
 * program has sent and this one has not read when the end is closed; where there is none, one is
 * sent in the name of the other program, whose descriptor is looked for.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <linux/tcp.h>

#include "attach/attach_priv.h"
#include "base/cleanup.h"

/* Of a loopback link (MTU 65536), and what is usual: there are no segments. */
#define MTU           65536U
#define HEADERS_IP4   40U
#define HEADERS_IP6   60U
#define CWND          10U
#define RTO_US        200000U
#define ATO_US        40000U
#define WINDOW_SCALE  7U
#define SSTHRESH_NONE 0x7fffffffU

#define CHILDREN_MAX  64

enum local_tcp local_tcp_state(const struct asock *s, int fd)
{
	struct pollfd look = { .fd = fd, .events = POLLIN | POLLRDHUP };

	if (poll(&look, 1, 0) < 0)
		look.revents = 0;
	if (look.revents & POLLERR)
		return LOCAL_CLOSE; /* a reset that was not told yet */
	if (s->no_read && s->no_write)
		return LOCAL_FIN_WAIT2; /* what the other one has done cannot be seen */
	if (look.revents & POLLHUP && s->no_write)
		return LOCAL_CLOSE;
	if (look.revents & POLLRDHUP && !s->no_read)
		return LOCAL_CLOSE_WAIT;
	return s->no_write ? LOCAL_FIN_WAIT2 : LOCAL_ESTABLISHED;
}

void local_tcp_info(const struct asock *s, int fd, void *val, socklen_t *len)
{
	const uint32_t mss = MTU - (s->domain == AF_INET6 ? HEADERS_IP6 : HEADERS_IP4);
	const struct tcp_info info = {
		.tcpi_state = (uint8_t)local_tcp_state(s, fd),
		.tcpi_options = TCPI_OPT_SACK | TCPI_OPT_WSCALE,
		.tcpi_snd_wscale = WINDOW_SCALE,
		.tcpi_rcv_wscale = WINDOW_SCALE,
		.tcpi_rto = RTO_US,
		.tcpi_ato = ATO_US,
		.tcpi_snd_mss = mss,
		.tcpi_rcv_mss = mss,
		.tcpi_pmtu = MTU,
		.tcpi_rcv_ssthresh = mss,
		.tcpi_snd_ssthresh = SSTHRESH_NONE,
		.tcpi_snd_cwnd = CWND,
		.tcpi_advmss = mss,
		.tcpi_reordering = 3,
		.tcpi_rcv_space = mss,
	};

	if (*len > sizeof(info))
		*len = sizeof(info);
	memcpy(val, &info, *len);
}

/* A byte of the other program's for the queue of @s, which will not be read. */
static void plant(struct asock *s, struct asock *peer)
{
	cleanup_close int copy = -1;
	const int waiting = local_waiting_end(s);

	/* Fails when it has shut down writing, or is not found: then it sees an end. */
	if (waiting >= 0)
		(void)unixend_residue(waiting);
	else if (peer && peer->relay)
		(void)unixend_residue(relay_far(peer->relay));
	else if (peer && (copy = asock_find_fd(peer)) >= 0)
		(void)unixend_residue(copy);
}

void local_reset(struct asock *s, int fd)
{
	struct asock *peer = asock_lookup(s->a, s->peer_cookie);

	if (peer && (!peer->is_local || peer->state != ASOCK_CONNECTED))
		peer = NULL; /* it has become another one */
	if (unixend_queued(fd) <= 0)
		plant(s, peer);
	s->peer_cookie = 0;
	if (!peer || peer->relay)
		return; /* a relay sees it */
	asock_set_over(peer, ASOCK_DEAD);
	peer->is_told = true;
	peer->peer_len = 0; /* it has none any more */
	peer->error = 0;    /* the kernel's word for it is right */
}

/* A parent or a child that has the very socket, under the number it had at fork().  Our own copies
 * do not count, should we be one of them.
 */
static bool has_it(const struct asock *s, pid_t tid, int number)
{
	const struct notify_call at = { .tid = tid, .arg = { (uint32_t)number } };
	const int fd = tid > 0 && tid != getpid() ? asock_getfd(s, &at) : -1;

	if (fd < 0)
		return false;
	(void)close(fd); /* a socket */
	return true;
}

/* What another process reads and writes would go past the relay. */
static bool is_shared(struct acall *c)
{
	struct tracees *t = c->a->tracees;
	const pid_t self = tracee_tgid(t, c->call.tid);
	const int number = (int)(uint32_t)c->call.arg[0];
	pid_t child[CHILDREN_MAX];
	unsigned int n;

	if (self < 0 || has_it(c->s, tracee_parent(t, self), number))
		return true;
	n = tracee_children(t, self, child, CHILDREN_MAX);
	for (unsigned int i = 0; i < n; i++)
		if (has_it(c->s, child[i], number))
			return true;
	return false;
}

void local_uncut(struct acall *c)
{
	if (!c->s->relay && !is_shared(c))
		(void)relay_begin(c); /* else as before */
}
