#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# firewall: forwarding for containers, also where iptables drops it; bridges kept apart

# shellcheck disable=SC2016 # filters of jq and inner shells
bats_require_minimum_version 1.5.0
load lib/common

net='{"cniVersion":"1.0.0","name":"net1","type":"bridge","bridge":"br0","isGateway":true,"ipMasq":true,
	"ipam":{"type":"host-local","ranges":[[{"subnet":"10.9.0.0/24"}],[{"subnet":"fd00:9::/64"}]],
	"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]}}'
fw='{"cniVersion":"1.0.0","name":"net1","type":"firewall"}'

setup() {
	host_new
	container_new c1 out
	host ip link add ext0 type veth peer name ext1 netns out
	host ip addr add 192.0.2.1/24 dev ext0
	host ip link set ext0 up
	in_container out ip addr add 192.0.2.2/24 dev ext1
	in_container out ip link set ext1 up
	in_container out ip route add default via 192.0.2.1
}

teardown() {
	host_gone
}

# chain_add CONTAINER NET FW: bridge, then firewall; the latter's configuration with its
# prevResult is left in FWCONF.
chain_add() {
	cni_ok ADD bridge CNI_CONTAINERID="id-$1" CNI_NETNS="/run/netns/$1" <<<"$2"
	FWCONF=$(conf "$3" --argjson p "$output" '.prevResult = $p')
	cni_ok ADD firewall CNI_CONTAINERID="id-$1" CNI_NETNS="/run/netns/$1" <<<"$FWCONF"
}

# fw_call VERB CONTAINER CONF
fw_call() {
	cni_ok "$1" firewall CNI_CONTAINERID="id-$2" CNI_NETNS="/run/netns/$2" <<<"$3"
}

@test "rules are laid out as the reference's iptables backend lays them out" {
	chain_add c1 "$net" "$fw"
	same_json "$output" "$(jq .prevResult <<<"$FWCONF")"
	diff - <(host iptables -S) <<-'END'
		-P INPUT ACCEPT
		-P FORWARD ACCEPT
		-P OUTPUT ACCEPT
		-N CNI-ADMIN
		-N CNI-FORWARD
		-A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD
		-A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN
		-A CNI-FORWARD -d 10.9.0.2/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		-A CNI-FORWARD -s 10.9.0.2/32 -j ACCEPT
		-A CNI-FORWARD -d 10.9.0.2/32 -m conntrack --ctstate DNAT -j ACCEPT
	END
	host ip6tables -S | grep -q -- '-A CNI-FORWARD -s fd00:9::2/128 -j ACCEPT'
	fw_call CHECK c1 "$FWCONF"
	fw_call DEL c1 "$FWCONF"
	run ! grep 10.9.0.2 <(host iptables -S)
	run ! grep fd00:9::2 <(host ip6tables -S)
	fw_call DEL c1 "$FWCONF"
}

@test "a host that drops forwarded packets with iptables, as Docker leaves it" {
	host iptables -P FORWARD DROP
	host iptables -N DOCKER-USER
	host iptables -I FORWARD -j DOCKER-USER
	host iptables -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
	chain_add c1 "$net" '{"cniVersion":"1.0.0","name":"other","type":"firewall"}'
	in_container c1 ping -c 1 -W 2 192.0.2.2
	fw_call DEL c1 "$FWCONF"
	run ! in_container c1 ping -c 1 -W 1 192.0.2.2
	# what was there is as it was, and can be listed and changed with iptables
	[[ $(host iptables -S FORWARD) == *"-P FORWARD DROP"*"-j DOCKER-USER"*"-o docker0"* ]]
	host iptables -D FORWARD -j DOCKER-USER
	host iptables-save | host iptables-restore
}

@test "the administrator's chain comes first" {
	host iptables -P FORWARD DROP
	chain_add c1 "$net" "$(conf "$fw" '.iptablesAdminChainName = "NOMAD-ADMIN"')"
	in_container c1 ping -c 1 -W 2 192.0.2.2
	host iptables -A NOMAD-ADMIN -s 10.9.0.2 -d 192.0.2.2 -j DROP
	run ! in_container c1 ping -c 1 -W 1 192.0.2.2
	fw_call CHECK c1 "$FWCONF"
}

@test "the reference's rules are removed, and the reference removes ours" {
	[[ -x /usr/lib/cni/firewall ]] || skip "no reference plugin to compare with"
	chain_add c1 "$net" "$fw"
	fw_call DEL c1 "$FWCONF"
	cni_ok ADD /usr/lib/cni/firewall <<<"$FWCONF"
	host iptables -S | grep -q 10.9.0.2
	cni_ok DEL firewall <<<"$FWCONF"
	run ! grep 10.9.0.2 <(host iptables -S)
	cni_ok ADD firewall <<<"$FWCONF"
	cni_ok CHECK /usr/lib/cni/firewall <<<"$FWCONF"
	cni_ok DEL /usr/lib/cni/firewall <<<"$FWCONF"
	# all but the rule that it does not know, which docs/plugins/firewall.md tells
	[[ $(host iptables -S | grep 10.9.0.2) == *"--ctstate DNAT"* ]]
	[[ $(host iptables -S | grep -c 10.9.0.2) == 1 ]]
	[[ $(host ip6tables -S | grep -c fd00:9::2) == 1 ]]
}

@test "a second ADD makes no second rules; chains that were flushed come back" {
	chain_add c1 "$net" "$fw"
	fw_call ADD c1 "$FWCONF"
	[[ $(host iptables -S | grep -c 10.9.0.2) == 3 ]]
	host iptables -F
	cni_fails 999 "expected FORWARD rule*not found" CHECK firewall CNI_CONTAINERID=id-c1 <<<"$FWCONF"
	fw_call ADD c1 "$FWCONF"
	[[ $(host iptables -S | grep -c 'CNI firewall plugin') == 2 ]]
	fw_call CHECK c1 "$FWCONF"
	host iptables -D CNI-FORWARD -s 10.9.0.2/32 -j ACCEPT
	cni_fails 999 "expected rule*10.9.0.2*not found" CHECK firewall CNI_CONTAINERID=id-c1 <<<"$FWCONF"
}

@test "DEL without prevResult and without a namespace finds the rules" {
	chain_add c1 "$net" "$fw"
	cni_ok DEL firewall CNI_CONTAINERID=id-c1 CNI_NETNS= <<<"$fw"
	run ! grep 10.9.0.2 <(host iptables -S)
}

@test "two networks of one container keep their own rules" {
	chain_add c1 "$net" "$fw"
	local first=$FWCONF
	cni_ok ADD bridge CNI_CONTAINERID=id-c1 CNI_IFNAME=eth1 \
		<<<"$(conf "$net" '.name = "net2" | .bridge = "br2" | .ipam.ranges = [[{"subnet":"10.8.0.0/24"}]] | .ipam.routes = []')"
	cni_ok ADD firewall CNI_CONTAINERID=id-c1 CNI_IFNAME=eth1 \
		<<<"$(conf "$fw" --argjson p "$output" '.name = "net2" | .prevResult = $p')"
	fw_call DEL c1 "$first"
	run ! grep 10.9.0.2 <(host iptables -S)
	[[ $(host iptables -S | grep -c 10.8.0.2) == 3 ]]
}

@test "ingressPolicy same-bridge: bridges are kept apart, the rest goes on" {
	container_new c2 c3
	local policy other
	policy=$(conf "$fw" '.ingressPolicy = "same-bridge"')
	other=$(conf "$net" '.name = "net2" | .bridge = "br2" | .ipam.ranges = [[{"subnet":"10.8.0.0/24"}]] | .ipam.routes = [{"dst":"0.0.0.0/0"}]')
	chain_add c1 "$net" "$policy"
	chain_add c2 "$net" "$policy"
	chain_add c3 "$other" "$(conf "$policy" '.name = "net2"')"
	in_container c1 ping -c 1 -W 2 10.9.0.3
	in_container c1 ping -c 1 -W 2 192.0.2.2
	in_container c3 ping -c 1 -W 2 192.0.2.2
	run ! in_container c1 ping -c 1 -W 1 10.8.0.2
	run ! in_container c3 ping -c 1 -W 1 10.9.0.2
	[[ $(host iptables -S | grep -c -- '-j CNI-ISOLATION-STAGE-2') == 2 ]]
	[[ $(host iptables -S FORWARD | sed -n 2p) == *"-j CNI-ISOLATION-STAGE-1" ]]
	[[ $(host iptables -S CNI-ISOLATION-STAGE-1 | tail -1) == *"-j RETURN" ]]
	fw_call CHECK c3 "$FWCONF"
	# the last of a network is gone: so are its bridge's rules
	fw_call DEL c3 "$FWCONF"
	cni_ok GC firewall CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$policy" '.cniVersion = "1.1.0" | .name = "net2" | ."cni.dev/valid-attachments" = []')"
	run ! grep br2 <(host iptables -S)
	[[ $(host iptables -S | grep -c -- '-j CNI-ISOLATION-STAGE-2') == 1 ]]
}

@test "ingressPolicy isolated adds the bridge itself" {
	chain_add c1 "$net" "$(conf "$fw" '.ingressPolicy = "isolated"')"
	[[ $(host iptables -S CNI-ISOLATION-STAGE-1) == *"-i br0 -o br0 "*"-j DROP"* ]]
	fw_call CHECK c1 "$FWCONF"
	fw_call ADD c1 "$FWCONF"
	[[ $(host iptables -S CNI-ISOLATION-STAGE-1 | grep -c br0) == 2 ]]
}

@test "GC removes the rules of attachments that are not valid, of this network only" {
	container_new c2 c3
	chain_add c1 "$net" "$fw"
	chain_add c2 "$net" "$fw"
	chain_add c3 "$(conf "$net" '.name = "net2" | .bridge = "br2" | .ipam.ranges = [[{"subnet":"10.8.0.0/24"}]] | .ipam.routes = []')" \
		"$(conf "$fw" '.name = "net2"')"
	cni_ok GC firewall CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$fw" '.cniVersion = "1.1.0" | ."cni.dev/valid-attachments" = [{"containerID":"id-c2","ifname":"eth0"}]')"
	run ! grep 10.9.0.2/ <(host iptables -S)
	[[ $(host iptables -S | grep -c 10.9.0.3/) == 3 ]]
	[[ $(host iptables -S | grep -c 10.8.0.2/) == 3 ]]
}

@test "bad input" {
	cni_fails 999 "missing prevResult from earlier plugin" ADD firewall <<<"$fw"
	cni_fails 999 'unknown ingress policy: "x"' ADD firewall <<<"$(conf "$fw" '.ingressPolicy = "x"')"
	cni_fails 999 "failed to load netconf: key 'backend' must be a string, not *" ADD firewall \
		<<<"$(conf "$fw" '.backend = 5')"
	cni_fails 999 "key 'iptablesAdminChainName': chain name \"a b\" contains white space" ADD firewall \
		<<<"$(conf "$fw" '.iptablesAdminChainName = "a b"')"
	cni_fails 999 'interface needs to be set for ingress policy "same-bridge"*' ADD firewall \
		<<<"$(conf "$fw" '.ingressPolicy = "same-bridge" | .prevResult = {"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]}')"
	cni_fails 1 "incompatible CNI versions" ADD firewall <<<"$(conf "$fw" '.cniVersion = "0.3.1"')"
	# a bad policy does not keep DEL from working
	cni_ok DEL firewall <<<"$(conf "$fw" '.ingressPolicy = "x"')"
	cni_ok STATUS firewall CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$(conf "$fw" '.cniVersion = "1.1.0"')"
}

