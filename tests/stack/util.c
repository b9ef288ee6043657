/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * util.c - what scenes have in common
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "tests/stack/peer.h"

#define CHUNK 65536

uint64_t ask_number(const struct ask *ask, unsigned int i, uint64_t otherwise)
{
	uint64_t n;

	for (unsigned int k = 0; k <= i; k++)
		if (!ask->args[k])
			return otherwise;
	return parse_u64(ask->args[i], 0, UINT64_MAX, &n) < 0 ? otherwise : n;
}

int patient_socket(const struct api *api, int domain, int type, int protocol)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = api->socket(domain, type, protocol);

	if (fd < 0)
		return fd;
	(void)api->setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)api->setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

int ask_connect(const struct ask *ask, const char *scene, uint64_t n)
{
	int fd = patient_socket(ask->api, ask->addr.ss_family, SOCK_STREAM, 0), r = fd;
	char line[64];

	if (fd >= 0)
		r = ask->api->connect(fd, (const struct sockaddr *)&ask->addr, ask->len);
	if (r >= 0) {
		(void)snprintf(line, sizeof(line), "%s %llu\n", scene, (unsigned long long)n);
		r = send_all(ask->api, fd, line, strlen(line));
	}
	if (r >= 0)
		return fd;
	(void)scene_fail("cannot connect: %s", strerror(-r));
	if (fd >= 0)
		(void)ask->api->close(fd);
	return r;
}

int send_all(const struct api *api, int fd, const void *buf, size_t len)
{
	const uint8_t *at = buf;

	while (len) {
		ssize_t n = api->send(fd, at, len, 0);

		if (n < 0)
			return (int)n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int recv_all(const struct api *api, int fd, void *buf, size_t len)
{
	uint8_t *at = buf;

	while (len) {
		ssize_t n = api->recv(fd, at, len, 0);

		if (n <= 0)
			return n < 0 ? (int)n : -ENODATA;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* --- a series: splitmix64 of the offset of each eight bytes --- */

static uint64_t word_at(uint64_t i)
{
	uint64_t z = i * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return z ^ z >> 27;
}

void series_fill(uint8_t *buf, uint64_t at, size_t len)
{
	for (size_t i = 0; i < len; i++, at++) {
		if (at % 8 == 0 && len - i >= 8) {
			const uint64_t w = word_at(at / 8);

			for (unsigned int k = 0; k < 8; k++)
				buf[i + k] = (uint8_t)(w >> 8 * k);
			i += 7;
			at += 7;
		} else {
			buf[i] = (uint8_t)(word_at(at / 8) >> 8 * (at % 8));
		}
	}
}

bool series_is(const uint8_t *buf, uint64_t at, size_t len)
{
	uint8_t want[1024];

	while (len) {
		const size_t n = len < sizeof(want) ? len : sizeof(want);

		series_fill(want, at, n);
		if (memcmp(buf, want, n) != 0)
			return false;
		buf += n;
		at += n;
		len -= n;
	}
	return true;
}

int send_series(const struct api *api, int fd, uint64_t n)
{
	static uint8_t buf[CHUNK];

	for (uint64_t at = 0; at < n;) {
		const size_t len = n - at < sizeof(buf) ? (size_t)(n - at) : sizeof(buf);
		int r;

		series_fill(buf, at, len);
		r = send_all(api, fd, buf, len);
		if (r < 0)
			return scene_fail("sending, after %llu bytes: %s", (unsigned long long)at,
					  strerror(-r));
		at += len;
	}
	return 0;
}

int recv_series(const struct api *api, int fd, uint64_t n)
{
	static uint8_t buf[CHUNK];

	for (uint64_t at = 0;;) {
		ssize_t r = api->recv(fd, buf, sizeof(buf), 0);

		if (r < 0)
			return scene_fail("receiving, after %llu bytes: %s", (unsigned long long)at,
					  strerror((int)-r));
		if (r == 0)
			return at == n ? 0
				       : scene_fail("%llu bytes came, not %llu",
						    (unsigned long long)at, (unsigned long long)n);
		if (!series_is(buf, at, (size_t)r))
			return scene_fail("after %llu bytes: not what was sent",
					  (unsigned long long)at);
		at += (uint64_t)r;
	}
}
