#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What goes wrong at the worst moment: every system call of an ADD and a DEL fails in turn,
# the process is killed at each, every allocation fails in turn, and many ADDs run at once.
#
# The work is done by build/*/faults/faults: tests/faults/scene.h tells what must be true
# after each fault, tests/faults/chains.c what the networks look like.  It works in
# namespaces of its own.  FAULTS_ALL=1 tries everything; without it, of what behaves alike a
# part is tried.

bats_require_minimum_version 1.5.0

BUILD=${FAIRLEAD_BUILD:-build/release}
[[ $BUILD == /* ]] || BUILD=$PWD/$BUILD
export FAIRLEAD_BUILD=$BUILD
FAULTS=$BUILD/faults/faults

setup() {
	[[ -x $FAULTS ]] || {
		echo "no $FAULTS: make faults-build" >&2
		return 1
	}
}

# Most of the time is the kernel's, taking links down: so several at a time.
WIDTH=4

# scenes CHAIN PLUGIN...: words of VERB-HOST-KIND follow "--"; all combinations.  "/N" behind
# a word: each N-th place only.
scenes() {
	local chain=$1 plugins=() plugin word every list=()
	shift
	while [[ $1 != -- ]]; do
		plugins+=("$1")
		shift
	done
	shift
	for plugin in "${plugins[@]}"; do
		for word; do
			every=${word#*/}
			[[ $every != "$word" && ! ${FAULTS_ALL:-} ]] || every=1
			list+=("$every $chain $plugin ${word%/*}")
		done
	done
	# One that finds something does not keep the others.
	# shellcheck disable=SC2016 # of the inner shell
	printf '%s\n' "${list[@]}" | xargs -P "$WIDTH" -I{} bash -c '
		read -r every chain plugin word <<<"$1"
		IFS=- read -r verb host kind <<<"$word"
		FAULTS_EVERY=$every "$0" "$chain" "$plugin" "$verb" "$host" "$kind" 2>&1
	' "$FAULTS" {} 3>&-
}

# Sanitizers bring an allocator of their own.
memory_words() {
	[[ $BUILD == */asan || $BUILD == */tsan ]] || echo ADD-used-memory DEL-used-memory
}

ALL=(ADD-used-error ADD-used-lasting ADD-used-kill DEL-used-error DEL-used-lasting DEL-used-kill)

@test "loopback: every call fails, is the last one, or finds no memory" {
	# shellcheck disable=SC2046 # words
	scenes loopback loopback -- "${ALL[@]}" $(memory_words)
}

@test "ptp: every call fails, is the last one, or finds no memory" {
	# shellcheck disable=SC2046 # words
	scenes ptp ptp -- "${ALL[@]}" $(memory_words)
}

@test "bridge: every call fails, is the last one, or finds no memory" {
	# shellcheck disable=SC2046 # words
	scenes bridge bridge -- "${ALL[@]}" $(memory_words)
}

@test "portmap: every call fails, is the last one, or finds no memory" {
	# shellcheck disable=SC2046 # words
	scenes bridge portmap -- "${ALL[@]}" $(memory_words)
}

@test "firewall and tuning: every call fails, is the last one, or finds no memory" {
	# shellcheck disable=SC2046 # words
	scenes bridge firewall tuning -- "${ALL[@]}" $(memory_words)
}

@test "macspoofchk, isolation and ingressPolicy: every call fails or is the last one" {
	scenes guarded bridge firewall -- "${ALL[@]}"

	[[ ! ${FAULTS_ALL:-} ]] || scenes guarded portmap -- "${ALL[@]}"
}

@test "a bridge that was there, with another address and down: an ADD that fails restores it" {
	scenes forced bridge -- ADD-fresh-kill ADD-fresh-error/2 ADD-fresh-lasting/2
}

@test "the gateway of a VLAN: every call fails or is the last one" {
	unshare --net ip link add br0 type bridge vlan_filtering 1 ||
		skip "bridges of this kernel know no VLANs"
	scenes vlan bridge -- ADD-used-error/7 ADD-used-kill/3 DEL-used-kill/3 ADD-fresh-error/5 \
		ADD-fresh-kill/3
}

@test "on a fresh host: what is shared is there as a whole or not at all" {
	scenes bridge bridge -- ADD-fresh-kill ADD-fresh-error/2
	scenes bridge portmap firewall -- ADD-fresh-kill ADD-fresh-error/3
	scenes guarded bridge firewall -- ADD-fresh-kill ADD-fresh-error/5
	scenes ptp ptp -- ADD-fresh-kill ADD-fresh-error/3
}

@test "40 first ADDs at once, then 40 DELs" {
	"$FAULTS" bridge parallel 2
	"$FAULTS" guarded parallel 1
	"$FAULTS" ptp parallel 1
}

@test "40 first ADDs at once, half of them hit by an error late: the others work" {
	"$FAULTS" bridge mixed 3
	"$FAULTS" guarded mixed 2
	"$FAULTS" ptp mixed 1
}
