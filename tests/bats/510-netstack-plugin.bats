#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The plugin "netstack": what each verb makes and takes back.  What programs see of it is in
# 520-netns-run-user.bats.
# shellcheck disable=SC2016,SC2154 # dollars are of jq; cni sets stderr

bats_require_minimum_version 1.5.0
load lib/common
load lib/netstack

CONF='{"cniVersion":"1.1.0","name":"net1","type":"netstack","bridge":"br0","isGateway":true,
	"ipMasq":true,"hairpinMode":true,
	"ipam":{"type":"host-local","ranges":[[{"subnet":"10.1.0.0/24"}],[{"subnet":"fd00:1::/64"}]],
		"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]}}'

setup() {
	host_new
	container_new c1
}

teardown() {
	daemons_gone
	host_gone
}

# sockets: of the netstackds of the host.
sockets() {
	host sh -c 'ls /run/fairlead/netstack/*.sock 2>/dev/null' || true
}

# gone PID: a process has ended, or does so within 5 seconds.
gone() {
	local i
	for ((i = 0; i < 250; i++)); do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.02
	done
	fail "process $1 is still there"
}

uplink() {
	json '.interfaces[1].name'
}

@test "ADD makes the bridge, an uplink that is its port and a tap with the addresses" {
	cni_ok ADD netstack <<<"$CONF"
	[[ $(json '.interfaces | map(.name) | join(" ")') == "br0 fl"????????" eth0" ]]
	[[ $(json '.interfaces[2].sandbox') == /run/netns/c1 ]]
	[[ $(json '.ips | map(.address) | join(" ")') == "10.1.0.2/24 fd00:1::2/64" ]]
	[[ $(json '.ips | map(.interface) | join(" ")') == "2 2" ]]
	[[ $(host ip -d -j link show "$(uplink)" | jq -r '.[0].linkinfo.info_kind') == tun ]]
	[[ $(host ip -j link show "$(uplink)" | jq -r '.[0].master') == br0 ]]
	[[ $(host cat "/sys/class/net/$(uplink)/brport/hairpin_mode") == 1 ]]
	[[ $(host cat "/sys/class/net/$(uplink)/address") == "$(json '.interfaces[1].mac')" ]]
	[[ $(in_container c1 ip -d -j link show eth0 | jq -r '.[0].linkinfo.info_kind') == tun ]]
	[[ $(in_container c1 ip -j link show eth0 | jq -r '.[0].address') == "$(json '.interfaces[2].mac')" ]]
	in_container c1 ip -4 -o addr show dev eth0 | grep -qF 'inet 10.1.0.2/24'
	in_container c1 ip -6 -o addr show dev eth0 | grep -qF 'inet6 fd00:1::2/64'
	in_container c1 ip route | grep -qF 'default via 10.1.0.1 dev eth0'
	in_container c1 ip -6 route | grep -qF 'default via fd00:1::1 dev eth0'
	host ip -4 -o addr show dev br0 | grep -qF 'inet 10.1.0.1/24'
	host nft list ruleset | grep -q '10\.1\.0\.2.*masquerade'
	cni_ok CHECK netstack <<<"$(conf "$CONF" '.prevResult = $p' --argjson p "$output")"
}

@test "DEL takes all of it back and can be repeated; the bridge stays" {
	cni_ok ADD netstack <<<"$CONF"
	local result=$output pid
	pid=$(pids)
	[[ $pid ]]
	cni_ok DEL netstack <<<"$(conf "$CONF" '.prevResult = $p' --argjson p "$result")"
	gone "$pid"
	[[ -z $(sockets) ]]
	! host ip -o link | grep -q ': fl' || fail "uplink is there"
	! in_container c1 ip link show eth0 2>/dev/null || fail "eth0 is there"
	! host nft list ruleset | grep -q '10\.1\.0\.2' || fail "rules are there"
	[[ -z $(host find /var/lib/cni/networks/net1 -name '10.*') ]]
	host ip link show br0
	cni_ok DEL netstack <<<"$CONF"
}

@test "DEL finds the daemon by container id when the namespace has no path any more" {
	cni_ok ADD netstack <<<"$CONF"
	local pid
	pid=$(pids)
	cni_ok DEL netstack CNI_NETNS= <<<"$CONF"
	gone "$pid"
	! host ip -o link | grep -q ': fl' || fail "uplink is there"
	[[ -z $(host find /var/lib/cni/networks/net1 -name '10.*') ]]
}

@test "DEL after the daemon was killed" {
	cni_ok ADD netstack <<<"$CONF"
	local pid
	pid=$(pids)
	kill -KILL "$pid"
	gone "$pid"
	cni_fails 999 "*" CHECK netstack <<<"$(conf "$CONF" '.prevResult = $p' --argjson p "$output")"
	cni_ok DEL netstack <<<"$CONF"
	[[ -z $(host find /var/lib/cni/networks/net1 -name '10.*') ]]
}

@test "DEL ends a daemon that does not answer" {
	cni_ok ADD netstack <<<"$CONF"
	local pid
	pid=$(pids)
	kill -STOP "$pid"
	cni_ok DEL netstack <<<"$CONF"
	gone "$pid"
	wait_for 5 nobody_serves
	! host ip -o link | grep -q ': fl' || fail "uplink is there"
	[[ -z $(host find /var/lib/cni/networks/net1 -name '10.*') ]]
}

@test "a failed ADD leaves nothing, whatever it was that failed" {
	local before after bad
	before=$(snapshot c1)
	for bad in '.daemon = "/nowhere/netstackd"' '.daemon = "/bin/false"' \
		'.ipam.ranges = [[{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.9","rangeEnd":"10.1.0.9"}]]
			| .ipam.routes = [{"dst":"10.7.0.0/24","gw":"10.99.0.1"}]' \
		'.ipam.type = "no-such-ipam"' '.nic = "macvtap:nodev0" | del(.isGateway, .ipMasq, .hairpinMode)'; do
		cni ADD netstack <<<"$(conf "$CONF" "$bad")"
		((status == 1)) || fail "$bad: status $status: $output"
		[[ -z $(sockets) ]] || fail "$bad: a netstackd is there"
		after=$(snapshot c1)
		# host-local remembers the last address it gave, and the lock.
		diff <(grep -v '^/var/lib/cni' <<<"$before") <(grep -v '^/var/lib/cni\|^table\|^	chain' <<<"$after") ||
			fail "$bad: something is left"
		[[ -z $(host find /var/lib/cni -name '10.*') ]]
	done
}

@test "messages for values that cannot be" {
	cni_fails 999 "key 'mode' must be 'hybrid' or 'full', got 'half'" ADD netstack \
		<<<"$(conf "$CONF" '.mode = "half"')"
	cni_fails 999 "annotation 'fairlead.io/stack' must be 'user' or 'kernel', got 'mine'" ADD netstack \
		<<<"$(conf "$CONF" '.runtimeConfig = {"io.kubernetes.cri.pod-annotations":{"fairlead.io/stack":"mine"}}')"
	cni_fails 999 "key 'nic' must be 'bridge' or 'macvtap:DEVICE', got 'veth'" ADD netstack \
		<<<"$(conf "$CONF" '.nic = "veth"')"
	cni_fails 999 "key 'isGateway' needs nic 'bridge', not 'macvtap:up0'" ADD netstack \
		<<<"$(conf "$CONF" '.nic = "macvtap:up0"')"
	cni_fails 999 "key 'daemon': '/nowhere/netstackd' is not the path of a program" ADD netstack \
		<<<"$(conf "$CONF" '.daemon = "/nowhere/netstackd"')"
	cni_fails 999 "key 'disableContainerInterface' needs stack 'kernel': netstackd serves an interface that is up" \
		ADD netstack <<<"$(conf "$CONF" 'del(.ipam) | .disableContainerInterface = true')"
	cni_fails 999 "cannot use IPAM when DisableContainerInterface flag is set" ADD netstack \
		<<<"$(conf "$CONF" '.stack = "kernel" | .disableContainerInterface = true')"
	cni_fails 999 "invalid VLAN ID 4095 (must be between 0 and 4094)" ADD netstack \
		<<<"$(conf "$CONF" '.vlan = 4095')"
	cni_fails 999 "minID and maxID should be configured simultaneously, maxID is missing" ADD netstack \
		<<<"$(conf "$CONF" '.vlanTrunk = [{"minID":5}]')"
	cni_fails 999 "cannot set hairpin mode and promiscuous mode at the same time" ADD netstack \
		<<<"$(conf "$CONF" '.promiscMode = true')"
	local key
	for key in '.vlan = 5' '.vlanTrunk = []' '.macspoofchk = true' '.portIsolation = true'; do
		cni_fails 999 "key '*' needs nic 'bridge', not 'macvtap:up0'" ADD netstack \
			<<<"$(conf "$CONF" "del(.isGateway, .ipMasq, .hairpinMode) | .nic = \"macvtap:up0\" | $key")"
	done
}

