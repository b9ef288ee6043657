#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The same configurations through the reference plugins of Debian and through ours: same
# results, same kernel objects.  Each side works on a host of its own.
#
# What is normalised, and why:
#   MAC addresses and veth names       random
#   iptables rules of the peer         Debian's suite has no nftables backend; what our rules do
#                                      is tested with traffic elsewhere
#   flags of IPv6 addresses            "nodad" on gateways: the peer's are tentative when ADD
#                                      returns, ours are usable
#   accept_dad of the bridge           0 on ours, for the same reason
#   transmit queue length of veths     Debian's version sets 0, later ones the kernel's default
#   order of keys in results, empty dns  from 1.0.0 on later versions than Debian's
#                                      sort them, and leave "dns" out when it is empty
#   keep_addr_on_down, file modes      as later versions than Debian's have them: 1, 0600

# shellcheck disable=SC2016,SC2034,SC2154 # filters of jq, inner shells; set for or by common.bash
bats_require_minimum_version 1.5.0
load lib/common

PEER=/usr/lib/cni

setup() {
	[[ -x $PEER/bridge ]] || fail "no plugins to compare with in $PEER (contrib/deps test)"
	HELD=()
}

teardown() {
	host_gone
}

# on SIDE PLUGINDIR: a fresh host for one side with container c1.
on() {
	hold "HOST_$1"
	local var=HOST_$1
	HOST=${!var}
	CNI_BIN=$2
	container_new c1 c2
}

# steady: random MACs replaced, veth names by their order of appearance.
steady() {
	perl -pe '
		s/\b(?!02:|00:00|ff:ff)[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/MAC/g;
		s/\b02:(?!11:22|00:00)[0-9a-f]{2}(:[0-9a-f]{2}){4}\b/MAC/g;
		s/\b(veth[0-9a-f]{8})\b/$veth{$1} \/\/= "VETH" . ++$v/ge;
		s/ +(\\|$)/$1/'
}

# objects: addresses, routes, links and the sysctls that plugins set, of host and container.
objects() {
	local where
	for where in host "in_container c1"; do
		echo "--- $where"
		$where sh -c '
			ip -o link show | sed -E "s/^[0-9]+: //; s/@[^:]*:/:/; s/ (state|mode|group|link-netns(id)?) [^ ]+//g; s/,LOWER_UP//; s/NO-CARRIER,//; s/ qlen [0-9]+//"
			ip -d -j link show | jq -c ".[] | {kind: .linkinfo.info_kind, mtu, promiscuity,
				port: .linkinfo.info_slave_data | {hairpin, isolated}}"
			ip -o addr show scope global | sed -E "s/^[0-9]+: //; s/valid_lft.*//; s/ (nodad|tentative)//g"
			ip -4 route show table all
			ip -6 route show table all | grep -v "fe80\|ff00\|local\|anycast" | sed "s/ pref medium//"
			ip rule; ip -6 rule' |
			sed 's/ linkdown//; s/ *\\$//; s/ *$//' | sort
	done
	host sh -c 'for f in /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding \
		/proc/sys/net/ipv?/conf/veth*/accept_ra /proc/sys/net/ipv4/conf/*/route_localnet; do
		[ -e $f ] && echo "$f $(cat $f)"; done'
	in_container c1 sh -c 'for k in arp_notify arp_filter; do
			echo "$k $(cat /proc/sys/net/ipv4/conf/eth0/$k 2>/dev/null)"; done
		for k in accept_dad enhanced_dad accept_ra; do
			echo "$k $(cat /proc/sys/net/ipv6/conf/eth0/$k 2>/dev/null)"; done
		cat /proc/sys/net/core/somaxconn'
}

files() {
	host sh -c 'cd /var/lib/cni 2>/dev/null && find . -type f ! -name lock ! -name .boot_id | sort | while read -r f; do
		echo "$f $(cat "$f" | od -An -c | tr -d "\n")"; done'
}

