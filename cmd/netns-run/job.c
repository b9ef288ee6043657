/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "inside.h"
#include "opts.h"
#include "sandbox/netns.h"
#include "ustack.h"

/* Passed on to the command.  SIGCONT and SIGCHLD are handled besides; SIGTTIN and SIGTTOU
 * stop us together with the command, as they should.
 */
static const int forwarded[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1,
				 SIGUSR2, SIGALRM, SIGTSTP, SIGWINCH };
/* Asks to end, also before there is a command. */
static const int ending[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

static bool in_list(int sig, const int *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == sig)
			return true;
	return false;
}

/* As after nohup(1): we and the command are not to hear of it. */
static bool is_ignored(int sig)
{
	struct sigaction sa;

	return sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN;
}

int job_signals_block(struct job_signals *ret, struct nerr *err)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		if (!is_ignored(forwarded[i]))
			(void)sigaddset(&set, forwarded[i]);
	(void)sigaddset(&set, SIGCONT);
	(void)sigaddset(&set, SIGCHLD);
	ret->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (ret->fd < 0)
		return nerr_set(err, -errno, "cannot make a signalfd: %m");
	(void)sigaddset(&set, SIGPIPE); /* standard error may be closed; never read */
	(void)sigprocmask(SIG_BLOCK, &set, &ret->mask); /* cannot fail with these arguments */
	/* Ignored, it would make children vanish before they are waited for. */
	(void)sigaction(SIGCHLD, &dfl, &ret->chld); /* likewise */
	return 0;
}

static void signals_restore(const struct job_signals *js)
{
	(void)sigaction(SIGCHLD, &js->chld, NULL); /* it was like that before */
	(void)sigprocmask(SIG_SETMASK, &js->mask, NULL);
}

/* The next signal; 0 when none is there. */
static int next_signal(const struct job_signals *js, struct signalfd_siginfo *ret)
{
	return read(js->fd, ret, sizeof(*ret)) == sizeof(*ret) ? (int)ret->ssi_signo : 0;
}

bool job_wait_ready(const struct job_signals *js, struct guard *g, struct state *st, int *ret_sig)
{
	*ret_sig = 0;
	for (;;) {
		struct pollfd pfd[] = { { .fd = g->fd, .events = POLLIN },
					{ .fd = js->fd, .events = POLLIN } };
		struct signalfd_siginfo si;
		int sig;

		if (poll(pfd, ARRAY_SIZE(pfd), -1) < 0 && errno != EINTR)
			return false;
		while ((sig = next_signal(js, &si))) {
			if (in_list(sig, ending, ARRAY_SIZE(ending))) {
				*ret_sig = sig;
				return false;
			}
		}
		if (pfd[0].revents)
			return guard_is_ready(g, st);
	}
}

/* --- the terminal --- */

/**
 * struct job - A command that runs
 * @tty:	Our terminal, -1 when we have none
 * @was_foreground: It was ours to use, at the start or later
 */
struct job {
	pid_t pid;
	int tty;
	bool was_foreground;
};

static void job_done(struct job *j)
{
	cleanup_closep(&j->tty);
}

static void look_for_terminal(struct job *j)
{
	j->tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	j->was_foreground = j->tty >= 0 && tcgetpgrp(j->tty) == getpgrp();
}

/* Asking for the foreground from the background is answered with SIGTTOU. */
static void set_foreground(int tty, pid_t pgrp)
{
	sigset_t ttou;
	sigset_t old;

	(void)sigemptyset(&ttou);
	(void)sigaddset(&ttou, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &ttou, &old);
	(void)tcsetpgrp(tty, pgrp); /* the terminal may be gone, or the group */
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}

/* A shell that ended without giving the terminal back leaves it to nobody. */
static void take_foreground(const struct job *j)
{
	if (j->was_foreground && tcgetpgrp(j->tty) != getpgrp())
		set_foreground(j->tty, getpgrp());
}

