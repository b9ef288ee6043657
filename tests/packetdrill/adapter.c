/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * adapter.c - an instance of the stack for packetdrill, with its clock
 *
 * The clock is virtual: it moves when packetdrill sleeps or waits for a packet, and by a
 * microsecond when it asks for the time, since it spins on that for the last stretch of a wait.
 *
 * Flags (--so_flags): words with commas between them
 *
 *	mtu=N		of the device (1500)
 *	limit=SECONDS	packetdrill asks for a packet for ever: after so long on the virtual clock
 *			the process ends (900)
 *	sysctl=DIR	files named as those in /proc/sys/net/ipv4; what changes there is set
 */
#include "adapter.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "netstack/core/timer.h"
#include "netstack/socket.h"

#define NS_PER_S        UINT64_C(1000000000)
#define MTU_DEFAULT     1500
#define LIMIT_DEFAULT_S 900

/* packetdrill locks all memory. */
#define POOL_BYTES (UINT64_C(16) << 20)

/* Real time that the clock stands still for a thread whose call is over: it asks for the time at
 * once, unless it is none of packetdrill's.
 */
#define HOLD_S 5

/* --- the link --- */

static unsigned int link_tx(void *arg, struct pbuf *const *burst, unsigned int n)
{
	struct adapter *a = arg;

	for (unsigned int i = 0; i < n; i++) {
		struct out_packet *p = malloc(sizeof(*p) + burst[i]->len);

		assert(p);
		*p = (struct out_packet){ .at_ns = a->now_ns, .len = burst[i]->len };
		pbuf_copy_out(burst[i], 0, p->bytes, p->len);
		pbuf_free(burst[i]);
		*a->out_last = p;
		a->out_last = &p->next;
	}
	return n;
}

/* --- the clock --- */

static void flush(struct adapter *a)
{
	while (netstack_deadline(a->st) <= a->now_ns)
		netstack_advance(a->st, a->now_ns);
}

void adapter_settle(struct adapter *a)
{
	struct timespec end;

	if (!pthread_equal(pthread_self(), a->main))
		return;
	a->turn++;
	a->n_looked = 0;
	(void)pthread_cond_broadcast(&a->changed); /* cannot fail */
	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += HOLD_S;
	while (a->n_looked < a->n_blocked || a->holding)
		if (pthread_cond_timedwait(&a->settled, &a->lock, &end) == ETIMEDOUT)
			break;
	a->holding = false;
}

void adapter_until(struct adapter *a, uint64_t at_ns)
{
	adapter_settle(a);
	while (netstack_deadline(a->st) <= at_ns) {
		const uint64_t next = netstack_deadline(a->st);

		if (next > a->now_ns)
			a->now_ns = next;
		flush(a);
		adapter_settle(a);
	}
	if (at_ns <= a->now_ns)
		return;
	a->now_ns = at_ns;
	netstack_advance(a->st, at_ns); /* calls to sockets happen at the time it knows */
}

/* A call waits: the other thread runs the instance meanwhile. */
static int wait_change(void *arg, struct netstack *st, uint64_t deadline_ns)
{
	struct adapter *a = arg;
	const uint64_t turn = a->turn;

	flush(a);
	a->holding = false; /* it was not over */
	a->n_blocked++;
	a->n_looked++;
	(void)pthread_cond_broadcast(&a->settled); /* cannot fail */
	while (a->turn == turn && a->now_ns < deadline_ns)
		(void)pthread_cond_wait(&a->changed, &a->lock); /* cannot fail */
	a->n_blocked--;
	a->holding = true;
	(void)st; /* it is a->st */
	return 0;
}

void adapter_enter(struct adapter *a)
{
	(void)pthread_mutex_lock(&a->lock); /* cannot fail */
}

void adapter_leave(struct adapter *a)
{
	flush(a);
	(void)pthread_mutex_unlock(&a->lock); /* cannot fail */
}

/* --- descriptors --- */

int adapter_fd_new(struct adapter *a, int ns_fd)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd >= ADAPTER_FDS_MAX) {
		(void)close(fd); /* it was opened here */
		fd = -1;
		errno = EMFILE;
	}
	if (fd < 0) {
		const int error = errno;

		(void)ns_close(a->st, ns_fd); /* nobody has seen it */
		errno = error;
		return -1;
	}
	a->ns_fd[fd] = ns_fd;
	return fd;
}

int adapter_fd(const struct adapter *a, int fd)
{
	return fd >= 0 && fd < ADAPTER_FDS_MAX ? a->ns_fd[fd] : -1;
}

