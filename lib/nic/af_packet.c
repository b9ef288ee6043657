/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Opening and closing of AF_PACKET, and the fanout group of several queues.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nic/af_packet_priv.h"
#include "nic/drivers.h"

/* Super-segments that wait for us, and that wait for the interface. */
#define RCVBUF         (32 << 20)
#define SNDBUF         (32 << 20)

#define RING_BLOCK_LEN 65536

/* Linux 6.2; the kernel's header may be older than the kernel. */
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#	define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

_Static_assert(RING_BLOCK_LEN % PACKET_SLOT_LEN == 0, "slots follow each other without a gap");
_Static_assert(PACKET_RING_LEN % RING_BLOCK_LEN == 0, "blocks are whole");

/**
 * struct packet_share - Fanout group of an interface
 * @share:	First
 * @id:		Of the group, chosen by the kernel: nobody else has it, in no process
 * @type_flags:	Members have the same
 */
struct packet_share {
	struct share share;
	uint16_t id;
	uint16_t type_flags;
};

static struct af_packet *packet_of(struct nic *nic)
{
	return (struct af_packet *)(void *)nic; /* its first member */
}

/* --- fanout --- */

static int set_fanout(int fd, uint16_t id, unsigned int type_flags)
{
	const uint32_t val = (uint32_t)type_flags << 16 | id;

	return setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &val, sizeof(val)) < 0 ? -errno : 0;
}

static int fanout_new(struct af_packet *p, struct packet_share *ps)
{
	static const uint16_t flags[] = {
		PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_IGNORE_OUTGOING,
		PACKET_FANOUT_HASH, /* those that go out are sorted out by packet_rx() */
	};
	uint32_t val;
	socklen_t len = sizeof(val);
	int r = -EINVAL;

	for (size_t i = 0; r == -EINVAL && i < ARRAY_SIZE(flags); i++) {
		ps->type_flags = flags[i];
		r = set_fanout(p->fd, 0, flags[i] | PACKET_FANOUT_FLAG_UNIQUEID);
	}
	if (r < 0)
		return r;
	if (getsockopt(p->fd, SOL_PACKET, PACKET_FANOUT, &val, &len) < 0)
		return -errno;
	ps->id = (uint16_t)val;
	return 0;
}

static int share_first(struct share *s, void *queue, struct nerr *err)
{
	struct af_packet *p = queue;
	int r;

	if (s->n_queues == 1)
		return 0;
	r = fanout_new(p, (struct packet_share *)(void *)s);
	if (r < 0)
		return nerr_set(err, r,
				"cannot make the fanout group of interface '%s', which is %s: %m",
				p->dev.name, p->dev.is_up ? "up" : "down");
	return 0;
}

static int share_member(struct share *s, void *queue, struct nerr *err)
{
	const struct packet_share *ps = (const struct packet_share *)(void *)s;
	struct af_packet *p = queue;
	int r;

	/* The first one made the group of itself. */
	if (s->n_queues == 1 || !s->queues)
		return 0;
	r = set_fanout(p->fd, ps->id, ps->type_flags);
	if (r < 0)
		return nerr_set(err, r, "cannot join the fanout group of interface '%s': %m",
				p->dev.name);
	return 0;
}

/* While no other queue can join: the group ends with its last socket. */
static void share_leaves(struct share *s, void *queue)
{
	struct af_packet *p = queue;

	(void)s; /* the kernel keeps the group */
	cleanup_closep(&p->fd);
	p->fd = -1;
}

static void share_end(struct share *s)
{
	(void)s; /* nothing but memory is left */
}

static const struct share_ops share_ops = {
	.size = sizeof(struct packet_share),
	.first = share_first,
	.join = share_member,
	.leave = share_leaves,
	.last = share_end,
};

/* --- the socket --- */

static int open_socket(void *arg, struct nerr *err)
{
	struct af_packet *p = arg;

	/* Protocol 0: deaf until it is bound to its interface. */
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd >= 0)
		return 0;
	if (errno == EPERM)
		return nerr_set(
			err, -EPERM,
			"interface '%s': a packet socket needs CAP_NET_RAW in its namespace",
			p->dev.name);
	return nerr_set(err, errno == EAFNOSUPPORT ? -ENOTSUP : -errno,
			"interface '%s': cannot open a packet socket: %m", p->dev.name);
}

static int set_option(struct af_packet *p, int name, const char *what, int val, struct nerr *err)
{
	if (setsockopt(p->fd, SOL_PACKET, name, &val, sizeof(val)) == 0)
		return 0;
	return nerr_set(err, errno == ENOPROTOOPT || errno == EINVAL ? -ENOTSUP : -errno,
			"interface '%s': cannot set %s of a packet socket: %m", p->dev.name, what);
}

