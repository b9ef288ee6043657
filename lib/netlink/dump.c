/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "netlink/dump_priv.h"
#include "netlink/nlsock.h"

int dump_add(struct dump *d, const void *item)
{
	if (d->n == d->cap) {
		size_t cap = d->cap ? d->cap * 2 : 8;
		void *v = reallocarray(d->v, cap, d->item_size);

		if (!v)
			return -ENOMEM;
		d->v = v;
		d->cap = cap;
	}
	memcpy((uint8_t *)d->v + d->n * d->item_size, item, d->item_size);
	d->n++;
	return 0;
}

void dump_done(struct dump *d)
{
	free(d->v);
	d->v = NULL;
	d->n = 0;
	d->cap = 0;
}

static int gather_one(const struct nlmsghdr *nlh, void *arg)
{
	struct dump *d = arg;

	return d->parse(nlh, d, d->arg);
}

static void gather_restart(void *arg)
{
	struct dump *d = arg;

	d->n = 0;
}

int dump_gather(struct nlsock *nl, struct nlmsghdr *nlh, struct dump *d, struct nerr *err)
{
	int r = nlsock_dump(nl, nlh, gather_one, gather_restart, d, err);

	return r == -EINTR ? 0 : r;
}
