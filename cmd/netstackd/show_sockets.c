/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sockets of programs, and what the instance keeps of those that nobody has any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>
#include <linux/tcp.h>

#include "attach/attach.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json_table.h"
#include "daemon.h"
#include "host/host.h"
#include "netstack/netstack.h"
#include "netstack/socket.h"
#include "put.h"
#include "requests.h"
#include "server.h"

/* An answer may have 64 MiB (base/json_table.h), and some is for its end. */
#define ANSWER_MAX (UINT32_C(60) << 20)

/* Names as ss(8) has them, numbers of include/net/tcp_states.h. */
static const char *const state_names[] = {
	"UNCONN",    "ESTAB",  "SYN-SENT",   "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2",
	"TIME-WAIT", "UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN",     "CLOSING",
};

static const char *state_str(unsigned int state)
{
	return state < ARRAY_SIZE(state_names) ? state_names[state] : "UNCONN";
}

static bool is_state(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(state_names); i++)
		if (strcmp(state_names[i], name) == 0)
			return true;
	return strcmp(name, "CLOSED") == 0;
}

static int option(struct netstack *st, int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int v = 0;

	return ns_getsockopt(st, fd, level, name, &v, &len) < 0 ? 0 : v;
}

static const char *protocol_str(int protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return "icmp";
	default:
		return "raw";
	}
}

/**
 * struct view - A socket as it is shown
 * @protocol, @family, @state: As in the answer; the first two NULL for one that the instance has no
 *		more
 * @local, @peer: With @has_local, @has_peer
 * @info:	With @has_info
 */
struct view {
	const struct attach_socket *socket;
	const char *protocol;
	const char *family;
	const char *state;
	bool has_local, has_peer, has_info;
	struct sockaddr_storage local, peer;
	struct tcp_info info;
};

/* Of TCP; others have no states, and are shown as ss(8) does it. */
static const char *shown_state(const struct view *v)
{
	if (v->socket->is_local)
		return "ESTAB";
	if (v->socket->is_listening)
		return "LISTEN";
	if (v->socket->ns_fd < 0)
		return "CLOSED";
	return v->has_info ? state_str(v->info.tcpi_state) : v->has_peer ? "ESTAB" : "UNCONN";
}

static void look(struct netstack *st, const struct attach_socket *s, struct view *v)
{
	socklen_t len = sizeof(v->local);

	*v = (struct view){ .socket = s };
	if (s->ns_fd >= 0) {
		const int protocol = option(st, s->ns_fd, SOL_SOCKET, SO_PROTOCOL);

		v->protocol = protocol_str(protocol);
		v->family =
			option(st, s->ns_fd, SOL_SOCKET, SO_DOMAIN) == AF_INET6 ? "inet6" : "inet";
		v->has_local =
			ns_getsockname(st, s->ns_fd, (struct sockaddr *)&v->local, &len) == 0;
		len = sizeof(v->peer);
		v->has_peer = ns_getpeername(st, s->ns_fd, (struct sockaddr *)&v->peer, &len) == 0;
		len = sizeof(v->info);
		v->has_info =
			protocol == IPPROTO_TCP &&
			ns_getsockopt(st, s->ns_fd, IPPROTO_TCP, TCP_INFO, &v->info, &len) == 0;
	}
	v->state = shown_state(v);
}

static void put_queues(struct json_out *o, struct netstack *st, const struct view *v)
{
	const struct attach_socket *s = v->socket;
	int in = 0;
	int out = 0;

	if (s->is_listening) {
		in = (int)s->queued;
		out = v->has_info ? (int)v->info.tcpi_sacked : 0; /* the backlog, as for ss(8) */
	} else if (ns_ioctl(st, s->ns_fd, SIOCINQ, &in) < 0 ||
		   ns_ioctl(st, s->ns_fd, SIOCOUTQ, &out) < 0) {
		in = out = 0;
	}
	json_out_int(o, "recv_queue", in);
	json_out_int(o, "send_queue", out);
}

#define PUT(field) json_out_int(o, #field, (int64_t)ti->tcpi_##field);

