#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Programs that send datagrams, as everybody has them, on our stack in the mode full, against peers
# on the kernel's

# shellcheck disable=SC2016,SC2030,SC2031 # inner shells; every test is a shell of its own
# shellcheck disable=SC2154 # set by netns_run.bash
bats_require_minimum_version 1.5.0
load lib/attach

setup_file() {
	export DATAGRAMS=$BATS_FILE_TMPDIR/datagrams
	"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O1 -o "$DATAGRAMS" "$BATS_TEST_DIRNAME/lib/datagrams.c"
}

setup() {
	attach_setup
	DIR=$BATS_TEST_TMPDIR
	started peer k -- sleep infinity
	K4=$(address_of k)
	K6=$(address_of k -6)
	# Errors are answered however many there are, and everybody may ping.
	in_container k sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 \
		"net.ipv4.ping_group_range=0 2147483647"
}

teardown() { host_gone; }

# ours COMMAND...: it runs on our stack, and what it prints is in "output".
ours() {
	CMD_TIMEOUT=60 run -0 --separate-stderr nr --stack=user --mode=full -- "$@"
}

# kernel COMMAND...: the same on the kernel's.
kernel() {
	CMD_TIMEOUT=60 run -0 --separate-stderr in_container k "$@"
}

# kernel_starts COMMAND...: in the background; what it prints is in $OUT, and in $ERR.
kernel_starts() {
	OUT=$DIR/kernel.$RANDOM
	ERR=$OUT.err
	nsenter --net --mount --target "$HOST" -- nsenter --net=/run/netns/k -- \
		setpriv --pdeathsig KILL "$@" >"$OUT" 2>"$ERR" 3>&- &
	HELD+=("$!")
}

# ours_starts COMMAND...: the same on our stack in the namespace "us".  Sets U4 and U6.
ours_starts() {
	started us us --stack=user --mode=full -- "$@"
	U4=$(address_of us)
	U6=$(address_of us -6)
}

# says FILE TEXT: it is in there.
says() {
	grep -q -- "$2" "$1"
}

# heard TEXT: $OUT has it.
heard() {
	wait_for 20 says "$OUT" "$1" || fail "not heard: $1: $(<"$OUT") $(<"$ERR")"
}

# --- names ---

# A server of a zone: a name with both addresses, and one whose answer is too long for a datagram.
DNS=(dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --log-facility=-
	--pid-file --user=root --cache-size=0 --local=/test/
	"--host-record=www.test,203.0.113.7,2001:db8::7")
for n in {1..60}; do
	DNS+=("--txt-record=long.test,text number $n of many, to be too long for one datagram")
done

