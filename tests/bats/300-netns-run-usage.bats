#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2154 # dollars are of inner shells; bats sets stderr
#
# netns-run: wrong usage, wrong files, help, what is listed.

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

# usage MESSAGE ARGUMENT...: one line on standard error, nothing else, exit status 2.
usage() {
	local msg=$1
	shift
	run -2 --separate-stderr nr "$@"
	[[ -z $output && $stderr == "netns-run: $msg" ]] || fail "$*: $output $stderr"
}

# fails MESSAGE ARGUMENT...: the same for what is wrong with the host, exit status 125.
fails() {
	local msg=$1
	shift
	run -125 --separate-stderr nr "$@"
	# shellcheck disable=SC2053 # a pattern
	[[ -z $output && $stderr == "netns-run: "$msg && $(wc -l <<<"$stderr") == 1 ]] ||
		fail "$*: $output $stderr"
}

# --- usage ---

@test "wrong usage: one line that names the option and the value, exit status 2" {
	local see="(see 'netns-run --help')"
	usage "no command given $see"
	usage "no command given $see" --
	usage "no command given $see" --keep
	usage "the command's name is empty $see" -- ''
	usage "unknown option '--no-such-option' $see" --no-such-option
	usage "unknown option '-x' $see" -x -- true
	usage "option '--name' needs an argument $see" --name
	usage "option '--keep' takes no argument, got 'yes' $see" --keep=yes -- true
	usage "option '--mac' is given twice $see" --mac 02:00:00:00:00:01 --mac 02:00:00:00:00:02 -- true
	usage "unknown command 'exce' (to run a program: netns-run [options] -- exce)" exce web
	nothing_left
}

@test "values that are none" {
	local see="(see 'netns-run --help')" long
	long=$(printf 'x%.0s' {1..65})
	usage "option '--name': invalid name '../a' (letters, digits, '_', '.', '-', at most 64) $see" --name ../a -- true
	usage "option '--name': invalid name '$long' (letters, digits, '_', '.', '-', at most 64) $see" --name "$long" -- true
	usage "option '--hostname': invalid host name 'a_b' $see" --hostname a_b -- true
	usage "option '--hostname': invalid host name '$long' $see" --hostname "$long" -- true
	usage "option '--hostname': invalid host name '-a' $see" --hostname -a -- true
	usage "option '--ip': invalid IP address '10.0.0.256' $see" --ip 10.0.0.256 -- true
	usage "option '--ip': invalid IP address '10.0.0.1/33' $see" --ip 10.0.0.1/33 -- true
	usage "option '--mac': invalid MAC address '02:00' $see" --mac 02:00 -- true
	usage "option '--mac': '01:00:00:00:00:01' is a multicast address $see" --mac 01:00:00:00:00:01 -- true
	usage "option '--dns': invalid IP address 'ns' $see" --dns ns -- true
	usage "port '80' must be [ip:]host:container[/proto] $see" -p 80 -- true
	usage "port '80:70000': ports must be numbers from 1 to 65535 or ranges a-b of them $see" -p 80:70000 -- true
	usage "port '80:80/icmp': protocol must be tcp, udp or sctp $see" -p 80:80/icmp -- true
	usage "host port 80/tcp is published twice $see" -p 80:80 -p 80:81 -- true
	usage "5000 ports are published, at most 4096 can be $see" -p 1-5000:1-5000 -- true
	nothing_left
}

@test "options that do not go together" {
	local see="(see 'netns-run --help')" nets=() i
	usage "network 'none' cannot be given with others $see" --network none --network fairlead -- true
	usage "option '--publish' needs a network, not 'none' $see" --network none -p 80:80 -- true
	usage "option '--ip' needs a network, not 'none' $see" --network none --ip 10.0.0.1 -- true
	usage "option '--mac' needs exactly one network, not 2 $see" --network a --network b --mac 02:00:00:00:00:01 -- true
	for i in {1..9}; do nets+=(--network "n$i"); done
	usage "9 networks are given, at most 8 can be $see" "${nets[@]}" -- true
}

