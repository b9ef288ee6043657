#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bridge: the gateway of a VLAN, with traffic

# shellcheck disable=SC2016 # inner shells
bats_require_minimum_version 1.5.0
load lib/vlan

@test "vlan with isGateway: the gateway answers in its VLAN only, two containers share it" {
	local conf first port c
	conf=$(l3 '"vlan":100')
	container_new c2 c3
	call ADD c1 "$conf"
	first=$output
	[[ $(json '[.interfaces[].name] | "\(length) \(.[0]) \(.[2]) \(.[3])"') == "4 br0 eth0 br0.100" ]]
	[[ $(json '.interfaces[3] | "\(.mac) \(.sandbox)"') == "$(host cat /sys/class/net/br0.100/address) null" ]]
	[[ $(json '[.ips[] | "\(.interface) \(.gateway)"] | join(" ")') == "2 10.9.0.1 2 fd00:9::1" ]]
	reaches c1 10.9.0.1
	reaches c1 fd00:9::1
	[[ $(host ip -o addr show br0) != *10.9.0.1* ]]
	[[ $(host ip -o addr show br0.100) == *10.9.0.1/24*fd00:9::1/64* ]]
	[[ $(host cat /proc/sys/net/ipv6/conf/br0.100/accept_ra) == 0 ]]
	port=$(host ip -o link show br0.100 | sed 's/.*@\([^:]*\):.*/\1/')
	[[ $(vids "$port") == "100 PVID untagged" ]]

	call ADD c2 "$conf"
	[[ $(json '.interfaces[3]') == "$(jq -r '.interfaces[3]' <<<"$first")" ]]
	[[ $(ports) == 3 ]]
	reaches c2 10.9.0.1
	reaches c2 10.9.0.2
	host ping -q -c 1 -W 5 fd00:9::3

	call ADD c3 "$(l2 '"vlan":200')"
	in_container c3 ip addr add 10.9.0.9/24 dev eth0
	lacks c3 10.9.0.1 "$(port_of c3)" 100 pvid untagged

	output=$first
	call CHECK c1 "$(with_prev "$conf")"
	for c in c1 c2 c3; do
		call DEL "$c" "$conf"
	done
	[[ $(ports) == 1 && $(host ls /sys/class/net/br0/brif) == "$port" ]]
	call ADD c1 "$conf"
	reaches c1 10.9.0.1
}

@test "vlan with isGateway, isDefaultGateway and ipMasq: to the outside and back" {
	container_new out
	host ip -batch - <<-END
		link add ext0 type veth peer name ext1 netns out
		addr add 192.0.2.1/24 dev ext0
		link set ext0 up
	END
	in_container out ip -batch - <<-END
		addr add 192.0.2.2/24 dev ext1
		link set ext1 up
	END
	call ADD c1 "$(l3 '"vlan":5,"isDefaultGateway":true,"ipMasq":true')"
	reaches c1 192.0.2.2
	call DEL c1 "$(l3 '"vlan":5,"ipMasq":true')"
	run ! grep id-c1 <(host nft list ruleset)
}

@test "an interface that the administrator made for the gateway is used as it is" {
	host ip -batch - <<-END
		link add br0 type bridge vlan_filtering 1
		link add link br0 name br0.100 type vlan id 100
		link set br0 up
		link set br0.100 up
	END
	host bridge vlan add dev br0 vid 100 self
	call ADD c1 "$(l3 '"vlan":100')"
	reaches c1 10.9.0.1
	[[ $(ports) == 1 ]]
	[[ $(host ip -d link show br0.100) == *"vlan protocol 802.1Q id 100"* ]]
}

@test "a gateway that a killed ADD left unfinished is finished" {
	host ip -batch - <<-END
		link add br0 type bridge vlan_filtering 1
		link add p100 type veth peer name br0.100
		link set p100 master br0 up
	END
	call ADD c1 "$(l3 '"vlan":100')"
	[[ $(vids p100) == "100 PVID untagged" ]]
	reaches c1 10.9.0.1
}

