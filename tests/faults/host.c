/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/faults/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/faults/lines.h"
#include "tests/faults/net.h"

#define CONTAINERS_MAX 64
#define PATH_LEN       512
#define HEX_DIGITS     "0123456789abcdef"

/* Empty on a new host, and all the places where plugins keep files. */
static const char *const dirs[] = { "/run", "/var/lib" };

static struct netns host = { .fd = -1 };
static struct netns containers[CONTAINERS_MAX];
static char container_names[CONTAINERS_MAX][8];
static char first_results[CONTAINERS_MAX][TRACE_TEXT_LEN];
static unsigned n_containers;

static const char *env_or(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

/* --- the host --- */

static void mount_empty(const char *dir)
{
	if (mount("tmpfs", dir, "tmpfs", 0, NULL) < 0)
		die("cannot mount an empty %s: %m", dir);
}

void host_init(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("cannot make a mount namespace (root is needed): %m");
	trace_on_write = state_add_sysctl;
}

static void container_new(unsigned i)
{
	char path[PATH_LEN];
	char self[PATH_LEN];
	int fd;

	(void)snprintf(container_names[i], sizeof(container_names[i]), "c%u", i);
	netns_make(&containers[i], container_names[i]);
	(void)snprintf(path, sizeof(path), "/run/netns/c%u", i);
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", containers[i].fd);
	fd = open(path, O_CREAT | O_RDONLY | O_CLOEXEC, 0444);
	if (fd < 0 || mount(self, path, NULL, MS_BIND, NULL) < 0)
		die("cannot bind a namespace to %s: %m", path);
	(void)close(fd);
}

static void run_ip(const char *const *args)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("cannot fork: %m");
	if (pid == 0) {
		(void)execvp("ip", (char *const *)(uintptr_t)args);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		die("ip(8) failed");
}

/* What was there before any plugin. */
static void furnish(const struct chain *c)
{
	static const char *const add[] = { "ip", "link", "add", "cni0", "type", "bridge", NULL };
	static const char *const address[] = { "ip",  "addr", "add", "10.99.0.1/24", "brd", "+",
					       "dev", "cni0", NULL };
	static const char *const mac[] = { "ip",   "link",    "set",
					   "cni0", "address", "02:99:00:00:00:01",
					   NULL };

	if (!c->has_bridge)
		return;
	run_ip(add);
	run_ip(mac);
	run_ip(address);
}

static void switch_ipv6_off(const struct netns *ns)
{
	netns_go(ns);
	state_write_sysctl("/proc/sys/net/ipv6/conf/all/disable_ipv6 = 1");
	state_write_sysctl("/proc/sys/net/ipv6/conf/default/disable_ipv6 = 1");
	netns_go(&host);
}

void host_new(const struct chain *c, unsigned n)
{
	if (n > CONTAINERS_MAX)
		die("too many containers");
	if (host.fd >= 0) {
		for (unsigned i = 0; i < n_containers; i++)
			netns_close(&containers[i]);
		netns_close(&host);
		for (size_t i = 0; i < 2; i++)
			if (umount2(dirs[i], MNT_DETACH) < 0)
				die("cannot unmount %s: %m", dirs[i]);
	}
	for (size_t i = 0; i < 2; i++)
		mount_empty(dirs[i]);
	if (mkdir("/run/netns", 0755) < 0)
		die("cannot make /run/netns: %m");
	netns_make_enter(&host, "host");
	netns_set_loopback_up();
	n_containers = n;
	for (unsigned i = 0; i < n; i++) {
		container_new(i);
		if (c->ipv6_off)
			switch_ipv6_off(&containers[i]);
	}
	furnish(c);
}

void host_state(struct lines *l)
{
	state_read(l, &host, &host);
	for (unsigned i = 0; i < n_containers; i++)
		state_read(l, &containers[i], &host);
	state_read_files(l, "/var/lib");
	state_read_files(l, "/run");
	lines_sort(l);
}

static void restore_sysctls(const struct lines *l, const struct netns *ns)
{
	char prefix[32];

	(void)snprintf(prefix, sizeof(prefix), "%s sysctl ", ns->name);
	netns_go(ns);
	for (size_t k = 0; k < l->n; k++)
		if (strncmp(l->v[k], prefix, strlen(prefix)) == 0)
			state_write_sysctl(l->v[k] + strlen(prefix));
	netns_go(&host);
}

void host_restore_sysctls(const struct lines *l)
{
	for (unsigned i = 0; i < n_containers; i++)
		restore_sysctls(l, &containers[i]);
}

static int remove_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st; /* the type says enough */
	if (ftw->level == 0 || strncmp(path, "/run/netns", 10) == 0)
		return 0;
	return type == FTW_DP ? rmdir(path) : unlink(path);
}

