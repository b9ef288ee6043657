#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# podman containers on user stacks: through the runtime wrapper, and through the hook

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # inner shells; "run" sets them
bats_require_minimum_version 1.5.0
load lib/podman

BIN=${FAIRLEAD_BUILD:-build/release}/bin
[[ $BIN == /* ]] || BIN=$PWD/$BIN

setup_file() {
	podman_build
	podman_images
}

setup() {
	podman_setup
	# The agent of this host.
	host "$BIN/fairlead-agent" --verbose >"$BATS_TEST_TMPDIR/agent" 2>&1 3>&- &
	HELD+=("$!")
	wait_for 10 host test -S /run/fairlead/netstack/agent
	user_network
	mkdir "$BATS_TEST_TMPDIR/hooks"
	jq --arg path "$BIN/fairlead-precreate" '.hook.path = $path' contrib/podman/fairlead.json \
		>"$BATS_TEST_TMPDIR/hooks/fairlead.json"
}

teardown() {
	podman_cleanup
}

# user_network: a network of podman whose containers are on user stacks.
user_network() {
	cat >"$BATS_TEST_TMPDIR/net.d/user.conflist" <<-END
		{"cniVersion": "0.4.0", "name": "user", "plugins": [
		 {"type": "netstack", "bridge": "fl0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
		  "ipam": {"type": "host-local", "routes": [{"dst": "0.0.0.0/0"}],
		           "ranges": [[{"subnet": "10.99.0.0/24", "gateway": "10.99.0.1"}]]}},
		 {"type": "portmap", "capabilities": {"portMappings": true}},
		 {"type": "firewall", "backend": ""},
		 {"type": "tuning"}]}
	END
}

# hooked ARG...: podman with our hook.
hooked() {
	with --hooks-dir "$BATS_TEST_TMPDIR/hooks" "$@"
}

# with OPTION VALUE ARG...: podman with a global option.
with() {
	local args=("${@:3}")
	[[ $3 != run ]] || args=(run --cgroup-parent "/$CGROUP" "${@:4}")
	host env "${PODMAN_ENV[@]}" podman "$1" "$2" "${args[@]}" 3>&- 4>&-
}

# wrapped ARG...: podman with our runtime.
wrapped() {
	with --runtime "$BIN/fairlead-runc" "$@"
}

# user_gone: as podman_gone; the bridge stays, as with the plugin bridge, and every stack has gone.
user_gone() {
	p pod rm -fa -t 0 >/dev/null
	p rm -fa -t 0 >/dev/null
	wait_for 10 no_stack
	host ip link del fl0 2>/dev/null || true
	podman_gone
}

# stack CONTAINER WHAT: what netstackctl says of the container's stack, as JSON.
stack() {
	host "$BIN/netstackctl" --json "$2" "$(p inspect "$1" | jq -er '.[0].State.Pid')"
}

# listens CONTAINER PORT: its stack has that listener.
listens() {
	[[ $(stack "$1" sockets | jq --argjson port "$2" \
		'[.sockets[] | select(.state == "LISTEN" and .local_port == $port)] | length') == 1 ]]
}

stacks() {
	host pgrep -x netstackd
}

no_stack() {
	! stacks
}

@test "the wrapper: a server in a container is reached from outside, on its user stack" {
	wrapped run -d --name web --network user -p 8080:80 "$BB" portecho serve tcp 80 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	answers 'web 10.99.0.1' host tcp "$(ip_of web user)" 80
	listens web 80
	user_gone
}

@test "the wrapper: a client in a container" {
	serve out tcp 99 outside
	wrapped run -d --name c1 --network user "$BB" sleep 100
	run -0 wrapped exec c1 portecho ask tcp 192.0.2.2 99
	[[ $output == 'outside 192.0.2.1' ]]
	# UDP and ping are the namespace's kernel's.
	serve out udp 98 outside
	run -0 p exec c1 portecho ask udp 192.0.2.2 98
	run -0 p exec c1 ping -c 1 192.0.2.2
	user_gone
}

@test "the hook: no runtime is named" {
	hooked run -d --name web --network user -p 8080:80 "$BB" portecho serve tcp 80 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	listens web 80
	user_gone
}

@test "crun, by the wrapper's other name" {
	# It refuses a cgroup 2 hierarchy beside those of version 1.
	host sh -c '! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified'
	ln -s "$BIN/fairlead-runc" "$BATS_TEST_TMPDIR/fairlead-crun"
	with --runtime "$BATS_TEST_TMPDIR/fairlead-crun" run -d --name web --network user -p 8080:80 \
		"$BB" portecho serve tcp 80 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	listens web 80
	serve out tcp 99 outside
	run -0 with --runtime "$BATS_TEST_TMPDIR/fairlead-crun" exec web portecho ask tcp 192.0.2.2 99
	[[ $output == 'outside 192.0.2.1' ]]
	user_gone
}

@test "the hook and the wrapper, both" {
	with --runtime "$BIN/fairlead-runc" --hooks-dir "$BATS_TEST_TMPDIR/hooks" \
		run -d --cgroup-parent "/$CGROUP" --name web --network user -p 8080:80 "$BB" portecho serve tcp 80 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	listens web 80
	user_gone
}

@test "two containers of one pod share the stack" {
	hooked pod create --cgroup-parent "/$CGROUP" --name pod --network user >/dev/null
	hooked run -d --pod pod --name web "$BB" portecho serve tcp 80 web
	hooked run -d --pod pod --name c1 "$BB" sleep 100
	answers 'web 127.0.0.1' c1 tcp 127.0.0.1 80
	user_gone
}

@test "restart, and a privileged container" {
	hooked run -d --privileged --name web --network user -p 8080:80 "$BB" portecho serve tcp 80 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	hooked restart -t 0 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	listens web 80
	user_gone
}

@test "a container of another network is not touched" {
	network other --subnet 10.77.0.0/24
	hooked run -d --name web --network other "$BB" portecho serve tcp 80 web
	answers 'web 10.77.0.1' host tcp "$(ip_of web other)" 80
	no_stack
	run -0 p exec web cat /proc/1/status
	[[ $output == *'Seccomp_filters:	1'* ]]
	user_gone
}

@test "network reload keeps connections" {
	hooked run -d --name web --network user -p 8080:80 "$BB" portecho serve tcp 80 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	p network reload web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	user_gone
}

@test "without the agent a container is not started" {
	kill "${HELD[-1]}"
	host pkill -x fairlead-agent || true
	host rm -f /run/fairlead/netstack/agent
	run ! hooked run --name web --network user "$BB" true
	user_gone
}
