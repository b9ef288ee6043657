/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two programs of one instance, which here are one: it listens and connects to itself.
 */
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/time.h>

#include "tests/unit/attach/program.h"

static int listen_at(const char *ip, uint16_t port, int backlog)
{
	const struct sockaddr_in sin = addr_of(ip, port);
	int fd = tcp(0);

	check(bind(fd, (const struct sockaddr *)&sin, sizeof(sin)) == 0);
	check(listen(fd, backlog) == 0);
	return fd;
}

static int accept_one(int l)
{
	int fd = accept(l, NULL, NULL);

	check(fd >= 0);
	return fd;
}

/* What one sends the other receives, and nothing else. */
static void check_pair(int a, int b)
{
	char buf[8];

	check(send(a, "ping", 4, MSG_NOSIGNAL) == 4);
	check(recv(b, buf, sizeof(buf), 0) == 4 && memcmp(buf, "ping", 4) == 0);
	check(send(b, "pong", 4, MSG_NOSIGNAL) == 4);
	check(recv(a, buf, sizeof(buf), 0) == 4 && memcmp(buf, "pong", 4) == 0);
}

static struct sockaddr_in name_of(int fd, int (*get)(int fd, struct sockaddr *addr, socklen_t *len))
{
	struct sockaddr_in sin = { 0 };
	socklen_t len = sizeof(sin);

	check(get(fd, (struct sockaddr *)&sin, &len) == 0 && len == sizeof(sin));
	return sin;
}

static bool is_same(struct sockaddr_in a, struct sockaddr_in b)
{
	return a.sin_family == b.sin_family && a.sin_port == b.sin_port &&
	       a.sin_addr.s_addr == b.sin_addr.s_addr;
}

static void pair_at(const char *listen_ip, const char *ip)
{
	const struct sockaddr_in to = addr_of(ip, 5000);
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	int l = listen_at(listen_ip, 5000, 5);
	int c = tcp(0), s;

	check(connect_to(c, ip, 5000) == 0);
	check(polled(c, 0) == POLLOUT);
	check(polled(l, 0) == POLLIN);
	s = accept(l, (struct sockaddr *)&peer, &len);
	check(s >= 0 && len == sizeof(peer));
	check(polled(l, 0) == 0);
	check(polled(s, 0) == POLLOUT);
	check_pair(c, s);
	check(is_same(peer, name_of(c, getsockname)));
	check(is_same(peer, name_of(s, getpeername)));
	check(is_same(to, name_of(c, getpeername)));
	check(is_same(to, name_of(s, getsockname)));
	check(peer.sin_port && peer.sin_addr.s_addr == to.sin_addr.s_addr);
	check_error(connect_to(c, ip, 5000), EISCONN);
	check(close(c) == 0);
	check(recv(s, &(char){ 0 }, 1, 0) == 0);
	check(close(s) == 0 && close(l) == 0);
}

static void pairs(void)
{
	pair_at("0.0.0.0", "127.0.0.1");
	pair_at("127.0.0.1", "127.0.0.1");
	pair_at("0.0.0.0", "10.0.0.1");
	pair_at("10.0.0.1", "10.0.0.1");
}

static void test_pairs(void **state)
{
	struct program_rig *r = *state;
	struct iface_stats lo;

	program(r, pairs);
	assert_int_equal(netstack_link_stats(r->st, 1, &lo), 0);
	assert_int_equal(lo.tx_packets, 0);
}

