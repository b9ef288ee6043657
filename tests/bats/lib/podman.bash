# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034 # the tests read what is set here
#
# podman.bash - a host with podman on our plugins, and somebody outside
#
#	out 192.0.2.2 --ext0-- host 192.0.2.1, .11 --bridges of podman-- containers
#	    2001:db8::2             2001:db8::1
#
# The host is more than the one of common.bash: podman keeps processes, so it is also a
# pid namespace, and killing its first process ends whatever podman started.  Files of
# podman are in BATS_FILE_TMPDIR (the image) and BATS_TEST_TMPDIR (all other); what it
# insists on having elsewhere is an empty file system of the host: /run, /var/lib, /dev/shm.
# Only control groups are the machine's; podman makes them below one of the test's own,
# which is removed.
#
# Traps met on the way:
#   "ip netns exec" makes a mount namespace, in which network namespaces that podman
#   mounts later do not show: nsenter instead.
#   crun refuses the hybrid cgroup layout, runc does not.  podman asks for more open files
#   than a machine without CAP_SYS_RESOURCE grants: default_ulimits.
#   The plugin dnsname is not ours: --disable-dns.

load lib/portmap

BB=localhost/bb:1

# Containers keep it when the host is booted again.
CGROUP=fairlead-podman.$$

# Every plugin that podman's configurations can name.
PODMAN_PLUGINS=(bridge dhcp dnsname firewall host-local ipvlan macvlan portmap ptp static tuning)

