#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Programs as everybody has them, on our stack, against peers on the kernel's: what was
# transferred is what it was.  Each test is a function, called once for each kind of link.

# shellcheck disable=SC2016,SC2030,SC2031 # inner shells; every test is a shell of its own
# shellcheck disable=SC2154 # set by netns_run.bash
bats_require_minimum_version 1.5.0
load lib/attach

BIG=20000000

setup_file() {
	export GOCACHE=$BATS_FILE_TMPDIR/gocache GOPATH=$BATS_FILE_TMPDIR/go
	export CGO_ENABLED=0 GO111MODULE=off
	go build -o "$BATS_FILE_TMPDIR/http" "$BATS_TEST_DIRNAME/lib/http.go"
}

setup() {
	attach_setup
	HTTP=$BATS_FILE_TMPDIR/http
	DIR=$BATS_TEST_TMPDIR
	mkdir "$DIR/www"
	head -c $BIG /dev/urandom >"$DIR/www/big"
	echo hello >"$DIR/www/index.html"
	# Servers that drop root read it, too.
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$DIR"
	HASH=$(sha256sum <"$DIR/www/big")
	HASH=${HASH%% *}
	# Who talks to ours.
	started peer k -- sleep infinity
}

teardown() { host_gone; }

# over LINK: where ours and the kernel's peer meet, "bridge" or "macvtap".  Sets K4 and K6.
#
#	k 10.87.0.x -- fairlead0 -- taps of ours
#	k mv1 198.18.0.1 -- mv0 of the host -- macvtaps of ours, 198.18.0.2 and so on
over() {
	LINK=$1
	if [[ $LINK == bridge ]]; then
		K4=$(address_of k)
		K6=$(address_of k -6)
		return
	fi
	K4=198.18.0.1 K6=2001:db8:18::1 N_OURS=1
	host ip link add mv0 up type veth peer name mv1 netns k
	in_container k ip addr add $K4/24 dev mv1
	in_container k ip addr add $K6/64 dev mv1 nodad
	in_container k ip link set mv1 up
}

# stack: sets STACK, the options of a namespace of ours on that link.
stack() {
	STACK=(--stack=user)
	[[ $LINK == macvtap ]] || return 0
	((++N_OURS))
	STACK+=(--nic=macvtap:mv0 --ip "198.18.0.$N_OURS/24" --ip "2001:db8:18::$N_OURS/64")
}

# ours COMMAND...: it runs on our stack, and what it prints is in "output".
ours() {
	stack
	CMD_TIMEOUT=120 run -0 --separate-stderr nr "${STACK[@]}" -- "$@"
}

# kernel COMMAND...: the same on the kernel's.
kernel() {
	CMD_TIMEOUT=120 run -0 --separate-stderr in_container k "$@"
}

# kernel_serves PORT COMMAND...: in the background, until it answers.
kernel_serves() {
	local port=$1
	shift
	nsenter --net --mount --target "$HOST" -- nsenter --net=/run/netns/k -- \
		setpriv --pdeathsig KILL "$@" >"$DIR/kernel.out" 2>"$DIR/kernel.err" 3>&- &
	HELD+=("$!")
	wait_for 20 in_container k nc -z "$K4" "$port" || fail "$1: $(<"$DIR/kernel.err")"
}

# ours_starts COMMAND...: on our stack in the namespace "us".  Sets U4 and U6.
ours_starts() {
	stack
	started us us "${STACK[@]}" "${PUBLISH[@]}" -- "$@"
	U4=$(address_of us)
	U6=$(address_of us -6)
}

# ours_serves PORT COMMAND...: as ours_starts, until the kernel's peer gets an answer.
ours_serves() {
	local port=$1
	shift
	ours_starts "$@"
	wait_for 20 in_container k nc -z "$U4" "$port" || fail "$1: $(<"$ERR")"
}

# hash_is COMMAND...: of standard output, on the kernel's stack.
hash_is() {
	CMD_TIMEOUT=120 run -0 --separate-stderr in_container k sh -c '"$@" | sha256sum' sh "$@"
	[[ ${output%% *} == "$HASH" ]] || fail "another hash: $*: $stderr"
}

