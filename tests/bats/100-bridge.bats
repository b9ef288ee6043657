#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bridge: containers on a bridge of the host, every key that needs no VLAN (those run in the
# virtual machine, tests/vm)

# shellcheck disable=SC2016 # filters of jq and inner shells
bats_require_minimum_version 1.5.0
load lib/common

base='{"cniVersion":"1.0.0","name":"net1","type":"bridge","bridge":"br0","isGateway":true,
	"ipam":{"type":"host-local","ranges":[[{"subnet":"10.9.0.0/24"}]],
	"routes":[{"dst":"0.0.0.0/0"}]}}'
dual='{"cniVersion":"1.0.0","name":"net1","type":"bridge","bridge":"br0","isGateway":true,
	"ipMasq":true,"ipam":{"type":"host-local",
	"ranges":[[{"subnet":"10.9.0.0/24"}],[{"subnet":"fd00:9::/64"}]],
	"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]}}'

setup() {
	host_new
	container_new c1
}

teardown() {
	host_gone
}

# add CONTAINER CONF, del CONTAINER CONF: as a runtime would, container id id-CONTAINER.
add() { cni_ok ADD bridge CNI_CONTAINERID="id-$1" CNI_NETNS="/run/netns/$1" <<<"$2"; }
del() { cni_ok DEL bridge CNI_CONTAINERID="id-$1" CNI_NETNS="/run/netns/$1" <<<"$2"; }

# outside_new: another host behind ext0, 192.0.2.2 and 2001:db8::2, without a route back.
outside_new() {
	container_new out
	host ip link add ext0 type veth peer name ext1 netns out
	host ip addr add 192.0.2.1/24 dev ext0
	host ip -6 addr add 2001:db8::1/64 dev ext0 nodad
	host ip link set ext0 up
	in_container out ip addr add 192.0.2.2/24 dev ext1
	in_container out ip -6 addr add 2001:db8::2/64 dev ext1 nodad
	in_container out ip link set ext1 up
}

# rules ARG...: what nft lists, without indentation.
rules() { host nft list "$@" | sed 's/^\t*//'; }

# settled [NAME...]: snapshot() without what depends on a carrier.
settled() { snapshot "$@" | sed 's/ linkdown//; s/NO-CARRIER,//; s/,LOWER_UP//'; }

host_end() { json '.interfaces[1].name'; }

@test "ADD makes bridge, port, addresses and routes; the result says so" {
	local port
	add c1 "$base"
	port=$(host_end)
	[[ $port =~ ^veth[0-9a-f]{8}$ ]]
	same_json "$output" '{"cniVersion":"1.0.0","interfaces":[
		{"name":"br0","mac":"'"$(host cat /sys/class/net/br0/address)"'"},
		{"name":"'"$port"'","mac":"'"$(host cat "/sys/class/net/$port/address")"'"},
		{"name":"eth0","mac":"'"$(in_container c1 ip -j link show eth0 | jq -r '.[0].address')"'","sandbox":"/run/netns/c1"}],
		"ips":[{"address":"10.9.0.2/24","gateway":"10.9.0.1","interface":2}],
		"routes":[{"dst":"0.0.0.0/0"}]}'
	[[ $(host ip -o link show "$port") == *"master br0"*"state UP"* ]]
	[[ $(host ip -o -4 addr show br0) == *"10.9.0.1/24 brd 10.9.0.255"* ]]
	[[ $(in_container c1 ip -4 route) == *"default via 10.9.0.1 dev eth0"* ]]
	[[ $(host cat /proc/sys/net/ipv4/ip_forward) == 1 ]]
	[[ $(host cat "/proc/sys/net/ipv6/conf/$port/accept_ra") == 0 ]]
	[[ $(host cat /proc/sys/net/ipv6/conf/br0/accept_ra) == 0 ]]
	[[ $(in_container c1 cat /proc/sys/net/ipv4/conf/eth0/arp_notify) == 1 ]]
	in_container c1 ping -c 1 -W 2 10.9.0.1
}

