/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Options of level IPPROTO_TCP, with the bounds and errors of Linux (net/ipv4/tcp.c).  Those that
 * belong to what is not here (fast open, repair, MD5, upper layer protocols, thin streams)
 * are refused, as Linux does when they are not configured.
 */
#include <errno.h>
#include <string.h>

#include <linux/tcp.h>

#include "netstack/tcp/snd_priv.h"

#ifndef TCP_INQ
#	define TCP_INQ 36
#endif

#define KEEP_MAX_S        32767 /* MAX_TCP_KEEPIDLE */
#define KEEPCNT_MAX       127
#define SYNCNT_MAX        127
#define MSS_MIN           88    /* TCP_MIN_MSS */
#define MSS_MAX           32767 /* MAX_TCP_WINDOW */
#define FIN_TIMEOUT_MAX_S 120
#define CLAMP_MIN         1152 /* half of SOCK_MIN_RCVBUF */
#define RTO_FIRST_S       1
#define RTO_MAX_S         120

static bool within(int v, int min, int max)
{
	return v >= min && v <= max;
}

static bool is_unconnected(const struct tcp_conn *c)
{
	return c->state == TCPS_CLOSED || c->state == TCPS_LISTEN;
}

/* --- TCP_DEFER_ACCEPT is kept as retransmissions of SYN+ACK --- */

static uint8_t retries_of_seconds(int s)
{
	int step = RTO_FIRST_S, sum = RTO_FIRST_S;
	uint8_t n = 1;

	if (s <= 0)
		return 0;
	while (s > sum && n < UINT8_MAX) {
		n++;
		step = step * 2 < RTO_MAX_S ? step * 2 : RTO_MAX_S;
		sum += step;
	}
	return n;
}

static int seconds_of_retries(uint8_t n)
{
	int step = RTO_FIRST_S, sum = 0;

	for (; n > 0; n--) {
		sum += step;
		step = step * 2 < RTO_MAX_S ? step * 2 : RTO_MAX_S;
	}
	return sum;
}

/* --- setting --- */

static int set_flag(struct tcp_conn *c, uint32_t flag, int v)
{
	if (v)
		c->flags |= flag;
	else
		c->flags &= ~flag;
	return 0;
}

static int set_nodelay(struct tcp_conn *c, int v)
{
	if (v && !is_unconnected(c))
		tcp_work(c, TCPF_OUTPUT);
	return set_flag(c, TCPF_NODELAY, v);
}

static int set_cork(struct tcp_conn *c, int v)
{
	if (!v && !is_unconnected(c))
		tcp_work(c, TCPF_OUTPUT);
	return set_flag(c, TCPF_CORK, v);
}

static int set_maxseg(struct tcp_conn *c, int v)
{
	if (v && !within(v, MSS_MIN, MSS_MAX))
		return -EINVAL;
	c->user_mss = (uint16_t)v;
	return 0;
}

static int set_keepidle(struct tcp_conn *c, int v)
{
	if (!within(v, 1, KEEP_MAX_S))
		return -EINVAL;
	c->keepidle_s = (uint16_t)v;
	tcp_keepalive_update(c);
	return 0;
}

static int set_keepintvl(struct tcp_conn *c, int v)
{
	if (!within(v, 1, KEEP_MAX_S))
		return -EINVAL;
	c->keepintvl_s = (uint16_t)v;
	return 0;
}

static int set_keepcnt(struct tcp_conn *c, int v)
{
	if (!within(v, 1, KEEPCNT_MAX))
		return -EINVAL;
	c->keepcnt = (uint8_t)v;
	return 0;
}

static int set_syncnt(struct tcp_conn *c, int v)
{
	if (!within(v, 1, SYNCNT_MAX))
		return -EINVAL;
	c->syncnt = (uint8_t)v;
	return 0;
}

static int set_linger2(struct tcp_conn *c, int v)
{
	c->linger2_s = (int16_t)(v < 0 ? -1 : v < FIN_TIMEOUT_MAX_S ? v : FIN_TIMEOUT_MAX_S);
	return 0;
}

