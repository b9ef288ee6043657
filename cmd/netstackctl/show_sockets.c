/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sockets, as ss(8) shows them.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/json_table.h"
#include "commands.h"
#include "table.h"

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

struct tcp_info {
	int64_t snd_wscale, rcv_wscale, rto, rtt, rttvar, min_rtt, snd_mss, rcv_mss, pmtu, snd_cwnd,
		snd_ssthresh, bytes_sent, bytes_acked, bytes_received, segs_out, segs_in, unacked,
		lost, retrans, total_retrans, delivery_rate, notsent_bytes;
};

#define SSTHRESH_NONE 0x7fffffff /* TCP_INFINITE_SSTHRESH of the kernel's net/tcp.h */

#define F(member)                                                                                  \
	{                                                                                          \
		.name = #member, .kind = JSON_INT, .offset = offsetof(struct tcp_info, member),    \
		.min = INT64_MIN, .max = INT64_MAX                                                 \
	}

static const struct json_field info_table[] = {
	F(snd_wscale),    F(rcv_wscale),     F(rto),          F(rtt),
	F(rttvar),        F(min_rtt),        F(snd_mss),      F(rcv_mss),
	F(pmtu),          F(snd_cwnd),       F(snd_ssthresh), F(bytes_sent),
	F(bytes_acked),   F(bytes_received), F(segs_out),     F(segs_in),
	F(unacked),       F(lost),           F(retrans),      F(total_retrans),
	F(delivery_rate), F(notsent_bytes),  { 0 },
};

static void put(const char *name, int64_t value)
{
	(void)printf(" %s:%jd", name, (intmax_t)value); /* checked at the end */
}

static void put_ms(const char *name, int64_t us)
{
	(void)printf(" %s:%jd.%03jd", name, (intmax_t)(us / 1000), (intmax_t)(us % 1000));
}

static void print_info(struct json_doc *doc, struct json_object *node)
{
	struct tcp_info i = { 0 };

	if (json_read(doc, node, "tcp_info", info_table, &i, NULL) < 0)
		return; /* another version's */
	(void)printf("\t wscale:%jd,%jd", (intmax_t)i.snd_wscale, (intmax_t)i.rcv_wscale);
	put_ms("rto", i.rto);
	put_ms("rtt", i.rtt);
	(void)printf("/%jd.%03jd", (intmax_t)(i.rttvar / 1000), (intmax_t)(i.rttvar % 1000));
	if (i.min_rtt != UINT32_MAX)
		put_ms("minrtt", i.min_rtt);
	put("mss", i.snd_mss);
	put("pmtu", i.pmtu);
	put("rcvmss", i.rcv_mss);
	put("cwnd", i.snd_cwnd);
	if (i.snd_ssthresh < SSTHRESH_NONE)
		put("ssthresh", i.snd_ssthresh);
	put("bytes_sent", i.bytes_sent);
	put("bytes_acked", i.bytes_acked);
	put("bytes_received", i.bytes_received);
	put("segs_out", i.segs_out);
	put("segs_in", i.segs_in);
	put("unacked", i.unacked);
	put("lost", i.lost);
	(void)printf(" retrans:%jd/%jd", (intmax_t)i.retrans, (intmax_t)i.total_retrans);
	put("notsent", i.notsent_bytes);
	put("delivery_rate", i.delivery_rate);
	(void)putchar('\n');
}

struct rest {
	int64_t connections, syn_received, time_wait;
	bool cut;
};

static const struct json_field rest_table[] = {
	{ .name = "connections",
	  .kind = JSON_INT,
	  .offset = offsetof(struct rest, connections),
	  .max = INT64_MAX },
	{ .name = "syn_received",
	  .kind = JSON_INT,
	  .offset = offsetof(struct rest, syn_received),
	  .max = INT64_MAX },
	{ .name = "time_wait",
	  .kind = JSON_INT,
	  .offset = offsetof(struct rest, time_wait),
	  .max = INT64_MAX },
	{ .name = "cut", .kind = JSON_BOOL, .offset = offsetof(struct rest, cut) },
	{ 0 },
};

