/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * connect() of programs, to the stack: what it returns, what poll() and epoll see, and what can be
 * done with the descriptor afterwards.
 */
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/time.h>

#include "tests/unit/attach/program.h"

#define NOWHERE "10.0.0.9" /* no answer ever comes from there */

/* --- blocking --- */

static void blocking(void)
{
	struct sockaddr_in sin = { 0 };
	socklen_t len = sizeof(sin);
	int fd = tcp(0);

	check(polled(fd, 0) == (POLLOUT | POLLHUP));
	check(connect_to(fd, "127.0.0.1", PORT_ECHO) == 0);
	check(polled(fd, 0) == POLLOUT);
	check_echo(fd);
	check(getpeername(fd, (struct sockaddr *)&sin, &len) == 0);
	check(sin.sin_port == htons(PORT_ECHO) && sin.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	len = sizeof(sin);
	check(getsockname(fd, (struct sockaddr *)&sin, &len) == 0);
	check(sin.sin_port && sin.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	check_error(connect_to(fd, "127.0.0.1", PORT_ECHO), EISCONN);
	check(sock_error(fd) == 0);
	check_echo(fd);
}

static void test_blocking(void **state)
{
	program(*state, blocking);
}

static void refused_again(void)
{
	int fd = tcp(0);

	for (int i = 0; i < 5; i++) {
		check_error(connect_to(fd, "127.0.0.1", PORT_NONE), ECONNREFUSED);
		check(sock_error(fd) == 0);
		check(polled(fd, 0) == (POLLOUT | POLLHUP));
	}
	check(connect_to(fd, "127.0.0.1", PORT_ECHO) == 0);
	check_echo(fd);
}

static void test_refused_again(void **state)
{
	program(*state, refused_again);
}

static void wrong(void)
{
	const struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(1) };
	const struct sockaddr_in sin = addr_of("127.0.0.1", PORT_ECHO);
	int fd = tcp(0);

	check_error(connect(fd, (const struct sockaddr *)&sin6, sizeof(sin6)), EAFNOSUPPORT);
	check_error(connect(fd, (const struct sockaddr *)&sin, 8), EINVAL);
	check_error(connect(fd, (const struct sockaddr *)&sin, 1), EINVAL);
	check_error(connect(fd, (const struct sockaddr *)&sin, 4096), EINVAL);
	check_error(connect(fd, (const struct sockaddr *)8, sizeof(sin)), EFAULT);
	check_error(connect_to(fd, "192.0.2.1", 1), ENETUNREACH);
	check_error(connect_to(fd, "224.0.0.1", 1), ENETUNREACH);
	check_error(connect_to(-1, "127.0.0.1", 1), EBADF);
	check_error(connect_to(STDERR_FILENO, "127.0.0.1", 1), ENOTSOCK);
	check_error(connect_to(fd, "127.0.0.1", 0), ECONNREFUSED);
	check(connect_to(fd, "127.0.0.1", PORT_ECHO) == 0);
	check_echo(fd);
}

static void test_wrong(void **state)
{
	program(*state, wrong);
}

/* --- non-blocking --- */

static int edges_of(int fd)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	int ep = epoll_create1(0);

	check(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0);
	return ep;
}

static uint32_t edge(int ep, int timeout_ms)
{
	struct epoll_event e = { .events = 0 };

	check(epoll_wait(ep, &e, 1, timeout_ms) >= 0);
	return e.events;
}

static void nonblocking(void)
{
	int fd = tcp(SOCK_NONBLOCK);
	int ep = edges_of(fd);

	check(edge(ep, 0) == (EPOLLOUT | EPOLLHUP));
	check_error(connect_to(fd, "127.0.0.1", PORT_ECHO), EINPROGRESS);
	check(edge(ep, -1) == EPOLLOUT);
	check(edge(ep, 0) == 0);
	check(sock_error(fd) == 0);
	check(connect_to(fd, "127.0.0.1", PORT_ECHO) == 0);
	check_error(connect_to(fd, "127.0.0.1", PORT_ECHO), EISCONN);
	check(edge(ep, 0) == 0);
	check(fcntl(fd, F_SETFL, 0) == 0);
	check_echo(fd);
}

static void test_nonblocking(void **state)
{
	program(*state, nonblocking);
}

