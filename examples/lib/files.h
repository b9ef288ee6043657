/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * files.h - files below a directory, mapped, the last ones kept
 *
 * No name leads out of the directory, whatever links there are in it: the kernel resolves
 * it (openat2, RESOLVE_BENEATH).  A file that was looked at less than a second ago is not
 * looked at again.  Files are to be replaced by renaming: one that is truncated while it is
 * served has no bytes at that place any more.
 */
#ifndef EXAMPLES_LIB_FILES_H
#define EXAMPLES_LIB_FILES_H

#include <stdint.h>
#include <sys/stat.h>

#define FILES_KEPT     64
#define FILES_PATH_LEN 2048

/* A mapped file.  Who refers to it: the table, responses, and blocks in the stack. */
struct file {
	uint8_t *data;
	uint64_t size;
	uint64_t looked_ns;
	unsigned int refs;
	struct stat st;
	char path[FILES_PATH_LEN];
};

struct files {
	int root;
	struct file *slot[FILES_KEPT];
};

/* -errno */
int files_init(struct files *t, const char *root);
void files_done(struct files *t);

/* A reference.  -ENOENT, -EISDIR, -EACCES (nothing to read), -EXDEV (outside), ... */
int file_get(struct files *t, const char *path, uint64_t now_ns, struct file **ret);
void file_unref(void *file);

#endif /* EXAMPLES_LIB_FILES_H */
