/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A host of two queues: two instances with the same addresses, a thread each, and the kernel as
 * their peer, which spreads flows over the queues as it likes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <sys/time.h>

#include "host/host.h"
#include "netstack/socket.h"
#include "nic/loop.h"
#include "nic/steer.h"
#include "tests/unit/netns_fixture.h"

#define SHARDS   2
#define CALLS    64
#define OURS     "10.9.0.1"
#define THEIRS   "10.9.0.2"
#define ECHO     7
#define GREETING 9

#define ip(...)                                                                                    \
	do {                                                                                       \
		char ip_said[512];                                                                 \
		run_ok(ip_said, sizeof(ip_said), "ip", __VA_ARGS__);                               \
	} while (0)

/**
 * struct shard - A thread that serves a queue
 * @stop:	Descriptor that ends it
 * @ready, @go: It is there; it may call out
 * @accepted, @greeted: Connections that it answered, and that were answered to it
 * @error:	What went wrong, 0 for nothing
 */
struct shard {
	pthread_t thread;
	struct steer *steer;
	unsigned int number;
	int stop;
	sem_t ready;
	sem_t go;
	unsigned int accepted;
	unsigned int greeted;
	int error;
	struct host *host;
	bool stopped;
};

static struct sockaddr_in at(const char *addr, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	(void)inet_pton(AF_INET, addr, &a.sin_addr); /* all are right */
	return a;
}

static void on_stop(struct loop_watch *w, uint32_t events)
{
	struct shard *s = w->arg;

	(void)events; /* it was written to */
	s->stopped = true;
}

/* Blocking calls: host_turn() is within them. */
static int call_out(struct shard *s)
{
	struct netstack *st = host_stack(s->host);

	for (unsigned int i = 0; i < 8; i++) {
		struct sockaddr_in a = at(THEIRS, GREETING), own;
		socklen_t len = sizeof(own);
		int fd = ns_socket(st, AF_INET, SOCK_STREAM, 0);
		char c;
		int r = ns_connect(st, fd, (struct sockaddr *)&a, sizeof(a));

		if (r == 0)
			r = ns_getsockname(st, fd, (struct sockaddr *)&own, &len);
		if (r == 0 && ntohs(own.sin_port) % SHARDS != s->number)
			r = -ERANGE;
		if (r == 0 && ns_read(st, fd, &c, 1) != 1)
			r = -EIO;
		if (r < 0)
			return r;
		s->greeted++;
		(void)ns_close(st, fd); /* it is open */
	}
	return 0;
}

static int echo_event(struct shard *s, int epfd, int listener, int fd)
{
	struct netstack *st = host_stack(s->host);
	char buf[256];
	ssize_t n;

	if (fd == listener) {
		struct epoll_event ev = { .events = EPOLLIN };

		fd = ns_accept4(st, listener, NULL, NULL, SOCK_NONBLOCK);
		if (fd < 0)
			return fd;
		ev.data.fd = fd;
		s->accepted++;
		return ns_epoll_ctl(st, epfd, EPOLL_CTL_ADD, fd, &ev);
	}
	n = ns_read(st, fd, buf, sizeof(buf));
	if (n > 0)
		return ns_write(st, fd, buf, (size_t)n) == n ? 0 : -EIO;
	return ns_close(st, fd);
}

static int serve(struct shard *s)
{
	struct netstack *st = host_stack(s->host);
	struct sockaddr_in a = at(OURS, ECHO);
	int epfd = ns_epoll_create(st);
	int listener = ns_socket(st, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = listener };
	int r = ns_bind(st, listener, (struct sockaddr *)&a, sizeof(a));

	if (r == 0)
		r = ns_listen(st, listener, CALLS);
	if (r == 0)
		r = ns_epoll_ctl(st, epfd, EPOLL_CTL_ADD, listener, &ev);
	(void)sem_post(&s->ready); /* cannot overflow */
	while (sem_wait(&s->go) < 0)
		;
	if (r == 0)
		r = call_out(s);
	while (r == 0 && !s->stopped) {
		int n = ns_epoll_wait(st, epfd, &ev, 1, 0);

		if (n < 0)
			r = n;
		else if (n > 0)
			r = echo_event(s, epfd, listener, ev.data.fd);
		else
			r = host_turn(s->host, LOOP_FOREVER);
	}
	return r;
}

