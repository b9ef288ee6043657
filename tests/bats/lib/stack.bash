# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034 # the tests read what is set here
#
# stack.bash - a program on our stack, and a kernel at the other end of its link
#
#	ours 10.0.0.2, fd00::2  -- NIC -- eth0 10.0.0.1, fd00::1 of the namespace "k"
#
# Ours is a process on the test's host: the device that it uses is there, or, for a tap,
# in the namespace of its peer.  Nothing of the addresses is the host's.

load lib/common

STACK_BUILD=${FAIRLEAD_BUILD:-build/release}
[[ $STACK_BUILD == /* ]] || STACK_BUILD=$PWD/$STACK_BUILD
EXAMPLES=$STACK_BUILD/examples
PEER=$STACK_BUILD/stack/peer
K4=10.0.0.1 K6=fd00::1 O4=10.0.0.2 O6=fd00::2

# stack_setup: for setup, before link_new.
stack_setup() {
	host_new
	kernel_new k
}

# kernel_new NAME...: namespaces whose kernels are peers: addresses work at once, and
# everyone may ping.
kernel_new() {
	local name
	container_new "$@"
	for name; do
		in_container "$name" ip link set lo up
		in_container "$name" sysctl -qw net.ipv6.conf.{all,default}.accept_dad=0 \
			net.ipv4.ping_group_range="0 2147483647"
	done
}

# kernel_addr NAME DEV ADDRESS...
kernel_addr() {
	local name=$1 dev=$2 a
	shift 2
	for a; do
		in_container "$name" ip addr add "$a" dev "$dev"
	done
	in_container "$name" ip link set "$dev" up
}

# link_new DRIVER [OPTION...]: the link between ours and k.  NIC gets the options of our
# programs; more of a device are OPTIONs ("no-offload").
link_new() {
	local driver=$1 spec=eth0
	shift
	case $driver in
	tap)
		in_container k ip tuntap add eth0 mode tap
		spec=eth0,netns=/run/netns/k
		;;
	*)
		host ip link add v0 type veth peer name eth0 netns k
		# The host does not answer there for an address that mv0 has.
		host sysctl -qw net.ipv6.conf.v0.disable_ipv6=1 net.ipv4.conf.v0.arp_ignore=1
		host ip link set v0 up
		spec=v0
		;;
	esac
	kernel_addr k eth0 $K4/24 $K6/64
	if [[ $driver == macvtap ]]; then
		host ip link add link v0 name mv0 type macvtap mode bridge
		host sysctl -qw net.ipv6.conf.mv0.accept_dad=0
		host ip addr add $O4/24 dev mv0
		host ip addr add $O6/64 dev mv0
		host ip link set mv0 up
		spec=mv0
		NIC=()
	else
		NIC=(--no-dad --addr "$O4/24" --addr "$O6/64")
	fi
	while (($#)); do
		spec+=,$1
		shift
	done
	NIC=(--nic "$driver:$spec" "${NIC[@]}")
}

# start VAR [NAME] COMMAND...: in the background, on the host or, with @NAME first, in that
# namespace.  Its pid goes into VAR, what it prints into the files $BATS_TEST_TMPDIR/VAR
# and VAR.err.
start() {
	local var=$1 enter=()
	shift
	if [[ $1 == @* ]]; then
		enter=(nsenter --net="/run/netns/${1#@}" --)
		shift
	fi
	: >"$BATS_TEST_TMPDIR/$var"
	nsenter --net --mount --target "$HOST" -- "${enter[@]}" \
		setpriv --pdeathsig KILL env --default-signal "$@" \
		>"$BATS_TEST_TMPDIR/$var" 2>"$BATS_TEST_TMPDIR/$var.err" 3>&- &
	printf -v "$var" '%s' "$!"
	HELD+=("$!")
}

# serving VAR: wait until it says so.
serving() {
	wait_for 10 started_or_dead "$1"
	grep -q ' port ' "$BATS_TEST_TMPDIR/$1" ||
		fail "$1 does not serve: $(cat "$BATS_TEST_TMPDIR/$1.err")"
}

started_or_dead() {
	[[ -s $BATS_TEST_TMPDIR/$1 ]] || dead "${!1}"
}

# serve VAR COMMAND...: start, and wait until it serves.
serve() {
	start "$@"
	serving "$1"
}

# finish VAR [SIGNAL]: its exit status goes into "status".
finish() {
	[[ -z ${2:-} ]] || kill -"$2" "${!1}"
	wait_for 15 dead "${!1}"
	status=0
	wait "${!1}" || status=$?
}

# ours PROGRAM ARGUMENT...: an example, or peer, on our link.
ours() {
	local program=$1
	shift
	[[ $program == */* ]] || program=$EXAMPLES/$program
	host "$program" "${NIC[@]}" "$@"
}

# routers_new DRIVER [OPTION...]: as link_new, where k is a router and more is behind it:
#
#	ours -- k 10.1.0.1 -- 10.1.0.2 r 10.2.0.1 -- 10.2.0.2 far
#
# and the same below fd00:1:: and fd00:2::.
routers_new() {
	local name
	kernel_new r far
	link_new "$@"
	for name in k r; do
		in_container $name sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
			net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	done
	in_container k ip link add k1 type veth peer name r1 netns r
	in_container r ip link add r2 type veth peer name eth0 netns far
	kernel_addr k k1 10.1.0.1/24 fd00:1::1/64
	kernel_addr r r1 10.1.0.2/24 fd00:1::2/64
	kernel_addr r r2 10.2.0.1/24 fd00:2::1/64
	kernel_addr far eth0 10.2.0.2/24 fd00:2::2/64
	in_container k ip route add 10.2.0.0/24 via 10.1.0.2
	in_container k ip route add fd00:2::/64 via fd00:1::2
	in_container r ip route add 10.0.0.0/24 via 10.1.0.1
	in_container r ip route add fd00::/64 via fd00:1::1
	in_container far ip route add default via 10.2.0.1
	in_container far ip route add default via fd00:2::1
	if [[ $1 == macvtap ]]; then
		host ip route add default via $K4 dev mv0
		host ip route add default via $K6 dev mv0
	else
		NIC+=(--gateway "$K4" --gateway6 "$K6")
	fi
}

# scene WHO SCENE ADDRESS[:PORT] [ARGUMENT...]: who asks is "ours", "kernel" (of k), or the
# kernel of another namespace.
scene() {
	local who=$1
	shift
	case $who in
	ours) ours "$PEER" "$@" ;;
	kernel) in_container k "$PEER" --kernel "$@" ;;
	*) in_container "$who" "$PEER" --kernel "$@" ;;
	esac || fail "$who: $*"
}
