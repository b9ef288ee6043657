/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "defnet.h"

#include <net/if.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <linux/ipv6_route.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_out.h"
#include "base/str.h"

#define SUBNET4   "10.87.0.0/16"
#define SUBNET6   "fd4e:6574:6e73::/64"

#define IPV6_CONF "/proc/sys/net/ipv6/conf/"

/* --- is IPv6 safe here? --- */

static bool sysctl_is(const char *path, const char *value)
{
	char text[32];

	return file_read(AT_FDCWD, path, text, sizeof(text)) == 0 && strcmp(text, value) == 0;
}

/* accept_ra 2: advertisements count even while forwarding. */
static bool survives_forwarding(const char *ifname)
{
	char path[sizeof(IPV6_CONF) + IFNAMSIZ + sizeof("/accept_ra")];

	(void)snprintf(path, sizeof(path), IPV6_CONF "%s/accept_ra", ifname); /* sized to fit */
	return sysctl_is(path, "2");
}

/* A line of /proc/net/ipv6_route (rt6_info_route() in net/ipv6/route.c). */
static bool is_learned_default(const char *line)
{
	unsigned flags;
	char dst[33];
	char ifname[IFNAMSIZ];
	unsigned prefix_len;

	/* The kernel's own text, and every field has its width: nothing can overflow. */
	/* NOLINTNEXTLINE(cert-err34-c) */
	if (sscanf(line, "%32s %2x %*s %*s %*s %*s %*s %*s %8x %15s", dst, &prefix_len, &flags,
		   ifname) != 4)
		return false;
	return prefix_len == 0 && (flags & RTF_ADDRCONF) && (flags & RTF_DEFAULT) &&
	       !survives_forwarding(ifname);
}

static bool has_learned_default(void)
{
	FILE *f = fopen("/proc/net/ipv6_route", "re");
	char line[512];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = is_learned_default(line);
	if (f)
		(void)fclose(f); /* was only read */
	return found;
}

/* NULL when IPv6 can be used. */
static const char *why_no_ipv6(void)
{
	if (!sysctl_is(IPV6_CONF "all/disable_ipv6", "0") ||
	    !sysctl_is(IPV6_CONF "default/disable_ipv6", "0"))
		return "this host has it disabled";
	if (!sysctl_is(IPV6_CONF "all/forwarding", "1") && has_learned_default())
		return "this host would lose its IPv6 default route (see netns-run(1), IPV6)";
	return NULL;
}

/* --- the configuration --- */

static void print_ranges(struct json_out *o, bool ipv6)
{
	json_out_array(o, "ranges");
	for (int i = 0; i < (ipv6 ? 2 : 1); i++) {
		json_out_array(o, NULL);
		json_out_object(o, NULL);
		json_out_string(o, "subnet", i ? SUBNET6 : SUBNET4);
		json_out_end(o);
		json_out_end(o);
	}
	json_out_end(o);
	json_out_array(o, "routes");
	for (int i = 0; i < (ipv6 ? 2 : 1); i++) {
		json_out_object(o, NULL);
		json_out_string(o, "dst", i ? "::/0" : "0.0.0.0/0");
		json_out_end(o);
	}
	json_out_end(o);
}

static void print_capability(struct json_out *o, const char *capability)
{
	json_out_bool(o, capability, true);
}

/* The keys by which a user stack differs. */
static void print_user(struct json_out *o, const struct defnet_conf *conf)
{
	json_out_string(o, "type", "netstack");
	if (conf->mode)
		json_out_string(o, "mode", conf->mode);
}

static void print_capabilities(struct json_out *o)
{
	json_out_object(o, "capabilities");
	print_capability(o, "ips");
	print_capability(o, "mac");
	json_out_end(o);
}

static void print_bridge(struct json_out *o, const struct defnet_conf *conf, bool ipv6)
{
	json_out_object(o, NULL);
	if (conf->is_user)
		print_user(o, conf);
	else
		json_out_string(o, "type", "bridge");
	json_out_string(o, "bridge", DEFNET_NAME "0");
	json_out_bool(o, "isGateway", true);
	json_out_bool(o, "ipMasq", true);
	json_out_bool(o, "hairpinMode", true);
	print_capabilities(o);
	json_out_object(o, "ipam");
	json_out_string(o, "type", "host-local");
	print_ranges(o, ipv6);
	json_out_end(o);
	json_out_end(o);
}

static void print_macvtap(struct json_out *o, const struct defnet_conf *conf)
{
	json_out_object(o, NULL);
	print_user(o, conf);
	json_out_string(o, "nic", conf->nic);
	print_capabilities(o);
	json_out_object(o, "ipam");
	json_out_string(o, "type", "static");
	json_out_end(o);
	json_out_end(o);
}

static void print_meta(struct json_out *o, const char *type, const char *capability)
{
	json_out_object(o, NULL);
	json_out_string(o, "type", type);
	if (capability) {
		json_out_object(o, "capabilities");
		print_capability(o, capability);
		json_out_end(o);
	}
	json_out_end(o);
}

int defnet_new(const struct defnet_conf *conf, struct cni_conflist **ret, const char **ret_note,
	       struct nerr *err)
{
	const bool is_macvtap = conf->nic && strcmp(conf->nic, "bridge") != 0;
	const char *note = is_macvtap ? NULL : why_no_ipv6();
	struct json_out o = JSON_OUT_INIT(0);
	int r;

	json_out_object(&o, NULL);
	json_out_string(&o, "cniVersion", "1.1.0");
	json_out_string(&o, "name", is_macvtap ? DEFNET_NAME "-macvtap" : DEFNET_NAME);
	json_out_array(&o, "plugins");
	if (is_macvtap) {
		print_macvtap(&o, conf);
	} else {
		print_bridge(&o, conf, !note);
		print_meta(&o, "portmap", "portMappings");
		print_meta(&o, "firewall", NULL);
	}
	print_meta(&o, "tuning", NULL);
	json_out_end(&o);
	json_out_end(&o);
	r = o.buf.failed ? nerr_oom(err) : cni_conflist_parse(o.buf.s, o.buf.len, ret, err);
	strbuf_done(&o.buf);
	if (r == 0)
		*ret_note = note;
	return r;
}
