/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ustack.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/filter.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_table.h"
#include "base/str.h"
#include "ctl/ctl.h"
#include "opts.h"
#include "sandbox/netns.h"

#define PLUGIN  "netstack"
#define MACVTAP "macvtap:"

/* netstackd answers at once. */
#define ATTACH_MS 10000
#define STATUS_MS 1000

/* What the helper says when the listener is served; else it says what is wrong. */
#define SERVED "."

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

/* --- options --- */

static int check_nic(const struct opts *o, struct nerr *err)
{
	if (strcmp(o->nic, "bridge") == 0)
		return 0;
	if (!str_has_prefix(o->nic, MACVTAP) || !o->nic[strlen(MACVTAP)])
		return nerr_set(err, -EINVAL,
				"option '--nic': '%s' is neither 'bridge' nor 'macvtap:DEVICE'",
				o->nic);
	if (o->publish.n)
		return nerr_set(err, -EINVAL, "option '--publish' needs '--nic=bridge', not '%s'",
				o->nic);
	if (!o->ip.n)
		return nerr_set(err, -EINVAL,
				"option '--nic=%s' needs an address: '--ip=ADDRESS/LENGTH'",
				o->nic);
	for (size_t i = 0; i < o->ip.n; i++)
		if (!strchr(o->ip.v[i], '/'))
			return nerr_set(
				err, -EINVAL,
				"option '--ip': '%s' needs a length ('/24') with '--nic=%s'",
				o->ip.v[i], o->nic);
	return 0;
}

int ustack_check(const struct opts *o, struct nerr *err)
{
	const bool is_user = o->stack && strcmp(o->stack, "user") == 0;
	const char *needs_user = o->mode ? "mode" : o->nic ? "nic" : NULL;
	enum attach_mode mode;

	if (o->stack && !is_user && strcmp(o->stack, "kernel") != 0)
		return nerr_set(err, -EINVAL,
				"option '--stack': '%s' is neither 'kernel' nor 'user'", o->stack);
	if (needs_user && !is_user)
		return nerr_set(err, -EINVAL, "option '--%s' needs '--stack=user'", needs_user);
	if (needs_user && o->network.n)
		return nerr_set(
			err, -EINVAL,
			"option '--%s' is for the built-in network; with '--network' its configuration says it",
			needs_user);
	if (o->mode && attach_mode_parse(o->mode, &mode) < 0)
		return nerr_set(err, -EINVAL,
				"option '--mode': '%s' is neither 'hybrid' nor 'full'", o->mode);
	if (is_user && o->network.n > 1)
		return nerr_set(err, -EINVAL,
				"option '--stack=user' needs exactly one network, not %zu",
				o->network.n);
	if (is_user && o->network.n && strcmp(o->network.v[0], "none") == 0)
		return nerr_set(err, -EINVAL, "option '--stack=user' needs a network, not 'none'");
	return o->nic ? check_nic(o, err) : 0;
}

/* The plugin's configuration has this word under the key. */
static bool says(const struct cni_conf_plugin *plugin, const char *key, const char *word)
{
	struct json_object *node = json_member(plugin->conf, key);
	const char *text = node ? json_node_text(node) : NULL;
	const size_t len = strlen(word);

	return text && strlen(text) == len + 2 && strncmp(text + 1, word, len) == 0;
}

static bool has_user_stack(const struct session_net *net)
{
	const struct cni_conf_plugin *main_plugin = &net->list->plugins[0];

	return strcmp(main_plugin->type, PLUGIN) == 0 && !says(main_plugin, "stack", "kernel");
}

int ustack_settle(struct session *s, const struct opts *o, struct nerr *err)
{
	const struct session_net *user = NULL;

	for (size_t i = 0; i < s->n_nets; i++)
		if (has_user_stack(&s->nets[i]))
			user = &s->nets[i];
	if (o->stack && strcmp(o->stack, "user") == 0 && !user)
		return nerr_set(
			err, -EINVAL,
			"option '--stack=user' needs a network whose first plugin is '" PLUGIN
			"', not '%s' as that of network '%s'",
			s->nets[0].list->plugins[0].type, s->nets[0].list->name);
	if (!user)
		return 0;
	if (o->stack && strcmp(o->stack, "kernel") == 0)
		return nerr_set(err, -EINVAL,
				"option '--stack=kernel': the plugin '" PLUGIN
				"' of network '%s' makes a user stack",
				user->list->name);
	if (s->n_nets > 1)
		return nerr_set(err, -EINVAL,
				"network '%s' with the plugin '" PLUGIN
				"' cannot be given with others",
				user->list->name);
	s->is_user = true;
	s->mode = says(&user->list->plugins[0], "mode", "full") ? ATTACH_FULL : ATTACH_HYBRID;
	return 0;
}

