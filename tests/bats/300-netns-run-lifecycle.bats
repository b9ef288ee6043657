#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2154 # dollars are of inner shells; bats sets stderr
#
# netns-run: exit statuses, signals, what is left after which end.

bats_require_minimum_version 1.5.0
load lib/netns_run

setup_file() {
	portmap_build
}

setup() {
	netns_run_setup
}

teardown() {
	host_gone
}

# kill_both NAME PID: the guard and the main process.
kill_both() {
	local guard
	guard=$(state "$1" .guardPid)
	kill -KILL "$guard" "$2"
	finish "$2"
	wait_for 10 dead "$guard"
}

# --- ends ---

@test "the command's own exit status is ours" {
	run -0 nr --network none -- true
	run -7 nr --network none -- sh -c 'exit 7'
	run -255 nr --network none -- sh -c 'exit 255'
	# That of a signal as shells have it.
	run -137 nr --network none -- sh -c 'kill -KILL $$'
	run -134 nr --network none -- sh -c 'ulimit -c 0; kill -ABRT $$'
	nothing_left
}

@test "a command that cannot be run: 127 when it is not there, 126 else" {
	run -127 --separate-stderr nr --network none -- /none/at-all
	[[ $stderr == "netns-run: cannot run '/none/at-all': No such file or directory" ]]
	run -127 nr --network none -- no-such-command-anywhere
	run -126 --separate-stderr nr --network none -- /etc/passwd
	[[ $stderr == "netns-run: cannot run '/etc/passwd': Permission denied" ]]
	run -126 nr --network none -- /
	nothing_left
}

@test "standard input, output and error are the command's" {
	run -0 --separate-stderr host sh -c 'echo in | "$0" --network none -- sh -c "cat; echo error >&2"' "$NETNS_RUN"
	[[ $output == in && $stderr == error ]]
	# Closed is closed.
	run -0 host sh -c '"$0" --network none -- sh -c "ls -l /proc/self/fd | grep -c \" 0 -> .dev.null\"" <&- | grep -x 0' "$NETNS_RUN"
}

@test "processes the command leaves behind end with it" {
	run -0 nr --network none --name a -- sh -c 'sleep 1000 & echo $! >/run/pid1; (trap "" TERM; echo $$ >/dev/null; exec sleep 1001) & echo $! >/run/pid2'
	dead "$(host cat /run/pid1)"
	dead "$(host cat /run/pid2)"
	nothing_left
}

@test "a process in the namespace that is in no relation to us ends with it as well" {
	local a other
	started a a --network none -- sleep 1000
	nsenter --net --mount --target "$HOST" -- ip netns exec a sleep 1000 >/dev/null 2>&1 3>&- &
	other=$!
	HELD+=("$other")
	wait_for 10 host sh -c '[ "$(ip netns pids a | wc -l)" = 2 ]'
	kill "$a"
	finish "$a"
	[[ $status == 143 ]]
	wait_for 10 dead "$other"
	nothing_left
}

# --- signals ---

@test "signals are passed on" {
	local a sig
	for sig in HUP INT QUIT TERM USR1 USR2 ALRM WINCH; do
		started a "s$sig" --network none -- sh -c 'trap "echo got; exit 33" "$0"; echo ready; while :; do sleep 0.02; done' "$sig"
		wait_for 10 grep -q ready "$OUT"
		kill "-$sig" "$a"
		finish "$a"
		[[ $status == 33 && $(<"$OUT") == $'ready\ngot' ]] || fail "SIG$sig: $status $(<"$OUT") $(<"$ERR")"
	done
	nothing_left
}

