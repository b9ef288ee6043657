/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/core/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "nic/pbuf.h"
#include "tests/unit/test_mem.h"
#include "tests/unit/wire/frames.h"

#define LINE_MAX 512

/* Frames that Linux sent, beside what tcpdump -nS says about them: the same, except that
 * sequence numbers and fragments are always shown and NOPs never.
 */
struct row {
	const char *name;
	const uint8_t *frame;
	size_t len;
	const char *want;
};

/* clang-format off */
#define ROW(frame, want) { #frame, frame, sizeof(frame), want }
static const struct row rows[] = {
	ROW(frame_arp_request,
	    "ARP, Request who-has 192.0.2.2 tell 192.0.2.1, length 28"),
	ROW(frame_arp_reply,
	    "ARP, Reply 192.0.2.2 is-at 02:00:00:00:00:0b, length 28"),
	ROW(frame_vlan,
	    "vlan 100, ARP, Request who-has 192.0.2.2 tell 192.0.2.1, length 28"),
	ROW(frame_qinq,
	    "vlan 200, vlan 100, ARP, Request who-has 192.0.2.2 tell 192.0.2.1, length 28"),
	ROW(frame_ping4,
	    "IP 192.0.2.1 > 192.0.2.2: ICMP echo request, id 15222, seq 1, length 64"),
	ROW(frame_pong4,
	    "IP 192.0.2.2 > 192.0.2.1: ICMP echo reply, id 15222, seq 1, length 64"),
	ROW(frame_ping4_tos,
	    "IP 192.0.2.1 > 192.0.2.2: ICMP echo request, id 15228, seq 1, length 64"),
	ROW(frame_ping4_route,
	    "IP 192.0.2.1 > 192.0.2.2: ICMP echo request, id 15226, seq 1, length 64"),
	ROW(frame_pong4_route,
	    "IP 192.0.2.2 > 192.0.2.1: ICMP echo reply, id 15226, seq 1, length 64"),
	ROW(frame_ping4_stamp,
	    "IP 192.0.2.1 > 192.0.2.2: ICMP echo request, id 15227, seq 1, length 64"),
	ROW(frame_pong4_stamp,
	    "IP 192.0.2.2 > 192.0.2.1: ICMP echo reply, id 15227, seq 1, length 64"),
	ROW(frame_frag4_first,
	    "IP 192.0.2.1 > 192.0.2.2: ICMP echo request, id 10587, seq 1, length 80, frag id 11705 0-80+"),
	ROW(frame_frag4_middle,
	    "IP 192.0.2.1 > 192.0.2.2: ip-proto-1, length 80, frag id 11705 80-160+"),
	ROW(frame_frag4_last,
	    "IP 192.0.2.1 > 192.0.2.2: ip-proto-1, length 28, frag id 11705 160-188"),
	ROW(frame_unreachable4,
	    "IP 192.0.2.2 > 192.0.2.1: ICMP unreachable (port), 192.0.2.2 udp port 9, length 42"),
	ROW(frame_frag_needed4,
	    "IP 192.0.2.2 > 192.0.2.1: ICMP unreachable (need to frag), 198.51.100.9, mtu 1280, length 116"),
	ROW(frame_time_exceeded4,
	    "IP 192.0.2.2 > 192.0.2.1: ICMP time exceeded, 198.51.100.9, length 92"),
	ROW(frame_redirect4,
	    "IP 192.0.2.2 > 192.0.2.1: ICMP redirect, 203.0.113.5 to 192.0.2.77, length 92"),
	ROW(frame_udp4,
	    "IP 192.0.2.1.53180 > 192.0.2.2.9: UDP, length 6"),
	ROW(frame_udp4_no_csum,
	    "IP 192.0.2.1.39250 > 192.0.2.2.9: UDP, length 6"),
	ROW(frame_udp4_router_alert,
	    "IP 192.0.2.1.39286 > 192.0.2.2.9: UDP, length 2"),
	ROW(frame_tcp4_syn,
	    "IP 192.0.2.1.40058 > 192.0.2.2.8080: Flags [S], seq 700935705, win 64240, options [mss 1460,sackOK,TS val 2895446429 ecr 0,wscale 10], length 0"),
	ROW(frame_tcp4_syn_ack,
	    "IP 192.0.2.2.8080 > 192.0.2.1.40058: Flags [S.], seq 4200390548, ack 700935706, win 65160, options [mss 1460,sackOK,TS val 4104974343 ecr 2895446429,wscale 10], length 0"),
	ROW(frame_tcp4_data,
	    "IP 192.0.2.1.40058 > 192.0.2.2.8080: Flags [P.], seq 700935706:700935713, ack 4200390549, win 63, options [TS val 2895446429 ecr 4104974343], length 7"),
	ROW(frame_tcp4_ack,
	    "IP 192.0.2.1.40058 > 192.0.2.2.8080: Flags [.], seq 700935706, ack 4200390549, win 63, options [TS val 2895446429 ecr 4104974343], length 0"),
	ROW(frame_tcp4_sack,
	    "IP 192.0.2.2.8080 > 192.0.2.1.40058: Flags [.], seq 4200390549, ack 700935713, win 64, options [TS val 4104974464 ecr 2895446429,sack 1 {700936713:700937213}], length 0"),
	ROW(frame_tcp4_urg,
	    "IP 192.0.2.1.40058 > 192.0.2.2.8080: Flags [P.U], seq 700937213:700937214, ack 4200390549, win 63, urg 1, options [TS val 2895446570 ecr 4104974464], length 1"),
	ROW(frame_tcp4_fin,
	    "IP 192.0.2.1.40058 > 192.0.2.2.8080: Flags [F.], seq 700937214, ack 4200390549, win 63, options [TS val 2895447070 ecr 4104974484], length 0"),
	ROW(frame_tcp4_rst,
	    "IP 192.0.2.2.81 > 192.0.2.1.48900: Flags [R.], seq 0, ack 3219865275, win 0, length 0"),
	ROW(frame_tcp4_fastopen,
	    "IP 192.0.2.1.48912 > 192.0.2.2.81: Flags [S], seq 4020915270, win 64240, options [mss 1460,sackOK,TS val 2980691886 ecr 0,wscale 10], length 0"),
	ROW(frame_tcp6_syn,
	    "IP6 2001:db8::1.60688 > 2001:db8::2.8080: Flags [S], seq 2105697921, win 64800, options [mss 1440,sackOK,TS val 3304245504 ecr 0,wscale 10], length 0"),
	ROW(frame_tcp6_sack,
	    "IP6 2001:db8::2.8080 > 2001:db8::1.60688: Flags [.], seq 3359788321, ack 2105697929, win 63, options [TS val 1729332875 ecr 3304245504,sack 1 {2105698929:2105699429}], length 0"),
	ROW(frame_udp6,
	    "IP6 2001:db8::1.38080 > 2001:db8::2.9: UDP, length 6"),
	ROW(frame_udp6_opts,
	    "IP6 2001:db8::1.56066 > 2001:db8::2.9: UDP, length 4"),
	ROW(frame_ping6,
	    "IP6 2001:db8::1 > 2001:db8::2: ICMP6, echo request, id 15223, seq 1, length 64"),
	ROW(frame_pong6,
	    "IP6 2001:db8::2 > 2001:db8::1: ICMP6, echo reply, id 15223, seq 1, length 64"),
	ROW(frame_frag6_first,
	    "IP6 2001:db8::1 > 2001:db8::2: ICMP6, echo request, id 10588, seq 1, length 1232, frag 0-1232"),
	ROW(frame_frag6_last,
	    "IP6 2001:db8::1 > 2001:db8::2: ip-proto-58, length 76, frag 1232-1308"),
	ROW(frame_unreachable6,
	    "IP6 2001:db8::2 > 2001:db8::1: ICMP6, unreachable (port), 2001:db8::2 udp port 9, length 62"),
	ROW(frame_too_big6,
	    "IP6 2001:db8::2 > 2001:db8::1: ICMP6, packet too big, 2001:db8:1::9, mtu 1280, length 96"),
	ROW(frame_time_exceeded6,
	    "IP6 2001:db8::2 > 2001:db8::1: ICMP6, time exceeded, 2001:db8:1::9, length 112"),
	ROW(frame_ns_dad,
	    "IP6 :: > ff02::1:ff00:b: ICMP6, neighbor solicitation, who has fe80::ff:fe00:b, length 32"),
	ROW(frame_ns,
	    "IP6 2001:db8::1 > ff02::1:ff00:2: ICMP6, neighbor solicitation, who has 2001:db8::2, length 32"),
	ROW(frame_na,
	    "IP6 2001:db8::2 > 2001:db8::1: ICMP6, neighbor advertisement, tgt is 2001:db8::2, Flags [SO], length 32"),
	ROW(frame_rs,
	    "IP6 fe80::ff:fe00:b > ff02::2: ICMP6, router solicitation, length 16"),
	ROW(frame_ra,
	    "IP6 fe80::77 > ff02::1: ICMP6, router advertisement, lifetime 1800s, length 120"),
	ROW(frame_redirect6,
	    "IP6 fe80::ff:fe00:b > 2001:db8::1: ICMP6, redirect, 2001:db8:2::5 to fe80::77, length 152"),
	ROW(frame_igmp3_query,
	    "IP 0.0.0.0 > 224.0.0.1: igmp query v3 0.0.0.0, length 12"),
	ROW(frame_igmp2_query,
	    "IP 0.0.0.0 > 224.0.0.1: igmp query v2 0.0.0.0, length 8"),
	ROW(frame_igmp3_report,
	    "IP 192.0.2.1 > 224.0.0.22: igmp v3 report, 2 group record(s), length 28"),
	ROW(frame_igmp2_report,
	    "IP 192.0.2.1 > 239.1.2.3: igmp v2 report 239.1.2.3, length 8"),
	ROW(frame_igmp2_leave,
	    "IP 192.0.2.1 > 224.0.0.2: igmp leave 239.1.2.3, length 8"),
	ROW(frame_mld2_query,
	    "IP6 fe80::ff:fe00:a > ff02::1: ICMP6, multicast listener query v2, ::, length 28"),
	ROW(frame_mld1_query,
	    "IP6 fe80::ff:fe00:a > ff02::1: ICMP6, multicast listener query, ::, length 24"),
	ROW(frame_mld2_report,
	    "IP6 fe80::ff:fe00:b > ff02::16: ICMP6, multicast listener report v2, 2 group record(s), length 48"),
	ROW(frame_mld2_report_dad,
	    "IP6 :: > ff02::16: ICMP6, multicast listener report v2, 2 group record(s), length 48"),
	ROW(frame_mld1_report,
	    "IP6 fe80::ff:fe00:a > ff15::1234: ICMP6, multicast listener report, ff15::1234, length 24"),
	ROW(frame_mld1_done,
	    "IP6 fe80::ff:fe00:a > ff02::2: ICMP6, multicast listener done, ff15::1234, length 24"),
};
/* clang-format on */

