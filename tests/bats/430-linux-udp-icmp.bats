#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# UDP, with as many fragments as there can be, ping and traceroute, ours against the kernel

bats_require_minimum_version 1.5.0
load lib/stack

setup() { stack_setup; }
teardown() { host_gone; }

# both_ways DRIVER [OPTION...]
both_ways() {
	local a
	link_new "$@"
	serve K_ECHO @k "$PEER" --kernel echo 7
	for a in $K4 "[$K6]"; do
		scene ours udp "$a:7"
		scene ours udp-refused "$a:9"
		scene ours ping "$a"
		scene ours ping "$a" 30000
	done
	serve O_ECHO "$EXAMPLES/echo" "${NIC[@]}"
	for a in $O4 "[$O6]"; do
		scene kernel udp "$a:7"
		scene kernel udp-refused "$a:9"
	done
	for a in $O4 $O6; do
		in_container k ping -q -c 3 -i 0.1 -W 2 "$a"
		in_container k ping -q -c 2 -i 0.1 -W 2 -s 30000 "$a"
		in_container k ping -q -c 2 -i 0.1 -W 2 -M "do" -s 1400 "$a"
		in_container k ping -q -f -c 200 -W 2 "$a"
	done
	finish O_ECHO TERM
	((status == 0))
	[[ $(tail -n 1 "$BATS_TEST_TMPDIR/O_ECHO") == "0 connections, 60 datagrams" ]]
}

@test "tap" { both_ways tap; }
@test "tap without offload" { both_ways tap no-offload; }
@test "macvtap" { both_ways macvtap; }
@test "af_packet" { both_ways af_packet; }
@test "af_packet without offload" { both_ways af_packet no-offload; }
@test "af_xdp" { both_ways af_xdp; }

# Ours behind two routers, whose namespaces are r1 and r2.
@test "traceroute: ours and the kernel's, through two routers" {
	routers_new tap
	scene ours trace "10.2.0.2:33434" 2
	scene ours trace "[fd00:2::2]:33434" 2
	serve O_ECHO "$EXAMPLES/echo" "${NIC[@]}"
	scene far trace "$O4:33434" 2
	scene far trace "[$O6]:33434" 2
	run -0 in_container far busybox traceroute -n -q 1 -w 2 -m 5 "$O4"
	[[ ${#lines[@]} == 4 && ${lines[1]} == *10.2.0.1* && ${lines[2]} == *10.1.0.1* && ${lines[3]} == *$O4* ]]
	run -0 in_container far busybox traceroute6 -n -q 1 -w 2 -m 5 "$O6"
	[[ ${#lines[@]} == 4 && ${lines[3]} == *$O6* ]]
}
