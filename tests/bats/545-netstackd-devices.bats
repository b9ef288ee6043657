#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# netstackd on any interface of the host, by AF_PACKET and by AF_XDP: the namespace's programs on
# its stack, its kernel beside it, and what the interface goes through meanwhile
#
#	c1 eth0 10.0.0.2 -- netstackd -- v0 of the host -- eth0 10.0.0.1 of the namespace k

# shellcheck disable=SC2016,SC2030,SC2031 # inner shells; every test is a shell of its own
# shellcheck disable=SC2154 # set by run
bats_require_minimum_version 1.5.0
load lib/common

BIN=${FAIRLEAD_BUILD:-build/release}/bin
[[ $BIN == /* ]] || BIN=$PWD/$BIN
BIG=20000000
K4=10.0.0.1 K6=fd00::1 O4=10.0.0.2 O6=fd00::2

setup() {
	local name
	host_new
	container_new c1 k
	for name in c1 k; do
		in_container $name ip link set lo up
		in_container $name sysctl -qw net.ipv6.conf.{all,default}.accept_dad=0 \
			net.ipv4.ping_group_range="0 2147483647"
	done
	host ip link add v0 type veth peer name eth0 netns k
	# The stack has its MAC address, and the host has no other use for it.
	host ip link set v0 addrgenmode none up
	in_container k ip addr add $K4/24 dev eth0
	in_container k ip addr add $K6/64 dev eth0
	in_container k ip link set eth0 up
	WWW=$BATS_TEST_TMPDIR/www
	mkdir "$WWW"
	head -c $BIG /dev/urandom >"$WWW/big"
	HASH=$(sha256sum <"$WWW/big")
}

teardown() { host_gone; }

# stack_start NIC [ARGUMENT...]: a netstackd for c1 that is ready; its pid is $STACK.
stack_start() {
	local fifo=$BATS_TEST_TMPDIR/ready word='' ready nic=$1
	shift
	[[ -p $fifo ]] || mkfifo "$fifo"
	exec {ready}<>"$fifo" # open before it is written to: else the word is lost
	nsenter --net --mount --target "$HOST" -- setpriv --pdeathsig KILL \
		"$BIN/netstackd" --netns /run/netns/c1 --nic "$nic" --ready-fd 4 "$@" \
		4>&"$ready" {ready}>&- >>"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
	STACK=$!
	HELD+=("$STACK")
	read -r -t 20 -u "$ready" word || fail "not ready: $(<"$BATS_TEST_TMPDIR/log")"
	exec {ready}>&-
	in_container c1 ip addr add $O4/24 dev eth0
	in_container c1 ip addr add $O6/64 dev eth0
	in_container c1 ip link set eth0 up
}

ctl() { host "$BIN/netstackctl" "$@"; }

# stack_ended STATUS: it ends by itself, with this.
stack_ended() {
	local status=0
	wait_for 20 dead "$STACK"
	wait "$STACK" || status=$?
	[[ $status == "$1" ]] || fail "status $status: $(<"$BATS_TEST_TMPDIR/log")"
}

# counter NAME
counter() { ctl counters --json | jq ".$1"; }

# ours COMMAND...: a program on the stack.
ours() { host "$BIN/netns-run" exec /run/netns/c1 -- "$@"; }

# others COMMAND...: one in c1 that is not, and has the kernel's.
others() { in_container c1 "$@"; }

# kernel COMMAND...: one in k.
kernel() { in_container k "$@"; }

# behind COMMAND...: in the background; it ends with the test.
behind() {
	CMD_TIMEOUT=300 "$@" >"$BATS_TEST_TMPDIR/behind" 2>&1 3>&- &
	HELD+=("$!")
}

# sum_of WHO URL: it gets the file.
sum_of() { "$1" curl -gsS --max-time 60 "$2" | sha256sum; }

# Sends back what it gets; and asks with datagrams of all sizes, over IPv4 and IPv6.
UDP_ECHO='
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 7))
while True:
    data, who = s.recvfrom(65535)
    s.sendto(data, who)'
UDP_ASK='
import os, socket, sys
for host in sys.argv[1:]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.connect((host, 7))
    s.settimeout(1)
    for n in 1, 100, 1400, 1472, 1473, 4000, 30000, 0:
        data = os.urandom(n)
        for i in range(20): # nobody promises that a datagram comes
            s.send(data)
            try:
                if s.recv(65535) == data:
                    break
            except TimeoutError:
                pass
        else:
            sys.exit(f"{host}: no answer to {n} bytes")'

# serves WHO ADDRESS PORT: somebody is there.
serves() { "$1" nc -z "$2" "$3"; }

# works NIC MODE: everything that a namespace does, in both directions.
works() {
	local before url
	stack_start "$1" --mode "$2"
	behind kernel busybox httpd -f -p 80 -h "$WWW"
	behind ours busybox httpd -f -p 81 -h "$WWW"
	behind kernel python3 -c "$UDP_ECHO"
	behind ours python3 -c "$UDP_ECHO"
	wait_for 20 serves kernel $K4 80
	wait_for 20 serves kernel $O4 81

	# Ours as clients, and as servers.
	for url in "http://$K4/big" "http://[$K6]/big"; do
		[[ $(sum_of ours "$url") == "$HASH" ]] || fail "$url"
	done
	for url in "http://$O4:81/big" "http://[$O6]:81/big"; do
		[[ $(sum_of kernel "$url") == "$HASH" ]] || fail "$url"
	done
	((BIG < $(counter attach.tx_bytes) && BIG < $(counter attach.rx_bytes)))

	# What is the kernel's in mode hybrid, and ours in mode full.
	before=$(counter kernel.to_kernel)
	ours ping -nqc 2 -i 0.1 -W 5 $K4
	ours ping -nqc 2 -i 0.1 -W 5 -s 4000 $K6
	kernel ping -nqc 2 -i 0.1 -W 5 -s 4000 $O4
	kernel ping -nqc 2 -i 0.1 -W 5 $O6
	CMD_TIMEOUT=60 ours python3 -c "$UDP_ASK" $K4 $K6
	CMD_TIMEOUT=60 kernel python3 -c "$UDP_ASK" $O4 $O6
	if [[ $2 == full ]]; then
		[[ $(counter kernel.to_kernel) == 0 && $(counter kernel.from_kernel) == 0 ]]
	else
		(($(counter kernel.to_kernel) > before + 50))
		# Programs that are not under the filter have TCP, too.
		[[ $(sum_of others "http://$K4/big") == "$HASH" ]]
		[[ $(sum_of others "http://[$K6]/big") == "$HASH" ]]
	fi
	[[ $(ctl status --json | jq -r '"\(.nic) \(.mode)"') == "$1 $2" ]]
	[[ $(ctl status --json | jq -r .mac) == "$(mac_of "${1#*:}")" ]]
	ctl stop c1
	stack_ended 0
	# It takes with it what it has put there.
	run -1 in_container c1 ip link show eth0
	run -0 host ip -d link show "${1#*:}"
	[[ $output != *xdp* && $output == *"allmulti 0 "* ]]
}

# mac_of DEVICE: of the host.
mac_of() { host ip -j link show "$1" | jq -r '.[0].address'; }

@test "AF_PACKET, mode hybrid" { works af_packet:v0 hybrid; }
@test "AF_PACKET, mode full" { works af_packet:v0 full; }
@test "AF_XDP, mode hybrid" { works af_xdp:v0 hybrid; }
@test "AF_XDP, mode full" { works af_xdp:v0 full; }

# A macvlan has no XDP of its own, so the kernel stands in; nobody cuts long packets there.
@test "AF_XDP by the kernel's generic XDP" {
	host ip link add mv0 link v0 type macvlan mode bridge
	host ip link set mv0 addrgenmode none up
	kernel ip link set eth0 gso_max_segs 1
	stack_start af_xdp:mv0
	[[ $(host ip link show mv0) == *xdpgeneric* ]]
	behind kernel busybox httpd -f -p 80 -h "$WWW"
	wait_for 20 serves kernel $K4 80
	[[ $(sum_of ours "http://$K4/big") == "$HASH" ]]
	[[ $(sum_of ours "http://[$K6]/big") == "$HASH" ]]
	kernel ping -nqc 2 -i 0.1 -W 5 $O4
	ctl stop c1
	stack_ended 0
	[[ $(host ip link show mv0) != *xdp* ]]
}

# --- what the interface goes through ---

# converse: connections from k to ours, with somebody who sends back what it gets; TO4, FROM4,
# TO6 and FROM6 are descriptors.
converse() {
	local n name fifo
	behind ours busybox nc -ll -p 9000 -e cat
	wait_for 20 serves kernel $O4 9000
	for n in 4 6; do
		fifo=$BATS_TEST_TMPDIR/talk$n
		mkfifo "$fifo.to" "$fifo.from"
		name=O$n
		CMD_TIMEOUT=300 kernel nc "${!name}" 9000 <"$fifo.to" >"$fifo.from" 2>/dev/null 3>&- &
		HELD+=("$!")
		exec {TO}>"$fifo.to" {FROM}<"$fifo.from"
		printf -v "TO$n" %s "$TO"
		printf -v "FROM$n" %s "$FROM"
	done
}

# said N WORD: by k, over IPvN.
said() {
	local to=TO$1
	echo "$2" >&"${!to}"
}

# heard N WORD: it comes back, sooner or later.
heard() {
	local from=FROM$1 word=''
	read -r -t 60 -u "${!from}" word || true
	[[ $word == "$2" ]] || fail "IPv$1: not '$2' but '$word'"
}

# talks WORD: both connections live.
talks() {
	local n
	for n in 4 6; do
		said $n "$1"
		heard $n "$1"
	done
}

# has_addresses N: the stack has so many that are of the network.
has_addresses() {
	(($(ctl addresses --json |
		jq '[.addresses[] | select(.address | test("^(10|fd00)"))] | length') == $1))
}

# lives NIC MODE: connections outlive what the interface goes through.
lives() {
	stack_start "$1" --mode "$2"
	wait_for 10 has_addresses 2
	converse
	talks hello

	# The device has no power for a while.
	host ip link set v0 down
	said 4 dark
	said 6 dark
	host ip link set v0 up
	heard 4 dark
	heard 6 dark

	# Nor has the namespace's interface; the kernel forgets addresses of IPv6 then.
	others ip link set eth0 down
	wait_for 10 has_addresses 1
	said 4 down
	said 6 down
	others ip link set eth0 up
	others ip addr add $O6/64 dev eth0
	heard 4 down
	heard 6 down

	# The addresses are away.
	others ip addr del $O4/24 dev eth0
	others ip addr del $O6/64 dev eth0
	wait_for 10 has_addresses 0
	run -7 ours curl -sS --max-time 10 "http://$K4:80/"
	said 4 nobody
	said 6 nobody
	others ip addr add $O4/24 dev eth0
	others ip addr add $O6/64 dev eth0
	heard 4 nobody
	heard 6 nobody

	# Another address, and the way to a network behind k.
	others ip addr add 10.0.0.77/24 dev eth0
	wait_for 10 has_addresses 3
	wait_for 20 serves kernel 10.0.0.77 9000
	kernel ip addr add 192.0.2.1/32 dev lo
	behind kernel busybox httpd -f -p 80 -h "$WWW"
	wait_for 20 serves kernel $K4 80
	run -7 ours curl -sS --max-time 10 http://192.0.2.1/big
	others ip route add 192.0.2.0/24 via $K4
	wait_for 10 ours nc -z 192.0.2.1 80
	[[ $(sum_of ours http://192.0.2.1/big) == "$HASH" ]]
	talks again
}

@test "AF_PACKET: connections live on while links and addresses go and come" {
	lives af_packet:v0 hybrid
}

@test "AF_XDP, mode full: connections live on while links and addresses go and come" {
	lives af_xdp:v0 full
}

@test "macvtap: connections live on while links and addresses go and come" {
	host ip link add link v0 name mv0 type macvtap mode bridge
	host ip link set mv0 up
	lives macvtap:mv0 hybrid
}

# mtu_is N: the stack's.
mtu_is() { [[ $(ctl status --json | jq .mtu) == "$1" ]]; }

# pmtu_is N: of the connections of "converse", of which both have been used since.
pmtu_is() {
	[[ $(ctl sockets --json |
		jq -c '[.sockets[] | select(.state == "ESTAB") | .tcp_info.pmtu] | unique') == "[$1]" ]]
}

# mtus NIC: transfers of both directions, with one MTU after the other.
mtus() {
	local mtu
	kernel ip link set eth0 mtu 9000
	host ip link set v0 mtu 9000
	[[ $1 != macvtap:* ]] || host ip link set mv0 mtu 9000 up
	stack_start "$1"
	behind kernel busybox httpd -f -p 80 -h "$WWW"
	behind ours busybox httpd -f -p 81 -h "$WWW"
	converse
	wait_for 20 serves kernel $K4 80
	wait_for 20 serves kernel $O4 81
	[[ $(others ip link show eth0) == *' mtu 9000 '* ]]
	for mtu in 9000 2000 1500 1280 9000; do
		others ip link set eth0 mtu $mtu
		wait_for 10 mtu_is $mtu
		talks "$mtu"
		wait_for 10 pmtu_is $mtu
		[[ $(sum_of ours "http://$K4/big") == "$HASH" ]]
		[[ $(sum_of kernel "http://[$O6]:81/big") == "$HASH" ]]
		ours ping -nqc 1 -W 5 -s 8000 $K4
	done
}

@test "AF_PACKET: the MTU changes, up to 9000 bytes" { mtus af_packet:v0; }

@test "macvtap: the MTU changes, up to 9000 bytes" {
	host ip link add link v0 name mv0 type macvtap mode bridge
	mtus macvtap:mv0
}

# --- ends ---

@test "a device that is removed: it says so and ends" {
	local nic
	for nic in af_packet af_xdp; do
		host ip link show v0 || host ip link add v0 up type veth peer name v1
		stack_start $nic:v0
		host ip link del v0
		stack_ended 1
		grep -qF "the device '$nic:v0' is gone" "$BATS_TEST_TMPDIR/log"
		run -1 others ip link show eth0
	done
}

@test "what cannot be is said in one sentence, and nothing is left behind" {
	local before
	refused() { # NIC TEXT
		run -1 --separate-stderr host "$BIN/netstackd" --netns /run/netns/c1 --nic "$1"
		[[ $stderr == "netstackd: "*"$2"* && $(wc -l <<<"$stderr") == 1 ]] || fail "said: $stderr"
		run -1 others ip link show eth0
	}
	refused af_packet:none "there is no interface 'none'"
	refused af_packet:lo "'lo' is not Ethernet"
	refused af_xdp:none "there is no interface 'none'"
	host ip link set v0 mtu 9000
	refused af_xdp:v0 "an MTU of 9000"
	host ip link set v0 mtu 1500
	# A queue has one socket.
	container_new c2
	stack_start af_xdp:v0
	run -1 --separate-stderr host "$BIN/netstackd" --netns /run/netns/c2 --nic af_xdp:v0
	[[ $stderr == "netstackd: "*"'v0' has another XDP program"* ]] || fail "said: $stderr"
	run -1 in_container c2 ip link show eth0
}

@test "a command for a namespace that nobody serves is not run" {
	run -125 --separate-stderr ours true
	[[ $stderr == "netns-run: no netstackd serves the network namespace '/run/netns/c1'" ]]
	run -125 --separate-stderr host "$BIN/netns-run" exec /run/netns/none -- true
	[[ $stderr == "netns-run: "*none* ]]
	stack_start af_packet:v0
	run -7 ours sh -c 'exit 7'
	[[ $(ours sh -c 'ls /sys/class/net') == $'eth0\nlo' ]]
	kill "$STACK"
	stack_ended 0
	run -125 --separate-stderr ours true
	[[ $stderr == "netns-run: no netstackd serves"* ]]
}
