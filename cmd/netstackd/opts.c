/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "opts.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cmdline.h"
#include "base/error.h"
#include "base/ipaddr.h"
#include "base/str.h"

#define NOBODY     65534
#define IFNAME_MAX 15
#define TEXT_MAX   255 /* of --id and --network */
#define SPIN_MAX   1000
#define MTU_MIN    68
#define MTU_MAX    65535

static int set_text(const char **member, const struct cmdline_option *opt, const char *value,
		    size_t max, struct nerr *err)
{
	if (strlen(value) > max)
		return nerr_set(err, -EINVAL, "option '--%s': '%s' is longer than %zu characters",
				opt->name, value, max);
	*member = value;
	return 0;
}

static int set_number(uint32_t *member, const struct cmdline_option *opt, const char *value,
		      uint32_t min, uint32_t max, struct nerr *err)
{
	if (parse_u32(value, min, max, member) < 0)
		return nerr_set(err, -EINVAL,
				"option '--%s' wants a number from %u to %u, got '%s'", opt->name,
				min, max, value);
	return 0;
}

/* One that is open: the caller gave it to us. */
static int set_fd(int *member, const struct cmdline_option *opt, const char *value,
		  struct nerr *err)
{
	uint32_t n;

	if (set_number(&n, opt, value, 0, INT32_MAX, err) < 0)
		return -EINVAL;
	if (fcntl((int)n, F_GETFD) < 0)
		return nerr_set(err, -EINVAL, "option '--%s': descriptor %u is not open", opt->name,
				n);
	*member = (int)n;
	return 0;
}

static int set_netns(const struct cmdline_option *opt, void *opts, const char *value,
		     struct nerr *err)
{
	struct opts *o = opts;
	return set_text(&o->netns, opt, value, 4095, err);
}

static int set_nic(const struct cmdline_option *opt, void *opts, const char *value,
		   struct nerr *err)
{
	struct opts *o = opts;
	return set_text(&o->nic, opt, value, 4095, err);
}

static int set_ifname(const struct cmdline_option *opt, void *opts, const char *value,
		      struct nerr *err)
{
	struct opts *o = opts;
	/* dev_valid_name() of the kernel's net/core/dev.c */
	if (strpbrk(value, "/: \t\n\v\f\r") || strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
		return nerr_set(err, -EINVAL, "option '--%s': '%s' cannot be an interface's name",
				opt->name, value);
	if (strcmp(value, "lo") == 0)
		return nerr_set(err, -EINVAL, "option '--%s': 'lo' is the loopback interface",
				opt->name);
	return set_text(&o->ifname, opt, value, IFNAME_MAX, err);
}

static int set_mode(const struct cmdline_option *opt, void *opts, const char *value,
		    struct nerr *err)
{
	struct opts *o = opts;
	if (attach_mode_parse(value, &o->mode) < 0)
		return nerr_set(err, -EINVAL, "option '--%s' wants hybrid or full, got '%s'",
				opt->name, value);
	return 0;
}

static int set_id(const struct cmdline_option *opt, void *opts, const char *value, struct nerr *err)
{
	struct opts *o = opts;
	return set_text(&o->id, opt, value, TEXT_MAX, err);
}

static int set_network(const struct cmdline_option *opt, void *opts, const char *value,
		       struct nerr *err)
{
	struct opts *o = opts;
	return set_text(&o->network, opt, value, TEXT_MAX, err);
}

static int set_mtu(const struct cmdline_option *opt, void *opts, const char *value,
		   struct nerr *err)
{
	struct opts *o = opts;
	return set_number(&o->mtu, opt, value, MTU_MIN, MTU_MAX, err);
}

static int set_mac(const struct cmdline_option *opt, void *opts, const char *value,
		   struct nerr *err)
{
	struct opts *o = opts;
	struct macaddr mac;

	/* A station's: neither a group's nor that of nobody. */
	if (macaddr_from_str(value, &mac) < 0 || mac.len != 6 || (mac.bytes[0] & 1) ||
	    memcmp(mac.bytes, "\0\0\0\0\0\0", 6) == 0)
		return nerr_set(err, -EINVAL, "option '--%s': '%s' is no station's MAC address",
				opt->name, value);
	o->mac = value;
	return 0;
}

static int set_spin(const struct cmdline_option *opt, void *opts, const char *value,
		    struct nerr *err)
{
	struct opts *o = opts;
	return set_number(&o->spin_us, opt, value, 0, SPIN_MAX, err);
}

static int set_ready_fd(const struct cmdline_option *opt, void *opts, const char *value,
			struct nerr *err)
{
	struct opts *o = opts;
	return set_fd(&o->ready_fd, opt, value, err);
}

static int set_lifeline_fd(const struct cmdline_option *opt, void *opts, const char *value,
			   struct nerr *err)
{
	struct opts *o = opts;
	return set_fd(&o->lifeline_fd, opt, value, err);
}

static int set_log(const struct cmdline_option *opt, void *opts, const char *value,
		   struct nerr *err)
{
	struct opts *o = opts;
	return set_text(&o->log, opt, value, 4095, err);
}

/* Static programs have no name service, and we are one that starts in milliseconds: numbers, and
 * names of the file, by fgetpwent().
 */
static int find_user(const char *name, struct opts *o)
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *pw = NULL;
	int r = -ENOENT;

