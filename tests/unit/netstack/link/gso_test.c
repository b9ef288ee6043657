/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/link/gso.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/netstack/core_fixture.h"
#include "wire/ipv4.h"
#include "wire/udp.h"

/* How packets are cut is tested with nic/gso.c. */

#define HDRS_LEN (IPV4_HDR_LEN + UDP_HDR_LEN)

static char last_note[128];
static unsigned int n_notes;

static void listen(void *arg, const struct trace_event *ev)
{
	(void)arg;
	assert_int_equal(ev->point, TRACE_NOTE);
	(void)snprintf(last_note, sizeof(last_note), "%s", ev->note);
	n_notes++;
}

/* UDP over IPv4, to be cut into pieces of 100 bytes. */
static struct pbuf *packet_of(struct core_fixture *f, uint32_t data)
{
	const struct ipv4_repr ip = {
		.src = 1,
		.dst = 2,
		.payload_len = (uint16_t)(UDP_HDR_LEN + data),
		.ttl = 64,
		.proto = IP_PROTO_UDP,
	};
	static uint8_t bytes[2000];
	struct pbuf *pb;

	fill_random(f, bytes, sizeof(bytes));
	assert_int_equal(ipv4_emit(bytes, IPV4_HDR_LEN, &ip), IPV4_HDR_LEN);
	pb = make_packet(f, bytes, HDRS_LEN + data, HDRS_LEN, 1);
	pbuf_mark_l3(pb);
	pb->l4 = (uint16_t)(pb->l3 + IPV4_HDR_LEN);
	pb->gso = PBUF_GSO_UDP;
	pb->gso_size = 100;
	return pb;
}

static void a_cut_is_noted(void **state)
{
	struct core_fixture f;
	struct pbuf_queue q;

	(void)state;
	core_fixture_init(&f, 1);
	f.c.trace = listen;
	n_notes = 0;
	pbuf_queue_init(&q);
	assert_true(gso_segment(&f.c, packet_of(&f, 250), &q));
	assert_int_equal(q.n, 3);
	assert_int_equal(n_notes, 1);
	assert_string_equal(last_note, "gso: a packet became 3 segments");
	pbuf_queue_free(&q);

	assert_true(gso_segment(&f.c, packet_of(&f, 90), &q));
	assert_int_equal(q.n, 1);
	assert_int_equal(n_notes, 1);
	pbuf_queue_free(&q);
	core_fixture_done(&f);
}

static void without_memory_it_stays_the_callers(void **state)
{
	struct core_fixture f;
	struct pbuf_queue q;
	struct pbuf *pb;

	(void)state;
	core_fixture_init(&f, 2);
	pb = packet_of(&f, 250);
	pbuf_queue_init(&q);
	core_fixture_limit(&f, 0);
	assert_false(gso_segment(&f.c, pb, &q));
	assert_int_equal(q.n, 0);
	assert_int_equal(pb->len, HDRS_LEN + 250);
	pbuf_free(pb);
	core_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cut_is_noted),
		cmocka_unit_test(without_memory_it_stays_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
