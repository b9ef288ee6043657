/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * scenes_tcp.c - one connection, its life and its end
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "tests/stack/peer.h"

#define ENOUGH (UINT64_C(1) << 20)

static int done(const struct api *api, int fd, int status)
{
	(void)api->close(fd);
	return status;
}

/* --- bytes one way, the other, both --- */

static int upload_ask(const struct ask *ask)
{
	const uint64_t n = ask_number(ask, 0, ENOUGH);
	int fd = ask_connect(ask, "upload", n);

	return fd < 0 ? 1 : done(ask->api, fd, send_series(ask->api, fd, n));
}

static int upload_serve(const struct api *api, int fd, uint64_t n)
{
	return recv_series(api, fd, n);
}

static int download_ask(const struct ask *ask)
{
	const uint64_t n = ask_number(ask, 0, ENOUGH);
	int fd = ask_connect(ask, "download", n);

	return fd < 0 ? 1 : done(ask->api, fd, recv_series(ask->api, fd, n));
}

static int download_serve(const struct api *api, int fd, uint64_t n)
{
	return send_series(api, fd, n);
}

struct flow {
	uint64_t sent;
	uint64_t received;
	bool shut;
	bool ended;
};

static int flow_out(const struct api *api, int fd, struct flow *f, uint64_t n)
{
	uint8_t buf[16384];
	const size_t len = n - f->sent < sizeof(buf) ? (size_t)(n - f->sent) : sizeof(buf);
	ssize_t r;

	if (len == 0) {
		f->shut = true;
		r = api->shutdown(fd, SHUT_WR);
		return r < 0 ? scene_fail("shutdown: %s", strerror((int)-r)) : 0;
	}
	series_fill(buf, f->sent, len);
	r = api->send(fd, buf, len, MSG_DONTWAIT);
	if (r == -EAGAIN)
		return 0;
	if (r < 0)
		return scene_fail("sending, after %llu bytes: %s", (unsigned long long)f->sent,
				  strerror((int)-r));
	f->sent += (uint64_t)r;
	return 0;
}

static int flow_in(const struct api *api, int fd, struct flow *f)
{
	uint8_t buf[16384];
	ssize_t r = api->recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (r == -EAGAIN)
		return 0;
	if (r < 0)
		return scene_fail("receiving, after %llu bytes: %s",
				  (unsigned long long)f->received, strerror((int)-r));
	f->ended = r == 0;
	if (!series_is(buf, f->received, (size_t)r))
		return scene_fail("after %llu bytes: not what was sent",
				  (unsigned long long)f->received);
	f->received += (uint64_t)r;
	return 0;
}

static int both_ways(const struct api *api, int fd, uint64_t n)
{
	struct flow f = { .sent = 0 };

	while (!f.shut || !f.ended) {
		struct pollfd p = { .fd = fd };
		int r;

		p.events = (short)((f.shut ? 0 : POLLOUT) | (f.ended ? 0 : POLLIN));
		r = api->poll(&p, 1, PATIENCE_S * 1000);
		if (r <= 0)
			return scene_fail("nothing goes on, %llu sent, %llu received",
					  (unsigned long long)f.sent,
					  (unsigned long long)f.received);
		if (p.revents & (POLLOUT | POLLERR) && !f.shut && flow_out(api, fd, &f, n) != 0)
			return 1;
		if (p.revents & (POLLIN | POLLERR) && !f.ended && flow_in(api, fd, &f) != 0)
			return 1;
	}
	return f.received == n ? 0
			       : scene_fail("%llu bytes came, not %llu",
					    (unsigned long long)f.received, (unsigned long long)n);
}

static int duplex_ask(const struct ask *ask)
{
	const uint64_t n = ask_number(ask, 0, ENOUGH);
	int fd = ask_connect(ask, "duplex", n);

	return fd < 0 ? 1 : done(ask->api, fd, both_ways(ask->api, fd, n));
}

/* --- half-close: the answer begins when the question has ended --- */

static int half_close_ask(const struct ask *ask)
{
	const uint64_t n = ask_number(ask, 0, ENOUGH);
	int fd = ask_connect(ask, "half-close", n), r;

	if (fd < 0)
		return 1;
	if (send_series(ask->api, fd, n) != 0)
		return done(ask->api, fd, 1);
	r = ask->api->shutdown(fd, SHUT_WR);
	if (r < 0)
		return done(ask->api, fd, scene_fail("shutdown: %s", strerror(-r)));
	r = (int)ask->api->send(fd, "x", 1, 0);
	if (r != -EPIPE)
		return done(ask->api, fd, scene_fail("sending behind the end gives %d", r));
	return done(ask->api, fd, recv_series(ask->api, fd, 3 * n));
}

