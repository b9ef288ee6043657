/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/close_range.h>
#include <linux/netlink.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/log.h"
#include "etc.h"
#include "netlink/link.h"
#include "netlink/nlsock.h"
#include "opts.h"
#include "sandbox/netns.h"
#include "teardown.h"

/* Another ip-netns(8) holds the lock for a mount. */
#define NETNS_DIR_LOCK_MS 10000

/* --- the namespace --- */

/* Namespace files are mounts, and mounts under NETNS_DIR must reach every mount namespace
 * that wants to see them: it is a shared mount point of its own, made under a lock, as
 * ip-netns(8) makes it.
 */
static int prepare_netns_dir(struct nerr *err)
{
	cleanup_close int fd = -1;
	int r;

	r = dir_make_all(NETNS_DIR, 0755);
	if (r < 0)
		return nerr_set(err, r, "cannot make directory '" NETNS_DIR "': %m");
	fd = open(NETNS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot open directory '" NETNS_DIR "': %m");
	r = lock_wait(fd, LOCK_EX, NETNS_DIR_LOCK_MS);
	if (r < 0)
		return nerr_set(err, r, "cannot lock directory '" NETNS_DIR "': %m");
	if (mount(NULL, NETNS_DIR, NULL, MS_SHARED | MS_REC, NULL) == 0)
		return 0;
	if (errno != EINVAL || mount(NETNS_DIR, NETNS_DIR, NULL, MS_BIND | MS_REC, NULL) < 0 ||
	    mount(NULL, NETNS_DIR, NULL, MS_SHARED | MS_REC, NULL) < 0)
		return nerr_set(err, -errno, "cannot make '" NETNS_DIR "' a shared mount: %m");
	return 0;
}

static int loopback_up(void *arg, struct nerr *err)
{
	struct nlsock *nl;
	int r;

	(void)arg;
	r = nlsock_open(&nl, NETLINK_ROUTE, err);
	if (r < 0)
		return r;
	link_put_up(nl, 1, "lo"); /* LOOPBACK_IFINDEX of include/net/flow.h */
	r = nlsock_commit(nl, err);
	nlsock_close(nl);
	return r;
}

static int make_netns(struct session *s, struct nerr *err)
{
	cleanup_close int fd = -1;
	int r;

	r = prepare_netns_dir(err);
	if (r < 0)
		return r;
	r = netns_create(s->netns, err);
	if (r == -EEXIST)
		return nerr_set(err, r, "name '%s' is taken: '%s' exists", s->name, s->netns);
	if (r < 0)
		return r;
	s->made_netns = true;
	r = netns_open(s->netns, &fd, err);
	return r < 0 ? r : netns_run_in(fd, loopback_up, NULL, err);
}

/* --- the process --- */

/* What a terminal or a careless kill sends is the main process's business. */
static void ignore_signals(void)
{
	static const int ignored[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGPIPE, SIGTERM, SIGUSR1,
				       SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU };

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN); /* none of these can fail */
}

/* Only what is needed: a lock or a pipe of the caller must not live as long as we. */
static void close_others(int fd)
{
	(void)close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0); /* old kernels keep them open */
	(void)close_range((unsigned)fd + 1, ~0u, 0);               /* likewise */
}

static int redirect_stdio(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
		return -errno;
	return fd > STDERR_FILENO ? close(fd) : 0;
}

/* Until the main process has ended. False when it has said that nothing is to be kept. */
static bool wait_for_main(int fd)
{
	bool keep = true;
	char c;

	for (;;) {
		ssize_t n = read(fd, &c, 1);

		if (n == 0 || (n < 0 && errno != EINTR))
			return keep;
		keep = keep && n != 1;
	}
}

static int set_up(struct session *s, struct state *st, const struct wants *w,
		  const struct opt_list *dns, int fd, struct nerr *err)
{
	const struct cni_runtime rt = nets_runtime(s, fd);
	int r;

	r = ports_claim(w->ports, w->n_ports, err);
	if (r == 0)
		r = make_netns(s, err);
	if (r == 0)
		r = nets_attach(s, w, &rt, err);
	if (r == 0)
		r = etc_write(s, st, dns, err);
	if (r < 0)
		return r;
	s->phase = SESSION_RUNNING;
	return state_write(st, s, err);
}

/* Tell the main process, and let it hold the lock, too.  It may be gone already. */
static void say_ready(int fd, const struct state *st)
{
	const int fds[] = { st->dir_fd, st->lock_fd };
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(fds))];
	} control = { .buf = "" };
	char byte = 'R';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};

	control.hdr.cmsg_level = SOL_SOCKET;
	control.hdr.cmsg_type = SCM_RIGHTS;
	control.hdr.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.hdr), fds, sizeof(fds));
	(void)sendmsg(fd, &msg, MSG_NOSIGNAL); /* it hears of our end in any case */
}

