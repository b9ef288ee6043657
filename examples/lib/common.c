/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * common.c - what all examples share
 */
#include "examples/lib/common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "nic/loop.h"

#define OPTIONS_MAX  32
#define ADDR_WAIT_MS 10000
#define DRAIN_MS     5000

static const char *arg_nic, *arg_netns, *arg_follow, *arg_gateway, *arg_gateway6, *arg_engine;
static const char *arg_cc;
static uint32_t arg_mtu, arg_spin;
static bool arg_no_gro, arg_no_dad, arg_stats, arg_help;

/* clang-format off */
static const struct common_option common_options[] = {
	{ "nic", "SPEC", "device: tap:NAME, macvtap:NAME, af_packet:NAME, af_xdp:NAME", &arg_nic, NULL, NULL },
	{ "netns", "PATH", "namespace of the device", &arg_netns, NULL, NULL },
	{ "follow", "IF", "interface whose configuration is obeyed ('' for none)", &arg_follow, NULL, NULL },
	{ "addr", "ADDR/LEN", "another address; repeatable", NULL, NULL, NULL },
	{ "gateway", "ADDR", "default route of IPv4", &arg_gateway, NULL, NULL },
	{ "gateway6", "ADDR", "default route of IPv6", &arg_gateway6, NULL, NULL },
	{ "mtu", "N", "instead of the device's", NULL, &arg_mtu, NULL },
	{ "spin", "US", "poll so long before sleeping (0)", NULL, &arg_spin, NULL },
	{ "engine", "NAME", "uring or epoll (what is there)", &arg_engine, NULL, NULL },
	{ "cc", "NAME", "congestion control (cubic)", &arg_cc, NULL, NULL },
	{ "no-gro", NULL, "do not merge received segments", NULL, NULL, &arg_no_gro },
	{ "no-dad", NULL, "use IPv6 addresses without looking for duplicates", NULL, NULL, &arg_no_dad },
	{ "stats", NULL, "print counters at the end", NULL, NULL, &arg_stats },
	{ "help", NULL, "print this help", NULL, NULL, &arg_help },
	{ 0 },
};
/* clang-format on */

static bool stopped;
static int signal_fd = -1;
static struct loop_watch signal_watch;

int common_fail(const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return 1;
}

void common_ready(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
	(void)fflush(stdout);
}

/* --- options --- */

static void help_of(const struct common_option *opt)
{
	for (; opt->name; opt++)
		(void)printf("  --%-9s %-9s %s\n", opt->name, opt->arg ? opt->arg : "", opt->help);
}

static int set_option(const struct common_option *opt, const char *value, struct host_conf *conf)
{
	if (opt->flag) {
		*opt->flag = true;
	} else if (opt->text) {
		*opt->text = value;
	} else if (opt->number) {
		if (parse_u32(value, 0, UINT32_MAX, opt->number) < 0)
			return common_fail("option '--%s': '%s' is not a number", opt->name, value);
	} else {
		unsigned int n = 0;

		while (conf->addr[n])
			n++;
		if (n == HOST_ADDRS_MAX)
			return common_fail("more than %d addresses", HOST_ADDRS_MAX);
		conf->addr[n] = value;
	}
	return 0;
}

/* The program's own options, then ours, as getopt_long() wants them. */
static int read_options(const struct common_program *program, int argc, char **argv,
			struct host_conf *conf)
{
	const struct common_option *all[OPTIONS_MAX];
	struct option longs[OPTIONS_MAX] = { 0 };
	int n = 0, i;

	for (const struct common_option *o = program->options; o && o->name; o++)
		all[n++] = o;
	for (const struct common_option *o = common_options; o->name; o++)
		all[n++] = o;
	for (i = 0; i < n; i++)
		longs[i] = (struct option){ .name = all[i]->name, .has_arg = all[i]->arg != NULL };

