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
 * segmentation offload), capture=FILE (pcapng), fault=SPEC (nic_fault.h).  af_xdp: copy or
 * zerocopy to insist on one.
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
 * @no_offload:	Plain frames
 */
struct nic_tap_conf {
	const char *name;
	struct eth_addr mac;
	bool no_offload;
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

/* PACKET_VNET_HDR; several queues are a PACKET_FANOUT group.  The interface's MAC address is
 * ours, and the kernel's own stack sees the same frames: it must have no address on it.
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
 * the process is killed.
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
 * netns=PATH in @spec goes before @env->netns.  -EINVAL for what cannot be read
 */
int nic_open(struct nic **ret, const char *spec, const struct nic_env *env, struct nerr *err);

#endif /* NIC_DRIVERS_H */
