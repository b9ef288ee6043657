/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * parse_call.c - calls to sockets
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "call.h"
#include "names.h"
#include "parse_priv.h"

/* --- values --- */

/* "IN|OUT", "0" */
static bool read_mask(struct lex *l, const struct name *table, int64_t *ret)
{
	const struct name *n;
	char word[16], buf[32];

	*ret = 0;
	if (lex_number(l, ret))
		return true;
	do {
		if (!lex_word(l, word, sizeof(word)))
			return lex_fail(l, "expected flags or 0, found %s",
					lex_rest(l, buf, sizeof(buf)));
		n = name_find(table, word);
		if (!n)
			return lex_fail(l, "no flag here is called '%s'", word);
		*ret |= n->n;
	} while (lex_sign(l, "|"));
	return true;
}

static bool read_name(struct lex *l, const char *what, const struct name *table, int64_t *ret)
{
	const struct name *n;
	char word[32];

	if (!lex_want_word(l, what, word, sizeof(word)))
		return false;
	n = name_find(table, word);
	if (!n)
		return lex_fail(l, "expected %s, found '%s'", what, word);
	*ret = n->n;
	return true;
}

/* "peer:80" */
static bool read_address(struct lex *l, struct address *ret)
{
	int64_t port;

	if (!parse_place(l, &ret->place) || !lex_want_sign(l, ":") ||
	    !lex_want_number(l, "a port", 0, UINT16_MAX, &port))
		return false;
	ret->port = (uint16_t)port;
	return true;
}

static bool read_list(struct lex *l, const char *end, unsigned int *ret_n, int64_t ret[static 16])
{
	*ret_n = 0;
	do {
		if (*ret_n == 16)
			return lex_fail(l, "more than 16 numbers");
		if (!lex_want_number(l, "a number", INT32_MIN, INT32_MAX, &ret[(*ret_n)++]))
			return false;
	} while (lex_sign(l, ","));
	return !end || lex_want_sign(l, end);
}

/* Of an option: 1, { 1, 0 }, "reno" */
static bool read_value(struct lex *l, struct arg *a)
{
	if (lex_string(l, a->text, sizeof(a->text)))
		return true;
	if (lex_sign(l, "{"))
		return read_list(l, "}", &a->n_list, a->list);
	return lex_want_number(l, "a value", INT32_MIN, INT32_MAX, &a->n);
}

/* --- arguments --- */

static bool read_fd(struct lex *l, struct arg *a)
{
	return lex_want_number(l, "a descriptor", -1, SCRIPT_FDS_MAX - 1, &a->n);
}

static bool read_count(struct lex *l, struct arg *a)
{
	return lex_want_number(l, "a number", INT32_MIN, INT32_MAX, &a->n);
}

static bool read_place_arg(struct lex *l, struct arg *a)
{
	return read_address(l, &a->addr);
}

static bool read_msg_flags(struct lex *l, struct arg *a)
{
	return read_mask(l, name_msg_flags, &a->n);
}

static bool read_poll_mask(struct lex *l, struct arg *a)
{
	return read_mask(l, name_poll_bits, &a->n);
}

static bool read_how(struct lex *l, struct arg *a)
{
	return read_name(l, "RD, WR or RDWR", name_shutdown, &a->n);
}

static bool read_request(struct lex *l, struct arg *a)
{
	return read_name(l, "an ioctl", name_ioctls, &a->n);
}

static bool read_epoll_op(struct lex *l, struct arg *a)
{
	return read_name(l, "ADD, MOD or DEL", name_epoll_ops, &a->n);
}

static bool read_type(struct lex *l, struct arg *a)
{
	return lex_want_word(l, "tcp, udp, icmp or raw", a->text, sizeof(a->text));
}

static bool read_option(struct lex *l, struct arg *a)
{
	char name[32];

	if (!lex_want_word(l, "an option of sockets", name, sizeof(name)))
		return false;
	a->opt = sockopt_find(name);
	return a->opt || lex_fail(l, "no option is called '%s'", name);
}

static bool read_info_field(struct lex *l, struct arg *a)
{
	char name[32];

	if (!lex_want_word(l, "a field of TCP_INFO", name, sizeof(name)))
		return false;
	for (a->n = 0; info_fields[a->n].name; a->n++)
		if (strcmp(info_fields[a->n].name, name) == 0)
			return true;
	return lex_fail(l, "TCP_INFO has no field '%s'", name);
}

static bool read_sizes(struct lex *l, struct arg *a)
{
	return read_list(l, NULL, &a->n_list, a->list);
}

static bool (*const arg_readers[])(struct lex *l, struct arg *a) = {
	['a'] = read_place_arg,  ['e'] = read_epoll_op,  ['f'] = read_fd,    ['h'] = read_how,
	['i'] = read_info_field, ['m'] = read_msg_flags, ['n'] = read_count, ['o'] = read_option,
	['p'] = read_poll_mask,  ['q'] = read_request,   ['s'] = read_sizes, ['t'] = read_type,
	['v'] = read_value,
};

