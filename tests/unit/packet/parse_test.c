/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/packet/call.h"
#include "tests/packet/names.h"
#include "tests/packet/script.h"
#include "wire/tcp.h"

static const struct script_source nowhere = { "/nonexistent" };

static struct script parse(const char *text)
{
	struct script s = { .n_steps = 0 };
	struct nerr err;
	const int r = script_parse(&s, &nowhere, "t.pkt", text, &err);

	if (r < 0)
		fail_msg("%s", err.msg);
	return s;
}

static void directives(void **state)
{
	struct script s = parse("# a comment\n"
				"\n"
				"family ipv6   # another\n"
				"offload on\n"
				"isn 4294967295\n"
				"mtu 1400\n"
				"param tcp.sack = 0\n"
				"param tcp.cc = reno\n"
				"conn b 5000 > 80\n"
				"stat tcp.challenge_acks = 1~3\n"
				"drop tcp-paws = 0\n"
				"memory time_wait = *\n"
				"link down\n");

	(void)state;
	assert_int_equal(s.families, FAMILY_IP6);
	assert_int_equal(s.offload, OFFLOAD_ON);
	assert_true(s.has_isn);
	assert_int_equal(s.isn, UINT32_MAX);
	assert_int_equal(s.n_steps, 8);
	assert_int_equal(s.steps[0].kind, STEP_MTU);
	assert_int_equal(s.steps[0].line, 6);
	assert_int_equal(s.steps[0].n.lo, 1400);
	assert_string_equal(params[s.steps[1].index].name, "tcp.sack");
	assert_string_equal(s.steps[2].name, "reno");
	assert_int_equal(s.steps[3].peer_port, 5000);
	assert_int_equal(s.steps[3].local_port, 80);
	assert_string_equal(s.conns[s.steps[3].index], "b");
	assert_int_equal(s.steps[4].count, COUNT_TCP);
	assert_int_equal(s.steps[4].n.hi, 3);
	assert_int_equal(s.steps[5].count, COUNT_DROP);
	assert_true(s.steps[6].n.any);
	assert_int_equal(s.steps[7].kind, STEP_LINK);
	assert_int_equal(s.steps[7].n.lo, 0);
	script_done(&s);
}

static void times(void **state)
{
	struct script s = parse("> . 1 ack 1\n"
				"+0.25 > . 1 ack 1\n"
				"+1~2.5 > . 1 ack 1\n"
				"+1~ > . 1 ack 1\n"
				"* > . 1 ack 1\n"
				"+0.000000001 nothing\n");

	(void)state;
	assert_int_equal(s.steps[0].when.hi_ns, 0);
	assert_int_equal(s.steps[1].when.lo_ns, 250000000);
	assert_int_equal(s.steps[1].when.hi_ns, 250000000);
	assert_int_equal(s.steps[2].when.hi_ns, 2500000000);
	assert_int_equal(s.steps[3].when.lo_ns, 1000000000);
	assert_in_range(s.steps[3].when.hi_ns, 1002000000, 1030000000);
	assert_true(s.steps[4].when.any);
	assert_int_equal(s.steps[5].when.lo_ns, 1);
	script_done(&s);
}