/* Beyond the limit of the system where we may, else as far as it goes. */
static void set_buffer(int fd, int force, int plain, int size)
{
	if (setsockopt(fd, SOL_SOCKET, force, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, plain, &size, sizeof(size)); /* cut, not refused */
}

static int make_ring(struct af_packet *p, struct nerr *err)
{
	const struct tpacket_req req = {
		.tp_block_size = RING_BLOCK_LEN,
		.tp_block_nr = PACKET_RING_LEN / RING_BLOCK_LEN,
		.tp_frame_size = PACKET_SLOT_LEN,
		.tp_frame_nr = PACKET_SLOTS,
	};
	void *at;

	if (setsockopt(p->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0)
		return nerr_set(err, -errno, "interface '%s': cannot make a ring of %zu bytes: %m",
				p->dev.name, PACKET_RING_LEN);
	at = mmap(NULL, PACKET_RING_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, 0);
	if (at == MAP_FAILED)
		return nerr_set(err, -errno, "interface '%s': cannot map a ring of %zu bytes: %m",
				p->dev.name, PACKET_RING_LEN);
	p->ring = at;
	return 0;
}

/* In the order in which the kernel wants them: the header and the version before the ring. */
static int set_up(struct af_packet *p, struct nerr *err)
{
	static const struct {
		int name;
		const char *text;
		int val;
	} options[] = {
		{ PACKET_VNET_HDR, "PACKET_VNET_HDR", 1 },
		{ PACKET_IGNORE_OUTGOING, "PACKET_IGNORE_OUTGOING", 1 },
		{ PACKET_VERSION, "PACKET_VERSION", TPACKET_V2 },
		{ PACKET_COPY_THRESH, "PACKET_COPY_THRESH", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		int r = set_option(p, options[i].name, options[i].text, options[i].val, err);

		if (r < 0)
			return r;
	}
	set_buffer(p->fd, SO_RCVBUFFORCE, SO_RCVBUF, RCVBUF);
	set_buffer(p->fd, SO_SNDBUFFORCE, SO_SNDBUF, SNDBUF);
	return make_ring(p, err);
}

/* --- the interface --- */

/* Until it is in its group, a queue would get the frames of all. */
static int set_deaf(struct af_packet *p, bool deaf, struct nerr *err)
{
	struct sock_filter none[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	const struct sock_fprog prog = { .len = ARRAY_SIZE(none), .filter = none };
	const int unused = 0; /* the kernel wants a value and does not look at it */
	int r;

	if (deaf)
		r = setsockopt(p->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
	else
		r = setsockopt(p->fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));
	if (r < 0)
		return nerr_set(err, -errno, "interface '%s': cannot set a filter: %m",
				p->dev.name);
	return 0;
}

static int bind_to(struct af_packet *p, struct nerr *err)
{
	const struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)p->dev.ifindex,
	};
	/* Unicast for us comes by itself; groups are the stack's to choose (IGMP, MLD). */
	const struct packet_mreq groups = {
		.mr_ifindex = (int)p->dev.ifindex,
		.mr_type = PACKET_MR_ALLMULTI,
	};

	if (bind(p->fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return nerr_set(err, errno == ENXIO ? -ENODEV : -errno,
				"cannot bind a packet socket to interface '%s': %m", p->dev.name);
	if (setsockopt(p->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &groups, sizeof(groups)) < 0)
		return nerr_set(err, -errno, "interface '%s': cannot receive multicast: %m",
				p->dev.name);
	return 0;
}

static void drain_error(struct af_packet *p)
{
	int code;
	socklen_t len = sizeof(code);

	/* ENETDOWN: it stays ours, and works again when it is up.  Reading it is all. */
	(void)getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &code, &len);
}

static int attach(struct af_packet *p, const struct nic_env *env, struct nerr *err)
{
	int r = set_deaf(p, true, err);

	if (r == 0)
		r = bind_to(p, err);
	if (r == 0)
		r = share_join(&p->share, &share_ops, &p->dev, env, p, err);
	if (r == 0)
		r = set_deaf(p, false, err);
	drain_error(p); /* of an interface that is down */
	return r;
}

/* --- interrupts --- */

static void tell_ready(struct af_packet *p)
{
	if (p->nic.ready)
		p->nic.ready(p->nic.ready_arg);
}

static void on_ring(void *arg, uint32_t events)
{
	struct af_packet *p = arg;

	if (events & POLLERR)
		drain_error(p);
	tell_ready(p);
}

/* The stack hears of addresses, routes and MTU elsewhere (lib/follow); what a driver has
 * to know is whether there is an interface at all.
 */
static void on_change(struct netdev *nd)
{
	struct af_packet *p = nd->arg;

	if (p->nic.error)
		return;
	if (netdev_refresh(nd)) {
		drain_error(p); /* or the first packet after it was down gets it */
		p->nic.info.mtu = nd->mtu;
		p->nic.info.mac = nd->mac;
		return;
	}
	p->nic.error = -ENODEV;
	tell_ready(p);
}

static bool packet_arm(struct nic *nic)
{
	struct af_packet *p = packet_of(nic);

	if (nic->error)
		return false;
	if (packet_rx_is_ready(p))
		return true;
	fd_wait_arm(&p->wait);
	/* What came before an edge could be told is in the ring by now. */
	if (!packet_rx_is_ready(p))
		return false;
	fd_wait_disarm(&p->wait);
	return true;
}

static void packet_disarm(struct nic *nic)
{
	fd_wait_disarm(&packet_of(nic)->wait);
}

/* --- life --- */

static void packet_stats(struct nic *nic)
{
	struct af_packet *p = packet_of(nic);
	struct tpacket_stats st;
	socklen_t len = sizeof(st);

	/* The kernel's counters begin anew with each reading. */
	if (getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0)
		nic->counters.rx_missed += st.tp_drops;
}

static void packet_free(struct af_packet *p)
{
	fd_wait_close(&p->wait);
	if (p->ring)
		(void)munmap(p->ring, PACKET_RING_LEN); /* it is ours: cannot fail */
	if (p->share)
		share_leave(p->share, p->nic.info.queue, p);
	cleanup_closep(&p->fd);
	netdev_close(&p->dev);
	free(p);
}
DEFINE_CLEANUP(struct af_packet *, packet_free);

static void packet_close(struct nic *nic)
{
	struct af_packet *p = packet_of(nic);

	nic->ready = NULL;
	packet_tx_done(p);
	packet_free(p);
}

static const struct nic_ops packet_ops = {
	.name = "af_packet",
	.rx = packet_rx,
	.tx = packet_tx,
	.arm = packet_arm,
	.disarm = packet_disarm,
	.stats = packet_stats,
	.close = packet_close,
};

/* Where the device does not cut and sum, the kernel does it in software.  There is no
 * asking whether it knows UDP segments in a vnet header: Linux 6.2 has them.
 */
static uint32_t features(void)
{
	const uint32_t tcp = NIC_TX_CSUM | NIC_TSO4 | NIC_TSO6;
	unsigned long major, minor;
	struct utsname u;
	char *end;

	if (uname(&u) < 0)
		return tcp;
	major = strtoul(u.release, &end, 10);
	if (*end != '.')
		return tcp;
	minor = strtoul(end + 1, NULL, 10);
	return major > 6 || (major == 6 && minor >= 2) ? tcp | NIC_USO : tcp;
}

static int start(struct af_packet *p, const struct nic_packet_conf *conf, const struct nic_env *env,
		 struct nerr *err)
{
	int r = netdev_open(&p->dev, conf->name, env, err);

	if (r < 0)
		return r;
	netdev_fill_info(&p->dev, env, &p->nic.info);
	p->nic.info.features = conf->no_offload ? 0 : features();
	p->nic.info.gso_max = conf->no_offload ? 0 : UINT16_MAX;
	r = netdev_run_in(&p->dev, env, open_socket, p, err);
	if (r == 0)
		r = set_up(p, err);
	if (r == 0)
		r = attach(p, env, err);
	if (r == 0)
		r = netdev_watch(&p->dev, env->loop, on_change, p, err);
	if (r < 0)
		return r;
	r = fd_wait_open(&p->wait, env->loop, p->fd, on_ring, p);
	if (r < 0)
		return nerr_set(err, r, "interface '%s': cannot wait for packets: %m", conf->name);
	return 0;
}

int nic_packet_open(struct nic **ret, const struct nic_packet_conf *conf, const struct nic_env *env,
		    struct nerr *err)
{
	CLEANUP(packet_freep) struct af_packet *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return nerr_oom(err);
	p->nic.ops = &packet_ops;
	p->nic.loop = env->loop;
	p->nic.pool = env->pool;
	p->dev = (struct netdev)NETDEV_INIT;
	p->fd = -1;
	packet_tx_init(p);
	r = start(p, conf, env, err);
	if (r < 0)
		return r;
	*ret = &TAKE_PTR(p)->nic;
	return 0;
}
