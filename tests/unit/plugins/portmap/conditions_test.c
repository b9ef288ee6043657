/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "plugins/portmap/conditions_priv.h"

#define ARGS_MAX 24

/* The conditions as text: "saddr!=10.0.0.0/8; iifname=eth0". */
static const char *render(const struct conditions *conds)
{
	static const char *const kind[] = {
		[CONDITION_SADDR] = "saddr",     [CONDITION_DADDR] = "daddr",
		[CONDITION_IIFNAME] = "iifname", [CONDITION_OIFNAME] = "oifname",
		[CONDITION_MARK] = "mark",
	};
	static char text[1024];
	char net[IPNET_STR_LEN];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < conds->n; i++) {
		const struct condition *c = &conds->v[i];

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s",
					 used ? "; " : "", kind[c->kind], c->neq ? "!=" : "=");
		if (c->kind == CONDITION_SADDR || c->kind == CONDITION_DADDR)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
						 ipnet_to_str(&c->net, net));
		else if (c->kind == CONDITION_MARK)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%x/%x", c->mark,
						 c->mask);
		else
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", c->ifname);
	}
	return text;
}

static int parse(uint8_t family, const char *const *args, struct conditions *ret, struct nerr *err)
{
	struct json_strings list = { .n = 0 };
	const char *v[ARGS_MAX];

	list.v = v;
	while (args[list.n]) {
		v[list.n] = args[list.n];
		list.n++;
	}
	return conditions_parse(family == AF_INET ? "conditionsV4" : "conditionsV6", family, &list,
				ret, err);
}

struct understood {
	const char *args[ARGS_MAX];
	uint8_t family;
	const char *text;
};

