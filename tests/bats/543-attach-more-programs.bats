#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Databases, proxies, servers that are started by others and servers that start others: on our stack,
# against peers on the kernel's

# shellcheck disable=SC2016,SC2030,SC2031 # inner shells; every test is a shell of its own
# shellcheck disable=SC2154 # set by netns_run.bash
bats_require_minimum_version 1.5.0
load lib/attach

BIG=5000000

setup() {
	attach_setup
	DIR=$BATS_TEST_TMPDIR
	mkdir "$DIR/www"
	head -c $BIG /dev/urandom >"$DIR/www/big"
	echo hello >"$DIR/www/index.html"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$DIR"
	HASH=$(sha256sum <"$DIR/www/big")
	HASH=${HASH%% *}
	started peer k -- sleep infinity
	started us us --stack=user -- sleep infinity
	K4=$(address_of k)
	K6=$(address_of k -6)
	U4=$(address_of us)
	U6=$(address_of us -6)
}

teardown() { host_gone; }

# at_ours, at_kernel COMMAND...: it runs on that stack.
at_ours() { nr exec us -- "$@"; }
at_kernel() { in_container k "$@"; }

# ours, kernel COMMAND...: and succeeds; what it prints is in "output".
ours() { succeeds at_ours "$@"; }
kernel() { succeeds at_kernel "$@"; }

succeeds() {
	CMD_TIMEOUT=60 run --separate-stderr "$@"
	((status == 0)) || fail "$*: $status: $output $stderr"
}

# ours_runs, kernel_runs COMMAND...: in the background; it is the leader of a session, since some
# servers send signals to all of their group.  What they print is in the file $SAID.
ours_runs() {
	SAID=$DIR/said.$RANDOM$RANDOM
	nsenter --net --mount --target "$HOST" -- setsid \
		env -u CNI_PATH "$NETNS_RUN" exec us -- "$@" >"$SAID" 2>&1 </dev/null 3>&- &
	HELD+=("$!")
}

kernel_runs() {
	SAID=$DIR/said.$RANDOM$RANDOM
	nsenter --net --mount --target "$HOST" -- nsenter --net=/run/netns/k -- \
		setsid "$@" >"$SAID" 2>&1 </dev/null 3>&- &
	HELD+=("$!")
}

# ours_serves, kernel_serves PORT COMMAND...: until somebody on the kernel's stack gets an answer.
ours_serves() {
	local port=$1
	shift
	ours_runs "$@"
	wait_for 20 at_kernel nc -z "$U4" "$port" || fail "$1: $(<"$SAID")"
}

kernel_serves() {
	local port=$1
	shift
	kernel_runs "$@"
	wait_for 20 at_kernel nc -z "$K4" "$port" || fail "$1: $(<"$SAID")"
}

# either FUNCTION: called with "ours kernel 10.87.0.3 fd4e::3" for a server of ours and a client of
# the kernel's, and the other way about.
either() {
	"$1" ours kernel "$U4" "$U6"
	"$1" kernel ours "$K4" "$K6"
}

# hash_by CLIENT COMMAND...: of what it prints.
hash_by() {
	local client=$1
	shift
	"$client" sh -c '"$@" | sha256sum' sh "$@"
	[[ ${output%% *} == "$HASH" ]] || fail "another hash: $*: $stderr"
}

# is_big FILE...: the same bytes.
is_big() {
	local file
	for file; do
		cmp "$file" "$DIR/www/big" || fail "$file differs"
	done
}

# --- databases ---

