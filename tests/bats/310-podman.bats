#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# podman with its CNI backend on our plugins: a real client
#
# Not here, and why:
#   name resolution       the plugin dnsname is no part of this suite
#   macvlan, ipvlan       no plugins of ours yet
#   -p [::1]:8081:80      the kernel has no route_localnet for IPv6: accepted, but nobody
#                         can connect, with any plugins
#   crun, systemd cgroups tests use runc and cgroupfs, see lib/podman.bash

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # inner shells; "run" sets them
bats_require_minimum_version 1.5.0
load lib/podman

setup_file() {
	podman_build
	podman_images
}

setup() {
	podman_setup
}

teardown() {
	podman_cleanup
}

# --- networks ---

@test "network create: a plain network has an address, a way out and our plugins" {
	network n1 --subnet 10.77.1.0/24
	run -0 p run --rm --network n1 "$BB" sh -c 'ip -o -4 addr show dev eth0; ip route'
	[[ $output == *'inet 10.77.1.2/24 '*'default via 10.77.1.1 dev eth0'* ]]
	serve out tcp 99 outside
	answers 'outside 192.0.2.1' "$(p run -d --network n1 "$BB" sleep 100)" tcp 192.0.2.2 99
	# Debian's plugins would have made an iptables chain for the container.
	host nft list table inet cni_plugins_masquerade | grep -q 'net: n1, if: eth0'
	run -0 host iptables -t nat -S
	[[ $output != *CNI-* ]]
	p network rm -f -t 0 n1
	wait_for 15 nothing_left
	podman_gone
}

@test "network create: dual stack" {
	network ds --ipv6 --subnet 10.77.0.0/24 --subnet fd00:77::/64
	run -0 p run --rm --network ds "$BB" sh -c 'ip -o addr show dev eth0; ip route; ip -6 route'
	[[ $output == *'inet 10.77.0.2/24 '*'inet6 fd00:77::2/64 '* ]]
	[[ $output != *tentative* ]]
	[[ $output == *'default via 10.77.0.1 '*'default via fd00:77::1 '* ]]
	serve out tcp 99 outside
	p run -d --name c1 --network ds "$BB" sleep 100
	answers 'outside 192.0.2.1' c1 tcp 192.0.2.2 99
	answers 'outside 2001:db8::1' c1 tcp 2001:db8::2 99
	podman_gone
}

@test "network create --internal: neighbours, but no way out" {
	network int --internal --subnet 10.77.2.0/24
	service web tcp 80 --network int
	p run -d --name c1 --network int "$BB" sleep 100
	answers 'web 10.77.2.3' c1 tcp "$(ip_of web int)" 80
	run -0 p exec c1 ip route
	[[ $output == 10.77.2.0/24* && $output != *default* ]]
	serve out tcp 99 outside
	silent c1 tcp 192.0.2.2 99
	# The bridge is no router.
	[ -z "$(host ip -4 -o addr show dev cni-podman1)" ]
	podman_gone
}

@test "network create --opt mtu: bridge and container have it" {
	network small --opt mtu=1400
	p run -d --name c1 --network small "$BB" sleep 100
	[ "$(p exec c1 cat /sys/class/net/eth0/mtu)" = 1400 ]
	[ "$(host cat /sys/class/net/cni-podman1/mtu)" = 1400 ]
	podman_gone
}

@test "network create -o isolate=true: isolated networks do not meet" {
	network iso1 -o isolate=true --subnet 10.77.3.0/24
	network iso2 -o isolate=true --subnet 10.77.4.0/24
	service web1 tcp 80 --network iso1 -p 8080:80
	service web2 tcp 80 --network iso2
	p run -d --name c1 --network iso1 "$BB" sleep 100
	serve out tcp 99 outside
	answers 'web1 *' c1 tcp "$(ip_of web1 iso1)" 80
	answers 'web1 192.0.2.2' out tcp 192.0.2.1 8080
	answers 'web2 *' web2 tcp "$(ip_of web2 iso2)" 80
	answers 'outside 192.0.2.1' c1 tcp 192.0.2.2 99
	silent c1 tcp "$(ip_of web2 iso2)" 80
	silent web2 tcp "$(ip_of web1 iso1)" 80
	podman_gone
}

@test "a network written by hand: ptp, with a mapped port" {
	cat >"$BATS_TEST_TMPDIR/net.d/p2p.conflist" <<'END'
{"cniVersion": "1.0.0", "name": "p2p", "plugins": [
 {"type": "ptp", "ipMasq": true, "ipam": {"type": "host-local", "subnet": "10.77.5.0/24",
  "routes": [{"dst": "0.0.0.0/0"}]}, "capabilities": {"ips": true}},
 {"type": "portmap", "capabilities": {"portMappings": true}},
 {"type": "tuning", "sysctl": {"net.core.somaxconn": "99"}}]}
END
	service web tcp 80 --network p2p -p 8080:80
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	[ "$(p exec web cat /proc/sys/net/core/somaxconn)" = 99 ]
	podman_gone
}

