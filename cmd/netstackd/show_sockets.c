/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sockets of programs, and what the instance keeps of those that nobody has any more.
 */
#include <fcntl.h>
#include <netinet/in.h>
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
static const char *state_str(unsigned int state)
{
	static const char *const names[] = {
		"UNCONN",    "ESTAB",  "SYN-SENT",   "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2",
		"TIME-WAIT", "UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN",     "CLOSING",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "UNCONN";
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

static void put_queues(struct json_out *o, struct netstack *st, const struct attach_socket *s,
		       const struct tcp_info *ti)
{
	int in = 0;
	int out = 0;

	if (s->is_listening) {
		in = (int)s->queued;
		out = ti ? (int)ti->tcpi_sacked : 0; /* the backlog, as for ss(8) */
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

static void put_names(struct json_out *o, struct netstack *st, int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	if (ns_getsockname(st, fd, (struct sockaddr *)&ss, &len) == 0)
		put_sockaddr(o, "local", "local_port", &ss);
	len = sizeof(ss);
	if (ns_getpeername(st, fd, (struct sockaddr *)&ss, &len) == 0)
		put_sockaddr(o, "peer", "peer_port", &ss);
}

static const char *shown_state(const struct attach_socket *s, const struct tcp_info *ti)
{
	if (s->is_local)
		return "ESTAB";
	return s->is_listening ? "LISTEN" : state_str(ti ? ti->tcpi_state : 0);
}

static void put_open_socket(struct json_out *o, struct netstack *st, const struct attach_socket *s)
{
	const int protocol = option(st, s->ns_fd, SOL_SOCKET, SO_PROTOCOL);
	const struct tcp_info *ti = NULL;
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (protocol == IPPROTO_TCP &&
	    ns_getsockopt(st, s->ns_fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
		ti = &info;
	json_out_string(o, "protocol", protocol_str(protocol));
	json_out_string(o, "family",
			option(st, s->ns_fd, SOL_SOCKET, SO_DOMAIN) == AF_INET6 ? "inet6" : "inet");
	json_out_string(o, "state", shown_state(s, ti));
	put_queues(o, st, s, ti);
	put_names(o, st, s->ns_fd);
	if (ti && !s->is_listening && !s->is_local)
		put_tcp_info(o, ti);
}

struct listing {
	struct json_out *out;
	struct netstack *stack;
	bool is_cut;
};

static bool put_socket(void *arg, const struct attach_socket *s)
{
	struct listing *l = arg;
	struct json_out *o = l->out;

	l->is_cut = o->buf.len > ANSWER_MAX;
	if (l->is_cut)
		return false;
	json_out_object(o, NULL);
	json_out_int(o, "pid", s->pid);
	json_out_bool(o, "local_program", s->is_local);
	if (s->ns_fd >= 0)
		put_open_socket(o, l->stack, s);
	else
		json_out_string(o, "state", s->is_local ? "ESTAB" : "CLOSED");
	json_out_end(o);
	return true;
}

int request_sockets(struct request *q, struct nerr *err)
{
	struct json_out *o = &q->out;
	struct listing l = { .out = o, .stack = host_stack(q->d->host) };
	struct netstack_memory m;

	(void)err; /* it cannot fail */
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
