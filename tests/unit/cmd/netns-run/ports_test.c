/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/netns-run/ports.h"

#include <net/if.h>

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

static struct port parsed(const char *text)
{
	struct port p = { 0 };
	struct nerr err = NERR_INIT;

	if (port_parse(text, &p, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return p;
}

static void refused(const char *text, const char *why)
{
	CLEANUP(strbuf_done) struct strbuf msg = STRBUF_INIT;
	struct port p = { .host = 77 };
	struct nerr err = NERR_INIT;

	strbuf_addf(&msg, "port '%s'%s", text, why);
	assert_int_equal(port_parse(text, &p, &err), -EINVAL);
	assert_string_equal(err.msg, msg.s);
	assert_int_equal(p.host, 77);
}

static void prints(const char *text, const char *want)
{
	CLEANUP(strbuf_done) struct strbuf got = STRBUF_INIT;
	const struct port p = parsed(text);

	ports_print(&p, 1, &got);
	assert_string_equal(got.s, want);
}

static void a_port_becomes_a_mapping(void **state)
{
	(void)state;
	prints("8080:80", "[{\"hostPort\":8080,\"containerPort\":80,\"protocol\":\"tcp\"}]");
	prints("1:65535/UDP", "[{\"hostPort\":1,\"containerPort\":65535,\"protocol\":\"udp\"}]");
	prints("192.0.2.1:8080:80/sctp",
	       "[{\"hostPort\":8080,\"containerPort\":80,\"protocol\":\"sctp\",\"hostIP\":\"192.0.2.1\"}]");
	prints("[2001:DB8::1]:8080:80",
	       "[{\"hostPort\":8080,\"containerPort\":80,\"protocol\":\"tcp\",\"hostIP\":\"2001:db8::1\"}]");
}

static void a_range_is_counted_out(void **state)
{
	(void)state;
	prints("8000-8002:80-82/udp",
	       "[{\"hostPort\":8000,\"containerPort\":80,\"protocol\":\"udp\"},"
	       "{\"hostPort\":8001,\"containerPort\":81,\"protocol\":\"udp\"},"
	       "{\"hostPort\":8002,\"containerPort\":82,\"protocol\":\"udp\"}]");
	assert_int_equal(parsed("1-65535:1-65535").n, 65535);
}

static void what_is_no_port_is_refused(void **state)
{
	static const char numbers[] =
		": ports must be numbers from 1 to 65535 or ranges a-b of them";
	static const char ip[] =
		": the part before the first port must be an IP address ([...] around IPv6)";

	(void)state;
	refused("", " must be [ip:]host:container[/proto]");
	refused("80", " must be [ip:]host:container[/proto]");
	refused("80:", numbers);
	refused(":80", numbers);
	refused("0:80", numbers);
	refused("80:65536", numbers);
	refused("80:99999999999999999999", numbers);
	refused("-1:80", numbers);
	refused("80:8 0", numbers);
	refused("82-80:82-80", numbers);
	refused("80-:80", numbers);
	refused("80-82:80-81", ": the ranges have 3 and 2 ports");
	refused("80:80/icmp", ": protocol must be tcp, udp or sctp");
	refused("80:80/", ": protocol must be tcp, udp or sctp");
	refused("localhost:80:80", ip);
	refused("::1:80:80", ip);
	refused("[::1]80:80", ip);
	refused("[::1:80:80", ip);
	refused("[x]:80:80", ip);
	refused("256.0.0.1:80:80", ip);
	refused("1.2.3.4:80:80:80", numbers);
}

/* Two mappings together: "" when they are fine, else the message. */
static void together(const char *a, const char *b, const char *msg)
{
	const struct port ports[] = { parsed(a), parsed(b) };
	struct nerr err = NERR_INIT;

	assert_int_equal(ports_check(ports, 2, &err), *msg ? -EINVAL : 0);
	assert_string_equal(err.msg, msg);
}

static void a_host_port_is_published_once(void **state)
{
	(void)state;
	together("80:80", "81:80", "");
	together("80:80/tcp", "80:80/udp", "");
	together("192.0.2.1:80:80", "192.0.2.2:80:80", "");
	together("0.0.0.0:80:80", "[::]:80:80", "");
	together("80:80", "80:81", "host port 80/tcp is published twice");
	together("80:80", "192.0.2.1:80:80", "host port 80/tcp is published twice");
	together("[::]:80:80", "[::1]:80:80", "host port 80/tcp is published twice");
	together("70-80:70-80/udp", "80-90:80-90/udp", "host port 80/udp is published twice");
	together("70-79:70-79", "80-90:80-90", "");
	together("1-4000:1-4000", "5000-5096:5000-5096",
		 "4097 ports are published, at most 4096 can be");
}

/* --- claims, in a network namespace of the test's own --- */

/* What another process is told that claims the port: 0 or negative errno.  It ends at once,
 * and its claim with it.
 */
static int claim_elsewhere(const char *text, char msg[static 256])
{
	const struct port p = parsed(text);
	struct nerr err = NERR_INIT;
	int fd[2];
	int status;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int r = ports_claim(&p, 1, &err);

		_exit(write(fd[1], err.msg, strlen(err.msg) + 1) < 0 ? 255 : -r);
	}
	(void)close(fd[1]);
	assert_true(read(fd[0], msg, 256) > 0);
	(void)close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void is_taken(const char *text, const char *want)
{
	char msg[256];

	assert_int_equal(claim_elsewhere(text, msg), -EADDRINUSE);
	assert_string_equal(msg, want);
}

static void is_free(const char *text)
{
	char msg[256];

	if (claim_elsewhere(text, msg) != 0)
		fail_msg("%s: %s", text, msg);
}

static void a_claimed_port_is_in_use_for_others(void **state)
{
	const struct port ports[] = { parsed("8080-8082:80-82"), parsed("127.0.0.1:53:53/udp"),
				      parsed("[::1]:54:54/udp") };
	struct nerr err = NERR_INIT;
	char msg[256];

	(void)state;
	assert_int_equal(ports_claim(ports, ARRAY_SIZE(ports), &err), 0);
	is_taken("8081:80", "host port 8081/tcp is in use");
	is_taken("127.0.0.1:8082:80", "host port 8082/tcp is in use");
	is_taken("[::1]:8080:80", "host port 8080/tcp is in use");
	is_free("8081:80/udp");
	is_free("8083:80");
	is_taken("53:53/udp", "host port 53/udp is in use");
	is_free("127.0.0.2:53:53/udp");
	is_free("[::1]:53:53/udp");
	is_taken("[::]:54:54/udp", "host port 54/udp is in use");
	is_free("0.0.0.0:54:54/udp");
	assert_int_equal(claim_elsewhere("192.0.2.9:80:80", msg), -EADDRNOTAVAIL);
	assert_string_equal(msg, "address 192.0.2.9 of port 80/tcp is not on this host");
}

static void many_ports_can_be_claimed(void **state)
{
	char msg[256];

	(void)state;
	if (claim_elsewhere("20000-24095:20000-24095", msg) != 0)
		fail_msg("%s", msg);
}

static int own_namespace(void **state)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	cleanup_close int fd = -1;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		perror("unshare");
		return -1;
	}
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	return fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &ifr);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_becomes_a_mapping),
		cmocka_unit_test(a_range_is_counted_out),
		cmocka_unit_test(what_is_no_port_is_refused),
		cmocka_unit_test(a_host_port_is_published_once),
		cmocka_unit_test(a_claimed_port_is_in_use_for_others),
		cmocka_unit_test(many_ports_can_be_claimed),
	};

	return cmocka_run_group_tests(tests, own_namespace, NULL);
}
