/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dbus.h - calling a method of a service on the system's message bus
 *
 * Theory of operation
 *
 * A client, and of the D-Bus protocol what a short call needs: a connection over a Unix
 * socket, the caller's user id as its proof, method calls whose arguments are
 * strings, and their replies.  No signals, no objects of our own, no file
 * descriptors, no main loop.  Written here because the usual libraries would
 * have to be on every node and be loaded by every plugin call.
 *
 *	r = dbus_open(&bus, err);
 *	if (r == 0)
 *		r = dbus_call(bus, &call, &reply, err);
 *	...
 *	dbus_close(bus);
 *
 * dbus_open() connects and no more.  The handshake (authentication and Hello)
 * goes out together with the first call: its answer comes after one trip, not
 * after three.
 *
 * Whatever the other side sends is checked to the last byte: lengths, padding,
 * both byte orders, signatures, names, UTF-8.  Nothing waits without a deadline
 * and no message may be longer than DBUS_MESSAGE_MAX.  A closed socket is an
 * error, never SIGPIPE.
 *
 * Not thread-safe: a connection belongs to one thread.
 *
 * Source: D-Bus Specification 0.43, named by section below.
 */
#ifndef DBUS_DBUS_H
#define DBUS_DBUS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct dbus;
struct nerr;

/* The bus itself ("Message Bus Messages"). */
#define DBUS_SERVICE   "org.freedesktop.DBus"
#define DBUS_PATH      "/org/freedesktop/DBus"
#define DBUS_INTERFACE "org.freedesktop.DBus"

/* Errors of the bus. The first two: nobody has that name. */
#define DBUS_ERROR_NAME_HAS_NO_OWNER "org.freedesktop.DBus.Error.NameHasNoOwner"
#define DBUS_ERROR_SERVICE_UNKNOWN   "org.freedesktop.DBus.Error.ServiceUnknown"
#define DBUS_ERROR_ACCESS_DENIED     "org.freedesktop.DBus.Error.AccessDenied"

/* Longest message, either way.  The protocol allows 128 MiB; what a plugin asks
 * for and gets has some hundred bytes.
 */
#define DBUS_MESSAGE_MAX 65536

/* Longest name of a bus, an interface or an error ("Valid Names"). */
#define DBUS_NAME_MAX 255

/* Of a text in a reply more than this is cut off, between characters. */
#define DBUS_TEXT_MAX 1023

/* For connecting, and for the handshake.  Bus daemons give as long to
 * unauthenticated clients.
 */
#define DBUS_OPEN_TIMEOUT_MS 5000

/**
 * struct dbus_call - A method call ("Message Types: Method Calls")
 * @destination:	Bus name of the service
 * @path:	Object path
 * @interface, @member: Method
 * @args:	@n_args strings
 * @returns:	Signature that a result must have: "", "s" or "b"
 * @timeout_ms:	Longest wait for the reply
 *
 * The flag NO_AUTO_START is always set: a service that is not running is not started.
 */
struct dbus_call {
	const char *destination;
	const char *path;
	const char *interface;
	const char *member;
	const char *const *args;
	size_t n_args;
	const char *returns;
	int timeout_ms;
};

/**
 * struct dbus_reply - What came back
 * @error:	Name of the error, "" for a result
 * @text:	Of a result "s", or the error's message; "" if there is none
 * @flag:	Of a result "b"
 */
struct dbus_reply {
	char error[DBUS_NAME_MAX + 1];
	char text[DBUS_TEXT_MAX + 1];
	bool flag;
};

/**
 * dbus_open() - Connect to the system's message bus
 * @ret:	Connection on 0, for dbus_close()
 *
 * Where: the addresses of $DBUS_SYSTEM_BUS_ADDRESS in turn, of which unix:path=
 * and unix:abstract= are understood ("Server Addresses"); if that is not set,
 * /run/dbus/system_bus_socket and the same below /var/run ("Well-known Message
 * Bus Instances").
 *
 * Return: 0; -ENOENT or -ECONNREFUSED when there is no bus; -EPROTONOSUPPORT
 *         when no address can be used; -ETIMEDOUT when nobody accepts; another
 *         errno
 */
int dbus_open(struct dbus **ret, struct nerr *err);

/**
 * dbus_open_fd() - Use a stream socket that is connected to a bus
 * @fd:		Taken, also on failure
 * @ret:	Connection on 0
 *
 * Return: 0 or -ENOMEM
 */
int dbus_open_fd(int fd, struct dbus **ret, struct nerr *err);

/* Close the connection. NULL is allowed. */
void dbus_close(struct dbus *bus);

/**
 * dbus_call() - Call a method and wait for the reply
 * @bus:	Connection
 * @call:	What to call
 * @ret:	The reply on 0, which may be an error of the service
 *
 * The first call performs the handshake ("Authentication Protocol", mechanism
 * EXTERNAL; "org.freedesktop.DBus.Hello"), which has DBUS_OPEN_TIMEOUT_MS of its
 * own.  Other messages that arrive meanwhile are dropped.
 *
 * After -ETIMEDOUT, when the call was sent, the connection can be used on; a
 * reply that is late is dropped.  After -EINVAL and -EMSGSIZE it can, too, as
 * nothing was sent.  After any other failure every call fails.
 *
 * Return: 0 when there is a reply; -EACCES when the bus does not accept our user
 *         id; -EPROTO when it answers Hello with an error, as one with too many
 *         connections does; -ETIMEDOUT; -ECONNRESET when the bus hung up; -EBADMSG when it sent
 *         what is no D-Bus message, one that is too long, or a result of another
 *         signature; -EINVAL when an argument is not UTF-8; -EMSGSIZE when the
 *         call would be too long; -ENOTCONN when an earlier call has failed;
 *         another errno
 */
int dbus_call(struct dbus *bus, const struct dbus_call *call, struct dbus_reply *ret,
	      struct nerr *err);

DEFINE_CLEANUP(struct dbus *, dbus_close);

#endif /* DBUS_DBUS_H */
