# SPDX-License-Identifier: GPL-2.0-or-later
#
# bash completion for fairlead-agent(8)

_fairlead_agent() {
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "--verbose --version --help" -- "${COMP_WORDS[COMP_CWORD]}")
	fi
}

complete -F _fairlead_agent fairlead-agent
