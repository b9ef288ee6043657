/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_ether.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/log.h"
#include "defnet.h"
#include "opts.h"
#include "ustack.h"

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

/* --- options --- */

static int parse_ip(const char *text, struct ipnet *ret, struct nerr *err)
{
	int r;

	if (strchr(text, '/')) {
		r = ipnet_from_str(text, ret);
	} else {
		r = ipaddr_from_str(text, &ret->addr);
		ret->prefix_len = 0;
	}
	return r < 0 ? nerr_set(err, r, "option '--ip': invalid IP address '%s'", text) : 0;
}

static int parse_mac(const char *text, struct macaddr *ret, struct nerr *err)
{
	if (macaddr_from_str(text, ret) < 0 || ret->len != ETH_ALEN)
		return nerr_set(err, -EINVAL, "option '--mac': invalid MAC address '%s'", text);
	if (ret->bytes[0] & 1)
		return nerr_set(err, -EINVAL, "option '--mac': '%s' is a multicast address", text);
	return 0;
}

static bool is_none(const struct opts *o)
{
	return o->network.n == 1 && strcmp(o->network.v[0], "none") == 0;
}

static int check_combination(const struct opts *o, struct nerr *err)
{
	if (o->network.n > SESSION_NETS_MAX)
		return nerr_set(err, -EINVAL, "%zu networks are given, at most %d can be",
				o->network.n, SESSION_NETS_MAX);
	for (size_t i = 0; i < o->network.n && o->network.n > 1; i++)
		if (strcmp(o->network.v[i], "none") == 0)
			return nerr_set(err, -EINVAL, "network 'none' cannot be given with others");
	if (is_none(o) && (o->publish.n || o->ip.n || o->mac))
		return nerr_set(err, -EINVAL, "option '--%s' needs a network, not 'none'",
				o->publish.n ? "publish"
				: o->ip.n    ? "ip"
					     : "mac");
	if (o->network.n > 1 && (o->ip.n || o->mac))
		return nerr_set(err, -EINVAL, "option '--%s' needs exactly one network, not %zu",
				o->ip.n ? "ip" : "mac", o->network.n);
	return 0;
}

int nets_parse(struct session *s, const struct opts *o, struct wants *ret, struct nerr *err)
{
	int r;

	*ret = (struct wants){
		.ips = arena_calloc(&s->arena, o->ip.n + 1, sizeof(*ret->ips)),
		.ports = arena_calloc(&s->arena, o->publish.n + 1, sizeof(*ret->ports)),
	};
	if (!ret->ips || !ret->ports)
		return nerr_oom(err);
	r = check_combination(o, err);
	if (r == 0)
		r = ustack_check(o, err);
	for (; r == 0 && ret->n_ips < o->ip.n; ret->n_ips++)
		r = parse_ip(o->ip.v[ret->n_ips], &ret->ips[ret->n_ips], err);
	for (; r == 0 && ret->n_ports < o->publish.n; ret->n_ports++)
		r = port_parse(o->publish.v[ret->n_ports], &ret->ports[ret->n_ports], err);
	if (r == 0)
		r = ports_check(ret->ports, ret->n_ports, err);
	if (r == 0 && o->mac)
		r = parse_mac(o->mac, &ret->mac, err);
	return r;
}

/* --- networks --- */

/* A file is told from a name by what a name cannot or does not have. */
static bool is_file(const char *text)
{
	static const char *const endings[] = { ".conflist", ".conf", ".json" };
	const char *dot = strrchr(text, '.');

	for (size_t i = 0; dot && i < ARRAY_SIZE(endings); i++)
		if (strcmp(dot, endings[i]) == 0)
			return true;
	return strchr(text, '/') != NULL;
}

static int load_default(const struct opts *o, struct cni_conflist **ret, struct nerr *err)
{
	const struct defnet_conf conf = {
		.is_user = o->stack && strcmp(o->stack, "user") == 0,
		.mode = o->mode,
		.nic = o->nic,
	};
	const char *note;
	int r = defnet_new(&conf, ret, &note, err);

	if (r == 0 && note)
		log_info("network '" DEFNET_NAME "' without IPv6: %s", note);
	return r;
}

static int load_net(struct session *s, const struct opts *o, const char *network, struct nerr *err)
{
	struct session_net *net = &s->nets[s->n_nets];
	int r;

	if (!network || strcmp(network, DEFNET_NAME) == 0)
		r = load_default(o, &net->list, err);
	else if (is_file(network))
		r = cni_conflist_read(network, &net->list, err);
	else
		r = cni_conflist_find(CNI_CONF_DIR, network, &net->list, err);
	if (r < 0)
		return r;
	(void)snprintf(net->ifname, sizeof(net->ifname), "eth%zu", s->n_nets); /* one digit */
	s->n_nets++;
	return 0;
}

