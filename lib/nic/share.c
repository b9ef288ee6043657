/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/share.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nic/netdev.h"
#include "nic/nic.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct share *table; /* guarded by lock */

static struct share *find(const struct share_ops *ops, const struct stat *ns, uint32_t ifindex)
{
	struct share *s = table;

	while (s && (s->ops != ops || s->ns_dev != ns->st_dev || s->ns_ino != ns->st_ino ||
		     s->ifindex != ifindex))
		s = s->next;
	return s;
}

static void drop(struct share *s)
{
	struct share **at = &table;

	if (s->queues)
		return;
	s->ops->last(s);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	free(s);
}

static int make(struct share **ret, const struct share_ops *ops, const struct stat *ns,
		const struct netdev *nd, const struct nic_env *env, void *queue, struct nerr *err)
{
	cleanup_free struct share *s = calloc(1, ops->size);
	int r;

	if (!s)
		return nerr_oom(err);
	s->ops = ops;
	s->ns_dev = ns->st_dev;
	s->ns_ino = ns->st_ino;
	s->ifindex = nd->ifindex;
	s->n_queues = env->n_queues;
	r = ops->first(s, queue, err);
	if (r < 0)
		return r;
	s->next = table;
	table = s;
	*ret = TAKE_PTR(s);
	return 0;
}

/* With the lock held. */
static int join(struct share **ret, const struct share_ops *ops, const struct netdev *nd,
		const struct nic_env *env, void *queue, struct nerr *err)
{
	const uint64_t bit = UINT64_C(1) << env->queue;
	struct share *s;
	struct stat ns;
	int r;

	if (fstat(nd->netns, &ns) < 0)
		return nerr_set(err, -errno, "interface '%s': cannot tell its namespace: %m",
				nd->name);
	s = find(ops, &ns, nd->ifindex);
	if (s && s->n_queues != env->n_queues)
		return nerr_set(err, -EINVAL,
				"interface '%s' is served with %u queues already, not with %u",
				nd->name, s->n_queues, env->n_queues);
	if (s && s->queues & bit)
		return nerr_set(err, -EBUSY, "queue %u of interface '%s' is in use already",
				env->queue, nd->name);
	if (!s) {
		r = make(&s, ops, &ns, nd, env, queue, err);
		if (r < 0)
			return r;
	}
	r = ops->join(s, queue, err);
	if (r < 0) {
		drop(s);
		return r;
	}
	s->queues |= bit;
	*ret = s;
	return 0;
}

int share_join(struct share **ret, const struct share_ops *ops, const struct netdev *nd,
	       const struct nic_env *env, void *queue, struct nerr *err)
{
	int r;

	if (env->n_queues > SHARE_QUEUES_MAX)
		return nerr_set(err, -EINVAL, "interface '%s': %u queues are more than %d",
				nd->name, env->n_queues, SHARE_QUEUES_MAX);
	(void)pthread_mutex_lock(&lock); /* cannot fail: initialised, not recursive */
	r = join(ret, ops, nd, env, queue, err);
	(void)pthread_mutex_unlock(&lock);
	return r;
}

void share_leave(struct share *s, unsigned int queue_idx, void *queue)
{
	(void)pthread_mutex_lock(&lock); /* as above */
	s->ops->leave(s, queue);
	s->queues &= ~(UINT64_C(1) << queue_idx);
	drop(s);
	(void)pthread_mutex_unlock(&lock);
}
