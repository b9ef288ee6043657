/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>

#include <arpa/inet.h>

#include <linux/if_addr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>

#include <libmnl/libmnl.h>

#include "netlink/addr.h"
#include "netlink/nlsock_priv.h"
#include "netlink/route.h"
#include "tests/unit/netns_fixture.h"
#include "tests/unit/oom.h"

#define LO 1 /* ifindex of loopback */

static struct ipnet nth_net(unsigned i)
{
	return (struct ipnet){
		.addr = { .family = AF_INET,
			  .bytes = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } },
		.prefix_len = 32,
	};
}

static void put_nth(struct nlsock *nl, unsigned i)
{
	struct ipnet net = nth_net(i);

	addr_put(nl, LO, "lo", &net, false);
}

static int count_addr(const struct addr_info *ai, void *arg)
{
	unsigned *n = arg;

	(void)ai;
	(*n)++;
	return 0;
}

static unsigned n_addrs(struct nlsock *nl)
{
	unsigned n = 0;
	struct nerr err;

	assert_ok(addr_dump(nl, LO, AF_INET, count_addr, &n, &err), err);
	return n;
}

/* --- commit --- */

static void commit_of_500_with_one_failing_in_the_middle(void **state)
{
	struct nlsock *nl = *state;
	struct nerr err;

	for (unsigned i = 0; i < 500; i++)
		put_nth(nl, i == 250 ? 0 : i);
	assert_int_equal(nlsock_commit(nl, &err), -EEXIST);
	assert_int_equal(err.code, -EEXIST);
	assert_contains(err.msg, "cannot add address 10.0.0.0/32 to 'lo': ");
	assert_contains(err.msg, "File exists");
	assert_int_equal(n_addrs(nl), 499); /* all others, also those behind it */

	assert_ok(nlsock_commit(nl, &err), err); /* nothing is left in the queue */
	assert_int_equal(n_addrs(nl), 499);
}

static void commit_of_5000_at_once(void **state)
{
	struct nlsock *nl = *state;
	struct nerr err;

	for (unsigned i = 0; i < 5000; i++)
		put_nth(nl, i);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(n_addrs(nl), 5000);
}

/* Each of them close to the longest message allowed: many bursts of few. */
static void commit_of_long_messages(void **state)
{
	static const uint8_t filler[3900];
	struct nlsock *nl = *state;
	struct nerr err;

	for (unsigned i = 0; i < 200; i++) {
		struct nlmsghdr *nlh = nlsock_msg(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
						  -EEXIST, "long message %u", i);

		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
		mnl_attr_put_strz(nlh, IFLA_IFNAME, "lo"); /* exists */
		mnl_attr_put(nlh, 1000, sizeof(filler), filler);
	}
	assert_ok(nlsock_commit(nl, &err), err);
}

static void commit_reports_the_first_of_many_failures(void **state)
{
	struct nlsock *nl = *state;
	struct nerr err;

	for (unsigned i = 0; i < 300; i++) {
		struct ipnet net = nth_net(i);

		if (i < 100)
			addr_put(nl, LO, "lo", &net, false);
		else
			addr_put(nl, 4000 + (int)i, "none", &net, false); /* no such link */
	}
	assert_int_equal(nlsock_commit(nl, &err), -ENODEV);
	assert_contains(err.msg, "cannot add address 10.0.0.100/32 to 'none': ");
	assert_int_equal(nlsock_commit(nl, NULL), 0);
	assert_int_equal(n_addrs(nl), 100);
}

static void commit_without_an_error_object(void **state)
{
	struct nlsock *nl = *state;

	put_nth(nl, 1);
	put_nth(nl, 1);
	assert_int_equal(nlsock_commit(nl, NULL), -EEXIST);
}

static void ignored_failures_do_not_hide_others(void **state)
{
	const struct ipnet one = nth_net(1);
	struct nlsock *nl = *state;
	struct nerr err;

	addr_put(nl, LO, "lo", &one, false);
	addr_put_keep(nl, LO, "lo", &one, false);
	assert_ok(nlsock_commit(nl, &err), err);

	addr_put_keep(nl, LO, "lo", &one, false);
	addr_put_keep(nl, 4711, "none", &one, false); /* ENODEV is not what may be ignored */
	addr_put_keep(nl, LO, "lo", &one, false);
	assert_int_equal(nlsock_commit(nl, &err), -ENODEV);
}

