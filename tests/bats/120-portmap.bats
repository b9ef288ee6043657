#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# portmap: mapped ports, with traffic

# shellcheck disable=SC2030,SC2031,SC2154 # "run" sets them
bats_require_minimum_version 1.5.0
load lib/portmap

setup_file() {
	portmap_build
}

setup() {
	portmap_setup
}

teardown() {
	host_gone
}

# --- what is made ---

@test "the objects are those of the reference suite's nft backend" {
	mappings=$(jq -cn '[{hostPort: 8080, containerPort: 80, protocol: "tcp"},
		{hostPort: 53, containerPort: 53, protocol: "udp", hostIP: "192.0.2.1"},
		{hostPort: 53, containerPort: 53, protocol: "udp", hostIP: "2001:db8::1"},
		{hostPort: 99, containerPort: 9, protocol: "sctp"}]')
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$mappings")"

	run -0 host nft list table ip cni_hostport
	diff <(echo "$output") - <<'END'
table ip cni_hostport {
	comment "CNI portmap plugin"
	chain hostports {
		ip daddr 192.0.2.1 udp dport 53 dnat to 10.88.0.2:53 comment "cid1"
		tcp dport 8080 dnat to 10.88.0.2:80 comment "cid1"
		sctp dport 99 dnat to 10.88.0.2:9 comment "cid1"
	}

	chain hostip_hostports {
	}

	chain hostports_all {
		jump hostip_hostports
		jump hostports
	}

	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		fib daddr type local jump hostports_all
	}

	chain output {
		type nat hook output priority -100; policy accept;
		fib daddr type local jump hostports_all
	}

	chain masquerading {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.88.0.2 ip daddr 10.88.0.2 masquerade comment "cid1"
		ip saddr 127.0.0.1 ip daddr 10.88.0.2 masquerade comment "cid1"
	}
}
END
	run -0 rules ip6 hostports
	diff <(echo "$output") - <<'END'
ip6 daddr 2001:db8::1 udp dport 53 dnat to [fd88::2]:53 comment "cid1"
tcp dport 8080 dnat to [fd88::2]:80 comment "cid1"
sctp dport 99 dnat to [fd88::2]:9 comment "cid1"
END
	run -0 rules ip6 masquerading
	[ "$output" = 'ip6 saddr fd88::2 ip6 daddr fd88::2 masquerade comment "cid1"' ]
	run -0 rules ip6 prerouting
	[ "$output" = 'fib daddr type local jump hostports_all' ]
}

@test "prevResult is passed on, in every version" {
	local v4='{"ip": "10.88.0.2/24", "gateway": "10.88.0.1"}'
	for version in 0.1.0 0.2.0; do
		c=$(pm_conf net1 "" "$(map 8080 80)" "{\"cniVersion\": \"$version\"}" |
			jq -c --argjson ip4 "$v4" '.prevResult = {cniVersion, ip4: $ip4, dns: {}}')
		[ "$(pm ADD cid1 "$c" | jq -c .)" = "$(jq -c .prevResult <<<"$c")" ]
		pm DEL cid1 "$c"
	done
	for version in 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0; do
		c=$(pm_conf net1 "$A_IPS" "$(map 8080 80)" "{\"cniVersion\": \"$version\"}" |
			jq -c --arg v $version '.prevResult.cniVersion = $v')
		run -0 pm ADD cid1 "$c"
		[ "$(jq -c '[.cniVersion, .ips[].address]' <<<"$output")" = \
			"[\"$version\",\"10.88.0.2/24\",\"fd88::2/64\"]" ]
		[ "$(count ip hostports)" = 1 ]
		pm DEL cid1 "$c"
		[ "$(count ip hostports)" = 0 ]
	done
}

@test "without mappings nothing is made" {
	run -0 pm ADD cid1 "$(pm_conf net1 "$A_IPS" '[]')"
	[ "$(jq -r '.ips[0].address' <<<"$output")" = 10.88.0.2/24 ]
	run -0 pm ADD cid1 "$(pm_conf net1 "$A_IPS" '[]' | jq -c 'del(.runtimeConfig)')"
	run -0 pm CHECK cid1 "$(pm_conf net1 "$A_IPS" '[]')"
	[ -z "$(ruleset)" ]
	[ "$(host cat /proc/sys/net/ipv4/conf/br0/route_localnet)" = 0 ]
}

