# SPDX-License-Identifier: GPL-2.0-or-later
#
# bash completion for netstackctl(8)

_netstackctl_stacks() {
	"${COMP_WORDS[0]}" ls 2>/dev/null | awk 'NR > 1 {n = $NF; sub(/^\/(var\/)?run\/netns\//, "", n); print n}'
}

_netstackctl_words() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_netstackctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} word command='' options='--json --help' i

	COMPREPLY=()
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--write | -w)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--state)
		_netstackctl_words "ESTAB SYN-SENT SYN-RECV FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSE-WAIT LAST-ACK LISTEN CLOSING UNCONN CLOSED"
		return
		;;
	--count | -c | --seconds | --snaplen | -s | --interval | -i | --size) return ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word != -* ]]; then
			command=$word
			break
		fi
	done
	case $command in
	'')
		_netstackctl_words "ls status sockets programs counters drops neighbours routes addresses capture ping stop --json --version --help"
		return
		;;
	ls)
		_netstackctl_words "$options"
		return
		;;
	sockets) options+=' --tcp --udp --listening --ipv4 --ipv6 --state --info --processes' ;;
	counters | routes) options+=' --all' ;;
	capture) options='--write --count --seconds --snaplen --help' ;;
	ping) options+=' --count --interval --size' ;;
	esac
	_netstackctl_words "$(_netstackctl_stacks) $options"
}

complete -F _netstackctl netstackctl
