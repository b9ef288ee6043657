#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # set by netns_run.bash
# shellcheck disable=SC2030,SC2031 # each test is a subshell
#
# Programs that end, are interrupted, or do what they should not, on our stack: it serves the next
# one, keeps nothing, and another stack beside it notices nothing.

bats_require_minimum_version 1.5.0
load lib/attach

HOSTILE=$ATTACH_BUILD/attach/hostile
CTL=$ATTACH_BUILD/bin/netstackctl
HOLE=198.18.0.1 # nobody answers, not even with an error
ECHO=7

setup() {
	attach_setup
	host ip route add blackhole 198.18.0.0/24
	started kernel k -- "$HOSTILE" serve $ECHO
	wait_for 10 answers "$OUT"
	K=$(address_of k)
}

# Without what netns-run ends by itself nothing of it is left, either.
teardown() {
	local pid
	for pid in $(daemons); do
		kill -KILL "$pid" 2>/dev/null || true
	done
	host_gone
}

answers() { grep -q ready "$1"; }

# daemons: pids of the netstackds of this test's host.
daemons() {
	host "$CTL" ls --json 2>/dev/null | jq -r '.stacks[].pid' 2>/dev/null
}

# ours [ARGUMENT...]: a stack with nothing on it yet, and its daemon: $S, $D.
ours() {
	started S s --stack=user "$@" -- sleep infinity
	D=$(daemons)
	[[ $D =~ ^[0-9]+$ ]] || fail "daemons: $D"
}

# beside: a second stack, on which data goes to and fro until quiet.
beside() {
	started OTHER other --stack=user -- \
		"$HOSTILE" transfer "$K" $ECHO "$BATS_TEST_TMPDIR/enough"
	OTHER_OUT=$OUT OTHER_ERR=$ERR
}

# quiet: it has noticed nothing.
quiet() {
	touch "$BATS_TEST_TMPDIR/enough"
	finish "$OTHER"
	((status == 0)) || fail "beside: $status: $(<"$OTHER_ERR")"
	grep -q '^[1-9][0-9]* transfers$' "$OTHER_OUT"
}

# does MODE ARGUMENT...: to the stack s; what it prints is in "output".
does() {
	CMD_TIMEOUT=90 run nr exec s -- "$HOSTILE" "$@"
	((status == 0)) || fail "$*: $status: $output"
}

# counter NAME: 0 when it is not shown.
counter() {
	host "$CTL" counters s | awk -v name="attach.$1" '$1 == name { n = $2 } END { print n + 0 }'
}

# Those of tasks that it has traced are a cache of a fixed size.
descriptors() {
	local fd n=0
	for fd in "/proc/$D/fd/"*; do
		[[ $(readlink "$fd") == *pidfd* ]] || n=$((n + 1))
	done
	echo $n
}

memory() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$D/status"
}

is_idle() {
	(($(counter held) == 0 && $(counter sockets) == 0 && $(descriptors) <= BASE))
}

# rest: it has nothing of its programs any more, and serves the next.
rest() {
	wait_for 15 is_idle ||
		fail "held $(counter held), sockets $(counter sockets), descriptors $(descriptors) of $BASE"
	does ask "$K" $ECHO 3
	alive "$D"
}

# grows_not COMMAND...: by more than a MiB and a half when it is done twice more.
grows_not() {
	local first
	"$@"
	rest
	first=$(memory)
	"$@"
	"$@"
	rest
	# A sanitizer keeps what was freed.
	[[ $ATTACH_BUILD == */asan ]] || (($(memory) <= first + 1536)) || fail "$*: $first KiB have become $(memory)"
}

no_daemon() {
	[[ -z $(daemons) && $(host ip -br link) != *$'\nfl'[0-9a-f]* ]]
}

over() {
	kill "$S" "$kernel"
	finish "$S"
	finish "$kernel"
	wait_for 10 no_daemon
	nothing_left
}

@test "killed: calls that wait fail, programs end, the namespace can be removed" {
	local a
	started a s --stack=user -- "$HOSTILE" blocked "$K" $ECHO $HOLE
	wait_for 10 grep -q blocked "$OUT"
	kill -KILL "$(daemons)"
	finish "$a"
	((status == 0)) || fail "$status: $(<"$OUT") $(<"$ERR")"
	for line in "accept: ENOSYS" "connect: ENOSYS" "poll of a listener: ENOSYS" \
		"read: ECONNRESET" "poll: ECONNRESET" "socket: ENOSYS"; do
		grep -qx "$line" "$OUT" || fail "no '$line': $(<"$OUT")"
	done
	S=$kernel
	over
}

