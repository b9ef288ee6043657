/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * attach_priv.h - inside the attach layer
 *
 *	attach.c	made, freed; calls come in and find their handler in a table
 *	asock.c		records of programs' sockets: by cookie, their life, the sweep
 *	call_open.c	socket
 *	call_listen.c	bind, listen, accept, accept4; tokens
 *	call_connect.c	connect, its failures, AF_UNSPEC
 *	connect_wait.c	threads that call connect() while another one waits in it
 *	call_name.c	getsockname, getpeername
 *	share.c		SO_REUSEPORT, and whose sockets they are
 *	call_option.c	getsockopt, setsockopt
 *	call_ioctl.c	ioctl
 *	call_data.c	shutdown, and calls with data that are notified: sendto, recvfrom, recvmsg
 *	local.c		two programs of one instance: cut through
 *	local_state.c	what such a connection says of itself, and how it is reset
 *	relay.c		one that is cut through no more: bytes between two programs
 *	outside.c	connections to programs of the namespace that are not ours
 *	inherit.c	options that were set before there was a connection
 *	reserve.c	ports held in the namespace's kernel
 *	dgram.c		UDP and ping sockets (ATTACH_FULL)
 */
#ifndef ATTACH_ATTACH_PRIV_H
#define ATTACH_ATTACH_PRIV_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "attach/attach.h"
#include "attach/notify.h"
#include "attach/pump.h"
#include "attach/tracee.h"
#include "attach/unixend.h"
#include "nic/loop.h"

/**
 * enum asock_state - Where a program's TCP socket is
 *
 * ASOCK_FRESH		AF_UNIX not connected; the stack's socket is there, perhaps bound
 * ASOCK_CONNECTING	paired and filled; the handshake is under way
 * ASOCK_CONNECTED	a pump runs; or both ends are programs' (@is_local)
 * ASOCK_LISTENING	paired; tokens
 * ASOCK_FAILED		our end is closed and its junk was unread: the program is told @error by its
 *			next call
 * ASOCK_DEAD		reset or over; the program may have its end still (names are answered)
 */
enum asock_state {
	ASOCK_FRESH,
	ASOCK_CONNECTING,
	ASOCK_CONNECTED,
	ASOCK_LISTENING,
	ASOCK_FAILED,
	ASOCK_DEAD,
};

union asock_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage ss;
};

/**
 * struct asock - A socket of a program
 * @hash_next:	In the table by cookie
 * @a:		Layer
 * @cookie:	SO_COOKIE of the program's description: its name
 * @ino:	Inode of it
 * @domain, @type, @protocol: As the program made it
 * @state:	enum asock_state
 * @ns_fd:	Socket of the stack (non-blocking), -1 when it is closed
 * @pid:	Who made it
 * @end:	Our end while CONNECTING or LISTENING, -1; a pump has its own
 * @junk:	Bytes in its queue that are not the program's
 * @watch:	Of @end; @watch.priv is NULL while it is not in the loop
 * @pump:	While CONNECTED and not local
 * @error:	Of a connect() that failed and is not told yet, positive
 * @is_told:	connect() has returned 0 after a non-blocking one: the next says EISCONN
 * @listen:	While LISTENING
 * @connect:	The call that waits for the handshake; when none is held, its @call is the one that
 *		began
 * @is_retry:	What is held in @connect did not begin
 * @is_narrow:	The program's end has the least send buffer still: its descriptor was not found
 * @cut:	Waits for room in the queue of a listener of ours; NULL
 * @cut_listener: While LISTENING: connections of our programs to it
 * @local, @peer: Names, kept for when the stack's socket is gone
 * @reserve:	Port held in the kernel, NULL
 * @dgram:	Of ATTACH_FULL, NULL
 * @owner:	Listener of the program that has made it (a number that may be another one's now)
 * @user_id:	Who has bound it with SO_REUSEPORT, -1
 * @is_bound:	bind() was done, and its answer reached nobody: the call may come again
 * @is_shut:	shutdown() failed with ENOTCONN, which the description remembers
 * @no_write:	The program of a local one has called shutdown() for writing
 * @old_port:	Of an attempt or a connection that is over, in network order: getsockname() names
 *		it until there is another one
 * @relay:	A local one that is not cut through any more; NULL
 * @peer_cookie: Of a local one: the record of its other end, or of nobody
 * @user, @user_fd: A task that has made a call with it, and under which number
 * @set_opts:	Options the program has set, a bit for each that is passed on (inherit.c)
 * @is_native_set: The program has set options of the description itself: SO_RCVTIMEO and its like
 * @inherit_worth: There are some for which those who are accepted need a copy
 * @inherit:	That copy; of one that was accepted, what @ns_fd is to get when there is one
 * @waits:	While CONNECTING: further calls of connect() that wait
 */