@test "DEL takes all back but the bridge, twice, without namespace, without a first ADD" {
	local before
	del c1 "$base"
	add c1 "$dual"
	del c1 "$dual"
	before=$(settled c1)
	add c1 "$dual"
	del c1 "$dual"
	diff <(echo "$before") <(settled c1)
	del c1 "$dual"
	diff <(echo "$before") <(settled c1)
	host ip link show br0
}

@test "every version: ADD, CHECK from 0.4.0, DEL" {
	local v c
	for v in "${CNI_VERSIONS[@]}"; do
		c=$(conf "$base" --arg v "$v" '.cniVersion = $v')
		add c1 "$c"
		[[ $(json .cniVersion) == "$v" ]]
		case $v in
		0.1.0 | 0.2.0) [[ $(json .ip4.ip) == 10.9.0.*/24 ]] ;;
		*) [[ $(json '.ips[0].address') == 10.9.0.*/24 ]] ;;
		esac
		case $v in
		0.4.0 | 1.*)
			c=$(conf "$c" --argjson prev "$output" '.prevResult = $prev')
			cni_ok CHECK bridge CNI_CONTAINERID=id-c1 <<<"$c"
			;;
		esac
		del c1 "$c"
	done
}

@test "a layer 2 network cannot be told in 0.2.0, and nothing of it is left" {
	local before
	before=$(snapshot c1)
	cni_fails 999 "cannot convert: no valid IP addresses*" ADD bridge \
		<<<'{"cniVersion":"0.2.0","name":"net1","type":"bridge","bridge":"br0"}'
	diff <(echo "$before") <(snapshot c1)
}

@test "two containers reach each other, their gateway and through NAT the outside; dual stack" {
	container_new c2
	outside_new
	add c1 "$dual"
	add c2 "$dual"
	[[ $(json '.ips[1].address') == fd00:9::3/64 ]]
	in_container c1 ping -c 1 -W 2 10.9.0.3
	in_container c1 ping -c 1 -W 2 fd00:9::3
	in_container c1 ping -c 1 -W 2 fd00:9::1
	in_container c1 ping -c 1 -W 2 192.0.2.2
	in_container c1 ping -c 1 -W 2 2001:db8::2
}

@test "masquerade objects are those of the reference suite" {
	local id=8e48f37d5de60467-0b65a318f52e521b
	cni_ok ADD bridge <<<"$dual"
	diff - <(rules table inet cni_plugins_masquerade) <<-END
		table inet cni_plugins_masquerade {
			comment "Masquerading for plugins from github.com/containernetworking/plugins"
			chain masq_checks {
				comment "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet"
				ip saddr 10.9.0.2 ip daddr != 10.9.0.0/24 masquerade comment "$id, net: net1, if: eth0, id: cid1"
				ip6 saddr fd00:9::2 ip6 daddr != fd00:9::/64 masquerade comment "$id, net: net1, if: eth0, id: cid1"
			}

			chain postrouting {
				type nat hook postrouting priority srcnat; policy accept;
				ip daddr 224.0.0.0/4 return
				ip6 daddr ff00::/8 return
				goto masq_checks
			}
		}
	END
}

@test "base rules that somebody changed are put right, once" {
	add c1 "$dual"
	host nft flush chain inet cni_plugins_masquerade postrouting
	container_new c2
	add c2 "$dual"
	[[ $(host nft list chain inet cni_plugins_masquerade postrouting | grep -c 'return\|goto') == 3 ]]
	host nft flush ruleset
	container_new c3
	add c3 "$dual"
	[[ $(host nft list chain inet cni_plugins_masquerade masq_checks | grep -c id-c3) == 2 ]]
}

