#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2154 # dollars are of inner shells; bats sets stderr
#
# netns-run: what a command finds in its namespace, and how it is reached.

bats_require_minimum_version 1.5.0
load lib/netns_run

setup_file() {
	portmap_build
}

setup() {
	netns_run_setup
}

teardown() {
	host_gone
}

# --- the namespace ---

@test "without options a command is on the built-in network, dual stack" {
	run -0 nr -- ip -br addr
	[[ $output == *'lo '*127.0.0.1/8* ]]
	[[ $output == *'eth0@'*' 10.87.0.2/16 fd4e:6574:6e73::2/64 '* ]]
	run -0 nr -- sh -c 'ip route; ip -6 route'
	[[ $output == *'default via 10.87.0.1 dev eth0'* ]]
	[[ $output == *'default via fd4e:6574:6e73::1 dev eth0'* ]]
	nothing_left
}

has_learned_route() {
	[[ $(host ip -6 route show default proto ra) == *'dev ext0'* ]]
}

@test "a host that lives on a learned IPv6 route keeps it: no IPv6 in the namespace" {
	host ip route del default via 2001:db8::2
	host sysctl -qw net.ipv6.conf.ext0.accept_ra=1
	"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -o "$BATS_TEST_TMPDIR/ra" "${BATS_TEST_FILENAME%/*}/lib/router_advert.c"
	at out "$BATS_TEST_TMPDIR/ra" eth0
	wait_for 10 has_learned_route
	run -0 --separate-stderr nr -v -- ip -br addr show eth0
	[[ $output == *10.87.0.2/16* && $output != *fd4e* ]]
	[[ $stderr == *'without IPv6: this host would lose its IPv6 default route'* ]]
	has_learned_route
	nothing_left
	# A host that listens to routers while it is one loses nothing.
	host sysctl -qw net.ipv6.conf.ext0.accept_ra=2
	run -0 nr -- ip -br addr show eth0
	[[ $output == *fd4e:6574:6e73::* ]]
	has_learned_route
}

@test "a host without IPv6 has none in the namespace" {
	host sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	run -0 --separate-stderr nr -v -- ip -br -4 addr show eth0
	[[ $output == *10.87.0.2/16* ]]
	[[ $stderr == *'without IPv6: this host has it disabled'* ]]
}

@test "network none: loopback alone" {
	run -0 nr --network none -- ip -br addr
	[[ $output == 'lo '*127.0.0.1/8* && $(wc -l <<<"$output") == 1 ]]
	nothing_left
}

@test "sysfs shows the namespace's devices, and keeps what is mounted below it" {
	host mount -t tmpfs tmpfs /sys/fs/cgroup
	host touch /sys/fs/cgroup/mark
	run -0 nr -- ls /sys/class/net /sys/fs/cgroup
	[[ $output == *$'/sys/class/net:\neth0\nlo'* ]]
	[[ $output == *$'/sys/fs/cgroup:\nmark'* ]]
	# The host's own is as it was.
	run -0 host ls /sys/class/net
	[[ $output == *ext0* ]]
}

@test "mounts of the command stay in its namespace" {
	nr --network none -- mount -t tmpfs tmpfs /run/etc
	host test -e /run/etc/resolv.conf
}

@test "two commands reach each other, and the outside through NAT" {
	local a
	started a a -- "$PORTECHO" serve tcp 80 a
	run -0 nr --name b -- "$PORTECHO" ask tcp 10.87.0.2 80
	[[ $output == 'a 10.87.0.3' ]]
	run -0 nr --name b -- "$PORTECHO" ask tcp fd4e:6574:6e73::2 80
	[[ $output == 'a fd4e:6574:6e73::'* ]]
	serve out tcp 81 outside
	run -0 nr -- "$PORTECHO" ask tcp 192.0.2.2 81
	[[ $output == 'outside 192.0.2.1' ]]
	run -0 nr -- "$PORTECHO" ask tcp 2001:db8::2 81
	[[ $output == 'outside 2001:db8::1' ]]
	kill "$a"
	finish "$a"
	[[ $status == 143 ]]
	nothing_left
}

# --- published ports ---

@test "a published port answers from outside, from the host, and is gone afterwards" {
	local a
	started a web -p 8080:80 -- "$PORTECHO" serve tcp 80 web
	run -0 ask out tcp 192.0.2.1 8080
	[[ $output == 'web 192.0.2.2' ]]
	run -0 ask out tcp 2001:db8::1 8080
	[[ $output == 'web 2001:db8::2' ]]
	run -0 ask host tcp 192.0.2.1 8080
	[[ $output == web* ]]
	run -0 ask host tcp 127.0.0.1 8080
	[[ $output == web* ]]
	kill "$a"
	finish "$a"
	run -1 ask out tcp 192.0.2.1 8080
	nothing_left
}

@test "ranges, protocols and addresses of published ports" {
	local a
	host ip addr add 192.0.2.11/24 dev ext0
	started a web -p 8000-8002:80-82 -p 192.0.2.11:53:53/udp -- \
		sh -c '"$0" serve tcp 82 tcp & exec "$0" serve udp 53 udp' "$PORTECHO"
	run -0 ask out tcp 192.0.2.1 8002
	[[ $output == 'tcp 192.0.2.2' ]]
	run -0 ask out udp 192.0.2.11 53
	[[ $output == 'udp 192.0.2.2' ]]
	run -1 ask out udp 192.0.2.1 53
	kill "$a"
	finish "$a"
	nothing_left
}

@test "a host port that is in use is refused, and nothing is left" {
	serve host tcp 8080 host
	run -125 --separate-stderr nr -p 8080:80 -- true
	[[ $stderr == 'netns-run: host port 8080/tcp is in use' ]]
	# Of a range, the one.
	run -125 --separate-stderr nr -p 8079-8081:79-81 -- true
	[[ $stderr == 'netns-run: host port 8080/tcp is in use' ]]
	run -125 --separate-stderr nr -p 192.0.2.99:80:80 -- true
	[[ $stderr == 'netns-run: address 192.0.2.99 of port 80/tcp is not on this host' ]]
	nothing_left
}

@test "a port published by one run is refused to another and to programs of the host" {
	local a
	started a web -p 8080:80 -- sleep 100
	run -125 --separate-stderr nr -p 8080:80 -- true
	[[ $stderr == 'netns-run: host port 8080/tcp is in use' ]]
	run -1 host "$PORTECHO" serve tcp 8080 host
	[[ $output == *'Address already in use'* ]]
	nr -p 8080:80/udp -- true
	kill "$a"
	finish "$a"
	nr -p 8080:80 -- true
	nothing_left
}

# --- addresses and names ---

@test "an address and a MAC can be asked for" {
	run -0 nr --ip 10.87.9.9 --ip fd4e:6574:6e73::99 --mac 02:00:00:00:00:99 -- ip addr show eth0
	[[ $output == *'inet 10.87.9.9/16'* && $output == *'inet6 fd4e:6574:6e73::99/64'* ]]
	[[ $output == *'link/ether 02:00:00:00:00:99'* ]]
	nothing_left
}

@test "an address that cannot be had is an error, and nothing is left" {
	local a
	started a a --ip 10.87.0.9 -- sleep 100
	run -125 --separate-stderr nr --ip 10.87.0.9 -- true
	[[ $stderr == *'failed (add)'*10.87.0.9* && $(wc -l <<<"$stderr") == 1 ]]
	run -125 --separate-stderr nr --ip 192.168.1.1 -- true
	[[ $stderr == *192.168.1.1* && $(wc -l <<<"$stderr") == 1 ]]
	kill "$a"
	finish "$a"
	nothing_left
}

@test "a network that does not hand out what was asked for is refused" {
	network ptp '{"cniVersion": "1.0.0", "name": "l2", "plugins": [{"type": "bridge", "bridge": "br9"}]}'
	run -125 --separate-stderr nr --network l2 --ip 10.0.0.1 -- true
	[[ $stderr == "netns-run: network 'l2' did not give the address 10.0.0.1" ]]
	nothing_left
}

@test "resolv.conf: --dns, else the host's without what is local to it" {
	run -0 nr --network none -- cat /etc/resolv.conf
	[[ $output == 'nameserver 192.0.2.53' ]]
	host sh -c 'cat >/run/etc/resolv.conf' <<-EOT
		# comment
		search example.org example.net
		nameserver 127.0.0.53
		nameserver ::1
		nameserver fe80::1%ext0
		nameserver 192.0.2.53
		nameserver 2001:db8::53
		options edns0
	EOT
	run -0 nr --network none -- cat /etc/resolv.conf
	[[ $output == $'search example.org example.net\nnameserver 192.0.2.53\nnameserver 2001:db8::53\noptions edns0' ]]
	run -0 nr --network none --dns 198.51.100.1 --dns 2001:db8::1 -- cat /etc/resolv.conf
	[[ $output == $'nameserver 198.51.100.1\nnameserver 2001:db8::1\nsearch example.org example.net\noptions edns0' ]]
	# systemd-resolved alone in the file: the servers it asks.
	host sh -c 'echo nameserver 127.0.0.53 >/run/etc/resolv.conf
		mkdir -p /run/systemd/resolve
		echo nameserver 192.0.2.54 >/run/systemd/resolve/resolv.conf'
	run -0 nr --network none -- cat /etc/resolv.conf
	[[ $output == 'nameserver 192.0.2.54' ]]
	# The host keeps its own.
	run -0 host cat /etc/resolv.conf
	[[ $output == 'nameserver 127.0.0.53' ]]
}

@test "resolv.conf: a network's own name servers come before the host's" {
	network dns '{"cniVersion": "1.0.0", "name": "dnsnet", "plugins": [{"type": "bridge", "bridge": "br9",
		"dns": {"nameservers": ["198.51.100.53"], "domain": "a.test", "search": ["b.test"], "options": ["ndots:2"]}}]}'
	run -0 nr --network dnsnet -- cat /etc/resolv.conf
	[[ $output == $'nameserver 198.51.100.53\ndomain a.test\nsearch b.test\noptions ndots:2' ]]
}

@test "hosts: localhost, the own names, and what the host knows of others" {
	host sh -c 'printf "127.0.0.1 localhost\n127.0.1.1 machine\n::1 localhost\n192.0.2.7 db db.test\n" >/run/etc/hosts'
	run -0 nr --name web --hostname www.test -- cat /etc/hosts
	[[ $output == $'127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n10.87.0.'*' www.test web
fd4e:6574:6e73::'*$' www.test web\n192.0.2.7 db db.test' ]]
	run -0 nr --network none --name web -- cat /etc/hosts
	[[ ${lines[2]} == "127.0.0.1 web $(uname -n)" ]]
	run -0 nr --network none --name web -- getent hosts web
}

@test "the host name is the namespace's own when one is given, and only then" {
	run -0 nr --network none --hostname box -- uname -n
	[[ $output == box ]]
	[[ $(host uname -n) == "$(uname -n)" ]]
	run -0 nr --network none -- uname -n
	[[ $output == "$(uname -n)" ]]
}

@test "resolv.conf and hosts are there for any user, whatever the umask" {
	run -0 host sh -c 'umask 077; env -u CNI_PATH "$0" --network none -- \
		setpriv --reuid 65534 --regid 65534 --clear-groups cat /etc/resolv.conf /etc/hosts' "$NETNS_RUN"
	[[ $output == *'nameserver 192.0.2.53'* && $output == *localhost* ]]
}

# --- networks ---

bridge_net() {
	jq -cn --arg name "$1" --arg bridge "$2" --arg subnet "$3" '
		{cniVersion: "1.0.0", name: $name, plugins: [{type: "bridge", bridge: $bridge, isGateway: true,
		 ipam: {type: "host-local", ranges: [[{subnet: $subnet}]]}}]}'
}

@test "a network comes from a file, or by name from the usual directory" {
	network 10-a "$(bridge_net a br1 10.1.0.0/24)"
	run -0 nr --network a -- ip -br -4 addr show eth0
	[[ $output == *10.1.0.2/24* ]]
	host cp /etc/cni/net.d/10-a.conflist /run/my.conflist
	run -0 nr --network /run/my.conflist -- ip -br -4 addr show eth0
	[[ $output == *10.1.0.3/24* ]]
	run -0 host sh -c 'cd /run && env -u CNI_PATH "$0" --network my.conflist -- ip -br -4 addr show eth0' "$NETNS_RUN"
	[[ $output == *10.1.0.4/24* ]]
	nothing_left
}

@test "several networks become eth0, eth1; ports go to the one that can publish" {
	local a
	network a "$(bridge_net a br1 10.1.0.0/24)"
	started a two --network a --network fairlead -p 8080:80 -- "$PORTECHO" serve tcp 80 two
	run -0 nr exec two -- ip -br -4 addr
	[[ $output == *'eth0@'*10.1.0.2/24* && $output == *'eth1@'*10.87.0.2/16* ]]
	run -0 nr exec two -- cat /etc/hosts
	[[ $output == *'10.1.0.2 two'* && $output == *'10.87.0.2 two'* ]]
	[[ $(nr inspect two | jq -c '[.networks[] | [.network, .ifname, (.portMappings | length)]]') == \
		'[["a","eth0",0],["fairlead","eth1",1]]' ]]
	kill "$a"
	finish "$a"
	nothing_left
}

@test "when the second network fails, the first is taken back" {
	network a "$(bridge_net a br1 10.1.0.0/24)"
	network b '{"cniVersion": "1.0.0", "name": "b", "plugins": [{"type": "bridge", "bridge": "br2",
		"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.2.0.0/24", "rangeStart": "10.3.0.0"}]]}}]}'
	run -125 --separate-stderr nr --network a --network b -- true
	[[ $stderr == "netns-run: network 'b': plugin type=\"bridge\" failed (add): "* && $(wc -l <<<"$stderr") == 1 ]]
	nothing_left
}

@test "another vendor's plugins: the reference suite of Debian" {
	local a
	network go "$(bridge_net gonet gobr0 10.99.0.0/24 | jq '.plugins[0] += {ipMasq: true, capabilities: {ips: true}}
		| .plugins[0].ipam.routes = [{dst: "0.0.0.0/0"}]
		| .plugins += [{type: "portmap", capabilities: {portMappings: true}}, {type: "firewall"}, {type: "tuning"}]')"
	serve out tcp 81 outside
	run -0 nr --cni-path /usr/lib/cni --network gonet -- "$PORTECHO" ask tcp 192.0.2.2 81
	[[ $output == 'outside 192.0.2.1' ]]
	started a web --cni-path /usr/lib/cni --network gonet --ip 10.99.0.77 -p 8080:80 -- "$PORTECHO" serve tcp 80 web
	run -0 ask out tcp 192.0.2.1 8080
	[[ $output == 'web 192.0.2.2' ]]
	[[ $(nr ls --json | jq -r '.[0].networks[0].addresses[0]') == 10.99.0.77/24 ]]
	kill "$a"
	finish "$a"
	nothing_left
}

@test "CNI_PATH is searched, --cni-path before it" {
	local dir=$BATS_TEST_TMPDIR
	mkdir "$dir/a" "$dir/b"
	printf '#!/bin/sh\necho a >&2; echo "{\\"code\\": 7, \\"msg\\": \\"from a\\"}"; exit 1\n' >"$dir/a/mine"
	sed 's/from a/from b/' "$dir/a/mine" >"$dir/b/mine"
	chmod +x "$dir"/?/mine
	network n '{"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "mine"}]}'
	run -125 --separate-stderr host env CNI_PATH="/none:$dir/a" "$NETNS_RUN" --network n -- true
	[[ $stderr == *'from a'* ]]
	run -125 --separate-stderr host env CNI_PATH="$dir/a" "$NETNS_RUN" --cni-path "$dir/b" --network n -- true
	[[ $stderr == *'from b'* ]]
}
