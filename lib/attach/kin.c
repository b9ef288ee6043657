/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The parent and the children of a process: who may have its descriptors by fork().
 *
 * /proc/PID/task/TID/children is not on every kernel (CONFIG_PROC_CHILDREN), so all processes
 * are asked for their parent.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach/tracee.h"
#include "attach/tracee_priv.h"
#include "base/cleanup.h"

/* Others wait for us meanwhile. */
#define PROCESSES_MAX 4096

pid_t tracee_parent(struct tracees *t, pid_t tid)
{
	cleanup_close int fd = tracee_open_proc(t, tid, "stat", O_RDONLY);
	char text[256];
	const char *at;
	ssize_t n;
	long pid;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	/* "7 (name) S 1 ...": the name may have anything in it. */
	at = strrchr(text, ')');
	if (!at || strlen(at) < 5)
		return -EPROTO;
	pid = strtol(at + 4, NULL, 10);
	return pid > 0 && pid <= INT32_MAX ? (pid_t)pid : -ESRCH;
}

static void closedirp(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

unsigned int tracee_children(struct tracees *t, pid_t pid, pid_t *ret, unsigned int n)
{
	CLEANUP(closedirp) DIR *dir = NULL;
	unsigned int looks = PROCESSES_MAX;
	const struct dirent *e;
	unsigned int found = 0;
	int fd = openat(t->proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd); /* only read */
		return 0;
	}
	while (found < n && looks && (e = readdir(dir))) {
		const pid_t child = isdigit((unsigned char)e->d_name[0])
					    ? (pid_t)strtol(e->d_name, NULL, 10)
					    : 0;

		if (child <= 0)
			continue;
		looks--;
		if (tracee_parent(t, child) == pid)
			ret[found++] = child;
	}
	return found;
}
