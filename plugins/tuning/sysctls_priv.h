/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sysctls_priv.h - the sysctls of a container
 *
 * All functions work in the calling thread's network namespace.
 */
#ifndef PLUGINS_TUNING_SYSCTLS_PRIV_H
#define PLUGINS_TUNING_SYSCTLS_PRIV_H

struct nerr;
struct tuning_conf;

#define TUNING_ALLOWLIST "/etc/cni/tuning/allowlist.conf"

/**
 * sysctls_check_allowed() - Every key matches a line of the administrator's list
 *
 * One regular expression a line (POSIX extended, not anchored), blank lines are
 * skipped.  Without the file everything is allowed.
 */
int sysctls_check_allowed(const struct tuning_conf *conf, struct nerr *err);

/* Write them in the configuration's order; when one fails, those before get their old
 * value back.
 */
int sysctls_set(const struct tuning_conf *conf, struct nerr *err);

/* They have the configured values. */
int sysctls_check(const struct tuning_conf *conf, struct nerr *err);

#endif /* PLUGINS_TUNING_SYSCTLS_PRIV_H */
