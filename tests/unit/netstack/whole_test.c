/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two instances and nothing between them: what programs do with TCP, over both families.
 */
#include "netstack/tcp/tcp.h"
#include "tests/unit/netstack/lan.h"

#define CLIENT 0
#define SERVER 1
#define PORT   80
#define MANY   1000

static struct lan lan;

static void write_text(unsigned int host, int fd, const char *text, int flags)
{
	assert_int_equal(ns_send(lan.host[host].st, fd, text, strlen(text), flags), strlen(text));
	lan_run(&lan);
}

static void read_text(unsigned int host, int fd, const char *text)
{
	char buf[100] = "";
	ssize_t n = ns_recv(lan.host[host].st, fd, buf, sizeof(buf) - 1, 0);

	assert_int_equal(n, strlen(text));
	assert_string_equal(buf, text);
}

static ssize_t read_nothing(unsigned int host, int fd)
{
	char byte;

	return ns_recv(lan.host[host].st, fd, &byte, 1, 0);
}

/* One connection; the listener is closed behind it. */
static void open_pair(bool ip6, int fd[2])
{
	const int listener = lan_listen(&lan, SERVER, ip6, PORT, 4);

	fd[CLIENT] = lan_connect(&lan, CLIENT, SERVER, ip6, PORT);
	lan_run(&lan);
	fd[SERVER] = lan_accept(&lan, SERVER, listener);
	assert_true(fd[SERVER] >= 0);
	lan_close(&lan, SERVER, listener);
	lan_run(&lan);
}

static enum hook_verdict drop_all(void *arg, const struct hook_ctx *ctx, struct pbuf *pb)
{
	(void)arg;
	(void)ctx;
	(void)pb; /* whatever it is */
	return HOOK_DROP;
}

/* --- many --- */

static uint8_t pattern(unsigned int conn, uint32_t at)
{
	return (uint8_t)(conn * 31 + at * 7 + (at >> 8));
}

static void send_each(unsigned int host, const int *fd, uint32_t len)
{
	static uint8_t buf[8192];

	assert_true(len <= sizeof(buf));
	for (unsigned int i = 0; i < MANY; i++) {
		for (uint32_t k = 0; k < len; k++)
			buf[k] = pattern(i, k);
		assert_int_equal(ns_send(lan.host[host].st, fd[i], buf, len, 0), len);
	}
}

/* On the server's side a connection is who its first two bytes say. */
static void receive_each(unsigned int host, const int *fd, uint32_t len, bool by_name)
{
	static uint8_t buf[8192];

	for (unsigned int i = 0; i < MANY; i++) {
		unsigned int name = i;

		assert_int_equal(ns_recv(lan.host[host].st, fd[i], buf, sizeof(buf), 0), len);
		if (by_name)
			for (name = 0; name < MANY; name++)
				if (buf[0] == pattern(name, 0) && buf[1] == pattern(name, 1))
					break;
		assert_true(name < MANY);
		for (uint32_t k = 0; k < len; k++)
			assert_int_equal(buf[k], pattern(name, k));
	}
}