@test "DEL without a namespace, or with one that is gone, leaves no rule and no lease" {
	local form
	for form in "" /run/netns/gone /run/netns/file; do
		container_new c9
		cni_ok ADD bridge CNI_NETNS=/run/netns/c9 <<<"$(conf "$dual" '.macspoofchk = true')"
		container_gone c9
		host touch /run/netns/file # what umount leaves of a namespace file
		cni_ok DEL bridge CNI_NETNS="$form" <<<"$dual"
		run ! grep -r cid1 <(host nft list ruleset)
		[[ -z $(host find /var/lib/cni/networks/net1 -name '10.*' -o -name 'fd00*') ]]
	done
}

@test "a namespace path that is a regular file is refused" {
	host touch /run/file
	cni_fails 999 'failed to open netns "/run/file"*' ADD bridge CNI_NETNS=/run/file <<<"$base"
	cni_fails 999 'failed to open netns "/run/none"*no such file*' ADD bridge CNI_NETNS=/run/none <<<"$base"
	run ! host ip link show br0
}

@test "a failing ADD leaves nothing, not even the bridge" {
	local before c
	before=$(snapshot c1)
	# exhausted: the range has one address, and it is the gateway's
	c=$(conf "$base" '.ipam.ranges = [[{"subnet":"10.9.0.0/24","rangeStart":"10.9.0.1","rangeEnd":"10.9.0.1"}]]')
	cni_fails 999 "failed to allocate for range 0: no IP addresses available in range set: 10.9.0.1-10.9.0.1" \
		ADD bridge <<<"$c"
	cni_fails 999 "failed to find plugin \"nosuch\" in path*" ADD bridge \
		<<<"$(conf "$base" '.ipam.type = "nosuch"')"
	# a route through a gateway that is not on the link
	cni_fails 999 "cannot add route*10.77.0.0/16*203.0.113.1*" ADD bridge \
		<<<"$(conf "$base" '.ipam.routes = [{"dst":"10.77.0.0/16","gw":"203.0.113.1"}]')"
	diff <(echo "$before") <(snapshot c1 | grep -v /var/lib/cni/networks/)
	[[ -z $(host find /var/lib/cni/networks/net1 -name '10.*') ]]
}

@test "an interface of that name in the container is an error that names it" {
	in_container c1 ip link add eth0 type veth peer name other
	cni_fails 999 'container veth name ("eth0") peer provided ("veth*") already exists' \
		ADD bridge <<<"$base"
	run ! host ip link show br0
}

@test "a bridge of another kind is refused" {
	host ip link add br0 type veth peer name br1
	cni_fails 999 'failed to create bridge "br0": "br0" already exists but is not a bridge' \
		ADD bridge <<<"$base"
	cni_fails 50 '*not a bridge*' STATUS bridge <<<"$(conf "$base" '.cniVersion = "1.1.0"')"
}

@test "a different gateway address is refused, or replaced with forceAddress" {
	add c1 "$base"
	container_new c2
	local other
	other=$(conf "$base" '.name = "net2" | .ipam.ranges = [[{"subnet":"10.8.0.0/24"}]]')
	cni_fails 999 'failed to set bridge addr: "br0" already has an IP address different from 10.8.0.1/24' \
		ADD bridge CNI_NETNS=/run/netns/c2 CNI_CONTAINERID=id-c2 <<<"$other"
	run ! in_container c2 ip link show eth0
	add c2 "$(conf "$other" '.forceAddress = true')"
	[[ $(host ip -o -4 addr show br0) == *10.8.0.1/24* ]]
	[[ $(host ip -o -4 addr show br0) != *10.9.0.1/24* ]]
}

@test "two IPv4 range sets have both their gateways" {
	add c1 "$(conf "$base" '.ipam.ranges += [[{"subnet":"10.8.0.0/24"}]]')"
	[[ $(host ip -o -4 addr show br0) == *10.9.0.1/24*10.8.0.1/24* ]]
	in_container c1 ping -c 1 -W 2 10.8.0.1
}