static void reset_forgets_the_queue(void **state)
{
	struct nlsock *nl = *state;
	struct nerr err;

	put_nth(nl, 1);
	nlsock_fail(nl, -EINVAL, "no reason");
	nlsock_reset(nl);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(n_addrs(nl), 0);
	put_nth(nl, 2);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(n_addrs(nl), 1);
}

static void fail_keeps_everything_from_being_sent(void **state)
{
	struct nlsock *nl = *state;
	struct nerr err;

	put_nth(nl, 1);
	(void)nlsock_msg(nl, RTM_NEWADDR, 0, 0, "cannot do '%s'", "this");
	nlsock_fail(nl, -ERANGE, "value %d is too large", 70000);
	nlsock_fail(nl, -EINVAL, "a later reason");
	assert_int_equal(nlsock_commit(nl, &err), -ERANGE);
	assert_string_equal(err.msg, "cannot do 'this': value 70000 is too large");
	assert_int_equal(n_addrs(nl), 0);
}

static void kernel_words_are_in_the_message(void **state)
{
	struct nlsock *nl = *state;
	const struct route rt = { .dst = net_of("10.1.0.0/16"), .gw = addr_of("10.9.9.9") };
	struct nerr err;

	link_put_up(nl, LO, "lo");
	assert_ok(nlsock_commit(nl, &err), err);
	route_put(nl, &rt, 0, 0);
	assert_int_equal(nlsock_commit(nl, &err), -ENETUNREACH);
	assert_string_equal(err.msg, "cannot add route 10.1.0.0/16 via 10.9.9.9: "
				     "Nexthop has invalid gateway (Network is unreachable)");
}

static void without_words_the_errno_is_in_the_message(void **state)
{
	struct nlsock *nl = *state;
	struct nlmsghdr *nlh =
		nlsock_msg(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, "cannot make '%s'", "lo");
	struct nerr err;

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "lo");
	assert_int_equal(nlsock_commit(nl, &err), -EEXIST);
	assert_string_equal(err.msg, "cannot make 'lo': File exists");
}

/* --- talk and dump --- */

static struct nlmsghdr *addr_request(uint8_t buf[static 256])
{
	struct nlmsghdr *nlh;

	memset(buf, 0, 256);
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
	return nlh;
}

static int stop_at_once(const struct nlmsghdr *nlh, void *arg)
{
	unsigned *n = arg;

	(void)nlh;
	(*n)++;
	return -ECANCELED;
}

/* A dump that was not read to its end would make the next one fail with EBUSY. */
static void stopped_dump_does_not_disturb_the_next(void **state)
{
	struct nlsock *nl = *state;
	uint8_t buf[256];
	unsigned n = 0;
	struct nerr err;

	for (unsigned i = 0; i < 2000; i++)
		put_nth(nl, i);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(nlsock_talk(nl, addr_request(buf), stop_at_once, &n, &err), -ECANCELED);
	assert_int_equal(n, 1);
	assert_string_equal(err.msg, "Operation canceled");
	assert_int_equal(n_addrs(nl), 2000);
}

static int stop_with_words(const struct nlmsghdr *nlh, void *arg)
{
	(void)nlh;
	return nerr_set(arg, -ECANCELED, "enough");
}

static void message_of_the_callback_is_kept(void **state)
{
	struct nlsock *nl = *state;
	uint8_t buf[256];
	struct nerr err;

	put_nth(nl, 1);
	put_nth(nl, 2);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(nlsock_talk(nl, addr_request(buf), stop_with_words, &err, &err),
			 -ECANCELED);
	assert_string_equal(err.msg, "enough");
}

static void talk_reports_a_refusal(void **state)
{
	struct nlsock *nl = *state;
	uint8_t buf[256];
	struct nlmsghdr *nlh = addr_request(buf);
	struct nerr err;

	nlh->nlmsg_type = RTM_GETLINK + 1000; /* nothing has this number */
	assert_int_equal(nlsock_talk(nl, nlh, NULL, NULL, &err), -EOPNOTSUPP);
	assert_contains(err.msg, "Operation not supported");
	nlh->nlmsg_flags = 0;
	assert_int_equal(nlsock_talk(nl, nlh, NULL, NULL, NULL), -EOPNOTSUPP);
}

