/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * notify_ready.h - to say that we serve: to who has started us, and to systemd
 */
#ifndef NETSTACKD_NOTIFY_READY_H
#define NETSTACKD_NOTIFY_READY_H

struct nerr;

/**
 * struct notify_ready - Whom to tell
 * @fd:		A byte is written there, -1 for nobody
 * @systemd:	sd_notify(3): a connected datagram socket, -1 for nobody
 */
struct notify_ready {
	int fd;
	int systemd;
};

#define NOTIFY_READY_INIT                                                                          \
	{                                                                                          \
		.fd = -1, .systemd = -1                                                            \
	}

/* In the namespace we are started in: the socket of $NOTIFY_SOCKET may be one of it. */
int notify_ready_open(struct notify_ready *n, int fd, struct nerr *err);
int notify_ready_send(struct notify_ready *n, struct nerr *err);
void notify_ready_close(struct notify_ready *n);

#endif /* NETSTACKD_NOTIFY_READY_H */
