#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2034 # bats and the helpers set and read what is not seen here
#
# The helpers of the tests themselves: what they find wrong is an error in every place a
# caller can have them, also where the shell goes on after one.

bats_require_minimum_version 1.5.0
load lib/common

# One more try, of which the third succeeds.
tries=0
third_try() {
	((++tries >= 3))
}

@test "wait_for: tries until the command succeeds" {
	wait_for 10 third_try
	((tries == 3))
}

@test "wait_for: a time of zero is one try at least" {
	wait_for 0 true
}

@test "wait_for: gives up, wherever it stands" {
	local gave_up=
	wait_for 0 false || gave_up=yes
	[[ $gave_up == yes ]]
	if wait_for 0 false; then
		fail "it is true"
	fi
	[[ ! $(wait_for 0 false 2>&1 && echo went on) == *'went on'* ]]
	run wait_for 0 false
	((status == 1))
	[[ $output == 'still not: false' ]]
}

@test "wait_for: a command may have a variable of any name" {
	ends_badly() {
		end=0
		third_try
	}
	wait_for 10 ends_badly
	((tries == 3))
}

@test "cni_ok, cni_fails: no way on after what they find" {
	cni() {
		status=$next
		output=$(jq -n '{code: 7, msg: "no"}')
		stderr=
	}
	next=1
	if cni_ok ADD bridge 2>/dev/null; then
		fail "status 1 is taken for success"
	fi
	cni_fails 7 no ADD bridge
	next=0
	if cni_fails 7 no ADD bridge 2>/dev/null; then
		fail "status 0 is taken for a failure"
	fi
	cni_ok ADD bridge
}
