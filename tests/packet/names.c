/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * names.c - constants that scripts call by name
 */
#include "names.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>
#include <linux/tcp.h>

#include "base/cleanup.h"
#include "netstack/net/ip.h"
#include "netstack/tcp/tcp.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"
#include "wire/ipv6_ext.h"

/* clang-format off */
#define N(symbol) { .name = #symbol, .n = symbol }
/* clang-format on */

const struct name name_errnos[] = {
	N(EACCES),       N(EADDRINUSE),   N(EADDRNOTAVAIL),   N(EAFNOSUPPORT), N(EAGAIN),
	N(EALREADY),     N(EBADF),        N(ECONNABORTED),    N(ECONNREFUSED), N(ECONNRESET),
	N(EDESTADDRREQ), N(EHOSTUNREACH), N(EINPROGRESS),     N(EINVAL),       N(EISCONN),
	N(EMFILE),       N(EMSGSIZE),     N(ENETUNREACH),     N(ENOBUFS),      N(ENOENT),
	N(ENOMEM),       N(ENOPROTOOPT),  N(ENOTCONN),        N(EOPNOTSUPP),   N(EPERM),
	N(EPIPE),        N(EPROTO),       N(EPROTONOSUPPORT), N(ETIMEDOUT),    N(ENOTSOCK),
	{ 0 },
};

const struct name name_msg_flags[] = {
	{ "OOB", MSG_OOB },   { "PEEK", MSG_PEEK },         { "TRUNC", MSG_TRUNC },
	{ "MORE", MSG_MORE }, { "WAITALL", MSG_WAITALL },   { "DONTWAIT", MSG_DONTWAIT },
	{ "EOR", MSG_EOR },   { "NOSIGNAL", MSG_NOSIGNAL }, { 0 },
};

/* Of poll() and epoll: the values are the same. */
const struct name name_poll_bits[] = {
	{ "IN", POLLIN },
	{ "PRI", POLLPRI },
	{ "OUT", POLLOUT },
	{ "ERR", POLLERR },
	{ "HUP", POLLHUP },
	{ "RDHUP", POLLRDHUP },
	{ "NVAL", POLLNVAL },
	{ "RDNORM", POLLRDNORM },
	{ "RDBAND", POLLRDBAND },
	{ "WRNORM", POLLWRNORM },
	{ "WRBAND", POLLWRBAND },
	{ "ET", (int64_t)(uint32_t)EPOLLET },
	{ "ONESHOT", EPOLLONESHOT },
	{ 0 },
};

const struct name name_shutdown[] = {
	{ "RD", SHUT_RD },
	{ "WR", SHUT_WR },
	{ "RDWR", SHUT_RDWR },
	{ 0 },
};

const struct name name_ioctls[] = {
	{ "SIOCINQ", SIOCINQ },
	{ "SIOCOUTQ", SIOCOUTQ },
	{ "SIOCATMARK", SIOCATMARK },
	{ "FIONREAD", FIONREAD },
	{ 0 },
};

const struct name name_epoll_ops[] = {
	{ "ADD", EPOLL_CTL_ADD },
	{ "MOD", EPOLL_CTL_MOD },
	{ "DEL", EPOLL_CTL_DEL },
	{ 0 },
};

/* As TCP_INFO numbers them. */
const struct name name_states[] = {
	{ "ESTABLISHED", 1 }, { "SYN_SENT", 2 },  { "SYN_RECV", 3 }, { "FIN_WAIT1", 4 },
	{ "FIN_WAIT2", 5 },   { "TIME_WAIT", 6 }, { "CLOSE", 7 },    { "CLOSE_WAIT", 8 },
	{ "LAST_ACK", 9 },    { "LISTEN", 10 },   { "CLOSING", 11 }, { 0 },
};

const struct name name_ca_states[] = {
	{ "OPEN", 0 }, { "DISORDER", 1 }, { "CWR", 2 }, { "RECOVERY", 3 }, { "LOSS", 4 }, { 0 },
};

