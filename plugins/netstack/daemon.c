/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/rtnetlink.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_table.h"
#include "base/str.h"
#include "cni/cni.h"
#include "netlink/addr.h"
#include "netlink/nlsock.h"
#include "netlink/route.h"
#include "plugin/identity.h"
#include "plugin/iface.h"
#include "plugin/nets.h"
#include "plugins/netstack/conf_priv.h"
#include "plugins/netstack/daemon_priv.h"
#include "plugins/netstack/find_priv.h"
#include "plugins/netstack/hung_priv.h"
#include "plugins/netstack/kernel_priv.h"

/* It starts within milliseconds; a machine that swaps may need seconds. */
#define START_MS 15000
/* It answers at once, but for one that is stopped or has lost its mind. */
#define CALL_MS 3000
/* Until a process that was told to end has. */
#define END_MS 5000
/* A network that was taken away comes back within this, or not at all. */
#define RETIRE "{\"do\":\"retire\",\"grace_ms\":10000}"
#define RESUME "{\"do\":\"resume\"}"
#define STOP   "{\"do\":\"stop\"}"
#define STATUS "{\"do\":\"status\"}"

/* Names are 32 random bits; ten collisions in a row mean something else. */
#define NAME_TRIES 10

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

/* --- what a netstackd says of itself --- */

struct status_keys {
	const char *id;
	const char *network;
	const char *ifname;
	const char *nic;
	int64_t pid;
	int64_t listeners;
	bool retired;
};

/* clang-format off */
#define F(key, json, member) \
	{ .name = (key), .kind = (json), .offset = offsetof(struct status_keys, member) }
static const struct json_field status_fields[] = {
	F("id", JSON_STRING, id),
	F("network", JSON_STRING, network),
	F("ifname", JSON_STRING, ifname),
	F("nic", JSON_STRING, nic),
	F("pid", JSON_INT, pid),
	F("listeners", JSON_INT, listeners),
	F("retired", JSON_BOOL, retired),
	{ 0 },
};
#undef F
/* clang-format on */

static int read_status(struct json_doc *doc, struct status_keys *ret, struct nerr *err)
{
	struct status_keys keys = { .id = "", .network = "", .ifname = "", .nic = "" };
	int r = json_read(doc, NULL, "", status_fields, &keys, err);

	if (r < 0)
		return nerr_ctx(err, "answer of netstackd");
	*ret = keys;
	return 0;
}

static bool is_of_call(const struct cni_call *call, const struct status_keys *keys)
{
	return strcmp(keys->id, call->container_id) == 0 &&
	       strcmp(keys->network, call->net_name) == 0 &&
	       strcmp(keys->ifname, call->ifname) == 0;
}

/* The name in "tap:NAME" or "macvtap:NAME,option". */
static void copy_uplink(char ret[static IFNAMSIZ], const char *device)
{
	const char *name = strchr(device, ':');
	size_t len;

	name = name ? name + 1 : device;
	len = strcspn(name, ",");
	if (len >= IFNAMSIZ)
		len = 0;
	memcpy(ret, name, len);
	ret[len] = '\0';
}

static void fill_info(struct daemon_info *ret, const char *path, const struct status_keys *keys)
{
	*ret = (struct daemon_info){
		.pid = (int)keys->pid,
		.programs = keys->listeners > 0,
		.retired = keys->retired,
	};
	(void)str_copy(ret->path, sizeof(ret->path), path); /* of the same size */
	copy_uplink(ret->uplink, keys->nic);
}

/* --- finding it --- */

/* The one that serves the container's namespace: 1, 0 for none.  @is_other: it is that of another
 * attachment.
 */
