#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# CHECK finds each thing that is not as ADD made it, and nothing else; STATUS says why an ADD
# could not work.  bridge, ptp and tuning; what is VLAN's is in tests/vm, portmap and
# firewall have their own.

# shellcheck disable=SC2016 # filters of jq and inner shells
# shellcheck disable=SC2154 # cni() sets them
# shellcheck disable=SC2030,SC2031 # each test has its own
bats_require_minimum_version 1.5.0
load lib/common

ipam='{"type":"host-local","ranges":[[{"subnet":"10.9.0.0/24"}],[{"subnet":"fd00:9::/64"}]],
	"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]}'
bridge=$(jq -c --argjson ipam "$ipam" '.ipam = $ipam' <<<'{"cniVersion":"1.1.0","name":"net1",
	"type":"bridge","bridge":"br0","isGateway":true,"ipMasq":true}')
ptp=$(jq -c --argjson ipam "$ipam" '.ipam = $ipam' <<<'{"cniVersion":"1.1.0","name":"net1",
	"type":"ptp","ipMasq":true}')

setup() {
	host_new
	container_new c1
}

teardown() {
	host_gone
}

# added CONF: ADD, then CONF is the configuration with its result.
added() {
	PLUGIN=$(jq -r .type <<<"$1")
	cni_ok ADD "$PLUGIN" <<<"$1"
	CONF=$(conf "$1" --argjson prev "$output" '.prevResult = $prev')
	PORT=$(json '.interfaces[]? | select(.sandbox | not) | .name | select(startswith("veth"))')
	cni_ok CHECK "$PLUGIN" <<<"$CONF"
}

# finds MESSAGE [FILTER]: CHECK fails with it; FILTER changes the configuration first.
finds() {
	cni_fails 999 "$1" CHECK "$PLUGIN" <<<"$(conf "$CONF" "${2:-.}")"
}

# fine: CHECK finds nothing any more.
fine() { cni_ok CHECK "$PLUGIN" <<<"$CONF"; }

# breaks MESSAGE BREAK REPAIR: commands for a shell on the host; "in_c1" is the container's.
breaks() {
	on_host "$2"
	finds "$1"
	on_host "$3"
	fine
}
on_host() { host sh -ec 'in_c1() { nsenter --net=/run/netns/c1 -- "$@"; }; port=$1; eval "$2"' sh "$PORT" "$1"; }

# --- CHECK ---

@test "bridge: what the result says of interfaces" {
	added "$bridge"
	finds "CNI created bridge br0 in host namespace was not found" \
		'.prevResult.interfaces |= map(select(.name != "br0"))'
	finds "Interface br0 should not be in sandbox" \
		'.prevResult.interfaces[0].sandbox = "/run/netns/c1"'
	finds "Bridge interface br0 Mac doesn't match: 02:00:00:00:00:99" \
		'.prevResult.interfaces[0].mac = "02:00:00:00:00:99"'
	finds "CNI veth created for bridge br0 was not found" \
		'.prevResult.interfaces |= map(select(.name | startswith("veth") | not))'
	finds "Container Interface name in prevResult: eth0 not found" \
		'.prevResult.interfaces |= map(select(.name != "eth0"))'
	finds "Interface eth0 is expected to be in a sandbox" \
		'del(.prevResult.interfaces[] | select(.name == "eth0") | .sandbox)'
	finds "Interface $PORT hairpin mode doesn't match configured true" '.hairpinMode = true'
	finds "Bridge interface br0 configured Promisc Mode true doesn't match current state: false" \
		'.promiscMode = true'
	fine
}