/* --- handing the listener over --- */

/* Take the listener of @pid and give it to netstackd. */
static int serve(pid_t pid, int sock, const char *path, struct nerr *err)
{
	cleanup_close int listener = -1;
	int r = attach_filter_recv(pid, sock, &listener, err);

	return r < 0 ? r : ctl_call(path, "{\"do\":\"attach\"}", listener, ATTACH_MS, NULL, err);
}

/* Nobody waits for it: the command is not to find a child it has not started. */
static _Noreturn void be_helper(pid_t pid, int sock, const char *path)
{
	struct nerr err = NERR_INIT;
	const pid_t again = fork();
	const char *text = SERVED;

	if (again > 0)
		_exit(0);
	if (again < 0)
		_exit(1);               /* the socket's end says enough */
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail */
	if (serve(pid, sock, path, &err) < 0)
		text = err.msg;
	_exit(fd_write_all(sock, text, strlen(text)) < 0);
}

static int start_helper(const char *path, int *ret, struct nerr *err)
{
	cleanup_close int ours = -1;
	cleanup_close int theirs = -1;
	const pid_t self = getpid();
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return nerr_set(err, -errno, "cannot make a socket: %m");
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return nerr_set(err, -errno, "cannot fork: %m");
	if (pid == 0) {
		(void)close(TAKE_FD(ours)); /* or our end would never be seen */
		be_helper(self, theirs, path);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	*ret = TAKE_FD(ours);
	return 0;
}

/* Only read() is called, which no filter of ours knows: the listener may have no reader. */
static int wait_served(int sock, struct nerr *err)
{
	char text[NERR_MSG_LEN];
	size_t len = 0;
	ssize_t n;

	do {
		n = read(sock, text + len, sizeof(text) - 1 - len);
		if (n > 0)
			len += (size_t)n;
	} while ((n > 0 && len < sizeof(text) - 1) || (n < 0 && errno == EINTR));
	text[len] = '\0';
	if (strcmp(text, SERVED) == 0)
		return 0;
	return nerr_set(err, -EIO, "%s", len ? text : "the process that hands it over has ended");
}

int ustack_find(int netns_fd, struct session *s, struct nerr *err)
{
	static const struct json_field fields[] = {
		{ .name = "mode", .kind = JSON_STRING, .required = true },
		{ 0 },
	};
	CLEANUP(json_doc_freep) struct json_doc *status = NULL;
	const char *mode = NULL;
	char path[CTL_PATH_LEN];
	int r;

	r = ctl_path(netns_fd, path, err);
	if (r == 0)
		r = ctl_call(path, "{\"do\":\"status\"}", -1, ATTACH_MS, &status, err);
	if (r == 0)
		r = json_read(status, NULL, "", fields, &mode, err);
	if (r == 0 && attach_mode_parse(mode, &s->mode) < 0)
		r = nerr_set(err, -EPROTO, "netstackd has an unknown mode, '%s'", mode);
	s->is_user = r == 0;
	return r;
}

pid_t ustack_pid(const struct session *s)
{
	static const struct json_field fields[] = {
		{ .name = "pid", .kind = JSON_INT, .required = true },
		{ 0 },
	};
	CLEANUP(json_doc_freep) struct json_doc *status = NULL;
	struct nerr ignored = NERR_INIT; /* who does not answer is ended as any other process */
	cleanup_close int netns = -1;
	char path[CTL_PATH_LEN];
	int64_t pid = 0;

	if (!s->is_user || netns_open(s->netns, &netns, &ignored) < 0 ||
	    ctl_path(netns, path, &ignored) < 0 ||
	    ctl_call(path, "{\"do\":\"status\"}", -1, STATUS_MS, &status, &ignored) < 0 ||
	    json_read(status, NULL, "", fields, &pid, &ignored) < 0)
		return 0;
	return (pid_t)pid;
}

int ustack_enter(const struct session *s, int netns_fd, struct nerr *err)
{
	cleanup_close int sock = -1;
	cleanup_close int listener = -1;
	char path[CTL_PATH_LEN];
	int r;

	if (!s->is_user)
		return 0;
	r = ctl_path(netns_fd, path, err);
	if (r == 0)
		r = ctl_call(path, "{\"do\":\"status\"}", -1, ATTACH_MS, NULL, err);
	if (r == 0)
		r = start_helper(path, &sock, err);
	if (r == 0)
		r = attach_filter_load(s->mode, &listener, err);
	if (r == 0)
		r = attach_filter_send(sock, listener, err);
	if (r == 0)
		r = wait_served(sock, err);
	return r < 0 ? nerr_ctx(err, "cannot put the command on the user stack") : 0;
}