# ours_hash_is COMMAND...: the same on ours.
ours_hash_is() {
	ours sh -c '"$@" | sha256sum' sh "$@"
	[[ ${output%% *} == "$HASH" ]] || fail "another hash: $*: $stderr"
}

# --- clients ---

test_curl() {
	over "$1"
	kernel_serves 8000 "$HTTP" serve ":8000" "$DIR/www"
	ours_hash_is curl -sS "http://$K4:8000/big"
	ours_hash_is curl -sS "http://[$K6]:8000/big"
	ours curl -sS --parallel -o "$DIR/got#1" "http://$K4:8000/big?[1-8]"
	for file in "$DIR"/got[1-8]; do
		[[ $(sha256sum <"$file") == "$HASH"* ]]
	done
	stack
	CMD_TIMEOUT=30 run nr "${STACK[@]}" -- curl -sS "http://$K4:8001/"
	((status == 7)) || fail "$status: $output"
	[[ $output == *refused* || $output == *connect* ]]
}

@test "curl: IPv4, IPv6, many at once, nobody there; over a bridge" { test_curl bridge; }
@test "curl: IPv4, IPv6, many at once, nobody there; over macvtap" { test_curl macvtap; }

test_wget() {
	over "$1"
	kernel_serves 8000 "$HTTP" serve ":8000" "$DIR/www"
	ours_hash_is wget -q -O - "http://$K4:8000/big"
	ours_hash_is wget -q -O - "http://[$K6]:8000/big"
	ours_hash_is busybox wget -q -O - "http://$K4:8000/big"
}

@test "wget and busybox wget; over a bridge" { test_wget bridge; }
@test "wget and busybox wget; over macvtap" { test_wget macvtap; }

test_go() {
	over "$1"
	file "$HTTP" | grep -q 'statically linked'
	kernel_serves 8000 "$HTTP" serve ":8000" "$DIR/www"
	ours "$HTTP" get "http://$K4:8000/big" 16
	[[ $output == "16 $HASH" ]]
	ours_serves 8000 "$HTTP" serve ":8000" "$DIR/www"
	kernel "$HTTP" get "http://$U4:8000/big" 16
	[[ $output == "16 $HASH" ]]
	kernel "$HTTP" get "http://[$U6]:8000/big" 4
	[[ $output == "4 $HASH" ]]
}

@test "a static Go program as client and as server; over a bridge" { test_go bridge; }
@test "a static Go program as client and as server; over macvtap" { test_go macvtap; }

# Fifty connections, each of which gets back what it sends.
ECHO_SERVER='
import asyncio
async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(echo, ["0.0.0.0", "::"], 9000)
    await server.serve_forever()
asyncio.run(main())'
ECHO_CLIENT='
import asyncio, hashlib, os, sys
async def one():
    data = os.urandom(200000)
    reader, writer = await asyncio.open_connection(sys.argv[1], 9000)
    async def send():
        writer.write(data)
        await writer.drain()
        writer.write_eof()
    got, _ = await asyncio.gather(reader.read(-1), send())
    writer.close()
    return hashlib.sha256(got).digest() == hashlib.sha256(data).digest()
async def main():
    print(sum(await asyncio.gather(*[one() for _ in range(50)])))
asyncio.run(main())'

test_asyncio() {
	over "$1"
	kernel_serves 9000 python3 -c "$ECHO_SERVER"
	ours python3 -c "$ECHO_CLIENT" "$K4"
	[[ $output == 50 ]] || fail "$output $stderr"
	ours_serves 9000 python3 -c "$ECHO_SERVER"
	for address in "$U4" "$U6"; do
		kernel python3 -c "$ECHO_CLIENT" "$address"
		[[ $output == 50 ]] || fail "$output $stderr"
	done
}

@test "Python asyncio at both ends; over a bridge" { test_asyncio bridge; }
@test "Python asyncio at both ends; over macvtap" { test_asyncio macvtap; }

NODE_SERVER='
const http = require("http"), fs = require("fs");
http.createServer((q, a) => fs.createReadStream(process.argv[1] + q.url).pipe(a)).listen(9001);'
NODE_CLIENT='
const http = require("http"), crypto = require("crypto");
const one = () => new Promise((done, failed) => http.get(process.argv[1], (a) => {
	const hash = crypto.createHash("sha256");
	a.on("data", (d) => hash.update(d));
	a.on("end", () => done(hash.digest("hex")));
}).on("error", failed));
Promise.all(Array.from({ length: 8 }, one)).then((all) => console.log(new Set(all).size, all[0]));'

