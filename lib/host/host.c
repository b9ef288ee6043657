/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A host: made, run, freed.
 *
 * It is freed in the opposite order in which it is made.  The packet memory is the stack's: the
 * device, which holds some of it, goes before.
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "host/host_follow.h"
#include "host/host_priv.h"
#include "host/host_split.h"
#include "netstack/socket.h"
#include "nic/drivers.h"
#include "nic/steer.h"
#include "sandbox/netns.h"

_Static_assert((int)NIC_TX_CSUM == (int)IFACE_TX_CSUM && (int)NIC_TSO4 == (int)IFACE_TSO4 &&
		       (int)NIC_TSO6 == (int)IFACE_TSO6 && (int)NIC_USO == (int)IFACE_USO,
	       "features of a nic are those of its interface");
_Static_assert(LOOP_FOREVER == TIMER_NEVER, "deadlines are handed on");

/* --- what the service and the stack ask of us --- */

static void on_input(void *arg, uint32_t cookie, struct pbuf *const *burst, unsigned int n,
		     uint64_t now_ns)
{
	struct host *h = arg;

	if (!h->split)
		netstack_input(h->stack, cookie, burst, n, now_ns);
	else if (cookie == HOST_SPLIT_COOKIE)
		host_split_output(h->split, burst, n);
	else
		host_split_input(h->split, burst, n, now_ns);
}

static bool on_advance(void *arg, uint64_t now_ns)
{
	struct host *h = arg;
	const uint64_t news = netstack_news(h->stack);

	netstack_advance(h->stack, now_ns);
	return netstack_news(h->stack) != news;
}

static uint64_t on_deadline(void *arg)
{
	const struct host *h = arg;

	return netstack_deadline(h->stack);
}

static void on_gone(void *arg, uint32_t cookie, int error)
{
	struct host *h = arg;

	(void)cookie; /* the kernel's interface is as necessary as the device */
	h->error = error;
	(void)netstack_link_set_up(h->stack, h->ifindex, false); /* it is there */
}

static const struct service_client client = {
	.input = on_input,
	.advance = on_advance,
	.deadline = on_deadline,
	.gone = on_gone,
};

static unsigned int tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	struct host *h = arg;

	return h->nic ? nic_tx(h->nic, burst, n) : 0;
}

/* A call to a blocking socket waits. */
static int wait_turn(void *arg, struct netstack *st, uint64_t deadline_ns)
{
	(void)st; /* it is ours */
	return host_turn(arg, deadline_ns);
}

static void on_follow(struct loop_watch *w, uint32_t events)
{
	struct host *h = w->arg;
	int r;

	(void)events; /* POLLERR is read, too */
	r = host_follow_read(h->follow, loop_clock(), NULL);
	if (r < 0 && !h->error)
		h->error = r;
}

/* --- made --- */

static int make_stack(struct host *h, const struct host_conf *conf, struct nerr *err)
{
	struct netstack_conf sc;
	int r;

	netstack_conf_default(&sc);
	if (getrandom(sc.seed, sizeof(sc.seed), 0) != (ssize_t)sizeof(sc.seed))
		return nerr_set(err, -errno, "cannot read random numbers: %m");
	sc.wait = wait_turn;
	sc.wait_arg = h;
	sc.shard = (uint16_t)conf->shard;
	sc.n_shards = (uint16_t)conf->n_shards;
	if (conf->tune)
		conf->tune(conf->tune_arg, &sc);
	r = netstack_new(&h->stack, &sc, loop_clock());
	explicit_bzero(sc.seed, sizeof(sc.seed));
	if (r < 0)
		return nerr_set(err, r, "cannot make an instance of the stack: %m");
	return 0;
}

static int open_nic(struct host *h, const struct host_conf *conf, struct nerr *err)
{
	const struct nic_env env = {
		.loop = h->loop,
		.pool = netstack_pool(h->stack),
		.netns = h->netns,
		.queue = conf->shard,
		.n_queues = conf->n_shards ? conf->n_shards : 1,
	};
	struct nic *above;
	int r = nic_open(&h->nic, conf->nic, &env, err);

	if (r < 0 || !conf->steer)
		return r;
	r = nic_steer_new(&above, h->nic, conf->steer, conf->shard, err);
	if (r == 0)
		h->nic = above;
	return r;
}

