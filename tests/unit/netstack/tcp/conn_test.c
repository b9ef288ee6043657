/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table of connections and their life: found by all of the 4-tuple, freed at the end of the
 * burst, longer than an address; and the module as a whole.
 */
#include <errno.h>
#include <netinet/tcp.h>

#include "tests/unit/netstack/tcp/segments.h"

static struct rig rig;

static int setup(void **state)
{
	segments_init(&rig);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	netstack_advance(rig.st, rig.now);
	rig_done(*state);
	return 0;
}

static struct tcp *tcp(void)
{
	return rig.st->tcp;
}

/* One with these addresses, in the table. */
static struct tcp_conn *make(struct ip6_addr laddr, uint16_t lport, struct ip6_addr raddr,
			     uint16_t rport)
{
	struct tcp_conn *c = tcp_conn_new(tcp(), false);

	assert_non_null(c);
	c->sk.laddr = laddr;
	c->sk.lport = lport;
	c->sk.raddr = raddr;
	c->sk.rport = rport;
	assert_int_equal(tcp_conn_insert(c, tcp_hash(tcp(), laddr, lport, raddr, rport)), 0);
	return c;
}

static uint32_t find(const struct tcp_conn *c)
{
	const struct sock *sk = &c->sk;
	const uint32_t hash = tcp_hash(tcp(), sk->laddr, sk->lport, sk->raddr, sk->rport);

	return tcp_lookup(tcp(), hash, sk->laddr, sk->lport, sk->raddr, sk->rport);
}

static void test_table(void **state)
{
	const struct ip6_addr other = rig_ip4(10, 0, 0, 9);
	struct tcp_conn *c[8];
	struct tcp_conn *twin;

	(void)state;
	c[0] = make(RIG_US4, 1, RIG_PEER4, 2);
	c[1] = make(RIG_US4, 2, RIG_PEER4, 1);
	c[2] = make(RIG_PEER4, 1, RIG_US4, 2);
	c[3] = make(RIG_US4, 1, other, 2);
	c[4] = make(other, 1, RIG_PEER4, 2);
	c[5] = make(RIG_US6, 1, RIG_PEER6, 2);
	c[6] = make(RIG_US6, 1, rig_ip6(RIG_NET6 + 1, 2), 2);
	c[7] = make(rig_ip6(0, RIG_US4.lo & 0xffffffff), 1, RIG_PEER4, 2);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(find(c[i]), c[i]->sk.id | TCP_OWNER_CONN);
	tcp_conn_unhash(c[0]);
	tcp_conn_unhash(c[0]);
	assert_int_equal(find(c[0]), FLOWTAB_NONE);
	twin = make(RIG_US4, 1, RIG_PEER4, 2);
	assert_int_equal(find(c[0]), twin->sk.id | TCP_OWNER_CONN);
	tcp_conn_free(twin);
	for (unsigned int i = 0; i < 8; i++)
		tcp_conn_free(c[i]);
	assert_int_equal(flowtab_n(&tcp()->table), 0);
	assert_int_equal(tcp()->all, SLAB_NONE);
}

/* The list of all, with any of them going first. */
static void test_all(void **state)
{
	struct tcp_conn *c[4];
	unsigned int n = 0;

	(void)state;
	for (uint16_t i = 0; i < 4; i++)
		c[i] = make(RIG_US4, i, RIG_PEER4, 2);
	tcp_conn_free(c[2]);
	tcp_conn_free(c[3]);
	for (uint32_t id = tcp()->all; id != SLAB_NONE; id = tcp_conn_get(tcp(), id)->next)
		n++;
	assert_int_equal(n, 2);
	tcp_conn_free(c[0]);
	assert_int_equal(tcp()->all, c[1]->sk.id);
	tcp_conn_free(c[1]);
}

/* A connection that ends in the middle of a burst is there until its end. */
static void test_freed_at_the_end(void **state)
{
	struct tcp_conn *c = make(RIG_US4, 1, RIG_PEER4, 2);

	(void)state;
	c->state = TCPS_ESTABLISHED;
	c->sk.flags |= SOCK_DEAD;
	tcp()->n_orphans = 1;
	tcp_conn_end(c, ECONNRESET);
	tcp_conn_end(c, ECONNRESET); /* once is enough */
	assert_int_equal(c->state, TCPS_CLOSED);
	assert_int_equal(tcp()->n_orphans, 0);
	assert_int_equal(tcp()->conns.n, 1);
	assert_true(tcp_pending(tcp()));
	assert_int_equal(netstack_deadline(rig.st), 0);
	netstack_advance(rig.st, rig.now);
	assert_int_equal(tcp()->conns.n, 0);
	assert_false(tcp_pending(tcp()));
}

/* A connection outlives its address, as on Linux: it goes on when that comes back in time, and
 * says at its end that there was no way.
 */