static void put_tcp_info(struct json_out *o, const struct tcp_info *ti)
{
	json_out_object(o, "tcp_info");
	PUT(options)
	PUT(snd_wscale)
	PUT(rcv_wscale)
	PUT(rto)
	PUT(ato)
	PUT(snd_mss)
	PUT(rcv_mss)
	PUT(advmss)
	PUT(pmtu)
	PUT(unacked)
	PUT(sacked)
	PUT(lost)
	PUT(retrans)
	PUT(total_retrans)
	PUT(last_data_sent)
	PUT(last_data_recv)
	PUT(rtt)
	PUT(rttvar)
	PUT(min_rtt)
	PUT(rcv_rtt)
	PUT(rcv_space)
	PUT(snd_cwnd)
	PUT(snd_ssthresh)
	PUT(bytes_sent)
	PUT(bytes_retrans)
	PUT(bytes_acked)
	PUT(bytes_received)
	PUT(segs_out)
	PUT(segs_in)
	PUT(notsent_bytes)
	PUT(delivery_rate)
	PUT(busy_time)
	json_out_end(o);
}

/**
 * struct listing - An answer that is being made
 * @tcp, @udp:	Only sockets of these; all when both are false
 * @family, @state, @listening: Only such sockets; NULL, false for all
 * @names:	With those of the processes
 * @name:	Of process @pid
 */
struct listing {
	struct json_out *out;
	struct netstack *stack;
	bool is_cut;
	bool tcp;
	bool udp;
	const char *family;
	const char *state;
	bool listening;
	bool names;
	int pid;
	char name[64];
};

/* Who made it may have ended, and others have it. */
static void put_name(struct listing *l, int pid)
{
	char path[64];

	if (pid != l->pid) {
		(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid); /* it fits */
		if (file_read(AT_FDCWD, path, l->name, sizeof(l->name)) < 0)
			l->name[0] = '\0';
		l->pid = pid;
	}
	if (l->name[0])
		json_out_string(l->out, "name", l->name);
}

static void put_view(struct json_out *o, struct netstack *st, const struct view *v)
{
	if (v->protocol) {
		json_out_string(o, "protocol", v->protocol);
		json_out_string(o, "family", v->family);
	}
	json_out_string(o, "state", v->state);
	if (!v->protocol)
		return;
	put_queues(o, st, v);
	if (v->has_local)
		put_sockaddr(o, "local", "local_port", &v->local);
	if (v->has_peer)
		put_sockaddr(o, "peer", "peer_port", &v->peer);
	if (v->has_info && !v->socket->is_listening && !v->socket->is_local)
		put_tcp_info(o, &v->info);
}

/* @wanted is NULL for any. */
static bool is_wanted(const char *wanted, const char *text)
{
	return !wanted || (text && strcmp(wanted, text) == 0);
}

static bool is_shown(const struct listing *l, const struct view *v)
{
	/* A datagram socket without a peer takes what anybody sends. */
	if (l->listening && strcmp(v->state, "LISTEN") != 0 &&
	    (strcmp(v->state, "UNCONN") != 0 || is_wanted("tcp", v->protocol)))
		return false;
	if ((l->tcp || l->udp) && !(l->tcp && is_wanted("tcp", v->protocol)) &&
	    !(l->udp && is_wanted("udp", v->protocol)))
		return false;
	return is_wanted(l->family, v->family) && is_wanted(l->state, v->state);
}

static bool put_socket(void *arg, const struct attach_socket *s)
{
	struct listing *l = arg;
	struct json_out *o = l->out;
	struct view v;

	l->is_cut = o->buf.len > ANSWER_MAX;
	if (l->is_cut)
		return false;
	look(l->stack, s, &v);
	if (!is_shown(l, &v))
		return true;
	json_out_object(o, NULL);
	json_out_int(o, "pid", s->pid);
	if (l->names)
		put_name(l, s->pid);
	json_out_bool(o, "local_program", s->is_local);
	put_view(o, l->stack, &v);
	json_out_end(o);
	return true;
}

