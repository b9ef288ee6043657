/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "opts.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/ipaddr.h"
#include "base/str.h"

#define NOBODY     65534
#define IFNAME_MAX 15
#define TEXT_MAX   255 /* of --id and --network */
#define SPIN_MAX   1000
#define MTU_MIN    68
#define MTU_MAX    65535

/**
 * struct option - An option
 * @name:	Without dashes
 * @arg:	What its argument is called, NULL when it has none
 * @help:	For --help
 * @set:	Takes the argument
 * @flag:	Place of the bool that is set, of an option without an argument
 */
struct option {
	const char *name;
	const char *arg;
	const char *help;
	int (*set)(const struct option *opt, struct opts *o, const char *value, struct nerr *err);
	size_t flag;
};

static int set_text(const char **member, const struct option *opt, const char *value, size_t max,
		    struct nerr *err)
{
	if (strlen(value) > max)
		return nerr_set(err, -EINVAL, "option '--%s': '%s' is longer than %zu characters",
				opt->name, value, max);
	*member = value;
	return 0;
}

static int set_number(uint32_t *member, const struct option *opt, const char *value, uint32_t min,
		      uint32_t max, struct nerr *err)
{
	if (parse_u32(value, min, max, member) < 0)
		return nerr_set(err, -EINVAL,
				"option '--%s' wants a number from %u to %u, got '%s'", opt->name,
				min, max, value);
	return 0;
}

/* One that is open: the caller gave it to us. */
static int set_fd(int *member, const struct option *opt, const char *value, struct nerr *err)
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

static int set_netns(const struct option *opt, struct opts *o, const char *value, struct nerr *err)
{
	return set_text(&o->netns, opt, value, 4095, err);
}

static int set_nic(const struct option *opt, struct opts *o, const char *value, struct nerr *err)
{
	return set_text(&o->nic, opt, value, 4095, err);
}