	opterr = 0;
	for (;;) {
		const int r = getopt_long(argc, argv, ":", longs, &i);

		if (r < 0)
			return 0;
		if (r == '?')
			return common_fail("unknown option '%s'", argv[optind - 1]);
		if (r == ':')
			return common_fail("option '%s' needs an argument", argv[optind - 1]);
		if (set_option(all[i], optarg, conf) != 0)
			return 1;
	}
}

static int read_engine(struct host_conf *conf)
{
	if (!arg_engine)
		return 0;
	if (strcmp(arg_engine, "uring") == 0)
		conf->engine = LOOP_URING;
	else if (strcmp(arg_engine, "epoll") == 0)
		conf->engine = LOOP_EPOLL;
	else
		return common_fail("option '--engine': '%s' is neither uring nor epoll",
				   arg_engine);
	return 0;
}

static void tune(void *arg, struct netstack_conf *conf)
{
	(void)arg;
	if (arg_no_dad)
		conf->ip.dad_transmits = 0;
	if (arg_cc)
		(void)str_copy(conf->tcp.cc, sizeof(conf->tcp.cc), arg_cc);
}

/* 0 to go on, 1 for wrong usage, 2 when the help was printed. */
static int read_command_line(const struct common_program *program, int argc, char **argv,
			     struct host_conf *conf)
{
	if (read_options(program, argc, argv, conf) != 0 || read_engine(conf) != 0)
		return 1;
	if (arg_help) {
		(void)printf("usage: %s --nic SPEC [options]%s%s\n", program_invocation_short_name,
			     *program->synopsis ? " " : "", program->synopsis);
		if (program->options)
			help_of(program->options);
		help_of(common_options);
		return 2;
	}
	if (argc - optind < program->args_min)
		return common_fail("an argument is missing: %s", program->synopsis);
	if (argc - optind > program->args_max)
		return common_fail("unknown argument '%s'", argv[optind + program->args_max]);
	if (!arg_nic)
		return common_fail("option '--nic' is missing");
	conf->nic = arg_nic;
	conf->netns = arg_netns;
	conf->follow = arg_follow;
	conf->gateway[0] = arg_gateway ? arg_gateway : arg_gateway6;
	conf->gateway[1] = arg_gateway ? arg_gateway6 : NULL;
	conf->mtu = arg_mtu;
	conf->service.spin_us = arg_spin;
	conf->service.no_gro = arg_no_gro;
	conf->tune = tune;
	return 0;
}

/* --- signals: a descriptor of the loop, so that none comes between a look and the sleep --- */

static void on_signal(struct loop_watch *w, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	if (read(w->fd, &info, sizeof(info)) == sizeof(info))
		stopped = true;
}

static int watch_signals(struct host *h)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		return -errno;
	signal_watch = (struct loop_watch){ .fd = signal_fd, .events = POLLIN, .ready = on_signal };
	return loop_watch_add(host_loop(h), &signal_watch);
}

/* --- the instance --- */

struct host *common_start(const struct common_program *program, int argc, char **argv, char ***args,
			  int *status)
{
	struct host_conf conf = { .nic = NULL };
	struct nerr err = NERR_INIT;
	struct host *h = NULL;
	int r;

	r = read_command_line(program, argc, argv, &conf);
	*status = r == 1 ? 2 : 0;
	if (r != 0)
		return NULL;
	*status = 1;
	r = host_new(&h, &conf, &err);
	if (r < 0) {
		(void)common_fail("%s", err.msg);
		return NULL;
	}
	r = host_wait_addr(h, ADDR_WAIT_MS);
	if (r < 0) {
		(void)common_fail("no address to use on '%s': %s", arg_nic, strerror(-r));
		host_free(h);
		return NULL;
	}
	*args = argv + optind;
	return h;
}

