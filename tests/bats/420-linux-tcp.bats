#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# TCP of ours against the kernel's: every scene of tests/stack, both roles, both families,
# each driver, with and without offload, with io_uring and with epoll

bats_require_minimum_version 1.5.0
load lib/stack

setup() { stack_setup; }
teardown() { host_gone; }

# What a connection can live through, one service each.
scenes=("upload 3000000" "download 3000000" "duplex 2000000" half-close reset reset-by-me unread
	urgent "urgent 1" names)

# play_scenes WHO ADDRESS...
play_scenes() {
	local who=$1 a s words
	shift
	for a; do
		for s in "${scenes[@]}"; do
			read -ra words <<<"$s"
			scene "$who" "${words[0]}" "$a:5000" "${words[@]:1}"
		done
		scene "$who" refused "$a:4999"
	done
}

# play_crowds WHO ADDRESS...: hundreds at once, thousands one after the other.
play_crowds() {
	local who=$1 a
	shift
	for a; do
		scene "$who" many "$a:7" 400 5
		scene "$who" short "$a:7" 2000 16
	done
}

# ours_asks DRIVER [OPTION...]; more options of ours are words of MORE.
ours_asks() {
	local more
	link_new "$@"
	read -ra more <<<"${MORE:-}"
	NIC+=("${more[@]}")
	serve K_SCENES @k "$PEER" --kernel serve 5000
	serve K_ECHO @k "$PEER" --kernel echo 7
	play_scenes ours "$K4" "[$K6]"
	play_crowds ours "$K4" "[$K6]"
}

ours_serves() {
	local more
	link_new "$@"
	read -ra more <<<"${MORE:-}"
	NIC+=("${more[@]}")
	serve O_SCENES "$PEER" "${NIC[@]}" serve 5000
	play_scenes kernel "$O4" "[$O6]"
	finish O_SCENES TERM
	serve O_ECHO "$EXAMPLES/echo" "${NIC[@]}"
	play_crowds kernel "$O4" "[$O6]"
	finish O_ECHO TERM
	((status == 0))
	[[ $(tail -n 1 "$BATS_TEST_TMPDIR/O_ECHO") == "4802 connections, 0 datagrams" ]]
}

@test "two kernels: the scenes themselves are right" {
	link_new macvtap
	host ip link del v0
	container_new c
	host ip link add v0 type veth peer name eth0 netns k
	host ip link set v0 netns c
	kernel_addr k eth0 "$K4"/24
	kernel_addr c v0 "$O4"/24
	serve K_SCENES @k "$PEER" --kernel serve 5000
	local s words
	for s in "${scenes[@]}"; do
		read -ra words <<<"$s"
		in_container c "$PEER" --kernel "${words[0]}" "$K4:5000" "${words[@]:1}"
	done
}

@test "tap: ours asks" { ours_asks tap; }
@test "tap: ours serves" { ours_serves tap; }
@test "tap without offload: ours asks" { ours_asks tap no-offload; }
@test "tap without offload: ours serves" { ours_serves tap no-offload; }
@test "tap by epoll: ours asks" { MORE="--engine epoll" ours_asks tap; }
@test "tap by epoll: ours serves" { MORE="--engine epoll" ours_serves tap; }
@test "macvtap: ours asks" { ours_asks macvtap; }
@test "macvtap: ours serves" { ours_serves macvtap; }
@test "af_packet: ours asks" { ours_asks af_packet; }
@test "af_packet: ours serves" { ours_serves af_packet; }
@test "af_packet without offload: ours serves" { ours_serves af_packet no-offload; }
@test "af_packet by epoll: ours asks" { MORE="--engine epoll" ours_asks af_packet; }
@test "af_xdp: ours asks" { ours_asks af_xdp; }
@test "af_xdp: ours serves" { ours_serves af_xdp; }
@test "af_xdp by epoll: ours serves" { MORE="--engine epoll" ours_serves af_xdp; }

@test "without GRO, with spinning: ours serves" {
	MORE="--no-gro --spin 50" ours_serves macvtap
}
