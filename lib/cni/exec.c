/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/str.h"
#include "cni/cni_priv.h"

/* An executable that is being replaced cannot be run for a moment. */
#define BUSY_TRIES   50
#define BUSY_WAIT_MS 100

#define DRAIN_READS  64 /* of 16 KiB: the largest pipe of an unprivileged process */

/* --- finding --- */

int cni_exec_find(const char *type, const char *path, char **ret, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf tried = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf quoted = STRBUF_INIT;
	const char *p = path;

	if (!*type)
		return nerr_set(err, -EINVAL, "no plugin name provided");
	if (strchr(type, '/'))
		return nerr_set(err, -EINVAL, "invalid plugin name: %s", type);
	while (*p) {
		CLEANUP(strbuf_done) struct strbuf file = STRBUF_INIT;
		const size_t len = strcspn(p, ":");
		struct stat st;

		strbuf_add_mem(&file, p, len);
		if (len)
			strbuf_addf(&tried, "%s%.*s", tried.len ? " " : "", (int)len, p);
		p += len + (p[len] == ':');
		strbuf_addf(&file, "/%s", type);
		if (file.failed)
			return nerr_oom(err);
		if (!len || stat(file.s, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		*ret = TAKE_PTR(file.s);
		return 0;
	}
	if (!tried.len)
		return nerr_set(err, -EINVAL, "no paths provided");
	cni_quote(&quoted, type);
	return nerr_set(err, -ENOENT, "failed to find plugin %s in path [%s]", strbuf_text(&quoted),
			strbuf_text(&tried));
}

/* --- starting --- */

/**
 * struct child - A plugin that runs
 * @pid:	Also its session and process group; 0 when there is none to be killed
 * @fd:		Read ends of its standard output and error
 */
struct child {
	pid_t pid;
	int pidfd;
	int fd[2];
};

static void child_done(struct child *c)
{
	if (c->pid > 0) {
		/* The group: what the plugin started hangs as it does. */
		(void)kill(-c->pid, SIGKILL);
		(void)waitpid(c->pid, NULL, 0);
		c->pid = 0;
	}
	cleanup_closep(&c->pidfd);
	cleanup_closep(&c->fd[0]);
	cleanup_closep(&c->fd[1]);
}

/* A descriptor that no dup2() onto 0, 1 or 2 can overwrite. */
static int above_stdio(int fd)
{
	int copy;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	(void)close(fd);
	return copy;
}

static int make_pipe(int *ret_read, int *ret_write)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) < 0)
		return -errno;
	/* Only our end: what the plugin gets behaves as a pipe usually does. */
	if (fcntl(fd[0], F_SETFL, O_NONBLOCK) < 0) {
		int r = -errno;

		(void)close(fd[0]);
		(void)close(fd[1]);
		return r;
	}
	*ret_read = fd[0];
	*ret_write = above_stdio(fd[1]);
	return *ret_write < 0 ? -EMFILE : 0;
}

static int make_stdin(const char *text, size_t len, int *ret)
{
	cleanup_close int fd = above_stdio(memfd_create("cni-request", MFD_CLOEXEC));
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, text, len);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

static bool is_replaced(const char *entry, const struct cni_exec_var *vars)
{
	for (; vars->name; vars++) {
		size_t len = strlen(vars->name);

		if (strncmp(entry, vars->name, len) == 0 && entry[len] == '=')
			return true;
	}
	return false;
}

static void free_env(char **env)
{
	for (char **p = env; p && *p; p++)
		free(*p);
	free(env);
}
DEFINE_CLEANUP(char **, free_env);

/* Our environment with @vars in it; NULL on OOM. */
static char **make_env(const struct cni_exec_var *vars)
{
	size_t n_old = 0;
	size_t n_new = 0;
	size_t n = 0;
	char **env;

	while (environ && environ[n_old])
		n_old++;
	while (vars[n_new].name)
		n_new++;
	env = calloc(n_old + n_new + 1, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < n_old; i++) {
		if (is_replaced(environ[i], vars))
			continue;
		env[n] = strdup(environ[i]);
		if (!env[n++])
			goto oom;
	}
	for (size_t i = 0; i < n_new; i++) {
		if (asprintf(&env[n], "%s=%s", vars[i].name, vars[i].value) < 0) {
			env[n] = NULL;
			goto oom;
		}
		n++;
	}
	return env;
oom:
	free_env(env);
	return NULL;
}

/**
 * struct launch - What the new process needs; nothing is allocated there
 * @env:	Its whole environment
 * @stdio:	Its standard descriptors, all above 2
 * @parent:	Us
 * @report:	Gets the errno of what fails; closed by execve()
 */
struct launch {
	const char *file;
	char *const *env;
	const int *stdio;
	pid_t parent;
	int report;
};

/* In the new process, where every signal is blocked.  It has its own copy of what is set here,
 * but our memory: system calls only.  Does not return.
 */
