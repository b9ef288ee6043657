# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034 # the tests read what is set here
#
# common.bash - a host of the test's own, containers in it, and calls of plugins
#
#	load lib/common
#	setup() { host_new; container_new c1; }
#	teardown() { host_gone; }
#
#	@test "..." {
#		cni_ok ADD bridge <<<"$conf"
#		[[ $(json '.ips[0].address') == 10.1.0.2/24 ]]
#	}
#
# The host is a process that holds a network and a mount namespace.  Its /run and
# /var/lib are empty file systems, so a plugin leaves nothing on the machine: all is gone
# with the process, which dies with the test even when that is killed.

# Sorting is the same everywhere.
export LC_ALL=C

CNI_BIN=${FAIRLEAD_BUILD:-build/release}/cni
[[ $CNI_BIN == /* ]] || CNI_BIN=$PWD/$CNI_BIN
CNI_VERSIONS=(0.1.0 0.2.0 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0)

# Seconds that one command may take.
CMD_TIMEOUT=${CMD_TIMEOUT:-30}

# fail MESSAGE...: end the test.  In a function that somebody may call where a failure does
# not end it (before ||, in a condition), "fail ... || return" is needed to go no further.
fail() {
	printf '%s\n' "$*" >&2
	return 1
}

# --- namespaces ---

# hold VAR: start a process in a network and mount namespace of its own; its pid goes into
# VAR.  It answers through a fifo when all is mounted.
hold() {
	local fifo=$BATS_TEST_TMPDIR/hold-$1 word
	mkfifo "$fifo"
	# shellcheck disable=SC2016 # of the inner shell
	unshare --net --mount --propagation private setpriv --pdeathsig KILL sh -c '
		set -e
		mount -t tmpfs tmpfs /run
		mount -t tmpfs tmpfs /var/lib
		mkdir /run/netns
		mount -t sysfs sysfs /sys
		ip link set lo up
		echo ready >"$1"
		exec sleep infinity' sh "$fifo" >/dev/null 2>"$fifo.err" 3>&- &
	printf -v "$1" '%s' "$!"
	HELD+=("$!")
	read -r -t 10 word <>"$fifo" || true
	rm "$fifo"
	[[ ${word:-} == ready ]] || fail "no namespace (root is needed): $(<"$fifo.err")"
}

# in_ns PID COMMAND...: run it there, not longer than CMD_TIMEOUT.
in_ns() {
	local pid=$1
	shift
	timeout "$CMD_TIMEOUT" nsenter --net --mount --target "$pid" -- "$@"
}

# host_new: for setup.  The holder is $HOST.
host_new() {
	HELD=()
	hold HOST
}

# host_gone: for teardown.
host_gone() {
	local pid
	for pid in "${HELD[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	HELD=()
}

# host COMMAND...: run it on the host.
host() {
	in_ns "$HOST" "$@"
}

# container_new NAME...: make network namespaces /run/netns/NAME on the host.
container_new() {
	local name
	for name; do
		host ip netns add "$name"
	done
}

# container_gone NAME...
container_gone() {
	local name
	for name; do
		host ip netns del "$name"
	done
}

# in_container NAME COMMAND...
in_container() {
	local name=$1
	shift
	host nsenter --net="/run/netns/$name" -- "$@"
}

# --- plugins ---

# cni VERB PLUGIN [NAME=VALUE...]: call a plugin on the host, configuration on standard
# input.  PLUGIN is a name in CNI_BIN or a path.  Variables default to container cid1, eth0
# in /run/netns/c1; NAME= leaves one out.  Sets status, output (to the last byte) and stderr.
cni() {
	local verb=$1 plugin=$2 file=$BATS_TEST_TMPDIR/cni-stderr
	shift 2
	[[ $plugin == */* ]] || plugin=$CNI_BIN/$plugin
	status=0
	output=$(
		rc=0
		host env CNI_COMMAND="$verb" CNI_CONTAINERID=cid1 CNI_NETNS=/run/netns/c1 \
			CNI_IFNAME=eth0 CNI_PATH="$CNI_BIN" "$@" "$plugin" 2>"$file" || rc=$?
		printf x
		exit "$rc"
	) || status=$?
	output=${output%x}
	stderr=$(<"$file")
}

