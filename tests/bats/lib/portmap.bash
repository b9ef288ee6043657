# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034 # the tests read what is set here
#
# portmap.bash - a host with two containers, and somebody outside
#
#	out 192.0.2.2, .3 --ext0-- host 192.0.2.1, .11 --br0 10.88.0.1-- a 10.88.0.2, b 10.88.0.3
#	    2001:db8::2            2001:db8::1, ::11        fd88::1        fd88::2,     fd88::3

load lib/common

A_IPS="10.88.0.2/24 fd88::2/64"
B_IPS="10.88.0.3/24 fd88::3/64"

# portmap_build: compile the service and its client; for setup_file.
portmap_build() {
	export PORTECHO=$BATS_FILE_TMPDIR/portecho
	"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O1 -o "$PORTECHO" \
		"${BATS_TEST_FILENAME%/*}/lib/portecho.c"
}

# at NAME COMMAND...: run it on the host, outside or in a container.
at() {
	local name=$1
	shift
	if [[ $name == host ]]; then
		host "$@"
	else
		in_container "$name" "$@"
	fi
}

# address NAME DEV ADDRESS...
address() {
	local name=$1 dev=$2 a
	shift 2
	for a; do
		if [[ $a == *:* ]]; then
			at "$name" ip addr add "$a" dev "$dev" nodad
		else
			at "$name" ip addr add "$a" dev "$dev"
		fi
	done
}

# container NAME N: a container with the addresses 10.88.0.N and fd88::N on br0.
container() {
	host ip link add "veth$2" master br0 up type veth peer name eth0 netns "$1"
	host ip link set "veth$2" type bridge_slave hairpin on
	at "$1" ip link set lo up
	at "$1" ip link set eth0 up
	address "$1" eth0 "10.88.0.$2/24" "fd88::$2/64"
	at "$1" ip route add default via 10.88.0.1
	at "$1" ip route add default via fd88::1
}

portmap_setup() {
	local name
	host_new
	container_new out a b
	for name in host out a b; do
		# No second of waiting before an address answers.
		at $name sysctl -qw net.ipv6.conf.{all,default}.accept_dad=0
	done
	host sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	host ip link add br0 up type bridge
	address host br0 10.88.0.1/24 fd88::1/64
	host ip link add ext0 up type veth peer name eth0 netns out
	at out ip link set lo up
	at out ip link set eth0 up
	address host ext0 192.0.2.1/24 192.0.2.11/24 2001:db8::1/64
	# Never a source, so that answers come from ::1.
	host ip addr add 2001:db8::11/64 dev ext0 nodad preferred_lft 0
	address out eth0 192.0.2.2/24 192.0.2.3/24 2001:db8::2/64
	at out ip route add default via 192.0.2.1
	at out ip route add default via 2001:db8::1
	container a 2
	container b 3
}

# serve NAME PROTO PORT TEXT: a service there, listening on return.
serve() {
	local fifo=$BATS_TEST_TMPDIR/ready.$2.$3.$4 line='' enter=()
	[[ $1 == host ]] || enter=(nsenter --net="/run/netns/$1" --)
	mkfifo "$fifo"
	nsenter --net --mount --target "$HOST" -- "${enter[@]}" setpriv --pdeathsig KILL \
		"$PORTECHO" serve "$2" "$3" "$4" >"$fifo" 2>&1 3>&- &
	HELD+=("$!")
	read -r -t 10 line <"$fifo"
	rm "$fifo"
	[[ $line == ready ]] || fail "no service: $line"
}

# ask NAME PROTO ADDRESS PORT [SPORT]: prints "TEXT ADDRESS", as the service saw it.
ask() {
	local name=$1
	shift
	at "$name" "$PORTECHO" ask "$@"
}

# pm_conf NET ADDRESSES MAPPINGS [EXTRA]: a configuration; MAPPINGS and EXTRA are JSON.
pm_conf() {
	jq -cn --arg ifname "${IFNAME:-eth0}" --arg net "$1" --arg ips "$2" --argjson mappings "$3" \
		--argjson extra "${4:-{\}}" '
		{cniVersion: "1.1.0", name: $net, type: "portmap", capabilities: {portMappings: true},
		 runtimeConfig: {portMappings: $mappings},
		 prevResult: {cniVersion: "1.1.0", interfaces: [{name: $ifname, sandbox: "/run/netns/x"}],
			      ips: [$ips | split(" ")[] | {address: ., interface: 0}]}} * $extra'
}

# map HOST CONTAINER [PROTO [HOSTIP]]: one mapping.
map() {
	jq -cn --argjson host "$1" --argjson cont "$2" --arg proto "${3:-tcp}" --arg ip "${4:-}" \
		'[{hostPort: $host, containerPort: $cont, protocol: $proto, hostIP: $ip}]'
}

# pm VERB ID CONF: call the plugin on the host for container ID, interface IFNAME.  Prints
# what it answers.  PLUGIN is another one to call.
pm() {
	local output stderr status
	cni "$1" "${PLUGIN:-portmap}" CNI_CONTAINERID="$2" CNI_IFNAME="${IFNAME:-eth0}" \
		CNI_NETNS=/run/netns/a <<<"$3"
	[[ -z $stderr ]] || printf '%s\n' "$stderr" >&2
	printf '%s' "$output"
	return "$status"
}

# rules FAMILY CHAIN: its rules as nft prints them, one a line.
rules() {
	host nft list chain "$1" cni_hostport "$2" | sed -n 's/^\t\t//p' | grep -v '^type '
}

# count FAMILY CHAIN: how many.
count() {
	rules "$@" | wc -l
}

# ruleset: all of the host.
ruleset() {
	host nft list ruleset
}
