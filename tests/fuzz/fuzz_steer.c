/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any frames at any shard: each has an owner, the same one however its bytes lie; it comes to
 * that one or to all, waits for the first fragment of its packet, or is counted as lost.
 *
 * An input is a byte, 1 for frames without a link header, and then records: a byte that says at
 * which shard and how many bytes are linear, a length, and so many bytes.
 */
#include "nic/steer.h"
#include "nic/steer_priv.h"
#include "tests/fuzz/netstack_core.h"

#define SHARDS   3
#define TAKE_MAX 16

struct scene {
	struct core c[SHARDS];
	struct steer *s;
	uint64_t given; /* frames that came in, each for all counted as often as there are shards */
	uint64_t taken; /* and came to somebody */
};

/* However its bytes lie. */
static void check_owner(struct scene *s, const struct pbuf *pb, const uint8_t *p, size_t len)
{
	struct steer_way a, b;
	struct pbuf *flat;

	steer_look(s->s, pb, &a);
	LAW(a.shard < SHARDS || (a.shard == STEER_ALL && !a.is_fragment));
	LAW(!a.is_fragment || a.owner < SHARDS);
	LAW(steer_shard(s->s, pb) == a.shard);
	flat = fuzz_packet(&s->c[0], p, len, len);
	steer_look(s->s, flat, &b);
	LAW(a.shard == b.shard && a.is_fragment == b.is_fragment && a.is_first == b.is_first &&
	    a.owner == b.owner && a.key == b.key);
	pbuf_free(flat);
	s->given += a.shard == STEER_ALL ? SHARDS : 1;
}

static void take_all(struct scene *s)
{
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < SHARDS; i++) {
			struct pbuf *got[TAKE_MAX];
			unsigned int n;

			do {
				n = steer_take(s->s, i, s->c[i].pool, got, TAKE_MAX);
				for (unsigned int k = 0; k < n; k++) {
					const uint32_t owner = steer_shard(s->s, got[k]);
					struct steer_way way;

					steer_look(s->s, got[k], &way);
					LAW(way.is_fragment || owner == i || owner == STEER_ALL);
					pbuf_free(got[k]);
				}
				s->taken += n;
			} while (n);
		}
	}
	for (unsigned int i = 0; i < SHARDS; i++)
		LAW(!steer_arm(s->s, i));
}

static void record(struct scene *s, struct fuzz_in *in)
{
	const uint8_t how = fuzz_u8(in);
	const unsigned int at = how % SHARDS;
	size_t len = fuzz_u8(in) + 1U;
	const uint8_t *p = fuzz_bytes(in, &len);
	struct pbuf *pb = fuzz_packet(&s->c[at], p, len, how / SHARDS);
	unsigned int n;

	check_owner(s, pb, p, len);
	n = steer_burst(s->s, at, &pb, 1);
	LAW(n <= 1);
	if (n)
		pbuf_free(pb);
	s->taken += n;
}

static void the_end(struct scene *s)
{
	uint64_t waiting = 0, lost = 0;

	take_all(s);
	for (unsigned int i = 0; i < SHARDS; i++) {
		struct steer_stats stats;

		steer_stats(s->s, i, &stats);
		lost += stats.lost;
		waiting += s->s->shard[i].frags.waiting;
		LAW(s->s->shard[i].frags.waiting <= STEER_FRAG_WAITING);
	}
	LAW(s->given == s->taken + lost + waiting);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	const struct steer_conf conf = {
		.n_shards = SHARDS,
		.port_first = 32768,
		.port_last = 60999,
		.is_ip = fuzz_u8(&in) & 1,
	};
	static struct scene s; /* one thread */

	memset(&s, 0, sizeof(s));
	LAW(steer_new(&s.s, &conf, NULL) == 0);
	s.s->key = (struct siphash_key){ { 1, 2 } }; /* the same each time */
	for (unsigned int i = 0; i < SHARDS; i++)
		fuzz_core_init(&s.c[i]);
	while (in.len) {
		record(&s, &in);
		if (in.len % 4 == 0)
			take_all(&s);
	}
	the_end(&s);
	for (unsigned int i = 0; i < SHARDS; i++) {
		struct pbuf_pool_stats stats;

		steer_leave(s.s, i);
		pbuf_pool_stats(s.c[i].pool, &stats);
		LAW(stats.pbufs == 0 && stats.blocks == 0);
		pbuf_pool_free(s.c[i].pool);
	}
	LAW(fuzz_live == 0);
	steer_free(s.s);
	return 0;
}