/* Two attachments to one network would share the names plugins make from network and
 * container.
 */
static int check_distinct(const struct session *s, struct nerr *err)
{
	for (size_t i = 0; i < s->n_nets; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(s->nets[i].list->name, s->nets[k].list->name) == 0)
				return nerr_set(err, -EINVAL, "network '%s' is given twice",
						s->nets[i].list->name);
	return 0;
}

/* Take the text that was written, into the session. */
static int add_cap(struct session *s, struct session_net *net, const char *name,
		   const struct strbuf *json, struct nerr *err)
{
	const char *text = json->failed ? NULL : arena_strdup(&s->arena, strbuf_text(json));

	if (!text)
		return nerr_oom(err);
	net->caps[net->n_caps++] = (struct cni_capability){ .name = name, .json = text };
	return 0;
}

static int add_arg(struct session *s, struct session_net *net, const char *key,
		   const struct strbuf *value, struct nerr *err)
{
	const char *text = value->failed ? NULL : arena_strdup(&s->arena, strbuf_text(value));

	if (!text)
		return nerr_oom(err);
	if (!net->n_args)
		net->args[net->n_args++] = (struct cni_pair){ "IgnoreUnknown", "1" };
	net->args[net->n_args++] = (struct cni_pair){ key, text };
	return 0;
}

static const char *ip_to_str(const struct ipnet *ip, char buf[static IPNET_STR_LEN])
{
	return ip->prefix_len ? ipnet_to_str(ip, buf) : ipaddr_to_str(&ip->addr, buf);
}

static int ask_for_ips(struct session *s, struct session_net *net, const struct wants *w,
		       struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	const bool can = cni_conflist_can(net->list, -1, "ips");
	char ip[IPNET_STR_LEN];

	if (!w->n_ips)
		return 0;
	for (size_t i = 0; i < w->n_ips; i++)
		strbuf_addf(&text, can ? "%s\"%s\"" : "%s%s",
			    i     ? ","
			    : can ? "["
				  : "",
			    ip_to_str(&w->ips[i], ip));
	if (!can)
		return add_arg(s, net, "IP", &text, err);
	strbuf_add(&text, "]");
	return add_cap(s, net, "ips", &text, err);
}

static int ask_for_mac(struct session *s, struct session_net *net, const struct wants *w,
		       struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
	const bool can = cni_conflist_can(net->list, -1, "mac");
	char mac[MACADDR_STR_LEN];

	if (!w->mac.len)
		return 0;
	strbuf_addf(&text, can ? "\"%s\"" : "%s", macaddr_to_str(&w->mac, mac));
	return can ? add_cap(s, net, "mac", &text, err) : add_arg(s, net, "MAC", &text, err);
}

static int ask_for_ports(struct session *s, const struct wants *w, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;

	if (!w->n_ports)
		return 0;
	ports_print(w->ports, w->n_ports, &text);
	for (size_t i = 0; i < s->n_nets; i++)
		if (cni_conflist_can(s->nets[i].list, -1, "portMappings"))
			return add_cap(s, &s->nets[i], "portMappings", &text, err);
	return nerr_set(
		err, -EINVAL,
		"no plugin of network '%s' can publish ports (none has the capability 'portMappings')",
		s->nets[0].list->name);
}

int nets_load(struct session *s, const struct opts *o, const struct wants *w, struct nerr *err)
{
	int r = 0;

	if (is_none(o))
		return 0;
	if (!o->network.n)
		r = load_net(s, o, NULL, err);
	for (size_t i = 0; i < o->network.n && r == 0; i++)
		r = load_net(s, o, o->network.v[i], err);
	if (r == 0)
		r = check_distinct(s, err);
	if (r == 0)
		r = ustack_settle(s, o, err);
	if (r == 0)
		r = ask_for_ips(s, &s->nets[0], w, err);
	if (r == 0)
		r = ask_for_mac(s, &s->nets[0], w, err);
	if (r == 0)
		r = ask_for_ports(s, w, err);
	return r;
}

/* --- attaching --- */

void nets_print_addresses(const struct session_net *net, struct strbuf *ret)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct cni_result res;
	char ip[IPADDR_STR_LEN];

	if (!net->result || cni_runtime_result(net->list, net->result, &doc, &res, NULL) < 0)
		return;
	for (size_t i = 0; i < res.n_ips; i++)
		strbuf_addf(ret, "%s%s", i ? "," : "", ipaddr_to_str(&res.ips[i].address.addr, ip));
}

