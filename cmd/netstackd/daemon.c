/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon.h"

#include <net/if.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "attach/attach.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/ipaddr.h"
#include "base/str.h"
#include "ctl/ctl.h"
#include "events.h"
#include "host/host.h"
#include "notify_ready.h"
#include "opts.h"
#include "rights.h"
#include "sandbox/netns.h"
#include "server.h"

/* For peers to hear that their connections are over. */
#define DRAIN_MS    500

#define PING_GROUPS "/proc/sys/net/ipv4/ping_group_range"

void daemon_end(struct daemon *d, const char *why)
{
	if (!d->why)
		d->why = why;
}

/* --- retired --- */

static void end_if_retired(struct daemon *d)
{
	if (d->is_retired && !attach_n_listeners(d->attach))
		daemon_end(d, "the network was taken away, and no program is left");
}

void daemon_retire(struct daemon *d, uint32_t grace_ms)
{
	d->is_retired = true;
	d->retire_ns = loop_clock() + grace_ms * MS_NS;
	event(LOG_LEVEL_INFO, "retire",
	      "the network was taken away: ends in %u ms, or now without "
	      "programs",
	      grace_ms);
	end_if_retired(d);
}

void daemon_resume(struct daemon *d)
{
	if (d->is_retired)
		event(LOG_LEVEL_INFO, "resume", "the network is back");
	d->is_retired = false;
	d->retire_ns = LOOP_FOREVER;
}

static void on_listener_gone(void *arg)
{
	struct daemon *d = arg;

	event(LOG_LEVEL_INFO, "detach", "programs have ended: %u listeners",
	      attach_n_listeners(d->attach));
	quiet_soon(d); /* what they took may be for others */
	end_if_retired(d);
	ends_look(d);
}

/* --- start --- */

static int open_netns(struct daemon *d, struct nerr *err)
{
	cleanup_close int own = -1;
	int r = netns_open(d->opts->netns, &d->netns, err);

	if (r == -ENOENT)
		return nerr_set(err, r, "there is no network namespace '%s'", d->opts->netns);
	if (r == -EINVAL)
		return nerr_set(err, r, "'%s' is no network namespace", d->opts->netns);
	if (r == 0)
		r = netns_open_self(&own, err);
	if (r < 0)
		return r;
	/* The path may be that of another one tomorrow, and where we are is no container. */
	if (netns_same(own, d->netns))
		return nerr_set(err, -EINVAL, "'%s' is the network namespace we are in already",
				d->opts->netns);
	return 0;
}

/* Less than for a whole machine: there is one of us for each container. */
static void tune(void *arg, struct netstack_conf *conf)
{
	(void)arg;
	conf->sockets_max = ATTACH_SOCKETS_MAX * 2; /* those that are accepted, and not yet */
}

static int make_host(struct daemon *d, struct nerr *err)
{
	const struct opts *o = d->opts;
	const struct host_conf conf = {
		/* An interrupted ADDFD of the attach layer would be lost. */
		.engine = LOOP_QUIET,
		.nic = o->nic,
		.kernel = o->ifname,
		.kernel_netns = d->netns,
		.split = o->mode == ATTACH_FULL ? HOST_SPLIT_ALL : HOST_SPLIT_TCP,
		.service = { .spin_us = o->spin_us },
		.tune = tune,
	};

	return host_new(&d->host, &conf, err);
}

/* The kernel's interface, of the namespace we are in now; the stack follows it. */
static int set_iface(const struct opts *o, struct nerr *err)
{
	struct ifreq ifr = { .ifr_name = "" };
	cleanup_close int fd = -1;
	struct macaddr mac;

	if (!o->mtu && !o->mac)
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return nerr_set(err, -errno, "cannot make a socket: %m");
	(void)str_copy(ifr.ifr_name, sizeof(ifr.ifr_name), o->ifname); /* opts.c: it fits */
	if (o->mac) {
		(void)macaddr_from_str(o->mac, &mac); /* opts.c: it is one */
		ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
		memcpy(ifr.ifr_hwaddr.sa_data, mac.bytes, 6);
		if (ioctl(fd, SIOCSIFHWADDR, &ifr) < 0)
			return nerr_set(err, -errno, "cannot give '%s' the MAC address %s: %m",
					o->ifname, o->mac);
	}
	if (o->mtu) {
		ifr.ifr_mtu = (int)o->mtu;
		if (ioctl(fd, SIOCSIFMTU, &ifr) < 0)
			return nerr_set(err, -errno, "cannot set the MTU of '%s' to %u: %m",
					o->ifname, o->mtu);
	}
	return 0;
}