# run_chain VERB CONF...: through the chain; the result, or error, goes to standard output.
run_chain() {
	local verb=$1 prev='' i c
	shift
	for c; do
		[[ -z $prev ]] || c=$(conf "$c" --argjson p "$prev" '.prevResult = $p')
		cni "$verb" "$(jq -r .type <<<"$c")" "${VARS[@]}" <<<"$c"
		echo "status $status"
		case $(jq -r .cniVersion <<<"$c") in
		1.*) jq -S 'if .dns == {} then del(.dns) else . end' <<<"$output" ;;
		*) printf '%s\n' "$output" ;;
		esac
		((status == 0)) || break
		[[ $verb != ADD ]] || prev=$output
	done
	RESULT=$prev
}

# side CONF...: all that one side does and leaves behind, as text.
side() {
	local c confs=("$@")
	run_chain ADD "${confs[@]}"
	objects
	files
	for c in "${confs[@]}"; do
		[[ -n $RESULT ]] || continue
		c=$(conf "$c" --argjson p "$RESULT" '.prevResult = $p')
		case $(jq -r .cniVersion <<<"$c") in
		0.1.0 | 0.2.0 | 0.3.*) ;;
		*)
			cni CHECK "$(jq -r .type <<<"$c")" "${VARS[@]}" <<<"$c"
			echo "check $status $output"
			;;
		esac
	done
	for ((i = ${#confs[@]} - 1; i >= 0; i--)); do
		c=${confs[i]}
		[[ -z $RESULT ]] || c=$(conf "$c" --argjson p "$RESULT" '.prevResult = $p')
		cni DEL "$(jq -r .type <<<"$c")" "${VARS[@]}" <<<"$c"
		echo "del $status $output"
	done
	objects
	files
}

# same CONF...: both sides, compared line by line.
same() {
	local ours=$CNI_BIN
	VARS=("${VARS[@]}")
	on peer "$PEER"
	side "$@" | steady >"$BATS_TEST_TMPDIR/peer"
	on ours "$ours"
	side "$@" | steady >"$BATS_TEST_TMPDIR/ours"
	diff -u "$BATS_TEST_TMPDIR/peer" "$BATS_TEST_TMPDIR/ours"
}

net='{"cniVersion":"1.0.0","name":"net1","type":"bridge","bridge":"br0","isGateway":true,"hairpinMode":true,
	"ipam":{"type":"host-local","ranges":[[{"subnet":"10.9.0.0/24","gateway":"10.9.0.9"}],[{"subnet":"fd00:9::/64"}]],
	"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"},{"dst":"10.50.0.0/16","gw":"10.9.0.7"}]}}'

@test "bridge, dual stack, every version" {
	local v
	VARS=()
	for v in 0.3.0 0.3.1 0.4.0 1.0.0; do
		same "$(conf "$net" --arg v "$v" '.cniVersion = $v')"
		host_gone
	done
}

@test "bridge, one address, versions 0.1.0 and 0.2.0" {
	local v
	VARS=()
	for v in 0.1.0 0.2.0; do
		same "$(conf "$net" --arg v "$v" '.cniVersion = $v | .ipam.ranges |= .[:1]')"
		host_gone
	done
}

@test "bridge: isDefaultGateway, mtu, MAC from CNI_ARGS, dns" {
	VARS=(CNI_ARGS="IgnoreUnknown=1;MAC=02:11:22:33:44:55")
	same "$(conf "$net" '.isDefaultGateway = true | .ipam.routes = [] | .mtu = 1400 |
		.dns = {"nameservers":["192.0.2.1"],"domain":"a.test","search":["b.test"],"options":["ndots:5"]}')"
}

