/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * s_oob.c - urgent data
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "tests/attach/sockdiff.h"

static volatile int urgs, ios;

static void on_signal(int sig)
{
	if (sig == SIGURG)
		urgs++;
	else
		ios++;
}

static void catch (int sig)
{
	const struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	(void)sigaction(sig, &sa, NULL); /* the signal exists */
}

static bool count_reaches(volatile int *count, int n)
{
	int rounds = 0;

	while (*count < n && moment(&rounds))
		;
	return *count >= n;
}

static void at_mark(const char *name, int fd)
{
	int val = -1;

	if (ioctl(fd, SIOCATMARK, &val) < 0)
		say(name, "%s", err_name(errno));
	else
		say(name, "%d", val);
}

static void out_of_band(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	char buf[64];

	at_mark("none", fd);
	(void)ask(e, ASK_SEND, slot, 3);
	(void)wait_readable(fd, 3); /* in order */
	(void)ask(e, ASK_OOB, slot, '!');
	mask_when("mask", fd, POLLPRI | POLLIN);
	at_mark("before", fd);
	result("read", recv(fd, buf, sizeof(buf), 0));
	at_mark("at", fd);
	result("oob", recv(fd, buf, 1, MSG_OOB));
	say("byte", "%c", buf[0]);
	result("oob-again", recv(fd, buf, 1, MSG_OOB));
	mask_now("after", fd);
	(void)ask(e, ASK_SEND, slot, 2);
	result("more", recv(fd, buf, 2, MSG_WAITALL));
	at_mark("past", fd);
	(void)close(fd); /* over */
}

static void sends(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	struct answer a;

	result("send", send(fd, "abc", 3, MSG_OOB));
	a = ask(e, ASK_WAIT, slot, POLLPRI);
	say("mask", "%s", mask_name((unsigned int)a.r));
	say("in-band", "%lld", (long long)ask(e, ASK_RECV, slot, 2).r);
	(void)close(fd); /* over */
}

static void in_line(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot), one = 1;
	char buf[64];

	result("set", setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one)));
	int_option("get", fd, SOL_SOCKET, SO_OOBINLINE);
	(void)ask(e, ASK_SEND, slot, 3);
	(void)wait_readable(fd, 3); /* in order */
	(void)ask(e, ASK_OOB, slot, '!');
	mask_when("mask", fd, POLLPRI | POLLIN);
	result("oob", recv(fd, buf, 1, MSG_OOB));
	result("read", recv(fd, buf, sizeof(buf), 0));
	at_mark("at", fd);
	result("inline", recv(fd, buf, sizeof(buf), 0));
	say("byte", "%c", buf[0]);
	(void)close(fd); /* over */
}

static void signals(const struct env *e)
{
	int slot;
	const int fd = tcp_pair(e, &slot);
	char buf[64];

	catch (SIGURG);
	catch (SIGIO);
	result("owner", fcntl(fd, F_SETOWN, getpid()));
	say("get", "%d", fcntl(fd, F_GETOWN) == getpid());
	(void)ask(e, ASK_OOB, slot, '!');
	say("urg", "%d", count_reaches(&urgs, 1));
	result("async", fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC));
	(void)ask(e, ASK_SEND, slot, 3);
	say("io", "%d", count_reaches(&ios, 1));
	result("read", recv(fd, buf, sizeof(buf), 0));
	(void)close(fd); /* over */
}

const struct section sections_oob[] = {
	{ "oob", out_of_band, true },
	{ "oob-send", sends, true },
	{ "oob-inline", in_line, true },
	{ "oob-signals", signals, true },
	{ 0 },
};
