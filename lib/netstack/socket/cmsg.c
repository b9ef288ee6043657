/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ancillary data: what sendmsg() may say about a datagram and recvmsg() tells of one, in the
 * order of Linux.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <linux/errqueue.h>

#include "netstack/socket/socket_priv.h"

#ifndef TCP_CM_INQ
#	define TCP_CM_INQ 36
#endif
#ifndef UDP_SEGMENT
#	define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#	define UDP_GRO 104
#endif
#ifndef SO_TIMESTAMP_NEW
#	define SO_TIMESTAMP_NEW 63
#endif
#ifndef SO_TIMESTAMPNS_NEW
#	define SO_TIMESTAMPNS_NEW 64
#endif

/* --- reading --- */

static size_t data_len(const struct cmsghdr *c)
{
	return c->cmsg_len - CMSG_LEN(0);
}

/* An int within its range. */
static int get_int(const struct cmsghdr *c, int min, int max, int *ret)
{
	int v;

	if (data_len(c) != sizeof(v))
		return -EINVAL;
	memcpy(&v, CMSG_DATA(c), sizeof(v));
	if (v < min || v > max)
		return -EINVAL;
	*ret = v;
	return 0;
}

static int read_pktinfo4(const struct cmsghdr *c, struct sock_msg *ret)
{
	struct in_pktinfo info;
	uint32_t addr;

	if (data_len(c) != sizeof(info))
		return -EINVAL;
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	if (info.ipi_ifindex)
		ret->ifindex = (uint32_t)info.ipi_ifindex;
	addr = ntohl(info.ipi_spec_dst.s_addr);
	ret->has_local = addr;
	ret->local = ip6_addr_of_ip4(addr);
	return 0;
}

static int read_pktinfo6(const struct sock *sk, const struct cmsghdr *c, bool is_ip4,
			 struct sock_msg *ret)
{
	struct in6_pktinfo info;

	if (data_len(c) < sizeof(info))
		return -EINVAL;
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	if (info.ipi6_ifindex) {
		if ((ret->ifindex && ret->ifindex != info.ipi6_ifindex) ||
		    (sk->oif && sk->oif != info.ipi6_ifindex))
			return -EINVAL;
		ret->ifindex = info.ipi6_ifindex;
	}
	ret->local = ip6_addr_get(info.ipi6_addr.s6_addr);
	if (is_ip4 && !ip6_addr_is_mapped(ret->local))
		return -EINVAL;
	ret->has_local = !sock_addr_is_any(ret->local);
	return 0;
}

static int read_tos(const struct cmsghdr *c, struct sock_msg *ret)
{
	uint8_t v;

	if (data_len(c) == sizeof(int))
		return get_int(c, 0, 255, &ret->tos);
	if (data_len(c) != sizeof(v))
		return -EINVAL;
	memcpy(&v, CMSG_DATA(c), sizeof(v));
	ret->tos = v;
	return 0;
}

static int read_ip4(const struct cmsghdr *c, struct sock_msg *ret)
{
	switch (c->cmsg_type) {
	case IP_PKTINFO:
		return read_pktinfo4(c, ret);
	case IP_TTL:
		return get_int(c, 1, 255, &ret->ttl);
	case IP_TOS:
		return read_tos(c, ret);
	default:
		return -EINVAL;
	}
}

/* -1 is "the default" by RFC 3542, 6.5; Linux sends all ones. */
static int read_tclass(const struct cmsghdr *c, struct sock_msg *ret)
{
	int r = get_int(c, -1, 255, &ret->tos);

	if (r == 0)
		ret->tos &= 0xff;
	return r;
}

static int read_ip6(const struct cmsghdr *c, struct sock_msg *ret)
{
	switch (c->cmsg_type) {
	case IPV6_HOPLIMIT:
		return get_int(c, -1, 255, &ret->ttl);
	case IPV6_TCLASS:
		return read_tclass(c, ret);
	case IPV6_DONTFRAG:
		return get_int(c, 0, 1, &ret->dont_frag);
	default:
		return -EINVAL;
	}
}

static int read_udp(const struct cmsghdr *c, struct sock_msg *ret)
{
	if (c->cmsg_type != UDP_SEGMENT || data_len(c) != sizeof(ret->gso_size))
		return -EINVAL;
	memcpy(&ret->gso_size, CMSG_DATA(c), sizeof(ret->gso_size));
	return 0;
}

static int read_socket(const struct cmsghdr *c, struct sock_msg *ret)
{
	if (c->cmsg_type == SCM_RIGHTS || c->cmsg_type == SCM_CREDENTIALS)
		return 0; /* for AF_UNIX; ignored elsewhere */
	if (c->cmsg_type != SO_MARK || data_len(c) != sizeof(ret->mark))
		return -EINVAL;
	memcpy(&ret->mark, CMSG_DATA(c), sizeof(ret->mark));
	ret->has_mark = true;
	return 0;
}