struct asock {
	struct asock *hash_next;
	struct attach *a;
	uint64_t cookie;
	uint32_t ino;
	int domain;
	int type;
	int protocol;
	enum asock_state state;
	int ns_fd;
	pid_t pid;
	int end;
	uint32_t junk;
	struct loop_watch watch;
	struct pump *pump;
	int error;
	bool is_local;
	bool is_told;
	bool no_read;
	struct alisten *listen;
	struct notify_held connect;
	bool is_retry;
	bool is_narrow;
	struct cut *cut;
	struct cut_listener *cut_listener;
	union asock_addr local;
	union asock_addr peer;
	socklen_t local_len;
	socklen_t peer_len;
	struct reserve *reserve;
	struct adgram *dgram;
	int owner;
	uid_t user_id;
	bool is_bound;
	bool is_shut;
	bool no_write;
	in_port_t old_port;
	struct relay *relay;
	uint64_t peer_cookie;
	pid_t user;
	int user_fd;
	uint32_t set_opts;
	bool is_native_set;
	bool inherit_worth;
	struct inherit *inherit;
	struct connect_wait *waits;
};

#define ATTACH_SEEN 64 /* a power of two */

/**
 * struct attach - The layer
 * @hash, @hash_size, @n_socks: Records, by cookie
 * @caller:	Listener of the call that is being answered, -1
 * @owned, @n_owned: Records, by listener
 * @cut_listeners, @cut_turn: Of local.c
 * @sweep_in:	So many new ones until the next sweep
 * @sweep_rest_ns: None before for want of room
 * @sweep_at, @sweep_left: Bucket at which one goes on, and what it has left alive so far
 * @is_sweeping: It is under way
 * @is_ending:	attach_free() is: whoever waits gets ENOSYS
 * @timer, @n_sweeps: Sweeps to be done after programs have ended
 * @is_timed:	@timer is set: for those, or for asock_sweep_over()
 * @port_start_fd: ip_unprivileged_port_start of our namespace, -1
 * @ping_groups_fd: ping_group_range of it, -1
 * @reserved:	Ports held in the kernel
 * @seen:	Processes of tasks that have opened sockets
 */
struct attach {
	struct attach_conf conf;
	struct notifier *notifier;
	struct tracees *tracees;
	struct rendezvous *rv;
	struct unixdiag *diag;
	struct pumps *pumps;
	struct asock **hash;
	struct cut_listener *cut_listeners;
	uint32_t cut_turn;
	uint32_t hash_size;
	uint32_t n_socks;
	int caller;
	uint32_t *owned;
	uint32_t n_owned;
	uint32_t sweep_in;
	uint64_t sweep_rest_ns;
	uint32_t sweep_at;
	uint32_t sweep_left;
	bool is_sweeping;
	bool is_ending;
	struct loop_watch timer;
	unsigned int n_sweeps;
	bool is_timed;
	int port_start_fd;
	int ping_groups_fd;
	struct reserved_port *reserved;
	struct {
		pid_t tid;
		pid_t tgid;
	} seen[ATTACH_SEEN];
	struct attach_stats stats;
};

/**
 * struct acall - A notified call, as its handler sees it
 * @call:	The notification
 * @s:		Socket that arg[0] names; NULL for socket()
 * @fd:		Our copy of that descriptor, closed when the handler returns; -1
 * @nonblock:	O_NONBLOCK of it
 * @deadline_ns: Of a call that has waited and is done again, 0 for a new one
 */
