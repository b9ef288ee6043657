/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * packetdrill.h - what packetdrill wants of a stack in a shared object
 *
 * packetdrill --so_filename=LIBRARY [--so_flags=TEXT] loads the library and calls
 * packetdrill_interface_init(TEXT, table), which fills the table.  Its functions mirror the
 * system calls, errno included, with @userdata before their arguments; the network device and
 * the clock are functions, too.  The order of the members is packetdrill's.
 */
#ifndef PACKETDRILL_PACKETDRILL_H
#define PACKETDRILL_PACKETDRILL_H

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/**
 * struct packetdrill_table - Functions of a stack
 * @netdev_send:	A packet from its IP header on comes in.  0 or -1
 * @netdev_receive:	The next packet that leaves: @len is the size of the buffer, then its
 *			length; @usec when it left, on the clock of @gettimeofday.  0, or -1 for
 *			"ask again"
 */
struct packetdrill_table {
	void *userdata;
	void (*free)(void *ud);
	int (*socket)(void *ud, int domain, int type, int protocol);
	int (*bind)(void *ud, int fd, const struct sockaddr *addr, socklen_t len);
	int (*listen)(void *ud, int fd, int backlog);
	int (*accept)(void *ud, int fd, struct sockaddr *addr, socklen_t *len);
	int (*connect)(void *ud, int fd, const struct sockaddr *addr, socklen_t len);
	ssize_t (*read)(void *ud, int fd, void *buf, size_t len);
	ssize_t (*readv)(void *ud, int fd, const struct iovec *iov, int n);
	ssize_t (*recv)(void *ud, int fd, void *buf, size_t len, int flags);
	ssize_t (*recvfrom)(void *ud, int fd, void *buf, size_t len, int flags,
			    struct sockaddr *addr, socklen_t *addr_len);
	ssize_t (*recvmsg)(void *ud, int fd, struct msghdr *msg, int flags);
	ssize_t (*write)(void *ud, int fd, const void *buf, size_t len);
	ssize_t (*writev)(void *ud, int fd, const struct iovec *iov, int n);
	ssize_t (*send)(void *ud, int fd, const void *buf, size_t len, int flags);
	ssize_t (*sendto)(void *ud, int fd, const void *buf, size_t len, int flags,
			  const struct sockaddr *addr, socklen_t addr_len);
	ssize_t (*sendmsg)(void *ud, int fd, const struct msghdr *msg, int flags);
	int (*fcntl)(void *ud, int fd, int cmd, ...);
	int (*ioctl)(void *ud, int fd, unsigned long request, ...);
	int (*close)(void *ud, int fd);
	int (*shutdown)(void *ud, int fd, int how);
	int (*getsockopt)(void *ud, int fd, int level, int name, void *val, socklen_t *len);
	int (*setsockopt)(void *ud, int fd, int level, int name, const void *val, socklen_t len);
	int (*poll)(void *ud, struct pollfd *fds, nfds_t n, int timeout_ms);
	int (*netdev_send)(void *ud, const void *buf, size_t len);
	int (*netdev_receive)(void *ud, void *buf, size_t *len, long long *usec);
	int (*usleep)(void *ud, useconds_t usec);
	int (*gettimeofday)(void *ud, struct timeval *tv, struct timezone *tz);
	int (*epoll_create)(void *ud, int size);
	int (*epoll_ctl)(void *ud, int epfd, int op, int fd, struct epoll_event *ev);
	int (*epoll_wait)(void *ud, int epfd, struct epoll_event *ret, int n, int timeout_ms);
	int (*pipe)(void *ud, int fds[2]);
	int (*splice)(void *ud, int fd_in, loff_t *off_in, int fd_out, loff_t *off_out, size_t len,
		      unsigned int flags);
};

void packetdrill_interface_init(const char *flags, struct packetdrill_table *ret);

/* For preload.c, which answers getsockopt() of packetdrill itself: -1 with errno, or
 * NOT_OURS for a descriptor that no socket of the stack has.
 */
#define NOT_OURS (-2)
typedef int getsockopt_fn(int fd, int level, int name, void *val, socklen_t *len);
void netstack_packetdrill_register(getsockopt_fn *fn);

#endif /* PACKETDRILL_PACKETDRILL_H */