/* Strict checking is on: a filter the kernel does not know is refused, not ignored. */
static void requests_are_checked_strictly(void **state)
{
	struct nlsock *nl = *state;
	uint8_t buf[256];
	struct nlmsghdr *nlh = addr_request(buf);
	struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct nerr err;

	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = 24;
	assert_int_equal(nlsock_talk(nl, nlh, NULL, NULL, &err), -EINVAL);
	assert_contains(err.msg, "(Invalid argument)");
}

/**
 * struct meddler - Changes the list that is being read
 * @times:	How many rounds it spoils
 */
struct meddler {
	struct nlsock *other;
	unsigned times;
	unsigned next;
	unsigned rounds;
	unsigned seen;
	bool spoiled;
};

static int meddle(const struct nlmsghdr *nlh, void *arg)
{
	struct meddler *m = arg;

	(void)nlh;
	m->seen++;
	if (m->spoiled || m->rounds >= m->times)
		return 0;
	m->spoiled = true;
	put_nth(m->other, 100000 + m->next++);
	return nlsock_commit(m->other, NULL);
}

static void meddle_restart(void *arg)
{
	struct meddler *m = arg;

	m->rounds++;
	m->seen = 0;
	m->spoiled = false;
}

static struct nlsock *with_2000_addrs(struct nlsock *nl)
{
	struct nlsock *other;
	struct nerr err;

	for (unsigned i = 0; i < 2000; i++)
		put_nth(nl, i);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_ok(nlsock_open(&other, NETLINK_ROUTE, &err), err);
	return other;
}

static void interrupted_dump_is_asked_again(void **state)
{
	struct nlsock *nl = *state;
	struct meddler m = { .other = with_2000_addrs(nl), .times = 5 };
	uint8_t buf[256];
	struct nerr err;

	assert_ok(nlsock_dump(nl, addr_request(buf), meddle, meddle_restart, &m, &err), err);
	assert_int_equal(m.rounds, 5);
	assert_int_equal(m.seen, 2005);
	nlsock_close(m.other);
}

static void dump_interrupted_each_time_says_so(void **state)
{
	struct nlsock *nl = *state;
	struct meddler m = { .other = with_2000_addrs(nl), .times = 100 };
	uint8_t buf[256];
	struct nerr err;

	assert_int_equal(nlsock_dump(nl, addr_request(buf), meddle, meddle_restart, &m, &err),
			 -EINTR);
	assert_int_equal(m.rounds, 5);
	assert_true(m.seen >= 2005); /* the partial answer is there */

	m = (struct meddler){ .other = m.other, .times = 1, .next = 50 };
	assert_int_equal(nlsock_talk(nl, addr_request(buf), meddle, &m, &err), -EINTR);
	nlsock_close(m.other);
}

/* --- who may answer --- */

static uint32_t port_of(const struct nlsock *nl)
{
	struct sockaddr_nl name;
	socklen_t len = sizeof(name);

	assert_return_code(getsockname(nlsock_fd(nl), (struct sockaddr *)&name, &len), errno);
	assert_int_not_equal(name.nl_pid, 0);
	return name.nl_pid;
}

/* From another process: "message @seq failed with @code", for the next @n messages. */
static void spoof(const struct nlsock *nl, uint32_t seq, unsigned n, uint16_t type, int code)
{
	const struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = port_of(nl) };
	pid_t pid = fork();
	int status;

	assert_return_code(pid, errno);
	if (pid == 0) {
		int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

		for (unsigned i = 0; i < n; i++) {
			struct {
				struct nlmsghdr h;
				struct nlmsgerr e;
			} m = { .h = { .nlmsg_len = sizeof(m),
				       .nlmsg_type = type,
				       .nlmsg_seq = seq + i,
				       .nlmsg_pid = to.nl_pid },
				.e = { .error = code } };

			if (sendto(fd, &m, sizeof(m), 0, (const struct sockaddr *)&to,
				   sizeof(to)) != (ssize_t)sizeof(m))
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0); /* the messages do arrive */
}