static int set_defer_accept(struct tcp_conn *c, int v)
{
	c->defer_accept = retries_of_seconds(v);
	return 0;
}

static int set_window_clamp(struct tcp_conn *c, int v)
{
	if (v == 0 && c->state != TCPS_CLOSED)
		return -EINVAL;
	c->window_clamp = v == 0 ? 0 : tcp_max((uint32_t)v, CLAMP_MIN);
	return 0;
}

static int set_user_timeout(struct tcp_conn *c, int v)
{
	if (v < 0)
		return -EINVAL;
	c->user_timeout_ms = (uint32_t)v;
	return 0;
}

static int set_notsent_lowat(struct tcp_conn *c, int v)
{
	const bool was_writable = tcp_snd_writable(c);

	c->notsent_lowat = (uint32_t)v;
	if (!was_writable && tcp_snd_writable(c))
		sock_wake(c->tcp->core, &c->sk, SOCK_WAKE_STATE);
	return 0;
}

/* What is owed is sent; conversation or not is guessed anew from what follows. */
static int set_quickack(struct tcp_conn *c, int v)
{
	(void)set_flag(c, TCPF_QUICKACK, v);
	(void)set_flag(c, TCPF_PINGPONG, !v);
	if (v && c->flags & TCPF_ACK_DELAYED)
		tcp_work(c, TCPF_ACK_NOW);
	return 0;
}

static int set_inq(struct tcp_conn *c, int v)
{
	if (!within(v, 0, 1))
		return -EINVAL;
	c->sk.opts &= ~(uint32_t)SOCKOPT_INQ;
	c->sk.opts |= v ? SOCKOPT_INQ : 0;
	return 0;
}

static int set_congestion(struct tcp_conn *c, const char *val, uint32_t len)
{
	char name[TCP_CC_NAME_LEN] = "";
	const struct tcp_cc *cc;

	if (len < 1)
		return -EINVAL;
	memcpy(name, val, tcp_min(len, sizeof(name) - 1));
	cc = tcp_cc_lookup(name);
	if (!cc)
		return -ENOENT;
	c->cc = cc;
	if (!is_unconnected(c)) {
		c->cs.now_ms = core_ms(c->tcp->core);
		cc->init(&c->cs);
	}
	return 0;
}

static int set_int(struct tcp_conn *c, int name, int v)
{
	switch (name) {
	case TCP_NODELAY:
		return set_nodelay(c, v);
	case TCP_CORK:
		return set_cork(c, v);
	case TCP_MAXSEG:
		return set_maxseg(c, v);
	case TCP_KEEPIDLE:
		return set_keepidle(c, v);
	case TCP_KEEPINTVL:
		return set_keepintvl(c, v);
	case TCP_KEEPCNT:
		return set_keepcnt(c, v);
	case TCP_SYNCNT:
		return set_syncnt(c, v);
	case TCP_LINGER2:
		return set_linger2(c, v);
	case TCP_DEFER_ACCEPT:
		return set_defer_accept(c, v);
	case TCP_WINDOW_CLAMP:
		return set_window_clamp(c, v);
	case TCP_USER_TIMEOUT:
		return set_user_timeout(c, v);
	case TCP_NOTSENT_LOWAT:
		return set_notsent_lowat(c, v);
	case TCP_QUICKACK:
		return set_quickack(c, v);
	case TCP_INQ:
		return set_inq(c, v);
	case TCP_REPAIR:
	case TCP_REPAIR_QUEUE:
	case TCP_TIMESTAMP:
		return -EPERM;
	case TCP_FASTOPEN:
	case TCP_FASTOPEN_CONNECT:
	case TCP_FASTOPEN_NO_COOKIE:
		return -EOPNOTSUPP;
	default:
		return -ENOPROTOOPT;
	}
}

int tcp_setopt(struct sock *sk, int level, int name, const void *val, uint32_t len)
{
	struct tcp_conn *c = tcp_conn_of(sk);
	int v;

	if (level != IP_PROTO_TCP)
		return -ENOPROTOOPT;
	if (name == TCP_CONGESTION)
		return set_congestion(c, val, len);
	if (name == TCP_ULP)
		return len < 1 ? -EINVAL : -ENOENT;
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	return set_int(c, name, v);
}