static void segments(void **state)
{
	struct script s = parse("< S 0 win 100 <mss 1460, sackOK, nop, wscale 7, TS 10 0>\n"
				"> SP?. -5:1000 ack 4294967295 win 1~5 <mss *, TS a+5 *, ...>\n"
				"> [x] PU. 1:2 ack 3 urg 9 <sack 1:2 3:4>\n"
				"< R 0x10 csum=bad ttl=3 from=router doff=6 reserved=2 frag=8:16+\n"
				"< 0 7\n"
				"> . $e-1:$e+2 ack $e win $f\n");
	const struct packet *p = &s.steps[0].packet;

	(void)state;
	assert_int_equal(p->kind, PACKET_TCP);
	assert_int_equal(p->flags, TCP_SYN);
	assert_int_equal(p->win.lo, 100);
	assert_int_equal(p->opts.n, 5);
	assert_int_equal(p->opts.o[0].value, 1460);
	assert_int_equal(p->opts.o[4].kind, OPTION_TS);
	assert_int_equal(p->opts.o[4].ts_val.n, 10);

	p = &s.steps[1].packet;
	assert_int_equal(p->flags, TCP_SYN | TCP_PSH | TCP_ACK);
	assert_int_equal(p->flags_maybe, TCP_PSH);
	assert_int_equal(p->seq, (uint32_t)-5);
	assert_int_equal(p->len, 1005);
	assert_int_equal(p->ack, UINT32_MAX);
	assert_int_equal(p->win.hi, 5);
	assert_true(p->opts.more);
	assert_true(p->opts.o[0].any);
	assert_int_equal(p->opts.o[1].ts_val.kind, TS_SYMBOL);
	assert_int_equal(p->opts.o[1].ts_val.n, 5);
	assert_int_equal(p->opts.o[1].ts_ecr.kind, TS_ANY);

	p = &s.steps[2].packet;
	assert_string_equal(s.conns[p->conn], "x");
	assert_int_equal(p->urg, 9);
	assert_int_equal(p->opts.o[0].n_sack, 2);
	assert_int_equal(p->opts.o[0].sack[1][1], 4);
	assert_true(p->win.any);

	p = &s.steps[3].packet;
	assert_int_equal(p->seq, 16);
	assert_true(p->csum_bad);
	assert_int_equal(p->ttl, 3);
	assert_int_equal(p->src, PLACE_ROUTER);
	assert_int_equal(p->frag_off, 8);
	assert_int_equal(p->frag_len, 8);
	assert_true(p->frag_more);
	assert_int_equal(s.steps[4].packet.flags, 0);

	p = &s.steps[5].packet;
	assert_string_equal(s.symbols[p->plus_seq - 1], "e");
	assert_int_equal(p->seq, (uint32_t)-1);
	assert_int_equal(p->len, 3);
	assert_int_equal(p->plus_end, p->plus_seq);
	assert_string_equal(s.symbols[p->win_symbol - 1], "f");
	script_done(&s);
}

static void other_packets(void **state)
{
	struct script s = parse("< udp 100\n"
				"> icmp too-big\n"
				"< icmp too-big mtu 1400 about 1\n"
				"> echo-reply 56 id 7 seq 8\n"
				"> fragment 0:1480+\n"
				"< raw 45 00 0102\n");

	(void)state;
	assert_int_equal(s.steps[0].packet.kind, PACKET_UDP);
	assert_int_equal(s.steps[0].packet.len, 100);
	assert_string_equal(s.steps[1].packet.icmp->name, "too-big");
	assert_int_equal(s.steps[2].packet.mtu, 1400);
	assert_true(s.steps[2].packet.has_about);
	assert_int_equal(s.steps[3].packet.kind, PACKET_ECHO_REPLY);
	assert_int_equal(s.steps[3].packet.icmp_seq, 8);
	assert_int_equal(s.steps[4].packet.frag_len, 1480);
	assert_int_equal(s.steps[5].packet.raw_len, 4);
	assert_int_equal(s.steps[5].packet.raw[3], 2);
	script_done(&s);
}

static void calls(void **state)
{
	struct script s = parse("socket(tcp) = 3\n"
				"connect(3, peer:80) = -1 EINPROGRESS\n"
				"poll(3, IN|OUT|RDHUP) = IN|HUP\n"
				"epoll_wait(9) = 3:IN|OUT 4:HUP\n"
				"setsockopt(3, SO_LINGER, { 1, 5 }) = 0\n"
				"getsockopt(3, SO_ERROR) = ECONNRESET\n"
				"getsockopt(3, TCP_CONGESTION) = \"reno\"\n"
				"info(3, snd_cwnd) = 10~20\n"
				"state(3) = ESTABLISHED\n"
				"recvfrom(3, 100, PEEK|TRUNC) = 10 from peer:53\n"
				"writev(3, 1, 2, 3) = 6\n"
				"read(3, 10) = -1 EAGAIN\n");

	(void)state;
	assert_string_equal(s.steps[0].call.type->name, "socket");
	assert_int_equal(s.steps[0].call.want.n.lo, 3);
	assert_int_equal(s.steps[1].call.want.error, EINPROGRESS);
	assert_int_equal(s.steps[1].call.arg[1].addr.place, PLACE_PEER);
	assert_int_equal(s.steps[1].call.arg[1].addr.port, 80);
	assert_int_equal(s.steps[2].call.arg[1].n, POLLIN | POLLOUT | POLLRDHUP);
	assert_int_equal(s.steps[2].call.want.n.lo, POLLIN | POLLHUP);
	assert_int_equal(s.steps[3].call.want.n_list, 4);
	assert_int_equal(s.steps[3].call.want.list[2], 4);
	assert_int_equal(s.steps[4].call.arg[2].list[1], 5);
	assert_int_equal(s.steps[5].call.want.n.lo, ECONNRESET);
	assert_string_equal(s.steps[6].call.want.text, "reno");
	assert_int_equal(s.steps[7].call.want.n.hi, 20);
	assert_int_equal(s.steps[8].call.want.n.lo, 1);
	assert_true(s.steps[9].call.want.has_addr);
	assert_int_equal(s.steps[10].call.arg[1].n_list, 3);
	assert_int_equal(s.steps[11].call.want.error, EAGAIN);
	script_done(&s);
}