static void many_connections(bool ip6)
{
	static int client[MANY], server[MANY];
	struct netstack_memory m;
	int listener;

	lan_init(&lan, 2, NULL);
	/* They know each other: not all of so many SYNs would wait for that. */
	open_pair(ip6, client);
	lan_close(&lan, CLIENT, client[0]);
	lan_close(&lan, SERVER, client[1]);
	listener = lan_listen(&lan, SERVER, ip6, PORT, MANY);
	for (unsigned int i = 0; i < MANY; i++)
		client[i] = lan_connect(&lan, CLIENT, SERVER, ip6, PORT);
	lan_run(&lan);
	for (unsigned int i = 0; i < MANY; i++) {
		assert_int_equal(lan_poll(&lan, CLIENT, client[i]), POLLOUT);
		server[i] = lan_accept(&lan, SERVER, listener);
		assert_true(server[i] >= 0);
	}
	assert_int_equal(lan_accept(&lan, SERVER, listener), -EAGAIN);

	send_each(CLIENT, client, 4000);
	lan_run(&lan);
	receive_each(SERVER, server, 4000, true);
	send_each(SERVER, server, 3000);
	lan_run(&lan);
	/* The server does not know who is who: by its own numbers. */
	receive_each(CLIENT, client, 3000, true);

	netstack_memory(lan.host[SERVER].st, &m);
	assert_int_equal(m.conns, MANY + 1);
	assert_int_equal(m.syn_rcvd, 0);
	for (unsigned int i = 0; i < MANY; i++) {
		lan_close(&lan, CLIENT, client[i]);
		lan_close(&lan, SERVER, server[i]);
	}
	lan_close(&lan, SERVER, listener);
	lan_run(&lan);
	/* Both have closed at once: one of them waits, or both do. */
	netstack_memory(lan.host[CLIENT].st, &m);
	assert_true(m.time_wait > 0);
	lan_done(&lan, 100 * LAN_S);
}

static void a_thousand_connections(void **state)
{
	(void)state;
	many_connections(false);
	many_connections(true);
}

/* --- half-close --- */

static void half_close(bool ip6)
{
	struct netstack_memory m;
	int fd[2];

	lan_init(&lan, 2, NULL);
	open_pair(ip6, fd);
	write_text(CLIENT, fd[CLIENT], "question", 0);
	assert_int_equal(ns_shutdown(lan.host[CLIENT].st, fd[CLIENT], SHUT_WR), 0);
	lan_run(&lan);
	assert_int_equal(lan_poll(&lan, SERVER, fd[SERVER]), POLLIN | POLLOUT | POLLRDHUP);
	read_text(SERVER, fd[SERVER], "question");
	assert_int_equal(read_nothing(SERVER, fd[SERVER]), 0);
	assert_int_equal(ns_send(lan.host[CLIENT].st, fd[CLIENT], "x", 1, MSG_NOSIGNAL), -EPIPE);

	/* The other half still works, for as long as it takes. */
	for (unsigned int i = 0; i < 10; i++) {
		write_text(SERVER, fd[SERVER], "answer", 0);
		lan_pass(&lan, 1000 * LAN_S);
		read_text(CLIENT, fd[CLIENT], "answer");
	}
	lan_close(&lan, SERVER, fd[SERVER]);
	lan_run(&lan);
	assert_int_equal(read_nothing(CLIENT, fd[CLIENT]), 0);
	netstack_memory(lan.host[CLIENT].st, &m);
	assert_int_equal(m.time_wait, 1); /* who closed first */
	lan_close(&lan, CLIENT, fd[CLIENT]);
	lan_done(&lan, 100 * LAN_S);
}

static void one_half_closes_and_the_other_goes_on(void **state)
{
	(void)state;
	half_close(false);
	half_close(true);
}

/* --- reset --- */

static void reset(bool ip6)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	int fd[2];

	lan_init(&lan, 2, NULL);
	open_pair(ip6, fd);
	write_text(CLIENT, fd[CLIENT], "last words", 0);
	assert_int_equal(ns_setsockopt(lan.host[CLIENT].st, fd[CLIENT], SOL_SOCKET, SO_LINGER,
				       &linger, sizeof(linger)),
			 0);
	lan_close(&lan, CLIENT, fd[CLIENT]);
	lan_run(&lan);
	assert_true(lan_poll(&lan, SERVER, fd[SERVER]) & POLLERR);
	assert_true(lan_poll(&lan, SERVER, fd[SERVER]) & POLLHUP);
	/* As on Linux, what was received before it can be read. */
	read_text(SERVER, fd[SERVER], "last words");
	assert_int_equal(read_nothing(SERVER, fd[SERVER]), -ECONNRESET);
	assert_int_equal(read_nothing(SERVER, fd[SERVER]), 0);
	assert_int_equal(ns_send(lan.host[SERVER].st, fd[SERVER], "x", 1, MSG_NOSIGNAL), -EPIPE);
	lan_close(&lan, SERVER, fd[SERVER]);
	lan_done(&lan, 0); /* nobody waits */
}

