/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * trace.h - run a program, number its system calls, and let one of them fail
 *
 * Theory of operation
 *
 * The program runs under a seccomp filter that hands every system call to us
 * (SECCOMP_RET_USER_NOTIF, Linux 5.5).  We let it go on, answer an error in the kernel's
 * place, or kill the process before the call is made.  That is what strace's
 * "-e inject=" does, at a twentieth of the price and on every architecture alike.
 *
 * Calls count from the first one of main(), which for a plugin is the one that ignores
 * SIGPIPE: what the dynamic loader does before is not the plugin's matter.  A process
 * killed before its call N + 1 is one killed after call N, so all states are seen.
 *
 * Each kind of call has a list of errors that it may really answer.
 */
#ifndef TESTS_FAULTS_TRACE_H
#define TESTS_FAULTS_TRACE_H

#include <stdbool.h>
#include <stddef.h>

/* Here the allocator of oom.c says that it has let an allocation fail. */
#define STRUCK_FD 901

enum fault_kind {
	FAULT_NONE,   /* and nothing is looked at */
	FAULT_WATCH,  /* none, but the calls are counted */
	FAULT_ERROR,  /* the call fails */
	FAULT_STICKY, /* so do all later ones of its kind */
	FAULT_KILL,   /* the process is killed at the call */
	FAULT_MALLOC, /* not a call: the n-th allocation fails */
};

/**
 * struct fault - What goes wrong
 * @at:		At which call, from 1
 * @variant:	With which of its possible errors, from 0
 */
struct fault {
	enum fault_kind kind;
	unsigned at;
	unsigned variant;
};

#define TRACE_TEXT_LEN  8192
#define TRACE_CALLS_MAX 2048
#define TRACE_WHAT_LEN  192

/**
 * struct trace_run - A program to be run, and what came of it
 * @argv, @envp: Program, arguments and environment
 * @input:	Its standard input
 * @fault:	What goes wrong
 * @status:	As wait(2) says
 * @n_calls:	Calls made
 * @struck:	The fault happened
 * @errors:	For each call, from 1: how many errors it could have answered
 * @lasts:	Whether FAULT_STICKY applies to it
 * @changes:	Whether it may change something outside of the process
 * @what:	The call and the error: "openat(/run/x): ENFILE"
 * @out, @err:	What it wrote
 */
struct trace_run {
	char *const *argv;
	char *const *envp;
	const char *input;
	struct fault fault;
	int status;
	unsigned n_calls;
	bool struck;
	unsigned char errors[TRACE_CALLS_MAX];
	bool lasts[TRACE_CALLS_MAX];
	bool changes[TRACE_CALLS_MAX];
	char what[TRACE_WHAT_LEN];
	char out[TRACE_TEXT_LEN];
	char err[TRACE_TEXT_LEN];
};

void trace_run(struct trace_run *run);

/* Called for each file that a traced program opens for writing. */
extern void (*trace_on_write)(const char *path);

#endif /* TESTS_FAULTS_TRACE_H */
