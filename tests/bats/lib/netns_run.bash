# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034 # the tests read what is set here
#
# netns_run.bash - netns-run on a host of the test's own, and somebody outside
#
#	out 192.0.2.2 --ext0-- host 192.0.2.1, fairlead0 10.87.0.1
#	    2001:db8::2            2001:db8::1,          fd4e:6574:6e73::1

load lib/portmap

NETNS_RUN=${FAIRLEAD_BUILD:-build/release}/bin/netns-run
[[ $NETNS_RUN == /* ]] || NETNS_RUN=$PWD/$NETNS_RUN
ROOT=${BATS_TEST_FILENAME%/tests/bats/*}

netns_run_setup() {
	local name
	host_new
	container_new out
	for name in host out; do
		# No second of waiting before an address answers, or before it shows.
		at $name sysctl -qw net.ipv6.conf.{all,default}.accept_dad=0
	done
	host mkdir -p /run/etc/cni/net.d
	# What the machine has there is not the test's host's.
	host sh -c '
		mkdir -p /run/etc/cni/net.d
		echo "nameserver 192.0.2.53" >/run/etc/resolv.conf
		echo "127.0.0.1 localhost" >/run/etc/hosts
		mount --bind /run/etc/resolv.conf /etc/resolv.conf
		mount --bind /run/etc/hosts /etc/hosts
		mount -t tmpfs tmpfs /etc/cni
		mkdir /etc/cni/net.d'
	host ip link add ext0 up type veth peer name eth0 netns out
	at out ip link set lo up
	at out ip link set eth0 up
	address host ext0 192.0.2.1/24 2001:db8::1/64
	address out eth0 192.0.2.2/24 2001:db8::2/64
	host ip route add default via 192.0.2.2
	host ip route add default via 2001:db8::2
}

# nr ARGUMENT...: netns-run on the host, with our plugins.  For "run": it prints and fails
# as netns-run does.
nr() {
	host env -u CNI_PATH "$NETNS_RUN" "$@"
}

# start VAR ARGUMENT...: netns-run in the background; its pid goes into VAR.  Output goes to
# the file $OUT, errors to $ERR.  Extra variables come from the array ENV.  A shell ignores
# SIGINT and SIGQUIT in what it starts so; that is undone.
start() {
	local -n pid_=$1
	shift
	OUT=$BATS_TEST_TMPDIR/out.$RANDOM$RANDOM
	ERR=$OUT.err
	nsenter --net --mount --target "$HOST" -- setpriv --pdeathsig KILL \
		env --default-signal -u CNI_PATH "${ENV[@]}" "$NETNS_RUN" "$@" >"$OUT" 2>"$ERR" 3>&- &
	pid_=$!
	HELD+=("$pid_")
}

# started VAR NAME ARGUMENT...: as start, with --name NAME, and wait until its command runs.
started() {
	local var=$1 name=$2
	shift 2
	start "$var" --name "$name" "$@"
	wait_for 20 is_status "$name" running
}

# finish PID: wait for a program of start; its exit status goes into "status".
finish() {
	status=0
	wait "$1" || status=$?
}

# status_of NAME: a word, "" when there is no such namespace.
status_of() {
	nr ls --json | jq -r --arg name "$1" '.[] | select(.name == $name) | .status'
}

is_status() {
	[[ $(status_of "$1") == "$2" ]]
}

# state NAME FILTER: of the file it keeps.
state() {
	host jq -r "$2" "/run/netns-run/$1/state.json"
}

# is_gone NAME: its directory and namespace file.
is_gone() {
	# shellcheck disable=SC2016 # of the inner shell
	host sh -c '[ ! -e "/run/netns-run/$1" ] && [ ! -e "/run/netns/$1" ]' sh "$1"
}

# leftovers: all that a run of netns-run could have left, one a line.
leftovers() {
	host sh -c '
		ls /run/netns | grep -vx out
		ls /run/netns-run /var/lib/cni/results 2>/dev/null | grep -v ":$" | grep .
		find /var/lib/cni/networks -type f -regex ".*/[0-9a-f]+[.:][0-9a-f.:]+" 2>/dev/null
		ip -br link | grep -o "^veth[^ @]*"
		nft list ruleset 2>/dev/null | grep comment | grep netns-run'
	return 0
}

# is_clean: nothing is left.
is_clean() {
	[[ -z $(leftovers) ]]
}

# nothing_left: but for what is there without it.
nothing_left() {
	local left
	left=$(leftovers)
	[[ -z $left ]] || fail "left behind: $left"
}

# network NAME JSON: put a network into the usual directory.
network() {
	host tee "/etc/cni/net.d/$1.conflist" <<<"$2" >/dev/null
}
