# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# netstack.bash - the netstackds of a test's host, which are not children of its holder

# pids: who listens, whether it answers or not.
pids() {
	host python3 -c '
import glob, socket, struct
for path in glob.glob("/run/fairlead/netstack/*.sock"):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path)
    except ConnectionError:
        continue
    print(struct.unpack("3i", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])'
}

nobody_serves() {
	[[ -z $(pids) ]]
}

# daemons_gone: for teardown, before host_gone: whatever a test has left.
daemons_gone() {
	local pid
	for pid in $(pids); do
		kill -KILL "$pid" || true
	done
}

# ask JSON: the only one.
ask() {
	host python3 -c '
import glob, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(glob.glob("/run/fairlead/netstack/*.sock")[0])
s.sendall(sys.argv[1].encode() + b"\n")
print(b"".join(iter(lambda: s.recv(65536), b"")).decode())' "$1"
}
