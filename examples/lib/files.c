/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * files.c - files that are served, mapped
 */
#include "examples/lib/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "base/cleanup.h"
#include "base/str.h"

#define LOOK_AGAIN_NS 1000000000ULL

void file_unref(void *arg)
{
	struct file *f = arg;

	if (--f->refs)
		return;
	if (f->size)
		(void)munmap(f->data, f->size);
	free(f);
}

/* The one that is mapped already, when it is still the same. */
static int file_open(const struct files *t, const char *path, const struct file *old,
		     struct file **ret)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	cleanup_close int fd = (int)syscall(SYS_openat2, t->root, path, &how, sizeof(how));
	cleanup_free struct file *f = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EACCES;
	if (old && old->st.st_ino == st.st_ino && old->st.st_dev == st.st_dev &&
	    old->st.st_size == st.st_size && old->st.st_mtim.tv_sec == st.st_mtim.tv_sec &&
	    old->st.st_mtim.tv_nsec == st.st_mtim.tv_nsec) {
		*ret = NULL;
		return 0;
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->size = (uint64_t)st.st_size;
	f->st = st;
	f->refs = 1;
	(void)str_copy(f->path, sizeof(f->path), path); /* it is not longer */
	if (f->size) {
		void *p = mmap(NULL, f->size, PROT_READ, MAP_SHARED, fd, 0);

		if (p == MAP_FAILED)
			return -errno;
		f->data = p;
	}
	*ret = TAKE_PTR(f);
	return 0;
}

static uint32_t slot_of(const char *path)
{
	uint32_t h = 2166136261U; /* FNV-1a */

	for (; *path; path++)
		h = (h ^ (uint8_t)*path) * 16777619U;
	return h % FILES_KEPT;
}

int file_get(struct files *t, const char *path, uint64_t now_ns, struct file **ret)
{
	struct file **slot = &t->slot[slot_of(path)];
	struct file *old = *slot && strcmp((*slot)->path, path) == 0 ? *slot : NULL;
	struct file *f = NULL;

	if (!old || now_ns - old->looked_ns > LOOK_AGAIN_NS) {
		int r = file_open(t, path, old, &f);

		if (r < 0)
			return r;
		if (f) {
			if (*slot)
				file_unref(*slot);
			*slot = f;
		}
		(*slot)->looked_ns = now_ns;
	}
	(*slot)->refs++;
	*ret = *slot;
	return 0;
}

int files_init(struct files *t, const char *root)
{
	*t = (struct files){ .root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC) };
	return t->root < 0 ? -errno : 0;
}

void files_done(struct files *t)
{
	for (unsigned int i = 0; i < FILES_KEPT; i++)
		if (t->slot[i])
			file_unref(t->slot[i]);
	(void)close(t->root);
}
