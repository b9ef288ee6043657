#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# the CNI protocol as every plugin speaks it: variables, standard input, versions, errors

# shellcheck disable=SC2016 # filters of jq and inner shells
# shellcheck disable=SC2154 # set by run --separate-stderr
bats_require_minimum_version 1.5.0
load lib/common

conf='{"cniVersion":"1.0.0","name":"net","type":"x"}'
static='{"cniVersion":"1.0.0","name":"net","type":"x","ipam":{"type":"static",
	"addresses":[{"address":"10.1.0.2/24","gateway":"10.1.0.1"}]}}'

setup() {
	host_new
}

teardown() {
	host_gone
}

# plugins: the names of all that were built.
plugins() {
	local file
	for file in "$CNI_BIN"/*; do
		echo "${file##*/}"
	done
}

# versions PLUGIN: those it serves, with spaces.
versions() {
	case $1 in
	firewall) echo 0.4.0 1.0.0 1.1.0 ;;
	*) echo "${CNI_VERSIONS[*]}" ;;
	esac
}

# closed PLUGIN: path of a script that calls it with standard input closed.
closed() {
	local script=$BATS_TEST_TMPDIR/$1
	printf '#!/bin/sh\nexec "%s" <&-\n' "$CNI_BIN/$1" >"$script"
	chmod +x "$script"
	echo "$script"
}

# --- without a configuration ---

@test "nothing asked: two lines on stderr, nothing on stdout, success" {
	local p list
	for p in $(plugins); do
		list=$(versions "$p")
		cni '' "$p" </dev/null
		((status == 0))
		[[ -z $output ]]
		diff <(printf '%s\n' "$stderr") - <<-END
			CNI $p plugin v1.2.0
			CNI protocol versions supported: ${list// /, }
		END
	done
}

@test "VERSION reads neither standard input nor other variables" {
	local p want
	for p in $(plugins); do
		want=$(versions "$p")
		want='{"cniVersion":"1.1.0","supportedVersions":["'${want// /'","'}'"]}'$'\n'
		cni VERSION "$(closed "$p")" CNI_CONTAINERID= CNI_IFNAME=a/b CNI_PATH= </dev/null
		((status == 0))
		[[ $output == "$want" ]]
		cni VERSION "$p" <<<'no json'
		((status == 0))
		[[ $output == "$want" ]]
	done
}

# --- variables ---

@test "missing variables are listed in order" {
	local p none=(CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= CNI_PATH=)
	for p in $(plugins); do
		cni ADD "$p" "${none[@]}" <<<"$conf"
		((status == 1))
		[[ $output == '{
    "code": 4,
    "msg": "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing"
}' ]]
		cni_fails 4 'required env variables \[CNI_CONTAINERID,CNI_IFNAME,CNI_PATH] missing' \
			DEL "$p" "${none[@]}" <<<"$conf"
		cni_fails 4 'required env variables \[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing' \
			CHECK "$p" "${none[@]}" <<<"$conf"
		cni_fails 4 'required env variables \[CNI_PATH] missing' GC "$p" "${none[@]}" <<<"$conf"
		cni_fails 4 'required env variables \[CNI_PATH] missing' STATUS "$p" "${none[@]}" <<<"$conf"
	done
}

@test "a bad value wins over missing ones and over standard input" {
	cni_fails 4 'invalid characters in containerID' \
		ADD loopback CNI_CONTAINERID=../x CNI_NETNS= CNI_PATH= <<<'no json'
	[[ $(json .details) == ../x ]]
	cni_fails 4 'interface name contains / or : or whitespace characters' \
		ADD loopback CNI_IFNAME=a/b CNI_PATH= <<<'no json'
	cni_fails 4 'interface name is too long' ADD loopback CNI_IFNAME=sixteen-bytes-01 <<<"$conf"
	cni_fails 4 'interface name is . or ..' DEL loopback CNI_IFNAME=.. <<<"$conf"
	cni_fails 4 'interface name contains / or : or whitespace characters' \
		CHECK loopback CNI_IFNAME=$'a\xc2\xa0b' <<<"$conf"
}

@test "an unknown verb is an error once the configuration has been read" {
	cni_fails 6 'error unmarshall network config: *' FOO loopback <<<'no json'
	cni_fails 7 'missing network name' FOO loopback <<<'{}'
	cni_fails 4 'unknown CNI_COMMAND: FOO' FOO loopback <<<'{"name":"net","cniVersion":"9.9.9"}'
	cni_fails 4 'unknown CNI_COMMAND: add' add loopback <<<"$conf"
}

# --- standard input ---

@test "what is no JSON object is a decode failure" {
	local text
	for text in '' '{' '[]' 'null' '"x"' '{"name":"net"} x' $'{"name":"\xff"}' '{"name":"net",}'; do
		cni_fails 6 'error unmarshall network config: *' ADD static <<<"$text"
	done
	cni_fails 5 'error reading from stdin: Bad file descriptor' ADD "$(closed static)" </dev/null
	cni_fails 6 'error unmarshall network config: *' ADD static < <(
		printf '{"name":"net","x":'
		printf '[%.0s' {1..200}
	)
}

@test "the network's name is checked" {
	cni_fails 7 'missing network name' ADD static <<<'{"cniVersion":"1.0.0"}'
	cni_fails 7 'missing network name' ADD static <<<'{"cniVersion":"1.0.0","name":""}'
	cni_fails 7 'invalid characters found in network name' ADD static <<<'{"name":"a/../b"}'
	[[ $(json .details) == a/../b ]]
	cni_fails 6 "error unmarshall network config: key 'name' must be a string, not *" \
		ADD static <<<'{"name":[]}'
}

@test "keys match in any case, unknown keys and null are ignored, the last of two wins" {
	cni_ok ADD static <<<'{"CNIVERSION":"1.0.0","Name":"net","DocumentatioN":{"a":[1,null]},
		"IPAM":{"Addresses":[{"ADDRESS":"10.1.0.3/24","GateWay":null,"x":1}],
		"routes":null,"dns":null},"args":null,"runtimeConfig":null,"prevResult":null}'
	[[ $(json '.ips[0].address') == 10.1.0.3/24 ]]
	cni_ok ADD static <<<'{"cniVersion":"1.0.0","name":"net",
		"ipam":{"addresses":[{"address":"10.1.0.3/24"}]},
		"IPAM":{"addresses":[{"address":"10.1.0.4/24"}]}}'
	[[ $(json '[.ips[].address] | join(" ")') == 10.1.0.4/24 ]]
}

# --- versions ---

@test "a version that is not served is an error with the list" {
	local p list v
	for p in $(plugins); do
		list=$(versions "$p")
		for v in 9.9.9 1.0 x; do
			cni_fails 1 'incompatible CNI versions' ADD "$p" <<<"$(
				conf "$conf" '.cniVersion=$v' --arg v "$v"
			)"
			[[ $(json .details) == "config is \"$v\", plugin supports [\"${list// /\" \"}\"]" ]]
			cni_fails 1 'incompatible CNI versions' DEL "$p" <<<"$(
				conf "$conf" '.cniVersion=$v' --arg v "$v"
			)"
		done
	done
	cni_fails 6 'decoding version from network config: *' ADD static <<<'{"name":"a","cniVersion":1}'
}

