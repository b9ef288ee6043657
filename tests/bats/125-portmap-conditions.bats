#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# portmap: every condition that it understands, in both syntaxes, as nft reads it back and as
# packets meet it

# shellcheck disable=SC2016 # filters of jq
bats_require_minimum_version 1.5.0
load lib/portmap

setup_file() { portmap_build; }
setup() {
	portmap_setup
	serve a tcp 80 a
}
teardown() { host_gone; }

# maps CONDITIONS...: port 8080 of the host leads to port 80 of a for packets that meet these,
# in the IPv4 words of the configuration; what was mapped before is replaced.
maps() {
	local conds
	conds=$(jq -cn '{conditionsV4: $ARGS.positional}' --args -- "$@")
	CONF=$(pm_conf net1 "$A_IPS" "$(map 8080 80)" "$conds")
	pm ADD cid1 "$CONF" >/dev/null
	pm CHECK cid1 "$CONF"
}

# rule_is TEXT: that is what nft says of it.
rule_is() {
	local want="tcp dport 8080 ${1:+$1 }dnat to 10.88.0.2:80 comment \"cid1\""
	[[ $(rules ip hostports) == "$want" ]] || fail "$(rules ip hostports)"$'\n'"wanted: $want"
}

# answers ADDRESS, silent ADDRESS: port 8080 there, to somebody outside.
answers() { [[ $(ask out tcp "$1" 8080) == "a "* ]]; }
silent() { run -1 ask out tcp "$1" 8080; }

# --- the same in both syntaxes ---

@test "destination" {
	local words
	while read -ra words; do
		maps "${words[@]}"
		rule_is 'ip daddr 192.0.2.11'
		answers 192.0.2.11
		silent 192.0.2.1
	done <<-'END'
		-d 192.0.2.11
		--destination 192.0.2.11/32
		--dst 192.0.2.11
		ip daddr 192.0.2.11
	END
	for words in '! -d 192.0.2.11' 'ip daddr != 192.0.2.11'; do
		# shellcheck disable=SC2086 # words
		maps $words
		rule_is 'ip daddr != 192.0.2.11'
		silent 192.0.2.11
		answers 192.0.2.1
	done
}

@test "source" {
	local words
	for words in '-s 192.0.2.0/30' '--src 192.0.2.1/30' '--source 192.0.2.0/30' 'ip saddr 192.0.2.0/30'; do
		# shellcheck disable=SC2086 # words
		maps $words
		rule_is 'ip saddr 192.0.2.0/30'
		answers 192.0.2.1
	done
	for words in '! -s 192.0.2.2' 'ip saddr != 192.0.2.2'; do
		# shellcheck disable=SC2086 # words
		maps $words
		rule_is 'ip saddr != 192.0.2.2'
		silent 192.0.2.1
	done
}

@test "interfaces, by name and by prefix" {
	local words
	for words in '-i ext0' '--in-interface ext0' 'iifname ext0'; do
		# shellcheck disable=SC2086 # words
		maps $words
		rule_is 'iifname "ext0"'
		answers 192.0.2.1
	done
	maps 'iifname "ext0"'
	rule_is 'iifname "ext0"'
	for words in '-i ex+' 'iifname ex*'; do
		maps "$words"
		rule_is 'iifname "ex*"'
		answers 192.0.2.1
	done
	maps '!' -i ext0
	rule_is 'iifname != "ext0"'
	silent 192.0.2.1

	# Where a packet goes to is known of those that the host sends itself.
	for words in '-o lo' '--out-interface lo' 'oifname lo'; do
		# shellcheck disable=SC2086 # words
		maps $words
		rule_is 'oifname "lo"'
		silent 192.0.2.1
		[[ $(ask host tcp 192.0.2.1 8080) == "a "* ]]
	done
	maps '!' -o lo
	rule_is 'oifname != "lo"'
	answers 192.0.2.1
	run -1 ask host tcp 192.0.2.1 8080
}

@test "marks, whole and masked" {
	local words
	host nft -f - <<-'END'
		table ip test {
			chain marks {
				type filter hook prerouting priority raw
				ip daddr 192.0.2.1 meta mark set 0x15
				ip daddr 192.0.2.11 meta mark set 0x25
			}
		}
	END
	for words in '-m mark --mark 0x15' '-m mark --mark 21' 'meta mark 0x15' 'meta mark 21'; do
		# shellcheck disable=SC2086 # words
		maps $words
		rule_is 'meta mark 0x00000015'
		answers 192.0.2.1
		silent 192.0.2.11
	done
	for words in '-m mark --mark 0x20/0xf0' 'meta mark and 0xf0 == 0x20'; do
		# shellcheck disable=SC2086 # words
		maps $words
		rule_is 'meta mark & 0x000000f0 == 0x00000020'
		silent 192.0.2.1
		answers 192.0.2.11
	done
}

@test "what holds always, and several at once" {
	local words
	for words in '-m addrtype --dst-type LOCAL' 'fib daddr type local'; do
		# shellcheck disable=SC2086 # words
		maps $words
		rule_is ''
		answers 192.0.2.1
	done
	maps -s 192.0.2.0/24 -i ext0 '!' -d 192.0.2.11 -m addrtype --dst-type LOCAL
	rule_is 'ip saddr 192.0.2.0/24 iifname "ext0" ip daddr != 192.0.2.11'
	answers 192.0.2.1
	silent 192.0.2.11
}

# --- and nothing else ---

@test "what is not understood names key and word, and nothing is made" {
	local words msg
	while IFS='|' read -r words msg; do
		# shellcheck disable=SC2086 # words
		cni_fails 999 "$msg" ADD portmap CNI_NETNS=/run/netns/a \
			<<<"$(pm_conf net1 "$A_IPS" "$(map 8080 80)" "$(jq -cn '{conditionsV4: $ARGS.positional}' --args -- $words)")"
		[[ -z $(ruleset) ]]
	done <<-'END'
		-s|*conditionsV4*-s*
		-s 192.0.2.0/33|*conditionsV4*192.0.2.0/33*
		-s fd00::/8|*conditionsV4*fd00::/8*
		! ! -s 192.0.2.1|*conditionsV4*!*
		-m mark --mark 0x15/|*conditionsV4*0x15/*
		-m mark --mark x|*conditionsV4*'x'*
		-m mark --mark 0x100000000|*conditionsV4*0x100000000*
		! -m mark --mark 1|*conditionsV4*
		-m conntrack|*conditionsV4*conntrack*
		-m addrtype --dst-type BROADCAST|*conditionsV4*BROADCAST*
		-i an-interface-with-a-long-name|*conditionsV4*an-interface-with-a-long-name*
		ip saddr|*conditionsV4*saddr*
		ip6 saddr fd00::/8|*conditionsV4*ip6*
		ip protocol tcp|*conditionsV4*protocol*
		meta mark and 0xf0|*conditionsV4*
		meta mark 0x15 0x16|*conditionsV4*0x16*
		fib daddr type broadcast|*conditionsV4*broadcast*
		ip saddr 192.0.2.1 accept|*conditionsV4*accept*
	END
}
