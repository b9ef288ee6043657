/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each function of lib/mnl beside that of the real libmnl: the same bytes, the same answers.
 */
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Ours, under other names: the program itself is linked with the real library. */
#define mnl_nlmsg_put_header         ours_nlmsg_put_header
#define mnl_nlmsg_put_extra_header   ours_nlmsg_put_extra_header
#define mnl_nlmsg_get_payload        ours_nlmsg_get_payload
#define mnl_nlmsg_get_payload_offset ours_nlmsg_get_payload_offset
#define mnl_nlmsg_get_payload_len    ours_nlmsg_get_payload_len
#define mnl_nlmsg_ok                 ours_nlmsg_ok
#define mnl_nlmsg_next               ours_nlmsg_next
#define mnl_attr_get_type            ours_attr_get_type
#define mnl_attr_get_payload_len     ours_attr_get_payload_len
#define mnl_attr_get_payload         ours_attr_get_payload
#define mnl_attr_get_str             ours_attr_get_str
#define mnl_attr_get_u8              ours_attr_get_u8
#define mnl_attr_get_u16             ours_attr_get_u16
#define mnl_attr_get_u32             ours_attr_get_u32
#define mnl_attr_get_u64             ours_attr_get_u64
#define mnl_attr_ok                  ours_attr_ok
#define mnl_attr_next                ours_attr_next
#define mnl_attr_type_valid          ours_attr_type_valid
#define mnl_attr_validate            ours_attr_validate
#define mnl_attr_parse               ours_attr_parse
#define mnl_attr_parse_nested        ours_attr_parse_nested
#define mnl_attr_put                 ours_attr_put
#define mnl_attr_put_u8              ours_attr_put_u8
#define mnl_attr_put_u16             ours_attr_put_u16
#define mnl_attr_put_u32             ours_attr_put_u32
#define mnl_attr_put_u64             ours_attr_put_u64
#define mnl_attr_put_str             ours_attr_put_str
#define mnl_attr_put_strz            ours_attr_put_strz
#define mnl_attr_nest_start          ours_attr_nest_start
#define mnl_attr_nest_end            ours_attr_nest_end
#include "lib/mnl/mnl.c"

#define BUF_LEN    4096
#define REAL(name) ((__typeof__(&ours_##name))real("mnl_" #name))

static void *lib;

/* A function of the real library. */
static void *real(const char *name)
{
	void *f = dlsym(lib, name);

	if (!f)
		fail_msg("libmnl has no %s", name);
	return f;
}

static int open_lib(void **state)
{
	(void)state;
	lib = dlopen("libmnl.so.0", RTLD_NOW | RTLD_LOCAL);
	return lib ? 0 : -1;
}

/* One message with every kind of attribute, by ours or by the real functions. */
#define BUILD(buf, F)                                                                              \
	do {                                                                                       \
		struct nlmsghdr *m = F(nlmsg_put_header)(buf);                                     \
		struct nlattr *nest;                                                               \
		struct nlattr *inner;                                                              \
		char *extra;                                                                       \
                                                                                                   \
		m->nlmsg_type = 77;                                                                \
		extra = F(nlmsg_put_extra_header)(m, 7);                                           \
		memcpy(extra, "abcdefg", 7);                                                       \
		F(attr_put_u8)(m, 1, 0x12);                                                        \
		F(attr_put_u16)(m, 2, 0x1234);                                                     \
		F(attr_put_u32)(m, 3, 0x12345678);                                                 \
		F(attr_put_u64)(m, 4, 0x123456789abcdef0);                                         \
		F(attr_put_str)(m, 5, "text");                                                     \
		F(attr_put_strz)(m, 6, "texts");                                                   \
		F(attr_put_str)(m, 7, "");                                                         \
		F(attr_put)(m, 8, 0, NULL);                                                        \
		nest = F(attr_nest_start)(m, 9);                                                   \
		F(attr_put_u32)(m, 10, 1);                                                         \
		inner = F(attr_nest_start)(m, 11);                                                 \
		F(attr_put)(m, 12, 5, "12345");                                                    \
		F(attr_nest_end)(m, inner);                                                        \
		F(attr_nest_end)(m, nest);                                                         \
		F(attr_put)(m, 13 | NLA_F_NET_BYTEORDER, 3, "xyz");                                \
	} while (0)
#define OURS(name) ours_##name

static void messages_are_built_byte_for_byte(void **state)
{
	uint32_t a[BUF_LEN / 4];
	uint32_t b[BUF_LEN / 4];

	(void)state;
	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	BUILD(a, OURS);
	BUILD(b, REAL);
	assert_memory_equal(a, b, sizeof(a));

	/* Padding is zero whatever was there before (libmnl 1.0.4 leaves it, later ones
	 * do not), and nothing behind the message is touched.
	 */
	memset(b, 0xa5, sizeof(b));
	BUILD(b, OURS);
	assert_memory_equal(a, b, a[0]);
	assert_int_equal(b[a[0] / 4], 0xa5a5a5a5);
}

