#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# IPAM plugins that are not ours: programs that bridge and ptp execute.  They are shell
# scripts here, which misbehave in every way that a program can.

# shellcheck disable=SC2016 # inner shells, filters of jq
# shellcheck disable=SC2154 # cni() sets them
bats_require_minimum_version 1.5.0
load lib/common

bridge='{"cniVersion":"1.1.0","name":"net1","type":"bridge","bridge":"br0","isGateway":true,
	"ipMasq":true,"ipam":{"type":"foreign","range":"x"}}'
ptp='{"cniVersion":"1.1.0","name":"net1","type":"ptp","ipMasq":true,"ipam":{"type":"foreign"}}'
answer='{"cniVersion":"1.1.0","ips":[{"address":"10.9.0.5/24","gateway":"10.9.0.1"},
	{"address":"fd00:9::5/64","gateway":"fd00:9::1"}],
	"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}],"dns":{"nameservers":["10.9.0.53"]}}'

setup() {
	host_new
	container_new c1
	D=$BATS_TEST_TMPDIR/ipam
	mkdir -p "$D/bin"
	echo "$answer" >"$D/answer"
	export CNI_PATH=$D/bin:$CNI_BIN
}

teardown() {
	host_gone
}

# ipam TEXT: what the program does, in the folder $D and after it has read its request.
ipam() {
	printf '#!/bin/sh\nverb=$CNI_COMMAND\ncd %q || exit\necho "$verb" >>log\ncat >"request.$verb"\n%s\n' \
		"$D" "$1" >"$D/foreign"
	chmod +x "$D/foreign"
	mv "$D/foreign" "$D/bin/foreign"
	rm -f "$D/log"
}

# Answers to ADD.
works='[ "$verb" != ADD ] || cat answer'
# At ADD it says who it is and who its child is, and ends never.
hangs='[ "$verb" = ADD ] || exit 0
	trap "" TERM HUP INT
	sleep 1000 & echo $! >child
	echo $$ >self.new; mv self.new self
	wait; sleep 1000'

# call VERB CONF, refused CODE MESSAGE VERB CONF: of the plugin that CONF names.
call() { cni_ok "$1" "$(jq -r .type <<<"$2")" CNI_PATH="$CNI_PATH" "${@:3}" <<<"$2"; }
refused() {
	cni_fails "$1" "$2" "$3" "$(jq -r .type <<<"$4")" CNI_PATH="$CNI_PATH" "${@:5}" <<<"$4"
}

# start VERB CONF [COMMAND...]: the same in the background, under COMMAND.  Its pid is $CALL.
start() {
	nsenter --net --mount --target "$HOST" -- env CNI_COMMAND="$1" CNI_CONTAINERID=cid1 \
		CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0 CNI_PATH="$CNI_PATH" "${@:3}" \
		"$CNI_BIN/$(jq -r .type <<<"$2")" <<<"$2" >"$D/out" 2>"$D/err" 3>&- &
	CALL=$!
	HELD+=("$CALL")
}

# finish: wait for it; sets status and output.
finish() {
	status=0
	wait "$CALL" || status=$?
	output=$(<"$D/out")
}

# being_written: somebody has the program open for writing, until not_written.
being_written() {
	local line=''
	mkfifo "$D/fifo"
	setpriv --pdeathsig KILL sh -c 'exec 9>>"$1"; echo open >"$2"; exec sleep infinity' \
		sh "$D/bin/foreign" "$D/fifo" 3>&- &
	WRITER=$!
	HELD+=("$WRITER")
	read -r -t 10 line <"$D/fifo"
	[[ $line == open ]]
}

not_written() {
	kill -KILL "$WRITER"
	wait "$WRITER" || true
}

# log: the verbs that it was called with, on one line.
log() { paste -sd' ' "$D/log"; }

# settled: a snapshot without what depends on a carrier.
settled() { snapshot c1 | sed 's/ linkdown//; s/NO-CARRIER,//; s/,LOWER_UP//'; }

