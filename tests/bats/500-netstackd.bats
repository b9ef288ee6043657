#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# netstackd and netstackctl: start, rights, what can be asked, and every end

# shellcheck disable=SC2016,SC2030,SC2031 # inner shells; every test is a shell of its own
bats_require_minimum_version 1.5.0
load lib/common

BIN=${FAIRLEAD_BUILD:-build/release}/bin
[[ $BIN == /* ]] || BIN=$PWD/$BIN
SOCKETS=/run/fairlead/netstack

setup() {
	host_new
	container_new c1
	host ip link add br0 type bridge
	host ip addr add 10.9.0.1/24 dev br0
	host ip link set br0 up
	host ip tuntap add fl0 mode tap vnet_hdr
	host ip link set fl0 master br0 up
}

teardown() { host_gone; }

# stack_start [ARGUMENT...]: a netstackd for c1 on fl0 that is ready; its pid is $STACK.
stack_start() {
	local fifo=$BATS_TEST_TMPDIR/ready word='' ready
	[[ -p $fifo ]] || mkfifo "$fifo"
	exec {ready}<>"$fifo" # open before it is written to: else the word is lost
	nsenter --net --mount --target "$HOST" -- setpriv --pdeathsig KILL \
		"$BIN/netstackd" --netns /run/netns/c1 --nic tap:fl0 --id cid1 --ready-fd 4 "$@" \
		4>&"$ready" {ready}>&- >>"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
	STACK=$!
	HELD+=("$STACK")
	read -r -t 20 -u "$ready" word || fail "not ready: $(<"$BATS_TEST_TMPDIR/log")"
	exec {ready}>&-
}

# stack_up: its interface has an address.
stack_up() {
	in_container c1 ip addr add 10.9.0.2/24 dev eth0
	in_container c1 ip link set eth0 up
	in_container c1 ip link set lo up
}

ctl() { host "$BIN/netstackctl" "$@"; }

# stack_ended STATUS: it ends by itself, with this.
stack_ended() {
	local status=0
	wait_for 20 dead "$STACK"
	wait "$STACK" || status=$?
	[[ $status == "$1" ]] || fail "status $status: $(<"$BATS_TEST_TMPDIR/log")"
}

# logged TEXT
logged() { grep -qF -- "$1" "$BATS_TEST_TMPDIR/log"; }

# refused STATUS TEXT ARGUMENT...: netstackd does not start, says this, and leaves nothing.
refused() {
	local want=$1 text=$2 before
	shift 2
	before=$(in_container c1 ip -br link; host ip -br link | cut -d" " -f1)
	run -"$want" --separate-stderr host "$BIN/netstackd" "$@"
	# shellcheck disable=SC2154 # of run
	[[ $stderr == "netstackd: $text"* ]] || fail "said: $stderr"
	[[ $(wc -l <<<"$stderr") == 1 ]]
	[[ $(in_container c1 ip -br link; host ip -br link | cut -d" " -f1) == "$before" ]]
	run host ls -A "$SOCKETS"
	[[ $status != 0 || -z $output ]]
}

@test "the kernel's part of the traffic goes through" {
	stack_start
	stack_up
	in_container c1 ping -c 1 -W 5 10.9.0.1
	[[ $(ctl counters --json | jq .kernel.to_kernel) -gt 0 ]]
}

@test "when it serves it has hardly any rights" {
	local status_file=$BATS_TEST_TMPDIR/status
	stack_start
	cat "/proc/$STACK/status" >"$status_file"
	grep -qP '^Uid:\t65534\t65534\t65534\t65534$' "$status_file"
	grep -qP '^Gid:\t65534\t65534\t65534\t65534$' "$status_file"
	grep -qP '^Groups:\s*$' "$status_file"
	# CAP_NET_BIND_SERVICE, CAP_SYS_PTRACE
	grep -qP '^CapPrm:\t0000000000080400$' "$status_file"
	grep -qP '^CapEff:\t0000000000080400$' "$status_file"
	grep -qP '^CapInh:\t0{16}$' "$status_file"
	grep -qP '^CapBnd:\t0{16}$' "$status_file"
	grep -qP '^CapAmb:\t0{16}$' "$status_file"
	grep -qP '^NoNewPrivs:\t1$' "$status_file"
	grep -qP '^Seccomp:\t2$' "$status_file"
	# Not dumpable: nobody of its user can trace it.
	[[ $(stat -c %u "/proc/$STACK/fd") == 0 ]]
	[[ $(readlink "/proc/$STACK/ns/net") == "$(in_container c1 readlink /proc/self/ns/net)" ]]
}

@test "idle it is small" {
	stack_start
	((($(awk '/^Private_(Clean|Dirty)/ {n += $2} END {print n}' "/proc/$STACK/smaps_rollup")) <= 2048))
}

@test "it can be found by name, path, process, id, and when it is the only one" {
	local pid name
	stack_start --network net1
	pid=$(host sh -c 'nsenter --net=/run/netns/c1 sleep 60 >/dev/null 2>&1 & echo $!')
	is_inside() { [[ $(readlink "/proc/$pid/ns/net") == "$(readlink "/proc/$STACK/ns/net")" ]]; }
	wait_for 5 is_inside
	for name in c1 /run/netns/c1 "$pid" cid1 ci; do
		run -0 ctl status "$name" --json
		[[ $(json '"\(.id) \(.network) \(.pid) \(.mode) \(.ifname)"') == "cid1 net1 $STACK hybrid eth0" ]]
	done
	kill "$pid"
	run -0 ctl --json status
	[[ $(json .id) == cid1 ]]
	run -3 --separate-stderr ctl status nobody
	[[ $stderr == "netstackctl: no stack 'nobody'" ]]
	run -0 ctl ls
	[[ ${#lines[@]} == 2 && ${lines[1]} == *cid1*/run/netns/c1 ]]
}

