#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The plugin "netstack" when something goes wrong at the worst moment: lib/netstack_faults.py tells
# what must be true.  FAULTS_ALL=1 tries each place; without it a part is tried, so that the file
# takes less than a minute.

bats_require_minimum_version 1.5.0
load lib/common
load lib/netstack

# shellcheck disable=SC2034 # of common.bash
# A part may be slow where others are at work.
CMD_TIMEOUT=170

setup() {
	host_new
	type -P strace >/dev/null || skip "strace is missing"
	container_new c0 c1
}

teardown() {
	daemons_gone
	host_gone
}

# faults KIND EVERY
faults() {
	# shellcheck disable=SC2034 # of common.bash
	[[ ! ${FAULTS_ALL:-} ]] || CMD_TIMEOUT=1700
	host env CNI_BIN="$CNI_BIN" python3 "$BATS_TEST_DIRNAME/lib/netstack_faults.py" \
		"$1" "$([[ ${FAULTS_ALL:-} ]] && echo 1 || echo "$2")"
}

@test "a call of the ADD fails: an error, and nothing is left" {
	faults add-error 4
}

@test "the ADD is killed: one DEL, and nothing is left" {
	faults add-kill 5
}

@test "the ADD is killed: one GC, and nothing is left" {
	faults add-kill-gc 11
}

@test "a call of the DEL fails: an error at most, and another DEL" {
	faults del-error 4
}

@test "the DEL is killed: another DEL, and nothing is left" {
	faults del-kill 5
}

@test "netstackd is killed while it starts: an error, and nothing is left" {
	faults daemon-kill 8
}

@test "a call of netstackd fails while it starts: an error, and nothing is left" {
	faults daemon-error 7
}
