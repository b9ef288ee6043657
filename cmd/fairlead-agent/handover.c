/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/fairlead-agent/handover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "cmd/fairlead-agent/message.h"
#include "ctl/ctl.h"
#include "sandbox/netns.h"

/* Runtimes run as root; so does whoever may choose a stack for a container. */
static int check_peer(int fd, struct nerr *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return nerr_set(err, -errno, "cannot see who sends a message: %m");
	if (peer.uid != 0)
		return nerr_set(err, -EPERM, "process %d of user %u may not send listeners",
				(int)peer.pid, (unsigned)peer.uid);
	return 0;
}

static int key_of(pid_t pid, char ret[static CTL_KEY_LEN], struct nerr *err)
{
	cleanup_close int netns = -1;
	char proc[64];
	int r;

	(void)snprintf(proc, sizeof(proc), "/proc/%d/ns/net", (int)pid); /* sized to fit */
	r = netns_open(proc, &netns, err);
	return r < 0 ? r : ctl_key(netns, ret, err);
}

/* The namespace the process is in now is the one that the rules were made for: metadata is what is
 * in the configuration, which may be anybody's.  Where the runtime does not name the process
 * (crun's exec) the stack sees: it opens no socket for who is elsewhere.
 */
static int check_key(const struct message *m, struct nerr *err)
{
	char key[CTL_KEY_LEN];
	int r = key_of(m->pid, key, err);

	if (r == 0 && strcmp(key, m->key) != 0)
		r = nerr_set(err, -EXDEV,
			     "process %d is in network namespace %s, its rules are for %s",
			     (int)m->pid, key, m->key);
	return r;
}

int handover(int fd, struct nerr *err)
{
	CLEANUP(message_done) struct message m = MESSAGE_INIT;
	char path[CTL_PATH_LEN];
	int r;

	r = check_peer(fd, err);
	if (r == 0)
		r = message_read(fd, HANDOVER_MS, &m, err);
	if (r < 0)
		return r;
	if (m.pid > 0)
		r = check_key(&m, err);
	if (r == 0)
		r = ctl_path_of_key(m.key, path, err);
	if (r == 0)
		r = ctl_call(path, "{\"do\":\"attach\"}", m.listener, HANDOVER_MS, NULL, err);
	if (r < 0)
		return nerr_ctx(err, "container '%s', process %d", m.id, (int)m.pid);
	log_info("container '%s', process %d: served by '%s'", m.id, (int)m.pid, path);
	return 0;
}