/* An AF_INET6 listener, an AF_INET client, and the names that each has of the other. */
static void mapped(void)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(5001) };
	socklen_t len = sizeof(sin6);
	int l = socket(AF_INET6, SOCK_STREAM, 0), c = tcp(0), s;

	check(bind(l, (struct sockaddr *)&sin6, sizeof(sin6)) == 0 && listen(l, 5) == 0);
	check(connect_to(c, "127.0.0.1", 5001) == 0);
	s = accept(l, (struct sockaddr *)&sin6, &len);
	check(s >= 0 && len == sizeof(sin6) && IN6_IS_ADDR_V4MAPPED(&sin6.sin6_addr));
	check(sin6.sin6_port == name_of(c, getsockname).sin_port);
	check_pair(c, s);
	check(close(c) == 0);
	c = socket(AF_INET6, SOCK_STREAM, 0);
	sin6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(5001) };
	check(connect(c, (struct sockaddr *)&sin6, sizeof(sin6)) == 0);
	check(getpeername(c, (struct sockaddr *)&sin6, &len) == 0);
	check(IN6_IS_ADDR_LOOPBACK(&sin6.sin6_addr));
	s = accept_one(l);
	check_pair(c, s);
}

static void test_mapped(void **state)
{
	program(*state, mapped);
}

static void nonblocking(void)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	int l = listen_at("127.0.0.1", 5002, 5);
	int c = tcp(SOCK_NONBLOCK), ep = epoll_create1(0), s;

	check(epoll_ctl(ep, EPOLL_CTL_ADD, c, &e) == 0);
	check(epoll_wait(ep, &e, 1, 0) == 1);
	check_error(connect_to(c, "127.0.0.1", 5002), EINPROGRESS);
	check(epoll_wait(ep, &e, 1, -1) == 1 && e.events == EPOLLOUT);
	check(sock_error(c) == 0);
	check(connect_to(c, "127.0.0.1", 5002) == 0);
	check_error(connect_to(c, "127.0.0.1", 5002), EISCONN);
	s = accept4(l, NULL, NULL, SOCK_NONBLOCK);
	check(s >= 0 && fcntl(s, F_GETFL) & O_NONBLOCK);
	check_error(recv(s, &(char){ 0 }, 1, 0), EAGAIN);
	check_pair(c, s);
}

static void test_nonblocking(void **state)
{
	program(*state, nonblocking);
}

/* What the client has written and closed before is there. */
static void written_before(void)
{
	int l = listen_at("127.0.0.1", 5003, 5);
	char buf[8];
	int c = tcp(0), s;

	check(connect_to(c, "127.0.0.1", 5003) == 0);
	check(send(c, "early", 5, 0) == 5 && close(c) == 0);
	s = accept_one(l);
	check(recv(s, buf, sizeof(buf), 0) == 5 && memcmp(buf, "early", 5) == 0);
	check(recv(s, buf, sizeof(buf), 0) == 0);
}

static void test_written_before(void **state)
{
	program(*state, written_before);
}

static void listener_closed(void)
{
	int l = listen_at("127.0.0.1", 5004, 5);
	int c = tcp(0);

	check(connect_to(c, "127.0.0.1", 5004) == 0);
	check(close(l) == 0);
	check_error(recv(c, &(char){ 0 }, 1, 0), ECONNRESET);
	check(recv(c, &(char){ 0 }, 1, 0) == 0);
	check(close(c) == 0);
	c = tcp(0);
	check_error(connect_to(c, "127.0.0.1", 5004), ECONNREFUSED);
}

static void test_listener_closed(void **state)
{
	program(*state, listener_closed);
}

/* One more than the backlog is connected, the next waits. */
static void full(void)
{
	int l = listen_at("127.0.0.1", 5005, 0);
	int c[3], s;

	for (int i = 0; i < 3; i++)
		c[i] = tcp(SOCK_NONBLOCK);
	for (int i = 0; i < 3; i++)
		check_error(connect_to(c[i], "127.0.0.1", 5005), EINPROGRESS);
	check(polled(c[0], -1) == POLLOUT);
	check(polled(c[1], 0) == 0 && polled(c[2], 0) == 0);
	check_error(send(c[1], "x", 1, MSG_NOSIGNAL), EAGAIN);
	check_error(connect_to(c[1], "127.0.0.1", 5005), EALREADY);
	s = accept_one(l);
	check(polled(c[1], -1) == POLLOUT);
	check(fcntl(c[0], F_SETFL, 0) == 0);
	check_pair(c[0], s);
	check(polled(c[2], 0) == 0);
	check(polled(l, -1) == POLLIN);
	s = accept_one(l);
	check(fcntl(c[1], F_SETFL, 0) == 0);
	check_pair(c[1], s);
	check(polled(c[2], -1) == POLLOUT);
	check(sock_error(c[2]) == 0);
	s = accept_one(l);
	check(fcntl(c[2], F_SETFL, 0) == 0);
	check_pair(c[2], s);
}

