/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * call.c - the calls that scripts make
 */
#include "call.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/tcp.h>

#include "base/cleanup.h"
#include "names.h"
#include "netstack/socket.h"
#include "world.h"

#define DATA_MAX (16U << 20) /* of one call */

/* --- addresses --- */

static socklen_t to_sockaddr(const struct world *w, bool ip6, const struct address *a,
			     struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)ret;
	struct sockaddr_in *in4 = (struct sockaddr_in *)(void *)ret;
	struct ip6_addr addr = place_addr(w, a->place);

	memset(ret, 0, sizeof(*ret));
	if (!ip6) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(a->port);
		in4->sin_addr.s_addr = htonl((uint32_t)addr.lo);
		return sizeof(*in4);
	}
	if (a->place == PLACE_ANY)
		addr = IP6_UNSPECIFIED; /* also of a socket that serves IPv4 besides */
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(a->port);
	ip6_addr_put(in6->sin6_addr.s6_addr, addr);
	return sizeof(*in6);
}

static void from_sockaddr(const struct world *w, const struct sockaddr_storage *s, char *ret,
			  size_t size)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)s;
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)s;
	struct ip6_addr addr;
	enum place place;
	uint16_t port;

	if (s->ss_family == AF_INET) {
		addr = (struct ip6_addr){ 0,
					  UINT64_C(0xffff00000000) | ntohl(in4->sin_addr.s_addr) };
		port = ntohs(in4->sin_port);
	} else {
		addr = ip6_addr_get(in6->sin6_addr.s6_addr);
		port = ntohs(in6->sin6_port);
	}
	if (place_of(w, addr, &place))
		(void)snprintf(ret, size, "%s:%u", name_of(name_places, place), port);
	else if (ip6_addr_is_unspecified(addr))
		(void)snprintf(ret, size, "any:%u", port);
	else
		(void)snprintf(ret, size, "%llx.%llx:%u", (unsigned long long)addr.hi,
			       (unsigned long long)addr.lo, port);
}

/* --- data --- */

static struct descriptor *descriptor(struct world *w, const struct call *c)
{
	return c->arg[0].n < 0 ? &w->no_fd : &w->fd[c->arg[0].n];
}

static void *data_alloc(struct world *w, int64_t len)
{
	void *p = len >= 0 && len <= DATA_MAX ? malloc((size_t)len + 1) : NULL;

	if (!p)
		(void)world_fail(w, "no memory for %lld bytes", (long long)len);
	return p;
}

static bool was_urgent(const struct world *w, uint32_t at)
{
	for (unsigned int i = 0; i < URGENT_MAX && i < w->n_urgent; i++)
		if (w->urgent[i] == at)
			return true;
	return false;
}

/* What was read is what the peer sent, from @at on; urgent octets may be left out.
 * Return: where it ends, or @at with world_fail()
 */
static uint32_t check_read(struct world *w, const uint8_t *p, int64_t len, uint32_t at)
{
	for (int64_t i = 0; i < len; i++, at++) {
		if (p[i] == stream_byte(at))
			continue;
		if (was_urgent(w, at) && p[i] == stream_byte(at + 1)) {
			at++;
			continue;
		}
		(void)world_fail(w, "octet %lld that was read is not octet %u of the peer's",
				 (long long)i, at);
		return at;
	}
	return at;
}

static void fill(uint8_t *p, int64_t len, uint32_t at)
{
	for (int64_t i = 0; i < len; i++)
		p[i] = stream_byte(at + (uint32_t)i);
}

static void wrote(struct descriptor *d, int64_t n)
{
	if (n > 0 && d->is_stream)
		d->write_at += (uint32_t)n;
}

static void did_read(struct world *w, struct descriptor *d, const uint8_t *p, int64_t n,
		     int64_t size, int64_t flags)
{
	const int64_t len = n < size ? n : size;
	uint32_t at;

	if (n <= 0 || flags & MSG_TRUNC)
		return;
	if (flags & MSG_OOB) {
		if (*p != stream_byte(w->urgent[(w->n_urgent - 1) % URGENT_MAX]))
			(void)world_fail(w, "the urgent octet is not the peer's");
		return;
	}
	at = check_read(w, p, len, d->is_stream ? d->read_at : 1);
	if (d->is_stream && !(flags & MSG_PEEK))
		d->read_at = at;
}