@test "the command has the signals that we were given, not ours" {
	run -0 host sh -c 'trap "" HUP USR2; exec "$0" --network none -- grep -E "Sig(Blk|Ign)" /proc/self/status' "$NETNS_RUN"
	[[ $output == *$'SigBlk:\t0000000000000000'* ]]
	[[ $((16#$(sed -n 's/SigIgn:\t//p' <<<"$output") & 0x7fffffff)) == $((1 << 0 | 1 << 11)) ]]
	# nohup works during the set-up, too.
	run -0 host sh -c 'trap "" HUP; "$0" -- true & sleep 0.02; kill -HUP $!; wait $!' "$NETNS_RUN"
	# An ignored SIGCHLD does not keep us from seeing the end.
	run -5 host sh -c 'trap "" CHLD; exec "$0" --network none -- sh -c "exit 5"' "$NETNS_RUN"
}

@test "stopped and continued with the command" {
	local a pid
	started a a --network none -- sh -c 'echo $$ >/run/pid; while :; do sleep 0.02; done'
	wait_for 10 host test -s /run/pid
	pid=$(host cat /run/pid)
	stopped() { grep -q '^State:	T' "/proc/$1/status"; }
	running() { ! stopped "$1"; }
	kill -TSTP "$a"
	wait_for 10 stopped "$pid"
	kill -CONT "$a"
	wait_for 10 running "$pid"
	kill "$a"
	finish "$a"
	[[ $status == 143 ]]
	nothing_left
}

# --- sudden ends ---

@test "killed: the guard removes all, and the command dies" {
	local a pid
	started a a -p 8080:80 -- sh -c 'sleep 1000 & echo $! >/run/child; echo $$ >/run/pid; wait'
	wait_for 10 host test -s /run/pid
	pid=$(host cat /run/pid)
	kill -KILL "$a"
	wait_for 20 is_gone a
	dead "$pid"
	dead "$(host cat /run/child)"
	wait_for 10 nothing_left_yet
}

nothing_left_yet() {
	nothing_left 2>/dev/null
}

@test "killed at any moment of the set-up: nothing stays" {
	local a i
	nr -- true
	for i in 1 2 4 8 12 16 20 24 28 32 36 40 50 60; do
		start a --name "k$i" -p 8080:80 -- sleep 1000
		sleep "0.$(printf %03d "$i")"
		kill -KILL "$a"
		finish "$a"
		wait_for 20 is_gone "k$i"
	done
	wait_for 10 nothing_left_yet
}

@test "interrupted at any moment of the set-up: status 128+n, nothing stays" {
	local a i
	nr -- true
	for i in 1 2 4 8 12 16 20 24 28 32 36 40 50 60; do
		start a --name "k$i" -p 8080:80 -- sleep 1000
		# Before that it has not come as far as to have a handler.
		wait_for 10 host test -e "/run/netns-run/k$i"
		sleep "0.$(printf %03d "$i")"
		kill -TERM "$a" 2>/dev/null
		finish "$a"
		[[ $status == 143 ]] || fail "status $status: $(<"$ERR")"
		is_gone "k$i"
	done
	nothing_left
}

@test "a plugin that hangs in the set-up is killed when the user gives up" {
	local a dir=$BATS_TEST_TMPDIR/bin
	mkdir "$dir"
	# shellcheck disable=SC2016 # of the script
	printf '#!/bin/sh\n[ $CNI_COMMAND = ADD ] || exit 0\necho $$ >/run/plugin\nexec sleep 1000\n' >"$dir/hang"
	chmod +x "$dir/hang"
	network h '{"cniVersion": "1.0.0", "name": "h", "plugins": [{"type": "bridge", "bridge": "br9"}, {"type": "hang"}]}'
	start a --name a --cni-path "$dir" --network h -- true
	wait_for 10 host test -s /run/plugin
	kill -INT "$a"
	finish "$a"
	[[ $status == 130 ]]
	dead "$(host cat /run/plugin)"
	nothing_left
}

@test "guard killed: the main process takes its place" {
	local a guard
	started a a -p 8080:80 -- sleep 1000
	guard=$(state a .guardPid)
	kill -KILL "$guard"
	wait_for 10 grep -q 'guard process has ended' "$ERR"
	alive "$a"
	kill "$a"
	finish "$a"
	[[ $status == 143 ]]
	nothing_left
}

@test "guard killed at any moment of the set-up: nothing stays, not even of the plugin that ran" {
	local a guard i
	nr -- true
	for i in 1 3 5 8 10 12 15 20 25 30 40; do
		start a --name "g$i" -p 8080:80 -- sleep 0.3
		wait_for 10 pgrep -P "$a" >/dev/null
		guard=$(pgrep -P "$a" | head -n 1)
		sleep "0.$(printf %03d "$i")"
		kill -KILL "$guard" 2>/dev/null || true
		finish "$a"
		[[ $status == 0 || $status == 125 ]] || fail "status $status: $(<"$ERR")"
		is_gone "g$i"
		nothing_left
	done
}

@test "--keep and interrupted: kept when the command ran, else nothing stays" {
	local a i
	start a --name k --keep --network none -- sh -c 'exit 4'
	finish "$a"
	[[ $status == 4 ]]
	is_status k kept
	nr rm k
	for i in 1 5 10 20; do
		start a --name k --keep -- sleep 1000
		wait_for 10 host test -e /run/netns-run/k
		sleep "0.$(printf %03d "$i")"
		kill -TERM "$a"
		finish "$a"
		[[ $status == 143 ]]
		if is_status k kept; then
			nr rm k
		else
			is_gone k
		fi
	done
	nothing_left
}

@test "both killed: stale, until it is removed" {
	local a
	started a a -p 8080:80 -- sh -c 'sleep 1000 & echo $! >/run/child; sleep 1000'
	kill_both a "$a"
	is_status a stale
	run -0 nr ls
	[[ $output == *$'\na '*'stale '*fairlead*10.87.0.2* ]]
	run -125 --separate-stderr nr exec a -- true
	[[ $stderr == "netns-run: namespace 'a' is stale" ]]
	run -125 --separate-stderr nr --name a -- true
	[[ $stderr == "netns-run: name 'a' is taken by a namespace that was left behind ('netns-run rm a' removes it)" ]]
	nr rm a
	dead "$(host cat /run/child)"
	nothing_left
	run -125 --separate-stderr nr rm a
	[[ $stderr == "netns-run: no namespace 'a'" ]]
}

@test "both killed in the set-up: rm removes what there is" {
	local a guard i
	nr -- true
	for i in 1 3 5 10 15 20 30 40; do
		start a --name a -p 8080:80 -- sleep 1000
		wait_for 10 host test -e /run/netns-run/a/state.json
		wait_for 10 pgrep -P "$a" >/dev/null
		guard=$(pgrep -P "$a" | head -n 1)
		sleep "0.$(printf %03d "$i")"
		kill -KILL "$guard" "$a" || true
		finish "$a"
		wait_for 10 dead "$guard"
		is_gone a || nr rm a
		wait_for 10 nothing_left_yet
	done
}

@test "the host restarted: what survived in /var is stale, and can be removed" {
	local a b
	started a a -- sleep 1000
	started b b -- sleep 1000
	kill_both a "$a"
	kill_both b "$b"
	# What a restart takes away.
	host sh -c 'umount /run/netns/a /run/netns/b; rm -r /run/netns/a /run/netns/b /run/netns-run'
	[[ $(nr ls --json | jq -c '[.[] | [.name, .status, .networks[0].network]]') == \
		'[["a","stale","fairlead"],["b","stale","fairlead"]]' ]]
	nr rm a
	[[ $(nr ls --json | jq -r '.[].name') == b ]]
	nr rm --all
	[[ $(nr ls) == NAME* && $(nr ls | wc -l) == 1 ]]
	nothing_left
}

@test "rm --all also finds leases that nobody remembers" {
	local a
	started a live -- sleep 1000
	host sh -c 'printf "netns-run-gone-01234567\r\neth0" >/var/lib/cni/networks/fairlead/10.87.0.200'
	nr rm --all
	run -1 host test -e /var/lib/cni/networks/fairlead/10.87.0.200
	# What is in use stays in use.
	is_status live running
	host test -e /var/lib/cni/networks/fairlead/10.87.0.2
	kill "$a"
	finish "$a"
	nothing_left
}

# --- failures ---

@test "a failed ADD: one line, nothing stays" {
	network bad '{"cniVersion": "1.0.0", "name": "bad", "plugins": [{"type": "bridge", "bridge": "br9", "isGateway": true,
		"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.9.0.0/24"}]]}}, {"type": "tuning", "sysctl": {"net.no.such": "1"}}]}'
	run -125 --separate-stderr nr --network bad --name a -- true
	[[ $stderr == "netns-run: network 'bad': plugin type=\"tuning\" failed (add): "* ]]
	[[ $(wc -l <<<"$stderr") == 1 ]]
	nothing_left
}

