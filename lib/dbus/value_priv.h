/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * value_priv.h - values as bytes, and the signatures that say what they are
 *
 * "Type System" and "Marshaling (Wire Format)" of the D-Bus specification.
 */
#ifndef DBUS_VALUE_PRIV_H
#define DBUS_VALUE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "Valid Signatures". */
#define DBUS_SIGNATURE_MAX 255
#define DBUS_ARRAYS_MAX    32
#define DBUS_STRUCTS_MAX   32

/**
 * struct dbus_reader - Bytes being read
 * @at:		Next byte.  @p[0] counts as aligned to 8
 * @big:	They are big-endian
 *
 * The readers return 0 and move @at, or -EBADMSG, after which @at means nothing.
 */
struct dbus_reader {
	const uint8_t *p;
	size_t len;
	size_t at;
	bool big;
};

/* Move to a multiple of @to, over bytes that must be zero. */
int dbus_read_align(struct dbus_reader *r, size_t to);
int dbus_read_byte(struct dbus_reader *r, uint8_t *ret);
int dbus_read_u32(struct dbus_reader *r, uint32_t *ret);

/**
 * dbus_read_text() - A string, an object path or a signature
 * @type:	's', 'o' or 'g'
 * @ret:	NUL-terminated, valid for its type, no NUL inside.  Points into the
 *		bytes
 */
int dbus_read_text(struct dbus_reader *r, char type, const char **ret);

/**
 * dbus_read_skip() - Check a value and go past it
 * @sig:	Valid signature; moved past the first complete type of it
 */
int dbus_read_skip(struct dbus_reader *r, const char **sig);

/* The end of the complete type that @sig begins with, NULL if there is none. */
const char *dbus_signature_next(const char *sig);
/* Any number of complete types. */
bool dbus_signature_ok(const char *sig);

/* "Valid Object Paths" and "Valid Names". */
bool dbus_path_ok(const char *s);
bool dbus_interface_ok(const char *s); /* also the name of an error */
bool dbus_member_ok(const char *s);
bool dbus_bus_name_ok(const char *s);

#endif /* DBUS_VALUE_PRIV_H */