@test "macspoofchk, isolation, promiscuous bridge, default gateway, DNS: as of bridge" {
	local text port
	text=$(conf "$CONF" 'del(.hairpinMode, .ipam.routes, .isGateway) | .macspoofchk = true | .portIsolation = true |
		.promiscMode = true | .isDefaultGateway = true | .dns = {"nameservers":["192.0.2.53"]}')
	cni_ok ADD netstack CNI_ARGS="IgnoreUnknown=1;MAC=02:00:00:00:00:09" <<<"$text"
	port=$(uplink)
	[[ $(json '.interfaces[2].mac') == 02:00:00:00:00:09 ]]
	[[ $(json '.dns.nameservers[0]') == 192.0.2.53 ]]
	[[ $(json '.routes | map("\(.dst) \(.gw)") | join(", ")') == "0.0.0.0/0 10.1.0.1, ::/0 fd00:1::1" ]]
	[[ $(host cat "/sys/class/net/$port/brport/isolated") == 1 ]]
	host ip -o link show br0 | grep -q PROMISC
	host nft list table bridge nat | grep -q "iifname \"$port\".*jump cni-br-iface-cid1-eth0"
	# Its own MAC passes, another one does not.
	in_container c1 ping -c 1 -W 5 10.1.0.1 >/dev/null
	cni_ok CHECK netstack <<<"$(conf "$text" '.prevResult = $p' --argjson p "$output")"
	in_container c1 ip link set eth0 address 02:00:00:00:00:0a
	! in_container c1 ping -c 1 -W 1 10.1.0.1 >/dev/null || fail "another MAC passes"
	cni_ok DEL netstack <<<"$text"
	! host nft list table bridge nat | grep -q cid1 || fail "rules are there"
}

@test "forceAddress replaces an address of the bridge; without it the ADD is refused" {
	host ip link add br0 type bridge
	host ip addr add 10.2.0.1/24 dev br0
	cni_fails 999 'failed to set bridge addr: "br0" already has an IP address different from 10.1.0.1/24' \
		ADD netstack <<<"$CONF"
	nobody_serves || fail "a netstackd is there"
	cni_ok ADD netstack <<<"$(conf "$CONF" '.forceAddress = true')"
	[[ $(host ip -4 -o addr show dev br0 | awk '{print $4}') == 10.1.0.1/24 ]]
}

@test "enabledad: the ADD waits until the address is nobody else's" {
	cni_ok ADD netstack <<<"$(conf "$CONF" '.enabledad = true')"
	! in_container c1 ip -6 -o addr show dev eth0 scope global | grep -q 'tentative\|dadfailed' ||
		fail "it did not wait"
	in_container c1 ip -6 -o addr show dev eth0 scope global | grep -qF 'fd00:1::2/64'
}

@test "VLANs: a bridge that cannot keep them apart is refused, and nothing is left" {
	host ip link add br0 type bridge
	cni_fails 999 'bridge "br0" exists and does not filter VLANs*' ADD netstack <<<"$(conf "$CONF" '.vlan = 5')"
	nobody_serves || fail "a netstackd is there"
	cni_fails 50 'bridge "br0" exists and does not filter VLANs*' \
		STATUS netstack CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$(conf "$CONF" '.vlan = 5')"
}

@test "a pod's annotation chooses the kernel's stack: a veth pair as from bridge" {
	local text
	text=$(conf "$CONF" '.runtimeConfig = {"io.kubernetes.cri.pod-annotations":{"fairlead.io/stack":"kernel"}}')
	cni_ok ADD netstack <<<"$text"
	[[ $(in_container c1 ip -d -j link show eth0 | jq -r '.[0].linkinfo.info_kind') == veth ]]
	[[ -z $(sockets) ]]
	cni_ok CHECK netstack <<<"$(conf "$CONF" '.prevResult = $p' --argjson p "$output")"
	cni_ok DEL netstack <<<"$CONF"
	! in_container c1 ip link show eth0 2>/dev/null || fail "eth0 is there"
}

@test "fallback: without netstackd the kernel's stack, and it is said" {
	cni ADD netstack <<<"$(conf "$CONF" '.daemon = "/nowhere/netstackd" | .fallback = true')"
	((status == 0)) || fail "$output"
	[[ $stderr == "falling back to the kernel's stack: "* ]]
	[[ $(in_container c1 ip -d -j link show eth0 | jq -r '.[0].linkinfo.info_kind') == veth ]]
}

@test "a second ADD into a namespace that is served is refused, and the first one stays" {
	cni_ok ADD netstack <<<"$CONF"
	local prev=$output
	cni_fails 999 "namespace '/run/netns/c1' is served already, by netstackd process * for another attachment" \
		ADD netstack CNI_IFNAME=eth1 <<<"$(conf "$CONF" '.name = "net2" | .bridge = "br1" | del(.ipam)')"
	cni_ok CHECK netstack <<<"$(conf "$CONF" '.prevResult = $p' --argjson p "$prev")"
}

@test "GC stops the daemons of its network whose attachment is not valid" {
	container_new c2
	cni_ok ADD netstack <<<"$CONF"
	cni_ok ADD netstack CNI_CONTAINERID=cid2 CNI_NETNS=/run/netns/c2 <<<"$CONF"
	[[ $(sockets | wc -l) == 2 ]]
	cni_ok GC netstack CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$CONF" '."cni.dev/valid-attachments" = [{"containerID":"cid2","ifname":"eth0"}]')"
	[[ $(sockets | wc -l) == 1 ]]
	! in_container c1 ip link show eth0 2>/dev/null || fail "eth0 of c1 is there"
	in_container c2 ip link show eth0
	[[ $(host find /var/lib/cni/networks/net1 -name '10.*' | wc -l) == 1 ]]
}

@test "STATUS says what is missing" {
	cni_ok STATUS netstack CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$CONF"
	cni_fails 50 "key 'daemon': '/nowhere/netstackd' is not the path of a program" \
		STATUS netstack CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$CONF" '.daemon = "/nowhere/netstackd"')"
	host ip link add br0 type veth peer name br1
	cni_fails 50 '"br0" already exists but is not a bridge' \
		STATUS netstack CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$CONF"
}

@test "MTU and MAC are those that were asked for" {
	local text
	text=$(conf "$CONF" '.mtu = 1400 | .runtimeConfig = {"mac":"02:00:00:00:00:07"}')
	cni_ok ADD netstack <<<"$text"
	[[ $(json '.interfaces[2].mac') == 02:00:00:00:00:07 ]]
	[[ $(in_container c1 ip -j link show eth0 | jq -r '.[0] | "\(.address) \(.mtu)"') == "02:00:00:00:00:07 1400" ]]
	[[ $(host ip -j link show "$(uplink)" | jq -r '.[0].mtu') == 1400 ]]
}

@test "nic macvtap: on a device of the host, and gone with DEL" {
	local text
	host ip link add up0 type veth peer name up1
	host ip link set up0 up
	host ip link set up1 up
	text=$(conf "$CONF" '.nic = "macvtap:up0" | del(.isGateway, .ipMasq, .hairpinMode)')
	cni_ok ADD netstack <<<"$text"
	[[ $(json '.interfaces | map(.name) | join(" ")') == "fl"????????" eth0" ]]
	[[ $(json '.ips | map(.interface) | join(" ")') == "1 1" ]]
	[[ $(host ip -d -j link show "$(json '.interfaces[0].name')" | jq -r '.[0].linkinfo.info_kind') == macvtap ]]
	cni_ok CHECK netstack <<<"$(conf "$text" '.prevResult = $p' --argjson p "$output")"
	cni_ok DEL netstack <<<"$text"
	! host ip -o link | grep -q ': fl' || fail "the macvtap is there"
	! in_container c1 ip link show eth0 2>/dev/null || fail "eth0 is there"
}