@test "isDefaultGateway adds the routes, and accepts one that IPAM gave without a gateway" {
	add c1 "$(conf "$dual" '.isDefaultGateway = true | .isGateway = false | .ipam.routes = []')"
	[[ $(in_container c1 ip route) == *"default via 10.9.0.1 dev eth0"* ]]
	[[ $(in_container c1 ip -6 route) == *"default via fd00:9::1 dev eth0"* ]]
	same_json "$(json .routes)" \
		'[{"dst":"0.0.0.0/0","gw":"10.9.0.1"},{"dst":"::/0","gw":"fd00:9::1"}]'
	container_new c2
	add c2 "$(conf "$dual" '.isDefaultGateway = true')"
	[[ $(in_container c2 ip route | grep -c ^default) == 1 ]]
}

@test "mtu, hairpinMode, portIsolation, promiscMode" {
	add c1 "$(conf "$base" '.mtu = 1400 | .hairpinMode = true | .portIsolation = true')"
	[[ $(in_container c1 ip -o link show eth0) == *" mtu 1400 "* ]]
	[[ $(host cat "/sys/class/net/$(host_end)/mtu") == 1400 ]]
	[[ $(host cat /sys/class/net/br0/mtu) == 1400 ]]
	[[ $(host cat "/sys/class/net/$(host_end)/brport/hairpin_mode") == 1 ]]
	[[ $(host cat "/sys/class/net/$(host_end)/brport/isolated") == 1 ]]
	container_new c2
	add c2 "$(conf "$base" '.promiscMode = true')"
	[[ $(host ip -d link show br0) == *"promiscuity 1"* ]]
	[[ $(host cat "/sys/class/net/$(host_end)/brport/hairpin_mode") == 0 ]]
}

@test "MAC: runtimeConfig before args.cni before CNI_ARGS" {
	local c
	in_mac() { in_container c1 ip -j link show eth0 | jq -r '.[0].address'; }
	cni_ok ADD bridge CNI_ARGS="IgnoreUnknown=1;X=y;MAC=02:00:00:00:00:01" <<<"$base"
	[[ $(in_mac) == 02:00:00:00:00:01 && $(json '.interfaces[2].mac') == 02:00:00:00:00:01 ]]
	cni_ok DEL bridge <<<"$base"
	c=$(conf "$base" '.args = {"cni":{"mac":"02:00:00:00:00:02"}}')
	cni_ok ADD bridge CNI_ARGS="IgnoreUnknown=1;MAC=02:00:00:00:00:01" <<<"$c"
	[[ $(in_mac) == 02:00:00:00:00:02 ]]
	cni_ok DEL bridge <<<"$base"
	c=$(conf "$c" '.runtimeConfig = {"mac":"02:00:00:00:00:03"}')
	cni_ok ADD bridge CNI_ARGS="IgnoreUnknown=1;MAC=02:00:00:00:00:01" <<<"$c"
	[[ $(in_mac) == 02:00:00:00:00:03 ]]
	cni_ok DEL bridge <<<"$base"
	cni_fails 999 '*zz*invalid MAC address' ADD bridge CNI_ARGS="MAC=zz" <<<"$base"
}

@test "enabledad waits for duplicate address detection, otherwise it is off" {
	add c1 "$(conf "$dual" '.enabledad = true')"
	[[ $(in_container c1 cat /proc/sys/net/ipv6/conf/eth0/accept_dad) == 1 ]]
	[[ $(in_container c1 ip -6 addr show eth0 scope global) != *tentative* ]]
	container_new c2
	add c2 "$dual"
	[[ $(in_container c2 cat /proc/sys/net/ipv6/conf/eth0/accept_dad) == 0 ]]
	[[ $(in_container c2 cat /proc/sys/net/ipv6/conf/eth0/keep_addr_on_down) == 1 ]]
	[[ $(in_container c2 ip -6 addr show eth0 scope global) != *tentative* ]]
}

