/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two programs of one instance whose connection is cut through no more, and a reset of one that is.
 */
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <linux/sockios.h>

#include "tests/unit/attach/program.h"

#define PORT 5000

struct ends {
	int l;
	int c;
	int s;
};

/* Of this program with itself. */
static struct ends pair(void)
{
	const struct sockaddr_in sin = addr_of("127.0.0.1", PORT);
	struct ends e = { .l = tcp(0), .c = tcp(0) };
	const int one = 1;

	check(setsockopt(e.l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0);
	check(bind(e.l, (const struct sockaddr *)&sin, sizeof(sin)) == 0 && listen(e.l, 5) == 0);
	check(connect_to(e.c, "127.0.0.1", PORT) == 0);
	e.s = accept(e.l, NULL, NULL);
	check(e.s >= 0);
	return e;
}

static void set_linger(int fd, int on)
{
	const struct linger l = { .l_onoff = on };

	check(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)) == 0);
}

static int mask_when(int fd, int events)
{
	struct pollfd p = { .fd = fd, .events = (short)events };

	check(poll(&p, 1, 10000) == 1);
	return p.revents;
}

static void talk(int a, int b)
{
	char buf[8];

	check(send(a, "ping", 4, MSG_NOSIGNAL) == 4);
	check(recv(b, buf, 4, MSG_WAITALL) == 4 && memcmp(buf, "ping", 4) == 0);
	check(send(b, "pong", 4, MSG_NOSIGNAL) == 4);
	check(recv(a, buf, 4, MSG_WAITALL) == 4 && memcmp(buf, "pong", 4) == 0);
}