static void a_reset_ends_it_at_once(void **state)
{
	(void)state;
	reset(false);
	reset(true);
}

/* RFC 2525, 2.17: who closes with data unread has not taken it. */
static void closing_with_unread_data_resets(void **state)
{
	int fd[2];

	(void)state;
	lan_init(&lan, 2, NULL);
	open_pair(false, fd);
	write_text(CLIENT, fd[CLIENT], "nobody reads this", 0);
	lan_close(&lan, SERVER, fd[SERVER]);
	lan_run(&lan);
	assert_int_equal(read_nothing(CLIENT, fd[CLIENT]), -ECONNRESET);
	lan_close(&lan, CLIENT, fd[CLIENT]);
	lan_done(&lan, 0);
}

static void nobody_listens(void **state)
{
	int fd;

	(void)state;
	lan_init(&lan, 2, NULL);
	for (unsigned int ip6 = 0; ip6 < 2; ip6++) {
		fd = lan_connect(&lan, CLIENT, SERVER, ip6, PORT);
		lan_run(&lan);
		assert_true(lan_poll(&lan, CLIENT, fd) & POLLERR);
		assert_int_equal(read_nothing(CLIENT, fd), -ECONNREFUSED);
		lan_close(&lan, CLIENT, fd);
	}
	lan_done(&lan, 0);
}

/* --- urgent data --- */

static void urgent(bool ip6, bool in_line)
{
	const int on = in_line;
	int mark = -1;
	int fd[2];
	char byte;

	lan_init(&lan, 2, NULL);
	open_pair(ip6, fd);
	assert_int_equal(ns_setsockopt(lan.host[SERVER].st, fd[SERVER], SOL_SOCKET, SO_OOBINLINE,
				       &on, sizeof(on)),
			 0);
	write_text(CLIENT, fd[CLIENT], "before", 0);
	write_text(CLIENT, fd[CLIENT], "!", MSG_OOB);
	write_text(CLIENT, fd[CLIENT], "after", 0);
	assert_true(lan_poll(&lan, SERVER, fd[SERVER]) & POLLPRI);

	/* A read never goes over the mark. */
	read_text(SERVER, fd[SERVER], "before");
	assert_int_equal(ns_ioctl(lan.host[SERVER].st, fd[SERVER], SIOCATMARK, &mark), 0);
	assert_int_equal(mark, 1);
	if (in_line) {
		read_text(SERVER, fd[SERVER], "!after");
	} else {
		assert_int_equal(ns_recv(lan.host[SERVER].st, fd[SERVER], &byte, 1, MSG_OOB), 1);
		assert_int_equal(byte, '!');
		read_text(SERVER, fd[SERVER], "after");
		assert_false(lan_poll(&lan, SERVER, fd[SERVER]) & POLLPRI);
	}
	lan_close(&lan, CLIENT, fd[CLIENT]);
	lan_run(&lan);
	lan_close(&lan, SERVER, fd[SERVER]);
	lan_done(&lan, 100 * LAN_S);
}

static void urgent_data(void **state)
{
	(void)state;
	urgent(false, false);
	urgent(false, true);
	urgent(true, false);
	urgent(true, true);
}

/* --- memory --- */

