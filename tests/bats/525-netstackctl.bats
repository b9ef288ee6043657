#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2154 # dollars are of inner shells; bats sets stderr
# shellcheck disable=SC2030,SC2031 # each test is a subshell
#
# netstackctl on a namespace where something happens: sockets, captures, who may ask

bats_require_minimum_version 1.5.0
load lib/netns_run

BIN=${FAIRLEAD_BUILD:-build/release}/bin
[[ $BIN == /* ]] || BIN=$PWD/$BIN

setup() { netns_run_setup; }

teardown() { host_gone; }

ctl() { host "$BIN/netstackctl" "$@"; }

# busy: a session "web" with listeners of both families, datagram sockets, and connections; its pid
# goes into $web.
busy() {
	cat >"$BATS_TEST_TMPDIR/busy.py" <<-'END'
		import socket, time
		keep = [socket.create_server(("0.0.0.0", 90)),
		        socket.create_server(("::", 9000), family=socket.AF_INET6, dualstack_ipv6=True)]
		for port in 7001, 7000:
		    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		    s.bind(("::", port))
		    keep.append(s)
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.connect(("203.0.113.9", 53))
		keep.append(s)
		while True:
		    keep.append(keep[1].accept()[0])
	END
	cat >"$BATS_TEST_TMPDIR/clients.py" <<-'END'
		import socket, sys, time
		keep = [socket.create_connection((a, 9000), 10) for a in sys.argv[1:] for i in range(3)]
		print("ready", flush=True)
		time.sleep(1000)
	END
	started web web --stack=user --mode=full -- python3 "$BATS_TEST_TMPDIR/busy.py"
	wait_for 10 listens 9000
	local fifo=$BATS_TEST_TMPDIR/clients word=''
	mkfifo "$fifo"
	host python3 "$BATS_TEST_TMPDIR/clients.py" 10.87.0.2 fd4e:6574:6e73::2 >"$fifo" 3>&- &
	HELD+=("$!")
	read -r -t 20 word <"$fifo"
	[[ $word == ready ]]
	all_there() { [[ $(ctl sockets --json | jq '[.sockets[] | select(.state == "ESTAB" and .protocol == "tcp")] | length') == 6 ]]; }
	wait_for 10 all_there
}

listens() { ctl sockets -tl web | grep -q " $1 "; }

# shown COLUMNS [OPTION...]: these columns of the list, without its head and the line on the stack.
shown() {
	ctl sockets "${@:2}" web | sed '1d; $d' | awk -v list="$1" '
		{n = split(list, c, ","); for (i = 1; i <= n; i++) printf "%s%s", $c[i], i < n ? " " : "\n"}'
}

@test "sockets are chosen and sorted as ss does it" {
	busy
	[[ $(shown 1,2,5,6 -l) == 'tcp LISTEN 0.0.0.0 90
tcp LISTEN :: 9000
udp UNCONN :: 7000
udp UNCONN :: 7001' ]]
	[[ $(shown 6 -tl4) == 90 && $(shown 6 -lt6) == 9000 ]]
	[[ $(shown 2,7,8 -u4) == 'ESTAB 203.0.113.9 53' ]]
	[[ $(shown 5 -t --state ESTAB | sort | uniq -c | xargs) == '3 ::ffff:10.87.0.2 3 fd4e:6574:6e73::2' ]]
	[[ $(shown 11 -tup | sort -u) == python3 ]]
	[[ $(shown 1 -tu --state ESTAB | sort | uniq -c | xargs) == '6 tcp 1 udp' ]]
	[[ -z $(shown 1 --state CLOSE-WAIT) ]]
	# By port, then by address and port of the other end.
	shown 8 -t6 --state ESTAB >"$BATS_TEST_TMPDIR/ports"
	[[ $(wc -l <"$BATS_TEST_TMPDIR/ports") == 6 ]]
	head -3 "$BATS_TEST_TMPDIR/ports" | sort -cn
	# Details only of connections, a line each.
	(($(ctl sockets -ti --state ESTAB web | grep -c ' cwnd:') == 6))
	# The answer as JSON is of the same choice.
	[[ $(ctl sockets --json -tl web | jq -c '[.sockets[].local_port] | sort') == '[90,9000]' ]]
	[[ $(ctl sockets --json -tlp4 web | jq -r '.sockets[].name') == python3 ]]
	run -1 --separate-stderr ctl sockets --state OPEN web
	[[ $stderr == "netstackctl: there is no state 'OPEN', as ESTAB or LISTEN" ]]
	# Every line of the table has its columns where the head has them.
	ctl sockets web | awk 'NR == 1 {at = index($0, "SHORT-CUT"); next} /^TCP of/ {next}
		substr($0, at, 2) != "no" || substr($0, at - 2, 2) != "  " {print; bad = 1} END {exit bad}'
}

@test "a capture goes into tshark and tcpdump" {
	local reader
	busy
	capture() { # READER...
		ctl capture -c 8 --seconds 20 -s 80 -w - web 2>"$BATS_TEST_TMPDIR/said" | "$@" >"$BATS_TEST_TMPDIR/read" 2>/dev/null
	}
	for reader in 'tshark -n -i -' 'tcpdump -n -r - tcp'; do
		# shellcheck disable=SC2086 # words
		capture $reader 3>&- &
		until ! kill -0 "$!" 2>/dev/null; do
			host python3 -c 'import socket; socket.create_connection(("10.87.0.2", 9000), 10)'
		done
		wait "$!"
		grep -q '10\.87\.0\.1.*10\.87\.0\.2' "$BATS_TEST_TMPDIR/read"
		[[ $(<"$BATS_TEST_TMPDIR/said") == 'netstackctl: 8 packets, '*' bytes, 0 packets lost' ]]
	done
}

@test "who may not ask, and what is no stack, is told so" {
	busy
	run -1 --separate-stderr host setpriv --reuid 1000 --regid 1000 --clear-groups "$BIN/netstackctl" status web
	[[ $stderr == "netstackctl: cannot look into '/run/fairlead/netstack': only root may ask a stack" ]]
	run -1 --separate-stderr host setpriv --reuid 1000 --regid 1000 --clear-groups "$BIN/netstackctl" ls
	[[ $stderr == "netstackctl: cannot read '/run/fairlead/netstack': Permission denied" ]]
	run -3 --separate-stderr ctl status /etc/passwd
	[[ $stderr == "netstackctl: '/etc/passwd' is no network namespace" ]]
	run -3 --separate-stderr ctl status /run/netns/nobody
	[[ $stderr == "netstackctl: there is no '/run/netns/nobody'" ]]
	run -3 --separate-stderr ctl status $$
	[[ $stderr == "netstackctl: no stack serves '/proc/$$/ns/net'" ]]
}