static void check_reset(int fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	check(mask_when(fd, POLLIN) & POLLHUP);
	check_error(recv(fd, &(char){ 0 }, 1, 0), ECONNRESET);
	check(recv(fd, &(char){ 0 }, 1, 0) == 0);
	check_error(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	check_error(getpeername(fd, (struct sockaddr *)&sin, &len), ENOTCONN);
	check_error(shutdown(fd, SHUT_WR), ENOTCONN);
}

static void resets(void)
{
	struct ends e = pair();

	set_linger(e.c, 1);
	check(polled(e.c, 0) == POLLOUT);
	talk(e.c, e.s);
	talk(e.s, e.c);
	check(close(e.c) == 0);
	check_reset(e.s);
	check(close(e.s) == 0 && close(e.l) == 0);
	/* Who has never written, by who has accepted. */
	e = pair();
	set_linger(e.s, 1);
	check(close(e.s) == 0);
	check_reset(e.c);
	check(close(e.c) == 0 && close(e.l) == 0);
	/* Both of them have one. */
	e = pair();
	set_linger(e.s, 1);
	set_linger(e.c, 1);
	talk(e.c, e.s);
	check(close(e.s) == 0);
	check_reset(e.c);
	check(close(e.c) == 0 && close(e.l) == 0);
	/* It has thought better of it. */
	e = pair();
	set_linger(e.s, 1);
	set_linger(e.s, 0);
	talk(e.c, e.s);
	check(close(e.s) == 0);
	check(recv(e.c, &(char){ 0 }, 1, 0) == 0 && sock_error(e.c) == 0);
}

static void test_resets(void **state)
{
	program(*state, resets);
}

/* Before it was accepted. */
static void resets_early(void)
{
	struct ends e = pair();
	char buf[8];
	int c = tcp(0), s;

	check(connect_to(c, "127.0.0.1", PORT) == 0);
	check(send(c, "abc", 3, 0) == 3);
	set_linger(c, 1);
	check(close(c) == 0);
	s = accept(e.l, NULL, NULL);
	check(s >= 0);
	check(recv(s, buf, 3, MSG_WAITALL) == 3);
	check(mask_when(s, POLLIN) & POLLHUP);
	check_error(recv(s, buf, 1, 0), ECONNRESET);
	/* What is set before connect(): it is TCP then, from the beginning. */
	c = tcp(0);
	set_linger(c, 1);
	check(connect_to(c, "127.0.0.1", PORT) == 0);
	s = accept(e.l, NULL, NULL);
	check(s >= 0);
	talk(c, s);
	check(close(c) == 0);
	check_reset(s);
}

static void test_resets_early(void **state)
{
	program(*state, resets_early);
}

static uint8_t pattern(size_t at)
{
	return (uint8_t)(at ^ at >> 8 ^ at >> 16);
}

#define BULK ((size_t)3 << 20)

/* One step of @n bytes at most; how many. */
static size_t write_some(int fd, size_t at, size_t n)
{
	uint8_t buf[70000];
	ssize_t r;

	n = n < BULK - at ? n : BULK - at;
	for (size_t i = 0; i < n; i++)
		buf[i] = pattern(at + i);
	r = send(fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	check(r >= 0 || errno == EAGAIN);
	return r < 0 ? 0 : (size_t)r;
}

static size_t read_some(int fd, size_t at)
{
	uint8_t buf[50000];
	const ssize_t r = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	check(r > 0 || errno == EAGAIN);
	for (ssize_t i = 0; i < r; i++)
		check(buf[i] == pattern(at + (size_t)i));
	return r < 0 ? 0 : (size_t)r;
}

/* All of it both ways, in pieces of many sizes; what was there before is first. */
static void bulk(void)
{
	static const size_t sizes[] = { 1, 65536, 7, 1448, 70000, 32768, 32769, 2 };
	struct ends e = pair();
	size_t sent[2] = { 0 }, got[2] = { 0 };
	const int fd[2] = { e.c, e.s };
	int n = -1;

	sent[1] = write_some(e.s, 0, 1000);
	sent[0] = write_some(e.c, 0, 2000);
	set_linger(e.c, 1);
	check(ioctl(e.c, FIONREAD, &n) == 0 && n == 1000);
	for (unsigned int i = 0; got[0] < BULK || got[1] < BULK; i++) {
		for (int x = 0; x < 2; x++) {
			if (sent[x] < BULK)
				sent[x] += write_some(fd[x], sent[x], sizes[i % 8]);
			if (got[!x] < BULK && i % 3)
				got[!x] += read_some(fd[!x], got[!x]);
		}
	}
	check(polled(e.c, 0) == POLLOUT && polled(e.s, 0) == POLLOUT);
	for (n = -1; n;)
		check(ioctl(e.c, SIOCOUTQ, &n) == 0 && n >= 0);
	set_linger(e.c, 0);
	/* What is on its way arrives, though who has sent it is gone. */
	sent[0] = 0;
	for (int i = 0; i < 10; i++)
		sent[0] += write_some(e.c, sent[0], 65536);
	check(sent[0] > 300000 && close(e.c) == 0);
	for (got[0] = 0; got[0] < sent[0];)
		got[0] += read_some(e.s, got[0]);
	check(recv(e.s, &(char){ 0 }, 1, 0) == 0);
}

static void test_bulk(void **state)
{
	program(*state, bulk);
}

static void halves(void)
{
	struct ends e = pair();
	char buf[8];

	set_linger(e.c, 1);
	set_linger(e.c, 0);
	check(send(e.c, "last", 4, 0) == 4 && shutdown(e.c, SHUT_WR) == 0);
	check(recv(e.s, buf, 8, MSG_WAITALL) == 4);
	check(mask_when(e.s, POLLRDHUP) == POLLRDHUP);
	check(send(e.s, "word", 4, 0) == 4);
	check(recv(e.c, buf, 4, MSG_WAITALL) == 4);
	check_error(send(e.c, "x", 1, MSG_NOSIGNAL), EPIPE);
	check(polled(e.c, 0) == POLLOUT);
	check(close(e.s) == 0);
	check(recv(e.c, buf, 1, 0) == 0);
	check(mask_when(e.c, 0) == POLLHUP && sock_error(e.c) == 0);
	check(close(e.c) == 0 && close(e.l) == 0);
	/* The other one has closed; what is written after that meets a hangup, and no reset. */
	e = pair();
	set_linger(e.c, 1);
	check(send(e.s, "abc", 3, 0) == 3 && close(e.s) == 0);
	check(mask_when(e.c, POLLRDHUP) == POLLRDHUP);
	check(recv(e.c, buf, 8, MSG_WAITALL) == 3);
	check(send(e.c, "x", 1, MSG_NOSIGNAL) == 1);
	check(mask_when(e.c, 0) == POLLHUP);
	check(recv(e.c, buf, 1, 0) == 0);
	check(close(e.c) == 0 && close(e.l) == 0);
	/* It has not read all. */
	e = pair();
	set_linger(e.c, 1);
	check(send(e.c, "abc", 3, 0) == 3 && recv(e.s, buf, 1, 0) == 1);
	check(close(e.s) == 0);
	check_reset(e.c);
	check(close(e.c) == 0 && close(e.l) == 0);
	/* Nor has this one. */
	e = pair();
	set_linger(e.c, 1);
	set_linger(e.c, 0);
	check(send(e.s, "abc", 3, 0) == 3 && recv(e.c, buf, 1, 0) == 1);
	check(close(e.c) == 0);
	check_reset(e.s);
}

static void test_halves(void **state)
{
	program(*state, halves);
}

/* Nothing of it is seen by who writes. */
static void no_read(void)
{
	struct ends e = pair();
	static char buf[60000];

	check(shutdown(e.c, SHUT_RD) == 0);
	check(mask_when(e.c, POLLIN) == (POLLIN));
	check(recv(e.c, buf, 1, 0) == 0);
	for (int i = 0; i < 200; i++)
		check(send(e.s, buf, sizeof(buf), MSG_NOSIGNAL) == (ssize_t)sizeof(buf));
	check(mask_when(e.s, POLLOUT) == POLLOUT);
	check(send(e.c, "abc", 3, 0) == 3 && recv(e.s, buf, 3, MSG_WAITALL) == 3);
	check(shutdown(e.c, SHUT_WR) == 0);
	check(recv(e.s, buf, 1, 0) == 0);
	check(close(e.c) == 0);
}

static void test_no_read(void **state)
{
	program(*state, no_read);
}

static void urgent(void)
{
	struct ends e = pair();
	char buf[16];
	int at = -1;

	set_linger(e.c, 1);
	check(send(e.s, "ab", 2, 0) == 2 && send(e.s, "!", 1, MSG_OOB) == 1);
	check(mask_when(e.c, POLLPRI) & POLLPRI);
	check(recv(e.c, buf, sizeof(buf), 0) == 2);
	check(ioctl(e.c, SIOCATMARK, &at) == 0 && at == 1);
	check(recv(e.c, buf, 1, MSG_OOB) == 1 && buf[0] == '!');
	check(send(e.s, "cd", 2, 0) == 2 && recv(e.c, buf, 2, MSG_WAITALL) == 2);
	check(send(e.c, "ef", 2, 0) == 2 && send(e.c, "?", 1, MSG_OOB) == 1);
	check(mask_when(e.s, POLLPRI) & POLLPRI);
	check(recv(e.s, buf, 1, MSG_OOB) == 1 && buf[0] == '?');
	check(recv(e.s, buf, 2, MSG_WAITALL) == 2 && memcmp(buf, "ef", 2) == 0);
	talk(e.c, e.s);
}

static void test_urgent(void **state)
{
	program(*state, urgent);
}

static void low_water(void)
{
	struct ends e = pair();
	int n = 10;
	char buf[32];

	check(setsockopt(e.s, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n)) == 0);
	check(send(e.c, buf, 5, 0) == 5);
	check(polled(e.s, 100) == POLLOUT);
	check(send(e.c, buf, 5, 0) == 5);
	check(mask_when(e.s, POLLIN) == POLLIN && recv(e.s, buf, 32, 0) == 10);
	check(send(e.c, buf, 3, 0) == 3);
	check(polled(e.s, 100) == POLLOUT);
	n = 1;
	check(setsockopt(e.s, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n)) == 0);
	check(mask_when(e.s, POLLIN) == POLLIN && recv(e.s, buf, 32, 0) == 3);
	n = 10;
	check(setsockopt(e.s, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n)) == 0);
	check(send(e.c, buf, 3, 0) == 3 && shutdown(e.c, SHUT_WR) == 0);
	check(mask_when(e.s, POLLRDHUP) == POLLRDHUP);
	check(recv(e.s, buf, 32, 0) == 3);
}

