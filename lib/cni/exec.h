/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * exec.h - a plugin as a process of its own
 *
 * A plugin gets its request on standard input (an unnamed file, so nobody has to
 * feed it) and answers on standard output.  What it says on standard error is
 * kept apart.  It runs in a session of its own, so that keys typed at a terminal
 * do not interrupt it half way, with every signal as a new process has it, and
 * with no descriptor of ours but those three.
 *
 * Every plugin has a deadline.  One that passes it, or that says more than it
 * may, is killed with all processes of its group.  One that outlives the thread that
 * runs it is killed by the kernel; a file with capabilities or a set-user-ID bit is not,
 * see PR_SET_PDEATHSIG in prctl(2), and what it has started itself is not.
 */
#ifndef CNI_EXEC_H
#define CNI_EXEC_H

#include <stddef.h>

struct nerr;
struct strbuf;

/* Longest answer; a GC request may be longer, an answer is one container's. */
#define CNI_EXEC_STDOUT_MAX (16u << 20)
/* Of standard error this much is kept, the rest is read and dropped. */
#define CNI_EXEC_STDERR_MAX (64u << 10)
/* Deadline where the caller has no better one. */
#define CNI_EXEC_TIMEOUT_MS 60000

/**
 * struct cni_exec_var - A variable of the plugin's environment
 * @name:	"CNI_COMMAND"; replaces the caller's own of that name
 */
struct cni_exec_var {
	const char *name;
	const char *value;
};

/**
 * struct cni_exec - One run of a plugin
 * @file:	Executable
 * @request, @request_len: Its standard input
 * @vars:	Variables besides the caller's environment, ends with { 0 }
 * @timeout_ms:	Deadline
 * @cancel_fd:	When it becomes readable or is hung up, the plugin is killed; -1 for none
 */
struct cni_exec {
	const char *file;
	const char *request;
	size_t request_len;
	const struct cni_exec_var *vars;
	int timeout_ms;
	int cancel_fd;
};

/**
 * cni_exec_find() - Executable of a plugin
 * @type:	Its name, without a slash
 * @path:	Directories, separated by colons; empty ones are skipped
 * @ret:	File on 0, for free()
 *
 * The first directory that has a regular file of that name wins.
 *
 * Return: 0, -EINVAL (no name, no directories), -ENOENT, -ENOMEM
 */
int cni_exec_find(const char *type, const char *path, char **ret, struct nerr *err);

/**
 * cni_exec_run() - Run a plugin and wait for it
 * @x:		What to run
 * @ret_out:	Standard output is appended on 0
 * @ret_err:	Standard error is appended, also on failure.  May be NULL
 *
 * Return: 0; -EIO when the plugin failed: @err has the code (num), msg and details of
 *         the error object it printed, or a description of what it did instead;
 *         -ETIMEDOUT; -ECANCELED; another errno when it could not be run, of these
 *         -ETXTBSY (num says "try again later") after five seconds of trying
 */
int cni_exec_run(const struct cni_exec *x, struct strbuf *ret_out, struct strbuf *ret_err,
		 struct nerr *err);

#endif /* CNI_EXEC_H */