/* The command has stopped.  Only where somebody can make us go on do we stop as well. */
static void stop_too(const struct job *j)
{
	if (j->tty >= 0)
		(void)raise(SIGSTOP);
}

/* We go on.  A shell that continues us in the foreground gives the terminal to our group;
 * a command that has made a group of its own, as a shell does, gets it from us.
 */
static void go_on_too(struct job *j)
{
	const pid_t pgrp = getpgid(j->pid);

	if (j->tty >= 0 && tcgetpgrp(j->tty) == getpgrp()) {
		j->was_foreground = true;
		if (pgrp > 0 && pgrp != getpgrp())
			set_foreground(j->tty, pgrp);
	}
	(void)kill(j->pid, SIGCONT); /* it may have ended */
}

/* --- the command --- */

/* Does not return. */
static void become_command(const struct session *s, const struct job_signals *js, int netns_fd,
			   pid_t parent, char *const *argv)
{
	struct nerr err = NERR_INIT;

	/* Ours may have ended before this took effect. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(EXIT_OURS);
	if (inside_enter(s, netns_fd, &err) < 0) {
		log_err("%s", err.msg);
		_exit(EXIT_OURS);
	}
	signals_restore(js);
	if (ustack_enter(s, netns_fd, &err) < 0) {
		log_err("%s", err.msg);
		_exit(EXIT_OURS);
	}
	_exit(inside_exec(argv));
}

/* Look what became of the command. True when it has ended. */
static bool reap(const struct job *j, int *ret)
{
	siginfo_t si = { 0 };

	if (waitid(P_PID, (id_t)j->pid, &si, WEXITED | WSTOPPED | WNOHANG) < 0) {
		*ret = EXIT_OURS;
		return errno != EINTR;
	}
	if (si.si_pid != j->pid)
		return false;
	if (si.si_code == CLD_STOPPED || si.si_code == CLD_TRAPPED) {
		stop_too(j);
		return false;
	}
	*ret = si.si_code == CLD_EXITED ? si.si_status : EXIT_SIGNAL_BASE + si.si_status;
	return true;
}

/* Read what signals there are. True when the command has ended. */
static bool handle_signals(const struct job_signals *js, struct job *j, int *ret)
{
	struct signalfd_siginfo si;
	bool ended = false;
	int sig;

	while (!ended && (sig = next_signal(js, &si))) {
		if (sig == SIGCHLD)
			ended = reap(j, ret);
		else if (sig == SIGCONT)
			go_on_too(j);
		else if (si.ssi_code <= 0)
			(void)kill(j->pid, sig); /* sent to us; what the kernel sends it got, too */
	}
	return ended;
}

int job_run(const struct session *s, const struct job_signals *js, struct guard *g,
	    char *const *argv, int *ret, struct nerr *err)
{
	cleanup_close int netns_fd = -1;
	CLEANUP(job_done) struct job j = { .tty = -1 };
	const pid_t self = getpid();
	int r;

	r = netns_open(s->netns, &netns_fd, err);
	if (r < 0)
		return r;
	look_for_terminal(&j);
	j.pid = fork();
	if (j.pid < 0)
		return nerr_set(err, -errno, "cannot fork: %m");
	if (j.pid == 0)
		become_command(s, js, netns_fd, self, argv);
	for (;;) {
		struct pollfd pfd[] = { { .fd = js->fd, .events = POLLIN },
					{ .fd = g->fd, .events = POLLIN } };

		if (poll(pfd, ARRAY_SIZE(pfd), -1) < 0 && errno != EINTR)
			return nerr_set(err, -errno, "cannot wait for the command: %m");
		if (pfd[1].revents) {
			log_warn("the guard process has ended; going on without it");
			cleanup_closep(&g->fd);
			g->fd = -1;
		}
		if (handle_signals(js, &j, ret))
			break;
	}
	take_foreground(&j);
	return 0;
}
