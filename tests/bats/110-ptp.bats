#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ptp: a container behind a veth pair, routed by the host

# shellcheck disable=SC2016 # filters of jq and inner shells
bats_require_minimum_version 1.5.0
load lib/common

base='{"cniVersion":"1.0.0","name":"net1","type":"ptp","ipMasq":true,"mtu":1400,
	"ipam":{"type":"host-local","ranges":[[{"subnet":"10.9.0.0/24"}],[{"subnet":"fd00:9::/64"}]],
	"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]}}'

setup() {
	host_new
	container_new c1
}

teardown() {
	host_gone
}

add() { cni_ok ADD ptp CNI_CONTAINERID="id-$1" CNI_NETNS="/run/netns/$1" <<<"$2"; }

@test "ADD: result, addresses, and routes as the reference lays them out" {
	local port
	cni_ok ADD ptp <<<"$base"
	port=$(json '.interfaces[0].name')
	same_json "$(json 'del(.interfaces[].mac)')" '{"cniVersion":"1.0.0",
		"interfaces":[{"name":"'"$port"'"},{"name":"eth0","sandbox":"/run/netns/c1"}],
		"ips":[{"address":"10.9.0.2/24","gateway":"10.9.0.1","interface":1},
			{"address":"fd00:9::2/64","gateway":"fd00:9::1","interface":1}],
		"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]}'
	diff - <(in_container c1 ip -4 route | sort) <<-'END'
		10.9.0.0/24 via 10.9.0.1 dev eth0 src 10.9.0.2 
		10.9.0.1 dev eth0 scope link src 10.9.0.2 
		default via 10.9.0.1 dev eth0 
	END
	[[ $(host ip route) == *"10.9.0.2 dev $port scope host"* ]]
	[[ $(host ip -o addr show "$port") == *"10.9.0.1/32 "* ]]
	[[ $(host ip -6 route) == *"fd00:9::2 dev $port"* ]]
	[[ $(host ip -o link show "$port") == *" mtu 1400 "* ]]
	[[ $(in_container c1 ip -6 addr show eth0 scope global) != *tentative* ]]
	in_container c1 ping -c 1 -W 2 10.9.0.1
	in_container c1 ping -c 1 -W 2 fd00:9::1
	cni_ok CHECK ptp <<<"$(conf "$base" --argjson p "$output" '.prevResult = $p')"
}

@test "two containers reach each other through the host, and the outside through NAT" {
	container_new c2 out
	host ip link add ext0 type veth peer name ext1 netns out
	host ip addr add 192.0.2.1/24 dev ext0
	host ip link set ext0 up
	in_container out ip addr add 192.0.2.2/24 dev ext1
	in_container out ip link set ext1 up
	add c1 "$base"
	add c2 "$base"
	in_container c1 ping -c 1 -W 2 10.9.0.3
	in_container c1 ping -c 1 -W 2 fd00:9::3
	in_container c1 ping -c 1 -W 2 192.0.2.2
}

@test "every version: ADD, CHECK from 0.4.0, DEL twice; nothing is left" {
	local v c before
	cni_ok ADD ptp <<<"$base"
	cni_ok DEL ptp <<<"$base"
	before=$(snapshot c1)
	for v in "${CNI_VERSIONS[@]}"; do
		c=$(conf "$base" --arg v "$v" '.cniVersion = $v')
		cni_ok ADD ptp <<<"$c"
		case $v in
		0.4.0 | 1.*) cni_ok CHECK ptp <<<"$(conf "$c" --argjson p "$output" '.prevResult = $p')" ;;
		esac
		cni_ok DEL ptp <<<"$c"
		cni_ok DEL ptp <<<"$c"
		diff <(echo "$before") <(snapshot c1)
	done
}

@test "DEL with a namespace that is gone releases rules and addresses" {
	container_new c9
	add c9 "$base"
	container_gone c9
	cni_ok DEL ptp CNI_CONTAINERID=id-c9 CNI_NETNS=/run/netns/c9 <<<"$base"
	run ! grep id-c9 <(host nft list ruleset)
	[[ -z $(host find /var/lib/cni/networks/net1 -name '10.*') ]]
}

@test "a failing ADD leaves nothing" {
	local before
	before=$(snapshot c1)
	cni_fails 999 "*203.0.113.1*" ADD ptp \
		<<<"$(conf "$base" '.ipam.routes = [{"dst":"10.77.0.0/16","gw":"203.0.113.1"}]')"
	cni_fails 999 "IPAM plugin returned no gateway for address 10.5.0.2/24*" ADD ptp \
		<<<"$(conf "$base" '.ipam = {"type":"static","addresses":[{"address":"10.5.0.2/24"}]}')"
	cni_fails 999 "no plugin name provided" ADD ptp <<<"$(conf "$base" 'del(.ipam)')"
	cni_fails 999 "key 'mtu' must not be negative, got -5" ADD ptp <<<"$(conf "$base" '.mtu = -5')"
	diff <(echo "$before") <(snapshot c1 | grep -v /var/lib/cni/networks/)
	[[ -z $(host find /var/lib/cni/networks/net1 -name '10.*') ]]
}

@test "CHECK finds what is missing" {
	local c
	cni_ok ADD ptp <<<"$base"
	c=$(conf "$base" --argjson p "$output" '.prevResult = $p')
	cni_fails 999 "ptp: Required prevResult missing" CHECK ptp <<<"$base"
	in_container c1 ip route del default
	cni_fails 999 "Expected Route 0.0.0.0/0 not found in routing table" CHECK ptp <<<"$c"
	in_container c1 ip link del eth0
	cni_fails 999 "ptp: Container Interface name in prevResult: eth0 not found" CHECK ptp <<<"$c"
}

@test "GC and STATUS" {
	local gc
	container_new c2
	add c1 "$base"
	add c2 "$base"
	gc=$(conf "$base" '.cniVersion = "1.1.0" |
		."cni.dev/valid-attachments" = [{"containerID":"id-c2","ifname":"eth0"}]')
	cni_ok GC ptp CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$gc"
	run ! grep id-c1 <(host nft list ruleset)
	[[ $(host nft list ruleset | grep -c 'id: id-c2"') == 2 ]]
	[[ $(host sh -c 'ls /var/lib/cni/networks/net1') != *10.9.0.2* ]]
	cni_ok STATUS ptp CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$(conf "$base" '.cniVersion = "1.1.0"')"
	cni_fails 50 '*' STATUS ptp CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$base" '.cniVersion = "1.1.0" | .ipam.dataDir = "/proc/nowhere"')"
}