/* All of the instance's is in the queue of one: the other waits for it and is told. */
static void a_writer_waits_for_memory_of_others(void **state)
{
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET };
	static const uint8_t buf[20000];
	struct netstack *st;
	int epfd, hog[2], meek[2];

	(void)state;
	lan_init(&lan, 2, NULL);
	st = lan.host[CLIENT].st;
	netstack_tcp_params(st)->bytes_max = 64 << 10;
	open_pair(false, hog);
	open_pair(false, meek);
	epfd = ns_epoll_create(st);
	assert_int_equal(ns_epoll_ctl(st, epfd, EPOLL_CTL_ADD, meek[CLIENT], &ev), 0);
	assert_int_equal(ns_epoll_wait(st, epfd, &ev, 1, 0), 1);

	/* Nothing of all that is acknowledged. */
	netstack_hook_set(lan.host[SERVER].st, HOOK_EARLY, drop_all, NULL);
	while (ns_send(st, hog[CLIENT], buf, sizeof(buf), 0) > 0)
		;
	while (ns_send(st, meek[CLIENT], buf, 1000, 0) > 0)
		;
	assert_false(lan_poll(&lan, CLIENT, meek[CLIENT]) & POLLOUT);
	lan_run(&lan);
	assert_int_equal(ns_epoll_wait(st, epfd, &ev, 1, 0), 0);
	assert_int_equal(ns_setsockopt(st, hog[CLIENT], SOL_SOCKET, SO_LINGER,
				       &(struct linger){ 1, 0 }, sizeof(struct linger)),
			 0);
	lan_close(&lan, CLIENT, hog[CLIENT]);
	lan_run(&lan);
	assert_int_equal(ns_epoll_wait(st, epfd, &ev, 1, 0), 1);
	assert_true(lan_poll(&lan, CLIENT, meek[CLIENT]) & POLLOUT);

	netstack_hook_set(lan.host[SERVER].st, HOOK_EARLY, NULL, NULL);
	lan_pass(&lan, 10 * LAN_S);
	lan_close(&lan, CLIENT, meek[CLIENT]);
	lan_close(&lan, CLIENT, epfd);
	lan_run(&lan);
	lan_close(&lan, SERVER, meek[SERVER]);
	lan_close(&lan, SERVER, hog[SERVER]);
	lan_done(&lan, 1000 * LAN_S);
}

/* --- bulk --- */

#define BULK (4 << 20)

/* Both ends send as much as they can, and read it in another rhythm. */
static void bulk(bool ip6)
{
	static uint8_t buf[65536];
	uint32_t sent[2] = { 0, 0 }, got[2] = { 0, 0 };
	int fd[2];

	lan_init(&lan, 2, NULL);
	open_pair(ip6, fd);
	while (got[0] < BULK || got[1] < BULK) {
		for (unsigned int i = 0; i < 2; i++) {
			uint32_t len = BULK - sent[i] < sizeof(buf) ? BULK - sent[i] : sizeof(buf);
			ssize_t n;

			for (uint32_t k = 0; k < len; k++)
				buf[k] = pattern(i, sent[i] + k);
			n = len ? ns_send(lan.host[i].st, fd[i], buf, len, 0) : 0;
			assert_true(n >= 0 || n == -EAGAIN);
			sent[i] += n > 0 ? (uint32_t)n : 0;
		}
		lan_pass(&lan, LAN_MS);
		for (unsigned int i = 0; i < 2; i++) {
			ssize_t n = ns_recv(lan.host[i].st, fd[i], buf, 10007 + 30000 * i, 0);

			assert_true(n > 0 || n == -EAGAIN || got[i] == BULK);
			for (ssize_t k = 0; k < n; k++)
				assert_int_equal(buf[k], pattern(!i, got[i] + (uint32_t)k));
			got[i] += n > 0 ? (uint32_t)n : 0;
		}
	}
	assert_int_equal(netstack_tcp_stats(lan.host[0].st)->retrans_segs, 0);
	assert_int_equal(netstack_tcp_stats(lan.host[1].st)->retrans_segs, 0);
	lan_close(&lan, CLIENT, fd[CLIENT]);
	lan_run(&lan);
	lan_close(&lan, SERVER, fd[SERVER]);
	lan_done(&lan, 100 * LAN_S);
}

static void both_ways_at_once(void **state)
{
	(void)state;
	bulk(false);
	bulk(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_connections),
		cmocka_unit_test(one_half_closes_and_the_other_goes_on),
		cmocka_unit_test(a_reset_ends_it_at_once),
		cmocka_unit_test(closing_with_unread_data_resets),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(urgent_data),
		cmocka_unit_test(a_writer_waits_for_memory_of_others),
		cmocka_unit_test(both_ways_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