/* For SO_BINDTODEVICE: as programs see it, where they see one.  Making a tap "lo" is what fails. */
static const char *link_name(const struct host *h, const struct host_conf *conf)
{
	if (conf->kernel && strcmp(conf->kernel, "lo") != 0)
		return conf->kernel;
	return h->nic->info.name[0] ? h->nic->info.name : "eth0";
}

static int add_link(struct host *h, const struct host_conf *conf, struct nerr *err)
{
	const struct nic_info *info = &h->nic->info;
	const struct iface_conf ic = {
		.name = link_name(h, conf),
		.kind = info->kind == NIC_IP ? IFACE_IP : IFACE_ETHERNET,
		.mac = info->mac,
		.mtu = conf->mtu ? conf->mtu : info->mtu,
		.features = info->features,
		.gso_max = info->gso_max,
		.tx = tx,
		.arg = h,
		.is_shared = conf->kernel && conf->split == HOST_SPLIT_TCP,
	};
	int r = netstack_link_add(h->stack, &ic);

	if (r < 0)
		return nerr_set(err, r, "cannot use '%s' with an MTU of %u: %m", conf->nic, ic.mtu);
	h->ifindex = (uint32_t)r;
	r = service_add(h->service, h->nic, h->ifindex);
	if (r < 0)
		return nerr_set(err, r, "cannot serve '%s': %m", conf->nic);
	return 0;
}

static bool is_tap(const char *spec)
{
	return strncmp(spec, "tap:", 4) == 0;
}

static const char *followed(const struct host *h, const struct host_conf *conf)
{
	if (conf->follow)
		return conf->follow;
	if (conf->kernel)
		return conf->kernel;
	return is_tap(conf->nic) ? "" : h->nic->info.name;
}

static int followed_netns(const struct host *h, const struct host_conf *conf)
{
	if (conf->kernel)
		return conf->kernel_netns;
	return h->nic->info.netns >= 0 ? h->nic->info.netns : h->netns;
}

static int begin_follow(struct host *h, const struct host_conf *conf, struct nerr *err)
{
	const char *name = followed(h, conf);
	int r;

	if (!name[0])
		return 0;
	if (conf->mtu)
		return nerr_set(err, -EINVAL, "an MTU of %u, and that of '%s': one of the two",
				conf->mtu, name);
	r = host_follow_new(&h->follow, h->stack, h->ifindex, followed_netns(h, conf), name,
			    conf->kernel && conf->split == HOST_SPLIT_ALL, err);
	if (r < 0)
		return r;
	h->follow_watch = (struct loop_watch){
		.fd = host_follow_fd(h->follow),
		.events = POLLIN,
		.ready = on_follow,
		.arg = h,
	};
	r = loop_watch_add(h->loop, &h->follow_watch);
	if (r < 0) {
		host_follow_free(h->follow);
		h->follow = NULL;
		return nerr_set(err, r, "cannot wait for changes of '%s': %m", name);
	}
	return 0;
}

static int make(struct host *h, const struct host_conf *conf, struct nerr *err)
{
	int r = 0;

	if (conf->netns)
		r = netns_open(conf->netns, &h->netns, err);
	if (r == 0)
		r = loop_new(&h->loop, conf->engine, err);
	if (r == 0)
		r = make_stack(h, conf, err);
	if (r < 0)
		return r;
	r = service_new(&h->service, h->loop, &conf->service, &client, h);
	if (r < 0)
		return nerr_set(err, r, "no memory for a host on '%s'", conf->nic);
	r = open_nic(h, conf, err);
	if (r == 0)
		r = add_link(h, conf, err);
	if (r == 0 && conf->kernel)
		r = host_split_new(&h->split, h, conf, err);
	if (r == 0)
		r = begin_follow(h, conf, err);
	if (r == 0)
		r = host_configure(h, conf, err);
	return r;
}

