/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/ipaddr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/str.h"

#define IPV4_LEN      4
#define IPV6_LEN      16
#define IPV6_GROUPS   8
#define V4_MAPPED_LEN 12 /* bytes of ::ffff:0:0/96 */

static const uint8_t v4_mapped[V4_MAPPED_LEN] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool is_v4_mapped(const uint8_t bytes[static IPV6_LEN])
{
	return memcmp(bytes, v4_mapped, sizeof(v4_mapped)) == 0;
}

/* As ipaddr_from_str(), but a mapped address stays IPv6. */
static int ipaddr_from_str_raw(const char *text, struct ipaddr *ret)
{
	struct ipaddr a = { .family = AF_INET };

	/* Both refuse blanks, zone indexes and, for IPv4, leading zeros. */
	if (inet_pton(AF_INET, text, a.bytes) != 1) {
		a.family = AF_INET6;
		if (inet_pton(AF_INET6, text, a.bytes) != 1)
			return -EINVAL;
	}
	*ret = a;
	return 0;
}

static struct ipaddr ipaddr_unmap(const struct ipaddr *mapped)
{
	struct ipaddr a = { .family = AF_INET };

	memcpy(a.bytes, mapped->bytes + V4_MAPPED_LEN, IPV4_LEN);
	return a;
}

int ipaddr_from_str(const char *text, struct ipaddr *ret)
{
	struct ipaddr a;
	int r = ipaddr_from_str_raw(text, &a);

	if (r < 0)
		return r;
	*ret = a.family == AF_INET6 && is_v4_mapped(a.bytes) ? ipaddr_unmap(&a) : a;
	return 0;
}

static void ipv4_to_str(const uint8_t b[static IPV4_LEN], char *buf, size_t size)
{
	(void)snprintf(buf, size, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
}

/* First longest run of two or more zero groups; *@ret_len is 0 if there is none. */
static unsigned ipv6_zero_run(const uint16_t group[static IPV6_GROUPS], unsigned *ret_len)
{
	unsigned best = 0;
	unsigned best_len = 0;
	unsigned len = 0;

	for (unsigned i = 0; i < IPV6_GROUPS; i++) {
		len = group[i] ? 0 : len + 1;
		if (len > best_len) {
			best_len = len;
			best = i + 1 - len;
		}
	}
	*ret_len = best_len >= 2 ? best_len : 0;
	return best;
}

/* inet_ntop() would print ::a.b.c.d for any address below 2^32, where RFC 5952
 * section 5 has dotted quads only after a known prefix, as the reference suite.
 */
static void ipv6_to_str(const uint8_t b[static IPV6_LEN], char *buf, size_t size)
{
	uint16_t group[IPV6_GROUPS];
	unsigned run_len;
	unsigned run;
	size_t used = 0;

	for (size_t i = 0; i < IPV6_GROUPS; i++)
		group[i] = (uint16_t)(b[2 * i] << 8 | b[2 * i + 1]);
	run = ipv6_zero_run(group, &run_len);
	for (unsigned i = 0; i < IPV6_GROUPS; i++) {
		const char *sep = i == 0 || (run_len && i == run + run_len) ? "" : ":";

		if (run_len && i == run) {
			used += (size_t)snprintf(buf + used, size - used, "::");
			i += run_len - 1;
			continue;
		}
		used += (size_t)snprintf(buf + used, size - used, "%s%x", sep, group[i]);
	}
	assert(used < size);
}

const char *ipaddr_to_str(const struct ipaddr *a, char buf[static IPADDR_STR_LEN])
{
	buf[0] = '\0';
	if (a->family == AF_INET) {
		ipv4_to_str(a->bytes, buf, IPADDR_STR_LEN);
	} else if (a->family == AF_INET6 && is_v4_mapped(a->bytes)) {
		memcpy(buf, "::ffff:", sizeof("::ffff:"));
		ipv4_to_str(a->bytes + V4_MAPPED_LEN, buf + 7, IPADDR_STR_LEN - 7);
	} else if (a->family == AF_INET6) {
		ipv6_to_str(a->bytes, buf, IPADDR_STR_LEN);
	}
	return buf;
}

int ipnet_from_str(const char *text, struct ipnet *ret)
{
	char addr[IPADDR_STR_LEN];
	const char *slash = strchr(text, '/');
	struct ipnet n;
	uint32_t prefix_len;

	if (!slash || (size_t)(slash - text) >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, (size_t)(slash - text));
	addr[slash - text] = '\0';
	if (ipaddr_from_str_raw(addr, &n.addr) < 0)
		return -EINVAL;
	if (parse_u32(slash + 1, 0, ipaddr_bits(&n.addr), &prefix_len) < 0)
		return -EINVAL;
	if (n.addr.family == AF_INET6 && is_v4_mapped(n.addr.bytes)) {
		/* A shorter prefix holds more than mapped addresses. */
		if (prefix_len < 8 * V4_MAPPED_LEN)
			return -EINVAL;
		n.addr = ipaddr_unmap(&n.addr);
		prefix_len -= 8 * V4_MAPPED_LEN;
	}
	n.prefix_len = (uint8_t)prefix_len;
	*ret = n;
	return 0;
}

const char *ipnet_to_str(const struct ipnet *n, char buf[static IPNET_STR_LEN])
{
	size_t used;

	(void)ipaddr_to_str(&n->addr, buf);
	if (!ipaddr_is_set(&n->addr))
		return buf;
	used = strlen(buf);
	(void)snprintf(buf + used, IPNET_STR_LEN - used, "/%u", n->prefix_len);
	return buf;
}

size_t ipaddr_len(const struct ipaddr *a)
{
	if (a->family == AF_INET)
		return IPV4_LEN;
	return a->family == AF_INET6 ? IPV6_LEN : 0;
}

uint8_t ipaddr_bits(const struct ipaddr *a)
{
	return (uint8_t)(8 * ipaddr_len(a));
}

bool ipaddr_is_set(const struct ipaddr *a)
{
	return a->family != AF_UNSPEC;
}

bool ipaddr_eq(const struct ipaddr *a, const struct ipaddr *b)
{
	return ipaddr_cmp(a, b) == 0;
}

int ipaddr_cmp(const struct ipaddr *a, const struct ipaddr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, ipaddr_len(a));
}

