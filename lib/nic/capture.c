/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "nic/capture_priv.h"
#include "nic/pcapng.h"
#include "nic/wrap_priv.h"
#include "nic/wrappers.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/tcp.h"
#include "wire/udp.h"

/* At the end a reader has so long to take what is left. */
#define CLOSE_MS 1000

/**
 * struct capture - Writes down what passes
 * @file:	Where
 * @asleep:	Armed: nobody calls arm() after a packet that is sent from a timer
 * @watch:	For a file that takes no more now, while @watching
 */
struct capture {
	struct wrap w;
	struct pcapng *file;
	bool asleep;
	bool watching;
	struct loop_watch watch;
};

static struct capture *of_nic(struct nic *nic)
{
	return (struct capture *)(void *)nic;
}

/* --- bytes as on a wire --- */

static uint64_t pseudo_of(const struct pbuf *pb, const struct l4_repr *l4)
{
	const uint8_t *ip = pb->data + l4->l3_at;
	const uint32_t len = pb->len - l4->l4_at;

	if (l4->ip_version == 4)
		return csum_pseudo4(get_be32(ip + 12), get_be32(ip + 16), l4->proto, len);
	return csum_pseudo6(ip6_addr_get(ip + 8), ip6_addr_get(ip + 24), l4->proto, len);
}

/* Merged of segments, whose checksums were right; what is in the field is one of theirs. */
static void finish_merged(enum nic_kind kind, const struct pbuf *pb, uint8_t *dst, uint32_t len)
{
	struct l4_repr l4;
	uint32_t at;
	uint64_t sum;

	if (wrap_l4(kind, pb, &l4) < 0)
		return;
	at = l4.l4_at + (l4.proto == IP_PROTO_UDP ? UDP_CSUM_OFFSET : TCP_CSUM_OFFSET);
	if (at + 2 > pb->linear || at + 2 > len)
		return;
	sum = pseudo_of(pb, &l4) + pbuf_csum(pb, l4.l4_at, pb->len - l4.l4_at);
	sum += (uint16_t)~get_be16(pb->data + at); /* without the field */
	put_be16(dst + at, udp_csum_finish(sum));
}

/* The device is to finish it: the field holds the pseudo header's sum. */
static void finish_partial(const struct pbuf *pb, uint8_t *dst, uint32_t len)
{
	const uint32_t l4_at = (uint32_t)(pbuf_l4(pb) - pb->data);
	const uint32_t at = l4_at + pb->csum_offset;

	if (at + 2 > len)
		return;
	put_be16(dst + at, udp_csum_finish(pbuf_csum(pb, l4_at, pb->len - l4_at)));
}

static uint32_t dest_of(const struct nic *nic, const uint8_t *frame, uint32_t len, uint32_t way)
{
	struct eth_addr dst;

	if (nic->info.kind != NIC_ETHERNET || len < ETH_ADDR_LEN)
		return 0;
	dst = eth_addr_get(frame);
	if (eth_addr_is_broadcast(dst))
		return PCAPNG_BROADCAST;
	if (eth_addr_is_multicast(dst))
		return PCAPNG_MULTICAST;
	if (way == PCAPNG_IN && !eth_addr_eq(dst, nic->info.mac))
		return PCAPNG_PROMISCUOUS;
	return PCAPNG_UNICAST;
}

void capture_put(struct pcapng *file, const struct nic *nic, const struct pbuf *pb, uint64_t now,
		 uint32_t way)
{
	const uint32_t flags = way | dest_of(nic, pb->data, pb->linear, way);
	uint32_t len;
	uint8_t *dst = pcapng_put(file, now, pb->len, flags, &len);

	if (!dst)
		return;
	pbuf_copy_out(pb, 0, dst, len);
	if (pb->csum == PBUF_CSUM_PARTIAL)
		finish_partial(pb, dst, len);
	else if (pb->gso != PBUF_GSO_NONE)
		finish_merged(nic->info.kind, pb, dst, len);
}