static int find_by_netns(struct cni_call *call, int netns_fd, struct daemon_info *ret,
			 bool *is_other, struct nerr *err)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	char path[CTL_PATH_LEN];
	struct status_keys keys;
	int r;

	r = ctl_path(netns_fd, path, err);
	if (r < 0)
		return r;
	r = ctl_call(path, STATUS, -1, CALL_MS, &doc, err);
	if (r == -ECONNRESET) /* it is being killed */
		r = ctl_call(path, STATUS, -1, CALL_MS, &doc, err);
	if (r == -ECONNREFUSED)
		ctl_forget(path); /* it was killed */
	if (r == -ENOENT || r == -ECONNREFUSED)
		return 0;
	if (r == 0)
		r = read_status(doc, &keys, err);
	if (r < 0)
		return nerr_ctx(err, "cannot ask the netstackd of '%s'", call->netns);
	fill_info(ret, path, &keys);
	*is_other = !is_of_call(call, &keys);
	return 1;
}

struct search {
	struct cni_call *call;
	struct daemon_info *ret;
};

static int search_cb(void *arg, const char *path, struct json_doc *status)
{
	struct search *s = arg;
	struct status_keys keys;

	if (read_status(status, &keys, NULL) < 0 || !is_of_call(s->call, &keys))
		return 0;
	fill_info(s->ret, path, &keys);
	return 1;
}

int daemon_find(struct cni_call *call, struct plugin_nets *nets, struct daemon_info *ret,
		struct nerr *err)
{
	struct search s = { .call = call, .ret = ret };
	bool is_other = false;
	int r;

	if (nets->cont_ns < 0)
		return ctl_each(search_cb, &s, err);
	r = find_by_netns(call, nets->cont_ns, ret, &is_other, err);
	return r > 0 && is_other ? 0 : r;
}

/* --- stopping it --- */

/* 0 when the process behind a pidfd has ended. */
static int wait_end(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int r;

	do
		r = poll(&p, 1, END_MS);
	while (r < 0 && errno == EINTR);
	return r > 0 ? 0 : -ETIMEDOUT;
}

/* Its tap of the host's side; 0 for none, as with a macvtap, which is not its own. */
static int find_tap(struct plugin_nets *nets, const struct daemon_info *info)
{
	struct link_info li;

	nlsock_reset(nets->host);
	if (link_get(nets->host, info->uplink, &li, NULL) < 0 || strcmp(li.kind, "tun") != 0)
		return 0;
	return li.ifindex;
}

/* Return when nothing of it is of use any more.  With @nets that is when its tap is gone: the
 * process is in the middle of its end then, where the kernel lets it wait for RCU.
 */
static int stop(struct plugin_nets *nets, const struct daemon_info *info, struct nerr *err)
{
	/* Taken before it is told: it answers, so the number is still its own. */
	cleanup_close int pidfd = info->pid > 0 ? (int)syscall(SYS_pidfd_open, info->pid, 0) : -1;
	const int tap = nets ? find_tap(nets, info) : 0;
	int r = ctl_call(info->path, STOP, -1, CALL_MS, NULL, err);

	if (r == -ENOENT || r == -ECONNREFUSED)
		r = 0; /* it has ended by itself */
	if (r == 0 && tap)
		r = link_wait_gone(tap, END_MS, err);
	else if (r == 0 && pidfd >= 0)
		r = wait_end(pidfd);
	if (r < 0 && pidfd >= 0) {
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0); /* see the wait */
		r = wait_end(pidfd);
		if (r < 0)
			return nerr_set(err, r, "netstackd, process %d, does not end", info->pid);
	}
	if (r < 0)
		return nerr_ctx(err, "cannot stop netstackd");
	ctl_forget(info->path);
	return 0;
}

/* A link of the host's side, by name; "" and missing are fine. */
static int delete_uplink(struct plugin_nets *nets, const char *name, struct nerr *err)
{
	struct link_info li;
	int r;

	if (!*name)
		return 0;
	nlsock_reset(nets->host);
	r = link_get(nets->host, name, &li, err);
	if (r == 0) {
		link_put_del(nets->host, li.ifindex, name);
		r = nlsock_commit(nets->host, err);
	}
	return r == -ENODEV ? 0 : r;
}