const struct name name_places[] = {
	{ "local", PLACE_LOCAL },
	{ "peer", PLACE_PEER },
	{ "peer2", PLACE_PEER2 },
	{ "router", PLACE_ROUTER },
	{ "any", PLACE_ANY },
	{ "loopback", PLACE_LOOPBACK },
	{ "broadcast", PLACE_BROADCAST },
	{ "group", PLACE_GROUP },
	{ "stranger", PLACE_STRANGER },
	{ 0 },
};

const struct name *name_find(const struct name *table, const char *name)
{
	for (; table->name; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

const char *name_of(const struct name *table, int64_t n)
{
	for (; table->name; table++)
		if (table->n == n)
			return table->name;
	return NULL;
}

void name_mask(char *ret, size_t size, const struct name *table, int64_t mask)
{
	size_t at = 0;

	for (; table->name && at < size; table++) {
		if (!(mask & table->n))
			continue;
		mask &= ~table->n;
		at += (size_t)snprintf(ret + at, size - at, "%s%s", at ? "|" : "", table->name);
	}
	if ((mask || !at) && at < size)
		(void)snprintf(ret + at, size - at, "%s%lld", at ? "|" : "", (long long)mask);
}

/* --- options of sockets --- */

/* clang-format off */
#define SOCKET(opt, k) { .name = #opt, .kind = k, .level4 = SOL_SOCKET, .name4 = opt, \
			 .level6 = SOL_SOCKET, .name6 = opt }
#define TCP(opt, k)    { .name = #opt, .kind = k, .level4 = IPPROTO_TCP, .name4 = opt, \
			 .level6 = IPPROTO_TCP, .name6 = opt }
#define IP4(opt)       { .name = #opt, .level4 = IPPROTO_IP, .name4 = opt, .level6 = -1 }
#define IP6(opt)       { .name = #opt, .level4 = -1, .level6 = IPPROTO_IPV6, .name6 = opt }
/* clang-format on */

static const struct sockopt sockopts[] = {
	SOCKET(SO_ACCEPTCONN, SOCKOPT_INT),
	SOCKET(SO_BROADCAST, SOCKOPT_INT),
	SOCKET(SO_ERROR, SOCKOPT_ERRNO),
	SOCKET(SO_KEEPALIVE, SOCKOPT_INT),
	SOCKET(SO_LINGER, SOCKOPT_LINGER),
	SOCKET(SO_OOBINLINE, SOCKOPT_INT),
	SOCKET(SO_RCVBUF, SOCKOPT_INT),
	SOCKET(SO_RCVLOWAT, SOCKOPT_INT),
	SOCKET(SO_REUSEADDR, SOCKOPT_INT),
	SOCKET(SO_REUSEPORT, SOCKOPT_INT),
	SOCKET(SO_SNDBUF, SOCKOPT_INT),
	SOCKET(SO_TYPE, SOCKOPT_INT),
	TCP(TCP_CONGESTION, SOCKOPT_TEXT),
	TCP(TCP_CORK, SOCKOPT_INT),
	TCP(TCP_DEFER_ACCEPT, SOCKOPT_INT),
	TCP(TCP_KEEPCNT, SOCKOPT_INT),
	TCP(TCP_KEEPIDLE, SOCKOPT_INT),
	TCP(TCP_KEEPINTVL, SOCKOPT_INT),
	TCP(TCP_LINGER2, SOCKOPT_INT),
	TCP(TCP_MAXSEG, SOCKOPT_INT),
	TCP(TCP_NODELAY, SOCKOPT_INT),
	TCP(TCP_NOTSENT_LOWAT, SOCKOPT_INT),
	TCP(TCP_QUICKACK, SOCKOPT_INT),
	TCP(TCP_SYNCNT, SOCKOPT_INT),
	TCP(TCP_USER_TIMEOUT, SOCKOPT_INT),
	TCP(TCP_WINDOW_CLAMP, SOCKOPT_INT),
	IP4(IP_MTU_DISCOVER),
	IP4(IP_RECVERR),
	IP6(IPV6_V6ONLY),
	{ "TTL", SOCKOPT_INT, IPPROTO_IP, IP_TTL, IPPROTO_IPV6, IPV6_UNICAST_HOPS },
	{ "TOS", SOCKOPT_INT, IPPROTO_IP, IP_TOS, IPPROTO_IPV6, IPV6_TCLASS },
	{ "MTU", SOCKOPT_INT, IPPROTO_IP, IP_MTU, IPPROTO_IPV6, IPV6_MTU },
};