@test "no process is started" {
	host strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=execve,clone,fork,vfork,clone3 \
		env -i ASAN_OPTIONS=detect_leaks=0 CNI_COMMAND=ADD CNI_CONTAINERID=cid1 CNI_IFNAME=eth0 \
		CNI_NETNS=/run/netns/a CNI_PATH="$CNI_BIN" "$CNI_BIN/portmap" <<<"$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	# env, and the plugin
	[ "$(grep -c execve "$BATS_TEST_TMPDIR/trace")" = 2 ]
}

# --- traffic ---

@test "tcp, udp and sctp from outside reach the container, which sees who asks" {
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(jq -cn '[("tcp", "udp", "sctp") |
		{hostPort: 8080, containerPort: 80, protocol: .}]')")"
	for proto in tcp udp sctp; do
		serve a $proto 80 a
		[ "$(ask out $proto 192.0.2.1 8080)" = "a 192.0.2.2" ]
		[ "$(ask out $proto 2001:db8::1 8080)" = "a 2001:db8::2" ]
	done
	# only what is mapped
	run -1 ask out tcp 192.0.2.1 80
	run -1 ask out tcp 192.0.2.1 8081
}

@test "the host reaches it by its own addresses and by localhost" {
	serve a tcp 80 a
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	[ "$(ask host tcp 192.0.2.1 8080)" = "a 192.0.2.1" ]
	[ "$(ask host tcp 10.88.0.1 8080)" = "a 10.88.0.1" ]
	[ "$(ask host tcp 127.0.0.1 8080)" = "a 10.88.0.1" ]
	[ "$(ask host tcp 2001:db8::1 8080)" = "a 2001:db8::1" ]
	[ "$(host cat /proc/sys/net/ipv4/conf/br0/route_localnet)" = 1 ]
}

@test "a container reaches itself and its neighbour by the host's address" {
	serve a tcp 80 a
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	[ "$(ask a tcp 192.0.2.1 8080)" = "a 10.88.0.1" ]
	[ "$(ask a tcp 2001:db8::1 8080)" = "a fd88::1" ]
	[ "$(ask b tcp 192.0.2.1 8080)" = "a 10.88.0.3" ]
}

@test "a connection through the host to elsewhere is left alone" {
	serve out tcp 8080 out
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	[ "$(ask b tcp 192.0.2.2 8080)" = "out 10.88.0.3" ]
	[ "$(ask host tcp 192.0.2.2 8080)" = "out 192.0.2.1" ]
}

@test "hostIP: only that address answers; 0.0.0.0 and :: are any" {
	serve a tcp 80 a
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80 tcp 192.0.2.1)")"
	[ "$(ask out tcp 192.0.2.1 8080)" = "a 192.0.2.2" ]
	run -1 ask out tcp 192.0.2.11 8080
	run -1 ask out tcp 2001:db8::1 8080
	run -1 ask host tcp 127.0.0.1 8080

	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80 tcp 0.0.0.0)")"
	[ "$(ask out tcp 192.0.2.11 8080)" = "a 192.0.2.2" ]
	run -1 ask out tcp 2001:db8::1 8080

	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80 tcp ::)")"
	run -1 ask out tcp 192.0.2.1 8080
	[ "$(ask out tcp 2001:db8::11 8080)" = "a 2001:db8::2" ]

	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80 tcp 127.0.0.1)")"
	[ "$(ask host tcp 127.0.0.1 8080)" = "a 10.88.0.1" ]
	run -1 ask out tcp 192.0.2.1 8080
}

@test "an address comes before any address" {
	serve a tcp 80 any
	serve a tcp 81 one
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" '[{"hostPort": 8080, "containerPort": 80},
		{"hostPort": 8080, "containerPort": 81, "hostIP": "192.0.2.11"}]')"
	[ "$(ask out tcp 192.0.2.1 8080)" = "any 192.0.2.2" ]
	[ "$(ask out tcp 192.0.2.11 8080)" = "one 192.0.2.2" ]
}

