/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/transport/sock.h"

#include <assert.h>
#include <netinet/in.h>

#include "netstack/net/ip.h"

void sock_init(struct sock *sk, const struct sock_type *type, bool is_ip6)
{
	const uint32_t id = sk->id;

	*sk = (struct sock){
		.type = type,
		.id = id,
		.fd = -1,
		.is_ip6 = is_ip6,
		/* Of IPv4 it hears the groups it has joined: as on Linux, which meant to. */
		.flags = is_ip6 ? SOCK_MCAST_ONLY_OWN : 0,
		.pmtudisc = IP_PMTUDISC_WANT,
		.pmtudisc6 = IPV6_PMTUDISC_WANT,
		.rcvbuf = SOCK_BUF_DEFAULT,
		.sndbuf = SOCK_BUF_DEFAULT,
		.rcvlowat = 1,
	};
}

void sock_flow(const struct sock *sk, struct ip_flow *f, struct ip6_addr dst)
{
	const bool is_ip4 = ip6_addr_is_mapped(dst);

	*f = (struct ip_flow){
		.src = sk->laddr,
		.dst = dst,
		.oif = sk->oif,
		.mark = sk->mark,
		.tos = is_ip4 ? sk->tos : sk->tclass,
		.ttl = is_ip4 ? sk->ttl : sk->hop_limit,
		.transparent = (sk->flags & SOCK_TRANSPARENT) && !sock_addr_is_any(sk->laddr),
		.broadcast = sk->flags & SOCK_BROADCAST,
		.dont_route = sk->opts & SOCKOPT_DONTROUTE,
	};
}

void sock_forget(struct core *core, struct sock *sk)
{
	struct sock **at = &core->woken;

	if (!(sk->flags & SOCK_LISTED))
		return;
	while (*at != sk) {
		assert(*at);
		at = &(*at)->woken;
	}
	*at = sk->woken;
	sk->woken = NULL;
	sk->flags &= ~(uint32_t)SOCK_LISTED;
}
