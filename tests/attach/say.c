/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * say.c - the lines
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/attach/sockdiff.h"

static const char *cur_section, *cur_variant;
volatile int sigpipes;

static void on_sigpipe(int sig)
{
	(void)sig;
	sigpipes++;
}

void say_begin(const char *section, const char *variant)
{
	const struct sigaction sa = { .sa_handler = on_sigpipe, .sa_flags = SA_RESTART };

	cur_section = section;
	cur_variant = variant;
	(void)sigaction(SIGPIPE, &sa, NULL); /* the signal exists */
}

void say(const char *name, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n, m;

	n = snprintf(line, sizeof(line), "%s.%s.%s: ", cur_section, cur_variant, name);
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	n += m;
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	/* One write: several processes may say something. */
	if (write(STDOUT_FILENO, line, (size_t)n) != n)
		_exit(3);
}

const char *err_name(int err)
{
	const char *name = strerrorname_np(err);

	return name ? name : "E?";
}

const char *res(long r)
{
	static char bufs[8][32];
	static unsigned int turn;
	char *buf = bufs[turn++ % N_ELEMS(bufs)];

	if (r == -1)
		return err_name(errno);
	(void)snprintf(buf, sizeof(bufs[0]), "%ld", r);
	return buf;
}

void result(const char *name, long r)
{
	say(name, "%s", res(r));
}

void result_fd(const char *name, int fd)
{
	say(name, "%s", fd < 0 ? err_name(errno) : "fd");
}

void result_pipe(const char *name, long r)
{
	static int seen;
	const char *text = res(r);
	int now = sigpipes;

	say(name, "%s%s", text, now != seen ? "+SIGPIPE" : "");
	seen = now;
}

const char *mask_name(unsigned int mask)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} bits[] = {
		{ POLLIN, "IN" },       { POLLPRI, "PRI" }, { POLLOUT, "OUT" },
		{ POLLERR, "ERR" },     { POLLHUP, "HUP" }, { POLLNVAL, "NVAL" },
		{ POLLRDHUP, "RDHUP" },
	};
	static char bufs[4][64];
	static unsigned int turn;
	char *buf = bufs[turn++ % N_ELEMS(bufs)];
	size_t n = 0;

	if (!mask)
		return "0";
	for (size_t i = 0; i < N_ELEMS(bits); i++)
		if (mask & bits[i].bit)
			n += (size_t)snprintf(buf + n, sizeof(bufs[0]) - n, "%s%s", n ? "|" : "",
					      bits[i].name);
	return buf;
}

unsigned int poll_mask(int fd, unsigned int want)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP };
	int rounds = 0;

	for (;;) {
		if (poll(&p, 1, 0) <= 0)
			p.revents = 0;
		if (((unsigned int)p.revents & want) == want || !moment(&rounds))
			return (unsigned int)p.revents;
	}
}

bool moment(int *rounds)
{
	if (++*rounds > MOMENTS)
		return false;
	(void)poll(NULL, 0, 1); /* it just passes */
	return true;
}

bool wait_for(int fd, unsigned int want)
{
	return (poll_mask(fd, want) & want) == want;
}

void mask_now(const char *name, int fd)
{
	say(name, "%s", mask_name(poll_mask(fd, 0)));
}

void mask_when(const char *name, int fd, unsigned int want)
{
	say(name, "%s", mask_name(poll_mask(fd, want)));
}

void int_option(const char *name, int fd, int level, int opt)
{
	int val = -12345;
	socklen_t len = sizeof(val);

	if (getsockopt(fd, level, opt, &val, &len) < 0)
		say(name, "%s", err_name(errno));
	else
		say(name, "%d", val);
}

void so_error(const char *name, int fd)
{
	int val = -1;
	socklen_t len = sizeof(val);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &val, &len) < 0)
		say(name, "getsockopt %s", err_name(errno));
	else
		say(name, "%s", val ? err_name(val) : "0");
}

void name_of(const char *name, int r, const union addr *a, socklen_t len, const struct env *e)
{
	const char *what = "other";
	char host[NI_MAXHOST];
	union addr own;

	if (r < 0) {
		say(name, "%s", err_name(errno));
		return;
	}
	if (len < sizeof(sa_family_t)) {
		say(name, "len %u", (unsigned int)len);
		return;
	}
	if (a->sa.sa_family != AF_INET && a->sa.sa_family != AF_INET6) {
		say(name, "family %d len %u", a->sa.sa_family, (unsigned int)len);
		return;
	}
	own = own_addr(e);
	if (getnameinfo(&a->sa, len, host, sizeof(host), NULL, 0, NI_NUMERICHOST))
		what = "nothing";
	else if (!strcmp(host, "0.0.0.0") || !strcmp(host, "::"))
		what = "any";
	else if (a->sa.sa_family == AF_INET6 && own.sa.sa_family == AF_INET6 &&
		 !memcmp(&a->in6.sin6_addr, &own.in6.sin6_addr, sizeof(own.in6.sin6_addr)))
		what = e->is_local ? "both" : "own";
	else if (a->sa.sa_family == AF_INET && own.sa.sa_family == AF_INET &&
		 a->in.sin_addr.s_addr == own.in.sin_addr.s_addr)
		what = e->is_local ? "both" : "own";
	else if (a->sa.sa_family == AF_INET6 && e->to.sa.sa_family == AF_INET6 &&
		 !memcmp(&a->in6.sin6_addr, &e->to.in6.sin6_addr, sizeof(own.in6.sin6_addr)))
		what = "peer";
	else if (a->sa.sa_family == AF_INET && e->to.sa.sa_family == AF_INET &&
		 a->in.sin_addr.s_addr == e->to.in.sin_addr.s_addr)
		what = "peer";
	say(name, "%s len %u %s %s", a->sa.sa_family == AF_INET ? "inet" : "inet6",
	    (unsigned int)len, what, addr_port(a) ? "port" : "0");
}
