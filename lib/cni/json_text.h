/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * json_text.h - a JSON node as text, in the order the reference library prints
 */
#ifndef CNI_JSON_TEXT_H
#define CNI_JSON_TEXT_H

struct json_object;
struct strbuf;

/**
 * cni_json_text() - Compact text with the keys of every object in order
 * @node:	NULL prints null
 * @ret:	Text is appended
 *
 * Order is that of the bytes of the keys, at every level: what plugins have always
 * got on standard input.  Escapes are those of json_out.h.
 */
void cni_json_text(struct json_object *node, struct strbuf *ret);

/* "text" with its quotes and escapes. */
void cni_json_string(const char *text, struct strbuf *ret);

#endif /* CNI_JSON_TEXT_H */
