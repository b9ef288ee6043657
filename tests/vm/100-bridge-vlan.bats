#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bridge: the VLANs of its ports, with traffic

bats_require_minimum_version 1.5.0
load lib/vlan

@test "vlan: containers of one VLAN reach each other, others do not" {
	local c n=0
	container_new c2 c3 c4
	for c in c1:100 c2:100 c3:200; do
		call ADD "${c%:*}" "$(l2 "\"vlan\":${c#*:}")"
		in_container "${c%:*}" ip addr add "10.9.0.$((n += 1))/24" dev eth0
	done
	call ADD c4 "$(l2 '"mtu":1400')"
	in_container c4 ip addr add 10.9.0.4/24 dev eth0

	[[ $(host cat /sys/class/net/br0/bridge/vlan_filtering) == 1 ]]
	[[ $(vids "$(port_of c1)") == "100 PVID untagged" ]]
	[[ $(vids "$(port_of c3)") == "200 PVID untagged" ]]
	[[ $(vids "$(port_of c4)") == "1 PVID untagged" ]]
	[[ $(vids br0) == "1 PVID untagged" ]]
	reaches c1 10.9.0.2
	reaches c2 10.9.0.1
	lacks c1 10.9.0.3
	lacks c4 10.9.0.1 "$(port_of c4)" 100 pvid untagged
	lacks c3 10.9.0.1 "$(port_of c3)" 100 pvid untagged

	for c in c1 c2 c3 c4; do
		call DEL "$c" "$(l2 '"vlan":100')"
	done
	[[ $(ports) == 0 ]]
}

@test "vlanTrunk: ids and ranges, tagged; what has no tag is VLAN 1" {
	container_new c2 c3 c4
	call ADD c1 "$(l2 '"vlanTrunk":[{"id":30},{"minID":10,"maxID":12},{"minID":11,"maxID":20,"id":30}]')"
	call ADD c2 "$(l2 '"vlan":10')"
	call ADD c3 "$(l2 '"vlan":40')"
	call ADD c4 "$(l2 '"vlanTrunk":[{"id":10}]')"
	[[ $(vids "$(port_of c1)") == "1 PVID untagged, 10-20, 30" ]]
	[[ $(vids "$(port_of c4)") == "1 PVID untagged, 10" ]]

	tagged c1 10 10.10.0.1/24
	tagged c1 40 10.40.0.1/24
	in_container c2 ip addr add 10.10.0.2/24 dev eth0
	in_container c3 ip addr add 10.40.0.2/24 dev eth0
	tagged c4 10 10.10.0.4/24
	reaches c1 10.10.0.2
	reaches c4 10.10.0.1
	lacks c1 10.40.0.2 "$(port_of c1)" 40

	in_container c1 ip addr add 10.1.0.1/24 dev eth0
	in_container c4 ip addr add 10.1.0.4/24 dev eth0
	reaches c1 10.1.0.4
}

@test "vlan and vlanTrunk together: the access VLAN stays untagged, also when the trunk names it" {
	call ADD c1 "$(l2 '"vlan":100,"vlanTrunk":[{"id":200}]')"
	[[ $(vids "$(port_of c1)") == "100 PVID untagged, 200" ]]
	call DEL c1 "$(l2 '"vlan":100')"
	call ADD c1 "$(l2 '"vlan":100,"vlanTrunk":[{"minID":1,"maxID":4094}]')"
	[[ $(vids "$(port_of c1)") == "1-99, 100 PVID untagged, 101-4094" ]]
	call DEL c1 "$(l2 '"vlan":100')"
	call ADD c1 "$(l2 '"vlanTrunk":[{"minID":1,"maxID":2}]')"
	[[ $(vids "$(port_of c1)") == "1 PVID untagged, 2" ]]
}

@test "preserveDefaultVlan keeps VLAN 1" {
	local c
	container_new c2 c3
	for c in c1:true c2:false; do
		call ADD "${c%:*}" "$(l2 "\"vlan\":100,\"preserveDefaultVlan\":${c#*:}")"
	done
	[[ $(vids "$(port_of c1)") == "1 untagged, 100 PVID untagged" ]]
	[[ $(vids "$(port_of c2)") == "100 PVID untagged" ]]
	call ADD c3 "$(l2 '"vlanTrunk":[{"id":7}],"preserveDefaultVlan":true')"
	[[ $(vids "$(port_of c3)") == "1 PVID untagged, 7" ]]
}

@test "an empty vlanTrunk makes a bridge that filters, and changes no port" {
	call ADD c1 "$(l2 '"vlanTrunk":[]')"
	[[ $(host cat /sys/class/net/br0/bridge/vlan_filtering) == 1 ]]
	[[ $(vids "$(port_of c1)") == "1 PVID untagged" ]]
}

@test "a bridge that does not filter VLANs is refused, with what to do" {
	local msg before
	host ip link add br0 type bridge
	before=$(snapshot c1)
	msg='bridge "br0" exists and does not filter VLANs, *ip link set br0 type bridge vlan_filtering 1*'
	cni_fails 999 "$msg" ADD bridge <<<"$(l2 '"vlan":100')"
	cni_fails 999 "$msg" ADD bridge <<<"$(l2 '"vlanTrunk":[{"id":7}]')"
	cni_fails 50 "$msg" STATUS bridge CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$(l2 '"vlan":100')"
	diff <(echo "$before") <(snapshot c1)
	call ADD c1 "$(l2 '"vlanTrunk":[]')"
	call DEL c1 "$(l2 '"vlanTrunk":[]')"
	host ip link set br0 type bridge vlan_filtering 1
	call ADD c1 "$(l2 '"vlan":100')"
}

@test "bad values name the key and the value, and nothing is made" {
	local keys msg
	while IFS=@ read -r keys msg; do
		cni_fails 999 "$msg" ADD bridge <<<"$(l3 "$keys")"
	done <<-'END'
		"vlan":-1@invalid VLAN ID -1 (must be between 0 and 4094)
		"vlan":4095@invalid VLAN ID 4095 (must be between 0 and 4094)
		"vlan":"7"@failed to load netconf: key 'vlan' must be an integer, not a string
		"vlanTrunk":7@failed to load netconf: key 'vlanTrunk' must be an array*
		"vlanTrunk":[7]@failed to load netconf: key 'vlanTrunk*
		"vlanTrunk":[{"id":0}]@incorrect trunk id parameter*0*
		"vlanTrunk":[{"minID":1,"maxID":4095}]@incorrect trunk maxID parameter*4095*
		"bridge":"bridge-name-14","vlan":5@interface name "bridge-name-14.5" for the gateway of VLAN 5 is too long
	END
	[[ -z $(host ip -o link show type bridge) ]]
}

@test "macspoofchk with vlan: untagged and tagged frames" {
	local conf
	conf=$(l2 '"vlan":100,"vlanTrunk":[{"id":7}],"macspoofchk":true')
	container_new c2
	call ADD c1 "$conf"
	call ADD c2 "$conf"
	in_container c1 ip addr add 10.9.0.1/24 dev eth0
	in_container c2 ip addr add 10.9.0.2/24 dev eth0
	tagged c1 7 10.7.0.1/24
	tagged c2 7 10.7.0.2/24
	reaches c1 10.9.0.2
	reaches c1 10.7.0.2
	in_container c1 ip link set eth0.7 address 02:00:00:00:00:98
	lacks c1 10.7.0.2
	reaches c1 10.9.0.2
	in_container c1 ip link set eth0 address 02:00:00:00:00:99
	lacks c1 10.9.0.2
	call DEL c1 "$conf"
	run ! grep id-c1 <(host nft list ruleset)
}