@test "the other commands: usage" {
	usage "'ls' takes no argument, got 'x' (see 'netns-run ls --help')" ls x
	usage "unknown option '--all' (see 'netns-run ls --help')" ls --all
	usage "'exec' needs a name and a command (see 'netns-run exec --help')" exec
	usage "'exec' needs a command (see 'netns-run exec --help')" exec web
	usage "'exec' needs a command (see 'netns-run exec --help')" exec web --
	usage "invalid name '../x'" exec ../x -- true
	usage "'rm' needs names or '--all' (see 'netns-run rm --help')" rm
	usage "'rm' needs names or '--all', not both (see 'netns-run rm --help')" rm --all web
	usage "invalid name '.'" rm .
	usage "'inspect' takes one name, got 0 (see 'netns-run inspect --help')" inspect
	usage "'inspect' takes one name, got 2 (see 'netns-run inspect --help')" inspect a b
	fails "no namespace 'a'" inspect a
}

@test "help and version go to standard output, in 80 columns" {
	local cmd
	run -0 --separate-stderr nr --version
	[[ $output =~ ^netns-run\ [0-9]+\.[0-9]+\.[0-9]+$ && -z $stderr ]]
	for cmd in '' ls exec rm inspect; do
		# shellcheck disable=SC2086 # no word when it is empty
		run -0 --separate-stderr nr $cmd --help
		[[ $output == 'usage: netns-run '* && -z $stderr ]]
		[[ -z $(awk 'length($0) > 80' <<<"$output") ]]
		# shellcheck disable=SC2086
		[[ $(nr $cmd -h) == "$output" ]]
	done
	# Nobody reads: said, not hidden.
	run -125 host sh -c '"$0" --help >/dev/full' "$NETNS_RUN"
	run -125 host sh -c '"$0" --version >/dev/full' "$NETNS_RUN"
	run -125 host sh -c '"$0" ls >/dev/full' "$NETNS_RUN"
	run -125 host sh -c '"$0" ls --json >/dev/full' "$NETNS_RUN"
}

@test "without root: said at once" {
	run -125 --separate-stderr host setpriv --reuid 65534 --regid 65534 --clear-groups "$NETNS_RUN" -- true
	# A build that counts its lines (SAN=cov) complains that it cannot write them down.
	[[ $(grep -v '^profiling:' <<<"$stderr") == 'netns-run: must be run as root (to make namespaces and networks)' ]]
}

# --- networks that are wrong ---

@test "a network that is not there, or no network" {
	fails "no network 'nope' in '/etc/cni/net.d'" --network nope -- true
	fails "cannot open '/none.conflist': No such file or directory" --network /none.conflist -- true
	fails "cannot read '/etc/': Is a directory" --network /etc/ -- true
	host tee /run/x.conflist >/dev/null <<<'{"name": "x", "plugins": [{"type": "bridge"}'
	fails "network configuration '/run/x.conflist': *JSON*" --network /run/x.conflist -- true
	host tee /run/x.conflist >/dev/null <<<'{"name": "x", "plugins": [{"type": 7}]}'
	fails "network configuration '/run/x.conflist': key 'plugins\[0\].type' must be a string, not *" --network /run/x.conflist -- true
	host tee /run/x.conflist >/dev/null <<<'{"name": "a/b", "plugins": [{"type": "bridge"}]}'
	fails "network configuration '/run/x.conflist': invalid characters found in network name 'a/b'" --network /run/x.conflist -- true
	nothing_left
}

@test "a broken file hides no other network" {
	host tee /etc/cni/net.d/00-broken.conflist >/dev/null <<<'{'
	network 10-l2 '{"cniVersion": "1.0.0", "name": "l2", "plugins": [{"type": "bridge", "bridge": "br9"}]}'
	nr --network l2 -- true
	fails "no network 'nope' in '/etc/cni/net.d' (network configuration '/etc/cni/net.d/00-broken.conflist': *)" --network nope -- true
}

@test "a network cannot be given twice" {
	fails "network 'fairlead' is given twice" --network fairlead --network fairlead -- true
	nothing_left
}

@test "ports need a plugin that can publish them" {
	network l2 '{"cniVersion": "1.0.0", "name": "l2", "plugins": [{"type": "bridge", "bridge": "br9"}]}'
	fails "no plugin of network 'l2' can publish ports (none has the capability 'portMappings')" --network l2 -p 80:80 -- true
	nothing_left
}

# --- what is told ---

