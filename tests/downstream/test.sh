#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# test.sh KIND SOURCE_DIR BUILD_DIR WORK_DIR: builds and runs programs that use libbpfring as their
# authors would. KIND: install (first), pkg_config, pkg_config_static, find_package,
# add_subdirectory, makefile.
set -eu

kind=$1 source=$2 build=$3 work=$4
here=$source/tests/downstream
prefix=$work/prefix
: "${CC:=cc}"

# Finds the installed library, as ldconfig would after an installation into the system.
libdir=$(dirname "$(find "$prefix" -name 'libbpfring.so' 2>/dev/null || true)")
export LD_LIBRARY_PATH="$libdir"
export PKG_CONFIG_PATH="$libdir/pkgconfig"
flags="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"

fail()
{
	echo "downstream: $*" >&2
	exit 1
}

run_all() # DIRECTORY: every program that was built there
{
	count=0
	for program in "$1"/consumer_*; do
		if [ ! -x "$program" ] || [ -d "$program" ]; then
			continue
		fi
		"$program" || fail "$program failed"
		count=$((count + 1))
	done
	[ "$count" -ge "$2" ] || fail "$count programs were built, not $2"
}

serves_rings() # PROGRAM: its ring calls are ours, not those of libbpf
{
	nm "$1" | grep -q ' T ring_buffer__poll' || fail "$1 takes ring_buffer__poll from libbpf.so"
	nm "$1" | grep -q ' ringbuf_process_ring' && fail "$1 has libbpf's ring buffers in it"
	return 0
}

case $kind in
install)
	rm -rf "$work"
	cmake --install "$build" --prefix "$prefix" >/dev/null
	;;
pkg_config)
	mkdir -p "$work/pkg_config"
	# shellcheck disable=SC2046,SC2086
	"$CC" -std=c11 $flags "$here/consumer.c" -o "$work/pkg_config/consumer_shared" \
		$(pkg-config --cflags --libs bpfring)
	readelf -d "$work/pkg_config/consumer_shared" | grep -q 'NEEDED.*libbpfring\.so\.0\.1\]' ||
		fail "does not ask for libbpfring.so.0.1"
	readelf -d "$work/pkg_config/consumer_shared" | grep -q 'NEEDED.*libbpf\.' &&
		fail "the shared library passes libbpf on"
	# shellcheck disable=SC2046,SC2086
	"$CC" -std=c11 $flags "$here/compat.c" -o "$work/pkg_config/consumer_compat" \
		$(pkg-config --cflags --libs bpfring-compat libbpf)
	serves_rings "$work/pkg_config/consumer_compat"
	# shellcheck disable=SC2046,SC2086
	"$CC" -std=c11 $flags "$here/tap.c" -o "$work/pkg_config/consumer_tap" \
		$(pkg-config --cflags --libs bpfring-observe)
	readelf -d "$work/pkg_config/consumer_tap" |
		grep -q 'NEEDED.*libbpfring-observe\.so\.0\.1\]' ||
		fail "does not ask for libbpfring-observe.so.0.1"
	run_all "$work/pkg_config" 3
	;;
pkg_config_static)
	mkdir -p "$work/pkg_config_static"
	# shellcheck disable=SC2046,SC2086
	"$CC" -std=c11 $flags -static "$here/consumer.c" \
		-o "$work/pkg_config_static/consumer_static" \
		$(pkg-config --static --cflags --libs bpfring)
	# shellcheck disable=SC2046,SC2086
	"$CC" -std=c11 $flags -static "$here/compat.c" \
		-o "$work/pkg_config_static/consumer_compat" \
		$(pkg-config --static --cflags --libs bpfring-compat libbpf)
	serves_rings "$work/pkg_config_static/consumer_compat"
	# shellcheck disable=SC2046,SC2086
	"$CC" -std=c11 $flags -static "$here/tap.c" \
		-o "$work/pkg_config_static/consumer_tap" \
		$(pkg-config --static --cflags --libs bpfring-observe)
	run_all "$work/pkg_config_static" 3
	;;
find_package)
	cmake -S "$here/find_package" -B "$work/find_package" -DCMAKE_PREFIX_PATH="$prefix" \
		-DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags"
	cmake --build "$work/find_package"
	serves_rings "$work/find_package/consumer_compat"
	run_all "$work/find_package" 7
	;;
add_subdirectory)
	cmake -S "$here/add_subdirectory" -B "$work/add_subdirectory" \
		-DBPFRING_SOURCE_DIR="$source" -DCMAKE_C_FLAGS="$flags"
	cmake --build "$work/add_subdirectory" -j2
	run_all "$work/add_subdirectory" 2
	cmake --install "$work/add_subdirectory" --prefix "$work/other" >/dev/null
	[ ! -e "$work/other/include" ] || fail "installs itself as part of another project"
	;;
makefile)
	rm -rf "$work/makefile"
	cp -r "$source/examples/minimal" "$work/makefile"
	make -C "$work/makefile" CFLAGS="-O2 -Wall -Wextra -Werror" # the skeleton bears no more
	[ -x "$work/makefile/minimal" ] || fail "make built nothing"
	readelf -d "$work/makefile/minimal" | grep -q 'NEEDED.*libbpfring.so' || fail "not linked"
	make -q -C "$work/makefile" || fail "what was built is to be built again"
	touch -d '+1 hour' "$work/makefile/minimal.h"
	! make -q -C "$work/makefile" || fail "a header that changed is not noticed"
	make -C "$work/makefile" clean
	diff -r "$source/examples/minimal" "$work/makefile" || fail "clean leaves something"
	;;
*)
	fail "no such kind: $kind"
	;;
esac
