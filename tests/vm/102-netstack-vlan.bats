#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# netstack: its uplink is a port of VLANs, as bridge's veth pair is
# shellcheck disable=SC2154 # cni() sets output

bats_require_minimum_version 1.5.0
load lib/vlan

teardown() {
	local c
	for c in "${ATTACHED[@]}"; do
		cni DEL netstack CNI_CONTAINERID="id-$c" CNI_NETNS="/run/netns/$c" <<<"$(ours '"mode":"hybrid"')"
	done
	host_gone
}

# ours KEYS, ours_l3 KEYS: l2 and l3 for the plugin netstack.
ours() { l2 "$1" | sed 's/"type":"bridge"/"type":"netstack"/'; }
ours_l3() { l3 "$1" | sed 's/"type":"bridge"/"type":"netstack"/'; }

# attach CONTAINER CONF: by netstack; its uplink goes into $uplink, which no index leads to.
ATTACHED=()
attach() {
	ATTACHED+=("$1")
	cni ADD netstack CNI_CONTAINERID="id-$1" CNI_NETNS="/run/netns/$1" <<<"$2"
	((status == 0)) || fail "ADD $1: status $status: $output $stderr"
	uplink=$(jq -r '.interfaces[1].name' <<<"$output")
}

# verb VERB CONTAINER CONF
verb() {
	cni "$1" netstack CNI_CONTAINERID="id-$2" CNI_NETNS="/run/netns/$2" <<<"$3"
	((status == 0)) || fail "$1 $2: status $status: $output $stderr"
}

@test "vlan: netstack's containers and bridge's of one VLAN reach each other, others do not" {
	container_new c2 c3
	attach c1 "$(ours '"vlan":100')"
	[[ $(vids "$uplink") == "100 PVID untagged" ]]
	verb CHECK c1 "$(with_prev "$(ours '"vlan":100')")"
	call ADD c2 "$(l2 '"vlan":100')"
	call ADD c3 "$(l2 '"vlan":200')"
	in_container c1 ip addr add 10.9.0.1/24 dev eth0
	in_container c2 ip addr add 10.9.0.2/24 dev eth0
	in_container c3 ip addr add 10.9.0.3/24 dev eth0
	reaches c1 10.9.0.2
	reaches c2 10.9.0.1
	lacks c1 10.9.0.3
	lacks c3 10.9.0.1 "$(port_of c3)" 100 pvid untagged
	verb DEL c1 "$(ours '"vlan":100')"
	wait_for 10 gone_from_bridge "$uplink"
}

gone_from_bridge() { ! host test -e "/sys/class/net/br0/brif/$1"; }

@test "vlanTrunk: tags go through the stack's tap" {
	container_new c2
	attach c1 "$(ours '"vlanTrunk":[{"id":30},{"minID":10,"maxID":12}],"preserveDefaultVlan":true')"
	[[ $(vids "$uplink") == "1 PVID untagged, 10-12, 30" ]]
	call ADD c2 "$(l2 '"vlan":10')"
	tagged c1 10 10.10.0.1/24
	in_container c2 ip addr add 10.10.0.2/24 dev eth0
	reaches c1 10.10.0.2
	reaches c2 10.10.0.1
}

@test "vlan with isGateway: the gateway is an interface of the VLAN, and CHECK knows it" {
	local text
	text=$(ours_l3 '"vlan":100')
	attach c1 "$text"
	[[ $(jq -r '.interfaces | map(.name) | .[0] + " " + .[3]' <<<"$output") == "br0 br0.100" ]]
	[[ $(vids "$uplink") == "100 PVID untagged" ]]
	reaches c1 10.9.0.1
	text=$(with_prev "$text")
	verb CHECK c1 "$text"
	host bridge vlan del dev "$uplink" vid 100
	cni CHECK netstack CNI_CONTAINERID=id-c1 CNI_NETNS=/run/netns/c1 <<<"$text"
	((status == 1)) || fail "CHECK finds nothing"
	[[ $output == *"is not in VLAN 100"* ]]
}
