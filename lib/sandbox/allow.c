/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox/allow.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <seccomp.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Signs of a process that is not ours any more. */
static const int deadly[] = {
	__NR_execve,        __NR_execveat,
	__NR_ptrace,        __NR_setns,
	__NR_mount,         __NR_umount2,
	__NR_pivot_root,    __NR_chroot,
	__NR_init_module,   __NR_finit_module,
	__NR_delete_module, __NR_kexec_load,
	__NR_bpf,           __NR_perf_event_open,
	__NR_userfaultfd,   __NR_add_key,
	__NR_request_key,   __NR_keyctl,
	__NR_reboot,        __NR_swapon,
	__NR_swapoff,       __NR_open_by_handle_at,
	__NR_personality,   __NR_acct,
	__NR_quotactl,
};

/* What cannot be asked of a call that is allowed: bits of an argument. */
static const struct limit {
	int nr;
	unsigned int arg;
	uint64_t bits;
} limits[] = {
	{ __NR_clone, 0,
	  CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID |
		  CLONE_NEWUSER | CLONE_NEWUTS },
	{ __NR_mmap, 2, PROT_EXEC },
	{ __NR_mprotect, 2, PROT_EXEC },
};

static void seccomp_releasep(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

static int allow(scmp_filter_ctx ctx, int nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (limits[i].nr == nr)
			return seccomp_rule_add(
				ctx, SCMP_ACT_ALLOW, nr, 1,
				SCMP_CMP64(limits[i].arg, SCMP_CMP_MASKED_EQ, limits[i].bits, 0));
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
}

static int fill(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	/* The filter is a search tree: 60 comparisons for each call would be felt. */
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);

	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(deadly); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	/* Its arguments cannot be seen; the C library then takes clone(), for ENOSYS alone. */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), __NR_clone3, 0);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = allow(ctx, calls[i]);
	return r;
}

int allow_only(const int *calls, size_t n, struct nerr *err)
{
	CLEANUP(seccomp_releasep) scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!ctx)
		return nerr_oom(err);
	r = fill(ctx, calls, n);
	if (r < 0)
		return nerr_set(err, r, "cannot make a filter of system calls: %m");
	r = seccomp_load(ctx);
	if (r < 0)
		return nerr_set(err, r, "cannot load a filter of system calls: %m");
	return 0;
}
