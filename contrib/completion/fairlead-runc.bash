# SPDX-License-Identifier: GPL-2.0-or-later
#
# bash completion for fairlead-runc(8): that of the runtime it becomes

_fairlead_runc() {
	COMPREPLY=()
	if declare -F _runc >/dev/null; then
		_runc
	fi
}

complete -F _fairlead_runc fairlead-runc
