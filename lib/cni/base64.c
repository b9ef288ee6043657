/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cni/base64.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *p, size_t len, struct strbuf *ret)
{
	const uint8_t *s = p;

	for (size_t i = 0; i < len; i += 3) {
		const size_t n = len - i < 3 ? len - i : 3;
		const uint32_t v = (uint32_t)s[i] << 16 | (n > 1 ? (uint32_t)s[i + 1] << 8 : 0) |
				   (n > 2 ? s[i + 2] : 0u);
		const char group[4] = {
			digits[v >> 18],
			digits[v >> 12 & 63],
			n > 1 ? digits[v >> 6 & 63] : '=',
			n > 2 ? digits[v & 63] : '=',
		};

		strbuf_add_mem(ret, group, sizeof(group));
	}
}

/* Four digits to up to three bytes. 0 or -EINVAL. */
static int decode_group(const char *text, uint8_t out[static 3], size_t *ret_n)
{
	uint32_t v = 0;
	size_t pad = 0;

	for (int i = 0; i < 4; i++) {
		const char *d = pad ? NULL : memchr(digits, text[i], 64);

		if (!d && (text[i] != '=' || i < 2))
			return -EINVAL;
		pad += !d;
		v = v << 6 | (d ? (uint32_t)(d - digits) : 0);
	}
	/* Bits that no byte takes are zero, or there would be two texts for the same bytes. */
	if ((pad == 1 && (v & 0xff)) || (pad == 2 && (v & 0xffff)))
		return -EINVAL;
	out[0] = (uint8_t)(v >> 16);
	out[1] = (uint8_t)(v >> 8);
	out[2] = (uint8_t)v;
	*ret_n = 3 - pad;
	return 0;
}

int base64_decode(const char *text, struct strbuf *ret)
{
	const size_t len = strlen(text);

	if (len % 4)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 4) {
		uint8_t bytes[3];
		size_t n;

		if (decode_group(text + i, bytes, &n) < 0 || (n < 3 && i + 4 < len))
			return -EINVAL;
		strbuf_add_mem(ret, bytes, n);
	}
	return 0;
}
