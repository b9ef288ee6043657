/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two instances of the stack on one wire, and tshark on what was captured of it: it finds
 * no wrong checksum, nothing malformed and nothing missing, and the bytes of the connection.
 *
 * Time is virtual, so nothing waits.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/str.h"
#include "netstack/netstack.h"
#include "netstack/socket.h"
#include "nic/wrappers.h"
#include "tests/unit/nic/fake.h"

#define UPLOAD    200000U
#define DOWNLOAD  100000U
#define DATAGRAM  4000U /* in three fragments */
#define DATAGRAMS 5U
#define PORT      47001 /* of no protocol that tshark knows */
#define ALL       (NIC_TX_CSUM | NIC_TSO4 | NIC_TSO6 | NIC_USO)

static char dir[] = "/tmp/capture_tshark.XXXXXX";
static char capture[64], output[64];

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(capture, sizeof(capture), "%s/capture", dir);
	(void)snprintf(output, sizeof(output), "%s/output", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	(void)unlink(capture); /* a test that failed may not have come so far */
	(void)unlink(output);
	return rmdir(dir);
}

/* --- two hosts --- */

struct host {
	struct netstack *st;
	struct nic *nic;
	uint32_t ifindex;
	int tcp, udp;
};

struct world {
	struct loop *loop;
	struct nic *count; /* below the capture */
	uint64_t now;
	struct host host[2];
};

static unsigned int host_tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	return nic_tx(arg, burst, n);
}

static void host_add_addr(struct host *h, struct ip6_addr addr, uint8_t len)
{
	const struct net_addr_conf conf = {
		.ifindex = h->ifindex,
		.addr = addr,
		.prefix_len = len,
		.no_dad = true,
	};

	assert_int_equal(netstack_addr_add(h->st, &conf), 0);
}

/* Its link, with the addresses 10.0.0.x and fd00::x. */
static void host_up(struct host *h, unsigned int i)
{
	const struct nic_info *info = &h->nic->info;
	int r = netstack_link_add(h->st, &(struct iface_conf){
						 .name = "eth0",
						 .kind = IFACE_ETHERNET,
						 .mac = info->mac,
						 .mtu = info->mtu,
						 .features = info->features,
						 .gso_max = info->gso_max,
						 .tx = host_tx,
						 .arg = h->nic,
					 });

	assert_true(r > 0);
	h->ifindex = (uint32_t)r;
	assert_int_equal(netstack_link_set_up(h->st, h->ifindex, true), 0);
	host_add_addr(h, ip6_addr_of_ip4(IP4_ADDR(10, 0, 0, 1 + i)), 24);
	host_add_addr(h, (struct ip6_addr){ UINT64_C(0xfd00000000000000), 1 + i }, 64);
}

static void world_init(struct world *w, uint32_t features)
{
	struct nic_env env[2];
	struct nerr err = NERR_INIT;
	struct netstack_conf conf;

	*w = (struct world){ .now = UINT64_C(1000000000) };
	assert_int_equal(loop_new(&w->loop, LOOP_AUTO, &err), 0);
	netstack_conf_default(&conf);
	for (unsigned int i = 0; i < 2; i++) {
		conf.seed[0] = (uint8_t)(i + 1);
		assert_int_equal(netstack_new(&w->host[i].st, &conf, w->now), 0);
		env[i] = (struct nic_env){
			.loop = w->loop,
			.pool = netstack_pool(w->host[i].st),
			.netns = -1,
			.n_queues = 1,
		};
	}
	assert_int_equal(nic_mem_pair(&w->host[0].nic, &env[0], &w->host[1].nic, &env[1], features,
				      1500, &err),
			 0);
	assert_int_equal(nic_count_new(&w->count, w->host[0].nic, &err), 0);
	if (nic_capture_new(&w->host[0].nic, w->count, capture, 0, &err) < 0)
		fail_msg("%s", err.msg);
	for (unsigned int i = 0; i < 2; i++)
		host_up(&w->host[i], i);
}

/* Return: something came, or was due */
static bool host_turn(struct world *w, struct host *h)
{
	struct pbuf *burst[NIC_BURST];
	const unsigned int n = nic_rx(h->nic, burst, NIC_BURST);
	const bool due = netstack_deadline(h->st) <= w->now;

	if (n)
		netstack_input(h->st, h->ifindex, burst, n, w->now);
	if (due)
		netstack_advance(h->st, w->now);
	return n || due;
}

/* All that happens now; and when that is nothing, the next thing. */
static void world_turn(struct world *w)
{
	uint64_t a, b;
	bool busy = false;

	for (unsigned int i = 0; i < 2; i++)
		busy |= host_turn(w, &w->host[i]);
	if (busy)
		return;
	a = netstack_deadline(w->host[0].st);
	b = netstack_deadline(w->host[1].st);
	w->now = a < b ? a : b;
}

