/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fd.h - whole reads and writes
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stddef.h>

struct strbuf;

/**
 * fd_read_all() - Read to the end
 * @fd:		Descriptor, read from where it stands
 * @max:	Most bytes taken
 * @ret:	What was read is appended
 *
 * Return: 0, -EFBIG when there is more than @max, or the error of read(2)
 */
int fd_read_all(int fd, size_t max, struct strbuf *ret);

/* Write all of @p, also over short writes and EINTR. 0 or negative errno. */
int fd_write_all(int fd, const void *p, size_t len);

/**
 * file_read() - Read a small file
 * @dirfd:	Directory of a relative @path, or AT_FDCWD
 * @path:	File
 * @buf:	NUL-terminated on 0; trailing white space is cut
 * @size:	Of @buf
 *
 * Return: 0, -EFBIG when it does not fit, or a negative errno
 */
int file_read(int dirfd, const char *path, char *buf, size_t size);

/**
 * file_write() - Write into a file that exists (a sysctl, an attribute in /sys)
 *
 * One write(2), nothing created.  Return: 0 or a negative errno
 */
int file_write(const char *path, const char *text);

/* mkdir -p: missing parents are made with @mode. 0 or negative errno. */
int dir_make_all(const char *path, unsigned mode);

#endif /* BASE_FD_H */
