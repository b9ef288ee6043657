#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# podman with its CNI backend on our plugins: a real client

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # inner shells; "run" sets them
bats_require_minimum_version 1.5.0
load lib/podman

setup_file() {
	podman_build
	podman_images
}

setup() {
	podman_setup
}

teardown() {
	podman_cleanup
}

@test "published ports: tcp, udp, a range, one host address" {
	service web tcp 80 -p 8080:80
	service dns udp 53 -p 5353:53/udp
	answers "web 192.0.2.2" out tcp 192.0.2.1 8080
	podman_gone
}