bool ipaddr_next(struct ipaddr *a)
{
	struct ipaddr n = *a;

	for (size_t i = ipaddr_len(a); i-- > 0;) {
		if (++n.bytes[i] != 0) {
			*a = n;
			return true;
		}
	}
	return false;
}

bool ipaddr_prev(struct ipaddr *a)
{
	struct ipaddr n = *a;

	for (size_t i = ipaddr_len(a); i-- > 0;) {
		if (n.bytes[i]-- != 0) {
			*a = n;
			return true;
		}
	}
	return false;
}

bool ipaddr_is_unspecified(const struct ipaddr *a)
{
	static const uint8_t zero[IPV6_LEN];

	return ipaddr_is_set(a) && memcmp(a->bytes, zero, ipaddr_len(a)) == 0;
}

bool ipaddr_is_loopback(const struct ipaddr *a)
{
	static const uint8_t loopback6[IPV6_LEN] = { [15] = 1 };

	if (a->family == AF_INET)
		return a->bytes[0] == 127;
	return a->family == AF_INET6 && memcmp(a->bytes, loopback6, IPV6_LEN) == 0;
}

bool ipaddr_is_multicast(const struct ipaddr *a)
{
	if (a->family == AF_INET)
		return (a->bytes[0] & 0xf0) == 0xe0;
	return a->family == AF_INET6 && a->bytes[0] == 0xff;
}