@test "addresses, routes and neighbours are the kernel's" {
	stack_start
	stack_up
	in_container c1 ip route add default via 10.9.0.1
	has_route() { ctl routes --json | jq -e '.routes[] | select(.destination == "0.0.0.0/0" and .gateway == "10.9.0.1")'; }
	wait_for 10 has_route
	[[ $(ctl addresses --json | jq -r '.addresses[] | select(.dev == "eth0" and (.address | test("^10"))) | .address') == 10.9.0.2/24 ]]
	[[ $(ctl routes) == *'0.0.0.0/0'*10.9.0.1* ]]
	[[ $(ctl routes) != *broadcast* && $(ctl routes --all) == *broadcast* ]]
	run -0 ctl neighbours
	run -0 ctl drops
	run -0 ctl programs
	run -0 ctl sockets -ti
	[[ $output == *'0 sockets'* ]]
}

@test "mtu, mac and name of the interface" {
	stack_start --ifname net7 --mtu 1400 --mac 02:00:00:00:00:05
	run -0 in_container c1 ip link show net7
	[[ $output == *'mtu 1400'*02:00:00:00:00:05* ]]
	[[ $(ctl status --json | jq -r '"\(.ifname) \(.mtu) \(.mac) \(.up)"') == 'net7 1400 02:00:00:00:00:05 false' ]]
}

@test "a capture has the packets of the device, and ends as asked" {
	local file=$BATS_TEST_TMPDIR/packets pinger
	stack_start
	stack_up
	in_container c1 ping -i 0.05 -c 50 10.9.0.1 >/dev/null 3>&- &
	pinger=$!
	run -0 ctl capture -w "$file" -c 4 c1
	wait "$pinger"
	[[ $(tcpdump -nr "$file" 2>/dev/null | wc -l) == 4 ]]
	run -0 ctl capture -w "$file" --seconds 1 c1
	[[ $(host "$BIN/netstackctl" capture -w - --seconds 1 c1 2>/dev/null | head -c 4 | od -An -tx1) == ' 0a 0d 0d 0a' ]]
	run -2 --separate-stderr ctl capture c1
	[[ $stderr == *'wants -w FILE'* ]]
	run -1 --separate-stderr ctl capture -w /nowhere/file c1
	[[ $stderr == *"cannot open '/nowhere/file'"* ]]
	# Whoever ends does not keep the stack from going on.
	run -0 ctl status
}

