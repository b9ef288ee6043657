/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * address_priv.h - where a bus listens
 *
 * "Server Addresses" and "Unix Domain Sockets" of the D-Bus specification.
 */
#ifndef DBUS_ADDRESS_PRIV_H
#define DBUS_ADDRESS_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct nerr;

/**
 * dbus_address_next() - The next Unix socket in a list of addresses
 * @list:	"unix:path=/run/x;unix:abstract=y,guid=...", moved past what was read
 * @ret:	Its address
 * @ret_len:	Length of that
 *
 * Addresses of other transports and malformed ones are passed over.
 * Return: false at the end of the list
 */
bool dbus_address_next(const char **list, struct sockaddr_un *ret, socklen_t *ret_len);

/**
 * dbus_address_connect() - Connect to the first of a list that answers
 * @timeout_ms:	For all of them together
 * @ret:	Stream socket on 0
 *
 * Return: 0, or the errno of the last one that was tried: -EPROTONOSUPPORT when
 *         there was none, -ETIMEDOUT
 */
int dbus_address_connect(const char *list, int timeout_ms, int *ret, struct nerr *err);

/* Milliseconds of a clock that always runs. */
int64_t dbus_now_ms(void);

#endif /* DBUS_ADDRESS_PRIV_H */
