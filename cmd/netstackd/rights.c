/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rights.h"

#include <errno.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "base/error.h"
#include "opts.h"
#include "sandbox/allow.h"

#define KEPT (UINT64_C(1) << CAP_SYS_PTRACE | UINT64_C(1) << CAP_NET_BIND_SERVICE)

/* Two or three descriptors for each socket of a program. */
static int raise_files(struct nerr *err)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return nerr_set(err, -errno, "cannot read the limit of open files: %m");
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) < 0)
		return nerr_set(err, -errno, "cannot have %ju open files: %m",
				(uintmax_t)rl.rlim_max);
	return 0;
}

static int set_caps(uint64_t caps, struct nerr *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)caps, .permitted = (uint32_t)caps },
		{ .effective = (uint32_t)(caps >> 32), .permitted = (uint32_t)(caps >> 32) },
	};

	if (syscall(SYS_capset, &head, data) < 0)
		return nerr_set(err, -errno,
				"cannot keep CAP_SYS_PTRACE and "
				"CAP_NET_BIND_SERVICE: %m");
	return 0;
}

/* EINVAL ends the capabilities this kernel has. */
static int drop_bounding(struct nerr *err)
{
	for (unsigned long cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EINVAL)
				return 0;
			return nerr_set(err, -errno, "cannot give up capability %lu: %m", cap);
		}
	return 0;
}

static int become(const struct opts *o, struct nerr *err)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return nerr_set(err, -errno, "cannot keep capabilities: %m");
	if (setgroups(0, NULL) < 0)
		return nerr_set(err, -errno, "cannot leave all groups: %m");
	if (setresgid(o->gid, o->gid, o->gid) < 0)
		return nerr_set(err, -errno, "cannot become group %u: %m", o->gid);
	if (setresuid(o->uid, o->uid, o->uid) < 0)
		return nerr_set(err, -errno, "cannot become user %u: %m", o->uid);
	return 0;
}

int rights_drop(const struct opts *o, struct nerr *err)
{
	const int *calls;
	size_t n;
	int r = raise_files(err);

	if (r == 0)
		r = drop_bounding(err);
	if (r == 0)
		r = become(o, err);
	if (r == 0)
		r = set_caps(KEPT, err);
	if (r < 0)
		return r;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return nerr_set(err, -errno, "cannot give up ambient capabilities: %m");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return nerr_set(err, -errno, "cannot give up new privileges: %m");
	calls = rights_calls(&n);
	return allow_only(calls, n, err);
}