/* --- calls --- */

static void new_fd(struct world *w, const struct call *c, int real, bool ip6, bool is_stream,
		   struct outcome *ret)
{
	ret->n = real;
	if (real < 0)
		return;
	if (c->want.error) {
		(void)ns_close(w->st, real); /* an error was wanted */
		return;
	}
	if (w->fd[c->want.n.lo].real >= 0) {
		(void)world_fail(w, "the script has a descriptor %lld already",
				 (long long)c->want.n.lo);
		(void)ns_close(w->st, real);
		return;
	}
	w->fd[c->want.n.lo] = (struct descriptor){ real, ip6, is_stream, 1, 1 };
	ret->n = c->want.n.lo;
}

/* "tcp", "tcp4", "udp6", ... */
static void call_socket(struct world *w, const struct call *c, struct outcome *ret)
{
	static const struct {
		const char *name;
		int type;
		int proto4;
		int proto6;
	} types[] = {
		{ "tcp", SOCK_STREAM, IPPROTO_TCP, IPPROTO_TCP },
		{ "udp", SOCK_DGRAM, IPPROTO_UDP, IPPROTO_UDP },
		{ "icmp", SOCK_DGRAM, IPPROTO_ICMP, IPPROTO_ICMPV6 },
		{ "raw", SOCK_RAW, 0, 0 },
	};
	const char *name = c->arg[0].text;
	bool ip6 = w->v.ip6;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const size_t len = strlen(types[i].name);
		int proto;

		if (strncmp(name, types[i].name, len) != 0)
			continue;
		ip6 = name[len] ? name[len] == '6' : ip6;
		proto = ip6 ? types[i].proto6 : types[i].proto4;
		new_fd(w, c,
		       ns_socket(w->st, ip6 ? AF_INET6 : AF_INET, types[i].type,
				 c->arg[1].given ? (int)c->arg[1].n : proto),
		       ip6, types[i].type == SOCK_STREAM, ret);
		return;
	}
	(void)world_fail(w, "there are no sockets of type '%s'", name);
}

static void call_bind(struct world *w, const struct call *c, struct outcome *ret)
{
	const struct descriptor *d = descriptor(w, c);
	struct sockaddr_storage sa;
	const socklen_t len = to_sockaddr(w, d->is_ip6, &c->arg[1].addr, &sa);

	ret->n = ns_bind(w->st, d->real, (struct sockaddr *)&sa, len);
}

static void call_listen(struct world *w, const struct call *c, struct outcome *ret)
{
	ret->n = ns_listen(w->st, descriptor(w, c)->real, (int)c->arg[1].n);
}

static void call_accept(struct world *w, const struct call *c, struct outcome *ret)
{
	const struct descriptor *d = descriptor(w, c);

	new_fd(w, c, ns_accept4(w->st, d->real, NULL, NULL, 0), d->is_ip6, d->is_stream, ret);
}

static void call_connect(struct world *w, const struct call *c, struct outcome *ret)
{
	const struct descriptor *d = descriptor(w, c);
	struct sockaddr_storage sa;
	const socklen_t len = to_sockaddr(w, d->is_ip6, &c->arg[1].addr, &sa);

	ret->n = ns_connect(w->st, d->real, (struct sockaddr *)&sa, len);
}

static void call_disconnect(struct world *w, const struct call *c, struct outcome *ret)
{
	const struct sockaddr sa = { .sa_family = AF_UNSPEC };
	struct descriptor *d = descriptor(w, c);

	ret->n = ns_connect(w->st, d->real, &sa, sizeof(sa));
	d->read_at = d->write_at = 1;
}

static void call_shutdown(struct world *w, const struct call *c, struct outcome *ret)
{
	ret->n = ns_shutdown(w->st, descriptor(w, c)->real, (int)c->arg[1].n);
}

static void call_close(struct world *w, const struct call *c, struct outcome *ret)
{
	struct descriptor *d = descriptor(w, c);

	ret->n = ns_close(w->st, d->real);
	d->real = -1;
}

