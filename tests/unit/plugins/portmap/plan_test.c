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

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "cni/cni.h"
#include "plugins/portmap/plan_priv.h"

/* A call with everything a plan is made from. */
struct fixture {
	struct cni_call call;
	struct portmap_conf conf;
	struct portmap_plan plan;
	struct nerr err;
	int r;
};

static void fixture_done(struct fixture *f)
{
	json_doc_free(f->call.doc);
}

static void make(struct fixture *f, const char *version, const char *prev, const char *mappings)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;

	*f = (struct fixture){ .call = { .ifname = "eth0", .version = version } };
	strbuf_addf(&text, "{\"prevResult\": {%s}, \"runtimeConfig\": {\"portMappings\": [%s]}}",
		    prev, mappings);
	assert_int_equal(json_doc_parse(text.s, text.len, &f->call.doc, &f->err), 0);
	f->call.prev = arena_alloc(json_doc_arena(f->call.doc), sizeof(*f->call.prev));
	assert_int_equal(cni_result_read(f->call.doc,
					 json_member(json_doc_root(f->call.doc), "prevResult"),
					 version, f->call.prev, &f->err),
			 0);
	assert_int_equal(portmap_conf_read(f->call.doc, &f->conf, &f->err), 0);
	f->r = portmap_plan(&f->call, &f->conf, &f->plan, &f->err);
}

/* "tcp 80>8080; udp 10.0.0.1:53>53" */
static const char *render(const struct portmap_target *t)
{
	static char text[1024];
	char addr[IPADDR_STR_LEN];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < t->n; i++) {
		const struct portmap_mapping *m = t->v[i];

		(void)ipaddr_to_str(&m->host_ip, addr);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s%s%u>%u",
					 used ? "; " : "", portmap_proto_str(m->proto), addr,
					 *addr ? "@" : "", m->host_port, m->container_port);
	}
	return text;
}

#define DUAL "\"ips\":[{\"address\":\"10.0.0.2/24\"},{\"address\":\"fd00::2/64\"}]"
#define V4   "\"ips\":[{\"address\":\"10.0.0.2/24\"}]"

static void each_family_gets_its_mappings(void **state)
{
	CLEANUP(fixture_done) struct fixture f;

	(void)state;
	make(&f, "1.0.0", DUAL,
	     "{\"hostPort\":1,\"containerPort\":11},"
	     "{\"hostPort\":2,\"containerPort\":12,\"hostIP\":\"10.9.9.9\"},"
	     "{\"hostPort\":3,\"containerPort\":13,\"hostIP\":\"::\",\"protocol\":\"udp\"}");
	assert_int_equal(f.r, 0);
	assert_string_equal(render(&f.plan.target[0]), "tcp 10.9.9.9@2>12; tcp 1>11");
	assert_string_equal(render(&f.plan.target[1]), "tcp 1>11; udp 3>13");
	assert_false(portmap_plan_is_empty(&f.plan));
}

static void a_family_without_address_gets_nothing(void **state)
{
	CLEANUP(fixture_done) struct fixture f;
	CLEANUP(fixture_done) struct fixture none;

	(void)state;
	make(&f, "1.0.0", V4, "{\"hostPort\":1,\"containerPort\":11}");
	assert_int_equal(f.r, 0);
	assert_int_equal(f.plan.target[0].n, 1);
	assert_int_equal(f.plan.target[1].n, 0);
	make(&none, "1.0.0", V4, "{\"hostPort\":1,\"containerPort\":11,\"hostIP\":\"fd00::1\"}");
	assert_int_equal(none.r, 0);
	assert_true(portmap_plan_is_empty(&none.plan));
}

