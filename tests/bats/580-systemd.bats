#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The units, run by systemd: readiness, restarts, sockets, rights, the journal, and what is left

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # inner shells; "run" sets them
bats_require_minimum_version 1.5.0
load lib/systemd

SOCKETS=/run/fairlead/netstack

setup_file() { systemd_build; }

setup() {
	systemd_setup
	host ip link add br0 type bridge
	host ip addr add 10.9.0.1/24 dev br0
	host ip link set br0 up
	host ip tuntap add fl0 mode tap vnet_hdr
	host ip link set fl0 master br0 up
	host ip netns add c1
}

teardown() { systemd_gone; }

# configure NAME [OPTION...]: the two files of a stack.
configure() {
	host sh -c 'printf "NIC=tap:fl0\nOPTIONS=%s\n" "$2" >/etc/netstackd/$1.conf' sh "$1" "${*:2}"
	host sh -c 'cat >/etc/netstackd/$1.ip' sh "$1" <<-END
		link set lo up
		address add 10.9.0.2/24 dev eth0
		link set eth0 up
		route add default via 10.9.0.1
	END
}

# nothing_left: neither interface nor socket.
nothing_left() {
	[[ -z $(host ip -n c1 -o link show type tun) ]]
	[[ -z $(host ls "$SOCKETS") ]] || fail "left: $(host ls -l "$SOCKETS")"
}

# restarted PID: the stack is another process, and serves.
restarted() {
	is active netstackd@c1 && [[ $(main_pid netstackd@c1) != "$1" ]]
}