static void answers_of_other_processes_are_ignored(void **state)
{
	struct nlsock *nl = *state;
	struct nerr err;

	put_nth(nl, 0);
	assert_ok(nlsock_commit(nl, &err), err);

	spoof(nl, nlsock_seq(nl), 20, NLMSG_ERROR, -EPERM);
	for (unsigned i = 1; i < 10; i++)
		put_nth(nl, i);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(n_addrs(nl), 10);

	spoof(nl, nlsock_seq(nl), 20, NLMSG_ERROR, 0); /* "it worked" */
	put_nth(nl, 1);
	assert_int_equal(nlsock_commit(nl, &err), -EEXIST);

	spoof(nl, nlsock_seq(nl), 20, NLMSG_DONE, 0); /* "there are none" */
	assert_int_equal(n_addrs(nl), 10);
}

static void stale_answers_are_ignored(void **state)
{
	struct nlsock *nl = *state;
	uint8_t buf[256];
	struct nlmsghdr *nlh = addr_request(buf);
	struct nerr err;

	/* A dump nobody reads, with a number that is not asked for any more. */
	put_nth(nl, 1);
	assert_ok(nlsock_commit(nl, &err), err);
	nlh->nlmsg_flags |= NLM_F_REQUEST;
	nlh->nlmsg_seq = 0x7fffffff;
	assert_int_equal(send(nlsock_fd(nl), nlh, nlh->nlmsg_len, 0), nlh->nlmsg_len);
	put_nth(nl, 1);
	assert_int_equal(nlsock_commit(nl, &err), -EEXIST);
	assert_int_equal(n_addrs(nl), 1);
}

/* --- answers --- */

/* A refusal as the kernel makes them, in memory of exactly its size. */
struct refusal {
	struct nlmsghdr h;
	struct nlmsgerr e;
	struct nlattr a;
	char text[8];
};

static struct nlmsghdr *refusal_of(uint16_t type, uint16_t flags, int code, uint32_t inner_len)
{
	struct refusal *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->h.nlmsg_len = sizeof(*m);
	m->h.nlmsg_type = type;
	m->h.nlmsg_flags = flags;
	m->e.error = code;
	m->e.msg.nlmsg_len = inner_len;
	m->a.nla_len = sizeof(m->a) + sizeof(m->text);
	m->a.nla_type = NLMSGERR_ATTR_MSG;
	memcpy(m->text, "because", sizeof(m->text));
	return &m->h;
}

static void answer_with_words(void **state)
{
	const uint16_t tlvs = NLM_F_ACK_TLVS | NLM_F_CAPPED;
	struct nlmsghdr *nlh = refusal_of(NLMSG_ERROR, tlvs, -EPERM, 5000);
	const char *text;

	(void)state;
	assert_int_equal(nlsock_answer(nlh, &text), -EPERM);
	assert_string_equal(text, "because");

	((struct refusal *)nlh)->text[7] = '!'; /* no end */
	assert_int_equal(nlsock_answer(nlh, &text), -EPERM);
	assert_null(text);

	((struct refusal *)nlh)->a.nla_len = 0xffff; /* reaches beyond the message */
	assert_int_equal(nlsock_answer(nlh, &text), -EPERM);
	assert_null(text);

	nlh->nlmsg_flags = 0; /* no words are promised */
	assert_int_equal(nlsock_answer(nlh, &text), -EPERM);
	assert_null(text);

	((struct refusal *)nlh)->e.error = EPERM; /* the sign is wrong */
	assert_int_equal(nlsock_answer(nlh, &text), -EBADMSG);
	((struct refusal *)nlh)->e.error = 0;
	assert_int_equal(nlsock_answer(nlh, &text), 0);
	free(nlh);
}

/* The refused message is said to be in between, longer than the whole answer. */
static void answer_with_a_wrong_inner_length(void **state)
{
	static const uint32_t len[] = {
		0, 1, 15, 17, 40, 4096, 0x7fffffff, 0xfffffffd, 0xffffffff
	};
	const char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		struct nlmsghdr *nlh = refusal_of(NLMSG_ERROR, NLM_F_ACK_TLVS, -EPERM, len[i]);

		assert_int_equal(nlsock_answer(nlh, &text), -EPERM);
		if (text)
			assert_string_equal(text, "because");
		free(nlh);
	}
}

