/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * iface.h - interfaces: what the stack knows of a link
 */
#ifndef NETSTACK_LINK_IFACE_H
#define NETSTACK_LINK_IFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "netstack/core/timer.h"
#include "nic/pbuf.h"
#include "wire/addr.h"

struct core;

#define IFACE_NAME_LEN  16
#define IFACE_LO        1  /* index of lo */
#define IFACE_MAX       64 /* interfaces of an instance */
#define IFACE_GSO_MAX   65535
#define IFACE_MTU_MIN   68 /* RFC 791, 3.2 */
#define IFACE_MTU_MAX   65535
#define IFACE_QUEUE_MAX 8192 /* packets that wait for the next burst; others are dropped */
#define IFACE_BURST     64   /* packets that a device gets at once */

enum iface_kind {
	IFACE_ETHERNET,
	IFACE_IP, /* packets without a link header, as a tun device has them; one peer */
	IFACE_LOOPBACK,
};

/* What a device does for us (feature bits). */
enum iface_feature {
	IFACE_TX_CSUM = 1 << 0, /* finishes PBUF_CSUM_PARTIAL */
	IFACE_TSO4 = 1 << 1,    /* cuts PBUF_GSO_TCP4 */
	IFACE_TSO6 = 1 << 2,
	IFACE_USO = 1 << 3,
};

/**
 * struct iface_conf - A link to be added
 * @name:	Unique
 * @kind:	enum iface_kind
 * @mac:	Of Ethernet: a station's
 * @mtu:	Of IP, 68 to IFACE_MTU_MAX
 * @features:	enum iface_feature.  What the device does not do, the stack does before @tx
 * @gso_max:	Longest packet to be cut that the device takes, 0 for IFACE_GSO_MAX
 * @tx:		Send a burst.  Those it took, the first ones, become the device's; the stack
 *		drops the others.  Return: how many
 * @arg:	Of @tx
 * @is_shared:	Somebody else has the same addresses on this link, a kernel, and answers for them:
 *		there is no DAD, no announcement, no answer to who asks for them, to echo
 *		requests or to what nobody here owns, no ICMP error, no report of groups, and
 *		routers are neither asked nor believed.  Neighbours are resolved, and learned
 */
struct iface_conf {
	const char *name;
	enum iface_kind kind;
	struct eth_addr mac;
	uint32_t mtu;
	uint32_t features;
	uint32_t gso_max;
	unsigned int (*tx)(void *arg, struct pbuf *const *burst, unsigned int n);
	void *arg;
	bool is_shared;
};

struct iface_stats {
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t rx_dropped;
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t tx_dropped;
};

/**
 * struct iface - An interface
 * @core:	Of its instance
 * @index:	From 1, as in Linux
 * @name:	Unique
 * @kind:	enum iface_kind
 * @up:		Administratively; nothing goes in or out of one that is not
 * @is_shared:	As in struct iface_conf
 * @mac:	Own address
 * @mtu:	Of IP
 * @features:	enum iface_feature
 * @gso_max:	Longest packet to be cut
 * @tx:		Device
 * @tx_arg:	Of @tx
 * @reachable_ms, @retrans_ms: Of neighbours (RFC 4861, 6.3.4), 0 for the defaults
 * @queue:	Packets for the next burst
 * @pending:	Next interface whose queue has packets
 * @stats:	Counters
 */
struct iface {
	struct core *core;
	uint32_t index;
	char name[IFACE_NAME_LEN];
	enum iface_kind kind;
	bool up;
	bool is_shared;
	struct eth_addr mac;
	uint32_t mtu;
	uint32_t features;
	uint32_t gso_max;
	unsigned int (*tx)(void *arg, struct pbuf *const *burst, unsigned int n);
	void *tx_arg;
	uint32_t reachable_ms;
	uint32_t retrans_ms;
	struct pbuf_queue queue;
	struct iface *pending;
	struct iface_stats stats;
};

/**
 * struct iface_table - The interfaces of an instance
 * @iface:	By index; slot 0 is not used, those that are not there are NULL
 * @n:		How many
 * @last:	Index that was given out last
 * @pending:	Interfaces whose queues have packets, in the order in which they got the first
 * @pending_last: Where the next one goes
 */
struct iface_table {
	struct core *core;
	struct iface *iface[IFACE_MAX + 1];
	uint32_t n;
	uint32_t last;
	struct iface *pending;
	struct iface **pending_last;
};

void iface_table_init(struct iface_table *t, struct core *core);
void iface_table_done(struct iface_table *t);

/* It is down.  Return: the index, or -EEXIST, -ENOMEM, -ENOSPC, -EINVAL */
int iface_table_add(struct iface_table *t, const struct iface_conf *conf);

/* What is queued is dropped. */
void iface_table_del(struct iface_table *t, struct iface *ifc);
void iface_set_up(struct iface_table *t, struct iface *ifc, bool up);

/* NULL for an index that nothing has. */
static inline struct iface *iface_get(const struct iface_table *t, uint32_t index)
{
	return index <= IFACE_MAX ? t->iface[index] : NULL;
}

/* Queue a packet with its link header for the next burst; drops it when the interface is down.
 * Its l3 mark is set.  What the device cannot do (checksum, GSO) is done at iface_flush().
 */
void iface_out(struct iface_table *t, struct iface *ifc, struct pbuf *pb);

/* Give what is queued to the devices. */
void iface_flush(struct iface_table *t);

#endif /* NETSTACK_LINK_IFACE_H */
