/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * trace_priv.h - between the files of the trace: text, and what protocols have to say
 */
#ifndef NETSTACK_CORE_TRACE_PRIV_H
#define NETSTACK_CORE_TRACE_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "wire/addr.h"

/**
 * struct trace_text - Text that ends where its buffer does
 * @s:		Buffer, ends with a NUL
 * @size:	Of it, not 0
 * @len:	Bytes written
 */
struct trace_text {
	char *s;
	size_t size;
	size_t len;
};

/**
 * struct trace_bytes - The begin of a packet, from some header on
 * @p:		Bytes
 * @len:	How many there are to look at
 * @total:	How many the packet has
 */
struct trace_bytes {
	const uint8_t *p;
	size_t len;
	size_t total;
};

/* What the IP header says to those above it. */
struct trace_ip {
	struct ip6_addr src; /* mapped for IPv4 */
	struct ip6_addr dst;
	uint8_t proto;
	uint8_t hop_limit;
};

void trace_put(struct trace_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void trace_put_ip4(struct trace_text *t, uint32_t addr);
void trace_put_ip6(struct trace_text *t, struct ip6_addr addr);
void trace_put_mac(struct trace_text *t, struct eth_addr mac);

/* An IPv4 or IPv6 packet, by its first byte. */
void trace_put_packet(struct trace_text *t, struct trace_bytes b);

/* Messages; @b is cut to the IP payload. */
void trace_put_icmp4(struct trace_text *t, struct trace_bytes b);
void trace_put_icmp6(struct trace_text *t, struct trace_bytes b, const struct trace_ip *ip);
void trace_put_igmp(struct trace_text *t, struct trace_bytes b);

/* Without addresses, as "Flags [S], seq 1, ..." */
void trace_put_tcp(struct trace_text *t, struct trace_bytes b);

/* @b without its first @n bytes, of which there are so many. */
static inline struct trace_bytes trace_bytes_skip(struct trace_bytes b, size_t n)
{
	return (struct trace_bytes){ b.p + n, b.len - n, b.total - n };
}

/* At most @total bytes of it: what follows is padding. */
static inline struct trace_bytes trace_bytes_cut(struct trace_bytes b, size_t total)
{
	if (b.total > total)
		b.total = total;
	if (b.len > b.total)
		b.len = b.total;
	return b;
}

#endif /* NETSTACK_CORE_TRACE_PRIV_H */
