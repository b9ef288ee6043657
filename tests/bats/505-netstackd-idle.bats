#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# netstackd when nothing happens: it gives back what traffic took, and it sleeps

# shellcheck disable=SC2016,SC2030,SC2031 # inner shells; every test is a shell of its own
# shellcheck disable=SC2154 # set by netns_run.bash
bats_require_minimum_version 1.5.0
load lib/attach

# It has this much private memory at most, kilobytes; in traffic it has more.
IDLE_KB=2048

setup() {
	attach_setup
	DIR=$BATS_TEST_TMPDIR
	STACKS=()
	# Who talks to ours.
	started peer k -- sleep infinity
	calm k
	K4=$(address_of k)
}

teardown() { host_gone; }

# calm NAME: its kernel does not look for a router, which it would do for ever.
calm() {
	in_container "$1" sysctl -qw net.ipv6.conf.eth0.accept_ra=0
}

# ours NAME ARGUMENT...: a namespace on our stack; the pid of its netstackd is added to STACKS.
ours() {
	local name=$1
	shift
	started "pid_$name" "$name" --stack=user "$@" -- sleep infinity
	calm "$name"
	STACKS+=("$(host "$ATTACH_BUILD/bin/netstackctl" status "$name" --json | jq .pid)")
}

# background COMMAND...: on the host, with our standard input; its pid is added to HELD.
background() {
	nsenter --net --mount --target "$HOST" -- setpriv --pdeathsig KILL "$@" <&0 3>&- &
	HELD+=("$!")
}

private_kb() {
	awk '/^Private_(Clean|Dirty)/ {n += $2} END {print n}' "/proc/$1/smaps_rollup"
}

is_small() { (($(private_kb "$1") <= IDLE_KB)); }
is_large() { (($(private_kb "$1") > 2 * IDLE_KB)); }

# switches: all that the stacks have had so far.
switches() {
	local pid
	for pid in "${STACKS[@]}"; do
		cat "/proc/$pid"/task/*/status
	done | awk '/ctxt_switches/ {n += $2} END {print n}'
}

# slept: none of them was woken for ten seconds.
slept() {
	local before
	before=$(switches)
	sleep 10
	[[ $(switches) == "$before" ]]
}

bulk() {
	local pid
	ours us --mode="$1"
	is_small "${STACKS[0]}"
	background nsenter --net=/run/netns/k -- iperf3 -s >/dev/null
	wait_for 20 host nc -z "$K4" 5201
	background env -u CNI_PATH "$NETNS_RUN" exec us iperf3 -c "$K4" -t 5 -P 4 >"$DIR/iperf3" 2>&1
	pid=$!
	wait_for 20 is_large "${STACKS[0]}"
	wait "$pid" || fail "$(<"$DIR/iperf3")"
	wait_for 20 is_small "${STACKS[0]}"
	# And it is of use afterwards; where there is never quite nothing, too.
	background nsenter --net=/run/netns/k -- ping -q -i 0.03 "$(address_of us)" >/dev/null
	CMD_TIMEOUT=60 run -0 nr exec us iperf3 -c "$K4" -t 1 -P 4
	wait_for 60 is_small "${STACKS[0]}"
}

@test "memory that bulk traffic took is given back; mode hybrid" { bulk hybrid; }
@test "memory that bulk traffic took is given back; mode full" { bulk full; }

# Ten connections each way, a listener, nothing to say.
IDLE='
import socket, sys, threading
def serve(listener):
    held = []
    while True:
        held.append(listener.accept()[0])
listener = socket.create_server(("", 7000), backlog=64)
threading.Thread(target=serve, args=(listener,), daemon=True).start()
print("listens", flush=True)
for line in sys.stdin:
    held = [socket.create_connection((line.strip(), 7000)) for i in range(10)]
    for s in held:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        s.send(b"x")
    print("connected", flush=True)
'

# idle NAME COMMAND...: such a program there; what is written to it goes through the fifo DIR/NAME.
idle() {
	local name=$1 to
	shift
	mkfifo "$DIR/$name"
	exec {to}<>"$DIR/$name"
	background "$@" python3 -c "$IDLE" <&"$to" >"$DIR/$name.out" 2>&1
	wait_for 20 grep -q listens "$DIR/$name.out"
}

@test "with connections, listeners and programs that say nothing it is not woken" {
	local name
	for name in hybrid full; do
		ours $name --mode=$name
		idle "$name" env -u CNI_PATH "$NETNS_RUN" exec $name
	done
	idle k nsenter --net=/run/netns/k --
	for name in hybrid full; do
		echo "$K4" >"$DIR/$name"
		wait_for 20 grep -q connected "$DIR/$name.out"
		address_of $name >"$DIR/k"
	done
	is_done() { (($(grep -c connected "$DIR/k.out") == 2)); }
	wait_for 20 is_done
	# Delayed acknowledgements, neighbours, groups, memory given back: all of that has an end.
	wait_for 120 slept
	is_small "${STACKS[0]}"
	is_small "${STACKS[1]}"
}
