/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipam/host-local/boot_priv.h"
#include "ipam/host-local/store_priv.h"

#define MARKER_NAME ".boot_id"
#define BOOT_ID_LEN 36 /* 8-4-4-4-12 hexadecimal digits */
#define NS_PER_S    1000000000

/* The same sum as btime of /proc/stat, which costs a look at every interrupt. */
bool hl_boot_is_before(const struct timespec *t)
{
	struct timespec now;
	struct timespec up;
	struct timespec boot;

	(void)clock_gettime(CLOCK_BOOTTIME, &up); /* both clocks are always there */
	(void)clock_gettime(CLOCK_REALTIME, &now);
	boot.tv_sec = now.tv_sec - up.tv_sec;
	boot.tv_nsec = now.tv_nsec - up.tv_nsec;
	if (boot.tv_nsec < 0) {
		boot.tv_nsec += NS_PER_S;
		boot.tv_sec--;
	}
	return t->tv_sec < boot.tv_sec || (t->tv_sec == boot.tv_sec && t->tv_nsec < boot.tv_nsec);
}

static bool is_boot_id(const char *s)
{
	return strlen(s) == BOOT_ID_LEN && strspn(s, "0123456789abcdef-") == BOOT_ID_LEN;
}

/* What the marker says, or "" when it is missing or damaged. */
static void read_marker(const struct hl_store *st, char id[static BOOT_ID_LEN + 1])
{
	ssize_t n = hl_store_read_file(st, MARKER_NAME, id, BOOT_ID_LEN);

	id[n > 0 ? n : 0] = '\0';
	if (!is_boot_id(id))
		id[0] = '\0';
}

static bool is_from_earlier_boot(void *arg, const struct hl_record *rec, int fd)
{
	struct stat st;

	(void)arg; /* the clock is all it takes */
	return rec->kind == HL_RECORD_FULL && fstat(fd, &st) == 0 && hl_boot_is_before(&st.st_mtim);
}

void hl_boot_check(struct hl_store *st)
{
	char marked[BOOT_ID_LEN + 1];
	char now[BOOT_ID_LEN + 2]; /* a line end is cut */
	struct nerr err = NERR_INIT;
	int r;

	if (file_read(AT_FDCWD, st->env->boot_id_path, now, sizeof(now)) < 0 || !is_boot_id(now))
		return; /* no /proc: nothing can be told */
	read_marker(st, marked);
	if (strcmp(marked, now) == 0)
		return;
	if (marked[0]) {
		r = hl_store_scan(st, is_from_earlier_boot, NULL, &err);
		if (r < 0) {
			log_warn("cannot release reservations of an earlier boot: %s", err.msg);
			return; /* tried again next time */
		}
	}
	r = hl_store_write_file(st, MARKER_NAME, now);
	if (r < 0) {
		errno = -r;
		log_warn("cannot write '%s/" MARKER_NAME "': %m", st->path);
	}
}