static void forms_of_both_tools_are_understood(void **state)
{
	static const struct understood table[] = {
		{ { NULL }, AF_INET, "" },
		{ { "", " " }, AF_INET, "" },
		/* iptables */
		{ { "-s", "10.1.2.3" }, AF_INET, "saddr=10.1.2.3/32" },
		{ { "!", "-d", "192.168.0.0/16" }, AF_INET, "daddr!=192.168.0.0/16" },
		{ { "! -d 192.168.0.0/16" }, AF_INET, "daddr!=192.168.0.0/16" },
		{ { "-d", "10.1.2.3/8" }, AF_INET, "daddr=10.0.0.0/8" },
		{ { "--source", "10.0.0.1", "--dst", "10.0.0.2" },
		  AF_INET,
		  "saddr=10.0.0.1/32; daddr=10.0.0.2/32" },
		{ { "--src", "fd00::1", "!", "--destination", "fd01::/16" },
		  AF_INET6,
		  "saddr=fd00::1/128; daddr!=fd01::/16" },
		{ { "-i", "eth0", "!", "-i", "lo" }, AF_INET, "iifname=eth0; iifname!=lo" },
		{ { "!", "--in-interface", "br+" }, AF_INET, "iifname!=br*" },
		{ { "-o", "lo", "--out-interface", "l+" }, AF_INET6, "oifname=lo; oifname=l*" },
		{ { "-i", "fifteen-letters" }, AF_INET, "iifname=fifteen-letters" },
		{ { "-m", "mark", "--mark", "0x10" }, AF_INET, "mark=10/ffffffff" },
		{ { "--match", "mark", "--mark", "16/0xf0" }, AF_INET, "mark=10/f0" },
		{ { "-m", "addrtype", "--dst-type", "local" }, AF_INET, "" },
		{ { "-s", "0.0.0.0/0", "-i", "eth0" }, AF_INET, "iifname=eth0" },
		/* nft */
		{ { "ip", "saddr", "10.1.2.3" }, AF_INET, "saddr=10.1.2.3/32" },
		{ { "ip saddr == 10.1.2.3" }, AF_INET, "saddr=10.1.2.3/32" },
		{ { "ip", "daddr", "!=", "192.168.0.0/16" }, AF_INET, "daddr!=192.168.0.0/16" },
		{ { "ip6 saddr fd00::/8 ip6 daddr ne fd01::1" },
		  AF_INET6,
		  "saddr=fd00::/8; daddr!=fd01::1/128" },
		{ { "iifname", "eth0" }, AF_INET, "iifname=eth0" },
		{ { "iifname", "!=", "\"eth0\"" }, AF_INET, "iifname!=eth0" },
		{ { "meta oifname \"br*\"" }, AF_INET, "oifname=br*" },
		{ { "meta", "mark", "0x2000" }, AF_INET, "mark=2000/ffffffff" },
		{ { "mark == 8192" }, AF_INET, "mark=2000/ffffffff" },
		{ { "meta mark and 0x2000 == 0x2000" }, AF_INET, "mark=2000/2000" },
		{ { "meta mark & 0xff == 0x1 iifname eth0" }, AF_INET, "mark=1/ff; iifname=eth0" },
		{ { "fib daddr type local ip saddr 10.0.0.1" }, AF_INET, "saddr=10.0.0.1/32" },
		{ { "ip6 saddr ::/0" }, AF_INET6, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct conditions conds;
		struct nerr err = NERR_INIT;

		assert_int_equal(parse(table[i].family, table[i].args, &conds, &err), 0);
		assert_string_equal(render(&conds), table[i].text);
	}
}

static void anything_else_is_refused_by_name(void **state)
{
	static const struct understood table[] = {
		{ { "-p", "tcp" }, AF_INET, "conditionsV4: '-p' is not understood" },
		{ { "-s" }, AF_INET, "conditionsV4: '-s' needs a value" },
		{ { "!" }, AF_INET, "conditionsV4: '!' needs a value" },
		{ { "!-s", "10.0.0.1" }, AF_INET, "conditionsV4: '!-s' is not understood" },
		{ { "!", "eth0" }, AF_INET, "conditionsV4: 'eth0' is not understood" },
		{ { "-s", "host.example" },
		  AF_INET,
		  "conditionsV4: 'host.example' is not an address" },
		{ { "-s", "10.0.0.1,10.0.0.2" },
		  AF_INET,
		  "conditionsV4: '10.0.0.1,10.0.0.2' is not an address" },
		{ { "-d", "10.0.0.0/33" },
		  AF_INET,
		  "conditionsV4: '10.0.0.0/33' is not a network" },
		{ { "-d", "10.0.0.0/255.0.0.0" },
		  AF_INET,
		  "conditionsV4: '10.0.0.0/255.0.0.0' is not a network" },
		{ { "-s", "fd00::1" }, AF_INET, "conditionsV4: 'fd00::1' is not IPv4" },
		{ { "-s", "10.0.0.1" }, AF_INET6, "conditionsV6: '10.0.0.1' is not IPv6" },
		{ { "!", "-s", "0.0.0.0/0" },
		  AF_INET,
		  "conditionsV4: '0.0.0.0/0' excludes every packet" },
		{ { "-i", "sixteen-letters!" },
		  AF_INET,
		  "conditionsV4: 'sixteen-letters!' is not the name of an interface" },
		{ { "-i", "fifteen-letters+" },
		  AF_INET,
		  "conditionsV4: 'fifteen-letters+' is not the name of an interface" },
		{ { "-i", "+" }, AF_INET, "conditionsV4: '+' is not the name of an interface" },
		{ { "-i", "eth*" },
		  AF_INET,
		  "conditionsV4: 'eth*' is not the name of an interface" },
		{ { "-m", "conntrack" }, AF_INET, "conditionsV4: 'conntrack' is not understood" },
		{ { "!", "--mark", "1" },
		  AF_INET,
		  "conditionsV4: '--mark' cannot be negated here" },
		{ { "--mark", "1/" }, AF_INET, "conditionsV4: '1/' is not a mark" },
		{ { "--mark", "-1" }, AF_INET, "conditionsV4: '-1' is not a mark" },
		{ { "--mark", "0x100000000" },
		  AF_INET,
		  "conditionsV4: '0x100000000' is not a mark" },
		{ { "--mark", "3/1" }, AF_INET, "conditionsV4: '3/1' has bits outside the mask" },
		{ { "--dst-type", "UNICAST" },
		  AF_INET,
		  "conditionsV4: 'UNICAST' is not understood" },
		{ { "-i", "eth0", "ip", "saddr", "10.0.0.1" },
		  AF_INET,
		  "conditionsV4: 'ip' is not understood" },
		{ { "ip6", "saddr", "fd00::1" }, AF_INET, "conditionsV4: 'ip6' is not IPv4" },
		{ { "ip saddr 10.0.0.1" }, AF_INET6, "conditionsV6: 'ip' is not IPv6" },
		{ { "ip", "ttl", "3" }, AF_INET, "conditionsV4: 'ttl' is not understood" },
		{ { "ip", "saddr", "{" }, AF_INET, "conditionsV4: '{' is not an address" },
		{ { "ip saddr" }, AF_INET, "conditionsV4: 'saddr' needs a value" },
		{ { "ip saddr !=" }, AF_INET, "conditionsV4: 'saddr' needs a value" },
		{ { "tcp dport 80" }, AF_INET, "conditionsV4: 'tcp' is not understood" },
		{ { "iifname", "eth\\*" },
		  AF_INET,
		  "conditionsV4: 'eth\\*' is not the name of an interface" },
		{ { "iifname \"\"" }, AF_INET, "conditionsV4: '' is not the name of an interface" },
		{ { "meta mark != 1" }, AF_INET, "conditionsV4: '1' cannot be negated here" },
		{ { "meta mark and x == 1" }, AF_INET, "conditionsV4: 'x' is not a mask" },
		{ { "fib daddr type broadcast" },
		  AF_INET,
		  "conditionsV4: 'broadcast' is not understood" },
		{ { "ip saddr 10.0.0.1 -i eth0" },
		  AF_INET,
		  "conditionsV4: '-i' is not understood" },
		{ { "accept" }, AF_INET, "conditionsV4: 'accept' is not understood" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct conditions conds = { .n = 77 };
		struct nerr err = NERR_INIT;

		assert_int_equal(parse(table[i].family, table[i].args, &conds, &err), -EINVAL);
		assert_string_equal(err.msg, table[i].text);
		assert_int_equal(conds.n, 77);
	}
}

static void an_endless_word_is_refused(void **state)
{
	char word[4096];
	const char *args[] = { "-i", word, NULL };
	struct conditions conds;
	struct nerr err = NERR_INIT;

	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_int_equal(parse(AF_INET, args, &conds, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "xxx...' is not understood"));
}

static void there_is_a_limit(void **state)
{
	char text[(CONDITIONS_MAX + 1) * 16] = "";
	const char *args[] = { text, NULL };
	struct conditions conds;
	struct nerr err = NERR_INIT;
	size_t used = 0;

	(void)state;
	for (int i = 0; i < CONDITIONS_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "iifname x%d ", i);
	assert_int_equal(parse(AF_INET, args, &conds, &err), 0);
	assert_int_equal(conds.n, CONDITIONS_MAX);
	(void)snprintf(text + used, sizeof(text) - used, "iifname y");
	assert_int_equal(parse(AF_INET, args, &conds, &err), -E2BIG);
	assert_string_equal(err.msg, "conditionsV4: more than 16 conditions");
}

static void hashes_tell_conditions_apart(void **state)
{
	const char *const none[] = { NULL };
	const char *const ipt[] = { "!", "-s", "10.0.0.0/8", NULL };
	const char *const nft[] = { "ip saddr != 10.0.0.0/8", NULL };
	const char *const other[] = { "ip saddr 10.0.0.0/8", NULL };
	char hash[4][CONDITIONS_HASH_LEN + 1];
	const char *const *all[] = { none, ipt, nft, other };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct conditions conds;

		assert_int_equal(parse(AF_INET, all[i], &conds, NULL), 0);
		assert_int_equal(conditions_hash(&conds, hash[i], NULL), 0);
	}
	assert_string_equal(hash[0], "");
	assert_int_equal(strlen(hash[1]), CONDITIONS_HASH_LEN);
	assert_string_equal(hash[1], hash[2]);
	assert_string_not_equal(hash[1], hash[3]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_of_both_tools_are_understood),
		cmocka_unit_test(anything_else_is_refused_by_name),
		cmocka_unit_test(an_endless_word_is_refused),
		cmocka_unit_test(there_is_a_limit),
		cmocka_unit_test(hashes_tell_conditions_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