# cni_ok VERB PLUGIN [NAME=VALUE...]: it must succeed; all but ADD and VERSION print nothing.
cni_ok() {
	cni "$@"
	((status == 0)) || fail "$1 $2: status $status: $output $stderr" || return
	case $1 in
	ADD) [[ $(jq -s 'map(type)' -c <<<"$output") == '["object"]' ]] || fail "$1 $2: no result: $output" ;;
	VERSION) ;;
	*) [[ -z $output ]] || fail "$1 $2: output: $output" ;;
	esac
}

# cni_fails CODE MESSAGE VERB PLUGIN [NAME=VALUE...]: exit status 1 and one error object
# with this code and exactly this message, or one matching the pattern MESSAGE.
cni_fails() {
	local code=$1 msg=$2 got
	shift 2
	cni "$@"
	((status == 1)) || fail "$1 $2: status $status, not 1: $output $stderr" || return
	got=$(jq -r 'select(type == "object") | "\(.code) \(.msg)"' <<<"$output") ||
		fail "$1 $2: no error object: $output $stderr" || return
	# shellcheck disable=SC2053 # a pattern
	[[ $got == "$code $msg" || $got == "$code "$msg ]] ||
		fail "$1 $2: got: $got"$'\n'"wanted: $code $msg"
}

# versions_from VERSION: those of CNI_VERSIONS that are not older.
versions_from() {
	local v on=
	for v in "${CNI_VERSIONS[@]}"; do
		[[ $v != "$1" ]] || on=1
		[[ -z $on ]] || echo "$v"
	done
}

# --- JSON ---

# json FILTER: of the last output.
json() {
	jq -r "$1" <<<"$output"
}

# conf JSON FILTER [ARG...]: a configuration changed by a jq filter, on one line.
conf() {
	local text=$1
	shift
	jq -c "$@" <<<"$text"
}

# same_json GOT WANT: equal as values, whatever the order of the keys.
same_json() {
	diff <(jq -S . <<<"$2") <(jq -S . <<<"$1") || fail "not the JSON that was wanted"
}

# --- what is there ---

# snapshot [NAME...]: the kernel objects of the host and of containers, and the files that
# plugins keep, as text that can be compared.  Without what changes by itself.
snapshot() {
	local name
	host sh -c '
		ip -o link | sed "s/^[0-9]*: //; s/ state [A-Z]*//; s/@[^:]*//"
		ip -o addr | sed "s/^[0-9]*: //; s/valid_lft.*//"
		ip route show table all; ip -6 route show table all | grep -v "^fe80\|^multicast\|^ff00"
		ip rule; ip -6 rule
		nft -s list ruleset
		find /run /var/lib -type f ! -path "/run/netns/*" | sort'
	for name; do
		echo "--- $name"
		in_container "$name" sh -c '
			ip -o link | sed "s/^[0-9]*: //; s/ state [A-Z]*//; s/@[^:]*//"
			ip -o addr | sed "s/^[0-9]*: //; s/valid_lft.*//"
			ip route show table all; ip -6 route show table all | grep -v "^fe80\|^multicast\|^ff00"
			nft -s list ruleset'
	done
}

# wait_for SECONDS COMMAND...: until it succeeds, this long at least and not for ever.
wait_for() {
	local wait_end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS <= wait_end)) || fail "still not: $*" || return
		sleep 0.05
	done
}

# alive PID: a process that is no zombie.
alive() {
	[[ -e /proc/$1/stat && $(<"/proc/$1/stat") != *') Z '* ]]
}

dead() {
	! alive "$1"
}
