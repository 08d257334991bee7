#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# headers.sh INCLUDE_DIR: every public header compiles alone, and twice, in all the languages that
# programs are written in, with every compiler there is and without a warning; each includes only
# what its layer allows.
set -eu

include=$1
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wundef -Wcast-qual"
warnings="$warnings -Wcast-align -Wredundant-decls -Wswitch-enum"
for_c="-Wstrict-prototypes -Wmissing-prototypes -Wdeclaration-after-statement -Wc++-compat"
compiled=0
failed=0

compile() # COMPILER LANGUAGE STANDARD
{
	more=""
	[ "$2" != c ] || more=$for_c
	for path in "$include"/bpfring/*.h; do
		header=bpfring/$(basename "$path")
		compiled=$((compiled + 1))
		# Not used as system headers: those would be forgiven their warnings. The macro is
		# expanded here, outside of the header, as a program would do it.
		# shellcheck disable=SC2086
		if ! printf '#include <%s>\n#include <%s>\n%s\n' "$header" "$header" \
			'#include <bpfring/loop.h>
			size_t opts_size(void);
			size_t opts_size(void)
			{ BPFRING_OPTS(bpfring_loop_opts, o); return o.sz; }' |
			"$1" -fsyntax-only -Werror $warnings $more -I"$include" -x "$2" \
				-std="$3" -; then
			echo "headers: $header does not compile as $3 with $1" >&2
			failed=1
		fi
	done
}

seen=" "
for cc in cc gcc clang clang-14 clang-15 clang-16 clang-17 clang-18 clang-19 clang-20 clang-21 \
	clang-22; do
	path=$(command -v "$cc") || continue
	path=$(readlink -f "$path")
	case $seen in *" $path "*) continue ;; esac # another name of one that was there
	seen="$seen$path "
	for standard in gnu99 c11 c17; do
		compile "$cc" c "$standard"
	done
done
for cxx in c++ g++ clang++ clang++-14 clang++-15 clang++-16 clang++-17 clang++-18 clang++-19 \
	clang++-20 clang++-21 clang++-22; do
	path=$(command -v "$cxx") || continue
	path=$(readlink -f "$path")++ # clang++ is clang by another name, and the name counts
	case $seen in *" $path "*) continue ;; esac
	seen="$seen$path "
	for standard in c++17 c++20; do
		compile "$cxx" c++ "$standard"
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
allow ring_words.h "$libc"
allow ring.h "$libc|bpfring/(common|ring_words)\.h"
allow common.h "$libc"
allow consumer.h "$libc|bpfring/(common|ring)\.h"
allow user_ring.h "bpfring/(common|ring)\.h"
allow producer.h "$libc|bpfring/(common|user_ring)\.h"
allow producer_wait.h "bpfring/producer\.h"
allow producer_recovery.h "bpfring/common\.h"
allow view.h "bpfring/common\.h"
allow tap.h "bpfring/(common|consumer)\.h"
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