int host_new(struct host **ret, const struct host_conf *conf, struct nerr *err)
{
	struct host *h;
	int r;

	if (!conf->nic)
		return nerr_set(err, -EINVAL, "no device is named");
	if (conf->shard >= (conf->n_shards ? conf->n_shards : 1))
		return nerr_set(err, -EINVAL, "'%s' has no queue %u: it is to have %u", conf->nic,
				conf->shard, conf->n_shards);
	if (conf->kernel && conf->n_shards > 1)
		return nerr_set(err, -EINVAL, "'%s' cannot share '%s', which has %u queues",
				conf->kernel, conf->nic, conf->n_shards);
	h = calloc(1, sizeof(*h));
	if (!h)
		return nerr_set(err, -ENOMEM, "no memory for a host on '%s'", conf->nic);
	h->netns = -1;
	r = make(h, conf, err);
	if (r < 0) {
		host_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void host_free(struct host *h)
{
	if (!h)
		return;
	if (h->follow) {
		loop_watch_del(h->loop, &h->follow_watch);
		host_follow_free(h->follow);
	}
	host_split_free(h->split);
	if (h->nic && h->service)
		service_del(h->service, h->nic);
	if (h->ifindex)
		(void)netstack_link_del(h->stack, h->ifindex); /* it is there */
	nic_close(h->nic);
	h->nic = NULL;
	netstack_free(h->stack);
	service_free(h->service);
	loop_free(h->loop);
	if (h->netns >= 0)
		(void)close(h->netns); /* a namespace: nothing was written */
	free(h);
}

struct netstack *host_stack(struct host *h)
{
	return h->stack;
}

struct loop *host_loop(struct host *h)
{
	return h->loop;
}

struct nic *host_nic(struct host *h)
{
	return h->nic;
}

uint32_t host_ifindex(const struct host *h)
{
	return h->ifindex;
}

uint64_t host_now(const struct host *h)
{
	return loop_now(h->loop);
}

void host_service_stats(const struct host *h, struct service_stats *ret)
{
	service_stats(h->service, ret);
}

/* --- run --- */

int host_turn(struct host *h, uint64_t until_ns)
{
	int r;

	if (h->error)
		return h->error;
	r = service_turn(h->service, until_ns);
	netstack_set_now(h->stack, loop_now(h->loop));
	return h->error ? h->error : r;
}

void host_trim(struct host *h)
{
	if (h->nic)
		nic_trim(h->nic);
	if (h->split)
		host_split_trim(h->split);
	netstack_trim(h->stack);
	(void)malloc_trim(0); /* 0: there was nothing */
}

int host_drain(struct host *h, unsigned int timeout_ms)
{
	const uint64_t end = loop_clock() + timeout_ms * UINT64_C(1000000);
	struct netstack_memory m;
	int r;

	for (;;) {
		netstack_memory(h->stack, &m);
		if (!m.conns && netstack_deadline(h->stack) != 0)
			break;
		if (loop_clock() >= end)
			return -ETIMEDOUT;
		r = host_turn(h, end);
		if (r < 0)
			return r;
	}
	loop_submit(h->loop); /* the last acknowledgement */
	return 0;
}

static bool has_addr(const struct host *h)
{
	struct netstack_addr a[64];
	unsigned int n = netstack_addrs(h->stack, a, ARRAY_SIZE(a));

	for (unsigned int i = 0; i < n && i < ARRAY_SIZE(a); i++)
		if (a[i].conf.ifindex == h->ifindex && a[i].state == NET_ADDR_PREFERRED &&
		    !ip6_addr_is_link_local(a[i].conf.addr))
			return true;
	return false;
}

int host_wait_addr(struct host *h, unsigned int timeout_ms)
{
	const uint64_t end = loop_clock() + timeout_ms * UINT64_C(1000000);

	while (!has_addr(h)) {
		int r;

		if (loop_clock() >= end)
			return -ETIMEDOUT;
		r = host_turn(h, end);
		if (r < 0)
			return r;
	}
	return 0;
}
