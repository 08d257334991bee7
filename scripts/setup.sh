#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# setup.sh [PACKAGE...]: installs what building needs and the named packages, as far as they are
# missing. Without a missing package it touches neither network nor system. Debian 12 or newer.
# While another program installs packages it waits for that, up to ten minutes.
set -eu

build="gcc g++ libc6-dev make cmake ninja-build pkgconf libbpf-dev libelf-dev zlib1g-dev clang-19
	bpftool libsystemd-dev"

installed()
{
	dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

if ! command -v dpkg-query >/dev/null; then
	echo "setup: not a Debian system; install by hand what is missing of: $build $*" >&2
	exit 0
fi

missing=""
for package in $build "$@"; do
	installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

cd "$(dirname "$0")"
apt="./apt.sh apt-get"
[ "$(id -u)" -eq 0 ] || apt="sudo $apt"
echo "setup: installing$missing"
# shellcheck disable=SC2086
{
	$apt update -qq
	$apt install -y -qq --no-install-recommends $missing
}