static bool read_args(struct lex *l, struct call *c)
{
	const char *letter = c->type->args;
	bool may_end = false;
	char buf[32];
	unsigned int n = 0;

	if (!lex_want_sign(l, "("))
		return false;
	for (; *letter; letter++) {
		if (*letter == '|') {
			may_end = true;
			continue;
		}
		if (may_end && lex_sign(l, ")"))
			return true;
		if (n && !lex_sign(l, ","))
			return lex_fail(l, "%s() needs more arguments here, found %s",
					c->type->name, lex_rest(l, buf, sizeof(buf)));
		if (!arg_readers[(unsigned char)*letter](l, &c->arg[n]))
			return false;
		c->arg[n++].given = true;
	}
	return lex_want_sign(l, ")");
}

/* --- results --- */

/* "-1 EAGAIN"; *ret_found when there was one. */
static bool read_error(struct lex *l, struct result *r, bool *ret_found)
{
	const char *at = l->p;
	int64_t n, error;

	*ret_found = false;
	if (!lex_number(l, &n) || n != -1 || lex_at_end(l)) {
		l->p = at;
		return !l->err->code;
	}
	*ret_found = true;
	if (!read_name(l, "the name of an error", name_errnos, &error))
		return false;
	r->error = (int)error;
	return true;
}

/* "4:IN|OUT 5:HUP", "0" */
static bool read_events(struct lex *l, struct result *r)
{
	int64_t fd;

	while (lex_number(l, &fd)) {
		if (!r->n_list && fd == 0 && lex_at_end(l))
			return true;
		if (r->n_list + 2 > ARRAY_SIZE(r->list))
			return lex_fail(l, "too many events");
		r->list[r->n_list++] = fd;
		if (!lex_want_sign(l, ":") || !read_mask(l, name_poll_bits, &r->list[r->n_list++]))
			return false;
	}
	return r->n_list || lex_fail(l, "expected events, as in 3:IN|OUT, or 0");
}

static bool read_value_result(struct lex *l, const struct call *c, struct result *r)
{
	const struct sockopt *opt = c->arg[1].opt;
	struct arg a = { .n = 0 };
	int64_t error;

	if (opt->kind == SOCKOPT_ERRNO) {
		if (lex_number(l, &error))
			return error == 0 || lex_fail(l, "errors have names here");
		if (!read_name(l, "0 or the name of an error", name_errnos, &r->n.lo))
			return false;
		r->n.hi = r->n.lo;
		return true;
	}
	if (opt->kind == SOCKOPT_INT)
		return parse_range(l, "a value", &r->n);
	if (!read_value(l, &a))
		return false;
	memcpy(r->list, a.list, sizeof(r->list));
	r->n_list = a.n_list;
	r->has_text = opt->kind == SOCKOPT_TEXT;
	memcpy(r->text, a.text, sizeof(r->text));
	return true;
}

static bool read_info_result(struct lex *l, const struct call *c, struct result *r)
{
	const struct info_field *f = &info_fields[c->arg[1].n];

	if (!f->values)
		return parse_range(l, "a value", &r->n);
	if (!read_name(l, "the name of a state", f->values, &r->n.lo))
		return false;
	r->n.hi = r->n.lo;
	return true;
}

static bool read_from(struct lex *l, struct result *r)
{
	if (!parse_range(l, "a count", &r->n))
		return false;
	r->has_addr = lex_keyword(l, "from");
	return !r->has_addr || read_address(l, &r->addr);
}

static bool read_result(struct lex *l, struct call *c)
{
	struct result *r = &c->want;
	bool is_error;

	if (!lex_want_sign(l, "=") || !read_error(l, r, &is_error))
		return false;
	if (is_error)
		return true;
	switch (c->type->result) {
	case RESULT_FD:
		if (!lex_want_number(l, "a descriptor", 0, SCRIPT_FDS_MAX - 1, &r->n.lo))
			return false;
		r->n.hi = r->n.lo;
		return true;
	case RESULT_NUMBER:
		return parse_range(l, "a result", &r->n);
	case RESULT_FROM:
		return read_from(l, r);
	case RESULT_MASK:
		if (!read_mask(l, name_poll_bits, &r->n.lo))
			return false;
		r->n.hi = r->n.lo;
		return true;
	case RESULT_EVENTS:
		return read_events(l, r);
	case RESULT_VALUE:
		return read_value_result(l, c, r);
	case RESULT_INFO:
		return read_info_result(l, c, r);
	case RESULT_STATE:
		if (!read_name(l, "the name of a state", name_states, &r->n.lo))
			return false;
		r->n.hi = r->n.lo;
		return true;
	case RESULT_ADDRESS:
		r->has_addr = true;
		return read_address(l, &r->addr);
	}
	return false;
}

bool parse_call(struct lex *l, struct call *ret)
{
	char name[32], buf[32];

	if (!lex_word(l, name, sizeof(name)))
		return lex_fail(l, "expected a call, a packet (< or >) or a directive, found %s",
				lex_rest(l, buf, sizeof(buf)));
	for (ret->type = call_types; ret->type->name; ret->type++)
		if (strcmp(ret->type->name, name) == 0)
			return read_args(l, ret) && read_result(l, ret);
	return lex_fail(l, "no call and no directive is called '%s'", name);
}
