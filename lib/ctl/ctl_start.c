/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Starting a netstackd.
 *
 *	caller --fork--> keeper --fork--> netstackd
 *
 * The keeper is its parent until it serves.  Told that it does, the keeper ends, and the daemon is
 * nobody's child; told otherwise, or when the caller is killed meanwhile, it ends the daemon, which
 * it can do without mistaking another process for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "ctl/ctl.h"
#include "ctl/ctl_priv.h"

#define ARGS_MAX 64

/* What it has to say why it failed. */
#define SAID_MAX 2048

/* In the daemon. */
#define READY_FD 3

/* What the keeper is told. */
#define DETACH 'd'

static void close_all_from(unsigned int first)
{
	/* Debian 12's glibc has close_range(), Linux 5.9 does, too; older ones keep what is
	 * not close-on-exec.
	 */
	(void)syscall(SYS_close_range, first, ~0U, 0);
}

/* --- processes: after fork(), with nothing but system calls --- */

/* @keep: sockets, for a pipe that nobody reads would end the caller by SIGPIPE. */
struct pipes {
	int ready[2];
	int said[2];
	int keep[2];
};

static void reset_signals(void)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL); /* not possible for a few, which have no other */
	(void)sigemptyset(&none);         /* cannot fail */
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* likewise */
}

static _Noreturn void be_daemon(const char *program, char *const *argv, char *const *envp,
				const struct pipes *p)
{
	static const char cannot[] = "cannot execute the program\n";
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int said = fcntl(p->said[1], F_DUPFD_CLOEXEC, READY_FD + 1);
	const int ready = fcntl(p->ready[1], F_DUPFD_CLOEXEC, READY_FD + 1);

	(void)setsid(); /* a new process is no leader yet */
	reset_signals();
	if (null >= 0 && said >= 0 && ready >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
	    dup2(null, STDOUT_FILENO) >= 0 && dup2(said, STDERR_FILENO) >= 0 &&
	    dup2(ready, READY_FD) >= 0) {
		close_all_from(READY_FD + 1);
		(void)execve(program, argv, envp);
	}
	if (write(STDERR_FILENO, cannot, sizeof(cannot) - 1) < 0)
		_exit(126);
	_exit(127);
}

static _Noreturn void be_keeper(const char *program, char *const *argv, char *const *envp,
				const struct pipes *p)
{
	const pid_t pid = fork();
	char word = 0;
	ssize_t n;

	if (pid == 0)
		be_daemon(program, argv, envp, p);
	(void)setsid(); /* what ends the caller by its terminal does not end us first */
	(void)close(p->keep[1]);
	(void)close(p->ready[1]);
	(void)close(p->said[1]);
	(void)dup2(p->keep[0], STDIN_FILENO); /* both are open */
	close_all_from(STDIN_FILENO + 1);
	if (pid < 0)
		_exit(1);
	do
		n = read(STDIN_FILENO, &word, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1 && word == DETACH)
		_exit(0);
	(void)kill(pid, SIGKILL); /* our child: it is there, if only as a zombie */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	_exit(1);
}

/* --- the caller --- */

static void close_pair(int fd[2])
{
	for (int i = 0; i < 2; i++) {
		if (fd[i] >= 0)
			(void)close(fd[i]); /* a pipe */
		fd[i] = -1;
	}
}

static void pipes_done(struct pipes *p)
{
	close_pair(p->ready);
	close_pair(p->said);
	close_pair(p->keep);
}

static int pipes_make(struct pipes *ret, struct nerr *err)
{
	if (pipe2(ret->ready, O_CLOEXEC) < 0 || pipe2(ret->said, O_CLOEXEC) < 0)
		return nerr_set(err, -errno, "cannot make a pipe: %m");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret->keep) < 0)
		return nerr_set(err, -errno, "cannot make a pair of sockets: %m");
	if (fcntl(ret->said[0], F_SETFL, O_NONBLOCK) < 0)
		return nerr_set(err, -errno, "cannot make a pipe non-blocking: %m");
	return 0;
}

static void read_said(int fd, struct strbuf *said)
{
	char part[512];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) > 0)
		if (said->len + (size_t)n <= SAID_MAX)
			strbuf_add_mem(said, part, (size_t)n);
}

