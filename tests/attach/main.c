/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * main.c - run the sections, each in a process of its own, some at a time
 *
 *	sockdiff peer PATH			serve sessions at an AF_UNIX path
 *	sockdiff run PATH PEER4 PEER6 [SECTION...]	against it, which has these addresses
 *	sockdiff list
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

static const struct section *const tables[] = {
	sections_connect, sections_nonblock, sections_close,  sections_data,
	sections_oob,     sections_listen,   sections_bind,   sections_names,
	sections_option,  sections_signal,   sections_share,  sections_bad,
	sections_udp,     sections_bulk,     sections_thread, sections_dgram,
};

/**
 * struct variant - A pair of stacks, and the family of our sockets
 * @to:		Where the peer is: NULL for a peer of our own, at loopback; "4", "6" as on the
 *		command line; "own4" one of our own, at our address
 */
struct variant {
	const char *name;
	int family;
	char where; /* 'r' the peer, 'l' loopback, 'o' our own address */
	int version;
};

static const struct variant variants[] = {
	{ "4", AF_INET, 'r', 4 },     { "6", AF_INET6, 'r', 6 },   { "mapped", AF_INET6, 'r', 4 },
	{ "lo4", AF_INET, 'l', 4 },   { "lo6", AF_INET6, 'l', 6 }, { "own4", AF_INET, 'o', 4 },
	{ "own6", AF_INET6, 'o', 6 },
};

static const char *peer_path, *peer_addrs[2];

/* In the family of our sockets. */
static union addr parse(const struct variant *v, const char *text)
{
	char mapped[64];
	union addr a = { .ss.ss_family = (sa_family_t)v->family };
	int r;

	if (v->family == AF_INET) {
		r = inet_pton(AF_INET, text, &a.in.sin_addr);
	} else {
		(void)snprintf(mapped, sizeof(mapped), "%s%s", v->version == 4 ? "::ffff:" : "",
			       text);
		r = inet_pton(AF_INET6, mapped, &a.in6.sin6_addr);
	}
	if (r == 1)
		return a;
	fprintf(stderr, "sockdiff: no address: %s\n", text);
	_exit(2);
}

static int session_of_peer(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", peer_path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	perror(peer_path);
	_exit(2);
}

/* A peer on our own stack. */
static int session_of_child(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		perror("socketpair");
		_exit(2);
	}
	if (!fork()) {
		(void)close(pair[0]);                   /* the parent's */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* known to every kernel */
		(void)signal(SIGALRM, SIG_IGN);
		peer_session(pair[1]);
	}
	(void)close(pair[1]); /* the child's */
	return pair[0];
}

static void env_new(struct env *e, const struct variant *v)
{
	static const char *const nowhere[2][2] = {
		{ "198.51.100.1", "203.0.113.1" },
		{ "2001:db8:100::1", "2001:db8:200::1" },
	};
	const bool six = v->version == 6;

	e->variant = v->name;
	e->family = v->family;
	e->is_local = v->where != 'r';
	e->ctl = e->is_local ? session_of_child() : session_of_peer();
	e->to = parse(v, peer_addrs[six]);
	e->nowhere[0] = parse(v, nowhere[six][0]);
	e->nowhere[1] = parse(v, nowhere[six][1]);
	e->silent = e->to;
	if (six)
		e->silent.in6.sin6_addr.s6_addr[14] ^= 0x5a;
	else if (v->family == AF_INET)
		e->silent.in.sin_addr.s_addr ^= htonl(0xe0);
	else
		e->silent.in6.sin6_addr.s6_addr[15] ^= 0xe0;
	if (v->where == 'l')
		e->to = parse(v, six ? "::1" : "127.0.0.1");
	else if (v->where == 'o')
		e->to = own_addr(e);
}