/* Not every plugin reads what it is told; who asked must hear of it. */
static int check_result(const struct session *s, const struct session_net *net,
			const struct wants *w, struct nerr *err)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct cni_result res;
	char text[MACADDR_STR_LEN];
	bool found = !w->mac.len;
	int r;

	r = cni_runtime_result(net->list, net->result, &doc, &res, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < w->n_ips; i++) {
		bool given = false;

		for (size_t k = 0; k < res.n_ips; k++)
			given |= ipaddr_eq(&res.ips[k].address.addr, &w->ips[i].addr);
		if (!given)
			return nerr_set(err, -EADDRNOTAVAIL,
					"network '%s' did not give the address %s", net->list->name,
					ipaddr_to_str(&w->ips[i].addr, text));
	}
	for (size_t i = 0; i < res.n_interfaces; i++) {
		const struct cni_interface *intf = &res.interfaces[i];
		struct macaddr mac;

		found |= intf->sandbox && strcmp(intf->sandbox, s->netns) == 0 && intf->mac &&
			 macaddr_from_str(intf->mac, &mac) == 0 && macaddr_eq(&mac, &w->mac);
	}
	if (!found)
		return nerr_set(err, -EADDRNOTAVAIL, "network '%s' did not give the MAC address %s",
				net->list->name, macaddr_to_str(&w->mac, text));
	return 0;
}

static int attach(struct session *s, struct session_net *net, const struct wants *w,
		  const struct cni_runtime *rt, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf result = STRBUF_INIT;
	const struct cni_attach at = session_attach(s, net);
	bool undone = false;
	int r;

	net->up = true;
	r = cni_runtime_add(rt, net->list, &at, &result, &undone, err);
	if (r < 0) {
		net->up = !undone;
		return nerr_ctx(err, "network '%s'", net->list->name);
	}
	net->result = result.failed ? NULL : arena_strdup(&s->arena, result.s);
	if (!net->result)
		return nerr_oom(err);
	result.len = 0;
	nets_print_addresses(net, &result);
	log_info("%s on network '%s': %s", net->ifname, net->list->name,
		 result.len ? result.s : "no address");
	/* With several networks nobody can ask for an address. */
	return s->n_nets == 1 ? check_result(s, net, w, err) : 0;
}

int nets_attach(struct session *s, const struct wants *w, const struct cni_runtime *rt,
		struct nerr *err)
{
	for (size_t i = 0; i < s->n_nets; i++) {
		int r = attach(s, &s->nets[i], w, rt, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int nets_detach(struct session *s, const struct cni_runtime *rt, struct nerr *err)
{
	int first = 0;

	for (size_t i = s->n_nets; i-- > 0;) {
		struct session_net *net = &s->nets[i];
		const struct cni_attach at = session_attach(s, net);
		struct nerr why = NERR_INIT;
		int r;

		if (!net->up)
			continue;
		r = cni_runtime_del(rt, net->list, &at, &why);
		if (r == 0) {
			net->up = false;
		} else if (!first) {
			first = nerr_ctx(&why, "network '%s'", net->list->name);
			*err = why;
		}
	}
	return first;
}

/* --- what plugins do and say --- */

/* What a plugin says is shown line by line. */
static void show_said(const struct cni_step *step)
{
	for (const char *line = step->said; *line;) {
		const int len = (int)strcspn(line, "\n");

		if (len)
			log_warn("plugin %s: %.*s", step->type, len, line);
		line += len + (line[len] == '\n');
	}
}

static void show_step(const struct cni_step *step, void *arg)
{
	static const char *const verbs[] = {
		[CNI_ADD] = "ADD", [CNI_DEL] = "DEL",       [CNI_CHECK] = "CHECK",
		[CNI_GC] = "GC",   [CNI_STATUS] = "STATUS", [CNI_VERSION] = "VERSION",
	};

	(void)arg;
	log_info("%s %s %s%s'%s': %s in %.1f ms", step->type, verbs[step->verb], step->ifname,
		 *step->ifname ? " " : "", step->network, step->r == 0 ? "ok" : step->error,
		 (double)step->usec / 1000);
	if (step->r == 0)
		show_said(step);
}

struct cni_runtime nets_runtime(const struct session *s, int cancel_fd)
{
	return (struct cni_runtime){
		.path = s->cni_path,
		.cache_dir = CNI_CACHE_DIR,
		.cancel_fd = cancel_fd,
		.step = show_step,
	};
}