/* 0 when it serves, -EPIPE when it has ended, -ETIMEDOUT */
static int wait_ready(const struct pipes *p, struct strbuf *said, uint64_t end_ms)
{
	struct pollfd fds[] = {
		{ .fd = p->ready[0], .events = POLLIN },
		{ .fd = p->said[0], .events = POLLIN },
	};

	for (;;) {
		const uint64_t now = ctl_now_ms();
		const uint64_t left = now < end_ms ? end_ms - now : 0;
		const int r = poll(fds, ARRAY_SIZE(fds), left < INT32_MAX ? (int)left : INT32_MAX);
		char word;

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0 && fds[1].revents)
			read_said(p->said[0], said);
		if (r > 0 && fds[0].revents) {
			if (read(p->ready[0], &word, 1) == 1)
				return 0;
			fds[0].fd = -1; /* it gives up, and is about to say why */
		}
		if (r > 0 && (fds[1].revents & POLLHUP))
			fds[1].fd = -1;
		if (fds[0].fd < 0 && (fds[1].fd < 0 || left == 0))
			return -EPIPE;
		if (left == 0)
			return -ETIMEDOUT;
	}
}

/* The last line it said, without the name of the program before it. */
static const char *last_line(struct strbuf *said)
{
	char *s = said->s;
	char *line;

	if (!s)
		return NULL;
	while (said->len && s[said->len - 1] == '\n')
		s[--said->len] = '\0';
	line = strrchr(s, '\n');
	line = line ? line + 1 : s;
	if (str_has_prefix(line, "netstackd: "))
		line += strlen("netstackd: ");
	return *line ? line : NULL;
}

static int explain(int r, const struct ctl_start *conf, struct strbuf *said, struct nerr *err)
{
	const char *why = last_line(said);

	if (r == -ETIMEDOUT)
		return nerr_set(err, r, "'%s' does not serve after %u ms%s%s", conf->program,
				conf->timeout_ms, why ? ": " : "", why ? why : "");
	if (r == -EPIPE)
		return nerr_set(err, -EIO, "'%s' failed: %s", conf->program,
				why ? why : "it ended without a word");
	return nerr_set(err, r, "cannot wait for '%s': %m", conf->program);
}

/* @argv with "--ready-fd 3". */
static int make_args(const struct ctl_start *conf, char *ret[static ARGS_MAX], struct nerr *err)
{
	static char option[] = "--ready-fd";
	static char number[] = "3";
	size_t n = 0;

	while (conf->argv[n] && n < ARGS_MAX - 3) {
		ret[n] = (char *)(uintptr_t)conf->argv[n]; /* execve() does not write there */
		n++;
	}
	if (conf->argv[n])
		return nerr_set(err, -E2BIG, "more than %d arguments for '%s'", ARGS_MAX - 3,
				conf->program);
	ret[n++] = option;
	ret[n++] = number;
	ret[n] = NULL;
	return 0;
}

/* The environment, but for whom systemd waits for: it is the caller, and not the daemon. */
static int make_env(char ***ret, struct nerr *err)
{
	size_t n = 0;
	size_t to = 0;
	char **env;

	while (environ && environ[n])
		n++;
	env = calloc(n + 1, sizeof(*env));
	if (!env)
		return nerr_oom(err);
	for (size_t i = 0; i < n; i++)
		if (!str_has_prefix(environ[i], "NOTIFY_SOCKET="))
			env[to++] = environ[i];
	*ret = env;
	return 0;
}

static int start(const struct ctl_start *conf, char *const *argv, char *const *envp,
		 struct pipes *p, struct strbuf *said, struct nerr *err)
{
	const pid_t pid = fork();
	const char word = DETACH;
	int status;
	int r;

	if (pid < 0)
		return nerr_set(err, -errno, "cannot start a process: %m");
	if (pid == 0)
		be_keeper(conf->program, argv, envp, p);
	(void)close(p->ready[1]); /* a pipe */
	(void)close(p->said[1]);  /* a pipe */
	(void)close(p->keep[0]);  /* a pipe */
	p->ready[1] = p->said[1] = p->keep[0] = -1;
	r = wait_ready(p, said, ctl_now_ms() + conf->timeout_ms);
	/* Somebody may have killed the keeper: then the daemon is nobody's child already. */
	if (r == 0)
		(void)send(p->keep[1], &word, 1, MSG_NOSIGNAL);
	(void)close(p->keep[1]); /* the keeper ends */
	p->keep[1] = -1;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		read_said(p->said[0], said); /* it is gone: this is all */
	return r < 0 ? explain(r, conf, said, err) : 0;
}

int ctl_start(const struct ctl_start *conf, struct nerr *err)
{
	CLEANUP(pipes_done)
	struct pipes p = { .ready = { -1, -1 }, .said = { -1, -1 }, .keep = { -1, -1 } };
	CLEANUP(strbuf_done) struct strbuf said = STRBUF_INIT;
	cleanup_free char **envp = NULL;
	char *argv[ARGS_MAX];
	int r;

	if (access(conf->program, X_OK) < 0)
		return nerr_set(err, -errno, "cannot execute '%s': %m", conf->program);
	r = make_args(conf, argv, err);
	if (r == 0)
		r = make_env(&envp, err);
	if (r == 0)
		r = pipes_make(&p, err);
	return r < 0 ? r : start(conf, argv, envp, &p, &said, err);
}
