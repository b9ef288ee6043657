/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/core/drop.h"

#include <assert.h>

static const struct {
	const char *name;
	const char *sentence;
} reasons[] = {
#define X(symbol, name, sentence) { name, sentence },
	DROP_REASONS(X)
#undef X
};

const char *drop_name(enum drop_reason r)
{
	assert(r < DROP_N);
	return reasons[r].name;
}

const char *drop_sentence(enum drop_reason r)
{
	assert(r < DROP_N);
	return reasons[r].sentence;
}
