# SPDX-License-Identifier: GPL-2.0-or-later
#
# awk -f compare.awk DIFFERENCES KERNEL OURS: what sockdiff said on the kernel's stack and on ours
#
# Prints each line that differs without being listed, and each that is listed and does not
# differ.  Exit status 0 when there is none, and as many lines as MINIMUM (-v MINIMUM=...) are the
# same.
#
# An entry is "NAME | KERNEL | OURS | WHY".  In NAME a * stands for one variant or for a part of
# a name, "lo4,own4" for either; * as OURS is anything else than the kernel's; "-" as a result
# means that the line is not there.

BEGIN {
	FS = " +[|] +" # without blanks around it, it is part of a mask
}

# A pattern of ours as an extended regular expression.
function pattern(text,    parts, n, i, out) {
	n = split(text, parts, ".")
	for (i = 1; i <= n; i++) {
		gsub(/[+?(){}^$]/, "\\\\&", parts[i])
		gsub(/\*/, "[^.]*", parts[i])
		if (parts[i] ~ /,/) {
			gsub(/,/, "|", parts[i])
			parts[i] = "(" parts[i] ")"
		}
		out = out (i > 1 ? "\\." : "") parts[i]
	}
	return "^" out "$"
}

# Lines of a run: the same name may come several times, so they are counted.
function remember(store, line,    at, name, key) {
	at = index(line, ": ")
	if (!at) {
		print FILENAME ": no line of sockdiff: " line
		bad++
		return
	}
	name = substr(line, 1, at - 1)
	seen[file, name]++
	key = name SUBSEP seen[file, name]
	store[key] = substr(line, at + 2)
	if (!(key in order)) {
		order[key] = ++keys
		key_at[keys] = key
		name_of[key] = name
	}
}

FNR == 1 {
	file++
}

file == 1 {
	if (/^[ \t]*(#|$)/)
		next
	if (NF != 4 || $1 == "" || $4 == "") {
		printf "%s:%d: not NAME | KERNEL | OURS | WHY: %s\n", FILENAME, FNR, $0
		bad++
		next
	}
	entry[++entries] = $0
	entry_re[entries] = pattern($1)
	entry_kernel[entries] = $2
	entry_ours[entries] = $3
	next
}

file == 2 {
	remember(kernel, $0)
	next
}

{
	remember(ours, $0)
}

# The entry that says what the kernel's line is, and what ours is.
function listed_as(name, k, o,    i) {
	for (i = 1; i <= entries; i++)
		if (k == entry_kernel[i] && name ~ entry_re[i] &&
		    (o == entry_ours[i] || o == k || entry_ours[i] == "*"))
			return i
	return 0
}

END {
	for (n = 1; n <= keys; n++) {
		key = key_at[n]
		k = key in kernel ? kernel[key] : "-"
		o = key in ours ? ours[key] : "-"
		i = listed_as(name_of[key], k, o)
		if (i)
			used[i] = 1
		if (k == o && !i)
			same++
		else if (k != o && i)
			listed++
		else {
			printf "%s: %s: kernel: %s, ours: %s\n",
				i ? "listed, but the same" : "differs", name_of[key], k, o
			bad++
		}
	}
	for (i = 1; i <= entries; i++)
		if (!used[i]) {
			printf "listed, but there is no such line: %s\n", entry[i]
			bad++
		}
	printf "%d the same, %d listed differences, %d wrong\n", same, listed, bad
	exit bad || same < MINIMUM
}