static _Noreturn void become_plugin(const struct launch *l)
{
	char *const argv[] = { (char *)(uintptr_t)l->file, NULL };
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;
	int error;

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &dfl, NULL); /* some cannot be changed, by us or anybody */
	(void)sigemptyset(&none);
	(void)setsid(); /* a child never leads a group, so it cannot fail */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		goto fail;
	if (getppid() != l->parent)
		_exit(EXIT_FAILURE); /* it died before that took effect: nobody listens */
	for (int i = 0; i < 3; i++)
		if (dup2(l->stdio[i], i) < 0)
			goto fail;
	if (close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0)
		goto fail;
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		goto fail;
	(void)execve(l->file, argv, l->env);
fail:
	error = errno;
	(void)!write(l->report, &error, sizeof(error)); /* it fits into the pipe */
	_exit(EXIT_FAILURE);
}

/* A process that shares our memory until it executes the file: half the price of fork(), and
 * posix_spawn() cannot bind its life to ours.  0 or negative errno.
 */
static int spawn(const struct cni_exec *x, char *const *env, const int stdio[3], pid_t *ret)
{
	struct launch l = { .file = x->file, .env = env, .stdio = stdio, .parent = getpid() };
	cleanup_close int answer = -1;
	sigset_t all;
	sigset_t old;
	ssize_t n;
	pid_t pid;
	int error = 0;
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) < 0)
		return -errno;
	answer = fd[0];
	l.report = above_stdio(fd[1]);
	if (l.report < 0)
		return -EMFILE;
	/* A handler of ours must not run there. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
	if (pid == 0)
		become_plugin(&l); /* NOLINT(clang-analyzer-unix.Vfork) never returns */
	if (pid < 0)
		error = errno;
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	(void)close(l.report);
	if (pid < 0)
		return -error;
	do
		n = read(answer, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	if (n == 0) {
		*ret = pid;
		return 0;
	}
	(void)waitpid(pid, NULL, 0); /* it ends by itself */
	return n == sizeof(error) ? -error : -EIO;
}

/* Wait for @ms or until the caller wants no more. */
static bool is_cancelled(int cancel_fd, int ms)
{
	struct pollfd pfd = { .fd = cancel_fd, .events = POLLIN };

	return poll(&pfd, 1, ms) > 0;
}

static int child_start(const struct cni_exec *x, struct child *c, struct nerr *err)
{
	cleanup_close int request = -1;
	cleanup_close int out = -1;
	cleanup_close int errors = -1;
	CLEANUP(free_envp) char **env = make_env(x->vars);
	int r;

	if (!env)
		return nerr_oom(err);
	r = make_stdin(x->request, x->request_len, &request);
	if (r == 0)
		r = make_pipe(&c->fd[0], &out);
	if (r == 0)
		r = make_pipe(&c->fd[1], &errors);
	if (r < 0)
		return nerr_set(err, r, "cannot make the pipes of '%s': %m", x->file);
	for (int i = 0; i < BUSY_TRIES; i++) {
		const int stdio[3] = { request, out, errors };

		r = spawn(x, env, stdio, &c->pid);
		if (r != -ETXTBSY || is_cancelled(x->cancel_fd, BUSY_WAIT_MS))
			break;
	}
	if (r < 0) {
		c->pid = 0;
		return nerr_num(err, r, r == -ETXTBSY ? CNI_TRY_AGAIN : 0, "cannot run '%s': %m",
				x->file);
	}
	c->pidfd = pidfd_open(c->pid, 0);
	if (c->pidfd < 0)
		return nerr_set(err, -errno, "cannot watch '%s': %m", x->file);
	return 0;
}

/* --- watching --- */

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* this clock always is there */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Where the output of a plugin goes. */
struct sink {
	struct strbuf buf;
	size_t max;
	bool strict; /* more than @max is an error, not dropped */
};

/* Read what is there. 1 more may come, 0 end of file, negative errno.  What a pipe
 * holds when its writer ends (1 MiB at most) is read in one call; a writer that never
 * stops cannot keep us here.
 */
static int drain(int fd, struct sink *s)
{
	char buf[8192];

	for (int i = 0; i < DRAIN_READS; i++) {
		ssize_t n = read(fd, buf, sizeof(buf));
		size_t room = s->max - s->buf.len;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 1 : -errno;
		if (n == 0)
			return 0;
		if ((size_t)n > room && s->strict)
			return -EFBIG;
		strbuf_add_mem(&s->buf, buf, (size_t)n > room ? room : (size_t)n);
	}
	return 1;
}

/* Close what has ended; negative errno when a pipe cannot be read or says too much. */
static int drain_both(struct child *c, struct sink sinks[2])
{
	for (int i = 0; i < 2; i++) {
		int r;

		if (c->fd[i] < 0)
			continue;
		r = drain(c->fd[i], &sinks[i]);
		if (r < 0)
			return r;
		if (r == 0) {
			(void)close(c->fd[i]);
			c->fd[i] = -1;
		}
	}
	return 0;
}

/* Until the plugin has ended. Its exit status is left for waitid(). */
static int child_watch(const struct cni_exec *x, struct child *c, struct sink sinks[2],
		       struct nerr *err)
{
	const int64_t deadline = now_ms() + x->timeout_ms;

