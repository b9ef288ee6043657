/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The library for packetdrill, loaded and driven as packetdrill does it: through its table
 * alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "tests/packetdrill/packetdrill.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

#define LOCAL IP4_ADDR(192, 168, 0, 1)
#define PEER  IP4_ADDR(192, 0, 2, 1)

/* RTLD_DEEPBIND, which packetdrill uses, is nothing that sanitizers can stand. */
#ifdef __SANITIZE_ADDRESS__
#	define DEEPBIND 0
#else
#	define DEEPBIND RTLD_DEEPBIND
#endif

struct scene {
	void *lib;
	void (*init)(const char *flags, struct packetdrill_table *ret);
	struct packetdrill_table t;
	struct seq iss; /* the stack's */
};

/* Beside the unit tests in the build tree. */
static void library_path(char *ret, size_t size)
{
	char self[512];
	const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *unit;

	assert_true(n > 0);
	self[n] = '\0';
	unit = strstr(self, "/unit/packetdrill/");
	assert_non_null(unit);
	*unit = '\0';
	(void)snprintf(ret, size, "%s/packetdrill/netstack_packetdrill.so", self);
}

static int load(void **state)
{
	static struct scene s;
	char path[600];

	memset(&s, 0, sizeof(s));
	library_path(path, sizeof(path));
	s.lib = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | DEEPBIND);
	if (!s.lib)
		print_error("%s\n", dlerror());
	assert_non_null(s.lib);
	*(void **)&s.init = dlsym(s.lib, "packetdrill_interface_init");
	assert_non_null(s.init);
	s.init("mtu=1500,limit=1000", &s.t);
	*state = &s;
	return 0;
}

static int unload(void **state)
{
	struct scene *s = *state;

	s->t.free(s->t.userdata);
	return dlclose(s->lib);
}

static long long now_us(struct scene *s)
{
	struct timeval tv;

	assert_int_equal(s->t.gettimeofday(s->t.userdata, &tv, NULL), 0);
	return tv.tv_sec * 1000000LL + tv.tv_usec;
}

static void inject(struct scene *s, uint16_t flags, uint32_t seq, uint32_t ack, size_t len)
{
	uint8_t b[2048] = { 0 };
	const struct ipv4_repr ip = {
		.src = PEER,
		.dst = LOCAL,
		.payload_len = (uint16_t)(TCP_HDR_LEN + len),
		.ttl = 64,
		.proto = IP_PROTO_TCP,
	};
	const struct tcp_repr tcp = {
		.seq = seq_of(1000 + seq),
		.ack = flags & TCP_ACK ? seq_add(s->iss, ack) : seq_of(0),
		.src_port = 40000,
		.dst_port = 8080,
		.flags = flags,
		.wnd = 65535,
	};
	uint8_t *p = b + IPV4_HDR_LEN;
	const uint32_t l4 = (uint32_t)(TCP_HDR_LEN + len);

	assert_int_equal(ipv4_emit(b, sizeof(b), &ip), IPV4_HDR_LEN);
	assert_int_equal(tcp_emit(p, sizeof(b) - IPV4_HDR_LEN, &tcp), TCP_HDR_LEN);
	memset(p + TCP_HDR_LEN, 'x', len);
	put_be16(p + TCP_CSUM_OFFSET,
		 csum_finish(csum_pseudo4(PEER, LOCAL, IP_PROTO_TCP, l4) + csum_bytes(p, l4)));
	assert_int_equal(s->t.netdev_send(s->t.userdata, b, IPV4_HDR_LEN + l4), 0);
}

/* The next segment; its payload length and when it left. */
static struct tcp_repr expect(struct scene *s, uint32_t *ret_len, long long *ret_us)
{
	uint8_t b[4096];
	size_t len = sizeof(b);
	struct ipv4_repr ip = { .src = 0 };
	struct tcp_repr tcp = { .flags = 0 };
	int hdr;

	assert_int_equal(s->t.netdev_receive(s->t.userdata, b, &len, ret_us), 0);
	assert_int_equal(ipv4_parse(b, len, &ip), IPV4_HDR_LEN);
	assert_int_equal(ip.src, LOCAL);
	assert_int_equal(ip.dst, PEER);
	assert_true(csum_ok(csum_pseudo4(ip.src, ip.dst, IP_PROTO_TCP, ip.payload_len) +
			    csum_bytes(b + IPV4_HDR_LEN, ip.payload_len)));
	hdr = tcp_parse(b + IPV4_HDR_LEN, ip.payload_len, &tcp);
	assert_true(hdr > 0);
	*ret_len = ip.payload_len - (uint32_t)hdr;
	return tcp;
}

