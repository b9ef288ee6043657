/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * peer.h - one program of sockets, on the kernel's or on ours, for both ends of a test
 *
 * A scene has two sides, who asks and who serves; each checks what it sees.  Both are written
 * against struct api, so that the kernel's sockets are the model of ours: a scene that fails
 * between two kernels is wrong itself.
 */
#ifndef TESTS_STACK_PEER_H
#define TESTS_STACK_PEER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Calls as POSIX has them, but with a negative errno as a result. */
struct api {
	int (*socket)(int domain, int type, int protocol);
	int (*bind)(int fd, const struct sockaddr *addr, socklen_t len);
	int (*listen)(int fd, int backlog);
	int (*accept)(int fd, struct sockaddr *addr, socklen_t *len);
	int (*connect)(int fd, const struct sockaddr *addr, socklen_t len);
	int (*shutdown)(int fd, int how);
	int (*close)(int fd);
	ssize_t (*send)(int fd, const void *buf, size_t len, int flags);
	ssize_t (*recv)(int fd, void *buf, size_t len, int flags);
	ssize_t (*recvmsg)(int fd, struct msghdr *msg, int flags);
	ssize_t (*sendmsg)(int fd, const struct msghdr *msg, int flags);
	int (*setsockopt)(int fd, int level, int name, const void *val, socklen_t len);
	int (*getsockopt)(int fd, int level, int name, void *val, socklen_t *len);
	int (*getsockname)(int fd, struct sockaddr *addr, socklen_t *len);
	int (*getpeername)(int fd, struct sockaddr *addr, socklen_t *len);
	int (*atmark)(int fd);
	int (*poll)(struct pollfd *fds, unsigned int n, int timeout_ms);
};

struct host;

extern const struct api api_kernel;
extern const struct api api_ours;

void api_ours_init(struct host *h); /* before the first call */

#define PATIENCE_S 20 /* nothing hangs longer than that */

/**
 * struct ask - Who asks
 * @api:	With it
 * @addr, @len:	Of the service
 * @args:	Of the scene, NULL at the end
 */
struct ask {
	const struct api *api;
	struct sockaddr_storage addr;
	socklen_t len;
	char **args;
};

/**
 * struct scene - A scene
 * @name:	On the command line, and in the first line of its connection
 * @ask:	Of one side.  0, or 1 after scene_fail()
 * @serve:	Of the other: the connection, behind its first line, whose number is @n.  NULL
 *		when the other side is an echo server, or nobody
 */
struct scene {
	const char *name;
	int (*ask)(const struct ask *ask);
	int (*serve)(const struct api *api, int fd, uint64_t n);
};

extern const struct scene scenes_tcp[], scenes_many[], scenes_udp[];

/* The reason of a failure: printed by who asks, told to it by who serves.  Return: 1 */
int scene_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *scene_failure(void);
void scene_forget(void);

/* The number that is the @i-th argument, or @otherwise. */
uint64_t ask_number(const struct ask *ask, unsigned int i, uint64_t otherwise);

/* A socket with a time limit on all that blocks. */
int patient_socket(const struct api *api, int domain, int type, int protocol);

/* A connection to the service, which is told the scene and a number.  Negative after
 * scene_fail().
 */
int ask_connect(const struct ask *ask, const char *scene, uint64_t n);

/* All of it; 0, or the error, -ENODATA when it ended before. */
int send_all(const struct api *api, int fd, const void *buf, size_t len);
int recv_all(const struct api *api, int fd, void *buf, size_t len);

/* Bytes of a series without a short period, from offset @at on. */
void series_fill(uint8_t *buf, uint64_t at, size_t len);
bool series_is(const uint8_t *buf, uint64_t at, size_t len);

/* Receive the series from offset 0 to the end of the stream, which comes after @n bytes. */
int recv_series(const struct api *api, int fd, uint64_t n);
int send_series(const struct api *api, int fd, uint64_t n);

/* Serve echoes on a port, TCP and UDP, until somebody kills us. */
int echo_forever(const struct api *api, uint16_t port);

#endif /* TESTS_STACK_PEER_H */
