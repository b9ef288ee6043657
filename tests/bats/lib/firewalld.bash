# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# firewalld.bash - a message bus and firewalld on the test's host, the real ones
#
#	load lib/common
#	load lib/firewalld
#	setup() { host_new; bus_start; firewalld_start; }
#	teardown() { host_gone; }
#
# Both run in the namespaces of the host, whose /run, /etc/firewalld and /var/log are its
# own, and die with the test.

# bus_conf ADDRESS: a system bus as Debian sets one up, but it starts no service.
bus_conf() {
	cat <<-END
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
		 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig>
		  <type>system</type>
		  <listen>$1</listen>
		  <auth>EXTERNAL</auth>
		  <policy context="default">
		    <allow user="*"/>
		    <deny own="*"/>
		    <deny send_type="method_call"/>
		    <allow send_type="signal"/>
		    <allow send_requested_reply="true" send_type="method_return"/>
		    <allow send_requested_reply="true" send_type="error"/>
		    <allow receive_type="method_call"/>
		    <allow receive_type="method_return"/>
		    <allow receive_type="error"/>
		    <allow receive_type="signal"/>
		    <allow send_destination="org.freedesktop.DBus"/>
		  </policy>
		  <include>/usr/share/dbus-1/system.d/FirewallD.conf</include>
		</busconfig>
	END
}

# daemon VAR COMMAND...: start it on the host, its pid goes into VAR.
daemon() {
	local var=$1
	shift
	nsenter --net --mount --target "$HOST" -- setpriv --pdeathsig KILL "$@" \
		>>"$BATS_TEST_TMPDIR/$var.log" 2>&1 3>&- &
	printf -v "$var" '%s' "$!"
	HELD+=("$!")
}

# bus_start [ADDRESS]: the bus listens there, as a rule where a system bus does.  Its pid is
# $BUS.
bus_start() {
	local address=${1:-unix:path=/run/dbus/system_bus_socket} line=
	local conf=$BATS_TEST_TMPDIR/bus.conf fifo=$BATS_TEST_TMPDIR/bus.fifo

	bus_conf "$address" >"$conf"
	host mkdir -p /run/dbus
	mkfifo "$fifo"
	# shellcheck disable=SC2016 # of the inner shell
	daemon BUS sh -c 'exec dbus-daemon --config-file="$1" --nofork --nopidfile \
		--print-address=9 9>"$2"' sh "$conf" "$fifo"
	# It prints its address when it listens.
	read -r -t 10 line <>"$fifo" || true
	rm "$fifo"
	[[ -n $line ]] || fail "no bus: $(<"$BATS_TEST_TMPDIR/BUS.log")"
}

# firewalld_start [LINE...]: with these lines in its configuration.  Its pid is $FIREWALLD.
firewalld_start() {
	host mount -t tmpfs tmpfs /etc/firewalld
	host mount -t tmpfs tmpfs /var/log
	printf '%s\n' "$@" | host tee /etc/firewalld/firewalld.conf >/dev/null
	firewalld_again
}

# firewalld_again: start it once more.  Its log tells every call.
firewalld_again() {
	daemon FIREWALLD firewalld --nofork --nopid --debug=1
	host gdbus wait --system --timeout 20 org.fedoraproject.FirewallD1 ||
		fail "no firewalld: $(<"$BATS_TEST_TMPDIR/FIREWALLD.log")"
	# It has its name before it is ready, and answers when it is.
	firewalld getDefaultZone >/dev/null
}

# end SIGNAL PID: end a daemon and wait for it.
end() {
	kill -"$1" "$2"
	wait "$2" || true
}

# firewalld MEMBER [ARG...]: call a method of it; prints the reply.
firewalld() {
	local member=$1 args=() arg
	shift

	for arg; do
		args+=("string:$arg")
	done
	host dbus-send --system --print-reply=literal --reply-timeout=20000 \
		--dest=org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 \
		"org.fedoraproject.FirewallD1.$member" "${args[@]}"
}

# sources ZONE: of a zone, sorted, on one line.
sources() {
	firewalld zone.getSources "$1" | tr -s '[] \n' '\n' | grep / | sort | paste -sd' '
}
