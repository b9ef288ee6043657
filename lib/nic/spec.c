/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nic_open(): "tap:t0,netns=/run/netns/web,fault=loss=1%+delay=5ms,capture=/tmp/t0.pcapng"
 *
 * The stack sees the capture, that sees what faults have left, and those stand before the device.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "nic/drivers.h"
#include "nic/wrappers.h"
#include "sandbox/netns.h"

#define FILE_NAME_LEN 4096

/**
 * struct spec - What a person wrote
 * @driver, @name, @netns, @capture, @fault: Texts, NULL for what was not given
 */
struct spec {
	const char *driver;
	const char *name;
	const char *netns;
	const char *capture;
	const char *fault;
	bool no_offload;
	bool copy;
	bool zerocopy;
};

DEFINE_CLEANUP(struct nic *, nic_close);

/* --- drivers --- */

static int open_tap(struct nic **ret, const struct spec *s, const struct nic_env *env,
		    struct nerr *err)
{
	const struct nic_tap_conf conf = { .name = s->name, .no_offload = s->no_offload };

	return nic_tap_open(ret, &conf, env, err);
}

static int open_macvtap(struct nic **ret, const struct spec *s, const struct nic_env *env,
			struct nerr *err)
{
	const struct nic_macvtap_conf conf = { .name = s->name, .no_offload = s->no_offload };

	return nic_macvtap_open(ret, &conf, env, err);
}

static int open_packet(struct nic **ret, const struct spec *s, const struct nic_env *env,
		       struct nerr *err)
{
	const struct nic_packet_conf conf = { .name = s->name, .no_offload = s->no_offload };

	return nic_packet_open(ret, &conf, env, err);
}

/* An XDP socket has no offload that could be left out. */
static int open_xdp(struct nic **ret, const struct spec *s, const struct nic_env *env,
		    struct nerr *err)
{
	struct nic_xdp_conf conf = { .name = s->name, .mode = NIC_XDP_AUTO };

	if (s->copy)
		conf.mode = NIC_XDP_COPY;
	if (s->zerocopy)
		conf.mode = NIC_XDP_ZEROCOPY;
	return nic_xdp_open(ret, &conf, env, err);
}

static const struct driver {
	const char *name;
	int (*open)(struct nic **ret, const struct spec *s, const struct nic_env *env,
		    struct nerr *err);
} drivers[] = {
	{ "tap", open_tap },
	{ "macvtap", open_macvtap },
	{ "af_packet", open_packet },
	{ "af_xdp", open_xdp },
};

static const struct driver *driver_lookup(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(drivers); i++)
		if (strcmp(name, drivers[i].name) == 0)
			return &drivers[i];
	return NULL;
}

/* --- reading --- */

static int set_text(const char **field, const char *name, const char *value, struct nerr *err)
{
	if (!value || !*value)
		return nerr_set(err, -EINVAL, "option '%s' has no value", name);
	if (*field)
		return nerr_set(err, -EINVAL, "option '%s' is given twice: '%s' and '%s'", name,
				*field, value);
	*field = value;
	return 0;
}

static int set_flag(bool *field, const char *name, const char *value, struct nerr *err)
{
	if (value)
		return nerr_set(err, -EINVAL, "option '%s' takes no value, and has '%s'", name,
				value);
	if (*field)
		return nerr_set(err, -EINVAL, "option '%s' is given twice", name);
	*field = true;
	return 0;
}

static int read_option(struct spec *s, char *option, struct nerr *err)
{
	const bool is_xdp = strcmp(s->driver, "af_xdp") == 0;
	char *value = strchr(option, '=');

	if (value)
		*value++ = '\0';
	if (strcmp(option, "netns") == 0)
		return set_text(&s->netns, option, value, err);
	if (strcmp(option, "capture") == 0)
		return set_text(&s->capture, option, value, err);
	if (strcmp(option, "fault") == 0)
		return set_text(&s->fault, option, value, err);
	if (strcmp(option, "no-offload") == 0)
		return set_flag(&s->no_offload, option, value, err);
	if (strcmp(option, "copy") != 0 && strcmp(option, "zerocopy") != 0)
		return nerr_set(
			err, -EINVAL,
			"no option '%s': there is netns=, capture=, fault=, no-offload and, "
			"of af_xdp, copy and zerocopy",
			option);
	if (!is_xdp)
		return nerr_set(err, -EINVAL, "option '%s' is one of af_xdp, not of %s", option,
				s->driver);
	return set_flag(*option == 'c' ? &s->copy : &s->zerocopy, option, value, err);
}