postgres_new() {
	local major
	major=$(echo /usr/lib/postgresql/*/bin/initdb)
	PG=${major%/initdb}
	AS=(setpriv --reuid postgres --regid postgres --clear-groups)
	mkdir "$DIR/pg"
	chown postgres "$DIR/pg"
	"${AS[@]}" "$PG/initdb" -D "$DIR/pg" -A trust -U postgres --no-sync >/dev/null
	echo "host all all all trust" >>"$DIR/pg/pg_hba.conf"
}

# A process for each connection; COPY in bulk; a request to cancel comes by a connection of its own.
postgres_on() {
	local server=$1 client=$2 at=$3 at6=$4 pid
	"${server}_serves" 5432 "${AS[@]}" "$PG/postgres" -D "$DIR/pg" -c fsync=off \
		-c "listen_addresses=*" -c unix_socket_directories=
	pid=$(head -1 "$DIR/pg/postmaster.pid")
	"$client" "$PG/pgbench" -q -h "$at" -U postgres -i postgres
	for more in "-c 12 -j 2 -t 40" "-c 6 -C -S -t 10"; do
		# shellcheck disable=SC2086 # words
		"$client" "$PG/pgbench" -h "$at" -U postgres $more postgres
		[[ $output == *"failed transactions: 0 "* ]] || fail "$output"
	done
	"$client" "$PG/psql" -h "$at6" -U postgres -Atc "
		SELECT md5(repeat('fairlead', 1000000))"
	[[ $output == "$(printf 'fairlead%.0s' {1..1000000} | md5sum | cut -c1-32)" ]]
	"$client" sh -c '"$@" | md5sum' sh "$PG/psql" -h "$at" -U postgres -Atc "
		COPY (SELECT repeat(md5(i::text), 30) FROM generate_series(1, 5000) i) TO STDOUT"
	COPIED+=("$output")
	run "at_$client" timeout -s INT 1 "$PG/psql" -h "$at" -U postgres -c "SELECT pg_sleep(30)"
	[[ $output == *"canceling statement due to user request"* ]] || fail "$output"
	host kill -INT "$pid"
	wait_for 20 host sh -c '! kill -0 "$1" 2>/dev/null' sh "$pid"
}

@test "PostgreSQL and pgbench, either on our stack" {
	COPIED=()
	postgres_new
	either postgres_on
	[[ ${COPIED[0]} == "${COPIED[1]}" ]]
}

# HTTP/2 with streams that stay open.
etcd_on() {
	local server=$1 client=$2 at=$3 at6=$4
	local ctl=(env ETCDCTL_API=3 etcdctl --endpoints="http://$at:2379")
	"${server}_serves" 2379 etcd --data-dir "$DIR/etcd-$server" --unsafe-no-fsync \
		--listen-client-urls "http://[::]:2379" --advertise-client-urls "http://$at:2379" \
		--listen-peer-urls http://127.0.0.1:2380
	wait_for 20 "at_$client" "${ctl[@]}" endpoint health
	"$client" "${ctl[@]}" put name fairlead
	[[ $output == OK ]]
	ctl[3]="--endpoints=http://[$at6]:2379"
	"$client" "${ctl[@]}" get name
	[[ $output == $'name\nfairlead' ]]
	"${client}_runs" "${ctl[@]}" watch --prefix w --rev 1
	for i in 1 2 3; do
		"$client" "${ctl[@]}" put w$i $i
	done
	wait_for 20 grep -qx w3 "$SAID"
	[[ $(grep -c PUT "$SAID") == 3 ]] || fail "$(<"$SAID")"
}

@test "etcd and etcdctl, either on our stack" {
	either etcd_on
}

memcached_on() {
	local server=$1 client=$2 at=$3
	"${server}_serves" 11211 memcached -u nobody -l "0.0.0.0,::" -t 4 -c 2000
	head -c 900000 "$DIR/www/big" >"$DIR/blob"
	"$client" memccp --servers="$at" "$DIR/blob"
	"$client" memccat --servers="$at" --file="$DIR/got" blob
	cmp "$DIR/blob" "$DIR/got"
	"$client" memcslap --servers="$at" --concurrency=40 --execute-number=50 --test=get
	[[ $stderr != *rror* ]] || fail "$stderr"
}

@test "memcached with threads, either on our stack" {
	either memcached_on
}

# --- proxies ---

nginx_conf() {
	cat <<-END
		$2
		worker_processes 2;
		user www-data;
		worker_rlimit_nofile 8192;
		pid $DIR/$1.pid;
		error_log $DIR/$1.err;
		events { worker_connections 4096; }
		http {
			access_log off;
			client_body_temp_path $DIR;
			proxy_temp_path $DIR;
			fastcgi_temp_path $DIR;
			uwsgi_temp_path $DIR;
			scgi_temp_path $DIR;
			sendfile on;
			server {
				listen 8080 backlog=4096;
				root $DIR/www;
			}
		}
	END
}

kernel_nginx() {
	nginx_conf kernel "daemon off;" >"$DIR/kernel.conf"
	kernel_serves 8080 nginx -c "$DIR/kernel.conf" -e "$DIR/kernel.err"
}

haproxy_conf() {
	cat <<-END
		global
			maxconn 1000
			nbthread 2
			stats socket $DIR/haproxy.sock mode 600 level admin expose-fd listeners
		defaults
			mode tcp
			timeout connect 5s
			timeout client 30s
			timeout server 30s
			option splice-request
			option splice-response
		listen spliced
			bind :::9000 v4v6
			server k $K4:8080 check inter 200ms
		listen http
			mode http
			bind :9001
			server k $K4:8080
	END
}

# haproxy_says COMMAND NAME: a value of its statistics.
haproxy_says() {
	socat - "UNIX-CONNECT:$DIR/haproxy.sock" <<<"$1" | sed -n "s/^$2: //p"
}

is_haproxy_new() {
	local pid
	pid=$(haproxy_says "show info" Pid)
	[[ -n $pid && $pid != "$1" ]]
}

@test "haproxy: splices, looks after its servers, is reloaded while connections come" {
	local old hits
	kernel_nginx
	haproxy_conf >"$DIR/haproxy.cfg"
	ours_serves 9000 haproxy -W -p "$DIR/haproxy.pid" -f "$DIR/haproxy.cfg"
	hash_by kernel curl -sS "http://$U4:9000/big"
	hash_by kernel curl -sS "http://[$U6]:9000/big"
	hash_by kernel curl -sS "http://$U4:9001/big"
	(($(haproxy_says "show info" TotalSplicdedBytesOut) >= BIG))
	at_kernel sh -c 'for i in $(seq 100); do curl -sS "$1" || exit 1; done' sh \
		"http://$U4:9001/index.html" >"$DIR/hits" 2>&1 3>&- &
	hits=$!
	for _ in 1 2; do
		old=$(haproxy_says "show info" Pid)
		host kill -USR2 "$(head -1 "$DIR/haproxy.pid")"
		wait_for 20 is_haproxy_new "$old"
	done
	wait $hits || fail "$(tail -3 "$DIR/hits")"
	(($(grep -cx hello "$DIR/hits") == 100)) || fail "$(sort "$DIR/hits" | uniq -c)"
}

# --- servers that are reloaded, with many connections ---

# sockets_are N: of programs of ours, as netstackctl lists them.
sockets_are() {
	(($(host "$ATTACH_BUILD/bin/netstackctl" sockets --json us | jq '.sockets | length') == $1))
}

@test "nginx as a daemon: a thousand connections, reloaded, its binary exchanged, ended" {
	local old new
	sockets_are 0
	nginx_conf ours "" >"$DIR/ours.conf"
	ours "$(command -v nginx)" -c "$DIR/ours.conf" -e "$DIR/ours.err"
	wait_for 20 at_kernel nc -z "$U4" 8080
	kernel wrk -t 2 -c 1000 -d 2 --timeout 30s "http://$U4:8080/index.html"
	[[ $output != *"Socket errors"* && $output != *"Non-2xx"* ]] || fail "$output"
	wait_for 20 sockets_are 1
	old=$(<"$DIR/ours.pid")
	host kill -HUP "$old"
	hash_by kernel curl -sS "http://$U4:8080/big"
	# The new one has the listener by its number, after exec().
	host kill -USR2 "$old"
	wait_for 20 test -s "$DIR/ours.pid.oldbin" -a -s "$DIR/ours.pid"
	new=$(<"$DIR/ours.pid")
	((new != old))
	host kill -QUIT "$old"
	wait_for 20 host sh -c '! kill -0 "$1" 2>/dev/null' sh "$old"
	hash_by kernel curl -sS "http://$U4:8080/big"
	host kill -QUIT "$new"
	wait_for 20 sockets_are 0
	run at_kernel nc -z "$U4" 8080
	((status))
}

# --- what others start ---

# Says what it has got, to two who ask.
ACTIVATED='
import os, select, socket
listeners = [socket.socket(fileno=fd) for fd in (3, 4)]
for _ in range(2):
    for one in select.select(listeners, [], [])[0]:
        client, address = one.accept()
        client.sendall(f"{os.environ["LISTEN_FDS"]} {one.getsockname()[1]} {address[0]}".encode())
        client.close()'
ACTIVATED=${ACTIVATED//\[\"LISTEN_FDS\"\]/[\'LISTEN_FDS\']}

@test "listeners passed over exec(), and connections as standard input and output" {
	local k6
	k6=$(at_kernel python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]))' "$K6")
	ours_runs systemd-socket-activate -l 0.0.0.0:8200 -l "[::]:8201" python3 -c "$ACTIVATED"
	wait_for 20 grep -q "Listening on.* as 4" "$SAID"
	kernel nc -d "$U4" 8200
	[[ $output == "2 8200 $K4" ]] || fail "$output"
	kernel nc -d "$U6" 8201
	[[ $output == "2 8201 $k6" ]] || fail "$output"
	ours_runs systemd-socket-activate --inetd -a -l 0.0.0.0:8202 sha256sum
	wait_for 20 grep -q "Listening on" "$SAID"
	for _ in 1 2; do
		kernel sh -c 'nc -N "$1" 8202 <"$2"' sh "$U4" "$DIR/www/big"
		[[ $output == "$HASH"* ]] || fail "$output"
	done
}

# git starts a process for each connection, on its descriptors 0 and 1.
git_on() {
	local server=$1 client=$2 at=$3 at6=$4
	"${server}_serves" 9418 git daemon --export-all --enable=receive-pack --reuseaddr \
		--base-path="$DIR"
	"$client" git clone -q "git://$at/repo.git" "$DIR/clone-$client"
	"$client" git clone -q "git://[$at6]/repo.git" "$DIR/clone6-$client"
	is_big "$DIR/clone-$client/big" "$DIR/clone6-$client/big"
	commit "$DIR/clone-$client" "$client"
	"$client" git -C "$DIR/clone-$client" push -q origin HEAD:master
	[[ $(git -C "$DIR/repo.git" log -1 --format=%s master) == "$client" ]]
}

commit() {
	echo "$2" >"$1/who"
	git -C "$1" add .
	git -C "$1" -c user.name=name -c user.email=name@example.net commit -qm "$2"
}

@test "git clones and pushes, either on our stack" {
	export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory "GIT_CONFIG_VALUE_0=*"
	git init -q --bare -b master "$DIR/repo.git"
	git clone -q "$DIR/repo.git" "$DIR/first" 2>/dev/null
	cp "$DIR/www/big" "$DIR/first"
	commit "$DIR/first" first
	git -C "$DIR/first" push -q origin HEAD:master
	either git_on
}

rsync_on() {
	local server=$1 client=$2 at=$3 at6=$4
	mkdir "$DIR/up-$client"
	# It becomes a daemon by itself: fork(), setsid(), and its parent ends.
	"$server" rsync --daemon --config="$DIR/rsyncd.conf"
	wait_for 20 at_kernel nc -z "$at" 8730
	"$client" rsync -a "rsync://$at:8730/all/www/big" "$DIR/up-$client/down"
	"$client" rsync -a "$DIR/www/big" "rsync://[$at6]:8730/all/up-$client/up"
	is_big "$DIR/up-$client/down" "$DIR/up-$client/up"
}

@test "rsync as a daemon, either on our stack" {
	cat >"$DIR/rsyncd.conf" <<-END
		port = 8730
		use chroot = no
		log file = $DIR/rsyncd.log
		reverse lookup = no
		[all]
		path = $DIR
		read only = no
		uid = 0
		gid = 0
	END
	either rsync_on
}

# --- who runs it, and where ---

@test "other users, setuid programs, no new privileges, PID and user namespaces" {
	local curl=(curl -sS "http://$K4:8080/index.html") who
	kernel_nginx
	for who in "setpriv --reuid nobody --clear-groups" \
		"setpriv --reuid nobody --clear-groups --no-new-privs --bounding-set -all" \
		"unshare --pid --fork --mount-proc" "unshare --user --map-root-user"; do
		# shellcheck disable=SC2086 # words
		ours $who "${curl[@]}"
		[[ $output == hello ]] || fail "$who: $output $stderr"
	done
	ours su -s /bin/sh nobody -c "${curl[*]}"
	[[ $output == hello ]]
	# It asks for its own calls only; those that it sees look like those of TCP.
	ours strace -f -o "$DIR/trace" "${curl[@]}"
	[[ $output == hello ]]
	grep -q "connect(.*$K4.* EINPROGRESS" "$DIR/trace"
}

@test "a sandbox without a network has none of ours" {
	kernel_nginx
	ours curl -sS "http://$K4:8080/index.html"
	run at_ours unshare --net curl -sS "http://$K4:8080/index.html"
	((status == 7)) || fail "$status $output"
	# What it has is its own: a port that is taken on our stack, too.
	ours_serves 9999 nc -lk 9999
	ours unshare --net sh -c 'ip link set lo up
		exec timeout 20 sh -c "echo alone | nc -lN 127.0.0.1 9999 & i=0
			until nc -d 127.0.0.1 9999; do [ \$((i += 1)) -lt 1000 ] || exit 1; done"'
	[[ $output == alone ]] || fail "$output $stderr"
}

@test "SO_BINDTODEVICE: the interface by its name in the namespace" {
	kernel_nginx
	ours_serves 8300 socat TCP6-LISTEN:8300,fork,bindtodevice=eth0 EXEC:"cat $DIR/www/big"
	hash_by kernel nc -d "$U4" 8300
	hash_by kernel nc -d "$U6" 8300
	ours sh -c 'printf "GET /index.html HTTP/1.0\r\n\r\n" |
		socat -t 10 - "TCP:$1:8080,bindtodevice=eth0"' sh "$K4"
	[[ $output == *hello ]] || fail "$output"
	run at_ours socat - "TCP:$K4:8080,bindtodevice=nosuch0" </dev/null
	[[ $output == *"No such device"* ]] || fail "$output"
}
