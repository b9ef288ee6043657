/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/str.h"

/* Descriptors a run needs besides those of its ports. */
#define FDS_SPARE 64

static const struct {
	const char *name;
	int type;
	int number;
} protos[] = {
	{ "tcp", SOCK_STREAM, IPPROTO_TCP },
	{ "udp", SOCK_DGRAM, IPPROTO_UDP },
	{ "sctp", SOCK_STREAM, IPPROTO_SCTP },
};

/* --- text --- */

/* "80" or "80-89". @text is cut. */
static int parse_range(char *text, uint32_t *ret_first, uint32_t *ret_n)
{
	char *dash = strchr(text, '-');
	uint32_t first;
	uint32_t last;

	if (dash)
		*dash++ = '\0';
	if (parse_u32(text, 1, UINT16_MAX, &first) < 0 ||
	    parse_u32(dash ? dash : text, 1, UINT16_MAX, &last) < 0 || last < first)
		return -EINVAL;
	*ret_first = first;
	*ret_n = last - first + 1;
	return 0;
}

static int parse_proto(char *spec, const char **ret)
{
	char *slash = strrchr(spec, '/');

	*ret = protos[0].name;
	if (!slash)
		return 0;
	*slash++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		if (str_eq_nocase(slash, protos[i].name)) {
			*ret = protos[i].name;
			return 0;
		}
	}
	return -EINVAL;
}

/* Cut "ip:" or "[ip]:" off the front. @spec moves to what follows. */
static int parse_ip(char **spec, struct ipaddr *ret)
{
	char *text = *spec;
	char *end;

	*ret = (struct ipaddr){ 0 };
	if (*text == '[') {
		end = strchr(++text, ']');
		if (!end || end[1] != ':')
			return -EINVAL;
		*end++ = '\0';
	} else {
		end = strchr(text, ':');
		if (!end || !strchr(end + 1, ':'))
			return 0; /* only "host:cont" */
	}
	*end++ = '\0';
	*spec = end;
	return ipaddr_from_str(text, ret);
}

int port_parse(const char *text, struct port *ret, struct nerr *err)
{
	cleanup_free char *spec = strdup(text);
	struct port p = { 0 };
	uint32_t n_host;
	uint32_t n_cont;
	uint32_t host;
	uint32_t cont;
	char *rest = spec;
	char *colon;

	if (!spec)
		return nerr_oom(err);
	if (parse_proto(spec, &p.proto) < 0)
		return nerr_set(err, -EINVAL, "port '%s': protocol must be tcp, udp or sctp", text);
	if (parse_ip(&rest, &p.ip) < 0)
		return nerr_set(
			err, -EINVAL,
			"port '%s': the part before the first port must be an IP address ([...] around IPv6)",
			text);
	colon = strchr(rest, ':');
	if (!colon)
		return nerr_set(err, -EINVAL, "port '%s' must be [ip:]host:container[/proto]",
				text);
	*colon++ = '\0';
	if (parse_range(rest, &host, &n_host) < 0 || parse_range(colon, &cont, &n_cont) < 0)
		return nerr_set(
			err, -EINVAL,
			"port '%s': ports must be numbers from 1 to 65535 or ranges a-b of them",
			text);
	if (n_host != n_cont)
		return nerr_set(err, -EINVAL, "port '%s': the ranges have %u and %u ports", text,
				n_host, n_cont);
	p.host = (uint16_t)host;
	p.cont = (uint16_t)cont;
	p.n = (uint16_t)n_host;
	*ret = p;
	return 0;
}

static bool is_any(const struct ipaddr *ip)
{
	return !ipaddr_is_set(ip) || ipaddr_is_unspecified(ip);
}

/* Could a packet match both? */
static bool collide(const struct port *a, const struct port *b)
{
	if (a->proto != b->proto || a->host + a->n <= b->host || b->host + b->n <= a->host)
		return false;
	if (a->ip.family && b->ip.family && a->ip.family != b->ip.family)
		return false;
	return is_any(&a->ip) || is_any(&b->ip) || ipaddr_eq(&a->ip, &b->ip);
}

int ports_check(const struct port *ports, size_t n, struct nerr *err)
{
	size_t total = 0;

	for (size_t i = 0; i < n; i++) {
		total += ports[i].n;
		for (size_t k = 0; k < i; k++)
			if (collide(&ports[i], &ports[k]))
				return nerr_set(err, -EINVAL, "host port %u/%s is published twice",
						ports[i].host > ports[k].host ? ports[i].host
									      : ports[k].host,
						ports[i].proto);
	}
	if (total > PORTS_MAX)
		return nerr_set(err, -EINVAL, "%zu ports are published, at most %d can be", total,
				PORTS_MAX);
	return 0;
}

