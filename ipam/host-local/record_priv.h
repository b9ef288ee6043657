/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * record_priv.h - what a reservation file says
 *
 * Its name is the address, its content "<container id>\r\n<interface name>", as the
 * reference writes it.  Very old files hold the container id alone.  White space
 * around the content does not count.
 */
#ifndef IPAM_HOST_LOCAL_RECORD_PRIV_H
#define IPAM_HOST_LOCAL_RECORD_PRIV_H

#include <stddef.h>

struct ipaddr;

/* Longest content that is taken for a reservation; more is not ours. */
#define HL_RECORD_MAX 2048

/**
 * enum hl_record_kind - Whose a file is
 *
 * HL_RECORD_TORN	nobody's: empty, or zeros, as a crash leaves it
 * HL_RECORD_FULL	an attachment's
 * HL_RECORD_OLD	a container's, in the old format
 * HL_RECORD_FOREIGN	not ours to judge: the address is taken, the file stays
 */
enum hl_record_kind {
	HL_RECORD_TORN,
	HL_RECORD_FULL,
	HL_RECORD_OLD,
	HL_RECORD_FOREIGN,
};

/**
 * struct hl_record - Content of a file
 * @key:	Content without the white space around it: the owner, as
 *		hl_record_key() writes it.  "" when it is HL_RECORD_TORN or too long
 */
struct hl_record {
	enum hl_record_kind kind;
	char key[HL_RECORD_MAX + 1];
};

/* Any bytes are welcome. */
void hl_record_parse(const char *content, size_t len, struct hl_record *ret);

/**
 * hl_record_key() - Content for an owner
 * @ifname:	NULL for the old format
 *
 * Return: 0, or -ENAMETOOLONG, and then @ret is ""
 */
int hl_record_key(const char *container_id, const char *ifname, char ret[static HL_RECORD_MAX + 1]);

/* The address a file name stands for: 0, or -EINVAL for any other name. */
int hl_record_addr(const char *name, struct ipaddr *ret);

#endif /* IPAM_HOST_LOCAL_RECORD_PRIV_H */