static int set_ifname(const struct option *opt, struct opts *o, const char *value, struct nerr *err)
{
	/* dev_valid_name() of the kernel's net/core/dev.c */
	if (strpbrk(value, "/: \t\n\v\f\r") || strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
		return nerr_set(err, -EINVAL, "option '--%s': '%s' cannot be an interface's name",
				opt->name, value);
	return set_text(&o->ifname, opt, value, IFNAME_MAX, err);
}

static int set_mode(const struct option *opt, struct opts *o, const char *value, struct nerr *err)
{
	if (attach_mode_parse(value, &o->mode) < 0)
		return nerr_set(err, -EINVAL, "option '--%s' wants hybrid or full, got '%s'",
				opt->name, value);
	return 0;
}

static int set_id(const struct option *opt, struct opts *o, const char *value, struct nerr *err)
{
	return set_text(&o->id, opt, value, TEXT_MAX, err);
}

static int set_network(const struct option *opt, struct opts *o, const char *value,
		       struct nerr *err)
{
	return set_text(&o->network, opt, value, TEXT_MAX, err);
}

static int set_mtu(const struct option *opt, struct opts *o, const char *value, struct nerr *err)
{
	return set_number(&o->mtu, opt, value, MTU_MIN, MTU_MAX, err);
}

static int set_mac(const struct option *opt, struct opts *o, const char *value, struct nerr *err)
{
	struct macaddr mac;

	/* A station's: neither a group's nor that of nobody. */
	if (macaddr_from_str(value, &mac) < 0 || mac.len != 6 || (mac.bytes[0] & 1) ||
	    memcmp(mac.bytes, "\0\0\0\0\0\0", 6) == 0)
		return nerr_set(err, -EINVAL, "option '--%s': '%s' is no station's MAC address",
				opt->name, value);
	o->mac = value;
	return 0;
}

static int set_spin(const struct option *opt, struct opts *o, const char *value, struct nerr *err)
{
	return set_number(&o->spin_us, opt, value, 0, SPIN_MAX, err);
}

static int set_ready_fd(const struct option *opt, struct opts *o, const char *value,
			struct nerr *err)
{
	return set_fd(&o->ready_fd, opt, value, err);
}

static int set_lifeline_fd(const struct option *opt, struct opts *o, const char *value,
			   struct nerr *err)
{
	return set_fd(&o->lifeline_fd, opt, value, err);
}

static int set_log(const struct option *opt, struct opts *o, const char *value, struct nerr *err)
{
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

static int set_user(const struct option *opt, struct opts *o, const char *value, struct nerr *err)
{
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
static const struct option options[] = {
	{ "netns", "PATH", "network namespace of the programs (required)", set_netns, 0 },
	{ "nic", "SPEC", "device to the outside, as tap:NAME or\n"
	  "macvtap:NAME (required)", set_nic, 0 },
	{ "ifname", "NAME", "interface in the namespace (default: eth0)", set_ifname, 0 },
	{ "mode", "MODE", "hybrid: TCP is ours, the rest the kernel's\n"
	  "(default); full: UDP and ping sockets, too", set_mode, 0 },
	{ "id", "TEXT", "what the container is known by", set_id, 0 },
	{ "network", "TEXT", "what the network is known by", set_network, 0 },
	{ "mtu", "N", "of the interface (default: the device's)", set_mtu, 0 },
	{ "mac", "ADDRESS", "of the interface (default: the device's)", set_mac, 0 },
	{ "spin", "US", "spin so long before sleeping, when packets\n"
	  "came just now and a CPU is idle (default: 0)", set_spin, 0 },
	{ "ready-fd", "N", "write a byte to this descriptor when it serves", set_ready_fd, 0 },
	{ "lifeline-fd", "N", "end when this descriptor says end-of-file", set_lifeline_fd, 0 },
	{ "log", "FILE", "append messages to this file, one JSON object\n"
	  "a line (default: text on standard error)", set_log, 0 },
	{ "user", "USER", "name or number of who it is when it serves\n"
	  "(default: 65534, nobody)", set_user, 0 },
	{ "version", NULL, "print name and version", NULL, offsetof(struct opts, version) },
	{ "help", NULL, "print this help", NULL, offsetof(struct opts, help) },
};
/* clang-format on */

static const struct option *find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (strlen(options[i].name) == len && strncmp(options[i].name, name, len) == 0)
			return &options[i];
	return NULL;
}

/* "--name", "--name=value", "--name value".  @argv moves over a value that is used. */
static int parse_one(char ***argv, uint32_t *seen, struct opts *o, struct nerr *err)
{
	const char *word = **argv;
	const size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : NULL;
	const struct option *opt;

	if (!str_has_prefix(word, "--"))
		return nerr_set(err, -EINVAL, "unexpected argument '%s'", word);
	opt = find(word + 2, len - 2);
	if (!opt)
		return nerr_set(err, -EINVAL, "unknown option '%.*s'", (int)len, word);
	if (*seen & 1U << (opt - options))
		return nerr_set(err, -EINVAL, "option '--%s' is given twice", opt->name);
	*seen |= 1U << (opt - options);
	if (!opt->set) {
		if (value)
			return nerr_set(err, -EINVAL, "option '--%s' takes no argument, got '%s'",
					opt->name, value);
		*(bool *)((char *)o + opt->flag) = true;
		return 0;
	}
	if (!value)
		value = (*argv)[1] ? *++*argv : NULL;
	if (!value || !*value)
		return nerr_set(err, -EINVAL, "option '--%s' needs an argument", opt->name);
	return opt->set(opt, o, value, err);
}

int opts_parse(char **argv, struct opts *ret, struct nerr *err)
{
	uint32_t seen = 0;

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
		const int r = parse_one(&argv, &seen, ret, err);

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

/* The text of @help, its further lines below the first. */
static void print_help_text(const char *help, int indent)
{
	for (const char *line = help; *line;) {
		const int len = (int)strcspn(line, "\n");

		(void)printf("%.*s\n", len, line); /* checked by the fflush() at the end */
		line += len;
		if (*line++ == '\0')
			return;
		(void)printf("%*s", indent, ""); /* likewise */
	}
}

int opts_help(void)
{
	enum {
		INDENT = 24
	};

	print_help_text(
		"usage: netstackd --netns PATH --nic SPEC [options]\n\n"
		"Serve the programs of a network namespace with a TCP/IP stack of its own.\n"
		"\nOptions:",
		0);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		char left[40];

		(void)snprintf(left, sizeof(left), "  --%s %s", options[i].name,
			       options[i].arg ? options[i].arg : "");
		(void)printf("%-*s", INDENT, left); /* checked below */
		print_help_text(options[i].help, INDENT);
	}
	print_help_text(
		"\nExit status: 0 when it was told to end or there was nobody left to serve, "
		"1 when\nit failed, 2 for wrong usage.",
		0);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -EIO;
}
