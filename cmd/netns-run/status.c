/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "status.h"

#include <unistd.h>

#include "base/cleanup.h"
#include "cni/result.h"
#include "nets.h"
#include "sandbox/netns.h"

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

const char *status_str(const struct session *s, bool live)
{
	cleanup_close int fd = -1;

	if (live)
		return session_phase_str(s->phase);
	/* Without its namespace there is nothing to keep. */
	return s->phase == SESSION_KEPT && netns_open(s->netns, &fd, NULL) == 0 ? "kept" : "stale";
}

static void print_addresses(struct json_out *o, const struct session_net *net)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	struct cni_result res = { .n_ips = 0 };
	char ip[IPNET_STR_LEN];

	json_out_array(o, "addresses");
	if (net->result && cni_runtime_result(net->list, net->result, &doc, &res, NULL) == 0)
		for (size_t i = 0; i < res.n_ips; i++)
			json_out_string(o, NULL, ipnet_to_str(&res.ips[i].address, ip));
	json_out_end(o);
}

static void print_net(struct json_out *o, const struct session_net *net, bool full)
{
	json_out_object(o, NULL);
	json_out_string(o, "network", net->list->name);
	json_out_string(o, "ifname", net->ifname);
	print_addresses(o, net);
	for (size_t i = 0; i < net->n_caps; i++)
		if (full || str_has_prefix(net->caps[i].name, "port"))
			json_out_raw(o, net->caps[i].name, net->caps[i].json);
	if (full) {
		json_out_raw(o, "config", net->list->text);
		if (net->result)
			json_out_raw(o, "result", net->result);
	}
	json_out_end(o);
}

void status_print(struct json_out *o, const struct session *s, bool live, bool full)
{
	json_out_object(o, NULL);
	json_out_string(o, "name", s->name);
	json_out_string(o, "status", status_str(s, live));
	if (live)
		json_out_int(o, "pid", s->pid);
	json_out_int(o, "created", s->created);
	json_out_bool(o, "keep", s->keep);
	json_out_string(o, "netns", s->netns);
	json_out_string(o, "containerId", s->id);
	json_out_string(o, "stack", session_stack_str(s));
	if (s->is_user)
		json_out_string(o, "mode", attach_mode_str(s->mode));
	if (*s->hostname)
		json_out_string(o, "hostname", s->hostname);
	if (full)
		json_out_string(o, "cniPath", s->cni_path);
	json_out_array(o, "command");
	for (size_t i = 0; i < s->command.n; i++)
		json_out_string(o, NULL, s->command.v[i]);
	json_out_end(o);
	json_out_array(o, "networks");
	for (size_t i = 0; i < s->n_nets; i++)
		print_net(o, &s->nets[i], full);
	json_out_end(o);
	json_out_end(o);
}
