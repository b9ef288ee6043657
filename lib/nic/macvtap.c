/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A macvtap: an address of its own on a device, whose frames come to us.
 *
 * Its character device has the number that /sys/class/net/NAME/tapINDEX/dev shows to a sysfs of its
 * namespace; we look into one that is mounted nowhere.
 */
#include <net/if.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include <linux/if_packet.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "nic/drivers.h"
#include "nic/tap_priv.h"

struct opening {
	struct tap_dev *d;
	const struct nic_env *env;
};

/* "MAJOR:MINOR". */
static bool read_number(const char *text, unsigned int *major, unsigned int *minor)
{
	char *colon, *end;
	const unsigned long a = strtoul(text, &colon, 10);
	unsigned long b;

	if (colon == text || *colon != ':')
		return false;
	b = strtoul(colon + 1, &end, 10);
	if (end == colon + 1 || *end || a > UINT_MAX || b > UINT_MAX)
		return false;
	*major = (unsigned int)a;
	*minor = (unsigned int)b;
	return true;
}

static int find_rdev(const char *name, int ifindex, dev_t *ret, struct nerr *err)
{
	cleanup_close int sysfs = tap_dev_mount("sysfs");
	unsigned int major, minor;
	char path[96], text[32];
	int r;

	if (sysfs < 0)
		return nerr_set(err, sysfs, "cannot get a sysfs of the namespace: %m");
	(void)snprintf(path, sizeof(path), "class/net/%s/tap%d/dev", name, ifindex);
	r = file_read(sysfs, path, text, sizeof(text));
	if (r == -ENOENT)
		return nerr_set(err, -EINVAL, "'%s' is no macvtap", name);
	if (r < 0)
		return nerr_set(err, r, "cannot read '/sys/%s': %m", path);
	if (!read_number(text, &major, &minor))
		return nerr_set(err, -EINVAL, "'/sys/%s' is '%s', not a device's number", path,
				text);
	*ret = makedev(major, minor);
	return 0;
}

/* A macvtap gets the groups that the kernel's own addresses on it need, and it may have none:
 * without this, nobody could ask for one of our IPv6 addresses.  Which groups count is the stack's
 * to say (MLD, IGMP).  The socket itself hears nothing, and it ends with us, however that is.
 */
static int open_groups(int ifindex)
{
	const struct packet_mreq all = { .mr_ifindex = ifindex, .mr_type = PACKET_MR_ALLMULTI };
	cleanup_close int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0)
		return -1;
	return TAKE_FD(fd);
}

static int open_inside(void *arg, struct nerr *err)
{
	const struct opening *o = arg;
	struct tap_dev *d = o->d;
	struct ifreq ifr = { .ifr_flags = 0 };
	char path[32];
	dev_t rdev = 0;
	int r = tap_dev_open_link(d, err);

	if (r < 0)
		return r;
	memcpy(ifr.ifr_name, d->info.name, sizeof(d->info.name));
	if (ioctl(d->link_fd, SIOCGIFINDEX, &ifr) < 0)
		return nerr_set(err, -errno, "there is no interface '%s'", d->info.name);
	r = find_rdev(d->info.name, ifr.ifr_ifindex, &rdev, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/dev/tap%d", ifr.ifr_ifindex);
	d->group_fd = open_groups(ifr.ifr_ifindex);
	r = tap_dev_open_node(path, rdev, &d->fd, err);
	return r < 0 ? r : tap_dev_attach(d, o->env, err);
}

int nic_macvtap_open(struct nic **ret, const struct nic_macvtap_conf *conf,
		     const struct nic_env *env, struct nerr *err)
{
	CLEANUP(tap_dev_close) struct tap_dev d = TAP_DEV_INIT;
	int r = tap_dev_name(&d, conf->name, err);

	if (r < 0)
		return r;
	d.no_offload = conf->no_offload;
	r = tap_dev_in_netns(&d, env, open_inside, &(struct opening){ &d, env }, err);
	return r < 0 ? r : tap_queue_new(ret, TAP_OF_MACVLAN, &d, env, err);
}
