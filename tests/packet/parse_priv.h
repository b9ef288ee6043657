/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * parse_priv.h - between the files of the parser
 *
 * All return false when the line is wrong; lex_fail() was called then.
 */
#ifndef PACKET_PARSE_PRIV_H
#define PACKET_PARSE_PRIV_H

#include "lex.h"
#include "script.h"

/* What follows "<" (inject) or ">" . */
bool parse_packet(struct lex *l, bool inject, struct packet *ret);

/* A call, from its name on, with its result. */
bool parse_call(struct lex *l, struct call *ret);

/* "5", "5~7", "*" */
bool parse_range(struct lex *l, const char *what, struct range *ret);

/* "peer", of a packet's address. */
bool parse_place(struct lex *l, enum place *ret);

/* Number of a connection or symbol, which is made when it is new. */
bool parse_conn(struct lex *l, const char *name, uint16_t *ret);

#endif /* PACKET_PARSE_PRIV_H */