static void answer_of_every_length(void **state)
{
	static const uint16_t type[] = { NLMSG_ERROR, NLMSG_DONE };
	const char *text;

	(void)state;
	for (unsigned t = 0; t < 2; t++) {
		struct nlmsghdr *whole =
			refusal_of(type[t], NLM_F_ACK_TLVS | NLM_F_CAPPED, -EPERM, 16);

		for (uint32_t n = NLMSG_HDRLEN; n <= sizeof(struct refusal); n++) {
			struct nlmsghdr *part = malloc(n);
			int expected = -EPERM;

			if (t == 0 && n < sizeof(struct nlmsghdr) + sizeof(struct nlmsgerr))
				expected = -EBADMSG;
			if (t == 1 && n < sizeof(struct nlmsghdr) + sizeof(int))
				expected = 0; /* how old kernels end a dump */
			assert_non_null(part);
			memcpy(part, whole, n);
			part->nlmsg_len = n;
			assert_int_equal(nlsock_answer(part, &text), expected);
			free(part);
		}
		free(whole);
	}
}

/* --- life --- */

static void socket_stays_in_its_namespace(void **state)
{
	struct nlsock *nl = *state;
	struct link_info li;
	struct nerr err;

	veth_pair(nl, "a0", "b0");
	assert_return_code(unshare(CLONE_NEWNET), errno);
	assert_ok(link_get(nl, "a0", &li, &err), err);
}

static void seq_is_never_zero(void **state)
{
	struct nlsock *nl = *state;
	uint32_t first = nlsock_seq(nl);

	assert_int_not_equal(first, 0);
	assert_int_equal(nlsock_seq(nl), first + 1);
}

static void no_such_protocol(void **state)
{
	struct nlsock *nl = NULL;
	struct nerr err;

	(void)state;
	assert_true(nlsock_open(&nl, 31, &err) < 0);
	assert_contains(err.msg, "cannot open a netlink socket (protocol 31): ");
	assert_null(nl);
	nlsock_close(nl);
}

#if OOM_WORKS
static int work_with_a_socket(struct nerr *err)
{
	struct nlsock *nl;
	unsigned n = 0;
	int r = nlsock_open(&nl, NETLINK_ROUTE, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < 100; i++) {
		struct ipnet net = nth_net(i);

		addr_put_keep(nl, LO, "lo", &net, false);
	}
	r = nlsock_commit(nl, err);
	if (r == 0)
		r = addr_dump(nl, LO, AF_INET, count_addr, &n, err);
	if (r == 0 && n != 100)
		r = -EPROTO;
	nlsock_close(nl);
	return r;
}

static void out_of_memory_is_reported_and_leaks_nothing(void **state)
{
	struct nerr err;
	unsigned n;
	int r;

	(void)state;
	for (n = 1;; n++) {
		long left;

		oom_begin(n);
		r = work_with_a_socket(&err);
		left = oom_end();
		assert_int_equal(left, 0);
		if (r == 0)
			break;
		assert_int_equal(r, -ENOMEM);
		assert_contains(err.msg, "memory");
	}
	assert_true(n > 10); /* allocations there are */
}
#endif

/* --- nfnetlink batches --- */

static size_t put_nft(void *buf, size_t at, uint16_t type, uint16_t flags, uint32_t seq,
		      const char *table)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header((uint8_t *)buf + at);
	bool is_batch = type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END;
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = is_batch ? type : (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = is_batch ? AF_UNSPEC : NFPROTO_IPV4;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = is_batch ? htons(NFNL_SUBSYS_NFTABLES) : 0;
	if (table)
		mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, table);
	return at + NLMSG_ALIGN(nlh->nlmsg_len);
}

static struct nlsock *nft_socket(void)
{
	struct nlsock *nl;
	struct nerr err;

	assert_ok(nlsock_open(&nl, NETLINK_NETFILTER, &err), err);
	return nl;
}