@test "macspoofchk: rules as the reference makes them, and they work" {
	local c
	c=$(conf "$base" '.macspoofchk = true')
	container_new c2
	cni_ok ADD bridge <<<"$c"
	local port mac
	port=$(host_end) mac=$(json '.interfaces[2].mac')
	diff - <(rules table bridge nat) <<-END
		table bridge nat {
			chain PREROUTING {
				type filter hook prerouting priority dstnat; policy accept;
				iifname "$port" jump cni-br-iface-cid1-eth0 comment "macspoofchk-cid1-eth0"
			}

			chain cni-br-iface-cid1-eth0 {
				jump cni-br-iface-cid1-eth0-mac comment "macspoofchk-cid1-eth0"
			}

			chain cni-br-iface-cid1-eth0-mac {
				ether saddr $mac return comment "macspoofchk-cid1-eth0"
				drop comment "macspoofchk-cid1-eth0"
			}
		}
	END
	in_container c1 ping -c 1 -W 2 10.9.0.1
	in_container c1 ip link set eth0 address 02:00:00:00:00:99
	run ! in_container c1 ping -c 1 -W 1 10.9.0.1
	cni_ok DEL bridge <<<"$c"
	run ! grep cid1 <(host nft list table bridge nat)
}

@test "disableContainerInterface leaves the link down and excludes ipam" {
	cni_fails 999 "cannot use IPAM when DisableContainerInterface flag is set" ADD bridge \
		<<<"$(conf "$base" '.disableContainerInterface = true')"
	add c1 "$(conf "$base" '.disableContainerInterface = true | .ipam = {}')"
	[[ $(in_container c1 ip -o link show eth0) != *,UP* ]]
	[[ $(json '.ips // "none"') == none ]]
}

@test "layer 2: no ipam, link up, CHECK works" {
	local c
	c=$(conf "$base" '.ipam = {}')
	add c1 "$c"
	[[ $(in_container c1 ip -o link show eth0) == *LOWER_UP* ]]
	cni_ok CHECK bridge CNI_CONTAINERID=id-c1 <<<"$(conf "$c" --argjson p "$output" '.prevResult = $p')"
}

@test "route mtu, advmss, priority, table and scope are applied" {
	add c1 "$(conf "$base" '.cniVersion = "1.1.0" | .ipam.routes = [
		{"dst":"0.0.0.0/0"},
		{"dst":"10.20.0.0/16","gw":"10.9.0.7","mtu":1300,"advmss":1200,"priority":50},
		{"dst":"10.30.0.0/16","gw":"10.9.0.7","table":77}]')"
	[[ $(in_container c1 ip route show 10.20.0.0/16) == *"via 10.9.0.7 dev eth0 metric 50 mtu 1300 advmss 1200"* ]]
	[[ $(in_container c1 ip route show table 77) == *"10.30.0.0/16 via 10.9.0.7"* ]]
	[[ $(json '.routes[2].table') == 77 ]]
	cni_ok CHECK bridge CNI_CONTAINERID=id-c1 \
		<<<"$(conf "$base" --argjson p "$output" '.cniVersion = "1.1.0" | .prevResult = $p')"
}

@test "dns of the configuration replaces that of IPAM" {
	host sh -c 'echo nameserver 192.0.2.53 >/run/resolv'
	add c1 "$(conf "$base" '.ipam.resolvConf = "/run/resolv"')"
	[[ $(json '.dns.nameservers[0]') == 192.0.2.53 ]]
	del c1 "$base"
	add c1 "$(conf "$base" '.ipam.resolvConf = "/run/resolv" | .dns = {"nameservers":["192.0.2.99"],"search":["a.test"]}')"
	same_json "$(json .dns)" '{"nameservers":["192.0.2.99"],"search":["a.test"]}'
}

