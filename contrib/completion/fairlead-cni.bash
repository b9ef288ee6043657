# SPDX-License-Identifier: GPL-2.0-or-later
#
# bash completion for fairlead-cni(8)

_fairlead_cni() {
	local cur=${COMP_WORDS[COMP_CWORD]}

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "install list --version --help $("${COMP_WORDS[0]}" list 2>/dev/null)" -- "$cur")
	elif ((COMP_CWORD == 2)) && [[ ${COMP_WORDS[1]} == install ]]; then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
	fi
}

complete -F _fairlead_cni fairlead-cni