void ports_print(const struct port *ports, size_t n, struct strbuf *ret)
{
	struct json_out o = JSON_OUT_INIT(0);
	char ip[IPADDR_STR_LEN];

	json_out_array(&o, NULL);
	for (size_t i = 0; i < n; i++) {
		for (unsigned k = 0; k < ports[i].n; k++) {
			json_out_object(&o, NULL);
			json_out_int(&o, "hostPort", ports[i].host + k);
			json_out_int(&o, "containerPort", ports[i].cont + k);
			json_out_string(&o, "protocol", ports[i].proto);
			if (ports[i].ip.family)
				json_out_string(&o, "hostIP", ipaddr_to_str(&ports[i].ip, ip));
			json_out_end(&o);
		}
	}
	json_out_end(&o);
	strbuf_add_mem(ret, strbuf_text(&o.buf), o.buf.len);
	ret->failed |= o.buf.failed;
	strbuf_done(&o.buf);
}

/* --- claims --- */

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t make_address(const struct ipaddr *ip, int family, uint16_t port,
			      union address *ret)
{
	*ret = (union address){ 0 };
	if (family == AF_INET) {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = htons(port);
		memcpy(&ret->in.sin_addr, ip->bytes, sizeof(ret->in.sin_addr));
		return sizeof(ret->in);
	}
	ret->in6.sin6_family = AF_INET6;
	ret->in6.sin6_port = htons(port);
	memcpy(&ret->in6.sin6_addr, ip->bytes, sizeof(ret->in6.sin6_addr));
	return sizeof(ret->in6);
}

static int bind_fd(int family, const struct port *p, unsigned k, int type, int proto)
{
	const int only_v6 = is_any(&p->ip) && !p->ip.family ? 0 : 1;
	cleanup_close int fd = socket(family, type | SOCK_CLOEXEC, proto);
	union address address;
	socklen_t len;

	if (fd < 0)
		return -errno;
	if (family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6)) < 0)
		return -errno;
	len = make_address(&p->ip, family, (uint16_t)(p->host + k), &address);
	if (bind(fd, &address.sa, len) < 0)
		return -errno;
	(void)TAKE_FD(fd); /* held until the process ends */
	return 0;
}

/* One port.  Without an address: all of them, of both families where the host has both. */
static int claim(const struct port *p, unsigned k)
{
	int r = -EINVAL;

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		if (p->proto != protos[i].name)
			continue;
		r = bind_fd(p->ip.family == AF_INET ? AF_INET : AF_INET6, p, k, protos[i].type,
			    protos[i].number);
		if (!p->ip.family && (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL))
			r = bind_fd(AF_INET, p, k, protos[i].type, protos[i].number);
		if (r == -EPROTONOSUPPORT || r == -ESOCKTNOSUPPORT)
			r = 0; /* a kernel without SCTP has nobody to take the port */
	}
	return r;
}

/* Not lowered again: this process holds the descriptors until it ends. */
static void raise_fd_limit(size_t n)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur >= n + FDS_SPARE)
		return;
	rl.rlim_cur = n + FDS_SPARE < rl.rlim_max ? n + FDS_SPARE : rl.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &rl); /* too few are noticed when they run out */
}

int ports_claim(const struct port *ports, size_t n, struct nerr *err)
{
	size_t total = 0;
	char ip[IPADDR_STR_LEN];

	for (size_t i = 0; i < n; i++)
		total += ports[i].n;
	raise_fd_limit(total);
	for (size_t i = 0; i < n; i++) {
		for (unsigned k = 0; k < ports[i].n; k++) {
			int r = claim(&ports[i], k);

			if (r == -EADDRINUSE)
				return nerr_set(err, r, "host port %u/%s is in use",
						ports[i].host + k, ports[i].proto);
			if (r == -EADDRNOTAVAIL)
				return nerr_set(err, r,
						"address %s of port %u/%s is not on this host",
						ipaddr_to_str(&ports[i].ip, ip), ports[i].host + k,
						ports[i].proto);
			if (r < 0)
				return nerr_set(err, r, "cannot claim host port %u/%s: %m",
						ports[i].host + k, ports[i].proto);
		}
	}
	return 0;
}