# dns_answers WHO ADDRESS: "ours" or "kernel" asks it.
dns_answers() {
	local who=$1 at=$2
	"$who" dig +short +tries=2 "@$at" www.test A
	[[ $output == 203.0.113.7 ]] || fail "$output $stderr"
	"$who" dig +short +tries=2 "@$at" www.test AAAA
	[[ $output == 2001:db8::7 ]] || fail "$output $stderr"
	# Cut short: again by TCP.  And in pieces.
	"$who" dig +short +bufsize=512 "@$at" long.test TXT
	((${#lines[@]} == 60)) || fail "$output $stderr"
	"$who" dig +short +bufsize=16384 +ignore "@$at" long.test TXT
	"$who" dig +noall +comments "@$at" none.test A
	[[ $output == *NXDOMAIN* ]] || fail "$output $stderr"
}

@test "dig on our stack asks a server on the kernel's" {
	kernel_starts "${DNS[@]}" --port=53
	wait_for 20 in_container k nc -z "$K4" 53
	dns_answers ours "$K4"
	dns_answers ours "$K6"
}

@test "dnsmasq on our stack, and dig on the kernel's" {
	ours_starts "${DNS[@]}" --port=53
	wait_for 20 in_container k nc -z "$U4" 53 || fail "$(<"$ERR")"
	dns_answers kernel "$U4"
	dns_answers kernel "$U6"
}

@test "the resolvers of glibc, Python and node; a server that is not there is passed over" {
	kernel_starts "${DNS[@]}" --port=53
	wait_for 20 in_container k nc -z "$K4" 53
	# At the first address nobody listens: its refusal sends them to the next one.
	host sh -c 'printf "nameserver 10.87.0.1\nnameserver %s\n" "$1" >/etc/resolv.conf' sh "$K4"
	ours getent ahosts www.test
	[[ $output == *203.0.113.7* && $output == *2001:db8::7* ]] || fail "$output $stderr"
	ours python3 -c 'import socket; print(socket.gethostbyname("www.test"))'
	[[ $output == 203.0.113.7 ]] || fail "$output $stderr"
	ours node -e 'require("dns").resolve4("www.test", (e, a) => console.log(e || a[0]))'
	[[ $output == 203.0.113.7 ]] || fail "$output $stderr"
}

# --- ICMP ---

@test "ping both ways: IPv4, IPv6, in pieces, nobody there" {
	local at
	ours_starts sleep infinity
	for at in "$K4" "$K6"; do
		ours ping -n -c 5 -i 0.01 "$at"
		[[ $output == *" 5 received"* && -z $stderr ]] || fail "$output $stderr"
		ours ping -n -c 2 -i 0.01 -s 20000 "$at"
		[[ $output == *" 2 received"* ]] || fail "$output $stderr"
		CMD_TIMEOUT=30 run -0 nr exec us -- ping -n -c 1 "$at"
	done
	for at in "$U4" "$U6"; do
		kernel ping -n -c 5 -i 0.01 -s 3000 "$at"
		[[ $output == *" 5 received"* ]] || fail "$output $stderr"
	done
	CMD_TIMEOUT=30 run -1 nr --stack=user --mode=full -- ping -n -c 1 -W 5 198.51.100.1
	[[ $output == *"From 10.87.0.1"*Unreachable* ]] || fail "$output"
	CMD_TIMEOUT=30 run -1 nr --stack=user --mode=full -- ping -n -c 1 -W 5 2001:db8:100::1
	[[ $output == *"From fd4e:"*nreachable* ]] || fail "$output"
}

@test "ping asks net.ipv4.ping_group_range" {
	local as='setpriv --reuid 1000 --regid 1000'
	ours sh -c "$as --clear-groups ping -n -c 1 $K4"
	ours sh -c "sysctl -qw 'net.ipv4.ping_group_range=1001 1002'
		! $as --clear-groups ping -n -c 1 $K4 && $as --groups 5,1002 ping -n -c 1 $K4 &&
		setpriv --reuid 1000 --regid 1001 --clear-groups ping -n -c 1 $K6"
	[[ $output == *" 1 received"*" 1 received"* ]] || fail "$output $stderr"
}

@test "traceroute sees who answers, and why not" {
	ours traceroute -n -q 1 -w 5 -m 3 "$K4"
	[[ ${lines[1]} == *"$K4 "*ms* ]] || fail "$output $stderr"
	ours traceroute -6 -n -q 1 -w 5 -m 3 "$K6"
	[[ ${lines[1]} == *"$K6 "*ms* ]] || fail "$output $stderr"
	# Behind a router, which says that time is over.
	ours traceroute -n -q 1 -w 5 -m 3 192.0.2.2
	[[ ${lines[1]} == *"10.87.0.1 "*ms* && ${lines[2]} == *"192.0.2.2 "*ms* ]] ||
		fail "$output $stderr"
	ours traceroute -n -q 1 -w 5 -m 3 198.51.100.1
	[[ ${lines[1]} == *"10.87.0.1 "*'!'* ]] || fail "$output $stderr"
}

# --- streams of datagrams ---

# iperf3_says: what a client printed is no error, and much was received.
iperf3_says() {
	[[ $(jq .error <<<"$output") == null ]] || fail "$output"
	(($(jq '.end.sum.bytes' <<<"$output") > 1000000)) || fail "$output"
	(($(jq '.end.sum.packets - .end.sum.lost_packets' <<<"$output") > 100)) || fail "$output"
}

# iperf3_ready FILE N: the server has said for the Nth time that it listens.
iperf3_ready() {
	(($(grep -c "Server listening" "$1") >= $2))
}

@test "iperf3 with UDP, either on our stack, both directions" {
	local more n=1
	ours_starts iperf3 -s --forceflush
	for more in "" -R -6 "-6 -R"; do
		wait_for 20 iperf3_ready "$OUT" $((n++))
		# shellcheck disable=SC2086 # words
		kernel iperf3 -u -b 50M -t 1 --connect-timeout 5000 -J \
			-c "$([[ $more == *-6* ]] && echo "$U6" || echo "$U4")" $more
		iperf3_says
	done
	n=1
	kernel_starts iperf3 -s --forceflush
	for more in "" -R; do
		wait_for 20 iperf3_ready "$OUT" $((n++))
		# shellcheck disable=SC2086 # a word
		ours iperf3 -u -b 50M -t 1 --connect-timeout 5000 -J -c "$K4" $more
		iperf3_says
	done
}

@test "as QUIC does: segments, many in a call, the address in control data" {
	local at
	kernel_starts "$DATAGRAMS" serve 4433
	heard ready
	for at in "$K4" "$K6"; do
		ours "$DATAGRAMS" send "$at" 4433 3000000
		[[ $output == "3000000 same" ]] || fail "$output $stderr"
	done
	ours_starts "$DATAGRAMS" serve 4433
	heard ready
	for at in "$U4" "$U6"; do
		kernel "$DATAGRAMS" send "$at" 4433 3000000
		[[ $output == "3000000 same" ]] || fail "$output $stderr"
	done
	# Two programs of ours, by our own address and by loopback.
	for at in "$U4" "$U6" 127.0.0.1 ::1; do
		CMD_TIMEOUT=60 run -0 nr exec us -- "$DATAGRAMS" send "$at" 4433 1000000
		[[ $output == "1000000 same" ]] || fail "$output"
	done
}

# --- messages ---

ECHO_SERVER='
import asyncio, sys
class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport): self.transport = transport
    def datagram_received(self, data, addr): self.transport.sendto(data, addr)
async def main():
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Echo, local_addr=("::", 9000))
    print("ready", flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())'
# Twenty at once, each of which asks again when its answer is not there in time.
ECHO_CLIENT='
import asyncio, os, sys
class Ask(asyncio.DatagramProtocol):
    def connection_made(self, transport): self.got = asyncio.get_running_loop().create_future()
    def datagram_received(self, data, addr): self.got.done() or self.got.set_result(data)
async def one(n):
    data = os.urandom(100 + n * 300)
    transport, ask = await asyncio.get_running_loop().create_datagram_endpoint(
        Ask, remote_addr=(sys.argv[1], 9000))
    for _ in range(20):
        transport.sendto(data)
        done, _ = await asyncio.wait([ask.got], timeout=0.5)
        if done: break
    return ask.got.done() and ask.got.result() == data
async def main():
    print(sum(await asyncio.gather(*[one(n) for n in range(20)])))
asyncio.run(main())'

@test "Python DatagramProtocol at both ends" {
	local at
	kernel_starts python3 -c "$ECHO_SERVER"
	heard ready
	for at in "$K4" "$K6"; do
		ours python3 -c "$ECHO_CLIENT" "$at"
		[[ $output == 20 ]] || fail "$output $stderr"
	done
	ours_starts python3 -c "$ECHO_SERVER"
	heard ready
	for at in "$U4" "$U6"; do
		kernel python3 -c "$ECHO_CLIENT" "$at"
		[[ $output == 20 ]] || fail "$output $stderr"
	done
}

@test "socat and nc at both ends" {
	local at
	kernel_starts socat -d -d UDP6-RECVFROM:7000,fork,ipv6only=0 EXEC:"tr a-z A-Z"
	heard_by_socat "$ERR"
	ours sh -c 'echo hello | socat -t 5 - "UDP:$1:7000"' sh "$K4"
	[[ $output == HELLO ]] || fail "$output $stderr"
	ours_starts socat -d -d UDP6-RECVFROM:7000,fork,ipv6only=0 EXEC:"tr a-z A-Z"
	heard_by_socat "$ERR"
	for at in "$U4" "[$U6]"; do
		kernel sh -c 'echo hello | socat -t 5 - "UDP:$1:7000"' sh "$at"
		[[ $output == HELLO ]] || fail "$output $stderr"
	done
	kernel sh -c 'echo again | nc -u -W 1 "$1" 7000' sh "$U4"
	[[ $output == AGAIN ]] || fail "$output $stderr"
}

# heard_by_socat FILE: it waits for a datagram.
heard_by_socat() {
	wait_for 20 says "$1" "receiving on" || fail "$(<"$1")"
}

SYSLOG='
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 514))
print("ready", flush=True)
while True:
    data, who = s.recvfrom(2000)
    print(who[0], data.decode(), flush=True)'

