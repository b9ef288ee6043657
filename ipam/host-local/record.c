/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/ipaddr.h"
#include "ipam/host-local/record_priv.h"

#define RECORD_SEPARATOR "\r\n"

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A container id: letter or digit, then letters, digits, '_', '.', '-'. */
static bool is_container_id(const char *s, size_t len)
{
	if (len == 0 || !is_alnum(s[0]))
		return false;
	for (size_t i = 1; i < len; i++) {
		if (!is_alnum(s[i]) && s[i] != '_' && s[i] != '.' && s[i] != '-')
			return false;
	}
	return true;
}

static bool is_ifname(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len >= IFNAMSIZ || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return false;
	for (; *s; s++) {
		if (*s == '/' || *s == ':' || is_space(*s))
			return false;
	}
	return true;
}

static enum hl_record_kind kind_of(const char *key)
{
	const char *sep = strstr(key, RECORD_SEPARATOR);

	if (!sep)
		return is_container_id(key, strlen(key)) ? HL_RECORD_OLD : HL_RECORD_FOREIGN;
	if (is_container_id(key, (size_t)(sep - key)) && is_ifname(sep + strlen(RECORD_SEPARATOR)))
		return HL_RECORD_FULL;
	return HL_RECORD_FOREIGN;
}

static bool is_blank(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] != '\0' && !is_space(s[i]))
			return false;
	}
	return true;
}

void hl_record_parse(const char *content, size_t len, struct hl_record *ret)
{
	ret->kind = HL_RECORD_FOREIGN;
	ret->key[0] = '\0';
	if (is_blank(content, len)) {
		ret->kind = HL_RECORD_TORN;
		return;
	}
	while (len && is_space(content[0])) {
		content++;
		len--;
	}
	while (len && is_space(content[len - 1]))
		len--;
	if (len > HL_RECORD_MAX || memchr(content, '\0', len))
		return;
	memcpy(ret->key, content, len);
	ret->key[len] = '\0';
	ret->kind = kind_of(ret->key);
}

int hl_record_key(const char *container_id, const char *ifname, char ret[static HL_RECORD_MAX + 1])
{
	int n = snprintf(ret, HL_RECORD_MAX + 1, "%s%s%s", container_id,
			 ifname ? RECORD_SEPARATOR : "", ifname ? ifname : "");

	if (n < 0 || n > HL_RECORD_MAX) {
		ret[0] = '\0';
		return -ENAMETOOLONG;
	}
	return 0;
}

int hl_record_addr(const char *name, struct ipaddr *ret)
{
	char text[IPADDR_STR_LEN];
	struct ipaddr a;

	if (ipaddr_from_str(name, &a) < 0 || strcmp(ipaddr_to_str(&a, text), name) != 0)
		return -EINVAL;
	*ret = a;
	return 0;
}
