/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * hung_priv.h - a netstackd that does not answer
 */
#ifndef PLUGINS_NETSTACK_HUNG_PRIV_H
#define PLUGINS_NETSTACK_HUNG_PRIV_H

struct nerr;

/**
 * hung_kill() - End the netstackd of a container that has stopped to answer
 * @path:	Of its socket, which tells its process
 * @id:		Of the container: a process that was not started with it is left alone
 *
 * Return: 0 when it has ended; -EBUSY for one that is another's; another errno
 */
int hung_kill(const char *path, const char *id, struct nerr *err);

#endif /* PLUGINS_NETSTACK_HUNG_PRIV_H */