# masq_broken: from now on an ADD with ipMasq fails, as its last step but one.
masq_broken() {
	host nft -f - <<-END
		table inet cni_plugins_masquerade {
			chain postrouting {
				type filter hook input priority 0
			}
		}
	END
}

@test "a failing ADD leaves nothing: no bridge, no gateway, no VLAN" {
	local before
	masq_broken
	before=$(kept c1)
	cni_fails 999 "*masquerade*" ADD bridge <<<"$(l3 '"vlan":100,"ipMasq":true')"
	diff <(echo "$before") <(kept c1)

	# Others are on the bridge, in another VLAN and in none.
	container_new c2 c3
	call ADD c2 "$(l3 '"vlan":200')"
	call ADD c3 "$(l2 '"mtu":1500')"
	before=$(kept c1 c2)
	cni_fails 999 "*masquerade*" ADD bridge <<<"$(l3 '"vlan":100,"ipMasq":true')"
	diff <(echo "$before") <(kept c1 c2)

	# The gateway of those who are in the VLAN stays.
	cni_fails 999 "*masquerade*" ADD bridge <<<"$(l3 '"vlan":200,"ipMasq":true')"
	diff <(echo "$before") <(kept c1 c2)
	reaches c2 10.9.0.1
}

@test "CHECK finds a port without its VLAN, and a gateway that is gone" {
	local conf port
	conf=$(l3 '"vlan":100,"vlanTrunk":[{"id":7},{"id":8}]')
	call ADD c1 "$conf"
	port=$(port_of c1)
	conf=$(with_prev "$conf")
	cni_ok CHECK bridge CNI_CONTAINERID=id-c1 <<<"$conf"
	host bridge vlan del dev "$port" vid 8
	cni_fails 999 "Interface $port is not in VLAN 8" CHECK bridge CNI_CONTAINERID=id-c1 <<<"$conf"
	host bridge vlan add dev "$port" vid 8
	host bridge vlan del dev "$port" vid 100
	cni_fails 999 "Interface $port is not in VLAN 100" CHECK bridge CNI_CONTAINERID=id-c1 <<<"$conf"
	host bridge vlan add dev "$port" vid 100 pvid untagged
	cni_ok CHECK bridge CNI_CONTAINERID=id-c1 <<<"$conf"
	host ip link del br0.100
	cni_fails 999 "Interface name br0.100 not found" CHECK bridge CNI_CONTAINERID=id-c1 <<<"$conf"
}

@test "sixteen first ADDs at once, half of which fail, share one gateway" {
	local i
	masq_broken
	for i in {0..15}; do echo "netns add p$i"; done | host ip -batch -
	l3 '"vlan":100' >"$BATS_TEST_TMPDIR/conf-0"
	l3 '"vlan":100,"ipMasq":true' >"$BATS_TEST_TMPDIR/conf-1"
	host bash -c 'for i in {0..15}; do
			CNI_COMMAND=ADD CNI_CONTAINERID=id-$i CNI_NETNS=/run/netns/p$i CNI_IFNAME=eth0 \
				CNI_PATH=$1 "$1/bridge" <"$2/conf-$((i % 2))" >"$2/result-$i" &
		done; wait' bash "$CNI_BIN" "$BATS_TEST_TMPDIR"
	[[ $(cat "$BATS_TEST_TMPDIR"/result-* | grep -c '"name": "br0.100"') == 8 ]] ||
		fail "$(cat "$BATS_TEST_TMPDIR"/result-*)"
	[[ $(ports) == 9 ]]
	for i in 0 2 4 6 8 10 12 14; do
		[[ $(vids "$(port_of "p$i")") == "100 PVID untagged" ]]
	done
	reaches p14 10.9.0.1
	reaches p0 10.9.0.1
}
