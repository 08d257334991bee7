#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# test-libbpf.sh [SUITE]...: builds libbpf from the source packages of Debian suites (default:
# bookworm-backports and sid, which has the newest), each beside the system's, and builds and runs
# the tests with it: everything with libbpf.so, and programs that link both libraries statically.
set -euo pipefail

cd "$(dirname "$0")/.."
scripts/setup.sh libcmocka-dev make
cache=${XDG_CACHE_HOME:-$HOME/.cache}/libbpfring/libbpf
(($#)) || set -- bookworm-backports sid

# Installs it in $cache/SUITE, with a pkg-config file that lists what a static program needs too.
build_libbpf() # SUITE
{
	local root=$cache/$1 kind

	tests/vm/fetch.sh --source "$1" "$root/source" libbpf
	make -s -C "$root/source/src" -j2 PREFIX="$root/shared" LIBDIR="$root/shared/lib" install
	mkdir -p "$root/static/lib/pkgconfig"
	cp -a "$root/shared/include" "$root/static/"
	cp "$root/shared/lib/libbpf.a" "$root/static/lib/"
	sed "s,$root/shared,$root/static,g; s/^Libs:.*/& -lelf -lz/" \
		"$root/shared/lib/pkgconfig/libbpf.pc" >"$root/static/lib/pkgconfig/libbpf.pc"
}

for suite in "$@"; do
	[[ -e $cache/$suite/static/lib/pkgconfig/libbpf.pc ]] || build_libbpf "$suite"
	for kind in shared static; do
		export PKG_CONFIG_PATH=$cache/$suite/$kind/lib/pkgconfig
		build=build/libbpf-$suite-$kind
		echo "== libbpf $(pkg-config --modversion libbpf) of $suite, $kind"
		options=(-DCMAKE_BUILD_RPATH="$cache/$suite/shared/lib")
		labels='unit|kernel|compat|downstream|abi'
		[[ $kind == shared ]] || options=(-DBPFRING_BUILD_SHARED=OFF) labels='unit|kernel'
		cmake --preset dev -B "$build" "${options[@]}" >/dev/null
		cmake --build "$build"
		ctest --test-dir "$build" --output-on-failure -L "$labels"
	done
done