/* As the kernel has it (dev_valid_name()), and without what would be an option. */
static int check_name(const char *name, struct nerr *err)
{
	const size_t len = strlen(name);

	if (!len)
		return nerr_set(err, -EINVAL, "there is no name of an interface");
	if (len >= NIC_NAME_LEN)
		return nerr_set(err, -EINVAL, "interface '%s' has %zu characters, of at most %d",
				name, len, NIC_NAME_LEN - 1);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return nerr_set(err, -EINVAL, "no interface can be called '%s'", name);
	for (const char *p = name; *p; p++)
		if (*p == '/' || *p == ':' || isspace((unsigned char)*p))
			return nerr_set(err, -EINVAL, "interface '%s': '%c' is not possible", name,
					*p);
	return 0;
}

/* @text is cut into what @s points to. */
static int read_spec(struct spec *s, char *text, struct nerr *err)
{
	char *rest = text, *option;
	int r;

	s->driver = text;
	rest = strchr(text, ':');
	if (!rest)
		return nerr_set(err, -EINVAL, "'%s' is not DRIVER:INTERFACE", text);
	*rest++ = '\0';
	if (!driver_lookup(s->driver))
		return nerr_set(err, -EINVAL,
				"no driver '%s': there is tap, macvtap, af_packet and af_xdp",
				s->driver);
	s->name = strsep(&rest, ",");
	r = check_name(s->name, err);
	while (r == 0 && (option = strsep(&rest, ",")))
		r = read_option(s, option, err);
	if (r == 0 && s->copy && s->zerocopy)
		return nerr_set(err, -EINVAL,
				"options 'copy' and 'zerocopy' contradict each other");
	return r;
}

static int read_faults(struct nic_fault_conf *ret, const struct spec *s, const struct nic_env *env,
		       struct nerr *err)
{
	cleanup_free char *text = strdup(s->fault);
	int r;

	if (!text)
		return nerr_oom(err);
	for (char *p = text; *p; p++)
		if (*p == '+')
			*p = ',';
	r = nic_fault_parse(ret, text, err);
	if (r == 0)
		ret->seed += env->queue; /* queues have bad luck of their own */
	return r;
}

/* --- opening --- */

static int add_faults(struct nic **nic, const struct nic_fault_conf *conf, struct nerr *err)
{
	struct nic *wrapper;
	int r = nic_fault_new(&wrapper, *nic, conf, err);

	if (r == 0)
		*nic = wrapper;
	return r;
}

/* Each queue of several has a file of its own. */
static int add_capture(struct nic **nic, const char *file, const struct nic_env *env,
		       struct nerr *err)
{
	char path[FILE_NAME_LEN];
	struct nic *wrapper;
	int n, r;

	if (env->n_queues > 1 && strcmp(file, "-") == 0)
		return nerr_set(err, -EINVAL, "standard output cannot hold %u captures",
				env->n_queues);
	if (env->n_queues > 1)
		n = snprintf(path, sizeof(path), "%s.%u", file, env->queue);
	else
		n = snprintf(path, sizeof(path), "%s", file);
	if (n < 0 || (size_t)n >= sizeof(path))
		return nerr_set(err, -ENAMETOOLONG, "the name of the capture is too long: '%s'",
				file);
	r = nic_capture_new(&wrapper, *nic, path, 0, err);
	if (r == 0)
		*nic = wrapper;
	return r;
}

static int open_device(struct nic **ret, const struct spec *s, const struct nic_env *env,
		       struct nerr *err)
{
	cleanup_close int netns = -1;
	struct nic_env inside = *env;
	int r;

	if (s->netns) {
		r = netns_open(s->netns, &netns, err);
		if (r < 0)
			return r;
		inside.netns = netns;
	}
	return driver_lookup(s->driver)->open(ret, s, &inside, err);
}

static int open_all(struct nic **ret, const struct spec *s, const struct nic_env *env,
		    struct nerr *err)
{
	CLEANUP(nic_closep) struct nic *nic = NULL;
	struct nic_fault_conf faults;
	int r = 0;

	if (s->fault)
		r = read_faults(&faults, s, env, err);
	if (r == 0)
		r = open_device(&nic, s, env, err);
	if (r == 0 && s->fault)
		r = add_faults(&nic, &faults, err);
	if (r == 0 && s->capture)
		r = add_capture(&nic, s->capture, env, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(nic);
	return 0;
}

int nic_open(struct nic **ret, const char *spec, const struct nic_env *env, struct nerr *err)
{
	cleanup_free char *text = strdup(spec);
	struct spec s = { .driver = NULL };
	int r;

	if (!text)
		return nerr_oom(err);
	r = read_spec(&s, text, err);
	if (r < 0) {
		(void)nerr_ctx(err, "nic '%s'", spec); /* the code stays */
		return r;
	}
	r = open_all(ret, &s, env, err);
	if (r < 0)
		(void)nerr_ctx(err, "nic '%s'", spec); /* likewise */
	return r;
}