test_node() {
	over "$1"
	kernel_serves 9001 node -e "$NODE_SERVER" "$DIR/www"
	ours node -e "$NODE_CLIENT" "http://$K4:9001/big"
	[[ $output == "1 $HASH" ]] || fail "$output $stderr"
	ours_serves 9001 node -e "$NODE_SERVER" "$DIR/www"
	kernel node -e "$NODE_CLIENT" "http://$U4:9001/big"
	[[ $output == "1 $HASH" ]] || fail "$output $stderr"
}

@test "node as client and as server; over a bridge" { test_node bridge; }
@test "node as client and as server; over macvtap" { test_node macvtap; }

# --- servers ---

# nginx_conf PORT MORE: several workers, sendfile.
nginx_conf() {
	cat <<-END
		daemon off;
		worker_processes 4;
		user www-data;
		pid $DIR/nginx.pid;
		error_log $DIR/nginx.err;
		events { worker_connections 512; }
		http {
			access_log off;
			client_body_temp_path $DIR;
			proxy_temp_path $DIR;
			fastcgi_temp_path $DIR;
			uwsgi_temp_path $DIR;
			scgi_temp_path $DIR;
			sendfile on;
			keepalive_requests 1000000;
			server {
				listen $1 ${2:-};
				listen [::]:$1 ${2:-};
				root $DIR/www;
			}
		}
	END
}

test_nginx() {
	over "$1"
	local more
	for more in "" reuseport; do
		nginx_conf 8080 $more >"$DIR/nginx.conf"
		ours_serves 8080 nginx -c "$DIR/nginx.conf" -e "$DIR/nginx.err"
		hash_is curl -sS "http://$U4:8080/big"
		hash_is curl -sS "http://[$U6]:8080/big"
		kernel "$HTTP" get "http://$U4:8080/big" 16
		[[ $output == "16 $HASH" ]]
		kernel wrk -t 2 -c 32 -d 2 "http://$U4:8080/index.html"
		[[ $output != *"Socket errors"* && $output != *"Non-2xx"* ]] || fail "$output"
		kill "$us"
		finish "$us"
	done
}

@test "nginx: several workers, sendfile, keep-alive; and with reuseport; over a bridge" { test_nginx bridge; }
@test "nginx: several workers, sendfile, keep-alive; and with reuseport; over macvtap" { test_nginx macvtap; }

@test "nginx: a published port, from outside" {
	over bridge
	PUBLISH=(-p 8088:8080)
	nginx_conf 8080 >"$DIR/nginx.conf"
	ours_serves 8080 nginx -c "$DIR/nginx.conf" -e "$DIR/nginx.err"
	CMD_TIMEOUT=60 run -0 --separate-stderr at out sh -c \
		'curl -sS http://192.0.2.1:8088/big | sha256sum'
	[[ ${output%% *} == "$HASH" ]]
}

test_redis() {
	over "$1"
	local redis=(redis-server --bind "0.0.0.0" --protected-mode no --save "" --dir "$DIR")
	ours_serves 6379 "${redis[@]}"
	kernel redis-cli -h "$U4" set key value
	[[ $output == OK ]]
	kernel redis-cli -h "$U4" get key
	[[ $output == value ]]
	kernel redis-benchmark -h "$U4" -q -n 5000 -c 20 -t set,get,lrange_100
	kernel redis-benchmark -h "$U4" -q -n 20000 -c 20 -P 16 -t set,get
	kernel_serves 6379 "${redis[@]}"
	ours redis-benchmark -h "$K4" -q -n 5000 -c 20 -t set,get
	[[ $output == *"requests per second"* ]]
}

@test "redis-server and redis-benchmark, either on our stack; over a bridge" { test_redis bridge; }
@test "redis-server and redis-benchmark, either on our stack; over macvtap" { test_redis macvtap; }