	if (!f)
		return -errno;
	while (r < 0 && (pw = fgetpwent(f))) {
		if (strcmp(pw->pw_name, name) != 0)
			continue;
		o->uid = pw->pw_uid;
		o->gid = pw->pw_gid;
		r = 0;
	}
	(void)fclose(f); /* only read */
	return r;
}

static int set_user(const struct cmdline_option *opt, void *opts, const char *value,
		    struct nerr *err)
{
	struct opts *o = opts;
	uint32_t n;
	int r;

	if (parse_u32(value, 0, UINT32_MAX - 1, &n) == 0) {
		o->uid = n;
		o->gid = n;
	} else {
		r = find_user(value, o);
		if (r < 0)
			return nerr_set(err, -EINVAL, "option '--%s': no user '%s' in /etc/passwd",
					opt->name, value);
	}
	if (o->uid == 0 || o->gid == 0)
		return nerr_set(err, -EINVAL,
				"option '--%s': '%s' is root, who has too many rights", opt->name,
				value);
	return 0;
}

/* clang-format off */
#define SET(fn)      set_##fn, 0, 0, true
#define FLAG(member) NULL, offsetof(struct opts, member), 0, true

static const struct cmdline_option options[] = {
	{ "netns", 0, 1, "PATH", "network namespace of the programs (required)", SET(netns) },
	{ "nic", 0, 1, "SPEC", "device to the outside: tap:NAME, macvtap:NAME,\n"
	  "af_packet:NAME or af_xdp:NAME (required)", SET(nic) },
	{ "ifname", 0, 1, "NAME", "interface in the namespace (default: eth0)", SET(ifname) },
	{ "mode", 0, 1, "MODE", "hybrid: TCP is ours, the rest the kernel's\n"
	  "(default); full: UDP and ping sockets, too", SET(mode) },
	{ "id", 0, 1, "TEXT", "what the container is known by", SET(id) },
	{ "network", 0, 1, "TEXT", "what the network is known by", SET(network) },
	{ "mtu", 0, 1, "N", "of the interface (default: the device's)", SET(mtu) },
	{ "mac", 0, 1, "ADDRESS", "of the interface (default: the device's)", SET(mac) },
	{ "spin", 0, 1, "US", "spin so long before sleeping, when packets\n"
	  "came just now and a CPU is idle (default: 0)", SET(spin) },
	{ "ready-fd", 0, 1, "N", "write a byte to this descriptor when it serves", SET(ready_fd) },
	{ "lifeline-fd", 0, 1, "N", "end when this descriptor says end-of-file", SET(lifeline_fd) },
	{ "log", 0, 1, "FILE", "append messages to this file, one JSON object\n"
	  "a line, or - for standard error\n(default: text on standard error)", SET(log) },
	{ "user", 0, 1, "USER", "name or number of who it is when it serves\n"
	  "(default: 65534, nobody)", SET(user) },
	{ "version", 0, 1, NULL, "print name and version", FLAG(version) },
	{ "help", 0, 1, NULL, "print this help", FLAG(help) },
};
/* clang-format on */

int opts_parse(char **argv, struct opts *ret, struct nerr *err)
{
	struct cmdline cl = { options, ARRAY_SIZE(options), 1, ret, 0 };

	*ret = (struct opts){
		.ifname = "eth0",
		.mode = ATTACH_HYBRID,
		.id = "",
		.network = "",
		.ready_fd = -1,
		.lifeline_fd = -1,
		.uid = NOBODY,
		.gid = NOBODY,
	};
	for (; *argv; argv++) {
		int r;

		if (!cmdline_is_option(*argv))
			return nerr_set(err, -EINVAL, "unexpected argument '%s'", *argv);
		r = cmdline_option(&cl, &argv, err);
		if (r < 0)
			return r;
	}
	if (ret->help || ret->version)
		return 0;
	if (!ret->netns)
		return nerr_set(err, -EINVAL, "option '--netns' is missing");
	if (!ret->nic)
		return nerr_set(err, -EINVAL, "option '--nic' is missing");
	return 0;
}

/* --- help --- */

int opts_help(void)
{
	cmdline_print_text(
		"usage: netstackd --netns PATH --nic SPEC [options]\n\n"
		"Serve the programs of a network namespace with a TCP/IP stack of its own.\n"
		"\nOptions:",
		0);
	cmdline_print_options(options, ARRAY_SIZE(options), 1, 24);
	cmdline_print_text(
		"\nExit status: 0 when it was told to end or there was nobody left to serve, "
		"1 when\nit failed, 2 for wrong usage.",
		0);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -EIO;
}