static void batch_is_acknowledged(void **state)
{
	struct nlsock *nl = nft_socket();
	uint8_t buf[1024];
	char out[1024];
	uint32_t failed = 99;
	struct nerr err;
	size_t len = 0;

	(void)state;
	len = put_nft(buf, len, NFNL_MSG_BATCH_BEGIN, 0, nlsock_seq(nl), NULL);
	len = put_nft(buf, len, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK, nlsock_seq(nl), "t1");
	len = put_nft(buf, len, NFT_MSG_NEWTABLE, NLM_F_CREATE, nlsock_seq(nl), "t2");
	len = put_nft(buf, len, NFNL_MSG_BATCH_END, 0, nlsock_seq(nl), NULL);
	assert_ok(nlsock_send_raw(nl, buf, len, 1, &failed, &err), err);
	assert_int_equal(failed, 0);
	run_ok(out, sizeof(out), "nft", "list", "tables");
	assert_contains(out, "table ip t1");
	assert_contains(out, "table ip t2");
	nlsock_close(nl);
}

static void refused_batch_names_its_message(void **state)
{
	struct nlsock *nl = nft_socket();
	uint32_t seq[5];
	uint8_t buf[1024];
	char out[1024];
	uint32_t failed = 0;
	struct nerr err;

	(void)state;
	for (unsigned acks = 0; acks < 2; acks++) {
		const uint16_t ack = acks ? NLM_F_ACK : 0;
		size_t len = 0;

		for (unsigned i = 0; i < 5; i++)
			seq[i] = nlsock_seq(nl);
		len = put_nft(buf, len, NFNL_MSG_BATCH_BEGIN, 0, seq[0], NULL);
		len = put_nft(buf, len, NFT_MSG_NEWTABLE, NLM_F_CREATE | ack, seq[1], "t1");
		len = put_nft(buf, len, NFT_MSG_DELTABLE, ack, seq[2], "none");
		len = put_nft(buf, len, NFT_MSG_DELTABLE, ack, seq[3], "none2");
		len = put_nft(buf, len, NFNL_MSG_BATCH_END, 0, seq[4], NULL);
		failed = 0;
		assert_int_equal(nlsock_send_raw(nl, buf, len, acks ? 3 : 0, &failed, &err),
				 -ENOENT);
		assert_int_equal(failed, seq[2]);
		assert_contains(err.msg, "No such file or directory");
	}
	run_ok(out, sizeof(out), "nft", "list", "tables");
	assert_lacks(out, "t1");
	nlsock_close(nl);
}

/* The kernel answers such a batch once, however many acknowledgements were asked for. */
static void batch_refused_as_a_whole(void **state)
{
	struct nlsock *nl = nft_socket();
	uint8_t buf[1024];
	uint32_t failed = 0;
	uint32_t first = nlsock_seq(nl);
	struct nlmsghdr *begin;
	struct nerr err;
	size_t len = 0;

	(void)state;
	begin = (struct nlmsghdr *)buf;
	len = put_nft(buf, len, NFNL_MSG_BATCH_BEGIN, 0, first, NULL);
	mnl_attr_put_u32(begin, NFNL_BATCH_GENID, htonl(0x12345678)); /* long past */
	len = NLMSG_ALIGN(begin->nlmsg_len);
	len = put_nft(buf, len, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK, nlsock_seq(nl), "t1");
	len = put_nft(buf, len, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK, nlsock_seq(nl), "t2");
	len = put_nft(buf, len, NFNL_MSG_BATCH_END, 0, nlsock_seq(nl), NULL);
	assert_int_equal(nlsock_send_raw(nl, buf, len, 2, &failed, &err), -ERESTART);
	assert_int_equal(failed, first);
	nlsock_close(nl);
}

/* More than the default send queue takes, more answers than the default receive queue holds. */
static void large_batch(void **state)
{
	enum {
		MESSAGES = 8000
	};
	struct nlsock *nl = nft_socket();
	uint8_t *buf = malloc(MESSAGES * 64);
	struct nerr err;
	size_t len = 0;

	(void)state;
	assert_non_null(buf);
	len = put_nft(buf, len, NFNL_MSG_BATCH_BEGIN, 0, nlsock_seq(nl), NULL);
	for (unsigned i = 0; i < MESSAGES - 2; i++)
		len = put_nft(buf, len, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK, nlsock_seq(nl),
			      "table");
	len = put_nft(buf, len, NFNL_MSG_BATCH_END, 0, nlsock_seq(nl), NULL);
	assert_true(len > 212992);
	assert_ok(nlsock_send_raw(nl, buf, len, MESSAGES - 2, NULL, &err), err);
	free(buf);
	nlsock_close(nl);
}

