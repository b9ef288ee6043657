/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * udata_priv.h - user data of rules, chains and tables: texts in a list of type, length, value
 *
 * The kernel only stores it.  nft(8) and iptables-nft number their types from 0
 * up and pass over those they do not know (seen with 1.0.6 and 1.8.9), so a
 * type from the other end of the range is ours alone.  A length has 8 bits and
 * counts the NUL.
 */
#ifndef NFT_UDATA_PRIV_H
#define NFT_UDATA_PRIV_H

#include <stddef.h>
#include <stdint.h>

/* NFTNL_UDATA_RULE_COMMENT, NFTNL_UDATA_CHAIN_COMMENT and
 * NFTNL_UDATA_TABLE_COMMENT are 0.
 */
#define UDATA_COMMENT 0
#define UDATA_TAG     0xf1

/* Room that a text of @n characters takes. */
#define UDATA_LEN(n)   (2 + (n) + 1)
#define UDATA_TEXT_MAX 254

/* Write @text, at most UDATA_TEXT_MAX characters.  @buf has UDATA_LEN() bytes.
 * Return: that
 */
size_t udata_put(uint8_t *buf, uint8_t type, const char *text);

/**
 * udata_text() - Find a text
 * @data, @len:	User data as the kernel gives it
 *
 * Return: the first text of @type, borrowed from @data; "" when there is none
 *         or it is not NUL-terminated
 */
const char *udata_text(const void *data, size_t len, uint8_t type);

#endif /* NFT_UDATA_PRIV_H */
