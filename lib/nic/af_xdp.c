/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Opening and closing of XDP sockets.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <xdp/libxdp.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nic/af_xdp_priv.h"
#include "nic/drivers.h"
#include "wire/ethernet.h"

/* What a frame may have of IP. */
#define MTU_MAX (XDP_FRAME_LEN - XDP_FRAME_ROOM - ETH_HDR_LEN_MAX)

/* Frames on their way to the device are not to be held up by an account of the socket. */
#define SNDBUF (16 << 20)

/* How long a queue may take to be free again, and how often we ask. */
#define RELEASE_NS      UINT64_C(2000000000)
#define RELEASE_POLL_MS 5

static struct af_xdp *xdp_of(struct nic *nic)
{
	return (struct af_xdp *)(void *)nic; /* its first member */
}

/* --- interrupts --- */

static void tell_ready(struct af_xdp *x)
{
	if (x->nic.ready)
		x->nic.ready(x->nic.ready_arg);
}

static void on_socket(void *arg, uint32_t events)
{
	(void)events; /* an error shows where it is used, and in on_change() */
	tell_ready(arg);
}

static void on_change(struct netdev *nd)
{
	struct af_xdp *x = nd->arg;

	if (x->nic.error)
		return;
	if (netdev_refresh(nd)) {
		x->nic.info.mtu = nd->mtu;
		x->nic.info.mac = nd->mac;
		return;
	}
	x->nic.error = -ENODEV;
	tell_ready(x);
}

static bool is_ready(struct af_xdp *x)
{
	return xsk_cons_nb_avail(&x->rx, 1) > 0;
}

static bool xdp_arm(struct nic *nic)
{
	struct af_xdp *x = xdp_of(nic);

	if (nic->error)
		return false;
	/* A device whose queue is full tells nobody when it is not: ask again soon, awake. */
	if (is_ready(x) || (x->dev.is_up && xdp_kick(x)))
		return true;
	xdp_refill(x); /* with frames that the stack gave back since */
	fd_wait_arm(&x->wait);
	if (!is_ready(x))
		return false;
	fd_wait_disarm(&x->wait);
	return true;
}

static void xdp_disarm(struct nic *nic)
{
	fd_wait_disarm(&xdp_of(nic)->wait);
}

/* --- the socket --- */

static int socket_error(const struct af_xdp *x, int r, struct nerr *err)
{
	switch (r) {
	case -EPERM:
		return nerr_set(err, r,
				"interface '%s': an XDP socket needs CAP_NET_RAW in its namespace",
				x->dev.name);
	case -EAFNOSUPPORT:
		return nerr_set(err, -ENOTSUP, "the kernel has no XDP sockets");
	case -ENOBUFS:
		return nerr_set(err, r,
				"interface '%s': %zu bytes for frames are beyond RLIMIT_MEMLOCK",
				x->dev.name, XDP_AREA_LEN);
	case -EBUSY:
		return nerr_set(err, r, "queue %u of interface '%s' has another XDP socket",
				x->nic.info.queue, x->dev.name);
	case -EOPNOTSUPP:
		return nerr_set(err, -ENOTSUP,
				"interface '%s' cannot do without copies, as was asked for",
				x->dev.name);
	default:
		return nerr_set(err, r, "cannot bind an XDP socket to queue %u of '%s': %m",
				x->nic.info.queue, x->dev.name);
	}
}

static uint16_t bind_flags(enum nic_xdp_mode mode, bool is_generic)
{
	if (mode == NIC_XDP_ZEROCOPY)
		return XDP_USE_NEED_WAKEUP | XDP_ZEROCOPY;
	if (mode == NIC_XDP_COPY || is_generic)
		return XDP_USE_NEED_WAKEUP | XDP_COPY;
	return XDP_USE_NEED_WAKEUP; /* the kernel tries without copies first */
}

/**
 * struct opening - What is to be opened, handed through namespaces and locks
 * @join:	For the table of devices
 * @map:	Of the program
 */