static int read_one(const struct sock *sk, const struct cmsghdr *c, struct sock_msg *ret)
{
	const struct ip6_addr dst = ret->has_addr ? ret->addr : sk->raddr;
	const bool is_ip4 = !sk->is_ip6 || ip6_addr_is_mapped(dst);

	switch (c->cmsg_level) {
	case SOL_SOCKET:
		return read_socket(c, ret);
	case IPPROTO_IP:
		return is_ip4 ? read_ip4(c, ret) : 0;
	case IPPROTO_IPV6:
		if (!sk->is_ip6)
			return 0;
		if (c->cmsg_type == IPV6_PKTINFO)
			return read_pktinfo6(sk, c, is_ip4, ret); /* mapped as well */
		return is_ip4 ? 0 : read_ip6(c, ret);
	case IPPROTO_UDP:
		return sk->type->protocol == IPPROTO_UDP ? read_udp(c, ret) : 0;
	default:
		return 0;
	}
}

int cmsg_read(const struct sock *sk, const struct msghdr *m, struct sock_msg *ret)
{
	size_t at = 0;

	if (sk->type->type == SOCK_STREAM)
		return 0;
	/* Not CMSG_NXTHDR(): it believes cmsg_len. */
	while (at + sizeof(struct cmsghdr) <= m->msg_controllen) {
		const struct cmsghdr *c =
			(const struct cmsghdr *)(const void *)((const char *)m->msg_control + at);
		int r;

		if (c->cmsg_len < sizeof(*c) || c->cmsg_len > m->msg_controllen - at)
			return -EINVAL;
		r = read_one(sk, c, ret);
		if (r < 0)
			return r;
		at += CMSG_ALIGN(c->cmsg_len);
	}
	return 0;
}

/* --- writing --- */

/**
 * struct out - Where ancillary data goes
 * @m:		Message; its msg_controllen is what is left
 * @at:		Next byte
 */
struct out {
	struct msghdr *m;
	uint8_t *at;
};

/* As put_cmsg(): what does not fit is cut, and said so. */
static void put(struct out *o, int level, int type, const void *data, size_t len)
{
	const size_t room = o->m->msg_controllen;
	struct cmsghdr c = { .cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type };
	size_t step;

	if (!o->at || room < sizeof(c)) {
		o->m->msg_flags |= MSG_CTRUNC;
		return;
	}
	if (room < c.cmsg_len) {
		o->m->msg_flags |= MSG_CTRUNC;
		c.cmsg_len = room;
	}
	memcpy(o->at, &c, sizeof(c));
	memcpy(o->at + CMSG_LEN(0), data, c.cmsg_len - CMSG_LEN(0));
	step = CMSG_SPACE(c.cmsg_len - CMSG_LEN(0));
	if (step > room)
		step = room;
	o->at += step;
	o->m->msg_controllen -= step;
}

static void put_int(struct out *o, int level, int type, int v)
{
	put(o, level, type, &v, sizeof(v));
}

static void put_time(struct out *o, const struct sock *sk, uint64_t time_ns)
{
	const struct timespec ts = { .tv_sec = (time_t)(time_ns / NS_PER_S),
				     .tv_nsec = (long)(time_ns % NS_PER_S) };
	const struct timeval tv = { .tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000 };
	const bool is_new = sk->opts & SOCKOPT_TS_NEW;

	/* Both forms are of 64 bits here. */
	if (sk->opts & SOCKOPT_TIMESTAMPNS)
		put(o, SOL_SOCKET, is_new ? SO_TIMESTAMPNS_NEW : SO_TIMESTAMPNS, &ts, sizeof(ts));
	else
		put(o, SOL_SOCKET, is_new ? SO_TIMESTAMP_NEW : SO_TIMESTAMP, &tv, sizeof(tv));
}

/* The address we would answer from: the destination, unless that was many.  Errors are not
 * answered.
 */
static struct ip6_addr answer_from(struct socket_table *t, const struct sock_msg *msg)
{
	struct ip_flow f = { .dst = msg->addr, .oif = msg->ifindex };
	struct ip_path path = { 0 };

	if (msg->err)
		return IP6_UNSPECIFIED;
	if (ip_addr_type(t->net, msg->local, 0) == IP_ADDR_LOCAL)
		return msg->local;
	return ip_path_find(t->net, &f, &path) == 0 ? f.src : msg->local;
}