@test "bridge: what became of bridge, port and container" {
	added "$bridge"
	breaks "CNI veth created for bridge br0 was not found" \
		'ip link set "$port" nomaster' 'ip link set "$port" master br0'
	breaks "CNI veth created for bridge br0 was not found" \
		'ip link set "$port" down; ip link set "$port" name other' \
		'ip link set other name "$port"; ip link set "$port" up'
	breaks "Interface $PORT hairpin mode doesn't match configured false" \
		'ip link set "$port" type bridge_slave hairpin on' \
		'ip link set "$port" type bridge_slave hairpin off'
	breaks "Failed to match addr fd00:9::2/64 on interface eth0" \
		'in_c1 ip addr del fd00:9::2/64 dev eth0' \
		'in_c1 ip addr add fd00:9::2/64 dev eth0 nodad; in_c1 ip -6 route replace default via fd00:9::1'
	breaks "Failed to find Gateway 10.9.0.1 for interface eth0" \
		'in_c1 ip route del 10.9.0.0/24' \
		'in_c1 ip route add 10.9.0.0/24 dev eth0 src 10.9.0.2'
	breaks "Expected Route ::/0 not found in routing table" \
		'in_c1 ip -6 route del default' 'in_c1 ip -6 route add default via fd00:9::1'
	breaks "missing masquerade rule*fd00:9::2*" \
		'handle=$(nft -a list chain inet cni_plugins_masquerade masq_checks | sed -n "s/.*fd00:9::2.*handle //p")
			nft list ruleset >/run/rules
			nft delete rule inet cni_plugins_masquerade masq_checks handle "$handle"' \
		'nft flush ruleset; nft -f /run/rules'
	on_host 'in_c1 ip link del eth0; in_c1 ip link add eth0 type bridge'
	finds "Error: Container interface eth0 not of type veth" \
		'del(.prevResult.interfaces[].mac)'
	on_host 'ip link del br0'
	finds "Interface name br0 not found"
	on_host 'ip link add br0 type veth peer name br1'
	finds "Interface br0 does not have link type of bridge"
}

# The port of the result is there and on the bridge, but its other end is another link.
@test "bridge: a pair that only looks like it" {
	added "$bridge"
	on_host 'in_c1 ip link set eth0 down; in_c1 ip link set eth0 name old
		ip link add like type veth peer name eth0 netns c1; ip link set like master br0'
	finds "CNI veth created for bridge br0 was not found" 'del(.prevResult.interfaces[].mac)'
}

@test "ptp" {
	added "$ptp"
	breaks "Failed to match addr 10.9.0.2/24 on interface eth0" \
		'in_c1 ip addr del 10.9.0.2/24 dev eth0' \
		'in_c1 ip addr add 10.9.0.2/24 dev eth0 noprefixroute
			in_c1 ip route add 10.9.0.1 dev eth0 scope link src 10.9.0.2
			in_c1 ip route add 10.9.0.0/24 via 10.9.0.1 dev eth0 src 10.9.0.2
			in_c1 ip route add default via 10.9.0.1'
	breaks "Expected Route ::/0 not found in routing table" \
		'in_c1 ip -6 route del default' 'in_c1 ip -6 route add default via fd00:9::1'
	finds "ptp: Interface eth0 is expected to be in a sandbox" \
		'del(.prevResult.interfaces[] | select(.name == "eth0") | .sandbox)'
	finds "ptp: Interface eth0 Mac 02:00:00:00:00:99 doesn't match container Mac: *" \
		'(.prevResult.interfaces[] | select(.name == "eth0") | .mac) = "02:00:00:00:00:99"'
	host nft flush chain inet cni_plugins_masquerade masq_checks
	finds "missing masquerade rule*10.9.0.2*"
}

@test "tuning" {
	local prev='{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","mac":"02:00:00:00:00:01","sandbox":"/run/netns/c1"}],"ips":[]}'
	host ip link add host0 type veth peer name eth0 netns c1
	added "$(jq -cn --argjson prev "$prev" '{cniVersion: "1.1.0", name: "net1", type: "tuning",
		prevResult: $prev, mac: "02:00:00:00:00:0b", mtu: 1400, promisc: true, allmulti: true,
		txQLen: 77, sysctl: {"net.core.somaxconn": "500"}}')"
	breaks "Error: Tuning configured Ethernet of eth0 is 02:00:00:00:00:0b, current value is 02:00:00:00:00:0c" \
		'in_c1 ip link set eth0 address 02:00:00:00:00:0c' 'in_c1 ip link set eth0 address 02:00:00:00:00:0b'
	breaks "Error: Tuning link eth0 configured promisc is true, current value is false" \
		'in_c1 ip link set eth0 promisc off' 'in_c1 ip link set eth0 promisc on'
	breaks "Error: Tuning configured MTU of eth0 is 1400, current value is 1500" \
		'in_c1 ip link set eth0 mtu 1500' 'in_c1 ip link set eth0 mtu 1400'
	breaks "Error: Tuning link eth0 configured all-multicast is true, current value is false" \
		'in_c1 ip link set eth0 allmulticast off' 'in_c1 ip link set eth0 allmulticast on'
	breaks "Error: Tuning configured transmit queue length of eth0 is 77, current value is 1000" \
		'in_c1 ip link set eth0 txqueuelen 1000' 'in_c1 ip link set eth0 txqueuelen 77'
	breaks "Error: Tuning configured value of net/core/somaxconn is 500, current value is 128" \
		'in_c1 sysctl -qw net.core.somaxconn=128' 'in_c1 sysctl -qw net.core.somaxconn=500'
	finds "Required prevResult missing" 'del(.prevResult)'
	# Somebody who watches the interface is no fault.
	CONF=$(conf "$CONF" 'del(.promisc)')
	fine
	on_host 'in_c1 ip link del eth0'
	finds "Cannot find container link eth0"
}

