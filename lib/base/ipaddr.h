/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ipaddr.h - IP addresses, networks and MAC addresses as values
 *
 * Text forms: IPv4 dotted quad without leading zeros, IPv6 RFC 4291 on input
 * and RFC 5952 on output.  An IPv4-mapped IPv6 address (::ffff:a.b.c.d) becomes
 * IPv4 when parsed, as the CNI reference suite has it.  No zone indexes.
 */
#ifndef BASE_IPADDR_H
#define BASE_IPADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest text forms with their NUL. */
#define IPADDR_STR_LEN  46
#define IPNET_STR_LEN   50
#define MACADDR_STR_LEN 60 /* 20 bytes, the longest (InfiniBand) */
#define MACADDR_LEN_MAX 20

/**
 * struct ipaddr - An IPv4 or IPv6 address, or none
 * @family:	AF_INET, AF_INET6, or 0 (AF_UNSPEC) for "no address"
 * @bytes:	Network order; IPv4 uses the first four, the rest is zero
 */
struct ipaddr {
	uint8_t family;
	uint8_t bytes[16];
};

/* An address with its prefix length; host bits are kept. */
struct ipnet {
	struct ipaddr addr;
	uint8_t prefix_len;
};

struct macaddr {
	uint8_t len; /* 0 for "none", else 6, 8 or 20 */
	uint8_t bytes[MACADDR_LEN_MAX];
};

/* 0 or -EINVAL; "" is -EINVAL too. */
int ipaddr_from_str(const char *text, struct ipaddr *ret);
/* @buf gets the text, "" for no address. Return: @buf */
const char *ipaddr_to_str(const struct ipaddr *a, char buf[static IPADDR_STR_LEN]);
/* "10.1.2.3/24". 0 or -EINVAL. Mapped: "::ffff:10.1.2.3/120" is that, too. */
int ipnet_from_str(const char *text, struct ipnet *ret);
const char *ipnet_to_str(const struct ipnet *n, char buf[static IPNET_STR_LEN]);

/* 4 or 16, 0 for no address. */
size_t ipaddr_len(const struct ipaddr *a);
/* 32 or 128. */
uint8_t ipaddr_bits(const struct ipaddr *a);
bool ipaddr_is_set(const struct ipaddr *a);
bool ipaddr_eq(const struct ipaddr *a, const struct ipaddr *b);
/* By family, then by value: < 0, 0, > 0. */
int ipaddr_cmp(const struct ipaddr *a, const struct ipaddr *b);
/* The address after (before) @a; false when that would wrap, @a unchanged. */
bool ipaddr_next(struct ipaddr *a);
bool ipaddr_prev(struct ipaddr *a);
bool ipaddr_is_unspecified(const struct ipaddr *a);
bool ipaddr_is_loopback(const struct ipaddr *a);
bool ipaddr_is_multicast(const struct ipaddr *a);
bool ipaddr_is_link_local(const struct ipaddr *a);

/* Address with all host bits zero (one). */
struct ipaddr ipnet_network(const struct ipnet *n);
struct ipaddr ipnet_last(const struct ipnet *n);
/* Network mask, e.g. 255.255.255.0. */
struct ipaddr ipnet_mask(const struct ipnet *n);
bool ipnet_contains(const struct ipnet *n, const struct ipaddr *a);
/* One contains the other's network. */
bool ipnet_overlaps(const struct ipnet *a, const struct ipnet *b);
bool ipnet_eq(const struct ipnet *a, const struct ipnet *b);
/* prefix_len 0 and unspecified network: a default route's destination. */
bool ipnet_is_default(const struct ipnet *n);

/* 6, 8 or 20 bytes, separated by ':' or '-' (two digits) or '.' (four). 0 or -EINVAL. */
int macaddr_from_str(const char *text, struct macaddr *ret);
/* Lower case with colons; "" for none. */
const char *macaddr_to_str(const struct macaddr *m, char buf[static MACADDR_STR_LEN]);
bool macaddr_eq(const struct macaddr *a, const struct macaddr *b);

#endif /* BASE_IPADDR_H */