static int half_close_serve(const struct api *api, int fd, uint64_t n)
{
	return recv_series(api, fd, n) != 0 ? 1 : send_series(api, fd, 3 * n);
}

/* --- resets --- */

static int linger_0(const struct api *api, int fd)
{
	const struct linger l = { .l_onoff = 1, .l_linger = 0 };

	return api->setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

/* The connection is reset: that is what reading says, once, and then writing. */
static int expect_reset(const struct api *api, int fd)
{
	char c;
	ssize_t r = api->recv(fd, &c, 1, 0);

	if (r != -ECONNRESET)
		return scene_fail("receiving gives %zd, not a reset", r);
	r = api->recv(fd, &c, 1, 0);
	if (r != 0)
		return scene_fail("receiving again gives %zd, not the end", r);
	r = api->send(fd, "x", 1, 0);
	return r == -EPIPE ? 0 : scene_fail("sending gives %zd, not a broken pipe", r);
}

static int reset_ask(const struct ask *ask)
{
	int fd = ask_connect(ask, "reset", 0);

	return fd < 0 ? 1 : done(ask->api, fd, expect_reset(ask->api, fd));
}

static int reset_serve(const struct api *api, int fd, uint64_t n)
{
	(void)n;
	return linger_0(api, fd) < 0 ? scene_fail("no linger") : 0;
}

static int reset_by_me_ask(const struct ask *ask)
{
	int fd = ask_connect(ask, "reset-by-me", 0);
	char c;

	if (fd < 0)
		return 1;
	if (recv_all(ask->api, fd, &c, 1) < 0 || linger_0(ask->api, fd) < 0)
		return done(ask->api, fd, scene_fail("no answer"));
	return done(ask->api, fd, 0);
}

static int reset_by_me_serve(const struct api *api, int fd, uint64_t n)
{
	(void)n;
	return send_all(api, fd, "x", 1) < 0 ? scene_fail("sending") : expect_reset(api, fd);
}

/* Who closes with something unread resets (RFC 2525, 2.17). */
static int unread_ask(const struct ask *ask)
{
	int fd = ask_connect(ask, "unread", 0);

	if (fd < 0)
		return 1;
	if (send_all(ask->api, fd, "never read", 10) < 0)
		return done(ask->api, fd, scene_fail("sending"));
	return done(ask->api, fd, expect_reset(ask->api, fd));
}

static int unread_serve(const struct api *api, int fd, uint64_t n)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	(void)n;
	return api->poll(&p, 1, PATIENCE_S * 1000) == 1 ? 0 : scene_fail("nothing came");
}

static int refused_ask(const struct ask *ask)
{
	int fd = patient_socket(ask->api, ask->addr.ss_family, SOCK_STREAM, 0), r;

	if (fd < 0)
		return scene_fail("no socket: %s", strerror(-fd));
	r = ask->api->connect(fd, (const struct sockaddr *)&ask->addr, ask->len);
	return done(ask->api, fd,
		    r == -ECONNREFUSED ? 0 : scene_fail("connecting gives %d, not refused", r));
}

/* --- urgent data --- */

static int urgent_ask(const struct ask *ask)
{
	const uint64_t is_inline = ask_number(ask, 0, 0);
	const struct api *api = ask->api;
	int fd = ask_connect(ask, "urgent", is_inline);
	char c;
	ssize_t r;

	if (fd < 0)
		return 1;
	r = recv_all(api, fd, &c, 1);
	if (r == 0)
		r = send_all(api, fd, "abc", 3);
	if (r == 0)
		r = api->send(fd, "d!", 2, MSG_OOB); /* the last byte is the urgent one */
	if (r == 2)
		r = send_all(api, fd, "efg", 3);
	/* It reads what there is, and then closes. */
	if (r == 0)
		r = recv_all(api, fd, &c, 1);
	return done(api, fd, r == 0 ? 0 : scene_fail("urgent data: %zd", r));
}

