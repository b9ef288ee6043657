/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/str.h"
#include "cni/cni_priv.h"

void cni_quote(struct strbuf *ret, const char *s)
{
	static const char plain[] = "\a\b\f\n\r\t\v\"\\";
	static const char escaped[] = "abfnrtv\"\\";

	strbuf_add(ret, "\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		const char *p = strchr(plain, *s);

		if (p)
			strbuf_addf(ret, "\\%c", escaped[p - plain]);
		else if (c < ' ' || c == 0x7f)
			strbuf_addf(ret, "\\x%02x", c);
		else
			strbuf_add_mem(ret, s, 1);
	}
	strbuf_add(ret, "\"");
}
