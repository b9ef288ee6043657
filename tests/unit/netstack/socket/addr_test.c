/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "netstack/socket/socket_priv.h"
#include "tests/unit/netstack/twin.h"

/* What a program may hand over: the right thing, and everything wrong with it. */
struct given {
	const char *what;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		uint8_t bytes[256];
	};
	socklen_t len;
};

static struct given given4(const char *what, int family, const char *addr, uint16_t port,
			   socklen_t len)
{
	struct given g = { .what = what, .len = len };

	g.in.sin_family = (sa_family_t)family;
	g.in.sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, addr, &g.in.sin_addr), 1);
	return g;
}

static struct given given6(const char *what, int family, const char *addr, uint16_t port,
			   uint32_t scope, socklen_t len)
{
	struct given g = { .what = what, .len = len };

	g.in6.sin6_family = (sa_family_t)family;
	g.in6.sin6_port = htons(port);
	g.in6.sin6_scope_id = scope;
	assert_int_equal(inet_pton(AF_INET6, addr, &g.in6.sin6_addr), 1);
	return g;
}

#define GIVEN_MAX 64

static size_t all_given(uint16_t port, struct given *g)
{
	size_t n = 0;

	g[n++] = given4("nothing", AF_INET, "127.0.0.1", port, 0);
	g[n++] = given4("a byte", AF_INET, "127.0.0.1", port, 1);
	g[n++] = given4("a family", AF_INET, "127.0.0.1", port, 2);
	g[n++] = given4("half", AF_INET, "127.0.0.1", port, 8);
	g[n++] = given4("all but a byte", AF_INET, "127.0.0.1", port, 15);
	g[n++] = given4("127.0.0.1", AF_INET, "127.0.0.1", port, 16);
	g[n++] = given4("127.0.0.1 and more", AF_INET, "127.0.0.1", port, 28);
	g[n++] = given4("0.0.0.0", AF_INET, "0.0.0.0", port, 16);
	g[n++] = given4("not ours", AF_INET, "192.0.2.1", port, 16);
	g[n++] = given4("multicast", AF_INET, "224.1.2.3", port, 16);
	g[n++] = given4("broadcast", AF_INET, "255.255.255.255", port, 16);
	g[n++] = given4("AF_UNSPEC 0.0.0.0", AF_UNSPEC, "0.0.0.0", port, 16);
	g[n++] = given4("AF_UNSPEC 127.0.0.1", AF_UNSPEC, "127.0.0.1", port, 16);
	g[n++] = given4("AF_UNIX", AF_UNIX, "127.0.0.1", port, 16);
	g[n++] = given6("::1", AF_INET6, "::1", port, 0, 28);
	g[n++] = given6("::1 of RFC 2133", AF_INET6, "::1", port, 0, 24);
	g[n++] = given6("::1 too short", AF_INET6, "::1", port, 0, 23);
	g[n++] = given6("::1 as long as IPv4", AF_INET6, "::1", port, 0, 16);
	g[n++] = given6("::1 longest", AF_INET6, "::1", port, 0, 128);
	g[n++] = given6("::1 too long", AF_INET6, "::1", port, 0, 129);
	g[n++] = given6("::1 negative", AF_INET6, "::1", port, 0, (socklen_t)-1);
	g[n++] = given6("::", AF_INET6, "::", port, 0, 28);
	g[n++] = given6("::1 with a scope", AF_INET6, "::1", port, 77, 28);
	g[n++] = given6("mapped", AF_INET6, "::ffff:127.0.0.1", port, 0, 28);
	g[n++] = given6("mapped any", AF_INET6, "::ffff:0.0.0.0", port, 0, 28);
	g[n++] = given6("mapped not ours", AF_INET6, "::ffff:192.0.2.1", port, 0, 28);
	g[n++] = given6("not ours 6", AF_INET6, "2001:db8::1", port, 0, 28);
	g[n++] = given6("link-local", AF_INET6, "fe80::1", port, 0, 28);
	g[n++] = given6("link-local of nowhere", AF_INET6, "fe80::1", port, 77, 28);
	g[n++] = given6("multicast 6", AF_INET6, "ff05::1:3", port, 0, 28);
	g[n++] = given6("multicast 6 of a link", AF_INET6, "ff02::1:3", port, 0, 28);
	g[n++] = given6("AF_UNIX 6", AF_UNIX, "::1", port, 0, 28);
	g[n++] = given6("AF_UNSPEC 6", AF_UNSPEC, "::", port, 0, 28);
	assert_true(n <= GIVEN_MAX);
	return n;
}

