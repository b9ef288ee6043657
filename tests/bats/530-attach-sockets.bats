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

# Some 7000 questions twice, many of which wait for an answer that does not come.
# shellcheck disable=SC2034 # read by bats
BATS_TEST_TIMEOUT=600

# lines STACK FILE [SECTION...]: of the program with that stack, and a peer in a namespace
# with the kernel's.
lines() {
	local stack=$1 file=$2 peer=peer-$1 sock=$BATS_TEST_TMPDIR/peer-$1 pid
	shift 2
	started pid "$peer" -- "$SOCKDIFF" peer "$sock"
	wait_for 10 host test -S "$sock"
	CMD_TIMEOUT=500 nr "--stack=$stack" -- "$SOCKDIFF" run "$sock" \
		"$(address_of "$peer")" "$(address_of "$peer" -6)" "$@" >"$file" 2>"$file.err" ||
		fail "$stack: $(<"$file.err")"
	[[ ! -s $file.err ]] || fail "$stack: $(<"$file.err")"
	kill "$pid"
	finish "$pid"
}

# compare MINIMUM [SECTION...]: and as many lines must be the same.
compare() {
	local minimum=$1 dir=$BATS_TEST_TMPDIR native
	shift
	lines kernel "$dir/kernel" "$@" &
	native=$!
	lines user "$dir/ours" "$@"
	wait "$native"
	run awk -v "MINIMUM=$minimum" -f "$ROOT/tests/attach/compare.awk" \
		"$ROOT/tests/attach/differences.txt" "$dir/kernel" "$dir/ours"
	((status == 0)) || fail "$output"
}

@test "every line is the same, or listed with its reason" {
	compare 6900
}
