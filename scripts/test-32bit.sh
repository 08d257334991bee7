#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# test-32bit.sh [CTEST-OPTION...]: builds the library and its tests for 32-bit x86 and runs them, on
# this machine's 64-bit kernel. Takes Debian 12's 32-bit libraries beside the system's.
set -euo pipefail

cd "$(dirname "$0")/.."
scripts/setup.sh gcc-multilib
root=${XDG_CACHE_HOME:-$HOME/.cache}/libbpfring/i386
libraries=$root/usr/lib/i386-linux-gnu:$root/lib/i386-linux-gnu
if [[ ! -e $root ]]; then
	tests/vm/fetch.sh --packages bookworm i386 "$root" libbpf1 libbpf-dev libelf1 libelf-dev \
		zlib1g zlib1g-dev libcmocka0 libcmocka-dev
fi

rpath=-Wl,--disable-new-dtags,-rpath,$libraries
export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/usr/lib/i386-linux-gnu/pkgconfig
cmake --preset dev -B build/32bit -DCMAKE_C_FLAGS=-m32 \
	-DCMAKE_EXE_LINKER_FLAGS="$rpath -Wl,-rpath-link,$libraries" \
	-DCMAKE_SHARED_LINKER_FLAGS="-Wl,-rpath-link,$libraries" \
	-DBPFRING_BUILD_EXAMPLES=OFF -DBPFRING_BUILD_BENCH=OFF -DBPFRING_BUILD_TOOLS=OFF >/dev/null
cmake --build build/32bit
(($#)) || set -- -L "unit|kernel"
exec ctest --test-dir build/32bit --output-on-failure "$@"