/* Sockets in each state that matters. */
static const struct {
	const char *what;
	int domain;
	int type;
	int protocol;
	int v6only;
	const char *bound;
} socks[] = {
	{ "TCP 4", AF_INET, SOCK_STREAM, 0, 0, NULL },
	{ "TCP 4 bound", AF_INET, SOCK_STREAM, 0, 0, "127.0.0.1" },
	{ "TCP 6", AF_INET6, SOCK_STREAM, 0, 0, NULL },
	{ "TCP 6 only", AF_INET6, SOCK_STREAM, 0, 1, NULL },
	{ "TCP 6 bound", AF_INET6, SOCK_STREAM, 0, 0, "::1" },
	{ "TCP 6 bound mapped", AF_INET6, SOCK_STREAM, 0, 0, "::ffff:127.0.0.1" },
	{ "UDP 4", AF_INET, SOCK_DGRAM, 0, 0, NULL },
	{ "UDP 4 bound", AF_INET, SOCK_DGRAM, 0, 0, "127.0.0.1" },
	{ "UDP 6", AF_INET6, SOCK_DGRAM, 0, 0, NULL },
	{ "UDP 6 only", AF_INET6, SOCK_DGRAM, 0, 1, NULL },
	{ "UDP 6 bound", AF_INET6, SOCK_DGRAM, 0, 0, "::1" },
	{ "UDP 6 bound mapped", AF_INET6, SOCK_DGRAM, 0, 0, "::ffff:127.0.0.1" },
	{ "raw 4", AF_INET, SOCK_RAW, 253, 0, NULL },
	{ "raw 6", AF_INET6, SOCK_RAW, 253, 0, NULL },
};

static struct twin open_row(size_t i)
{
	struct twin t = twin_socket(socks[i].domain, socks[i].type, socks[i].protocol);
	struct twin_addr a;

	if (socks[i].v6only)
		assert_same(twin_setsockopt(&t, IPPROTO_IPV6, IPV6_V6ONLY, 1), "V6ONLY");
	if (socks[i].bound) {
		a = twin_addr(socks[i].domain, socks[i].bound, 0);
		assert_same(twin_bind(&t, &a), "%s", socks[i].what);
	}
	return t;
}

/* Linux sends from an address of lo to many, on lo; we have no link to send them on.  It lets a raw
 * socket of IPv6 be connected to an IPv4 address, to no avail.
 */
static bool is_left_out(size_t row, const struct given *g)
{
	if (socks[row].type == SOCK_RAW && socks[row].domain == AF_INET6 &&
	    strncmp(g->what, "mapped", 6) == 0)
		return true;
	return socks[row].bound && socks[row].type == SOCK_DGRAM &&
	       (strcmp(g->what, "multicast") == 0 || strcmp(g->what, "broadcast") == 0);
}