static void call_read(struct world *w, const struct call *c, struct outcome *ret)
{
	struct descriptor *d = descriptor(w, c);
	cleanup_free uint8_t *p = data_alloc(w, c->arg[1].n);

	if (!p)
		return;
	ret->n = ns_read(w->st, d->real, p, (size_t)c->arg[1].n);
	did_read(w, d, p, ret->n, c->arg[1].n, 0);
}

static void call_recv(struct world *w, const struct call *c, struct outcome *ret)
{
	struct descriptor *d = descriptor(w, c);
	cleanup_free uint8_t *p = data_alloc(w, c->arg[1].n);

	if (!p)
		return;
	ret->n = ns_recv(w->st, d->real, p, (size_t)c->arg[1].n, (int)c->arg[2].n);
	did_read(w, d, p, ret->n, c->arg[1].n, c->arg[2].n);
}

static void call_recvfrom(struct world *w, const struct call *c, struct outcome *ret)
{
	struct descriptor *d = descriptor(w, c);
	cleanup_free uint8_t *p = data_alloc(w, c->arg[1].n);
	struct sockaddr_storage sa = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(sa);

	if (!p)
		return;
	ret->n = ns_recvfrom(w->st, d->real, p, (size_t)c->arg[1].n, (int)c->arg[2].n,
			     (struct sockaddr *)&sa, &len);
	did_read(w, d, p, ret->n, c->arg[1].n, c->arg[2].n);
	if (ret->n < 0)
		return;
	ret->has_addr = true;
	from_sockaddr(w, &sa, ret->addr, sizeof(ret->addr));
}

static void call_readv(struct world *w, const struct call *c, struct outcome *ret)
{
	struct descriptor *d = descriptor(w, c);
	struct iovec iov[16];
	int64_t size = 0;
	cleanup_free uint8_t *p = NULL;

	for (unsigned int i = 0; i < c->arg[1].n_list; i++)
		size += c->arg[1].list[i];
	p = data_alloc(w, size);
	if (!p)
		return;
	size = 0;
	for (unsigned int i = 0; i < c->arg[1].n_list; i++) {
		iov[i] = (struct iovec){ p + size, (size_t)c->arg[1].list[i] };
		size += c->arg[1].list[i];
	}
	ret->n = ns_readv(w->st, d->real, iov, (int)c->arg[1].n_list);
	did_read(w, d, p, ret->n, size, 0);
}

static void call_write(struct world *w, const struct call *c, struct outcome *ret)
{
	struct descriptor *d = descriptor(w, c);
	cleanup_free uint8_t *p = data_alloc(w, c->arg[1].n);

	if (!p)
		return;
	fill(p, c->arg[1].n, d->is_stream ? d->write_at : 1);
	ret->n = ns_write(w->st, d->real, p, (size_t)c->arg[1].n);
	wrote(d, ret->n);
}

static void call_send(struct world *w, const struct call *c, struct outcome *ret)
{
	struct descriptor *d = descriptor(w, c);
	cleanup_free uint8_t *p = data_alloc(w, c->arg[1].n);

	if (!p)
		return;
	fill(p, c->arg[1].n, d->is_stream ? d->write_at : 1);
	ret->n = ns_send(w->st, d->real, p, (size_t)c->arg[1].n, (int)c->arg[2].n);
	wrote(d, ret->n);
}

static void call_sendto(struct world *w, const struct call *c, struct outcome *ret)
{
	struct descriptor *d = descriptor(w, c);
	cleanup_free uint8_t *p = data_alloc(w, c->arg[1].n);
	struct sockaddr_storage sa;
	const socklen_t len = to_sockaddr(w, d->is_ip6, &c->arg[2].addr, &sa);

	if (!p)
		return;
	fill(p, c->arg[1].n, d->is_stream ? d->write_at : 1);
	ret->n = ns_sendto(w->st, d->real, p, (size_t)c->arg[1].n, (int)c->arg[3].n,
			   (struct sockaddr *)&sa, len);
	wrote(d, ret->n);
}