@test "CHECK finds what is missing" {
	local c
	cni_ok ADD bridge <<<"$dual"
	c=$(conf "$dual" --argjson p "$output" '.prevResult = $p')
	cni_ok CHECK bridge <<<"$c"
	cni_fails 999 "Required prevResult missing" CHECK bridge <<<"$dual"
	in_container c1 ip route del default
	cni_fails 999 "Expected Route 0.0.0.0/0 not found in routing table" CHECK bridge <<<"$c"
	in_container c1 ip route add default via 10.9.0.1
	cni_ok CHECK bridge <<<"$c"
	in_container c1 ip addr del 10.9.0.2/24 dev eth0
	cni_fails 999 "Failed to match addr 10.9.0.2/24 on interface eth0" CHECK bridge <<<"$c"
	in_container c1 ip addr add 10.9.0.2/24 dev eth0
	in_container c1 ip route add default via 10.9.0.1
	host nft flush chain inet cni_plugins_masquerade masq_checks
	cni_fails 999 "missing masquerade rule*10.9.0.2*" CHECK bridge <<<"$c"
	in_container c1 ip link set eth0 address 02:00:00:00:00:77
	cni_fails 999 "Interface eth0 Mac * doesn't match container Mac: 02:00:00:00:00:77" CHECK bridge <<<"$c"
	cni_fails 999 "Sandbox in prevResult /run/netns/c1 doesn't match configured netns: /proc/self/root/run/netns/c1" \
		CHECK bridge CNI_NETNS=/proc/self/root/run/netns/c1 <<<"$c"
	in_container c1 ip link del eth0
	cni_fails 999 "Container Interface name in prevResult: eth0 not found" CHECK bridge <<<"$c"
}

