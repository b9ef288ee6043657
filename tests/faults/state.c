/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/faults/state.h"

#include <net/if.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/faults/lines.h"
#include "tests/faults/state_priv.h"

/* --- namespaces --- */

static int open_ns(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("cannot open the network namespace: %m");
	return fd;
}

static int open_netlink(int bus)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus);

	if (fd < 0)
		die("cannot open a netlink socket: %m");
	return fd;
}

void netns_set_loopback_up(void)
{
	struct ifreq req = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &req) < 0)
		die("cannot set the loopback interface up: %m");
	(void)close(fd);
}

void netns_make_enter(struct netns *ns, const char *name)
{
	if (unshare(CLONE_NEWNET) < 0)
		die("cannot make a network namespace (root is needed): %m");
	ns->name = name;
	ns->fd = open_ns();
	ns->route = open_netlink(NETLINK_ROUTE);
	ns->nft = open_netlink(NETLINK_NETFILTER);
}

void netns_make(struct netns *ns, const char *name)
{
	struct netns home = { .fd = open_ns() };

	netns_make_enter(ns, name);
	netns_go(&home);
	(void)close(home.fd);
}

void netns_clear(struct netns *ns)
{
	state_clear_route(ns);
	state_clear_nft(ns);
}

void netns_close(struct netns *ns)
{
	(void)close(ns->nft);
	(void)close(ns->route);
	(void)close(ns->fd);
}

void netns_go(const struct netns *ns)
{
	if (setns(ns->fd, CLONE_NEWNET) < 0)
		die("cannot enter a network namespace: %m");
}

/* --- sysctls --- */

#define SYSCTLS_MAX 64

static char *sysctls[SYSCTLS_MAX];
static size_t n_sysctls;

void state_add_sysctl(const char *path)
{
	/* Those of an interface with a random name go with it. */
	if (strncmp(path, "/proc/sys/", 10) != 0 || strstr(path, "/veth"))
		return;
	for (size_t i = 0; i < n_sysctls; i++)
		if (strcmp(sysctls[i], path) == 0)
			return;
	if (n_sysctls == SYSCTLS_MAX)
		die("too many sysctls");
	sysctls[n_sysctls] = strdup(path);
	if (!sysctls[n_sysctls])
		die("out of memory");
	n_sysctls++;
}

static void read_sysctls(struct lines *l, const struct netns *ns)
{
	for (size_t i = 0; i < n_sysctls; i++) {
		int fd = open(sysctls[i], O_RDONLY | O_CLOEXEC);
		char value[256];
		ssize_t n;

		if (fd < 0)
			continue;
		n = read(fd, value, sizeof(value) - 1);
		(void)close(fd);
		value[n > 0 ? n : 0] = '\0';
		value[strcspn(value, "\n")] = '\0';
		lines_addf(l, "%s sysctl %s = %s", ns->name, sysctls[i], value);
	}
}

void state_write_sysctl(const char *line)
{
	const char *sep = strstr(line, " = ");
	char path[256];
	int fd;

	if (!sep)
		die("'%s' is no sysctl", line);
	(void)snprintf(path, sizeof(path), "%.*s", (int)(sep - line), line);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, sep + 3, strlen(sep + 3)) < 0)
		die("cannot write to %s: %m", path);
	(void)close(fd);
}

/* --- files --- */

static struct lines *files_to; /* nftw() has no argument for it */

/* Text as it is, anything else escaped. */
static void put_content(FILE *to, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	unsigned char buf[512];
	ssize_t n;

	if (fd < 0)
		die("cannot read %s: %m", path);
	n = read(fd, buf, sizeof(buf));
	(void)close(fd);
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] >= ' ' && buf[i] < 127)
			(void)fputc(buf[i], to);
		else
			(void)fprintf(to, "\\%02x", buf[i]);
	}
}

static int see_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *name = path + ftw->base;
	char *text = NULL;
	size_t size;
	FILE *f;

	if (type == FTW_D) {
		lines_addf(files_to, "file %s/ %o", path, st->st_mode & 07777);
		return 0;
	}
	/* Which boot it is, and where the next search for an address begins: written when
	 * that is possible, and never missed.
	 */
	if (strcmp(name, ".boot_id") == 0 || strncmp(name, "last_reserved_ip.", 17) == 0)
		return 0;
	f = open_memstream(&text, &size);
	if (!f)
		die("out of memory");
	(void)fprintf(f, "file %s %o ", path, st->st_mode & 07777);
	if (S_ISREG(st->st_mode))
		put_content(f, path);
	if (fclose(f) != 0)
		die("out of memory");
	lines_addf(files_to, "%s", text);
	free(text);
	return 0;
}

void state_read_files(struct lines *l, const char *dir)
{
	struct stat st;

	if (stat(dir, &st) < 0)
		return;
	files_to = l;
	if (nftw(dir, see_file, 16, FTW_PHYS) != 0)
		die("cannot list %s: %m", dir);
}

/* --- all of a namespace --- */

void state_read(struct lines *l, const struct netns *ns, const struct netns *home)
{
	netns_go(ns);
	state_read_route(l, ns);
	state_read_nft(l, ns);
	read_sysctls(l, ns);
	netns_go(home);
}
