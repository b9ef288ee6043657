/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sockdiff.h - what a program sees of its sockets, one line each
 *
 * The program runs on the kernel's stack and on ours, and prints the same lines on both, but for
 * those that differences.txt names.  It is plain libc: nothing of ours is in it.
 *
 *	main.c		runs the sections, each in a process of its own
 *	say.c		the lines: results, masks of poll(), names of errors
 *	peer.c		the other side, which does what it is told
 *	ask.c		telling it
 *	net.c		sockets in the states that sections start with
 *	s_*.c		sections
 *
 * A line is "section.variant.name: result", and has nothing in it that changes from run to
 * run: no port, no pid, no time.
 */
#ifndef TESTS_ATTACH_SOCKDIFF_H
#define TESTS_ATTACH_SOCKDIFF_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* No wait for something that is to come takes longer. */
#define WAIT_MS 10000
/* Of a condition that is looked at again and again: what does not come is waited for in vain. */
#define MOMENTS   5000
#define SECTION_S 45

union addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage ss;
};

/**
 * struct env - What a section runs against
 * @variant:	In the names of its lines
 * @family:	Of our sockets
 * @ctl:	Connection to the peer's process
 * @to:		Address of the peer; its port is 0
 * @nowhere:	Addresses of its family that a router calls unreachable: the host, the network
 * @silent:	One of the link at which nobody is
 * @is_local:	The peer runs on our stack, too
 */
struct env {
	const char *variant;
	int family;
	int ctl;
	union addr to;
	union addr nowhere[2];
	union addr silent;
	bool is_local;
};

/**
 * struct section - Checks that belong together
 * @name:	First word of their lines
 * @run:	What does them
 * @all:	In every variant; otherwise with the first one of IPv4 alone
 */
struct section {
	const char *name;
	void (*run)(const struct env *e);
	bool all;
};

#define N_ELEMS(a) (sizeof(a) / sizeof((a)[0]))

extern const struct section sections_connect[], sections_nonblock[], sections_close[],
	sections_data[], sections_oob[], sections_listen[], sections_bind[], sections_names[],
	sections_option[], sections_signal[], sections_share[], sections_bad[], sections_udp[],
	sections_bulk[], sections_thread[], sections_dgram[];

/* --- say.c --- */

void say_begin(const char *section, const char *variant);