@test "GC removes rules and leases of what is not valid, in this network only" {
	local gc
	container_new c2 c3
	add c1 "$(conf "$dual" '.macspoofchk = true')"
	add c2 "$(conf "$dual" '.macspoofchk = true')"
	add c3 "$(conf "$dual" '.name = "net2" | .bridge = "br2" | .ipam.ranges = [[{"subnet":"10.8.0.0/24"}]] | .ipam.routes = []')"
	gc=$(conf "$dual" '.cniVersion = "1.1.0" |
		."cni.dev/valid-attachments" = [{"containerID":"id-c2","ifname":"eth0"}]')
	cni_ok GC bridge CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$gc"
	run ! grep id-c1 <(host nft list ruleset)
	[[ $(host nft list ruleset | grep -c 'id: id-c2"') == 2 ]]
	[[ $(host nft list ruleset | grep -c 'id: id-c3"') == 1 ]]
	[[ $(host nft list table bridge nat | grep -c 'chain cni-br') == 2 ]]
	[[ $(host sh -c 'ls /var/lib/cni/networks/net1') != *10.9.0.2* ]]
	[[ $(host sh -c 'ls /var/lib/cni/networks/net1') == *10.9.0.3* ]]
	[[ $(host sh -c 'ls /var/lib/cni/networks/net2') == *10.8.0.2* ]]
	# without a list nothing is garbage
	cni_ok GC bridge CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$(conf "$dual" '.cniVersion = "1.1.0"')"
	[[ $(host nft list ruleset | grep -c 'id: id-c2"') == 2 ]]
}

@test "STATUS asks IPAM too" {
	local c
	c=$(conf "$base" '.cniVersion = "1.1.0"')
	cni_ok STATUS bridge CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$c"
	cni_fails 50 "*" STATUS bridge CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$c" '.ipam.dataDir = "/proc/nowhere"')"
}

@test "bad values name the key and the value" {
	local filter msg
	while IFS=@ read -r filter msg; do
		cni_fails 999 "$msg" ADD bridge <<<"$(conf "$base" "$filter")"
	done <<-'END'
		.mtu = "x"@failed to load netconf: key 'mtu' must be an integer, not a string
		.mtu = -1@key 'mtu' must not be negative, got -1
		.mtu = 9999999999999@failed to load netconf: key 'mtu' must be between*9999999999999
		.isGateway = 1@failed to load netconf: key 'isGateway' must be a boolean, not *
		.vlan = 4095@invalid VLAN ID 4095 (must be between 0 and 4094)
		.vlanTrunk = [{"minID":5}]@minID and maxID should be configured simultaneously, maxID is missing
		.vlanTrunk = [{"maxID":5}]@minID and maxID should be configured simultaneously, minID is missing
		.vlanTrunk = [{"minID":9,"maxID":5}]@minID is greater than maxID in trunk parameter: 9 > 5
		.vlanTrunk = [{"id":4095}]@incorrect trunk id parameter*4095*
		.vlanTrunk = [{"minID":0,"maxID":5}]@incorrect trunk minID parameter*
		.bridge = "a/b"@key 'bridge': interface name "a/b" contains a slash*
		.bridge = "name-is-too-long"@key 'bridge': interface name "name-is-too-long" is longer than 15 bytes
		.ipMasq = true | .ipMasqBackend = "ebtables"@unknown ipmasq backend "ebtables"
		.hairpinMode = true | .promiscMode = true@cannot set hairpin mode and promiscuous mode at the same time
	END
	run ! host ip link show br0
}

@test "both names of the masquerade backend are served" {
	local b
	for b in iptables nftables; do
		add c1 "$(conf "$dual" --arg b "$b" '.ipMasqBackend = $b')"
		[[ $(host nft list ruleset | grep -c 'id: id-c1"') == 2 ]]
		del c1 "$dual"
	done
}

@test "a host without IPv6 forwarding files, values that are right already" {
	# a read-only /proc/sys of the host, with forwarding on
	host sysctl -q net.ipv4.ip_forward=1
	host sh -c 'mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys'
	add c1 "$base"
	in_container c1 ping -c 1 -W 2 10.9.0.1
}

@test "forty first ADDs at once on a fresh host, then as many DELs" {
	local i
	for i in {1..40}; do echo "netns add p$i"; done | host ip -batch -
	cat >"$BATS_TEST_TMPDIR/one" <<-'END'
		exec env CNI_COMMAND="$1" CNI_CONTAINERID="id-$2" CNI_NETNS="/run/netns/p$2" \
			CNI_IFNAME=eth0 CNI_PATH="$3" "$3/bridge" <"$4" >"$5/$1-$2"
	END
	echo "$dual" >"$BATS_TEST_TMPDIR/conf"
	seq 40 | host xargs -P 8 -I{} sh "$BATS_TEST_TMPDIR/one" ADD {} "$CNI_BIN" \
		"$BATS_TEST_TMPDIR/conf" "$BATS_TEST_TMPDIR"
	[[ $(jq -r '.ips[].address' "$BATS_TEST_TMPDIR"/ADD-* | sort -u | wc -l) == 80 ]]
	[[ $(host nft list chain inet cni_plugins_masquerade postrouting | grep -c 'return\|goto') == 3 ]]
	[[ $(host nft list chain inet cni_plugins_masquerade masq_checks | grep -c ' masquerade comment') == 80 ]]
	[[ $(host ip -o link show master br0 | wc -l) == 40 ]]
	in_container p7 ping -c 1 -W 2 10.9.0.1
	seq 40 | host xargs -P 8 -I{} sh "$BATS_TEST_TMPDIR/one" DEL {} "$CNI_BIN" \
		"$BATS_TEST_TMPDIR/conf" "$BATS_TEST_TMPDIR"
	[[ $(host nft list chain inet cni_plugins_masquerade masq_checks | grep -c ' masquerade comment') == 0 ]]
	[[ -z $(host ip -o link show master br0) ]]
	[[ -z $(host find /var/lib/cni/networks/net1 -name '10.*' -o -name 'fd00*') ]]
}

@test "what the reference suite's iptables backend left of a container goes with it" {
	[[ -x /usr/lib/cni/bridge ]] || skip "no reference plugins to make the rules with"
	cni_ok ADD /usr/lib/cni/bridge CNI_PATH=/usr/lib/cni <<<"$dual"
	host iptables -t nat -S | grep -q 'CNI-'
	cni_ok DEL bridge <<<"$dual"
	run ! grep 'CNI-' <(host iptables -t nat -S)
	run ! grep 'CNI-' <(host ip6tables -t nat -S)
	[[ -z $(host find /var/lib/cni/networks/net1 -name '10.*') ]]
}