static void print_stats(struct host *h)
{
	const uint64_t *drops = netstack_drops(host_stack(h));
	const char *me = program_invocation_short_name;
	struct nic_stats nic;
	struct service_stats service;

	nic_stats(host_nic(h), &nic);
	host_service_stats(h, &service);
	(void)fprintf(stderr,
		      "%s: received %" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64
		      " bad, %" PRIu64 " missed; sent %" PRIu64 " packets, %" PRIu64
		      " bytes, %" PRIu64 " times busy, %" PRIu64 " errors\n",
		      me, nic.rx_packets, nic.rx_bytes, nic.rx_bad, nic.rx_missed, nic.tx_packets,
		      nic.tx_bytes, nic.tx_busy, nic.tx_errors);
	(void)fprintf(stderr,
		      "%s: %" PRIu64 " turns, %" PRIu64 " sleeps, %" PRIu64 " of %" PRIu64
		      " spins paid\n",
		      me, service.turns, service.sleeps, service.spin_hits, service.spins);
	for (unsigned int i = 0; i < DROP_N; i++)
		if (drops[i])
			(void)fprintf(stderr, "%s: dropped %" PRIu64 ": %s\n", me, drops[i],
				      drop_sentence((enum drop_reason)i));
}

void common_end(struct host *h)
{
	if (arg_stats)
		print_stats(h);
	if (signal_fd >= 0) {
		loop_watch_del(host_loop(h), &signal_watch);
		(void)close(signal_fd);
	}
	host_free(h);
}

int common_events(struct host *h, int epfd, struct epoll_event *ev, int n, uint64_t until_ns)
{
	static bool turned;

	for (;;) {
		int r = ns_epoll_wait(host_stack(h), epfd, ev, n, 0);

		if (r < 0 || stopped)
			return r < 0 ? r : 0;
		if (host_now(h) >= until_ns)
			return 0;
		/* Events that nobody can do anything about must not keep the link waiting. */
		if (r > 0 && turned) {
			turned = false;
			return r;
		}
		r = host_turn(h, r > 0 ? 0 : until_ns);
		if (r < 0 && r != -EINTR)
			return r;
		turned = true;
	}
}

/* --- addresses and sockets --- */

int common_address(const char *text, uint16_t port, struct sockaddr_storage *ret, socklen_t *len)
{
	const char *host = *text == '[' ? text + 1 : text;
	const char *end = *text == '[' ? strchr(host, ']') : strchr(host, ':');
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	char addr[INET6_ADDRSTRLEN];
	uint32_t number = port;

	/* A colon that is not the only one is part of an address without brackets. */
	if (!end || (*text != '[' && strchr(end + 1, ':')))
		end = host + strlen(host);
	if ((size_t)(end - host) >= sizeof(addr))
		return -EINVAL;
	(void)memcpy(addr, host, (size_t)(end - host));
	addr[end - host] = '\0';
	if (*end == ']')
		end++;
	if (*end && (*end != ':' || parse_u32(end + 1, 1, UINT16_MAX, &number) < 0))
		return -EINVAL;

	*ret = (struct sockaddr_storage){ 0 };
	if (inet_pton(AF_INET, addr, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)number);
		*len = sizeof(*in);
	} else if (inet_pton(AF_INET6, addr, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)number);
		*len = sizeof(*in6);
	} else {
		return -EINVAL;
	}
	return 0;
}

int common_serve(struct host *h, int epfd, int type, uint16_t port)
{
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct epoll_event ev = { .events = EPOLLIN };
	struct netstack *st = host_stack(h);
	const int off = 0;
	int fd, r;

	fd = ns_socket(st, AF_INET6, type | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	r = ns_setsockopt(st, fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (r == 0)
		r = ns_bind(st, fd, (const struct sockaddr *)&any, sizeof(any));
	if (r == 0 && type == SOCK_STREAM)
		r = ns_listen(st, fd, SOMAXCONN);
	ev.data.u64 = (uint64_t)fd;
	if (r == 0 && signal_fd < 0)
		r = watch_signals(h);
	if (r == 0)
		r = ns_epoll_ctl(st, epfd, EPOLL_CTL_ADD, fd, &ev);
	return r < 0 ? r : fd;
}