static void call_writev(struct world *w, const struct call *c, struct outcome *ret)
{
	struct descriptor *d = descriptor(w, c);
	cleanup_free uint8_t *p = NULL;
	struct iovec iov[16];
	int64_t size = 0;

	for (unsigned int i = 0; i < c->arg[1].n_list; i++)
		size += c->arg[1].list[i];
	p = data_alloc(w, size);
	if (!p)
		return;
	fill(p, size, d->is_stream ? d->write_at : 1);
	size = 0;
	for (unsigned int i = 0; i < c->arg[1].n_list; i++) {
		iov[i] = (struct iovec){ p + size, (size_t)c->arg[1].list[i] };
		size += c->arg[1].list[i];
	}
	ret->n = ns_writev(w->st, d->real, iov, (int)c->arg[1].n_list);
	wrote(d, ret->n);
}

static void call_poll(struct world *w, const struct call *c, struct outcome *ret)
{
	struct pollfd p = { .fd = descriptor(w, c)->real, .events = (short)c->arg[1].n };
	const int r = ns_poll(w->st, &p, 1, 0);

	ret->n = r < 0 ? r : (uint16_t)p.revents;
	if (r >= 0 && (r > 0) != (p.revents != 0))
		(void)world_fail(w, "poll() returns %d with events %#x", r,
				 (unsigned int)p.revents);
}

static void call_epoll_create(struct world *w, const struct call *c, struct outcome *ret)
{
	new_fd(w, c, ns_epoll_create(w->st), false, false, ret);
}

static void call_epoll_ctl(struct world *w, const struct call *c, struct outcome *ret)
{
	struct epoll_event ev = { .events = (uint32_t)c->arg[3].n };
	const int fd = c->arg[2].n < 0 ? -1 : w->fd[c->arg[2].n].real;

	ev.data.u64 = (uint64_t)c->arg[2].n;
	ret->n = ns_epoll_ctl(w->st, descriptor(w, c)->real, (int)c->arg[1].n, fd, &ev);
}

static void call_epoll_wait(struct world *w, const struct call *c, struct outcome *ret)
{
	struct epoll_event ev[8];
	const int n = ns_epoll_wait(w->st, descriptor(w, c)->real, ev, 8, 0);

	ret->n = n < 0 ? n : 0;
	for (int i = 0; i < n; i++) {
		ret->list[ret->n_list++] = (int64_t)ev[i].data.u64;
		ret->list[ret->n_list++] = ev[i].events;
	}
}

static bool sockopt_of(struct world *w, const struct descriptor *d, const struct sockopt *o,
		       int *ret_level, int *ret_name)
{
	*ret_level = d->is_ip6 ? o->level6 : o->level4;
	*ret_name = d->is_ip6 ? o->name6 : o->name4;
	return *ret_level >= 0 || world_fail(w, "this family has no option '%s'", o->name);
}

static void call_setsockopt(struct world *w, const struct call *c, struct outcome *ret)
{
	const struct sockopt *o = c->arg[1].opt;
	const struct descriptor *d = descriptor(w, c);
	const struct arg *a = &c->arg[2];
	struct linger linger = { (int)a->list[0], (int)a->list[1] };
	const void *val = o->kind == SOCKOPT_TEXT ? (const void *)a->text : &linger;
	socklen_t len = o->kind == SOCKOPT_TEXT ? (socklen_t)strlen(a->text) : sizeof(linger);
	const int n = (int)a->n;
	int level, name;

	if (!sockopt_of(w, d, o, &level, &name))
		return;
	if (o->kind == SOCKOPT_INT || o->kind == SOCKOPT_ERRNO) {
		val = &n;
		len = sizeof(n);
	}
	ret->n = ns_setsockopt(w->st, d->real, level, name, val, len);
}

static void call_getsockopt(struct world *w, const struct call *c, struct outcome *ret)
{
	const struct sockopt *o = c->arg[1].opt;
	const struct descriptor *d = descriptor(w, c);
	struct linger linger;
	char text[32] = "";
	int level, name, n = 0;
	socklen_t len = sizeof(n);
	void *val = &n;

	if (o->kind == SOCKOPT_LINGER) {
		val = &linger;
		len = sizeof(linger);
	} else if (o->kind == SOCKOPT_TEXT) {
		val = text;
		len = sizeof(text) - 1;
	}
	if (!sockopt_of(w, d, o, &level, &name))
		return;
	ret->n = ns_getsockopt(w->st, d->real, level, name, val, &len);
	if (ret->n < 0)
		return;
	ret->n = n;
	memcpy(ret->text, text, sizeof(text));
	if (o->kind == SOCKOPT_LINGER) {
		ret->n_list = 2;
		ret->list[0] = linger.l_onoff;
		ret->list[1] = linger.l_linger;
	}
}

