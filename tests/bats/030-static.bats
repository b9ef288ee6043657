#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# static: addresses that the configuration, CNI_ARGS or the runtime names

# shellcheck disable=SC2016 # filters of jq and inner shells
bats_require_minimum_version 1.5.0
load lib/common

conf='{"cniVersion":"1.0.0","name":"net","ipam":{"type":"static",
	"addresses":[{"address":"10.1.0.2/24","gateway":"10.1.0.1"},{"address":"fd00:1::2/64"}],
	"routes":[{"dst":"0.0.0.0/0"},{"dst":"10.9.0.0/16","gw":"10.1.0.9","mtu":1300,"table":100}],
	"dns":{"nameservers":["10.1.0.53"],"domain":"example","search":["a.example"],
		"options":["ndots:2"]}}}'

setup() {
	host_new
}

teardown() {
	host_gone
}

# ips: addresses of the last result with their gateways, on one line.
ips() {
	json '[.ips[]? | .address + (if .gateway then " via " + .gateway else "" end)] | join(", ")'
}

# changed FILTER: the configuration changed.
changed() {
	conf "$conf" "$@"
}

@test "the answer is the configuration, in every version" {
	local v
	cni_ok ADD static <<<"$conf"
	diff <(printf '%s\n' "$output") - <<-'END'
		{
		    "cniVersion": "1.0.0",
		    "dns": {
		        "domain": "example",
		        "nameservers": [
		            "10.1.0.53"
		        ],
		        "options": [
		            "ndots:2"
		        ],
		        "search": [
		            "a.example"
		        ]
		    },
		    "ips": [
		        {
		            "address": "10.1.0.2/24",
		            "gateway": "10.1.0.1"
		        },
		        {
		            "address": "fd00:1::2/64"
		        }
		    ],
		    "routes": [
		        {
		            "dst": "0.0.0.0/0"
		        },
		        {
		            "dst": "10.9.0.0/16",
		            "gw": "10.1.0.9",
		            "mtu": 1300,
		            "table": 100
		        }
		    ]
		}
	END
	for v in "${CNI_VERSIONS[@]}"; do
		cni_ok ADD static <<<"$(changed '.cniVersion=$v' --arg v "$v")"
		[[ $(json .cniVersion) == "$v" ]]
		[[ $(json '[.. | strings | select(test("^(10.1.0.2/24|fd00:1::2/64)$"))] | join(" ")') == \
			'10.1.0.2/24 fd00:1::2/64' ]]
		cni_ok DEL static <<<"$(changed '.cniVersion=$v' --arg v "$v")"
	done
}

@test "the answer is that of the reference plugin" {
	local v peer=/usr/lib/cni/static
	[[ -x $peer ]] || skip 'containernetworking-plugins is not installed'
	for v in 0.1.0 0.2.0 0.3.0 0.3.1 0.4.0; do
		cni_ok ADD "$peer" <<<"$(changed '.cniVersion=$v | del(.ipam.routes[1].mtu, .ipam.routes[1].table)' --arg v "$v")"
		local want=$output
		cni_ok ADD static <<<"$(changed '.cniVersion=$v | del(.ipam.routes[1].mtu, .ipam.routes[1].table)' --arg v "$v")"
		diff <(echo "$output") <(echo "$want")
	done
}

@test "CNI_ARGS adds addresses, and gateways to the networks they are in" {
	cni_ok ADD static 'CNI_ARGS=IP=10.2.0.2/24, 10.3.0.2/16;GATEWAY=10.2.0.1,fd00:1::1;IgnoreUnknown=1;X=Y' \
		<<<"$conf"
	[[ $(ips) == '10.1.0.2/24 via 10.1.0.1, fd00:1::2/64 via fd00:1::1, 10.2.0.2/24 via 10.2.0.1, 10.3.0.2/16' ]]
	cni_fails 999 "the 'ip' field is expected to be in CIDR notation, got: '10.2.0.2'" \
		ADD static CNI_ARGS=IP=10.2.0.2 <<<"$conf"
	cni_fails 999 'invalid gateway address: x' ADD static CNI_ARGS=GATEWAY=x <<<"$conf"
	cni_fails 999 'ARGS: unknown args \["FOO=BAR"]' ADD static CNI_ARGS=FOO=BAR <<<"$conf"
	cni_fails 999 'ARGS: invalid pair ""' ADD static 'CNI_ARGS=IP=10.2.0.2/24;' <<<"$conf"
}