/* Everything but the number of an ephemeral port. */
static void assert_same_name(const struct twin *t, const char *sock, const char *what,
			     uint16_t port)
{
	struct sockaddr_storage a[2];
	socklen_t len[2] = { sizeof(a[0]), sizeof(a[1]) };
	uint16_t ports[2];
	struct both b;

	for (int peer = 0; peer < 2; peer++) {
		memset(a, 0, sizeof(a));
		len[0] = len[1] = sizeof(a[0]);
		b.linux_r = twin_errno((peer ? getpeername : getsockname)(
			t->linux_fd, (struct sockaddr *)&a[0], &len[0]));
		b.ours = (peer ? ns_getpeername : ns_getsockname)(
			TWIN_ST, t->ours, (struct sockaddr *)&a[1], &len[1]);
		assert_same(b, "%s, %s, name of %s", sock, what, peer ? "peer" : "itself");
		if (b.ours < 0)
			continue;
		assert_int_equal(len[0], len[1]);
		for (int k = 0; k < 2; k++) {
			struct sockaddr_in *in = (struct sockaddr_in *)&a[k];

			ports[k] = ntohs(in->sin_port);
			if (ports[k] && ports[k] != port && !peer)
				in->sin_port = htons(1);
		}
		if (memcmp(&a[0], &a[1], len[0]) != 0)
			fail_msg("%s, %s: other names of %s: ports %u, %u", sock, what,
				 peer ? "the peer" : "itself", ports[0], ports[1]);
	}
}

static void each_call_takes_what_linux_takes(void **state)
{
	static struct given g[GIVEN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(socks); i++) {
		const bool stream = socks[i].type == SOCK_STREAM;
		size_t n = all_given(0, g);

		for (size_t k = 0; k < n; k++) {
			struct twin t = open_row(i);

			assert_same(twin_call(&t, bind, &g[k].sa, g[k].len), "%s: bind %s",
				    socks[i].what, g[k].what);
			assert_same_name(&t, socks[i].what, g[k].what, 0);
			twin_close(&t);
		}
		n = all_given(9, g);
		for (size_t k = 0; k < n; k++) {
			struct twin t;

			if (is_left_out(i, &g[k]))
				continue;
			t = open_row(i);
			assert_same(twin_call(&t, connect, &g[k].sa, g[k].len), "%s: connect %s",
				    socks[i].what, g[k].what);
			/* Linux makes a raw socket deaf and nameless; nobody can want that. */
			if (!stream &&
			    (socks[i].type != SOCK_RAW || g[k].sa.sa_family != AF_UNSPEC))
				assert_same_name(&t, socks[i].what, g[k].what, 9);
			twin_close(&t);
		}
		for (size_t k = 0; k < n && !stream; k++) {
			struct twin t;

			if (is_left_out(i, &g[k]))
				continue;
			t = open_row(i);
			assert_same(twin_call(&t, sendto, "ab", 2, 0, &g[k].sa, g[k].len),
				    "%s: sendto %s", socks[i].what, g[k].what);
			twin_close(&t);
		}
	}
}

static void names_are_cut_to_the_room_and_their_length_told(void **state)
{
	struct twin t;

	(void)state;
	for (int domain = AF_INET; domain <= AF_INET6; domain += AF_INET6 - AF_INET) {
		t = twin_socket(domain, SOCK_DGRAM, 0);
		for (socklen_t room = 0; room < 40; room++) {
			uint8_t a[2][64];
			socklen_t len[2] = { room, room };

			memset(a, 0xee, sizeof(a));
			assert_int_equal(getsockname(t.linux_fd, (struct sockaddr *)a[0], &len[0]),
					 0);
			assert_int_equal(
				ns_getsockname(TWIN_ST, t.ours, (struct sockaddr *)a[1], &len[1]),
				0);
			assert_int_equal(len[0], len[1]);
			assert_memory_equal(a[0], a[1], sizeof(a[0]));
		}
		twin_close(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_call_takes_what_linux_takes, twin_setup,
						twin_teardown),
		cmocka_unit_test_setup_teardown(names_are_cut_to_the_room_and_their_length_told,
						twin_setup, twin_teardown),
	};

	return cmocka_run_group_tests(tests, twin_namespace, NULL);
}