struct acall {
	struct attach *a;
	struct notify_call call;
	struct asock *s;
	int fd;
	bool nonblock;
	uint64_t deadline_ns;
};

/* Handlers answer with notify_return() and the like, or hold the call.  Descriptors that are not
 * ours never come here: they are the kernel's (notify_continue()).
 */
void acall_socket(struct acall *c);
void acall_bind(struct acall *c);
void acall_listen(struct acall *c);
void acall_accept(struct acall *c); /* accept, accept4 */
void acall_connect(struct acall *c);
void acall_getsockname(struct acall *c);
void acall_getpeername(struct acall *c);
void acall_getsockopt(struct acall *c);
void acall_setsockopt(struct acall *c);
void acall_ioctl(struct acall *c);
void acall_shutdown(struct acall *c);
void acall_sendto(struct acall *c);
void acall_sendmsg(struct acall *c);
void acall_recvfrom(struct acall *c);
void acall_recvmsg(struct acall *c);

/* Answer.  Tasks that are gone are counted, and so are failures for limits and want of memory.
 * 0 or -ENOENT
 */
int acall_return(struct acall *c, int64_t ret);
/* Answer with a new descriptor: as notify_return_fd(), counted. */
int acall_return_fd(struct acall *c, int fd, bool cloexec);
/* The kernel does the call itself. */
void acall_continue(struct acall *c);
/* The process that calls, to be shown to a person: it may be an older one of the same number. */
pid_t acall_pid(struct acall *c);

/* asock_sweep_over() is to be called, in a while (attach.c). */
void attach_sweep_later(struct attach *a);

/* --- arguments (call_name.c) --- */

/* An address the program gives: copied once.  0, -EFAULT, -EINVAL */
int acall_get_addr(struct acall *c, uint64_t addr, uint64_t len, union asock_addr *ret,
		   socklen_t *ret_len);
/* One it is given: cut to what *len_addr says, whose value becomes the full length, as the kernel
 * does.  0, -EFAULT, -EINVAL
 */
int acall_put_addr(struct acall *c, uint64_t addr, uint64_t len_addr, const union asock_addr *val,
		   socklen_t val_len);

/* --- records (asock.c) --- */

/* Of a->caller's.  -ENFILE beyond the limit (after a sweep), -ENOMEM; @ns_fd becomes its own on
 * success
 */
int asock_new(struct attach *a, struct asock **ret, struct unixend_id id, int domain, int type,
	      int protocol, int ns_fd, pid_t pid);
struct asock *asock_lookup(struct attach *a, uint64_t cookie);
/* All that it holds goes; a reset to the peer with @abort, else the stack's socket is closed and
 * lingers.
 */
void asock_free(struct asock *s, bool abort);
/* The same record for another description (descriptor replacement). */
void asock_rename(struct asock *s, uint64_t cookie, uint32_t ino);
/* Ask the kernel for those whose end cannot be seen to close: FRESH, FAILED, DEAD.  False: not for
 * all of them yet, which takes another call.
 */
bool asock_sweep(struct attach *a);
/* The same when there is no room for one more; not if that took long a moment ago. */
void asock_sweep_full(struct attach *a);
/* The same for FAILED and DEAD only.  Return: some went and some are there: ask again */
bool asock_sweep_over(struct attach *a);
/* FAILED or DEAD from now on.  It is looked for in two seconds: without that it would be shown, and
 * have its memory, until the next programs come.
 */
void asock_set_over(struct asock *s, enum asock_state state);
/* The same for the owner of a local port, after EADDRINUSE.  True when somebody was freed. */
bool asock_sweep_port(struct attach *a, const union asock_addr *addr);
/* In network order; AF_UNSPEC is taken for AF_INET. */
in_port_t asock_port(const union asock_addr *addr);
/* Keep the names: before the stack's socket goes. */
void asock_save_names(struct asock *s);
/* Connected from now on: a pump between @s->end (which it takes) and @s->ns_fd; @s->watch is
 * removed.  0 or -ENOMEM
 */
