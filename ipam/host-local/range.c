/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/str.h"
#include "ipam/host-local/range_priv.h"

/* Network, broadcast, and two addresses in between. */
#define HOST_BITS_MIN 2

#define RANGE_STR_LEN (IPADDR_STR_LEN + IPADDR_STR_LEN)

/* While a range is being completed, a bound that is not set yet does not count.  A bound
 * of the other family is above or below all addresses, as in the reference: that
 * decides which message a mixed range gets.
 */
bool hl_range_contains(const struct hl_range *r, const struct ipaddr *a)
{
	if (!ipnet_contains(&r->subnet, a))
		return false;
	if (ipaddr_is_set(&r->start) && ipaddr_cmp(a, &r->start) < 0)
		return false;
	return !ipaddr_is_set(&r->end) || ipaddr_cmp(a, &r->end) <= 0;
}

static int check_bound(const struct hl_range *r, const char *what, const struct ipaddr *bound,
		       struct nerr *err)
{
	char addr[IPADDR_STR_LEN];
	char net[IPNET_STR_LEN];

	if (hl_range_contains(r, bound))
		return 0;
	return nerr_set(err, -EINVAL, "%s %s not in network %s", what, ipaddr_to_str(bound, addr),
			ipnet_to_str(&r->subnet, net));
}

static int check_subnet(const struct ipnet *subnet, struct nerr *err)
{
	struct ipaddr network = ipnet_network(subnet);
	char addr[IPADDR_STR_LEN];
	char net[IPNET_STR_LEN];

	if (!ipaddr_is_set(&subnet->addr))
		return nerr_set(err, -EINVAL, "a range has no subnet");
	if (subnet->prefix_len > ipaddr_bits(&subnet->addr) - HOST_BITS_MIN)
		return nerr_set(err, -EINVAL, "Network %s too small to allocate from",
				ipnet_to_str(subnet, net));
	if (!ipaddr_eq(&subnet->addr, &network))
		return nerr_set(
			err, -EINVAL,
			"Network has host bits set. For a subnet mask of length %u the network address is %s",
			subnet->prefix_len, ipaddr_to_str(&network, addr));
	return 0;
}

int hl_range_complete(struct hl_range *r, struct nerr *err)
{
	struct ipaddr first;
	int ret;

	ret = check_subnet(&r->subnet, err);
	if (ret < 0)
		return ret;
	first = r->subnet.addr;
	(void)ipaddr_next(&first); /* the subnet has more than one address */
	if (!ipaddr_is_set(&r->gateway))
		r->gateway = first;

	if (ipaddr_is_set(&r->start)) {
		ret = check_bound(r, "RangeStart", &r->start, err);
		if (ret < 0)
			return ret;
	} else {
		r->start = first;
	}

	if (ipaddr_is_set(&r->end)) {
		ret = check_bound(r, "RangeEnd", &r->end, err);
		if (ret < 0)
			return ret;
	} else {
		r->end = ipnet_last(&r->subnet);
		if (r->end.family == AF_INET)
			(void)ipaddr_prev(&r->end); /* that is never 0.0.0.0 */
	}
	return 0;
}

static bool range_overlaps(const struct hl_range *a, const struct hl_range *b)
{
	return hl_range_contains(a, &b->start) || hl_range_contains(a, &b->end) ||
	       hl_range_contains(b, &a->start) || hl_range_contains(b, &a->end);
}

static const char *range_to_str(const struct hl_range *r, char buf[static RANGE_STR_LEN])
{
	char start[IPADDR_STR_LEN];
	char end[IPADDR_STR_LEN];

	(void)snprintf(buf, RANGE_STR_LEN, "%s-%s", ipaddr_to_str(&r->start, start),
		       ipaddr_to_str(&r->end, end)); /* two addresses fit */
	return buf;
}

static int overlap_error(const struct hl_range *a, const struct hl_range *b, struct nerr *err)
{
	char text_a[RANGE_STR_LEN];
	char text_b[RANGE_STR_LEN];

	return nerr_set(err, -EINVAL, "subnets %s and %s overlap", range_to_str(a, text_a),
			range_to_str(b, text_b));
}

int hl_range_set_complete(struct hl_range_set *set, struct nerr *err)
{
	if (set->n == 0)
		return nerr_set(err, -EINVAL, "empty range set");
	for (size_t i = 0; i < set->n; i++) {
		int r = hl_range_complete(&set->v[i], err);

		if (r < 0)
			return r;
		if (set->v[i].start.family != set->v[0].start.family)
			return nerr_set(err, -EINVAL, "mixed address families");
	}
	for (size_t i = 0; i < set->n; i++) {
		for (size_t j = i + 1; j < set->n; j++) {
			if (range_overlaps(&set->v[i], &set->v[j]))
				return overlap_error(&set->v[i], &set->v[j], err);
		}
	}
	return 0;
}

const struct hl_range *hl_range_set_lookup(const struct hl_range_set *set, const struct ipaddr *a)
{
	for (size_t i = 0; i < set->n; i++) {
		if (hl_range_contains(&set->v[i], a))
			return &set->v[i];
	}
	return NULL;
}

bool hl_range_set_overlaps(const struct hl_range_set *a, const struct hl_range_set *b)
{
	for (size_t i = 0; i < a->n; i++) {
		for (size_t j = 0; j < b->n; j++) {
			if (range_overlaps(&a->v[i], &b->v[j]))
				return true;
		}
	}
	return false;
}

void hl_range_set_to_str(const struct hl_range_set *set, struct strbuf *ret)
{
	char text[RANGE_STR_LEN];

	assert(set->n > 0);
	for (size_t i = 0; i < set->n; i++)
		strbuf_addf(ret, "%s%s", i ? "," : "", range_to_str(&set->v[i], text));
}
