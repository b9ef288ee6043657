/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "teardown.h"

#include "base/error.h"
#include "base/log.h"
#include "nets.h"
#include "procs.h"
#include "sandbox/netns.h"
#include "ustack.h"

static int say(const struct session *s, int r, const struct nerr *err)
{
	log_err("namespace '%s': %s", s->name, err->msg);
	return r;
}

/* What the plugins did not do is not to be tried again. */
static void forget(const struct session *s)
{
	for (size_t i = 0; i < s->n_nets; i++) {
		struct nerr err = NERR_INIT;
		int r = 0;

		if (s->nets[i].up)
			r = cni_cache_del(CNI_CACHE_DIR, s->nets[i].list->name, s->id,
					  s->nets[i].ifname, &err);
		if (r < 0)
			(void)say(s, r, &err); /* nothing depends on it */
	}
}

int teardown(struct session *s, struct state *st, bool force)
{
	const struct cni_runtime rt = nets_runtime(s, -1);
	struct nerr err = NERR_INIT;
	int first = 0;
	int r;

	s->phase = SESSION_STOPPING;
	r = state_write(st, s, &err);
	if (r < 0)
		first = say(s, r, &err);
	/* A process that cannot be killed keeps the namespace but not its links.  netstackd is
	 * ended by its plugin, with the links.
	 */
	r = s->made_netns ? procs_end(s->netns, ustack_pid(s), &err) : 0;
	if (r < 0)
		first = say(s, r, &err);
	r = nets_detach(s, &rt, &err);
	if (r < 0) {
		first = say(s, r, &err);
		if (!force) {
			log_err("namespace '%s' is left behind; 'netns-run rm %s' tries again, with --force whatever happens",
				s->name, s->name);
			return first;
		}
		forget(s);
		if (s->made_netns && procs_end(s->netns, 0, &err) < 0)
			(void)say(s, -1, &err); /* what comes next says whether it matters */
	}
	r = s->made_netns ? netns_delete(s->netns, &err) : 0;
	if (r == 0)
		r = state_remove(st, s->name, &err);
	return r < 0 ? say(s, r, &err) : first;
}