/* A macvtap is not netstackd's: it is found by the identity of the attachment. */
struct alias_search {
	const char *alias;
	char name[IFNAMSIZ];
};

static int alias_cb(const struct link_info *li, void *arg)
{
	struct alias_search *s = arg;

	if (strcmp(li->alias, s->alias) == 0)
		(void)str_copy(s->name, sizeof(s->name), li->name); /* it is one */
	return 0;
}

static int delete_macvtap(struct cni_call *call, struct plugin_nets *nets, struct nerr *err)
{
	struct alias_search s = { .name = "" };
	struct identity id;
	int r = identity_of_call(call, &id, err);

	if (r < 0)
		return r;
	s.alias = id.text;
	nlsock_reset(nets->host);
	r = link_dump(nets->host, alias_cb, &s, err);
	return r < 0 ? r : delete_uplink(nets, s.name, err);
}

/* @info: NULL when none serves, though one may have. */
static int stop_all(struct cni_call *call, struct plugin_nets *nets, const struct daemon_info *info,
		    bool has_macvtap, struct nerr *err)
{
	int r = info ? stop(nets, info, err) : 0;

	if (r == 0 && info)
		r = delete_uplink(nets, info->uplink, err);
	return r < 0 || !has_macvtap ? r : delete_macvtap(call, nets, err);
}

/* --- taking its network away --- */

/* Nobody shall hear of the addresses any more, which may be given to others. */
static int cut_off(struct plugin_nets *nets, const char *uplink, struct nerr *err)
{
	struct link_info li;
	int r;

	nlsock_reset(nets->host);
	r = link_get(nets->host, uplink, &li, err);
	if (r < 0)
		return r;
	link_put_down(nets->host, li.ifindex, uplink);
	if (li.master)
		link_put_master(nets->host, li.ifindex, uplink, 0);
	return nlsock_commit(nets->host, err);
}

static const struct json_field retire_fields[] = {
	{ .name = "ends_now", .kind = JSON_BOOL },
	{ 0 },
};

/* 1 when it ends, because the last program under it has just ended. */
static int tell_retired(const struct daemon_info *info, struct nerr *err)
{
	CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
	bool ends = false;
	int r = ctl_call(info->path, RETIRE, -1, CALL_MS, &doc, err);

	if (r == 0)
		r = json_read(doc, NULL, "", retire_fields, &ends, err);
	return r < 0 ? r : ends;
}

/* As tell_retired(). */
static int retire(struct plugin_nets *nets, const struct daemon_info *info, struct nerr *err)
{
	int r = tell_retired(info, err);

	if (r > 0 || r == -ENOENT || r == -ECONNREFUSED)
		return 1;
	if (r == 0)
		r = cut_off(nets, info->uplink, err);
	return r < 0 ? nerr_ctx(err, "cannot take the network of netstackd away") : 0;
}

/* It does not even say what it is; nothing of it is of use any more. */
static int end_hung(struct cni_call *call, struct plugin_nets *nets, struct nerr *err)
{
	char path[CTL_PATH_LEN];
	int r = ctl_path(nets->cont_ns, path, err);

	if (r == 0)
		r = hung_kill(path, call->container_id, err);
	if (r == 0)
		ctl_forget(path);
	return r;
}

int daemon_del(struct cni_call *call, struct plugin_nets *nets, void *arg, struct nerr *err)
{
	const struct netstack_conf *conf = arg;
	struct daemon_info info;
	bool serves;
	int r;

	if (!nets->host) {
		r = plugin_nets_open_host(nets, err);
		if (r < 0)
			return r;
	}
	r = daemon_find(call, nets, &info, err);
	if (r == -ETIMEDOUT)
		r = end_hung(call, nets, err);
	if (r < 0)
		return r;
	serves = r > 0;
	if (serves && info.programs && nets->cont_ns >= 0) {
		r = retire(nets, &info, err);
		if (r <= 0)
			return r;
	}
	r = stop_all(call, nets, serves ? &info : NULL, conf->master != NULL, err);
	/* A veth pair, of a container with the kernel's stack. */
	return r < 0 ? r : iface_del(nets, call->ifname, err);
}

