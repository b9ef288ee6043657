/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * net.h - does an attachment work?
 */
#ifndef TESTS_FAULTS_NET_H
#define TESTS_FAULTS_NET_H

#include <stdbool.h>

/* Somebody answers at @address, tried for some seconds. */
bool net_reaches(const char *address);

#endif /* TESTS_FAULTS_NET_H */