/* --- notifications --- */

static int note_link(const struct nlmsghdr *nlh, void *arg)
{
	unsigned *n = arg;

	*n += nlh->nlmsg_type == RTM_NEWLINK;
	return 0;
}

static int refuse(const struct nlmsghdr *nlh, void *arg)
{
	(void)nlh;
	(void)arg;
	return -ECANCELED;
}

static void notifications_arrive_or_time_out(void **state)
{
	struct nlsock *nl = *state;
	struct nlsock *events;
	unsigned n = 0;
	struct nerr err;

	assert_ok(nlsock_open(&events, NETLINK_ROUTE, &err), err);
	assert_ok(nlsock_subscribe(events, RTNLGRP_LINK, &err), err);
	assert_ok(nlsock_subscribe(events, RTNLGRP_IPV4_IFADDR, &err), err); /* a second group */
	assert_int_equal(nlsock_wait(events, nlsock_deadline(20), note_link, &n, &err), -ETIMEDOUT);
	assert_int_equal(n, 0);

	veth_pair(nl, "a0", "b0");
	assert_ok(nlsock_wait(events, nlsock_deadline(5000), note_link, &n, &err), err);
	assert_true(n > 0);
	assert_int_equal(nlsock_wait(events, nlsock_deadline(5000), refuse, NULL, &err),
			 -ECANCELED);
	nlsock_close(events);
}

static void lost_notifications_are_told(void **state)
{
	struct nlsock *nl = *state;
	struct nlsock *events;
	unsigned n = 0;
	int small = 4096;
	struct nerr err;

	assert_ok(nlsock_open(&events, NETLINK_ROUTE, &err), err);
	assert_return_code(
		setsockopt(nlsock_fd(events), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), errno);
	assert_ok(nlsock_subscribe(events, RTNLGRP_IPV4_IFADDR, &err), err);
	for (unsigned i = 0; i < 200; i++)
		put_nth(nl, i);
	assert_ok(nlsock_commit(nl, &err), err);
	assert_int_equal(nlsock_wait(events, nlsock_deadline(5000), note_link, &n, &err), -ENOBUFS);
	assert_contains(err.msg, "lost");
	nlsock_close(events);
}

static void no_such_group(void **state)
{
	struct nlsock *nl = *state;
	struct nerr err;

	assert_true(nlsock_subscribe(nl, 4711, &err) < 0);
	assert_contains(err.msg, "cannot join netlink group 4711: ");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, netns_setup, netns_teardown)
	const struct CMUnitTest tests[] = {
		T(commit_of_500_with_one_failing_in_the_middle),
		T(commit_of_5000_at_once),
		T(commit_of_long_messages),
		T(commit_reports_the_first_of_many_failures),
		T(commit_without_an_error_object),
		T(ignored_failures_do_not_hide_others),
		T(reset_forgets_the_queue),
		T(fail_keeps_everything_from_being_sent),
		T(kernel_words_are_in_the_message),
		T(without_words_the_errno_is_in_the_message),
		T(stopped_dump_does_not_disturb_the_next),
		T(message_of_the_callback_is_kept),
		T(talk_reports_a_refusal),
		T(requests_are_checked_strictly),
		T(interrupted_dump_is_asked_again),
		T(dump_interrupted_each_time_says_so),
		T(answers_of_other_processes_are_ignored),
		T(stale_answers_are_ignored),
		cmocka_unit_test(answer_with_words),
		cmocka_unit_test(answer_with_a_wrong_inner_length),
		cmocka_unit_test(answer_of_every_length),
		T(socket_stays_in_its_namespace),
		T(seq_is_never_zero),
		T(no_such_protocol),
#if OOM_WORKS
		T(out_of_memory_is_reported_and_leaks_nothing),
#endif
		T(batch_is_acknowledged),
		T(refused_batch_names_its_message),
		T(batch_refused_as_a_whole),
		T(large_batch),
		T(notifications_arrive_or_time_out),
		T(lost_notifications_are_told),
		T(no_such_group),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
