/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pcapng_file.h - read a capture back, and believe nothing
 */
#ifndef TESTS_UNIT_NIC_PCAPNG_FILE_H
#define TESTS_UNIT_NIC_PCAPNG_FILE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PCAPNG_FILE __attribute__((unused)) static

/* A packet of a capture. */
struct pcapng_packet {
	uint64_t time_ns;
	uint32_t len;
	uint32_t kept;
	uint32_t flags;
	const uint8_t *data;
};

/**
 * struct pcapng_file - A capture
 * @n:		Packets
 * @has_stats:	It ends with statistics
 * @cut_short:	Its last block is not whole
 */
struct pcapng_file {
	uint8_t *bytes;
	size_t len;
	uint16_t link;
	uint32_t snaplen;
	char name[64];
	uint8_t mac[6];
	unsigned int n;
	struct pcapng_packet packet[4096];
	bool has_stats;
	bool cut_short;
	uint64_t received;
	uint64_t dropped;
	uint64_t delivered;
	uint64_t start_ns;
	uint64_t end_ns;
};

PCAPNG_FILE uint16_t file16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

PCAPNG_FILE uint32_t file32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

PCAPNG_FILE uint64_t file64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

PCAPNG_FILE uint64_t file_time(const uint8_t *p)
{
	return (uint64_t)file32(p) << 32 | file32(p + 4);
}

/* The options of a block, which end where it does; @p moves on.  NULL at the end of them */
PCAPNG_FILE const uint8_t *next_option(const uint8_t **p, const uint8_t *end, uint16_t *code,
				       uint16_t *len)
{
	const uint8_t *value;

	assert_true(*p + 4 <= end);
	*code = file16(*p);
	*len = file16(*p + 2);
	value = *p + 4;
	*p = value + (*len + 3) / 4 * 4;
	assert_true(*p <= end);
	if (*code)
		return value;
	assert_int_equal(*len, 0);
	assert_ptr_equal(*p, end);
	return NULL;
}

PCAPNG_FILE void read_section(const uint8_t *p, const uint8_t *end)
{
	uint16_t code, len;
	const uint8_t *v;
	bool named = false;

	assert_int_equal(file32(p), 0x1a2b3c4d);
	assert_int_equal(file16(p + 4), 1);
	assert_int_equal(file16(p + 6), 0);
	assert_true(file64(p + 8) == UINT64_MAX);
	p += 16;
	while ((v = next_option(&p, end, &code, &len)))
		named = named || (code == 4 && len == 8 && memcmp(v, "Fairlead", 8) == 0);
	assert_true(named);
}

PCAPNG_FILE void read_interface(struct pcapng_file *f, const uint8_t *p, const uint8_t *end)
{
	uint16_t code, len;
	const uint8_t *v;
	bool ns = false;

	f->link = file16(p);
	f->snaplen = file32(p + 4);
	p += 8;
	while ((v = next_option(&p, end, &code, &len))) {
		if (code == 2) {
			assert_true(len < sizeof(f->name));
			memcpy(f->name, v, len);
		} else if (code == 6) {
			assert_int_equal(len, 6);
			memcpy(f->mac, v, 6);
		} else if (code == 9) {
			ns = len == 1 && v[0] == 9;
		}
	}
	assert_true(ns);
}

PCAPNG_FILE void read_packet(struct pcapng_file *f, const uint8_t *p, const uint8_t *end)
{
	struct pcapng_packet *k = &f->packet[f->n++];
	uint16_t code, len;
	const uint8_t *v;

	assert_true(f->n <= 4096);
	assert_int_equal(file32(p), 0);
	k->time_ns = file_time(p + 4);
	k->kept = file32(p + 12);
	k->len = file32(p + 16);
	k->data = p + 20;
	assert_true(k->kept <= k->len && k->kept <= (size_t)(end - k->data));
	p = k->data + (k->kept + 3) / 4 * 4;
	while ((v = next_option(&p, end, &code, &len)))
		if (code == 2 && len == 4)
			k->flags = file32(v);
	assert_int_not_equal(k->flags, 0);
}

PCAPNG_FILE void read_statistics(struct pcapng_file *f, const uint8_t *p, const uint8_t *end)
{
	uint16_t code, len;
	const uint8_t *v;

	assert_int_equal(file32(p), 0);
	p += 12;
	while ((v = next_option(&p, end, &code, &len))) {
		assert_int_equal(len, 8);
		if (code == 2)
			f->start_ns = file_time(v);
		else if (code == 3)
			f->end_ns = file_time(v);
		else if (code == 4)
			f->received = file64(v);
		else if (code == 5)
			f->dropped = file64(v);
		else if (code == 8)
			f->delivered = file64(v);
	}
	f->has_stats = true;
}

PCAPNG_FILE void read_blocks(struct pcapng_file *f)
{
	const uint8_t *p = f->bytes, *end = f->bytes + f->len;

	for (unsigned int i = 0; p < end; i++) {
		const uint32_t type = end - p >= 12 ? file32(p) : 0;
		const uint32_t len = end - p >= 12 ? file32(p + 4) : 0;

		assert_false(f->has_stats); /* they are the last */
		if (len > (size_t)(end - p) || !len) {
			f->cut_short = true;
			return;
		}
		assert_int_equal(len % 4, 0);
		assert_int_equal(file32(p + len - 4), len);
		if (i == 0)
			assert_int_equal(type, 0x0a0d0d0a);
		else if (i == 1)
			assert_int_equal(type, 1);
		if (type == 0x0a0d0d0a)
			read_section(p + 8, p + len - 4);
		else if (type == 1)
			read_interface(f, p + 8, p + len - 4);
		else if (type == 5)
			read_statistics(f, p + 8, p + len - 4);
		else if (type == 6)
			read_packet(f, p + 8, p + len - 4);
		else
			fail_msg("a block of type 0x%x", type);
		p += len;
	}
}

/* Of these bytes, which become the file's. */
PCAPNG_FILE struct pcapng_file *pcapng_file_of(uint8_t *bytes, size_t len)
{
	struct pcapng_file *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->bytes = bytes;
	f->len = len;
	read_blocks(f);
	return f;
}

PCAPNG_FILE struct pcapng_file *pcapng_file_read(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const off_t len = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
	uint8_t *bytes;

	assert_true(len >= 0);
	bytes = malloc((size_t)len + 1);
	assert_non_null(bytes);
	assert_int_equal(pread(fd, bytes, (size_t)len, 0), len);
	(void)close(fd);
	return pcapng_file_of(bytes, (size_t)len);
}

PCAPNG_FILE void pcapng_file_free(struct pcapng_file *f)
{
	free(f->bytes);
	free(f);
}

#endif /* TESTS_UNIT_NIC_PCAPNG_FILE_H */
