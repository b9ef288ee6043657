/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A runner that finds fault with nothing proves nothing: scripts that are wrong in one
 * line each, and what it says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/packet/world.h"

#define LISTEN                                                                                     \
	"socket(tcp) = 3\n"                                                                        \
	"bind(3, any:80) = 0\n"                                                                    \
	"listen(3, 5) = 0\n"

#define ESTABLISHED                                                                                \
	LISTEN "< S 0 win 65535 <mss 1460>\n"                                                      \
	       "> S. 0 ack 1 <mss 1460>\n"                                                         \
	       "+0.1 < . 1 ack 1 win 65535\n"                                                      \
	       "accept(3) = 4\n"

/* "" when the script passes. */
static void run(const char *text, bool ip6, bool offload, char ret[static 512])
{
	static const struct script_source nowhere = { "/nonexistent" };
	const struct variant v = { .ip6 = ip6, .offload = offload, .isn = UINT32_MAX - 50 };
	CLEANUP(script_done) struct script s = { .n_steps = 0 };
	cleanup_free struct world *w = malloc(sizeof(*w));
	struct nerr err;

	assert_non_null(w);
	if (script_parse(&s, &nowhere, "t.pkt", text, &err) < 0)
		fail_msg("%s", err.msg);
	(void)run_script(w, &s, &v);
	world_done(w);
	memcpy(ret, w->failure, 512);
}

static void passes(const char *text)
{
	char failure[512];

	for (int i = 0; i < 4; i++) {
		run(text, i & 1, i & 2, failure);
		assert_string_equal(failure, "");
	}
}

static void fails(const char *text, const char *why)
{
	char failure[512];

	for (int i = 0; i < 4; i++) {
		run(text, i & 1, i & 2, failure);
		if (strcmp(failure, why) != 0)
			fail_msg("'%s' instead of '%s'", failure, why);
	}
}

static void right_scripts_pass(void **state)
{
	(void)state;
	passes("");
	passes(ESTABLISHED "write(4, 3000) = 3000\n"
			   "> . 1:1461 ack 1\n"
			   "> . 1461:2921 ack 1\n"
			   "> P. 2921:3001 ack 1\n"
			   "+0.1 < . 1 ack 3001 win 65535\n"
			   "+10 nothing\n");
}

static void wrong_segments(void **state)
{
	(void)state;
	fails(LISTEN "< S 0\n"
		     "> S 0\n",
	      "its flags are others");
	fails(LISTEN "< S 0\n"
		     "> S. 0 ack 2 <mss 1460>\n",
	      "it acknowledges 1");
	fails(LISTEN "< S 0\n"
		     "> S. 0 ack 1 <mss 1459>\n",
	      "MSS is 1460");
	fails(LISTEN "< S 0\n"
		     "> S. 0 ack 1 <>\n",
	      "option 2 is there, too");
	fails(LISTEN "< S 0\n"
		     "> S. 0 ack 1 <mss 1460, sackOK>\n",
	      "the option sackOK is not there");
	fails(LISTEN "< S 0\n"
		     "> S. 0 ack 1 win 1 <mss 1460>\n",
	      "its window is 64240");
	fails(ESTABLISHED "write(4, 10) = 10\n"
			  "> P. 2:12 ack 1\n",
	      "its sequence number is 1");
	fails(ESTABLISHED "write(4, 10) = 10\n"
			  "> P. 1:12 ack 1\n",
	      "it has 10 octets of data");
	fails(ESTABLISHED "write(4, 10) = 10\n"
			  "> P. 1:11 ack 1 tos=4\n",
	      "its TOS is 0");
	fails(ESTABLISHED "write(4, 10) = 10\n"
			  "> udp 10\n",
	      "it is no UDP datagram");
}

static void wrong_times(void **state)
{
	(void)state;
	fails(ESTABLISHED "> . 1 ack 1\n", "no packet was sent until then");
	fails(LISTEN "< S 0\n"
		     "+0.1 > S. 0 ack 1 <mss 1460>\n",
	      "it was sent at +0.000000");
	fails(ESTABLISHED "write(4, 10) = 10\n"
			  "> P. 1:11 ack 1\n"
			  "+0~0.2 > P. 1:11 ack 1\n",
	      "no packet was sent until then");
	fails(ESTABLISHED "write(4, 10) = 10\n"
			  "> P. 1:11 ack 1\n"
			  "+0.4~1 > P. 1:11 ack 1\n",
	      "it was sent at +0.302995");
}

static void packets_nobody_expects(void **state)
{
	(void)state;
	fails(LISTEN "< S 0\n"
		     "+1 nothing\n",
	      "a packet that no line expects: +0.000000 > S. 0 ack 1 win 64240 <mss 1460>");
	/* at the end as well */
	fails(LISTEN "< S 0\n",
	      "a packet that no line expects: +0.000000 > S. 0 ack 1 win 64240 <mss 1460>");
	fails(ESTABLISHED "close(4) = 0\n"
			  "> F. 1 ack 1\n"
			  "+5 nothing\n",
	      "a packet that no line expects: +0.302995 > F. 1 ack 1 win 65535");
}

static void wrong_results(void **state)
{
	(void)state;
	fails("socket(tcp) = -1 EINVAL\n", "it does not fail: it returns 0");
	fails(LISTEN "accept(3) = 4\n", "it returns -1 EAGAIN");
	fails(LISTEN "accept(3) = -1 EINVAL\n", "it returns -1 EAGAIN");
	fails(LISTEN "poll(3, IN) = IN\n", "it returns 0");
	fails(LISTEN "state(3) = ESTABLISHED\n", "it returns LISTEN");
	fails(LISTEN "getsockname(3) = local:80\n", "the address is any:80");
	fails(LISTEN "stat tcp.in_segs = 1\n", "in_segs is 0");
	fails(LISTEN "getsockopt(3, TCP_CONGESTION) = \"reno\"\n", "it is 'cubic'");
	fails(ESTABLISHED "< R 1\n"
			  "getsockopt(4, SO_ERROR) = 0\n",
	      "it returns ECONNRESET");
}

/* What is read must be what the peer sent. */
static void data_is_compared(void **state)
{
	(void)state;
	fails(ESTABLISHED "< P. 1:11 ack 1\n"
			  "* > . 1 ack 11\n"
			  "recv(4, 5, TRUNC) = 5\n"
			  "read(4, 5) = 5\n",
	      "octet 0 that was read is not octet 1 of the peer's");
}

static void parameters_without_sense(void **state)
{
	(void)state;
	fails("param tcp.cc = nosuch\n"
	      "socket(tcp) = 3\n",
	      "no instance can be made with these parameters: Invalid argument");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_scripts_pass),
		cmocka_unit_test(wrong_segments),
		cmocka_unit_test(wrong_times),
		cmocka_unit_test(packets_nobody_expects),
		cmocka_unit_test(wrong_results),
		cmocka_unit_test(data_is_compared),
		cmocka_unit_test(parameters_without_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
