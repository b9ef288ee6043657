#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # dollars are of inner shells
#
# netns-run at a terminal: keys, job control, who has the foreground.  script(1) makes the
# terminal; what is typed goes into it through a fifo, what appears is in a file.

load lib/netns_run

setup() {
	netns_run_setup
	TYPESCRIPT=$BATS_TEST_TMPDIR/typescript
	mkfifo "$BATS_TEST_TMPDIR/keys"
	: >"$TYPESCRIPT"
	SEEN=0
}

teardown() {
	[[ -z ${KEYS:-} ]] || exec {KEYS}>&-
	host_gone
}

# terminal COMMAND: a shell at a terminal of the host.
terminal() {
	nsenter --net --mount --target "$HOST" -- setpriv --pdeathsig KILL \
		env --default-signal script -qefc "env PATH=${NETNS_RUN%/*}:$PATH $1" "$TYPESCRIPT" \
		<"$BATS_TEST_TMPDIR/keys" >/dev/null 2>&1 3>&- &
	HELD+=("$!")
	exec {KEYS}>"$BATS_TEST_TMPDIR/keys"
}

# type_in TEXT: keys, with the escapes of printf.
type_in() {
	# shellcheck disable=SC2059 # escapes are meant
	printf "$1" >&"$KEYS"
}

appeared() {
	tail -c "+$((SEEN + 1))" "$TYPESCRIPT" | tr -d '\r' | grep -qE "$1"
}

# see PATTERN: wait until it appears, after what was seen before.
see() {
	local end=$((SECONDS + 20))
	until appeared "$1"; do
		if ((SECONDS >= end)); then
			fail "no '$1' in: $(tail -c "+$((SEEN + 1))" "$TYPESCRIPT" | cat -v)"
			return 1
		fi
		sleep 0.05
	done
	# What is typed comes back after this.
	SEEN=$(stat -c %s "$TYPESCRIPT")
}

# asleep: the command "sleep 1000.$$" runs, and is not stopped.
asleep() {
	pgrep -r S -f "^sleep 1000\.$$\$" >/dev/null
}

OUTER="PS1='outer> ' bash --norc --noediting -i"
INNER="netns-run --network none --name t -- env PS1='inner> ' bash --norc --noediting -i"

@test "an interactive shell has job control, and ends with its status" {
	terminal "$OUTER"
	see 'outer> $'
	type_in "$INNER\n"
	see 'inner> $'
	run grep -c 'no job control' "$TYPESCRIPT"
	[[ $output == 0 ]]
	type_in "sleep 1000.$$\n"
	wait_for 10 asleep
	type_in '\003'
	see 'inner> $'
	type_in "sleep 1000.$$\n"
	wait_for 10 asleep
	type_in '\032'
	see 'Stopped +sleep 1000'
	type_in 'fg\n'
	wait_for 10 asleep
	type_in '\003'
	see 'inner> $'
	type_in 'exit 5\n'
	see 'outer> $'
	type_in 'echo "rc=$?"\n'
	see '^rc=5$'
	nothing_left
}

@test "suspend in the inner shell gives the outer one its terminal, and fg takes it back" {
	terminal "$OUTER"
	see 'outer> $'
	type_in "$INNER\n"
	see 'inner> $'
	type_in 'suspend\n'
	see 'outer> $'
	type_in 'jobs\n'
	see 'Stopped +netns-run'
	type_in 'fg\n'
	see '(^| )inner> $|bash --norc --noediting -i$'
	type_in 'echo in:$PS1\n'
	see '^in:inner>$'
	type_in 'exit\n'
	see 'outer> $'
	nothing_left
}

@test "keys reach a plain command once: stop, go on, interrupt" {
	terminal "$OUTER"
	see 'outer> $'
	type_in 'netns-run --network none --name t -- bash --norc -c '\''trap "echo int; ((++n < 2)) || exit 9" INT; while echo on; do read -t 0.1; done'\''\n'
	see '^on$'
	type_in '\032'
	see 'Stopped +netns-run'
	type_in 'fg\n'
	see '^on$'
	type_in '\003'
	see 'int'
	type_in '\003'
	see 'outer> $'
	type_in 'echo "rc=$?"\n'
	see '^rc=9$'
	# Twice pressed, twice heard.
	[[ $(tr -d '\r^C' <"$TYPESCRIPT" | grep -cx int) == 2 ]]
	nothing_left
}

@test "interrupted at the terminal: the shell sees 130" {
	terminal "$OUTER"
	see 'outer> $'
	type_in 'netns-run --network none --name t -- sleep 1000\n'
	wait_for 10 is_status t running
	type_in '\003'
	see 'outer> $'
	type_in 'echo "rc=$?"\n'
	see '^rc=130$'
	nothing_left
}

@test "a shell that dies with the foreground: the terminal comes back to whoever started us" {
	# The parent is a script: it does not take the terminal by itself.
	printf '%s\n' "$INNER" 'read -r line' 'echo "got:$line"' >"$BATS_TEST_TMPDIR/script"
	terminal "sh $BATS_TEST_TMPDIR/script"
	see 'inner> $'
	type_in 'kill -KILL $$\n'
	wait_for 10 is_gone t
	type_in 'text\n'
	see '^got:text$'
	nothing_left
}

@test "the terminal goes away: the command gets SIGHUP, all is removed" {
	local pid
	terminal "$OUTER"
	see 'outer> $'
	type_in 'netns-run --network none --name t -- sh -c "echo \\$\\$ >/run/pid; exec sleep 1000"\n'
	wait_for 10 host test -s /run/pid
	pid=$(host cat /run/pid)
	kill -KILL "${HELD[-1]}"
	wait_for 20 is_gone t
	dead "$pid"
}
