/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * igmp.h - IGMP versions 1 to 3 (RFC 1112, RFC 2236, RFC 3376)
 *
 * What the IP header must be like (TTL 1, router alert) is for the caller.
 */
#ifndef WIRE_IGMP_H
#define WIRE_IGMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/addr.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

#define IGMP_HDR_LEN        8
#define IGMP_QUERY3_LEN     12
#define IGMP_RECORD_HDR_LEN 8

enum igmp_type {
	IGMP_TYPE_QUERY = 0x11,
	IGMP_TYPE_REPORT1 = 0x12,
	IGMP_TYPE_REPORT2 = 0x16,
	IGMP_TYPE_LEAVE = 0x17,
	IGMP_TYPE_REPORT3 = 0x22,
};

/* Largest times a version 3 query can say (RFC 3376, 4.1.1 and 4.1.7). */
#define IGMP_TIME_MAX 31744

/* Of a version 1 query, which does not say it (RFC 2236, 4). */
#define IGMP_MAX_RESP_V1 100

/**
 * struct igmp_repr - A message up to its sources or records
 * @type:		Which
 * @version:		Of a query: 1, 2 or 3; 0 otherwise
 * @group:		Multicast; in a query 0 asks for all groups; 0 in a version 3 report
 * @max_resp:		Query: answer within so many tenths of a second
 * @suppress:		Version 3 query: routers do not restart timers
 * @robustness:		Version 3 query: of the querier, 0 to 7
 * @interval_s:		Version 3 query: of the querier
 * @n_sources:		Version 3 query: addresses that follow, none when @group is 0
 * @n_records:		Version 3 report: records that follow
 */
struct igmp_repr {
	enum igmp_type type;
	uint32_t group;
	uint16_t max_resp;
	uint16_t interval_s;
	uint16_t n_sources;
	uint16_t n_records;
	uint8_t version;
	uint8_t robustness;
	bool suppress;
};

/**
 * igmp_parse() - Read a message
 * @len:	Of the IP payload: it tells the versions of a query apart (RFC 3376, 7.1)
 *
 * All sources and records are there; read them at what is returned.
 *
 * Return: IGMP_HDR_LEN, for a version 3 query IGMP_QUERY3_LEN, or an error
 */
int igmp_parse(const uint8_t *buf, size_t len, struct igmp_repr *ret);

/* Times that a query cannot say are rounded down to one it can. */
int igmp_emit(uint8_t *buf, size_t len, const struct igmp_repr *r);

/* RFC 3376, 4.2.12 */
enum igmp_record_type {
	IGMP_RECORD_IS_INCLUDE = 1,
	IGMP_RECORD_IS_EXCLUDE = 2,
	IGMP_RECORD_TO_INCLUDE = 3,
	IGMP_RECORD_TO_EXCLUDE = 4,
	IGMP_RECORD_ALLOW = 5,
	IGMP_RECORD_BLOCK = 6,
};

/**
 * struct igmp_record - Group record of a version 3 report
 * @type:	enum igmp_record_type, or another that is to be ignored (RFC 3376, 4.2.12)
 * @n_sources:	Addresses, from IGMP_RECORD_HDR_LEN on
 * @group:	Multicast
 */
struct igmp_record {
	uint8_t type;
	uint16_t n_sources;
	uint32_t group;
};

/* Return: bytes of the record with its sources and auxiliary data. */
int igmp_record_parse(const uint8_t *buf, size_t len, struct igmp_record *ret);

/* Writes the first IGMP_RECORD_HDR_LEN bytes; the caller puts the sources behind them.
 * Return: bytes of the record with its sources, which are within @len.
 */
int igmp_record_emit(uint8_t *buf, size_t len, const struct igmp_record *r);

static inline bool igmp_csum_ok(const uint8_t *buf, size_t len)
{
	return csum_ok(csum_bytes(buf, len));
}

/* When the whole message is there; @len >= IGMP_HDR_LEN. */
static inline void igmp_put_csum(uint8_t *buf, size_t len)
{
	put_be16(buf + 2, 0);
	put_be16(buf + 2, csum_finish(csum_bytes(buf, len)));
}

#endif /* WIRE_IGMP_H */
