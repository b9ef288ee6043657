#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# examples: what their README says, and the peers that everybody knows: curl, wrk, nginx, nc

# shellcheck disable=SC2016,SC2030,SC2031 # inner shells; every test is a shell of its own
bats_require_minimum_version 1.5.0
load lib/stack

ROOT=${BATS_TEST_FILENAME%/tests/bats/*}

setup() {
	stack_setup
	WWW=$BATS_TEST_TMPDIR/www
}

teardown() { host_gone; }

# www_new: something to serve: small, large, in a directory, and links.
www_new() {
	mkdir -p "$WWW/dir"
	echo hello >"$WWW/index.html"
	echo sub >"$WWW/dir/index.html"
	: >"$WWW/empty"
	head -c 10000000 /dev/urandom >"$WWW/big"
	echo secret >"$BATS_TEST_TMPDIR/secret"
	ln -s dir/index.html "$WWW/in"
	ln -s ../secret "$WWW/out"
}

# get ARGUMENT...: curl, in the namespace of the peer.
get() { in_container k curl -sS --max-time 20 --path-as-is "$@"; }

# code PATH [ARGUMENT...]: of httpd's answer.
code() { get -o /dev/null -w '%{http_code}' "${@:2}" "http://$O4$1"; }

# serves TEXT: that is the index now.
serves() { [[ $(get "http://$O4/") == "$1" ]]; }

# hash_in VAR: of the last line of bulk.
hash_in() { sed -n 's/.*sha256 //p' "$BATS_TEST_TMPDIR/$1" | tail -n 1; }

# readme BLOCK: the commands of the README's BLOCK-th block, on a host with nothing.
readme() {
	container_gone k
	awk -v n="$1" '/^```$/ { on = 0 } on { print } /^```sh$/ && ++i == n { on = 1 }' \
		"$ROOT/examples/README.md" | sed "s,build/release/,$STACK_BUILD/," >"$BATS_TEST_TMPDIR/block"
	CMD_TIMEOUT=20 run -0 host sh -c 'cd "$1" && exec bash "$2"' sh "$ROOT" "$BATS_TEST_TMPDIR/block"
	[[ -z $(host ls /run/netns) ]]
	[[ $(host ip -br link | wc -l) == 1 ]]
}

@test "README: echo on a macvtap" {
	readme 1
	[[ $output == *hello*'3 packets transmitted, 3 received'* ]]
}

@test "README: httpd on a tap that it makes" {
	readme 2
	[[ $output == *'200 OK'*same* ]]
}

@test "README: httpd and httpget on a veth pair, and a capture" {
	readme 3
	[[ $output == *same*TCP* ]]
}

@test "README: bulk with nc" {
	readme 4
	[[ $output == *'sent '*' Gbit/s'*'received '*' Gbit/s'* ]]
}

@test "options: one line, exit status 2; a device that is missing: 1, and its name" {
	local program
	for program in echo httpd httpget bulk; do
		run -2 --separate-stderr "$EXAMPLES/$program" --no-such x
		# shellcheck disable=SC2154 # of run
		[[ $stderr == "$program: unknown option '--no-such'" && -z $output ]]
		run -0 --separate-stderr "$EXAMPLES/$program" --help
		[[ $output == "usage: $program --nic SPEC "* && -z $stderr ]]
	done
	run -2 --separate-stderr "$EXAMPLES/echo"
	[[ $stderr == "echo: option '--nic' is missing" ]]
	run -2 --separate-stderr "$EXAMPLES/echo" --nic tap:x --port
	[[ $stderr == "echo: option '--port' needs an argument" ]]
	run -2 --separate-stderr "$EXAMPLES/echo" --nic tap:x --port 7x
	[[ $stderr == "echo: option '--port': '7x' is not a number" ]]
	run -2 --separate-stderr "$EXAMPLES/echo" --nic tap:x 7
	[[ $stderr == "echo: unknown argument '7'" ]]
	run -2 --separate-stderr "$EXAMPLES/httpd" --nic tap:x
	[[ $stderr == "httpd: an argument is missing: DIRECTORY" ]]
	for program in macvtap af_packet af_xdp; do
		run -1 --separate-stderr host "$EXAMPLES/echo" --nic $program:none0 --addr 10.0.0.1/24
		[[ $stderr == "echo: "*none0* && $stderr != *$'\n'* ]]
	done
	run -1 --separate-stderr host "$EXAMPLES/echo" --nic none:x
	[[ $stderr == "echo: "*none:x* && $stderr != *$'\n'* ]]
}

@test "httpd: curl gets what is there, and nothing else" {
	www_new
	link_new tap
	serve HTTPD "$EXAMPLES/httpd" "${NIC[@]}" "$WWW"
	[[ $(get "http://$O4/") == hello ]]
	[[ $(get "http://[$O6]/dir/") == sub ]]
	[[ $(get "http://$O4/in?query") == sub ]]
	[[ $(get "http://$O4/d%69r/index.html") == sub ]]
	get "http://$O4/big" | cmp - "$WWW/big"
	get "http://[$O6]/big" | cmp - "$WWW/big"
	[[ $(get -o /dev/null -w '%{http_code} %{redirect_url}' "http://$O4/dir") == "301 http://$O4/dir/" ]]
	[[ $(code /empty) == 200 ]]
	[[ $(code /nothing) == 404 ]]
	[[ $(code /out) == 403 ]]
	[[ $(code /../secret) == 403 ]]
	[[ $(code /%2e%2e/secret) == 403 ]]
	[[ $(code /dir/..%2f../secret) == 403 ]]
	[[ $(code / -d x) == 405 ]]
	[[ $(code /%00) == 400 ]]
	[[ $(code / -H Host:) == 400 ]]
	[[ $(code / -H "X: $(printf '%9000s' x)") == 431 ]]
	[[ $(get -I "http://$O4/big") == "HTTP/1.1 200 OK"*"Content-Length: 10000000"* ]]
	# A file that is replaced is seen, a second later at the latest.
	echo other >"$WWW/new" && mv "$WWW/new" "$WWW/index.html"
	wait_for 5 serves other
	finish HTTPD TERM
	((status == 0))
}

@test "httpd: ranges, persistent connections, pipelining" {
	www_new
	link_new tap
	serve HTTPD "$EXAMPLES/httpd" "${NIC[@]}" "$WWW"
	[[ $(get -r 1-3 "http://$O4/") == ell ]]
	[[ $(get -r -3 "http://$O4/") == lo ]]
	get -r 5000000- "http://$O4/big" | cmp - <(tail -c +5000001 "$WWW/big")
	[[ $(code / -r 100-) == 416 ]]
	[[ $(get -o /dev/null -o /dev/null -o /dev/null -w '%{num_connects} ' \
		"http://$O4/" "http://$O4/nothing" "http://$O4/dir/") == "1 0 0 " ]]
	[[ $(in_container k bash -c '
		exec 3<>/dev/tcp/'"$O4"'/80
		printf "GET / HTTP/1.1\r\nHost: x\r\n\r\nHEAD /dir/ HTTP/1.1\r\nHost: x\r\n\r\n" >&3
		printf "HEAD /no HTTP/1.1\r\nHost: x\r\n\r\nGET /in HTTP/1.0\r\n\r\n" >&3
		exec cat <&3' | tr -d '\r' | grep -c .) == 15 ]]
}

@test "httpd: wrk, with connections that stay and with new ones" {
	www_new
	link_new tap
	serve HTTPD "$EXAMPLES/httpd" "${NIC[@]}" "$WWW"
	run -0 in_container k wrk -t1 -c100 -d1 "http://$O4/"
	[[ $output == *' requests in '* && $output != *'Socket errors'* && $output != *Non-2xx* ]]
	run -0 in_container k wrk -t1 -c20 -d1 -H 'Connection: close' "http://$O4/dir/"
	[[ $output == *' requests in '* && $output != *'Socket errors'* && $output != *Non-2xx* ]]
	run -0 in_container k wrk -t1 -c8 -d1 "http://[$O6]/big"
	[[ $output == *' requests in '* && $output != *'Socket errors'* && $output != *Non-2xx* ]]
}

# nginx_start: in the peer's namespace, on port 80.
nginx_start() {
	host mkdir -p /var/lib/nginx
	cat >"$BATS_TEST_TMPDIR/nginx.conf" <<-END
		daemon off; master_process off; user root;
		pid $BATS_TEST_TMPDIR/nginx.pid; error_log stderr;
		events { }
		http {
			access_log off;
			server { listen 80; listen [::]:80; root $WWW; }
		}
	END
	start NGINX @k nginx -p "$BATS_TEST_TMPDIR" -c "$BATS_TEST_TMPDIR/nginx.conf"
	wait_for 10 get -o /dev/null "http://$K4/"
}

@test "httpget: fetches from nginx, and says why it could not" {
	www_new
	chmod -R a+rX "$BATS_TEST_TMPDIR"
	link_new macvtap
	nginx_start
	[[ $(ours httpget "http://$K4/") == hello ]]
	[[ $(ours httpget "http://[$K6]:80/dir/") == sub ]]
	ours httpget "http://$K4/big" | cmp - "$WWW/big"
	ours httpget --output "$BATS_TEST_TMPDIR/big" "http://[$K6]/big"
	cmp "$BATS_TEST_TMPDIR/big" "$WWW/big"
	[[ $(ours httpget --hash "http://$K4/big") == "$(sha256sum <"$WWW/big" | cut -d' ' -f1)" ]]
	run -3 --separate-stderr ours httpget "http://$K4/nothing"
	[[ $stderr == "httpget: '$K4' says: 404 Not Found" && -z $output ]]
	run -1 --separate-stderr ours httpget "http://$K4:81/"
	[[ $stderr == "httpget: cannot ask '$K4:81': Connection refused" ]]
	run -1 --separate-stderr ours httpget --timeout 1 "http://10.0.0.9/"
	[[ $stderr == "httpget: cannot ask '10.0.0.9': "* ]]
	run -2 --separate-stderr ours httpget "ftp://$K4/"
	[[ $stderr == "httpget: 'ftp://$K4/' is not http://ADDRESS[:PORT]/PATH" ]]
}

# bulk_both_ways DRIVER [OPTION...]: hashes of both ends, ours asks and ours serves.
bulk_both_ways() {
	local bytes=10000000 sum
	www_new
	link_new "$@"
	serve BULK "$EXAMPLES/bulk" "${NIC[@]}" --hash --once
	in_container k nc -N "$O4" 5201 <"$WWW/big"
	finish BULK
	((status == 0))
	[[ $(hash_in BULK) == "$(sha256sum <"$WWW/big" | cut -d' ' -f1)" ]]
	serve BULK "$EXAMPLES/bulk" "${NIC[@]}" --hash --once --send --bytes $bytes
	sum=$(in_container k nc -N -d "$O6" 5201 | sha256sum)
	finish BULK
	((status == 0))
	[[ $(hash_in BULK) == "${sum%% *}" ]]

	start NC @k nc -l -N 5201
	wait_for 10 ours bulk --hash --bytes $bytes --copy "$K4" >"$BATS_TEST_TMPDIR/sent"
	finish NC
	[[ $(hash_in sent) == "$(sha256sum <"$BATS_TEST_TMPDIR/NC" | cut -d' ' -f1)" ]]
	[[ $(stat -c %s "$BATS_TEST_TMPDIR/NC") == "$bytes" ]]
}

@test "bulk: both ways with hashes, tap" { bulk_both_ways tap; }
@test "bulk: both ways with hashes, tap without offload" { bulk_both_ways tap no-offload; }
@test "bulk: both ways with hashes, macvtap" { bulk_both_ways macvtap; }
@test "bulk: both ways with hashes, macvtap without offload" { bulk_both_ways macvtap no-offload; }
@test "bulk: both ways with hashes, af_packet" { bulk_both_ways af_packet; }
@test "bulk: both ways with hashes, af_packet without offload" { bulk_both_ways af_packet no-offload; }
@test "bulk: both ways with hashes, af_xdp" { bulk_both_ways af_xdp; }
