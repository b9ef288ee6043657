/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * wire_bench.c - what the bytes of lib/wire cost
 *
 * Checksums beside a loop over 16-bit words and beside libc's memcpy, in bytes per CPU time;
 * then parsers in nanoseconds, alone.  Each figure is the best of many short runs, the sides
 * in turns, for other work on the machine can only make one slower.  Results go to
 * standard output, one JSON object a line.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "tests/unit/wire/frames.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/l4.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"
#include "wire/vnet_hdr.h"

#define BUF_LEN   (1 << 20)
#define ROUNDS    25
#define RUN_BYTES 4000000
#define RUN_CALLS 200000

static uint8_t *src, *dst;

/* What a result goes to, for nobody to find it unused. */
static volatile uint64_t sink;

static double cpu_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) < 0)
		abort();
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* --- bytes per time --- */

/* RFC 1071, 4.1; the compiler is kept from making vectors of it, which it does at -O3. */
static uint64_t words(size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2) {
		sum += get_be16(src + i);
		__asm__ volatile("" : "+r"(sum));
	}
	return sum;
}

static uint64_t copy(size_t len)
{
	memcpy(dst, src, len);
	__asm__ volatile("" : : "r"(dst) : "memory");
	return 0;
}

static uint64_t copy_then_sum(size_t len)
{
	(void)copy(len);
	return csum_bytes(dst, len);
}

static uint64_t sum(size_t len)
{
	return csum_bytes(src, len);
}

static uint64_t sum_and_copy(size_t len)
{
	return csum_copy(dst, src, len);
}

static double bytes_per_ns(uint64_t (*run)(size_t len), size_t len)
{
	const size_t n = RUN_BYTES / len + 1;
	const double start = cpu_ns();

	for (size_t i = 0; i < n; i++)
		sink += run(len);
	return (double)(n * len) / (cpu_ns() - start);
}

static void against(const char *what, const char *peer_name, uint64_t (*ours)(size_t len),
		    uint64_t (*peer)(size_t len), size_t len)
{
	double best[2] = { 0, 0 };

	for (int i = 0; i < ROUNDS; i++) {
		const double a = bytes_per_ns(ours, len), b = bytes_per_ns(peer, len);

		best[0] = a > best[0] ? a : best[0];
		best[1] = b > best[1] ? b : best[1];
	}
	printf("{\"bench\":\"wire-%s-%zu\",\"ours\":%.1f,\"peer\":%.1f,\"unit\":\"GB/s\","
	       "\"peer-is\":\"%s\"}\n",
	       what, len, best[0], best[1], peer_name);
}

/* --- time per call --- */

static void parse_all(void)
{
	const uint8_t *p = frame_tcp4_ack;
	struct tcp_options_repr opts;
	struct ipv4_repr ip;
	struct tcp_repr tcp;
	struct eth_repr eth;

	__asm__ volatile("" : "+r"(p) : : "memory");
	if (eth_parse(p, sizeof(frame_tcp4_ack), &eth) < 0 ||
	    ipv4_parse(p + 14, sizeof(frame_tcp4_ack) - 14, &ip) < 0 || !ipv4_csum_ok(p + 14, 20) ||
	    tcp_parse(p + 34, ip.payload_len, &tcp) < 0)
		abort();
	sink += (uint64_t)tcp_options_parse(p + 54, tcp.opts_len, &opts);
	sink += ip.src + ip.dst + tcp.seq.v + tcp.ack.v + tcp.flags + tcp.wnd + opts.ts_val +
		opts.ts_ecr;
}

static void parse_syn_options(void)
{
	struct tcp_options_repr opts;

	sink += (uint64_t)tcp_options_parse(frame_tcp4_syn + 54, 20, &opts);
	sink += opts.mss;
}

static void find_transport(void)
{
	struct l4_repr l4;

	sink += (uint64_t)l4_find(frame_tcp4_ack, sizeof(frame_tcp4_ack), &l4);
}

static void check_vnet_hdr(void)
{
	struct vnet_hdr_repr h;
	struct vnet_frame f;

	if (vnet_hdr_parse(frame_vnet_tcp4_syn, sizeof(frame_vnet_tcp4_syn), &h) < 0)
		abort();
	sink += (uint64_t)vnet_hdr_check(&h, frame_vnet_tcp4_syn + VNET_HDR_LEN,
					 sizeof(frame_vnet_tcp4_syn) - VNET_HDR_LEN, &f);
}

static void ns_per_call(const char *what, void (*run)(void))
{
	double best = 1e9;

	for (int i = 0; i < ROUNDS; i++) {
		const double start = cpu_ns();
		double ns;

		for (size_t k = 0; k < RUN_CALLS; k++)
			run();
		ns = (cpu_ns() - start) / RUN_CALLS;
		best = ns < best ? ns : best;
	}
	printf("{\"bench\":\"wire-%s\",\"ours\":%.1f,\"unit\":\"ns\"}\n", what, best);
}

int main(void)
{
	static const size_t len[] = { 64, 1460, 9000, 65536, BUF_LEN - 64 };

	src = aligned_alloc(64, BUF_LEN);
	dst = aligned_alloc(64, BUF_LEN);
	if (!src || !dst)
		abort();
	for (size_t i = 0; i < BUF_LEN; i++)
		src[i] = (uint8_t)(i * 2654435761U >> 13);
	memset(dst, 0, BUF_LEN);

	for (size_t i = 0; i < ARRAY_SIZE(len); i++) {
		against("csum", "a loop over words", sum, words, len[i]);
		against("csum", "memcpy", sum, copy, len[i]);
		against("csum-copy", "memcpy, then csum", sum_and_copy, copy_then_sum, len[i]);
	}
	ns_per_call("parse-eth-ipv4-tcp-ts", parse_all);
	ns_per_call("parse-syn-options", parse_syn_options);
	ns_per_call("l4-find", find_transport);
	ns_per_call("vnet-hdr", check_vnet_hdr);
	free(src);
	free(dst);
	return 0;
}