int asock_start_pump(struct asock *s);
/* @s->watch: watched if its .priv is there. */
int asock_watch(struct asock *s, uint32_t events,
		void (*ready)(struct loop_watch *w, uint32_t events));
void asock_unwatch(struct asock *s);
/* @s->end is closed, and not watched any more. */
void asock_close_end(struct asock *s);
/* @s->ns_fd is closed: a reset with @abort.  Never waits, whatever SO_LINGER says. */
void asock_close_stack(struct asock *s, bool abort);
/* pumps_conf.ended(), and .is_open(): the program has a descriptor of it, by asking the kernel */
void asock_pump_ended(void *arg, enum pump_end how);
bool asock_is_open(void *arg);

/* News of @ns_fd by ns_set_notify(): to the handler of the state. */
void asock_on_stack(void *arg, int ns_fd, uint32_t events);
void connect_on_stack(struct asock *s, uint32_t events);
/* Also for any other reason to count what waits again (local.c, reserve.c). */
void listen_on_stack(struct asock *s, uint32_t events);

/* What LISTENING holds is freed, our end closed, calls that wait fail with EINVAL; the state is
 * FRESH then.  The stack's socket still listens: shutdown() it, or close it.
 */
void listen_done(struct asock *s);
/* Calls of accept() of tasks that are gone are forgotten; the caller frees one nobody has any more.
 */
void listen_prune(struct asock *s);
/* Calls of accept() that wait, connections that do. */
uint32_t listen_held(const struct asock *s);
uint32_t listen_pending(const struct asock *s);

/* --- connections (call_connect.c) --- */

/* The handshake of a CONNECTING socket is over: @error 0 or negative.  Whoever waits is answered.
 */
void connect_over(struct asock *s, int error);
/* The call's socket is CONNECTING now, @c->s->end its other end: answered or held. */
void connect_begun(struct acall *c);
/* Our end of a CONNECTING socket is watched: it is freed when the program closes its last
 * descriptor.  -ENOMEM
 */
int connect_watch(struct asock *s);
/* Who waits in connect() is answered with @error. */
void connect_wake(struct asock *s, int error);
/* When a call that waits on a copy of the program's descriptor is over (SO_SNDTIMEO). */
uint64_t connect_deadline(int fd);
/* Another call of connect() waits for the handshake, too; ... */
void connect_wait_add(struct acall *c);
/* ... and all of them are answered. */
void connect_wait_end(struct asock *s, int ret);
/* A copy of the call's descriptor when it is that of @s still, negative */
int asock_getfd(const struct asock *s, const struct notify_call *call);
/* A copy of the descriptor of some program that has it, negative: where a call with it was last
 * seen, in that process under another number, or in its children.
 */
int asock_find_fd(const struct asock *s);
/* The program's description may write as much as it may: with @c->fd, if that was not done yet. */
void asock_widen(struct acall *c);

/* --- replaced descriptors (call_connect.c) --- */

/* A fresh AF_UNIX socket in place of that of the call, with its record; the stack's socket is
 * disconnected and has its options still (a new one, where it was closed).  @c->fd is the new
 * description then; the call is still to be answered.
 */
int asock_replace(struct acall *c);

/* --- ports that are shared (share.c) --- */

/* The program may bind its socket there: -EADDRINUSE when another user shares that port, which he
 * does with his own only.
 */
int share_check(struct acall *c, const union asock_addr *addr);

/* --- cut through (local.c) --- */

/* The call's connect() to an address of the instance where one of our programs listens.
 * Return: true when it was taken (answered or held)
 */
bool local_connect(struct acall *c, const union asock_addr *to, socklen_t len);
/* The listener goes, or takes one that waits (-EAGAIN): @ret is the server's descriptor */
int local_accept(struct asock *listener, int *ret, union asock_addr *peer, socklen_t *peer_len,
		 struct asock **ret_sock);