@test "two containers on two ports; DEL of one leaves the other" {
	serve a tcp 80 a
	serve b tcp 80 b
	pm ADD cida "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	pm ADD cidb "$(pm_conf net1 "$B_IPS" "$(map 8081 80)")"
	[ "$(ask out tcp 192.0.2.1 8080)" = "a 192.0.2.2" ]
	[ "$(ask out tcp 192.0.2.1 8081)" = "b 192.0.2.2" ]
	pm DEL cida "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	run -1 ask out tcp 192.0.2.1 8080
	[ "$(ask out tcp 192.0.2.1 8081)" = "b 192.0.2.2" ]
	[ "$(count ip masquerading)" = 2 ]
}

@test "without snat nothing is masqueraded and route_localnet stays off" {
	serve a tcp 80 a
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)" '{"snat": false}')"
	[ "$(ask out tcp 192.0.2.1 8080)" = "a 192.0.2.2" ]
	run -1 rules ip masquerading
	[ "$(host cat /proc/sys/net/ipv4/conf/br0/route_localnet)" = 0 ]
	pm CHECK cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)" '{"snat": false}')"
	# what an older configuration left goes all the same
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	pm DEL cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)" '{"snat": false}')"
	[ "$(count ip masquerading)" = 0 ]
}

@test "masqAll: the container sees the host" {
	serve a tcp 80 a
	c=$(pm_conf net1 "$A_IPS" "$(map 8080 80)" '{"masqAll": true}')
	pm ADD cid1 "$c"
	[ "$(ask out tcp 192.0.2.1 8080)" = "a 10.88.0.1" ]
	[ "$(ask out tcp 2001:db8::1 8080)" = "a fd88::1" ]
	[ "$(ask host tcp 127.0.0.1 8080)" = "a 10.88.0.1" ]
	[ "$(count ip masquerading)" = 1 ]
	pm CHECK cid1 "$c"
	pm DEL cid1 "$c"
	[ "$(count ip masquerading)" = 0 ]
}

@test "conditions of both syntaxes are obeyed, and are a network's own" {
	serve a tcp 80 a
	serve b tcp 80 b
	ca=$(pm_conf neta "$A_IPS" "$(map 8080 80)" '{"conditionsV4": ["!", "-s", "192.0.2.2/32", "-i", "ext+"],
		"conditionsV6": ["-s", "2001:db8::/64"]}')
	cb=$(pm_conf netb "$B_IPS" "$(map 8081 80)" '{"backend": "nftables",
		"conditionsV4": ["ip", "saddr", "192.0.2.2"], "conditionsV6": ["iifname != \"ext0\""]}')
	pm ADD cida "$ca"
	pm ADD cidb "$cb"
	run -1 ask out tcp 192.0.2.1 8080
	at out ip route replace 192.0.2.1/32 dev eth0 src 192.0.2.3
	[ "$(ask out tcp 192.0.2.1 8080)" = "a 192.0.2.3" ]
	[ "$(ask out tcp 2001:db8::1 8080)" = "a 2001:db8::2" ]
	run -1 ask host tcp 192.0.2.1 8080
	run -1 ask out tcp 192.0.2.1 8081
	at out ip route del 192.0.2.1/32
	[ "$(ask out tcp 192.0.2.1 8081)" = "b 192.0.2.2" ]
	run -1 ask out tcp 2001:db8::1 8081
	[ "$(ask host tcp 2001:db8::1 8081)" = "b 2001:db8::1" ]

	run -0 rules ip hostports
	diff <(echo "$output") - <<'END'
tcp dport 8080 ip saddr != 192.0.2.2 iifname "ext*" dnat to 10.88.0.2:80 comment "cida"
tcp dport 8081 ip saddr 192.0.2.2 dnat to 10.88.0.3:80 comment "cidb"
END
	pm CHECK cida "$ca"
	pm CHECK cidb "$cb"
}

@test "300 mappings" {
	serve a tcp 80 a
	mappings=$(jq -cn '[range(300) | {hostPort: (10000 + .), containerPort: 80, protocol: "tcp"}]')
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$mappings")"
	[ "$(count ip hostports)" = 300 ]
	[ "$(count ip6 hostports)" = 300 ]
	[ "$(ask out tcp 192.0.2.1 10299)" = "a 192.0.2.2" ]
	pm CHECK cid1 "$(pm_conf net1 "$A_IPS" "$mappings")"
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$mappings")"
	[ "$(count ip hostports)" = 300 ]
	pm DEL cid1 "$(pm_conf net1 "$A_IPS" '[]')"
	[ "$(count ip hostports)" = 0 ]
	[ "$(count ip6 hostports)" = 0 ]
}

