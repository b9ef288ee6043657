/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "dbus/address_priv.h"

#define UNIX "unix:"

int64_t dbus_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* this clock always is there */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- reading --- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Bytes that a value may hold as they are; all others are written %XX. */
static bool is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("-_/.\\*", c));
}

/* The value of @len bytes at @s, NUL-terminated; false when it is none or does not fit. */
static bool unescape(const char *s, size_t len, char *dst, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (n + 1 == size)
			return false;
		if (c == '%') {
			const int high = len - i > 2 ? hex_digit(s[i + 1]) : -1;
			const int low = len - i > 2 ? hex_digit(s[i + 2]) : -1;

			if (high < 0 || low < 0 || (!high && !low))
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (!is_plain(c)) {
			return false;
		}
		dst[n++] = c;
	}
	dst[n] = '\0';
	return n > 0;
}

/* True when the key of "key=value" (@len bytes) is @key; then its value. */
static bool is_key(const char *pair, size_t len, const char *key, const char **ret_value,
		   size_t *ret_len)
{
	const size_t n = strlen(key);

	if (len <= n || pair[n] != '=' || strncmp(pair, key, n) != 0)
		return false;
	*ret_value = pair + n + 1;
	*ret_len = len - n - 1;
	return true;
}

/* The pairs of one address, which end at @end. */
static bool read_unix(const char *p, const char *end, struct sockaddr_un *ret, socklen_t *ret_len)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*ret_len = 0;
	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const size_t len = (size_t)((comma ? comma : end) - p);
		const char *value;
		size_t value_len;
		bool path;

		path = is_key(p, len, "path", &value, &value_len);
		if (path || is_key(p, len, "abstract", &value, &value_len)) {
			/* One socket, one name.  An abstract one begins with a NUL and has none
			 * at its end.
			 */
			char *name = ret->sun_path + (path ? 0 : 1);

			if (*ret_len || !unescape(value, value_len, name,
						  sizeof(ret->sun_path) - (path ? 0 : 1)))
				return false;
			*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
					       strlen(name));
		}
		p += len + (comma != NULL);
	}
	return *ret_len > 0;
}

bool dbus_address_next(const char **list, struct sockaddr_un *ret, socklen_t *ret_len)
{
	while (**list) {
		const char *begin = *list;
		const char *end = begin + strcspn(begin, ";");

		*list = end + (*end == ';');
		if (strncmp(begin, UNIX, strlen(UNIX)) == 0 &&
		    read_unix(begin + strlen(UNIX), end, ret, ret_len))
			return true;
	}
	return false;
}

/* --- connecting --- */

/* connect(2) to a full queue waits as long as a send may take (net/unix/af_unix.c); a
 * socket that does not block would be told to try again, with nothing to poll for.
 */
static int connect_until(int fd, const struct sockaddr_un *sun, socklen_t len, int64_t deadline)
{
	int r;

	do {
		const int64_t left = deadline - dbus_now_ms();
		const struct timeval tv = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };

		if (left <= 0)
			return -ETIMEDOUT;
		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0)
			return -errno;
		r = connect(fd, (const struct sockaddr *)sun, len) < 0 ? -errno : 0;
	} while (r == -EINTR);
	return r == -EAGAIN ? -ETIMEDOUT : r;
}

static int connect_one(const struct sockaddr_un *sun, socklen_t len, int64_t deadline, int *ret,
		       struct nerr *err)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const bool path = sun->sun_path[0] != '\0';
	int r;

	if (fd < 0)
		return nerr_set(err, -errno, "cannot make a Unix socket: %m");
	r = connect_until(fd, sun, len, deadline);
	if (r < 0)
		return nerr_set(err, r, "cannot connect to D-Bus at '%s%s': %m", path ? "" : "@",
				sun->sun_path + (path ? 0 : 1));
	*ret = TAKE_FD(fd);
	return 0;
}

int dbus_address_connect(const char *list, int timeout_ms, int *ret, struct nerr *err)
{
	const int64_t deadline = dbus_now_ms() + timeout_ms;
	const char *p = list;
	struct sockaddr_un sun;
	socklen_t len;
	int r;

	r = nerr_set(err, -EPROTONOSUPPORT, "no address of D-Bus in '%s' can be used", list);
	while (r < 0 && dbus_address_next(&p, &sun, &len))
		r = connect_one(&sun, len, deadline, ret, err);
	return r;
}
