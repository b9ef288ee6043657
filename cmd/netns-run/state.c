/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/lock.h"

#define LOCK_FILE  "lock"
#define STATE_FILE "state.json"
#define DIR_MODE   0700
#define FILE_MODE  0600
#define READ_MODE  0644 /* files that a command of any user reads through a bind mount */

/* A cleaning of the built-in network is all that may hold the lock for long: it runs
 * four plugins.
 */
#define LOCK_ALL_MS   300000

#define STATE_LEN_MAX (16u << 20)

/* All that a directory holds, files that were never finished with it; the lock goes last. */
#define NEW ".new"
static const char *const files[] = {
	STATE_FILE NEW, STATE_FILE, "resolv.conf" NEW, "resolv.conf",
	"hosts" NEW,    "hosts",    LOCK_FILE,
};

void state_done(struct state *st)
{
	cleanup_closep(&st->dir_fd);
	cleanup_closep(&st->lock_fd);
	*st = (struct state)STATE_INIT;
}

int state_lock_all(int *ret, struct nerr *err)
{
	cleanup_close int fd = -1;
	int r;

	r = dir_make_all(STATE_DIR, DIR_MODE);
	if (r < 0)
		return nerr_set(err, r, "cannot make directory '" STATE_DIR "': %m");
	fd = open(STATE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot open directory '" STATE_DIR "': %m");
	r = lock_wait(fd, LOCK_EX, LOCK_ALL_MS);
	if (r < 0)
		return nerr_set(err, r, "cannot lock '" STATE_DIR "': %m");
	*ret = TAKE_FD(fd);
	return 0;
}

/* --- one session's lock --- */

static int open_dir(int all_fd, const char *name, int *ret, struct nerr *err)
{
	int fd = openat(all_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return nerr_set(err, -ENOENT, "no namespace '%s'", name);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot open directory '" STATE_DIR "/%s': %m", name);
	*ret = fd;
	return 0;
}

/* Take the lock of session @name. -EBUSY when another process has it. */
static int take_lock(int dir_fd, const char *name, int *ret, struct nerr *err)
{
	cleanup_close int fd =
		openat(dir_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fd < 0)
		return nerr_set(err, -errno, "cannot open '" STATE_DIR "/%s/" LOCK_FILE "': %m",
				name);
	if (fcntl(fd, F_OFD_SETLK, &fl) < 0)
		return nerr_set(err, errno == EAGAIN || errno == EACCES ? -EBUSY : -errno,
				"cannot lock '" STATE_DIR "/%s/" LOCK_FILE "': %m", name);
	*ret = TAKE_FD(fd);
	return 0;
}

/* Does a process hold the lock? Looking takes nothing from anybody. */
static bool is_live(int dir_fd)
{
	cleanup_close int fd = openat(dir_fd, LOCK_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
}

/* --- files --- */

static int write_file(const struct state *st, const char *file, mode_t mode, const char *text,
		      size_t len, struct nerr *err)
{
	char tmp[64];
	int r;

	(void)snprintf(tmp, sizeof(tmp), "%s" NEW, file); /* file names of ours are short */
	{
		cleanup_close int fd =
			openat(st->dir_fd, tmp,
			       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);

		if (fd < 0)
			return nerr_set(err, -errno, "cannot create state file '%s': %m", tmp);
		/* The umask is the command's, and so is who it runs as. */
		r = fd_write_all(fd, text, len);
		if (r == 0 && fchmod(fd, mode) < 0)
			r = -errno;
	}
	if (r == 0 && renameat(st->dir_fd, tmp, st->dir_fd, file) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(st->dir_fd, tmp, 0); /* the first failure is reported */
		return nerr_set(err, r, "cannot write state file '%s': %m", file);
	}
	return 0;
}

int state_write_file(const struct state *st, const char *file, const char *text, size_t len,
		     struct nerr *err)
{
	return write_file(st, file, READ_MODE, text, len, err);
}

int state_write(const struct state *st, const struct session *s, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	int r;

	r = session_print(s, &text, err);
	return r < 0 ? r : write_file(st, STATE_FILE, FILE_MODE, text.s, text.len, err);
}

static int read_session(int dir_fd, const char *name, struct session *ret, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	cleanup_close int fd = openat(dir_fd, STATE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r;

	if (fd < 0 && errno == ENOENT)
		return nerr_set(err, -ENODATA, "namespace '%s' was never finished", name);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot open the state of '%s': %m", name);
	r = fd_read_all(fd, STATE_LEN_MAX, &text);
	if (r < 0)
		return nerr_set(err, r, "cannot read the state of '%s': %m", name);
	r = session_parse(strbuf_text(&text), text.len, ret, err);
	if (r == 0 && strcmp(ret->name, name) != 0)
		r = nerr_set(err, -EINVAL, "it is that of '%s'", ret->name);
	if (r == 0)
		return 0;
	session_done(ret);
	*ret = (struct session){ .name = NULL };
	(void)nerr_ctx(err, "state of '%s'", name); /* nothing to say without @err */
	return r;
}

int state_reload(const struct state *st, const char *name, struct session *ret, struct nerr *err)
{
	return read_session(st->dir_fd, name, ret, err);
}

int state_read(int all_fd, const char *name, struct session *ret, bool *ret_live, struct nerr *err)
{
	cleanup_close int dir_fd = -1;
	bool live;
	int r;

	r = open_dir(all_fd, name, &dir_fd, err);
	if (r < 0)
		return r;
	live = is_live(dir_fd);
	r = read_session(dir_fd, name, ret, err);
	if (r < 0)
		return r;
	*ret_live = live;
	return 0;
}

/* --- making and taking --- */

/* Why a directory is there already. */
static int name_taken(int all_fd, const char *name, struct nerr *err)
{
	CLEANUP(session_done) struct session other = { .name = NULL };
	bool live;

	if (state_read(all_fd, name, &other, &live, NULL) == 0 && live)
		return nerr_set(err, -EEXIST, "name '%s' is in use by process %d", name,
				(int)other.pid);
	return nerr_set(
		err, -EEXIST,
		"name '%s' is taken by a namespace that was %s ('netns-run rm %s' removes it)",
		name, other.name && other.phase == SESSION_KEPT ? "kept" : "left behind", name);
}

/* Under the lock on all sessions: who looks for this one finds it whole or not at all.
 * Entries that are none of our files keep the directory: somebody put them there.
 */
static int remove_dir(const struct state *st, int all_fd, const char *name, struct nerr *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (unlinkat(st->dir_fd, files[i], 0) < 0 && errno != ENOENT)
			return nerr_set(err, -errno, "cannot remove '" STATE_DIR "/%s/%s': %m",
					name, files[i]);
	if (unlinkat(all_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return nerr_set(err, -errno, "cannot remove directory '" STATE_DIR "/%s': %m",
				name);
	return 0;
}

int state_create(const struct session *s, struct state *ret, struct nerr *err)
{
	CLEANUP(state_done) struct state st = STATE_INIT;
	cleanup_close int all_fd = -1;
	int r;

	r = state_lock_all(&all_fd, err);
	if (r < 0)
		return r;
	if (access(s->netns, F_OK) == 0 && faccessat(all_fd, s->name, F_OK, 0) < 0)
		return nerr_set(err, -EEXIST, "name '%s' is taken: '%s' exists", s->name, s->netns);
	if (mkdirat(all_fd, s->name, DIR_MODE) < 0) {
		if (errno == EEXIST)
			return name_taken(all_fd, s->name, err);
		return nerr_set(err, -errno, "cannot make directory '" STATE_DIR "/%s': %m",
				s->name);
	}
	r = open_dir(all_fd, s->name, &st.dir_fd, err);
	if (r == 0)
		r = take_lock(st.dir_fd, s->name, &st.lock_fd, err);
	if (r == 0) {
		r = state_write(&st, s, err);
		if (r < 0)
			(void)nerr_ctx(err, "namespace '%s'", s->name);
	}
	if (r < 0) {
		(void)remove_dir(&st, all_fd, s->name, NULL); /* the first failure is reported */
		return r;
	}
	*ret = st;
	st = (struct state)STATE_INIT;
	return 0;
}

int state_take(int all_fd, const char *name, struct state *ret, pid_t *ret_pid, struct nerr *err)
{
	CLEANUP(state_done) struct state st = STATE_INIT;
	CLEANUP(session_done) struct session s = { .name = NULL };
	int r;

	r = open_dir(all_fd, name, &st.dir_fd, err);
	if (r < 0)
		return r;
	r = take_lock(st.dir_fd, name, &st.lock_fd, err);
	if (r == -EBUSY) {
		pid_t pid = read_session(st.dir_fd, name, &s, NULL) == 0 ? s.pid : 0;

		if (ret_pid)
			*ret_pid = pid;
		return nerr_set(err, -EBUSY, "namespace '%s' is in use by process %d", name,
				(int)pid);
	}
	if (r < 0)
		return r;
	*ret = st;
	st = (struct state)STATE_INIT;
	return 0;
}

int state_remove(struct state *st, const char *name, struct nerr *err)
{
	cleanup_close int all_fd = -1;
	int r;

	r = state_lock_all(&all_fd, err);
	if (r == 0)
		r = remove_dir(st, all_fd, name, err);
	if (r == 0)
		state_done(st);
	return r;
}

static int name_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int is_session(const struct dirent *e)
{
	return session_name_is_valid(e->d_name);
}

int state_list(int all_fd, struct arena *arena, struct json_strings *ret, struct nerr *err)
{
	struct dirent **entries = NULL;
	int r = 0;
	int n;

	n = scandirat(all_fd, ".", &entries, is_session, NULL);
	if (n < 0)
		return nerr_set(err, -errno, "cannot read directory '" STATE_DIR "': %m");
	*ret = (struct json_strings){ .v = arena_calloc(arena, (size_t)n + 1, sizeof(*ret->v)) };
	for (int i = 0; i < n; i++) {
		if (ret->v)
			ret->v[ret->n] = arena_strdup(arena, entries[i]->d_name);
		if (!ret->v || !ret->v[ret->n++])
			r = -ENOMEM;
		free(entries[i]);
	}
	free(entries);
	if (r < 0)
		return nerr_oom(err);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), name_cmp);
	return 0;
}
