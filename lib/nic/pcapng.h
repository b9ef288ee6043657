/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pcapng.h - write packets of one interface in the format of Wireshark and tcpdump
 *
 * draft-ietf-opsawg-pcapng.  A file is
 *
 *	Section Header		byte order: that of this machine
 *	Interface Description	name, MAC address, nanoseconds
 *	Enhanced Packet		each packet: time, length, bytes, direction
 *	Interface Statistics	at the end: packets seen, and those that are missing
 *
 * Packets are put into a buffer, and written from there without waiting for anybody: who reads a
 * FIFO too slowly loses packets, which are counted, and never half of one.
 */
#ifndef NIC_PCAPNG_H
#define NIC_PCAPNG_H

#include <stdint.h>

#include "wire/addr.h"

struct nerr;
struct pcapng;

/* Bytes that wait to be written: the longest burst there is. */
#define PCAPNG_BUF_LEN (UINT32_C(8) << 20)

/* LINKTYPE_ of tcpdump.org. */
enum pcapng_link {
	PCAPNG_ETHERNET = 1,
	PCAPNG_RAW = 101, /* IPv4 or IPv6 */
};

/* epb_flags: where a packet went, and to whom it was addressed. */
enum pcapng_flags {
	PCAPNG_IN = 1,
	PCAPNG_OUT = 2,
	PCAPNG_UNICAST = 1 << 2,
	PCAPNG_MULTICAST = 2 << 2,
	PCAPNG_BROADCAST = 3 << 2,
	PCAPNG_PROMISCUOUS = 4 << 2,
};

/**
 * struct pcapng_conf - A file
 * @path:	Made or replaced, for its owner alone; a FIFO has to have a reader.  "-" is standard
 *		output, which must not be a terminal.  NULL: @fd
 * @fd:		With @path NULL: descriptor that is open for writing and non-blocking, closed with
 *		the file, also when opening fails
 * @ifname:	Of the interface
 * @mac:	Of it, all zeros for none
 * @link:	What packets begin with
 * @snaplen:	Bytes kept of a packet, 0 for all
 */
struct pcapng_conf {
	const char *path;
	int fd;
	const char *ifname;
	struct eth_addr mac;
	enum pcapng_link link;
	uint32_t snaplen;
};

/**
 * struct pcapng_stats - What became of the packets
 * @packets, @bytes: Put, and not cut off again
 * @dropped:	No place in the buffer, or after the end
 * @error:	Negative errno why nothing is written any more, 0 as long as it is
 */
struct pcapng_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t dropped;
	int error;
};

/* -ENXIO for a FIFO without a reader, -ENOTTY for a terminal, errors of open(2) and write(2). */
int pcapng_open(struct pcapng **ret, const struct pcapng_conf *conf, struct nerr *err);

/* Statistics: nothing may be put from now on.  They wait to be written as packets do. */
void pcapng_finish(struct pcapng *p);

/**
 * pcapng_close() - Statistics, when there were none, and the end
 * @timeout_ms:	A reader that takes nothing is waited for so long
 *
 * NULL is fine.
 */
void pcapng_close(struct pcapng *p, unsigned int timeout_ms);

/**
 * pcapng_put() - A packet
 * @time_ns:	Since 1970
 * @len:	Of the packet
 * @flags:	PCAPNG_IN or _OUT, and one of the others or none
 * @ret_len:	Bytes to be kept
 *
 * Return: where the caller puts its first @ret_len bytes before the next call; NULL: dropped
 */
uint8_t *pcapng_put(struct pcapng *p, uint64_t time_ns, uint32_t len, uint32_t flags,
		    uint32_t *ret_len);

/* A place in the file, and what was counted up to it. */
struct pcapng_mark {
	uint64_t at;
	struct pcapng_stats stats;
};

/* What is put behind a mark can be cut off until the next pcapng_flush(). */
void pcapng_mark(const struct pcapng *p, struct pcapng_mark *ret);
void pcapng_cut(struct pcapng *p, const struct pcapng_mark *mark);

/**
 * pcapng_flush() - Write what waits
 *
 * Return: 0; -EAGAIN: not all of it, again when pcapng_fd() is writable; the error that ended it
 */
int pcapng_flush(struct pcapng *p);

uint32_t pcapng_waiting(const struct pcapng *p); /* bytes */
int pcapng_fd(const struct pcapng *p);
void pcapng_stats(const struct pcapng *p, struct pcapng_stats *ret);

#endif /* NIC_PCAPNG_H */