@test "programs killed and interrupted in every call leave nothing" {
	ours
	beside
	BASE=$(descriptors)
	does ask "$K" $ECHO 1
	grows_not does killed "$K" $ECHO $HOLE 6
	does signals "$K" $ECHO $HOLE
	rest
	quiet
	over
}

@test "calls of accept() that are interrupted lose no connection" {
	local a
	ours
	BASE=$(descriptors)
	nsenter --net --mount --target "$HOST" -- setpriv --pdeathsig KILL env -u CNI_PATH \
		"$NETNS_RUN" exec s -- "$HOSTILE" accepts 9 400 \
		>"$BATS_TEST_TMPDIR/accepts" 2>&1 3>&- &
	a=$!
	HELD+=("$a")
	wait_for 10 answers "$BATS_TEST_TMPDIR/accepts"
	CMD_TIMEOUT=60 run -0 in_container k "$HOSTILE" ask "$(address_of s)" 9 400
	finish "$a"
	((status == 0)) || fail "$status: $(<"$BATS_TEST_TMPDIR/accepts")"
	grep -q '^400 accepted, [1-9][0-9]* times interrupted$' "$BATS_TEST_TMPDIR/accepts"
	rest
	over
}

@test "hundreds of threads, to themselves and to a peer outside" {
	ours
	beside
	BASE=$(descriptors)
	grows_not does threads "$K" $ECHO "$(address_of s)" 300
	quiet
	over
}

@test "too few descriptors: an error, no connection lost, and it goes on afterwards" {
	ours
	BASE=$(descriptors)
	does limit "$K" $ECHO
	rest
	over
}

@test "a daemon without descriptors: an error, and it goes on afterwards" {
	nsenter --net --mount --target "$HOST" -- setpriv --pdeathsig KILL prlimit --nofile=200:200 \
		env -u CNI_PATH "$NETNS_RUN" --name s --stack=user -- sleep infinity \
		>/dev/null 2>&1 3>&- &
	S=$!
	HELD+=("$S")
	wait_for 20 is_status s running
	D=$(daemons)
	BASE=$(descriptors)
	does many "$K" $ECHO
	[[ $output =~ ([0-9]+)\ connections,\ then\ E && ${BASH_REMATCH[1]} -gt 50 ]]
	rest
	does many "$K" $ECHO
	rest
	over
}

@test "arguments that change while they are read" {
	ours
	beside
	BASE=$(descriptors)
	does flip "$K" $ECHO
	rest
	quiet
	over
}

@test "what a socket of AF_UNIX can and one of TCP cannot, and sockets for nothing" {
	ours
	beside
	BASE=$(descriptors)
	does odd "$K" $ECHO $HOLE
	rest
	does unused 20000
	rest
	quiet
	over
}

@test "calls of chance: it serves the next program" {
	ours
	beside
	BASE=$(descriptors)
	does fuzz "$K" $ECHO 1 30000
	rest
	quiet
	over
}

@test "calls of chance, with datagrams of ours" {
	ours --mode=full
	BASE=$(descriptors)
	does fuzz "$K" $ECHO 2 30000
	rest
	over
}

# Whoever closes the last copy of such a socket waits as long as its SO_LINGER says.
@test "sockets of the kernel whose end takes an hour: nobody waits for it" {
	local silent
	ours
	beside
	BASE=$(descriptors)
	nsenter --net --mount --target "$HOST" -- setpriv --pdeathsig KILL \
		ip netns exec s "$HOSTILE" silent 5555 >"$BATS_TEST_TMPDIR/silent" 2>&1 3>&- &
	silent=$!
	HELD+=("$silent")
	wait_for 10 answers "$BATS_TEST_TMPDIR/silent"
	does linger "$K" $ECHO 5555
	kill "$silent"
	rest
	quiet
	over
}

# The stack of its own namespace waits with it: others do not, and it can be ended.
@test "an argument in memory that does not answer: the namespace can be removed" {
	local a
	beside
	started a s --stack=user -- "$HOSTILE" memory
	wait_for 10 grep -q memory "$OUT"
	! grep -q 'no userfaultfd' "$OUT" || skip "no userfaultfd"
	kill "$a"
	finish "$a"
	quiet
	S=$kernel
	over
}