bool ipaddr_is_link_local(const struct ipaddr *a)
{
	if (a->family == AF_INET)
		return a->bytes[0] == 169 && a->bytes[1] == 254;
	return a->family == AF_INET6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

struct ipaddr ipnet_mask(const struct ipnet *n)
{
	struct ipaddr m = { .family = n->addr.family };

	assert(n->prefix_len <= ipaddr_bits(&n->addr));
	memset(m.bytes, 0xff, n->prefix_len / 8);
	if (n->prefix_len % 8)
		m.bytes[n->prefix_len / 8] = (uint8_t)(0xff00 >> n->prefix_len % 8);
	return m;
}

struct ipaddr ipnet_network(const struct ipnet *n)
{
	const struct ipaddr mask = ipnet_mask(n);
	struct ipaddr a = n->addr;

	for (size_t i = 0; i < ipaddr_len(&a); i++)
		a.bytes[i] &= mask.bytes[i];
	return a;
}

struct ipaddr ipnet_last(const struct ipnet *n)
{
	const struct ipaddr mask = ipnet_mask(n);
	struct ipaddr a = n->addr;

	for (size_t i = 0; i < ipaddr_len(&a); i++)
		a.bytes[i] |= (uint8_t)~mask.bytes[i];
	return a;
}

bool ipnet_contains(const struct ipnet *n, const struct ipaddr *a)
{
	const struct ipaddr mask = ipnet_mask(n);

	if (!ipaddr_is_set(a) || n->addr.family != a->family)
		return false;
	for (size_t i = 0; i < ipaddr_len(a); i++)
		if ((n->addr.bytes[i] ^ a->bytes[i]) & mask.bytes[i])
			return false;
	return true;
}

bool ipnet_overlaps(const struct ipnet *a, const struct ipnet *b)
{
	return a->prefix_len <= b->prefix_len ? ipnet_contains(a, &b->addr)
					      : ipnet_contains(b, &a->addr);
}

bool ipnet_eq(const struct ipnet *a, const struct ipnet *b)
{
	return a->prefix_len == b->prefix_len && ipaddr_eq(&a->addr, &b->addr);
}

bool ipnet_is_default(const struct ipnet *n)
{
	return n->prefix_len == 0 && ipaddr_is_unspecified(&n->addr);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Bytes of a MAC text of @len characters: groups of @group bytes, 0 if no such length. */
static size_t macaddr_text_bytes(size_t len, size_t group)
{
	const size_t width = 2 * group + 1; /* of a group with its separator */
	const size_t n = (len + 1) / width * group;

	if ((len + 1) % width || (n != 6 && n != 8 && n != 20))
		return 0;
	return n;
}

int macaddr_from_str(const char *text, struct macaddr *ret)
{
	const size_t len = strnlen(text, MACADDR_STR_LEN);
	struct macaddr m = { .len = 0 };
	const char *p = text;
	size_t group = 2;
	char sep = '.';
	size_t n;

	if (len < 5)
		return -EINVAL;
	if (text[2] == ':' || text[2] == '-') {
		group = 1;
		sep = text[2];
	}
	n = macaddr_text_bytes(len, group);
	for (size_t i = 0; i < n; i++) {
		int hi;
		int lo;

		if (i && i % group == 0 && *p++ != sep)
			return -EINVAL;
		hi = hex_digit(p[0]);
		lo = hi < 0 ? -1 : hex_digit(p[1]);
		if (lo < 0)
			return -EINVAL;
		m.bytes[i] = (uint8_t)(hi << 4 | lo);
		p += 2;
	}
	if (n == 0)
		return -EINVAL;
	m.len = (uint8_t)n;
	*ret = m;
	return 0;
}

const char *macaddr_to_str(const struct macaddr *m, char buf[static MACADDR_STR_LEN])
{
	size_t used = 0;

	assert(m->len <= MACADDR_LEN_MAX);
	buf[0] = '\0';
	for (size_t i = 0; i < m->len; i++)
		used += (size_t)snprintf(buf + used, MACADDR_STR_LEN - used, "%s%02x", i ? ":" : "",
					 m->bytes[i]);
	return buf;
}

bool macaddr_eq(const struct macaddr *a, const struct macaddr *b)
{
	assert(a->len <= MACADDR_LEN_MAX && b->len <= MACADDR_LEN_MAX);
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}