/* --- starting it --- */

static int random_name(struct plugin_nets *nets, char ret[static IFNAMSIZ], struct nerr *err)
{
	struct link_info li;

	for (int i = 0; i < NAME_TRIES; i++) {
		uint32_t n;

		if (getrandom(&n, sizeof(n), 0) != sizeof(n))
			return nerr_set(err, -errno, "cannot get random numbers: %m");
		(void)snprintf(ret, IFNAMSIZ, "fl%08" PRIx32, n); /* ten characters */
		if (link_get(nets->host, ret, &li, NULL) == -ENODEV)
			return 0;
	}
	return nerr_set(err, -EEXIST, "all of %d random interface names are taken", NAME_TRIES);
}

static int make_macvtap(struct daemon *d, const struct netstack_conf *conf, struct nerr *err)
{
	struct link_info link;
	struct identity id;
	int r;

	r = identity_of_call(d->call, &id, err);
	if (r == 0)
		r = link_get(d->nets->host, conf->master, &link, err);
	if (r < 0)
		return nerr_ctx(err, "device '%s' of the macvtap", conf->master);
	link_put_macvtap(d->nets->host, &(struct link_macvtap){ .name = d->info.uplink,
								.lower = link.ifindex,
								.mac = conf->br.mac,
								.mtu = (uint32_t)conf->br.mtu });
	r = nlsock_commit(d->nets->host, err);
	if (r == 0)
		r = link_get(d->nets->host, d->info.uplink, &link, err);
	if (r < 0)
		return r;
	link_put_alias(d->nets->host, link.ifindex, link.name, id.text);
	r = nlsock_commit(d->nets->host, err);
	if (r < 0)
		(void)delete_uplink(d->nets, link.name,
				    NULL); /* without it DEL would not find it */
	return r;
}

static int run(struct daemon *d, const struct netstack_conf *conf, const char *program,
	       struct nerr *err)
{
	char nic[16 + IFNAMSIZ];
	char spin[24];
	char mtu[24];
	char mac[MACADDR_STR_LEN];
	const char *argv[24] = { program,
				 "--netns",
				 d->call->netns,
				 "--nic",
				 nic,
				 "--ifname",
				 d->call->ifname,
				 "--mode",
				 conf->mode,
				 "--id",
				 d->call->container_id,
				 "--network",
				 d->call->net_name };
	const struct ctl_start start = { .program = program, .argv = argv, .timeout_ms = START_MS };
	size_t n = 13;

	(void)snprintf(nic, sizeof(nic), "%s:%s", conf->master ? "macvtap" : "tap",
		       d->info.uplink); /* sized to fit, as those below */
	if (conf->spin_us) {
		(void)snprintf(spin, sizeof(spin), "%" PRId64, conf->spin_us);
		argv[n++] = "--spin";
		argv[n++] = spin;
	}
	if (conf->br.mtu) {
		(void)snprintf(mtu, sizeof(mtu), "%" PRId64, conf->br.mtu);
		argv[n++] = "--mtu";
		argv[n++] = mtu;
	}
	if (conf->br.mac.len) {
		argv[n++] = "--mac";
		argv[n++] = macaddr_to_str(&conf->br.mac, mac);
	}
	return ctl_start(&start, err);
}

/* What it says of itself. */
static int take_info(struct daemon *d, struct nerr *err)
{
	struct nerr ignored = NERR_INIT;
	bool is_other = false;
	int r = find_by_netns(d->call, d->nets->cont_ns, &d->info, &is_other, err);

	if (r > 0 && !is_other)
		return 0;
	if (r >= 0)
		return nerr_set(err, -ESRCH, "netstackd was started for '%s' and is gone",
				d->call->netns);
	(void)end_hung(d->call, d->nets, &ignored); /* @err says what counts */
	return r;
}