static const struct json_field listing_table[] = {
	{ .name = "tcp", .kind = JSON_BOOL, .offset = offsetof(struct listing, tcp) },
	{ .name = "udp", .kind = JSON_BOOL, .offset = offsetof(struct listing, udp) },
	{ .name = "family", .kind = JSON_STRING, .offset = offsetof(struct listing, family) },
	{ .name = "state", .kind = JSON_STRING, .offset = offsetof(struct listing, state) },
	{ .name = "listening", .kind = JSON_BOOL, .offset = offsetof(struct listing, listening) },
	{ .name = "names", .kind = JSON_BOOL, .offset = offsetof(struct listing, names) },
	{ 0 },
};

int request_sockets(struct request *q, struct nerr *err)
{
	struct json_out *o = &q->out;
	struct listing l = { .out = o, .stack = host_stack(q->d->host) };
	struct netstack_memory m;
	int r = json_read(q->doc, NULL, "", listing_table, &l, err);

	if (r < 0)
		return r;
	if (l.state && !is_state(l.state))
		return nerr_set(err, -EINVAL, "there is no state '%s', as ESTAB or LISTEN",
				l.state);
	json_out_array(o, "sockets");
	attach_each(q->d->attach, put_socket, &l);
	json_out_end(o);
	json_out_bool(o, "cut", l.is_cut);
	netstack_memory(l.stack, &m);
	json_out_int(o, "connections", (int64_t)m.conns);
	json_out_int(o, "syn_received", (int64_t)m.syn_rcvd);
	json_out_int(o, "time_wait", (int64_t)m.time_wait);
	return 0;
}

/* --- programs --- */

/* A process with sockets.  Programs without are not known: they ask for nothing. */
struct program {
	int pid;
	uint32_t sockets;
	uint32_t listening;
};

struct programs {
	struct program *v;
	size_t n;
	size_t cap;
	bool failed;
};

static bool collect(void *arg, const struct attach_socket *s)
{
	struct programs *p = arg;

	if (p->n == p->cap) {
		const size_t cap = p->cap ? p->cap * 2 : 64;
		struct program *v = reallocarray(p->v, cap, sizeof(*v));

		p->failed = !v;
		if (!v)
			return false;
		p->v = v;
		p->cap = cap;
	}
	p->v[p->n++] = (struct program){ s->pid, 1, s->is_listening };
	return true;
}

static int by_pid(const void *a, const void *b)
{
	const struct program *x = a;
	const struct program *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static void merge(struct programs *p)
{
	size_t to = 0;

	if (p->n)
		qsort(p->v, p->n, sizeof(*p->v), by_pid);
	for (size_t i = 0; i < p->n; i++) {
		if (to && p->v[to - 1].pid == p->v[i].pid) {
			p->v[to - 1].sockets += p->v[i].sockets;
			p->v[to - 1].listening += p->v[i].listening;
		} else {
			p->v[to++] = p->v[i];
		}
	}
	p->n = to;
}

int request_programs(struct request *q, struct nerr *err)
{
	struct json_out *o = &q->out;
	struct programs all = { 0 };

	attach_each(q->d->attach, collect, &all);
	if (all.failed) {
		free(all.v);
		return nerr_oom(err);
	}
	merge(&all);
	json_out_array(o, "programs");
	for (size_t i = 0; i < all.n; i++) {
		char path[64];
		char name[64] = "";

		(void)snprintf(path, sizeof(path), "/proc/%d/comm", all.v[i].pid); /* it fits */
		json_out_object(o, NULL);
		json_out_int(o, "pid", all.v[i].pid);
		/* Who made them may have ended, and others have them. */
		if (file_read(AT_FDCWD, path, name, sizeof(name)) == 0)
			json_out_string(o, "name", name);
		json_out_int(o, "sockets", all.v[i].sockets);
		json_out_int(o, "listening", all.v[i].listening);
		json_out_end(o);
	}
	json_out_end(o);
	json_out_int(o, "listeners", attach_n_listeners(q->d->attach));
	free(all.v);
	return 0;
}