@test "systemd has nothing to say against the units, and little to their rights" {
	run -0 host systemd-analyze verify --man=no fairlead-agent.socket fairlead-agent.service \
		/usr/local/lib/systemd/system/netstackd@.service
	[[ -z $output ]] || fail "$output"
	# Tenths.
	host systemd-analyze security --threshold=15 fairlead-agent.service >/dev/null
	host systemd-analyze security --threshold=60 netstackd@c1.service >/dev/null
	# Their pages are there.
	run -0 host sh -c 'sed -n "s/^Documentation=man://p" /usr/local/lib/systemd/system/*'
	((${#lines[@]} == 3))
	for page in "${lines[@]}"; do
		host test -s "/usr/local/share/man/man8/${page%(8)}.8"
	done
}

@test "a stack is ready when systemd says so, with its addresses, and leaves nothing" {
	local pid
	configure c1 --id web --mode full
	host systemctl start netstackd@c1
	# At once: systemctl has waited for it.
	[[ $(host netstackctl status --json web | jq -r .mode) == full ]]
	pid=$(main_pid netstackd@c1)
	[[ $(host awk '/^(Uid|NoNewPrivs|Seccomp):/ {print $2}' "/proc/$pid/status" | xargs) == '65534 1 2' ]]
	host curl --silent --output /dev/null --connect-timeout 1 http://10.9.0.2/ || status=$?
	[[ $status == 7 ]] # refused, by the stack
	host systemctl stop netstackd@c1
	is inactive netstackd@c1
	nothing_left
	run -0 said netstackd@c1
	[[ ${lines[0]} == "6 serves '/run/netns/c1' by 'tap:fl0', mode full" ]]
	[[ ${lines[-1]} == '6 ends: signal SIGTERM' ]]
}

@test "what the documentation says works as it says" {
	sed -n '/^\*\*`netstackd@NAME/,/^## /{/^```sh/,/^```$/p}' docs/netstackd.md | grep -v '^```' |
		host sh -c 'cat >/run/commands'
	host grep -q systemctl /run/commands
	run -0 host bash -e /run/commands
	[[ $output == *'namespace   /run/netns/web'*'mode        hybrid'* ]]
	host ip netns exec web ping -c 1 -W 10 10.9.0.1
	host sh -c 'mkdir /run/www; echo hello >/run/www/index.html
		netns-run exec /run/netns/web -- busybox httpd -f -p 80 -h /run/www >/dev/null 2>&1 &'
	wait_for 10 get
	[[ $(get) == hello ]]
	[[ $(host netstackctl sockets --json -l web | jq '.sockets | length') == 1 ]]
	host systemctl stop netstackd@web
	[[ -z $(host ls "$SOCKETS") ]]
}

@test "killed it is started again, and the interface has its addresses again" {
	local pid
	configure c1
	host systemctl start netstackd@c1
	pid=$(main_pid netstackd@c1)
	host kill -KILL "$pid"
	wait_for 20 restarted "$pid"
	[[ $(host ip -n c1 -4 -o address show dev eth0) == *10.9.0.2/24* ]]
	host ip netns exec c1 ping -c 1 -W 10 10.9.0.1
	[[ $(host ls "$SOCKETS" | wc -l) == 1 ]]
}

@test "it ends with its namespace, one that was made after systemd and before it, or while it runs" {
	local pid
	configure c1
	configure c2
	host systemctl start netstackd@c1
	host ip netns del c1
	wait_for 20 is inactive netstackd@c1
	host ip netns add c2
	host systemctl start netstackd@c2
	host ip netns add c1
	host ip netns del c1
	is active netstackd@c2
	host ip netns del c2
	wait_for 20 is inactive netstackd@c2
	[[ -z $(host ls "$SOCKETS") ]]
	[[ -z $(host systemctl list-units --failed --no-legend) ]]
}

@test "every kind of device can be opened with the rights that the unit leaves" {
	local kind
	host ip link add v0 type veth peer name v1
	host ip link set v0 up
	host ip link set v1 up
	host ip addr add 10.8.0.1/24 dev v1
	for kind in macvtap af_packet af_xdp; do
		host ip netns add "$kind"
		host sh -c 'printf "address add 10.8.0.2/24 dev eth0\nlink set eth0 up\n" >/etc/netstackd/$1.ip' sh "$kind"
		host sh -c 'echo "NIC=$1:v0" >/etc/netstackd/$1.conf' sh "$kind"
		[[ $kind != macvtap ]] || {
			host ip link add mv0 link v0 type macvtap mode bridge
			host ip link set mv0 up
			host sh -c 'echo NIC=macvtap:mv0 >/etc/netstackd/macvtap.conf'
		}
		host systemctl start "netstackd@$kind" || fail "$(said "netstackd@$kind")"
		host ip netns exec "$kind" ping -c 1 -W 10 10.8.0.1
		host systemctl stop "netstackd@$kind"
		[[ $kind != macvtap ]] || host ip link del mv0
	done
	[[ -z $(host ls "$SOCKETS") ]]
}

@test "what cannot work is told once or a few times, and ends" {
	# The device goes away, and does not come back.
	host ip link add v0 type veth peer name v1
	host ip link add mv0 link v0 type macvtap mode bridge
	host ip link set mv0 up
	host sh -c 'echo NIC=macvtap:mv0 >/etc/netstackd/c1.conf'
	host systemctl start netstackd@c1
	host ip link del mv0
	wait_for 25 is failed netstackd@c1
	run -0 said netstackd@c1
	[[ ${lines[1]} == "3 the device 'macvtap:mv0' is gone" ]]
	[[ ${lines[2]} == "3 nic 'macvtap:mv0': there is no interface 'mv0'" ]]
	((${#lines[@]} <= 6))
	nothing_left
	# Wrong usage is not tried again.
	host sh -c 'printf "NIC=tap:fl0\nOPTIONS=--mode fast\n" >/etc/netstackd/c2.conf'
	host ip netns add c2
	run ! host systemctl start netstackd@c2
	is failed netstackd@c2
	run -0 said netstackd@c2
	[[ $output == "3 option '--mode' wants hybrid or full, got 'fast' (see 'netstackd --help')" ]]
	# There is no configuration.
	run ! host systemctl start netstackd@c3
	host journalctl --no-pager --output cat --unit netstackd@c3 |
		grep -qx '.*Failed to load environment files: No such file or directory'
}

@test "the log as JSON in the journal" {
	configure c1 --log -
	host systemctl start netstackd@c1
	host systemctl stop netstackd@c1
	said netstackd@c1 | sed 's/^6 //' | jq -es 'map(.event) == ["ready", "end"]'
}

# bundle: of a container in c1, in /run/b.
bundle() {
	host sh -e -c '
		mkdir -p /run/b/rootfs/bin /run/b/rootfs/proc /run/b/rootfs/www
		cp "$(command -v busybox)" /run/b/rootfs/bin/
		echo hello >/run/b/rootfs/www/index.html
		cd /run/b
		runc spec
		jq ".process.terminal = false | .root.readonly = false | del(.linux.resources)
			| .process.args = [\"/bin/busybox\", \"httpd\", \"-f\", \"-p\", \"80\", \"-h\", \"/www\"]
			| (.linux.namespaces[] | select(.type == \"network\")).path = \"/run/netns/c1\"
			| .linux.namespaces |= map(select(.type != \"cgroup\"))
			| .mounts |= map(select(.type != \"cgroup\"))" config.json >new
		mv new config.json'
}

get() { host curl --silent --fail --max-time 5 http://10.9.0.2/; }

@test "a container comes to its stack by the agent's socket, from the first message on" {
	local runtime _
	bundle
	configure c1 --id web
	host systemctl start netstackd@c1
	host systemctl enable --now fairlead-agent.socket
	host test -e /etc/systemd/system/sockets.target.wants/fairlead-agent.socket
	is inactive fairlead-agent.service
	for runtime in runc 'crun --cgroup-manager=disabled'; do
		# Twice, from the same bundle; the second time there is no agent but the socket.
		for _ in 1 2; do
			# shellcheck disable=SC2086 # words
			host sh -c 'cd /run/b && exec "$@" >out 2>&1 </dev/null' sh fairlead-$runtime run -d web ||
				fail "$runtime: $(host cat /run/b/out)"
			is active fairlead-agent.service
			wait_for 10 get
			[[ $(get) == hello ]]
			[[ $(host netstackctl sockets --json | jq -c '[.sockets[] | select(.state == "LISTEN").local_port]') == '[80]' ]]
			# In the foreground: crun keeps its connection to the agent meanwhile.
			# shellcheck disable=SC2086 # words
			run -0 host $runtime exec web /bin/busybox wget -q -O - http://10.9.0.2/
			[[ $output == hello ]]
			# shellcheck disable=SC2086 # words
			host $runtime delete --force web
			host systemctl stop fairlead-agent.service
		done
	done
	run -0 said fairlead-agent.service
	[[ -z $output ]] || fail "$output"
	host systemctl disable --now fairlead-agent.socket
	host systemctl stop netstackd@c1
	nothing_left
}

@test "an agent that is stopped hands over first what has come" {
	host systemctl start fairlead-agent.socket
	host python3 -c 'import socket, time
s = socket.socket(socket.AF_UNIX)
s.connect("/run/fairlead/netstack/agent")
s.sendall(b"{")
time.sleep(1000)' 3>&- &
	wait_for 10 is active fairlead-agent.service
	has_child() { host pgrep --parent "$(main_pid fairlead-agent.service)"; }
	wait_for 10 has_child
	host systemctl stop fairlead-agent.socket fairlead-agent.service
	run -0 said fairlead-agent.service
	[[ $output == "3 a runtime's message did not end within 5000 ms" ]] || fail "$output"
	[[ -z $(host ls "$SOCKETS") ]]
}

@test "make uninstall removes what make install has put there" {
	local o=$BATS_TEST_TMPDIR/dest name page
	places=(DESTDIR="$o" PREFIX=/usr CNIDIR=/usr/lib/cni)
	make_it() {
		env -u MAKEFLAGS -u MFLAGS make --no-print-directory O="$FAIRLEAD_O" SAN="$FAIRLEAD_SAN" "${places[@]}" "$1"
	}
	make_it install-files
	# Every program has a page and completion.
	for name in cmd/*/; do
		name=$(basename "$name")
		[[ -x $o/usr/bin/$name && -s $o/usr/share/bash-completion/completions/$name ]]
		page=("$o/usr/share/man/man"?"/$name".?)
		[[ -s ${page[0]} ]]
	done
	for name in plugins/*/ ipam/*/; do
		[[ -x $o/usr/lib/cni/$(basename "$name") ]]
	done
	[[ $("$o/usr/bin/fairlead-crun" --version 2>&1) ]]
	# What names paths names ours.
	run -1 grep -r /usr/local "$o/usr/lib/systemd" "$o/usr/share/fairlead"
	[[ -x $o$(jq -r .hook.path "$o/usr/share/fairlead/hooks.d/fairlead.json") ]]
	run -0 sed -n 's,^ExecStart=\([^ ]*\).*,\1,p' "$o/usr/lib/systemd/system"/*
	((${#lines[@]} == 2))
	for name in "${lines[@]}"; do
		[[ -x $o$name ]]
	done
	make_it uninstall
	[[ -z $(find "$o" -type f -o -type l) ]]
}