static void nonblocking_refused(void)
{
	const int all = POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP;
	int fd = tcp(SOCK_NONBLOCK);

	check_error(connect_to(fd, "127.0.0.1", PORT_NONE), EINPROGRESS);
	check((polled(fd, -1) & (POLLERR | POLLHUP)) == (POLLERR | POLLHUP));
	check(polled(fd, 0) == all);
	check(sock_error(fd) == ECONNREFUSED);
	check(sock_error(fd) == 0);
	check_error(connect_to(fd, "127.0.0.1", PORT_ECHO), ECONNABORTED);
	check_error(connect_to(fd, "127.0.0.1", PORT_NONE), EINPROGRESS);
	check(polled(fd, -1) == all);
	check_error(connect_to(fd, "127.0.0.1", PORT_ECHO), ECONNREFUSED);
	check(fcntl(fd, F_GETFL) & O_NONBLOCK);
	check_error(connect_to(fd, "127.0.0.1", PORT_ECHO), EINPROGRESS);
	check(polled(fd, -1) == POLLOUT);
	check(fcntl(fd, F_SETFL, 0) == 0);
	check_echo(fd);
}

static void test_nonblocking_refused(void **state)
{
	program(*state, nonblocking_refused);
}

/* An epoll set has the descriptor still after it was replaced. */
static void epoll_survives(void)
{
	int fd = tcp(SOCK_NONBLOCK);
	int ep = edges_of(fd);

	check_error(connect_to(fd, "127.0.0.1", PORT_NONE), EINPROGRESS);
	while (!(edge(ep, -1) & EPOLLERR))
		;
	check(sock_error(fd) == ECONNREFUSED);
	check_error(connect_to(fd, "127.0.0.1", PORT_ECHO), ECONNABORTED);
	(void)edge(ep, 0); /* of the new one, if any */
	check_error(connect_to(fd, "127.0.0.1", PORT_ECHO), EINPROGRESS);
	while (edge(ep, -1) != EPOLLOUT)
		;
	check(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL) == 0);
	check(fcntl(fd, F_SETFL, 0) == 0);
	check_echo(fd);
}

static void test_epoll_survives(void **state)
{
	program(*state, epoll_survives);
}

/* The number it had in the call is another file's when the handshake is over. */
static void moved(void)
{
	int fd, old = tcp(SOCK_NONBLOCK);

	check_error(connect_to(old, "127.0.0.1", PORT_ECHO), EINPROGRESS);
	fd = fcntl(old, F_DUPFD, 50);
	check(fd >= 50 && close(old) == 0);
	check(polled(fd, -1) == POLLOUT);
	check(fcntl(fd, F_SETFL, 0) == 0);
	check_echo(fd);
}

static void test_moved(void **state)
{
	program(*state, moved);
}

/* Another process has it when it is connected, and nobody else. */
static void handed_on(void)
{
	static char buf[200000];
	int fd = tcp(SOCK_NONBLOCK), status;
	pid_t pid;

	check_error(connect_to(fd, "127.0.0.1", PORT_ECHO), EINPROGRESS);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		check(polled(fd, -1) == POLLOUT);
		check(sock_error(fd) == 0);
		check(fcntl(fd, F_SETFL, 0) == 0);
		check(send(fd, buf, sizeof(buf), 0) == sizeof(buf));
		check(recv(fd, buf, sizeof(buf), MSG_WAITALL) == sizeof(buf));
		_exit(0);
	}
	check(close(fd) == 0);
	check(waitpid(pid, &status, 0) == pid && status == 0);
}

static void test_handed_on(void **state)
{
	program(*state, handed_on);
}

/* --- while the handshake is under way --- */

static void in_handshake(void)
{
	int fd = tcp(SOCK_NONBLOCK);

	check_error(connect_to(fd, NOWHERE, 1), EINPROGRESS);
	check_error(connect_to(fd, NOWHERE, 1), EALREADY);
	check(polled(fd, 0) == 0);
	check_error(send(fd, "x", 1, MSG_NOSIGNAL), EAGAIN);
	check_error(recv(fd, &(char){ 0 }, 1, 0), EAGAIN);
	check(sock_error(fd) == 0);
	check(shutdown(fd, SHUT_RDWR) == 0);
	check_error(shutdown(fd, SHUT_RDWR), ENOTCONN);
	check(fcntl(fd, F_SETFL, 0) == 0);
	check(connect_to(fd, "127.0.0.1", PORT_ECHO) == 0);
	check_echo(fd);
}

static void test_in_handshake(void **state)
{
	program(*state, in_handshake);
}

static void gives_up(void)
{
	const struct timeval tv = { .tv_usec = 20000 };
	int fd = tcp(0);

	check(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0);
	check_error(connect_to(fd, NOWHERE, 1), EINPROGRESS);
	check_error(connect_to(fd, NOWHERE, 1), EALREADY);
	check(polled(fd, 0) == 0);
}

