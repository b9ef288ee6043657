#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# netns-run on hosts that lack something: what others take for granted is made, done without,
# or named in one line; and nothing is left either way

# shellcheck disable=SC2016 # inner shells
# shellcheck disable=SC2154 # bats and start() set them
bats_require_minimum_version 1.5.0
load lib/netns_run

setup() {
	host_new
	# /etc is the test's own.
	host sh -ec 'mount -t tmpfs tmpfs /mnt; cp -a /etc/. /mnt; mount --bind /mnt /etc
		rm -f /etc/resolv.conf /etc/hosts; echo "nameserver 192.0.2.53" >/etc/resolv.conf
		echo "127.0.0.1 localhost" >/etc/hosts'
}

teardown() {
	host_gone
}

# stops MESSAGE [ARG...]: netns-run ends with status 125 and this line, before the command.
stops() {
	local msg=$1
	shift
	run -125 --separate-stderr nr "$@" -- touch /run/ran
	# shellcheck disable=SC2053 # a pattern
	[[ $stderr == "netns-run: "$msg && $(wc -l <<<"$stderr") == 1 ]] || fail "$stderr"
	host test ! -e /run/ran
}

# --- namespaces ---

@test "the first namespace ever: the directory is made, and is a shared mount as ip-netns makes it" {
	local dir
	for dir in missing plain; do
		[[ $dir == plain ]] || host rmdir /run/netns
		run -0 nr --network none -- ip -br addr
		[[ $output == 'lo '* ]]
		host grep -q ' /run/netns rw.* shared:' /proc/self/mountinfo
		host umount /run/netns
	done
	nr --network none --name web --keep -- true
	[[ $(host ip -n web -br link) == 'lo '* ]]
	nr rm web
	nothing_left
}

@test "a /run that cannot be written" {
	host mount -o remount,ro /run
	stops "cannot make directory '/run/netns-run': Read-only file system" --network none
}

@test "no room for the state of a namespace" {
	local inodes
	host mkdir /run/netns-run
	# The directory itself, that of the namespace, its lock: one more each time.
	for inodes in 1 2 3; do
		host mount -t tmpfs -o "nr_inodes=$inodes" tmpfs /run/netns-run
		stops "*full*: No space left on device" --network none --name full
		[[ $(host ls /run/netns-run /run/netns) == $'/run/netns:\n\n/run/netns-run:' ]]
		host umount /run/netns-run
	done
	nothing_left
}

# --- files ---

@test "no resolv.conf, no hosts: said, and the command runs without" {
	host rm /etc/resolv.conf /etc/hosts
	run -0 --separate-stderr nr --network none -- sh -c '[ ! -e /etc/resolv.conf ] && [ ! -e /etc/hosts ]'
	[[ $stderr == "netns-run: warning: '/etc/resolv.conf' does not exist on this host, so it cannot be replaced
netns-run: warning: '/etc/hosts' does not exist on this host, so it cannot be replaced" ]] || fail "$stderr"
}

@test "/sys: read-only stays read-only, mounts in mounts are kept, none at all is no error" {
	host sh -ec 'mount -t tmpfs tmpfs /sys/fs/cgroup; mkdir "/sys/fs/cgroup/a b"
		mount -t tmpfs tmpfs "/sys/fs/cgroup/a b"; touch "/sys/fs/cgroup/a b/mark"
		mount -o remount,bind,ro /sys'
	run -0 nr --network none -- sh -c 'grep -c "^sysfs /sys sysfs ro," /proc/mounts; ls "/sys/fs/cgroup/a b" /sys/class/net'
	[[ $output == $'1\n/sys/class/net:\nlo\n\n/sys/fs/cgroup/a b:\nmark' ]] || fail "$output"
	host umount -R /sys
	run -0 nr --network none -- ls /sys/class/net
	[[ $output == lo ]]
}

# --- plugins ---

@test "the guard is killed while a plugin hangs: it ends, and so does what it has started" {
	local a dir=$BATS_TEST_TMPDIR/bin
	mkdir "$dir"
	printf '#!/bin/sh\n[ $CNI_COMMAND = ADD ] || exit 0
		trap "" TERM HUP INT\nsleep 1000 & echo $! >/run/child\necho $$ >/run/plugin.new
		mv /run/plugin.new /run/plugin\nwait\nsleep 1000\n' >"$dir/hang"
	chmod +x "$dir/hang"
	host sh -ec 'mkdir -p /etc/cni/net.d; mount -t tmpfs tmpfs /etc/cni; mkdir /etc/cni/net.d'
	network h '{"cniVersion": "1.0.0", "name": "h", "plugins": [{"type": "bridge", "bridge": "br9"}, {"type": "hang"}]}'
	start a --name a --cni-path "$dir" --network h -- true
	wait_for 10 host test -e /run/plugin
	kill -KILL "$(pgrep -P "$a" | head -n 1)"
	finish "$a"
	[[ $status == 125 ]]
	dead "$(host cat /run/plugin)"
	wait_for 10 dead "$(host cat /run/child)"
	nothing_left
}
