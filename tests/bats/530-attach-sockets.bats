#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a program sees of its sockets: the same lines on the kernel's stack and on ours, but for
# those of tests/attach/differences.txt

# shellcheck disable=SC2154 # set by netns_run.bash
bats_require_minimum_version 1.5.0
load lib/attach

setup() { attach_setup; }
teardown() { host_gone; }

SOCKDIFF=$ATTACH_BUILD/attach/sockdiff

# lines STACK FILE [SECTION...]: of the program with that stack, and a peer in a namespace
# with the kernel's.
lines() {
	local stack=$1 file=$2 peer
	shift 2
	started peer peer -- "$SOCKDIFF" peer "$BATS_TEST_TMPDIR/peer"
	wait_for 10 host test -S "$BATS_TEST_TMPDIR/peer"
	CMD_TIMEOUT=600 nr "--stack=$stack" -- "$SOCKDIFF" run "$BATS_TEST_TMPDIR/peer" \
		"$(address_of peer)" "$(address_of peer -6)" "$@" >"$file" 2>"$file.err" ||
		fail "$stack: $(<"$file.err")"
	[[ ! -s $file.err ]] || fail "$stack: $(<"$file.err")"
	kill "$peer"
	finish "$peer"
}

# compare MINIMUM [SECTION...]: and as many lines must be the same.
compare() {
	local minimum=$1 dir=$BATS_TEST_TMPDIR
	shift
	lines kernel "$dir/kernel" "$@"
	lines user "$dir/ours" "$@"
	run awk -v "MINIMUM=$minimum" -f "$ROOT/tests/attach/compare.awk" \
		"$ROOT/tests/attach/differences.txt" "$dir/kernel" "$dir/ours"
	((status == 0)) || fail "$output"
}

@test "every line is the same, or listed with its reason" {
	compare 6900
}
