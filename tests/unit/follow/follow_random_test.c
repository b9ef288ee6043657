/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whatever is done with ip(8), in whatever order, and whenever it is read: in the end what was
 * told is what is there.
 */
#include "follow/follow_priv.h"
#include "tests/unit/follow/changes.h"
#include "tests/unit/follow/model.h"

#define ROUNDS 60

static char out[4096];

#define ip(...) run_ok(out, sizeof(out), "ip", __VA_ARGS__)

static void in_the_end_it_is_right(void **state)
{
	struct model *m;

	(void)state;
	random_seed();
	netns_fresh();
	ip("link", "add", "v0", "type", "veth", "peer", "name", "v1");
	ip("link", "add", "w0", "type", "veth", "peer", "name", "w1");
	ip("link", "set", "w0", "up");
	ip("link", "set", "w1", "up");
	m = model_new(-1, "v0");
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct model *late;

		random_changes(30);
		if (below(3) == 0) {
			(void)model_wait(m, 0); /* a part of it */
			continue;
		}
		model_settles(m, "v0");
		late = model_new(-1, "v0"); /* who comes late is told the same */
		model_settles(late, "v0");
		model_free(late);
	}
	model_settles(m, "v0");
	model_free(m);
	(void)umount2("/sys", MNT_DETACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_the_end_it_is_right),
	};

	return cmocka_run_group_tests(tests, mounts_private, NULL);
}