static void *run(void *arg)
{
	struct shard *s = arg;
	const struct host_conf conf = {
		.nic = "tap:t0",
		.addr = { OURS "/24" },
		.shard = s->number,
		.n_shards = SHARDS,
		.steer = s->steer,
	};
	struct loop_watch w = { .fd = s->stop, .events = POLLIN, .ready = on_stop, .arg = s };

	s->error = host_new(&s->host, &conf, NULL);
	if (s->error < 0) {
		(void)sem_post(&s->ready); /* cannot overflow */
		return NULL;
	}
	s->error = loop_watch_add(host_loop(s->host), &w);
	if (s->error == 0) {
		s->error = serve(s);
		loop_watch_del(host_loop(s->host), &w);
	}
	host_free(s->host);
	return NULL;
}

static void begin(struct shard *s, struct steer *steer, unsigned int number)
{
	*s = (struct shard){ .steer = steer, .number = number };
	s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(s->stop >= 0);
	assert_int_equal(sem_init(&s->ready, 0, 0), 0);
	assert_int_equal(sem_init(&s->go, 0, 0), 0);
	/* In turn: the first one makes the tap. */
	assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
	while (sem_wait(&s->ready) < 0)
		;
	assert_int_equal(s->error, 0);
}

static void end(struct shard *s)
{
	const uint64_t one = 1;

	assert_int_equal(write(s->stop, &one, sizeof(one)), sizeof(one));
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	assert_int_equal(close(s->stop), 0);
	(void)sem_destroy(&s->ready);
	(void)sem_destroy(&s->go);
	assert_int_equal(s->error, 0);
}

/* Who waits for a connection that does not come waits no longer than this. */
static int listen_to_calls(unsigned int n)
{
	const struct sockaddr_in a = at(THEIRS, GREETING);
	const struct timeval patience = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, (int)n), 0);
	return fd;
}

/* The kernel answers who calls out. */
static void greet(int listener, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		int fd = accept(listener, NULL, NULL);

		assert_return_code(fd, errno);
		assert_int_equal(write(fd, "!", 1), 1);
		assert_int_equal(close(fd), 0);
	}
	assert_int_equal(close(listener), 0);
}

static void call_in(void)
{
	const struct sockaddr_in a = at(OURS, ECHO);
	char buf[100] = "echo", got[sizeof(buf)];

	for (unsigned int i = 0; i < CALLS; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		assert_return_code(connect(fd, (const struct sockaddr *)&a, sizeof(a)), errno);
		assert_int_equal(write(fd, buf, sizeof(buf)), sizeof(buf));
		assert_int_equal(recv(fd, got, sizeof(got), MSG_WAITALL), sizeof(got));
		assert_memory_equal(buf, got, sizeof(buf));
		assert_int_equal(close(fd), 0);
	}
}

static void two_queues_are_one_host(void **state)
{
	const struct steer_conf conf = {
		.n_shards = SHARDS,
		.port_first = 32768,
		.port_last = 60999,
	};
	struct shard shard[SHARDS];
	struct steer *steer;
	struct nerr err = NERR_INIT;
	int listener;

	(void)state;
	assert_ok(steer_new(&steer, &conf, &err), err);
	for (unsigned int i = 0; i < SHARDS; i++)
		begin(&shard[i], steer, i);
	ip("link", "set", "t0", "up");
	ip("addr", "add", THEIRS "/24", "dev", "t0");
	listener = listen_to_calls(SHARDS * 8);
	for (unsigned int i = 0; i < SHARDS; i++)
		assert_int_equal(sem_post(&shard[i].go), 0);
	greet(listener, SHARDS * 8);
	call_in();
	for (unsigned int i = 0; i < SHARDS; i++)
		end(&shard[i]);
	assert_int_equal(shard[0].accepted + shard[1].accepted, CALLS);
	for (unsigned int i = 0; i < SHARDS; i++) {
		assert_true(shard[i].accepted > 0);
		assert_int_equal(shard[i].greeted, 8);
	}
	steer_free(steer);
}

static int fresh(void **state)
{
	netns_fresh();
	*state = NULL;
	return 0;
}

static int stale(void **state)
{
	(void)state;
	(void)umount2("/sys", MNT_DETACH); /* each test mounts its own */
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_queues_are_one_host, fresh, stale),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
