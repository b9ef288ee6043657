/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stack_bench: one measurement, two processes, one JSON object on standard output.  bench-stack
 * (the script) makes the links, and compares.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

void die(const char *what, int error)
{
	(void)fprintf(stderr, "stack_bench: %s: %s\n", what, strerror(error));
	exit(1);
}

double cpu_now(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		die("getrusage", errno);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

double wall_now(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) < 0)
		die("clock_gettime", errno);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void enter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die(path, errno);
	(void)close(fd); /* a namespace */
}

static void pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned int)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("sched_setaffinity", errno);
}

static void server_process(const struct options *o, int ctl)
{
	struct result r = { .cpu = 0 };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		die("prctl", errno);
	enter(o->server_ns);
	pin(o->server_cpu);
	serve(o, ctl, &r);
	if (write(ctl, &r, sizeof(r)) != (ssize_t)sizeof(r))
		die("control", errno);
	exit(0);
}

static void read_all(int fd, void *buf, size_t len)
{
	char *at = buf;

	while (len) {
		ssize_t n = read(fd, at, len);

		if (n <= 0)
			die("the server", n < 0 ? errno : EPIPE);
		at += n;
		len -= (size_t)n;
	}
}

static void measure(const struct options *o)
{
	struct result client = { .cpu = 0 }, server;
	char ready;
	int ctl[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ctl) < 0)
		die("socketpair", errno);
	pid = fork();
	if (pid < 0)
		die("fork", errno);
	if (pid == 0) {
		(void)close(ctl[0]);
		server_process(o, ctl[1]);
	}
	(void)close(ctl[1]);
	read_all(ctl[0], &ready, 1);
	enter(o->client_ns);
	pin(o->client_cpu);
	run_client(o, &client);
	if (write(ctl[0], "e", 1) != 1)
		die("control", errno);
	read_all(ctl[0], &server, sizeof(server));
	if (waitpid(pid, NULL, 0) < 0)
		die("wait", errno);
	if (client.count != o->count || (o->work != WORK_CRR && server.count != o->count))
		die("something was lost", EBADMSG);
	printf("{\"count\":%llu,\"wall\":%.6f,\"cpu\":%.6f,\"cpu_server\":%.6f,\"p50\":%.2f,"
	       "\"p99\":%.2f%s%s}\n",
	       (unsigned long long)client.count, client.wall, client.cpu + server.cpu, server.cpu,
	       client.p50, client.p99, server.info[0] ? "," : "", server.info);
}

static enum work work_of(const char *name)
{
	static const char *const names[] = { "rx", "tx", "rr", "crr" };

	for (unsigned int i = 0; i < 4; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum work)i;
	die(name, EINVAL);
}

static void usage(void)
{
	(void)fputs("usage: stack_bench [OPTION...] rx|tx|rr|crr\n"
		    "  --nic kernel|SPEC  --server-ns PATH  --client-ns PATH  --to ADDRESS\n"
		    "  --addr ADDRESS/LEN  --cc NAME  --count N  --conns N\n"
		    "  --server-cpu N  --client-cpu N  --spin MICROSECONDS  --epoll  --no-gro\n",
		    stderr);
	exit(2);
}

static void take_option(struct options *o, int c)
{
	switch (c) {
	case 'n':
		o->nic = optarg;
		break;
	case 's':
		o->server_ns = optarg;
		break;
	case 'c':
		o->client_ns = optarg;
		break;
	case 't':
		o->to = optarg;
		break;
	case 'a':
		o->addr = optarg;
		break;
	case 'C':
		o->cc = optarg;
		break;
	case 'N':
		o->count = strtoull(optarg, NULL, 0);
		break;
	case 'k':
		o->conns = (unsigned int)strtoul(optarg, NULL, 0);
		break;
	case 'S':
		o->server_cpu = (int)strtol(optarg, NULL, 0);
		break;
	case 'P':
		o->client_cpu = (int)strtol(optarg, NULL, 0);
		break;
	case 'x':
		o->spin_us = (unsigned int)strtoul(optarg, NULL, 0);
		break;
	case 'e':
		o->epoll = true;
		break;
	case 'g':
		o->no_gro = true;
		break;
	default:
		usage();
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "nic", 1, NULL, 'n' },        { "server-ns", 1, NULL, 's' },
		{ "client-ns", 1, NULL, 'c' },  { "to", 1, NULL, 't' },
		{ "addr", 1, NULL, 'a' },       { "cc", 1, NULL, 'C' },
		{ "count", 1, NULL, 'N' },      { "conns", 1, NULL, 'k' },
		{ "server-cpu", 1, NULL, 'S' }, { "client-cpu", 1, NULL, 'P' },
		{ "spin", 1, NULL, 'x' },       { "epoll", 0, NULL, 'e' },
		{ "no-gro", 0, NULL, 'g' },     { NULL, 0, NULL, 0 },
	};
	struct options o = { .nic = "kernel", .conns = 1, .server_cpu = -1, .client_cpu = -1 };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(&o, c);
	if (optind != argc - 1 || !o.server_ns || !o.client_ns || !o.to || !o.count || !o.conns ||
	    o.conns > CONNS_MAX)
		usage();
	o.work = work_of(argv[optind]);
	measure(&o);
	return 0;
}