# podman_build: what runs in the image and beside it; for setup_file.
podman_build() {
	local dir=$BATS_FILE_TMPDIR plugin
	export PORTECHO=$dir/portecho
	"${CC:-cc}" -static -std=gnu11 -D_GNU_SOURCE -O1 -o "$PORTECHO" \
		"${BATS_TEST_FILENAME%/*}/lib/portecho.c"
	cgroups_sweep
	# The first process of a pod, and of our host: it only buries the dead.
	"${CC:-cc}" -static -O1 -o "$dir/pause" -x c - <<'END'
#include <signal.h>
#include <unistd.h>
static void stop(int sig)
{
	(void)sig;
	_exit(0);
}
int main(void)
{
	signal(SIGCHLD, SIG_IGN);
	signal(SIGTERM, stop);
	for (;;)
		pause();
}
END
	# What would run if ours were not found: it says so, and fails.
	mkdir "$dir/decoys"
	for plugin in "${PODMAN_PLUGINS[@]}"; do
		# shellcheck disable=SC2016 # of the decoy
		printf '#!/bin/sh\necho "%s $CNI_COMMAND" >>%s/not-ours\nexit 1\n' \
			"$plugin" "$dir" >"$dir/decoys/$plugin"
	done
	chmod +x "$dir/decoys"/*
}

# podman_images: import the two images into a store that every test reads.
podman_images() {
	local dir=$BATS_FILE_TMPDIR root=$BATS_FILE_TMPDIR/rootfs applet
	mkdir -p "$root"/{bin,etc,proc,sys,dev,tmp,www} "$dir/pauseroot"
	cp "$(command -v busybox)" "$PORTECHO" "$root/bin/"
	for applet in sh sleep ip ping true httpd cat wc; do
		ln -s busybox "$root/bin/$applet"
	done
	echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
	echo 'root:x:0:' >"$root/etc/group"
	echo 'hello from a container' >"$root/www/index.html"
	cp "$dir/pause" "$dir/pauseroot/"
	podman_conf "$dir" "$dir/images"
	podman_host "$dir"
	tar -C "$root" -c . | p import -q -c 'CMD ["/bin/sh"]' - "$BB" >/dev/null
	tar -C "$dir/pauseroot" -c . |
		p import -q -c 'ENTRYPOINT ["/pause"]' -c 'CMD ["/pause"]' - localhost/pause:1 >/dev/null
	podman_cleanup
	rm -r "$root" "$dir"/{pauseroot,net.d,var-lib}
}

# podman_conf DIR STORE [IMAGES]: configuration of podman in DIR, containers in STORE.
podman_conf() {
	mkdir "$1/net.d"
	cat >"$1/containers.conf" <<END
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
cgroups = "enabled"
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
infra_image = "localhost/pause:1"
[network]
network_backend = "cni"
network_config_dir = "$1/net.d"
cni_plugin_dirs = ["$CNI_BIN", "$BATS_FILE_TMPDIR/decoys"]
END
	cat >"$1/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$2"
runroot = "/run/containers/storage"
[storage.options]
additionalimagestores = [${3:+"\"$3\""}]
END
	PODMAN_ENV=("HOME=$1" "TMPDIR=$1" "CONTAINERS_CONF=$1/containers.conf"
		"CONTAINERS_STORAGE_CONF=$1/storage.conf")
}

# podman_host DIR: boot the host, whose /var/lib is in DIR; HOST is the pid of its first
# process here.
podman_host() {
	local dir=$1 fifo=$1/host word=''
	mkdir -p "$dir/var-lib"
	mkfifo "$fifo"
	# shellcheck disable=SC2016 # of the inner shell
	setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child \
		--propagation private sh -c '
		set -e
		mount -t proc proc /proc
		mount -t tmpfs tmpfs /run
		mount --bind "$3" /var/lib
		mount -t tmpfs tmpfs /dev/shm
		cat /proc/sys/kernel/random/uuid >/run/boot_id
		mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
		mkdir /run/netns /run/cgroup
		mount --rbind /sys/fs/cgroup /run/cgroup
		mount -t sysfs sysfs /sys
		mount --move /run/cgroup /sys/fs/cgroup
		rmdir /run/cgroup
		ip link set lo up
		echo ready >"$1"
		exec "$2"' sh "$fifo" "$BATS_FILE_TMPDIR/pause" "$dir/var-lib" >/dev/null 2>"$fifo.err" 3>&- &
	HELD=("$!")
	read -r -t 10 word <>"$fifo" || true
	rm "$fifo"
	[[ $word == ready ]] || fail "no host (root is needed): $(<"$fifo.err")"
	# No newline ends it.
	read -r HOST <"/proc/$!/task/$!/children" || [[ -n $HOST ]]
}

# podman_setup: for setup.
podman_setup() {
	HELD=()
	podman_conf "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/root" "$BATS_FILE_TMPDIR/images"
	podman_boot
}

# podman_boot: start the host, and who is outside.
podman_boot() {
	podman_host "$BATS_TEST_TMPDIR"
	container_new out
	host ip link add ext0 up type veth peer name eth0 netns out
	at out ip link set lo up
	at out ip link set eth0 up
	address host ext0 192.0.2.1/24 192.0.2.11/24 2001:db8::1/64
	address out eth0 192.0.2.2/24 2001:db8::2/64
	host ip route add default via 192.0.2.2
	host ip route add default via 2001:db8::2
}

# podman_cleanup: for teardown.
podman_cleanup() {
	# The host's first process ends after all others, and "unshare" after it: nobody is
	# left to make another control group.
	if [[ -n ${HOST:-} ]]; then
		kill -KILL "$HOST" 2>/dev/null || true
		wait "${HELD[0]}" || true
	fi
	host_gone
	wait_for 10 cgroups_gone
}

# cgroups_sweep: remove what a test left that was killed.
cgroups_sweep() {
	local dir CGROUP
	for dir in /sys/fs/cgroup/{,*/}fairlead-podman.*; do
		[[ -d $dir ]] || continue
		CGROUP=${dir##*/}
		[[ -e /proc/${dir##*.} ]] || cgroups_gone || fail "processes are left in $dir"
	done
}

# cgroups_gone: remove the control groups of the host.
cgroups_gone() {
	local match=(-type d \( -name "$CGROUP" -o -path "*/$CGROUP/*" \))
	find /sys/fs/cgroup -depth "${match[@]}" -exec rmdir {} + 2>/dev/null || true
	[[ -z $(find /sys/fs/cgroup "${match[@]}") ]]
}

# host COMMAND...: run it on the host.
host() {
	timeout "$CMD_TIMEOUT" nsenter --net --mount --pid --target "$HOST" -- "$@"
}

# p ARG...: call podman.
p() {
	local args=("$@")
	case "$1 ${2:-}" in
	run\ * | create\ *) args=("$1" --cgroup-parent "/$CGROUP" "${@:2}") ;;
	"pod create") args=(pod create --cgroup-parent "/$CGROUP" "${@:3}") ;;
	esac
	host env "${PODMAN_ENV[@]}" podman "${args[@]}" 3>&- 4>&-
}

# network NAME [OPTION...]: create one without the plugin that is not ours.
network() {
	p network create --disable-dns "${@:2}" "$1"
}

# service NAME PROTO PORT [OPTION...]: a container that answers there with its name.
service() {
	p run -d --name "$1" "${@:4}" "$BB" portecho serve "$2" "$3" "$1"
}

# ask FROM PROTO ADDRESS PORT: on the host, outside or in a container of podman.
ask() {
	case $1 in
	host | out) at "$1" "$PORTECHO" ask "${@:2}" ;;
	*) p exec "$1" portecho ask "${@:2}" ;;
	esac
}

