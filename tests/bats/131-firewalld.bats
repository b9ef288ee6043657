#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# firewall on a host that runs firewalld: addresses of containers in its zones

# shellcheck disable=SC2016 # filters of jq
bats_require_minimum_version 1.5.0
load lib/common
load lib/firewalld

net='{"cniVersion":"1.0.0","name":"net1","type":"bridge","bridge":"br0","isGateway":true,"ipMasq":true,
	"ipam":{"type":"host-local","ranges":[[{"subnet":"10.9.0.0/24"}],[{"subnet":"fd00:9::/64"}]],
	"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]}}'
fw='{"cniVersion":"1.0.0","name":"net1","type":"firewall"}'
both="10.9.0.2/32 fd00:9::2/128"

setup() {
	host_new
	container_new c1 out
	host ip link add ext0 type veth peer name ext1 netns out
	host sysctl -qw net.ipv6.conf.ext0.accept_dad=0
	in_container out sysctl -qw net.ipv6.conf.ext1.accept_dad=0
	host ip addr add 192.0.2.1/24 dev ext0
	host ip addr add 2001:db8::1/64 dev ext0
	host ip link set ext0 up
	in_container out ip addr add 192.0.2.2/24 dev ext1
	in_container out ip addr add 2001:db8::2/64 dev ext1
	in_container out ip link set ext1 up
	bus_start
}

teardown() {
	host_gone
}

# bridge_add CONTAINER [NET]: FWCONF gets $fw with its result.
bridge_add() {
	cni_ok ADD bridge CNI_CONTAINERID="id-$1" CNI_NETNS="/run/netns/$1" <<<"${2:-$net}"
	FWCONF=$(conf "$fw" --argjson p "$output" '.prevResult = $p')
}

# fw_call VERB CONTAINER CONF
fw_call() {
	cni_ok "$1" firewall CNI_CONTAINERID="id-$2" CNI_NETNS="/run/netns/$2" <<<"$3"
}

# reaches: container c1 gets an answer from outside, over both families.
reaches() {
	in_container c1 ping -c 1 -W 2 192.0.2.2
	in_container c1 ping -c 1 -W 2 2001:db8::2
}

# reaches_nothing: it gets none over either.
reaches_nothing() {
	run ! in_container c1 ping -c 1 -W 1 192.0.2.2
	run ! in_container c1 ping -c 1 -W 1 2001:db8::2
}

# accepted: addresses that rules of our own accept, of both families, on one line.
accepted() {
	{ host iptables -S && host ip6tables -S; } | sed -n 's/^-A CNI-FORWARD -s \([^ ]*\) .*/\1/p' | paste -sd' '
}

@test "only as a source of the trusted zone a container reaches the outside" {
	firewalld_start
	bridge_add c1
	# accepts of our own do not help here
	fw_call ADD c1 "$(conf "$FWCONF" '.backend = "iptables"')"
	[[ $(accepted) == "$both" ]]
	reaches_nothing
	fw_call CHECK c1 "$(conf "$FWCONF" '.backend = "iptables"')"
	fw_call DEL c1 "$(conf "$FWCONF" '.backend = "iptables"')"

	fw_call ADD c1 "$FWCONF"
	same_json "$output" "$(jq .prevResult <<<"$FWCONF")"
	[[ $(sources trusted) == "$both" ]]
	reaches
	run ! in_container out ping -c 1 -W 1 10.9.0.2
	fw_call CHECK c1 "$FWCONF"

	fw_call DEL c1 "$FWCONF"
	[[ -z $(sources trusted) && -z $(accepted) ]]
	reaches_nothing
	fw_call DEL c1 "$FWCONF"
	cni_fails 999 "failed to find the address 10.9.0.2/32 in trusted zone" CHECK firewall <<<"$FWCONF"
}

@test "the backend by name, and a zone by name" {
	firewalld_start
	bridge_add c1
	local named
	named=$(conf "$FWCONF" '.backend = "firewalld" | .firewalldZone = "internal"')
	fw_call ADD c1 "$named"
	[[ $(sources internal) == "$both" && -z $(sources trusted) ]]
	fw_call CHECK c1 "$named"
	# a second ADD with another zone moves them
	fw_call ADD c1 "$FWCONF"
	[[ $(sources trusted) == "$both" && -z $(sources internal) ]]
	reaches
	# what was done is known, whatever the configuration has become
	fw_call DEL c1 "$(conf "$FWCONF" '.backend = "iptables" | .firewalldZone = "dmz"')"
	[[ -z $(sources trusted) ]]
	# a name that is none is as none at all
	fw_call ADD c1 "$(conf "$FWCONF" '.backend = "nftables" | .firewalldZone = ""')"
	[[ $(sources trusted) == "$both" ]]
	cni_ok STATUS firewall CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$fw" '.cniVersion = "1.1.0" | .backend = "firewalld"')"
}

@test "a source that is there already is no error" {
	firewalld_start
	bridge_add c1
	firewalld zone.addSource trusted 10.9.0.2/32
	run ! firewalld zone.addSource trusted 10.9.0.2/32
	[[ $output == *ZONE_ALREADY_SET* ]]
	fw_call ADD c1 "$FWCONF"
	fw_call ADD c1 "$FWCONF"
	[[ $(sources trusted) == "$both" && $(accepted) == "$both" ]]
	reaches
	# nor was it away for a moment
	grep -q "zone.addSource('trusted', '10.9.0.2/32')" "$BATS_TEST_TMPDIR/FIREWALLD.log"
	run ! grep removeSource "$BATS_TEST_TMPDIR/FIREWALLD.log"
}

@test "a zone that does not exist: the error names zone and address, nothing is left" {
	firewalld_start
	bridge_add c1
	fw_call ADD c1 "$FWCONF"
	fw_call DEL c1 "$FWCONF"
	local before bad
	before=$(host nft -s list ruleset)
	bad=$(conf "$FWCONF" '.firewalldZone = "nosuch"')
	cni_fails 999 "failed to add the address 10.9.0.2/32 to nosuch zone: INVALID_ZONE: nosuch" \
		ADD firewall <<<"$bad"
	diff <(echo "$before") <(host nft -s list ruleset)
	cni_fails 999 "failed to find the address 10.9.0.2/32 in nosuch zone: INVALID_ZONE: nosuch" \
		CHECK firewall <<<"$bad"
	cni_ok DEL firewall <<<"$bad"
	[[ -z $stderr ]]
	cni_fails 999 "key 'firewalldZone': zone name \"a-name-much-longer-than-any\" is longer than 22 bytes" \
		ADD firewall <<<"$(conf "$FWCONF" '.firewalldZone = "a-name-much-longer-than-any"')"
}

@test "the second address is refused: the first is taken back" {
	firewalld_start
	bridge_add c1
	firewalld zone.addSource drop fd00:9::2/128
	cni_fails 999 "failed to add the address fd00:9::2/128 to trusted zone: ZONE_CONFLICT: *" \
		ADD firewall <<<"$FWCONF"
	[[ -z $(sources trusted) && -z $(accepted) ]]
	[[ $(sources drop) == fd00:9::2/128 ]]
}

@test "firewalld is not running" {
	bridge_add c1
	fw_call ADD c1 "$FWCONF"
	reaches
	fw_call CHECK c1 "$FWCONF"
	fw_call DEL c1 "$FWCONF"
	local named
	named=$(conf "$FWCONF" '.backend = "firewalld"')
	cni_fails 999 "firewalld is not running: *org.fedoraproject.FirewallD1*" ADD firewall <<<"$named"
	cni_fails 999 "firewalld is not running: *" CHECK firewall <<<"$named"
	cni_fails 50 "firewalld is not running: *" STATUS firewall CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$named" 'del(.prevResult) | .cniVersion = "1.1.0"')"
	cni_ok STATUS firewall CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$(conf "$fw" '.cniVersion = "1.1.0"')"
	cni_ok DEL firewall <<<"$named"
	[[ -z $(accepted) && -z $stderr ]]
}

@test "firewalld, and then the bus, ended before DEL" {
	firewalld_start
	bridge_add c1
	fw_call ADD c1 "$FWCONF"
	end KILL "$FIREWALLD" # so that it does not clean up
	[[ $(accepted) == "$both" ]]
	fw_call DEL c1 "$FWCONF"
	[[ -z $(accepted) && -z $stderr ]]

	firewalld_again
	fw_call ADD c1 "$FWCONF"
	end KILL "$FIREWALLD"
	end KILL "$BUS"
	host test -S /run/dbus/system_bus_socket
	fw_call DEL c1 "$(conf "$FWCONF" '.backend = "firewalld"')"
	[[ -z $(accepted) && -z $stderr ]]
	cni_fails 999 "firewalld is not running: cannot connect to D-Bus at '*': Connection refused" \
		ADD firewall <<<"$(conf "$FWCONF" '.backend = "firewalld"')"
	host rm -r /run/dbus
	cni_fails 999 "firewalld is not running: cannot connect to D-Bus at '*': No such file or directory" \
		ADD firewall <<<"$(conf "$FWCONF" '.backend = "firewalld"')"
	fw_call DEL c1 "$FWCONF"
}

@test "without firewalld a DEL does not look for it" {
	local log=$BATS_TEST_TMPDIR/strace
	bridge_add c1
	fw_call ADD c1 "$FWCONF"
	host strace -qq -o "$log" -e trace=connect env ASAN_OPTIONS=detect_leaks=0 CNI_COMMAND=DEL CNI_CONTAINERID=id-c1 \
		CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0 CNI_PATH="$CNI_BIN" "$CNI_BIN/firewall" <<<"$FWCONF"
	run ! grep AF_UNIX "$log"
	[[ -z $(accepted) ]]
	# the same for ADD when the configuration says so
	host strace -qq -o "$log" -e trace=connect env ASAN_OPTIONS=detect_leaks=0 CNI_COMMAND=ADD CNI_CONTAINERID=id-c1 \
		CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0 CNI_PATH="$CNI_BIN" "$CNI_BIN/firewall" \
		<<<"$(conf "$FWCONF" '.backend = "iptables"')"
	run ! grep AF_UNIX "$log"
}

@test "the bus is where DBUS_SYSTEM_BUS_ADDRESS says" {
	end KILL "$BUS"
	host rm -r /run/dbus
	export DBUS_SYSTEM_BUS_ADDRESS="unix:path=/run/nobody;unix:abstract=/bus-$HOST"
	bus_start "unix:abstract=/bus-$HOST"
	firewalld_start
	bridge_add c1
	fw_call ADD c1 "$FWCONF"
	[[ $(sources trusted) == "$both" ]]
	reaches
}

@test "a bus that does not answer: ADD fails and may be tried again" {
	bridge_add c1
	kill -STOP "$BUS"
	cni_fails 11 "cannot tell whether firewalld is running: *Connection timed out" ADD firewall <<<"$FWCONF"
	[[ -z $(accepted) ]]
	kill -CONT "$BUS"
	fw_call ADD c1 "$FWCONF"
}

@test "a bus that does not accept us is as none: in a user namespace root is somebody else" {
	firewalld_start
	bridge_add c1
	local env=(CNI_COMMAND=CHECK CNI_CONTAINERID=id-c1 CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0
		CNI_PATH="$CNI_BIN")
	run -1 host unshare --user --map-user=1000 -- env "${env[@]}" "$CNI_BIN/firewall" \
		<<<"$(conf "$FWCONF" '.backend = "firewalld"')"
	[[ $output == *"firewalld is not running: org.freedesktop.DBus.GetNameOwner(): D-Bus does not accept user id 1000"* ]]
	# so it is about our rules then
	run -1 host unshare --user --map-user=1000 -- env "${env[@]}" "$CNI_BIN/firewall" <<<"$FWCONF"
	[[ $output != *firewalld* && $output != *D-Bus* ]]
}

@test "a host that drops with iptables, as Docker leaves it, and runs firewalld" {
	firewalld_start
	host iptables -P FORWARD DROP
	host ip6tables -P FORWARD DROP
	bridge_add c1
	fw_call ADD c1 "$FWCONF"
	reaches
	fw_call CHECK c1 "$FWCONF"
	# there both are needed
	host iptables -D CNI-FORWARD -s 10.9.0.2/32 -j ACCEPT
	run ! in_container c1 ping -c 1 -W 1 192.0.2.2
	cni_fails 999 "expected rule*10.9.0.2*not found" CHECK firewall <<<"$FWCONF"
	# elsewhere the zone alone decides
	host iptables -P FORWARD ACCEPT
	reaches
	fw_call CHECK c1 "$FWCONF"
}

@test "a zone that does not let everything through is not overruled by our rules" {
	firewalld_start
	bridge_add c1
	fw_call ADD c1 "$(conf "$FWCONF" '.firewalldZone = "public"')"
	[[ $(sources public) == "$both" && $(accepted) == "$both" ]]
	reaches_nothing
}

@test "firewalld with its backend iptables: its own rules decide, and ours are not put" {
	firewalld_start FirewallBackend=iptables
	bridge_add c1
	fw_call ADD c1 "$FWCONF"
	[[ $(sources trusted) == "$both" && -z $(accepted) ]]
	reaches
	fw_call CHECK c1 "$FWCONF"
	fw_call ADD c1 "$FWCONF"
	fw_call DEL c1 "$FWCONF"
	[[ -z $(sources trusted) ]]
	reaches_nothing
	fw_call ADD c1 "$(conf "$FWCONF" '.firewalldZone = "public"')"
	reaches_nothing
	fw_call DEL c1 "$(conf "$FWCONF" '.firewalldZone = "public"')"
	[[ -z $(sources public) ]]
}

@test "DEL without prevResult and GC know the sources" {
	firewalld_start
	container_new c2 c3
	bridge_add c1
	fw_call ADD c1 "$FWCONF"
	bridge_add c2
	fw_call ADD c2 "$FWCONF"
	bridge_add c3
	fw_call ADD c3 "$(conf "$FWCONF" '.firewalldZone = "work"')"
	[[ $(sources work) == "10.9.0.4/32 fd00:9::4/128" ]]
	cni_ok DEL firewall CNI_CONTAINERID=id-c1 CNI_NETNS= <<<"$fw"
	[[ $(sources trusted) == "10.9.0.3/32 fd00:9::3/128" ]]
	cni_ok GC firewall CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$fw" '.cniVersion = "1.1.0" | .name = "net2" | ."cni.dev/valid-attachments" = []')"
	[[ $(sources trusted) == "10.9.0.3/32 fd00:9::3/128" ]]
	cni_ok GC firewall CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$fw" '.cniVersion = "1.1.0" | ."cni.dev/valid-attachments" = [{"containerID":"id-c2","ifname":"eth0"}]')"
	[[ $(sources trusted) == "10.9.0.3/32 fd00:9::3/128" && -z $(sources work) ]]
	[[ $(accepted) == "10.9.0.3/32 fd00:9::3/128" ]]
}

@test "twelve ADDs at once, and as many DELs" {
	local prev
	firewalld_start
	cat >"$BATS_TEST_TMPDIR/one" <<-'END'
		sed "s/@/$2/g" "$4" | env CNI_COMMAND="$1" CNI_CONTAINERID="id-$2" CNI_NETNS=/run/netns/x \
			CNI_IFNAME=eth0 CNI_PATH="$3" "$3/firewall" >/dev/null
	END
	prev='{"cniVersion":"1.0.0","interfaces":[{"name":"br0"}],"ips":[{"address":"10.9.0.@/24"},{"address":"fd00:9::@/64"}]}'
	conf "$fw" --argjson p "$prev" '.prevResult = $p' >"$BATS_TEST_TMPDIR/conf"
	seq 12 | host xargs -P 6 -I{} sh "$BATS_TEST_TMPDIR/one" ADD {} "$CNI_BIN" "$BATS_TEST_TMPDIR/conf"
	[[ $(sources trusted | wc -w) == 24 && $(accepted | wc -w) == 24 ]]
	seq 12 | host xargs -P 6 -I{} sh "$BATS_TEST_TMPDIR/one" DEL {} "$CNI_BIN" "$BATS_TEST_TMPDIR/conf"
	[[ -z $(sources trusted) && -z $(accepted) ]]
}

@test "an address that another attachment has, too, stays a source until both are gone" {
	firewalld_start
	bridge_add c1
	local other
	other=$(conf "$FWCONF" '.name = "net2"')
	fw_call ADD c1 "$FWCONF"
	fw_call ADD c1 "$other"
	fw_call DEL c1 "$FWCONF"
	[[ $(sources trusted) == "$both" ]]
	# a DEL that comes twice, when the address is somebody else's by now
	fw_call DEL c1 "$FWCONF"
	[[ $(sources trusted) == "$both" ]]
	fw_call DEL c1 "$other"
	[[ -z $(sources trusted) ]]
}

@test "a reload makes firewalld forget; CHECK says so, ADD repairs it; a permanent subnet stays" {
	firewalld_start
	bridge_add c1
	fw_call ADD c1 "$FWCONF"
	firewalld reload
	[[ -z $(sources trusted) ]]
	cni_fails 999 "failed to find the address 10.9.0.2/32 in trusted zone" CHECK firewall <<<"$FWCONF"
	fw_call ADD c1 "$FWCONF"
	fw_call CHECK c1 "$FWCONF"
	reaches
	firewalld reload
	fw_call DEL c1 "$FWCONF"

	host firewall-offline-cmd --zone=trusted --add-source=10.9.0.0/24
	host firewall-offline-cmd --zone=trusted --add-source=fd00:9::/64
	firewalld reload
	reaches
	fw_call ADD c1 "$FWCONF"
	fw_call DEL c1 "$FWCONF"
	[[ $(sources trusted) == "10.9.0.0/24 fd00:9::/64" ]]
}

@test "ingressPolicy does not depend on the backend" {
	firewalld_start
	bridge_add c1
	fw_call ADD c1 "$(conf "$FWCONF" '.ingressPolicy = "same-bridge"')"
	[[ $(host iptables -S CNI-ISOLATION-STAGE-1) == *"-i br0 ! -o br0 "* ]]
	fw_call CHECK c1 "$(conf "$FWCONF" '.ingressPolicy = "same-bridge"')"
	reaches
}

@test "side by side with the reference suite" {
	[[ -x /usr/lib/cni/firewall ]] || skip "no reference plugin to compare with"
	firewalld_start
	bridge_add c1
	cni_ok ADD /usr/lib/cni/firewall <<<"$FWCONF"
	[[ $(sources trusted) == "$both" ]]
	cni_ok CHECK firewall <<<"$FWCONF"
	cni_ok DEL firewall <<<"$FWCONF"
	[[ -z $(sources trusted) ]]
	cni_ok ADD firewall <<<"$FWCONF"
	cni_ok CHECK /usr/lib/cni/firewall <<<"$FWCONF"
	cni_ok DEL /usr/lib/cni/firewall <<<"$FWCONF"
	[[ -z $(sources trusted) ]]
	# ours are left then, and nobody minds
	cni_ok DEL firewall <<<"$FWCONF"
	[[ -z $(accepted) && -z $stderr ]]
}