static void test_address_gone(void **state)
{
	const struct tcp_options_repr opt = full_options();
	const struct net_addr_conf conf = {
		.ifindex = rig.link[0].ifindex,
		.addr = RIG_US4,
		.prefix_len = 24,
	};
	struct peer p = peer_of(*state, PEER_PORT);
	const int listener = listen_fd(&rig, PORT, 1), ms = 2000;
	const int fd = peer_connects(&p, listener, &opt);
	struct seg s;
	char c;

	assert_int_equal(netstack_addr_del(rig.st, &conf), 0);
	assert_int_equal(ns_recv(rig.st, fd, &c, 1, 0), -EAGAIN);
	assert_int_equal(conn_of(&rig, listener)->state, TCPS_LISTEN);
	assert_int_equal(ns_send(rig.st, fd, "hello", 5, 0), 5);
	rig_sleep(&rig, 1000);
	no_seg(&p);
	assert_int_equal(conn_of(&rig, fd)->sk.soft_error, ENETUNREACH);
	rig_addr_add(&rig, 0, RIG_US4, 24);
	while (!seg_peek(&p, &s))
		rig_sleep(&rig, 100);
	s = seg_out(&p);
	assert_int_equal(s.len, 5);
	peer_send(&p, TCP_ACK, 0);
	assert_int_equal(conn_of(&rig, fd)->sk.soft_error, 0);

	assert_int_equal(ns_setsockopt(rig.st, fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)),
			 0);
	assert_int_equal(netstack_addr_del(rig.st, &conf), 0);
	assert_int_equal(ns_send(rig.st, fd, "hello", 5, 0), 5);
	rig_sleep(&rig, 5000);
	assert_int_equal(ns_recv(rig.st, fd, &c, 1, 0), -ENETUNREACH);
	assert_int_equal(ns_close(rig.st, fd), 0);
	assert_int_equal(ns_close(rig.st, listener), 0);
}

/* A connection behind the one that waits in the queue of @listener. */
static int peer_connects_next(struct peer *p, int listener)
{
	const struct tcp_options_repr opt = full_options();
	int first = peer_connects(p, listener, &opt);
	int second = accept_fd(&rig, listener);

	assert_int_equal(conn_of(&rig, first)->sk.rport, p->port - 1);
	assert_int_equal(conn_of(&rig, second)->sk.rport, p->port);
	return second;
}

/* Everything goes with the instance, whatever its state. */
static void test_free_with_everything(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	const int listener = listen_fd(&rig, PORT, 5);
	struct tcp_counts counts;
	int fd;

	fd = peer_connects(&p, listener, &opt); /* data both ways */
	assert_int_equal(ns_send(rig.st, fd, "hello", 5, 0), 5);
	(void)seg_out(&p);
	p.ack = seq_sub(p.ack, 5);
	peer_send(&p, TCP_ACK, 100);
	peer_send_at(&p, TCP_ACK, 100, 100);
	p = peer_of(&rig, PEER_PORT + 1); /* in SYN-RCVD */
	peer_syn(&p, &opt);
	p = peer_of(&rig, PEER_PORT + 2);
	peer_syn(&p, &opt);
	(void)seg_out(&p);
	peer_send(&p, TCP_ACK, 10);
	p = peer_of(&rig, PEER_PORT + 3); /* in TIME-WAIT */
	assert_int_equal(ns_close(rig.st, peer_connects_next(&p, listener)), 0);
	while (!(seg_out(&p).flags & TCP_FIN)) /* the ACK of the one before may come first */
		continue;
	peer_send(&p, TCP_ACK | TCP_FIN, 0);
	p = peer_of(&rig, PEER_PORT + 4); /* in the accept queue */
	peer_syn(&p, &opt);
	(void)seg_out(&p);
	peer_send(&p, TCP_ACK, 10);
	assert_true(connect_fd(&p) >= 0); /* in SYN-SENT */
	tcp_counts(tcp(), &counts);
	assert_int_equal(counts.syn_rcvd, 1);
	assert_int_equal(counts.time_wait, 1);
	assert_true(counts.conns >= 4);
	assert_true(counts.queue_bytes > 0);
	assert_true(counts.table_bytes > 0);
	rig_forget(&rig);
	netstack_free(rig.st);
	test_mem_done(&rig.tm);
	segments_init(&rig);
}

static void test_no_memory_for_the_module(void **state)
{
	(void)state;
	for (uint64_t k = 1; k < 4; k++) {
		struct tcp *t;

		rig.tm.fail_in = k;
		if (tcp_new(&t, &rig.st->core, &rig.st->net, params(&rig)) == 0)
			tcp_free(t);
		rig.tm.fail_in = 0;
	}
}

/* What an idle connection costs: it, and its slots. */
static void test_size(void **state)
{
	const struct tcp_options_repr opt = full_options();
	struct peer p = peer_of(*state, PEER_PORT);
	const int listener = listen_fd(&rig, PORT, 1);
	const int fd = peer_connects(&p, listener, &opt);
	const struct tcp_conn *c = conn_of(&rig, fd);

	assert_int_equal(ns_send(rig.st, fd, "hello", 5, 0), 5);
	assert_non_null(c->fl);
	(void)seg_out(&p);
	peer_send(&p, TCP_ACK, 5);
	(void)ack_out(&p, 0);
	peer_send_at(&p, TCP_ACK, 10, 5);
	assert_non_null(c->ofo);
	peer_send(&p, TCP_ACK, 10);
	peer_forget(&p);
	p.seq = seq_add(p.seq, 5);
	expect_bytes(&rig, fd, seq_sub(p.seq, 20), 20);
	assert_null(c->fl);
	assert_null(c->ofo);
	assert_null(c->rxq.first);
	assert_null(c->txq.first);
	assert_true(sizeof(*c) <= TCP_CONN_SIZE_MAX);
	peer_send_at(&p, TCP_RST, 0, 0);
	assert_int_equal(ns_close(rig.st, fd), 0);
	assert_int_equal(ns_close(rig.st, listener), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_table),
		TEST(test_all),
		TEST(test_freed_at_the_end),
		TEST(test_address_gone),
		TEST(test_free_with_everything),
		TEST(test_no_memory_for_the_module),
		TEST(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