struct opening {
	struct af_xdp *x;
	const struct nic_env *env;
	enum nic_xdp_mode mode;
	struct xdp_join join;
};

static int try_socket(const struct opening *o)
{
	struct af_xdp *x = o->x;
	const struct xdp_share *xs = (const struct xdp_share *)(const void *)x->share;
	const struct xsk_umem_config umem_conf = {
		.fill_size = XDP_RX_SLOTS,
		.comp_size = XDP_TX_SLOTS,
		.frame_size = XDP_FRAME_LEN,
	};
	const struct xsk_socket_config conf = {
		.rx_size = XDP_RX_SLOTS,
		.tx_size = XDP_TX_SLOTS,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = bind_flags(o->mode, xs->is_generic),
	};
	int r = xsk_umem__create(&x->kernel_umem, x->umem->area, XDP_AREA_LEN, &x->fill, &x->comp,
				 &umem_conf);

	if (r < 0)
		return r;
	return xsk_socket__create(&x->xsk, x->dev.name, x->nic.info.queue, x->kernel_umem, &x->rx,
				  &x->tx, &conf);
}

/* With the lock of the table, so that the program does not go before its sockets have. */
static void close_socket(struct af_xdp *x)
{
	if (x->xsk)
		xsk_socket__delete(x->xsk);
	/* -EBUSY is not possible: the only socket is gone. */
	if (x->kernel_umem)
		(void)xsk_umem__delete(x->kernel_umem);
	x->xsk = NULL;
	x->kernel_umem = NULL;
}

/* The kernel lets go of a queue some time after its socket was closed, by us or with a process
 * that ended, and tells nobody when.
 */
static int open_socket(const struct opening *o, struct nerr *err)
{
	struct af_xdp *x = o->x;
	const struct xdp_share *xs = (const struct xdp_share *)(const void *)x->share;
	const uint64_t end = loop_clock() + RELEASE_NS;
	int r = try_socket(o);

	while (r == -EBUSY && loop_clock() < end) {
		close_socket(x);
		(void)poll(NULL, 0, RELEASE_POLL_MS); /* nothing to see but time going by */
		r = try_socket(o);
	}
	if (r < 0)
		return socket_error(x, r, err);
	x->fd = xsk_socket__fd(x->xsk);
	xdp_refill(x);
	r = xsk_socket__update_xskmap(x->xsk, xs->map);
	return r < 0 ? socket_error(x, r, err) : 0;
}

