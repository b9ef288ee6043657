/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ask.c - telling the peer
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

static void send_ask(const struct env *e, const struct ask *q)
{
	ssize_t n;

	do
		n = send(e->ctl, q, sizeof(*q), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(*q))
		return;
	say("peer", "is gone");
	_exit(2);
}

void ask_begin(const struct env *e, enum ask_op op, int slot, int64_t n)
{
	const struct ask q = { .op = op, .slot = slot, .n = n, .family = e->to.sa.sa_family };

	send_ask(e, &q);
}

struct answer ask_end(const struct env *e)
{
	struct answer a;
	ssize_t n;

	do
		n = recv(e->ctl, &a, sizeof(a), 0);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(a))
		return a;
	say("peer", "does not answer");
	_exit(2);
}

struct answer ask(const struct env *e, enum ask_op op, int slot, int64_t n)
{
	ask_begin(e, op, slot, n);
	return ask_end(e);
}

struct answer ask_full(const struct env *e, const struct ask *q)
{
	send_ask(e, q);
	return ask_end(e);
}

uint8_t pattern_at(uint64_t at)
{
	return (uint8_t)((at * 0x9e3779b97f4a7c15ULL) >> 56);
}

void pattern_fill(void *buf, size_t len, uint64_t at)
{
	uint8_t *p = buf;

	for (size_t i = 0; i < len; i++)
		p[i] = pattern_at(at + i);
}

uint64_t hash_more(uint64_t hash, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3ULL;
	return hash;
}