static void messages_are_read_alike(void **state)
{
	uint32_t buf[BUF_LEN / 4];
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
	const struct nlattr *at;
	unsigned n = 0;

	(void)state;
	memset(buf, 0, sizeof(buf));
	BUILD(buf, OURS);
	assert_ptr_equal(ours_nlmsg_get_payload(h), REAL(nlmsg_get_payload)(h));
	assert_int_equal(ours_nlmsg_get_payload_len(h), REAL(nlmsg_get_payload_len)(h));
	for (size_t off = 0; off < 20; off++)
		assert_ptr_equal(ours_nlmsg_get_payload_offset(h, off),
				 REAL(nlmsg_get_payload_offset)(h, off));
	for (int len = -4; len < (int)h->nlmsg_len + 8; len++)
		assert_int_equal(ours_nlmsg_ok(h, len), REAL(nlmsg_ok)(h, len));
	for (at = ours_nlmsg_get_payload_offset(h, 7);
	     (const char *)at < (const char *)h + h->nlmsg_len; at = ours_attr_next(at), n++) {
		assert_int_equal(ours_attr_get_type(at), REAL(attr_get_type)(at));
		assert_int_equal(ours_attr_get_payload_len(at), REAL(attr_get_payload_len)(at));
		assert_ptr_equal(ours_attr_get_payload(at), REAL(attr_get_payload)(at));
		assert_ptr_equal(ours_attr_get_str(at), REAL(attr_get_str)(at));
		assert_ptr_equal(ours_attr_next(at), REAL(attr_next)(at));
		assert_int_equal(ours_attr_get_u8(at), REAL(attr_get_u8)(at));
		assert_int_equal(ours_attr_get_u16(at), REAL(attr_get_u16)(at));
		assert_int_equal(ours_attr_get_u32(at), REAL(attr_get_u32)(at));
		assert_true(ours_attr_get_u64(at) == REAL(attr_get_u64)(at));
		for (int len = -4; len < 64; len++)
			assert_int_equal(ours_attr_ok(at, len), REAL(attr_ok)(at, len));
	}
	assert_int_equal(n, 10);
}

static void the_next_message_is_the_same(void **state)
{
	struct nlmsghdr h[8] = { { .nlmsg_len = 0 } };

	(void)state;
	for (uint32_t len = 16; len < 64; len++) {
		int a = 100;
		int b = 100;

		h[0].nlmsg_len = len;
		assert_ptr_equal(ours_nlmsg_next(h, &a), REAL(nlmsg_next)(h, &b));
		assert_int_equal(a, b);
	}
}

static void validation_is_the_same(void **state)
{
	uint32_t buf[32];
	struct nlattr *at = (struct nlattr *)buf;

	(void)state;
	for (unsigned type = 0; type <= MNL_TYPE_MAX + 1; type++) {
		for (uint16_t len = 4; len < 40; len++) {
			for (int fill = 0; fill < 2; fill++) {
				int a;
				int b;
				int a_errno;

				memset(buf, fill ? 'x' : 0, sizeof(buf));
				*at = (struct nlattr){ .nla_len = len, .nla_type = 3 };
				errno = 0;
				a = ours_attr_validate(at, (enum mnl_attr_data_type)type);
				a_errno = errno;
				errno = 0;
				b = REAL(attr_validate)(at, (enum mnl_attr_data_type)type);
				assert_int_equal(a, b);
				assert_int_equal(a_errno, errno);
			}
		}
	}
	for (uint16_t max = 0; max < 6; max++)
		assert_int_equal(ours_attr_type_valid(at, max), REAL(attr_type_valid)(at, max));
}

struct walk {
	unsigned n;
	uint16_t types[64];
	int answer;
	unsigned stop_at;
};

static int walk_cb(const struct nlattr *at, void *data)
{
	struct walk *w = data;

	if (w->n < 64)
		w->types[w->n] = at->nla_type;
	w->n++;
	return w->n == w->stop_at ? w->answer : MNL_CB_OK;
}

/* Both walks over the same bytes, which may be anything. */
static void compare_walks(uint32_t *buf, unsigned offset, int answer, unsigned stop_at)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
	struct walk a = { .answer = answer, .stop_at = stop_at };
	struct walk b = a;

	assert_int_equal(ours_attr_parse(h, offset, walk_cb, &a),
			 REAL(attr_parse)(h, offset, walk_cb, &b));
	assert_memory_equal(&a, &b, sizeof(a));
}

static void walks_are_the_same_over_any_bytes(void **state)
{
	uint32_t buf[256];
	uint64_t x = 88172645463325252; /* xorshift: the same bytes in every run */

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct walk a = { .n = 0 };
		struct walk b = { .n = 0 };
		struct nlattr *nested = (struct nlattr *)(buf + 4);

		for (size_t i = 0; i < 256; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			buf[i] = (uint32_t)x & 0x00ff001f; /* plausible lengths, small types */
		}
		buf[0] = 16 + (uint32_t)(x % 900);
		compare_walks(buf, (unsigned)(x >> 32) % 9, (int)(x >> 40) % 3 - 1,
			      (unsigned)(x >> 44) % 4);
		nested->nla_len = (uint16_t)(4 + x % 800);
		assert_int_equal(ours_attr_parse_nested(nested, walk_cb, &a),
				 REAL(attr_parse_nested)(nested, walk_cb, &b));
		assert_memory_equal(&a, &b, sizeof(a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_built_byte_for_byte),
		cmocka_unit_test(messages_are_read_alike),
		cmocka_unit_test(the_next_message_is_the_same),
		cmocka_unit_test(validation_is_the_same),
		cmocka_unit_test(walks_are_the_same_over_any_bytes),
	};

	return cmocka_run_group_tests(tests, open_lib, NULL);
}
