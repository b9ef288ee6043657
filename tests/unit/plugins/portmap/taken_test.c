/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
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
#include "plugins/portmap/rules_priv.h"

#define OTHER_ID "ffffffffffffffff-eeeeeeeeeeeeeeee"

static const struct portmap_owner us = {
	.id = { "0123456789abcdef-fedcba9876543210" },
	.comment = "web",
};
static const struct conditions no_conditions;

/* A target with one mapping. */
struct fixture {
	struct portmap_mapping mapping;
	const struct portmap_mapping *list[1];
	struct portmap_target target;
};

static void make(struct fixture *f, const char *host_ip, uint8_t proto, uint16_t port)
{
	*f = (struct fixture){ .mapping = { .proto = proto, .host_port = port } };
	if (*host_ip)
		assert_int_equal(ipaddr_from_str(host_ip, &f->mapping.host_ip), 0);
	f->list[0] = &f->mapping;
	f->target = (struct portmap_target){
		.family = f->mapping.host_ip.family ? f->mapping.host_ip.family : AF_INET,
		.conds = &no_conditions,
		.v = f->list,
		.by_port = f->list,
		.n = 1,
	};
}

static struct nft_rule_info info(const char *comment, const char *tag, const char *text)
{
	return (struct nft_rule_info){ .comment = comment, .tag = tag, .text = text };
}

static int check_one(struct fixture *f, struct nft_rule_info ri, struct nerr *err)
{
	const struct nft_rules rules = { .v = &ri, .n = 1 };

	return portmap_check_taken(&f->target, &us, &rules, false, err);
}

struct meeting {
	const char *host_ip;
	uint8_t proto;
	uint16_t port;
	const char *conds_hash;
	const char *other; /* end of the other rule's tag */
	int r;
};