# --- as it should be ---

@test "every verb reaches it with the whole configuration, and what it answers is applied" {
	local c with_prev
	for c in "$bridge" "$ptp"; do
		ipam "$works"
		call ADD "$c"
		same_json "$(json '[.ips[].address]')" '["10.9.0.5/24","fd00:9::5/64"]'
		[[ $(json '.dns.nameservers[0]') == 10.9.0.53 ]]
		[[ $(in_container c1 ip -4 -o addr show eth0) == *"inet 10.9.0.5/24"* ]]
		[[ $(in_container c1 ip -6 route) == *"default via fd00:9::1"* ]]
		same_json "$(<"$D/request.ADD")" "$c"
		with_prev=$(conf "$c" --argjson prev "$output" '.prevResult = $prev')
		call CHECK "$with_prev"
		same_json "$(<"$D/request.CHECK")" "$with_prev"
		call STATUS "$c"
		call GC "$(conf "$c" '."cni.dev/valid-attachments" =
			[{containerID: "cid1", ifname: "eth0"}]')"
		call DEL "$with_prev"
		[[ $(log) == "ADD CHECK STATUS GC DEL" ]]
	done
}

@test "whatever it does wrong is told, the plugin is named, and nothing is left" {
	local c before body code msg
	before=$(snapshot c1)
	while IFS='|' read -r body code msg; do
		ipam "[ \"\$verb\" = ADD ] || exit 0; $body"
		for c in "$bridge" "$ptp"; do
			refused "$code" "$msg" ADD "$c"
			[[ $(log) == "ADD DEL" ]]
			rm "$D/log"
			diff <(echo "$before") <(snapshot c1)
		done
	done <<-'END'
		exit 3|999|IPAM plugin "foreign": netplugin failed with no error message: exit status 3
		kill -SEGV $$|999|IPAM plugin "foreign": netplugin failed with no error message: signal: Segmentation fault
		echo boom >&2; exit 1|999|IPAM plugin "foreign": netplugin failed: "boom\\n"
		echo '{"code":11,"msg":"pool is empty","details":"ask again"}'; exit 1|11|pool is empty
		echo oops; exit 1|999|IPAM plugin "foreign": netplugin failed but error parsing*
		echo oops|999|cannot read the result of '*/foreign'*
		echo '{"cniVersion":"1.1.0","ips":[{"address":"10.9.0.5"}]}'|999|cannot read the result of '*/foreign'*
		cat /dev/zero|999|IPAM plugin "foreign": more than 16777216 bytes on standard output, killed
	END
}

@test "what it says on standard error is passed on, whether it fails or not" {
	ipam "echo said >&2; $works"
	call ADD "$bridge"
	[[ $stderr == said ]]
	call DEL "$bridge"
	ipam 'echo said >&2; echo "{\"code\":11,\"msg\":\"later\"}"; exit 1'
	refused 11 later ADD "$bridge"
	[[ $stderr == said* ]]
}

# --- while it is being installed ---

@test "text file busy: tried again, and served once the file is whole" {
	local c
	for c in "$bridge" "$ptp"; do
		ipam "$works"
		being_written
		start ADD "$c" ASAN_OPTIONS=detect_leaks=0 strace -f -qq -e trace=execve -o "$D/trace"
		wait_for 10 grep -q ETXTBSY "$D/trace"
		not_written
		finish
		((status == 0)) || fail "$output"
		[[ $(json '.ips[0].address') == 10.9.0.5/24 ]]
		[[ $(log) == ADD ]]
		call DEL "$c"
		rm "$D/fifo" "$D/trace"
	done
}

@test "text file busy for good: \"try again later\" with the file's name, and nothing is left" {
	local before
	before=$(snapshot c1)
	ipam "$works"
	being_written
	refused 11 "IPAM plugin \"foreign\": cannot run '$D/bin/foreign': Text file busy" ADD "$ptp"
	not_written
	[[ ! -e $D/log ]]
	diff <(echo "$before") <(snapshot c1)
}

