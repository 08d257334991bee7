#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# headers.sh INCLUDE_DIR: every public header compiles alone, and twice, as C11, C17 and C++17 with
# every compiler there is; each includes only what its layer allows.
set -eu

include=$1
flags="-fsyntax-only -Wall -Wextra -Wpedantic -Wconversion -Werror -I$include"
compiled=0
failed=0

compile() # COMPILER LANGUAGE STANDARD HEADER
{
	# Not used as system headers: those would be forgiven their warnings. The macro is expanded
	# here, outside of the header, as a program would do it.
	# shellcheck disable=SC2086
	if ! printf '#include <%s>\n#include <%s>\n%s\n' "$4" "$4" \
		'#include <bpfring/loop.h>
		size_t opts_size(void);
		size_t opts_size(void) { BPFRING_OPTS(bpfring_loop_opts, o); return o.sz; }' |
		"$1" $flags -x "$2" -std="$3" -; then
		echo "headers: $4 does not compile as $3 with $1" >&2
		failed=1
	fi
	compiled=$((compiled + 1))
}

for path in "$include"/bpfring/*.h; do
	header=bpfring/$(basename "$path")
	for suffix in "" -14 -15 -16 -17 -18 -19 -20; do
		if command -v "clang$suffix" >/dev/null; then
			compile "clang$suffix" c c11 "$header"
			compile "clang$suffix" c++ c++17 "$header"
		fi
	done
	for cc in gcc cc; do
		if command -v "$cc" >/dev/null; then
			compile "$cc" c c11 "$header"
			compile "$cc" c c17 "$header"
		fi
	done
	for cxx in g++ c++; do
		if command -v "$cxx" >/dev/null; then
			compile "$cxx" c++ c++17 "$header"
			compile "$cxx" c++ c++20 "$header"
		fi
	done
done
[ "$compiled" -gt 0 ] || { echo "headers: no compiler found" >&2; exit 1; }

# Layers: a header includes the C library and those named here, nothing else.
allow() # HEADER PATTERN
{
	if sed -n 's/^#include [<"]\(.*\)[>"].*/\1/p' "$include/bpfring/$1" | grep -vxE "$2"; then
		echo "headers: $1 must not include that" >&2
		failed=1
	fi
}

libc='errno\.h|stdarg\.h|stddef\.h|stdint\.h|string\.h'
allow ring.h "$libc"
allow common.h "$libc"
allow consumer.h "$libc|bpfring/(common|ring)\.h"
allow user_ring_states.h "bpfring/ring\.h"
allow user_ring.h "bpfring/user_ring_states\.h"
allow producer.h "$libc|bpfring/(common|user_ring)\.h"
allow producer_wait.h "bpfring/producer\.h"
allow recovery.h "bpfring/common\.h"
allow loop.h "$libc|bpfring/(common|ring|consumer)\.h"

# Every struct that programs are compiled with has its layout written down.
layout=$(dirname "$0")/layout.c
# shellcheck disable=SC2013
for name in $(sed -n 's/^struct \(bpfring_[a-z_]*\) {$/\1/p' "$include"/bpfring/*.h); do
	if ! grep -q "LAYOUT_STRUCT(struct $name," "$layout"; then
		echo "headers: struct $name is not in $layout" >&2
		failed=1
	fi
done

echo "headers: $compiled compilations"
exit $failed
