/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/faults/lines.h"
#include "tests/faults/state_priv.h"

void attrs_read(struct attrs *ret, const void *p, size_t len)
{
	const char *at = p;

	memset(ret, 0, sizeof(*ret));
	while (len >= NLA_HDRLEN) {
		const struct nlattr *a = (const struct nlattr *)at;
		unsigned type = a->nla_type & NLA_TYPE_MASK;
		size_t step = NLA_ALIGN(a->nla_len);

		if (a->nla_len < NLA_HDRLEN || a->nla_len > len)
			die("a broken netlink attribute");
		if (type < ATTRS_MAX)
			ret->v[type] = a;
		if (step >= len)
			break;
		at += step;
		len -= step;
	}
}

const void *attr_data(const struct nlattr *a)
{
	return (const char *)a + NLA_HDRLEN;
}

size_t attr_len(const struct nlattr *a)
{
	return a->nla_len - NLA_HDRLEN;
}

void attrs_read_nest(struct attrs *ret, const struct nlattr *nest)
{
	attrs_read(ret, attr_data(nest), attr_len(nest));
}

void attrs_read_msg(struct attrs *ret, const struct nlmsghdr *nlh, size_t header)
{
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(header);

	if (nlh->nlmsg_len < skip)
		die("a short netlink message");
	attrs_read(ret, (const char *)nlh + skip, nlh->nlmsg_len - skip);
}

uint32_t attr_u32(const struct nlattr *a)
{
	uint32_t v = 0;

	if (a && attr_len(a) >= sizeof(v))
		memcpy(&v, attr_data(a), sizeof(v));
	return v;
}

const char *attr_text(const struct nlattr *a)
{
	return a ? attr_data(a) : "";
}

void put_hex(FILE *to, const struct nlattr *a)
{
	const unsigned char *p = a ? attr_data(a) : NULL;

	for (size_t i = 0; a && i < attr_len(a); i++)
		(void)fprintf(to, "%02x", p[i]);
}

/* The kernel's own workers change links, too: carriers, states of ports. */
#define DUMP_TRIES 20

struct dumped {
	char *bytes;
	size_t len;
};

static void keep(struct dumped *d, const struct nlmsghdr *nlh)
{
	const size_t len = NLMSG_ALIGN(nlh->nlmsg_len);

	d->bytes = realloc(d->bytes, d->len + len);
	if (!d->bytes)
		die("no memory");
	memcpy(d->bytes + d->len, nlh, nlh->nlmsg_len);
	d->len += len;
}

/* True when it was not disturbed by somebody's change. */
static bool read_dump(int fd, struct dumped *d)
{
	static char buf[1 << 16];
	bool whole = true;

	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		struct nlmsghdr *nlh = (struct nlmsghdr *)buf;

		if (n < 0)
			die("cannot receive from netlink: %m");
		for (; NLMSG_OK(nlh, (size_t)n); nlh = NLMSG_NEXT(nlh, n)) {
			if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
				whole = false;
			if (nlh->nlmsg_type == NLMSG_DONE)
				return whole;
			if (nlh->nlmsg_type == NLMSG_ERROR)
				die("netlink refuses a dump: %s",
				    strerror(-((const struct nlmsgerr *)msg_body(nlh))->error));
			keep(d, nlh);
		}
	}
}

void dump(int fd, uint16_t type, const void *payload, size_t len,
	  void (*see)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
	char buf[256] = { 0 };
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	struct dumped d = { .bytes = NULL };
	unsigned tries = 0;

	nlh->nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	memcpy(NLMSG_DATA(nlh), payload, len);
	do {
		if (tries++ == DUMP_TRIES)
			die("somebody changes what is looked at");
		d.len = 0;
		if (send(fd, buf, nlh->nlmsg_len, 0) < 0)
			die("cannot send to netlink: %m");
	} while (!read_dump(fd, &d));
	for (size_t at = 0; at < d.len; at += NLMSG_ALIGN(nlh->nlmsg_len)) {
		nlh = (struct nlmsghdr *)(d.bytes + at);
		see(nlh, arg);
	}
	free(d.bytes);
}

void change(int fd, const void *requests, size_t len, int ignore)
{
	char buf[4096];
	ssize_t n;

	if (send(fd, requests, len, 0) < 0)
		die("cannot send to netlink: %m");
	/* The kernel has worked it off: what it had to say is here. */
	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		const struct nlmsgerr *e = msg_body(nlh);

		if (nlh->nlmsg_type == NLMSG_ERROR && e->error && -e->error != ignore)
			die("netlink refuses a change: %s", strerror(-e->error));
	}
}
