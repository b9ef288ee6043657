/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What tap and macvtap do with the kernel: drivers/net/tun.c, drivers/net/tap.c.
 */
#include <net/if.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "nic/netdev.h"
#include "nic/tap_priv.h"
#include "sandbox/netns.h"

/* Linux 6.2; the headers of older distributions lack them. */
#ifndef TUN_F_USO4
#	define TUN_F_USO4 0x20
#	define TUN_F_USO6 0x40
#endif

#define F_TSO (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
#define F_USO (TUN_F_USO4 | TUN_F_USO6)

/* Of IP, the longest there is. */
#define GSO_MAX 65535

/* So long a tap may still be that of somebody who has ended. */
#define BUSY_NS      UINT64_C(1000000000)
#define BUSY_LOOK_MS 5

void tap_dev_close(struct tap_dev *d)
{
	if (d->fd >= 0)
		(void)close(d->fd);
	if (d->link_fd >= 0)
		(void)close(d->link_fd);
	if (d->stat_fd >= 0)
		(void)close(d->stat_fd);
	if (d->group_fd >= 0)
		(void)close(d->group_fd);
	if (d->info.netns >= 0)
		(void)close(d->info.netns);
	*d = TAP_DEV_INIT;
}

int tap_dev_name(struct tap_dev *d, const char *name, struct nerr *err)
{
	const size_t len = name ? strlen(name) : 0;

	if (len == 0 || len >= sizeof(d->info.name) || strpbrk(name, "/%"))
		return nerr_set(err, -EINVAL, "'%s' is no name of an interface", name ? name : "");
	memcpy(d->info.name, name, len + 1);
	return 0;
}

int tap_dev_in_netns(struct tap_dev *d, const struct nic_env *env,
		     int (*fn)(void *arg, struct nerr *err), void *arg, struct nerr *err)
{
	int r;

	if (env->netns < 0) {
		r = netns_open_self(&d->info.netns, err);
		return r < 0 ? r : fn(arg, err);
	}
	d->info.netns = fcntl(env->netns, F_DUPFD_CLOEXEC, 0);
	if (d->info.netns < 0)
		return nerr_set(err, -errno, "cannot copy the namespace's descriptor: %m");
	return netns_run_in(env->netns, fn, arg, err);
}

