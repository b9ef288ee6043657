#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tuning: sysctls and attributes of a container's interface

# shellcheck disable=SC2016 # filters of jq and inner shells
bats_require_minimum_version 1.5.0
load lib/common

prev='{"cniVersion":"1.0.0","interfaces":[{"name":"host0","mac":"02:00:00:00:00:aa"},
	{"name":"eth0","mac":"02:00:00:00:00:01","sandbox":"/run/netns/c1"}],
	"ips":[{"address":"10.9.0.2/24","interface":1}]}'
base=$(jq -c --argjson p "$prev" '.prevResult = $p' <<<'{"cniVersion":"1.0.0","name":"net1","type":"tuning"}')

setup() {
	host_new
	container_new c1
	# no link-local addresses, which would change by themselves while a test compares
	host sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	in_container c1 sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	host ip link add host0 type veth peer name eth0 netns c1
	in_container c1 ip link set eth0 address 02:00:00:00:00:01 up
	host ip link set host0 up
	wait_for 10 host sh -c 'ip -o link show host0 | grep -q "state UP"'
	wait_for 10 in_container c1 sh -c 'ip -o link show eth0 | grep -q "state UP"'
}

teardown() {
	host_gone
}

link() { in_container c1 ip -d -j link show eth0 | jq -r ".[0].$1"; }
sysctl_of() { in_container c1 sysctl -n "$1"; }

@test "nothing to do: prevResult comes back" {
	cni_ok ADD tuning <<<"$base"
	same_json "$output" "$prev"
	cni_ok CHECK tuning <<<"$base"
	cni_ok DEL tuning <<<"$base"
}

@test "sysctls, with dots, with slashes, for the interface" {
	local c
	c=$(conf "$base" '.sysctl = {"net.core.somaxconn":"500","net/ipv4/tcp_syncookies":"0",
		"net.ipv4.conf.IFNAME.arp_filter":"1"}')
	cni_ok ADD tuning <<<"$c"
	[[ $(sysctl_of net.core.somaxconn) == 500 ]]
	[[ $(sysctl_of net.ipv4.tcp_syncookies) == 0 ]]
	[[ $(sysctl_of net.ipv4.conf.eth0.arp_filter) == 1 ]]
	cni_ok CHECK tuning <<<"$c"
	in_container c1 sysctl -qw net.core.somaxconn=501
	cni_fails 999 "Error: Tuning configured value of net/core/somaxconn is 500, current value is 501" \
		CHECK tuning <<<"$c"
	[[ $(host sysctl -n net.ipv4.tcp_syncookies) == 1 ]]
}

@test "mac, mtu, promisc, allmulti, txQLen; DEL puts all back" {
	local c file=/run/cni/tuning/cid1_eth0.json
	c=$(conf "$base" '.mac = "02:00:00:00:00:0B" | .mtu = 1400 | .promisc = true | .allmulti = true | .txQLen = 77')
	cni_ok ADD tuning <<<"$c"
	[[ $(link address) == 02:00:00:00:00:0b && $(link mtu) == 1400 && $(link txqlen) == 77 ]]
	[[ $(link flags) == *PROMISC* && $(link flags) == *ALLMULTI* ]]
	same_json "$output" "$(jq '.interfaces[1].mac = "02:00:00:00:00:0B"' <<<"$prev")"
	[[ $(host stat -c %a $file) == 600 ]]
	same_json "$(host cat $file)" '{"mac":"02:00:00:00:00:01","promisc":false,"mtu":1500,
		"allmulti":false,"txQLen":1000,"network":"net1"}'
	cni_ok CHECK tuning <<<"$c"
	in_container c1 ip link set eth0 mtu 1300
	cni_fails 999 "Error: Tuning configured MTU of eth0 is 1400, current value is 1300" CHECK tuning <<<"$c"
	cni_ok DEL tuning <<<"$c"
	[[ $(link address) == 02:00:00:00:00:01 && $(link mtu) == 1500 && $(link txqlen) == 1000 ]]
	[[ $(link flags) != *PROMISC* && $(link flags) != *ALLMULTI* ]]
	run ! host test -e $file
	cni_ok DEL tuning <<<"$c"
}

@test "who wins: args.cni, runtimeConfig, CNI_ARGS, the key" {
	local c
	c=$(conf "$base" '.mac = "02:00:00:00:00:01"')
	cni_ok ADD tuning CNI_ARGS=MAC=02:00:00:00:00:02 <<<"$c"
	[[ $(link address) == 02:00:00:00:00:02 ]]
	c=$(conf "$c" '.runtimeConfig = {"mac":"02:00:00:00:00:03"}')
	cni_ok ADD tuning CNI_ARGS=MAC=02:00:00:00:00:02 <<<"$c"
	[[ $(link address) == 02:00:00:00:00:03 ]]
	c=$(conf "$c" '.mtu = 1400 | .args = {"cni":{"mac":"02:00:00:00:00:04","mtu":1300,
		"sysctl":{"net.core.somaxconn":"600"}}}')
	cni_ok ADD tuning CNI_ARGS=MAC=02:00:00:00:00:02 <<<"$c"
	[[ $(link address) == 02:00:00:00:00:04 && $(link mtu) == 1300 ]]
	[[ $(sysctl_of net.core.somaxconn) == 600 ]]
}

