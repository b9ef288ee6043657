/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * json_table.h - JSON in: a document is read into a struct by a table
 *
 * A table names each accepted key, its type, its bounds and the member that
 * receives it.  Keys match without regard to ASCII case, as the runtimes rely
 * on; where several match, the last in the document wins.  Unknown keys are
 * ignored, null leaves the member as it was.  Messages name the whole path of the
 * key and the value:
 *
 *	key 'mtu' must be between 0 and 65535, got 70000
 *	key 'ipam.ranges[0][1].subnet': invalid CIDR address: bad
 *	key 'isGateway' must be a boolean, not a string
 *
 * Strings, arrays and nodes live in the document until json_doc_free().  Only this
 * file and lib/cni see json-c.
 */
#ifndef BASE_JSON_TABLE_H
#define BASE_JSON_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct json_doc;
struct json_object; /* of json-c; opaque here */
struct nerr;

#define JSON_DOC_LEN_MAX   (64u << 20) /* a GC request may name every container of a node */
#define JSON_DOC_DEPTH_MAX 32

/**
 * enum json_kind - What a key holds and what its member is
 *
 * JSON_STRING	string		const char *
 * JSON_BOOL	boolean		bool
 * JSON_INT	integer		int64_t, within [min, max]
 * JSON_TEXT	string		any, filled by @parse (an address, say); "" leaves it unset
 * JSON_OBJECT	object		struct, filled by the table @sub
 * JSON_STRINGS	array of string	struct json_strings
 * JSON_ARRAY	array of object	struct json_array of structs of @sub_size, table @sub
 * JSON_ARRAYS	array of arrays	struct json_array of struct json_array (as JSON_ARRAY)
 * JSON_MAP	object of string  struct json_map
 * JSON_NODE	anything	struct json_object *, to be read later with json_read()
 */
enum json_kind {
	JSON_STRING,
	JSON_BOOL,
	JSON_INT,
	JSON_TEXT,
	JSON_OBJECT,
	JSON_STRINGS,
	JSON_ARRAY,
	JSON_ARRAYS,
	JSON_MAP,
	JSON_NODE,
};

/* After an array that was given, even an empty one, @v is not NULL. */
struct json_strings {
	const char **v;
	size_t n;
};

/* @v is an array of @n structs; index it through a cast or JSON_AT(). */
struct json_array {
	void *v;
	size_t n;
};

#define JSON_AT(array, type, i) (&((type *)(array).v)[i])

struct json_pair {
	const char *key;
	const char *value;
};

/* In document order. */
struct json_map {
	struct json_pair *v;
	size_t n;
};

typedef int json_parse_fn(const char *text, void *member, struct nerr *err);

/* Where a flag is, if there is one.  Made by JSON_HAS() alone. */
struct json_has {
	bool given;
	size_t offset;
};

/* For @has of a field: the bool @member of @type.  Not to be had by an offset alone (the
 * compiler warns): that of a first member could not be told from none.
 */
#define JSON_HAS(type, member)                                                                     \
	{                                                                                          \
		.given = true, .offset = offsetof(type, member)                                    \
	}

/**
 * struct json_field - One accepted key
 * @name:	Key
 * @kind:	See enum json_kind
 * @offset:	Of the member
 * @has:	A bool set to true when the key was given and not null: JSON_HAS(), or
 *		nothing
 * @min, @max:	Bounds of JSON_INT, both 0 for those of a C int
 * @parse:	Of JSON_TEXT
 * @sub:	Table of JSON_OBJECT, JSON_ARRAY, JSON_ARRAYS
 * @sub_size:	Size of one member of an array
 * @required:	Missing, null and "" are errors
 *
 * A table ends with { 0 }.  Inside an array null counts as "", as an array or an
 * object without members.
 */
struct json_field {
	const char *name;
	enum json_kind kind;
	size_t offset;
	struct json_has has;
	int64_t min;
	int64_t max;
	json_parse_fn *parse;
	const struct json_field *sub;
	size_t sub_size;
	bool required;
};

/**
 * json_doc_parse() - Parse text
 * @text:	JSON, not NUL-terminated
 * @len:	Its length, at most JSON_DOC_LEN_MAX
 * @ret:	Document on 0, for json_doc_free()
 *
 * Trailing garbage, invalid UTF-8, nesting deeper than JSON_DOC_DEPTH_MAX and a
 * top level that is no object are errors.  Return: 0, -EINVAL, -E2BIG, -ENOMEM
 */
int json_doc_parse(const char *text, size_t len, struct json_doc **ret, struct nerr *err);
void json_doc_free(struct json_doc *doc);
/* The top level object. Borrowed. */
struct json_object *json_doc_root(struct json_doc *doc);
/* The document's arena, for what lives as long. */
struct arena *json_doc_arena(struct json_doc *doc);

/**
 * json_read() - Fill a struct from an object
 * @doc:	Document @obj belongs to
 * @obj:	Object, or NULL for the top level
 * @path:	Path of @obj for messages, "" for the top level
 * @table:	Accepted keys
 * @dst:	Struct with its defaults already set
 *
 * Return: 0, or -EINVAL, -ERANGE, -ENOMEM with a message, and then @dst may be
 *         filled in part
 */
int json_read(struct json_doc *doc, struct json_object *obj, const char *path,
	      const struct json_field *table, void *dst, struct nerr *err);

/* The member of @obj that @key names (case-insensitive, last wins), NULL if missing or null. */
struct json_object *json_member(struct json_object *obj, const char *key);
/* Compact text of a node, in the document's order. Borrowed from @node; NULL on OOM. */
const char *json_node_text(struct json_object *node);

/* Parsers for JSON_TEXT. The member is the struct of the same name. */
int json_parse_ipaddr(const char *text, void *member, struct nerr *err);
int json_parse_ipnet(const char *text, void *member, struct nerr *err);
int json_parse_macaddr(const char *text, void *member, struct nerr *err);

#endif /* BASE_JSON_TABLE_H */
