# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034 # the tests read what is set here
#
# cri.bash - a host with containerd, whose pods are on our plugins, and somebody outside
#
#	out 192.0.2.2 --ext0-- host 192.0.2.1 --fl0 10.99.0.1-- pods of the handlers "fairlead"
#	    2001:db8::2             2001:db8::1      fd00:99::1 and "choice"
#	                                      --cri0 10.66.0.1-- pods of the handler "runc"
#
# Pods of "choice" have the kernel's stack when they ask for no other one.
#
# The host is the one of podman.bash.  containerd is the real one with its CRI plugin, asked
# by cri.py as a kubelet would ask it; its files are in BATS_TEST_TMPDIR.  Pods and containers
# have names here, which are those of the files that keep their ids.

load lib/podman

BIN=${FAIRLEAD_BUILD:-build/release}/bin
[[ $BIN == /* ]] || BIN=$PWD/$BIN

# Debian's, which has the modules that cri.py needs; another one before it in PATH may not.
PYTHON=/usr/bin/python3

# cri_build: images as archives, and what cri.py needs; for setup_file.
cri_build() {
	local dir=$BATS_FILE_TMPDIR image
	podman_build
	podman_images
	podman_host "$dir"
	for image in pause bb; do
		p save -q --format oci-archive -o "$dir/$image.tar" "localhost/$image:1"
	done
	podman_cleanup
	rm -r "$dir/images" "$dir/var-lib"
	protoc --python_out="$dir" -I"${BATS_TEST_FILENAME%/*}/lib" cri.proto
}

# cri_setup: for setup.
cri_setup() {
	local dir=$BATS_TEST_TMPDIR image
	HELD=()
	SOCKET=$dir/containerd.sock
	podman_boot
	at out ip route add default via 192.0.2.1
	at out ip route add default via 2001:db8::1
	mkdir "$dir"/{net.d,fairlead.d,choice.d,pods,ctrs,logs}
	cri_networks
	cri_conf
	agent_start
	containerd_start
	for image in pause bb; do
		host ctr -a "$SOCKET" -n k8s.io images import "$BATS_FILE_TMPDIR/$image.tar" >/dev/null
	done
}

# cri_networks: one for each handler; that of the default one has another plugin.
cri_networks() {
	local rest='{"type": "portmap", "capabilities": {"portMappings": true}},
		{"type": "firewall"}, {"type": "tuning"}'
	cat >"$BATS_TEST_TMPDIR/net.d/10-kernel.conflist" <<-END
		{"cniVersion": "1.0.0", "name": "kernel", "plugins": [
		 {"type": "bridge", "bridge": "cri0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
		  "ipam": {"type": "host-local", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
		           "ranges": [[{"subnet": "10.66.0.0/24"}], [{"subnet": "fd00:66::/64"}]]}},
		 $rest]}
	END
	cat >"$BATS_TEST_TMPDIR/fairlead.d/10-user.conflist" <<-END
		{"cniVersion": "1.0.0", "name": "user", "plugins": [
		 {"type": "netstack", "bridge": "fl0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
		  "capabilities": {"io.kubernetes.cri.pod-annotations": true},
		  "ipam": {"type": "host-local", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
		           "ranges": [[{"subnet": "10.99.0.0/24"}], [{"subnet": "fd00:99::/64"}]]}},
		 $rest]}
	END
	# The same network.
	jq '.plugins[0].stack = "kernel"' "$BATS_TEST_TMPDIR/fairlead.d/10-user.conflist" \
		>"$BATS_TEST_TMPDIR/choice.d/10-user.conflist"
}

# cri_conf: of containerd.
cri_conf() {
	local dir=$BATS_TEST_TMPDIR cri='plugins."io.containerd.grpc.v1.cri"'
	cat >"$dir/config.toml" <<-END
		version = 2
		root = "$dir/root"
		state = "/run/containerd"
		disabled_plugins = [
		  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
		  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
		[grpc]
		  address = "$SOCKET"
		[$cri]
		  sandbox_image = "localhost/pause:1"
		  restrict_oom_score_adj = true
		  disable_apparmor = true
		[$cri.cni]
		  bin_dir = "$CNI_BIN"
		  conf_dir = "$dir/net.d"
		[$cri.containerd]
		  default_runtime_name = "runc"
		[$cri.containerd.runtimes.runc]
		  runtime_type = "io.containerd.runc.v2"
		[$cri.containerd.runtimes.fairlead]
		  runtime_type = "io.containerd.runc.v2"
		  cni_conf_dir = "$dir/fairlead.d"
		  [$cri.containerd.runtimes.fairlead.options]
		    BinaryName = "$BIN/fairlead-runc"
		[$cri.containerd.runtimes.choice]
		  runtime_type = "io.containerd.runc.v2"
		  cni_conf_dir = "$dir/choice.d"
		  [$cri.containerd.runtimes.choice.options]
		    BinaryName = "$BIN/fairlead-runc"
	END
}

# daemon NAME COMMAND...: run it on the host, for as long as that lives; its pid there, which
# "host kill" takes, goes into BATS_TEST_TMPDIR/NAME.pid, what it says into NAME.log.
daemon() {
	local name=$BATS_TEST_TMPDIR/$1
	shift
	# shellcheck disable=SC2016 # of the inner shell
	setpriv --pdeathsig KILL nsenter --net --mount --pid --target "$HOST" -- sh -c '
		echo $$ >"$1"
		shift
		exec "$@"' sh "$name.pid" "$@" >>"$name.log" 2>&1 3>&- 4>&- &
	# It ends with the host; nobody is to say so.
	disown "$!"
}

# daemon_stop NAME: and wait until it has ended.
daemon_stop() {
	local pid
	pid=$(<"$BATS_TEST_TMPDIR/$1.pid")
	host kill "$pid"
	wait_for 10 host_dead "$pid"
}

host_dead() {
	! host kill -0 "$1" 2>/dev/null
}

agent_start() {
	daemon agent "$BIN/fairlead-agent" --verbose
	wait_for 10 host test -S /run/fairlead/netstack/agent
}

agent_stop() {
	daemon_stop agent
	host rm -f /run/fairlead/netstack/agent
}

containerd_start() {
	daemon containerd containerd -c "$BATS_TEST_TMPDIR/config.toml"
	wait_for 20 cri_ready || fail "containerd: $(tail -n 20 "$BATS_TEST_TMPDIR/containerd.log")"
}

# cri_ready: the runtime and its network.
cri_ready() {
	[[ $(cri Status 2>/dev/null | jq '[.status.conditions[] | select(.status)] | length') == 2 ]]
}

# cri METHOD [JSON], cri exec ID COMMAND...: ask containerd.
cri() {
	host env PYTHONPATH="$BATS_FILE_TMPDIR" PYTHONDONTWRITEBYTECODE=1 "$PYTHON" \
		"${BATS_TEST_FILENAME%/*}/lib/cri.py" "$SOCKET" "$@" 3>&- 4>&-
}

# --- pods and containers ---

# pod NAME HANDLER [FILTER]: run one; FILTER of jq changes its configuration.
pod() {
	local dir=$BATS_TEST_TMPDIR/pods config answer
	config=$(jq -n --arg name "$1" --arg logs "$BATS_TEST_TMPDIR/logs" --arg cgroup "/$CGROUP" '
		{metadata: {name: $name, namespace: "default", uid: $name}, log_directory: $logs,
		 linux: {cgroup_parent: $cgroup, security_context: {namespace_options: {pid: "CONTAINER"}}}}' |
		jq -c "${3:-.}")
	printf '%s' "$config" >"$dir/$1.json"
	answer=$(cri RunPodSandbox "{\"config\": $config, \"runtime_handler\": \"$2\"}") || return
	jq -er .pod_sandbox_id <<<"$answer" >"$dir/$1"
}

# ctr_make POD NAME FILTER COMMAND...: a container there, not started.
ctr_make() {
	local dir=$BATS_TEST_TMPDIR config answer
	config=$(jq -n --arg name "$2" '
		{metadata: {name: $name}, image: {image: "localhost/bb:1"}, command: $ARGS.positional,
		 log_path: ($name + ".log"),
		 linux: {security_context: {namespace_options: {pid: "CONTAINER"}}}}' \
		--args "${@:4}" | jq -c "$3")
	answer=$(cri CreateContainer "{\"pod_sandbox_id\": \"$(<"$dir/pods/$1")\", \"config\": $config,
		\"sandbox_config\": $(<"$dir/pods/$1.json")}") || return
	jq -er .container_id <<<"$answer" >"$dir/ctrs/$2"
}

# ctr_start NAME
ctr_start() {
	cri StartContainer "$(ctr_request "$1")" >/dev/null
}

# ctr_run POD NAME FILTER COMMAND...: make and start it.
ctr_run() {
	ctr_make "$@"
	ctr_start "$2"
}

# ctr_rm NAME: stop and remove it.
ctr_rm() {
	cri StopContainer "$(ctr_request "$1")" >/dev/null
	cri RemoveContainer "$(ctr_request "$1")" >/dev/null
}

ctr_request() {
	printf '{"container_id": "%s"}' "$(<"$BATS_TEST_TMPDIR/ctrs/$1")"
}

# in_ctr NAME COMMAND...: as "kubectl exec".
in_ctr() {
	cri exec "$(<"$BATS_TEST_TMPDIR/ctrs/$1")" "${@:2}"
}

# ctr_pid NAME: of its first process, on the host.
ctr_pid() {
	local answer
	answer=$(cri ContainerStatus "$(ctr_request "$1" | jq -c '. + {verbose: true}')") || return
	jq -er '.info.info | fromjson | .pid' <<<"$answer"
}

# pod_request NAME
pod_request() {
	printf '{"pod_sandbox_id": "%s"}' "$(<"$BATS_TEST_TMPDIR/pods/$1")"
}

# pod_ips NAME: its addresses, as containerd says.
pod_ips() {
	local answer
	answer=$(cri PodSandboxStatus "$(pod_request "$1")") || return
	jq -er '.status.network | .ip, .additional_ips[].ip' <<<"$answer"
}

pod_ip() {
	pod_ips "$1" | head -n 1
}

pod_ip6() {
	pod_ips "$1" | grep :
}

pod_stop() {
	cri StopPodSandbox "$(pod_request "$1")" >/dev/null
}

pod_rm() {
	cri RemovePodSandbox "$(pod_request "$1")" >/dev/null
}

# ask FROM PROTO ADDRESS PORT: on the host, outside or in a container.
ask() {
	case $1 in
	host | out) at "$1" "$PORTECHO" ask "${@:2}" ;;
	*) in_ctr "$1" portecho ask "${@:2}" ;;
	esac
}

# --- stacks ---

# stack CONTAINER WHAT: what netstackctl says of the container's stack, as JSON.
stack() {
	host "$BIN/netstackctl" --json "$2" "$(ctr_pid "$1")"
}

# listens CONTAINER PORT: a program listens there, on the container's stack.
listens() {
	[[ $(stack "$1" sockets | jq --argjson port "$2" \
		'[.sockets[] | select(.state == "LISTEN" and .local_port == $port)] | length') == 1 ]]
}

# unserved CONTAINER: no stack serves its namespace.
unserved() {
	local said
	! said=$(stack "$1" status 2>&1) || fail "a stack: $said" || return
	[[ $said == *'no stack serves'* ]] || fail "netstackctl: $said"
}

# filters CONTAINER NUMBER: so many seccomp filters does its first process have.
filters() {
	local got
	got=$(in_ctr "$1" cat /proc/1/status | sed -n 's/^Seccomp_filters:[[:space:]]*//p')
	[[ $got == "$2" ]] || fail "$1 has $got filters, not $2"
}

# --- the end ---

# cri_left: what there is of pods.
cri_left() {
	left
	# shellcheck disable=SC2016 # of the inner shell
	host sh -c '
		ip -o link show type tun
		ip -o link show | grep -E " master (fl0|cri0) "
		pgrep -ax netstackd
		ls /run/fairlead/netstack | grep -vx agent' || true
}

cri_nothing_left() {
	[[ -z $(cri_left) ]]
}

# cri_gone: stop and remove every pod, as a kubelet would; then nothing of them is there.
cri_gone() {
	local pods id
	pods=$(cri ListPodSandbox)
	for id in $(jq -r '.items[]?.id' <<<"$pods"); do
		cri StopPodSandbox "{\"pod_sandbox_id\": \"$id\"}" >/dev/null
		cri RemovePodSandbox "{\"pod_sandbox_id\": \"$id\"}" >/dev/null
	done
	wait_for 15 cri_nothing_left || fail "left: $(cri_left)"
}
