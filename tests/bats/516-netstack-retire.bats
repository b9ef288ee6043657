#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The plugin "netstack" under running programs: DEL takes their network away, ADD within the grace
# time brings it back ("podman network reload").
# shellcheck disable=SC2016,SC2154 # dollars are of jq; cni sets output

bats_require_minimum_version 1.5.0
load lib/common
load lib/netstack

# One address, for the same one to come back.
CONF='{"cniVersion":"1.1.0","name":"net1","type":"netstack","bridge":"br0","isGateway":true,
	"ipam":{"type":"host-local","ranges":[[{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.9","rangeEnd":"10.1.0.9"}]]}}'
OTHER=${CONF//10.1.0.9/10.1.0.10}
NETNS_RUN=${FAIRLEAD_BUILD:-build/release}/bin/netns-run
[[ $NETNS_RUN == /* ]] || NETNS_RUN=$PWD/$NETNS_RUN
SIZE=8000000

# Sends SIZE bytes to who connects, and says what became of that and of what it reads then.
SERVER='
import errno, hashlib, socket, sys
def tell(*words): print(*words, flush=True)
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(("0.0.0.0", 9000))
l.listen()
data = hashlib.shake_128(b"fairlead").digest(int(sys.argv[1]))
tell("listens")
c, _ = l.accept()
try:
    c.sendall(data)
    tell("sent")
    tell("read", c.recv(100).decode())
except OSError as e:
    tell(errno.errorcode[e.errno])
'

# Reads as many, and waits in the middle for a line; then answers "thanks".
CLIENT='
import errno, hashlib, socket, sys
def tell(*words): print(*words, flush=True)
c = socket.create_connection(("10.1.0.9", 9000), 10)
c.settimeout(60)
size, got = int(sys.argv[1]), b""
try:
    while len(got) < size:
        more = c.recv(min(65536, size - len(got)))
        if not more:
            break
        if not got:
            tell("begins")
            sys.stdin.readline()
        got += more
    tell("same" if got == hashlib.shake_128(b"fairlead").digest(size) else "not the same")
    c.sendall(b"thanks")
except OSError as e:
    tell(errno.errorcode.get(e.errno, str(e)))
'

setup() {
	host_new
	container_new c1
	cni_ok ADD netstack <<<"$CONF"
	PID=$(pids)
	coproc SRV { exec nsenter --net --mount --target "$HOST" -- setpriv --pdeathsig KILL \
		env -u CNI_PATH "$NETNS_RUN" exec /run/netns/c1 -- python3 -c "$SERVER" "$SIZE" 2>&1 3>&-; }
	HELD+=("$SRV_PID")
	exec {FROM_SERVER}<&"${SRV[0]}"
	server_says listens
	CLIENT_IN=$BATS_TEST_TMPDIR/client-in
	mkfifo "$CLIENT_IN" "$CLIENT_IN.out"
	nsenter --net --mount --target "$HOST" -- setpriv --pdeathsig KILL \
		python3 -c "$CLIENT" "$SIZE" <>"$CLIENT_IN" >"$CLIENT_IN.out" 2>&1 3>&- &
	HELD+=("$!")
	exec {FROM_CLIENT}<"$CLIENT_IN.out"
	client_says begins
}

teardown() {
	daemons_gone
	host_gone
}

# says FD PATTERN: the next line.
says() {
	local line=nothing
	read -r -t 60 line <&"$1" || true
	# shellcheck disable=SC2053 # a pattern
	[[ $line == $2 ]] || fail "it says '$line', not '$2'"
}
server_says() { says "$FROM_SERVER" "$1"; }
client_says() { says "$FROM_CLIENT" "$1"; }

go_on() {
	echo >"$CLIENT_IN"
}

# no_tap: neither end of a netstackd's is there.
no_tap() {
	! host ip -o link | grep -q ': fl' && ! host ip -n c1 link show eth0 2>/dev/null
}

@test "the same address comes back: a transfer goes on where it was" {
	cni_ok DEL netstack <<<"$CONF"
	[[ $(pids) == "$PID" ]]
	[[ $(ask '{"do":"status"}' | jq .retired) == true ]]
	[[ -z $(host find /var/lib/cni/networks/net1 -name '10.*') ]]
	cni_ok DEL netstack <<<"$CONF"
	[[ $(pids) == "$PID" ]]
	cni_ok ADD netstack <<<"$CONF"
	[[ $(pids) == "$PID" ]]
	[[ $(ask '{"do":"status"}' | jq .retired) == false ]]
	cni_ok CHECK netstack <<<"$(conf "$CONF" '.prevResult = $p' --argjson p "$output")"
	go_on
	server_says sent
	client_says same
	server_says 'read thanks'
	wait_for 10 no_programs
	cni_ok DEL netstack <<<"$CONF"
	wait_for 10 dead "$PID"
	no_tap
}

no_programs() { [[ $(ask '{"do":"status"}' | jq .listeners) == 0 ]]; }

@test "another address: both ends see a reset" {
	cni_ok DEL netstack <<<"$CONF"
	cni_ok ADD netstack <<<"$OTHER"
	[[ $(json '.ips[0].address') == 10.1.0.10/24 ]]
	[[ $(pids) == "$PID" ]]
	[[ $(host ip -n c1 -4 -o addr show dev eth0 | grep -c inet) == 1 ]]
	server_says 'E*'
	go_on
	client_says 'ECONNRESET'
	cni_ok CHECK netstack <<<"$(conf "$OTHER" '.prevResult = $p' --argjson p "$output")"
	cni_ok DEL netstack <<<"$OTHER"
}

@test "nobody brings it back: netstackd ends with the grace time, and the program sees it" {
	cni_ok DEL netstack <<<"$CONF"
	[[ $(pids) == "$PID" ]]
	ask '{"do":"retire","grace_ms":100}'
	wait_for 10 dead "$PID"
	wait_for 10 no_tap
	server_says 'E*'
	cni_ok DEL netstack <<<"$CONF"
	[[ -z $(host sh -c 'ls /run/fairlead/netstack/*.sock 2>/dev/null') ]]
	cni_ok ADD netstack <<<"$CONF"
	[[ $(pids) != "$PID" ]]
}

@test "DEL when the namespace has no path any more: netstackd ends at once, and the program sees it" {
	container_gone c1
	cni_ok DEL netstack <<<"$CONF"
	wait_for 10 dead "$PID"
	server_says 'E*'
	! host ip -o link | grep -q ': fl' || fail "the uplink is there"
	[[ -z $(host find /var/lib/cni/networks/net1 -name '10.*') ]]
	cni_ok DEL netstack <<<"$CONF"
}

@test "retired: GC leaves it its time, another attachment is refused" {
	cni_ok DEL netstack <<<"$CONF"
	cni_ok GC netstack CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= \
		<<<"$(conf "$CONF" '."cni.dev/valid-attachments" = []')"
	[[ $(pids) == "$PID" ]]
	cni_fails 999 "namespace '/run/netns/c1' is served already, by netstackd process $PID for another attachment" \
		ADD netstack CNI_CONTAINERID=cid9 <<<"$CONF"
	cni_ok ADD netstack <<<"$CONF"
	[[ $(pids) == "$PID" ]]
	go_on
	client_says same
}