# --- UDP flows that began before ---

@test "a UDP flow that began before ADD goes to the container" {
	serve host udp 5353 host
	serve a udp 53 a
	pm ADD cid0 "$(pm_conf net1 "$B_IPS" "$(map 1 1)")" # so that connections are tracked
	[ "$(ask out udp 192.0.2.1 5353 4000)" = "host 192.0.2.2" ]
	[ "$(ask out udp 2001:db8::1 5353 4000)" = "host 2001:db8::2" ]
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 5353 53 UDP)")"
	[ "$(ask out udp 192.0.2.1 5353 4000)" = "a 192.0.2.2" ]
	[ "$(ask out udp 2001:db8::1 5353 4000)" = "a 2001:db8::2" ]
}

@test "a UDP flow ends with DEL and with GC, also when the configuration is forgotten" {
	serve host udp 5353 host
	serve a udp 53 a
	c=$(pm_conf net1 "$A_IPS" "$(map 5353 53 udp)")
	for end in DEL GC; do
		pm ADD cid1 "$c"
		[ "$(ask out udp 192.0.2.1 5353 4000)" = "a 192.0.2.2" ]
		[ "$(ask out udp 2001:db8::1 5353 4000)" = "a 2001:db8::2" ]
		pm $end cid1 '{"cniVersion": "1.1.0", "name": "net1", "type": "portmap",
			"cni.dev/valid-attachments": []}'
		[ "$(ask out udp 192.0.2.1 5353 4000)" = "host 192.0.2.2" ]
		[ "$(ask out udp 2001:db8::1 5353 4000)" = "host 2001:db8::2" ]
	done
}

# --- ADD again, DEL, CHECK, GC, STATUS ---

@test "ADD again replaces, and is no conflict" {
	serve b tcp 80 b
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	[ "$(count ip hostports)" = 1 ]
	[ "$(count ip masquerading)" = 2 ]
	[ "$(count ip6 hostports)" = 1 ]
	pm ADD cid1 "$(pm_conf net1 10.88.0.3/24 "$(map 8080 80)")"
	[ "$(ask out tcp 192.0.2.1 8080)" = "b 192.0.2.2" ]
	[ "$(count ip hostports)" = 1 ]
	[ "$(count ip6 hostports)" = 0 ]
}

@test "two networks of one container: each DEL removes its own" {
	c1=$(pm_conf net1 "$A_IPS" "$(map 8080 80)")
	c2=$(IFNAME=eth1 pm_conf net2 10.89.0.2/24 "$(map 8080 80)")
	pm ADD cid1 "$c1"
	IFNAME=eth1 pm ADD cid1 "$c2"
	[ "$(count ip hostports)" = 2 ]
	IFNAME=eth1 pm DEL cid1 "$c2"
	run -0 rules ip hostports
	[ "$output" = 'tcp dport 8080 dnat to 10.88.0.2:80 comment "cid1"' ]
	pm CHECK cid1 "$c1"
	pm DEL cid1 "$c1"
	[ "$(count ip hostports)" = 0 ]
}

@test "DEL succeeds whatever is missing or wrong" {
	c=$(pm_conf net1 "$A_IPS" "$(map 8080 80)")
	pm DEL cid1 "$c"
	[ -z "$(ruleset)" ]
	for again in "$c" "$(jq -c 'del(.runtimeConfig, .prevResult)' <<<"$c")" \
		"$(jq -c '.runtimeConfig.portMappings[0].hostPort = 70000' <<<"$c")" \
		"$(jq -c '.backend = "foo" | .snat = "yes"' <<<"$c")" \
		"$(jq -c '.prevResult = {}' <<<"$c")"; do
		pm ADD cid1 "$c"
		run -0 pm DEL cid1 "$again"
		[ "$(count ip hostports)" = 0 ]
		[ "$(count ip6 masquerading)" = 0 ]
		run -0 --separate-stderr pm DEL cid1 "$again"
		[ -z "$output" ]
	done
	host nft delete chain ip cni_hostport masquerading
	pm DEL cid1 "$c"
}