static void test_low_water(void **state)
{
	program(*state, low_water);
}

/* A child has it, too: its bytes must not be lost, so all stays as it was. */
static void shared(void)
{
	struct ends e = pair();
	int status = -1, go[2];
	char c;
	pid_t pid;

	check(pipe(go) == 0);
	pid = fork();
	check(pid >= 0);
	if (!pid) {
		check(close(e.s) == 0 && read(go[0], &c, 1) == 1);
		check(recv(e.c, &c, 1, 0) == 1 && c == 'x');
		_exit(send(e.c, "y", 1, 0) == 1 ? 0 : 1);
	}
	set_linger(e.c, 1);
	check(close(e.c) == 0 && send(e.s, "x", 1, 0) == 1 && write(go[1], "g", 1) == 1);
	check(recv(e.s, &c, 1, 0) == 1 && c == 'y');
	check(waitpid(pid, &status, 0) == pid && status == 0);
	check(recv(e.s, &c, 1, 0) == 0);
}

static void test_shared(void **state)
{
	program(*state, shared);
}

/* A child has the other end, which nobody has ever called anything with. */
static void found_in_child(void)
{
	struct ends e = pair();
	int status = -1;
	const pid_t pid = fork();
	char c;

	check(pid >= 0);
	if (!pid) {
		check(close(e.c) == 0);
		check_error(recv(e.s, &c, 1, 0), ECONNRESET);
		_exit(0);
	}
	check(close(e.s) == 0);
	/* The child has closed its copy of this one: until then it would be shared. */
	for (int i = 0; i < 10000; i++) {
		char path[64];
		struct stat st;

		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, e.c);
		if (lstat(path, &st) < 0)
			break;
		check(poll(NULL, 0, 1) == 0);
	}
	set_linger(e.c, 1);
	check(close(e.c) == 0);
	check(waitpid(pid, &status, 0) == pid && status == 0);
}

static void test_found_in_child(void **state)
{
	program(*state, found_in_child);
}

static uint8_t state_of(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	check(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && len == sizeof(info));
	check(info.tcpi_snd_mss > 500 && info.tcpi_snd_cwnd > 0);
	return info.tcpi_state;
}

static void states(void)
{
	struct ends e = pair();

	check(state_of(e.c) == TCP_ESTABLISHED && state_of(e.s) == TCP_ESTABLISHED);
	check(shutdown(e.c, SHUT_WR) == 0);
	check(state_of(e.c) == TCP_FIN_WAIT2 && state_of(e.s) == TCP_CLOSE_WAIT);
	check(shutdown(e.s, SHUT_WR) == 0);
	check(close(e.c) == 0);
	check(mask_when(e.s, 0) == POLLHUP);
	check_error(shutdown(e.s, SHUT_WR), ENOTCONN);
}

static void test_states(void **state)
{
	program(*state, states);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_resets),    TEST(test_resets_early), TEST(test_bulk),
		TEST(test_halves),    TEST(test_no_read),      TEST(test_urgent),
		TEST(test_low_water), TEST(test_shared),       TEST(test_found_in_child),
		TEST(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