/* Counted by the nics, before they go. */
struct counted {
	struct nic_stats stats;
	struct nic_count rx, tx;
	struct nic_capture_stats capture;
};

static void world_done(struct world *w, struct counted *ret)
{
	/* Packets come home to their pools. */
	for (unsigned int i = 0; i < 4; i++)
		(void)host_turn(w, &w->host[i % 2]);
	nic_stats(w->host[0].nic, &ret->stats);
	nic_count_get(w->count, &ret->rx, &ret->tx);
	assert_int_equal(nic_capture_stats(w->host[0].nic, &ret->capture), 0);
	for (unsigned int i = 0; i < 2; i++) {
		nic_close(w->host[i].nic);
		netstack_free(w->host[i].st);
	}
	loop_free(w->loop);
}

/* --- what they say to each other --- */

static struct sockaddr_storage address(bool is_ip6, unsigned int i, socklen_t *ret_len)
{
	struct sockaddr_storage ss = { .ss_family = is_ip6 ? AF_INET6 : AF_INET };
	struct sockaddr_in6 *in6 = (void *)&ss;
	struct sockaddr_in *in = (void *)&ss;

	if (is_ip6) {
		in6->sin6_port = htons(PORT);
		in6->sin6_addr.s6_addr[0] = 0xfd;
		in6->sin6_addr.s6_addr[15] = (uint8_t)(1 + i);
		*ret_len = sizeof(*in6);
	} else {
		in->sin_port = htons(PORT);
		in->sin_addr.s_addr = htonl(IP4_ADDR(10, 0, 0, 1 + i));
		*ret_len = sizeof(*in);
	}
	return ss;
}

