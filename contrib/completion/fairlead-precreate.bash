# SPDX-License-Identifier: GPL-2.0-or-later
#
# bash completion for fairlead-precreate(8)

_fairlead_precreate() {
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "--version --help" -- "${COMP_WORDS[COMP_CWORD]}")
	fi
}

complete -F _fairlead_precreate fairlead-precreate
