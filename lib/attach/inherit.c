/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Options that a program has set before there was a connection, for sockets that the stack does not
 * make itself: of a program that accepts another one of the instance, or a connection of the
 * kernel's (in Linux: sk_clone_lock()), and for a kernel's socket in place of the program's.
 *
 * What is passed on was set, and is read back from the stack when it is first needed.  Those who
 * are accepted share a copy until an option is asked for (inherit_give()).
 */
#include <assert.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "attach/attach_priv.h"
#include "base/cleanup.h"
#include "netstack/socket.h"

#define VALUE_LEN 16 /* TCP_CA_NAME_MAX, IFNAMSIZ; a struct linger */

/**
 * struct passed - An option
 * @of_stack:	Means nothing to the kernel's socket, which has another link
 * @doubled:	Reads as twice of what was set (socket(7), SO_RCVBUF)
 */
static const struct passed {
	int level;
	int name;
	bool of_stack;
	bool doubled;
} passed[] = {
	{ SOL_SOCKET, SO_KEEPALIVE, false, false },
	{ SOL_SOCKET, SO_LINGER, false, false },
	{ SOL_SOCKET, SO_SNDBUF, false, true },
	{ SOL_SOCKET, SO_RCVBUF, false, true },
	{ SOL_SOCKET, SO_REUSEADDR, false, false },
	{ SOL_SOCKET, SO_PRIORITY, false, false },
	{ SOL_SOCKET, SO_DONTROUTE, true, false },
	{ SOL_SOCKET, SO_MARK, true, false },
	{ SOL_SOCKET, SO_TIMESTAMP, false, false },
	{ IPPROTO_TCP, TCP_NODELAY, false, false },
	{ IPPROTO_TCP, TCP_CORK, false, false },
	{ IPPROTO_TCP, TCP_KEEPIDLE, false, false },
	{ IPPROTO_TCP, TCP_KEEPINTVL, false, false },
	{ IPPROTO_TCP, TCP_KEEPCNT, false, false },
	{ IPPROTO_TCP, TCP_SYNCNT, false, false },
	{ IPPROTO_TCP, TCP_LINGER2, false, false },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, false, false },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, false, false },
	{ IPPROTO_TCP, TCP_CONGESTION, true, false },
	{ IPPROTO_IP, IP_TOS, false, false },
	{ IPPROTO_IP, IP_TTL, false, false },
	{ IPPROTO_IP, IP_MTU_DISCOVER, true, false },
	{ IPPROTO_IP, IP_RECVERR, true, false },
	{ IPPROTO_IPV6, IPV6_TCLASS, false, false },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, false, false },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, true, false },
	{ IPPROTO_IPV6, IPV6_RECVERR, true, false },
	{ IPPROTO_IPV6, IPV6_V6ONLY, false, false },
};
static_assert(ARRAY_SIZE(passed) <= 32, "each has a bit of asock.set_opts");

/* Every server sets these, and they say nothing to whom it accepts: no copy is made for them. */
#define IS_COMMON(o) ((o)->name == SO_REUSEADDR && (o)->level == SOL_SOCKET)

/* Values of @set, a bit for each of passed[]; @refs sockets have them. */
struct inherit {
	uint32_t refs;
	uint32_t set;
	uint8_t len[ARRAY_SIZE(passed)];
	uint8_t val[ARRAY_SIZE(passed)][VALUE_LEN];
};

void inherit_put(struct inherit *in)
{
	if (in && !--in->refs)
		free(in);
}

void inherit_note(struct asock *s, int level, int name)
{
	for (size_t i = 0; i < ARRAY_SIZE(passed); i++) {
		if (passed[i].level != level || passed[i].name != name)
			continue;
		s->set_opts |= UINT32_C(1) << i;
		s->inherit_worth |= !IS_COMMON(&passed[i]);
		inherit_put(TAKE_PTR(s->inherit)); /* it is another one from now on */
	}
}

static void read_value(const struct asock *s, struct inherit *in, size_t i)
{
	socklen_t len = VALUE_LEN;
	int val;

	if (ns_getsockopt(s->a->conf.stack, s->ns_fd, passed[i].level, passed[i].name, in->val[i],
			  &len) < 0)
		return;
	if (passed[i].doubled) {
		memcpy(&val, in->val[i], sizeof(val));
		val /= 2;
		memcpy(in->val[i], &val, sizeof(val));
	}
	in->len[i] = (uint8_t)len;
	in->set |= UINT32_C(1) << i;
}

/* Of @s, whose socket of the stack is there; NULL when there is nothing, or no memory. */
static struct inherit *inherit_of(struct asock *s)
{
	struct inherit *in;

	if (!s->inherit_worth || s->ns_fd < 0)
		return NULL;
	if (s->inherit)
		return s->inherit;
	in = calloc(1, sizeof(*in));
	if (!in)
		return NULL;
	in->refs = 1;
	for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
		if (s->set_opts & UINT32_C(1) << i)
			read_value(s, in, i);
	s->inherit = in;
	return in;
}

void inherit_give(struct asock *listener, struct asock *child)
{
	struct inherit *in = inherit_of(listener);

	if (!in)
		return;
	in->refs++;
	inherit_put(child->inherit);
	child->inherit = in;
}

void inherit_take(struct asock *s)
{
	struct inherit *in = TAKE_PTR(s->inherit);

	for (size_t i = 0; in && i < ARRAY_SIZE(passed); i++)
		if (in->set & UINT32_C(1) << i) /* what it took once it takes again */
			(void)ns_setsockopt(s->a->conf.stack, s->ns_fd, passed[i].level,
					    passed[i].name, in->val[i], in->len[i]);
	inherit_put(in);
}

void inherit_to_kernel(struct asock *s, int fd)
{
	const struct inherit *in = inherit_of(s);

	for (size_t i = 0; in && i < ARRAY_SIZE(passed); i++)
		if (in->set & UINT32_C(1) << i && !passed[i].of_stack)
			/* What it does not know is as it is. */
			(void)setsockopt(fd, passed[i].level, passed[i].name, in->val[i],
					 in->len[i]);
}