@test "ls and inspect" {
	local a
	run -0 nr ls
	[[ $output == 'NAME  STATUS  PID  STACK  NETWORKS  ADDRESSES  COMMAND' ]]
	[[ $(nr ls --json) == '[]' ]]
	started a web -p 192.0.2.1:8080:80 --hostname box -- sh -c $'sleep 1000 #\e[31m\n'
	run -0 nr ls
	[[ ${lines[1]} =~ ^web\ +running\ +$a\ +kernel\ +fairlead\ +10.87.0.2,fd4e:6574:6e73::2\ +'sh -c sleep 1000 #?[31m?'$ ]]
	[[ $(nr ls --json | jq -c '.[0] | [.name, .status, .pid, .keep, .netns, .hostname, .command[0], .networks[0].network,
		.networks[0].ifname, .networks[0].addresses, .networks[0].portMappings, .networks[0].config]') == \
		'["web","running",'"$a"',false,"/run/netns/web","box","sh","fairlead","eth0",["10.87.0.2/16","fd4e:6574:6e73::2/64"],[{"hostPort":8080,"containerPort":80,"protocol":"tcp","hostIP":"192.0.2.1"}],null]' ]]
	run -0 nr inspect web
	[[ $(jq -r '.networks[0].config.plugins[].type' <<<"$output") == $'bridge\nportmap\nfirewall\ntuning' ]]
	[[ $(jq -r '.networks[0].result.ips[0].address' <<<"$output") == 10.87.0.2/16 ]]
	[[ $(jq -r '.containerId' <<<"$output") == netns-run-web-* ]]
	kill "$a"
	finish "$a"
}

@test "ls passes over what somebody else put there, and says what it cannot read" {
	nr --keep --network none --name k -- true
	host sh -c 'mkdir /run/netns-run/empty /run/netns-run/.hidden; touch /run/netns-run/a-file
		mkdir /run/netns-run/broken; echo "{" >/run/netns-run/broken/state.json'
	run -0 --separate-stderr nr ls
	[[ $(awk 'NR > 1 {print $1, $2}' <<<"$output" | sort) == $'a-file stale\nbroken stale\nempty stale\nk kept' ]]
	[[ $stderr == *"state of 'broken': "* ]]
	host rm /run/netns-run/a-file
	run -125 nr rm broken
	nr rm --force broken
	nr rm empty k
	[[ $(host ls /run/netns-run) == '' ]]
}

@test "-v says which plugin does what, and how long it takes" {
	run -0 --separate-stderr nr -v --name web -- true
	[[ $stderr =~ "netns-run: bridge ADD eth0 'fairlead': ok in "[0-9.]+" ms" ]]
	[[ $stderr == *"netns-run: eth0 on network 'fairlead': 10.87.0.2,fd4e:6574:6e73::2"* ]]
	[[ $stderr =~ "netns-run: bridge DEL eth0 'fairlead': ok in "[0-9.]+" ms" ]]
	run -0 --separate-stderr nr -- true
	[[ -z $stderr ]]
}

@test "what a plugin says on standard error is shown" {
	local dir=$BATS_TEST_TMPDIR/bin
	mkdir "$dir"
	printf '#!/bin/sh\nprintf "one\\ntwo\\n" >&2\n[ $CNI_COMMAND != ADD ] || echo "{}"\n' >"$dir/chatty"
	chmod +x "$dir/chatty"
	network c '{"cniVersion": "1.0.0", "name": "c", "plugins": [{"type": "chatty"}]}'
	run -0 --separate-stderr nr --cni-path "$dir" --network c -- echo out
	[[ $output == out ]]
	[[ $stderr == $'netns-run: warning: plugin chatty: one\nnetns-run: warning: plugin chatty: two\n'* ]]
}

# --- completion ---

# completes WORD...: what is offered for the last word, one a line.
completes() {
	bash -c '
		source "$1/contrib/completion/netns-run.bash"
		shift
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_netns_run 2>/dev/null
		printf "%s\n" "${COMPREPLY[@]}"' bash "$ROOT" "$@"
}

@test "completion offers commands, options, and the command's words" {
	local words
	words=$(completes netns-run '')
	[[ $words == *ls* && $words == *exec* && $words == *--network* ]]
	[[ $(completes netns-run --net) == --network ]]
	[[ $(completes netns-run ls --) == $'--json\n--help' ]]
	[[ $(completes netns-run --network no) == *none* ]]
	[[ $(completes netns-run -- unsha) == *unshare* ]]
	[[ $(completes netns-run --keep -- unsha) == *unshare* ]]
}