uint64_t capture_clock(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* --- the file --- */

/* What does not go into it now goes when it is writable.  An error ends the capture, and is found
 * in its statistics.
 */
static void flush(struct capture *c)
{
	const bool wait = pcapng_flush(c->file) == -EAGAIN;

	if (wait == c->watching)
		return;
	if (wait) {
		c->watching = loop_watch_add(c->w.nic.loop, &c->watch) == 0;
	} else {
		loop_watch_del(c->w.nic.loop, &c->watch);
		c->watching = false;
	}
}

static void on_writable(struct loop_watch *w, uint32_t events)
{
	(void)events; /* an error shows when writing */
	flush(w->arg);
}

static void flush_some(struct capture *c)
{
	if (c->asleep || pcapng_waiting(c->file) >= CAPTURE_FLUSH_AT)
		flush(c);
}

/* --- packets --- */

static unsigned int capture_rx(struct nic *nic, struct pbuf **burst, unsigned int n)
{
	struct capture *c = of_nic(nic);
	const unsigned int got = wrap_rx(&c->w, burst, n);
	const uint64_t now = got ? capture_clock() : 0;

	for (unsigned int i = 0; i < got; i++)
		capture_put(c->file, &c->w.nic, burst[i], now, PCAPNG_IN);
	flush_some(c);
	return got;
}

/* Written down before they are the other's; what that does not take is cut off again. */
static unsigned int send_some(struct capture *c, struct pbuf *const *burst, unsigned int n)
{
	struct pcapng_mark mark[NIC_BURST];
	const uint64_t now = capture_clock();
	unsigned int taken;

	for (unsigned int i = 0; i < n; i++) {
		pcapng_mark(c->file, &mark[i]);
		capture_put(c->file, &c->w.nic, burst[i], now, PCAPNG_OUT);
	}
	taken = wrap_tx(&c->w, burst, n);
	if (taken < n)
		pcapng_cut(c->file, &mark[taken]);
	flush_some(c);
	return taken;
}

static unsigned int capture_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n)
{
	unsigned int done = 0;

	while (done < n) {
		const unsigned int some = n - done < NIC_BURST ? n - done : NIC_BURST;
		const unsigned int taken = send_some(of_nic(nic), burst + done, some);

		done += taken;
		if (taken < some)
			break;
	}
	return done;
}

static bool capture_arm(struct nic *nic)
{
	struct capture *c = of_nic(nic);

	flush(c);
	c->asleep = !wrap_arm(nic);
	return !c->asleep;
}

static void capture_disarm(struct nic *nic)
{
	of_nic(nic)->asleep = false;
	wrap_disarm(nic);
}

static void on_ready(void *arg)
{
	struct capture *c = arg;

	c->asleep = false;
	wrap_ready(&c->w);
}

/* --- life --- */

static void capture_close(struct nic *nic)
{
	struct capture *c = of_nic(nic);

	if (c->watching)
		loop_watch_del(nic->loop, &c->watch);
	nic_close(c->w.below);
	pcapng_close(c->file, CLOSE_MS);
	free(c);
}

static const struct nic_ops capture_ops = {
	.name = "capture",
	.rx = capture_rx,
	.tx = capture_tx,
	.arm = capture_arm,
	.disarm = capture_disarm,
	.stats = wrap_stats,
	.trim = wrap_trim,
	.close = capture_close,
};

int nic_capture_new(struct nic **ret, struct nic *below, const char *file, uint32_t snaplen,
		    struct nerr *err)
{
	const struct pcapng_conf conf = {
		.path = file,
		.ifname = below->info.name,
		.mac = below->info.mac,
		.link = below->info.kind == NIC_ETHERNET ? PCAPNG_ETHERNET : PCAPNG_RAW,
		.snaplen = snaplen,
	};
	struct capture *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return nerr_oom(err);
	r = pcapng_open(&c->file, &conf, err);
	if (r < 0) {
		free(c);
		return r;
	}
	wrap_init(&c->w, &capture_ops, below, on_ready);
	c->watch = (struct loop_watch){
		.fd = pcapng_fd(c->file),
		.events = POLLOUT,
		.ready = on_writable,
		.arg = c,
	};
	*ret = &c->w.nic;
	return 0;
}

int nic_capture_stats(const struct nic *nic, struct nic_capture_stats *ret)
{
	const struct capture *c = (const struct capture *)(const void *)nic;
	struct pcapng_stats stats;

	if (nic->ops != &capture_ops)
		return -EINVAL;
	pcapng_stats(c->file, &stats);
	*ret = (struct nic_capture_stats){
		.packets = stats.packets,
		.bytes = stats.bytes,
		.dropped = stats.dropped,
		.error = stats.error,
	};
	return 0;
}
