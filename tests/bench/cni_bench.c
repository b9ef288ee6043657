/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cni_bench.c - a chain of CNI plugins, ours beside the kernel's floor and Debian's
 *
 *	cni_bench OURS PEER FLOOR EMPTY [ROUNDS]
 *
 * OURS and PEER are plugin directories, FLOOR and EMPTY programs of this folder.
 * Each side works in a host namespace of its own; the sides take turns in every
 * round.  A step is timed from the start of its first process to the end of its
 * last; making and removing the containers' namespaces is not counted.  Results
 * go to standard output, one JSON object a line.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/str.h"
#include "sandbox/netns.h"

#define ROUNDS_MAX  200
#define BURST       100
#define BURST_WIDTH 8
#define ANSWER_MAX  8192
#define NS_DIR      "/run/netns/"

enum side_id {
	OURS,
	FLOOR,
	PEER,
	SIDES
};

struct side {
	const char *name;
	const char *dir; /* plugins, or the floor program */
	bool is_floor;
	int host_ns;
};

static const char *const chain[] = { "bridge", "portmap", "firewall", "tuning" };
#define CHAIN_LEN 4

#define CONF_HEAD "{\"cniVersion\":\"1.0.0\",\"name\":\"bench\",\"type\":"

static void die(const char *what)
{
	(void)fprintf(stderr, "cni_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* --- processes --- */

struct run {
	const char *const *argv;
	char *const *env;
	const char *input;
	char *answer; /* ANSWER_MAX, NULL when not wanted */
	const char *file;
};

static int unnamed_file(const char *text)
{
	int fd = memfd_create("bench", MFD_CLOEXEC);

	if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		die("cannot make an unnamed file");
	return fd;
}

/* Run to the end; the largest resident set so far goes into @rss. */
static void run_one(const struct run *run, long *rss)
{
	posix_spawn_file_actions_t fa;
	struct rusage usage;
	int in = unnamed_file(run->input ? run->input : "");
	int out = unnamed_file("");
	int status;
	pid_t pid;

	(void)posix_spawn_file_actions_init(&fa);
	(void)posix_spawn_file_actions_adddup2(&fa, in, STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
	/* posix_spawn() does not change them, it only says so nowhere */
	errno = posix_spawn(&pid, run->file, &fa, NULL, (char *const *)(uintptr_t)run->argv,
			    run->env);
	if (errno)
		die(run->file);
	(void)posix_spawn_file_actions_destroy(&fa);
	if (wait4(pid, &status, 0, &usage) < 0)
		die("wait4");
	if (usage.ru_maxrss > *rss)
		*rss = usage.ru_maxrss;
	if (run->answer || status != 0) {
		char buf[ANSWER_MAX];
		ssize_t n = pread(out, buf, sizeof(buf) - 1, 0);

		buf[n > 0 ? n : 0] = '\0';
		if (status != 0) {
			(void)fprintf(stderr, "cni_bench: %s failed (status %d): %s\n", run->file,
				      status, buf);
			exit(1);
		}
		memcpy(run->answer, buf, sizeof(buf));
	}
	(void)close(in);
	(void)close(out);
}

/* A plugin's configuration, without its closing brace. */
static void format_conf(const struct side *side, unsigned i, unsigned number, char *ret,
			size_t size)
{
	switch (i) {
	case 0:
		(void)snprintf(ret, size,
			       CONF_HEAD "\"bridge\",\"bridge\":\"bench0\",\"isGateway\":true,"
					 "\"ipMasq\":true,\"ipam\":{\"type\":\"host-local\","
					 "\"ranges\":[[{\"subnet\":\"10.91.0.0/16\"}]],"
					 "\"routes\":[{\"dst\":\"0.0.0.0/0\"}],"
					 "\"dataDir\":\"/var/lib/cni/%s\"}",
			       side->name);
		break;
	case 1:
		(void)snprintf(ret, size,
			       CONF_HEAD "\"portmap\",\"capabilities\":{\"portMappings\":true},"
					 "\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":%u,"
					 "\"containerPort\":80,\"protocol\":\"tcp\"}]}",
			       10000 + number);
		break;
	case 2:
		(void)snprintf(ret, size, CONF_HEAD "\"firewall\"");
		break;
	default:
		(void)snprintf(ret, size,
			       CONF_HEAD "\"tuning\",\"sysctl\":{\"net.core.somaxconn\":\"500\"}");
		break;
	}
}

/* One plugin call of a side. @prev: prevResult in, answer out. */
static void call_plugin(const struct side *side, unsigned i, bool add, unsigned number, char *prev,
			long *rss)
{
	char input[3 * ANSWER_MAX];
	char conf[ANSWER_MAX];
	char file[512];
	char id[64];
	char netns[64];
	char path[560];
	char num[16];
	const char *argv[8] = { file, NULL };
	char *env[] = { path, id, netns, NULL, NULL, NULL, NULL };
	char cmd[] = "CNI_COMMAND=ADD";
	char ifname[] = "CNI_IFNAME=eth0";
	char sys_path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	struct run run = { .argv = argv, .env = env, .input = input, .file = file };

	(void)snprintf(netns, sizeof(netns), "CNI_NETNS=" NS_DIR "b%u", number);
	if (side->is_floor) {
		(void)snprintf(file, sizeof(file), "%s", side->dir);
		(void)snprintf(num, sizeof(num), "%u", number);
		argv[1] = chain[i];
		argv[2] = add ? "add" : "del";
		argv[3] = netns + strlen("CNI_NETNS=");
		argv[4] = num;
		run.input = NULL;
		run_one(&run, rss);
		return;
	}
	(void)snprintf(file, sizeof(file), "%s/%s", side->dir, chain[i]);
	(void)snprintf(path, sizeof(path), "CNI_PATH=%s", side->dir);
	(void)snprintf(id, sizeof(id), "CNI_CONTAINERID=bench%u", number);
	if (!add)
		memcpy(cmd, "CNI_COMMAND=DEL", sizeof(cmd));
	env[3] = cmd;
	env[4] = ifname;
	env[5] = sys_path;
	format_conf(side, i, number, conf, sizeof(conf));
	if (*prev)
		(void)snprintf(input, sizeof(input), "%s,\"prevResult\":%s}", conf, prev);
	else
		(void)snprintf(input, sizeof(input), "%s}", conf);
	run.answer = add ? prev : NULL;
	run_one(&run, rss);
}

static void chain_add(const struct side *side, unsigned number, char *result, long *rss)
{
	result[0] = '\0';
	for (unsigned i = 0; i < CHAIN_LEN; i++)
		call_plugin(side, i, true, number, result, rss);
}

static void chain_del(const struct side *side, unsigned number, char *result, long *rss)
{
	for (unsigned i = CHAIN_LEN; i-- > 0;)
		call_plugin(side, i, false, number, result, rss);
}

/* --- namespaces --- */

static void enter(int ns)
{
	struct nerr err = NERR_INIT;

	if (netns_enter(ns, &err) < 0) {
		(void)fprintf(stderr, "cni_bench: %s\n", err.msg);
		exit(1);
	}
}

static void make_ns(unsigned number)
{
	struct nerr err = NERR_INIT;
	char path[64];

	(void)snprintf(path, sizeof(path), NS_DIR "b%u", number);
	if (netns_create(path, &err) < 0) {
		(void)fprintf(stderr, "cni_bench: %s\n", err.msg);
		exit(1);
	}
}

static void drop_ns(unsigned number)
{
	struct nerr err = NERR_INIT;
	char path[64];

	(void)snprintf(path, sizeof(path), NS_DIR "b%u", number);
	if (netns_delete(path, &err) < 0)
		(void)fprintf(stderr, "cni_bench: %s\n", err.msg);
}

static void prepare(void)
{
	static const char *const dirs[] = { "/run", "/var/lib/cni" };

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		die("unshare (needs root)");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("mount /");
	(void)mkdir("/var/lib/cni", 0755);
	for (unsigned i = 0; i < 2; i++)
		if (mount("tmpfs", dirs[i], "tmpfs", 0, NULL) < 0)
			die(dirs[i]);
	if (mkdir("/run/netns", 0755) < 0)
		die("/run/netns");
}

static void prepare_side(struct side *side)
{
	struct nerr err = NERR_INIT;

	if (unshare(CLONE_NEWNET) < 0)
		die("unshare");
	if (netns_open_self(&side->host_ns, &err) < 0)
		die(err.msg);
	if (side->is_floor) {
		const char *argv[] = { side->dir, "setup", NULL };
		char *env[] = { NULL };
		long rss = 0;

		run_one(&(struct run){ .argv = argv, .env = env, .file = side->dir }, &rss);
	}
}

/* --- numbers --- */

struct series {
	double ms[ROUNDS_MAX];
	unsigned n;
	long rss;
};

static int cmp_double(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(struct series *s)
{
	qsort(s->ms, s->n, sizeof(s->ms[0]), cmp_double);
	return s->n % 2 ? s->ms[s->n / 2] : (s->ms[s->n / 2 - 1] + s->ms[s->n / 2]) / 2;
}

static void report(const char *bench, struct series s[SIDES])
{
	(void)printf("{\"bench\":\"%s\",\"ours_ms\":%.2f,\"floor_ms\":%.2f,\"peer_ms\":%.2f,"
		     "\"ours_rss_kib\":%ld,\"peer_rss_kib\":%ld,\"rounds\":%u}\n",
		     bench, median(&s[OURS]), median(&s[FLOOR]), median(&s[PEER]), s[OURS].rss,
		     s[PEER].rss, s[OURS].n);
	(void)fflush(stdout);
}

static void note(struct series *s, double ms)
{
	s->ms[s->n++] = ms;
}

/* --- benches --- */

static void bench_chain(const struct side sides[SIDES], unsigned rounds)
{
	static struct series add[SIDES];
	static struct series del[SIDES];
	static char result[ANSWER_MAX];
	unsigned number = 0;

	for (unsigned round = 0; round <= rounds; round++) {
		for (unsigned k = 0; k < SIDES; k++) {
			unsigned who = (k + round) % SIDES;
			double t0;
			double t1;

			number++;
			make_ns(number);
			enter(sides[who].host_ns);
			t0 = now_ms();
			chain_add(&sides[who], number, result, &add[who].rss);
			t1 = now_ms();
			if (round) /* the first makes bridge and tables */
				note(&add[who], t1 - t0);
			t0 = now_ms();
			chain_del(&sides[who], number, result, &del[who].rss);
			if (round)
				note(&del[who], now_ms() - t0);
			drop_ns(number);
		}
	}
	report("cni-chain-add", add);
	report("cni-chain-del", del);
}

/* BURST containers, BURST_WIDTH at a time. Results are kept for the DELs. */
static double burst(const struct side *side, bool add, unsigned first, char (*results)[ANSWER_MAX],
		    long *rss)
{
	double t0 = now_ms();
	int status;

	for (unsigned w = 0; w < BURST_WIDTH; w++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			for (unsigned i = w; i < BURST; i += BURST_WIDTH) {
				if (add)
					chain_add(side, first + i, results[i], rss);
				else
					chain_del(side, first + i, results[i], rss);
			}
			_exit(0);
		}
	}
	for (unsigned w = 0; w < BURST_WIDTH; w++)
		if (wait(&status) < 0 || status != 0) {
			(void)fprintf(stderr, "cni_bench: a burst worker failed\n");
			exit(1);
		}
	return now_ms() - t0;
}

static void bench_burst(const struct side sides[SIDES], unsigned rounds)
{
	static struct series add[SIDES];
	static struct series del[SIDES];
	unsigned first = 10000;
	char(*results)[ANSWER_MAX] = mmap(NULL, (size_t)BURST * ANSWER_MAX, PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long *rss = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (results == MAP_FAILED || rss == MAP_FAILED)
		die("mmap");
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned k = 0; k < SIDES; k++) {
			unsigned who = (k + round) % SIDES;

			for (unsigned i = 0; i < BURST; i++)
				make_ns(first + i);
			enter(sides[who].host_ns);
			*rss = 0;
			note(&add[who], burst(&sides[who], true, first, results, rss));
			add[who].rss = *rss > add[who].rss ? *rss : add[who].rss;
			*rss = 0;
			note(&del[who], burst(&sides[who], false, first, results, rss));
			del[who].rss = *rss > del[who].rss ? *rss : del[who].rss;
			for (unsigned i = 0; i < BURST; i++)
				drop_ns(first + i);
			first += BURST;
		}
	}
	report("cni-burst-add", add);
	report("cni-burst-del", del);
}

static void bench_loopback(const struct side sides[SIDES], unsigned rounds)
{
	static struct series add[SIDES];
	char input[] = "{\"cniVersion\":\"1.0.0\",\"name\":\"lo\",\"type\":\"loopback\"}";
	char netns[] = "CNI_NETNS=" NS_DIR "b9999";
	char command[] = "CNI_COMMAND=ADD";
	char id[] = "CNI_CONTAINERID=lo";
	char ifname[] = "CNI_IFNAME=lo";
	static char answer[ANSWER_MAX];

	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned k = 0; k < SIDES; k++) {
			const struct side *side = &sides[(k + round) % SIDES];
			struct series *s = &add[(k + round) % SIDES];
			char path[560];
			char file[512];
			char *env[] = { path, command, id, netns, ifname, NULL };
			const char *plain[] = { file, NULL };
			const char *bare[] = { side->dir,      "loopback", "add",
					       NS_DIR "b9999", "1",        NULL };
			struct run run = { .env = env, .input = input, .answer = answer };
			double t0;

			(void)snprintf(path, sizeof(path), "CNI_PATH=%s", side->dir);
			(void)snprintf(file, sizeof(file), "%s/loopback", side->dir);
			run.argv = side->is_floor ? bare : plain;
			run.file = side->is_floor ? side->dir : file;
			make_ns(9999);
			enter(side->host_ns);
			t0 = now_ms();
			run_one(&run, &s->rss);
			note(s, now_ms() - t0);
			drop_ns(9999);
		}
	}
	report("cni-loopback-add", add);
}