void host_clear(const struct chain *c, const struct lines *clean)
{
	struct lines now = LINES_INIT;

	netns_clear(&host);
	for (unsigned i = 0; i < n_containers; i++)
		netns_clear(&containers[i]);
	restore_sysctls(clean, &host);
	host_restore_sysctls(clean);
	for (size_t i = 0; i < 2; i++)
		if (nftw(dirs[i], remove_file, 16, FTW_PHYS | FTW_DEPTH | FTW_MOUNT) != 0)
			die("cannot clear %s: %m", dirs[i]);
	furnish(c);
	host_state(&now);
	if (lines_diff(clean, &now, NULL, stdout))
		die("cannot clear the host");
	lines_done(&now);
}

bool host_container_works(unsigned container)
{
	bool works;

	netns_go(&containers[container]);
	works = net_reaches("10.77.0.1") && net_reaches("fd77::1");
	netns_go(&host);
	return works;
}

/* --- plugins --- */

/* The configuration on one line; for free(). */
static char *make_conf(const struct chain *c, unsigned k, unsigned container, const char *prev)
{
	char number[8];
	char *text;
	char *at;
	int n;

	n = asprintf(&text,
		     "{\"cniVersion\":\"1.1.0\",\"name\":\"faults\",\"type\":\"%s\"%s%s%s%s}",
		     c->plugin[k].type, *c->plugin[k].keys ? "," : "", c->plugin[k].keys,
		     prev ? ",\"prevResult\":" : "", prev ? prev : "");
	if (n < 0)
		die("out of memory");
	(void)snprintf(number, sizeof(number), "%02u", container);
	while ((at = strstr(text, "@@")))
		memcpy(at, number, 2);
	return text;
}

void chain_call(const struct chain *c, unsigned k, const char *verb, unsigned container,
		const char *prev, struct trace_run *run)
{
	const char *build = env_or("FAIRLEAD_BUILD", "build/release");
	const char *dir = run->fault.kind == FAULT_MALLOC ? "faults/cni" : "cni";
	enum {
		N_VARS = 7
	};
	char text[N_VARS][PATH_LEN];
	char *envp[N_VARS + 1] = { NULL };
	char file[PATH_LEN];
	char *argv[] = { file, NULL };
	char *conf = make_conf(c, k, container, prev);
	unsigned n = 6;

	(void)snprintf(file, sizeof(file), "%s/%s/%s", build, dir, c->plugin[k].type);
	(void)snprintf(text[0], PATH_LEN, "CNI_COMMAND=%s", verb);
	(void)snprintf(text[1], PATH_LEN, "CNI_CONTAINERID=cid%02u", container);
	(void)snprintf(text[2], PATH_LEN, "CNI_NETNS=/run/netns/c%u", container);
	(void)snprintf(text[3], PATH_LEN, "CNI_IFNAME=%s", c->ifname);
	(void)snprintf(text[4], PATH_LEN, "CNI_PATH=%s/%s", build, dir);
	/* Leaks are the memory checker's matter, and it must not fail for a fault of ours. */
	(void)snprintf(text[5], PATH_LEN,
		       "ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1");
	if (run->fault.kind == FAULT_MALLOC)
		(void)snprintf(text[n++], PATH_LEN, "FAULT_MALLOC=%u", run->fault.at);
	for (unsigned i = 0; i < n; i++)
		envp[i] = text[i];
	run->argv = argv;
	run->envp = envp;
	run->input = conf;
	trace_run(run);
	if (k == 0 && strcmp(verb, "ADD") == 0 && run->status == 0)
		memcpy(first_results[container], run->out, TRACE_TEXT_LEN);
	run->argv = NULL;
	run->envp = NULL;
	run->input = NULL;
	free(conf);
}

bool chain_add(const struct chain *c, unsigned container, enum fault_kind watch, unsigned from,
	       unsigned to, char result[static TRACE_TEXT_LEN], struct trace_run *run)
{
	for (unsigned k = from; k < to; k++) {
		*run = (struct trace_run){ .fault.kind = watch };
		chain_call(c, k, "ADD", container, *result ? result : NULL, run);
		if (run->status != 0)
			return false;
		memcpy(result, run->out, TRACE_TEXT_LEN);
	}
	return true;
}