/* Every wrong line is refused where it is wrong, in words. */
static void errors(void **state)
{
	static const struct {
		const char *text;
		const char *msg;
	} wrong[] = {
		{ "sokcet(tcp) = 3", "t.pkt:1:7: no call and no directive is called 'sokcet'" },
		{ "\n\n+0 socket(tcp)", "t.pkt:3:15: expected '=', found the end of the line" },
		{ "socket(tcp) = x", "t.pkt:1:15: expected a descriptor, found 'x'" },
		{ "close(3) = -1 ENOSUCH",
		  "t.pkt:1:22: expected the name of an error, found 'ENOSUCH'" },
		{ "close(300) = 0", "t.pkt:1:7: a descriptor 300 is out of range (-1 to 299)" },
		{ "write(3) = 0", "t.pkt:1:8: write() needs more arguments here, found ') = 0'" },
		{ "poll(3, IN|WHAT) = 0", "t.pkt:1:16: no flag here is called 'WHAT'" },
		{ "bind(3, mars:80) = 0", "t.pkt:1:13: no address is called 'mars'" },
		{ "getsockopt(3, SO_MAGIC) = 0", "t.pkt:1:23: no option is called 'SO_MAGIC'" },
		{ "< X 0",
		  "t.pkt:1:3: expected TCP flags (of FSRP.UEWA), udp, icmp, echo, echo-reply, fragment or raw" },
		{ "< S", "t.pkt:1:4: expected a sequence number, found the end of the line" },
		{ "< . 1", "t.pkt:1:6: a segment with '.' needs 'ack NUMBER'" },
		{ "< S 0 ack 1", "t.pkt:1:12: 'ack' goes with the flag '.'" },
		{ "< U. 1 ack 1", "t.pkt:1:13: a segment with 'U' needs 'urg NUMBER'" },
		{ "< P. 10:1 ack 1", "t.pkt:1:10: a segment has 0 to 65535 octets" },
		{ "< S 0 win 65536", "t.pkt:1:16: a window is from 0 to 65535" },
		{ "< S 0 win 1~2", "t.pkt:1:14: a packet that is injected has one window" },
		{ "< P?. 1 ack 1", "t.pkt:1:3: '?' is for packets that are expected" },
		{ "> S 0 csum=bad",
		  "t.pkt:1:15: what we send is right: csum is for packets to inject" },
		{ "< S 0 <mss>", "t.pkt:1:11: expected MSS, found '>'" },
		{ "< S 0 <mss 1460", "t.pkt:1:16: expected ',', found the end of the line" },
		{ "< S 0 <tfo>", "t.pkt:1:11: no TCP option is called 'tfo'" },
		{ "< S 0 <...>", "t.pkt:1:11: '...' is for packets that are expected" },
		{ "< udp 10 ack 1", "t.pkt:1:13: 'ack' does not go with this kind of packet" },
		{ "< icmp earthquake", "t.pkt:1:18: no ICMP error is called 'earthquake'" },
		{ "< S 0 frag=3:16", "t.pkt:1:16: fragments begin at multiples of 8" },
		{ "+x > S 0", "t.pkt:1:2: expected seconds, as in 0.25" },
		{ "+2~1 > S 0", "t.pkt:1:5: this time ends before it begins" },
		{ "+1~2 < S 0", "t.pkt:1:11: a range of time is for packets that are expected" },
		{ "+1~2 close(3) = 0",
		  "t.pkt:1:18: a range of time is for packets that are expected" },
		{ "param tcp.magic = 1", "t.pkt:1:16: no parameter is called 'tcp.magic'" },
		{ "param tcp.sack = 300", "t.pkt:1:18: a value 300 is out of range (-128 to 255)" },
		{ "stat tcp.magic = 1", "t.pkt:1:15: no counter is called 'tcp.magic'" },
		{ "stat magic = 1", "t.pkt:1:11: a counter is called tcp.NAME or ip.NAME" },
		{ "drop magic = 1", "t.pkt:1:11: no counter is called 'magic'" },
		{ "family ipx", "t.pkt:1:11: expected ipv4, ipv6 or both, found 'ipx'" },
		{ "close(3) = 0 x", "t.pkt:1:14: expected the end of the line, found 'x'" },
		{ "include other",
		  "cannot open '/nonexistent/other.inc': No such file or directory" },
	};

	int n_bad = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct script s = { .n_steps = 0 };
		struct nerr err;

		if (script_parse(&s, &nowhere, "t.pkt", wrong[i].text, &err) == 0 ||
		    strcmp(err.msg, wrong[i].msg) != 0) {
			print_error("%s: %s\n", wrong[i].text, err.msg);
			n_bad++;
		}
		script_done(&s);
	}
	assert_int_equal(n_bad, 0);
}

