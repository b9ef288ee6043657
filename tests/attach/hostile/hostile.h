/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * hostile.h - programs that do to their sockets what nobody should
 *
 *	hostile serve PORT			echo, for ever
 *	hostile ask ADDR PORT N			N connections, each gets its own number back
 *	hostile transfer ADDR PORT FILE		data there and back, until FILE is there
 *	hostile blocked ADDR PORT HOLE		calls that wait until the stack is killed
 *	hostile killed ADDR PORT HOLE ROUNDS	processes killed in every call
 *	hostile signals ADDR PORT HOLE		calls interrupted, with SA_RESTART and without
 *	hostile accepts PORT N			the same for a server that N connections come to
 *	hostile threads ADDR PORT OWN N		N of them at once
 *	hostile limit ADDR PORT			with few descriptors of its own
 *	hostile many ADDR PORT			connections until there are no more, and again
 *	hostile flip ADDR PORT			arguments that change during calls
 *	hostile odd ADDR PORT HOLE		what AF_UNIX can and TCP cannot
 *	hostile unused N			sockets nobody connects
 *	hostile fuzz ADDR PORT SEED N		N calls of chance, in each of its processes
 *	hostile silent PORT			a server that takes nobody in
 *	hostile linger ADDR PORT SILENT		sockets of the kernel, whose end nobody waits for
 *	hostile memory				an argument that nobody brings
 *
 * ADDR is of IPv4 and has "serve" at PORT; at HOLE nobody answers.  It is plain libc.  Exit status
 * 0 when all was as it has to be; what was not goes to stderr.  Nothing takes longer than a minute.
 */
#ifndef TESTS_ATTACH_HOSTILE_HOSTILE_H
#define TESTS_ATTACH_HOSTILE_HOSTILE_H

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LIFE_S   60

extern struct sockaddr_in peer, hole;

/* A call that a signal may end is made again. */
#define AGAIN(call_)                                                                               \
	({                                                                                         \
		int r_;                                                                            \
		do                                                                                 \
			r_ = (int)(call_);                                                         \
		while (r_ < 0 && errno == EINTR);                                                  \
		r_;                                                                                \
	})

/* With errno, and exit status 1. */
void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...);
/* @r, or die() */
int must(int r, const char *what);
/* The same numbers for the same @state. */
uint32_t chance(uint64_t *state);
/* Between two looks at a condition. */
void moment(void);
struct sockaddr_in to_addr(const char *addr, const char *port);
/* socket() */
int tcp(void);
/* getsockname() */
struct sockaddr_in name_of(int fd);
/* Of any address. */
int listener(uint16_t port, int backlog);
/* One that was interrupted is asked for again. */
int try_connect(int fd, const struct sockaddr_in *to);
int connected(const struct sockaddr_in *to);
void send_all(int fd, const void *data, size_t len);
/* False at the end of the stream, or after a reset. */
bool recv_all(int fd, void *data, size_t len);
/* A connection to an echo server, which gives back @id. */
void ask_once(const struct sockaddr_in *to, uint64_t id);
/* Until a task waits in a call. */
void wait_in(pid_t pid, long nr);
/* Until it has ended with exit status 0. */
void end_well(pid_t pid, const char *what);
/* fork(); the child lives no longer than its parent, nor than LIFE_S. */
pid_t start(void);
pthread_t thread(void *(*fn)(void *), void *arg);
/* All that comes over a descriptor goes back, then it is closed. */
void *echo(void *arg);
/* A handler of signals. */
void nothing(int sig);

/* The modes */
int serve(char **argv);
int ask(char **argv);
int transfer(char **argv);
int blocked(char **argv);
int killed(char **argv);
int signals(char **argv);
int accepts(char **argv);
int threads(char **argv);
int limit(char **argv);
int many(char **argv);
int flip(char **argv);
int odd(char **argv);
int unused(char **argv);
int fuzz(char **argv);
int silent(char **argv);
int linger(char **argv);
int memory(char **argv);

#endif /* TESTS_ATTACH_HOSTILE_HOSTILE_H */
