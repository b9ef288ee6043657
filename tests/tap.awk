# SPDX-License-Identifier: GPL-2.0-or-later
#
# tap.awk - results of one program that speaks TAP as bats or cmocka 1.1 do
#
# Input: its output.  Variable status: its exit status.  Output, separated by tabs:
#
#	pass NAME
#	fail NAME
#	skip NAME REASON
#
# cmocka has no reason for a skip; the last line "skip: REASON" before it counts as
# one.  Every group of cmocka starts with a plan of its own.  A child that a test forked
# may print its parent's buffered lines once more, so a number counts once per plan.

function fail(name) {
	printf "fail\t%s\n", name
	failed++
}

function skip(name, reason) {
	printf "skip\t%s\t%s\n", name, reason
}

# The test's name, from a line without "ok NUMBER".
function title(text) {
	sub(/^ *-? */, "", text)
	return text
}

/^1\.\.[0-9]+$/ {
	planned += substr($0, 4)
	plan++
	next
}

/^skip: / {
	why = substr($0, 7)
	next
}

/^(not )?ok [0-9]+/ {
	good = !/^not /
	text = $0
	sub(/^(not )?ok /, "", text)
	number = text + 0
	sub(/^[0-9]+/, "", text)
	if (number && seen[plan, number]++)
		next
	if (number)
		ran++

	if (match(text, /^ # SKIP /)) {				# cmocka
		skip(substr(text, 9), why)
		why = ""
	} else if (good && match(text, / # skip( |$)/)) {	# bats
		skip(title(substr(text, 1, RSTART - 1)), substr(text, RSTART + 8))
	} else if (good) {
		printf "pass\t%s\n", title(text)
	} else {
		fail(title(text))
	}
}

END {
	if (status == 124 || status == 137)
		fail("stopped, it took too long")
	else if (ran < planned)
		fail(sprintf("%d of %d tests did not run, exit status %d", planned - ran, planned, status))
	else if (!planned)
		fail(sprintf("ran no test, exit status %d", status))
	else if (status && !failed)
		fail(sprintf("exit status %d although no test failed", status))
}