static void test_full(void **state)
{
	program(*state, full);
}

/* Those who wait are refused when the listener goes, and may try again. */
static void full_closed(void)
{
	int l = listen_at("127.0.0.1", 5006, 0);
	int c = tcp(0), d = tcp(SOCK_NONBLOCK), e = tcp(SOCK_NONBLOCK);

	check(connect_to(c, "127.0.0.1", 5006) == 0);
	check_error(connect_to(d, "127.0.0.1", 5006), EINPROGRESS);
	check_error(connect_to(e, "127.0.0.1", 5006), EINPROGRESS);
	check(close(e) == 0);
	check(close(l) == 0);
	check(polled(d, -1) == (POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP));
	check(sock_error(d) == ECONNREFUSED);
	check_error(recv(c, &(char){ 0 }, 1, 0), ECONNRESET);
}

static void test_full_closed(void **state)
{
	program(*state, full_closed);
}

/* A blocking call waits for room in another process. */
static void full_blocking(void)
{
	int l = listen_at("127.0.0.1", 5007, 0);
	int c = tcp(0), s, status;
	pid_t pid;

	check(connect_to(c, "127.0.0.1", 5007) == 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		int d = tcp(0);

		check(connect_to(d, "127.0.0.1", 5007) == 0);
		check(send(d, "child", 5, 0) == 5);
		_exit(0);
	}
	s = accept_one(l);
	check_pair(c, s);
	s = accept_one(l);
	check(recv(s, (char[8]){ 0 }, 5, MSG_WAITALL) == 5);
	check(waitpid(pid, &status, 0) == pid && status == 0);
}

static void test_full_blocking(void **state)
{
	program(*state, full_blocking);
}

static void *connect_again(void *arg)
{
	/* One that comes late finds it connected. */
	check(connect_to(*(int *)arg, "127.0.0.1", 5014) == 0 || errno == EISCONN);
	return NULL;
}

/* Several threads wait in connect() of one socket; all of them are connected. */
static void full_threads(void)
{
	int l = listen_at("127.0.0.1", 5014, 0);
	int c = tcp(0), d = tcp(0), s;
	pthread_t t[3];

	check(connect_to(c, "127.0.0.1", 5014) == 0);
	for (int i = 0; i < 3; i++)
		check(pthread_create(&t[i], NULL, connect_again, &d) == 0);
	s = accept_one(l);
	check_pair(c, s);
	for (int i = 0; i < 3; i++)
		check(pthread_join(t[i], NULL) == 0);
	check_error(connect_to(d, "127.0.0.1", 5014), EISCONN);
	s = accept_one(l);
	check_pair(d, s);
}

static void test_full_threads(void **state)
{
	program(*state, full_threads);
}

static int went_off[2];

static void on_alarm(int sig)
{
	(void)sig;
	check(write(went_off[1], "!", 1) == 1);
}

/* A signal ends the call, which the kernel makes again: it goes on where it was. */
static void restarted(void)
{
	const struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	const struct itimerval soon = { .it_value.tv_usec = 20000 };
	int l = listen_at("127.0.0.1", 5012, 0);
	int c = tcp(0), s, status;
	pid_t pid;

	check(pipe(went_off) == 0);
	check(connect_to(c, "127.0.0.1", 5012) == 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		int d = tcp(0);

		check(sigaction(SIGALRM, &sa, NULL) == 0);
		check(setitimer(ITIMER_REAL, &soon, NULL) == 0);
		check(connect_to(d, "127.0.0.1", 5012) == 0);
		check_error(connect_to(d, "127.0.0.1", 5012), EISCONN);
		check(send(d, "child", 5, 0) == 5);
		_exit(0);
	}
	check(read(went_off[0], &(char){ 0 }, 1) == 1);
	s = accept_one(l);
	check_pair(c, s);
	s = accept_one(l);
	check(recv(s, (char[8]){ 0 }, 5, MSG_WAITALL) == 5);
	check_error(connect_to(s, "127.0.0.1", 5012), EISCONN);
	check(waitpid(pid, &status, 0) == pid && status == 0);
}

