/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * link.h - network interfaces over rtnetlink
 *
 * link_get*() ask now.  link_put_*() queue a change on the socket; it happens at
 * nlsock_commit().  @name arguments are for messages only where an ifindex is given.
 */
#ifndef NETLINK_LINK_H
#define NETLINK_LINK_H

#include <net/if.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/ipaddr.h"

struct nerr;
struct nlsock;

#define LINK_KIND_LEN 16

/**
 * struct link_info - An interface as the kernel describes it
 * @master:	ifindex of the bridge, VRF or bond it is a port of, 0 for none
 * @peer:	IFLA_LINK: ifindex of a veth's other end, in that end's namespace
 * @operstate:	IF_OPER_* of linux/if.h
 * @promiscuity: Number of users that want it promiscuous
 * @hairpin, @isolated: Of a bridge port
 * @vlan_filtering: Of a bridge
 */
struct link_info {
	int ifindex;
	char name[IFNAMSIZ];
	char kind[LINK_KIND_LEN];
	struct macaddr mac;
	unsigned flags;
	uint32_t mtu;
	uint32_t txqlen;
	uint32_t promiscuity;
	int master;
	int peer;
	uint8_t operstate;
	bool hairpin;
	bool isolated;
	bool vlan_filtering;
	char alias[256];
};

/* -ENODEV, with the message "Link not found", when it does not exist. */
int link_get(struct nlsock *nl, const char *name, struct link_info *ret, struct nerr *err);
int link_get_index(struct nlsock *nl, int ifindex, struct link_info *ret, struct nerr *err);
/* All links; a negative return of @cb stops and is the result.  Links that come or go while
 * the kernel lists them may be missing when it was interrupted again and again.
 */
int link_dump(struct nlsock *nl, int (*cb)(const struct link_info *li, void *arg), void *arg,
	      struct nerr *err);
/* "up", "down", "lowerlayerdown" ... */
const char *link_operstate_str(uint8_t operstate);

/**
 * struct link_veth - A veth pair to be made in one message
 * @name:	This end, made in the socket's namespace
 * @master:	ifindex @name becomes a port of, 0 for none
 * @up:		Set @name up
 * @peer_name:	Other end
 * @peer_ns:	Descriptor of the namespace the other end is born in, -1 for the same
 * @peer_mac:	MAC of the other end, len 0 for a random one
 * @mtu:	Both ends, 0 for the kernel's default
 */
struct link_veth {
	const char *name;
	int master;
	bool up;
	const char *peer_name;
	int peer_ns;
	struct macaddr peer_mac;
	uint32_t mtu;
};

void link_put_veth(struct nlsock *nl, const struct link_veth *v);

/**
 * struct link_bridge - A bridge to be made
 * @vlan_filtering: Switch it on
 * @mtu:	0 for the kernel's default
 *
 * An interface of that name that exists is no error (and not changed).
 */
struct link_bridge {
	const char *name;
	uint32_t mtu;
	bool vlan_filtering;
};

void link_put_bridge(struct nlsock *nl, const struct link_bridge *b);

/**
 * struct link_macvtap - A macvtap in mode "bridge" to be made
 * @lower:	ifindex of the device it is on
 * @mac:	len 0 for a random one
 * @mtu:	0 for that of the device
 */
struct link_macvtap {
	const char *name;
	int lower;
	struct macaddr mac;
	uint32_t mtu;
};

void link_put_macvtap(struct nlsock *nl, const struct link_macvtap *m);

void link_put_up(struct nlsock *nl, int ifindex, const char *name);
void link_put_down(struct nlsock *nl, int ifindex, const char *name);
void link_put_master(struct nlsock *nl, int ifindex, const char *name, int master);
void link_put_mac(struct nlsock *nl, int ifindex, const char *name, const struct macaddr *mac);
void link_put_mtu(struct nlsock *nl, int ifindex, const char *name, uint32_t mtu);
void link_put_txqlen(struct nlsock *nl, int ifindex, const char *name, uint32_t txqlen);
/* What a link is for, in words; for who looks for it. */
void link_put_alias(struct nlsock *nl, int ifindex, const char *name, const char *alias);
void link_put_promisc(struct nlsock *nl, int ifindex, const char *name, bool on);
void link_put_allmulti(struct nlsock *nl, int ifindex, const char *name, bool on);
/* Rename; the link must be down on old kernels. */
void link_put_name(struct nlsock *nl, int ifindex, const char *name, const char *new_name);
/* Hairpin and isolated flags of a bridge port, both always written. */
void link_put_bridge_port(struct nlsock *nl, int ifindex, const char *name, bool hairpin,
			  bool isolated);
/* Missing (-ENODEV) counts as success. */
void link_put_del(struct nlsock *nl, int ifindex, const char *name);

/* "veth" and eight random hex digits. 0 or negative errno. */
int link_random_name(char ret[static IFNAMSIZ], struct nerr *err);

/**
 * link_wait_operstate() - Wait until a link's operstate is @want
 * @timeout_ms:	Most milliseconds to wait
 * @ret:	Last state seen
 *
 * Waits on rtnetlink notifications of its own socket, opened in the calling
 * thread's namespace.  Return: 0, -ETIMEDOUT, -ENODEV, or another errno
 */
int link_wait_operstate(int ifindex, uint8_t want, int timeout_ms, uint8_t *ret, struct nerr *err);

/* Wait until there is no link with this index in the calling thread's namespace.  Return: 0,
 * -ETIMEDOUT, or another errno
 */
int link_wait_gone(int ifindex, int timeout_ms, struct nerr *err);

/* --- VLANs of a bridge port (bridge with vlan_filtering) --- */

#define LINK_VID_MAX 4095

/* Set of VLAN ids: @vid is bit vid % 8 of bit[vid / 8]. */
struct link_vids {
	uint8_t bit[(LINK_VID_MAX + 1) / 8];
};

static inline bool link_vids_has(const struct link_vids *v, uint16_t vid)
{
	return vid <= LINK_VID_MAX && (v->bit[vid / 8] >> (vid % 8) & 1);
}

/* The VIDs of a port, or of a bridge itself.  An empty set for any other link. */
int link_get_vids(struct nlsock *nl, int ifindex, struct link_vids *ret, struct nerr *err);
void link_put_vid(struct nlsock *nl, int ifindex, const char *name, uint16_t vid, bool pvid,
		  bool untagged);
/* A VID the port does not have is no error. */
void link_put_vid_del(struct nlsock *nl, int ifindex, const char *name, uint16_t vid);

#endif /* NETLINK_LINK_H */