static void put_ip4(struct socket_table *t, struct out *o, const struct sock *sk,
		    const struct sock_msg *msg)
{
	const uint8_t tos = (uint8_t)msg->tos;

	if (sk->flags & SOCK_PKTINFO) {
		const struct in_pktinfo info = {
			.ipi_ifindex = (int)msg->ifindex,
			.ipi_spec_dst.s_addr = htonl((uint32_t)answer_from(t, msg).lo),
			.ipi_addr.s_addr = htonl((uint32_t)msg->local.lo),
		};

		put(o, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	}
	if (sk->flags & SOCK_RECVTTL)
		put_int(o, IPPROTO_IP, IP_TTL, msg->ttl);
	if (sk->flags & SOCK_RECVTOS)
		put(o, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	if (sk->opts & SOCKOPT_ORIGDSTADDR) {
		struct sockaddr_in sin = { 0 };
		socklen_t len = sizeof(sin);

		addr_write(false, msg->local, sk->lport, 0, (struct sockaddr *)(void *)&sin, &len);
		put(o, IPPROTO_IP, IP_RECVORIGDSTADDR, &sin, sizeof(sin));
	}
}

static void put_pktinfo6(struct out *o, const struct sock_msg *msg)
{
	struct in6_pktinfo info = { .ipi6_ifindex = msg->ifindex };

	ip6_addr_put(info.ipi6_addr.s6_addr, msg->local);
	put(o, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}

static void put_ip6(struct out *o, const struct sock *sk, const struct sock_msg *msg)
{
	if (sk->opts & SOCKOPT6_HOPLIMIT)
		put_int(o, IPPROTO_IPV6, IPV6_HOPLIMIT, msg->ttl);
	if (sk->opts & SOCKOPT6_TCLASS)
		put_int(o, IPPROTO_IPV6, IPV6_TCLASS, msg->tos);
	if (sk->opts & SOCKOPT6_ORIGDSTADDR) {
		struct sockaddr_in6 sin6 = { 0 };
		socklen_t len = sizeof(sin6);

		addr_write(true, msg->local, sk->lport, msg->ifindex,
			   (struct sockaddr *)(void *)&sin6, &len);
		put(o, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, &sin6, sizeof(sin6));
	}
}

/* struct sock_extended_err and the address of who sent the error. */
static void put_err(struct out *o, const struct sock *sk, const struct sock_err *e)
{
	struct {
		struct sock_extended_err ee;
		struct sockaddr_in6 from; /* or a struct sockaddr_in, which is shorter */
	} v;
	socklen_t len = sk->is_ip6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	memset(&v, 0, sizeof(v));
	v.ee = (struct sock_extended_err){
		.ee_errno = e->error,
		.ee_origin = e->origin,
		.ee_type = e->type,
		.ee_code = e->code,
		.ee_info = e->info,
	};
	if (e->origin != SO_EE_ORIGIN_LOCAL)
		addr_write(sk->is_ip6, e->from, 0, 0, (struct sockaddr *)(void *)&v.from, &len);
	put(o, sk->is_ip6 ? IPPROTO_IPV6 : IPPROTO_IP, sk->is_ip6 ? IPV6_RECVERR : IP_RECVERR, &v,
	    sizeof(v.ee) + len);
}

/* What was asked for of a packet: a datagram, or the one that brought an ICMP error. */
static void put_packet(struct socket_table *t, struct out *o, const struct sock *sk,
		       const struct sock_msg *msg)
{
	if (sk->opts & SOCKOPT6_PKTINFO)
		put_pktinfo6(o, msg);
	if (ip6_addr_is_mapped(msg->local))
		put_ip4(t, o, sk, msg);
	else
		put_ip6(o, sk, msg);
}

static void put_datagram(struct socket_table *t, struct out *o, const struct sock *sk,
			 const struct sock_msg *msg)
{
	if (sk->flags & SOCK_TIMESTAMPS)
		put_time(o, sk, msg->time_ns);
	if (sk->opts & SOCKOPT_RXQ_OVFL && msg->lost)
		put(o, SOL_SOCKET, SO_RXQ_OVFL, &msg->lost, sizeof(msg->lost));
	if (msg->gso_size)
		put_int(o, IPPROTO_UDP, UDP_GRO, msg->gso_size);
	put_packet(t, o, sk, msg);
}

static void put_error(struct socket_table *t, struct out *o, const struct sock *sk,
		      const struct sock_msg *msg)
{
	if (sk->flags & SOCK_TIMESTAMPS)
		put_time(o, sk, msg->time_ns);
	if (msg->has_local)
		put_packet(t, o, sk, msg);
	put_err(o, sk, msg->err);
}

void cmsg_write(struct socket_table *t, const struct sock *sk, const struct sock_msg *msg,
		struct msghdr *m)
{
	const size_t room = m->msg_control ? m->msg_controllen : 0;
	struct out o = { .m = m, .at = m->msg_control };

	m->msg_controllen = room;
	if (msg->flags & MSG_ERRQUEUE) {
		if (msg->err)
			put_error(t, &o, sk, msg);
	} else if (msg->has_local) {
		put_datagram(t, &o, sk, msg);
	} else if (msg->has_inq) {
		put_int(&o, IPPROTO_TCP, TCP_CM_INQ, (int)msg->inq);
	}
	m->msg_controllen = room - m->msg_controllen;
}