static void test_restarted(void **state)
{
	program(*state, restarted);
}

static void blocking_accept(void)
{
	int l = listen_at("127.0.0.1", 5008, 5);
	int c, s, status;
	pid_t pid = fork();

	check(pid >= 0);
	if (pid == 0) {
		c = tcp(0);
		check(connect_to(c, "127.0.0.1", 5008) == 0);
		check(send(c, "child", 5, 0) == 5);
		check(recv(c, (char[8]){ 0 }, 8, 0) == 0);
		_exit(0);
	}
	s = accept_one(l);
	check(recv(s, (char[8]){ 0 }, 5, MSG_WAITALL) == 5);
	check(close(s) == 0);
	check(waitpid(pid, &status, 0) == pid && status == 0);
}

static void test_blocking_accept(void **state)
{
	program(*state, blocking_accept);
}

/* Many, more than the stack has ephemeral ports at a time if closed ones were not seen. */
static void many(void)
{
	int l = listen_at("127.0.0.1", 5009, 16);

	for (int i = 0; i < 2000; i++) {
		int c = tcp(0), s;

		check(connect_to(c, "127.0.0.1", 5009) == 0);
		s = accept_one(l);
		if (i % 500 == 0)
			check_pair(c, s);
		check(close(c) == 0 && close(s) == 0);
	}
}

static void test_many(void **state)
{
	struct program_rig *r = *state;
	struct attach_stats s;

	program(r, many);
	attach_stats(r->a, &s);
	assert_true(s.swept > 0);
	assert_int_equal(s.local, 0);
}

/* Options are there, though the stack has no connection. */
static void options(void)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	int l = listen_at("127.0.0.1", 5010, 5);
	int on = 1, n = -1, c = tcp(0), s;

	check(connect_to(c, "127.0.0.1", 5010) == 0);
	s = accept_one(l);
	check(getsockopt(c, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
	check(info.tcpi_state == TCP_ESTABLISHED);
	len = sizeof(info);
	check(getsockopt(s, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
	check(info.tcpi_state == TCP_ESTABLISHED);
	check(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
	len = sizeof(n);
	check(getsockopt(s, IPPROTO_TCP, TCP_NODELAY, &n, &len) == 0 && n == 1);
	check(getsockopt(s, SOL_SOCKET, SO_PROTOCOL, &n, &len) == 0 && n == IPPROTO_TCP);
	check_pair(c, s);
}

static void test_options(void **state)
{
	program(*state, options);
}

/* Disconnected it is free for the stack again. */
static void unspec(void)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	int l = listen_at("127.0.0.1", 5011, 5);
	int c = tcp(0), s;

	check(connect_to(c, "127.0.0.1", 5011) == 0);
	s = accept_one(l);
	check(connect(c, &none, sizeof(none)) == 0);
	check_error(recv(s, &(char){ 0 }, 1, 0), ECONNRESET);
	check(recv(s, &(char){ 0 }, 1, 0) == 0);
	check(connect_to(c, "127.0.0.1", PORT_ECHO) == 0);
	check_echo(c);
}

static void test_unspec(void **state)
{
	program(*state, unspec);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pairs),          TEST(test_mapped),          TEST(test_nonblocking),
		TEST(test_written_before), TEST(test_listener_closed), TEST(test_full),
		TEST(test_full_closed),    TEST(test_full_blocking),   TEST(test_full_threads),
		TEST(test_restarted),      TEST(test_blocking_accept), TEST(test_many),
		TEST(test_options),        TEST(test_unspec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
