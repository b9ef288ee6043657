# SPDX-License-Identifier: GPL-2.0-or-later
#
# bash completion for netstackd(8)

_netstackd() {
	local cur=${COMP_WORDS[COMP_CWORD]}
	local options='--netns --nic --ifname --mode --id --network --mtu --mac --spin --ready-fd --lifeline-fd --log --user --version --help'

	COMPREPLY=()
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--netns | --log)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	--nic) mapfile -t COMPREPLY < <(compgen -W 'tap: macvtap: af_packet: af_xdp:' -- "$cur") ;;
	--mode) mapfile -t COMPREPLY < <(compgen -W 'hybrid full' -- "$cur") ;;
	--user) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
	--ifname | --id | --network | --mtu | --mac | --spin | --ready-fd | --lifeline-fd) ;;
	*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur") ;;
	esac
}

complete -F _netstackd netstackd
