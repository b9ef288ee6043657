/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * changes.h - lines for ip -batch that change v0 and its surroundings at random
 *
 * v0 and v1 are a pair, w0 is another interface that is up.  Many of the lines are refused.
 */
#ifndef TESTS_UNIT_FOLLOW_CHANGES_H
#define TESTS_UNIT_FOLLOW_CHANGES_H

#include "tests/unit/netns_fixture.h"

static uint64_t chance;

static uint32_t below(uint32_t n)
{
	chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(chance >> 33) % n;
}

static const char *pick(const char *const *of, uint32_t n)
{
	return of[below(n)];
}

#define PICK(...)                                                                                  \
	pick((const char *const[]){ __VA_ARGS__ },                                                 \
	     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

static void addr_line(FILE *to)
{
	const char *dev = PICK("v0", "v0", "v0", "w0");

	if (below(10) == 0)
		(void)fprintf(to, "addr flush dev %s scope global\n", dev);
	else if (below(2))
		(void)fprintf(to, "addr %s 10.0.%u.%u/%s dev %s%s\n", PICK("add", "add", "del"),
			      below(2), 1 + below(3), PICK("24", "16", "32"), dev,
			      below(4) ? "" : " noprefixroute");
	else
		(void)fprintf(to, "addr %s fd00:%u::%u/%s dev %s %s\n",
			      PICK("add", "add", "replace", "del"), below(2), 1 + below(3),
			      PICK("64", "128"), dev,
			      PICK("nodad", "nodad", "", "preferred_lft 0 valid_lft 900 nodad"));
}

static void route_line(FILE *to)
{
	const char *verb = PICK("add", "append", "prepend", "replace", "del", "del");
	char way[128], dst[64], src[64] = "";

	if (below(2)) {
		(void)snprintf(dst, sizeof(dst), "20.%u.0.0/16", below(3));
		switch (below(6)) {
		case 0:
			(void)snprintf(way, sizeof(way), "dev %s", PICK("v0", "w0"));
			break;
		case 1:
			(void)snprintf(
				way, sizeof(way),
				"nexthop via 10.0.0.9 dev %s onlink nexthop via 10.0.0.8 dev v0 "
				"onlink",
				PICK("v0", "w0"));
			break;
		case 2:
			(void)snprintf(way, sizeof(way), "nhid %u", 1 + below(3));
			break;
		default:
			(void)snprintf(way, sizeof(way), "via 10.0.0.%u dev %s onlink",
				       10 + below(2), PICK("v0", "v0", "w0"));
		}
		if (!below(3))
			(void)snprintf(src, sizeof(src), "src 10.0.%u.%u", below(2), 1 + below(3));
	} else {
		(void)snprintf(dst, sizeof(dst), "fd20:%u::/64", below(3));
		if (below(5))
			(void)snprintf(way, sizeof(way), "via fe80::%u dev %s", 10 + below(2),
				       PICK("v0", "v0", "w0"));
		else
			(void)snprintf(way, sizeof(way),
				       "nexthop via fe80::9 dev v0 nexthop via fe80::8 dev %s",
				       PICK("v0", "w0"));
		if (!below(3))
			(void)snprintf(src, sizeof(src), "src fd00:%u::%u", below(2), 1 + below(3));
	}
	if (!below(8))
		(void)fprintf(to, "route %s %s %s metric %u\n", verb,
			      PICK("blackhole", "unreachable", "prohibit"), dst, below(2));
	else
		(void)fprintf(to, "route %s %s %s %s metric %u%s\n", verb, dst, way, src, below(2),
			      below(5) ? "" : " mtu 1300");
}

static void link_line(FILE *to)
{
	const char *dev = PICK("v0", "v0", "v1", "w0");

	switch (below(8)) {
	case 0:
		(void)fprintf(to, "link set %s down\n", dev);
		break;
	case 1:
	case 2:
		(void)fprintf(to, "link set %s up\n", dev);
		break;
	case 3:
		(void)fprintf(to, "link set %s mtu %u\n", dev, 1300 + below(3));
		break;
	case 4:
		(void)fprintf(to, "link set %s address 02:00:00:00:01:0%u\n", dev, below(4));
		break;
	case 5:
		(void)fprintf(to, "link set v0 down\nlink set v0 name x0\nlink set x0 up\n");
		(void)fprintf(to, "link set x0 name v0\n");
		break;
	default:
		if (below(2))
			(void)fprintf(to, "link del v0\n");
		(void)fprintf(to, "link add v0 type veth peer name v1\n");
		(void)fprintf(to, "link set v0 up\nlink set v1 up\n");
	}
}

static void change_line(FILE *to)
{
	switch (below(10)) {
	case 0:
		link_line(to);
		break;
	case 1:
	case 2:
		addr_line(to);
		break;
	case 3:
		(void)fprintf(to, "neigh %s 10.0.0.%u lladdr 02:00:00:00:00:%02u dev v0 nud %s\n",
			      PICK("replace", "add", "del"), 20 + below(3), below(3),
			      PICK("permanent", "permanent", "stale", "noarp"));
		break;
	case 4:
		(void)fprintf(to, "nexthop %s id %u via 10.0.0.%u dev %s onlink\n",
			      PICK("add", "replace", "del"), 1 + below(2), 20 + below(3),
			      PICK("v0", "w0"));
		if (!below(3))
			(void)fprintf(to, "nexthop replace id 3 group 1/2\n");
		break;
	default:
		route_line(to);
	}
}

/* Up to @n_max of them, which are run. */
FIXTURE void random_changes(unsigned int n_max)
{
	static char said[65536];
	char path[64];
	FILE *to;

	(void)snprintf(path, sizeof(path), "/tmp/follow-changes.%d", getpid());
	to = fopen(path, "we");
	assert_non_null(to);
	for (unsigned int n = 1 + below(n_max); n; n--)
		change_line(to);
	assert_int_equal(fclose(to), 0);
	(void)run_program(RUN_ARGS("ip", "-force", "-batch", path), said, sizeof(said));
	(void)unlink(path);
}

/* SEED of the environment, or 1. */
FIXTURE void random_seed(void)
{
	const char *seed = getenv("SEED");

	chance = seed ? strtoull(seed, NULL, 10) : 1;
}

#endif /* TESTS_UNIT_FOLLOW_CHANGES_H */
