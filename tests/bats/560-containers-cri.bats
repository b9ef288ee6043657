#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Pods of a real containerd on user stacks, by a runtime handler
# shellcheck disable=SC2030,SC2031,SC2154 # "run" sets them

bats_require_minimum_version 1.5.0
load lib/cri

PORTS='.port_mappings = [{container_port: 80, host_port: 8080}]'
DEFAULT_PROFILE='.linux.security_context.seccomp = {profile_type: "RuntimeDefault"}'

setup_file() {
	cri_build
}

setup() {
	cri_setup
}

teardown() {
	podman_cleanup
}

# opens CONTAINER: how many connections its stack has opened.
opens() {
	stack "$1" counters | jq .tcp.active_opens
}

# handed CONTAINER: the agent says that it brought it to a stack.
handed() {
	grep -F "'$(<"$BATS_TEST_TMPDIR/ctrs/$1")'" "$BATS_TEST_TMPDIR/agent.log"
}

# web POD NAME [FILTER]: a server in a container.
web() {
	ctr_run "$1" "$2" "${3:-.}" portecho serve tcp 80 "$2"
}

@test "a server in a pod is reached from outside, on its user stack" {
	pod p1 fairlead "$PORTS"
	web p1 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	answers 'web 2001:db8::2' out tcp 2001:db8::1 8080
	answers 'web 192.0.2.2' out tcp "$(pod_ip p1)" 80
	answers 'web 2001:db8::2' out tcp "$(pod_ip6 p1)" 80
	answers 'web 10.99.0.1' host tcp "$(pod_ip p1)" 80
	listens web 80
	# Unconfined otherwise: the one filter is ours.
	filters web 1
	# The agent brought the container to the stack, and not the pod's pause container.
	handed web
	run -1 grep -F "'$(<"$BATS_TEST_TMPDIR/pods/p1")'" "$BATS_TEST_TMPDIR/agent.log"
	cri_gone
}

@test "exec: a client in a container, with its runtime's default profile" {
	serve out tcp 99 outside
	serve out udp 98 outside
	pod p1 fairlead
	ctr_run p1 c1 "$DEFAULT_PROFILE" sleep 1000
	filters c1 1
	local before
	before=$(opens c1)
	run -0 in_ctr c1 portecho ask tcp 192.0.2.2 99
	[[ $output == 'outside 192.0.2.1' ]]
	run -0 in_ctr c1 portecho ask tcp 2001:db8::2 99
	[[ $output == 'outside 2001:db8::1' ]]
	(($(opens c1) == before + 2))
	# UDP and ping are the namespace's kernel's.
	run -0 in_ctr c1 portecho ask udp 192.0.2.2 98
	run -0 in_ctr c1 ping -c 1 192.0.2.2
	(($(opens c1) == before + 2))
	cri_gone
}

@test "a container is restarted in its pod" {
	local first
	pod p1 fairlead "$PORTS"
	web p1 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	first=$(stack web status | jq .pid)
	ctr_rm web
	silent out tcp 192.0.2.1 8080
	# Another container for the kubelet and for runc, in the same sandbox.
	web p1 web '.metadata.attempt = 1'
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	listens web 80
	[[ $(stack web status | jq .pid) == "$first" ]]
	# One that ended by itself.
	host kill -KILL "$(ctr_pid web)"
	web p1 again '.metadata.attempt = 2'
	answers 'again 192.0.2.2' out tcp 192.0.2.1 8080
	cri_gone
}

@test "a privileged container" {
	pod p1 fairlead "$PORTS | .linux.security_context.privileged = true"
	web p1 web '.linux.security_context.privileged = true'
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	listens web 80
	run -0 in_ctr web cat /proc/1/status
	[[ $output == *$'Seccomp_filters:\t1\n'* ]]
	run -0 in_ctr web ip link set lo mtu 1400
	cri_gone
}

@test "containers of a pod talk over its loopback" {
	pod p1 fairlead
	web p1 web
	ctr_run p1 c1 . sleep 1000
	ctr_run p1 c2 "$DEFAULT_PROFILE" sleep 1000
	answers 'web 127.0.0.1' c1 tcp 127.0.0.1 80
	answers 'web ::1' c2 tcp ::1 80
	answers "web $(pod_ip p1)" c2 tcp "$(pod_ip p1)" 80
	cri_gone
}

@test "pods of one network, and those of the default handler, reach each other" {
	pod user1 fairlead
	pod user2 fairlead
	pod kernel runc
	web user1 web1
	web user2 web2
	web kernel web3
	answers "web2 $(pod_ip user1)" web1 tcp "$(pod_ip user2)" 80
	answers "web1 $(pod_ip6 user2)" web2 tcp "$(pod_ip6 user1)" 80
	answers 'web3 10.66.0.1' web1 tcp "$(pod_ip kernel)" 80
	answers 'web1 10.99.0.1' web3 tcp "$(pod_ip user1)" 80
	cri_gone
}

@test "a pod of the default handler is untouched" {
	pod user fairlead
	pod kernel runc "$PORTS"
	web user web1
	web kernel web2
	ctr_run kernel c2 "$DEFAULT_PROFILE" sleep 1000
	answers 'web2 192.0.2.2' out tcp 192.0.2.1 8080
	unserved web2
	filters web2 0
	filters c2 1
	# The agent heard of no container of it.
	handed web1
	run -1 handed web2
	run -1 handed c2
	# Nor one of the host's network, whatever its handler.
	pod hostnet fairlead '.linux.security_context.namespace_options.network = "NODE"'
	ctr_run hostnet web3 . portecho serve tcp 8081 web3
	answers 'web3 192.0.2.2' out tcp 192.0.2.1 8081
	unserved web3
	filters web3 0
	listens web1 80
	cri_gone
}

