/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A tap: the kernel has the interface, we are what is at the other end of its wire.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

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
	const struct nic_env *env;
};

static int open_inside(void *arg, struct nerr *err)
{
	const struct opening *o = arg;
	int r = tap_dev_open_link(o->d, err);

	if (r == 0)
		r = tap_dev_open_node(TUN_PATH, TUN_RDEV, &o->d->fd, err);
	return r < 0 ? r : tap_dev_attach(o->d, o->env, err);
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
	r = tap_dev_in_netns(&d, env, open_inside, &(struct opening){ &d, env }, err);
	if (r < 0)
		return r;
	d.info.mac = eth_addr_is_zero(conf->mac) ? make_mac(&d) : conf->mac;
	return tap_queue_new(ret, TAP_OF_TUN, &d, env, err);
}