@test "a failing ADD leaves the container as it was" {
	local before c
	c=$(conf "$base" '.mtu = 1400 | .mac = "02:00:00:00:00:0c" | .sysctl = {"net.core.somaxconn":"500","net.nosuch":"1"}')
	before=$(snapshot c1)
	cni_fails 999 "*net/nosuch*No such file or directory" ADD tuning <<<"$c"
	diff <(echo "$before") <(snapshot c1)
	[[ $(sysctl_of net.core.somaxconn) != 500 ]]
	cni_fails 999 "*mtu*" ADD tuning <<<"$(conf "$base" '.mtu = 10 | .txQLen = 5')"
	diff <(echo "$before") <(snapshot c1)
}

@test "the administrator's list of allowed sysctls" {
	local c
	host sh -c 'mount -t tmpfs tmpfs /etc/cni 2>/dev/null || { mount -t tmpfs tmpfs /mnt; cp -a /etc/. /mnt; mount --bind /mnt /etc; mkdir -p /etc/cni; }
		mkdir -p /etc/cni/tuning; printf "^net\.core\..*$\n\nsyncookies\n" >/etc/cni/tuning/allowlist.conf'
	cni_ok ADD tuning <<<"$(conf "$base" '.sysctl = {"net.core.somaxconn":"500","net.ipv4.tcp_syncookies":"1"}')"
	c=$(conf "$base" '.sysctl = {"net.ipv4.ip_forward":"1"}')
	cni_fails 999 'Sysctl net.ipv4.ip_forward is not allowed. Only the following sysctls are allowed: \[^net\\.core\\..\*$ syncookies\]' \
		ADD tuning <<<"$c"
	[[ $(sysctl_of net.ipv4.ip_forward) == 0 ]]
}

@test "nothing outside of net can be reached" {
	local key
	for key in kernel.hostname kernel/hostname net/../kernel/hostname net//x net/. ../x net/ net; do
		cni_fails 999 "invalid net sysctl key: *" ADD tuning \
			<<<"$(conf "$base" --arg k "$key" '.sysctl = {($k):"x"}')"
	done
}

@test "duplicated sysctl keys are refused" {
	cni_fails 999 "duplicated sysctl keys are not allowed" ADD tuning <<-END
		{"cniVersion":"1.0.0","name":"net1","type":"tuning","prevResult":$prev,
		"sysctl":{"net.core.somaxconn":"1","net.core.somaxconn":"2"}}
	END
	cni_fails 999 "duplicated sysctl keys are not allowed" CHECK tuning <<-END
		{"cniVersion":"1.0.0","name":"net1","type":"tuning","prevResult":$prev,
		"args":{"cni":{"sysctl":{"net.core.somaxconn":"1","net.core.somaxconn":"2"}}}}
	END
}

@test "GC removes the backups of this network's dead attachments" {
	local c
	c=$(conf "$base" '.mtu = 1400')
	cni_ok ADD tuning <<<"$c"
	cni_ok ADD tuning CNI_CONTAINERID=cid2 <<<"$c"
	cni_ok ADD tuning CNI_CONTAINERID=cid3 <<<"$(conf "$c" '.name = "net2"')"
	host touch /run/cni/tuning/other /run/cni/tuning/other.json
	cni_ok GC tuning CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$c" 'del(.prevResult) | .cniVersion = "1.1.0" | ."cni.dev/valid-attachments" = [{"containerID":"cid2","ifname":"eth0"}]')"
	[[ $(host ls /run/cni/tuning | tr '\n' ' ') == "cid2_eth0.json cid3_eth0.json other other.json " ]]
	cni_ok STATUS tuning CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$base" 'del(.prevResult) | .cniVersion = "1.1.0"')"
}

@test "bad input" {
	cni_fails 999 "Required prevResult missing" ADD tuning <<<"$(conf "$base" 'del(.prevResult)')"
	cni_fails 999 "failed to load netconf: key 'mtu' must be*" ADD tuning <<<"$(conf "$base" '.mtu = "x"')"
	cni_fails 999 "key 'mtu' must not be negative, got -1" ADD tuning <<<"$(conf "$base" '.mtu = -1')"
	cni_fails 999 "key 'mac': address zz: invalid MAC address" ADD tuning <<<"$(conf "$base" '.mac = "zz"')"
	cni_fails 999 "failed to load netconf: key 'sysctl.net.core.somaxconn' must be a string*" ADD tuning \
		<<<"$(conf "$base" '.sysctl = {"net.core.somaxconn":5}')"
}

@test "the reference suite restores what we changed, and we what it changed" {
	[[ -x /usr/lib/cni/tuning ]] || skip "no reference plugin to compare with"
	local c
	c=$(conf "$base" '.mtu = 1400')
	cni_ok ADD tuning <<<"$c"
	cni_ok DEL /usr/lib/cni/tuning <<<"$c"
	[[ $(link mtu) == 1500 ]]
	cni_ok ADD /usr/lib/cni/tuning <<<"$c"
	[[ $(link mtu) == 1400 ]]
	cni_ok DEL tuning <<<"$c"
	[[ $(link mtu) == 1500 ]]
	[[ -z $(host ls /run/cni/tuning) ]]
}