# --- published ports ---

@test "a published port answers from outside, from the host, from localhost, by hairpin" {
	p run -d --name web -p 8080:80 "$BB" httpd -f -p 80 -h /www
	service echo tcp 80 -p 8081:80
	for where in out host; do
		answers 'echo *' $where tcp 192.0.2.1 8081
		run -0 at $where curl -sS --max-time 5 http://192.0.2.1:8080/
		[ "$output" = 'hello from a container' ]
	done
	answers 'echo 192.0.2.2' out tcp 192.0.2.1 8081
	answers 'echo 10.88.0.1' host tcp 127.0.0.1 8081
	run -0 host curl -sS --max-time 5 http://localhost:8080/
	[ "$output" = 'hello from a container' ]
	# itself, and its neighbour on the same bridge
	answers 'echo 10.88.0.1' echo tcp 192.0.2.1 8081
	answers 'echo 10.88.0.*' web tcp 192.0.2.1 8081
	podman_gone
}

@test "published ports: udp, sctp, a range, one host address" {
	service dns udp 53 -p 5353:53/udp
	# It speaks SCTP over a raw socket.
	service sig sctp 36412 -p 36412:36412/sctp --cap-add NET_RAW
	p run -d --name range -p 192.0.2.1:6000-6002:7000-7002 "$BB" sh -c '
		portecho serve tcp 7000 zero & portecho serve tcp 7001 one &
		exec portecho serve tcp 7002 two'
	answers 'dns 192.0.2.2' out udp 192.0.2.1 5353
	answers 'dns 192.0.2.2' out udp 192.0.2.11 5353
	answers 'dns *' host udp 192.0.2.1 5353
	answers 'sig 192.0.2.2' out sctp 192.0.2.1 36412
	answers 'zero 192.0.2.2' out tcp 192.0.2.1 6000
	answers 'one 192.0.2.2' out tcp 192.0.2.1 6001
	answers 'two 192.0.2.2' out tcp 192.0.2.1 6002
	silent out tcp 192.0.2.11 6001
	podman_gone
}

@test "published ports: IPv6" {
	network ds --ipv6 --subnet 10.77.0.0/24 --subnet fd00:77::/64
	service web tcp 80 --network ds -p 8080:80
	answers 'web 2001:db8::2' out tcp 2001:db8::1 8080
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	answers 'web *' host tcp 2001:db8::1 8080
	answers 'web fd00:77::1' web tcp 2001:db8::1 8080
	podman_gone
}

# --- addresses, several networks ---

@test "containers reach each other by the addresses they asked for" {
	network ds --ipv6 --subnet 10.77.0.0/24 --subnet fd00:77::/64
	service web tcp 80 --network ds --ip 10.77.0.50 --ip6 fd00:77::50 \
		--mac-address 02:00:00:00:77:50
	service db tcp 80 --network ds
	[ "$(p exec web cat /sys/class/net/eth0/address)" = 02:00:00:00:77:50 ]
	# The allocator goes on behind the last address it gave.
	answers 'web 10.77.0.51' db tcp 10.77.0.50 80
	answers 'web fd00:77::51' db tcp fd00:77::50 80
	answers 'db 10.77.0.50' web tcp 10.77.0.51 80
	answers 'db fd00:77::50' web tcp fd00:77::51 80
	before=$(traces)
	run ! p run --rm --network ds --ip 10.77.0.50 "$BB" true
	[[ $output == *10.77.0.50* ]]
	run ! p run --rm --network ds --ip6 fd00:78::1 "$BB" true
	[[ $output == *fd00:78::1* ]]
	[ "$(traces)" = "$before" ]
	podman_gone
}

@test "two networks: an interface on each, and the port reaches it" {
	network n1 --subnet 10.77.1.0/24
	network n2 --subnet 10.77.2.0/24
	service web tcp 80 --network n1,n2 -p 8080:80
	p run -d --name c1 --network n1 "$BB" sleep 100
	p run -d --name c2 --network n2 "$BB" sleep 100
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	answers 'web *' host tcp 127.0.0.1 8080
	answers 'web 10.77.1.3' c1 tcp 10.77.1.2 80
	answers 'web 10.77.2.3' c2 tcp 10.77.2.2 80
	run -0 p exec web ip -o -4 addr
	[[ $output == *' eth0 '* && $output == *' eth1 '* ]]
	podman_gone
}

@test "network connect and disconnect" {
	network n1 --subnet 10.77.1.0/24
	network n2 --subnet 10.77.2.0/24
	service web tcp 80 --network n1 -p 8080:80
	p run -d --name c2 --network n2 "$BB" sleep 100
	p network connect n2 web
	[ "$(ip_of web n2)" = 10.77.2.3 ]
	answers 'web 10.77.2.2' c2 tcp 10.77.2.3 80
	p network disconnect n2 web
	run -0 p exec web ip -o -4 addr
	[[ $output != *eth1* ]]
	[[ $(traces) != */n2/10.77.2.3* ]]
	# The other network has kept its port.
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	p network connect --ip 10.77.2.77 n2 web
	answers 'web 10.77.2.2' c2 tcp 10.77.2.77 80
	podman_gone
}