static int listener(struct scene *s)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(8080) };
	const int fd = s->t.socket(s->t.userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP);

	assert_true(fd >= 0);
	assert_int_equal(s->t.bind(s->t.userdata, fd, (const struct sockaddr *)&any, sizeof(any)),
			 0);
	assert_int_equal(s->t.listen(s->t.userdata, fd, 5), 0);
	return fd;
}

/* A handshake of 0.1 s. */
static int connection(struct scene *s, int fd)
{
	struct tcp_repr tcp;
	long long us;
	uint32_t len;
	int conn;

	inject(s, TCP_SYN, 0, 0, 0);
	tcp = expect(s, &len, &us);
	assert_int_equal(tcp.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(tcp.ack.v, 1001);
	s->iss = tcp.seq;
	assert_int_equal(s->t.usleep(s->t.userdata, 100000), 0);
	inject(s, TCP_ACK, 1, 1, 0);
	conn = s->t.accept(s->t.userdata, fd, NULL, NULL);
	assert_true(conn >= 0);
	return conn;
}

/* What packetdrill closes at its end it closes by close(2). */
static void descriptors_are_of_the_process(void **state)
{
	struct scene *s = *state;
	const int a = listener(s);
	const int b = s->t.socket(s->t.userdata, AF_INET, SOCK_DGRAM, 0);

	assert_int_not_equal(a, b);
	assert_true(fcntl(a, F_GETFD) >= 0);
	assert_int_equal(close(a), 0);
	assert_int_equal(s->t.close(s->t.userdata, b), 0);
	assert_int_equal(s->t.close(s->t.userdata, b), -1);
	assert_int_equal(errno, EBADF);
}

static void errors_are_in_errno(void **state)
{
	struct scene *s = *state;
	const int fd = s->t.socket(s->t.userdata, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	const struct sockaddr_in peer = {
		.sin_family = AF_INET,
		.sin_port = htons(80),
		.sin_addr.s_addr = htonl(PEER),
	};

	assert_int_equal(
		s->t.connect(s->t.userdata, fd, (const struct sockaddr *)&peer, sizeof(peer)), -1);
	assert_int_equal(errno, EINPROGRESS);
	assert_int_equal(s->t.splice(s->t.userdata, fd, NULL, fd, NULL, 1, 0), -1);
	assert_int_equal(errno, EOPNOTSUPP);
}

static void handshake_and_data(void **state)
{
	struct scene *s = *state;
	const int fd = connection(s, listener(s));
	struct tcp_repr tcp;
	char buf[200];
	long long us;
	uint32_t len;

	inject(s, TCP_ACK | TCP_PSH, 1, 1, 100);
	tcp = expect(s, &len, &us);
	assert_int_equal(tcp.ack.v, 1101);
	assert_int_equal(s->t.read(s->t.userdata, fd, buf, sizeof(buf)), 100);
	assert_int_equal(s->t.write(s->t.userdata, fd, buf, 50), 50);
	tcp = expect(s, &len, &us);
	assert_int_equal(len, 50);
	assert_int_equal(tcp.seq.v, seq_add(s->iss, 1).v);
}

/* netdev_receive() lets virtual time pass, and no other. */
static void retransmission_on_the_virtual_clock(void **state)
{
	struct scene *s = *state;
	const int fd = connection(s, listener(s));
	long long first, us;
	uint32_t len;

	assert_int_equal(s->t.write(s->t.userdata, fd, "x", 1), 1);
	(void)expect(s, &len, &first);
	for (long long rto = 300000, at = first; rto < 40000000; rto *= 2, at = us) {
		(void)expect(s, &len, &us);
		assert_int_equal(len, 1);
		assert_in_range(us - at, rto - 1000, rto + rto / 50 + 3000);
	}
	assert_in_range(now_us(s), us, us + 100);
}

/* packetdrill waits for the last 20 us by asking for the time. */
static void time_passes_when_it_is_asked_for(void **state)
{
	struct scene *s = *state;
	const long long begin = now_us(s);
	int n;

	for (n = 0; now_us(s) < begin + 20; n++)
		assert_true(n < 1000);
	assert_int_equal(s->t.usleep(s->t.userdata, 5000), 0);
	assert_in_range(now_us(s), begin + 5020, begin + 5040);
}

struct reading {
	struct scene *s;
	int fd;
	_Atomic pid_t tid;
	ssize_t n;
	long long end_us;
};

static void *reader(void *arg)
{
	struct reading *r = arg;
	char buf[100];

	r->tid = gettid();
	r->n = r->s->t.read(r->s->t.userdata, r->fd, buf, sizeof(buf));
	r->end_us = now_us(r->s);
	return NULL;
}

static char thread_state(pid_t tid)
{
	char path[64], stat[1024];
	const char *p;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	assert_int_equal(file_read(AT_FDCWD, path, stat, sizeof(stat)), 0);
	p = strrchr(stat, ')');
	assert_non_null(p);
	return p[2];
}

/* As packetdrill does: it sleeps, so it waits in the call. */
static void wait_asleep(const struct reading *r)
{
	for (int i = 0; !r->tid || thread_state(r->tid) != 'S'; i++) {
		assert_true(i < 10000);
		(void)poll(NULL, 0, 1); /* a pause */
	}
}

/* Blocking calls are made in a second thread; the clock stands still until it has seen when
 * its call was over.
 */
static void blocking_read_in_a_thread(void **state)
{
	struct scene *s = *state;
	struct reading r = { .s = s, .fd = connection(s, listener(s)) };
	long long at;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, reader, &r), 0);
	wait_asleep(&r);
	at = now_us(s);
	while (now_us(s) < at + 1000000)
		assert_int_equal(s->t.usleep(s->t.userdata, 10000), 0);
	at = now_us(s);
	inject(s, TCP_ACK | TCP_PSH, 1, 1, 10);
	assert_int_equal(s->t.usleep(s->t.userdata, 1000000), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(r.n, 10);
	assert_in_range(r.end_us, at, at + 1000);
}

static void tcp_info_by_the_table(void **state)
{
	struct scene *s = *state;
	const int fd = connection(s, listener(s));
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	assert_int_equal(s->t.getsockopt(s->t.userdata, fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	assert_int_equal(info.tcpi_state, TCP_ESTABLISHED);
	assert_in_range(info.tcpi_rtt, 99000, 102000);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[200];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void remove_file(const char *dir, const char *name)
{
	char path[200];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(unlink(path), 0);
}

/* Options of a SYN+ACK for a peer that offers SACK, as their length. */
static uint32_t synack_options(struct scene *s)
{
	struct tcp_repr tcp;
	long long us;
	uint32_t len;

	inject(s, TCP_SYN, 0, 0, 0);
	tcp = expect(s, &len, &us);
	assert_int_equal(tcp.flags, TCP_SYN | TCP_ACK);
	inject(s, TCP_RST, 1, 0, 0);
	return tcp.opts_len;
}

static uint32_t syn_options(struct scene *s)
{
	const int fd = s->t.socket(s->t.userdata, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	const struct sockaddr_in peer = {
		.sin_family = AF_INET,
		.sin_port = htons(80),
		.sin_addr.s_addr = htonl(PEER),
	};
	struct tcp_repr tcp;
	long long us;
	uint32_t len;

	assert_int_equal(
		s->t.connect(s->t.userdata, fd, (const struct sockaddr *)&peer, sizeof(peer)), -1);
	tcp = expect(s, &len, &us);
	assert_int_equal(tcp.flags, TCP_SYN);
	assert_int_equal(s->t.close(s->t.userdata, fd), 0);
	return tcp.opts_len;
}

/* What is in the folder at first counts for nothing, what changes is set. */
static void sysctls_that_change(void **state)
{
	struct scene *s = *state;
	char dir[] = "/tmp/fairlead-sysctl-XXXXXX", flags[100];

	assert_non_null(mkdtemp(dir));
	write_file(dir, "tcp_timestamps", "0\n");
	write_file(dir, "tcp_sack", "1\n");
	s->t.free(s->t.userdata);
	(void)snprintf(flags, sizeof(flags), "sysctl=%s", dir);
	s->init(flags, &s->t);
	assert_int_equal(syn_options(s), 20);
	write_file(dir, "tcp_timestamps", "1\n");
	write_file(dir, "tcp_sack", "0\n");
	assert_int_equal(syn_options(s), 20); /* MSS, timestamps, window scale, padding */
	write_file(dir, "tcp_timestamps", "0\n");
	assert_int_equal(syn_options(s), 8);
	assert_int_equal(close(listener(s)), 0);
	assert_int_equal(synack_options(s), 4);
	remove_file(dir, "tcp_timestamps");
	remove_file(dir, "tcp_sack");
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, load, unload)
		TEST(descriptors_are_of_the_process),
		TEST(errors_are_in_errno),
		TEST(handshake_and_data),
		TEST(retransmission_on_the_virtual_clock),
		TEST(time_passes_when_it_is_asked_for),
		TEST(blocking_read_in_a_thread),
		TEST(tcp_info_by_the_table),
		TEST(sysctls_that_change),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