# --- when it hangs ---

@test "ADD: killed with its children at its deadline, told DEL, and nothing is left" {
	local c before
	before=$(snapshot c1)
	ipam "$hangs"
	for c in "$bridge" "$ptp"; do
		refused 999 'IPAM plugin "foreign": no answer within 1 s, killed' ADD "$c" \
			FAIRLEAD_IPAM_TIMEOUT=1
		[[ $(log) == "ADD DEL" ]]
		dead "$(<"$D/self")"
		wait_for 10 dead "$(<"$D/child")"
		diff <(echo "$before") <(snapshot c1)
		rm "$D"/{log,self,child}
	done
}

@test "DEL: an error, but what is the plugin's own is gone; and again, when it works" {
	local c before
	for c in "$bridge" "$ptp"; do
		ipam "$works"
		# The first one makes the bridge, which stays.
		call ADD "$c"
		call DEL "$c"
		before=$(settled)
		call ADD "$c"
		ipam 'exec sleep 1000'
		refused 999 'IPAM plugin "foreign": no answer within 1 s, killed' DEL "$c" \
			FAIRLEAD_IPAM_TIMEOUT=1
		diff <(echo "$before") <(settled)
		ipam "$works"
		call DEL "$c"
		[[ $(log) == DEL ]]
	done
}

@test "CHECK, STATUS and GC end, too" {
	local c verb
	ipam "$works"
	call ADD "$bridge"
	c=$(conf "$bridge" --argjson prev "$output" '.prevResult = $prev |
		."cni.dev/valid-attachments" = [{containerID: "cid1", ifname: "eth0"}]')
	ipam 'exec sleep 1000'
	for verb in CHECK STATUS GC; do
		refused 999 'IPAM plugin "foreign": no answer within 1 s, killed' "$verb" "$c" \
			FAIRLEAD_IPAM_TIMEOUT=1
	done
	[[ $(log) == "CHECK STATUS GC" ]]
}

@test "a deadline that is none is refused, and nothing is made" {
	local before value
	before=$(snapshot c1)
	ipam "$works"
	for value in 0 -1 1m 3601; do
		refused 4 "FAIRLEAD_IPAM_TIMEOUT is '$value', not a number of seconds from 1 to 3600" \
			ADD "$bridge" FAIRLEAD_IPAM_TIMEOUT="$value"
	done
	[[ ! -e $D/log ]]
	diff <(echo "$before") <(snapshot c1)
}

# --- when the plugin itself is killed ---

@test "it does not outlive the plugin; the runtime's DEL leaves nothing" {
	local c signal before
	for c in "$bridge" "$ptp"; do
		ipam "$works"
		call ADD "$c"
		call DEL "$c"
		before=$(settled)
		ipam "$hangs"
		for signal in KILL TERM; do
			start ADD "$c"
			wait_for 10 test -e "$D/self"
			kill -"$signal" "$CALL"
			finish
			((status == 128 + $(kill -l "$signal")))
			wait_for 10 dead "$(<"$D/self")"
			kill -KILL "$(<"$D/child")"
			call DEL "$c"
			diff <(echo "$before") <(settled)
			rm "$D"/{self,child}
		done
	done
}

# The tracer holds the new process back where it binds its life to the plugin's.
@test "it is not even run when the plugin was killed before it could be bound to it" {
	local pid
	ipam "$works"
	start ADD "$ptp" ASAN_OPTIONS=detect_leaks=0 strace -f -qq -e trace=vfork,prctl,execve \
		-e inject=prctl:delay_enter=2s -o "$D/trace"
	wait_for 10 grep -q vfork "$D/trace"
	pid=$(sed -n 's/^\([0-9]*\) .*vfork.*/\1/p' "$D/trace")
	kill -KILL "$pid"
	finish
	grep -q "^$pid .*killed by SIGKILL" "$D/trace"
	grep -q "prctl.*) *= 0" "$D/trace"
	[[ ! -e $D/log ]]
	call DEL "$ptp"
}
