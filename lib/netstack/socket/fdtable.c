/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Descriptors: the lowest free number is found in two levels of bits, as in Linux's
 * fs/file.c.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "netstack/socket/socket_priv.h"

#define WORD     64U
#define SIZE_MIN WORD

static uint32_t full_words(uint32_t size)
{
	return (size / WORD + WORD - 1) / WORD;
}

static size_t bytes_of(uint32_t size)
{
	return (size_t)size * sizeof(struct sock *) +
	       ((size_t)size / WORD + full_words(size)) * sizeof(uint64_t);
}

void fdtable_init(struct fdtable *ft, const struct pbuf_mem *mem, uint32_t n_max)
{
	*ft = (struct fdtable){ .mem = mem, .n_max = n_max };
}

void fdtable_done(struct fdtable *ft)
{
	assert(ft->n == 0);
	if (ft->size)
		ft->mem->free(ft->mem->arg, ft->sk, bytes_of(ft->size));
	fdtable_init(ft, ft->mem, ft->n_max);
}

uint64_t fdtable_bytes(const struct fdtable *ft)
{
	return ft->size ? bytes_of(ft->size) : 0;
}

/* Slots and both levels of bits are one piece of memory. */
static int grow(struct fdtable *ft, uint32_t at_least)
{
	uint32_t size = ft->size ? ft->size : SIZE_MIN;
	struct fdtable big = *ft;

	while (size < at_least)
		size *= 2;
	big.size = size;
	big.sk = ft->mem->alloc(ft->mem->arg, bytes_of(size));
	if (!big.sk)
		return -ENOMEM;
	memset(big.sk, 0, bytes_of(size));
	big.used = (uint64_t *)(void *)(big.sk + size);
	big.full = big.used + size / WORD;
	if (ft->size) {
		memcpy(big.sk, ft->sk, ft->size * sizeof(struct sock *));
		memcpy(big.used, ft->used, ft->size / WORD * sizeof(uint64_t));
		memcpy(big.full, ft->full, full_words(ft->size) * sizeof(uint64_t));
		ft->mem->free(ft->mem->arg, ft->sk, bytes_of(ft->size));
	}
	*ft = big;
	return 0;
}

/* The first free slot from @from on, or a number beyond the last one. */
static uint32_t find_free(const struct fdtable *ft, uint32_t from)
{
	const uint32_t words = ft->size / WORD;
	uint32_t w = from / WORD;
	uint64_t free;

	if (from >= ft->size)
		return from;
	free = ~ft->used[w] & ~UINT64_C(0) << from % WORD;
	if (free)
		return w * WORD + (uint32_t)__builtin_ctzll(free);
	for (w++; w < words; w++) {
		/* Whole words of words, where there are. */
		if (w % WORD == 0 && !~ft->full[w / WORD]) {
			w += WORD - 1;
			continue;
		}
		if (~ft->used[w])
			return w * WORD + (uint32_t)__builtin_ctzll(~ft->used[w]);
	}
	return ft->size;
}

int fdtable_reserve(struct fdtable *ft, uint32_t min)
{
	const uint32_t from = min > ft->next ? min : ft->next;
	const uint32_t fd = find_free(ft, from);
	int r;

	if (fd >= ft->n_max)
		return -EMFILE;
	if (fd >= ft->size) {
		r = grow(ft, fd + 1);
		if (r < 0)
			return r;
	}
	return (int)fd;
}

void fdtable_set(struct fdtable *ft, int fd, struct sock *sk)
{
	const uint32_t w = (uint32_t)fd / WORD;

	assert(!ft->sk[fd]);
	ft->sk[fd] = sk;
	ft->used[w] |= UINT64_C(1) << (uint32_t)fd % WORD;
	if (!~ft->used[w])
		ft->full[w / WORD] |= UINT64_C(1) << w % WORD;
	ft->n++;
	if ((uint32_t)fd == ft->next)
		ft->next = (uint32_t)fd + 1;
}

void fdtable_clear(struct fdtable *ft, int fd)
{
	const uint32_t w = (uint32_t)fd / WORD;

	assert(ft->sk[fd]);
	ft->sk[fd] = NULL;
	ft->used[w] &= ~(UINT64_C(1) << (uint32_t)fd % WORD);
	ft->full[w / WORD] &= ~(UINT64_C(1) << w % WORD);
	ft->n--;
	if ((uint32_t)fd < ft->next)
		ft->next = (uint32_t)fd;
}
