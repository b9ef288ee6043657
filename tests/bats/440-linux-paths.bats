#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Ours against the kernel where the path is not a good one, or changes: MTU, loss, a bridge
# of many, addresses, routes and devices that go away; and what a capture shows

# shellcheck disable=SC2030,SC2031,SC2154 # every test is a shell of its own; run sets stderr
bats_require_minimum_version 1.5.0
load lib/stack

setup() { stack_setup; }
teardown() { host_gone; }

# received NAME DEV: bytes, of an interface of a namespace.
received() {
	in_container "$1" ip -j -s link show "$2" | jq '.[0].stats64.rx.bytes'
}

more_than() { (($(received "$1" "$2") > $3)); }

# moving: another megabyte has come to k, so there is load.
moving() {
	wait_for 10 more_than k eth0 $(($(received k eth0) + 1000000)) && alive "$LOAD"
}

# load_start: ours sends to k, for a long time.
load_start() {
	serve K_SINK @k "$PEER" --kernel serve 5000
	start LOAD "$PEER" "${NIC[@]}" upload "$1:5000" 400000000000
	moving
}

# --- MTU ---

# path_mtu_is WHO ADDRESS MTU: what one who sends there learns.
path_mtu_is() { scene "$1" mtu "$2:5000" "$3"; }

@test "a smaller MTU on the path is learned, both ways, IPv4 and IPv6" {
	routers_new tap
	in_container k ip link set k1 mtu 1400
	in_container r ip link set r1 mtu 1400
	serve FAR @far "$PEER" --kernel serve 5000
	path_mtu_is ours 10.2.0.2 1400
	path_mtu_is ours "[fd00:2::2]" 1400
	serve OURS "$PEER" "${NIC[@]}" serve 5000
	path_mtu_is far "$O4" 1400
	path_mtu_is far "[$O6]" 1400
	# Ours sends, to a peer that announces 1460.
	scene far download "$O4:5000" 3000000
	scene far download "[$O6]:5000" 3000000
}

@test "the MTU of the path shrinks under load" {
	routers_new macvtap
	serve FAR @far "$PEER" --kernel serve 5000
	start LOAD "$PEER" "${NIC[@]}" upload 10.2.0.2:5000 200000000
	for mtu in 1400 1300 1000; do
		moving
		in_container k ip link set k1 mtu $mtu
		in_container r ip link set r1 mtu $mtu
	done
	finish LOAD
	((status == 0))
}

@test "the MTU of the device changes under load" {
	link_new macvtap
	load_start "$K4"
	for mtu in 1400 1500 600 1500; do
		host ip link set mv0 mtu $mtu
		moving
	done
}

# --- loss ---

# lossy DRIVER FAULTS
lossy() {
	link_new "$1" "fault=$2"
	serve K_SCENES @k "$PEER" --kernel serve 5000
	serve K_ECHO @k "$PEER" --kernel echo 7
	scene ours upload "$K4:5000" 5000000
	scene ours download "[$K6]:5000" 5000000
	scene ours duplex "$K4:5000" 2000000
	scene ours many "[$K6]:7" 100 3
	serve O_SCENES "$PEER" "${NIC[@]}" serve 5000
	scene kernel upload "[$O6]:5000" 5000000
	scene kernel download "$O4:5000" 5000000
	scene kernel duplex "[$O6]:5000" 2000000
}

@test "loss, reordering and doubling" { lossy macvtap loss=1%+reorder=2%+dup=1%+seed=1; }
@test "delay and jitter" { lossy af_packet delay=3ms+jitter=2ms+seed=2; }
@test "corruption" { lossy macvtap corrupt=1000ppm+loss=0.1%+seed=3; }

# --- a bridge ---

# node_new NAME N: 10.0.0.N and fd00::N on the bridge; ours have a tap, kernels a veth.
node_new() {
	case $1 in
	o*)
		host ip tuntap add "$1" mode tap
		host ip link set "$1" master br0 up
		;;
	*)
		kernel_new "$1"
		host ip link add "$1" master br0 up type veth peer name eth0 netns "$1"
		kernel_addr "$1" eth0 "10.0.0.$2/24" "fd00::$2/64"
		;;
	esac
	NODES[$1]=$2
}

# node NAME: NIC and the name of the namespace as start wants it.
node_command() {
	local n=${NODES[$1]}
	case $1 in
	o*) NODE=("$PEER" --nic "tap:$1" --no-dad --addr "10.0.0.$n/24" --addr "fd00::$n/64") ;;
	*) NODE=(nsenter "--net=/run/netns/$1" -- "$PEER" --kernel) ;;
	esac
}

@test "a bridge with three of ours and two kernels: everyone talks to everyone" {
	local -A NODES
	local NODE server client n i=10
	host ip link add br0 up type bridge
	for n in o1 o2 o3 k1 k2; do
		node_new $n $((i++))
	done
	for server in "${!NODES[@]}"; do
		node_command "$server"
		serve SERVER "${NODE[@]}" echo 7
		n=${NODES[$server]}
		for client in "${!NODES[@]}"; do
			[[ $client != "$server" ]] || continue
			node_command "$client"
			start "C_$client" "${NODE[@]}" many "10.0.0.$n:7" 20 3
		done
		for client in "${!NODES[@]}"; do
			[[ $client != "$server" ]] || continue
			finish "C_$client"
			((status == 0)) || fail "$client: $(cat "$BATS_TEST_TMPDIR/C_$client.err")"
			node_command "$client"
			host "${NODE[@]}" udp "[fd00::$n]:7" || fail "$client to $server"
		done
		finish SERVER KILL
	done
}

