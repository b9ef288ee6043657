/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is counted, from the device up to the programs.
 */
#include "attach/attach.h"
#include "ctl/counters.h"
#include "daemon.h"
#include "host/host.h"
#include "netstack/net/ip.h"
#include "netstack/netstack.h"
#include "netstack/tcp/tcp.h"
#include "requests.h"
#include "server.h"

/* X(field): that of the structure s */
#define PUT(field) json_out_int(o, #field, (int64_t)s.field);

static void put_nic(struct json_out *o, const struct daemon *d)
{
	struct nic_stats s;

	nic_stats(host_nic(d->host), &s);
	json_out_object(o, "nic");
	COUNTERS_NIC(PUT)
	json_out_end(o);
}

static void put_split(struct json_out *o, const struct daemon *d)
{
	struct host_split_stats s;

	host_split_stats(d->host, &s);
	json_out_object(o, "kernel");
	COUNTERS_KERNEL(PUT)
	json_out_end(o);
}

static void put_link(struct json_out *o, const struct daemon *d)
{
	struct iface_stats s = { 0 };

	/* It is there as long as the host is. */
	(void)netstack_link_stats(host_stack(d->host), host_ifindex(d->host), &s);
	json_out_object(o, "link");
	COUNTERS_LINK(PUT)
	json_out_end(o);
}

static void put_stack(struct json_out *o, const struct daemon *d)
{
	const struct ip_stats *ip = netstack_ip_stats(host_stack(d->host));
	const struct tcp_stats *tcp = netstack_tcp_stats(host_stack(d->host));

	json_out_object(o, "ip");
#define X(field) json_out_int(o, #field, (int64_t)ip->field);
	COUNTERS_IP(X)
#undef X
	json_out_end(o);
	json_out_object(o, "tcp");
#define X(field) json_out_int(o, #field, (int64_t)tcp->field);
	TCP_STATS(X)
#undef X
	json_out_end(o);
}

static void put_attach(struct json_out *o, const struct daemon *d)
{
	struct attach_stats s;

	attach_stats(d->attach, &s);
	json_out_object(o, "attach");
	COUNTERS_ATTACH(PUT)
	json_out_end(o);
}

static void put_service(struct json_out *o, const struct daemon *d)
{
	struct service_stats s;

	host_service_stats(d->host, &s);
	json_out_object(o, "service");
	COUNTERS_SERVICE(PUT)
	json_out_end(o);
}

static void put_memory(struct json_out *o, const struct daemon *d)
{
	struct netstack_memory s;

	netstack_memory(host_stack(d->host), &s);
	json_out_object(o, "memory");
	COUNTERS_MEMORY(PUT)
	json_out_end(o);
}

int request_counters(struct request *q, struct nerr *err)
{
	(void)err; /* it cannot fail */
	put_nic(&q->out, q->d);
	put_split(&q->out, q->d);
	put_link(&q->out, q->d);
	put_stack(&q->out, q->d);
	put_attach(&q->out, q->d);
	put_service(&q->out, q->d);
	put_memory(&q->out, q->d);
	return 0;
}

int request_drops(struct request *q, struct nerr *err)
{
	const uint64_t *drops = netstack_drops(host_stack(q->d->host));
	struct json_out *o = &q->out;

	(void)err; /* it cannot fail */
	json_out_array(o, "drops");
	for (int i = 0; i < DROP_N; i++) {
		if (!drops[i])
			continue;
		json_out_object(o, NULL);
		json_out_string(o, "reason", drop_name((enum drop_reason)i));
		json_out_int(o, "count", (int64_t)drops[i]);
		json_out_string(o, "meaning", drop_sentence((enum drop_reason)i));
		json_out_end(o);
	}
	json_out_end(o);
	return 0;
}