@test "the stack pings itself in mode hybrid, and others in mode full" {
	stack_start
	run -0 ctl ping 127.0.0.1 -i 1
	[[ $output == '127.0.0.1: 3 sent, 3 received'* ]]
	run -1 --separate-stderr ctl ping 10.9.0.1
	[[ $stderr == *'in mode hybrid ICMP is the kernel'* ]]
	run -1 --separate-stderr ctl ping nonsense
	[[ $stderr == "netstackctl: 'nonsense' is no address" ]]
	ctl stop c1
	stack_ended 0
	stack_start --mode full
	stack_up
	has_address() { ctl addresses --json | jq -e '.addresses[] | select(.address == "10.9.0.2/24")'; }
	wait_for 10 has_address
	run -0 ctl ping c1 10.9.0.1 -c 2 -i 10
	[[ $output == '10.9.0.1: 2 sent, 2 received'* ]]
}

@test "it ends: told by netstackctl, by a signal" {
	local before
	before=$(in_container c1 ip -br link)
	stack_start
	run -2 ctl stop
	run -0 ctl stop c1
	stack_ended 0
	[[ $(in_container c1 ip -br link) == "$before" ]]
	run -3 ctl status c1
	stack_start
	kill "$STACK"
	stack_ended 0
	logged 'ends: signal SIGTERM'
	# What is left is removed by the next one who looks.
	run -0 ctl ls
	[[ -z $(host ls -A "$SOCKETS") ]]
}

@test "it ends when the namespace is deleted" {
	stack_start
	container_gone c1
	stack_ended 0
	logged 'the network namespace is gone'
}

@test "it ends with its lifeline, however its holder ends" {
	local fifo=$BATS_TEST_TMPDIR/lifeline holder
	mkfifo "$fifo"
	sleep 600 3>&- 5>"$fifo" >/dev/null 2>&1 &
	holder=$!
	stack_start --lifeline-fd 5 5<"$fifo"
	run -0 ctl status
	kill -KILL "$holder"
	stack_ended 0
	logged 'lifeline'
}

@test "it ends with the process of a path below /proc" {
	local pid
	unshare --net sleep 600 3>&- >/dev/null 2>&1 &
	pid=$!
	HELD+=("$pid")
	has_own_netns() { [[ $(readlink "/proc/$pid/ns/net") != "$(readlink /proc/self/ns/net)" ]]; }
	wait_for 5 has_own_netns
	stack_start_of() { # the last --netns would be one too many
		local fifo=$BATS_TEST_TMPDIR/ready2 word=
		mkfifo "$fifo"
		nsenter --net --mount --target "$HOST" -- setpriv --pdeathsig KILL "$BIN/netstackd" \
			--netns "/proc/$pid/ns/net" --nic tap:fl0 --ready-fd 4 4<>"$fifo" \
			>>"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
		STACK=$!
		HELD+=("$STACK")
		read -r -t 20 word <>"$fifo" || fail "not ready ($word)"
	}
	stack_start_of
	run -0 ctl status "$pid"
	kill "$pid"
	stack_ended 0
}

# ask JSON: what netstackctl has no word for.
ask() {
	host python3 -c '
import glob, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(glob.glob("/run/fairlead/netstack/*.sock")[0])
s.sendall(sys.argv[1].encode() + b"\n")
print(b"".join(iter(lambda: s.recv(65536), b"")).decode())' "$1"
}

@test "the network is taken away: at once without programs" {
	stack_start
	run -0 ask '{"do":"retire","grace_ms":600000}'
	[[ $(json .ends_now) == true ]]
	stack_ended 0
}

