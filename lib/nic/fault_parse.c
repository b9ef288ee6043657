/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nic_fault_parse(): "loss=1%,delay=5ms,seed=7"
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "nic/wrappers.h"

#define VALUE_LEN 32
#define QUEUE_MAX (1U << 20)

/* A unit, and how many of the field's own it is: parts per million, microseconds. */
struct unit {
	const char *name;
	uint32_t scale;
	uint32_t max; /* of them */
};

static const struct unit shares[] = {
	{ "%", 10000, 100 },
	{ "ppm", 1, 1000000 },
	{ NULL, 0, 0 },
};

static const struct unit times[] = {
	{ "us", 1, 60000000 },
	{ "ms", 1000, 60000 },
	{ "s", 1000000, 60 },
	{ NULL, 0, 0 },
};

/**
 * struct fault_key - A fault
 * @name:	How it is written
 * @units:	Of its value
 * @words:	Those for a message
 * @offset:	Of its uint32_t in struct nic_fault_conf
 */
struct fault_key {
	const char *name;
	const struct unit *units;
	const char *words;
	size_t offset;
};

#define SHARE_WORDS "0 to 100 and '%', or 0 to 1000000 and 'ppm'"
#define TIME_WORDS  "a number and 'us', 'ms' or 's', up to 60s"

static const struct fault_key keys[] = {
	{ "loss", shares, SHARE_WORDS, offsetof(struct nic_fault_conf, loss_ppm) },
	{ "dup", shares, SHARE_WORDS, offsetof(struct nic_fault_conf, dup_ppm) },
	{ "reorder", shares, SHARE_WORDS, offsetof(struct nic_fault_conf, reorder_ppm) },
	{ "corrupt", shares, SHARE_WORDS, offsetof(struct nic_fault_conf, corrupt_ppm) },
	{ "delay", times, TIME_WORDS, offsetof(struct nic_fault_conf, delay_us) },
	{ "jitter", times, TIME_WORDS, offsetof(struct nic_fault_conf, jitter_us) },
};

/* "12.345" times @scale; what is finer than one of the field's own units is an error. */
static int read_decimal(char *text, const struct unit *u, uint32_t *ret)
{
	char *dot = strchr(text, '.');
	uint32_t whole, digit, value, scale = u->scale;

	if (dot)
		*dot++ = '\0';
	if (parse_u32(text, 0, u->max, &whole) < 0 || (dot && !*dot))
		return -EINVAL;
	value = whole * u->scale;
	for (; dot && *dot; dot++) {
		const char one[2] = { *dot, '\0' };

		if (parse_u32(one, 0, 9, &digit) < 0 || (scale % 10 && digit))
			return -EINVAL;
		scale /= 10;
		value += digit * scale;
	}
	if (value > u->max * u->scale)
		return -ERANGE;
	*ret = value;
	return 0;
}

/* The number ends where the unit begins. */
static int read_value(const struct fault_key *key, char *text, uint32_t *ret)
{
	char *unit = text + strspn(text, "0123456789.");

	for (const struct unit *u = key->units; u->name; u++) {
		if (strcmp(unit, u->name) != 0)
			continue;
		*unit = '\0';
		return read_decimal(text, u, ret);
	}
	return -EINVAL;
}

static int set_field(struct nic_fault_conf *conf, const struct fault_key *key, const char *value,
		     struct nerr *err)
{
	char text[VALUE_LEN];
	uint32_t v;

	if (str_copy(text, sizeof(text), value) < 0 || read_value(key, text, &v) < 0)
		return nerr_set(err, -EINVAL, "fault '%s': '%s' is not %s", key->name, value,
				key->words);
	memcpy((char *)conf + key->offset, &v, sizeof(v));
	return 0;
}

static int set_one(struct nic_fault_conf *conf, const char *name, const char *value,
		   struct nerr *err)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(name, keys[i].name) == 0)
			return set_field(conf, &keys[i], value, err);
	if (strcmp(name, "queue") == 0) {
		if (parse_u32(value, 1, QUEUE_MAX, &conf->queue) < 0)
			return nerr_set(err, -EINVAL, "fault 'queue': '%s' is not 1 to %u packets",
					value, QUEUE_MAX);
		return 0;
	}
	if (strcmp(name, "seed") == 0) {
		if (parse_u64(value, 0, UINT64_MAX, &conf->seed) < 0)
			return nerr_set(err, -EINVAL, "fault 'seed': '%s' is not a number", value);
		return 0;
	}
	return nerr_set(err, -EINVAL,
			"no fault '%s': there is loss, dup, reorder, corrupt, delay, jitter, queue "
			"and seed",
			name);
}

int nic_fault_parse(struct nic_fault_conf *ret, const char *text, struct nerr *err)
{
	struct nic_fault_conf conf = { .seed = 1 };
	cleanup_free char *copy = strdup(text);
	char *rest = copy, *item;

	if (!copy)
		return nerr_oom(err);
	while ((item = strsep(&rest, ","))) {
		char *value = strchr(item, '=');
		int r;

		if (!value || value == item || !value[1])
			return nerr_set(err, -EINVAL, "fault '%s' has no value", item);
		*value++ = '\0';
		r = set_one(&conf, item, value, err);
		if (r < 0)
			return r;
	}
	*ret = conf;
	return 0;
}