@test "CHECK compares what the rules say" {
	c=$(pm_conf net1 "$A_IPS" "$(map 8080 80)")
	run -1 pm CHECK cid1 "$c"
	[[ $output == *'missing hostport rules in \"hostports\" chain'* ]]
	pm ADD cid1 "$c"
	pm CHECK cid1 "$c"
	run -1 pm CHECK cid2 "$c"
	run -1 pm CHECK cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 81)")"
	[[ $output == *'missing hostport rules in \"hostports\" chain'* ]]
	run -1 pm CHECK cid1 "$(pm_conf net1 10.88.0.3/24 "$(map 8080 80)")"
	run -1 pm CHECK cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)" '{"conditionsV6": ["iifname", "x"]}')"
	run -1 pm CHECK cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)" '{"masqAll": true}')"
	[[ $output == *'missing hostport rules in \"masquerading\" chain'* ]]
	run -1 pm CHECK cid1 "$(jq -c 'del(.prevResult)' <<<"$c")"
	[[ $output == *'Required prevResult missing'* ]]
	host nft flush chain ip6 cni_hostport output
	run -1 pm CHECK cid1 "$c"
	[[ $output == *'table ip6 cni_hostport is not as it was made'* ]]
	# and ADD mends it
	pm ADD cid1 "$c"
	pm CHECK cid1 "$c"
	host nft flush chain ip cni_hostport masquerading
	run -1 pm CHECK cid1 "$c"
}

@test "GC removes what is not valid, of its own network only" {
	for id in a b c; do
		pm ADD $id "$(pm_conf net1 "$A_IPS" "$(map "$((16#$id))" 80)")"
		IFNAME=eth1 pm ADD $id "$(IFNAME=eth1 pm_conf net2 10.89.0.2/24 "$(map "$((16#$id))" 80)")"
	done
	host nft add rule ip cni_hostport hostports tcp dport 7 dnat to 10.88.0.7:7 comment '"foreign"'
	gc='{"cniVersion": "1.1.0", "name": "net1", "type": "portmap", "cni.dev/valid-attachments":
		[{"containerID": "b", "ifname": "eth0"}, {"containerID": "c", "ifname": "eth1"}]}'
	run -0 pm GC "" "$gc"
	[ -z "$output" ]
	[ "$(count ip6 hostports)" = 1 ]
	run -0 rules ip hostports
	diff <(sort <<<"$output") - <<'END'
tcp dport 10 dnat to 10.89.0.2:80 comment "a"
tcp dport 11 dnat to 10.88.0.2:80 comment "b"
tcp dport 11 dnat to 10.89.0.2:80 comment "b"
tcp dport 12 dnat to 10.89.0.2:80 comment "c"
tcp dport 7 dnat to 10.88.0.7:7 comment "foreign"
END
	[ "$(count ip masquerading)" = 8 ]
	# no list: nothing; an empty one: all of the network
	pm GC "" "$(jq -c 'del(.["cni.dev/valid-attachments"])' <<<"$gc")"
	[ "$(count ip hostports)" = 5 ]
	pm GC "" "$(jq -c '.["cni.dev/valid-attachments"] = []' <<<"$gc")"
	[ "$(count ip hostports)" = 4 ]
}

@test "STATUS: ready, or 50 with the reason; it changes nothing" {
	s='{"cniVersion": "1.1.0", "name": "net1", "type": "portmap"}'
	run -0 pm STATUS "" "$s"
	[ -z "$output" ]
	[ -z "$(ruleset)" ]
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	before=$(ruleset)
	run -0 pm STATUS "" "$s"
	host nft flush chain ip cni_hostport prerouting
	run -0 pm STATUS "" "$s"
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	[ "$(ruleset)" = "$before" ]
	printf '#!/bin/sh\nexec setpriv --bounding-set -net_admin --inh-caps -net_admin "%s"\n' \
		"$CNI_BIN/portmap" >"$BATS_TEST_TMPDIR/portmap"
	chmod +x "$BATS_TEST_TMPDIR/portmap"
	PLUGIN=$BATS_TEST_TMPDIR/portmap run -1 pm STATUS "" "$s"
	[ "$(jq .code <<<"$output")" = 50 ]
	[[ $output == *nf_tables* ]]
	run -1 pm STATUS "" "$(jq -c '.conditionsV4 = ["-p", "tcp"]' <<<"$s")"
	[[ $output == *"conditionsV4: '-p' is not understood"* ]]
}