/* Whatever a line is cut to, it is taken or refused with a place. */
static void truncated_lines(void **state)
{
	static const char *const lines[] = {
		"+0.1~0.2 > [conn] SFP?. 1:1001 ack 1 win 5 <mss 1460, sack 1:2 3:4, TS a+1 *, ...> ttl=64",
		"+0 recvfrom(3, 1000, PEEK|TRUNC) = 100 from peer:40000",
		"+0 setsockopt(3, SO_LINGER, { 1, 0 }) = 0",
		"< icmp too-big mtu 1400 about 1 from=router",
		"< P. $end-1:$end+100 ack 1 frag=0:24+ ip-id=7",
		"param tcp.sack = 0",
		"conn b 5000 > 80",
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		for (size_t n = 0; n <= strlen(lines[i]); n++) {
			struct script s = { .n_steps = 0 };
			struct nerr err;
			int r;

			(void)snprintf(text, sizeof(text), "%.*s", (int)n, lines[i]);
			r = script_parse(&s, &nowhere, "t.pkt", text, &err);
			if (r < 0)
				assert_memory_equal(err.msg, "t.pkt:1:", 8);
			else if (n == 0)
				assert_int_equal(s.n_steps, 0);
			script_done(&s);
		}
}

static void includes(void **state)
{
	char dir[] = "/tmp/fairlead-packet-XXXXXX", path[100];
	struct script s = { .n_steps = 0 };
	struct script_source src = { dir };
	struct nerr err;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/a.inc", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "close(3) = 0\nclose(4) = 0\n", 26), 26);
	assert_int_equal(close(fd), 0);
	assert_int_equal(script_parse(&s, &src, "t.pkt", "include a\nclose(5) = 0\n", &err), 0);
	assert_int_equal(s.n_steps, 3);
	assert_string_equal(s.steps[1].file, path);
	assert_int_equal(s.steps[1].line, 2);
	assert_string_equal(s.steps[2].file, "t.pkt");
	script_done(&s);

	/* one that includes itself comes to an end */
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "include a\n", 10), 10);
	assert_int_equal(close(fd), 0);
	assert_int_equal(script_parse(&s, &src, "t.pkt", "include a\n", &err), -EINVAL);
	assert_non_null(strstr(err.msg, "includes are deeper than"));
	script_done(&s);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directives),      cmocka_unit_test(times),
		cmocka_unit_test(segments),        cmocka_unit_test(other_packets),
		cmocka_unit_test(calls),           cmocka_unit_test(errors),
		cmocka_unit_test(truncated_lines), cmocka_unit_test(includes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
