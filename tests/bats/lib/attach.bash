# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034 # the tests read what is set here
#
# attach.bash - programs on our stack, by netns-run, and peers on the kernel's
#
#	out 192.0.2.2 -- host -- fairlead0 10.87.0.1 -- namespaces of netns-run, with either stack
#
# The host is a router that calls 198.51.100.0/24 and 2001:db8:100::/48 unreachable, and that
# has no route to 203.0.113.0/24 and 2001:db8:200::/48.

load lib/netns_run

ATTACH_BUILD=${FAIRLEAD_BUILD:-build/release}
[[ $ATTACH_BUILD == /* ]] || ATTACH_BUILD=$PWD/$ATTACH_BUILD

attach_setup() {
	netns_run_setup
	# Errors are answered however many there are.
	host sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 \
		net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=10000
	host ip route add unreachable 198.51.100.0/24
	host ip route add unreachable 2001:db8:100::/48
	host ip route add throw 203.0.113.0/24
	host ip route add throw 2001:db8:200::/48
}

# address_of NAME [-6]: of eth0 of a namespace of netns-run.
address_of() {
	host ip -n "$1" "${2:--4}" -o addr show dev eth0 scope global |
		awk '{split($4, a, "/"); print a[1]; exit}'
}
