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

# Some 9000 questions, many of which wait for an answer that does not come.
# shellcheck disable=SC2034 # read by bats
BATS_TEST_TIMEOUT=600

# Everybody may ping, on the kernel's stack as on ours.
RUN='sysctl -qw "net.ipv4.ping_group_range=0 2147483647" && exec "$@"'

# lines NAME FILE OPTION... -- [SECTION...]: of the program with that stack, and a peer in a
# namespace with the kernel's.
lines() {
	local name=$1 file=$2 peer=peer-$1 sock=$BATS_TEST_TMPDIR/peer-$1 pid options=()
	shift 2
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	started pid "$peer" -- "$SOCKDIFF" peer "$sock"
	wait_for 10 host test -S "$sock"
	# Several sections ask for errors at once.
	in_container "$peer" sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	CMD_TIMEOUT=500 nr "${options[@]}" -- sh -c "$RUN" sh "$SOCKDIFF" run "$sock" \
		"$(address_of "$peer")" "$(address_of "$peer" -6)" "$@" >"$file" 2>"$file.err" ||
		fail "$name: $(<"$file.err")"
	[[ ! -s $file.err ]] || fail "$name: $(<"$file.err")"
	kill "$pid"
	finish "$pid"
}

# compare MODE MINIMUM LIST...: what it said with the kernel's stack and with ours in that mode;
# as many lines must be the same.
compare() {
	local mode=$1 minimum=$2 dir=$BATS_TEST_TMPDIR
	shift 2
	cat "$@" >"$dir/$mode.list"
	run awk -v "MINIMUM=$minimum" -f "$ROOT/tests/attach/compare.awk" "$dir/$mode.list" \
		"$dir/kernel" "$dir/$mode"
	((status == 0)) || fail "mode $mode: $output"
}

@test "every line is the same in both modes, or listed with its reason" {
	local dir=$BATS_TEST_TMPDIR lists=$ROOT/tests/attach kernel hybrid
	lines kernel "$dir/kernel" --stack=kernel -- &
	kernel=$!
	lines hybrid "$dir/hybrid" --stack=user --mode=hybrid -- &
	hybrid=$!
	lines full "$dir/full" --stack=user --mode=full --
	wait "$kernel"
	wait "$hybrid"
	compare hybrid 9700 "$lists/differences.txt"
	compare full 9500 "$lists/differences.txt" "$lists/differences-full.txt"
}
