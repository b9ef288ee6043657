/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * boot_priv.h - reservations of an earlier boot
 *
 * Network namespaces do not survive a reboot, so a reservation made before it belongs
 * to nobody, and nobody will ever send DEL for it if the runtime forgot its
 * containers.  The file ".boot_id" holds the id of the boot in which we last worked
 * in this directory.  When the machine has another one now, reservations older than
 * the boot are released, under the lock.
 *
 * Both conditions are needed.  The time alone is no proof: the clock of a machine may
 * have been wrong or been set since.  The id alone is none either: the reference
 * suite, or a restore from a backup, may have made reservations in this boot before
 * we came.  And without the file nothing is released, only the file is made: that is
 * the upgrade from the reference suite, perhaps with containers running.
 *
 * Only reservations in the full format go.  A file with a single word may be a
 * container id in the old format, or a person's way to keep an address out of use.
 *
 * A data directory shared by several machines is not supported, by the reference
 * neither: the lock and the ids mean one kernel.
 */
#ifndef IPAM_HOST_LOCAL_BOOT_PRIV_H
#define IPAM_HOST_LOCAL_BOOT_PRIV_H

#include <stdbool.h>
#include <time.h>

struct hl_store;

/* Release what an earlier boot left, and note this one.  Failures are warnings. */
void hl_boot_check(struct hl_store *st);

/* @t is before the boot, as far as the clock can tell. */
bool hl_boot_is_before(const struct timespec *t);

#endif /* IPAM_HOST_LOCAL_BOOT_PRIV_H */
