/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conntrack.c - deleting entries of the connection tracking
 *
 * The dump asks the kernel to filter by protocol (and port, where there is only
 * one), which it does since Linux 5.8; older ones list everything.  Whatever
 * comes is compared again here, and each entry is deleted by its own tuple, zone
 * and id.
 *
 * A delete request without a tuple empties the whole table: an entry whose tuple
 * was not read is never asked to be deleted.
 */
#include "netlink/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <libmnl/libmnl.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "netlink/attr_priv.h"
#include "netlink/dump_priv.h"
#include "netlink/nlsock.h"

/* Bits of CTA_FILTER_ORIG_FLAGS.  No header for user space has them; the values are those of
 * net/netfilter/nf_internals.h, on which libnetfilter_conntrack relies too.
 */
#define FILTER_PROTO_NUM (1u << 3)
#define FILTER_DST_PORT  (1u << 5)

/* A tuple: two IPv6 addresses, protocol, two ports, a zone, each an attribute: 92 bytes. */
#define TUPLE_LEN_MAX 160

/**
 * struct ct_entry - What a delete request needs
 * @tuple:	Payload of CTA_TUPLE_ORIG as the kernel sent it
 * @id:		In network byte order, as it came
 */
struct ct_entry {
	uint8_t tuple[TUPLE_LEN_MAX];
	uint16_t tuple_len;
	bool has_zone;
	uint16_t zone;
	bool has_id;
	uint32_t id;
};

struct ct_filter {
	uint8_t family;
	uint8_t proto;
	const uint16_t *ports;
	size_t n;
};

/* Protocol and destination port of a tuple, the port in host byte order. False if it has none. */
static bool tuple_dport(const struct nlattr *tuple, uint8_t *ret_proto, uint16_t *ret_port)
{
	const struct nlattr *a;
	const struct nlattr *p;
	bool has_proto = false;
	bool has_port = false;
	uint16_t be16 = 0;

	attr_foreach_nested(a, tuple) {
		if (mnl_attr_get_type(a) != CTA_TUPLE_PROTO)
			continue;
		attr_foreach_nested(p, a) {
			switch (mnl_attr_get_type(p)) {
			case CTA_PROTO_NUM:
				attr_get_u8(p, ret_proto);
				has_proto = true;
				break;
			case CTA_PROTO_DST_PORT:
				attr_get_u16(p, &be16);
				has_port = true;
				break;
			default:
				break;
			}
		}
	}
	*ret_port = ntohs(be16);
	return has_proto && has_port;
}

static bool wanted(const struct ct_filter *f, const struct nlattr *tuple)
{
	uint16_t port;
	uint8_t proto = 0;

	if (!tuple_dport(tuple, &proto, &port) || proto != f->proto)
		return false;
	for (size_t i = 0; i < f->n; i++) {
		if (f->ports[i] == port)
			return true;
	}
	return false;
}

static int dump_one(const struct nlmsghdr *nlh, struct dump *d, const void *arg)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tuple = NULL;
	const struct ct_filter *f = arg;
	struct ct_entry e = { 0 };
	const struct nlattr *a;

	if (nlh->nlmsg_type != ((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*nfg) || nfg->nfgen_family != f->family)
		return 0;
	attr_foreach(a, nlh, sizeof(*nfg)) {
		switch (mnl_attr_get_type(a)) {
		case CTA_TUPLE_ORIG:
			tuple = a;
			break;
		case CTA_ZONE:
			attr_get_u16(a, &e.zone);
			e.has_zone = true;
			break;
		case CTA_ID:
			attr_get_u32(a, &e.id);
			e.has_id = true;
			break;
		default:
			break;
		}
	}
	if (!tuple || !wanted(f, tuple))
		return 0;
	e.tuple_len = mnl_attr_get_payload_len(tuple);
	if (e.tuple_len > sizeof(e.tuple))
		return -EMSGSIZE;
	memcpy(e.tuple, mnl_attr_get_payload(tuple), e.tuple_len);
	return dump_add(d, &e);
}

static void put_nfgen(struct nlmsghdr *nlh, uint8_t family)
{
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));

	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
}

static int gather(struct nlsock *nl, const struct ct_filter *f, struct dump *d, struct nerr *err)
{
	uint8_t buf[256] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	bool one_port = f->n == 1;
	struct nlattr *tuple;
	struct nlattr *nest;

	nlh->nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET;
	nlh->nlmsg_flags = NLM_F_DUMP;
	put_nfgen(nlh, f->family);

	tuple = mnl_attr_nest_start(nlh, CTA_TUPLE_ORIG);
	nest = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, f->proto);
	if (one_port)
		mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(f->ports[0]));
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_nest_end(nlh, tuple);
	nest = mnl_attr_nest_start(nlh, CTA_FILTER);
	mnl_attr_put_u32(nlh, CTA_FILTER_ORIG_FLAGS,
			 FILTER_PROTO_NUM | (one_port ? FILTER_DST_PORT : 0));
	mnl_attr_nest_end(nlh, nest);

	d->item_size = sizeof(struct ct_entry);
	d->parse = dump_one;
	d->arg = f;
	return dump_gather(nl, nlh, d, err);
}

/* An entry that is gone by now, or replaced by another with the same tuple, is no error. */
static void put_delete(struct nlsock *nl, uint8_t family, const struct ct_entry *e)
{
	struct nlmsghdr *nlh = nlsock_msg(nl, (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE,
					  0, -ENOENT, "cannot delete a connection tracking entry");

	put_nfgen(nlh, family);
	mnl_attr_put(nlh, CTA_TUPLE_ORIG | NLA_F_NESTED, e->tuple_len, e->tuple);
	if (e->has_zone)
		mnl_attr_put_u16(nlh, CTA_ZONE, e->zone);
	if (e->has_id)
		mnl_attr_put_u32(nlh, CTA_ID, e->id);
}

int conntrack_flush_dport(struct nlsock *nl, uint8_t family, uint8_t proto, const uint16_t *ports,
			  size_t n, struct nerr *err)
{
	const struct ct_filter f = { .family = family, .proto = proto, .ports = ports, .n = n };
	CLEANUP(dump_done) struct dump d = { 0 };
	const struct ct_entry *e;
	int r;

	if (n == 0)
		return 0;
	r = gather(nl, &f, &d, err);
	if (r < 0) {
		(void)nerr_ctx(err, "cannot list connection tracking entries");
		return r;
	}
	e = d.v;
	for (size_t i = 0; i < d.n; i++)
		put_delete(nl, family, &e[i]);
	r = nlsock_commit(nl, err);
	return r < 0 ? r : (int)d.n;
}