/* One that was ended because it did not say in time that it serves leaves its socket. */
static void forget_killed(const struct daemon *d)
{
	char path[CTL_PATH_LEN];

	if (ctl_path(d->nets->cont_ns, path, NULL) == 0)
		ctl_forget(path);
}

static int start(struct daemon *d, const struct netstack_conf *conf, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf program = STRBUF_INIT;
	struct nerr ignored = NERR_INIT;
	int r;

	r = netstackd_find(conf->daemon, d->call->path, &program, err);
	if (r == 0)
		r = random_name(d->nets, d->info.uplink, err);
	if (r == 0 && conf->master)
		r = make_macvtap(d, conf, err);
	if (r == 0) {
		r = run(d, conf, program.s, err);
		if (r < 0)
			forget_killed(d);
	}
	if (r == 0)
		r = take_info(d, err);
	if (r < 0 && conf->master)
		(void)delete_macvtap(d->call, d->nets, &ignored); /* @err says what counts */
	return r;
}

static int resume(struct daemon *d, bool is_other, struct nerr *err)
{
	int r;

	if (is_other || !d->info.retired)
		return nerr_set(err, -EEXIST,
				"namespace '%s' is served already, by netstackd process %d for %s",
				d->call->netns, d->info.pid,
				is_other ? "another attachment" : "this very attachment");
	r = ctl_call(d->info.path, RESUME, -1, CALL_MS, NULL, err);
	if (r < 0)
		return nerr_ctx(err, "cannot bring the network of netstackd back");
	d->resumed = true;
	return 0;
}

int daemon_open(struct cni_call *call, struct plugin_nets *nets, const struct netstack_conf *conf,
		struct daemon *ret, struct nerr *err)
{
	struct daemon d = { .call = call, .nets = nets, .has_macvtap = conf->master != NULL };
	bool is_other = false;
	int r;

	r = find_by_netns(call, nets->cont_ns, &d.info, &is_other, err);
	if (r == 0)
		r = start(&d, conf, err);
	else if (r > 0)
		r = resume(&d, is_other, err);
	if (r < 0)
		return r;
	*ret = d;
	return 0;
}

void daemon_undo(void *arg)
{
	struct daemon *d = arg;
	struct nerr err = NERR_INIT;
	int r;

	if (d->resumed)
		r = retire(d->nets, &d->info, &err);
	else
		r = stop_all(d->call, d->nets, &d->info, d->has_macvtap, &err);
	if (r < 0)
		(void)fprintf(stderr, "cannot stop netstackd again: %s\n", err.msg);
}

/* --- what a network has left on the interface of one that comes back --- */

struct stale {
	const struct link_info *cont;
	const struct cni_result *res;
	struct ipnet addr[64];
	unsigned n_addrs;
	struct route route[256];
	unsigned n_routes;
};

static int stale_addr_cb(const struct addr_info *ai, void *arg)
{
	struct stale *s = arg;

	for (size_t i = 0; i < s->res->n_ips; i++)
		if (ipnet_eq(&s->res->ips[i].address, &ai->net))
			return 0;
	if (ai->scope == RT_SCOPE_UNIVERSE && s->n_addrs < ARRAY_SIZE(s->addr))
		s->addr[s->n_addrs++] = ai->net;
	return 0;
}

/* Those of the kernel come and go with the addresses. */
static int stale_route_cb(const struct route *rt, void *arg)
{
	struct stale *s = arg;

	if (rt->oif == s->cont->ifindex && rt->protocol != RTPROT_KERNEL &&
	    s->n_routes < ARRAY_SIZE(s->route))
		s->route[s->n_routes++] = *rt;
	return 0;
}