uint32_t local_queued(const struct asock *listener);
/* It listens from now on; again: with another backlog.  -ENOMEM */
int local_listen(struct asock *listener, int backlog);
void local_listener_gone(struct asock *listener);
/* @s ends, or becomes another: nothing here knows it any more. */
void local_forget(struct asock *s);
/* The end of the other program while that has not accepted it; ours still, or -1. */
int local_waiting_end(const struct asock *client);
/* asock_rename() from @before, of one that is connected still. */
void local_renamed(struct asock *s, uint64_t before);

/* --- their state (local_state.c): of a local one that is CONNECTED --- */

/* With the numbers of TCP_INFO (netinet/tcp.h, which cannot be included with linux/tcp.h). */
enum local_tcp {
	LOCAL_ESTABLISHED = 1,
	LOCAL_FIN_WAIT2 = 5,
	LOCAL_CLOSE = 7,
	LOCAL_CLOSE_WAIT = 8,
};

/* What TCP would be in, by what poll() says of @fd, a copy of the program's descriptor. */
enum local_tcp local_tcp_state(const struct asock *s, int fd);
/* A struct tcp_info, cut to *@len. */
void local_tcp_info(const struct asock *s, int fd, void *val, socklen_t *len);
/* @fd, the last descriptor of its end, is closed next: the other program is to see a reset. */
void local_reset(struct asock *s, int fd);
/* The call asks for what AF_UNIX has not: it gets a relay (@c->s->relay, and @c->fd is another
 * one), unless a process that has been forked has the socket, too, or there is no memory: then all
 * stays as it is.
 */
void local_uncut(struct acall *c);

/* --- the relay (relay.c) --- */

int relay_begin(struct acall *c);
/* Its ends are closed; the other program sees a reset with @reset.  NULL is fine. */
void relay_stop(struct relay *r, bool reset);
/* SO_RCVLOWAT, 1 or more. */
void relay_set_lowat(struct relay *r, uint32_t bytes);
/* Bytes of the program that the other one cannot read yet. */
uint32_t relay_unsent(const struct relay *r);
/* The program's old end. */
int relay_far(const struct relay *r);

/* The same where somebody listens in the namespace's kernel: the program's socket is one of the
 * kernel's then, and @c->s is gone.
 */
bool outside_connect(struct acall *c, const union asock_addr *to, socklen_t len);

/* --- options that are passed on (inherit.c) --- */

/* The program has set it. */
void inherit_note(struct asock *s, int level, int name);
/* @child was accepted: it has what @listener has, once it gets a socket of the stack; then ... */
void inherit_give(struct asock *listener, struct asock *child);
/* ... its socket of the stack, which is new, gets it. */
void inherit_take(struct asock *s);
/* A socket of the kernel gets what @s has. */
void inherit_to_kernel(struct asock *s, int fd);
void inherit_put(struct inherit *in); /* NULL is fine */

/* --- ports in the kernel (reserve.c) --- */

/* -EADDRINUSE when somebody has it there, -EACCES; NULL in @ret with conf.reserve off */
int reserve_new(struct attach *a, struct reserve **ret, const union asock_addr *addr, socklen_t len,
		bool v6only, bool reuseport, void (*pending)(void *arg), void *arg);
void reserve_free(struct reserve *r);
/* A connection of the kernel's that waits for the same program: a kernel's TCP descriptor, handed
 * to the program as it is.  -EAGAIN
 */
int reserve_accept(struct reserve *r);
bool reserve_is_pending(const struct reserve *r);

/* --- UDP and ping sockets (dgram.c) --- */

/* 0: answered.  Or an error of socket(), to be answered */
int adgram_open(struct acall *c, int domain, int type, int protocol);
void adgram_free(struct asock *s); /* NULL in @s->dgram is fine */
/* Calls that wait. */
uint32_t adgram_held(const struct asock *s);

/* Calls on a socket with @c->s->dgram.  They answer or wait. */
void adgram_connect(struct acall *c, const union asock_addr *to, socklen_t len);
void adgram_sendto(struct acall *c);
void adgram_sendmsg(struct acall *c); /* sendmsg, sendmmsg */
void adgram_recvfrom(struct acall *c);
void adgram_recvmsg(struct acall *c); /* recvmsg, recvmmsg */

#endif /* ATTACH_ATTACH_PRIV_H */
