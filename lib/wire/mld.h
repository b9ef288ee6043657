/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * mld.h - multicast listener discovery, versions 1 and 2 (RFC 2710, RFC 3810)
 */
#ifndef WIRE_MLD_H
#define WIRE_MLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/addr.h"
#include "wire/icmp6.h"

#define MLD_HDR_LEN        24
#define MLD_QUERY2_LEN     28
#define MLD_REPORT2_LEN    8
#define MLD_RECORD_HDR_LEN 20

enum mld_msg {
	MLD_TYPE_QUERY = 130,
	MLD_TYPE_REPORT1 = 131,
	MLD_TYPE_DONE = 132,
	MLD_TYPE_REPORT2 = 143,
};

/* Largest times a version 2 query can say (RFC 3810, 5.1.3 and 5.1.9). */
#define MLD_MAX_RESP_MS_MAX 8387584
#define MLD_INTERVAL_S_MAX  31744

/**
 * struct mld_repr - A message up to its sources or records
 * @type:		Which
 * @version:		Of a query: 1 or 2; 0 otherwise
 * @group:		Multicast; in a query the unspecified address asks for all groups; so it
 *			stands in a version 2 report
 * @max_resp_ms:	Query: answer within
 * @suppress:		Version 2 query: routers do not restart timers
 * @robustness:		Version 2 query: of the querier, 0 to 7
 * @interval_s:		Version 2 query: of the querier
 * @n_sources:		Version 2 query: addresses that follow, none when @group is unspecified
 * @n_records:		Version 2 report: records that follow
 */
struct mld_repr {
	struct ip6_addr group;
	enum mld_msg type;
	uint32_t max_resp_ms;
	uint16_t interval_s;
	uint16_t n_sources;
	uint16_t n_records;
	uint8_t version;
	uint8_t robustness;
	bool suppress;
};

/**
 * mld_parse() - Read a message
 * @buf:	The ICMPv6 message, its checksum verified
 * @len:	All of it: it tells the versions of a query apart (RFC 3810, 8.1)
 * @ip:		The packet it came in: from a link-local address, hop limit 1, with a router
 *		alert, or it is -EBADMSG (RFC 3810, 5.1.14, 6.2, 7.4).  So are reports
 *		from the unspecified address, which are for snooping bridges alone (RFC 3590)
 *
 * All sources and records are there; read them at what is returned.
 *
 * Return: MLD_HDR_LEN, MLD_QUERY2_LEN or MLD_REPORT2_LEN, or an error
 */
int mld_parse(const uint8_t *buf, size_t len, const struct icmp6_ip *ip, struct mld_repr *ret);

/* Times that a version 2 query cannot say are rounded down to one it can. */
int mld_emit(uint8_t *buf, size_t len, const struct mld_repr *r);

/* RFC 3810, 5.2.12 */
enum mld_record_type {
	MLD_RECORD_IS_INCLUDE = 1,
	MLD_RECORD_IS_EXCLUDE = 2,
	MLD_RECORD_TO_INCLUDE = 3,
	MLD_RECORD_TO_EXCLUDE = 4,
	MLD_RECORD_ALLOW = 5,
	MLD_RECORD_BLOCK = 6,
};

/**
 * struct mld_record - Record of a version 2 report
 * @group:	Multicast
 * @type:	enum mld_record_type, or another that is to be ignored (RFC 3810, 5.2.12)
 * @n_sources:	Addresses, from MLD_RECORD_HDR_LEN on
 */
struct mld_record {
	struct ip6_addr group;
	uint8_t type;
	uint16_t n_sources;
};

/* Return: bytes of the record with its sources and auxiliary data. */
int mld_record_parse(const uint8_t *buf, size_t len, struct mld_record *ret);

/* Writes the first MLD_RECORD_HDR_LEN bytes; the caller puts the sources behind them.
 * Return: bytes of the record with its sources, which are within @len.
 */
int mld_record_emit(uint8_t *buf, size_t len, const struct mld_record *r);

#endif /* WIRE_MLD_H */