# --- a port that is taken ---

@test "a port another container has is refused, and nothing is left" {
	pm ADD other "$(pm_conf net1 "$B_IPS" "$(map 8080 80)")"
	before=$(ruleset)
	run -1 pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8081 80 | jq -c '. + [{hostPort: 8080, containerPort: 80}]')")"
	[ "$(jq -r .msg <<<"$output")" = 'host port 8080/tcp is already mapped to container "other"' ]
	[ "$(ruleset)" = "$before" ]
	run -1 pm ADD cid1 "$(pm_conf net2 "$A_IPS" "$(map 8080 80 tcp 192.0.2.1)")"
	[ "$(jq -r .msg <<<"$output")" = 'host port 192.0.2.1:8080/tcp is already mapped to container "other"' ]
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80 udp)")"
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 80 8080)")"
	pm DEL other "$(pm_conf net1 "$B_IPS" "$(map 8080 80)")"
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
}

@test "two containers may have a port on different addresses, or for different packets" {
	pm ADD other "$(pm_conf net1 "$B_IPS" "$(map 8080 80 tcp 192.0.2.1)")"
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80 tcp 192.0.2.11)")"
	run -1 pm ADD cid2 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	[[ $output == *'host port 8080/tcp is already mapped'* ]]
	pm ADD x "$(pm_conf net1 "$A_IPS" "$(map 99 80)" '{"conditionsV4": ["-i", "ext0"], "conditionsV6": ["-i", "ext0"]}')"
	pm ADD y "$(pm_conf net2 "$B_IPS" "$(map 99 80)" '{"conditionsV4": ["-i", "ext1"], "conditionsV6": ["-i", "ext1"]}')"
	run -1 pm ADD z "$(pm_conf net2 "$B_IPS" "$(map 99 80)" '{"conditionsV4": ["-i", "ext1"], "conditionsV6": ["-i", "ext1"]}')"
	run -1 pm ADD z "$(pm_conf net3 "$B_IPS" "$(map 99 80)")"
}

@test "a port that a rule of the reference suite has is taken, too" {
	pm ADD x "$(pm_conf net1 "$B_IPS" "$(map 1 1)")"
	host nft add rule ip cni_hostport hostports tcp dport 8080 dnat to 10.88.0.3:80 comment '"gocid"'
	host nft add rule ip cni_hostport hostports ip daddr 192.0.2.1 udp dport 53 dnat to 10.88.0.3:53 comment '"gocid"'
	run -1 pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	[[ $output == *'host port 8080/tcp is already mapped to container \"gocid\"'* ]]
	run -1 pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 53 80 udp)")"
	run -1 pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 53 80 udp 192.0.2.1)")"
	run -0 pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 53 80 udp 192.0.2.11)")"
}

# --- many at once ---

@test "parallel first ADDs all succeed and make the table once" {
	local pids=() i
	for ((i = 0; i < 24; i++)); do
		pm ADD "cid$i" "$(pm_conf net1 "$A_IPS" "$(map $((9000 + i)) 80)")" \
			>"$BATS_TEST_TMPDIR/out$i" 3>&- &
		pids+=("$!")
	done
	for ((i = 0; i < 24; i++)); do
		wait "${pids[i]}" || { cat "$BATS_TEST_TMPDIR/out$i"; false; }
	done
	[ "$(count ip hostports)" = 24 ]
	[ "$(count ip6 hostports)" = 24 ]
	[ "$(count ip masquerading)" = 48 ]
	[ "$(count ip hostports_all)" = 2 ]
	[ "$(count ip prerouting)" = 1 ]
	[ "$(count ip output)" = 1 ]
	pids=()
	for ((i = 0; i < 24; i++)); do
		pm DEL "cid$i" "$(pm_conf net1 "$A_IPS" '[]')" 3>&- &
		pids+=("$!")
	done
	for ((i = 0; i < 24; i++)); do
		wait "${pids[i]}"
	done
	[ "$(count ip hostports)" = 0 ]
	[ "$(count ip6 masquerading)" = 0 ]
}