static void call_ioctl(struct world *w, const struct call *c, struct outcome *ret)
{
	int n = 0;

	ret->n = ns_ioctl(w->st, descriptor(w, c)->real, (unsigned long)c->arg[1].n, &n);
	if (ret->n == 0)
		ret->n = n;
}

static void read_info(struct world *w, const struct call *c, const struct info_field *f,
		      struct outcome *ret)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	uint64_t v = 0;

	memset(&info, 0, sizeof(info));
	ret->n = ns_getsockopt(w->st, descriptor(w, c)->real, IPPROTO_TCP, TCP_INFO, &info, &len);
	if (ret->n < 0)
		return;
	if (len < f->offset + f->size) {
		(void)world_fail(w, "TCP_INFO has %u bytes only", len);
		return;
	}
	memcpy(&v, (char *)&info + f->offset, f->size); /* little endian, as we build for */
	ret->n = (int64_t)v;
}

static void call_info(struct world *w, const struct call *c, struct outcome *ret)
{
	read_info(w, c, &info_fields[c->arg[1].n], ret);
}

static void call_state(struct world *w, const struct call *c, struct outcome *ret)
{
	read_info(w, c, &info_fields[0], ret); /* "state" is the first */
}

static void call_getsockname(struct world *w, const struct call *c, struct outcome *ret)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	ret->n = ns_getsockname(w->st, descriptor(w, c)->real, (struct sockaddr *)&sa, &len);
	if (ret->n < 0)
		return;
	ret->has_addr = true;
	from_sockaddr(w, &sa, ret->addr, sizeof(ret->addr));
}

static void call_getpeername(struct world *w, const struct call *c, struct outcome *ret)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	ret->n = ns_getpeername(w->st, descriptor(w, c)->real, (struct sockaddr *)&sa, &len);
	if (ret->n < 0)
		return;
	ret->has_addr = true;
	from_sockaddr(w, &sa, ret->addr, sizeof(ret->addr));
}

/* The letters are explained in parse_call.c. */
const struct call_type call_types[] = {
	{ "socket", "t|n", RESULT_FD, call_socket },
	{ "bind", "fa", RESULT_NUMBER, call_bind },
	{ "listen", "fn", RESULT_NUMBER, call_listen },
	{ "accept", "f", RESULT_FD, call_accept },
	{ "connect", "fa", RESULT_NUMBER, call_connect },
	{ "disconnect", "f", RESULT_NUMBER, call_disconnect },
	{ "shutdown", "fh", RESULT_NUMBER, call_shutdown },
	{ "close", "f", RESULT_NUMBER, call_close },
	{ "read", "fn", RESULT_NUMBER, call_read },
	{ "readv", "fs", RESULT_NUMBER, call_readv },
	{ "recv", "fn|m", RESULT_NUMBER, call_recv },
	{ "recvfrom", "fn|m", RESULT_FROM, call_recvfrom },
	{ "write", "fn", RESULT_NUMBER, call_write },
	{ "writev", "fs", RESULT_NUMBER, call_writev },
	{ "send", "fn|m", RESULT_NUMBER, call_send },
	{ "sendto", "fna|m", RESULT_NUMBER, call_sendto },
	{ "poll", "fp", RESULT_MASK, call_poll },
	{ "epoll_create", "", RESULT_FD, call_epoll_create },
	{ "epoll_ctl", "fef|p", RESULT_NUMBER, call_epoll_ctl },
	{ "epoll_wait", "f", RESULT_EVENTS, call_epoll_wait },
	{ "setsockopt", "fov", RESULT_NUMBER, call_setsockopt },
	{ "getsockopt", "fo", RESULT_VALUE, call_getsockopt },
	{ "ioctl", "fq", RESULT_NUMBER, call_ioctl },
	{ "info", "fi", RESULT_INFO, call_info },
	{ "state", "f", RESULT_STATE, call_state },
	{ "getsockname", "f", RESULT_ADDRESS, call_getsockname },
	{ "getpeername", "f", RESULT_ADDRESS, call_getpeername },
	{ 0 },
};