/* Without an answer they end later, when nobody answers them. */
static void reset_connections(const struct daemon *d, const struct stale *s,
			      const struct ipaddr *addr)
{
	char request[64 + IPADDR_STR_LEN];
	char text[IPADDR_STR_LEN];

	for (size_t i = 0; i < s->res->n_ips; i++)
		if (ipaddr_eq(&s->res->ips[i].address.addr, addr))
			return; /* it comes back, with another prefix length */
	(void)snprintf(request, sizeof(request), "{\"do\":\"reset\",\"local\":\"%s\"}",
		       ipaddr_to_str(addr, text));                      /* sized to fit */
	(void)ctl_call(d->info.path, request, -1, CALL_MS, NULL, NULL); /* see above */
}

int daemon_put_stale(const struct daemon *d, const struct link_info *cont,
		     const struct cni_result *res, struct nerr *err)
{
	struct stale s = { .cont = cont, .res = res };
	struct nlsock *nl = d->nets->cont;
	int r;

	if (!d->resumed)
		return 0;
	r = addr_dump(nl, cont->ifindex, AF_UNSPEC, stale_addr_cb, &s, err);
	if (r == 0)
		r = route_dump(nl, AF_UNSPEC, 0, stale_route_cb, &s, err);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < s.n_routes; i++)
		route_put_del(nl, &s.route[i]);
	for (unsigned i = 0; i < s.n_addrs; i++) {
		reset_connections(d, &s, &s.addr[i].addr);
		addr_put_del(nl, cont->ifindex, cont->name, &s.addr[i]);
	}
	return 0;
}

/* --- GC and STATUS --- */

struct garbage {
	struct cni_call *call;
	int first;
	struct nerr err;
};

static int garbage_cb(void *arg, const char *path, struct json_doc *status)
{
	struct garbage *g = arg;
	struct status_keys keys;
	struct daemon_info info;
	struct nerr err = NERR_INIT;
	int r;

	if (read_status(status, &keys, NULL) < 0 || strcmp(keys.network, g->call->net_name) != 0)
		return 0;
	/* One whose network was taken away ends by itself, or comes back. */
	if (keys.retired || cni_is_valid(g->call, keys.id, keys.ifname))
		return 0;
	fill_info(&info, path, &keys);
	r = stop(NULL, &info, &err);
	if (r < 0 && !g->first) {
		g->first = r;
		g->err = err;
	}
	return 0;
}

struct macvtaps {
	struct cni_call *call;
	struct nlsock *nl;
	const struct identity *valid;
	int ifindex[64];
	unsigned n;
};

static int macvtap_cb(const struct link_info *li, void *arg)
{
	struct macvtaps *m = arg;

	if (strcmp(li->kind, "macvtap") == 0 && m->n < ARRAY_SIZE(m->ifindex) &&
	    identity_is_garbage(m->call, li->alias, m->valid))
		m->ifindex[m->n++] = li->ifindex;
	return 0;
}

/* Those whose netstackd is gone already. */
static int gc_macvtaps(struct cni_call *call, struct nerr *err)
{
	CLEANUP(plugin_nets_done) struct plugin_nets nets = PLUGIN_NETS_INIT;
	struct macvtaps m = { .call = call, .valid = identity_set_valid(call, err) };
	int r = m.valid ? plugin_nets_open_host(&nets, err) : -ENOMEM;

	if (r == 0)
		r = link_dump(nets.host, macvtap_cb, &m, err);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < m.n; i++)
		link_put_del(nets.host, m.ifindex[i], "macvtap");
	return nlsock_commit(nets.host, err);
}

int daemon_gc(struct cni_call *call, struct nerr *err)
{
	struct garbage g = { .call = call };
	int r = ctl_each(garbage_cb, &g, err);

	if (r == 0 && g.first) {
		if (err)
			*err = g.err;
		r = g.first;
	}
	return r < 0 ? r : gc_macvtaps(call, err);
}

int daemon_status(struct cni_call *call, const struct netstack_conf *conf, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf program = STRBUF_INIT;
	int r;

	r = netstackd_find(conf->daemon, call->path, &program, err);
	if (r < 0) {
		if (err)
			err->num = CNI_NOT_AVAILABLE;
		return r;
	}
	return kernel_check(err);
}