@test "of containers that want one port at once, one gets it" {
	local pids=() round i won
	for ((round = 0; round < 6; round++)); do
		pids=()
		won=0
		for ((i = 0; i < 8; i++)); do
			pm ADD "cid$i" "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")" \
				>"$BATS_TEST_TMPDIR/out$i" 3>&- &
			pids+=("$!")
		done
		for ((i = 0; i < 8; i++)); do
			if wait "${pids[i]}"; then
				won=$((won + 1))
			else
				grep -q 'host port 8080/tcp is already mapped to container' "$BATS_TEST_TMPDIR/out$i"
			fi
		done
		[ "$won" = 1 ]
		[ "$(count ip hostports)" = 1 ]
		[ "$(count ip6 hostports)" = 1 ]
		[ "$(count ip masquerading)" = 2 ]
		for ((i = 0; i < 8; i++)); do
			pm DEL "cid$i" "$(pm_conf net1 "$A_IPS" '[]')"
		done
		[ "$(count ip hostports)" = 0 ]
	done
}

# --- the reference suite before us, and after us ---

@test "upgrade: what the reference suite's nft backend made is taken over" {
	# As v1.6 to v1.9 leave it, conditions and all.
	host nft -f - <<'END'
table ip cni_hostport {
	comment "CNI portmap plugin"
	chain hostip_hostports {
		ip daddr 192.0.2.1 tcp dport 1234 dnat to 10.88.0.2:80 comment "gocid"
	}
	chain hostports {
		tcp dport 8080 dnat to 10.88.0.2:80 comment "gocid"
		tcp dport 8081 dnat to 10.88.0.3:80 comment "gocid2"
	}
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		ip saddr 192.0.2.99 jump hostip_hostports
		ip saddr 192.0.2.99 jump hostports
	}
	chain output {
		type nat hook output priority -100; policy accept;
		ip saddr 192.0.2.99 fib daddr type local jump hostports
	}
	chain masquerading {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.88.0.2 ip daddr 10.88.0.2 masquerade comment "gocid"
		ip saddr 127.0.0.1 ip daddr 10.88.0.2 masquerade comment "gocid"
	}
}
END
	serve a tcp 80 a
	serve b tcp 80 b
	pm ADD cid1 "$(pm_conf net1 10.88.0.3/24 "$(map 9090 80)")"
	[ "$(ask out tcp 192.0.2.1 9090)" = "b 192.0.2.2" ]
	[ "$(ask out tcp 192.0.2.1 8080)" = "a 192.0.2.2" ]
	[ "$(ask out tcp 192.0.2.1 1234)" = "a 192.0.2.2" ]
	pm CHECK gocid "$(pm_conf net1 10.88.0.2/24 "$(map 8080 80)")"
	pm DEL gocid "$(pm_conf net1 10.88.0.2/24 '[]')"
	[ "$(count ip hostip_hostports)" = 0 ]
	[ "$(count ip masquerading)" = 2 ]
	run -0 rules ip hostports
	diff <(echo "$output") - <<'END'
tcp dport 8081 dnat to 10.88.0.3:80 comment "gocid2"
tcp dport 9090 dnat to 10.88.0.3:80 comment "cid1"
END
}

@test "rollback: our rules are found by the comment alone, also after nft wrote them" {
	pm ADD cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	run -0 host nft -j list chain ip cni_hostport hostports
	[ "$(jq -r '.nftables[].rule.comment // empty' <<<"$output")" = cid1 ]
	ruleset >"$BATS_TEST_TMPDIR/saved"
	host nft flush ruleset
	host nft -f "$BATS_TEST_TMPDIR/saved"
	pm CHECK cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	pm DEL cid1 "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	[ "$(count ip hostports)" = 0 ]
	[ "$(count ip6 masquerading)" = 0 ]
}