/* A line. */
void say(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What a call returned: the number, or the name of errno. */
void result(const char *name, long r);
/* The same for one that makes a descriptor: "fd", or the name of errno. */
void result_fd(const char *name, int fd);
/* The same, with "+SIGPIPE" when it came since the last one. */
void result_pipe(const char *name, long r);

const char *err_name(int err);
/* Of -1 and errno, or a number; in one of a few buffers that take turns. */
const char *res(long r);
/* "IN|OUT", of poll() and of epoll, whose numbers are the same. */
const char *mask_name(unsigned int mask);

/* What poll() says now; after it has said all of @want, or time has gone by. */
void mask_now(const char *name, int fd);
void mask_when(const char *name, int fd, unsigned int want);
unsigned int poll_mask(int fd, unsigned int want);
/* Just wait. */
bool wait_for(int fd, unsigned int want);

/* SO_ERROR, and an option as a number: "17", "ENOPROTOOPT". */
void so_error(const char *name, int fd);
void int_option(const char *name, int fd, int level, int opt);

/* The kind of an address, and whether it is @like: "inet me:port", "inet6 mapped ...". */
void name_of(const char *name, int r, const union addr *a, socklen_t len, const struct env *e);

/* Count of a signal, whose handler say_begin() has installed. */
extern volatile int sigpipes;

/* Give others a moment; for loops on a condition that no poll() shows, with a bound. */
bool moment(int *rounds);

/* --- peer.c, ask.c --- */

enum ask_op {
	ASK_LISTEN,  /* @n backlog -> port */
	ASK_ACCEPT,  /* of @slot */
	ASK_CONNECT, /* to @addr */
	ASK_START,   /* the same, without waiting for it */
	ASK_SEND,    /* @n bytes of the pattern, from @from on */
	ASK_RECV,    /* @n bytes, or up to the end: the number, the hash */
	ASK_CLOSE,
	ASK_RESET,     /* close with SO_LINGER 0 */
	ASK_SHUTDOWN,  /* @n how */
	ASK_OOB,       /* byte @n */
	ASK_OPTION,    /* SOL_SOCKET, option @from, value @n */
	ASK_WAIT,      /* until poll says all of @n: what it says */
	ASK_UDP,       /* -> port */
	ASK_SEND_TO,   /* @n bytes to @addr */
	ASK_RECV_FROM, /* a datagram: its length; from which port */
	ASK_SERVE,     /* @n connections of listener @slot: what comes is sent back, all at once */
	ASK_ECHO,      /* the same for connection @slot */
};

struct ask {
	enum ask_op op;
	int family;
	int slot;
	int64_t n;
	int64_t from;
	union addr addr;
};

/* @r: a slot or a number, or a negative errno; @port in host order */
struct answer {
	int64_t r;
	uint64_t hash;
	uint16_t port;
};

/* A process that answers on @ctl until it is closed. */
void peer_session(int ctl);
/* A server of sessions at an AF_UNIX path. */
int peer_serve(const char *path);

struct answer ask(const struct env *e, enum ask_op op, int slot, int64_t n);
/* In two parts, with something of ours in between. */
void ask_begin(const struct env *e, enum ask_op op, int slot, int64_t n);
struct answer ask_end(const struct env *e);
/* A whole request. */
struct answer ask_full(const struct env *e, const struct ask *q);

/* Byte at a place of the pattern, and a running hash (FNV-1a, starts with HASH_INIT). */
#define HASH_INIT 0xcbf29ce484222325ULL
uint8_t pattern_at(uint64_t at);
void pattern_fill(void *buf, size_t len, uint64_t at);
uint64_t hash_more(uint64_t hash, const void *buf, size_t len);

/* --- net.c --- */

socklen_t addr_len(const union addr *a);
uint16_t addr_port(const union addr *a);
union addr addr_with(const union addr *a, uint16_t port);
union addr addr_any(int family, uint16_t port);
union addr addr_loopback(int family, uint16_t port);

int tcp_socket(const struct env *e);
/* A listener of the peer: its slot, its address. */
int peer_listen(const struct env *e, union addr *ret);
/* Connected with each other: our descriptor, and the peer's slot. */
int tcp_pair(const struct env *e, int *ret_slot);
/* The same with the peer as the one who connects. */
int tcp_accepted(const struct env *e, int *ret_slot);
/* A listener of ours at all addresses, and where the peer finds it. */
int tcp_listener(const struct env *e, int backlog, union addr *ret);
/* The peer connects: its slot */
int peer_connect(const struct env *e, const union addr *to);
/* Our address as the peer sees it. */
union addr own_addr(const struct env *e);
/* A port at which nobody is. */
union addr closed_port(const struct env *e);

int connect_to(int fd, const union addr *a);
void nonblock(int fd, bool on);
void linger(int fd, int on, int seconds);
/* Until that many bytes can be read; what FIONREAD says at the end. */
int wait_readable(int fd, int n);
/* Until all is acknowledged; what SIOCOUTQ says at the end. */
int wait_sent(int fd);
ssize_t send_pattern(int fd, size_t len);
/* All up to the end of file or an error: the count, and the hash. */
ssize_t recv_to_end(int fd, uint64_t *ret_hash);

/* What "sockdiff inherited FD" does, after exec: the number of its descriptor as text. */
int share_inherited(const char *number);

/* A child that ends with exit status @fn(). */
pid_t spawn(int (*fn)(void *arg), void *arg);
/* Its exit status, -signal. */
int reap(pid_t pid);

#endif /* TESTS_ATTACH_SOCKDIFF_H */
