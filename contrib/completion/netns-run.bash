# SPDX-License-Identifier: GPL-2.0-or-later
#
# bash completion for netns-run(1)

_netns_run_networks() {
	local conf

	echo fairlead none
	for conf in /etc/cni/net.d/*.conflist /etc/cni/net.d/*.conf /etc/cni/net.d/*.json; do
		[[ -r $conf ]] || continue
		# The first "name" of a file is the network's, but for unusual order.
		sed -n 's/.*"name"[[:space:]]*:[[:space:]]*"\([A-Za-z0-9_.-]*\)".*/\1/p' "$conf" | head -n 1
	done
}

_netns_run_names() {
	"${COMP_WORDS[0]}" ls 2>/dev/null | awk 'NR > 1 {print $1}'
}

_netns_run_words() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

# Complete the command that starts at word $1, as its own completion does.
_netns_run_command() {
	if declare -F _command_offset >/dev/null; then
		_command_offset "$1"
	elif ((COMP_CWORD == $1)); then
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	else
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}

_netns_run_run() {
	local options='--network --publish --stack --mode --nic --ip --mac --name --dns --hostname --keep --cni-path --verbose --version --help'

	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--network)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -W "$(_netns_run_networks)" -- "$cur")
		;;
	--cni-path)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		;;
	--stack) _netns_run_words 'kernel user' ;;
	--mode) _netns_run_words 'hybrid full' ;;
	--nic) _netns_run_words bridge ;;
	--publish | -p | --ip | --mac | --name | --dns | --hostname) ;;
	*)
		if ((COMP_CWORD == 1)); then
			_netns_run_words "ls exec rm inspect -- $options"
		else
			_netns_run_words "-- $options"
		fi
		;;
	esac
}

_netns_run() {
	local cur=${COMP_WORDS[COMP_CWORD]} i

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == -- ]]; then
			_netns_run_command $((i + 1))
			return
		fi
	done
	if ((COMP_CWORD == 1)); then
		_netns_run_run
		return
	fi
	case ${COMP_WORDS[1]} in
	ls) _netns_run_words '--json --help' ;;
	exec)
		if ((COMP_CWORD == 2)) && [[ $cur == /* ]]; then
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		elif ((COMP_CWORD == 2)); then
			_netns_run_words "$(_netns_run_names) --help"
		else
			_netns_run_words --
		fi
		;;
	rm) _netns_run_words "$(_netns_run_names) --all --force --verbose --help" ;;
	inspect) _netns_run_words "$(_netns_run_names) --help" ;;
	*) _netns_run_run ;;
	esac
}

complete -F _netns_run netns-run