@test "nonsense on the control socket is answered, and harms nobody" {
	stack_start
	run -0 ask nonsense
	[[ $(json .error.message) == 'cannot read the request: '* ]]
	run -0 ask '{"do":"dance"}'
	[[ $(json .error.message) == "unknown request 'dance'" ]]
	run -0 ask '{"do":7}'
	[[ $(json .error.errno) == 22 ]]
	run -0 ask '{"do":"attach"}'
	[[ $(json .error.message) == 'no descriptor comes with'* ]]
	run -0 ask '{"do":"capture"}'
	[[ $(json .error.errno) == 22 ]]
	run -0 ask '{"do":"ping","to":"127.0.0.1","count":100000}'
	[[ $(json .error.message) == *count* ]]
	run ask "$(head -c 100000 /dev/zero | tr '\0' x)"
	run -0 ctl status
	# Nobody but root.
	run -1 host setpriv --reuid 1000 --clear-groups "$BIN/netstackctl" status
}

@test "what is wrong is said in one sentence, and nothing is left behind" {
	refused 2 "option '--netns' is missing"
	refused 2 "option '--nic' is missing" --netns /run/netns/c1
	refused 2 "unknown option '--nope'" --nope
	refused 2 "unexpected argument 'x'" x
	refused 2 "option '--mode' wants hybrid or full, got 'x'" --mode x
	refused 2 "option '--user': no user 'nobody-here' in /etc/passwd" --user nobody-here
	refused 2 "option '--user': 'root' is root" --user root
	refused 2 "option '--ready-fd': descriptor 77 is not open" --ready-fd 77
	refused 2 "option '--mac': '01:00:00:00:00:00' is no station's MAC" --mac 01:00:00:00:00:00
	refused 2 "option '--netns' is given twice" --netns a --netns b
	refused 1 "there is no network namespace '/run/netns/none'" --netns /run/netns/none --nic tap:fl0
	refused 1 "'/proc/self/ns/net' is the network namespace we are in" --netns /proc/self/ns/net --nic tap:fl0
	refused 1 "'/etc/passwd' is no network namespace" --netns /etc/passwd --nic tap:fl0
	refused 1 "nic 'macvtap:none': there is no interface 'none'" --netns /run/netns/c1 --nic macvtap:none
	refused 1 "nic 'dance:fl0': no driver 'dance'" --netns /run/netns/c1 --nic dance:fl0
	refused 2 "option '--ifname': 'lo' is the loopback interface" --netns /run/netns/c1 --nic tap:fl0 --ifname lo
	refused 1 "cannot open the log '/nowhere/log'" --netns /run/netns/c1 --nic tap:fl0 --log /nowhere/log
	run -1 --separate-stderr host setpriv --reuid 1000 --clear-groups "$BIN/netstackd" \
		--netns /run/netns/c1 --nic tap:fl0
	[[ $stderr == "netstackd: has to be started by root:"* && $(wc -l <<<"$stderr") == 1 ]]
}

@test "one for each namespace, one for each device" {
	stack_start
	container_new c2
	run -1 --separate-stderr host "$BIN/netstackd" --netns /run/netns/c1 --nic tap:fl9
	[[ $stderr == 'netstackd: another netstackd serves this network namespace' ]]
	run -1 --separate-stderr host "$BIN/netstackd" --netns /run/netns/c2 --nic tap:fl0
	[[ $stderr == *"tap 'fl0' is in use" ]]
	run -0 ctl status
	[[ $(host ls "$SOCKETS" | wc -l) == 1 ]]
	run -1 host ip link show fl9
}

@test "systemd hears when it is ready, and the log is JSON" {
	local got=$BATS_TEST_TMPDIR/notified
	host python3 -c '
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/run/notify")
s.settimeout(20)
print(s.recv(100).decode(), end="")' >"$got" 3>&- &
	wait_for 10 host test -S /run/notify
	NOTIFY_SOCKET=/run/notify stack_start --log "$BATS_TEST_TMPDIR/json"
	wait_for 10 grep -qx READY=1 "$got"
	jq -es '.[0].event == "ready" and .[0].level == "info"' "$BATS_TEST_TMPDIR/json"
	ctl stop c1
	stack_ended 0
	jq -es '.[-1].event == "end" and (.[-1].message | test("told to stop"))' "$BATS_TEST_TMPDIR/json"
}
