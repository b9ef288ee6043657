/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The simulation's judge of segments: what a host must not send is seen, what it may is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

#define ISS    5000U /* of the host */
#define IRS    1000U /* of its peer */
#define HOST   IP4_ADDR(10, 0, 0, 1)
#define PEER   IP4_ADDR(10, 0, 0, 2)
#define MSS    1000
#define WINDOW 3000

/* A segment of either of them; @bad: its checksum is wrong. */
struct step {
	uint16_t flags;
	uint32_t seq;
	uint32_t ack;
	uint16_t wnd;
	uint16_t payload;
	struct tcp_options_repr opt;
	bool bad;
};

struct scene {
	struct world *w;
	struct host *h;
};

static uint32_t build(const struct step *s, bool out, uint8_t *ret, size_t size)
{
	const uint32_t src = out ? HOST : PEER, dst = out ? PEER : HOST;
	const int opts_len = tcp_options_len(&s->opt);
	const uint16_t len = (uint16_t)(TCP_HDR_LEN + opts_len + s->payload);
	uint8_t *ip = ret + ETH_HDR_LEN, *tcp = ip + IPV4_HDR_LEN;
	const struct eth_repr eth = { .type = ETH_TYPE_IPV4 };
	const struct ipv4_repr ipr = {
		.src = src, .dst = dst, .payload_len = len, .ttl = 64, .proto = IP_PROTO_TCP
	};
	const struct tcp_repr tr = {
		.seq = seq_of(s->seq),
		.ack = seq_of(s->ack),
		.src_port = out ? 40000 : 80,
		.dst_port = out ? 80 : 40000,
		.flags = s->flags,
		.wnd = s->wnd,
		.opts_len = (uint8_t)opts_len,
	};

	memset(ret, 0, size);
	assert_int_equal(eth_emit(ret, size, &eth), ETH_HDR_LEN);
	assert_int_equal(ipv4_emit(ip, size - ETH_HDR_LEN, &ipr), IPV4_HDR_LEN);
	assert_true(tcp_emit(tcp, size - ETH_HDR_LEN - IPV4_HDR_LEN, &tr) > 0);
	assert_int_equal(tcp_options_emit(tcp + TCP_HDR_LEN, TCP_OPTS_LEN_MAX, &s->opt), opts_len);
	put_be16(tcp + TCP_CSUM_OFFSET,
		 csum_finish(csum_pseudo4(src, dst, IP_PROTO_TCP, len) + csum_bytes(tcp, len)));
	tcp[TCP_CSUM_OFFSET] ^= s->bad;
	return ETH_HDR_LEN + IPV4_HDR_LEN + len;
}

static void out(const struct scene *sc, const struct step *s)
{
	const struct segment_offload o = { .gso_size = 0 };
	uint8_t frame[8192];

	segment_out(sc->w, sc->h, frame, build(s, true, frame, sizeof(frame)), &o);
}

static void in(const struct scene *sc, const struct step *s)
{
	const struct segment_offload o = { .gso_size = 0 };
	uint8_t frame[8192];

	segment_in(sc->w, sc->h, frame, build(s, false, frame, sizeof(frame)), &o);
}

/* The host has connected. */
static struct scene begin(bool ts)
{
	const struct tcp_options_repr opt = {
		.mss = MSS, .sack_permitted = true, .has_ts = ts, .ts_val = 100
	};
	struct tcp_options_repr answer = opt;
	struct scene sc = { .w = world_new(1, false) };
	struct netstack_conf conf;

	netstack_conf_default(&conf);
	sc.h = host_new(sc.w, "host", &conf);
	answer.ts_ecr = ts ? 100 : 0;
	out(&sc, &(struct step){ TCP_SYN, ISS, 0, WINDOW, 0, opt, false });
	in(&sc, &(struct step){ TCP_SYN | TCP_ACK, IRS, ISS + 1, WINDOW, 0, answer, false });
	if (!ts)
		out(&sc, &(struct step){ TCP_ACK, ISS + 1, IRS + 1, WINDOW, 0, { 0 }, false });
	assert_string_equal(sc.w->failure, "");
	return sc;
}

static void end(struct scene *sc, const char *complaint)
{
	if (complaint)
		assert_non_null(strstr(sc->w->failure, complaint));
	else
		assert_string_equal(sc->w->failure, "");
	world_free(sc->w);
}

/* One segment after the handshake, and what is said of it. */
static void one(const struct step *s, const char *complaint)
{
	struct scene sc = begin(false);

	out(&sc, s);
	end(&sc, complaint);
}

static void good(void **state)
{
	struct scene sc = begin(false);

	(void)state; /* none */
	out(&sc, &(struct step){ TCP_ACK, ISS + 1, IRS + 1, WINDOW, MSS, { 0 }, false });
	out(&sc, &(struct step){ TCP_ACK, ISS + 1 + MSS, IRS + 1, WINDOW, MSS, { 0 }, false });
	in(&sc, &(struct step){ TCP_ACK, IRS + 1, ISS + 1, WINDOW, 500, { 0 }, false });
	out(&sc, &(struct step){ TCP_ACK, ISS + 1, IRS + 501, WINDOW - 500, MSS, { 0 }, false });
	out(&sc,
	    &(struct step){
		    TCP_ACK | TCP_FIN, ISS + 1 + 2 * MSS, IRS + 501, WINDOW, 10, { 0 }, false });
	out(&sc,
	    &(struct step){ TCP_ACK, ISS + 2 + 2 * MSS + 10, IRS + 501, WINDOW, 0, { 0 }, false });
	end(&sc, NULL);
}