static void tagged_rules_meet_as_bind_has_it(void **state)
{
	static const struct meeting table[] = {
		{ "", IPPROTO_TCP, 80, "", " tcp 80 *", -EADDRINUSE },
		{ "", IPPROTO_TCP, 80, "", " tcp 81 *", 0 },
		{ "", IPPROTO_TCP, 80, "", " udp 80 *", 0 },
		{ "", IPPROTO_TCP, 80, "", " tcp 80 10.0.0.1", -EADDRINUSE },
		{ "10.0.0.1", IPPROTO_TCP, 80, "", " tcp 80 *", -EADDRINUSE },
		{ "10.0.0.1", IPPROTO_TCP, 80, "", " tcp 80 10.0.0.1", -EADDRINUSE },
		{ "10.0.0.1", IPPROTO_TCP, 80, "", " tcp 80 10.0.0.2", 0 },
		{ "fd00::1", IPPROTO_SCTP, 80, "", " sctp 80 fd00::1", -EADDRINUSE },
		{ "fd00::1", IPPROTO_SCTP, 80, "", " sctp 80 fd00::2", 0 },
		/* conditions */
		{ "", IPPROTO_TCP, 80, "", " tcp 80 * 01234567", -EADDRINUSE },
		{ "", IPPROTO_TCP, 80, "01234567", " tcp 80 *", -EADDRINUSE },
		{ "", IPPROTO_TCP, 80, "01234567", " tcp 80 * 01234567", -EADDRINUSE },
		{ "", IPPROTO_TCP, 80, "01234567", " tcp 80 * 76543210", 0 },
		/* what no version of ours writes */
		{ "", IPPROTO_TCP, 80, "", "", 0 },
		{ "", IPPROTO_TCP, 80, "", " tcp 80", 0 },
		{ "", IPPROTO_TCP, 80, "", " tcp 80 x", 0 },
		{ "", IPPROTO_TCP, 80, "", " tcp 65616 *", 0 },
		{ "", IPPROTO_TCP, 80, "", " tcp 80 * 0123456789", 0 },
		{ "", IPPROTO_TCP, 80, "", "tcp 80 *", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char tag[NFT_TAG_MAX + 1];
		struct fixture f;
		struct nerr err = NERR_INIT;

		make(&f, table[i].host_ip, table[i].proto, table[i].port);
		(void)snprintf(f.target.conds_hash, sizeof(f.target.conds_hash), "%s",
			       table[i].conds_hash);
		(void)snprintf(tag, sizeof(tag), "%s%s", OTHER_ID, table[i].other);
		if (check_one(&f, info("other", tag, ""), &err) != table[i].r)
			fail_msg("%s%u against '%s'", table[i].host_ip, table[i].port,
				 table[i].other);
	}
}

/* The bytecode of another mapping's rule, as the reference suite would have made it. */
static char *rule_text(const char *host_ip, uint8_t proto, uint16_t port)
{
	const struct ipaddr to4 = { .family = AF_INET, .bytes = { 10, 0, 0, 9 } };
	const struct ipaddr to6 = { .family = AF_INET6, .bytes = { 0xfd } };
	struct nft_rule *r;
	struct fixture f;
	char *text;

	make(&f, host_ip, proto, port);
	f.target.addr = f.target.family == AF_INET ? to4 : to6;
	f.mapping.container_port = 80;
	r = portmap_hostport_rule(&f.target, &f.mapping, &us);
	assert_non_null(r);
	text = nft_rule_text(r);
	assert_non_null(text);
	nft_rule_free(r);
	return text;
}

static void untagged_rules_meet_by_their_bytecode(void **state)
{
	static const struct {
		const char *host_ip;
		const char *other_ip;
		uint8_t other_proto;
		uint16_t other_port;
		int r;
	} table[] = {
		{ "", "", IPPROTO_TCP, 80, -EADDRINUSE },
		{ "", "", IPPROTO_UDP, 80, 0 },
		{ "", "", IPPROTO_TCP, 8080, 0 },
		{ "", "10.0.0.1", IPPROTO_TCP, 80, -EADDRINUSE },
		{ "10.0.0.1", "", IPPROTO_TCP, 80, -EADDRINUSE },
		{ "10.0.0.1", "10.0.0.1", IPPROTO_TCP, 80, -EADDRINUSE },
		{ "10.0.0.1", "10.0.0.2", IPPROTO_TCP, 80, 0 },
		{ "10.0.0.1", "10.0.0.1", IPPROTO_TCP, 81, 0 },
		{ "fd00::1", "fd00::1", IPPROTO_TCP, 80, -EADDRINUSE },
		{ "fd00::1", "fd00::2", IPPROTO_TCP, 80, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		cleanup_free char *text =
			rule_text(table[i].other_ip, table[i].other_proto, table[i].other_port);
		struct fixture f;
		struct nerr err = NERR_INIT;

		make(&f, table[i].host_ip, IPPROTO_TCP, 80);
		if (check_one(&f, info("other", "", text), &err) != table[i].r)
			fail_msg("%s:80/tcp against %s:%u/%u", table[i].host_ip, table[i].other_ip,
				 table[i].other_port, table[i].other_proto);
	}
}

static void the_message_names_port_and_container(void **state)
{
	static const struct {
		const char *host_ip;
		const char *msg;
	} table[] = {
		{ "", "host port 80/tcp is already mapped to container \"other\"" },
		{ "10.0.0.1",
		  "host port 10.0.0.1:80/tcp is already mapped to container \"other\"" },
		{ "fd00::1",
		  "host port [fd00::1]:80/tcp is already mapped to container \"other\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct fixture f;
		struct nerr err = NERR_INIT;

		make(&f, table[i].host_ip, IPPROTO_TCP, 80);
		assert_int_equal(check_one(&f, info("other", OTHER_ID " tcp 80 *", ""), &err),
				 -EADDRINUSE);
		assert_string_equal(err.msg, table[i].msg);
	}
}

static void an_attachments_own_rules_are_known(void **state)
{
	static const struct {
		const char *comment;
		const char *tag;
		bool own;
	} table[] = {
		{ "web", "0123456789abcdef-fedcba9876543210", true },
		{ "web", "0123456789abcdef-fedcba9876543210 tcp 80 *", true },
		{ "", "0123456789abcdef-fedcba9876543210 tcp 80 *", true },
		{ "web", "", true },
		{ "web2", "", false },
		{ "", "", false },
		/* another network, or another interface, of the container */
		{ "web", OTHER_ID " tcp 80 *", false },
		{ "web", "0123456789abcdef-fedcba98765432100", false },
		{ "web", "0123456789abcdef", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct nft_rule_info ri = info(table[i].comment, table[i].tag, "");

		assert_int_equal(portmap_owner_has(&us, &ri), table[i].own);
	}
}

static void the_same_container_may_have_the_port_twice(void **state)
{
	struct nerr err = NERR_INIT;
	struct fixture f;

	(void)state;
	make(&f, "", IPPROTO_TCP, 80);
	assert_int_equal(check_one(&f, info("web", OTHER_ID " tcp 80 *", ""), &err), 0);
	/* a rule put there by hand */
	assert_int_equal(check_one(&f, info("", "", ""), &err), 0);
}

static void of_two_rivals_the_first_one_stays(void **state)
{
	struct nft_rule_info list[] = {
		info("other", OTHER_ID " tcp 80 *", ""),
		info("web", "0123456789abcdef-fedcba9876543210 tcp 80 *", ""),
		info("other", OTHER_ID " tcp 80 *", ""),
	};
	const struct nft_rules before = { .v = list, .n = 3 };
	const struct nft_rules after = { .v = list + 1, .n = 2 };
	struct nerr err = NERR_INIT;
	struct fixture f;

	(void)state;
	make(&f, "", IPPROTO_TCP, 80);
	assert_int_equal(portmap_check_taken(&f.target, &us, &before, true, &err), -EADDRINUSE);
	assert_int_equal(portmap_check_taken(&f.target, &us, &after, true, &err), 0);
	assert_int_equal(portmap_check_taken(&f.target, &us, &after, false, &err), -EADDRINUSE);
}

static void a_listener_survives_its_tag(void **state)
{
	struct portmap_listener l;

	(void)state;
	assert_true(portmap_listener_from_tag(OTHER_ID " sctp 65535 fd00::1 89abcdef", &l));
	assert_int_equal(l.proto, IPPROTO_SCTP);
	assert_int_equal(l.port, 65535);
	assert_int_equal(l.ip.family, AF_INET6);
	assert_string_equal(l.conds_hash, "89abcdef");
	assert_true(portmap_listener_from_tag(OTHER_ID " udp 1 *", &l));
	assert_false(ipaddr_is_set(&l.ip));
	assert_string_equal(l.conds_hash, "");
	assert_false(portmap_listener_from_tag(OTHER_ID, &l));
	assert_false(portmap_listener_from_tag("", &l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tagged_rules_meet_as_bind_has_it),
		cmocka_unit_test(untagged_rules_meet_by_their_bytecode),
		cmocka_unit_test(the_message_names_port_and_container),
		cmocka_unit_test(an_attachments_own_rules_are_known),
		cmocka_unit_test(the_same_container_may_have_the_port_twice),
		cmocka_unit_test(of_two_rivals_the_first_one_stays),
		cmocka_unit_test(a_listener_survives_its_tag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