static int new_socket(struct host *h, bool is_ip6, int type)
{
	const int fd = ns_socket(h->st, is_ip6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	return fd;
}

static uint8_t upload_byte(uint32_t i)
{
	return frame_byte(i);
}

static uint8_t download_byte(uint32_t i)
{
	return (uint8_t)~frame_byte(i + 5);
}

/**
 * struct flow - One direction of the connection
 * @byte:	What is in it
 */
struct flow {
	struct host *from, *to;
	int from_fd, to_fd;
	uint32_t len;
	uint32_t sent, received;
	bool ended;
	uint8_t (*byte)(uint32_t i);
};

static void flow_send(struct flow *f)
{
	static uint8_t b[65536];
	const uint32_t n = f->len - f->sent < sizeof(b) ? f->len - f->sent : sizeof(b);
	ssize_t r;

	for (uint32_t i = 0; i < n; i++)
		b[i] = f->byte(f->sent + i);
	r = n ? ns_write(f->from->st, f->from_fd, b, n) : 0;
	if (r > 0)
		f->sent += (uint32_t)r;
	else
		assert_true(r == 0 || r == -EAGAIN);
	if (r > 0 && f->sent == f->len)
		assert_int_equal(ns_shutdown(f->from->st, f->from_fd, SHUT_WR), 0);
}

static void flow_receive(struct flow *f)
{
	uint8_t b[8192];
	ssize_t n;

	while ((n = ns_read(f->to->st, f->to_fd, b, sizeof(b))) > 0)
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(b[i], f->byte(f->received++));
	assert_true(n == 0 || n == -EAGAIN);
	f->ended = n == 0;
}

static int accepted(struct world *w, int listener)
{
	int fd;

	while ((fd = ns_accept4(w->host[1].st, listener, NULL, NULL, SOCK_NONBLOCK)) == -EAGAIN)
		world_turn(w);
	assert_true(fd >= 0);
	return fd;
}

/* Host 0 connects to host 1; bytes go both ways, and both close. */
static void connection(struct world *w, bool is_ip6)
{
	struct host *client = &w->host[0], *server = &w->host[1];
	const int listener = new_socket(server, is_ip6, SOCK_STREAM);
	const int fd = new_socket(client, is_ip6, SOCK_STREAM);
	struct flow up = { client, server, fd, -1, UPLOAD, 0, 0, false, upload_byte };
	struct flow down = { server, client, -1, fd, DOWNLOAD, 0, 0, false, download_byte };
	struct sockaddr_storage ss;
	socklen_t len;

	ss = address(is_ip6, 1, &len);
	assert_int_equal(ns_bind(server->st, listener, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(ns_listen(server->st, listener, 5), 0);
	assert_int_equal(ns_connect(client->st, fd, (struct sockaddr *)&ss, len), -EINPROGRESS);
	up.to_fd = accepted(w, listener);
	down.from_fd = up.to_fd;
	while (!up.ended || !down.ended) {
		world_turn(w);
		flow_send(&up);
		flow_send(&down);
		flow_receive(&up);
		flow_receive(&down);
	}
	assert_int_equal(up.received, UPLOAD);
	assert_int_equal(down.received, DOWNLOAD);
	assert_int_equal(ns_close(client->st, fd), 0);
	assert_int_equal(ns_close(server->st, up.to_fd), 0);
	assert_int_equal(ns_close(server->st, listener), 0);
}

/* Datagrams that are too long for the link, and come back. */
static void datagrams(struct world *w, bool is_ip6)
{
	const int fd[2] = { new_socket(&w->host[0], is_ip6, SOCK_DGRAM),
			    new_socket(&w->host[1], is_ip6, SOCK_DGRAM) };
	uint8_t b[DATAGRAM];
	struct sockaddr_storage ss;
	socklen_t len;

	memset(b, 0x55, sizeof(b));
	for (unsigned int i = 0; i < 2; i++) {
		ss = address(is_ip6, i, &len);
		assert_int_equal(ns_bind(w->host[i].st, fd[i], (struct sockaddr *)&ss, len), 0);
	}
	for (unsigned int i = 0; i < DATAGRAMS; i++) {
		const unsigned int from = i % 2, to = !from;
		ssize_t n;

		ss = address(is_ip6, to, &len);
		assert_int_equal(ns_sendto(w->host[from].st, fd[from], b, DATAGRAM, 0,
					   (struct sockaddr *)&ss, len),
				 DATAGRAM);
		while ((n = ns_read(w->host[to].st, fd[to], b, sizeof(b))) == -EAGAIN)
			world_turn(w);
		assert_int_equal(n, DATAGRAM);
	}
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(ns_close(w->host[i].st, fd[i]), 0);
}

/* --- tshark --- */

/* Its standard output on these arguments, behind "tshark -r CAPTURE". */
static struct strbuf tshark(const char *const *args)
{
	const char *argv[48] = { "tshark", "-r", capture };
	char home[80];
	char *const env[] = { home, NULL };
	posix_spawn_file_actions_t files;
	struct strbuf text = STRBUF_INIT;
	int fd, r, status = -1;
	pid_t pid;

	(void)snprintf(home, sizeof(home), "HOME=%s", dir); /* nobody's preferences */
	for (unsigned int i = 0; args[i]; i++)
		argv[3 + i] = args[i];
	assert_int_equal(posix_spawn_file_actions_init(&files), 0);
	assert_int_equal(posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output,
							  O_WRONLY | O_CREAT | O_TRUNC, 0600),
			 0);
	/* It says there that it does not like to be root. */
	assert_int_equal(
		posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0),
		0);
	r = posix_spawnp(&pid, argv[0], &files, NULL, (char *const *)(uintptr_t)argv, env);
	(void)posix_spawn_file_actions_destroy(&files); /* frees memory */
	if (r)
		fail_msg("cannot run tshark: %s (make deps installs it)", strerror(r));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fd = open(output, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fd_read_all(fd, 64 << 20, &text), 0);
	(void)close(fd);
	return text;
}

enum field {
	FIELD_DIRECTION,
	FIELD_NAME,
	FIELD_IP,
	FIELD_TCP,
	FIELD_UDP,
	FIELD_ICMP6,
	FIELD_SEVERITY,
	FIELD_EXPERT,
	FIELD_LEN,
	N_FIELDS,
};

static const char *const every_packet[] = {
	"-o", "ip.check_checksum:TRUE",
	"-o", "tcp.check_checksum:TRUE",
	"-o", "udp.check_checksum:TRUE",
	"-T", "fields",
	"-e", "frame.packet_flags_direction",
	"-e", "frame.interface_name",
	"-e", "ip.checksum.status",
	"-e", "tcp.checksum.status",
	"-e", "udp.checksum.status",
	"-e", "icmpv6.checksum.status",
	"-e", "_ws.expert.severity",
	"-e", "_ws.expert.message",
	"-e", "frame.len",
	NULL,
};

/* Wireshark's PROTO_CHECKSUM_E_GOOD, and PI_WARN of epan/proto.h; worse ones are greater. */
#define CHECKSUM_GOOD "1"
#define SEVERITY_WARN 0x00600000

/**
 * struct seen - What tshark says of a capture
 * @good:	Checksums that are right, by field
 * @longest:	Frame
 */
struct seen {
	unsigned int packets;
	unsigned int in, out;
	unsigned int good[N_FIELDS];
	uint32_t longest;
};

static void see_checksum(struct seen *s, char *const *field, enum field which)
{
	if (!*field[which])
		return;
	if (strcmp(field[which], CHECKSUM_GOOD) != 0)
		fail_msg("packet %u: checksum of field %d is %s", s->packets, (int)which,
			 field[which]);
	s->good[which]++;
}

static void see_packet(struct seen *s, char *line)
{
	char *field[N_FIELDS], *severity;
	uint32_t len;

	s->packets++;
	for (unsigned int i = 0; i < N_FIELDS; i++) {
		field[i] = strsep(&line, "\t");
		assert_non_null(field[i]);
	}
	assert_string_equal(field[FIELD_NAME], "mem0");
	if (strcmp(field[FIELD_DIRECTION], "0x00000001") == 0)
		s->in++;
	else if (strcmp(field[FIELD_DIRECTION], "0x00000002") == 0)
		s->out++;
	for (enum field i = FIELD_IP; i <= FIELD_ICMP6; i++)
		see_checksum(s, field, i);
	while ((severity = strsep(&field[FIELD_SEVERITY], ",")))
		if (*severity && strtoul(severity, NULL, 0) >= SEVERITY_WARN)
			fail_msg("packet %u: %s", s->packets, field[FIELD_EXPERT]);
	assert_int_equal(parse_u32(field[FIELD_LEN], 1, UINT32_MAX, &len), 0);
	if (len > s->longest)
		s->longest = len;
}

static struct seen look_at_packets(void)
{
	struct strbuf text = tshark(every_packet);
	char *rest = text.s, *line;
	struct seen s = { .packets = 0 };

	while (rest && (line = strsep(&rest, "\n")))
		if (*line)
			see_packet(&s, line);
	strbuf_done(&text);
	return s;
}

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10;
}