const struct sockopt *sockopt_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(sockopts); i++)
		if (strcmp(sockopts[i].name, name) == 0)
			return &sockopts[i];
	return NULL;
}

/* --- TCP_INFO --- */

/* clang-format off */
#define INFO(field, v) { .name = #field, .offset = offsetof(struct tcp_info, tcpi_##field), \
			 .size = sizeof(((struct tcp_info *)0)->tcpi_##field), .values = v }
/* clang-format on */

const struct info_field info_fields[] = {
	INFO(state, name_states),
	INFO(ca_state, name_ca_states),
	INFO(retransmits, NULL),
	INFO(probes, NULL),
	INFO(backoff, NULL),
	INFO(options, NULL),
	INFO(rto, NULL),
	INFO(ato, NULL),
	INFO(snd_mss, NULL),
	INFO(rcv_mss, NULL),
	INFO(unacked, NULL),
	INFO(sacked, NULL),
	INFO(lost, NULL),
	INFO(retrans, NULL),
	INFO(pmtu, NULL),
	INFO(rtt, NULL),
	INFO(rttvar, NULL),
	INFO(snd_ssthresh, NULL),
	INFO(snd_cwnd, NULL),
	INFO(advmss, NULL),
	INFO(reordering, NULL),
	INFO(rcv_space, NULL),
	INFO(total_retrans, NULL),
	INFO(bytes_acked, NULL),
	INFO(bytes_received, NULL),
	INFO(segs_out, NULL),
	INFO(segs_in, NULL),
	INFO(notsent_bytes, NULL),
	INFO(delivered, NULL),
	{ 0 },
};

/* --- ICMP errors --- */

#define U4 ICMP4_TYPE_UNREACHABLE
#define U6 ICMP6_TYPE_UNREACHABLE

/* The codes of IPv6 are those that Linux takes for the same thing (net/ipv6/icmp.c). */
const struct icmp_error icmp_errors[] = {
	{ "net-unreachable", U4, ICMP4_UNREACHABLE_NET, U6, ICMP6_UNREACHABLE_NO_ROUTE },
	{ "host-unreachable", U4, ICMP4_UNREACHABLE_HOST, U6, ICMP6_UNREACHABLE_ADDRESS },
	{ "proto-unreachable", U4, ICMP4_UNREACHABLE_PROTO, ICMP6_TYPE_PARAM_PROBLEM,
	  IPV6_PROBLEM_NEXT_HDR },
	{ "port-unreachable", U4, ICMP4_UNREACHABLE_PORT, U6, ICMP6_UNREACHABLE_PORT },
	{ "prohibited", U4, ICMP4_UNREACHABLE_PROHIBITED, U6, ICMP6_UNREACHABLE_PROHIBITED },
	{ "source-route-failed", U4, ICMP4_UNREACHABLE_ROUTE_FAILED, -1, 0 },
	{ "too-big", U4, ICMP4_UNREACHABLE_FRAG_NEEDED, ICMP6_TYPE_PACKET_TOO_BIG, 0 },
	{ "ttl-exceeded", ICMP4_TYPE_TIME_EXCEEDED, ICMP4_TIME_EXCEEDED_TTL,
	  ICMP6_TYPE_TIME_EXCEEDED, ICMP6_TIME_EXCEEDED_HOP_LIMIT },
	{ "reassembly-exceeded", ICMP4_TYPE_TIME_EXCEEDED, ICMP4_TIME_EXCEEDED_REASSEMBLY,
	  ICMP6_TYPE_TIME_EXCEEDED, ICMP6_TIME_EXCEEDED_REASSEMBLY },
	{ "param-problem", ICMP4_TYPE_PARAM_PROBLEM, ICMP4_PARAM_PROBLEM_POINTER,
	  ICMP6_TYPE_PARAM_PROBLEM, 0 },
	{ "source-quench", ICMP4_TYPE_SOURCE_QUENCH, 0, -1, 0 },
	{ 0 },
};
