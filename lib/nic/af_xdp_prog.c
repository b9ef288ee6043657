/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The program on an interface whose queues are ours: to the socket of the queue, or, where
 * there is none, on to the kernel.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/if_link.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nic/af_xdp_priv.h"

#define PROG_NAME "fairlead_xsk"

/* return bpf_redirect_map(&map, ctx->rx_queue_index, XDP_PASS); */
static int load(int map)
{
	const struct bpf_insn prog[] = {
		{
			.code = BPF_LDX | BPF_MEM | BPF_W,
			.dst_reg = BPF_REG_2,
			.src_reg = BPF_REG_1,
			.off = offsetof(struct xdp_md, rx_queue_index),
		},
		{
			.code = BPF_LD | BPF_IMM | BPF_DW,
			.dst_reg = BPF_REG_1,
			.src_reg = BPF_PSEUDO_MAP_FD,
			.imm = map,
		},
		{ .code = 0 }, /* second half of the one before */
		{
			.code = BPF_ALU64 | BPF_MOV | BPF_K,
			.dst_reg = BPF_REG_3,
			.imm = XDP_PASS,
		},
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, PROG_NAME, "GPL", prog, ARRAY_SIZE(prog), NULL);
}

static int attach(int prog, uint32_t ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);

	return bpf_link_create(prog, (int)ifindex, BPF_XDP, &opts);
}

static int attach_error(const struct xdp_join *j, int r, struct nerr *err)
{
	switch (r) {
	case -EBUSY:
	case -EEXIST:
		return nerr_set(err, -EBUSY, "interface '%s' has another XDP program", j->ifname);
	case -ERANGE:
		return nerr_set(err, -EINVAL,
				"interface '%s': its MTU, or its peer's, is too large for XDP",
				j->ifname);
	case -EOPNOTSUPP:
		return nerr_set(err, -ENOTSUP, "the driver of interface '%s' has no XDP",
				j->ifname);
	default:
		return nerr_set(err, r, "cannot attach a program to interface '%s': %m", j->ifname);
	}
}

static int bpf_error(const struct xdp_join *j, int r, const char *what, struct nerr *err)
{
	if (r == -EPERM)
		return nerr_set(err, r,
				"interface '%s': cannot %s without CAP_BPF and CAP_NET_ADMIN",
				j->ifname, what);
	return nerr_set(err, r == -ENOSYS ? -ENOTSUP : r, "interface '%s': cannot %s: %m",
			j->ifname, what);
}

static int first(struct share *s, void *queue, struct nerr *err)
{
	struct xdp_share *xs = (struct xdp_share *)(void *)s;
	const struct xdp_join *j = queue;
	cleanup_close int map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, PROG_NAME, sizeof(uint32_t),
					       sizeof(uint32_t), j->n_queues, NULL);
	cleanup_close int prog = -1;
	int link;

	if (map < 0)
		return bpf_error(j, map, "make an XSKMAP", err);
	prog = load(map);
	if (prog < 0)
		return bpf_error(j, prog, "load a program", err);
	link = attach(prog, j->ifindex, XDP_FLAGS_DRV_MODE);
	if (link == -EOPNOTSUPP && !j->native_only) {
		xs->is_generic = true;
		link = attach(prog, j->ifindex, XDP_FLAGS_SKB_MODE);
	}
	if (link < 0)
		return attach_error(j, link, err);
	xs->link = link;
	xs->map = TAKE_FD(map);
	return 0;
}

/* Its socket enters the map when it is bound. */
static int join(struct share *s, void *queue, struct nerr *err)
{
	const struct xdp_join *j = queue;

	if (j->native_only && ((const struct xdp_share *)(const void *)s)->is_generic)
		return nerr_set(err, -ENOTSUP, "the driver of interface '%s' has no XDP",
				j->ifname);
	return 0;
}

/* A socket that is closed leaves the map by itself. */
static void leave(struct share *s, void *queue)
{
	const struct xdp_join *j = queue;

	(void)s; /* the kernel knows */
	j->close(j->x);
}

static void last(struct share *s)
{
	const struct xdp_share *xs = (const struct xdp_share *)(const void *)s;

	(void)close(xs->link); /* takes the program off the interface */
	(void)close(xs->map);
}

const struct share_ops xdp_share_ops = {
	.size = sizeof(struct xdp_share),
	.first = first,
	.join = join,
	.leave = leave,
	.last = last,
};