/* Return: exit status. */
static int guard_main(struct session *s, const struct wants *w, const struct opt_list *dns, int fd)
{
	struct state st = STATE_INIT;
	struct nerr err = NERR_INIT;
	int r;

	s->guard_pid = getpid();
	r = state_create(s, &st, &err);
	if (r < 0) {
		log_err("%s", err.msg);
		return EXIT_FAILURE;
	}
	r = set_up(s, &st, w, dns, fd, &err);
	if (r < 0) {
		/* Who interrupted it knows. */
		if (r != -ECANCELED)
			log_err("%s", err.msg);
		(void)teardown(s, &st, false); /* the failure above is the one that counts */
		return EXIT_FAILURE;
	}
	say_ready(fd, &st);
	if (!wait_for_main(fd) || !s->keep)
		return teardown(s, &st, false) == 0 ? 0 : EXIT_FAILURE;
	s->phase = SESSION_KEPT;
	r = state_write(&st, s, &err);
	if (r < 0)
		log_err("namespace '%s': %s", s->name, err.msg);
	return r < 0 ? EXIT_FAILURE : 0;
}

/* --- the main process's side --- */

/* When the guard is killed the plugin that it is running becomes our child.  Not while
 * the command runs: what that leaves behind goes to init, as it always does.
 */
static void adopt_orphans(bool on)
{
	(void)prctl(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); /* cannot fail since Linux 3.4 */
}

/* A child of ours besides the guard, 0 when there is none. */
static pid_t find_orphan(void)
{
	char path[64];
	char list[4096];
	char *end;
	long pid;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	if (file_read(AT_FDCWD, path, list, sizeof(list)) < 0)
		return 0;
	pid = strtol(list, &end, 10);
	return end != list && pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

/* End what a killed guard has left running. It leads a group, see cni_exec_run(). */
static void end_orphans(void)
{
	pid_t pid;

	while ((pid = find_orphan())) {
		(void)kill(-pid, SIGKILL); /* it may have ended by itself */
		(void)kill(pid, SIGKILL);
		if (waitpid(pid, NULL, 0) < 0 && errno != EINTR)
			return;
	}
}

int guard_start(struct session *s, const struct wants *w, const struct opt_list *dns,
		struct guard *ret, struct nerr *err)
{
	cleanup_close int ours = -1;
	cleanup_close int theirs = -1;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return nerr_set(err, -errno, "cannot make a socket: %m");
	ours = pair[0];
	theirs = pair[1];
	adopt_orphans(true);
	pid = fork();
	if (pid < 0)
		return nerr_set(err, -errno, "cannot fork: %m");
	if (pid == 0) {
		(void)close(TAKE_FD(ours)); /* or we would never see its end */
		(void)setsid();             /* a child never leads a group, so it cannot fail */
		ignore_signals();
		(void)umask(022);
		close_others(theirs);
		(void)redirect_stdio(); /* with the caller's it works, too */
		_exit(guard_main(s, w, dns, theirs));
	}
	*ret = (struct guard){ .pid = pid, .fd = TAKE_FD(ours) };
	return 0;
}

bool guard_is_ready(struct guard *g, struct state *st)
{
	int fds[2];
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(fds))];
	} control = { .buf = "" };
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};

	if (recvmsg(g->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1)
		return false;
	/* Without the lock we could not take the guard's place: the command is not run. */
	if (msg.msg_controllen < CMSG_LEN(sizeof(fds)) || control.hdr.cmsg_type != SCM_RIGHTS ||
	    control.hdr.cmsg_len != CMSG_LEN(sizeof(fds))) {
		log_err("cannot receive the lock of the namespace (too many open files?)");
		return false;
	}
	memcpy(fds, CMSG_DATA(&control.hdr), sizeof(fds));
	st->dir_fd = fds[0];
	st->lock_fd = fds[1];
	adopt_orphans(false);
	return true;
}

enum guard_outcome guard_finish(struct guard *g, bool may_keep)
{
	int status;
	pid_t pid;

	adopt_orphans(true);
	if (g->fd >= 0 && !may_keep)
		(void)send(g->fd, "A", 1, MSG_NOSIGNAL); /* whoever has ended keeps nothing */
	cleanup_closep(&g->fd);
	g->fd = -1;
	do
		pid = waitpid(g->pid, &status, 0);
	while (pid < 0 && errno == EINTR);
	g->pid = 0;
	if (pid > 0 && WIFEXITED(status))
		return WEXITSTATUS(status) == 0 ? GUARD_DONE : GUARD_FAILED;
	end_orphans();
	return GUARD_LOST;
}
