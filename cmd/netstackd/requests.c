/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "requests.h"

#include <net/if.h>

#include <errno.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attach/attach.h"
#include "base/cleanup.h"
#include "base/ipaddr.h"
#include "base/json_table.h"
#include "base/str.h"
#include "base/version.h"
#include "daemon.h"
#include "events.h"
#include "host/host.h"
#include "netstack/netstack.h"
#include "opts.h"
#include "put.h"
#include "server.h"
#include "wire/addr.h"

/* A container that is stopped and started again comes back within seconds; an hour is a mistake. */
#define GRACE_MAX_MS 3600000

const struct request_kind request_kinds[] = {
	{ "attach", true, request_attach },
	{ "status", false, request_status },
	{ "sockets", false, request_sockets },
	{ "programs", false, request_programs },
	{ "counters", false, request_counters },
	{ "drops", false, request_drops },
	{ "neighbours", false, request_neighbours },
	{ "routes", false, request_routes },
	{ "addresses", false, request_addresses },
	{ "capture", true, request_capture },
	{ "ping", false, request_ping },
	{ "retire", false, request_retire },
	{ "resume", false, request_resume },
	{ "reset", false, request_reset },
	{ "stop", false, request_stop },
	{ 0 },
};

int request_attach(struct request *q, struct nerr *err)
{
	int r = attach_add_listener(q->d->attach, TAKE_FD(q->fd), err);

	if (r < 0)
		return r;
	event(LOG_LEVEL_INFO, "attach", "programs are served: %u listeners",
	      attach_n_listeners(q->d->attach));
	json_out_int(&q->out, "listeners", attach_n_listeners(q->d->attach));
	return 0;
}

/* As it is now in the namespace, where we are. */
static void put_interface(struct json_out *o, const char *name)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_name = "" };

	json_out_string(o, "ifname", name);
	(void)str_copy(ifr.ifr_name, sizeof(ifr.ifr_name), name); /* opts.c: it fits */
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		return; /* somebody has removed it */
	put_mac(o, "mac", eth_addr_get((const uint8_t *)ifr.ifr_hwaddr.sa_data));
	if (ioctl(fd, SIOCGIFMTU, &ifr) == 0)
		json_out_int(o, "mtu", ifr.ifr_mtu);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) == 0)
		json_out_bool(o, "up", ifr.ifr_flags & IFF_UP);
}

int request_status(struct request *q, struct nerr *err)
{
	const struct daemon *d = q->d;
	struct json_out *o = &q->out;

	(void)err; /* it cannot fail */
	json_out_string(o, "version", FAIRLEAD_VERSION);
	json_out_int(o, "pid", getpid());
	json_out_int(o, "since", d->since);
	json_out_string(o, "netns", d->opts->netns);
	json_out_int(o, "netns_dev", (int64_t)d->ends.dev);
	json_out_int(o, "netns_ino", (int64_t)d->ends.ino);
	json_out_string(o, "id", d->opts->id);
	json_out_string(o, "network", d->opts->network);
	json_out_string(o, "mode", attach_mode_str(d->opts->mode));
	json_out_string(o, "nic", d->opts->nic);
	put_interface(o, d->opts->ifname);
	json_out_int(o, "listeners", attach_n_listeners(d->attach));
	json_out_bool(o, "retired", d->is_retired);
	return 0;
}

int request_retire(struct request *q, struct nerr *err)
{
	static const struct json_field table[] = {
		{ .name = "grace_ms", .kind = JSON_INT, .offset = 0, .max = GRACE_MAX_MS },
		{ 0 },
	};
	int64_t grace_ms = 0;
	int r = json_read(q->doc, NULL, "", table, &grace_ms, err);

	if (r < 0)
		return r;
	daemon_retire(q->d, (uint32_t)grace_ms);
	json_out_bool(&q->out, "ends_now", q->d->why != NULL);
	return 0;
}

int request_resume(struct request *q, struct nerr *err)
{
	if (q->d->why)
		return nerr_set(err, -ESHUTDOWN, "the stack is about to end: %s", q->d->why);
	daemon_resume(q->d);
	json_out_int(&q->out, "listeners", attach_n_listeners(q->d->attach));
	return 0;
}

int request_reset(struct request *q, struct nerr *err)
{
	static const struct json_field table[] = {
		{ .name = "local", .kind = JSON_STRING, .offset = 0, .required = true },
		{ 0 },
	};
	struct netstack *st = host_stack(q->d->host);
	const char *text = "";
	struct ipaddr local;
	int r = json_read(q->doc, NULL, "", table, &text, err);

	if (r < 0)
		return r;
	if (ipaddr_from_str(text, &local) < 0)
		return nerr_set(err, -EINVAL, "'%s' is no address", text);
	json_out_int(&q->out, "connections",
		     netstack_tcp_reset(st, local.family == AF_INET6
						    ? ip6_addr_get(local.bytes)
						    : ip6_addr_of_ip4(get_be32(local.bytes))));
	return 0;
}

int request_stop(struct request *q, struct nerr *err)
{
	(void)err; /* it cannot fail */
	daemon_end(q->d, "told to stop");
	json_out_int(&q->out, "pid", getpid());
	return 0;
}
