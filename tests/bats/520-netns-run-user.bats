#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2154 # dollars are of inner shells; bats sets stderr
# shellcheck disable=SC2030,SC2031 # each test is a subshell
#
# netns-run --stack=user: unmodified programs on the stack of a netstackd.

bats_require_minimum_version 1.5.0
load lib/netns_run

setup() {
	netns_run_setup
	mkdir "$BATS_TEST_TMPDIR/www"
	head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/www/big"
	echo "a page" >"$BATS_TEST_TMPDIR/www/page"
}

teardown() {
	local pid
	for pid in $(daemons); do
		kill -KILL "$pid" 2>/dev/null || true
	done
	host_gone
}

# daemons: pids of the netstackds of this test's host.
daemons() {
	host python3 -c '
import glob, json, socket
for path in glob.glob("/run/fairlead/netstack/*.sock"):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path)
        s.sendall(b"{\"do\":\"status\"}\n")
        print(json.loads(s.makefile().readline())["pid"])
    except ConnectionError:
        pass'
}

# no_daemon: none serves any more, and no uplink is there.
no_daemon() {
	[[ -z $(daemons) && $(host ip -br link) != *$'\nfl'[0-9a-f]* ]]
}

# clean: nothing is left, now or in 10 seconds.
clean() {
	wait_for 10 no_daemon || fail "left: $(daemons) $(host ip -br link)"
	nothing_left
}

# serve VAR NAME ARGUMENT...: a web server of busybox in a session; ready when it answers.
serve() {
	local var=$1 name=$2
	shift 2
	started "$var" "$name" "$@" -- busybox httpd -f -p 80 -h "$BATS_TEST_TMPDIR/www"
	wait_for 10 answers "$name"
}

answers() {
	[[ $(host timeout 5 curl -sS --max-time 4 "http://$(address_of "$1")/page") == "a page" ]]
}

# address_of NAME: of a session, IPv4.
address_of() {
	nr ls --json | jq -r --arg name "$1" \
		'.[] | select(.name == $name) | .networks[0].addresses[0] | sub("/.*"; "")'
}

get() {
	timeout 20 curl -sS --fail --max-time 15 "$@"
}

sum() {
	sha256sum <"$BATS_TEST_TMPDIR/www/big"
}

