# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034 # the tests read what is set here
#
# systemd.bash - a host whose first process is systemd, with Fairlead installed
#
#	setup_file() { systemd_build; }
#	setup() { systemd_setup; }
#	teardown() { systemd_gone; }
#
# The host is a pid, network, mount, IPC and control group namespace, in which systemd is as in
# a container.  Of the machine it sees /usr and little of /etc; /run, /var, /etc, /usr/local and
# /opt are empty file systems, into which "make install" installs.  Units are found in three
# places: those of Fairlead where they are installed, the targets made here, without which no
# unit can start, and systemd's own journal.  None of the machine's services are.
#
# Control groups: version 2 alone, in one made for the host, which is its root.  Nothing of the
# machine's hierarchies is mounted.

load lib/common

SYSTEMD=/lib/systemd/systemd

# systemd_build: for setup_file.
systemd_build() {
	[[ -x $SYSTEMD ]] || fail "systemd is missing: $SYSTEMD"
	FAIRLEAD_O=$(cd "${FAIRLEAD_BUILD:-build/release}/.." && pwd)
	FAIRLEAD_SAN=$(basename "${FAIRLEAD_BUILD:-build/release}")
	[[ $FAIRLEAD_SAN != release ]] || FAIRLEAD_SAN=
	export FAIRLEAD_O FAIRLEAD_SAN
	env -u MAKEFLAGS -u MFLAGS make --no-print-directory O="$FAIRLEAD_O" man >/dev/null
	# What has no mount namespace of its own keeps its control groups when it is killed.
	(unshare --mount --propagation private bash "$BATS_TEST_DIRNAME/lib/systemd_host" sweep)
}

# systemd_setup: boot it.  Of its two processes that are the machine's, $HOST is systemd, and
# $OUTSIDE removes the control group at the end.
systemd_setup() {
	HELD=()
	FAIRLEAD_O=$FAIRLEAD_O FAIRLEAD_SAN=$FAIRLEAD_SAN setpriv --pdeathsig TERM \
		unshare --mount --propagation private bash "$BATS_TEST_DIRNAME/lib/systemd_host" \
		boot "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/boot" 2>&1 3>&- &
	OUTSIDE=$!
	wait_for 20 booting
	HOST=$(pgrep -P "$(<"$BATS_TEST_TMPDIR/unshare.pid")")
	wait_for 20 booted
}

booting() {
	alive "$OUTSIDE" || fail "no systemd (root is needed): $(<"$BATS_TEST_TMPDIR/boot")" || exit
	[[ -s $BATS_TEST_TMPDIR/unshare.pid ]] &&
		[[ $(cat "/proc/$(pgrep -P "$(<"$BATS_TEST_TMPDIR/unshare.pid")")/comm" 2>/dev/null) == systemd ]]
}

booted() {
	[[ $(host systemctl is-system-running 2>/dev/null) == running ]]
}

# systemd_gone: for teardown.
systemd_gone() {
	[[ -z ${HOST:-} ]] || kill -KILL "$HOST" 2>/dev/null || true
	[[ -z ${OUTSIDE:-} ]] || wait "$OUTSIDE" || fail "left behind: $(<"$BATS_TEST_TMPDIR/boot")"
}

# host COMMAND...: run it on the host, not longer than CMD_TIMEOUT.
host() {
	timeout "$CMD_TIMEOUT" nsenter --net --mount --pid --ipc --cgroup --target "$HOST" -- \
		env PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# is STATE UNIT: active, inactive, failed.
is() {
	[[ $(host systemctl is-active "$2") == "$1" ]]
}

# main_pid UNIT: as the host numbers it.
main_pid() {
	host systemctl show --property MainPID --value "$1"
}

# said UNIT: what the journal has of its program: level and text.  What says something and ends has
# no _COMM any more when the journal looks.
said() {
	host journalctl --sync
	host journalctl --no-pager --output json --unit "$1" "SYSLOG_IDENTIFIER=${1%%[@.]*}" | jq -r '"\(.PRIORITY) \(.MESSAGE)"'
}