/* In the mode full raw sockets have no way out, by which programs with rights ping where the
 * kernel's own setting lets nobody have a ping socket: everybody may have one then, as systemd has
 * it on a host.  What somebody has set holds.
 */
static void let_ping(const struct opts *o)
{
	char now[32];

	if (o->mode != ATTACH_FULL || file_read(AT_FDCWD, PING_GROUPS, now, sizeof(now)) < 0 ||
	    strcmp(now, "1\t0") != 0)
		return;
	if (file_write(PING_GROUPS, "0 2147483647") < 0)
		event(LOG_LEVEL_WARN, "ping", "programs cannot ping: cannot write '%s': %m",
		      PING_GROUPS);
}

static int make_attach(struct daemon *d, struct nerr *err)
{
	const struct attach_conf conf = {
		.stack = host_stack(d->host),
		.loop = host_loop(d->host),
		.mode = d->opts->mode,
		.reserve = true,
		.listener_gone = on_listener_gone,
		.arg = d,
	};

	return attach_new(&d->attach, &conf, err);
}

/* With all rights.  In this order: who asks before there is an answer has to wait, and nobody else
 * serves the namespace; the device is where we are started; programs' sockets are made where
 * they are.
 */
static int start(struct daemon *d, struct notify_ready *ready, int *door, struct nerr *err)
{
	int r = open_netns(d, err);

	if (r == 0)
		r = notify_ready_open(ready, d->opts->ready_fd, err);
	if (r == 0)
		r = ctl_listen(d->netns, door, err);
	if (r == 0)
		r = make_host(d, err);
	if (r == 0)
		r = ends_open(d, err);
	if (r == 0)
		r = quiet_open(d, err);
	if (r == 0)
		r = netns_enter(d->netns, err);
	if (r == 0)
		r = set_iface(d->opts, err);
	if (r == 0) {
		let_ping(d->opts);
		r = make_attach(d, err);
	}
	return r;
}

/* As long as we may. */
static void shut_door(struct daemon *d, int door)
{
	server_free(d->server);
	d->server = NULL;
	if (door >= 0)
		(void)close(door); /* nobody was let in */
	ctl_unlisten(d->netns);
}

int daemon_start(struct daemon *d, const struct opts *opts, struct nerr *err)
{
	CLEANUP(notify_ready_close) struct notify_ready ready = NOTIFY_READY_INIT;
	bool is_listening;
	int door = -1;
	int r;

	d->opts = opts;
	d->netns = -1;
	d->since = time(NULL);
	d->creator = getuid();
	d->retire_ns = LOOP_FOREVER;
	r = start(d, &ready, &door, err);
	is_listening = door >= 0;
	if (r == 0)
		r = server_new(&d->server, d, TAKE_FD(door), err);
	if (r == 0)
		r = rights_drop(opts, err);
	if (r < 0) {
		if (is_listening)
			shut_door(d, door);
		return r;
	}
	event(LOG_LEVEL_INFO, "ready", "serves '%s' by '%s', mode %s", opts->netns, opts->nic,
	      attach_mode_str(opts->mode));
	quiet_soon(d); /* what it took to start */
	return notify_ready_send(&ready, err);
}

/* --- run --- */

static uint64_t deadline(const struct daemon *d)
{
	const uint64_t s = server_deadline(d->server);

	return s < d->retire_ns ? s : d->retire_ns;
}

int daemon_run(struct daemon *d, struct nerr *err)
{
	/* It may have gone while we were starting. */
	ends_look(d);
	while (!d->why) {
		const int r = host_turn(d->host, deadline(d));

		if (r == -ENODEV)
			return nerr_set(err, r, "the device '%s' is gone", d->opts->nic);
		if (r < 0 && r != -EINTR)
			return nerr_set(err, r, "cannot serve '%s': %m", d->opts->nic);
		server_run(d->server, loop_clock());
		quiet_turn(d);
		if (loop_clock() >= d->retire_ns)
			daemon_end(d, "the network was taken away and did not come back");
	}
	event(LOG_LEVEL_INFO, "end", "ends: %s", d->why);
	return 0;
}

void daemon_stop(struct daemon *d)
{
	server_free(d->server);
	attach_free(d->attach);
	if (d->host) {
		/* It may be gone, or nobody may answer: that is no reason not to end. */
		if (d->attach)
			(void)host_drain(d->host, DRAIN_MS);
		ends_close(d);
		quiet_close(d);
		/* Who waits for us waits for the devices. */
		loop_close_later(host_loop(d->host));
	}
	host_free(d->host);
	if (d->netns >= 0)
		(void)close(d->netns); /* a namespace: nothing was written */
}