static void set_up(struct af_xdp *x)
{
	const int size = SNDBUF;
	struct xdp_options opts = { 0 };
	socklen_t len = sizeof(opts);

	/* Not every libxdp has it; nothing to be done where it fails, which it cannot. */
	(void)fcntl(x->fd, F_SETFD, FD_CLOEXEC);
	/* Without the right to it, what the system allows has to do. */
	(void)setsockopt(x->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (getsockopt(x->fd, SOL_XDP, XDP_OPTIONS, &opts, &len) == 0)
		x->zerocopy = opts.flags & XDP_OPTIONS_ZEROCOPY;
}

static int open_in_netns(void *arg, struct nerr *err)
{
	struct opening *o = arg;
	int r = share_join(&o->x->share, &xdp_share_ops, &o->x->dev, o->env, &o->join, err);

	return r < 0 ? r : open_socket(o, err);
}

/* --- life --- */

static void add_stats(struct af_xdp *x)
{
	struct xdp_statistics st = { 0 };
	socklen_t len = sizeof(st);
	struct xdp_kernel now;

	if (getsockopt(x->fd, SOL_XDP, XDP_STATISTICS, &st, &len) < 0)
		return;
	now.missed = st.rx_dropped + st.rx_ring_full;
	now.bad_tx = st.tx_invalid_descs;
	x->nic.counters.rx_missed += now.missed - x->told.missed;
	x->nic.counters.tx_errors += now.bad_tx - x->told.bad_tx;
	x->told = now;
}

static void xdp_stats(struct nic *nic)
{
	add_stats(xdp_of(nic));
}

static void xdp_free(struct af_xdp *x)
{
	struct xdp_join join = { .close = close_socket, .x = x };

	fd_wait_close(&x->wait);
	if (x->share)
		share_leave(x->share, x->nic.info.queue, &join);
	close_socket(x);
	xdp_umem_close(x->umem);
	netdev_close(&x->dev);
	free(x);
}
DEFINE_CLEANUP(struct af_xdp *, xdp_free);

static void xdp_close(struct nic *nic)
{
	struct af_xdp *x = xdp_of(nic);

	nic->ready = NULL;
	if (!nic->error && x->dev.is_up)
		(void)xdp_kick(x); /* what the device does not take now is lost */
	xdp_free(x);
}

static const struct nic_ops xdp_ops = {
	.name = "af_xdp",
	.rx = xdp_rx,
	.tx = xdp_tx,
	.arm = xdp_arm,
	.disarm = xdp_disarm,
	.stats = xdp_stats,
	.close = xdp_close,
};

/* What arrives at a queue that nobody serves would be lost on us without a word. */
static int check_dev(const struct netdev *nd, const struct nic_env *env, struct nerr *err)
{
	const unsigned int n = netdev_rx_queues(nd);

	if (n != env->n_queues)
		return nerr_set(
			err, -EINVAL,
			"interface '%s' has %u receive queues in use, and %u are to be served: "
			"both must be the same (ethtool -L)",
			nd->name, n, env->n_queues);
	if (nd->mtu > MTU_MAX)
		return nerr_set(err, -EINVAL,
				"interface '%s' has an MTU of %u, and XDP sockets take up to %d",
				nd->name, nd->mtu, MTU_MAX);
	return 0;
}

static int start(struct af_xdp *x, const struct nic_xdp_conf *conf, const struct nic_env *env,
		 struct nerr *err)
{
	struct opening o = { .x = x, .env = env, .mode = conf->mode };
	int r = netdev_open(&x->dev, conf->name, env, err);

	if (r == 0)
		r = check_dev(&x->dev, env, err);
	if (r < 0)
		return r;
	netdev_fill_info(&x->dev, env, &x->nic.info);
	x->umem = xdp_umem_new();
	if (!x->umem)
		return nerr_oom(err);
	o.join = (struct xdp_join){
		.ifname = x->dev.name,
		.ifindex = x->dev.ifindex,
		.n_queues = env->n_queues,
		.native_only = conf->mode == NIC_XDP_ZEROCOPY,
	};
	r = netdev_run_in(&x->dev, env, open_in_netns, &o, err);
	if (r < 0)
		return r;
	set_up(x);
	r = netdev_watch(&x->dev, env->loop, on_change, x, err);
	if (r < 0)
		return r;
	r = fd_wait_open(&x->wait, env->loop, x->fd, on_socket, x);
	if (r < 0)
		return nerr_set(err, r, "interface '%s': cannot wait for packets: %m", conf->name);
	return 0;
}

int nic_xdp_open(struct nic **ret, const struct nic_xdp_conf *conf, const struct nic_env *env,
		 struct nerr *err)
{
	CLEANUP(xdp_freep) struct af_xdp *x = calloc(1, sizeof(*x));
	int r;

	if (!x)
		return nerr_oom(err);
	/* Its errors come back as such; what it would print besides is for nobody. */
	(void)libxdp_set_print(NULL);
	x->nic.ops = &xdp_ops;
	x->nic.loop = env->loop;
	x->nic.pool = env->pool;
	x->dev = (struct netdev)NETDEV_INIT;
	x->fd = -1;
	r = start(x, conf, env, err);
	if (r < 0)
		return r;
	*ret = &TAKE_PTR(x)->nic;
	return 0;
}
