/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sysctl.c - parameters that scripts set by sysctl
 *
 * Scripts write files below /proc/sys/net/ipv4, by sysctl(8) or by themselves.
 * tests/packetdrill/run puts copies in their place; here those are read again at every
 * socket(), and what has changed is set.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define TEXT_MAX 64

struct entry {
	const char *name;
	bool is_ip;
	unsigned int offset;
	unsigned int size;
	unsigned int n;     /* values in the file */
	unsigned int scale; /* the parameter counts in such units of the file's */
};

/* clang-format off */
#define TCP(sysctl, field, n, scale) \
	{ "tcp_" sysctl, false, offsetof(struct tcp_params, field), \
	  sizeof(((struct tcp_params *)0)->field), n, scale }
#define IP(sysctl, field) \
	{ "ip_" sysctl, true, offsetof(struct ip_params, field), \
	  sizeof(((struct ip_params *)0)->field), 1, 1 }
/* clang-format on */

static const struct entry entries[] = {
	TCP("rmem", rmem_min, 3, 1),
	TCP("wmem", wmem_min, 3, 1),
	TCP("moderate_rcvbuf", moderate_rcvbuf, 1, 1),
	TCP("adv_win_scale", adv_win_scale, 1, 1),
	TCP("window_scaling", window_scaling, 1, 1),
	TCP("timestamps", timestamps, 1, 1),
	TCP("sack", sack, 1, 1),
	TCP("dsack", dsack, 1, 1),
	TCP("syn_retries", syn_retries, 1, 1),
	TCP("synack_retries", synack_retries, 1, 1),
	TCP("retries1", retries1, 1, 1),
	TCP("retries2", retries2, 1, 1),
	TCP("orphan_retries", orphan_retries, 1, 1),
	TCP("keepalive_time", keepalive_s, 1, 1),
	TCP("keepalive_probes", keepalive_probes, 1, 1),
	TCP("keepalive_intvl", keepalive_intvl_s, 1, 1),
	TCP("fin_timeout", fin_timeout_s, 1, 1),
	TCP("tw_reuse", tw_reuse, 1, 1),
	TCP("syncookies", syncookies, 1, 1),
	TCP("max_syn_backlog", syn_backlog_max, 1, 1),
	TCP("abort_on_overflow", abort_on_overflow, 1, 1),
	TCP("challenge_ack_limit", challenge_ack_per_s, 1, 1),
	TCP("invalid_ratelimit", invalid_ratelimit_ms, 1, 1),
	TCP("rto_min_us", rto_min_ms, 1, 1000),
	TCP("rto_max_ms", rto_max_ms, 1, 1),
	TCP("slow_start_after_idle", slow_start_after_idle, 1, 1),
	TCP("reordering", reordering, 1, 1),
	TCP("mtu_probing", mtu_probing, 1, 1),
	TCP("base_mss", base_mss, 1, 1),
	TCP("min_snd_mss", min_snd_mss, 1, 1),
	TCP("rfc1337", rfc1337, 1, 1),
	{ "tcp_congestion_control", false, offsetof(struct tcp_params, cc), 0, 1, 1 },
	IP("default_ttl", ttl),
	IP("no_pmtu_disc", no_pmtu_disc),
};

struct sysctls {
	char *dir;
	char seen[ARRAY_SIZE(entries)][TEXT_MAX];
};

/* "" for a file that is not there. */
static void read_entry(const struct sysctls *s, size_t i, char ret[static TEXT_MAX])
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", s->dir, entries[i].name);
	if (file_read(AT_FDCWD, path, ret, TEXT_MAX) < 0)
		ret[0] = '\0';
}

struct sysctls *sysctls_new(const char *dir)
{
	struct sysctls *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->dir = strdup(dir);
	if (!s->dir) {
		free(s);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		read_entry(s, i, s->seen[i]);
	return s;
}

static void set(const struct entry *e, void *base, const char *text)
{
	char *at = (char *)base + e->offset;
	char *end;

	if (!e->size) {
		if (str_copy(at, TCP_CC_NAME_LEN, text) < 0)
			(void)str_copy(at, TCP_CC_NAME_LEN, "reno"); /* it fits */
		return;
	}
	for (unsigned int i = 0; i < e->n; i++, at += e->size) {
		const long n = strtol(text, &end, 10) / (long)e->scale;

		if (end == text)
			return;
		text = end;
		if (e->size == 1)
			*(uint8_t *)at = (uint8_t)n;
		else
			*(uint32_t *)(void *)at = (uint32_t)n;
	}
}

void sysctls_apply(struct sysctls *s, struct tcp_params *tcp, struct ip_params *ip)
{
	char text[TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		read_entry(s, i, text);
		if (!text[0] || strcmp(text, s->seen[i]) == 0)
			continue;
		memcpy(s->seen[i], text, sizeof(text));
		set(&entries[i], entries[i].is_ip ? (void *)ip : (void *)tcp, text);
	}
}

void sysctls_free(struct sysctls *s)
{
	if (!s)
		return;
	free(s->dir);
	free(s);
}