@test "upgrade: DEL removes what the reference suite's iptables backend made" {
	local go=/usr/lib/cni/portmap ca cb
	[ -x $go ]
	ca=$(pm_conf net1 "$A_IPS" "$(map 8080 80)" '{"cniVersion": "1.0.0", "prevResult": {"cniVersion": "1.0.0"}}')
	cb=$(pm_conf net1 "$B_IPS" "$(map 8081 80)" '{"cniVersion": "1.0.0", "prevResult": {"cniVersion": "1.0.0"}}')
	serve a tcp 80 a
	serve b tcp 80 b
	PLUGIN=$go pm ADD cida "$ca"
	PLUGIN=$go pm ADD cidb "$cb"
	[ "$(ask out tcp 192.0.2.1 8080)" = "a 192.0.2.2" ]
	[ "$(ruleset | grep -c 'chain CNI-DN-')" = 4 ]
	pm DEL cida "$(pm_conf net1 "$A_IPS" '[]')"
	[ "$(ruleset | grep -c 'chain CNI-DN-')" = 2 ]
	run -1 ask out tcp 192.0.2.1 8080
	[ "$(ask out tcp 192.0.2.1 8081)" = "b 192.0.2.2" ]
	# iptables still reads its tables
	run -0 host iptables -t nat -S CNI-HOSTPORT-DNAT
	[[ $output == *cidb* ]]
	[[ $output != *cida* ]]
	run -0 host ip6tables -t nat -S
	pm ADD cida "$(pm_conf net1 "$A_IPS" "$(map 8080 80)")"
	[ "$(ask out tcp 192.0.2.1 8080)" = "a 192.0.2.2" ]
	PLUGIN=$go pm DEL cidb "$cb"
	pm DEL cidb "$cb"
}

# --- bad input ---

# refused PART CONF: ADD fails, its message has PART, and nothing is made.
refused() {
	run -1 pm ADD cid1 "$2"
	echo "$output"
	[[ $(jq -r .msg <<<"$output") == *"$1"* ]]
	[ -z "$(ruleset)" ]
}

@test "bad input names the key and the value, and leaves nothing" {
	c=$(pm_conf net1 "$A_IPS" "$(map 8080 80)")
	refused 'must be called as chained plugin' "$(jq -c 'del(.prevResult)' <<<"$c")"
	refused 'failed to parse config: Invalid host port number: 0 (runtimeConfig.portMappings[0].hostPort' \
		"$(pm_conf net1 "$A_IPS" "$(map 0 80)")"
	refused 'failed to parse config: Invalid container port number: 65536' "$(pm_conf net1 "$A_IPS" "$(map 1 65536)")"
	refused 'Invalid host port number: -5' "$(pm_conf net1 "$A_IPS" "$(map -5 80)")"
	refused 'unsupported protocol "icmp"' "$(pm_conf net1 "$A_IPS" "$(map 1 80 icmp)")"
	refused 'invalid hostIP "host"' "$(pm_conf net1 "$A_IPS" "$(map 1 80 tcp host)")"
	refused 'unrecognized backend "foo"' "$(jq -c '.backend = "foo"' <<<"$c")"
	refused 'MasqMarkBit must be between 0 and 31' "$(jq -c '.markMasqBit = 32' <<<"$c")"
	refused 'Cannot specify externalSetMarkChain and markMasqBit' \
		"$(jq -c '.markMasqBit = 1 | .externalSetMarkChain = "x"' <<<"$c")"
	refused "conditionsV4: '--sport' is not understood" "$(jq -c '.conditionsV4 = ["--sport", "1"]' <<<"$c")"
	refused 'host port 8080/tcp is mapped twice' \
		"$(pm_conf net1 "$A_IPS" "$(map 8080 80 | jq -c '. + [{hostPort: 8080, containerPort: 81}]')")"
	refused 'portMappings' "$(jq -c '.runtimeConfig.portMappings = "8080:80"' <<<"$c")"
	refused 'hostPort' "$(jq -c '.runtimeConfig.portMappings[0].hostPort = "8080"' <<<"$c")"
	[ "$(host cat /proc/sys/net/ipv4/conf/br0/route_localnet)" = 0 ]
}

@test "keys as containerd writes them, an ignored option, any case of the protocol" {
	serve a tcp 80 a
	c=$(pm_conf net1 "$A_IPS" '[{"HostPort": 8080, "ContainerPort": 80, "Protocol": "TCP", "HostIP": ""}]' \
		'{"externalSetMarkChain": "KUBE-MARK-MASQ", "SNAT": true, "backend": "iptables"}')
	run -0 --separate-stderr pm ADD cid1 "$c"
	[[ $stderr == *"externalSetMarkChain 'KUBE-MARK-MASQ'"* ]]
	[ "$(jq -r '.ips[0].address' <<<"$output")" = 10.88.0.2/24 ]
	[ "$(ask out tcp 192.0.2.1 8080)" = "a 192.0.2.2" ]
}
