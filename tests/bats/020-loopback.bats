#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# loopback: lo of a container, up and down

# shellcheck disable=SC2016 # filters of jq and inner shells
bats_require_minimum_version 1.5.0
load lib/common

conf='{"cniVersion":"1.0.0","name":"lo-net","type":"loopback"}'

setup() {
	host_new
	container_new c1
}

teardown() {
	host_gone
}

# is_up: lo of the container.
is_up() {
	in_container c1 ip -o link show lo | grep -q '<LOOPBACK,UP'
}

@test "ADD sets lo up and answers with its addresses, DEL sets it down, twice" {
	run ! is_up
	cni_ok ADD loopback <<<"$conf"
	is_up
	diff <(printf '%s\n' "$output") - <<-'END'
		{
		    "cniVersion": "1.0.0",
		    "interfaces": [
		        {
		            "mac": "00:00:00:00:00:00",
		            "name": "lo",
		            "sandbox": "/run/netns/c1"
		        }
		    ],
		    "ips": [
		        {
		            "address": "127.0.0.1/8",
		            "interface": 0
		        },
		        {
		            "address": "::1/128",
		            "interface": 0
		        }
		    ]
		}
	END
	in_container c1 ping -c 1 -W 2 127.0.0.1
	cni_ok ADD loopback <<<"$conf"
	cni_ok DEL loopback <<<"$conf"
	run ! is_up
	cni_ok DEL loopback <<<"$conf"
}

@test "every version gets its own shape" {
	local v
	for v in "${CNI_VERSIONS[@]}"; do
		cni_ok ADD loopback <<<"$(conf "$conf" '.cniVersion=$v' --arg v "$v")"
		[[ $(json .cniVersion) == "$v" ]]
		case $v in
		0.[12].0)
			same_json "$output" '{"cniVersion":"'"$v"'","ip4":{"ip":"127.0.0.1/8"},
				"ip6":{"ip":"::1/128"},"dns":{}}'
			;;
		0.*)
			same_json "$output" '{"cniVersion":"'"$v"'","interfaces":[{"name":"lo",
				"mac":"00:00:00:00:00:00","sandbox":"/run/netns/c1"}],
				"ips":[{"version":"4","interface":0,"address":"127.0.0.1/8"},
				{"version":"6","interface":0,"address":"::1/128"}],"dns":{}}'
			;;
		*)
			same_json "$output" '{"cniVersion":"'"$v"'","interfaces":[{"name":"lo",
				"mac":"00:00:00:00:00:00","sandbox":"/run/netns/c1"}],
				"ips":[{"interface":0,"address":"127.0.0.1/8"},
				{"interface":0,"address":"::1/128"}]}'
			;;
		esac
		cni_ok DEL loopback <<<"$(conf "$conf" '.cniVersion=$v' --arg v "$v")"
		run ! is_up
	done
}

@test "without IPv6 there is one address" {
	in_container c1 sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
		echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6'
	cni_ok ADD loopback <<<"$conf"
	[[ $(json '[.ips[].address] | join(" ")') == 127.0.0.1/8 ]]
}

@test "prevResult is passed through" {
	local prev='{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/x"}],
		"ips":[{"address":"10.1.0.2/24","interface":0}],"routes":[{"dst":"0.0.0.0/0"}],
		"dns":{"nameservers":["10.1.0.1"]}}'
	cni_ok ADD loopback <<<"$(conf "$conf" '.prevResult=$p' --argjson p "$prev")"
	is_up
	same_json "$output" "$prev"
}

@test "an address that is not of the loopback network is refused, and lo left down" {
	in_container c1 ip addr add 10.9.9.9/32 dev lo
	cni_fails 999 'loopback interface found with non-loopback address "10.9.9.9"' \
		ADD loopback <<<"$conf"
	run ! is_up
	in_container c1 ip addr del 10.9.9.9/32 dev lo
	in_container c1 ip addr add fd00::9/128 dev lo
	cni_fails 999 'loopback interface found with non-loopback address "fd00::9"' \
		ADD loopback <<<"$conf"
	run ! is_up
}

@test "CHECK wants lo up and needs no prevResult" {
	cni_fails 999 'loopback interface is down' CHECK loopback <<<"$conf"
	cni_ok ADD loopback <<<"$conf"
	cni_ok CHECK loopback <<<"$conf"
	in_container c1 ip link set lo down
	cni_fails 999 'loopback interface is down' CHECK loopback <<<"$conf"
}

@test "DEL succeeds without a namespace" {
	cni_ok DEL loopback CNI_NETNS= <<<"$conf"
	cni_ok DEL loopback CNI_NETNS=/run/netns/none <<<"$conf"
	host touch /run/unmounted
	cni_ok DEL loopback CNI_NETNS=/run/unmounted <<<"$conf"
	cni_ok ADD loopback <<<"$conf"
	container_gone c1
	cni_ok DEL loopback <<<"$conf"
}

@test "a path that is no namespace is named" {
	host touch /run/file
	cni_fails 999 'failed to open netns "/run/file": *' ADD loopback CNI_NETNS=/run/file <<<"$conf"
	cni_fails 999 'failed to open netns "/run/file": *' CHECK loopback CNI_NETNS=/run/file <<<"$conf"
	cni_fails 999 'failed to open netns "/run/none": *' ADD loopback CNI_NETNS=/run/none <<<"$conf"
	cni_fails 999 'failed to open netns "/run/none": *' CHECK loopback CNI_NETNS=/run/none <<<"$conf"
}

@test "a namespace may be named by a process, and the text is kept" {
	local pid
	host sh -c 'nsenter --net=/run/netns/c1 setpriv --pdeathsig KILL sleep 60 >/dev/null 2>&1 3>&- &
		echo $! >/run/pid'
	pid=$(host cat /run/pid)
	wait_for 5 host sh -c "[ \$(readlink /proc/$pid/ns/net) != \$(readlink /proc/self/ns/net) ]"
	cni_ok ADD loopback CNI_NETNS="/proc/$pid/ns/net" <<<"$conf"
	[[ $(json '.interfaces[0].sandbox') == "/proc/$pid/ns/net" ]]
	is_up
	kill "$pid"
}

@test "lo of the host is not touched" {
	host ip link set lo down
	cni_fails 8 "plugin's netns and netns from CNI_NETNS should not be the same" \
		ADD loopback CNI_NETNS=/proc/self/ns/net <<<"$conf"
	host ip -o link show lo | grep -q '<LOOPBACK>'
	cni_ok ADD loopback <<<"$conf"
	host ip -o link show lo | grep -q '<LOOPBACK>'
}

@test "GC and STATUS have nothing to do" {
	local conf11
	conf11=$(conf "$conf" '.cniVersion="1.1.0"')
	cni_ok ADD loopback <<<"$conf11"
	cni_ok STATUS loopback CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$conf11"
	cni_ok GC loopback CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$conf11" '."cni.dev/valid-attachments"=[]')"
	is_up
}
