/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * deferred_close.h - closing an nfnetlink socket without waiting for the kernel
 *
 * Theory of operation
 *
 * A transaction of nf_tables that destroys something (a rule, a chain, an
 * element; also making a chain that exists) queues work that waits for an RCU
 * grace period and then frees it.  When a netlink socket is closed,
 * NETLINK_URELEASE is announced, and nft_rcv_nl_event() of
 * net/netfilter/nf_tables_api.c waits for that work, holding the lock that all
 * transactions of the namespace need.  The process that closes, or exits, is
 * held up for 6 to 20 ms; eight that do so at once, for much longer.  Nobody
 * needs that wait: it protects tables that belong to their socket (flag
 * "owner").
 *
 * So the last reference to the socket is left to the kernel, which drops it
 * from a worker:
 *
 * 1. io_uring.  The socket becomes a fixed file of a ring, the only one to hold
 *    it.  A ring that is closed is taken down by a worker (io_ring_exit_work()
 *    of io_uring/io_uring.c) after an RCU grace period of its own, and by then
 *    the work of nf_tables is done: nobody waits at all, and the lock is free
 *    in between.
 * 2. AF_UNIX.  The socket is sent into the queue of a socket pair's end,
 *    together with that very end.  Closing both ends leaves a cycle, which the
 *    garbage collector of net/unix/garbage.c takes down, since 6.9 in a worker.
 *    For a few milliseconds later another transaction may find the lock taken.
 * 3. close().
 *
 * Each is tried when the one before is not to be had: io_uring may be missing,
 * switched off (kernel.io_uring_disabled) or filtered (seccomp).  On kernels
 * where the worker is none (before 5.7, before 6.9) the caller waits as with
 * close(); nothing is worse.  No process, thread or descriptor stays.  The
 * namespace of the socket is held until the worker is done; from 6.19 on, a
 * cycle that is made just as the collector runs stays until the next AF_UNIX
 * socket of the machine is closed.
 *
 * Measured (Linux 6.18, 2 CPUs, HZ=250), milliseconds, median:
 *
 *					close()	io_uring  AF_UNIX  forked child
 *	process that deletes a rule	  7.5	  0.75	   0.76	    0.85
 *	three such in a row		 31.6	  1.5	   1.6	   27.3
 *	 another commit 5 ms after	  0.07	  0.08	   3.7	    3.2
 *	200 such, 8 at a time		3000	 28	 160	 2200
 *	the call itself			  6.7	  0.13	   0.11	    0.14
 *
 * Nothing else avoids the wait: a rule that is replaced or flushed and a set
 * element that is deleted wait alike; an element whose expiry is brought
 * forward (Linux 6.12) does not.
 */
#ifndef NETLINK_DEFERRED_CLOSE_H
#define NETLINK_DEFERRED_CLOSE_H

struct nlsock;

/**
 * nlsock_close_deferred() - As nlsock_close(), without the wait
 * @nl:		Socket whose transactions have destroyed something, may be NULL.
 *		For any other nlsock_close() is cheaper (0.02 ms)
 *
 * For a process that exits soon: while the kernel takes the ring down, once, a
 * system call of the calling thread that cannot be restarted (epoll_wait(2))
 * may return EINTR.
 */
void nlsock_close_deferred(struct nlsock *nl);

#endif /* NETLINK_DEFERRED_CLOSE_H */