@test "a plugin that is not installed: one line, nothing stays" {
	network bad '{"cniVersion": "1.0.0", "name": "bad", "plugins": [{"type": "bridge", "bridge": "br9"}, {"type": "nope"}]}'
	run -125 --separate-stderr nr --network bad --name a -- true
	[[ $stderr == "netns-run: network 'bad': plugin type=\"nope\" failed (add): failed to find plugin \"nope\" in path ["* ]]
	[[ $(wc -l <<<"$stderr") == 1 ]]
	nothing_left
}

@test "a failed DEL: the status says so, the rest is done, rm tries again" {
	local dir=$BATS_TEST_TMPDIR/bin
	mkdir "$dir"
	# shellcheck disable=SC2016 # of the script
	printf '#!/bin/sh\ncase $CNI_COMMAND in ADD) jq .prevResult ;; DEL) [ ! -e /run/broken ] || { echo "{\\"code\\": 7, \\"msg\\": \\"cannot\\"}"; exit 1; } ;; esac\n' >"$dir/moody"
	chmod +x "$dir/moody"
	network m '{"cniVersion": "1.0.0", "name": "m", "plugins": [{"type": "bridge", "bridge": "br9", "isGateway": true,
		"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.9.0.0/24"}]]}}, {"type": "moody"}]}'
	host touch /run/broken
	run -125 --separate-stderr nr --cni-path "$dir" --network m --name a -- true
	[[ ${stderr_lines[0]} == "netns-run: namespace 'a': network 'm': plugin type=\"moody\" failed (delete): cannot" ]]
	[[ ${stderr_lines[1]} == "netns-run: namespace 'a' is left behind; 'netns-run rm a' tries again"* ]]
	# The command's own failure is not hidden by ours.
	run -3 nr --cni-path "$dir" --network m --name b -- sh -c 'exit 3'
	is_status a stale
	run -1 host test -e /var/lib/cni/networks/m/10.9.0.2
	run -125 nr rm a
	host rm /run/broken
	nr rm a b
	nothing_left
}