	for (;;) {
		struct pollfd pfd[] = {
			{ .fd = c->pidfd, .events = POLLIN },
			{ .fd = c->fd[0], .events = POLLIN },
			{ .fd = c->fd[1], .events = POLLIN },
			{ .fd = x->cancel_fd, .events = POLLIN },
		};
		const int64_t left = deadline - now_ms();
		int r;

		r = poll(pfd, ARRAY_SIZE(pfd), left > 0 ? (int)left : 0);
		if (r < 0 && errno != EINTR)
			return nerr_set(err, -errno, "cannot wait for '%s': %m", x->file);
		if (r == 0 && left <= 0)
			return nerr_set(err, -ETIMEDOUT, "no answer within %g s, killed",
					x->timeout_ms / 1000.0);
		if (r <= 0)
			continue;
		/* A process that the plugin left behind may hold the pipes: its end, not
		 * theirs, is what counts.  All it wrote itself is in them by then.
		 */
		r = drain_both(c, sinks);
		if (r == -EFBIG)
			return nerr_set(err, r, "more than %u bytes on standard output, killed",
					CNI_EXEC_STDOUT_MAX);
		if (r < 0)
			return nerr_set(err, r, "cannot read the output of '%s': %m", x->file);
		if (pfd[0].revents)
			return 0;
		if (pfd[3].revents)
			return nerr_set(err, -ECANCELED, "interrupted, killed");
	}
}

/* --- judging --- */

/* "exit status 1", "signal: Killed" */
static void describe_status(const siginfo_t *si, char *buf, size_t size)
{
	if (si->si_code == CLD_EXITED)
		(void)snprintf(buf, size, "exit status %d", si->si_status);
	else
		(void)snprintf(buf, size, "signal: %s", strsignal(si->si_status));
}

static bool is_blank(const char *s)
{
	return s[strspn(s, " \t\r\n")] == '\0';
}

/* Words of the reference library, for what a failed plugin left. */
static int report_failure(const siginfo_t *si, struct sink sinks[2], struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf quoted = STRBUF_INIT;
	const char *out = strbuf_text(&sinks[0].buf);
	const char *errors = strbuf_text(&sinks[1].buf);
	struct nerr said = NERR_INIT;
	struct nerr why = NERR_INIT;
	char status[64];

	describe_status(si, status, sizeof(status));
	if (is_blank(out) && is_blank(errors))
		return nerr_set(err, -EIO, "netplugin failed with no error message: %s", status);
	if (is_blank(out)) {
		cni_quote(&quoted, errors);
		return nerr_set(err, -EIO, "netplugin failed: %s", strbuf_text(&quoted));
	}
	if (cni_error_read(out, sinks[0].buf.len, &said, &why) < 0) {
		cni_quote(&quoted, out);
		return nerr_set(err, -EIO,
				"netplugin failed but error parsing its diagnostic message %s: %s",
				strbuf_text(&quoted), why.msg);
	}
	(void)nerr_num(err, -EIO, said.num, "%s", said.msg);
	if (*said.details)
		(void)nerr_details(err, "%s", said.details);
	return -EIO;
}

static int run(const struct cni_exec *x, struct sink sinks[2], struct nerr *err)
{
	CLEANUP(child_done) struct child c = { .pidfd = -1, .fd = { -1, -1 } };
	siginfo_t si = { 0 };
	int r;

	if (x->cancel_fd >= 0 && is_cancelled(x->cancel_fd, 0))
		return nerr_set(err, -ECANCELED, "interrupted before it ran");
	r = child_start(x, &c, err);
	if (r < 0)
		return r;
	r = child_watch(x, &c, sinks, err);
	if (r < 0)
		return r;
	while ((r = waitid(P_PID, (id_t)c.pid, &si, WEXITED)) < 0 && errno == EINTR)
		;
	c.pid = 0;
	if (r < 0)
		return nerr_set(err, -errno, "cannot wait for '%s': %m", x->file);
	if (sinks[0].buf.failed || sinks[1].buf.failed)
		return nerr_oom(err);
	if (si.si_code != CLD_EXITED || si.si_status != 0)
		return report_failure(&si, sinks, err);
	return 0;
}

int cni_exec_run(const struct cni_exec *x, struct strbuf *ret_out, struct strbuf *ret_err,
		 struct nerr *err)
{
	struct sink sinks[2] = {
		{ .max = CNI_EXEC_STDOUT_MAX, .strict = true },
		{ .max = CNI_EXEC_STDERR_MAX },
	};
	int r = run(x, sinks, err);

	if (r == 0)
		strbuf_add_mem(ret_out, strbuf_text(&sinks[0].buf), sinks[0].buf.len);
	if (ret_err)
		strbuf_add_mem(ret_err, strbuf_text(&sinks[1].buf), sinks[1].buf.len);
	strbuf_done(&sinks[0].buf);
	strbuf_done(&sinks[1].buf);
	return r;
}