# Keys and a configuration for sshd, which want to be private.
ssh_new() {
	mkdir -m 700 "$DIR/ssh"
	ssh-keygen -q -t ed25519 -N "" -f "$DIR/ssh/host"
	ssh-keygen -q -t ed25519 -N "" -f "$DIR/ssh/user"
	host mkdir -p /run/sshd
	SSHD=("$(command -v sshd)" -D -e -p 2222 -h "$DIR/ssh/host" -f /dev/null -o UsePAM=no
		-o StrictModes=no -o "AuthorizedKeysFile=$DIR/ssh/user.pub" -o PidFile=none)
	SSH=(ssh -F /dev/null -p 2222 -i "$DIR/ssh/user" -o IdentitiesOnly=yes -o BatchMode=yes
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR)
}

test_ssh() {
	over "$1"
	ssh_new
	kernel_serves 2222 "${SSHD[@]}"
	ours_hash_is "${SSH[@]}" "root@$K4" cat "$DIR/www/big"
	ours_serves 2222 "${SSHD[@]}"
	hash_is "${SSH[@]}" "root@$U4" cat "$DIR/www/big"
	kernel sh -c '"$@" sha256sum <'"$DIR/www/big" sh "${SSH[@]}" "root@$U6"
	[[ ${output%% *} == "$HASH" ]]
}

@test "ssh and sshd, either on our stack; over a bridge" { test_ssh bridge; }
@test "ssh and sshd, either on our stack; over macvtap" { test_ssh macvtap; }

# iperf3_ready FILE N: the server has said for the Nth time that it listens.
iperf3_ready() {
	(($(grep -c "Server listening" "$1") >= $2))
}

# iperf3_says: what a client printed is no error, and much was received.
iperf3_says() {
	[[ $(jq .error <<<"$output") == null ]] || fail "$output"
	(($(jq '.end.sum_received.bytes' <<<"$output") > 1000000))
}

test_iperf3() {
	over "$1"
	local more n=1
	ours_starts iperf3 -s --forceflush
	for more in "" -R "-P 4" "-P 4 -R" --bidir; do
		wait_for 20 iperf3_ready "$OUT" $((n++))
		# shellcheck disable=SC2086 # words
		kernel iperf3 -c "$U4" -t 1 --connect-timeout 5000 -J $more
		iperf3_says
	done
	n=1
	nsenter --net --mount --target "$HOST" -- nsenter --net=/run/netns/k -- \
		setpriv --pdeathsig KILL iperf3 -s --forceflush >"$DIR/kernel.out" 3>&- &
	HELD+=("$!")
	for more in "" -R; do
		wait_for 20 iperf3_ready "$DIR/kernel.out" $((n++))
		# shellcheck disable=SC2086 # a word
		ours iperf3 -c "$K4" -t 1 --connect-timeout 5000 -J $more
		iperf3_says
	done
}

@test "iperf3, either on our stack, both directions, several streams; over a bridge" { test_iperf3 bridge; }
@test "iperf3, either on our stack, both directions, several streams; over macvtap" { test_iperf3 macvtap; }

test_busybox() {
	over "$1"
	busybox --list | grep -qx httpd
	ours_serves 8081 busybox httpd -f -p 8081 -h "$DIR/www"
	hash_is curl -sS "http://$U4:8081/big"
	hash_is busybox wget -q -O - "http://[$U6]:8081/big"
	kernel_serves 7777 sh -c "exec busybox nc -ll -p 7777 -e cat $DIR/www/big"
	ours_hash_is busybox nc "$K4" 7777
}

@test "busybox: httpd and nc; over a bridge" { test_busybox bridge; }
@test "busybox: httpd and nc; over macvtap" { test_busybox macvtap; }

test_each_other() {
	over "$1"
	local a
	ours_serves 8000 "$HTTP" serve ":8000" "$DIR/www"
	for a in 127.0.0.1 "[::1]" "$U4" "[$U6]"; do
		CMD_TIMEOUT=60 run -0 --separate-stderr nr exec us -- \
			sh -c "curl -sS 'http://$a:8000/big' | sha256sum"
		[[ ${output%% *} == "$HASH" ]] || fail "$a: $stderr"
	done
}

@test "two programs of one namespace talk to each other, at loopback and at its address; over a bridge" { test_each_other bridge; }
@test "two programs of one namespace talk to each other, at loopback and at its address; over macvtap" { test_each_other macvtap; }