static void run_section(const struct section *s, const struct variant *v)
{
	struct env e = { 0 };
	int status = 0;
	pid_t pid;

	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (!pid) {
		(void)setpgid(0, 0); /* of a fresh child */
		(void)alarm(SECTION_S);
		say_begin(s->name, v->name);
		env_new(&e, v);
		s->run(&e);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		exit(2);
	(void)kill(-pid, SIGKILL); /* children that are left; often there are none */
	say_begin(s->name, v->name);
	if (WIFSIGNALED(status))
		say("end", "SIG%s", sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		say("end", "exit status %d", WEXITSTATUS(status));
}

/* Names may be "section", "section.variant" or ".variant". */
static bool is_wanted(const struct section *s, const struct variant *v, char *const *names)
{
	const size_t n = strlen(s->name);

	if (v != variants && !s->all)
		return false;
	if (!*names)
		return true;
	for (; *names; names++)
		if ((**names == '.' && !strcmp(*names + 1, v->name)) ||
		    (!strncmp(*names, s->name, n) &&
		     (!(*names)[n] || ((*names)[n] == '.' && !strcmp(*names + n + 1, v->name)))))
			return true;
	return false;
}

/**
 * struct job - A section in a variant
 * @out:	What it says, a file in memory
 * @is_over:	It has said all
 */
struct job {
	const struct section *s;
	const struct variant *v;
	pid_t pid;
	int out;
	bool is_over;
};

/* Several at a time: most of what they do is to wait. */
#define JOBS_AT_ONCE 6

static void job_start(struct job *j)
{
	j->out = memfd_create("lines", MFD_CLOEXEC);
	j->pid = j->out < 0 ? -1 : fork();
	if (j->pid < 0) {
		perror("job");
		exit(2);
	}
	if (j->pid)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* known to every kernel */
	if (dup2(j->out, STDOUT_FILENO) < 0)
		_exit(2);
	run_section(j->s, j->v);
	_exit(0);
}

static void job_wait(struct job *jobs, size_t n)
{
	int status;
	const pid_t pid = wait(&status);

	for (size_t i = 0; i < n; i++)
		if (jobs[i].pid == pid)
			jobs[i].is_over = true;
	if (pid < 0 || status) {
		(void)fprintf(stderr, "sockdiff: a section cannot be run: %d\n", status);
		exit(2);
	}
}

static void job_print(struct job *j)
{
	char buf[4096];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(j->out, buf, sizeof(buf), at)) > 0) {
		if (write(STDOUT_FILENO, buf, (size_t)n) != n)
			exit(3);
		at += n;
	}
	(void)close(j->out); /* in memory */
}

/* What they say comes in order. */
static void run_jobs(struct job *jobs, size_t n)
{
	size_t begun = 0, over = 0, printed = 0;

	while (printed < n) {
		while (begun < n && begun - over < JOBS_AT_ONCE)
			job_start(&jobs[begun++]);
		job_wait(jobs, begun);
		over++;
		while (printed < begun && jobs[printed].is_over)
			job_print(&jobs[printed++]);
	}
}

static int run(char *const *names)
{
	struct rlimit files = { .rlim_cur = 4096, .rlim_max = 4096 };
	static struct job jobs[4096];
	size_t n = 0;

	(void)setrlimit(RLIMIT_NOFILE, &files); /* a limit that is too low is seen */
	for (size_t t = 0; t < N_ELEMS(tables); t++)
		for (const struct section *s = tables[t]; s->name; s++)
			for (size_t v = 0; v < N_ELEMS(variants); v++)
				if (is_wanted(s, &variants[v], names) && n < N_ELEMS(jobs))
					jobs[n++] = (struct job){ .s = s, .v = &variants[v] };
	run_jobs(jobs, n);
	return 0;
}

static int list(void)
{
	for (size_t t = 0; t < N_ELEMS(tables); t++)
		for (const struct section *s = tables[t]; s->name; s++)
			(void)printf("%s%s\n", s->name, s->all ? " (all variants)" : "");
	return 0;
}

int main(int argc, char *argv[])
{
	if (argc == 3 && !strcmp(argv[1], "peer"))
		return peer_serve(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "list"))
		return list();
	if (argc == 3 && !strcmp(argv[1], "inherited"))
		return share_inherited(argv[2]);
	if (argc < 5 || strcmp(argv[1], "run")) {
		(void)fprintf(stderr,
			      "usage: sockdiff peer PATH | list |\n"
			      "       sockdiff run PATH PEER4 PEER6 [[SECTION][.VARIANT]...]\n");
		return 2;
	}
	peer_path = argv[2];
	peer_addrs[0] = argv[3];
	peer_addrs[1] = argv[4];
	return run(argv + 5);
}
