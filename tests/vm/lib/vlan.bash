# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2016 # of an inner shell
# shellcheck disable=SC2154 # cni() sets them
#
# vlan.bash - what the tests of VLANs share

load ../bats/lib/common

setup() {
	host_new
	container_new c1
}

teardown() {
	host_gone
}

# A configuration without addresses, and one with a gateway; KEYS is the rest of it.
l2() { echo '{"cniVersion":"1.1.0","name":"net1","type":"bridge","bridge":"br0",'"$1"'}'; }
l3() { l2 '"isGateway":true,"ipam":{"type":"host-local","ranges":[[{"subnet":"10.9.0.0/24"}],[{"subnet":"fd00:9::/64"}]]},'"$1"; }

# call VERB CONTAINER CONF: as a runtime would, container id id-CONTAINER.
call() {
	cni "$1" bridge CNI_CONTAINERID="id-$2" CNI_NETNS="/run/netns/$2" <<<"$3"
	((status == 0)) || fail "$1 $2: status $status: $output $stderr"
}

# with_prev CONF: it and the last result.
with_prev() { echo "${1%\}},\"prevResult\":$output}"; }

# port_of CONTAINER: the host's end of its eth0.
port_of() {
	local index
	index=$(in_container "$1" ip -o link show eth0 | sed 's/.*@if\([0-9]*\):.*/\1/')
	host ip -o link | sed -n "s/^$index: \([^@:]*\).*/\1/p"
}

# vids PORT: "1 PVID untagged, 10, 20-29"
vids() {
	host bridge -compressvlans vlan show dev "$1" |
		awk 'NR > 1 {
			sub("^" dev "[ \t]*", ""); sub(/^[ \t]+/, ""); sub(/[ \t]+$/, "")
			sub("Egress Untagged", "untagged")
			printf "%s%s", sep, $0; sep = ", "
		}' dev="$1"
}

# tagged CONTAINER VID ADDRESS: an interface of this VLAN upon eth0.
tagged() {
	in_container "$1" sh -ec 'ip link add link eth0 name "eth0.$1" type vlan id "$1"
		ip addr add "$2" dev "eth0.$1"; ip link set "eth0.$1" up' sh "$2" "$3"
}

# reaches CONTAINER ADDRESS: with the first packet.
reaches() { in_container "$1" ping -q -c 1 -W 5 "$2" >/dev/null || fail "$1 does not reach $2"; }

# lacks CONTAINER ADDRESS [PORT VID [FLAG...]]: does not reach it, but would if PORT were in
# this VLAN, with these flags of bridge(8).
lacks() {
	run ! in_container "$1" ping -q -c 1 -W 1 "$2"
	if (($# > 2)); then
		host bridge vlan add dev "$3" vid "${@:4}"
		wait_for 10 in_container "$1" ping -q -c 1 -W 1 "$2" >/dev/null
	fi
}

# kept [NAME...]: a snapshot without what changes by itself, and without the store's own files.
kept() { snapshot "$@" | grep -v 'fe80:\|/var/lib/cni'; }

# ports: how many the bridge has.
ports() { host sh -c 'ls /sys/class/net/br0/brif 2>/dev/null | wc -l'; }