/* What the stack has besides sockets of programs. */
static int print_rest(struct json_doc *doc, struct nerr *err)
{
	struct rest rest = { 0 };
	int r = json_read(doc, NULL, "", rest_table, &rest, err);

	if (r < 0)
		return r;
	if (rest.cut)
		(void)printf("(there are more)\n");
	(void)printf("TCP of the stack: %jd sockets, %jd in SYN-RECV, %jd in TIME-WAIT\n",
		     (intmax_t)rest.connections, (intmax_t)rest.syn_received,
		     (intmax_t)rest.time_wait);
	return 0;
}

/* --- the list --- */

enum {
	NETID,
	STATE,
	RECV_Q,
	SEND_Q,
	LOCAL,
	LOCAL_PORT,
	PEER,
	PEER_PORT,
	SHORT_CUT,
	PID,
	PROGRAM,
	COLUMNS,
};

/* Numbers as text: the shorter one is less. */
static int compare_numbers(const char *a, const char *b)
{
	const size_t x = strlen(a);
	const size_t y = strlen(b);

	return x == y ? strcmp(a, b) : x < y ? -1 : 1;
}

/* What listens first; then by our end, and by the other one. */
static int compare(const char *const *a, const char *const *b)
{
	int r = strcmp(a[NETID], b[NETID]);

	if (r == 0)
		r = (strcmp(a[STATE], "LISTEN") != 0) - (strcmp(b[STATE], "LISTEN") != 0);
	if (r == 0)
		r = compare_numbers(a[LOCAL_PORT], b[LOCAL_PORT]);
	if (r == 0)
		r = strcmp(a[LOCAL], b[LOCAL]);
	if (r == 0)
		r = strcmp(a[PEER], b[PEER]);
	return r ? r : compare_numbers(a[PEER_PORT], b[PEER_PORT]);
}

static int make_request(const struct opts *o, struct strbuf *ret, struct nerr *err)
{
	struct json_out out = JSON_OUT_INIT(0);

	json_out_object(&out, NULL);
	json_out_string(&out, "do", "sockets");
	json_out_bool(&out, "tcp", o->tcp);
	json_out_bool(&out, "udp", o->udp);
	if (o->ipv4 != o->ipv6)
		json_out_string(&out, "family", o->ipv4 ? "inet" : "inet6");
	if (o->state)
		json_out_string(&out, "state", o->state);
	json_out_bool(&out, "listening", o->listening);
	json_out_bool(&out, "names", o->processes);
	json_out_end(&out);
	*ret = out.buf;
	return ret->failed ? nerr_oom(err) : 0;
}

int cmd_sockets(const struct command *cmd, const struct opts *o)
{
	const struct column columns[COLUMNS + 1] = {
		[NETID] = { "NETID", "protocol", JSON_STRING, NULL },
		[STATE] = { "STATE", "state", JSON_STRING, NULL },
		[RECV_Q] = { "RECV-Q", "recv_queue", JSON_INT, "0" },
		[SEND_Q] = { "SEND-Q", "send_queue", JSON_INT, "0" },
		[LOCAL] = { "LOCAL", "local", JSON_STRING, NULL },
		[LOCAL_PORT] = { "PORT", "local_port", JSON_INT, NULL },
		[PEER] = { "PEER", "peer", JSON_STRING, NULL },
		[PEER_PORT] = { "PORT", "peer_port", JSON_INT, NULL },
		[SHORT_CUT] = { "SHORT-CUT", "local_program", JSON_BOOL, NULL },
		[PID] = { "PID", "pid", JSON_INT, NULL },
		[PROGRAM] = { o->processes ? "PROGRAM" : NULL, "name", JSON_STRING, NULL },
	};
	const struct table table = {
		.key = "sockets",
		.columns = columns,
		.compare = compare,
		.extra = o->info ? "tcp_info" : NULL,
		.below = print_info,
	};
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	CLEANUP(strbuf_done) struct strbuf request = STRBUF_INIT;
	struct nerr err = NERR_INIT;
	int r;

	(void)cmd;
	if (make_request(o, &request, &err) < 0)
		return fail(&err);
	r = ask(o, o->args[0], request.s, -1, ANSWER_MS, &doc);
	if (r || !doc)
		return r;
	if (table_print(&table, doc, &err) < 0 || print_rest(doc, &err) < 0)
		return fail(&err);
	return printed();
}