bool chain_del(const struct chain *c, unsigned container, unsigned from, unsigned to,
	       const char *prev, struct trace_run *run)
{
	bool clean = true;

	/* As a runtime does it: one that fails does not keep the others. */
	for (unsigned k = from; k-- > to;) {
		struct trace_run one = { .fault.kind = FAULT_NONE };

		chain_call(c, k, "DEL", container, prev, &one);
		if (one.status == 0 && !*one.out)
			continue;
		clean = false;
		*run = one;
	}
	return clean;
}

/* --- what they say --- */

bool is_error_object(const char *text)
{
	const char *code = strstr(text, "\"code\": ");
	const char *msg = strstr(text, "\"msg\": \"");
	size_t len;

	if (text[0] != '{' || !code || !msg || strtol(code + 8, NULL, 10) <= 0)
		return false;
	len = strcspn(msg + 8, "\"");
	/* More than the text of an errno. */
	for (int e = 1; e < 134; e++)
		if (strlen(strerror(e)) == len && strncmp(msg + 8, strerror(e), len) == 0)
			return false;
	return len > 0;
}

static void replace_hex(struct lines *l, const void *data, size_t len, const char *with)
{
	const unsigned char *p = data;
	char hex[64];

	for (size_t i = 0; i < len; i++)
		(void)snprintf(hex + 2 * i, sizeof(hex) - 2 * i, "%02x", p[i]);
	lines_replace(l, hex, with, false);
}

/* Every value of @key in @result; @cut ends it.  All MACs become the same: the bridge takes
 * over that of its first port.
 */
static void normalise_key(struct lines *l, const char *result, const char *key, const char *cut,
			  const char *who)
{
	char pattern[32];
	unsigned n = 0;

	(void)snprintf(pattern, sizeof(pattern), "\"%s\": \"", key);
	for (const char *at = result; (at = strstr(at, pattern)); n++) {
		unsigned char addr[16];
		char value[64];
		char name[32];

		at += strlen(pattern);
		(void)snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, cut), at);
		if (strcmp(key, "mac") == 0)
			(void)snprintf(name, sizeof(name), "<mac>");
		else
			(void)snprintf(name, sizeof(name), "<%s %s %u>", who, key, n);
		lines_replace(l, value, name, true);
		if (inet_pton(AF_INET, value, addr) == 1)
			replace_hex(l, addr, 4, name);
		else if (inet_pton(AF_INET6, value, addr) == 1)
			replace_hex(l, addr, 16, name);
		else if (strncmp(value, "veth", 4) == 0)
			replace_hex(l, value, strlen(value), name);
		else if (sscanf(value, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &addr[0], &addr[1],
				&addr[2], &addr[3], &addr[4], &addr[5]) == 6)
			replace_hex(l, addr, 6, name);
	}
}

/* Put x for the MAC of a line, if it shows one. */
static void mask_mac(char *line)
{
	char *mac = strstr(line, " mac ");
	size_t len;

	if (!mac)
		return;
	mac += strlen(" mac ");
	len = strcspn(mac, " ");
	*mac = 'x';
	memmove(mac + 1, mac + len, strlen(mac + len) + 1);
}

void mask_bridge(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (strncmp(l->v[i], "host link cni0 ", 15) == 0)
			mask_mac(l->v[i]);
	lines_sort(l);
}

/* The port of a VLAN's gateway is in no result. */
static void mask_others(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++) {
		char *name = strstr(l->v[i], " veth");

		if (strncmp(l->v[i], "host ", 5) != 0 || !name || strspn(name + 5, HEX_DIGITS) != 8)
			continue;
		memset(name + 5, 'x', 8);
		mask_mac(l->v[i]);
	}
}

void normalise(struct lines *l, unsigned container, const char *result, const char *who)
{
	const char *const texts[] = { first_results[container], result };
	const char *const stages[] = { "first", "last" };
	char name[32];

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(name, sizeof(name), "%s %s", who, stages[i]);
		normalise_key(l, texts[i], "mac", "\"", name);
		normalise_key(l, texts[i], "address", "/", name);
		normalise_key(l, texts[i], "name", "\"", name);
	}
	mask_others(l);
	lines_sort(l);
}