@test "annotations of a pod choose its stack and mode" {
	pod kernel fairlead '.annotations = {"fairlead.io/stack": "kernel", "other": "x"}'
	web kernel web1
	answers 'web1 10.99.0.1' host tcp "$(pod_ip kernel)" 80
	unserved web1
	filters web1 0
	pod full fairlead '.annotations = {"fairlead.io/mode": "full"}'
	web full web2
	ctr_run full udp . portecho serve udp 81 udp
	answers "udp 10.99.0.1" host udp "$(pod_ip full)" 81
	answers 'web2 10.99.0.1' host tcp "$(pod_ip full)" 80
	[[ $(stack web2 status | jq -r .mode) == full ]]
	[[ $(stack udp sockets | jq -c '[.sockets[] | select(.protocol == "udp") | .local_port]') == '[81]' ]]
	# A word that is none is said to who made the pod.
	run -3 pod none fairlead '.annotations = {"fairlead.io/mode": "both"}'
	[[ $output == *"annotation 'fairlead.io/mode' must be 'hybrid' or 'full', got 'both'"* ]]
	cri_gone
}

@test "one network for all pods: those that ask for it have a user stack" {
	pod user choice '.annotations = {"fairlead.io/stack": "user"}'
	pod kernel choice
	web user web1
	web kernel web2
	answers "web2 $(pod_ip user)" web1 tcp "$(pod_ip kernel)" 80
	answers "web1 $(pod_ip kernel)" web2 tcp "$(pod_ip user)" 80
	listens web1 80
	unserved web2
	filters web1 1
	filters web2 0
	cri_gone
}

@test "without the agent neither a container nor an exec starts" {
	pod p1 fairlead "$PORTS"
	web p1 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	agent_stop
	ctr_make p1 c1 . sleep 1000
	run -3 ctr_start c1
	[[ $output == *'seccomp agent'* ]]
	run -3 in_ctr web true
	# Whoever runs goes on.
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	agent_start
	run -0 in_ctr web true
	ctr_run p1 c2 . sleep 1000
	cri_gone
}

@test "containerd is restarted, and pods go on" {
	pod p1 fairlead "$PORTS"
	web p1 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	daemon_stop containerd
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	containerd_start
	answers 'web 127.0.0.1' web tcp 127.0.0.1 80
	listens web 80
	cri_gone
}

@test "a pod is stopped, twice, and removed: nothing is left at either time" {
	local ip daemon
	pod p1 fairlead "$PORTS"
	web p1 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	ip=$(pod_ip p1)
	daemon=$(stack web status | jq .pid)
	# What is looked for is there now.
	host test -e "/var/lib/cni/networks/user/$ip"
	[[ $(traces) == *"$ip"* ]]
	host ip -o link show type tun | grep -q 'master fl0'
	# The network goes when the pod stops, not only when it is removed.
	pod_stop p1
	wait_for 10 host_dead "$daemon"
	[[ ! $(host ip -o link show type tun) ]]
	host test ! -e "/var/lib/cni/networks/user/$ip"
	[[ ! $(traces) ]] || fail "left: $(traces)"
	pod_stop p1
	pod_rm p1
	pod_rm p1
	wait_for 15 cri_nothing_left || fail "left: $(cri_left)"
	# The address is free again.
	pod p2 fairlead "$PORTS"
	web p2 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	cri_gone
}

@test "pods made and removed at the same time" {
	local i jobs=() all
	for i in 1 2 3 4; do
		pod "p$i" fairlead 3>&- &
		jobs+=("$!")
	done
	for i in "${jobs[@]}"; do
		wait "$i"
	done
	all=$(for i in 1 2 3 4; do pod_ip "p$i"; done)
	[[ $(sort -u <<<"$all" | wc -l) == 4 ]]
	[[ $(host pgrep -cx netstackd) == 4 ]]
	for i in 1 2 3 4; do
		web "p$i" "web$i"
	done
	answers "web2 $(pod_ip p1)" web1 tcp "$(pod_ip p2)" 80
	answers "web4 $(pod_ip p3)" web3 tcp "$(pod_ip p4)" 80
	jobs=()
	for i in 1 2 3 4; do
		{ pod_stop "p$i" && pod_rm "p$i"; } 3>&- &
		jobs+=("$!")
	done
	for i in "${jobs[@]}"; do
		wait "$i"
	done
	wait_for 15 cri_nothing_left || fail "left: $(cri_left)"
}

@test "a pod whose netstackd has died can be removed" {
	pod p1 fairlead "$PORTS"
	web p1 web
	answers 'web 192.0.2.2' out tcp 192.0.2.1 8080
	ctr_run p1 c1 . sleep 1000
	host kill -KILL "$(stack web status | jq .pid)"
	silent out tcp 192.0.2.1 8080
	# Programs fail, they do not hang.
	run -1 in_ctr c1 portecho ask tcp 192.0.2.2 99
	[[ $output == *'Function not implemented'* ]]
	cri_gone
}