@test "bridge: layer 2" {
	VARS=()
	same "$(conf "$net" 'del(.ipam) | .isGateway = false')" || {
		# the one difference allowed: the peer's CHECK of a layer 2 network fails
		diff <(sed '/^check 1/,/^}/d' "$BATS_TEST_TMPDIR/peer") <(sed '/^check 0/d' "$BATS_TEST_TMPDIR/ours")
		grep -q '^check 0' "$BATS_TEST_TMPDIR/ours"
	}
}

@test "bridge with static addresses" {
	VARS=(CNI_ARGS="IP=10.7.0.2/24,fd00:7::2/64;GATEWAY=10.7.0.1,fd00:7::1")
	same "$(conf "$net" '.ipam = {"type":"static","routes":[{"dst":"0.0.0.0/0"}],
		"dns":{"nameservers":["192.0.2.9"]}}')"
}

@test "bridge with a requested address, containerd's and podman's inputs" {
	VARS=(CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=p0;K8S_POD_INFRA_CONTAINER_ID=cid1")
	same "$(conf "$net" '.args = {"podman_labels":{"x":"y"}} | .capabilities = {"ips":true} |
		.runtimeConfig = {"ips":["10.9.0.77","fd00:9::77"]} | .Documentation = "z"')"
}

@test "ptp, dual stack" {
	VARS=()
	same "$(conf "$net" '.type = "ptp" | .ipam.routes |= .[:2]')"
}

@test "loopback" {
	VARS=(CNI_IFNAME=lo)
	same '{"cniVersion":"1.0.0","name":"lo","type":"loopback"}'
}

@test "the chain: bridge, portmap, firewall, tuning" {
	VARS=()
	same "$net" '{"cniVersion":"1.0.0","name":"net1","type":"portmap","capabilities":{"portMappings":true},
		"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}}' \
		'{"cniVersion":"1.0.0","name":"net1","type":"firewall"}' \
		'{"cniVersion":"1.0.0","name":"net1","type":"tuning","mtu":1400,"mac":"02:00:00:00:00:0a",
			"sysctl":{"net.core.somaxconn":"500"}}' || {
		# the one difference allowed: Debian's portmap fails its own CHECK with IPv6
		diff <(sed '/^check/,/^del/d' "$BATS_TEST_TMPDIR/peer") <(sed '/^check/,/^del/d' "$BATS_TEST_TMPDIR/ours")
		[[ $(grep -c '^check 0' "$BATS_TEST_TMPDIR/ours") == 4 ]]
	}
}

@test "errors have the same code and the same beginning" {
	local filter ours=$CNI_BIN n=0
	on peer "$PEER"
	on ours "$ours"
	while read -r filter; do
		# the peer leaves its veth behind when it fails: a new name each time
		n=$((n + 1))
		HOST=$HOST_peer cni ADD "$PEER/bridge" CNI_PATH="$PEER" CNI_IFNAME=eth$n <<<"$(conf "$net" "$filter")"
		jq -c '[.code, .msg[:22]]' <<<"$output" >>"$BATS_TEST_TMPDIR/peer"
		HOST=$HOST_ours cni ADD "$ours/bridge" CNI_PATH="$ours" CNI_IFNAME=eth$n <<<"$(conf "$net" "$filter")"
		jq -c '[.code, .msg[:22]]' <<<"$output" >>"$BATS_TEST_TMPDIR/ours"
	done <<-'END'
		.name = ""
		.name = "a/b"
		.cniVersion = "9.9.9"
		.mtu = "x"
		.ipam.type = "nosuch"
		.promiscMode = true
		.ipam.ranges = [[{"subnet":"10.9.0.1/24"}]]
		.ipam.ranges = [[{"subnet":"bad"}]]
		.ipam.ranges = [[{"subnet":"10.9.0.0/31"}]]
		.ipam.ranges = []
		.ipam.ranges = [[{"subnet":"10.9.0.0/24","rangeStart":"10.8.0.1"}]]
		.bridge = "lo"
	END
	diff "$BATS_TEST_TMPDIR/peer" "$BATS_TEST_TMPDIR/ours"
}
