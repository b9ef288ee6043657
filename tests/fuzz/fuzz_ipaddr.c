/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_ipaddr.c - any text as an address, a network or a MAC; any bytes as an address
 *
 * Laws: what a parser takes prints as a text that it takes again, as the same
 * value; every address prints as a text that libc reads as that address; a
 * network lies between its ends.
 */
#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/ipaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LAW(holds)                                                                                 \
	do {                                                                                       \
		if (!(holds))                                                                      \
			__builtin_trap();                                                          \
	} while (0)

static void address_reads_back(const struct ipaddr *a)
{
	char text[IPADDR_STR_LEN];
	struct ipaddr back;
	struct ipaddr step = *a;
	uint8_t raw[16];

	LAW(strlen(ipaddr_to_str(a, text)) < sizeof(text));
	LAW(inet_pton(a->family, text, raw) == 1);
	LAW(memcmp(raw, a->bytes, ipaddr_len(a)) == 0);
	LAW(ipaddr_from_str(text, &back) == 0);
	/* A mapped address, which no parser makes, reads back as IPv4. */
	LAW(ipaddr_eq(&back, a) || strncmp(text, "::ffff:", 7) == 0);
	if (ipaddr_next(&step)) {
		LAW(ipaddr_cmp(a, &step) < 0);
		LAW(ipaddr_prev(&step) && ipaddr_eq(a, &step));
	}
}

static void net_reads_back(const struct ipnet *n)
{
	const struct ipaddr first = ipnet_network(n);
	const struct ipaddr last = ipnet_last(n);
	char text[IPNET_STR_LEN];
	struct ipnet back;

	LAW(n->prefix_len <= ipaddr_bits(&n->addr));
	LAW(ipnet_from_str(ipnet_to_str(n, text), &back) == 0);
	LAW(ipnet_eq(n, &back));
	LAW(ipaddr_cmp(&first, &n->addr) <= 0 && ipaddr_cmp(&n->addr, &last) <= 0);
	LAW(ipnet_contains(n, &first) && ipnet_contains(n, &last));
	LAW(ipnet_overlaps(n, &back));
}

static void mac_reads_back(const struct macaddr *m)
{
	char text[MACADDR_STR_LEN];
	struct macaddr back;

	LAW(m->len == 6 || m->len == 8 || m->len == 20);
	LAW(strlen(macaddr_to_str(m, text)) == 3u * m->len - 1);
	LAW(macaddr_from_str(text, &back) == 0);
	LAW(macaddr_eq(m, &back));
}

static void bytes_as_values(const uint8_t *data, size_t size)
{
	struct ipnet n = { .addr.family = AF_INET6 };

	if (size < 17) {
		n.addr.family = AF_INET;
		if (size < 5)
			return;
	}
	memcpy(n.addr.bytes, data + 1, ipaddr_len(&n.addr));
	n.prefix_len = data[0] % (ipaddr_bits(&n.addr) + 1);
	address_reads_back(&n.addr);
	LAW(ipnet_contains(&n, &n.addr));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = malloc(size + 1);
	struct ipaddr a;
	struct ipnet n;
	struct macaddr m;

	LAW(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (ipaddr_from_str(text, &a) == 0)
		address_reads_back(&a);
	if (ipnet_from_str(text, &n) == 0)
		net_reads_back(&n);
	if (macaddr_from_str(text, &m) == 0)
		mac_reads_back(&m);
	bytes_as_values(data, size);
	return 0;
}
