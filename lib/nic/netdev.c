/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/netdev.h"

#include <net/if.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "sandbox/netns.h"

_Static_assert(NIC_NAME_LEN == IFNAMSIZ, "names of the kernel fit");

/* --- requests --- */

static int open_socket(void *arg, struct nerr *err)
{
	const struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int *ret = arg;
	cleanup_close int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return nerr_set(err, -errno, "cannot open a netlink socket: %m");
	if (bind(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return nerr_set(err, -errno, "cannot hear of changes of interfaces: %m");
	*ret = TAKE_FD(fd);
	return 0;
}

void netdev_hear_only(int fd, uint32_t ifindex)
{
	/* Loads are big-endian, netlink is the machine's own. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
			 NLMSG_HDRLEN + offsetof(struct ifinfomsg, ifi_family)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNSPEC, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 NLMSG_HDRLEN + offsetof(struct ifinfomsg, ifi_index)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(ifindex), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog prog = { .len = ARRAY_SIZE(code), .filter = code };

	/* Without it, it hears of all. */
	(void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

static int request(const struct netdev *nd, unsigned long what, struct ifreq *ifr)
{
	memcpy(ifr->ifr_name, nd->name, sizeof(ifr->ifr_name));
	return ioctl(nd->fd, what, ifr) < 0 ? -errno : 0;
}

static int ethtool(const struct netdev *nd, void *cmd)
{
	struct ifreq ifr = { .ifr_data = cmd };

	return request(nd, SIOCETHTOOL, &ifr);
}

/* It may have been renamed since the last look, and between two of these. */
static int look(struct netdev *nd)
{
	struct netdev now = *nd;
	struct ifreq ifr = { .ifr_ifindex = (int)nd->ifindex };
	int r;

	if (ioctl(nd->fd, SIOCGIFNAME, &ifr) < 0)
		return -errno;
	memcpy(now.name, ifr.ifr_name, sizeof(now.name));

	r = request(&now, SIOCGIFHWADDR, &ifr);
	if (r < 0)
		return r;
	now.hw_type = ifr.ifr_hwaddr.sa_family;
	memcpy(now.mac.b, ifr.ifr_hwaddr.sa_data, sizeof(now.mac.b));
	r = request(&now, SIOCGIFMTU, &ifr);
	if (r < 0)
		return r;
	now.mtu = (uint32_t)ifr.ifr_mtu;
	r = request(&now, SIOCGIFFLAGS, &ifr);
	if (r < 0)
		return r;
	now.is_up = ifr.ifr_flags & IFF_UP;
	*nd = now;
	return 0;
}

/* A device on a bus has an address there; one that does not even say which driver it has is
 * software.  virtio is a bus, and the other end may be this machine's all the same.
 */
static bool looks_virtual(const struct netdev *nd)
{
	struct ethtool_drvinfo drv = { .cmd = ETHTOOL_GDRVINFO };

	if (ethtool(nd, &drv) < 0)
		return true;
	return !drv.bus_info[0] || strcmp(drv.driver, "virtio_net") == 0 ||
	       strcmp(drv.driver, "tun") == 0;
}

unsigned int netdev_rx_queues(const struct netdev *nd)
{
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };

	if (ethtool(nd, &ch) < 0 || ch.rx_count + ch.combined_count == 0)
		return 1;
	return ch.rx_count + ch.combined_count;
}

/* --- life --- */

/* A descriptor of our own for the namespace, and the socket in it. */
static int enter(struct netdev *nd, int netns, struct nerr *err)
{
	int r;

	if (netns < 0) {
		r = netns_open_self(&nd->netns, err);
		return r < 0 ? r : open_socket(&nd->fd, err);
	}
	nd->netns = fcntl(netns, F_DUPFD_CLOEXEC, 0);
	if (nd->netns < 0)
		return nerr_set(err, -errno, "cannot keep the namespace: %m");
	return netns_run_in(nd->netns, open_socket, &nd->fd, err);
}

int netdev_run_in(const struct netdev *nd, const struct nic_env *env,
		  int (*fn)(void *arg, struct nerr *err), void *arg, struct nerr *err)
{
	return env->netns < 0 ? fn(arg, err) : netns_run_in(nd->netns, fn, arg, err);
}

static int find(struct netdev *nd, const char *name, struct nerr *err)
{
	struct ifreq ifr;
	int r;

	(void)snprintf(nd->name, sizeof(nd->name), "%s", name); /* checked: it fits */
	r = request(nd, SIOCGIFINDEX, &ifr);
	if (r == 0) {
		nd->ifindex = (uint32_t)ifr.ifr_ifindex;
		netdev_hear_only(nd->fd, nd->ifindex);
		r = look(nd);
	}
	if (r == -ENODEV)
		return nerr_set(err, r, "there is no interface '%s'", name);
	if (r < 0)
		return nerr_set(err, r, "cannot look at interface '%s': %m", name);
	if (nd->hw_type != ARPHRD_ETHER)
		return nerr_set(err, -ENOTSUP,
				"interface '%s' is not Ethernet: its hardware type is %u", name,
				nd->hw_type);
	nd->is_virtual = looks_virtual(nd);
	return 0;
}

int netdev_open(struct netdev *nd, const char *name, const struct nic_env *env, struct nerr *err)
{
	struct netdev new = NETDEV_INIT;
	int r;

	if (!name[0] || strlen(name) >= sizeof(new.name))
		return nerr_set(err, -EINVAL, "'%s' cannot be the name of an interface", name);
	if (env->queue >= env->n_queues)
		return nerr_set(err, -EINVAL, "interface '%s': queue %u of %u cannot be", name,
				env->queue, env->n_queues);
	r = enter(&new, env->netns, err);
	if (r == 0)
		r = find(&new, name, err);
	if (r < 0) {
		netdev_close(&new);
		return r;
	}
	*nd = new;
	return 0;
}

bool netdev_refresh(struct netdev *nd)
{
	int r = look(nd);

	/* Renamed while we looked: the change that follows brings us here again. */
	if (r == -ENODEV) {
		struct ifreq ifr = { .ifr_ifindex = (int)nd->ifindex };

		if (ioctl(nd->fd, SIOCGIFNAME, &ifr) == 0)
			return true;
		nd->is_up = false;
		return false;
	}
	return true;
}

/* What was said does not matter, and messages that were lost for want of room neither: that
 * something was is enough to look.
 */
static void heard(struct loop_watch *w, uint32_t events)
{
	struct netdev *nd = w->arg;
	char byte;

	(void)events;
	while (recv(nd->fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
		continue;
	nd->changed(nd);
}

int netdev_watch(struct netdev *nd, struct loop *loop, void (*changed)(struct netdev *nd),
		 void *arg, struct nerr *err)
{
	int r;

	nd->changed = changed;
	nd->arg = arg;
	nd->watch = (struct loop_watch){
		.fd = nd->fd,
		.events = POLLIN,
		.ready = heard,
		.arg = nd,
	};
	r = loop_watch_add(loop, &nd->watch);
	if (r < 0)
		return nerr_set(err, r, "interface '%s': cannot wait for changes: %m", nd->name);
	nd->loop = loop;
	return 0;
}

void netdev_fill_info(struct netdev *nd, const struct nic_env *env, struct nic_info *ret)
{
	*ret = (struct nic_info){
		.kind = NIC_ETHERNET,
		.mac = nd->mac,
		.mtu = nd->mtu,
		.ifindex = nd->ifindex,
		.netns = nd->netns,
		.queue = env->queue,
		.n_queues = env->n_queues,
	};
	memcpy(ret->name, nd->name, sizeof(ret->name));
}

void netdev_close(struct netdev *nd)
{
	if (nd->loop)
		loop_watch_del(nd->loop, &nd->watch);
	cleanup_closep(&nd->fd);
	cleanup_closep(&nd->netns);
	*nd = (struct netdev)NETDEV_INIT;
}
