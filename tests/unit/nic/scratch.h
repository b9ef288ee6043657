/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * scratch.h - a folder of a test program's own, and the name of one file in it
 */
#ifndef TESTS_UNIT_NIC_SCRATCH_H
#define TESTS_UNIT_NIC_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/nic_test.XXXXXX";
static char path[64];

/* Group setup and teardown; the folder has to be empty again. */
static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/file", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

#endif /* TESTS_UNIT_NIC_SCRATCH_H */
