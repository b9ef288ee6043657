/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any frame through the wrappers of a nic, in and out again: faults, which cut, copy and change
 * it, a count and a capture, which read it.  What comes out is counted and captured as often as
 * it is seen, a frame to be cut has become segments, and nothing is left of it.
 *
 * An input is: what begins with the IP header (1), what is known of the checksum (2, 4), what it
 * is to be cut as (8, 16), faults (32, 64); size of the segments; offset of the transport header;
 * linear bytes; the frame.
 */
#include <fcntl.h>
#include <unistd.h>

#include "nic/wrappers.h"
#include "tests/fuzz/netstack_core.h"
#include "wire/tcp.h"

/* The nic below them: it gives a frame once, and loses what it takes. */
struct source {
	struct nic nic;
	struct pbuf *pb;
};

static unsigned int source_rx(struct nic *nic, struct pbuf **burst, unsigned int n)
{
	struct source *s = (struct source *)(void *)nic;

	if (!n || !s->pb)
		return 0;
	burst[0] = s->pb;
	s->pb = NULL;
	return 1;
}

static unsigned int source_tx(struct nic *nic, struct pbuf *const *burst, unsigned int n)
{
	(void)nic; /* nothing is kept */
	for (unsigned int i = 0; i < n; i++)
		pbuf_free(burst[i]);
	return n;
}

static bool source_arm(struct nic *nic)
{
	(void)nic; /* has no interrupts */
	return false;
}

static void source_disarm(struct nic *nic)
{
	(void)nic; /* nor here */
}

static void source_close(struct nic *nic)
{
	(void)nic; /* is static */
}

static const struct nic_ops source_ops = {
	.name = "source",
	.rx = source_rx,
	.tx = source_tx,
	.arm = source_arm,
	.disarm = source_disarm,
	.close = source_close,
};

/**
 * struct chain - Wrappers with certain faults
 * @ppm:	Of duplicates, of corruption: all or nothing, so that an input does the same again
 */
struct chain {
	uint32_t ppm[2];
	struct source source;
	struct nic *count, *capture;
};

static struct chain chains[] = {
	{ .ppm = { 0, 0 } },
	{ .ppm = { 1000000, 0 } },
	{ .ppm = { 0, 1000000 } },
	{ .ppm = { 1000000, 1000000 } },
};

/* Once: a capture has a buffer that is long. */
static struct chain *get_chain(unsigned int i)
{
	struct chain *ch = &chains[i];
	const struct nic_fault_conf conf = { .dup_ppm = ch->ppm[0], .corrupt_ppm = ch->ppm[1] };
	struct loop *loop;
	struct nic *fault;

	if (ch->capture)
		return ch;
	LAW(loop_new(&loop, LOOP_EPOLL, NULL) == 0);
	ch->source.nic = (struct nic){ .ops = &source_ops, .loop = loop };
	LAW(nic_fault_new(&fault, &ch->source.nic, &conf, NULL) == 0);
	LAW(nic_count_new(&ch->count, fault, NULL) == 0);
	LAW(nic_capture_new(&ch->capture, ch->count, "/dev/null", 0, NULL) == 0);
	return ch;
}

/* As a driver leaves it: marks that are promised are in the linear part. */
static struct pbuf *make_frame(struct core *c, struct fuzz_in *in, uint8_t kind)
{
	const uint16_t gso_size = fuzz_u16(in);
	const uint8_t l4 = fuzz_u8(in);
	const uint16_t linear = fuzz_u16(in);
	struct pbuf *pb;

	if (in->len > UINT16_MAX)
		in->len = UINT16_MAX;
	pb = fuzz_packet(c, in->p, in->len, linear);
	pb->csum = kind >> 1 & 3;
	pb->csum_offset = TCP_CSUM_OFFSET;
	pb->gso = kind >> 3 & 3;
	pb->gso_size = pb->gso ? gso_size : 0;
	if (pb->csum > PBUF_CSUM_PARTIAL)
		pb->csum = PBUF_CSUM_VALID;
	if (l4 + TCP_CSUM_OFFSET + 2U <= pb->linear)
		pb->l4 = (uint16_t)(pbuf_headroom(pb) + l4);
	else if (pb->csum == PBUF_CSUM_PARTIAL)
		pb->csum = PBUF_CSUM_NONE;
	return pb;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nic_capture_stats before, after;
	struct nic_count rx, tx, rx2, tx2;
	struct fuzz_in in = { data, size };
	const uint8_t kind = fuzz_u8(&in);
	struct chain *ch = get_chain(kind >> 5 & 3);
	struct pbuf *burst[NIC_BURST];
	uint64_t seen = 0;
	unsigned int n;
	struct core c;

	fuzz_core_init(&c);
	ch->source.nic.info.kind = kind & 1 ? NIC_IP : NIC_ETHERNET;
	LAW(!ch->capture->ops->arm(ch->capture)); /* it is shown now */
	ch->source.pb = make_frame(&c, &in, kind);
	nic_count_get(ch->count, &rx, &tx);
	LAW(nic_capture_stats(ch->capture, &before) == 0);
	while ((n = nic_rx(ch->capture, burst, NIC_BURST))) {
		for (unsigned int i = 0; i < n; i++)
			LAW(burst[i]->gso == PBUF_GSO_NONE);
		seen += n;
		LAW(nic_tx(ch->capture, burst, n) == n);
	}
	nic_count_get(ch->count, &rx2, &tx2);
	LAW(nic_capture_stats(ch->capture, &after) == 0);
	LAW(rx2.packets - rx.packets == seen && tx2.packets - tx.packets == seen);
	LAW(rx2.bytes - rx.bytes == tx2.bytes - tx.bytes);
	LAW(after.packets - before.packets == 2 * seen && after.dropped == before.dropped);
	LAW(after.bytes - before.bytes == 2 * (rx2.bytes - rx.bytes));
	fuzz_core_done(&c);
	return 0;
}