struct fixture {
	struct test_mem tm;
	struct pbuf_pool *pool;
};

static int setup(void **state)
{
	static struct fixture f;

	f.tm = TEST_MEM_INIT(&f.tm);
	assert_int_equal(pbuf_pool_new(&f.pool, &f.tm.mem, UINT64_MAX), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pbuf_pool_free(f->pool);
	test_mem_done(&f->tm);
	return 0;
}

/* A packet of these bytes, of which the first @linear are linear. */
static struct pbuf *packet(struct fixture *f, const uint8_t *bytes, size_t len, size_t linear)
{
	struct pbuf *pb = pbuf_alloc_rx(f->pool, 32, (uint32_t)linear);
	struct pbuf_block *b = pbuf_block_alloc(f->pool, (uint32_t)(len - linear));

	memcpy(pbuf_put(pb, (uint32_t)linear), bytes, linear);
	memcpy(b->data, bytes + linear, len - linear);
	assert_true(pbuf_add_frag(pb, b, 0, (uint32_t)(len - linear)));
	pbuf_block_unref(b);
	return pb;
}

/* The line without time, point and interface. */
static void line_of(const struct pbuf *pb, char ret[static LINE_MAX])
{
	static const char head[] = "0.000000 rx ";
	const struct trace_event ev = { .point = TRACE_RX, .pb = pb };
	char line[LINE_MAX];
	const size_t n = trace_event_to_str(line, sizeof(line), &ev);

	assert_int_equal(n, strlen(line));
	assert_memory_equal(line, head, strlen(head));
	memcpy(ret, line + strlen(head), n + 1 - strlen(head));
}

static void frames_as_tcpdump_has_them(void **state)
{
	struct fixture *f = *state;
	char line[LINE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		/* However much is linear, an IP header's length included. */
		for (size_t linear = 0; linear <= rows[i].len; linear += 34) {
			struct pbuf *pb = packet(f, rows[i].frame, rows[i].len, linear);

			line_of(pb, line);
			assert_string_equal(line, rows[i].want);
			pbuf_free(pb);
		}
	}
}

/* As the packet goes up and its headers are stripped, the line stays what it was. */
static void the_line_stays_on_the_way_up(void **state)
{
	struct fixture *f = *state;
	char line[LINE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pbuf *pb, *clone;

		if (rows[i].frame[12] == 0x81 || rows[i].frame[12] == 0x88)
			continue;
		pb = packet(f, rows[i].frame, rows[i].len, rows[i].len);
		pbuf_mark_l2(pb);
		pbuf_pull(pb, 14);
		line_of(pb, line); /* before IP has seen it */
		assert_string_equal(line, rows[i].want);
		if (strncmp(rows[i].want, "IP", 2) == 0) {
			pbuf_mark_l3(pb);
			pbuf_pull(pb, 20);
			pbuf_mark_l4(pb);
			line_of(pb, line);
			assert_string_equal(line, rows[i].want);
			pbuf_pull(pb, 8);
			clone = pbuf_clone(pb);
			line_of(clone, line);
			assert_string_equal(line, rows[i].want);
			pbuf_free(clone);
		}
		pbuf_free(pb);
	}
}

/* And on the way down, as they are pushed: TCP without IP has no addresses yet. */
static void the_line_grows_on_the_way_down(void **state)
{
	struct fixture *f = *state;
	const uint8_t *frame = frame_tcp4_rst;
	struct pbuf *pb = pbuf_alloc(f->pool);
	char line[LINE_MAX];

	memcpy(pbuf_put(pb, 20), frame + 34, 20);
	pbuf_mark_l4(pb);
	line_of(pb, line);
	assert_string_equal(line, "Flags [R.], seq 0, ack 3219865275, win 0, length 0");
	memcpy(pbuf_push(pb, 20), frame + 14, 20);
	pbuf_mark_l3(pb);
	line_of(pb, line);
	assert_string_equal(line, "IP 192.0.2.2.81 > 192.0.2.1.48900: Flags [R.], seq 0, ack "
				  "3219865275, win 0, length 0");
	memcpy(pbuf_push(pb, 14), frame, 14);
	line_of(pb, line);
	assert_string_equal(line, "IP 192.0.2.2.81 > 192.0.2.1.48900: Flags [R.], seq 0, ack "
				  "3219865275, win 0, length 0");
	pbuf_free(pb);
}

/* A tun device has no Ethernet header. */
static void packets_without_a_link_header(void **state)
{
	struct fixture *f = *state;
	char line[LINE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pbuf *pb;

		/* One was cut by tcpdump; its length does not say where it ends. */
		if (rows[i].frame[12] != 0x08 || rows[i].frame[13] != 0 ||
		    strstr(rows[i].name, "frag_needed"))
			continue;
		pb = packet(f, rows[i].frame + 14, rows[i].len - 14, 20);
		line_of(pb, line);
		assert_string_equal(line, rows[i].want);
		pbuf_free(pb);
	}
}

static void points_and_reasons(void **state)
{
	struct fixture *f = *state;
	struct pbuf *pb = packet(f, frame_udp4, sizeof(frame_udp4), sizeof(frame_udp4));
	struct trace_event ev = { .time_ns = 12000345999, .point = TRACE_DROP, .pb = pb };
	char line[LINE_MAX];

	pb->ifindex = 3;
	ev.drop = DROP_NO_SOCKET;
	(void)trace_event_to_str(line, sizeof(line), &ev);
	assert_string_equal(line, "12.000345 drop no-socket if3 IP 192.0.2.1.53180 > 192.0.2.2.9: "
				  "UDP, length 6 (no socket for this port)");
	ev.pb = NULL;
	(void)trace_event_to_str(line, sizeof(line), &ev);
	assert_string_equal(line, "12.000345 drop no-socket (no socket for this port)");
	ev = (struct trace_event){ .point = TRACE_NOTE, .note = "tcp 10.0.0.1.80: RTO" };
	(void)trace_event_to_str(line, sizeof(line), &ev);
	assert_string_equal(line, "0.000000 note tcp 10.0.0.1.80: RTO");
	ev = (struct trace_event){ .point = TRACE_NEIGH_WAIT, .pb = pb };
	(void)trace_event_to_str(line, sizeof(line), &ev);
	assert_non_null(strstr(line, " neigh-wait if3 IP "));
	pb->gso = PBUF_GSO_UDP;
	pb->gso_size = 2;
	ev.point = TRACE_TX;
	(void)trace_event_to_str(line, sizeof(line), &ev);
	assert_string_equal(line, "0.000000 tx if3 IP 192.0.2.1.53180 > 192.0.2.2.9: UDP, length "
				  "6, segments of 2");
	pbuf_free(pb);
}

/* Every size has the begin of the whole line, its end, and nothing behind it is written. */
static void lines_are_cut_at_any_size(void **state)
{
	struct fixture *f = *state;
	struct pbuf *pb = packet(f, frame_tcp4_syn, sizeof(frame_tcp4_syn), sizeof(frame_tcp4_syn));
	const struct trace_event ev = { .point = TRACE_DROP, .drop = DROP_TCP_PAWS, .pb = pb };
	char whole[LINE_MAX], line[LINE_MAX];
	const size_t n = trace_event_to_str(whole, sizeof(whole), &ev);

	assert_int_equal(trace_event_to_str(line, 0, &ev), 0);
	for (size_t size = 1; size <= n + 1; size++) {
		memset(line, '#', sizeof(line));
		assert_int_equal(trace_event_to_str(line, size, &ev), size - 1);
		assert_memory_equal(line, whole, size - 1);
		assert_int_equal(line[size - 1], '\0');
		assert_int_equal(line[size], '#');
	}
	pbuf_free(pb);
}

/* Whatever comes in, cut anywhere or changed, gives a line; ASan looks at the reading. */
static void any_bytes_give_a_line(void **state)
{
	struct fixture *f = *state;
	struct dice d = { 1 };
	char line[LINE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t len = 0; len < rows[i].len && len < 200; len++) {
			struct pbuf *pb = packet(f, rows[i].frame, len, len / 2);

			line_of(pb, line);
			pbuf_free(pb);
		}
		for (unsigned turn = 0; turn < 300; turn++) {
			struct pbuf *pb = packet(f, rows[i].frame, rows[i].len, rows[i].len);

			for (unsigned n = 1 + dice_below(&d, 6); n; n--)
				pb->data[dice_below(&d, pb->len)] = (uint8_t)dice_roll(&d);
			if (dice_below(&d, 2))
				pbuf_mark_l3(pb);
			line_of(pb, line);
			pbuf_free(pb);
		}
	}
}

#define TRACE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRACE_TEST(frames_as_tcpdump_has_them),
		TRACE_TEST(the_line_stays_on_the_way_up),
		TRACE_TEST(the_line_grows_on_the_way_down),
		TRACE_TEST(packets_without_a_link_header),
		TRACE_TEST(points_and_reasons),
		TRACE_TEST(lines_are_cut_at_any_size),
		TRACE_TEST(any_bytes_give_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
