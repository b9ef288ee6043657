#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# host-local: addresses that are files, beside the reference suite on the same files
#
# Each test has a mount namespace with an empty /run, where the index is, and a data
# directory of its own.  Nothing here needs a network.

# Scripts for a shell in the namespace are in single quotes, to expand there.
# shellcheck disable=SC2016

bats_require_minimum_version 1.5.0

CNI=${FAIRLEAD_BUILD:-build/release}/cni
[[ $CNI == /* ]] || CNI=$PWD/$CNI
OURS=$CNI/host-local
THEIRS=${REFERENCE_CNI:-/usr/lib/cni}/host-local
SUBNET='"subnet": "10.1.0.0/24"'

setup() {
	local i

	D=$BATS_TEST_TMPDIR/data
	N=$D/net1
	mkdir "$D"
	export D N OURS THEIRS
	# A sanitizer cannot look for leaks under strace.
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
	export CNI_CONTAINERID=cid1 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/none CNI_PATH=$CNI
	unshare --mount --propagation private \
		sh -c 'mount -t tmpfs tmpfs /run && exec sleep infinity' >/dev/null 2>&1 3>&- &
	HOLDER=$!
	for ((i = 0; i < 250; i++)); do
		[[ $(tr '\0' ' ' <"/proc/$HOLDER/cmdline") == "sleep infinity " ]] && return 0
		sleep 0.02
	done
	echo "no namespace for pid $HOLDER" >&2
	return 1
}

teardown() {
	kill "$HOLDER" 2>/dev/null || true
	wait "$HOLDER" 2>/dev/null || true
}

# in_ns COMMAND...: never longer than two minutes.
in_ns() {
	timeout 120 nsenter --mount --target "$HOLDER" -- "$@"
}

# conf [IPAM [MORE [VERSION]]]: members of "ipam", and of the top level with a comma
# before them.
conf() {
	echo "{\"cniVersion\": \"${3-1.1.0}\", \"name\": \"net1\"${2:-}," \
		"\"ipam\": {\"type\": \"host-local\", \"dataDir\": \"$D\", ${1:-$SUBNET}}}"
}

# call BINARY VERB CONF
call() {
	CNI_COMMAND=$2 in_ns "$1" <<<"$3"
}

# cni VERB [CONF]: ours.  A failure prints the error object.
cni() {
	call "$OURS" "$1" "${2:-$(conf)}"
}

# give ID [CONF]: ADD for that container, prints the addresses.
give() {
	CNI_CONTAINERID=$1 cni ADD "${2:-}" | jq -r '.ips[].address' | paste -sd ' '
}

# refused VERB MESSAGE [CONF [CODE]]: it fails with exactly that error object's message.
refused() {
	run -1 cni "$1" "${3:-}"
	[[ $(jq -r .msg <<<"$output") == "$2" ]] || {
		echo "want: $2" >&2
		echo "got: $output" >&2
		return 1
	}
	[[ $(jq -r .code <<<"$output") == "${4:-999}" ]]
}

# reservations: names of the files that are addresses.
reservations() {
	(cd "$N" && find . -mindepth 1 -maxdepth 1 -printf '%P\n' | grep -E '^[0-9]+\.|:' | sort)
}

# --- as the reference ---

# both_say VERB CONF: both binaries, each in a directory of its own, say the same.
both_say() {
	local ours theirs ours_status=0 theirs_status=0

	ours=$(call "$OURS" "$1" "${2//"$D"/"$BATS_TEST_TMPDIR/ours"}") || ours_status=$?
	theirs=$(call "$THEIRS" "$1" "${2//"$D"/"$BATS_TEST_TMPDIR/theirs"}") || theirs_status=$?
	# Debian's version prints an empty "dns" in 1.0.0, later ones do not.
	[[ $2 != *'"1.0.0"'* ]] || theirs=$(jq --indent 4 'if .dns == {} then del(.dns) else . end' <<<"$theirs")
	[[ $ours_status == "$theirs_status" && $ours == "$theirs" ]] || {
		printf '%s\nours (%d):   %s\ntheirs (%d): %s\n' "$*" "$ours_status" "$ours" \
			"$theirs_status" "$theirs" >&2
		return 1
	}
}

# both VERB CONF: they leave the same, too.
both() {
	both_say "$@"
	diff -r --exclude=.boot_id "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
}

@test "answers, errors and files are those of the reference" {
	local v ipam args

	mkdir "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
	for v in 0.1.0 0.2.0 0.3.0 0.3.1 0.4.0 1.0.0; do
		for ipam in "$SUBNET" \
			'"ranges": [[{"subnet": "10.2.0.0/29"}], [{"subnet": "fd00::/64"}]], "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0", "gw": "fd00::1"}]'; do
			both ADD "$(conf "$ipam" '' "$v")"
			both ADD "$(conf "$ipam" '' "$v")"
			both DEL "$(conf "$ipam" '' "$v")"
			both DEL "$(conf "$ipam" '' "$v")"
		done
	done
	while read -r ipam; do
		both ADD "$(conf "$ipam" '' 0.4.0)"
		both CHECK "$(conf "$ipam" '' 0.4.0)"
		both DEL "$(conf "$SUBNET" '' 0.4.0)"
	done <<-'END'
		"subnet": ""
		"subnet": "bad"
		"ranges": []
		"ranges": [[]]
		"subnet": "10.1.0.3/31"
		"subnet": "10.1.0.3/24"
		"subnet": "fd00::/127"
		"subnet": "10.1.0.0/24", "rangeStart": "10.2.0.1"
		"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.50", "rangeEnd": "10.1.0.40"
		"subnet": "10.1.0.0/24", "rangeEnd": "fd00::1"
		"subnet": "10.1.0.0/24", "gateway": "bad"
		"subnet": "10.1.0.0/24", "gateway": "10.9.0.1"
		"ranges": [[{"subnet": "10.1.0.0/24"}, {"subnet": "fd00::/64"}]]
		"ranges": [[{"subnet": "10.1.0.0/24"}, {"subnet": "10.1.0.0/25"}]]
		"ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "10.1.0.0/25"}]]
		"subnet": "10.1.0.0/24", "resolvConf": "/nope"
		"subnet": "10.1.0.0/24", "resolvConf": "/etc"
		"SUBNET": "10.8.0.0/24", "RangeStart": "10.8.0.0", "rangeend": "10.8.0.255"
	END
	for args in IP=bad IP=10.1.0.9/16 IP=10.1.0.9 IP=10.1.0.1 'IP=10.1.0.33;' FOO ip=10.1.0.2 \
		'IgnoreUnknown=1;K8S_POD_NAME=x;IP=10.1.0.200'; do
		CNI_ARGS=$args both ADD "$(conf '' '' 0.4.0)"
	done
	both DEL "$(conf '' '' 0.4.0)"
	both ADD "$(conf '' ', "runtimeConfig": {"ips": ["10.1.0.40"], "ipRanges": [[{"subnet": "10.55.0.0/16"}], [{"subnet": "fd55::/64"}]]}' 0.4.0)"
	for v in 1 2 3 4 5 6 7; do
		CNI_CONTAINERID=round$v both ADD "$(conf '"ranges": [[{"subnet": "10.20.0.0/29", "rangeStart": "10.20.0.2", "rangeEnd": "10.20.0.4"}, {"subnet": "10.21.0.0/29", "rangeEnd": "10.21.0.3"}]]' '' 0.4.0)"
	done
	# Which of two addresses for one set is left over is a matter of luck with the reference.
	# After this failure it has moved on its last address, we have not.
	ipam=$(conf '' ', "args": {"cni": {"ips": ["10.1.0.77", "10.1.0.78"]}}' 0.4.0)
	CNI_CONTAINERID=two refused ADD 'failed to allocate all requested IPs: 10.1.0.78' "$ipam"
	CNI_CONTAINERID=two run -1 call "$THEIRS" ADD "${ipam//"$D"/"$BATS_TEST_TMPDIR/theirs"}"
	[[ $(jq -r .msg <<<"$output") == 'failed to allocate all requested IPs: 10.1.0.7'[78] ]]
}

@test "each suite releases what the other reserved" {
	call "$THEIRS" ADD "$(conf '' '' 1.0.0)"
	cni CHECK
	refused ADD "failed to allocate for range 0: 10.1.0.2 has been allocated to cid1, duplicate allocation is not allowed"
	cni DEL
	[[ -z $(reservations) ]]

	[[ $(give cid2) == 10.1.0.3/24 ]]
	CNI_CONTAINERID=cid2 call "$THEIRS" CHECK "$(conf '' '' 1.0.0)"
	CNI_CONTAINERID=cid2 run -1 call "$THEIRS" ADD "$(conf '' '' 1.0.0)"
	CNI_CONTAINERID=cid2 call "$THEIRS" DEL "$(conf '' '' 1.0.0)"
	[[ -z $(reservations) ]]
}

@test "reservations in the old format belong to the container" {
	mkdir "$N"
	printf 'old1' >"$N/10.1.0.9"
	printf ' old2\n' >"$N/10.1.0.8"
	CNI_CONTAINERID=old1 cni CHECK
	CNI_CONTAINERID=old1 refused ADD "failed to allocate for range 0: 10.1.0.9 has been allocated to old1, duplicate allocation is not allowed"
	CNI_CONTAINERID=old1 cni DEL
	CNI_CONTAINERID=old2 CNI_IFNAME=net1 cni DEL
	[[ -z $(reservations) ]]
}

@test "DEL releases under a configuration that became invalid" {
	give cid1
	CNI_ARGS=FOO cni DEL "$(conf '"subnet": "10.1.0.77/31"')"
	[[ -z $(reservations) ]]
	rm -r "$N"
	cni DEL
	cni GC "$(conf '' ', "cni.dev/valid-attachments": []')"
	[[ ! -e $N ]]
}

@test "a data directory that cannot be is named" {
	refused ADD "dataDir 'data' must be an absolute path" '{"cniVersion": "1.0.0", "name": "net1", "ipam": {"subnet": "10.1.0.0/24", "dataDir": "data"}}'
	touch "$D/file"
	in_file='"dataDir": "'$D'/file", "subnet": "10.1.0.0/24"' # the last one counts
	refused ADD "cannot open directory '$D/file/net1': Not a directory" "$(conf "$in_file")"
	cni DEL "$(conf "$in_file")"
	refused CHECK "host-local: Failed to find address added by container cid1" "$(conf "$in_file")"
	refused STATUS "cannot write in '$D/file/net1': Not a directory" "$(conf "$in_file")" 50
}

# --- together ---

@test "a hundred containers at once get a hundred addresses" {
	conf >"$D/conf"
	in_ns bash -c 'for i in {1..100}; do
		CNI_COMMAND=ADD CNI_CONTAINERID=c$i "$OURS" <"$D/conf" >"$D/out$i" &
	done; wait'
	[[ $(jq -r '.ips[0].address' "$D"/out* | sort -u | wc -l) == 100 ]]
	[[ $(reservations | wc -l) == 100 ]]
	in_ns bash -c 'for i in {1..100}; do
		CNI_COMMAND=DEL CNI_CONTAINERID=c$i "$OURS" <"$D/conf" &
	done; wait'
	[[ -z $(reservations) ]]
}

@test "both suites work on one directory at the same time" {
	# More than the index begins at, so that each change of theirs must be noticed.
	mkdir "$N"
	for i in {1..200}; do
		printf 'other%d\r\neth0' "$i" >"$N/10.1.1.$i"
	done
	conf '"subnet": "10.1.0.0/16"' '' 1.0.0 >"$D/conf"
	in_ns bash -c 'for i in {1..40}; do
		CNI_COMMAND=ADD CNI_CONTAINERID=a$i "$OURS" <"$D/conf" >"$D/out$i" &
		CNI_COMMAND=ADD CNI_CONTAINERID=b$i "$THEIRS" <"$D/conf" >"$D/out$i.theirs" &
	done; wait'
	[[ $(jq -r '.ips[0].address' "$D"/out* | sort -u | wc -l) == 80 ]]
	[[ $(reservations | wc -l) == 280 ]]
	in_ns bash -c 'for i in {1..40}; do
		CNI_COMMAND=DEL CNI_CONTAINERID=b$i "$OURS" <"$D/conf" &
		CNI_COMMAND=DEL CNI_CONTAINERID=a$i "$THEIRS" <"$D/conf" &
	done; wait'
	[[ $(reservations | wc -l) == 200 ]]
}

@test "a call waits for the lock of another program" {
	give cid1
	exec 9<"$N/lock"
	flock 9
	give cid2 >"$D/out" 9<&- 3>&- &
	ADDER=$!
	run -124 timeout 0.3 tail --pid="$ADDER" -f /dev/null
	[[ ! -s $D/out ]]
	exec 9<&-
	wait "$ADDER"
	[[ $(<"$D/out") == 10.1.0.3/24 ]]
}

# --- a range without addresses ---

@test "an exhausted range: ADD and STATUS name it" {
	local small='"subnet": "10.1.0.0/29"' none='no IP addresses available in range set: 10.1.0.1-10.1.0.6'

	for i in 1 2 3 4; do
		cni STATUS "$(conf "$small")"
		give "c$i" "$(conf "$small")"
	done
	cni STATUS "$(conf "$small")"
	give c5 "$(conf "$small")"
	refused STATUS "$none" "$(conf "$small")" 50
	refused STATUS "$none" "$(conf "\"ranges\": [[{\"subnet\": \"fd00::/64\"}], [{$small}]]")" 50
	refused ADD "failed to allocate for range 0: $none" "$(conf "$small")"
	refused ADD "failed to allocate for range 1: $none" "$(conf "\"ranges\": [[{\"subnet\": \"fd00::/64\"}], [{$small}]]")"
	[[ $(reservations | wc -l) == 5 ]]
	CNI_CONTAINERID=c3 cni DEL
	cni STATUS "$(conf "$small")"
	[[ $(give c6 "$(conf "$small")") == 10.1.0.4/29 ]]
}

@test "empty files of a crash are free again when they are old" {
	local small='"subnet": "10.1.0.0/29"'

	mkdir "$N"
	for i in 2 3 4 5; do
		: >"$N/10.1.0.$i"
		touch -d '1 hour ago' "$N/10.1.0.$i"
	done
	: >"$N/10.1.0.6"
	[[ $(give c1 "$(conf "$small")") == 10.1.0.2/29 ]]
	[[ $(reservations | paste -sd ' ') == '10.1.0.2 10.1.0.6' ]]
	CNI_ARGS=IP=10.1.0.6 CNI_CONTAINERID=c2 refused ADD "failed to allocate for range 0: requested IP address 10.1.0.6 is not available in range set 10.1.0.1-10.1.0.6" "$(conf "$small")"
	touch -d '1 hour ago' "$N/10.1.0.6"
	CNI_ARGS=IP=10.1.0.6 give c2 "$(conf "$small")"
	[[ $(<"$N/10.1.0.6") == $'c2\r\neth0' ]]
}

# --- GC and CHECK ---

@test "GC releases what is not valid and keeps what is not ours" {
	for c in keep drop; do
		give "$c"
		CNI_IFNAME=net1 give "$c"
	done
	printf keep >"$N/10.1.0.60"
	printf drop >"$N/10.1.0.61"
	echo 'kept by hand' >"$N/10.1.0.62"
	printf 'drop\r\neth0' >"$N/notes"
	mkdir "$N/10.1.0.63"
	ln -s notes "$N/10.1.0.64"
	cni GC "$(conf '' ', "cni.dev/valid-attachments": [{"containerID": "keep", "ifname": "eth0"}, {"containerID": "drop", "ifname": "net1"}, {"containerID": "more", "ifname": "eth0"}]')"
	[[ $(reservations | paste -sd ' ') == '10.1.0.2 10.1.0.5 10.1.0.60 10.1.0.61 10.1.0.62 10.1.0.63 10.1.0.64' ]]
	[[ -e $N/lock && -e $N/last_reserved_ip.0 && -e $N/.boot_id && -e $N/notes ]]
	cni GC "$(conf)" # no list: nothing to do
	[[ $(reservations | wc -l) == 7 ]]
	cni GC "$(conf '' ', "cni.dev/valid-attachments": []')"
	[[ $(reservations | paste -sd ' ') == '10.1.0.62 10.1.0.63 10.1.0.64' ]]
}

@test "CHECK wants the addresses of prevResult" {
	refused CHECK "host-local: Failed to find address added by container cid1"
	[[ ! -e $N ]]
	give cid1
	cni CHECK
	cni CHECK "$(conf '' ', "prevResult": {"ips": [{"address": "10.1.0.2/24"}, {"address": "192.0.2.1/24"}]}')"
	refused CHECK "host-local: Failed to find address added by container cid1" "$(conf '' ', "prevResult": {"ips": [{"address": "10.1.0.3/24"}]}')"
	[[ $(jq -r .details <<<"$output") == "10.1.0.3 of prevResult is not reserved for eth0" ]]
	CNI_IFNAME=net1 refused CHECK "host-local: Failed to find address added by container cid1"
}

# --- reboot ---

@test "reservations of an earlier boot are released, once and with proof" {
	local boot

	boot=$(</proc/sys/kernel/random/boot_id)
	mkdir "$N"
	printf 'dead\r\neth0' >"$N/10.1.0.2"
	touch -d '10 years ago' "$N/10.1.0.2"
	[[ $(give c1) == 10.1.0.3/24 ]] # an upgrade: no marker, nothing is released
	[[ -e $N/10.1.0.2 && $(<"$N/.boot_id") == "$boot" ]]
	give c2

	echo 01234567-89ab-cdef-0123-456789abcdef >"$N/.boot_id"
	give c3
	[[ $(reservations | paste -sd ' ') == '10.1.0.3 10.1.0.4 10.1.0.5' ]]
	[[ $(<"$N/.boot_id") == "$boot" ]]
}

@test "STATUS sees that a reboot freed the range" {
	mkdir "$N"
	echo 01234567-89ab-cdef-0123-456789abcdef >"$N/.boot_id"
	for i in 2 3 4 5 6; do
		printf 'dead%d\r\neth0' "$i" >"$N/10.1.0.$i"
		touch -d '10 years ago' "$N/10.1.0.$i"
	done
	cni STATUS "$(conf '"subnet": "10.1.0.0/29"')"
}

# --- disks ---

# tmpfs SIZE: the data directory becomes a file system of that size.
tmpfs() {
	in_ns mount -t tmpfs -o "size=$1" tmpfs "$D"
}

# fill: no block is free.
fill() {
	local full=

	in_ns sh -c 'cat /dev/zero >"$D/fill" 2>/dev/null' || full=1
	((full))
}

@test "a full disk: ADD fails with path and reason and leaves nothing, DEL works" {
	tmpfs 64k
	give c1
	fill
	CNI_CONTAINERID=c2 refused ADD "failed to allocate for range 0: cannot write reservation '$N/10.1.0.3': No space left on device"
	refused STATUS "cannot write in '$N': No space left on device" "" 50
	[[ $(in_ns find "$N" -name '10.*') == "$N/10.1.0.2" ]]
	CNI_CONTAINERID=c1 cni DEL
	[[ -z $(in_ns find "$N" -name '10.*') ]]
	[[ $(give c3) == 10.1.0.3/24 ]] # in the block that DEL freed
}

@test "a full disk: the turn of addresses is lost, the address is not" {
	tmpfs 64k
	in_ns mkdir "$N"
	in_ns touch "$N/lock"
	in_ns sh -c 'cat /proc/sys/kernel/random/boot_id >"$N/.boot_id"'
	fill
	in_ns truncate -s -4096 "$D/fill" # one block, and the reservation takes it
	[[ $(give c1 2>"$BATS_TEST_TMPDIR/notes") == 10.1.0.2/24 ]]
	grep -F "cannot write '$N/last_reserved_ip.0': No space left on device" "$BATS_TEST_TMPDIR/notes"
}

@test "a read-only disk: STATUS and ADD say so" {
	tmpfs 64k
	give c1
	in_ns mount -o remount,ro "$D"
	refused STATUS "cannot write in '$N': Read-only file system" "" 50
	CNI_CONTAINERID=c2 refused ADD "failed to allocate for range 0: cannot write reservation '$N/10.1.0.3': Read-only file system"
	CNI_CONTAINERID=c1 refused DEL "cannot remove reservation '$N/10.1.0.2': Read-only file system"
}

@test "STATUS leaves nothing where nothing was" {
	deep='"dataDir": "'$D'/a/b", "subnet": "10.1.0.0/24"'
	cni STATUS "$(conf "$deep")"
	[[ -z $(ls "$D") ]]
	tmpfs 64k
	in_ns mount -o remount,ro "$D"
	refused STATUS "cannot write in '$D': Read-only file system" "$(conf "$deep")" 50
}

# --- faults ---

# each_call INJECT CALL...: ADD with the first, second ... CALL tampered with, until it has
# no more of them.  Each time after_each gets its exit status.  A build that counts its lines
# (SAN=cov) must not be tampered with while it writes that down: it has nowhere to.
each_call() {
	local inject=$1 call n rc
	shift

	for call; do
		for ((n = 1; n < 200; n++)); do
			rc=0
			in_ns env CNI_COMMAND=ADD GCOV_PREFIX=/dev/null \
				strace -qq -o "$D/trace" -e "trace=$call" \
				-e "inject=$call:$inject:when=$n" "$OURS" <"$D/conf" >/dev/null 2>&1 ||
				rc=$?
			grep -Eq 'INJECTED|killed by' "$D/trace" || break
			after_each "$rc"
		done
		cni DEL
		[[ $(reservations) == 10.1.0.2 ]]
	done
}

@test "killed at any system call, ADD leaves at most what DEL removes" {
	local -A seen=() # by the number of reservations that the killed call left behind

	after_each() {
		[[ $1 == 137 ]]
		seen[$(reservations | wc -l)]=1
		cni DEL
		[[ $(reservations) == 10.1.0.2 ]]
	}
	give other
	conf '"ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]' >"$D/conf"
	each_call signal=KILL openat linkat write ftruncate close flock newfstatat read getdents64 \
		lseek brk mmap munmap
	# Before, between and after the two that it makes, beside the other container's.
	[[ $(printf '%s\n' "${!seen[@]}" | sort | paste -sd ' ') == '1 2 3' ]]
}

@test "whichever system call fails, ADD leaves all or nothing" {
	[[ $OURS != */asan/cni/* ]] || skip "a sanitizer dies when a call of its own fails"
	local failed=0

	after_each() {
		if [[ $1 == 0 ]]; then
			[[ $(reservations | wc -l) == 3 ]]
			cni DEL
		else
			failed=$((failed + 1))
		fi
		[[ $(reservations) == 10.1.0.2 ]]
	}
	give other
	conf '"ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]' >"$D/conf"
	each_call error=EIO openat linkat write ftruncate close flock newfstatat read getdents64
	((failed > 8))
}

@test "without O_TMPFILE and links the file is created and written" {
	conf >"$D/conf"
	CNI_COMMAND=ADD in_ns strace -qq -o /dev/null -e 'inject=linkat:error=EPERM' "$OURS" <"$D/conf"
	[[ $(<"$N/10.1.0.2") == $'cid1\r\neth0' ]]
	CNI_CONTAINERID=c2 CNI_COMMAND=ADD run -1 in_ns strace -qq -o /dev/null \
		-e 'inject=linkat:error=EPERM' -e 'inject=write:error=ENOSPC:when=2' "$OURS" <"$D/conf"
	[[ $(reservations) == 10.1.0.2 ]]
}

# --- many ---

# many N: that many reservations, as another program makes them.  (In a shell of its own:
# bats looks at every command of this one.)
many() {
	mkdir "$N"
	bash -c 'cd "$N" && for ((i = 2; i < $1 + 2; i++)); do
		printf "c%d\r\neth0" "$i" >"10.1.$((i >> 8)).$((i & 255))"
	done' - "$1"
}

# opens VERB ID: files that a call opens, without those of a build that counts its lines.
opens() {
	CNI_COMMAND=$1 CNI_CONTAINERID=$2 in_ns strace -qq -o "$D/trace" -e trace=openat,open \
		"$OURS" <"$D/conf" >/dev/null
	grep -vc '\.gcda"' "$D/trace"
}

@test "60000 reservations are read once, not every time" {
	local first start

	many 60000
	conf '"subnet": "10.1.0.0/16"' >"$D/conf"
	first=$(opens ADD new1)
	((first > 60000))
	(($(opens ADD new2) < 100))
	(($(opens CHECK new2) < 100))
	(($(opens CHECK c30000) < 100))
	(($(opens DEL new1) < 100))
	(($(opens DEL new1) < 100))
	(($(opens DEL c4711) < 100))
	[[ ! -e $N/10.1.18.103 && $(<"$N/10.1.18.102") == $'c4710\r\neth0' ]]

	# From the start of a crowded range the free address is found without trying each.
	printf 10.1.0.1 >"$N/last_reserved_ip.0"
	(($(opens ADD new3) < 100))
	[[ $(<"$N/10.1.18.103") == $'new3\r\neth0' ]]

	# Whoever else changes the directory is noticed.
	rm "$N/10.1.18.103"
	printf 'byhand\r\neth0' >"$N/10.1.18.103"
	CNI_CONTAINERID=new3 run -1 cni CHECK "$(<"$D/conf")"
	CNI_CONTAINERID=byhand cni CHECK "$(<"$D/conf")"
	CNI_CONTAINERID=byhand refused ADD "failed to allocate for range 0: 10.1.18.103 has been allocated to byhand, duplicate allocation is not allowed" "$(<"$D/conf")"

	# An index that is damaged or gone is made again.
	start=$(reservations | wc -l)
	in_ns sh -c 'for f in /run/fairlead/host-local/*; do dd if=/dev/urandom of="$f" bs=1M count=3 conv=notrunc status=none; done'
	CNI_CONTAINERID=c777 cni DEL "$(<"$D/conf")"
	in_ns rm -r /run/fairlead
	CNI_CONTAINERID=c778 cni DEL "$(<"$D/conf")"
	[[ $(reservations | wc -l) == $((start - 2)) ]]
	[[ ! -e $N/10.1.3.9 && ! -e $N/10.1.3.10 ]]

	# GC of nearly all.
	cni GC "$(conf '' ', "cni.dev/valid-attachments": [{"containerID": "c5", "ifname": "eth0"}, {"containerID": "byhand", "ifname": "eth0"}]')"
	[[ $(reservations | paste -sd ' ') == '10.1.0.5 10.1.18.103' ]]
	in_ns sh -c '! ls /run/fairlead/host-local/* 2>/dev/null'
}