/* A line of "follow": hexadecimal, from the client at its beginning, from the server behind a tab. */
static void follow_line(const char *line, uint32_t *up, uint32_t *down)
{
	const bool is_down = *line == '\t';
	uint32_t *at = is_down ? down : up;

	for (const char *p = line + is_down;
	     isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1]); p += 2) {
		const int b = hex_digit(p[0]) << 4 | hex_digit(p[1]);

		assert_int_equal(b, is_down ? download_byte(*at) : upload_byte(*at));
		(*at)++;
	}
}

static void look_at_stream(void)
{
	static const char *const args[] = { "-q", "-z", "follow,tcp,raw,0", NULL };
	struct strbuf text = tshark(args);
	uint32_t up = 0, down = 0;
	char *rest = text.s, *line;

	while (rest && (line = strsep(&rest, "\n")))
		if (isxdigit((unsigned char)line[*line == '\t']) && !strchr(line, ' '))
			follow_line(line, &up, &down);
	strbuf_done(&text);
	assert_int_equal(up, UPLOAD);
	assert_int_equal(down, DOWNLOAD);
}

/* --- tests --- */

static void tshark_agrees(bool is_ip6, uint32_t features)
{
	struct counted c;
	struct world w;
	struct seen s;

	world_init(&w, features);
	connection(&w, is_ip6);
	datagrams(&w, is_ip6);
	world_done(&w, &c);
	assert_int_equal(c.capture.dropped, 0);
	assert_int_equal(c.capture.packets, c.stats.rx_packets + c.stats.tx_packets);
	assert_int_equal(c.capture.bytes, c.stats.rx_bytes + c.stats.tx_bytes);

	s = look_at_packets();
	assert_int_equal(s.packets, c.capture.packets);
	assert_int_equal(s.in, c.stats.rx_packets);
	assert_int_equal(s.out, c.stats.tx_packets);
	assert_int_equal(s.good[FIELD_UDP], DATAGRAMS);
	assert_int_equal(s.good[FIELD_TCP], c.rx.tcp + c.tx.tcp);
	assert_true(c.rx.tcp && c.tx.tcp);
	if (is_ip6)
		assert_true(s.good[FIELD_ICMP6] > 0);
	else
		assert_true(s.good[FIELD_IP] >= s.good[FIELD_TCP] + 3 * DATAGRAMS);
	/* As many segments as the bytes are, whoever cuts them. */
	assert_true(c.tx.segments > UPLOAD / 1500 && c.rx.segments > DOWNLOAD / 1500);
	/* What is not cut here is written whole. */
	if (features)
		assert_true(s.longest > 10000);
	else
		assert_int_equal(s.longest, 1500 + ETH_HDR_LEN);
	look_at_stream();
}

static void ipv4_with_offload(void **state)
{
	(void)state;
	tshark_agrees(false, ALL);
}

static void ipv4_without_offload(void **state)
{
	(void)state;
	tshark_agrees(false, 0);
}

static void ipv6_with_offload(void **state)
{
	(void)state;
	tshark_agrees(true, ALL);
}

static void ipv6_without_offload(void **state)
{
	(void)state;
	tshark_agrees(true, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_with_offload),
		cmocka_unit_test(ipv4_without_offload),
		cmocka_unit_test(ipv6_with_offload),
		cmocka_unit_test(ipv6_without_offload),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
