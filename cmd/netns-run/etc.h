/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * etc.h - resolv.conf and hosts of a namespace
 *
 * The host's files do not fit: its name servers may be on its own loopback, and its
 * name is not the namespace's.
 */
#ifndef NETNS_RUN_ETC_H
#define NETNS_RUN_ETC_H

#include "base/str.h"
#include "session.h"

struct nerr;
struct opt_list;
struct state;

/* Check the addresses of --dns. 0 or -EINVAL. */
int etc_check_dns(const struct opt_list *dns, struct nerr *err);

/**
 * etc_print_resolv_conf() - Text of resolv.conf
 * @dns:	Name servers of --dns; when there are any, no others are used
 * @ret:	Text is appended
 *
 * Else what the first network that has any name servers says; else the host's, without
 * those on its loopback and on links that the namespace does not have.  Search
 * domains and options come from the same place, from the host's for --dns.
 */
int etc_print_resolv_conf(const struct session *s, const struct opt_list *dns, struct strbuf *ret,
			  struct nerr *err);

/**
 * etc_print_hosts() - Text of hosts
 *
 * localhost, the namespace's addresses with its name and the host name, then the
 * host's own lines but for those of loopback addresses.
 */
int etc_print_hosts(const struct session *s, struct strbuf *ret, struct nerr *err);

/* Write both into the session's directory. */
int etc_write(const struct session *s, const struct state *st, const struct opt_list *dns,
	      struct nerr *err);

#endif /* NETNS_RUN_ETC_H */