static void numbers(void **state)
{
	(void)state; /* none */
	one(&(struct step){ TCP_ACK, ISS + 2, IRS + 1, WINDOW, 10, { 0 }, false }, "a hole");
	one(&(struct step){ TCP_ACK, ISS - 1, IRS + 1, WINDOW, 0, { 0 }, false },
	    "before its first");
	one(&(struct step){ TCP_ACK, ISS + 1, IRS + 1, WINDOW, MSS + 1, { 0 }, false },
	    "more than the MSS");
	one(&(struct step){ TCP_ACK, ISS + 1, IRS + 1, WINDOW, 10, { 0 }, true },
	    "a wrong checksum");
	one(&(struct step){ TCP_PSH, ISS + 1, 0, WINDOW, 10, { 0 }, false }, "no ACK");
}

static void windows(void **state)
{
	struct scene sc = begin(false);

	(void)state; /* none */
	for (uint32_t i = 0; i < 3; i++)
		out(&sc, &(struct step){
				 TCP_ACK, ISS + 1 + i * MSS, IRS + 1, WINDOW, MSS, { 0 }, false });
	/* a probe of one octet is fine */
	out(&sc, &(struct step){ TCP_ACK, ISS + 1 + WINDOW, IRS + 1, WINDOW, 1, { 0 }, false });
	assert_string_equal(sc.w->failure, "");
	out(&sc, &(struct step){ TCP_ACK, ISS + 1 + WINDOW, IRS + 1, WINDOW, 2, { 0 }, false });
	end(&sc, "data beyond the window");
	one(&(struct step){ TCP_ACK, ISS + 1, IRS + 1, WINDOW - 1, 0, { 0 }, false },
	    "takes window back");
}

static void acknowledgements(void **state)
{
	struct scene sc = begin(false);

	(void)state; /* none */
	one(&(struct step){ TCP_ACK, ISS + 1, IRS + 2, WINDOW, 0, { 0 }, false },
	    "acknowledges what did not come");
	in(&sc, &(struct step){ TCP_ACK, IRS + 1, ISS + 1, WINDOW, 50, { 0 }, false });
	out(&sc, &(struct step){ TCP_ACK, ISS + 1, IRS + 51, WINDOW, 0, { 0 }, false });
	out(&sc, &(struct step){ TCP_ACK, ISS + 1, IRS + 1, WINDOW + 50, 0, { 0 }, false });
	end(&sc, "takes an acknowledgement back");
}

static void fins(void **state)
{
	struct scene sc = begin(false);

	(void)state; /* none */
	out(&sc, &(struct step){ TCP_ACK | TCP_FIN, ISS + 1, IRS + 1, WINDOW, 10, { 0 }, false });
	out(&sc, &(struct step){ TCP_ACK, ISS + 12, IRS + 1, WINDOW, 1, { 0 }, false });
	end(&sc, "more behind FIN");
	sc = begin(false);
	out(&sc, &(struct step){ TCP_ACK | TCP_FIN, ISS + 1, IRS + 1, WINDOW, 10, { 0 }, false });
	out(&sc, &(struct step){ TCP_ACK | TCP_FIN, ISS + 1, IRS + 1, WINDOW, 9, { 0 }, false });
	end(&sc, "FIN has moved");
}

static void options(void **state)
{
	struct step s = { TCP_ACK, ISS + 1, IRS + 1, WINDOW, 0, { 0 }, false };
	struct scene sc;

	(void)state; /* none */
	s.opt.n_sack = 1;
	s.opt.sack[0] = (struct tcp_sack){ seq_of(IRS + 10), seq_of(IRS + 20) };
	one(&s, "SACK of what did not come");
	s.opt = (struct tcp_options_repr){ .has_ts = true, .ts_val = 100, .ts_ecr = 100 };
	one(&s, "not agreed on");

	sc = begin(true);
	out(&sc, &s);
	assert_string_equal(sc.w->failure, "");
	s.opt.ts_val = 99;
	out(&sc, &s);
	end(&sc, "its clock goes back");
	sc = begin(true);
	s.opt.ts_val = 100;
	s.opt.ts_ecr = 101;
	out(&sc, &s);
	end(&sc, "echoes a timestamp that did not come");
	sc = begin(true);
	s.opt = (struct tcp_options_repr){ .mss = 0 };
	out(&sc, &s);
	end(&sc, "no timestamp");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),    cmocka_unit_test(numbers),
		cmocka_unit_test(windows), cmocka_unit_test(acknowledgements),
		cmocka_unit_test(fins),    cmocka_unit_test(options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