static int urgent_serve(const struct api *api, int fd, uint64_t is_inline)
{
	const int on = is_inline != 0;
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	char buf[16];
	ssize_t r;

	if (api->setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) < 0 ||
	    send_all(api, fd, "x", 1) < 0)
		return scene_fail("beginning");
	if (api->poll(&p, 1, PATIENCE_S * 1000) != 1 || !(p.revents & POLLPRI))
		return scene_fail("no urgent data");
	/* Reading stops before the mark. */
	if (recv_all(api, fd, buf, 4) < 0 || memcmp(buf, "abcd", 4) != 0)
		return scene_fail("before the mark: '%.4s'", buf);
	if (api->atmark(fd) != 1)
		return scene_fail("not at the mark");
	if (!is_inline) {
		r = api->recv(fd, buf, 1, MSG_OOB);
		if (r != 1 || buf[0] != '!')
			return scene_fail("the urgent byte: %zd, '%c'", r, buf[0]);
	}
	if (recv_all(api, fd, buf, is_inline ? 4 : 3) < 0 ||
	    memcmp(buf, is_inline ? "!efg" : "efg", is_inline ? 4 : 3) != 0)
		return scene_fail("behind the mark: '%.4s'", buf);
	if (api->atmark(fd) != 0)
		return scene_fail("still at the mark");
	return send_all(api, fd, "x", 1) < 0 ? scene_fail("ending") : 0;
}

/* --- each end sees the other's port as the other does --- */

static int names_ask(const struct ask *ask)
{
	struct sockaddr_in6 mine = { 0 }; /* the port is at the same place in both families */
	socklen_t len = sizeof(mine);
	int fd = ask_connect(ask, "names", 0);
	uint16_t port;

	if (fd < 0)
		return 1;
	if (ask->api->getsockname(fd, (struct sockaddr *)&mine, &len) < 0 ||
	    recv_all(ask->api, fd, &port, sizeof(port)) < 0)
		return done(ask->api, fd, scene_fail("no names"));
	if (mine.sin6_port != port)
		return done(
			ask->api, fd,
			scene_fail("port %u is seen as %u", ntohs(mine.sin6_port), ntohs(port)));
	return done(ask->api, fd, 0);
}

static int names_serve(const struct api *api, int fd, uint64_t n)
{
	struct sockaddr_in6 peer = { 0 };
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info), peer_len = sizeof(peer);

	(void)n;
	if (api->getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
	    info.tcpi_state != TCP_ESTABLISHED)
		return scene_fail("the state is %u", info.tcpi_state);
	if (api->getpeername(fd, (struct sockaddr *)&peer, &peer_len) < 0)
		return scene_fail("no peer");
	return send_all(api, fd, &peer.sin6_port, 2) < 0 ? scene_fail("the answer") : 0;
}

/* --- the path's MTU, as it shows when much was sent --- */

static int mtu_ask(const struct ask *ask)
{
	const uint64_t want = ask_number(ask, 0, 1500);
	const bool is_ip6 = ask->addr.ss_family == AF_INET6;
	socklen_t len = sizeof(int);
	int fd = ask_connect(ask, "mtu", want), mtu = 0, r;
	char c;

	if (fd < 0)
		return 1;
	r = send_series(ask->api, fd, ENOUGH);
	if (r == 0 && ask->api->shutdown(fd, SHUT_WR) == 0)
		r = recv_all(ask->api, fd, &c, 1);
	if (r != 0)
		return done(ask->api, fd, scene_fail("sending through a smaller MTU: %d", r));
	r = ask->api->getsockopt(fd, is_ip6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ip6 ? IPV6_MTU : IP_MTU,
				 &mtu, &len);
	if (r < 0 || (uint64_t)mtu != want)
		return done(ask->api, fd, scene_fail("the MTU of the path is %d", r < 0 ? r : mtu));
	return done(ask->api, fd, 0);
}

static int mtu_serve(const struct api *api, int fd, uint64_t n)
{
	(void)n;
	if (recv_series(api, fd, ENOUGH) != 0)
		return 1;
	return send_all(api, fd, "x", 1) < 0 ? scene_fail("the answer") : 0;
}

const struct scene scenes_tcp[] = {
	{ "upload", upload_ask, upload_serve },
	{ "download", download_ask, download_serve },
	{ "duplex", duplex_ask, both_ways },
	{ "half-close", half_close_ask, half_close_serve },
	{ "reset", reset_ask, reset_serve },
	{ "reset-by-me", reset_by_me_ask, reset_by_me_serve },
	{ "unread", unread_ask, unread_serve },
	{ "refused", refused_ask, NULL },
	{ "urgent", urgent_ask, urgent_serve },
	{ "names", names_ask, names_serve },
	{ "mtu", mtu_ask, mtu_serve },
	{ 0 },
};