static void rules_keep_the_order_given_with_addresses_first(void **state)
{
	CLEANUP(fixture_done) struct fixture f;

	(void)state;
	make(&f, "1.0.0", V4,
	     "{\"hostPort\":9,\"containerPort\":1},{\"hostPort\":5,\"containerPort\":2},"
	     "{\"hostPort\":7,\"containerPort\":3,\"hostIP\":\"127.0.0.1\"},"
	     "{\"hostPort\":5,\"containerPort\":4,\"hostIP\":\"10.0.0.1\"}");
	assert_int_equal(f.r, 0);
	assert_string_equal(render(&f.plan.target[0]),
			    "tcp 127.0.0.1@7>3; tcp 10.0.0.1@5>4; tcp 9>1; tcp 5>2");
}

static void a_mapping_given_twice_is_made_once(void **state)
{
	CLEANUP(fixture_done) struct fixture f;

	(void)state;
	/* As nerdctl sends "any address" for both families. */
	make(&f, "1.0.0", DUAL,
	     "{\"hostPort\":1,\"containerPort\":11,\"hostIP\":\"0.0.0.0\"},"
	     "{\"hostPort\":1,\"containerPort\":11,\"hostIP\":\"::\"},"
	     "{\"hostPort\":1,\"containerPort\":11}");
	assert_int_equal(f.r, 0);
	assert_string_equal(render(&f.plan.target[0]), "tcp 1>11");
	assert_string_equal(render(&f.plan.target[1]), "tcp 1>11");
}

static void a_port_cannot_lead_to_two(void **state)
{
	CLEANUP(fixture_done) struct fixture f;
	CLEANUP(fixture_done) struct fixture other;

	(void)state;
	make(&f, "1.0.0", V4,
	     "{\"hostPort\":1,\"containerPort\":11},{\"hostPort\":1,\"containerPort\":12}");
	assert_int_equal(f.r, -EINVAL);
	assert_string_equal(f.err.msg,
			    "host port 1/tcp is mapped twice, to the container's ports 11 and 12");
	make(&other, "1.0.0", V4,
	     "{\"hostPort\":1,\"containerPort\":11},"
	     "{\"hostPort\":1,\"containerPort\":12,\"protocol\":\"udp\"}");
	assert_int_equal(other.r, 0);
}

static const char *addr_of(const char *version, const char *prev)
{
	CLEANUP(fixture_done) struct fixture f;
	static char text[IPADDR_STR_LEN];

	make(&f, version, prev, "{\"hostPort\":1,\"containerPort\":11}");
	assert_int_equal(f.r, 0);
	return ipaddr_to_str(&f.plan.target[0].addr, text);
}

static void the_address_is_the_first_of_the_containers_interface(void **state)
{
	(void)state;
	/* No index; an index past the end. */
	assert_string_equal(addr_of("1.0.0", V4), "10.0.0.2");
	assert_string_equal(
		addr_of("1.0.0", "\"ips\":[{\"address\":\"10.0.0.2/24\",\"interface\":7}]"),
		"10.0.0.2");
	/* The host's side and another interface of the container are passed over. */
	assert_string_equal(addr_of("1.0.0",
				    "\"interfaces\":[{\"name\":\"eth0\"},"
				    "{\"name\":\"eth1\",\"sandbox\":\"/n\"},"
				    "{\"name\":\"eth0\",\"sandbox\":\"/n\"}],"
				    "\"ips\":[{\"address\":\"10.0.0.2/24\",\"interface\":0},"
				    "{\"address\":\"10.0.0.3/24\",\"interface\":1},"
				    "{\"address\":\"10.0.0.4/24\",\"interface\":2},"
				    "{\"address\":\"10.0.0.5/24\",\"interface\":2}]"),
			    "10.0.0.4");
	assert_string_equal(addr_of("0.2.0", "\"ip4\":{\"ip\":\"10.0.0.6/24\"}"), "10.0.0.6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_family_gets_its_mappings),
		cmocka_unit_test(a_family_without_address_gets_nothing),
		cmocka_unit_test(rules_keep_the_order_given_with_addresses_first),
		cmocka_unit_test(a_mapping_given_twice_is_made_once),
		cmocka_unit_test(a_port_cannot_lead_to_two),
		cmocka_unit_test(the_address_is_the_first_of_the_containers_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
