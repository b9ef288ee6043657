#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Programs as everybody has them, on our stack, against peers on the kernel's: what was
# transferred is what it was

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
	K4=$(address_of k)
	K6=$(address_of k -6)
}

teardown() { host_gone; }

# ours COMMAND...: it runs on our stack, and what it prints is in "output".
ours() {
	CMD_TIMEOUT=120 run -0 --separate-stderr nr --stack=user -- "$@"
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
	wait_for 20 host nc -z "$K4" "$port" || fail "$1: $(<"$DIR/kernel.err")"
}

# ours_serves PORT COMMAND...: on our stack in the namespace "us", until the kernel's peer
# gets an answer.  Sets U4 and U6.
ours_serves() {
	local port=$1
	shift
	started us us --stack=user "${PUBLISH[@]}" -- "$@"
	U4=$(address_of us)
	U6=$(address_of us -6)
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

@test "curl: IPv4, IPv6, many at once, nobody there" {
	kernel_serves 8000 "$HTTP" serve ":8000" "$DIR/www"
	ours_hash_is curl -sS "http://$K4:8000/big"
	ours_hash_is curl -sS "http://[$K6]:8000/big"
	ours curl -sS --parallel -o "$DIR/got#1" "http://$K4:8000/big?[1-8]"
	for file in "$DIR"/got[1-8]; do
		[[ $(sha256sum <"$file") == "$HASH"* ]]
	done
	CMD_TIMEOUT=30 run nr --stack=user -- curl -sS "http://$K4:8001/"
	((status == 7)) || fail "$status: $output"
	[[ $output == *refused* || $output == *connect* ]]
}

@test "wget and busybox wget" {
	kernel_serves 8000 "$HTTP" serve ":8000" "$DIR/www"
	ours_hash_is wget -q -O - "http://$K4:8000/big"
	ours_hash_is wget -q -O - "http://[$K6]:8000/big"
	ours_hash_is busybox wget -q -O - "http://$K4:8000/big"
}

@test "a static Go program as client and as server" {
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

@test "Python asyncio at both ends" {
	kernel_serves 9000 python3 -c "$ECHO_SERVER"
	ours python3 -c "$ECHO_CLIENT" "$K4"
	[[ $output == 50 ]] || fail "$output $stderr"
	ours_serves 9000 python3 -c "$ECHO_SERVER"
	for address in "$U4" "$U6"; do
		kernel python3 -c "$ECHO_CLIENT" "$address"
		[[ $output == 50 ]] || fail "$output $stderr"
	done
}

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

@test "node as client and as server" {
	kernel_serves 9001 node -e "$NODE_SERVER" "$DIR/www"
	ours node -e "$NODE_CLIENT" "http://$K4:9001/big"
	[[ $output == "1 $HASH" ]] || fail "$output $stderr"
	ours_serves 9001 node -e "$NODE_SERVER" "$DIR/www"
	kernel node -e "$NODE_CLIENT" "http://$U4:9001/big"
	[[ $output == "1 $HASH" ]] || fail "$output $stderr"
}

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

@test "nginx: several workers, sendfile, keep-alive; and with reuseport" {
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

@test "nginx: a published port, from outside" {
	PUBLISH=(-p 8088:8080)
	nginx_conf 8080 >"$DIR/nginx.conf"
	ours_serves 8080 nginx -c "$DIR/nginx.conf" -e "$DIR/nginx.err"
	CMD_TIMEOUT=60 run -0 --separate-stderr at out sh -c \
		'curl -sS http://192.0.2.1:8088/big | sha256sum'
	[[ ${output%% *} == "$HASH" ]]
}

@test "redis-server and redis-benchmark, either on our stack" {
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

@test "ssh and sshd, either on our stack" {
	ssh_new
	kernel_serves 2222 "${SSHD[@]}"
	ours_hash_is "${SSH[@]}" "root@$K4" cat "$DIR/www/big"
	ours_serves 2222 "${SSHD[@]}"
	hash_is "${SSH[@]}" "root@$U4" cat "$DIR/www/big"
	kernel sh -c '"$@" sha256sum <'"$DIR/www/big" sh "${SSH[@]}" "root@$U6"
	[[ ${output%% *} == "$HASH" ]]
}

# iperf3_ready FILE N: the server has said for the Nth time that it listens.
iperf3_ready() {
	(($(grep -c "Server listening" "$1") >= $2))
}

# iperf3_says: what a client printed is no error, and much was received.
iperf3_says() {
	[[ $(jq .error <<<"$output") == null ]] || fail "$output"
	(($(jq '.end.sum_received.bytes' <<<"$output") > 1000000))
}

@test "iperf3, either on our stack, both directions, several streams" {
	local more n=1
	started us us --stack=user -- iperf3 -s --forceflush
	U4=$(address_of us)
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

@test "busybox: httpd and nc" {
	busybox --list | grep -qx httpd
	ours_serves 8081 busybox httpd -f -p 8081 -h "$DIR/www"
	hash_is curl -sS "http://$U4:8081/big"
	hash_is busybox wget -q -O - "http://[$U6]:8081/big"
	kernel_serves 7777 sh -c "exec busybox nc -ll -p 7777 -e cat $DIR/www/big"
	ours_hash_is busybox nc "$K4" 7777
}

@test "two programs of one namespace talk to each other, at loopback and at its address" {
	local a
	ours_serves 8000 "$HTTP" serve ":8000" "$DIR/www"
	for a in 127.0.0.1 "[::1]" "$U4" "[$U6]"; do
		CMD_TIMEOUT=60 run -0 --separate-stderr nr exec us -- \
			sh -c "curl -sS 'http://$a:8000/big' | sha256sum"
		[[ ${output%% *} == "$HASH" ]] || fail "$a: $stderr"
	done
}

@test "over macvtap" {
	host ip link add dev mv0 up type veth peer name mv1 netns out
	at out ip link set mv1 up
	address out mv1 198.18.0.1/24
	kernel_at_out() { CMD_TIMEOUT=60 run -0 --separate-stderr at out "$@"; }
	nginx_conf 8080 >"$DIR/nginx.conf"
	started us us --stack=user --nic=macvtap:mv0 --ip 198.18.0.2/24 -- \
		nginx -c "$DIR/nginx.conf" -e "$DIR/nginx.err" || fail "$(<"$ERR")"
	wait_for 20 at out nc -z 198.18.0.2 8080
	kernel_at_out sh -c 'curl -sS http://198.18.0.2:8080/big | sha256sum'
	[[ ${output%% *} == "$HASH" ]]
}