@test "CHECK, GC and STATUS need a version that has them" {
	local p v
	for p in $(plugins); do
		for v in '' 0.1.0 0.2.0 0.3.0 0.3.1; do
			cni_fails 1 'config version does not allow CHECK' CHECK "$p" <<<"$(
				conf "$conf" '.cniVersion=$v' --arg v "$v"
			)"
		done
		for v in 0.3.1 0.4.0 1.0.0; do
			cni_fails 1 'config version does not allow GC' GC "$p" <<<"$(
				conf "$conf" '.cniVersion=$v' --arg v "$v"
			)"
			cni_fails 1 'config version does not allow STATUS' STATUS "$p" <<<"$(
				conf "$conf" '.cniVersion=$v' --arg v "$v"
			)"
		done
		cni_fails 1 'plugin version does not allow CHECK' CHECK "$p" <<<"$(
			conf "$conf" '.cniVersion="2.0.0"'
		)"
	done
	cni_fails 6 'failed to convert major version part "abc": strconv.Atoi: parsing "abc": invalid syntax' \
		CHECK static <<<'{"name":"a","cniVersion":"abc"}'
	cni_fails 6 'invalid version "1.2.3.4": too many parts' \
		STATUS static <<<'{"name":"a","cniVersion":"1.2.3.4"}'
}

@test "GC without a list of attachments removes nothing and asks nothing" {
	local p before
	before=$(snapshot)
	for p in $(plugins); do
		cni_ok GC "$p" CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= <<<"$(conf "$conf" '.cniVersion="1.1.0"')"
		[[ -z $stderr ]]
	done
	[[ $(snapshot) == "$before" ]]
	cni_fails 7 "key 'cni.dev/valid-attachments' must be an array, not *" GC static <<<"$(
		conf "$conf" '.cniVersion="1.1.0" | ."cni.dev/valid-attachments"={}'
	)"
}