@test "rm --force goes to the end even when a plugin fails" {
	local a
	network x '{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "bridge", "bridge": "br9"}]}'
	started a a --network x -- sleep 1000
	kill_both a "$a"
	host sh -c 'sed -i s/bridge/no-such-plugin/ /run/netns-run/a/state.json'
	run -125 nr rm a
	run -125 nr rm --force a
	is_gone a
	# no plugin removed the link: it goes with its namespace, which the kernel does later
	wait_for 30 is_clean
}

# --- names ---

@test "a name is taken once, whoever comes first" {
	local a pids=() n=0 i
	for i in {1..8}; do
		start a --network none --name same -- sleep 1
		pids+=("$a:$ERR")
	done
	for i in "${pids[@]}"; do
		finish "${i%%:*}"
		if [[ $status == 0 ]]; then
			((++n))
		else
			[[ $status == 125 && $(<"${i#*:}") == "netns-run: name 'same' is in use by process "* ]] ||
				fail "$status: $(<"${i#*:}")"
		fi
	done
	[[ $n == 1 ]]
	nothing_left
}

@test "a name of ip-netns is taken, and stays as it is" {
	container_new theirs
	run -125 --separate-stderr nr --network none --name theirs -- true
	[[ $stderr == "netns-run: name 'theirs' is taken: '/run/netns/theirs' exists" ]]
	in_container theirs true
	nr rm --all
	in_container theirs true
	container_gone theirs
	nothing_left
}

@test "ip-netns sees the namespace" {
	local a
	started a web --network none -- sleep 1000
	run -0 host ip netns
	[[ $output == *web* ]]
	run -0 host ip netns exec web ip -br addr
	[[ $output == lo*127.0.0.1* ]]
	# Removed behind our back, it does not hold us up.
	host ip netns del web
	kill "$a"
	finish "$a"
	[[ $status == 143 ]]
	nothing_left
}

@test "twenty at the same time" {
	local a pids=() i
	for i in {1..20}; do
		start a -p "$((9000 + i)):80" -- sh -c 'ip -4 -br addr show eth0'
		pids+=("$a:$OUT:$ERR")
	done
	for i in "${pids[@]}"; do
		finish "${i%%:*}"
		[[ $status == 0 ]] || fail "$status: $(<"${i##*:}")"
		i=${i#*:}
		awk '{print $3}' "${i%%:*}" >>"$BATS_TEST_TMPDIR/addresses"
	done
	[[ $(sort -u "$BATS_TEST_TMPDIR/addresses" | grep -c '^10\.87\.') == 20 ]]
	nothing_left
}

# --- keep, exec, rm ---

@test "--keep: the namespace stays until rm" {
	run -3 nr --keep --name k --hostname box -p 8080:80 -- sh -c 'exit 3'
	is_status k kept
	run -0 nr exec k -- sh -c 'ip -br -4 addr show eth0; uname -n; cat /etc/hosts; ls /sys/class/net'
	[[ $output == *10.87.0.2/16* && $output == *$'\nbox\n'* && $output == *'10.87.0.2 box k'* ]]
	[[ $output == *$'\neth0\nlo' ]]
	run -125 --separate-stderr nr --name k -- true
	[[ $stderr == "netns-run: name 'k' is taken by a namespace that was kept ('netns-run rm k' removes it)" ]]
	nr rm k
	nothing_left
}

@test "--keep: what was left running runs on, and rm ends it" {
	nr --keep --network none --name k -- sh -c 'sleep 1000 >/dev/null 2>&1 & echo $! >/run/pid'
	alive "$(host cat /run/pid)"
	nr rm k
	dead "$(host cat /run/pid)"
	nothing_left
}

@test "--keep and killed: kept" {
	local a
	started a k --keep -- sleep 1000
	kill -KILL "$a"
	finish "$a"
	wait_for 10 is_status k kept
	nr rm k
	nothing_left
}

@test "--keep and both killed: the command is over, the rest is stale" {
	local a
	started a k --keep -- sleep 1000
	kill_both k "$a"
	is_status k stale
	nr rm --all
	nothing_left
}

@test "--keep does not keep what was not set up" {
	run -125 nr --keep --name k --ip 192.168.1.1 -- true
	nothing_left
}

@test "exec: in a running namespace, with status and arguments as they are" {
	local a
	started a web -- sleep 1000
	run -0 nr exec web -- sh -c 'printf "%s\n" "$@"' sh 'a b' '--json' '-h' ''
	[[ $output == $'a b\n--json\n-h' ]]
	run -9 nr exec web sh -c 'exit 9'
	run -127 nr exec web -- /none
	run -125 --separate-stderr nr exec nobody -- true
	[[ $stderr == "netns-run: no namespace 'nobody'" ]]
	kill "$a"
	finish "$a"
	nothing_left
}

@test "rm: what runs is left alone, unless forced" {
	local a b
	started a a -- sh -c 'trap "" TERM; while :; do sleep 1; done'
	started b b --network none -- sleep 1000
	run -125 --separate-stderr nr rm a
	[[ $stderr == "netns-run: namespace 'a' is in use by process $a" ]]
	nr rm --all
	is_status a running
	nr rm --force a
	finish "$a"
	[[ $status == 137 ]]
	is_gone a
	nr rm -af
	finish "$b"
	[[ $status == 143 ]]
	nothing_left
}

@test "rm of several: each that can be is removed" {
	nr --keep --network none --name a -- true
	nr --keep --network none --name c -- true
	run -125 --separate-stderr nr rm a b c
	[[ $stderr == "netns-run: no namespace 'b'" ]]
	nothing_left
}