# --- pods ---

@test "a pod: two containers, one address, published ports" {
	p pod create --name pod1 -p 8080:80 -p 5353:53/udp
	service web tcp 80 --pod pod1
	service dns udp 53 --pod pod1
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	answers 'dns 192.0.2.2' out udp 192.0.2.1 5353
	answers 'web 127.0.0.1' dns tcp 127.0.0.1 80
	[ "$(traces | grep -c networks/podman/)" = 1 ]
	p pod stop -t 0 pod1
	wait_for 15 nothing_left
	p pod start pod1
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	podman_gone
}

# --- the life of a container ---

@test "stopped, started, restarted, killed, removed: the network follows" {
	service web tcp 80 -p 8080:80
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	# What the checks for nothing left look for is there now, of each kind.
	run -0 left
	for what in ': veth' $'\nnetns-' /networks/podman/10.88.0.2 /results/podman- \
		'net: podman, if: eth0' 'tcp dport 8080 dnat to 10.88.0.2:80' \
		'ip saddr 10.88.0.2 counter' conmon; do
		[[ $output == *"$what"* ]] || fail "not seen: $what"
	done
	p stop -t 0 web
	wait_for 15 nothing_left
	silent out tcp 192.0.2.1 8080
	p start web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	p restart -t 0 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	p kill -s KILL web
	wait_for 15 nothing_left
	p start web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	p rm -f -t 0 web
	wait_for 15 nothing_left
	podman_gone
}

@test "ten at once: each has its address and its port" {
	local i pids=()
	for i in {0..9}; do
		service "web$i" tcp 80 -p "808$i:80" >/dev/null &
		pids+=("$!")
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	for i in {0..9}; do
		answers "web$i 192.0.2.2" out tcp 192.0.2.1 "808$i"
	done
	[ "$(traces | grep -c networks/podman/)" = 10 ]
	for i in {0..9}; do
		p rm -f -t 0 "web$i" >/dev/null &
		pids[i]=$!
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	wait_for 15 nothing_left
	podman_gone
}

@test "after a power cut the containers start again" {
	local i
	# It has five addresses, and all are taken.
	network small --subnet 10.77.1.0/29
	for i in 1 2 3 4; do
		p run -d --name "c$i" --network small "$BB" sleep 100
	done
	service web tcp 80 --network small -p 8080:80
	[ "$(traces | grep -c networks/small/)" = 5 ]
	# host-local wants two proofs of a reboot: another boot id, which podman_boot gives,
	# and reservations that are older than the boot.
	touch -d '10 years ago' "$BATS_TEST_TMPDIR"/var-lib/cni/networks/small/10.*
	podman_cleanup
	podman_boot
	p start web c1 c2 c3 c4
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	[ "$(traces | grep -c networks/small/)" = 5 ]
	podman_gone
}

# --- the host's own rules ---

@test "network reload brings back what a flushed ruleset took" {
	network ds --ipv6 --subnet 10.77.0.0/24 --subnet fd00:77::/64
	service web tcp 80 --network ds -p 8080:80
	service old tcp 80 -p 8081:80
	answers 'web 2001:db8::2' out tcp 2001:db8::1 8080
	address=$(ip_of web ds)
	host sh -c 'iptables -F; iptables -t nat -F; nft flush ruleset'
	silent out tcp 192.0.2.1 8080
	silent out tcp 2001:db8::1 8080
	p network reload web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	answers 'web 2001:db8::2' out tcp 2001:db8::1 8080
	silent out tcp 192.0.2.1 8081
	p network reload --all
	answers 'old 192.0.2.2' out tcp 192.0.2.1 8081
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	[ "$(ip_of web ds)" = "$address" ]
	podman_gone
}

@test "a host whose forward policy is drop, as Docker leaves it" {
	for tables in iptables ip6tables; do
		host $tables -P FORWARD DROP
		host $tables -N DOCKER-USER
		host $tables -A DOCKER-USER -j RETURN
		host $tables -A FORWARD -j DOCKER-USER
	done
	network ds --ipv6 --subnet 10.77.0.0/24 --subnet fd00:77::/64
	service web tcp 80 --network ds -p 8080:80
	serve out tcp 99 outside
	answers 'outside 192.0.2.1' web tcp 192.0.2.2 99
	answers 'outside 2001:db8::1' web tcp 2001:db8::2 99
	answers 'web *' host tcp 192.0.2.1 8080
	# The reference leaves published ports closed here.
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	answers 'web 2001:db8::2' out tcp 2001:db8::1 8080
	podman_gone
	for tables in iptables ip6tables; do
		run -0 host $tables -S
		[[ $output == *'-P FORWARD DROP'*'-A FORWARD -j DOCKER-USER'* ]]
		[[ $output == *'-A DOCKER-USER -j RETURN'* ]]
	done
}
