/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * When to spin before sleeping.  It saves a wake-up when work comes soon and the CPU would have
 * been idle; on a CPU that others want it only takes their time.  So: packets were just
 * there, an idle CPU, and it has paid before; each failure makes it rarer.
 *
 * Without an idle CPU, but with hardly more threads than CPUs, it is done politely: the CPU is
 * offered to others at each look.  The program that is served often shares it, and what comes
 * next is its answer.  When somebody takes it for long, that is a failure.
 */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nic/service_priv.h"

/* How old the answer of /proc/loadavg may be. */
#define ASK_NS UINT64_C(5000000)

/* Up to 2 to the power of that many sleeps without a spin. */
#define FAILED_MAX 8

/* Times what it may take: others had the CPU. */
#define TOO_LONG 4

static unsigned int cpus_allowed(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (unsigned int)CPU_COUNT(&set);
}

void spin_init(struct spin *sp, unsigned int us)
{
	const long online = sysconf(_SC_NPROCESSORS_ONLN);

	*sp = (struct spin){ .ns = us * UINT64_C(1000), .loadavg = -1 };
	if (!us)
		return;
	sp->n_cpus = cpus_allowed();
	sp->n_online = online < 1 ? 1 : (unsigned int)online;
	sp->loadavg = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
}

void spin_done(struct spin *sp)
{
	if (sp->loadavg >= 0)
		(void)close(sp->loadavg); /* nothing was written */
	sp->loadavg = -1;
}

/* "0.31 0.25 0.18 2/345 6789": the fourth word begins with the threads that want to run, and
 * we are one of them.  ULONG_MAX when it cannot be known
 */
static unsigned long runnable(const struct spin *sp)
{
	char text[64];
	const char *at = text;
	ssize_t n;

	if (sp->loadavg < 0)
		return ULONG_MAX;
	n = pread(sp->loadavg, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return ULONG_MAX;
	text[n] = '\0';
	for (int i = 0; i < 3; i++) {
		at = strchr(at, ' ');
		if (!at)
			return ULONG_MAX;
		at++;
	}
	return strtoul(at, NULL, 10);
}

static enum spin_manner how_to(const struct spin *sp)
{
	const unsigned long n = runnable(sp);

	if (sp->n_cpus >= 2 && n <= sp->n_cpus)
		return SPIN_ALONE;
	return n <= sp->n_online + 1UL ? SPIN_POLITELY : SPIN_NOT;
}

bool spin_pays(struct spin *sp, uint64_t now_ns, uint64_t last_rx_ns)
{
	if (!sp->ns || now_ns - last_rx_ns > sp->ns)
		return false;
	if (sp->skip) {
		sp->skip--;
		return false;
	}
	if (now_ns - sp->asked_ns > ASK_NS) {
		sp->asked_ns = now_ns;
		sp->manner = how_to(sp);
	}
	return sp->manner != SPIN_NOT;
}

void spin_look(const struct spin *sp)
{
	if (sp->manner == SPIN_POLITELY)
		(void)sched_yield(); /* cannot fail on Linux */
}

void spin_ended(struct spin *sp, bool with_work, uint64_t took_ns)
{
	if (with_work && took_ns < TOO_LONG * sp->ns) {
		sp->failed = 0;
		return;
	}
	if (sp->failed < FAILED_MAX)
		sp->failed++;
	sp->skip = 1U << sp->failed;
}