# answers TEXT FROM PROTO ADDRESS PORT: that is what one asking there hears, within seconds:
# a container that has started does not listen yet.
answers() {
	local text=$1 end=$((SECONDS + 10)) got=
	shift
	until got=$(ask "$@") || ((SECONDS >= end)); do
		sleep 0.1
	done
	# shellcheck disable=SC2053 # a pattern
	[[ $got == $text ]] || fail "$*: got '$got', not '$text'"
}

# silent FROM PROTO ADDRESS PORT: nobody answers there.
silent() {
	local got status=0
	got=$(ask "$@") || status=$?
	# portecho says 1, podman more when it could not ask.
	((status == 1)) || fail "$*: got '$got', status $status, not silence"
}

# ip_of CONTAINER NETWORK: its IPv4 address, as podman says.
ip_of() {
	p inspect "$1" | jq -er --arg net "$2" '.[0].NetworkSettings.Networks[$net].IPAddress'
}

# traces: what there is of containers in the kernel and in files of plugins.
traces() {
	# shellcheck disable=SC2016 # of the inner shell
	host sh -c '
		ip -o link show type veth | grep -v ": ext0@"
		ls /run/netns | grep -v "^out$"
		find /var/lib/cni /run/cni -type f ! -name "last_reserved_ip.*" ! -name lock \
			! -name .boot_id 2>/dev/null | sort
		nft -s list ruleset 2>/dev/null |
			grep -E "[0-9a-f]{64}|(saddr|daddr) (10\.|fd)" || true'
}

# processes: those of containers, and of podman.
processes() {
	host ps -o pid=,args= -N -p 1 | grep -E 'conmon|runc|podman|portecho|pause|sleep' || true
}

# left: both.
left() {
	traces
	processes
}

nothing_left() {
	[[ -z $(left) ]]
}

# podman_gone: remove containers, pods and networks; then nothing of them is there, and
# nobody has called plugins that are not ours.
podman_gone() {
	local networks
	p pod rm -fa -t 0 >/dev/null
	p rm -fa -t 0 >/dev/null
	wait_for 15 nothing_left || fail "left: $(left)"
	mapfile -t networks < <(p network ls -q | grep -vx podman)
	((${#networks[@]} == 0)) || p network rm "${networks[@]}" >/dev/null
	# The default network cannot be removed.
	! host ip -o link show type bridge | grep -v ': cni-podman0:' || fail "a bridge is left"
	[[ ! -e $BATS_FILE_TMPDIR/not-ours ]] ||
		fail "not our plugins were called: $(<"$BATS_FILE_TMPDIR/not-ours")"
}