/* --- getting --- */

static int get_linger2(const struct tcp_conn *c)
{
	return c->linger2_s ? c->linger2_s : (int)c->tcp->params.fin_timeout_s;
}

static int get_maxseg(const struct tcp_conn *c)
{
	if (is_unconnected(c))
		return c->user_mss ? c->user_mss : TCP_MSS_DEFAULT4;
	return c->cs.mss;
}

/* Return: 0 with *@ret, or an error */
static int get_int(const struct tcp_conn *c, int name, int *ret)
{
	const struct tcp_params *p = &c->tcp->params;

	switch (name) {
	case TCP_NODELAY:
		*ret = !!(c->flags & TCPF_NODELAY);
		return 0;
	case TCP_CORK:
		*ret = !!(c->flags & TCPF_CORK);
		return 0;
	case TCP_MAXSEG:
		*ret = get_maxseg(c);
		return 0;
	case TCP_KEEPIDLE:
		*ret = (int)(c->keepidle_s ? c->keepidle_s : p->keepalive_s);
		return 0;
	case TCP_KEEPINTVL:
		*ret = (int)(c->keepintvl_s ? c->keepintvl_s : p->keepalive_intvl_s);
		return 0;
	case TCP_KEEPCNT:
		*ret = c->keepcnt ? c->keepcnt : p->keepalive_probes;
		return 0;
	case TCP_SYNCNT:
		*ret = c->syncnt ? c->syncnt : p->syn_retries;
		return 0;
	case TCP_LINGER2:
		*ret = get_linger2(c);
		return 0;
	case TCP_DEFER_ACCEPT:
		*ret = seconds_of_retries(c->defer_accept);
		return 0;
	case TCP_WINDOW_CLAMP:
		*ret = (int)c->window_clamp;
		return 0;
	case TCP_USER_TIMEOUT:
		*ret = (int)c->user_timeout_ms;
		return 0;
	case TCP_NOTSENT_LOWAT:
		*ret = (int)c->notsent_lowat;
		return 0;
	case TCP_QUICKACK:
		*ret = !(c->flags & TCPF_PINGPONG);
		return 0;
	case TCP_INQ:
		*ret = !!(c->sk.opts & SOCKOPT_INQ);
		return 0;
	case TCP_TIMESTAMP:
		*ret = (int)(core_ms(c->tcp->core) + c->ts_offset);
		return 0;
	case TCP_REPAIR:
	case TCP_FASTOPEN:
	case TCP_FASTOPEN_CONNECT:
	case TCP_FASTOPEN_NO_COOKIE:
		*ret = 0;
		return 0;
	case TCP_REPAIR_QUEUE:
	case TCP_QUEUE_SEQ:
		return -EINVAL;
	case TCP_REPAIR_WINDOW:
		return -EPERM;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_congestion(const struct tcp_conn *c, void *val, uint32_t *len)
{
	char name[TCP_CC_NAME_LEN] = "";

	memcpy(name, c->cc->name, strnlen(c->cc->name, sizeof(name) - 1));
	*len = tcp_min(*len, sizeof(name));
	memcpy(val, name, *len);
	return 0;
}

int tcp_getopt(struct sock *sk, int level, int name, void *val, uint32_t *len)
{
	const struct tcp_conn *c = tcp_conn_of(sk);
	int v, r;

	if (level != IP_PROTO_TCP)
		return -ENOPROTOOPT;
	switch (name) {
	case TCP_INFO:
		*len = tcp_info_get(c, val, *len);
		return 0;
	case TCP_CONGESTION:
		return get_congestion(c, val, len);
	case TCP_CC_INFO: /* neither has any */
	case TCP_ULP:     /* none is attached */
		*len = 0;
		return 0;
	default:
		break;
	}
	r = get_int(c, name, &v);
	if (r < 0)
		return r;
	*len = tcp_min(*len, sizeof(v));
	memcpy(val, &v, *len);
	return 0;
}
