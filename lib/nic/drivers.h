/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * drivers.h - the drivers, and how a person names one
 *
 *	tap:NAME[,OPTION...]		attach to a tap (made when it is not there)
 *	macvtap:NAME[,OPTION...]	a macvtap that is there
 *	af_packet:NAME[,OPTION...]	raw access to any interface
 *	af_xdp:NAME[,OPTION...]		the same by an XDP socket
 *
 * Options of all: netns=PATH (where the interface is), no-offload (plain frames: no checksum and
 * segmentation offload), capture=FILE (nic_capture_new() in wrappers.h; each queue of several
 * writes FILE.QUEUE), fault=SPEC (nic_fault_parse(), with '+' for the commas).  af_xdp: copy or
 * zerocopy to insist on one.
 *
 * The stack stands before the capture, that before the faults, those before the device: what is
 * captured is what the stack sees.
 */
#ifndef NIC_DRIVERS_H
#define NIC_DRIVERS_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/nic.h"

/**
 * struct nic_tap_conf - A tap
 * @name:	Of the interface; made, and gone when it is closed, when it is not there
 * @mac:	For us: the other end than the kernel's, which has its own.  Zero: one is made
 *		from the name and the namespace, the same one each time
 * @kernel_mac:	For the kernel's end; zero: as it is
 * @kernel_mtu:	For an interface that is made; 0: as it is
 * @no_offload:	Plain frames
 * @is_mute:	What the kernel sends is thrown away before we hear of it
 */
struct nic_tap_conf {
	const char *name;
	struct eth_addr mac;
	struct eth_addr kernel_mac;
	uint32_t kernel_mtu;
	bool no_offload;
	bool is_mute;
};

/* All opens: 0; -ENODEV (no such interface), -EBUSY (somebody else has it), -EPERM, -ENOTSUP with
 * what the kernel lacks, -EINVAL; @err names the interface and the reason.  Nothing is left
 * behind by a failure.
 */
int nic_tap_open(struct nic **ret, const struct nic_tap_conf *conf, const struct nic_env *env,
		 struct nerr *err);

/* The interface's own MAC address is ours.  Its character device is found through the
 * namespace's sysfs, and its node made where there is none, for as long as it takes to open.
 */
struct nic_macvtap_conf {
	const char *name;
	bool no_offload;
};

int nic_macvtap_open(struct nic **ret, const struct nic_macvtap_conf *conf,
		     const struct nic_env *env, struct nerr *err);

/* PACKET_VNET_HDR; several queues are a PACKET_FANOUT group, by the hash of the flow.  The
 * interface's MAC address is ours, and the kernel's own stack sees the same frames: it must have no
 * address on it (ip addr flush, ip link set addrgenmode none), or it answers what is meant for
 * us, with resets above all.  Other processes that open the same interface see the same frames,
 * too; only one of this process can (-EBUSY).
 *
 * What the kernel sends through the interface itself is not seen.  Super-segments of its
 * senders are received whole whatever @no_offload says, which is about sending.  An interface that
 * is down is waited for; one that is deleted or moved to another namespace is gone (nic.error).
 */
struct nic_packet_conf {
	const char *name;
	bool no_offload;
};

int nic_packet_open(struct nic **ret, const struct nic_packet_conf *conf, const struct nic_env *env,
		    struct nerr *err);

enum nic_xdp_mode {
	NIC_XDP_AUTO, /* without copies where the device can */
	NIC_XDP_COPY,
	NIC_XDP_ZEROCOPY,
};

/* Our program is attached to the interface and hands queue env->queue to us; the kernel's
 * stack does not see those frames.  It goes with the last queue that is closed, also when
 * the process is killed.  A driver without XDP is stood in for by the kernel (generic mode).
 *
 * What to know:
 *
 *	queues		all that the interface has in use must be served, or frames would be lost
 *			without a word: -EINVAL says how many there are (ethtool -L)
 *	MTU		up to 3818 (a frame is in one piece), on a veth 3506 at both ends; -EINVAL
 *	checksums	a kernel that sends through a veth, or another device that is software,
 *			leaves them undone, and XDP does not see that: on such a device a TCP or
 *			UDP checksum that is just the pseudo header's sum is taken for that
 *			(PBUF_CSUM_PARTIAL).  Nobody needs to turn anything off
 *	segments	a veth's peer cuts its super-segments while we are attached.  In generic
 *			mode nobody does, and frames that are too long are lost (rx_missed):
 *			ethtool -K PEER tso off gso off
 *	VLAN		tags that a device takes off are lost: ethtool -K IF rxvlan off, and for
 *			a veth -K PEER txvlan off
 *	rights		CAP_NET_ADMIN and CAP_BPF of the first user namespace, and CAP_NET_RAW
 *
 * A queue that was closed is free again a little later; opening waits for it, two seconds at most.
 */
struct nic_xdp_conf {
	const char *name;
	enum nic_xdp_mode mode;
};

int nic_xdp_open(struct nic **ret, const struct nic_xdp_conf *conf, const struct nic_env *env,
		 struct nerr *err);

/**
 * nic_open() - Open what a person named
 * @spec:	As above
 *
 * netns=PATH in @spec goes before @env->netns.  -EINVAL for what cannot be read: @err names the
 * option and its value; else what the driver or a wrapper says
 */
int nic_open(struct nic **ret, const char *spec, const struct nic_env *env, struct nerr *err);

#endif /* NIC_DRIVERS_H */