/* --- comparing --- */

static const char *error_name(int error)
{
	const char *name = name_of(name_errnos, error);

	return name ? name : strerror(error);
}

static bool check_list(struct world *w, const struct result *want, const struct outcome *got)
{
	char text[256] = "";
	size_t at = 0;

	if (want->n_list == got->n_list &&
	    memcmp(want->list, got->list, want->n_list * sizeof(want->list[0])) == 0)
		return true;
	for (unsigned int i = 0; i < got->n_list && at < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, " %lld",
				       (long long)got->list[i]);
	return world_fail(w, "it returns%s", got->n_list ? text : " nothing");
}

static bool check_events(struct world *w, const struct result *want, const struct outcome *got)
{
	char text[256] = "";
	char mask[64];
	size_t at = 0;

	if (want->n_list == got->n_list &&
	    memcmp(want->list, got->list, want->n_list * sizeof(want->list[0])) == 0)
		return true;
	for (unsigned int i = 0; i < got->n_list && at < sizeof(text); i += 2) {
		name_mask(mask, sizeof(mask), name_poll_bits, got->list[i + 1]);
		at += (size_t)snprintf(text + at, sizeof(text) - at, " %lld:%s",
				       (long long)got->list[i], mask);
	}
	return world_fail(w, "it returns%s", got->n_list ? text : " no event");
}

static bool check_address(struct world *w, const struct result *want, const struct outcome *got)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "%s:%u", name_of(name_places, want->addr.place),
		       want->addr.port);
	if (strcmp(text, got->addr) == 0)
		return true;
	return world_fail(w, "the address is %s", got->addr);
}

static bool check_number(struct world *w, const struct call *c, const struct outcome *got)
{
	const struct result *want = &c->want;
	const char *name = NULL;
	char mask[64];

	if (want->n.any || (got->n >= want->n.lo && got->n <= want->n.hi))
		return true;
	if (c->type->result == RESULT_MASK) {
		name_mask(mask, sizeof(mask), name_poll_bits, got->n);
		name = mask;
	} else if (c->type->result == RESULT_STATE) {
		name = name_of(name_states, got->n);
	} else if (c->type->result == RESULT_INFO && info_fields[c->arg[1].n].values) {
		name = name_of(info_fields[c->arg[1].n].values, got->n);
	} else if (c->type->result == RESULT_VALUE && c->arg[1].opt->kind == SOCKOPT_ERRNO) {
		name = got->n ? error_name((int)got->n) : NULL;
	}
	if (name)
		return world_fail(w, "it returns %s", name);
	return world_fail(w, "it returns %lld", (long long)got->n);
}

static bool check_outcome(struct world *w, const struct call *c, const struct outcome *got)
{
	const struct result *want = &c->want;

	if (w->failure[0])
		return false;
	if (got->n < 0) {
		if (want->error == -got->n)
			return true;
		return world_fail(w, "it returns -1 %s", error_name((int)-got->n));
	}
	if (want->error)
		return world_fail(w, "it does not fail: it returns %lld", (long long)got->n);
	if (c->type->result == RESULT_EVENTS)
		return check_events(w, want, got);
	if (want->has_addr && !check_address(w, want, got))
		return false;
	if (c->type->result == RESULT_ADDRESS)
		return true;
	if (want->has_text)
		return strcmp(want->text, got->text) == 0 || world_fail(w, "it is '%s'", got->text);
	if (want->n_list)
		return check_list(w, want, got);
	return check_number(w, c, got);
}

bool call_run(struct world *w, const struct step *step)
{
	struct outcome got = { .n = 0 };
	bool ok;

	step->call.type->run(w, &step->call, &got);
	ok = check_outcome(w, &step->call, &got);
	world_log(w, "%s%s", step->text + strspn(step->text, "+.0123456789 \t"),
		  ok ? "" : "    # not what was expected");
	world_flush(w);
	return ok;
}
