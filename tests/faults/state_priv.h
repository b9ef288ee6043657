/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * state_priv.h - the parts of state.c that read netlink
 */
#ifndef TESTS_FAULTS_STATE_PRIV_H
#define TESTS_FAULTS_STATE_PRIV_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <linux/netlink.h>

struct lines;
struct netns;

#define ATTRS_MAX 80

/* Attributes by type; pointers into the message. */
struct attrs {
	const struct nlattr *v[ATTRS_MAX];
};

/* Sort the attributes at @p. */
void attrs_read(struct attrs *ret, const void *p, size_t len);
void attrs_read_nest(struct attrs *ret, const struct nlattr *nest);
/* Those of a message, behind a header of @header bytes. */
void attrs_read_msg(struct attrs *ret, const struct nlmsghdr *nlh, size_t header);
/* What follows a message's header. */
static inline const void *msg_body(const struct nlmsghdr *nlh)
{
	return (const char *)nlh + NLMSG_HDRLEN;
}
const void *attr_data(const struct nlattr *a);
size_t attr_len(const struct nlattr *a);
uint32_t attr_u32(const struct nlattr *a);
/* "" for none. */
const char *attr_text(const struct nlattr *a);
void put_hex(FILE *to, const struct nlattr *a);

/* Send a dump request and see each answer. */
void dump(int fd, uint16_t type, const void *payload, size_t len,
	  void (*see)(const struct nlmsghdr *nlh, void *arg), void *arg);

/* Send requests that are not answered but with errors, of which @ignore is none. */
void change(int fd, const void *requests, size_t len, int ignore);

void state_clear_route(struct netns *ns);
void state_clear_nft(struct netns *ns);
void state_read_route(struct lines *l, const struct netns *ns);
void state_read_nft(struct lines *l, const struct netns *ns);

#endif /* TESTS_FAULTS_STATE_PRIV_H */