void adapter_fd_close(struct adapter *a, int fd)
{
	a->ns_fd[fd] = -1;
	(void)close(fd); /* a place holder */
}

/* --- life --- */

static int add_address(struct adapter *a, struct ip6_addr addr, uint8_t prefix_len, bool is_ip4)
{
	const struct net_addr_conf conf = {
		.ifindex = a->ifindex,
		.addr = addr,
		.prefix_len = prefix_len,
		.no_dad = true,
	};
	const struct route_conf route = {
		.ifindex = a->ifindex,
		.dst = is_ip4 ? (struct ip6_addr){ 0, UINT64_C(0xffff00000000) } : IP6_UNSPECIFIED,
		.is_ip4 = is_ip4,
	};
	const int r = netstack_addr_add(a->st, &conf);

	return r < 0 ? r : netstack_route_add(a->st, &route);
}

/* The addresses are those that tests/packetdrill/run gives to packetdrill. */
static int make_stack(struct adapter *a)
{
	const struct iface_conf link = {
		.name = "tun0",
		.kind = IFACE_IP,
		.mtu = a->mtu,
		.tx = link_tx,
		.arg = a,
	};
	struct netstack_conf conf;
	int r;

	netstack_conf_default(&conf);
	for (size_t i = 0; i < sizeof(conf.seed); i++)
		conf.seed[i] = (uint8_t)(i * 37 + 11);
	conf.pool_bytes_max = POOL_BYTES;
	conf.ip.dad_transmits = 0;
	conf.wait = wait_change;
	conf.wait_arg = a;
	r = netstack_new(&a->st, &conf, a->now_ns);
	if (r < 0)
		return r;
	r = netstack_link_add(a->st, &link);
	if (r < 0)
		return r;
	a->ifindex = (uint32_t)r;
	r = netstack_link_set_up(a->st, a->ifindex, true);
	if (r < 0)
		return r;
	r = add_address(a, (struct ip6_addr){ 0, UINT64_C(0xffffc0a80001) }, 16, true);
	if (r < 0 || a->mtu < 1280)
		return r;
	return add_address(a, (struct ip6_addr){ UINT64_C(0xfd3d0a0b17d60000), 1 }, 48, false);
}

static bool read_flag(struct adapter *a, char *flag)
{
	char *value = strchr(flag, '=');
	uint32_t n;

	if (!value)
		return false;
	*value++ = '\0';
	if (strcmp(flag, "sysctl") == 0) {
		a->sysctls = sysctls_new(value);
		return a->sysctls;
	}
	if (parse_u32(value, 1, 1000000, &n) < 0)
		return false;
	if (strcmp(flag, "mtu") == 0)
		a->mtu = n;
	else if (strcmp(flag, "limit") == 0)
		a->limit_ns = n * NS_PER_S;
	else
		return false;
	return true;
}

static bool read_flags(struct adapter *a, const char *flags)
{
	cleanup_free char *copy = strdup(flags ? flags : "");
	char *flag = copy, *next;

	for (; flag && *flag; flag = next) {
		next = strchr(flag, ',');
		if (next)
			*next++ = '\0';
		if (!read_flag(a, flag)) {
			(void)fprintf(stderr, "netstack_packetdrill: bad flag '%s'\n", flag);
			return false;
		}
	}
	return copy != NULL;
}

struct adapter *adapter_new(const char *flags)
{
	struct adapter *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return NULL;
	(void)pthread_mutex_init(&a->lock, NULL); /* these cannot fail on Linux */
	(void)pthread_cond_init(&a->changed, NULL);
	(void)pthread_cond_init(&a->settled, NULL);
	a->main = pthread_self();
	a->now_ns = NS_PER_S;
	a->mtu = MTU_DEFAULT;
	a->limit_ns = LIMIT_DEFAULT_S * NS_PER_S;
	a->out_last = &a->out;
	for (int i = 0; i < ADAPTER_FDS_MAX; i++)
		a->ns_fd[i] = -1;
	if (!read_flags(a, flags)) {
		adapter_free(a);
		return NULL;
	}
	r = make_stack(a);
	if (r < 0) {
		(void)fprintf(stderr, "netstack_packetdrill: no instance: %s\n", strerror(-r));
		adapter_free(a);
		return NULL;
	}
	flush(a);
	return a;
}

void adapter_free(struct adapter *a)
{
	struct out_packet *p;

	netstack_free(a->st);
	while ((p = a->out)) {
		a->out = p->next;
		free(p);
	}
	for (int i = 0; i < ADAPTER_FDS_MAX; i++)
		if (a->ns_fd[i] >= 0)
			(void)close(i); /* a place holder */
	sysctls_free(a->sysctls);
	free(a);
}