@test "a client: curl fetches from the host outside, over IPv4 and IPv6, through NAT" {
	at out busybox httpd -f -p 80 -h "$BATS_TEST_TMPDIR/www" 3>&- &
	HELD+=("$!")
	wait_for 10 at out curl -sS -o /dev/null http://127.0.0.1/page
	run -0 nr --stack=user -- curl -sS --max-time 15 http://192.0.2.2/page
	[[ $output == "a page" ]]
	run -0 nr --stack=user -- curl -gsS --max-time 15 'http://[2001:db8::2]/page'
	[[ $output == "a page" ]]
	# Nobody waits for the stack to ask whether its address is taken.
	run -0 nr --stack=user --mode=full -- curl -gsS --max-time 15 'http://[2001:db8::2]/page'
	[[ $output == "a page" ]]
	[[ $(nr --stack=user -- curl -sS --max-time 15 http://192.0.2.2/big | sha256sum) == "$(sum)" ]]
	clean
}

@test "a server: from the host, from a published port, from both kinds of namespaces" {
	local web address
	serve web web --stack=user -p 8080:80
	address=$(address_of web)
	[[ $(host timeout 20 curl -sS --max-time 15 "http://$address/big" | sha256sum) == "$(sum)" ]]
	[[ $(at out timeout 20 curl -sS --max-time 15 http://192.0.2.1:8080/big | sha256sum) == "$(sum)" ]]
	[[ $(nr -- curl -sS --max-time 15 "http://$address/big" | sha256sum) == "$(sum)" ]]
	[[ $(nr --stack=user -- curl -sS --max-time 15 "http://$address/big" | sha256sum) == "$(sum)" ]]
	# Its own address, from within.
	[[ $(nr exec web -- curl -sS --max-time 15 "http://$address/page") == "a page" ]]
	[[ $(nr exec web -- curl -sS --max-time 15 http://127.0.0.1/page) == "a page" ]]
	kill "$web"
	finish "$web"
	clean
}

@test "the interface has the addresses, the state says whose stack it is" {
	run -0 nr --stack=user -- ip -br addr
	[[ $output == *'eth0 '*' 10.87.0.2/16 fd4e:6574:6e73::2/64 '* ]]
	local a
	started a t --stack=user --mode=full -- sleep 60
	[[ $(nr ls --json | jq -r '.[0] | "\(.stack) \(.mode)"') == "user full" ]]
	[[ $(nr inspect t | jq -r '"\(.stack) \(.mode)"') == "user full" ]]
	[[ $(state t '"\(.stack) \(.mode)"') == "user full" ]]
	[[ $(nr ls | awk 'NR == 2 {print $4}') == user ]]
	kill "$a"
	finish "$a"
	clean
}

@test "status, signals and output are the command's own" {
	run -7 nr --stack=user -- sh -c 'exit 7'
	run -137 nr --stack=user -- sh -c 'kill -KILL $$'
	run -127 nr --stack=user -- no-such-program
	run -0 nr --stack=user -- sh -c 'cat; echo "$1"' sh arg <<<in
	[[ $output == $'in\narg' ]]
	# No child that the command did not start.
	run -0 nr --stack=user -- sh -c 'exec cat /proc/self/task/$$/children'
	[[ -z $output ]]
	clean
}

@test "ended by a signal, or all of it killed: no netstackd, no interface stays" {
	local a guard pid
	started a t --stack=user -- sleep 60
	pid=$(daemons)
	[[ $pid ]]
	kill "$a"
	finish "$a"
	clean

	started a t --stack=user -- sleep 60
	kill -KILL "$a"
	finish "$a"
	wait_for 10 is_gone t
	clean

	started a t --stack=user -- sleep 60
	guard=$(state t .guardPid)
	kill -KILL "$guard" "$a"
	finish "$a"
	wait_for 10 is_status t stale
	nr rm t
	clean
}

@test "netstackd killed: the command sees errors, and the namespace can be removed" {
	local web
	serve web web --stack=user
	kill -KILL "$(daemons)"
	wait_for 10 no_daemon
	run ! nr exec web -- true
	[[ $output == *'cannot put the command on the user stack'* ]]
	kill "$web"
	finish "$web"
	clean
}

@test "a daemon whose namespace is removed ends by itself" {
	host ip netns add gone
	host env CNI_COMMAND=ADD CNI_CONTAINERID=gone CNI_NETNS=/run/netns/gone CNI_IFNAME=eth0 \
		CNI_PATH="$CNI_BIN" "$CNI_BIN/netstack" >/dev/null \
		<<<'{"cniVersion":"1.1.0","name":"l2","type":"netstack","bridge":"br9"}'
	[[ $(daemons) ]]
	host ip netns del gone
	wait_for 10 no_daemon
}

# cni_net VERB NAME: the plugin alone, as a runtime reloads the network of session NAME.
cni_net() {
	host env CNI_COMMAND="$1" CNI_CONTAINERID="$(state "$2" .containerId)" \
		CNI_NETNS="/run/netns/$2" CNI_IFNAME=eth0 CNI_PATH="$CNI_BIN" "$CNI_BIN/netstack" <<<"$NET"
}

@test "network reload: DEL and ADD under a running program keep its connections" {
	local web pid line
	NET='{"cniVersion":"1.1.0","name":"n1","type":"netstack","bridge":"br9","isGateway":true,
		"ipam":{"type":"host-local","ranges":[[{"subnet":"10.9.0.0/24","rangeStart":"10.9.0.9","rangeEnd":"10.9.0.9"}]]}}'
	host tee /run/n1.conf >/dev/null <<<"$NET"
	started web web --network /run/n1.conf -- busybox nc -l -p 99 -e cat
	[[ $(nr ls --json | jq -r '.[0].stack') == user ]]
	pid=$(daemons)
	coproc HOSTNC { exec nsenter --net --mount --target "$HOST" -- busybox nc 10.9.0.9 99; }
	HELD+=("$HOSTNC_PID")
	echo one >&"${HOSTNC[1]}"
	read -r -t 10 line <&"${HOSTNC[0]}"
	[[ $line == one ]]
	cni_net DEL web
	[[ $(daemons) == "$pid" ]]
	[[ -z $(host find /var/lib/cni/networks/n1 -name '10.*') ]]
	[[ $(host ip -j -d link show type tun | jq -r '.[] | .master // "none"') == none ]]
	cni_net ADD web >/dev/null
	[[ $(daemons) == "$pid" ]]
	echo two >&"${HOSTNC[1]}"
	read -r -t 20 line <&"${HOSTNC[0]}"
	[[ $line == two ]]
	kill "$web"
	finish "$web"
	clean
}

@test "a network whose first plugin is netstack has the user stack, one of another has not" {
	network l2 '{"cniVersion": "1.0.0", "name": "l2", "plugins": [{"type": "bridge", "bridge": "br9"}]}'
	network us '{"cniVersion": "1.0.0", "name": "us", "plugins": [{"type": "netstack", "bridge": "br9", "mode": "full"}]}'
	local a
	started a t --network us -- sleep 60
	[[ $(nr ls --json | jq -r '.[0] | "\(.stack) \(.mode)"') == "user full" ]]
	kill "$a"
	finish "$a"
	run -125 nr --stack=user --network l2 -- true
	[[ $output == "netns-run: option '--stack=user' needs a network whose first plugin is 'netstack', not 'bridge' as that of network 'l2'" ]]
	run -125 nr --stack=kernel --network us -- true
	[[ $output == "netns-run: option '--stack=kernel': the plugin 'netstack' of network 'us' makes a user stack" ]]
	run -125 nr --network us --network l2 -- true
	[[ $output == "netns-run: network 'us' with the plugin 'netstack' cannot be given with others" ]]
	clean
}

@test "macvtap: an address on a device of the host, without a bridge" {
	at out busybox httpd -f -p 80 -h "$BATS_TEST_TMPDIR/www" 3>&- &
	HELD+=("$!")
	wait_for 10 at out curl -sS -o /dev/null http://127.0.0.1/page
	[[ $(nr --stack=user --nic=macvtap:ext0 --ip 192.0.2.77/24 -- \
		curl -sS --max-time 15 http://192.0.2.2/big | sha256sum) == "$(sum)" ]]
	run ! host ip link show fairlead0
	clean
}

# wrong MESSAGE ARGUMENT...: wrong usage, exit status 2.
wrong() {
	local msg=$1
	shift
	run -2 nr "$@"
	[[ $output == "netns-run: $msg (see 'netns-run --help')" ]] || fail "$*: $output"
}

@test "wrong usage: one line that names the option and the value" {
	wrong "option '--stack': 'mine' is neither 'kernel' nor 'user'" --stack=mine -- true
	wrong "option '--mode': 'half' is neither 'hybrid' nor 'full'" --stack=user --mode=half -- true
	wrong "option '--mode' needs '--stack=user'" --mode=full -- true
	wrong "option '--nic' needs '--stack=user'" --stack=kernel --nic=bridge -- true
	wrong "option '--nic': 'veth' is neither 'bridge' nor 'macvtap:DEVICE'" --stack=user --nic=veth -- true
	wrong "option '--nic=macvtap:ext0' needs an address: '--ip=ADDRESS/LENGTH'" \
		--stack=user --nic=macvtap:ext0 -- true
	wrong "option '--ip': '10.0.0.1' needs a length ('/24') with '--nic=macvtap:ext0'" \
		--stack=user --nic=macvtap:ext0 --ip 10.0.0.1 -- true
	wrong "option '--publish' needs '--nic=bridge', not 'macvtap:ext0'" \
		--stack=user --nic=macvtap:ext0 --ip 10.0.0.1/24 -p 80:80 -- true
	wrong "option '--stack=user' needs a network, not 'none'" --stack=user --network none -- true
	wrong "option '--mode' is for the built-in network; with '--network' its configuration says it" \
		--stack=user --mode=full --network us -- true
	run -125 nr --stack=user --nic=macvtap:nodev --ip 10.0.0.1/24 -- true
	[[ $output == *"device 'nodev' of the macvtap: Link not found"* ]]
	clean
}
