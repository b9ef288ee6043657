/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * session.h - a namespace of ours: what it is attached to, and how to take it down
 *
 * A session is made from the command line, or read back from its state file
 * (state.h), and everything needed to remove it is in it: configurations are kept
 * as they were when it was set up.
 */
#ifndef NETNS_RUN_SESSION_H
#define NETNS_RUN_SESSION_H

#include <net/if.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "attach/rules.h"
#include "base/arena.h"
#include "base/json_table.h"
#include "base/str.h"
#include "cni/runtime.h"

struct nerr;

/* Where ip-netns(8) looks. */
#define NETNS_DIR "/run/netns"

/* A name becomes part of file names together with a container id and an interface. */
#define SESSION_NAME_MAX 64
/* eth0 to eth7 */
#define SESSION_NETS_MAX 8
/* CNI_ARGS: IgnoreUnknown, IP, MAC.  Capabilities: ips, mac, portMappings. */
#define SESSION_ARGS_MAX 3
#define SESSION_CAPS_MAX 3

/* Container ids are this, the name, and eight hex digits. */
#define SESSION_ID_PREFIX "netns-run-"

/**
 * enum session_phase - Life of a session, as its file has it
 *
 * SESSION_STARTING	being set up
 * SESSION_RUNNING	set up; a command runs
 * SESSION_STOPPING	being removed: nothing may enter any more
 * SESSION_KEPT		set up; no command, and netns-run has left it on purpose
 */
enum session_phase {
	SESSION_STARTING,
	SESSION_RUNNING,
	SESSION_STOPPING,
	SESSION_KEPT,
	SESSION_PHASES,
};

/**
 * struct session_net - An attachment
 * @list:	Network.  Owned
 * @ifname:	Interface in the namespace
 * @args, @n_args: CNI_ARGS
 * @caps, @n_caps: Values for capabilities
 * @result:	JSON of what ADD answered, NULL before
 * @up:		ADD was begun and not undone
 */
struct session_net {
	struct cni_conflist *list;
	char ifname[IFNAMSIZ];
	struct cni_pair args[SESSION_ARGS_MAX];
	size_t n_args;
	struct cni_capability caps[SESSION_CAPS_MAX];
	size_t n_caps;
	const char *result;
	bool up;
};

/**
 * struct session - A namespace of ours
 * @arena:	Owns the texts
 * @phase:	See enum session_phase
 * @name:	Unique among those that are there
 * @id:		Container id, different for each session that ever was
 * @netns:	File of the namespace
 * @made_netns:	The file is ours to remove
 * @cni_path:	Directories of plugins
 * @hostname:	What the command sees, "" for the host's own
 * @command:	What is run
 * @is_user:	Its programs are on the stack of a netstackd
 * @mode:	Of that: which of their sockets
 * @keep:	The namespace stays when the command has ended
 * @pid, @guard_pid: The two processes of netns-run
 * @created:	Seconds since 1970
 * @nets, @n_nets: Attachments
 */
struct session {
	struct arena arena;
	enum session_phase phase;
	const char *name;
	const char *id;
	const char *netns;
	bool made_netns;
	const char *cni_path;
	const char *hostname;
	struct json_strings command;
	bool is_user;
	enum attach_mode mode;
	bool keep;
	pid_t pid;
	pid_t guard_pid;
	int64_t created;
	struct session_net nets[SESSION_NETS_MAX];
	size_t n_nets;
};

void session_done(struct session *s);

/* Characters of a network's name, at most SESSION_NAME_MAX of them. */
bool session_name_is_valid(const char *name);

/* Set name, id and netns; @name is NULL for one that is made up. */
int session_set_name(struct session *s, const char *name, struct nerr *err);

/* The name in a container id of ours: 0, or -EINVAL when it is not one of ours. */
int session_name_of_id(const char *id, char ret[static SESSION_NAME_MAX + 1]);

/* Text of the state file; and back, into a session that is all zero. */
int session_print(const struct session *s, struct strbuf *ret, struct nerr *err);
int session_parse(const char *text, size_t len, struct session *ret, struct nerr *err);

/* "starting" ... */
const char *session_phase_str(enum session_phase phase);

/* "kernel", "user" */
const char *session_stack_str(const struct session *s);

/* The attachment in the words of lib/cni; borrows from the session. */
struct cni_attach session_attach(const struct session *s, const struct session_net *net);

#endif /* NETNS_RUN_SESSION_H */