# --- namespaces ---

@test "the plugin's own namespace is refused before anything is done" {
	local p before
	before=$(snapshot)
	for p in $(plugins); do
		cni_fails 8 "plugin's netns and netns from CNI_NETNS should not be the same" \
			ADD "$p" CNI_NETNS=/proc/self/ns/net <<<"$conf"
		cni_fails 8 "plugin's netns and netns from CNI_NETNS should not be the same" \
			DEL "$p" CNI_NETNS=/proc/self/ns/net <<<"$conf"
	done
	[[ $(snapshot) == "$before" ]]
	cni_ok ADD static CNI_NETNS=/proc/self/ns/net CNI_NETNS_OVERRIDE=1 <<<"$static"
}

# --- prevResult ---

@test "prevResult must be of the configuration's family" {
	cni_fails 999 'could not parse prevResult: result type supports \[0.3.0 0.3.1 0.4.0] but unmarshalled CNIVersion is "1.0.0"' \
		CHECK static <<<"$(conf "$static" '.cniVersion="0.4.0" | .prevResult={cniVersion:"1.0.0"}')"
	cni_ok CHECK static <<<"$(conf "$static" '.cniVersion="1.1.0" | .prevResult={cniVersion:"1.0.0"}')"
	cni_fails 999 "could not parse prevResult: key 'ips\[0].address': invalid CIDR address: 10.0.0.1" \
		CHECK static <<<"$(conf "$static" '.prevResult={ips:[{address:"10.0.0.1"}]}')"
}

@test "DEL succeeds with a prevResult that cannot be read" {
	cni_ok DEL static <<<"$(conf "$static" '.prevResult={ips:[{address:"bad"}]}')"
	[[ $stderr == *'going on without it'* ]]
}

# --- answers that nobody gets ---

@test "a result that cannot be written is an error" {
	local rc=0
	host sh -c 'env CNI_COMMAND=ADD CNI_CONTAINERID=cid1 CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0 \
		CNI_PATH=/x "$1/static" >/dev/full' sh "$CNI_BIN" <<<"$static" || rc=$?
	((rc == 1))
}

# --- all plugins are one file ---

@test "fairlead-cni lists, is, and installs the plugins" {
	local tool=$CNI_BIN/../bin/fairlead-cni dir=$BATS_TEST_TMPDIR/a/b p inode
	[[ $("$tool" list) == "$(plugins)" ]]
	[[ $("$tool" --version) == 'fairlead-cni 1.2.0' ]]
	[[ $(CNI_COMMAND=VERSION "$tool" static) == "$(CNI_COMMAND=VERSION "$CNI_BIN/static")" ]]

	"$tool" install "$dir"
	[[ $(ls -A "$dir") == "$(plugins)" ]]
	"$tool" install "$dir"
	[[ $(ls -A "$dir") == "$(plugins)" ]]
	inode=$(stat -Lc %i "$dir/static")
	for p in $(plugins); do
		[[ $(stat -c %i "$dir/$p") == "$inode" ]]
		[[ $(stat -c %a "$dir/$p") == 755 ]]
	done


	# Over other files, a link among them; on another file system (/run of the host).
	host sh -c 'mkdir /run/p; ln -s /bin/true /run/p/static; echo old >/run/p/loopback'
	host "$tool" install /run/p
	[[ $(host ls -A /run/p) == "$(plugins)" ]]
	[[ $(host env CNI_COMMAND=VERSION /run/p/loopback) == '{"cniVersion":'* ]]
	host sh -c '[ ! -L /run/p/static ] && [ /run/p/static -ef /run/p/loopback ]'
}

@test "wrong usage is one line on stderr and exit status 2" {
	local tool=$CNI_BIN/../bin/fairlead-cni
	run -2 --separate-stderr "$tool"
	[[ -z $output && ${#stderr_lines[@]} == 1 ]]
	run -2 --separate-stderr "$tool" nonsense
	[[ $stderr == "fairlead-cni: there is no plugin or command 'nonsense' (see 'fairlead-cni --help')" ]]
	run -2 --separate-stderr "$tool" install
	run -2 --separate-stderr "$tool" list more
	run -0 --separate-stderr "$tool" --help
	[[ $output == 'usage: fairlead-cni '* && -z $stderr ]]
	run -1 --separate-stderr "$tool" install /proc/nowhere
	[[ $stderr == "fairlead-cni: cannot make directory '/proc/nowhere': No such file or directory" ]]
}