@test "tuning: what args.cni names is checked as it was set" {
	local prev='{"cniVersion":"1.1.0","interfaces":[],"ips":[]}'
	host ip link add host0 type veth peer name eth0 netns c1
	added "$(jq -cn --argjson prev "$prev" '{cniVersion: "1.1.0", name: "net1", type: "tuning",
		prevResult: $prev, mtu: 1400, promisc: true, txQLen: 77, allmulti: true,
		sysctl: {"net.core.somaxconn": "500", "net.ipv4.ip_forward": "1"},
		args: {cni: {mtu: 1300, promisc: false, txQLen: 55, allmulti: false,
			sysctl: {"net.core.somaxconn": "600", "net.ipv4.tcp_syncookies": "0"}}}}')"
	same_json "$(in_container c1 ip -j link show eth0 | jq '.[0] | [.mtu, .txqlen,
		(.flags | any(. == "PROMISC" or . == "ALLMULTI"))]')" '[1300, 55, false]'
	[[ $(in_container c1 sysctl -n net.core.somaxconn net.ipv4.ip_forward net.ipv4.tcp_syncookies | paste -sd' ') == '600 1 0' ]]
	breaks "Error: Tuning configured transmit queue length of eth0 is 55, current value is 77" \
		'in_c1 ip link set eth0 txqueuelen 77' 'in_c1 ip link set eth0 txqueuelen 55'
	breaks "Error: Tuning link eth0 configured all-multicast is false, current value is true" \
		'in_c1 ip link set eth0 allmulticast on' 'in_c1 ip link set eth0 allmulticast off'
	cni_fails 999 "key 'txQLen' must not be negative, got -1" ADD tuning \
		<<<"$(conf "$CONF" '.args.cni.txQLen = -1')"
}

@test "tuning: a list of allowed sysctls that is none is named" {
	local c='{"cniVersion":"1.1.0","name":"net1","type":"tuning","sysctl":{"net.core.somaxconn":"5"},
		"prevResult":{"cniVersion":"1.1.0","interfaces":[],"ips":[]}}'
	host sh -ec 'mount -t tmpfs tmpfs /mnt; cp -a /etc/. /mnt; mount --bind /mnt /etc
		mkdir -p /etc/cni/tuning; echo "net[" >/etc/cni/tuning/allowlist.conf'
	cni_fails 999 '/etc/cni/tuning/allowlist.conf: cannot compile regular expression "net\["*' \
		ADD tuning <<<"$c"
}

# --- STATUS ---

# status CODE MESSAGE CONF [PLUGIN]: PLUGIN is another one than that of CONF.
status() {
	cni_fails "$1" "$2" STATUS "${4:-$(jq -r .type <<<"$3")}" \
		CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$3"
}

# powerless PLUGIN: prints a program that runs it without the right to change networks.
powerless() {
	local file=$BATS_TEST_TMPDIR/$1
	printf '#!/bin/sh\nexec setpriv --bounding-set -net_admin --inh-caps -net_admin "%s"\n' \
		"$CNI_BIN/$1" >"$file"
	chmod +x "$file"
	echo "$file"
}

@test "STATUS: a bridge's name that is something else's" {
	host ip link add br0 type veth peer name br1
	status 50 '"br0" already exists but is not a bridge' "$bridge"
}

@test "STATUS: nf_tables is needed, and may not be used" {
	local c before
	before=$(snapshot)
	for c in "$bridge" "$ptp" "$(conf "$bridge" 'del(.ipMasq) | .macspoofchk = true')"; do
		status 50 '*nf_tables*' "$c" "$(powerless "$(jq -r .type <<<"$c")")"
	done
	# Without rules there is nothing to complain about.
	cni_ok STATUS "$(powerless bridge)" CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$bridge" 'del(.ipMasq)')"
	diff <(echo "$before") <(snapshot)
}

@test "STATUS: the place for tuning's backups is a file" {
	local c='{"cniVersion":"1.1.0","name":"net1","type":"tuning","dataDir":"/run/t"}'
	cni_ok STATUS tuning CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$c"
	host touch /run/t
	status 50 "data directory '/run/t' is not a directory" "$c"
}