# --- what is configured changes ---

# answers YES-OR-NO ADDRESS: to one of three pings of k, which may be lost under load.
answers() {
	local got=no
	! in_container k ping -q -c 3 -i 0.2 -W 1 "$2" >"$BATS_TEST_TMPDIR/ping" || got=yes
	[[ $got == "$1" ]]
}

@test "addresses come and go: its connections wait for one, those of others go on" {
	link_new macvtap
	host ip addr add 10.0.0.3/24 dev mv0
	load_start "$K4"
	wait_for 5 answers yes 10.0.0.3
	host ip addr del 10.0.0.3/24 dev mv0
	wait_for 5 answers no 10.0.0.3
	moving
	host ip addr add 10.0.0.4/24 dev mv0
	wait_for 5 answers yes 10.0.0.4
	moving
	# As in Linux, a connection does not end with its address.
	host ip addr del "$O4/24" dev mv0
	wait_for 5 answers no "$O4"
	host ip addr add "$O4/24" dev mv0
	wait_for 5 answers yes "$O4"
	moving
}

@test "a route goes and another comes: connections go on, new ones say what is missing" {
	routers_new macvtap
	serve FAR @far "$PEER" --kernel serve 5000
	start LOAD "$PEER" "${NIC[@]}" upload 10.2.0.2:5000 4000000000
	moving
	host ip route del default via "$K4"
	host ip route add 10.2.0.0/24 via "$K4" dev mv0
	moving
	# Another gateway: a second address of the router.
	in_container k ip addr add 10.0.0.7/24 dev eth0
	host ip route replace 10.2.0.0/24 via 10.0.0.7 dev mv0
	moving
	finish LOAD TERM
	host ip route del 10.2.0.0/24
	run -1 --separate-stderr ours "$PEER" upload 10.2.0.2:5000
	[[ $stderr == *'Network is unreachable' ]]
	host ip route add prohibit 10.2.0.0/24
	run -1 --separate-stderr ours "$PEER" upload 10.2.0.2:5000
	[[ $stderr == *'Permission denied' || $stderr == *'Network is unreachable' ]]
}

@test "the carrier goes and comes back under load" {
	link_new macvtap
	load_start "$K4"
	in_container k ip link set eth0 down
	wait_for 5 carrier_is mv0 0
	in_container k ip link set eth0 up
	in_container k ip addr replace "$K6"/64 dev eth0
	moving
}

carrier_is() {
	local flags
	flags=$(host ip -j link show "$1" | jq -r '.[0].flags | index("NO-CARRIER") | not')
	[[ $flags == "$([[ $2 == 1 ]] && echo true || echo false)" ]]
}

# --- the device goes ---

# device_gone DRIVER COMMAND...: that removes it.
device_gone() {
	link_new "$1"
	shift
	load_start "$K4"
	"$@"
	finish LOAD
	((status == 1))
	# The kernel says first that the addresses go, where they are followed.
	[[ $(<"$BATS_TEST_TMPDIR/LOAD.err") == "peer: upload: "*@(No such device|Software caused connection abort) ]]
}

@test "a tap is removed under load" { device_gone tap in_container k ip link del eth0; }
@test "a macvtap is removed under load" { device_gone macvtap host ip link del mv0; }
@test "an interface is removed under af_packet" { device_gone af_packet host ip link del v0; }
@test "an interface is removed under af_xdp" { device_gone af_xdp host ip link del v0; }

@test "a server whose device goes says so" {
	link_new macvtap
	serve ECHO "$EXAMPLES/echo" "${NIC[@]}"
	host ip link del mv0
	finish ECHO
	((status == 1))
	[[ $(<"$BATS_TEST_TMPDIR/ECHO.err") == "echo: cannot go on: No such device" ]]
}

# --- captures ---

# shark FILE TYPE: all packets of a capture are right, and more than 30 of them of that type.
shark() {
	local fields=(-e _ws.malformed -e ip.checksum.status -e icmpv6.checksum.status)
	tshark -n -d tcp.port==5000,data -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
		-o udp.check_checksum:TRUE -T fields -e frame.number "${fields[@]}" \
		-e tcp.checksum.status -e udp.checksum.status -e "$2" -r "$1" >"$1.txt" 2>"$1.err" ||
		fail "$(<"$1.err")" || return
	# The status of a checksum: 0 bad, 1 good, 2 not verified (of a fragment).
	awk -F '\t' '
		$2 != "" || $3 ~ /0/ || $4 ~ /0/ || $5 ~ /0/ || $6 ~ /0/ {print "bad:", $0; bad = 1}
		$7 != "" {n++}
		END {if (n <= 30) print "only", n; exit bad || n <= 30}' "$1.txt" >&2
}

# captured DRIVER [OPTION...]
captured() {
	local file=$BATS_TEST_TMPDIR/x.pcapng
	link_new "$1" "capture=$file" "${@:2}"
	serve K_SCENES @k "$PEER" --kernel serve 5000
	serve K_ECHO @k "$PEER" --kernel echo 7
	scene ours duplex "$K4:5000" 1000000
	shark "$file" tcp.checksum.status
	scene ours udp "[$K6]:7"
	shark "$file" udp.checksum.status
}

@test "tshark finds nothing wrong in a capture of a macvtap" { captured macvtap; }
@test "tshark finds nothing wrong in a capture without offload" { captured af_packet no-offload; }