int tap_dev_open_link(struct tap_dev *d, struct nerr *err)
{
	const struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };

	d->link_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (d->link_fd < 0 || bind(d->link_fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return nerr_set(err, -errno, "cannot listen for changes of links: %m");
	d->stat_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (d->stat_fd < 0)
		return nerr_set(err, -errno, "cannot make a netlink socket: %m");
	return 0;
}

/* --- device nodes --- */

int tap_dev_mount(const char *type)
{
	cleanup_close int fs = fsopen(type, FSOPEN_CLOEXEC);
	int fd = -1;

	if (fs >= 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int open_if_is(const char *path, dev_t rdev)
{
	cleanup_close int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != rdev)
		return -ENODEV;
	return TAKE_FD(fd);
}

static int open_own_node(dev_t rdev)
{
	cleanup_close int dir = tap_dev_mount("tmpfs");
	int fd;

	if (dir < 0)
		return dir;
	if (mknodat(dir, "node", S_IFCHR | 0600, rdev) < 0)
		return -errno;
	fd = openat(dir, "node", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int tap_dev_open_node(const char *path, dev_t rdev, int *ret, struct nerr *err)
{
	int fd = open_if_is(path, rdev);

	if (fd < 0)
		fd = open_own_node(rdev);
	if (fd < 0)
		return nerr_set(err, fd, "cannot open '%s', nor a node made for it: %m", path);
	*ret = fd;
	return 0;
}

/* --- the descriptor --- */

/* The kernel closes what was in an io_uring some time after its process has ended, and does
 * not tell when.
 */
static int attach(int fd, struct ifreq *ifr)
{
	const uint64_t end = loop_clock() + BUSY_NS;

	for (;;) {
		if (ioctl(fd, TUNSETIFF, ifr) == 0)
			return 0;
		if (errno != EBUSY || loop_clock() >= end)
			return -errno;
		(void)poll(NULL, 0, BUSY_LOOK_MS); /* its time is all that counts */
	}
}

static int set_interface(struct tap_dev *d, bool several, struct nerr *err)
{
	const int flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (several ? IFF_MULTI_QUEUE : 0);
	struct ifreq ifr = { .ifr_flags = (short)flags };
	int r;

	memcpy(ifr.ifr_name, d->info.name, sizeof(d->info.name));
	r = attach(d->fd, &ifr);
	/* A tap that was made for several queues may have one. */
	ifr.ifr_flags |= IFF_MULTI_QUEUE;
	if (r == -EINVAL && !several && attach(d->fd, &ifr) == 0)
		return 0;
	switch (r) {
	case 0:
		return 0;
	case -EBUSY:
		return nerr_set(err, r, "tap '%s' is in use", d->info.name);
	case -EINVAL:
		return nerr_set(err, r, "'%s' is no tap%s", d->info.name,
				several ? " with several queues" : "");
	default:
		return nerr_set(err, r, "cannot attach to '%s': %m", d->info.name);
	}
}

static int set_header(const struct tap_dev *d, struct nerr *err)
{
	const int len = VNET_HDR_LEN, le = 1, room = INT_MAX;

	if (ioctl(d->fd, TUNSETVNETHDRSZ, &len) < 0)
		return nerr_set(err, -ENOTSUP, "'%s' has no offload header of %d bytes: %m",
				d->info.name, len);
	/* Only big endian machines have another order to begin with, and need not have this. */
	if (ioctl(d->fd, TUNSETVNETLE, &le) < 0 && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return nerr_set(err, -ENOTSUP, "'%s' has no little endian header: %m",
				d->info.name);
	if (ioctl(d->fd, TUNSETSNDBUF, &room) < 0)
		return nerr_set(err, -errno, "cannot set the send buffer of '%s': %m",
				d->info.name);
	return 0;
}

/* What the kernel may leave undone in frames for us, and does for us: the same. */
static int set_offloads(struct tap_dev *d, struct nerr *err)
{
	static const struct {
		unsigned long flags;
		uint32_t features;
	} set[] = {
		{ F_TSO | TUN_F_TSO_ECN | F_USO, NIC_TX_CSUM | NIC_TSO4 | NIC_TSO6 | NIC_USO },
		{ F_TSO | TUN_F_TSO_ECN, NIC_TX_CSUM | NIC_TSO4 | NIC_TSO6 },
		{ F_TSO, NIC_TX_CSUM | NIC_TSO4 | NIC_TSO6 },
		{ TUN_F_CSUM, NIC_TX_CSUM },
		{ 0, 0 },
	};

	for (size_t i = d->no_offload ? ARRAY_SIZE(set) - 1 : 0; i < ARRAY_SIZE(set); i++) {
		if (ioctl(d->fd, TUNSETOFFLOAD, set[i].flags) == 0) {
			d->info.features = set[i].features;
			return 0;
		}
	}
	return nerr_set(err, -errno, "cannot set the offloads of '%s': %m", d->info.name);
}

static int get_info(struct tap_dev *d, struct nerr *err)
{
	struct ifreq ifr = { .ifr_flags = 0 };

	memcpy(ifr.ifr_name, d->info.name, sizeof(d->info.name));
	if (ioctl(d->link_fd, SIOCGIFINDEX, &ifr) < 0)
		return nerr_set(err, -errno, "cannot get the index of '%s': %m", d->info.name);
	d->info.ifindex = (uint32_t)ifr.ifr_ifindex;
	netdev_hear_only(d->link_fd, d->info.ifindex);
	if (ioctl(d->link_fd, SIOCGIFMTU, &ifr) < 0)
		return nerr_set(err, -errno, "cannot get the MTU of '%s': %m", d->info.name);
	d->info.mtu = (uint32_t)ifr.ifr_mtu;
	if (ioctl(d->link_fd, SIOCGIFHWADDR, &ifr) < 0)
		return nerr_set(err, -errno, "cannot get the address of '%s': %m", d->info.name);
	if (ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return nerr_set(err, -EINVAL, "'%s' is no Ethernet interface", d->info.name);
	d->info.mac = eth_addr_get((const uint8_t *)ifr.ifr_hwaddr.sa_data);
	return 0;
}

int tap_dev_attach(struct tap_dev *d, const struct nic_env *env, struct nerr *err)
{
	int r = set_interface(d, env->n_queues > 1, err);

	if (r == 0)
		r = set_header(d, err);
	if (r == 0)
		r = set_offloads(d, err);
	if (r == 0)
		r = get_info(d, err);
	d->info.kind = NIC_ETHERNET;
	d->info.gso_max = GSO_MAX;
	d->info.queue = env->queue;
	d->info.n_queues = env->n_queues;
	return r;
}

int tap_dev_check(const struct tap_dev *d, uint32_t *mtu)
{
	struct ifreq ifr = { .ifr_flags = 0 };

	if (ioctl(d->fd, TUNGETIFF, &ifr) < 0)
		return -ENODEV;
	/* One that was moved to another namespace is not seen from here any more. */
	if (ioctl(d->link_fd, SIOCGIFMTU, &ifr) == 0)
		*mtu = (uint32_t)ifr.ifr_mtu;
	return 0;
}