/* The floor of VERSION is an empty program that is linked as ours is. */
static void bench_version(const struct side sides[SIDES], const char *empty, unsigned rounds)
{
	static struct series ask[SIDES];
	char command[] = "CNI_COMMAND=VERSION";
	char *env[] = { command, NULL };
	static char answer[ANSWER_MAX];

	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned k = 0; k < SIDES; k++) {
			unsigned who = (k + round) % SIDES;
			char file[512];
			const char *argv[] = { file, NULL };
			double t0;

			if (who == FLOOR)
				(void)snprintf(file, sizeof(file), "%s", empty);
			else
				(void)snprintf(file, sizeof(file), "%s/bridge", sides[who].dir);
			t0 = now_ms();
			run_one(
				&(struct run){
					.argv = argv, .env = env, .answer = answer, .file = file },
				&ask[who].rss);
			note(&ask[who], now_ms() - t0);
		}
	}
	report("cni-version", ask);
}

int main(int argc, char **argv)
{
	struct side sides[SIDES] = { { 0 } };
	uint32_t rounds = 25;

	if (argc < 5 || argc > 6 || (argc == 6 && parse_u32(argv[5], 1, ROUNDS_MAX, &rounds) < 0)) {
		(void)fprintf(stderr, "usage: cni_bench OURS PEER FLOOR EMPTY [ROUNDS]\n");
		return 2;
	}
	sides[OURS] = (struct side){ .name = "ours", .dir = argv[1] };
	sides[PEER] = (struct side){ .name = "peer", .dir = argv[2] };
	sides[FLOOR] = (struct side){ .name = "floor", .dir = argv[3], .is_floor = true };
	prepare();
	for (unsigned i = 0; i < SIDES; i++)
		prepare_side(&sides[i]);
	bench_version(sides, argv[4], rounds * 4 < ROUNDS_MAX ? rounds * 4 : ROUNDS_MAX);
	bench_loopback(sides, rounds);
	bench_chain(sides, rounds);
	bench_burst(sides, rounds >= 20 ? 3 : 1);
	return 0;
}
