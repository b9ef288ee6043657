/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A tap: the kernel has the interface, we are what is at the other end of its wire.
 */
#include <net/if.h>

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/siphash.h"
#include "nic/drivers.h"
#include "nic/tap_priv.h"

/* Misc device 200 (Documentation/networking/tuntap.rst). */
#define TUN_PATH "/dev/net/tun"
#define TUN_RDEV makedev(10, 200)

struct opening {
	struct tap_dev *d;
	const struct nic_tap_conf *conf;
	const struct nic_env *env;
};

/* --- the kernel's end --- */

static bool exists(const struct tap_dev *d)
{
	struct ifreq ifr = { .ifr_flags = 0 };

	memcpy(ifr.ifr_name, d->info.name, sizeof(d->info.name));
	return ioctl(d->link_fd, SIOCGIFINDEX, &ifr) == 0;
}

static int set_mac(struct tap_dev *d, struct eth_addr mac, struct nerr *err)
{
	struct ifreq ifr = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };

	memcpy(ifr.ifr_name, d->info.name, sizeof(d->info.name));
	eth_addr_put((uint8_t *)ifr.ifr_hwaddr.sa_data, mac);
	if (ioctl(d->link_fd, SIOCSIFHWADDR, &ifr) < 0)
		return nerr_set(err, -errno, "cannot set the address of '%s': %m", d->info.name);
	return 0;
}

static int set_mtu(struct tap_dev *d, uint32_t mtu, struct nerr *err)
{
	struct ifreq ifr = { .ifr_mtu = (int)mtu };

	memcpy(ifr.ifr_name, d->info.name, sizeof(d->info.name));
	if (ioctl(d->link_fd, SIOCSIFMTU, &ifr) < 0)
		return nerr_set(err, -errno, "cannot set the MTU of '%s' to %u: %m", d->info.name,
				mtu);
	d->info.mtu = mtu;
	return 0;
}

/* The kernel's answer to a filter that takes nothing is not to queue it (tun_net_xmit()). */
static int be_mute(const struct tap_dev *d, struct nerr *err)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog prog = { .len = 1, .filter = &none };

	if (ioctl(d->fd, TUNATTACHFILTER, &prog) < 0)
		return nerr_set(err, -errno, "cannot set a filter on '%s': %m", d->info.name);
	return 0;
}

static int set_end(const struct opening *o, bool is_new, struct nerr *err)
{
	int r = 0;

	if (o->conf->is_mute)
		r = be_mute(o->d, err);
	if (r == 0 && !eth_addr_is_zero(o->conf->kernel_mac))
		r = set_mac(o->d, o->conf->kernel_mac, err);
	if (r == 0 && o->conf->kernel_mtu && is_new)
		r = set_mtu(o->d, o->conf->kernel_mtu, err);
	return r;
}

/* --- opening --- */

static int open_inside(void *arg, struct nerr *err)
{
	const struct opening *o = arg;
	int r = tap_dev_open_link(o->d, err);
	bool is_new;

	if (r == 0)
		r = tap_dev_open_node(TUN_PATH, TUN_RDEV, &o->d->fd, err);
	if (r < 0)
		return r;
	is_new = !exists(o->d);
	r = tap_dev_attach(o->d, o->env, err);
	return r < 0 ? r : set_end(o, is_new, err);
}

/* The same for one name in one namespace, and locally administered. */
static struct eth_addr make_mac(const struct tap_dev *d)
{
	static const struct siphash_key key = { { 0x666169726c656164, 0x7461702d6d616321 } };
	struct stat st = { .st_ino = 0 };
	uint8_t text[sizeof(d->info.name) + 8] = { 0 };
	struct eth_addr mac;
	uint64_t hash;

	(void)fstat(d->info.netns, &st); /* of a descriptor that is open */
	put_be64(text, st.st_ino);
	memcpy(text + 8, d->info.name, strlen(d->info.name));
	hash = siphash24(&key, text, sizeof(text));
	put_be64(text, hash);
	mac = eth_addr_get(text);
	mac.b[0] = (uint8_t)((mac.b[0] & ~3U) | 2);
	return mac;
}

int nic_tap_open(struct nic **ret, const struct nic_tap_conf *conf, const struct nic_env *env,
		 struct nerr *err)
{
	CLEANUP(tap_dev_close) struct tap_dev d = TAP_DEV_INIT;
	int r = tap_dev_name(&d, conf->name, err);

	if (r < 0)
		return r;
	d.no_offload = conf->no_offload;
	r = tap_dev_in_netns(&d, env, open_inside, &(struct opening){ &d, conf, env }, err);
	if (r < 0)
		return r;
	d.info.mac = eth_addr_is_zero(conf->mac) ? make_mac(&d) : conf->mac;
	return tap_queue_new(ret, TAP_OF_TUN, &d, env, err);
}