/* The program ends in the middle of a handshake, which ends with it. */
static void test_gives_up(void **state)
{
	program(*state, gives_up);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void interrupted(void)
{
	const struct sigaction sa = { .sa_handler = on_alarm };
	const struct itimerval soon = { .it_value.tv_usec = 20000 };
	int fd = tcp(0);

	check(sigaction(SIGALRM, &sa, NULL) == 0);
	check(setitimer(ITIMER_REAL, &soon, NULL) == 0);
	check_error(connect_to(fd, NOWHERE, 1), EINTR);
	check(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	check_error(connect_to(fd, NOWHERE, 1), EALREADY);
}

static void test_interrupted(void **state)
{
	program(*state, interrupted);
}

static void *close_it(void *arg)
{
	check(close(*(int *)arg) == 0);
	return NULL;
}

/* Another thread closes it: the call goes on, and what was closed is seen when it is over. */
static void closed_by_thread(void)
{
	const struct timeval tv = { .tv_usec = 50000 };
	pthread_t t;
	int fd = tcp(0);

	check(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0);
	check(pthread_create(&t, NULL, close_it, &fd) == 0);
	check(connect_to(fd, NOWHERE, 1) == -1 && (errno == EINPROGRESS || errno == EBADF));
	check(pthread_join(t, NULL) == 0);
	check_error(connect_to(fd, NOWHERE, 1), EBADF);
}

static void test_closed_by_thread(void **state)
{
	program(*state, closed_by_thread);
}

static void *shut(void *arg)
{
	const int fd = *(int *)arg;

	while (shutdown(fd, SHUT_RDWR) < 0)
		check(errno == ENOTCONN); /* not in connect() yet */
	return NULL;
}

/* Another thread ends it. */
static void ended_by_thread(void)
{
	pthread_t t;
	int fd = tcp(0);

	check(pthread_create(&t, NULL, shut, &fd) == 0);
	check_error(connect_to(fd, NOWHERE, 1), ECONNRESET);
	check(pthread_join(t, NULL) == 0);
	check(connect_to(fd, "127.0.0.1", PORT_ECHO) == 0);
	check_echo(fd);
}

static void test_ended_by_thread(void **state)
{
	program(*state, ended_by_thread);
}

/* --- afterwards --- */

static void unspec(void)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int on = 1, fd = tcp(0);

	check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
	check(connect(fd, &none, sizeof(none)) == 0);
	for (int i = 0; i < 3; i++) {
		check(connect_to(fd, "127.0.0.1", PORT_ECHO) == 0);
		check_echo(fd);
		check(connect(fd, &none, sizeof(none)) == 0);
		check_error(getpeername(fd, (struct sockaddr *)&sin, &len), ENOTCONN);
	}
	on = 0;
	len = sizeof(on);
	check(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len) == 0 && on == 1);
}

static void test_unspec(void **state)
{
	program(*state, unspec);
}

static void reset(void)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	char c;
	int fd = tcp(0);

	check(connect_to(fd, "127.0.0.1", PORT_RESET) == 0);
	check(send(fd, "x", 1, 0) == 1);
	check_error(recv(fd, &c, 1, 0), ECONNRESET);
	check(recv(fd, &c, 1, 0) == 0);
	check(sock_error(fd) == 0);
	check(getsockname(fd, (struct sockaddr *)&sin, &len) == 0 && sin.sin_port);
	check_error(shutdown(fd, SHUT_WR), ENOTCONN);
	check_error(connect_to(fd, "127.0.0.1", PORT_ECHO), EISCONN);
}

static void test_reset(void **state)
{
	program(*state, reset);
}

static void ended(void)
{
	char buf[8];
	int fd = tcp(0);

	check(connect_to(fd, "127.0.0.1", PORT_DAY) == 0);
	check(recv(fd, buf, sizeof(buf), MSG_WAITALL) == 3);
	check(recv(fd, buf, sizeof(buf), 0) == 0);
	check(shutdown(fd, SHUT_WR) == 0);
}

static void test_ended(void **state)
{
	program(*state, ended);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_blocking),
		TEST(test_refused_again),
		TEST(test_wrong),
		TEST(test_nonblocking),
		TEST(test_nonblocking_refused),
		TEST(test_epoll_survives),
		TEST(test_moved),
		TEST(test_handed_on),
		TEST(test_in_handshake),
		TEST(test_gives_up),
		TEST(test_interrupted),
		TEST(test_closed_by_thread),
		TEST(test_ended_by_thread),
		TEST(test_unspec),
		TEST(test_reset),
		TEST(test_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
