/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ctl.h - talking to a netstackd
 *
 * Each netstackd listens on CTL_DIR/<device>-<inode>.sock, named after the network namespace it
 * serves: it is inside it, so the number is not given to another one as long as the socket
 * answers.  What does not answer is a leftover.  Requests are one line of JSON, an object whose
 * "do" says what; the answer is one line, an object, which has "error": {"errno": N, "message":
 * "..."} when it failed; then the connection is closed.  A descriptor may come with the request.
 * Only root may ask.
 *
 *	attach		+ listener of a seccomp filter: serve its programs
 *	status		namespace, id, mode, device, interface, pid, since, listeners, whether
 *			it is retired
 *	sockets, counters, drops, neighbours, routes, addresses, programs
 *			what netstackctl shows
 *	capture		+ descriptor: pcapng is written to it; "snaplen", "packets", "seconds"
 *	ping		"to", "count", "interval_ms", "size"
 *	retire		"grace_ms": the network is taken away (CNI DEL) and may come back
 *	resume		it is back (CNI ADD)
 *	stop		end now
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>

struct json_doc;
struct nerr;
struct strbuf;

#define CTL_DIR      "/run/fairlead/netstack"
#define CTL_PATH_LEN 108 /* sun_path of unix(7) */

/* Directory of the sockets: CTL_DIR, or what the environment says in FAIRLEAD_RUN (tests). */
const char *ctl_dir(void);

/* What a namespace is called there: "<device>-<inode>". */
#define CTL_KEY_LEN 48
int ctl_key(int netns_fd, char ret[static CTL_KEY_LEN], struct nerr *err);

/* Path of the socket of the stack that serves (or would) it.  -EINVAL for what is no such name */
int ctl_path_of_key(const char *key, char ret[static CTL_PATH_LEN], struct nerr *err);
/* The same for the namespace behind @netns_fd. */
int ctl_path(int netns_fd, char ret[static CTL_PATH_LEN], struct nerr *err);

/**
 * ctl_call() - Ask, and wait for the answer
 * @path:	Of the socket
 * @request:	JSON without a newline
 * @fd:		Descriptor to go with it, -1 for none; stays the caller's
 * @timeout_ms:	For all of it
 * @ret:	The answer, for json_doc_free(); may be NULL
 *
 * Return: 0; -ENOENT, -ECONNREFUSED when nobody serves; -ETIMEDOUT; the errno of an answer that is
 * an error, with its message in @err
 */
int ctl_call(const char *path, const char *request, int fd, unsigned int timeout_ms,
	     struct json_doc **ret, struct nerr *err);

/* As ctl_call(), with the answer's text appended to @ret. */
int ctl_call_text(const char *path, const char *request, int fd, unsigned int timeout_ms,
		  struct strbuf *ret, struct nerr *err);

/* A netstackd serves this namespace now. */
bool ctl_is_served(int netns_fd);

/**
 * ctl_listen() - Serve the namespace behind @netns_fd: the socket clients connect to
 * @ret:	Non-blocking, listening
 *
 * The directory is made (mode 0700), what a dead netstackd has left there is removed.  Return: 0,
 * -EEXIST when somebody serves the namespace, -EPERM for a directory that others can write
 */
int ctl_listen(int netns_fd, int *ret, struct nerr *err);

/* Remove the socket of ctl_listen(), which is closed. */
void ctl_unlisten(int netns_fd);

/* Remove the socket of a netstackd that has ended; one that answers is left alone. */
void ctl_forget(const char *path);

/* Call @fn for the socket of each netstackd that answers; leftovers are removed.  Ends when it
 * returns non-zero, which is returned.
 */
int ctl_each(int (*fn)(void *arg, const char *path, struct json_doc *status), void *arg,
	     struct nerr *err);

/**
 * struct ctl_start - A netstackd to be started
 * @program:	Path of it
 * @argv:	Its arguments, from argv[0] on, NULL at the end; "--ready-fd N" is appended
 * @timeout_ms:	Until it must be ready
 */
struct ctl_start {
	const char *program;
	const char *const *argv;
	unsigned int timeout_ms;
};

/* Start it as a daemon (its own session, nobody's child) and wait until it serves.  When it fails,
 * @err has what it said, and it is gone.
 */
int ctl_start(const struct ctl_start *conf, struct nerr *err);

#endif /* CTL_CTL_H */
