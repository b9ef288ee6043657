/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"

#include <assert.h>
#include <sha512.h>
#include <stdint.h>
#include <string.h>

void hash_name(char *ret, size_t n, const char *prefix, const char *s)
{
	char hex[SHA512_DIGEST_STRING_LENGTH];
	size_t prefix_len = strlen(prefix);

	assert(n < prefix_len + sizeof(hex));
	(void)SHA512_Data((const uint8_t *)s, strlen(s), hex); /* NULL only when it allocates */
	if (prefix_len > n)
		prefix_len = n;
	memcpy(ret, prefix, prefix_len);
	memcpy(ret + prefix_len, hex, n - prefix_len);
	ret[n] = '\0';
}