@test "args.cni.ips replaces all, runtimeConfig.ips replaces again" {
	local args='.args={cni:{ips:["10.4.0.2/24","fd00:4::2/64"]},other:{}}'
	cni_ok ADD static CNI_ARGS=IP=10.2.0.2/24 <<<"$(changed "$args")"
	[[ $(ips) == '10.4.0.2/24, fd00:4::2/64' ]]
	cni_ok ADD static <<<"$(changed "$args"' | .runtimeConfig={ips:["10.5.0.2/24"]}')"
	[[ $(ips) == '10.5.0.2/24' ]]
	cni_ok ADD static <<<"$(changed "$args"' | .runtimeConfig={ips:[]}')"
	[[ $(ips) == '10.4.0.2/24, fd00:4::2/64' ]]
	# What is replaced need not be an address.
	cni_ok ADD static <<<"$(changed '.ipam.addresses=[{}] | .runtimeConfig={ips:["10.5.0.2/24"]}')"
	[[ $(ips) == '10.5.0.2/24' ]]
	cni_fails 999 "an entry in the 'ips' field is NOT in CIDR notation, got: '10.5.0.2'" \
		ADD static <<<"$(changed '.runtimeConfig={ips:["10.5.0.2"]}')"
	cni_fails 999 "an entry in the 'ips' field is NOT in CIDR notation, got: 'x'" \
		ADD static <<<"$(changed '.args={cni:{ips:["x"]}}')"
}

@test "no address is no error, except where the version needs one" {
	cni_ok ADD static <<<"$(changed '.ipam={}')"
	[[ $output == $'{\n    "cniVersion": "1.0.0"\n}' ]]
	cni_ok ADD static <<<"$(changed '.ipam={} | .cniVersion="0.3.1"')"
	[[ $output == $'{\n    "cniVersion": "0.3.1",\n    "dns": {}\n}' ]]
	cni_fails 999 'cannot convert: no valid IP addresses' \
		ADD static <<<"$(changed '.ipam={} | .cniVersion="0.2.0"')"
}

@test "bad values are named" {
	cni_fails 999 "IPAM config missing 'ipam' key" ADD static <<<"$(changed 'del(.ipam)')"
	cni_fails 999 "IPAM config missing 'ipam' key" ADD static <<<"$(changed '.ipam=null')"
	cni_fails 999 "the 'address' field is expected to be in CIDR notation, got: '10.1.0.2'" \
		ADD static <<<"$(changed '.ipam.addresses[1].address="10.1.0.2"')"
	cni_fails 999 "the 'address' field is expected to be in CIDR notation, got: ''" \
		ADD static <<<"$(changed '.ipam.addresses[1]={}')"
	cni_fails 999 "the 'address' field is expected to be in CIDR notation, got: '10.1.0.2/33'" \
		ADD static <<<"$(changed '.ipam.addresses[1].address="10.1.0.2/33"')"
	cni_fails 999 "key 'ipam.addresses\[0].gateway': *x*" \
		ADD static <<<"$(changed '.ipam.addresses[0].gateway="x"')"
	cni_fails 999 "key 'ipam.addresses' must be an array*" \
		ADD static <<<"$(changed '.ipam.addresses={}')"
	cni_fails 999 "required key 'ipam.routes\[0].dst' is missing" \
		ADD static <<<"$(changed '.ipam.routes[0]={}')"
	cni_fails 999 "key 'ipam.routes\[0].mtu' must be between 0 and 4294967295, got 4294967296" \
		ADD static <<<"$(changed '.ipam.routes[0].mtu=4294967296')"
}

@test "versions up to 0.2.0 have one address per family" {
	local two='.ipam.addresses += [{"address":"10.1.0.3/24"}]'
	cni_fails 999 'CNI version 0.2.0 does not support more than 1 address per family' \
		ADD static <<<"$(changed "$two"' | .cniVersion="0.2.0"')"
	cni_fails 999 'CNI version 0.1.0 does not support more than 1 address per family' \
		ADD static <<<"$(changed "$two"' | del(.cniVersion)')"
	cni_ok ADD static <<<"$(changed "$two"' | .cniVersion="0.3.0"')"
}

@test "CHECK compares gateways with prevResult" {
	local same='.prevResult={ips:[{address:"10.1.0.2/24",gateway:"10.1.0.1"},{address:"fd00:1::2/64"}]}'
	cni_fails 999 'Required prevResult missing' CHECK static <<<"$conf"
	cni_ok CHECK static <<<"$(changed "$same")"
	cni_fails 999 'static: Failed to match addr 10.1.0.2 on interface eth0' \
		CHECK static <<<"$(changed "$same"' | .prevResult.ips[0].gateway="10.1.0.9"')"
	cni_fails 999 'static: Failed to match addr fd00:1::2 on interface eth0' \
		CHECK static <<<"$(changed "$same"' | .prevResult.ips[1].gateway="fd00:1::1"')"
	cni_ok CHECK static <<<"$(changed "$same"' | del(.prevResult.ips[0])')"
}

@test "DEL and GC have nothing to do, STATUS reads the configuration" {
	local new='.cniVersion="1.1.0"' none=(CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME=)
	cni_ok DEL static <<<"$conf"
	cni_ok DEL static <<<"$(changed 'del(.ipam)')"
	cni_ok GC static "${none[@]}" <<<"$(changed "$new"' | ."cni.dev/valid-attachments"=[]')"
	cni_ok STATUS static "${none[@]}" <<<"$(changed "$new")"
	cni_fails 999 "the 'address' field is expected to be in CIDR notation, got: 'x'" \
		STATUS static "${none[@]}" <<<"$(changed "$new"' | .ipam.addresses[0].address="x"')"
}