@test "twenty first ADDs at once: every jump once, every rule there" {
	local prev
	cat >"$BATS_TEST_TMPDIR/one" <<-'END'
		sed "s/@/$1/g" "$3" | env CNI_COMMAND=ADD CNI_CONTAINERID="id-$1" CNI_NETNS=/run/netns/x \
			CNI_IFNAME=eth0 CNI_PATH="$2" "$2/firewall" >/dev/null
	END
	prev='{"cniVersion":"1.0.0","interfaces":[{"name":"br0"}],"ips":[{"address":"10.9.0.@/24"},{"address":"fd00:9::@/64"}]}'
	conf "$fw" --argjson p "$prev" '.prevResult = $p | .ingressPolicy = "same-bridge"' >"$BATS_TEST_TMPDIR/conf"
	seq 20 | host xargs -P 8 -I{} sh "$BATS_TEST_TMPDIR/one" {} "$CNI_BIN" "$BATS_TEST_TMPDIR/conf"
	[[ $(host iptables -S FORWARD | grep -c -- '-j CNI-FORWARD') == 1 ]]
	[[ $(host iptables -S | grep -c -- '-j CNI-ADMIN') == 1 ]]
	[[ $(host iptables -S | grep -c -- '-j CNI-ISOLATION-STAGE-1') == 1 ]]
	[[ $(host iptables -S | grep -c -- '-i br0 ! -o br0') == 1 ]]
	[[ $(host iptables -S | grep -c 'CNI-FORWARD .*10\.9\.0\.') == 60 ]]
	[[ $(host ip6tables -S | grep -c 'CNI-FORWARD .*fd00:9::') == 60 ]]
}