@test "logger sends to a syslog server" {
	kernel_starts python3 -c "$SYSLOG"
	heard ready
	ours logger -n "$K4" -d -P 514 -t prog "from ours by four"
	heard "::ffff:10.87.0.*from ours by four"
	ours logger -n "$K6" -d -P 514 --rfc5424 "from ours by six"
	heard "fd4e:.*from ours by six"
	ours_starts python3 -c "$SYSLOG"
	heard ready
	kernel logger -n "$U4" -d -P 514 "from the kernel's"
	heard "::ffff:$K4.*from the kernel's"
}

# Time by NTP: the server answers with the time of the kernel's stamp, the client takes its own
# from there, too.
NTP_SERVER='
import socket, struct
E = 2208988800
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
s.setsockopt(socket.IPPROTO_IP, 8, 1)   # IP_PKTINFO
s.bind(("", 123))
print("ready", flush=True)
while True:
    data, cmsg, _, who = s.recvmsg(200, 200)
    d = {(l, t): v for l, t, v in cmsg}
    sec, ns = struct.unpack("qq", d[1, 35])
    t = struct.pack("!II", sec + E, ns * 2**32 // 10**9)
    s.sendmsg([b"\x24\x01\x00\xec" + bytes(20) + data[40:48] + t + t],
              [(0, 8, d[0, 8])], 0, who)'
NTP_CLIENT='
import socket, struct, sys, time
E = 2208988800
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 35, 1)
s.settimeout(10)
s.connect((sys.argv[1], 123))
now = time.time()
s.send(b"\x23" + bytes(39) + struct.pack("!II", int(now) + E, int(now % 1 * 2**32)))
data, cmsg, flags, who = s.recvmsg(200, 200)
sec, ns = struct.unpack("qq", cmsg[0][2])
def t(at):
    a, b = struct.unpack("!II", data[at:at + 8])
    return a - E + b / 2**32
assert abs(t(24) - now) < 1e-5, "our own time"
assert now - 1e-3 <= t(32) <= sec + ns / 1e9 + 1e-3 <= time.time() + 2e-3, "in order"
print("synchronized")'

@test "time, with the stamps of datagrams" {
	kernel_starts python3 -c "$NTP_SERVER"
	heard ready
	ours python3 -c "$NTP_CLIENT" "$K4"
	[[ $output == synchronized ]]
	ours_starts python3 -c "$NTP_SERVER"
	heard ready
	kernel python3 -c "$NTP_CLIENT" "$U4"
	[[ $output == synchronized ]]
}
